//! `Email/query` (RFC 8621 section 4.4), in the language of the store.

use mail::{Flags, Timestamp};
use serde_json::{Map, Value};
use store::messages::{Criterion, Filter, Query, Sort, SortKey};
use wire::jmap::MethodError;

use super::super::arguments::{Arguments, wrong};
use super::super::call::{Answer, Call, unavailable};
use super::super::filter::{self, Comparator, NODES_MAX, sorts, unsupported_filter};
use super::super::session::SORTS;
use super::super::window::Window;
use super::keywords::flag;

/// Words of one text that are looked for.
const WORDS_MAX: usize = 64;

pub(super) async fn query(call: &Call<'_>, arguments: &mut Arguments) -> Answer {
    let window = Window::read(arguments)?;
    let query = Query { limit: window.first_needed(), ..read(call, arguments)? };
    let found = call.world.messages.search(call.address(), &query).await.map_err(unavailable)?;
    let ids: Vec<String> = found.hits.iter().map(|(id, ..)| id.to_string()).collect();
    let mut answer = window.answer(&ids, found.total, found.modseq, true)?;
    answer.insert("collapseThreads".to_owned(), query.collapse_threads.into());
    Ok(answer)
}

/// Filter, order, and whether conversations are collapsed.
pub(super) fn read(call: &Call<'_>, arguments: &mut Arguments) -> Result<Query, MethodError> {
    let filter = read_filter(call, arguments.take("filter"))?;
    let mut sort: Vec<Sort> =
        sorts(arguments.take("sort"), &SORTS)?.into_iter().map(order).collect::<Result<_, _>>()?;
    if sort.is_empty() {
        sort.push(Sort { key: SortKey::ReceivedAt, descending: true });
    }
    let collapse_threads = arguments.flag("collapseThreads", false)?;
    Ok(Query { mailbox: None, filter, sort, collapse_threads, limit: None })
}

/// The argument `filter`.
pub(crate) fn read_filter(call: &Call<'_>, value: Option<Value>) -> Result<Filter, MethodError> {
    let mut left = NODES_MAX;
    let filter = filter::Filter::read(value, &mut |members| {
        let condition = condition(call, members)?;
        left = left.checked_sub(parts(&condition)).ok_or_else(too_long)?;
        Ok(condition)
    })?;
    Ok(joined(filter))
}

fn too_long() -> MethodError {
    unsupported_filter("the filter has too many conditions and words")
}

/// How much is judged of each message: a condition is each of its keys, and each of their words.
fn parts(filter: &Filter) -> usize {
    match filter {
        Filter::And(all) | Filter::Or(all) => all.iter().map(parts).sum(),
        Filter::Not(none) => parts(none),
        Filter::Is(_) => 1,
    }
}

fn joined(filter: filter::Filter<Filter>) -> Filter {
    match filter {
        filter::Filter::And(all) => Filter::And(all.into_iter().map(joined).collect()),
        filter::Filter::Or(any) => Filter::Or(any.into_iter().map(joined).collect()),
        filter::Filter::Not(none) => {
            Filter::Not(Box::new(Filter::Or(none.into_iter().map(joined).collect())))
        }
        filter::Filter::Is(condition) => condition,
    }
}

/// All that a condition says must hold.
fn condition(call: &Call<'_>, members: Map<String, Value>) -> Result<Filter, MethodError> {
    let mut all = Vec::with_capacity(members.len());
    for (key, value) in members {
        if value.is_null() {
            continue;
        }
        all.push(one(call, &key, &value)?);
    }
    Ok(match <[Filter; 1]>::try_from(all) {
        Ok([only]) => only,
        Err(all) => Filter::And(all),
    })
}

