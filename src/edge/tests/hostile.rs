//! Attacks on HTTP/2, sent byte by byte over a listener that asks for no certificate: the connection ends or is bounded,
//! and others are answered meanwhile.

use std::sync::atomic::Ordering;

use tokio::{io::AsyncWriteExt as _, net::TcpStream};

use super::{
    super::testing::{GATED, OPEN, call, channel},
    raw::{
        ACK, CONTINUATION, END_HEADERS, END_STREAM, Frame, HEADERS, MAGIC, PING, RST_STREAM, Raw, SETTINGS,
        WINDOW_UPDATE, frame, literal, request_block,
    },
    *,
};

/// One call over plaintext on a connection of its own.
async fn answered(edge: &Edge) {
    let addr = edge.addr();
    let mut channel = channel(move || TcpStream::connect(addr)).await.unwrap();
    let response = call(&mut channel, &format!("{GATED}/WhoAmI")).await.unwrap();
    assert_eq!(response.headers()["x-failure"], "no identity was offered");
}

async fn within<T>(work: impl Future<Output = T>) -> T {
    timeout(Duration::from_secs(60), work).await.unwrap()
}

#[tokio::test(start_paused = true)]
async fn a_client_that_connects_and_sends_nothing_holds_no_place_for_ever() {
    let limits = EdgeLimits { handshake_timeout: Duration::from_secs(5), ..limits() };
    // Nothing, half a preface, a preface without SETTINGS, SETTINGS that never end.
    let unfinished = frame(SETTINGS, 0, 0, &[0; 6]);
    let cases: [Vec<u8>; 4] = [vec![], MAGIC[..10].to_vec(), MAGIC.to_vec(), [MAGIC, &unfinished[..12]].concat()];
    for said in cases {
        let edge = Edge::serve(plaintext(limits)).await;
        let began = tokio::time::Instant::now();
        let mut silent = TcpStream::connect(edge.addr()).await.unwrap();
        silent.write_all(&said).await.unwrap();
        read_to_end(&mut silent).await;
        assert_eq!(began.elapsed().as_secs(), 5, "{said:?}");
        assert_eq!(edge.count(EdgeCount::HandshakeTimeout), 1);
        assert_eq!(edge.count(EdgeCount::Established), 0);
        edge.end().await;
    }
}

/// With a certificate too: the place of an established connection is taken after the preface.
#[tokio::test]
async fn over_tls_the_preface_is_part_of_the_handshake() {
    let edge = Edge::start(EdgeLimits { handshakes_max: 1, ..limits() }).await;
    let mut silent = edge.client().connect().await.unwrap();
    assert_eq!(edge.count(EdgeCount::Established), 0);
    // The next one takes its place.
    edge.client().call(&format!("{GATED}/WhoAmI")).await.unwrap();
    edge.counted(EdgeCount::HandshakeEvicted, 1).await;
    read_to_end(&mut silent).await;
    edge.end().await;
}

#[tokio::test]
async fn what_is_not_http2_is_refused_at_its_first_bytes() {
    let edge = Edge::serve(plaintext(limits())).await;
    let settings_on_a_stream = [MAGIC, &frame(SETTINGS, 0, 1, &[])].concat();
    let acknowledged_first = [MAGIC, &frame(SETTINGS, ACK, 0, &[])].concat();
    let odd = [MAGIC, &frame(SETTINGS, 0, 0, &[0; 7])].concat();
    let endless = [MAGIC, &frame(SETTINGS, 0, 0, &[0; 6 * 1000])].concat();
    let ping_first = [MAGIC, &frame(PING, 0, 0, &[0; 8])].concat();
    let others =
        [b"GET / HTTP/1.1\r\n\r\n".to_vec(), vec![22, 3, 1, 2, 0, 1, 0, 1, 252], b"PRI * HTTP/1.1\r\n".to_vec()];
    let cases = [settings_on_a_stream, acknowledged_first, odd, endless, ping_first].into_iter().chain(others);
    for (number, said) in (1..).zip(cases) {
        let mut raw = Raw::connect(&edge).await;
        // The server may close before all is sent.
        let _ = raw.send(&said).await;
        within(read_to_end(&mut raw.socket)).await;
        edge.counted(EdgeCount::HandshakeBadProtocol, number).await;
    }
    assert_eq!(edge.count(EdgeCount::Established), 0);
    answered(&edge).await;
    edge.end().await;
}

/// Runs the attack on a connection of its own until the server ends it, while others are answered.
async fn assert_ends_and_others_are_answered(attack: Vec<u8>) -> (Edge, Vec<Frame>) {
    let edge = Edge::serve(plaintext(limits())).await;
    let raw = Raw::greet(&edge).await;
    let others = async {
        for _ in 0..5 {
            answered(&edge).await;
        }
    };
    let (frames, ()) = within(async { tokio::join!(raw.attack(attack), others) }).await;
    edge.counted(EdgeCount::Closed, 6).await;
    answered(&edge).await;
    (edge, frames)
}

/// CVE-2023-44487.
#[tokio::test]
async fn a_rapid_reset_ends_the_connection() {
    let block = request_block(&format!("{GATED}/Wait"));
    let attack = (0..20_000).map(|number| 2 * number + 1).flat_map(|stream| {
        let reset = frame(RST_STREAM, 0, stream, &8_u32.to_be_bytes());
        [frame(HEADERS, END_HEADERS, stream, &block), reset].concat()
    });
    let (edge, _frames) = assert_ends_and_others_are_answered(attack.collect()).await;
    assert!(edge.probe.waiting_peak.load(Ordering::SeqCst) <= 8);
    edge.end().await;
}

