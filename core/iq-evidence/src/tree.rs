//! The Merkle tree of RFC 6962: the root over a list of leaves, the proof that a leaf is under a
//! root, and the proof that a longer list begins with a shorter one.

use sha2::{Digest, Sha256};

/// A SHA-256 value.
pub type Hash = [u8; 32];

/// SHA-256.
#[must_use]
pub fn sha256(bytes: &[u8]) -> Hash {
    Sha256::digest(bytes).into()
}

/// The leaf of a record: SHA-256(0x00 ‖ record).
#[must_use]
pub fn leaf_hash(record: &[u8]) -> Hash {
    Sha256::new()
        .chain_update([0])
        .chain_update(record)
        .finalize()
        .into()
}

/// A node over two others: SHA-256(0x01 ‖ left ‖ right).
fn node_hash(left: &Hash, right: &Hash) -> Hash {
    Sha256::new()
        .chain_update([1])
        .chain_update(left)
        .chain_update(right)
        .finalize()
        .into()
}

/// All complete subtrees over a list of leaves: two hashes of memory per leaf, proofs in a few steps.
#[derive(Clone, Debug, Default)]
pub struct Tree {
    /// `levels[k][i]` covers the leaves `i·2^k .. (i+1)·2^k`.
    levels: Vec<Vec<Hash>>,
}

impl Tree {
    /// The number of leaves.
    #[must_use]
    pub fn size(&self) -> u64 {
        self.levels.first().map_or(0, |leaves| leaves.len() as u64)
    }

    /// Adds a leaf at the end.
    pub fn push(&mut self, leaf: Hash) {
        let mut hash = leaf;
        for level in 0.. {
            if self.levels.len() == level {
                self.levels.push(Vec::new());
            }
            let row = &mut self.levels[level];
            row.push(hash);
            if row.len() % 2 == 1 {
                return;
            }
            hash = node_hash(&row[row.len() - 2], &row[row.len() - 1]);
        }
    }

    /// The root over the first `size` leaves; none when the tree has fewer, or for no leaf at all.
    #[must_use]
    pub fn root(&self, size: u64) -> Option<Hash> {
        (size > 0 && size <= self.size()).then(|| self.range(0, size))
    }

    /// The proof that leaf `index` (from 0) is under the root over the first `size` leaves.
    #[must_use]
    pub fn inclusion(&self, index: u64, size: u64) -> Option<Vec<Hash>> {
        if index >= size || size > self.size() {
            return None;
        }
        let (mut low, mut high) = (0, size);
        let mut proof = Vec::new();
        while high - low > 1 {
            let middle = low + split(high - low);
            if index < middle {
                proof.push(self.range(middle, high));
                high = middle;
            } else {
                proof.push(self.range(low, middle));
                low = middle;
            }
        }
        proof.reverse();
        Some(proof)
    }

    /// The proof that the first `new` leaves begin with the first `old`; empty when they are equal.
    #[must_use]
    pub fn consistency(&self, old: u64, new: u64) -> Option<Vec<Hash>> {
        if old == 0 || old > new || new > self.size() {
            return None;
        }
        let (mut low, mut high) = (0, new);
        let mut proof = Vec::new();
        while high != old {
            let middle = low + split(high - low);
            if old <= middle {
                proof.push(self.range(middle, high));
                high = middle;
            } else {
                proof.push(self.range(low, middle));
                low = middle;
            }
        }
        // The old root itself is known to who checks, unless it is only a part of the old tree.
        if low > 0 {
            proof.push(self.range(low, high));
        }
        proof.reverse();
        Some(proof)
    }

    fn range(&self, low: u64, high: u64) -> Hash {
        let length = high - low;
        if length.is_power_of_two() && low.is_multiple_of(length) {
            let level = length.trailing_zeros() as usize;
            return self.levels[level][usize::try_from(low / length).unwrap_or(usize::MAX)];
        }
        let middle = low + split(length);
        node_hash(&self.range(low, middle), &self.range(middle, high))
    }
}

