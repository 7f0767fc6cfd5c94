//! Plays a world: starts the node, lets clients send, stops and starts it, and looks at the end what is left.

use std::collections::BTreeSet;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use mail::{Address, Clock, MessageId};
use mta::client_tls::ClientTls;
use mta::connections::{ConnectionLimits, Connections};
use mta::listen::{ListenerSettings, ListenerTls, Sessions};
use mta::quotas::Quotas;
use mta::{Resolver, Transport, World, queue_manager};
use policy::Configuration;
use policy::admit::AdmissionRules;
use policy::check::{Environment, check};
use policy::limits::{DELIVERY_MAX, SETTLE_MAX};
use policy::mx::MxRules;
use policy::settings::Settings;
use store::{Content, MemoryStore, Store};
use tokio::io::DuplexStream;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::places::HOSTNAME;
use super::{Entrance, Letter, Moment, Plan, Stop, admit, client};
use crate::chance::Chance;
use crate::clock::{BEGINNING, SimClock};
use crate::dns::Names;
use crate::fault::Fault;
use crate::faulty_store::FaultyStore;
use crate::history::{Breach, ContentHash, Event, History};
use crate::network::Network;
use crate::panics;
use crate::peer::Peer;
use crate::witness::{Witness, bytes};

/// Bytes that a client may have sent and we not yet read.
const CLIENT_BUFFER_BYTES: usize = 16 * 1024;
/// How often the queue is counted.
const COUNT_EVERY: Duration = Duration::from_secs(600);
/// How long a clean stop may take.
const STOP_MAX: Duration = Duration::from_secs(DELIVERY_MAX.as_secs() + SETTLE_MAX.as_secs() + 60);

/// A deliberate bug, put between the parts of a world. As it stands, it changes nothing.
pub trait Twist: Send + Sync {
    /// Below the witness: what the witness sees is what was asked for, not what is done.
    fn below(&self, store: Arc<MemoryStore>) -> Arc<dyn Store> {
        store
    }
    /// Above the witness: what is asked for is not what the node asked.
    fn above(&self, store: Arc<dyn Store>) -> Arc<dyn Store> {
        store
    }
    /// Between node and resolver.
    fn resolver(&self, resolver: Arc<dyn Resolver>) -> Arc<dyn Resolver> {
        resolver
    }
    /// Between node and network.
    fn transport(&self, transport: Arc<dyn Transport>) -> Arc<dyn Transport> {
        transport
    }
    /// Makes the plan one in which the bug can show.
    fn plan(&self, plan: &mut Plan) {
        let _ = plan;
    }
}

/// No bug.
pub struct Honest;
impl Twist for Honest {}

/// What came of a world.
pub struct Outcome {
    /// Its seed.
    pub seed: u64,
    /// The rules that were broken.
    pub breaches: Vec<Breach>,
    /// All that happened.
    pub history: History,
    /// How much time passed in it.
    pub lasted: Duration,
}

/// Plays the world of this seed.
pub fn play(seed: u64) -> Outcome {
    play_twisted(seed, &Honest)
}

/// Plays the world of this seed with a bug in it.
pub fn play_twisted(seed: u64, twist: &dyn Twist) -> Outcome {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build();
    let runtime = runtime.expect("a runtime with nothing but a clock starts");
    let history = runtime.block_on(async {
        let mut plan = Plan::draw(seed);
        twist.plan(&mut plan);
        let mut run = Run::prepare(plan, Chance::new(seed).fork("run"), twist);
        panics::watch(&run.history);
        run.play().await;
        run.history
    });
    panics::forget();
    let lasted = history.now_at_end().since(BEGINNING);
    Outcome { seed, breaches: history.breaches(), history, lasted }
}

/// The way into the node while it is up.
#[derive(Clone)]
struct Door {
    store: Arc<dyn Store>,
    configuration: Arc<Configuration>,
    rules: Arc<AdmissionRules>,
    streams: mpsc::UnboundedSender<DuplexStream>,
    gone: CancellationToken,
}

/// One life of the node.
struct Node {
    tasks: JoinSet<()>,
    shutdown: CancellationToken,
    gone: CancellationToken,
    connections: Arc<Connections>,
    store_stopped: CancellationToken,
}

/// Why waiting is over.
enum Waited {
    /// The moment has come.
    Reached,
    /// The store has stopped before it.
    StoreStopped,
    /// The world is at its end.
    Over,
}

