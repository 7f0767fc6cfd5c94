//! `waypost route explain`: which way would a message take, and why? The running server answers.

use std::fmt::Write as _;

use serde_json::{Map, Value, json};

use super::decision;
use crate::desk::{Desk, Look};
use crate::failure::Failure;
use crate::paint::shown;
use crate::time;

/// About which message it is asked.
#[derive(clap::Args, Debug)]
pub(super) struct Args {
    /// The reverse-path; `<>` for the null one.
    #[arg(long, short = 'f', value_name = "ADDRESS")]
    from: String,
    /// A recipient; may be given several times.
    #[arg(long, short = 't', value_name = "ADDRESS", required = true)]
    to: Vec<String>,
    /// Who has authenticated.
    #[arg(long, value_name = "USER")]
    auth: Option<String>,
    /// The client's address.
    #[arg(long, value_name = "IP")]
    source_ip: Option<std::net::IpAddr>,
    /// The listener that the message comes to.
    #[arg(long, value_name = "NAME")]
    listener: Option<String>,
    /// Bytes of the message.
    #[arg(long, value_name = "BYTES")]
    size: Option<u64>,
    /// A field of the header, such as `X-Priority: 1`; may be given several times.
    #[arg(long, value_name = "FIELD")]
    header: Vec<String>,
    /// Temporary failures so far.
    #[arg(long, value_name = "N")]
    retry_num: Option<u32>,
    /// What the last attempt ran into, such as `tls` or `connection`.
    #[arg(long, value_name = "KIND")]
    last_error: Option<String>,
    /// When; `2026-11-24T14:30:00Z`, or `10m` for in ten minutes.
    #[arg(long, value_name = "TIME")]
    at: Option<String>,
    /// With the settings of this revision instead of those in force.
    #[arg(long, value_name = "N")]
    revision: Option<u64>,
}

impl Args {
    fn question(&self, look: &Look) -> Result<Value, Failure> {
        let mut question = Map::new();
        question.insert("from".to_owned(), self.from.trim_start_matches('<').trim_end_matches('>').into());
        question.insert("to".to_owned(), json!(self.to));
        let more: [(&str, Option<Value>); 7] = [
            ("authenticatedAs", self.auth.as_ref().map(|auth| json!(auth))),
            ("clientIp", self.source_ip.map(|ip| json!(ip.to_string()))),
            ("listener", self.listener.as_ref().map(|listener| json!(listener))),
            ("size", self.size.map(|size| json!(size))),
            ("retryNum", self.retry_num.map(|retries| json!(retries))),
            ("lastError", self.last_error.as_ref().map(|kind| json!(kind))),
            ("revision", self.revision.map(|revision| json!(revision))),
        ];
        question.extend(more.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?))));
        if !self.header.is_empty() {
            question.insert("header".to_owned(), json!(self.header));
        }
        if let Some(at) = &self.at {
            let at = time::point(at, look.now).map_err(Failure::usage)?;
            question.insert("at".to_owned(), at.rfc3339().into());
        }
        Ok(Value::Object(question))
    }
}

/// Asks and prints. Done whether the mail would be delivered or not.
pub(super) async fn run(desk: &Desk<'_>, args: &Args) -> Result<(), Failure> {
    let answer = desk.client.ask("Explanation", "get", args.question(&desk.look)?).await?;
    let reports = ["list", "reports"].iter().find_map(|name| answer.get(*name)?.as_array());
    let reports = reports.ok_or_else(|| Failure::strange("an explanation without `list`"))?;
    desk.show(&json!(reports), |look| {
        reports.iter().map(|report| text(look, report)).collect::<Vec<_>>().join("\n")
    });
    Ok(())
}

fn text(look: &Look, report: &Value) -> String {
    let paint = look.paint;
    let of = |name: &str| report.get(name).and_then(Value::as_str).map(shown);
    let plain = |name: &str| of(name).unwrap_or_default();
    let who = of("authenticatedAs")
        .map_or_else(|| "not authenticated".to_owned(), |user| format!("authenticated as {user}"));
    let mut out = format!("{}  <{}>\n", paint.bold("From"), plain("from"));
    let _ = writeln!(out, "{}    <{}>", paint.bold("To"), plain("to"));
    let _ = writeln!(out, "{}   {}, {who}", paint.bold("By"), plain("clientIp"));
    match of("refusal") {
        None => {
            let _ = writeln!(out, "\n{}  {}", paint.bold("Accepted"), paint.green("yes"));
        }
        Some(reply) => {
            let no = paint.red(&format!("no: {reply}"));
            let _ = writeln!(
                out,
                "\n{}  {no}\n  {}",
                paint.bold("Accepted"),
                paint.dim("what follows is as if it had been")
            );
        }
    }
    if let Some(path) = of("forwardPath").filter(|path| *path != plain("to")) {
        let _ = writeln!(out, "  the recipient becomes <{path}>");
    }
    for (title, member) in [("Schedule", "schedule"), ("Route", "route")] {
        if let Some(explained) = report.get(member) {
            let _ = writeln!(out, "\n{}", paint.bold(title));
            out.push_str(&decision::text(look, explained, "  "));
        }
        if let Some(says) = of("scheduleSays").filter(|_| member == "schedule") {
            let _ = writeln!(out, "  {}", paint.dim(&says));
        }
    }
    if let Some(next_hop) = of("nextHop") {
        let _ = writeln!(out, "\n{}  {next_hop}", paint.bold("Next hop"));
    }
    let hosts = report.get("hosts").and_then(Value::as_array);
    for (i, host) in hosts.into_iter().flatten().enumerate() {
        host_text(look, &mut out, i + 1, host);
    }
    if let Some(trouble) = of("trouble") {
        let _ = writeln!(out, "\n{} {trouble}", paint.yellow("Not deliverable now:"));
    }
    retries(look, &mut out, report);
    out
}

