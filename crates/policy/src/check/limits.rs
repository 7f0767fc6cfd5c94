//! Throttles and quotas, compiled: at which step can each be met?

use super::vocabulary::Vocabulary;
use super::{Finding, Severity};
use crate::expr::{CheckedExpression, Context, Expression, Variable};
use crate::quota::{Quota, QuotaScope, Quotas};
use crate::settings::{
    InboundKey, MtaInboundThrottle, MtaOutboundThrottle, MtaQueueQuota, OutboundKey, QuotaKey, Settings,
};
use crate::throttle::{Direction, InboundThrottles, OutboundThrottles, Throttle, mentions};

/// All limits.
#[derive(Default)]
pub(super) struct Compiled {
    pub(super) inbound: InboundThrottles,
    pub(super) outbound: OutboundThrottles,
    pub(super) quotas: Quotas,
}

/// What only a host has.
const OF_HOSTS: &[Variable] = &[Variable::Mx, Variable::RemoteIp, Variable::LocalIp];
/// What differs among the recipients of one message.
const PERSONAL: &[Variable] = &[
    Variable::Rcpt,
    Variable::RetryNum,
    Variable::NotifyNum,
    Variable::ExpiresIn,
    Variable::LastStatus,
    Variable::LastError,
];
/// The variables that are asked for at RCPT; then those that are asked for at MAIL.
const FROM_RCPT: &[Variable] =
    &[Variable::Rcpt, Variable::RcptDomain, Variable::Recipients, Variable::Priority];
const FROM_MAIL: &[Variable] =
    &[Variable::Sender, Variable::SenderDomain, Variable::AuthenticatedAs, Variable::HeloDomain];
/// What is not known of a message before all of it has come.
const LATE: &[Variable] = &[Variable::Recipients, Variable::Size];

/// Compiles all that are in force; those that are wrong are found and left out.
pub(super) fn compile(settings: &Settings, vocabulary: &Vocabulary, findings: &mut Vec<Finding>) -> Compiled {
    let mut compiled = Compiled::default();
    let mut compiler = Compiler { vocabulary, findings };
    for throttle in settings.inbound_throttles.iter().filter(|throttle| throttle.enable) {
        compiler.inbound(throttle, &mut compiled.inbound);
    }
    for throttle in settings.outbound_throttles.iter().filter(|throttle| throttle.enable) {
        compiler.outbound(throttle, &mut compiled.outbound);
    }
    for quota in settings.queue_quotas.iter().filter(|quota| quota.enable) {
        compiled.quotas.extend(compiler.quota(quota));
    }
    compiled
}

struct Compiler<'a> {
    vocabulary: &'a Vocabulary,
    findings: &'a mut Vec<Finding>,
}

