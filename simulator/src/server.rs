//! The running simulator: two listeners on loopback, and the handle that tests hold.

mod connection;

use std::fmt;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use tokio::net::TcpListener;
use tokio::sync::broadcast;
use tokio::task::JoinHandle;

use crate::call::Call;
use crate::cloudtrail;
use crate::fault::Fault;
use crate::scenario::Scenario;
use crate::state::State;
use crate::world::{AccessKey, World};

/// A running simulator. It stops at [`Simulator::stop`], or when it is dropped.
#[derive(Debug)]
pub struct Simulator {
    state: Arc<State>,
    endpoint: SocketAddr,
    global: SocketAddr,
    tasks: Vec<JoinHandle<()>>,
}

/// Why a simulator did not start.
#[derive(Debug)]
pub enum StartError {
    /// The address is not a loopback address.
    NotLoopback(SocketAddr),
    /// The address could not be listened on.
    Bind(SocketAddr, std::io::Error),
}

impl fmt::Display for StartError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            StartError::NotLoopback(address) => write!(
                f,
                "refusing to listen on {address}: anyone who reaches the simulator controls it, so only loopback addresses such as 127.0.0.1:0 are taken"
            ),
            StartError::Bind(address, error) => {
                write!(f, "cannot listen on {address}: {error}. Port 0 takes any free port")
            }
        }
    }
}

impl std::error::Error for StartError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            StartError::NotLoopback(_) => None,
            StartError::Bind(_, error) => Some(error),
        }
    }
}

impl Simulator {
    /// Starts on free ports of 127.0.0.1, on the current tokio runtime.
    ///
    /// # Errors
    ///
    /// When no port can be had.
    pub async fn start(scenario: Scenario) -> Result<Simulator, StartError> {
        Self::start_on(scenario, SocketAddr::from((Ipv4Addr::LOCALHOST, 0))).await
    }

    /// Starts on this loopback address; the global STS endpoint takes the next port, or any if that is taken.
    ///
    /// # Errors
    ///
    /// When the address is not a loopback one, or cannot be listened on.
    pub async fn start_on(scenario: Scenario, listen: SocketAddr) -> Result<Simulator, StartError> {
        if !listen.ip().is_loopback() {
            return Err(StartError::NotLoopback(listen));
        }
        let (main, endpoint) = bind(listen).await?;
        let next = if listen.port() == 0 { 0 } else { listen.port().checked_add(1).unwrap_or(0) };
        let (global_listener, global) = match bind(SocketAddr::new(listen.ip(), next)).await {
            Ok(bound) => bound,
            Err(_) => bind(SocketAddr::new(listen.ip(), 0)).await?,
        };
        let state = Arc::new(State::new(scenario.world));
        let tasks = vec![
            tokio::spawn(connection::accept(main, Arc::clone(&state), false)),
            tokio::spawn(connection::accept(global_listener, Arc::clone(&state), true)),
        ];
        Ok(Simulator { state, endpoint, global, tasks })
    }

    /// The endpoint of all services and regions, such as `http://127.0.0.1:4599`.
    pub fn endpoint(&self) -> String {
        format!("http://{}", self.endpoint)
    }

    /// The endpoint that stands for `sts.amazonaws.com`, which does not know `AssumeRoot`.
    pub fn global_sts_endpoint(&self) -> String {
        format!("http://{}", self.global)
    }

    /// All calls so far, refused ones too.
    pub fn calls(&self) -> Vec<Call> {
        self.state.calls().since(0)
    }

    /// Forgets the calls so far.
    pub fn clear_calls(&self) {
        self.state.calls().clear();
    }

    /// What an organization's trail of management events would have logged of all calls so far, in any of the accounts. These
    /// records outlive [`Self::clear_calls`].
    pub fn cloudtrail_records(&self) -> Vec<serde_json::Value> {
        self.state.trail().events().into_iter().map(|event| event.record).collect()
    }

    /// Writes the same as compressed log files under `folder`, in the layout in which CloudTrail delivers them; returns the files.
    /// Written again, an event can stand in two files, under the same `eventID`, as where two trails deliver it.
    ///
    /// # Errors
    ///
    /// When a file cannot be written.
    pub fn write_cloudtrail(&self, folder: &Path) -> io::Result<Vec<PathBuf>> {
        let events = self.state.trail().events();
        cloudtrail::deliver(&events, folder)
    }

    /// Coming calls, each as it is logged.
    pub fn subscribe(&self) -> broadcast::Receiver<Call> {
        self.state.subscribe()
    }

    /// Injects a fault into coming calls.
    pub fn inject(&self, fault: Fault) {
        self.state.faults().add(fault);
    }

    /// Forgets the faults that still wait.
    pub fn clear_faults(&self) {
        self.state.faults().clear();
    }

    /// Looks at or changes the live world. No call is answered meanwhile.
    pub fn edit<R>(&self, f: impl FnOnce(&mut World) -> R) -> R {
        f(&mut self.state.world())
    }

    /// The static access key of a scenario's principal; `ACCOUNT/root` for a root user's key with a known secret.
    pub fn access_key(&self, name: &str) -> Option<AccessKey> {
        self.state.world().access_key(name)
    }

    /// Secret access keys and session tokens of every temporary credential that was issued, for tests that search logs and
    /// files for them.
    pub fn issued_secrets(&self) -> Vec<String> {
        self.state.world().issued_secrets()
    }

    /// Ends every root session at once.
    pub fn expire_root_sessions(&self) {
        self.state.world().expire_root_sessions();
    }

    /// Stops: listeners and connections are closed when this returns.
    pub async fn stop(mut self) {
        for task in std::mem::take(&mut self.tasks) {
            task.abort();
            // Aborted is how it should end.
            let _ = task.await;
        }
    }
}

impl Drop for Simulator {
    fn drop(&mut self) {
        for task in &self.tasks {
            task.abort();
        }
    }
}

async fn bind(address: SocketAddr) -> Result<(TcpListener, SocketAddr), StartError> {
    let listener = TcpListener::bind(address).await.map_err(|error| StartError::Bind(address, error))?;
    let bound = listener.local_addr().map_err(|error| StartError::Bind(address, error))?;
    Ok((listener, bound))
}
