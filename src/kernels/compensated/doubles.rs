//! Compensated sums of f64 and of complex numbers of them along contiguous lines: the *block split*.
//!
//! # Idea
//!
//! Sums of numbers that are multiples of one power of two, and stay below 2^53 of it, are exact; exact
//! sums may be grouped in any way, and so be computed four at a time. So each element of a block is
//! split into a multiple `t` of such a unit, and a rest `d` of at most half a unit,
//!
//! ```text
//! t = (x + M) - M        M = 1.5 * 2^E: its last place is the unit u = 2^(E-52)
//! d = x - t              exact
//! ```
//!
//! and the two are summed apart from the block's start on: `T` exactly, `D` in plain additions, whose
//! errors are 2^-53 of next to nothing. What stands before the block is added to each prefix at the end:
//!
//! ```text
//! per block of 256 elements:
//!   Q = sum |x|;  E = the least with 2^E > 1.0001 Q;  M = 1.5 * 2^E
//!   h + l = what stands before;  if |h| < 2^E: h is split as well, and the rest goes to l
//!   per element i:
//!     T, D += t, d                 by windows, see below
//!     s + e = h + T    exactly     (fast_two_sum)
//!     out[i] = s + (e + (D + l))
//!   what stands before the next block = h + middle + low + T + D     (three doubles, `Triple`)
//!   out[last] = that, rounded
//! ```
//!
//! # Why it is right
//!
//! *`T` is exact.* All magnitudes in a block together are below 2^E, so `x + M` lies between 2^(E-1) and
//! 2.5 * 2^E, where the last place is u/2, u or 2u; `t` is a multiple of u/2, and no sum of `t` exceeds
//! 2^E = 2^53 u/2. At most one element of a block exceeds 2^(E-1), so that |d| <= u/2 for all but one,
//! and |d| <= u for that. `x - t` is what rounding `x + M` lost, and so is a double.
//!
//! *`h + T` is split exactly* by the short form, because `h` is a multiple of the last place of any
//! `T`: that is at most u/2, of which the `h` below 2^E is made a multiple, and an `h` of 2^E or more is
//! one anyway.
//!
//! *The bound.* `D` is summed in windows of four: `w[i]` is the sum of the last four `d`, in two
//! additions, and `D[i] = D[i-4] + w[i]`. A window is at most 2u (but for one), its additions lose at
//! most 2^-53 (u + u + 2u); after j windows `D` is at most 2ju and the addition loses 2^-53 2ju. With 64
//! windows that makes at most 2^-53 (64 * 4 + 2 * 64 * 65 / 2) u = 2^-53 4416 u < 2^-40.8 u, and with
//! u = 2^(E-52) <= 2^-51 1.0001 Q less than 2^-91.8 Q. (Complex numbers: windows of two, 128 of them,
//! 2^-90.9 Q.) Over all blocks the Q add up to sum|x|: however many there are, what `D` lost in all
//! blocks together is below 2^-90.9 sum|x|. `Triple` loses nothing to speak of (`compensate::sum`), the
//! additions `D + l` and `e + ...` lose 2^-53 (130 u + ulp(h)) < 2^-96 sum|x|, and the last addition
//! half a place. So
//!
//! ```text
//! |r - s| <= 1/2 ulp(s) + 2^-90.8 sum|x|,     of which the contract allows 1 ulp(s) + 2^-90 sum|x|.
//! ```
//!
//! (A sum over the whole prefix in the place of `Q` would do for one block, but every block would then
//! lose 2^-91 of the prefix. `256 max|x|` in its place is cheaper and loses 8 bits.)
//!
//! # What it depends on
//!
//! Blocks are counted from the line's first element, and windows within blocks, so that the bits depend
//! on neither the instruction set nor on the pieces in which a line is handed over. A last block that
//! is not whole is filled up with zeros to a multiple of four doubles. The windows of exclusive scans
//! are those of inclusive ones, and the results are shifted.
//!
//! A block goes to the scalar accumulator if it holds an infinity or a NaN, if it or what stands before
//! comes near the largest number, or if it begins with -0.0 and nothing but such stands before: `T` is
//! never -0.0. Blocks of tiny numbers need no exception: E is at least -1000, and from there down the
//! sums of `d` are exact.

use super::chain::{Chain, STRIDE, Sizes};
use super::lanes::Lanes;
use super::stream;
use crate::accumulate::{Accumulate, Compensated};
use crate::compensate::{Compensate, Triple};
use crate::elem::Complex;
use crate::kernels::{Block, along};
use crate::op::Sum;
use std::mem::MaybeUninit;

/// Elements of a block; also the grid at which lines may be cut. The bound above is for this one.
pub const BLOCK: usize = 256;

