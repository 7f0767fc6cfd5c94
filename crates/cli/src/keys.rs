//! `waypost admin`, `token` and `audit`: who may ask what, and who has.

use serde_json::{Map, Value, json};

use crate::client::{Place, refusals};
use crate::desk::{Desk, Look};
use crate::failure::Failure;
use crate::paint::{Table, shown};
use crate::{objects, password, time};

/// Entries of the audit log unless said.
const ENTRIES: usize = 50;

/// The roles, from the least.
const ROLES: [&str; 4] = ["viewer", "operator", "router", "admin"];

/// What about administrators.
#[derive(clap::Args, Debug)]
pub struct AdminArgs {
    #[command(subcommand)]
    action: AdminAction,
}

#[derive(clap::Subcommand, Debug)]
enum AdminAction {
    /// All administrators.
    List,
    /// A new administrator; asks for the password.
    Add {
        /// The name to log in with.
        #[arg(value_name = "NAME")]
        name: String,
        /// What they may do: look; also change the queue; also change settings; also say who may do what.
        #[arg(long, value_name = "ROLE", value_parser = ROLES, default_value = "viewer")]
        role: String,
        /// Read the password from standard input.
        #[arg(long)]
        stdin: bool,
    },
    /// A new password for an administrator.
    Password {
        /// The name.
        #[arg(value_name = "NAME")]
        name: String,
        /// Read it from standard input.
        #[arg(long)]
        stdin: bool,
    },
    /// Another role for an administrator.
    Role {
        /// The name.
        #[arg(value_name = "NAME")]
        name: String,
        /// The role.
        #[arg(value_name = "ROLE", value_parser = ROLES)]
        role: String,
    },
    /// Take administrators away.
    Delete {
        /// Their names.
        #[arg(value_name = "NAME", required = true)]
        names: Vec<String>,
    },
    /// A link for a browser that sets a password, once: for the first start, or for who has forgotten theirs.
    Link {
        /// For whom; a new one may choose a name unless said.
        #[arg(value_name = "NAME")]
        name: Option<String>,
        /// The role of a new one.
        #[arg(long, value_name = "ROLE", value_parser = ROLES)]
        role: Option<String>,
    },
}

/// What about tokens.
#[derive(clap::Args, Debug)]
pub struct TokenArgs {
    #[command(subcommand)]
    action: TokenAction,
}

#[derive(clap::Subcommand, Debug)]
enum TokenAction {
    /// All tokens; what they are is never shown again.
    List,
    /// A new token for a program. It is shown once.
    Create {
        /// What it is for.
        #[arg(value_name = "DESCRIPTION")]
        description: String,
        /// What it may do.
        #[arg(long, value_name = "ROLE", value_parser = ROLES, default_value = "viewer")]
        role: String,
        /// Only these methods, with commas between, such as `QueuedMessage/query,QueuedMessage/get`.
        #[arg(long, value_name = "METHODS", value_delimiter = ',')]
        methods: Vec<String>,
        /// How long it is good, such as `90d`; for ever unless said.
        #[arg(long, value_name = "DURATION", value_parser = time::duration)]
        expires: Option<i64>,
    },
    /// Make tokens good for nothing, at once.
    Revoke {
        /// Their ids, or what they are for.
        #[arg(value_name = "TOKEN", required = true)]
        names: Vec<String>,
    },
}

/// How much of the log.
#[derive(clap::Args, Debug)]
pub struct AuditArgs {
    /// So many of the latest entries.
    #[arg(long, short = 'n', value_name = "N", default_value_t = ENTRIES)]
    limit: usize,
    /// Only what this one has done.
    #[arg(long, value_name = "NAME")]
    who: Option<String>,
    /// Only since then: `2026-11-24T14:00:00Z`, or `2h` for the last two hours.
    #[arg(long, value_name = "TIME")]
    since: Option<String>,
}

