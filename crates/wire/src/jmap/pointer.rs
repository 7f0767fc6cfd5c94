//! What does a pointer with `*` lead to (RFC 6901, RFC 8620 section 3.7)?

use serde_json::Value;

/// The value that `path` leads to within `value`; none if it leads nowhere.
pub(super) fn follow(value: &Value, path: &str) -> Option<Value> {
    match path.strip_prefix('/') {
        Some(rest) => walk(value, rest),
        None => path.is_empty().then(|| value.clone()),
    }
}

fn walk(value: &Value, path: &str) -> Option<Value> {
    let (step, rest) = match path.split_once('/') {
        Some((step, rest)) => (step, Some(rest)),
        None => (path, None),
    };
    let on = |value: &Value| match rest {
        Some(rest) => walk(value, rest),
        None => Some(value.clone()),
    };
    match value {
        Value::Array(items) if step == "*" => {
            let mut gathered = Vec::new();
            for item in items {
                match on(item)? {
                    Value::Array(inner) => gathered.extend(inner),
                    other => gathered.push(other),
                }
            }
            Some(gathered.into())
        }
        Value::Array(items) => on(items.get(index(step)?)?),
        Value::Object(members) => on(members.get(&unescaped(step)?)?),
        _ => None,
    }
}

/// RFC 6901 section 4: no leading zeros.
fn index(step: &str) -> Option<usize> {
    let plain = step.bytes().all(|byte| byte.is_ascii_digit()) && (step == "0" || !step.starts_with('0'));
    plain.then(|| step.parse().ok()).flatten()
}

fn unescaped(step: &str) -> Option<String> {
    let mut out = String::with_capacity(step.len());
    let mut rest = step;
    while let Some((before, after)) = rest.split_once('~') {
        out.push_str(before);
        out.push(match after.as_bytes().first()? {
            b'0' => '~',
            b'1' => '/',
            _ => return None,
        });
        rest = &after[1..];
    }
    out.push_str(rest);
    Some(out)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    #[test]
    fn pointers_lead_where_the_standards_say() {
        let value = json!({
            "foo": ["bar", "baz"], "": 0, "a/b": 1, "m~n": 8, "*": 9,
            "list": [{ "ids": [1, 2] }, { "ids": [3] }], "one": [{ "id": "x" }, { "id": "y" }],
        });
        let check =
            |path: &str, expected: Option<Value>| assert_eq!(follow(&value, path), expected, "{path}");
        check("", Some(value.clone()));
        check("/foo/0", Some(json!("bar")));
        check("/", Some(json!(0)));
        check("/a~1b", Some(json!(1)));
        check("/m~0n", Some(json!(8)));
        check("/*", Some(json!(9)));
        check("/one/*/id", Some(json!(["x", "y"])));
        check("/list/*/ids", Some(json!([1, 2, 3])));
        check("/list/*", Some(value["list"].clone()));
        for nowhere in
            ["foo", "/foo/2", "/foo/00", "/foo/-", "/foo/bar", "/none", "/m~2n", "/m~", "/list/*/none"]
        {
            check(nowhere, None);
        }
    }

    proptest! {
        #[test]
        fn no_path_makes_it_fall(path in "[/*~01a]{0,12}") {
            let _ = follow(&json!({ "a": [[0, { "a": 1 }], []], "0": { "*": [] } }), &path);
        }

        #[test]
        fn a_star_over_plain_items_is_the_list(items in prop::collection::vec(any::<u8>(), 0..8)) {
            let value = json!({ "a": items.clone() });
            prop_assert_eq!(follow(&value, "/a/*"), Some(json!(items)));
        }
    }
}
