//! The data set: 200 tags at one sample per second, generated from a fixed seed in the order of time,
//! as a live system delivers it.

use iq_domain::{StatusCode, Timestamp, Value};
use iq_historian::Row;

/// First moment of the data: a full hour.
pub(crate) const START: i64 = 1_760_000_400_000;
/// Tags of the standard data set.
pub(crate) const TAGS: u32 = 200;

/// A small, fast, seeded source of numbers (splitmix64).
#[derive(Clone)]
pub(crate) struct Random(pub(crate) u64);

impl Random {
    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// Uniform in [0, 1).
    pub(crate) fn unit(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// Roughly normal, mean 0, deviation 1.
    fn normal(&mut self) -> f64 {
        (0..6).map(|_| self.unit()).sum::<f64>() * 2.0_f64.sqrt() - 3.0 * 2.0_f64.sqrt()
    }
}

#[derive(Clone, Copy)]
enum Kind {
    /// A reading with that many decimals per unit, deviating by `spread` per second.
    Analog {
        per_unit: f64,
        spread: f64,
    },
    /// A 16-bit converter's code, scaled in single precision.
    Converter {
        counts: f64,
    },
    /// A computed value with noise in every bit of a single.
    Noisy,
    Setpoint,
    Switch {
        hold: f64,
    },
}

struct Tag {
    kind: Kind,
    mean: f64,
    state: f64,
    bad_left: u32,
    bad_code: u32,
    jitter: bool,
}

/// The generator; every call of [`Generator::tick`] is one second of all tags.
pub(crate) struct Generator {
    random: Random,
    tags: Vec<Tag>,
    second: i64,
}

impl Generator {
    /// `count` tags in the proportions of the data set.
    pub(crate) fn new(count: u32) -> Self {
        let mut random = Random(0x0000_0b5e_ed0f_a11d_u64);
        let tags = (0..count)
            .map(|i| {
                let share = u64::from(i) * 200 / u64::from(count);
                let log = |random: &mut Random, low: f64, high: f64| {
                    low * (high / low).powf(random.unit())
                };
                let kind = match share {
                    0..100 => Kind::Analog {
                        per_unit: 100.0,
                        spread: log(&mut random, 0.05, 0.4),
                    },
                    100..120 => Kind::Analog {
                        per_unit: 10.0,
                        spread: log(&mut random, 0.2, 0.9),
                    },
                    120..140 => Kind::Converter {
                        counts: log(&mut random, 8.0, 120.0),
                    },
                    140..150 => Kind::Noisy,
                    150..175 => Kind::Setpoint,
                    _ => Kind::Switch {
                        hold: log(&mut random, 100.0, 900.0),
                    },
                };
                let mean = match kind {
                    Kind::Converter { .. } => 12_000.0 + 30_000.0 * random.unit(),
                    _ => 20.0 + 100.0 * random.unit(),
                };
                Tag {
                    kind,
                    mean,
                    state: 0.0,
                    bad_left: 0,
                    bad_code: 0,
                    jitter: i % 2 == 1,
                }
            })
            .collect();
        Self {
            random,
            tags,
            second: 0,
        }
    }

