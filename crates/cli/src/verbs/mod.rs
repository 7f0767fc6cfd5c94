//! What can be asked of every type of objects: `get`, `query`, `describe`, `create`, `set`, `delete`.

pub(crate) mod change;
pub(crate) mod delete;
pub(crate) mod describe;
pub(crate) mod get;
pub(crate) mod query;
pub(crate) mod set;
