//! What does a database say of an address, and is this the password that it keeps?

use std::sync::Arc;

use mail::Address;
use policy::expr::{Argument, LookupValue, Question};
use policy::settings::{Account, Secret, SqlDirectory};
use store::LookupStores;

/// One database.
pub(crate) struct Sql {
    settings: SqlDirectory,
    stores: Arc<LookupStores>,
}

impl Sql {
    pub(crate) fn new(settings: SqlDirectory, stores: Arc<LookupStores>) -> Self {
        Sql { settings, stores }
    }

    /// The account of an address, its password's hash as its secret; the reason if it cannot be said now.
    pub(crate) async fn find(&self, address: &Address) -> Result<Option<Arc<Account>>, String> {
        let lower = address.to_string().to_lowercase();
        let row = match self.ask(&self.settings.query_account, &lower).await? {
            LookupValue::Text(none) if none.is_empty() => return Ok(None),
            LookupValue::List(row) => row,
            one => vec![one],
        };
        if matches!(row.first(), Some(LookupValue::List(_))) {
            return Err(format!("there are several rows for {lower}"));
        }
        let column = |at: usize| row.get(at).map(text).filter(|text| !text.is_empty());
        let name = column(0).ok_or_else(|| format!("the row for {lower} has no name"))?;
        let name = Address::parse(&name).map_err(|error| format!("{name}: {error}"))?;
        let quota = match column(2) {
            None => None,
            Some(digits) => Some(digits.parse().map_err(|_| format!("{name}: '{digits}' is no quota"))?),
        };
        let account = Account {
            aliases: self.aliases(&name).await?,
            secret: column(1).map(Secret::new),
            description: column(3),
            quota,
            detail_to_mailbox: false,
            name,
        };
        Ok(Some(Arc::new(account)))
    }

    async fn aliases(&self, name: &Address) -> Result<Vec<Address>, String> {
        let Some(query) = &self.settings.query_aliases else { return Ok(Vec::new()) };
        let rows = match self.ask(query, &name.to_string()).await? {
            LookupValue::Text(none) if none.is_empty() => Vec::new(),
            LookupValue::List(rows) => rows,
            one => vec![one],
        };
        let first = |row: &LookupValue| match row {
            LookupValue::List(columns) => columns.first().map(text).unwrap_or_default(),
            value => text(value),
        };
        Ok(rows.iter().filter_map(|row| Address::parse(&first(row)).ok()).collect())
    }

    async fn ask(&self, statement: &str, argument: &str) -> Result<LookupValue, String> {
        let arguments = vec![Argument::Text(argument.to_owned())];
        let question = Question::Sql { statement: statement.to_owned(), arguments };
        let answer = self.stores.answer(&self.settings.store, &question).await;
        answer.map_err(|why| format!("lookup store {}: {why}", self.settings.store))
    }
}

fn text(value: &LookupValue) -> String {
    match value {
        LookupValue::Text(text) => text.clone(),
        LookupValue::Integer(number) => number.to_string(),
        LookupValue::Float(number) => number.to_string(),
        LookupValue::List(_) => String::new(),
    }
}
