//! Which extensions is this client offered, and how far may it use them?

use std::time::Duration;

use mail::{EnhancedStatus, Parameters, Reply, Timestamp};

use crate::authenticity::Client;
use crate::configuration::Configuration;
use crate::expr::{CheckedExpression, LookupAnswers, Scene, Value};
use crate::property::value;
use crate::route::Choice;

/// The settings object, as errors name it.
const OBJECT: &str = "MtaExtensions";

/// The expressions of `MtaExtensions`.
#[derive(Debug)]
pub struct Extensions {
    /// PIPELINING.
    pub pipelining: CheckedExpression,
    /// CHUNKING and BINARYMIME.
    pub chunking: CheckedExpression,
    /// REQUIRETLS.
    pub require_tls: CheckedExpression,
    /// DSN.
    pub dsn: CheckedExpression,
    /// EXPN.
    pub expn: CheckedExpression,
    /// VRFY.
    pub vrfy: CheckedExpression,
    /// DELIVERBY.
    pub deliver_by: CheckedExpression,
    /// FUTURERELEASE.
    pub future_release: CheckedExpression,
    /// MT-PRIORITY.
    pub mt_priority: CheckedExpression,
    /// NO-SOLICITING.
    pub no_soliciting: CheckedExpression,
}

/// Which priorities are told apart (RFC 6710 section 10.2).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum PriorityProfile {
    /// Three of them.
    Mixer,
    /// Six of them.
    Stanag4406,
    /// Five of them.
    Nsep,
}

/// What a client is offered.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Offered {
    /// PIPELINING.
    pub pipelining: bool,
    /// CHUNKING and BINARYMIME.
    pub chunking: bool,
    /// REQUIRETLS, if TLS is in use.
    pub require_tls: bool,
    /// DSN.
    pub dsn: bool,
    /// EXPN.
    pub expn: bool,
    /// VRFY that says which addresses there are.
    pub vrfy: bool,
    /// DELIVERBY: the longest time that may be asked for.
    pub deliver_by: Option<Duration>,
    /// FUTURERELEASE: the longest time that mail may be held back.
    pub future_release: Option<Duration>,
    /// MT-PRIORITY.
    pub mt_priority: Option<PriorityProfile>,
    /// NO-SOLICITING: the classes of mail that are not wanted, if it is offered.
    pub no_soliciting: Option<String>,
}

impl Offered {
    /// What clients that have authenticated are offered unless the settings say otherwise.
    pub fn to_users() -> Self {
        let days = |days: u64| Some(Duration::from_secs(days * 24 * 60 * 60));
        Offered {
            dsn: true,
            expn: true,
            vrfy: true,
            deliver_by: days(15),
            future_release: days(7),
            mt_priority: Some(PriorityProfile::Mixer),
            ..Offered::to_strangers()
        }
    }

    /// What all others are offered unless the settings say otherwise.
    pub fn to_strangers() -> Self {
        Offered {
            pipelining: true,
            chunking: true,
            require_tls: true,
            dsn: false,
            expn: false,
            vrfy: false,
            deliver_by: None,
            future_release: None,
            mt_priority: None,
            no_soliciting: None,
        }
    }

    /// Refuses what asks for more than is offered.
    pub fn permits(&self, parameters: &Parameters, now: Timestamp) -> Result<(), Box<Reply>> {
        let hold = parameters.hold_until.map_or(Duration::ZERO, |until| until.since(now));
        if hold > self.future_release.unwrap_or_default() {
            return Err(too_much("Mail is not held back for so long."));
        }
        let within = parameters.deliver_by.map_or(0, |by| by.until.seconds_from(now).unsigned_abs());
        if within > self.deliver_by.unwrap_or_default().as_secs() {
            return Err(too_much("The time to deliver within is too long."));
        }
        Ok(())
    }
}

fn too_much(text: &str) -> Box<Reply> {
    Box::new(Reply::new(501, Some(EnhancedStatus::new(5, 5, 4)), text))
}

/// What this client is offered now.
pub fn offered(
    configuration: &Configuration,
    client: &Client<'_>,
    answers: &LookupAnswers,
) -> Choice<Offered> {
    let settings = &configuration.extensions;
    let scene = Scene { variables: client, surroundings: configuration, answers };
    let all = || {
        let truth =
            |property, expression| value(OBJECT, property, expression, scene, |value| value.is_true());
        Ok(Offered {
            pipelining: truth("pipelining", &settings.pipelining)?,
            chunking: truth("chunking", &settings.chunking)?,
            require_tls: truth("requireTls", &settings.require_tls)?,
            dsn: truth("dsn", &settings.dsn)?,
            expn: truth("expn", &settings.expn)?,
            vrfy: truth("vrfy", &settings.vrfy)?,
            deliver_by: value(OBJECT, "deliverBy", &settings.deliver_by, scene, duration)?,
            future_release: value(OBJECT, "futureRelease", &settings.future_release, scene, duration)?,
            mt_priority: value(OBJECT, "mtPriority", &settings.mt_priority, scene, profile)?,
            no_soliciting: value(OBJECT, "noSoliciting", &settings.no_soliciting, scene, classes)?,
        })
    };
    all().map_or_else(|undecided: Box<Choice<Offered>>| *undecided, Choice::Decided)
}

