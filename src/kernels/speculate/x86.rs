//! Vectors of 256 bits, under AVX-512 VL and under AVX2 with FMA.
//!
//! The two differ only in what [`Set`] names, none of which depends on the type of the lanes. Vectors
//! of 512 bits are no faster on Zen 4, which takes two passes for them, nor on processors that lower
//! their clock for them.

use super::chains::{self, Outcome, ROWS};
use super::groups::{self, Parts, Real, VECTORS, Vector};
use super::line::{Method, Stretch, Way};
use crate::accumulate::Plain;
use crate::elem::Complex;
use crate::kernels::along;
use crate::op::{Combine, Sum};
use std::arch::asm;
use std::arch::x86_64::*;
use std::marker::PhantomData;

/// What the instruction sets do in different ways. The unit of the shifts is a word of 32 bits.
#[allow(
    clippy::missing_safety_doc,
    reason = "always that the processor has the instruction set"
)]
pub trait Set: 'static {
    /// As [`Method::FAILURE`]. Most processors with AVX-512 add in two cycles, those without in three or four.
    const FAILURE: usize;
    /// As [`Vector::LATE_BY_LOADS`], for elements of one or two words.
    const LATE_BY_LOADS: bool;
    /// The last `WORDS` words of `before` and all but as many of `v`.
    unsafe fn late<const WORDS: usize>(before: __m256i, v: __m256i) -> __m256i;
    /// All but the first `WORDS` words of `v` and as many of `before`: the same of what runs backward.
    unsafe fn late_backward<const WORDS: usize>(before: __m256i, v: __m256i) -> __m256i;
    /// `seen | (a ^ b)`
    unsafe fn differs(seen: __m256i, a: __m256i, b: __m256i) -> __m256i;
    /// [`groups::run`], compiled for this instruction set.
    unsafe fn run<V: Vector, const EDGE: bool>(stretch: &Stretch<V::T>) -> (usize, V::T);
    /// [`chains::run`], compiled for this instruction set.
    unsafe fn chains<const LEN: usize>(stretch: &Stretch<f64>) -> Outcome<f64>;
}

/// AVX-512 F, VL, DQ and BW.
pub struct Avx512;

/// AVX2 and FMA.
pub struct Avx2;

macro_rules! align {
    ($name:ident, $instruction:literal) => {
        /// The last lane of `before` and all but the last of `v`, or what it is backward. In assembly because the
        /// compiler makes two shuffles of the intrinsic, which costs 5 % of the whole.
        #[inline]
        #[target_feature(enable = "avx512f,avx512vl")]
        fn $name(before: __m256i, v: __m256i) -> __m256i {
            let shifted: __m256i;
            // SAFETY: registers only.
            unsafe {
                asm!(
                    $instruction,
                    o = lateout(ymm_reg) shifted, v = in(ymm_reg) v, before = in(ymm_reg) before,
                    options(pure, nomem, nostack, preserves_flags)
                );
            }
            shifted
        }
    };
}
align!(valignd, "valignd {o}, {v}, {before}, 7");
align!(valignq, "valignq {o}, {v}, {before}, 3");
align!(valignd_backward, "valignd {o}, {before}, {v}, 1");
align!(valignq_backward, "valignq {o}, {before}, {v}, 1");

impl Set for Avx512 {
    const FAILURE: usize = 45;
    const LATE_BY_LOADS: bool = false;

    #[inline(always)]
    unsafe fn late<const WORDS: usize>(before: __m256i, v: __m256i) -> __m256i {
        // SAFETY: this function's.
        unsafe {
            match WORDS {
                1 => valignd(before, v),
                2 => valignq(before, v),
                _ => _mm256_permute2x128_si256::<0x21>(before, v),
            }
        }
    }

    #[inline(always)]
    unsafe fn late_backward<const WORDS: usize>(before: __m256i, v: __m256i) -> __m256i {
        // SAFETY: this function's.
        unsafe {
            match WORDS {
                1 => valignd_backward(before, v),
                2 => valignq_backward(before, v),
                _ => _mm256_permute2x128_si256::<0x21>(v, before),
            }
        }
    }

