//! `post`: write a message (design section 5, "Send").

use super::Services;
use crate::domain::{Key, MessageText, RoomId, Sequence, Ulid, Username, subject};
use crate::server::read_model::{ReadModel, queries};
use crate::server::router::{CurrentUser, Proto, State};
use crate::server::store::{Entry, Expect, Store};
use crate::server::{Failure, clock};
use crate::wire::v1::{self, PostRequest, PostResponse, event::Body};

pub(super) async fn post(
    State(services): State<Services>,
    CurrentUser(author): CurrentUser,
    Proto(asked): Proto<PostRequest>,
) -> Result<Proto<PostResponse>, Failure> {
    let posted = post_message(&services.store, &services.read_model, author, &asked).await?;
    Ok(Proto(posted))
}

/// Writes a message once, however often it is asked: the same key with the same text is the same
/// message, and answers with the place it has. The command and the form both come here.
///
/// # Errors
/// The text breaks a rule, the room does not exist, the key stands for another text, or the store
/// does not answer; then nothing is known, and the same key is sent again.
pub async fn post_message(
    store: &Store,
    read_model: &ReadModel,
    author: Username,
    asked: &PostRequest,
) -> Result<PostResponse, Failure> {
    let text = MessageText::parse(&asked.text)?;
    let room = RoomId::parse(&asked.room_id)?;
    let ulid = Ulid::parse(&asked.ulid).map_err(|error| Failure::invalid(error.to_string()))?;
    let key = Key { author, ulid };

    // Known by what is applied already; what is not is caught by the broker for two minutes, and
    // by the reducer for ever.
    let (wanted, room_wanted) = (key.clone(), room.clone());
    let known = read_model
        .ask_now(move |tables| {
            Ok((
                queries::room(tables, room_wanted.as_str())?.is_some(),
                queries::entry_of(tables, &wanted)?,
            ))
        })
        .await?
        .value;
    let (room_is_known, earlier) = known;
    if let Some((in_room, logged)) = earlier {
        let event = logged.event.unwrap_or_default();
        return same_message(
            &event,
            in_room == room.as_str(),
            &text,
            Sequence(logged.sequence),
        );
    }
    if !room_is_known
        && store
            .log
            .last_of(&subject::log_room(&room))
            .await?
            .is_none()
    {
        return Err(Failure::not_found(
            "This room does not exist. Your message was not sent.",
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
        subject: subject::log_open_room(&room),
        event,
        expect: Expect::Any,
    };
    let message_id = format!("{}:{}", key.author, key.ulid);
    let appended = store.log.append(&entry, Some(&message_id)).await?;
    if appended.duplicate {
        // The broker knows the id, not what was said under it.
        let (in_subject, event) = store.log.get(appended.sequence).await?.unwrap_or_default();
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
