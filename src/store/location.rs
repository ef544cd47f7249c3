//! Where a journal is.

use std::{
    fmt,
    path::{Path, PathBuf},
};

/// Where a journal is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Location {
    /// In an SQLite file.
    File(PathBuf),
}

impl From<&Path> for Location {
    fn from(path: &Path) -> Self {
        Self::File(path.to_owned())
    }
}

impl From<&Self> for Location {
    fn from(location: &Self) -> Self {
        location.clone()
    }
}

impl From<&PathBuf> for Location {
    fn from(path: &PathBuf) -> Self {
        Self::File(path.clone())
    }
}

/// The path.
impl fmt::Display for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => path.display().fmt(f),
        }
    }
}
