//! SSE2: 16-byte registers, part of every x86-64.
//!
//! Where SSE2 has no instruction for an operation and making one up is no faster than a scalar loop
//! (64-bit maxima; products of 8, 32 and 64 bits), there is none here.

use crate::elem::{Bool, Complex};
use crate::simd::registers::{
    Load, Registers, Store, Task, apply, apply_ordered, apply_undone, load_head_by_elements,
};
use std::arch::x86_64::*;

/// 16-byte registers.
pub struct Sse2;

impl Registers for Sse2 {
    type Reg = __m128i;
    const BYTES: usize = 16;

    // Every x86-64 has it: there is no feature to enable.
    unsafe fn enter<A, K: Task<A>>(argument: &A) {
        // SAFETY: this function's.
        unsafe { K::run(argument) }
    }

    #[inline(always)]
    fn anchor<T>(pointer: *const T) -> *const T {
        crate::simd::anchor(pointer)
    }

    #[inline(always)]
    unsafe fn load(from: *const u8) -> __m128i {
        // SAFETY: this function's.
        unsafe { _mm_loadu_si128(from.cast()) }
    }

    #[inline(always)]
    unsafe fn load_head(from: *const u8, bytes: usize, size: usize) -> __m128i {
        // SAFETY: this function's.
        unsafe {
            match bytes {
                8 => _mm_loadl_epi64(from.cast()),
                4 => _mm_cvtsi32_si128(from.cast::<i32>().read_unaligned()),
                _ => load_head_by_elements::<Sse2>(from, bytes, size),
            }
        }
    }

    #[inline(always)]
    unsafe fn store(to: *mut u8, value: __m128i) {
        // SAFETY: this function's.
        unsafe { _mm_storeu_si128(to.cast(), value) }
    }

    #[inline(always)]
    unsafe fn stream(to: *mut u8, value: __m128i) {
        // SAFETY: this function's.
        unsafe { _mm_stream_si128(to.cast(), value) }
    }

    #[inline(always)]
    unsafe fn splat<T: Copy>(element: T) -> __m128i {
        // SAFETY: each size is read as a type of that size.
        unsafe {
            match size_of::<T>() {
                1 => _mm_set1_epi8(std::mem::transmute_copy(&element)),
                2 => _mm_set1_epi16(std::mem::transmute_copy(&element)),
                4 => _mm_set1_epi32(std::mem::transmute_copy(&element)),
                8 => _mm_set1_epi64x(std::mem::transmute_copy(&element)),
                _ => std::mem::transmute_copy(&element),
            }
        }
    }

    #[inline(always)]
    unsafe fn shift(before: __m128i, value: __m128i, bytes: usize) -> __m128i {
        macro_rules! by {
            ($bytes:literal) => {
                _mm_or_si128(
                    _mm_slli_si128::<$bytes>(value),
                    _mm_srli_si128::<{ 16 - $bytes }>(before),
                )
            };
        }
        // SAFETY: the processor has the instruction set, says the trait.
        unsafe {
            match bytes {
                1 => by!(1),
                2 => by!(2),
                4 => by!(4),
                _ => {
                    let (before, value) = (_mm_castsi128_pd(before), _mm_castsi128_pd(value));
                    _mm_castpd_si128(_mm_shuffle_pd::<1>(before, value))
                }
            }
        }
    }

    #[inline(always)]
    unsafe fn repeat_last<T>(value: __m128i) -> __m128i {
        // SAFETY: the processor has the instruction set, says the trait.
        unsafe {
            match size_of::<T>() {
                4 => _mm_shuffle_epi32::<0b11_11_11_11>(value),
                8 => _mm_shuffle_epi32::<0b11_10_11_10>(value),
                _ => value,
            }
        }
    }

    #[inline(always)]
    unsafe fn merge(head: __m128i, tail: __m128i, bytes: usize) -> __m128i {
        // SAFETY: the processor has the instruction set, says the trait.
        unsafe {
            if bytes == 4 {
                _mm_castps_si128(_mm_move_ss(_mm_castsi128_ps(tail), _mm_castsi128_ps(head)))
            } else {
                _mm_castpd_si128(_mm_move_sd(_mm_castsi128_pd(tail), _mm_castsi128_pd(head)))
            }
        }
    }
}

macro_rules! ps {
    ($operation:ident($a:expr, $b:expr)) => {
        _mm_castps_si128($operation(_mm_castsi128_ps($a), _mm_castsi128_ps($b)))
    };
}

macro_rules! pd {
    ($operation:ident($a:expr, $b:expr)) => {
        _mm_castpd_si128($operation(_mm_castsi128_pd($a), _mm_castsi128_pd($b)))
    };
}

apply_undone! { Sse2: |a, b|
    Sum u8 => _mm_add_epi8(a, b), _mm_sub_epi8(a, b);
    Sum u16 => _mm_add_epi16(a, b), _mm_sub_epi16(a, b);
    Sum u32 => _mm_add_epi32(a, b), _mm_sub_epi32(a, b);
    Sum u64 => _mm_add_epi64(a, b), _mm_sub_epi64(a, b);
}

