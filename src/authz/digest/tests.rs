use proptest::prelude::*;

use super::*;
use crate::{
    authz::{Terms, Why, testing},
    types::{Kind, Region},
};

/// An operation whose parts are free.
#[derive(Clone, Debug, PartialEq)]
struct Act {
    target: Target,
    region: Option<Region>,
    why: Why,
    terms: Terms,
    arguments: Vec<(&'static str, Argument)>,
    particulars: Vec<(&'static str, String)>,
}

impl Ask for Act {
    const KIND: Kind = Kind::UnlockBucketPolicy;

    fn target(&self) -> Target {
        self.target.clone()
    }

    fn region(&self) -> Option<&Region> {
        self.region.as_ref()
    }

    fn why(&self) -> &Why {
        &self.why
    }

    fn terms(&self) -> Option<&Terms> {
        Some(&self.terms)
    }

    fn arguments(&self) -> Vec<(&'static str, Argument)> {
        self.arguments.clone()
    }

    fn particulars(&self) -> Vec<(&'static str, String)> {
        self.particulars.clone()
    }
}

fn act() -> Act {
    Act {
        target: testing::bucket(testing::PAYMENTS),
        region: None,
        why: Why { reason: "the deployment is locked out".parse().unwrap(), ticket: None },
        terms: Terms::default(),
        arguments: Vec::new(),
        particulars: Vec::new(),
    }
}

/// Written down, because digests are stored: those of before an upgrade have to be those of after.
#[test]
fn the_encoding_stays_the_same() {
    let text = Argument::Text("DELETE_POLICY".to_owned());
    let whole = Act {
        region: Some("eu-west-1".parse().unwrap()),
        why: Why { ticket: Some("SEC-1".parse().unwrap()), ..act().why },
        terms: Terms { etag: Some("1.ab.".parse().unwrap()), ..Terms::default() },
        arguments: vec![
            ("mode", text),
            ("seconds", Argument::Number(300)),
            ("kinds", Argument::Texts(["A", "B"].into())),
            ("accept", Argument::Flag(true)),
        ],
        particulars: vec![("statements", "\"A\", 1".to_owned())],
        ..act()
    };
    assert_eq!(
        OperationDigest::of(&act()).to_string(),
        "e680e51df640222a540c3c31aad83112695848cfa0a5aa27fca0785013f90c2b"
    );
    assert_eq!(
        OperationDigest::of(&whole).to_string(),
        "c52d0925c2e5235717bf6bcb8b919b3c3f5132a106a1bf033a56f01a058941fc"
    );
}

#[test]
fn how_a_request_is_handled_is_no_part_of_what_is_done() {
    let request_id = Some("5f0c6b3a-6f0e-4f5e-9a55-0d6a3c1b2e7f".parse().unwrap());
    let other = Act { terms: Terms { validate_only: true, etag: None, request_id }, ..act() };
    assert_eq!(OperationDigest::of(&act()), OperationDigest::of(&other));
}

#[test]
fn one_bucket_name_in_two_accounts_is_two_targets() {
    let other = Act { target: testing::bucket(testing::LOG_ARCHIVE), ..act() };
    assert_eq!(act().target().arn(), other.target().arn());
    assert_ne!(OperationDigest::of(&act()), OperationDigest::of(&other));
}

fn argument() -> impl Strategy<Value = Argument> {
    prop_oneof![
        "[a-b01]{0,3}".prop_map(Argument::Text),
        (0_i64..3).prop_map(Argument::Number),
        proptest::sample::subsequence(vec!["", "a", "ab", "b"], 0..=4)
            .prop_map(|texts| Argument::Texts(texts.into_iter().collect())),
        any::<bool>().prop_map(Argument::Flag),
    ]
}

prop_compose! {
    /// Few letters and short texts, so that parts would run into each other if nothing kept them apart.
    fn acts()(
        on_queue in any::<bool>(),
        region in proptest::option::of(prop_oneof![Just("eu-west-1"), Just("eu-west-2")]),
        reason in prop_oneof![Just("a reason"), Just("a reason 0")],
        ticket in proptest::option::of("[ab]{1,2}"),
        etag in proptest::option::of("[ab]{1,2}"),
        arguments in proptest::collection::vec((prop_oneof![Just("a"), Just("ab")], argument()), 0..3),
        particulars in proptest::collection::vec((prop_oneof![Just("a"), Just("ab")], "b?"), 0..3),
    ) -> Act {
        let target = if on_queue { testing::queue(testing::PAYMENTS) } else { testing::bucket(testing::PAYMENTS) };
        Act {
            target,
            region: region.map(|region| region.parse().unwrap()),
            why: Why { reason: reason.parse().unwrap(), ticket: ticket.map(|ticket| ticket.parse().unwrap()) },
            terms: Terms { etag: etag.map(|etag| etag.parse().unwrap()), ..Terms::default() },
            arguments,
            particulars,
        }
    }
}

/// One act, and another that differs from it in one part at most, so that each part has to tell them apart by itself.
fn pairs() -> impl Strategy<Value = (Act, Act)> {
    (acts(), acts(), 0..7).prop_map(|(one, fresh, part)| {
        let mut other = one.clone();
        match part {
            0 => other.target = fresh.target,
            1 => other.region = fresh.region,
            2 => other.why.reason = fresh.why.reason,
            3 => other.why.ticket = fresh.why.ticket,
            4 => other.terms.etag = fresh.terms.etag,
            5 => other.arguments = fresh.arguments,
            _ => other.particulars = fresh.particulars,
        }
        (one, other)
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4096))]

    #[test]
    fn two_operations_have_one_digest_only_if_they_are_the_same((one, other) in pairs()) {
        prop_assert_eq!(one == other, OperationDigest::of(&one) == OperationDigest::of(&other));
    }
}
