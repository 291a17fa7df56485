//! Neighbours in a row of a block, as eight doubles.

use super::super::down::Group;
use super::super::lanes::Two;
use super::columns::{narrow_bf16, to_odd};
use super::registers::Eight;
use crate::elem::{Bf16, Complex, F16};
use std::arch::x86_64::*;

/// Eight doubles of neighbours.
pub struct Wide;

/// # Safety
/// For all that is defined here: the processor has AVX2 and F16C.
#[inline(always)]
unsafe fn widened(floats: __m256) -> Eight {
    // SAFETY: the caller's: the instruction set is there.
    unsafe {
        Two(
            _mm256_cvtps_pd(_mm256_castps256_ps128(floats)),
            _mm256_cvtps_pd(_mm256_extractf128_ps::<1>(floats)),
        )
    }
}

#[inline(always)]
unsafe fn narrowed(Two(low, high): Eight) -> __m256 {
    // SAFETY: the caller's: the instruction set is there.
    unsafe { _mm256_set_m128(_mm256_cvtpd_ps(high), _mm256_cvtpd_ps(low)) }
}

macro_rules! neighbours {
    ($($t:ty, $parts:literal, |$x:ident| $read:expr, |$out:ident, $doubles:ident| $write:expr;)*) => { $(
        impl Group<$t, $parts> for Wide {
            type Lanes = Eight;
            #[inline(always)]
            unsafe fn read($x: *const u8) -> Eight {
                // SAFETY: this function's.
                unsafe { $read }
            }
            #[inline(always)]
            unsafe fn write($out: *mut u8, $doubles: Eight) {
                // SAFETY: this function's.
                unsafe { $write }
            }
        }
    )* };
}
neighbours! {
    f64, 1, |x| x.cast::<Eight>().read_unaligned(),
        |out, doubles| out.cast::<Eight>().write_unaligned(doubles);
    Complex<f64>, 2, |x| x.cast::<Eight>().read_unaligned(),
        |out, doubles| out.cast::<Eight>().write_unaligned(doubles);
    f32, 1, |x| widened(_mm256_loadu_ps(x.cast())),
        |out, doubles| _mm256_storeu_ps(out.cast(), narrowed(doubles));
    Complex<f32>, 2, |x| widened(_mm256_loadu_ps(x.cast())),
        |out, doubles| _mm256_storeu_ps(out.cast(), narrowed(doubles));
    F16, 1, |x| widened(_mm256_cvtph_ps(_mm_loadu_si128(x.cast()))),
        |out, doubles| {
            let floats = narrowed(Two(to_odd(doubles.0), to_odd(doubles.1)));
            let halves = _mm256_cvtps_ph::<_MM_FROUND_TO_NEAREST_INT>(floats);
            _mm_storeu_si128(out.cast(), halves);
        };
    Bf16, 1, |x| {
            let floats = _mm256_slli_epi32::<16>(_mm256_cvtepu16_epi32(_mm_loadu_si128(x.cast())));
            widened(_mm256_castsi256_ps(floats))
        },
        |out, doubles| {
            let floats = narrowed(Two(to_odd(doubles.0), to_odd(doubles.1)));
            _mm_storeu_si128(out.cast(), narrow_bf16(_mm256_castps_si256(floats)));
        };
}
