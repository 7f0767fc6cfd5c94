//! Handshakes in memory.

use rcgen::CertifiedKey;
use rustls::HandshakeKind;
use rustls_pki_types::PrivatePkcs8KeyDer;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio_rustls::TlsAcceptor;

use super::*;

fn acceptor() -> TlsAcceptor {
    let CertifiedKey { cert, signing_key } =
        rcgen::generate_simple_self_signed(["mx.example.org".to_owned()]).expect("a certificate");
    let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(signing_key.serialize_der()));
    let config = rustls::ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .expect("versions")
        .with_no_client_auth()
        .with_single_cert(vec![cert.der().clone()], key)
        .expect("a key that fits");
    TlsAcceptor::from(Arc::new(config))
}

/// How the handshake went for the server; none if it failed.
async fn shake(tls: &ClientTls, acceptor: &TlsAcceptor, host: &str, trust: &Trust) -> Option<HandshakeKind> {
    let (ours, theirs) = tokio::io::duplex(64 * 1024);
    let client = async {
        let (mut stream, _) = tls.handshake(Box::new(ours), host, trust, None).await.ok()?;
        // Tickets come with the first word.
        stream.read_u8().await.ok()
    };
    let server = async {
        let mut stream = acceptor.accept(theirs).await.ok()?;
        stream.write_u8(1).await.ok()?;
        stream.flush().await.ok()?;
        stream.get_ref().1.handshake_kind()
    };
    let (said, kind) = tokio::join!(client, server);
    said.and(kind)
}

// proves: F13
#[tokio::test]
async fn a_session_is_resumed_only_for_the_same_host_and_trust() {
    let tls = ClientTls::new(Vec::new()).expect("a configuration");
    let acceptor = acceptor();
    let (host, other) = ("mx.example.org", "mx.example.net");
    assert_eq!(shake(&tls, &acceptor, host, &Trust::Anybody).await, Some(HandshakeKind::Full));
    assert_eq!(shake(&tls, &acceptor, host, &Trust::Anybody).await, Some(HandshakeKind::Resumed));
    assert_eq!(shake(&tls, &acceptor, other, &Trust::Anybody).await, Some(HandshakeKind::Full));
    // What anybody could have begun is not taken up where the host must be known.
    assert_eq!(shake(&tls, &acceptor, host, &Trust::Roots).await, None);
    assert!(!tls.verifying.enable_early_data && !tls.accepting.enable_early_data);
}
