//! Registers of doubles for chains, and the columns of elements that they come from.

use super::super::Parted;
use super::super::chain::Lanes;
use crate::elem::Complex;
use crate::simd::square::{Bytes4, Bytes8, Bytes16, Square};
use std::arch::asm;
use std::arch::x86_64::*;

/// The doubles of two squares side by side.
pub trait Both: Lanes {
    /// Of a left one and a right one.
    ///
    /// # Safety
    /// As [`Lanes::add`]; so for all functions here.
    unsafe fn join(left: __m256d, right: __m256d) -> Self;
    /// The left one and the right one.
    ///
    /// # Safety
    /// As [`Lanes::add`].
    unsafe fn halves(self) -> [__m256d; 2];
    /// Makes a NaN of each lane of `self` in which `x` is not finite.
    ///
    /// # Safety
    /// As [`Lanes::add`].
    unsafe fn watch(self, x: Self) -> Self;
}

/// In AVX2 two registers.
#[derive(Clone, Copy)]
pub struct Two(__m256d, __m256d);

impl Lanes for Two {
    #[inline(always)]
    unsafe fn add(self, other: Self) -> Self {
        // SAFETY: this function's.
        unsafe {
            Two(
                _mm256_add_pd(self.0, other.0),
                _mm256_add_pd(self.1, other.1),
            )
        }
    }
    #[inline(always)]
    unsafe fn sub(self, other: Self) -> Self {
        // SAFETY: this function's.
        unsafe {
            Two(
                _mm256_sub_pd(self.0, other.0),
                _mm256_sub_pd(self.1, other.1),
            )
        }
    }
    #[inline(always)]
    unsafe fn sub_beside(self, other: Self) -> Self {
        // SAFETY: this function's.
        unsafe {
            Two(
                sub_beside_256(self.0, other.0),
                sub_beside_256(self.1, other.1),
            )
        }
    }
}

impl Both for Two {
    #[inline(always)]
    unsafe fn join(left: __m256d, right: __m256d) -> Self {
        Two(left, right)
    }
    #[inline(always)]
    unsafe fn halves(self) -> [__m256d; 2] {
        [self.0, self.1]
    }
    #[inline(always)]
    unsafe fn watch(self, x: Self) -> Self {
        // SAFETY: this function's.
        unsafe {
            let zero = _mm256_setzero_pd();
            Two(
                _mm256_fmadd_pd(x.0, zero, self.0),
                _mm256_fmadd_pd(x.1, zero, self.1),
            )
        }
    }
}

/// In AVX-512 one: half as many instructions for the processor to keep in mind.
impl Lanes for __m512d {
    #[inline(always)]
    unsafe fn add(self, other: Self) -> Self {
        // SAFETY: this function's.
        unsafe { _mm512_add_pd(self, other) }
    }
    #[inline(always)]
    unsafe fn sub(self, other: Self) -> Self {
        // SAFETY: this function's.
        unsafe { _mm512_sub_pd(self, other) }
    }
    #[inline(always)]
    unsafe fn sub_beside(self, other: Self) -> Self {
        // SAFETY: this function's.
        unsafe { sub_beside_512(self, other) }
    }
}

impl Both for __m512d {
    #[inline(always)]
    unsafe fn join(left: __m256d, right: __m256d) -> Self {
        // SAFETY: this function's.
        unsafe { _mm512_insertf64x4::<1>(_mm512_castpd256_pd512(left), right) }
    }
    #[inline(always)]
    unsafe fn halves(self) -> [__m256d; 2] {
        // SAFETY: this function's.
        unsafe {
            [
                _mm512_castpd512_pd256(self),
                _mm512_extractf64x4_pd::<1>(self),
            ]
        }
    }
    #[inline(always)]
    unsafe fn watch(self, x: Self) -> Self {
        // SAFETY: this function's.
        unsafe { _mm512_fmadd_pd(x, _mm512_setzero_pd(), self) }
    }
}

/// A difference from the units that multiply: on Zen 4 they are others than those that add, and neither
/// is enough alone. (The compiler would make a subtraction of the intrinsic.)
macro_rules! sub_beside {
    ($name:ident, $features:literal, $register:ty, $class:ident, $one:ident) => {
        #[target_feature(enable = $features)]
        #[inline]
        fn $name(mut a: $register, b: $register) -> $register {
            // SAFETY: arithmetic on registers.
            unsafe {
                asm!(
                    "vfnmadd231pd {0}, {1}, {2}",
                    inout($class) a,
                    in($class) b,
                    in($class) $one(1.0),
                    options(pure, nomem, nostack, preserves_flags),
                );
            }
            a
        }
    };
}
sub_beside!(sub_beside_256, "avx2,fma", __m256d, ymm_reg, _mm256_set1_pd);
sub_beside!(sub_beside_512, "avx512f", __m512d, zmm_reg, _mm512_set1_pd);

