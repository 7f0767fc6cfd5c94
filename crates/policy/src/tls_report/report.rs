//! What does a report look like? JSON, and how it is packed and named (RFC 8460 sections 4.4 and 5.1).

use std::io::{self, Write};
use std::time::Duration;

use flate2::Compression;
use flate2::write::GzEncoder;
use mail::Domain;
use serde_json::json;

use super::{Author, Period, Tally};

/// One report about one domain.
#[derive(Clone, Copy, Debug)]
pub struct Report<'a> {
    /// Whom it is about.
    pub domain: &'a Domain,
    /// The time it is about.
    pub period: Period,
    /// What was counted.
    pub tally: &'a Tally,
    /// In whose name it is written.
    pub author: &'a Author,
}

impl Report<'_> {
    /// Different for each report of this server, the same when it is written again.
    pub fn id(&self) -> String {
        format!("{}.{}@{}", self.period.start.as_secs(), self.domain, self.author.submitter)
    }

    /// The report.
    pub fn json(&self) -> String {
        let last = self.period.end.as_millis().saturating_sub(1000);
        let mut json = json!({
            "organization-name": self.author.organization,
            "date-range": {
                "start-datetime": self.period.start.rfc3339(),
                "end-datetime": mail::Timestamp::from_millis(last).rfc3339(),
            },
            "report-id": self.id(),
            "policies": self.tally.to_json(self.domain),
        });
        if let Some(contact) = &self.author.contact {
            json["contact-info"] = json!(contact);
        }
        json.to_string()
    }
}

/// The file name of a report: who sends it, about whom, from when to when.
pub fn file_name(report: &Report<'_>) -> String {
    let (sender, domain) = (&report.author.submitter, report.domain);
    let end =
        report.period.start.plus(Duration::from_secs(report.period.end.since(report.period.start).as_secs()));
    let last = end.as_secs().saturating_sub(1);
    format!("{sender}!{domain}!{}!{last}.json.gz", report.period.start.as_secs())
}

/// The report as it is sent: packed with gzip.
pub fn packed(report: &Report<'_>) -> io::Result<Vec<u8>> {
    let mut packer = GzEncoder::new(Vec::new(), Compression::default());
    packer.write_all(report.json().as_bytes())?;
    packer.finish()
}
