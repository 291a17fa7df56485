//! NEON, part of every AArch64: registers of 16 bytes, which are used in pairs.
//!
//! An addition of vectors takes two cycles on most of these processors, and a comparison with what it
//! selects four, while two to four of them begin in every cycle. A chain of single registers would
//! leave most of that idle; with two lanes of 64 bits it would be no faster than a scalar one. A pair
//! halves the chain, and a shift by 16 bytes costs nothing in it.
//!
//! There are no products of 64 bits: NEON has none, and a dozen cycles of narrower ones lose to the
//! scalar multiplier.
//!
//! (All of this is counted from the makers' tables of instructions. No such processor was at hand.)

use crate::elem::{Bf16, Bool, Complex, F16};
use crate::simd::registers::{Load, Registers, Store, Task, apply, apply_ordered, apply_undone};
use std::arch::aarch64::*;
use std::arch::asm;

/// Pairs of 16-byte registers.
pub struct Neon;

/// The pair, in the order of the elements.
type Pair = uint8x16x2_t;

impl Registers for Neon {
    type Reg = Pair;
    const BYTES: usize = 32;

    #[target_feature(enable = "neon")]
    unsafe fn enter<A, K: Task<A>>(argument: &A) {
        // SAFETY: this function's.
        unsafe { K::run(argument) }
    }

    #[inline(always)]
    unsafe fn load(from: *const u8) -> Pair {
        // SAFETY: this function's.
        unsafe { uint8x16x2_t(vld1q_u8(from), vld1q_u8(from.add(16))) }
    }

    #[inline(always)]
    unsafe fn store(to: *mut u8, value: Pair) {
        // SAFETY: this function's.
        unsafe {
            vst1q_u8(to, value.0);
            vst1q_u8(to.add(16), value.1);
        }
    }

    // An ordinary store: the instruction that passes the caches by (STNP) is no more than a hint, and
    // whether it gains anything would have to be measured.
    #[inline(always)]
    unsafe fn stream(to: *mut u8, value: Pair) {
        // SAFETY: this function's.
        unsafe { Neon::store(to, value) }
    }

    #[inline(always)]
    unsafe fn splat<T: Copy>(element: T) -> Pair {
        // SAFETY: each size is read as a type of that size.
        unsafe {
            let half = match size_of::<T>() {
                1 => vdupq_n_u8(std::mem::transmute_copy(&element)),
                2 => as_bits(vdupq_n_u16(std::mem::transmute_copy(&element))),
                4 => as_bits(vdupq_n_u32(std::mem::transmute_copy(&element))),
                8 => as_bits(vdupq_n_u64(std::mem::transmute_copy(&element))),
                _ => std::mem::transmute_copy(&element),
            };
            uint8x16x2_t(half, half)
        }
    }

    #[inline(always)]
    unsafe fn repeat_last<T>(value: Pair) -> Pair {
        // SAFETY: the processor has the instruction set, says the trait.
        unsafe {
            let half = match size_of::<T>() {
                4 => as_bits(vdupq_laneq_u32::<3>(as_bits(value.1))),
                8 => as_bits(vdupq_laneq_u64::<1>(as_bits(value.1))),
                _ => value.1,
            };
            uint8x16x2_t(half, half)
        }
    }

    #[inline(always)]
    unsafe fn shift(before: Pair, value: Pair, bytes: usize) -> Pair {
        macro_rules! by {
            ($bytes:literal) => {
                uint8x16x2_t(
                    vextq_u8::<{ 16 - $bytes }>(before.1, value.0),
                    vextq_u8::<{ 16 - $bytes }>(value.0, value.1),
                )
            };
        }
        // SAFETY: the processor has the instruction set, says the trait.
        unsafe {
            match bytes {
                1 => by!(1),
                2 => by!(2),
                4 => by!(4),
                8 => by!(8),
                _ => uint8x16x2_t(before.1, value.0),
            }
        }
    }

