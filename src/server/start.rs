//! `natter serve`, from its options to a server that people can use, and back to nothing.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use data_encoding::BASE32_NOPAD;
use leptos::config::LeptosOptions;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::asked::Asked;
use super::broker::{
    BrokerError, BrokerKeys, EmbeddedBroker, EmbeddedOptions, KeysError, LocateError, Passage,
    ServiceUser, SignError, locate,
};
use super::clock::BrokerClock;
use super::cluster::Cluster;
use super::config::{NotAnOrigin, ServeOptions, Site};
use super::connection_limit::ConnectionLimit;
use super::cut_off::{CuttingOff, Lately};
use super::cutter::Cutter;
use super::data_folder::{DataFolder, DataFolderError};
use super::http::{
    self, AppState, Bodies, ConnectionBounds, Connections, KnownBrowsers, LAST_REQUESTS,
    PagesOfOne, Tunnels,
};
use super::limits::Limits;
use super::links::{LinkError, Links};
use super::oidc::{OidcOptionsError, Provider};
use super::passwords::Passwords;
use super::pictures::Pictures;
use super::read_model::{ReadError, ReadModel};
use super::ready::Ready;
use super::router::CutOff;
use super::services::{self, Services};
use super::sign_out::{self, SignOut};
use super::space::Space;
use super::store::{DirectoryError, Store, StoreError};
use super::tasks::Tasks;
use super::whereabouts::Whereabouts;
use super::{busiest, callout, open_files, self_test};
use crate::domain::{RoomName, Topic, Username};
use crate::nats;
use crate::wire::v1::RoomKind;

/// So many servers are a cluster that does without any one of them.
const CLUSTER: usize = 3;

/// The servers of a cluster find each other and choose a leader in this time.
const CLUSTER_BEGUN_WITHIN: Duration = Duration::from_secs(30);

/// The room that always exists.
const FIRST_ROOM: &str = "general";

