//! Do domains and accounts fit together, and does mail for them stay out of the MX routes?

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

use mail::{
    Address, ContentTraits, Envelope, LocalPart, MessageId, Origin, Parameters, ReversePath, Source,
    Timestamp,
};

use super::strategies::STRATEGY;
use super::{Finding, Severity};
use crate::configuration::{Configuration, lower_case};
use crate::expr::LookupAnswers;
use crate::facts::Facts;
use crate::retry::Progress;
use crate::route::{Choice, choose_route};
use crate::settings::{Account, Domain, RouteKind, Settings};

pub(super) fn check(settings: &Settings, findings: &mut Vec<Finding>) {
    let mut owners: BTreeMap<&mail::Domain, &mail::Domain> = BTreeMap::new();
    for domain in settings.domains.values() {
        for name in names(domain) {
            if let Some(other) = owners.insert(name, &domain.name).filter(|other| **other != domain.name) {
                let message = format!("{name} is also a name of the domain {other}");
                findings.push(Finding::new(Severity::Error, format!("Domain {}", domain.name), message));
            }
        }
    }
    let mut holders: BTreeMap<Address, &Address> = BTreeMap::new();
    for account in settings.accounts.values() {
        let object = || format!("Account {}", account.name);
        for address in addresses(account) {
            if let Some(other) = holders.insert(lower_case(address), &account.name)
                && *other != account.name
            {
                let message = format!("{address} is also an address of the account {other}");
                findings.push(Finding::new(Severity::Error, object(), message));
            }
            if !owners.contains_key(&address.domain) {
                let message = format!("{address} is in no domain of this server");
                let hint = format!("add a Domain {}", address.domain);
                findings.push(Finding::new(Severity::Warning, object(), message).hint(hint));
            }
        }
    }
    catch_alls(settings, &holders, findings);
}

/// Mail to a catch-all of ours must end with somebody.
fn catch_alls(settings: &Settings, holders: &BTreeMap<Address, &Address>, findings: &mut Vec<Finding>) {
    for domain in settings.domains.values() {
        let Some(address) = &domain.catch_all_address else { continue };
        if settings.domains.contains_key(&address.domain) && !holders.contains_key(&lower_case(address)) {
            let message = format!("no account has the address {address}");
            let object = format!("Domain {}", domain.name);
            findings.push(Finding::new(Severity::Warning, object, message).at("catchAllAddress"));
        }
    }
}

/// Local domains by name and by alias.
pub(super) fn domains(settings: &Settings) -> BTreeMap<mail::Domain, Arc<Domain>> {
    let all = settings.domains.values().map(|domain| Arc::new(domain.clone()));
    all.flat_map(|domain| names(&domain).map(|name| (name.clone(), Arc::clone(&domain))).collect::<Vec<_>>())
        .collect()
}

/// Accounts by each of their addresses.
pub(super) fn accounts(settings: &Settings) -> BTreeMap<Address, Arc<Account>> {
    let all = settings.accounts.values().map(|account| Arc::new(account.clone()));
    all.flat_map(|account| {
        addresses(&account).map(|address| (lower_case(address), Arc::clone(&account))).collect::<Vec<_>>()
    })
    .collect()
}

fn names(domain: &Domain) -> impl Iterator<Item = &mail::Domain> {
    std::iter::once(&domain.name).chain(&domain.aliases)
}

fn addresses(account: &Account) -> impl Iterator<Item = &Address> {
    std::iter::once(&account.name).chain(&account.aliases)
}

/// Routes a message to a recipient in each local domain: none should leave by MX.
pub(super) fn check_routes(configuration: &Configuration, findings: &mut Vec<Finding>) {
    const NAMED_MAX: usize = 3;
    let mut leaving: BTreeMap<String, Vec<String>> = BTreeMap::new();
    let residents: BTreeMap<&mail::Domain, &Address> =
        configuration.accounts.keys().map(|address| (&address.domain, address)).collect();
    for name in configuration.domains.keys() {
        let resident = residents.get(name).copied().cloned();
        if let Some(route) = resident.or_else(|| postmaster(name)).and_then(|to| leaves_by(configuration, to))
        {
            leaving.entry(route).or_default().push(name.to_string());
        }
    }
    for (route, domains) in leaving {
        let more = domains.len().saturating_sub(NAMED_MAX);
        let named = domains.iter().take(NAMED_MAX).cloned().collect::<Vec<_>>().join(", ");
        let more = if more > 0 { format!(" and {more} more") } else { String::new() };
        let message =
            format!("mail for {named}{more} goes out by the Mx route '{route}', though it is local");
        findings.push(
            Finding::new(Severity::Warning, STRATEGY, message)
                .at("route")
                .hint("begin with a branch such as: if is_local_domain(rcpt_domain) then 'local'"),
        );
    }
}

/// The address that each domain has (RFC 5321 section 4.5.1).
fn postmaster(domain: &mail::Domain) -> Option<Address> {
    Some(Address { local_part: LocalPart::parse("postmaster").ok()?, domain: domain.clone() })
}

/// The Mx route that a first attempt at this recipient takes.
fn leaves_by(configuration: &Configuration, forward_path: Address) -> Option<String> {
    let envelope = Envelope {
        message: MessageId(0),
        reverse_path: ReversePath::Null,
        accepted_at: Timestamp::EPOCH,
        origin: Origin {
            source: Source::Unauthenticated,
            listener: String::new(),
            client_ip: IpAddr::V4(Ipv4Addr::LOCALHOST),
            local_port: 25,
            authenticated_as: None,
        },
        parameters: Parameters::default(),
        traits: ContentTraits::default(),
        size: 1000,
        recipients: vec![forward_path.clone()],
    };
    let schedule = configuration.schedules.values().next()?;
    let progress = Progress::first(schedule, envelope.accepted_at, &envelope.parameters);
    let facts = Facts::new(&envelope, &forward_path, &progress, Timestamp::EPOCH);
    match choose_route(configuration, &facts, &LookupAnswers::default()) {
        Choice::Decided(route) if matches!(route.kind, RouteKind::Mx(_)) => Some(route.name.clone()),
        Choice::Decided(_) | Choice::Needs(_) | Choice::Undecidable(_) => None,
    }
}
