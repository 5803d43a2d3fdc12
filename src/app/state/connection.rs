//! The state of the live connection, as a person is told.

/// How the page stands with the broker.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ConnectionState {
    /// Before the page is alive, or with scripts off: nothing is said.
    #[default]
    Unknown,
    /// Messages come in live.
    Connected,
    /// Cut for longer than 2 s; the page tries again by itself.
    Reconnecting,
    /// The browser says that there is no network.
    Offline,
    /// This person has as many connections as one may have.
    TooMany,
    /// This person has asked too much, and goes on in so many seconds.
    CutOff(u32),
}

/// The broker that the page is connected to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BrokerInfo {
    /// The server's name.
    pub name: String,
    /// The version of nats-server.
    pub version: String,
}
