//! The keys of one issuer over time: cached, looked for again when a token names one that is not known, and believed for a
//! bounded time while the issuer does not answer.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::{
    sync::{Semaphore, watch},
    time::{Instant, timeout},
};

use super::{
    keys::{Key, KeySet, KeyUse, Miss},
    source::RemoteSource,
};
use crate::types::{Current, JwtAlgorithm};

/// Age from which keys are looked for again, by a request that does not wait for it. Bounds how long a key works that the
/// issuer has taken back.
const STALE_AFTER: Duration = Duration::from_secs(300);
/// Least time between two looks, whatever causes them: strangers can name unknown keys as often as they like.
const LOOK_INTERVAL: Duration = Duration::from_secs(10);
/// How long a request waits for a look.
const WAIT_MAX: Duration = Duration::from_secs(5);
/// How many requests wait at once for the looks at one issuer. Anybody can make a request wait, by a token that nobody
/// signed and that names an unknown key; each holds its headers and its share of the connection, some 16 KiB. Tokens of
/// keys at hand never wait.
pub(super) const WAITING_MAX: usize = 128;

/// The keys of one issuer.
pub(super) struct KeyStore {
    issuer: String,
    key_use: KeyUse,
    believed: Current<Option<Believed>>,
    /// Without one, the keys are good until they are replaced.
    remote: Option<Remote>,
}

/// Keys that are believed. Cloning is cheap.
#[derive(Clone)]
struct Believed {
    keys: Arc<KeySet>,
    /// Counts the changes.
    generation: u64,
    /// When the issuer was last asked with success.
    confirmed: Instant,
    document: Arc<[u8]>,
}

struct Remote {
    source: RemoteSource,
    max_age: Duration,
    looks: Mutex<Looks>,
    seats: Semaphore,
    /// Counts the looks that have ended.
    ended: watch::Sender<u64>,
}

#[derive(Default)]
struct Looks {
    is_running: bool,
    began: Option<Instant>,
    /// Why the last one found nothing.
    failure: Option<String>,
}

/// A key and the generation of the keys that it is of.
pub(super) struct Found {
    pub(super) key: Arc<Key>,
    pub(super) generation: u64,
}

impl KeyStore {
    /// Keys from a document that was handed in.
    pub(super) fn fixed(issuer: &str, key_use: KeyUse, document: &[u8]) -> Result<Self, String> {
        let store = Self::new(issuer, key_use, None);
        store.replace(document)?;
        Ok(store)
    }

    /// Keys that are asked for when they are first needed.
    pub(super) fn remote(issuer: &str, key_use: KeyUse, source: RemoteSource, max_age: Duration) -> Self {
        let (looks, seats, ended) = (Mutex::default(), Semaphore::new(WAITING_MAX), watch::Sender::new(0));
        Self::new(issuer, key_use, Some(Remote { source, max_age, looks, seats, ended }))
    }

    fn new(issuer: &str, key_use: KeyUse, remote: Option<Remote>) -> Self {
        Self { issuer: issuer.to_owned(), key_use, believed: Current::new(None), remote }
    }

    /// Puts a document in force that was handed in; if it is not good, the one before stays.
    pub(super) fn replace(&self, document: &[u8]) -> Result<(), String> {
        if self.remote.is_some() {
            return Err("the issuer is asked for its keys: there is no file to replace".to_owned());
        }
        let next = self.read(document, Instant::now())?;
        if next.keys.is_empty() {
            return Err(format!("no key in it can be used: {}", next.keys.left_out.join("; ")));
        }
        self.believed.replace(Some(next));
        Ok(())
    }

    /// Says that the keys are those with which something was verified, and are still believed.
    pub(super) fn is_unchanged_since(self: &Arc<Self>, generation: u64) -> bool {
        self.believed().is_some_and(|believed| believed.generation == generation)
    }

    /// Whether a key with this id is at hand. Asks nobody.
    pub(super) fn holds(self: &Arc<Self>, id: &str) -> bool {
        self.believed().is_some_and(|believed| believed.keys.holds(id))
    }

    /// The one key for a token with this `kid` and `alg`. Looks for it, within limits, if it is not at hand.
    pub(super) async fn find(self: &Arc<Self>, id: Option<&str>, algorithm: JwtAlgorithm) -> Result<Found, String> {
        match self.pick(id, algorithm) {
            Ok(found) => return Ok(found),
            Err(Miss::Unfit(why)) => return Err(why),
            Err(Miss::Unknown(_)) => {}
        }
        let looked = self.look().await;
        self.pick(id, algorithm).map_err(|(Miss::Unknown(why) | Miss::Unfit(why))| match looked {
            Ok(()) => why,
            Err(failure) => format!("{why}; {failure}"),
        })
    }

