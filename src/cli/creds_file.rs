//! Reads `.creds` files: a user JWT and the seed of its key.

use std::path::Path;
use std::sync::Arc;

use data_encoding::BASE64URL_NOPAD;
use nkeys::KeyPair;
use serde::Deserialize;

use super::failed::Failed;
use crate::nats::Auth;

/// A `.creds` file.
pub(super) struct CredsFile {
    jwt: String,
    key: KeyPair,
    /// Whom it was made for.
    pub name: String,
    /// Under which replies to them arrive.
    pub inbox_prefix: String,
}

impl CredsFile {
    /// Reads a file.
    pub fn read(file: &Path) -> Result<Self, Failed> {
        let refused = |reason: String| Failed::Creds {
            file: file.to_owned(),
            reason,
        };
        let text = std::fs::read_to_string(file).map_err(|error| refused(error.to_string()))?;
        Self::parse(&text).map_err(|reason| refused(reason.to_owned()))
    }

    fn parse(text: &str) -> Result<Self, &'static str> {
        #[derive(Deserialize)]
        struct Claims {
            #[serde(default)]
            name: String,
        }
        let jwt = section(text, "NATS USER JWT").ok_or("it has no user JWT")?;
        let seed = section(text, "USER NKEY SEED").ok_or("it has no seed")?;
        let key = KeyPair::from_seed(seed).map_err(|_| "its seed is none")?;
        let claims = jwt.split('.').nth(1).unwrap_or_default();
        let claims = BASE64URL_NOPAD.decode(claims.as_bytes()).ok();
        let claims: Claims = claims
            .and_then(|claims| serde_json::from_slice(&claims).ok())
            .ok_or("its JWT cannot be read")?;
        let told = text
            .lines()
            .find_map(|line| line.strip_prefix("# inbox prefix: "));
        let inbox_prefix = match told {
            Some(prefix) => prefix.trim().to_owned(),
            None => format!("_INBOX.{}", claims.name),
        };
        Ok(Self {
            jwt: jwt.to_owned(),
            key,
            name: claims.name,
            inbox_prefix,
        })
    }

    /// Shows it to a server.
    pub fn auth(self) -> Auth {
        let key = self.key;
        Auth::Jwt {
            jwt: self.jwt,
            sign: Arc::new(move |nonce| key.sign(nonce).unwrap_or_default()),
        }
    }
}

/// The line below `-----BEGIN <name>-----`.
fn section<'a>(text: &'a str, name: &str) -> Option<&'a str> {
    let begin = format!("BEGIN {name}-");
    let mut lines = text.lines().map(str::trim);
    lines.find(|line| line.starts_with('-') && line.contains(&begin))?;
    lines.find(|line| !line.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(jwt: &str, seed: &str) -> String {
        format!(
            "# inbox prefix: _INBOX.SERVICE.ada\n-----BEGIN NATS USER JWT-----\n{jwt}\n\
             ------END NATS USER JWT------\n\n-----BEGIN USER NKEY SEED-----\n{seed}\n\
             ------END USER NKEY SEED------\n"
        )
    }

    #[test]
    fn a_file_says_who_and_where_replies_arrive() {
        let jwt = format!("x.{}.y", BASE64URL_NOPAD.encode(b"{\"name\":\"ada\"}"));
        let seed = KeyPair::new_user().seed().unwrap();
        let creds = CredsFile::parse(&file(&jwt, &seed)).unwrap();
        assert_eq!(creds.name, "ada");
        assert_eq!(creds.inbox_prefix, "_INBOX.SERVICE.ada");
        let without = file(&jwt, &seed).replace("# inbox", "# other");
        let creds = CredsFile::parse(&without).unwrap();
        assert_eq!(creds.inbox_prefix, "_INBOX.ada");

        for bad in [
            String::new(),
            file("", &seed),
            file("no jwt", &seed),
            file(&jwt, "SUA"),
            file(&jwt, &seed)[..60].to_owned(),
        ] {
            assert!(CredsFile::parse(&bad).is_err(), "{bad}");
        }
    }
}
