//! The parts that pages are made of, one a file.

mod avatar;
mod composer;
mod connection_status;
mod field;
mod message;
mod message_log;
mod outgoing;
mod rows;
mod sidebar;
mod time;
mod workspace;

pub(super) use composer::Composer;
pub(super) use field::{Field, FormError};
pub(super) use message_log::MessageLog;
pub(super) use workspace::{CurrentRoom, Workspace};
