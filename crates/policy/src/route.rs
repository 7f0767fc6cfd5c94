//! Which next hop?

use std::fmt;

use mail::Domain;

/// Where one recipient goes now: the key of concurrency and of connection sharing.
///
/// It holds the route's name: two routes with the same content are still two.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum NextHop {
    /// The local store.
    Local {
        /// The route's name.
        route: String,
    },
    /// The hosts of this domain.
    Mx {
        /// The route's name.
        route: String,
        /// The recipient domain.
        domain: Domain,
    },
    /// A configured host.
    Relay {
        /// The route's name.
        route: String,
    },
}

impl fmt::Display for NextHop {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            NextHop::Local { route } => write!(f, "local via {route}"),
            NextHop::Mx { route, domain } => write!(f, "mx of {domain} via {route}"),
            NextHop::Relay { route } => write!(f, "relay via {route}"),
        }
    }
}
