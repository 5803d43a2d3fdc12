//! The rules of the chat, pure and the same in the browser and on the server: no I/O, no clock,
//! no randomness of its own. It knows nobody; everybody may use it.

mod grouping;
pub mod limits;
mod name;
mod outbox;
mod own_path;
#[cfg(feature = "ssr")]
mod password;
mod place;
mod rights;
mod room_log;
mod seen;
pub mod subject;
mod text;
mod time;
#[cfg(feature = "ssr")]
pub mod time_text;
mod ulid;
mod unread;

pub use grouping::{continues, same_group};
#[cfg(feature = "ssr")]
pub use name::{DisplayName, RoomName, looked_up, name_keys};
pub use name::{NameError, RoomId, Topic, Username};
pub use outbox::{Later, Outbox, Post, PostState};
pub use own_path::{NEXT, OwnPath, with_next};
#[cfg(feature = "ssr")]
pub use password::Password;
pub use place::{Pair, Place};
pub use rights::{Rights, Role, Standing, rights_for, rights_of_service};
pub use room_log::{Applied, Key, LogEntry, Note, Position, RoomLog, Sequence, What};
pub use text::{MessageText, TextError};
pub use time::Timestamp;
pub use ulid::{Ulid, UlidError};
pub use unread::{Reading, Unread};
