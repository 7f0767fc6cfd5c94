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