    #[inline(always)]
    unsafe fn merge(head: Pair, tail: Pair, bytes: usize) -> Pair {
        // SAFETY: the processor has the instruction set, says the trait.
        unsafe {
            let first = match bytes {
                4 => as_bits(vcopyq_laneq_u32::<0, 0>(as_bits(tail.0), as_bits(head.0))),
                8 => as_bits(vcopyq_laneq_u64::<0, 0>(as_bits(tail.0), as_bits(head.0))),
                _ => head.0,
            };
            let second = match bytes {
                24 => as_bits(vcopyq_laneq_u64::<1, 1>(as_bits(head.1), as_bits(tail.1))),
                28 => as_bits(vcopyq_laneq_u32::<3, 3>(as_bits(head.1), as_bits(tail.1))),
                _ => tail.1,
            };
            uint8x16x2_t(first, second)
        }
    }
}

/// The same 16 bytes as lanes of another type.
#[inline(always)]
fn as_bits<V: Vector, W: Vector>(vector: V) -> W {
    // SAFETY: both are 16 bytes that may be anything.
    unsafe { std::mem::transmute_copy(&vector) }
}

/// A register, whose lanes may hold any bits.
trait Vector: Copy {}

macro_rules! vectors {
    ($($v:ty)*) => { $(
        impl Vector for $v {}
        const _: () = assert!(size_of::<$v>() == 16);
    )* };
}
vectors! {
    uint8x16_t uint16x8_t uint32x4_t uint64x2_t int8x16_t int16x8_t int32x4_t int64x2_t
    float32x4_t float64x2_t
}

/// The same for both registers of two pairs, seen as vectors of a type.
macro_rules! halves {
    ($a:ident, $b:ident: $v:ty => $result:expr) => {{
        let halves = [($a.0, $b.0), ($a.1, $b.1)].map(|(a, b)| -> uint8x16_t {
            let ($a, $b): ($v, $v) = (as_bits(a), as_bits(b));
            as_bits($result)
        });
        uint8x16x2_t(halves[0], halves[1])
    }};
}

apply_undone! { Neon: |a, b|
    Sum u8 => halves!(a, b: uint8x16_t => vaddq_u8(a, b)), halves!(a, b: uint8x16_t => vsubq_u8(a, b));
    Sum u16 => halves!(a, b: uint16x8_t => vaddq_u16(a, b)), halves!(a, b: uint16x8_t => vsubq_u16(a, b));
    Sum u32 => halves!(a, b: uint32x4_t => vaddq_u32(a, b)), halves!(a, b: uint32x4_t => vsubq_u32(a, b));
    Sum u64 => halves!(a, b: uint64x2_t => vaddq_u64(a, b)), halves!(a, b: uint64x2_t => vsubq_u64(a, b));
}

