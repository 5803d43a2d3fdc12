//! The applicative server's hello.

use crate::server::router::Proto;
use crate::wire::echo::{EchoRequest, EchoResponse};

/// The same text back.
pub(super) async fn echo(Proto(request): Proto<EchoRequest>) -> Proto<EchoResponse> {
    Proto(EchoResponse {
        message: request.message,
    })
}
