//! The settings objects, each declared once: fields, defaults, bounds, one-line descriptions.

pub mod connection_strategy;
pub mod delivery_schedule;
pub mod directory;
pub mod outbound_strategy;
pub mod route;
pub mod secret;
pub mod tls_strategy;
pub mod virtual_queue;

pub use connection_strategy::{MtaConnectionStrategy, SourceIp};
pub use delivery_schedule::{DeliveryExpiration, MtaDeliverySchedule};
pub use directory::{Account, Domain};
pub use outbound_strategy::MtaOutboundStrategy;
pub use route::{IpLookupStrategy, MtaRoute, MxRoute, RelayProtocol, RelayRoute, RouteKind};
pub use secret::{Secret, SecretKeyOptional};
pub use tls_strategy::{MtaTlsStrategy, TlsLevel};
pub use virtual_queue::MtaVirtualQueue;
