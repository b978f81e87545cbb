//! What is in memory: per signal the open buffer, the late buffer, blocks that are being sealed, and
//! the last values.
//!
//! Order of precedence, oldest first: sealed blocks in the order they were frozen, then `open`, then
//! `late`. A signal's `open` holds only times after everything sealed; `late` the rest.

use std::collections::VecDeque;
use std::sync::Arc;

use iq_domain::Value;

use iq_chunk::block::{Block, Placed, Sample};

/// Samples of one signal on their way into chunks.
#[derive(Clone, Debug)]
pub(crate) struct Frozen {
    pub(crate) seal: u64,
    pub(crate) main: Option<Arc<Block>>,
    pub(crate) late: Option<Arc<Block>>,
    /// Oldest journal row that holds any of them.
    pub(crate) first_id: i64,
    /// Newest journal row whose samples of this signal are all sealed with it.
    pub(crate) mark: i64,
    /// The open buffer stays and has to be written to the journal again when this is stored.
    pub(crate) carries: bool,
}

/// The last good value; unknown after the sample that was it has been overwritten.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum LastGood {
    Known(Option<Sample>),
    Unknown,
}

/// One signal.
#[derive(Debug)]
pub(crate) struct Signal {
    pub(crate) open: Block,
    pub(crate) late: Block,
    pub(crate) open_first: i64,
    pub(crate) late_first: i64,
    pub(crate) frozen: VecDeque<Frozen>,
    pub(crate) sealed_to: i64,
    /// Replay skips this signal's samples in journal rows up to here.
    pub(crate) mark: i64,
    pub(crate) target: usize,
    pub(crate) last: Option<Sample>,
    pub(crate) last_good: LastGood,
    /// Counts samples taken in: tells a search for the last good value whether it is still true.
    pub(crate) version: u64,
}

impl Signal {
    fn new(target: usize) -> Self {
        Self {
            open: Block::default(),
            late: Block::default(),
            open_first: i64::MAX,
            late_first: i64::MAX,
            frozen: VecDeque::new(),
            sealed_to: i64::MIN,
            mark: 0,
            target,
            last: None,
            last_good: LastGood::Known(None),
            version: 0,
        }
    }

    fn bytes(&self) -> usize {
        self.open.bytes() + self.late.bytes()
    }

    /// Oldest journal row it still needs, leaving out the given seals.
    pub(crate) fn first_id(&self, without: &dyn Fn(u64) -> bool) -> i64 {
        let frozen = self
            .frozen
            .iter()
            .filter(|f| !without(f.seal))
            .map(|f| f.first_id)
            .min();
        self.open_first
            .min(self.late_first)
            .min(frozen.unwrap_or(i64::MAX))
    }

    /// In order of precedence, every block that may hold samples in `[from, to)`.
    pub(crate) fn layers(&self) -> impl DoubleEndedIterator<Item = &Block> {
        self.frozen
            .iter()
            .flat_map(|f| [f.main.as_deref(), f.late.as_deref()])
            .flatten()
            .chain([&self.open, &self.late])
    }

    fn note_last(&mut self, t: i64, value: Option<&Value>, status: u32) {
        self.version += 1;
        let is_newest = self.last.as_ref().is_none_or(|last| t >= last.t);
        let good_at = match &self.last_good {
            LastGood::Known(Some(good)) => Some(good.t),
            _ => None,
        };
        if !is_newest && good_at.is_some_and(|good| t < good) {
            return;
        }
        let sample = Sample {
            t,
            value: normal(value),
            status,
        };
        if sample.is_usable() {
            let newest_good = match &self.last_good {
                LastGood::Known(None) => true,
                LastGood::Known(Some(good)) => t >= good.t,
                LastGood::Unknown => is_newest,
            };
            if newest_good {
                self.last_good = LastGood::Known(Some(sample.clone()));
            }
        } else if good_at == Some(t) {
            self.last_good = LastGood::Unknown;
        }
        if is_newest {
            self.last = Some(sample);
        }
    }
}

/// A truth value as the number it is stored as.
fn normal(value: Option<&Value>) -> Option<Value> {
    match value {
        Some(Value::Bool(truth)) => Some(Value::Number(f64::from(u8::from(*truth)))),
        other => other.cloned(),
    }
}

/// What became of one sample.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Applied {
    Added,
    Replaced,
    Late,
}

/// All signals in memory.
#[derive(Debug, Default)]
pub(crate) struct Hot {
    signals: Vec<Option<Box<Signal>>>,
    /// Bytes of open and late buffers.
    pub(crate) bytes: usize,
    next_seal: u64,
    chunk_samples: usize,
}

impl Hot {
    pub(crate) fn new(chunk_samples: usize) -> Self {
        Self {
            chunk_samples,
            ..Self::default()
        }
    }

    pub(crate) fn get(&self, signal_no: u32) -> Option<&Signal> {
        self.signals.get(signal_no as usize)?.as_deref()
    }

