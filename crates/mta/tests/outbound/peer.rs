//! Peers that play a script: one for each connection, in order.
//!
//! `S:` says a line, `C:` awaits one, `= content` awaits content up to the lone dot, `= chunk` as many bytes as the
//! BDAT line before said, `= tls` makes a TLS handshake, `= close` closes. Whatever differs fails the test.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex};

use mta::Stream;
use rcgen::CertifiedKey;
use rustls_pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;

/// A certificate and its key, for one name.
pub(crate) struct Identity {
    pub(crate) certificate: CertificateDer<'static>,
    key: Vec<u8>,
}

impl Identity {
    pub(crate) fn of(name: &str) -> Self {
        let CertifiedKey { cert, signing_key } =
            rcgen::generate_simple_self_signed([name.to_owned()]).expect("a certificate");
        Identity { certificate: cert.der().clone(), key: signing_key.serialize_der() }
    }

    pub(crate) fn acceptor(&self) -> TlsAcceptor {
        let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(self.key.clone()));
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let config = rustls::ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .expect("versions")
            .with_no_client_auth()
            .with_single_cert(vec![self.certificate.clone()], key)
            .expect("a key that fits");
        TlsAcceptor::from(Arc::new(config))
    }
}

/// A peer on a loopback port.
pub(crate) struct Peer {
    pub(crate) address: SocketAddr,
    contents: Arc<Mutex<Vec<String>>>,
    task: JoinSet<Result<(), String>>,
}

impl Peer {
    pub(crate) async fn plays(scripts: &[&str]) -> Self {
        Peer::plays_as(None, scripts).await
    }

    pub(crate) async fn plays_as(identity: Option<&Identity>, scripts: &[&str]) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("a free port");
        let address = listener.local_addr().expect("bound");
        let acceptor = identity.map(Identity::acceptor);
        let scripts: Vec<String> = scripts.iter().map(|script| (*script).to_owned()).collect();
        let contents = Arc::new(Mutex::new(Vec::new()));
        let kept = Arc::clone(&contents);
        let mut task = JoinSet::new();
        task.spawn(async move {
            for (number, script) in scripts.into_iter().enumerate() {
                let (stream, _) = listener.accept().await.map_err(|error| error.to_string())?;
                let mut stage =
                    Stage { stream: Box::new(stream), read: Vec::new(), acceptor: acceptor.clone() };
                let played = stage.play(&script, &kept).await;
                played.map_err(|error| format!("connection {number}: {error}"))?;
            }
            Ok(())
        });
        Peer { address, contents, task }
    }

    /// Waits until every script was played to its end; the contents that came.
    pub(crate) async fn over(mut self) -> Vec<String> {
        let played = self.task.join_next().await.expect("one task").expect("no panic");
        assert_eq!(played, Ok(()));
        std::mem::take(&mut *self.contents.lock().expect("not poisoned"))
    }
}

struct Stage {
    stream: Box<dyn Stream>,
    read: Vec<u8>,
    acceptor: Option<TlsAcceptor>,
}

impl Stage {
    async fn play(&mut self, script: &str, contents: &Mutex<Vec<String>>) -> Result<(), String> {
        let mut said = String::new();
        let mut bytes_due = 0;
        for line in script.lines().map(str::trim).filter(|line| !line.is_empty()) {
            if let Some(reply) = line.strip_prefix("S: ") {
                said += &format!("{reply}\r\n");
                continue;
            }
            self.say(&mut said).await?;
            if let Some(expected) = line.strip_prefix("C: ") {
                let got = self.until(b"\r\n").await.map_err(|error| format!("before {expected}: {error}"))?;
                if got.trim_end() != expected {
                    return Err(format!("expected {expected}, got {got}"));
                }
                bytes_due = expected
                    .strip_prefix("BDAT ")
                    .map_or(0, |rest| rest.trim_end_matches(" LAST").parse().expect("a number"));
                continue;
            }
            match line {
                "= content" => {
                    let content = self.until(b"\r\n.\r\n").await?;
                    contents.lock().expect("not poisoned").push(content);
                }
                "= chunk" => {
                    let content = self.exactly(bytes_due).await?;
                    contents.lock().expect("not poisoned").push(content);
                }
                "= tls" => self.secure().await?,
                "= close" => return Ok(()),
                other => return Err(format!("what is {other}?")),
            }
        }
        self.say(&mut said).await?;
        // Whatever ends the connection, QUIT or silence, ends the play.
        let rest = self.until(b"QUIT\r\n").await.unwrap_or_default();
        if rest.is_empty() || rest == "QUIT\r\n" { Ok(()) } else { Err(format!("too much: {rest}")) }
    }

    async fn say(&mut self, said: &mut String) -> Result<(), String> {
        self.stream.write_all(said.as_bytes()).await.map_err(|error| error.to_string())?;
        self.stream.flush().await.map_err(|error| error.to_string())?;
        said.clear();
        Ok(())
    }

    async fn more(&mut self) -> Result<(), String> {
        match self.stream.read_buf(&mut self.read).await {
            Ok(0) => Err(format!("closed after {:?}", String::from_utf8_lossy(&self.read))),
            Ok(_) => Ok(()),
            Err(error) => Err(error.to_string()),
        }
    }

    async fn until(&mut self, end: &[u8]) -> Result<String, String> {
        loop {
            if let Some(at) = self.read.windows(end.len()).position(|window| window == end) {
                let taken: Vec<u8> = self.read.drain(..at + end.len()).collect();
                return Ok(String::from_utf8_lossy(&taken).into_owned());
            }
            self.more().await?;
        }
    }

    async fn exactly(&mut self, count: usize) -> Result<String, String> {
        while self.read.len() < count {
            self.more().await?;
        }
        Ok(String::from_utf8_lossy(&self.read.drain(..count).collect::<Vec<u8>>()).into_owned())
    }

    async fn secure(&mut self) -> Result<(), String> {
        let acceptor = self.acceptor.as_ref().ok_or("no identity")?;
        let plain = std::mem::replace(&mut self.stream, Box::new(tokio::io::empty()));
        match acceptor.accept(plain).await {
            Ok(secured) => self.stream = Box::new(secured),
            // The client may have turned away, which its test looks at.
            Err(_) => self.stream = Box::new(tokio::io::empty()),
        }
        Ok(())
    }
}
