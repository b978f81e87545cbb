//! An appliance in small: its log, its tree, its key, and a witness.

use base64::{Engine, engine::general_purpose::STANDARD};
use iq_evidence::{
    Checkpoint, Hash, Head, Id, LogId, Origin, PublicKey, Record, SigningKey, Tree,
    add_cosignature, cbor::Value, kind, leaf_hash, personal_hash, rotation_message, sha256,
};

pub(crate) const BASE_MS: i64 = 1_764_558_000_000;
pub(crate) const WITNESS: &str = "hub.example/witness-1";
pub(crate) const SECOND_WITNESS: &str = "courier.example/witness-2";
pub(crate) const SALT: [u8; 16] = [0x5a; 16];
pub(crate) const PERSON: &str = "فاطمة الزهراني";

pub(crate) fn key(number: u8) -> SigningKey {
    SigningKey::from_seed(&sha256(&[number]))
}

pub(crate) fn witness() -> SigningKey {
    key(101)
}

pub(crate) fn second_witness() -> SigningKey {
    key(102)
}

/// The key every demo signs with; no list of keys has it but the one for this very test.
pub(crate) fn demo_key() -> SigningKey {
    key(200)
}

pub(crate) fn id(number: u8) -> Id {
    let mut id = Id::default();
    id.copy_from_slice(&sha256(&[0xff, number])[..16]);
    id
}

pub(crate) fn log() -> LogId {
    LogId {
        tenant: id(1),
        appliance: id(2),
        epoch: id(3),
        stream: 1,
    }
}

pub(crate) struct World {
    pub log: LogId,
    pub key: SigningKey,
    pub origin: Origin,
    pub records: Vec<Vec<u8>>,
    pub tree: Tree,
    pub head: Head,
}

impl World {
    pub(crate) fn new(log: LogId, key: SigningKey, origin: Origin) -> Self {
        Self {
            log,
            key,
            origin,
            records: Vec::new(),
            tree: Tree::default(),
            head: Head::EMPTY,
        }
    }

    /// A record at the end of the log; returns its number.
    pub(crate) fn push(
        &mut self,
        kind: &str,
        actor: Option<Hash>,
        body: Vec<(i64, Value<'_>)>,
    ) -> u64 {
        let seq = self.head.size + 1;
        let at_ms = BASE_MS + 250 * i64::try_from(seq).unwrap();
        let bytes = Record {
            log: self.log,
            seq,
            prev_leaf: self.head.leaf,
            kind,
            schema_version: 1,
            event_ms: at_ms - 40,
            received_ms: at_ms,
            boot: id(9),
            mono_us: 250_000 * seq,
            source: "DCS-1",
            quality: 0,
            actor,
            origin: self.origin,
            body,
        }
        .encode();
        self.tree.push(leaf_hash(&bytes));
        self.head = self.head.after(&bytes);
        self.records.push(bytes);
        seq
    }

    pub(crate) fn text(&mut self, kind: &str, text: &str) -> u64 {
        self.push(kind, None, vec![(1, Value::Text(text))])
    }

    pub(crate) fn person(&mut self, kind: &str, text: &str) -> u64 {
        let actor = Some(personal_hash(&SALT, PERSON));
        self.push(kind, actor, vec![(1, Value::Text(text))])
    }

    pub(crate) fn hash(&mut self, kind: &str, bytes: &[u8]) -> u64 {
        self.push(kind, None, vec![(1, Value::Bytes(&sha256(bytes)))])
    }

    /// From this record on another key signs.
    pub(crate) fn rotate(&mut self, new: SigningKey) -> u64 {
        let keys = [self.key.public().to_bytes(), new.public().to_bytes()];
        let message = rotation_message(&self.log.tenant, &self.log.appliance, &keys[0], &keys[1]);
        let signatures = [self.key.sign(&message), new.sign(&message)];
        let body = vec![
            (1, Value::Bytes(&keys[0])),
            (2, Value::Bytes(&keys[1])),
            (3, Value::Bytes(&signatures[0])),
            (4, Value::Bytes(&signatures[1])),
        ];
        let seq = self.push(kind::KEY_ROTATION, None, body);
        self.key = new;
        seq
    }

    pub(crate) fn checkpoint(&self, size: u64) -> Checkpoint {
        Checkpoint {
            origin: self.log.origin(),
            size,
            root: self.tree.root(size).unwrap(),
            prev: [0; 32],
            at_ms: u64::try_from(BASE_MS).unwrap() + 1_000 * size,
            boot: id(9),
        }
    }

    pub(crate) fn signed(&self, size: u64) -> String {
        self.checkpoint(size).sign(&self.key)
    }

    pub(crate) fn cosigned(&self, size: u64) -> String {
        cosign(&self.signed(size))
    }
}

pub(crate) fn cosign(note: &str) -> String {
    let seconds = u64::try_from(BASE_MS / 1_000).unwrap() + 60;
    add_cosignature(note, WITNESS, &witness(), seconds).unwrap()
}

/// Raw samples as they are frozen: seventeen bytes each, time, value and quality.
pub(crate) fn window(tag: &str, samples: usize) -> Vec<u8> {
    let mut rows = Vec::new();
    for n in 0..samples {
        let at = BASE_MS + 1_000 * i64::try_from(n).unwrap();
        rows.extend_from_slice(&at.to_be_bytes());
        let value = 40.0 + 0.25 * f64::from(u32::try_from(n).unwrap());
        rows.extend_from_slice(&value.to_be_bytes());
        rows.push(0);
    }
    Value::map([
        (1, Value::Bytes(&id(40))),
        (2, Value::Text(tag)),
        (3, Value::Text("vibration_velocity_rms")),
        (4, Value::Text("mm/s")),
        (5, Value::Int(BASE_MS)),
        (6, Value::Int(BASE_MS + 60_000)),
        (7, Value::Bytes(&rows)),
    ])
    .encode()
}

fn line(words: &[&str], key: &PublicKey) -> String {
    let key = STANDARD.encode(key.to_bytes());
    let mut words: Vec<&str> = words.to_vec();
    words.push(&key);
    words.join(" ") + "\n"
}

/// The lists of keys of the readers, by name.
pub(crate) fn trust_lists() -> Vec<(&'static str, String)> {
    let hex = iq_evidence::hex;
    let (tenant, appliance) = (hex(&log().tenant), hex(&log().appliance));
    let ours = line(&["appliance", &tenant, &appliance], &key(1).public());
    let witness = line(&["cosigner", WITNESS], &witness().public());
    let second = line(&["cosigner", SECOND_WITNESS], &second_witness().public());
    let demo = line(&["appliance", &tenant, &appliance], &demo_key().public());
    vec![
        (
            "reader",
            format!("# the plant's appliance and its witnesses\n{ours}{witness}{second}"),
        ),
        ("no-witness", ours),
        ("nobody", "# no key yet\n".to_owned()),
        ("demo", format!("{demo}{witness}")),
    ]
}
