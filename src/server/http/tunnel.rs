//! `/nats`: a byte tunnel from the browser to the broker's WebSocket listener. It knows neither
//! WebSocket frames nor NATS, but it passes on only so many bytes of one person in a second (`pace`). It writes the upstream handshake's headers itself, so that nothing
//! of the browser's request but the key reaches the broker (Must hold, 8).

mod pace;

use std::collections::{HashMap, HashSet};
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::Extension;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use http_body_util::Empty;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;

use super::front::ForeignOrigin;
use super::signed_in::{NotSignedIn, SignedIn};
use super::{AppState, handshake, session};
use crate::domain::{Username, limits};
use crate::server::broker::SESSION_COOKIE_UPSTREAM;
use crate::server::store::{SessionId, SessionToken};
use pace::Pace;

/// How long a broker may take to answer the handshake.
const HANDSHAKE: Duration = Duration::from_secs(2);

/// For the servers that are left to notice that one is gone. Who connects through them before that
/// is asked about at the one that is gone, and they wait five seconds for its answer.
const NOTICED: Duration = Duration::from_millis(300);

/// The most that is read at once, as `tokio::io::copy` does.
const PIECE: usize = 8 * 1_024;

/// The tunnels of this natter, by person and by session.
#[derive(Clone, Default)]
pub struct Tunnels {
    open: Arc<Mutex<Open>>,
}

#[derive(Default)]
struct Open {
    next: u64,
    /// When the broker last ended one.
    lost: Option<Instant>,
    tunnels: HashMap<u64, Tunnel>,
}

struct Tunnel {
    uid: Username,
    session: SessionId,
    closed: CancellationToken,
    /// The same in all tunnels of a person.
    pace: Arc<Pace>,
}

impl Tunnels {
    /// How many there are.
    #[must_use]
    pub fn count(&self) -> usize {
        self.lock().tunnels.len()
    }

    /// Has this person as many as one may have?
    #[must_use]
    pub fn is_full(&self, uid: &Username) -> bool {
        self.lock().of(uid) >= limits::CONNECTIONS_PER_PERSON
    }

    /// Closes those of a session.
    pub fn close(&self, session: &SessionId) {
        for tunnel in self.lock().tunnels.values() {
            if tunnel.session == *session {
                tunnel.closed.cancel();
            }
        }
    }

    /// The sessions that they stand on, each once.
    #[must_use]
    pub fn sessions(&self) -> HashSet<SessionId> {
        let open = self.lock();
        let tunnels = open.tunnels.values();
        tunnels.map(|tunnel| tunnel.session.clone()).collect()
    }

    /// Closes all of them.
    pub fn close_all(&self) {
        for tunnel in self.lock().tunnels.values() {
            tunnel.closed.cancel();
        }
    }

    /// Waits until a server that may just have been lost is known to be.
    async fn let_losses_be_noticed(&self) {
        let lost = self.lock().lost;
        if let Some(lost) = lost {
            tokio::time::sleep_until(lost + NOTICED).await;
        }
    }

