//! Serves HTTP on a listener in place of `axum::serve`, which limits neither the number of connections nor
//! the time that a request's head may take.

use std::convert::Infallible;
use std::future::poll_fn;
use std::io;
use std::net::SocketAddr;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::ConnectInfo;
use axum::http::{HeaderValue, Request, Response, StatusCode, header};
use http_body_util::BodyExt as _;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::time::{Instant, sleep, sleep_until, timeout};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tower::ServiceExt as _;

use super::connections::{Connection, Connections};

/// The largest head of a request, and the most that is read ahead of a body.
const BUFFER_BYTES: usize = 32 * 1_024;

/// How long to wait when the system has no file for the next connection.
const NO_FILES: Duration = Duration::from_millis(100);

/// The most refusals that are written at a time; further connections are closed without an answer.
const REFUSED_AT_ONCE: usize = 32;

/// The deadline for writing a refusal.
const REFUSED_WITHIN: Duration = Duration::from_secs(2);

/// The refusal.
const NO_ROOM: &str = "HTTP/1.1 503 Service Unavailable\r\n\
    Retry-After: 5\r\n\
    Connection: close\r\n\
    Cache-Control: no-store\r\n\
    X-Content-Type-Options: nosniff\r\n\
    Content-Type: text/plain; charset=utf-8\r\n\
    Content-Length: 67\r\n\r\n\
    Natter has as many connections as it can. Try again in some time.\r\n";

/// Serves until it is told to stop, and then the requests that are under way.
pub(in crate::server) async fn serve(
    listener: TcpListener,
    router: Router,
    connections: Connections,
    stop: CancellationToken,
) -> io::Result<()> {
    let tasks = TaskTracker::new();
    let refusals = Arc::new(Semaphore::new(REFUSED_AT_ONCE));
    loop {
        let (stream, peer) = tokio::select! {
            () = stop.cancelled() => break,
            accepted = listener.accept() => match accepted {
                Ok(accepted) => accepted,
                Err(error) => {
                    after(&error).await;
                    continue;
                }
            },
        };
        match connections.enter(peer.ip()) {
            Ok(connection) => {
                tasks.spawn(answer(
                    stream,
                    peer,
                    connection,
                    router.clone(),
                    stop.clone(),
                ));
            }
            Err(_) => {
                if let Ok(permit) = Arc::clone(&refusals).try_acquire_owned() {
                    tasks.spawn(async move {
                        drop(timeout(REFUSED_WITHIN, refuse(stream)).await);
                        drop(permit);
                    });
                }
            }
        }
    }
    drop(listener);
    tasks.close();
    tasks.wait().await;
    Ok(())
}

/// Waits after an error of `accept`, unless it concerns that connection alone. Otherwise the system has no
/// file for it, and another one has to be closed first.
async fn after(error: &io::Error) {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset};
    let is_its_own = [ConnectionAborted, ConnectionRefused, ConnectionReset];
    if !is_its_own.contains(&error.kind()) {
        tracing::debug!(%error, "a connection cannot be accepted");
        sleep(NO_FILES).await;
    }
}

/// Answers the requests on one connection, until it ends, is silent for too long, or is closed for a new
/// connection.
async fn answer(
    stream: TcpStream,
    peer: SocketAddr,
    connection: Arc<Connection>,
    router: Router,
    stop: CancellationToken,
) {
    let io = TokioIo::new(Watched {
        stream,
        connection: Arc::clone(&connection),
    });
    let asked = Arc::clone(&connection);
    let service = service_fn(move |request: Request<Incoming>| {
        asked.asked();
        let is_long = head_bytes(&request) > BUFFER_BYTES;
        let mut request = request.map(Body::new);
        request.extensions_mut().insert(ConnectInfo(peer));
        let (router, asked) = (router.clone(), Arc::clone(&asked));
        async move {
            let response = match is_long {
                true => too_long(),
                false => router.oneshot(request).await?,
            };
            Ok::<_, Infallible>(until_written(response, asked))
        }
    });
    let mut http = http1::Builder::new();
    http.max_buf_size(BUFFER_BYTES);
    let mut served = pin!(http.serve_connection(io, service).with_upgrades());
    let mut told = pin!(stop.cancelled());
    let mut closed = pin!(connection.closed().cancelled());
    let mut alarm = pin!(sleep_until(Instant::now()));
    let mut is_told = false;
    poll_fn(|cx| {
        if !is_told && told.as_mut().poll(cx).is_ready() {
            is_told = true;
            served.as_mut().graceful_shutdown();
        }
        // The deadline changes only while this is polled.
        if let Poll::Ready(ended) = served.as_mut().poll(cx) {
            if let Err(error) = ended {
                tracing::debug!(%error, %peer, "a connection ended");
            }
            return Poll::Ready(());
        }
        if closed.as_mut().poll(cx).is_ready() {
            return Poll::Ready(());
        }
        let Some(due) = connection.due() else {
            return Poll::Pending;
        };
        if alarm.deadline() != due {
            alarm.as_mut().reset(due);
        }
        alarm.as_mut().poll(cx)
    })
    .await;
}

