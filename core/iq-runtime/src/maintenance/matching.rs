//! Which asset an equipment or a functional location belongs to. Pure: assets and objects are handed
//! in.
//!
//! By equipment number: the number itself, else the equipment it is part of; a location is the asset
//! whose equipment stands in it. By functional location: the location itself, else the nearest one
//! above that has an asset; equipment is where it stands. What a person settled wins over all of it.

use std::collections::{BTreeSet, HashMap};

use iq_domain::{Asset, AssetId, ObjectKind};

/// How far a chain of parents is followed; a longer one is a mistake or a circle.
const MAX_STEPS: usize = 32;

/// What an integration matches by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mode {
    /// `by_equipment_number`.
    Equipment,
    /// `by_functional_location`.
    Location,
}

impl Mode {
    /// The mode of an integration's configuration.
    pub(crate) fn of(config: &serde_json::Value) -> Self {
        match config["asset_mapping_mode"].as_str() {
            Some("by_functional_location") => Self::Location,
            _ => Self::Equipment,
        }
    }

    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Equipment => "by_equipment_number",
            Self::Location => "by_functional_location",
        }
    }
}

/// Why an asset was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Why {
    /// The number is the asset's own.
    Number,
    /// It is part of the asset's equipment.
    Parent,
    /// The asset's equipment stands in this location.
    StandsIn,
    /// The location is the asset's own.
    Location,
    /// It lies below the asset's location.
    LocationAbove,
}

impl Why {
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Number => "number",
            Self::Parent => "parent",
            Self::StandsIn => "stands_in",
            Self::Location => "location",
            Self::LocationAbove => "location_above",
        }
    }
}

/// What was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Found {
    /// Nothing.
    None,
    /// One asset.
    One(AssetId, Why),
    /// Several; a person has to choose.
    Several(Vec<AssetId>),
    /// A person said so.
    Settled(Option<AssetId>),
}

impl Found {
    pub(crate) const fn asset(&self) -> Option<AssetId> {
        match self {
            Self::One(asset, _) => Some(*asset),
            Self::Settled(asset) => *asset,
            Self::None | Self::Several(_) => None,
        }
    }
}

/// What is known about an object.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Facts {
    /// Key of the location it stands in, or of the location above.
    pub(crate) location: Option<String>,
    /// Key of the equipment it is part of.
    pub(crate) parent: Option<String>,
    /// What a person said.
    pub(crate) settled: Option<Option<AssetId>>,
}

/// Where objects are looked up.
pub(crate) trait Objects {
    type Error;

    fn object(&self, kind: ObjectKind, key: &str) -> Result<Option<Facts>, Self::Error>;

    /// The equipment that stands in a location, with its key.
    fn standing_in(&self, location: &str) -> Result<Vec<(String, Facts)>, Self::Error>;
}

/// A number as it is compared: trimmed, upper case, Western digits; the zeros in front of a plain
/// number are padding.
pub(crate) fn key(number: &str) -> String {
    let text: String = number
        .trim()
        .chars()
        .map(|c| match c {
            '٠'..='٩' => char::from_digit(c as u32 - '٠' as u32, 10).unwrap_or(c),
            '۰'..='۹' => char::from_digit(c as u32 - '۰' as u32, 10).unwrap_or(c),
            c => c,
        })
        .flat_map(char::to_uppercase)
        .collect();
    if text.chars().all(|c| c.is_ascii_digit()) {
        let bare = text.trim_start_matches('0');
        if !bare.is_empty() {
            return bare.to_owned();
        }
    }
    text
}

/// A text that names something, as a key.
pub(crate) fn key_of(text: Option<&str>) -> Option<String> {
    text.map(key).filter(|key| !key.is_empty())
}

/// The assets by what a maintenance system calls them.
#[derive(Debug, Default)]
pub(crate) struct AssetKeys {
    equipment: HashMap<String, Vec<AssetId>>,
    location: HashMap<String, Vec<AssetId>>,
}

impl AssetKeys {
    pub(crate) fn new<'a>(assets: impl Iterator<Item = &'a Asset>) -> Self {
        let mut keys = Self::default();
        for asset in assets {
            if let Some(key) = key_of(asset.equipment_number.as_deref()) {
                keys.equipment.entry(key).or_default().push(asset.id);
            }
            if let Some(key) = key_of(asset.functional_location.as_deref()) {
                keys.location.entry(key).or_default().push(asset.id);
            }
        }
        // The order of a map must not decide in which order a person sees candidates.
        for ids in keys
            .equipment
            .values_mut()
            .chain(keys.location.values_mut())
        {
            ids.sort_unstable();
        }
        keys
    }
}

/// Looks for assets in one integration.
pub(crate) struct Matcher<'a, O> {
    pub(crate) mode: Mode,
    pub(crate) assets: &'a AssetKeys,
    pub(crate) objects: &'a O,
}

