//! Checks on single values, each failing with the value's line.

use toml::Spanned;
use toml::value::{Datetime, Offset};

use super::super::error::{ScenarioError, line_of};
use super::super::raw::Text;
use crate::policy::Document;

/// Checks values of one source text.
pub(super) struct Checker<'a> {
    source: &'a str,
}

impl<'a> Checker<'a> {
    pub(super) fn new(source: &'a str) -> Self {
        Self { source }
    }

    pub(super) fn fail<T>(&self, at: &Spanned<T>, message: String) -> ScenarioError {
        ScenarioError::new(Some(line_of(self.source, at.span().start)), message)
    }

    pub(super) fn account_id(&self, text: &Text) -> Result<String, ScenarioError> {
        let id = text.get_ref();
        if id.len() == 12 && id.bytes().all(|byte| byte.is_ascii_digit()) {
            return Ok(id.clone());
        }
        Err(self.fail(text, format!("{id:?} is no account id: write twelve digits in quotes")))
    }

    pub(super) fn organization_id(&self, text: &Text) -> Result<(), ScenarioError> {
        let rest = text.get_ref().strip_prefix("o-").unwrap_or_default();
        let fine =
            (10..=32).contains(&rest.len()) && rest.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit());
        if fine {
            return Ok(());
        }
        Err(self.fail(text, format!("{:?} is no organization id: write o- and 10 to 32 of a-z0-9", text.get_ref())))
    }

    pub(super) fn feature(&self, text: &Text) -> Result<String, ScenarioError> {
        match text.get_ref().as_str() {
            name @ ("RootCredentialsManagement" | "RootSessions") => Ok(name.to_owned()),
            other => Err(self.fail(
                text,
                format!("{other:?} is no root feature: there are \"RootCredentialsManagement\" and \"RootSessions\""),
            )),
        }
    }

    pub(super) fn region(&self, text: Text) -> Result<String, ScenarioError> {
        if crate::region::is_region(text.get_ref()) {
            return Ok(text.into_inner());
        }
        Err(self.fail(&text, format!("{:?} is no region: write one such as \"eu-west-1\"", text.get_ref())))
    }

    pub(super) fn access_key_id(&self, text: Text) -> Result<String, ScenarioError> {
        let id = text.get_ref();
        let fine =
            (16..=128).contains(&id.len()) && id.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
        if fine {
            return Ok(text.into_inner());
        }
        Err(self.fail(&text, format!("{id:?} is no access key id: write AKIA and 16 more of A-Z0-9")))
    }

    pub(super) fn policy(&self, text: Text) -> Result<String, ScenarioError> {
        match Document::parse(text.get_ref()) {
            Ok(_) => Ok(text.into_inner()),
            Err(error) => Err(self.fail(&text, format!("the policy that begins here is not one: {error}"))),
        }
    }

    pub(super) fn policies(&self, texts: Vec<Text>) -> Result<Vec<String>, ScenarioError> {
        texts.into_iter().map(|text| self.policy(text)).collect()
    }

    pub(super) fn maybe_policy(&self, text: Option<Text>) -> Result<Option<String>, ScenarioError> {
        text.map(|text| self.policy(text)).transpose()
    }

    /// TOML dates without time or offset are taken as UTC midnight or UTC.
    pub(super) fn time(&self, value: &Spanned<Datetime>) -> Result<i64, ScenarioError> {
        let written = value.get_ref();
        let full = match (written.time, written.offset) {
            (None, _) => format!("{written}T00:00:00Z"),
            (Some(_), None) => format!("{written}Z"),
            (Some(_), Some(Offset::Z | Offset::Custom { .. })) => written.to_string(),
        };
        crate::clock::parse_rfc3339(&full)
            .ok_or_else(|| self.fail(value, format!("{written} is no moment: write one such as 2023-05-01T12:00:00Z")))
    }

    pub(super) fn maybe_time(&self, value: Option<&Spanned<Datetime>>) -> Result<i64, ScenarioError> {
        value.map_or(Ok(super::LONG_AGO), |value| self.time(value))
    }
}
