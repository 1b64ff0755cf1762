//! A frozen weight, laid out once for reading it from end to end: panels of 16 outputs, in each the inputs one after the other.
//!
//! Decoding a few rows reads every weight of the model at every step, so it is bound by memory. In panels it reads ahead without a
//! jump, and weights that are bf16 numbers, as most models are published, are kept as bf16 and widened on the fly, which loses nothing.
use super::Shared;
use super::lanes::{Element, Lanes, ROWS, WIDENS, widen};
use super::matmul::{Mat, Write, matmul_at};
use rayon::prelude::*;
use std::ops::Range;

/// Outputs in a panel.
const PANEL: usize = 16;
/// Up to so many rows the panel kernel is used. More rows repay that a general product packs its operands, and it knows wider registers.
const FEW: usize = 64;
/// Outputs that are widened at a time for a general product: with 576 inputs 576 KB, about a second-level cache.
const CHUNK: usize = 256;
/// Panels that one task takes at least.
const PANELS_PER_TASK: usize = 4;

/// A matrix [inputs, outputs] that never changes.
#[derive(Debug)]
pub struct Weight {
    pub inputs: usize,
    pub outputs: usize,
    values: Stored,
}

/// Panels one after the other, the last filled up with zeros: element (i, o) lies at (o / 16 · inputs + i) · 16 + o % 16.
#[derive(Debug)]
enum Stored {
    /// The upper halves of f32 numbers whose lower halves are zero.
    Half(Vec<u16>),
    Full(Vec<f32>),
}

impl Weight {
    /// From the rows of linear layers as Hugging Face stores them, [outputs, inputs], side by side.
    pub fn new(inputs: usize, layers: &[Vec<f32>]) -> Self {
        let outputs = layers.iter().map(|layer| layer.len() / inputs.max(1)).sum::<usize>();
        let is_half = layers.iter().flatten().all(|value| value.to_bits() & 0xffff == 0);
        let rows: Vec<&[f32]> = layers.iter().flat_map(|layer| layer.chunks_exact(inputs.max(1))).collect();
        let values = if is_half {
            Stored::Half(panels(inputs, &rows, |value| (value.to_bits() >> 16) as u16))
        } else {
            Stored::Full(panels(inputs, &rows, |value| value))
        };
        Self { inputs, outputs, values }
    }

    /// Element (input, output).
    fn at(&self, input: usize, output: usize) -> f32 {
        let at = (output / PANEL * self.inputs + input) * PANEL + output % PANEL;
        match &self.values {
            Stored::Half(values) => widen(values[at]),
            Stored::Full(values) => values[at],
        }
    }