    pub(crate) fn get_mut(&mut self, signal_no: u32) -> Option<&mut Signal> {
        self.signals.get_mut(signal_no as usize)?.as_deref_mut()
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (u32, &Signal)> {
        (0_u32..)
            .zip(&self.signals)
            .filter_map(|(no, signal)| Some((no, signal.as_deref()?)))
    }

    /// The signal, made if there is none. First targets are spread so that seals never coincide.
    pub(crate) fn entry(&mut self, signal_no: u32) -> &mut Signal {
        let at = signal_no as usize;
        if at >= self.signals.len() {
            self.signals.resize_with(at + 1, || None);
        }
        let spread = self.chunk_samples / 4 * 3;
        self.signals[at].get_or_insert_with(|| {
            let hash = signal_no.wrapping_mul(0x9e37_79b9) >> 8;
            let target = self.chunk_samples - hash as usize % spread.max(1);
            Box::new(Signal::new(target))
        })
    }

    /// Takes in a sample of journal row `id`; `true` beside it when the signal is due for sealing.
    #[inline]
    pub(crate) fn apply(
        &mut self,
        signal_no: u32,
        t: i64,
        value: Option<&Value>,
        status: u32,
        id: i64,
    ) -> (Applied, bool) {
        let chunk_samples = self.chunk_samples;
        let signal = self.entry(signal_no);
        let before = signal.bytes();
        let late = t <= signal.sealed_to;
        let placed = if late {
            signal.late_first = signal.late_first.min(id);
            signal.late.put(t, value, status)
        } else {
            signal.open_first = signal.open_first.min(id);
            signal.open.put(t, value, status)
        };
        signal.note_last(t, value, status);
        let due = signal.open.len() >= signal.target || signal.late.len() >= chunk_samples;
        let after = signal.bytes();
        self.bytes = self.bytes + after - before;
        let applied = match placed {
            _ if late => Applied::Late,
            Placed::Added => Applied::Added,
            Placed::Replaced => Applied::Replaced,
        };
        (applied, due)
    }

    /// Takes the buffers of a signal for sealing; `mark` is the newest journal row applied. `None`
    /// when there is nothing to take or a seal that carries its open buffer has yet to be stored.
    pub(crate) fn freeze(&mut self, signal_no: u32, mark: i64) -> Option<Frozen> {
        let (chunk_samples, seal) = (self.chunk_samples, self.next_seal);
        let signal = self.get_mut(signal_no)?;
        if signal.frozen.iter().any(|f| f.carries)
            || (signal.open.is_empty() && signal.late.is_empty())
        {
            return None;
        }
        let before = signal.bytes();
        let carries = signal.late.len() >= chunk_samples
            && signal.open.len() < signal.target / 8
            && !signal.open.is_empty();
        let mut first_id = std::mem::replace(&mut signal.late_first, i64::MAX);
        let take = |block: &mut Block| {
            let mut block = std::mem::take(block);
            block.shrink();
            (!block.is_empty()).then(|| Arc::new(block))
        };
        let late = take(&mut signal.late);
        let main = if carries {
            None
        } else {
            take(&mut signal.open)
        };
        if !carries {
            first_id = first_id.min(std::mem::replace(&mut signal.open_first, i64::MAX));
        }
        if let Some(end) = main.as_deref().and_then(Block::last_time) {
            signal.sealed_to = signal.sealed_to.max(end);
        }
        signal.target = chunk_samples;
        let frozen = Frozen {
            seal,
            main,
            late,
            first_id,
            mark,
            carries,
        };
        signal.frozen.push_back(frozen.clone());
        let after = signal.bytes();
        self.bytes = self.bytes + after - before;
        self.next_seal += 1;
        Some(frozen)
    }

    /// Forgets a block that is stored now.
    pub(crate) fn stored(&mut self, signal_no: u32, seal: u64) {
        if let Some(signal) = self.get_mut(signal_no)
            && let Some(at) = signal.frozen.iter().position(|f| f.seal == seal)
            && let Some(frozen) = signal.frozen.remove(at)
        {
            signal.mark = signal.mark.max(frozen.mark);
        }
    }

    /// The signals whose sealing brings the buffers back to seven eighths of `budget`, fullest first.
    pub(crate) fn over_budget(&self, budget: usize) -> Vec<u32> {
        if self.bytes <= budget {
            return Vec::new();
        }
        let mut sizes: Vec<(usize, u32)> = self
            .iter()
            .map(|(no, signal)| (signal.bytes(), no))
            .filter(|s| s.0 > 0)
            .collect();
        sizes.sort_unstable_by(|a, b| b.cmp(a));
        let mut excess = self.bytes - budget / 8 * 7;
        sizes
            .into_iter()
            .map_while(|(size, no)| {
                let wanted = excess > 0;
                excess = excess.saturating_sub(size);
                wanted.then_some(no)
            })
            .collect()
    }
}
