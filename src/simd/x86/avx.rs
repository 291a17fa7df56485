//! AVX2, and AVX-512 on registers of the same 32 bytes.
//!
//! AVX-512 adds to AVX2 what matters here: partly filled registers without a detour through memory,
//! shifts by elements across the whole register in one instruction, and 64-bit products and maxima.
//! Its 64-byte registers gain nothing on the processors that were measured (Zen 4 executes them in
//! halves).

use crate::elem::{Bf16, Bool, Complex, F16};
use crate::op::Sum;
use crate::simd::registers::{
    Apply, Load, Registers, Store, Task, apply, apply_ordered, apply_undone, load_head_by_elements,
};
use std::arch::asm;
use std::arch::x86_64::*;

/// AVX2 with F16C and FMA.
pub struct Avx2;

/// AVX-512 VL, DQ and BW, and all that AVX2 has.
pub struct Avx512;

/// The moves that both have in common.
macro_rules! moves {
    () => {
        type Reg = __m256i;
        const BYTES: usize = 32;

        #[inline(always)]
        fn anchor<T>(pointer: *const T) -> *const T {
            crate::simd::anchor(pointer)
        }

        #[inline(always)]
        unsafe fn load(from: *const u8) -> __m256i {
            // SAFETY: this function's.
            unsafe { _mm256_loadu_si256(from.cast()) }
        }

        #[inline(always)]
        unsafe fn store(to: *mut u8, value: __m256i) {
            // SAFETY: this function's.
            unsafe { _mm256_storeu_si256(to.cast(), value) }
        }

        #[inline(always)]
        unsafe fn stream(to: *mut u8, value: __m256i) {
            // Halves, because large arrays often lie 16 bytes off a multiple of 32, where their
            // allocator keeps its notes.
            // SAFETY: this function's.
            unsafe {
                _mm_stream_si128(to.cast(), _mm256_castsi256_si128(value));
                _mm_stream_si128(to.add(16).cast(), _mm256_extracti128_si256::<1>(value));
            }
        }

        #[inline(always)]
        unsafe fn splat<T: Copy>(element: T) -> __m256i {
            // SAFETY: each size is read as a type of that size.
            unsafe {
                match size_of::<T>() {
                    1 => _mm256_set1_epi8(std::mem::transmute_copy(&element)),
                    2 => _mm256_set1_epi16(std::mem::transmute_copy(&element)),
                    4 => _mm256_set1_epi32(std::mem::transmute_copy(&element)),
                    8 => _mm256_set1_epi64x(std::mem::transmute_copy(&element)),
                    _ => _mm256_broadcastsi128_si256(std::mem::transmute_copy(&element)),
                }
            }
        }

        #[inline(always)]
        unsafe fn repeat_last<T>(value: __m256i) -> __m256i {
            // SAFETY: the processor has the instruction set, says the trait.
            unsafe {
                match size_of::<T>() {
                    4 => _mm256_permutevar8x32_epi32(value, _mm256_set1_epi32(7)),
                    8 => _mm256_permute4x64_epi64::<0b11_11_11_11>(value),
                    _ => _mm256_permute2x128_si256::<0x11>(value, value),
                }
            }
        }

        #[inline(always)]
        unsafe fn merge(head: __m256i, tail: __m256i, bytes: usize) -> __m256i {
            // SAFETY: the processor has the instruction set, says the trait.
            unsafe {
                match bytes {
                    4 => _mm256_blend_epi32::<0b0000_0001>(tail, head),
                    8 => _mm256_blend_epi32::<0b0000_0011>(tail, head),
                    24 => _mm256_blend_epi32::<0b0011_1111>(tail, head),
                    28 => _mm256_blend_epi32::<0b0111_1111>(tail, head),
                    _ => _mm256_blend_epi32::<0b0000_1111>(tail, head),
                }
            }
        }
    };
}

impl Registers for Avx2 {
    moves!();

    #[target_feature(enable = "avx2,fma,f16c,bmi2")]
    unsafe fn enter<A, K: Task<A>>(argument: &A) {
        // SAFETY: this function's.
        unsafe { K::run(argument) }
    }

