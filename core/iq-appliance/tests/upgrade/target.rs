//! What is killed: `DATA` is brought to this version as the appliance does it at its start, and a line
//! says when it has begun and when it is done. With a number, it stops for good at that step and says its
//! name.
#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a tool of a test")]

use std::{
    fmt::Debug,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use iq_domain::WallClock;
use iq_runtime::EvidenceParts;
use iq_secrets::MasterKey;
use tracing::{
    Event, Subscriber,
    field::{Field, Visit},
};
use tracing_subscriber::{Layer, layer::Context, layer::SubscriberExt, util::SubscriberInitExt};

/// Stops at the step of that number.
struct StopAt {
    wanted: usize,
    seen: AtomicUsize,
}

#[derive(Default)]
struct Step(Option<String>);

impl Visit for Step {
    fn record_str(&mut self, field: &Field, value: &str) {
        if field.name() == "step" {
            self.0 = Some(value.to_owned());
        }
    }

    fn record_debug(&mut self, _: &Field, _: &dyn Debug) {}
}

impl<S: Subscriber> Layer<S> for StopAt {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        let mut step = Step::default();
        event.record(&mut step);
        let Some(step) = step.0 else { return };
        if self.seen.fetch_add(1, Ordering::Relaxed) == self.wanted {
            println!("{step}");
            loop {
                std::thread::park();
            }
        }
    }
}

fn main() {
    let mut arguments = std::env::args().skip(1);
    let data = PathBuf::from(arguments.next().unwrap());
    if let Some(wanted) = arguments.next() {
        let stop = StopAt {
            wanted: wanted.parse().unwrap(),
            seen: AtomicUsize::new(0),
        };
        tracing_subscriber::registry().with(stop).init();
    }
    println!("begun");
    upgrade(&data);
    println!("done");
}

fn upgrade(data: &Path) {
    iq_backup::finish_pending(data).unwrap();
    let id = std::fs::read_to_string(data.join("appliance.id")).unwrap();
    let key = MasterKey::load_or_create(&data.join("master.key")).unwrap();
    let opened = iq_runtime::open_store(EvidenceParts {
        folder: data.to_owned(),
        appliance: u128::from_str_radix(id.trim(), 16).unwrap().to_be_bytes(),
        machine: None,
        clock: Arc::new(WallClock),
        master_key: Arc::new(key),
    });
    drop(opened.unwrap());
}
