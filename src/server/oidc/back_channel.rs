//! HTTP from natter to the provider.

use std::error::Error;
use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

use http_body_util::{BodyExt as _, Full, Limited};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use openidconnect::url::Url;
use openidconnect::{AsyncHttpClient, HttpRequest, HttpResponse};
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::{self, ClientConfig, RootCertStore};

use super::options::is_safe;

/// The longest that one answer may take.
const DEADLINE: Duration = Duration::from_secs(5);

/// The largest answer: a discovery document has a few kB, a key set some tens.
const ANSWER_BYTES: usize = 512 * 1_024;

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum NoAnswer {
    /// The address is not one that may be asked.
    #[error("{0} is neither https nor on this machine")]
    Unsafe(String),
    /// Nothing within the deadline.
    #[error("no answer within {} s", DEADLINE.as_secs())]
    Late,
    /// The connection or what came over it.
    #[error("{0}")]
    Broken(#[source] Box<dyn Error + Send + Sync>),
}

impl NoAnswer {
    fn of(error: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self::Broken(error.into())
    }
}

/// A client that follows no redirects: where the provider is asked stands in its discovery
/// document, and nowhere else.
#[derive(Debug, Clone)]
pub(super) struct BackChannel {
    client: Client<HttpsConnector<HttpConnector>, Full<bytes::Bytes>>,
}

impl BackChannel {
    /// With the certificates that the system trusts.
    pub(super) fn new() -> Result<Self, rustls::Error> {
        let mut roots = RootCertStore::empty();
        roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        let provider = std::sync::Arc::new(ring::default_provider());
        let tls = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()?
            .with_root_certificates(roots)
            .with_no_client_auth();
        let connector = HttpsConnectorBuilder::new()
            .with_tls_config(tls)
            .https_or_http()
            .enable_http1()
            .build();
        let client = Client::builder(TokioExecutor::new())
            // A sign-in now and then: a connection kept would be closed when it is wanted.
            .pool_max_idle_per_host(0)
            .build(connector);
        Ok(Self { client })
    }

    async fn ask(&self, request: HttpRequest) -> Result<HttpResponse, NoAnswer> {
        let url = request.uri().to_string();
        if !Url::parse(&url).is_ok_and(|url| is_safe(&url)) {
            return Err(NoAnswer::Unsafe(url));
        }
        let request = request.map(|body| Full::new(body.into()));
        let response = self.client.request(request).await.map_err(NoAnswer::of)?;
        let (head, body) = response.into_parts();
        let body = Limited::new(body, ANSWER_BYTES).collect().await;
        let body = body.map_err(NoAnswer::Broken)?.to_bytes();
        Ok(HttpResponse::from_parts(head, body.to_vec()))
    }
}

impl<'c> AsyncHttpClient<'c> for BackChannel {
    type Error = NoAnswer;
    type Future = Pin<Box<dyn Future<Output = Result<HttpResponse, NoAnswer>> + Send + 'c>>;

    fn call(&'c self, request: HttpRequest) -> Self::Future {
        Box::pin(async {
            let answered = tokio::time::timeout(DEADLINE, self.ask(request)).await;
            answered.map_err(|_| NoAnswer::Late)?
        })
    }
}
