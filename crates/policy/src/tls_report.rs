//! What do we report to a domain about the security of our connections to it, when and to whom? RFC 8460.

mod letter;
mod record;
mod report;
mod rules;
mod tally;

pub use letter::{Letter, accepted, envelope, letter};
pub use record::{Rua, destinations, record_name};
pub use report::{Report, file_name, packed};
pub use rules::{Author, Frequency, TlsReportRules, choose_author, choose_frequency};
pub use tally::{Period, Tally, due, period};
