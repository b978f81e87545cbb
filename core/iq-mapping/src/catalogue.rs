//! The asset-family templates (`families/*.json`).

use std::{collections::BTreeMap, sync::LazyLock};

use iq_domain::{FamilyTemplate, MetricTemplate};

/// All families the program knows.
#[derive(Debug)]
pub struct Catalogue {
    families: BTreeMap<String, FamilyTemplate>,
}

impl Catalogue {
    /// The template of a family.
    #[must_use]
    pub fn family(&self, key: &str) -> Option<&FamilyTemplate> {
        self.families.get(key)
    }

    /// All templates, ordered by key.
    pub fn families(&self) -> impl Iterator<Item = &FamilyTemplate> {
        self.families.values()
    }

    /// A metric of a family.
    #[must_use]
    pub fn metric(&self, family: &str, metric: &str) -> Option<&MetricTemplate> {
        self.family(family)?
            .metrics
            .iter()
            .find(|m| m.metric == metric)
    }

    /// The metric that tells whether a member of the family runs.
    #[must_use]
    pub fn running_metric(&self, family: &str) -> Option<&MetricTemplate> {
        self.family(family)?
            .metrics
            .iter()
            .find(|m| m.is_running_state)
    }
}

macro_rules! families {
    ($($name:literal),+ $(,)?) => {
        [$(($name, include_str!(concat!("../families/", $name, ".json")))),+]
    };
}

static CATALOGUE: LazyLock<Catalogue> = LazyLock::new(|| {
    let files = families!(
        "centrifugal_compressor",
        "centrifugal_pump",
        "control_valve",
        "electric_motor",
        "fan_blower",
        "fired_heater",
        "gas_turbine",
        "gearbox",
        "hx_air_cooler",
        "hx_shell_tube",
        "positive_displacement_pump",
        "reciprocating_compressor",
        "steam_turbine",
        "tank",
        "vessel",
    );
    let families = files
        .into_iter()
        .map(|(name, text)| {
            let template: FamilyTemplate = serde_json::from_str(text)
                .expect("family templates are part of the program and read by its tests");
            (name.to_owned(), template)
        })
        .collect();
    Catalogue { families }
});

/// The catalogue that is part of the program.
#[must_use]
pub fn catalogue() -> &'static Catalogue {
    &CATALOGUE
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::find_unit;

    #[test]
    fn every_template_is_complete_and_consistent() {
        for family in catalogue().families() {
            let at = &family.family;
            assert_eq!(
                catalogue().family(at).unwrap(),
                family,
                "file name and key differ"
            );
            assert!(family.version > 0 && !family.metrics.is_empty(), "{at}");
            assert!(
                !family.names.en.is_empty() && !family.names.ar.is_empty(),
                "{at}"
            );
            let mut keys = BTreeSet::new();
            for m in &family.metrics {
                let at = format!("{at}/{}", m.metric);
                assert!(keys.insert(&m.metric), "{at} twice");
                assert!(!m.names.en.is_empty() && !m.names.ar.is_empty(), "{at}");
                assert!((0.0..=1.0).contains(&m.health_weight), "{at}");
                // An empty unit means "as the source delivers it" (a controller's set point).
                assert!(
                    m.unit.is_empty() || find_unit(&m.unit).is_some_and(|u| u.symbol == m.unit),
                    "{at}: {}",
                    m.unit
                );
                assert_eq!(m.limits.is_empty(), m.limits_source.is_empty(), "{at}");
                let limits = [
                    m.limits.low_low,
                    m.limits.low,
                    m.limits.high,
                    m.limits.high_high,
                ];
                assert!(limits.iter().flatten().is_sorted(), "{at}: {limits:?}");
                if let (Some(low), Some(high)) = (m.scale_low, m.scale_high) {
                    assert!(low < high, "{at}");
                    let mut inside = limits.iter().flatten();
                    assert!(
                        inside.all(|l| (low..=high).contains(l)),
                        "{at}: limit off the scale"
                    );
                }
            }
            assert!(
                family.metrics.iter().filter(|m| m.is_running_state).count() <= 1,
                "{at}"
            );
        }
    }

    #[test]
    fn every_driven_machine_has_running_trip_and_first_out() {
        for key in [
            "centrifugal_pump",
            "positive_displacement_pump",
            "centrifugal_compressor",
            "reciprocating_compressor",
            "electric_motor",
            "gas_turbine",
            "steam_turbine",
            "gearbox",
            "fan_blower",
        ] {
            assert_eq!(
                catalogue().running_metric(key).unwrap().metric,
                "run_status",
                "{key}"
            );
            assert_eq!(catalogue().metric(key, "trip").unwrap().unit, "1", "{key}");
            assert_eq!(
                catalogue().metric(key, "first_out").unwrap().unit,
                "text",
                "{key}"
            );
        }
    }

    #[test]
    fn every_tag_of_the_demo_plant_fits_its_family() {
        let family: BTreeMap<&str, &str> = include_str!("../../iq-plant/data/assets.csv")
            .lines()
            .skip(1)
            .filter_map(|line| line.split_once(','))
            .filter_map(|(code, rest)| Some((code, rest.split(',').next()?)))
            .collect();
        let mut seen = 0;
        for line in include_str!("../../iq-plant/data/tags.csv").lines().skip(1) {
            let cells: Vec<&str> = line.split(',').collect();
            let (asset, metric, unit) = (cells[1], cells[4], cells[5]);
            let template = catalogue()
                .metric(family[asset], metric)
                .unwrap_or_else(|| panic!("{asset} ({}): {metric}", family[asset]));
            if !template.unit.is_empty() {
                crate::convert(1.0, unit, &template.unit)
                    .unwrap_or_else(|e| panic!("{asset} {metric}: {e}"));
            }
            seen += 1;
        }
        assert!(seen > 300, "{seen}");
    }
}
