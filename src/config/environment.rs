//! The environment: read once, here and nowhere else.

use std::{collections::BTreeMap, fmt};

use super::Config;

/// The process's environment variables at one moment.
#[derive(Clone, Default)]
pub struct Environment {
    variables: BTreeMap<String, String>,
}

/// AWS endpoints come from a variable, although nobody typed out that root sessions may leave AWS.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "the environment redirects AWS calls, and with them root sessions: {} must not be set \
     (unset it; for a simulator use [aws.development] in the configuration)",
    .variables.join(", ")
)]
pub struct EndpointOverride {
    /// Names of the variables, sorted.
    pub variables: Vec<String>,
}

/// AWS SDKs and Tools Reference Guide, "Service-specific endpoints": this name, or this and `_` and a service.
const ENDPOINT_VARIABLE: &str = "AWS_ENDPOINT_URL";

/// Refuses variables that would send AWS calls elsewhere, unless the configuration says in full that they may go there.
///
/// # Errors
///
/// Any variable `AWS_ENDPOINT_URL` or `AWS_ENDPOINT_URL_*` is set, be it empty: how SDKs read an empty one differs.
pub fn refuse_endpoint_overrides(environment: &Environment, config: &Config) -> Result<(), EndpointOverride> {
    let service =
        |name: &str| name.strip_prefix(ENDPOINT_VARIABLE).is_some_and(|rest| rest.is_empty() || rest.starts_with('_'));
    let variables: Vec<String> = environment.variables.keys().filter(|name| service(name)).cloned().collect();
    if variables.is_empty() || config.aws.development.is_some() { Ok(()) } else { Err(EndpointOverride { variables }) }
}

impl Environment {
    /// The environment of this process. What is not UTF-8 is kept with replacement characters, so that a name which
    /// matters is seen all the same.
    #[must_use]
    pub fn of_process() -> Self {
        std::env::vars_os()
            .map(|(name, value)| (name.to_string_lossy().into_owned(), value.to_string_lossy().into_owned()))
            .collect()
    }

    /// A variable's value, if it is set.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&str> {
        self.variables.get(name).map(String::as_str)
    }
}

impl<N: Into<String>, V: Into<String>> FromIterator<(N, V)> for Environment {
    fn from_iter<I: IntoIterator<Item = (N, V)>>(variables: I) -> Self {
        Self { variables: variables.into_iter().map(|(name, value)| (name.into(), value.into())).collect() }
    }
}

/// Names only: values may be credentials.
impl fmt::Debug for Environment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.variables.keys()).finish()
    }
}
