//! What is known of a family before a plant has a history of its own: how it fails, how long a repair
//! takes it away, and the usual planned job. Spreads after Barringer's Weibull list and OREDA-like
//! repair times; wide on purpose, because that is how little is known.

use iq_optimiser::deferral::Spread;

/// Prior of a family.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct FamilyPrior {
    /// Weibull shape.
    pub beta: Spread,
    /// Weibull scale, in hours.
    pub eta_hours: Spread,
    /// Downtime after a failure, in hours.
    pub downtime_hours: Spread,
    /// Elapsed hours of the usual planned job.
    pub job_hours: f64,
    /// Skill and people of that job.
    pub crew: &'static [(&'static str, u32)],
}

const fn spread(low: f64, typical: f64, high: f64) -> Spread {
    Spread { low, typical, high }
}

const fn prior(
    beta: [f64; 3],
    eta: [f64; 3],
    downtime: [f64; 3],
    job_hours: f64,
    crew: &'static [(&'static str, u32)],
) -> FamilyPrior {
    FamilyPrior {
        beta: spread(beta[0], beta[1], beta[2]),
        eta_hours: spread(eta[0], eta[1], eta[2]),
        downtime_hours: spread(downtime[0], downtime[1], downtime[2]),
        job_hours,
        crew,
    }
}

const MECHANICAL: &[(&str, u32)] = &[("mechanical", 2)];
const ROTATING: &[(&str, u32)] = &[("mechanical", 1), ("rotating", 1)];
const ELECTRICAL: &[(&str, u32)] = &[("electrical_lv", 1), ("mechanical", 1)];
const INSTRUMENT: &[(&str, u32)] = &[("instrumentation", 1)];
const HEATER: &[(&str, u32)] = &[("mechanical", 1), ("instrumentation", 1)];

/// The prior of a family; none for a family the table does not know.
#[must_use]
#[allow(clippy::unreadable_literal, reason = "hours, as the lists print them")]
#[expect(clippy::too_many_lines, reason = "a table")]
pub const fn prior_of(family: &str) -> Option<FamilyPrior> {
    Some(match family.as_bytes() {
        b"centrifugal_pump" | b"positive_displacement_pump" => prior(
            [0.5, 1.2, 3.0],
            [1e3, 35e3, 125e3],
            [15.0, 22.0, 30.0],
            10.0,
            ROTATING,
        ),
        b"centrifugal_compressor" => prior(
            [0.5, 1.9, 3.0],
            [20e3, 60e3, 120e3],
            [20.0, 40.0, 60.0],
            60.0,
            ROTATING,
        ),
        b"reciprocating_compressor" => prior(
            [1.2, 1.8, 3.0],
            [4e3, 9e3, 16e3],
            [25.0, 32.0, 40.0],
            24.0,
            ROTATING,
        ),
        b"gas_turbine" => prior(
            [1.2, 2.5, 6.6],
            [10e3, 24e3, 50e3],
            [20.0, 40.0, 60.0],
            48.0,
            ROTATING,
        ),
        b"steam_turbine" => prior(
            [0.5, 1.7, 3.0],
            [11e3, 65e3, 170e3],
            [20.0, 40.0, 60.0],
            48.0,
            ROTATING,
        ),
        b"electric_motor" => prior(
            [0.5, 1.2, 3.0],
            [1e3, 100e3, 200e3],
            [15.0, 20.0, 25.0],
            12.0,
            ELECTRICAL,
        ),
        b"gearbox" => prior(
            [0.5, 2.0, 6.0],
            [33e3, 75e3, 500e3],
            [15.0, 22.0, 30.0],
            16.0,
            ROTATING,
        ),
        b"fan_blower" => prior(
            [0.7, 1.3, 3.5],
            [14e3, 40e3, 250e3],
            [8.0, 12.0, 20.0],
            8.0,
            ROTATING,
        ),
        b"hx_shell_tube" => prior(
            [0.8, 1.0, 1.5],
            [50e3, 80e3, 200e3],
            [24.0, 40.0, 60.0],
            60.0,
            MECHANICAL,
        ),
        b"hx_air_cooler" => prior(
            [0.8, 1.0, 1.5],
            [50e3, 80e3, 200e3],
            [12.0, 24.0, 40.0],
            16.0,
            MECHANICAL,
        ),
        b"fired_heater" => prior(
            [0.8, 1.2, 2.0],
            [30e3, 60e3, 150e3],
            [24.0, 48.0, 96.0],
            40.0,
            HEATER,
        ),
        b"control_valve" => prior(
            [0.5, 1.0, 2.0],
            [14e3, 100e3, 333e3],
            [6.0, 9.0, 12.0],
            6.0,
            INSTRUMENT,
        ),
        b"vessel" | b"tank" => prior(
            [0.8, 1.0, 1.5],
            [100e3, 300e3, 1e6],
            [24.0, 48.0, 96.0],
            40.0,
            MECHANICAL,
        ),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_family_of_the_catalogue_has_a_prior_in_order() {
        for family in iq_mapping::catalogue().families() {
            let prior = prior_of(&family.family).unwrap_or_else(|| panic!("{}", family.family));
            for s in [prior.beta, prior.eta_hours, prior.downtime_hours] {
                assert!(
                    0.0 < s.low && s.low <= s.typical && s.typical <= s.high,
                    "{s:?}"
                );
            }
            assert!(prior.job_hours > 0.0 && !prior.crew.is_empty());
        }
        assert_eq!(prior_of("teapot"), None);
    }
}
