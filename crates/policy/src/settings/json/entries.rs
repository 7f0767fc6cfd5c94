//! Which objects are in a settings file, and of which type is each?

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Display;

use serde::Deserialize;

use super::faults;
use super::reader::{Fault, Reader, TYPE};
use super::tree::{Json, Member, Node};
use crate::expr::suggest::closest;
use crate::settings::directory_server::{DirectoryHead, Internal};
use crate::settings::lookup_store::{Memory, StoreHead};
use crate::settings::object_type::{DIRECTORY_VARIANTS, ROUTE_VARIANTS, STORE_VARIANTS, find};
use crate::settings::route::{Local, RouteHead};
use crate::settings::{
    Account, DirectoryKind, DirectoryServer, LdapDirectory, LookupStoreKind, MailingList, MtaRoute,
    MtaVirtualQueue, MxRoute, ObjectType, OidcDirectory, PostgreSqlLookup, RelayRoute, RouteKind, Settings,
    SettingsError, SqlDirectory, SqliteLookup, StoreLookup,
};
use crate::settings::{MtaInboundThrottle, MtaOutboundThrottle, MtaQueueQuota};

/// The member of a file that says whether the fresh objects are there too; they are unless it is false.
pub(crate) const FRESH: &str = "@fresh";

/// An object of the file: its type, the id that it is listed under, and its properties.
#[derive(Clone, Copy)]
pub(super) struct Entry<'j> {
    pub(super) kind: ObjectType,
    pub(super) id: Option<&'j str>,
    pub(super) json: &'j Json,
}

/// Reads a file over the objects that are there already.
pub(in crate::settings) fn load(text: &str, settings: &mut Settings) -> Result<(), Vec<SettingsError>> {
    let whole = |fault: Fault| vec![error(text, String::new(), fault)];
    let json = Json::parse(text).map_err(whole)?;
    let mut loader = Loader { settings, names: BTreeSet::new(), queue_ids: BTreeMap::new() };
    let Entries { found, mentioned, is_whole, faults: strays } = entries(&json);
    if is_whole {
        loader.settings.forget_fresh();
    }
    let mut errors: Vec<_> = strays.into_iter().map(|fault| error(text, String::new(), fault)).collect();
    for kind in mentioned {
        loader.forget_fresh(kind);
    }
    for entry in found {
        let faults = faults::all(entry.json, |json| loader.load(&Entry { json, ..entry }));
        errors.extend(faults.into_iter().map(|fault| error(text, title(&entry), fault)));
    }
    loader.resolve_queue_ids();
    if errors.is_empty() { Ok(()) } else { Err(errors) }
}

fn title(entry: &Entry<'_>) -> String {
    let name = entry.json.text_member("name").or(entry.id);
    match name.or_else(|| entry.json.text_member("description")) {
        Some(name) if !entry.kind.is_singleton() && !name.is_empty() => {
            format!("{} {name}", entry.kind.name())
        }
        _ => entry.kind.name().to_owned(),
    }
}

fn error(text: &str, object: String, fault: Fault) -> SettingsError {
    let before = text.get(..fault.at.unwrap_or(0)).unwrap_or(text);
    let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
    SettingsError {
        object,
        property: fault.path,
        line: before.matches('\n').count() + 1,
        column: before[line_start..].chars().count() + 1,
        message: fault.message,
        hint: fault.hint,
    }
}

/// The objects of a file.
#[derive(Default)]
pub(super) struct Entries<'j> {
    pub(super) found: Vec<Entry<'j>>,
    /// The types that the file speaks of.
    pub(super) mentioned: BTreeSet<ObjectType>,
    /// Whether the file is the whole, and the fresh objects are not there unless it lists them.
    pub(super) is_whole: bool,
    /// What is of no type.
    faults: Vec<Fault>,
}

pub(super) fn entries(json: &Json) -> Entries<'_> {
    let mut entries = Entries::default();
    match &json.node {
        Node::List(items) => items.iter().for_each(|item| entries.take(typed(item))),
        Node::Object(_) if json.member(TYPE).is_some() => entries.take(typed(json)),
        Node::Object(members) => {
            for member in members {
                if member.key == FRESH {
                    entries.is_whole = matches!(member.value.node, Node::Bool(false));
                    continue;
                }
                match named(&member.key, member.at) {
                    Ok(kind) => {
                        entries.mentioned.insert(kind);
                        let listed = of_type(kind, &member.value, &mut entries.found);
                        entries.faults.extend(listed.err());
                    }
                    Err(fault) => entries.faults.push(fault),
                }
            }
        }
        Node::Null | Node::Bool(_) | Node::Number(_) | Node::Text(_) => {
            entries.faults.push(not_an_object(json));
        }
    }
    entries.mentioned.extend(entries.found.iter().map(|entry| entry.kind));
    entries
}

