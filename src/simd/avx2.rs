//! 256-bit registers: the operations lane by lane, partial moves and transposes.
//!
//! Everything here is `inline(always)` and takes on the instruction set of the kernel that it is
//! inlined into, which must have enabled AVX2 and F16C; that is also what makes the intrinsics
//! lawful, and the one condition that the SAFETY comments below do not repeat.
//!
//! A register is a `__m256i` whatever it holds: kernels move bits, and only [`Lanewise::step_lanes`] knows
//! what they mean.

use std::arch::asm;
use std::arch::x86_64::*;

use crate::accumulate::{Accumulate, Plain};
use crate::elem::{Bf16, Bool, Complex, Elem, F16};
use crate::op::{Max, Min, Prod, Sum};

/// Bytes of a register.
pub const WIDTH: usize = 32;

/// The same number, which the compiler takes for another one each time: it does not write a loop of its own for every
/// value, nor keep all that follows from it.
#[inline(always)]
pub fn opaque(mut n: usize) -> usize {
    // SAFETY: does nothing.
    unsafe { asm!("/* {0} */", inout(reg) n, options(nomem, nostack, preserves_flags)) }
    n
}

/// An accumulator of the element's own type, whose step works on all lanes of a register at once,
/// bit for bit as [`Accumulate::step`].
pub trait Lanewise: Accumulate<Acc = <Self as Accumulate>::T> {
    /// A value with `step(NEUTRAL, x) == x` bit for bit, if there is one: a line that begins with it
    /// needs no special first element.
    const NEUTRAL: Option<Self::T>;

    /// One more element in each lane.
    ///
    /// # Safety
    /// The processor has AVX2 and F16C.
    unsafe fn step_lanes(acc: __m256i, x: __m256i) -> __m256i;

    /// Whether a step takes one operation, of a single element as well: sums and products of real floats.
    const LIGHT: bool = false;

    /// The largest value of an accumulator's bytes: an element becomes the first accumulator of a line
    /// once none of its bytes is larger.
    const LARGEST_BYTE: u8 = u8::MAX;

    /// Whether a step converts elements, 16-bit floats, to another type and back, which takes longer than to
    /// move them.
    const CONVERTS: bool = size_of::<Self::T>() == 2 && <Self::T as Elem>::NAN.is_some();
}

macro_rules! lanewise {
    ($op:ty, $t:ty, $neutral:expr, |$a:ident, $x:ident| $step:expr $(, $light:ident)?) => {
        impl Lanewise for Plain<$op, $t> {
            const NEUTRAL: Option<$t> = $neutral;
            $(const $light: bool = true;)?
            #[inline(always)]
            unsafe fn step_lanes($a: __m256i, $x: __m256i) -> __m256i {
                // SAFETY: intrinsics on values.
                unsafe { $step }
            }
        }
    };
}

macro_rules! integers {
    ($($t:ty, $add:expr, $mul:expr, $max:expr, $min:expr;)*) => { $(
        lanewise!(Sum, $t, Some(0), |a, x| $add(a, x));
        lanewise!(Prod, $t, Some(1), |a, x| $mul(a, x));
        lanewise!(Max, $t, Some(<$t>::MIN), |a, x| $max(a, x));
        lanewise!(Min, $t, Some(<$t>::MAX), |a, x| $min(a, x));
    )* };
}
integers! {
    i8, _mm256_add_epi8, product_8, _mm256_max_epi8, _mm256_min_epi8;
    u8, _mm256_add_epi8, product_8, _mm256_max_epu8, _mm256_min_epu8;
    i16, _mm256_add_epi16, _mm256_mullo_epi16, _mm256_max_epi16, _mm256_min_epi16;
    u16, _mm256_add_epi16, _mm256_mullo_epi16, _mm256_max_epu16, _mm256_min_epu16;
    i32, _mm256_add_epi32, _mm256_mullo_epi32, _mm256_max_epi32, _mm256_min_epi32;
    u32, _mm256_add_epi32, _mm256_mullo_epi32, _mm256_max_epu32, _mm256_min_epu32;
    i64, _mm256_add_epi64, product_64, larger_64::<0>, smaller_64::<0>;
    u64, _mm256_add_epi64, product_64, larger_64::<{ i64::MIN }>, smaller_64::<{ i64::MIN }>;
}

