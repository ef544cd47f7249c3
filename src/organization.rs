//! Keeps the organization's tree: from AWS, read again and again, or from a file.
//!
//! Policies that speak of units and tags rest on it. A tree that cannot be read again stays in force for a while and is
//! then none at all: an account may have been moved to where other rules hold. What is denied without a tree is decided
//! in `authz`; that there is none does not keep the gateway from starting, since AWS may be away for a minute.

mod refresh;

pub use refresh::{ReadTree, keep_fresh};

use std::{sync::Arc, time::Duration};

use tokio::time::Instant;

use crate::{
    authz::{Tree, TreeErrors},
    clock::Timestamp,
    types::Current,
};

/// Holds the tree that is in force.
#[derive(Debug)]
pub struct Keeper {
    source: Source,
    known: Current<Option<Known>>,
}

/// Where the tree comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Source {
    /// There is none: accounts are in no unit.
    Unused,
    /// A file, which is right until somebody changes it.
    InFile,
    /// AWS, believed for so long after it was read.
    Aws { stale_after: Duration },
}

/// A tree, and since when it is known to be so.
#[derive(Debug)]
struct Known {
    tree: Arc<Tree>,
    read_at: Moment,
}

/// A moment by both clocks. That of the wall can be set back, and the other may stand still while the machine sleeps.
#[derive(Clone, Copy, Debug)]
struct Moment {
    wall: Timestamp,
    steady: Instant,
}

impl Keeper {
    /// Without a tree (`organization.source = "none"`).
    #[must_use]
    pub fn unused() -> Self {
        Self { source: Source::Unused, known: Current::new(None) }
    }

    /// With the tree of a file's text (`organization.source = "file"`).
    ///
    /// # Errors
    /// Everything that is wrong with it.
    pub fn from_text(text: &str, now: Timestamp) -> Result<Self, TreeErrors> {
        let keeper = Self { source: Source::InFile, known: Current::new(None) };
        keeper.replace_from_text(text, now)?;
        Ok(keeper)
    }

    /// Without a tree until [`keep_fresh`] has read the first; each is believed for `stale_after`
    /// (`organization.source = "aws"`).
    #[must_use]
    pub fn of_aws(stale_after: Duration) -> Self {
        Self { source: Source::Aws { stale_after }, known: Current::new(None) }
    }

    /// Whether there should be a tree. If so and [`Keeper::tree`] has none, nobody knows where accounts are.
    #[must_use]
    pub fn is_used(&self) -> bool {
        self.source != Source::Unused
    }

    /// The tree in force; none if there is none yet, or if it was read too long ago.
    #[must_use]
    pub fn tree(&self, now: Timestamp) -> Option<Arc<Tree>> {
        let known = self.known.get();
        let known = (*known).as_ref()?;
        let fresh = match self.source {
            Source::Unused => false,
            Source::InFile => true,
            Source::Aws { stale_after } => known.read_at.age(now) <= stale_after,
        };
        fresh.then(|| Arc::clone(&known.tree))
    }

    /// Puts the tree of a file's text in force, and says whether it is another one. With errors, the old one stays.
    ///
    /// # Errors
    /// Everything that is wrong with it.
    pub fn replace_from_text(&self, text: &str, now: Timestamp) -> Result<bool, TreeErrors> {
        Tree::from_toml(text).map(|tree| self.replace(tree, Moment::of(now)))
    }

    /// Puts a tree in force, and says whether it is another one.
    fn replace(&self, tree: Tree, read_at: Moment) -> bool {
        let known = self.known.get();
        let same = (*known).as_ref().map(|known| &known.tree).filter(|known| known.sha256() == tree.sha256());
        let is_other = same.is_none();
        // Who compares trees by their address goes on with what it has made of this one.
        let tree = same.map_or_else(|| Arc::new(tree), Arc::clone);
        if is_other {
            tracing::info!(
                organization = tree.organization_id(),
                units = tree.units().len(),
                accounts = tree.accounts().len(),
                sha256 = tree.sha256(),
                "the organization's tree is in force"
            );
        }
        self.known.replace(Some(Known { tree, read_at }));
        is_other
    }

    /// How long ago the tree was read, whether it is still believed or not.
    fn age(&self, now: Timestamp) -> Option<Duration> {
        (*self.known.get()).as_ref().map(|known| known.read_at.age(now))
    }
}

impl Moment {
    /// This very moment, which is `now` by the clock of the wall.
    fn of(now: Timestamp) -> Self {
        Self { wall: now, steady: Instant::now() }
    }

    /// How long ago it was, by the clock that says more. A clock of the wall that was set back by a lot says a lot too: how
    /// long it was, nobody knows then.
    fn age(&self, now: Timestamp) -> Duration {
        let wall = Duration::from_micros(now.unix_micros().abs_diff(self.wall.unix_micros()));
        wall.max(self.steady.elapsed())
    }
}

#[cfg(test)]
mod tests;
