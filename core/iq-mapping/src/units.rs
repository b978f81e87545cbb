//! The unit catalogue (`units.json`) and the dimension check.

use std::{collections::HashMap, sync::LazyLock};

use iq_domain::{CodedError, Dimension};
use serde::Deserialize;

/// One unit of the catalogue. `canonical = value × factor + offset`, where the canonical unit of a
/// dimension is the one with factor 1 and offset 0.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct Unit {
    /// Symbol that is stored and shown ("mm/s").
    pub symbol: String,
    /// Physical dimension.
    pub dimension: Dimension,
    /// Factor to the canonical unit.
    pub factor: f64,
    /// Offset to the canonical unit.
    #[serde(default)]
    pub offset: f64,
    /// Other notations sources use ("°C", "barg").
    #[serde(default)]
    pub aliases: Vec<String>,
}

struct Index {
    units: Vec<Unit>,
    exact: HashMap<String, usize>,
    /// Case-insensitive notations; only those that mean one unit ("mw" could be mW or MW).
    folded: HashMap<String, Option<usize>>,
}

static INDEX: LazyLock<Index> = LazyLock::new(|| {
    let units: Vec<Unit> = serde_json::from_str(include_str!("../units.json"))
        .expect("units.json is part of the program and read by its tests");
    let mut exact = HashMap::new();
    let mut folded: HashMap<String, Option<usize>> = HashMap::new();
    for (i, unit) in units.iter().enumerate() {
        for name in std::iter::once(&unit.symbol).chain(&unit.aliases) {
            exact.insert(name.clone(), i);
            folded
                .entry(name.to_lowercase())
                .and_modify(|known| {
                    if *known != Some(i) {
                        *known = None;
                    }
                })
                .or_insert(Some(i));
        }
    }
    Index {
        units,
        exact,
        folded,
    }
});

/// All units, grouped by dimension.
#[must_use]
pub fn units() -> &'static [Unit] {
    &INDEX.units
}

/// The unit behind a symbol or a notation a source uses. Case matters only where it changes the
/// meaning.
#[must_use]
pub fn find_unit(text: &str) -> Option<&'static Unit> {
    let text = text.trim();
    let index = &*INDEX;
    let found = index
        .exact
        .get(text)
        .copied()
        .or_else(|| index.folded.get(&text.to_lowercase()).copied().flatten())?;
    index.units.get(found)
}

/// A linear conversion: `y = x × gain + bias`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Linear {
    pub(crate) gain: f64,
    pub(crate) bias: f64,
}

impl Linear {
    pub(crate) const IDENTITY: Self = Self {
        gain: 1.0,
        bias: 0.0,
    };

    pub(crate) fn of(self, x: f64) -> f64 {
        // The identity must return the very bits it was given, NaN payloads included.
        if self == Self::IDENTITY {
            x
        } else {
            x * self.gain + self.bias
        }
    }
}

/// How to get from one unit to another, or why that is not possible.
pub(crate) fn conversion(from: &str, to: &str) -> Result<Linear, CodedError> {
    let mismatch = || {
        CodedError::invalid("mapping.unit_mismatch")
            .with("from", from)
            .with("to", to)
    };
    let (source, target) = (
        find_unit(from).ok_or_else(mismatch)?,
        find_unit(to).ok_or_else(mismatch)?,
    );
    if source.symbol == target.symbol {
        return Ok(Linear::IDENTITY);
    }
    if source.dimension == target.dimension {
        return Ok(Linear {
            gain: source.factor / target.factor,
            bias: (source.offset - target.offset) / target.factor,
        });
    }
    if is_same_step(source.dimension, target.dimension) {
        return Ok(Linear {
            gain: source.factor / target.factor,
            bias: 0.0,
        });
    }
    Err(mismatch())
}

/// Pairs that differ in the reference point but not in the size of a step. A gauge pressure is a
/// difference against the atmosphere; a temperature spread is often labelled degC by the source.
/// Absolute pressure is not in the list: its conversion needs the local atmosphere, which a person
/// enters as the mapping's offset.
fn is_same_step(from: Dimension, to: Dimension) -> bool {
    matches!(
        (from, to),
        (Dimension::PressureGauge, Dimension::PressureDifference)
            | (Dimension::PressureDifference, Dimension::PressureGauge)
            | (Dimension::Temperature, Dimension::TemperatureDifference)
    )
}

