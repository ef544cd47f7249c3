//! The client's connection preface: 24 fixed octets and a SETTINGS frame (RFC 9113, section 3.4).
//!
//! HTTP/2 itself would wait for it without end, in a place among the established connections. So it is read here, where
//! time and number are bounded, and handed to HTTP/2 afterwards.

use std::{
    io,
    pin::Pin,
    task::{Context, Poll},
};

use tokio::io::{AsyncRead, AsyncReadExt as _, ReadBuf};

use super::{Fault, fault::classify};
use crate::edge::EdgeCount;

/// RFC 9113, section 3.4.
const MAGIC: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
/// Length of a frame's header (RFC 9113, section 4.1).
const HEAD_BYTES: usize = 9;
/// Type of a SETTINGS frame (RFC 9113, section 6.5).
const SETTINGS: u8 = 4;
/// Flag of a SETTINGS frame that only acknowledges.
const ACK: u8 = 1;
/// Bytes of one setting.
const SETTING_BYTES: usize = 6;
/// Largest first SETTINGS frame that is waited for: 32 settings. Clients send up to 8 of the 10 that there are.
const SETTINGS_BYTES_MAX: usize = 32 * SETTING_BYTES;

/// What a client said first, and how much of it HTTP/2 has read.
pub(in crate::edge) struct Preface {
    bytes: Vec<u8>,
    read: usize,
}

impl Preface {
    /// Reads exactly the preface from `stream`.
    pub(super) async fn read(stream: &mut (impl AsyncRead + Unpin)) -> Result<Self, Fault> {
        let mut bytes = vec![0; MAGIC.len() + HEAD_BYTES];
        let (magic, head) = bytes.split_at_mut(MAGIC.len());
        // Bit by bit, so that one who speaks something else is told so although it sends less.
        for (part, wanted) in magic.chunks_mut(8).zip(MAGIC.chunks(8)) {
            stream.read_exact(part).await.map_err(|error| classify(&error))?;
            if part != wanted {
                return Err(bad("the client does not speak HTTP/2"));
            }
        }
        stream.read_exact(head).await.map_err(|error| classify(&error))?;
        let length = settings_length(head).ok_or_else(|| bad("the client's first frame is no sound SETTINGS frame"))?;
        let begin = bytes.len();
        bytes.resize(begin + length, 0);
        let settings = bytes.get_mut(begin..).unwrap_or_default();
        stream.read_exact(settings).await.map_err(|error| classify(&error))?;
        Ok(Self { bytes, read: 0 })
    }

    /// Reads what is left of the preface, then from `stream`.
    pub(in crate::edge) fn poll_read_before<S: AsyncRead + ?Sized>(
        &mut self,
        stream: Pin<&mut S>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let left = self.bytes.get(self.read..).unwrap_or_default();
        if left.is_empty() {
            return stream.poll_read(cx, buf);
        }
        let now = left.get(..left.len().min(buf.remaining())).unwrap_or_default();
        buf.put_slice(now);
        self.read += now.len();
        if self.read == self.bytes.len() {
            // A connection lives long; these bytes need not.
            *self = Self { bytes: Vec::new(), read: 0 };
        }
        Poll::Ready(Ok(()))
    }
}

/// The length of the frame's payload, if the head is that of a sound first SETTINGS frame.
fn settings_length(head: &[u8]) -> Option<usize> {
    let [a, b, c, kind, flags, stream @ ..] = head else { return None };
    let length = usize::from(*a) << 16 | usize::from(*b) << 8 | usize::from(*c);
    // The highest bit of the stream is reserved and ignored (RFC 9113, section 4.1).
    let is_connection = matches!(stream, [0 | 0x80, 0, 0, 0]);
    let sound = *kind == SETTINGS && flags & ACK == 0 && is_connection && length % SETTING_BYTES == 0;
    (sound && length <= SETTINGS_BYTES_MAX).then_some(length)
}

fn bad(why: &str) -> Fault {
    Fault::new(EdgeCount::HandshakeBadProtocol, why)
}

#[cfg(test)]
mod tests;
