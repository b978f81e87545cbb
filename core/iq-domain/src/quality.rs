//! Quality of a value: the full OPC UA status code is kept; its top two bits give the severity.

use serde::{Deserialize, Serialize};

/// An OPC UA status code (Part 4, 7.39). Other sources map theirs onto the three severities.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(transparent)]
pub struct StatusCode(pub u32);

impl StatusCode {
    /// Good.
    pub const GOOD: Self = Self(0);
    /// Uncertain, no further detail.
    pub const UNCERTAIN: Self = Self(0x4000_0000);
    /// Bad, no further detail.
    pub const BAD: Self = Self(0x8000_0000);

    /// The severity the code stands for.
    #[must_use]
    pub const fn quality(self) -> Quality {
        match self.0 >> 30 {
            0 => Quality::Good,
            1 => Quality::Uncertain,
            _ => Quality::Bad,
        }
    }

    /// Whether the value may be used without reservation.
    #[must_use]
    pub const fn is_good(self) -> bool {
        self.0 >> 30 == 0
    }
}

/// The severity of a status code.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum Quality {
    /// May be used.
    Good,
    /// Use with reservation.
    Uncertain,
    /// Do not use.
    Bad,
}
