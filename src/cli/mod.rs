//! The command line: what each subcommand is told and does.
//!
//! | file | what |
//! |---|---|
//! | `serve`, `creds`, `nats_config`, `verify` | `natter serve`, and what its administrator does beside it |
//! | `clients` | pub, sub, request, ping, pong: on any NATS |
//! | `chat` | say, tail: a room, as the holder of credentials |
//! | `connect`, `creds_file` | how the terminal's commands connect |
//! | `failed` | why a command failed: words and exit codes |
//! | `duration`, `escape` | times as they are typed; what strangers wrote, fit for a terminal |
//! | `terminal`, `stop` | standard output, Ctrl-C |
//! | `log` | what `natter serve` logs |

mod chat;
mod clients;
mod connect;
mod creds;
mod creds_file;
mod duration;
mod escape;
mod failed;
mod log;
mod nats_config;
mod serve;
mod stop;
mod terminal;
mod verify;

use std::process::ExitCode;
use std::time::Duration;

use clap::builder::Resettable;
use clap::{CommandFactory as _, FromArgMatches as _, Parser, Subcommand};

use crate::domain::Username;
use crate::server::config::ServeOptions;
use chat::{Chat, ChatError};
use connect::ConnectionArgs;
use failed::Failed;
use stop::told_to_stop;
use terminal::complain;

/// How long a command that is told to stop may take for what is under way.
const LAST_ANSWERS: Duration = Duration::from_millis(700);

/// Self-hosted team chat for people who run NATS.
#[derive(Debug, Parser)]
#[command(
    name = "natter",
    version,
    about,
    args_conflicts_with_subcommands = true
)]
pub struct Cli {
    #[command(subcommand)]
    command: Option<Command>,

    #[command(flatten)]
    serve: ServeOptions,
}

/// What natter can do.
#[derive(Debug, Subcommand)]
enum Command {
    /// Serve Natter: the page, the commands, and (unless --nats names one) the broker. The default.
    Serve(Box<ServeOptions>),
    Creds(creds::CredsOptions),
    NatsConfig(nats_config::NatsConfigOptions),
    Verify(verify::VerifyOptions),
    Say(chat::SayOptions),
    Tail(chat::TailOptions),
    Pub(clients::PubOptions),
    Sub(clients::SubOptions),
    Request(clients::RequestOptions),
    Ping(clients::PingOptions),
    Pong(clients::PongOptions),
    /// Print what completes natter's commands in a shell, e.g. `natter completions bash`.
    Completions {
        /// For which shell.
        shell: clap_complete::Shell,
    },
}

impl Cli {
    /// What this process was told by its arguments and its environment, in which an empty variable counts
    /// as unset. Ends the process when it was told something wrong, or asked for help.
    #[must_use]
    pub fn told() -> Self {
        let mut command = without_empty_variables(Self::command());
        let mut told = command.get_matches_mut();
        Self::from_arg_matches_mut(&mut told)
            .map_err(|error| error.format(&mut command))
            .unwrap_or_else(|error| error.exit())
    }

    /// Does it, and gives the exit code.
    #[must_use]
    pub fn run(self) -> ExitCode {
        match self.command {
            None => serve::run(self.serve),
            Some(Command::Serve(options)) => serve::run(*options),
            Some(Command::Creds(options)) => finished(creds::run(options), |error| {
                complain(format_args!("natter: {error}"));
                ExitCode::FAILURE
            }),
            Some(Command::NatsConfig(options)) => match nats_config::run(options) {
                Ok(()) => ExitCode::SUCCESS,
                Err(error) => {
                    complain(format_args!("natter: {error}"));
                    ExitCode::FAILURE
                }
            },
            Some(Command::Verify(options)) => finished(verify::run(options), verify::failed),
            Some(Command::Say(options)) => terminal(async move {
                let chat = connect(&options.connection).await?;
                Ok(chat::say(&chat, &options).await?)
            }),
            Some(Command::Tail(options)) => terminal(until_stopped(async move {
                let chat = connect(&options.connection).await?;
                Ok(chat::tail(&chat, &options).await?)
            })),
            Some(Command::Pub(options)) => terminal(clients::publish(options)),
            Some(Command::Sub(options)) => terminal(until_stopped(clients::subscribe(options))),
            Some(Command::Request(options)) => terminal(clients::request(options)),
            Some(Command::Ping(options)) => terminal(until_stopped(clients::ping(options))),
            Some(Command::Pong(options)) => terminal(until_stopped(clients::pong(options))),
            Some(Command::Completions { shell }) => {
                let mut out = std::io::stdout();
                clap_complete::generate(shell, &mut Self::command(), "natter", &mut out);
                ExitCode::SUCCESS
            }
        }
    }
}

fn without_empty_variables(command: clap::Command) -> clap::Command {
    let is_empty = |arg: &clap::Arg| {
        let value = arg.get_env().and_then(std::env::var_os);
        value.is_some_and(|value| value.is_empty())
    };
    command
        .mut_args(|arg| match is_empty(&arg) {
            true => arg.env(Resettable::Reset),
            false => arg,
        })
        .mut_subcommands(without_empty_variables)
}

/// Connects as whom the credentials were made for.
async fn connect(connection: &ConnectionArgs) -> Result<Chat, Failed> {
    let connection = connection.connect(false).await?;
    let name = connection.name.ok_or(Failed::Missing(
        "who are you? Show credentials with --creds; `natter creds` makes them",
    ))?;
    Ok(Chat {
        client: connection.client,
        me: Username::parse(&name).map_err(ChatError::from)?,
    })
}

/// Runs a command that ends when it is told to stop: at the latest a moment later, whatever the server
/// does.
async fn until_stopped(command: impl Future<Output = Result<(), Failed>>) -> Result<(), Failed> {
    let told = told_to_stop()?;
    let given_up = async {
        told.await;
        tokio::time::sleep(LAST_ANSWERS).await;
    };
    tokio::select! {
        biased;
        done = command => done,
        () = given_up => Ok(()),
    }
}

fn terminal(command: impl Future<Output = Result<(), Failed>>) -> ExitCode {
    finished(command, |error| {
        // Whoever read the output has seen enough, as `head` does.
        if error.is_nobody_reads() {
            return ExitCode::SUCCESS;
        }
        complain(format_args!("natter: {error}"));
        error.exit_code()
    })
}

/// Runs a command to its end.
fn finished<E>(
    command: impl Future<Output = Result<(), E>>,
    exit_code: impl FnOnce(&E) -> ExitCode,
) -> ExitCode {
    let outcome = match tokio::runtime::Runtime::new() {
        Ok(runtime) => {
            let outcome = runtime.block_on(command);
            // A read of standard input that goes on keeps nobody waiting.
            runtime.shutdown_background();
            outcome
        }
        Err(error) => {
            complain(format_args!("natter: {error}"));
            return ExitCode::FAILURE;
        }
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => exit_code(&error),
    }
}
