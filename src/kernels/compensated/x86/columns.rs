//! Columns of elements, one of each stretch, and the doubles that chains are made of.

use super::super::lanes::{Beside, Lanes, Two};
use super::super::{Parted, STRETCH};
use super::registers::{Eight, Fusing, One, Watch};
use crate::elem::{Bf16, Complex, F16};
use crate::simd::square::{Bytes2, Bytes4, Bytes8, Bytes16, Square};
use std::arch::x86_64::*;

/// Makes an infinity of all that is not below 2^127: whether a float overflows beyond that is left to the
/// scalar accumulator.
const LOUD: f64 = f64::from_bits((1023 + 897) << 52);

/// A type whose elements come in columns of 16 elements or less, `N` to a block. A column has a left half and
/// a right half, each of `K` registers of doubles.
///
/// # Safety
/// For all functions here: the processor has AVX2, FMA and F16C.
pub trait Columns<const P: usize, const N: usize, const K: usize>: Parted<P> {
    /// A column as it is in memory.
    type Column: Copy;
    /// Lanes for a stretch by itself.
    type Beside: Beside<P>;
    /// Elements in half a column.
    const ROWS: usize = 4 * K / P;
    /// A block of columns, one row in each stretch from here on.
    unsafe fn load(x: *const Self) -> [Self::Column; N];
    /// The inverse of [`load`](Self::load).
    unsafe fn store(out: *mut Self, columns: [Self::Column; N]);
    /// A column in doubles.
    unsafe fn widen(column: Self::Column) -> [Eight; K];
    /// The column that rounds doubles.
    unsafe fn narrow(doubles: [Eight; K]) -> Self::Column;
    /// Makes `watch` a NaN if some results are not below the type's [`BOUND`](Parted::BOUND).
    unsafe fn watch(watch: &mut Watch, results: [Eight; K], column: Self::Column);
}

/// Doubles as they are.
#[inline(always)]
unsafe fn doubles_of(left: __m256i, right: __m256i) -> [Eight; 1] {
    // SAFETY: the caller's: the instruction set is there.
    unsafe { [Two(_mm256_castsi256_pd(left), _mm256_castsi256_pd(right))] }
}

/// The inverse of [`doubles_of`].
#[inline(always)]
unsafe fn of_doubles([Two(left, right)]: [Eight; 1]) -> [__m256i; 2] {
    // SAFETY: the caller's: the instruction set is there.
    unsafe { [_mm256_castpd_si256(left), _mm256_castpd_si256(right)] }
}

/// Doubles of floats, of which the lower half comes first on both sides.
#[inline(always)]
unsafe fn doubles_of_floats(left: __m256i, right: __m256i) -> [Eight; 2] {
    // SAFETY: the caller's: the instruction set is there.
    unsafe {
        let (left, right) = (_mm256_castsi256_ps(left), _mm256_castsi256_ps(right));
        [
            Two(
                _mm256_cvtps_pd(_mm256_castps256_ps128(left)),
                _mm256_cvtps_pd(_mm256_castps256_ps128(right)),
            ),
            Two(
                _mm256_cvtps_pd(_mm256_extractf128_ps::<1>(left)),
                _mm256_cvtps_pd(_mm256_extractf128_ps::<1>(right)),
            ),
        ]
    }
}

/// The inverse of [`doubles_of_floats`], rounded.
#[inline(always)]
unsafe fn floats_of_doubles([low, high]: [Eight; 2]) -> [__m256i; 2] {
    // SAFETY: the caller's: the instruction set is there.
    unsafe {
        let left = _mm256_set_m128(_mm256_cvtpd_ps(high.0), _mm256_cvtpd_ps(low.0));
        let right = _mm256_set_m128(_mm256_cvtpd_ps(high.1), _mm256_cvtpd_ps(low.1));
        [_mm256_castps_si256(left), _mm256_castps_si256(right)]
    }
}

/// Elements of 4 bytes and more: the halves of a column are 32 bytes each, those of squares side by side.
macro_rules! columns_of_squares {
    ($($t:ty, $parts:literal, $n:literal, $k:literal, $square:ty, $beside:ty,
        $widen:ident, $narrow:ident,
        |$watch:ident, $results:ident, $column:ident| $watched:expr;)*) => { $(
        impl Columns<$parts, $n, $k> for $t {
            type Column = [__m256i; 2];
            type Beside = $beside;
            #[inline(always)]
            unsafe fn load(x: *const Self) -> [[__m256i; 2]; $n] {
                let pitch = (STRETCH * size_of::<Self>()) as isize;
                let side = <Self as Columns<$parts, $n, $k>>::ROWS * STRETCH;
                // SAFETY: this function's.
                unsafe {
                    let left = <$square>::load(x.cast(), pitch);
                    let right = <$square>::load(x.add(side).cast(), pitch);
                    let mut columns = [[left[0]; 2]; $n];
                    for n in 0..$n {
                        columns[n] = [left[n], right[n]];
                    }
                    columns
                }
            }
            #[inline(always)]
            unsafe fn store(out: *mut Self, columns: [[__m256i; 2]; $n]) {
                let pitch = (STRETCH * size_of::<Self>()) as isize;
                let side = <Self as Columns<$parts, $n, $k>>::ROWS * STRETCH;
                let [mut left, mut right] = [[columns[0][0]; $n]; 2];
                for n in 0..$n {
                    [left[n], right[n]] = columns[n];
                }
                // SAFETY: this function's.
                unsafe {
                    <$square>::store::<false>(out.cast(), pitch, left);
                    <$square>::store::<false>(out.add(side).cast(), pitch, right);
                }
            }
            #[inline(always)]
            unsafe fn widen([left, right]: [__m256i; 2]) -> [Eight; $k] {
                // SAFETY: this function's.
                unsafe { $widen(left, right) }
            }
            #[inline(always)]
            unsafe fn narrow(doubles: [Eight; $k]) -> [__m256i; 2] {
                // SAFETY: this function's.
                unsafe { $narrow(doubles) }
            }
            #[inline(always)]
            unsafe fn watch($watch: &mut Watch, $results: [Eight; $k], $column: [__m256i; 2]) {
                // SAFETY: this function's.
                unsafe { $watched }
            }
        }
    )* };
}
columns_of_squares! {
    f64, 1, 4, 1, Bytes8, One<Fusing>, doubles_of, of_doubles,
        |watch, results, _column| watch.doubles(results);
    Complex<f64>, 2, 2, 1, Bytes16, __m256d, doubles_of, of_doubles,
        |watch, results, _column| watch.doubles(results);
    f32, 1, 8, 2, Bytes4, One<Fusing>, doubles_of_floats, floats_of_doubles,
        |watch, _results, column| watch.floats(column);
    Complex<f32>, 2, 4, 2, Bytes8, __m256d, doubles_of_floats, floats_of_doubles,
        |watch, _results, column| watch.floats(column);
}

