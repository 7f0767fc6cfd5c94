//! Which delivery is next?