/// Milliseconds; nothing and less is none.
fn duration(value: &Value<'_>) -> Option<Duration> {
    match value {
        Value::Integer(millis) => {
            u64::try_from(*millis).ok().filter(|millis| *millis > 0).map(Duration::from_millis)
        }
        Value::Text(_) | Value::Float(_) | Value::List(_) | Value::Constant(_) => None,
    }
}

fn profile(value: &Value<'_>) -> Option<PriorityProfile> {
    match value.to_text().as_ref() {
        "mixer" => Some(PriorityProfile::Mixer),
        "stanag4406" => Some(PriorityProfile::Stanag4406),
        "nsep" => Some(PriorityProfile::Nsep),
        _ => None,
    }
}

/// RFC 3865 section 2.2: colon-separated, each like a host name turned round.
fn classes(value: &Value<'_>) -> Option<String> {
    let text = value.to_text();
    let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_' | ':' | ',');
    let named = matches!(value, Value::Text(_)) && !text.is_empty() && text.chars().all(fits);
    named.then(|| text.into_owned())
}

#[cfg(test)]
mod tests {
    use std::net::{IpAddr, Ipv4Addr};

    use mail::{DeliverBy, DeliverByMode, ReversePath};

    use super::*;
    use crate::check::Environment;

    fn to(settings: &str, authenticated_as: Option<&str>) -> Offered {
        let configuration = Configuration::from_settings_json(settings, &Environment::default()).unwrap();
        let client = Client {
            listener: "smtp",
            ip: IpAddr::V4(Ipv4Addr::LOCALHOST),
            local_port: 25,
            helo: "client.example",
            is_tls: false,
            authenticated_as,
            reverse_path: &ReversePath::Null,
        };
        match offered(&configuration, &client, &LookupAnswers::default()) {
            Choice::Decided(offered) => offered,
            Choice::Needs(_) | Choice::Undecidable(_) => panic!("nothing is to be looked up"),
        }
    }

    #[test]
    fn users_are_offered_more_unless_settings_say_otherwise() {
        assert_eq!(to("{}", None), Offered::to_strangers());
        assert_eq!(to("{}", Some("anna@example.org")), Offered::to_users());
        let settings = r#"{ "MtaExtensions": {
            "dsn": true, "chunking": "helo_domain != 'client.example'", "deliverBy": 3600000, "futureRelease": "1h",
            "mtPriority": { "match": [{ "if": "listener == 'smtp'", "then": "nsep" }], "else": "false" },
            "noSoliciting": "'org.example:ADV'" } }"#;
        let hour = Some(Duration::from_secs(3600));
        assert_eq!(
            to(settings, None),
            Offered {
                dsn: true,
                chunking: false,
                deliver_by: hour,
                future_release: hour,
                mt_priority: Some(PriorityProfile::Nsep),
                no_soliciting: Some("org.example:ADV".to_owned()),
                ..Offered::to_strangers()
            }
        );
    }

    // proves: H28
    #[test]
    fn holds_and_deadlines_are_bounded() {
        let now = Timestamp::from_millis(1_800_000_000_000);
        let hold = |seconds| Parameters {
            hold_until: Some(now.plus(Duration::from_secs(seconds))),
            ..Parameters::default()
        };
        let by = |seconds| {
            let (until, mode) = (now.plus_seconds(seconds), DeliverByMode::Notify);
            Parameters { deliver_by: Some(DeliverBy { until, mode, trace: false }), ..Parameters::default() }
        };
        let users = Offered::to_users();
        for (parameters, expected) in [
            (hold(7 * 86_400), true),
            (hold(7 * 86_400 + 1), false),
            (by(15 * 86_400), true),
            (by(15 * 86_400 + 1), false),
            (by(-15 * 86_400 - 1), false),
            (by(i64::MAX), false),
            (by(i64::MIN), false),
        ] {
            assert_eq!(users.permits(&parameters, now).is_ok(), expected, "{parameters:?}");
        }
        assert_eq!(Offered::to_strangers().permits(&hold(1), now).unwrap_err().code, 501);
        assert!(Offered::to_strangers().permits(&Parameters::default(), now).is_ok());
    }
}
