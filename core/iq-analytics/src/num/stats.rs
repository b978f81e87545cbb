//! Quantiles and distributions.

/// Turns a median absolute deviation into a standard deviation for normal noise.
pub const MAD_TO_SIGMA: f64 = 1.482_602_218_505_602;

/// The mean; 0 of nothing.
#[must_use]
#[allow(clippy::cast_precision_loss)]
pub fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len().max(1) as f64
}

/// Mean squared distance from the mean; 0 of nothing.
#[must_use]
#[allow(clippy::cast_precision_loss)]
pub fn variance(values: &[f64]) -> f64 {
    let center = mean(values);
    values.iter().map(|v| (v - center).powi(2)).sum::<f64>() / values.len().max(1) as f64
}

/// The value below which the share `q` of the values lies, straight between neighbours; NaN of nothing.
#[must_use]
#[allow(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss
)]
pub fn quantile(values: &[f64], q: f64) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let Some(last) = sorted.len().checked_sub(1) else {
        return f64::NAN;
    };
    let place = q.clamp(0.0, 1.0) * last as f64;
    let (low, high) = (place.floor() as usize, place.ceil() as usize);
    sorted[low] + (sorted[high] - sorted[low]) * (place - place.floor())
}

/// The median; NaN of nothing.
#[must_use]
pub fn median(values: &[f64]) -> f64 {
    quantile(values, 0.5)
}

/// Standard deviation by the median absolute deviation; NaN of nothing.
#[must_use]
pub fn robust_sigma(values: &[f64]) -> f64 {
    let center = median(values);
    let off: Vec<f64> = values.iter().map(|v| (v - center).abs()).collect();
    median(&off) * MAD_TO_SIGMA
}

/// Logarithm of the gamma function for x > 0 (Lanczos' approximation, g = 7, nine terms).
#[must_use]
#[allow(clippy::excessive_precision, clippy::inconsistent_digit_grouping)]
pub fn ln_gamma(x: f64) -> f64 {
    const TERMS: [f64; 8] = [
        676.520_368_121_885_1,
        -1_259.139_216_722_402_8,
        771.323_428_777_653_13,
        -176.615_029_162_140_59,
        12.507_343_278_686_905,
        -0.138_571_095_265_720_12,
        9.984_369_578_019_571_6e-6,
        1.505_632_735_149_311_6e-7,
    ];
    if x < 0.5 {
        let pi = std::f64::consts::PI;
        return (pi / (pi * x).sin()).ln() - ln_gamma(1.0 - x);
    }
    let x = x - 1.0;
    let mut sum = 0.999_999_999_999_809_93;
    let mut place = 0.0;
    for term in TERMS {
        place += 1.0;
        sum += term / (x + place);
    }
    let t = x + 7.5;
    0.5 * std::f64::consts::TAU.ln() + (x + 0.5) * t.ln() - t + sum.ln()
}

/// Distribution function of the gamma distribution with shape `a` and scale 1: the regularised lower
/// incomplete gamma function (series and continued fraction, Abramowitz and Stegun 6.5.29, 6.5.31).
#[must_use]
pub fn gamma_p(a: f64, x: f64) -> f64 {
    if x <= 0.0 {
        return 0.0;
    }
    let front = (a * x.ln() - x - ln_gamma(a)).exp();
    if x < a + 1.0 {
        let (mut term, mut sum, mut n) = (1.0 / a, 1.0 / a, a);
        for _ in 0..1_000 {
            n += 1.0;
            term *= x / n;
            sum += term;
            if term < sum * 1e-15 {
                break;
            }
        }
        return (sum * front).min(1.0);
    }
    let mut b = x + 1.0 - a;
    let mut c = 1e300;
    let mut d = 1.0 / b;
    let mut h = d;
    let mut i = 0.0;
    for _ in 0..1_000 {
        i += 1.0;
        let an = -i * (i - a);
        b += 2.0;
        d = 1.0 / or_tiny(an * d + b);
        c = or_tiny(b + an / c);
        let step = d * c;
        h *= step;
        if (step - 1.0).abs() < 1e-15 {
            break;
        }
    }
    (1.0 - front * h).max(0.0)
}