    /// The weights of one output, one for each input.
    pub fn column(&self, output: usize) -> impl Iterator<Item = f32> + '_ {
        (0..self.inputs).map(move |input| self.at(input, output))
    }

    /// `out = scale·x·W` or `out += scale·x·W` for the outputs `columns`, whose start is a multiple of 16. `x` [rows, inputs]; `out` [rows,
    /// columns], dense.
    ///
    /// Each sum runs over the inputs in an order that depends on the shapes only.
    pub fn multiply(&self, out: &mut [f32], write: Write, scale: f32, x: &[f32], columns: Range<usize>) {
        assert!(columns.start.is_multiple_of(PANEL) && columns.end <= self.outputs, "columns {columns:?} of {}", self.outputs);
        let (rows, width) = (x.len() / self.inputs.max(1), columns.len());
        assert_eq!((x.len(), out.len()), (rows * self.inputs, rows * width), "x or the output has another shape");
        if rows <= FEW {
            return self.multiply_few(out, write, scale, x, columns);
        }
        let shared = Shared::new(out);
        let starts: Vec<usize> = columns.clone().step_by(CHUNK).collect();
        starts.par_iter().for_each_init(Vec::new, |chunk, &start| {
            let end = columns.end.min(start + CHUNK);
            self.widened(chunk, start..end, 0..self.inputs);
            let chunk = Mat::new(chunk, self.inputs, end - start);
            // SAFETY: `out` has `width` values in each of as many rows as x; no two chunks have a column in common.
            unsafe { matmul_at(shared.at(start - columns.start), width, write, scale, Mat::new(x, rows, self.inputs), chunk, 1) };
        });
    }

    fn multiply_few(&self, out: &mut [f32], write: Write, scale: f32, x: &[f32], columns: Range<usize>) {
        let (rows, width) = (x.len() / self.inputs.max(1), columns.len());
        let groups = groups(rows);
        let packed = pack(x, self.inputs, &groups);
        let shared = Shared::new(out);
        let first = columns.start / PANEL;
        (first..columns.end.div_ceil(PANEL)).into_par_iter().with_min_len(PANELS_PER_TASK).for_each_init(Vec::new, |panel, number| {
            let start = number * PANEL;
            let end = columns.end.min(start + PANEL);
            let size = self.inputs * PANEL;
            let used = number * size..(number + 1) * size;
            let panel = match &self.values {
                Stored::Half(values) if WIDENS => Panel::Half(&values[used]),
                Stored::Half(values) => {
                    panel.clear();
                    panel.extend(values[used].iter().map(|&half| widen(half)));
                    Panel::Full(panel)
                }
                Stored::Full(values) => Panel::Full(&values[used]),
            };
            for &(first, count) in &groups {
                let x = &packed[first * self.inputs..(first + count) * self.inputs];
                let sums = match panel {
                    Panel::Half(panel) => block(panel, x, count),
                    Panel::Full(panel) => block(panel, x, count),
                };
                for (row, sums) in (first..rows.min(first + count)).zip(&sums) {
                    // SAFETY: no two panels have a column in common, and each panel writes its rows one after the other.
                    let out = unsafe { shared.part(row * width + start - columns.start, end - start) };
                    let sums = sums.to_array();
                    match write {
                        Write::Replace => out.iter_mut().zip(sums).for_each(|(out, sum)| *out = scale * sum),
                        Write::Add => out.iter_mut().zip(sums).for_each(|(out, sum)| *out += scale * sum),
                    }
                }
            }
        });
    }

    /// `out = y·Wᵀ` or `out += y·Wᵀ` over the outputs `columns`, whose start is a multiple of 16. `y` [rows, columns] and `out` [rows, inputs],
    /// dense: the gradient with respect to the layer's input.
    pub fn multiply_transposed(&self, out: &mut [f32], write: Write, y: &[f32], columns: Range<usize>) {
        assert!(columns.start.is_multiple_of(PANEL) && columns.end <= self.outputs, "columns {columns:?} of {}", self.outputs);
        let (rows, width) = (out.len() / self.inputs.max(1), columns.len());
        assert_eq!((out.len(), y.len()), (rows * self.inputs, rows * width), "y or the output has another shape");
        if rows == 0 {
            return;
        }
        if columns.is_empty() && write == Write::Replace {
            out.fill(0.0);
        }
        let shared = Shared::new(out);
        let share = self.inputs.div_ceil(rayon::current_num_threads()).max(1);
        let parts: Vec<usize> = (0..self.inputs).step_by(share).collect();
        parts.par_iter().for_each_init(Vec::new, |chunk, &first| {
            let inputs = first..self.inputs.min(first + share);
            for start in columns.clone().step_by(CHUNK) {
                let end = columns.end.min(start + CHUNK);
                self.widened(chunk, start..end, inputs.clone());
                let write = if start == columns.start { write } else { Write::Add };
                let y = Mat::strided(&y[start - columns.start..], rows, end - start, width);
                let chunk = Mat::new(chunk, inputs.len(), end - start);
                // SAFETY: `out` has all inputs in each of as many rows as y; no two parts have an input in common.
                unsafe { matmul_at(shared.at(first), self.inputs, write, 1.0, y, chunk.t(), 1) };
            }
        });
    }

    /// W of some outputs (from a multiple of 16) and inputs, as [inputs, outputs].
    fn widened(&self, chunk: &mut Vec<f32>, columns: Range<usize>, inputs: Range<usize>) {
        chunk.resize(inputs.len() * columns.len(), 0.0);
        for start in columns.clone().step_by(PANEL) {
            let used = PANEL.min(columns.end - start);
            let panel = (start / PANEL * self.inputs + inputs.start) * PANEL..(start / PANEL * self.inputs + inputs.end) * PANEL;
            let rows = chunk.chunks_exact_mut(columns.len()).map(|row| &mut row[start - columns.start..][..used]);
            match &self.values {
                Stored::Half(values) => rows.zip(values[panel].chunks_exact(PANEL)).for_each(|(row, values)| {
                    row.iter_mut().zip(values).for_each(|(out, &half)| *out = widen(half));
                }),
                Stored::Full(values) => {
                    rows.zip(values[panel].chunks_exact(PANEL)).for_each(|(row, values)| row.copy_from_slice(&values[..used]))
                }
            }
        }
    }
}

