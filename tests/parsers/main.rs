//! Every entry point for foreign bytes of the fuzz targets is given thousands of damaged files, made from
//! right ones by seeded dice: the same ones in every run. Whatever comes, nothing panics.

#![allow(clippy::unwrap_used, reason = "a test that can not go on stops here")]

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    path::Path,
};

use rand::{RngExt as _, SeedableRng as _, rngs::StdRng};

#[path = "../../fuzz/src/lib.rs"]
#[allow(unreachable_pub, reason = "the fuzz targets are another crate")]
mod entries;
mod seeds;

/// Damaged inputs for an entry point.
const INPUTS: usize = 4_000;
/// Those that write a file for each input, or unpack one.
const SLOW: [(&str, usize); 3] = [
    ("backup", 150),
    ("import_file", 600),
    ("evidence_file", 1_000),
];
/// Longest input.
const LONGEST: usize = 1 << 20;

/// Damages bytes the way a disk, a line, a sloppy program and an attacker do.
fn damage(bytes: &mut Vec<u8>, other: &[u8], dice: &mut StdRng) {
    const TELLING: [&[u8]; 14] = [
        b"\0",
        b"\xff\xff\xff\xff",
        b"\x7f\xff\xff\xff\xff\xff\xff\xff",
        b"-9223372036854775808",
        b"1e999",
        b"[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[",
        b"\"",
        b"\r\n\r\n",
        b"\xe2\x80\xae",
        b"\xef\xbb\xbf",
        b"9999-12-31T23:59:60Z",
        b"null",
        b"\x9f\xbf\x1b",
        b"\xd9\xa1\xd9\xa2",
    ];
    for _ in 0..dice.random_range(1..=4) {
        let at = dice.random_range(0..=bytes.len());
        let to = dice.random_range(at..=bytes.len().min(at + 64));
        match dice.random_range(0..8) {
            0 if at < bytes.len() => bytes[at] ^= 1 << dice.random_range(0..8),
            1 if at < bytes.len() => bytes[at] = dice.random(),
            2 => bytes.truncate(at),
            3 => drop(bytes.drain(at..to)),
            4 => {
                let again = bytes[at..to].to_vec();
                bytes.splice(at..at, again);
            }
            5 => {
                let word = TELLING[dice.random_range(0..TELLING.len())];
                bytes.splice(at..to.min(at + word.len()), word.iter().copied());
            }
            6 if !other.is_empty() => {
                let from = dice.random_range(0..other.len());
                let until = other.len().min(from + 256);
                bytes.splice(at..to, other[from..until].iter().copied());
            }
            _ => {
                let noise: [u8; 8] = dice.random();
                bytes.splice(at..at, noise);
            }
        }
    }
    bytes.truncate(LONGEST);
}

/// What panicked, with the bytes that did it in a file beside the test's.
fn told(name: &str, n: usize, bytes: &[u8]) -> String {
    let file = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("{name}-{n}"));
    let kept = std::fs::write(&file, bytes).map(|()| file.display().to_string());
    format!("{name}, input {n}: {kept:?}")
}

fn try_all(name: &str) {
    let (_, entry) = entries::ENTRIES
        .iter()
        .find(|(known, _)| *known == name)
        .expect("an entry point of this name");
    let seeds = seeds::of(name);
    assert!(!seeds.is_empty(), "{name} begins with nothing");
    let inputs = SLOW.iter().find(|(slow, _)| *slow == name);
    let inputs = inputs.map_or(INPUTS, |(_, count)| *count);
    // The name makes them differ from each other; nothing makes a run differ from the next.
    let seed = name
        .bytes()
        .fold(0, |sum: u64, b| sum.wrapping_mul(31) + u64::from(b));
    let mut dice = StdRng::seed_from_u64(seed);
    let run = |n: usize, bytes: &[u8]| {
        let done = catch_unwind(AssertUnwindSafe(|| entry(bytes)));
        assert!(done.is_ok(), "{}", told(name, n, bytes));
    };
    for (n, whole) in seeds.iter().enumerate() {
        run(n, whole);
    }
    for n in seeds.len()..inputs {
        let mut bytes = seeds[dice.random_range(0..seeds.len())].clone();
        let other = &seeds[dice.random_range(0..seeds.len())];
        damage(&mut bytes, other, &mut dice);
        run(n, &bytes);
    }
}

macro_rules! entries {
    ($($name:ident),+ $(,)?) => {
        $(
            #[test]
            fn $name() {
                try_all(stringify!($name));
            }
        )+

        #[test]
        fn every_entry_point_and_every_target_is_tried() {
            let tried = [$(stringify!($name)),+];
            assert_eq!(tried.to_vec(), entries::ENTRIES.map(|(name, _)| name).to_vec());
            let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz/fuzz_targets");
            for name in tried {
                let text = std::fs::read_to_string(root.join(format!("{name}.rs"))).unwrap();
                assert!(text.contains(&format!("optria_fuzz::{name}(data)")), "{name}");
            }
            assert_eq!(std::fs::read_dir(root).unwrap().count(), tried.len());
        }
    };
}

entries!(
    evidence_file,
    evidence_parts,
    trust_list,
    sync_batch,
    sync_messages,
    courier_bundle,
    backup,
    opcua_value,
    opcua_certificate,
    pi_answer,
    sql_cell,
    sql_query,
    import_file,
    mapping_sheet,
    rule_pack,
    historian_chunk,
    oidc,
    release,
);

#[test]
fn the_right_files_are_understood() {
    // Damage done to what was never understood would prove little.
    let first = |name: &str| seeds::of(name).swap_remove(0);
    let text = |name: &str| String::from_utf8(first(name)).unwrap();
    assert!(iq_evidence::bundle::Bundle::decode(&first("evidence_file")).is_ok());
    assert!(iq_evidence::Record::decode(&first("evidence_parts")).is_ok());
    assert!(iq_evidence::TrustStore::parse(&text("trust_list")).is_ok());
    let key = entries::signing_key().public();
    let batch = first("sync_batch");
    let envelope = iq_sync_proto::batch::Envelope::decode(&batch).unwrap();
    assert!(envelope.open(key).is_ok());
    assert!(iq_sync_proto::receipt::Receipt::decode(&first("sync_messages")).is_ok());
    assert!(iq_sync_proto::courier::Bundle::decode(&first("courier_bundle")).is_ok());
    assert!(iq_connector_opcua::hooks::read_value(&first("opcua_value"), None).is_some());
    assert!(iq_connector_opcua::hooks::read_presented(&first(
        "opcua_certificate"
    )));
    assert!(iq_connector_pi::hooks::read_answer(&first("pi_answer")) > 5);
    assert!(iq_connector_sql::hooks::check_query(&text("sql_query")) > 0);
    assert!(iq_connector_sql::hooks::read_cell(&text("sql_cell")) >= 7);
    assert!(iq_blackbox::rca::read_pack(&text("rule_pack"), &|_, _| true).is_ok());
    let chunk = iq_historian::hooks::read_chunk(0, 0, &first("historian_chunk")[2..]);
    assert!(chunk.is_some_and(|samples| samples > 200), "{chunk:?}");
    let documents = iq_oidc::hooks::read_documents(
        &entries::provider(),
        &first("oidc"),
        entries::KEYS.as_bytes(),
    );
    assert!(documents.is_some());
}
