//! Reading a document: from JSON to statements, with the place and the rule of every refusal.
//!
//! Source: IAM User Guide, "Grammar of the IAM JSON policy language".

mod element;

use super::condition::{Condition, Operand};
use super::document::MAX_DOCUMENT_BYTES;
use super::error::{PolicyError, Rule};
use super::json::{DUPLICATE_KEY, Json};
use super::operator::Operator;
use super::principal::Principal;
use super::resource::ResourcePattern;
use super::statement::{Effect, Selection, Statement};
use super::template::{Syntax, Template};
use element::Element;

type Parsed<T> = Result<T, PolicyError>;

/// The statements of a document.
pub(super) fn statements(text: &str) -> Parsed<Vec<Statement>> {
    let document = Element::new("document", json(text)?);
    let mut fields = document.fields(&["Version", "Id", "Statement"])?;
    let variables = variables_enabled(fields.take("Version"))?;
    if let Some(id) = fields.take("Id") {
        id.text()?;
    }
    let statements = fields.required("Statement")?.rename("Statement");
    statements.one_or_many()?.into_iter().map(|element| statement(element, variables)).collect()
}

fn json(text: &str) -> Parsed<Json> {
    if text.len() > MAX_DOCUMENT_BYTES {
        return Err(PolicyError::new("document", Rule::TooLong(MAX_DOCUMENT_BYTES)));
    }
    let refused = |rule| Err(PolicyError::new("document", rule));
    match serde_json::from_str::<Json>(text) {
        Ok(object @ Json::Object(_)) => Ok(object),
        Ok(_) => refused(Rule::NotJson("not an object".to_owned())),
        Err(error) => {
            let reason = error.to_string();
            match reason.strip_prefix(DUPLICATE_KEY) {
                Some(key) => refused(Rule::DuplicateKey(key.to_owned())),
                None => refused(Rule::NotJson(reason)),
            }
        }
    }
}

/// Policy variables came with version 2012-10-17. "If you do not include a Version element, the value defaults to
/// 2008-10-17".
fn variables_enabled(version: Option<Element>) -> Parsed<bool> {
    let Some(version) = version else {
        return Ok(false);
    };
    match version.text()? {
        "2012-10-17" => Ok(true),
        "2008-10-17" => Ok(false),
        other => Err(version.refuse(Rule::Value(other.to_owned(), "2012-10-17 or 2008-10-17"))),
    }
}

fn statement(element: Element, variables: bool) -> Parsed<Statement> {
    let mut fields = element.fields(&[
        "Sid",
        "Effect",
        "Principal",
        "NotPrincipal",
        "Action",
        "NotAction",
        "Resource",
        "NotResource",
        "Condition",
    ])?;
    if let Some(sid) = fields.take("Sid") {
        sid.text()?;
    }
    let effect = effect(&fields.required("Effect")?)?;
    let principals = fields.either("Principal", "NotPrincipal")?;
    if effect == Effect::Allow && matches!(principals, Some(Selection::AllBut(_))) {
        return Err(fields.refuse(Rule::Conflict("NotPrincipal", "Effect Allow")));
    }
    let Some(actions) = fields.either("Action", "NotAction")? else {
        return Err(fields.refuse(Rule::MissingField("Action")));
    };
    let resources = fields.either("Resource", "NotResource")?;
    // A policy that is attached to a resource need not name it (role trust policies do not); any other must.
    if resources.is_none() && principals.is_none() {
        return Err(fields.refuse(Rule::MissingField("Resource")));
    }
    Ok(Statement {
        effect,
        principals: principals.map(|selection| selection.try_map(self::principals)).transpose()?,
        actions: actions.try_map(|element| each(element, action))?,
        resources: resources
            .map(|selection| selection.try_map(|element| each(element, |text| resource(text, variables))))
            .transpose()?,
        conditions: fields.take("Condition").map_or(Ok(Vec::new()), |element| conditions(element, variables))?,
    })
}

fn effect(element: &Element) -> Parsed<Effect> {
    match element.text()? {
        "Allow" => Ok(Effect::Allow),
        "Deny" => Ok(Effect::Deny),
        other => Err(element.refuse(Rule::Value(other.to_owned(), "Allow or Deny"))),
    }
}

/// Reads every text of a list; the reader's error says what the element takes.
fn each<T>(element: Element, read: impl Fn(&str) -> Result<T, &'static str>) -> Parsed<Vec<T>> {
    element.one_or_many()?.into_iter().map(|element| element.read(&read)).collect()
}

/// `*`, or a service and a name that may hold wildcards. The case of neither matters.
fn action(text: &str) -> Result<Template, &'static str> {
    let vendor =
        |service: &str| !service.is_empty() && service.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
    let known = match text.split_once(':') {
        Some((service, name)) => (service == "*" || vendor(service)) && !name.is_empty(),
        None => text == "*",
    };
    if known {
        Ok(Template::parse(text, Syntax { wildcards: true, variables: false }))
    } else {
        Err("an action: it must be prefaced by a vendor, e.g. iam, sqs, s3")
    }
}

fn resource(text: &str, variables: bool) -> Result<ResourcePattern, &'static str> {
    ResourcePattern::parse(text, variables).ok_or("a resource: it must be in ARN format or \"*\"")
}

/// `"*"`, or an object of principals by type.
fn principals(element: Element) -> Parsed<Vec<Principal>> {
    let empty = element.refuse(Rule::Empty);
    if element.is_text() {
        return element.read(|text| {
            (text == "*").then(|| vec![Principal::Anyone]).ok_or("a principal: \"*\" or an object by type")
        });
    }
    let types = element.entries()?;
    if types.is_empty() {
        return Err(empty);
    }
    let mut listed = Vec::new();
    for (kind, element) in types {
        for element in element.one_or_many()? {
            listed.push(match kind.as_str() {
                "AWS" => element.read(|text| Principal::parse_aws(text).ok_or("an AWS principal"))?,
                "Service" | "Federated" | "CanonicalUser" => {
                    element.text()?;
                    Principal::Elsewhere
                }
                other => return Err(element.refuse(Rule::UnknownField(other.to_owned()))),
            });
        }
    }
    Ok(listed)
}

/// `{"StringEquals": {"aws:PrincipalAccount": ["111122223333"]}}`, flattened: all of them must hold.
fn conditions(element: Element, variables: bool) -> Parsed<Vec<Condition>> {
    let mut conditions = Vec::new();
    for (name, keys) in element.entries()? {
        let Some(operator) = Operator::parse(&name) else {
            return Err(keys.refuse(Rule::UnknownOperator(name)));
        };
        for (key, values) in keys.entries()? {
            let operand =
                |element: Element| element.scalar()?.read(|text| Operand::parse(operator.test, text, variables));
            let operands = values.zero_or_more().into_iter().map(operand).collect::<Parsed<Vec<_>>>()?;
            conditions.push(Condition::new(operator, &key, operands));
        }
    }
    Ok(conditions)
}