apply! { Sse2:
    Sum f32 | Complex<f32> => |a, b| ps!(_mm_add_ps(a, b));
    Sum f64 | Complex<f64> => |a, b| pd!(_mm_add_pd(a, b));
    Sum Bool => |a, b| _mm_or_si128(a, b);
    Prod Bool => |a, b| _mm_and_si128(a, b);
    Prod u16 => |a, b| _mm_mullo_epi16(a, b);
    Prod f32 => |a, b| ps!(_mm_mul_ps(a, b));
    Prod f64 => |a, b| pd!(_mm_mul_pd(a, b));
    Prod Complex<f32> => |a, b| {
        let (a, b) = (_mm_castsi128_ps(a), _mm_castsi128_ps(b));
        let real = _mm_mul_ps(_mm_shuffle_ps::<0b10_10_00_00>(a, a), b);
        let swapped = _mm_shuffle_ps::<0b10_11_00_01>(b, b);
        let imaginary = _mm_mul_ps(_mm_shuffle_ps::<0b11_11_01_01>(a, a), swapped);
        // (Adding with the other sign would be quicker, but turn the sign of a NaN around.)
        let even = _mm_set_epi32(0, -1, 0, -1);
        let difference = _mm_castps_si128(_mm_sub_ps(real, imaginary));
        select(even, difference, _mm_castps_si128(_mm_add_ps(real, imaginary)))
    };
    Prod Complex<f64> => |a, b| {
        let (a, b) = (_mm_castsi128_pd(a), _mm_castsi128_pd(b));
        let real = _mm_mul_pd(_mm_unpacklo_pd(a, a), b);
        let imaginary = _mm_mul_pd(_mm_unpackhi_pd(a, a), _mm_shuffle_pd::<1>(b, b));
        let difference = _mm_sub_pd(real, imaginary);
        _mm_castpd_si128(_mm_move_sd(_mm_add_pd(real, imaginary), difference))
    };
    Max Bool => |a, b| _mm_or_si128(a, b);
    Min Bool => |a, b| _mm_and_si128(a, b);
    Max u8 => |a, b| _mm_max_epu8(a, b);
    Min u8 => |a, b| _mm_min_epu8(a, b);
    Max i16 => |a, b| _mm_max_epi16(a, b);
    Min i16 => |a, b| _mm_min_epi16(a, b);
    Max i8 => |a, b| select(_mm_cmpgt_epi8(a, b), a, b);
    Min i8 => |a, b| select(_mm_cmpgt_epi8(b, a), a, b);
    Max i32 => |a, b| select(_mm_cmpgt_epi32(a, b), a, b);
    Min i32 => |a, b| select(_mm_cmpgt_epi32(b, a), a, b);
    Max u32 => |a, b| select(_mm_cmpgt_epi32(signed32(a), signed32(b)), a, b);
    Min u32 => |a, b| select(_mm_cmpgt_epi32(signed32(b), signed32(a)), a, b);
    // a + saturated (b - a) is the larger; a - saturated (a - b) is the smaller.
    Max u16 => |a, b| _mm_add_epi16(a, _mm_subs_epu16(b, a));
    Min u16 => |a, b| _mm_sub_epi16(a, _mm_subs_epu16(a, b));
}

apply_ordered! { Sse2: |a, b|
    Max f32 => ps!(_mm_max_ps(a, b)),
        _mm_movemask_ps(_mm_cmpunord_ps(_mm_castsi128_ps(a), _mm_castsi128_ps(b))) as u32;
    Min f32 => ps!(_mm_min_ps(a, b)),
        _mm_movemask_ps(_mm_cmpunord_ps(_mm_castsi128_ps(a), _mm_castsi128_ps(b))) as u32;
    Max f64 => pd!(_mm_max_pd(a, b)),
        _mm_movemask_pd(_mm_cmpunord_pd(_mm_castsi128_pd(a), _mm_castsi128_pd(b))) as u32;
    Min f64 => pd!(_mm_min_pd(a, b)),
        _mm_movemask_pd(_mm_cmpunord_pd(_mm_castsi128_pd(a), _mm_castsi128_pd(b))) as u32;
}

/// `a` where the mask is set, else `b`.
///
/// # Safety
/// That of [`Registers`].
#[inline(always)]
unsafe fn select(mask: __m128i, a: __m128i, b: __m128i) -> __m128i {
    // SAFETY: this function's.
    unsafe { _mm_or_si128(_mm_and_si128(mask, a), _mm_andnot_si128(mask, b)) }
}

/// Unsigned lanes in the order of signed ones.
///
/// # Safety
/// That of [`Registers`].
#[inline(always)]
unsafe fn signed32(a: __m128i) -> __m128i {
    // SAFETY: this function's.
    unsafe { _mm_xor_si128(a, _mm_set1_epi32(i32::MIN)) }
}

impl Load<Bool, Bool> for Sse2 {
    #[inline(always)]
    unsafe fn load_lanes(from: *const Bool) -> __m128i {
        // SAFETY: this function's.
        unsafe { _mm_min_epu8(Sse2::load(from.cast()), _mm_set1_epi8(1)) }
    }
}

impl Store<Bool, Bool> for Sse2 {
    #[inline(always)]
    unsafe fn store_lanes(to: *mut Bool, value: __m128i) {
        // SAFETY: this function's.
        unsafe { Sse2::store(to.cast(), value) }
    }

    #[inline(always)]
    unsafe fn stream_lanes(to: *mut Bool, value: __m128i) {
        // SAFETY: this function's.
        unsafe { Sse2::stream(to.cast(), value) }
    }
}
