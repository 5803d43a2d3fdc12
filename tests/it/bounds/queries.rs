//! Asks each query with a list for all of its parts.

use std::collections::BTreeSet;

use natter::domain::limits;
use natter::wire::v1;
use prost::Message as _;

use super::{Asker, GROUPS, MESSAGES, OPEN_ROOMS, PEOPLE, group, open_room, talkative};
use crate::filled::username;

fn id_of(room: Option<v1::Room>) -> String {
    room.unwrap().id
}

fn uids(people: Vec<v1::Person>) -> Vec<String> {
    people.into_iter().map(|person| person.uid).collect()
}

pub async fn heads(asker: &Asker<'_>, general: &str) {
    // Rooms that are looked at without being in the sidebar, one of them twice.
    let also: Vec<_> = (0..199).map(open_room).chain([open_room(7)]).collect();
    let asked = |after| {
        let also = also.clone();
        v1::HeadsRequest { also, after }.encode_to_vec()
    };
    let found = asker
        .all_parts("heads", asked, |part: v1::HeadsResponse| {
            assert_eq!(part.me.unwrap().uid, "ada");
            let rooms = part.rooms.into_iter();
            (rooms.map(|head| id_of(head.room)).collect(), part.more)
        })
        .await;
    let groups = (0..GROUPS).map(group);
    let all = groups
        .chain((0..199).map(open_room))
        .chain([general.into()]);
    assert_eq!(
        found,
        all.collect::<BTreeSet<_>>().into_iter().collect::<Vec<_>>()
    );
}

pub async fn browse(asker: &Asker<'_>, general: &str) {
    let asked = |after| v1::BrowseRequest { after }.encode_to_vec();
    let found = asker
        .all_parts("browse", asked, |part: v1::BrowseResponse| {
            let rooms = part.rooms.into_iter();
            (rooms.map(|one| id_of(one.room)).collect(), part.more)
        })
        .await;
    let all = (0..OPEN_ROOMS).map(open_room).chain([general.into()]);
    assert_eq!(
        found,
        all.collect::<BTreeSet<_>>().into_iter().collect::<Vec<_>>()
    );
}

pub async fn members(asker: &Asker<'_>, general: &str) {
    let asked = |after| {
        let room = general.to_owned();
        v1::MembersRequest { room, after }.encode_to_vec()
    };
    let found = asker
        .all_parts("members", asked, |part: v1::MembersResponse| {
            (uids(part.members), part.more)
        })
        .await;
    let all = (0..PEOPLE).map(username).chain(["ada".into()]);
    assert_eq!(
        found,
        all.collect::<BTreeSet<_>>().into_iter().collect::<Vec<_>>()
    );
}

pub async fn people(asker: &Asker<'_>) {
    let all: Vec<_> = (0..limits::PEOPLE_ASKED).map(username).collect();
    let asked = |after| {
        let uids = all.iter().rev().cloned().collect();
        v1::PeopleRequest { uids, after }.encode_to_vec()
    };
    let found = asker
        .all_parts("people", asked, |part: v1::PeopleResponse| {
            (uids(part.people), part.more)
        })
        .await;
    assert_eq!(found, all);
}

/// The numbers of messages, from their texts.
fn numbers(events: &[v1::LoggedEvent]) -> Vec<usize> {
    let text = |logged: &v1::LoggedEvent| match logged.event.as_ref()?.body.as_ref()? {
        v1::event::Body::MessagePosted(posted) => Some(posted.text.clone()),
        _ => None,
    };
    let texts = events.iter().filter_map(text);
    texts
        .map(|text| text.trim_start_matches('𠀀').parse().unwrap())
        .collect()
}

pub async fn history(asker: &Asker<'_>) {
    for room in talkative() {
        let (mut all, mut before) = (Vec::new(), 0);
        loop {
            let asked = v1::HistoryRequest {
                room: room.clone(),
                before,
                limit: 0,
            };
            let answer: v1::HistoryResponse = asker.ask("history", &asked).await;
            let view = answer.view.unwrap();
            let page = numbers(&view.events);
            assert!(!page.is_empty(), "a page brings one at least");
            let authors: BTreeSet<_> = page.iter().map(|number| username(*number)).collect();
            let met: BTreeSet<_> = uids(view.people).into_iter().collect();
            assert_eq!(met, authors, "who wrote it comes with it");
            all.splice(0..0, page);
            if !view.has_earlier {
                break;
            }
            before = view.events[0].sequence;
        }
        assert_eq!(all, (0..MESSAGES).collect::<Vec<_>>(), "{room}");
    }
}

pub async fn sync(asker: &Asker<'_>) {
    let mut known: Vec<_> = talkative()
        .into_iter()
        .map(|room_id| {
            let position = v1::Position {
                room_id,
                ..v1::Position::default()
            };
            (position, Vec::new())
        })
        .collect();
    let mut rounds = 0;
    let mut open: BTreeSet<_> = talkative().into_iter().collect();
    while !open.is_empty() {
        let asked = known.iter().filter(|(at, _)| open.contains(&at.room_id));
        let positions = asked.map(|(position, _)| position.clone()).collect();
        let answer: v1::SyncResponse = asker.ask("sync", &v1::SyncRequest { positions }).await;
        assert_eq!(answer.rooms.len(), open.len(), "each room is named");
        let came: usize = answer.rooms.iter().map(|part| part.events.len()).sum();
        assert!(came > 0, "each answer brings one at least");
        for part in answer.rooms {
            assert!(!part.reset && !part.gone);
            let is_it = |(at, _): &&mut (v1::Position, Vec<usize>)| at.room_id == part.room_id;
            let (position, all) = known.iter_mut().find(is_it).unwrap();
            all.extend(numbers(&part.events));
            if let Some(last) = part.events.last() {
                position.sequence = last.sequence;
                position.key = last.event.as_ref().unwrap().key.clone();
            }
            if !part.more {
                open.remove(&part.room_id);
            }
        }
        rounds += 1;
    }
    for (position, all) in known {
        assert_eq!(
            all,
            (0..MESSAGES).collect::<Vec<_>>(),
            "{}",
            position.room_id
        );
    }
    // 240 messages of 16 kB are 15 answers of 256 kB and what is left over.
    assert!((15..=20).contains(&rounds), "{rounds} requests");
}

pub async fn mark_read(asker: &Asker<'_>) {
    let groups = (0..GROUPS).map(group).cycle().take(limits::SYNC_ROOMS);
    let markers = groups.map(|room_id| v1::ReadMarker {
        room_id,
        sequence: u64::MAX,
    });
    let asked = v1::MarkReadRequest {
        markers: markers.collect(),
    };
    let state: v1::ReadState = asker.ask("mark-read", &asked).await;
    assert_eq!(state.rooms.len(), GROUPS, "each once");
}
