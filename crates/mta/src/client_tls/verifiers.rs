//! Who is believed to be the host: those whom the roots vouch for, anybody, or nobody.

use std::sync::Arc;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::CryptoProvider;
use rustls::{CertificateError, DigitallySignedStruct, OtherError, SignatureScheme};
use rustls_pki_types::{CertificateDer, ServerName, UnixTime};

/// Before this the clock is wrong: this program did not exist yet. 2026-11-01, in seconds since 1970.
const CLOCK_MIN: u64 = 1_793_491_200;

/// The machine's clock cannot be right.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("the clock of this machine is wrong, so that no certificate can be judged")]
pub(super) struct ClockIsWrong;

/// Fails if no certificate can be judged by this time.
pub(super) fn check_clock(now: UnixTime) -> Result<(), rustls::Error> {
    if now.as_secs() < CLOCK_MIN { Err(refusal(ClockIsWrong)) } else { Ok(()) }
}

/// A refusal of a certificate for a reason of our own.
pub(super) fn refusal(why: impl std::error::Error + Send + Sync + 'static) -> rustls::Error {
    rustls::Error::InvalidCertificate(CertificateError::Other(OtherError(Arc::new(why))))
}

/// Verifies as `inner` does, while the clock is right.
#[derive(Debug)]
pub(super) struct Dated {
    pub(super) inner: Arc<dyn ServerCertVerifier>,
}

impl ServerCertVerifier for Dated {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        check_clock(now)?;
        self.inner.verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now)
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.inner.verify_tls12_signature(message, certificate, signed)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.inner.verify_tls13_signature(message, certificate, signed)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.inner.supported_verify_schemes()
    }
}

/// Believes everybody or nobody.
///
/// Where everybody is believed, the handshake's signature is not looked at either: it would prove that the peer holds
/// the key of a certificate that proves nothing, and refuse keys too short or too odd to be read.
#[derive(Debug)]
pub(super) struct Indifferent {
    pub(super) provider: Arc<CryptoProvider>,
    pub(super) accepts: bool,
}

impl Indifferent {
    fn answer<T>(&self, yes: T) -> Result<T, rustls::Error> {
        if self.accepts {
            Ok(yes)
        } else {
            Err(rustls::Error::InvalidCertificate(CertificateError::UnknownIssuer))
        }
    }
}

impl ServerCertVerifier for Indifferent {
    fn verify_server_cert(
        &self,
        _end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        self.answer(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _message: &[u8],
        _certificate: &CertificateDer<'_>,
        _signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.answer(HandshakeSignatureValid::assertion())
    }

    fn verify_tls13_signature(
        &self,
        _message: &[u8],
        _certificate: &CertificateDer<'_>,
        _signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.answer(HandshakeSignatureValid::assertion())
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use rustls::crypto::aws_lc_rs;

    use super::*;

    // proves: B5
    #[test]
    fn no_certificate_is_judged_by_a_clock_before_the_build() {
        let provider = Arc::new(aws_lc_rs::default_provider());
        let dated = Dated { inner: Arc::new(Indifferent { provider, accepts: true }) };
        let name = ServerName::try_from("mx.example.org").expect("valid");
        let at = |seconds| {
            let now = UnixTime::since_unix_epoch(Duration::from_secs(seconds));
            dated.verify_server_cert(&CertificateDer::from(Vec::new()), &[], &name, &[], now)
        };
        assert!(at(CLOCK_MIN).is_ok());
        for seconds in [0, CLOCK_MIN - 1] {
            let refused = at(seconds).expect_err("refused").to_string();
            assert!(refused.contains("ClockIsWrong"), "{refused}");
        }
    }
}
