//! The preface from streams that say too little, too much, or something else.

use proptest::prelude::*;

use super::*;

const EMPTY_SETTINGS: &[u8] = &[0, 0, 0, SETTINGS, 0, 0, 0, 0, 0];

fn said(settings: &[u8]) -> Vec<u8> {
    [MAGIC, settings].concat()
}

async fn read(mut bytes: &[u8]) -> (Result<Preface, Fault>, usize) {
    let before = bytes.len();
    let read = Preface::read(&mut bytes).await;
    (read, before - bytes.len())
}

#[tokio::test]
async fn exactly_the_preface_is_read_and_given_back_byte_by_byte() {
    let settings = [&[0, 0, 12, SETTINGS, 0, 0, 0, 0, 0][..], &[7; 12]].concat();
    for settings in [EMPTY_SETTINGS, &settings] {
        let whole = [&said(settings)[..], b"and more"].concat();
        let (preface, used) = read(&whole).await;
        assert_eq!(used, MAGIC.len() + settings.len());
        let mut preface = preface.unwrap();
        let mut rest = &whole[used..];
        let mut again: Vec<u8> = Vec::new();
        // In portions that do not divide it.
        let mut portion = [0; 7];
        loop {
            let mut buf = ReadBuf::new(&mut portion);
            std::future::poll_fn(|cx| preface.poll_read_before(Pin::new(&mut rest), cx, &mut buf)).await.unwrap();
            if buf.filled().is_empty() {
                break;
            }
            again.extend(buf.filled());
        }
        assert_eq!(again, whole);
        assert!(preface.bytes.is_empty());
    }
}

#[tokio::test]
async fn a_client_that_hangs_up_in_between_is_counted_as_closed() {
    let settings = [&[0, 0, 12, SETTINGS, 0, 0, 0, 0, 0][..], &[7; 12]].concat();
    let whole = said(&settings);
    for end in 0..whole.len() {
        let fault = read(&whole[..end]).await.0.map(drop).unwrap_err();
        assert_eq!(fault.count, EdgeCount::HandshakeClosed, "{end}");
    }
}

#[tokio::test]
async fn what_is_not_http2_is_known_by_its_first_bytes() {
    for bytes in [&b"GET / HTTP/1.1\r\n\r\n"[..], b"PRI * HTTP/1.1\r\n", &[22, 3, 1, 2, 0, 1, 0, 1]] {
        let (read, used) = read(bytes).await;
        assert_eq!(read.map(drop).unwrap_err().count, EdgeCount::HandshakeBadProtocol);
        assert!(used <= 16);
    }
}

#[test]
fn only_a_sound_first_settings_frame_is_taken() {
    let head = |length: u32, kind, flags, stream: u32| {
        let length = length.to_be_bytes();
        [&[length[1], length[2], length[3], kind, flags][..], &stream.to_be_bytes()].concat()
    };
    for length in [0, 6, 36, 192] {
        assert_eq!(settings_length(&head(length, SETTINGS, 0, 0)), Some(usize::try_from(length).unwrap()));
    }
    // Flags without meaning and the reserved bit are ignored.
    assert_eq!(settings_length(&head(6, SETTINGS, 0xfe, 0x8000_0000)), Some(6));
    let bad = [
        head(6, SETTINGS, ACK, 0),
        head(6, SETTINGS, 0, 1),
        head(5, SETTINGS, 0, 0),
        head(198, SETTINGS, 0, 0),
        head(0xff_fff6, SETTINGS, 0, 0),
        head(6, 6, 0, 0),
        vec![],
        vec![0; 8],
        vec![0; 10],
    ];
    for head in bad {
        assert_eq!(settings_length(&head), None, "{head:?}");
    }
}

proptest! {
    #[test]
    fn no_bytes_are_read_beyond_the_bound(tail in proptest::collection::vec(any::<u8>(), 0..600)) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let (_, used) = runtime.block_on(read(&said(&tail)));
        prop_assert!(used <= MAGIC.len() + HEAD_BYTES + SETTINGS_BYTES_MAX);
    }
}
