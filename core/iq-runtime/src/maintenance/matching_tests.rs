//! Numbers as they are compared, and the asset found for them in both modes.

use std::convert::Infallible;

use super::*;

#[derive(Default)]
struct Known(HashMap<(ObjectKind, String), Facts>);

impl Known {
    fn with(mut self, kind: ObjectKind, number: &str, facts: Facts) -> Self {
        self.0.insert((kind, key(number)), facts);
        self
    }
}

impl Objects for Known {
    type Error = Infallible;

    fn object(&self, kind: ObjectKind, key: &str) -> Result<Option<Facts>, Infallible> {
        Ok(self.0.get(&(kind, key.to_owned())).cloned())
    }

    fn standing_in(&self, location: &str) -> Result<Vec<(String, Facts)>, Infallible> {
        Ok(self
            .0
            .iter()
            .filter(|((kind, _), f)| {
                *kind == ObjectKind::Equipment && f.location.as_deref() == Some(location)
            })
            .map(|((_, key), f)| (key.clone(), f.clone()))
            .collect())
    }
}

const EQUIPMENT: ObjectKind = ObjectKind::Equipment;
const LOCATION: ObjectKind = ObjectKind::FunctionalLocation;

fn asset(n: u128) -> AssetId {
    AssetId(uuid::Uuid::from_u128(n))
}

/// Assets with their equipment number and location.
fn assets(list: &[(u128, &str, &str)]) -> AssetKeys {
    let mut keys = AssetKeys::default();
    for (n, equipment, location) in list {
        if let Some(key) = key_of(Some(equipment)) {
            keys.equipment.entry(key).or_default().push(asset(*n));
        }
        if let Some(key) = key_of(Some(location)) {
            keys.location.entry(key).or_default().push(asset(*n));
        }
    }
    keys
}

fn at(location: &str) -> Facts {
    Facts {
        location: key_of(Some(location)),
        ..Facts::default()
    }
}

fn part_of(parent: &str) -> Facts {
    Facts {
        parent: key_of(Some(parent)),
        ..Facts::default()
    }
}

fn find(mode: Mode, assets: &AssetKeys, objects: &Known, kind: ObjectKind, number: &str) -> Found {
    let matcher = Matcher {
        mode,
        assets,
        objects,
    };
    let Ok(found) = matcher.object(kind, number);
    found
}

#[test]
fn padding_case_spaces_and_digits_of_another_script_do_not_tell_numbers_apart() {
    assert_eq!(key("000000000010002345"), key("10002345"));
    assert_eq!(key(" ras-u100-p102a "), key("RAS-U100-P102A"));
    assert_eq!(key("١٠٠٠٢٣٤٥"), "10002345");
    assert_eq!(key("000"), "000", "zeros alone are a number");
    assert_ne!(
        key("0P-1"),
        key("P-1"),
        "zeros before letters are no padding"
    );
    assert_eq!(key_of(Some("  ")), None);
}

#[test]
fn by_equipment_number_finds_the_number_or_the_equipment_it_is_part_of() {
    let assets = assets(&[(1, "10002345", ""), (2, "777", "")]);
    let objects = Known::default().with(EQUIPMENT, "50", part_of("40")).with(
        EQUIPMENT,
        "40",
        part_of("000000000010002345"),
    );
    let find = |number| find(Mode::Equipment, &assets, &objects, EQUIPMENT, number);
    assert_eq!(find("000010002345"), Found::One(asset(1), Why::Number));
    assert_eq!(find("50"), Found::One(asset(1), Why::Parent));
    assert_eq!(find("51"), Found::None);
}

#[test]
fn a_circle_of_parents_ends() {
    let assets = assets(&[(1, "9", "A")]);
    let objects = Known::default()
        .with(EQUIPMENT, "1", part_of("2"))
        .with(EQUIPMENT, "2", part_of("1"))
        .with(LOCATION, "X", at("Y"))
        .with(LOCATION, "Y", at("X"));
    assert_eq!(
        find(Mode::Equipment, &assets, &objects, EQUIPMENT, "1"),
        Found::None
    );
    assert_eq!(
        find(Mode::Location, &assets, &objects, LOCATION, "X"),
        Found::None
    );
}

