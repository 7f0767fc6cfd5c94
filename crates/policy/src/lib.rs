//! Every decision, pure: no socket, no disk, no clock, no chance.
//!
//! Each file answers one question, with all it needs as arguments, `now` included.
//! What the outside must find out first is gathered into plain values before it is asked.

pub mod admit;
pub mod authenticity;
pub mod bounce;
pub mod cause;
pub mod check;
pub mod clock;
pub mod configuration;
pub mod dane;
pub mod destination;
pub mod dns;
pub mod explain;
pub mod expr;
pub mod extensions;
pub mod facts;
pub mod gap;
pub mod guesses;
pub mod health;
pub mod limits;
pub mod local;
pub mod mailing_list;
pub mod mta_sts;
pub mod mx;
pub mod outcome;
pub mod plan;
mod property;
pub mod queue_filter;
pub mod quota;
pub mod registry;
pub mod relay;
pub mod reporter;
pub mod retry;
pub mod revise;
pub mod route;
pub mod scheduler;
pub mod session;
pub mod settings;
pub mod signing;
pub mod source;
pub mod thread;
pub mod throttle;
pub mod tls;
pub mod tls_outcome;
pub mod tls_report;
pub mod vacation;
pub mod verdict;

pub use admit::{Accepted, NewRecipient};
pub use configuration::Configuration;
pub use outcome::{AttemptOutcome, Scope, Trouble, TroubleKind};
pub use retry::{Expiry, Progress};
pub use revise::{Edit, Hold, Orders};
pub use route::NextHop;
pub use verdict::Verdict;
