//! An HTTP/2 client without manners: it sends what it is told (RFC 9113).

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};

use super::*;

pub(super) const MAGIC: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
pub(super) const HEADERS: u8 = 1;
pub(super) const RST_STREAM: u8 = 3;
pub(super) const SETTINGS: u8 = 4;
pub(super) const PING: u8 = 6;
pub(super) const WINDOW_UPDATE: u8 = 8;
pub(super) const CONTINUATION: u8 = 9;
pub(super) const END_STREAM: u8 = 1;
pub(super) const END_HEADERS: u8 = 4;
pub(super) const ACK: u8 = 1;

pub(super) struct Raw {
    pub(super) socket: TcpStream,
}

/// A frame as it came.
#[derive(Debug)]
pub(super) struct Frame {
    pub(super) kind: u8,
    pub(super) stream: u32,
    pub(super) payload: Vec<u8>,
}

pub(super) fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
    let mut bytes = vec![length[1], length[2], length[3], kind, flags];
    bytes.extend(stream.to_be_bytes());
    bytes.extend(payload);
    bytes
}

/// A header as a literal without indexing and without Huffman (RFC 7541, section 6.2.2).
pub(super) fn literal(name: &str, value: &str) -> Vec<u8> {
    let mut bytes = vec![0];
    for text in [name, value] {
        bytes.extend(integer(text.len()));
        bytes.extend(text.as_bytes());
    }
    bytes
}

/// An integer with a prefix of 7 bits (RFC 7541, section 5.1).
fn integer(mut number: usize) -> Vec<u8> {
    if number < 127 {
        return vec![u8::try_from(number).unwrap()];
    }
    let mut bytes = vec![127];
    number -= 127;
    while number >= 128 {
        bytes.push(u8::try_from(number % 128).unwrap() | 128);
        number /= 128;
    }
    bytes.push(u8::try_from(number).unwrap());
    bytes
}

/// The header block of a gRPC request.
pub(super) fn request_block(path: &str) -> Vec<u8> {
    let headers = [
        (":method", "POST"),
        (":scheme", "http"),
        (":path", path),
        (":authority", "localhost"),
        ("content-type", "application/grpc"),
        ("te", "trailers"),
    ];
    headers.iter().flat_map(|(name, value)| literal(name, value)).collect()
}

impl Raw {
    pub(super) async fn connect(edge: &Edge) -> Self {
        Self { socket: TcpStream::connect(edge.addr()).await.unwrap() }
    }

    /// Connects and says what every client says first.
    pub(super) async fn greet(edge: &Edge) -> Self {
        let mut raw = Self::connect(edge).await;
        assert!(raw.send(MAGIC).await && raw.send(&frame(SETTINGS, 0, 0, &[])).await);
        raw
    }

    /// Whether the bytes could be sent.
    pub(super) async fn send(&mut self, bytes: &[u8]) -> bool {
        self.socket.write_all(bytes).await.is_ok()
    }

    /// The next frame; none when the server has closed.
    pub(super) async fn read(&mut self) -> Option<Frame> {
        read_frame(&mut self.socket).await
    }

    /// Sends all of it while reading what comes back, and waits until the server closes.
    pub(super) async fn attack(self, bytes: Vec<u8>) -> Vec<Frame> {
        let (mut reader, mut writer) = self.socket.into_split();
        // Kept until the end: a client that attacks does not hang up.
        let writing = async move {
            let _ = writer.write_all(&bytes).await;
            writer
        };
        let reading = async move {
            let mut frames = Vec::new();
            while let Some(frame) = read_frame(&mut reader).await {
                frames.push(frame);
            }
            frames
        };
        tokio::join!(writing, reading).1
    }
}

async fn read_frame(stream: &mut (impl AsyncRead + Unpin)) -> Option<Frame> {
    let mut head = [0; 9];
    stream.read_exact(&mut head).await.ok()?;
    let length = u32::from_be_bytes([0, head[0], head[1], head[2]]);
    let mut payload = vec![0; usize::try_from(length).unwrap()];
    stream.read_exact(&mut payload).await.ok()?;
    let stream = u32::from_be_bytes([head[5], head[6], head[7], head[8]]);
    Some(Frame { kind: head[3], stream, payload })
}