/// `rows` [outputs][inputs] in panels.
fn panels<T: Copy + Default + Send + Sync>(inputs: usize, rows: &[&[f32]], convert: impl Fn(f32) -> T + Sync) -> Vec<T> {
    let size = inputs * PANEL;
    let mut values = vec![T::default(); rows.len().div_ceil(PANEL) * size];
    values.par_chunks_mut(size.max(1)).zip(rows.par_chunks(PANEL)).for_each(|(panel, rows)| {
        for (input, out) in panel.chunks_exact_mut(PANEL).enumerate() {
            out.iter_mut().zip(rows).for_each(|(out, row)| *out = convert(row[input]));
        }
    });
    values
}

/// Rows in groups, first row and size: as many of [`ROWS`] as there are, and one of the least power of two that holds the others.
fn groups(rows: usize) -> Vec<(usize, usize)> {
    let whole = rows / ROWS * ROWS;
    let last = (whole < rows).then(|| (whole, (rows - whole).next_power_of_two()));
    (0..whole).step_by(ROWS).map(|first| (first, ROWS)).chain(last).collect()
}

/// The rows of each group with the inputs one after the other; the last group is filled up with zeros.
fn pack(x: &[f32], inputs: usize, groups: &[(usize, usize)]) -> Vec<f32> {
    let mut packed = vec![0.0; groups.last().map_or(0, |(first, count)| first + count) * inputs];
    for &(first, count) in groups {
        let out = &mut packed[first * inputs..(first + count) * inputs];
        for (place, row) in x.chunks_exact(inputs.max(1)).skip(first).take(count).enumerate() {
            out.iter_mut().skip(place).step_by(count).zip(row).for_each(|(out, value)| *out = *value);
        }
    }
    packed
}

