//! Every refusal that a gateway to root has to tell apart, as the README's table says to bring it about, over the wire.

use aws_root_simulator::world::AccountState;
use aws_root_simulator::{Fault, Simulator};
use serde_json::{Value, json};

use crate::client::{Answer, Client, Outgoing};
use crate::{PAYMENTS, simulator};

const DENY_ROOT: &str = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Deny","Action":"*","Resource":"*",
    "Condition":{"ArnLike":{"aws:PrincipalArn":"arn:aws:iam::*:root"}}}]}"#;
const DENY_ALL: &str =
    r#"{"Version":"2012-10-17","Statement":[{"Effect":"Deny","Principal":"*","Action":"*","Resource":"*"}]}"#;
const AUDIT: &str = "IAMAuditRootUserCredentials";
const DELETE: &str = "IAMDeleteRootUserCredentials";
const PASSWORD: &str = "IAMCreateRootUserPassword";
const S3: &str = "S3UnlockBucketPolicy";
const SQS: &str = "SQSUnlockQueuePolicy";
const SCP_TEXT: &str = "with an explicit deny in a service control policy";
const RCP_TEXT: &str = "with an explicit deny in a resource control policy";
const REGION_TEXT: &str =
    "The authorization header is malformed; the region 'us-east-1' is wrong; expecting 'eu-west-1'";

