//! New certificates without a restart.

use std::sync::{Arc, Mutex, PoisonError};

use rustls::ServerConfig;

use super::{
    Configured, Contents, TlsError, TlsFiles, TlsProblem, TlsRole, configure, files::Digests, refused, refusing,
};
use crate::{
    clock::Timestamp,
    edge::{EdgeCount, EdgeCounters},
    types::Current,
};

/// Holds the configuration of one listener and makes it anew when its files change.
///
/// Established connections keep what they agreed on until they reach their maximum age.
#[derive(Debug)]
pub struct TlsReloader {
    files: TlsFiles,
    current: Arc<Current<ServerConfig>>,
    /// Stands in for the configuration when a CA in it must no longer be believed and nothing else loads.
    refusing: Arc<ServerConfig>,
    counters: Arc<EdgeCounters>,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    /// What the configuration in force was made of.
    used: Digests,
    /// What was looked at last.
    seen: Digests,
    /// What was last found not to load.
    unusable: Option<Digests>,
    client_ca_expires: Option<Timestamp>,
    is_refusing: bool,
}

impl State {
    const fn new(used: Digests, seen: Digests, client_ca_expires: Option<Timestamp>) -> Self {
        Self { used, seen, unusable: None, client_ca_expires, is_refusing: false }
    }

    /// Which files are not those in force, or must be judged anew.
    fn due(&self, digests: &Digests, now: Timestamp) -> Vec<TlsRole> {
        let mut what = digests.changed_since(&self.used);
        if what.is_empty() && (self.is_refusing || self.has_expired(now)) {
            what.push(TlsRole::ClientCa);
        }
        what
    }

    fn has_expired(&self, now: Timestamp) -> bool {
        self.client_ca_expires.is_some_and(|expires| now > expires)
    }
}

/// What a look at the files led to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reloaded {
    /// The files are those in use.
    Unchanged,
    /// They are not what they were at the last look. They are used when the next look finds the same: a file that is
    /// written in place must not be taken up by half.
    Unsettled,
    /// They were replaced, and the next handshake uses them.
    Replaced {
        /// Which files changed. Only the client CAs are named when one of them has expired.
        what: Vec<TlsRole>,
    },
    /// They changed, or a client CA has expired, and they cannot be used.
    Kept {
        /// Why.
        error: TlsError,
        /// Whether this is the first look that has found the files like this. An alarm need not repeat the rest.
        is_news: bool,
        /// Whether every handshake fails until good files come, since a client CA of what was in use has expired. If
        /// not, what was in use stays in use.
        is_refusing: bool,
    },
}

impl TlsReloader {
    /// Loads the files for the first time.
    ///
    /// # Errors
    ///
    /// As for [`load`](super::load).
    pub fn new(files: TlsFiles, now: Timestamp, counters: Arc<EdgeCounters>) -> Result<Self, TlsError> {
        let contents = Contents::read(&files);
        let Configured { config, client_ca_expires } = configure(&files, &contents, now)?;
        let problem =
            |error| TlsProblem { role: TlsRole::Certificate, file: files.certificate.clone(), fault: refused(error) };
        let refusing = refusing().map_err(|error| TlsError::new(vec![problem(error)]))?;
        let (used, current) = (contents.digests(), Arc::new(Current::new(config)));
        let state = Mutex::new(State::new(used.clone(), used, client_ca_expires));
        Ok(Self { files, current, refusing, counters, state })
    }

    /// The configuration in force, for [`Transport::Tls`](crate::edge::Transport).
    #[must_use]
    pub fn current(&self) -> Arc<Current<ServerConfig>> {
        Arc::clone(&self.current)
    }

    /// The files that are looked at.
    #[must_use]
    pub const fn files(&self) -> &TlsFiles {
        &self.files
    }

    /// Looks at the contents of the files, not at their times: Kubernetes swaps a symbolic link above them.
    ///
    /// Reads a few small files; where that may block for long, call it on a thread that may.
    pub fn reload_if_changed(&self, now: Timestamp) -> Reloaded {
        // One look at a time. Whatever a panicking one left behind is compared anew.
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let contents = Contents::read(&self.files);
        let digests = contents.digests();
        let is_settled = digests == state.seen;
        state.seen = digests.clone();
        let what = state.due(&digests, now);
        if what.is_empty() {
            state.unusable = None;
            return Reloaded::Unchanged;
        }
        if !is_settled && digests != state.used {
            return Reloaded::Unsettled;
        }
        match configure(&self.files, &contents, now) {
            Ok(Configured { config, client_ca_expires }) => {
                self.current.replace(config);
                *state = State::new(digests.clone(), digests, client_ca_expires);
                self.counters.add(EdgeCount::ReloadDone);
                Reloaded::Replaced { what }
            }
            Err(error) => self.keep(&mut state, digests, error, now),
        }
    }

    /// What is in force stays, unless it believes a CA that has expired.
    fn keep(&self, state: &mut State, digests: Digests, error: TlsError, now: Timestamp) -> Reloaded {
        if state.has_expired(now) && !state.is_refusing {
            tracing::error!(%error, "a client CA in force has expired: handshakes fail until there are files that load");
            self.current.replace(Arc::clone(&self.refusing));
            state.is_refusing = true;
        }
        let is_news = state.unusable.as_ref() != Some(&digests);
        if is_news {
            self.counters.add(EdgeCount::ReloadKept);
            state.unusable = Some(digests);
        }
        Reloaded::Kept { error, is_news, is_refusing: state.is_refusing }
    }
}

#[cfg(test)]
mod tests;
