use super::*;

/// What AWS answered.
fn answered(status: u16, code: Option<&str>, message: &str) -> AwsFailure {
    AwsFailure {
        status: Some(status),
        code: code.map(ToOwned::to_owned),
        request_id: Some("4711".to_owned()),
        fate: if status < 500 { Fate::Refused } else { Fate::Unknown },
        ..AwsFailure::nonsense("iam", "DeleteAccessKey", message)
    }
}

fn reason(status: u16, code: &str, message: &str) -> ErrorReason {
    answered(status, Some(code), message).into_error().reason()
}

#[test]
fn a_code_is_known_in_every_spelling() {
    for (codes, expected) in [
        (["AccessDenied", "AccessDeniedException"], ErrorReason::AwsAccessDenied),
        (["RegionDisabled", "RegionDisabledException"], ErrorReason::RegionDisabled),
        (["ExpiredToken", "ExpiredTokenException"], ErrorReason::SessionExpired),
        (["NoSuchEntity", "NoSuchEntityException"], ErrorReason::AwsNotFound),
        (["DeleteConflict", "DeleteConflictException"], ErrorReason::AwsConflict),
        (["ConcurrentModification", "ConcurrentModificationException"], ErrorReason::AwsConflict),
        (["EntityTemporarilyUnmodifiable", "EntityTemporarilyUnmodifiableException"], ErrorReason::AwsConflict),
        (["LimitExceeded", "LimitExceededException"], ErrorReason::AwsRefused),
        (["TooManyRequests", "TooManyRequestsException"], ErrorReason::AwsThrottled),
        (["Throttling", "ThrottlingException"], ErrorReason::AwsThrottled),
        (["QueueDoesNotExist", "AWS.SimpleQueueService.NonExistentQueue"], ErrorReason::QueueNotFound),
        (["UnsupportedOperation", "AWS.SimpleQueueService.UnsupportedOperation"], ErrorReason::AwsRefused),
        (["InvalidInput", "InvalidInputException"], ErrorReason::AwsRejected),
        (["IllegalLocationConstraint", "IllegalLocationConstraintException"], ErrorReason::WrongRegion),
    ] {
        assert_eq!(codes.map(|code| reason(400, code, "")), [expected; 2], "{codes:?}");
    }
    assert!(answered(404, Some("NoSuchEntityException"), "").is(&["NoSuchEntity"]));
    assert!(answered(404, Some("NoSuchEntity"), "").is(&["NoSuchEntityException"]));
    assert!(!answered(400, Some("NoSuchBucketPolicy"), "").is(&["NoSuchBucket"]));
    assert!(!answered(400, None, "").is(&[""]), "no code is no code");
}

#[test]
fn codes_of_keys_addresses_and_timeouts_have_a_reason_of_their_own() {
    for (code, expected) in [
        ("KmsAccessDenied", ErrorReason::AwsAccessDenied),
        ("KmsThrottled", ErrorReason::AwsThrottled),
        ("KmsDisabled", ErrorReason::AwsRefused),
        ("InvalidAddress", ErrorReason::AwsRejected),
        ("InvalidSecurity", ErrorReason::AwsMisconfigured),
        ("UnknownOperationException", ErrorReason::AwsMisconfigured),
        ("InvalidToken", ErrorReason::GatewayCredentials),
        ("SignatureDoesNotMatch", ErrorReason::GatewayCredentials),
        ("RequestTimeout", ErrorReason::AwsUnavailable),
    ] {
        assert_eq!(reason(400, code, ""), expected, "{code}");
    }
}

#[test]
fn one_code_for_six_causes_of_a_denial_is_told_apart_by_its_words() {
    for (message, expected) in [
        ("Root sessions feature is not enabled for your AWS Organization.", ErrorReason::FeatureNotEnabled),
        (
            "Root credentials management feature is not enabled for your AWS Organization.",
            ErrorReason::FeatureNotEnabled,
        ),
        ("Service not enabled for AWS Organizations.", ErrorReason::TrustedAccessNotEnabled),
        ("... with an explicit deny in a service control policy", ErrorReason::ScpDeny),
        ("... because a service control policy explicitly denies the action", ErrorReason::ScpDeny),
        ("... with an explicit deny in a resource control policy", ErrorReason::RcpDeny),
        ("User: x is not authorized to perform: sts:AssumeRoot on resource: y", ErrorReason::AwsAccessDenied),
    ] {
        let error = answered(403, Some("AccessDenied"), message).into_error();
        assert_eq!(error.reason(), expected, "{message}");
        assert_eq!(error.help().is_some(), expected != ErrorReason::AwsAccessDenied, "{message}");
        assert!(!error.to_string().contains("User: x"), "AWS's words are private");
    }
}

#[test]
fn without_a_code_the_status_tells() {
    for (status, expected) in [
        (301, ErrorReason::WrongRegion),
        (400, ErrorReason::AwsRefused),
        (403, ErrorReason::AwsAccessDenied),
        (404, ErrorReason::AwsNotFound),
        (408, ErrorReason::AwsUnavailable),
        (429, ErrorReason::AwsThrottled),
        (500, ErrorReason::AwsUnavailable),
    ] {
        assert_eq!(answered(status, None, "").into_error().reason(), expected, "{status}");
    }
}

#[test]
fn what_aws_said_is_there_whether_it_refused_or_left_it_open() {
    for error in [
        answered(409, Some("DeleteConflictException"), "").into_error(),
        answered(500, Some("DeleteConflictException"), "").into_unknown(),
    ] {
        let told = error.metadata();
        assert_eq!(
            ["aws_service", "aws_operation", "aws_error_code", "aws_request_id"].map(|key| told[key].as_str()),
            ["iam", "DeleteAccessKey", "DeleteConflictException", "4711"],
            "the code is as AWS spelled it"
        );
        assert!(["409", "500"].contains(&told["aws_http_status"].as_str()));
    }
    let silent = AwsFailure::of_a_plan("iam", "DeleteAccessKey").into_unknown();
    assert!(!silent.metadata().contains_key("aws_error_code"), "a word of our own is no code of AWS's");
}

fn told(service: &'static str, operation: &'static str, why: &str) -> (ErrorReason, &'static str, &'static str) {
    let failure = AwsFailure {
        status: Some(403),
        code: Some("AccessDenied".to_owned()),
        fate: Fate::Refused,
        ..AwsFailure::nonsense(service, operation, why)
    };
    let (reason, words, help) = failure.explain();
    (reason, words, help.map_or("", |help| help.words))
}

#[test]
fn what_the_organization_denies_to_the_gateway_is_not_called_denied_to_root() {
    let explicit = "... sts:AssumeRole on resource: ... with an explicit deny in a service control policy";
    let implicit = "... because no service control policy allows the sts:AssumeRoot action";
    let of_resources = "... with an explicit deny in a resource control policy";
    for operation in ["AssumeRoot", "AssumeRole"] {
        let (reason, words, help) = told("sts", operation, explicit);
        assert_eq!(reason, ErrorReason::ScpDeny);
        assert!(words.contains("to the gateway's role") && help.contains("deny-assume-root-to-others"), "{help}");
        let (reason, _, help) = told("sts", operation, implicit);
        assert_eq!(reason, ErrorReason::ScpDeny);
        assert!(help.starts_with("allow the action in the SCPs on the path"), "{help}");
        assert_eq!(told("sts", operation, of_resources).0, ErrorReason::RcpDeny);
    }
    assert!(told("iam", "GetAccountSummary", explicit).2.contains("aws:AssumedRoot"));
    assert_eq!(told("sts", "AssumeRole", "not authorized").2, BROKER_HELP.words);
}
