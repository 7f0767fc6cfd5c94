//! Is the whole configuration fit to be used?

mod authenticity;
mod branches;
mod comparisons;
mod directories;
mod directory;
mod extensions;
mod implication;
mod limits;
mod lookup_stores;
mod mailing_lists;
mod names;
mod one;
mod relays;
mod reports;
mod sources;
mod strategies;
#[cfg(test)]
mod tests;
mod tls_reports;
mod vocabulary;
mod webhooks;

use std::collections::BTreeMap;
use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use crate::authenticity::SenderAuth;
use crate::configuration::Configuration;
use crate::expr::{CheckedExpression, Span};
use crate::extensions::Extensions;
use crate::reporter::ReportRules;
use crate::settings::{Secret, SecretReference, Settings, SettingsError};
use crate::signing::{OpenKey, Signer};
use crate::tls_report::TlsReportRules;
use strategies::Compiled;
use vocabulary::Vocabulary;

pub use one::check_expression;

/// The names that a property can yield, as far as they are written down.
pub(crate) fn names_yielded(expression: &CheckedExpression) -> Vec<&str> {
    let formulas = strategies::yields(expression);
    let outcomes = formulas.into_iter().flat_map(|(_, formula)| strategies::outcomes(formula.expr()));
    outcomes.filter_map(|(name, _)| name).collect()
}

/// What lies outside the settings, gathered before the check.
#[derive(Clone, Debug, Default)]
pub struct Environment {
    /// The machine's host name, for settings that name none.
    pub hostname: Option<String>,
    /// What was found where the settings' secrets are said to be, or why not.
    pub secrets: BTreeMap<SecretReference, Result<Secret, String>>,
    /// Where this server itself listens, as far as known.
    pub listeners: Vec<SocketAddr>,
    /// Opens the keys of signatures. Without it they are not looked at, and nothing is signed.
    pub open_key: Option<OpenKey>,
    /// Whether the machine can connect from the source addresses of connection strategies, as far as it was tried.
    pub source_addresses: BTreeMap<IpAddr, Result<(), String>>,
}

/// What the check found.
#[derive(Debug)]
pub struct Checked {
    /// Everything worth saying, errors first.
    pub findings: Vec<Finding>,
    /// The configuration, if no finding is an error.
    pub configuration: Option<Configuration>,
}

/// How bad a finding is.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Severity {
    /// The configuration cannot be used.
    Error,
    /// It can be used, but probably not with the result that is wanted.
    Warning,
}

/// One thing that the check found.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Finding {
    /// How bad it is.
    pub severity: Severity,
    /// Which object, such as `MtaRoute relay`.
    pub object: String,
    /// Which property, such as `route.match.1.if`; empty if it is the object as a whole.
    pub property: String,
    /// Line and column from 1: in the expression, if it is about one; in the file, if it is about the JSON form.
    pub position: Option<(usize, usize)>,
    /// The bytes of the expression's text, if it is about one.
    pub span: Option<Span>,
    /// What is wrong.
    pub message: String,
    /// What may help.
    pub hint: Option<String>,
}

/// Checks all settings against each other and the environment.
pub fn check(settings: &Settings, environment: &Environment) -> Checked {
    let mut findings = Vec::new();
    let vocabulary = Vocabulary::of(settings);
    let compiled = strategies::compile(settings, &vocabulary, &mut findings);
    let reports = reports::compile(settings, &vocabulary, &mut findings);
    let reports = reports.zip(tls_reports::compile(settings, &vocabulary, &mut findings));
    lookup_stores::check(settings, environment, &mut findings);
    let sender_auth = authenticity::compile(settings, &vocabulary, &mut findings);
    let extensions = extensions::compile(settings, &vocabulary, &mut findings);
    let signers = authenticity::signers(settings, environment, &mut findings);
    relays::check(settings, environment, compiled.as_ref(), &mut findings);
    let limits = limits::compile(settings, &vocabulary, &mut findings);
    sources::check(settings, environment, &mut findings);
    let hooks = webhooks::compile(settings, environment, &mut findings);
    names::check_queues(settings, &mut findings);
    directory::check(settings, &mut findings);
    mailing_lists::check(settings, &mut findings);
    directories::check(settings, environment, &mut findings);
    if let Some(compiled) = &compiled {
        names::check(settings, compiled, &mut findings);
        strategies::check_demands(settings, compiled, &mut findings);
    }
    let usable = findings.iter().all(|finding| finding.severity != Severity::Error);
    let configuration = compiled.zip(reports).zip(sender_auth.zip(extensions)).filter(|_| usable).map(
        |((compiled, reports), (sender_auth, extensions))| {
            let inbound = (sender_auth, extensions, signers);
            let all = assemble(settings, environment, compiled, reports, limits, inbound);
            Configuration { webhooks: hooks, ..all }
        },
    );
    if let Some(configuration) = &configuration {
        directory::check_routes(configuration, &mut findings);
    }
    findings.sort_by_key(|finding| finding.severity);
    Checked { findings, configuration }
}

