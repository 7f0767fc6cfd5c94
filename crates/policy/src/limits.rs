//! Every limit, with its unit, and the relations between them.