    /// Asks the issuer, unless it was asked just now; joins a look that is under way. Waits only if there is a seat.
    pub(super) async fn look(self: &Arc<Self>) -> Result<(), String> {
        let Some(remote) = &self.remote else { return Ok(()) };
        // Before the question whether one is under way, so that its end is not missed.
        let mut ended = remote.ended.subscribe();
        self.begin_look(remote)?;
        let _seat = remote.seats.try_acquire().map_err(|_| "too many tokens wait for the issuer's keys".to_owned())?;
        if timeout(WAIT_MAX, ended.changed()).await.is_err() {
            return Err("the issuer is still being asked".to_owned());
        }
        remote.looks().failure.clone().map_or(Ok(()), Err)
    }

    fn pick(self: &Arc<Self>, id: Option<&str>, algorithm: JwtAlgorithm) -> Result<Found, Miss> {
        let believed = self.believed().ok_or_else(|| Miss::Unknown("no keys of the issuer are at hand".to_owned()))?;
        Ok(Found { key: believed.keys.pick(id, algorithm)?, generation: believed.generation })
    }

    /// The keys, unless they are too old to be believed. Has old ones looked for again, and does not wait for it.
    fn believed(self: &Arc<Self>) -> Option<Believed> {
        let believed = self.believed.get().as_ref().clone()?;
        if let Some(remote) = &self.remote {
            let age = believed.confirmed.elapsed();
            if age > STALE_AFTER {
                // An error only says that a look is not due.
                let _ = self.begin_look(remote);
            }
            if age > remote.max_age {
                return None;
            }
        }
        Some(believed)
    }

    /// Begins a look, or says why none is due. One that is under way is as good.
    fn begin_look(self: &Arc<Self>, remote: &Remote) -> Result<(), String> {
        let now = Instant::now();
        let mut looks = remote.looks();
        if looks.is_running {
            return Ok(());
        }
        let ago = looks.began.map(|began| now.duration_since(began)).filter(|ago| *ago < LOOK_INTERVAL);
        if let Some(ago) = ago {
            let without = looks.failure.as_ref().map_or_else(String::new, |why| format!(" without success: {why}"));
            return Err(format!("the issuer was asked {} s ago{without}", ago.as_secs()));
        }
        (looks.is_running, looks.began) = (true, Some(now));
        drop(looks);
        // Detached: others wait for it too, and a stranger who hangs up must not end it.
        tokio::spawn(Look { store: Arc::clone(self), failure: Some("the look was broken off".to_owned()) }.run(now));
        Ok(())
    }

    fn read(&self, document: &[u8], confirmed: Instant) -> Result<Believed, String> {
        let last = self.believed.get();
        if let Some(last) = last.as_ref().as_ref().filter(|last| *last.document == *document) {
            return Ok(Believed { confirmed, ..last.clone() });
        }
        let keys = KeySet::parse(document, self.key_use)?;
        for reason in &keys.left_out {
            tracing::warn!(issuer = self.issuer, reason, "a key of a token issuer is left out");
        }
        tracing::info!(issuer = self.issuer, keys = keys.len(), "the keys of a token issuer are new");
        let generation = last.as_ref().as_ref().map_or(1, |last| last.generation + 1);
        Ok(Believed { keys: Arc::new(keys), generation, confirmed, document: document.into() })
    }
}

impl Remote {
    fn looks(&self) -> MutexGuard<'_, Looks> {
        // Each change of it is whole, so that what a panicking thread left is as good.
        self.looks.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One look under way. Its end is told even if it is a panic.
struct Look {
    store: Arc<KeyStore>,
    failure: Option<String>,
}

impl Look {
    async fn run(mut self, began: Instant) {
        let Some(remote) = &self.store.remote else { return };
        let document = remote.source.fetch().await;
        // No key in it is an answer too: an issuer that takes all keys back is believed.
        match document.and_then(|document| self.store.read(&document, began)) {
            Ok(believed) => {
                self.store.believed.replace(Some(believed));
                self.failure = None;
            }
            Err(why) => {
                tracing::warn!(issuer = self.store.issuer, reason = why, "a token issuer did not tell its keys");
                self.failure = Some(why);
            }
        }
    }
}

impl Drop for Look {
    fn drop(&mut self) {
        let Some(remote) = &self.store.remote else { return };
        let mut looks = remote.looks();
        (looks.is_running, looks.failure) = (false, self.failure.take());
        drop(looks);
        remote.ended.send_modify(|count| *count = count.wrapping_add(1));
    }
}