fn one(call: &Call<'_>, key: &str, value: &Value) -> Result<Filter, MethodError> {
    let wrong_type = || wrong(format!("the filter's {key} is of the wrong type"));
    let text = || value.as_str().ok_or_else(wrong_type);
    let time = || text().and_then(|text| Timestamp::parse_rfc3339(text).ok_or_else(wrong_type));
    let size = || value.as_u64().ok_or_else(wrong_type);
    let keyword = || text().and_then(|text| flag(text).ok_or_else(wrong_type));
    let is = Filter::Is;
    let not = |filter: Filter| Filter::Not(Box::new(filter));
    let mailbox = |id: &str| call.meant(id).and_then(|id| id.parse().ok());
    Ok(match key {
        "inMailbox" => match mailbox(text()?) {
            Some(id) => is(Criterion::InMailbox(id)),
            None => Filter::Or(Vec::new()),
        },
        "inMailboxOtherThan" => {
            let ids = value.as_array().ok_or_else(wrong_type)?;
            let ids: Option<Vec<&str>> = ids.iter().map(Value::as_str).collect();
            let ids = ids.ok_or_else(wrong_type)?;
            is(Criterion::InOtherThan(ids.into_iter().filter_map(mailbox).collect()))
        }
        "before" => is(Criterion::Before(time()?)),
        "after" => is(Criterion::Since(time()?)),
        "minSize" => match size()?.checked_sub(1) {
            Some(most) => is(Criterion::Larger(most)),
            None => Filter::And(Vec::new()),
        },
        "maxSize" => is(Criterion::Smaller(size()?)),
        "allInThreadHaveKeyword" => is(Criterion::AllInThread(keyword()?)),
        "someInThreadHaveKeyword" => is(Criterion::SomeInThread(keyword()?)),
        "noneInThreadHaveKeyword" => not(is(Criterion::SomeInThread(keyword()?))),
        "hasKeyword" => has(&keyword()?),
        "notKeyword" => not(has(&keyword()?)),
        "hasAttachment" => match value.as_bool().ok_or_else(wrong_type)? {
            true => is(Criterion::HasAttachment),
            false => not(is(Criterion::HasAttachment)),
        },
        "text" => words(text()?, Criterion::Text),
        "from" => words(text()?, Criterion::From),
        "to" => words(text()?, Criterion::To),
        "cc" => words(text()?, Criterion::Cc),
        "bcc" => words(text()?, Criterion::Bcc),
        "subject" => words(text()?, Criterion::Subject),
        "body" => words(text()?, Criterion::Body),
        "header" => header(value).ok_or_else(wrong_type)?,
        _ => return Err(unsupported_filter(format!("messages cannot be filtered by {key}"))),
    })
}

/// A flag is one: a system flag or a keyword.
fn has(flags: &Flags) -> Filter {
    let system = mail::SystemFlag::ALL.into_iter().filter(|flag| flags.has(*flag)).map(Criterion::System);
    let all = system.chain(flags.keywords.iter().cloned().map(Criterion::Keyword));
    Filter::And(all.map(Filter::Is).collect())
}

fn header(value: &Value) -> Option<Filter> {
    let (name, text) = match &value.as_array()?[..] {
        [name] => (name.as_str()?, ""),
        [name, text] => (name.as_str()?, text.as_str()?),
        _ => return None,
    };
    Some(Filter::Is(Criterion::Header(name.to_ascii_lowercase(), text.to_owned())))
}

/// All words and quoted phrases of a text must be there (RFC 8621 section 4.4.1).
fn words(text: &str, criterion: impl Fn(String) -> Criterion) -> Filter {
    let all = split(text).into_iter().take(WORDS_MAX).map(|word| Filter::Is(criterion(word)));
    Filter::And(all.collect())
}

/// The words and phrases of a text: quotes keep words together, a backslash makes a quote a character.
pub(crate) fn split(text: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut word = String::new();
    let mut quote = None;
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '\\' if chars.peek().is_some_and(|next| matches!(next, '"' | '\'' | '\\')) => {
                word.extend(chars.next());
            }
            c if quote == Some(c) => {
                quote = None;
                words.push(std::mem::take(&mut word));
            }
            // An apostrophe within a word is one.
            '"' | '\'' if quote.is_none() && word.is_empty() => quote = Some(c),
            c if c.is_whitespace() && quote.is_none() => words.push(std::mem::take(&mut word)),
            c => word.push(c),
        }
    }
    // A quote that nothing ends is a character.
    words.extend(
        quote.map_or_else(|| vec![word.clone()], |_| word.split_whitespace().map(str::to_owned).collect()),
    );
    words.retain(|word| !word.is_empty());
    words
}

fn order(comparator: Comparator) -> Result<Sort, MethodError> {
    let flags = |keyword: &Option<String>| {
        let flag = keyword.as_deref().and_then(flag);
        flag.ok_or_else(|| wrong("the keyword of a comparator is none"))
    };
    let key = match comparator.property.as_str() {
        "sentAt" => SortKey::SentAt,
        "size" => SortKey::Size,
        "from" => SortKey::DisplayFrom,
        "to" => SortKey::DisplayTo,
        "subject" => SortKey::Subject,
        "hasKeyword" => SortKey::HasFlags(flags(&comparator.keyword)?),
        "allInThreadHaveKeyword" => SortKey::AllInThread(flags(&comparator.keyword)?),
        "someInThreadHaveKeyword" => SortKey::SomeInThread(flags(&comparator.keyword)?),
        _ => SortKey::ReceivedAt,
    };
    Ok(Sort { key, descending: !comparator.ascending })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quotes_keep_words_together() {
        let check = |text: &str, expected: &[&str]| assert_eq!(split(text), expected, "{text:?}");
        check("", &[]);
        check("  a  b ", &["a", "b"]);
        check("\"a b\" c", &["a b", "c"]);
        check("'a b'c", &["a b", "c"]);
        check("don't stop", &["don't", "stop"]);
        check(r#"\"a b\""#, &["\"a", "b\""]);
        check("\"a b", &["a", "b"]);
    }
}
