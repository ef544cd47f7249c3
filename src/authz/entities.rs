//! Turns a question into Cedar's words. Every value goes in as a value, never as policy text.
//!
//! Cedar gets the entities of this one question and no others: the caller with its groups, the action, the account with
//! the units around it, and the bucket, queue or journal; and of groups and units only those that a policy names. That is enough,
//! because policies cannot reach further: they are refused if they look into an entity that they name themselves (see
//! `source`).

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use cedar_policy::{
    Context, Entities, Entity, EntityId, EntityTypeName, EntityUid, ParseErrors, Request, RestrictedExpression, Schema,
};

use super::{
    Argument, JOURNAL, Placement, Principal, Question, Target,
    moment::{Moments, weekday},
    policies::Applicable,
    scope::Lineage,
};
use crate::types::AccountId;

/// Group name to the subjects in it.
pub type Groups = BTreeMap<String, BTreeSet<String>>;

/// Names of the schema's entity types. Parsed once: parsing costs more than a whole decision.
#[derive(Debug)]
pub(super) struct Vocabulary {
    action: EntityTypeName,
    caller: EntityTypeName,
    group: EntityTypeName,
    organization: EntityTypeName,
    unit: EntityTypeName,
    account: EntityTypeName,
    bucket: EntityTypeName,
    queue: EntityTypeName,
    journal: EntityTypeName,
    moments: Moments,
}

/// A question, ready for Cedar.
#[derive(Debug)]
pub(super) struct Case<'e> {
    /// What decides over it.
    pub(super) applicable: &'e Applicable,
    pub(super) request: Request,
    pub(super) entities: Entities,
    pub(super) lineage: Lineage,
}

impl Vocabulary {
    pub(super) fn new() -> Result<Self, Box<ParseErrors>> {
        Ok(Self {
            action: "Rootgate::Action".parse()?,
            caller: "Rootgate::Caller".parse()?,
            group: "Rootgate::Group".parse()?,
            organization: "Rootgate::Organization".parse()?,
            unit: "Rootgate::OrganizationalUnit".parse()?,
            account: "Rootgate::Account".parse()?,
            bucket: "Rootgate::Bucket".parse()?,
            queue: "Rootgate::Queue".parse()?,
            journal: "Rootgate::Journal".parse()?,
            moments: Moments::new(),
        })
    }

    /// The action of this name.
    pub(super) fn action(&self, name: &str) -> EntityUid {
        uid(&self.action, name)
    }

    /// Puts the question in Cedar's words. `groups` are all that the principal is in; a question that does not fit
    /// `schema` is an error.
    pub(super) fn case<'e>(
        &self,
        question: &Question,
        applicable: &'e Applicable,
        groups: &BTreeSet<&str>,
        placement: Option<&Placement<'_>>,
        schema: Option<&Schema>,
    ) -> Result<Case<'e>, String> {
        let lineage = self.lineage(question, applicable, groups, placement);
        let mut entities = vec![caller(&lineage, &question.principal)?];
        if let Some((uid, id)) = lineage.account.as_ref().zip(question.target.account()) {
            entities.push(account(uid, id, &lineage.places, placement, applicable)?);
        }
        entities.extend(inside(&lineage, &question.target)?);
        let (principal, resource) = (lineage.principal.clone(), lineage.resource.clone());
        let context = Context::from_pairs(self.context(question)).map_err(|error| error.to_string())?;
        let request = Request::new(principal, applicable.action.clone(), resource, context, schema);
        let request = request.map_err(|error| error.to_string())?;
        let entities = applicable.actions.clone().add_entities(entities, None).map_err(|error| error.to_string())?;
        Ok(Case { applicable, request, entities, lineage })
    }

    fn lineage(
        &self,
        question: &Question,
        applicable: &Applicable,
        groups: &BTreeSet<&str>,
        placement: Option<&Placement<'_>>,
    ) -> Lineage {
        let named = |id: &&str| applicable.policies.names(id);
        let account = question.target.account();
        let units = placement.into_iter().flat_map(|placement| &placement.units).map(|(id, _)| *id).filter(named);
        let organization = placement.map(|placement| placement.organization_id).filter(named);
        let organization = organization.map(|id| uid(&self.organization, id));
        Lineage {
            principal: uid(&self.caller, &question.principal.subject),
            groups: groups.iter().copied().filter(named).map(|name| uid(&self.group, name)).collect(),
            resource: match &question.target {
                Target::Account(account) => uid(&self.account, account.as_str()),
                Target::Bucket(..) => uid(&self.bucket, &question.target.arn()),
                Target::Queue(_) => uid(&self.queue, &question.target.arn()),
                Target::Journal(account) => uid(&self.journal, account.as_ref().map_or(JOURNAL, AccountId::as_str)),
            },
            account: account.map(|account| uid(&self.account, account.as_str())),
            places: units.map(|id| uid(&self.unit, id)).chain(organization).collect(),
        }
    }

    fn context(&self, question: &Question) -> Vec<(String, RestrictedExpression)> {
        let mut pairs = vec![
            ("reason", text(&question.reason)),
            ("scheme", text(question.principal.scheme.name())),
            ("listener", text(&question.principal.listener)),
            ("now", self.moments.at(question.now)),
            ("weekday", RestrictedExpression::new_long(weekday(question.now))),
        ];
        pairs.extend(question.ticket.as_ref().map(|ticket| ("ticket", text(ticket))));
        pairs.extend(question.region.as_ref().map(|region| ("region", text(region.as_str()))));
        pairs.extend(question.arguments.iter().map(|(name, argument)| (name.as_str(), expression(argument))));
        pairs.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
    }
}

