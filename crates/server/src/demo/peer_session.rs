//! One connection to a peer of the demo: commands in, replies out, TLS and AUTH on the way.

use std::io;
use std::sync::Arc;

use mta::Stream;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;

use super::peer::{Host, Received};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;

/// Bytes of one command line at most.
const LINE_BYTES_MAX: u64 = 4096;
/// Bytes of one message at most.
const MESSAGE_BYTES_MAX: usize = 10 * 1024 * 1024;

/// The state of one connection.
pub(crate) struct Session {
    stream: BufReader<Box<dyn Stream>>,
    host: Arc<Host>,
    busy: bool,
    tls: bool,
    user: Option<String>,
    reverse_path: Option<String>,
    forward_paths: Vec<String>,
}

impl Session {
    /// A connection that was just accepted. `busy`: refuse every recipient for now.
    pub(crate) fn new(stream: TcpStream, host: Arc<Host>, busy: bool) -> Self {
        Session {
            stream: BufReader::new(Box::new(stream)),
            host,
            busy,
            tls: false,
            user: None,
            reverse_path: None,
            forward_paths: Vec::new(),
        }
    }

    /// Greets and answers until QUIT or the end of the connection.
    pub(crate) async fn run(mut self) -> io::Result<()> {
        let protocol = if self.host.setup.lmtp { "LMTP" } else { "ESMTP" };
        self.say(&format!("220 {} {protocol} demo peer", self.host.setup.name)).await?;
        while let Some(line) = self.line().await? {
            let (verb, rest) = line.split_once(' ').unwrap_or((&line, ""));
            match verb.to_ascii_uppercase().as_str() {
                "EHLO" | "LHLO" | "HELO" => self.hello().await?,
                "STARTTLS" => self.start_tls().await?,
                "AUTH" => self.authenticate(rest).await?,
                "MAIL" => self.mail(rest).await?,
                "RCPT" => self.rcpt(rest).await?,
                "DATA" => self.data().await?,
                "RSET" => {
                    self.forget();
                    self.say("250 2.0.0 OK").await?;
                }
                "NOOP" => self.say("250 2.0.0 OK").await?,
                "QUIT" => return self.say("221 2.0.0 Bye").await,
                _ => self.say("500 5.5.1 Unknown command").await?,
            }
        }
        Ok(())
    }

    async fn hello(&mut self) -> io::Result<()> {
        self.forget();
        let mut lines = vec![self.host.setup.name.to_owned()];
        lines.extend(["PIPELINING", "8BITMIME", "SMTPUTF8", "ENHANCEDSTATUSCODES"].map(str::to_owned));
        lines.push(format!("SIZE {MESSAGE_BYTES_MAX}"));
        if self.host.setup.tls.is_some() && !self.tls {
            lines.push("STARTTLS".to_owned());
        }
        if self.host.setup.login.is_some() && self.tls {
            lines.push("AUTH PLAIN".to_owned());
        }
        let last = lines.len() - 1;
        let reply: Vec<String> = lines
            .iter()
            .enumerate()
            .map(|(i, line)| format!("250{}{line}", if i == last { ' ' } else { '-' }))
            .collect();
        self.say(&reply.join("\r\n")).await
    }

    async fn start_tls(&mut self) -> io::Result<()> {
        let Some(config) = self.host.setup.tls.clone().filter(|_| !self.tls) else {
            return self.say("502 5.5.1 Not offered").await;
        };
        self.say("220 2.0.0 Go ahead").await?;
        // Whatever was sent before the handshake is dropped with the buffer: it was not protected.
        let plain = std::mem::replace(&mut self.stream, BufReader::new(Box::new(tokio::io::empty())));
        let stream = TlsAcceptor::from(config).accept(plain.into_inner()).await?;
        self.stream = BufReader::new(Box::new(stream));
        self.tls = true;
        self.user = None;
        self.forget();
        Ok(())
    }