/// An element of `PARTS` doubles.
pub trait Doubles: Compensate<Sum> {
    /// Its parts' accumulators, seen apart.
    fn parts<const PARTS: usize>(acc: Self::Acc) -> [Triple; PARTS];
    /// The inverse.
    fn whole<const PARTS: usize>(parts: [Triple; PARTS]) -> Self::Acc;
}

impl Doubles for f64 {
    #[inline(always)]
    fn parts<const PARTS: usize>(acc: Triple) -> [Triple; PARTS] {
        [acc; PARTS]
    }
    #[inline(always)]
    fn whole<const PARTS: usize>(parts: [Triple; PARTS]) -> Triple {
        parts[0]
    }
}

impl Doubles for Complex<f64> {
    #[inline(always)]
    fn parts<const PARTS: usize>(acc: Complex<Triple>) -> [Triple; PARTS] {
        std::array::from_fn(|part| if part == 0 { acc.re } else { acc.im })
    }
    #[inline(always)]
    fn whole<const PARTS: usize>(parts: [Triple; PARTS]) -> Complex<Triple> {
        Complex {
            re: parts[0],
            im: parts[PARTS - 1],
        }
    }
}

/// Scans every row of the block.
///
/// # Safety
/// As [`crate::kernels::Run`], and the lanes' instruction set is there.
#[inline(always)]
pub unsafe fn run<T, V, const PARTS: usize, const EXCLUSIVE: bool>(block: &Block)
where
    T: Doubles,
    V: Lanes,
    Compensated<Sum, T>: Accumulate<T = T, Acc = T::Acc>,
{
    const { assert!(size_of::<T>() == PARTS * size_of::<f64>()) };
    for row in 0..block.rows {
        // SAFETY: row is one of the block's rows, and has its accumulator.
        unsafe {
            let x = block.x.offset(row as isize * block.x_pitch).cast::<f64>();
            let out = block
                .out
                .offset(row as isize * block.out_pitch)
                .cast::<f64>();
            let slot = block.acc.cast::<T::Acc>().add(row);
            let started = block.started.then(|| slot.read());
            let acc = if stream::pays(2 * block.rows * block.len * size_of::<T>(), out) {
                let acc = line::<T, V, PARTS, EXCLUSIVE, true>(x, out, block.len, started);
                stream::finish();
                acc
            } else {
                line::<T, V, PARTS, EXCLUSIVE, false>(x, out, block.len, started)
            };
            slot.write(acc);
        }
    }
}

/// Scans `n > 0` elements and returns the accumulator.
///
/// # Safety
/// As [`along::line`].
#[inline(always)]
unsafe fn line<T, V, const PARTS: usize, const EXCLUSIVE: bool, const STREAMING: bool>(
    x: *const f64,
    out: *mut f64,
    n: usize,
    mut started: Option<T::Acc>,
) -> T::Acc
where
    T: Doubles,
    V: Lanes,
    Compensated<Sum, T>: Accumulate<T = T, Acc = T::Acc>,
{
    const { assert!((BLOCK * PARTS).is_multiple_of(STRIDE)) };
    // SAFETY: blocks lie within the line; a block is read before its place is written.
    unsafe {
        let mut sizes = Sizes::<V, PARTS>::of(x, n.min(BLOCK) * PARTS);
        let mut at = 0;
        loop {
            let len = (n - at).min(BLOCK);
            let (x, out) = (x.add(at * PARTS), out.add(at * PARTS));
            let left = n - at - len;
            let before = started.map(T::parts::<PARTS>);
            let acc = match Frame::new(before, sizes, x) {
                Some(frame) => {
                    let Frame { before, m, h, l } = frame;
                    let shown = before.map(Triple::shown);
                    let mut chain = Chain::<V, PARTS, EXCLUSIVE>::new(m, h, l, shown);
                    let ends = if len == BLOCK {
                        // The next block's magnitudes are summed on the way; if it is not whole,
                        // this block's are, in vain.
                        let ahead = x.add(if left >= BLOCK { BLOCK * PARTS } else { 0 });
                        let mut buffer = MaybeUninit::<[f64; 2 * BLOCK]>::uninit();
                        let target = match STREAMING {
                            true => buffer.as_mut_ptr().cast(),
                            false => out,
                        };
                        sizes = chain.run::<STREAMING>(x, target, BLOCK * PARTS, ahead);
                        let ends = frame.after(&chain);
                        if !EXCLUSIVE {
                            show_last(ends, target.add((len - 1) * PARTS));
                        }
                        if STREAMING {
                            stream::write::<V>(target, out, BLOCK * PARTS);
                        }
                        ends
                    } else {
                        part_of_block::<V, PARTS, EXCLUSIVE>(&frame, chain, x, out, len * PARTS)
                    };
                    T::whole(ends)
                }
                None => {
                    let acc = along::line::<Compensated<Sum, T>, EXCLUSIVE>(
                        x.cast(),
                        out.cast(),
                        len,
                        started,
                    );
                    if left >= BLOCK {
                        sizes = Sizes::of(x.add(BLOCK * PARTS), BLOCK * PARTS);
                    }
                    acc
                }
            };
            if left == 0 {
                return acc;
            }
            started = Some(acc);
            at += len;
            if left < BLOCK {
                sizes = Sizes::of(x.add(len * PARTS), left * PARTS);
            }
        }
    }
}

