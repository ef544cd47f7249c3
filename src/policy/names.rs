//! What policies are called for people. An id is `FILE#ID`, and the file's path is long; as little of it is shown, and has
//! to be written, as tells policies apart.

use std::collections::BTreeSet;

use crate::types::Rule;

/// The ids of the loaded policies.
#[derive(Clone, Debug)]
pub(super) struct Names(BTreeSet<String>);

/// Nobody reads a longer list of what a name could have been.
const KNOWN_SHOWN_MAX: usize = 20;

impl Names {
    pub(super) fn new(ids: impl IntoIterator<Item = String>) -> Self {
        Self(ids.into_iter().collect())
    }

    /// The end of the path from the last `/` that tells the policy apart from all others.
    pub(super) fn short<'i>(&self, id: &'i str) -> &'i str {
        let path = id.rfind('#').unwrap_or(id.len());
        let starts = id.char_indices().rev().filter(|(at, c)| *at < path && *c == '/').map(|(at, _)| at + 1);
        let mut ends = starts.filter_map(|start| id.get(start..));
        ends.find(|end| self.0.iter().filter(|other| is_called(other, end)).count() == 1).unwrap_or(id)
    }

    /// The one policy of this name.
    ///
    /// # Errors
    /// None or several are called so.
    pub(super) fn find(&self, name: &str) -> Result<&str, Rule> {
        let mut found = self.0.iter().filter(|id| is_called(id, name));
        match (found.next(), found.next()) {
            (Some(id), None) => Ok(id),
            (Some(first), Some(second)) => {
                let words = format!("must name one policy: it may be {first} or {second} (write more of the path)");
                Err(Rule(words.into()))
            }
            (None, _) => Err(Rule(format!("must be the name of a policy (known: {})", self.known()).into())),
        }
    }

    fn known(&self) -> String {
        let mut known: Vec<&str> = self.0.iter().take(KNOWN_SHOWN_MAX).map(|id| self.short(id)).collect();
        if self.0.len() > KNOWN_SHOWN_MAX {
            known.push("…");
        }
        known.join(", ")
    }
}

/// Whether the name is the id, or the end of it behind a `/` of the path or behind the `#`.
fn is_called(id: &str, name: &str) -> bool {
    let before = id.strip_suffix(name).filter(|_| !name.is_empty());
    before
        .is_some_and(|before| before.is_empty() || before.ends_with('#') || before.ends_with('/') && name.contains('#'))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names() -> Names {
        Names::new(["p/a/x.cedar#one", "p/a/x.cedar#policy0", "p/b/x.cedar#policy0", "y.cedar#two"].map(str::to_owned))
    }

    #[test]
    fn as_little_is_shown_as_tells_policies_apart() {
        for (id, short) in [
            ("p/a/x.cedar#one", "x.cedar#one"),
            ("p/a/x.cedar#policy0", "a/x.cedar#policy0"),
            ("p/b/x.cedar#policy0", "b/x.cedar#policy0"),
            ("y.cedar#two", "y.cedar#two"),
        ] {
            assert_eq!(names().short(id), short);
            assert_eq!(names().find(short).unwrap(), id, "what is shown can be written");
        }
    }

    #[test]
    fn a_name_is_one_policy_or_none() {
        let names = names();
        for name in ["one", "x.cedar#one", "a/x.cedar#one", "p/a/x.cedar#one"] {
            assert_eq!(names.find(name).unwrap(), "p/a/x.cedar#one");
        }
        for name in ["policy0", "x.cedar#policy0"] {
            assert!(names.find(name).unwrap_err().to_string().contains("p/a/x.cedar#policy0 or p/b/x.cedar#policy0"));
        }
        for name in ["", "ne", "edar#one", "/x.cedar#one", "One", "x.cedar"] {
            assert!(names.find(name).unwrap_err().to_string().contains("known: "), "{name}");
        }
    }
}