impl<'j> Entries<'j> {
    fn take(&mut self, entry: Result<Entry<'j>, Fault>) {
        match entry {
            Ok(entry) => self.found.push(entry),
            Err(fault) => self.faults.push(fault),
        }
    }
}

/// An object that says itself of which type it is.
fn typed(json: &Json) -> Result<Entry<'_>, Fault> {
    let Some(name) = json.text_member(TYPE) else {
        return Err(match json.node {
            Node::Object(_) => Fault::at(json.at, format!("the property {TYPE} is missing")),
            _ => not_an_object(json),
        });
    };
    let at = json.member(TYPE).map_or(json.at, |member| member.at);
    let kind = match name {
        route if ROUTE_VARIANTS.contains(&route) => ObjectType::Route,
        store if STORE_VARIANTS.contains(&store) => ObjectType::LookupStore,
        directory if DIRECTORY_VARIANTS.contains(&directory) => ObjectType::Directory,
        other => named(other, at)?,
    };
    Ok(Entry { kind, id: None, json })
}

fn named(name: &str, at: usize) -> Result<ObjectType, Fault> {
    find(name).map_err(|hint| Fault::at(at, format!("there is no type of object {name}")).hint(hint))
}

fn not_an_object(json: &Json) -> Fault {
    Fault::at(json.at, "an object is expected here")
}

/// Objects that are listed under their type: one, an array of them, or by id.
fn of_type<'j>(kind: ObjectType, json: &'j Json, found: &mut Vec<Entry<'j>>) -> Result<(), Fault> {
    match &json.node {
        Node::List(items) => found.extend(items.iter().map(|json| Entry { kind, id: None, json })),
        Node::Object(members) if is_one(kind, members) => found.push(Entry { kind, id: None, json }),
        Node::Object(members) => found.extend(members.iter().map(|member| Entry {
            kind,
            id: Some(member.key.as_str()),
            json: &member.value,
        })),
        Node::Null | Node::Bool(_) | Node::Number(_) | Node::Text(_) => return Err(not_an_object(json)),
    }
    Ok(())
}

fn is_one(kind: ObjectType, members: &[Member]) -> bool {
    if kind.is_singleton() {
        return !matches!(members, [only] if only.key == "singleton");
    }
    members.iter().any(|member| member.key == TYPE || !matches!(member.value.node, Node::Object(_)))
}

struct Loader<'s> {
    settings: &'s mut Settings,
    names: BTreeSet<(ObjectType, String)>,
    queue_ids: BTreeMap<String, String>,
}

