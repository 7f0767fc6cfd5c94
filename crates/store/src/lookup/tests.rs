//! What lookup stores answer: the same questions to each, and what only databases can be asked.

use policy::expr::Argument;
use policy::settings::Settings;

use super::*;

/// Knows no TLS.
pub(super) struct Plain;

#[async_trait]
impl Secure for Plain {
    async fn secure(&self, _: Box<dyn Channel>, _: &str, _: bool) -> io::Result<Box<dyn Channel>> {
        Err(io::ErrorKind::Unsupported.into())
    }
}

fn stores(json: &serde_json::Value, access: Access) -> LookupStores {
    let settings = Settings::from_json(&serde_json::json!({ "StoreLookup": json }).to_string()).unwrap();
    let named = settings.lookup_stores.into_iter().map(|(name, store)| (name, Arc::new(store))).collect();
    let stores = LookupStores::new(access, Arc::new(Plain));
    stores.replace(&named, &BTreeMap::new());
    stores
}

/// A store in memory `m` and one in a file `f`.
fn both(directory: &tempfile::TempDir, access: Access) -> LookupStores {
    let path = directory.path().join("lookup.sqlite");
    let json = serde_json::json!([
        {"@type": "Memory", "name": "m"},
        {"@type": "Sqlite", "name": "f", "path": path, "timeout": 30_000},
    ]);
    stores(&json, access)
}

fn text(text: &str) -> LookupValue {
    LookupValue::Text(text.to_owned())
}

fn key(key: &str) -> String {
    key.to_owned()
}

fn set(name: &str, value: &str) -> Question {
    Question::Set { key: key(name), value: value.to_owned() }
}

fn sql(statement: &str, arguments: &[&str]) -> Question {
    let arguments = arguments.iter().map(|argument| Argument::Text((*argument).to_owned())).collect();
    Question::Sql { statement: statement.to_owned(), arguments }
}

// proves: 5.16.1
#[tokio::test]
async fn every_store_answers_alike_about_keys_and_counters() {
    let directory = tempfile::tempdir().unwrap();
    let stores = both(&directory, Access::ReadWrite);
    for name in ["", "m", "f"] {
        let ask = async |question: Question| stores.answer(name, &question).await.unwrap();
        assert_eq!(ask(Question::Get { key: key("a") }).await, text(""), "{name}");
        assert_eq!(ask(Question::Exists { key: key("a") }).await, LookupValue::Integer(0), "{name}");
        assert_eq!(ask(Question::Count { key: key("a") }).await, LookupValue::Integer(0), "{name}");
        assert_eq!(ask(set("a", "it's \"x\"; --\u{e9}")).await, LookupValue::Integer(1), "{name}");
        assert_eq!(ask(Question::Get { key: key("a") }).await, text("it's \"x\"; --\u{e9}"), "{name}");
        assert_eq!(ask(Question::Exists { key: key("a") }).await, LookupValue::Integer(1), "{name}");
        assert_eq!(ask(Question::Count { key: key("a") }).await, LookupValue::Integer(0), "{name}");
        for (by, expected) in [(2, 2), (-5, -3), (i64::MAX, i64::MAX - 3), (4, i64::MAX), (i64::MIN, -1)] {
            let found = ask(Question::Increment { key: key("n"), by }).await;
            assert_eq!(found, LookupValue::Integer(expected), "{name} {by}");
        }
        assert_eq!(ask(Question::Get { key: key("n") }).await, LookupValue::Integer(-1), "{name}");
        assert_eq!(ask(set("n", "text")).await, LookupValue::Integer(1), "{name}");
        assert_eq!(
            ask(Question::Increment { key: key("n"), by: 1 }).await,
            LookupValue::Integer(1),
            "{name}"
        );
        assert_eq!(ask(Question::Get { key: key("") }).await, text(""), "{name}");
    }
}

// proves: 5.16.1, J14
#[tokio::test]
async fn values_are_bound_and_never_become_a_part_of_a_statement() {
    let directory = tempfile::tempdir().unwrap();
    let stores = both(&directory, Access::ReadWrite);
    let ask = async |question: Question| stores.answer("f", &question).await;
    assert_eq!(
        ask(sql("CREATE TABLE t (a TEXT, n INTEGER, f REAL)", &[])).await,
        Ok(LookupValue::Integer(0))
    );
    let insert = "INSERT INTO t VALUES (?1, ?2, 0.5)";
    assert_eq!(ask(sql(insert, &["x'; DROP TABLE t; --", "7"])).await, Ok(LookupValue::Integer(1)));
    assert_eq!(
        ask(sql("select n from t where a = ?", &["x'; DROP TABLE t; --"])).await,
        Ok(LookupValue::Integer(7))
    );
    assert_eq!(ask(sql("SELECT n FROM t WHERE a = ?", &["' OR 1 = 1 --"])).await, Ok(text("")));
    assert_eq!(ask(sql("SELECT a FROM t WHERE n = ?", &["7"])).await, Ok(text("x'; DROP TABLE t; --")));
    let row = LookupValue::List(vec![LookupValue::Integer(7), LookupValue::Float(0.5), text("")]);
    assert_eq!(ask(sql("SELECT n, f, NULL FROM t", &[])).await, Ok(row));
    assert_eq!(ask(sql("SELECT NULL FROM t", &[])).await, Ok(LookupValue::List(vec![text("")])));
    assert_eq!(ask(sql(insert, &["b", "8"])).await, Ok(LookupValue::Integer(1)));
    let rows = [7, 8].map(|n| LookupValue::List(vec![LookupValue::Integer(n)])).to_vec();
    assert_eq!(ask(sql("SELECT n FROM t ORDER BY n", &[])).await, Ok(LookupValue::List(rows)));
    assert_eq!(ask(sql("UPDATE t SET n = 1", &[])).await, Ok(LookupValue::Integer(2)));
}

