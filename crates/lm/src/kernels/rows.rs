//! Element-wise and row-wise kernels: exponential, RMS norm, SwiGLU, rotary embedding.
use rayon::prelude::*;

/// Rows that one task takes; fewer would cost more in scheduling than in work.
const ROWS_PER_TASK: usize = 8;

/// eˣ with a relative error below 2e-7, without branches so that loops over it vectorise (Cephes' `expf` polynomial).
/// Below −87.3 it is 0 or a subnormal's neighbour; above 88.7 it is +∞.
#[inline(always)]
pub fn exp(x: f32) -> f32 {
    let clamped = x.clamp(-87.33, 88.72);
    let n = (clamped * std::f32::consts::LOG2_E).round_ties_even();
    // ln 2 in two parts, so that n·ln 2 is exact to the last bit.
    let r = clamped - n * 0.693_359_4 - n * -2.121_944_4e-4;
    let mut p = 1.987_569_1e-4_f32;
    p = p * r + 1.398_2e-3;
    p = p * r + 8.333_452e-3;
    p = p * r + 4.166_579_6e-2;
    p = p * r + 1.666_666_5e-1;
    p = p * r + 5e-1;
    let y = p * r * r + r + 1.0;
    // 2ⁿ in two steps: n = 128 alone would overflow the exponent.
    let half = (n * 0.5).floor();
    let value = y * power_of_two(half) * power_of_two(n - half);
    let value = if x < -87.33 { 0.0 } else { value };
    if x > 88.72 { f32::INFINITY } else { value }
}

#[inline(always)]
fn power_of_two(n: f32) -> f32 {
    // Adding 1.5·2²³ leaves n in the low bits of the mantissa: a conversion that vectorises and cannot trap.
    let bits = (n + 12_582_912.0).to_bits();
    f32::from_bits(bits.wrapping_add(127) << 23)
}

/// Numbers that are taken together: an order of sums that vectorises.
const LANES: usize = 32;

/// Lanes to one number, in halves.
#[inline(always)]
fn joined(mut lanes: [f32; LANES], join: impl Fn(f32, f32) -> f32) -> f32 {
    let mut half = LANES / 2;
    while half > 0 {
        for lane in 0..half {
            lanes[lane] = join(lanes[lane], lanes[lane + half]);
        }
        half /= 2;
    }
    lanes[0]
}

/// Sum of all.
#[inline(always)]
pub fn sum(values: &[f32]) -> f32 {
    let (chunks, tail) = values.as_chunks::<LANES>();
    let mut lanes = [0f32; LANES];
    for values in chunks {
        for lane in 0..LANES {
            lanes[lane] += values[lane];
        }
    }
    joined(lanes, |a, b| a + b) + tail.iter().sum::<f32>()
}

/// The largest; −∞ of nothing. NaN does not count.
#[inline(always)]
pub fn largest(values: &[f32]) -> f32 {
    let larger = |a: f32, b: f32| if b > a { b } else { a };
    let (chunks, tail) = values.as_chunks::<LANES>();
    let mut lanes = [f32::NEG_INFINITY; LANES];
    for values in chunks {
        for lane in 0..LANES {
            lanes[lane] = larger(lanes[lane], values[lane]);
        }
    }
    tail.iter().copied().fold(joined(lanes, larger), larger)
}

/// Sum of products.
#[inline(always)]
pub fn dot(a: &[f32], b: &[f32]) -> f32 {
    let mut lanes = [0f32; LANES];
    let (a_chunks, b_chunks) = (a.chunks_exact(LANES), b.chunks_exact(LANES));
    let tail: f32 = a_chunks.remainder().iter().zip(b_chunks.remainder()).map(|(x, y)| x * y).sum();
    for (x, y) in a_chunks.zip(b_chunks) {
        for lane in 0..LANES {
            lanes[lane] += x[lane] * y[lane];
        }
    }
    joined(lanes, |a, b| a + b) + tail
}