/// [inputs, 16], as it is stored.
#[derive(Clone, Copy)]
enum Panel<'a> {
    Half(&'a [u16]),
    Full(&'a [f32]),
}

/// Products of a group of `count` packed rows with a panel [inputs, 16]; beyond them nothing.
#[inline(always)]
fn block<T: Element>(panel: &[T], x: &[f32], count: usize) -> [Lanes; ROWS] {
    match count {
        1 => block_of::<T, 1>(panel, x),
        2 => block_of::<T, 2>(panel, x),
        4 => block_of::<T, 4>(panel, x),
        _ => block_of::<T, ROWS>(panel, x),
    }
}

#[inline(always)]
fn block_of<T: Element, const COUNT: usize>(panel: &[T], x: &[f32]) -> [Lanes; ROWS] {
    let mut sums = [Lanes::zero(); COUNT];
    for (weights, x) in panel.as_chunks::<PANEL>().0.iter().zip(x.as_chunks::<COUNT>().0) {
        let weights = T::lanes(weights);
        for (sum, x) in sums.iter_mut().zip(x) {
            *sum = sum.plus(*x, weights);
        }
    }
    let mut all = [Lanes::zero(); ROWS];
    all[..COUNT].copy_from_slice(&sums);
    all
}

#[cfg(test)]
mod tests {
    use super::super::matmul::matmul;
    use super::*;
    use crate::Stream;

    fn values(stream: &mut Stream, n: usize, is_half: bool) -> Vec<f32> {
        let value = |stream: &mut Stream| (stream.uniform() * 2.0 - 1.0) as f32;
        (0..n).map(|_| value(stream)).map(|v| if is_half { widen((v.to_bits() >> 16) as u16) } else { v }).collect()
    }

    fn close(got: &[f32], expected: &[f32], what: &str) {
        assert_eq!(got.len(), expected.len(), "{what}");
        for (got, expected) in got.iter().zip(expected) {
            // f32 sums of a few hundred products of numbers below 1, in another order.
            assert!((got - expected).abs() < 1e-4, "{what}: {got} against {expected}");
        }
    }

    /// All values, [inputs, outputs].
    fn dense(weight: &Weight) -> Vec<f32> {
        (0..weight.inputs).flat_map(|input| (0..weight.outputs).map(move |output| weight.at(input, output))).collect()
    }

    /// Both products against the general one, for odd sizes, one row and none, in bf16 and f32, whole and in part.
    #[test]
    fn products_are_those_of_the_dense_matrix() {
        let mut stream = Stream::new(7);
        for (rows, inputs, outputs) in
            [(0, 5, 16), (1, 1, 1), (1, 37, 50), (3, 64, 16), (7, 9, 33), (64, 20, 300), (65, 20, 300), (70, 31, 517)]
        {
            for is_half in [true, false] {
                let layers = [outputs / 3, outputs - outputs / 3].map(|n| values(&mut stream, n * inputs, is_half));
                let weight = Weight::new(inputs, &layers);
                assert_eq!(matches!(weight.values, Stored::Half(_)), is_half);
                let dense = dense(&weight);
                let stored: Vec<f32> = (0..outputs).flat_map(|o| weight.column(o)).collect();
                assert_eq!(stored, layers.concat(), "nothing is lost");
                let x = values(&mut stream, rows * inputs, false);
                for start in [0, outputs / 2 / PANEL * PANEL] {
                    let columns = start..outputs;
                    let part = Mat::strided(&dense[start..], inputs, columns.len(), outputs);
                    for write in [Write::Replace, Write::Add] {
                        let before = values(&mut stream, rows * columns.len(), false);
                        let (mut got, mut expected) = (before.clone(), before);
                        weight.multiply(&mut got, write, 0.5, &x, columns.clone());
                        matmul(&mut expected, columns.len(), write, 0.5, Mat::new(&x, rows, inputs), part, 1);
                        close(&got, &expected, &format!("{rows} × {inputs} × {columns:?}"));

                        let y = values(&mut stream, rows * columns.len(), false);
                        let before = values(&mut stream, rows * inputs, false);
                        let (mut got, mut expected) = (before.clone(), before);
                        weight.multiply_transposed(&mut got, write, &y, columns.clone());
                        matmul(&mut expected, inputs, write, 1.0, Mat::new(&y, rows, columns.len()), part.t(), 1);
                        close(&got, &expected, &format!("transposed {rows} × {inputs} × {columns:?}"));
                    }
                }
            }
        }
    }

    #[test]
    fn a_row_s_product_does_not_depend_on_its_neighbours() {
        let mut stream = Stream::new(8);
        let weight = Weight::new(40, &[values(&mut stream, 40 * 100, true)]);
        let x = values(&mut stream, 40 * 20, false);
        let mut together = vec![0.0; 20 * 100];
        weight.multiply(&mut together, Write::Replace, 1.0, &x, 0..100);
        for (x, together) in x.chunks_exact(40).zip(together.chunks_exact(100)) {
            let mut alone = vec![0.0; 100];
            weight.multiply(&mut alone, Write::Replace, 1.0, x, 0..100);
            assert_eq!(alone, together, "bit for bit");
        }
    }
}
