//! Is the whole configuration fit to be used?