impl Compiler<'_> {
    fn inbound(&mut self, throttle: &MtaInboundThrottle, into: &mut InboundThrottles) {
        let object = format!("MtaInboundThrottle {}", throttle.id);
        let Some(applies) = self.condition(&object, &throttle.applies, Context::RcptTo) else { return };
        let keys: Vec<Variable> = throttle.key.iter().map(|key| inbound_variable(*key)).collect();
        let asks = |variables: &[Variable]| {
            keys.iter().any(|key| variables.contains(key)) || mentions(&applies, variables)
        };
        let step = if asks(FROM_RCPT) {
            &mut into.rcpt
        } else if asks(FROM_MAIL) {
            &mut into.mail
        } else {
            &mut into.connection
        };
        step.push(Throttle {
            direction: Direction::Inbound,
            id: throttle.id.clone(),
            description: throttle.description.clone(),
            keys,
            applies,
            rate: throttle.rate,
            window: throttle.window,
            count_local: true,
            personal: false,
        });
    }

    fn outbound(&mut self, throttle: &MtaOutboundThrottle, into: &mut OutboundThrottles) {
        let object = format!("MtaOutboundThrottle {}", throttle.id);
        let Some(applies) = self.condition(&object, &throttle.applies, Context::Throttle) else { return };
        let keys: Vec<Variable> = throttle.key.iter().map(|key| outbound_variable(*key)).collect();
        let asks = |variables: &[Variable]| {
            keys.iter().any(|key| variables.contains(key)) || mentions(&applies, variables)
        };
        let (of_host, personal) = (asks(OF_HOSTS), asks(PERSONAL));
        if of_host && throttle.count_local {
            let message = "deliveries to the local store have no host, so that they are not counted here";
            self.findings.push(Finding::new(Severity::Warning, object.as_str(), message).at("countLocal"));
        }
        let step = if of_host {
            &mut into.host
        } else if personal || asks(&[Variable::RcptDomain]) {
            &mut into.rcpt
        } else {
            &mut into.sender
        };
        step.push(Throttle {
            direction: Direction::Outbound,
            id: throttle.id.clone(),
            description: throttle.description.clone(),
            keys,
            applies,
            rate: throttle.rate,
            window: throttle.window,
            count_local: throttle.count_local,
            personal,
        });
    }

    fn quota(&mut self, quota: &MtaQueueQuota) -> Option<Quota> {
        let object = format!("MtaQueueQuota {}", quota.id);
        let applies = self.condition(&object, &quota.applies, Context::Quota)?;
        if quota.messages.is_none() && quota.size.is_none() {
            let message = "neither messages nor size is set, so that nothing is limited";
            self.findings.push(Finding::new(Severity::Warning, object.as_str(), message));
            return None;
        }
        let keys: Vec<Variable> = quota.key.iter().map(|key| quota_variable(*key)).collect();
        let asks = |variables: &[Variable]| {
            keys.iter().any(|key| variables.contains(key)) || mentions(&applies, variables)
        };
        let scope = if asks(&[Variable::Rcpt]) {
            QuotaScope::Recipient
        } else if asks(&[Variable::RcptDomain]) {
            QuotaScope::Domain
        } else {
            QuotaScope::Message
        };
        let early = !asks(LATE);
        Some(Quota {
            id: quota.id.clone(),
            description: quota.description.clone().unwrap_or_else(|| quota.id.clone()),
            keys,
            scope,
            messages: quota.messages,
            bytes: quota.size,
            early,
            written: quota.clone(),
            applies,
        })
    }

    /// The compiled condition; nothing, and findings, if it is wrong.
    fn condition(
        &mut self,
        object: &str,
        condition: &Expression,
        context: Context,
    ) -> Option<CheckedExpression> {
        self.vocabulary.compile((object, "match"), condition, context, self.findings)
    }
}

fn inbound_variable(key: InboundKey) -> Variable {
    match key {
        InboundKey::Listener => Variable::Listener,
        InboundKey::RemoteIp => Variable::RemoteIp,
        InboundKey::LocalIp => Variable::LocalIp,
        InboundKey::AuthenticatedAs => Variable::AuthenticatedAs,
        InboundKey::HeloDomain => Variable::HeloDomain,
        InboundKey::Sender => Variable::Sender,
        InboundKey::SenderDomain => Variable::SenderDomain,
        InboundKey::Rcpt => Variable::Rcpt,
        InboundKey::RcptDomain => Variable::RcptDomain,
    }
}

fn outbound_variable(key: OutboundKey) -> Variable {
    match key {
        OutboundKey::Mx => Variable::Mx,
        OutboundKey::RemoteIp => Variable::RemoteIp,
        OutboundKey::LocalIp => Variable::LocalIp,
        OutboundKey::Sender => Variable::Sender,
        OutboundKey::SenderDomain => Variable::SenderDomain,
        OutboundKey::Rcpt => Variable::Rcpt,
        OutboundKey::RcptDomain => Variable::RcptDomain,
        OutboundKey::AuthenticatedAs => Variable::AuthenticatedAs,
        OutboundKey::Route => Variable::Route,
        OutboundKey::RouteType => Variable::RouteType,
    }
}

