//! How a cost grows with what it is measured at.

/// Places and costs, both as logarithms.
#[derive(Clone, Debug, Default)]
pub struct Growth(Vec<(f64, f64)>);

impl Growth {
    /// Of these places and costs; one that is 0, too small to be measured, has no logarithm and is left out.
    #[must_use]
    pub fn of(points: impl IntoIterator<Item = (f64, f64)>) -> Self {
        let measured = points.into_iter().filter(|(x, y)| *x > 0.0 && *y > 0.0);
        Self(measured.map(|(x, y)| (x.ln(), y.ln())).collect())
    }

    /// The exponent of the power that fits best by least squares: 0 is constant, 1 is linear. `None` for fewer than
    /// two places.
    #[must_use]
    pub fn exponent(&self) -> Option<f64> {
        let n = self.0.len() as f64;
        let (sum_x, sum_y) = self.0.iter().fold((0.0, 0.0), |(sx, sy), (x, y)| (sx + x, sy + y));
        let (mean_x, mean_y) = (sum_x / n, sum_y / n);
        let (mut both, mut alone) = (0.0, 0.0);
        for (x, y) in &self.0 {
            both += (x - mean_x) * (y - mean_y);
            alone += (x - mean_x) * (x - mean_x);
        }
        (alone > 0.0).then(|| both / alone)
    }
}

#[cfg(test)]
mod tests {
    use super::Growth;

    #[test]
    fn finds_the_power() {
        let places = [1.0, 10.0, 100.0_f64];
        let fits = |power: f64| Growth::of(places.map(|x| (x, 3.0 * x.powf(power)))).exponent();
        for power in [0.0, 0.5, 1.0] {
            assert!((fits(power).unwrap() - power).abs() < 1e-9, "{power}");
        }
        assert_eq!(Growth::of([(1.0, 2.0)]).exponent(), None);
        assert_eq!(Growth::of([(1.0, 0.0), (1.0, 2.0)]).exponent(), None);
        let with_zero = Growth::of([(1.0, 0.0), (10.0, 2.0), (100.0, 20.0)]).exponent();
        assert!((with_zero.unwrap() - 1.0).abs() < 1e-9, "{with_zero:?}");
    }
}
