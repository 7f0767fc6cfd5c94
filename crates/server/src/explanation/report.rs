//! The whole explanation for one recipient: accepted or not, schedule, route, plan; as JSON and as text.

use std::fmt::Write;
use std::time::Duration;

use policy::route::Explained;
use policy::settings::{DeliveryExpiration, MtaDeliverySchedule};
use serde::Serialize;

use super::plan::HostReport;
use super::{branches, reason};
use cli::paint::{Paint, shown};

/// What would become of one recipient at one attempt.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Report {
    /// The reverse-path.
    pub(crate) from: String,
    /// The forward-path as the client would say it.
    pub(crate) to: String,
    /// Who would have authenticated.
    pub(crate) authenticated_as: Option<String>,
    /// The client's address.
    pub(crate) client_ip: std::net::IpAddr,
    /// Whether it would be accepted.
    pub(crate) accepted: bool,
    /// The reply, if it would not.
    pub(crate) refusal: Option<String>,
    /// The forward-path after aliases and catch-all.
    pub(crate) forward_path: String,
    /// Temporary failures so far.
    pub(crate) retry_num: u32,
    /// How the schedule was chosen.
    pub(crate) schedule: Explained,
    /// What the schedule says.
    pub(crate) schedule_says: Option<String>,
    /// How the route was chosen.
    pub(crate) route: Explained,
    /// Where it goes.
    pub(crate) next_hop: Option<String>,
    /// The hosts in order.
    pub(crate) hosts: Vec<HostReport>,
    /// Why it would not be delivered now.
    pub(crate) trouble: Option<String>,
    /// What the expressions would have written to lookup stores.
    pub(crate) would_write: Vec<String>,
}

/// What a schedule says, in words.
pub(crate) fn schedule_words(schedule: &MtaDeliverySchedule) -> String {
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

impl Report {
    /// For people.
    pub(crate) fn text(&self, paint: Paint) -> String {
        let mut out = format!("{}  <{}>\n", paint.bold("From"), shown(&self.from));
        let who = match &self.authenticated_as {
            Some(user) => format!("authenticated as {}", shown(user)),
            None => "not authenticated".to_owned(),
        };
        let _ = writeln!(out, "{}    <{}>", paint.bold("To"), shown(&self.to));
        let _ = writeln!(out, "{}   {}, {who}", paint.bold("By"), self.client_ip);
        self.acceptance(&mut out, paint);
        self.decision(&mut out, "Schedule", &self.schedule, paint);
        if let Some(says) = &self.schedule_says {
            let _ = writeln!(out, "  {}", paint.dim(&shown(says)));
        }
        self.decision(&mut out, &format!("Route at retry_num {}", self.retry_num), &self.route, paint);
        if let Some(next_hop) = &self.next_hop {
            let _ = writeln!(out, "\n{}  {}", paint.bold("Next hop"), shown(next_hop));
        }
        for (i, host) in self.hosts.iter().enumerate() {
            host_text(&mut out, i + 1, host, paint);
        }
        if let Some(trouble) = &self.trouble {
            let _ = writeln!(out, "\n{} {}", paint.yellow("Not deliverable now:"), shown(trouble));
        }
        if !self.would_write.is_empty() {
            let _ = writeln!(out, "\n{}", paint.bold("Not written here, but each time in earnest"));
        }
        for call in &self.would_write {
            let _ = writeln!(out, "  {}", shown(call));
        }
        out
    }

    fn acceptance(&self, out: &mut String, paint: Paint) {
        match &self.refusal {
            None => {
                let _ = writeln!(out, "\n{}  {}", paint.bold("Accepted"), paint.green("yes"));
            }
            Some(reply) => {
                let no = paint.red(&format!("no: {}", shown(reply)));
                let _ = writeln!(out, "\n{}  {no}", paint.bold("Accepted"));
                let _ = writeln!(out, "  {}", paint.dim("what follows is as if it had been"));
            }
        }
        if self.forward_path != self.to {
            let _ = writeln!(out, "  the recipient becomes <{}>", shown(&self.forward_path));
        }
    }

    fn decision(&self, out: &mut String, title: &str, explained: &Explained, paint: Paint) {
        let _ = writeln!(out, "\n{}", paint.bold(title));
        out.push_str(&branches(explained, "  ", paint));
        if explained.name.is_none() {
            let _ = writeln!(out, "  {}", paint.yellow(&shown(&explained.result)));
        }
    }
}

fn host_text(out: &mut String, number: usize, host: &HostReport, paint: Paint) {
    let _ = writeln!(out, "  {number}. {}  {}", paint.bold(&shown(&host.name)), paint.dim(&host.origin));
    let addresses: Vec<String> = host.addresses.iter().map(ToString::to_string).collect();
    if !addresses.is_empty() {
        let _ = writeln!(out, "     at    {}, port {}, {}", addresses.join(", "), host.port, host.protocol);
    }
    if !host.tls.is_empty() {
        let _ = writeln!(out, "     TLS   {} ({})", host.tls, shown(&host.tls_because));
    }
    if let Some(username) = &host.username {
        let _ = writeln!(out, "     AUTH  as {}", shown(username));
    }
    for (label, explained) in
        [("TLS strategy", &host.tls_strategy), ("connection", &host.connection_strategy)]
    {
        if let Some(explained) = explained
            && let Some(name) = &explained.name
            && name != "default"
        {
            let _ = writeln!(out, "     {label} '{}' because {}", shown(name), reason(explained));
        }
    }
    if let Some(trouble) = &host.trouble {
        let _ = writeln!(out, "     {} {}", paint.yellow("not tried:"), shown(trouble));
    }
}
