//! Does the certificate of a host match its TLSA records? RFC 7671 sections 5.1 and 5.2, RFC 7672 section 3.

use std::sync::{Arc, OnceLock};

use aws_lc_rs::digest::{SHA256, SHA512, digest};
use policy::dane::{self, Binding};
use policy::dns::TlsaRecord;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::CryptoProvider;
use rustls::pki_types::{CertificateDer, ServerName, SubjectPublicKeyInfoDer, TrustAnchor, UnixTime};
use rustls::{DigitallySignedStruct, SignatureScheme};
use webpki::{EndEntityCert, KeyUsage, RawPublicKeyEntity, anchor_from_trusted_cert};
use x509_parser::certificate::X509Certificate;
use x509_parser::prelude::FromDer;
use x509_parser::time::ASN1Time;

use super::verifiers::{check_clock, refusal};

/// Certificates of a chain that are looked at.
const CHAIN_MAX: usize = 16;

/// None of the records matches.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("the certificate matches none of the TLSA records")]
pub(super) struct NoMatch;

/// Believes a host whose certificate matches; made for one handshake.
#[derive(Debug)]
pub(super) struct Verifier {
    pub(super) binding: Arc<Binding>,
    pub(super) provider: Arc<CryptoProvider>,
    /// Usage, selector and matching type of the record that matched.
    pub(super) matched: OnceLock<String>,
}

impl Verifier {
    fn find(
        &self,
        leaf: &CertificateDer<'_>,
        chain: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<&TlsaRecord, rustls::Error> {
        let records = &self.binding.records;
        let of_leaf = |record: &&TlsaRecord| record.usage == dane::END_ENTITY && matches(record, leaf);
        // Neither name nor dates count here: the record itself says that this is the host, now.
        if let Some(record) = records.iter().find(of_leaf) {
            return Ok(record);
        }
        let mut anchors = records.iter().filter(|record| record.usage == dane::TRUST_ANCHOR).peekable();
        if anchors.peek().is_none() {
            return Err(refusal(NoMatch));
        }
        check_clock(now)?;
        let path = Path {
            leaf,
            chain: &chain[..chain.len().min(CHAIN_MAX)],
            names: &self.binding.names,
            now,
            provider: &self.provider,
        };
        anchors.find(|record| path.leads_to(record)).ok_or_else(|| refusal(NoMatch))
    }
}

/// Whether the part of the certificate that the record names is what it says.
fn matches(record: &TlsaRecord, certificate: &CertificateDer<'_>) -> bool {
    match record.selector {
        dane::WHOLE => matches_bytes(record, certificate),
        dane::KEY => public_key(certificate).is_some_and(|key| matches_bytes(record, key)),
        _ => false,
    }
}

fn matches_bytes(record: &TlsaRecord, bytes: &[u8]) -> bool {
    match record.matching {
        dane::EXACT => record.data == bytes,
        dane::SHA_256 => record.data == digest(&SHA256, bytes).as_ref(),
        dane::SHA_512 => record.data == digest(&SHA512, bytes).as_ref(),
        _ => false,
    }
}

/// The SubjectPublicKeyInfo, also of certificates that are odd otherwise.
fn public_key<'a>(certificate: &'a CertificateDer<'_>) -> Option<&'a [u8]> {
    let (_, parsed) = X509Certificate::from_der(certificate).ok()?;
    Some(parsed.tbs_certificate.subject_pki.raw)
}

/// The way from the host's certificate up.
struct Path<'a> {
    leaf: &'a CertificateDer<'a>,
    chain: &'a [CertificateDer<'a>],
    names: &'a [String],
    now: UnixTime,
    provider: &'a CryptoProvider,
}