/// Why natter does not start. Shown to who started it.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The address is taken or not this machine's.
    #[error("natter cannot listen on {addr} ({source}). Choose another address with --addr.")]
    Listen {
        /// Which.
        addr: SocketAddr,
        /// Why not.
        source: std::io::Error,
    },
    /// The data folder.
    #[error(transparent)]
    Data(#[from] DataFolderError),
    /// --public-url.
    #[error("--public-url: {0}")]
    PublicUrl(#[from] NotAnOrigin),
    /// The identity provider's options.
    #[error(transparent)]
    Oidc(#[from] OidcOptionsError),
    /// The page's files are not there.
    #[error("the page’s files are not at {0:?}: `make build` makes them")]
    NoSite(PathBuf),
    /// No usable nats-server.
    #[error(transparent)]
    Locate(#[from] LocateError),
    /// The keys.
    #[error(transparent)]
    Keys(#[from] KeysError),
    /// They cannot sign.
    #[error(transparent)]
    Sign(#[from] SignError),
    /// The embedded nats-server.
    #[error(transparent)]
    Broker(#[from] BrokerError),
    /// The connections to it.
    #[error(transparent)]
    Link(#[from] LinkError),
    /// What natter keeps in it.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The first room.
    #[error("the first room: {0}")]
    Directory(#[from] DirectoryError),
    /// The read model.
    #[error(transparent)]
    ReadModel(#[from] ReadError),
    /// The services' subscriptions.
    #[error("the services: {0}")]
    Services(#[from] nats::SubscribeError),
    /// The callout's subscription.
    #[error("the auth callout: {0}")]
    Callout(#[from] async_nats::SubscribeError),
    /// A task of its own ended early.
    #[error("natter was stopped while it started")]
    Interrupted,
    /// The system has no randomness to give.
    #[error("no randomness: {0}")]
    Random(#[from] getrandom::Error),
}

/// A natter that serves.
pub struct Server {
    addr: SocketAddr,
    data: DataFolder,
    site: Arc<Site>,
    ready: Ready,
    is_first_run: bool,
    setup_token: Option<Arc<str>>,
    stop: CancellationToken,
    tasks: Tasks,
    tunnels: Tunnels,
    http: JoinHandle<std::io::Result<()>>,
    links: Links,
    broker: Option<EmbeddedBroker>,
}

impl Server {
    /// Starts everything. People can connect a moment later, when the way through the auth
    /// callout has been tried.
    ///
    /// # Errors
    /// What is in the way, in words for who started it.
    pub async fn start(options: ServeOptions) -> Result<Self, StartError> {
        // All that is begun at once makes a future too large for the stack of a small thread.
        Box::pin(Self::begin(options)).await
    }

    async fn begin(options: ServeOptions) -> Result<Self, StartError> {
        // First of all: the broker's process has what natter has when it is started.
        let files = open_files::raise();
        let bounds = options.connections;
        let bounds = bounds.unwrap_or_else(|| ConnectionBounds::for_files(files));
        let listener =
            TcpListener::bind(options.addr)
                .await
                .map_err(|source| StartError::Listen {
                    addr: options.addr,
                    source,
                })?;
        let addr = listener.local_addr().unwrap_or(options.addr);
        let leptos = leptos_options(addr, options.site.clone())?;
        let oidc = Provider::of(options.oidc.clone())?;
        let data = DataFolder::open(&options.data)?;
        let mut site = match &options.public_url {
            Some(url) => Site::parse(url)?,
            None => Site::at(addr),
        };

        let keys = keys(&options).await?;
        site = site.of_account(keys.chat_account());
        let broker = match &options.nats {
            Some(_) => None,
            None => Some(embedded(&options, &site, &keys).await?),
        };
        let url = match (&options.nats, &broker) {
            (Some(url), _) => url.clone(),
            (None, Some(broker)) => broker.client_url(),
            (None, None) => return Err(StartError::Interrupted),
        };
        site.brokers = match &broker {
            Some(broker) => vec![broker.websocket_addr()],
            None => options.nats_ws.clone(),
        };
        let site = Arc::new(site);

        let stop = CancellationToken::new();
        let tasks = Tasks::until(stop.clone());
        let links = Links::connect(&url, &keys).await?;
        let space = broker.as_ref().map(EmbeddedBroker::space);
        let space = space.unwrap_or_default();
        let store = Box::pin(open_store(&options, &links, &space)).await?;
        let read_model = ReadModel::start(
            options.data.join("read-model.sqlite"),
            store.log.clone(),
            links.reconnects.clone(),
            &tasks,
        )
        .await?;
        let read_model = match options.without_barrier {
            true => read_model.without_barrier(),
            false => read_model,
        };
        let (limits, asked) = (Limits::default(), Asked::default());
        let cutter = Cutter::start(
            read_model.clone(),
            links.system.clone(),
            Passage {
                auth: keys.auth_account().to_owned(),
                callout_user: keys.user(ServiceUser::Callout)?.nkey()?,
                chat: keys.chat_account().to_owned(),
            },
            asked.clone(),
            limits.clone(),
            &tasks,
        );
        tasks.spawn("forgetting old limits", limits.clone().tidy());
        let rights_life = Duration::from_secs(options.rights_life);
        let chat_account = keys.chat_account().to_owned();
        let known_browsers = KnownBrowsers::new(keys.secret_for("known browsers")?);
        let connections = ConnectionLimit::start(
            links.system.clone(),
            chat_account.clone(),
            links.reconnects.clone(),
            &tasks,
        );
        let broker_clock = BrokerClock::default();
        let known = callout::Known {
            store: store.clone(),
            read_model: read_model.clone(),
            limits: limits.clone(),
            asked,
            connections: connections.clone(),
            rights_life,
            broker_clock: broker_clock.clone(),
        };
        callout::serve(links.auth.clone(), keys, known, &tasks).await?;
        let services = Services {
            store: store.clone(),
            read_model: read_model.clone(),
            chat: links.chat.clone(),
            cutter: cutter.clone(),
            limits: limits.clone(),
        };
        let flooders = CuttingOff {
            system: links.system.clone(),
            account: chat_account.clone(),
            connections: connections.clone(),
            lately: Lately::default(),
        };
        let cut_off: CutOff = Arc::new(move |uid| flooders.cut(uid));
        let watching = busiest::watch(
            links.system.clone(),
            chat_account.clone(),
            limits.clone(),
            Arc::clone(&cut_off),
        );
        tasks.spawn("looking for the busiest connections", watching);
        let served = services::router(services.clone())
            .serve(links.wires(limits.clone(), cut_off), stop.clone())
            .await?;
        tasks.spawn("answering commands", served.first_end());

        let cluster = Cluster::new(&site.brokers);
        let js = async_nats::jetstream::new(links.chat.clone());
        if cluster.has_several() {
            let holding = cluster.clone().hold_together(js, stop.clone());
            tasks.spawn("holding the cluster together", holding);
        }
        let ready = Ready::default();
        let tunnels = Tunnels::default();
        let is_first_run = !store.directory().is_founded().await?;
        let is_reached_from_elsewhere =
            !addr.ip().is_loopback() || options.behind_proxy || !site.is_on_loopback();
        let setup_token = match is_first_run && is_reached_from_elsewhere {
            true => Some(setup_token()?),
            false => None,
        };
        let watching = self_test::watch(
            ready.clone(),
            links.clone(),
            store.sessions.clone(),
            site.brokers.clone(),
            stop.clone(),
        );
        tasks.spawn("testing that people can connect", watching);
        let closing = sign_out::close_tunnels(
            store.sessions.clone(),
            tunnels.clone(),
            links.reconnects.clone(),
            stop.clone(),
        );
        tasks.spawn("closing connections of ended sessions", closing);
        let state = AppState {
            sign_out: SignOut::new(
                store.sessions.clone(),
                links.system.clone(),
                tunnels.clone(),
            ),
            store,
            read_model,
            passwords: Passwords::default(),
            known_browsers,
            pictures: Pictures::default(),
            services,
            limits,
            connections,
            tunnels: tunnels.clone(),
            cluster,
            ready: ready.clone(),
            tasks: tasks.clone(),
            space,
            broker_clock,
            chat: links.chat.clone(),
            site: Arc::clone(&site),
            signup: options.signup.clone(),
            oidc,
            behind_proxy: options.behind_proxy,
            rights_life,
            bodies: Bodies::default(),
            pages_of_one: PagesOfOne::default(),
            body_pace: options.body_pace,
            setup_token: setup_token.clone(),
            leptos,
        };
        // A task of its own begins with an empty stack: every route is built with a copy of the state.
        let app = tokio::spawn(async move { http::router(state) });
        let app = app.await.map_err(|_| StartError::Interrupted)?;
        let connections = Connections::new(bounds, options.behind_proxy);
        let http = tokio::spawn(http::serve(listener, app, connections, stop.clone()));
        let whereabouts = Whereabouts {
            url: site.url().to_owned(),
            nats: url,
            keys: std::path::absolute(keys_folder(&options)).unwrap_or_default(),
        };
        if let Err(error) = whereabouts.write(data.path()) {
            tracing::warn!(%error, "`natter creds` does not find this natter");
        }
        Ok(Self {
            addr,
            data,
            site,
            ready,
            is_first_run,
            setup_token,
            stop,
            tasks,
            tunnels,
            http,
            links,
            broker,
        })
    }

    /// What a person types into the browser.
    #[must_use]
    pub fn url(&self) -> &str {
        self.site.url()
    }

    /// The name of the cookie that a browser's session lives in.
    #[must_use]
    pub fn session_cookie(&self) -> String {
        self.site.cookie_name(http::SESSION_COOKIE)
    }

    /// Where it listens.
    #[must_use]
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// Had no account been made when it started?
    #[must_use]
    pub fn is_first_run(&self) -> bool {
        self.is_first_run
    }

    /// The token that the first account asks for, when natter is reached from elsewhere and has
    /// no account yet.
    #[must_use]
    pub fn setup_token(&self) -> Option<&str> {
        self.setup_token.as_deref()
    }

    /// The embedded nats-server.
    #[must_use]
    pub fn broker(&self) -> Option<&EmbeddedBroker> {
        self.broker.as_ref()
    }

    /// The tasks that run for as long as it does.
    #[must_use]
    pub fn tasks(&self) -> &Tasks {
        &self.tasks
    }

    /// Waits until people can connect, up to `deadline`. False: they cannot.
    pub async fn is_ready_within(&self, deadline: Duration) -> bool {
        let ready = async {
            while !self.ready.is_ready() {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        tokio::time::timeout(deadline, ready).await.is_ok()
    }

    /// Waits until the data folder was deleted or moved, and says which it was. Nothing that is written
    /// from then on is found again.
    pub async fn data_folder_gone(&self) -> PathBuf {
        self.data.gone().await;
        self.data.path().to_owned()
    }

    /// Stops: requests under way are finished, live connections closed, the broker ended.
    pub async fn stop(mut self) {
        Whereabouts::remove(self.data.path());
        self.ready.set(false);
        self.stop.cancel();
        self.tunnels.close_all();
        if tokio::time::timeout(LAST_REQUESTS, &mut self.http)
            .await
            .is_err()
        {
            self.http.abort();
        }
        self.links.reader.close();
        for client in [&self.links.chat, &self.links.auth, &self.links.system] {
            // What is left unsent is a reply to somebody who asks again.
            let _ = tokio::time::timeout(Duration::from_secs(1), client.drain()).await;
        }
        if let Some(broker) = &self.broker {
            broker.shutdown().await;
        }
    }
}

/// The given one, else the server's own.
fn keys_folder(options: &ServeOptions) -> PathBuf {
    let own = || options.data.join("keys");
    options.keys.clone().unwrap_or_else(own)
}

async fn keys(options: &ServeOptions) -> Result<Arc<BrokerKeys>, StartError> {
    let (folder, data) = (keys_folder(options), options.data.clone());
    let is_given = options.keys.is_some();
    let keys = tokio::task::spawn_blocking(move || match is_given {
        true => {
            let keys = BrokerKeys::load(&folder)?;
            BrokerKeys::warn_when_open(&folder)?;
            Ok(keys)
        }
        false => {
            let keys = BrokerKeys::of_embedded(&data)?;
            BrokerKeys::make_private(&folder)?;
            Ok::<_, KeysError>(keys)
        }
    })
    .await
    .map_err(|_| StartError::Interrupted)??;
    Ok(Arc::new(keys))
}

async fn embedded(
    options: &ServeOptions,
    site: &Site,
    keys: &BrokerKeys,
) -> Result<EmbeddedBroker, StartError> {
    let free_for_zero = |port: u16| (port != 0).then_some(port);
    let nats_server = locate(options.nats_server.as_deref()).await?;
    let options = EmbeddedOptions {
        data_dir: options.data.clone(),
        nats_server,
        nats_port: free_for_zero(options.nats_port),
        ws_port: free_for_zero(options.nats_ws_port),
        sync_interval: options.sync_interval,
        max_store: options.max_store,
        allowed_origins: site.origins(),
    };
    Ok(EmbeddedBroker::start(options, keys).await?)
}

/// Opens what natter keeps. A cluster that is just beginning, or that is choosing a leader, is waited
/// for.
async fn open_store(
    options: &ServeOptions,
    links: &Links,
    space: &Space,
) -> Result<Store, StartError> {
    let js = async_nats::jetstream::new(links.chat.clone());
    let servers = options.nats.iter().flat_map(|urls| urls.split(','));
    let replicas = match options.replicas {
        Some(replicas) => replicas.into(),
        None if servers.count() >= CLUSTER => CLUSTER,
        None => 1,
    };
    let end = Instant::now() + CLUSTER_BEGUN_WITHIN;
    loop {
        let opened = async {
            let store = Store::open(&js, space.clone(), replicas).await?;
            make_first_room(&store).await?;
            Ok(store)
        };
        match opened.await {
            Err(error) if options.nats.is_some() && Instant::now() < end => {
                let error: StartError = error;
                tracing::warn!(%error, "what natter keeps cannot be opened yet");
                tokio::time::sleep(Duration::from_millis(500)).await;
            }
            opened => return opened,
        }
    }
}

async fn make_first_room(store: &Store) -> Result<(), StartError> {
    let Ok(name) = RoomName::parse(FIRST_ROOM) else {
        return Err(StartError::Interrupted);
    };
    let made = store
        .directory()
        .make_room(
            &Username::natter(),
            RoomKind::Open,
            Some(&name),
            &Topic::default(),
            &[],
            None,
        )
        .await;
    match made {
        // Taken: it was made at an earlier start, or by another natter just now.
        Ok(_) | Err(DirectoryError::Taken) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

/// Whoever comes first is the administrator. Where people elsewhere can reach natter, by its own address
/// or through a proxy, the first account asks for a token that only whoever started natter sees.
fn setup_token() -> Result<Arc<str>, StartError> {
    let mut bytes = [0; 15];
    getrandom::fill(&mut bytes)?;
    Ok(BASE32_NOPAD.encode(&bytes).to_lowercase().into())
}

/// The page's files: where natter is told, else beside the executable, so that it runs from any
/// folder.
fn leptos_options(addr: SocketAddr, site: Option<PathBuf>) -> Result<LeptosOptions, StartError> {
    let beside = std::env::current_exe()
        .ok()
        .and_then(|exe| Some(exe.parent()?.to_owned()))
        .unwrap_or_default();
    let root = site.unwrap_or_else(|| beside.join("site"));
    if !root.join("pkg").is_dir() {
        return Err(StartError::NoSite(root));
    }
    let reload_port = std::env::var("LEPTOS_RELOAD_PORT")
        .ok()
        .and_then(|port| port.parse().ok())
        .unwrap_or(3001);
    Ok(LeptosOptions::builder()
        .output_name("natter")
        .site_root(root.to_string_lossy().into_owned())
        .site_pkg_dir("pkg")
        .site_addr(addr)
        .reload_port(reload_port)
        .hash_files(beside.join("hash.txt").is_file())
        .build())
}
