//! The folder for everything that natter keeps: made at the start, and watched from then on.

use std::fs;
use std::io;
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// How often it is looked at.
const LOOK: Duration = Duration::from_secs(1);

/// So often in a row the folder has to be away: a network file system may be away for a moment.
const AWAY: u32 = 3;

/// Why a folder cannot be natter's.
#[derive(Debug, thiserror::Error)]
pub enum DataFolderError {
    /// It is something else.
    #[error("{} is a file, and natter needs a folder. Choose another one with --data.", .0.display())]
    NotAFolder(PathBuf),
    /// It cannot be made or read.
    #[error("the folder {} cannot be used ({source}). Choose another one with --data.", folder.display())]
    Io {
        /// Which.
        folder: PathBuf,
        /// Why not.
        source: io::Error,
    },
}

/// A data folder that is there.
#[derive(Debug)]
pub struct DataFolder {
    path: PathBuf,
    id: Id,
}

/// Tells a folder from another one at the same place: its device and inode.
type Id = (u64, u64);

impl DataFolder {
    /// Opens the folder, or makes it for its owner alone.
    ///
    /// # Errors
    /// It is no folder, or cannot be made.
    pub fn open(path: &Path) -> Result<Self, DataFolderError> {
        if fs::metadata(path).is_ok_and(|found| !found.is_dir()) {
            return Err(DataFolderError::NotAFolder(path.to_owned()));
        }
        let mut builder = fs::DirBuilder::new();
        builder.recursive(true).mode(0o700);
        let opened = builder.create(path).and_then(|()| id_of(path));
        let id = opened.map_err(|source| DataFolderError::Io {
            folder: path.to_owned(),
            source,
        })?;
        Ok(Self {
            path: path.to_owned(),
            id,
        })
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Waits until it was deleted or moved, or another folder is in its place.
    pub async fn gone(&self) {
        let mut away = 0;
        while away < AWAY {
            tokio::time::sleep(LOOK).await;
            away = if self.is_there() { 0 } else { away + 1 };
        }
    }

    fn is_there(&self) -> bool {
        match id_of(&self.path) {
            Ok(id) => id == self.id,
            // Of what else can be wrong with a disk, others tell.
            Err(error) => error.kind() != io::ErrorKind::NotFound,
        }
    }
}

fn id_of(path: &Path) -> io::Result<Id> {
    let found = fs::metadata(path)?;
    Ok((found.dev(), found.ino()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_no_data_folder() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let error = DataFolder::open(file.path()).unwrap_err().to_string();
        assert!(error.contains("is a file"), "{error}");
        let below = DataFolder::open(&file.path().join("data")).unwrap_err();
        assert!(matches!(below, DataFolderError::Io { .. }), "{below}");
    }

    #[test]
    fn a_folder_that_was_moved_is_not_there_also_when_another_has_its_place() {
        let parent = tempfile::tempdir().unwrap();
        let path = parent.path().join("data");
        let folder = DataFolder::open(&path).unwrap();
        assert!(folder.is_there());
        fs::rename(&path, parent.path().join("away")).unwrap();
        assert!(!folder.is_there());
        fs::create_dir(&path).unwrap();
        assert!(!folder.is_there());
        fs::remove_dir(&path).unwrap();
        fs::rename(parent.path().join("away"), &path).unwrap();
        assert!(folder.is_there());
    }
}
