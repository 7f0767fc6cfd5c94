//! Tokens to a tree, by precedence climbing.

use super::error::{ExprError, Span};
use super::token::{Placed, Token, tokens};
use super::tree::{AND, BinaryOperator, Expr, Node, OR};
use crate::limits::{EXPRESSION_BYTES_MAX, EXPRESSION_DEPTH_MAX, EXPRESSION_NODES_MAX};

/// A parsed text.
#[derive(Clone, PartialEq, Debug)]
pub(crate) struct Parsed {
    /// Its tree.
    pub(crate) expr: Expr,
    /// What stands after a closing brace and is therefore no part of it.
    pub(crate) ignored: Option<Span>,
}

/// Parses an expression.
pub(crate) fn parse(source: &str) -> Result<Parsed, ExprError> {
    let whole = Span::new(0, source.len());
    if source.len() > EXPRESSION_BYTES_MAX {
        let message = format!("the expression is longer than {EXPRESSION_BYTES_MAX} bytes");
        return Err(ExprError::new(Span::default(), message));
    }
    let (tokens, ignored) = tokens(source)?;
    if tokens.is_empty() {
        return Err(ExprError::new(whole, "the expression is empty"));
    }
    let mut parser = Parser { tokens: &tokens, at: 0, end: source.len(), depth: 0, nodes: 0 };
    let (expr, _) = parser.operation(0)?;
    match parser.next() {
        None => Ok(Parsed { expr, ignored }),
        Some(extra) => Err(unexpected(extra)),
    }
}

struct Parser<'t, 's> {
    tokens: &'t [Placed<'s>],
    at: usize,
    end: usize,
    /// How many callers are inside one another right now.
    depth: usize,
    nodes: usize,
}

/// A tree and how many levels it has.
type Tree = (Expr, usize);

impl<'t, 's> Parser<'t, 's> {
    fn peek(&self) -> Option<&'t Token<'s>> {
        self.tokens.get(self.at).map(|placed| &placed.token)
    }

    fn next(&mut self) -> Option<&'t Placed<'s>> {
        let placed = self.tokens.get(self.at);
        self.at += usize::from(placed.is_some());
        placed
    }

    fn here(&self) -> Span {
        self.tokens.get(self.at).map_or(Span::new(self.end, self.end), |placed| placed.span)
    }

    fn eat(&mut self, token: &Token<'_>) -> Option<Span> {
        let span = self.here();
        let found = self.peek() == Some(token);
        self.at += usize::from(found);
        found.then_some(span)
    }

    /// Makes a node over parts that have `levels` levels.
    fn grow(&mut self, span: Span, node: Node, levels: usize) -> Result<Tree, ExprError> {
        self.nodes += 1;
        if self.nodes > EXPRESSION_NODES_MAX {
            let message = format!("the expression has more than {EXPRESSION_NODES_MAX} parts");
            return Err(ExprError::new(span, message));
        }
        if levels >= EXPRESSION_DEPTH_MAX {
            return Err(too_deep(span));
        }
        Ok((Expr::new(span, node), levels + 1))
    }

    /// Operators that bind at least as tightly as `min`, and their operands. All associate to the left.
    fn operation(&mut self, min: u8) -> Result<Tree, ExprError> {
        self.depth += 1;
        if self.depth > EXPRESSION_DEPTH_MAX {
            return Err(too_deep(self.here()));
        }
        let mut left = self.unary()?;
        loop {
            left = match self.peek() {
                Some(Token::Or) if OR >= min => self.chain(left, &Token::Or)?,
                Some(Token::And) if AND >= min => self.chain(left, &Token::And)?,
                Some(token) => match operator(token).filter(|operator| operator.precedence() >= min) {
                    Some(operator) => self.binary(left, operator)?,
                    None => break,
                },
                None => break,
            };
        }
        self.depth -= 1;
        Ok(left)
    }

    fn binary(&mut self, left: Tree, operator: BinaryOperator) -> Result<Tree, ExprError> {
        self.at += 1;
        let (right, right_levels) = self.operation(operator.precedence() + 1)?;
        let (left, left_levels) = left;
        let span = left.span.to(right.span);
        self.grow(
            span,
            Node::Binary(operator, Box::new(left), Box::new(right)),
            left_levels.max(right_levels),
        )
    }

    /// `a || b || c` is one node, so that long lists of alternatives are not deep.
    fn chain(&mut self, first: Tree, sign: &Token<'_>) -> Result<Tree, ExprError> {
        let (first, mut levels) = first;
        let mut span = first.span;
        let mut parts = vec![first];
        let min = if *sign == Token::Or { OR + 1 } else { AND + 1 };
        while self.eat(sign).is_some() {
            let (part, part_levels) = self.operation(min)?;
            span = span.to(part.span);
            levels = levels.max(part_levels);
            parts.push(part);
        }
        let node = if *sign == Token::Or { Node::Any(parts) } else { Node::All(parts) };
        self.grow(span, node, levels)
    }

