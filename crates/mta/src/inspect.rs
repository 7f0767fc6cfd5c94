//! Looks at content as it streams in: whose is it, and what must stand before it?
//!
//! Strangers' mail is checked, mail of our own is signed, and nobody's `Authentication-Results` may claim to be ours.
//! Mail of networks that may relay passes untouched unless it is signed, and then costs nothing here.

use std::sync::Arc;

use mail::authentication_results::without_claims;
use mail::{Domain, EnhancedStatus, Reply, Source, header};
use memchr::memchr_iter;
use policy::admit::Admission;
use policy::authenticity::{Client, Levels, judge, levels};
use policy::signing::{Signer, signers, signing_domain};
use policy::{Configuration, Trouble};
use store::PREFIX_BYTES_MAX;

use crate::gather::decide;
use crate::sign::Signing;
use crate::verify::Checks;
use crate::world::World;

/// Bytes of a header that is looked at. With more, the message is refused: what nobody has looked at could claim
/// anything.
const HEADER_BYTES_MAX: usize = 256 * 1024;

/// What the session knows of the client besides its [`mail::Origin`].
pub(crate) struct Visitor {
    /// What it called itself.
    pub(crate) helo: String,
    /// Whether TLS is in use.
    pub(crate) is_tls: bool,
    /// Whether it is a neighbour that hands over by LMTP what it has taken responsibility for.
    pub(crate) is_lmtp: bool,
}

/// What is done with one message.
pub(crate) struct Inspection {
    visitor: Visitor,
    is_stranger: bool,
    task: Task,
    stage: Stage,
    /// Bytes of our trace field, which is not looked at.
    trace_len: usize,
}

enum Task {
    /// False claims are removed.
    Clean,
    /// And it is signed.
    Sign(Vec<Arc<Signer>>),
    /// And it is checked.
    Check(Levels),
}

enum Stage {
    /// The header has not ended; up to there its end was looked for.
    Header(usize),
    /// The body streams by.
    Body(Box<Body>),
    /// The header is too large.
    TooLarge,
    /// A stranger's header has a CR that ends no line: what one reader takes for a value is a field to another.
    BareReturn,
}

struct Body {
    header: Vec<u8>,
    /// Where in what is pending the part begins that was not hashed yet.
    fed: usize,
    work: Work,
}

enum Work {
    Nothing,
    Sign(Signing),
    Check(Checks),
}

/// What came of it.
pub(crate) enum Conclusion {
    /// The message is taken, with this before it, and enters the queue by this right if it is another than before.
    Taken(Vec<u8>, Option<Source>),
    /// It is not.
    Refused(Reply),
}

impl Inspection {
    /// Whether anything may have to be done: not for networks that may relay, if nothing is signed.
    pub(crate) fn is_due(configuration: &Configuration, admission: &Admission) -> bool {
        let is_listed = !admission.is_stranger() && admission.origin().authenticated_as.is_none();
        !is_listed || !configuration.signers.is_empty()
    }

    /// Before the content: what is to be done, if anything, or why the message cannot be taken.
    pub(crate) async fn of(
        world: &World,
        configuration: &Configuration,
        admission: &Admission,
        visitor: Visitor,
    ) -> Result<Option<Self>, Reply> {
        let is_stranger = admission.is_stranger();
        let is_listed = !is_stranger && admission.origin().authenticated_as.is_none();
        let client = client(admission, &visitor);
        let task = match is_stranger {
            true if visitor.is_lmtp => Task::Clean,
            true => {
                let levels = decide(world, |answers| levels(configuration, &client, answers)).await;
                let levels = levels.map_err(|trouble| at_fault(&trouble))?;
                if levels.any() { Task::Check(levels) } else { Task::Clean }
            }
            false => {
                let domain = decide(world, |answers| signing_domain(configuration, &client, answers)).await;
                let domain = domain.map_err(|trouble| at_fault(&trouble))?;
                match domain.map(|domain| signers(configuration, &domain)) {
                    Some([]) | None if is_listed => return Ok(None),
                    Some([]) | None => Task::Clean,
                    Some(signers) => Task::Sign(signers.to_vec()),
                }
            }
        };
        Ok(Some(Inspection { visitor, is_stranger, task, stage: Stage::Header(0), trace_len: 0 }))
    }

    /// Whether something may have to stand before the content.
    pub(crate) fn may_prefix(&self) -> bool {
        !matches!(self.task, Task::Clean)
    }

    /// Content follows our trace field.
    pub(crate) fn begin(&mut self, trace_field: &[u8]) {
        self.trace_len = trace_field.len();
        // The header may be empty: then its end is right after ours.
        self.stage = Stage::Header(trace_field.len().saturating_sub(1));
    }

