//! SCRAM-SHA-256 as a client (RFC 5802, RFC 7677), without channel binding.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest, Sha256};

use super::exchange::ExchangeError;

/// Iterations that a server may ask of us: fewer protect the password badly, more keep us busy.
const ITERATIONS_MIN: u32 = 4096;
/// The most.
const ITERATIONS_MAX: u32 = 250_000;
/// Bytes of a block of SHA-256, for HMAC.
const BLOCK_BYTES: usize = 64;

type Hash = [u8; 32];

/// One exchange.
pub(super) struct Scram {
    password: String,
    nonce: String,
    first_bare: String,
    state: State,
}

enum State {
    First,
    /// We have proven ourselves and await this signature.
    Final(Hash),
    Proven,
}

impl Scram {
    pub(super) fn new(username: &str, password: &str, nonce: &str) -> Self {
        Scram {
            password: password.to_owned(),
            nonce: nonce.to_owned(),
            first_bare: format!("n={},r={nonce}", escaped(username)),
            state: State::First,
        }
    }

    /// `client-first-message`.
    pub(super) fn first(&self) -> String {
        format!("n,,{}", self.first_bare)
    }

    /// The answer to `server-first-message`, and to `server-final-message`.
    pub(super) fn respond(&mut self, challenge: &str) -> Result<String, ExchangeError> {
        match &self.state {
            State::First => {
                let (response, signature) = self.proof(challenge)?;
                self.state = State::Final(signature);
                Ok(response)
            }
            State::Final(signature) => {
                let said = challenge.split(',').find_map(|part| part.strip_prefix("v="));
                let said = said.ok_or(ExchangeError::Malformed("it has no signature"))?;
                let said = STANDARD.decode(said).map_err(|_| ExchangeError::Unproven)?;
                if !equal(&said, signature) {
                    return Err(ExchangeError::Unproven);
                }
                self.state = State::Proven;
                Ok(String::new())
            }
            State::Proven => Err(ExchangeError::Malformed("nothing is left to say")),
        }
    }

    pub(super) fn server_is_proven(&self) -> bool {
        matches!(self.state, State::Proven)
    }

    /// `client-final-message`, and the signature that the server must show: RFC 5802 section 3.
    fn proof(&self, server_first: &str) -> Result<(String, Hash), ExchangeError> {
        let ServerFirst { nonce, salt, iterations } = server_first_message(server_first)?;
        if !nonce.starts_with(&self.nonce) || nonce.len() == self.nonce.len() {
            return Err(ExchangeError::Malformed("its nonce does not continue ours"));
        }
        let without_proof = format!("c=biws,r={nonce}");
        let auth_message = format!("{},{server_first},{without_proof}", self.first_bare);
        let salted = salted_password(self.password.as_bytes(), &salt, iterations);
        let client_key = hmac(&salted, b"Client Key");
        let stored_key: Hash = Sha256::digest(client_key).into();
        let client_signature = hmac(&stored_key, auth_message.as_bytes());
        let proof: Vec<u8> = client_key.iter().zip(client_signature).map(|(key, sign)| key ^ sign).collect();
        let server_key = hmac(&salted, b"Server Key");
        let response = format!("{without_proof},p={}", STANDARD.encode(proof));
        Ok((response, hmac(&server_key, auth_message.as_bytes())))
    }
}

/// `saslname`: RFC 5802 section 5.1.
pub(super) fn escaped(username: &str) -> String {
    username.replace('=', "=3D").replace(',', "=2C")
}

struct ServerFirst<'a> {
    nonce: &'a str,
    salt: Vec<u8>,
    iterations: u32,
}

fn server_first_message(text: &str) -> Result<ServerFirst<'_>, ExchangeError> {
    use ExchangeError::Malformed;
    let mut parts = text.split(',');
    let mut part = |name: &str| parts.next().and_then(|part| part.strip_prefix(name));
    // An extension that is mandatory would stand first.
    let nonce = part("r=").ok_or(Malformed("it does not begin with a nonce"))?;
    let salt = part("s=").and_then(|salt| STANDARD.decode(salt).ok()).ok_or(Malformed("it has no salt"))?;
    let iterations = part("i=").and_then(|count| count.parse().ok());
    let iterations = iterations.ok_or(Malformed("it has no iteration count"))?;
    if !(ITERATIONS_MIN..=ITERATIONS_MAX).contains(&iterations) {
        return Err(Malformed("its iteration count is not between 4096 and 250000"));
    }
    Ok(ServerFirst { nonce, salt, iterations })
}