/// The end of a tree that only grows: the roots of its complete subtrees, largest first. All that a
/// root needs, in a few hashes; proofs need the [`Tree`].
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Frontier {
    size: u64,
    roots: Vec<Hash>,
}

impl Frontier {
    /// The frontier of `size` leaves with these roots; `None` when their number is another.
    #[must_use]
    pub fn from_bytes(size: u64, bytes: &[u8]) -> Option<Self> {
        let (roots, rest) = bytes.as_chunks::<32>();
        let is_whole = rest.is_empty() && roots.len() == size.count_ones() as usize;
        is_whole.then(|| Self {
            size,
            roots: roots.to_vec(),
        })
    }

    /// Its roots, one after another.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        self.roots.concat()
    }

    /// The number of leaves.
    #[must_use]
    pub const fn size(&self) -> u64 {
        self.size
    }

    /// Adds a leaf at the end.
    pub fn push(&mut self, leaf: Hash) {
        let mut hash = leaf;
        for _ in 0..self.size.trailing_ones() {
            if let Some(left) = self.roots.pop() {
                hash = node_hash(&left, &hash);
            }
        }
        self.roots.push(hash);
        self.size += 1;
    }

    /// The root over all leaves; none for no leaf.
    #[must_use]
    pub fn root(&self) -> Option<Hash> {
        let (last, larger) = self.roots.split_last()?;
        Some(
            larger
                .iter()
                .rfold(*last, |hash, left| node_hash(left, &hash)),
        )
    }
}

/// The largest power of two below `length`.
fn split(length: u64) -> u64 {
    length.next_power_of_two() / 2
}

/// Whether `proof` leads from a leaf to the root (RFC 9162 §2.1.3.2).
#[must_use]
pub fn is_included(leaf: &Hash, index: u64, size: u64, proof: &[Hash], root: &Hash) -> bool {
    if index >= size {
        return false;
    }
    let (mut fn_, mut sn) = (index, size - 1);
    let mut hash = *leaf;
    for sibling in proof {
        if sn == 0 {
            return false;
        }
        if fn_ % 2 == 1 || fn_ == sn {
            hash = node_hash(sibling, &hash);
            while fn_ % 2 == 0 && fn_ != 0 {
                fn_ /= 2;
                sn /= 2;
            }
        } else {
            hash = node_hash(&hash, sibling);
        }
        fn_ /= 2;
        sn /= 2;
    }
    sn == 0 && hash == *root
}

