//! One request to a webhook: its body, its signature, and what an answer means.

use std::fmt::Write;
use std::time::Duration;

use aws_lc_rs::hmac;
use mta::World;
use mta::web::Reach;
use mta::world::{Telling, WebLimits};
use policy::settings::{Secret, WebHook};
use store::history::Waiting;

/// Events of one request at most.
pub(super) const EVENTS_MAX: usize = 100;
/// Bytes of one request, about.
const BODY_BYTES_MAX: usize = 1 << 20;
/// Bytes of an answer that are read; they say nothing to us.
const ANSWER_BYTES_MAX: usize = 64 * 1024;
/// How long a request may take.
const TIME_MAX: Duration = Duration::from_secs(30);
/// The field of the head with the time and the signature.
const SIGNATURE: &str = "Waypost-Signature";

/// As many as one request carries.
pub(super) fn some(mut waiting: Vec<Waiting>) -> Vec<Waiting> {
    let mut bytes = 0;
    let fits = |waiting: &Waiting| {
        bytes += waiting.body.len();
        bytes <= BODY_BYTES_MAX
    };
    let count = waiting.iter().map(fits).take_while(|fits| *fits).count();
    waiting.truncate(count.max(1));
    waiting
}

/// Sends them; the reason if the receiver has not said yes. It names no more of the answer than its status.
pub(super) async fn send(
    world: &World,
    hook: &WebHook,
    secret: Option<&Secret>,
    waiting: &[Waiting],
) -> Result<(), String> {
    let (body, seconds) = (body(waiting), world.clock.wall().as_secs());
    let signed = secret.map(|secret| (SIGNATURE, signature(secret, seconds, &body)));
    let fields: Vec<(&'static str, String)> = signed.into_iter().collect();
    let telling = Telling { url: &hook.url, fields: &fields, body, reach: reach(hook) };
    let limits = WebLimits { body_bytes_max: ANSWER_BYTES_MAX, time_max: TIME_MAX };
    match world.web.tell(telling, limits).await {
        Ok(answer) if (200..300).contains(&answer.status) => Ok(()),
        Ok(answer) => Err(format!("the receiver answered {}", answer.status)),
        Err(error) => Err(error.to_string()),
    }
}

/// How far requests may go: to this machine only if the URL says so.
fn reach(hook: &WebHook) -> Reach {
    if hook.is_loopback() {
        Reach::Loopback
    } else if hook.allow_private {
        Reach::Private
    } else {
        Reach::Public
    }
}

/// `{"events": [{"seq": 1, …}, …]}`.
fn body(waiting: &[Waiting]) -> Vec<u8> {
    let mut body = b"{\"events\":[".to_vec();
    for (index, Waiting { id, body: event }) in waiting.iter().enumerate() {
        if index > 0 {
            body.push(b',');
        }
        // Each is an object that is not empty.
        body.extend_from_slice(format!("{{\"seq\":{id},").as_bytes());
        body.extend_from_slice(event.get(1..).unwrap_or_default());
    }
    body.extend_from_slice(b"]}");
    body
}

/// `t=1795600000,v1=…`: HMAC-SHA256 of the time, a dot and the body, in hexadecimal.
fn signature(secret: &Secret, seconds: u64, body: &[u8]) -> String {
    let key = hmac::Key::new(hmac::HMAC_SHA256, secret.expose().as_bytes());
    let mut context = hmac::Context::with_key(&key);
    context.update(format!("{seconds}.").as_bytes());
    context.update(body);
    let mut text = format!("t={seconds},v1=");
    for byte in context.sign().as_ref() {
        let _ = write!(text, "{byte:02x}");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_body_is_json_and_its_signature_is_as_documented() {
        let event = |id, text: &str| Waiting { id, body: text.as_bytes().to_vec() };
        let body = body(&[event(7, r#"{"event":"failed"}"#), event(9, r#"{"event":"bounced"}"#)]);
        let value: serde_json::Value = serde_json::from_slice(&body).unwrap();
        let expected =
            serde_json::json!({"events": [{"seq": 7, "event": "failed"}, {"seq": 9, "event": "bounced"}]});
        assert_eq!(value, expected);
        // printf '1795600000.{}' | openssl dgst -sha256 -hmac secret
        let signed = signature(&Secret::new("secret"), 1_795_600_000, b"{}");
        assert!(signed.starts_with("t=1795600000,v1=") && signed.len() == 16 + 64, "{signed}");
    }

    #[test]
    fn a_request_is_no_longer_than_so_much() {
        let waiting = |bytes: usize| Waiting { id: 1, body: vec![b'x'; bytes] };
        assert_eq!(some(vec![waiting(BODY_BYTES_MAX), waiting(1)]).len(), 1);
        assert_eq!(some(vec![waiting(2 * BODY_BYTES_MAX), waiting(1)]).len(), 1);
        assert_eq!(some(vec![waiting(10), waiting(10)]).len(), 2);
    }
}
