//! The alert rules a new mapping starts with: the template's limits with the delays and dead-bands
//! that keep alarms from chattering (ISA-18.2 practice). They stay "default" until confirmed.

use iq_domain::{Dimension, Limits, MetricTemplate, RuleCondition};

use crate::find_unit;

/// A rule before it has an id and an owner.
#[derive(Clone, Debug, PartialEq)]
pub struct RuleDraft {
    /// Condition.
    pub condition: RuleCondition,
    /// Seconds the condition must hold.
    pub on_delay_s: u32,
    /// Seconds it must be gone.
    pub off_delay_s: u32,
    /// Dead-band in the metric's unit.
    pub deadband: f64,
    /// Always false: nobody looked at the numbers yet.
    pub is_confirmed: bool,
    /// Where the numbers come from.
    pub source: String,
}

/// Delay in seconds and dead-band in per cent of the span, by what is measured.
fn cure(template: &MetricTemplate) -> (u32, f64) {
    let dimension = find_unit(&template.unit).map(|u| u.dimension);
    if template.metric.ends_with("level") {
        return (60, 5.0);
    }
    match dimension {
        Some(Dimension::VolumeFlow | Dimension::VolumeFlowNormal | Dimension::MassFlow) => {
            (15, 5.0)
        }
        Some(
            Dimension::PressureGauge | Dimension::PressureAbsolute | Dimension::PressureDifference,
        ) => (15, 2.0),
        Some(Dimension::Temperature | Dimension::TemperatureDifference) => (60, 1.0),
        // Vibration, position, speed, current: fast and protective.
        _ => (10, 2.0),
    }
}

/// The span a percentage refers to: the scale of the template, else the reach of the limits.
#[must_use]
pub fn span_of(template: &MetricTemplate, limits: &Limits) -> Option<f64> {
    if let (Some(low), Some(high)) = (template.scale_low, template.scale_high) {
        return (high > low).then_some(high - low);
    }
    let set = [limits.low_low, limits.low, limits.high, limits.high_high];
    let reach = set
        .iter()
        .flatten()
        .fold(0.0f64, |reach, limit| reach.max(limit.abs()));
    (reach > 0.0).then_some(reach)
}

/// The rules for a metric with these limits.
#[must_use]
pub fn default_rules(template: &MetricTemplate, limits: &Limits) -> Vec<RuleDraft> {
    if template.metric == "trip" {
        return vec![RuleDraft {
            condition: RuleCondition::Trip { tripped_value: 1.0 },
            on_delay_s: 0,
            off_delay_s: 0,
            deadband: 0.0,
            is_confirmed: false,
            source: "protection system".to_owned(),
        }];
    }
    if limits.is_empty()
        || find_unit(&template.unit).is_some_and(|u| u.dimension == Dimension::Text)
    {
        return Vec::new();
    }
    let (delay, percent) = cure(template);
    vec![RuleDraft {
        condition: RuleCondition::Limit { limits: *limits },
        on_delay_s: delay,
        off_delay_s: delay,
        deadband: span_of(template, limits).unwrap_or(0.0) * percent / 100.0,
        is_confirmed: false,
        source: template.limits_source.clone(),
    }]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalogue;

    #[test]
    fn delays_and_dead_bands_follow_what_is_measured() {
        for (family, metric, delay, deadband) in [
            ("centrifugal_pump", "vibration_de", 10, 0.24),
            ("centrifugal_pump", "bearing_temperature_de", 60, 1.2),
            ("centrifugal_pump", "seal_pot_level", 60, 5.0),
            ("centrifugal_pump", "seal_pot_pressure", 15, 0.2),
            ("centrifugal_compressor", "primary_seal_vent_flow", 15, 1.5),
        ] {
            let template = catalogue().metric(family, metric).unwrap();
            let rules = default_rules(template, &template.limits);
            assert_eq!(rules.len(), 1, "{metric}");
            assert_eq!(
                (rules[0].on_delay_s, rules[0].off_delay_s),
                (delay, delay),
                "{metric}"
            );
            assert!(
                (rules[0].deadband - deadband).abs() < 1e-9,
                "{metric}: {}",
                rules[0].deadband
            );
            assert!(!rules[0].is_confirmed && !rules[0].source.is_empty());
        }
    }

    #[test]
    fn a_dead_band_never_reaches_the_opposite_limit() {
        for family in catalogue().families() {
            for template in &family.metrics {
                for rule in default_rules(template, &template.limits) {
                    if let RuleCondition::Limit { limits } = rule.condition
                        && let (Some(low), Some(high)) = (limits.low, limits.high)
                    {
                        assert!(rule.deadband * 2.0 < high - low, "{}", template.metric);
                    }
                }
            }
        }
    }

    #[test]
    fn a_trip_is_a_rule_without_delay_and_a_plain_metric_has_none() {
        let trip = catalogue().metric("centrifugal_pump", "trip").unwrap();
        let rules = default_rules(trip, &Limits::default());
        assert_eq!(
            rules[0].condition,
            RuleCondition::Trip { tripped_value: 1.0 }
        );
        let flow = catalogue().metric("centrifugal_pump", "flow").unwrap();
        assert!(default_rules(flow, &flow.limits).is_empty());
    }
}
