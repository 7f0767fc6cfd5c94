//! `waypost account app-password`: passwords for one program each, shown once.

use serde_json::{Map, Value, json};

use crate::client::refusals;
use crate::desk::{Desk, Look};
use crate::failure::Failure;
use crate::paint::{Table, shown};

/// The services that an account's owner can use.
const SERVICES: [&str; 4] = ["smtp", "imap", "pop3", "jmap"];

/// What about app passwords.
#[derive(clap::Subcommand, Debug)]
pub(crate) enum AppPasswordAction {
    /// All app passwords, or those of one account.
    List {
        /// The account's address.
        #[arg(value_name = "ADDRESS")]
        account: Option<String>,
    },
    /// A new one; it is shown this once.
    Add {
        /// The account's address.
        #[arg(value_name = "ADDRESS")]
        account: String,
        /// For which program, such as `Ann's phone`.
        #[arg(value_name = "DESCRIPTION")]
        description: String,
        /// What it is good for; may be given several times. Everything unless said.
        #[arg(long, value_name = "SERVICE", value_parser = SERVICES)]
        service: Vec<String>,
        /// When it ends, such as 2027-01-01T00:00:00Z; never unless said.
        #[arg(long, value_name = "TIME")]
        expires: Option<String>,
    },
    /// Take some back; whoever uses them does not come in any more.
    Remove {
        /// Their ids, as `list` shows them.
        #[arg(value_name = "ID", required = true)]
        ids: Vec<String>,
    },
}

/// Does it.
pub(crate) async fn act(desk: &Desk<'_>, action: &AppPasswordAction) -> Result<(), Failure> {
    match action {
        AppPasswordAction::List { account } => list(desk, account.as_deref()).await,
        AppPasswordAction::Add { account, description, service, expires } => {
            let mut body = Map::new();
            body.insert("account".to_owned(), account.as_str().into());
            body.insert("description".to_owned(), description.as_str().into());
            body.insert("services".to_owned(), json!(service));
            if let Some(end) = expires {
                body.insert("expiresAt".to_owned(), end.as_str().into());
            }
            add(desk, body).await
        }
        AppPasswordAction::Remove { ids } => {
            let answer = desk.client.ask("AppPassword", "set", json!({ "destroy": ids })).await?;
            if let Some(failure) = refusals(&answer, &|id| format!("app password {id}")) {
                return Err(failure);
            }
            desk.show(&json!({ "destroyed": ids }), |_| format!("taken back: {}\n", ids.join(", ")));
            Ok(())
        }
    }
}

async fn list(desk: &Desk<'_>, account: Option<&str>) -> Result<(), Failure> {
    let mut asked = json!({});
    if let Some(account) = account {
        let filter = json!({ "filter": { "account": account } });
        asked = json!({ "ids": desk.client.ask("AppPassword", "query", filter).await?["ids"] });
    }
    let answer = desk.client.ask("AppPassword", "get", asked).await?;
    let all = answer.get("list").and_then(Value::as_array).cloned().unwrap_or_default();
    desk.show(&json!(all), |look: &Look| {
        let mut table =
            Table::new(&["ID", "ACCOUNT", "DESCRIPTION", "SERVICES", "CREATED", "ENDS", "LAST USED"]);
        for one in &all {
            let text = |name: &str| shown(one.get(name).and_then(Value::as_str).unwrap_or("never"));
            let services: Vec<&str> =
                one["services"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
            let services = if services.is_empty() { "all".to_owned() } else { services.join(", ") };
            let row = vec![
                text("id"),
                text("account"),
                text("description"),
                services,
                text("createdAt"),
                text("expiresAt"),
                text("usedAt"),
            ];
            table.row(row);
        }
        if table.is_empty() { "there is no app password\n".to_owned() } else { look.table(&table) }
    });
    Ok(())
}

async fn add(desk: &Desk<'_>, body: Map<String, Value>) -> Result<(), Failure> {
    let answer = desk.client.ask("AppPassword", "set", json!({ "create": { "new": body } })).await?;
    if let Some(failure) = refusals(&answer, &|_| "the app password".to_owned()) {
        return Err(failure);
    }
    let created = answer.get("created").and_then(|created| created.get("new")).cloned().unwrap_or_default();
    let secret = created.get("secret").and_then(Value::as_str).map(shown).unwrap_or_default();
    desk.show(&created, |look| {
        format!("{}\nIt is shown this once; spaces and hyphens do not matter.\n", look.paint.bold(&secret))
    });
    Ok(())
}
