//! `ReportSettings`: which host says that it reports.

use schemars::JsonSchema;
use serde::Deserialize;

use crate::expr::Expression;

/// The singleton.
#[derive(Clone, PartialEq, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct ReportSettings {
    /// The host name in `Reporting-MTA` and in Message-IDs; knows the domain of whoever is told as `rcpt_domain`.
    #[schemars(extend("x-context" = "rcptDomain"))]
    pub outbound_report_submitter: Expression,
}

impl Default for ReportSettings {
    fn default() -> Self {
        ReportSettings { outbound_report_submitter: Expression::always("system('hostname')") }
    }
}
