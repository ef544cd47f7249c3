//! Who keeps the gateway busy, and what each was told.

use std::sync::Arc;

use aws_root_simulator::{
    Simulator,
    world::{Account, Bucket, RootAccessKey},
};
use rootgate::{
    journal::Expectation,
    pb::{self, CredentialKind, Receipt, TaskPolicy},
    types::OperationId,
};
use tonic::Code;

use crate::harness::{Client, REASON, Refusal, Site, answer, assume_root, unlock_bucket};

/// Unlocks buckets, each in an account of its own.
const UNLOCKERS: u32 = 5;
/// Buckets of each: a bucket is locked again before its turn comes again.
const BUCKETS: u32 = 3;

/// A caller that acts, one act after another.
pub struct Caller {
    job: Job,
    account: String,
    turn: u32,
    /// The request of its turn, while there is no answer to it.
    request_id: Option<String>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Job {
    /// Unlocks its buckets in turn.
    Unlock,
    /// Unlocks the buckets of another caller, who is often at it.
    Interfere,
    /// Deletes the root user's access key.
    DeleteKey,
    Audit,
    OpenSession,
    /// Unlocks too, and may not.
    Intrude,
}

/// What a caller was told of a request, and whether it had made it before, of a gateway that was killed.
pub struct Told {
    pub answer: Answer,
    pub again: bool,
}

pub enum Answer {
    /// It is done.
    Done(Position, Change),
    /// It is not, or nobody knows; with the reason.
    Refused(Position, String),
    /// Nothing: the gateway was gone.
    Nothing,
}

/// Where an answer says that the act is recorded.
pub struct Position {
    pub operation_id: String,
    pub record: Expectation,
}

/// What an act that succeeded has changed, as its caller was told.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Change {
    Policy,
    Key,
    Nothing,
}

/// Everybody, and in AWS what they act on.
pub fn all(aws: &Simulator) -> Vec<Caller> {
    let account = |number: u32| format!("7000000000{number:02}");
    let caller = |job, number| Caller { job, account: account(number), turn: 0, request_id: None };
    let mut callers: Vec<Caller> = (0..UNLOCKERS).map(|number| caller(Job::Unlock, number)).collect();
    callers.push(caller(Job::Interfere, 0));
    callers.push(caller(Job::Intrude, 1));
    let own = [Job::DeleteKey, Job::DeleteKey, Job::Audit, Job::OpenSession];
    callers.extend((UNLOCKERS..).zip(own).map(|(number, job)| caller(job, number)));
    aws.edit(|aws| {
        for caller in &callers {
            let account = Account::new(&caller.account, &format!("crash-{}", caller.account));
            let account = aws.accounts.entry(caller.account.clone()).or_insert(account);
            for bucket in (0..BUCKETS).map(|turn| caller.bucket(turn)) {
                account.buckets.entry(bucket.clone()).or_insert_with(|| Bucket::new(&bucket, "eu-west-1"));
            }
        }
    });
    callers
}

impl Caller {
    pub fn is_stranger(&self) -> bool {
        self.job == Job::Intrude
    }

    /// Acts until there is no answer. What it was told, and itself for the next gateway.
    pub async fn act_until_cut_off(mut self, mut client: Client, site: Arc<Site>) -> (Self, Vec<Told>) {
        let mut all = self.repeat(&mut client).await;
        while self.request_id.is_none() {
            self.turn += 1;
            self.prepare(&site.aws);
            all.push(self.ask(&mut client, OperationId::generate().to_string(), false).await);
        }
        (self, all)
    }

    /// Makes the request again to which there was no answer.
    pub async fn repeat(&mut self, client: &mut Client) -> Vec<Told> {
        match self.request_id.take() {
            Some(request_id) => vec![self.ask(client, request_id, true).await],
            None => Vec::new(),
        }
    }

