//! Signs packages with the key of the builder. The key is never in the repository, and what the
//! signature says is written by iq-release, which also reads it.

use std::{
    fs::{self, File},
    path::{Path, PathBuf},
};

use anyhow::{Context, Result, bail};
use iq_release::{PINNED, Release};
use minisign::{PublicKey, SecretKey, SecretKeyBox};

use crate::tools::read;

/// The key that signs.
pub(crate) struct Signer(SecretKey);

impl Signer {
    /// Reads minisign's secret key file. Two keys are pinned by what is built, this one among them:
    /// else the next package could not be verified by this one.
    pub(crate) fn open(key: &Path, password: Option<&Path>, pinned: &[PathBuf]) -> Result<Self> {
        let held = SecretKeyBox::from_string(&read(key)?)?;
        let key = match password {
            Some(file) => held.into_secret_key(Some(read(file)?.trim_end().to_owned())),
            None => held.into_unencrypted_secret_key(),
        }
        .context("the signing key does not open")?;
        let own = PublicKey::from_secret_key(&key)?.to_base64();
        let keys = pinned
            .iter()
            .map(|file| {
                let key = PublicKey::from_file(file);
                key.with_context(|| format!("{} is no public key", file.display()))
            })
            .collect::<Result<Vec<_>>>()?;
        if keys.len() != PINNED {
            bail!(
                "{PINNED} public keys have to be pinned, and {} were named",
                keys.len()
            );
        }
        if !keys.iter().any(|key| key.to_base64() == own) {
            bail!("the signing key is not one of the pinned keys");
        }
        Ok(Self(key))
    }

    /// Writes the signature of a package beside it.
    pub(crate) fn sign(&self, package: &Path, release: &Release) -> Result<PathBuf> {
        let comment = release.comment();
        let signature = minisign::sign(
            None,
            &self.0,
            File::open(package)?,
            Some(&comment),
            Some("signature of an OPTRIA IQ package"),
        )?;
        let mut name = package.as_os_str().to_owned();
        name.push(".minisig");
        let path = PathBuf::from(name);
        fs::write(&path, signature.into_string())?;
        Ok(path)
    }
}

#[cfg(test)]
mod tests {
    use iq_release::{Machine, PinnedKeys, verify};
    use minisign::KeyPair;

    use super::*;

    /// Writes a key pair below a folder: the secret key with a password, and the public key.
    fn keys(folder: &Path, name: &str, password: Option<&str>) -> (PathBuf, PathBuf) {
        let pair = match password {
            Some(password) => KeyPair::generate_encrypted_keypair(Some(password.to_owned())),
            None => KeyPair::generate_unencrypted_keypair(),
        };
        let pair = pair.unwrap();
        let [secret, public] = ["key", "pub"].map(|e| folder.join(format!("{name}.{e}")));
        fs::write(&secret, pair.sk.to_box(None).unwrap().into_string()).unwrap();
        fs::write(&public, pair.pk.to_box().unwrap().into_string()).unwrap();
        (secret, public)
    }

    #[test]
    fn what_is_signed_verifies() {
        let folder = tempfile::tempdir().unwrap();
        let (secret, public) = keys(folder.path(), "daily", None);
        let (_, safe) = keys(folder.path(), "safe", None);
        let pinned = [safe, public];
        let signer = Signer::open(&secret, None, &pinned).unwrap();
        let package = folder.path().join("a.deb");
        fs::write(&package, "bytes").unwrap();
        let release = Release {
            name: "optria-server".to_owned(),
            version: "1.0.0".parse().unwrap(),
            arch: "x86_64".to_owned(),
            format: "deb".to_owned(),
        };
        let signature = read(&signer.sign(&package, &release).unwrap()).unwrap();
        let files = pinned.map(|file| read(&file).unwrap());
        let pinned = PinnedKeys::parse(files.iter().map(String::as_str)).unwrap();
        let machine = Machine {
            installed: release.version,
            arch: "x86_64",
        };
        assert_eq!(verify(b"bytes", &signature, &pinned, &machine), Ok(release));
    }

    #[test]
    fn a_key_needs_its_password_and_a_place_among_two_pinned_ones() {
        let folder = tempfile::tempdir().unwrap();
        let (plain, public) = keys(folder.path(), "daily", None);
        let (locked, locked_public) = keys(folder.path(), "locked", Some("open sesame"));
        let (_, other) = keys(folder.path(), "other", None);
        let password = folder.path().join("password");
        fs::write(&password, "open sesame\n").unwrap();
        let open = |secret: &Path, password: Option<&Path>, pinned: &[&PathBuf]| {
            let pinned: Vec<PathBuf> = pinned.iter().map(|p| (*p).clone()).collect();
            Signer::open(secret, password, &pinned).is_ok()
        };
        assert!(open(&locked, Some(&password), &[&locked_public, &other]));
        assert!(!open(&locked, None, &[&locked_public, &other]));
        assert!(open(&plain, None, &[&other, &public]));
        assert!(!open(&plain, None, &[&locked_public, &other]));
        assert!(!open(&plain, None, &[&public]));
        assert!(!open(&plain, None, &[&public, &other, &locked_public]));
    }
}