/// Converts a value between two units of the same dimension.
///
/// # Errors
/// `mapping.unit_mismatch` when a unit is unknown or the dimensions differ.
pub fn convert(value: f64, from: &str, to: &str) -> Result<f64, CodedError> {
    conversion(from, to).map(|linear| linear.of(value))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn every_dimension_has_exactly_one_canonical_unit() {
        let mut canonical: HashMap<Dimension, usize> = HashMap::new();
        for unit in units() {
            assert!(
                unit.factor.is_finite() && unit.factor > 0.0,
                "{}",
                unit.symbol
            );
            let is_canonical = (unit.factor - 1.0).abs() < 1e-15 && unit.offset == 0.0;
            *canonical.entry(unit.dimension).or_default() += usize::from(is_canonical);
        }
        assert!(canonical.values().all(|n| *n == 1), "{canonical:?}");
    }

    #[test]
    fn no_notation_stands_for_two_units() {
        let mut seen: HashMap<&str, &str> = HashMap::new();
        for unit in units() {
            for name in std::iter::once(&unit.symbol).chain(&unit.aliases) {
                let before = seen.insert(name, &unit.symbol);
                assert!(before.is_none(), "{name}: {before:?} and {}", unit.symbol);
            }
        }
    }

    #[test]
    fn converts_known_quantities() {
        for (value, from, to, expected) in [
            (100.0, "degC", "degF", 212.0),
            (32.0, "°F", "°C", 0.0),
            (300.0, "K_abs", "degC", 26.85),
            (1.0, "bar", "kPa", 100.0),
            (14.503_773_8, "psig", "barg", 1.0),
            (1.0, "kg/cm2", "bar", 0.980_665),
            (1.0, "m³/h", "L/min", 1000.0 / 60.0),
            (1.0, "gpm", "m3/h", 0.227_124_707_04),
            (0.3, "ips", "mm/s", 7.62),
            (3600.0, "kg/h", "kg/s", 1.0),
            (50.0, "%", "1", 0.5),
            (1.0, "mil", "um", 25.4),
            (250.0, "mbar", "bar_d", 0.25),
            (18.0, "degC", "K", 18.0),
        ] {
            let got = convert(value, from, to).unwrap();
            assert!((got - expected).abs() < 1e-6, "{value} {from} → {got} {to}");
        }
    }

    #[test]
    fn refuses_gauge_for_absolute_and_other_dimensions() {
        for (from, to) in [
            ("bar", "bara"),
            ("bara", "barg"),
            ("psia", "bar_d"),
            ("K", "degC"),
            ("m3/h", "Nm3/h"),
            ("m3/h", "kg/s"),
            ("mm/s", "um"),
            ("furlong", "m"),
            ("m", "furlong"),
        ] {
            let error = convert(1.0, from, to).unwrap_err();
            assert_eq!(error.code, "mapping.unit_mismatch", "{from} → {to}");
            assert_eq!(error.params["from"], from);
        }
    }

    #[test]
    fn case_matters_only_where_it_changes_the_meaning() {
        assert_eq!(find_unit("BAR").unwrap().symbol, "bar");
        assert_eq!(find_unit(" DegC ").unwrap().symbol, "degC");
        assert_eq!(find_unit("mohm").map(|u| u.symbol.as_str()), Some("Mohm"));
        assert_eq!(find_unit("MW").unwrap().symbol, "MW");
        assert!(find_unit("MV").is_none_or(|u| u.symbol == "mV"));
    }

    proptest! {
        #[test]
        fn there_and_back_is_the_same_value(v in -1e6f64..1e6) {
            for a in units() {
                for b in units().iter().filter(|b| b.dimension == a.dimension) {
                    let there = convert(v, &a.symbol, &b.symbol).unwrap();
                    let back = convert(there, &b.symbol, &a.symbol).unwrap();
                    // Offsets of the scales (273.15 …) cost absolute precision, hence the second term.
                    prop_assert!((back - v).abs() <= 1e-9 * v.abs() + 1e-9, "{v} {} → {back}", a.symbol);
                }
            }
        }
    }
}
