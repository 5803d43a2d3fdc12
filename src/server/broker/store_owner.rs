//! Under whose keys was the embedded broker's store written? JetStream keeps the streams of an account in a
//! folder that has the account's public key as its name.

use std::fs;
use std::io;
use std::path::Path;

/// What begins the public key of an account.
const ACCOUNT: char = 'A';

/// The accounts that have streams in the store; none where there is no store.
pub(super) fn accounts_in(store: &Path) -> io::Result<Vec<String>> {
    let entries = match fs::read_dir(store) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries?,
    };
    let mut accounts = Vec::new();
    for entry in entries {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        if name.starts_with(ACCOUNT) && has_streams(&entry.path().join("streams")) {
            accounts.push(name);
        }
    }
    Ok(accounts)
}

fn has_streams(folder: &Path) -> bool {
    fs::read_dir(folder).is_ok_and(|mut streams| streams.next().is_some())
}
