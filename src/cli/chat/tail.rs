//! `natter tail`.

use std::io::Write as _;
use std::time::Duration;

use futures::StreamExt as _;
use serde::Serialize;

use super::{Chat, ChatError, try_again};
use crate::cli::escape::{escaped, json};
use crate::cli::stop::told_to_stop;
use crate::client::logged_event;
use crate::domain::{
    Applied, LogEntry, Position, RoomId, RoomLog, Sequence, Timestamp, What, limits, time_text,
};
use crate::nats::{Event, EventStream, Subscription};
use crate::server::clock;
use crate::wire::{log_entry_of, v1};

/// How long one question is asked: long enough for a broker and a natter that restart.
const TRIES: Duration = Duration::from_secs(120);

/// Between two looks for what the live feed has missed, as in the page (design section 5).
const HEADS_EVERY: Duration = Duration::from_secs(30);

/// Print a room, and what comes.
#[derive(Debug, Clone, clap::Args)]
#[command(
    long_about = "Print the last messages of a room, oldest first, and with --follow those that come.\n\n\
        Each message is once there and in order, over lost connections and restarts. Times are UTC.",
    after_long_help = "Examples:\n  \
        natter tail --creds ada.creds --room general\n  \
        natter tail --room ops --since 1h --follow\n  \
        natter tail --room ops --follow --json | jq -r .text\n\n\
        Environment: NATTER_CREDS, NATTER_SERVERS.\n\
        Exit codes: 0 printed, 1 refused or failed, 2 wrong usage, 3 no answer in time, 4 nobody \
        answers, 5 not authorised."
)]
pub(in crate::cli) struct TailOptions {
    /// The room, by its name or its id.
    #[arg(long, short, value_name = "ROOM", env = "NATTER_ROOM")]
    room: String,

    /// Messages of so long ago and later: 90s, 15m, 1h, 2days.
    #[arg(long, value_name = "TIME", value_parser = crate::cli::duration::parse)]
    since: Option<Duration>,

    /// How many of the last messages, without --since.
    #[arg(
        long,
        short = 'n',
        default_value_t = 20,
        conflicts_with = "since",
        value_name = "N"
    )]
    lines: usize,

    /// Go on with what comes, until Ctrl-C.
    #[arg(long, short)]
    follow: bool,

    /// One JSON object a line.
    #[arg(long)]
    json: bool,

    #[command(flatten)]
    pub connection: crate::cli::connect::ConnectionArgs,
}

/// Prints it.
pub(in crate::cli) async fn run(chat: &Chat, options: &TailOptions) -> Result<(), ChatError> {
    let room = chat.room(&options.room, TRIES).await?;
    let printer = Printer { json: options.json };
    if !options.follow {
        let log = load(chat, &room, options).await?;
        return printer.print(wanted(&log, options));
    }
    Follower::begin(chat, room, printer, options).await
}

/// Loads the room's end, as far back as is wanted.
async fn load(chat: &Chat, room: &RoomId, options: &TailOptions) -> Result<RoomLog, ChatError> {
    let mut log = newest(chat, room).await?;
    let since = options.since.map(ago);
    while log.has_earlier() && wants_more(&log, since, options.lines) {
        load_earlier(chat, room, &mut log).await?;
    }
    Ok(log)
}

/// The room's newest page.
async fn newest(chat: &Chat, room: &RoomId) -> Result<RoomLog, ChatError> {
    let view = page(chat, room, Sequence(0)).await?;
    Ok(RoomLog::load(entries(&view.events)?, view.has_earlier))
}

/// Loads the page before what is here.
async fn load_earlier(chat: &Chat, room: &RoomId, log: &mut RoomLog) -> Result<(), ChatError> {
    let first = log.entries().first().ok_or(ChatError::Answer)?.sequence;
    let older = page(chat, room, first).await?;
    let older_entries = entries(&older.events)?;
    // A page that brings nothing would be asked for without end.
    let brings_more = older_entries.iter().any(|entry| entry.sequence < first);
    log.prepend(older_entries, older.has_earlier && brings_more);
    Ok(())
}

