//! What `natter serve` is told: by flags, or by variables of the environment.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use super::broker::SyncInterval;
pub use super::http::ConnectionBounds;
use super::oidc::OidcOptions;
pub use super::site::{NotAnOrigin, Site};
use super::socket_addr;
use crate::domain::limits;

/// Serve Natter: the page, the commands, and (unless --nats names one) the broker.
#[derive(Debug, Clone, clap::Args)]
pub struct ServeOptions {
    /// Where the page is served: a host by its address or its name, and a port.
    #[arg(
        long,
        env = "NATTER_ADDR",
        default_value = "127.0.0.1:3000",
        value_name = "HOST:PORT",
        value_parser = socket_addr::parse
    )]
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
        value_name = "HOST:PORT,…",
        value_parser = socket_addr::parse,
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

#[cfg(test)]
mod tests {
    use super::*;

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
}
