//! Every word that the page says, in one place. Plain, in the second person, without exclamation
//! marks.

mod people;
mod rooms;

use people::name_in;
pub use people::*;
pub use rooms::*;

/// The product.
pub const NATTER: &str = "Natter";

/// A page's title, with what is unread before it.
#[must_use]
pub fn title(of: &str, unread: u32) -> String {
    let title = if of.is_empty() {
        NATTER.into()
    } else {
        format!("{of} – {NATTER}")
    };
    match unread {
        0 => title,
        unread => format!("({}) {title}", unread_count(unread)),
    }
}

/// A request was not answered.
pub const NO_ANSWER: &str = "Natter did not answer. Check your connection and try again.";
/// Signing in and up.
pub const SIGN_IN: &str = "Sign in";
/// The sign-up button and its page.
pub const CREATE_ACCOUNT: &str = "Create account";
/// A field.
pub const USERNAME: &str = "Username";
/// A field.
pub const DISPLAY_NAME: &str = "Display name";
/// A field.
pub const PASSWORD: &str = "Password";
/// A field.
pub const SETUP_TOKEN: &str = "Set-up token";
/// Beside the username.
pub const USERNAME_HINT: &str = "2 to 32 of a–z, 0–9, - and _. It is yours for good.";
/// Beside the display name.
pub const DISPLAY_NAME_HINT: &str = "What others see.";
/// Beside the password.
pub const PASSWORD_HINT: &str =
    "At least 8 characters, and not easy to guess: several words do well.";
/// Beside the token.
pub const SETUP_TOKEN_HINT: &str = "natter printed it in the terminal when it started.";
/// Over the first account.
pub const FIRST_RUN: &str =
    "This is a new Natter. The account you make now is the administrator’s.";
/// Where sign-up is closed.
pub const SIGN_UP_CLOSED: &str =
    "Making an account needs an invitation here. Ask an administrator for a link.";
/// A field, where accounts are for people of some domains.
pub const EMAIL: &str = "E-mail address";

/// Beside it.
#[must_use]
pub fn email_hint(domains: &[String]) -> String {
    format!("At {}. No mail is sent.", domains.join(" or "))
}

/// Under the sign-in form.
pub const NO_ACCOUNT: &str = "No account yet?";
/// Under the sign-up form.
pub const HAVE_ACCOUNT: &str = "Have an account?";

/// The sidebar.
pub const ROOMS_AND_PEOPLE: &str = "Rooms and people";
/// Its first heading.
pub const ROOMS: &str = "Rooms";
/// A button, and its page.
pub const NEW_ROOM: &str = "New room";
/// A link, and its page.
pub const SETTINGS: &str = "Settings";
/// On narrow screens.
pub const BACK_TO_ROOMS: &str = "Back to rooms";

/// The connection.
pub const CONNECTED: &str = "Connected";
/// The connection is being made again.
pub const RECONNECTING: &str = "Reconnecting…";
/// There is no network.
pub const OFFLINE: &str = "Offline";
/// Too many connections of one person.
pub const TOO_MANY: &str = "Natter is open in 20 places. Close one to go on here.";

/// The browser is signed in as another person than the one that the page was made for.
#[must_use]
pub fn now_signed_in_as(uid: &str) -> String {
    format!("You are signed in as {uid} now.")
}

/// Follows [`now_signed_in_as`].
pub const WHAT_YOU_WROTE_IS_KEPT: &str = "What you wrote is kept.";
/// A button, and a link, to the page of the person who is signed in now.
#[must_use]
pub fn go_on_as(uid: &str) -> String {
    format!("Go on as {uid}")
}

/// Beside an unsent message, on the page of a person who is no longer signed in.
pub const KEPT_HERE: &str = "Not sent, and kept here. It goes out when you sign in again.";

/// Cut off for asking too much, for so many seconds yet.
#[must_use]
pub fn cut_off(seconds: u32) -> String {
    format!("That was a lot at once. Natter goes on in about {seconds} seconds.")
}

/// The log of a room.
#[must_use]
pub fn messages_in(room: &str) -> String {
    format!("Messages in {room}")
}

/// The first entry of a room.
#[must_use]
pub fn made_this_room(name: &str) -> String {
    format!("{} made this room", name_in(name))
}

/// A room without messages.
#[must_use]
pub fn empty_room(room: &str) -> String {
    format!("This is the start of {room}. Say hello.")
}

/// Over the oldest message here.
pub const SHOW_EARLIER: &str = "Show earlier messages";

/// Below, when reading further up.
#[must_use]
pub fn new_messages(count: usize) -> String {
    match count {
        1 => "1 new message".into(),
        _ => format!("{count} new messages"),
    }
}