    #[inline(always)]
    unsafe fn load_head(from: *const u8, bytes: usize, size: usize) -> __m256i {
        // SAFETY: this function's: the mask leaves out what is beyond `bytes`.
        unsafe {
            if size < 4 {
                return load_head_by_elements::<Avx2>(from, bytes, size);
            }
            let places = _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7);
            let mask = _mm256_cmpgt_epi32(_mm256_set1_epi32(bytes as i32 / 4), places);
            _mm256_maskload_epi32(from.cast(), mask)
        }
    }

    #[inline(always)]
    unsafe fn shift(before: __m256i, value: __m256i, bytes: usize) -> __m256i {
        // SAFETY: the processor has the instruction set, says the trait.
        unsafe {
            // What lies 16 bytes before; the rest of the way is within 16-byte halves.
            let half = _mm256_permute2x128_si256::<0x21>(before, value);
            match bytes {
                1 => _mm256_alignr_epi8::<15>(value, half),
                2 => _mm256_alignr_epi8::<14>(value, half),
                4 => _mm256_alignr_epi8::<12>(value, half),
                8 => _mm256_alignr_epi8::<8>(value, half),
                _ => half,
            }
        }
    }

    #[inline(always)]
    unsafe fn shift_down(before: __m256i, value: __m256i, bytes: usize) -> __m256i {
        // SAFETY: the processor has the instruction set, says the trait.
        unsafe {
            let half = _mm256_permute2x128_si256::<0x21>(value, before);
            match bytes {
                1 => _mm256_alignr_epi8::<1>(half, value),
                2 => _mm256_alignr_epi8::<2>(half, value),
                4 => _mm256_alignr_epi8::<4>(half, value),
                8 => _mm256_alignr_epi8::<8>(half, value),
                _ => half,
            }
        }
    }
}

impl Registers for Avx512 {
    moves!();

    #[target_feature(enable = "avx512f,avx512vl,avx512dq,avx512bw,avx2,fma,f16c,bmi2")]
    unsafe fn enter<A, K: Task<A>>(argument: &A) {
        // SAFETY: this function's.
        unsafe { K::run(argument) }
    }
    const MASKS: bool = true;

    #[inline(always)]
    unsafe fn load_head(from: *const u8, bytes: usize, _size: usize) -> __m256i {
        // SAFETY: this function's: the mask leaves out what is beyond `bytes`.
        unsafe { _mm256_maskz_loadu_epi8(first(bytes), from.cast()) }
    }

    #[inline(always)]
    unsafe fn store_head(to: *mut u8, value: __m256i, bytes: usize, _size: usize) {
        // SAFETY: this function's: the mask leaves out what is beyond `bytes`.
        unsafe { _mm256_mask_storeu_epi8(to.cast(), first(bytes), value) }
    }

    #[inline(always)]
    unsafe fn shift(before: __m256i, value: __m256i, bytes: usize) -> __m256i {
        // SAFETY: the processor has the instruction set, says the trait.
        unsafe {
            match bytes {
                4 => _mm256_alignr_epi32::<7>(value, before),
                8 => _mm256_alignr_epi64::<3>(value, before),
                _ => Avx2::shift(before, value, bytes),
            }
        }
    }

    #[inline(always)]
    unsafe fn shift_down(before: __m256i, value: __m256i, bytes: usize) -> __m256i {
        // SAFETY: the processor has the instruction set, says the trait.
        unsafe {
            match bytes {
                4 => _mm256_alignr_epi32::<1>(before, value),
                8 => _mm256_alignr_epi64::<1>(before, value),
                _ => Avx2::shift_down(before, value, bytes),
            }
        }
    }
}

/// The mask of the first `bytes` lanes of one byte.
#[inline(always)]
fn first(bytes: usize) -> __mmask32 {
    if bytes >= 32 { !0 } else { (1 << bytes) - 1 }
}

macro_rules! ps {
    ($operation:ident($a:expr, $b:expr)) => {
        _mm256_castps_si256($operation(_mm256_castsi256_ps($a), _mm256_castsi256_ps($b)))
    };
}

macro_rules! pd {
    ($operation:ident($a:expr, $b:expr)) => {
        _mm256_castpd_si256($operation(_mm256_castsi256_pd($a), _mm256_castsi256_pd($b)))
    };
}

/// Sums of floats, which can also be had from the units that multiply.
macro_rules! sums {
    ($registers:ty: $($($t:ty)|+ => |$a:ident, $b:ident| $sum:expr, $beside:ident;)*) => { $($(
        impl Apply<Sum, $t> for $registers {
            #[inline(always)]
            unsafe fn apply($a: __m256i, $b: __m256i) -> __m256i {
                // SAFETY: the processor has the instruction set, says the trait.
                unsafe { $sum }
            }

            #[inline(always)]
            unsafe fn apply_beside($a: __m256i, $b: __m256i) -> __m256i {
                // SAFETY: the processor has the instruction set, says the trait.
                unsafe { $beside($a, $b) }
            }
        }
    )+)* };
}

