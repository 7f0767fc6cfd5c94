//! The command line as a client of the management API: it asks, and shows the answer. It decides nothing.
