//! Whatever happens to a file, the verifier does not say that it is right, and does not fall over.
#![allow(clippy::unwrap_used)]

mod support;

use std::fs;

use iq_evidence::{Outcome, Reason, Record, TrustStore, bundle::MAGIC, sha256, verify};
use support::{Loose, golden, world::trust_lists};

fn reader() -> TrustStore {
    let lists = trust_lists();
    let (_, text) = lists.iter().find(|(name, _)| *name == "reader").unwrap();
    TrustStore::parse(text).unwrap()
}

fn smallest() -> Vec<u8> {
    fs::read(golden().join("good-09-smallest.oqe")).unwrap()
}

/// The file with a digest that fits, as somebody would make it who changes a byte on purpose.
fn repaired(mut file: Vec<u8>) -> Vec<u8> {
    let end = file.len() - 32;
    let digest = sha256(&file[..end]);
    file[end..].copy_from_slice(&digest);
    file
}

#[test]
fn no_flipped_bit_goes_unnoticed() {
    let (file, trust) = (smallest(), reader());
    assert_eq!(verify(&file, &trust).outcome(), Outcome::Cosigned);
    let lines: Vec<&[u8]> = file.split(|byte| *byte == b'\n').collect();
    let cosignature = lines
        .iter()
        .position(|l| l.starts_with("— hub".as_bytes()))
        .unwrap();
    let before: usize = lines[..cosignature].iter().map(|line| line.len() + 1).sum();
    let witness = before..before + lines[cosignature].len() + 1;
    for at in 0..file.len() {
        for bit in 0..8 {
            let mut other = file.clone();
            other[at] ^= 1 << bit;
            let outcome = verify(&other, &trust).outcome();
            assert!(
                outcome > Outcome::SignedOnly,
                "bit {bit} of byte {at}: {outcome:?}"
            );
            if at >= file.len() - 32 {
                continue;
            }
            // A witness's line that nobody can read as theirs is no witness: less, never more.
            let verdict = verify(&repaired(other), &trust);
            let is_less = verdict.reason == Reason::CosignerUnknown && witness.contains(&at);
            assert!(
                verdict.outcome() > Outcome::SignedOnly || is_less,
                "bit {bit} of byte {at} with a digest that fits: {:?}",
                verdict.reason
            );
        }
    }
}

#[test]
fn no_shorter_file_is_right() {
    let (file, trust) = (smallest(), reader());
    for length in 0..file.len() {
        let outcome = verify(&file[..length], &trust).outcome();
        assert!(outcome > Outcome::SignedOnly, "{length} bytes: {outcome:?}");
        if length > 32 {
            let outcome = verify(&repaired(file[..length].to_vec()), &trust).outcome();
            assert!(outcome > Outcome::SignedOnly, "{length} bytes: {outcome:?}");
        }
    }
}

#[test]
fn each_of_the_seventeen_fields_is_protected() {
    let trust = reader();
    let file = fs::read(golden().join("good-01-cosigned.oqe")).unwrap();
    let plain = Loose::of(&file);
    type Edit = fn(&mut Record<'_>);
    let edits: [(&str, Edit, Reason); 16] = [
        ("tenant", |r| r.log.tenant[0] ^= 1, Reason::ForeignTenant),
        (
            "appliance",
            |r| r.log.appliance[0] ^= 1,
            Reason::ForeignAppliance,
        ),
        ("epoch", |r| r.log.epoch[0] ^= 1, Reason::ForeignEpoch),
        ("stream", |r| r.log.stream ^= 1 << 1, Reason::ForeignStream),
        ("seq", |r| r.seq ^= 1, Reason::Unlisted),
        ("prev_leaf", |r| r.prev_leaf[0] ^= 1, Reason::NotInLog),
        ("kind", |r| r.kind = "evens", Reason::NotInLog),
        (
            "schema_version",
            |r| r.schema_version ^= 1,
            Reason::NotInLog,
        ),
        ("event_ms", |r| r.event_ms ^= 1, Reason::NotInLog),
        ("received_ms", |r| r.received_ms ^= 1, Reason::NotInLog),
        ("boot", |r| r.boot[0] ^= 1, Reason::NotInLog),
        ("mono_us", |r| r.mono_us ^= 1, Reason::NotInLog),
        ("source", |r| r.source = "DCS-0", Reason::NotInLog),
        ("quality", |r| r.quality ^= 1, Reason::NotInLog),
        ("actor", |r| r.actor = Some([0; 32]), Reason::NotInLog),
        ("body", |r| r.body.clear(), Reason::NotInLog),
    ];
    for (field, edit, reason) in edits {
        let mut loose = plain.clone();
        let mut record = plain.record(9);
        edit(&mut record);
        loose.replace(9, record.encode());
        assert_eq!(verify(&loose.encode(), &trust).reason, reason, "{field}");
    }
    // The seventeenth is the version.
    let mut loose = plain.clone();
    let mut bytes = plain.record(9).encode();
    bytes[2] ^= 3;
    loose.replace(9, bytes);
    assert_eq!(verify(&loose.encode(), &trust).reason, Reason::Version);
}

/// What claims to be huge is refused before memory is taken for it.
#[test]
fn a_small_file_can_not_ask_for_much() {
    let trust = reader();
    let wrap = |content: Vec<u8>| {
        let mut file = [MAGIC, &content].concat();
        let digest = sha256(&file);
        file.extend_from_slice(&digest);
        file
    };
    let claims = [
        vec![0xbb, 0, 0, 0, 255, 255, 255, 255, 255],
        vec![0x9b, 0, 0, 0, 255, 255, 255, 255, 255],
        vec![0x5b, 0, 31, 255, 255, 255, 255, 255, 255],
        vec![0x81; 1_000],
        [&[0x9a, 0, 80, 0, 0][..], &vec![0xf6; 80 << 16]].concat(),
    ];
    for claim in claims {
        assert_eq!(verify(&wrap(claim), &trust).outcome(), Outcome::Malformed);
    }
}