/// The configuration that the settings make. Everything that could be missing was found to be there.
fn assemble(
    settings: &Settings,
    environment: &Environment,
    compiled: Compiled,
    (reports, tls_reports): (ReportRules, TlsReportRules),
    limits: limits::Compiled,
    (sender_auth, extensions, signers): (SenderAuth, Extensions, BTreeMap<mail::Domain, Vec<Arc<Signer>>>),
) -> Configuration {
    let hostname = hostname(settings, environment);
    Configuration {
        domain: settings.system.default_domain.clone().unwrap_or_else(|| hostname.clone()),
        hostname,
        routes: shared(&settings.routes),
        lookup_stores: shared(&settings.lookup_stores),
        lookup_secrets: lookup_stores::secrets(settings, environment),
        schedules: shared(&settings.schedules),
        virtual_queues: shared(&settings.virtual_queues),
        connections: shared(&settings.connections),
        tls: shared(&settings.tls),
        directories: shared(&settings.directories),
        directory_secrets: directories::secrets(settings, environment),
        directory: directories::default(settings),
        sasl: directories::mechanisms(settings),
        domains: directory::domains(settings),
        accounts: directory::accounts(settings),
        mailing_lists: mailing_lists::compiled(settings),
        inbound: limits.inbound,
        outbound: limits.outbound,
        quotas: limits.quotas,
        sender_auth,
        extensions,
        signers,
        route: compiled.route,
        schedule: compiled.schedule,
        connection: compiled.connection,
        tls_strategy: compiled.tls,
        reports,
        tls_reports,
        history: settings.history.clone(),
        webhooks: BTreeMap::new(),
        incomplete: false,
    }
}

fn shared<T: Clone>(objects: &BTreeMap<String, T>) -> BTreeMap<String, Arc<T>> {
    objects.iter().map(|(name, object)| (name.clone(), Arc::new(object.clone()))).collect()
}

fn hostname(settings: &Settings, environment: &Environment) -> mail::Domain {
    let machine = || environment.hostname.as_deref().and_then(|name| mail::Domain::parse(name).ok());
    settings.system.default_hostname.clone().or_else(machine).unwrap_or_else(localhost)
}

fn localhost() -> mail::Domain {
    mail::Domain::parse("localhost").expect("a plain name")
}

impl Finding {
    fn new(severity: Severity, object: impl Into<String>, message: impl Into<String>) -> Self {
        Finding {
            severity,
            object: object.into(),
            property: String::new(),
            position: None,
            span: None,
            message: message.into(),
            hint: None,
        }
    }

    fn at(mut self, property: impl Into<String>) -> Self {
        self.property = property.into();
        self
    }

    fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }
}

impl From<SettingsError> for Finding {
    fn from(error: SettingsError) -> Self {
        Finding {
            severity: Severity::Error,
            object: error.object,
            property: error.property,
            position: Some((error.line, error.column)).filter(|(line, _)| *line > 0),
            span: None,
            message: error.message,
            hint: error.hint,
        }
    }
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Severity::Error => "error",
            Severity::Warning => "warning",
        })
    }
}

impl fmt::Display for Finding {
    /// `error: MtaOutboundStrategy: route.else: line 1, column 1: there is no route 'relai' (did you mean relay?)`
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: ", self.severity)?;
        for part in [&self.object, &self.property] {
            if !part.is_empty() {
                write!(f, "{part}: ")?;
            }
        }
        if let Some((line, column)) = self.position {
            write!(f, "line {line}, column {column}: ")?;
        }
        f.write_str(&self.message)?;
        match &self.hint {
            Some(hint) => write!(f, " ({hint})"),
            None => Ok(()),
        }
    }
}
