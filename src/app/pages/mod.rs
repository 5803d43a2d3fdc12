//! What stands at each address, one a file.

mod connection_check;
mod new_room;
mod not_found;
mod room;
mod settings;
mod sign_in;
mod sign_up;

pub(super) use connection_check::ConnectionCheck;
pub(super) use new_room::NewRoom;
pub(super) use not_found::NotFound;
pub(super) use room::RoomPage;
pub(super) use settings::Settings;
pub(super) use sign_in::SignIn;
pub(super) use sign_up::SignUp;
