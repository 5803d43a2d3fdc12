//! The limits on connections at the page's listener and on their silence.

use std::net::SocketAddr;
use std::time::Duration;

use natter::server::config::ConnectionBounds;
use reqwest::StatusCode;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpSocket, TcpStream};
use tokio::time::{sleep, timeout};

use crate::process::{Process, answer_on, raw, status_of};
use crate::support::{Natter, Person, SOON, stranger};

/// Half of a request.
const HALF: &str = "GET /login HTTP/1.1\r\nHost: localhost\r\n";

/// A whole one.
const WHOLE: &str = "GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n";

/// Every address of 127.0.0.0/8 is this machine's.
async fn connect_from(ip: [u8; 4], to: SocketAddr) -> TcpStream {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind(SocketAddr::from((ip, 0))).unwrap();
    socket.connect(to).await.unwrap()
}

async fn health_from(ip: [u8; 4], to: SocketAddr) -> u16 {
    let mut stream = connect_from(ip, to).await;
    stream.write_all(WHOLE.as_bytes()).await.unwrap();
    status_of(&answer_on(&mut stream).await)
}

/// The limit of open files of a process: soft and hard.
fn files_of(pid: u32) -> (u64, u64) {
    let limits = std::fs::read_to_string(format!("/proc/{pid}/limits")).unwrap();
    let line = limits
        .lines()
        .find(|line| line.starts_with("Max open files"));
    let mut numbers = line.unwrap().split_whitespace().skip(3);
    let mut number = || numbers.next().unwrap().parse().unwrap();
    (number(), number())
}

#[tokio::test]
async fn natter_and_its_nats_server_may_open_what_the_system_lets_them() {
    let folder = tempfile::tempdir().unwrap();
    let natter = Process::start(folder, "ulimit -Sn 300; ulimit -Hn 2000", &[]).await;
    for pid in [natter.pid(), natter.nats_pid()] {
        assert_eq!(files_of(pid), (2_000, 2_000));
    }
    let told = natter.logged("LimitNOFILE");
    assert_eq!(told.len(), 1, "that it is little: {told:?}");
    natter.stop().await;
}

#[tokio::test]
async fn two_thousand_half_requests_of_one_address_keep_nobody_out() {
    let own = getrlimit(Resource::Nofile).maximum;
    let raised = Rlimit {
        current: own,
        maximum: own,
    };
    setrlimit(Resource::Nofile, raised).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let natter = Process::start(folder, "ulimit -n 300", &[]).await;
    let mut halves = Vec::new();
    for _ in 0..2_000 {
        let mut half = connect_from([127, 0, 0, 2], natter.addr).await;
        // One that had to make room already takes nothing.
        let _ = half.write_all(HALF.as_bytes()).await;
        halves.push(half);
    }
    for _ in 0..20 {
        assert_eq!(health_from([127, 0, 0, 1], natter.addr).await, 200);
    }
    assert_eq!(
        health_from([127, 0, 0, 2], natter.addr).await,
        200,
        "even there"
    );
    // What is kept of them is the share of one address.
    let bounds = ConnectionBounds::for_files(300);
    let is_open = |half: &TcpStream| {
        let read = half.try_read(&mut [0]);
        read.is_err_and(|error| error.kind() == std::io::ErrorKind::WouldBlock)
    };
    let few = async {
        while halves.iter().filter(|half| is_open(half)).count() > bounds.of_one {
            sleep(Duration::from_millis(10)).await;
        }
    };
    timeout(SOON, few).await.expect("the others were closed");
    let told = natter.logged("--behind-proxy");
    assert_eq!(told.len(), 1, "{told:?}");
    natter.stop().await;
}

/// A natter with few connections.
async fn small(behind_proxy: bool) -> Natter {
    Natter::start_with(|options| {
        options.behind_proxy = behind_proxy;
        options.connections = Some(ConnectionBounds {
            in_all: 40,
            of_one: 6,
            ..ConnectionBounds::for_files(20_000)
        });
    })
    .await
}

#[tokio::test]
async fn where_all_are_at_work_one_is_told_to_come_back() {
    let natter = small(false).await;
    let ada = Person::sign_up(&natter, "ada").await;
    let mut tunnels = Vec::new();
    for _ in 0..6 {
        tunnels.push(ada.connect().await);
    }
    let told = raw(natter.addr(), WHOLE).await;
    assert_eq!(status_of(&told), 503, "{told}");
    assert!(told.contains("\r\nRetry-After: "), "{told}");
    assert_eq!(health_from([127, 0, 0, 2], natter.addr()).await, 200);
    for tunnel in &tunnels {
        tunnel.round_trip().await.expect("it goes on");
    }
    tunnels.pop().unwrap().close();
    let freed = async {
        while status_of(&raw(natter.addr(), WHOLE).await) != 200 {
            sleep(Duration::from_millis(20)).await;
        }
    };
    timeout(SOON, freed).await.expect("its place is free");
}

