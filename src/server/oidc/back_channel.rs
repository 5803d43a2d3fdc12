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
    #[error("{0} is not https")]
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
    in_the_clear: bool,
}

impl BackChannel {
    /// With the certificates that the system trusts. `in_the_clear`: the provider is on this
    /// machine, and may be asked over http there. No other provider can send natter there.
    pub(super) fn new(in_the_clear: bool) -> Result<Self, rustls::Error> {
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
        Ok(Self {
            client,
            in_the_clear,
        })
    }

    async fn ask(&self, request: HttpRequest) -> Result<HttpResponse, NoAnswer> {
        let url = request.uri().to_string();
        let may_ask = |url: Url| is_safe(&url) && (url.scheme() == "https" || self.in_the_clear);
        if !Url::parse(&url).is_ok_and(may_ask) {
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

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::net::TcpListener;

    fn request(url: String) -> HttpRequest {
        let request = openidconnect::http::Request::get(url);
        request.body(Vec::new()).unwrap()
    }

    /// Answers once with as many bytes.
    async fn says(bytes: usize) -> String {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/", listener.local_addr().unwrap());
        tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            let _ = stream.read(&mut [0; 1_024]).await;
            let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {bytes}\r\n\r\n");
            let _ = stream.write_all(head.as_bytes()).await;
            let _ = stream.write_all(&vec![b' '; bytes]).await;
        });
        url
    }

    #[tokio::test]
    async fn only_a_provider_on_this_machine_is_asked_in_the_clear() {
        let here = BackChannel::new(true).unwrap();
        let answer = here.call(request(says(10).await)).await.unwrap();
        assert_eq!(answer.body().len(), 10);
        // Its own word for where to ask leads no other provider to what listens here.
        let elsewhere = BackChannel::new(false).unwrap();
        let refused = elsewhere.call(request(says(10).await)).await;
        assert!(matches!(refused, Err(NoAnswer::Unsafe(_))), "{refused:?}");
        let refused = here.call(request("http://192.0.2.1/".into())).await;
        assert!(matches!(refused, Err(NoAnswer::Unsafe(_))), "{refused:?}");
    }

    #[tokio::test]
    async fn an_answer_without_end_is_cut() {
        let here = BackChannel::new(true).unwrap();
        let long = here.call(request(says(ANSWER_BYTES + 1).await)).await;
        assert!(matches!(long, Err(NoAnswer::Broken(_))), "{:?}", long.err());
    }
}