/// CVE-2025-8671: here it is the server that is made to reset, by frames that are wrong.
#[tokio::test]
async fn making_the_server_reset_ends_the_connection() {
    let block = request_block(&format!("{GATED}/Wait"));
    let attack = (0..20_000).map(|number| 2 * number + 1).flat_map(|stream| {
        // A window of no size is an error of the stream (RFC 9113, section 6.9).
        let wrong = frame(WINDOW_UPDATE, 0, stream, &[0; 4]);
        [frame(HEADERS, END_HEADERS, stream, &block), wrong].concat()
    });
    let (edge, _frames) = assert_ends_and_others_are_answered(attack.collect()).await;
    assert!(edge.probe.waiting_peak.load(Ordering::SeqCst) <= 8);
    edge.end().await;
}

/// CVE-2024-27316 and its kin.
#[tokio::test]
async fn endless_continuations_end_the_connection() {
    let mut attack = frame(HEADERS, 0, 1, &request_block(&format!("{GATED}/WhoAmI")));
    let more = frame(CONTINUATION, 0, 1, &literal("x-more", &"x".repeat(8000)));
    attack.extend(more.repeat(2000));
    let (edge, _frames) = assert_ends_and_others_are_answered(attack).await;
    edge.end().await;
}

#[tokio::test]
async fn empty_continuations_end_the_connection_too() {
    let mut attack = frame(HEADERS, 0, 1, &request_block(&format!("{GATED}/WhoAmI")));
    attack.extend(frame(CONTINUATION, 0, 1, &[]).repeat(100_000));
    let (edge, _frames) = assert_ends_and_others_are_answered(attack).await;
    edge.end().await;
}

/// Two bytes in the frame for each kilobyte in the header list: HPACK's table makes 15 KiB into 7 MiB.
#[tokio::test]
async fn a_header_bomb_never_reaches_the_handler() {
    let edge = Edge::serve(plaintext(limits())).await;
    let mut raw = Raw::greet(&edge).await;
    let mut block = request_block(&format!("{GATED}/WhoAmI"));
    // With incremental indexing it becomes entry 62, the first of the dynamic table (RFC 7541, sections 2.3.3 and 6.2.1).
    let mut bomb = literal("x-bomb", &"x".repeat(1000));
    bomb[0] = 0x40;
    block.extend(bomb);
    block.extend(vec![0x80 | 62; 7000]);
    raw.send(&frame(HEADERS, END_HEADERS | END_STREAM, 1, &block)).await;
    raw.send(&frame(PING, 0, 0, b"are you?")).await;
    // The stream is refused; the connection may go on.
    let mut answer = None;
    while let Some(frame) = within(raw.read()).await {
        if frame.stream == 1 {
            answer = Some(frame);
            break;
        }
    }
    if let Some(answer) = answer {
        let text = String::from_utf8_lossy(&answer.payload).into_owned();
        assert!(!text.contains("x-failure") && !text.contains("no identity"), "the handler ran: {text}");
    }
    answered(&edge).await;
    drop(raw);
    edge.end().await;
}

#[tokio::test]
async fn streams_beyond_the_bound_are_refused_even_if_the_client_ignores_it() {
    let block = request_block(&format!("{GATED}/Wait"));
    let attack = (0..1000).flat_map(|number| frame(HEADERS, END_HEADERS, 2 * number + 1, &block));
    let (edge, _frames) = assert_ends_and_others_are_answered(attack.collect()).await;
    assert!(edge.probe.waiting_peak.load(Ordering::SeqCst) <= 8);
    edge.end().await;
}

/// Each has to be answered, and the client does not read the answers: the server stops reading it instead of storing them.
#[tokio::test]
async fn floods_that_demand_answers_hold_up_nobody_else() {
    for flood in [frame(PING, 0, 0, &[7; 8]), frame(SETTINGS, 0, 0, &[0, 3, 0, 0, 0, 9])] {
        let edge = Edge::serve(plaintext(limits())).await;
        let mut raw = Raw::greet(&edge).await;
        let flood = flood.repeat(10_000);
        let flooding = async {
            // Until nothing more fits between us, or the server has had enough.
            while let Ok(true) = timeout(Duration::from_millis(200), raw.send(&flood)).await {}
        };
        let others = async {
            for _ in 0..20 {
                answered(&edge).await;
            }
        };
        within(async { tokio::join!(flooding, others) }).await;
        answered(&edge).await;
        drop(raw);
        edge.counted(EdgeCount::Closed, 22).await;
        edge.end().await;
    }
}

/// Nobody reads the body of a request that is refused for its headers.
#[tokio::test]
async fn an_unproven_request_is_answered_before_its_body() {
    let edge = Edge::serve(plaintext(limits())).await;
    let mut raw = Raw::greet(&edge).await;
    // No END_STREAM, and no body ever.
    raw.send(&frame(HEADERS, END_HEADERS, 1, &request_block(&format!("{OPEN}/WhoAmI")))).await;
    let answer = within(async {
        loop {
            let frame = raw.read().await.unwrap();
            if frame.stream == 1 {
                return frame;
            }
        }
    });
    assert_eq!(answer.await.kind, HEADERS);
    drop(raw);
    edge.end().await;
}
