//! What handles and driver share.

use std::sync::{Arc, Mutex, PoisonError};

use super::bell::Bell;
use super::core::Core;
use crate::nats::connection::{Connection, Moment};
use crate::nats::options::ConnectOptions;
use crate::nats::runtime::{self, Clock};

/// The state machine behind a lock that is only held while it is asked or told something, never
/// while anything is awaited.
pub(super) struct Shared {
    core: Mutex<Core>,
    clock: Clock,
    pub bell: Bell,
}

impl Shared {
    pub fn new(options: ConnectOptions) -> Self {
        let clock = Clock::start();
        let limits = options.limits;
        let connection = Connection::new(options, clock.now(), runtime::random());
        Self {
            core: Mutex::new(Core::new(connection, limits)),
            clock,
            bell: Bell::default(),
        }
    }

    /// Asks or tells the state machine something, then lets the driver do what follows from it.
    pub fn act<T>(&self, act: impl FnOnce(&mut Core, Moment) -> T) -> T {
        let done = self.with(act);
        self.bell.ring();
        done
    }

    /// The same where nothing follows, or the driver itself is at it.
    pub fn with<T>(&self, act: impl FnOnce(&mut Core, Moment) -> T) -> T {
        let mut core = self.core.lock().unwrap_or_else(PoisonError::into_inner);
        act(&mut core, self.clock.now())
    }

    pub fn now(&self) -> Moment {
        self.clock.now()
    }
}

/// What every handle and subscription holds. When the last one is dropped, what was published still
/// leaves, then the connection closes.
pub(super) struct Handle {
    pub shared: Arc<Shared>,
}

impl Drop for Handle {
    fn drop(&mut self) {
        self.shared.act(|core, now| core.connection.drain(now));
    }
}