/// A sum from the units that multiply: a times 1 plus b rounds once, and to the same bits. (The
/// compiler would make an addition of the intrinsic.)
macro_rules! beside {
    ($($name:ident: $instruction:literal, $one:expr;)*) => { $(
        #[target_feature(enable = "avx2,fma")]
        #[inline]
        fn $name(a: __m256i, mut b: __m256i) -> __m256i {
            // SAFETY: arithmetic on registers.
            unsafe {
                asm!(
                    concat!($instruction, " {0}, {1}, {2}"),
                    inout(ymm_reg) b,
                    in(ymm_reg) a,
                    in(ymm_reg) $one,
                    options(pure, nomem, nostack, preserves_flags),
                );
            }
            b
        }
    )* };
}
beside! {
    add_beside32: "vfmadd231ps", _mm256_set1_ps(1.0);
    add_beside64: "vfmadd231pd", _mm256_set1_pd(1.0);
}

/// Differences in even lanes and sums in odd ones, in one instruction; the compiler takes the intrinsic
/// apart into three.
macro_rules! add_sub {
    ($($name:ident: $instruction:literal;)*) => { $(
        #[target_feature(enable = "avx2")]
        #[inline]
        fn $name(a: __m256i, b: __m256i) -> __m256i {
            let result;
            // SAFETY: arithmetic on registers.
            unsafe {
                asm!(
                    concat!($instruction, " {0}, {1}, {2}"),
                    lateout(ymm_reg) result,
                    in(ymm_reg) a,
                    in(ymm_reg) b,
                    options(pure, nomem, nostack, preserves_flags),
                );
            }
            result
        }
    )* };
}
add_sub! {
    add_sub32: "vaddsubps";
    add_sub64: "vaddsubpd";
}

/// The operations that both have in common.
macro_rules! operations {
    ($registers:ty) => {
        apply_undone! { $registers: |a, b|
            Sum u8 => _mm256_add_epi8(a, b), _mm256_sub_epi8(a, b);
            Sum u16 => _mm256_add_epi16(a, b), _mm256_sub_epi16(a, b);
            Sum u32 => _mm256_add_epi32(a, b), _mm256_sub_epi32(a, b);
            Sum u64 => _mm256_add_epi64(a, b), _mm256_sub_epi64(a, b);
        }

        apply! { $registers:
            Sum Bool => |a, b| _mm256_or_si256(a, b);
            Prod Bool => |a, b| _mm256_and_si256(a, b);
            // Even and odd bytes as products of 16 bits; the odd ones of a are moved down, those of
            // b stay where the product belongs.
            Prod u8 => |a, b| {
                let low = _mm256_set1_epi16(0xff);
                let even = _mm256_mullo_epi16(a, b);
                let odd = _mm256_mullo_epi16(_mm256_srli_epi16::<8>(a), _mm256_andnot_si256(low, b));
                _mm256_or_si256(_mm256_and_si256(even, low), odd)
            };
            Prod u16 => |a, b| _mm256_mullo_epi16(a, b);
            Prod u32 => |a, b| _mm256_mullo_epi32(a, b);
            Prod f32 => |a, b| ps!(_mm256_mul_ps(a, b));
            Prod f64 => |a, b| pd!(_mm256_mul_pd(a, b));
            Prod Complex<f32> => |a, b| {
                let (a, b) = (_mm256_castsi256_ps(a), _mm256_castsi256_ps(b));
                let real = _mm256_mul_ps(_mm256_moveldup_ps(a), b);
                let swapped = _mm256_permute_ps::<0b10_11_00_01>(b);
                let imaginary = _mm256_mul_ps(_mm256_movehdup_ps(a), swapped);
                add_sub32(_mm256_castps_si256(real), _mm256_castps_si256(imaginary))
            };
            Prod Complex<f64> => |a, b| {
                let (a, b) = (_mm256_castsi256_pd(a), _mm256_castsi256_pd(b));
                let real = _mm256_mul_pd(_mm256_movedup_pd(a), b);
                let swapped = _mm256_permute_pd::<0b0101>(b);
                let imaginary = _mm256_mul_pd(_mm256_permute_pd::<0b1111>(a), swapped);
                add_sub64(_mm256_castpd_si256(real), _mm256_castpd_si256(imaginary))
            };
            Max Bool => |a, b| _mm256_or_si256(a, b);
            Min Bool => |a, b| _mm256_and_si256(a, b);
            Max u8 => |a, b| _mm256_max_epu8(a, b);
            Min u8 => |a, b| _mm256_min_epu8(a, b);
            Max i8 => |a, b| _mm256_max_epi8(a, b);
            Min i8 => |a, b| _mm256_min_epi8(a, b);
            Max u16 => |a, b| _mm256_max_epu16(a, b);
            Min u16 => |a, b| _mm256_min_epu16(a, b);
            Max i16 => |a, b| _mm256_max_epi16(a, b);
            Min i16 => |a, b| _mm256_min_epi16(a, b);
            Max u32 => |a, b| _mm256_max_epu32(a, b);
            Min u32 => |a, b| _mm256_min_epu32(a, b);
            Max i32 => |a, b| _mm256_max_epi32(a, b);
            Min i32 => |a, b| _mm256_min_epi32(a, b);
        }

        sums! { $registers:
            f32 | Complex<f32> => |a, b| ps!(_mm256_add_ps(a, b)), add_beside32;
            f64 | Complex<f64> => |a, b| pd!(_mm256_add_pd(a, b)), add_beside64;
        }

        apply_ordered! { $registers: |a, b|
            Max f32 => ps!(_mm256_max_ps(a, b)), unordered32(a, b);
            Min f32 => ps!(_mm256_min_ps(a, b)), unordered32(a, b);
            Max f64 => pd!(_mm256_max_pd(a, b)), unordered64(a, b);
            Min f64 => pd!(_mm256_min_pd(a, b)), unordered64(a, b);
        }
    };
}
operations!(Avx2);
operations!(Avx512);

