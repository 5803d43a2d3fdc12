//! The keys on disk: one folder, one file a key, readable by their owner alone.
//!
//! | file | what |
//! |---|---|
//! | `operator.nk` | the operator's seed: written once, never read |
//! | `operator.jwt` | the operator |
//! | `system.jwt`, `system.nk` | the account SYS and its seed |
//! | `auth.jwt`, `auth.nk` | the account AUTH and its seed |
//! | `chat.jwt`, `chat.nk` | the account CHAT and its seed |
//! | `callout.nk` | the seed of the user of AUTH who answers the callout |
//! | `callout.xk` | the curve seed that the callout's requests are sealed to |
//! | `sentinel.jwt` | the user that a connection without a JWT is given |

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use nkeys::{KeyPair, XKey};

use super::account::Account;
use super::credentials::SignError;
use super::keys::BrokerKeys;

const OPERATOR_SEED: &str = "operator.nk";
const OPERATOR_JWT: &str = "operator.jwt";
const CALLOUT_SEED: &str = "callout.nk";
const CALLOUT_XKEY: &str = "callout.xk";
const SENTINEL_JWT: &str = "sentinel.jwt";

/// What went wrong with the keys on disk; always names the file.
#[derive(Debug, thiserror::Error)]
pub enum KeysError {
    /// A file or folder could not be read or written.
    #[error("cannot {action} {}: {source}", path.display())]
    Io {
        /// What was tried: "read", "write", ...
        action: &'static str,
        /// On which file or folder.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A file is there, and its content is not what it should be.
    #[error("{} is not usable: {reason}", path.display())]
    Unusable {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// New keys could not be made.
    #[error("cannot make new NATS keys: {0}")]
    Create(#[source] SignError),
}

/// Whether there are keys. The folder appears whole, so any file that running needs will do.
pub(super) fn exist(dir: &Path) -> bool {
    dir.join(OPERATOR_JWT).exists()
}

pub(super) fn read(dir: &Path) -> Result<BrokerKeys, KeysError> {
    let callout_user = dir.join(CALLOUT_SEED);
    let callout_xkey = dir.join(CALLOUT_XKEY);
    Ok(BrokerKeys {
        operator_jwt: read_text(&dir.join(OPERATOR_JWT))?,
        system: read_account(dir, "system")?,
        auth: read_account(dir, "auth")?,
        chat: read_account(dir, "chat")?,
        callout_user: usable(
            &callout_user,
            KeyPair::from_seed(&read_text(&callout_user)?),
        )?,
        callout_xkey: usable(&callout_xkey, XKey::from_seed(&read_text(&callout_xkey)?))?,
        sentinel_jwt: read_text(&dir.join(SENTINEL_JWT))?,
    })
}

/// Writes a folder of another name beside `dir` and renames it, so that `dir` is whole or is
/// not there. When another process was quicker, its folder stays and this one is thrown away.
pub(super) fn write(dir: &Path, keys: &BrokerKeys, operator: &KeyPair) -> Result<(), KeysError> {
    let parent = match dir.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    private_folders()
        .recursive(true)
        .create(parent)
        .map_err(io_error("create", parent))?;
    let draft = parent.join(format!(".natter-keys-{}", operator.public_key()));
    private_folders()
        .create(&draft)
        .map_err(io_error("create", &draft))?;
    let written = write_files(&draft, keys, operator).and_then(|()| publish(&draft, dir, parent));
    if written.is_err() {
        let _ = fs::remove_dir_all(&draft);
    }
    match written {
        // Somebody else's keys stand there by now, and are as good.
        Err(_) if exist(dir) => Ok(()),
        other => other,
    }
}

/// Lets the owner alone read the folder and the files in it, as after a backup was put back.
pub(super) fn make_private(dir: &Path) -> Result<(), KeysError> {
    set_mode(dir, 0o700)?;
    for entry in fs::read_dir(dir).map_err(io_error("read", dir))? {
        let file = entry.map_err(io_error("read", dir))?.path();
        set_mode(&file, 0o600)?;
    }
    Ok(())
}

fn set_mode(path: &Path, mode: u32) -> Result<(), KeysError> {
    let found = fs::metadata(path).map_err(io_error("read", path))?;
    if found.permissions().mode() & 0o077 == 0 {
        return Ok(());
    }
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).map_err(io_error("protect", path))
}

fn write_files(draft: &Path, keys: &BrokerKeys, operator: &KeyPair) -> Result<(), KeysError> {
    let seed = |key: &KeyPair| key.seed().map_err(|error| KeysError::Create(error.into()));
    let write = |name: &str, text: &str| write_private(&draft.join(name), text);
    write(OPERATOR_SEED, &seed(operator)?)?;
    write(OPERATOR_JWT, &keys.operator_jwt)?;
    for (name, account) in [
        ("system", &keys.system),
        ("auth", &keys.auth),
        ("chat", &keys.chat),
    ] {
        write(&format!("{name}.jwt"), &account.jwt)?;
        write(
            &format!("{name}.nk"),
            &account.seed().map_err(KeysError::Create)?,
        )?;
    }
    write(CALLOUT_SEED, &seed(&keys.callout_user)?)?;
    let xkey = keys.callout_xkey.seed();
    write(
        CALLOUT_XKEY,
        &xkey.map_err(|error| KeysError::Create(error.into()))?,
    )?;
    write(SENTINEL_JWT, &keys.sentinel_jwt)
}

/// Renames the draft into place. The folders are synced too: after a power cut the broker's
/// store must not be found without the keys that its accounts are named by.
fn publish(draft: &Path, dir: &Path, parent: &Path) -> Result<(), KeysError> {
    sync_folder(draft)?;
    fs::rename(draft, dir).map_err(io_error("create", dir))?;
    sync_folder(parent)
}

fn read_account(dir: &Path, name: &str) -> Result<Account, KeysError> {
    let jwt = dir.join(format!("{name}.jwt"));
    let seed = dir.join(format!("{name}.nk"));
    let key = usable(&seed, KeyPair::from_seed(&read_text(&seed)?))?;
    usable(&jwt, Account::from_parts(read_text(&jwt)?, key))
}

fn read_text(path: &Path) -> Result<String, KeysError> {
    let text = fs::read_to_string(path).map_err(io_error("read", path))?;
    Ok(text.trim().to_owned())
}

fn write_private(path: &Path, text: &str) -> Result<(), KeysError> {
    let write = || {
        let mut file = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(path)?;
        writeln!(file, "{text}")?;
        file.sync_all()
    };
    write().map_err(io_error("write", path))
}

fn private_folders() -> DirBuilder {
    let mut builder = DirBuilder::new();
    builder.mode(0o700);
    builder
}

fn sync_folder(path: &Path) -> Result<(), KeysError> {
    File::open(path)
        .and_then(|folder| folder.sync_all())
        .map_err(io_error("sync", path))
}

fn usable<T, E: ToString>(path: &Path, result: Result<T, E>) -> Result<T, KeysError> {
    result.map_err(|error| KeysError::Unusable {
        path: path.to_owned(),
        reason: error.to_string(),
    })
}

fn io_error(action: &'static str, path: &Path) -> impl Fn(io::Error) -> KeysError {
    move |source| KeysError::Io {
        action,
        path: path.to_owned(),
        source,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn create() -> (BrokerKeys, KeyPair) {
        let operator = KeyPair::new_operator();
        (BrokerKeys::create(&operator).unwrap(), operator)
    }

    #[test]
    fn a_first_start_that_broke_off_is_no_trouble() {
        let folder = tempfile::tempdir().unwrap();
        let dir = folder.path().join("keys");
        // As a crash between two files leaves it.
        let (keys, operator) = create();
        let draft = folder.path().join(".natter-keys-broken");
        fs::create_dir(&draft).unwrap();
        write_private(&draft.join(OPERATOR_JWT), &keys.operator_jwt).unwrap();
        assert!(!exist(&dir));
        write(&dir, &keys, &operator).unwrap();
        assert_eq!(read(&dir).unwrap().chat_account(), keys.chat_account());
    }

    #[test]
    fn of_two_first_starts_both_use_the_keys_of_one() {
        let folder = tempfile::tempdir().unwrap();
        let dir = folder.path().join("keys");
        let (first, operator) = create();
        write(&dir, &first, &operator).unwrap();
        let (second, operator) = create();
        write(&dir, &second, &operator).unwrap();
        assert_eq!(read(&dir).unwrap().chat_account(), first.chat_account());
        assert_eq!(
            fs::read_dir(folder.path()).unwrap().count(),
            1,
            "no draft is left"
        );
    }

    #[test]
    fn an_error_names_the_file() {
        let folder = tempfile::tempdir().unwrap();
        let dir = folder.path().join("keys");
        let (keys, operator) = create();
        write(&dir, &keys, &operator).unwrap();
        let (other, _) = create();
        fs::write(dir.join("chat.nk"), other.chat.seed().unwrap()).unwrap();
        let error = read(&dir).unwrap_err().to_string();
        assert!(error.contains("chat.jwt is not usable"), "{error}");
        fs::remove_file(dir.join("auth.nk")).unwrap();
        let error = read(&dir).unwrap_err().to_string();
        assert!(error.contains("auth.nk"), "{error}");
    }
}
