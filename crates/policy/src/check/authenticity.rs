//! Can every signature be made, and do the expressions of `SenderAuthSettings` make sense?

use std::collections::BTreeMap;
use std::sync::Arc;

use mail::dkim::SignedFields;

use super::vocabulary::Vocabulary;
use super::{Environment, Finding, Severity};
use crate::authenticity::SenderAuth;
use crate::expr::{Context, Expression};
use crate::settings::{DkimSignature, Secret, SecretKeyOptional, Settings};
use crate::signing::{RSA_BITS_GOOD, RSA_BITS_MAX, RSA_BITS_MIN, SIGNATURES_MAX, Signer, SigningAlgorithm};

const SENDER_AUTH: &str = "SenderAuthSettings";

/// Compiles the expressions; nothing if one is wrong.
pub(super) fn compile(
    settings: &Settings,
    vocabulary: &Vocabulary,
    findings: &mut Vec<Finding>,
) -> Option<SenderAuth> {
    let mut compile = |property: &str, expression: &Expression, context| {
        vocabulary.compile((SENDER_AUTH, property), expression, context, findings)
    };
    let auth = &settings.sender_auth;
    let dkim_sign_domain = compile("dkimSignDomain", &auth.dkim_sign_domain, Context::MailFrom);
    let spf_verify = compile("spfVerify", &auth.spf_verify, Context::MailFrom);
    let dkim_verify = compile("dkimVerify", &auth.dkim_verify, Context::MailFrom);
    let dmarc_verify = compile("dmarcVerify", &auth.dmarc_verify, Context::MailFrom);
    let arc_verify = compile("arcVerify", &auth.arc_verify, Context::MailFrom);
    let reject = compile("reject", &auth.reject, Context::Authenticity);
    Some(SenderAuth {
        dkim_sign_domain: dkim_sign_domain?,
        spf_verify: spf_verify?,
        dkim_verify: dkim_verify?,
        dmarc_verify: dmarc_verify?,
        arc_verify: arc_verify?,
        reject: reject?,
    })
}

/// Opens every key, by the domain that it signs for. A signature that is not enabled is checked all the same.
pub(super) fn signers(
    settings: &Settings,
    environment: &Environment,
    findings: &mut Vec<Finding>,
) -> BTreeMap<mail::Domain, Vec<Arc<Signer>>> {
    let mut signers: BTreeMap<mail::Domain, Vec<Arc<Signer>>> = BTreeMap::new();
    let mut selectors = BTreeMap::new();
    for signature in settings.dkim_signatures.values() {
        let object = format!("DkimSignature {}", signature.name);
        let error =
            |property: &str, message: String| Finding::new(Severity::Error, &object, message).at(property);
        let place = (&signature.domain, &signature.selector);
        if let Some(other) = selectors.insert(place, &signature.name) {
            findings
                .push(error("selector", format!("DkimSignature {other} has the same domain and selector")));
        }
        let signer = match signer(signature, environment) {
            Ok(Some(signer)) => signer,
            // Nobody here can open keys.
            Ok(None) => continue,
            Err(message) => {
                findings.push(error("key", message));
                continue;
            }
        };
        strength(&object, signer.key.algorithm(), findings);
        if !signature.oversign.iter().chain(&signature.headers).any(|name| name.eq_ignore_ascii_case("From"))
        {
            let message = "From is not signed; RFC 6376 section 5.4 demands it".to_owned();
            findings.push(error("oversign", message));
        }
        if signature.enable {
            let signers = signers.entry(signature.domain.clone()).or_default();
            if signers.len() == SIGNATURES_MAX {
                let message = format!("{} has more than {SIGNATURES_MAX} signatures", signature.domain);
                findings.push(error("domain", message));
            }
            signers.push(Arc::new(signer));
        }
    }
    signers
}

fn signer(signature: &DkimSignature, environment: &Environment) -> Result<Option<Signer>, String> {
    let text = secret(&signature.key, environment)?;
    let Some(open) = environment.open_key else { return Ok(None) };
    let key = open(text.expose())?;
    let fields = SignedFields { present: signature.headers.clone(), sealed: signature.oversign.clone() };
    Ok(Some(Signer { settings: signature.clone(), fields, key }))
}

fn secret(key: &SecretKeyOptional, environment: &Environment) -> Result<Secret, String> {
    if let SecretKeyOptional::Value { secret } = key {
        return Ok(secret.clone());
    }
    let reference = key.reference().ok_or("there is no key")?;
    match environment.secrets.get(&reference) {
        Some(Ok(secret)) => Ok(secret.clone()),
        Some(Err(reason)) => Err(format!("cannot read the key in {reference}: {reason}")),
        None => Err(format!("the key in {reference} was not read")),
    }
}

