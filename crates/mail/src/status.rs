//! What one side of an SMTP dialogue tells the other: reply codes and enhanced status codes.

use std::fmt;

/// An enhanced mail system status code, `class.subject.detail` (RFC 3463).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct EnhancedStatus {
    /// 2 success, 4 persistent transient failure, 5 permanent failure.
    pub class: u8,
    /// What it is about: 1 addressing, 2 mailbox, 3 mail system, 4 network, 5 protocol, 6 content, 7 policy.
    pub subject: u16,
    /// What exactly.
    pub detail: u16,
}

impl EnhancedStatus {
    /// A code from its three numbers.
    pub const fn new(class: u8, subject: u16, detail: u16) -> Self {
        EnhancedStatus { class, subject, detail }
    }

    /// Parses `5.1.1`; `None` for anything else (RFC 3463 section 2: up to three digits each).
    pub fn parse(text: &str) -> Option<Self> {
        let mut parts = text.split('.');
        let number = |part: Option<&str>, digits: usize| {
            let part = part?;
            let plain = !part.is_empty() && part.len() <= digits && part.bytes().all(|b| b.is_ascii_digit());
            plain.then(|| part.parse::<u16>().ok()).flatten()
        };
        let class = number(parts.next(), 1)?;
        let status = EnhancedStatus::new(
            u8::try_from(class).ok()?,
            number(parts.next(), 3)?,
            number(parts.next(), 3)?,
        );
        (matches!(status.class, 2 | 4 | 5) && parts.next().is_none()).then_some(status)
    }
}

impl fmt::Display for EnhancedStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{}", self.class, self.subject, self.detail)
    }
}

/// What the first digit of a reply code means (RFC 5321 section 4.2.1).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Severity {
    /// 2yz: done.
    Positive,
    /// 3yz: go on, more is expected.
    Intermediate,
    /// 4yz: not now.
    Transient,
    /// 5yz: no.
    Permanent,
}

/// Where in a dialogue with a next hop something happened.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Stage {
    /// Before our first command.
    Greeting,
    /// EHLO, HELO or LHLO.
    Hello,
    /// STARTTLS.
    StartTls,
    /// AUTH.
    Auth,
    /// RSET.
    Reset,
    /// MAIL FROM.
    Mail,
    /// RCPT TO.
    Rcpt,
    /// DATA, before any content.
    Data,
    /// The content, up to the reply to its end.
    Content,
}

impl fmt::Display for Stage {
    /// As people name it: `RCPT TO`, `end of data`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Stage::Greeting => "greeting",
            Stage::Hello => "EHLO",
            Stage::StartTls => "STARTTLS",
            Stage::Auth => "AUTH",
            Stage::Reset => "RSET",
            Stage::Mail => "MAIL FROM",
            Stage::Rcpt => "RCPT TO",
            Stage::Data => "DATA",
            Stage::Content => "end of data",
        })
    }
}

/// A whole SMTP reply, of one line or many.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Reply {
    /// 200…599.
    pub code: u16,
    /// The enhanced status code, when the reply began with one of the same class.
    pub enhanced: Option<EnhancedStatus>,
    /// The text without codes; lines are separated by `\n`. Never trusted: escape before showing.
    pub text: String,
}

impl Reply {
    /// A reply of one line.
    pub fn new(code: u16, enhanced: Option<EnhancedStatus>, text: impl Into<String>) -> Self {
        Reply { code, enhanced, text: text.into() }
    }

    /// What the code's first digit means. The basic code decides, whatever the enhanced one says.
    pub fn severity(&self) -> Severity {
        match self.code / 100 {
            2 => Severity::Positive,
            3 => Severity::Intermediate,
            4 => Severity::Transient,
            _ => Severity::Permanent,
        }
    }

    /// The status for a report: the enhanced code if it agrees with the basic one, else `c.0.0`.
    pub fn status(&self) -> EnhancedStatus {
        let class = u8::try_from(self.code / 100).unwrap_or(5);
        match self.enhanced {
            Some(enhanced) if enhanced.class == class => enhanced,
            _ => EnhancedStatus::new(
                if class == 2 {
                    2
                } else if class == 5 {
                    5
                } else {
                    4
                },
                0,
                0,
            ),
        }
    }
}

impl fmt::Display for Reply {
    /// One line: `550 5.1.1 no such user`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.code)?;
        if let Some(enhanced) = self.enhanced {
            write!(f, " {enhanced}")?;
        }
        if !self.text.is_empty() {
            write!(f, " {}", self.text.replace('\n', " "))?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parses_only_whole_codes() {
        assert_eq!(EnhancedStatus::parse("5.1.10"), Some(EnhancedStatus::new(5, 1, 10)));
        for bad in ["", "5", "5.1", "5.1.1.1", "3.0.0", "5.1.1000", "5.1.x", "+5.1.1", "5..1"] {
            assert_eq!(EnhancedStatus::parse(bad), None, "{bad}");
        }
    }

    // proves: E18
    #[test]
    fn basic_code_overrules_enhanced_code() {
        let reply = Reply::new(550, Some(EnhancedStatus::new(2, 1, 5)), "odd");
        assert_eq!(reply.severity(), Severity::Permanent);
        assert_eq!(reply.status(), EnhancedStatus::new(5, 0, 0));
    }
}