fn wants_more(log: &RoomLog, since: Option<Timestamp>, lines: usize) -> bool {
    match since {
        Some(since) => log.entries().first().is_some_and(|first| first.at >= since),
        None => log.entries().iter().filter(|e| is_message(e)).count() < lines,
    }
}

fn wanted<'a>(log: &'a RoomLog, options: &TailOptions) -> impl Iterator<Item = &'a LogEntry> {
    let messages: Vec<_> = log.entries().iter().filter(|e| is_message(e)).collect();
    let skipped = match options.since.map(ago) {
        Some(since) => messages.iter().take_while(|e| e.at < since).count(),
        None => messages.len().saturating_sub(options.lines),
    };
    messages.into_iter().skip(skipped)
}

fn is_message(entry: &LogEntry) -> bool {
    matches!(entry.what, What::Message { .. })
}

fn ago(since: Duration) -> Timestamp {
    let millis = i64::try_from(since.as_millis()).unwrap_or(i64::MAX);
    Timestamp(clock::now().0.saturating_sub(millis))
}

async fn page(chat: &Chat, room: &RoomId, before: Sequence) -> Result<v1::RoomView, ChatError> {
    let mut asked = v1::HistoryRequest {
        room: room.to_string(),
        before: before.0,
        limit: 0,
    };
    let answer: v1::HistoryResponse = loop {
        match chat.ask("history", &asked, TRIES).await {
            Err(error) if error.asked_too_much() && asked.limit != 1 => {
                asked.limit = limits::smaller_page(asked.limit);
            }
            answer => break answer?,
        }
    };
    answer.view.ok_or(ChatError::Answer)
}

fn entries(events: &[v1::LoggedEvent]) -> Result<Vec<LogEntry>, ChatError> {
    let entries = events.iter().map(log_entry_of).collect::<Result<_, _>>();
    entries.map_err(|_| ChatError::Answer)
}

/// Prints what comes, each message once and in order: the page's own rules (`RoomLog`).
struct Follower<'a> {
    chat: &'a Chat,
    room: RoomId,
    log: RoomLog,
    printer: Printer,
}

impl<'a> Follower<'a> {
    async fn begin(
        chat: &'a Chat,
        room: RoomId,
        printer: Printer,
        options: &TailOptions,
    ) -> Result<(), ChatError> {
        // Subscribed first, so that nothing falls between what is fetched and what is heard.
        let events = chat.client.events();
        let subject = chat.feed_of(&room, TRIES).await?;
        let feed = chat.client.subscribe(&subject).await;
        let feed = feed.map_err(|error| ChatError::Feed(Some(error)))?;
        let _ = chat.client.flush().await;
        let log = load(chat, &room, options).await?;
        printer.print(wanted(&log, options))?;
        let follower = Self {
            chat,
            room,
            log,
            printer,
        };
        let stop = told_to_stop()?;
        tokio::select! {
            () = stop => Ok(()),
            ended = follower.follow(feed, events) => ended,
        }
    }

    async fn follow(
        mut self,
        mut feed: Subscription,
        mut events: EventStream,
    ) -> Result<(), ChatError> {
        let mut heads = tokio::time::interval(HEADS_EVERY);
        heads.tick().await;
        loop {
            let came = tokio::select! {
                message = feed.next() => match message {
                    Some(message) => self.hear(&message).await,
                    None => return Err(ChatError::Feed(feed.error())),
                },
                event = events.next() => match event {
                    Some(Event::Connected(_) | Event::SlowConsumer { .. } | Event::Lagged) => {
                        let _ = self.chat.client.flush().await;
                        self.catch_up().await
                    }
                    Some(_) => Ok(()),
                    None => return Ok(()),
                },
                _ = heads.tick() => self.catch_up().await,
            };
            match came {
                // However long natter is away: the next connection or the next look asks again.
                Err(ChatError::Ask(error)) if try_again(&error).is_some() => {}
                came => came?,
            }
        }
    }

    async fn hear(&mut self, message: &crate::nats::Message) -> Result<(), ChatError> {
        let logged = logged_event(message);
        let Some(entry) = logged.and_then(|logged| log_entry_of(&logged).ok()) else {
            return Ok(());
        };
        match self.log.apply(entry) {
            Applied::Added => {
                self.printer.print(self.log.entries().last().into_iter())?;
                self.trim();
                Ok(())
            }
            Applied::Known => Ok(()),
            Applied::Gap => self.catch_up().await,
            Applied::Reset => self.reset().await.map(drop),
        }
    }

