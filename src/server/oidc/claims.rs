//! What the provider says of a person.

use data_encoding::BASE64URL_NOPAD;
use openidconnect::core::{CoreGenderClaim, CoreIdTokenClaims};
use openidconnect::{EmptyAdditionalClaims, LocalizedClaim, UserInfoClaims};
use sha2::{Digest as _, Sha256};

use crate::domain::{DisplayName, Username, limits};
use crate::server::{Failure, clock};
use crate::wire::v1;

/// What the provider says of a person, checked. Who they are is issuer and subject alone: an
/// e-mail address may be given to somebody else.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Claims {
    /// The provider's issuer URL.
    pub issuer: String,
    /// Who it is there, for ever.
    pub subject: String,
    /// An e-mail address.
    pub email: Option<String>,
    /// The provider knows that the address is theirs.
    pub email_verified: bool,
    /// What they want to be called by.
    pub preferred_username: Option<String>,
    /// What they are called.
    pub name: Option<String>,
}

impl Claims {
    pub(super) fn of_token(claims: &CoreIdTokenClaims) -> Self {
        Self {
            issuer: claims.issuer().to_string(),
            subject: claims.subject().to_string(),
            email: owned(claims.email()),
            email_verified: claims.email_verified() == Some(true),
            preferred_username: owned(claims.preferred_username()),
            name: text(claims.name()),
        }
    }

    /// Is there more to ask for?
    pub(super) fn are_few(&self) -> bool {
        self.email.is_none() || self.preferred_username.is_none() || self.name.is_none()
    }

    /// What the ID token left out. An address is verified by the word of whoever names it.
    pub(super) fn fill(&mut self, more: &UserInfoClaims<EmptyAdditionalClaims, CoreGenderClaim>) {
        if self.email.is_none() {
            self.email = owned(more.email());
            self.email_verified = more.email_verified() == Some(true);
        }
        if self.preferred_username.is_none() {
            self.preferred_username = owned(more.preferred_username());
        }
        if self.name.is_none() {
            self.name = text(more.name());
        }
    }

    /// The identity, as the directory knows it.
    #[must_use]
    pub fn identity(&self) -> v1::Identity {
        // A URL has no line break, so no two pairs read the same.
        let pair = format!("{}\n{}", self.issuer, self.subject);
        v1::Identity {
            id: BASE64URL_NOPAD.encode(&Sha256::digest(pair.as_bytes())),
            issuer: self.issuer.clone(),
            connected_at_ms: clock::now().0,
        }
    }

    /// What the person knows the identity by. An address that may be another's is not shown as
    /// theirs.
    #[must_use]
    pub fn shown_as(&self) -> String {
        let email = self.email.as_ref().filter(|_| self.email_verified);
        let known = email.or(self.preferred_username.as_ref());
        let known = known.or(self.name.as_ref()).unwrap_or(&self.subject);
        known
            .chars()
            .filter(|c| !c.is_control())
            .take(100)
            .collect()
    }

    /// The display name to begin with, where it can be one.
    #[must_use]
    pub fn display_name(&self) -> Option<DisplayName> {
        DisplayName::parse(self.name.as_deref()?).ok()
    }

    /// Usernames to begin with, the best first. The person has the last word.
    #[must_use]
    pub fn usernames(&self) -> Vec<Username> {
        let given = [&self.preferred_username, &self.email, &self.name];
        let Some(first) = given
            .into_iter()
            .flatten()
            .find_map(|text| as_username(text))
        else {
            return Vec::new();
        };
        let numbered = (2..10).map(|n| {
            let most = limits::USERNAME_CHARS.end() - 2;
            let stem = first.as_str().chars().take(most).collect::<String>();
            Username::parse(&format!("{stem}-{n}"))
        });
        let numbered: Vec<_> = numbered.filter_map(Result::ok).collect();
        [vec![first], numbered].concat()
    }

