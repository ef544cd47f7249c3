//! Who keeps the gateway busy, and what each was told.

use std::sync::Arc;

use aws_root_simulator::{
    Simulator,
    world::{Account, Bucket, RootAccessKey},
};
use rootgate::{
    journal::Expectation,
    pb::{CredentialKind, Receipt, TaskPolicy},
};
use tonic::Code;

use crate::harness::{Client, Refusal, Site};

/// Unlocks buckets, each in an account of its own.
const UNLOCKERS: u32 = 5;
/// Buckets of each: a bucket is locked again before its turn comes again.
const BUCKETS: u32 = 3;

/// A caller that acts, one act after another.
pub struct Caller {
    job: Job,
    account: String,
    turn: u32,
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

/// What a caller was told of an act.
pub enum Told {
    /// It is done.
    Done(Position, Change),
    /// It is not.
    Refused(Position),
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
    let caller = |job, number| Caller { job, account: account(number), turn: 0 };
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
        let mut all = Vec::new();
        loop {
            self.turn += 1;
            self.prepare(&site.aws);
            let told = self.act(&mut client).await.map_or_else(Told::from, |(receipt, change)| {
                let record = format!("{}:{}", receipt.journal_index, receipt.record_hash).parse().unwrap();
                Told::Done(Position { operation_id: receipt.operation_id, record }, change)
            });
            let cut_off = matches!(told, Told::Nothing);
            all.push(told);
            if cut_off {
                return (self, all);
            }
        }
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

    async fn act(&self, client: &mut Client) -> Result<(Receipt, Change), Refusal> {
        let account = &self.account;
        let (receipt, change) = match self.job {
            Job::Unlock | Job::Interfere | Job::Intrude => {
                let done = client.unlock_bucket(account, &self.bucket(self.turn)).await?;
                (done.receipt, if done.changed { Change::Policy } else { Change::Nothing })
            }
            Job::DeleteKey => (client.delete(account, &[CredentialKind::AccessKey]).await?.receipt, Change::Key),
            Job::Audit => (client.audit(account).await?.receipt, Change::Nothing),
            Job::OpenSession => {
                let opened = client.assume_root(account, TaskPolicy::IamAuditRootUserCredentials).await?;
                (opened.receipt, Change::Nothing)
            }
        };
        Ok((receipt.expect("who is answered gets a receipt"), change))
    }
}

impl From<Refusal> for Told {
    fn from(refusal: Refusal) -> Self {
        if refusal.reason.is_empty() {
            let cut_off = matches!(refusal.code, Code::Unavailable | Code::Unknown | Code::Cancelled | Code::Internal);
            assert!(cut_off, "only a lost connection has no reason: {refusal:?}");
            return Self::Nothing;
        }
        let record = format!("{}:{}", refusal.metadata("journal_index"), refusal.metadata("record_hash"));
        let record = record.parse().unwrap_or_else(|_| panic!("every refusal here is recorded: {refusal:?}"));
        Self::Refused(Position { operation_id: refusal.metadata("operation_id"), record })
    }
}

/// Keeps everybody out.
fn lock(bucket: &str) -> String {
    format!(
        r#"{{"Version":"2012-10-17","Statement":[{{"Effect":"Deny","Principal":"*","Action":"s3:*","Resource":["arn:aws:s3:::{bucket}","arn:aws:s3:::{bucket}/*"]}}]}}"#
    )
}
