//! What is remembered of a change?

use mail::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::current::Waiting;

/// Bytes of sentences that are kept with a revision.
const SENTENCES_BYTES_MAX: usize = 64 << 10;
/// Characters of a comment.
pub(crate) const COMMENT_CHARS_MAX: usize = 1000;

/// One state of the settings, and who brought it about.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Revision {
    /// From 1, without gaps.
    pub number: u64,
    /// When, in milliseconds since the epoch.
    pub at: u64,
    /// Who.
    pub author: String,
    /// Why, in the author's words.
    pub comment: Option<String>,
    /// What is different from the one before, in sentences; the first of them.
    pub differences: Vec<String>,
    /// How many differences there are.
    pub differences_total: usize,
    /// When it goes back by itself, if it was made on trial, in milliseconds since the epoch.
    pub confirm_by: Option<u64>,
    /// The revision whose settings it has, if it restores one.
    #[serde(default)]
    pub restores: Option<u64>,
}

impl Revision {
    /// Keeps as many sentences as fit.
    pub(super) fn with_sentences(self, sentences: Vec<String>) -> Self {
        let total = sentences.len();
        let mut bytes = 0;
        let fits = |sentence: &String| {
            bytes += sentence.len() + 4;
            bytes <= SENTENCES_BYTES_MAX
        };
        Revision {
            differences: sentences.into_iter().take_while(fits).collect(),
            differences_total: total,
            ..self
        }
    }

    /// As answers have it. `waiting` is what is on trial now.
    pub(super) fn to_value(&self, waiting: Option<&Waiting>) -> Value {
        let trial = waiting.filter(|waiting| waiting.revision == self.number);
        let time = |millis: u64| Timestamp::from_millis(millis).rfc3339();
        json!({
            "id": self.number.to_string(),
            "number": self.number,
            "at": time(self.at),
            "author": self.author,
            "comment": self.comment,
            "differences": self.differences,
            "differencesTotal": self.differences_total,
            "restores": self.restores,
            "confirmBy": self.confirm_by.filter(|_| trial.is_some()).map(time),
            "backTo": trial.map(|trial| trial.back_to),
        })
    }
}
