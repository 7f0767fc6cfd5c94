//! Tells the demo's story on the terminal, while it happens.

use std::fmt::Write;
use std::path::Path;
use std::time::{Duration, Instant};

use mail::{Address, Clock};
use policy::route::{Explained, next_hop};

use super::cast::{Cast, RECIPIENTS, SENDER};
use super::ending::{Ending, Place};
use super::witness::Line;
use crate::assemble::{Server, mx_rules};
use crate::clock::SystemClock;
use admin::explain::subject::{envelope, first_progress};
use admin::explain::{HostReport, Sketch, Subject, plan as plans};

use crate::explanation;
use cli::paint::{Paint, Table, shown};

/// What stands before a line that goes on.
const INDENT: &str = "          ";

/// Says what happens, with the time since the beginning.
pub(crate) struct Story {
    paint: Paint,
    began: Instant,
}

impl Story {
    /// The clock runs from here.
    pub(crate) fn new(paint: Paint) -> Self {
        Story { paint, began: Instant::now() }
    }

    fn say(&self, text: &str) {
        use std::io::Write as _;
        // A reader that has gone does not stop the story: its exit code still counts.
        let _ = std::io::stdout().write_all(text.as_bytes());
        let _ = std::io::stdout().flush();
    }

    fn seconds(&self) -> String {
        self.paint.dim(&format!("{:>6.2} s", self.began.elapsed().as_secs_f64()))
    }

    /// Who plays, and by which rules.
    pub(crate) fn opening(&self, cast: &Cast, server: &Server) {
        let paint = self.paint;
        let mut text = format!("{}\n\n", paint.bold("Waypost demo: one message, four recipients, four ways"));
        text.push_str("All of it runs in this process, over real sockets on this machine.\n\n");
        let mut table = Table::new(&["WHO", "ADDRESS", "WHAT"]);
        for (name, address) in &server.addresses {
            let what = "takes mail after STARTTLS and AUTH".to_owned();
            table.row(vec![format!("waypost ({name})"), address.to_string(), what]);
        }
        table.row(vec!["name server".into(), cast.dns().to_string(), "answers for the domains below".into()]);
        for (name, address, what) in &cast.peers {
            table.row(vec![(*name).to_owned(), address.to_string(), (*what).to_owned()]);
        }
        text.push_str(&indented(&table.print(paint)));
        let _ = write!(text, "\n{}\n\n", paint.bold("The route expression"));
        text.push_str(&expression(cast, paint));
        text.push('\n');
        self.say(&text);
    }

    /// The message was taken.
    pub(crate) fn submitted(&self, reply: &str) {
        let heading = self.paint.bold("What happens");
        let (seconds, reply) = (self.seconds(), shown(reply));
        let recipients: String = RECIPIENTS.iter().map(|one| format!("{INDENT}  {one}\n")).collect();
        self.say(&format!(
            "{heading}\n\n{seconds}  {SENDER} submits one message for\n{recipients}{INDENT}taken: {reply}\n\n"
        ));
    }

    /// One attempt: why this way, and what came of it. Gives the reason in short.
    pub(crate) async fn attempt(&self, cast: &Cast, server: &Server, ending: &Ending, line: &Line) -> String {
        let who = self.paint.bold(ending.recipient);
        let mut text = format!("{}  {who}, attempt {}\n", self.seconds(), ending.attempts + 1);
        let mut reason = String::new();
        if let Some(asked) = ask(cast, server, ending).await {
            text.push_str(&explanation::branches(&asked.route, INDENT, self.paint));
            text.push_str(&plan(&asked.hosts));
            reason = explanation::reason(&asked.route);
        }
        let outcome = match line.field("outcome") {
            "delivered" => self.paint.green("delivered"),
            "deferred" => self.paint.yellow("deferred"),
            other => self.paint.red(other),
        };
        let _ = writeln!(text, "{INDENT}{outcome}{}\n", details(line));
        self.say(&text);
        reason
    }

    /// Not every recipient ended in time.
    pub(crate) fn too_long(&self, limit: Duration) {
        let text = format!("not every recipient ended within {} s", limit.as_secs());
        self.say(&format!("{}  {}\n\n", self.seconds(), self.paint.red(&text)));
    }

