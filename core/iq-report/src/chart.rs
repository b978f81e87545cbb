//! A trend as a drawing: line with gaps, usual band, limits, marks of events. Numbers and clock times
//! only; words stand outside, where the typesetter shapes them. The axis of time runs left to right in
//! both languages, as in every control room.

use std::ops::Range;

use iq_domain::Timestamp;
use plotters::{
    coord::ranged1d::{KeyPointHint, NoDefaultFormatting, Ranged, ValueFormatter},
    prelude::*,
};

/// Size of the drawing; its shape on paper, in units a hairline is one of.
const SIZE: (u32, u32) = (1_000, 250);
const FONT: &str = "IBM Plex Sans";
const INK: RGBColor = RGBColor(33, 43, 54);
const LINE: RGBColor = RGBColor(28, 92, 138);
const GRID: RGBColor = RGBColor(222, 226, 230);
const BAND: RGBColor = RGBColor(232, 240, 236);
const WARNING: RGBColor = RGBColor(176, 116, 0);
const CRITICAL: RGBColor = RGBColor(186, 32, 38);
const ONSET: RGBColor = RGBColor(96, 60, 140);
/// A limit farther from the data than this many times their spread would flatten the line.
const REACH: f64 = 1.5;

/// What a trend shows.
#[derive(Clone, Debug)]
pub struct Chart {
    /// Left end.
    pub from: Timestamp,
    /// Right end.
    pub to: Timestamp,
    /// How far the clock of the axis is ahead of UTC.
    pub zone_offset_ms: i64,
    /// In the order of time; nothing breaks the line.
    pub points: Vec<(Timestamp, Option<f64>)>,
    /// Where the value usually lies.
    pub band: Option<(f64, f64)>,
    /// Limits.
    pub limits: Vec<Limit>,
    /// Moments.
    pub marks: Vec<Mark>,
}

/// A limit of a signal.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Limit {
    /// Where.
    pub value: f64,
    /// A critical one, not a warning.
    pub is_critical: bool,
}

/// A moment on the axis.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mark {
    /// When.
    pub at: Timestamp,
    /// What.
    pub kind: MarkKind,
}

/// What a moment is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MarkKind {
    /// A critical event.
    Critical,
    /// The signal left its usual range.
    Onset,
}

impl Chart {
    /// The drawing as SVG.
    pub(crate) fn svg(&self) -> Result<String, String> {
        let mut svg = String::new();
        self.draw(SVGBackend::with_string(&mut svg, SIZE).into_drawing_area())
            .map_err(|error| error.to_string())?;
        Ok(svg)
    }

    fn draw<DB: DrawingBackend>(
        &self,
        area: DrawingArea<DB, plotters::coord::Shift>,
    ) -> Result<(), DrawingAreaErrorKind<DB::ErrorType>> {
        let times = Times::new(self);
        let values = self.value_range();
        let (from, to) = (times.from, times.to);
        let mut chart = ChartBuilder::on(&area)
            .margin(6)
            .x_label_area_size(28)
            .y_label_area_size(78)
            .build_cartesian_2d(times, values.clone())?;
        if let Some((low, high)) = self.band {
            let corners = [(from, low.max(values.start)), (to, high.min(values.end))];
            if corners[0].1 < corners[1].1 {
                chart.draw_series([Rectangle::new(corners, BAND.filled())])?;
            }
        }
        let decimals = decimals_of(&values);
        chart
            .configure_mesh()
            .max_light_lines(0)
            .x_labels(8)
            .y_labels(5)
            .bold_line_style(GRID)
            .axis_style(GRID.mix(1.0).stroke_width(2))
            .label_style((FONT, 22).into_font().color(&INK))
            .y_label_formatter(&|value| format!("{value:.decimals$}").replace('-', "\u{2212}"))
            .draw()?;
        for limit in self.limits.iter().filter(|l| values.contains(&l.value)) {
            let colour = if limit.is_critical { CRITICAL } else { WARNING };
            let ends = [(from, limit.value), (to, limit.value)];
            let style = colour.stroke_width(2);
            chart.draw_series(DashedLineSeries::new(ends, 10, 7, style))?;
        }
        for mark in &self.marks {
            let at = mark.at.0;
            if (from..=to).contains(&at) {
                let ends = [(at, values.start), (at, values.end)];
                match mark.kind {
                    MarkKind::Critical => {
                        let style = CRITICAL.mix(0.55).stroke_width(2);
                        chart.draw_series([PathElement::new(ends, style)])?;
                    }
                    MarkKind::Onset => {
                        let style = ONSET.stroke_width(3);
                        chart.draw_series(DashedLineSeries::new(ends, 4, 5, style))?;
                    }
                }
            }
        }
        for run in self.runs() {
            if let [only] = run[..] {
                chart.draw_series([Circle::new(only, 3, LINE.filled())])?;
            } else {
                chart.draw_series([PathElement::new(run, LINE.stroke_width(2))])?;
            }
        }
        area.present()
    }

    /// The line between its gaps.
    fn runs(&self) -> Vec<Vec<(i64, f64)>> {
        let mut runs = vec![Vec::new()];
        for (at, value) in &self.points {
            match (value.filter(|v| v.is_finite()), runs.last_mut()) {
                (Some(value), Some(run)) => run.push((at.0, value)),
                _ => runs.push(Vec::new()),
            }
        }
        runs.retain(|run| !run.is_empty());
        runs
    }

