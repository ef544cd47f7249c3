//! `tail`.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use super::{super::tail::run_tail, *};

#[tokio::test]
async fn the_last_records_are_shown_as_the_list_shows_them() {
    let (fixture, _) = filled().await;
    for more in [&[][..], &["--json"]] {
        let (_, listed) = answer(&fixture, &[&["list", "--from", "3"], more].concat()).await.unwrap();
        let (code, last) = answer(&fixture, &[&["tail", "--lines", "2"], more].concat()).await.unwrap();
        assert_eq!((code, last), (ExitCode::SUCCESS, listed));
    }
    let (_, all) = answer(&fixture, &["list"]).await.unwrap();
    assert_eq!(answer(&fixture, &["tail"]).await.unwrap().1, all);
    assert_eq!(answer(&fixture, &["tail", "--lines", &u64::MAX.to_string()]).await.unwrap().1, all);
    assert_eq!(answer(&fixture, &["tail", "--lines", "0"]).await.unwrap().1, "");
}

/// What was written, for those who look on.
#[derive(Clone, Default)]
struct Shared(Arc<Mutex<Vec<u8>>>);

impl Write for Shared {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Shared {
    /// How many records were shown, once they are so many.
    async fn records(&self, count: usize) -> usize {
        let shown = || String::from_utf8(self.0.lock().unwrap().clone()).unwrap().lines().count();
        for _ in 0..1000 {
            if shown() >= count {
                break;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        shown()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn new_records_are_followed_until_ctrl_c() {
    let fixture = Fixture::new();
    let Opened { journal, .. } = fixture.open().await;
    journal.append(started()).await.unwrap();
    let path = fixture.path.to_str().unwrap().to_owned();
    let line = ["journal", "tail", "--follow", "--json", "--lines", "1", "--journal", &path];
    let JournalCommand::Tail(arguments) = Cli::parse_from(line).command else { unreachable!() };
    let (shown, mut out) = (Shared::default(), Shared::default());
    out.0 = Arc::clone(&shown.0);
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let tail = tokio::task::spawn_blocking(move || {
        tokio::runtime::Handle::current().block_on(run_tail(&arguments, &mut out, async { stopped.await.unwrap() }))
    });
    assert_eq!(shown.records(1).await, 1);
    journal.append(refusal("one")).await.unwrap();
    journal.append(refusal("two")).await.unwrap();
    assert_eq!(shown.records(3).await, 3);
    stop.send(()).unwrap();
    assert_eq!(tail.await.unwrap().unwrap(), ExitCode::SUCCESS);
    let listed = answer(&fixture, &["list", "--json"]).await.unwrap().1;
    assert_eq!(String::from_utf8(shown.0.lock().unwrap().clone()).unwrap(), listed);
}
