//! Signed checkpoints, from the gateway to its anchors and back to who verifies.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use aws_root_simulator::world::{Bucket, ObjectLock};
use aws_sdk_s3::{error::ProvideErrorMetadata as _, primitives::ByteStream};
use rootgate::{
    clock::SystemClock,
    journal::{
        AnchorFile, Checkpoint, CheckpointKey, CheckpointVerifier, Checkpointer, Event, Fault, Journal, SignedNote,
        VerifyError, read_checkpoints, verify,
    },
    pb::{self, journal_service_client::JournalServiceClient},
};
use tempfile::TempDir;
use tonic::Code;

use crate::{
    deploy_aws::document,
    harness::{OPERATOR, PAYMENTS, REASON, Setup, World, answer, credentials, refused, s3},
};

const ORIGIN: &str = "rootgate.example.com/journal";
const BUCKET: &str = "example-journal-anchor";
/// The account of the bucket, which is not the gateway's, and who may do everything in it.
const OWNER: &str = PAYMENTS;
const OWNERS_ADMIN: &str = "payments-admin";

/// A folder that the gateway's people cannot write, as far as tests have one, and the gateway's key.
struct Kept {
    folder: TempDir,
    public: CheckpointVerifier,
}

impl Kept {
    fn new() -> Self {
        let folder = TempDir::new().unwrap();
        let key = CheckpointKey::generate(ORIGIN.parse().unwrap()).unwrap();
        key.write(&folder.path().join("key")).unwrap();
        Self { folder, public: key.verifier() }
    }

    fn anchor(&self) -> PathBuf {
        self.folder.path().join("checkpoints.txt")
    }

    fn setup(&self) -> Setup {
        let (key, anchor) = (self.folder.path().join("key"), self.anchor());
        let lines = format!("key_file = {key:?}\norigin = \"{ORIGIN}\"\nfile = {anchor:?}");
        Setup::default().with("journal.checkpoint", &lines)
    }

    fn checkpoints(&self) -> Vec<Checkpoint> {
        let notes = read_checkpoints(&self.anchor()).unwrap();
        notes.iter().map(|note| self.checkpoint(note)).collect()
    }

    fn checkpoint(&self, note: &SignedNote) -> Checkpoint {
        Checkpoint::verified(note, std::slice::from_ref(&self.public)).unwrap()
    }

    /// Whether the journal is the one that the checkpoints speak of.
    async fn verify(&self, journal: &Path) -> Result<u64, VerifyError> {
        let expected: Vec<_> = self.checkpoints().iter().filter_map(Checkpoint::expectation).collect();
        Ok(verify(journal, &expected).await?.records)
    }
}

#[tokio::test]
async fn the_last_checkpoint_signs_the_stop_and_the_journal_verifies_against_all_of_them() {
    let kept = Kept::new();
    let mut world = World::start_with(kept.setup()).await;
    world.as_caller(OPERATOR).await.audit(PAYMENTS).await.unwrap();
    world.stop().await;
    let records = world.records().await;
    let checkpoints = kept.checkpoints();
    let last = checkpoints.last().unwrap();
    assert_eq!(last.size, records.len() as u64);
    assert!(checkpoints.iter().all(|checkpoint| checkpoint.origin.as_str() == ORIGIN));
    assert_eq!(kept.verify(&world.journal_path()).await.unwrap(), last.size);
    // An older copy of the journal is whole, and is found nevertheless.
    let older = kept.folder.path().join("older.db");
    std::fs::copy(world.journal_path(), &older).unwrap();
    let journal = Journal::open(&world.journal_path(), Arc::new(SystemClock)).await.unwrap().journal;
    journal.append(Event::Reloaded { what: "policies".to_owned(), sha256: None }).await.unwrap();
    let key = CheckpointKey::read(&kept.folder.path().join("key")).unwrap();
    let note = Checkpointer::new(key, ORIGIN.parse().unwrap()).sign_head(&journal).await.unwrap();
    AnchorFile::new(kept.anchor(), ORIGIN.parse().unwrap()).append(&note).await.unwrap();
    let newest = last.size + 1;
    assert_eq!(kept.verify(&world.journal_path()).await.unwrap(), newest);
    assert_eq!(verify(&older, &[]).await.unwrap().records, last.size);
    match kept.verify(&older).await.unwrap_err() {
        VerifyError::Tampered { index, fault: Fault::Cut(cut) } => assert_eq!((index, cut), (newest, newest)),
        error => panic!("{error}"),
    }
}

/// Nobody is given a signature while it is not known what was signed before.
#[tokio::test]
async fn while_its_file_cannot_be_read_the_gateway_signs_for_nobody() {
    let kept = Kept::new();
    std::fs::write(kept.anchor(), "127.0.0.1 localhost\n").unwrap();
    let mut world = World::start_with(kept.setup()).await;
    let mut journal = JournalServiceClient::new(world.as_caller(OPERATOR).await.channel);
    let request = pb::GetCheckpointRequest { reason: REASON.to_owned(), ..Default::default() };
    refused(answer(journal.get_checkpoint(request).await), Code::Unavailable, "JOURNAL_UNAVAILABLE");
    world.stop().await;
    assert_eq!(std::fs::read_to_string(kept.anchor()).unwrap(), "127.0.0.1 localhost\n");
}

