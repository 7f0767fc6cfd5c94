//! The settings: what is in force, what becomes of a change, and what was before.
//!
//! One owner (`owner`) takes changes one after another: it draws up what they make of the registry (`draft`), has the
//! whole checked (`judge`), writes it down in one transaction (`stored`), and puts it in force. Everybody else reads
//! [`Current`], a value that is replaced whole. `objects`, `whole` and `revisions` are the methods that are called.

mod arguments;
mod closed;
mod current;
mod draft;
mod handle;
mod judge;
mod machine;
pub(crate) mod objects;
mod owner;
mod past;
mod references;
mod revision;
pub(crate) mod revisions;
mod start;
mod stored;
#[cfg(test)]
mod tests;
pub(crate) mod whole;

pub use current::{Current, Mode, Waiting};
pub use draft::{Draft, HashOf};
pub use handle::{Outcome, Proposal, Refusal, Settings};
pub use judge::{Judged, Remark};
pub use machine::{FromFile, Machine, Outside};
pub use owner::Owner;
pub use revision::Revision;
pub use start::{StartError, Started, from_file, read_stored, resume, take_over};
pub use stored::{SETTINGS_SPACE, Stored};
