//! What `natter serve` is told: by flags, or by variables of the environment.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use axum::http::{HeaderMap, Uri, header};

use super::broker::SyncInterval;
pub use super::http::ConnectionBounds;
use super::oidc::OidcOptions;
use crate::domain::limits;

/// Serve Natter: the page, the commands, and (unless --nats names one) the broker.
#[derive(Debug, Clone, clap::Args)]
pub struct ServeOptions {
    /// Where the page is served.
    #[arg(long, env = "NATTER_ADDR", default_value = "127.0.0.1:3000")]
    pub addr: SocketAddr,

    /// The folder for everything natter keeps. It is made when it does not exist.
    #[arg(
        long,
        env = "NATTER_DATA",
        default_value = "./data",
        value_name = "DIR"
    )]
    pub data: PathBuf,

    /// The port of the embedded nats-server, on 127.0.0.1.
    #[arg(
        long,
        env = "NATTER_NATS_PORT",
        default_value_t = 4222,
        value_name = "PORT"
    )]
    pub nats_port: u16,

    /// The port of the embedded nats-server's WebSocket listener, on 127.0.0.1.
    #[arg(
        long,
        env = "NATTER_NATS_WS_PORT",
        default_value_t = 9222,
        value_name = "PORT"
    )]
    pub nats_ws_port: u16,

    /// How long an acknowledged message may wait to be written through to the disk, which is what a
    /// power cut can cost: "always" (not at all; slower), or a time such as 100ms or 1s. A crash of
    /// natter or nats-server costs nothing either way.
    #[arg(
        long,
        env = "NATTER_SYNC_INTERVAL",
        default_value = "100ms",
        value_name = "TIME"
    )]
    pub sync_interval: SyncInterval,

    /// The most bytes that the embedded nats-server keeps; as many as the disk holds when not given.
    #[arg(long, env = "NATTER_MAX_STORE", value_name = "BYTES", hide = true)]
    pub max_store: Option<u64>,

    /// The nats-server to run. Without it: the one beside natter, in .tools/bin, or on PATH.
    #[arg(long, env = "NATTER_NATS_SERVER", value_name = "FILE")]
    pub nats_server: Option<PathBuf>,

    /// Use this NATS instead of an embedded one: one server, or those of a cluster with commas
    /// between them.
    #[arg(long, env = "NATTER_NATS", value_name = "URL,…", requires_all = ["keys", "nats_ws"])]
    pub nats: Option<String>,

    /// The WebSocket listeners of that NATS. At a cluster the first one's server leads what natter
    /// keeps, and pages go to the others: name them in the same order to every natter.
    #[arg(
        long,
        env = "NATTER_NATS_WS",
        value_name = "ADDR,…",
        value_delimiter = ',',
        requires = "nats"
    )]
    pub nats_ws: Vec<SocketAddr>,

    /// How many servers of that NATS keep each thing. Without it: three, where three are named with
    /// --nats, else one. What exists already stays as it is.
    #[arg(
        long,
        env = "NATTER_REPLICAS",
        value_name = "N",
        value_parser = clap::value_parser!(u8).range(1..=5)
    )]
    pub replicas: Option<u8>,

    /// The folder with the account keys for that NATS.
    #[arg(long, env = "NATTER_KEYS", value_name = "DIR", requires = "nats")]
    pub keys: Option<PathBuf>,

    /// How people reach natter, when that is not the address it listens on, e.g.
    /// https://chat.example.org.
    #[arg(long, env = "NATTER_PUBLIC_URL", value_name = "URL")]
    pub public_url: Option<String>,

    /// Believe the proxy in front of natter who asks (X-Forwarded-For). Only when natter can be
    /// reached through that proxy alone.
    #[arg(long, env = "NATTER_BEHIND_PROXY")]
    pub behind_proxy: bool,

    /// The page's files. Without it: the folder "site" beside natter.
    #[arg(long, env = "LEPTOS_SITE_ROOT", value_name = "DIR", hide = true)]
    pub site: Option<PathBuf>,

    /// How long the rights of a connection stand, in seconds: shorter than an hour where it is tested
    /// that nobody notices when they are renewed.
    #[arg(
        long,
        default_value_t = limits::RIGHTS_LIFE.as_secs(),
        value_parser = clap::value_parser!(u64).range(5..=limits::RIGHTS_LIFE.as_secs()),
        value_name = "SECONDS",
        hide = true
    )]
    pub rights_life: u64,

    /// Answers are given from a read model that may be behind the log: only a test that shows what
    /// the barrier is for can say so.
    #[arg(skip)]
    pub without_barrier: bool,

    /// How fast the body of a request has to come: other than by default only in a test that does not
    /// want to wait.
    #[arg(skip)]
    pub body_pace: BodyPace,

    /// How many connections the page's listener has: other than by the limit of open files only in
    /// a test that does not want to open thousands.
    #[arg(skip)]
    pub connections: Option<ConnectionBounds>,

    /// Who may make an account: "open" (whoever reaches the page), "invite" (whom an administrator
    /// gives a link), or domains of e-mail addresses with commas (who says that they have one
    /// there; no mail is sent, so nothing proves it). The first account, the administrator's, can
    /// always be made.
    #[arg(
        long,
        env = "NATTER_SIGNUP",
        default_value = "invite",
        value_name = "WHO"
    )]
    pub signup: Signup,

    /// The identity provider.
    #[command(flatten)]
    pub oidc: OidcOptions,
}

