//! Which recipients are meant? Ids, an expression, a cause, or all.

use serde_json::{Map, Value, json};

use crate::failure::Failure;

/// Which recipients.
#[derive(clap::Args, Debug)]
#[command(next_help_heading = "Which recipients")]
pub(super) struct Args {
    /// Messages by id, as `waypost queue list` shows them.
    #[arg(value_name = "MESSAGE", conflicts_with_all = ["condition", "cause", "all"])]
    ids: Vec<String>,
    /// All for which this expression holds, in the language of routing:
    /// `rcpt_domain == 'example.org' && retry_num > 3`, `next_hop == 'smarthost'`, `age > 1d`, `held`.
    #[arg(long = "where", value_name = "EXPRESSION")]
    condition: Option<String>,
    /// All that wait for this cause, as `waypost queue causes` shows it.
    #[arg(long, value_name = "CAUSE")]
    cause: Option<String>,
    /// Everything in the queue.
    #[arg(long, conflicts_with_all = ["condition", "cause"])]
    all: bool,
}

impl Args {
    /// As members of a job; `is_held` narrows to what is held, or is not.
    pub(super) fn members(&self, is_held: Option<bool>) -> Result<Map<String, Value>, Failure> {
        let mut members = Map::new();
        if !self.ids.is_empty() {
            members.insert("ids".to_owned(), json!(self.ids));
            return Ok(members);
        }
        if self.condition.is_none() && self.cause.is_none() && !self.all {
            return Err(Failure::usage(
                "say which recipients: message ids, --where 'EXPRESSION', --cause ID or --all",
            ));
        }
        let mut filter = Map::new();
        if let Some(condition) = &self.condition {
            filter.insert("expression".to_owned(), condition.as_str().into());
        }
        if let Some(cause) = &self.cause {
            filter.insert("cause".to_owned(), cause.as_str().into());
        }
        if let Some(is_held) = is_held {
            filter.insert("held".to_owned(), is_held.into());
        }
        members.insert("filter".to_owned(), Value::Object(filter));
        Ok(members)
    }

    /// Whether they are named one by one, so that nobody need be asked.
    pub(super) fn is_by_name(&self) -> bool {
        !self.ids.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn somebody_must_say_which_recipients() {
        let args = |ids: &[&str], condition: Option<&str>, all| Args {
            ids: ids.iter().map(|id| (*id).to_owned()).collect(),
            condition: condition.map(str::to_owned),
            cause: None,
            all,
        };
        assert_eq!(args(&[], None, false).members(None).unwrap_err().kind.code(), 2);
        let members = |args: Args, held| Value::Object(args.members(held).unwrap());
        assert_eq!(members(args(&["a"], None, false), None), json!({"ids": ["a"]}));
        assert_eq!(members(args(&[], None, true), Some(true)), json!({"filter": {"held": true}}));
        assert_eq!(members(args(&[], Some("held"), false), None), json!({"filter": {"expression": "held"}}));
    }
}
