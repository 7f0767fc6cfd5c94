//! Is this message signed as ours, and with which keys?

use std::fmt;
use std::sync::Arc;

use mail::Domain;

use crate::authenticity::Client;
use crate::configuration::Configuration;
use crate::expr::{Interrupt, LookupAnswers, Scene, Value};
use crate::outcome::{Scope, Trouble, TroubleKind};
use crate::route::Choice;
use crate::settings::DkimSignature;

/// Bits of an RSA key at least (RFC 8301 section 3.2).
pub const RSA_BITS_MIN: usize = 1024;
/// Bits of an RSA key that one should have at least.
pub const RSA_BITS_GOOD: usize = 2048;
/// Bits of an RSA key at most that every verifier must take (RFC 8301 section 3.2).
pub const RSA_BITS_MAX: usize = 4096;
/// Signatures of one message at most.
pub const SIGNATURES_MAX: usize = 4;

/// With which algorithm a key signs.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum SigningAlgorithm {
    /// RFC 8463.
    Ed25519,
    /// RFC 6376 section 3.3.1, with a modulus of so many bits.
    Rsa {
        /// Bits of the modulus.
        bits: usize,
    },
}

impl SigningAlgorithm {
    /// As the tag `a=` writes it.
    pub fn name(self) -> &'static str {
        match self {
            SigningAlgorithm::Ed25519 => "ed25519-sha256",
            SigningAlgorithm::Rsa { .. } => "rsa-sha256",
        }
    }
}

/// A private key, ready to sign. How it does so is not a matter of decisions.
pub trait SigningKey: Send + Sync {
    /// What it signs with.
    fn algorithm(&self) -> SigningAlgorithm;
    /// The signature of these bytes.
    fn sign(&self, signed: &[u8]) -> Result<Vec<u8>, String>;
    /// What the tag `p=` of the DNS record holds, before base64.
    fn public_key(&self) -> Vec<u8>;
}

/// Opens a private key from its text, or says why it is none.
pub type OpenKey = fn(&str) -> Result<Arc<dyn SigningKey>, String>;

/// A `DkimSignature` with its key.
#[derive(Clone)]
pub struct Signer {
    /// The settings.
    pub settings: DkimSignature,
    /// What is covered.
    pub fields: mail::dkim::SignedFields,
    /// The key.
    pub key: Arc<dyn SigningKey>,
}

impl fmt::Debug for Signer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Signer").field("settings", &self.settings).finish_non_exhaustive()
    }
}

/// The domain that signs what this client sends; none if it is not signed. Only ask for clients that may send to
/// anywhere: a stranger's mail is never signed as ours.
pub fn signing_domain(
    configuration: &Configuration,
    client: &Client<'_>,
    answers: &LookupAnswers,
) -> Choice<Option<Domain>> {
    if configuration.signers.is_empty() {
        return Choice::Decided(None);
    }
    let scene = Scene { variables: client, surroundings: configuration, answers };
    match configuration.sender_auth.dkim_sign_domain.evaluate(scene) {
        Ok((_, Some(Value::Text(name)))) if !name.is_empty() => Choice::Decided(Domain::parse(&name).ok()),
        Ok(_) => Choice::Decided(None),
        Err((_, Interrupt::Needs(lookup))) => Choice::Needs(vec![*lookup]),
        Err((place, Interrupt::Failed(reason))) => {
            let text = format!("SenderAuthSettings dkimSignDomain.{place}: {reason}");
            Choice::Undecidable(Trouble::new(Scope::Message, TroubleKind::Io, (4, 3, 5), text))
        }
    }
}

/// What signs mail of this domain, in the order of the objects' names.
pub fn signers<'c>(configuration: &'c Configuration, domain: &Domain) -> &'c [Arc<Signer>] {
    configuration.signers.get(domain).map_or(&[], Vec::as_slice)
}
