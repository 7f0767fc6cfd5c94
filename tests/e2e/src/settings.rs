//! Settings for a test: one local domain with two accounts, quick retries, and the routes that the test adds.

use serde_json::{Value, json};

/// An account whose inbox tests read.
pub const ANN: &str = "ann@here.test";
/// The account that sends, and is told.
pub const SENDER: &str = "sender@here.test";
/// Its password.
pub const PASSWORD: &str = "open sesame 17";

/// Settings objects in the making.
#[derive(Clone, Debug)]
pub struct Settings {
    routes: Vec<Value>,
    branches: Vec<Value>,
    otherwise: String,
    schedule: Value,
    threads: u32,
}

impl Default for Settings {
    fn default() -> Self {
        Settings {
            routes: Vec::new(),
            branches: vec![json!({ "if": "is_local_domain(rcpt_domain)", "then": "'local'" })],
            otherwise: "'mx'".to_owned(),
            schedule: json!({ "@type": "Ttl", "expire": 3_600_000 }),
            threads: 25,
        }
    }
}

impl Settings {
    /// Adds a Relay route to a port on 127.0.0.1, for one recipient domain.
    pub fn relay(mut self, name: &str, domain: &str, port: u16) -> Self {
        self.routes.push(json!({ "@type": "Relay", "name": name, "address": "127.0.0.1", "port": port }));
        self.when(&format!("rcpt_domain == '{domain}'"), &format!("'{name}'"))
    }

    /// Adds an LMTP Relay route to a port on localhost, for one recipient domain.
    pub fn lmtp(mut self, name: &str, domain: &str, port: u16) -> Self {
        self.routes.push(json!({
            "@type": "Relay", "name": name, "address": "127.0.0.1", "port": port, "protocol": "lmtp",
        }));
        self.when(&format!("rcpt_domain == '{domain}'"), &format!("'{name}'"))
    }

    /// Adds a route as it is written.
    pub fn route(mut self, route: Value) -> Self {
        self.routes.push(route);
        self
    }

    /// Adds a branch after those that stand.
    pub fn when(mut self, condition: &str, then: &str) -> Self {
        self.branches.push(json!({ "if": condition, "then": then }));
        self
    }

    /// What the route expression yields when no branch fires.
    pub fn otherwise(mut self, expression: &str) -> Self {
        expression.clone_into(&mut self.otherwise);
        self
    }

    /// Gives up after this many attempts.
    pub fn attempts_max(mut self, attempts: u32) -> Self {
        self.schedule = json!({ "@type": "Attempts", "maxAttempts": attempts });
        self
    }

    /// Deliveries at once.
    pub fn threads(mut self, threads: u32) -> Self {
        self.threads = threads;
        self
    }

    /// The objects by type.
    pub fn json(self) -> Value {
        let mut routes =
            vec![json!({ "@type": "Local", "name": "local" }), json!({ "@type": "Mx", "name": "mx" })];
        routes.extend(self.routes);
        json!({
            "SystemSettings": { "defaultHostname": "mx.here.test", "defaultDomain": "here.test" },
            "Domain": [{ "name": "here.test" }],
            "Account": [
                { "name": ANN, "aliases": ["postmaster@here.test"] },
                { "name": SENDER, "secret": PASSWORD },
            ],
            "MtaRoute": routes,
            "MtaVirtualQueue": [{ "name": "quick", "threadsPerNode": self.threads }],
            "MtaDeliverySchedule": [{
                "name": "quick", "queueId": "quick",
                "retry": { "@type": "Custom", "intervals": [{ "duration": 1_000 }] },
                "notify": { "@type": "Custom", "intervals": [{ "duration": 3_000_000 }] },
                "expiry": self.schedule,
            }],
            "MtaOutboundStrategy": {
                "route": { "match": self.branches, "else": self.otherwise },
                "schedule": { "else": "'quick'" },
            },
        })
    }
}
