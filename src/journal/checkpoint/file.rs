//! A file that checkpoints are appended to: an anchor, if its holder keeps it where the gateway cannot change it.
//!
//! Each note is appended whole and synced, with a blank line behind it. A note whose writing broke off, because the
//! machine died or its volume filled up, ends without that line. It was never told of as published, so the next
//! append cuts it off first; if it may not (`chattr +a`), it says so. Nothing that is whole is ever changed, for which the
//! file is locked (flock) from before its end is looked at until the note is synced: other processes may append too.
//!
//! What was signed last is the note of the largest size, wherever it stands: whoever can append can repeat an older one.

use std::{
    fs::{File, OpenOptions},
    io::{self, BufReader, Read as _, Seek as _, SeekFrom, Write as _},
    os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _},
    path::{Path, PathBuf},
    sync::Arc,
};

use tokio::sync::Mutex;

use super::{
    AnchorFileError, Checkpoint, Malformed, SignedNote,
    key_file::{MODE_OTHERS, sync_directory},
    series::{self, Fault},
};
use crate::types::NoteName;

/// Large enough that a file of a gigabyte is read at the speed of its disk.
const BUFFER_BYTES: usize = 64 * 1024;

/// Owner only: whoever can write it can take checkpoints away.
const MODE: u32 = 0o600;
/// A note of ours: two names, the longest with 255 bytes each, and less than 512 bytes of numbers, time and signature.
const OWN_NOTE_BYTES_MAX: usize = 1024;
/// What is read to find the last note: the last two of ours are in it.
const TAIL_BYTES: u64 = 16 * 1024;

/// A file that the checkpoints of one journal are appended to. Made at the first append.
#[derive(Clone, Debug)]
pub struct AnchorFile {
    path: PathBuf,
    origin: NoteName,
    /// A disk that hangs holds one thread, and not one more for each try.
    turn: Arc<Mutex<SoFar>>,
}

/// What was read of a file.
#[derive(Clone, Debug, Default)]
struct SoFar {
    /// Where the last whole note ended.
    whole: u64,
    /// The note of the largest size, and what it says.
    latest: Option<(Checkpoint, SignedNote)>,
}

impl AnchorFile {
    /// The file at this path, of the journal with this name. Touches nothing.
    #[must_use]
    pub fn new(path: PathBuf, origin: NoteName) -> Self {
        Self { path, origin, turn: Arc::default() }
    }

    /// Of all notes that are whole, the one that speaks of the most records; none if the file is not there or empty. Reads
    /// the whole file the first time, as a stream, and then what was appended. Who signed it is for the caller to check.
    ///
    /// # Errors
    /// It cannot be read, or does not hold checkpoints, and nothing else.
    pub async fn latest(&self) -> Result<Option<SignedNote>, AnchorFileError> {
        self.in_background("read", latest).await
    }

    /// Appends a note and makes it durable. If it is the last one already, that is made durable.
    ///
    /// # Errors
    /// It cannot be written, and is not in the file then; or the file does not hold checkpoints.
    pub async fn append(&self, note: &SignedNote) -> Result<(), AnchorFileError> {
        let note = note.clone();
        self.in_background("written", move |path, origin, _| append(path, origin, &note)).await
    }

    async fn in_background<T: Send + 'static>(
        &self,
        doing: &'static str,
        act: impl FnOnce(&Path, &NoteName, &mut SoFar) -> Result<T, Fault> + Send + 'static,
    ) -> Result<T, AnchorFileError> {
        let mut turn = Arc::clone(&self.turn).lock_owned().await;
        let (path, origin) = (self.path.clone(), self.origin.clone());
        let done = tokio::task::spawn_blocking(move || act(&path, &origin, &mut turn));
        let done = done.await.unwrap_or_else(|error| Err(Fault::Io(io::Error::other(error))));
        done.map_err(|fault| fault.of(&self.path, doing))
    }
}

fn latest(path: &Path, origin: &NoteName, so_far: &mut SoFar) -> Result<Option<SignedNote>, Fault> {
    let mut file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            *so_far = SoFar::default();
            return Ok(None);
        }
        Err(error) => return Err(error.into()),
    };
    if file.metadata()?.len() < so_far.whole {
        *so_far = SoFar::default();
    }
    if let Err(fault) = so_far.on(&mut file, origin) {
        if so_far.whole == 0 || !matches!(fault, Fault::NotCheckpoints(_)) {
            return Err(fault);
        }
        // Another file may be in its place.
        *so_far = SoFar::default();
        so_far.on(&mut file, origin)?;
    }
    Ok(so_far.latest.as_ref().map(|(_, note)| note.clone()))
}