apply! { Neon:
    Sum f32 | Complex<f32> => |a, b| halves!(a, b: float32x4_t => vaddq_f32(a, b));
    Sum f64 | Complex<f64> => |a, b| halves!(a, b: float64x2_t => vaddq_f64(a, b));
    Sum Bool => |a, b| halves!(a, b: uint8x16_t => vorrq_u8(a, b));
    Prod Bool => |a, b| halves!(a, b: uint8x16_t => vandq_u8(a, b));
    Prod u8 => |a, b| halves!(a, b: uint8x16_t => vmulq_u8(a, b));
    Prod u16 => |a, b| halves!(a, b: uint16x8_t => vmulq_u16(a, b));
    Prod u32 => |a, b| halves!(a, b: uint32x4_t => vmulq_u32(a, b));
    Prod f32 => |a, b| halves!(a, b: float32x4_t => vmulq_f32(a, b));
    Prod f64 => |a, b| halves!(a, b: float64x2_t => vmulq_f64(a, b));
    // Complex products: differences in even lanes and sums in odd ones, each rounded on its own, as
    // the contract has it. (Adding with the other sign would turn the sign of a NaN around.)
    Prod Complex<f32> => |a, b| halves!(a, b: float32x4_t => {
        let real = vmulq_f32(vtrn1q_f32(a, a), b);
        let imaginary = vmulq_f32(vtrn2q_f32(a, a), vrev64q_f32(b));
        let even = as_bits(vdupq_n_u64(u32::MAX as u64));
        vbslq_f32(even, vsubq_f32(real, imaginary), vaddq_f32(real, imaginary))
    });
    Prod Complex<f64> => |a, b| halves!(a, b: float64x2_t => {
        let real = vmulq_f64(vdupq_laneq_f64::<0>(a), b);
        let imaginary = vmulq_f64(vdupq_laneq_f64::<1>(a), vextq_f64::<1>(b, b));
        vcopyq_laneq_f64::<0, 0>(vaddq_f64(real, imaginary), vsubq_f64(real, imaginary))
    });
    Max Bool => |a, b| halves!(a, b: uint8x16_t => vorrq_u8(a, b));
    Min Bool => |a, b| halves!(a, b: uint8x16_t => vandq_u8(a, b));
    Max u8 => |a, b| halves!(a, b: uint8x16_t => vmaxq_u8(a, b));
    Min u8 => |a, b| halves!(a, b: uint8x16_t => vminq_u8(a, b));
    Max u16 => |a, b| halves!(a, b: uint16x8_t => vmaxq_u16(a, b));
    Min u16 => |a, b| halves!(a, b: uint16x8_t => vminq_u16(a, b));
    Max u32 => |a, b| halves!(a, b: uint32x4_t => vmaxq_u32(a, b));
    Min u32 => |a, b| halves!(a, b: uint32x4_t => vminq_u32(a, b));
    Max u64 => |a, b| halves!(a, b: uint64x2_t => vbslq_u64(vcgtq_u64(a, b), a, b));
    Min u64 => |a, b| halves!(a, b: uint64x2_t => vbslq_u64(vcltq_u64(a, b), a, b));
    Max i8 => |a, b| halves!(a, b: int8x16_t => vmaxq_s8(a, b));
    Min i8 => |a, b| halves!(a, b: int8x16_t => vminq_s8(a, b));
    Max i16 => |a, b| halves!(a, b: int16x8_t => vmaxq_s16(a, b));
    Min i16 => |a, b| halves!(a, b: int16x8_t => vminq_s16(a, b));
    Max i32 => |a, b| halves!(a, b: int32x4_t => vmaxq_s32(a, b));
    Min i32 => |a, b| halves!(a, b: int32x4_t => vminq_s32(a, b));
    Max i64 => |a, b| halves!(a, b: int64x2_t => vbslq_s64(vcgtq_s64(a, b), a, b));
    Min i64 => |a, b| halves!(a, b: int64x2_t => vbslq_s64(vcltq_s64(a, b), a, b));
}

// Not FMAX and FMIN for the operation: they order the zeros, of which the later one is to be kept.
apply_ordered! { Neon: |a, b|
    Max f32 => halves!(a, b: float32x4_t => vbslq_f32(vcgtq_f32(a, b), a, b)), unordered32(a, b);
    Min f32 => halves!(a, b: float32x4_t => vbslq_f32(vcltq_f32(a, b), a, b)), unordered32(a, b);
    Max f64 => halves!(a, b: float64x2_t => vbslq_f64(vcgtq_f64(a, b), a, b)), unordered64(a, b);
    Min f64 => halves!(a, b: float64x2_t => vbslq_f64(vcltq_f64(a, b), a, b)), unordered64(a, b);
}

/// Not 0 if a lane is NaN, which FMAX hands on to the maximum of all.
///
/// # Safety
/// That of [`Registers`].
#[inline(always)]
unsafe fn unordered32(a: Pair, b: Pair) -> u32 {
    // SAFETY: this function's.
    unsafe {
        let largest = halves!(a, b: float32x4_t => vmaxq_f32(a, b));
        vmaxvq_f32(vmaxq_f32(as_bits(largest.0), as_bits(largest.1))).is_nan() as u32
    }
}

/// As [`unordered32`].
///
/// # Safety
/// That of [`Registers`].
#[inline(always)]
unsafe fn unordered64(a: Pair, b: Pair) -> u32 {
    // SAFETY: this function's.
    unsafe {
        let largest = halves!(a, b: float64x2_t => vmaxq_f64(a, b));
        vmaxvq_f64(vmaxq_f64(as_bits(largest.0), as_bits(largest.1))).is_nan() as u32
    }
}

