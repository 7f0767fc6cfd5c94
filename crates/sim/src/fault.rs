//! Which faults does the world know? Each is counted when it fires, so that no test rests on one that never does.

/// One way in which the world fails. The codes are those of the fault catalogue (`docs/faults.md`).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Fault {
    /// The node dies and starts again (A3–A10).
    Crash,
    /// A call to the store fails before anything was written.
    StoreBeforeCommit,
    /// A call to the store fails after all was written (M4).
    StoreAfterCommit,
    /// A call to the store is slow (A26).
    StoreSlow,
    /// The disk is full for a while (A22).
    StoreFull,
    /// The store has stopped for good, as after a sync that failed (A17).
    StoreStopped,
    /// The content of a message cannot be read (A18).
    ContentUnreadable,
    /// A task of ours dies of a bug (A31).
    Panic,
    /// The resolver fails for one question (C1).
    DnsFailed,
    /// The resolver fails for every question for a while (C19).
    DnsOutage,
    /// The resolver is slow.
    DnsSlow,
    /// The domain does not exist (C2).
    NoSuchDomain,
    /// The domain has no MX record, its address counts (C3).
    ImplicitMx,
    /// The domain takes no mail (C4).
    NullMx,
    /// A null MX beside others (C5).
    NullMxAmongOthers,
    /// An MX record names an address (C6).
    MxIsLiteral,
    /// An MX record names us (C9).
    MxIsUs,
    /// An MX host has a loopback address (C10).
    MxIsLoopback,
    /// The domain has more MX records than are tried (C11).
    ManyMx,
    /// The records change between attempts (C21).
    MxMoves,
    /// The connection is refused (D1).
    Refused,
    /// Nothing answers (D2).
    BlackHole,
    /// The connection is reset at some byte (D3–D5).
    Reset,
    /// The whole network is gone for a while (K7).
    NetworkOutage,
    /// An idle connection is closed (D10).
    IdleClosed,
    /// The peer says no for now (E1).
    Transient,
    /// The peer says no for ever (E2).
    Permanent,
    /// The peer says 421 and hangs up (E3).
    Closing,
    /// One transaction has recipients that are taken and others that are not (E4).
    Mixed,
    /// The reply is not one (E6–E8).
    Malformed,
    /// 250 to DATA (E9).
    WrongIntermediate,
    /// 552 at RCPT (E13).
    TooManyRecipients552,
    /// 452 after so many recipients (E14).
    TooManyRecipients452,
    /// The message is larger than the peer's SIZE (E15).
    SizeExceeded,
    /// No PIPELINING is offered.
    NoPipelining,
    /// No extension at all is offered (E16).
    NoExtensions,
    /// Greylisting (E21).
    Greylisted,
    /// The reply takes long, but comes in time (E24).
    SlowReply,
    /// The reply never comes.
    Silence,
    /// The peer hangs up before the final dot (D4).
    DropBeforeDot,
    /// The peer takes the message and hangs up before it says so (D5).
    DropAfterDot,
    /// LMTP: each recipient gets a reply of its own (G1).
    LmtpMixed,
    /// LMTP: fewer replies than recipients, then the end (G1).
    LmtpFewerReplies,
    /// The configuration changes while mail is queued (J8).
    Rerouted,
    /// The client hangs up somewhere in its message (A2).
    ClientVanishes,
    /// 354 although no recipient was taken (E5).
    Credulous,
    /// The wall clock is set wrong while the node runs (B1, B2).
    ClockLeap,
}

impl Fault {
    /// All of them.
    pub const ALL: [Fault; 47] = [
        Fault::Crash,
        Fault::StoreBeforeCommit,
        Fault::StoreAfterCommit,
        Fault::StoreSlow,
        Fault::StoreFull,
        Fault::StoreStopped,
        Fault::ContentUnreadable,
        Fault::Panic,
        Fault::DnsFailed,
        Fault::DnsOutage,
        Fault::DnsSlow,
        Fault::NoSuchDomain,
        Fault::ImplicitMx,
        Fault::NullMx,
        Fault::NullMxAmongOthers,
        Fault::MxIsLiteral,
        Fault::MxIsUs,
        Fault::MxIsLoopback,
        Fault::ManyMx,
        Fault::MxMoves,
        Fault::Refused,
        Fault::BlackHole,
        Fault::Reset,
        Fault::NetworkOutage,
        Fault::IdleClosed,
        Fault::Transient,
        Fault::Permanent,
        Fault::Closing,
        Fault::Mixed,
        Fault::Malformed,
        Fault::WrongIntermediate,
        Fault::TooManyRecipients552,
        Fault::TooManyRecipients452,
        Fault::SizeExceeded,
        Fault::NoPipelining,
        Fault::NoExtensions,
        Fault::Greylisted,
        Fault::SlowReply,
        Fault::Silence,
        Fault::DropBeforeDot,
        Fault::DropAfterDot,
        Fault::LmtpMixed,
        Fault::LmtpFewerReplies,
        Fault::Rerouted,
        Fault::ClientVanishes,
        Fault::Credulous,
        Fault::ClockLeap,
    ];
}
