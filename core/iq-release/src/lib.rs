//! Signed packages: what a signature says about a package, and whether a package may be installed
//! here. Signatures are minisign's (`.minisig`), so `minisign -V` checks them too. What it is and
//! its version stand in the trusted comment, which the signature covers.

use std::{fmt, str::FromStr};

use iq_domain::{CodedError, ErrorKind};
use minisign_verify::{Error, PublicKey, Signature};

/// A package is no larger than this.
pub const MAX_PACKAGE: u64 = 512 << 20;
/// A signature is no larger than this.
pub const MAX_SIGNATURE: u64 = 4 << 10;
/// How many keys are pinned: one that signs, and one in a safe for when that one is lost.
pub const PINNED: usize = 2;

/// `major.minor.patch`; releases have no other form.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Version([u32; 3]);

impl FromStr for Version {
    type Err = CodedError;

    fn from_str(text: &str) -> Result<Self, CodedError> {
        let bad = || CodedError::invalid("release.no_version").with("version", text);
        let mut parts = text.split('.');
        let mut number = || {
            let digits = parts.next().unwrap_or_default();
            let is_number = digits.bytes().all(|b| b.is_ascii_digit());
            // One spelling for each version: no sign, no leading zero.
            let is_plain = digits == "0" || !digits.starts_with('0');
            (is_number && is_plain)
                .then(|| digits.parse().ok())
                .flatten()
        };
        let version = [number(), number(), number()];
        match (version, parts.next()) {
            ([Some(major), Some(minor), Some(patch)], None) => Ok(Self([major, minor, patch])),
            _ => Err(bad()),
        }
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [major, minor, patch] = self.0;
        write!(f, "{major}.{minor}.{patch}")
    }
}

/// What a signature says about the package it belongs to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Release {
    /// Package: `optria`, `optria-server`.
    pub name: String,
    /// Version.
    pub version: Version,
    /// Processor as Rust names it: `x86_64`, `aarch64`.
    pub arch: String,
    /// `deb` or `rpm`.
    pub format: String,
}

const FIRST: &str = "optria-release-1";

impl Release {
    /// The trusted comment.
    #[must_use]
    pub fn comment(&self) -> String {
        let Self {
            name,
            version,
            arch,
            format,
        } = self;
        format!("{FIRST} name={name} version={version} arch={arch} format={format}")
    }

    /// Reads a trusted comment; nothing but what [`Release::comment`] writes is one.
    fn parse(comment: &str) -> Option<Self> {
        let mut words = comment.split(' ');
        if words.next() != Some(FIRST) {
            return None;
        }
        let mut value = |key: &str| words.next()?.strip_prefix(key)?.strip_prefix('=');
        let release = Self {
            name: value("name")?.to_owned(),
            version: value("version")?.parse().ok()?,
            arch: value("arch")?.to_owned(),
            format: value("format")?.to_owned(),
        };
        (release.comment() == comment).then_some(release)
    }
}

/// The keys whose signatures count.
#[derive(Clone)]
pub struct PinnedKeys(Vec<PublicKey>);

impl PinnedKeys {
    /// Reads minisign's public key files.
    ///
    /// # Errors
    /// When there is none, more than [`PINNED`], or one is no key.
    pub fn parse<'a>(files: impl IntoIterator<Item = &'a str>) -> Result<Self, CodedError> {
        let keys = files
            .into_iter()
            .map(|text| PublicKey::decode(text.trim()))
            .collect::<Result<Vec<_>, _>>()
            .map_err(|_| CodedError::invalid("release.no_key"))?;
        if keys.is_empty() || keys.len() > PINNED {
            return Err(CodedError::invalid("release.no_key"));
        }
        Ok(Self(keys))
    }

    /// Checks that one of the keys signed exactly these bytes.
    fn check(&self, package: &[u8], signature: &Signature) -> Result<(), CodedError> {
        let mut is_known = false;
        for key in &self.0 {
            match key.verify(package, signature, false) {
                Ok(()) => return Ok(()),
                Err(Error::UnexpectedKeyId) => {}
                Err(_) => is_known = true,
            }
        }
        Err(CodedError::invalid(if is_known {
            "release.damaged"
        } else {
            "release.foreign_key"
        }))
    }
}

/// Where a package is to be installed.
#[derive(Clone, Copy, Debug)]
pub struct Machine<'a> {
    /// The version that is installed.
    pub installed: Version,
    /// Processor as Rust names it.
    pub arch: &'a str,
}