impl Loader<'_> {
    fn load(&mut self, entry: &Entry<'_>) -> Result<(), Fault> {
        let json = entry.json;
        if !matches!(json.node, Node::Object(_)) {
            return Err(not_an_object(json));
        }
        match entry.kind {
            ObjectType::System => self.single(entry, |settings| &mut settings.system),
            ObjectType::Outbound => self.single(entry, |settings| &mut settings.outbound),
            ObjectType::DsnReport => self.single(entry, |settings| &mut settings.dsn_report),
            ObjectType::Report => self.single(entry, |settings| &mut settings.report),
            ObjectType::TlsReport => self.single(entry, |settings| &mut settings.tls_report),
            ObjectType::SenderAuth => self.single(entry, |settings| &mut settings.sender_auth),
            ObjectType::Extensions => self.single(entry, |settings| &mut settings.extensions),
            ObjectType::History => self.single(entry, |settings| &mut settings.history),
            ObjectType::WebHook => {
                self.named(entry, |settings| &mut settings.webhooks, |object| object.name.clone())
            }
            ObjectType::Route => self.route(entry),
            ObjectType::VirtualQueue => {
                let queue = read::<MtaVirtualQueue>(json)?;
                self.once(entry, &queue.name)?;
                self.queue_ids.extend(entry.id.map(|id| (id.to_owned(), queue.name.clone())));
                self.settings.virtual_queues.insert(queue.name.clone(), queue);
                Ok(())
            }
            ObjectType::InboundThrottle => {
                let mut throttle = read::<MtaInboundThrottle>(json)?;
                throttle.id = self.id(entry, Some(&throttle.description))?;
                self.settings.inbound_throttles.push(throttle);
                Ok(())
            }
            ObjectType::OutboundThrottle => {
                let mut throttle = read::<MtaOutboundThrottle>(json)?;
                throttle.id = self.id(entry, Some(&throttle.description))?;
                self.settings.outbound_throttles.push(throttle);
                Ok(())
            }
            ObjectType::QueueQuota => {
                let mut quota = read::<MtaQueueQuota>(json)?;
                quota.id = self.id(entry, quota.description.as_deref())?;
                self.settings.queue_quotas.push(quota);
                Ok(())
            }
            ObjectType::LookupStore => self.lookup_store(entry),
            ObjectType::Directory => self.directory(entry),
            ObjectType::Account => {
                let account = read::<Account>(json)?;
                self.once(entry, &account.name.to_string().to_lowercase())?;
                self.settings.accounts.insert(account.name.clone(), account);
                Ok(())
            }
            ObjectType::MailingList => {
                let list = read::<MailingList>(json)?;
                self.once(entry, &list.name.to_string().to_lowercase())?;
                self.settings.mailing_lists.insert(list.name.clone(), list);
                Ok(())
            }
            ObjectType::Schedule => {
                self.named(entry, |settings| &mut settings.schedules, |object| object.name.clone())
            }
            ObjectType::Connection => {
                self.named(entry, |settings| &mut settings.connections, |object| object.name.clone())
            }
            ObjectType::Tls => self.named(entry, |settings| &mut settings.tls, |object| object.name.clone()),
            ObjectType::Domain => {
                self.named(entry, |settings| &mut settings.domains, |object| object.name.clone())
            }
            ObjectType::DkimSignature => {
                self.named(entry, |settings| &mut settings.dkim_signatures, |object| object.name.clone())
            }
        }
    }

    fn route(&mut self, entry: &Entry<'_>) -> Result<(), Fault> {
        let route = read_route(entry.json)?;
        self.once(entry, &route.name)?;
        self.settings.routes.insert(route.name.clone(), route);
        Ok(())
    }

    fn lookup_store(&mut self, entry: &Entry<'_>) -> Result<(), Fault> {
        let store = read_store(entry.json)?;
        self.once(entry, &store.name)?;
        self.settings.lookup_stores.insert(store.name.clone(), store);
        Ok(())
    }

    fn directory(&mut self, entry: &Entry<'_>) -> Result<(), Fault> {
        let directory = read_directory(entry.json)?;
        self.once(entry, &directory.name)?;
        self.settings.directories.insert(directory.name.clone(), directory);
        Ok(())
    }

    /// An object of which there is one.
    fn single<T: for<'de> Deserialize<'de>>(
        &mut self,
        entry: &Entry<'_>,
        place: fn(&mut Settings) -> &mut T,
    ) -> Result<(), Fault> {
        *place(self.settings) = read(entry.json)?;
        self.once(entry, "")
    }

    /// An object that is one of several.
    fn named<K: Ord + Display, T: for<'de> Deserialize<'de>>(
        &mut self,
        entry: &Entry<'_>,
        place: fn(&mut Settings) -> &mut BTreeMap<K, T>,
        name: fn(&T) -> K,
    ) -> Result<(), Fault> {
        let object = read(entry.json)?;
        let name = name(&object);
        self.once(entry, &name.to_string())?;
        place(self.settings).insert(name, object);
        Ok(())
    }

    /// Two objects of one type and name in a file are a mistake.
    fn once(&mut self, entry: &Entry<'_>, name: &str) -> Result<(), Fault> {
        if self.names.insert((entry.kind, name.to_owned())) {
            return Ok(());
        }
        Err(Fault::at(entry.json.at, "there are two of this name"))
    }

    /// What an object without a name is known by: its id, else its description, else its number.
    fn id(&mut self, entry: &Entry<'_>, description: Option<&str>) -> Result<String, Fault> {
        if let Some(id) = entry.id {
            return self.once(entry, id).map(|()| id.to_owned());
        }
        let first = description.unwrap_or("1").to_owned();
        let others = (2..).map(|nth| description.map_or(format!("{nth}"), |text| format!("{text} {nth}")));
        let mut free = std::iter::once(first).chain(others);
        let free = free.find(|id| self.once(entry, id).is_ok());
        Ok(free.expect("only so many ids are taken"))
    }

    /// Objects without a name: those of the file are all that there are, also if it lists none.
    fn forget_fresh(&mut self, kind: ObjectType) {
        match kind {
            ObjectType::InboundThrottle => self.settings.inbound_throttles.clear(),
            ObjectType::OutboundThrottle => self.settings.outbound_throttles.clear(),
            ObjectType::QueueQuota => self.settings.queue_quotas.clear(),
            ObjectType::System
            | ObjectType::Route
            | ObjectType::Outbound
            | ObjectType::Schedule
            | ObjectType::VirtualQueue
            | ObjectType::Connection
            | ObjectType::Tls
            | ObjectType::LookupStore
            | ObjectType::Directory
            | ObjectType::DsnReport
            | ObjectType::Report
            | ObjectType::TlsReport
            | ObjectType::Domain
            | ObjectType::Account
            | ObjectType::MailingList
            | ObjectType::DkimSignature
            | ObjectType::SenderAuth
            | ObjectType::Extensions
            | ObjectType::History
            | ObjectType::WebHook => {}
        }
    }

    /// A schedule names its queue by name, or by the id that the queue is listed under.
    fn resolve_queue_ids(&mut self) {
        for schedule in self.settings.schedules.values_mut() {
            if self.settings.virtual_queues.contains_key(&schedule.queue_id) {
                continue;
            }
            let id = schedule.queue_id.strip_prefix('#').unwrap_or(&schedule.queue_id);
            if let Some(name) = self.queue_ids.get(id) {
                schedule.queue_id = name.clone();
            }
        }
    }
}

