//! What chance draws, and what was found before.

use std::path::Path;

use proptest::prelude::*;

use super::{codec, connection};

/// Pieces that a server's words are made of, and anything else.
fn words() -> impl Strategy<Value = Vec<u8>> {
    let known = prop::sample::select(vec![
        "MSG a 1 2\r\nhi\r\n",
        "MSG a.b 2 r 0\r\n\r\n",
        "HMSG a 1 16 18\r\nNATS/1.0 503\r\n\r\nno\r\n",
        "HMSG a 1 r 18 18\r\nNATS/1.0\r\nK: v\r\n\r\n\r\n",
        "INFO {\"max_payload\":-1}\r\n",
        "-ERR 'Permissions Violation for Publish to \"x\"'\r\n",
        "PING\r\n",
        "pong\r\n",
        "+OK\r\n",
        "MSG ",
        "HMSG a ",
        "1 ",
        " 17\r\n",
        "NATS/1.0\r\n",
        "\r\n",
        "\n",
        "\r",
        "\t",
    ]);
    prop_oneof![
        6 => known.prop_map(|word| word.as_bytes().to_vec()),
        1 => prop::collection::vec(any::<u8>(), 1..8),
    ]
}

proptest! {
    #[test]
    fn any_bytes_in_any_pieces(
        head in prop::collection::vec(any::<u8>(), 0..18),
        stream in prop::collection::vec(words(), 0..12),
    ) {
        codec(&[head, stream.concat()].concat());
    }

    #[test]
    fn any_life_of_a_connection(steps in prop::collection::vec(any::<u8>(), 0..600)) {
        connection(&steps);
    }
}

fn replay(target: &str, exercise: fn(&[u8])) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("fuzz/corpus")
        .join(target);
    let mut inputs: Vec<_> = std::fs::read_dir(&folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    inputs.sort();
    assert!(!inputs.is_empty(), "{} is empty", folder.display());
    for input in inputs {
        let bytes = std::fs::read(&input).unwrap();
        let outcome = std::panic::catch_unwind(|| exercise(&bytes));
        assert!(outcome.is_ok(), "{}", input.display());
    }
}

#[test]
fn the_corpus_of_the_codec() {
    replay("codec", codec);
}

#[test]
fn the_corpus_of_the_connection() {
    replay("connection", connection);
}
