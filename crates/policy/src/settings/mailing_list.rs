//! `MailingList`: an address whose mail goes to many.

use std::collections::BTreeSet;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::json::fields;
use super::shape;

/// An address whose mail goes to its members.
#[derive(Clone, PartialEq, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct MailingList {
    /// The address that is written to, in a domain of ours.
    #[serde(deserialize_with = "fields::address")]
    #[schemars(with = "shape::AddressKey")]
    pub name: mail::Address,
    /// What the list is called for people; it stands in the field List-Id.
    #[serde(default, deserialize_with = "fields::optional_text")]
    #[schemars(with = "Option<shape::Text>")]
    pub description: Option<String>,
    /// Who gets the mail: accounts, other lists, or anybody elsewhere.
    #[serde(default, deserialize_with = "fields::addresses")]
    #[schemars(with = "BTreeSet<shape::Mailbox>")]
    pub members: Vec<mail::Address>,
    /// Who is written to about the list, and is told when a member cannot be reached.
    #[serde(deserialize_with = "fields::address")]
    #[schemars(with = "shape::Mailbox")]
    pub owner: mail::Address,
    /// Who may write to the list.
    #[serde(default)]
    pub allowed_senders: AllowedSenders,
    /// Addresses that may write to the list besides.
    #[serde(default, deserialize_with = "fields::addresses")]
    #[schemars(with = "BTreeSet<shape::Mailbox>")]
    pub senders: Vec<mail::Address>,
    /// Where answers go.
    #[serde(default)]
    pub reply_to: ReplyTo,
}

/// Who may write to a list.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Deserialize, JsonSchema, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum AllowedSenders {
    /// Everybody.
    Anyone,
    /// Members, the owner, and those named besides.
    #[default]
    Members,
    /// The owner, and those named besides.
    Named,
}

/// Where answers to mail of a list go.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Deserialize, JsonSchema, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum ReplyTo {
    /// To whoever wrote it, as they said; nothing is changed.
    #[default]
    Sender,
    /// To the list.
    List,
}