    /// The next second: one sample per tag as (time, value, status).
    pub(crate) fn tick(&mut self, mut sample: impl FnMut(u32, i64, f64, u32)) {
        let base = START + self.second * 1_000;
        let phase = (self.second as f64 / 86_400.0) * std::f64::consts::TAU;
        for (no, tag) in (0_u32..).zip(&mut self.tags) {
            let value = tag.next(&mut self.random, phase);
            if tag.bad_left == 0 && self.random.unit() < 0.000_105 {
                tag.bad_left = 1 + (self.random.next() % 39) as u32;
                tag.bad_code = if self.random.next() & 1 == 0 {
                    0x8000_0000
                } else {
                    0x4000_0000
                };
            }
            let status = if tag.bad_left > 0 { tag.bad_code } else { 0 };
            tag.bad_left = tag.bad_left.saturating_sub(1);
            let jitter = if tag.jitter {
                (self.random.next() % 50) as i64
            } else {
                0
            };
            sample(no, base + jitter, value, status);
        }
        self.second += 1;
    }
}

impl Tag {
    fn next(&mut self, random: &mut Random, phase: f64) -> f64 {
        match self.kind {
            Kind::Analog { per_unit, spread } => {
                self.state = self.state * 0.98 + random.normal() * spread;
                let value = self.mean + 5.0 * phase.sin() + self.state;
                (value * per_unit).round() / per_unit
            }
            Kind::Converter { counts } => {
                self.state = self.state * 0.95 + random.normal() * counts;
                let code = (self.mean + self.state).clamp(0.0, 65_535.0).round();
                f64::from(code as f32 * (100.0_f32 / 65_535.0))
            }
            Kind::Noisy => f64::from((self.mean + random.normal()) as f32),
            Kind::Setpoint => {
                if random.unit() < 1.0 / 3_600.0 {
                    self.state = (random.unit() * 200.0).round() / 10.0;
                }
                self.mean.round() + self.state
            }
            Kind::Switch { hold } => {
                if random.unit() < 1.0 / hold {
                    self.state = 1.0 - self.state;
                }
                self.state
            }
        }
    }
}

/// The whole data set in the order of time; columns apart.
pub(crate) struct Data {
    pub(crate) tags: Vec<u32>,
    pub(crate) times: Vec<i64>,
    pub(crate) values: Vec<f64>,
    pub(crate) statuses: Vec<u32>,
}

impl Data {
    pub(crate) fn generate(seconds: usize) -> Self {
        let n = seconds * TAGS as usize;
        let mut data = Self {
            tags: Vec::with_capacity(n),
            times: Vec::with_capacity(n),
            values: Vec::with_capacity(n),
            statuses: Vec::with_capacity(n),
        };
        let mut generator = Generator::new(TAGS);
        for _ in 0..seconds {
            generator.tick(|tag, t, value, status| {
                data.tags.push(tag);
                data.times.push(t);
                data.values.push(value);
                data.statuses.push(status);
            });
        }
        data
    }

    pub(crate) fn len(&self) -> usize {
        self.times.len()
    }

    /// Samples of a part as the historian takes them.
    pub(crate) fn rows(&self, span: std::ops::Range<usize>) -> Vec<Row> {
        span.map(|i| Row {
            signal_no: self.tags[i],
            t: Timestamp(self.times[i]),
            value: Some(Value::Number(self.values[i])),
            status: StatusCode(self.statuses[i]),
        })
        .collect()
    }

    /// Bytes per sample by the order-0 entropy of the best simple predictor (none, previous, line) of
    /// times and values of each tag: what no codec without a better predictor can go below by much.
    pub(crate) fn entropy_bytes(&self) -> f64 {
        let stride = TAGS as usize;
        let mut bits = 0.0;
        for tag in 0..stride {
            let pick = |f: &dyn Fn(usize) -> i64| -> Vec<i64> {
                (tag..self.len()).step_by(stride).map(f).collect()
            };
            let times = pick(&|i| self.times[i].rem_euclid(1_000));
            let decimal = (tag..self.len())
                .step_by(stride)
                .all(|i| (self.values[i] * 100.0 - (self.values[i] * 100.0).round()).abs() < 1e-6);
            let values = pick(&|i| {
                if decimal {
                    (self.values[i] * 100.0).round() as i64
                } else {
                    // Converter codes come back as integers; noise keeps its single's bits.
                    let code = self.values[i] / f64::from(100.0_f32 / 65_535.0);
                    if (code - code.round()).abs() < 0.01 {
                        code.round() as i64
                    } else {
                        i64::from((self.values[i] as f32).to_bits())
                    }
                }
            });
            bits += best_entropy(&times) + best_entropy(&values);
        }
        bits / 8.0 / self.len() as f64
    }
}

fn best_entropy(column: &[i64]) -> f64 {
    let once: Vec<i64> = column.windows(2).map(|p| p[1] - p[0]).collect();
    let twice: Vec<i64> = once.windows(2).map(|p| p[1] - p[0]).collect();
    [column, &once, &twice]
        .into_iter()
        .map(entropy)
        .fold(f64::INFINITY, f64::min)
}

/// Order-0 entropy of a column, in bits for all of it.
fn entropy(column: &[i64]) -> f64 {
    let mut sorted = column.to_vec();
    sorted.sort_unstable();
    let n = sorted.len() as f64;
    sorted
        .chunk_by(|a, b| a == b)
        .map(|run| {
            let count = run.len() as f64;
            count * (n / count).log2()
        })
        .sum()
}
