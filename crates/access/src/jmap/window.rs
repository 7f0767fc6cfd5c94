//! Which part of the results of a query does a client want (RFC 8620 section 5.5)?

use serde_json::{Map, Value, json};
use wire::jmap::MethodError;

use super::arguments::{Arguments, wrong};
use super::call::state_text;

/// Ids in one answer at most.
pub(crate) const IDS_MAX: usize = 100_000;

/// A part of the results.
#[derive(Clone, PartialEq, Debug)]
pub(crate) struct Window {
    position: i64,
    anchor: Option<String>,
    anchor_offset: i64,
    limit: Option<usize>,
    /// Whether the number of all results is wanted.
    pub(crate) calculate_total: bool,
}

impl Window {
    /// Reads it.
    pub(crate) fn read(arguments: &mut Arguments) -> Result<Window, MethodError> {
        let limit = match arguments.integer("limit")? {
            None => None,
            // RFC 8620 section 5.5: a negative limit is an error.
            Some(limit) => Some(usize::try_from(limit).map_err(|_| wrong("limit must not be negative"))?),
        };
        Ok(Window {
            position: arguments.integer("position")?.unwrap_or(0),
            anchor: arguments.text("anchor")?,
            anchor_offset: arguments.integer("anchorOffset")?.unwrap_or(0),
            limit,
            calculate_total: arguments.flag("calculateTotal", false)?,
        })
    }

    /// How many of the first results are enough to answer; all if `None`.
    pub(crate) fn first_needed(&self) -> Option<usize> {
        if self.anchor.is_some() {
            return None;
        }
        let position = usize::try_from(self.position).ok()?;
        position.checked_add(self.most())
    }

    fn most(&self) -> usize {
        self.limit.map_or(IDS_MAX, |limit| limit.min(IDS_MAX))
    }

    /// Where it begins, and the ids in it; `ids` are the results from the first on.
    pub(crate) fn of<'a>(&self, ids: &'a [String]) -> Result<(usize, &'a [String]), MethodError> {
        let begin = match &self.anchor {
            Some(anchor) => {
                let at = ids.iter().position(|id| id == anchor).ok_or_else(|| {
                    MethodError::new("anchorNotFound", format!("{anchor} is not among the results"))
                })?;
                offset(at, self.anchor_offset)
            }
            None if self.position < 0 => offset(ids.len(), self.position),
            None => usize::try_from(self.position).unwrap_or(usize::MAX),
        };
        let from = begin.min(ids.len());
        let to = from.saturating_add(self.most()).min(ids.len());
        Ok((begin, &ids[from..to]))
    }

    /// The answer of a `/query`. `total` is the number of all results.
    pub(crate) fn answer(
        &self,
        ids: &[String],
        total: u64,
        state: mail::ModSeq,
        can_calculate: bool,
    ) -> Result<Map<String, Value>, MethodError> {
        let (position, window) = self.of(ids)?;
        let mut answer = Map::new();
        answer.insert("queryState".to_owned(), state_text(state).into());
        answer.insert("canCalculateChanges".to_owned(), can_calculate.into());
        answer.insert("position".to_owned(), position.into());
        answer.insert("ids".to_owned(), json!(window));
        if self.calculate_total {
            answer.insert("total".to_owned(), total.into());
        }
        // What the client has set need not be told; what we have set must be.
        if self.limit.is_none_or(|limit| limit > IDS_MAX) && window.len() == IDS_MAX {
            answer.insert("limit".to_owned(), IDS_MAX.into());
        }
        Ok(answer)
    }
}

/// A place so far from another, never before the first.
fn offset(from: usize, by: i64) -> usize {
    let distance = usize::try_from(by.unsigned_abs()).unwrap_or(usize::MAX);
    if by < 0 { from.saturating_sub(distance) } else { from.saturating_add(distance) }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn window(arguments: Value) -> Result<Window, MethodError> {
        let Value::Object(members) = arguments else { panic!("no object") };
        Window::read(&mut Arguments::new(members))
    }

    #[test]
    fn shows_the_part_that_was_asked_for() {
        let ids: Vec<String> = "abcdefgh".chars().map(String::from).collect();
        let check = |arguments: Value, position: usize, expected: &str| {
            let window = window(arguments).unwrap();
            let (begin, part) = window.of(&ids).unwrap();
            assert_eq!((begin, part.concat().as_str()), (position, expected), "{window:?}");
            if let Some(first) = window.first_needed() {
                let enough = &ids[..first.min(ids.len())];
                assert_eq!(window.of(enough).unwrap(), (begin, part), "{window:?}");
            }
        };
        check(json!({}), 0, "abcdefgh");
        check(json!({ "position": 2, "limit": 3 }), 2, "cde");
        check(json!({ "position": -3, "limit": 2 }), 5, "fg");
        check(json!({ "position": -99, "limit": 2 }), 0, "ab");
        check(json!({ "position": 99 }), 99, "");
        check(json!({ "limit": 0 }), 0, "");
        check(json!({ "anchor": "d", "limit": 2 }), 3, "de");
        check(json!({ "anchor": "d", "anchorOffset": -2, "limit": 2 }), 1, "bc");
        check(json!({ "anchor": "d", "anchorOffset": -9, "limit": 2 }), 0, "ab");
        check(json!({ "anchor": "d", "anchorOffset": 2, "position": 1 }), 5, "fgh");
        let missing = window(json!({ "anchor": "z" })).unwrap().of(&ids).unwrap_err();
        assert_eq!(missing.kind, "anchorNotFound");
        assert_eq!(window(json!({ "limit": -1 })).unwrap_err().kind, "invalidArguments");
        assert_eq!(window(json!({ "position": 1.5 })).unwrap_err().kind, "invalidArguments");
    }
}
