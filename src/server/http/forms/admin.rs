//! What administrators do to accounts, and the links that they give away.

use std::time::Duration;

use axum::extract::{Form, State};
use axum::response::Response;
use serde::Deserialize;

use super::super::AppState;
use super::super::pages::Shown;
use super::super::signed_in::SignedIn;
use super::{on_to, refused, unknown_act};
use crate::domain::Username;
use crate::server::read_model::queries;
use crate::server::store::{Permit, PersonChange};
use crate::server::{Failure, clock};
use crate::wire::v1::{self, AdministratorAct, InvitationKind, InvitationRecord};

/// How long a link for a new password is good.
const RESET_LIFE: Duration = Duration::from_secs(24 * 3_600);

/// Rooms that an invitation leads into, at most: an account and all its memberships are one batch of LOG.
const ROOMS_OF_AN_INVITATION: usize = 20;

/// The page that shows all of it.
const PATH: &str = "/admin";

/// What their page can do; `of` says which form it was.
#[derive(Deserialize)]
pub(in super::super) struct AdminForm {
    of: String,
    /// Whom it is about, and what is to be done.
    #[serde(default)]
    uid: String,
    #[serde(default)]
    act: String,
    /// The link to take back.
    #[serde(default)]
    link: String,
    #[serde(default)]
    role: String,
    /// For any number of people, when it is there.
    #[serde(default)]
    many: String,
    #[serde(default)]
    days: String,
    /// Names of rooms, with commas.
    #[serde(default)]
    rooms: String,
}

pub(in super::super) async fn admin(
    State(state): State<AppState>,
    me: SignedIn,
    Form(form): Form<AdminForm>,
) -> Response {
    let done = match form.of.as_str() {
        "invite" => invite(&state, &me, &form).await.map(Some),
        "revoke" => revoke(&state, &me, &form.link).await.map(|()| None),
        "person" => act(&state, &me, &form).await,
        _ => Err(unknown_act()),
    };
    finish(&state, &me, done, &form).await
}

/// Goes back to the page, or shows it with the link that was made, which nobody sees again.
async fn finish(
    state: &AppState,
    me: &SignedIn,
    done: Result<Option<String>, Failure>,
    form: &AdminForm,
) -> Response {
    let form = v1::FormState {
        of: form.of.clone(),
        role: form.role.clone(),
        rooms: form.rooms.clone(),
        days: form.days.clone(),
        for_many: !form.many.is_empty(),
        ..v1::FormState::default()
    };
    match done {
        Ok(None) => on_to(PATH),
        Ok(Some(link)) => super::super::pages::with_fresh_link(state, PATH, me, link).await,
        // Who is no administrator is not shown their page either.
        Err(failure) if !me.is_administrator() => {
            refused(state, me, PATH, Shown::Nothing, form, &failure).await
        }
        Err(failure) => refused(state, me, PATH, Shown::Admin, form, &failure).await,
    }
}

fn must_be_administrator(me: &SignedIn) -> Result<(), Failure> {
    if me.is_administrator() {
        return Ok(());
    }
    Err(Failure::forbidden("Only administrators may do this."))
}

async fn act(state: &AppState, me: &SignedIn, form: &AdminForm) -> Result<Option<String>, Failure> {
    must_be_administrator(me)?;
    state.limits.change(&me.uid)?;
    let nobody = || Failure::not_found("There is nobody with this username.");
    let uid = Username::parse(&form.uid).map_err(|_| nobody())?;
    let directory = state.store.directory();
    let account = directory.person(&uid).await?.ok_or_else(nobody)?;
    let change = match form.act.as_str() {
        "suspend" => PersonChange::Suspended(true),
        "restore" => PersonChange::Suspended(false),
        "administrator" => PersonChange::Role(v1::Role::Administrator),
        "member" => PersonChange::Role(v1::Role::Member),
        "guest" => PersonChange::Role(v1::Role::Guest),
        "end-sessions" => PersonChange::SessionsEnded,
        "reset-password" => {
            let now = clock::now().0;
            let record = InvitationRecord {
                kind: InvitationKind::Reset.into(),
                made_by: me.uid.to_string(),
                made_at_ms: now,
                expires_at_ms: now + millis(RESET_LIFE),
                uses_left: 1,
                uid: uid.to_string(),
                generation: account.link_generation,
                ..InvitationRecord::default()
            };
            let act = AdministratorAct::ResetPassword;
            directory.note(&me.uid, act, uid.as_str(), "").await?;
            let token = state.store.invitations.make(&record).await?;
            return Ok(Some(format!("{}/reset/{token}", state.site.url())));
        }
        _ => return Err(unknown_act()),
    };
    if uid == me.uid && change == PersonChange::Suspended(true) {
        return Err(Failure::forbidden("You cannot suspend yourself."));
    }
    let by = Permit::Administrator(&me.uid);
    directory.change_person(by, &uid, &change).await?;
    if matches!(
        change,
        PersonChange::Suspended(true) | PersonChange::SessionsEnded
    ) {
        state.sign_out.end_all(&uid, None).await?;
    }
    let through = state.store.log.end().await?.sequence;
    state.services.cutter.wait(through).await;
    Ok(None)
}

