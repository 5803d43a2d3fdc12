//! `post`: write a message (design section 5, "Send").

use super::Services;
use crate::domain::{Key, MessageText, RoomId, Sequence, Ulid, Username};
use crate::server::read_model::queries;
use crate::server::router::{CurrentUser, Proto, State};
use crate::server::store::{Entry, Expect};
use crate::server::{Failure, clock};
use crate::wire::place_of;
use crate::wire::v1::{self, PostRequest, PostResponse, event::Body};

pub(super) async fn post(
    State(services): State<Services>,
    CurrentUser(author): CurrentUser,
    Proto(asked): Proto<PostRequest>,
) -> Result<Proto<PostResponse>, Failure> {
    let posted = post_message(&services, author, &asked).await?;
    Ok(Proto(posted))
}

/// Writes a message once, however often it is asked: the same key with the same text is the same
/// message, and answers with the place it has. The command and the form both come here.
///
/// # Errors
/// The text breaks a rule, the room does not exist, the key stands for another text, or the store
/// does not answer; then nothing is known, and the same key is sent again.
pub async fn post_message(
    services: &Services,
    author: Username,
    asked: &PostRequest,
) -> Result<PostResponse, Failure> {
    services.limits.post(&author)?;
    let text = MessageText::parse(&asked.text)?;
    let room = RoomId::parse(&asked.room_id)?;
    let ulid = Ulid::parse(&asked.ulid).map_err(|error| Failure::invalid(error.to_string()))?;
    let key = Key { author, ulid };

    // Who may write is judged behind the barrier: somebody who was removed a moment ago may not.
    // A key of long ago is found there too; what is under way is caught by the broker for two
    // minutes, and by the reducer for ever.
    let (wanted, room_wanted) = (key.clone(), room.clone());
    let (found, earlier) = services
        .ask_as(&key.author, move |tables, viewer| {
            Ok((
                queries::visible_room_by_id(tables, viewer, room_wanted.as_str())?,
                queries::entry_of(tables, &wanted)?,
            ))
        })
        .await?
        .value;
    let Some(found) = found else {
        return Err(Failure::not_found(
            "There is no such room, or you are no longer in it.",
        ));
    };
    if let Some((in_room, logged)) = earlier {
        let event = logged.event.unwrap_or_default();
        return same_message(
            &event,
            in_room == room.as_str(),
            &text,
            Sequence(logged.sequence),
        );
    }
    if found.archived {
        return Err(Failure::forbidden(
            "This room is archived: nobody writes in it any more.",
        ));
    }

    let event = v1::Event {
        key: Some((&key).into()),
        at_ms: clock::now().0,
        body: Some(Body::MessagePosted(v1::MessagePosted {
            text: text.as_str().into(),
            tree: None,
        })),
    };
    let entry = Entry {
        subject: place_of(&found)?.log(),
        event,
        expect: Expect::Any,
    };
    let message_id = format!("{}:{}", key.author, key.ulid);
    let appended = services.store.log.append(&entry, Some(&message_id)).await?;
    if appended.duplicate {
        // The broker knows the id, not what was said under it.
        let (in_subject, event) = services
            .store
            .log
            .get(appended.sequence)
            .await?
            .unwrap_or_default();
        return same_message(
            &event,
            in_subject == entry.subject,
            &text,
            appended.sequence,
        );
    }
    Ok(PostResponse {
        sequence: appended.sequence.0,
        at_ms: entry.event.at_ms,
    })
}

fn same_message(
    event: &v1::Event,
    same_room: bool,
    text: &MessageText,
    sequence: Sequence,
) -> Result<PostResponse, Failure> {
    match &event.body {
        Some(Body::MessagePosted(posted)) if same_room && posted.text == text.as_str() => {
            Ok(PostResponse {
                sequence: sequence.0,
                at_ms: event.at_ms,
            })
        }
        _ => Err(Failure::conflict(
            "Another message was sent under the same key. Send this one again.",
        )),
    }
}