/// Writes the results of an element's parts.
///
/// # Safety
/// `at` has room for them.
#[inline(always)]
unsafe fn show_last<const PARTS: usize>(ends: [Triple; PARTS], at: *mut f64) {
    for (part, end) in ends.iter().enumerate() {
        // SAFETY: this function's.
        unsafe { at.add(part).write_unaligned(end.shown()) }
    }
}

/// Scans a block that is not whole, of `n` doubles, and returns what stands behind it.
///
/// # Safety
/// `n` doubles at both places.
#[inline(always)]
unsafe fn part_of_block<V: Lanes, const PARTS: usize, const EXCLUSIVE: bool>(
    frame: &Frame<PARTS>,
    mut chain: Chain<V, PARTS, EXCLUSIVE>,
    x: *const f64,
    out: *mut f64,
    n: usize,
) -> [Triple; PARTS] {
    let mut buffer = [0.0f64; 2 * BLOCK];
    let filled = buffer.as_mut_ptr();
    // SAFETY: this function's; the buffer has room for a block.
    unsafe {
        for i in 0..n {
            filled.add(i).write(x.add(i).read_unaligned());
        }
        chain.run::<false>(filled, filled, n.next_multiple_of(STRIDE), filled);
        let ends = frame.after(&chain);
        if !EXCLUSIVE {
            show_last(ends, filled.add(n - PARTS));
        }
        for i in 0..n {
            out.add(i).write_unaligned(filled.add(i).read());
        }
        ends
    }
}

/// What a block needs to know before it begins, per part.
struct Frame<const PARTS: usize> {
    before: [Triple; PARTS],
    m: [f64; PARTS],
    h: [f64; PARTS],
    l: [f64; PARTS],
}

/// Prefixes and blocks from here on are left to the scalar accumulator.
const LARGE: f64 = f64::from_bits((1023 + 1000) << 52);

/// The least E.
const LEAST: i64 = -1000;

impl<const PARTS: usize> Frame<PARTS> {
    /// `None` if the block is one for the scalar accumulator.
    #[inline(always)]
    unsafe fn new<V: Lanes>(
        before: Option<[Triple; PARTS]>,
        sizes: Sizes<V, PARTS>,
        x: *const f64,
    ) -> Option<Self> {
        // SAFETY: the caller's.
        let totals = unsafe { sizes.total() };
        let mut frame = Frame {
            before: before.unwrap_or([Triple::exact(0.0); PARTS]),
            m: [0.0; PARTS],
            h: [0.0; PARTS],
            l: [0.0; PARTS],
        };
        let mut ordinary = true;
        for (part, total) in totals.into_iter().enumerate() {
            let q = total * 1.0001;
            let Triple { high, middle, low } = frame.before[part];
            // SAFETY: the block has a first element.
            let first = unsafe { x.add(part).read_unaligned() };
            let minus_zero = |x: f64| x.to_bits() == (-0.0f64).to_bits();
            let leads = before.is_none() || minus_zero(frame.before[part].shown());
            ordinary &= q < LARGE && high.abs() < LARGE && !(leads && minus_zero(first));
            let e = ((q.to_bits() >> 52) as i64 - 1022).max(LEAST);
            let top = f64::from_bits(((1023 + e) as u64) << 52);
            let m = 1.5 * top;
            let split = if high.abs() < top {
                (high + m) - m
            } else {
                high
            };
            frame.m[part] = m;
            frame.h[part] = split;
            frame.l[part] = (middle + low) + (high - split);
        }
        ordinary.then_some(frame)
    }

    /// What stands before the next block.
    #[inline(always)]
    unsafe fn after<V: Lanes, const EXCLUSIVE: bool>(
        &self,
        chain: &Chain<V, PARTS, EXCLUSIVE>,
    ) -> [Triple; PARTS] {
        // SAFETY: the caller's.
        let [t, d] = unsafe { chain.ends() };
        std::array::from_fn(|part| self.before[part].push(t[part]).push(d[part]))
    }
}
