//! No cluster outlives the process that started it.

use std::{
    os::unix::process::CommandExt as _,
    path::Path,
    process::{Child, Stdio},
};

use crate::binaries::Binaries;

/// Reads until the pipe closes, which the kernel does when the process that holds its other end is gone. A frozen server
/// must go on before it can end. `immediate`: nobody will read this cluster again.
const SCRIPT: &str = r#"
cat >/dev/null
if read -r postmaster <"$1/data/postmaster.pid"; then kill -CONT "$postmaster"; fi
"$0" stop -D "$1/data" -m immediate -w -t 30
cd / && rm -rf "$1"
"#;

/// Ends a cluster and removes its folder when it is dropped, or when this process dies.
#[derive(Debug)]
pub(crate) struct Watchdog {
    process: Child,
}

impl Watchdog {
    /// Watches from now on, whether or not the server runs yet.
    pub(crate) fn start(binaries: &Binaries, folder: &Path) -> Self {
        let mut shell = binaries.run(Path::new("/bin/sh"), folder);
        shell.arg("-c").arg(SCRIPT).arg(binaries.path("pg_ctl")).arg(folder);
        // Its own group: Ctrl-C is meant for the tests. No output: a pipe of the tests would be held open.
        shell.process_group(0).stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
        Self { process: shell.spawn().expect("/bin/sh can be run") }
    }
}

impl Drop for Watchdog {
    fn drop(&mut self) {
        drop(self.process.stdin.take());
        // It was only asked to clean up: a test must not fail at that.
        let _ = self.process.wait();
    }
}
