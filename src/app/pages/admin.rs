//! /admin: accounts, links that make them, and what administrators did.

use leptos::prelude::*;

use crate::app::components::{Act, Field, FormError, Moment, PageOf, Pane, PersonLine};
use crate::app::first_page::FirstPage;
use crate::app::state::Chat;
use crate::app::words;
use crate::domain::Timestamp;
use crate::wire::v1::{self, Role, event::Body};

/// The page.
#[component]
pub(in super::super) fn Admin() -> impl IntoView {
    let chat = expect_context::<Chat>();
    let first = expect_context::<FirstPage>();
    let typed = first.form();
    let error = typed.error.clone();
    let is_administrator = chat.me.with_value(|me| me.role() == Role::Administrator);
    if !is_administrator {
        return view! {
            <Pane title=words::ADMINISTRATION>
                <p>{words::ADMINISTRATORS_ONLY}</p>
            </Pane>
        }
        .into_any();
    }
    let link = first.with(|page| page.fresh_link.clone());
    let warnings = first.with(|page| page.warnings.clone());
    let people = first.with(|page| page.everybody.clone());
    let invitations = first.with(|page| page.invitations.clone());
    let audit = first.with(|page| page.audit.clone());
    view! {
        <Pane title=words::ADMINISTRATION>
            {warnings
                .into_iter()
                .map(|warning| view! { <p class="form-error" role="alert">{warning}</p> })
                .collect_view()}
            <FormError error />
            {(!link.is_empty()).then(|| view! { <FreshLink link /> })}
            <h2>{words::INVITE_SOMEBODY}</h2>
            <InvitationForm typed />
            <ul class="lines">
                {invitations
                    .into_iter()
                    .map(|invitation| view! { <Invitation invitation /> })
                    .collect_view()}
            </ul>
            <h2>{words::PEOPLE}</h2>
            <ul class="lines">
                {people.into_iter().map(|person| view! { <Account person /> }).collect_view()}
            </ul>
            <h2>{words::AUDIT_LOG}</h2>
            {audit.is_empty().then(|| view! { <p>{words::AUDIT_EMPTY}</p> })}
            <ul class="lines">
                {audit.into_iter().map(|event| view! { <Acted event /> }).collect_view()}
            </ul>
        </Pane>
    }
    .into_any()
}

#[component]
fn FreshLink(link: String) -> impl IntoView {
    view! {
        <div class="field done" role="status">
            <label for="link">{words::FRESH_LINK}</label>
            <input id="link" readonly value=link />
            <p class="hint">{words::FRESH_LINK_HINT}</p>
        </div>
    }
}

#[component]
fn InvitationForm(
    /// What a refused form held: it has to give the same link when it is sent again.
    typed: v1::FormState,
) -> impl IntoView {
    let is_refused = typed.of == "invite";
    let days = if is_refused {
        typed.days
    } else {
        "7".to_owned()
    };
    let is_guest = typed.role == "guest";
    view! {
        <form method="post" action="/admin">
            <PageOf />
            <input type="hidden" name="of" value="invite" />
            <div class="field">
                <label for="role">{words::ROLE}</label>
                <select id="role" name="role">
                    <option value="member">{words::MEMBER}</option>
                    <option value="guest" selected=is_guest>{words::GUEST}</option>
                </select>
            </div>
            <Field
                label=words::ROOMS
                name="rooms"
                hint=words::INVITE_ROOMS_HINT
                value=typed.rooms
                required=false
            />
            <Field label=words::DAYS name="days" value=days />
            <label class="check">
                <input type="checkbox" name="many" value="on" checked=typed.for_many />
                {words::FOR_MANY}
            </label>
            <button class="primary">{words::MAKE_LINK}</button>
        </form>
    }
}

#[component]
fn Invitation(invitation: v1::InvitationView) -> impl IntoView {
    let what = words::invitation(&invitation);
    let about = what.clone();
    let fields = vec![("of", "revoke".to_owned()), ("link", invitation.id)];
    view! {
        <li class="line">
            <div class="line-text">
                <span>{what}</span>
                <p class="hint">
                    {words::made_by(&invitation.made_by)} " · " {words::UNTIL} " "
                    <Moment at=Timestamp(invitation.expires_at_ms) />
                </p>
            </div>
            <div class="line-actions">
                <Act action="/admin".into() fields label=words::REVOKE about />
            </div>
        </li>
    }
}

#[component]
fn Account(person: v1::Person) -> impl IntoView {
    let chat = expect_context::<Chat>();
    let is_me = chat.me.with_value(|me| me.uid == person.uid);
    let acts: Vec<(&'static str, &'static str)> = if is_me {
        Vec::new()
    } else if person.suspended {
        vec![("restore", words::LET_IN_AGAIN)]
    } else {
        let roles = [
            (
                Role::Administrator,
                "administrator",
                words::MAKE_ADMINISTRATOR,
            ),
            (Role::Member, "member", words::MAKE_MEMBER),
            (Role::Guest, "guest", words::MAKE_GUEST),
        ];
        let others = roles
            .into_iter()
            .filter(|(role, ..)| *role != person.role());
        let mut acts: Vec<_> = others.map(|(_, act, label)| (act, label)).collect();
        acts.push(("end-sessions", words::END_SESSIONS));
        acts.push(("reset-password", words::RESET_PASSWORD));
        acts.push(("suspend", words::SUSPEND));
        acts
    };
    let (uid, about) = (person.uid.clone(), person.display_name.clone());
    let name = about.clone();
    let acts = acts.into_iter().map(move |(act, label)| {
        let fields = vec![
            ("of", "person".to_owned()),
            ("uid", uid.clone()),
            ("act", act.into()),
        ];
        view! { <Act action="/admin".into() fields label about=about.clone() /> }
    });
    view! {
        <PersonLine person>
            {(!is_me)
                .then(|| {
                    view! {
                        <details>
                            <summary aria-label=words::change_person(&name)>{words::CHANGE}</summary>
                            <div class="acts">{acts.collect_view()}</div>
                        </details>
                    }
                })}
        </PersonLine>
    }
}

#[component]
fn Acted(event: v1::Event) -> impl IntoView {
    let by = event.key.map(|key| key.uid).unwrap_or_default();
    let what = match event.body {
        Some(Body::AdministratorActed(acted)) => words::acted(&by, &acted),
        _ => String::new(),
    };
    view! {
        <li class="line">
            <div class="line-text">
                <span>{what}</span>
                <p class="hint">
                    <Moment at=Timestamp(event.at_ms) />
                </p>
            </div>
        </li>
    }
}
