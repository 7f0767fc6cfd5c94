//! Secures a stream as the host must be secured, and says what that came to.

use policy::plan::TlsRequirement;
use policy::tls::{self, HopTls};
use policy::tls_outcome::{TlsFailure, TlsResult};
use tokio::time::timeout_at;
use wire::smtp::client::StartTls;

use super::dialogue::Patience;
use super::smtp::NoConnection;
use crate::client_tls::Trust;
use crate::connections::{ConnectionKey, Connections};
use crate::events::Transcript;
use crate::probe::ProbeStage;
use crate::world::Stream;

/// Whether this connection gives STARTTLS a try, or goes without it after it was refused.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Upgrade {
    AsRequired,
    Plain,
}

/// Whom to believe to be the host.
pub(crate) fn trust(tls: &HopTls) -> Trust {
    match (&tls.dane, tls.requirement) {
        (Some(binding), _) => Trust::Records(binding.clone()),
        (
            None,
            TlsRequirement::Opportunistic { verify: false }
            | TlsRequirement::StartTls { verify: false }
            | TlsRequirement::Implicit { verify: false },
        ) => Trust::Anybody,
        (None, _) => Trust::Roots,
    }
}

/// What the dialogue does about STARTTLS.
pub(crate) fn start_tls(tls: &HopTls, upgrade: Upgrade) -> StartTls {
    match (tls.requirement, upgrade) {
        (TlsRequirement::Never | TlsRequirement::Implicit { .. }, _) => StartTls::Never,
        (TlsRequirement::Opportunistic { .. }, Upgrade::Plain) => StartTls::Never,
        (TlsRequirement::Opportunistic { .. }, Upgrade::AsRequired) => StartTls::IfOffered,
        (TlsRequirement::StartTls { .. }, _) => StartTls::Required,
    }
}

/// Whether a host that refuses STARTTLS is asked again without. On a new connection: this one is in doubt.
pub(crate) fn may_go_without(tls: &HopTls) -> bool {
    matches!(tls.requirement, TlsRequirement::Opportunistic { .. })
}

/// Makes the handshake.
pub(crate) async fn handshake(
    connections: &Connections,
    stream: Box<dyn Stream>,
    key: &ConnectionKey,
    (patience, transcript): (&Patience, &Transcript),
) -> Result<(Box<dyn Stream>, String), NoConnection> {
    if let Some(stages) = transcript.stages() {
        stages.enter(ProbeStage::Tls, "");
    }
    let trust = trust(&key.tls);
    let shaking = connections.tls().handshake(stream, &key.host, &trust, key.proofs.identity.as_ref());
    let failure = match timeout_at(patience.deadline(patience.tls), shaking).await {
        Ok(Ok(secured)) => {
            transcript.note(|| secured.1.clone());
            if let Some(stages) = transcript.stages() {
                stages.detail(&secured.1);
            }
            return Ok(secured);
        }
        Ok(Err(error)) => TlsFailure { result: error.result, reason: error.text },
        Err(_) => {
            let reason = "the handshake timed out".to_owned();
            TlsFailure { result: TlsResult::ValidationFailure, reason }
        }
    };
    transcript.note(|| failure.reason.clone());
    Err(NoConnection::Insecure(tls::handshake_failed(&key.host, key.tls.reason, &failure.reason), failure))
}