    /// The last table; whether all is as it should be.
    pub(crate) fn close(&self, endings: &[Ending], took: Duration) -> bool {
        let paint = self.paint;
        let mut table = Table::new(&["", "RECIPIENT", "ENDED IN", "ROUTE", "ATTEMPT", "TLS", "BECAUSE"]);
        for ending in endings {
            let mark = if ending.wrong.is_empty() { paint.green("✓") } else { paint.red("✗") };
            let place = match ending.place {
                Place::Mailbox => "its mailbox here".to_owned(),
                Place::Peer(peer) => peer.to_owned(),
            };
            table.row(vec![
                mark,
                ending.recipient.to_owned(),
                if ending.wrong.is_empty() { place } else { paint.red("elsewhere, see below") },
                ending.route.clone(),
                ending.attempts.to_string(),
                ending.tls.clone(),
                ending.why.clone(),
            ]);
        }
        let mut text =
            format!("{}\n\n{}\n", paint.bold("Where each recipient ended"), indented(&table.print(paint)));
        for ending in endings {
            for wrong in &ending.wrong {
                let _ = writeln!(text, "  {} {}: {wrong}", paint.red("✗"), ending.recipient);
            }
        }
        let all_good = endings.iter().all(|ending| ending.wrong.is_empty());
        let verdict = if all_good {
            paint.green("Every recipient ended where it should, once, with its content unchanged.")
        } else {
            paint.red("Not every recipient ended where it should.")
        };
        let _ = writeln!(text, "{verdict} It took {:.1} s.", took.as_secs_f64());
        self.say(&text);
        all_good
    }

    /// Where the data is left.
    pub(crate) fn kept(&self, directory: &Path) {
        let data = directory.join("data");
        let data = data.display();
        self.say(&format!(
            "\nKept: {}\n  waypost mailbox show --data {data} {}\n",
            directory.display(),
            RECIPIENTS[0]
        ));
    }
}

/// The hosts in the order in which they are tried, where there is more than one.
fn plan(hosts: &[HostReport]) -> String {
    let mut text = String::new();
    if hosts.len() > 1 {
        for (i, host) in hosts.iter().enumerate() {
            let addresses: Vec<String> = host.addresses.iter().map(ToString::to_string).collect();
            let _ = writeln!(
                text,
                "{INDENT}host {}: {} ({}), {}",
                i + 1,
                host.name,
                host.origin,
                addresses.join(", ")
            );
        }
    }
    text
}

/// What the attempt met: host, transport security, the last word, the next time.
fn details(line: &Line) -> String {
    let (host, address) = (shown(line.field("host")), shown(line.field("address")));
    let mut text = match (address.is_empty(), address.starts_with(&host)) {
        (true, _) => " here".to_owned(),
        (false, true) => format!(" by {address}"),
        (false, false) => format!(" by {host} ({address})"),
    };
    for (name, before) in [("tls", ", TLS "), ("reply", ": ")] {
        let value = line.field(name);
        if !value.is_empty() {
            text.push_str(before);
            text.push_str(&shown(value));
        }
    }
    if let Some((_, time)) = line.field("next_attempt").split_once('T') {
        let _ = write!(text, "; again at {}", shown(time.trim_end_matches('Z')));
    }
    text
}

struct Asked {
    route: Explained,
    hosts: Vec<HostReport>,
}

/// Asks the same functions that decided, with the same values.
async fn ask(cast: &Cast, server: &Server, ending: &Ending) -> Option<Asked> {
    let configuration = server.configuration();
    let now = SystemClock.now();
    let forward_path = Address::parse(ending.recipient).ok()?;
    let envelope = envelope(&Sketch {
        reverse_path: SENDER,
        authenticated_as: Some(SENDER),
        ..Sketch::new(&forward_path, now)
    })?;
    let mut progress = first_progress(now);
    progress.retry_num = ending.attempts;
    let subject = Subject {
        configuration: &configuration,
        envelope: &envelope,
        forward_path: &forward_path,
        progress: &progress,
        now,
        world: server.world(),
        content: None,
    };
    let (decided, route) = subject.route().await;
    let hosts = match decided {
        Ok(decided) => {
            let hop = next_hop(&decided, &forward_path);
            let rules = mx_rules(&cast.boot, &configuration);
            plans::hosts(&subject, &decided, &hop, &rules).await.unwrap_or_default()
        }
        Err(_) => Vec::new(),
    };
    Some(Asked { route, hosts })
}

/// The route expression as it stands in the settings.
fn expression(cast: &Cast, paint: Paint) -> String {
    let route = &cast.settings["MtaOutboundStrategy"]["route"];
    let text = |value: &serde_json::Value| value.as_str().unwrap_or_default().to_owned();
    let mut table = Table::new(&["IF", "THEN"]);
    for branch in route["match"].as_array().into_iter().flatten() {
        table.row(vec![text(&branch["if"]), paint.cyan(&text(&branch["then"]))]);
    }
    table.row(vec!["else".to_owned(), paint.cyan(&text(&route["else"]))]);
    indented(&table.print(paint))
}

fn indented(text: &str) -> String {
    text.lines().map(|line| format!("  {line}\n")).collect()
}
