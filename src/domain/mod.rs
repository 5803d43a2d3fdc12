//! The rules of the chat, pure and the same in the browser and on the server: no I/O, no clock,
//! no randomness of its own. It knows nobody; everybody may use it.

mod grouping;
pub mod limits;
mod name;
mod outbox;
mod own_path;
mod place;
mod rights;
mod room_log;
pub mod subject;
mod text;
mod time;
#[cfg(feature = "ssr")]
pub mod time_text;
mod ulid;
mod unread;

pub use grouping::{continues, same_group};
pub use name::{DisplayName, NameError, RoomId, RoomName, Topic, Username};
pub use outbox::{Later, Outbox, Post, PostState};
pub use own_path::{NEXT, OwnPath, with_next};
pub use place::{Pair, Place};
pub use rights::{Rights, Role, Standing, rights_for, rights_of_service};
pub use room_log::{Applied, Key, LogEntry, Note, Position, RoomLog, Sequence, What};
pub use text::{MessageText, Password, TextError};
pub use time::Timestamp;
pub use ulid::{Ulid, UlidError};
pub use unread::{Reading, Unread};
