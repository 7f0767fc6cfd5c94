//! `MtaOutboundStrategy`: the four expressions that choose how a recipient is delivered.

use schemars::JsonSchema;
use serde::Deserialize;

use crate::expr::Expression;

/// The singleton. Each expression yields the name of an object.
#[derive(Clone, PartialEq, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct MtaOutboundStrategy {
    /// Which `MtaRoute`; evaluated for each recipient at each attempt.
    #[schemars(extend("x-context" = "recipient", "x-yields" = "MtaRoute"))]
    pub route: Expression,
    /// Which `MtaDeliverySchedule`; at acceptance, after each temporary failure, with each delay notice.
    #[schemars(extend("x-context" = "recipient", "x-yields" = "MtaDeliverySchedule"))]
    pub schedule: Expression,
    /// Which `MtaConnectionStrategy`; for each address about to be contacted.
    #[schemars(extend("x-context" = "host", "x-yields" = "MtaConnectionStrategy"))]
    pub connection: Expression,
    /// Which `MtaTlsStrategy`; for each host about to be tried.
    #[schemars(extend("x-context" = "host", "x-yields" = "MtaTlsStrategy"))]
    pub tls: Expression,
}

impl Default for MtaOutboundStrategy {
    fn default() -> Self {
        const LOCAL: (&str, &str) = ("is_local_domain(rcpt_domain)", "'local'");
        MtaOutboundStrategy {
            route: Expression::first_of(&[LOCAL], "'mx'"),
            schedule: Expression::first_of(
                &[LOCAL, ("source == 'dsn'", "'dsn'"), ("source == 'report'", "'report'")],
                "'remote'",
            ),
            connection: Expression::always("'default'"),
            tls: Expression::first_of(
                &[("retry_num > 0 && last_error == 'tls'", "'invalid-tls'")],
                "'default'",
            ),
        }
    }
}