    /// Whether what is pending must stay where it is: the header has not ended.
    pub(crate) fn holds(&self) -> bool {
        matches!(self.stage, Stage::Header(_))
    }

    /// More is pending.
    pub(crate) fn look(&mut self, pending: &mut Vec<u8>, own: &Domain) {
        let Stage::Header(from) = self.stage else { return };
        match header_end(pending, from) {
            Ok((end, separator)) => self.header_ends(pending, end, separator, own),
            Err(_) if pending.len() - self.trace_len > HEADER_BYTES_MAX => {
                match no_field(&pending[self.trace_len..]) {
                    Some(at) => self.header_ends(pending, self.trace_len + at, 0, own),
                    None => self.stage = Stage::TooLarge,
                }
            }
            Err(scanned) => self.stage = Stage::Header(scanned),
        }
    }

    /// What is pending goes to the spool.
    pub(crate) fn leaves(&mut self, pending: &[u8]) {
        let Stage::Body(body) = &mut self.stage else { return };
        let bytes = pending.get(body.fed..).unwrap_or_default();
        body.fed = 0;
        match &mut body.work {
            Work::Nothing => {}
            Work::Sign(signing) => signing.body(bytes),
            Work::Check(checks) => checks.body(bytes),
        }
    }

    /// The content is over; whether what is pending is all header is found out first.
    pub(crate) fn ends(&mut self, pending: &mut Vec<u8>, own: &Domain) {
        if self.holds() {
            let end = pending.len();
            self.header_ends(pending, end, 0, own);
        }
    }

    fn header_ends(&mut self, pending: &mut Vec<u8>, end: usize, separator: usize, own: &Domain) {
        let mut header = pending.get(self.trace_len..end).unwrap_or_default().to_vec();
        if self.is_stranger && has_bare_return(&header) {
            self.stage = Stage::BareReturn;
            return;
        }
        let cleaned = without_claims(&header, own);
        let mut fed = end + separator;
        if let Some(cleaned) = &cleaned {
            tracing::info!("a field that claims to be our Authentication-Results was removed");
            fed = self.trace_len + cleaned.len() + separator;
            pending.splice(self.trace_len..end, cleaned.iter().copied());
        }
        let work = match &self.task {
            Task::Clean => Work::Nothing,
            Task::Sign(signers) => {
                // What is sent is what is signed.
                header = cleaned.unwrap_or(header);
                Work::Sign(Signing::begin(signers))
            }
            Task::Check(levels) => Work::Check(Checks::begin(*levels, &header)),
        };
        self.stage = Stage::Body(Box::new(Body { header, fed, work }));
    }

    /// After all content: signs or judges.
    pub(crate) async fn conclude(
        self,
        world: &World,
        configuration: &Configuration,
        admission: &Admission,
    ) -> Conclusion {
        let body = match self.stage {
            Stage::Body(body) => body,
            Stage::BareReturn => {
                let status = Some(EnhancedStatus::new(5, 6, 0));
                return Conclusion::Refused(Reply::new(550, status, "The header has a CR without LF."));
            }
            Stage::Header(_) | Stage::TooLarge => {
                let text = format!("The header is larger than {HEADER_BYTES_MAX} bytes.");
                return Conclusion::Refused(Reply::new(552, Some(EnhancedStatus::new(5, 3, 4)), text));
            }
        };
        let Body { header, work, .. } = *body;
        let levels = match &self.task {
            Task::Check(levels) => *levels,
            Task::Clean | Task::Sign(_) => Levels::default(),
        };
        match work {
            Work::Nothing => Conclusion::Taken(Vec::new(), None),
            Work::Sign(signing) => {
                Conclusion::Taken(fitting(signing.finish(header, world.clock.now()).await), None)
            }
            Work::Check(checks) => {
                let client = client(admission, &self.visitor);
                let own = &configuration.hostname;
                let (findings, field) = checks.finish(world, &header, &client, own).await;
                tracing::debug!(?findings, "authenticity");
                let judgement =
                    decide(world, |answers| judge(configuration, &client, levels, &findings, answers)).await;
                match judgement {
                    Ok(Ok(source)) => Conclusion::Taken(fitting(field), Some(source)),
                    Ok(Err(reply)) => Conclusion::Refused(*reply),
                    Err(trouble) => Conclusion::Refused(at_fault(&trouble)),
                }
            }
        }
    }
}

