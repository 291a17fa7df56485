//! Sums of f64 down columns, with accumulators that stay in the order of registers from stretch to stretch.
//!
//! A state is four doubles, and a group four columns: to take them apart and to put them together again for each
//! stretch took a fourth of the time. Here it is done once for a block, and where there is an exception. Complex
//! numbers are their parts.

use super::super::State;
use super::super::chain::two_sum;
use super::super::down::{Group, Kept, Strip};
use super::super::lanes::Lanes;
use super::brief::Watched;
use super::registers::sub_beside_in_place;
use crate::compensate::Triple;
use crate::elem::Complex;
use crate::op::{Combine, Sum};
use std::arch::x86_64::*;
use std::mem::offset_of;

/// Parts of a group's columns: what a register holds, for two more would not fit beside their chains.
pub const PARTS: usize = 4;

/// A group's numbers.
#[repr(C)]
struct Numbers {
    own: [__m256d; 2],
    chain: [__m256d; 2],
    greatest: __m256d,
    /// The numbers of [`Triple`]s.
    acc: [__m256d; 3],
    /// What was shown last.
    last: __m256d,
}

/// How many of them are kept.
const KEPT: usize = 4;

/// Four neighbours.
struct Neighbours;

impl Group<f64, 1> for Neighbours {
    type Lanes = __m256d;
    #[inline(always)]
    unsafe fn read(x: *const u8) -> __m256d {
        // SAFETY: this function's.
        unsafe { _mm256_loadu_pd(x.cast()) }
    }
    #[inline(always)]
    unsafe fn write(out: *mut u8, doubles: __m256d) {
        // SAFETY: this function's.
        unsafe { _mm256_storeu_pd(out.cast(), doubles) }
    }
}

/// How accumulators of numbers with so many parts are kept.
pub const fn of(parts: usize) -> Kept {
    Kept {
        count: KEPT,
        load: match parts {
            1 => load::<1>,
            _ => load::<2>,
        },
        store: match parts {
            1 => store::<1>,
            _ => store::<2>,
        },
        begin,
        end,
    }
}

/// [`super::super::down::Down::rows`].
///
/// # Safety
/// As there; the processor has AVX2, FMA, F16C and BMI2.
#[target_feature(enable = "avx2,fma,f16c,bmi2")]
pub unsafe fn rows(strip: &Strip) {
    // SAFETY: this function's.
    unsafe {
        for g in 0..strip.groups {
            let at = strip.first(g) * size_of::<f64>();
            let (mut x, mut out) = (strip.x.add(at), strip.out.add(at));
            let numbers = strip.numbers.add(g * strip.pitch).cast::<Numbers>();
            let mut chain = (*numbers).chain;
            let mut greatest = (*numbers).greatest;
            macro_rules! row {
                ($x:ident $(, $before:expr)?) => {
                    let $x = Neighbours::read(x);
                    $($before;)?
                    chain = push::<true>(chain, $x);
                    let result = chain[0].add(chain[1]);
                    greatest = result.magnitude().larger(greatest);
                    Neighbours::write(out, result);
                    x = x.wrapping_offset(strip.x_pitch);
                    out = out.wrapping_offset(strip.out_pitch);
                };
            }
            if strip.alone {
                for _ in 0..strip.rows {
                    row!(x);
                }
            } else {
                let mut own = (*numbers).own;
                for _ in 0..strip.rows {
                    row!(x, own = push::<false>(own, x));
                }
                (*numbers).own = own;
            }
            (*numbers).chain = chain;
            (*numbers).greatest = greatest;
        }
    }
}

/// A chain with one more element: [`SumWithErrors`](super::super::chain::SumWithErrors), in instructions of which
/// none has to copy a register, if `LAST` says whether the element is needed any more. Both chains together,
/// with the result, have 10 operations for the two units that add and 6 for the two that multiply.
#[inline(always)]
unsafe fn push<const LAST: bool>([value, error]: [__m256d; 2], x: __m256d) -> [__m256d; 2] {
    // SAFETY: the caller's: the processor has AVX2 and FMA.
    unsafe {
        let sum = value.add(x);
        let seen = sum.sub(value);
        let second = match LAST {
            true => x.sub_beside(seen),
            false => x.sub(seen),
        };
        let first = value.sub_beside(sub_beside_in_place(sum, seen));
        [sum, error.add(first.add(second))]
    }
}

/// Where a part of a state has its numbers: those of its accumulator, and what was shown last, as they stand in
/// `State<Triple, 1>` and `State<Complex<Triple>, 2>`.
fn state<const P: usize>(strip: &Strip, at: usize) -> [*mut f64; KEPT] {
    let (column, part) = (at / P, at % P);
    let state = strip.states.cast::<f64>().wrapping_add(column * KEPT * P);
    let acc = state.wrapping_add(3 * part);
    let last = state.wrapping_add(3 * P + part);
    [acc, acc.wrapping_add(1), acc.wrapping_add(2), last]
}

const _: () = {
    assert!(offset_of!(State<Triple, 1>, last) == 3 * size_of::<f64>());
    assert!(offset_of!(State<Complex<Triple>, 2>, last) == 6 * size_of::<f64>());
    assert!(offset_of!(Triple, middle) == size_of::<f64>());
};

