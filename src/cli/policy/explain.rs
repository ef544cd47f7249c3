//! `rootgate policy explain`.

use std::{
    collections::{BTreeMap, BTreeSet},
    io::{self, Write},
};

use clap::Args;
use serde_json::{Value, json};

use super::{
    BAD, DIM, Exit, Failure, GOOD, NOTE, Output,
    grounds::{GroundsArgs, pair},
    refuse,
};
use crate::{
    authn::Scheme,
    authz::{AccountFacts, Deciding, Explanation, NearMiss, PlacementFacts, Principal, Question, Unmet},
    clock::{Clock, SystemClock, Timestamp},
    policy::{self, Acts, Given, Rules},
    types::{AccountId, BucketName, Kind, QueueRef, Reason, Region, Ticket, Violation, printable},
};

/// Arguments of `explain`.
#[derive(Args, Debug)]
pub(in crate::cli) struct ExplainArgs {
    #[command(flatten)]
    grounds: GroundsArgs,
    /// Who asks, as the journal shows it
    #[arg(long, value_name = "SUBJECT", value_parser = policy::subject)]
    caller: String,
    /// How that is proven: mtls, jwt, mesh or aws_iam
    #[arg(long, value_name = "SCHEME", default_value = "mtls", value_parser = policy::scheme)]
    scheme: Scheme,
    /// The listener that the call comes through
    #[arg(long, value_name = "NAME", default_value = "main")]
    listener: String,
    /// A group that the proof itself names; may be given several times
    #[arg(long = "in-group", value_name = "GROUP")]
    in_groups: Vec<String>,
    /// What else the proof says; may be given several times
    #[arg(long = "attribute", value_name = "NAME=VALUE", value_parser = pair)]
    attributes: Vec<(String, String)>,
    /// What is asked for, such as UnlockBucketPolicy
    #[arg(long, value_name = "KIND", value_parser = policy::kind)]
    operation: Kind,
    /// The account; a queue names its own, and the journal is asked about as a whole without one
    #[arg(long, value_name = "ACCOUNT_ID")]
    account: Option<AccountId>,
    /// The bucket
    #[arg(long, value_name = "NAME", conflicts_with = "queue")]
    bucket: Option<BucketName>,
    /// The queue
    #[arg(long, value_name = "ARN", value_parser = QueueRef::from_arn)]
    queue: Option<QueueRef>,
    /// The region, if the request names one for its bucket; a queue has its own
    #[arg(long, value_name = "REGION")]
    region: Option<Region>,
    /// An argument of the operation, such as mode=DELETE_POLICY; may be given several times
    #[arg(long = "argument", value_name = "NAME=VALUE", value_parser = pair)]
    arguments: Vec<(String, String)>,
    /// Why
    #[arg(long, value_name = "TEXT", default_value = "rootgate policy explain")]
    reason: Reason,
    /// A reference in a tracker
    #[arg(long, value_name = "TEXT")]
    ticket: Option<Ticket>,
    /// When, such as 2026-12-24T12:00:00Z; now if it is left out
    #[arg(long, value_name = "TIME", value_parser = policy::moment)]
    now: Option<Timestamp>,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

pub(super) fn run(args: &ExplainArgs, output: &mut Output<'_>) -> Result<Exit, Failure> {
    let question = args.question()?;
    let rules = match Rules::load(&args.grounds.load()?) {
        Ok(rules) => rules,
        Err(error) => return Err(refuse(&error, args.json, output)?),
    };
    let explanation = rules.explain(&question);
    if args.json {
        writeln!(output.out(), "{:#}", json(&question, &explanation, &rules))?;
    } else {
        text(&question, &explanation, &rules, output.out())?;
    }
    Ok(if explanation.allowed { Exit::Ok } else { Exit::Failure })
}

impl ExplainArgs {
    fn question(&self) -> Result<Question, Failure> {
        let principal = Principal {
            scheme: self.scheme,
            subject: self.caller.clone(),
            listener: self.listener.clone(),
            groups: self.in_groups.iter().cloned().collect(),
            attributes: self.attributes.iter().cloned().collect(),
        };
        let text = |(name, value): &(String, String)| (name.clone(), Given::Text(value.clone()));
        let acts = Acts {
            kinds: vec![self.operation],
            accounts: self.account.into_iter().collect(),
            bucket: self.bucket.clone(),
            queue: self.queue.clone(),
            region: self.region.clone(),
            reason: self.reason.clone(),
            ticket: self.ticket.clone(),
            arguments: self.arguments.iter().map(text).collect::<BTreeMap<_, _>>(),
            now: self.now.unwrap_or_else(|| SystemClock.now()),
        };
        let questions = acts.questions(&principal).map_err(|violations| {
            let option = |Violation { field, rule }: &Violation| match field.split_once('.') {
                Some((_, argument)) => format!("--argument {}: {rule}", printable(argument)),
                None => format!("--{field}: {rule}"),
            };
            Failure::new(Exit::Usage, violations.iter().map(option).collect::<Vec<_>>().join("\n"))
        })?;
        let one = questions.into_iter().next();
        one.ok_or_else(|| Failure::new(Exit::Usage, "say --account, and --bucket or --queue"))
    }
}

fn text(question: &Question, explanation: &Explanation, rules: &Rules, out: &mut dyn Write) -> io::Result<()> {
    let (word, style) = if explanation.allowed { ("ALLOWED", GOOD) } else { ("REFUSED", BAD) };
    writeln!(out, "{style}{word}{style:#}: {} {}", printable(&question.principal.subject), headline(question))?;
    grounds(question, explanation, rules, "  ", out)?;
    explanation.account.as_ref().map_or(Ok(()), |facts| account(facts, out))
}

/// The act of a question, in one line.
pub(super) fn headline(question: &Question) -> String {
    let (kind, arn, account) = (question.kind, question.target.arn(), question.target.account());
    // Names of buckets have no account in them; the other ARNs do.
    match account.filter(|account| !arn.contains(account.as_str())) {
        Some(account) => format!("{kind} on {arn} of {account}"),
        None => format!("{kind} on {arn}"),
    }
}

/// What decided, and which groups the caller is in.
pub(super) fn grounds(
    question: &Question,
    explanation: &Explanation,
    rules: &Rules,
    indent: &str,
    out: &mut dyn Write,
) -> io::Result<()> {
    for error in &explanation.errors {
        writeln!(out, "{indent}{BAD}not decided{BAD:#}: {}", printable(error))?;
    }
    for policy in &explanation.deciding {
        decided(&format!("{indent}decided by {}", policy.effect), policy, rules, out)?;
    }
    if explanation.deciding.is_empty() && explanation.errors.is_empty() {
        writeln!(out, "{indent}no policy permits it")?;
    }
    for NearMiss { policy, unmet } in rules.near_misses(question, explanation) {
        let what = match unmet {
            Unmet::Resource => "is for other resources",
            Unmet::Condition => "has a condition that does not hold",
            Unmet::Exposure => "does not ask for context.accept_exposure",
        };
        decided(&format!("{indent}{NOTE}nearly{NOTE:#}, but it {what}:"), &policy, rules, out)?;
    }
    let groups: Vec<String> = explanation.in_groups.iter().map(|group| printable(group)).collect();
    let groups = if groups.is_empty() { "no group".to_owned() } else { groups.join(", ") };
    writeln!(out, "{indent}the caller is in {groups}")
}

fn decided(what: &str, policy: &Deciding, rules: &Rules, out: &mut dyn Write) -> io::Result<()> {
    let (id, place) = (printable(rules.short(&policy.id)), printable(&policy.place));
    let description = policy.annotations.get("description").map(|text| format!(": {}", printable(text)));
    writeln!(out, "{what} {id} {DIM}({place}){DIM:#}{}", description.unwrap_or_default())
}

fn account(facts: &AccountFacts, out: &mut dyn Write) -> io::Result<()> {
    let Some(placement) = &facts.placement else {
        return writeln!(out, "  the account is in no organizational unit that is known here");
    };
    let PlacementFacts { organization_id, units, name, tags } = placement;
    let path = std::iter::once(organization_id.clone())
        .chain(units.iter().rev().map(|(id, name)| format!("{} ({id})", printable(name))));
    let path = path.collect::<Vec<_>>().join(" / ");
    writeln!(out, "  the account {:?} is in {path}", printable(name))?;
    let tags: Vec<String> =
        tags.iter().map(|(key, value)| format!("{}={}", printable(key), printable(value))).collect();
    if tags.is_empty() { Ok(()) } else { writeln!(out, "  its tags are {}", tags.join(", ")) }
}

fn json(question: &Question, explanation: &Explanation, rules: &Rules) -> Value {
    let Explanation { allowed, deciding, errors, in_groups, account } = explanation;
    let near = rules.near_misses(question, explanation);
    let near = near.iter().map(|NearMiss { policy, unmet }| {
        let unmet = match unmet {
            Unmet::Resource => "resource",
            Unmet::Condition => "condition",
            Unmet::Exposure => "exposure",
        };
        json!({ "policy": policy_json(policy), "unmet": unmet })
    });
    json!({
        "allowed": allowed,
        "caller": question.principal.subject,
        "operation": question.kind.name(),
        "resource": question.target.arn(),
        "now": question.now.to_string(),
        "deciding": deciding.iter().map(policy_json).collect::<Vec<_>>(),
        "near_misses": near.collect::<Vec<_>>(),
        "errors": errors,
        "in_groups": in_groups.iter().collect::<BTreeSet<_>>(),
        "account": account.as_ref().map(account_json),
    })
}

fn account_json(AccountFacts { id, placement }: &AccountFacts) -> Value {
    let placement = placement.as_ref().map(|PlacementFacts { organization_id, units, name, tags }| {
        // From the organization down, as people write paths.
        let units: Vec<Value> = units.iter().rev().map(|(id, name)| json!({ "id": id, "name": name })).collect();
        json!({ "organization": organization_id, "units": units, "name": name, "tags": tags })
    });
    json!({ "id": id.as_str(), "placement": placement })
}

/// A policy for machines.
pub(super) fn policy_json(policy: &Deciding) -> Value {
    let Deciding { id, effect, place, annotations } = policy;
    json!({ "id": id, "effect": effect.name(), "place": place, "annotations": annotations })
}