async fn invite(state: &AppState, me: &SignedIn, form: &AdminForm) -> Result<String, Failure> {
    must_be_administrator(me)?;
    state.limits.change(&me.uid)?;
    let days: u64 = match form.days.trim() {
        "" => 7,
        days => days
            .parse()
            .ok()
            .filter(|days| (1..=90).contains(days))
            .ok_or_else(|| Failure::invalid("A link is good for 1 to 90 days."))?,
    };
    let role = match form.role.as_str() {
        "guest" => v1::Role::Guest,
        "member" | "" => v1::Role::Member,
        _ => return Err(unknown_act()),
    };
    let names: Vec<String> = form
        .rooms
        .split(',')
        .map(|name| name.trim().to_owned())
        .filter(|name| !name.is_empty())
        .collect();
    let wanted = names.clone();
    let rooms = state
        .services
        .ask_as(&me.uid, move |tables, viewer| {
            let mut found = Vec::new();
            for name in &wanted {
                let name = name.trim_start_matches('#');
                found.push(queries::visible_room(tables, viewer, name)?);
            }
            Ok(found)
        })
        .await?
        .value;
    let (mut room_ids, mut open_rooms) = (Vec::new(), Vec::new());
    for (name, room) in names.iter().zip(rooms) {
        match room.filter(|room| room.kind() != v1::RoomKind::Direct) {
            Some(room) => {
                // The log is read by administrators who are not in a closed room, too.
                if room.kind() == v1::RoomKind::Open {
                    open_rooms.push(room.name);
                }
                room_ids.push(room.id);
            }
            None => return Err(Failure::invalid(format!("There is no room “{name}”."))),
        }
    }
    if room_ids.len() > ROOMS_OF_AN_INVITATION {
        return Err(Failure::invalid(
            "An invitation can name at most 20 rooms. Add the person to the others afterwards.",
        ));
    }
    if role == v1::Role::Guest && room_ids.is_empty() {
        return Err(Failure::invalid(
            "A guest sees only the rooms that they are brought into: name one at least.",
        ));
    }
    let now = clock::now().0;
    let record = InvitationRecord {
        kind: InvitationKind::Join.into(),
        made_by: me.uid.to_string(),
        made_at_ms: now,
        expires_at_ms: now + millis(Duration::from_secs(days * 24 * 3_600)),
        uses_left: u32::from(form.many.is_empty()),
        room_ids,
        role: role.into(),
        ..InvitationRecord::default()
    };
    let act = AdministratorAct::Invited;
    let directory = state.store.directory();
    let into = open_rooms.join(", ");
    directory.note(&me.uid, act, "", &into).await?;
    let token = state.store.invitations.make(&record).await?;
    Ok(format!("{}/invite/{token}", state.site.url()))
}

async fn revoke(state: &AppState, me: &SignedIn, id: &str) -> Result<(), Failure> {
    must_be_administrator(me)?;
    let invitations = &state.store.invitations;
    if invitations.can_be_revoked(id).await? {
        let act = AdministratorAct::RevokedInvitation;
        state.store.directory().note(&me.uid, act, "", "").await?;
        invitations.revoke(id).await?;
    }
    Ok(())
}

fn millis(time: Duration) -> i64 {
    i64::try_from(time.as_millis()).unwrap_or(i64::MAX)
}
