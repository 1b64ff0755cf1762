//! Matrix products on strided views, through the `gemm` crate.

/// A matrix in a slice: element (r, c) at `r·row_stride + c·column_stride`.
#[derive(Clone, Copy)]
pub struct Mat<'a> {
    data: &'a [f32],
    rows: usize,
    columns: usize,
    row_stride: usize,
    column_stride: usize,
}

impl<'a> Mat<'a> {
    /// Row-major and dense.
    pub fn new(data: &'a [f32], rows: usize, columns: usize) -> Self {
        Self::strided(data, rows, columns, columns)
    }

    /// Rows that lie `row_stride` apart.
    pub fn strided(data: &'a [f32], rows: usize, columns: usize, row_stride: usize) -> Self {
        let matrix = Self { data, rows, columns, row_stride, column_stride: 1 };
        assert!(matrix.end() <= data.len(), "a {rows}×{columns} matrix with row stride {row_stride} needs {} values", matrix.end());
        matrix
    }

    /// The transposed view.
    pub fn t(self) -> Self {
        Self { rows: self.columns, columns: self.rows, row_stride: self.column_stride, column_stride: self.row_stride, ..self }
    }

    fn end(&self) -> usize {
        if self.rows == 0 || self.columns == 0 {
            return 0;
        }
        (self.rows - 1) * self.row_stride + (self.columns - 1) * self.column_stride + 1
    }
}

/// What happens to the values that are already in the output.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Write {
    Replace,
    Add,
}

/// `out = scale·a·b` or `out += scale·a·b`; rows of `out` lie `out_stride` apart. `threads`: 1 for this thread alone, 0 for all.
///
/// The order of sums depends on the shapes and the number of threads only.
pub fn matmul(out: &mut [f32], out_stride: usize, write: Write, scale: f32, a: Mat<'_>, b: Mat<'_>, threads: usize) {
    let (m, n) = (a.rows, b.columns);
    if m == 0 || n == 0 {
        return;
    }
    assert!((m - 1) * out_stride + n <= out.len() && n <= out_stride, "the output is too small");
    if a.columns == 0 {
        if write == Write::Replace {
            out.chunks_mut(out_stride).take(m).for_each(|row| row[..n].fill(0.0));
        }
        return;
    }
    // SAFETY: as just asserted, and `out` is borrowed exclusively.
    unsafe { matmul_at(out.as_mut_ptr(), out_stride, write, scale, a, b, threads) }
}

/// [`matmul`] into a place that other threads may write around.
///
/// # Safety
/// The first `b`'s-columns values of each row of `out` must be valid, and nobody else may use them meanwhile.
pub(crate) unsafe fn matmul_at(out: *mut f32, out_stride: usize, write: Write, scale: f32, a: Mat<'_>, b: Mat<'_>, threads: usize) {
    assert_eq!(a.columns, b.rows, "inner dimensions differ");
    let (m, n, k) = (a.rows, b.columns, a.columns);
    assert!(k > 0, "a product without inner dimension");
    let parallelism = if threads == 1 { gemm::Parallelism::None } else { gemm::Parallelism::Rayon(threads) };
    // SAFETY: `Mat::strided` keeps every read inside the slices; the caller promises the output.
    unsafe {
        gemm::gemm(
            m,
            n,
            k,
            out,
            1,
            out_stride as isize,
            write == Write::Add,
            a.data.as_ptr(),
            a.column_stride as isize,
            a.row_stride as isize,
            b.data.as_ptr(),
            b.column_stride as isize,
            b.row_stride as isize,
            1.0,
            scale,
            false,
            false,
            false,
            parallelism,
        );
    }
}
