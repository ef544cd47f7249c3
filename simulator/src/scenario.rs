//! Scenarios: the world as a TOML file.

mod build;
mod error;
mod raw;

use std::path::Path;

pub use error::ScenarioError;

use crate::world::World;

/// The built-in scenario, as text.
const EXAMPLE: &str = include_str!("scenario/example.toml");

/// A world to start from, read from TOML or built in Rust.
#[derive(Debug, Clone, Default)]
pub struct Scenario {
    /// The world.
    pub world: World,
}

impl Scenario {
    /// Reads a scenario.
    ///
    /// # Errors
    ///
    /// When the text is not TOML, has unknown fields, or makes no sense as a world; with the line wherever there is one.
    pub fn parse(toml: &str) -> Result<Scenario, ScenarioError> {
        let raw: raw::File = toml::from_str(toml).map_err(|error| ScenarioError::from_toml(&error))?;
        build::world(raw, toml).map(|world| Scenario { world })
    }

    /// Reads a scenario file.
    ///
    /// # Errors
    ///
    /// When the file cannot be read, and as [`Self::parse`].
    pub fn load(path: &Path) -> Result<Scenario, ScenarioError> {
        let text = std::fs::read_to_string(path).map_err(|error| ScenarioError::unreadable(path, &error))?;
        Self::parse(&text).map_err(|error| error.in_file(path))
    }

    /// The built-in scenario: one organization with a locked-out bucket and queue, root credentials to clean up, and accounts
    /// that refuse for various reasons.
    pub fn example() -> Scenario {
        // A test holds that the shipped text parses.
        Self::parse(EXAMPLE).unwrap_or_default()
    }

    /// The text of [`Self::example`], to start a file of one's own from.
    pub fn example_toml() -> &'static str {
        EXAMPLE
    }
}

impl From<World> for Scenario {
    fn from(world: World) -> Self {
        Self { world }
    }
}

#[cfg(test)]
mod tests;