    #[inline(always)]
    unsafe fn differs(seen: __m256i, a: __m256i, b: __m256i) -> __m256i {
        // SAFETY: this function's.
        unsafe { _mm256_ternarylogic_epi64::<0xf6>(seen, a, b) }
    }

    #[inline]
    unsafe fn run<V: Vector, const EDGE: bool>(stretch: &Stretch<V::T>) -> (usize, V::T) {
        #[target_feature(enable = "avx512f,avx512vl,avx512dq,avx512bw,avx2,fma")]
        unsafe fn run<V: Vector, const EDGE: bool>(stretch: &Stretch<V::T>) -> (usize, V::T) {
            // SAFETY: this function's.
            unsafe { groups::run::<V, EDGE>(stretch) }
        }
        // SAFETY: this function's.
        unsafe { run::<V, EDGE>(stretch) }
    }

    #[inline]
    unsafe fn chains<const LEN: usize>(stretch: &Stretch<f64>) -> Outcome<f64> {
        #[target_feature(enable = "avx512f,avx512vl,avx512dq,avx512bw,avx2,fma")]
        unsafe fn run<S: Set, const LEN: usize>(stretch: &Stretch<f64>) -> Outcome<f64> {
            // SAFETY: this function's.
            unsafe { chains::run::<S, LEN>(stretch) }
        }
        // SAFETY: this function's.
        unsafe { run::<Self, LEN>(stretch) }
    }
}

impl Set for Avx2 {
    const FAILURE: usize = 30;
    // Two shuffles, which go through few ports.
    const LATE_BY_LOADS: bool = true;

    #[inline(always)]
    unsafe fn late<const WORDS: usize>(before: __m256i, v: __m256i) -> __m256i {
        // SAFETY: this function's.
        unsafe {
            let middle = _mm256_permute2x128_si256::<0x21>(before, v);
            match WORDS {
                1 => _mm256_alignr_epi8::<12>(v, middle),
                2 => _mm256_alignr_epi8::<8>(v, middle),
                _ => middle,
            }
        }
    }

    #[inline(always)]
    unsafe fn late_backward<const WORDS: usize>(before: __m256i, v: __m256i) -> __m256i {
        // SAFETY: this function's.
        unsafe {
            let middle = _mm256_permute2x128_si256::<0x21>(v, before);
            match WORDS {
                1 => _mm256_alignr_epi8::<4>(middle, v),
                2 => _mm256_alignr_epi8::<8>(middle, v),
                _ => middle,
            }
        }
    }

    #[inline(always)]
    unsafe fn differs(seen: __m256i, a: __m256i, b: __m256i) -> __m256i {
        // SAFETY: this function's.
        unsafe { _mm256_or_si256(seen, _mm256_xor_si256(a, b)) }
    }

    #[inline]
    unsafe fn run<V: Vector, const EDGE: bool>(stretch: &Stretch<V::T>) -> (usize, V::T) {
        #[target_feature(enable = "avx2,fma")]
        unsafe fn run<V: Vector, const EDGE: bool>(stretch: &Stretch<V::T>) -> (usize, V::T) {
            // SAFETY: this function's.
            unsafe { groups::run::<V, EDGE>(stretch) }
        }
        // SAFETY: this function's.
        unsafe { run::<V, EDGE>(stretch) }
    }

    #[inline]
    unsafe fn chains<const LEN: usize>(stretch: &Stretch<f64>) -> Outcome<f64> {
        #[target_feature(enable = "avx2,fma")]
        unsafe fn run<S: Set, const LEN: usize>(stretch: &Stretch<f64>) -> Outcome<f64> {
            // SAFETY: this function's.
            unsafe { chains::run::<S, LEN>(stretch) }
        }
        // SAFETY: this function's.
        unsafe { run::<Self, LEN>(stretch) }
    }
}

