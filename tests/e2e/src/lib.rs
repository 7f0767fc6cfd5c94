//! The real `waypost` and real peers, each on free loopback ports, gone when dropped.
