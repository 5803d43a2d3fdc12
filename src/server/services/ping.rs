//! The ping-pong game: natter passes the ball, since nobody may publish to another's subject.
//!
//! Natter also receives what it relays to `<x>.ping`, so it first announces each ball to all natter
//! servers: a message that looks like a ball and was not announced is forged.

use bytes::Bytes;
use prost::Message as _;

use super::Services;
use crate::domain::{Username, subject};
use crate::server::Failure;
use crate::server::read_model::queries;
use crate::server::router::{CurrentUser, Proto, Request, State};
use crate::wire::pingpong::{PingRequest, PingResponse};

/// Passes a ping on to whom it is for, without a reply subject.
pub(super) async fn ping(
    State(services): State<Services>,
    CurrentUser(sender): CurrentUser,
    Proto(ping): Proto<PingRequest>,
) -> Result<Proto<PingResponse>, Failure> {
    if ping.origin != sender.as_str() {
        return Err(Failure::forbidden(format!(
            "The origin of a ping is who sends it, and you are {sender}. It was not passed on."
        )));
    }
    let destination = Username::parse(&ping.destination).map_err(|_| {
        Failure::invalid("The destination is not a username. The ping was not passed on.")
    })?;
    if destination == sender {
        return Err(Failure::invalid(
            "Nobody plays ping-pong with themselves. The ping was not passed on.",
        ));
    }
    may_see(&services, &sender, &destination).await?;
    let ball = Bytes::from(ping.encode_to_vec());
    // One connection for both: their order is what tells the ball from a forged one.
    for (subject, payload) in [
        (subject::relay(&destination), Bytes::new()),
        (subject::ping(&destination), ball),
    ] {
        let sent = services.chat.publish(subject, payload).await;
        sent.map_err(|error| {
            tracing::warn!(%error, "a ping was not passed on");
            Failure::unavailable()
        })?;
    }
    Ok(Proto(PingResponse {}))
}

/// A guest may play only with people whom they may see. Others look like names without an account. Members
/// may see everybody, and are not told whether a name exists: a ping to such a name has no answer.
async fn may_see(services: &Services, sender: &Username, other: &Username) -> Result<(), Failure> {
    let uid = other.to_string();
    let seen = services.ask_as(sender, move |tables, viewer| {
        let is_seen =
            !viewer.is_guest() || !queries::visible_people(tables, viewer, [uid])?.is_empty();
        Ok(is_seen)
    });
    match seen.await?.value {
        true => Ok(()),
        false => Err(Failure::not_found(
            "There is nobody of that name to play with. The ping was not passed on.",
        )),
    }
}

/// Does it look like a relay? A relay has no reply subject, and its origin is another person: the handler
/// refuses anything else.
pub(super) fn is_relay(request: &Request) -> bool {
    request.reply.is_none()
        && PingRequest::decode(request.payload.clone())
            .is_ok_and(|ping| ping.origin != request.caller.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(origin: &str, reply: Option<&str>) -> Request {
        let ping = PingRequest {
            destination: "ben".into(),
            origin: origin.into(),
            ..PingRequest::default()
        };
        Request {
            subject: "ada.ping".into(),
            caller: Username::parse("ada").unwrap(),
            reply: reply.map(ToOwned::to_owned),
            payload: ping.encode_to_vec().into(),
        }
    }

    #[test]
    fn what_natter_passes_on_has_no_reply_and_anothers_origin() {
        assert!(is_relay(&request("ben", None)));
        assert!(!is_relay(&request("ada", None)), "she wants no answer");
        assert!(!is_relay(&request("ben", Some("_INBOX.ada.x"))), "refused");
        let nonsense = Request {
            payload: "\u{ff}".into(),
            ..request("ada", None)
        };
        assert!(!is_relay(&nonsense), "counted as malformed");
    }
}
