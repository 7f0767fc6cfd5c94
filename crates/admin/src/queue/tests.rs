//! The queue as operators see and change it.
