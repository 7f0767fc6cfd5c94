//! `MtaOutboundStrategy`: the four expressions that choose how a recipient is delivered.

use crate::expr::Expression;

/// The singleton. Each expression yields the name of an object.
#[derive(Clone, PartialEq, Debug)]
pub struct MtaOutboundStrategy {
    /// Which `MtaRoute`; evaluated for each recipient at each attempt.
    pub route: Expression,
    /// Which `MtaDeliverySchedule`; at acceptance, after each temporary failure, with each delay notice.
    pub schedule: Expression,
    /// Which `MtaConnectionStrategy`; for each address about to be contacted.
    pub connection: Expression,
    /// Which `MtaTlsStrategy`; before the MX lookup and again for each host.
    pub tls: Expression,
}
