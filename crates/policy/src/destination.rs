//! How many deliveries at once to a next hop, and is it down?
