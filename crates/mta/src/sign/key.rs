//! Private keys for signatures: opened from PEM, and made anew.

use std::sync::Arc;

use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::encoding::{AsDer, Pkcs8V1Der, PublicKeyX509Der};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair, RSA_PKCS1_SHA256, RsaKeyPair};
use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use policy::signing::{SigningAlgorithm, SigningKey};
use rustls_pki_types::PrivateKeyDer;
use rustls_pki_types::pem::PemObject;

/// Characters of a line in a PEM text (RFC 7468 section 2).
const PEM_LINE_CHARS: usize = 64;

struct Ed25519(Ed25519KeyPair);
struct Rsa(RsaKeyPair);

/// Which kind of key is made.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum NewKey {
    /// Short, quick, and not understood by everybody: to be used beside RSA.
    Ed25519,
    /// 2048 bits, understood by everybody.
    Rsa2048,
}

/// Opens a private key in PEM form: PKCS#8, or PKCS#1 for RSA. Says why it is none, never what it holds.
pub fn open(pem: &str) -> Result<Arc<dyn SigningKey>, String> {
    let der = PrivateKeyDer::from_pem_slice(pem.as_bytes())
        .map_err(|_| "it is no private key in PEM form (PKCS#8 or PKCS#1)".to_owned())?;
    let refused = |what: &str, why: &dyn std::fmt::Display| format!("it is no usable {what} key: {why}");
    match &der {
        PrivateKeyDer::Pkcs1(der) => match RsaKeyPair::from_der(der.secret_pkcs1_der()) {
            Ok(key) => Ok(Arc::new(Rsa(key))),
            Err(error) => Err(refused("RSA", &error)),
        },
        PrivateKeyDer::Pkcs8(der) => {
            if let Ok(key) = Ed25519KeyPair::from_pkcs8_maybe_unchecked(der.secret_pkcs8_der()) {
                return Ok(Arc::new(Ed25519(key)));
            }
            match RsaKeyPair::from_pkcs8(der.secret_pkcs8_der()) {
                Ok(key) => Ok(Arc::new(Rsa(key))),
                Err(error) => Err(refused("Ed25519 or RSA", &error)),
            }
        }
        _ => Err("it is of a kind that DKIM does not know; Ed25519 and RSA are known".to_owned()),
    }
}

/// Makes a new private key, as PEM.
pub fn generate(kind: NewKey) -> Result<String, String> {
    let failed = |_| "the system cannot make a key".to_owned();
    let der = match kind {
        NewKey::Ed25519 => {
            Ed25519KeyPair::generate_pkcs8v1(&SystemRandom::new()).map_err(failed)?.as_ref().to_vec()
        }
        NewKey::Rsa2048 => {
            let key = RsaKeyPair::generate(KeySize::Rsa2048).map_err(failed)?;
            AsDer::<Pkcs8V1Der<'_>>::as_der(&key).map_err(failed)?.as_ref().to_vec()
        }
    };
    let mut pem = String::from("-----BEGIN PRIVATE KEY-----\n");
    let text = BASE64.encode(der);
    for line in text.as_bytes().chunks(PEM_LINE_CHARS) {
        pem.extend(line.iter().map(|byte| char::from(*byte)));
        pem.push('\n');
    }
    pem.push_str("-----END PRIVATE KEY-----\n");
    Ok(pem)
}

impl SigningKey for Ed25519 {
    fn algorithm(&self) -> SigningAlgorithm {
        SigningAlgorithm::Ed25519
    }

    /// RFC 8463 section 3: what is signed is the hash.
    fn sign(&self, signed: &[u8]) -> Result<Vec<u8>, String> {
        Ok(self.0.sign(digest(&SHA256, signed).as_ref()).as_ref().to_vec())
    }

    /// RFC 8463 section 4.2: the 32 bytes alone.
    fn public_key(&self) -> Vec<u8> {
        self.0.public_key().as_ref().to_vec()
    }
}

impl SigningKey for Rsa {
    fn algorithm(&self) -> SigningAlgorithm {
        SigningAlgorithm::Rsa { bits: self.0.public_modulus_len() * 8 }
    }

    fn sign(&self, signed: &[u8]) -> Result<Vec<u8>, String> {
        let mut signature = vec![0; self.0.public_modulus_len()];
        let made = self.0.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), signed, &mut signature);
        made.map_err(|_| "the key cannot sign".to_owned())?;
        Ok(signature)
    }

    fn public_key(&self) -> Vec<u8> {
        let der = AsDer::<PublicKeyX509Der<'_>>::as_der(self.0.public_key());
        der.map(|der| der.as_ref().to_vec()).unwrap_or_default()
    }
}
