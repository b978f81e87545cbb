//! Files as somebody would make them who wants another story to be believed: the tamper matrix.

use iq_evidence::{LogId, Note, Origin, Record, add_cosignature, cbor::Value, leaf_hash};

use super::{
    Case, Loose,
    good::{Story, Told, plain, tell},
    world::{World, cosign, id, key, log, witness},
};

type Expected = (u8, &'static str, &'static str, Option<u64>);

fn bad(name: &'static str, what: &'static str, expected: Expected, file: Vec<u8>) -> Case {
    Case {
        name,
        trust: "reader",
        file,
        expected,
        what,
    }
}

fn bent(bend: impl FnOnce(&mut Loose)) -> Vec<u8> {
    let mut loose = Loose::of(&plain());
    bend(&mut loose);
    loose.encode()
}

/// The same log written anew with one record told differently, by whoever holds this key.
fn forged(number: u8) -> Told {
    let mut told = tell(Story {
        key: key(number),
        ..Story::default()
    });
    rewrite(&mut told.world, 9, "nothing happened");
    told
}

/// Replaces the text of a record and chains everything after it again.
fn rewrite(world: &mut World, seq: u64, text: &str) {
    let old = std::mem::take(&mut world.records);
    *world = World::new(world.log, key(1), world.origin);
    for bytes in &old {
        let mut record = Record::decode(bytes).unwrap();
        if record.seq == seq {
            record.body = vec![(1, Value::Text(text))];
        }
        world.push(record.kind, record.actor, record.body);
    }
}

/// A record of another log in the place of record 9.
fn spliced(log: LogId) -> Vec<u8> {
    let other = tell(Story {
        log,
        ..Story::default()
    });
    bent(|loose| loose.replace(9, other.world.records[8].clone()))
}

pub(crate) fn cases() -> Vec<Case> {
    [records(), history(), signatures(), forms(), attachments()]
        .into_iter()
        .flatten()
        .collect()
}

fn records() -> Vec<Case> {
    let flipped = |loose: &mut Loose| {
        let mut record = loose.record(9);
        record.event_ms ^= 1;
        let bytes = record.encode();
        loose.replace(9, bytes);
    };
    let inserted = |loose: &mut Loose| {
        let mut record = loose.record(9);
        record.seq = 8;
        let bytes = record.encode();
        let at = loose.place(9);
        let proof = loose.records[at].1.clone();
        loose.records.insert(at, (bytes, proof));
    };
    let listed = |loose: &mut Loose| {
        inserted(loose);
        loose.edit_manifest(|manifest| manifest.records.insert(5, 8));
    };
    vec![
        bad(
            "bad-01-bit-flipped",
            "one bit of a record's time",
            (2, "not_in_log", "record", Some(9)),
            bent(flipped),
        ),
        bad(
            "bad-02-deleted-middle",
            "a record taken out of the file",
            (3, "record_missing", "record", Some(6)),
            bent(|loose| {
                let at = loose.place(6);
                loose.records.remove(at);
            }),
        ),
        bad(
            "bad-03-inserted",
            "a record put into the file",
            (2, "unlisted", "record", Some(8)),
            bent(inserted),
        ),
        bad(
            "bad-04-inserted-and-listed",
            "a record put into the file and into its table of contents",
            (2, "manifest", "manifest", None),
            bent(listed),
        ),
        bad(
            "bad-05-swapped",
            "two records change places",
            (2, "order", "record", Some(5)),
            bent(|loose| {
                let (a, b) = (loose.place(5), loose.place(6));
                loose.records.swap(a, b);
            }),
        ),
        bad(
            "bad-06-duplicated",
            "a record twice",
            (2, "duplicate", "record", Some(6)),
            bent(|loose| {
                let at = loose.place(6);
                let again = loose.records[at].clone();
                loose.records.insert(at, again);
            }),
        ),
        bad(
            "bad-07-other-stream",
            "a record of another stream",
            (2, "foreign_stream", "record", Some(9)),
            spliced(LogId { stream: 2, ..log() }),
        ),
        bad(
            "bad-08-other-epoch",
            "a record of another epoch",
            (2, "foreign_epoch", "record", Some(9)),
            spliced(LogId {
                epoch: id(77),
                ..log()
            }),
        ),
        bad(
            "bad-09-other-tenant",
            "a record of another tenant",
            (2, "foreign_tenant", "record", Some(9)),
            spliced(LogId {
                tenant: id(78),
                ..log()
            }),
        ),
        bad(
            "bad-10-other-appliance",
            "a record of another appliance",
            (2, "foreign_appliance", "record", Some(9)),
            spliced(LogId {
                appliance: id(79),
                ..log()
            }),
        ),
        bad(
            "bad-11-demo-record",
            "a demo record among real ones",
            (2, "origin_mismatch", "record", Some(9)),
            bent(|loose| {
                let mut record = loose.record(9);
                record.origin = Origin::Demo;
                let bytes = record.encode();
                loose.replace(9, bytes);
            }),
        ),
    ]
}

