//! Principal and NotPrincipal: who is named, and who is left out.

use super::*;

/// Whether a Deny for this principal element reaches the caller.
fn reaches(element: &str, caller: &Caller) -> bool {
    let deny = statement("Deny", &format!(r#"{element},"Action":"*","Resource":"*""#));
    let scene = Scene::of(caller.clone()).identity(ALLOW_ALL).policy(&deny);
    scene.decide() == Decision::Denied(DeniedBy::ExplicitResource)
}

#[test]
fn a_principal_names_callers_by_account_role_session_or_user() {
    let everyone = [&root_user(), &root_session(), &user(), &role_session()];
    let cases: [(&str, [bool; 4]); 15] = [
        (r#""*""#, [true, true, true, true]),
        (r#"{"AWS":"*"}"#, [true, true, true, true]),
        (r#"{"AWS":["*"]}"#, [true, true, true, true]),
        (r#"{"AWS":"111122223333"}"#, [true, true, true, true]),
        (r#"{"AWS":"arn:aws:iam::111122223333:root"}"#, [true, true, true, true]),
        (r#"{"AWS":["444455556666","arn:aws:iam::444455556666:root"]}"#, [false, false, false, false]),
        (r#"{"AWS":"arn:aws:iam::111122223333:user/bob"}"#, [false, false, true, false]),
        (r#"{"AWS":"arn:aws:iam::111122223333:user/BOB"}"#, [false, false, false, false]),
        (r#"{"AWS":"arn:aws:iam::111122223333:role/team/Auditor"}"#, [false, false, false, true]),
        (r#"{"AWS":"arn:aws:iam::111122223333:role/Auditor"}"#, [false, false, false, false]),
        (r#"{"AWS":"arn:aws:sts::111122223333:assumed-role/Auditor/alice"}"#, [false, false, false, true]),
        (r#"{"AWS":"arn:aws:sts::111122223333:assumed-role/Auditor/mallory"}"#, [false, false, false, false]),
        (
            r#"{"Service":["s3.amazonaws.com"],"Federated":"cognito-identity.amazonaws.com"}"#,
            [false, false, false, false],
        ),
        (
            r#"{"CanonicalUser":"79a59df900b949e55d96a1e698fbacedfd6e09d98eacf8f8d5218e7cd47ef2be"}"#,
            [false, false, false, false],
        ),
        (r#"{"Service":"s3.amazonaws.com","AWS":"111122223333"}"#, [true, true, true, true]),
    ];
    for (principal, expected) in cases {
        let element = format!(r#""Principal":{principal}"#);
        assert_eq!(everyone.map(|caller| reaches(&element, caller)), expected, "{element}");
    }
}

/// "AWS might validate the account first, then the role, and then the assumed-role user."
#[test]
fn not_principal_spares_only_who_is_named_together_with_its_account() {
    let cases: [(&[&str], [bool; 4]); 8] = [
        // The account alone spares its root user, but neither users nor roles.
        (&[ROOT], [false, false, true, true]),
        (&[ROOT, USER], [false, false, false, true]),
        (&[USER], [true, true, true, true]),
        (&[ROOT, ROLE], [false, false, true, false]),
        (&[ROOT, ROLE, SESSION], [false, false, true, false]),
        (&[ROLE, SESSION], [true, true, true, true]),
        (&[ROOT, SESSION], [false, false, true, true]),
        (&["*"], [false, false, false, false]),
    ];
    let everyone = [&root_user(), &root_session(), &user(), &role_session()];
    for (listed, expected) in cases {
        let element = format!(r#""NotPrincipal":{{"AWS":{}}}"#, serde_json::to_string(listed).unwrap());
        assert_eq!(everyone.map(|caller| reaches(&element, caller)), expected, "{element}");
    }
    assert!(reaches(r#""NotPrincipal":{"Service":"s3.amazonaws.com"}"#, &user()));
}

/// "The NotPrincipal element with a Deny effect will always deny any IAM principal that has a permissions boundary."
#[test]
fn not_principal_never_spares_a_caller_with_a_boundary() {
    let deny =
        statement("Deny", &format!(r#""NotPrincipal":{{"AWS":["{ROOT}","{USER}"]}},"Action":"*","Resource":"*""#));
    let scene = Scene::of(user()).identity(ALLOW_ALL).policy(&deny);
    scene.is_allowed();
    scene.boundary(ALLOW_ALL).is_denied_by(DeniedBy::ExplicitResource);
}

#[test]
fn a_resource_policy_statement_without_principal_names_nobody() {
    let scene = Scene::of(user()).identity(ALLOW_ALL);
    scene.clone().policy(DENY_ALL).is_allowed();
    assert!(!document(DENY_ALL).names_principals());
    assert!(document(&grant("Deny", "*")).names_principals());
}
