//! The command line as a client of the management API: it asks, and shows the answer. It decides nothing.
//!
//! `command.rs` lists the commands, `client` asks the server, `desk.rs` is where a command works. What a server or a
//! peer says never reaches the terminal raw: it goes through `paint::shown`.

mod app_passwords;
mod apply;
mod args;
pub mod client;
mod command;
mod desk;
mod failure;
mod house;
mod keys;
mod manual;
mod next_hops;
mod objects;
pub mod paint;
mod password;
mod people;
mod progress;
mod queue;
mod render;
mod revisions;
mod route;
mod schema;
mod time;
mod top;
mod trace;
pub mod transfer;
mod values;
mod verbs;

pub use args::{Output, Server};
pub use command::{Command, GROUPS, grouped, run};
pub use failure::{Failure, Kind};
pub use house::House;
