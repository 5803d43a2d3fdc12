//! /r/<room>/details: what a room is, and who is in it.

use leptos::prelude::*;

use crate::app::components::{Act, Field, FormError, PageOf, Pane, PersonLine, with_names};
use crate::app::first_page::FirstPage;
use crate::app::state::Chat;
use crate::app::words;
use crate::wire::v1::{self, Role, RoomKind};

/// The page.
#[component]
pub(in super::super) fn RoomDetails() -> impl IntoView {
    let first = expect_context::<FirstPage>();
    let Some(details) = first.with(|page| page.details.clone()) else {
        return view! {
            <Pane title=words::NO_SUCH_ROOM>
                <p>{words::NO_SUCH_ROOM_HELP}</p>
            </Pane>
        }
        .into_any();
    };
    let chat = expect_context::<Chat>();
    let room = details.room.clone().unwrap_or_default();
    let title = chat.title_of(&room, &details.with);
    let typed = first.form();
    let error_of = |of: &str| {
        if typed.of == of {
            typed.error.clone()
        } else {
            String::new()
        }
    };
    let invite_error = error_of("invite");
    let action = format!("/r/{}/details", room.id);
    let is_guest = chat.me.with_value(|me| me.role() == Role::Guest);
    let is_direct = room.kind() == RoomKind::Direct;
    let can_invite = details.joined && !is_guest && !is_direct && !room.archived && !room.is_home();
    let can_change = details.joined && !is_guest && !is_direct;
    let is_at_its_form = match typed.of.as_str() {
        "invite" => can_invite,
        "topic" => can_change && !room.archived,
        "name" => can_change && details.looks_after && !room.is_home() && !room.archived,
        _ => false,
    };
    let error = if is_at_its_form {
        String::new()
    } else {
        typed.error.clone()
    };
    let kind = words::room_kind(room.kind());
    let room_path = format!("/r/{}", room.id);
    view! {
        <Pane title=title.clone() back=room_path.clone()>
            <p>
                {kind} {room.archived.then_some(words::AND_ARCHIVED)} " "
                <a href=room_path rel="external">
                    {words::GO_TO_ROOM}
                </a>
            </p>
            <FormError error of_several=true />
            <Standing details=details.clone() action=action.clone() />
            {can_change
                .then(|| {
                    view! {
                        <Change
                            room=room.clone()
                            looks_after=details.looks_after
                            typed=typed.clone()
                            action=action.clone()
                        />
                    }
                })}
            <h2>{words::members(u32::try_from(details.members.len()).unwrap_or(u32::MAX))}</h2>
            {can_invite
                .then(|| {
                    view! {
                        <form method="post" action=action.clone()>
                            <PageOf />
                            <FormError error=invite_error of_several=true />
                            <input type="hidden" name="of" value="invite" />
                            <Field
                                label=words::INVITE_PEOPLE
                                name="uids"
                                hint=words::INVITE_HINT
                                value=if typed.of == "invite" { typed.uids } else { String::new() }
                            />
                            <button class="primary">{words::INVITE}</button>
                        </form>
                    }
                })}
            <Members details action />
        </Pane>
    }
    .into_any()
}

/// Whether the person is in it, and wants to hear of it.
#[component]
fn Standing(details: v1::RoomDetails, action: String) -> impl IntoView {
    let room = details.room.unwrap_or_default();
    let field = |of: &str| vec![("of", of.to_owned())];
    let is_direct = room.kind() == RoomKind::Direct;
    if !details.joined {
        let decline = details
            .is_asked
            .then(|| (action.clone(), field("decline")))
            .map(|(action, fields)| view! { <Act action fields label=words::DECLINE /> });
        return (!room.archived)
            .then(|| {
                let fields = field("join");
                view! {
                    <div class="acts">
                        <Act action fields label=words::JOIN_ROOM class="primary" />
                        {decline}
                    </div>
                }
            })
            .into_any();
    }
    let (of, label) = if details.muted {
        ("unmute", words::UNMUTE)
    } else {
        ("mute", words::MUTE)
    };
    view! {
        <div class="acts">
            <Act action=action.clone() fields=field(of) label />
            {(!is_direct && !room.is_home())
                .then(|| view! { <Act action fields=field("leave") label=words::LEAVE_ROOM /> })}
        </div>
    }
    .into_any()
}

/// Topic, name and end.
#[component]
fn Change(
    room: v1::Room,
    looks_after: bool,
    typed: v1::FormState,
    action: String,
) -> impl IntoView {
    let can_settle = looks_after && !room.is_home();
    let error_of = |of: &str| {
        if typed.of == of {
            typed.error.clone()
        } else {
            String::new()
        }
    };
    let (topic_error, name_error) = (error_of("topic"), error_of("name"));
    let topic = if typed.of == "topic" {
        typed.topic
    } else {
        room.topic.clone()
    };
    let name = if typed.of == "name" {
        typed.room_name
    } else {
        room.name.clone()
    };
    let (of, label) = if room.archived {
        ("restore", words::RESTORE_ROOM)
    } else {
        ("archive", words::ARCHIVE_ROOM)
    };
    view! {
        {(!room.archived)
            .then(|| {
                view! {
                    <form method="post" action=action.clone()>
                        <PageOf />
                        <FormError error=topic_error of_several=true />
                        <input type="hidden" name="of" value="topic" />
                        <Field
                            label=words::TOPIC
                            name="topic"
                            hint=words::TOPIC_HINT
                            value=topic
                            required=false
                        />
                        <button class="secondary">{words::SET_TOPIC}</button>
                    </form>
                }
            })}
        {(can_settle && !room.archived)
            .then(|| {
                view! {
                    <form method="post" action=action.clone()>
                        <PageOf />
                        <FormError error=name_error of_several=true />
                        <input type="hidden" name="of" value="name" />
                        <Field
                            label=words::ROOM_NAME
                            name="name"
                            hint=words::ROOM_NAME_HINT
                            value=name
                        />
                        <button class="secondary">{words::RENAME_ROOM}</button>
                    </form>
                }
            })}
        {can_settle
            .then(|| {
                let fields = vec![("of", of.to_owned())];
                view! { <Act action fields label /> }
            })}
    }
}

#[component]
fn Members(details: v1::RoomDetails, action: String) -> impl IntoView {
    let chat = expect_context::<Chat>();
    let me = chat.me.with_value(|me| me.uid.clone());
    let room = details.room.unwrap_or_default();
    let is_direct = room.kind() == RoomKind::Direct;
    let asked = details.invited.into_iter().map(|person| {
        view! { <li class="hint">{with_names(&words::is_asked(&words::called(&person)))}</li> }
    });
    let asked = asked.collect_view();
    let lines = details.members.into_iter().map(|person| {
        let can_remove = details.looks_after
            && !is_direct
            && person.uid != me
            && (!room.is_home() || person.role() == Role::Guest);
        let fields = vec![("of", "remove".to_owned()), ("uids", person.uid.clone())];
        let (about, action) = (person.display_name.clone(), action.clone());
        view! {
            <PersonLine person>
                {can_remove.then(|| view! { <Act action fields label=words::REMOVE about /> })}
            </PersonLine>
        }
    });
    view! { <ul class="lines">{lines.collect_view()} {asked}</ul> }
}
