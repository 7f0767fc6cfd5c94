//! Text to tokens.

use std::borrow::Cow;

use super::error::{ExprError, Span};
use super::tree::BinaryOperator;

/// What one token is.
#[derive(Clone, PartialEq, Debug)]
pub(super) enum Token<'s> {
    /// A word: variable, function or constant.
    Name(&'s str),
    /// A whole number, also one with a unit of time (then in milliseconds).
    Integer(i64),
    /// A number with a point.
    Float(f64),
    /// A quoted text.
    Text(Cow<'s, str>),
    /// `$0`, `$1`, …
    Capture(u32),
    /// `$name`
    Global(&'s str),
    /// An operator between two operands; a minus may also stand before one.
    Operator(BinaryOperator),
    /// `||`
    Or,
    /// `&&`
    And,
    /// `!`
    Not,
    /// `(`
    Open,
    /// `)`
    Close,
    /// `[`
    OpenList,
    /// `]`
    CloseList,
    /// `,`
    Comma,
}

/// A token and where it stands.
#[derive(Clone, PartialEq, Debug)]
pub(super) struct Placed<'s> {
    pub(super) token: Token<'s>,
    pub(super) span: Span,
}

/// All tokens of a text. A `}` ends it; where it stood is the second part, if anything follows it.
pub(super) fn tokens(source: &str) -> Result<(Vec<Placed<'_>>, Option<Span>), ExprError> {
    let mut lexer = Lexer { source, at: 0 };
    let mut found = Vec::new();
    loop {
        lexer.skip_white_space();
        let start = lexer.at;
        let Some(first) = lexer.peek() else { return Ok((found, None)) };
        if first == '}' {
            let rest = Span::new(start, source.len());
            let ignored = !source[start + 1..].trim().is_empty();
            return Ok((found, ignored.then_some(rest)));
        }
        let token = lexer.token(first)?;
        found.push(Placed { token, span: Span::new(start, lexer.at) });
    }
}

struct Lexer<'s> {
    source: &'s str,
    at: usize,
}

impl<'s> Lexer<'s> {
    fn peek(&self) -> Option<char> {
        self.source[self.at..].chars().next()
    }

    fn skip_white_space(&mut self) {
        let rest = &self.source[self.at..];
        self.at += rest.len() - rest.trim_start_matches([' ', '\t', '\r', '\n']).len();
    }

    /// Takes `text` if it comes next.
    fn eat(&mut self, text: &str) -> bool {
        let found = self.source[self.at..].starts_with(text);
        if found {
            self.at += text.len();
        }
        found
    }

    fn token(&mut self, first: char) -> Result<Token<'s>, ExprError> {
        match first {
            '\'' | '"' => self.text(first),
            '0'..='9' => self.number(),
            '$' => self.capture(),
            c if is_word(c) => Ok(Token::Name(self.word())),
            _ => self.sign(first),
        }
    }

    fn word(&mut self) -> &'s str {
        let rest = &self.source[self.at..];
        let end = rest.find(|c| !is_word(c)).unwrap_or(rest.len());
        self.at += end;
        &rest[..end]
    }

    fn sign(&mut self, first: char) -> Result<Token<'s>, ExprError> {
        for (text, token) in SIGNS {
            if self.eat(text) {
                return Ok(token.clone());
            }
        }
        let span = Span::new(self.at, self.at + first.len_utf8());
        let error = ExprError::new(span, format!("the character {first:?} has no meaning here"));
        Err(match first {
            '\u{2018}' | '\u{2019}' | '\u{201c}' | '\u{201d}' => error.hint("quotes must be ' or \""),
            '?' => error.hint("a choice is written if_then(condition, a, b)"),
            '~' => error.hint("regular expressions are written matches('^…$', value)"),
            _ => error,
        })
    }

    fn number(&mut self) -> Result<Token<'s>, ExprError> {
        let start = self.at;
        let word = self.word();
        let span = Span::new(start, self.at);
        let end = word.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(word.len());
        let (digits, unit) = word.split_at(end);
        let too_large = || ExprError::new(span, format!("the number {word} is too large"));
        if !unit.is_empty() {
            return duration(digits, unit, span).map(Token::Integer);
        }
        if !digits.contains('.') {
            return digits.parse().map(Token::Integer).map_err(|_| too_large());
        }
        match digits.parse::<f64>() {
            Ok(number) if number.is_finite() => Ok(Token::Float(number)),
            Ok(_) => Err(too_large()),
            Err(_) => Err(ExprError::new(span, format!("{word} is not a number"))
                .hint("addresses and names are written in quotes")),
        }
    }

    fn capture(&mut self) -> Result<Token<'s>, ExprError> {
        let start = self.at;
        let word = self.word();
        let span = Span::new(start, self.at);
        let name = &word[1..];
        if name.is_empty() {
            return Err(ExprError::new(span, "a $ must be followed by the number of a capture"));
        }
        if !name.bytes().all(|b| b.is_ascii_digit()) {
            return Ok(Token::Global(name));
        }
        let too_large = |_| ExprError::new(span, format!("there can be no capture {word}"));
        name.parse().map(Token::Capture).map_err(too_large)
    }

    /// The backslash is kept, so that regular expressions can be written as they are.
    fn text(&mut self, quote: char) -> Result<Token<'s>, ExprError> {
        let start = self.at;
        let body = start + 1;
        let mut text = Cow::Borrowed("");
        let mut plain_from = body;
        let mut chars = self.source[body..].char_indices();
        while let Some((offset, c)) = chars.next() {
            if c == quote {
                append(&mut text, &self.source[plain_from..body + offset]);
                self.at = body + offset + 1;
                return Ok(Token::Text(text));
            }
            if c == '\\'
                && let Some((_, escaped)) = chars.next()
                && let Some(control) = control(escaped)
            {
                append(&mut text, &self.source[plain_from..=body + offset]);
                text.to_mut().push(control);
                plain_from = body + offset + 2;
            }
        }
        let span = Span::new(start, self.source.len());
        Err(ExprError::new(span, format!("the text that begins here has no closing {quote}")))
    }
}

