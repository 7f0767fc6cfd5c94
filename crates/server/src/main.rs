//! The program `waypost`.

use std::process::ExitCode;

mod assemble;
mod clock;
mod commands;
mod config;
mod demo;
mod descriptors;
mod dns_records;
mod explanation;
mod issuers;
mod log;
mod machine;
mod mailbox_access;
mod management;
mod message;
mod outbox;
mod secrets;
mod settings_file;
mod shutdown;
mod source_names;
mod starting;
mod stored_settings;
mod submit;
mod trial;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    commands::run()
}
