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

/// How the folder's name begins before all of it is written.
const DRAFT: &str = ".natter-keys-";

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
    /// A key file is not there, and others are.
    #[error(
        "the key file {} is missing: put the folder that it belongs in back from a backup, whole",
        .0.display()
    )]
    Missing(PathBuf),
    /// The keys are gone, and what was stored under them is there.
    #[error(
        "the keys are gone: {} has none, and {} has what was stored under them. Put them back \
         from a backup: new keys would not open that store. To begin with nothing instead, choose \
         another folder with --data",
        keys_dir.display(), store.display()
    )]
    Lost {
        /// Where the keys were.
        keys_dir: PathBuf,
        /// What they belong to.
        store: PathBuf,
    },
    /// The keys are not those of what is stored.
    #[error(
        "the keys in {} are not those under which {} was written. Put both back from the same \
         backup",
        keys_dir.display(), store.display()
    )]
    OfAnother {
        /// The keys.
        keys_dir: PathBuf,
        /// What does not belong to them.
        store: PathBuf,
    },
    /// New keys could not be made.
    #[error("cannot make new NATS keys: {0}")]
    Create(#[source] SignError),
}

/// Whether there are keys. The folder appears whole, so a folder with anything in it had them all.
pub(super) fn exist(dir: &Path) -> bool {
    // Something else than a folder, or one that cannot be read: `read` says which.
    match fs::read_dir(dir) {
        Ok(mut files) => files.next().is_some(),
        Err(error) => error.kind() != io::ErrorKind::NotFound,
    }
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
    let parent = parent_of(dir);
    private_folders()
        .recursive(true)
        .create(parent)
        .map_err(io_error("create", parent))?;
    let draft = parent.join(format!("{DRAFT}{}", operator.public_key()));
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
    for path in open_to_others(dir)? {
        let mode = if path == dir { 0o700 } else { 0o600 };
        fs::set_permissions(&path, fs::Permissions::from_mode(mode))
            .map_err(io_error("protect", &path))?;
    }
    Ok(())
}

/// The folder, if others may read it, and the files that they may read.
pub(super) fn open_to_others(dir: &Path) -> Result<Vec<PathBuf>, KeysError> {
    let files = fs::read_dir(dir).map_err(io_error("read", dir))?;
    let files = files.map(|entry| Ok(entry.map_err(io_error("read", dir))?.path()));
    let mut open = Vec::new();
    for path in std::iter::once(Ok(dir.to_owned())).chain(files) {
        let path = path?;
        let found = fs::metadata(&path).map_err(io_error("read", &path))?;
        if found.permissions().mode() & 0o077 != 0 {
            open.push(path);
        }
    }
    Ok(open)
}

/// Removes what first starts that were killed have left beside `dir`. Call it when no other start can be
/// under way.
pub(super) fn remove_drafts(dir: &Path) {
    let Ok(beside) = fs::read_dir(parent_of(dir)) else {
        return;
    };
    for entry in beside.filter_map(Result::ok) {
        let name = entry.file_name();
        if name.to_string_lossy().starts_with(DRAFT) {
            // It does no harm but that it looks like keys.
            let _ = fs::remove_dir_all(entry.path());
        }
    }
}

fn parent_of(dir: &Path) -> &Path {
    match dir.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    }
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
    match fs::read_to_string(path) {
        Ok(text) => Ok(text.trim().to_owned()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            Err(KeysError::Missing(path.to_owned()))
        }
        Err(error) => Err(io_error("read", path)(error)),
    }
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
        remove_drafts(&dir);
        assert!(!draft.exists() && exist(&dir));
    }

    #[test]
    fn files_that_others_may_read_are_found_and_made_private() {
        let folder = tempfile::tempdir().unwrap();
        let dir = folder.path().join("keys");
        let (keys, operator) = create();
        write(&dir, &keys, &operator).unwrap();
        assert_eq!(open_to_others(&dir).unwrap(), Vec::<PathBuf>::new());
        let file = dir.join("chat.nk");
        fs::set_permissions(&file, fs::Permissions::from_mode(0o644)).unwrap();
        assert_eq!(open_to_others(&dir).unwrap(), [file]);
        make_private(&dir).unwrap();
        assert_eq!(open_to_others(&dir).unwrap(), Vec::<PathBuf>::new());
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
        for name in ["auth.nk", OPERATOR_JWT] {
            fs::remove_file(dir.join(name)).unwrap();
            let error = BrokerKeys::load_or_create(&dir).unwrap_err().to_string();
            assert!(error.contains(name) && error.contains("missing"), "{error}");
        }
    }
}