/// Whole logs written anew.
fn history() -> Vec<Case> {
    let told = tell(Story::default());
    let (world, export) = (&told.world, told.export);
    let seen = world.cosigned(export + 3);
    // The tail is cut off after the witness has seen it: the cosigned checkpoint is longer.
    let mut cut = Loose::of(&told.file(&world.signed(export), None));
    cut.cosigned = Some((seen.clone(), vec![]));
    // Cut off before anybody else has seen it: nobody can know.
    let unseen = told.file(&world.signed(export), Some(&world.cosigned(8)));
    let other = forged(1);
    let before = other.file(&other.world.signed(export), Some(&world.cosigned(8)));
    let mut after = Loose::of(&other.file(&other.world.signed(export + 3), None));
    after.cosigned = Some((
        world.cosigned(export),
        world.tree.consistency(export, export + 3).unwrap(),
    ));
    let rechained = bent(|loose| {
        let mut note = Note::parse(&loose.checkpoint).unwrap();
        let old = note.text.clone();
        note.checkpoint.root = other.world.tree.root(export).unwrap();
        loose.checkpoint = loose.checkpoint.replace(&old, &note.checkpoint.text());
        for at in 0..loose.records.len() {
            let seq = Record::decode(&loose.records[at].0).unwrap().seq;
            loose.records[at].0 = other.world.records[usize::try_from(seq).unwrap() - 1].clone();
        }
        loose.prove(&other.world.tree);
    });
    vec![
        bad(
            "bad-12-tail-cut-after-cosigning",
            "records at the end removed after a witness saw them",
            (2, "smaller_size", "cosigned", None),
            cut.encode(),
        ),
        bad(
            "bad-13-tail-cut-before-cosigning",
            "records at the end removed before a witness saw them: not detectable, shown as unprotected range",
            (1, "unprotected_range", "record", Some(9)),
            unseen,
        ),
        bad(
            "bad-14-rechained",
            "the log rewritten without the key",
            (2, "signature", "checkpoint", None),
            rechained,
        ),
        bad(
            "bad-15-rewritten-before-cosigning",
            "rewritten and signed with the stolen key before a witness saw it: not detectable, shown as unprotected range",
            (1, "unprotected_range", "record", Some(9)),
            before,
        ),
        bad(
            "bad-16-rewritten-after-cosigning",
            "rewritten and signed with the stolen key after a witness saw it",
            (2, "inconsistent", "cosigned", None),
            after.encode(),
        ),
    ]
}

fn signatures() -> Vec<Case> {
    let told = tell(Story::default());
    let (world, export) = (&told.world, told.export);
    let other = tell(Story {
        key: key(66),
        ..Story::default()
    });
    let resigned = |change: &dyn Fn(&mut iq_evidence::Checkpoint)| {
        bent(|loose| {
            let mut checkpoint = world.checkpoint(export);
            change(&mut checkpoint);
            loose.checkpoint = cosign(&checkpoint.sign(&key(1)));
        })
    };
    let smaller = bent(|loose| {
        let size = format!("\n{export}\n");
        loose.checkpoint = loose
            .checkpoint
            .replace(&size, &format!("\n{}\n", export - 1));
    });
    let moved = bent(|loose| {
        let older = world.cosigned(8);
        let line = older.lines().last().unwrap();
        loose.checkpoint = format!("{}{line}\n", world.signed(export));
    });
    let stranger =
        add_cosignature(&world.signed(export), "stranger.example", &witness(), 1).unwrap();
    vec![
        bad(
            "bad-17-other-key",
            "signed with a key the reader does not trust",
            (5, "key_unknown", "checkpoint", None),
            other.file(&other.world.signed(export), None),
        ),
        bad(
            "bad-18-wrong-origin",
            "a checkpoint of another log",
            (2, "wrong_origin", "checkpoint", None),
            resigned(&|c| c.origin = LogId { stream: 2, ..log() }.origin()),
        ),
        bad(
            "bad-19-smaller-size",
            "the size in the checkpoint made smaller",
            (2, "signature", "checkpoint", None),
            smaller,
        ),
        bad(
            "bad-20-smaller-size-signed",
            "the size made smaller and signed with the stolen key",
            (2, "not_in_log", "record", Some(2)),
            resigned(&|c| c.size -= 4),
        ),
        bad(
            "bad-21-bigger-size-old-root",
            "the size made bigger over the old root, signed with the stolen key",
            (2, "not_in_log", "record", Some(2)),
            resigned(&|c| c.size += 5),
        ),
        bad(
            "bad-22-cosignature-moved",
            "a witness's signature taken from an older checkpoint",
            (2, "cosignature", "checkpoint", None),
            moved,
        ),
        bad(
            "bad-23-unknown-witness",
            "signed by a witness the reader does not trust",
            (1, "cosigner_unknown", "checkpoint", None),
            told.file(&stranger, None),
        ),
        Case {
            trust: "no-witness",
            ..bad(
                "good-01-cosigned",
                "the witness's key is not on the reader's list",
                (1, "cosigner_unknown", "checkpoint", None),
                plain(),
            )
        },
        bad(
            "bad-24-no-signature",
            "the appliance's line taken out of the checkpoint",
            (3, "no_signature", "checkpoint", None),
            bent(|loose| {
                let own = loose
                    .checkpoint
                    .lines()
                    .find(|line| line.starts_with("— optria.iq"))
                    .unwrap();
                loose.checkpoint = loose.checkpoint.replace(&format!("{own}\n"), "");
            }),
        ),
    ]
}

