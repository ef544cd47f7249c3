//! How a part of a statement reaches an administrator who manages the policy.

use super::Verdict;
use super::json::{Node, Value};

/// The longest quotation of a policy in a sentence, in characters: longer than most ARNs, short enough to read.
const QUOTE_LENGTH_MAX: usize = 80;

/// A sentence that is put into words only if it is shown: most parts of a statement do not decide.
pub(super) struct Words<'n>(Box<dyn FnOnce() -> String + 'n>);

/// The answer of one part of a statement, with the sentence that says why.
pub(super) enum Reach<'n> {
    /// Not understood, which no other part can make up for.
    Unclear(String),
    /// It never reaches an administrator.
    Never(Words<'n>),
    /// It reaches some, or depends on what is not known here.
    Perhaps(Words<'n>),
    /// It reaches every one.
    Always(Words<'n>),
}

/// The verdict on a statement whose parts must all reach: the first part of the most decisive kind says why.
pub(super) fn verdict(parts: Vec<Reach<'_>>) -> (Verdict, String) {
    let decisive = parts.iter().map(Reach::weight).min();
    let mut whys = parts.into_iter().filter(|part| Some(part.weight()) == decisive);
    match whys.next() {
        Some(Reach::Unclear(why)) => (Verdict::MayLock, why),
        Some(Reach::Perhaps(why)) => (Verdict::MayLock, why.say()),
        Some(Reach::Never(why)) => (Verdict::Harmless, why.say()),
        Some(Reach::Always(why)) => {
            let rest = whys.filter_map(|part| if let Reach::Always(why) = part { Some(why.say()) } else { None });
            (Verdict::Locks, std::iter::once(why.say()).chain(rest).collect::<Vec<_>>().join("; "))
        }
        // A Deny without any filter would reach everybody.
        None => (Verdict::Locks, "nothing limits the statement".to_owned()),
    }
}

impl<'n> Words<'n> {
    pub(super) fn new(say: impl FnOnce() -> String + 'n) -> Self {
        Self(Box::new(say))
    }

    fn say(self) -> String {
        (self.0)()
    }
}

impl From<&'static str> for Words<'_> {
    fn from(words: &'static str) -> Self {
        Self::new(|| words.to_owned())
    }
}

impl<'n> Reach<'n> {
    pub(super) fn never(why: impl FnOnce() -> String + 'n) -> Self {
        Self::Never(Words::new(why))
    }

    pub(super) fn perhaps(why: impl FnOnce() -> String + 'n) -> Self {
        Self::Perhaps(Words::new(why))
    }

    pub(super) fn always(why: impl FnOnce() -> String + 'n) -> Self {
        Self::Always(Words::new(why))
    }

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
