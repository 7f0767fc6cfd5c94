//! Who asks, and how far that goes.

use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

/// What somebody may do. Each role may do what those before it may.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// Look at everything but secrets.
    Viewer,
    /// Also change the queue.
    Operator,
    /// Also change settings that say where mail goes.
    Router,
    /// Also change who may do what.
    Admin,
}

impl Role {
    /// All of them, the least first.
    pub const ALL: [Role; 4] = [Role::Viewer, Role::Operator, Role::Router, Role::Admin];

    /// The role of this name.
    pub fn parse(name: &str) -> Option<Self> {
        Role::ALL.into_iter().find(|role| role.name() == name)
    }

    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Role::Viewer => "viewer",
            Role::Operator => "operator",
            Role::Router => "router",
            Role::Admin => "admin",
        }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// How the caller proved who it is.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Proof {
    /// A session of the web UI.
    Session,
    /// An API token.
    Token,
    /// A name and a password in every request.
    Password,
    /// The kernel says who is at the other end of the Unix socket, or the program itself asks.
    Local,
}

/// Who asks.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Caller {
    /// As it stands in the audit log, such as `alice`, `token backup` or `local root`.
    pub name: String,
    /// What it may do.
    pub role: Role,
    /// The methods that its token is meant for, such as `QueuedMessage/get` or `*/query`; any if there is no list.
    pub scope: Option<Arc<[String]>>,
    /// From where it asks; nothing over the Unix socket.
    pub address: Option<IpAddr>,
    /// How it proved who it is.
    pub proof: Proof,
}

impl Caller {
    /// A caller on this machine, without a narrower scope.
    pub fn new(name: impl Into<String>, role: Role) -> Self {
        Caller { name: name.into(), role, scope: None, address: None, proof: Proof::Local }
    }

    /// Whether its token is meant for this method.
    pub fn is_in_scope(&self, object: &str, verb: &str) -> bool {
        let Some(scope) = &self.scope else { return true };
        scope.iter().any(|method| {
            let method = method.strip_prefix("x:").unwrap_or(method);
            method.split_once('/').is_some_and(|(known, known_verb)| {
                (known == "*" || known == object) && (known_verb == "*" || known_verb == verb)
            })
        })
    }
}
