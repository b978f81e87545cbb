//! An evidence file taken apart, so that any part can be bent before it is put together again.

use iq_evidence::{
    Hash, Note, Record, Tree,
    bundle::{Bundle, Entry, Personal},
    manifest::Manifest,
};

#[derive(Clone)]
pub(crate) struct Loose {
    pub manifest: Vec<u8>,
    pub records: Vec<(Vec<u8>, Vec<Hash>)>,
    pub checkpoint: String,
    pub cosigned: Option<(String, Vec<Hash>)>,
    pub windows: Vec<Vec<u8>>,
    pub personal: Vec<(u64, i64, [u8; 16], String)>,
    pub documents: Vec<Vec<u8>>,
}

impl Loose {
    pub(crate) fn of(file: &[u8]) -> Self {
        let bundle = Bundle::decode(file).unwrap();
        let owned = |parts: &[&[u8]]| parts.iter().map(|part| part.to_vec()).collect();
        let personal = bundle.personal.iter();
        Self {
            manifest: bundle.manifest.to_vec(),
            records: bundle
                .records
                .iter()
                .map(|entry| (entry.bytes.to_vec(), entry.proof.clone()))
                .collect(),
            checkpoint: bundle.checkpoint.to_owned(),
            cosigned: bundle
                .cosigned
                .map(|(note, proof)| (note.to_owned(), proof)),
            windows: owned(&bundle.windows),
            personal: personal
                .map(|p| (p.seq, p.field, p.salt, p.value.to_owned()))
                .collect(),
            documents: owned(&bundle.documents),
        }
    }

    pub(crate) fn encode(&self) -> Vec<u8> {
        Bundle {
            manifest: &self.manifest,
            records: self
                .records
                .iter()
                .map(|(bytes, proof)| Entry {
                    bytes,
                    proof: proof.clone(),
                })
                .collect(),
            checkpoint: &self.checkpoint,
            cosigned: self
                .cosigned
                .as_ref()
                .map(|(note, proof)| (note.as_str(), proof.clone())),
            windows: self.windows.iter().map(Vec::as_slice).collect(),
            personal: self
                .personal
                .iter()
                .map(|(seq, field, salt, value)| Personal {
                    seq: *seq,
                    field: *field,
                    salt: *salt,
                    value,
                })
                .collect(),
            documents: self.documents.iter().map(Vec::as_slice).collect(),
        }
        .encode()
    }

    /// Where the record with this number stands.
    pub(crate) fn place(&self, seq: u64) -> usize {
        let seqs = self
            .records
            .iter()
            .map(|(bytes, _)| Record::decode(bytes).unwrap().seq);
        seqs.into_iter().position(|found| found == seq).unwrap()
    }

    pub(crate) fn record(&self, seq: u64) -> Record<'_> {
        Record::decode(&self.records[self.place(seq)].0).unwrap()
    }

    pub(crate) fn replace(&mut self, seq: u64, bytes: Vec<u8>) {
        let at = self.place(seq);
        self.records[at].0 = bytes;
    }

    /// All proofs anew, for the records and the checkpoint as they are now.
    pub(crate) fn prove(&mut self, tree: &Tree) {
        let size = Note::parse(&self.checkpoint).unwrap().checkpoint.size;
        for (bytes, proof) in &mut self.records {
            let seq = Record::decode(bytes).unwrap().seq;
            *proof = tree.inclusion(seq - 1, size).unwrap();
        }
    }

    pub(crate) fn edit_manifest(&mut self, edit: impl FnOnce(&mut Manifest<'_>)) {
        let old = self.manifest.clone();
        let mut manifest = Manifest::decode(&old).unwrap();
        edit(&mut manifest);
        self.manifest = manifest.encode();
    }
}
