//! Scan and stamp header fields: Received, Return-Path.

use std::net::IpAddr;

use crate::address::{Address, Domain, ReversePath};
use crate::time::Timestamp;

/// With which protocol a message came (RFC 3848, RFC 6531 section 4.3).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum With {
    /// HELO was said.
    Smtp,
    /// EHLO was said.
    Esmtp {
        /// Over TLS.
        tls: bool,
        /// Authenticated.
        authenticated: bool,
        /// With SMTPUTF8.
        utf8: bool,
    },
    /// LHLO was said.
    Lmtp {
        /// Over TLS.
        tls: bool,
        /// Authenticated.
        authenticated: bool,
        /// With SMTPUTF8.
        utf8: bool,
    },
}

/// What a `Received:` field says (RFC 5321 section 4.4).
#[derive(Clone, Copy, Debug)]
pub struct Received<'a> {
    /// The name that the client gave itself.
    pub helo: &'a str,
    /// Its address.
    pub client: IpAddr,
    /// Our host name.
    pub by: &'a Domain,
    /// How it came.
    pub with: With,
    /// What names it in our log.
    pub id: &'a str,
    /// The recipient, if there is only one.
    pub recipient: Option<&'a Address>,
    /// When.
    pub at: Timestamp,
}

impl Received<'_> {
    /// Appends the field, folded, CRLF at its end.
    pub fn append_to(&self, _out: &mut Vec<u8>) {
        todo!()
    }
}

/// What stands before the content in a mailbox: `Return-Path:` and `Delivered-To:`.
pub fn delivery_prefix(_reverse_path: &ReversePath, _delivered_to: &Address) -> Vec<u8> {
    todo!()
}

/// Where the header ends: after its last field, before the empty line. The length of all if there is no body.
pub fn header_end(_content: &[u8]) -> usize {
    todo!()
}

/// The values of the fields with this name, in order, folds and all, white space around taken off.
pub fn fields<'a>(_content: &'a [u8], _name: &'a str) -> impl Iterator<Item = &'a [u8]> {
    std::iter::empty()
}
