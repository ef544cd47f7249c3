//! Standard output and standard error of a command.

use std::io::{self, Write};

use anstyle::{AnsiColor, Style};

use super::Exit;

/// Where a command prints. Whoever reads may go away (`rootgate journal … | head`): that is no failure, and the exit
/// code still tells the truth.
pub struct Output<'w> {
    out: Quiet<'w>,
    err: Quiet<'w>,
    bytes: Option<&'w mut dyn Write>,
}

/// Printed before an error; the writer takes the colour away where there is no terminal.
const ERROR_STYLE: Style = AnsiColor::Red.on_default().bold();
/// The same before a warning.
const WARNING_STYLE: Style = AnsiColor::Yellow.on_default().bold();

impl<'w> Output<'w> {
    /// Prints to these. `err` must take styles away itself where they are not wanted, as `anstream` does.
    pub fn new(out: &'w mut dyn Write, err: &'w mut dyn Write) -> Self {
        Self { out: Quiet { inner: out, closed: false }, err: Quiet { inner: err, closed: false }, bytes: None }
    }

    /// Prints what machines read to this: whatever takes styles away takes other control characters away too, and a record
    /// that lacks one has another hash.
    #[must_use]
    pub fn with_bytes(self, bytes: &'w mut dyn Write) -> Self {
        Self { bytes: Some(bytes), ..self }
    }

    /// Standard output.
    pub(super) fn out(&mut self) -> &mut dyn Write {
        &mut self.out
    }

    /// Standard output for what has no end of its own: says when its reader has gone away.
    pub(super) fn text(&mut self) -> &mut dyn Write {
        &mut *self.out.inner
    }

    /// The same for machines, of which no byte is changed.
    pub(super) fn bytes(&mut self) -> &mut dyn Write {
        match &mut self.bytes {
            Some(bytes) => &mut **bytes,
            None => &mut *self.out.inner,
        }
    }

    /// Prints an error. If that fails, there is nobody left to tell.
    pub fn error(&mut self, words: &str) {
        self.tell("error", ERROR_STYLE, words);
    }

    /// Prints what does not keep a command from going on.
    pub(super) fn warning(&mut self, words: &str) {
        self.tell("warning", WARNING_STYLE, words);
    }

    fn tell(&mut self, level: &str, style: Style, words: &str) {
        let _ = writeln!(self.err, "{style}{level}:{style:#} {words}").and_then(|()| self.err.flush());
    }

    /// Prints what the parser of the command line says: a help text or what is wrong.
    pub(super) fn usage(&mut self, message: &clap::Error) -> Exit {
        let text = message.render();
        if message.use_stderr() {
            let _ = write!(self.err, "{}", text.ansi()).and_then(|()| self.err.flush());
            return Exit::Usage;
        }
        let _ = write!(self.out, "{}", text.ansi()).and_then(|()| self.out.flush());
        Exit::Ok
    }
}

/// A writer that goes on silently when its reader has gone away.
struct Quiet<'w> {
    inner: &'w mut dyn Write,
    closed: bool,
}

impl Quiet<'_> {
    fn unless_closed<T>(&mut self, otherwise: T, result: io::Result<T>) -> io::Result<T> {
        match result {
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => {
                self.closed = true;
                Ok(otherwise)
            }
            result => result,
        }
    }
}

impl Write for Quiet<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.closed {
            return Ok(bytes.len());
        }
        let result = self.inner.write(bytes);
        self.unless_closed(bytes.len(), result)
    }

    fn flush(&mut self) -> io::Result<()> {
        if self.closed {
            return Ok(());
        }
        let result = self.inner.flush();
        self.unless_closed((), result)
    }
}
