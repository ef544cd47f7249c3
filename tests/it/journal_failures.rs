//! What callers and health see while the journal cannot be written, and that nothing acknowledged is lost by it.

mod outage;
mod volume;

use std::{fs, process::Command, sync::Arc};

use rootgate::{
    clock::SystemClock,
    journal::{CheckpointKey, Event, Journal, read_checkpoints},
};
use rootgate_test_postgres::{Cluster, Options};
use sqlx::{Connection as _, Executor as _, SqliteConnection};

use self::{outage::Outage, volume::Volume};
use crate::harness::{OPERATOR, STRANGER, Setup, Site, World, config_toml};

/// The journal and what SQLite keeps beside it.
const FILES: [&str; 3] = ["journal.db", "journal.db-wal", "journal.db-shm"];

async fn outage(world: &World) -> Outage<'_> {
    Outage::begin(&world.aws, world.as_caller(OPERATOR).await, world.as_caller(STRANGER).await).await
}

#[tokio::test]
async fn a_removed_journal_stops_every_act_until_it_is_put_back() {
    let mut world = World::start().await;
    let mut outage = outage(&world).await;
    let aside = world.folder.path().join("aside.db");
    fs::rename(world.journal_path(), &aside).unwrap();
    outage.shows().await;
    fs::rename(&aside, world.journal_path()).unwrap();
    let receipts = outage.ends().await;
    world.stop().await;
    receipts.are_all_in(world.journal()).await;
}

#[tokio::test]
async fn another_journal_in_its_place_stops_every_act_and_is_not_touched() {
    let mut world = World::start().await;
    let folder = world.folder.path().to_owned();
    let other = folder.join("other.db");
    let opened = Journal::open(&other, Arc::new(SystemClock)).await.unwrap();
    opened.journal.append(Event::Reloaded { what: "jwt:login".to_owned(), sha256: None }).await.unwrap();
    opened.journal.close().await.unwrap();
    let (aside, before) = (folder.join("aside"), fs::read(&other).unwrap());

    let mut outage = outage(&world).await;
    fs::create_dir(&aside).unwrap();
    for file in FILES {
        fs::rename(folder.join(file), aside.join(file)).unwrap();
    }
    fs::rename(&other, world.journal_path()).unwrap();
    outage.shows().await;

    let found = rootgate::journal::list(&world.journal_path(), 1, 10).await.unwrap();
    assert_eq!(found.len(), 2, "what the gateway found there is as it was");
    assert_eq!(fs::read(world.journal_path()).unwrap(), before);
    for file in FILES {
        let _ = fs::remove_file(folder.join(file));
        fs::rename(aside.join(file), folder.join(file)).unwrap();
    }
    let receipts = outage.ends().await;
    world.stop().await;
    receipts.are_all_in(world.journal()).await;
}

#[tokio::test]
async fn a_write_that_has_to_wait_for_too_long_stops_every_act_until_it_goes_through() {
    let mut world = World::start().await;
    let mut outage = outage(&world).await;
    let url = format!("sqlite://{}", world.journal_path().display());
    let mut holder = SqliteConnection::connect(&url).await.unwrap();
    holder.execute("BEGIN EXCLUSIVE").await.unwrap();
    outage.shows().await;
    holder.execute("ROLLBACK").await.unwrap();
    holder.close().await.unwrap();
    let receipts = outage.ends().await;
    world.stop().await;
    receipts.are_all_in(world.journal()).await;
}

