//! `SenderAuthSettings`: what is signed as ours, and how strictly is it asked whose mail comes in?

use schemars::JsonSchema;
use serde::Deserialize;

use crate::expr::Expression;

/// The singleton.
#[derive(Clone, PartialEq, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct SenderAuthSettings {
    /// The domain whose `DkimSignature` objects sign a message; none if it yields no name. Evaluated for clients that
    /// may send to anywhere, never for strangers.
    #[schemars(extend("x-context" = "mailFrom"))]
    pub dkim_sign_domain: Expression,
    /// How SPF (RFC 7208) is checked: `relaxed`, `strict` or `disable`.
    #[schemars(extend("x-context" = "mailFrom"))]
    pub spf_verify: Expression,
    /// How DKIM (RFC 6376) is checked.
    #[schemars(extend("x-context" = "mailFrom"))]
    pub dkim_verify: Expression,
    /// How DMARC (RFC 9989) is checked.
    #[schemars(extend("x-context" = "mailFrom"))]
    pub dmarc_verify: Expression,
    /// How ARC (RFC 8617) is checked.
    #[schemars(extend("x-context" = "mailFrom"))]
    pub arc_verify: Expression,
    /// Whether a message is refused, after all that was found out.
    #[schemars(extend("x-context" = "authenticity"))]
    pub reject: Expression,
}

impl Default for SenderAuthSettings {
    fn default() -> Self {
        // What comes over loopback comes from a program of this machine, and was judged when it came in.
        let verify = || {
            Expression::first_of(&[("remote_ip == '127.0.0.1' || remote_ip == '::1'", "disable")], "relaxed")
        };
        SenderAuthSettings {
            dkim_sign_domain: Expression::first_of(
                &[("is_local_domain(sender_domain)", "sender_domain")],
                "false",
            ),
            spf_verify: verify(),
            dkim_verify: verify(),
            dmarc_verify: verify(),
            arc_verify: verify(),
            reject: Expression::always("false"),
        }
    }
}