/// 1 / √(mean x² + ε) of one row.
fn inverse_rms(row: &[f32], epsilon: f32) -> f32 {
    1.0 / (dot(row, row) / row.len() as f32 + epsilon).sqrt()
}

/// [`rms_norm`] of one row.
pub fn norm_row(out: &mut [f32], x: &[f32], weight: &[f32], epsilon: f32) {
    let scale = inverse_rms(x, epsilon);
    for ((o, &v), &w) in out.iter_mut().zip(x).zip(weight) {
        *o = v * scale * w;
    }
}

/// [`rms_norm_backward`] of one row.
pub fn norm_row_backward(gradient: &mut [f32], x: &[f32], weight: &[f32], epsilon: f32) {
    let scale = inverse_rms(x, epsilon);
    gradient.iter_mut().zip(weight).for_each(|(g, &w)| *g *= w);
    let projection = dot(gradient, x) * scale * scale / weight.len() as f32;
    for (g, &v) in gradient.iter_mut().zip(x) {
        *g = scale * (*g - v * projection);
    }
}

/// `out = weight · x / √(mean x² + ε)` for each row.
pub fn rms_norm(out: &mut [f32], x: &[f32], weight: &[f32], epsilon: f32) {
    let width = weight.len();
    out.par_chunks_mut(width * ROWS_PER_TASK).zip(x.par_chunks(width * ROWS_PER_TASK)).for_each(|(out, x)| {
        for (out, x) in out.chunks_exact_mut(width).zip(x.chunks_exact(width)) {
            norm_row(out, x, weight, epsilon);
        }
    });
}

/// Turns `gradient` with respect to the norm's output into that with respect to `x`, in place.
pub fn rms_norm_backward(gradient: &mut [f32], x: &[f32], weight: &[f32], epsilon: f32) {
    let width = weight.len();
    gradient.par_chunks_mut(width * ROWS_PER_TASK).zip(x.par_chunks(width * ROWS_PER_TASK)).for_each(|(gradient, x)| {
        for (gradient, x) in gradient.chunks_exact_mut(width).zip(x.chunks_exact(width)) {
            norm_row_backward(gradient, x, weight, epsilon);
        }
    });
}

/// `out = silu(gate)·up`, where each row of `gate_up` holds the gate and then the up half.
pub fn swiglu(out: &mut [f32], gate_up: &[f32], width: usize) {
    out.par_chunks_mut(width * ROWS_PER_TASK).zip(gate_up.par_chunks(2 * width * ROWS_PER_TASK)).for_each(|(out, gate_up)| {
        for (out, row) in out.chunks_exact_mut(width).zip(gate_up.chunks_exact(2 * width)) {
            let (gate, up) = row.split_at(width);
            for ((o, &g), &u) in out.iter_mut().zip(gate).zip(up) {
                *o = g / (1.0 + exp(-g)) * u;
            }
        }
    });
}

/// Gradient with respect to `gate_up` from that with respect to `silu(gate)·up`.
pub fn swiglu_backward(out: &mut [f32], gradient: &[f32], gate_up: &[f32], width: usize) {
    let (wide, narrow) = (2 * width * ROWS_PER_TASK, width * ROWS_PER_TASK);
    out.par_chunks_mut(wide).zip(gradient.par_chunks(narrow)).zip(gate_up.par_chunks(wide)).for_each(|((out, gradient), gate_up)| {
        for ((out, d), row) in out.chunks_exact_mut(2 * width).zip(gradient.chunks_exact(width)).zip(gate_up.chunks_exact(2 * width)) {
            let (gate, up) = row.split_at(width);
            let (d_gate, d_up) = out.split_at_mut(width);
            for i in 0..width {
                let sigmoid = 1.0 / (1.0 + exp(-gate[i]));
                let silu = gate[i] * sigmoid;
                d_up[i] = d[i] * silu;
                d_gate[i] = d[i] * up[i] * (sigmoid + silu * (1.0 - sigmoid));
            }
        }
    });
}