/// 256 bits of elements `T` under an instruction set, of a line that runs backward if `B`.
pub struct Ymm<S, T, const B: bool = false>(PhantomData<(S, T)>);

/// An element that may have guessed chains.
pub trait Chained: Parts {
    /// As [`Method::SAVED`].
    const SAVED: usize = 5;

    /// As [`Method::BLOCKS`].
    const BLOCKS: &[usize] = &[];

    /// As [`Method::chains`].
    ///
    /// # Safety
    /// As there.
    #[inline(always)]
    unsafe fn chains<S: Set>(_size: usize, stretch: &Stretch<Self>) -> Outcome<Self> {
        Outcome::none(stretch.carry)
    }

    /// As [`Method::rugged`].
    ///
    /// # Safety
    /// As there.
    #[inline(always)]
    unsafe fn rugged(_end: *const Self) -> bool {
        true
    }
}

impl Chained for f32 {}
impl Chained for Complex<f32> {}
impl Chained for Complex<f64> {
    const SAVED: usize = 2;
}

impl Chained for f64 {
    const SAVED: usize = 4;

    const BLOCKS: &[usize] = &[ROWS * 80, ROWS * 32, ROWS * 16];

    #[inline(always)]
    unsafe fn chains<S: Set>(size: usize, stretch: &Stretch<f64>) -> Outcome<f64> {
        // SAFETY: this function's.
        unsafe {
            match size {
                0 => S::chains::<80>(stretch),
                1 => S::chains::<32>(stretch),
                _ => S::chains::<16>(stretch),
            }
        }
    }

    #[inline(always)]
    unsafe fn rugged(end: *const f64) -> bool {
        // SAFETY: this function's.
        unsafe { chains::rugged(end) }
    }
}

impl<S: Set, T: Chained> Method for Ymm<S, T>
where
    Ymm<S, T>: Vector<T = T>,
    Ymm<S, T, true>: Vector<T = T>,
    Sum: Combine<T>,
{
    type T = T;
    const ZERO: T = T::ZERO;
    const GROUP: usize = VECTORS * Self::LANES;
    const FAILURE: usize = S::FAILURE;
    // Groups of fewer elements save less, and two parts leave their binades twice as often.
    const SHORT: usize = match (Self::LANES, size_of::<T>() / size_of::<T::Real>()) {
        (2, _) => 2048,
        (_, 2) => 1536,
        _ => 768,
    };
    const STREAMS: bool = true;
    const BACKWARD: bool = true;
    const SAVED: usize = T::SAVED;
    const BLOCKS: &[usize] = T::BLOCKS;

    #[inline(always)]
    fn ready(sum: T) -> bool {
        sum.all(sum, |part, _| part.has_binade())
    }

    #[inline(always)]
    fn stays(sum: T, origin: T, taken: usize, steps: usize) -> bool {
        sum.all(origin, |sum, origin| sum.stays(origin, taken, steps))
    }

    #[inline(always)]
    fn is_steady(sum: T, half: T) -> bool {
        sum.all(half, |sum, half| sum.is_steady(half))
    }

    #[inline(always)]
    fn level(result: T, other: T) -> bool {
        result.all(other, Real::level)
    }

    #[inline(always)]
    unsafe fn plain(x: *const T, out: *mut T, n: usize, carry: Option<T>, way: Way) -> T {
        let step = way.step() * size_of::<T>() as isize;
        // SAFETY: this function's.
        unsafe { along::line::<Plain<Sum, T>>(x, out, n, [step; 2], carry, way.exclusive) }
    }

    #[inline(always)]
    unsafe fn groups(stretch: &Stretch<T>) -> (usize, T) {
        let carry = stretch.carry;
        // SAFETY: this function's; what is ready has a binade.
        unsafe {
            match (
                carry.all(carry, |part, _| !part.is_edge()),
                stretch.way.backward,
            ) {
                (true, false) => S::run::<Self, false>(stretch),
                (false, false) => S::run::<Self, true>(stretch),
                (true, true) => S::run::<Ymm<S, T, true>, false>(stretch),
                // Too rare for code of its own: additions one by one lead away from the edge.
                (false, true) => (0, carry),
            }
        }
    }

    #[inline(always)]
    unsafe fn chains(size: usize, stretch: &Stretch<T>) -> Outcome<T> {
        // SAFETY: this function's.
        unsafe { T::chains::<S>(size, stretch) }
    }

    #[inline(always)]
    unsafe fn rugged(end: *const T) -> bool {
        // SAFETY: this function's.
        unsafe { T::rugged(end) }
    }
}

