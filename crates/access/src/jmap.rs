//! JMAP for mail (RFC 8620, RFC 8621).
//!
//! [`service`] answers on its own HTTP listener. A request is read in `wire`, its calls are answered one after the other
//! by the file of their object, which [`methods`] finds; each is given a [`call::Call`].

mod account_id;
mod arguments;
mod blob;
mod call;
mod changes;
mod filter;
mod get;
mod http;
mod load;
mod mailbox;
mod methods;
mod perform;
mod query_changes;
mod recognised;
mod session;
mod set;
mod span;
mod thread;
mod window;

pub use http::{Service, service};