/// A type whose elements come in columns of 32 bytes, `N` to a square, each of which is `K` registers of
/// doubles.
pub trait Columns<const P: usize, const N: usize, const K: usize>: Parted<P> {
    /// How they are read and written.
    type Square: Square<N>;
    /// A column in doubles.
    ///
    /// # Safety
    /// The processor has AVX2 and FMA; so for all functions here.
    unsafe fn widen(column: __m256i) -> [__m256d; K];
    /// The column that rounds doubles.
    ///
    /// # Safety
    /// As [`widen`](Self::widen).
    unsafe fn narrow(doubles: [__m256d; K]) -> __m256i;
    /// Makes a NaN of each lane of `watched` in which the column is not finite. None if it is finite
    /// wherever its doubles are.
    const WATCH: Option<unsafe fn(watched: __m256, column: __m256i) -> __m256>;
}

macro_rules! columns_of_doubles {
    ($($t:ty, $parts:literal, $square:ty, $n:literal;)*) => { $(
        impl Columns<$parts, $n, 1> for $t {
            type Square = $square;
            #[inline(always)]
            unsafe fn widen(column: __m256i) -> [__m256d; 1] {
                // SAFETY: this function's.
                unsafe { [_mm256_castsi256_pd(column)] }
            }
            #[inline(always)]
            unsafe fn narrow([doubles]: [__m256d; 1]) -> __m256i {
                // SAFETY: this function's.
                unsafe { _mm256_castpd_si256(doubles) }
            }
            const WATCH: Option<unsafe fn(__m256, __m256i) -> __m256> = None;
        }
    )* };
}
columns_of_doubles! {
    f64, 1, Bytes8, 4;
    Complex<f64>, 2, Bytes16, 2;
}

/// Makes a NaN of each lane of `watched` in which the float is not finite.
///
/// # Safety
/// The processor has AVX2 and FMA.
#[inline(always)]
unsafe fn watch_floats(watched: __m256, column: __m256i) -> __m256 {
    // SAFETY: this function's.
    unsafe { _mm256_fmadd_ps(_mm256_castsi256_ps(column), _mm256_setzero_ps(), watched) }
}

macro_rules! columns_of_floats {
    ($($t:ty, $parts:literal, $square:ty, $n:literal;)*) => { $(
        impl Columns<$parts, $n, 2> for $t {
            type Square = $square;
            #[inline(always)]
            unsafe fn widen(column: __m256i) -> [__m256d; 2] {
                // SAFETY: this function's.
                unsafe {
                    let (low, high) = (
                        _mm256_castsi256_si128(column),
                        _mm256_extracti128_si256::<1>(column),
                    );
                    [low, high].map(|half| _mm256_cvtps_pd(_mm_castsi128_ps(half)))
                }
            }
            #[inline(always)]
            unsafe fn narrow(doubles: [__m256d; 2]) -> __m256i {
                // SAFETY: this function's.
                unsafe {
                    let [low, high] = doubles.map(|half| _mm256_cvtpd_ps(half));
                    _mm256_castps_si256(_mm256_set_m128(high, low))
                }
            }
            const WATCH: Option<unsafe fn(__m256, __m256i) -> __m256> = Some(watch_floats);
        }
    )* };
}
columns_of_floats! {
    f32, 1, Bytes4, 8;
    Complex<f32>, 2, Bytes8, 4;
}

/// Becomes NaN where something is not finite; several, for each waits for the one before.
#[derive(Clone, Copy)]
pub struct Watch<B> {
    /// For doubles.
    pub doubles: [B; 2],
    /// For columns of floats.
    pub columns: [__m256; 2],
}

impl<B: Both> Watch<B> {
    #[inline(always)]
    pub unsafe fn new() -> Self {
        // SAFETY: the caller's: the instruction set is there.
        unsafe {
            let none = _mm256_setzero_pd();
            Watch {
                doubles: [B::join(none, none); 2],
                columns: [_mm256_setzero_ps(); 2],
            }
        }
    }

    /// Whether all was finite.
    #[inline(always)]
    pub unsafe fn sound(self) -> bool {
        // SAFETY: the caller's: the instruction set is there.
        unsafe {
            let [left, right] = self.doubles[0].add(self.doubles[1]).halves();
            let doubles = _mm256_add_pd(left, right);
            let columns = _mm256_add_ps(self.columns[0], self.columns[1]);
            let doubles = _mm256_cmp_pd::<_CMP_UNORD_Q>(doubles, doubles);
            let columns = _mm256_cmp_ps::<_CMP_UNORD_Q>(columns, columns);
            _mm256_movemask_pd(doubles) | _mm256_movemask_ps(columns) == 0
        }
    }
}
