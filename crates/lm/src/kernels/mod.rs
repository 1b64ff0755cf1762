//! The operations of a Llama block on CPU slices, each fused and parallel over rows, with its own backward pass.
//!
//! A kernel is a function on row-major `f32` slices; [`ops`] wraps those that are differentiated as candle operations.
//! [`plain`] says the same in candle's own operations: it is the reference in tests, and the path on every other device.
pub mod attention;
#[cfg(feature = "cuda")]
pub mod device;
pub mod gradient;
pub mod head;
mod lanes;
pub mod matmul;
pub mod matrix;
pub mod ops;
pub mod plain;
pub mod projection;
pub mod rows;
#[cfg(test)]
mod tests;
pub mod turn;
pub mod weight;

/// A pointer into a buffer whose parts are written by different threads. Each user says why the parts do not overlap.
#[derive(Clone, Copy)]
pub(crate) struct Shared(*mut f32);

// SAFETY: the pointer is only a way to name disjoint parts of one exclusively borrowed buffer; see `Shared::part`.
unsafe impl Send for Shared {}
// SAFETY: as above.
unsafe impl Sync for Shared {}

impl Shared {
    pub(crate) fn new(buffer: &mut [f32]) -> Self {
        Self(buffer.as_mut_ptr())
    }

    /// Where value `start` lies.
    pub(crate) fn at(self, start: usize) -> *mut f32 {
        self.0.wrapping_add(start)
    }

    /// The `len` values from `start`.
    ///
    /// # Safety
    /// The range must lie in the buffer, the buffer must outlive the slice, and no two live slices may overlap.
    pub(crate) unsafe fn part<'a>(self, start: usize, len: usize) -> &'a mut [f32] {
        // SAFETY: promised by the caller.
        unsafe { std::slice::from_raw_parts_mut(self.0.add(start), len) }
    }
}
