//! `MtaExtensions`: which SMTP extensions is a client offered?

use schemars::JsonSchema;
use serde::Deserialize;

use crate::expr::Expression;

/// The singleton. Each property is evaluated at EHLO, and again when the client has authenticated.
#[derive(Clone, PartialEq, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct MtaExtensions {
    /// PIPELINING (RFC 2920).
    #[schemars(extend("x-context" = "ehlo"))]
    pub pipelining: Expression,
    /// CHUNKING and BINARYMIME (RFC 3030).
    #[schemars(extend("x-context" = "ehlo"))]
    pub chunking: Expression,
    /// REQUIRETLS (RFC 8689); only ever over TLS.
    #[schemars(extend("x-context" = "ehlo"))]
    pub require_tls: Expression,
    /// DSN (RFC 3461).
    #[schemars(extend("x-context" = "ehlo"))]
    pub dsn: Expression,
    /// EXPN (RFC 5321 section 3.5).
    #[schemars(extend("x-context" = "ehlo"))]
    pub expn: Expression,
    /// Whether VRFY says which addresses there are (RFC 5321 section 3.5).
    #[schemars(extend("x-context" = "ehlo"))]
    pub vrfy: Expression,
    /// DELIVERBY (RFC 2852): the longest time that may be asked for.
    #[schemars(extend("x-context" = "ehlo"))]
    pub deliver_by: Expression,
    /// FUTURERELEASE (RFC 4865): the longest time that mail may be held back.
    #[schemars(extend("x-context" = "ehlo"))]
    pub future_release: Expression,
    /// MT-PRIORITY (RFC 6710): `mixer`, `stanag4406` or `nsep`.
    #[schemars(extend("x-context" = "ehlo"))]
    pub mt_priority: Expression,
    /// NO-SOLICITING (RFC 3865): the classes of mail that are not wanted.
    #[schemars(extend("x-context" = "ehlo"))]
    pub no_soliciting: Expression,
}

impl Default for MtaExtensions {
    fn default() -> Self {
        let always = || Expression::always("true");
        let for_users = |value| Expression::first_of(&[("authenticated_as != ''", value)], "false");
        MtaExtensions {
            pipelining: always(),
            chunking: always(),
            require_tls: always(),
            dsn: for_users("true"),
            expn: for_users("true"),
            vrfy: for_users("true"),
            deliver_by: for_users("15d"),
            future_release: for_users("7d"),
            mt_priority: for_users("mixer"),
            no_soliciting: Expression::always("''"),
        }
    }
}
