//! The arithmetic below the models: small dense matrices, distributions, quantiles and a random
//! generator whose numbers are the same on every machine.

mod matrix;
mod random;
mod stats;

pub use matrix::{Matrix, NotPositive};
pub use random::Random;
pub use stats::{
    MAD_TO_SIGMA, chi2_quantile, f_quantile, gamma_p, gamma_quantile, ln_gamma, mean, median,
    quantile, robust_sigma, variance,
};
