//! What natter is told of the identity provider.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use openidconnect::IssuerUrl;
use openidconnect::url::{Host, Url};

/// Sign-in with OpenID Connect; off without an issuer.
#[derive(Debug, Clone, Default, clap::Args)]
#[command(next_help_heading = "Sign-in with OpenID Connect")]
pub struct OidcOptions {
    /// The provider's issuer URL, as its discovery document has it: https, or http on this machine.
    #[arg(
        long = "oidc-issuer",
        env = "NATTER_OIDC_ISSUER",
        value_name = "URL",
        requires = "client_id"
    )]
    pub issuer: Option<Issuer>,

    /// The name that the provider gave natter.
    #[arg(
        id = "client_id",
        long = "oidc-client-id",
        env = "NATTER_OIDC_CLIENT_ID",
        value_name = "ID",
        requires = "issuer"
    )]
    pub client_id: Option<String>,

    /// A file with the secret that the provider gave natter. It can also be in the variable
    /// NATTER_OIDC_CLIENT_SECRET. A public client has none.
    #[arg(
        long = "oidc-client-secret-file",
        env = "NATTER_OIDC_CLIENT_SECRET_FILE",
        value_name = "FILE"
    )]
    pub client_secret_file: Option<PathBuf>,

    /// Not in the help: whoever lists processes reads what is on a command line.
    #[arg(
        long = "oidc-client-secret",
        env = "NATTER_OIDC_CLIENT_SECRET",
        hide = true,
        hide_env_values = true
    )]
    pub client_secret: Option<Secret>,

    /// What people call the provider: the button says "Sign in with" it. Without it: its host.
    #[arg(long = "oidc-label", env = "NATTER_OIDC_LABEL", value_name = "NAME")]
    pub label: Option<String>,

    /// Let only people in whose verified e-mail address at the provider is in one of these domains
    /// (with commas). Without it: whoever can sign in there.
    #[arg(
        long = "oidc-domains",
        env = "NATTER_OIDC_DOMAINS",
        value_name = "DOMAINS",
        value_delimiter = ','
    )]
    pub domains: Vec<String>,

    /// Who gets an account by signing in there: "open" (whoever is let in) or "invite" (who comes by
    /// an administrator's link; others sign in with accounts that they have connected).
    #[arg(
        long = "oidc-accounts",
        env = "NATTER_OIDC_ACCOUNTS",
        value_name = "WHO",
        value_enum,
        default_value_t
    )]
    pub accounts: OidcAccounts,
}

/// Who gets an account by signing in at the provider.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, clap::ValueEnum)]
pub enum OidcAccounts {
    /// Whoever is let in.
    #[default]
    Open,
    /// Who comes by an invitation.
    Invite,
}

/// What must not be shown to anybody.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// The text itself.
    #[must_use]
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl From<String> for Secret {
    fn from(text: String) -> Self {
        Self(text)
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

/// An issuer that natter may ask.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Issuer(IssuerUrl);

impl Issuer {
    /// Its URL.
    #[must_use]
    pub fn url(&self) -> &IssuerUrl {
        &self.0
    }

    fn host(&self) -> String {
        let host = self.0.url().host_str().unwrap_or_default();
        host.to_owned()
    }
}

impl FromStr for Issuer {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let not_one = || "say a URL like https://login.example.org".to_owned();
        let issuer = IssuerUrl::new(text.to_owned()).map_err(|_| not_one())?;
        let url = issuer.url();
        if url.query().is_some() || url.fragment().is_some() || !url.username().is_empty() {
            return Err(not_one());
        }
        if !is_safe(url) {
            return Err("an issuer is asked over https; http is for this machine alone".into());
        }
        Ok(Self(issuer))
    }
}

/// May the provider be asked there? In the clear only where nobody else can listen.
pub(super) fn is_safe(url: &Url) -> bool {
    let is_here = match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(ip)) => ip.is_loopback(),
        Some(Host::Ipv6(ip)) => ip.is_loopback(),
        None => false,
    };
    match url.scheme() {
        "https" => url.has_host(),
        "http" => is_here,
        _ => false,
    }
}

