//! One regression tree over bins, grown leaf by leaf where the gain is largest.

use serde::{Deserialize, Serialize};

use super::{BoostConfig, bins::Binned};

/// Work below which a second thread costs more than it brings.
const WORTH_A_THREAD: usize = 400_000;

/// A node: a leaf where `left` is 0.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Node {
    column: u32,
    cut: f64,
    left: u32,
    right: u32,
    value: f64,
}

/// A tree.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Tree {
    nodes: Vec<Node>,
}

impl Tree {
    /// What it adds for a row; a missing value goes to the left.
    pub(super) fn value(&self, row: &[f64]) -> f64 {
        let mut at = 0;
        while let Some(node) = self.nodes.get(at) {
            if node.left == 0 {
                return node.value;
            }
            let goes_right = row.get(node.column as usize).is_some_and(|v| *v > node.cut);
            at = if goes_right { node.right } else { node.left } as usize;
        }
        0.0
    }
}

/// Sums of a bin: gradient, curvature, rows.
type Cell = [f64; 3];

struct Leaf {
    node: usize,
    rows: Vec<u32>,
    cells: Vec<Cell>,
    split: Option<Split>,
}

#[derive(Clone, Copy)]
struct Split {
    gain: f64,
    /// Position among the chosen columns.
    place: usize,
    bin: usize,
}

pub(super) struct Grower<'a> {
    pub(super) binned: &'a Binned,
    pub(super) columns: &'a [usize],
    pub(super) gradient: &'a [f64],
    pub(super) curvature: &'a [f64],
    pub(super) config: &'a BoostConfig,
}

impl Grower<'_> {
    /// Grows a tree on some rows (Friedman, 2001; gain and leaf values with λ: Chen and Guestrin, 2016).
    pub(super) fn grow(&self, rows: Vec<u32>) -> Tree {
        let cells = self.cells(&rows);
        let mut nodes = vec![self.leaf_node(&rows)];
        let mut leaves = vec![self.leaf(0, rows, cells)];
        while leaves.len() < self.config.leaves.max(2) {
            let best = leaves
                .iter()
                .enumerate()
                .filter_map(|(i, l)| l.split.map(|s| (i, s)))
                .max_by(|a, b| a.1.gain.total_cmp(&b.1.gain).then(b.0.cmp(&a.0)));
            let Some((which, split)) = best else { break };
            let leaf = leaves.swap_remove(which);
            let column = self.columns[split.place];
            let bins = self.binned.column(column);
            let (left, right): (Vec<u32>, Vec<u32>) = leaf
                .rows
                .iter()
                .partition(|r| usize::from(bins[**r as usize]) <= split.bin);
            // The larger side's sums are what is left of the parent's.
            let small = self.cells(if left.len() <= right.len() {
                &left
            } else {
                &right
            });
            let large = leaf
                .cells
                .iter()
                .zip(&small)
                .map(|(p, s)| [p[0] - s[0], p[1] - s[1], p[2] - s[2]])
                .collect();
            let (a, b) = if left.len() <= right.len() {
                (small, large)
            } else {
                (large, small)
            };
            let at = nodes.len();
            nodes.push(self.leaf_node(&left));
            nodes.push(self.leaf_node(&right));
            let parent = &mut nodes[leaf.node];
            parent.column = place(column);
            parent.cut = self.binned.cut_at(column, split.bin);
            (parent.left, parent.right) = (place(at), place(at + 1));
            leaves.push(self.leaf(at, left, a));
            leaves.push(self.leaf(at + 1, right, b));
        }
        Tree { nodes }
    }

    fn leaf_node(&self, rows: &[u32]) -> Node {
        let gradient: f64 = rows.iter().map(|r| self.gradient[*r as usize]).sum();
        let curvature: f64 = rows.iter().map(|r| self.curvature[*r as usize]).sum();
        let value = -self.config.rate * gradient / (curvature + self.config.lambda).max(1e-12);
        Node {
            column: 0,
            cut: 0.0,
            left: 0,
            right: 0,
            value,
        }
    }

    fn leaf(&self, node: usize, rows: Vec<u32>, cells: Vec<Cell>) -> Leaf {
        let split = self.best(&cells);
        Leaf {
            node,
            rows,
            cells,
            split,
        }
    }

    /// Sums of every chosen column's bins. Columns are shared among the threads; each is summed in the
    /// order of the rows, so the number of threads changes nothing.
    fn cells(&self, rows: &[u32]) -> Vec<Cell> {
        let most = self.binned.most();
        let mut out = vec![[0.0; 3]; most * self.columns.len()];
        let threads = if rows.len() * self.columns.len() < WORTH_A_THREAD {
            1
        } else {
            self.config.threads.max(1)
        };
        let share = self.columns.len().div_ceil(threads).max(1);
        std::thread::scope(|scope| {
            let mut rest = self.columns.chunks(share).zip(out.chunks_mut(share * most));
            let first = rest.next();
            for (columns, cells) in rest {
                scope.spawn(move || self.fill(rows, columns, cells, most));
            }
            if let Some((columns, cells)) = first {
                self.fill(rows, columns, cells, most);
            }
        });
        out
    }

    fn fill(&self, rows: &[u32], columns: &[usize], cells: &mut [Cell], most: usize) {
        for (column, cells) in columns.iter().zip(cells.chunks_mut(most)) {
            let bins = self.binned.column(*column);
            for row in rows {
                let row = *row as usize;
                let cell = &mut cells[usize::from(bins[row])];
                cell[0] += self.gradient[row];
                cell[1] += self.curvature[row];
                cell[2] += 1.0;
            }
        }
    }

    #[allow(clippy::cast_precision_loss)]
    fn best(&self, cells: &[Cell]) -> Option<Split> {
        let most = self.binned.most();
        let worth = |c: Cell| c[0] * c[0] / (c[1] + self.config.lambda).max(1e-12);
        let least = self.config.min_leaf.max(1) as f64;
        let mut best: Option<Split> = None;
        for (place, bins) in cells.chunks(most).enumerate() {
            let whole = bins
                .iter()
                .fold([0.0; 3], |s, c| [s[0] + c[0], s[1] + c[1], s[2] + c[2]]);
            let mut left = [0.0; 3];
            for (bin, c) in bins.iter().enumerate().take(most - 1) {
                left = [left[0] + c[0], left[1] + c[1], left[2] + c[2]];
                let right = [whole[0] - left[0], whole[1] - left[1], whole[2] - left[2]];
                if left[2] < least || right[2] < least {
                    continue;
                }
                let gain = worth(left) + worth(right) - worth(whole);
                if gain > best.map_or(1e-9, |b| b.gain) {
                    best = Some(Split { gain, place, bin });
                }
            }
        }
        best
    }
}

fn place(n: usize) -> u32 {
    u32::try_from(n).unwrap_or(u32::MAX)
}
