//! Which security must the hop have?
