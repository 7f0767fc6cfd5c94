//! A lookup store in a database of a PostgreSQL server.

mod channel;
mod pool;
mod value;

use std::sync::Arc;

use async_trait::async_trait;
use policy::expr::{Argument, LookupValue, Question};
use policy::settings::{PostgreSqlLookup, Secret};
use tokio_postgres::error::SqlState;
use tokio_postgres::types::ToSql;
use tokio_postgres::{Client, Error};

use super::{Access, Asked, Rows, Secure, value_of};
use pool::Pool;
use value::{Column, Parameter};

const CREATE: &str =
    "CREATE TABLE IF NOT EXISTS waypost_keys (key TEXT PRIMARY KEY, value TEXT, number BIGINT)";
const ROW: &str = "SELECT value, number FROM waypost_keys WHERE key = $1";
const SET: &str = "INSERT INTO waypost_keys (key, value, number) VALUES ($1, $2, NULL) \
     ON CONFLICT (key) DO UPDATE SET value = EXCLUDED.value, number = NULL";
/// A sum that does not fit stays at the end of the range.
const INCREMENT: &str = "INSERT INTO waypost_keys AS kept (key, value, number) VALUES ($1, NULL, $2) \
     ON CONFLICT (key) DO UPDATE SET value = NULL, number = LEAST(GREATEST( \
         COALESCE(kept.number, 0)::numeric + EXCLUDED.number, -9223372036854775808), 9223372036854775807)::bigint \
     RETURNING number";

/// A server, and the connections to it.
pub(super) struct Postgres {
    pool: Pool,
}

impl Postgres {
    pub(super) fn new(
        settings: PostgreSqlLookup,
        secret: Option<Secret>,
        access: Access,
        secure: Arc<dyn Secure>,
    ) -> Self {
        Postgres { pool: Pool::new(settings, secret, access, secure) }
    }
}

#[async_trait]
impl Asked for Postgres {
    /// A connection whose question was given up, or failed, is not used again: more of the answer may follow.
    async fn ask(&self, question: &Question) -> Result<LookupValue, String> {
        let client = self.pool.take().await?;
        let answer = answer(&client, question).await?;
        client.give_back();
        Ok(answer)
    }
}

async fn answer(client: &Client, question: &Question) -> Result<LookupValue, String> {
    match question {
        Question::Get { key } => row(client, key).await.map(|row| {
            let (text, number) = row.unwrap_or_default();
            value_of(text, number)
        }),
        Question::Exists { key } => {
            row(client, key).await.map(|row| LookupValue::Integer(row.is_some().into()))
        }
        Question::Count { key } => row(client, key).await.map(|row| {
            let (_, number) = row.unwrap_or_default();
            LookupValue::Integer(number.unwrap_or(0))
        }),
        Question::Set { key, value } => {
            write(client, SET, &[key, value]).await.map(|_| LookupValue::Integer(1))
        }
        Question::Increment { key, by } => {
            let number = write(client, INCREMENT, &[key, by]).await?;
            Ok(LookupValue::Integer(number.unwrap_or(0)))
        }
        Question::Sql { statement, arguments } => select(client, statement, arguments).await,
    }
}

type KeyRow = (Option<String>, Option<i64>);

/// What is kept under a key. Without the table there are no keys.
async fn row(client: &Client, key: &str) -> Result<Option<KeyRow>, String> {
    match client.query_opt(ROW, &[&key]).await {
        Ok(None) => Ok(None),
        Ok(Some(row)) => {
            let read = |error: Error| said(&error);
            Ok(Some((row.try_get(0).map_err(read)?, row.try_get(1).map_err(read)?)))
        }
        Err(error) if error.code() == Some(&SqlState::UNDEFINED_TABLE) => Ok(None),
        Err(error) => Err(said(&error)),
    }
}

/// Writes under a key, and makes the table first if it is not there; the number that is returned.
async fn write(
    client: &Client,
    statement: &str,
    values: &[&(dyn ToSql + Sync)],
) -> Result<Option<i64>, String> {
    let found = match client.query_opt(statement, values).await {
        Err(error) if error.code() == Some(&SqlState::UNDEFINED_TABLE) => {
            // Another may make it at the same time; what counts is that it is there.
            let made = client.batch_execute(CREATE).await;
            let again = client.query_opt(statement, values).await;
            again.map_err(|error| said(made.as_ref().err().unwrap_or(&error)))?
        }
        other => other.map_err(|error| said(&error))?,
    };
    Ok(found.and_then(|row| row.try_get(0).ok()))
}

async fn select(client: &Client, statement: &str, arguments: &[Argument]) -> Result<LookupValue, String> {
    let prepared = client.prepare(statement).await.map_err(|error| said(&error))?;
    let wanted = prepared.params().len();
    if wanted != arguments.len() {
        return Err(format!(
            "the statement has {wanted} parameters, but {} values are given",
            arguments.len()
        ));
    }
    let parameters: Vec<Parameter> = arguments.iter().map(Parameter::new).collect();
    let bound: Vec<&(dyn ToSql + Sync)> = parameters.iter().map(|one| one as &(dyn ToSql + Sync)).collect();
    if prepared.columns().is_empty() {
        let changed = client.execute(&prepared, &bound).await.map_err(|error| said(&error))?;
        return Ok(LookupValue::Integer(i64::try_from(changed).unwrap_or(i64::MAX)));
    }
    if let Some(column) = prepared.columns().iter().find(|column| !value::is_readable(column.type_())) {
        let (name, kind) = (column.name(), column.type_().name());
        return Err(format!("the column {name} is of type {kind}: cast it to text in the statement"));
    }
    rows(client, &prepared, bound).await
}

/// Row by row, so that a large answer is given up before it is here.
async fn rows(
    client: &Client,
    prepared: &tokio_postgres::Statement,
    bound: Vec<&(dyn ToSql + Sync)>,
) -> Result<LookupValue, String> {
    use futures_util::StreamExt;
    let found = client.query_raw(prepared, bound).await.map_err(|error| said(&error))?;
    let mut found = std::pin::pin!(found);
    let mut rows = Rows::default();
    while let Some(row) = found.next().await {
        let row = row.map_err(|error| said(&error))?;
        let column = |at| row.try_get(at).map(|Column(value)| value).map_err(|error| said(&error));
        rows.push((0..row.len()).map(column).collect::<Result<_, String>>()?)?;
    }
    Ok(rows.into_value())
}

/// An error in the server's words where there are any.
fn said(error: &Error) -> String {
    match error.as_db_error() {
        Some(server) => server.message().to_owned(),
        None => match std::error::Error::source(error) {
            Some(source) => format!("{error}: {source}"),
            None => error.to_string(),
        },
    }
}
