//! `Email/copy` (RFC 8621 section 4.7).

use wire::jmap::MethodError;

use super::super::arguments::Arguments;
use super::super::blob::other_account;
use super::super::call::{Answer, Call};

/// The caller has one account only, so there is no other from which something could be copied.
pub(super) fn copy(call: &Call<'_>, arguments: &mut Arguments) -> Answer {
    let from = arguments.needed_text("fromAccountId")?;
    if arguments.object("create")?.values().any(|object| !object.is_object()) {
        return Err(MethodError::invalid_arguments("create must hold objects"));
    }
    Err(other_account(call, &from))
}
