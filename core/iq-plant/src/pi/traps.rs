//! What is wrong with the tag lists of real plants, planted on purpose: units nobody told about, a
//! gauge that reads absolute, swapped cables, a renamed tag, a dead transmitter, a tag number used
//! again. A mapping made from names alone falls for each of them.

use crate::{
    catalogue::catalogue,
    pi::model::{Point, Source, WebIds},
};

/// bar to psi.
const PSI: f64 = 14.503_773_8;
/// Asset and metric whose point is served in psi.
const IN_PSI: [(&str, &str); 3] = [
    ("P-303A", "discharge_pressure"),
    ("P-303B", "discharge_pressure"),
    ("P-402A", "suction_pressure"),
];
/// Asset and metric whose point is served in degrees Fahrenheit.
const IN_FAHRENHEIT: [(&str, &str); 3] = [
    ("E-104", "hot_outlet_temperature"),
    ("E-106", "hot_inlet_temperature"),
    ("AC-107", "hot_outlet_temperature"),
];
/// Reads absolute pressure although its unit says "bar" as all the gauges around it do.
const ABSOLUTE: (&str, &str) = ("V-101", "pressure");
/// Their cables are crossed at the marshalling rack.
const SWAPPED: [(&str, &str); 2] = [("P-102A", "vibration_de"), ("P-102B", "vibration_de")];
/// Renamed in a revision: the number in the drawings is no longer a tag.
const RENAMED: (&str, &str) = ("P-102A", "flow");
/// Stands still at its first value.
const FLAT: (&str, &str) = ("P-402B", "seal_pot_level");
/// A tag of a pump taken out long ago, wired to another instrument since; its texts stayed.
const REUSED: (&str, &str, (&str, &str)) = (
    "RAS:100TT10908A.PV",
    "P-109A bearing temperature de",
    ("E-106", "hot_outlet_temperature"),
);

/// Plants them into a list of points; those whose asset isn't served are left out.
pub(crate) fn plant(points: &mut Vec<Point>) {
    let mut change = |(asset, metric): (&str, &str), f: &dyn Fn(&mut Point)| {
        let tag = catalogue().tag_of(asset, metric).map(Source::Tag);
        if let Some(point) = points.iter_mut().find(|p| Some(p.source) == tag) {
            f(point);
        }
    };
    for place in IN_PSI {
        change(place, &|p| convert(p, PSI, 0.0, "psi"));
    }
    for place in IN_FAHRENHEIT {
        change(place, &|p| convert(p, 1.8, 32.0, "degF"));
    }
    change(ABSOLUTE, &|p| p.offset = 1.013_25);
    change(RENAMED, &|p| p.name = p.name.replacen("FT", "FIT", 1));
    change(FLAT, &|p| p.flat = true);
    let at = |points: &[Point], (asset, metric): (&str, &str)| {
        let tag = catalogue().tag_of(asset, metric).map(Source::Tag);
        points.iter().position(|p| Some(p.source) == tag)
    };
    if let (Some(a), Some(b)) = (at(points, SWAPPED[0]), at(points, SWAPPED[1])) {
        let held = points[a].source;
        points[a].source = points[b].source;
        points[b].source = held;
    }
    if let Some(i) = at(points, REUSED.2) {
        let stray = Point {
            name: REUSED.0.to_owned(),
            descriptor: REUSED.1.to_owned(),
            ids: WebIds::default(),
            ..points[i].clone()
        };
        points.push(stray);
    }
}

/// Whether a point belongs to no element of the asset tree.
pub(crate) fn is_stray(point: &Point) -> bool {
    point.name == REUSED.0
}

fn convert(point: &mut Point, scale: f64, offset: f64, units: &str) {
    point.scale = scale;
    point.offset = offset;
    point.deviation *= scale;
    units.clone_into(&mut point.units);
}

#[cfg(test)]
mod tests {
    use crate::pi::{PiPoints, model::Model};

    #[test]
    fn plants_every_trap_once() {
        let clean = Model::new(1, &PiPoints::All, false);
        let model = Model::new(1, &PiPoints::All, true);
        let units = |u: &str| model.points.iter().filter(|p| p.units == u).count();
        assert_eq!((units("psi"), units("degF")), (3, 3));
        let flat = model.points.iter().filter(|p| p.flat).count();
        assert_eq!(flat, 1);
        let absolute = model
            .points
            .iter()
            .filter(|p| p.units == "bar" && p.offset > 1.0);
        assert_eq!(absolute.count(), 1);
        assert_eq!(model.points.len(), clean.points.len() + 1);
        let changed = clean.points.iter().zip(&model.points);
        let swapped = changed
            .clone()
            .filter(|(a, b)| a.source != b.source)
            .count();
        let renamed = changed.filter(|(a, b)| a.name != b.name).count();
        assert_eq!((swapped, renamed), (2, 1));
    }
}
