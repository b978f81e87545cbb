//! Encoding of frozen blocks beside the writer, so that no commit waits for the codec.

use std::collections::VecDeque;
use std::sync::Arc;

use parking_lot::{Condvar, Mutex};

use crate::error::HistorianError;
use crate::hot::Frozen;
use crate::store::{self, Encoded};
use iq_chunk::block::Block;

/// A frozen block in its stored form, waiting for the next commit.
pub(crate) struct Sealed {
    pub(crate) signal_no: u32,
    pub(crate) frozen: Frozen,
    pub(crate) main: Vec<Encoded>,
    pub(crate) late: Vec<Encoded>,
}

#[derive(Default)]
struct State {
    /// One line per worker: a signal always takes the same, which keeps its blocks in order.
    lines: Vec<VecDeque<(u32, Frozen)>>,
    /// Blocks that are in a line or being encoded.
    pending: usize,
    sealed: VecDeque<Sealed>,
    flushing: bool,
    closing: bool,
}

/// The workers' lines and results.
pub(crate) struct Sealer {
    state: Mutex<State>,
    work: Condvar,
    done: Condvar,
    chunk_samples: usize,
    level: usize,
}

/// Blocks in line per worker at which commits wait: memory stays bounded under any load.
const LINE: usize = 32;

impl Sealer {
    pub(crate) fn new(workers: usize, chunk_samples: usize, level: usize) -> Self {
        let lines = (0..workers.max(1)).map(|_| VecDeque::new()).collect();
        Self {
            state: Mutex::new(State {
                lines,
                ..State::default()
            }),
            work: Condvar::new(),
            done: Condvar::new(),
            chunk_samples,
            level,
        }
    }

    pub(crate) fn workers(&self) -> usize {
        self.state.lock().lines.len()
    }

    pub(crate) fn push(&self, tasks: Vec<(u32, Frozen)>) {
        if tasks.is_empty() {
            return;
        }
        let mut state = self.state.lock();
        let workers = state.lines.len();
        for task in tasks {
            state.pending += 1;
            state.lines[task.0 as usize % workers].push_back(task);
        }
        drop(state);
        self.work.notify_all();
    }

    /// Body of a worker thread; `notify` is called whenever a block is ready to be stored.
    pub(crate) fn run(&self, worker: usize, notify: &dyn Fn()) {
        loop {
            let mut state = self.state.lock();
            let (signal_no, frozen) = loop {
                if let Some(task) = state.lines[worker].pop_front() {
                    break task;
                }
                if state.closing {
                    return;
                }
                self.work.wait(&mut state);
            };
            drop(state);
            let encoded = self.encode(signal_no, frozen);
            let mut state = self.state.lock();
            state.pending -= 1;
            match encoded {
                Ok(sealed) => state.sealed.push_back(sealed),
                // It stays in memory and in the journal: nothing is lost, the journal cannot shrink.
                Err(error) => tracing::error!(%error, signal_no, "a block could not be encoded"),
            }
            drop(state);
            self.done.notify_all();
            notify();
        }
    }

    fn encode(&self, signal_no: u32, frozen: Frozen) -> Result<Sealed, HistorianError> {
        let parts = |block: &Option<Arc<Block>>| match block {
            Some(block) => store::encode(signal_no, block, self.chunk_samples, self.level),
            None => Ok(Vec::new()),
        };
        let (main, late) = (parts(&frozen.main)?, parts(&frozen.late)?);
        Ok(Sealed {
            signal_no,
            frozen,
            main,
            late,
        })
    }

    pub(crate) fn has_sealed(&self) -> bool {
        !self.state.lock().sealed.is_empty()
    }

    pub(crate) fn take_sealed(&self) -> Vec<Sealed> {
        self.state.lock().sealed.drain(..).collect()
    }

    /// After a commit that failed; order is kept.
    pub(crate) fn put_back(&self, sealed: Vec<Sealed>) {
        let mut state = self.state.lock();
        for one in sealed.into_iter().rev() {
            state.sealed.push_front(one);
        }
    }

    /// Waits until the lines are short enough for more to come.
    pub(crate) fn wait_for_room(&self) {
        let mut state = self.state.lock();
        while state.pending > LINE * state.lines.len() && !state.closing {
            self.done.wait(&mut state);
        }
    }

    /// Waits until everything handed in is encoded.
    pub(crate) fn wait_until_encoded(&self) {
        let mut state = self.state.lock();
        while state.pending > 0 && !state.closing {
            self.done.wait(&mut state);
        }
    }

    pub(crate) fn set_flushing(&self, flushing: bool) {
        self.state.lock().flushing = flushing;
    }

    pub(crate) fn is_flushing(&self) -> bool {
        self.state.lock().flushing
    }

    pub(crate) fn close(&self) {
        self.state.lock().closing = true;
        self.work.notify_all();
        self.done.notify_all();
    }
}