/// RFC 8301 section 3.2: what is shorter is not believed by anybody.
fn strength(object: &str, algorithm: SigningAlgorithm, findings: &mut Vec<Finding>) {
    let SigningAlgorithm::Rsa { bits } = algorithm else { return };
    let (severity, message) = match bits {
        0..RSA_BITS_MIN => {
            (Severity::Error, format!("the RSA key has {bits} bits; {RSA_BITS_MIN} are the least"))
        }
        RSA_BITS_MIN..RSA_BITS_GOOD => {
            (Severity::Warning, format!("the RSA key has {bits} bits; it should have {RSA_BITS_GOOD}"))
        }
        RSA_BITS_GOOD..=RSA_BITS_MAX => return,
        _ => (
            Severity::Warning,
            format!("the RSA key has {bits} bits; not everybody takes more than {RSA_BITS_MAX}"),
        ),
    };
    findings.push(Finding::new(severity, object, message).at("key"));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::{Checked, check};
    use crate::signing::SigningKey;

    /// A key whose text says how many bits it has; none for Ed25519.
    struct Paper(SigningAlgorithm);

    impl SigningKey for Paper {
        fn algorithm(&self) -> SigningAlgorithm {
            self.0
        }
        fn sign(&self, _: &[u8]) -> Result<Vec<u8>, String> {
            Ok(Vec::new())
        }
        fn public_key(&self) -> Vec<u8> {
            Vec::new()
        }
    }

    fn open(text: &str) -> Result<Arc<dyn SigningKey>, String> {
        let algorithm = match text {
            "bad" => return Err("it is no key".to_owned()),
            "" => SigningAlgorithm::Ed25519,
            bits => SigningAlgorithm::Rsa { bits: bits.parse().map_err(|_| "no number")? },
        };
        Ok(Arc::new(Paper(algorithm)))
    }

    fn checked(signatures: &[String], more: &str) -> Checked {
        let json = format!(r#"{{"DkimSignature": [{}]{more}}}"#, signatures.join(","));
        let environment = Environment { open_key: Some(open), ..Environment::default() };
        check(&Settings::from_json(&json).unwrap(), &environment)
    }

    fn signature(name: &str, key: &str, more: &str) -> String {
        format!(
            r#"{{"name": "{name}", "domain": "example.org", "selector": "{name}",
                 "key": {{"@type": "Value", "secret": "{key}"}}{more}}}"#
        )
    }

    #[test]
    fn what_would_not_verify_is_refused_and_what_is_weak_is_said() {
        let check = |signatures: &[String], expected: Option<(Severity, &str)>| {
            let findings = checked(signatures, "").findings;
            let found = findings.iter().find(|finding| finding.object.starts_with("DkimSignature"));
            match (found, expected) {
                (None, None) => {}
                (Some(found), Some((severity, text))) => {
                    assert!(found.severity == severity && found.message.contains(text), "{found}");
                }
                (found, expected) => panic!("{found:?} instead of {expected:?}"),
            }
        };
        check(&[signature("a", "2048", "")], None);
        check(&[signature("a", "1024", "")], Some((Severity::Warning, "it should have 2048")));
        check(&[signature("a", "512", "")], Some((Severity::Error, "1024 are the least")));
        check(&[signature("a", "8192", "")], Some((Severity::Warning, "more than 4096")));
        check(&[signature("a", "bad", "")], Some((Severity::Error, "it is no key")));
        check(&[signature("a", "bad", r#", "enable": false"#)], Some((Severity::Error, "it is no key")));
        check(
            &[signature("a", "2048", r#", "oversign": ["Subject"]"#)],
            Some((Severity::Error, "From is not signed")),
        );
        let twice = [
            signature("a", "2048", ""),
            signature("b", "2048", "").replace(r#""selector": "b""#, r#""selector": "a""#),
        ];
        check(&twice, Some((Severity::Error, "same domain and selector")));
        let many: Vec<_> = ["a", "b", "c", "d", "e"].map(|name| signature(name, "2048", "")).into();
        check(&many[..4], None);
        check(&many, Some((Severity::Error, "more than 4 signatures")));
    }

    #[test]
    fn only_enabled_signatures_sign_in_the_order_of_names() {
        let signatures = [
            signature("b", "2048", ""),
            signature("a", "2048", ""),
            signature("c", "2048", r#", "enable": false"#),
        ];
        let configuration = checked(&signatures, "").configuration.unwrap();
        let domain = mail::Domain::parse("EXAMPLE.org").unwrap();
        let signers = crate::signing::signers(&configuration, &domain);
        let names: Vec<_> = signers.iter().map(|signer| signer.settings.name.as_str()).collect();
        assert_eq!(names, ["a", "b"]);
        let shown = format!("{signers:?}");
        assert!(!shown.contains("2048"), "a key is never shown: {shown}");
    }

    #[test]
    fn results_are_known_only_where_there_are_some() {
        let settings =
            |property: &str, text: &str| format!(r#", "SenderAuthSettings": {{"{property}": "{text}"}}"#);
        let errors = |more: String| {
            checked(&[], &more).findings.iter().filter(|f| f.severity == Severity::Error).count()
        };
        assert_eq!(errors(settings("reject", "dmarc_result == 'fail' && from_domain == 'a.example'")), 0);
        assert_eq!(errors(settings("spfVerify", "dmarc_result == 'fail'")), 1);
        assert_eq!(errors(settings("dkimSignDomain", "rcpt_domain")), 1);
        assert_eq!(errors(settings("dkimSignDomain", "sender_domain")), 0);
    }
}
