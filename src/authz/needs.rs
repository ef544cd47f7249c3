//! Which policies cannot be answered without knowing where an account is, or how it is tagged.

use cedar_policy::Policy;
use serde_json::Value;

/// What policies ask of the organization. If they ask for something that is not known, the answer is no: a `forbid` on an
/// organizational unit must not vanish because the tree is away.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TreeNeeds {
    /// Where accounts are, or what they are called: policies name units or the organization, or ask for `account_name`.
    pub units: bool,
    /// How accounts are tagged.
    pub tags: bool,
}

impl TreeNeeds {
    /// Whether the tree is needed at all.
    #[must_use]
    pub const fn any(self) -> bool {
        self.units || self.tags
    }

    /// What either needs.
    #[must_use]
    pub(super) const fn or(self, other: Self) -> Self {
        Self { units: self.units || other.units, tags: self.tags || other.tags }
    }

    /// What one policy needs. In doubt it needs more.
    pub(super) fn of(policy: &Policy) -> Self {
        let is_place = |name: &str| matches!(name, "Organization" | "OrganizationalUnit");
        let named = policy.entity_literals().iter().any(|uid| is_place(uid.type_name().basename()));
        let Ok(json) = policy.to_json() else { return Self { units: true, tags: true } };
        let Some(conditions) = json.get("conditions") else { return Self { units: named, tags: false } };
        Self { units: named || asks_for_name(conditions), tags: asks_for_tags(conditions) }
    }
}

/// Whether an account's tags are asked for: any tags but the caller's own.
fn asks_for_tags(json: &Value) -> bool {
    let of_another = |asked: &Value| asked.pointer("/left/Var").and_then(Value::as_str) != Some("principal");
    match json {
        Value::Object(fields) => fields.iter().any(|(key, value)| {
            (matches!(key.as_str(), "hasTag" | "getTag") && of_another(value)) || asks_for_tags(value)
        }),
        Value::Array(values) => values.iter().any(asks_for_tags),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => false,
    }
}

/// Whether a policy asks for the region of the request. A bucket's region may be left out, and is found only after the
/// decision: a `forbid` on it must not be dodged by leaving it out. In doubt it asks.
pub(super) fn asks_for_region(policy: &Policy) -> bool {
    let Ok(json) = policy.to_json() else { return true };
    json.get("conditions").is_some_and(|conditions| reads(conditions, "region"))
}

/// Whether a policy asks how far the grants of a policy may reach that is about to be installed. Only policies that know the
/// question can allow more than the organization: in doubt it does not ask.
pub(super) fn asks_for_exposure(policy: &Policy) -> bool {
    let Ok(json) = policy.to_json() else { return false };
    json.get("conditions").is_some_and(|conditions| reads(conditions, "accept_exposure"))
}

/// Whether an attribute of this name is read of anything but the resource: a queue has its region itself.
fn reads(json: &Value, attribute: &str) -> bool {
    let is_it = |attr: &Value| match attr {
        Value::String(name) => name == attribute,
        Value::Array(names) => names.iter().any(|name| name == attribute),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Object(_) => false,
    };
    match json {
        Value::Object(fields) => {
            let of_resource = json.pointer("/left/Var").and_then(Value::as_str) == Some("resource");
            (fields.get("attr").is_some_and(is_it) && !of_resource)
                || fields.values().any(|value| reads(value, attribute))
        }
        Value::Array(values) => values.iter().any(|value| reads(value, attribute)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => false,
    }
}

fn asks_for_name(json: &Value) -> bool {
    match json {
        Value::Object(fields) => fields.values().any(asks_for_name),
        Value::Array(values) => values.iter().any(asks_for_name),
        Value::String(text) => text == "account_name",
        Value::Null | Value::Bool(_) | Value::Number(_) => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn needs(condition: &str) -> (bool, bool) {
        let policy = format!("permit(principal, action, resource) when {{ {condition} }};");
        let TreeNeeds { units, tags } = TreeNeeds::of(&policy.parse().unwrap());
        (units, tags)
    }

    #[test]
    fn units_are_needed_wherever_one_is_named() {
        for condition in [
            "resource in Rootgate::OrganizationalUnit::\"ou-1\"",
            "resource.account in [Rootgate::Account::\"1\", Rootgate::Organization::\"o-1\"]",
            "!(if context.weekday > 5 then resource in Rootgate::OrganizationalUnit::\"ou-1\" else true)",
            "resource has account_name",
            "resource[\"account_name\"] == \"x\"",
            "resource.account.account_name like \"prod-*\"",
        ] {
            assert_eq!(needs(condition), (true, false), "{condition}");
        }
        for scope in ["in", "is Rootgate::Account in"] {
            let policy = format!("permit(principal, action, resource {scope} Rootgate::Organization::\"o-1\");");
            assert!(TreeNeeds::of(&policy.parse().unwrap()).units, "{scope}");
        }
    }

    #[test]
    fn the_region_of_the_request_is_asked_for_wherever_it_is_read() {
        let asks = |condition: &str| {
            let policy = format!("forbid(principal, action, resource) when {{ {condition} }};");
            asks_for_region(&policy.parse().unwrap())
        };
        for condition in [
            "context has region && context.region == \"us-east-1\"",
            "!(context has region)",
            "context[\"region\"] like \"us-*\"",
            "[true, context has region].contains(true)",
            "(if true then context else context) has region",
        ] {
            assert!(asks(condition), "{condition}");
        }
        for condition in ["true", "resource.region == \"us-east-1\"", "context.reason == \"region\""] {
            assert!(!asks(condition), "{condition}");
        }
    }

    #[test]
    fn the_exposure_is_asked_for_where_it_is_read() {
        let asks = |condition: &str| {
            let policy = format!("permit(principal, action, resource) when {{ {condition} }};");
            asks_for_exposure(&policy.parse().unwrap())
        };
        assert!(asks("context.accept_exposure == \"ORGANIZATION\""));
        assert!(asks("[\"ORGANIZATION\", \"PUBLIC\"].contains(context[\"accept_exposure\"])"));
        for condition in ["true", "context.mode == \"accept_exposure\"", "context.reason like \"PUBLIC*\""] {
            assert!(!asks(condition), "{condition}");
        }
    }

    #[test]
    fn tags_are_needed_unless_they_are_the_callers() {
        for condition in [
            "resource.hasTag(\"env\")",
            "resource.account.getTag(\"env\") == \"prod\"",
            "[true, resource.hasTag(\"env\")].contains(true)",
            "{ a: resource.hasTag(\"env\") }.a",
            "principal.hasTag(if resource.hasTag(\"env\") then \"a\" else \"b\")",
            "(if true then principal else principal).hasTag(\"env\")",
        ] {
            assert_eq!(needs(condition), (false, true), "{condition}");
        }
    }

    #[test]
    fn nothing_is_needed_else() {
        for condition in [
            "true",
            "principal.hasTag(\"trust_domain\") && principal.getTag(\"trust_domain\") == \"example.org\"",
            "resource in Rootgate::Account::\"1\" && principal in Rootgate::Group::\"OrganizationalUnit\"",
            "resource.name == \"hasTag\" && context.reason like \"*getTag*\"",
        ] {
            assert_eq!(needs(condition), (false, false), "{condition}");
        }
        let annotated = "@hasTag(\"account_name\") permit(principal, action, resource);";
        assert!(!TreeNeeds::of(&annotated.parse().unwrap()).any());
    }
}
