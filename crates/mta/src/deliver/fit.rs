//! What content does this peer get? As it was accepted, or made to fit what the peer takes.

use mail::header::header_end;
use mail::seven_bit::{Conversion, Survey, Target};
use mail::{Address, ContentTraits, Envelope};
use policy::Trouble;
use policy::outcome::{self, Incapable};
use store::{Content, ContentFile, ContentWriter, StoreError};
use tokio::fs::File;
use tokio::io::AsyncReadExt;
use wire::smtp::capabilities::Capabilities;

use crate::world::World;

/// Bytes of content in which the header is looked for.
const HEADER_BYTES_MAX: u64 = 256 * 1024;
/// Bytes of content that are converted at once.
const CHUNK_BYTES: usize = 256 * 1024;

/// What one peer is sent.
#[derive(Clone, Debug)]
pub(crate) struct Offer {
    pub(crate) content: Content,
    /// What its bytes are like.
    pub(crate) traits: ContentTraits,
    /// Whether the transaction needs SMTPUTF8.
    pub(crate) needs_smtputf8: bool,
    /// What it was made into, if it is not as it was accepted.
    pub(crate) made: Option<Target>,
}

/// Why there is nothing to send.
#[derive(Debug)]
pub(crate) enum NoOffer {
    /// This peer cannot take it; another may.
    Unfit(Trouble),
    /// Nobody can be sent anything now.
    Trouble(Trouble),
}

impl From<StoreError> for NoOffer {
    fn from(error: StoreError) -> Self {
        NoOffer::Trouble(Trouble::ours(error.to_string()))
    }
}

/// The content of one message, for one peer after the other.
#[derive(Debug, Default)]
pub(crate) struct Contents {
    accepted: Option<Content>,
    /// Kept, since the next peer is often like the last.
    made: Option<(Target, Content)>,
}

impl Contents {
    /// Of a message that is not in the spool.
    pub(crate) fn given(content: Content) -> Self {
        Contents { accepted: Some(content), made: None }
    }

    /// What a peer that offers this is sent for these forward-paths. All of them can be said to it.
    pub(crate) async fn offer<'p>(
        &mut self,
        world: &World,
        envelope: &Envelope,
        offered: &Capabilities,
        host: &str,
        mut forward_paths: impl Iterator<Item = &'p Address>,
    ) -> Result<Offer, NoOffer> {
        let content = self.accepted(world, envelope).await?;
        let reverse_path = envelope.reverse_path.address().is_some_and(Address::needs_smtputf8);
        let header_may_need = envelope.parameters.smtputf8;
        let needs_smtputf8 = if offered.smtputf8 {
            header_may_need || reverse_path || forward_paths.any(Address::needs_smtputf8)
        } else {
            let in_header = header_may_need && envelope.traits.eight_bit;
            reverse_path || (in_header && header_has_eight_bits(&content).await?)
        };
        if needs_smtputf8 && !offered.smtputf8 {
            return Err(NoOffer::Unfit(outcome::incapable(Incapable::NoSmtpUtf8, host)));
        }
        let Some(target) = offered.conversion(envelope.traits) else {
            return Ok(Offer { content, traits: envelope.traits, needs_smtputf8, made: None });
        };
        let content = match &self.made {
            Some((made, content)) if *made == target => content.clone(),
            _ => convert(world, &content, target, host).await?,
        };
        self.made = Some((target, content.clone()));
        let eight_bit = envelope.traits.eight_bit && target == Target::EightBit;
        let traits = ContentTraits { eight_bit, binary: false, long_lines: false };
        Ok(Offer { content, traits, needs_smtputf8, made: Some(target) })
    }

    async fn accepted(&mut self, world: &World, envelope: &Envelope) -> Result<Content, NoOffer> {
        if let Some(content) = &self.accepted {
            return Ok(content.clone());
        }
        let message = envelope.message;
        let Some(content) = world.store.content(message).await? else {
            return Err(NoOffer::Trouble(Trouble::ours(format!(
                "the content of message {message} is not there"
            ))));
        };
        self.accepted = Some(content.clone());
        Ok(content)
    }
}

/// Makes content fit in two passes; what is large goes from file to file.
async fn convert(world: &World, content: &Content, target: Target, host: &str) -> Result<Content, NoOffer> {
    let unfit = |why| NoOffer::Unfit(outcome::incapable(Incapable::Unconvertible(why), host));
    let mut survey = Survey::default();
    let mut pieces = Pieces::of(content).await?;
    while let Some(piece) = pieces.next().await? {
        survey.push(piece).map_err(unfit)?;
    }
    let mut conversion = Conversion::new(survey.finish().map_err(unfit)?, target);
    // Nobody comes to own what is written: it is gone when the last peer has had it.
    let mut writer: Box<dyn ContentWriter> = world.store.writer().await?;
    let mut pieces = Pieces::of(content).await?;
    while let Some(piece) = pieces.next().await? {
        writer.write(&conversion.push(piece).map_err(unfit)?).await?;
    }
    writer.write(&conversion.finish().map_err(unfit)?).await?;
    Ok(writer.finish().await?)
}

/// Content, a piece at a time.
enum Pieces<'c> {
    Memory(std::slice::Chunks<'c, u8>),
    File { file: File, left: u64, buffer: Vec<u8> },
}

impl<'c> Pieces<'c> {
    async fn of(content: &'c Content) -> Result<Self, NoOffer> {
        Ok(match content {
            Content::Memory(bytes) => Pieces::Memory(bytes.chunks(CHUNK_BYTES)),
            Content::File(content) => {
                Pieces::File { file: open(content).await?, left: content.len, buffer: vec![0; CHUNK_BYTES] }
            }
        })
    }

    async fn next(&mut self) -> Result<Option<&[u8]>, NoOffer> {
        match self {
            Pieces::Memory(chunks) => Ok(chunks.next()),
            Pieces::File { left: 0, .. } => Ok(None),
            Pieces::File { file, left, buffer } => {
                let wanted = usize::try_from(*left).unwrap_or(usize::MAX).min(buffer.len());
                let count = file.read(&mut buffer[..wanted]).await.map_err(|error| unreadable(&error))?;
                if count == 0 {
                    return Err(unreadable(&"the file is shorter than it was"));
                }
                *left -= count as u64;
                Ok(Some(&buffer[..count]))
            }
        }
    }
}

async fn open(content: &ContentFile) -> Result<File, NoOffer> {
    crate::content::open(content).await.map_err(|error| unreadable(&error))
}

fn unreadable(why: &dyn std::fmt::Display) -> NoOffer {
    NoOffer::Trouble(Trouble::ours(format!("cannot read the content: {why}")))
}

/// Whether the header has a byte that needs SMTPUTF8; if its end is not found, as far as it was looked at.
async fn header_has_eight_bits(content: &Content) -> Result<bool, NoOffer> {
    let mut start = Vec::new();
    let head: &[u8] = match content {
        Content::Memory(bytes) => bytes,
        Content::File(content) => {
            let file = open(content).await?;
            file.take(HEADER_BYTES_MAX).read_to_end(&mut start).await.map_err(|error| unreadable(&error))?;
            &start
        }
    };
    Ok(!head[..header_end(head)].is_ascii())
}
