//! Who is told, and what?