#[tokio::test]
async fn a_proxy_is_everybody_and_has_no_share_of_its_own() {
    let natter = small(true).await;
    let Some(token) = natter.server.setup_token().map(str::to_owned) else {
        panic!("behind a proxy there is a set-up token");
    };
    let form = [
        ("username", "ada"),
        ("display_name", ""),
        ("password", crate::support::PASSWORD),
        ("setup_token", &token),
    ];
    let signed_up = stranger().post(natter.url("/signup")).form(&form);
    let signed_up = signed_up.send().await.unwrap();
    assert_eq!(signed_up.status(), StatusCode::SEE_OTHER);
    let cookie = crate::support::cookie_of(&signed_up).unwrap();
    let mut tunnels = Vec::new();
    let url = format!("ws://{}/nats", natter.addr());
    for _ in 0..12 {
        let tunnel = Person::dial_as("ada", &cookie, &url, natter.addr());
        tunnel.connected().await.unwrap();
        tunnels.push(tunnel);
    }
    assert_eq!(status_of(&raw(natter.addr(), WHOLE).await), 200);
}

/// Waits until natter closes a connection.
async fn ends(stream: &mut TcpStream) {
    let end = async { while stream.read(&mut [0; 1_024]).await.is_ok_and(|n| n > 0) {} };
    timeout(SOON, end).await.expect("natter closes it");
}

#[tokio::test]
async fn who_is_silent_is_closed_and_a_tunnel_is_not() {
    let short = Duration::from_millis(300);
    let natter = Natter::start_with(|options| {
        options.connections = Some(ConnectionBounds {
            head: short,
            idle: short,
            stalled: short,
            ..ConnectionBounds::for_files(20_000)
        });
    })
    .await;
    let ada = Person::sign_up(&natter, "ada").await;
    let tunnel = ada.connect().await;

    let mut nothing = TcpStream::connect(natter.addr()).await.unwrap();
    ends(&mut nothing).await;
    let mut half = TcpStream::connect(natter.addr()).await.unwrap();
    half.write_all(HALF.as_bytes()).await.unwrap();
    ends(&mut half).await;
    // A byte now and then is no more of a request.
    let mut dripping = TcpStream::connect(natter.addr()).await.unwrap();
    dripping.write_all(HALF.as_bytes()).await.unwrap();
    let dripping = async {
        while dripping.write_all(b"x").await.is_ok() {
            sleep(short / 10).await;
        }
    };
    timeout(SOON, dripping).await.expect("natter closes it");
    let mut kept_alive = TcpStream::connect(natter.addr()).await.unwrap();
    for _ in 0..2 {
        kept_alive.write_all(WHOLE.as_bytes()).await.unwrap();
        let answer = answer_on(&mut kept_alive).await;
        assert_eq!(status_of(&answer), 200, "{answer}");
    }
    ends(&mut kept_alive).await;

    tunnel.round_trip().await.expect("the tunnel goes on");
}

#[tokio::test]
async fn who_does_not_read_is_closed() {
    let natter = Natter::start_with(|options| {
        options.connections = Some(ConnectionBounds {
            stalled: Duration::from_millis(300),
            of_one: 1,
            ..ConnectionBounds::for_files(20_000)
        });
    })
    .await;
    let file = natter.folder.path().join("site/pkg/large.wasm");
    std::fs::write(file, vec![0; 32 * 1_024 * 1_024]).unwrap();
    let mut slow = TcpStream::connect(natter.addr()).await.unwrap();
    let request = "GET /pkg/large.wasm HTTP/1.1\r\nHost: localhost\r\n\r\n";
    slow.write_all(request.as_bytes()).await.unwrap();
    slow.readable().await.unwrap();
    // It has the only place of its address, until it is closed.
    let freed = async {
        while status_of(&raw(natter.addr(), WHOLE).await) != 200 {
            sleep(Duration::from_millis(20)).await;
        }
    };
    timeout(SOON, freed).await.expect("its place is free");
    let mut read = 0;
    let mut piece = vec![0; 64 * 1_024];
    let all = async {
        while let Ok(length @ 1..) = slow.read(&mut piece).await {
            read += length;
        }
    };
    timeout(SOON, all).await.expect("natter has closed it");
    assert!(read < 32 * 1_024 * 1_024, "all of it came: {read}");
}

#[tokio::test]
async fn a_head_has_a_most() {
    let natter = Natter::start().await;
    let mut stream = TcpStream::connect(natter.addr()).await.unwrap();
    let head = format!("{HALF}X-Long: {}", "x".repeat(64 * 1_024));
    let _ = stream.write_all(head.as_bytes()).await;
    assert_eq!(status_of(&answer_on(&mut stream).await), 431);
    // In one piece natter reads more than it may take.
    let whole = |bytes: usize| {
        let head = format!("GET /health HTTP/1.1\r\nHost: {}\r\n", natter.addr());
        let rest = bytes - head.len() - "X-Long: \r\n\r\n".len();
        format!("{head}X-Long: {}\r\n\r\n", "x".repeat(rest))
    };
    for (bytes, status) in [
        (32 * 1_024 - 1, 200),
        (32 * 1_024 + 1, 431),
        (34_000, 431),
        (40_000, 431),
    ] {
        let mut stream = TcpStream::connect(natter.addr()).await.unwrap();
        let _ = stream.write_all(whole(bytes).as_bytes()).await;
        let answered = status_of(&answer_on(&mut stream).await);
        assert_eq!(answered, status, "{bytes}");
    }
}
