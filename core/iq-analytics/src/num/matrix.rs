//! Small dense matrices: covariance, Cholesky, eigenvectors of a symmetric matrix.

use serde::{Deserialize, Serialize};

/// A matrix by rows.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Matrix {
    rows: usize,
    cols: usize,
    data: Vec<f64>,
}

/// The matrix is not positive definite.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotPositive;

impl Matrix {
    /// All zero.
    #[must_use]
    pub fn zero(rows: usize, cols: usize) -> Self {
        Self {
            rows,
            cols,
            data: vec![0.0; rows * cols],
        }
    }

    /// Rows.
    #[must_use]
    pub const fn rows(&self) -> usize {
        self.rows
    }

    /// Columns.
    #[must_use]
    pub const fn cols(&self) -> usize {
        self.cols
    }

    /// One element; zero outside.
    #[must_use]
    pub fn at(&self, row: usize, col: usize) -> f64 {
        self.data.get(row * self.cols + col).copied().unwrap_or(0.0)
    }

    /// Sets one element.
    pub fn set(&mut self, row: usize, col: usize, value: f64) {
        if let Some(cell) = self.data.get_mut(row * self.cols + col) {
            *cell = value;
        }
    }

    /// One row; empty outside.
    #[must_use]
    pub fn row(&self, row: usize) -> &[f64] {
        self.data
            .get(row * self.cols..(row + 1) * self.cols)
            .unwrap_or(&[])
    }

    fn row_mut(&mut self, row: usize) -> &mut [f64] {
        &mut self.data[row * self.cols..(row + 1) * self.cols]
    }

    /// The second moments of rows that are centred already: Σ x xᵀ / n.
    #[must_use]
    #[allow(clippy::cast_precision_loss)]
    pub fn moments<'a>(width: usize, rows: impl Iterator<Item = &'a [f64]>) -> Self {
        let mut out = Self::zero(width, width);
        let mut n = 0usize;
        for x in rows {
            n += 1;
            for (i, a) in x.iter().enumerate().take(width) {
                for (cell, b) in out.row_mut(i)[..=i].iter_mut().zip(x) {
                    *cell += a * b;
                }
            }
        }
        for i in 0..width {
            for j in 0..=i {
                let mean = out.at(i, j) / n.max(1) as f64;
                out.set(i, j, mean);
                out.set(j, i, mean);
            }
        }
        out
    }

    /// Adds to the diagonal.
    pub fn add_diagonal(&mut self, amount: f64) {
        for i in 0..self.rows.min(self.cols) {
            self.data[i * self.cols + i] += amount;
        }
    }

    /// The matrix times a vector.
    #[must_use]
    pub fn times(&self, x: &[f64]) -> Vec<f64> {
        (0..self.rows).map(|i| dot(self.row(i), x)).collect()
    }

    /// The matrix times another one.
    #[must_use]
    pub fn product(&self, other: &Self) -> Self {
        let mut out = Self::zero(self.rows, other.cols);
        for i in 0..self.rows {
            for k in 0..self.cols {
                let a = self.at(i, k);
                for (cell, b) in out.row_mut(i).iter_mut().zip(other.row(k)) {
                    *cell += a * b;
                }
            }
        }
        out
    }

    /// Rows become columns.
    #[must_use]
    pub fn transposed(&self) -> Self {
        let mut out = Self::zero(self.cols, self.rows);
        for i in 0..self.rows {
            for j in 0..self.cols {
                out.set(j, i, self.at(i, j));
            }
        }
        out
    }

    /// The lower triangle L with L·Lᵀ = self.
    ///
    /// # Errors
    /// When the matrix is not positive definite.
    pub fn cholesky(&self) -> Result<Self, NotPositive> {
        let n = self.rows;
        let mut l = Self::zero(n, n);
        for i in 0..n {
            for j in 0..=i {
                let rest = self.at(i, j) - dot(&l.row(i)[..j], &l.row(j)[..j]);
                if i == j {
                    if rest.is_nan() || rest <= 0.0 {
                        return Err(NotPositive);
                    }
                    l.set(i, i, rest.sqrt());
                } else {
                    let pivot = l.at(j, j);
                    l.set(i, j, rest / pivot);
                }
            }
        }
        Ok(l)
    }

    /// Solves L·y = b where self is a lower triangle.
    #[must_use]
    pub fn forward(&self, b: &[f64]) -> Vec<f64> {
        let mut y: Vec<f64> = Vec::with_capacity(self.rows);
        for (i, target) in b.iter().enumerate().take(self.rows) {
            let rest = target - dot(&self.row(i)[..i], &y);
            y.push(rest / self.at(i, i));
        }
        y
    }

    /// Solves Lᵀ·x = y where self is a lower triangle.
    #[must_use]
    pub fn backward(&self, y: &[f64]) -> Vec<f64> {
        let mut x = y.to_vec();
        for i in (0..self.rows).rev() {
            x[i] /= self.at(i, i);
            for k in 0..i {
                x[k] -= self.at(i, k) * x[i];
            }
        }
        x
    }

    /// The inverse of a positive definite matrix.
    ///
    /// # Errors
    /// When the matrix is not positive definite.
    pub fn inverse(&self) -> Result<Self, NotPositive> {
        let l = self.cholesky()?;
        let mut out = Self::zero(self.rows, self.rows);
        for j in 0..self.rows {
            let mut unit = vec![0.0; self.rows];
            unit[j] = 1.0;
            for (i, v) in l.backward(&l.forward(&unit)).into_iter().enumerate() {
                out.set(i, j, v);
            }
        }
        Ok(out)
    }

    /// Eigenvalues of a symmetric matrix, falling, and their vectors as rows. Cyclic Jacobi rotations
    /// (Golub and Van Loan, "Matrix Computations", 8.5).
    #[must_use]
    pub fn eigen(&self) -> (Vec<f64>, Self) {
        let n = self.rows;
        let mut a = self.clone();
        let mut v = Self::zero(n, n);
        v.add_diagonal(1.0);
        let whole: f64 = self.data.iter().map(|x| x * x).sum();
        for _ in 0..60 {
            let off: f64 = (0..n)
                .map(|i| a.row(i)[..i].iter().map(|x| x * x).sum::<f64>())
                .sum();
            if off <= 1e-22 * whole {
                break;
            }
            for p in 0..n {
                for q in p + 1..n {
                    a.rotate(&mut v, p, q);
                }
            }
        }
        let mut order: Vec<usize> = (0..n).collect();
        order.sort_by(|x, y| a.at(*y, *y).total_cmp(&a.at(*x, *x)));
        let mut vectors = Self::zero(n, n);
        for (row, from) in order.iter().enumerate() {
            vectors.row_mut(row).copy_from_slice(v.row(*from));
        }
        (order.iter().map(|i| a.at(*i, *i)).collect(), vectors)
    }

    /// One rotation that makes (p, q) zero; `v` collects the vectors as rows.
    fn rotate(&mut self, v: &mut Self, p: usize, q: usize) {
        let apq = self.at(p, q);
        if apq.abs() < 1e-300 {
            return;
        }
        let theta = (self.at(q, q) - self.at(p, p)) / (2.0 * apq);
        let t = theta.signum() / (theta.abs() + theta.hypot(1.0));
        let c = 1.0 / t.hypot(1.0);
        let s = t * c;
        for k in 0..self.rows {
            let (x, y) = (self.at(k, p), self.at(k, q));
            self.set(k, p, c * x - s * y);
            self.set(k, q, s * x + c * y);
        }
        for k in 0..self.rows {
            let (x, y) = (self.at(p, k), self.at(q, k));
            self.set(p, k, c * x - s * y);
            self.set(q, k, s * x + c * y);
            let (x, y) = (v.at(p, k), v.at(q, k));
            v.set(p, k, c * x - s * y);
            v.set(q, k, s * x + c * y);
        }
    }
}

