//! Bodies that do not end: how many of them natter holds at once, and who is refused.

use std::time::Duration;

use natter::server::config::BodyPace;
use reqwest::StatusCode;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::{sleep, timeout};

use crate::support::{Natter, PASSWORD, Person, SOON, stranger};

/// The larger forms that natter holds of one address or person at once.
const OF_ONE: usize = 8;

async fn natter() -> Natter {
    Natter::start_with(|options| {
        options.body_pace = BodyPace {
            grace: 3 * SOON,
            ..BodyPace::default()
        };
    })
    .await
}

/// Announces a form of `length` bytes, and sends `sent` of them.
async fn begin(natter: &Natter, path: &str, cookie: &str, length: usize, sent: usize) -> TcpStream {
    let head = format!(
        "POST {path} HTTP/1.1\r\nHost: localhost\r\nCookie: {cookie}\r\n\
         Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {length}\r\n\r\n"
    );
    let mut stream = TcpStream::connect(natter.addr()).await.unwrap();
    stream.write_all(head.as_bytes()).await.unwrap();
    // A refusal may come before all of it is sent.
    let _ = stream.write_all(&vec![b'x'; sent]).await;
    stream
}

/// The status and `Retry-After` of an answer.
async fn answer(stream: &mut TcpStream) -> (u16, bool) {
    let mut head = vec![0; 1_024];
    let read = stream.read(&mut head).await.unwrap_or_default();
    let head = String::from_utf8_lossy(&head[..read]).to_lowercase();
    let status = head.split(' ').nth(1).and_then(|code| code.parse().ok());
    (status.unwrap_or_default(), head.contains("retry-after: "))
}

#[tokio::test]
async fn an_address_has_eight_larger_forms_in_memory_and_keeps_nobody_from_signing_in() {
    let natter = natter().await;
    let ada = Person::sign_up(&natter, "ada").await;
    let mut held = Vec::new();
    for _ in 0..OF_ONE {
        held.push(begin(&natter, "/r/general", "", 100_000, 50_000).await);
    }
    // Which of them natter counts last is not known, so any of all may be refused.
    let mut refused = 0;
    for _ in 0..4 {
        held.push(begin(&natter, "/r/general", "", 100_000, 50_000).await);
    }
    let look = async {
        while refused < 4 {
            sleep(Duration::from_millis(20)).await;
            let mut waiting = Vec::new();
            for mut stream in held.drain(..) {
                match timeout(Duration::from_millis(5), answer(&mut stream)).await {
                    Ok(answered) => {
                        assert_eq!(answered, (503, true));
                        refused += 1;
                    }
                    Err(_) => waiting.push(stream),
                }
            }
            held = waiting;
        }
    };
    timeout(SOON, look).await.expect("four are refused");
    assert_eq!(held.len(), OF_ONE);

    let form = [("username", "ada"), ("password", PASSWORD)];
    let signed_in = stranger().post(natter.url("/login")).form(&form);
    assert_eq!(
        signed_in.send().await.unwrap().status(),
        StatusCode::SEE_OTHER
    );
    let long = "x".repeat(20_000);
    let posted = ada.submit("/r/general", &[("text", &long)]).await;
    assert_ne!(posted.status(), StatusCode::SERVICE_UNAVAILABLE);

    held.clear();
    let freed = async {
        loop {
            let mut stream = begin(&natter, "/r/general", "", 20_000, 20_000).await;
            if answer(&mut stream).await.0 != 503 {
                break;
            }
            sleep(Duration::from_millis(20)).await;
        }
    };
    timeout(SOON, freed).await.expect("there is room again");
}

#[tokio::test]
async fn a_form_for_signing_in_is_small_and_a_large_one_is_not_read() {
    let natter = natter().await;
    for path in ["/login", "/signup", "/invite/x", "/reset/x", "/signup/oidc"] {
        let mut stream = begin(&natter, path, "", 9_000, 0).await;
        let answered = timeout(SOON, answer(&mut stream)).await;
        assert_eq!(answered.expect(path).0, 413, "{path}");
    }
    let mut stream = begin(&natter, "/r/general", "", 200_000, 0).await;
    let answered = timeout(SOON, answer(&mut stream)).await;
    assert_eq!(answered.expect("an answer").0, 413);
}
