//! Instruments and the control system's scan: noise, resolution, exception dead-band, missing and bad
//! values, clocks that are a little wrong.

use iq_domain::{StatusCode, Timestamp};

use crate::{
    catalogue::{PlantTag, catalogue},
    rng::Rng,
    sim::{Reading, Scan},
};

/// `Bad_SensorFailure`.
const BAD_SENSOR: StatusCode = StatusCode(0x808C_0000);
/// `Bad_NoCommunication`.
const BAD_COMMUNICATION: StatusCode = StatusCode(0x8031_0000);
/// `Uncertain_SensorNotAccurate`.
const UNCERTAIN_SENSOR: StatusCode = StatusCode(0x4093_0000);
/// A value that stands still is published again after this long.
const HEARTBEAT_MS: i64 = 60_000;
/// Chance per scan that one value is simply missing.
const P_MISSING: f64 = 1.0 / 4_000.0;
/// Chance per second that an instrument goes Bad or Uncertain for a while.
const P_EPISODE: f64 = 1.0 / 90_000.0;

#[derive(Clone, Debug)]
struct Channel {
    rng: Rng,
    noise: f64,
    next_due: Timestamp,
    last: Option<(f64, StatusCode, Timestamp)>,
    /// Episode of bad quality and when it ends.
    episode: Option<(StatusCode, Timestamp)>,
    skew_ms: i64,
}

/// Every instrument of the plant.
#[derive(Clone, Debug)]
pub(crate) struct Instruments {
    channels: Vec<Channel>,
    pub(crate) imperfect: bool,
    pub(crate) floor_s: f64,
    /// Tags whose transmitter stands still, noise included.
    pub(crate) frozen: Vec<usize>,
}

/// How far the clock of a unit's control system is off, before the seed's own jitter.
fn unit_skew_ms(unit: &str) -> i64 {
    match unit {
        "U200" => 120,
        "U400" => 700,
        "U500" => 35,
        _ => -400,
    }
}

fn unit_of(tag: &PlantTag) -> &str {
    tag.node.split('.').nth(1).unwrap_or("")
}

impl Instruments {
    pub(crate) fn new(seed: u64, start: Timestamp) -> Self {
        let channels = catalogue()
            .tags
            .iter()
            .map(|tag| {
                let unit = unit_of(tag);
                let jitter = (Rng::named(seed, unit).unit() * 41.0) as i64 - 20;
                Channel {
                    rng: Rng::named(seed, &tag.tag),
                    noise: 0.0,
                    next_due: start,
                    last: None,
                    episode: None,
                    skew_ms: unit_skew_ms(unit) + jitter,
                }
            })
            .collect();
        Self {
            channels,
            imperfect: true,
            floor_s: 0.0,
            frozen: Vec::new(),
        }
    }

    pub(crate) fn scan(&mut self, now: Timestamp, dt: f64, values: &[f64]) -> Scan {
        let mut scan = Scan {
            time: now,
            readings: Vec::new(),
        };
        for (index, tag) in catalogue().tags.iter().enumerate() {
            let channel = &mut self.channels[index];
            if now < channel.next_due {
                continue;
            }
            // A fast tag is scanned once per step while the plant is quiet, at its own pace when the
            // step is fine: the tenth-of-a-second burst exists only around a transient.
            let every_ms = (tag.scan_s.max(dt).max(self.floor_s) * 1_000.0) as i64;
            channel.next_due = Timestamp(
                now.millis() - now.millis().rem_euclid(every_ms.max(1)) + every_ms.max(1),
            );
            let frozen = self.frozen.contains(&index);
            let reading = channel.read(
                index,
                tag,
                now,
                values[index],
                self.imperfect,
                frozen,
                every_ms,
            );
            scan.readings.extend(reading);
        }
        scan
    }
}

impl Channel {
    #[allow(clippy::too_many_arguments)]
    fn read(
        &mut self,
        index: usize,
        tag: &PlantTag,
        now: Timestamp,
        truth: f64,
        imperfect: bool,
        frozen: bool,
        every_ms: i64,
    ) -> Option<Reading> {
        let status = self.quality(now, imperfect, every_ms);
        let phi = 0.8_f64.powf(every_ms as f64 / 1_000.0);
        let fresh = (1.0 - phi * phi).sqrt() * self.rng.normal();
        self.noise = phi * self.noise + fresh;
        if imperfect && self.rng.chance(P_MISSING) {
            return None;
        }
        // Noise of a stopped machine's flow or vibration would show a running one.
        let share = if tag.nominal.abs() > 0.0 {
            (truth / tag.nominal).abs().clamp(0.05, 1.5)
        } else {
            1.0
        };
        let scaled = matches!(
            tag.eu.as_str(),
            "mm/s" | "g" | "um" | "m3/h" | "kg/s" | "A" | "kg/h"
        );
        let sigma = if scaled {
            tag.noise_sigma * share
        } else {
            tag.noise_sigma
        };
        let noise = if frozen { 0.0 } else { sigma * self.noise };
        let raw = truth + if tag.is_state() { 0.0 } else { noise };
        let value = if tag.resolution > 0.0 {
            // Clean decimals: a display of 61.300000000000004 is an artefact, not a measurement.
            let steps = (raw / tag.resolution).round();
            (steps * tag.resolution * 1e6).round() / 1e6
        } else {
            raw
        };
        let value = if tag.noise_sigma > 0.0 && tag.eu != "degC" && scaled {
            value.max(0.0)
        } else {
            value
        };
        let dead_band = (0.5 * sigma).max(tag.resolution * 0.5);
        if let Some((last, last_status, at)) = self.last {
            let still = (value - last).abs() <= dead_band && status == last_status;
            if still && now.since_ms(at) < HEARTBEAT_MS {
                return None;
            }
        }
        self.last = Some((value, status, now));
        let skew = if imperfect { self.skew_ms } else { 0 };
        Some(Reading {
            tag: index,
            // A dead transmitter has no value; an inaccurate one still has.
            value: (status.0 >> 30 < 2).then_some(value),
            status,
            source_time: now.plus_ms(skew),
        })
    }

    fn quality(&mut self, now: Timestamp, imperfect: bool, every_ms: i64) -> StatusCode {
        if let Some((status, until)) = self.episode {
            if now < until && imperfect {
                return status;
            }
            self.episode = None;
        }
        if imperfect && self.rng.chance(P_EPISODE * every_ms as f64 / 1_000.0) {
            let draw = self.rng.unit();
            let status = if draw < 0.4 {
                BAD_SENSOR
            } else if draw < 0.7 {
                BAD_COMMUNICATION
            } else {
                UNCERTAIN_SENSOR
            };
            let length = 5_000 + (self.rng.unit() * 25_000.0) as i64;
            self.episode = Some((status, now.plus_ms(length)));
            return status;
        }
        StatusCode::GOOD
    }
}
