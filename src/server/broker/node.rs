//! The configuration of one nats-server of a cluster that natter uses and does not run.

use std::net::SocketAddr;
use std::path::PathBuf;

use super::config::{MAX_PAYLOAD, MAX_PENDING, NO_LIMIT, SyncInterval, quote_path};
use super::keys::BrokerKeys;
use super::trust::{Trust, quote};
use crate::domain::limits;

/// What a cluster is called, by its servers.
const CLUSTER: &str = "natter";

/// One server of a cluster.
#[derive(Debug, Clone)]
pub struct Node {
    /// What it is called; no other has the name.
    pub name: String,
    /// Where NATS clients connect, natter among them.
    pub listen: SocketAddr,
    /// Where natter’s tunnel connects.
    pub websocket: SocketAddr,
    /// Where the other servers connect.
    pub cluster: SocketAddr,
    /// Where the other servers are.
    pub routes: Vec<SocketAddr>,
    /// The folder of its JetStream store.
    pub store: PathBuf,
    /// How natter is reached. One at least.
    pub origins: Vec<String>,
    /// How long what was acknowledged may wait to be written through to the disk.
    pub sync_interval: SyncInterval,
}

impl Node {
    /// The text of its `nats.conf`.
    #[must_use]
    pub fn config(&self, keys: &BrokerKeys) -> String {
        let routes: Vec<_> = self
            .routes
            .iter()
            .map(|at| format!("\"nats://{at}\""))
            .collect();
        let trust = Trust::new(self.origins.clone(), keys);
        format!(
            "\
# Written by natter nats-config.

server_name: {name}
listen: \"{listen}\"
max_payload: {MAX_PAYLOAD}
max_pending: {MAX_PENDING}
max_subscriptions: {max_subscriptions}

cluster {{
  name: {CLUSTER}
  # Whoever reaches it is one of the servers: only they should.
  listen: \"{cluster}\"
  routes: [{routes}]
}}

jetstream {{
  store_dir: {store}
  sync_interval: \"{sync_interval}\"
  max_file_store: {NO_LIMIT}
}}

{trust}",
            max_subscriptions = limits::SUBSCRIPTIONS,
            name = quote(&self.name),
            listen = self.listen,
            cluster = self.cluster,
            routes = routes.join(", "),
            store = quote_path(&self.store),
            sync_interval = self.sync_interval,
            trust = trust.blocks(&self.websocket.to_string()),
        )
    }
}