    /// Fetches what happened since the last entry here, part by part.
    async fn catch_up(&mut self) -> Result<(), ChatError> {
        while self.fetch_part().await? {}
        Ok(())
    }

    /// Fetches a part of it. True: there is more.
    async fn fetch_part(&mut self) -> Result<bool, ChatError> {
        let Position { sequence, key } = self.log.position().clone();
        let position = v1::Position {
            room_id: self.room.to_string(),
            sequence: sequence.0,
            key: key.as_ref().map(Into::into),
        };
        let asked = v1::SyncRequest {
            positions: vec![position],
        };
        let answer: v1::SyncResponse = match self.chat.ask("sync", &asked, TRIES).await {
            Err(error) if error.asked_too_much() => return self.reset().await,
            answer => answer?,
        };
        let part = answer.rooms.into_iter().next().ok_or(ChatError::Answer)?;
        if part.gone {
            return Err(ChatError::Gone);
        }
        if part.reset {
            return self.reset().await;
        }
        let before = self.log.entries().len();
        self.log.catch_up(entries(&part.events)?);
        self.printer.print(self.log.entries()[before..].iter())?;
        self.trim();
        match self.log.position().sequence > sequence {
            true => Ok(part.more),
            false if part.more => Err(ChatError::Answer),
            false => Ok(false),
        }
    }

    /// Loads the room's end anew, back to what was printed, because more happened than `sync` answers
    /// or the log is another one. There is no further part then.
    async fn reset(&mut self) -> Result<bool, ChatError> {
        let mut fresh = newest(self.chat, &self.room).await?;
        while !self.log.is_reached_by(fresh.entries()) && fresh.has_earlier() {
            load_earlier(self.chat, &self.room, &mut fresh).await?;
        }
        let is_other = !fresh.entries().iter().any(|e| self.log.holds(&e.key));
        if is_other && !self.log.entries().is_empty() {
            eprintln!(
                "natter: what was printed last is no longer in the room, as after a restored backup."
            );
        }
        // Sequences of two logs do not compare: of another one, all that is here counts as new.
        let is_new = |entry: &&LogEntry| match is_other {
            true => !self.log.holds(&entry.key),
            false => !self.log.is_past(entry),
        };
        self.printer.print(fresh.entries().iter().filter(is_new))?;
        self.log = fresh;
        self.trim();
        Ok(false)
    }

    /// Lets go of what was printed long ago, so that a terminal that follows for months stays small.
    fn trim(&mut self) {
        if self.log.entries().len() > 2 * limits::LOG_KEPT {
            self.log.keep_newest(limits::LOG_KEPT);
        }
    }
}

/// How a message is printed.
#[derive(Clone, Copy)]
struct Printer {
    json: bool,
}

/// A message as `--json` prints it.
#[derive(Serialize)]
struct Line<'a> {
    sequence: u64,
    at: String,
    author: &'a str,
    ulid: String,
    text: &'a str,
}

impl Printer {
    fn print<'a>(self, entries: impl Iterator<Item = &'a LogEntry>) -> Result<(), ChatError> {
        let mut terminal = std::io::stdout().lock();
        for entry in entries {
            let What::Message { text } = &entry.what else {
                continue;
            };
            let author = entry.key.author.as_str();
            if self.json {
                let line = Line {
                    sequence: entry.sequence.0,
                    at: time_text::rfc3339(entry.at),
                    author,
                    ulid: entry.key.ulid.to_string(),
                    text,
                };
                let line = json(&line).map_err(std::io::Error::from)?;
                writeln!(terminal, "{line}")?;
            } else {
                let at = time_text::to_the_minute(entry.at);
                // Further lines stand below the first, so that nobody can speak for another.
                let mut lines = text.lines().map(escaped);
                let first = lines.next().unwrap_or_default();
                writeln!(terminal, "{at}  {author}: {first}")?;
                for line in lines {
                    writeln!(terminal, "                    {line}")?;
                }
            }
        }
        Ok(terminal.flush()?)
    }
}
