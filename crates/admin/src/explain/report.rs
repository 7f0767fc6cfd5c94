//! What would become of one recipient: accepted or not, schedule, route, plan.

use std::net::IpAddr;
use std::time::Duration;

use mail::{Address, RecipientId, ReversePath, Timestamp};
use mta::World;
use policy::admit::Admission;
use policy::extensions::Offered;
use policy::mx::MxRules;
use policy::retry::next_attempt;
use policy::route::{Explained, next_hop};
use policy::settings::{DeliveryExpiration, MtaDeliverySchedule};
use policy::{Configuration, Progress};
use serde::Serialize;
use store::Content;
use wire::smtp::server::AUTHENTICATE_FIRST;

use super::plan::{self, HostReport};
use super::question::Question;
use super::subject::{Sketch, Subject, envelope, first_progress};
use super::{Door, Surroundings};

/// Attempts whose times are told.
const ATTEMPTS_TOLD_MAX: usize = 12;

/// What would become of one recipient at one attempt.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Report {
    /// The reverse-path.
    pub from: String,
    /// The forward-path as the client would say it.
    pub to: String,
    /// Who would have authenticated.
    pub authenticated_as: Option<String>,
    /// The client's address.
    pub client_ip: IpAddr,
    /// Whether it would be accepted.
    pub accepted: bool,
    /// The reply, if it would not.
    pub refusal: Option<String>,
    /// The forward-path after aliases and catch-all.
    pub forward_path: String,
    /// Temporary failures so far.
    pub retry_num: u32,
    /// How the schedule was chosen.
    pub schedule: Explained,
    /// What the schedule says.
    pub schedule_says: Option<String>,
    /// When it would be tried, if every attempt failed for now: the first ones, in RFC 3339.
    pub retry_times: Vec<String>,
    /// When it would be given up, in RFC 3339; none if attempts are counted.
    pub gives_up_at: Option<String>,
    /// How the route was chosen.
    pub route: Explained,
    /// Where it goes.
    pub next_hop: Option<String>,
    /// The hosts in order.
    pub hosts: Vec<HostReport>,
    /// Why it would not be delivered now.
    pub trouble: Option<String>,
    /// What the expressions would have written to lookup stores.
    pub would_write: Vec<String>,
}

/// What a schedule says, in words.
pub fn schedule_words(schedule: &MtaDeliverySchedule) -> String {
    let waits: Vec<String> = schedule.retry.iter().map(|wait| duration(*wait)).collect();
    let end = match schedule.expiry {
        DeliveryExpiration::Ttl(ttl) => format!("gives up after {}", duration(ttl)),
        DeliveryExpiration::Attempts(attempts) => format!("gives up after {attempts} attempts"),
    };
    format!("tries again after {}; {end}; virtual queue '{}'", waits.join(", "), schedule.queue_id)
}

fn duration(duration: Duration) -> String {
    match duration.as_secs() {
        s if s >= 86_400 && s.is_multiple_of(86_400) => format!("{} d", s / 86_400),
        s if s >= 3600 && s.is_multiple_of(3600) => format!("{} h", s / 3600),
        s if s >= 60 && s.is_multiple_of(60) => format!("{} min", s / 60),
        s => format!("{s} s"),
    }
}

/// What would become of one recipient. An error: the question makes no sense.
pub(super) async fn report(
    world: &World,
    surroundings: &Surroundings,
    configuration: &Configuration,
    question: &Question,
    to: &str,
) -> Result<Report, String> {
    let now = question.at.unwrap_or_else(|| world.clock.now());
    let to = address(to)?;
    let door = surroundings.door(question.listener.as_deref())?;
    let sketch = Sketch {
        reverse_path: &question.from,
        forward_path: &to,
        authenticated_as: question.authenticated_as.as_deref(),
        client_ip: question.client_ip,
        listener: door.map_or("smtp", |door| &door.name),
        local_port: door.map_or(25, |door| door.port),
        size: question.size,
        now,
    };
    let (forward_path, refusal) = admit(surroundings, configuration, &sketch, door)?;
    let sketch = Sketch { forward_path: &forward_path, ..sketch };
    let envelope = envelope(&sketch).ok_or_else(|| format!("{} is not an address", question.from))?;
    let content = Content::Memory(question.header.clone());
    let subject = Subject {
        configuration,
        envelope: &envelope,
        forward_path: &forward_path,
        progress: &first_progress(now),
        now,
        world,
        content: Some(&content),
    };
    let rules = surroundings.mx_rules(configuration);
    let report = decisions(question, &subject, &rules).await;
    Ok(Report { to: to.to_string(), accepted: refusal.is_none(), refusal, ..report })
}

