//! A flood of large messages through many tunnels: the broker gets only what one person may send, natter's own
//! connections stay, and other people are answered.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use futures::future::join_all;
use natter::server::broker::ServiceUser;
use natter::wire::v1;
use prost::Message as _;
use serde_json::Value;

use crate::support::{Natter, Person, failure_in, ulid};

/// Tunnels of one person.
const TUNNELS: usize = 20;

/// Nearly the largest message that a page may send.
const BYTES: usize = 65_000;

/// Messages on each tunnel: 26 MB in all.
const MESSAGES: usize = 20;

/// The bound of one person: 1 MiB at once, and then 256 KiB a second.
const AT_ONCE: u64 = 1_024 * 1_024;
const A_SECOND: u64 = 256 * 1_024;

/// The broker's connections, ended ones too: the number of each, the bytes that came on it, and what else it says of it.
async fn connections(natter: &Natter) -> Vec<(u64, u64, String)> {
    let system = natter.as_service(ServiceUser::System).await;
    let asked = system.request(
        "$SYS.REQ.SERVER.PING.CONNZ",
        r#"{"auth":true,"state":2,"limit":1024}"#.into(),
    );
    let told: Value = serde_json::from_slice(&asked.await.unwrap().payload).unwrap();
    let connections = told["data"]["connections"].as_array().unwrap().iter();
    let read = connections.map(|one| {
        let number = |field: &str| one[field].as_u64().unwrap();
        (number("cid"), number("in_bytes"), one.to_string())
    });
    read.collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_flood_through_many_tunnels_reaches_the_broker_at_the_pace_of_one_person() {
    let natter = Natter::start().await;
    let ben = Person::sign_up(&natter, "ben").await;
    let eve = Person::sign_up(&natter, "eve").await;
    let bens = ben.connect().await;
    let room = ben.general(&bens).await;
    let own = |all: &[(u64, u64, String)]| {
        let own = all.iter();
        let own = own
            .filter(|(.., told)| told.contains("\"name\":\"natter") && !told.contains("\"stop\""));
        own.map(|(cid, ..)| *cid).collect::<BTreeSet<_>>()
    };
    let before = own(&connections(&natter).await);
    assert!(before.len() > 1, "{before:?}");

    let begun = Instant::now();
    let tunnels = join_all((0..TUNNELS).map(|_| eve.connect())).await;
    let flooding: Vec<_> = tunnels
        .iter()
        .cloned()
        .map(|tunnel| {
            tokio::spawn(async move {
                for _ in 0..MESSAGES {
                    let payload = vec![b'x'; BYTES].into();
                    if tunnel.publish("eve.echo", payload).await.is_err() {
                        return;
                    }
                }
            })
        })
        .collect();
    for _ in 0..15 {
        let post = v1::PostRequest {
            room_id: room.clone(),
            ulid: ulid(),
            text: "hi".into(),
        };
        for (verb, payload) in [("post", post.encode_to_vec()), ("heads", Vec::new())] {
            let reply = ben.ask_raw(&bens, verb, payload).await;
            assert_eq!(failure_in(&reply.unwrap()), None, "{verb}");
        }
        tokio::time::sleep(Duration::from_millis(120)).await;
    }
    let after = connections(&natter).await;
    let most = AT_ONCE + A_SECOND * (begun.elapsed().as_secs() + 1);
    let came: u64 = after
        .iter()
        .filter(|(.., told)| told.contains("eve."))
        .map(|(_, bytes, _)| bytes)
        .sum();
    println!("{came} bytes of at most {most}");
    // What a piece of each tunnel may be ahead by.
    assert!(came <= most + TUNNELS as u64 * 8_192, "{came} of {most}");
    assert!(came > AT_ONCE / 2, "{came}: there was no flood");
    assert_eq!(own(&after), before, "natter's own connections");
    for task in flooding {
        task.abort();
    }
}