/// Doubles as doubles with the digits of a float, rounded to odd: toward zero, and then the last bit is set
/// if anything was lost. Such a number fits in a float if it is as large as the normal ones; those below, which
/// are zero or have few digits, are rounded to nearest later on.
#[inline(always)]
pub unsafe fn to_odd(doubles: __m256d) -> __m256d {
    // SAFETY: the caller's: the instruction set is there.
    unsafe {
        let lost = _mm256_set1_epi64x((1 << 29) - 1);
        let bits = _mm256_castpd_si256(doubles);
        // A carry into the last bit that is kept, if any that is lost is set.
        let any = _mm256_add_epi64(_mm256_and_si256(bits, lost), lost);
        _mm256_castsi256_pd(_mm256_andnot_si256(lost, _mm256_or_si256(bits, any)))
    }
}

/// Elements of 2 bytes: a column is 32 bytes, those of one square.
macro_rules! columns_of_one_square {
    ($($t:ty, |$half:ident| $widen:expr, |$floats:ident| $narrow:expr;)*) => { $(
        impl Columns<1, 8, 2> for $t {
            type Column = __m256i;
            type Beside = One<Fusing>;
            #[inline(always)]
            unsafe fn load(x: *const Self) -> [__m256i; 8] {
                // SAFETY: this function's.
                unsafe { Bytes2::load(x.cast(), (STRETCH * 2) as isize) }
            }
            #[inline(always)]
            unsafe fn store(out: *mut Self, columns: [__m256i; 8]) {
                // SAFETY: this function's.
                unsafe { Bytes2::store::<false>(out.cast(), (STRETCH * 2) as isize, columns) }
            }
            #[inline(always)]
            unsafe fn widen(column: __m256i) -> [Eight; 2] {
                // SAFETY: this function's.
                unsafe {
                    let $half = _mm256_castsi256_si128(column);
                    let left = $widen;
                    let $half = _mm256_extracti128_si256::<1>(column);
                    doubles_of_floats(left, $widen)
                }
            }
            #[inline(always)]
            unsafe fn narrow(mut doubles: [Eight; 2]) -> __m256i {
                // SAFETY: this function's.
                unsafe {
                    for both in &mut doubles {
                        *both = Two(to_odd(both.0), to_odd(both.1));
                    }
                    let [$floats, right] = floats_of_doubles(doubles);
                    let left = $narrow;
                    let $floats = right;
                    _mm256_set_m128i($narrow, left)
                }
            }
            #[inline(always)]
            unsafe fn watch(watch: &mut Watch, mut results: [Eight; 2], _column: __m256i) {
                // SAFETY: this function's.
                unsafe {
                    for result in &mut results {
                        *result = result.mul(Eight::of(LOUD, LOUD));
                    }
                    watch.doubles(results);
                }
            }
        }
    )* };
}
columns_of_one_square! {
    F16,
        |half| _mm256_castps_si256(_mm256_cvtph_ps(half)),
        |floats| _mm256_cvtps_ph::<_MM_FROUND_TO_NEAREST_INT>(_mm256_castsi256_ps(floats));
    Bf16,
        |half| _mm256_slli_epi32::<16>(_mm256_cvtepu16_epi32(half)),
        |floats| narrow_bf16(floats);
}

/// Floats rounded to their upper halves; NaN is anything.
#[inline(always)]
pub unsafe fn narrow_bf16(floats: __m256i) -> __m128i {
    // SAFETY: the caller's: the instruction set is there.
    unsafe {
        let even = _mm256_and_si256(_mm256_srli_epi32::<16>(floats), _mm256_set1_epi32(1));
        let rounding = _mm256_add_epi32(even, _mm256_set1_epi32(0x7fff));
        let upper = _mm256_srli_epi32::<16>(_mm256_add_epi32(floats, rounding));
        _mm_packus_epi32(
            _mm256_castsi256_si128(upper),
            _mm256_extracti128_si256::<1>(upper),
        )
    }
}
