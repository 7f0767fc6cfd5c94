//! JSON Web Tokens in compact form (RFC 7519, RFC 7515) and the keys that sign them (RFC 7517).

use aws_lc_rs::signature::{self, RsaPublicKeyComponents, UnparsedPublicKey, VerificationAlgorithm};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::Value;

/// Bytes of a token at most.
const TOKEN_BYTES_MAX: usize = 16 * 1024;
/// Bytes of the modulus of an RSA key at least: fewer are not safe any more.
const MODULUS_BYTES_MIN: usize = 256;
/// And at most: longer ones keep us busy.
const MODULUS_BYTES_MAX: usize = 1024;

/// A token that can be read; whether it is good is another question.
pub(super) struct Token<'t> {
    signed: &'t str,
    signature: Vec<u8>,
    algorithm: String,
    pub(super) key_id: Option<String>,
    pub(super) claims: Value,
}

impl<'t> Token<'t> {
    pub(super) fn read(token: &'t str) -> Option<Self> {
        if token.len() > TOKEN_BYTES_MAX {
            return None;
        }
        let (signed, signature) = token.rsplit_once('.')?;
        let (header, claims) = signed.split_once('.')?;
        let json = |part: &str| serde_json::from_slice::<Value>(&URL_SAFE_NO_PAD.decode(part).ok()?).ok();
        let (header, claims) = (json(header)?, json(claims)?);
        // RFC 7515 section 4.1.11: what must be understood is not.
        if header.get("crit").is_some() || !claims.is_object() {
            return None;
        }
        Some(Token {
            signed,
            signature: URL_SAFE_NO_PAD.decode(signature).ok()?,
            algorithm: header.get("alg")?.as_str()?.to_owned(),
            key_id: header.get("kid").and_then(Value::as_str).map(str::to_owned),
            claims,
        })
    }

    /// Whether this key has signed it, by an algorithm that is the key's. `none` and those with a shared secret are not
    /// known here.
    pub(super) fn is_signed_by(&self, key: &Key) -> bool {
        let named = key.algorithm.as_ref().is_none_or(|algorithm| *algorithm == self.algorithm);
        named && self.fits(&key.material)
    }

    fn fits(&self, material: &Material) -> bool {
        let (message, sign) = (self.signed.as_bytes(), self.signature.as_slice());
        let by = |algorithm: &'static dyn VerificationAlgorithm, key: &[u8]| {
            UnparsedPublicKey::new(algorithm, key).verify(message, sign).is_ok()
        };
        match (material, self.algorithm.as_str()) {
            (Material::Rsa { n, e }, algorithm) => {
                let parameters = match algorithm {
                    "RS256" => &signature::RSA_PKCS1_2048_8192_SHA256,
                    "RS384" => &signature::RSA_PKCS1_2048_8192_SHA384,
                    "RS512" => &signature::RSA_PKCS1_2048_8192_SHA512,
                    "PS256" => &signature::RSA_PSS_2048_8192_SHA256,
                    "PS384" => &signature::RSA_PSS_2048_8192_SHA384,
                    "PS512" => &signature::RSA_PSS_2048_8192_SHA512,
                    _ => return false,
                };
                RsaPublicKeyComponents { n, e }.verify(parameters, message, sign).is_ok()
            }
            (Material::P256(point), "ES256") => by(&signature::ECDSA_P256_SHA256_FIXED, point),
            (Material::P384(point), "ES384") => by(&signature::ECDSA_P384_SHA384_FIXED, point),
            (Material::Ed25519(key), "EdDSA" | "Ed25519") => by(&signature::ED25519, key),
            _ => false,
        }
    }
}

/// A public key, and the one algorithm that it is for, if it says so.
#[derive(Clone)]
pub(super) struct Key {
    algorithm: Option<String>,
    material: Material,
}

#[derive(Clone)]
enum Material {
    Rsa { n: Vec<u8>, e: Vec<u8> },
    P256(Vec<u8>),
    P384(Vec<u8>),
    Ed25519(Vec<u8>),
}

impl Key {
    /// Reads a key; nothing if it is not for signatures, or of a kind that is not taken.
    pub(super) fn read(jwk: &Value) -> Option<Self> {
        let text = |name: &str| jwk.get(name).and_then(Value::as_str);
        let bytes = |name: &str| text(name).and_then(|text| URL_SAFE_NO_PAD.decode(text).ok());
        if text("use").is_some_and(|purpose| purpose != "sig") {
            return None;
        }
        let point = |length: usize| {
            let (x, y) = (bytes("x")?, bytes("y")?);
            (x.len() == length && y.len() == length).then(|| [&[4_u8][..], &x, &y].concat())
        };
        let material = match (text("kty")?, text("crv")) {
            ("RSA", _) => {
                let (n, e) = (bytes("n")?, bytes("e")?);
                let length = n.iter().skip_while(|&&byte| byte == 0).count();
                let is_safe = (MODULUS_BYTES_MIN..=MODULUS_BYTES_MAX).contains(&length) && e.len() <= 8;
                is_safe.then_some(Material::Rsa { n, e })?
            }
            ("EC", Some("P-256")) => Material::P256(point(32)?),
            ("EC", Some("P-384")) => Material::P384(point(48)?),
            ("OKP", Some("Ed25519")) => Material::Ed25519(bytes("x").filter(|key| key.len() == 32)?),
            _ => return None,
        };
        Some(Key { algorithm: text("alg").map(str::to_owned), material })
    }
}