/// Sum of products.
fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(x, y)| x * y).sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::num::Random;

    fn positive(n: usize) -> Matrix {
        let mut random = Random::new(11);
        let rows: Vec<Vec<f64>> = (0..4 * n)
            .map(|_| (0..n).map(|_| random.normal()).collect())
            .collect();
        Matrix::moments(n, rows.iter().map(Vec::as_slice))
    }

    fn distance(a: &Matrix, b: &Matrix) -> f64 {
        a.data
            .iter()
            .zip(&b.data)
            .map(|(x, y)| (x - y).abs())
            .fold(0.0, f64::max)
    }

    fn unit(n: usize) -> Matrix {
        let mut m = Matrix::zero(n, n);
        m.add_diagonal(1.0);
        m
    }

    #[test]
    fn the_inverse_undoes_the_matrix() {
        let m = positive(12);
        assert!(distance(&m.product(&m.inverse().unwrap()), &unit(12)) < 1e-9);
    }

    #[test]
    fn eigenvectors_put_the_matrix_together_again() {
        let m = positive(20);
        let (values, vectors) = m.eigen();
        assert!(values.windows(2).all(|w| w[0] >= w[1]));
        assert!(distance(&vectors.product(&vectors.transposed()), &unit(20)) < 1e-9);
        let mut scaled = vectors.clone();
        for (i, value) in values.iter().enumerate() {
            scaled.row_mut(i).iter_mut().for_each(|x| *x *= value);
        }
        assert!(distance(&vectors.transposed().product(&scaled), &m) < 1e-9);
    }

    #[test]
    fn a_matrix_that_is_not_positive_is_refused() {
        let mut m = unit(3);
        m.set(2, 2, -1.0);
        assert_eq!(m.cholesky(), Err(NotPositive));
        m.set(2, 2, f64::NAN);
        assert_eq!(m.cholesky(), Err(NotPositive));
    }
}