/// How fast the body of a request has to come, so that a request under way does not hold its memory
/// and its connection for as long as the sender likes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BodyPace {
    /// The longest silence, and what is added to the time that the bytes earn.
    pub grace: Duration,
    /// The least rate.
    pub bytes_per_second: u32,
}

impl BodyPace {
    /// For a bad mobile connection: it is silent for some seconds where the cell changes, and gets
    /// more than 4 kB a second through otherwise (GPRS has up to 10).
    pub const LEAST: Self = Self {
        grace: Duration::from_secs(10),
        bytes_per_second: 4_000,
    };

    /// How long so many bytes may take.
    #[must_use]
    pub fn time_for(&self, bytes: usize) -> Duration {
        let millis = (bytes as u64).saturating_mul(1_000) / u64::from(self.bytes_per_second.max(1));
        self.grace + Duration::from_millis(millis)
    }
}

impl Default for BodyPace {
    fn default() -> Self {
        Self::LEAST
    }
}

/// Who may make an account without an invitation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Signup {
    /// Whoever reaches the page.
    Open,
    /// Nobody.
    Invite,
    /// Who says that they have an e-mail address in one of these domains.
    Domains(Vec<String>),
}

impl std::str::FromStr for Signup {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "open" => return Ok(Self::Open),
            "invite" | "closed" => return Ok(Self::Invite),
            _ => {}
        }
        let domains: Vec<_> = text.split(',').map(|d| d.trim().to_lowercase()).collect();
        let is_domain = |domain: &String| {
            domain.contains('.')
                && domain
                    .chars()
                    .all(|c| c.is_alphanumeric() || matches!(c, '.' | '-'))
        };
        if domains.iter().all(is_domain) {
            return Ok(Self::Domains(domains));
        }
        Err("say open, invite, or domains like example.org,example.com".into())
    }
}

/// The public URL is not one.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not a URL like https://chat.example.org (no path)")]
pub struct NotAnOrigin(String);

/// Characters in the mark of a site's cookies.
const MARK_CHARS: usize = 8;

/// How natter is reached, and where it reaches the broker's WebSocket listener.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Site {
    origin: String,
    is_given: bool,
    /// What tells its cookies from those of another natter on the same host: browsers keep cookies by
    /// host, whatever the port. The same for all natters of one NATS.
    mark: String,
    /// The broker's WebSocket listeners: any of them will do.
    pub brokers: Vec<SocketAddr>,
}

