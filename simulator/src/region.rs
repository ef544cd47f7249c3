//! What counts as a region.

/// Whether the text has the form of a region's name: `eu-west-1`, `us-gov-west-1`. Whether AWS has such a region is not checked.
pub(crate) fn is_region(text: &str) -> bool {
    let parts: Vec<&str> = text.split('-').collect();
    let Some((number, words)) = parts.split_last() else { return false };
    let Some((area, words)) = words.split_first() else { return false };
    let lower = |word: &str| !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_lowercase());
    (2..=4).contains(&area.len())
        && lower(area)
        && (1..=2).contains(&words.len())
        && words.iter().all(|word| lower(word))
        && (1..=2).contains(&number.len())
        && number.bytes().all(|byte| byte.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::is_region;

    #[test]
    fn regions_have_a_form() {
        for good in ["us-east-1", "eu-central-1", "us-gov-west-1", "ap-southeast-2", "cn-north-1", "eusc-de-east-1"] {
            assert!(is_region(good), "{good}");
        }
        for bad in ["", "aws-global", "us-east-1.evil", "US-EAST-1", "us-east", "local", "-east-1"] {
            assert!(!is_region(bad), "{bad}");
        }
    }
}
