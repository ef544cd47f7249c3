//! Policy text with wildcards and policy variables: read once, filled in per request.
//!
//! Source: IAM User Guide, "IAM policy elements: Variables and tags".

use std::borrow::Cow;

use super::context::{Context, folded};
use super::glob::{self, Glob};

/// Longer than any condition key: a tag key has at most 128 characters, of at most four bytes.
const MAX_KEY_BYTES: usize = 1024;

/// What is special in a text; the rest stands for itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Syntax {
    /// `*` and `?` are wildcards.
    pub(super) wildcards: bool,
    /// `${...}` is a policy variable (documents of version 2012-10-17).
    pub(super) variables: bool,
}

/// One piece of a text.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Token {
    /// A character or a wildcard.
    Glob(Glob),
    /// A policy variable: the condition key in lower case, and what stands in when the request does not have it.
    Variable { key: String, default: Option<String> },
}

/// A text as a policy states it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Template {
    tokens: Vec<Token>,
}

impl Template {
    /// Reads a text. Every text is one: a `${` that opens no proper variable stands for itself.
    pub(super) fn parse(text: &str, syntax: Syntax) -> Self {
        let mut tokens = Vec::new();
        let mut rest = text;
        while let Some(character) = rest.chars().next() {
            if syntax.variables
                && let Some((token, after)) = variable(rest)
            {
                tokens.push(token);
                rest = after;
                continue;
            }
            tokens.push(Token::Glob(match character {
                '*' if syntax.wildcards => Glob::Any,
                '?' if syntax.wildcards => Glob::One,
                literal => Glob::Literal(literal),
            }));
            rest = rest.get(character.len_utf8()..).unwrap_or_default();
        }
        Self { tokens }
    }

    /// `*`: what every text fits.
    pub(super) fn anything() -> Self {
        Self { tokens: vec![Token::Glob(Glob::Any)] }
    }

    /// The pattern with every variable replaced by its value, which is taken literally. `None` when a variable has
    /// neither a value nor a default: such a text matches nothing.
    pub(super) fn fill(&self, context: &Context) -> Option<Vec<Glob>> {
        let mut pattern = Vec::with_capacity(self.tokens.len());
        for token in &self.tokens {
            match token {
                Token::Glob(glob) => pattern.push(*glob),
                Token::Variable { key, default } => {
                    let value = context.single(key).or(default.as_deref())?;
                    pattern.extend(value.chars().map(Glob::Literal));
                }
            }
        }
        Some(pattern)
    }

    /// Whether the whole of `text` fits.
    pub(super) fn matches(&self, text: &str, context: &Context) -> bool {
        self.fill(context).is_some_and(|pattern| glob::matches(&pattern, text))
    }

    /// As [`Template::matches`], without regard to the case of letters.
    pub(super) fn matches_ignoring_case(&self, text: &str, context: &Context) -> bool {
        self.fill(context).is_some_and(|pattern| {
            let pattern: Vec<Glob> = pattern.into_iter().flat_map(lowercase).collect();
            glob::matches(&pattern, &lowercase_text(text))
        })
    }
}

/// Character by character, so that a text and a pattern are always folded alike.
fn lowercase_text(text: &str) -> Cow<'_, str> {
    text.chars().flat_map(char::to_lowercase).collect::<String>().into()
}

fn lowercase(glob: Glob) -> Vec<Glob> {
    match glob {
        Glob::Literal(character) => character.to_lowercase().map(Glob::Literal).collect(),
        wildcard => vec![wildcard],
    }
}

/// The variable at the start of `text`, if there is one, and the text after it.
fn variable(text: &str) -> Option<(Token, &str)> {
    let inner = text.strip_prefix("${")?;
    for literal in ['*', '?', '$'] {
        if let Some(after) = inner.strip_prefix(literal).and_then(|rest| rest.strip_prefix('}')) {
            return Some((Token::Glob(Glob::Literal(literal)), after));
        }
    }
    // Looking no further than a key can reach keeps a text of nothing but "${" linear.
    let window = inner.get(..inner.floor_char_boundary(MAX_KEY_BYTES))?;
    let (key, rest) = inner.split_at_checked(window.find([',', '}'])?)?;
    let (default, after) = match rest.strip_prefix('}') {
        Some(after) => (None, after),
        None => {
            let quoted = rest.strip_prefix(',')?.trim_start_matches(' ').strip_prefix('\'')?;
            let (default, after) = quoted.split_once('\'')?;
            (Some(default.to_owned()), after.trim_start_matches(' ').strip_prefix('}')?)
        }
    };
    let key = key.trim();
    let named = !key.is_empty() && !key.contains(['$', '{', '*', '?']);
    named.then(|| (Token::Variable { key: folded(key), default }, after))
}