/// The bytes of a request's head as it is written without needless spaces. hyper refuses a longer one only
/// where it has to read again after [`BUFFER_BYTES`]; its buffer may have taken in more at once.
fn head_bytes<B>(request: &Request<B>) -> usize {
    let uri = request.uri();
    let line = [
        request.method().as_str().len(),
        uri.scheme_str()
            .map_or(0, |scheme| scheme.len() + "://".len()),
        uri.authority().map_or(0, |host| host.as_str().len()),
        uri.path_and_query().map_or(0, |path| path.as_str().len()),
        "  HTTP/1.1\r\n".len(),
    ];
    let headers = request.headers().iter();
    let headers = headers.map(|(name, value)| name.as_str().len() + value.len() + ": \r\n".len());
    line.into_iter().chain(headers).sum::<usize>() + "\r\n".len()
}

/// The answer to a head that is too long, as hyper gives it.
fn too_long() -> Response<Body> {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE;
    let close = HeaderValue::from_static("close");
    response.headers_mut().insert(header::CONNECTION, close);
    response
}

/// Makes the answer tell the connection when it is written, which is when its body is dropped. After a 101
/// the connection has no deadlines.
fn until_written(response: Response<Body>, connection: Arc<Connection>) -> Response<Body> {
    if response.status() == StatusCode::SWITCHING_PROTOCOLS {
        return response;
    }
    struct Written(Arc<Connection>);
    impl Drop for Written {
        fn drop(&mut self) {
            self.0.answered();
        }
    }
    let written = Written(connection);
    response.map(|body| {
        Body::new(body.map_err(move |error| {
            let _ = &written;
            error
        }))
    })
}

/// Refuses a connection. What the client has sent is read, since otherwise the system resets the
/// connection and the answer is lost.
async fn refuse(mut stream: TcpStream) -> io::Result<()> {
    stream.write_all(NO_ROOM.as_bytes()).await?;
    stream.shutdown().await?;
    let mut unread = [0; 1_024];
    while stream.read(&mut unread).await? > 0 {}
    Ok(())
}

/// A stream that reports reads and writes to its connection.
struct Watched {
    stream: TcpStream,
    connection: Arc<Connection>,
}

impl Watched {
    fn sent<T>(&self, outcome: Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        self.connection.sends(outcome.is_ready());
        outcome
    }
}

impl AsyncRead for Watched {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let outcome = Pin::new(&mut self.stream).poll_read(cx, buffer);
        if buffer.filled().len() > before {
            self.connection.heard();
        }
        outcome
    }
}

impl AsyncWrite for Watched {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let outcome = Pin::new(&mut self.stream).poll_write(cx, bytes);
        self.sent(outcome)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        pieces: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let outcome = Pin::new(&mut self.stream).poll_write_vectored(cx, pieces);
        self.sent(outcome)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_head_is_counted_as_it_is_written() {
        let request = |target: &str| {
            let request = Request::get(target).header("host", "natter");
            head_bytes(&request.body(()).unwrap())
        };
        let written = |target: &str| format!("GET {target} HTTP/1.1\r\nhost: natter\r\n\r\n");
        for target in ["/", "/r/general?before=12", "http://natter/x", "*"] {
            assert_eq!(request(target), written(target).len(), "{target}");
        }
    }

    #[test]
    fn the_refusal_is_as_long_as_it_says() {
        let (head, body) = NO_ROOM.split_once("\r\n\r\n").unwrap();
        let length = head
            .split("\r\n")
            .find_map(|line| line.strip_prefix("Content-Length: "));
        assert_eq!(length.and_then(|n| n.parse().ok()), Some(body.len()));
    }
}
