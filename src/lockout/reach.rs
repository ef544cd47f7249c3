//! How a part of a statement reaches an administrator who manages the policy.

use std::borrow::Cow;

use super::Verdict;
use super::json::{Node, Value};

/// The longest quotation of a policy in a sentence, in characters: longer than most ARNs, short enough to read.
const QUOTE_LENGTH_MAX: usize = 80;

/// The answer of one part of a statement, with the sentence that says why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Reach {
    /// Not understood, which no other part can make up for.
    Unclear(String),
    /// It never reaches an administrator.
    Never(String),
    /// It reaches some, or depends on what is not known here.
    Perhaps(String),
    /// It reaches every one. Mostly said in vain, so without an allocation where that is easy.
    Always(Cow<'static, str>),
}

/// The verdict on a statement whose parts must all reach: the first part of the most decisive kind says why.
pub(super) fn verdict(parts: Vec<Reach>) -> (Verdict, String) {
    let decisive = parts.iter().map(Reach::weight).min();
    let mut whys = parts.into_iter().filter(|part| Some(part.weight()) == decisive);
    match whys.next() {
        Some(Reach::Unclear(why) | Reach::Perhaps(why)) => (Verdict::MayLock, why),
        Some(Reach::Never(why)) => (Verdict::Harmless, why),
        Some(Reach::Always(why)) => {
            let rest = whys.filter_map(|part| if let Reach::Always(why) = part { Some(why) } else { None });
            (Verdict::Locks, std::iter::once(why).chain(rest).collect::<Vec<_>>().join("; "))
        }
        // A Deny without any filter would reach everybody.
        None => (Verdict::Locks, "nothing limits the statement".to_owned()),
    }
}

impl Reach {
    /// The order in which parts decide.
    fn weight(&self) -> u8 {
        match self {
            Self::Unclear(_) => 0,
            Self::Never(_) => 1,
            Self::Perhaps(_) => 2,
            Self::Always(_) => 3,
        }
    }
}

/// Whether a pattern fits what is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Fit {
    No,
    /// It depends on a variable, or on how AWS reads it.
    Maybe,
    Yes,
}

impl Fit {
    /// Whether any of several patterns fits.
    pub(super) fn any(fits: impl IntoIterator<Item = Self>) -> Self {
        fits.into_iter().max().unwrap_or(Self::No)
    }

    /// The same, or its opposite.
    pub(super) fn negate_if(self, negated: bool) -> Self {
        match self {
            Self::No if negated => Self::Yes,
            Self::Yes if negated => Self::No,
            _ => self,
        }
    }
}

/// A text or a list of at least one text; `None` for anything else.
pub(super) fn texts<'n>(node: &'n Node<'_>) -> Option<Vec<&'n str>> {
    let text = |node: &'n Node<'_>| if let Value::Text(text) = &node.value { Some(text.as_ref()) } else { None };
    match &node.value {
        Value::Text(text) => Some(vec![text]),
        Value::List(nodes) if !nodes.is_empty() => nodes.iter().map(text).collect(),
        _ => None,
    }
}

/// A text of the policy in quotes, shortened, and with everything escaped that could disturb a terminal or a log.
pub(super) fn quote(text: &str) -> String {
    // Escaping character by character is slow, and hardly ever needed.
    let is_plain = |byte: u8| (b' '..=b'~').contains(&byte) && !matches!(byte, b'"' | b'\\');
    if text.len() <= QUOTE_LENGTH_MAX && text.bytes().all(is_plain) {
        return ["\"", text, "\""].concat();
    }
    let end = if text.chars().nth(QUOTE_LENGTH_MAX).is_some() { "…\"" } else { "\"" };
    let escaped: String = text.chars().take(QUOTE_LENGTH_MAX).flat_map(char::escape_debug).collect();
    ["\"", &escaped, end].concat()
}
