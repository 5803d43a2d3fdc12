//! What a run was like.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

/// One tells as much as a hundred.
const FAILURES_SHOWN: usize = 8;

/// What happened, and what was wrong in the end.
#[derive(Debug, Default)]
pub struct Report {
    /// What must not be, one line each. Empty: the run is good.
    pub failures: Vec<String>,
    pub messages: usize,
    pub views: usize,
    pub entries_compared: usize,
    /// Entries of a key that was there already, which everybody passes over.
    pub repeated: usize,
    /// What else is worth saying of it.
    pub lines: Vec<String>,
    faults: BTreeMap<&'static str, usize>,
    recoveries: BTreeMap<&'static str, Vec<Duration>>,
}

impl Report {
    pub fn fail(&mut self, why: String) {
        self.failures.push(why);
    }

    pub fn count_fault(&mut self, name: &'static str) {
        *self.faults.entry(name).or_default() += 1;
    }

    pub fn recovered(&mut self, from: &'static str, within: Duration) {
        self.recoveries.entry(from).or_default().push(within);
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let faults: usize = self.faults.values().sum();
        writeln!(
            f,
            "{} messages, {faults} faults, {} views of {} entries in all, {} written twice and shown once",
            self.messages, self.views, self.entries_compared, self.repeated
        )?;
        writeln!(
            f,
            "{:<18} {:>6} {:>9} {:>9}",
            "fault", "times", "p50", "p99"
        )?;
        for (name, count) in &self.faults {
            let mut times = self.recoveries.get(name).cloned().unwrap_or_default();
            times.sort_unstable();
            let at = |percent: usize| {
                let index = (times.len() * percent).div_ceil(100).max(1) - 1;
                let time = times.get(index);
                time.map_or("–".into(), |time| format!("{:.2} s", time.as_secs_f64()))
            };
            writeln!(f, "{name:<18} {count:>6} {:>9} {:>9}", at(50), at(99))?;
        }
        writeln!(
            f,
            "from the end of the fault until everybody sees what everybody said then, and all before"
        )?;
        for line in &self.lines {
            writeln!(f, "{line}")?;
        }
        for failure in self.failures.iter().take(FAILURES_SHOWN) {
            writeln!(f, "WRONG: {failure}")?;
        }
        if let Some(more) = self.failures.len().checked_sub(FAILURES_SHOWN + 1) {
            writeln!(f, "WRONG: and {} more", more + 1)?;
        }
        Ok(())
    }
}
