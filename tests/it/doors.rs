//! The host names that natter serves, what it says when a proxy is misconfigured, and who can read its
//! files.

use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use natter::app::PAGE_OF;
use reqwest::{RequestBuilder, StatusCode, header};

use crate::process::{Process, raw, status_of};
use crate::support::{Natter, PASSWORD, Person, stranger};

async fn status(request: RequestBuilder) -> u16 {
    request.send().await.unwrap().status().as_u16()
}

async fn as_host(natter: &Natter, host: &str, path: &str) -> u16 {
    status(stranger().get(natter.url(path)).header(header::HOST, host)).await
}

#[tokio::test]
async fn a_request_says_once_whom_it_is_for() {
    let natter = Natter::start().await;
    for (request, is) in [
        ("GET /signup HTTP/1.1\r\nHost: localhost\r\n\r\n", 200),
        ("GET /signup HTTP/1.1\r\n\r\n", 400),
        ("GET /health HTTP/1.1\r\n\r\n", 400),
        ("GET /signup HTTP/1.1\r\nHost: \r\n\r\n", 400),
        (
            "GET /signup HTTP/1.1\r\nHost: localhost\r\nHost: localhost\r\n\r\n",
            400,
        ),
        (
            "GET /signup HTTP/1.1\r\nHost: localhost, localhost\r\n\r\n",
            400,
        ),
        // A client without HTTP/1.1 is not a browser.
        ("GET /signup HTTP/1.0\r\n\r\n", 200),
        (
            "GET http://localhost/signup HTTP/1.1\r\nHost: localhost\r\n\r\n",
            200,
        ),
        (
            "GET http://evil.example/signup HTTP/1.1\r\nHost: localhost\r\n\r\n",
            421,
        ),
        (
            "GET http://localhost/signup HTTP/1.1\r\nHost: evil.example\r\n\r\n",
            421,
        ),
    ] {
        let answer = raw(natter.addr(), request).await;
        assert_eq!(status_of(&answer), is, "{request}{answer}");
    }
}

#[tokio::test]
async fn a_refusal_says_what_mends_it() {
    let natter = Natter::start().await;
    let evil = "<b>evil.example";
    let refused = stranger().get(natter.url("/")).header(header::HOST, evil);
    assert_eq!(status(refused).await, 400, "that is no host");
    let refused = stranger()
        .get(natter.url("/"))
        .header(header::HOST, "chat.example.org:8080");
    let refused = refused.send().await.unwrap();
    assert_eq!(refused.status(), StatusCode::MISDIRECTED_REQUEST);
    let page = refused.text().await.unwrap();
    assert!(
        page.contains("chat.example.org") && page.contains("--public-url"),
        "{page}"
    );
}

#[tokio::test]
async fn the_machine_has_a_name() {
    let natter = Natter::start().await;
    let node = rustix::system::uname();
    let node = node.nodename().to_str().unwrap();
    assert_eq!(as_host(&natter, node, "/signup").await, 200);
    let longer = format!("{node}.evil.example");
    assert_eq!(as_host(&natter, &longer, "/signup").await, 421);
}

#[tokio::test]
async fn with_a_public_url_it_answers_to_that_and_to_what_a_proxy_calls_it() {
    for behind_proxy in [false, true] {
        let natter = Natter::start_with(|options| {
            options.public_url = Some("https://Chat.example.org:443/".into());
            options.behind_proxy = behind_proxy;
        })
        .await;
        assert_eq!(natter.server.url(), "https://chat.example.org");
        for (host, is) in [
            ("chat.example.org", 200),
            ("CHAT.example.org:443", 200),
            ("localhost:3000", 200),
            ("127.0.0.1", 200),
            ("192.0.2.1:3000", 200),
            ("evil.example", 421),
            ("evil.chat.example.org", 421),
        ] {
            assert_eq!(as_host(&natter, host, "/signup").await, is, "{host}");
            // Its answer depends on how natter is, and never on the name.
            let health = as_host(&natter, host, "/health").await;
            assert!([200, 503].contains(&health), "{host}: {health}");
            // The proxy asks by an address, and says what it was asked for: it is believed where
            // there is one.
            let forwarded = stranger()
                .get(natter.url("/signup"))
                .header("x-forwarded-host", host);
            let is = if behind_proxy { is } else { 200 };
            assert_eq!(status(forwarded).await, is, "{host} forwarded");
        }
    }
}

#[tokio::test]
async fn a_public_url_with_its_schemes_own_port_is_the_same_without() {
    let natter = Natter::start_with(|options| {
        options.public_url = Some("http://CHAT.example.org:80/".into());
    })
    .await;
    let token = natter.server.setup_token().unwrap().to_owned();
    let origin = "http://chat.example.org";
    let form = [
        ("username", "ada"),
        ("display_name", ""),
        ("password", PASSWORD),
        ("setup_token", &token),
    ];
    // A proxy asks by the address: the page's origin is the public URL all the same.
    let signed_up = stranger()
        .post(natter.url("/signup"))
        .header(header::ORIGIN, origin)
        .form(&form);
    let signed_up = signed_up.send().await.unwrap();
    assert_eq!(signed_up.status(), StatusCode::SEE_OTHER);
    let cookie = crate::support::cookie_of(&signed_up).unwrap();
    let broker = natter.server.broker().unwrap().websocket_addr();
    for (url, host) in [
        (natter.url("/nats"), "chat.example.org"),
        (natter.url("/nats"), "127.0.0.1"),
        (format!("http://{broker}/"), "chat.example.org"),
    ] {
        for (origin, is) in [
            (origin, 101),
            ("http://chat.example.org:81", 403),
            ("https://chat.example.org", 403),
        ] {
            let request = stranger()
                .get(&url)
                .header(header::HOST, host)
                .header(header::ORIGIN, origin)
                .header(header::COOKIE, &cookie)
                .header("connection", "Upgrade")
                .header("upgrade", "websocket")
                .header("sec-websocket-version", "13")
                .header("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ==");
            assert_eq!(status(request).await, is, "{url} as {host} from {origin}");
        }
    }
}