/// Products of bytes, from those of 16-bit lanes: the lower byte of a product needs the lower bytes
/// of the factors alone.
#[inline(always)]
unsafe fn product_8(a: __m256i, b: __m256i) -> __m256i {
    // SAFETY: intrinsics on values.
    unsafe {
        let even = _mm256_mullo_epi16(a, b);
        let odd = _mm256_mullo_epi16(_mm256_srli_epi16::<8>(a), _mm256_srli_epi16::<8>(b));
        let low = _mm256_set1_epi16(0xff);
        _mm256_or_si256(_mm256_and_si256(even, low), _mm256_slli_epi16::<8>(odd))
    }
}

/// Products of 64-bit lanes by those of their halves.
#[inline(always)]
unsafe fn product_64(a: __m256i, b: __m256i) -> __m256i {
    // SAFETY: intrinsics on values.
    unsafe {
        let crossed = _mm256_mullo_epi32(a, _mm256_shuffle_epi32::<0b10_11_00_01>(b));
        let high = _mm256_add_epi32(crossed, _mm256_slli_epi64::<32>(crossed));
        let upper = _mm256_set1_epi64x(0xffff_ffff_0000_0000u64 as i64);
        _mm256_add_epi64(_mm256_mul_epu32(a, b), _mm256_and_si256(high, upper))
    }
}

/// Where `a > b` in 64-bit lanes, once `FLIP` has been applied to both.
#[inline(always)]
unsafe fn greater_64<const FLIP: i64>(a: __m256i, b: __m256i) -> __m256i {
    // SAFETY: intrinsics on values.
    unsafe {
        let flip = _mm256_set1_epi64x(FLIP);
        _mm256_cmpgt_epi64(_mm256_xor_si256(a, flip), _mm256_xor_si256(b, flip))
    }
}

#[inline(always)]
unsafe fn larger_64<const FLIP: i64>(a: __m256i, b: __m256i) -> __m256i {
    // SAFETY: intrinsics on values.
    unsafe { _mm256_blendv_epi8(b, a, greater_64::<FLIP>(a, b)) }
}

#[inline(always)]
unsafe fn smaller_64<const FLIP: i64>(a: __m256i, b: __m256i) -> __m256i {
    // SAFETY: intrinsics on values.
    unsafe { _mm256_blendv_epi8(a, b, greater_64::<FLIP>(a, b)) }
}

macro_rules! bools {
    ($($op:ty, $neutral:expr, $combine:ident;)*) => { $(
        impl Lanewise for Plain<$op, Bool> {
            const NEUTRAL: Option<Bool> = Some(Bool::new($neutral));
            const LARGEST_BYTE: u8 = 1;
            #[inline(always)]
            unsafe fn step_lanes(a: __m256i, x: __m256i) -> __m256i {
                // SAFETY: intrinsics on values.
                unsafe { $combine(a, _mm256_min_epu8(x, _mm256_set1_epi8(1))) }
            }
        }
    )* };
}
bools! {
    Sum, false, _mm256_or_si256;
    Max, false, _mm256_or_si256;
    Prod, true, _mm256_and_si256;
    Min, true, _mm256_and_si256;
}

