//! Words about people, accounts and what administrators do.

use crate::wire::v1::{AdministratorAct, AdministratorActed, InvitationView, Notice, Person, Role};

/// Before a name in a sentence: what is read from right to left in it does not turn the rest around
/// (U+2068, first strong isolate). The page draws an element instead.
pub const NAME_BEGINS: char = '\u{2068}';
/// After it (U+2069).
pub const NAME_ENDS: char = '\u{2069}';

/// A name in a sentence.
pub(super) fn name_in(name: &str) -> String {
    format!(
        "{NAME_BEGINS}{}{NAME_ENDS}",
        name.replace([NAME_BEGINS, NAME_ENDS], "")
    )
}

/// What somebody is called where the display name alone does not say who it is.
#[must_use]
pub fn called(person: &Person) -> String {
    match person.alike {
        true => format!("{} (@{})", person.display_name, person.uid),
        false => person.display_name.clone(),
    }
}

/// A link, and its page.
pub const PEOPLE: &str = "People";
/// A button.
pub const MESSAGE: &str = "Message";
/// A heading.
pub const NEW_GROUP: &str = "New group";
/// A field.
pub const USERNAMES: &str = "Usernames";
/// Beside it.
pub const NEW_GROUP_HINT: &str = "Two to eight people, with spaces or commas between.";
/// A button.
pub const BEGIN_GROUP: &str = "Begin group";

/// What somebody is to the workspace, where it is worth a word.
#[must_use]
pub fn role(role: Role, suspended: bool) -> Option<&'static str> {
    match role {
        _ if suspended => Some("suspended"),
        Role::Administrator => Some("administrator"),
        Role::Guest => Some("guest"),
        Role::Member | Role::Unspecified => None,
    }
}

/// What is said over a page about what happened before it.
#[must_use]
pub fn notice(notice: Notice) -> Option<&'static str> {
    match notice {
        Notice::Unspecified => None,
        Notice::SignedOut => Some(
            "You have been signed out. What you were typing is kept for you in this browser, and messages that could not be sent go out when you sign in again.",
        ),
        Notice::Suspended => Some(
            "Your account is suspended. Ask an administrator. What you were typing is kept in this browser.",
        ),
        Notice::Done => Some("Saved."),
        Notice::SessionEnded => Some("That browser is signed out."),
        Notice::SessionsEnded => Some("You are signed out everywhere else."),
        Notice::PasswordChanged => {
            Some("Your password is changed, and you are signed out everywhere else.")
        }
        Notice::PasswordReset => Some(
            "Your password is changed, and you are signed out everywhere else. The identities below can still be used to sign in to your account: disconnect those that are not yours.",
        ),
        Notice::BadLink => {
            Some("This link is used up, too old, or was taken back. Ask for another one.")
        }
        Notice::ProvenTooLongAgo => {
            Some("That took more than ten minutes, or was begun in another browser. Sign in again.")
        }
    }
}

/// A link, and its page.
pub const YOUR_ACCOUNT: &str = "Your account";
/// Under the link.
pub const YOUR_ACCOUNT_HELP: &str = "What others see of you, and your password.";
/// A field.
pub const YOUR_PASSWORD: &str = "Your password";
/// Beside it, where an identity is connected.
pub const YOUR_PASSWORD_HINT: &str =
    "This keeps another person at this browser from connecting an identity of their own.";
/// A heading.
pub const PICTURE: &str = "Picture";
/// A heading.
pub const PROFILE: &str = "Profile";
/// A field.
pub const CHOOSE_PICTURE: &str = "Choose a picture";
/// Beside it.
pub const PICTURE_HINT: &str = "PNG, JPEG or WebP, up to 10 MB. Natter keeps a small square of its middle, and nothing else of the file.";
/// A button.
pub const UPLOAD_PICTURE: &str = "Upload picture";
/// A button.
pub const REMOVE_PICTURE: &str = "Remove picture";
/// A field.
pub const ABOUT_YOU: &str = "About you";
/// Beside it.
pub const ABOUT_HINT: &str = "Up to 300 characters. May be empty.";
/// A field.
pub const TIME_ZONE: &str = "Time zone";
/// Beside it.
pub const TIME_ZONE_HINT: &str = "Such as Europe/Berlin. May be empty.";
/// What time it is for somebody, "09:41".
#[must_use]
pub fn local_time(time: &str, zone: &str) -> String {
    format!("{time} in {zone}")
}

