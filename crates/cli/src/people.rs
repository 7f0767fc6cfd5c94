//! `waypost account` and `waypost domain`: who has a mailbox here, and which domains are ours.

use serde_json::{Map, Value, json};

use crate::app_passwords::{self, AppPasswordAction};
use crate::args::Change;
use crate::client::refusals;
use crate::desk::{Desk, Look};
use crate::failure::Failure;
use crate::paint::{Table, shown};
use crate::render;
use crate::transfer::{ExportArgs, ImportArgs, Transfer};
use crate::verbs::change::{Outcome, arguments};
use crate::{objects, password};

/// What about accounts.
#[derive(clap::Args, Debug)]
pub struct AccountArgs {
    #[command(subcommand)]
    action: AccountAction,
}

#[derive(clap::Subcommand, Debug)]
enum AccountAction {
    /// All accounts.
    List,
    /// A new account; asks for its password.
    Add {
        /// Its address, such as `ann@example.org`.
        #[arg(value_name = "ADDRESS")]
        name: String,
        /// Another address of it; may be given several times.
        #[arg(long, value_name = "ADDRESS")]
        alias: Vec<String>,
        /// Read the password from standard input.
        #[arg(long)]
        stdin: bool,
        /// It has no password: it takes mail, and nobody can log in.
        #[arg(long, conflicts_with = "stdin")]
        no_password: bool,
        #[command(flatten)]
        change: Change,
    },
    /// A new password for an account.
    Password {
        /// Its address.
        #[arg(value_name = "ADDRESS")]
        name: String,
        /// Read it from standard input.
        #[arg(long)]
        stdin: bool,
        #[command(flatten)]
        change: Change,
    },
    /// Write its mail into files, also while the server runs.
    ///
    /// An export into the same Maildir again adds what is new; an mbox file is written anew.
    Export(ExportArgs),
    /// Read mail from files; the server must be stopped.
    ///
    /// A message that is in the same mailbox already, byte for byte, is not taken again: an import that was cut off can
    /// be done once more.
    Import(ImportArgs),
    /// Passwords that are good for one program each.
    AppPassword {
        #[command(subcommand)]
        action: AppPasswordAction,
    },
    /// Take accounts away; their mailboxes stay on disk.
    Delete {
        /// Their addresses.
        #[arg(value_name = "ADDRESS", required = true)]
        names: Vec<String>,
        #[command(flatten)]
        change: Change,
    },
}

impl AccountArgs {
    /// What is done without a server.
    pub(crate) fn transfer(&self) -> Option<Transfer<'_>> {
        match &self.action {
            AccountAction::Export(args) => Some(Transfer::Export(args)),
            AccountAction::Import(args) => Some(Transfer::Import(args)),
            _ => None,
        }
    }
}

/// What about domains.
#[derive(clap::Args, Debug)]
pub struct DomainArgs {
    #[command(subcommand)]
    action: DomainAction,
}

#[derive(clap::Subcommand, Debug)]
enum DomainAction {
    /// All domains that are ours.
    List,
    /// Take mail for a domain from now on.
    Add {
        /// Its name.
        #[arg(value_name = "DOMAIN")]
        name: String,
        #[command(flatten)]
        change: Change,
    },
    /// Take no more mail for domains.
    Delete {
        /// Their names.
        #[arg(value_name = "DOMAIN", required = true)]
        names: Vec<String>,
        #[command(flatten)]
        change: Change,
    },
}

/// Does it.
pub(crate) async fn account(desk: &Desk<'_>, args: &AccountArgs) -> Result<(), Failure> {
    match &args.action {
        AccountAction::List => list(desk, "Account", &["name", "aliases", "description"]).await,
        AccountAction::Add { name, alias, stdin, no_password, change } => {
            let mut body = Map::new();
            body.insert("name".to_owned(), name.as_str().into());
            if !alias.is_empty() {
                body.insert("aliases".to_owned(), json!(alias));
            }
            if !no_password {
                body.insert("secret".to_owned(), password::new(*stdin)?.into());
            }
            change_one(
                desk,
                "Account",
                change,
                json!({ "create": { (name): body } }),
                &format!("account {name} made"),
            )
            .await
        }
        AccountAction::Password { name, stdin, change } => {
            let kind = desk.schema().await?.find("Account")?;
            let found = objects::find(desk, &kind, name).await?;
            let update = json!({ (objects::id(&found)?): { "secret": password::new(*stdin)? } });
            change_one(
                desk,
                "Account",
                change,
                json!({ "update": update }),
                &format!("{name} has a new password"),
            )
            .await
        }
        AccountAction::Export(_) | AccountAction::Import(_) => Ok(()),
        AccountAction::AppPassword { action } => app_passwords::act(desk, action).await,
        AccountAction::Delete { names, change } => delete(desk, "Account", names, change).await,
    }
}

/// Does it.
pub(crate) async fn domain(desk: &Desk<'_>, args: &DomainArgs) -> Result<(), Failure> {
    match &args.action {
        DomainAction::List => list(desk, "Domain", &["name", "description"]).await,
        DomainAction::Add { name, change } => {
            let own = json!({ "create": { (name): { "name": name } } });
            change_one(desk, "Domain", change, own, &format!("{name} is ours")).await
        }
        DomainAction::Delete { names, change } => delete(desk, "Domain", names, change).await,
    }
}

async fn list(desk: &Desk<'_>, object: &str, columns: &[&str]) -> Result<(), Failure> {
    let kind = desk.schema().await?.find(object)?;
    let all = objects::all(desk, &kind, json!({})).await?;
    let columns: Vec<&str> = columns.iter().copied().filter(|name| kind.property(name).is_some()).collect();
    desk.show(&json!(all), |look: &Look| {
        let heads: Vec<String> = columns.iter().map(|name| name.to_uppercase()).collect();
        let heads: Vec<&str> = heads.iter().map(String::as_str).collect();
        let mut table = Table::new(&heads);
        for one in &all {
            let cell = |name: &&str| render::cell(one.get(*name), &kind.kind_at(&[name]));
            table.row(columns.iter().map(cell).collect());
        }
        if table.is_empty() { format!("there is no {object}\n") } else { look.table(&table) }
    });
    Ok(())
}

async fn delete(desk: &Desk<'_>, object: &str, names: &[String], change: &Change) -> Result<(), Failure> {
    let kind = desk.schema().await?.find(object)?;
    let mut ids = Vec::new();
    for name in names {
        ids.push(objects::id(&objects::find(desk, &kind, name).await?)?.to_owned());
    }
    change_one(desk, object, change, json!({ "destroy": ids }), &format!("{} deleted", names.join(", ")))
        .await
}

async fn change_one(
    desk: &Desk<'_>,
    object: &str,
    change: &Change,
    own: Value,
    done: &str,
) -> Result<(), Failure> {
    let answer = desk.client.ask(object, "set", arguments(change, own)).await?;
    if let Some(failure) = refusals(&answer, &|id| format!("{object} {id}")) {
        return Err(failure);
    }
    let outcome = Outcome::of(desk, change, &answer).await?;
    desk.show(&outcome.json(), |look| {
        let head =
            if change.dry_run { String::new() } else { format!("{}\n", look.paint.bold(&shown(done))) };
        head + &outcome.text(look)
    });
    Ok(())
}
