//! Signs content as ours: the `DKIM-Signature` fields that stand before it (RFC 6376, RFC 8463).

mod hash;
mod key;

use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use mail::canonical::Canonicalization;
use mail::dkim::Unsigned;
use mail::{Domain, Timestamp, header};
use policy::Configuration;
use policy::signing::{Signer, SigningAlgorithm, signers};
use tokio::sync::Semaphore;

pub(crate) use self::hash::BodyHash;
pub use self::key::{NewKey, generate, open};

/// Messages at most that are signed with RSA at once: with more, the threads would only take turns.
const SLOW_AT_ONCE_MAX: usize = 16;
static SLOW: Semaphore = Semaphore::const_new(SLOW_AT_ONCE_MAX);

/// The fields that sign this content as the domain's; nothing if no `DkimSignature` of that domain is enabled.
///
/// To be put before the content, once: every attempt on every route sends the same signature.
pub async fn sign(configuration: &Configuration, domain: &Domain, content: &[u8], now: Timestamp) -> Vec<u8> {
    let signers = signers(configuration, domain);
    if signers.is_empty() {
        return Vec::new();
    }
    let (message_header, body) = split(content);
    let mut signing = Signing::begin(signers);
    signing.body(body);
    signing.finish(message_header.to_vec(), now).await
}

/// Header and body; the empty line between them belongs to neither.
fn split(content: &[u8]) -> (&[u8], &[u8]) {
    let (message_header, rest) = content.split_at(header::header_end(content));
    let body = rest.strip_prefix(b"\r\n").or_else(|| rest.strip_prefix(b"\n")).unwrap_or(rest);
    (message_header, body)
}

/// Signatures in the making, while the body streams by.
pub(crate) struct Signing {
    signers: Vec<Arc<Signer>>,
    /// One for each canonical form of the body that a signer asks for.
    hashes: Vec<(Canonicalization, BodyHash)>,
}

impl Signing {
    /// Before the body.
    pub(crate) fn begin(signers: &[Arc<Signer>]) -> Self {
        let mut hashes: Vec<(Canonicalization, BodyHash)> = Vec::with_capacity(1);
        for signer in signers {
            let how = signer.settings.canonicalization.body;
            if !hashes.iter().any(|(known, _)| *known == how) {
                hashes.push((how, BodyHash::begin(how)));
            }
        }
        Signing { signers: signers.to_vec(), hashes }
    }

    /// A piece of the body.
    pub(crate) fn body(&mut self, bytes: &[u8]) {
        for (_, hash) in &mut self.hashes {
            hash.push(bytes);
        }
    }

    /// The fields. A key that cannot sign gives none: the message goes out without, and the log says so.
    pub(crate) async fn finish(self, message_header: Vec<u8>, now: Timestamp) -> Vec<u8> {
        let is_slow = |signer: &Arc<Signer>| matches!(signer.key.algorithm(), SigningAlgorithm::Rsa { .. });
        let slow = self.signers.iter().any(is_slow);
        let make = move || {
            let finish = |(how, hash): (Canonicalization, BodyHash)| (how, BASE64.encode(hash.finish()));
            let hashes: Vec<_> = self.hashes.into_iter().map(finish).collect();
            let fields = self.signers.iter().map(|signer| field(signer, &message_header, &hashes, now));
            fields.collect::<Vec<_>>().concat()
        };
        if !slow {
            return make();
        }
        let _permit = SLOW.acquire().await;
        tokio::task::spawn_blocking(make).await.unwrap_or_default()
    }
}

fn field(
    signer: &Signer,
    message_header: &[u8],
    hashes: &[(Canonicalization, String)],
    now: Timestamp,
) -> Vec<u8> {
    let settings = &signer.settings;
    let how = settings.canonicalization.body;
    let signed_at = now.as_millis() / 1000;
    let unsigned = Unsigned {
        algorithm: signer.key.algorithm().name(),
        canonicalization: settings.canonicalization,
        domain: &settings.domain,
        selector: settings.selector.as_str(),
        signed_at,
        expires_at: settings.expire.map(|expire| signed_at.saturating_add(expire.as_secs().max(1))),
        fields: &signer.fields,
        body_hash: hashes.iter().find(|(known, _)| *known == how).map_or("", |(_, hash)| hash),
    };
    let draft = unsigned.draft(message_header);
    match signer.key.sign(&draft.signed) {
        Ok(signature) => draft.finish(&BASE64.encode(signature)),
        Err(error) => {
            tracing::error!(signature = settings.name, error, "cannot sign");
            Vec::new()
        }
    }
}

#[cfg(test)]
mod tests;
