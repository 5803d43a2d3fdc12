//! `natter say`.

use std::io::IsTerminal as _;
use std::time::Duration;

use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, BufReader};

use super::pieces::pieces;
use super::{Chat, ChatError};
use crate::cli::terminal::note;
use crate::client::AskError;
use crate::domain::{RoomId, Ulid};
use crate::server::clock;
use crate::wire::v1::{FailureKind, PostRequest, PostResponse};

/// How long one message is tried: long enough for a broker and a natter that restart.
const TRIES: Duration = Duration::from_secs(120);

/// Post to a room, as the holder of the credentials.
#[derive(Debug, Clone, clap::Args)]
#[command(
    long_about = "Post to a room, as the holder of the credentials.\n\n\
        Without MESSAGE, or with -, the message is read from standard input, so that a pipe can \
        talk. What is longer than a message may be becomes several, cut between lines. A broken \
        connection is waited out, for two minutes a message, and nothing is posted twice.",
    after_long_help = "Examples:\n  \
        natter say --creds ada.creds --room general 'Lunch?'\n  \
        make 2>&1 | natter say --room builds --code\n  \
        journalctl -f -u web | natter say --room ops --lines\n\n\
        Environment: NATTER_CREDS, NATTER_SERVERS.\n\
        Exit codes: 0 posted, 1 refused or failed, 2 wrong usage, 3 no answer in time, 4 nobody \
        answers, 5 not authorised."
)]
pub(in crate::cli) struct SayOptions {
    /// What to say; - or nothing reads standard input.
    message: Option<String>,

    /// The room, by its name or its id.
    #[arg(long, short, value_name = "ROOM", env = "NATTER_ROOM")]
    room: String,

    /// Post it as a block of code.
    #[arg(long)]
    code: bool,

    /// Post each line of standard input as it comes.
    #[arg(long, conflicts_with = "code")]
    lines: bool,

    #[command(flatten)]
    pub connection: crate::cli::connect::ConnectionArgs,
}

/// Says it.
pub(in crate::cli) async fn run(chat: &Chat, options: &SayOptions) -> Result<(), ChatError> {
    let given = options.message.as_deref().filter(|message| *message != "-");
    if options.lines {
        if given.is_some() {
            return Err(ChatError::LinesOfMessage);
        }
        return say_lines(chat, &options.room).await;
    }
    let text = match given {
        Some(message) => message.to_owned(),
        None => read_all().await?,
    };
    let pieces = pieces(&text, options.code);
    if pieces.is_empty() {
        return Err(ChatError::Empty);
    }
    let room = chat.room(&options.room, TRIES).await?;
    let all = pieces.len();
    for (said, piece) in pieces.into_iter().enumerate() {
        match post(chat, &room, piece).await {
            Err(ChatError::Ask(why)) if said > 0 => {
                return Err(ChatError::Partly { said, all, why });
            }
            posted => posted?,
        }
    }
    Ok(())
}

async fn say_lines(chat: &Chat, room: &str) -> Result<(), ChatError> {
    let room = chat.room(room, TRIES).await?;
    let mut input = BufReader::new(tokio::io::stdin());
    let mut line = Vec::new();
    loop {
        line.clear();
        if input.read_until(b'\n', &mut line).await? == 0 {
            return Ok(());
        }
        for piece in pieces(&String::from_utf8_lossy(&line), false) {
            post(chat, &room, piece).await?;
        }
    }
}

async fn read_all() -> Result<String, ChatError> {
    if std::io::stdin().is_terminal() {
        note(format_args!(
            "Type the message; Ctrl-D on a line of its own posts it."
        ));
    }
    let mut text = Vec::new();
    tokio::io::stdin().read_to_end(&mut text).await?;
    Ok(String::from_utf8_lossy(&text).into_owned())
}

/// Posts once, however often it has to be sent.
async fn post(chat: &Chat, room: &RoomId, text: String) -> Result<(), ChatError> {
    let mut request = PostRequest {
        room_id: room.to_string(),
        ulid: fresh_ulid()?,
        text,
    };
    loop {
        let answer = chat.ask::<_, PostResponse>("post", &request, TRIES).await;
        match answer {
            Err(AskError::Refused(failure)) if failure.kind() == FailureKind::Conflict => {
                request.ulid = fresh_ulid()?;
            }
            answer => return Ok(answer.map(drop)?),
        }
    }
}

fn fresh_ulid() -> Result<String, ChatError> {
    let mut random = [0; 10];
    getrandom::fill(&mut random)?;
    let now = u64::try_from(clock::now().0).unwrap_or_default();
    Ok(Ulid::new(now, random).to_string())
}
