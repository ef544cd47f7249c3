//! Where a journal is.

mod url;

pub use url::{Host, PostgresLocation};

use std::{
    fmt,
    path::{Path, PathBuf},
    str::FromStr,
};

/// Where a journal is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Location {
    /// In an SQLite file.
    File(PathBuf),
    /// In a PostgreSQL database.
    Postgres(Box<PostgresLocation>),
}

/// Why a text is no location.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{rule}: {fix}")]
pub struct LocationError {
    /// What is broken.
    pub rule: &'static str,
    /// What to write instead.
    pub fix: &'static str,
}

impl LocationError {
    const fn new(rule: &'static str, fix: &'static str) -> Self {
        Self { rule, fix }
    }
}

impl Location {
    /// Reads a path, or `postgresql://USER@HOST[:PORT]/DATABASE[?sslmode=…&sslrootcert=…]`. The password is the content of
    /// `password_file`, which a parameter of the URL may name instead. It is never part of the URL, so that URLs can be
    /// logged.
    ///
    /// # Errors
    /// When it is a URL that breaks a rule, or there is a password for a file. The text repeats nothing of the URL.
    pub fn parse(text: &str, password_file: Option<PathBuf>) -> Result<Self, LocationError> {
        if let Some(rest) = url::after_scheme(text)? {
            return Ok(Self::Postgres(Box::new(PostgresLocation::parse(rest, password_file)?)));
        }
        if text.is_empty() {
            return Err(LocationError::new("must not be empty", "name a file, or a postgresql:// URL"));
        }
        if password_file.is_some() {
            return Err(LocationError::new(
                "a password is for a PostgreSQL database, and the journal is a file",
                "leave out the password file, or give a postgresql:// URL",
            ));
        }
        Ok(Self::File(PathBuf::from(text)))
    }
}

/// Of a path, or of a URL that names its `password_file` itself.
impl FromStr for Location {
    type Err = LocationError;

    fn from_str(text: &str) -> Result<Self, LocationError> {
        Self::parse(text, None)
    }
}

impl From<&Path> for Location {
    fn from(path: &Path) -> Self {
        Self::File(path.to_owned())
    }
}

impl From<&PathBuf> for Location {
    fn from(path: &PathBuf) -> Self {
        Self::File(path.clone())
    }
}

impl From<&Self> for Location {
    fn from(location: &Self) -> Self {
        location.clone()
    }
}

/// The path, or the URL without its parameters.
impl fmt::Display for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => path.display().fmt(f),
            Self::Postgres(place) => place.fmt(f),
        }
    }
}
