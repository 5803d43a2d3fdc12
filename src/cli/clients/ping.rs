//! `natter ping`.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use futures::StreamExt as _;
use prost::Message as _;
use tokio::sync::mpsc;

use super::listen;
use super::statistics::Statistics;
use crate::cli::connect::{ConnectionArgs, random};
use crate::cli::duration;
use crate::cli::escape::escaped;
use crate::cli::failed::Failed;
use crate::cli::stop::told_to_stop;
use crate::cli::terminal::line;
use crate::client::failure_of;
use crate::nats::Client;
use crate::wire::pingpong::PingRequest;

/// Play ping-pong with somebody, and time it.
#[derive(Debug, Clone, clap::Args)]
#[command(
    long_about = "Send pings to somebody who runs `natter pong`, and print how long each answer took.\n\n\
        A ping goes to natter, which passes it on; the answer comes back the same way. Ctrl-C, or \
        --count, ends it with the statistics of all.",
    after_long_help = "Examples:\n  \
        natter ping --destination ben --creds ada.creds\n  \
        natter ping --destination ben --count 5 --interval 200ms\n\n\
        Environment: NATTER_CREDS, NATTER_SERVERS.\n\
        Exit codes: 0 answered at least once, 1 failed or refused, 2 wrong usage, 3 no answer came \
        in time, 4 no natter answers, 5 not authorised."
)]
pub(in crate::cli) struct PingOptions {
    /// Whom to ping: a username.
    #[arg(long, value_name = "USERNAME")]
    destination: String,

    /// Who pings. Without it, whom the credentials were made for.
    #[arg(long, value_name = "USERNAME")]
    origin: Option<String>,

    /// What the pings say.
    #[arg(short, long, default_value = "ping", value_name = "DATA")]
    data: String,

    /// End after so many.
    #[arg(long, short, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    count: Option<u64>,

    /// Between two pings.
    #[arg(long, short, default_value = "1s", value_parser = duration::parse, value_name = "TIME")]
    interval: Duration,

    /// How long to wait for each answer.
    #[arg(long, default_value = "2s", value_parser = duration::parse, value_name = "TIME")]
    timeout: Duration,

    #[command(flatten)]
    connection: ConnectionArgs,
}

/// Plays.
pub(in crate::cli) async fn run(options: PingOptions) -> Result<(), Failed> {
    let stop = told_to_stop()?;
    tokio::pin!(stop);
    let connection = options.connection.connect(false).await?;
    let origin = (options.origin.clone().or(connection.name)).ok_or(Failed::Missing(
        "who pings? Name yourself with --origin, or show credentials with --creds",
    ))?;
    let client = connection.client;
    let subject = format!("{origin}.ping");
    let mut answers = listen(&client, &subject, None).await?;

    let (refuse, mut refused) = mpsc::channel(1);
    let mut game = Game {
        client,
        subject,
        origin,
        id: random()?.chars().take(8).collect(),
        options,
        refuse,
        under_way: HashMap::new(),
        statistics: Statistics::default(),
    };
    let destination = escaped(&game.options.destination);
    line(format_args!("Pinging {destination} as {}", game.origin))?;
    let mut tick = tokio::time::interval(game.options.interval.max(Duration::from_millis(1)));
    tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let outcome = loop {
        if game.is_over() {
            break Ok(());
        }
        tokio::select! {
            () = &mut stop => break Ok(()),
            failed = refused.recv() => break failed.map_or(Ok(()), Err),
            _ = tick.tick(), if game.serves() => game.serve(),
            lost = game.next_loss() => lost?,
            answer = answers.next() => match answer {
                Some(answer) => game.hear(&answer.payload)?,
                None => break Ok(()),
            },
        }
    };
    line(format_args!("--- {destination} ping statistics ---"))?;
    line(format_args!("{}", game.statistics.text()))?;
    game.client.close();
    outcome?;
    if game.statistics.received() == 0 && game.statistics.sent > 0 {
        return Err(Failed::TimedOut(format!(
            "{}.ping",
            game.options.destination
        )));
    }
    Ok(())
}

/// A ping without an answer yet.
struct Ball {
    number: u64,
    sent: Instant,
}

struct Game {
    client: Client,
    subject: String,
    origin: String,
    /// Tells this game's pings from any other's.
    id: String,
    options: PingOptions,
    refuse: mpsc::Sender<Failed>,
    /// By what they say.
    under_way: HashMap<String, Ball>,
    statistics: Statistics,
}

impl Game {
    fn serves(&self) -> bool {
        self.options
            .count
            .is_none_or(|count| self.statistics.sent < count)
    }

    fn is_over(&self) -> bool {
        !self.serves() && self.under_way.is_empty()
    }

    fn serve(&mut self) {
        self.statistics.sent += 1;
        let number = self.statistics.sent;
        let message = format!("{} seq={number} id={}", self.options.data, self.id);
        let ping = PingRequest {
            destination: self.options.destination.clone(),
            origin: self.origin.clone(),
            message: message.clone(),
            answer: false,
        };
        let sent = Instant::now();
        self.under_way.insert(message, Ball { number, sent });
        let (client, subject) = (self.client.clone(), self.subject.clone());
        let (refuse, timeout) = (self.refuse.clone(), self.options.timeout);
        tokio::spawn(async move {
            if let Err(why) = pass(&client, &subject, &ping, timeout).await {
                let _ = refuse.send(why).await;
            }
        });
    }

    fn hear(&mut self, payload: &[u8]) -> Result<(), Failed> {
        let Ok(ping) = PingRequest::decode(payload) else {
            return Ok(());
        };
        if ping.origin != self.options.destination {
            return Ok(());
        }
        if let Some(ball) = self.under_way.remove(&ping.message) {
            let round_trip = ball.sent.elapsed();
            self.statistics.answered(round_trip);
            let ms = round_trip.as_secs_f64() * 1e3;
            let who = escaped(&ping.origin);
            line(format_args!(
                "pong from {who}: seq={} time={ms:.3} ms",
                ball.number
            ))?;
        }
        Ok(())
    }

    /// Waits for the next ping that is not answered in time, and gives it up. For ever, if none
    /// is under way.
    async fn next_loss(&mut self) -> Result<(), Failed> {
        let oldest = self.under_way.iter().min_by_key(|(_, ball)| ball.sent);
        let Some((message, ball)) = oldest.map(|(message, ball)| (message.clone(), ball)) else {
            return std::future::pending().await;
        };
        let lost_at = ball.sent + self.options.timeout;
        let number = ball.number;
        tokio::time::sleep_until(lost_at.into()).await;
        self.under_way.remove(&message);
        Ok(line(format_args!("no answer to seq={number} in time"))?)
    }
}

/// Gives a ping to natter to pass on. What may pass, a natter that restarts, is no error: the ping
/// is lost.
pub(super) async fn pass(
    client: &Client,
    subject: &str,
    ping: &PingRequest,
    timeout: Duration,
) -> Result<(), Failed> {
    use crate::nats::RequestError;

    let payload = ping.encode_to_vec().into();
    match client.request(subject, payload, timeout).await {
        Ok(reply) => match failure_of(&reply) {
            Some(failure) => Err(Failed::Service(failure)),
            None => Ok(()),
        },
        Err(RequestError::Timeout | RequestError::Disconnected) => Ok(()),
        Err(why) => Err(Failed::of_request(subject, why)),
    }
}
