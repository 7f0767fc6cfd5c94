//! Validates answers here, down from the trust anchors, with no trust in the name server.

use std::path::Path;
use std::pin::Pin;
use std::sync::Arc;

use futures_util::{Stream, StreamExt, stream};
use hickory_proto::dnssec::{Proof, TrustAnchors};
use hickory_proto::op::{DnsRequest, DnsRequestOptions, DnsResponse, Message, Query, ResponseCode};
use hickory_proto::rr::{Name, RecordType};
use hickory_resolver::net::dnssec::DnssecDnsHandle;
use hickory_resolver::net::runtime::TokioRuntimeProvider;
use hickory_resolver::net::xfer::DnsHandle;
use hickory_resolver::net::{DnsError as HickoryDnsError, NetError};
use policy::dns::{DnsError, Security};

use super::message::{Judge, Said, is_unproven, said};
use super::stub::Stub;

/// Validated sets of records that are remembered at most.
const VALIDATIONS_MAX: usize = 16_384;

/// The validating back end.
#[derive(Clone)]
pub(super) struct Validator {
    handle: DnssecDnsHandle<Handle>,
}

impl std::fmt::Debug for Validator {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Validator")
    }
}

/// The anchors in a file of DNSKEY records; those of the root zone if there is none.
pub(super) fn trust_anchors(file: Option<&Path>) -> Result<TrustAnchors, DnsError> {
    let Some(file) = file else { return Ok(TrustAnchors::default()) };
    TrustAnchors::from_file(file).map_err(|error| {
        DnsError::Failed(format!("cannot read the trust anchors in {}: {error}", file.display()))
    })
}

impl Validator {
    pub(super) fn new(stub: Arc<Stub>, anchors: TrustAnchors) -> Self {
        let handle = DnssecDnsHandle::with_trust_anchor(Handle(stub), Arc::new(anchors))
            .validation_cache_size(VALIDATIONS_MAX);
        Validator { handle }
    }

    /// Asks and validates. The second says that the name server itself gave up, perhaps because it validates too.
    pub(super) async fn lookup(&self, name: &Name, kind: RecordType) -> (Said, Option<ResponseCode>) {
        let mut options = DnsRequestOptions::default();
        options.use_edns = true;
        options.edns_set_dnssec_ok = true;
        let mut query = Query::query(name.clone(), kind);
        query.set_query_class(hickory_proto::rr::DNSClass::IN);
        let nothing = |error| Said::Nothing(error, std::time::Duration::ZERO);
        match self.handle.lookup(query, options).next().await {
            None => (nothing(DnsError::Failed("no answer".to_owned())), None),
            Some(Ok(response)) => (judged(&response, name, kind), None),
            Some(Err(NetError::Dns(HickoryDnsError::Nsec { response, proof, .. }))) => {
                (unproven_absence(&response, proof, name, kind), None)
            }
            Some(Err(NetError::Dns(HickoryDnsError::DnssecBogus))) => {
                (nothing(DnsError::Bogus("a signature does not hold".to_owned())), None)
            }
            Some(Err(NetError::Dns(HickoryDnsError::ResponseCode(code)))) => {
                (nothing(DnsError::Failed(code.to_string())), Some(code))
            }
            Some(Err(error)) => (nothing(DnsError::Failed(error.to_string())), None),
        }
    }
}

fn judged(response: &DnsResponse, name: &Name, kind: RecordType) -> Said {
    let counts = |record: &&hickory_proto::rr::Record| {
        record.record_type() == kind || record.record_type() == RecordType::CNAME
    };
    match response.answers.iter().filter(counts).find(|record| is_unproven(record)) {
        Some(record) => {
            let why = format!(
                "the {} records of {} are not signed as they must be",
                record.record_type(),
                record.name
            );
            Said::Nothing(DnsError::Bogus(why), std::time::Duration::ZERO)
        }
        None => said(response, name, kind, Judge::Ourselves),
    }
}

fn unproven_absence(response: &DnsResponse, proof: Proof, name: &Name, kind: RecordType) -> Said {
    let security = match proof {
        Proof::Secure => Security::Secure,
        Proof::Insecure if is_of_its_zone(response, name) => Security::Insecure,
        Proof::Insecure | Proof::Bogus | Proof::Indeterminate => {
            let why = format!("it is not proven that there are no {kind} records of {name}");
            return Said::Nothing(DnsError::Bogus(why), std::time::Duration::ZERO);
        }
    };
    said(response, name, kind, Judge::Server(security))
}

/// Whether the NSEC3 records are of the name's zone. Too many iterations make them count for nothing before that is
/// looked at, and anybody can sign such records in a zone of his own.
fn is_of_its_zone(message: &Message, name: &Name) -> bool {
    let mut nsec3 =
        message.authorities.iter().filter(|record| record.record_type() == RecordType::NSEC3).peekable();
    nsec3.peek().is_some() && nsec3.all(|record| record.name.base_name().zone_of(name))
}

/// The name servers as the validator wants them.
#[derive(Clone)]
struct Handle(Arc<Stub>);

impl DnsHandle for Handle {
    type Response = Pin<Box<dyn Stream<Item = Result<DnsResponse, NetError>> + Send>>;
    type Runtime = TokioRuntimeProvider;

    fn send(&self, request: DnsRequest) -> Self::Response {
        let stub = Arc::clone(&self.0);
        let (message, _) = request.into_parts();
        Box::pin(stream::once(async move {
            let answer = stub.exchange(&message).await.map_err(NetError::from)?;
            match answer.metadata.response_code {
                ResponseCode::NoError | ResponseCode::NXDomain => Ok(DnsResponse::from_message(answer)?),
                code => Err(HickoryDnsError::ResponseCode(code).into()),
            }
        }))
    }
}

#[cfg(test)]
mod tests {
    use hickory_proto::dnssec::Nsec3HashAlgorithm;
    use hickory_proto::dnssec::rdata::{DNSSECRData, NSEC3};
    use hickory_proto::op::OpCode;
    use hickory_proto::rr::{RData, Record};

    use super::*;

    // proves: C13
    #[test]
    fn too_many_iterations_in_another_zone_make_nothing_insecure() {
        let asked = Name::from_ascii("_25._tcp.mx.signed.example.").expect("valid");
        for (owner, expected) in [("h.signed.example.", true), ("h.other.example.", false)] {
            let nsec3 = NSEC3::new(Nsec3HashAlgorithm::SHA1, false, 200, Vec::new(), vec![1; 20], []);
            let owner = Name::from_ascii(owner).expect("valid");
            let mut message = Message::response(1, OpCode::Query);
            message.add_query(Query::query(asked.clone(), RecordType::TLSA));
            message.add_authority(Record::from_rdata(owner, 60, RData::DNSSEC(DNSSECRData::NSEC3(nsec3))));
            let response = DnsResponse::from_message(message).expect("fits");
            let got = unproven_absence(&response, Proof::Insecure, &asked, RecordType::TLSA);
            let denied = Said::Nothing(DnsError::NoData(Security::Insecure), std::time::Duration::ZERO);
            assert_eq!(got == denied, expected, "{got:?}");
        }
    }
}