apply! { Avx2:
    CappedSum u8 => |a, b| _mm256_adds_epu8(a, b);
    CappedSum u16 => |a, b| _mm256_adds_epu16(a, b);
    // As much as there is room for above a, which is its complement.
    CappedSum u32 => |a, b| {
        let room = _mm256_xor_si256(a, _mm256_set1_epi32(-1));
        _mm256_add_epi32(a, _mm256_min_epu32(b, room))
    };
    Prod u64 => |a, b| {
        let cross = _mm256_mullo_epi32(a, _mm256_shuffle_epi32::<0b10_11_00_01>(b));
        let cross = _mm256_add_epi32(cross, _mm256_slli_epi64::<32>(cross));
        let high = _mm256_and_si256(cross, _mm256_set1_epi64x(-1 << 32));
        _mm256_add_epi64(_mm256_mul_epu32(a, b), high)
    };
    Max i64 => |a, b| _mm256_blendv_epi8(b, a, _mm256_cmpgt_epi64(a, b));
    Min i64 => |a, b| _mm256_blendv_epi8(b, a, _mm256_cmpgt_epi64(b, a));
    Max u64 => |a, b| _mm256_blendv_epi8(b, a, _mm256_cmpgt_epi64(signed64(a), signed64(b)));
    Min u64 => |a, b| _mm256_blendv_epi8(b, a, _mm256_cmpgt_epi64(signed64(b), signed64(a)));
}

apply! { Avx512:
    Prod u64 => |a, b| _mm256_mullo_epi64(a, b);
    Max i64 => |a, b| _mm256_max_epi64(a, b);
    Min i64 => |a, b| _mm256_min_epi64(a, b);
    Max u64 => |a, b| _mm256_max_epu64(a, b);
    Min u64 => |a, b| _mm256_min_epu64(a, b);
}

/// Unsigned lanes in the order of signed ones.
///
/// # Safety
/// That of [`Registers`].
#[inline(always)]
unsafe fn signed64(a: __m256i) -> __m256i {
    // SAFETY: this function's.
    unsafe { _mm256_xor_si256(a, _mm256_set1_epi64x(i64::MIN)) }
}

/// The lanes where one of both is NaN.
///
/// # Safety
/// That of [`Registers`].
#[inline(always)]
unsafe fn unordered32(a: __m256i, b: __m256i) -> u32 {
    // SAFETY: this function's.
    unsafe {
        let (a, b) = (_mm256_castsi256_ps(a), _mm256_castsi256_ps(b));
        _mm256_movemask_ps(_mm256_cmp_ps::<_CMP_UNORD_Q>(a, b)) as u32
    }
}

/// As [`unordered32`].
///
/// # Safety
/// That of [`Registers`].
#[inline(always)]
unsafe fn unordered64(a: __m256i, b: __m256i) -> u32 {
    // SAFETY: this function's.
    unsafe {
        let (a, b) = (_mm256_castsi256_pd(a), _mm256_castsi256_pd(b));
        _mm256_movemask_pd(_mm256_cmp_pd::<_CMP_UNORD_Q>(a, b)) as u32
    }
}