impl Load<Bool, Bool> for Neon {
    #[inline(always)]
    unsafe fn load_lanes(from: *const Bool) -> Pair {
        // SAFETY: this function's.
        unsafe {
            let bytes = Neon::load(from.cast());
            let one = vdupq_n_u8(1);
            uint8x16x2_t(vminq_u8(bytes.0, one), vminq_u8(bytes.1, one))
        }
    }
}

impl Store<Bool, Bool> for Neon {
    #[inline(always)]
    unsafe fn store_lanes(to: *mut Bool, value: Pair) {
        // SAFETY: this function's.
        unsafe { Neon::store(to.cast(), value) }
    }

    #[inline(always)]
    unsafe fn stream_lanes(to: *mut Bool, value: Pair) {
        // SAFETY: this function's.
        unsafe { Neon::stream(to.cast(), value) }
    }
}

/// Elements that become wider lanes.
macro_rules! widen {
    ($($m:ty => $t:ty, |$p:ident| $lanes:expr;)*) => { $(
        impl Load<$m, $t> for Neon {
            #[inline(always)]
            unsafe fn load_lanes($p: *const $m) -> Pair {
                // SAFETY: this function's; no more is read than elements for all lanes.
                unsafe { $lanes }
            }
        }
    )* };
}
widen! {
    u8 => u64, |p| unsigned::<1>(first::<4>(p));
    i8 => u64, |p| signed::<1, 56>(first::<4>(p));
    Bool => u64, |p| unsigned::<1>(vminq_u8(first::<4>(p), vdupq_n_u8(1)));
    u16 => u64, |p| unsigned::<2>(first::<8>(p));
    i16 => u64, |p| signed::<2, 48>(first::<8>(p));
    u32 => u64, |p| unsigned::<4>(first::<16>(p));
    i32 => u64, |p| signed::<4, 32>(first::<16>(p));
    f32 => f64, |p| doubles(vld1q_f32(p.cast()));
    F16 => f64, |p| doubles(from_halves(vld1_u8(p.cast())));
    Bf16 => f64, |p| doubles(from_brains(vld1_u8(p.cast())));
    F16 => f32, |p| {
        let (low, high) = (vld1_u8(p.cast()), vld1_u8(p.add(4).cast()));
        uint8x16x2_t(as_bits(from_halves(low)), as_bits(from_halves(high)))
    };
    Bf16 => f32, |p| {
        let (low, high) = (vld1_u8(p.cast()), vld1_u8(p.add(4).cast()));
        uint8x16x2_t(as_bits(from_brains(low)), as_bits(from_brains(high)))
    };
}

/// Lanes that become narrower elements.
macro_rules! narrow {
    ($($t:ty => $m:ty, |$half:ident| $narrow:expr;)*) => { $(
        impl Store<$t, $m> for Neon {
            #[inline(always)]
            unsafe fn store_lanes(to: *mut $m, value: Pair) {
                // SAFETY: this function's.
                unsafe {
                    let halves = [value.0, value.1].map(|$half| -> uint8x8_t { $narrow });
                    vst1_u8(to.cast(), halves[0]);
                    vst1_u8(to.cast::<u8>().add(8), halves[1]);
                }
            }

            #[inline(always)]
            unsafe fn stream_lanes(to: *mut $m, value: Pair) {
                // SAFETY: this function's.
                unsafe { Self::store_lanes(to, value) }
            }
        }
    )* };
}
narrow! {
    f32 => F16, |half| to_halves(as_bits(half));
    // For lanes that hold a bfloat16, whose lower halves are 0.
    f32 => Bf16, |half| vreinterpret_u8_u16(vshrn_n_u32::<16>(as_bits(half)));
}

/// `BYTES` bytes, 4, 8 or 16, and zeros after them.
///
/// # Safety
/// That of [`Registers`], and they are readable.
#[inline(always)]
unsafe fn first<const BYTES: usize>(from: *const impl Sized) -> uint8x16_t {
    // SAFETY: this function's.
    unsafe {
        match BYTES {
            4 => as_bits(vsetq_lane_u32::<0>(
                from.cast::<u32>().read_unaligned(),
                vdupq_n_u32(0),
            )),
            8 => vcombine_u8(vld1_u8(from.cast()), vdup_n_u8(0)),
            _ => vld1q_u8(from.cast()),
        }
    }
}

