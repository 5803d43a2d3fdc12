//! The server function of the connection check: the request goes from the browser over HTTP to
//! natter, from there with async-nats to the broker, and from the broker to natter's echo service.

use leptos::prelude::*;
use leptos::server_fn::codec::JsonEncoding;
use serde::{Deserialize, Serialize};

/// How the way through the server went.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EchoReport {
    /// The text that came back.
    pub text: String,
    /// From request to answer as the server measured it, in microseconds.
    pub micros: u64,
    /// The broker's name.
    pub broker: String,
    /// The version of nats-server.
    pub version: String,
}

/// Why there is no report. Nothing from inside shows in it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
pub enum EchoError {
    /// Nobody answers on the subject.
    #[error("Natter’s echo service does not answer.")]
    NoAnswer,
    /// Natter does not want to now; the words say when.
    #[error("{0}")]
    Refused(String),
    /// Something came back that is not an echo.
    #[error("The answer could not be read.")]
    Unreadable,
    /// The request did not reach natter, or natter has signed this browser out.
    #[error("Natter could not be reached. Check your connection, or sign in again.")]
    Unreachable,
}

impl FromServerFnError for EchoError {
    type Encoder = JsonEncoding;

    fn from_server_fn_error(_: ServerFnErrorErr) -> Self {
        Self::Unreachable
    }
}

/// What the server function needs, given in context by the route that serves it.
#[cfg(feature = "ssr")]
#[derive(Clone)]
pub struct EchoBackend {
    /// Who asks.
    pub uid: crate::domain::Username,
    /// Natter's own connection.
    pub nats: async_nats::Client,
}

/// What became of a request that was refused: the answer over HTTP says the same.
#[cfg(feature = "ssr")]
fn refused(reply: &async_nats::Message) -> Option<EchoError> {
    use axum::http::{HeaderValue, StatusCode, header};
    use prost::Message as _;

    let code = reply.headers.as_ref()?.get("Nats-Service-Error-Code")?;
    let failure = crate::wire::v1::Failure::decode(reply.payload.clone()).ok()?;
    if let Some(response) = use_context::<leptos_axum::ResponseOptions>() {
        if let Some(code) = code
            .as_str()
            .parse()
            .ok()
            .and_then(|code| StatusCode::from_u16(code).ok())
        {
            response.set_status(code);
        }
        if failure.retry_after_ms > 0 {
            let seconds = failure.retry_after_ms.div_ceil(1_000);
            response.insert_header(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
    }
    Some(EchoError::Refused(failure.reason))
}

/// Sends a message to the echo service and measures the way.
///
/// # Errors
/// No answer within 2 s, or none that can be read.
#[server(prefix = "/api", endpoint = "echo")]
pub async fn echo_by_server(
    /// The text to be echoed.
    message: String,
    /// The person that the page was made for. `guarded` checks it before this is called.
    page_of: String,
) -> Result<EchoReport, EchoError> {
    use crate::domain::subject;
    use crate::wire::echo::{EchoRequest, EchoResponse};
    use prost::Message as _;

    // Checked before this is called, as for every form.
    drop(page_of);
    let EchoBackend { uid, nats } = use_context().ok_or(EchoError::Unreachable)?;
    let inbox = format!("{}.{}", subject::inbox_prefix(&uid), nats.new_inbox());
    let payload = EchoRequest { message }.encode_to_vec();
    let request = async_nats::Request::new()
        .payload(payload.into())
        .inbox(inbox)
        .timeout(Some(std::time::Duration::from_secs(2)));
    let begun = std::time::Instant::now();
    let reply = nats
        .send_request(subject::echo(&uid), request)
        .await
        .map_err(|_| EchoError::NoAnswer)?;
    let micros = u64::try_from(begun.elapsed().as_micros()).unwrap_or(u64::MAX);
    if let Some(refused) = refused(&reply) {
        return Err(refused);
    }
    let EchoResponse { message } =
        EchoResponse::decode(reply.payload).map_err(|_| EchoError::Unreadable)?;
    let info = nats.server_info();
    Ok(EchoReport {
        text: message,
        micros,
        broker: info.server_name,
        version: info.version,
    })
}