macro_rules! floats {
    ($($t:ty, $from:ident, $to:ident, $add:ident, $mul:ident, $max:ident, $min:ident, $cmp:ident, $blend:ident;)*) => { $(
        // -0.0 + x is x for both zeros.
        lanewise!(Sum, $t, Some(-0.0), |a, x| $from($add($to(a), $to(x))), LIGHT);
        lanewise!(Prod, $t, Some(1.0), |a, x| $from($mul($to(a), $to(x))), LIGHT);
        // The instructions give their second operand, the element, for equal zeros and for NaN: what is
        // missing is that a NaN stays.
        lanewise!(Max, $t, Some(<$t>::NEG_INFINITY), |a, x| {
            let (a, x) = ($to(a), $to(x));
            $from($blend($max(a, x), a, $cmp::<_CMP_UNORD_Q>(a, a)))
        });
        lanewise!(Min, $t, Some(<$t>::INFINITY), |a, x| {
            let (a, x) = ($to(a), $to(x));
            $from($blend($min(a, x), a, $cmp::<_CMP_UNORD_Q>(a, a)))
        });
    )* };
}
floats! {
    f32, _mm256_castps_si256, _mm256_castsi256_ps, _mm256_add_ps, _mm256_mul_ps, _mm256_max_ps,
        _mm256_min_ps, _mm256_cmp_ps, _mm256_blendv_ps;
    f64, _mm256_castpd_si256, _mm256_castsi256_pd, _mm256_add_pd, _mm256_mul_pd, _mm256_max_pd,
        _mm256_min_pd, _mm256_cmp_pd, _mm256_blendv_pd;
}

lanewise!(
    Sum,
    Complex<f32>,
    Some(Complex { re: -0.0, im: -0.0 }),
    |a, x| _mm256_castps_si256(_mm256_add_ps(
        _mm256_castsi256_ps(a),
        _mm256_castsi256_ps(x)
    ))
);
lanewise!(
    Sum,
    Complex<f64>,
    Some(Complex { re: -0.0, im: -0.0 }),
    |a, x| _mm256_castpd_si256(_mm256_add_pd(
        _mm256_castsi256_pd(a),
        _mm256_castsi256_pd(x)
    ))
);
// No number keeps infinities and the signs of zeros in every complex product.
lanewise!(Prod, Complex<f32>, None, |a, x| {
    let (a, x) = (_mm256_castsi256_ps(a), _mm256_castsi256_ps(x));
    let real = _mm256_mul_ps(_mm256_moveldup_ps(a), x);
    let imaginary = _mm256_mul_ps(_mm256_movehdup_ps(a), _mm256_permute_ps::<0b10_11_00_01>(x));
    _mm256_castps_si256(_mm256_addsub_ps(real, imaginary))
});
lanewise!(Prod, Complex<f64>, None, |a, x| {
    let (a, x) = (_mm256_castsi256_pd(a), _mm256_castsi256_pd(x));
    let real = _mm256_mul_pd(_mm256_movedup_pd(a), x);
    let imaginary = _mm256_mul_pd(
        _mm256_permute_pd::<0b1111>(a),
        _mm256_permute_pd::<0b0101>(x),
    );
    _mm256_castpd_si256(_mm256_addsub_pd(real, imaginary))
});

/// A 16-bit float type in registers.
pub trait Halves {
    /// Exact.
    ///
    /// # Safety
    /// As [`Lanewise::step_lanes`].
    unsafe fn widen(x: __m128i) -> __m256;
    /// Rounds to nearest, ties to even.
    ///
    /// # Safety
    /// As [`Lanewise::step_lanes`].
    unsafe fn narrow(x: __m256) -> __m128i;
}

impl Halves for F16 {
    #[inline(always)]
    unsafe fn widen(x: __m128i) -> __m256 {
        // SAFETY: an intrinsic on values.
        unsafe { _mm256_cvtph_ps(x) }
    }
    #[inline(always)]
    unsafe fn narrow(x: __m256) -> __m128i {
        // SAFETY: an intrinsic on values.
        unsafe { _mm256_cvtps_ph::<{ _MM_FROUND_TO_NEAREST_INT }>(x) }
    }
}

