//! Sixteen f32 numbers side by side: one register where the processor has AVX-512, else two of eight.
//!
//! Every number is computed as if it were alone, so results are the same bit for bit on both.

/// Whether bf16 numbers are widened while they are multiplied; else it pays to widen a panel once for all rows.
pub const WIDENS: bool = cfg!(target_feature = "avx512f");
/// Rows whose sums stay in registers.
pub const ROWS: usize = if WIDENS { 8 } else { 4 };

/// The f32 number whose upper half this is.
#[inline(always)]
pub fn widen(half: u16) -> f32 {
    f32::from_bits(u32::from(half) << 16)
}

/// A number that sixteen of are loaded at a time.
pub trait Element: Copy + Sync {
    fn lanes(from: &[Self; 16]) -> Lanes;
}

#[cfg(target_feature = "avx512f")]
mod imp {
    use super::Element;
    use std::arch::x86_64::{
        __m256i, __m512, _mm512_castsi512_ps, _mm512_cvtepu16_epi32, _mm512_fmadd_ps, _mm512_set1_ps, _mm512_setzero_ps, _mm512_slli_epi32,
    };
    use std::mem::transmute;

    #[derive(Clone, Copy)]
    pub struct Lanes(__m512);

    impl Lanes {
        #[inline(always)]
        pub fn zero() -> Self {
            // SAFETY: compiled for processors that have AVX-512 only.
            Self(unsafe { _mm512_setzero_ps() })
        }
        /// `self + x·y`, rounded once.
        #[inline(always)]
        pub fn plus(self, x: f32, y: Self) -> Self {
            // SAFETY: compiled for processors that have AVX-512 only.
            Self(unsafe { _mm512_fmadd_ps(_mm512_set1_ps(x), y.0, self.0) })
        }
        #[inline(always)]
        pub fn to_array(self) -> [f32; 16] {
            // SAFETY: both are sixteen f32 numbers.
            unsafe { transmute(self.0) }
        }
    }

    impl Element for f32 {
        #[inline(always)]
        fn lanes(from: &[Self; 16]) -> Lanes {
            // SAFETY: both are sixteen f32 numbers.
            Lanes(unsafe { transmute::<[f32; 16], __m512>(*from) })
        }
    }

    /// The upper half of an f32 number whose lower half is zero.
    impl Element for u16 {
        #[inline(always)]
        fn lanes(from: &[Self; 16]) -> Lanes {
            // SAFETY: both are sixteen numbers of 16 bits; compiled for processors that have AVX-512 only.
            Lanes(unsafe {
                let halves = transmute::<[u16; 16], __m256i>(*from);
                _mm512_castsi512_ps(_mm512_slli_epi32::<16>(_mm512_cvtepu16_epi32(halves)))
            })
        }
    }
}

#[cfg(not(target_feature = "avx512f"))]
mod imp {
    use super::{Element, widen};
    use wide::f32x8;

    #[derive(Clone, Copy)]
    pub struct Lanes([f32x8; 2]);

    impl Lanes {
        #[inline(always)]
        pub fn zero() -> Self {
            Self([f32x8::ZERO; 2])
        }
        /// `self + x·y`, rounded once.
        #[inline(always)]
        pub fn plus(self, x: f32, y: Self) -> Self {
            let x = f32x8::splat(x);
            Self([x.mul_add(y.0[0], self.0[0]), x.mul_add(y.0[1], self.0[1])])
        }
        #[inline(always)]
        pub fn to_array(self) -> [f32; 16] {
            let [low, high] = self.0.map(f32x8::to_array);
            std::array::from_fn(|i| if i < 8 { low[i] } else { high[i - 8] })
        }
    }

    impl Element for f32 {
        #[inline(always)]
        fn lanes(from: &[Self; 16]) -> Lanes {
            Lanes([0, 8].map(|at| f32x8::from(&from[at..at + 8])))
        }
    }

    /// The upper half of an f32 number whose lower half is zero.
    impl Element for u16 {
        #[inline(always)]
        fn lanes(from: &[Self; 16]) -> Lanes {
            f32::lanes(&from.map(widen))
        }
    }
}

pub use imp::Lanes;
