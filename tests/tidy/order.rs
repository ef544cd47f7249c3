//! What the gate does, in which order, and in whose task.

use crate::{
    none,
    source::{Source, one},
};

/// The body of a function.
fn body<'s>(source: &'s Source, name: &str) -> &'s str {
    let declared = format!("fn {name}");
    let found =
        source.code.match_indices(&declared).find(|(at, _)| source.code[at + declared.len()..].starts_with(['(', '<']));
    let (at, _) = found.unwrap_or_else(|| panic!("{} has no `{declared}`: move the check with the code", source.path));
    source.block(at).expect("a function has a body").0
}

fn out_of_order(source: &Source, function: &str, steps: &[&str]) -> Vec<String> {
    let body = body(source, function);
    let mut from = 0;
    for step in steps {
        match body[from..].find(step) {
            Some(at) => from += at + step.len(),
            None => {
                let steps = steps.join(", then ");
                return vec![format!(
                    "{}: `{function}` must do {steps}: `{step}` is missing or too early",
                    source.path
                )];
            }
        }
    }
    Vec::new()
}

const GATE: &str = "src/gate.rs";
const ACTS: &str = "src/gate/act.rs";
/// No durable intent, no act; no act without outcome.
const INTENT: [&str; 5] =
    ["self.earlier(", "self.reach(", "append(Event::Intent", "Ok(intent) => return Ok(self.act(", "Err(unrecorded("];
const ACT: [&str; 2] = ["O::act(", "append_until_durable(Event::Outcome"];
/// Who, what, whether they may, and only then what is known of the target.
const AUTHORIZE: [&str; 2] = ["operation.map_err(", "policies.authorize("];
/// Who it is and whose turn, before anything is looked at.
const DECIDE: [&str; 3] = ["self.admit(", "self.authorize(", "self.carry_out("];

#[test]
fn the_intent_is_durable_before_the_act_and_the_outcome_after() {
    let acts = one(ACTS);
    none(&out_of_order(acts, "carry_out", &INTENT));
    none(&out_of_order(acts, "act", &ACT));
    for once in ["O::act(", "self.act(", "append(Event::Intent"] {
        assert_eq!(acts.code.matches(once).count(), 1, "one place acts, so that one order holds: {once}");
    }
}

#[test]
fn authorization_comes_before_anything_that_only_the_authorized_may_learn() {
    none(&out_of_order(one(GATE), "decide", &DECIDE));
    none(&out_of_order(one(GATE), "authorize", &AUTHORIZE));
}

#[test]
fn the_decision_is_detached_from_the_caller() {
    let gate = one(GATE);
    for function in ["run", "refuse"] {
        none(&out_of_order(gate, function, &["self.detached("]));
        assert!(
            !body(gate, function).contains("self.slots"),
            "{function}: the slot belongs to the task, not to the caller"
        );
    }
    let steps = ["self.tasks.token()", "self.slots.take()?", "self.tasks.spawn(", "task.await"];
    none(&out_of_order(gate, "detached", &steps));
    assert_eq!(gate.code.matches("self.tasks.spawn(").count(), 1, "one place detaches");
}

#[test]
fn a_wrong_order_is_found() {
    let good = "fn carry_out<O>(&self) { self.earlier(r); self.reach(p); match self.journal.append(Event::Intent(x)) { \
                Ok(intent) => return Ok(self.act(p)), Err(e) => return Ok(Err(unrecorded(&e))) } }";
    let found = |text: &str| out_of_order(&Source::new(ACTS, text), "carry_out", &INTENT).len();
    assert_eq!(found(good), 0);
    assert_eq!(found(&good.replace("Ok(intent) => return", "_ => return")), 1, "a failed intent is ignored");
    assert_eq!(found(&good.replace("self.earlier(r); ", "")), 1, "nobody asks whether it was done before");
    let good = "fn act<O>(&self) { O::act(p); j.append_until_durable(Event::Outcome(o)); }";
    let found = |text: &str| out_of_order(&Source::new(ACTS, text), "act", &ACT).len();
    assert_eq!(found(good), 0);
    assert_eq!(found(&good.replace("O::act(p); ", "").replace("o)); }", "o)); O::act(p); }")), 1, "acts last");
    assert_eq!(found(&good.replace("append_until_durable", "append")), 1, "the outcome may be lost");
}
