//! The only source of chance in this crate: SplitMix64, seeded by the caller, the same on every machine.

/// A stream of pseudo-random numbers.
#[derive(Clone, Debug)]
pub struct Rng(u64);

impl Rng {
    /// The stream of a seed.
    #[must_use]
    pub const fn new(seed: u64) -> Self {
        Self(seed ^ 0x9E37_79B9_7F4A_7C15)
    }

    /// The next 64 bits.
    pub const fn next_u64(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    /// Uniform in 0 … `n` − 1; 0 for an empty range.
    pub const fn below(&mut self, n: usize) -> usize {
        if n == 0 {
            return 0;
        }
        ((self.next_u64() as u128 * n as u128) >> 64) as usize
    }

    /// Uniform in 0 ≤ x < 1.
    pub fn unit(&mut self) -> f64 {
        (self.next_u64() >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// Triangular between `low` and `high` with its peak at `typical`.
    pub fn triangular(&mut self, low: f64, typical: f64, high: f64) -> f64 {
        if high <= low {
            return typical;
        }
        let u = self.unit();
        let cut = (typical - low) / (high - low);
        if u < cut {
            low + (u * (high - low) * (typical - low)).sqrt()
        } else {
            high - ((1.0 - u) * (high - low) * (high - typical)).sqrt()
        }
    }

    /// Between `low` and `high`, half of the time below `typical`, the likelier the nearer to it.
    pub fn around(&mut self, low: f64, typical: f64, high: f64) -> f64 {
        let end = if self.unit() < 0.5 { low } else { high };
        // A triangle with its peak at `typical`: the square root is the distance of its slope.
        typical + (end - typical) * (1.0 - self.unit().sqrt())
    }

    /// Gamma distribution of that shape and rate 1 (Marsaglia, Tsang 2000).
    pub fn gamma(&mut self, shape: f64) -> f64 {
        if shape < 1.0 {
            let lift = (1.0 - self.unit()).powf(1.0 / shape);
            return self.gamma(shape + 1.0) * lift;
        }
        let d = shape - 1.0 / 3.0;
        let c = 1.0 / (9.0 * d).sqrt();
        loop {
            let (u, angle) = (1.0 - self.unit(), self.unit());
            let normal = (-2.0 * u.ln()).sqrt() * (std::f64::consts::TAU * angle).cos();
            let v = (1.0 + c * normal).powi(3);
            let u = 1.0 - self.unit();
            if v > 0.0 && u.ln() < 0.5 * normal * normal + d - d * v + d * v.ln() {
                return d * v;
            }
        }
    }

    /// Puts the items into a random order.
    pub fn shuffle<T>(&mut self, items: &mut [T]) {
        for i in (1..items.len()).rev() {
            items.swap(i, self.below(i + 1));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn draws_have_the_moments_of_their_distribution() {
        let mut rng = Rng::new(3);
        let n = 40_000;
        for shape in [0.3, 0.9, 1.0, 4.5, 60.0] {
            let all: Vec<f64> = (0..n).map(|_| rng.gamma(shape)).collect();
            let mean = all.iter().sum::<f64>() / f64::from(n);
            let variance = all.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / f64::from(n);
            assert!((mean / shape - 1.0).abs() < 0.04, "{shape}: {mean}");
            assert!((variance / shape - 1.0).abs() < 0.1, "{shape}: {variance}");
        }
        let all: Vec<f64> = (0..n).map(|_| rng.around(14.0, 40.0, 250.0)).collect();
        let below = all.iter().filter(|x| **x < 40.0).count();
        assert!((19_400..20_600).contains(&below), "{below}");
        assert!(all.iter().all(|x| (14.0..=250.0).contains(x)));
        let near = all.iter().filter(|x| **x < 145.0).count();
        assert!((34_400..35_600).contains(&near), "{near}");
        assert_eq!(rng.around(2.0, 2.0, 2.0), 2.0);
    }
}
