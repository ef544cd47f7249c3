//! The JSON that a `credential_process` prints (AWS CLI User Guide, "Sourcing credentials with an external process").

use serde_json::json;
use time::{OffsetDateTime, format_description::well_known::Rfc3339};

use crate::pb;

/// One line. Nothing is printed of credentials of which a part is missing: without `Expiration`, for one, SDKs would take
/// them for lasting ones.
pub(super) fn json(credentials: Option<&pb::Credentials>) -> Result<String, &'static str> {
    let credentials = credentials.ok_or("the gateway answered without credentials; ask its operators")?;
    let pb::Credentials { access_key_id, secret_access_key, session_token, expiration } = credentials;
    let expiration = expiration.as_ref().and_then(rfc3339);
    let texts = [access_key_id, secret_access_key, session_token];
    let Some(expiration) = expiration.filter(|_| texts.into_iter().all(|text| !text.is_empty())) else {
        return Err("the gateway answered with credentials of which a part is missing; ask its operators");
    };
    let document = json!({
        "Version": 1,
        "AccessKeyId": access_key_id,
        "SecretAccessKey": secret_access_key,
        "SessionToken": session_token,
        "Expiration": expiration,
    });
    Ok(document.to_string())
}

/// In whole seconds, cut: what expires a moment early is renewed, what expires late is refused by AWS.
fn rfc3339(at: &prost_types::Timestamp) -> Option<String> {
    let moment = OffsetDateTime::from_unix_timestamp(at.seconds).ok().filter(|_| at.seconds > 0)?;
    moment.format(&Rfc3339).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn good() -> pb::Credentials {
        pb::Credentials {
            access_key_id: "ASIAEXAMPLE".to_owned(),
            secret_access_key: "se/cr+et".to_owned(),
            session_token: "tok\"en".to_owned(),
            expiration: Some(prost_types::Timestamp { seconds: 1_795_286_154, nanos: 999_999_999 }),
        }
    }

    #[test]
    fn it_is_exactly_what_the_aws_cli_reads() {
        let line = json(Some(&good())).unwrap();
        assert!(!line.contains('\n'));
        let read: serde_json::Value = serde_json::from_str(&line).unwrap();
        assert_eq!(
            read,
            json!({
                "Version": 1,
                "AccessKeyId": "ASIAEXAMPLE",
                "SecretAccessKey": "se/cr+et",
                "SessionToken": "tok\"en",
                "Expiration": "2026-11-21T18:35:54Z",
            })
        );
    }

    #[test]
    fn a_part_that_is_missing_is_never_left_out() {
        let without: [fn(&mut pb::Credentials); 5] = [
            |all| all.access_key_id.clear(),
            |all| all.secret_access_key.clear(),
            |all| all.session_token.clear(),
            |all| all.expiration = None,
            |all| all.expiration = Some(prost_types::Timestamp { seconds: i64::MAX, nanos: 0 }),
        ];
        for take_away in without {
            let mut credentials = good();
            take_away(&mut credentials);
            let error = json(Some(&credentials)).unwrap_err();
            assert!(error.contains("a part is missing") && !error.contains("se/cr"), "{error}");
        }
        assert!(json(None).unwrap_err().contains("without credentials"));
    }
}
