//! Who asks, and how far that goes.

/// What somebody may do. Each role may do what those before it may.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Role {
    /// Look at everything but secrets.
    Viewer,
    /// Also change the queue.
    Operator,
    /// Also change settings that say where mail goes.
    Router,
    /// Also change who may do what.
    Admin,
}

/// Who asks.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Caller {
    /// As it stands in the audit log, such as `alice`, `token backup` or `local root`.
    pub name: String,
    /// What it may do.
    pub role: Role,
}
