//! A PI-compatible endpoint on the plant's own tags: data server, points, asset tree, values of streams
//! from the plant's archive, batch and channels, with the habits of the original that clients get
//! wrong. It is built from the documented shapes alone and shares nothing with any client.

mod api;
mod archive;
mod batch;
mod channel;
mod frames;
mod gate;
mod model;
mod params;
mod streams;
mod traps;

use std::{
    collections::HashMap,
    net::IpAddr,
    sync::{Arc, Mutex, MutexGuard},
    time::Instant,
};

use iq_domain::{CodedError, Timestamp};
use tokio::{sync::broadcast, task::JoinHandle};
use tokio_util::sync::CancellationToken;

use crate::{
    Plant, Scan,
    catalogue::{ExtraKind, ExtraPoint, catalogue},
    web::{self, Disturbances, Site, WebAddress, WebConfig},
};
use archive::{BAD_INPUT, Cell, Event, IO_TIMEOUT, PT_CREATED, Series};
use model::{Model, Source};

/// Which assets' points the endpoint has.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum PiPoints {
    /// Every point of the plant.
    #[default]
    All,
    /// Those of the assets with these codes.
    Assets(Vec<String>),
}

impl PiPoints {
    pub(crate) fn has(&self, asset: &str) -> bool {
        match self {
            Self::All => true,
            Self::Assets(codes) => codes.iter().any(|code| code == asset),
        }
    }
}

/// How the endpoint is served.
#[derive(Clone, Debug)]
pub struct PiConfig {
    /// Port and TLS.
    pub web: WebConfig,
    /// User name of the Basic method; `DOMAIN\user` and `user@domain` are accepted for it, too.
    pub user: String,
    /// Its password; without one the Basic method is off.
    pub password: Option<String>,
    /// Token of the Bearer method; without one it is off.
    pub bearer: Option<String>,
    /// Lets everybody in.
    pub anonymous: bool,
    /// Further challenges of a 401, for methods the endpoint offers but the caller can't use here
    /// ("Negotiate").
    pub challenges: Vec<String>,
    /// Which points there are.
    pub points: PiPoints,
    /// Requests a caller may make in a second; more answer 429.
    pub requests_per_second: u32,
    /// Whether the user may read `/system/status` and `/system/versions`.
    pub administrator: bool,
    /// Archives every value in place of exceptions only.
    pub archive_all: bool,
    /// Plants the tag-list mistakes of real plants.
    pub traps: bool,
}

impl Default for PiConfig {
    fn default() -> Self {
        Self {
            web: WebConfig { port: 0, tls: true },
            user: "plant".to_owned(),
            password: None,
            bearer: None,
            anonymous: false,
            challenges: Vec::new(),
            points: PiPoints::All,
            requests_per_second: 1_000,
            administrator: false,
            archive_all: false,
            traps: false,
        }
    }
}

/// How a running endpoint is reached.
#[derive(Clone, Debug)]
pub struct PiLink {
    /// Base address, `https://host:port/piwebapi`.
    pub base_url: String,
    /// Listener and certificate.
    pub web: WebAddress,
}

/// Name of the point that carries an asset's metric, whatever traps are planted beside it.
#[must_use]
pub fn point_name(asset: &str, metric: &str) -> Option<String> {
    let tag = catalogue().tag_of(asset, metric)?;
    Some(model::point_name(&catalogue().tags[tag]))
}

/// Name of the point that carries a protection point.
#[must_use]
pub fn extra_point_name(extra: &ExtraPoint) -> String {
    model::extra_name(extra)
}

/// Name of the data server.
pub const DATA_SERVER: &str = model::DATA_SERVER;
/// Name of the asset server.
pub const ASSET_SERVER: &str = model::ASSET_SERVER;
/// Name of the asset database.
pub const DATABASE: &str = model::DATABASE;

/// Values a channel may lag behind before it is closed.
const CHANNEL_BACKLOG: usize = 32_768;

/// A new value of a point.
#[derive(Clone, Copy, Debug)]
struct Update {
    point: usize,
    event: Event,
}

/// The endpoint's state.
pub(crate) struct Inner {
    config: PiConfig,
    base: String,
    model: Model,
    series: Vec<Mutex<Series>>,
    /// Points by position of the tag that feeds them.
    by_tag: HashMap<usize, Vec<usize>>,
    updates: broadcast::Sender<Update>,
    disturbances: Arc<Disturbances>,
    callers: Mutex<HashMap<IpAddr, (Instant, u32)>>,
    frames: Mutex<frames::Frames>,
    stop: CancellationToken,
}

