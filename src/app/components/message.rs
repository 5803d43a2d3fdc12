//! A message, and the other entries of a log.

use leptos::prelude::*;

use super::avatar::Avatar;
use super::names::{AuthorName, with_names};
use super::rows::Row;
use super::time::{DayLine, Time};
use crate::app::state::Chat;
use crate::app::words;
use crate::domain::{LogEntry, Note, Username, What};

/// One row of the log.
#[component]
pub(super) fn LogRow(
    /// The row.
    row: Row,
) -> impl IntoView {
    match row {
        Row::Day(at) => view! { <DayLine at /> }.into_any(),
        Row::Head(entry) => view! { <Message entry /> }.into_any(),
        Row::Continued(entry) => view! { <Continued entry /> }.into_any(),
        Row::Happened(entry) => view! { <Happened entry /> }.into_any(),
    }
}

/// What others see of an author, as far as it is known.
pub(super) fn author_name(author: Username) -> Signal<String> {
    let chat = expect_context::<Chat>();
    Signal::derive(move || chat.name_of(&author))
}

/// Their picture, likewise.
pub(super) fn author_picture(author: Username) -> Signal<String> {
    let chat = expect_context::<Chat>();
    Signal::derive(move || chat.picture_of(&author))
}

#[component]
fn Message(entry: LogEntry) -> impl IntoView {
    let uid = entry.key.author.to_string();
    let picture = author_picture(entry.key.author.clone());
    let name = author_name(entry.key.author.clone());
    let author = entry.key.author.clone();
    view! {
        <article class="message">
            <Avatar uid name picture />
            <div class="said">
                <p class="by">
                    <AuthorName author />
                    <Time at=entry.at />
                </p>
                <p class="text" dir="auto">{text_of(&entry)}</p>
            </div>
        </article>
    }
}

#[component]
fn Continued(entry: LogEntry) -> impl IntoView {
    view! {
        <article class="message continued">
            <Time at=entry.at />
            <div class="said">
                <p class="text" dir="auto">{text_of(&entry)}</p>
            </div>
        </article>
    }
}

#[component]
fn Happened(entry: LogEntry) -> impl IntoView {
    let chat = expect_context::<Chat>();
    let called = move |who: &Username| {
        let who = who.clone();
        Signal::derive(move || chat.called(&who))
    };
    let name = called(&entry.key.author);
    let whom = match &entry.what {
        What::Noted(Note::Added(whom) | Note::Removed(whom) | Note::Invited(whom)) => {
            Some(called(whom))
        }
        _ => None,
    };
    let what = move || {
        let (name, whom) = (name.get(), whom.map(|whom| whom.get()).unwrap_or_default());
        with_names(&match &entry.what {
            What::Noted(note) => words::happened(&name, note, &whom),
            _ => words::made_this_room(&name),
        })
    };
    view! { <p class="happened" dir="auto">{what}</p> }
}

fn text_of(entry: &LogEntry) -> String {
    match &entry.what {
        What::Message { text } => text.to_string(),
        What::Opened | What::Noted(_) | What::Unknown => String::new(),
    }
}