/// Schedule, route and plan, as if the message had been accepted.
async fn decisions(question: &Question, subject: &Subject<'_>, rules: &MxRules) -> Report {
    let (chosen, schedule) = subject.schedule().await;
    let mut progress = match &chosen {
        Ok(schedule) => Progress::first(schedule, subject.now, &subject.envelope.parameters),
        Err(_) => subject.progress.clone(),
    };
    let (retry_times, gives_up_at) = match &chosen {
        Ok(schedule) => times(schedule, &progress),
        Err(_) => (Vec::new(), None),
    };
    progress.retry_num = question.retry_num;
    progress.last.clone_from(&question.last);
    let subject = Subject { progress: &progress, ..*subject };
    let (choice, route) = subject.route().await;
    let mut report = Report {
        from: subject.envelope.reverse_path.to_string(),
        to: String::new(),
        authenticated_as: question.authenticated_as.clone(),
        client_ip: question.client_ip,
        accepted: true,
        refusal: None,
        forward_path: subject.forward_path.to_string(),
        retry_num: question.retry_num,
        schedule,
        schedule_says: chosen.ok().as_deref().map(schedule_words),
        retry_times,
        gives_up_at,
        route,
        next_hop: None,
        hosts: Vec::new(),
        trouble: None,
        would_write: Vec::new(),
    };
    match choice {
        Ok(route) => {
            let hop = next_hop(&route, subject.forward_path);
            report.next_hop = Some(plan::next_hop_words(&hop));
            match plan::hosts(&subject, &route, &hop, rules).await {
                Ok(hosts) => report.hosts = hosts,
                Err(trouble) => report.trouble = Some(trouble),
            }
        }
        Err(trouble) => report.trouble = Some(trouble.text),
    }
    report
}

/// When it would be tried if every attempt failed for now, and when it would be given up. The jitter is that of no
/// recipient in particular.
fn times(schedule: &MtaDeliverySchedule, first: &Progress) -> (Vec<String>, Option<String>) {
    let mut progress = first.clone();
    let mut times = vec![progress.due];
    while times.len() < ATTEMPTS_TOLD_MAX {
        let Some(next) = next_attempt(schedule, RecipientId(0), &progress, progress.due) else { break };
        if progress.gives_up_at().is_some_and(|end| next >= end) {
            break;
        }
        progress.retry_num += 1;
        progress.due = next;
        times.push(next);
    }
    (times.into_iter().map(Timestamp::rfc3339).collect(), first.gives_up_at().map(Timestamp::rfc3339))
}

/// The forward-path that goes on, and the refusal if the recipient would not be taken.
fn admit(
    surroundings: &Surroundings,
    configuration: &Configuration,
    sketch: &Sketch<'_>,
    door: Option<&Door>,
) -> Result<(Address, Option<String>), String> {
    let reverse_path = match sketch.reverse_path {
        "" => ReversePath::Null,
        text => ReversePath::Address(address(text)?),
    };
    let begun = Admission::begin(
        &surroundings.admission,
        sketch.origin(),
        reverse_path,
        Default::default(),
        &Offered::to_users(),
        sketch.now,
    );
    let asked = sketch.forward_path.clone();
    let admitted = begun.and_then(|mut admission| {
        admission.recipient(configuration, asked.clone(), None, None)?;
        Ok(admission.forward_paths().next().cloned())
    });
    let (path, refusal) = match admitted {
        Ok(path) => (path.unwrap_or(asked), None),
        Err(reply) => (asked, Some(reply.to_string())),
    };
    if door.is_some_and(|door| door.submission) && sketch.authenticated_as.is_none() {
        return Ok((path, Some(AUTHENTICATE_FIRST.0.to_owned())));
    }
    Ok((path, refusal))
}

fn address(text: &str) -> Result<Address, String> {
    let bare = text.trim().trim_start_matches('<').trim_end_matches('>');
    Address::parse(bare).map_err(|error| format!("`{text}` is not an address: {error}"))
}
