//! The id by which a caller makes a repetition harmless.

use std::{fmt, str::FromStr};

use super::Rule;

/// Id that a caller gives to one request, so that its repetition is known for one (<https://aip.dev/155>). Means something
/// only together with the caller.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct RequestId(uuid::Uuid);

impl FromStr for RequestId {
    type Err = Rule;

    fn from_str(text: &str) -> Result<Self, Rule> {
        // One spelling only: two spellings of one id would be two requests to whoever reads the journal. The nil UUID is what
        // an id is that nobody set.
        let parsed = uuid::Uuid::try_parse(text).ok().filter(|id| !id.is_nil() && id.to_string() == text);
        parsed.map(Self).ok_or(Rule::new("must be a UUID in lower case with hyphens, and not the nil UUID"))
    }
}

impl fmt::Display for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "5f0c6b3a-6f0e-4f5e-9a55-0d6a3c1b2e7f";

    #[test]
    fn an_id_reads_as_it_is_written() {
        assert_eq!(ID.parse::<RequestId>().unwrap().to_string(), ID);
    }

    #[test]
    fn every_other_spelling_and_the_nil_uuid_are_refused() {
        let (upper, braced, urn) = (ID.to_uppercase(), format!("{{{ID}}}"), format!("urn:uuid:{ID}"));
        let (simple, longer) = (ID.replace('-', ""), format!("{ID}0"));
        let nil = "00000000-0000-0000-0000-000000000000";
        for bad in ["", "17", " ", nil, &upper, &braced, &urn, &simple, &longer] {
            assert!(bad.parse::<RequestId>().is_err(), "{bad}");
        }
    }
}
