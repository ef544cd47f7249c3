//! Wildcards: `*` for any run of characters, `?` for exactly one.

/// One step of a pattern.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Glob {
    /// This character and no other.
    Literal(char),
    /// `?`: one character, whichever.
    One,
    /// `*`: any number of characters, none included.
    Any,
}

impl Glob {
    fn accepts(self, character: char) -> bool {
        match self {
            Self::Literal(literal) => literal == character,
            Self::One => true,
            Self::Any => false,
        }
    }
}

/// Whether the whole of `text` fits `pattern`.
///
/// When a literal does not fit, only the latest `*` can help: an earlier one could at best reach the same place. So
/// there is no recursion, and at most `pattern.len() * text.len()` steps.
pub(super) fn matches(pattern: &[Glob], text: &str) -> bool {
    let mut wanted = pattern;
    let mut rest = text.chars();
    let mut resume: Option<(&[Glob], std::str::Chars<'_>)> = None;
    loop {
        if let [Glob::Any, after @ ..] = wanted {
            wanted = after;
            resume = Some((after, rest.clone()));
            continue;
        }
        let next = rest.next();
        match (wanted, next) {
            ([], None) => return true,
            ([glob, after @ ..], Some(character)) if glob.accepts(character) => wanted = after,
            // The text has ended, and a longer run for the latest `*` would only take more of it away.
            (_, None) => return false,
            (_, Some(_)) => {
                let Some((after, from)) = resume.as_mut() else {
                    return false;
                };
                // The run of the latest `*` grows by one character.
                if from.next().is_none() {
                    return false;
                }
                wanted = after;
                rest = from.clone();
            }
        }
    }
}
