//! Steps the plant and writes what its control systems publish into the address space.

use std::{
    collections::HashMap,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use iq_domain::{Clock, Timestamp, WallClock};
use opcua::{
    server::{ServerHandle, node_manager::memory::SimpleNodeManager},
    types::{DataValue, DateTime, NodeId, StatusCode, Variant},
};
use tokio_util::sync::CancellationToken;

use crate::{
    Scan,
    catalogue::{ExtraKind, catalogue},
    server::{PlantConfig, Shared, alarms, space},
};

/// Counts of what was published, to compare with what a client received.
///
/// A client with the default filter is told about changes of the value only, so changes are what is
/// counted.
#[derive(Debug)]
pub struct SendLog {
    changes: Vec<AtomicU64>,
    extra_changes: AtomicU64,
    load_rounds: AtomicU64,
}

impl SendLog {
    pub(crate) fn new() -> Self {
        Self {
            changes: catalogue().tags.iter().map(|_| AtomicU64::new(0)).collect(),
            extra_changes: AtomicU64::new(0),
            load_rounds: AtomicU64::new(0),
        }
    }

    /// Changes of a tag's value since the start.
    #[must_use]
    pub fn tag_changes(&self, tag: usize) -> u64 {
        self.changes
            .get(tag)
            .map_or(0, |count| count.load(Ordering::Relaxed))
    }

    /// Changes of all tags and protection points since the start, load tags not counted.
    #[must_use]
    pub fn changes(&self) -> u64 {
        let tags: u64 = self.changes.iter().map(|c| c.load(Ordering::Relaxed)).sum();
        tags + self.extra_changes.load(Ordering::Relaxed)
    }

    /// Completed rounds of the load tags; in round `n` every load tag was set to `n`.
    #[must_use]
    pub fn load_rounds(&self) -> u64 {
        self.load_rounds.load(Ordering::Relaxed)
    }
}

const TICK_MS: u64 = 100;
/// A tick steps at most this long, then lets other tasks run.
const BUDGET: Duration = Duration::from_millis(60);

pub(crate) struct Publisher {
    shared: Arc<Shared>,
    manager: Arc<SimpleNodeManager>,
    server: ServerHandle,
    tags: Vec<NodeId>,
    extras: Vec<(NodeId, ExtraKind, String)>,
    last: Vec<Option<Variant>>,
    shown: HashMap<String, String>,
    /// Last line of the recorder that was told as an event.
    told: u64,
    load: Vec<NodeId>,
    load_part: u64,
    /// Parts of a load round, so that its tags do not all change in the same millisecond.
    load_parts: u64,
    load_start: Timestamp,
}

impl Publisher {
    pub(crate) fn new(
        shared: Arc<Shared>,
        manager: Arc<SimpleNodeManager>,
        server: ServerHandle,
        config: &PlantConfig,
    ) -> Self {
        let period_ms = u64::try_from(config.extra_tags_period.as_millis()).unwrap_or(u64::MAX);
        let catalogue = catalogue();
        Self {
            shared,
            manager,
            server,
            tags: catalogue
                .tags
                .iter()
                .map(|t| space::node(&t.node))
                .collect(),
            extras: catalogue
                .extras
                .iter()
                .map(|p| (space::node(&p.node), p.kind, p.asset.clone()))
                .collect(),
            last: vec![None; catalogue.tags.len()],
            shown: HashMap::new(),
            told: 0,
            load: (1..=config.extra_tags).map(space::load_node).collect(),
            load_part: 0,
            load_parts: (period_ms / TICK_MS).max(1),
            load_start: WallClock.now(),
        }
    }

    /// Publishes a first value of every tag.
    pub(crate) fn first_scan(&mut self) {
        let wall = WallClock.now();
        let scans = {
            let mut plant = self.shared.plant();
            let perfect = plant.imperfections();
            // The first picture is complete: no value is missing by chance.
            plant.set_imperfections(false);
            let scans = plant.step(1_000);
            plant.set_imperfections(perfect);
            scans
        };
        self.publish(&scans, wall);
        self.publish_protection(wall, true);
    }

    pub(crate) async fn run(mut self, stop: CancellationToken) {
        let mut tick = tokio::time::interval(Duration::from_millis(TICK_MS));
        tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                () = stop.cancelled() => return,
                _ = tick.tick() => {}
            }
            let wall = WallClock.now();
            let (target, floor) = {
                let mut pace = self
                    .shared
                    .pace
                    .lock()
                    .unwrap_or_else(std::sync::PoisonError::into_inner);
                (pace.advance(wall), pace.scan_floor_s())
            };
            let started = std::time::Instant::now();
            while started.elapsed() < BUDGET {
                let scans = {
                    let mut plant = self.shared.plant();
                    plant.set_scan_floor_s(floor);
                    let pace = plant.pace_ms();
                    let next = plant
                        .now()
                        .plus_ms(pace - plant.now().millis().rem_euclid(pace));
                    if next > target {
                        break;
                    }
                    let dt = next.since_ms(plant.now());
                    plant.step(dt)
                };
                self.publish(&scans, WallClock.now());
                self.publish_protection(wall, false);
            }
            self.publish_alarms();
            self.publish_load(wall);
        }
    }

    fn publish(&mut self, scans: &[Scan], wall: Timestamp) {
        if let Some(pi) = &self.shared.pi {
            pi.record(scans);
            pi.record_protection(&self.shared.plant());
        }
        let server_time = date_time(wall);
        for scan in scans {
            let mut values = Vec::with_capacity(scan.readings.len());
            for reading in &scan.readings {
                let state = catalogue().tags[reading.tag].is_state();
                let value = match reading.value {
                    None => Variant::Empty,
                    Some(number) if state => Variant::from(number > 0.5),
                    Some(number) => Variant::from(number),
                };
                if self.last[reading.tag].as_ref() != Some(&value) {
                    self.shared.log.changes[reading.tag].fetch_add(1, Ordering::Relaxed);
                    self.last[reading.tag] = Some(value.clone());
                }
                values.push((
                    reading.tag,
                    DataValue {
                        value: Some(value),
                        status: Some(StatusCode::from(reading.status.0)),
                        source_timestamp: Some(date_time(reading.source_time)),
                        source_picoseconds: None,
                        server_timestamp: Some(server_time),
                        server_picoseconds: None,
                    },
                ));
            }
            let nodes = values
                .into_iter()
                .map(|(tag, value)| (&self.tags[tag], None, value));
            self.write(nodes);
        }
    }

    fn publish_protection(&mut self, wall: Timestamp, all: bool) {
        let mut values = Vec::new();
        {
            let plant = self.shared.plant();
            let time = date_time(plant.now());
            for (node, kind, asset) in &self.extras {
                let cause = plant.first_out(asset);
                let same = self.shown.get(asset).map_or("", String::as_str) == cause;
                if same && !all {
                    continue;
                }
                let value = match kind {
                    ExtraKind::Trip => Variant::from(!cause.is_empty()),
                    ExtraKind::FirstOut => Variant::from(cause),
                };
                values.push((
                    node.clone(),
                    asset.clone(),
                    cause.to_owned(),
                    DataValue {
                        value: Some(value),
                        status: Some(StatusCode::Good),
                        source_timestamp: Some(time),
                        source_picoseconds: None,
                        server_timestamp: Some(date_time(wall)),
                        server_picoseconds: None,
                    },
                ));
            }
        }
        if values.is_empty() {
            return;
        }
        self.shared
            .log
            .extra_changes
            .fetch_add(values.len() as u64, Ordering::Relaxed);
        self.write(
            values
                .iter()
                .map(|(node, _, _, value)| (node, None, value.clone())),
        );
        self.shown.extend(
            values
                .into_iter()
                .map(|(_, asset, cause, _)| (asset, cause)),
        );
    }

    fn publish_alarms(&mut self) {
        let lines: Vec<_> = self
            .shared
            .plant()
            .events_after(self.told)
            .cloned()
            .collect();
        if let Some(pi) = &self.shared.pi {
            pi.record_events(&lines);
        }
        self.told = alarms::tell(&self.server, &lines, self.told);
    }

    /// Load tags: each is set once a period to the number of the round, an equal part of them per tick.
    fn publish_load(&mut self, wall: Timestamp) {
        if self.load.is_empty() {
            return;
        }
        let due = wall.since_ms(self.load_start).max(0) as u64 / TICK_MS;
        while self.load_part < due {
            let part = self.load_part % self.load_parts;
            let round = self.load_part / self.load_parts + 1;
            // The moment the change was due, so that a client sees the delay on its way.
            let at = self
                .load_start
                .plus_ms(((self.load_part + 1) * TICK_MS) as i64);
            let value = DataValue {
                value: Some(Variant::from(round as f64)),
                status: Some(StatusCode::Good),
                source_timestamp: Some(date_time(at)),
                source_picoseconds: None,
                server_timestamp: Some(date_time(wall)),
                server_picoseconds: None,
            };
            let nodes = self
                .load
                .iter()
                .skip(part as usize)
                .step_by(self.load_parts as usize);
            self.write(nodes.map(|node| (node, None, value.clone())));
            self.load_part += 1;
            if part + 1 == self.load_parts {
                self.shared.log.load_rounds.store(round, Ordering::Relaxed);
            }
        }
    }

    fn write<'a>(
        &'a self,
        values: impl Iterator<
            Item = (
                &'a NodeId,
                Option<&'a opcua::types::NumericRange>,
                DataValue,
            ),
        >,
    ) {
        if let Err(status) = self.manager.set_values(self.server.subscriptions(), values) {
            tracing::error!(%status, "the address space refused a value");
        }
    }
}

/// OPC UA time of a moment: ticks of 100 ns since 1601.
pub(super) fn date_time(t: Timestamp) -> DateTime {
    const UNIX_EPOCH_TICKS: i64 = 116_444_736_000_000_000;
    DateTime::from(
        t.millis()
            .saturating_mul(10_000)
            .saturating_add(UNIX_EPOCH_TICKS),
    )
}
