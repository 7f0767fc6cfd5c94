//! Who is told of changes, and how? `PushSubscription` (RFC 8620 section 7.2), and what is told on all ways.
//!
//! A subscription lies in the small values of the store and ends there by itself. While it is there and verified, one
//! small task of its account waits for changes ([`courier`]).

pub(crate) mod changes;
pub(crate) mod courier;
mod encrypt;
mod ripening;
mod subscription;

pub(crate) use self::subscription::call;