impl Halves for Bf16 {
    #[inline(always)]
    unsafe fn widen(x: __m128i) -> __m256 {
        // SAFETY: intrinsics on values.
        unsafe { _mm256_castsi256_ps(_mm256_slli_epi32::<16>(_mm256_cvtepu16_epi32(x))) }
    }
    #[inline(always)]
    unsafe fn narrow(x: __m256) -> __m128i {
        // SAFETY: intrinsics on values.
        unsafe {
            let bits = _mm256_castps_si256(x);
            let top = _mm256_srli_epi32::<16>(bits);
            let odd = _mm256_and_si256(top, _mm256_set1_epi32(1));
            let half = _mm256_add_epi32(odd, _mm256_set1_epi32(0x7fff));
            let rounded = _mm256_srli_epi32::<16>(_mm256_add_epi32(bits, half));
            let nan = _mm256_castps_si256(_mm256_cmp_ps::<_CMP_UNORD_Q>(x, x));
            let quiet = _mm256_or_si256(top, _mm256_set1_epi32(0x40));
            let result = _mm256_blendv_epi8(rounded, quiet, nan);
            let (low, high) = (
                _mm256_castsi256_si128(result),
                _mm256_extracti128_si256::<1>(result),
            );
            _mm_packus_epi32(low, high)
        }
    }
}

/// An operation of `f32` applied to the two halves of a register of 16-bit floats.
#[inline(always)]
unsafe fn halves<H: Halves, O>(a: __m256i, x: __m256i) -> __m256i
where
    Plain<O, f32>: Lanewise,
{
    // SAFETY: intrinsics on values.
    unsafe {
        let low = half::<H, O>(_mm256_castsi256_si128(a), _mm256_castsi256_si128(x));
        let high = half::<H, O>(
            _mm256_extracti128_si256::<1>(a),
            _mm256_extracti128_si256::<1>(x),
        );
        _mm256_inserti128_si256::<1>(_mm256_castsi128_si256(low), high)
    }
}

/// An operation of `f32` applied to eight 16-bit floats.
///
/// # Safety
/// As [`Lanewise::step_lanes`].
#[inline(always)]
pub unsafe fn half<H: Halves, O>(a: __m128i, x: __m128i) -> __m128i
where
    Plain<O, f32>: Lanewise,
{
    // SAFETY: intrinsics on values.
    unsafe {
        let (a, x) = (
            _mm256_castps_si256(H::widen(a)),
            _mm256_castps_si256(H::widen(x)),
        );
        H::narrow(_mm256_castsi256_ps(Plain::<O, f32>::step_lanes(a, x)))
    }
}

macro_rules! half_floats {
    ($($t:ident, $one:expr, $inf:expr;)*) => { $(
        lanewise!(Sum, $t, Some($t(0x8000)), |a, x| halves::<$t, Sum>(a, x));
        lanewise!(Prod, $t, Some($t($one)), |a, x| halves::<$t, Prod>(a, x));
        lanewise!(Max, $t, Some($t(0x8000 | $inf)), |a, x| halves::<$t, Max>(a, x));
        lanewise!(Min, $t, Some($t($inf)), |a, x| halves::<$t, Min>(a, x));
    )* };
}
half_floats! {
    F16, 0x3c00, 0x7c00;
    Bf16, 0x3f80, 0x7f80;
}

/// A register full of one value.
///
/// # Safety
/// As [`Lanewise::step_lanes`]; `T` is of 1, 2, 4, 8 or 16 bytes.
#[inline(always)]
pub unsafe fn splat<T: Copy>(value: T) -> __m256i {
    // SAFETY: each arm reads as many bytes as the value has.
    unsafe {
        let bytes = (&raw const value).cast::<u8>();
        match size_of::<T>() {
            1 => _mm256_set1_epi8(bytes.cast::<i8>().read()),
            2 => _mm256_set1_epi16(bytes.cast::<i16>().read_unaligned()),
            4 => _mm256_set1_epi32(bytes.cast::<i32>().read_unaligned()),
            8 => _mm256_set1_epi64x(bytes.cast::<i64>().read_unaligned()),
            _ => _mm256_broadcastsi128_si256(_mm_loadu_si128(bytes.cast())),
        }
    }
}

/// A whole register from memory.
///
/// # Safety
/// As [`Lanewise::step_lanes`]; 32 bytes are readable.
#[inline(always)]
pub unsafe fn load(p: *const u8) -> __m256i {
    // SAFETY: this function's.
    unsafe { _mm256_loadu_si256(p.cast()) }
}