    fn enter(&self, uid: &Username, session: &SessionId) -> Option<Place> {
        let mut open = self.lock();
        if open.of(uid) >= limits::CONNECTIONS_PER_PERSON {
            return None;
        }
        open.next += 1;
        let (number, closed) = (open.next, CancellationToken::new());
        let mut others = open.tunnels.values();
        let pace = others
            .find(|other| other.uid == *uid)
            .map(|other| Arc::clone(&other.pace));
        let pace = pace.unwrap_or_else(|| Arc::new(Pace::new(Instant::now())));
        let tunnel = Tunnel {
            uid: uid.clone(),
            session: session.clone(),
            closed: closed.clone(),
            pace: Arc::clone(&pace),
        };
        open.tunnels.insert(number, tunnel);
        Some(Place {
            pace,
            tunnels: self.clone(),
            number,
            closed,
        })
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Open> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Open {
    fn of(&self, uid: &Username) -> usize {
        let tunnels = self.tunnels.values();
        tunnels.filter(|tunnel| tunnel.uid == *uid).count()
    }
}

/// A tunnel's place among those of its person, given back when it ends.
struct Place {
    tunnels: Tunnels,
    number: u64,
    closed: CancellationToken,
    pace: Arc<Pace>,
}

impl Drop for Place {
    fn drop(&mut self) {
        self.tunnels.lock().tunnels.remove(&self.number);
    }
}

pub(super) async fn tunnel(State(state): State<AppState>, request: Request) -> Response {
    let me = match SignedIn::find(request.headers(), &state).await {
        Ok(me) => me,
        Err(NotSignedIn::Nobody) => return StatusCode::UNAUTHORIZED.into_response(),
        Err(NotSignedIn::Suspended) => return StatusCode::FORBIDDEN.into_response(),
        Err(NotSignedIn::Unknown(_)) => return StatusCode::SERVICE_UNAVAILABLE.into_response(),
    };
    let key = handshake::key_of(request.method(), request.version(), request.headers());
    let key = match key {
        Ok(key) => key,
        Err(not) => return not.into_response(),
    };
    if !state.site.allows_origin(request.headers()) {
        let marked = Extension(ForeignOrigin);
        return (StatusCode::FORBIDDEN, marked, "Not from this origin.\n").into_response();
    }
    if state.cluster.has_several() {
        state.tunnels.let_losses_be_noticed().await;
    }
    let may = session::may_connect(&state, &me.uid);
    if !may.status().is_success() {
        return may;
    }
    let Some(place) = state.tunnels.enter(&me.uid, &me.session.id) else {
        return session::may_connect(&state, &me.uid);
    };
    let brokers = state.cluster.in_turn(place.number);
    let upstream = dial(&brokers, &key, request.headers(), &me.token);
    let Some((accept, upstream)) = upstream.await else {
        return StatusCode::SERVICE_UNAVAILABLE.into_response();
    };
    // A sign-out between the look at the session and the place among the tunnels was not heard
    // by this one: look again, now that one would be.
    match state.store.sessions.find(&me.token).await {
        Ok(Some(_)) => {}
        Ok(None) => return StatusCode::UNAUTHORIZED.into_response(),
        Err(_) => return StatusCode::SERVICE_UNAVAILABLE.into_response(),
    }
    tokio::spawn(carry(request, upstream, place));
    switching(accept)
}

/// A handshake with the first of the brokers that can be reached. `None`: none can.
async fn dial(
    brokers: &[SocketAddr],
    key: &HeaderValue,
    from: &HeaderMap,
    token: &SessionToken,
) -> Option<(HeaderValue, hyper::upgrade::Upgraded)> {
    for broker in brokers {
        match tokio::time::timeout(HANDSHAKE, connect(*broker, key, from, token)).await {
            Ok(Ok(connected)) => return Some(connected),
            Ok(Err(error)) => {
                tracing::warn!(%error, %broker, "the broker’s WebSocket listener cannot be reached");
            }
            Err(_) => {
                tracing::warn!(%broker, "the broker’s WebSocket listener does not answer");
            }
        }
    }
    None
}

/// A handshake with the broker on a fixed path, under the session and nothing else: no Origin (it
/// has been checked), no extensions.
async fn connect(
    broker: SocketAddr,
    key: &HeaderValue,
    from: &HeaderMap,
    token: &SessionToken,
) -> io::Result<(HeaderValue, hyper::upgrade::Upgraded)> {
    let stream = TcpStream::connect(broker).await?;
    stream.set_nodelay(true)?;
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream))
        .await
        .map_err(io::Error::other)?;
    tokio::spawn(connection.with_upgrades());
    let mut request = http::Request::builder()
        .uri("/")
        .header(header::HOST, broker.to_string())
        .header(header::UPGRADE, "websocket")
        .header(header::CONNECTION, "Upgrade")
        .header(header::SEC_WEBSOCKET_VERSION, "13")
        .header(header::SEC_WEBSOCKET_KEY, key)
        .header(
            header::COOKIE,
            format!("{SESSION_COOKIE_UPSTREAM}={}", token.as_str()),
        );
    // A header that Connection lists is for natter alone (RFC 9110, 7.6.1).
    let is_passed_on = !handshake::lists(from, header::CONNECTION, header::USER_AGENT.as_str());
    if let Some(agent) = from.get(header::USER_AGENT).filter(|_| is_passed_on) {
        request = request.header(header::USER_AGENT, agent);
    }
    let request = request
        .body(Empty::<Bytes>::new())
        .map_err(io::Error::other)?;
    let response = sender
        .send_request(request)
        .await
        .map_err(io::Error::other)?;
    if response.status() != StatusCode::SWITCHING_PROTOCOLS {
        return Err(io::Error::other(format!("answered {}", response.status())));
    }
    let accept = response
        .headers()
        .get(header::SEC_WEBSOCKET_ACCEPT)
        .cloned()
        .ok_or_else(|| io::Error::other("answered without an accept key"))?;
    let upgraded = hyper::upgrade::on(response)
        .await
        .map_err(io::Error::other)?;
    Ok((accept, upgraded))
}

