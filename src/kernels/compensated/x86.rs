//! Four doubles in a register of AVX2 or AVX-512VL.
//!
//! Both compute the same; AVX-512VL shifts over two registers in one instruction.

use super::lanes::Lanes;
use std::arch::asm;
use std::arch::x86_64::*;

/// Four doubles with AVX2 and FMA.
#[derive(Clone, Copy)]
pub struct Avx2(__m256d);

/// Four doubles with AVX-512VL besides.
#[derive(Clone, Copy)]
pub struct Avx512(__m256d);

macro_rules! lanes {
    ($name:ident, |$a:ident, $b:ident, $one:ident| $add_rather:expr, |$before:ident, $this:ident| $after_one:expr, $after_two:expr) => {
        impl Lanes for $name {
            #[inline(always)]
            unsafe fn splat(x: f64) -> Self {
                // SAFETY: the trait's.
                unsafe { $name(_mm256_set1_pd(x)) }
            }
            #[inline(always)]
            unsafe fn load(at: *const f64) -> Self {
                // SAFETY: the trait's, and four doubles.
                unsafe { $name(_mm256_loadu_pd(at)) }
            }
            #[inline(always)]
            unsafe fn load_floats(at: *const f32) -> Self {
                // SAFETY: the trait's, and four floats.
                unsafe { $name(_mm256_cvtps_pd(_mm_loadu_ps(at))) }
            }
            #[inline(always)]
            unsafe fn store(self, at: *mut f64) {
                // SAFETY: the trait's, and room for four doubles.
                unsafe { _mm256_storeu_pd(at, self.0) }
            }
            #[inline(always)]
            unsafe fn stream(self, at: *mut f64) {
                // SAFETY: the trait's, and room for four doubles, aligned.
                unsafe { _mm256_stream_pd(at, self.0) }
            }
            #[inline(always)]
            unsafe fn store_floats(self, at: *mut f32) {
                // SAFETY: the trait's, and room for four floats.
                unsafe { _mm_storeu_ps(at, _mm256_cvtpd_ps(self.0)) }
            }
            #[inline(always)]
            unsafe fn add(self, other: Self) -> Self {
                // SAFETY: the trait's.
                unsafe { $name(_mm256_add_pd(self.0, other.0)) }
            }
            #[inline(always)]
            unsafe fn sub(self, other: Self) -> Self {
                // SAFETY: the trait's.
                unsafe { $name(_mm256_sub_pd(self.0, other.0)) }
            }
            #[inline(always)]
            unsafe fn add_too(self, other: Self, one: Self) -> Self {
                // SAFETY: the trait's.
                unsafe { $name(_mm256_fmadd_pd(self.0, one.0, other.0)) }
            }
            #[inline(always)]
            unsafe fn add_rather(self, other: Self, one: Self) -> Self {
                let ($a, $b, $one) = (self.0, other.0, one.0);
                // SAFETY: the trait's.
                unsafe { $name($add_rather) }
            }
            #[inline(always)]
            unsafe fn sub_too(self, other: Self, one: Self) -> Self {
                // SAFETY: the trait's.
                unsafe { $name(_mm256_fmsub_pd(self.0, one.0, other.0)) }
            }
            #[inline(always)]
            unsafe fn abs(self) -> Self {
                // SAFETY: the trait's.
                unsafe { $name(_mm256_andnot_pd(_mm256_set1_pd(-0.0), self.0)) }
            }
            #[inline(always)]
            unsafe fn after_one(self, before: Self) -> Self {
                let ($before, $this) = (before.0, self.0);
                // SAFETY: the trait's.
                unsafe { $name($after_one) }
            }
            #[inline(always)]
            unsafe fn after_two(self, before: Self) -> Self {
                let ($before, $this) = (before.0, self.0);
                // SAFETY: the trait's.
                unsafe { $name($after_two) }
            }
        }
    };
}

lanes!(
    Avx2,
    |a, b, _one| _mm256_add_pd(a, b),
    |before, this| _mm256_shuffle_pd::<0b0101>(_mm256_permute2f128_pd::<0x21>(before, this), this),
    _mm256_permute2f128_pd::<0x21>(before, this)
);
lanes!(
    Avx512,
    |a, b, one| _mm256_fmadd_pd(a, one, b),
    |before, this| align_three(before, this),
    _mm256_permute2f128_pd::<0x21>(before, this)
);

/// The last lane of `before` and the first three of `this`.
#[inline]
#[target_feature(enable = "avx512f,avx512vl")]
fn align_three(before: __m256d, this: __m256d) -> __m256d {
    let shifted: __m256d;
    // The compiler makes two shuffles of the intrinsic function, which is 5 % slower in all.
    // SAFETY: registers only.
    unsafe {
        asm!(
            "valignq {shifted}, {this}, {before}, 3",
            shifted = lateout(ymm_reg) shifted,
            this = in(ymm_reg) this,
            before = in(ymm_reg) before,
            options(pure, nomem, nostack, preserves_flags)
        );
    }
    shifted
}
