//! How many calls had to wait for one another.

use super::Call;

/// The longest chain of calls each of which came after the one before had been answered: what a client waits for, one after
/// another. Calls under way at the same time count once.
///
/// Calls that a client sends at once overlap here only if they take longer than their way to the simulator. Give them time to:
/// `Fault::on("*", "*").latency(Duration::from_millis(50)).times(1000)`. Without it, the number can be too large, never too small.
#[must_use]
pub fn critical_path(calls: &[Call]) -> usize {
    let mut calls: Vec<(u64, u64)> = calls.iter().map(|call| (call.started, call.ended.unwrap_or(u64::MAX))).collect();
    // Taking whichever ends first leaves the most room for the rest: interval scheduling.
    calls.sort_unstable_by_key(|(_, ended)| *ended);
    let mut last = None;
    let mut length = 0;
    for (started, ended) in calls {
        if last.is_none_or(|last| started > last) {
            length += 1;
            last = Some(ended);
        }
    }
    length
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn calls(times: &[(u64, u64)]) -> Vec<Call> {
        let call = |(started, ended): &(u64, u64)| Call { started: *started, ended: Some(*ended), ..Call::default() };
        times.iter().map(call).collect()
    }

    #[test]
    fn parallel_calls_count_once() {
        assert_eq!(critical_path(&[]), 0);
        assert_eq!(critical_path(&calls(&[(0, 5), (1, 4), (2, 3)])), 1);
        assert_eq!(critical_path(&calls(&[(0, 1), (2, 6), (3, 7), (4, 5), (8, 9)])), 3);
    }

    #[test]
    fn calls_one_after_another_all_count_in_whatever_order_they_were_logged() {
        assert_eq!(critical_path(&calls(&[(4, 5), (0, 1), (2, 3)])), 3);
    }

    #[test]
    fn a_long_call_does_not_hide_the_short_ones_beside_it() {
        assert_eq!(critical_path(&calls(&[(0, 9), (1, 2), (3, 4), (5, 6)])), 3);
    }

    #[test]
    fn nothing_follows_a_call_that_has_no_answer_yet() {
        let held = Call { started: 0, ended: None, ..Call::default() };
        let later = Call { started: 1, ended: Some(2), ..Call::default() };
        assert_eq!(critical_path(&[held, later]), 1);
    }

    /// The definition itself, by trying all chains.
    fn longest_chain(times: &[(u64, u64)]) -> usize {
        let after = |end: u64| -> Vec<(u64, u64)> { times.iter().copied().filter(|(start, _)| *start > end).collect() };
        times.iter().map(|(_, end)| 1 + longest_chain(&after(*end))).max().unwrap_or(0)
    }

    proptest! {
        #[test]
        fn it_is_the_longest_chain(spans in prop::collection::vec((0_u64..20, 1_u64..8), 0..8)) {
            let times: Vec<(u64, u64)> = spans.into_iter().map(|(start, length)| (start, start + length)).collect();
            prop_assert_eq!(critical_path(&calls(&times)), longest_chain(&times));
        }
    }
}
