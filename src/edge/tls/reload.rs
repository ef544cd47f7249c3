//! New certificates without a restart.

use std::sync::{Arc, Mutex, PoisonError};

use rustls::ServerConfig;

use super::{Configured, Contents, TlsError, TlsFiles, TlsRole, configure, files::Digests};
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
    counters: Arc<EdgeCounters>,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    /// What the configuration in force was made of.
    used: Digests,
    /// What was looked at last.
    seen: Digests,
    client_ca_expires: Option<Timestamp>,
}

/// What a look at the files led to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reloaded {
    /// The files are those in use.
    Unchanged,
    /// They were replaced, and the next handshake uses them.
    Replaced {
        /// Which files changed. Only the client CAs are named when one of them has expired.
        what: Vec<TlsRole>,
    },
    /// They changed and cannot be used. What was in use stays in use.
    Kept {
        /// Why.
        error: TlsError,
        /// Whether this is the first look that has found the files like this. An alarm need not repeat the rest.
        is_news: bool,
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
        let (used, current) = (contents.digests(), Arc::new(Current::new(config)));
        let state = Mutex::new(State { seen: used.clone(), used, client_ca_expires });
        Ok(Self { files, current, counters, state })
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
        let mut what = digests.changed_since(&state.used);
        if what.is_empty() && state.client_ca_expires.is_some_and(|expires| now > expires) {
            what.push(TlsRole::ClientCa);
        }
        let is_news = digests != state.seen;
        state.seen = digests.clone();
        if what.is_empty() {
            return Reloaded::Unchanged;
        }
        match configure(&self.files, &contents, now) {
            Ok(Configured { config, client_ca_expires }) => {
                self.current.replace(config);
                *state = State { used: digests.clone(), seen: digests, client_ca_expires };
                self.counters.add(EdgeCount::ReloadDone);
                Reloaded::Replaced { what }
            }
            Err(error) => {
                if is_news {
                    self.counters.add(EdgeCount::ReloadKept);
                }
                Reloaded::Kept { error, is_news }
            }
        }
    }
}

#[cfg(test)]
mod tests;
