//! Who may ask what?

pub mod permissions;
