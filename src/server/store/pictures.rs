//! The pictures of people, in an object store of their own.

use async_nats::jetstream::Context;
use async_nats::jetstream::object_store::{
    Config, DeleteErrorKind, GetErrorKind, InfoErrorKind, ObjectStore,
};
use async_nats::jetstream::stream::{LastRawMessageErrorKind, Stream};
use data_encoding::BASE64URL_NOPAD;
use sha2::{Digest as _, Sha256};
use tokio::io::AsyncReadExt as _;

use super::StoreError;
use crate::domain::Username;

const BUCKET: &str = "natter-pictures";

/// The stream of that bucket (ADR-20).
const STREAM: &str = "OBJ_natter-pictures";

/// More than any picture that natter keeps.
const MOST_BYTES: u64 = 256 * 1_024;

/// The name of a picture: a hash of what it shows and whose it is, so that one person's can be
/// deleted while another has the same.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PictureName(String);

impl PictureName {
    /// The name of a new one.
    #[must_use]
    pub fn of(uid: &Username, picture: &[u8]) -> Self {
        let hash = Sha256::new_with_prefix(uid.as_str());
        // No username has this in it.
        let hash = hash.chain_update([0]).chain_update(picture).finalize();
        Self(BASE64URL_NOPAD.encode(&hash))
    }

    /// Reads one. `None` when natter cannot have made it.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let hash = BASE64URL_NOPAD.decode(text.as_bytes()).ok()?;
        (hash.len() == 32).then(|| Self(text.to_owned()))
    }

    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// The store of pictures.
#[derive(Clone)]
pub struct Pictures {
    objects: ObjectStore,
    stream: Stream,
}

impl Pictures {
    pub(super) async fn open(js: &Context, replicas: usize) -> Result<Self, StoreError> {
        let config = Config {
            bucket: BUCKET.into(),
            num_replicas: replicas,
            ..Config::default()
        };
        let doing = "open the store of pictures";
        let objects = js.create_object_store(config).await;
        let objects = objects.map_err(StoreError::broker(doing))?;
        let stream = js.get_stream(STREAM).await;
        Ok(Self {
            objects,
            stream: stream.map_err(StoreError::broker(doing))?,
        })
    }

    /// Keeps one.
    ///
    /// # Errors
    /// The broker did not acknowledge it.
    pub async fn put(&self, name: &PictureName, picture: &[u8]) -> Result<(), StoreError> {
        let mut bytes = picture;
        self.objects
            .put(name.as_str(), &mut bytes)
            .await
            .map_err(StoreError::broker("keep a picture"))?;
        Ok(())
    }

    /// A picture. `None`: there is none of this name.
    ///
    /// `ObjectStore::get` makes a consumer for each object, which the broker keeps for some seconds, and a
    /// stream may have 1,000. A picture that natter keeps is one chunk, which needs none.
    ///
    /// # Errors
    /// The broker did not answer, or not with all of it.
    pub async fn get(&self, name: &PictureName) -> Result<Option<Vec<u8>>, StoreError> {
        let doing = "give a picture";
        let info = match self.objects.info(name.as_str()).await {
            Ok(info) if info.deleted => return Ok(None),
            Ok(info) => info,
            Err(error) if error.kind() == InfoErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(StoreError::broker(doing)(error)),
        };
        if info.chunks == 1 {
            let chunk = format!("$O.{BUCKET}.C.{}", info.nuid);
            let chunk = match self.stream.get_last_raw_message_by_subject(&chunk).await {
                Ok(chunk) => chunk.payload,
                // It was deleted meanwhile.
                Err(error) if error.kind() == LastRawMessageErrorKind::NoMessageFound => {
                    return Ok(None);
                }
                Err(error) => return Err(StoreError::broker(doing)(error)),
            };
            return match chunk.len() == info.size {
                true => Ok(Some(chunk.into())),
                false => Err(StoreError::Corrupt("a picture")),
            };
        }
        let object = match self.objects.get(name.as_str()).await {
            Ok(object) => object,
            Err(error) if error.kind() == GetErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(StoreError::broker(doing)(error)),
        };
        let mut picture = Vec::new();
        object
            .take(MOST_BYTES)
            .read_to_end(&mut picture)
            .await
            .map_err(StoreError::broker(doing))?;
        Ok(Some(picture))
    }

    /// Deletes one. One that is not there is fine.
    ///
    /// # Errors
    /// The broker did not acknowledge it.
    pub async fn delete(&self, name: &PictureName) -> Result<(), StoreError> {
        match self.objects.delete(name.as_str()).await {
            Err(error) if error.kind() != DeleteErrorKind::NotFound => {
                Err(StoreError::broker("delete a picture")(error))
            }
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_picture_of_two_people_has_two_names() {
        let name = |uid: &str| PictureName::of(&Username::parse(uid).unwrap(), b"x");
        assert_eq!(name("ada"), name("ada"));
        assert_ne!(name("ada"), name("ben"));
        assert_eq!(PictureName::parse(name("ada").as_str()), Some(name("ada")));
        for bad in ["", "x", "../x", "a b"] {
            assert_eq!(PictureName::parse(bad), None, "{bad}");
        }
    }
}
