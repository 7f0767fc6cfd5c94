//! How long does it take to choose a route? Prints nanoseconds a choice for some expressions.

use std::hint::black_box;
use std::net::{IpAddr, Ipv4Addr};

use mail::{Address, ContentTraits, Envelope, MessageId, Origin, Parameters, ReversePath, Source, Timestamp};
use policy::check::Environment;
use policy::expr::LookupAnswers;
use policy::facts::Facts;
use policy::route::choose_route;
use policy::{Configuration, Progress};

const ROUNDS: u32 = 200_000;

const CONDITIONS: [&str; 6] = [
    "is_local_domain(rcpt_domain)",
    "retry_num > 1 && last_error == 'tls'",
    "rcpt_domain in ['gmail.com', 'outlook.com', 'example.com']",
    r"matches('^(gmail|outlook)\.com$', rcpt_domain)",
    r"matches('@([a-z]+)\.internal$', rcpt)",
    "starts_with(hash(rcpt, 'md5'), '0')",
];

fn main() {
    for condition in CONDITIONS {
        println!("{:7.0} ns  {condition}", nanoseconds(condition));
    }
}

#[expect(clippy::disallowed_methods, reason = "a benchmark reads the clock")]
fn nanoseconds(condition: &str) -> f64 {
    let json = serde_json::json!({
        "Domain": [{"name": "example.org"}],
        "MtaOutboundStrategy": {"route": {"match": [{"if": condition, "then": "'local'"}], "else": "'mx'"}},
    });
    let configuration = Configuration::from_settings_json(&json.to_string(), &Environment::default())
        .expect("the settings are in order");
    let forward_path = Address::parse("somebody@example.net").expect("an address");
    let envelope = envelope(&forward_path);
    let progress =
        Progress::first(&configuration.schedules["remote"], envelope.accepted_at, &envelope.parameters);
    let answers = LookupAnswers::default();
    let facts = Facts::new(&envelope, &forward_path, &progress, envelope.accepted_at);
    let begin = std::time::Instant::now();
    for _ in 0..ROUNDS {
        black_box(choose_route(black_box(&configuration), black_box(&facts), &answers));
    }
    begin.elapsed().as_secs_f64() * 1e9 / f64::from(ROUNDS)
}

fn envelope(forward_path: &Address) -> Envelope {
    Envelope {
        message: MessageId(1),
        reverse_path: ReversePath::Null,
        accepted_at: Timestamp::EPOCH,
        origin: Origin {
            source: Source::Unauthenticated,
            listener: "smtp".to_owned(),
            client_ip: IpAddr::V4(Ipv4Addr::LOCALHOST),
            local_port: 25,
            authenticated_as: None,
        },
        parameters: Parameters::default(),
        traits: ContentTraits::default(),
        size: 5000,
        recipients: vec![forward_path.clone()],
    }
}
