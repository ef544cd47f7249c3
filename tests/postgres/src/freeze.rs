//! A server that stands still.

use std::{collections::BTreeSet, fs, marker::PhantomData};

use rustix::process::{Pid, Signal, kill_process};

use crate::cluster::Cluster;

/// A server all of whose processes are stopped; they go on when this is dropped. Linux only: the server's processes are
/// found in `/proc`.
#[derive(Debug)]
pub struct Frozen<'c> {
    processes: BTreeSet<u32>,
    // The cluster cannot be dropped while it is frozen.
    cluster: PhantomData<&'c Cluster>,
}

impl Frozen<'_> {
    pub(crate) fn new(postmaster: u32) -> Self {
        // The parent first: from then on there are no new children.
        send(postmaster, Signal::STOP);
        let mut processes = BTreeSet::from([postmaster]);
        processes.extend(children(postmaster));
        processes.iter().for_each(|process| send(*process, Signal::STOP));
        Self { processes, cluster: PhantomData }
    }
}

impl Drop for Frozen<'_> {
    fn drop(&mut self) {
        self.processes.iter().for_each(|process| send(*process, Signal::CONT));
    }
}

/// A process that is gone needs no signal.
fn send(process: u32, signal: Signal) {
    if let Some(pid) = i32::try_from(process).ok().and_then(Pid::from_raw) {
        let _ = kill_process(pid, signal);
    }
}

fn children(parent: u32) -> Vec<u32> {
    let file = format!("/proc/{parent}/task/{parent}/children");
    let text = fs::read_to_string(&file).unwrap_or_else(|error| panic!("{file} cannot be read: {error}"));
    text.split_whitespace().filter_map(|pid| pid.parse().ok()).collect()
}
