//! The program `waypost` as a user meets it: commands, exit codes, texts, signals.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod access;
mod api;
mod ask;
mod backup;
mod canary;
mod check;
mod demo;
mod dkim;
mod examples;
mod explain;
mod fixture;
mod jmap;
mod jobs;
mod send;
mod serve;
mod settings;
