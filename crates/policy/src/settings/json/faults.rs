//! Everything that is wrong with one object, not only what comes first.

use std::collections::BTreeSet;

use super::reader::Fault;
use super::tree::{Json, Member, Node};

/// Faults of one object that are named.
const FAULTS_MAX: usize = 20;

/// Reads an object; if something in it is wrong, again without that, until nothing is wrong or nothing can be left out.
pub(super) fn all(json: &Json, mut read: impl FnMut(&Json) -> Result<(), Fault>) -> Vec<Fault> {
    let mut faults = Vec::new();
    let Err(mut fault) = read(json) else { return faults };
    let mut json = json.clone();
    // Where and what: that it is missing there is no fault of the file.
    let mut left_out = BTreeSet::new();
    loop {
        let at = fault.at;
        let missing = at.zip(fault.missing.clone());
        let meant = meant(&fault);
        if missing.is_none_or(|missing| !left_out.contains(&missing)) {
            faults.push(fault);
        }
        let next = at.and_then(|at| leave_out(&mut json, at));
        let Some(next) = next.filter(|_| faults.len() < FAULTS_MAX) else { return faults };
        left_out.extend(meant.map(|name| (next.0, name)));
        left_out.insert(next);
        match read(&json) {
            Ok(()) => return faults,
            Err(next) => fault = next,
        }
    }
}

/// The property that was meant by one that does not exist, if that can be guessed.
fn meant(fault: &Fault) -> Option<String> {
    Some(fault.hint.as_ref()?.strip_prefix("did you mean ")?.strip_suffix('?')?.to_owned())
}

/// Takes away the member or element that begins here, or whose value does; where its owner stands, and its key.
fn leave_out(json: &mut Json, at: usize) -> Option<(usize, String)> {
    let owner = json.at;
    // An element must keep its number, so the list becomes one with keys.
    if let Node::List(items) = &json.node
        && items.iter().any(|item| item.at == at)
    {
        let numbered = items.iter().enumerate().map(|(place, item)| Member {
            key: place.to_string(),
            at: item.at,
            value: item.clone(),
        });
        json.node = Node::Object(numbered.collect());
    }
    match &mut json.node {
        Node::Object(members) => {
            let found = members.iter().position(|member| member.at == at || member.value.at == at);
            if let Some(place) = found {
                return Some((owner, members.remove(place).key));
            }
            members.iter_mut().find_map(|member| leave_out(&mut member.value, at))
        }
        Node::List(items) => items.iter_mut().find_map(|item| leave_out(item, at)),
        Node::Null | Node::Bool(_) | Node::Number(_) | Node::Text(_) => None,
    }
}