/// Elements that become wider lanes, and lanes that become narrower elements.
macro_rules! conversions {
    ($registers:ty) => {
        impl Load<Bool, Bool> for $registers {
            #[inline(always)]
            unsafe fn load_lanes(from: *const Bool) -> __m256i {
                // SAFETY: this function's.
                unsafe { _mm256_min_epu8(Self::load(from.cast()), _mm256_set1_epi8(1)) }
            }
        }

        impl Store<Bool, Bool> for $registers {
            #[inline(always)]
            unsafe fn store_lanes(to: *mut Bool, value: __m256i) {
                // SAFETY: this function's.
                unsafe { Self::store(to.cast(), value) }
            }

            #[inline(always)]
            unsafe fn stream_lanes(to: *mut Bool, value: __m256i) {
                // SAFETY: this function's.
                unsafe { Self::stream(to.cast(), value) }
            }
        }

        widen! { $registers:
            u8 => u64, |p| _mm256_cvtepu8_epi64(four_bytes(p));
            i8 => u64, |p| _mm256_cvtepi8_epi64(four_bytes(p));
            Bool => u64, |p| _mm256_cvtepu8_epi64(_mm_min_epu8(four_bytes(p), _mm_set1_epi8(1)));
            u16 => u64, |p| _mm256_cvtepu16_epi64(_mm_loadl_epi64(p.cast()));
            i16 => u64, |p| _mm256_cvtepi16_epi64(_mm_loadl_epi64(p.cast()));
            u32 => u64, |p| _mm256_cvtepu32_epi64(_mm_loadu_si128(p.cast()));
            i32 => u64, |p| _mm256_cvtepi32_epi64(_mm_loadu_si128(p.cast()));
            f32 => f64, |p| _mm256_castpd_si256(_mm256_cvtps_pd(_mm_loadu_ps(p.cast())));
            F16 => f64, |p| {
                let narrow = _mm_cvtph_ps(_mm_loadl_epi64(p.cast()));
                _mm256_castpd_si256(_mm256_cvtps_pd(narrow))
            };
            Bf16 => f64, |p| {
                let bits = _mm_cvtepu16_epi32(_mm_loadl_epi64(p.cast()));
                let narrow = _mm_castsi128_ps(_mm_slli_epi32::<16>(bits));
                _mm256_castpd_si256(_mm256_cvtps_pd(narrow))
            };
            F16 => f32, |p| _mm256_castps_si256(_mm256_cvtph_ps(_mm_loadu_si128(p.cast())));
            Bf16 => f32, |p| {
                _mm256_slli_epi32::<16>(_mm256_cvtepu16_epi32(_mm_loadu_si128(p.cast())))
            };
        }

        narrow! { $registers:
            f32 => F16, |value| {
                _mm256_cvtps_ph::<_MM_FROUND_TO_NEAREST_INT>(_mm256_castsi256_ps(value))
            };
            // For lanes that hold a bfloat16, whose lower halves are 0.
            f32 => Bf16, |value| {
                let bits = _mm256_srli_epi32::<16>(value);
                let low = _mm256_castsi256_si128(bits);
                _mm_packus_epi32(low, _mm256_extracti128_si256::<1>(bits))
            };
        }
    };
}

macro_rules! widen {
    ($registers:ty: $($m:ty => $t:ty, |$p:ident| $lanes:expr;)*) => { $(
        impl Load<$m, $t> for $registers {
            #[inline(always)]
            unsafe fn load_lanes($p: *const $m) -> __m256i {
                // SAFETY: this function's; no more is read than elements for all lanes.
                unsafe { $lanes }
            }
        }
    )* };
}

macro_rules! narrow {
    ($registers:ty: $($t:ty => $m:ty, |$value:ident| $half:expr;)*) => { $(
        impl Store<$t, $m> for $registers {
            #[inline(always)]
            unsafe fn store_lanes(to: *mut $m, $value: __m256i) {
                // SAFETY: this function's.
                unsafe { _mm_storeu_si128(to.cast(), $half) }
            }

            #[inline(always)]
            unsafe fn stream_lanes(to: *mut $m, $value: __m256i) {
                // SAFETY: this function's.
                unsafe { _mm_stream_si128(to.cast(), $half) }
            }
        }
    )* };
}
conversions!(Avx2);
conversions!(Avx512);

/// Four bytes in the lower lanes.
///
/// # Safety
/// That of [`Registers`], and they are readable.
#[inline(always)]
unsafe fn four_bytes<T>(from: *const T) -> __m128i {
    // SAFETY: this function's.
    unsafe { _mm_cvtsi32_si128(from.cast::<i32>().read_unaligned()) }
}
