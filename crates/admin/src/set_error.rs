//! Why one object of a `/set` was not made, changed or removed: as in all JMAP.

pub use wire::jmap::{SetError, SetErrorKind};