// proves: J2
#[tokio::test]
async fn what_cannot_be_answered_is_an_error() {
    let directory = tempfile::tempdir().unwrap();
    let stores = both(&directory, Access::ReadWrite);
    for (question, expected) in [
        (sql("SELECT a FROM nowhere", &[]), "no such table: nowhere"),
        (sql("SELEC 1", &[]), "near \"SELEC\": syntax error"),
        (sql("SELECT ?", &[]), "the statement has 1 parameters, but 0 values are given"),
        (sql("SELECT 1; SELECT 2", &[]), "Multiple statements provided"),
        (sql("SELECT x'ff'", &[]), "a value is not text in UTF-8"),
        (sql("SELECT hex(zeroblob(200000))", &[]), "the answer has more than 262144 bytes"),
        (
            sql("WITH RECURSIVE c(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c) SELECT n FROM c", &[]),
            "the answer has more than 1000 rows",
        ),
        (Question::Get { key: "k".repeat(5000) }, "the key is longer than 4096 bytes"),
        (set("k", &"v".repeat(70_000)), "the value is longer than 65536 bytes"),
    ] {
        let reason = stores.answer("f", &question).await.unwrap_err();
        assert!(reason.starts_with(expected), "{question:?}: {reason}");
    }
    assert!(stores.answer("m", &sql("SELECT 1", &[])).await.is_err());
    let nowhere = Question::Get { key: key("a") };
    assert_eq!(stores.answer("nowhere", &nowhere).await, Ok(text("")));
    assert_eq!(stores.answer("nowhere", &Question::Exists { key: key("a") }).await, Ok(text("")));
    assert!(stores.answer("nowhere", &set("a", "b")).await.is_err());
    assert!(stores.answer("nowhere", &sql("SELECT 1", &[])).await.is_err());
}

#[tokio::test]
async fn a_statement_that_takes_too_long_is_stopped_and_holds_up_nobody() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("lookup.sqlite");
    let store = |timeout: u64| {
        let json = serde_json::json!([{"@type": "Sqlite", "name": "f", "path": path, "timeout": timeout}]);
        stores(&json, Access::ReadWrite)
    };
    let endless = "WITH RECURSIVE c(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c) SELECT max(n) FROM c";
    let impatient = store(50);
    // More than there are connections: each must come free again.
    for _ in 0..6 {
        let reason = impatient.answer("f", &sql(endless, &[])).await.unwrap_err();
        assert_eq!(reason, "no answer within 50 ms");
    }
    assert_eq!(store(30_000).answer("f", &sql("SELECT 1", &[])).await, Ok(LookupValue::Integer(1)));
}

#[tokio::test]
async fn who_may_only_read_changes_nothing() {
    let directory = tempfile::tempdir().unwrap();
    let writer = both(&directory, Access::ReadWrite);
    writer.answer("f", &Question::Increment { key: key("n"), by: 5 }).await.unwrap();
    let reader = both(&directory, Access::ReadOnly);
    let ask = async |question: Question| reader.answer("f", &question).await;
    assert_eq!(ask(Question::Increment { key: key("n"), by: 2 }).await, Ok(LookupValue::Integer(7)));
    assert_eq!(ask(Question::Count { key: key("n") }).await, Ok(LookupValue::Integer(5)));
    assert_eq!(ask(set("a", "b")).await, Ok(LookupValue::Integer(1)));
    assert_eq!(ask(Question::Get { key: key("a") }).await, Ok(text("")));
    assert!(ask(sql("DELETE FROM waypost_keys", &[])).await.is_err());
    assert!(ask(sql("INSERT INTO waypost_keys (key) VALUES ('x') RETURNING key", &[])).await.is_err());
    assert_eq!(ask(sql("SELECT count(*) FROM waypost_keys", &[])).await, Ok(LookupValue::Integer(1)));
    // Nor is a file made.
    let elsewhere = tempfile::tempdir().unwrap();
    let reader = both(&elsewhere, Access::ReadOnly);
    assert_eq!(reader.answer("f", &Question::Get { key: key("a") }).await, Ok(text("")));
    assert_eq!(reader.reach("f").await, Ok(()));
    assert_eq!(std::fs::read_dir(elsewhere.path()).unwrap().count(), 0);
    std::fs::remove_dir(elsewhere.path()).unwrap();
    assert!(reader.reach("f").await.is_err());
}

#[tokio::test]
async fn a_reload_keeps_what_is_the_same() {
    let memory = |names: &[&str]| {
        let all = names.iter().map(|name| serde_json::json!({"@type": "Memory", "name": name}));
        let json = serde_json::json!({ "StoreLookup": all.collect::<Vec<_>>() });
        let settings = Settings::from_json(&json.to_string()).unwrap();
        settings.lookup_stores.into_iter().map(|(name, store)| (name, Arc::new(store))).collect()
    };
    let stores = LookupStores::new(Access::ReadWrite, Arc::new(Plain));
    stores.replace(&memory(&["a", "b"]), &BTreeMap::new());
    for name in ["", "a", "b"] {
        stores.answer(name, &set("k", "v")).await.unwrap();
    }
    stores.replace(&memory(&["a"]), &BTreeMap::new());
    stores.replace(&memory(&["a", "b"]), &BTreeMap::new());
    for (name, expected) in [("", "v"), ("a", "v"), ("b", "")] {
        assert_eq!(stores.answer(name, &Question::Get { key: key("k") }).await, Ok(text(expected)), "{name}");
    }
}