/// A running endpoint.
pub(crate) struct PiService {
    pub(crate) link: PiLink,
    pub(crate) inner: Arc<Inner>,
    pub(crate) task: JoinHandle<()>,
}

/// Starts the endpoint; values come with [`Inner::record`].
pub(crate) async fn start(config: PiConfig, site: &Site<'_>) -> Result<PiService, CodedError> {
    let bound = web::bind(&config.web, site.bind, site.host, site.folder).await?;
    let base_url = format!("{}/piwebapi", bound.address.origin);
    let link = PiLink {
        base_url: base_url.clone(),
        web: bound.address.clone(),
    };
    let inner = Arc::new(Inner::new(config, base_url, site.seed, site.stop.clone()));
    let task = bound.serve(gate::router(inner.clone()), site.stop);
    Ok(PiService { link, inner, task })
}

impl Inner {
    fn new(config: PiConfig, base: String, seed: u64, stop: CancellationToken) -> Self {
        let model = Model::new(seed, &config.points, config.traps);
        let mut by_tag: HashMap<usize, Vec<usize>> = HashMap::new();
        let series = model
            .points
            .iter()
            .enumerate()
            .map(|(i, point)| {
                if let Source::Tag(tag) = point.source {
                    by_tag.entry(tag).or_default().push(i);
                }
                let deviation = if config.archive_all {
                    0.0
                } else {
                    point.deviation as f32
                };
                // Times carry digits below the millisecond, different ones for every point.
                let fraction = (i as i64 * 37 + 11) % 10_000;
                Mutex::new(Series::new(fraction, deviation, point.step()))
            })
            .collect();
        Self {
            config,
            base,
            model,
            series,
            by_tag,
            updates: broadcast::channel(CHANNEL_BACKLOG).0,
            disturbances: Arc::default(),
            callers: Mutex::default(),
            frames: Mutex::default(),
            stop,
        }
    }

    pub(crate) fn disturbances(&self) -> &Disturbances {
        &self.disturbances
    }

    fn frames(&self) -> MutexGuard<'_, frames::Frames> {
        self.frames
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    fn series(&self, point: usize) -> MutexGuard<'_, Series> {
        self.series[point]
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    fn push(&self, point: usize, time: Timestamp, cell: Cell, questionable: bool) {
        let event = {
            let mut series = self.series(point);
            if series.snapshot().is_none() {
                series.push(time.millis() - 1_000, Cell::System(PT_CREATED), false);
            }
            series.push(time.millis(), cell, questionable)
        };
        if let Some(event) = event {
            // Nobody listening is the usual case.
            drop(self.updates.send(Update { point, event }));
        }
    }

    /// Takes what the plant's control systems published.
    pub(crate) fn record(&self, scans: &[Scan]) {
        for scan in scans {
            for reading in &scan.readings {
                for at in self.by_tag.get(&reading.tag).into_iter().flatten() {
                    let point = &self.model.points[*at];
                    let cell = match reading.value {
                        Some(value) => Cell::Number(
                            self.held(*at)
                                .unwrap_or((value * point.scale + point.offset) as f32),
                        ),
                        // A transmitter that can't be reached, or one that is broken.
                        None if reading.status.0 & 0xffff_0000 == 0x8031_0000 => {
                            Cell::System(IO_TIMEOUT)
                        }
                        None => Cell::System(BAD_INPUT),
                    };
                    let questionable = reading.status.0 >> 30 == 1;
                    self.push(*at, reading.source_time, cell, questionable);
                }
            }
        }
    }

    /// Where a flat-lined point stands.
    fn held(&self, point: usize) -> Option<f32> {
        if !self.model.points[point].flat {
            return None;
        }
        match self.series(point).snapshot()?.cell {
            Cell::Number(held) => Some(held),
            Cell::System(_) => None,
        }
    }

    /// Takes the state of the protection system.
    pub(crate) fn record_protection(&self, plant: &Plant) {
        for (i, point) in self.model.points.iter().enumerate() {
            let Source::Extra(extra) = point.source else {
                continue;
            };
            let extra = &catalogue().extras[extra];
            let cause = plant.first_out(&extra.asset);
            let (cell, due) = {
                let mut series = self.series(i);
                let cell = match extra.kind {
                    ExtraKind::Trip => Cell::Number(f32::from(u8::from(!cause.is_empty()))),
                    ExtraKind::FirstOut => Cell::Number(series.intern(cause)),
                };
                let last = series.snapshot();
                let old = |e: Event| plant.now().millis() - e.time / params::TICKS_PER_MS >= 60_000;
                (cell, last.is_none_or(|e| e.cell != cell || old(e)))
            };
            if due {
                self.push(i, plant.now(), cell, false);
            }
        }
    }
}
