//! Where PostgreSQL is installed, and the user that runs it.

use std::{
    fs,
    os::unix::process::CommandExt as _,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

/// Debian keeps the server's programs out of `PATH`, one folder a version.
const DEBIAN: &str = "/usr/lib/postgresql";
/// What a cluster needs; all of one version lie in one folder.
const PROGRAMS: [&str; 4] = ["initdb", "pg_ctl", "postgres", "psql"];
const MISSING: &str = "PostgreSQL is missing, and this test needs it: no folder of PATH and none of \
     /usr/lib/postgresql/*/bin holds initdb, pg_ctl, postgres and psql. Install the Debian package `postgresql` \
     (apt-get install postgresql), or put the programs into PATH";

/// One installation.
#[derive(Clone, Debug)]
pub(crate) struct Binaries {
    folder: PathBuf,
    /// User and group to run as; none when it is the own one.
    user: Option<(u32, u32)>,
}

impl Binaries {
    /// The installation in `PATH`, else Debian's newest.
    pub(crate) fn find() -> Self {
        let folder = in_path().or_else(|| newest(Path::new(DEBIAN))).unwrap_or_else(|| panic!("{MISSING}"));
        Self { folder, user: rustix::process::geteuid().is_root().then(postgres_user) }
    }

    /// The user and group that own a cluster's folder; none when they are the own ones.
    pub(crate) fn user(&self) -> Option<(u32, u32)> {
        self.user
    }

    /// Where a program is.
    pub(crate) fn path(&self, program: &str) -> PathBuf {
        self.folder.join(program)
    }

    /// One of PostgreSQL's programs.
    pub(crate) fn command(&self, program: &str, folder: &Path) -> Command {
        self.run(&self.path(program), folder)
    }

    /// A program as the user that runs PostgreSQL, in a folder that this user may enter. Nothing of the environment is
    /// handed on: `PGHOST` and its like would lead elsewhere, and messages are to be the untranslated ones.
    pub(crate) fn run(&self, program: &Path, folder: &Path) -> Command {
        let mut command = Command::new(program);
        command.env_clear().env("PATH", "/usr/bin:/bin").env("LC_ALL", "C").current_dir(folder).stdin(Stdio::null());
        if let Some((user, group)) = self.user {
            // As root, `uid` drops the supplementary groups as well.
            command.uid(user).gid(group);
        }
        command
    }
}

#[expect(clippy::disallowed_methods, reason = "programs are found in PATH, and nothing else is read")]
fn in_path() -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    // A link may lead to one program alone: its siblings are where it leads to.
    let homes = std::env::split_paths(&path).filter_map(|folder| fs::canonicalize(folder.join("initdb")).ok());
    homes.filter_map(|initdb| initdb.parent().map(Path::to_owned)).find(|folder| is_complete(folder))
}

/// The folder of the highest version below this one.
fn newest(root: &Path) -> Option<PathBuf> {
    let versions = fs::read_dir(root).ok()?.filter_map(|entry| {
        let entry = entry.ok()?;
        Some((entry.file_name().to_str()?.parse::<u32>().ok()?, entry.path().join("bin")))
    });
    versions.filter(|(_, folder)| is_complete(folder)).max().map(|(_, folder)| folder)
}

fn is_complete(folder: &Path) -> bool {
    PROGRAMS.iter().all(|program| folder.join(program).is_file())
}

/// Debian's package makes this user.
fn postgres_user() -> (u32, u32) {
    let id = |which: &str| {
        let output = Command::new("id").args([which, "postgres"]).output().expect("`id` can be run");
        let number = String::from_utf8_lossy(&output.stdout).trim().parse::<u32>();
        number.unwrap_or_else(|_| {
            panic!(
                "PostgreSQL refuses to run as root, and there is no user `postgres` to run it as: useradd -r postgres"
            )
        })
    };
    (id("-u"), id("-g"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_complete_installation_is_taken() {
        let root = tempfile::tempdir().unwrap();
        assert_eq!(newest(root.path()), None);
        for (version, programs) in [("9", 4), ("15", 4), ("17", 3), ("main", 4)] {
            let folder = root.path().join(version).join("bin");
            fs::create_dir_all(&folder).unwrap();
            PROGRAMS.iter().take(programs).for_each(|program| fs::write(folder.join(program), "").unwrap());
        }
        assert_eq!(newest(root.path()), Some(root.path().join("15/bin")), "17 lacks psql, and 15 is more than 9");
    }

    #[test]
    fn who_lacks_postgresql_is_told_what_to_install() {
        assert!(MISSING.contains("apt-get install postgresql"));
        for program in PROGRAMS {
            assert!(MISSING.contains(program), "{program}");
        }
    }
}