    /// Data, band and the limits near them, with a little air.
    fn value_range(&self) -> Range<f64> {
        let mut range = Spread::default();
        for (_, value) in &self.points {
            range.take(value.filter(|v| v.is_finite()));
        }
        if let Some((low, high)) = self.band {
            range.take(Some(low));
            range.take(Some(high));
        }
        let data = range.clone();
        let reach = (data.high - data.low).max(data.high.abs() * 0.05) * REACH;
        for limit in &self.limits {
            if limit.value > data.low - reach && limit.value < data.high + reach {
                range.take(Some(limit.value));
            }
        }
        if range.low > range.high {
            return 0.0..1.0;
        }
        let air = ((range.high - range.low) * 0.06).max(range.high.abs() * 1e-3 + 1e-6);
        range.low - air..range.high + air
    }
}

#[derive(Clone)]
struct Spread {
    low: f64,
    high: f64,
}

impl Default for Spread {
    fn default() -> Self {
        Self {
            low: f64::INFINITY,
            high: f64::NEG_INFINITY,
        }
    }
}

impl Spread {
    fn take(&mut self, value: Option<f64>) {
        if let Some(value) = value {
            self.low = self.low.min(value);
            self.high = self.high.max(value);
        }
    }
}

/// Digits behind the point that tell five lines apart.
fn decimals_of(values: &Range<f64>) -> usize {
    let step = (values.end - values.start) / 5.0;
    (0_i32..6)
        .find(|digits| step >= 10_f64.powi(-digits))
        .map_or(6, |digits| digits.unsigned_abs() as usize)
}

/// The axis of time, with lines at moments a clock on the wall shows as round.
struct Times {
    from: i64,
    to: i64,
    offset: i64,
}

/// Steps people read a clock in.
const STEPS_S: [i64; 16] = [
    1, 2, 5, 10, 20, 30, 60, 120, 300, 600, 1_800, 3_600, 7_200, 14_400, 43_200, 86_400,
];

impl Times {
    fn new(chart: &Chart) -> Self {
        Self {
            from: chart.from.0,
            to: chart.to.0.max(chart.from.0 + 1),
            offset: chart.zone_offset_ms,
        }
    }

    fn step_ms(&self, most: usize) -> i64 {
        let most = i64::try_from(most.max(1)).unwrap_or(1);
        let fits = |step: &&i64| (self.to - self.from) / (**step * 1_000) <= most;
        match STEPS_S.iter().find(fits) {
            Some(step) => step * 1_000,
            None => 86_400_000 * ((self.to - self.from) / 86_400_000 / most + 1),
        }
    }
}

impl Ranged for Times {
    type FormatOption = NoDefaultFormatting;
    type ValueType = i64;

    fn map(&self, value: &i64, limit: (i32, i32)) -> i32 {
        let along = i128::from(*value - self.from) * i128::from(limit.1 - limit.0)
            / i128::from(self.to - self.from);
        limit.0 + i32::try_from(along).unwrap_or(0)
    }

    fn key_points<Hint: KeyPointHint>(&self, hint: Hint) -> Vec<i64> {
        let step = self.step_ms(hint.bold_points());
        let first = (self.from + self.offset).div_euclid(step) + 1;
        (first..)
            .map(|n| n * step - self.offset)
            .take_while(|at| *at <= self.to)
            .collect()
    }

    fn range(&self) -> Range<i64> {
        self.from..self.to
    }
}

impl ValueFormatter<i64> for Times {
    fn format_ext(&self, value: &i64) -> String {
        let shown = Timestamp(value + self.offset).to_string();
        let (day, clock) = shown.split_once('T').unwrap_or((&shown, ""));
        let long = self.to - self.from > 2 * 86_400_000;
        if long {
            day.get(5..).unwrap_or(day).to_owned()
        } else if self.step_ms(8) < 60_000 {
            clock.get(..8).unwrap_or(clock).to_owned()
        } else {
            clock.get(..5).unwrap_or(clock).to_owned()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chart() -> Chart {
        let at = |s: i64, v: f64| (Timestamp(s * 1_000), Some(v));
        Chart {
            from: Timestamp(0),
            to: Timestamp(600_000),
            zone_offset_ms: 3 * 3_600_000,
            points: vec![
                at(0, 2.0),
                at(100, 2.1),
                (Timestamp(150_000), None),
                at(200, 9.0),
            ],
            band: Some((1.8, 2.4)),
            limits: vec![
                Limit {
                    value: 7.1,
                    is_critical: true,
                },
                Limit {
                    value: 400.0,
                    is_critical: true,
                },
            ],
            marks: vec![Mark {
                at: Timestamp(180_000),
                kind: MarkKind::Critical,
            }],
        }
    }

    #[test]
    fn a_gap_breaks_the_line_and_a_far_limit_does_not_flatten_it() {
        let chart = chart();
        assert_eq!(
            chart.runs().iter().map(Vec::len).collect::<Vec<_>>(),
            [2, 1]
        );
        let values = chart.value_range();
        assert!(values.contains(&7.1) && values.end < 20.0, "{values:?}");
    }

    #[test]
    fn the_axis_shows_the_clock_on_the_wall_at_round_moments() {
        let svg = chart().svg().unwrap();
        for clock in ["03:02", "03:04", "03:10"] {
            assert!(svg.contains(clock), "{clock} in {svg}");
        }
        assert!(!svg.contains("00:02"), "UTC is not the axis");
    }

    #[test]
    fn nothing_measured_is_an_empty_frame_and_no_error() {
        let empty = Chart {
            points: Vec::new(),
            band: None,
            limits: Vec::new(),
            ..chart()
        };
        assert!(empty.svg().unwrap().contains("</svg>"));
        let moment = Chart {
            to: Timestamp(0),
            ..empty
        };
        assert!(moment.svg().unwrap().contains("</svg>"));
    }
}