fn caller(lineage: &Lineage, who: &Principal) -> Result<Entity, String> {
    let attributes = [("subject", who.subject.as_str()), ("scheme", who.scheme.name())];
    let attributes = attributes.map(|(key, value)| (key.to_owned(), text(value)));
    let tags = who.attributes.iter().map(|(key, value)| (key.clone(), text(value)));
    Entity::new_with_tags(lineage.principal.clone(), attributes, lineage.groups.iter().cloned(), tags)
        .map_err(|error| error.to_string())
}

fn account(
    uid: &EntityUid,
    id: AccountId,
    places: &[EntityUid],
    placement: Option<&Placement<'_>>,
    applicable: &Applicable,
) -> Result<Entity, String> {
    let member = placement.map(|placement| placement.member);
    let name = member.map(|member| ("account_name".to_owned(), text(&member.name)));
    let attributes = std::iter::once(("account_id".to_owned(), text(id.as_str()))).chain(name);
    // An account can have fifty; most policies look at none.
    let tags = member.filter(|_| applicable.needs.tags).into_iter().flat_map(|member| &member.tags);
    let tags = tags.map(|(key, value)| (key.clone(), text(value)));
    Entity::new_with_tags(uid.clone(), attributes, places.iter().cloned(), tags).map_err(|error| error.to_string())
}

/// What is not the account itself, if the act is about that.
fn inside(lineage: &Lineage, target: &Target) -> Result<Option<Entity>, String> {
    let (name, region) = match target {
        Target::Account(_) => return Ok(None),
        Target::Bucket(_, bucket) => (Some(bucket.as_str()), None),
        Target::Queue(queue) => (Some(queue.name.as_str()), Some(queue.region.as_str())),
        Target::Journal(_) => (None, None),
    };
    let account = lineage.account.clone().map(RestrictedExpression::new_entity_uid);
    let attributes = [("name", name.map(text)), ("account", account), ("region", region.map(text))];
    let attributes = attributes.into_iter().filter_map(|(key, value)| Some((key.to_owned(), value?)));
    let parents = lineage.account.iter().cloned().collect::<HashSet<_>>();
    let entity = Entity::new(lineage.resource.clone(), attributes.collect::<HashMap<_, _>>(), parents);
    entity.map(Some).map_err(|error| error.to_string())
}

fn uid(entity_type: &EntityTypeName, id: &str) -> EntityUid {
    EntityUid::from_type_name_and_id(entity_type.clone(), EntityId::new(id))
}

fn text(value: &str) -> RestrictedExpression {
    RestrictedExpression::new_string(value.to_owned())
}

fn expression(argument: &Argument) -> RestrictedExpression {
    match argument {
        Argument::Text(value) => text(value),
        Argument::Number(number) => RestrictedExpression::new_long(*number),
        Argument::Flag(flag) => RestrictedExpression::new_bool(*flag),
        Argument::Texts(texts) => RestrictedExpression::new_set(texts.iter().map(|value| text(value))),
    }
}

#[cfg(test)]
mod tests;