/// Where the bytes of two lanes of 64 bits come from, if they hold elements of `size` bytes from
/// number `element` on, at their lower or at their upper end; a place that does not exist gives 0.
const fn places(size: usize, element: usize, upper: bool) -> [u8; 16] {
    let mut places = [u8::MAX; 16];
    let mut i = 0;
    while i < 2 * size {
        let (lane, byte) = (i / size, i % size);
        let end = if upper { 8 - size } else { 0 };
        places[8 * lane + end + byte] = (element * size + i) as u8;
        i += 1;
    }
    places
}

/// Four elements of `SIZE` bytes in lanes of 64 bits: one instruction for a register, however much
/// wider they become.
///
/// # Safety
/// That of [`Registers`].
#[inline(always)]
unsafe fn unsigned<const SIZE: usize>(elements: uint8x16_t) -> Pair {
    let (low, high) = const { (places(SIZE, 0, false), places(SIZE, 2, false)) };
    // SAFETY: this function's; the places are 16 bytes.
    unsafe {
        uint8x16x2_t(
            vqtbl1q_u8(elements, vld1q_u8(low.as_ptr())),
            vqtbl1q_u8(elements, vld1q_u8(high.as_ptr())),
        )
    }
}

/// The same with their signs: put at the upper end, and moved down by `EMPTY` bits.
///
/// # Safety
/// That of [`Registers`].
#[inline(always)]
unsafe fn signed<const SIZE: usize, const EMPTY: i32>(elements: uint8x16_t) -> Pair {
    let (low, high) = const { (places(SIZE, 0, true), places(SIZE, 2, true)) };
    // SAFETY: this function's; the places are 16 bytes.
    unsafe {
        let low = as_bits(vqtbl1q_u8(elements, vld1q_u8(low.as_ptr())));
        let high = as_bits(vqtbl1q_u8(elements, vld1q_u8(high.as_ptr())));
        uint8x16x2_t(
            as_bits(vshrq_n_s64::<EMPTY>(low)),
            as_bits(vshrq_n_s64::<EMPTY>(high)),
        )
    }
}

/// Four floats as doubles.
///
/// # Safety
/// That of [`Registers`].
#[inline(always)]
unsafe fn doubles(floats: float32x4_t) -> Pair {
    // SAFETY: this function's.
    unsafe {
        uint8x16x2_t(
            as_bits(vcvt_f64_f32(vget_low_f32(floats))),
            as_bits(vcvt_high_f64_f32(floats)),
        )
    }
}

/// Four binary16 as floats. In assembly because the intrinsics are newer than the oldest compiler that
/// this library is for.
///
/// # Safety
/// That of [`Registers`].
#[inline(always)]
unsafe fn from_halves(halves: uint8x8_t) -> float32x4_t {
    let floats;
    // SAFETY: arithmetic on registers, which every AArch64 has.
    unsafe {
        asm!(
            "fcvtl {0:v}.4s, {1:v}.4h",
            lateout(vreg) floats,
            in(vreg) halves,
            options(pure, nomem, nostack),
        );
    }
    floats
}

/// Four floats as binary16.
///
/// # Safety
/// That of [`Registers`].
#[inline(always)]
unsafe fn to_halves(floats: float32x4_t) -> uint8x8_t {
    let halves;
    // SAFETY: arithmetic on registers, which every AArch64 has.
    unsafe {
        asm!(
            "fcvtn {0:v}.4h, {1:v}.4s",
            lateout(vreg) halves,
            in(vreg) floats,
            options(pure, nomem, nostack),
        );
    }
    halves
}

/// Four bfloat16 as floats.
///
/// # Safety
/// That of [`Registers`].
#[inline(always)]
unsafe fn from_brains(brains: uint8x8_t) -> float32x4_t {
    // SAFETY: this function's.
    unsafe { as_bits(vshll_n_u16::<16>(vreinterpret_u16_u8(brains))) }
}
