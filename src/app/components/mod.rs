//! The parts that pages are made of, one a file.

mod act;
mod avatar;
mod composer;
mod connection_status;
mod elsewhere;
mod field;
mod message;
mod message_log;
mod names;
mod next;
mod outgoing;
mod page_of;
mod pane;
mod person_line;
mod rows;
mod sidebar;
mod sign_out;
mod time;
mod workspace;

pub(super) use act::Act;
pub(super) use avatar::Avatar;
pub(super) use composer::Composer;
pub(super) use elsewhere::SignInElsewhere;
pub(super) use field::{Field, FormError};
pub(super) use message_log::MessageLog;
pub(super) use names::with_names;
pub(super) use next::NextField;
pub use page_of::PAGE_OF;
pub(super) use page_of::PageOf;
pub(super) use pane::Pane;
pub(super) use person_line::PersonLine;
pub(super) use sidebar::RoomMark;
pub(super) use sign_out::SignOut;
pub(super) use time::Moment;
pub(super) use workspace::{CurrentRoom, Workspace};
