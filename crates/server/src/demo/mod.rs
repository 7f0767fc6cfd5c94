//! One message, four recipients, four ways: the whole of Waypost in a few seconds, over real sockets.
//!
//! `cast` says who plays, `story` tells it while it happens, `ending` looks at what every peer really got.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use rustls::{ClientConfig, RootCertStore};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, ServerName};
use tokio::sync::mpsc::UnboundedReceiver;
use tokio::time::timeout;

use crate::assemble::{Server, assemble};
use crate::starting::begin;
use crate::submit::{StartTls, Submission, submit};
use cli::paint::Paint;

mod cast;
mod certificates;
mod dns;
mod ending;
mod peer;
mod peer_session;
mod story;
mod witness;

use cast::{Cast, HOSTNAME, PASSWORD, RECIPIENTS, SENDER};
use ending::Ending;
use story::Story;
use witness::Line;

/// The story must be over within this.
const STORY_MAX: Duration = Duration::from_secs(18);
/// Once a peer has answered, what it got is here within this.
const HAND_OVER_MAX: Duration = Duration::from_secs(2);

/// How it is played.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Options {
    /// Whether the data directory is kept.
    pub(crate) keep: bool,
    /// Whether log lines are printed.
    pub(crate) verbose: bool,
}

/// Plays it; whether every recipient ended where it should.
pub(crate) async fn play(options: Options) -> anyhow::Result<bool> {
    let mut lines = witness::listen(options.verbose)?;
    let directory = tempfile::Builder::new().prefix("waypost-demo-").tempdir()?;
    let mut cast = Cast::start(directory.path()).await?;
    let server = start(&cast).await?;
    let story = Story::new(Paint::for_stdout());
    story.opening(&cast, &server);

    let started = Instant::now();
    let content = message();
    story.submitted(&hand_over(&cast, &server, &content).await?);
    let endings = watch(&story, &cast, &server, &mut lines).await;
    let endings = ending::verify(endings, &server, &mut cast.received, &content, HAND_OVER_MAX).await?;
    let all_good = story.close(&endings, started.elapsed());

    server.stop().await;
    cast.stop().await?;
    if options.keep {
        story.kept(&directory.keep());
    }
    Ok(all_good)
}

async fn start(cast: &Cast) -> anyhow::Result<Server> {
    let start = begin(&cast.boot).await?;
    assemble(&cast.boot, start.context("the demo's settings cannot be used")?).await
}

fn message() -> Vec<u8> {
    let to = RECIPIENTS.join(", ");
    format!(
        "From: {SENDER}\r\nTo: {to}\r\nSubject: One message, four ways\r\n\
         Message-ID: <demo@{HOSTNAME}>\r\nMIME-Version: 1.0\r\n\
         Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\n\
         Dear four,\r\n.this line begins with a dot, and here is an umlaut: \u{fc}.\r\n\
         Each of you gets the same bytes.\r\n"
    )
    .into_bytes()
}

/// Submits as any mail program would: STARTTLS, AUTH, one message, four recipients.
async fn hand_over(cast: &Cast, server: &Server, content: &[u8]) -> anyhow::Result<String> {
    let (_, address) = server.addresses.first().context("the server listens nowhere")?;
    let root = cast.boot.trusted_roots.first().context("the demo has a root certificate")?;
    let submission = Submission {
        server: address.to_string(),
        tls: Some(StartTls { config: trusting(root)?, name: ServerName::try_from(HOSTNAME)? }),
        login: Some((SENDER.to_owned(), PASSWORD.to_owned())),
        reverse_path: SENDER.to_owned(),
        forward_paths: RECIPIENTS.map(str::to_owned).to_vec(),
        content: content.to_vec(),
    };
    let submitted = submit(&submission).await.context("the message was not taken")?;
    if let Some((path, reply)) = submitted.refused.first() {
        bail!("<{path}> was refused: {reply}");
    }
    Ok(submitted.reply.to_string())
}

fn trusting(root: &Path) -> anyhow::Result<Arc<ClientConfig>> {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file(root)?)?;
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(Arc::new(config))
}

/// Tells each attempt as it happens, until all four recipients have ended or the time is over.
async fn watch(
    story: &Story,
    cast: &Cast,
    server: &Server,
    lines: &mut UnboundedReceiver<Line>,
) -> Vec<Ending> {
    let mut endings: Vec<Ending> = RECIPIENTS.iter().map(|recipient| Ending::expected(recipient)).collect();
    let all = async {
        while endings.iter().any(|ending| !ending.is_over()) {
            let Some(line) = lines.recv().await else { return };
            let recipient = line.field("recipient").to_owned();
            let Some(ending) = endings.iter_mut().find(|ending| ending.recipient == recipient) else {
                continue;
            };
            let why = story.attempt(cast, server, ending, &line).await;
            ending.note(&line, why);
        }
    };
    if timeout(STORY_MAX, all).await.is_err() {
        story.too_long(STORY_MAX);
    }
    endings
}
