//! The id of a backed-up policy.

use std::{fmt, str::FromStr};

use super::{OperationId, Rule};

/// Id of a backup: that of the operation that made it, for one operation changes at most one policy.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct BackupId(uuid::Uuid);

impl From<OperationId> for BackupId {
    fn from(operation: OperationId) -> Self {
        Self(operation.0)
    }
}

impl FromStr for BackupId {
    type Err = Rule;

    fn from_str(text: &str) -> Result<Self, Rule> {
        // One spelling only, so that an id that is logged is the id that is stored.
        let parsed = uuid::Uuid::try_parse(text).ok().filter(|id| id.to_string() == text);
        parsed.map(Self).ok_or(Rule::new("must be the backup_id of an answer or a listing: a UUID in lower case"))
    }
}

impl fmt::Display for BackupId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_reads_as_it_is_written() {
        let id = BackupId::from(OperationId::generate());
        assert_eq!(id.to_string().parse::<BackupId>(), Ok(id));
        let (upper, braced) = (id.to_string().to_uppercase(), format!("{{{id}}}"));
        for bad in ["", "17", &upper, &braced] {
            assert!(bad.parse::<BackupId>().is_err(), "{bad}");
        }
    }
}
