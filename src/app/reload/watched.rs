//! What has been seen of one thing on disk, by digest.

/// What a look found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Found {
    /// What is in force.
    InForce,
    /// Something else, for the first time: it may still be being written.
    Unsettled,
    /// Something else, twice in succession.
    New,
}

/// What is in force, what was seen last, and what was seen and does not load.
#[derive(Debug)]
pub(super) struct Watched {
    in_force: String,
    seen: String,
    refused: Option<(String, String)>,
}

impl Watched {
    /// What has this digest is in force.
    pub(super) fn new(in_force: &str) -> Self {
        Self { in_force: in_force.to_owned(), seen: in_force.to_owned(), refused: None }
    }

    /// Looks at a digest.
    ///
    /// # Errors
    /// It is known not to load, and why.
    pub(super) fn see(&mut self, found: &str) -> Result<Found, String> {
        let seen_before = self.seen == found;
        found.clone_into(&mut self.seen);
        if found == self.in_force {
            return Ok(Found::InForce);
        }
        match &self.refused {
            Some((refused, why)) if refused == found => Err(why.clone()),
            _ if seen_before => Ok(Found::New),
            _ => Ok(Found::Unsettled),
        }
    }

    /// Remembers whether what was new could be put in force.
    pub(super) fn judged(&mut self, found: &str, loaded: &Result<(), String>) {
        match loaded {
            Ok(()) => found.clone_into(&mut self.in_force),
            // What could not be recorded is tried again; what is wrong in itself stays so.
            Err(why) if why.starts_with("it cannot be recorded") => {}
            Err(why) => self.refused = Some((found.to_owned(), why.clone())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_is_new_only_when_it_is_seen_twice_in_succession() {
        let mut watched = Watched::new("a");
        assert_eq!(watched.see("a"), Ok(Found::InForce));
        assert_eq!(watched.see("half"), Ok(Found::Unsettled));
        assert_eq!(watched.see("whole"), Ok(Found::Unsettled));
        assert_eq!(watched.see("whole"), Ok(Found::New));
        watched.judged("whole", &Ok(()));
        assert_eq!(watched.see("whole"), Ok(Found::InForce));
        assert_eq!(watched.see("a"), Ok(Found::Unsettled), "what was in force before is a change like any other");
    }

    #[test]
    fn what_does_not_load_is_not_loaded_again_and_what_was_not_recorded_is() {
        let mut watched = Watched::new("a");
        watched.see("bad").unwrap();
        watched.see("bad").unwrap();
        watched.judged("bad", &Err("syntax".to_owned()));
        assert_eq!(watched.see("bad"), Err("syntax".to_owned()));
        watched.see("good").unwrap();
        assert_eq!(watched.see("good"), Ok(Found::New));
        watched.judged("good", &Err("it cannot be recorded: disk full".to_owned()));
        assert_eq!(watched.see("good"), Ok(Found::New));
        assert_eq!(watched.see("bad"), Err("syntax".to_owned()));
    }
}