/// [`Set::late`], of what runs backward if `B`.
///
/// # Safety
/// The processor has the instruction set.
#[inline(always)]
unsafe fn late<S: Set, const WORDS: usize, const B: bool>(before: __m256i, v: __m256i) -> __m256i {
    // SAFETY: this function's.
    unsafe {
        if B {
            S::late_backward::<WORDS>(before, v)
        } else {
            S::late::<WORDS>(before, v)
        }
    }
}

macro_rules! vector {
    (
        $t:ty, $words:literal, $float:ty, $signed:ty, $pattern:expr,
        $broadcast:expr, $to_floats:ident, $to_bits:ident,
        $fmadd:ident, $fnmadd:ident, $splat:ident, $add:ident, $sub:ident
    ) => {
        #[allow(
            clippy::undocumented_unsafe_blocks,
            reason = "each is a call or two that needs what the trait asks for"
        )]
        impl<S: Set, const B: bool> Vector for Ymm<S, $t, B> {
            type T = $t;
            type F = $float;
            type I = __m256i;
            const LANES: usize = 8 / $words;
            const BACKWARD: bool = B;
            const LATE_BY_LOADS: bool = S::LATE_BY_LOADS && $words < 4;

            #[inline(always)]
            unsafe fn load(p: *const $t) -> $float {
                unsafe { $to_floats(_mm256_loadu_si256(p.cast())) }
            }
            #[inline(always)]
            unsafe fn store(p: *mut $t, v: __m256i) {
                unsafe { _mm256_storeu_si256(p.cast(), v) }
            }
            #[inline(always)]
            unsafe fn stream(p: *mut $t, v: __m256i) {
                unsafe { _mm256_stream_si256(p.cast(), v) }
            }
            #[inline(always)]
            unsafe fn broadcast(element: $t) -> __m256i {
                unsafe { $broadcast(element) }
            }
            #[inline(always)]
            unsafe fn last(v: __m256i) -> $t {
                let mut all = [std::mem::MaybeUninit::<$t>::uninit(); 8 / $words];
                unsafe {
                    _mm256_storeu_si256(all.as_mut_ptr().cast(), v);
                    all[if B { 0 } else { Self::LANES - 1 }].assume_init()
                }
            }
            #[inline(always)]
            unsafe fn bits(v: $float) -> __m256i {
                unsafe { $to_bits(v) }
            }
            #[inline(always)]
            unsafe fn float(v: __m256i) -> $float {
                unsafe { $to_floats(v) }
            }
            #[inline(always)]
            unsafe fn plus(x: $float, sign: $float, base: $float) -> __m256i {
                unsafe { $to_bits($fmadd(x, sign, base)) }
            }
            #[inline(always)]
            unsafe fn minus(x: $float, sign: $float, base: $float) -> __m256i {
                unsafe { $to_bits($fnmadd(x, sign, base)) }
            }
            #[inline(always)]
            unsafe fn splat(bits: <<$t as Parts>::Real as Real>::Bits) -> __m256i {
                unsafe { $splat(bits as $signed) }
            }
            #[inline(always)]
            unsafe fn pattern() -> __m256i {
                let mut lanes: [$signed; 32 / size_of::<$signed>()] = $pattern;
                if B {
                    lanes.reverse();
                }
                unsafe { _mm256_loadu_si256(lanes.as_ptr().cast()) }
            }
            #[inline(always)]
            unsafe fn add(a: __m256i, b: __m256i) -> __m256i {
                unsafe { $add(a, b) }
            }
            #[inline(always)]
            unsafe fn sub(a: __m256i, b: __m256i) -> __m256i {
                unsafe { $sub(a, b) }
            }
            #[inline(always)]
            unsafe fn and(a: __m256i, b: __m256i) -> __m256i {
                unsafe { _mm256_and_si256(a, b) }
            }
            #[inline(always)]
            unsafe fn or(a: __m256i, b: __m256i) -> __m256i {
                unsafe { _mm256_or_si256(a, b) }
            }
            #[inline(always)]
            unsafe fn xor(a: __m256i, b: __m256i) -> __m256i {
                unsafe { _mm256_xor_si256(a, b) }
            }
            #[inline(always)]
            unsafe fn differs(seen: __m256i, a: __m256i, b: __m256i) -> __m256i {
                unsafe { S::differs(seen, a, b) }
            }
            #[inline(always)]
            unsafe fn any(v: __m256i) -> bool {
                unsafe { _mm256_testz_si256(v, v) == 0 }
            }
            #[inline(always)]
            unsafe fn late(before: __m256i, v: __m256i) -> __m256i {
                unsafe { late::<S, $words, B>(before, v) }
            }
            #[inline(always)]
            unsafe fn widen(held: &mut [__m256i; 2], pairs: __m256i) -> __m256i {
                let mut sums = pairs;
                let mut step = 0;
                // Each step doubles the number of elements that are summed, up to a vector's.
                unsafe {
                    if $words == 1 {
                        let before = std::mem::replace(&mut held[step], sums);
                        sums = $add(sums, late::<S, 2, B>(before, sums));
                        step += 1;
                    }
                    if $words <= 2 {
                        let before = std::mem::replace(&mut held[step], sums);
                        sums = $add(sums, late::<S, 4, B>(before, sums));
                    }
                }
                sums
            }
        }
    };
}