struct Run<'a> {
    plan: Plan,
    twist: &'a dyn Twist,
    clock: SimClock,
    history: History,
    chance: Chance,
    configuration: Arc<watch::Sender<Arc<Configuration>>>,
    tls: ClientTls,
    resolver: Arc<dyn Resolver>,
    transport: Arc<dyn Transport>,
    memory: Arc<MemoryStore>,
    witness: Arc<Witness>,
    door: watch::Sender<Option<Door>>,
    clients: JoinSet<()>,
}

impl<'a> Run<'a> {
    fn prepare(plan: Plan, mut chance: Chance, twist: &'a dyn Twist) -> Self {
        let clock = SimClock::leaping(plan.leap);
        let history = History::new(clock.clone());
        history.note(Event::World(plan.facts.clone()));
        let configuration = configuration(&plan.settings);
        let mut peer_chance = chance.fork("peers");
        let hosts = plan.hosts(|peer| {
            let chance = peer_chance.fork(&peer.name);
            let (offers, manners) = (peer.offers, peer.manners.clone());
            Arc::new(Peer::new(&peer.name, peer.tongue, offers, manners, history.clone(), chance))
        });
        let network = Network::new(history.clone(), chance.fork("network"), plan.weather.clone(), hosts);
        let names = Names::new(
            history.clone(),
            chance.fork("names"),
            plan.resolving.clone(),
            plan.zones.clone(),
            plan.addresses.clone(),
        );
        let memory = Arc::new(MemoryStore::new());
        let witness = Arc::new(Witness::new(twist.below(Arc::clone(&memory)), history.clone()));
        Run {
            resolver: twist.resolver(Arc::new(names)),
            transport: twist.transport(Arc::new(network)),
            tls: ClientTls::new(Vec::new()).expect("the platform's roots or none are a configuration"),
            configuration: Arc::new(watch::Sender::new(configuration)),
            door: watch::Sender::new(None),
            clients: JoinSet::new(),
            plan,
            twist,
            clock,
            history,
            chance,
            memory,
            witness,
        }
    }

    async fn play(&mut self) {
        self.send_letters();
        let mut node = self.start();
        let mut stops = self.plan.stops.clone().into_iter().peekable();
        loop {
            let moment = stops.peek().map_or(Moment::At(self.plan.horizon), |stop| stop.at);
            node = match self.wait_for(moment, &node.store_stopped).await {
                Waited::Over => break,
                Waited::StoreStopped => self.leave(node).await,
                Waited::Reached => match stops.next() {
                    Some(stop) => self.stop(node, stop).await,
                    None => break,
                },
            };
        }
        node.tasks.abort_all();
        while node.tasks.join_next().await.is_some() {}
        self.look_back().await;
    }

    fn send_letters(&mut self) {
        if let Some((at, _)) = self.plan.leap {
            let (history, clock) = (self.history.clone(), self.clock.clone());
            self.clients.spawn(async move {
                clock.until(at).await;
                history.fired(Fault::ClockLeap);
            });
        }
        for letter in self.plan.letters.clone() {
            let (door, history, clock) = (self.door.subscribe(), self.history.clone(), self.clock.clone());
            self.clients.spawn(send(letter, door, history, clock));
        }
        if let Some((at, route)) = self.plan.reroute.clone() {
            let mut settings = self.plan.settings.clone();
            settings.outbound.route = route;
            let rerouted = configuration(&settings);
            let (history, clock) = (self.history.clone(), self.clock.clone());
            let in_force = Arc::clone(&self.configuration);
            self.clients.spawn(async move {
                clock.until(at).await;
                history.fired(Fault::Rerouted);
                in_force.send_replace(rerouted);
            });
        }
    }

    fn start(&mut self) -> Node {
        self.history.note(Event::Started);
        let above = self.twist.above(Arc::clone(&self.witness) as Arc<dyn Store>);
        let chance = self.chance.fork("store");
        let store = FaultyStore::new(above, self.plan.upsets.clone(), chance, self.history.clone());
        let store_stopped = store.stopped();
        let store: Arc<dyn Store> = Arc::new(store);
        let rules = MxRules { own_names: vec![HOSTNAME.to_owned()], ..MxRules::default() };
        let connections = Arc::new(Connections::new(ConnectionLimits::default(), rules, self.tls.clone()));
        let world = World::new(
            Arc::clone(&store),
            Arc::clone(&self.resolver),
            Arc::clone(&self.transport),
            Arc::new(self.clock.clone()),
        );
        let (shutdown, gone) = (CancellationToken::new(), CancellationToken::new());
        let mut tasks = JoinSet::new();
        let configuration = self.configuration.subscribe();
        let (streams, arrivals) = mpsc::unbounded_channel();
        let quotas = Quotas::new(&configuration.borrow());
        let sessions = Sessions::new(
            listener(),
            world.clone(),
            configuration.clone(),
            Arc::clone(&quotas),
            None,
            shutdown.clone(),
        );
        let door = Door {
            streams,
            store,
            configuration: Arc::clone(&configuration.borrow()),
            rules: Arc::new(AdmissionRules::default()),
            gone: gone.clone(),
        };
        tasks.spawn(receive(sessions, arrivals));
        tasks.spawn(queue_manager::run(
            world,
            configuration,
            Arc::clone(&connections),
            quotas,
            shutdown.clone(),
        ));
        self.door.send_replace(Some(door));
        Node { tasks, shutdown, gone, connections, store_stopped }
    }

