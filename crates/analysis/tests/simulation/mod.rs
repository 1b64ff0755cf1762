//! Random numbers for simulated experiments, and what these give on average.
#![allow(dead_code)] // Each test file uses a part of it.

/// splitmix64 and Box-Muller: enough randomness for a simulation, without a dependency.
pub struct Random(pub u64);

impl Random {
    pub fn uniform(&mut self) -> f64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ (z >> 31)) >> 11) as f64 / (1u64 << 53) as f64
    }

    pub fn normal(&mut self) -> f64 {
        let radius = (-2.0 * (1.0 - self.uniform()).ln()).sqrt();
        radius * (std::f64::consts::TAU * self.uniform()).cos()
    }

    /// An index, with the probabilities `p`.
    pub fn draw(&mut self, p: &[f64]) -> usize {
        let (u, mut below) = (self.uniform(), 0.0);
        p.iter()
            .position(|p| {
                below += p;
                u < below
            })
            .unwrap_or(p.len() - 1)
    }
}

/// Mean of simulated estimates and its standard error.
pub fn mean(values: &[f64]) -> (f64, f64) {
    let n = values.len() as f64;
    let mean = values.iter().sum::<f64>() / n;
    (mean, (values.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / (n - 1.0) / n).sqrt())
}
