//! Which recipients of the queue does a filter mean?

use mail::{Envelope, Timestamp};
use policy::facts::Facts;
use policy::queue_filter::{QueueFilter, Queued};
use serde_json::{Map, Value};
use store::{Detail, QueuedRecipient, RecipientState, Sight};

use super::surroundings::Surroundings;
use crate::error::MethodError;

/// A filter as asked: all of it must hold.
#[derive(Debug, Default)]
pub(super) struct Filter {
    text: Option<String>,
    return_path: Option<String>,
    to: Option<String>,
    queue_name: Option<String>,
    due: Vec<(Comparison, Timestamp)>,
    cause: Option<String>,
    held: Option<bool>,
    expression: Option<QueueFilter>,
}

#[derive(Clone, Copy, Debug)]
enum Comparison {
    Is,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

impl Filter {
    /// Reads a filter; none means all.
    pub(super) fn read(filter: Option<&Value>) -> Result<Self, MethodError> {
        let mut read = Filter::default();
        match filter {
            None | Some(Value::Null) => {}
            Some(Value::Object(members)) => read.take(members)?,
            Some(_) => return Err(MethodError::invalid_arguments("the filter is no object")),
        }
        Ok(read)
    }

    fn take(&mut self, members: &Map<String, Value>) -> Result<(), MethodError> {
        if let Some(operator) = members.get("operator") {
            if operator.as_str() != Some("AND") {
                let only = "Only AND is supported in filters; use `expression` for more";
                return Err(MethodError::new("unsupportedFilter", only));
            }
            let conditions = members.get("conditions").and_then(Value::as_array);
            let conditions =
                conditions.ok_or_else(|| MethodError::invalid_arguments("conditions are missing"))?;
            for condition in conditions {
                let members = condition.as_object();
                let members =
                    members.ok_or_else(|| MethodError::invalid_arguments("a condition is no object"))?;
                if members.contains_key("operator") {
                    return Err(MethodError::new("unsupportedFilter", "conditions cannot be nested"));
                }
                self.take(members)?;
            }
            return Ok(());
        }
        members.iter().try_for_each(|(name, value)| self.condition(name, value))
    }

    fn condition(&mut self, name: &str, value: &Value) -> Result<(), MethodError> {
        let wrong = || MethodError::invalid_arguments(format!("filter: {name} has a wrong value"));
        let text = || value.as_str().map(str::to_owned).ok_or_else(wrong);
        let time = || value.as_str().and_then(Timestamp::parse_rfc3339).ok_or_else(wrong);
        match name {
            "text" => self.text = Some(text()?),
            "returnPath" => self.return_path = Some(text()?),
            "to" => self.to = Some(text()?),
            "queueName" => self.queue_name = Some(text()?),
            "cause" => self.cause = Some(text()?),
            "held" => self.held = Some(value.as_bool().ok_or_else(wrong)?),
            "due" => self.due.push((Comparison::Is, time()?)),
            "dueIsLessThan" => self.due.push((Comparison::Less, time()?)),
            "dueIsLessThanOrEqual" => self.due.push((Comparison::LessOrEqual, time()?)),
            "dueIsGreaterThan" => self.due.push((Comparison::Greater, time()?)),
            "dueIsGreaterThanOrEqual" => self.due.push((Comparison::GreaterOrEqual, time()?)),
            "expression" => {
                let compiled = QueueFilter::compile(&text()?).map_err(|error| {
                    let hint = error.hint.map_or_else(String::new, |hint| format!(" ({hint})"));
                    let place = format!("characters {} to {}", error.span.start, error.span.end);
                    MethodError::new(
                        "unsupportedFilter",
                        format!("expression, {place}: {}{hint}", error.message),
                    )
                })?;
                self.expression = Some(compiled);
            }
            _ => {
                let why = format!("there is no filter {name}");
                return Err(MethodError::new("unsupportedFilter", why));
            }
        }
        Ok(())
    }

    /// How much must be read of a recipient to say whether it is meant.
    pub(super) fn detail(&self) -> Detail {
        if self.expression.is_some() || self.is_textual() {
            Detail::Whole
        } else if self.cause.is_some() || self.held.is_some() || self.queue_name.is_some() {
            Detail::Progress
        } else {
            Detail::Keys
        }
    }

    /// Texts without which an envelope cannot match.
    pub(super) fn contains(&self) -> Vec<String> {
        match &self.text {
            Some(text) => vec![text.clone()],
            None => {
                let sender = self.return_path.iter().filter(|text| !"<>".contains(text.as_str()));
                sender.chain(&self.to).cloned().collect()
            }
        }
    }

    fn is_textual(&self) -> bool {
        self.text.is_some() || self.return_path.is_some() || self.to.is_some()
    }

    /// Whether a recipient is meant, read with as much detail as the filter wants. If there is a text to be found,
    /// `due` means the next attempt, else the next event.
    pub(super) fn means(&self, sight: &Sight, around: &Surroundings) -> bool {
        let due = match (&sight.progress, self.is_textual()) {
            (Some((progress, _)), true) => progress.due,
            (Some(_) | None, _) => sight.next_event,
        };
        let by_time = self.due.iter().all(|(comparison, at)| match comparison {
            Comparison::Is => due == *at,
            Comparison::Less => due < *at,
            Comparison::LessOrEqual => due <= *at,
            Comparison::Greater => due > *at,
            Comparison::GreaterOrEqual => due >= *at,
        });
        by_time && self.by_progress(sight, around) && self.by_envelope(sight, around)
    }

    fn by_progress(&self, sight: &Sight, around: &Surroundings) -> bool {
        let Some((progress, state)) = &sight.progress else { return true };
        let in_queue = self.queue_name.as_ref().is_none_or(|name| *name == progress.virtual_queue);
        let held = self.held.is_none_or(|held| held == progress.held().is_some());
        in_queue
            && held
            && self.cause.as_ref().is_none_or(|id| around.cause(progress, state.standing()).id() == *id)
    }

    fn by_envelope(&self, sight: &Sight, around: &Surroundings) -> bool {
        let Some((envelope, queued)) = &sight.whole else { return true };
        self.by_text(envelope, queued) && self.by_expression(envelope, queued, &queued.state, around)
    }

    /// The sender, or this recipient: whoever else the message goes to is another row.
    fn by_text(&self, envelope: &Envelope, queued: &QueuedRecipient) -> bool {
        let by_sender = |text: &str| match envelope.reverse_path.address() {
            Some(sender) => sender.to_string().contains(text),
            None => "<>".contains(text),
        };
        let to = |text: &str| queued.recipient.forward_path.to_string().contains(text);
        match &self.text {
            Some(text) => by_sender(text) || to(text),
            None => {
                self.return_path.as_ref().is_none_or(|text| by_sender(text))
                    && self.to.as_ref().is_none_or(|text| to(text))
            }
        }
    }

    fn by_expression(
        &self,
        envelope: &Envelope,
        queued: &QueuedRecipient,
        state: &RecipientState,
        around: &Surroundings,
    ) -> bool {
        let Some(filter) = &self.expression else { return true };
        let progress = &queued.progress;
        let standing = state.standing();
        let cause = around.cause(progress, standing);
        let facts = Facts::new(envelope, &queued.recipient.forward_path, progress, around.now);
        let seen = Queued { facts, standing, cause: &cause };
        filter.means(&seen, &around.configuration).unwrap_or(false)
    }
}