/// Does it.
pub(crate) async fn admin(desk: &Desk<'_>, args: &AdminArgs) -> Result<(), Failure> {
    match &args.action {
        AdminAction::List => {
            list(
                desk,
                "Administrator",
                &[
                    ("name", "NAME"),
                    ("role", "ROLE"),
                    ("lastLoginAt", "LAST LOGIN"),
                    ("description", "DESCRIPTION"),
                ],
            )
            .await
        }
        AdminAction::Add { name, role, stdin } => {
            let body = json!({ "name": name, "role": role, "password": password::new(*stdin)? });
            set(
                desk,
                "Administrator",
                json!({ "create": { (name): body } }),
                &format!("{name} may log in as {role}"),
            )
            .await
        }
        AdminAction::Password { name, stdin } => {
            let id = id(desk, "Administrator", name).await?;
            let update = json!({ "update": { (id): { "password": password::new(*stdin)? } } });
            set(desk, "Administrator", update, &format!("{name} has a new password")).await
        }
        AdminAction::Role { name, role } => {
            let id = id(desk, "Administrator", name).await?;
            set(
                desk,
                "Administrator",
                json!({ "update": { (id): { "role": role } } }),
                &format!("{name} is {role}"),
            )
            .await
        }
        AdminAction::Delete { names } => delete(desk, "Administrator", names).await,
        AdminAction::Link { name, role } => link(desk, name.as_deref(), role.as_deref()).await,
    }
}

async fn link(desk: &Desk<'_>, name: Option<&str>, role: Option<&str>) -> Result<(), Failure> {
    let answer = desk.client.ask("Administrator", "link", json!({ "name": name, "role": role })).await?;
    let path = answer
        .get("path")
        .and_then(Value::as_str)
        .ok_or_else(|| Failure::strange("a link without `path`"))?;
    let url = match (answer.get("url").and_then(Value::as_str), desk.client.place()) {
        (Some(url), _) => Some(url.to_owned()),
        (None, place @ Place::Remote(_)) => Some(format!("{place}{path}")),
        (None, Place::Socket(_)) => None,
    };
    desk.show(&answer, |look: &Look| {
        let until = look.when(answer.get("expiresAt"));
        match url {
            Some(url) => format!("{}\ngood once, until {until}\n", shown(&url)),
            None => format!(
                "{}\nPut it behind the address of the web pages, mostly http://127.0.0.1:8080; good once, ends {until}\n",
                shown(path)
            ),
        }
    });
    Ok(())
}

/// Does it.
pub(crate) async fn token(desk: &Desk<'_>, args: &TokenArgs) -> Result<(), Failure> {
    match &args.action {
        TokenAction::List => {
            list(
                desk,
                "ApiToken",
                &[
                    ("id", "TOKEN"),
                    ("description", "DESCRIPTION"),
                    ("role", "ROLE"),
                    ("expiresAt", "ENDS"),
                    ("lastUsedAt", "LAST USED"),
                ],
            )
            .await
        }
        TokenAction::Create { description, role, methods, expires } => {
            let mut body = Map::new();
            body.insert("description".to_owned(), description.as_str().into());
            body.insert("role".to_owned(), role.as_str().into());
            if !methods.is_empty() {
                let methods = methods.iter().map(|name| format!("x:{}", name.trim_start_matches("x:")));
                body.insert("methods".to_owned(), methods.collect::<Vec<_>>().into());
            }
            if let Some(expires) = expires {
                let at = time::Instant(desk.look.now.0.saturating_add(*expires));
                body.insert("expiresAt".to_owned(), at.rfc3339().into());
            }
            create_token(desk, body).await
        }
        TokenAction::Revoke { names } => delete(desk, "ApiToken", names).await,
    }
}

async fn create_token(desk: &Desk<'_>, body: Map<String, Value>) -> Result<(), Failure> {
    let answer = desk.client.ask("ApiToken", "set", json!({ "create": { "new": body } })).await?;
    if let Some(failure) = refusals(&answer, &|_| "the token".to_owned()) {
        return Err(failure);
    }
    let created = answer.get("created").and_then(|created| created.get("new")).cloned().unwrap_or_default();
    let secret = created.get("secret").and_then(Value::as_str).map(shown);
    let secret = secret.ok_or_else(|| Failure::strange("a token without `secret`"))?;
    desk.show(&created, |look| {
        format!(
            "{secret}\n{}\n",
            look.paint.dim(
                "This is the only time that it is shown. Keep it in a file that only its program can read."
            )
        )
    });
    Ok(())
}

