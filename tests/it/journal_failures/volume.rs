//! A small volume that can be full.

use std::{
    fs,
    io::{BufRead, BufReader, ErrorKind, Write},
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
};

const FIX: &str = "the test needs a volume of its own: install util-linux and mount (unshare, nsenter, mount), and run as \
                   root, or where users may make namespaces (in a container: `--privileged`, or `--cap-add SYS_ADMIN` \
                   with `--security-opt apparmor=unconfined`)";
const MOUNT: &str = r#"mount -t tmpfs -o "size=$2,mode=0700" tmpfs "$1" && echo mounted && exec cat"#;

/// A tmpfs that nobody sees but the processes that are put in. It goes with this value, or with the test's process.
pub struct Volume {
    /// Keeps the namespace until its input ends.
    keeper: Child,
    folder: PathBuf,
}

impl Volume {
    /// Over this folder; `size` as mount(8) takes it.
    pub fn mount(folder: &Path, size: &str) -> Self {
        let mut command = Command::new("unshare");
        command.args(if is_root() { &["--mount"][..] } else { &["--user", "--map-root-user", "--mount"] });
        command.args(["sh", "-c", MOUNT, "sh"]).arg(folder).arg(size).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut keeper = command.spawn().unwrap_or_else(|error| panic!("unshare: {error}: {FIX}"));
        let mut line = String::new();
        BufReader::new(keeper.stdout.take().unwrap()).read_line(&mut line).unwrap();
        assert_eq!(line, "mounted\n", "no volume was mounted: {FIX}");
        Self { keeper, folder: folder.to_owned() }
    }

    /// The command, run where the volume is; with an empty environment but for what the command sets.
    pub fn enter(&self, command: &Command) -> Command {
        let mut inside = Command::new("nsenter");
        inside.env_clear().envs(command.get_envs().filter_map(|(name, value)| Some((name, value?))));
        inside.args(["--target", &self.keeper.id().to_string(), "--mount"]);
        if !is_root() {
            inside.args(["--user", "--preserve-credentials"]);
        }
        inside.arg("--").arg(command.get_program()).args(command.get_args());
        inside.stdout(Stdio::piped()).stderr(Stdio::piped());
        inside
    }

    /// Takes all that is free.
    pub fn fill(&self) {
        let mut filler = fs::File::create(self.path("filler")).unwrap();
        let full = loop {
            if let Err(error) = filler.write_all(&[0; 4096]) {
                break error;
            }
        };
        assert_eq!(full.kind(), ErrorKind::StorageFull);
    }

    /// Gives it back.
    pub fn free(&self) {
        fs::remove_file(self.path("filler")).unwrap();
    }

    /// Copies its files, to be read by whoever is outside.
    pub fn copy_to(&self, folder: &Path) {
        for entry in fs::read_dir(self.path("")).unwrap() {
            let entry = entry.unwrap();
            fs::copy(entry.path(), folder.join(entry.file_name())).unwrap();
        }
    }

    /// A file of the volume, as seen from outside.
    fn path(&self, name: &str) -> PathBuf {
        let root = PathBuf::from(format!("/proc/{}/root", self.keeper.id()));
        root.join(self.folder.strip_prefix("/").unwrap()).join(name)
    }
}

impl Drop for Volume {
    fn drop(&mut self) {
        let _ = self.keeper.kill();
        let _ = self.keeper.wait();
    }
}

fn is_root() -> bool {
    fs::metadata("/proc/self").unwrap().uid() == 0
}