/// Whether `proof` shows that the tree of `new` leaves begins with that of `old` (RFC 9162 §2.1.4.2).
#[must_use]
pub fn is_consistent(
    (old, old_root): (u64, &Hash),
    (new, new_root): (u64, &Hash),
    proof: &[Hash],
) -> bool {
    if old == 0 || old > new {
        return false;
    }
    if old == new {
        return proof.is_empty() && old_root == new_root;
    }
    let (first, rest) = if old.is_power_of_two() {
        (*old_root, proof)
    } else {
        let Some((first, rest)) = proof.split_first() else {
            return false;
        };
        (*first, rest)
    };
    let (mut fn_, mut sn) = (old - 1, new - 1);
    while fn_ % 2 == 1 {
        fn_ /= 2;
        sn /= 2;
    }
    let (mut old_hash, mut new_hash) = (first, first);
    for node in rest {
        if sn == 0 {
            return false;
        }
        if fn_ % 2 == 1 || fn_ == sn {
            old_hash = node_hash(node, &old_hash);
            new_hash = node_hash(node, &new_hash);
            while fn_ % 2 == 0 && fn_ != 0 {
                fn_ /= 2;
                sn /= 2;
            }
        } else {
            new_hash = node_hash(&new_hash, node);
        }
        fn_ /= 2;
        sn /= 2;
    }
    sn == 0 && old_hash == *old_root && new_hash == *new_root
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The eight inputs of the reference tests of Certificate Transparency, and their roots.
    const INPUTS: [&str; 8] = [
        "",
        "00",
        "10",
        "2021",
        "3031",
        "40414243",
        "5051525354555657",
        "606162636465666768696a6b6c6d6e6f",
    ];
    const ROOTS: [&str; 8] = [
        "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
        "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
        "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
        "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
        "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
        "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
        "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
        "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
    ];

    fn hex(text: &str) -> Vec<u8> {
        (0..text.len())
            .step_by(2)
            .map(|i| u8::from_str_radix(&text[i..i + 2], 16).unwrap())
            .collect()
    }

    fn tree(size: u64) -> Tree {
        let mut tree = Tree::default();
        for n in 0..size {
            tree.push(leaf_hash(&n.to_be_bytes()));
        }
        tree
    }

    #[test]
    fn has_the_roots_of_the_reference_tests() {
        let mut tree = Tree::default();
        for (input, root) in INPUTS.iter().zip(ROOTS) {
            tree.push(leaf_hash(&hex(input)));
            assert_eq!(tree.root(tree.size()).unwrap().to_vec(), hex(root));
        }
    }

    #[test]
    fn proves_each_leaf_of_each_size_and_no_other() {
        let tree = tree(40);
        for size in 1..=40 {
            let root = tree.root(size).unwrap();
            for index in 0..size {
                let leaf = leaf_hash(&index.to_be_bytes());
                let proof = tree.inclusion(index, size).unwrap();
                assert!(is_included(&leaf, index, size, &proof, &root));
                assert!(!is_included(&leaf, index + 1, size, &proof, &root));
                assert!(!is_included(
                    &leaf,
                    index,
                    size,
                    &[&proof[..], &[root]].concat(),
                    &root
                ));
                if let Some((_, shorter)) = proof.split_last() {
                    assert!(!is_included(&leaf, index, size, shorter, &root));
                }
                for node in 0..proof.len() {
                    let mut wrong = proof.clone();
                    wrong[node][0] ^= 1;
                    assert!(!is_included(&leaf, index, size, &wrong, &root));
                }
            }
        }
    }

    #[test]
    fn proves_each_prefix_and_no_other() {
        let tree = tree(40);
        let mut other = Tree::default();
        other.push(leaf_hash(b"another beginning"));
        (1..40_u64).for_each(|n| other.push(leaf_hash(&n.to_be_bytes())));
        for new in 1..=40 {
            let root = tree.root(new).unwrap();
            for old in 1..=new {
                let before = tree.root(old).unwrap();
                let proof = tree.consistency(old, new).unwrap();
                assert!(is_consistent((old, &before), (new, &root), &proof));
                let forged = other.root(old).unwrap();
                assert!(!is_consistent((old, &forged), (new, &root), &proof));
                let more = [&proof[..], &[root]].concat();
                assert!(!is_consistent((old, &before), (new, &root), &more));
                for node in 0..proof.len() {
                    let mut wrong = proof.clone();
                    wrong[node][31] ^= 128;
                    assert!(!is_consistent((old, &before), (new, &root), &wrong));
                    let less = &proof[..node];
                    assert!(!is_consistent((old, &before), (new, &root), less));
                }
            }
        }
    }

    #[test]
    fn a_frontier_has_the_roots_of_the_tree_and_goes_on_after_a_restart() {
        let (mut tree, mut frontier) = (Tree::default(), Frontier::default());
        assert_eq!(frontier.root(), None);
        for n in 0..200_u8 {
            let leaf = leaf_hash(&[n]);
            tree.push(leaf);
            frontier.push(leaf);
            assert_eq!(frontier.root(), tree.root(tree.size()), "{n}");
            let bytes = frontier.to_bytes();
            assert_eq!(
                Frontier::from_bytes(tree.size(), &bytes).as_ref(),
                Some(&frontier)
            );
            assert_eq!(Frontier::from_bytes(tree.size(), &bytes[1..]), None);
        }
    }
}
