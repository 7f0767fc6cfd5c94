//! JMAP for mail (RFC 8620, RFC 8621).
//!
//! [`service`] answers on its own HTTP listener. A request is read in `wire`, its calls are answered one after the other
//! by the file of their object, which [`methods`] finds; each is given a [`call::Call`].

mod account_id;
mod arguments;
mod blob;
mod call;
mod changes;
mod email;
mod filter;
mod get;
mod http;
mod identity;
mod load;
mod mailbox;
mod methods;
mod own_address;
mod patch;
mod perform;
mod push;
mod query_changes;
mod quota;
mod recognised;
mod records;
mod session;
mod set;
mod snippet;
mod span;
mod submission;
mod thread;
mod vacation;
mod window;

pub use http::{Service, service};