fn read<T: for<'de> Deserialize<'de>>(json: &Json) -> Result<T, Fault> {
    T::deserialize(Reader(json)).map_err(|fault| Fault { at: fault.at.or(Some(json.at)), ..fault })
}

/// A route's own properties stand beside those of its variant.
fn read_route(json: &Json) -> Result<MtaRoute, Fault> {
    let (head, body) = head_and_body(json)?;
    let kind = match json.text_member(TYPE) {
        Some("Local") => read::<Local>(&body).map(|Local {}| RouteKind::Local),
        Some("Mx") => read::<MxRoute>(&body).map(RouteKind::Mx),
        Some("Relay") => read::<RelayRoute>(&body).map(RouteKind::Relay),
        found => Err(no_variant(json, found, ROUTE_VARIANTS)),
    };
    let (RouteHead { name, description }, kind) = both(read(&head), kind)?;
    Ok(MtaRoute { name, description, kind })
}

/// So do a lookup store's.
fn read_store(json: &Json) -> Result<StoreLookup, Fault> {
    let (head, body) = head_and_body(json)?;
    let kind = match json.text_member(TYPE) {
        Some("Memory") => read::<Memory>(&body).map(|Memory {}| LookupStoreKind::Memory),
        Some("Sqlite") => read::<SqliteLookup>(&body).map(LookupStoreKind::Sqlite),
        Some("PostgreSql") => read::<PostgreSqlLookup>(&body).map(LookupStoreKind::PostgreSql),
        found => Err(no_variant(json, found, STORE_VARIANTS)),
    };
    let (StoreHead { name, description }, kind) = both(read(&head), kind)?;
    Ok(StoreLookup { name, description, kind })
}

/// So do a directory's.
fn read_directory(json: &Json) -> Result<DirectoryServer, Fault> {
    let (head, body) = head_and_body(json)?;
    let kind = match json.text_member(TYPE) {
        Some("Internal") => read::<Internal>(&body).map(|Internal {}| DirectoryKind::Internal),
        Some("Ldap") => read::<LdapDirectory>(&body).map(DirectoryKind::Ldap),
        Some("Sql") => read::<SqlDirectory>(&body).map(DirectoryKind::Sql),
        Some("Oidc") => read::<OidcDirectory>(&body).map(DirectoryKind::Oidc),
        found => Err(no_variant(json, found, DIRECTORY_VARIANTS)),
    };
    let (DirectoryHead { name, description }, kind) = both(read(&head), kind)?;
    Ok(DirectoryServer { name, description, kind })
}

/// Both, or the fault that says more: what is missing may only have been left out.
fn both<A, B>(head: Result<A, Fault>, body: Result<B, Fault>) -> Result<(A, B), Fault> {
    match (head, body) {
        (Ok(head), Ok(body)) => Ok((head, body)),
        (Err(head), Err(body)) => Err(if body.missing.is_none() { body } else { head }),
        (Err(fault), Ok(_)) | (Ok(_), Err(fault)) => Err(fault),
    }
}

/// The properties that every variant has, and the rest.
fn head_and_body(json: &Json) -> Result<(Json, Json), Fault> {
    let Node::Object(members) = &json.node else { return Err(not_an_object(json)) };
    let is_head = |member: &Member| matches!(member.key.as_str(), "name" | "description");
    let (head, body): (Vec<_>, Vec<_>) = members.iter().cloned().partition(is_head);
    let part = |members| Json { at: json.at, node: Node::Object(members) };
    Ok((part(head), part(body)))
}

fn no_variant(json: &Json, found: Option<&str>, variants: &[&str]) -> Fault {
    let at = json.member(TYPE).map_or(json.at, |variant| variant.at);
    let near = found.and_then(|name| closest(name, variants.iter().copied()));
    let fault = Fault::at(at, format!("{TYPE} must be one of {}", variants.join(", ")));
    let fault = Fault { missing: found.is_none().then(|| TYPE.to_owned()), ..fault };
    near.map_or(fault.clone(), |near| fault.hint(format!("did you mean {near}?")))
}