/// Cosines and sines of rotary embedding (Su et al. 2021), for positions 0..n, a value for each pair that is turned.
pub struct Rotary {
    half: usize,
    cosines: Vec<f32>,
    sines: Vec<f32>,
}

impl Rotary {
    /// `frequencies` of [`crate::rope::Rope`]; every turned value is multiplied by `factor`.
    pub fn new(frequencies: &[f32], factor: f64, positions: usize) -> Self {
        let angles = (0..positions).flat_map(|p| frequencies.iter().map(move |f| p as f32 * f));
        let (sines, cosines) = angles.map(|angle| angle.sin_cos()).map(|(s, c)| (s * factor as f32, c * factor as f32)).unzip();
        Self { half: frequencies.len(), cosines, sines }
    }

    /// Cosines and sines as rows of positions, for candle.
    pub fn tables(&self) -> (&[f32], &[f32]) {
        (&self.cosines, &self.sines)
    }

    /// Turns a head by `position`, in place; halves of what is turned are paired as in Hugging Face's layout (i with i + half), what a head has
    /// beyond them stays.
    pub fn turn(&self, head: &mut [f32], position: usize) {
        self.turn_by(head, position, 1.0);
    }

    /// The transpose of [`Self::turn`], which is what the backward pass needs.
    pub fn turn_back(&self, head: &mut [f32], position: usize) {
        self.turn_by(head, position, -1.0);
    }

    fn turn_by(&self, head: &mut [f32], position: usize, sign: f32) {
        let h = self.half;
        let (cos, sin) = (&self.cosines[position * h..][..h], &self.sines[position * h..][..h]);
        let (first, second) = head[..2 * h].split_at_mut(h);
        for i in 0..h {
            let (a, b, s) = (first[i], second[i], sin[i] * sign);
            first[i] = a * cos[i] - b * s;
            second[i] = b * cos[i] + a * s;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rope::Rope;

    #[test]
    fn the_exponential_is_right_to_its_stated_error() {
        for i in -8_800_000..=8_850_000i32 {
            let x = i as f32 * 1e-5;
            let (got, expected) = (f64::from(exp(x)), f64::from(x).exp());
            if (-87.0..=88.5).contains(&x) {
                assert!((got / expected - 1.0).abs() < 2e-7, "exp({x}) = {got}, expected {expected}");
            }
        }
        assert_eq!([exp(-200.0), exp(f32::NEG_INFINITY), exp(0.0)], [0.0, 0.0, 1.0]);
        assert_eq!(exp(100.0), f32::INFINITY);
    }

    #[test]
    fn sums_and_maxima_count_every_element() {
        for n in [0usize, 1, 31, 32, 33, 100] {
            let (a, b): (Vec<f32>, Vec<f32>) = (0..n).map(|i| (i as f32, 2.0)).unzip();
            assert_eq!(dot(&a, &b), (n * n - n) as f32, "{n} elements");
            assert_eq!(sum(&a), (n * n - n) as f32 / 2.0, "{n} elements");
            for place in 0..n {
                let mut values = vec![f32::NAN; n];
                values[place] = -3.0;
                assert_eq!(largest(&values), -3.0, "element {place} of {n}");
            }
            assert_eq!(largest(&vec![f32::NAN; n]), f32::NEG_INFINITY);
        }
    }

    #[test]
    fn turning_back_undoes_a_turn() {
        let rotary = Rotary::new(&Rope::Plain.frequencies(10_000.0, 6), 1.0, 50);
        let x = [0.3, -1.0, 2.0, 0.5, 0.25, -0.75, 7.0];
        let mut turned = x;
        rotary.turn(&mut turned, 49);
        assert!(x[..6].iter().zip(&turned).all(|(a, b)| a != b) && turned[6] == 7.0, "{turned:?}");
        rotary.turn_back(&mut turned, 49);
        assert!(x.iter().zip(&turned).all(|(a, b)| (a - b).abs() < 1e-6), "{turned:?}");
    }
}