/// Carries bytes both ways until one side ends, or the session does.
async fn carry(mut request: Request, upstream: hyper::upgrade::Upgraded, place: Place) {
    let browser = match hyper::upgrade::on(&mut request).await {
        Ok(browser) => browser,
        Err(error) => {
            tracing::debug!(%error, "a browser gave its handshake up");
            return;
        }
    };
    let (from_browser, mut to_browser) = tokio::io::split(TokioIo::new(browser));
    let (from_broker, mut to_broker) = tokio::io::split(TokioIo::new(upstream));
    // Neither side of a WebSocket goes on when the other one has ended.
    tokio::select! {
        () = place.closed.cancelled() => tracing::debug!("natter ended a tunnel"),
        _ = pass_paced(from_browser, &mut to_broker, &place.pace) => tracing::debug!("a browser ended a tunnel"),
        _ = pass(from_broker, &mut to_browser) => {
            tracing::debug!("the broker ended a tunnel");
            place.tunnels.lock().lost = Some(Instant::now());
        }
    }
}

/// Passes on what one side says until it ends, and tells the other one so.
async fn pass(
    mut from: impl AsyncRead + Unpin,
    to: &mut (impl AsyncWrite + Unpin),
) -> io::Result<()> {
    tokio::io::copy(&mut from, to).await?;
    to.shutdown().await
}

/// The same at a person's pace.
async fn pass_paced(
    mut from: impl AsyncRead + Unpin,
    to: &mut (impl AsyncWrite + Unpin),
    pace: &Pace,
) -> io::Result<()> {
    let mut piece = vec![0; PIECE];
    loop {
        let read = from.read(&mut piece).await?;
        if read == 0 {
            return to.shutdown().await;
        }
        sleep_until(pace.count(read, Instant::now())).await;
        to.write_all(&piece[..read]).await?;
    }
}

fn switching(accept: HeaderValue) -> Response {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
    let headers = response.headers_mut();
    headers.insert(header::UPGRADE, HeaderValue::from_static("websocket"));
    headers.insert(header::CONNECTION, HeaderValue::from_static("Upgrade"));
    headers.insert(header::SEC_WEBSOCKET_ACCEPT, accept);
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    fn session(uid: &str, n: u8) -> SessionId {
        let hash = data_encoding::BASE64URL_NOPAD.encode(&[n; 32]);
        SessionId::parse(&format!("{uid}.{hash}")).unwrap()
    }

    #[test]
    fn one_person_has_twenty_places_and_gets_one_back_when_a_tunnel_ends() {
        let tunnels = Tunnels::default();
        let ada = Username::parse("ada").unwrap();
        let ben = Username::parse("ben").unwrap();
        let mut places: Vec<_> = (0..20)
            .filter_map(|_| tunnels.enter(&ada, &session("ada", 1)))
            .collect();
        assert_eq!(places.len(), 20);
        assert!(tunnels.enter(&ada, &session("ada", 1)).is_none());
        assert!(tunnels.is_full(&ada) && !tunnels.is_full(&ben));
        places.pop();
        assert!(tunnels.enter(&ada, &session("ada", 1)).is_some());
    }

    #[test]
    fn the_end_of_a_session_closes_its_tunnels_alone() {
        let tunnels = Tunnels::default();
        let ada = Username::parse("ada").unwrap();
        let one = tunnels.enter(&ada, &session("ada", 1)).unwrap();
        let other = tunnels.enter(&ada, &session("ada", 2)).unwrap();
        tunnels.close(&session("ada", 1));
        assert!(one.closed.is_cancelled() && !other.closed.is_cancelled());
    }
}
