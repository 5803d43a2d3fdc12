//! The proxy itself.

use std::io::ErrorKind;
use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::time::timeout;

use super::{Fault, FaultProxy, Way};
use crate::support::{A_MOMENT, SOON};

/// Says what it hears, and tells the test too.
async fn echo() -> (FaultProxy, mpsc::UnboundedReceiver<Vec<u8>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let addr = listener.local_addr().unwrap();
    let (tell, heard) = mpsc::unbounded_channel();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let tell = tell.clone();
            tokio::spawn(async move {
                let mut bytes = vec![0; 1_024];
                while let Ok(read @ 1..) = stream.read(&mut bytes).await {
                    let _ = tell.send(bytes[..read].to_vec());
                    if stream.write_all(&bytes[..read]).await.is_err() {
                        return;
                    }
                }
            });
        }
    });
    (FaultProxy::start(addr).await, heard)
}

async fn dial(proxy: &FaultProxy) -> TcpStream {
    let dialled = timeout(SOON, TcpStream::connect(proxy.addr())).await;
    dialled.unwrap().unwrap()
}

async fn say(stream: &mut TcpStream, text: &str) {
    stream.write_all(text.as_bytes()).await.unwrap();
}

async fn hear(stream: &mut TcpStream, text: &str) {
    let mut bytes = vec![0; text.len()];
    let read = timeout(SOON, stream.read_exact(&mut bytes)).await;
    read.expect("in time").unwrap();
    assert_eq!(String::from_utf8(bytes).unwrap(), text);
}

async fn hears_nothing(stream: &mut TcpStream) {
    let heard = timeout(A_MOMENT, stream.read(&mut [0])).await;
    assert!(heard.is_err(), "{heard:?}");
}

#[tokio::test]
async fn bytes_pass_whole_and_in_order_whatever_happens_to_them() {
    let (proxy, mut heard) = echo().await;
    let mut stream = dial(&proxy).await;
    for fault in [
        Fault::Pass,
        Fault::Chop,
        Fault::Delay(Duration::from_millis(10)),
        Fault::Refuse,
    ] {
        proxy.set(fault);
        say(&mut stream, "something to be said").await;
        hear(&mut stream, "something to be said").await;
    }
    assert_eq!(proxy.accepted(), 1);
    let mut pieces = 0;
    while heard.try_recv().is_ok() {
        pieces += 1;
    }
    assert!(pieces > 4, "chopped: {pieces} pieces");
}

#[tokio::test]
async fn a_delay_is_there_and_back_and_many_are_under_way() {
    let (proxy, _) = echo().await;
    let mut stream = dial(&proxy).await;
    say(&mut stream, "first").await;
    hear(&mut stream, "first").await;
    // One after the other they would take ten seconds.
    let delay = Duration::from_millis(500);
    proxy.set(Fault::Delay(delay));
    let begun = Instant::now();
    for _ in 0..20 {
        say(&mut stream, "x").await;
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    hear(&mut stream, &"x".repeat(20)).await;
    assert!(begun.elapsed() >= 2 * delay);
    assert!(begun.elapsed() < 20 * delay, "they wait together");
}

#[tokio::test]
async fn a_half_open_connection_passes_nothing_that_way_and_goes_on_later() {
    for (way, is_heard) in [(Way::Up, false), (Way::Down, true), (Way::Both, false)] {
        let (proxy, mut heard) = echo().await;
        let mut stream = dial(&proxy).await;
        say(&mut stream, "before").await;
        hear(&mut stream, "before").await;
        assert_eq!(heard.recv().await.unwrap(), b"before");
        proxy.set(Fault::HalfOpen(way));
        say(&mut stream, "meanwhile").await;
        hears_nothing(&mut stream).await;
        assert_eq!(heard.try_recv().is_ok(), is_heard, "{way:?}");
        proxy.set(Fault::Pass);
        hear(&mut stream, "meanwhile").await;
    }
}

#[tokio::test]
async fn a_cut_is_an_end_and_who_dials_again_gets_through() {
    let (proxy, _heard) = echo().await;
    let mut stream = dial(&proxy).await;
    say(&mut stream, "x").await;
    hear(&mut stream, "x").await;
    proxy.cut();
    let read = timeout(SOON, stream.read(&mut [0])).await.unwrap();
    assert_eq!(read.unwrap(), 0);
    let mut stream = dial(&proxy).await;
    say(&mut stream, "again").await;
    hear(&mut stream, "again").await;
    assert_eq!(proxy.accepted(), 2);
}

#[tokio::test]
async fn a_reset_is_an_error() {
    let (proxy, _heard) = echo().await;
    let mut stream = dial(&proxy).await;
    say(&mut stream, "x").await;
    hear(&mut stream, "x").await;
    // Half open or not, it can be cut and reset.
    proxy.set(Fault::HalfOpen(Way::Both));
    proxy.reset();
    let read = timeout(SOON, stream.read(&mut [0])).await.unwrap();
    assert_eq!(read.unwrap_err().kind(), ErrorKind::ConnectionReset);
}

#[tokio::test]
async fn a_refusal_is_the_systems_own_and_what_stands_goes_on() {
    let (proxy, _heard) = echo().await;
    let mut stream = dial(&proxy).await;
    say(&mut stream, "let in").await;
    hear(&mut stream, "let in").await;
    proxy.set(Fault::Refuse);
    let refused = async {
        loop {
            match TcpStream::connect(proxy.addr()).await {
                Err(error) if error.kind() == ErrorKind::ConnectionRefused => return,
                _ => tokio::time::sleep(Duration::from_millis(5)).await,
            }
        }
    };
    timeout(SOON, refused).await.expect("a refusal");
    say(&mut stream, "x").await;
    hear(&mut stream, "x").await;
    proxy.set(Fault::Pass);
    let back = async {
        while TcpStream::connect(proxy.addr()).await.is_err() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    timeout(SOON, back).await.expect("the same port again");
}

#[tokio::test]
async fn a_dropped_proxy_closes_what_it_carries() {
    let (proxy, _heard) = echo().await;
    let mut stream = dial(&proxy).await;
    say(&mut stream, "x").await;
    hear(&mut stream, "x").await;
    let addr = proxy.addr();
    drop(proxy);
    let read = timeout(SOON, stream.read(&mut [0])).await.unwrap();
    assert_eq!(read.unwrap_or(0), 0);
    assert!(TcpStream::connect(addr).await.is_err());
}
