//! `make chaos`: the campaign of faults. It ends with a line like that of any other test, and with
//! exit code 1 when something was lost, doubled or out of order.
//!
//! ```text
//! cargo test --features ssr --test chaos -- --seconds 1800 --seed 7 --clients 12 --pages 3
//! ```
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test that fails may panic"
)]

mod campaign;
// Shared with the other tests, which use more of them.
#[allow(dead_code, unused_imports)]
mod fault_proxy;
#[allow(dead_code)]
mod headless;
#[allow(dead_code)]
mod support;

use std::time::Duration;

use campaign::{Course, Plan, Report};
use clap::Parser;
use natter::client::Rules;

/// The campaign of faults.
#[derive(Debug, Parser)]
struct Options {
    /// How long a run goes on before everything is put right again.
    #[arg(long, default_value_t = 90)]
    seconds: u64,

    /// Of a run, its choices.
    #[arg(long, default_value_t = 1)]
    seed: u64,

    /// People without a page.
    #[arg(long, default_value_t = 6)]
    clients: usize,

    /// People with a page, in Chromium. Without it: one, where `CHROMIUM` names it.
    #[arg(long)]
    pages: Option<usize>,

    /// Two natters at a cluster of three nats-servers, instead of one with its own.
    #[arg(long)]
    cluster: bool,

    /// Between two messages of all together, in milliseconds. A page in debug shows some ten a second.
    #[arg(long, default_value_t = 30)]
    pace: u64,

    /// What happens. One of each is lost only at a cluster.
    #[arg(long, value_enum, default_value = "everything")]
    course: Course,

    /// Only the run by the rules, without those in which one is taken away.
    #[arg(long)]
    only: bool,

    /// What cargo hands to every test.
    #[arg(hide = true)]
    filters: Vec<String>,
}

#[tokio::main]
async fn main() {
    let options = Options::parse();
    if !options.filters.is_empty() {
        // Somebody runs other tests by their names.
        return;
    }
    assert!(
        options.cluster || options.course != Course::OneLost,
        "--course one-lost needs --cluster"
    );
    let plan = Plan {
        seed: options.seed,
        lasts: Duration::from_secs(options.seconds),
        clients: options.clients,
        pages: options.pages.unwrap_or_else(|| {
            let has_chromium = std::env::var_os("CHROMIUM").is_some();
            usize::from(has_chromium)
        }),
        pace: Duration::from_millis(options.pace),
        rules: Rules::default(),
        course: options.course,
        cluster: options.cluster,
    };
    let mut tally = Tally::default();
    tally.count("by the rules", &run(&plan).await, true);
    if !options.only {
        let cluster = Plan {
            lasts: Duration::from_secs(options.seconds.min(30)),
            pages: 0,
            cluster: true,
            course: Course::Everything,
            ..plan.clone()
        };
        tally.count("at a cluster", &run(&cluster).await, true);
        let lost = Plan {
            course: Course::OneLost,
            ..cluster
        };
        tally.count("at a cluster that loses one", &run(&lost).await, true);
        for (name, rules) in without() {
            let plan = Plan {
                lasts: Duration::from_secs(12),
                pages: 0,
                rules,
                course: match rules.keys {
                    true => Course::LostAnswers,
                    false => Course::PutBack,
                },
                ..plan.clone()
            };
            tally.count(name, &run(&plan).await, false);
        }
    }
    std::process::exit(tally.end());
}

/// Runs in which something must go wrong: else the campaign would show nothing.
fn without() -> [(&'static str, Rules); 3] {
    let all = Rules::default();
    [
        ("that does not fetch at a gap", Rules { gaps: false, ..all }),
        (
            "that sends again under another key",
            Rules {
                same_key: false,
                ..all
            },
        ),
        (
            "that takes another log for its own",
            Rules { keys: false, ..all },
        ),
    ]
}

async fn run(plan: &Plan) -> Report {
    println!(
        "\nseed {}, {} s, {} clients, {} pages",
        plan.seed,
        plan.lasts.as_secs(),
        plan.clients,
        plan.pages
    );
    campaign::run(plan).await
}

#[derive(Default)]
struct Tally {
    passed: usize,
    failed: usize,
}

impl Tally {
    /// Counts a run that must be good, or must not.
    fn count(&mut self, name: &str, report: &Report, must_be_good: bool) {
        let is_good = report.failures.is_empty();
        let verdict = if is_good == must_be_good {
            self.passed += 1;
            "ok"
        } else {
            self.failed += 1;
            "FAILED"
        };
        println!("{report}test chaos, a client {name} ... {verdict}");
    }

    fn end(self) -> i32 {
        let Self { passed, failed } = self;
        let word = if failed == 0 { "ok" } else { "FAILED" };
        println!(
            "\ntest result: {word}. {passed} passed; {failed} failed; 0 ignored; 0 measured; 0 filtered out"
        );
        i32::from(failed > 0)
    }
}
