//! The way to the issuers of tokens: the web, as far as the settings let it go.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use directory::Fetch;
use mta::web::Reach;
use mta::world::{Web, WebLimits};
use policy::settings::is_loopback_url;

/// How much of an issuer's keys is read, and how long.
const LIMITS: WebLimits = WebLimits { body_bytes_max: 256 * 1024, time_max: Duration::from_secs(10) };

/// The web, for directories.
pub(crate) struct Issuers(pub(crate) Arc<dyn Web>);

#[async_trait]
impl Fetch for Issuers {
    async fn fetch(&self, url: &str, allow_private: bool) -> Result<Vec<u8>, String> {
        let reach = match (is_loopback_url(url), allow_private) {
            (true, _) => Reach::Loopback,
            (false, true) => Reach::Private,
            (false, false) => Reach::Public,
        };
        let answer = self.0.ask(url, reach, LIMITS).await.map_err(|error| error.to_string())?;
        match answer.status {
            200 => Ok(answer.body),
            status => Err(format!("status {status}")),
        }
    }
}