#[tokio::test]
async fn what_a_proxy_is_in_the_way_of_is_logged_once_with_the_flag_that_mends_it() {
    let folder = tempfile::tempdir().unwrap();
    let natter = Process::start(folder, "", &["--behind-proxy"]).await;
    let url = |path: &str| format!("http://{}{path}", natter.addr);
    let origin = "http://chat.example.org";
    for _ in 0..3 {
        // The proxy passes on whom it was asked for, or asks by the address of natter.
        let named = stranger()
            .get(url("/signup"))
            .header(header::HOST, "chat.example.org");
        assert_eq!(status(named).await, 421);
        let form = stranger()
            .post(url("/signup"))
            .header(header::ORIGIN, origin);
        assert_eq!(status(form.form(&[("username", "ada")])).await, 403);
        let odd = stranger()
            .post(url("/signup"))
            .header(header::ORIGIN, "null");
        assert_eq!(status(odd.form(&[("username", "ada")])).await, 403);
    }
    for _ in 0..3 {
        let named = stranger()
            .get(url("/signup"))
            .header(header::HOST, "natter.example");
        assert_eq!(status(named).await, 421);
    }
    let told = natter.logged("--public-url");
    let of = |word: &str| told.iter().filter(|line| line.contains(word)).count();
    assert_eq!(of("--public-url http://chat.example.org"), 1, "{told:#?}");
    assert_eq!(
        (of("chat.example.org"), of("natter.example"), told.len()),
        (2, 1, 3)
    );
    natter.stop().await;
}

#[tokio::test]
async fn a_tunnel_through_an_unknown_proxy_is_logged_too() {
    let folder = tempfile::tempdir().unwrap();
    let natter = Process::start(folder, "", &[]).await;
    let ada = Person::sign_up_on(natter.addr, "ada", "/signup").await;
    let tunnel = |origin: &str| {
        stranger()
            .get(format!("http://{}/nats", natter.addr))
            .header(header::ORIGIN, origin)
            .header(header::COOKIE, &ada.cookie)
            .header("connection", "Upgrade")
            .header("upgrade", "websocket")
            .header("sec-websocket-version", "13")
            .header("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ==")
    };
    // Another site's page, with no proxy in between.
    assert_eq!(status(tunnel("http://evil.example")).await, 403);
    for _ in 0..2 {
        let proxied = tunnel("http://chat.example.org").header("x-forwarded-for", "192.0.2.1");
        assert_eq!(status(proxied).await, 403);
    }
    let told = natter.logged("--public-url");
    assert_eq!(told.len(), 1, "{told:?}");
    assert!(
        told[0].contains("--public-url http://chat.example.org"),
        "{told:?}"
    );
    natter.stop().await;
}

/// Everything in a folder that somebody else could read.
fn readable_by_others(folder: &Path, but: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap().map(Result::unwrap) {
            let (path, about) = (entry.path(), entry.metadata().unwrap());
            if path == but {
                continue;
            }
            if about.permissions().mode() & 0o077 != 0 {
                found.push(path.clone());
            }
            if about.is_dir() {
                folders.push(path);
            }
        }
    }
    found
}

fn set_mode(path: &Path, mode: u32) {
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
}

#[tokio::test]
async fn nobody_else_on_the_machine_can_read_what_natter_writes() {
    // A folder that everybody may read.
    let folder = tempfile::tempdir().unwrap();
    set_mode(folder.path(), 0o755);
    let natter = Process::start(folder, "umask 022", &[]).await;
    let ada = Person::sign_up_on(natter.addr, "ada", "/signup").await;
    let changed = [(PAGE_OF, "ada"), ("of", "profile"), ("display_name", "Ada")];
    ada.submit_as_it_is("/settings/account", &changed).await;
    let data = natter.folder.path().to_owned();
    let site = data.join("site");
    assert!(data.join("read-model.sqlite-wal").exists());
    assert!(data.join("running.json").exists());
    let none: Vec<PathBuf> = Vec::new();
    assert_eq!(readable_by_others(&data, &site), none);

    // As a copy that was put back under another umask.
    let folder = natter.stop().await;
    let private = [
        "read-model.sqlite",
        "nats",
        "nats/nats.conf",
        "keys",
        "keys/chat.nk",
    ];
    for name in private {
        let path = data.join(name);
        set_mode(&path, if path.is_dir() { 0o755 } else { 0o644 });
    }
    for suffix in ["-wal", "-shm"] {
        let path = data.join(format!("read-model.sqlite{suffix}"));
        std::fs::write(&path, "").unwrap();
        set_mode(&path, 0o644);
    }
    let natter = Process::start(folder, "umask 022", &[]).await;
    assert_eq!(readable_by_others(&data, &site), none);
    natter.stop().await;
}

#[tokio::test]
async fn a_read_model_is_its_owners_whatever_the_umask() {
    // In this process nobody sets one.
    let natter = Natter::start().await;
    for name in [
        "read-model.sqlite",
        "read-model.sqlite-wal",
        "read-model.sqlite-shm",
        "running.json",
    ] {
        let about = std::fs::metadata(natter.folder.path().join(name)).unwrap();
        assert_eq!(about.permissions().mode() & 0o777, 0o600, "{name}");
    }
}