/// A button.
pub const SAVE: &str = "Save";
/// A heading and a button.
pub const CHANGE_PASSWORD: &str = "Change password";
/// Over the button.
pub const CHANGE_PASSWORD_HELP: &str = "You will be signed out everywhere else.";
/// A field.
pub const PASSWORD_NOW: &str = "Password now";
/// A field, and a page.
pub const NEW_PASSWORD: &str = "New password";

/// Over the field.
#[must_use]
pub fn new_password_for(uid: &str) -> String {
    format!("Choose a new password for @{uid}. You will be signed out everywhere else.")
}

/// In the place of the form, for who has no password.
pub const NO_PASSWORD: &str =
    "Your account has no password. An administrator can give you a link to choose one.";

/// A link to an identity provider.
#[must_use]
pub fn sign_in_with(label: &str) -> String {
    format!("Sign in with {label}")
}

/// Between the form and the link.
pub const OR: &str = "or";

/// Over the form of who is new.
#[must_use]
pub fn proven_as(label: &str, shown_as: &str) -> String {
    format!("You are signed in with {label} as {shown_as}. Say what you want to be called here.")
}

/// Under it, after “Have an account?” and the link “Sign in”.
pub const CONNECT_INSTEAD: &str = "with its password, and connect the two in your settings.";
/// A heading.
pub const OTHER_SIGN_IN: &str = "Sign-in elsewhere";
/// Under it.
pub const OTHER_SIGN_IN_HELP: &str = "You come in here by signing in there.";

/// A link.
#[must_use]
pub fn connect_with(label: &str) -> String {
    format!("Connect {label}")
}

/// Over the button, once the provider has said who it is.
#[must_use]
pub fn confirm_identity(label: &str, shown_as: &str) -> String {
    format!(
        "{label} says that you are {shown_as}. Whoever signs in there as that will come in here as you."
    )
}

/// A button.
pub const CONNECT: &str = "Connect";
/// A button.
pub const DISCONNECT: &str = "Disconnect";
/// Beside it.
pub const DISCONNECT_ENDS: &str = "Disconnecting it signs you out everywhere else.";
/// Where something could not be connected.
pub const BACK_TO_ACCOUNT: &str = "Back to your account";

/// An issuer by its host.
#[must_use]
pub fn issuer(url: &str) -> String {
    let host = url.split_once("://").map_or(url, |(_, rest)| rest);
    host.trim_end_matches('/').to_owned()
}

/// A link, and its page.
pub const WHERE_SIGNED_IN: &str = "Where you are signed in";
/// Under the link.
pub const WHERE_SIGNED_IN_HELP: &str =
    "Every browser that is signed in as you. Sign out those that you do not know.";
/// Before a moment.
pub const LAST_USED: &str = "last used";
/// Before a moment.
pub const SINCE: &str = "since";
/// The one that shows this.
pub const THIS_BROWSER: &str = "This browser";
/// A button.
pub const SIGN_OUT_OTHERS: &str = "Sign out everywhere else";

