//! How natter is reached: its URL, the host names that it serves, the names of its cookies, and the
//! origins of its own pages. Pure, except for the machine's name, which is looked up once.

use std::fmt;
use std::net::SocketAddr;

use axum::http::{HeaderMap, Uri, header};

use super::host::Host;

/// The public URL is not valid.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not a URL like https://chat.example.org (no path)")]
pub struct NotAnOrigin(String);

/// Characters in the mark of a site's cookies.
const MARK_CHARS: usize = 8;

/// How natter is reached, and where it reaches the broker's WebSocket listener.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Site {
    origin: String,
    host: Host,
    is_given: bool,
    /// The names of this machine.
    machine: Vec<Host>,
    /// Tells its cookies from those of another natter server on the same host: browsers keep cookies by
    /// host, whatever the port. The same for all natter servers of one NATS.
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
        let origin = Origin::parse(url).ok_or_else(|| NotAnOrigin(url.to_owned()))?;
        Ok(Self::new(&origin, true))
    }

    /// The site of an address that natter listens on.
    #[must_use]
    pub fn at(addr: SocketAddr) -> Self {
        let host = match addr.ip() {
            ip if ip.is_loopback() || ip.is_unspecified() => Host::Name("localhost".to_owned()),
            ip => Host::Address(ip),
        };
        let origin = Origin {
            is_https: false,
            host,
            port: addr.port(),
        };
        Self::new(&origin, false)
    }

    fn new(origin: &Origin, is_given: bool) -> Self {
        Self {
            origin: origin.to_string(),
            host: origin.host.clone(),
            is_given,
            machine: machine(&rustix::system::uname().nodename().to_string_lossy()),
            mark: String::new(),
            brokers: Vec::new(),
        }
    }

    /// The same site, for the workspace in this account of a NATS.
    #[must_use]
    pub fn of_account(self, public_key: &str) -> Self {
        // The first letter says that it is an account's; eight of the rest are 37 bits of the key.
        let mark = public_key.chars().skip(1).take(MARK_CHARS);
        Self {
            mark: mark.collect::<String>().to_ascii_lowercase(),
            ..self
        }
    }

    /// The name of a cookie of this site. Under https the prefix makes the browser keep other hosts from
    /// setting it.
    #[must_use]
    pub fn cookie_name(&self, of: &str) -> String {
        let prefix = if self.is_https() { "__Host-" } else { "" };
        format!("{prefix}{of}_{}", self.mark)
    }

    /// The URL that people type into the browser.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.origin
    }

    /// Was a public URL given?
    #[must_use]
    pub fn is_given(&self) -> bool {
        self.is_given
    }

    /// Does natter serve requests for this host?
    ///
    /// Another site can make its own name resolve to natter's address (DNS rebinding). For the browser its
    /// page then has the same origin as natter. That works only with the site's own name: not with an
    /// address, which is never resolved, nor with a name from this machine's network.
    #[must_use]
    pub fn answers_to(&self, host: &Host) -> bool {
        matches!(host, Host::Address(_))
            || host.is_loopback()
            || *host == self.host
            || self.machine.contains(host)
    }

    /// Is the URL that people type a loopback one?
    #[must_use]
    pub fn is_on_loopback(&self) -> bool {
        self.host.is_loopback()
    }

    /// Are its cookies Secure?
    #[must_use]
    pub fn is_https(&self) -> bool {
        self.origin.starts_with("https://")
    }

    /// The origins that the broker's own listener accepts.
    #[must_use]
    pub fn origins(&self) -> Vec<String> {
        let mut origins = vec![self.origin.clone()];
        if let (false, Some(port)) = (self.is_given, self.origin.strip_prefix("http://localhost")) {
            origins.push(format!("http://127.0.0.1{port}"));
        }
        origins
    }

    /// The origin that a browser used for this site, to send it back there: its cookies belong to that
    /// origin. An origin from a request is used only if it is one of the site's own.
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