fn quota_variable(key: QuotaKey) -> Variable {
    match key {
        QuotaKey::Sender => Variable::Sender,
        QuotaKey::SenderDomain => Variable::SenderDomain,
        QuotaKey::Rcpt => Variable::Rcpt,
        QuotaKey::RcptDomain => Variable::RcptDomain,
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Environment, check};
    use super::*;
    use crate::configuration::Configuration;

    fn configuration(json: &str) -> Configuration {
        Configuration::from_settings_json(json, &Environment::default()).unwrap()
    }

    #[track_caller]
    fn is_asked_of(key: &str, condition: &str, expected: &str) {
        let json = format!(
            r#"{{"MtaOutboundThrottle": [{{"description": "t", "key": [{key}], "match": {{"else": "{condition}"}},
                "rate": {{"count": 1, "period": 1000}}}}]}}"#
        );
        let outbound = configuration(&json).outbound;
        let (sender, rcpt, host) = (outbound.sender.len(), outbound.rcpt.len(), outbound.host.len());
        let got = ["sender", "rcpt", "host"][rcpt + host * 2];
        assert_eq!((got, sender + rcpt + host), (expected, 1), "{key} {condition}");
    }

    #[test]
    fn a_throttle_is_asked_where_all_that_it_asks_for_is_known() {
        is_asked_of("", "true", "sender");
        is_asked_of(r#""sender", "authenticatedAs""#, "queue_name == 'remote' && route == 'mx'", "sender");
        is_asked_of(r#""rcptDomain""#, "true", "rcpt");
        is_asked_of(r#""sender""#, "rcpt_domain = 'a.example'", "rcpt");
        is_asked_of("", "retry_num > 2", "rcpt");
        is_asked_of(r#""rcptDomain", "mx""#, "true", "host");
        is_asked_of(r#""rcptDomain""#, "remote_ip == '192.0.2.1'", "host");
    }

    #[test]
    fn branches_count_not_only_else() {
        let json = r#"{"MtaOutboundThrottle": [{"description": "t", "rate": {"count": 1, "period": 1000},
            "match": {"match": [{"if": "mx == 'a'", "then": "true"}], "else": "false"}}]}"#;
        assert_eq!(configuration(json).outbound.host.len(), 1);
    }

    #[test]
    fn mistakes_name_the_object_and_the_place() {
        let wrong = r#"{"MtaOutboundThrottle": {"slow": {"description": "t",
            "rate": {"count": 1, "period": 1000}, "match": {"else": "helo_domain == 'a'"}}}}"#;
        let found = Configuration::from_settings_json(wrong, &Environment::default()).unwrap_err();
        assert!(
            found[0]
                .to_string()
                .starts_with("error: MtaOutboundThrottle slow: match.else: line 1, column 1: ")
        );
        for wrong in
            [r#""count": 0, "period": 1"#, r#""count": 1000001, "period": 1"#, r#""count": 1, "period": 0"#]
        {
            let json = format!(r#"{{"MtaInboundThrottle": [{{"description": "t", "rate": {{{wrong}}}}}]}}"#);
            Configuration::from_settings_json(&json, &Environment::default()).unwrap_err();
        }
        let nothing = Settings::from_json(r#"{"MtaQueueQuota": [{"description": "none"}]}"#).unwrap();
        let checked = check(&nothing, &Environment::default());
        assert!(checked.findings.iter().any(|finding| finding.object == "MtaQueueQuota none"));
        assert!(checked.configuration.unwrap().quotas.is_empty());
    }

    #[test]
    fn what_is_switched_off_is_not_there_and_lists_replace_the_fresh_ones() {
        assert_eq!(Settings::fresh().inbound_throttles.len(), 3);
        let one = r#"{"@type": "MtaInboundThrottle", "enable": false, "description": "t", "rate": {"count": 1, "period": 1}}"#;
        let inbound = configuration(one).inbound;
        assert_eq!((inbound.connection.len(), inbound.mail.len(), inbound.rcpt.len()), (0, 0, 0));
        let fresh = configuration("{}").inbound;
        assert_eq!((fresh.connection.len(), fresh.mail.len(), fresh.rcpt.len()), (1, 1, 1));
    }

    #[test]
    fn the_examples_of_the_documents_can_be_used() {
        for page in [
            include_str!("../../../../docs/settings/MtaOutboundThrottle.md"),
            include_str!("../../../../docs/settings/MtaInboundThrottle.md"),
            include_str!("../../../../docs/settings/MtaQueueQuota.md"),
        ] {
            let (_, example) = page.split_once("```json\n").unwrap();
            configuration(example.split_once("```").unwrap().0);
        }
    }
}