fn or_tiny(v: f64) -> f64 {
    if v.abs() < 1e-300 { 1e-300 } else { v }
}

/// Quantile of the gamma distribution with shape `a` and scale 1.
#[must_use]
pub fn gamma_quantile(a: f64, p: f64) -> f64 {
    let mut high = a.max(1.0);
    while gamma_p(a, high) < p && high < 1e12 {
        high *= 2.0;
    }
    bisect(0.0, high, |x| gamma_p(a, x) < p)
}

/// Quantile of the chi-square distribution.
#[must_use]
pub fn chi2_quantile(degrees: f64, p: f64) -> f64 {
    2.0 * gamma_quantile(degrees / 2.0, p)
}

/// Quantile of the F distribution with `d1` and `d2` degrees of freedom.
#[must_use]
pub fn f_quantile(d1: f64, d2: f64, p: f64) -> f64 {
    let share = bisect(0.0, 1.0, |x| beta_p(d1 / 2.0, d2 / 2.0, x) < p);
    d2 * share / (d1 * (1.0 - share))
}

/// Where `is_left` changes from true to false.
fn bisect(mut low: f64, mut high: f64, is_left: impl Fn(f64) -> bool) -> f64 {
    for _ in 0..200 {
        let middle = f64::midpoint(low, high);
        if is_left(middle) {
            low = middle;
        } else {
            high = middle;
        }
    }
    f64::midpoint(low, high)
}

/// The regularised incomplete beta function (continued fraction, Abramowitz and Stegun 26.5.8).
fn beta_p(a: f64, b: f64, x: f64) -> f64 {
    if x <= 0.0 || x >= 1.0 {
        return x.clamp(0.0, 1.0);
    }
    if x > (a + 1.0) / (a + b + 2.0) {
        return 1.0 - beta_p(b, a, 1.0 - x);
    }
    let front =
        (ln_gamma(a + b) - ln_gamma(a) - ln_gamma(b) + a * x.ln() + b * (1.0 - x).ln()).exp() / a;
    let mut c = 1.0;
    let mut d = 1.0 / or_tiny(1.0 - (a + b) * x / (a + 1.0));
    let mut h = d;
    let mut m = 0.0;
    for _ in 0..1_000 {
        m += 1.0;
        let even = m * (b - m) * x / ((a + 2.0 * m - 1.0) * (a + 2.0 * m));
        d = 1.0 / or_tiny(1.0 + even * d);
        c = or_tiny(1.0 + even / c);
        h *= d * c;
        let odd = -(a + m) * (a + b + m) * x / ((a + 2.0 * m) * (a + 2.0 * m + 1.0));
        d = 1.0 / or_tiny(1.0 + odd * d);
        c = or_tiny(1.0 + odd / c);
        let step = d * c;
        h *= step;
        if (step - 1.0).abs() < 1e-15 {
            break;
        }
    }
    (front * h).clamp(0.0, 1.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn near(have: f64, want: f64) {
        assert!(
            (have - want).abs() <= 1e-4 * want.abs().max(1.0),
            "{have} instead of {want}"
        );
    }

    #[test]
    fn quantiles_agree_with_printed_tables() {
        near(chi2_quantile(1.0, 0.95), 3.8415);
        near(chi2_quantile(10.0, 0.99), 23.209);
        near(f_quantile(5.0, 10.0, 0.95), 3.3258);
        near(f_quantile(8.0, 392.0, 0.999), 3.3505);
        near(ln_gamma(10.0), 362_880.0_f64.ln());
        near(gamma_p(3.0, gamma_quantile(3.0, 0.05)), 0.05);
    }

    #[test]
    fn a_quantile_lies_between_its_neighbours() {
        assert_eq!(quantile(&[3.0, 1.0, 2.0], 0.5), 2.0);
        assert_eq!(quantile(&[1.0, 2.0], 0.25), 1.25);
        assert!(quantile(&[], 0.5).is_nan());
        assert_eq!(robust_sigma(&[1.0, 1.0, 1.0, 90.0]), 0.0);
    }
}
