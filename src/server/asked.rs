//! The questions that this natter server's callout has under way, and the people that they are about.
//! The broker does not tell: during a question it shows a connection with a session as the sentinel's.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::broker::AuthRequest;

/// A connection: its server's id, and its own id there.
type Connection = (String, u64);

/// The questions under way.
#[derive(Clone, Default)]
pub struct Asked {
    about: Arc<Mutex<HashMap<Connection, String>>>,
}

impl Asked {
    /// Notes that a question is about a connection of `holder`, until the returned guard is dropped.
    #[must_use]
    pub fn about(&self, request: &AuthRequest, holder: &str) -> UnderWay {
        let connection = (request.server_id.clone(), request.client.id);
        self.lock().insert(connection.clone(), holder.to_owned());
        UnderWay {
            asked: self.clone(),
            connection,
        }
    }

    /// The holder of this connection, if a question about it is under way here.
    #[must_use]
    pub fn holder_of(&self, connection: &Connection) -> Option<String> {
        self.lock().get(connection).cloned()
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Connection, String>> {
        self.about.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A question under way.
pub struct UnderWay {
    asked: Asked,
    connection: Connection,
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        self.asked.lock().remove(&self.connection);
    }
}