impl Site {
    /// A site at a public URL, without a broker yet.
    ///
    /// # Errors
    /// It has another scheme than http or https, or more than host and port.
    pub fn parse(url: &str) -> Result<Self, NotAnOrigin> {
        let not_one = || NotAnOrigin(url.to_owned());
        let uri: Uri = url.parse().map_err(|_| not_one())?;
        let scheme = uri
            .scheme_str()
            .filter(|scheme| ["http", "https"].contains(scheme))
            .ok_or_else(not_one)?;
        let authority = uri
            .authority()
            .filter(|authority| !authority.as_str().contains('@'))
            .ok_or_else(not_one)?;
        if !matches!(uri.path(), "" | "/") || uri.query().is_some() {
            return Err(not_one());
        }
        Ok(Self {
            origin: format!("{scheme}://{authority}").to_ascii_lowercase(),
            is_given: true,
            mark: String::new(),
            brokers: Vec::new(),
        })
    }

    /// The site of an address that natter listens on.
    #[must_use]
    pub fn at(addr: SocketAddr) -> Self {
        let port = addr.port();
        let host = match addr.ip() {
            ip if ip.is_loopback() || ip.is_unspecified() => "localhost".to_owned(),
            std::net::IpAddr::V6(ip) => format!("[{ip}]"),
            ip @ std::net::IpAddr::V4(_) => ip.to_string(),
        };
        Self {
            origin: format!("http://{host}:{port}"),
            is_given: false,
            mark: String::new(),
            brokers: Vec::new(),
        }
    }

    /// The same as a site of the workspace that is kept in this account of a NATS.
    #[must_use]
    pub fn of_account(self, public_key: &str) -> Self {
        // The first letter says that it is an account's; eight of the rest are 37 bits of the key.
        let mark = public_key.chars().skip(1).take(MARK_CHARS);
        Self {
            mark: mark.collect::<String>().to_ascii_lowercase(),
            ..self
        }
    }

    /// The name of a cookie of this site. Under https the browser itself sees to it that nobody else
    /// can set or read it.
    #[must_use]
    pub fn cookie_name(&self, of: &str) -> String {
        let prefix = if self.is_https() { "__Host-" } else { "" };
        format!("{prefix}{of}_{}", self.mark)
    }

