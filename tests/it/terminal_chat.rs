//! `natter say` and `natter tail`, at a running natter.

use std::process::Output;

use natter::domain::limits;
use rustix::process::Signal;
use tokio::io::AsyncWriteExt as _;
use tokio::process::Command;
use tokio::time::timeout;

use crate::fault_proxy::{Fault, FaultProxy};
use crate::filled::{Filler, long_with};
use crate::support::{A_MOMENT, Person, SOON};
use crate::terminal::{Terminal, lines_of, next, text_of};

#[tokio::test]
async fn what_a_terminal_says_is_in_the_room() {
    let terminal = Terminal::of_ada().await;
    terminal
        .says(&["say", "--room", "general", "from a terminal"], "")
        .await;
    terminal
        .says(&["say", "--room", "general", "-"], "two\nlines\n")
        .await;
    terminal
        .says(&["say", "--room", "general", "--code"], "fn main() {}\n")
        .await;
    terminal
        .says(&["say", "--room", "general", "--lines"], "one\n\ntwo\n")
        .await;
    // - is standard input, as without it.
    terminal
        .says(&["say", "--room", "general", "--lines", "-"], "three\n")
        .await;
    let both = ["say", "--room", "general", "--lines", "four"];
    let refused = terminal.run(&both, "five\n").await;
    assert_eq!(refused.status.code(), Some(1), "{refused:?}");
    let texts = terminal.texts().await;
    assert_eq!(
        texts,
        [
            "from a terminal",
            "two\nlines",
            "```\nfn main() {}\n```",
            "one",
            "two",
            "three"
        ]
    );

    let printed = terminal
        .says(&["tail", "--room", "general", "-n", "5"], "")
        .await;
    let lines: Vec<_> = printed.lines().collect();
    assert!(lines[0].ends_with("Z  ada: two"), "{printed}");
    assert_eq!(lines[1].trim(), "lines");
    let broker = terminal.natter.server.broker().unwrap();
    let websocket = format!("ws://{}", broker.websocket_addr());
    let mut over_websocket = Command::new(env!("CARGO_BIN_EXE_natter"));
    over_websocket.args(["tail", "--room", "general", "--servers", &websocket]);
    let seen = over_websocket.args(["--creds", &terminal.creds]).output();
    assert_eq!(
        seen.await.unwrap().stdout.len(),
        terminal
            .says(&["tail", "--room", "general"], "")
            .await
            .len()
    );
    let recent = terminal
        .says(&["tail", "--room", "general", "--since", "1h"], "")
        .await;
    assert_eq!(recent.matches("ada: ").count(), 6);
}

#[tokio::test]
async fn what_somebody_wrote_does_nothing_to_a_terminal() {
    let terminal = Terminal::of_ada().await;
    let hostile = "a\u{7f}b\u{9b}31mc\u{1b}[2Jd\u{85}e\u{202e}f\u{2028}g\u{90}h";
    terminal.says(&["say", "--room", "general"], hostile).await;
    let json = terminal
        .says(&["tail", "--room", "general", "--json"], "")
        .await;
    let text = terminal.says(&["tail", "--room", "general"], "").await;
    for printed in [&json, &text] {
        let line = printed.strip_suffix('\n').unwrap();
        let obeyed = |c: char| c.is_control() || matches!(c, '\u{2028}'..='\u{202e}');
        assert!(!line.contains(obeyed), "{line:?}");
    }
    assert_eq!(text_of(json.trim_end()), hostile, "it is whole");
}

#[tokio::test]
async fn what_is_too_long_for_one_message_becomes_several() {
    let terminal = Terminal::of_ada().await;
    let line = "x".repeat(99);
    let long = format!("{line}\n").repeat(130);
    terminal.says(&["say", "--room", "general"], &long).await;
    let texts = terminal.texts().await;
    assert_eq!(texts.len(), 4);
    assert_eq!(texts.join("\n"), long.trim_end());
}

#[tokio::test]
async fn what_cannot_be_said_is_told() {
    let terminal = Terminal::of_ada().await;
    let told = |output: &Output| String::from_utf8_lossy(&output.stderr).into_owned();
    let nowhere = terminal.run(&["say", "--room", "nowhere", "hi"], "").await;
    assert_eq!(nowhere.status.code(), Some(1));
    assert!(told(&nowhere).contains("room"), "{}", told(&nowhere));
    let nothing = terminal.run(&["say", "--room", "general"], " \n").await;
    assert_eq!(nothing.status.code(), Some(1));
    assert!(told(&nothing).contains("nothing to say"));
    assert_eq!(
        terminal.run(&["say", "hi"], "").await.status.code(),
        Some(2)
    );
    terminal.natter.creds(&["--revoke", "ada"]).await;
    let refused = terminal.run(&["say", "--room", "general", "hi"], "").await;
    assert_eq!(refused.status.code(), Some(5), "{}", told(&refused));
    assert_eq!(refused.stdout, b"");
}