    /// Is this somebody of one of these domains? No domains: everybody is.
    ///
    /// # Errors
    /// Why they are not let in.
    pub(super) fn are_of(&self, domains: &[String], label: &str) -> Result<(), Failure> {
        if domains.is_empty() {
            return Ok(());
        }
        let ours = domains.join(" or ");
        let domain = self
            .email
            .as_deref()
            .and_then(|email| email.rsplit_once('@'));
        let is_ours = |(_, domain): (&str, &str)| {
            domains.iter().any(|ours| ours.eq_ignore_ascii_case(domain))
        };
        if !domain.is_some_and(is_ours) {
            return Err(Failure::forbidden(format!(
                "This is for people with an e-mail address at {ours}. {label} says something else about you."
            )));
        }
        if !self.email_verified {
            return Err(Failure::forbidden(format!(
                "{label} has not verified your e-mail address. Have it verified there, and sign in again."
            )));
        }
        Ok(())
    }
}

fn owned<T: std::ops::Deref<Target = String>>(claim: Option<&T>) -> Option<String> {
    claim.map(|claim| claim.to_string())
}

/// The name without a language, else any.
fn text<T: std::ops::Deref<Target = String>>(claim: Option<&LocalizedClaim<T>>) -> Option<String> {
    let claim = claim?;
    let any = || claim.iter().next().map(|(_, text)| text);
    claim.get(None).or_else(any).map(|text| text.to_string())
}

/// What of a name can be a username: `Ada.Kim@example.org` is `ada-kim`.
fn as_username(text: &str) -> Option<Username> {
    let local = text.split('@').next().unwrap_or_default();
    let fitting = local.chars().filter_map(|c| match c.to_ascii_lowercase() {
        c @ ('a'..='z' | '0'..='9' | '-' | '_') => Some(c),
        '.' | '+' | ' ' => Some('-'),
        _ => None,
    });
    let most = *limits::USERNAME_CHARS.end();
    let name: String = fitting.skip_while(|c| *c == '-').take(most).collect();
    Username::parse(name.trim_end_matches('-')).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(email: Option<&str>, verified: bool) -> Claims {
        Claims {
            email: email.map(str::to_owned),
            email_verified: verified,
            ..Claims::default()
        }
    }

    #[test]
    fn a_username_is_made_of_what_fits() {
        for (given, made) in [
            ("ada", Some("ada")),
            ("Ada.Kim@example.org", Some("ada-kim")),
            ("ada+chat@example.org", Some("ada-chat")),
            (".ada.", Some("ada")),
            ("Åda", Some("da")),
            ("admin", None),
            ("山田", None),
            ("a", None),
            ("", None),
        ] {
            let username = as_username(given);
            assert_eq!(username.as_ref().map(Username::as_str), made, "{given}");
        }
        let long = as_username(&"x".repeat(40)).unwrap();
        assert_eq!(long.as_str().len(), 32);
    }

    #[test]
    fn one_that_is_taken_gets_a_number() {
        let claims = Claims {
            preferred_username: Some("x".repeat(32)),
            ..with(Some("ada@example.org"), true)
        };
        let names = claims.usernames();
        assert_eq!(names.len(), 9);
        assert!(names[1].as_str().ends_with("x-2") && names[1].as_str().len() == 32);
    }

    #[test]
    fn a_domain_is_the_whole_of_what_follows_the_last_at() {
        let ours = ["example.org".to_owned()];
        for (email, verified, is_in) in [
            (Some("ada@example.org"), true, true),
            (Some("ada@EXAMPLE.org"), true, true),
            (Some("ada@example.org"), false, false),
            (Some("ada@evil-example.org"), true, false),
            (Some("ada@sub.example.org"), true, false),
            (Some("ada@example.org@evil.test"), true, false),
            (Some("example.org"), true, false),
            (None, true, false),
        ] {
            let let_in = with(email, verified).are_of(&ours, "the provider");
            assert_eq!(let_in.is_ok(), is_in, "{email:?} {verified}");
        }
        assert!(with(None, false).are_of(&[], "the provider").is_ok());
    }

    #[test]
    fn an_identity_is_issuer_and_subject_and_nothing_else() {
        let of = |issuer: &str, subject: &str, email: &str| {
            let claims = Claims {
                issuer: issuer.into(),
                subject: subject.into(),
                ..with(Some(email), true)
            };
            claims.identity().id
        };
        let ada = of("https://a.example", "1", "ada@example.org");
        assert_eq!(ada, of("https://a.example", "1", "other@example.org"));
        assert_ne!(ada, of("https://a.example", "2", "ada@example.org"));
        assert_ne!(ada, of("https://b.example", "1", "ada@example.org"));
    }
}