impl Path<'_> {
    /// Whether it holds up to an authority that the record names. The leaf itself is none.
    fn leads_to(&self, record: &TlsaRecord) -> bool {
        let named = self.chain.iter().filter(|certificate| matches(record, certificate));
        named.into_iter().any(|certificate| self.holds_to_certificate(certificate))
            || record.selector == dane::KEY
                && record.matching == dane::EXACT
                && self.holds_to_key(&record.data)
    }

    /// webpki takes an anchor at its word, so what holds for an issuer is looked at here.
    fn holds_to_certificate(&self, anchor: &CertificateDer<'_>) -> bool {
        let Ok((_, parsed)) = X509Certificate::from_der(anchor) else { return false };
        let may_sign = parsed.key_usage().ok().flatten().is_none_or(|usage| usage.value.key_cert_sign());
        let constraints = parsed.basic_constraints().ok().flatten();
        let Some(constraints) = constraints.map(|extension| extension.value).filter(|found| found.ca) else {
            return false;
        };
        let dated = i64::try_from(self.now.as_secs()).ok().and_then(|now| ASN1Time::from_timestamp(now).ok());
        let is_current = dated.is_some_and(|now| parsed.validity().is_valid_at(now));
        let length_max = constraints.path_len_constraint.map_or(usize::MAX, |length| length as usize);
        let Ok(anchor) = anchor_from_trusted_cert(anchor) else { return false };
        may_sign && is_current && self.holds(&anchor).is_some_and(|length| length <= length_max)
    }

    /// A key without a certificate: it may be that of whoever signed any certificate of the chain.
    fn holds_to_key(&self, key: &[u8]) -> bool {
        let Some(key) = without_header(key) else { return false };
        let issuers = std::iter::once(self.leaf).chain(self.chain).filter_map(|certificate| {
            let (_, parsed) = X509Certificate::from_der(certificate).ok()?;
            Some(without_header(parsed.issuer().as_raw())?.to_vec())
        });
        issuers.into_iter().any(|issuer| {
            let anchor = TrustAnchor {
                subject: issuer.as_slice().into(),
                subject_public_key_info: key.into(),
                name_constraints: None,
            };
            self.holds(&anchor).is_some()
        })
    }

    /// How many certificates stand between leaf and anchor, if each is signed by the next, and the leaf bears one of
    /// the names.
    fn holds(&self, anchor: &TrustAnchor<'_>) -> Option<usize> {
        let leaf = EndEntityCert::try_from(self.leaf).ok()?;
        let names = self.names.iter().filter_map(|name| ServerName::try_from(name.as_str()).ok());
        names.into_iter().find(|name| leaf.verify_is_valid_for_subject_name(name).is_ok())?;
        let algorithms = self.provider.signature_verification_algorithms.all;
        let anchors = std::slice::from_ref(anchor);
        let usage = KeyUsage::server_auth();
        let path =
            leaf.verify_for_usage(algorithms, anchors, self.chain, self.now, usage, None, None).ok()?;
        Some(path.intermediate_certificates().count())
    }
}

/// The content of a DER sequence, which is how webpki wants names and keys.
fn without_header(der: &[u8]) -> Option<&[u8]> {
    let (&tag, rest) = der.split_first()?;
    let (&first, rest) = rest.split_first()?;
    if tag != 0x30 {
        return None;
    }
    let (length, content) = match first {
        0..=0x7f => (usize::from(first), rest),
        0x81..=0x83 => {
            let (bytes, content) = rest.split_at_checked(usize::from(first & 0x7f))?;
            (bytes.iter().fold(0, |length, byte| length << 8 | usize::from(*byte)), content)
        }
        _ => return None,
    };
    (content.len() == length).then_some(content)
}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        let record = self.find(end_entity, intermediates, now)?;
        let _ = self.matched.set(record.parameters());
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.verify_signature(message, certificate, signed)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        let key = public_key(certificate).ok_or_else(|| refusal(NoMatch))?;
        let key = SubjectPublicKeyInfoDer::from(key);
        rustls::crypto::verify_tls13_signature_with_raw_key(message, &key, signed, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}

impl Verifier {
    /// By the public key alone: the certificate may be one that webpki refuses to read.
    fn verify_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let key = public_key(certificate).ok_or_else(|| refusal(NoMatch))?;
        let key = SubjectPublicKeyInfoDer::from(key);
        let entity = RawPublicKeyEntity::try_from(&key).map_err(|_| refusal(NoMatch))?;
        let mapping = self.provider.signature_verification_algorithms.mapping;
        let fitting =
            mapping.iter().find(|(scheme, _)| *scheme == signed.scheme).map(|(_, fitting)| *fitting);
        let holds = fitting
            .unwrap_or(&[])
            .iter()
            .any(|one| entity.verify_signature(*one, message, signed.signature()).is_ok());
        if holds {
            Ok(HandshakeSignatureValid::assertion())
        } else {
            Err(rustls::Error::InvalidCertificate(rustls::CertificateError::BadSignature))
        }
    }
}

#[cfg(test)]
mod tests;
