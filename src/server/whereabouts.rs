//! Where the server of a data folder runs: written there as it starts, so that the
//! administrator's commands find its broker and its keys.

use std::fs;
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

/// The file in the data folder.
const FILE: &str = "running.json";

/// How its name begins before all of it is written.
const DRAFT: &str = ".running.json-";

/// Where a server runs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Whereabouts {
    /// What people type into the browser.
    pub url: String,
    /// Its NATS, for clients: `nats://…`, several with commas between them.
    pub nats: String,
    /// The folder of its keys.
    pub keys: PathBuf,
}

/// Why it is not known where the server runs.
#[derive(Debug, thiserror::Error)]
pub enum WhereaboutsError {
    /// There is no such file.
    #[error(
        "no natter runs with the data folder {0:?}. Start it (natter serve --data {0:?}), or name \
         the folder of the one that runs with --data"
    )]
    NotRunning(PathBuf),
    /// The file cannot be read or written.
    #[error("{file:?} cannot be used: {source}")]
    Io {
        /// Which.
        file: PathBuf,
        /// Why not.
        source: std::io::Error,
    },
}

impl Whereabouts {
    /// Reads them from a data folder. Blocks on file I/O.
    ///
    /// # Errors
    /// There are none, or they cannot be read.
    pub fn read(data: &Path) -> Result<Self, WhereaboutsError> {
        let file = data.join(FILE);
        let text = match fs::read(&file) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                return Err(WhereaboutsError::NotRunning(data.to_owned()));
            }
            Err(source) => return Err(WhereaboutsError::Io { file, source }),
        };
        serde_json::from_slice(&text).map_err(|error| WhereaboutsError::Io {
            file,
            source: error.into(),
        })
    }

    /// Writes them into a data folder, whole or not at all. Blocks on file I/O.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn write(&self, data: &Path) -> Result<(), WhereaboutsError> {
        let file = data.join(FILE);
        let draft = data.join(format!("{DRAFT}{}", std::process::id()));
        let write = || {
            let mut options = fs::OpenOptions::new();
            options.write(true).create(true).truncate(true).mode(0o600);
            let text = serde_json::to_vec_pretty(self)?;
            options.open(&draft)?.write_all(&text)?;
            fs::rename(&draft, &file)
        };
        let written = write();
        if written.is_err() {
            let _ = fs::remove_file(&draft);
        }
        written.map_err(|source| WhereaboutsError::Io { file, source })
    }

    /// Removes what servers that were killed have left. Call it when no other server starts here.
    pub fn remove_drafts(data: &Path) {
        let Ok(files) = fs::read_dir(data) else {
            return;
        };
        for file in files.filter_map(Result::ok) {
            if file.file_name().to_string_lossy().starts_with(DRAFT) {
                let _ = fs::remove_file(file.path());
            }
        }
    }

    /// Takes them away, as the server stops.
    pub fn remove(data: &Path) {
        // What stays behind names a broker that does not answer: that is told then.
        let _ = fs::remove_file(data.join(FILE));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_is_found_while_it_runs() {
        let folder = tempfile::tempdir().unwrap();
        let data = folder.path();
        let error = Whereabouts::read(data).unwrap_err();
        assert!(matches!(error, WhereaboutsError::NotRunning(_)), "{error}");

        let here = Whereabouts {
            url: "http://localhost:3000".into(),
            nats: "nats://127.0.0.1:4222".into(),
            keys: data.join("keys"),
        };
        here.write(data).unwrap();
        assert_eq!(Whereabouts::read(data).unwrap(), here);
        assert_eq!(fs::read_dir(data).unwrap().count(), 1, "no draft stays");
        fs::write(data.join(".running.json-1"), "{").unwrap();
        Whereabouts::remove_drafts(data);
        assert_eq!(Whereabouts::read(data).unwrap(), here);
        Whereabouts::remove(data);
        assert_eq!(fs::read_dir(data).unwrap().count(), 0);
    }
}