    /// What a person types into the browser.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.origin
    }

    /// Can it be reached from this machine alone, by the address that people type?
    #[must_use]
    pub fn is_on_loopback(&self) -> bool {
        let host = self.origin.parse::<Uri>().ok();
        let host = host.as_ref().and_then(Uri::host).unwrap_or_default();
        let literal = host.trim_start_matches('[').trim_end_matches(']');
        let is_loopback = |ip: std::net::IpAddr| ip.is_loopback();
        host == "localhost" || literal.parse().is_ok_and(is_loopback)
    }

    /// Are its cookies for https alone?
    #[must_use]
    pub fn is_https(&self) -> bool {
        self.origin.starts_with("https://")
    }

    /// The origins that the broker's own listener lets in.
    #[must_use]
    pub fn origins(&self) -> Vec<String> {
        let mut origins = vec![self.origin.clone()];
        if let (false, Some(port)) = (self.is_given, self.origin.strip_prefix("http://localhost:"))
        {
            origins.push(format!("http://127.0.0.1:{port}"));
        }
        origins
    }

    /// The origin that a browser reached the site by, for it to come back to: its cookies are there.
    /// What a request says of that counts only among the site's own.
    #[must_use]
    pub fn origin_of(&self, headers: &HeaderMap) -> String {
        let host = headers
            .get(header::HOST)
            .and_then(|host| host.to_str().ok());
        let by = self.origins().into_iter().find(|origin| {
            let own = origin.split_once("://").map(|(_, host)| host);
            own.is_some() && own == host
        });
        by.unwrap_or_else(|| self.origin.clone())
    }

    /// Does a WebSocket handshake come from a page of this site? Browsers always say where from;
    /// without a public URL that must be the host that the request went to.
    #[must_use]
    pub fn allows_origin(&self, headers: &HeaderMap) -> bool {
        let text = |name| headers.get(name).and_then(|value| value.to_str().ok());
        let Some(origin) = text(header::ORIGIN) else {
            return false;
        };
        if self.is_given {
            return origin.eq_ignore_ascii_case(&self.origin);
        }
        let host = origin
            .strip_prefix("http://")
            .or_else(|| origin.strip_prefix("https://"));
        host.is_some() && host == text(header::HOST)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::HeaderValue;

    fn from(origin: &'static str, host: &'static str) -> HeaderMap {
        let mut headers = HeaderMap::new();
        headers.insert(header::HOST, HeaderValue::from_static(host));
        if !origin.is_empty() {
            headers.insert(header::ORIGIN, HeaderValue::from_static(origin));
        }
        headers
    }

    #[test]
    fn who_may_sign_up_is_a_word_or_domains() {
        assert_eq!("open".parse(), Ok(Signup::Open));
        assert_eq!("closed".parse(), Ok(Signup::Invite));
        let domains = vec!["example.org".into(), "b.example".into()];
        assert_eq!(
            "Example.org, b.example".parse(),
            Ok(Signup::Domains(domains))
        );
        for bad in ["", "opn", "a@example.org", "example.org,"] {
            assert!(bad.parse::<Signup>().is_err(), "{bad}");
        }
    }

    #[test]
    fn a_public_url_is_an_origin() {
        let site = Site::parse("https://Chat.example.org/").unwrap();
        assert_eq!(site.url(), "https://chat.example.org");
        for bad in [
            "chat.example.org",
            "ftp://x",
            "https://x/chat",
            "https://a@b",
            "https://x?y",
        ] {
            assert!(Site::parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn only_pages_of_the_site_may_connect() {
        let given = Site::parse("https://chat.example.org").unwrap();
        assert!(given.allows_origin(&from("https://chat.example.org", "10.0.0.1:3000")));
        assert!(!given.allows_origin(&from("https://evil.example", "evil.example")));
        let local = Site::at(SocketAddr::from(([127, 0, 0, 1], 3000)));
        assert!(local.allows_origin(&from("http://127.0.0.1:3000", "127.0.0.1:3000")));
        assert!(local.allows_origin(&from("http://localhost:3000", "localhost:3000")));
        assert!(!local.allows_origin(&from("http://evil.example", "localhost:3000")));
        assert!(!local.allows_origin(&from("null", "localhost:3000")));
        assert!(!local.allows_origin(&from("", "localhost:3000")));
    }

    #[test]
    fn one_comes_back_to_where_one_was_and_nowhere_else() {
        let local = Site::at(SocketAddr::from(([127, 0, 0, 1], 3000)));
        let back = |host| local.origin_of(&from("", host));
        assert_eq!(back("127.0.0.1:3000"), "http://127.0.0.1:3000");
        assert_eq!(back("localhost:3000"), "http://localhost:3000");
        assert_eq!(back("evil.example"), "http://localhost:3000");
        let given = Site::parse("https://chat.example.org").unwrap();
        let back = given.origin_of(&from("", "evil.example"));
        assert_eq!(back, "https://chat.example.org");
    }

    #[test]
    fn a_site_on_loopback_is_reached_from_this_machine_alone() {
        for url in [
            "http://localhost:3000",
            "http://127.0.0.1",
            "http://127.8.8.8:1",
            "http://[::1]:3000",
        ] {
            assert!(Site::parse(url).unwrap().is_on_loopback(), "{url}");
        }
        for url in [
            "https://chat.example.org",
            "http://localhost.example.org",
            "http://192.0.2.1:3000",
            "http://[2001:db8::1]",
            "http://127.0.0.1.example.org",
        ] {
            assert!(!Site::parse(url).unwrap().is_on_loopback(), "{url}");
        }
        let everywhere = SocketAddr::from(([0, 0, 0, 0], 3000));
        assert!(
            Site::at(everywhere).is_on_loopback(),
            "the address decides there"
        );
    }

    #[test]
    fn loopback_is_called_localhost() {
        let site = Site::at(SocketAddr::from(([127, 0, 0, 1], 3000)));
        assert_eq!(site.url(), "http://localhost:3000");
        assert_eq!(
            site.origins(),
            ["http://localhost:3000", "http://127.0.0.1:3000"]
        );
    }
}
