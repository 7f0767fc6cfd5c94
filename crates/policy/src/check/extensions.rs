//! Do the expressions of `MtaExtensions` make sense?

use super::Finding;
use super::vocabulary::Vocabulary;
use crate::expr::{Context, Expression};
use crate::extensions::Extensions;
use crate::settings::Settings;

/// Compiles the expressions; nothing if one is wrong.
pub(super) fn compile(
    settings: &Settings,
    vocabulary: &Vocabulary,
    findings: &mut Vec<Finding>,
) -> Option<Extensions> {
    let mut compile = |property: &str, expression: &Expression| {
        vocabulary.compile(("MtaExtensions", property), expression, Context::Ehlo, findings)
    };
    let extensions = &settings.extensions;
    let pipelining = compile("pipelining", &extensions.pipelining);
    let chunking = compile("chunking", &extensions.chunking);
    let require_tls = compile("requireTls", &extensions.require_tls);
    let dsn = compile("dsn", &extensions.dsn);
    let expn = compile("expn", &extensions.expn);
    let vrfy = compile("vrfy", &extensions.vrfy);
    let deliver_by = compile("deliverBy", &extensions.deliver_by);
    let future_release = compile("futureRelease", &extensions.future_release);
    let mt_priority = compile("mtPriority", &extensions.mt_priority);
    let no_soliciting = compile("noSoliciting", &extensions.no_soliciting);
    Some(Extensions {
        pipelining: pipelining?,
        chunking: chunking?,
        require_tls: require_tls?,
        dsn: dsn?,
        expn: expn?,
        vrfy: vrfy?,
        deliver_by: deliver_by?,
        future_release: future_release?,
        mt_priority: mt_priority?,
        no_soliciting: no_soliciting?,
    })
}