fn host_text(look: &Look, out: &mut String, number: usize, host: &Value) {
    let of = |name: &str| host.get(name).and_then(Value::as_str).filter(|text| !text.is_empty()).map(shown);
    let plain = |name: &str| of(name).unwrap_or_default();
    let _ = writeln!(
        out,
        "  {number}. {}  {}",
        look.paint.bold(&plain("name")),
        look.paint.dim(&plain("origin"))
    );
    let addresses = host.get("addresses").and_then(Value::as_array);
    let addresses: Vec<String> =
        addresses.into_iter().flatten().filter_map(Value::as_str).map(shown).collect();
    let port = host.get("port").and_then(Value::as_u64).unwrap_or_default();
    if !addresses.is_empty() {
        let _ = writeln!(out, "     at    {}, port {port}, {}", addresses.join(", "), plain("protocol"));
    }
    if let Some(tls) = of("tls") {
        let _ = writeln!(out, "     TLS   {tls} ({})", plain("tlsBecause"));
    }
    for (label, name) in [("AUTH ", "username"), ("from ", "source")] {
        if let Some(value) = of(name) {
            let _ = writeln!(out, "     {label} {value}");
        }
    }
    if let Some(trouble) = of("trouble") {
        let _ = writeln!(out, "     {} {trouble}", look.paint.yellow("not tried:"));
    }
}

fn retries(look: &Look, out: &mut String, report: &Value) {
    let times = report.get("retryTimes").and_then(Value::as_array);
    let times: Vec<String> = times.into_iter().flatten().map(|at| look.when(Some(at))).collect();
    if !times.is_empty() {
        let _ = writeln!(out, "\n{}  {}", look.paint.bold("If it fails"), times.join(", "));
    }
    if let Some(at) = report.get("givesUpAt").filter(|at| !at.is_null()) {
        let _ = writeln!(out, "  gives up {}", look.when(Some(at)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_explanation_shows_what_fired_and_where_it_goes() {
        let report = json!({"from": "a@a.example", "to": "b@b.example", "authenticatedAs": null, "clientIp": "127.0.0.1",
            "accepted": false, "refusal": "550 no\x1b[2J", "forwardPath": "b@b.example", "retryNum": 0,
            "schedule": {"property": "schedule", "branches": [], "name": "remote"}, "scheduleSays": "retries 2m, 5m",
            "route": {"property": "route", "name": "mx", "branches": [
                {"index": 0, "condition": "is_local_domain(rcpt_domain)", "then": "'local'", "value": "0",
                 "variables": [["rcpt_domain", "b.example"]], "fired": false},
                {"index": null, "condition": "", "then": "'mx'", "value": "mx", "variables": [], "fired": true}]},
            "nextHop": "the MX hosts of b.example", "hosts": [{"name": "mx1.b.example", "origin": "MX 10",
                "addresses": ["192.0.2.1"], "port": 25, "protocol": "smtp", "tls": "opportunistic", "tlsBecause": "default"}],
            "trouble": null, "retryTimes": ["2026-11-24T14:07:00Z"], "givesUpAt": "2026-11-27T14:05:00Z"});
        let told = text(&Look::plain(None), &report);
        assert!(told.contains("Accepted  no: 550 no\u{fffd}[2J"), "{told}");
        assert!(told.contains("    if is_local_domain(rcpt_domain) then 'local'  (is 0, rcpt_domain = b.example)\n  → else 'mx'\n"), "{told}");
        assert!(told.contains("  1. mx1.b.example  MX 10\n     at    192.0.2.1, port 25, smtp\n     TLS   opportunistic (default)\n"), "{told}");
        assert!(told.ends_with("If it fails  in 2 min\n  gives up in 3 d\n"), "{told}");
        let _ = text(&Look::plain(None), &json!({"hosts": 5, "route": [], "retryTimes": {}}));
    }
}
