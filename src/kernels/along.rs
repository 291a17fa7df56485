//! Along: one operation after the other within each row, with the accumulator in a register.

use super::{Block, Spacing};
use crate::accumulate::Accumulate;
use crate::elem::{CastFrom, Elem};
use crate::simd::anchor;

/// As [`super::Few`].
///
/// # Safety
/// `x` and `out` hold the elements.
pub unsafe fn few<A: Accumulate>(
    mut x: *const u8,
    mut out: *mut u8,
    n: usize,
    step: isize,
    out_step: isize,
    exclusive: bool,
) {
    // SAFETY: this function's; an element is read before its place is written.
    unsafe {
        let show = |out: *mut u8, value| out.cast::<A::T>().write_unaligned(value);
        let mut acc = A::first(x.cast::<A::T>().read_unaligned());
        // One loop for both kinds: an exclusive scan writes one place further on, where it has just read.
        if exclusive {
            show(out, A::IDENTITY);
            out = out.wrapping_offset(out_step);
        }
        for _ in 1..n {
            // Anchored, or else the compiler unrolls the loop, which is longer and no faster.
            x = anchor(x.wrapping_offset(step));
            let element = x.cast::<A::T>().read_unaligned();
            show(out, A::value(acc));
            acc = A::step_in_line(acc, element);
            out = out.wrapping_offset(out_step);
        }
        if !exclusive {
            show(out, A::value(acc));
        }
    }
}

/// Scans every row of the block, with any spacing. There once for all kernels that do short rows so.
///
/// # Safety
/// As [`super::Run`].
#[inline(never)]
pub unsafe fn run<A: Accumulate>(block: &Block) {
    let size = size_of::<A::T>() as isize;
    let steps = match block.spacing {
        Spacing::Forward => [size; 2],
        Spacing::Backward => [-size; 2],
        Spacing::Bytes(steps) => steps,
    };
    let (mut x, mut out) = (block.x.cast::<A::T>(), block.out.cast::<A::T>());
    let plain = !(block.started || block.keep || block.exclusive);
    for row in 0..block.rows {
        // SAFETY: row is one of the block's rows, and has its accumulator.
        unsafe {
            if plain {
                // Without a call: rows may be of two elements.
                line::<A>(x, out, block.len, steps, None, false);
            } else {
                let slot = block.acc.cast::<A::Acc>().wrapping_add(row);
                let started = block.started.then(|| slot.read());
                let acc = apart::<A>(x, out, block.len, steps, started, block.exclusive);
                if block.keep {
                    slot.write(acc);
                }
            }
        }
        x = x.wrapping_byte_offset(block.x_pitch);
        out = out.wrapping_byte_offset(block.out_pitch);
    }
}

/// [`run`] on elements of another type, so many bytes apart.
///
/// # Safety
/// As [`super::Run`], but for the type of `x`, which does not meet `out`; the block's spacing is in bytes.
pub unsafe fn widened<X: Elem, A: Accumulate>(block: &Block)
where
    A::T: CastFrom<X>,
{
    let Spacing::Bytes(steps) = block.spacing else {
        unreachable!("neighbours have kernels that widen");
    };
    let (mut x, mut out) = (block.x, block.out);
    for row in 0..block.rows {
        // SAFETY: row is one of the block's rows, and has its accumulator.
        unsafe {
            let slot = block.acc.cast::<A::Acc>().wrapping_add(row);
            let started = block.started.then(|| slot.read());
            let (from, to) = (x.cast::<X>(), out.cast::<A::T>());
            let load = |x| A::T::cast_from(x);
            let acc = line_of::<X, A>(from, load, to, block.len, steps, started, block.exclusive);
            if block.keep {
                slot.write(acc);
            }
        }
        x = x.wrapping_offset(block.x_pitch);
        out = out.wrapping_offset(block.out_pitch);
    }
}

/// [`line`] as a function of its own: what a compiler prepares for many lines takes longer than a short one,
/// and other kernels share it for what they do one by one.
///
/// # Safety
/// As [`line`].
#[inline(never)]
pub unsafe fn apart<A: Accumulate>(
    x: *const A::T,
    out: *mut A::T,
    n: usize,
    steps: [isize; 2],
    started: Option<A::Acc>,
    exclusive: bool,
) -> A::Acc {
    // SAFETY: this function's.
    unsafe { line::<A>(x, out, n, steps, started, exclusive) }
}

/// Scans `n > 0` elements, each so many bytes from the one before in `x` and in `out`, and returns the
/// accumulator.
///
/// # Safety
/// From `x` and `out` on that way there are `n` elements, possibly unaligned, which are the same or do not meet.
#[inline(always)]
pub unsafe fn line<A: Accumulate>(
    x: *const A::T,
    out: *mut A::T,
    n: usize,
    steps: [isize; 2],
    started: Option<A::Acc>,
    exclusive: bool,
) -> A::Acc {
    // SAFETY: this function's.
    unsafe { line_of::<A::T, A>(x, |x| x, out, n, steps, started, exclusive) }
}

/// [`line`] of elements of another type.
///
/// # Safety
/// As [`line`].
#[inline(always)]
unsafe fn line_of<X: Copy, A: Accumulate>(
    x: *const X,
    load: impl Fn(X) -> A::T,
    out: *mut A::T,
    n: usize,
    steps: [isize; 2],
    started: Option<A::Acc>,
    exclusive: bool,
) -> A::Acc {
    // SAFETY: every index below is below n; an element is read before its place is written.
    unsafe {
        let (mut x, mut out) = (x, out);
        let first = load(x.read_unaligned());
        let (mut acc, before) = match started {
            Some(acc) => (A::step_in_line(acc, first), A::value(acc)),
            None => (A::first(first), A::IDENTITY),
        };
        out.write_unaligned(if exclusive { before } else { A::value(acc) });
        // Two loops, since the choice in one would cost a tenth; anchored, or else the compiler unrolls them, which
        // is longer and no faster.
        if exclusive {
            for _ in 1..n {
                (x, out) = (anchor(x.byte_offset(steps[0])), out.byte_offset(steps[1]));
                let element = load(x.read_unaligned());
                out.write_unaligned(A::value(acc));
                acc = A::step_in_line(acc, element);
            }
        } else {
            for _ in 1..n {
                (x, out) = (anchor(x.byte_offset(steps[0])), out.byte_offset(steps[1]));
                acc = A::step_in_line(acc, load(x.read_unaligned()));
                out.write_unaligned(A::value(acc));
            }
        }
        acc
    }
}
