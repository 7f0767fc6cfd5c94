//! What do directories elsewhere say? Which of them is asked, and what they said a moment ago.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use mail::Address;
use policy::Configuration;
use policy::settings::{Account, DirectoryKind, DirectoryServer, Secret};
use store::LookupStores;
use store::lookup::Secure;

use crate::accounts::lock;
use crate::ldap::{self, Ldap};
use crate::oidc::{Fetch, Oidc};
use crate::sql::Sql;

/// Addresses of which is remembered what was said.
const REMEMBERED_MAX: usize = 10_000;
/// How long it is remembered at most that there is no such account.
const UNKNOWN_MAX: Duration = Duration::from_secs(10);

/// The ways to directories elsewhere.
#[derive(Clone)]
pub struct Ways {
    /// TLS to LDAP servers.
    pub secure: Arc<dyn Secure>,
    /// Databases.
    pub stores: Arc<LookupStores>,
    /// The keys of issuers of tokens.
    pub web: Arc<dyn Fetch>,
}

pub(crate) struct Elsewhere {
    ways: Ways,
    servers: Mutex<BTreeMap<String, Arc<Server>>>,
}

/// A directory as its settings were when it was made.
pub(crate) struct Server {
    settings: Arc<DirectoryServer>,
    secret: Option<Secret>,
    kind: Kind,
    said: Mutex<BTreeMap<Address, (Option<Found>, Duration)>>,
}

enum Kind {
    Ldap(Ldap),
    Sql(Sql),
    Oidc(Oidc),
    Nothing,
}

/// An account elsewhere, and what its password is checked with.
#[derive(Clone)]
pub(crate) enum Found {
    Ldap(ldap::Found),
    Sql(Arc<Account>, Option<Secret>),
}

impl Found {
    pub(crate) fn account(&self) -> &Arc<Account> {
        match self {
            Found::Ldap(found) => &found.account,
            Found::Sql(account, _) => account,
        }
    }

    /// The entry of an LDAP server.
    pub(crate) fn entry(&self) -> Option<&ldap::Found> {
        match self {
            Found::Ldap(found) => Some(found),
            Found::Sql(..) => None,
        }
    }
}

impl Elsewhere {
    pub(crate) fn new(ways: Ways) -> Self {
        Elsewhere { ways, servers: Mutex::default() }
    }

    /// The directory as it is now. One whose settings are the same goes on as it is.
    pub(crate) fn server(
        &self,
        configuration: &Configuration,
        settings: &Arc<DirectoryServer>,
    ) -> Arc<Server> {
        let secret = configuration.directory_secrets.get(&settings.name);
        let mut servers = lock(&self.servers);
        if let Some(server) = servers.get(&settings.name)
            && server.settings == *settings
            && server.secret.as_ref() == secret
        {
            return Arc::clone(server);
        }
        servers.retain(|name, _| configuration.directories.contains_key(name));
        let server = Arc::new(self.open(settings, secret));
        servers.insert(settings.name.clone(), Arc::clone(&server));
        server
    }

    fn open(&self, settings: &Arc<DirectoryServer>, secret: Option<&Secret>) -> Server {
        let ways = &self.ways;
        let kind = match &settings.kind {
            DirectoryKind::Internal => Kind::Nothing,
            DirectoryKind::Ldap(server) => {
                Kind::Ldap(Ldap::new(server.clone(), secret.cloned(), Arc::clone(&ways.secure)))
            }
            DirectoryKind::Sql(database) => Kind::Sql(Sql::new(database.clone(), Arc::clone(&ways.stores))),
            DirectoryKind::Oidc(provider) => Kind::Oidc(Oidc::new(provider.clone(), Arc::clone(&ways.web))),
        };
        Server { settings: Arc::clone(settings), secret: secret.cloned(), kind, said: Mutex::default() }
    }
}

impl Server {
    /// Its name.
    pub(crate) fn name(&self) -> &str {
        &self.settings.name
    }

    /// How long what it says holds.
    pub(crate) fn holds(&self) -> Duration {
        match &self.settings.kind {
            DirectoryKind::Ldap(server) => server.cache_ttl,
            DirectoryKind::Sql(database) => database.cache_ttl,
            DirectoryKind::Internal | DirectoryKind::Oidc(_) => Duration::ZERO,
        }
    }

    /// The account of an address; the reason if it cannot be said. `now` is the time since any fixed beginning.
    pub(crate) async fn find(&self, address: &Address, now: Duration) -> Result<Option<Found>, String> {
        let lower = lower_case(address);
        if let Some((said, until)) = lock(&self.said).get(&lower)
            && now < *until
        {
            return Ok(said.clone());
        }
        let found = match &self.kind {
            Kind::Ldap(ldap) => ldap.find(&lower).await?.map(Found::Ldap),
            Kind::Sql(sql) => sql.find(&lower).await?.map(|account| {
                let secret = account.secret.clone();
                Found::Sql(Arc::new(Account { secret: None, ..Account::clone(&account) }), secret)
            }),
            Kind::Oidc(_) | Kind::Nothing => None,
        };
        let long = if found.is_some() { self.holds() } else { self.holds().min(UNKNOWN_MAX) };
        let mut said = lock(&self.said);
        if said.len() >= REMEMBERED_MAX {
            said.retain(|_, (_, until)| now < *until);
            if said.len() >= REMEMBERED_MAX {
                said.clear();
            }
        }
        said.insert(lower, (found.clone(), now.saturating_add(long)));
        Ok(found)
    }

    /// Forgets what was said about an address: a password that is wrong may have been changed.
    pub(crate) fn forget(&self, address: &Address) {
        lock(&self.said).remove(&lower_case(address));
    }

    /// The LDAP server, if it is one.
    pub(crate) fn ldap(&self) -> Option<&Ldap> {
        match &self.kind {
            Kind::Ldap(ldap) => Some(ldap),
            Kind::Sql(_) | Kind::Oidc(_) | Kind::Nothing => None,
        }
    }

    /// The issuer of tokens, if it is one.
    pub(crate) fn oidc(&self) -> Option<&Oidc> {
        match &self.kind {
            Kind::Oidc(oidc) => Some(oidc),
            Kind::Ldap(_) | Kind::Sql(_) | Kind::Nothing => None,
        }
    }
}

fn lower_case(address: &Address) -> Address {
    Address::parse(&address.to_string().to_lowercase()).unwrap_or_else(|_| address.clone())
}