    /// Stops the node as planned and starts it again.
    async fn stop(&mut self, mut node: Node, stop: Stop) -> Node {
        self.door.send_replace(None);
        if stop.clean {
            self.history.note(Event::Stopping);
            node.shutdown.cancel();
            let all = async { while node.tasks.join_next().await.is_some() {} };
            if tokio::time::timeout(STOP_MAX, all).await.is_err() {
                self.history.note(Event::Panicked {
                    message: format!("a clean stop took longer than {STOP_MAX:?}"),
                    injected: false,
                });
            }
            node.connections.close().await;
        } else {
            self.history.fired(Fault::Crash);
            self.history.note(Event::Crashed);
        }
        self.end(node).await;
        self.start_again(stop.down).await
    }

    /// The store has stopped, so the node must end by itself.
    async fn leave(&mut self, mut node: Node) -> Node {
        self.history.note(Event::Crashed);
        self.door.send_replace(None);
        let all = async { while node.tasks.join_next().await.is_some() {} };
        if tokio::time::timeout(STOP_MAX, all).await.is_err() {
            let message = "the store has stopped, and the queue manager goes on".to_owned();
            self.history.note(Event::Panicked { message, injected: false });
        }
        self.history.note(Event::Crashed);
        self.end(node).await;
        self.start_again(Duration::from_secs(60)).await
    }

    async fn end(&mut self, mut node: Node) {
        node.gone.cancel();
        node.tasks.abort_all();
        while node.tasks.join_next().await.is_some() {}
    }

    async fn start_again(&mut self, after: Duration) -> Node {
        tokio::time::sleep(after).await;
        self.memory = Arc::new(self.memory.reopen());
        let below = self.twist.below(Arc::clone(&self.memory));
        self.witness = Arc::new(self.witness.reopened(below));
        self.start()
    }

    /// Waits for a moment and counts meanwhile.
    async fn wait_for(&mut self, moment: Moment, store_stopped: &CancellationToken) -> Waited {
        let (clock, history, mut takings) =
            (self.clock.clone(), self.history.clone(), self.history.takings());
        let reached = async move {
            match moment {
                Moment::At(at) => clock.until(at).await,
                Moment::AfterTaking(count, after) => {
                    if takings.wait_for(|taken| *taken >= count).await.is_ok() {
                        tokio::time::sleep(after).await;
                    }
                }
            }
        };
        tokio::pin!(reached);
        loop {
            tokio::select! {
                biased;
                () = history.spun() => return Waited::Over,
                () = store_stopped.cancelled() => return Waited::StoreStopped,
                () = &mut reached => return Waited::Reached,
                () = tokio::time::sleep(COUNT_EVERY) => {}
            }
            history.forget_calls();
            let done = self.count().await == 0 && self.clients.is_empty();
            if done || self.clock.now() >= self.plan.horizon {
                return Waited::Over;
            }
        }
    }

    async fn count(&mut self) -> usize {
        while self.clients.try_join_next().is_some() {}
        self.witness.count(std::iter::empty()).await.expect("the store beneath the faults is whole")
    }

    /// The queue, the spool and the mailboxes, when all is over.
    async fn look_back(&mut self) {
        let left = self.count().await;
        self.history.note(Event::Over { left });
        let committed = |event: &Event| match event {
            Event::Committed { message, .. } => Some(*message),
            _ => None,
        };
        let messages: BTreeSet<MessageId> = self.history.events().iter().filter_map(committed).collect();
        self.witness.count(messages.into_iter()).await.expect("the store beneath the faults is whole");
        for account in self.plan.settings.accounts.keys().cloned().collect::<Vec<_>>() {
            let contents = self.mailbox(&account).await;
            self.history.note(Event::Mailbox { account, contents });
        }
    }

