//! `natter nats-config`.

use std::net::SocketAddr;
use std::path::PathBuf;

use super::terminal;
use crate::server::broker::{BrokerKeys, KeysError, Node, SyncInterval};
use crate::server::socket_addr;

/// Why there is no configuration.
#[derive(Debug, thiserror::Error)]
pub(super) enum NatsConfigError {
    /// The keys.
    #[error(transparent)]
    Keys(#[from] KeysError),
    /// Nobody reads it.
    #[error("standard output: {0}")]
    Terminal(#[from] std::io::Error),
}

/// Print the nats.conf of one server of a NATS cluster for natter.
#[derive(Debug, clap::Args)]
#[command(
    long_about = "Print the nats.conf of one nats-server of a cluster that natter is to use, with --nats.\n\n\
        The keys are made when there are none. Every server of the cluster, and every natter, uses the \
        same ones.",
    after_long_help = "Example, the first of three:\n  \
        natter nats-config --keys keys --name n1 --listen 10.0.0.1:4222 --ws 10.0.0.1:9222 \\\n    \
        --cluster 10.0.0.1:6222 --routes 10.0.0.2:6222,10.0.0.3:6222 \\\n    \
        --store /var/lib/nats --origin https://chat.example.org > nats.conf"
)]
pub(super) struct NatsConfigOptions {
    /// The folder of the keys.
    #[arg(long, env = "NATTER_KEYS", value_name = "DIR")]
    keys: PathBuf,

    /// What the server is called; no other has the name.
    #[arg(long)]
    name: String,

    /// Where NATS clients connect.
    #[arg(long, value_name = "HOST:PORT", value_parser = socket_addr::parse)]
    listen: SocketAddr,

    /// Where natter’s tunnel connects.
    #[arg(long, value_name = "HOST:PORT", value_parser = socket_addr::parse)]
    ws: SocketAddr,

    /// Where the other servers connect.
    #[arg(long, value_name = "HOST:PORT", value_parser = socket_addr::parse)]
    cluster: SocketAddr,

    /// Where the other servers are.
    #[arg(
        long,
        value_name = "HOST:PORT,…",
        value_delimiter = ',',
        value_parser = socket_addr::parse
    )]
    routes: Vec<SocketAddr>,

    /// The folder of its JetStream store.
    #[arg(long, value_name = "DIR")]
    store: PathBuf,

    /// How people reach natter: its --public-url.
    #[arg(long, value_name = "URL", required = true, value_delimiter = ',')]
    origin: Vec<String>,

    /// As for `natter serve`.
    #[arg(long, env = "NATTER_SYNC_INTERVAL", default_value = "100ms")]
    sync_interval: SyncInterval,
}

/// Prints it.
pub(super) fn run(options: NatsConfigOptions) -> Result<(), NatsConfigError> {
    let keys = BrokerKeys::load_or_create(&options.keys)?;
    let node = Node {
        name: options.name,
        listen: options.listen,
        websocket: options.ws,
        cluster: options.cluster,
        routes: options.routes,
        store: options.store,
        origins: options.origin,
        sync_interval: options.sync_interval,
    };
    let config = node.config(&keys);
    Ok(terminal::line(format_args!("{}", config.trim_end()))?)
}
