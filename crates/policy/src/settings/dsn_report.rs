//! `DsnReportSettings`: in whose name notifications are written, and which strangers get them.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::expr::Expression;

/// The singleton. The expressions are evaluated for the message that is told about, and yield texts.
#[derive(Clone, PartialEq, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct DsnReportSettings {
    /// The name in the From field of notifications.
    #[schemars(extend("x-context" = "sender"))]
    pub from_name: Expression,
    /// The address in their From field.
    #[schemars(extend("x-context" = "sender"))]
    pub from_address: Expression,
    /// The domain whose keys sign them; what is not a text leaves them unsigned.
    #[schemars(extend("x-context" = "sender"))]
    pub dkim_sign_domain: Expression,
    /// Which strangers are told what became of their mail.
    pub notify_unauthenticated: NotifyUnauthenticated,
    /// Whether the postmaster of the default domain is told of notifications that cannot be delivered.
    pub double_bounce_to_postmaster: bool,
}

/// Which of those who sent without authentication are told: their reverse-path may be somebody else's.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Deserialize, JsonSchema, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum NotifyUnauthenticated {
    /// None of them.
    Never,
    /// Those whose address passed DMARC, and those whose recipients were known to be there when they were accepted.
    #[default]
    Verified,
    /// All of them.
    Always,
}

impl Default for DsnReportSettings {
    fn default() -> Self {
        DsnReportSettings {
            from_name: Expression::always("'Mail Delivery Subsystem'"),
            from_address: Expression::always("'MAILER-DAEMON@' + system('domain')"),
            dkim_sign_domain: Expression::always("system('domain')"),
            notify_unauthenticated: NotifyUnauthenticated::default(),
            double_bounce_to_postmaster: false,
        }
    }
}
