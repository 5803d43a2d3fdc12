//! Notices that entries of LOG are missing. How many there are is in every reading of LOG's end, so looking
//! for them costs nothing; which ones they are is asked when the number changes.

use std::time::Duration;

use tokio::sync::watch;

use crate::server::store::{Log, Missing};

/// Before a broker is asked again that did not say which they are.
const PAUSE: Duration = Duration::from_secs(1);

/// Tells which entries are missing, for ever. `counted` is how many.
pub(super) async fn watch(
    log: Log,
    mut counted: watch::Receiver<u64>,
    tell: watch::Sender<Missing>,
) {
    loop {
        let count = *counted.borrow_and_update();
        if count != tell.borrow().count {
            match log.missing().await {
                Ok(missing) => {
                    report(&missing);
                    tell.send_replace(missing);
                }
                Err(error) => {
                    tracing::warn!(%error, count, "entries of LOG are missing");
                    tokio::time::sleep(PAUSE).await;
                    continue;
                }
            }
        }
        if counted.changed().await.is_err() {
            return;
        }
    }
}

fn report(missing: &Missing) {
    match missing.count {
        0 => tracing::info!("no entry of LOG is missing any more"),
        _ => tracing::error!(
            "{missing}. The store of nats-server is damaged, or somebody removed them. What Natter has \
             read before is still in read-model.sqlite: copy the data folder before anything else. \
             `natter verify` reads all of LOG"
        ),
    }
}
