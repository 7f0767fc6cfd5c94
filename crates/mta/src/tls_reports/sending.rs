//! Sends one report to all who want it: as a message through the queue, or to a web server.

use std::sync::Arc;
use std::time::Duration;

use mail::{Address, Domain, Timestamp};
use policy::facts::Facts;
use policy::retry::notification_schedule;
use policy::route::choose_schedule;
use policy::tls_report::{
    Author, Letter, Period, Report, Rua, Tally, accepted, choose_author, destinations, envelope, letter,
    packed, record_name,
};
use policy::{Configuration, Progress};
use store::{Content, StoreError};

use crate::gather::decide;
use crate::sign::sign;
use crate::world::{WebLimits, World};

/// What a web server may take to accept a report.
const POST_LIMITS: WebLimits = WebLimits { body_bytes_max: 64 * 1024, time_max: Duration::from_secs(60) };
/// The media type of a report (RFC 8460 section 6.4).
const MEDIA_TYPE: &str = "application/tlsrpt+gzip";

/// Sends a report. Gives whether it is over: somebody has it, or nobody wants it.
pub(super) async fn send(
    world: &World,
    configuration: &Configuration,
    domain: &Domain,
    period: Period,
    tally: &Tally,
) -> bool {
    let to = match world.resolver.txt(&record_name(domain)).await {
        Ok(answer) => destinations(&answer.records),
        Err(why) if why.is_absence() => Vec::new(),
        Err(why) => {
            tracing::info!(%domain, %why, "cannot look up where TLS reports go");
            return false;
        }
    };
    if to.is_empty() || tally.is_empty() {
        return true;
    }
    let author = match decide(world, |answers| choose_author(configuration, domain, answers)).await {
        Ok(author) => author,
        Err(trouble) => {
            tracing::warn!(%domain, why = trouble.text, "no TLS report can be written");
            return false;
        }
    };
    let report = Report { domain, period, tally, author: &author };
    let packed = match packed(&report) {
        Ok(packed) if packed.len() <= configuration.tls_reports.size_bytes_max => packed,
        Ok(packed) => {
            tracing::warn!(%domain, bytes = packed.len(), "a TLS report is larger than it may be");
            return true;
        }
        Err(error) => {
            tracing::warn!(%domain, %error, "a TLS report cannot be packed");
            return false;
        }
    };
    let mut sent = false;
    for rua in &to {
        let result = match rua {
            Rua::Mail(address) => mail(world, configuration, &report, address, &packed).await,
            Rua::Https(url) => post(world, url, packed.clone()).await,
        };
        match result {
            Ok(()) => sent = true,
            Err(why) => tracing::warn!(%domain, to = shown(rua), why, "a TLS report was not sent"),
        }
    }
    if sent {
        tracing::info!(%domain, id = report.id(), "sent a TLS report");
    }
    sent
}

fn shown(rua: &Rua) -> String {
    match rua {
        Rua::Mail(address) => address.to_string(),
        Rua::Https(url) => url.clone(),
    }
}

async fn post(world: &World, url: &str, packed: Vec<u8>) -> Result<(), String> {
    match world.web.post(url, MEDIA_TYPE, packed, POST_LIMITS).await {
        Ok(answer) if (200..300).contains(&answer.status) => Ok(()),
        Ok(answer) => Err(format!("HTTP status {}", answer.status)),
        Err(error) => Err(error.to_string()),
    }
}

/// Hands a report to the queue, signed.
async fn mail(
    world: &World,
    configuration: &Configuration,
    report: &Report<'_>,
    to: &Address,
    packed: &[u8],
) -> Result<(), String> {
    let now = world.clock.now();
    let plain = letter(report, Letter { to: std::slice::from_ref(to), date: now }, packed);
    let mut content = signature(configuration, report.author, &plain, now).await;
    content.extend(plain);
    let progress = first_progress(world, configuration, to, now).await;
    let accepted = accepted(to, &content, progress, now);
    let stored = store(world, content).await.map_err(|error| error.to_string())?;
    world.store.accept(accepted, stored).await.map(drop).map_err(|error| error.to_string())
}

async fn signature(
    configuration: &Configuration,
    author: &Author,
    content: &[u8],
    now: Timestamp,
) -> Vec<u8> {
    match &author.sign_domain {
        Some(domain) => sign(configuration, domain, content, now).await,
        None => Vec::new(),
    }
}

async fn store(world: &World, content: Vec<u8>) -> Result<Content, StoreError> {
    let mut writer = world.store.writer().await?;
    writer.write(&content).await?;
    writer.finish().await
}

async fn first_progress(
    world: &World,
    configuration: &Configuration,
    to: &Address,
    now: Timestamp,
) -> Progress {
    let seen = envelope(to, now);
    let unscheduled = Progress::unscheduled(now);
    let facts = Facts::new(&seen, to, &unscheduled, now);
    let schedule = match decide(world, |answers| choose_schedule(configuration, &facts, answers)).await {
        Ok(schedule) => schedule,
        Err(trouble) => {
            tracing::warn!(why = trouble.text, "no schedule can be chosen for a TLS report");
            Arc::new(notification_schedule())
        }
    };
    Progress::first(&schedule, now, &seen.parameters)
}