    fn unary(&mut self) -> Result<Tree, ExprError> {
        let mut signs = Vec::new();
        loop {
            let span = self.here();
            if self.eat(&Token::Not).is_some() {
                signs.push((span, true));
            } else if self.eat(&Token::Operator(BinaryOperator::Minus)).is_some() {
                signs.push((span, false));
            } else {
                break;
            }
        }
        let (mut operand, mut levels) = self.postfix()?;
        for (span, not) in signs.into_iter().rev() {
            let span = span.to(operand.span);
            let node = if not { Node::Not(Box::new(operand)) } else { Node::Negate(Box::new(operand)) };
            (operand, levels) = self.grow(span, node, levels)?;
        }
        Ok((operand, levels))
    }

    fn postfix(&mut self) -> Result<Tree, ExprError> {
        let (mut tree, indexable) = self.primary()?;
        while indexable && let Some(open) = self.eat(&Token::OpenList) {
            let (index, index_levels) = self.operation(0)?;
            let close = self.close(&Token::CloseList, "]", open)?;
            let (list, levels) = tree;
            let span = list.span.to(close);
            let node = Node::Index(Box::new(list), Box::new(index));
            tree = self.grow(span, node, levels.max(index_levels))?;
        }
        Ok(tree)
    }

    /// An operand without operators, and whether an index may follow it.
    fn primary(&mut self) -> Result<(Tree, bool), ExprError> {
        let end = Span::new(self.end, self.end);
        let Some(placed) = self.next() else {
            return Err(ExprError::new(end, "the expression ends where a value is expected"));
        };
        let span = placed.span;
        let (node, indexable) = match &placed.token {
            Token::Integer(number) => (Node::Integer(*number), false),
            Token::Float(number) => (Node::Float(*number), false),
            Token::Text(text) => (Node::Text(text.to_string()), false),
            Token::Capture(number) => (Node::Capture(*number), false),
            Token::Global(name) => (Node::Global((*name).to_owned()), false),
            Token::Name(name) => return self.name(name, span),
            Token::Open => return self.parentheses(span),
            Token::OpenList => {
                let (parts, levels, close) = self.arguments(&Token::CloseList, "]", span)?;
                return Ok((self.grow(span.to(close), Node::List(parts), levels)?, true));
            }
            Token::Operator(_)
            | Token::Or
            | Token::And
            | Token::Not
            | Token::Close
            | Token::CloseList
            | Token::Comma => return Err(unexpected(placed)),
        };
        Ok((self.grow(span, node, 0)?, indexable))
    }

    fn parentheses(&mut self, open: Span) -> Result<(Tree, bool), ExprError> {
        let ((expr, levels), close) = (self.operation(0)?, self.close(&Token::Close, ")", open)?);
        Ok(((Expr::new(open.to(close), expr.node), levels), true))
    }

    fn name(&mut self, name: &str, span: Span) -> Result<(Tree, bool), ExprError> {
        if let Some(open) = self.eat(&Token::Open) {
            let (arguments, levels, close) = self.arguments(&Token::Close, ")", open)?;
            let node = Node::Call(name.to_owned(), arguments);
            return Ok((self.grow(span.to(close), node, levels)?, true));
        }
        let (node, indexable) = match name {
            "true" => (Node::Integer(1), false),
            "false" => (Node::Integer(0), false),
            _ => (Node::Name(name.to_owned()), true),
        };
        Ok((self.grow(span, node, 0)?, indexable))
    }

    /// What stands between commas up to the closing sign; its span is the third part.
    fn arguments(
        &mut self,
        closing: &Token<'_>,
        sign: &str,
        open: Span,
    ) -> Result<(Vec<Expr>, usize, Span), ExprError> {
        let (mut parts, mut levels) = (Vec::new(), 0);
        if let Some(close) = self.eat(closing) {
            return Ok((parts, levels, close));
        }
        loop {
            let (part, part_levels) = self.operation(0)?;
            parts.push(part);
            levels = levels.max(part_levels);
            if self.eat(&Token::Comma).is_none() {
                let close = self.close(closing, sign, open)?;
                return Ok((parts, levels, close));
            }
        }
    }

    fn close(&mut self, closing: &Token<'_>, sign: &str, open: Span) -> Result<Span, ExprError> {
        if let Some(close) = self.eat(closing) {
            return Ok(close);
        }
        match self.next() {
            Some(other) => Err(unexpected(other).hint(format!("a {sign} was expected"))),
            None => Err(ExprError::new(open, format!("there is no closing {sign}"))),
        }
    }
}

fn operator(token: &Token<'_>) -> Option<BinaryOperator> {
    match token {
        Token::Operator(operator) => Some(*operator),
        Token::Name("in") => Some(BinaryOperator::In),
        _ => None,
    }
}

fn too_deep(span: Span) -> ExprError {
    ExprError::new(span, format!("the expression is nested more than {EXPRESSION_DEPTH_MAX} levels deep"))
}

