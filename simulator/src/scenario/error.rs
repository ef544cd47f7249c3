//! What is wrong with a scenario, and where.

use std::fmt;
use std::path::{Path, PathBuf};

/// Why a scenario was refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ScenarioError {
    file: Option<PathBuf>,
    line: Option<usize>,
    message: String,
}

impl ScenarioError {
    /// The line that is to blame, counted from 1, if one is.
    pub fn line(&self) -> Option<usize> {
        self.line
    }

    pub(super) fn new(line: Option<usize>, message: String) -> Self {
        Self { file: None, line, message }
    }

    pub(super) fn from_toml(error: &toml::de::Error) -> Self {
        // The parser's own display already points at the line.
        Self::new(None, error.to_string().trim_end().to_owned())
    }

    pub(super) fn unreadable(path: &Path, error: &std::io::Error) -> Self {
        Self::new(None, format!("cannot be read: {error}")).in_file(path)
    }

    pub(super) fn in_file(mut self, path: &Path) -> Self {
        self.file = Some(path.to_owned());
        self
    }
}

impl fmt::Display for ScenarioError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "scenario")?;
        if let Some(file) = &self.file {
            write!(f, " {}", file.display())?;
        }
        if let Some(line) = self.line {
            write!(f, ", line {line}")?;
        }
        write!(f, ": {}", self.message)
    }
}

impl std::error::Error for ScenarioError {}

/// The line of a byte offset, counted from 1.
pub(super) fn line_of(text: &str, offset: usize) -> usize {
    text.bytes().take(offset).filter(|byte| *byte == b'\n').count() + 1
}
