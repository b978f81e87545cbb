//! Every place where bytes come in that nobody of ours wrote, each as a function that takes any bytes:
//! what it makes of them does not matter, as long as it comes back. The fuzz targets beside this file and
//! the seeded test `tests/parsers/main.rs` call the same functions.
//!
//! Keys and settings are fixed and known, so that what is behind a signature is reached as well.

use std::{
    collections::HashMap,
    io::Write as _,
    ops::ControlFlow,
    path::Path,
    sync::{Arc, LazyLock},
};

use iq_backup::{BackupKey, Opener};
use iq_connector_file::{FileSource, Hints, Position, ReadOptions, Wanted};
use iq_domain::{IdentityProvider, IdentityProviderId, ProviderType, TenantId, Timestamp};
use iq_evidence::{Frontier, Note, Record, TrustStore, manifest::Manifest};
use iq_mapping::{Directory, SheetOptions};
use iq_oidc::{Documents, Provider};
use iq_release::{Machine, PinnedKeys, Version};
use iq_secrets::FileKey;
use iq_sync_proto::{
    PublicKey, Signed, SigningKey,
    batch::Envelope,
    changes::{self, Changes},
    courier::Bundle,
    enrol::{self, Answer, Request},
    gap_code::Gap,
    receipt::{self, Receipt},
    receipt_text,
};

/// A moment in 2025.
pub const NOW: Timestamp = Timestamp(1_750_000_000_000);
/// The list of keys of the committed evidence files.
pub const TRUST: &str = include_str!("../../tests/evidence/golden/reader.keys");
/// Largest thing that is unpacked.
const MOST: usize = 8 << 20;