#[tokio::test]
async fn a_full_volume_stops_every_act_until_there_is_room_again() {
    let site = Site::new().await;
    let folder = site.path().join("volume");
    fs::create_dir(&folder).unwrap();
    let toml = config_toml(&site.aws.endpoint(), &[]);
    site.configure(&toml.replace("path = \"journal.db\"", "path = \"volume/journal.db\""));
    let volume = Volume::mount(&folder, "2m");
    let gateway = site.serve_by(volume.enter(&site.command("serve"))).await;
    let (operator, stranger) = (site.client(gateway.address).await, site.client_as(STRANGER, gateway.address).await);
    let mut outage = Outage::begin(&site.aws, operator, stranger).await;
    volume.fill();
    outage.uses_up_what_is_left().await;
    outage.shows().await;
    volume.free();
    let receipts = outage.ends().await;
    gateway.signal("-TERM");
    let (status, log) = gateway.ended().await;
    assert!(status.success(), "{log}");
    assert!(log.contains("is full: free space on it"), "the operator reads the fix: {log}");

    volume.fill();
    let full = site.output(volume.enter(&site.command("serve"))).await;
    let text = String::from_utf8(full.stderr).unwrap();
    assert!(!full.status.success() && text.contains("is full: free space on it"), "{text}");
    volume.free();
    // Without its volume there is none in the folder.
    assert!(!folder.join("journal.db").exists());
    volume.copy_to(&folder);
    receipts.are_all_in(folder.join("journal.db").as_path()).await;
}

/// The note that does not fit is written in part, which must not stay.
#[tokio::test]
async fn a_checkpoint_that_does_not_fit_on_its_volume_leaves_the_others_whole() {
    let site = Site::new().await;
    let [folder, copy] = ["anchor", "copy"].map(|name| site.path().join(name));
    fs::create_dir(&folder).unwrap();
    fs::create_dir(&copy).unwrap();
    CheckpointKey::generate("j.example".parse().unwrap()).unwrap().write(&site.path().join("key")).unwrap();
    let journal = Journal::open(&site.path().join("other.db"), Arc::new(SystemClock)).await.unwrap().journal;
    let volume = Volume::mount(&folder, "64k");
    let publish = async || {
        journal.append(Event::Reloaded { what: "policies".to_owned(), sha256: None }).await.unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_rootgate"));
        command.args(["journal", "checkpoint", "--journal"]).arg(site.path().join("other.db"));
        command.arg("--key").arg(site.path().join("key")).arg("--output").arg(folder.join("checkpoints"));
        site.output(volume.enter(&command)).await
    };
    let whole = || {
        volume.copy_to(&copy);
        read_checkpoints(&copy.join("checkpoints")).unwrap().len()
    };
    let first = publish().await;
    assert!(first.status.success(), "{}", String::from_utf8_lossy(&first.stderr));
    volume.fill();
    // The page that the file has is used up first.
    let mut published = 1;
    let full = loop {
        let output = publish().await;
        if !output.status.success() {
            break String::from_utf8(output.stderr).unwrap();
        }
        published += 1;
    };
    assert!(full.contains("cannot be written (No space left on device") && full.contains("look for room"), "{full}");
    assert!(published > 1 && published < 40, "{published}");
    assert_eq!(whole(), published);
    volume.free();
    assert!(publish().await.status.success());
    assert_eq!(whole(), published + 1);
}

/// The server ends as by a power cut, and recovers when it starts again.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_database_that_is_gone_stops_every_act_until_it_is_back() {
    let cluster = Cluster::start_new(&Options::default());
    let database = cluster.database("gone");
    let mut world = World::start_with(Setup::default().on_postgres(&database)).await;
    let mut outage = outage(&world).await;
    cluster.stop();
    outage.shows().await;
    cluster.start();
    let receipts = outage.ends().await;
    world.stop().await;
    receipts.are_all_in(world.journal()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_database_that_stands_still_stops_every_act_until_it_goes_on() {
    let cluster = Cluster::start_new(&Options::default());
    let database = cluster.database("still");
    let mut world = World::start_with(Setup::default().on_postgres(&database)).await;
    let mut outage = outage(&world).await;
    let frozen = cluster.freeze();
    outage.shows().await;
    drop(frozen);
    let receipts = outage.ends().await;
    world.stop().await;
    receipts.are_all_in_after_a_stall(world.journal()).await;
}