#[test]
fn by_location_finds_the_nearest_asset_above_by_hierarchy_or_by_name() {
    let assets = assets(&[(1, "", "RAS-U100-P102A"), (2, "", "RAS-U100")]);
    let objects = Known::default()
        .with(LOCATION, "SEAL-7", at("ras-u100-p102a"))
        .with(EQUIPMENT, "33", at("RAS-U100-P102A-M01"));
    let find = |kind, number| find(Mode::Location, &assets, &objects, kind, number);
    assert_eq!(
        find(LOCATION, "ras-u100-p102a"),
        Found::One(asset(1), Why::Location)
    );
    assert_eq!(
        find(LOCATION, "RAS-U100-P102A-M01-B2"),
        Found::One(asset(1), Why::LocationAbove)
    );
    assert_eq!(
        find(LOCATION, "SEAL-7"),
        Found::One(asset(1), Why::LocationAbove)
    );
    assert_eq!(
        find(LOCATION, "RAS-U100-E201"),
        Found::One(asset(2), Why::LocationAbove)
    );
    assert_eq!(
        find(EQUIPMENT, "33"),
        Found::One(asset(1), Why::LocationAbove)
    );
    assert_eq!(find(LOCATION, "JUB-U100"), Found::None);
}

#[test]
fn several_assets_are_left_to_a_person_unless_the_number_tells_them_apart() {
    let assets = assets(&[(1, "11", "RAS-P"), (2, "12", "RAS-P"), (3, "12", "")]);
    let objects = Known::default().with(EQUIPMENT, "11", at("RAS-P"));
    assert_eq!(
        find(Mode::Location, &assets, &objects, LOCATION, "RAS-P"),
        Found::Several(vec![asset(1), asset(2)])
    );
    assert_eq!(
        find(Mode::Location, &assets, &objects, EQUIPMENT, "11"),
        Found::One(asset(1), Why::Number)
    );
    assert_eq!(
        find(Mode::Equipment, &assets, &objects, EQUIPMENT, "12"),
        Found::Several(vec![asset(2), asset(3)])
    );
}

#[test]
fn by_equipment_number_a_location_is_the_asset_that_stands_in_it() {
    let assets = assets(&[(1, "11", ""), (2, "12", "")]);
    let objects = Known::default()
        .with(EQUIPMENT, "11", at("A"))
        .with(EQUIPMENT, "12", at("B"))
        .with(EQUIPMENT, "13", at("B"));
    let location = |key| find(Mode::Equipment, &assets, &objects, LOCATION, key);
    assert_eq!(location("a"), Found::One(asset(1), Why::StandsIn));
    assert_eq!(location("B"), Found::One(asset(2), Why::StandsIn));
    assert_eq!(location("C"), Found::None);
}

#[test]
fn what_a_person_settled_wins_and_reaches_what_lies_below() {
    let assets = assets(&[(1, "11", "RAS-P"), (2, "12", "RAS-P")]);
    let settled = |asset| Facts {
        settled: Some(asset),
        ..Facts::default()
    };
    let objects = Known::default()
        .with(LOCATION, "RAS-P", settled(Some(asset(2))))
        .with(EQUIPMENT, "11", settled(None));
    let matcher = Matcher {
        mode: Mode::Location,
        assets: &assets,
        objects: &objects,
    };
    let Ok(found) = matcher.work_order(None, Some("RAS-P-01"));
    assert_eq!(found, Found::Settled(Some(asset(2))));
    let Ok(found) = matcher.work_order(Some("0011"), Some("RAS-P"));
    assert_eq!(
        found,
        Found::Settled(None),
        "the equipment is the closer word"
    );
    let Ok(found) = matcher.work_order(Some("99"), Some("RAS-P"));
    assert_eq!(found, Found::Settled(Some(asset(2))));
    let Ok(found) = matcher.work_order(None, None);
    assert_eq!(found, Found::None);
}
