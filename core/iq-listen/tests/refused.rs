//! Which certificates and keys stop a start, and with which code.
#![allow(clippy::unwrap_used, reason = "a test that can not go on stops here")]

use std::{
    fs,
    path::{Path, PathBuf},
};

use iq_domain::Timestamp;
use iq_listen::check_pair;
use rcgen::{CertificateParams, ExtendedKeyUsagePurpose, KeyPair, date_time_ymd};

/// 21 September 2026.
const NOW: Timestamp = Timestamp(1_790_000_000_000);

struct Folder(tempfile::TempDir);

impl Folder {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn file(&self, name: &str, content: &str) -> PathBuf {
        let path = self.0.path().join(name);
        fs::write(&path, content).unwrap();
        mode(&path, 0o600);
        path
    }

    /// A certificate and its key.
    fn pair(&self, name: &str, change: impl FnOnce(&mut CertificateParams)) -> (PathBuf, PathBuf) {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(["optria.plant".to_owned()]).unwrap();
        params.not_before = date_time_ymd(2026, 1, 1);
        params.not_after = date_time_ymd(2027, 1, 1);
        change(&mut params);
        let certificate = params.self_signed(&key).unwrap().pem();
        (
            self.file(&format!("{name}.crt"), &certificate),
            self.file(&format!("{name}.key"), &key.serialize_pem()),
        )
    }
}

#[cfg(unix)]
fn mode(path: &Path, mode: u32) {
    use std::os::unix::fs::PermissionsExt;
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

#[cfg(not(unix))]
fn mode(_path: &Path, _mode: u32) {}

#[track_caller]
fn refuses(certificate: &Path, key: &Path, code: &str) {
    let error = check_pair(certificate, key, NOW).unwrap_err();
    assert_eq!(error.code, code, "{error}");
    for language in [iq_locale::Language::En, iq_locale::Language::Ar] {
        let sentence = iq_locale::error(language, error.code, &error.params);
        assert!(
            sentence.len() > error.code.len() && !sentence.contains('{'),
            "{sentence}"
        );
    }
}

#[test]
fn a_good_pair_is_described() {
    let folder = Folder::new();
    let (certificate, key) = folder.pair("good", |_| {});
    let facts = check_pair(&certificate, &key, NOW).unwrap();
    assert_eq!(facts.names, ["optria.plant"]);
    assert_eq!(facts.not_after.to_string(), "2027-01-01T00:00:00.000Z");
    let pairs: Vec<&str> = facts.fingerprint.split(':').collect();
    assert!(
        pairs.len() == 32 && pairs.iter().all(|pair| pair.len() == 2),
        "{facts:?}"
    );
}

#[test]
fn a_key_of_another_certificate_is_refused() {
    let folder = Folder::new();
    let ((certificate, _), (_, key)) = (folder.pair("a", |_| {}), folder.pair("b", |_| {}));
    refuses(&certificate, &key, "tls.key_mismatch");
}

#[test]
fn a_certificate_outside_its_time_or_purpose_is_refused() {
    let folder = Folder::new();
    let (certificate, key) = folder.pair("old", |p| p.not_after = date_time_ymd(2026, 9, 1));
    refuses(&certificate, &key, "tls.expired");
    let (certificate, key) = folder.pair("early", |p| p.not_before = date_time_ymd(2026, 10, 1));
    refuses(&certificate, &key, "tls.not_yet_valid");
    let (certificate, key) = folder.pair("client", |p| {
        p.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
    });
    refuses(&certificate, &key, "tls.not_for_servers");
}

#[test]
fn files_that_hold_something_else_are_refused() {
    let folder = Folder::new();
    let (certificate, key) = folder.pair("good", |_| {});
    let nowhere = Path::new("/nowhere/server");
    refuses(nowhere, &key, "tls.certificate_unreadable");
    refuses(&key, &key, "tls.certificate_unreadable");
    refuses(&certificate, nowhere, "tls.key_unreadable");
    refuses(&certificate, &certificate, "tls.key_unreadable");
    let broken = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
    let broken = folder.file("broken.crt", broken);
    refuses(&broken, &key, "tls.certificate_unreadable");
    let locked =
        "-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----\n";
    let locked = folder.file("locked.key", locked);
    refuses(&certificate, &locked, "tls.key_encrypted");
}

#[cfg(unix)]
#[test]
fn a_key_that_everybody_may_read_is_refused() {
    let folder = Folder::new();
    let (certificate, key) = folder.pair("good", |_| {});
    mode(&key, 0o644);
    refuses(&certificate, &key, "tls.key_open_to_all");
    mode(&key, 0o640);
    check_pair(&certificate, &key, NOW).unwrap();
}
