//! Which messages are requests, and whose.

use super::Request;
use crate::domain::{Username, subject};
use crate::nats::Message;

/// Why a message is no request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum NotARequest {
    /// Its subject names nobody.
    #[error("its subject names nobody")]
    Nobody,
    /// It names a place for the answer that is not the caller's inbox.
    #[error("its reply subject is not in the caller’s inbox")]
    ForeignReply,
    /// It reads as what natter passes on, and natter has announced none.
    #[error("it imitates one of natter’s own messages")]
    ForgedRelay,
}

/// Reads a message of `caller`'s.
pub(super) fn request(caller: &Username, message: &Message) -> Result<Request, NotARequest> {
    let reply = match message.reply_str() {
        Some(reply) if is_inbox_of(caller, reply) => Some(reply.to_owned()),
        None if message.reply.is_none() => None,
        _ => return Err(NotARequest::ForeignReply),
    };
    Ok(Request {
        subject: message.subject.as_str().to_owned(),
        caller: caller.clone(),
        reply,
        payload: message.payload.clone(),
    })
}

/// Who asks: the token of the subject that stands where the pattern has its first `*`.
pub(super) fn caller_of(pattern: &str, subject: &str) -> Option<Username> {
    let at = pattern.split('.').position(|token| token == "*")?;
    Username::parse(subject.split('.').nth(at)?).ok()
}

/// May an answer to `caller` go to this subject? Only under their own inbox, as one plain subject
/// (Must hold, 2): else a requester would make natter write to any subject, in another's name.
fn is_inbox_of(caller: &Username, reply: &str) -> bool {
    is_below(&subject::inbox_prefix(caller), reply)
}

/// May the answer to a question about the services go to this subject? Only credentials of a
/// service can ask, and their inboxes are nobody else's.
pub(super) fn is_service_inbox(reply: &str) -> bool {
    is_below(subject::SERVICE_INBOXES, reply)
}

/// Is it a plain subject, and longer than the prefix by a token at least?
fn is_below(prefix: &str, subject: &str) -> bool {
    let Some(rest) = subject
        .strip_prefix(prefix)
        .and_then(|rest| rest.strip_prefix('.'))
    else {
        return false;
    };
    rest.split('.').all(|token| {
        !token.is_empty()
            && token
                .bytes()
                .all(|b| b.is_ascii_graphic() && !matches!(b, b'*' | b'>'))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_caller_is_who_the_subject_says() {
        let ada = Username::parse("ada").ok();
        assert_eq!(caller_of("*.echo", "ada.echo"), ada);
        assert_eq!(caller_of("natter.svc.*.post", "natter.svc.ada.post"), ada);
        assert_eq!(
            caller_of("*.echo", "natter.echo"),
            None,
            "natter asks nobody"
        );
        assert_eq!(caller_of("*.echo", "Ada.echo"), None);
    }

    #[test]
    fn an_answer_goes_to_the_callers_inbox_and_nowhere_else() {
        let ada = Username::parse("ada").unwrap();
        for good in ["_INBOX.ada.x", "_INBOX.ada.x.1"] {
            assert!(is_inbox_of(&ada, good), "{good}");
        }
        for bad in [
            "_INBOX.ada",
            "_INBOX.ada.",
            "_INBOX.ada..x",
            "_INBOX.ada.>",
            "_INBOX.ada.*",
            "_INBOX.adam.x",
            "_INBOX.ben.x",
            "_INBOX.SERVICE.ada.x",
            "_INBOX.x",
            "natter.log.open.general",
            "$JS.API.STREAM.PURGE.LOG",
            "$KV.natter-sessions.x",
            "",
        ] {
            assert!(!is_inbox_of(&ada, bad), "{bad}");
        }
    }

    #[test]
    fn a_service_hears_in_its_own_inbox() {
        assert!(is_service_inbox("_INBOX.SERVICE.monitor.x"));
        for bad in ["_INBOX.SERVICE", "_INBOX.ada.x", "_INBOX.SERVICEMAN.x", "x"] {
            assert!(!is_service_inbox(bad), "{bad}");
        }
    }
}
