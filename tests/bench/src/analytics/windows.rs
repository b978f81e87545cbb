//! Scores of detections in windows, after the Numenta Anomaly Benchmark: only the first detection in a
//! window counts, the earlier the better, and every detection outside costs.

/// Weights of a profile.
#[derive(Clone, Copy)]
pub(super) struct Profile {
    pub(super) name: &'static str,
    pub(super) hit: f64,
    pub(super) false_alarm: f64,
    pub(super) miss: f64,
}

pub(super) const PROFILES: [Profile; 3] = [
    Profile {
        name: "standard",
        hit: 1.0,
        false_alarm: 0.11,
        miss: 1.0,
    },
    Profile {
        name: "low FP",
        hit: 1.0,
        false_alarm: 0.22,
        miss: 1.0,
    },
    Profile {
        name: "low FN",
        hit: 1.0,
        false_alarm: 0.11,
        miss: 2.0,
    },
];

/// A raw score with the scores of silence and of perfection.
#[derive(Clone, Copy, Default)]
pub(super) struct Raw {
    pub(super) score: f64,
    pub(super) silence: f64,
    pub(super) perfect: f64,
}

impl Raw {
    pub(super) fn plus(self, other: Self) -> Self {
        Self {
            score: self.score + other.score,
            silence: self.silence + other.silence,
            perfect: self.perfect + other.perfect,
        }
    }

    /// 0 for silence, 100 for perfection.
    pub(super) fn normalised(&self) -> f64 {
        100.0 * (self.score - self.silence) / (self.perfect - self.silence)
    }
}

/// Changepoints after the protocol of SKAB: a window of `length` seconds follows each true one; where
/// two overlap, the later begins where the earlier ends.
pub(super) fn changepoints(truths: &[f64], detections: &[f64], length: f64, p: Profile) -> Raw {
    let mut windows: Vec<(f64, f64)> = truths.iter().map(|t| (*t, t + length)).collect();
    for i in 1..windows.len() {
        windows[i].0 = windows[i].0.max(windows[i - 1].1.min(windows[i].1));
    }
    let mut score = 0.0;
    let mut outside = detections.to_vec();
    for (from, to) in &windows {
        let first = detections.iter().copied().find(|t| from <= t && t <= to);
        outside.retain(|t| t < from || t > to);
        score += match first {
            Some(t) => reward((t - from) / (to - from).max(1e-9), p),
            None => -p.miss,
        };
    }
    score -= p.false_alarm * outside.len() as f64;
    let n = windows.len() as f64;
    Raw {
        score,
        silence: -p.miss * n,
        perfect: p.hit * n,
    }
}

/// From the hit's weight at the window's start down to the false alarm's at its end.
fn reward(place: f64, p: Profile) -> f64 {
    let half = std::f64::consts::FRAC_PI_2;
    let step = (1000.0 * place).floor().clamp(0.0, 999.0);
    let x = -half + 2.0 * half * step / 999.0;
    -(p.hit + p.false_alarm) / 2.0 * x.tanh() / half.tanh() + (p.hit - p.false_alarm) / 2.0
}

/// Windows after the protocol of NAB; places are row numbers.
pub(super) fn streaming(windows: &[(f64, f64)], detections: &[f64], p: Profile) -> Raw {
    let sigmoid = |y: f64| 2.0 / (1.0 + (5.0 * y).exp()) - 1.0;
    let mut score = 0.0;
    for (from, to) in windows {
        match detections.iter().find(|t| from <= *t && *t <= to) {
            // The best detection stands at the window's start, y = −1.
            Some(t) => score += p.hit * sigmoid(-(to - t) / (to - from).max(1.0)) / sigmoid(-1.0),
            None => score -= p.miss,
        }
    }
    for t in detections
        .iter()
        .filter(|t| !windows.iter().any(|(from, to)| from <= *t && *t <= to))
    {
        let before = windows
            .iter()
            .filter(|(_, to)| to < t)
            .max_by(|a, b| a.1.total_cmp(&b.1));
        let cost = before.map_or(-1.0, |(from, to)| sigmoid((t - to) / (to - from).max(1.0)));
        score += p.false_alarm * cost;
    }
    let n = windows.len() as f64;
    Raw {
        score,
        silence: -p.miss * n,
        perfect: p.hit * n,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn near(have: f64, want: f64) {
        assert!((have - want).abs() < 1e-6, "{have} instead of {want}");
    }

    #[test]
    fn perfection_is_a_hundred_and_silence_nothing() {
        for p in PROFILES {
            near(
                changepoints(&[100.0, 300.0], &[100.0, 300.0], 60.0, p).normalised(),
                100.0,
            );
            near(
                changepoints(&[100.0, 300.0], &[], 60.0, p).normalised(),
                0.0,
            );
            near(
                streaming(&[(100.0, 160.0)], &[100.0], p).normalised(),
                100.0,
            );
            near(streaming(&[(100.0, 160.0)], &[], p).normalised(), 0.0);
        }
    }

    #[test]
    fn the_middle_of_a_window_is_worth_the_middle_and_outside_costs() {
        let p = PROFILES[0];
        let step = 500.0_f64;
        let x = std::f64::consts::FRAC_PI_2 * (2.0 * step / 999.0 - 1.0);
        let want = -0.555 * x.tanh() / std::f64::consts::FRAC_PI_2.tanh() + 0.445;
        near(changepoints(&[0.0], &[30.0], 60.0, p).score, want);
        // Only the first detection counts; one outside costs its weight.
        near(
            changepoints(&[0.0], &[30.0, 31.0, 90.0], 60.0, p).score,
            want - 0.11,
        );
        near(changepoints(&[0.0], &[60.0], 60.0, p).score, -0.11);
        near(streaming(&[(100.0, 160.0)], &[10.0], p).score, -1.0 - 0.11);
    }

    #[test]
    fn overlapping_windows_are_cut_on_the_right() {
        let p = PROFILES[0];
        // The second window begins at 60, so 60 is its best place and the end of the first.
        let both = changepoints(&[0.0, 30.0], &[0.0, 61.0], 60.0, p);
        assert!(both.score > 1.9, "{}", both.score);
    }
}