    async fn mailbox(&self, account: &Address) -> Vec<ContentHash> {
        let store: &dyn Store = self.memory.as_ref();
        let mut contents = Vec::new();
        for (mailbox, _) in store.mailboxes(account).await.expect("memory does not fail") {
            for entry in store.entries(account, &mailbox).await.expect("memory does not fail") {
                let copy = store.message(account, &mailbox, entry.uid).await.expect("memory does not fail");
                contents.extend(copy.map(|copy| ContentHash::of(without_prefix(&copy))));
            }
        }
        contents
    }
}

fn configuration(settings: &Settings) -> Arc<Configuration> {
    let checked = check(settings, &Environment::default());
    match checked.configuration {
        Some(configuration) => Arc::new(configuration),
        None => panic!("the settings of the world do not pass the check: {:#?}", checked.findings),
    }
}

/// A copy without the fields that delivery put in front.
fn without_prefix(mut copy: &[u8]) -> &[u8] {
    let ours: [&[u8]; 2] = [b"Return-Path:", b"Delivered-To:"];
    while ours.iter().any(|field| copy.starts_with(field)) {
        let end = copy.windows(2).position(|pair| pair == b"\r\n").map_or(copy.len(), |at| at + 2);
        copy = &copy[end..];
    }
    copy
}

/// A client that sends one letter, again if it is turned away.
async fn send(mut letter: Letter, door: watch::Receiver<Option<Door>>, history: History, clock: SimClock) {
    loop {
        clock.until(letter.at).await;
        let content = ContentHash::of(letter.content.as_bytes());
        let open = door.borrow().clone();
        let answer = match open {
            None => Err("nobody is there".to_owned()),
            Some(door) => {
                let gone = door.gone.clone();
                tokio::select! {
                    biased;
                    () = gone.cancelled() => Err("the connection broke".to_owned()),
                    answer = deliver(door, &letter, &history, &clock) => answer,
                }
            }
        };
        if answer.is_ok() {
            history.note(Event::Acknowledged { content });
            return;
        }
        history.note(Event::TurnedAway { content });
        if letter.again == 0 {
            return;
        }
        letter = letter.once_more(clock.now(), Duration::from_secs(45 + 60 * u64::from(letter.again)));
    }
}

/// The listener that every session has; the clients' network may relay.
fn listener() -> ListenerSettings {
    let network = "203.0.113.0/24".parse().expect("a network");
    let admission = AdmissionRules { relay_networks: vec![network], ..AdmissionRules::default() };
    let address = SocketAddr::from((Ipv4Addr::new(203, 0, 113, 1), 25));
    ListenerSettings {
        tls: ListenerTls::None,
        auth: false,
        admission: Arc::new(admission),
        ..ListenerSettings::smtp("smtp", address)
    }
}

/// Owns the sessions; ends when the door is closed and the last one is over.
async fn receive(sessions: Sessions, mut arrivals: mpsc::UnboundedReceiver<DuplexStream>) {
    let mut serving = JoinSet::new();
    loop {
        tokio::select! {
            biased;
            Some(_) = serving.join_next(), if !serving.is_empty() => {}
            arrival = arrivals.recv() => match arrival {
                Some(stream) => {
                    let sessions = sessions.clone();
                    let client = SocketAddr::from((Ipv4Addr::new(203, 0, 113, 9), 40_000));
                    serving.spawn(async move { sessions.serve(Box::new(stream), client).await });
                }
                None => break,
            },
        }
    }
    while serving.join_next().await.is_some() {}
}

/// Brings a letter to us, whichever way it comes.
async fn deliver(door: Door, letter: &Letter, history: &History, clock: &SimClock) -> Result<(), String> {
    if letter.entrance == Entrance::Gate {
        return accept(&door, letter, clock).await.map(drop);
    }
    let (ours, theirs) = tokio::io::duplex(CLIENT_BUFFER_BYTES);
    door.streams.send(theirs).map_err(|_| "nobody listens".to_owned())?;
    drop(door);
    client::send(ours, letter, letter.entrance, || history.fired(Fault::ClientVanishes)).await
}

/// What a session does with a letter, but for its dialogue.
async fn accept(door: &Door, letter: &Letter, clock: &SimClock) -> Result<MessageId, String> {
    let accepted = admit(&door.configuration, &door.rules, letter, clock.now())?;
    let mut writer = door.store.writer().await.map_err(|error| error.to_string())?;
    writer.write(letter.content.as_bytes()).await.map_err(|error| error.to_string())?;
    let content: Content = writer.finish().await.map_err(|error| error.to_string())?;
    debug_assert_eq!(bytes(&content), letter.content.as_bytes());
    door.store.accept(accepted, content).await.map_err(|error| error.to_string())
}
