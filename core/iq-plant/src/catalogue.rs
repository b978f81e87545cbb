//! The plant's papers: sites, units, assets, tags and their OPC UA node ids, parsed once from the
//! embedded tables. The demo preset of the appliance builds its assets, mappings and limits from it.

use std::{collections::HashMap, sync::OnceLock};

use iq_domain::{Criticality, Limits, Names};

/// Namespace of the plant's nodes; its index on the plant's server is 2.
pub const NAMESPACE_URI: &str = "urn:optria:demo-plant";
/// Index of [`NAMESPACE_URI`] on the plant's server.
pub const NAMESPACE_INDEX: u16 = 2;
/// Metric of the Boolean "tripped" point of a driven machine.
pub const METRIC_TRIP: &str = "trip";
/// Metric of the text point that names the first cause of a machine's last trip.
pub const METRIC_FIRST_OUT: &str = "first_out";

/// A production unit of the plant.
#[derive(Clone, Debug)]
pub struct PlantUnit {
    /// Code of the site.
    pub site: &'static str,
    /// Code, unique in the plant ("U100").
    pub code: &'static str,
    /// Names.
    pub names: Names,
}

/// A site of the plant.
#[derive(Clone, Debug)]
pub struct PlantSite {
    /// Code ("RAS").
    pub code: &'static str,
    /// Names.
    pub names: Names,
    /// IANA time zone.
    pub time_zone: &'static str,
}

/// An asset of the plant.
#[derive(Clone, Debug)]
pub struct PlantAsset {
    /// Code ("P-102A").
    pub code: String,
    /// Family key.
    pub family: String,
    /// Code of the site.
    pub site: String,
    /// Code of the unit.
    pub unit: String,
    /// Criticality: A critical, B high, C medium.
    pub criticality: Criticality,
    /// Names.
    pub names: Names,
    /// Assets that feed it.
    pub upstream: Vec<String>,
    /// Assets it feeds.
    pub downstream: Vec<String>,
    /// Neighbours outside the catalogue ("MCC-1", "sea"): sources first, then consumers.
    pub outside: Vec<String>,
    /// Rating and service.
    pub note: String,
    /// Functional location in the maintenance system.
    pub functional_location: String,
}

/// A measured point of the plant.
#[derive(Clone, Debug)]
pub struct PlantTag {
    /// Instrument tag ("100-VT-10204A").
    pub tag: String,
    /// Code of the asset.
    pub asset: String,
    /// Metric key ("vibration_de").
    pub metric: String,
    /// Unit symbol; empty for states.
    pub eu: String,
    /// Value in normal running.
    pub nominal: f64,
    /// One-sigma noise in the unit.
    pub noise_sigma: f64,
    /// Step of the instrument.
    pub resolution: f64,
    /// Scan time in seconds.
    pub scan_s: f64,
    /// Alarm limits.
    pub limits: Limits,
    /// String part of the node id ("RAS.U100.P102A.VIB_DE").
    pub node: String,
}

impl PlantTag {
    /// The node id in text form ("ns=2;s=RAS.U100.P102A.VIB_DE").
    #[must_use]
    pub fn node_id(&self) -> String {
        format!("ns={NAMESPACE_INDEX};s={}", self.node)
    }

    /// Whether the point is a state and served as a Boolean.
    #[must_use]
    pub fn is_state(&self) -> bool {
        matches!(self.metric.as_str(), "run_status" | "flame_status")
    }
}

/// What an [`ExtraPoint`] carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ExtraKind {
    /// Boolean: the machine is tripped and latched.
    Trip,
    /// Text: the first cause of the last trip, empty when there is none.
    FirstOut,
}

/// A point beside the 386 tags: the protection system's own state of a driven machine.
#[derive(Clone, Debug)]
pub struct ExtraPoint {
    /// Code of the asset.
    pub asset: String,
    /// [`METRIC_TRIP`] or [`METRIC_FIRST_OUT`].
    pub metric: &'static str,
    /// What it carries.
    pub kind: ExtraKind,
    /// String part of the node id ("RAS.U100.P102A.TRIP").
    pub node: String,
}

impl ExtraPoint {
    /// The node id in text form.
    #[must_use]
    pub fn node_id(&self) -> String {
        format!("ns={NAMESPACE_INDEX};s={}", self.node)
    }
}