/// The names under which other machines on its network know a machine with this node name.
fn machine(node: &str) -> Vec<Host> {
    let mut names = vec![node.to_owned()];
    match node.split_once('.') {
        Some((first, _)) => names.push(first.to_owned()),
        // By multicast DNS (RFC 6762).
        None => names.push(format!("{node}.local")),
    }
    names.iter().filter_map(|name| Host::parse(name)).collect()
}

/// An origin (RFC 6454) as browsers send it: without the scheme's default port.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Origin {
    is_https: bool,
    host: Host,
    port: u16,
}

impl Origin {
    /// The origin of `http://host` or `https://host`, with or without a port and a slash.
    #[must_use]
    pub fn parse(url: &str) -> Option<Self> {
        let uri: Uri = url.parse().ok()?;
        let is_https = match uri.scheme_str()? {
            "http" => false,
            "https" => true,
            _ => return None,
        };
        let authority = uri.authority()?;
        if !matches!(uri.path(), "" | "/") || uri.query().is_some() {
            return None;
        }
        Some(Self {
            is_https,
            host: Host::of(authority)?,
            port: authority.port_u16().unwrap_or(own_port(is_https)),
        })
    }
}

fn own_port(is_https: bool) -> u16 {
    if is_https { 443 } else { 80 }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = if self.is_https { "https" } else { "http" };
        write!(f, "{scheme}://{}", self.host)?;
        if self.port == own_port(self.is_https) {
            return Ok(());
        }
        write!(f, ":{}", self.port)
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
    fn a_public_url_is_an_origin() {
        let site = Site::parse("https://Chat.example.org/").unwrap();
        assert_eq!(site.url(), "https://chat.example.org");
        for bad in [
            "chat.example.org",
            "ftp://x",
            "https://x/chat",
            "https://a@b",
            "https://x?y",
            "https://x:99999",
            "https://",
        ] {
            assert!(Site::parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn an_origin_has_one_form() {
        for (url, origin) in [
            ("https://x:443", "https://x"),
            ("HTTPS://X:443/", "https://x"),
            ("http://x:80", "http://x"),
            ("http://x:", "http://x"),
            ("http://x.", "http://x"),
            ("https://x:80", "https://x:80"),
            ("http://x:443/", "http://x:443"),
            ("http://[0::1]:80", "http://[::1]"),
        ] {
            let site = Site::parse(url).unwrap();
            assert_eq!(site.url(), origin, "{url}");
            assert_eq!(site.origins(), [origin], "{url}");
            let pages = HeaderValue::from_str(origin).unwrap();
            let headers = HeaderMap::from_iter([(header::ORIGIN, pages)]);
            assert!(site.allows_origin(&headers), "{url}");
        }
        let local = Site::at(SocketAddr::from(([127, 0, 0, 1], 80)));
        assert_eq!(local.origins(), ["http://localhost", "http://127.0.0.1"]);
    }

    #[test]
    fn it_answers_to_its_own_names() {
        let mut local = Site::at(SocketAddr::from(([0, 0, 0, 0], 3000)));
        local.machine = machine("box.example.net");
        let mut given = Site::parse("https://chat.example.org").unwrap();
        given.machine = machine("box");
        let answers = |site: &Site, host| site.answers_to(&Host::parse(host).unwrap());
        for host in ["localhost:1", "127.0.0.1", "[::1]:3000", "192.0.2.1", "box"] {
            assert!(answers(&local, host) && answers(&given, host), "{host}");
        }
        assert!(answers(&local, "box.example.net:3000"));
        assert!(answers(&given, "box.local"));
        assert!(answers(&given, "Chat.Example.org."));
        for host in [
            "evil.example",
            "localhost.evil.example",
            "127.0.0.1.evil.example",
            "box.evil.example",
            "evil.chat.example.org",
            "example.org",
        ] {
            assert!(!answers(&local, host) && !answers(&given, host), "{host}");
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
