//! The whole explanation for one recipient as text.

use std::fmt::Write;

use admin::explain::{HostReport, Report};
use cli::paint::{Paint, shown};
use policy::route::Explained;

use super::{branches, reason};

/// For people.
pub(crate) fn text(report: &Report, paint: Paint) -> String {
    let mut out = format!("{}  <{}>\n", paint.bold("From"), shown(&report.from));
    let who = match &report.authenticated_as {
        Some(user) => format!("authenticated as {}", shown(user)),
        None => "not authenticated".to_owned(),
    };
    let _ = writeln!(out, "{}    <{}>", paint.bold("To"), shown(&report.to));
    let _ = writeln!(out, "{}   {}, {who}", paint.bold("By"), report.client_ip);
    acceptance(report, &mut out, paint);
    decision(&mut out, "Schedule", &report.schedule, paint);
    if let Some(says) = &report.schedule_says {
        let _ = writeln!(out, "  {}", paint.dim(&shown(says)));
    }
    decision(&mut out, &format!("Route at retry_num {}", report.retry_num), &report.route, paint);
    if let Some(next_hop) = &report.next_hop {
        let _ = writeln!(out, "\n{}  {}", paint.bold("Next hop"), shown(next_hop));
    }
    for (i, host) in report.hosts.iter().enumerate() {
        host_text(&mut out, i + 1, host, paint);
    }
    if let Some(trouble) = &report.trouble {
        let _ = writeln!(out, "\n{} {}", paint.yellow("Not deliverable now:"), shown(trouble));
    }
    if !report.would_write.is_empty() {
        let _ = writeln!(out, "\n{}", paint.bold("Not written here, but each time in earnest"));
    }
    for call in &report.would_write {
        let _ = writeln!(out, "  {}", shown(call));
    }
    out
}

fn acceptance(report: &Report, out: &mut String, paint: Paint) {
    match &report.refusal {
        None => {
            let _ = writeln!(out, "\n{}  {}", paint.bold("Accepted"), paint.green("yes"));
        }
        Some(reply) => {
            let no = paint.red(&format!("no: {}", shown(reply)));
            let _ = writeln!(out, "\n{}  {no}", paint.bold("Accepted"));
            let _ = writeln!(out, "  {}", paint.dim("what follows is as if it had been"));
        }
    }
    if report.forward_path != report.to {
        let _ = writeln!(out, "  the recipient becomes <{}>", shown(&report.forward_path));
    }
}

fn decision(out: &mut String, title: &str, explained: &Explained, paint: Paint) {
    let _ = writeln!(out, "\n{}", paint.bold(title));
    out.push_str(&branches(explained, "  ", paint));
    if explained.name.is_none() {
        let _ = writeln!(out, "  {}", paint.yellow(&shown(&explained.result)));
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
