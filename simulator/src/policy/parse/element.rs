//! A piece of JSON that knows where in the document it stands.

use crate::policy::error::{PolicyError, Rule};
use crate::policy::json::Json;
use crate::policy::statement::Selection;

/// A JSON value and its place.
pub(super) struct Element {
    place: String,
    value: Json,
}

/// The fields of an object, each taken at most once.
pub(super) struct Fields {
    place: String,
    fields: Vec<(String, Json)>,
}

impl Element {
    pub(super) fn new(place: impl Into<String>, value: Json) -> Self {
        Self { place: place.into(), value }
    }

    /// The same value under another place.
    pub(super) fn rename(self, place: &str) -> Self {
        Self { place: place.to_owned(), ..self }
    }

    /// The error that this element breaks `rule`.
    pub(super) fn refuse(&self, rule: Rule) -> PolicyError {
        PolicyError::new(self.place.as_str(), rule)
    }

    pub(super) fn is_text(&self) -> bool {
        matches!(self.value, Json::Text(_))
    }

    pub(super) fn text(&self) -> Result<&str, PolicyError> {
        match &self.value {
            Json::Text(text) => Ok(text),
            _ => Err(self.refuse(Rule::Type("a string"))),
        }
    }

    /// Reads the text; the reader's error says what the element takes.
    pub(super) fn read<T>(&self, read: impl FnOnce(&str) -> Result<T, &'static str>) -> Result<T, PolicyError> {
        let text = self.text()?;
        read(text).map_err(|wanted| self.refuse(Rule::Value(text.to_owned(), wanted)))
    }

    /// Numbers and booleans as the text they stand for: condition values may be written either way.
    pub(super) fn scalar(self) -> Result<Self, PolicyError> {
        let text = match self.value {
            Json::Text(text) | Json::Number(text) => text,
            Json::Bool(value) => value.to_string(),
            Json::Null | Json::List(_) | Json::Object(_) => {
                return Err(PolicyError::new(self.place, Rule::Type("a string, a number or a boolean")));
            }
        };
        Ok(Self { value: Json::Text(text), ..self })
    }

    /// The members of a list, or the element itself where one may stand without brackets.
    pub(super) fn zero_or_more(self) -> Vec<Self> {
        match self.value {
            Json::List(values) => {
                let place = self.place;
                let member = |(index, value)| Self::new(format!("{place}[{index}]"), value);
                values.into_iter().enumerate().map(member).collect()
            }
            _ => vec![self],
        }
    }

    /// As [`Element::zero_or_more`], but at least one.
    pub(super) fn one_or_many(self) -> Result<Vec<Self>, PolicyError> {
        if self.value == Json::List(Vec::new()) {
            return Err(self.refuse(Rule::Empty));
        }
        Ok(self.zero_or_more())
    }

    /// The entries of an object whose keys are free.
    pub(super) fn entries(self) -> Result<Vec<(String, Self)>, PolicyError> {
        let place = self.place;
        match self.value {
            Json::Object(fields) => {
                let entry = |(key, value): (String, Json)| {
                    let element = Self::new(format!("{place}.{key}"), value);
                    (key, element)
                };
                Ok(fields.into_iter().map(entry).collect())
            }
            _ => Err(PolicyError::new(place, Rule::Type("an object"))),
        }
    }

    /// The fields of an object that may have only those `known`.
    pub(super) fn fields(self, known: &[&str]) -> Result<Fields, PolicyError> {
        let Json::Object(fields) = self.value else {
            return Err(PolicyError::new(self.place, Rule::Type("an object")));
        };
        match fields.iter().find(|(key, _)| !known.contains(&key.as_str())) {
            Some((key, _)) => Err(PolicyError::new(self.place, Rule::UnknownField(key.clone()))),
            None => Ok(Fields { place: self.place, fields }),
        }
    }
}

impl Fields {
    pub(super) fn refuse(&self, rule: Rule) -> PolicyError {
        PolicyError::new(self.place.as_str(), rule)
    }

    pub(super) fn take(&mut self, name: &str) -> Option<Element> {
        let index = self.fields.iter().position(|(key, _)| key == name)?;
        let (key, value) = self.fields.swap_remove(index);
        Some(Element::new(format!("{}.{key}", self.place), value))
    }

    pub(super) fn required(&mut self, name: &'static str) -> Result<Element, PolicyError> {
        self.take(name).ok_or_else(|| self.refuse(Rule::MissingField(name)))
    }

    /// An element or its complement, never both.
    pub(super) fn either(
        &mut self,
        name: &'static str,
        complement: &'static str,
    ) -> Result<Option<Selection<Element>>, PolicyError> {
        match (self.take(name), self.take(complement)) {
            (Some(_), Some(_)) => Err(self.refuse(Rule::Conflict(name, complement))),
            (Some(element), None) => Ok(Some(Selection::Only(element))),
            (None, Some(element)) => Ok(Some(Selection::AllBut(element))),
            (None, None) => Ok(None),
        }
    }
}
