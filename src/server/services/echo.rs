//! The applicative server's hello.

use crate::server::router::{CurrentUser, Proto};
use crate::wire::echo::{EchoRequest, EchoResponse};

/// The same text back.
pub(super) async fn echo(Proto(request): Proto<EchoRequest>) -> Proto<EchoResponse> {
    Proto(EchoResponse {
        message: request.message,
    })
}

/// The same text back, and who said it.
pub(super) async fn identified(
    CurrentUser(caller): CurrentUser,
    Proto(request): Proto<EchoRequest>,
) -> Proto<EchoResponse> {
    Proto(EchoResponse {
        message: format!("{caller}: {}", request.message),
    })
}