/// What an entry point is called, and itself.
pub type Entry = (&'static str, fn(&[u8]));

/// All of them.
pub const ENTRIES: [Entry; 18] = [
    ("evidence_file", evidence_file),
    ("evidence_parts", evidence_parts),
    ("trust_list", trust_list),
    ("sync_batch", sync_batch),
    ("sync_messages", sync_messages),
    ("courier_bundle", courier_bundle),
    ("backup", backup),
    ("opcua_value", opcua_value),
    ("opcua_certificate", opcua_certificate),
    ("pi_answer", pi_answer),
    ("sql_cell", sql_cell),
    ("sql_query", sql_query),
    ("import_file", import_file),
    ("mapping_sheet", mapping_sheet),
    ("rule_pack", rule_pack),
    ("historian_chunk", historian_chunk),
    ("oidc", oidc),
    ("release", release),
];

/// Says that a value is not looked at any further.
fn ignore<T>(_: T) {}

/// The key that signed, wherever one is needed.
#[must_use]
pub fn signing_key() -> SigningKey {
    SigningKey::from_seed(&[7; 32])
}

fn public_key() -> PublicKey {
    signing_key().public()
}

/// A file of evidence, as it comes from anybody's mail.
pub fn evidence_file(data: &[u8]) {
    static STORE: LazyLock<TrustStore> =
        LazyLock::new(|| TrustStore::parse(TRUST).expect("the committed list is one"));
    ignore(iq_evidence::verify(data, &STORE));
}

/// The parts of one: records, manifests, histories, notes, frontiers.
pub fn evidence_parts(data: &[u8]) {
    ignore(Record::decode(data));
    ignore(Manifest::decode(data));
    ignore(iq_evidence::history::read_history(data));
    ignore(iq_evidence::bundle::Bundle::decode(data));
    if let Some((size, roots)) = data.split_first_chunk::<8>() {
        ignore(Frontier::from_bytes(u64::from_le_bytes(*size), roots));
    }
    if let Ok(text) = std::str::from_utf8(data) {
        ignore(Note::parse(text));
    }
}

/// A reader's list of keys, typed or pasted.
pub fn trust_list(data: &[u8]) {
    ignore(TrustStore::parse(&String::from_utf8_lossy(data)));
}

/// A batch of an appliance at the hub.
pub fn sync_batch(data: &[u8]) {
    if let Ok(envelope) = Envelope::decode(data) {
        ignore(envelope.open(public_key()));
    }
}

/// What appliance and hub say beside batches: enrolment, receipts, changes; and the codes people type.
pub fn sync_messages(data: &[u8]) {
    ignore(Receipt::decode(data));
    ignore(receipt::decode_file(data));
    ignore(std::str::from_utf8(data).map(receipt_text::decode));
    let hub = public_key();
    // As if the other side had signed it, so that what is behind the signature is read too.
    let tags = [
        receipt::TAG,
        changes::TAG,
        enrol::REQUEST_TAG,
        enrol::ANSWER_TAG,
    ];
    let ours = tags.map(|tag| Signed::new(tag, data.to_vec(), &signing_key()));
    for signed in Signed::decode(data).into_iter().chain(ours) {
        ignore(Receipt::open(&signed, hub, &[1; 16], &[2; 16]));
        ignore(Changes::open(&signed, hub, &[1; 16], &[2; 16]));
        ignore(Request::open(&signed));
        ignore(Answer::open(&signed, &[2; 16]));
    }
    let text = String::from_utf8_lossy(data);
    ignore(enrol::Code::parse(&text));
    ignore(Gap::parse(&text));
}

/// What a courier carries: opened with the hub's key, then read.
pub fn courier_bundle(data: &[u8]) {
    let key = FileKey::from_bytes(&[9; 32]);
    let inside = key.open(data, MOST);
    for bytes in inside.as_deref().into_iter().chain([data]) {
        let Ok(bundle) = Bundle::decode(bytes) else {
            continue;
        };
        if let Ok(batches) = bundle.verify(public_key(), &key.recipient()) {
            for batch in batches {
                ignore(bundle.open_batch(batch, public_key()));
            }
        }
    }
}

/// The key of the backups that are tried.
#[must_use]
pub fn backup_key() -> BackupKey {
    BackupKey::from_text(BACKUP_KEY).expect("the text of a key")
}

/// The key of the committed backup, as a person has it on paper.
pub const BACKUP_KEY: &str = include_str!("../../tests/fixtures/stores/key.txt");

/// A backup from a stick, and the text of a key.
pub fn backup(data: &[u8]) {
    static OPENER: LazyLock<Opener> = LazyLock::new(|| Opener::Key(backup_key()));
    ignore(BackupKey::from_text(&String::from_utf8_lossy(data)));
    ignore(iq_backup::is_backup(data));
    with_file(data, |file, folder| {
        ignore(iq_backup::inspect(file));
        ignore(iq_backup::unpack(file, &OPENER, &folder.join("out")));
    });
}

/// A value and a field of an event off the wire, and the address of a node.
pub fn opcua_value(data: &[u8]) {
    static ZONE: LazyLock<Option<jiff::tz::TimeZone>> =
        LazyLock::new(|| jiff::tz::TimeZone::get("Europe/Berlin").ok());
    ignore(iq_connector_opcua::hooks::read_value(data, None));
    ignore(iq_connector_opcua::hooks::read_value(data, ZONE.as_ref()));
    ignore(iq_connector_opcua::hooks::read_field(data));
    ignore(iq_connector_opcua::hooks::read_address(
        &String::from_utf8_lossy(data),
    ));
}

/// What a server presents, and what an administrator uploads: certificates, authorities, revocations.
pub fn opcua_certificate(data: &[u8]) {
    ignore(iq_connector_opcua::hooks::read_presented(data));
    ignore(iq_connector_opcua::read_authority(data));
    ignore(iq_connector_opcua::read_revocations(data, data));
}

/// An answer of a PI Web API.
pub fn pi_answer(data: &[u8]) {
    ignore(iq_connector_pi::hooks::read_answer(data));
}

/// A cell of a database.
pub fn sql_cell(data: &[u8]) {
    ignore(iq_connector_sql::hooks::read_cell(
        &String::from_utf8_lossy(data),
    ));
}

/// A query that a person typed.
pub fn sql_query(data: &[u8]) {
    ignore(iq_connector_sql::hooks::check_query(
        &String::from_utf8_lossy(data),
    ));
}

/// A file of history that a person uploads: CSV in any dress, or XLSX.
pub fn import_file(data: &[u8]) {
    with_file(data, |file, _| {
        let Ok(source) = FileSource::open(file) else {
            return;
        };
        let Ok(profile) = iq_connector_file::detect(&source, &Hints::default()) else {
            return;
        };
        let (format, layout) = (profile.format, &profile.layout);
        ignore(iq_connector_file::preview(&source, format, layout, NOW));
        let options = ReadOptions {
            from: Position::default(),
            wanted: Wanted::All,
            units: HashMap::<Arc<str>, String>::new(),
            now: NOW,
        };
        let read = iq_connector_file::read_file(&source, format, layout, options, &mut |_| {
            ControlFlow::Continue(())
        });
        ignore(read);
    });
}

/// A table of mappings, its cells between tabs.
pub fn mapping_sheet(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let mut rows = (1..).zip(text.lines().map(|line| {
        let cells = line.split('\t').map(iq_mapping::of_csv_text);
        cells.map(str::to_owned).collect::<Vec<_>>()
    }));
    let headings = rows.next().map(|(_, cells)| cells).unwrap_or_default();
    let directory = Directory::default();
    let options = SheetOptions::default();
    ignore(iq_mapping::read_sheet(
        &headings,
        rows.collect(),
        &directory,
        options,
    ));
}

/// A pack of rules, and a condition of one.
pub fn rule_pack(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    ignore(iq_blackbox::rca::read_pack(&text, &|_, _| true));
    ignore(iq_blackbox::rca::parse(&text));
}

/// A row of the historian, as a damaged disk could hold it.
pub fn historian_chunk(data: &[u8]) {
    let (head, content) = data.split_at(data.len().min(2));
    let number = u32::from(head.first().copied().unwrap_or_default());
    let length = [60_000, 3_600_000][usize::from(head.last().copied().unwrap_or_default() & 1)];
    ignore(iq_historian::hooks::read_chunk(number, 0, content));
    ignore(iq_historian::hooks::read_rollups(
        number, 0, length, content,
    ));
}

/// An identity provider whose documents are given.
#[must_use]
pub fn provider() -> Provider {
    let row = IdentityProvider {
        id: IdentityProviderId::new(),
        tenant_id: TenantId::new(),
        provider_type: ProviderType::Okta,
        display_name: "Plant".to_owned(),
        client_id: "optria".to_owned(),
        has_secret: false,
        secret_version: 0,
        directory_id: None,
        issuer_url: Some("https://id.example".to_owned()),
        hosted_domain: None,
        scopes: Vec::new(),
        group_claim: "groups".to_owned(),
        group_roles: Vec::new(),
        default_role: None,
        tls_ca: None,
        accept_plain_http: false,
        pinned_metadata: None,
        pinned_keys: None,
        is_enabled: true,
        created_at: NOW,
        updated_at: NOW,
    };
    Provider {
        row,
        secret: None,
        redirect_uri: "https://plant.example/auth/sso/callback".to_owned(),
        reach: iq_oidc::Reach::default(),
    }
}

/// Metadata of that provider.
pub const METADATA: &str = r#"{"issuer":"https://id.example","authorization_endpoint":"https://id.example/a","token_endpoint":"https://id.example/t","jwks_uri":"https://id.example/k","code_challenge_methods_supported":["S256"]}"#;
/// A key of that provider (RFC 8037, appendix A).
pub const KEYS: &str = r#"{"keys":[{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo","kid":"a","use":"sig","alg":"EdDSA"}]}"#;

/// Metadata, keys and a token of an identity provider.
pub fn oidc(data: &[u8]) {
    static KNOWN: LazyLock<(Provider, Option<Documents>)> = LazyLock::new(|| {
        let provider = provider();
        let (metadata, keys) = (METADATA.as_bytes(), KEYS.as_bytes());
        let documents = iq_oidc::hooks::read_documents(&provider, metadata, keys);
        (provider, documents)
    });
    let (provider, known) = &*KNOWN;
    ignore(iq_oidc::hooks::read_documents(
        provider,
        data,
        KEYS.as_bytes(),
    ));
    let with_keys = iq_oidc::hooks::read_documents(provider, METADATA.as_bytes(), data);
    let token = String::from_utf8_lossy(data);
    for documents in known.iter().chain(&with_keys) {
        ignore(iq_oidc::hooks::read_token(provider, documents, &token, NOW));
    }
    ignore(iq_oidc::are_certificates(&token));
}

/// The signature of a package, and a list of keys.
pub fn release(data: &[u8]) {
    const KEY: &str = "untrusted comment: minisign public key\nRWQf6LRCGA9i53mlYecO4IzT51TGPpvWucNSCh1CBM0QTaLn73Y7GFO3";
    let text = String::from_utf8_lossy(data);
    ignore(PinnedKeys::parse([&*text]));
    ignore(text.parse::<Version>());
    if let (Ok(keys), Ok(installed)) = (PinnedKeys::parse([KEY]), "1.0.0".parse()) {
        let arch = "x86_64";
        let machine = Machine { installed, arch };
        ignore(iq_release::verify(b"package", &text, &keys, &machine));
    }
}

/// The bytes as a file in a folder of its own.
fn with_file(data: &[u8], read: impl FnOnce(&Path, &Path)) {
    let folder = tempfile::tempdir().expect("a folder for temporary files");
    let path = folder.path().join("file");
    let mut file = std::fs::File::create(&path).expect("a file in a folder of ours");
    file.write_all(data).expect("room for a few bytes");
    drop(file);
    read(&path, folder.path());
}
