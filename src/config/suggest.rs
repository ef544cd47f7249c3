//! "Did you mean": the nearest of the known keys.

/// Longer ones are no misspelling of any key, and the comparison takes time by their product.
const KEY_LENGTH_MAX: usize = 64;

/// The known key that `unknown` is most likely a misspelling of.
pub(super) fn nearest<'k>(unknown: &str, known: &[&'k str]) -> Option<&'k str> {
    if unknown.len() > KEY_LENGTH_MAX {
        return None;
    }
    let unknown = unknown.to_lowercase().replace('-', "_");
    // A third of the letters may be wrong, as in rustc.
    let distance_max = (unknown.chars().count() / 3).max(1);
    let distances = known.iter().map(|key| (distance(&unknown, key), *key));
    distances.filter(|(distance, _)| *distance <= distance_max).min().map(|(_, key)| key)
}

/// Levenshtein distance by characters in which swapped neighbours count once ("optimal string alignment").
fn distance(from: &str, to: &str) -> usize {
    let to: Vec<char> = to.chars().collect();
    let mut above: Vec<usize> = (0..=to.len()).collect();
    let mut two_above = Vec::new();
    let mut from_before = None;
    for (index, from_char) in from.chars().enumerate() {
        let mut row = vec![index + 1];
        for (column, to_char) in to.iter().enumerate() {
            let cell = |row: &[usize], column: usize| row.get(column).copied().unwrap_or(usize::MAX - 1);
            let replaced = cell(&above, column) + usize::from(from_char != *to_char);
            let nearest = replaced.min(cell(&above, column + 1) + 1).min(cell(&row, column) + 1);
            let to_before = column.checked_sub(1).and_then(|before| Some((before, *to.get(before)?)));
            let swapped = to_before.filter(|(_, to_before)| from_before == Some(*to_char) && *to_before == from_char);
            row.push(swapped.map_or(nearest, |(before, _)| nearest.min(cell(&two_above, before) + 1)));
        }
        two_above = std::mem::replace(&mut above, row);
        from_before = Some(from_char);
    }
    above.last().copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn counts_insertions_deletions_replacements_and_swaps() {
        for (from, to, expected) in [
            ("", "", 0),
            ("abc", "", 3),
            ("", "abc", 3),
            ("kitten", "sitting", 3),
            ("flaw", "lawn", 2),
            ("paht", "path", 1),
            ("ab", "ba", 1),
            ("ca", "abc", 3),
        ] {
            assert_eq!(distance(from, to), expected, "{from} {to}");
        }
    }

    #[test]
    fn suggests_what_is_near_and_nothing_else() {
        const KNOWN: [&str; 4] = ["listen", "limits", "reflection", "shutdown_grace"];
        for (unknown, expected) in [
            ("listne", Some("listen")),
            ("Listen", Some("listen")),
            ("shutdown-grace", Some("shutdown_grace")),
            ("shutdwn_grce", Some("shutdown_grace")),
            ("port", None),
            ("", None),
        ] {
            assert_eq!(nearest(unknown, &KNOWN), expected, "{unknown}");
        }
        assert_eq!(nearest(&"listen".repeat(20), &KNOWN), None);
        assert_eq!(nearest("listen", &[]), None);
    }

    proptest! {
        #[test]
        fn distance_is_symmetric_and_bounded(a in "[ab]{0,8}|\\PC{0,12}", b in "[ab]{0,8}|\\PC{0,12}") {
            prop_assert_eq!(distance(&a, &b) == 0, a == b);
            prop_assert_eq!(distance(&a, &b), distance(&b, &a));
            let (longer, shorter) = (a.chars().count().max(b.chars().count()), a.chars().count().min(b.chars().count()));
            prop_assert!((longer - shorter..=longer).contains(&distance(&a, &b)));
        }
    }
}
