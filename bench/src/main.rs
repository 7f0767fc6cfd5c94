//! Load generator and counting sink.
fn main() {}