fn unexpected(placed: &Placed<'_>) -> ExprError {
    let message = match &placed.token {
        Token::Name("and") => return ExprError::new(placed.span, "'and' has no meaning here").hint("&&"),
        Token::Name("or") => return ExprError::new(placed.span, "'or' has no meaning here").hint("||"),
        Token::Close => "there is no ( to this )",
        Token::CloseList => "there is no [ to this ]",
        Token::Comma => "a comma has no meaning here",
        Token::Operator(_) | Token::Or | Token::And => "a value is missing before this operator",
        Token::Name(_)
        | Token::Integer(_)
        | Token::Float(_)
        | Token::Text(_)
        | Token::Capture(_)
        | Token::Global(_)
        | Token::Not
        | Token::Open
        | Token::OpenList => "an operator is missing before this",
    };
    ExprError::new(placed.span, message)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Parses, and prints with every operation in parentheses.
    #[track_caller]
    fn check(source: &str, expected: &str) {
        fn show(expr: &Expr) -> String {
            let all = |parts: &[Expr], sign: &str| parts.iter().map(show).collect::<Vec<_>>().join(sign);
            match &expr.node {
                Node::Binary(operator, left, right) => {
                    format!("({} {} {})", show(left), operator.sign(), show(right))
                }
                Node::Any(parts) => format!("({})", all(parts, " || ")),
                Node::All(parts) => format!("({})", all(parts, " && ")),
                Node::Not(part) => format!("(!{})", show(part)),
                Node::Negate(part) => format!("(-{})", show(part)),
                Node::List(parts) => format!("[{}]", all(parts, ", ")),
                Node::Call(name, parts) => format!("{name}({})", all(parts, ", ")),
                Node::Index(list, index) => format!("{}[{}]", show(list), show(index)),
                _ => expr.to_string(),
            }
        }
        assert_eq!(show(&parse(source).expect(source).expr), expected, "{source}");
    }

    // proves: 5.16.3
    #[test]
    fn operators_bind_as_specified() {
        check("a + b * c - d", "((a + (b * c)) - d)");
        check("a || b && c ^ d == e < f + g", "(a || (b && (c ^ (d == (e < (f + g))))))");
        check("!a == b", "((!a) == b)");
        check("a - -b", "(a - (-b))");
        check("a - b - c", "((a - b) - c)");
        check("a - (b - c)", "(a - (b - c))");
        check("a & b | c", "((a && b) || c)");
        check("a = 'x'", "(a == 'x')");
        check("a='x'", "(a == 'x')");
        check("a % 2 * 3", "((a % 2) * 3)");
        check("a in ['x', 'y'] && b", "((a in ['x', 'y']) && b)");
        check("a[0] + f(b)[1] + (c)[2] + [1, -2][0]", "(((a[0] + f(b)[1]) + c[2]) + [1, (-2)][0])");
        check("f()", "f()");
        check("[1 + 2, !a, -3]", "[(1 + 2), (!a), (-3)]");
        check("true == false", "(1 == 0)");
        check("a || b || (c || d)", "(a || b || (c || d))");
    }

    #[test]
    fn errors_have_a_place() {
        for (source, start, message) in [
            ("", 0, "the expression is empty"),
            ("a +", 3, "the expression ends where a value is expected"),
            ("(a", 0, "there is no closing )"),
            ("f(a, [b)", 7, "there is no ( to this )"),
            ("a)", 1, "there is no ( to this )"),
            ("a b", 2, "an operator is missing before this"),
            ("a and b", 2, "'and' has no meaning here"),
            ("a == == b", 5, "a value is missing before this operator"),
            ("'a'[0]", 3, "an operator is missing before this"),
            ("f(,)", 2, "a comma has no meaning here"),
        ] {
            let error = parse(source).expect_err(source);
            assert_eq!((error.span.start, error.message.as_str()), (start, message), "{source}");
        }
    }

    // proves: J3
    #[test]
    fn size_is_bounded() {
        let deep = |open: &str, n: usize| open.repeat(n) + "a";
        for source in [deep("(", 5000), deep("!", 5000), deep("a[", 5000), deep("1+", 5000), deep("[", 5000)]
        {
            assert!(parse(&source).is_err());
        }
        assert!(parse(&"a".repeat(EXPRESSION_BYTES_MAX + 1)).is_err());
        assert!(parse(&deep("a||", 500)).is_ok());
    }

    proptest! {
        #[test]
        fn never_panics(source in ".{0,200}") {
            let _ = parse(&source);
        }

        #[test]
        fn what_is_printed_parses_to_the_same(source in "([a-c]|1|2\\.5|'x\"'|\"y'\"|\\$1|\\(|\\)|\\[|\\]|,|\\+|-|!|==| in |f\\(|&&|\\|\\||%|<){1,14}") {
            if let Ok(Parsed { expr, .. }) = parse(&source) {
                let printed = expr.to_string();
                let again = parse(&printed).map(|parsed| parsed.expr);
                prop_assert_eq!(again, Ok(expr), "{} printed as {}", source, printed);
            }
        }
    }
}
