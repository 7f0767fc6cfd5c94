//! What is shown to a relay that asks who we are, and by which mechanisms?

use base64::Engine;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use policy::plan::{Credentials, Endpoint};
use policy::settings::AuthMechanism;
use rustls::crypto::aws_lc_rs;
use wire::sasl::exchange::{Login, Mechanism};

use crate::connections::ConnectionKey;

/// Bytes of chance in a nonce.
const NONCE_BYTES: usize = 18;

/// For the connection's client; none if the relay is not to be shown anything.
pub(super) fn login(key: &ConnectionKey) -> Option<Login> {
    let Credentials { username, secret, mechanism } = key.proofs.credentials.as_ref()?;
    let mechanisms = mechanisms(*mechanism);
    Some(Login {
        username: username.clone(),
        password: secret.expose().to_owned(),
        nonce: if mechanisms.contains(&Mechanism::ScramSha256) { nonce() } else { String::new() },
        mechanisms,
        server: match &key.address {
            Endpoint::Tcp(address) => (key.host.clone(), address.port()),
            Endpoint::Unix(_) => ("localhost".to_owned(), 0),
        },
    })
}

fn mechanisms(setting: AuthMechanism) -> Vec<Mechanism> {
    match setting {
        AuthMechanism::Auto => Mechanism::WITH_PASSWORD.to_vec(),
        AuthMechanism::Plain => vec![Mechanism::Plain],
        AuthMechanism::Login => vec![Mechanism::Login],
        AuthMechanism::ScramSha256 => vec![Mechanism::ScramSha256],
        AuthMechanism::XOAuth2 => vec![Mechanism::XOAuth2],
        AuthMechanism::OAuthBearer => vec![Mechanism::OAuthBearer],
    }
}

/// Never the same twice.
fn nonce() -> String {
    let mut bytes = [0; NONCE_BYTES];
    let chance = aws_lc_rs::default_provider().secure_random;
    chance.fill(&mut bytes).expect("the system has random bytes, or no TLS would work either");
    STANDARD_NO_PAD.encode(bytes)
}
