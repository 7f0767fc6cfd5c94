//! What does an LDAP server say of an address, and does it take this password? (RFC 4511; a client of our own, since
//! those that there are bring a second TLS provider.)

mod ber;
mod connection;
mod filter;

use std::sync::{Arc, Mutex};
use std::time::Duration;

use mail::Address;
use policy::settings::{Account, LdapDirectory, Secret};
use store::lookup::Secure;
use tokio::sync::{Semaphore, SemaphorePermit};

use self::connection::{Bound, Connection, Entry};

/// One server.
pub(crate) struct Ldap {
    settings: LdapDirectory,
    secret: Option<Secret>,
    secure: Arc<dyn Secure>,
    turns: Semaphore,
    idle: Mutex<Vec<Connection>>,
}

/// An account that was found, and the entry that it is.
#[derive(Clone, Debug)]
pub(crate) struct Found {
    pub(crate) account: Arc<Account>,
    dn: String,
}

impl Ldap {
    pub(crate) fn new(settings: LdapDirectory, secret: Option<Secret>, secure: Arc<dyn Secure>) -> Self {
        let turns = Semaphore::new(settings.pool_max_connections);
        Ldap { settings, secret, secure, turns, idle: Mutex::default() }
    }

    /// The account of an address; the reason if it cannot be said now.
    pub(crate) async fn find(&self, address: &Address) -> Result<Option<Found>, String> {
        let filter = filter::encoded(&filter::filled(&self.settings.filter, address))?;
        let entries = self.within(self.search(&filter)).await?;
        match entries.as_slice() {
            [] => Ok(None),
            [entry] => self.read(entry).map(Some),
            _ => Err(format!("there are several entries for {address}")),
        }
    }

    /// A turn to ask about a password; the reason if there is none in time.
    pub(crate) async fn turn(&self) -> Result<SemaphorePermit<'_>, String> {
        self.within(async { self.turns.acquire().await.map_err(|error| error.to_string()) }).await
    }

    /// Whether this is the account's password; the reason if it cannot be said now. For an account that there is not the
    /// server is asked as well: that takes as long. Whoever asks has a turn.
    pub(crate) async fn is_right(&self, found: Option<&Found>, password: &str) -> Result<bool, String> {
        // RFC 4513 section 5.1.2: without a password anybody is let in, as nobody.
        if password.is_empty() {
            return Ok(false);
        }
        let asked = async {
            let mut connection = self.connect().await?;
            let nobody = || format!("cn=no such account,{}", self.settings.base_dn);
            let dn = found.map_or_else(nobody, |found| found.dn.clone());
            connection.bind(&dn, password.as_bytes()).await
        };
        let bound = self.within(asked).await?;
        Ok(bound == Bound::Yes && found.is_some())
    }

    async fn within<T>(&self, work: impl Future<Output = Result<T, String>>) -> Result<T, String> {
        let limit: Duration = self.settings.timeout;
        match tokio::time::timeout(limit, work).await {
            Ok(done) => done,
            Err(_) => Err(format!("{}: no answer within {} ms", self.settings.url, limit.as_millis())),
        }
    }

    async fn search(&self, filter: &[u8]) -> Result<Vec<Entry>, String> {
        let _turn = self.turns.acquire().await.map_err(|error| error.to_string())?;
        let kept = self.idle().pop();
        if let Some(mut connection) = kept {
            // It may have been closed meanwhile: then a new one is asked.
            if let Ok(entries) = self.ask(&mut connection, filter).await {
                self.idle().push(connection);
                return Ok(entries);
            }
        }
        let mut connection = self.connect().await?;
        if let Some(dn) = &self.settings.bind_dn {
            let secret = self.secret.as_ref().map_or(&b""[..], |secret| secret.expose().as_bytes());
            if connection.bind(dn, secret).await? != Bound::Yes {
                return Err(format!("{} does not let us in as {dn}", self.settings.url));
            }
        }
        let entries = self.ask(&mut connection, filter).await?;
        self.idle().push(connection);
        Ok(entries)
    }

    async fn ask(&self, connection: &mut Connection, filter: &[u8]) -> Result<Vec<Entry>, String> {
        connection.search(&self.settings.base_dn, filter, &self.attributes()).await
    }

    fn attributes(&self) -> Vec<&str> {
        let settings = &self.settings;
        let optional =
            [&settings.attribute_aliases, &settings.attribute_quota, &settings.attribute_description];
        let optional = optional.into_iter().filter_map(Option::as_deref);
        std::iter::once(settings.attribute_name.as_str()).chain(optional).collect()
    }

    async fn connect(&self) -> Result<Connection, String> {
        let settings = &self.settings;
        let (host, port, tls) =
            settings.place().ok_or_else(|| format!("'{}' is no LDAP URL", settings.url))?;
        let fail = |error: std::io::Error| format!("cannot connect to {}: {error}", settings.url);
        let mut connection = Connection::open(host, port).await.map_err(fail)?;
        if !tls && settings.start_tls {
            connection.start_tls().await?;
        }
        if tls || settings.start_tls {
            connection =
                connection.secured(&*self.secure, host, !settings.allow_invalid_certs).await.map_err(fail)?;
        }
        Ok(connection)
    }

    fn read(&self, entry: &Entry) -> Result<Found, String> {
        let settings = &self.settings;
        let first = |name: &Option<String>| name.as_ref().and_then(|name| entry.values(name).next());
        let name = entry.values(&settings.attribute_name).next();
        let name = name.ok_or_else(|| format!("{} has no {}", entry.dn, settings.attribute_name))?;
        let name = Address::parse(name).map_err(|error| format!("{}: {name}: {error}", entry.dn))?;
        let aliases = settings.attribute_aliases.iter().flat_map(|name| entry.values(name));
        let quota = match first(&settings.attribute_quota) {
            None => None,
            Some(digits) => {
                Some(digits.trim().parse().map_err(|_| format!("{}: '{digits}' is no quota", entry.dn))?)
            }
        };
        let account = Account {
            aliases: aliases
                .filter_map(|alias| Address::parse(alias).ok())
                .filter(|one| *one != name)
                .collect(),
            name,
            description: first(&settings.attribute_description).map(str::to_owned),
            secret: None,
            quota,
            detail_to_mailbox: false,
        };
        Ok(Found { account: Arc::new(account), dn: entry.dn.clone() })
    }

    fn idle(&self) -> std::sync::MutexGuard<'_, Vec<Connection>> {
        crate::accounts::lock(&self.idle)
    }
}