/// The kept numbers of a group.
unsafe fn kept(strip: &Strip, g: usize) -> *mut [f64; PARTS] {
    // SAFETY: the caller's.
    unsafe {
        let numbers = strip.numbers.add(g * strip.pitch).cast::<Numbers>();
        (&raw mut (*numbers).acc).cast()
    }
}

/// [`Kept::load`].
unsafe fn load<const P: usize>(strip: &Strip) {
    for g in 0..strip.groups {
        for lane in 0..PARTS {
            let state = state::<P>(strip, strip.first(g) + lane);
            for (i, number) in state.into_iter().enumerate() {
                // SAFETY: this function's.
                unsafe {
                    (*kept(strip, g).add(i))[lane] = match strip.started {
                        true => number.read(),
                        // `Stretched::nothing`.
                        false => [-0.0, 0.0, 0.0, -0.0][i],
                    };
                }
            }
        }
    }
}

/// [`Kept::store`].
unsafe fn store<const P: usize>(strip: &Strip) {
    for g in 0..strip.groups {
        let first = strip.first(g);
        // What is another group's may not be up to date here.
        for lane in g * PARTS - first..PARTS {
            let state = state::<P>(strip, first + lane);
            for (i, number) in state.into_iter().enumerate() {
                // SAFETY: this function's.
                unsafe { number.write((*kept(strip, g).add(i))[lane]) }
            }
        }
    }
}

/// [`Kept::begin`].
#[target_feature(enable = "avx2,fma,f16c,bmi2")]
unsafe fn begin(strip: &Strip) -> u64 {
    let mut failed = 0;
    let negative = _mm256_castpd_si256(_mm256_set1_pd(-0.0));
    // SAFETY: this function's.
    unsafe {
        for g in 0..strip.groups {
            let at = strip.first(g) * size_of::<f64>();
            let numbers = strip.numbers.add(g * strip.pitch).cast::<Numbers>();
            let [high, middle, low] = (*numbers).acc;
            let last = (*numbers).last;
            let first = Neighbours::read(strip.x.add(at));
            // -0.0 after -0.0, as `Additions` would tell.
            let signs = _mm256_and_si256(
                _mm256_cmpeq_epi64(_mm256_castpd_si256(last), negative),
                _mm256_cmpeq_epi64(_mm256_castpd_si256(first), negative),
            );
            let hides = _mm256_testz_si256(signs, signs) == 0;
            let sound = !hides && last.magnitude().below(strip.bound);
            failed |= (!sound as u64) << g;
            if strip.exclusive {
                let identity = <Sum as Combine<f64>>::IDENTITY;
                let shown = match strip.started {
                    true => last,
                    false => Lanes::of(identity, identity),
                };
                Neighbours::write(strip.out.add(at), shown);
            }
            (*numbers).own = [Lanes::of(-0.0, -0.0), Lanes::of(0.0, 0.0)];
            (*numbers).chain = [high, middle.add(low)];
            (*numbers).greatest = Lanes::of(0.0, 0.0);
        }
    }
    failed
}

/// [`Kept::end`].
#[target_feature(enable = "avx2,fma,f16c,bmi2")]
unsafe fn end(strip: &Strip, mut failed: u64) -> u64 {
    // SAFETY: this function's.
    unsafe {
        for g in 0..strip.groups {
            let numbers = strip.numbers.add(g * strip.pitch).cast::<Numbers>();
            let last = (*numbers).chain[0].add((*numbers).chain[1]);
            // A NaN is not greater than anything, but stays to the end.
            let mut sound = failed >> g & 1 == 0
                && (*numbers).greatest.below(strip.bound)
                && last.magnitude().below(strip.bound);
            if sound && strip.total {
                // The only chain of a line's first stretch is that stretch by itself.
                let own = match strip.alone {
                    true => (*numbers).chain,
                    false => (*numbers).own,
                };
                sound = own[0].magnitude().below(f64::INFINITY)
                    && own[1].magnitude().below(f64::INFINITY);
                if sound {
                    (*numbers).acc = append((*numbers).acc, own);
                    (*numbers).last = last;
                }
            }
            failed |= (!sound as u64) << g;
        }
    }
    failed
}

/// [`Append::append`](crate::compensate::Append::append) of finite numbers.
#[inline(always)]
unsafe fn append([high, middle, low]: [__m256d; 3], [value, error]: [__m256d; 2]) -> [__m256d; 3] {
    // SAFETY: the caller's: the processor has AVX2 and FMA.
    unsafe {
        let (high, lost) = two_sum(high, value);
        let (middle, second) = two_sum(middle, error);
        let (middle, third) = two_sum(middle, lost);
        let low = low.add(second.add(third));
        let most = high
            .magnitude()
            .mul(Lanes::of(Triple::MIDDLE, Triple::MIDDLE));
        let large = _mm256_cmp_pd::<_CMP_GT_OQ>(middle.magnitude(), most);
        if _mm256_movemask_pd(large) == 0 {
            return [high, middle, low];
        }
        let (rest, lost) = two_sum(middle, low);
        let (value, error) = two_sum(high, rest);
        let (rest, lost) = two_sum(error, lost);
        [
            _mm256_blendv_pd(high, value, large),
            _mm256_blendv_pd(middle, rest, large),
            _mm256_blendv_pd(low, lost, large),
        ]
    }
}
