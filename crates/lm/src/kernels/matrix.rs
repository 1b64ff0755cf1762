//! Frozen matrices on a device, in f32 or bf16, and products with them.
use crate::Precision;
use candle_core::{DType, Result, Tensor};

/// Values that are widened to f32 at a time (128 MiB), where a product is in f32, the matrix is not, and the device cannot multiply them so.
pub const WIDENED: usize = if cfg!(test) { 64 } else { 32 << 20 };

/// A frozen matrix. Where all its values are numbers of bf16 it is kept so, which takes half the memory and loses nothing.
#[derive(Debug, Clone)]
pub struct Matrix {
    /// [rows, columns], f32 or bf16.
    values: Tensor,
    precision: Precision,
}

impl Matrix {
    /// From values as they were published, [rows, columns]. In bf16 they are rounded.
    pub fn new(values: &Tensor, precision: Precision) -> Result<Self> {
        let dtype = if precision == Precision::Bf16 || values.dtype() == DType::BF16 { DType::BF16 } else { DType::F32 };
        Ok(Self { values: values.to_dtype(dtype)?, precision })
    }

    /// The same, of which products are in f32 whatever it is kept in.
    pub fn exact(&self) -> Self {
        Self { values: self.values.clone(), precision: Precision::F32 }
    }

    #[cfg(test)]
    fn rows(&self) -> Result<usize> {
        self.values.dim(0)
    }

    pub fn columns(&self) -> Result<usize> {
        self.values.dim(1)
    }

    /// Some rows, in f32: [tokens, columns].
    pub fn select(&self, tokens: &Tensor) -> Result<Tensor> {
        self.values.index_select(tokens, 0)?.to_dtype(DType::F32)
    }

    /// `x·W`: [n, rows] to [n, columns], f32.
    pub fn times(&self, x: &Tensor) -> Result<Tensor> {
        if let Some(product) = self.unwidened(x, false)? {
            return Ok(product);
        }
        let part = |sum: Option<Tensor>, start, rows: Tensor| {
            // Products on a GPU take dense operands only.
            let product = x.narrow(1, start, rows.dim(0)?)?.contiguous()?.matmul(&rows)?;
            Ok(Some(sum.map_or(Ok(product.clone()), |sum| sum + product)?))
        };
        self.widened(None, part)?.map_or_else(|| Tensor::zeros((x.dim(0)?, self.columns()?), DType::F32, x.device()), Ok)
    }

    /// `y·Wᵀ`: [n, columns] to [n, rows], f32.
    pub fn times_transposed(&self, y: &Tensor) -> Result<Tensor> {
        if let Some(product) = self.unwidened(y, true)? {
            return Ok(product);
        }
        let part = |mut parts: Vec<Tensor>, _, rows: Tensor| {
            parts.push(y.matmul(&rows.t()?)?);
            Ok(parts)
        };
        let parts = self.widened(Vec::new(), part)?;
        if let [whole] = &parts[..] { Ok(whole.clone()) } else { Tensor::cat(&parts, 1)?.contiguous() }
    }

    /// The product with what is kept in bf16 as it is, or its transpose: in bf16 with sums in f32, where it is to be so (candle has none on a
    /// processor, where it is said in f32); in f32 on an NVIDIA GPU.
    fn unwidened(&self, x: &Tensor, transposed: bool) -> Result<Option<Tensor>> {
        if self.precision == Precision::F32 {
            #[cfg(feature = "cuda")]
            if x.device().is_cuda() && self.values.dtype() == DType::BF16 {
                return super::device::product(x, &self.values, transposed).map(Some);
            }
            return Ok(None);
        }
        let matrix = if transposed { self.values.t()? } else { self.values.clone() };
        let rounded = x.to_dtype(DType::BF16)?;
        if !x.device().is_cpu() {
            return rounded.matmul(&matrix)?.to_dtype(DType::F32).map(Some);
        }
        // What is widened is let go of as soon as it was read: a batch's activations stand here several times.
        let widened = rounded.to_dtype(DType::F32)?;
        drop(rounded);
        let product = widened.matmul(&matrix.to_dtype(DType::F32)?)?;
        drop(widened);
        let rounded = product.to_dtype(DType::BF16)?;
        drop(product);
        rounded.to_dtype(DType::F32).map(Some)
    }

    /// Folds `part` over stretches of rows in f32, each with its first row; the whole at once where it is kept in f32.
    fn widened<T>(&self, start: T, mut part: impl FnMut(T, usize, Tensor) -> Result<T>) -> Result<T> {
        if self.values.dtype() == DType::F32 {
            return part(start, 0, self.values.clone());
        }
        let (rows, columns) = self.values.dims2()?;
        let some = (WIDENED / columns.max(1)).max(1);
        (0..rows).step_by(some).try_fold(start, |folded, first| {
            part(folded, first, self.values.narrow(0, first, some.min(rows - first))?.to_dtype(DType::F32)?)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Stream;

    fn random(rows: usize, columns: usize, seed: u64) -> Tensor {
        let mut stream = Stream::new(seed);
        let values: Vec<f32> = (0..rows * columns).map(|_| stream.normal() as f32).collect();
        Tensor::from_vec(values, (rows, columns), &crate::best_device()).unwrap()
    }

    fn largest_difference(a: &Tensor, b: &Tensor) -> f32 {
        (a - b).unwrap().abs().unwrap().flatten_all().unwrap().max(0).unwrap().to_scalar().unwrap()
    }

    /// Widened a few rows at a time, and whole; exact but for the order of sums. In bf16 each of some tens of products is off by up to 2⁻⁸ of it.
    #[test]
    fn products_are_those_of_the_values() {
        for (rows, columns) in [(1, 1), (3, 40), (70, 5), (37, 64)] {
            let values = random(rows, columns, 3);
            let half = values.to_dtype(DType::BF16).unwrap();
            let rounded = half.to_dtype(DType::F32).unwrap();
            for n in [4, 150] {
                let (x, y) = (random(n, rows, 4), random(n, columns, 5));
                for (stored, precision, dense, tolerance) in [
                    (&values, Precision::F32, &values, 1e-4),
                    (&half, Precision::F32, &rounded, 1e-4),
                    (&values, Precision::Bf16, &rounded, 0.2),
                    (&half, Precision::Bf16, &rounded, 0.2),
                ] {
                    let matrix = Matrix::new(stored, precision).unwrap();
                    assert_eq!((matrix.rows().unwrap(), matrix.columns().unwrap()), (rows, columns));
                    let products = [matrix.times(&x).unwrap(), matrix.times_transposed(&y).unwrap()];
                    let transposed = y.matmul(&dense.t().unwrap()).unwrap();
                    assert!(products.iter().all(Tensor::is_contiguous), "as the next product on a GPU wants it");
                    assert!(largest_difference(&products[0], &x.matmul(dense).unwrap()) < tolerance);
                    assert!(largest_difference(&products[1], &transposed) < tolerance);
                    assert!(
                        largest_difference(&matrix.exact().times_transposed(&y).unwrap(), &transposed) < 1e-4,
                        "exact where it is asked for"
                    );
                    let chosen = matrix.select(&Tensor::new(&[0u32], values.device()).unwrap()).unwrap();
                    assert!(largest_difference(&chosen, &dense.narrow(0, 0, 1).unwrap()) == 0.0, "nothing else is lost");
                }
            }
        }
    }
}
