//! What stands at each address, one a file.

mod account;
mod admin;
mod browse;
mod connection_check;
mod new_room;
mod not_found;
mod people;
mod reset;
mod room;
mod room_details;
mod sessions;
mod settings;
mod sign_in;
mod sign_up;
mod sign_up_oidc;

pub(super) use account::Account;
pub(super) use admin::Admin;
pub(super) use browse::Browse;
pub(super) use connection_check::ConnectionCheck;
pub(super) use new_room::NewRoom;
pub(super) use not_found::{NotFound, NothingHere};
pub(super) use people::People;
pub(super) use reset::Reset;
pub(super) use room::RoomPage;
pub(super) use room_details::RoomDetails;
pub(super) use sessions::Sessions;
pub(super) use settings::Settings;
pub(super) use sign_in::SignIn;
pub(super) use sign_up::SignUp;
pub(super) use sign_up_oidc::SignUpOidc;