/// A whole register to memory; past the caches if `STREAM`.
///
/// # Safety
/// As [`Lanewise::step_lanes`]; 32 bytes are writable, and aligned to 32 if `STREAM`.
#[inline(always)]
pub unsafe fn store<const STREAM: bool>(p: *mut u8, x: __m256i) {
    // SAFETY: this function's.
    unsafe {
        if STREAM {
            _mm256_stream_si256(p.cast(), x)
        } else {
            _mm256_storeu_si256(p.cast(), x)
        }
    }
}

/// The first and the last bytes of `n > 0`, fewer than a register has, as many each as a power of two: lanes
/// that hold all of them, those in the middle twice. An element's lanes are whole.
///
/// # Safety
/// As [`Lanewise::step_lanes`]; `n` bytes are readable.
#[inline(always)]
pub unsafe fn load_ends(p: *const u8, n: usize) -> __m256i {
    // SAFETY: both ends are within the bytes.
    unsafe {
        let low = match n {
            16.. => {
                let (first, last) = (_mm_loadu_si128(p.cast()), p.add(n - 16));
                return _mm256_set_m128i(_mm_loadu_si128(last.cast()), first);
            }
            8.. => _mm_unpacklo_epi64(
                _mm_loadl_epi64(p.cast()),
                _mm_loadl_epi64(p.add(n - 8).cast()),
            ),
            _ => _mm_cvtsi64_si128(few::load_ends(p, n) as i64),
        };
        _mm256_castsi128_si256(low)
    }
}

/// Writes what [`load_ends`] reads.
///
/// # Safety
/// As [`Lanewise::step_lanes`]; `n` bytes are writable.
#[inline(always)]
pub unsafe fn store_ends(p: *mut u8, x: __m256i, n: usize) {
    // SAFETY: both ends are within the bytes.
    unsafe {
        let low = _mm256_castsi256_si128(x);
        match n {
            16.. => {
                _mm_storeu_si128(p.cast(), low);
                _mm_storeu_si128(p.add(n - 16).cast(), _mm256_extracti128_si256::<1>(x));
            }
            8.. => {
                _mm_storel_epi64(p.cast(), low);
                _mm_storel_epi64(p.add(n - 8).cast(), _mm_unpackhi_epi64(low, low));
            }
            _ => few::store_ends(p, _mm_cvtsi128_si64(low) as u64, n),
        }
    }
}

/// The ends of fewer than eight bytes: functions, which are not worth their code in loops.
mod few {
    /// As [`super::load_ends`], in a word.
    #[inline(never)]
    pub unsafe fn load_ends(p: *const u8, n: usize) -> u64 {
        // SAFETY: the caller's; both ends are within the bytes.
        unsafe {
            match n {
                4.. => {
                    let end = |p: *const u8| p.cast::<u32>().read_unaligned() as u64;
                    end(p) | end(p.add(n - 4)) << 32
                }
                2.. => {
                    let end = |p: *const u8| p.cast::<u16>().read_unaligned() as u64;
                    end(p) | end(p.add(n - 2)) << 16
                }
                _ => p.read() as u64,
            }
        }
    }

    /// As [`super::store_ends`], from a word.
    #[inline(never)]
    pub unsafe fn store_ends(p: *mut u8, x: u64, n: usize) {
        // SAFETY: the caller's; both ends are within the bytes.
        unsafe {
            match n {
                4.. => {
                    p.cast::<u32>().write_unaligned(x as u32);
                    p.add(n - 4).cast::<u32>().write_unaligned((x >> 32) as u32);
                }
                2.. => {
                    p.cast::<u16>().write_unaligned(x as u16);
                    p.add(n - 2).cast::<u16>().write_unaligned((x >> 16) as u16);
                }
                _ => p.write(x as u8),
            }
        }
    }
}

/// Orders streaming stores before everything that follows.
///
/// # Safety
/// As [`Lanewise::step_lanes`].
#[inline(always)]
pub unsafe fn fence() {
    // SAFETY: part of every x86-64.
    unsafe { _mm_sfence() }
}