/// Lists what was done, latest first.
pub(crate) async fn audit(desk: &Desk<'_>, args: &AuditArgs) -> Result<(), Failure> {
    let mut filter = Map::new();
    filter.extend(args.who.as_ref().map(|who| ("who".to_owned(), who.as_str().into())));
    if let Some(since) = &args.since {
        let at = time::past(since, desk.look.now).map_err(Failure::usage)?;
        filter.insert("since".to_owned(), at.rfc3339().into());
    }
    let entries = objects::pages(desk, "AuditEntry", Value::Object(filter), Value::Null, args.limit).await?;
    desk.show(&json!(entries), |look| audit_text(look, &entries));
    Ok(())
}

fn audit_text(look: &Look, entries: &[Value]) -> String {
    if entries.is_empty() {
        return "nothing was done\n".to_owned();
    }
    let mut table = Table::new(&["WHEN", "WHO", "FROM", "WHAT", "OUTCOME", "MORE"]);
    for entry in entries {
        let text = |name: &str| entry.get(name).and_then(Value::as_str).map(shown).unwrap_or_default();
        let outcome = text("outcome");
        let good = matches!(outcome.as_str(), "done" | "ok" | "success");
        table.row(vec![
            look.when(entry.get("at")),
            text("who"),
            text("from"),
            text("method").trim_start_matches("x:").to_owned(),
            if good { outcome } else { look.paint.red(&outcome) },
            text("summary"),
        ]);
    }
    look.table(&table)
}

async fn list(desk: &Desk<'_>, object: &str, columns: &[(&str, &str)]) -> Result<(), Failure> {
    let answer = desk.client.ask(object, "get", json!({ "ids": null })).await?;
    let all = objects::list(&answer)?;
    desk.show(&json!(all), |look| {
        let heads: Vec<&str> = columns.iter().map(|(_, head)| *head).collect();
        let mut table = Table::new(&heads);
        for one in all {
            let cell = |(name, _): &(&str, &str)| match one.get(*name) {
                value if name.ends_with("At") => look.when(value),
                Some(Value::String(text)) => shown(text),
                None | Some(Value::Null) => "-".to_owned(),
                Some(other) => shown(&other.to_string()),
            };
            table.row(columns.iter().map(cell).collect());
        }
        if table.is_empty() { "there is none\n".to_owned() } else { look.table(&table) }
    });
    Ok(())
}

async fn id(desk: &Desk<'_>, object: &str, wanted: &str) -> Result<String, Failure> {
    let answer = desk.client.ask(object, "get", json!({ "ids": null })).await?;
    let named = |one: &&Value, name: &str| one.get(name).and_then(Value::as_str) == Some(wanted);
    let all = objects::list(&answer)?;
    let found: Vec<&Value> = ["id", "name", "description"]
        .iter()
        .map(|name| all.iter().filter(|one| named(one, name)).collect::<Vec<_>>())
        .find(|found| !found.is_empty())
        .unwrap_or_default();
    match found.as_slice() {
        [one] => objects::id(one).map(str::to_owned),
        [] => Err(Failure::failed(format!("there is no {object} `{wanted}`"))),
        _ => Err(Failure::failed(format!("several are called `{wanted}`; name one by its id"))),
    }
}

async fn set(desk: &Desk<'_>, object: &str, own: Value, done: &str) -> Result<(), Failure> {
    let answer = desk.client.ask(object, "set", own).await?;
    if let Some(failure) = refusals(&answer, &|id| format!("{object} {id}")) {
        return Err(failure);
    }
    desk.show(&answer, |look| format!("{}\n", look.paint.green(&shown(done))));
    Ok(())
}

async fn delete(desk: &Desk<'_>, object: &str, names: &[String]) -> Result<(), Failure> {
    let mut ids = Vec::new();
    for name in names {
        ids.push(id(desk, object, name).await?);
    }
    set(desk, object, json!({ "destroy": ids }), &format!("{}: gone", names.join(", "))).await
}
