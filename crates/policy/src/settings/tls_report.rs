//! `TlsReportSettings`: how often other domains are told how our TLS connections to them went, and in whose name.

use schemars::JsonSchema;
use serde::Deserialize;

use super::json::fields;
use super::shape;
use crate::expr::Expression;
use crate::limits::TLS_REPORT_BYTES_MAX;

/// The singleton. The expressions know the domain that is reported to as `rcpt_domain`.
#[derive(Clone, PartialEq, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct TlsReportSettings {
    /// `hourly`, `daily`, `weekly` or `disable`.
    #[schemars(extend("x-context" = "rcptDomain"))]
    pub send_frequency: Expression,
    /// The name in the From field.
    #[schemars(extend("x-context" = "rcptDomain"))]
    pub from_name: Expression,
    /// The address there.
    #[schemars(extend("x-context" = "rcptDomain"))]
    pub from_address: Expression,
    /// The beginning of the subject; the domain follows.
    #[schemars(extend("x-context" = "rcptDomain"))]
    pub subject: Expression,
    /// The organisation that reports.
    #[schemars(extend("x-context" = "rcptDomain"))]
    pub org_name: Expression,
    /// Whom to ask about a report; an empty text for nobody.
    #[schemars(extend("x-context" = "rcptDomain"))]
    pub contact_info: Expression,
    /// The domain whose keys sign; what is not a text leaves reports unsigned.
    #[schemars(extend("x-context" = "rcptDomain"))]
    pub dkim_sign_domain: Expression,
    /// Bytes of a packed report; a larger one is not sent.
    #[serde(deserialize_with = "fields::at_least_one")]
    #[schemars(with = "shape::Bytes")]
    pub max_report_size: usize,
}

impl Default for TlsReportSettings {
    fn default() -> Self {
        TlsReportSettings {
            send_frequency: Expression::always("daily"),
            from_name: Expression::always("'TLS reports'"),
            from_address: Expression::always("'noreply-tls@' + system('domain')"),
            subject: Expression::always("'Report Domain:'"),
            org_name: Expression::always("system('domain')"),
            contact_info: Expression::always("''"),
            dkim_sign_domain: Expression::always("system('domain')"),
            max_report_size: TLS_REPORT_BYTES_MAX,
        }
    }
}