    async fn ask(&mut self, client: &mut Client, request_id: String, again: bool) -> Told {
        let answer = self.act(client, &request_id).await.map_or_else(Answer::from, |(receipt, change)| {
            let record = format!("{}:{}", receipt.journal_index, receipt.record_hash).parse().unwrap();
            Answer::Done(Position { operation_id: receipt.operation_id, record }, change)
        });
        self.request_id = matches!(answer, Answer::Nothing).then_some(request_id);
        Told { answer, again }
    }

    fn bucket(&self, turn: u32) -> String {
        format!("crash-{}-{}", self.account, turn % BUCKETS)
    }

    /// Makes something to do.
    fn prepare(&self, aws: &Simulator) {
        let bucket = self.bucket(self.turn);
        aws.edit(|aws| match self.job {
            Job::Unlock => aws.bucket_mut(&bucket).unwrap().policy = Some(lock(&bucket)),
            Job::DeleteKey => {
                let id = format!("AKIA{:0>16}", self.turn);
                let key = RootAccessKey { id, ..RootAccessKey::default() };
                aws.account_mut(&self.account).unwrap().root.access_keys = vec![key];
            }
            Job::Interfere | Job::Audit | Job::OpenSession | Job::Intrude => {}
        });
    }

    async fn act(&self, client: &mut Client, request_id: &str) -> Result<(Receipt, Change), Refusal> {
        let (request_id, account_id, reason) = (request_id.to_owned(), self.account.clone(), REASON.to_owned());
        let root = &mut client.root;
        let (receipt, change) = match self.job {
            Job::Unlock | Job::Interfere | Job::Intrude => {
                let request = unlock_bucket(&account_id, &self.bucket(self.turn));
                let request = pb::UnlockBucketPolicyRequest { request_id, ..request };
                let done = answer(root.unlock_bucket_policy(request).await)?;
                (done.receipt, if done.changed { Change::Policy } else { Change::Nothing })
            }
            Job::DeleteKey => {
                let credential_kinds = vec![CredentialKind::AccessKey.into()];
                let request = pb::DeleteRootCredentialsRequest {
                    account_id,
                    reason,
                    request_id,
                    credential_kinds,
                    ..Default::default()
                };
                (answer(root.delete_root_credentials(request).await)?.receipt, Change::Key)
            }
            // It changes nothing, and so takes no id.
            Job::Audit => {
                let request = pb::AuditRootCredentialsRequest { account_id, reason, ..Default::default() };
                (answer(root.audit_root_credentials(request).await)?.receipt, Change::Nothing)
            }
            Job::OpenSession => {
                let request = assume_root(&account_id, TaskPolicy::IamAuditRootUserCredentials).into_inner();
                let request = pb::AssumeRootRequest { request_id, ..request };
                (answer(root.assume_root(request).await)?.receipt, Change::Nothing)
            }
        };
        Ok((receipt.expect("who is answered gets a receipt"), change))
    }
}

impl From<Refusal> for Answer {
    fn from(refusal: Refusal) -> Self {
        if refusal.reason.is_empty() {
            let cut_off = matches!(refusal.code, Code::Unavailable | Code::Unknown | Code::Cancelled | Code::Internal);
            assert!(cut_off, "only a lost connection has no reason: {refusal:?}");
            return Self::Nothing;
        }
        let record = format!("{}:{}", refusal.metadata("journal_index"), refusal.metadata("record_hash"));
        let record = record.parse().unwrap_or_else(|_| panic!("every refusal here is recorded: {refusal:?}"));
        Self::Refused(Position { operation_id: refusal.metadata("operation_id"), record }, refusal.reason)
    }
}

/// Keeps everybody out.
fn lock(bucket: &str) -> String {
    format!(
        r#"{{"Version":"2012-10-17","Statement":[{{"Effect":"Deny","Principal":"*","Action":"s3:*","Resource":["arn:aws:s3:::{bucket}","arn:aws:s3:::{bucket}/*"]}}]}}"#
    )
}