/// A room is being fetched.
pub const LOADING: &str = "Loading messages…";
/// A room could not be fetched.
pub const LOAD_FAILED: &str = "The messages could not be loaded.";
/// Once more.
pub const TRY_AGAIN: &str = "Try again";
/// Take a message that was refused back into the box.
pub const EDIT: &str = "Edit";
/// Give a message up.
pub const DISCARD: &str = "Discard";

/// Over the button for signing out.
#[must_use]
pub fn unsent(count: usize) -> String {
    match count {
        1 => "A message of yours is not sent yet. Signing out discards it.".into(),
        _ => format!("{count} messages of yours are not sent yet. Signing out discards them."),
    }
}

/// Likewise, for drafts.
#[must_use]
pub fn drafts(count: usize) -> String {
    match count {
        1 => "You have a draft in one room. Signing out discards it.".into(),
        _ => format!("You have drafts in {count} rooms. Signing out discards them."),
    }
}

/// A button, below both.
pub const DISCARD_AND_SIGN_OUT: &str = "Discard and sign out";
/// A button, where a message is being sent.
pub const SEND_AND_SIGN_OUT: &str = "Send first, then sign out";
/// Shown after that button was pressed.
pub const SIGNING_OUT_WHEN_SENT: &str = "You will be signed out as soon as your messages are sent.";
/// A button.
pub const STAY_SIGNED_IN: &str = "Stay signed in";

/// A message on its way.
pub const SENDING: &str = "Sending…";
/// A refused message.
pub const NOT_SENT: &str = "Not sent.";

/// The composer.
#[must_use]
pub fn message_to(room: &str) -> String {
    format!("Message #{room}")
}

/// Below it, where no script counts.
pub const MESSAGE_LIMIT: &str = "A message has at most 4,000 characters.";
/// Its button.
pub const SEND: &str = "Send";

/// A room that is not there.
pub const NO_SUCH_ROOM: &str = "There is no such room";
/// What to do then.
pub const NO_SUCH_ROOM_HELP: &str =
    "It may have another name, the link is wrong, or you are not in it. Choose another room.";
/// An address that is nothing's.
pub const NOT_FOUND: &str = "There is nothing here";
/// What to do then.
pub const NOT_FOUND_HELP: &str = "The link may be wrong or old.";
/// To the rooms.
pub const GO_HOME: &str = "Go to your rooms";

/// A field of a new room.
pub const ROOM_NAME: &str = "Name";
/// A field of a new room.
pub const TOPIC: &str = "Topic";
/// Beside the name.
pub const ROOM_NAME_HINT: &str =
    "Up to 40 characters. No two rooms have the same name, or names that look the same.";
/// Beside the topic.
pub const TOPIC_HINT: &str = "One line on what the room is for. May be empty.";
/// Its button.
pub const CREATE_ROOM: &str = "Create room";

/// In settings.
#[must_use]
pub fn signed_in_as(name: &str, uid: &str) -> String {
    format!("You are signed in as {} (@{uid}).", name_in(name))
}

/// A button.
pub const SIGN_OUT: &str = "Sign out";
/// A link, and its page.
pub const CONNECTION_CHECK: &str = "Connection check";
/// Under the link.
pub const CONNECTION_CHECK_HELP: &str =
    "Sends a message to the echo service both ways, and measures how long it takes.";
/// A way.
pub const THROUGH_THE_SERVER: &str = "Through the server";
/// A way.
pub const FROM_THIS_BROWSER: &str = "From this browser";
/// What the first way is.
pub const THROUGH_THE_SERVER_HELP: &str = "Browser, HTTP, natter, broker, echo and back.";
/// What the second way is.
pub const FROM_THIS_BROWSER_HELP: &str = "Browser, WebSocket, broker, echo and back.";
/// Under way.
pub const CHECKING: &str = "Checking…";
/// With scripts off.
pub const NEEDS_SCRIPTS: &str = "Needs scripts.";
/// A button.
pub const CHECK_AGAIN: &str = "Check again";
/// The text that is sent.
pub const CHECK_MESSAGE: &str = "hello world";
/// The answer is another one.
pub const OTHER_TEXT: &str = "Something else came back.";

/// A broker.
#[must_use]
pub fn broker(name: &str, version: &str) -> String {
    format!("nats-server {version}, {name}")
}

/// The broker’s row.
pub const BROKER: &str = "Broker";
/// There is no connection now.
pub const NOT_CONNECTED: &str = "Not connected.";

/// A time in milliseconds.
#[must_use]
pub fn millis(micros: u64) -> String {
    #[expect(clippy::cast_precision_loss)]
    let millis = micros as f64 / 1_000.0;
    format!("{millis:.1} ms")
}

/// How long a way took, and the part of it behind the server where that is known.
#[must_use]
pub fn way_took(micros: u64, behind_the_server: Option<u64>) -> String {
    let whole = millis(micros);
    match behind_the_server.map(millis) {
        Some(part) => format!("{whole}, {part} of them between natter and the broker"),
        None => whole,
    }
}
