//! What becomes of the recipient after an attempt?

use crate::outcome::{Delivered, Trouble};
use crate::retry::Progress;

/// What becomes of a recipient. The store writes it; nothing else ends a recipient.
#[derive(Clone, PartialEq, Debug)]
pub enum Verdict {
    /// It has ended well.
    Delivered(Delivered),
    /// It is tried again at `Progress::due`.
    Retry(Progress),
    /// It has ended badly.
    Failed(Trouble),
}