impl SoFar {
    /// Takes in what is behind that which was read.
    fn on(&mut self, file: &mut File, origin: &NoteName) -> Result<(), Fault> {
        file.seek(SeekFrom::Start(self.whole))?;
        let mut notes = series::Notes::new(BufReader::with_capacity(BUFFER_BYTES, file));
        let mut read = self.clone();
        while let Some(note) = notes.next()? {
            read.take(note)?;
        }
        if !may_be_half_written(notes.rest(), origin) {
            return Err(NOT_THE_BEGINNING.into());
        }
        read.whole += notes.whole();
        *self = read;
        Ok(())
    }

    fn take(&mut self, note: &str) -> Result<(), Malformed> {
        let note: SignedNote = note.parse()?;
        let checkpoint = Checkpoint::parse(note.text())?;
        match &self.latest {
            Some((latest, _)) if latest.size == checkpoint.size && latest.hash != checkpoint.hash => {
                Err(Malformed("two of its checkpoints speak of the same record, and do not agree"))
            }
            Some((latest, _)) if latest.size >= checkpoint.size => Ok(()),
            _ => {
                self.latest = Some((checkpoint, note));
                Ok(())
            }
        }
    }
}

fn append(path: &Path, origin: &NoteName, note: &SignedNote) -> Result<(), Fault> {
    let (mut file, is_new) = open(path)?;
    let mode = file.metadata()?.permissions().mode() & 0o777;
    if mode & MODE_OTHERS != 0 {
        return Err(Fault::Exposed(mode));
    }
    // Until it is closed.
    file.lock()?;
    let Tail { newest, whole, length } = Tail::read(&mut file, origin)?;
    if newest.as_ref() == Some(note) && whole == length {
        // Whoever wrote it may have failed to make it durable.
        file.sync_all()?;
    } else {
        if whole < length {
            file.set_len(whole)?;
        }
        let written = file.write_all(series::appended(note).as_bytes()).and_then(|()| file.sync_all());
        if let Err(error) = written {
            // The next append would cut it off too.
            let _ = file.set_len(whole);
            return Err(error.into());
        }
    }
    // The same of its name, if this is what failed the last time.
    if is_new || whole == 0 || newest.as_ref() == Some(note) {
        sync_directory(path)?;
    }
    Ok(())
}

fn open(path: &Path) -> io::Result<(File, bool)> {
    let mut options = OpenOptions::new();
    options.read(true).append(true).mode(MODE);
    match options.clone().create_new(true).open(path) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok((options.open(path)?, false)),
        created => Ok((created?, true)),
    }
}

const NOT_THE_BEGINNING: Malformed =
    Malformed("what is behind its last whole checkpoint is not the beginning of another one");

/// The end of the file.
struct Tail {
    newest: Option<SignedNote>,
    /// Where the last whole note ends.
    whole: u64,
    length: u64,
}

impl Tail {
    fn read(file: &mut File, origin: &NoteName) -> Result<Self, Fault> {
        let length = file.metadata()?.len();
        let begin = length.saturating_sub(TAIL_BYTES);
        file.seek(SeekFrom::Start(begin))?;
        let mut bytes = Vec::new();
        file.take(TAIL_BYTES).read_to_end(&mut bytes)?;
        let last = series::last_whole(&bytes);
        let rest = bytes.get(last.map_or(0, |(_, end)| end)..).unwrap_or_default();
        if !may_be_half_written(rest, origin) {
            return Err(NOT_THE_BEGINNING.into());
        }
        let Some((note, end)) = last else { return Ok(Self { newest: None, whole: 0, length }) };
        let text = bytes.get(note..end.saturating_sub(1)).unwrap_or_default();
        let text = std::str::from_utf8(text).map_err(|_| Malformed("it is not UTF-8"))?;
        Ok(Self { newest: Some(text.parse()?), whole: begin + end as u64, length })
    }
}

/// Whether these bytes can be the beginning of a note of this journal, which is all that may ever be cut off. A wrong path
/// must not cost a file.
fn may_be_half_written(bytes: &[u8], origin: &NoteName) -> bool {
    let first_line = format!("{origin}\n");
    bytes.len() < OWN_NOTE_BYTES_MAX && bytes.iter().zip(first_line.as_bytes()).all(|(found, ours)| found == ours)
}