impl<O: Objects> Matcher<'_, O> {
    /// The asset of a technical object.
    pub(crate) fn object(&self, kind: ObjectKind, number: &str) -> Result<Found, O::Error> {
        match kind {
            ObjectKind::Equipment => self.equipment(&key(number)),
            ObjectKind::FunctionalLocation => self.location(&key(number), None),
        }
    }

    /// The asset of a work order that names an equipment, a location, or both.
    pub(crate) fn work_order(
        &self,
        equipment: Option<&str>,
        location: Option<&str>,
    ) -> Result<Found, O::Error> {
        let (equipment, location) = (key_of(equipment), key_of(location));
        if let Some(key) = &equipment
            && let Some(settled) = self.settled(ObjectKind::Equipment, key)?
        {
            return Ok(Found::Settled(settled));
        }
        let found = match (self.mode, &equipment, &location) {
            (_, Some(key), None) => return self.equipment(key),
            (_, None, Some(key)) => return self.location(key, None),
            (_, None, None) => return Ok(Found::None),
            (Mode::Equipment, Some(key), Some(_)) => self.equipment(key)?,
            (Mode::Location, Some(number), Some(key)) => self.location(key, Some(number))?,
        };
        if found != Found::None {
            return Ok(found);
        }
        match (self.mode, &equipment, &location) {
            (Mode::Equipment, _, Some(key)) => self.location(key, None),
            (Mode::Location, Some(key), _) => self.equipment(key),
            _ => Ok(Found::None),
        }
    }

    fn settled(&self, kind: ObjectKind, key: &str) -> Result<Option<Option<AssetId>>, O::Error> {
        Ok(self.objects.object(kind, key)?.and_then(|o| o.settled))
    }

    fn equipment(&self, key: &str) -> Result<Found, O::Error> {
        let (mut key, mut why) = (key.to_owned(), Why::Number);
        let mut seen = BTreeSet::new();
        while seen.len() < MAX_STEPS && seen.insert(key.clone()) {
            let facts = self.objects.object(ObjectKind::Equipment, &key)?;
            let facts = facts.unwrap_or_default();
            if let Some(settled) = facts.settled {
                return Ok(Found::Settled(settled));
            }
            match self.mode {
                Mode::Equipment => {
                    let own = self.assets.equipment.get(&key).map(Vec::as_slice);
                    if let Some(found) = verdict(own, why) {
                        return Ok(found);
                    }
                }
                Mode::Location => {
                    if let Some(location) = &facts.location {
                        let found = self.location(location, Some(&key))?;
                        if found != Found::None {
                            return Ok(found);
                        }
                    }
                }
            }
            let Some(parent) = facts.parent else {
                break;
            };
            (key, why) = (parent, Why::Parent);
        }
        Ok(Found::None)
    }

    /// `equipment` tells apart assets that share a location.
    fn location(&self, key: &str, equipment: Option<&str>) -> Result<Found, O::Error> {
        if self.mode == Mode::Equipment {
            return self.standing_in(key);
        }
        let (mut key, mut why) = (key.to_owned(), Why::Location);
        let mut seen = BTreeSet::new();
        while seen.len() < MAX_STEPS && seen.insert(key.clone()) {
            let facts = self.objects.object(ObjectKind::FunctionalLocation, &key)?;
            if let Some(settled) = facts.as_ref().and_then(|f| f.settled) {
                return Ok(Found::Settled(settled));
            }
            let here = self.assets.location.get(&key).map(Vec::as_slice);
            if let Some(found) = verdict(here, why) {
                return Ok(self.narrowed(found, equipment));
            }
            let above = facts.and_then(|f| f.location).or_else(|| above(&key));
            let Some(above) = above else {
                break;
            };
            (key, why) = (above, Why::LocationAbove);
        }
        Ok(Found::None)
    }

    fn standing_in(&self, key: &str) -> Result<Found, O::Error> {
        if let Some(settled) = self.settled(ObjectKind::FunctionalLocation, key)? {
            return Ok(Found::Settled(settled));
        }
        let mut found = BTreeSet::new();
        for (number, facts) in self.objects.standing_in(key)? {
            match facts.settled {
                Some(settled) => found.extend(settled),
                None => found.extend(self.assets.equipment.get(&number).into_iter().flatten()),
            }
        }
        let found: Vec<AssetId> = found.into_iter().collect();
        Ok(verdict(Some(&found), Why::StandsIn).unwrap_or(Found::None))
    }

    fn narrowed(&self, found: Found, equipment: Option<&str>) -> Found {
        let (Found::Several(several), Some(number)) = (&found, equipment) else {
            return found;
        };
        let own = self.assets.equipment.get(number).into_iter().flatten();
        let both: Vec<&AssetId> = own.filter(|id| several.contains(id)).collect();
        match both[..] {
            [one] => Found::One(*one, Why::Number),
            _ => found,
        }
    }
}

fn verdict(assets: Option<&[AssetId]>, why: Why) -> Option<Found> {
    match assets? {
        [] => None,
        [one] => Some(Found::One(*one, why)),
        several => Some(Found::Several(several.to_vec())),
    }
}

/// The location above after the structure of the name, where the system did not say.
fn above(key: &str) -> Option<String> {
    let cut = key.rfind(['-', '.', '/'])?;
    let above = key[..cut].trim_end_matches(['-', '.', '/', ' ']);
    (!above.is_empty()).then(|| above.to_owned())
}

#[cfg(test)]
#[path = "matching_tests.rs"]
mod tests;
