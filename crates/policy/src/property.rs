//! What does an expression property of a settings object say for a session?

use crate::expr::{CheckedExpression, Interrupt, Scene, Value};
use crate::outcome::{Scope, Trouble, TroubleKind};
use crate::route::Choice;

/// The value of a property, as `read` understands it; no value is as good as false.
///
/// The error is what there is instead: lookups that it takes, or the trouble that the expression ran into.
pub(crate) fn value<'a, T, C>(
    object: &str,
    property: &str,
    expression: &'a CheckedExpression,
    scene: Scene<'a>,
    read: impl FnOnce(&Value<'_>) -> T,
) -> Result<T, Box<Choice<C>>> {
    match expression.evaluate(scene) {
        Ok((_, found)) => Ok(read(&found.unwrap_or(Value::Integer(0)))),
        Err((_, Interrupt::Needs(lookup))) => Err(Box::new(Choice::Needs(vec![*lookup]))),
        Err((place, Interrupt::Failed(reason))) => {
            let text = format!("{object} {property}.{place}: {reason}");
            let trouble = Trouble::new(Scope::Message, TroubleKind::Io, (4, 3, 5), text);
            Err(Box::new(Choice::Undecidable(trouble)))
        }
    }
}