    async fn authenticate(&mut self, rest: &str) -> io::Result<()> {
        let Some((name, password)) = self.host.setup.login.filter(|_| self.tls) else {
            return self.say("503 5.5.1 Not offered here").await;
        };
        let response = match rest.split_once(' ') {
            Some((mechanism, response)) if mechanism.eq_ignore_ascii_case("PLAIN") => response.to_owned(),
            None if rest.eq_ignore_ascii_case("PLAIN") => {
                self.say("334 ").await?;
                self.line().await?.unwrap_or_default()
            }
            _ => return self.say("504 5.5.4 Only PLAIN").await,
        };
        if BASE64_STANDARD
            .decode(&response)
            .is_ok_and(|given| given == format!("\0{name}\0{password}").as_bytes())
        {
            self.user = Some(name.to_owned());
            return self.say("235 2.7.0 Welcome").await;
        }
        self.say("535 5.7.8 Wrong user name or password").await
    }

    async fn mail(&mut self, rest: &str) -> io::Result<()> {
        if self.host.setup.login.is_some() && self.user.is_none() {
            return self.say("530 5.7.0 Authentication required").await;
        }
        match path_of(rest, "FROM:") {
            Some(path) => {
                self.forget();
                self.reverse_path = Some(path);
                self.say("250 2.1.0 OK").await
            }
            None => self.say("501 5.5.4 MAIL FROM:<address>").await,
        }
    }

    async fn rcpt(&mut self, rest: &str) -> io::Result<()> {
        if self.reverse_path.is_none() {
            return self.say("503 5.5.1 MAIL first").await;
        }
        if self.busy {
            return self.say("451 4.3.2 Busy right now, please come back").await;
        }
        match path_of(rest, "TO:") {
            Some(path) => {
                self.forward_paths.push(path);
                self.say("250 2.1.5 OK").await
            }
            None => self.say("501 5.5.4 RCPT TO:<address>").await,
        }
    }

    async fn data(&mut self) -> io::Result<()> {
        if self.forward_paths.is_empty() {
            return self.say("503 5.5.1 No valid recipients").await;
        }
        self.say("354 End with a dot").await?;
        let content = self.content().await?;
        let forward_paths = std::mem::take(&mut self.forward_paths);
        let count = if self.host.setup.lmtp { forward_paths.len() } else { 1 };
        // The story may be over already; then nobody wants to know.
        let _ = self.host.received.send(Received {
            peer: self.host.setup.name,
            reverse_path: self.reverse_path.take().unwrap_or_default(),
            forward_paths,
            content,
            tls: self.tls,
            user: self.user.clone(),
        });
        let reply = format!("250 2.0.0 Taken by {}", self.host.setup.name);
        self.say(&vec![reply; count].join("\r\n")).await
    }

    /// Reads content up to the final dot and takes off stuffed dots.
    async fn content(&mut self) -> io::Result<Vec<u8>> {
        let mut content = Vec::new();
        loop {
            let start = content.len();
            let limit = MESSAGE_BYTES_MAX.saturating_sub(start) as u64;
            if (&mut self.stream).take(limit).read_until(b'\n', &mut content).await? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            let line = &content[start..];
            if line == b".\r\n" {
                content.truncate(start);
                return Ok(content);
            }
            if line.starts_with(b".") {
                content.remove(start);
            }
        }
    }

    async fn line(&mut self) -> io::Result<Option<String>> {
        let mut line = Vec::new();
        let read = (&mut self.stream).take(LINE_BYTES_MAX).read_until(b'\n', &mut line).await?;
        let text = String::from_utf8_lossy(&line);
        Ok((read > 0).then(|| text.trim_end_matches(['\r', '\n']).to_owned()))
    }

    async fn say(&mut self, reply: &str) -> io::Result<()> {
        let stream = self.stream.get_mut();
        stream.write_all(format!("{reply}\r\n").as_bytes()).await?;
        stream.flush().await
    }

    fn forget(&mut self) {
        self.reverse_path = None;
        self.forward_paths.clear();
    }
}

