//! Messages as JMAP shows them (RFC 8621 section 4): which file answers a method.

mod body_part;
mod body_values;
mod copy;
mod create;
mod create_body;
mod create_fields;
mod get;
mod header_property;
mod import;
mod keywords;
mod parse;
mod patch;
mod properties;
mod query;
mod query_changes;
mod set;
mod view;

use serde_json::{Map, Value};
use store::messages::{EmailId, Kind};
use wire::jmap::MethodError;

use super::arguments::Arguments;
use super::call::{Answer, Call};
use super::changes;

pub(crate) use body_values::VALUES_BYTES_MAX;
pub(crate) use query::read_filter;

/// Answers a call about messages.
pub(super) async fn call(call: &mut Call<'_>, verb: &str, arguments: Map<String, Value>) -> Answer {
    let mut given = Arguments::new(arguments);
    match verb {
        "get" => get::get(call, &mut given).await,
        "changes" => changes::changes_of(call, Kind::Email, &mut given, |id| EmailId(id).to_string()).await,
        "query" => query::query(call, &mut given).await,
        "queryChanges" => query_changes::query_changes(call, &mut given).await,
        "set" => set::set(call, &mut given).await,
        "import" => import::import(call, &mut given).await,
        "copy" => copy::copy(call, &mut given),
        "parse" => parse::parse(call, &mut given).await,
        _ => Err(MethodError::unknown_method(&format!("Email/{verb}"))),
    }
}