#[tokio::test]
async fn who_may_read_the_journal_has_it_signed_and_can_hold_the_gateway_to_it() {
    let kept = Kept::new();
    let world = World::start_with(kept.setup()).await;
    let mut journal = JournalServiceClient::new(world.as_caller(OPERATOR).await.channel);
    let request = pb::GetCheckpointRequest { reason: REASON.to_owned(), ..Default::default() };
    let signed = answer(journal.get_checkpoint(request).await).unwrap();
    let checkpoint = kept.checkpoint(&signed.signed_note.parse().unwrap());
    assert_eq!((checkpoint.size as i64, checkpoint.hash.to_string()), (signed.index, signed.hash.clone()));
    let records = world.records().await;
    let [.., intent, outcome] = records.as_slice() else { panic!("two records") };
    assert_eq!(
        (intent.index, intent.hash.as_str()),
        (checkpoint.size, signed.hash.as_str()),
        "the newest at that time"
    );
    assert_eq!(outcome.number("detail/index"), checkpoint.size);
    assert_eq!(signed.receipt.unwrap().record_hash, outcome.hash);
}

/// With the documents of deploy/aws, in another account: the gateway can put and lock, and nothing else.
#[tokio::test]
async fn a_bucket_with_object_lock_holds_what_nobody_can_delete() {
    let kept = Kept::new();
    let lines = format!(
        "bucket = \"{BUCKET}\"\nregion = \"eu-central-1\"\nexpected_bucket_owner = \"{OWNER}\"\nprefix = \"rootgate/\"\n\
         retention_days = 30"
    );
    let setup = kept.setup().with("journal.checkpoint.s3", &lines);
    // The gateway starts without its bucket, and says so in its log; the stop finds it.
    let mut world = World::start_with(setup).await;
    world.aws.edit(|aws| {
        let bucket = Bucket { object_lock: true, ..Bucket::new(BUCKET, "eu-central-1") };
        let bucket = bucket.with_policy(&document("checkpoint-anchor-bucket.json"));
        aws.account_mut(OWNER).unwrap().buckets.insert(BUCKET.to_owned(), bucket);
        let principals = &mut aws.account_mut("222222222222").unwrap().principals;
        let gateway = principals.iter_mut().find(|principal| principal.name == "gateway").unwrap();
        gateway.policies.push(document("checkpoint-anchor-role.json"));
    });
    world.stop().await;
    let records = world.records().await.len() as u64;
    let (key, version, body) = world.aws.edit(|aws| {
        let objects = &aws.bucket(BUCKET).unwrap().1.objects;
        let (key, object) = objects.iter().next_back().unwrap();
        let note: SignedNote = std::str::from_utf8(&object.body).unwrap().parse().unwrap();
        let checkpoint = kept.checkpoint(&note);
        assert_eq!(checkpoint.size, records);
        assert_eq!(*key, format!("rootgate/{records:020}-{}.txt", &checkpoint.hash.to_string()[..16]));
        let Some(ObjectLock { compliance: true, retain_until }) = object.lock else { panic!("{:?}", object.lock) };
        let days = (retain_until - object.modified) / 86_400;
        assert!((29..=30).contains(&days), "{days}");
        (key.clone(), object.version_id.clone().unwrap(), object.body.clone())
    });
    assert_eq!(kept.checkpoints().last().unwrap().size, records, "the file was not held up");
    let calls: Vec<String> = world.acts_on_aws().into_iter().filter(|name| name != "s3:PutObject").collect();
    assert!(calls.is_empty(), "{calls:?}");

    // Neither the gateway nor who may do everything in the account of the bucket can take it away.
    for who in ["gateway", OWNERS_ADMIN] {
        let s3 = s3(&world.aws, "eu-central-1", credentials(&world.aws, who));
        let delete = s3.delete_object().bucket(BUCKET).key(&key).version_id(&version);
        for delete in [delete.clone(), delete.bypass_governance_retention(true)] {
            assert_eq!(delete.send().await.unwrap_err().code(), Some("AccessDenied"), "{who}");
        }
        let overwrite = || s3.put_object().bucket(BUCKET).key(&key).body(ByteStream::from_static(b"forged"));
        let again = overwrite().if_none_match("*").send().await.unwrap_err();
        assert_eq!(again.code(), Some("PreconditionFailed"), "{who}");
        overwrite().send().await.unwrap();
    }
    // Whoever overwrites makes a new version beside it.
    let s3 = s3(&world.aws, "eu-central-1", credentials(&world.aws, OWNERS_ADMIN));
    let found = s3.get_object().bucket(BUCKET).key(&key).version_id(&version).send().await.unwrap();
    assert_eq!(found.body.collect().await.unwrap().to_vec(), body);
}

#[tokio::test]
async fn a_key_that_cannot_be_used_keeps_the_gateway_from_starting() {
    use rootgate::{app, config::Config};
    crate::harness::install_crypto();
    let kept = Kept::new();
    let folder = TempDir::new().unwrap();
    let pki = crate::pki::Pki::new().unwrap();
    crate::harness::write_files(folder.path(), &pki, "");
    let toml = crate::harness::config_toml("http://127.0.0.1:1", &kept.setup().extra);
    let config = Config::from_toml(&toml, folder.path(), "test.toml").unwrap();
    let report = app::check(&config).await.unwrap().to_string();
    assert!(report.contains(&format!("checkpoints  of {ORIGIN}, kept in ")), "{report}");
    assert!(report.contains(&kept.public.to_string()), "{report}");
    std::fs::write(kept.folder.path().join("key"), "secret\n").unwrap();
    let error = app::check(&config).await.unwrap_err().to_string();
    assert!(error.contains("journal.checkpoint.key_file") && !error.contains("secret"), "{error}");
}
