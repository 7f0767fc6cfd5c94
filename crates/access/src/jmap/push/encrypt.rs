//! Encrypts what a push service carries and may not read (RFC 8291, RFC 8188).

use aws_lc_rs::aead::{AES_128_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use aws_lc_rs::agreement::{ECDH_P256, PrivateKey, UnparsedPublicKey, agree};
use aws_lc_rs::error::Unspecified;
use aws_lc_rs::hkdf::{HKDF_SHA256, KeyType, Salt};
use aws_lc_rs::rand;

/// Bytes of the public key of a receiver, uncompressed.
pub(super) const PUBLIC_KEY_BYTES: usize = 65;
/// Bytes of its secret.
pub(super) const SECRET_BYTES: usize = 16;
/// Bytes of a record at most; there is one only.
const RECORD_BYTES: u32 = 4096;
/// Bytes that are told at most: with what is added, they fit a push service (RFC 8291 section 4).
pub(super) const TOLD_BYTES_MAX: usize = 3_900;

/// The keys of a receiver.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Keys {
    /// Its public key: `p256dh`.
    pub(super) public: Vec<u8>,
    /// Its secret: `auth`.
    pub(super) secret: Vec<u8>,
}

/// The body of a push, for its receiver only.
pub(super) fn encrypt(told: &[u8], to: &Keys) -> Result<Vec<u8>, Unspecified> {
    let mut salt = [0; 16];
    rand::fill(&mut salt)?;
    seal(told, to, &salt, &PrivateKey::generate(&ECDH_P256)?)
}

fn seal(told: &[u8], to: &Keys, salt: &[u8; 16], ours: &PrivateKey) -> Result<Vec<u8>, Unspecified> {
    if told.len() > TOLD_BYTES_MAX {
        return Err(Unspecified);
    }
    let public = ours.compute_public_key()?;
    let public = public.as_ref();
    let theirs = UnparsedPublicKey::new(&ECDH_P256, &to.public);
    // RFC 8291 section 3.4.
    let info = [b"WebPush: info\0", &to.public[..], public].concat();
    let material = agree(ours, theirs, Unspecified, |shared| {
        let mut material = [0; 32];
        derive(&to.secret, shared, &info, &mut material)?;
        Ok(material)
    })?;
    let (mut key, mut nonce) = ([0; 16], [0; 12]);
    derive(salt, &material, b"Content-Encoding: aes128gcm\0", &mut key)?;
    derive(salt, &material, b"Content-Encoding: nonce\0", &mut nonce)?;
    // RFC 8188 section 2: the last record is padded with a 2.
    let mut record = [told, &[2]].concat();
    let key = LessSafeKey::new(UnboundKey::new(&AES_128_GCM, &key)?);
    key.seal_in_place_append_tag(Nonce::assume_unique_for_key(nonce), Aad::empty(), &mut record)?;
    let length = u8::try_from(public.len()).map_err(|_| Unspecified)?;
    Ok([&salt[..], &RECORD_BYTES.to_be_bytes(), &[length], public, &record].concat())
}

struct Length(usize);

impl KeyType for Length {
    fn len(&self) -> usize {
        self.0
    }
}

fn derive(salt: &[u8], secret: &[u8], info: &[u8], out: &mut [u8]) -> Result<(), Unspecified> {
    let extracted = Salt::new(HKDF_SHA256, salt).extract(secret);
    extracted.expand(&[info], Length(out.len()))?.fill(out)
}

#[cfg(test)]
mod tests {
    use base64::Engine;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;

    use super::*;

    fn bytes(text: &str) -> Vec<u8> {
        URL_SAFE_NO_PAD.decode(text).unwrap()
    }

    #[test]
    fn the_example_of_the_standard_holds() {
        // RFC 8291 section 5 and appendix A.
        let keys = Keys {
            public: bytes(
                "BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4",
            ),
            secret: bytes("BTBZMqHH6r4Tts7J_aSIgg"),
        };
        let ours =
            PrivateKey::from_private_key(&ECDH_P256, &bytes("yfWPiYE-n46HLnH0KqZOF1fJJU3MYrct3AELtAQ-oRw"))
                .unwrap();
        let salt: [u8; 16] = bytes("DGv6ra1nlYgDCS1FRnbzlw").try_into().unwrap();
        let body = seal(b"When I grow up, I want to be a watermelon", &keys, &salt, &ours).unwrap();
        let expected = "DGv6ra1nlYgDCS1FRnbzlwAAEABBBP4z9KsN6nGRTbVYI_c7VJSPQTBtkgcy27mlmlMoZIIgDll6e3vCYLocInmYWAmS6Tlz\
            AC8wEqKK6PBru3jl7A_yl95bQpu6cVPTpK4Mqgkf1CXztLVBSt2Ks3oZwbuwXPXLWyouBWLVWGNWQexSgSxsj_Qulcy4a-fN";
        assert_eq!(URL_SAFE_NO_PAD.encode(body), expected);
    }

    #[test]
    fn a_key_that_is_none_encrypts_nothing() {
        let keys = Keys { public: vec![4; PUBLIC_KEY_BYTES], secret: vec![0; SECRET_BYTES] };
        assert!(encrypt(b"x", &keys).is_err());
    }
}