/// The options do not fit together.
#[derive(Debug, thiserror::Error)]
pub enum OidcOptionsError {
    /// The file with the secret.
    #[error("--oidc-client-secret-file: {file:?} cannot be read ({source})")]
    SecretFile {
        /// Which.
        file: PathBuf,
        /// Why not.
        source: std::io::Error,
    },
    /// The system's TLS cannot be used.
    #[error("sign-in with OpenID Connect: {0}")]
    Tls(#[from] tokio_rustls::rustls::Error),
    /// A domain is none.
    #[error("--oidc-domains: {0:?} is not a domain like example.org")]
    Domain(String),
}

/// The options, read and checked.
#[derive(Debug, Clone)]
pub(super) struct Config {
    pub issuer: Issuer,
    pub client_id: String,
    pub client_secret: Option<Secret>,
    pub label: String,
    pub domains: Vec<String>,
    pub accounts: OidcAccounts,
}

impl OidcOptions {
    /// `None`: there is no provider.
    pub(super) fn read(self) -> Result<Option<Config>, OidcOptionsError> {
        let (Some(issuer), Some(client_id)) = (self.issuer, self.client_id) else {
            return Ok(None);
        };
        let client_secret = match self.client_secret_file {
            Some(file) => match std::fs::read_to_string(&file) {
                Ok(text) => Some(Secret(text.trim().to_owned())),
                Err(source) => return Err(OidcOptionsError::SecretFile { file, source }),
            },
            None => self.client_secret,
        };
        let label = self.label.map(|label| label.trim().to_owned());
        Ok(Some(Config {
            label: label
                .filter(|label| !label.is_empty())
                .unwrap_or_else(|| issuer.host()),
            client_secret: client_secret.filter(|secret| !secret.0.is_empty()),
            domains: domains(&self.domains)?,
            accounts: self.accounts,
            issuer,
            client_id,
        }))
    }
}

/// An empty list from a variable that is set to nothing is no rule; a bad one never becomes none.
fn domains(given: &[String]) -> Result<Vec<String>, OidcOptionsError> {
    let given = given.iter().map(|domain| domain.trim().to_lowercase());
    given
        .filter(|domain| !domain.is_empty())
        .map(|domain| {
            let is_letter = |c: char| c.is_alphanumeric() || matches!(c, '.' | '-');
            if domain.contains('.') && domain.chars().all(is_letter) {
                Ok(domain)
            } else {
                Err(OidcOptionsError::Domain(domain))
            }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser as _;

    #[derive(Debug, clap::Parser)]
    struct Line {
        #[command(flatten)]
        oidc: OidcOptions,
    }

    fn read(line: &[&str]) -> Option<Config> {
        let line = [&["natter"], line].concat();
        Line::try_parse_from(line).unwrap().oidc.read().unwrap()
    }

    #[test]
    fn an_issuer_is_asked_in_the_clear_on_this_machine_alone() {
        for good in [
            "https://login.example.org",
            "https://example.org/realms/natter",
            "http://localhost:8080",
            "http://127.0.0.1:9000/",
            "http://[::1]:9000",
        ] {
            assert!(good.parse::<Issuer>().is_ok(), "{good}");
        }
        for bad in [
            "",
            "login.example.org",
            "http://login.example.org",
            "http://localhost.example.org",
            "http://10.0.0.1",
            "ftp://localhost",
            "https://a@example.org",
            "https://example.org?x=y",
        ] {
            assert!(bad.parse::<Issuer>().is_err(), "{bad}");
        }
    }

    #[test]
    fn a_secret_is_never_shown() {
        let line = [
            "--oidc-issuer",
            "https://a.example",
            "--oidc-client-id",
            "x",
        ];
        let line = [&line[..], &["--oidc-client-secret", "hush"]].concat();
        let config = read(&line).unwrap();
        assert!(!format!("{config:?}").contains("hush"), "{config:?}");
        assert_eq!(config.client_secret, Some(Secret("hush".into())));
        assert_eq!(config.label, "a.example");
        let help = <Line as clap::CommandFactory>::command().render_long_help();
        assert!(
            !help.to_string().contains("--oidc-client-secret "),
            "{help}"
        );
    }

    #[test]
    fn a_rule_that_cannot_be_read_is_not_left_out() {
        for bad in ["example", "a@example.org", "*.example.org"] {
            assert!(domains(&[bad.to_owned()]).is_err(), "{bad}");
        }
        let given = [" Example.org".to_owned(), String::new()];
        assert_eq!(domains(&given).unwrap(), ["example.org"]);
    }

    #[test]
    fn without_an_issuer_there_is_none_and_without_a_client_neither() {
        assert!(read(&[]).is_none());
        let alone = Line::try_parse_from(["natter", "--oidc-issuer", "https://a.example"]);
        assert!(alone.is_err());
    }
}
