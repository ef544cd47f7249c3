//! `[limits]`: how much callers may ask for, each of them and all of them.

use std::{collections::BTreeMap, ops::RangeInclusive};

use super::{
    error::{Fault, Reported},
    server::ServerConfig,
    suggest::nearest,
    table::Table,
    value::{Bounded, integer_within},
};
use crate::types::Kind;

/// How much callers may ask for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LimitsConfig {
    /// Of each caller.
    pub caller: CallerLimitsConfig,
    /// Of each kind of operation, over all callers. A kind that is not here has no limit of its own.
    pub operations: BTreeMap<Kind, RateConfig>,
}

/// How much one caller may ask for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CallerLimitsConfig {
    /// Operations in a minute, on average.
    pub operations_per_minute: u32,
    /// Operations at once after a rest.
    pub burst: u32,
    /// Operations that run at the same time.
    pub in_flight_max: usize,
    /// Refusals that the journal records one by one in a minute; the next record counts the others.
    pub refusals_recorded_per_minute: u32,
}

/// How often a kind of operation may run, over all callers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RateConfig {
    /// Times in a minute, on average.
    pub per_minute: u32,
    /// Times at once after a rest.
    pub burst: u32,
}

/// One a second: more than a person can, and enough for a platform that mends an account at a time.
const OPERATIONS_PER_MINUTE: Bounded<u32> = Bounded { default: 60, min: 1, max: 60_000 };
/// A script over the accounts of a team starts with a burst; AssumeRoot is paced behind it anyway.
const BURST: Bounded<u32> = Bounded { default: 20, min: 1, max: 10_000 };
/// An eighth of what the gate runs at the same time, so that no caller takes it from the others.
const IN_FLIGHT_MAX: Bounded<u32> = Bounded { default: 8, min: 1, max: 1024 };
/// Enough to see what a caller is trying; a loop of refusals must not fill the journal. Zero would hide it.
const REFUSALS_RECORDED_PER_MINUTE: Bounded<u32> = Bounded { default: 30, min: 1, max: 6000 };
/// Of a kind. There is no default: only the organization knows how often it needs what. A kind that nobody may ask for is
/// forbidden by policy, not by a rate of zero.
const PER_MINUTE: RangeInclusive<u32> = 1..=60_000;

impl LimitsConfig {
    pub(super) fn read(table: &Table<'_>, server: Option<&ServerConfig>) -> Result<Self, Reported> {
        let caller = table.section("caller", |caller| CallerLimitsConfig::read(caller, server));
        let operations = table.section("operations", read_operations);
        Ok(Self { caller: caller?, operations: operations? })
    }
}

impl CallerLimitsConfig {
    fn read(table: &Table<'_>, server: Option<&ServerConfig>) -> Result<Self, Reported> {
        let operations_per_minute = table.integer("operations_per_minute", &OPERATIONS_PER_MINUTE);
        let burst = table.integer("burst", &BURST);
        let in_flight_max = read_in_flight_max(table, server);
        let refusals = table.integer("refusals_recorded_per_minute", &REFUSALS_RECORDED_PER_MINUTE);
        let operations_per_minute = operations_per_minute?;
        // A default that is not written follows a rate that is lower.
        let burst = if table.has("burst") { burst? } else { burst?.min(operations_per_minute) };
        Ok(Self {
            operations_per_minute,
            burst,
            in_flight_max: in_flight_max?,
            refusals_recorded_per_minute: refusals?,
        })
    }
}

fn read_in_flight_max(table: &Table<'_>, server: Option<&ServerConfig>) -> Result<usize, Reported> {
    let in_flight_max = table.count("in_flight_max", &IN_FLIGHT_MAX)?;
    let all = server.map_or(in_flight_max, |server| server.limits.operations_in_flight_max);
    if !table.has("in_flight_max") {
        return Ok(in_flight_max.min(all));
    }
    let fault = Fault::new(
        "must not be more than server.limits.operations_in_flight_max, which is for all callers together",
        "lower it, or raise operations_in_flight_max",
    );
    table.check(in_flight_max <= all, &["in_flight_max"], fault)?;
    Ok(in_flight_max)
}

fn read_operations(table: &Table<'_>) -> Result<BTreeMap<Kind, RateConfig>, Reported> {
    let rates = table.sections(kind, |kind, rate| Ok((*kind, RateConfig::read(rate)?)))?;
    Ok(rates.into_iter().collect())
}

impl RateConfig {
    fn read(table: &Table<'_>) -> Result<Self, Reported> {
        const FIX: &str = "write `per_minute = 10`, or remove the section for no limit";
        let per_minute = table.required("per_minute", FIX, |value| {
            let (min, max) = PER_MINUTE.into_inner();
            let fault = || Fault::new(format!("must be from {min} to {max}"), FIX);
            integer_within(value, PER_MINUTE)?.ok_or_else(fault)
        });
        let burst = table.integer("burst", &BURST);
        let per_minute = per_minute?;
        let burst = if table.has("burst") { burst? } else { burst?.min(per_minute) };
        Ok(Self { per_minute, burst })
    }
}

fn kind(text: &str) -> Result<Kind, Fault> {
    let names = Kind::ALL.map(Kind::name);
    Kind::ALL.into_iter().find(|kind| kind.name() == text).ok_or_else(|| {
        let fix = nearest(text, &names).map(|name| format!("did you mean `{name}`?"));
        let rule = format!("must be a kind of operation: {}", names.join(", "));
        Fault::new(rule, fix.unwrap_or_else(|| "write the name of the RPC".to_owned()))
    })
}
