//! The tree of an expression, as parsed; printed, it parses to the same tree.

use std::fmt;

use super::error::Span;

/// One node, with its place in the text. Two are equal if they say the same, wherever they stand.
#[derive(Clone, Debug)]
pub struct Expr {
    /// Where it stands.
    pub span: Span,
    /// What it is.
    pub node: Node,
}

/// What a node is.
#[derive(Clone, PartialEq, Debug)]
pub enum Node {
    /// A whole number; `true` is 1, `false` is 0, a duration is milliseconds.
    Integer(i64),
    /// A number with a point.
    Float(f64),
    /// A quoted text.
    Text(String),
    /// A word that is not called: variable or constant.
    Name(String),
    /// A capture of the last `matches`.
    Capture(u32),
    /// `$name`, always 0.
    Global(String),
    /// `!x`
    Not(Box<Expr>),
    /// `-x`
    Negate(Box<Expr>),
    /// `a || b || c`
    Any(Vec<Expr>),
    /// `a && b && c`
    All(Vec<Expr>),
    /// `a + b`
    Binary(BinaryOperator, Box<Expr>, Box<Expr>),
    /// `[a, b]`
    List(Vec<Expr>),
    /// `a[b]`
    Index(Box<Expr>, Box<Expr>),
    /// `f(a, b)`
    Call(String, Vec<Expr>),
}

/// An operator between two operands, but for `||` and `&&`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum BinaryOperator {
    /// `^`: one of both, but not both.
    Xor,
    /// `==`
    Equal,
    /// `!=`
    NotEqual,
    /// `in`: the right side is a list that has an element equal to the left side.
    In,
    /// `<`
    Below,
    /// `<=`
    AtMost,
    /// `>`
    Above,
    /// `>=`
    AtLeast,
    /// `+`
    Plus,
    /// `-`
    Minus,
    /// `*`
    Times,
    /// `/`
    Over,
    /// `%`
    Modulo,
}

/// How tightly `||` binds.
pub(super) const OR: u8 = 1;
/// How tightly `&&` binds.
pub(super) const AND: u8 = 2;
/// How tightly the unary operators bind.
const UNARY: u8 = 8;
/// How tightly indexing binds.
const POSTFIX: u8 = 9;

impl BinaryOperator {
    /// How tightly it binds.
    pub(super) fn precedence(self) -> u8 {
        match self {
            BinaryOperator::Xor => 3,
            BinaryOperator::Equal | BinaryOperator::NotEqual | BinaryOperator::In => 4,
            BinaryOperator::Below
            | BinaryOperator::AtMost
            | BinaryOperator::Above
            | BinaryOperator::AtLeast => 5,
            BinaryOperator::Plus | BinaryOperator::Minus => 6,
            BinaryOperator::Times | BinaryOperator::Over | BinaryOperator::Modulo => 7,
        }
    }

    pub(super) fn sign(self) -> &'static str {
        match self {
            BinaryOperator::Xor => "^",
            BinaryOperator::Equal => "==",
            BinaryOperator::NotEqual => "!=",
            BinaryOperator::In => "in",
            BinaryOperator::Below => "<",
            BinaryOperator::AtMost => "<=",
            BinaryOperator::Above => ">",
            BinaryOperator::AtLeast => ">=",
            BinaryOperator::Plus => "+",
            BinaryOperator::Minus => "-",
            BinaryOperator::Times => "*",
            BinaryOperator::Over => "/",
            BinaryOperator::Modulo => "%",
        }
    }
}

impl PartialEq for Expr {
    fn eq(&self, other: &Self) -> bool {
        self.node == other.node
    }
}

impl Expr {
    pub(super) fn new(span: Span, node: Node) -> Self {
        Expr { span, node }
    }

    /// The direct parts.
    pub fn parts(&self) -> Vec<&Expr> {
        match &self.node {
            Node::Integer(_)
            | Node::Float(_)
            | Node::Text(_)
            | Node::Name(_)
            | Node::Capture(_)
            | Node::Global(_) => Vec::new(),
            Node::Not(part) | Node::Negate(part) => vec![part],
            Node::Binary(_, left, right) | Node::Index(left, right) => vec![left, right],
            Node::Any(parts) | Node::All(parts) | Node::List(parts) | Node::Call(_, parts) => {
                parts.iter().collect()
            }
        }
    }

    fn precedence(&self) -> u8 {
        match &self.node {
            Node::Any(_) => OR,
            Node::All(_) => AND,
            Node::Binary(operator, ..) => operator.precedence(),
            Node::Not(_) | Node::Negate(_) => UNARY,
            Node::Name(_) | Node::Call(..) | Node::List(_) | Node::Index(..) => POSTFIX + 1,
            // They print without parentheses everywhere but before an index.
            Node::Integer(_) | Node::Float(_) | Node::Text(_) | Node::Capture(_) | Node::Global(_) => POSTFIX,
        }
    }

    /// Prints it, in parentheses if it binds less tightly than `min`.
    fn print(&self, f: &mut fmt::Formatter<'_>, min: u8) -> fmt::Result {
        if self.precedence() < min {
            f.write_str("(")?;
            self.print(f, 0)?;
            return f.write_str(")");
        }
        match &self.node {
            Node::Integer(number) => write!(f, "{number}"),
            Node::Float(number) if number.fract() == 0.0 => write!(f, "{number}.0"),
            Node::Float(number) => write!(f, "{number}"),
            Node::Text(text) => print_text(f, text),
            Node::Name(name) => f.write_str(name),
            Node::Capture(number) => write!(f, "${number}"),
            Node::Global(name) => write!(f, "${name}"),
            Node::Not(part) => {
                f.write_str("!")?;
                part.print(f, UNARY)
            }
            Node::Negate(part) => {
                f.write_str("-")?;
                part.print(f, UNARY)
            }
            Node::Any(parts) => print_list(f, parts, " || ", OR + 1),
            Node::All(parts) => print_list(f, parts, " && ", AND + 1),
            Node::Binary(operator, left, right) => {
                left.print(f, operator.precedence())?;
                write!(f, " {} ", operator.sign())?;
                right.print(f, operator.precedence() + 1)
            }
            Node::List(parts) => {
                f.write_str("[")?;
                print_list(f, parts, ", ", 0)?;
                f.write_str("]")
            }
            Node::Index(list, index) => {
                list.print(f, POSTFIX + 1)?;
                write!(f, "[{index}]")
            }
            Node::Call(name, arguments) => {
                write!(f, "{name}(")?;
                print_list(f, arguments, ", ", 0)?;
                f.write_str(")")
            }
        }
    }
}

fn print_list(f: &mut fmt::Formatter<'_>, parts: &[Expr], separator: &str, min: u8) -> fmt::Result {
    for (index, part) in parts.iter().enumerate() {
        if index > 0 {
            f.write_str(separator)?;
        }
        part.print(f, min)?;
    }
    Ok(())
}

/// Within a text one kind of quote is always escaped or absent: the kind that it was written with.
fn print_text(f: &mut fmt::Formatter<'_>, text: &str) -> fmt::Result {
    let mut escaped = false;
    let bare_single = text.chars().any(|c| {
        let bare = c == '\'' && !escaped;
        escaped = c == '\\' && !escaped;
        bare
    });
    let quote = if bare_single { '"' } else { '\'' };
    write!(f, "{quote}{text}{quote}")
}

impl fmt::Display for Expr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.print(f, 0)
    }
}
