//! What STS answered.
//!
//! Its JSON is what `Accept: application/json` asks for: the result under `GetCallerIdentityResponse`, an error under
//! `Error`. The EKS authenticator reads the same.

use http::{Response, StatusCode};
use serde::{Deserialize, de::DeserializeOwned};

use super::identity::Identity;

/// A real answer has half a KiB. Transports read no more either.
pub(super) const ANSWER_BYTES_MAX: usize = 16 * 1024;
/// The longest code that is repeated to operators; real ones are much shorter.
const CODE_LENGTH_MAX: usize = 64;

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Success {
    get_caller_identity_response: Outer,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Outer {
    get_caller_identity_result: Fields,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Fields {
    account: String,
    arn: String,
    user_id: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Refusal {
    error: Code,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Code {
    code: String,
}

/// The identity that AWS confirms.
///
/// # Errors
///
/// Why not, for operators. AWS's own message is left out: for a wrong signature it repeats what was signed.
pub(super) fn read(response: &Response<Vec<u8>>) -> Result<Identity, String> {
    let status = response.status();
    if response.body().len() > ANSWER_BYTES_MAX {
        return Err(format!("AWS answered {status} with more than {} KiB", ANSWER_BYTES_MAX / 1024));
    }
    if status != StatusCode::OK {
        return Err(refusal(status, response.body()));
    }
    let success: Success = json(response.body()).ok_or("AWS answered 200 with what is no GetCallerIdentityResponse")?;
    let Fields { account, arn, user_id } = success.get_caller_identity_response.get_caller_identity_result;
    Identity::parse(&account, &arn, &user_id).map_err(|rule| format!("AWS named an identity that is no caller: {rule}"))
}

fn refusal(status: StatusCode, body: &[u8]) -> String {
    let is_code = |code: &str| {
        (1..=CODE_LENGTH_MAX).contains(&code.len())
            && code.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'.')
    };
    let code = json::<Refusal>(body).map(|refusal| refusal.error.code).filter(|code| is_code(code));
    let code = code.as_deref().unwrap_or("(no readable error code)");
    let number = status.as_u16();
    if status.is_redirection() {
        return format!("AWS answered {number}, and redirects are never followed");
    }
    // STS throttles with 400.
    if status.is_server_error() || number == 429 || matches!(code, "Throttling" | "ThrottlingException") {
        return format!("AWS could not say who signed the token: {number} {code}");
    }
    format!("AWS refused the token: {number} {code}{}", hint(code))
}

/// What the code most often means here.
fn hint(code: &str) -> &'static str {
    match code {
        "SignatureDoesNotMatch" => {
            " (signed for another x-rootgate-audience, with another secret key, or over 15 minutes ago)"
        }
        "InvalidClientTokenId" => " (no such key, or its session token is missing or not its own)",
        "ExpiredToken" => " (the caller's temporary credentials have expired)",
        "RegionDisabledException" => " (the caller's account has not activated STS in this region)",
        _ => "",
    }
}

fn json<T: DeserializeOwned>(body: &[u8]) -> Option<T> {
    serde_json::from_slice(body).ok()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn answer(status: u16, body: &str) -> Result<Identity, String> {
        read(&Response::builder().status(status).body(body.as_bytes().to_vec()).unwrap())
    }

    fn success(fields: &str) -> Result<Identity, String> {
        answer(200, &format!(r#"{{"GetCallerIdentityResponse":{{"GetCallerIdentityResult":{{{fields}}}}}}}"#))
    }

    const GOOD: &str =
        r#""Account":"111122223333","Arn":"arn:aws:iam::111122223333:user/alice","UserId":"AIDACKCEVSQ6C2EXAMPLE""#;

    #[test]
    fn an_identity_is_read_and_what_aws_may_add_is_ignored() {
        assert_eq!(success(GOOD).unwrap().subject(), "aws:111122223333:user/alice/AIDACKCEVSQ6C2EXAMPLE");
        assert!(success(&format!(r#"{GOOD},"New":[1]"#)).is_ok());
    }

    #[test]
    fn an_answer_that_is_not_exactly_an_identity_is_none() {
        for fields in [
            "",
            r#""Account":"111122223333","Arn":"arn:aws:iam::111122223333:user/alice""#,
            r#""Account":111122223333,"Arn":"arn:aws:iam::111122223333:user/alice","UserId":"AIDACKCEVSQ6C2EXAMPLE""#,
            r#""account":"111122223333","Arn":"arn:aws:iam::111122223333:user/alice","UserId":"AIDACKCEVSQ6C2EXAMPLE""#,
            &format!(r#"{GOOD},"Account":"444455556666""#),
            &format!(r#"{GOOD}}},"GetCallerIdentityResult":{{{GOOD}"#),
        ] {
            assert!(success(fields).is_err(), "{fields}");
        }
        for body in ["", "{}", "null", "<GetCallerIdentityResponse/>", r#"{"GetCallerIdentityResponse":null}"#] {
            assert_eq!(answer(200, body).unwrap_err(), "AWS answered 200 with what is no GetCallerIdentityResponse");
        }
        assert!(answer(200, &format!("{} ", success_body())).is_ok());
        assert!(answer(200, &format!("{} x", success_body())).is_err());
        assert!(answer(204, &success_body()).is_err());
    }

    fn success_body() -> String {
        format!(r#"{{"GetCallerIdentityResponse":{{"GetCallerIdentityResult":{{{GOOD}}}}}}}"#)
    }

    #[test]
    fn answers_are_bounded() {
        let long = format!("{}{}", success_body(), " ".repeat(ANSWER_BYTES_MAX));
        assert_eq!(answer(200, &long).unwrap_err(), "AWS answered 200 OK with more than 16 KiB");
    }

    #[test]
    fn operators_learn_awss_code_and_never_its_message() {
        let error = |status, code: &str| {
            answer(status, &format!(r#"{{"Error":{{"Code":"{code}","Message":"secret-canary"}},"RequestId":"r"}}"#))
                .unwrap_err()
        };
        let cases = [
            (403, "InvalidClientTokenId", "AWS refused the token: 403 InvalidClientTokenId (no such key"),
            (403, "SignatureDoesNotMatch", "AWS refused the token: 403 SignatureDoesNotMatch (signed for another"),
            (403, "ExpiredToken", "AWS refused the token: 403 ExpiredToken (the caller's temporary"),
            (400, "IncompleteSignature", "AWS refused the token: 400 IncompleteSignature"),
            (400, "Throttling", "AWS could not say who signed the token: 400 Throttling"),
            (503, "ServiceUnavailable", "AWS could not say who signed the token: 503 ServiceUnavailable"),
            (307, "Moved", "AWS answered 307, and redirects are never followed"),
            (403, "a\\nb", "AWS refused the token: 403 (no readable error code)"),
            (403, &"x".repeat(65), "AWS refused the token: 403 (no readable error code)"),
        ];
        for (status, code, words) in cases {
            let said = error(status, code);
            assert!(said.starts_with(words), "{said}");
            assert!(!said.contains("canary"), "{said}");
        }
        assert_eq!(answer(403, "<html>").unwrap_err(), "AWS refused the token: 403 (no readable error code)");
    }

    proptest! {
        #[test]
        fn arbitrary_answers_never_panic(status in 100_u16..600, body: Vec<u8>) {
            let _ = read(&Response::builder().status(status).body(body).unwrap());
        }
    }
}