/// [`vector`] for parts of 64 and of 32 bits.
macro_rules! wide_parts {
    ($t:ty, $words:literal, $pattern:expr, $broadcast:expr) => {
        vector!(
            $t,
            $words,
            __m256d,
            i64,
            $pattern,
            $broadcast,
            _mm256_castsi256_pd,
            _mm256_castpd_si256,
            _mm256_fmadd_pd,
            _mm256_fnmadd_pd,
            _mm256_set1_epi64x,
            _mm256_add_epi64,
            _mm256_sub_epi64
        );
    };
}
macro_rules! narrow_parts {
    ($t:ty, $words:literal, $pattern:expr, $broadcast:expr) => {
        vector!(
            $t,
            $words,
            __m256,
            i32,
            $pattern,
            $broadcast,
            _mm256_castsi256_ps,
            _mm256_castps_si256,
            _mm256_fmadd_ps,
            _mm256_fnmadd_ps,
            _mm256_set1_epi32,
            _mm256_add_epi32,
            _mm256_sub_epi32
        );
    };
}

wide_parts!(f64, 2, [0, 0, 1, 1], |s: f64| _mm256_castpd_si256(
    _mm256_set1_pd(s)
));
wide_parts!(Complex<f64>, 4, [0, 0, 1, 1], |s: Complex<f64>| {
    _mm256_castpd_si256(_mm256_setr_pd(s.re, s.im, s.re, s.im))
});
narrow_parts!(f32, 1, [0, 0, 1, 1, 0, 0, 1, 1], |s: f32| {
    _mm256_castps_si256(_mm256_set1_ps(s))
});
narrow_parts!(Complex<f32>, 2, [0, 0, 0, 0, 1, 1, 1, 1], |s: Complex<
    f32,
>| {
    let (re, im) = (s.re, s.im);
    _mm256_castps_si256(_mm256_setr_ps(re, im, re, im, re, im, re, im))
});

/// Makes stores past the caches visible before any store that follows.
pub fn finish_streaming() {
    // SAFETY: part of every x86-64.
    unsafe { _mm_sfence() }
}