/// The path in `FROM:<path> PARAMETER…` or `TO:<path> …`.
fn path_of(rest: &str, tag: &str) -> Option<String> {
    let after = rest.get(tag.len()..).filter(|_| rest[..tag.len()].eq_ignore_ascii_case(tag))?;
    let path = after.trim_start().strip_prefix('<')?;
    Some(path[..path.find('>')?].to_owned())
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use mail::Reply;
    use rustls::{ClientConfig, RootCertStore};
    use rustls_pki_types::pem::PemObject;
    use rustls_pki_types::{CertificateDer, ServerName};
    use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};

    use super::*;
    use crate::demo::certificates::Authority;
    use crate::demo::peer::{Fault, Peer, PeerSetup, loopback};
    use crate::submit::{StartTls, Submission, SubmitError, submit};

    const NAME: &str = "peer.example";

    struct Scene {
        peer: Peer,
        received: UnboundedReceiver<Received>,
        tls: StartTls,
    }

    async fn scene(faults: &[Fault]) -> Scene {
        let authority = Authority::new().unwrap();
        let setup = PeerSetup {
            name: NAME,
            bind: loopback(1),
            lmtp: false,
            tls: Some(authority.issue(NAME).unwrap().server_config().unwrap()),
            login: Some(("user", "secret")),
            faults: faults.to_vec(),
        };
        let (sender, received) = unbounded_channel();
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from_pem_slice(authority.root_pem().as_bytes()).unwrap()).unwrap();
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth();
        let tls = StartTls { config: Arc::new(config), name: ServerName::try_from(NAME).unwrap() };
        Scene { peer: Peer::start(setup, sender).await.unwrap(), received, tls }
    }

    fn submission(scene: &Scene, password: &str) -> Submission {
        Submission {
            server: scene.peer.address().to_string(),
            tls: Some(scene.tls.clone()),
            login: Some(("user".to_owned(), password.to_owned())),
            reverse_path: "a@a.example".to_owned(),
            forward_paths: vec!["b@b.example".to_owned()],
            content: b"Subject: x\r\n\r\n.dot\r\n..\r\n".to_vec(),
        }
    }

    #[tokio::test]
    async fn takes_mail_over_verified_tls_after_auth() {
        let mut scene = scene(&[]).await;
        let submission = submission(&scene, "secret");
        submit(&submission).await.unwrap();
        let received = scene.received.recv().await.unwrap();
        assert_eq!(received.content, submission.content);
        assert_eq!(received.forward_paths, submission.forward_paths);
        assert_eq!((received.tls, received.user.as_deref()), (true, Some("user")));
    }

    #[tokio::test]
    async fn refuses_who_does_not_know_the_password() {
        let scene = scene(&[]).await;
        let refused = submit(&submission(&scene, "guess")).await.unwrap_err();
        assert!(matches!(refused, SubmitError::Refused { command: "AUTH", reply: Reply { code: 535, .. } }));
        let silent = Submission { login: None, ..submission(&scene, "") };
        let refused = submit(&silent).await.unwrap_err();
        assert!(matches!(refused, SubmitError::Refused { command: "MAIL", reply: Reply { code: 530, .. } }));
    }

    #[tokio::test]
    async fn fails_in_turn_and_then_works() {
        let mut scene = scene(&[Fault::HangsUp, Fault::Busy]).await;
        let submission = submission(&scene, "secret");
        let first = submit(&submission).await.unwrap_err();
        assert!(matches!(first, SubmitError::Broken { .. }), "{first}");
        let second = submit(&submission).await.unwrap_err();
        assert!(matches!(second, SubmitError::NoRecipient { .. }), "{second}");
        submit(&submission).await.unwrap();
        assert!(scene.received.recv().await.is_some());
    }

    #[tokio::test]
    async fn a_certificate_of_somebody_else_is_not_trusted() {
        let (scene, other) = (scene(&[]).await, self::scene(&[]).await);
        let submission = Submission { tls: Some(other.tls.clone()), ..submission(&scene, "secret") };
        let refused = submit(&submission).await.unwrap_err();
        assert!(matches!(refused, SubmitError::Broken { command: "STARTTLS", .. }), "{refused}");
    }

    #[test]
    fn takes_the_path_out_of_its_brackets() {
        assert_eq!(path_of("FROM:<a@b.example> SIZE=1", "FROM:").as_deref(), Some("a@b.example"));
        assert_eq!(path_of("from: <>", "FROM:").as_deref(), Some(""));
        assert_eq!(path_of("TO:a@b.example", "TO:"), None);
        assert_eq!(path_of("T", "TO:"), None);
    }
}
