//! One line on the terminal that says how far a long command is.

use std::{
    io::{self, IsTerminal as _, Write},
    time::Duration,
};

use anstyle::Style;
use tokio::time::Instant;

/// A person sees that it moves; writing costs nothing.
const INTERVAL: Duration = Duration::from_millis(200);
const DIM: Style = Style::new().dimmed();
/// Control sequence "Erase in Line": from here to its end (ECMA-48, 8.3.41).
const ERASE: &str = "\u{1b}[K";

/// Shows progress where somebody looks.
pub(super) struct Progress<W> {
    out: Option<W>,
    what: &'static str,
    told: Instant,
    shown: bool,
}

impl Progress<anstream::Stderr> {
    /// On standard error, if that is a terminal: nothing in a pipe or a log.
    pub(super) fn on_terminal(what: &'static str) -> Self {
        Self::new(io::stderr().is_terminal().then(anstream::stderr), what)
    }
}

impl<W: Write> Progress<W> {
    fn new(out: Option<W>, what: &'static str) -> Self {
        Self { out, what, told: Instant::now(), shown: false }
    }

    /// So many records are done. If it cannot be shown, nothing is lost.
    pub(super) fn tell(&mut self, records: u64) {
        let Some(out) = self.out.as_mut().filter(|_| self.told.elapsed() >= INTERVAL) else { return };
        let _ = write!(out, "\r{DIM}{}: {records} records{DIM:#}{ERASE}", self.what).and_then(|()| out.flush());
        self.told = Instant::now();
        self.shown = true;
    }

    /// Takes the line away.
    pub(super) fn clear(&mut self) {
        if let Some(out) = self.out.as_mut().filter(|_| self.shown) {
            let _ = write!(out, "\r{ERASE}").and_then(|()| out.flush());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_line_is_shown_now_and_then_and_taken_away() {
        let mut shown = Vec::new();
        let mut progress = Progress::new(Some(&mut shown), "verifying");
        progress.tell(1);
        tokio::time::advance(INTERVAL).await;
        progress.tell(2);
        progress.tell(3);
        progress.clear();
        let plain = String::from_utf8(shown).unwrap();
        assert!(plain.contains("verifying: 2 records") && plain.ends_with("\r\u{1b}[K"), "{plain:?}");
        assert!(!plain.contains("1 records") && !plain.contains("3 records"), "{plain:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_quick_shows_nothing() {
        let mut shown = Vec::new();
        let mut progress = Progress::new(Some(&mut shown), "verifying");
        progress.tell(1);
        progress.clear();
        assert!(shown.is_empty());
    }
}
