//! The provider: where it is, what it is asked, and what it answers.

use std::sync::Arc;
use std::time::{Duration, Instant};

use openidconnect::core::{
    CoreAuthenticationFlow, CoreClient, CoreClientAuthMethod, CoreIdToken, CoreIdTokenClaims,
    CoreProviderMetadata, CoreTokenResponse,
};
use openidconnect::{
    AccessTokenHash, AuthType, AuthorizationCode, ClientId, ClientSecret, CsrfToken,
    EndpointMaybeSet, EndpointNotSet, EndpointSet, Nonce, OAuth2TokenResponse as _,
    PkceCodeChallenge, PkceCodeVerifier, RedirectUrl, Scope, TokenResponse as _,
};
use tokio::sync::Mutex;

use super::back_channel::BackChannel;
use super::error::chain;
use super::options::Config;
use super::{Claims, OidcAccounts, OidcError, OidcOptions, OidcOptionsError};
use crate::server::Failure;

/// What the provider says of itself is asked for again after this long.
const REMEMBERED: Duration = Duration::from_secs(3_600);

type Client = CoreClient<
    EndpointSet,
    EndpointNotSet,
    EndpointNotSet,
    EndpointNotSet,
    EndpointMaybeSet,
    EndpointMaybeSet,
>;

/// The provider, as far as it has been asked.
#[derive(Clone)]
pub struct Provider {
    config: Arc<Config>,
    back_channel: BackChannel,
    discovery: Arc<Mutex<Discovery>>,
}

/// What is known of it.
#[derive(Default)]
struct Discovery {
    found: Option<(Instant, Arc<CoreProviderMetadata>)>,
    /// When it last could not be found, and why.
    failed: Option<(Instant, String)>,
}

/// A sign-in that begins: the browser goes to `url`, and natter keeps the rest.
pub struct Begun {
    /// Where the person signs in.
    pub url: String,
    /// What the browser brings back.
    pub state: String,
    /// What the ID token must name.
    pub nonce: String,
    /// The secret behind the code challenge.
    pub pkce_verifier: String,
}

impl Provider {
    /// The provider that the options name, if any. It is not asked yet: natter starts without it.
    ///
    /// # Errors
    /// The options cannot be read.
    pub fn of(options: OidcOptions) -> Result<Option<Self>, OidcOptionsError> {
        let Some(config) = options.read()? else {
            return Ok(None);
        };
        let in_the_clear = config.issuer.url().url().scheme() == "http";
        Ok(Some(Self {
            config: Arc::new(config),
            back_channel: BackChannel::new(in_the_clear)?,
            discovery: Arc::default(),
        }))
    }

    /// What people call it.
    #[must_use]
    pub fn label(&self) -> &str {
        &self.config.label
    }

    /// Who gets an account by signing in there.
    #[must_use]
    pub fn accounts(&self) -> OidcAccounts {
        self.config.accounts
    }

    /// Its issuer URL.
    #[must_use]
    pub fn issuer(&self) -> &str {
        self.config.issuer.url().as_str()
    }

    /// Is somebody let in, of whom it says this?
    ///
    /// # Errors
    /// Why they are not.
    pub fn admit(&self, claims: &Claims) -> Result<(), Failure> {
        claims.are_of(&self.config.domains, self.label())
    }

    /// Begins a sign-in that comes back to `redirect`.
    ///
    /// # Errors
    /// The provider is not there.
    pub async fn begin(&self, redirect: &str) -> Result<Begun, OidcError> {
        let metadata = self.metadata(None).await?;
        let (challenge, verifier) = PkceCodeChallenge::new_random_sha256();
        let (url, state, nonce) = self
            .client(&metadata, redirect)?
            .authorize_url(
                CoreAuthenticationFlow::AuthorizationCode,
                CsrfToken::new_random,
                Nonce::new_random,
            )
            .add_scope(Scope::new("email".into()))
            .add_scope(Scope::new("profile".into()))
            .set_pkce_challenge(challenge)
            .url();
        Ok(Begun {
            url: url.into(),
            state: state.into_secret(),
            nonce: nonce.secret().clone(),
            pkce_verifier: verifier.into_secret(),
        })
    }

    /// Who it was that came back with `code`.
    ///
    /// # Errors
    /// The provider is not there, does not take the code, or its word does not hold.
    pub async fn recognise(
        &self,
        redirect: &str,
        code: String,
        nonce: String,
        pkce_verifier: String,
    ) -> Result<Claims, OidcError> {
        let metadata = self.metadata(None).await?;
        let client = self.client(&metadata, redirect)?;
        let nonce = Nonce::new(nonce);
        let tokens: CoreTokenResponse = client
            .exchange_code(AuthorizationCode::new(code))
            .map_err(|error| OidcError::Unusable(chain(&error)))?
            .set_pkce_verifier(PkceCodeVerifier::new(pkce_verifier))
            .request_async(&self.back_channel)
            .await?;
        let id_token = tokens
            .id_token()
            .ok_or_else(|| OidcError::Token("there is none".into()))?;
        let claims = match checked(&client, id_token, &tokens, &nonce) {
            // The provider has other keys than when it was asked for them.
            Err(OidcError::Signature(_)) => {
                let metadata = self.metadata(Some(&metadata)).await?;
                let client = self.client(&metadata, redirect)?;
                Claims::of_token(&checked(&client, id_token, &tokens, &nonce)?)
            }
            checked => Claims::of_token(&checked?),
        };
        Ok(self.with_user_info(&client, &tokens, claims).await)
    }