fn forms() -> Vec<Case> {
    let first = |loose: &mut Loose, bytes: Vec<u8>| loose.records[4].0 = bytes;
    let edit = |change: &dyn Fn(&[u8]) -> Vec<u8>| {
        bent(|loose| {
            let bytes = change(&loose.records[4].0);
            first(loose, bytes);
        })
    };
    let fifth = Some(5);
    vec![
        bad(
            "bad-25-truncated-proof",
            "a proof without its last node",
            (2, "not_in_log", "record", Some(5)),
            bent(|loose| {
                let at = loose.place(5);
                loose.records[at].1.pop();
            }),
        ),
        bad(
            "bad-26-longer-proof",
            "a proof with a node more",
            (2, "not_in_log", "record", Some(5)),
            bent(|loose| {
                let at = loose.place(5);
                let node = leaf_hash(&[]);
                loose.records[at].1.push(node);
            }),
        ),
        bad(
            "bad-27-not-canonical",
            "a record in a longer form of the same content",
            (4, "not_canonical", "entry", fifth),
            edit(&|bytes| [&[0xb8, 17], &bytes[1..]].concat()),
        ),
        bad(
            "bad-28-trailing-bytes",
            "a byte after a record",
            (4, "trailing_bytes", "entry", fifth),
            edit(&|bytes| [bytes, &[0xf6]].concat()),
        ),
        bad(
            "bad-29-version-downgrade",
            "a record that says it is of an older version",
            (4, "version", "entry", fifth),
            edit(&|bytes| {
                let mut bytes = bytes.to_vec();
                bytes[2] = 0;
                bytes
            }),
        ),
    ]
}

fn attachments() -> Vec<Case> {
    let told = tell(Story::default());
    let mut rotated = Loose::of(&{
        let told = tell(Story {
            rotates: true,
            ..Story::default()
        });
        told.file(&told.world.cosigned(told.export), None)
    });
    let mut record = rotated.record(10);
    let wrong = [0x11; 64];
    record.body[2] = (3, Value::Bytes(&wrong));
    let bytes = record.encode();
    rotated.replace(10, bytes);
    let mut damaged = plain();
    let end = damaged.len();
    damaged[end - 1] ^= 1;
    vec![
        bad(
            "bad-30-salt-swapped",
            "another salt for the name",
            (2, "personal", "record", Some(7)),
            bent(|loose| loose.personal[0].2[0] ^= 1),
        ),
        bad(
            "bad-31-name-swapped",
            "another name",
            (2, "personal", "record", Some(7)),
            bent(|loose| loose.personal[0].3 = "أحمد".to_owned()),
        ),
        bad(
            "bad-32-report-edited",
            "the report tells another story",
            (2, "document", "document", Some(1)),
            bent(|loose| loose.documents[0][40] ^= 1),
        ),
        bad(
            "bad-33-samples-edited",
            "a raw sample changed",
            (2, "window", "window", Some(1)),
            bent(|loose| {
                let last = loose.windows[0].len() - 9;
                loose.windows[0][last] ^= 1;
            }),
        ),
        bad(
            "bad-34-window-missing",
            "raw samples taken out",
            (3, "window_missing", "window", Some(1)),
            bent(|loose| loose.windows.clear()),
        ),
        bad(
            "bad-35-document-missing",
            "the report taken out",
            (3, "document_missing", "document", Some(1)),
            bent(|loose| loose.documents.clear()),
        ),
        bad(
            "bad-36-name-missing",
            "the name taken out without saying so",
            (3, "personal_missing", "record", Some(7)),
            bent(|loose| loose.personal.clear()),
        ),
        bad(
            "bad-37-export-missing",
            "the record that binds the table of contents taken out",
            (3, "export_missing", "file", None),
            bent(|loose| {
                loose.records.pop();
            }),
        ),
        bad(
            "bad-38-rotation-forged",
            "a change of keys the old key has not signed",
            (2, "rotation", "record", Some(10)),
            rotated.encode(),
        ),
        bad(
            "bad-39-damaged",
            "a bit lost on the way",
            (2, "file_digest", "file", None),
            damaged,
        ),
        bad(
            "bad-40-cut-short",
            "the end of the file missing",
            (4, "truncated", "file", None),
            plain()[..plain().len() / 2].to_vec(),
        ),
        bad(
            "bad-41-story-of-another-size",
            "the earlier checkpoint is one of a forged log",
            (2, "inconsistent", "cosigned", None),
            {
                let mut loose = Loose::of(&told.file(
                    &told.world.signed(told.world.head.size),
                    Some(&told.world.cosigned(8)),
                ));
                if let Some((_, proof)) = &mut loose.cosigned {
                    proof[0][0] ^= 1;
                }
                loose.encode()
            },
        ),
    ]
}
