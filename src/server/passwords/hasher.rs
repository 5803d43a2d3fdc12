//! Argon2id hashes in PHC form, calculated in memory that the caller has.

use argon2::password_hash::phc::{Output, ParamsString, PasswordHash, Salt};
use argon2::{ARGON2ID_IDENT, Algorithm, Argon2, Block, Params, Version};

use super::PasswordError;
use crate::domain::Password;

/// As RFC 9106 (3.1) recommends.
const SALT_BYTES: usize = 16;

/// A hash to check a password against, or one to make.
pub(super) struct Hasher {
    argon2: Argon2<'static>,
    salt: Salt,
    /// What the password has to hash to; `None` for a new hash.
    expected: Option<Output>,
}

impl Hasher {
    /// For a new hash, with a salt of its own.
    pub(super) fn new() -> Result<Self, PasswordError> {
        let mut salt = [0; SALT_BYTES];
        getrandom::fill(&mut salt).map_err(broken)?;
        Ok(Self {
            argon2: Argon2::default(),
            salt: Salt::new(&salt).map_err(broken)?,
            expected: None,
        })
    }

    /// For a hash in PHC form, with the parameters that it was made with.
    pub(super) fn of(hash: &str) -> Result<Self, PasswordError> {
        let hash = PasswordHash::new(hash).map_err(broken)?;
        let algorithm = Algorithm::try_from(hash.algorithm.as_str()).map_err(broken)?;
        let version = hash.version.map(Version::try_from).transpose();
        let version = version.map_err(broken)?.unwrap_or_default();
        let params = Params::try_from(&hash).map_err(broken)?;
        let (Some(salt), Some(expected)) = (hash.salt, hash.hash) else {
            return Err(broken("it has no salt or no output"));
        };
        Ok(Self {
            argon2: Argon2::new(algorithm, version, params),
            salt,
            expected: Some(expected),
        })
    }

    /// The blocks of memory that it takes.
    pub(super) fn blocks(&self) -> usize {
        self.argon2.params().block_count()
    }

    /// Is this the password? Never of a new hash.
    pub(super) fn verify(
        &self,
        password: &[u8],
        memory: &mut [Block],
    ) -> Result<bool, PasswordError> {
        let output = self.output(password, memory)?;
        // The comparison of outputs takes the same time for any two.
        Ok(self.expected.as_ref() == Some(&output))
    }

    /// In PHC form.
    pub(super) fn hash(
        &self,
        password: &Password,
        memory: &mut [Block],
    ) -> Result<String, PasswordError> {
        let hash = PasswordHash {
            algorithm: ARGON2ID_IDENT,
            version: Some(Version::default().into()),
            params: ParamsString::try_from(self.argon2.params()).map_err(broken)?,
            salt: Some(self.salt),
            hash: Some(self.output(password.as_bytes(), memory)?),
        };
        Ok(hash.to_string())
    }

    fn output(&self, password: &[u8], memory: &mut [Block]) -> Result<Output, PasswordError> {
        let length = self.argon2.params().output_len();
        let mut output = [0; Output::MAX_LENGTH];
        let output = output
            .get_mut(..length.unwrap_or(Params::DEFAULT_OUTPUT_LEN))
            .ok_or_else(|| broken("its output is too long"))?;
        self.argon2
            .hash_password_into_with_memory(password, &self.salt, output, memory)
            .map_err(broken)?;
        Output::new(output).map_err(broken)
    }
}

fn broken(error: impl std::fmt::Display) -> PasswordError {
    PasswordError::Broken(error.to_string())
}