/// `Hi`, which is PBKDF2 with HMAC-SHA-256 and one block of output (RFC 8018 section 5.2).
fn salted_password(password: &[u8], salt: &[u8], iterations: u32) -> Hash {
    let keyed = Hmac::new(password);
    let mut last = keyed.of(&[salt, &1_u32.to_be_bytes()]);
    let mut sum = last;
    for _ in 1..iterations {
        last = keyed.of(&[&last]);
        sum.iter_mut().zip(last).for_each(|(sum, last)| *sum ^= last);
    }
    sum
}

pub(super) fn hmac(key: &[u8], message: &[u8]) -> Hash {
    Hmac::new(key).of(&[message])
}

/// HMAC-SHA-256 (RFC 2104) with its key taken in.
struct Hmac {
    inner: Sha256,
    outer: Sha256,
}

impl Hmac {
    fn new(key: &[u8]) -> Self {
        let mut block = [0_u8; BLOCK_BYTES];
        if key.len() > BLOCK_BYTES {
            block[..32].copy_from_slice(&Sha256::digest(key));
        } else {
            block[..key.len()].copy_from_slice(key);
        }
        let padded = |pad: u8| Sha256::new_with_prefix(block.map(|byte| byte ^ pad));
        Hmac { inner: padded(0x36), outer: padded(0x5c) }
    }

    fn of(&self, message: &[&[u8]]) -> Hash {
        let mut inner = self.inner.clone();
        message.iter().for_each(|part| inner.update(part));
        self.outer.clone().chain_update(inner.finalize()).finalize().into()
    }
}

/// Takes the same time wherever they differ.
pub(super) fn equal(said: &[u8], expected: &Hash) -> bool {
    let differences = said.iter().zip(expected).fold(0, |sum, (a, b)| sum | (a ^ b));
    said.len() == expected.len() && differences == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    const FIRST: &str =
        "r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096";

    fn scram() -> Scram {
        Scram::new("user", "pencil", "rOprNGfwEbeRWgbNEkqO")
    }

    #[test]
    fn the_example_of_rfc_7677() {
        let mut scram = scram();
        assert_eq!(scram.first(), "n,,n=user,r=rOprNGfwEbeRWgbNEkqO");
        let proof = "c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,\
                     p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=";
        assert_eq!(scram.respond(FIRST).as_deref(), Ok(proof));
        assert!(!scram.server_is_proven());
        let signature = "v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=";
        assert_eq!(scram.respond(signature).as_deref(), Ok(""));
        assert!(scram.server_is_proven());
    }

    #[test]
    fn a_server_that_does_not_know_the_password_is_not_believed() {
        for forged in ["v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G5=", "v=", "v=AAAA", "v=%%%"] {
            let mut scram = scram();
            scram.respond(FIRST).unwrap();
            assert_eq!(scram.respond(forged), Err(ExchangeError::Unproven), "{forged}");
            assert!(!scram.server_is_proven());
        }
        let mut scram = scram();
        scram.respond(FIRST).unwrap();
        assert!(matches!(scram.respond("e=other-error"), Err(ExchangeError::Malformed(_))));
    }

    // proves: G6
    #[test]
    fn challenges_that_are_none_are_refused() {
        for challenge in [
            "",
            "r=other,s=W22Z,i=4096",
            "r=rOprNGfwEbeRWgbNEkqO,s=W22Z,i=4096",
            "m=ext,r=rOprNGfwEbeRWgbNEkqOx,s=W22Z,i=4096",
            "r=rOprNGfwEbeRWgbNEkqOx,s=%,i=4096",
            "r=rOprNGfwEbeRWgbNEkqOx,s=W22Z,i=1",
            "r=rOprNGfwEbeRWgbNEkqOx,s=W22Z,i=4000000000",
            "r=rOprNGfwEbeRWgbNEkqOx,s=W22Z",
        ] {
            assert!(matches!(scram().respond(challenge), Err(ExchangeError::Malformed(_))), "{challenge}");
        }
    }

    #[test]
    fn names_are_escaped() {
        assert_eq!(Scram::new("a=b,c", "p", "n").first(), "n,,n=a=3Db=2Cc,r=n");
    }

    #[test]
    fn hmac_by_rfc_4231() {
        let hex = |hash: Hash| hash.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
        let expected = "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54";
        let text = b"Test Using Larger Than Block-Size Key - Hash Key First";
        assert_eq!(hex(hmac(&[0xaa; 131], text)), expected);
    }
}
