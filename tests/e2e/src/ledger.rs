//! A sink that keeps book and is never killed, and a load whose acknowledgements are remembered.

use std::collections::BTreeMap;
use std::io::{self, BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;

use crate::client::Client;

/// The subject that carries a message's number.
pub const SUBJECT: &str = "ledger-";

/// The number in a message or in a line of a listing.
pub fn number(text: &str) -> Option<u64> {
    let rest = &text[text.find(SUBJECT)? + SUBJECT.len()..];
    let end = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
    rest[..end].parse().ok()
}

/// An SMTP sink in this process: how often did each number come?
#[derive(Clone)]
pub struct Sink {
    counts: Arc<Mutex<BTreeMap<u64, u32>>>,
    different: Arc<AtomicU64>,
    heard: Arc<dyn Fn(u64) + Send + Sync>,
}

impl Sink {
    /// Takes mail on a port of 127.0.0.1 until the process ends.
    pub fn start(port: u16) -> Sink {
        Sink::telling(port, |_| {})
    }

    /// The same; `heard` is told each number before it is acknowledged.
    pub fn telling(port: u16, heard: impl Fn(u64) + Send + Sync + 'static) -> Sink {
        let sink = Sink { counts: Arc::default(), different: Arc::default(), heard: Arc::new(heard) };
        let listener = TcpListener::bind(("127.0.0.1", port)).expect("the port is free");
        let book = sink.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let book = book.clone();
                std::thread::spawn(move || book.session(stream));
            }
        });
        sink
    }

    /// Each number that came, and how often.
    pub fn counts(&self) -> BTreeMap<u64, u32> {
        self.counts.lock().expect("no session panics").clone()
    }

    /// How many different numbers came.
    pub fn different(&self) -> u64 {
        self.different.load(Ordering::Relaxed)
    }

    fn session(&self, stream: TcpStream) -> io::Result<()> {
        let mut output = stream.try_clone()?;
        let mut input = BufReader::new(stream);
        output.write_all(b"220 ledger.test ESMTP\r\n")?;
        let mut line = Vec::new();
        loop {
            line.clear();
            if input.read_until(b'\n', &mut line)? == 0 {
                return Ok(());
            }
            let verb: Vec<u8> = line.iter().take(4).map(u8::to_ascii_uppercase).collect();
            match verb.as_slice() {
                b"EHLO" => output.write_all(b"250-ledger.test\r\n250-PIPELINING\r\n250 8BITMIME\r\n")?,
                b"DATA" => {
                    output.write_all(b"354 go on\r\n")?;
                    self.message(&mut input)?;
                    output.write_all(b"250 2.0.0 taken\r\n")?;
                }
                b"QUIT" => return output.write_all(b"221 2.0.0 bye\r\n"),
                _ => output.write_all(b"250 2.0.0 ok\r\n")?,
            }
        }
    }

    /// Reads a message to its final dot and enters it in the book, before it is acknowledged.
    fn message(&self, input: &mut impl BufRead) -> io::Result<()> {
        let mut found = None;
        let mut line = Vec::new();
        loop {
            line.clear();
            if input.read_until(b'\n', &mut line)? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            if line == b".\r\n" {
                break;
            }
            found = found.or_else(|| number(&String::from_utf8_lossy(&line)));
        }
        if let Some(number) = found {
            (self.heard)(number);
            let mut counts = self.counts.lock().expect("no session panics");
            *counts.entry(number).or_default() += 1;
            self.different.store(counts.len() as u64, Ordering::Relaxed);
        }
        Ok(())
    }
}

/// Clients that send without pause; whatever was acknowledged is remembered.
#[derive(Debug)]
pub struct Load {
    acknowledged: Arc<Mutex<Vec<u64>>>,
    stop: Arc<AtomicBool>,
    clients: Vec<JoinHandle<()>>,
}

impl Load {
    /// Starts `clients` clients to a port. `recipient` says where a number goes; `heard` is told each acknowledged
    /// one; while `hold` says so, given the count of acknowledged ones, nothing more is sent.
    pub fn start(
        port: u16,
        clients: usize,
        recipient: fn(u64) -> &'static str,
        heard: impl Fn(u64) + Clone + Send + 'static,
        hold: impl Fn(u64) -> bool + Clone + Send + 'static,
    ) -> Load {
        let acknowledged = Arc::new(Mutex::new(Vec::new()));
        let stop = Arc::new(AtomicBool::new(false));
        let next = Arc::new(AtomicU64::new(0));
        let clients = (0..clients).map(|_| {
            let (acknowledged, stop, next) =
                (Arc::clone(&acknowledged), Arc::clone(&stop), Arc::clone(&next));
            let (heard, hold) = (heard.clone(), hold.clone());
            std::thread::spawn(move || {
                let count = || acknowledged.lock().expect("no client panics").len() as u64;
                let pause = || {
                    while hold(count()) && !stop.load(Ordering::Relaxed) {
                        crate::process::pause();
                    }
                    stop.load(Ordering::Relaxed)
                };
                let note = |number| {
                    acknowledged.lock().expect("no client panics").push(number);
                    heard(number);
                };
                while !pause() {
                    // A connection that breaks is the point of the exercise: the next one is tried.
                    if session(port, &pause, &next, recipient, note).is_err() {
                        crate::process::pause();
                    }
                }
            })
        });
        let clients = clients.collect();
        Load { acknowledged, stop, clients }
    }

    /// How many were acknowledged until now.
    pub fn count(&self) -> usize {
        self.acknowledged.lock().expect("no client panics").len()
    }

    /// Ends all clients and answers with every number that was acknowledged.
    pub fn stop(self) -> Vec<u64> {
        self.stop.store(true, Ordering::Relaxed);
        for client in self.clients {
            client.join().expect("no client panics");
        }
        self.acknowledged.lock().expect("no client panics").clone()
    }
}

/// One connection, until `over` says so or it breaks.
fn session(
    port: u16,
    over: &impl Fn() -> bool,
    next: &AtomicU64,
    recipient: fn(u64) -> &'static str,
    note: impl Fn(u64),
) -> io::Result<()> {
    let mut client = Client::connect(port)?;
    client.reply()?;
    client.ask("EHLO load.client.test")?;
    while !over() {
        let number = next.fetch_add(1, Ordering::Relaxed);
        let message = crate::client::message(&format!("{SUBJECT}{number}"));
        if client.send("sender@client.test", &[recipient(number)], &message)?.code == 250 {
            note(number);
        } else {
            return Err(io::ErrorKind::Other.into());
        }
    }
    client.ask("QUIT").map(|_| ())
}