/// The whole catalogue.
#[derive(Debug)]
pub struct Catalogue {
    /// Sites in flow order.
    pub sites: Vec<PlantSite>,
    /// Units in flow order.
    pub units: Vec<PlantUnit>,
    /// The 54 assets in flow order.
    pub assets: Vec<PlantAsset>,
    /// The 386 tags.
    pub tags: Vec<PlantTag>,
    /// Trip and first-out points.
    pub extras: Vec<ExtraPoint>,
    tag_index: HashMap<&'static str, HashMap<&'static str, usize>>,
    asset_index: HashMap<&'static str, usize>,
}

impl Catalogue {
    /// Position of a tag by asset and metric.
    #[must_use]
    pub fn tag_of(&self, asset: &str, metric: &str) -> Option<usize> {
        self.tag_index.get(asset)?.get(metric).copied()
    }

    /// Position of an asset by code.
    #[must_use]
    pub fn asset_of(&self, code: &str) -> Option<usize> {
        self.asset_index.get(code).copied()
    }

    /// The asset with the given code.
    #[must_use]
    pub fn asset(&self, code: &str) -> Option<&PlantAsset> {
        self.asset_of(code).map(|i| &self.assets[i])
    }
}

/// Machines with a protection group of their own: they carry a trip and a first-out point.
pub const TRIPPABLE: [&str; 21] = [
    "P-102A", "P-102B", "K-202", "P-205A", "P-205B", "K-208", "H-301", "F-302", "P-303A", "P-303B",
    "P-401A", "P-401B", "P-401C", "P-402A", "P-402B", "P-404A", "BL-405", "GT-501", "ST-502",
    "P-504A", "P-504B",
];

/// The catalogue of the plant.
#[must_use]
pub fn catalogue() -> &'static Catalogue {
    static CATALOGUE: OnceLock<Catalogue> = OnceLock::new();
    CATALOGUE.get_or_init(|| {
        // The two tables the index borrows from live as long as the program: they are constants.
        let assets: &'static [PlantAsset] =
            Vec::leak(parse_assets(include_str!("../data/assets.csv")));
        let tags: &'static [PlantTag] =
            Vec::leak(parse_tags(include_str!("../data/tags.csv"), assets));
        let mut tag_index: HashMap<&'static str, HashMap<&'static str, usize>> = HashMap::new();
        for (i, tag) in tags.iter().enumerate() {
            tag_index
                .entry(&tag.asset)
                .or_default()
                .insert(&tag.metric, i);
        }
        let asset_index = assets
            .iter()
            .enumerate()
            .map(|(i, a)| (a.code.as_str(), i))
            .collect();
        Catalogue {
            sites: sites(),
            units: units(),
            extras: extras(assets),
            assets: assets.to_vec(),
            tags: tags.to_vec(),
            tag_index,
            asset_index,
        }
    })
}

fn names(en: &str, ar: &str) -> Names {
    Names {
        en: en.to_owned(),
        ar: ar.to_owned(),
    }
}

fn sites() -> Vec<PlantSite> {
    let zone = "Asia/Riyadh";
    vec![
        PlantSite {
            code: "RAS",
            names: names("Ras Al-Noor gas plant", "معمل رأس النور للغاز"),
            time_zone: zone,
        },
        PlantSite {
            code: "WAD",
            names: names(
                "Wadi Al-Sahil water & power",
                "محطة وادي الساحل للمياه والطاقة",
            ),
            time_zone: zone,
        },
    ]
}

fn units() -> Vec<PlantUnit> {
    [
        (
            "RAS",
            "U100",
            "Inlet and stabilisation",
            "الفصل وتثبيت المكثفات",
        ),
        ("RAS", "U200", "Gas compression", "ضغط الغاز"),
        ("RAS", "U300", "Hot oil", "الزيت الساخن"),
        (
            "WAD",
            "U400",
            "Seawater reverse osmosis",
            "تحلية بالتناضح العكسي",
        ),
        ("WAD", "U500", "Power block", "كتلة الطاقة"),
    ]
    .into_iter()
    .map(|(site, code, en, ar)| PlantUnit {
        site,
        code,
        names: names(en, ar),
    })
    .collect()
}

fn rows(text: &'static str) -> impl Iterator<Item = csv::StringRecord> {
    csv::Reader::from_reader(text.as_bytes())
        .into_records()
        .map(|row| row.expect("the embedded tables are well-formed, a test reads them"))
}

