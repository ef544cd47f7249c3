//! Turns caller, act and target into Cedar's words. Every value goes in as a value, never as policy text.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use cedar_policy::{
    Context, Entities, Entity, EntityId, EntityTypeName, EntityUid, Request, RestrictedExpression, Schema,
};

use crate::authn::Caller;

use super::{Argument, Ask, Target};

/// Group name to the subjects in it.
pub(super) type Groups = BTreeMap<String, BTreeSet<String>>;

/// The question and the entities that it is about.
pub(super) fn question<O: Ask>(
    operation: &O,
    caller: &Caller,
    groups: &Groups,
    schema: &Schema,
) -> Result<(Request, Entities), String> {
    let principal = uid("Caller", caller.subject())?;
    let action = uid("Action", O::KIND.name())?;
    let (resource, targets) = target_entities(&operation.target())?;
    let mut entities = vec![caller_entity(principal.clone(), caller, groups)?];
    entities.extend(targets);
    let context = Context::from_pairs(context_pairs(operation, caller)).map_err(|error| error.to_string())?;
    let request =
        Request::new(principal, action, resource, context, Some(schema)).map_err(|error| error.to_string())?;
    let entities = Entities::from_entities(entities, Some(schema)).map_err(|error| error.to_string())?;
    Ok((request, entities))
}

fn uid(entity_type: &str, id: &str) -> Result<EntityUid, String> {
    let name: EntityTypeName = format!("Rootgate::{entity_type}").parse().map_err(|error| format!("{error}"))?;
    Ok(EntityUid::from_type_name_and_id(name, EntityId::new(id)))
}

fn text(value: &str) -> RestrictedExpression {
    RestrictedExpression::new_string(value.to_owned())
}

fn caller_entity(principal: EntityUid, caller: &Caller, groups: &Groups) -> Result<Entity, String> {
    let member_of = |subjects: &BTreeSet<String>| subjects.contains(caller.subject());
    let parents: Result<HashSet<EntityUid>, String> =
        groups.iter().filter(|(_, subjects)| member_of(subjects)).map(|(name, _)| uid("Group", name)).collect();
    let attributes = [("subject", caller.subject()), ("scheme", caller.scheme().name())];
    let tags = caller.attributes().iter().map(|(key, value)| (key.clone(), text(value)));
    Entity::new_with_tags(principal, attributes.map(|(key, value)| (key.to_owned(), text(value))), parents?, tags)
        .map_err(|error| error.to_string())
}

/// The resource, and the entities that describe it and what it is in.
fn target_entities(target: &Target) -> Result<(EntityUid, Vec<Entity>), String> {
    let account_id = target.account();
    let account = uid("Account", account_id.as_str())?;
    let account_entity = entity(account.clone(), [("account_id", text(account_id.as_str()))].into(), None)?;
    let inside = |entity_type: &str, mut attributes: HashMap<&str, RestrictedExpression>| {
        attributes.insert("account", RestrictedExpression::new_entity_uid(account.clone()));
        let uid = uid(entity_type, &target.arn())?;
        Ok::<_, String>((uid.clone(), entity(uid, attributes, Some(account.clone()))?))
    };
    Ok(match target {
        Target::Account(_) => (account, vec![account_entity]),
        Target::Bucket(_, bucket) => {
            let (uid, bucket) = inside("Bucket", [("name", text(bucket.as_str()))].into())?;
            (uid, vec![account_entity, bucket])
        }
        Target::Queue(queue) => {
            let attributes = [("name", text(queue.name.as_str())), ("region", text(queue.region.as_str()))];
            let (uid, queue) = inside("Queue", attributes.into())?;
            (uid, vec![account_entity, queue])
        }
    })
}

fn entity(
    uid: EntityUid,
    attributes: HashMap<&str, RestrictedExpression>,
    parent: Option<EntityUid>,
) -> Result<Entity, String> {
    let attributes = attributes.into_iter().map(|(key, value)| (key.to_owned(), value)).collect();
    Entity::new(uid, attributes, parent.into_iter().collect()).map_err(|error| error.to_string())
}

fn context_pairs<O: Ask>(operation: &O, caller: &Caller) -> Vec<(String, RestrictedExpression)> {
    let why = operation.why();
    let mut pairs =
        vec![("reason".to_owned(), text(why.reason.as_str())), ("scheme".to_owned(), text(caller.scheme().name()))];
    pairs.extend(why.ticket.iter().map(|ticket| ("ticket".to_owned(), text(ticket.as_str()))));
    let arguments = operation.arguments().into_iter().map(|(name, argument)| (name.to_owned(), expression(&argument)));
    pairs.extend(arguments);
    pairs
}

fn expression(argument: &Argument) -> RestrictedExpression {
    match argument {
        Argument::Text(value) => text(value),
        Argument::Number(number) => RestrictedExpression::new_long(*number),
        Argument::Texts(texts) => RestrictedExpression::new_set(texts.iter().map(|value| text(value))),
    }
}
