//! Pages of a listing (AIP-158): how large one is, and where the next one begins.

use aws_lc_rs::digest::{Context, SHA256};

use super::Fields;
use crate::types::{Rule, hex};

/// Enough to tell one listing from another; a token proves nothing and grants nothing.
const CHECK_BYTES: usize = 8;

/// How many a page may have.
pub(super) struct Sizes {
    /// Where the request says nothing.
    pub(super) default: u32,
    pub(super) max: u32,
}

/// A size within its bounds.
pub(super) fn size(fields: &mut Fields, asked: i32, Sizes { default, max }: Sizes) -> Option<u32> {
    let size = match u32::try_from(asked) {
        Ok(0) => Ok(default),
        Ok(size) if size <= max => Ok(size),
        _ => Err(Rule(format!("must be 1 to {max}, or unset for {default}").into())),
    };
    fields.take("page_size", size)
}

/// The place that a token stands for; none for the first page. A token belongs to one listing, which is its RPC with every
/// filter: with another filter it would skip what nobody has seen.
pub(super) fn place<const N: usize>(token: &str, listing: &[&str]) -> Result<Option<[u64; N]>, Rule> {
    if token.is_empty() {
        return Ok(None);
    }
    let place = token.split_once('-').and_then(|(numbers, _)| {
        let numbers: Option<Vec<u64>> = numbers.splitn(N, '.').map(|number| number.parse().ok()).collect();
        numbers?.try_into().ok()
    });
    let good = place.filter(|place| token == of(*place, listing));
    good.map(Some).ok_or(Rule::new("must be the next_page_token of the page before, with every filter as it was there"))
}

/// The token of a place.
pub(super) fn of<const N: usize>(place: [u64; N], listing: &[&str]) -> String {
    let numbers = place.map(|number| number.to_string()).join(".");
    let mut check = Context::new(&SHA256);
    // Lengths first, so that no two listings give the same bytes.
    for part in std::iter::once(&numbers.as_str()).chain(listing) {
        check.update(&(part.len() as u64).to_be_bytes());
        check.update(part.as_bytes());
    }
    format!("{numbers}-{}", hex(check.finish().as_ref().get(..CHECK_BYTES).unwrap_or_default()))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_token_is_the_place_of_its_own_listing_only() {
        let token = of([17, 42], &["ListRecords", "333333333333", ""]);
        assert_eq!(place(&token, &["ListRecords", "333333333333", ""]), Ok(Some([17, 42])));
        assert_eq!(place::<2>("", &["ListRecords", "", ""]), Ok(None));
        for other in [
            ["ListRecords", "444444444444", ""],
            ["ListRecords", "", "333333333333"],
            ["ListRecord", "s333333333333", ""],
            ["ListPolicyBackups", "333333333333", ""],
        ] {
            assert!(place::<2>(&token, &other).is_err(), "{other:?}");
        }
        assert!(place::<1>(&token, &["ListRecords", "333333333333", ""]).is_err());
        for forged in [token.replace("17.", "18."), token.replace(".42", ".43"), token.replace("17", "+17")] {
            assert!(place::<2>(&forged, &["ListRecords", "333333333333", ""]).is_err(), "{forged}");
        }
    }

    proptest! {
        #[test]
        fn what_somebody_made_by_hand_is_refused(token in "\\PC{1,40}|[0-9]{1,25}(\\.[0-9]{1,25})?-[0-9a-f]{0,16}") {
            prop_assert!(place::<2>(&token, &["ListRecords"]).is_err());
            prop_assert!(place::<1>(&token, &["ListPolicyBackups"]).is_err());
        }
    }
}
