//! Who may ask what?

pub mod permissions;
mod routes;

pub(crate) use routes::{identify, routes};
