//! Files as the appliance makes them.

use iq_evidence::{
    LogId, Origin, SigningKey, add_cosignature,
    build::{Parts, assemble},
    bundle::Personal,
    kind,
    manifest::{Document, Incident, KeyNote, Manifest, Omission, Version},
    sha256,
};

use super::{
    Case,
    world::{
        BASE_MS, PERSON, SALT, SECOND_WITNESS, WITNESS, World, cosign, demo_key, id, key, log,
        second_witness, window, witness,
    },
};

const REPORT: &[u8] = "<!doctype html><title>INC-2025-0007</title><p>فصل وقائي للمضخة P-101A · \
    Trip of pump P-101A</p>"
    .as_bytes();
const TABLE: &[u8] = b"time,event\n2025-12-01T03:00:02Z,trip\n";

/// How a story differs from the plain one.
pub(crate) struct Story {
    pub log: LogId,
    pub key: SigningKey,
    pub origin: Origin,
    /// The key changes in the middle.
    pub rotates: bool,
    /// The name was erased before the export.
    pub is_erased: bool,
    /// Records after the export record.
    pub later: usize,
    pub windows: usize,
    pub documents: usize,
}

impl Default for Story {
    fn default() -> Self {
        Self {
            log: log(),
            key: key(1),
            origin: Origin::Live,
            rotates: false,
            is_erased: false,
            later: 3,
            windows: 1,
            documents: 1,
        }
    }
}

/// A log with one incident in it, and what its export needs.
pub(crate) struct Told {
    pub world: World,
    pub manifest: Vec<u8>,
    pub listed: Vec<u64>,
    pub export: u64,
    windows: Vec<Vec<u8>>,
    has_name: bool,
    documents: usize,
}

/// Tells the story up to its export record and some records more.
pub(crate) fn tell(story: Story) -> Told {
    let mut world = World::new(story.log, story.key, story.origin);
    let first_key = world.key.public().to_bytes();
    world.text("epoch_open", "first start");
    let mut listed = vec![
        world.text("mapping", "P-101A"),
        world.text("rules", "pump 3"),
    ];
    world.text("event", "another pump started");
    listed.push(world.text("event", "vibration left its baseline"));
    listed.push(world.text("event", "alert: vibration above the high-high limit"));
    let acknowledged = world.person("audit", "alerts.acknowledge");
    listed.push(acknowledged);
    world.text("event", "another pump stopped");
    listed.push(world.text("event", "trip"));
    if story.rotates {
        listed.push(world.rotate(key(2)));
    }
    let windows: Vec<Vec<u8>> = (0..story.windows)
        .map(|n| window(&format!("مضخة/P-101A.VIB-{n}"), 3 + n))
        .collect();
    let window_seqs: Vec<u64> = windows
        .iter()
        .map(|w| world.hash(kind::WINDOW, w))
        .collect();
    listed.extend(&window_seqs);
    listed.push(world.text("incident", "locked"));
    let rules = Version {
        what: "rules",
        name: "pump",
        version: "3",
        seq: Some(3),
    };
    let erased = Omission {
        what: "personal_value",
        why: "erased",
        count: 1,
    };
    let documents = [
        ("report.html", "text/html", REPORT),
        ("events.csv", "text/csv", TABLE),
    ];
    let keys = [
        ("appliance", "first", first_key),
        ("appliance", "last", world.key.public().to_bytes()),
        ("cosigner", WITNESS, witness().public().to_bytes()),
    ];
    let manifest = Manifest {
        log: world.log,
        incident: Incident {
            id: id(30),
            number: "INC-2025-0007",
            from_ms: BASE_MS,
            to_ms: BASE_MS + 60_000,
        },
        is_demo: story.origin == Origin::Demo,
        created_ms: BASE_MS + 90_000,
        producer: "optria 0.1.0",
        records: listed.clone(),
        windows: window_seqs,
        versions: vec![rules],
        omissions: story.is_erased.then_some(erased).into_iter().collect(),
        documents: documents[..story.documents]
            .iter()
            .map(|(name, media_type, bytes)| Document {
                name,
                media_type,
                sha256: sha256(bytes),
                is_derived: true,
            })
            .collect(),
        personal: (!story.is_erased)
            .then_some((acknowledged, 0))
            .into_iter()
            .collect(),
        keys: keys
            .iter()
            .map(|(role, name, key)| KeyNote {
                role,
                name,
                key: *key,
            })
            .collect(),
    }
    .encode();
    let export = world.hash(kind::EXPORT, &manifest);
    for n in 0..story.later {
        world.text("event", &format!("later {n}"));
    }
    Told {
        world,
        manifest,
        listed,
        export,
        windows,
        has_name: !story.is_erased,
        documents: story.documents,
    }
}