/// Where the header ends, and how long the empty line after it is; else from where to look when there is more.
fn header_end(pending: &[u8], from: usize) -> Result<(usize, usize), usize> {
    for at in memchr_iter(b'\n', &pending[from.min(pending.len())..]).map(|at| from + at) {
        match &pending[at + 1..] {
            [b'\n', ..] => return Ok((at + 1, 1)),
            [b'\r', b'\n', ..] => return Ok((at + 1, 2)),
            [] | [b'\r'] => return Err(at),
            _ => {}
        }
    }
    Err(pending.len())
}

/// Whether some CR has no LF behind it. RFC 3030 frees the body from lines, not the header.
fn has_bare_return(header: &[u8]) -> bool {
    memchr_iter(b'\r', header).any(|at| header.get(at + 1) != Some(&b'\n'))
}

/// Where the first line is that belongs to no field: there is no header behind it that anybody must believe.
fn no_field(content: &[u8]) -> Option<usize> {
    let is_field = |field: &&[u8]| header::parts(field).is_some();
    let len: usize = header::split_fields(content).take_while(is_field).map(<[u8]>::len).sum();
    (len < content.len() && content[len..].contains(&b'\n')).then_some(len)
}

fn client<'a>(admission: &'a Admission, visitor: &'a Visitor) -> Client<'a> {
    let origin = admission.origin();
    Client {
        listener: &origin.listener,
        ip: origin.client_ip,
        local_port: origin.local_port,
        helo: &visitor.helo,
        is_tls: visitor.is_tls,
        authenticated_as: origin.authenticated_as.as_deref(),
        reverse_path: admission.reverse_path(),
    }
}

/// What fits before the content. The bounds on signatures and results see to it that all does.
fn fitting(prefix: Vec<u8>) -> Vec<u8> {
    if prefix.len() <= PREFIX_BYTES_MAX {
        return prefix;
    }
    tracing::error!(bytes = prefix.len(), "what should stand before a message is too long");
    Vec::new()
}

fn at_fault(trouble: &Trouble) -> Reply {
    tracing::error!(why = trouble.text, "an expression cannot be evaluated");
    let status = Some(EnhancedStatus::new(4, 3, 5));
    Reply::new(451, status, "The configuration of this server is at fault.")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_end_of_the_header_is_found_however_it_is_cut() {
        let check = |text: &str, expected: Option<(usize, usize)>| {
            for step in 1..=text.len() {
                let (mut from, mut found) = (0, None);
                for len in (step..).step_by(step).take_while(|len| *len < text.len() + step) {
                    match header_end(&text.as_bytes()[..len.min(text.len())], from) {
                        Ok(end) => {
                            found = Some(end);
                            break;
                        }
                        Err(scanned) => from = scanned,
                    }
                }
                assert_eq!(found, expected, "{text:?} in steps of {step}");
            }
        };
        check("T: x\r\nA: b\r\n\r\nbody\r\n\r\n", Some((12, 2)));
        check("T: x\r\n\r\n\r\nbody", Some((6, 2)));
        check("T: x\nA: b\n\nbody", Some((10, 1)));
        check("T: x\r\nA: b\r\n", None);
        check("T: x\r\nA: b\r\n\r", None);
    }

    #[test]
    fn a_bare_return_in_the_header_is_seen() {
        let own = Domain::parse("mx.example.org").unwrap();
        let check = |text: &str, is_stranger: bool, refused: bool| {
            let visitor = Visitor { helo: "c.example".to_owned(), is_tls: false, is_lmtp: false };
            let stage = Stage::Header(0);
            let mut inspection = Inspection { visitor, is_stranger, task: Task::Clean, stage, trace_len: 0 };
            let mut pending = b"T: x\r\n".to_vec();
            inspection.begin(&pending);
            pending.extend_from_slice(text.as_bytes());
            inspection.look(&mut pending, &own);
            inspection.ends(&mut pending, &own);
            assert_eq!(matches!(inspection.stage, Stage::BareReturn), refused, "{text:?}");
        };
        let forged = "A: b\rAuthentication-Results: mx.example.org; dmarc=pass\r\n\r\nhi";
        check(forged, true, true);
        check(forged, false, false);
        check("A: b\r\r\n\r\nhi", true, true);
        check("A: b\r", true, true);
        check("A: b\r\n c\r\n\r\nh\ri\r\n", true, false);
        check("\r\nh\ri", true, false);
        check("", true, false);
    }

    #[test]
    fn what_is_no_field_ends_a_header_that_is_too_large() {
        assert_eq!(no_field(b"A: b\r\n c\r\nno field\r\nD: e\r\n"), Some(10));
        assert_eq!(no_field(b"no field\r\n"), Some(0));
        assert_eq!(no_field(b"A: b\r\n c\r\n"), None);
        assert_eq!(no_field(b"A: b\r\nhalf"), None);
    }
}