/// A browser by what it calls itself: its kind and its system, as far as they are plain.
#[must_use]
pub fn browser(agent: &str) -> String {
    let find = |known: &[(&str, &'static str)]| {
        let found = known.iter().find(|(mark, _)| agent.contains(mark));
        found.map(|(_, name)| *name)
    };
    // Each also says that it is those that come after it here.
    let kind = find(&[
        ("Firefox/", "Firefox"),
        ("Edg/", "Edge"),
        ("OPR/", "Opera"),
        ("Chrome/", "Chrome"),
        ("Safari/", "Safari"),
    ]);
    let system = find(&[
        ("Android", "Android"),
        ("iPhone", "iPhone"),
        ("iPad", "iPad"),
        ("Windows", "Windows"),
        ("Mac OS", "macOS"),
        ("CrOS", "ChromeOS"),
        ("Linux", "Linux"),
    ]);
    match (kind, system) {
        (Some(kind), Some(system)) => format!("{kind} on {system}"),
        (Some(kind), None) => kind.into(),
        (None, _) => "Another browser".into(),
    }
}

/// A link, and its page.
pub const ADMINISTRATION: &str = "Administration";
/// Under the link.
pub const ADMINISTRATION_HELP: &str = "Accounts, invitations, and what administrators did.";
/// Who may not see it.
pub const ADMINISTRATORS_ONLY: &str = "Only administrators see this page.";
/// A heading.
pub const INVITE_SOMEBODY: &str = "Invite somebody";
/// A field.
pub const ROLE: &str = "Role";
/// A role.
pub const MEMBER: &str = "Member";
/// A role.
pub const GUEST: &str = "Guest (sees only the rooms named here)";
/// Beside the field of rooms.
pub const INVITE_ROOMS_HINT: &str =
    "Names of rooms, separated by commas. Whoever uses the link joins these.";
/// A field.
pub const DAYS: &str = "Valid for how many days";
/// A box to tick.
pub const FOR_MANY: &str = "Any number of people may use it";
/// A button.
pub const MAKE_LINK: &str = "Make link";
/// Over a link.
pub const FRESH_LINK: &str = "The link";
/// Under it.
pub const FRESH_LINK_HINT: &str =
    "Copy it now and give it to them: natter keeps no copy and cannot show it again.";
/// A button.
pub const REVOKE: &str = "Revoke";
/// Before a moment.
pub const UNTIL: &str = "good until";
/// A heading.
pub const AUDIT_LOG: &str = "What administrators did";
/// There is nothing in it.
pub const AUDIT_EMPTY: &str = "Nothing yet.";
/// Opens what can be done to an account.
pub const CHANGE: &str = "Change";

/// The same for who cannot see what it stands beside.
#[must_use]
pub fn change_person(name: &str) -> String {
    format!("Change {name}")
}

/// A button.
pub const MAKE_ADMINISTRATOR: &str = "Make administrator";
/// A button.
pub const MAKE_MEMBER: &str = "Make member";
/// A button.
pub const MAKE_GUEST: &str = "Make guest";
/// A button.
pub const END_SESSIONS: &str = "Sign out everywhere";
/// A button.
pub const RESET_PASSWORD: &str = "Reset password";
/// A button.
pub const SUSPEND: &str = "Suspend";
/// A button.
pub const LET_IN_AGAIN: &str = "Let in again";

/// Who made a link.
#[must_use]
pub fn made_by(uid: &str) -> String {
    format!("by @{uid}")
}

/// What a link is good for.
#[must_use]
pub fn invitation(invitation: &InvitationView) -> String {
    let who = match (invitation.role(), invitation.uses_left) {
        (Role::Guest, 1) => "One guest".to_owned(),
        (Role::Guest, _) => "Guests".into(),
        (_, 1) => "One member".into(),
        (_, _) => "Members".into(),
    };
    match invitation.room_names.as_slice() {
        [] => who,
        rooms => format!("{who}, into {}", rooms.join(", ")),
    }
}

/// Over the form of who was invited.
#[must_use]
pub fn invited(invitation: &InvitationView) -> String {
    let by = &invitation.made_by;
    match (invitation.role(), invitation.room_names.as_slice()) {
        (Role::Guest, rooms) => format!("@{by} invited you as a guest into {}.", rooms.join(", ")),
        (_, _) => format!("@{by} invited you."),
    }
}

/// What an administrator did.
#[must_use]
pub fn acted(by: &str, acted: &AdministratorActed) -> String {
    let uid = &acted.uid;
    match acted.act() {
        AdministratorAct::Suspended => format!("@{by} suspended @{uid}"),
        AdministratorAct::Restored => format!("@{by} let @{uid} in again"),
        AdministratorAct::MadeAdministrator => format!("@{by} made @{uid} an administrator"),
        AdministratorAct::MadeMember => format!("@{by} made @{uid} a member"),
        AdministratorAct::MadeGuest => format!("@{by} made @{uid} a guest"),
        AdministratorAct::EndedSessions => format!("@{by} signed @{uid} out everywhere"),
        AdministratorAct::ResetPassword => {
            format!("@{by} made a link for a new password of @{uid}")
        }
        AdministratorAct::Invited if acted.detail.is_empty() => {
            format!("@{by} made an invitation")
        }
        AdministratorAct::Invited => format!("@{by} made an invitation into {}", acted.detail),
        AdministratorAct::InvitationUsed => {
            format!(
                "@{uid} made an account with an invitation of @{}",
                acted.detail
            )
        }
        AdministratorAct::RevokedInvitation => format!("@{by} took an invitation back"),
        AdministratorAct::Unspecified => {
            format!("@{by} did something that this version does not know")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_browser_is_called_by_its_kind_and_system() {
        let chrome = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/130.0.0.0 Safari/537.36";
        let iphone = "Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.5 Mobile/15E148 Safari/604.1";
        assert_eq!(browser(chrome), "Chrome on Linux");
        assert_eq!(browser(iphone), "Safari on iPhone");
        assert_eq!(browser("curl/8"), "Another browser");
    }
}