fn parse_assets(text: &'static str) -> Vec<PlantAsset> {
    let records: Vec<_> = rows(text).collect();
    let codes: Vec<&str> = records.iter().map(|r| &r[0]).collect();
    let split = |cell: &str| -> (Vec<String>, Vec<String>) {
        let parts = cell.split(';').map(str::trim).filter(|p| !p.is_empty());
        let mut known = Vec::new();
        let mut outside = Vec::new();
        for part in parts {
            // "AC-107(hot side from V-105)": the remark is for people, the code is the link.
            let code = part.split('(').next().unwrap_or(part).trim();
            if codes.contains(&code) {
                known.push(code.to_owned());
            } else {
                outside.push(part.trim_matches(['(', ')']).to_owned());
            }
        }
        (known, outside)
    };
    records
        .iter()
        .map(|r| {
            let (upstream, mut outside) = split(&r[7]);
            let (downstream, consumers) = split(&r[8]);
            outside.extend(consumers);
            PlantAsset {
                code: r[0].to_owned(),
                family: r[1].to_owned(),
                site: r[2].to_owned(),
                unit: r[3].to_owned(),
                criticality: match &r[4] {
                    "A" => Criticality::Critical,
                    "B" => Criticality::High,
                    _ => Criticality::Medium,
                },
                names: names(&r[5], &r[6]),
                upstream,
                downstream,
                outside,
                note: r[9].to_owned(),
                functional_location: r[10].to_owned(),
            }
        })
        .collect()
}

fn parse_tags(text: &'static str, assets: &[PlantAsset]) -> Vec<PlantTag> {
    let number = |cell: &str| cell.trim().parse::<f64>().unwrap_or(0.0);
    rows(text)
        .map(|r| {
            let mut limits = r[10].split('/').map(|cell| cell.trim().parse::<f64>().ok());
            let mut next = || limits.next().flatten();
            let limits = Limits {
                low_low: next(),
                low: next(),
                high: next(),
                high_high: next(),
            };
            let metric = r[4].to_owned();
            let prefix = assets
                .iter()
                .find(|a| a.code == r[1])
                .map(asset_node)
                .expect("every tag names an asset of the table, a test checks it");
            PlantTag {
                tag: r[0].to_owned(),
                asset: r[1].to_owned(),
                eu: r[5].to_owned(),
                nominal: number(&r[6]),
                noise_sigma: number(&r[7]),
                resolution: number(&r[8]),
                scan_s: number(&r[9]),
                limits,
                node: format!("{prefix}.{}", mnemonic(&metric)),
                metric,
            }
        })
        .collect()
}

fn extras(assets: &[PlantAsset]) -> Vec<ExtraPoint> {
    assets
        .iter()
        .filter(|a| TRIPPABLE.contains(&a.code.as_str()))
        .flat_map(|a| {
            [
                (METRIC_TRIP, ExtraKind::Trip, "TRIP"),
                (METRIC_FIRST_OUT, ExtraKind::FirstOut, "FIRST_OUT"),
            ]
            .map(|(metric, kind, name)| ExtraPoint {
                asset: a.code.clone(),
                metric,
                kind,
                node: format!("{}.{name}", asset_node(a)),
            })
        })
        .collect()
}

/// String part of an asset's node id ("RAS.U100.P102A").
#[must_use]
pub fn asset_node(asset: &PlantAsset) -> String {
    format!(
        "{}.{}.{}",
        asset.site,
        asset.unit,
        asset.code.replace('-', "")
    )
}

/// The short upper-case form of a metric used in node ids: "vibration_de" is "VIB_DE".
fn mnemonic(metric: &str) -> String {
    let short = |word: &str| match word {
        "vibration" => "VIB".to_owned(),
        "temperature" => "TEMP".to_owned(),
        "pressure" => "PRESS".to_owned(),
        "bearing" => "BRG".to_owned(),
        "acceleration" => "ACC".to_owned(),
        "suction" => "SUC".to_owned(),
        "discharge" => "DIS".to_owned(),
        "current" => "CUR".to_owned(),
        "winding" => "WDG".to_owned(),
        "position" => "POS".to_owned(),
        "controller" => "CTRL".to_owned(),
        "differential" => "DIFF".to_owned(),
        other => other.to_uppercase(),
    };
    metric.split('_').map(short).collect::<Vec<_>>().join("_")
}