/// Longer signs before those that they begin with.
const SIGNS: &[(&str, Token<'static>)] = &[
    ("||", Token::Or),
    ("|", Token::Or),
    ("&&", Token::And),
    ("&", Token::And),
    ("==", Token::Operator(BinaryOperator::Equal)),
    ("=<", Token::Operator(BinaryOperator::AtMost)),
    ("=>", Token::Operator(BinaryOperator::AtLeast)),
    ("=", Token::Operator(BinaryOperator::Equal)),
    ("!=", Token::Operator(BinaryOperator::NotEqual)),
    ("!", Token::Not),
    ("<=", Token::Operator(BinaryOperator::AtMost)),
    ("<", Token::Operator(BinaryOperator::Below)),
    (">=", Token::Operator(BinaryOperator::AtLeast)),
    (">", Token::Operator(BinaryOperator::Above)),
    ("^", Token::Operator(BinaryOperator::Xor)),
    ("+", Token::Operator(BinaryOperator::Plus)),
    ("-", Token::Operator(BinaryOperator::Minus)),
    ("*", Token::Operator(BinaryOperator::Times)),
    ("/", Token::Operator(BinaryOperator::Over)),
    ("%", Token::Operator(BinaryOperator::Modulo)),
    ("(", Token::Open),
    (")", Token::Close),
    ("[", Token::OpenList),
    ("]", Token::CloseList),
    (",", Token::Comma),
];

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || matches!(c, '_' | '$' | '.')
}

fn control(escaped: char) -> Option<char> {
    match escaped {
        'n' => Some('\n'),
        'r' => Some('\r'),
        't' => Some('\t'),
        _ => None,
    }
}

fn append<'s>(text: &mut Cow<'s, str>, piece: &'s str) {
    if text.is_empty() {
        *text = Cow::Borrowed(piece);
    } else {
        text.to_mut().push_str(piece);
    }
}

/// A number of milliseconds from `10ms`, `5s`, `2m`, `1h`, `1d`.
fn duration(digits: &str, unit: &str, span: Span) -> Result<i64, ExprError> {
    let factor = match unit {
        "ms" => 1,
        "s" => 1_000,
        "m" => 60_000,
        "h" => 3_600_000,
        "d" => 86_400_000,
        _ => {
            return Err(ExprError::new(span, format!("{digits}{unit} is neither a number nor a duration"))
                .hint(
                    "durations have one unit of ms, s, m, h, d; names that begin with a digit are quoted",
                ));
        }
    };
    let number: i64 = digits.parse().map_err(|_| {
        ExprError::new(span, format!("{digits}{unit}: a duration is a whole number and a unit"))
    })?;
    number.checked_mul(factor).ok_or_else(|| ExprError::new(span, format!("{digits}{unit} is too long")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(source: &str, expected: &[Token<'_>]) {
        let (found, _) = tokens(source).expect(source);
        let found: Vec<_> = found.into_iter().map(|placed| placed.token).collect();
        assert_eq!(found, expected, "{source}");
    }

    #[test]
    fn reads_names_numbers_and_signs() {
        check(
            "rcpt_domain=<1",
            &[Token::Name("rcpt_domain"), Token::Operator(BinaryOperator::AtMost), Token::Integer(1)],
        );
        check(
            "\ta ||\r\n$1|$x",
            &[Token::Name("a"), Token::Or, Token::Capture(1), Token::Or, Token::Global("x")],
        );
        check(
            "1.5 2m 10ms 3d",
            &[Token::Float(1.5), Token::Integer(120_000), Token::Integer(10), Token::Integer(259_200_000)],
        );
        check("1}", &[Token::Integer(1)]);
    }

    #[test]
    fn keeps_the_backslash_of_an_escape() {
        check(r"'a\.b'", &[Token::Text(r"a\.b".into())]);
        check(r"'a\nb\t'", &[Token::Text("a\\\nb\\\t".into())]);
        check(r"'it\'s'", &[Token::Text(r"it\'s".into())]);
        check(r#""it's""#, &[Token::Text("it's".into())]);
        check(r"'a\\'", &[Token::Text(r"a\\".into())]);
        check("''", &[Token::Text("".into())]);
    }

    #[test]
    fn reports_what_is_no_token() {
        for (source, start, message) in [
            ("a # b", 2, "the character '#' has no meaning here"),
            ("a == 'b", 5, "the text that begins here has no closing '"),
            (r"'b\'", 0, "the text that begins here has no closing '"),
            ("1h30m", 0, "1h30m is neither a number nor a duration"),
            ("9223372036854775808", 0, "the number 9223372036854775808 is too large"),
            ("99999999999999999d", 0, "99999999999999999d is too long"),
            ("192.0.2.1", 0, "192.0.2.1 is not a number"),
            ("1 + $", 4, "a $ must be followed by the number of a capture"),
        ] {
            let error = tokens(source).expect_err(source);
            assert_eq!((error.span.start, error.message.as_str()), (start, message), "{source}");
        }
    }

    #[test]
    fn a_closing_brace_ends_the_text() {
        assert_eq!(tokens("a } b").map(|(found, rest)| (found.len(), rest)), Ok((1, Some(Span::new(2, 5)))));
    }
}