/// Says what a package is, if a pinned key signed it and it may be installed on the machine.
///
/// # Errors
/// A code of the area `release`: no signature, a foreign key, damaged, for another machine, older
/// than what is installed.
pub fn verify(
    package: &[u8],
    signature: &str,
    keys: &PinnedKeys,
    machine: &Machine<'_>,
) -> Result<Release, CodedError> {
    let signature =
        Signature::decode(signature).map_err(|_| CodedError::invalid("release.no_signature"))?;
    keys.check(package, &signature)?;
    let release = Release::parse(signature.trusted_comment())
        .ok_or(CodedError::invalid("release.not_a_package"))?;
    if release.arch != machine.arch {
        return Err(CodedError::invalid("release.other_machine")
            .with("found", &release.arch)
            .with("have", machine.arch));
    }
    if release.version < machine.installed {
        return Err(CodedError::new(ErrorKind::Conflict, "release.older")
            .with("found", release.version)
            .with("have", machine.installed));
    }
    Ok(release)
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use minisign::KeyPair;

    use super::*;

    const PACKAGE: &[u8] = b"what is in the package";

    fn version(text: &str) -> Version {
        text.parse().unwrap()
    }

    fn release(number: &str) -> Release {
        Release {
            name: "optria-server".to_owned(),
            version: version(number),
            arch: "x86_64".to_owned(),
            format: "deb".to_owned(),
        }
    }

    fn pair() -> KeyPair {
        KeyPair::generate_unencrypted_keypair().unwrap()
    }

    fn sign(by: &KeyPair, comment: &str) -> String {
        minisign::sign(
            None,
            &by.sk,
            Cursor::new(PACKAGE),
            Some(comment),
            Some("untrusted"),
        )
        .unwrap()
        .into_string()
    }

    fn pinned(keys: &[&KeyPair]) -> PinnedKeys {
        let files: Vec<String> = keys
            .iter()
            .map(|key| key.pk.to_box().unwrap().into_string())
            .collect();
        PinnedKeys::parse(files.iter().map(String::as_str)).unwrap()
    }

    fn check(package: &[u8], signature: &str, keys: &PinnedKeys) -> Result<Release, &'static str> {
        let machine = Machine {
            installed: version("1.2.0"),
            arch: "x86_64",
        };
        verify(package, signature, keys, &machine).map_err(|error| error.code)
    }

    #[test]
    fn either_pinned_key_counts() {
        let (daily, safe) = (pair(), pair());
        let keys = pinned(&[&daily, &safe]);
        for key in [&daily, &safe] {
            for number in ["1.2.0", "1.2.1", "1.10.0", "2.0.0"] {
                let signature = sign(key, &release(number).comment());
                assert_eq!(check(PACKAGE, &signature, &keys), Ok(release(number)));
            }
        }
    }

    #[test]
    fn refuses_what_no_pinned_key_signed() {
        let (ours, theirs) = (pair(), pair());
        let signature = sign(&theirs, &release("1.3.0").comment());
        let found = check(PACKAGE, &signature, &pinned(&[&ours]));
        assert_eq!(found, Err("release.foreign_key"));
    }

    #[test]
    fn refuses_a_package_with_any_bit_or_its_end_changed() {
        let ours = pair();
        let keys = pinned(&[&ours]);
        let signature = sign(&ours, &release("1.3.0").comment());
        for bit in 0..PACKAGE.len() * 8 {
            let mut changed = PACKAGE.to_vec();
            changed[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(check(&changed, &signature, &keys), Err("release.damaged"));
        }
        for end in 0..PACKAGE.len() {
            let found = check(&PACKAGE[..end], &signature, &keys);
            assert_eq!(found, Err("release.damaged"));
        }
    }

    #[test]
    fn refuses_older_versions_and_other_processors() {
        let ours = pair();
        let keys = pinned(&[&ours]);
        for number in ["1.1.9", "0.9.0", "1.1.10"] {
            let signature = sign(&ours, &release(number).comment());
            assert_eq!(check(PACKAGE, &signature, &keys), Err("release.older"));
        }
        let other = Release {
            arch: "aarch64".to_owned(),
            ..release("1.3.0")
        };
        let signature = sign(&ours, &other.comment());
        assert_eq!(
            check(PACKAGE, &signature, &keys),
            Err("release.other_machine")
        );
    }

    #[test]
    fn the_comment_is_part_of_what_is_signed() {
        let ours = pair();
        let keys = pinned(&[&ours]);
        let signature = sign(&ours, &release("1.1.0").comment());
        let forged = signature.replace("version=1.1.0", "version=9.0.0");
        assert_ne!(forged, signature);
        assert_eq!(check(PACKAGE, &forged, &keys), Err("release.damaged"));
    }

    #[test]
    fn refuses_signatures_of_other_things_and_no_signatures() {
        let ours = pair();
        let keys = pinned(&[&ours]);
        for comment in [
            "timestamp:1",
            "optria-release-2 name=a version=2.0.0 arch=x86_64 format=deb",
            "optria-release-1 name=a version=2.0.0 arch=x86_64 format=deb x=1",
            "optria-release-1 name=a version=02.0.0 arch=x86_64 format=deb",
        ] {
            let found = check(PACKAGE, &sign(&ours, comment), &keys);
            assert_eq!(found, Err("release.not_a_package"), "{comment}");
        }
        for text in ["", "untrusted comment: x", "\u{0}"] {
            assert_eq!(check(PACKAGE, text, &keys), Err("release.no_signature"));
        }
    }

    #[test]
    fn pins_one_or_two_keys() {
        let file = pair().pk.to_box().unwrap().into_string();
        let file = file.as_str();
        assert!(PinnedKeys::parse([file]).is_ok());
        assert!(PinnedKeys::parse([file, file]).is_ok());
        for files in [&[][..], &[file, file, file], &["no key"], &[file, ""]] {
            assert!(PinnedKeys::parse(files.iter().copied()).is_err());
        }
    }

    #[test]
    fn versions_have_one_spelling_and_the_order_of_numbers() {
        assert!(version("0.9.0") < version("0.10.0"));
        for text in [
            "",
            "1",
            "1.2",
            "1.2.3.4",
            "1.2.x",
            "+1.2.3",
            "1.02.3",
            "1.2.3-rc1",
            "1..2",
        ] {
            assert!(text.parse::<Version>().is_err(), "{text}");
        }
    }
}
