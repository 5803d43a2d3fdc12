//! `post`: write a message (design section 5, "Send").

use std::time::Duration;

use super::Services;
use crate::domain::{Key, MessageText, RoomId, Sequence, Ulid, Username};
use crate::server::read_model::queries;
use crate::server::router::{CurrentUser, Proto, State};
use crate::server::store::{DirectoryError, Entry, Guard, StoreError};
use crate::server::{Failure, clock};
use crate::wire::place_of;
use crate::wire::v1::{self, PostRequest, PostResponse, Room, RoomKind, event::Body};

/// How often a post is judged and written anew when the broker refuses its guard. In a cluster the broker
/// refuses a guard while another write with the same one is under way, and one person has up to 16
/// requests under way.
const TRIES: u32 = 20;

/// The pause before another try grows by this much.
const PAUSE: Duration = Duration::from_millis(2);

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

    let message_id = format!("{}:{}", key.author, key.ulid);
    for tries in 0..TRIES {
        let (found, guard) = match judge(services, &key, &room, &text).await? {
            Judged::Posted(posted) => return Ok(posted),
            Judged::MayWrite(found, guard) => (found, guard),
        };
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
            expect: guard.expectation(),
        };
        let appended = match services.store.log.append(&entry, Some(&message_id)).await {
            Ok(appended) => appended,
            // The right has changed, or (in a cluster) another post with the same guard is being written.
            Err(StoreError::Conflict) => {
                tokio::time::sleep(PAUSE * tries).await;
                continue;
            }
            Err(error) => return Err(error.into()),
        };
        if appended.duplicate {
            // The broker knows the id, not what was said under it.
            let logged = services.store.log.get(appended.sequence).await?;
            let (in_subject, event) = logged.unwrap_or_default();
            let same_room = in_subject == entry.subject;
            return same_message(&event, same_room, &text, appended.sequence);
        }
        return Ok(PostResponse {
            sequence: appended.sequence.0,
            at_ms: entry.event.at_ms,
        });
    }
    Err(DirectoryError::Moved.into())
}

/// What is known of a post before it is written.
enum Judged {
    /// It has been written before.
    Posted(PostResponse),
    /// The author may write it in this room while the guard holds.
    MayWrite(Room, Guard),
}

/// May the author write in the room? That is judged behind the barrier: somebody who was removed a moment
/// ago may not. A key of long ago is found there too; what is under way is caught by the broker for two
/// minutes, and by the reducer for ever.
async fn judge(
    services: &Services,
    key: &Key,
    room: &RoomId,
    text: &MessageText,
) -> Result<Judged, Failure> {
    let (wanted, room_wanted) = (key.clone(), room.clone());
    let (found, earlier) = services
        .ask_as(&key.author, move |tables, viewer| {
            let found = queries::visible_room_by_id(tables, viewer, room_wanted.as_str())?;
            let found = match found {
                Some(found) => {
                    let place = queries::membership_place(tables, &viewer.person.uid, &found)?;
                    // One expectation is all that an entry has. In a closed room a guard of the
                    // membership covers more than one of the account, as do all rooms of guests.
                    let is_by_list = found.kind() == RoomKind::Closed || viewer.is_guest();
                    let guard = match place.filter(|_| is_by_list) {
                        Some(place) => Guard::membership(&room_wanted, &wanted.author, place),
                        None => Guard::account(&wanted.author, viewer.place),
                    };
                    Some((found, guard))
                }
                None => None,
            };
            Ok((found, queries::entry_of(tables, &wanted)?))
        })
        .await?
        .value;
    let Some((found, guard)) = found else {
        return Err(Failure::not_found(
            "There is no such room, or you are no longer in it.",
        ));
    };
    if let Some((in_room, logged)) = earlier {
        let event = logged.event.unwrap_or_default();
        let (same_room, sequence) = (in_room == room.as_str(), Sequence(logged.sequence));
        return same_message(&event, same_room, text, sequence).map(Judged::Posted);
    }
    if found.archived {
        return Err(Failure::forbidden(
            "This room is archived: nobody writes in it any more.",
        ));
    }
    Ok(Judged::MayWrite(found, guard))
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