    /// Many providers put only who it is into the ID token, and the rest there.
    async fn with_user_info(
        &self,
        client: &Client,
        tokens: &CoreTokenResponse,
        mut claims: Claims,
    ) -> Claims {
        let subject = openidconnect::SubjectIdentifier::new(claims.subject.clone());
        let token = tokens.access_token().clone();
        if !claims.are_few() {
            return claims;
        }
        let Ok(request) = client.user_info(token, Some(subject)) else {
            return claims;
        };
        match request.request_async(&self.back_channel).await {
            Ok(more) => claims.fill(&more),
            // Who it is is known; a rule about what is not is judged by what is.
            Err(error) => tracing::warn!(
                error = chain(&error),
                "the identity provider says no more of somebody"
            ),
        }
        claims
    }

    fn client(&self, metadata: &CoreProviderMetadata, redirect: &str) -> Result<Client, OidcError> {
        let secret = self.config.client_secret.as_ref();
        let secret = secret.map(|secret| ClientSecret::new(secret.reveal().to_owned()));
        let id = ClientId::new(self.config.client_id.clone());
        let redirect = RedirectUrl::new(redirect.to_owned())
            .map_err(|error| OidcError::Unusable(chain(&error)))?;
        let client = CoreClient::from_provider_metadata(metadata.clone(), id, secret);
        Ok(client
            .set_redirect_uri(redirect)
            .set_auth_type(auth_type(metadata)))
    }

    /// What the provider says of itself, its keys too: as remembered, unless that is `stale`.
    async fn metadata(
        &self,
        stale: Option<&Arc<CoreProviderMetadata>>,
    ) -> Result<Arc<CoreProviderMetadata>, OidcError> {
        let asked = Instant::now();
        let mut discovery = self.discovery.lock().await;
        let is_stale = |metadata: &Arc<CoreProviderMetadata>| {
            stale.is_some_and(|stale| Arc::ptr_eq(stale, metadata))
        };
        let known = discovery.found.clone();
        if let Some((at, metadata)) = &known
            && at.elapsed() < REMEMBERED
            && !is_stale(metadata)
        {
            return Ok(Arc::clone(metadata));
        }
        // Who waited while somebody else asked in vain need not ask in vain again.
        if let Some((at, why)) = &discovery.failed
            && *at > asked
        {
            return Err(OidcError::Unreachable(why.clone()));
        }
        let issuer = self.config.issuer.url().clone();
        match CoreProviderMetadata::discover_async(issuer, &self.back_channel).await {
            Ok(metadata) => {
                let metadata = Arc::new(metadata);
                discovery.found = Some((Instant::now(), Arc::clone(&metadata)));
                discovery.failed = None;
                Ok(metadata)
            }
            Err(error) => {
                let error = OidcError::from(error);
                discovery.failed = Some((Instant::now(), error.to_string()));
                // What was true an hour ago is likely so now.
                match known {
                    Some((_, metadata)) if !is_stale(&metadata) => Ok(metadata),
                    _ => Err(error),
                }
            }
        }
    }
}

/// The claims of an ID token that holds: signature, issuer, audience, times, nonce, and that it is
/// about the access token that came with it.
fn checked(
    client: &Client,
    id_token: &CoreIdToken,
    tokens: &CoreTokenResponse,
    nonce: &Nonce,
) -> Result<CoreIdTokenClaims, OidcError> {
    let verifier = client.id_token_verifier();
    let claims = id_token.claims(&verifier, nonce)?;
    if let Some(expected) = claims.access_token_hash() {
        let wrong = |error: &dyn std::error::Error| OidcError::Token(chain(error));
        let alg = id_token.signing_alg().map_err(|error| wrong(&error))?;
        let key = id_token
            .signing_key(&verifier)
            .map_err(|error| wrong(&error))?;
        let actual = AccessTokenHash::from_token(tokens.access_token(), alg, key);
        if actual.map_err(|error| wrong(&error))? != *expected {
            return Err(OidcError::Token("it is about another access token".into()));
        }
    }
    Ok(claims.clone())
}

/// How natter shows its secret: as the standard prefers, unless the provider takes only the other.
fn auth_type(metadata: &CoreProviderMetadata) -> AuthType {
    let basic = CoreClientAuthMethod::ClientSecretBasic;
    let post = CoreClientAuthMethod::ClientSecretPost;
    match metadata.token_endpoint_auth_methods_supported() {
        Some(methods) if !methods.contains(&basic) && methods.contains(&post) => {
            AuthType::RequestBody
        }
        _ => AuthType::BasicAuth,
    }
}
