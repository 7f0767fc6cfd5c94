//! When do we say 250? Content into the spool, one commit, then the reply.