impl Told {
    /// The file under this checkpoint.
    pub(crate) fn file(&self, checkpoint: &str, cosigned: Option<&str>) -> Vec<u8> {
        let seqs = self.listed.iter().chain([&self.export]);
        let bytes = |seq: &u64| self.world.records[usize::try_from(*seq).unwrap() - 1].as_slice();
        let name = Personal {
            seq: 7,
            field: 0,
            salt: SALT,
            value: PERSON,
        };
        assemble(&Parts {
            manifest: &self.manifest,
            records: seqs.map(bytes).collect(),
            tree: &self.world.tree,
            checkpoint,
            cosigned,
            windows: self.windows.iter().map(Vec::as_slice).collect(),
            personal: self.has_name.then_some(name).into_iter().collect(),
            documents: [REPORT, TABLE][..self.documents].to_vec(),
        })
        .unwrap()
    }
}

/// The smallest file there can be: one record and the one that binds it.
pub(crate) fn smallest() -> Vec<u8> {
    let mut world = World::new(log(), key(1), Origin::Live);
    let only = world.text("event", "trip");
    let manifest = Manifest {
        log: world.log,
        incident: Incident {
            id: id(30),
            number: "1",
            from_ms: BASE_MS,
            to_ms: BASE_MS,
        },
        is_demo: false,
        created_ms: BASE_MS,
        producer: "optria 0.1.0",
        records: vec![only],
        windows: vec![],
        versions: vec![],
        omissions: vec![],
        documents: vec![],
        personal: vec![],
        keys: vec![],
    }
    .encode();
    world.hash(kind::EXPORT, &manifest);
    assemble(&Parts {
        manifest: &manifest,
        records: world.records.iter().map(Vec::as_slice).collect(),
        tree: &world.tree,
        checkpoint: &world.cosigned(2),
        cosigned: None,
        windows: vec![],
        personal: vec![],
        documents: vec![],
    })
    .unwrap()
}

/// The plain file: everything cosigned.
pub(crate) fn plain() -> Vec<u8> {
    let told = tell(Story::default());
    told.file(&told.world.cosigned(told.export), None)
}

pub(crate) fn cases() -> Vec<Case> {
    let verified = (0, "verified", "file", None);
    let alone = (1, "appliance_only", "checkpoint", None);
    let good = |name, what, file, expected| Case {
        name,
        trust: "reader",
        file,
        expected,
        what,
    };
    let told = tell(Story::default());
    let (world, export) = (&told.world, told.export);
    let all = world.head.size;
    let twice = add_cosignature(
        &world.cosigned(export),
        SECOND_WITNESS,
        &second_witness(),
        1_764_559_000,
    )
    .unwrap();
    let rotated = tell(Story {
        rotates: true,
        ..Story::default()
    });
    let erased = tell(Story {
        is_erased: true,
        ..Story::default()
    });
    let rich = tell(Story {
        windows: 3,
        documents: 2,
        later: 40,
        ..Story::default()
    });
    let demo = || {
        let told = tell(Story {
            key: demo_key(),
            origin: Origin::Demo,
            ..Story::default()
        });
        told.file(&told.world.signed(told.export), None)
    };
    vec![
        good(
            "good-01-cosigned",
            "all under a cosigned checkpoint",
            plain(),
            verified,
        ),
        good(
            "good-02-signed-only",
            "no witness yet",
            told.file(&world.signed(export), None),
            alone,
        ),
        good(
            "good-03-cosigned-earlier",
            "the witness signed an earlier checkpoint that reaches all records of the file",
            told.file(&world.signed(all), Some(&world.cosigned(export))),
            verified,
        ),
        good(
            "good-04-open-tail",
            "the witness has not seen the last records yet",
            told.file(&world.signed(all), Some(&world.cosigned(8))),
            (1, "unprotected_range", "record", Some(9)),
        ),
        good(
            "good-05-two-witnesses",
            "two witnesses",
            told.file(&twice, None),
            verified,
        ),
        good(
            "good-06-key-changed",
            "the appliance's key changed in the middle, signed by both",
            rotated.file(&rotated.world.cosigned(rotated.export), None),
            verified,
        ),
        good(
            "good-07-name-erased",
            "a person's name was erased; its hash still proves the record",
            erased.file(&erased.world.cosigned(erased.export), None),
            verified,
        ),
        good(
            "good-08-large",
            "three windows, two documents, a longer log",
            rich.file(
                &rich.world.signed(rich.world.head.size),
                Some(&cosign(&rich.world.signed(rich.export + 5))),
            ),
            verified,
        ),
        good("good-09-smallest", "one record", smallest(), verified),
        Case {
            trust: "demo",
            ..good(
                "good-10-demo",
                "a demo, read by somebody who trusts the demo key",
                demo(),
                alone,
            )
        },
        Case {
            trust: "reader",
            ..good(
                "good-10-demo",
                "a demo: no list of keys has its key unless somebody puts it there",
                demo(),
                (5, "key_unknown", "checkpoint", None),
            )
        },
        Case {
            trust: "nobody",
            ..good(
                "good-01-cosigned",
                "a reader without any key",
                plain(),
                (5, "key_unknown", "checkpoint", None),
            )
        },
    ]
}