/// The call that is refused; calls in a session name its task.
#[derive(Clone, Copy)]
enum Ask {
    /// On this account, under this task.
    AssumeRoot(&'static str, &'static str),
    Iam(&'static str, &'static str, &'static [(&'static str, &'static str)]),
    /// The payments-ledger's policy, with this method.
    Bucket(&'static str),
    Queue(&'static str),
    Organizations,
}

/// How it is brought about.
enum How {
    Fault(Fault),
    State(fn(&Simulator)),
}

/// Its status, its code as SDKs report it, and what its text contains.
type Row = (Ask, How, u16, &'static str, &'static str);

const ASSUME_S3: Ask = Ask::AssumeRoot(PAYMENTS, S3);
const KEYS: Ask = Ask::Iam(DELETE, "ListAccessKeys", &[]);
const DELETE_KEY: Ask = Ask::Iam(DELETE, "DeleteAccessKey", &[("AccessKeyId", "AKIAROOTKEY01EXAMPLE")]);

/// AWS gives all but the last few the same code: only the text tells them apart.
fn assume_root() -> Vec<Row> {
    let sts = || Fault::on("sts", "AssumeRoot");
    let denied = "is not authorized to perform: sts:AssumeRoot on resource";
    let state = How::State;
    vec![
        (
            ASSUME_S3,
            How::Fault(sts().error(400, "InvalidAction", "Unknown Operation")),
            400,
            "InvalidAction",
            "Unknown",
        ),
        (Ask::AssumeRoot("111111111111", S3), state(|_| ()), 403, "AccessDenied", denied),
        (ASSUME_S3, state(|aws| gateway_policies(aws, Vec::new())), 403, "AccessDenied", denied),
        (ASSUME_S3, state(|aws| aws.edit(|world| world.organization.delegations.clear())), 403, "AccessDenied", denied),
        (
            ASSUME_S3,
            state(|aws| aws.edit(|world| world.account_mut(PAYMENTS).unwrap().in_organization = false)),
            403,
            "AccessDenied",
            denied,
        ),
        (
            ASSUME_S3,
            state(|aws| aws.edit(|world| world.account_mut(PAYMENTS).unwrap().state = AccountState::Suspended)),
            403,
            "AccessDenied",
            denied,
        ),
        (
            ASSUME_S3,
            state(|aws| turn_off(aws, "RootSessions")),
            403,
            "AccessDenied",
            "Root sessions feature is not enabled for your AWS Organization.",
        ),
        (
            Ask::AssumeRoot(PAYMENTS, AUDIT),
            state(|aws| turn_off(aws, "RootCredentialsManagement")),
            403,
            "AccessDenied",
            "Root credentials management feature is not enabled for your AWS Organization.",
        ),
        (
            ASSUME_S3,
            state(|aws| aws.edit(|world| world.organization.trusted_services.clear())),
            403,
            "AccessDenied",
            "Service not enabled for AWS Organizations.",
        ),
        (
            ASSUME_S3,
            How::Fault(sts().error(400, "ValidationError", "1 validation error detected: Value '901'")),
            400,
            "ValidationError",
            "'901'",
        ),
        (ASSUME_S3, How::Fault(sts().throttle()), 400, "Throttling", "Rate exceeded"),
        (ASSUME_S3, How::Fault(sts().expire_session()), 403, "ExpiredToken", "expired"),
        (
            ASSUME_S3,
            How::Fault(sts().error(400, "ExpiredTokenException", "over")),
            400,
            "ExpiredTokenException",
            "over",
        ),
        (
            ASSUME_S3,
            state(|aws| {
                aws.edit(|world| {
                    world.account_mut(PAYMENTS).unwrap().disabled_sts_regions.insert("eu-west-1".to_owned());
                });
            }),
            403,
            "RegionDisabledException",
            "STS is not activated in this region",
        ),
        (ASSUME_S3, How::Fault(sts().error(403, "RegionDisabled", "not here")), 403, "RegionDisabled", "not here"),
    ]
}

fn iam() -> Vec<Row> {
    let error = |status, code| How::Fault(Fault::on("iam", "*").error(status, code, "as AWS says"));
    let mut rows = vec![
        (KEYS, How::State(scp), 403, "AccessDenied", SCP_TEXT),
        (Ask::Iam(AUDIT, "DeleteLoginProfile", &[]), How::State(|_| ()), 403, "AccessDenied", "session policy"),
        (
            Ask::Iam(PASSWORD, "GetLoginProfile", &[]),
            How::State(clean),
            404,
            "NoSuchEntity",
            "Login Profile for User null cannot be found.",
        ),
        (DELETE_KEY, How::State(clean), 404, "NoSuchEntity", "AKIAROOTKEY01EXAMPLE"),
        (Ask::Iam(PASSWORD, "CreateLoginProfile", &[]), How::State(|_| ()), 409, "EntityAlreadyExists", PAYMENTS),
        (KEYS, How::Fault(Fault::on("iam", "*").throttle()), 400, "Throttling", "Rate exceeded"),
        (KEYS, How::Fault(Fault::on("iam", "*").expire_session()), 403, "ExpiredToken", "expired"),
        (KEYS, How::Fault(Fault::on("iam", "*").status(500)), 500, "ServiceFailure", "failed"),
        (KEYS, How::Fault(Fault::on("iam", "*").status(503)), 503, "ServiceUnavailable", "temporary"),
        (KEYS, How::Fault(Fault::on("iam", "*").html_500()), 500, "", "<html>"),
    ];
    for (status, code) in [
        (404, "NoSuchEntityException"),
        (409, "EntityAlreadyExistsException"),
        (409, "EntityTemporarilyUnmodifiable"),
        (409, "EntityTemporarilyUnmodifiableException"),
        (409, "ConcurrentModification"),
        (409, "ConcurrentModificationException"),
        (409, "DeleteConflict"),
        (409, "DeleteConflictException"),
        (409, "LimitExceeded"),
        (400, "ServiceAccessNotEnabledException"),
        (400, "ServiceAccessNotEnabled"),
    ] {
        rows.push((DELETE_KEY, error(status, code), status, code, "as AWS says"));
    }
    rows
}

fn s3() -> Vec<Row> {
    let get = Ask::Bucket("GET");
    let fault = || Fault::on("s3", "*");
    vec![
        (get, How::State(scp), 403, "AccessDenied", SCP_TEXT),
        (get, How::State(rcp), 403, "AccessDenied", RCP_TEXT),
        (Ask::Bucket("PUT"), How::State(|_| ()), 400, "MalformedPolicy", "Policies must be valid JSON"),
        (get, How::Fault(fault().error(400, "InvalidArgument", "bad")), 400, "InvalidArgument", "bad"),
        (
            get,
            How::State(|aws| aws.edit(|world| world.account_mut(PAYMENTS).unwrap().buckets.clear())),
            404,
            "NoSuchBucket",
            "does not exist",
        ),
        (
            get,
            How::State(|aws| aws.edit(|world| world.bucket_mut("payments-ledger").unwrap().policy = None)),
            404,
            "NoSuchBucketPolicy",
            "does not exist",
        ),
        (get, How::State(elsewhere), 301, "PermanentRedirect", "must be addressed using the specified endpoint"),
        (get, How::Fault(fault().error(301, "", "").bucket_region("us-west-2").empty_body()), 301, "", ""),
        (
            get,
            How::Fault(fault().error(400, "AuthorizationHeaderMalformed", REGION_TEXT).bucket_region("eu-west-1")),
            400,
            "AuthorizationHeaderMalformed",
            "expecting 'eu-west-1'",
        ),
        (get, How::Fault(fault().throttle()), 503, "SlowDown", "reduce"),
        (get, How::Fault(fault().expire_session()), 400, "ExpiredToken", "expired"),
        (get, How::Fault(fault().status(500)), 500, "InternalError", "internal error"),
        (get, How::Fault(fault().html_500()), 500, "", "<html>"),
    ]
}

fn sqs() -> Vec<Row> {
    let (get, set) = (Ask::Queue("GetQueueAttributes"), Ask::Queue("SetQueueAttributes"));
    let plain = || Fault::on("sqs", "*").without_query_error();
    let fault = || Fault::on("sqs", "*");
    let (gone, gone_header) = ("QueueDoesNotExist", "AWS.SimpleQueueService.NonExistentQueue");
    vec![
        (get, How::State(scp), 403, "AccessDenied", SCP_TEXT),
        (get, How::State(rcp), 403, "AccessDenied", RCP_TEXT),
        (set, How::Fault(plain().error(403, "AccessDenied", SCP_TEXT)), 403, "AccessDeniedException", SCP_TEXT),
        (set, How::Fault(fault().error(403, "AccessDenied", RCP_TEXT)), 403, "AccessDenied", RCP_TEXT),
        (
            get,
            How::State(|aws| aws.edit(|world| world.account_mut(PAYMENTS).unwrap().queues.clear())),
            400,
            gone_header,
            "does not exist",
        ),
        (
            get,
            How::State(|aws| {
                aws.edit(|world| world.account_mut(PAYMENTS).unwrap().queues.clear());
                aws.inject(Fault::on("sqs", "*").without_query_error());
            }),
            400,
            gone,
            "does not exist",
        ),
        (get, How::Fault(fault().error(400, gone_header, "gone")), 400, gone_header, "gone"),
        (get, How::Fault(plain().error(400, gone_header, "gone")), 400, gone, "gone"),
        (set, How::State(|_| ()), 400, "InvalidAttributeValue", "Policy"),
        (get, How::Fault(fault().throttle()), 400, "RequestThrottled", "throttling"),
        (get, How::Fault(plain().throttle()), 400, "RequestThrottled", "throttling"),
        (get, How::Fault(fault().expire_session()), 403, "ExpiredToken", "expired"),
        (get, How::Fault(plain().expire_session()), 403, "ExpiredTokenException", "expired"),
        (set, How::Fault(fault().status(500)), 500, "InternalFailure", "failed"),
        (set, How::Fault(fault().html_500()), 500, "", "<html>"),
    ]
}

fn organizations() -> Vec<Row> {
    let fault = || Fault::on("organizations", "*");
    let error = |code| How::Fault(fault().error(400, code, "as AWS says"));
    vec![
        (Ask::Organizations, How::Fault(fault().throttle()), 400, "TooManyRequestsException", "too many requests"),
        (Ask::Organizations, How::Fault(fault().status(500)), 500, "ServiceException", "internal service error"),
        (Ask::Organizations, error("AccessDeniedException"), 400, "AccessDeniedException", "as AWS says"),
        (
            Ask::Organizations,
            How::State(|aws| aws.edit(|world| drop(world.accounts.remove(PAYMENTS)))),
            400,
            "AccountNotFoundException",
            "",
        ),
    ]
}

fn turn_off(aws: &Simulator, feature: &str) {
    assert!(aws.edit(|world| world.organization.root_features.remove(feature)));
}

fn gateway_policies(aws: &Simulator, policies: Vec<String>) {
    aws.edit(|world| {
        let account = world.account_mut("222222222222").unwrap();
        account.principals.iter_mut().find(|role| role.name == "gateway").unwrap().policies = policies;
    });
}

fn scp(aws: &Simulator) {
    aws.edit(|world| world.account_mut(PAYMENTS).unwrap().scps.push(DENY_ROOT.to_owned()));
}

fn rcp(aws: &Simulator) {
    aws.edit(|world| world.account_mut(PAYMENTS).unwrap().rcps.push(DENY_ALL.to_owned()));
}

fn clean(aws: &Simulator) {
    aws.edit(|world| world.account_mut(PAYMENTS).unwrap().root = Default::default());
}

fn elsewhere(aws: &Simulator) {
    aws.edit(|world| world.bucket_mut("payments-ledger").unwrap().region = "us-west-2".to_owned());
}

#[tokio::test]
async fn every_refusal_can_be_brought_about() {
    for (number, row) in [assume_root(), iam(), s3(), sqs(), organizations()].into_iter().flatten().enumerate() {
        check(number, row).await;
    }
}

async fn check(number: usize, (ask, how, status, code, text): Row) {
    let simulator = simulator().await;
    let gateway = Client::of(&simulator, "gateway");
    let caller = match ask {
        Ask::AssumeRoot(..) | Ask::Organizations => gateway,
        Ask::Iam(task, ..) => gateway.assume_root(PAYMENTS, task).await,
        Ask::Bucket(_) => gateway.assume_root(PAYMENTS, S3).await,
        Ask::Queue(_) => gateway.assume_root(PAYMENTS, SQS).await,
    };
    match how {
        How::Fault(fault) => simulator.inject(fault),
        How::State(prepare) => prepare(&simulator),
    }
    let answer = send(&caller, ask).await;
    let about = format!("row {number}, {code}: {} {:?} {}", answer.status, answer.headers, answer.body);
    assert_eq!((answer.status, read_code(&answer).as_str()), (status, code), "{about}");
    assert!(answer.body.contains(text), "{about}");
    let call = simulator.calls().pop().unwrap();
    assert_eq!(call.error_code.unwrap_or_default(), code, "the log says what the client reads; {about}");
    request_id_is_there(&answer, &call.request_id, &about);
}

async fn send(caller: &Client, ask: Ask) -> Answer {
    match ask {
        Ask::AssumeRoot(account, task) => caller.try_assume_root(account, task, &[]).await,
        Ask::Iam(_, action, params) => caller.query("iam", action, params).await,
        Ask::Bucket(method) => {
            let policy = Outgoing::new("s3", method, "/payments-ledger?policy").body("no policy");
            let plain = Outgoing { body: Vec::new(), ..policy.clone() };
            caller.send(if method == "PUT" { &policy } else { &plain }).await.unwrap()
        }
        Ask::Queue(action) => {
            let url = format!("http://x/{PAYMENTS}/payments-events");
            let input = json!({ "QueueUrl": url, "AttributeNames": ["All"], "Attributes": { "Policy": "no policy" } });
            caller.sqs(action, input).await
        }
        Ask::Organizations => caller.organizations("DescribeAccount", json!({ "AccountId": PAYMENTS })).await,
    }
}

/// As SDKs do it: the header of the query protocol goes before the shape's name.
fn read_code(answer: &Answer) -> String {
    if let Some((code, _)) = answer.header("x-amzn-query-error").split_once(';') {
        return code.to_owned();
    }
    let json = || serde_json::from_str::<Value>(&answer.body).ok()?.get("__type")?.as_str().map(str::to_owned);
    let name = answer.xml("Code").or_else(json).unwrap_or_default();
    name.rsplit('#').next().unwrap_or_default().to_owned()
}

/// In the header always; in the body too where that is XML.
fn request_id_is_there(answer: &Answer, id: &str, about: &str) {
    let header = format!("{}{}", answer.header("x-amzn-requestid"), answer.header("x-amz-request-id"));
    assert_eq!(header, id, "{about}");
    if answer.header("content-type").ends_with("xml") {
        assert_eq!(answer.xml("RequestId").as_deref(), Some(id), "{about}");
    }
}

#[tokio::test]
async fn a_region_is_named_where_s3_names_it() {
    let simulator = simulator().await;
    let session = Client::of(&simulator, "gateway").assume_root(PAYMENTS, S3).await;
    let moved = Fault::on("s3", "*").error(301, "PermanentRedirect", "there").bucket_region("us-west-2");
    simulator.inject(moved.clone().empty_body());
    let answer = session.s3("GET", "/payments-ledger?policy").await;
    assert_eq!((answer.header("x-amz-bucket-region"), answer.body.as_str()), ("us-west-2", ""));
    simulator.inject(moved);
    let answer = session.s3("GET", "/payments-ledger?policy").await;
    assert_eq!((answer.header("x-amz-bucket-region"), answer.refusal().1.as_str()), ("us-west-2", "PermanentRedirect"));
    simulator.inject(
        Fault::on("s3", "*").error(400, "AuthorizationHeaderMalformed", REGION_TEXT).bucket_region("eu-west-1"),
    );
    let answer = session.s3("GET", "/payments-ledger?policy").await;
    assert_eq!(
        (answer.header("x-amz-bucket-region"), answer.xml("Region").as_deref()),
        ("eu-west-1", Some("eu-west-1"))
    );
    // S3's own answer names its region once, the fault's.
    simulator.edit(|world| world.bucket_mut("payments-ledger").unwrap().region = "us-east-1".to_owned());
    simulator.inject(Fault::on("s3", "*").bucket_region("us-west-2"));
    let answer = session.s3("GET", "/payments-ledger?policy").await;
    let named: Vec<_> = answer.headers.get_all("x-amz-bucket-region").iter().collect();
    assert_eq!(answer.status, 301);
    assert_eq!(named, ["us-west-2"]);
}