#[tokio::test]
async fn nothing_is_lost_or_doubled_while_the_broker_restarts() {
    let terminal = Terminal::of_ada().await;
    terminal
        .says(&["say", "--room", "general", "before"], "")
        .await;
    let follow = ["tail", "--room", "general", "--follow", "--json"];
    let mut follower = terminal.command(&follow).spawn().unwrap();
    let mut heard = lines_of(&mut follower);
    assert_eq!(text_of(&next(&mut heard).await), "before");

    let mut talker = terminal
        .command(&["say", "--room", "general", "--lines"])
        .spawn()
        .unwrap();
    let mut input = talker.stdin.take().unwrap();
    for round in 0..3 {
        for n in 0..5 {
            let line = format!("{round}.{n}\n");
            input.write_all(line.as_bytes()).await.unwrap();
        }
        tokio::time::sleep(A_MOMENT).await;
        terminal.signal(Signal::KILL);
        tokio::time::sleep(A_MOMENT).await;
    }
    drop(input);
    let said = timeout(4 * SOON, talker.wait()).await.expect("it ends");
    assert!(said.unwrap().success());

    let all: Vec<_> = (0..15).map(|n| format!("{}.{}", n / 5, n % 5)).collect();
    for expected in &all {
        assert_eq!(text_of(&next(&mut heard).await), *expected);
    }
    // The last restart may go on still, and this command does not wait for the broker.
    let tail = ["tail", "--room", "general", "-n", "500", "--json"];
    let is_back = async {
        while !terminal.run(&tail, "").await.status.success() {
            tokio::time::sleep(A_MOMENT).await;
        }
    };
    timeout(2 * SOON, is_back)
        .await
        .expect("the broker is back");
    assert_eq!(terminal.texts().await[1..], all);
}

#[tokio::test]
async fn long_messages_are_all_printed_those_of_before_and_those_missed() {
    const MESSAGES: usize = 70;
    let terminal = Terminal::of_ada().await;
    let ben = Person::sign_up(&terminal.natter, "ben").await;
    let place = format!("open.{}", ben.general(&ben.connect().await).await);
    let mut filler = Filler::of(&terminal.natter).await;
    let mut write = async |numbers: std::ops::Range<usize>| {
        for number in numbers {
            let text = long_with(limits::MESSAGE_CHARS, number);
            filler.message(&place, "ben", &text).await;
        }
        filler.done().await;
    };
    write(0..MESSAGES).await;
    let number = |text: &str| -> usize { text.trim_start_matches('𠀀').parse().unwrap() };
    let texts = terminal.texts().await;
    let printed: Vec<_> = texts.iter().map(|text| number(text)).collect();
    assert_eq!(printed, (0..MESSAGES).collect::<Vec<_>>());

    // Who follows the room is cut off while more is said than one answer holds.
    let broker = terminal.natter.server.broker().unwrap().client_url();
    let addr = broker.trim_start_matches("nats://").parse().unwrap();
    let way = FaultProxy::start(addr).await;
    let follow = ["tail", "--room", "general", "-n", "1", "--follow", "--json"];
    let mut follower = terminal
        .command_at(&format!("nats://{}", way.addr()), &follow)
        .spawn()
        .unwrap();
    let mut heard = lines_of(&mut follower);
    assert_eq!(number(&text_of(&next(&mut heard).await)), MESSAGES - 1);
    way.set(Fault::Refuse);
    way.cut();
    write(MESSAGES..2 * MESSAGES).await;
    way.set(Fault::Pass);
    for expected in MESSAGES..2 * MESSAGES {
        assert_eq!(number(&text_of(&next(&mut heard).await)), expected);
    }
}

#[tokio::test]
async fn nobody_can_write_into_another_s_terminal() {
    let terminal = Terminal::of_ada().await;
    let evil = "\u{1b}[2J\u{202e}evil\r\n2026-01-01 00:00Z  ben: I agree";
    terminal.says(&["say", "--room", "general", evil], "").await;
    let printed = terminal.says(&["tail", "--room", "general"], "").await;
    assert!(!printed.contains('\u{1b}') && !printed.contains('\u{202e}'));
    assert!(!printed.lines().any(|line| line.starts_with("2026-01-01")));
}
