//! Along: one operation after the other within each row, with the accumulator in a register.
//!
//! The loops are anchored, or else the compiler unrolls them, which is longer and no faster, and aligned.

use super::{Block, Spacing};
use crate::accumulate::Accumulate;
use crate::elem::{CastFrom, Elem};
use crate::simd::{aligned, anchor};

/// As [`super::Few`].
///
/// # Safety
/// `x` and `out` hold the elements.
pub unsafe fn few<A: Accumulate>(
    x: *const u8,
    out: *mut u8,
    n: usize,
    step: isize,
    out_step: isize,
    exclusive: bool,
) {
    // SAFETY: this function's.
    unsafe {
        let (x, out) = (x.cast::<A::T>(), out.cast::<A::T>());
        line_of::<A::T, A>(x, |x| x, out, n, [step, out_step], None, exclusive);
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
    // SAFETY: this function's.
    unsafe { rows_of::<A::T, A>(block, steps, |x| x, false) }
}

/// [`run`] on elements of another type, so many bytes apart; if a step `WAITS` long for the one before,
/// several rows at a time.
///
/// # Safety
/// As [`super::Run`], but for the type of `x`, which does not meet `out`; the block's spacing is in bytes.
pub unsafe fn widened<X: Elem, A: Accumulate, const WAITS: bool>(block: &Block)
where
    A::T: CastFrom<X>,
{
    let Spacing::Bytes(steps) = block.spacing else {
        unreachable!("neighbours have kernels that widen");
    };
    // SAFETY: this function's.
    unsafe { rows_of::<X, A>(block, steps, |x| A::T::cast_from(x), WAITS) }
}

/// Rows that are scanned at a time where steps wait. Products of u8 to u64, 300 rows of 100: one 0.80 ns an element, two 0.61,
/// three 0.45, four 0.48, on a Zen 3.
const AT_ONCE: usize = 3;

/// Scans rows of elements that are so many bytes apart; several at a time if a step `waits` long for the one before, and
/// nothing stands before rows or is wanted after them.
///
/// # Safety
/// As [`super::Run`], but for the type of `x`, which does not meet `out` if it is another.
#[inline(always)]
unsafe fn rows_of<X: Copy, A: Accumulate>(
    block: &Block,
    steps: [isize; 2],
    load: impl Fn(X) -> A::T,
    waits: bool,
) {
    // Where each operation rounds to 16 bits, an instruction more or less does not matter.
    let rounds = const { A::T::NAN.is_some() && size_of::<A::T>() == 2 };
    let Block { len, exclusive, .. } = *block;
    // SAFETY: this function's.
    unsafe {
        if rounds || block.started || block.keep || exclusive {
            rows::<X, A, true>(block, |x, out, started| {
                line_of::<X, A>(x, &load, out, len, steps, started, exclusive)
            })
        } else {
            let show = |_, _, value| value;
            let one =
                |x, out, started| shown_at_once::<X, A>(x, &load, show, out, len, steps, started);
            if !waits {
                return rows::<X, A, false>(block, one);
            }
            let place = |row: usize| {
                let row = row as isize;
                (
                    block.x.wrapping_offset(row * block.x_pitch).cast::<X>(),
                    block.out.wrapping_offset(row * block.out_pitch).cast(),
                )
            };
            let mut row = 0;
            while row + AT_ONCE <= block.rows {
                let places: [_; AT_ONCE] = std::array::from_fn(|k| place(row + k));
                several_at_once::<X, A, AT_ONCE>(places, &load, len, steps);
                row += AT_ONCE;
            }
            for row in row..block.rows {
                let (x, out) = place(row);
                one(x, out, None);
            }
        }
    }
}

/// [`run`] where a NaN counts as the identity, on elements so many bytes apart.
///
/// # Safety
/// As [`super::Run`]; the block's spacing is in bytes.
pub unsafe fn scrubbed<A: Accumulate>(block: &Block) {
    let Spacing::Bytes(steps) = block.spacing else {
        unreachable!("neighbours are scrubbed beforehand");
    };
    // SAFETY: this function's.
    unsafe {
        rows::<A::T, A, true>(block, |x, out, started| {
            line_of::<A::T, A>(
                x,
                scrub::<A>,
                out,
                block.len,
                steps,
                started,
                block.exclusive,
            )
        })
    }
}

/// The same, but the place of a NaN shows one; not exclusive. `OF_STEP` if a step that meets a NaN becomes one: to do
/// it again is less than to choose what is shown, where it is one instruction.
///
/// # Safety
/// As [`scrubbed`].
pub unsafe fn skipping<A: Accumulate, const OF_STEP: bool>(block: &Block) {
    let (Spacing::Bytes(steps), Some(nan)) = (block.spacing, A::T::NAN) else {
        unreachable!("neighbours are scrubbed beforehand");
    };
    let show = |before, x: A::T, value| match before {
        Some(before) if OF_STEP => A::value(A::step(before, x)),
        _ if x.is_nan() => nan,
        _ => value,
    };
    // SAFETY: this function's.
    unsafe {
        rows::<A::T, A, true>(block, |x, out, started| {
            shown_at_once::<A::T, A>(x, scrub::<A>, show, out, block.len, steps, started)
        })
    }
}

/// An element, or what counts for it.
#[inline(always)]
fn scrub<A: Accumulate>(x: A::T) -> A::T {
    if x.is_nan() { A::IDENTITY } else { x }
}

/// Scans the rows of a block, one after the other; with their accumulators only if they are `CARRIED`.
///
/// # Safety
/// As [`super::Run`], but for the type of `x`; `line` scans a row from what stands before it.
#[inline(always)]
unsafe fn rows<X, A: Accumulate, const CARRIED: bool>(
    block: &Block,
    line: impl Fn(*const X, *mut A::T, Option<A::Acc>) -> A::Acc,
) {
    let (mut x, mut out) = (block.x.cast::<X>(), block.out.cast::<A::T>());
    for row in 0..block.rows {
        let slot = block.acc.cast::<A::Acc>().wrapping_add(row);
        // SAFETY: row is one of the block's rows, and has its accumulator.
        unsafe {
            let started = (CARRIED && block.started).then(|| slot.read());
            let acc = line(x, out, started);
            if CARRIED && block.keep {
                slot.write(acc);
            }
        }
        x = x.wrapping_byte_offset(block.x_pitch);
        out = out.wrapping_byte_offset(block.out_pitch);
    }
}

/// Scans a line by a function of its own: what a compiler prepares for many lines takes longer than a short one,
/// and other kernels share it for what they do one by one.
///
/// # Safety
/// As [`line_of`].
#[inline(never)]
pub unsafe fn apart<X: Elem, A: Accumulate>(
    x: *const X,
    out: *mut A::T,
    n: usize,
    steps: [isize; 2],
    started: Option<A::Acc>,
    exclusive: bool,
) -> A::Acc
where
    A::T: CastFrom<X>,
{
    // SAFETY: this function's.
    unsafe { line_of::<X, A>(x, A::T::cast_from, out, n, steps, started, exclusive) }
}

/// Scans `n > 0` elements, each so many bytes from the one before in `x` and in `out`, and returns the
/// accumulator, with a loop for each kind of scan.
///
/// # Safety
/// From `x` and `out` on that way there are `n` elements, possibly unaligned, which are the same or do not meet.
#[cfg(target_arch = "x86_64")] // as the kernels that spend their time there
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
    unsafe {
        if exclusive {
            line_of::<A::T, A>(x, |x| x, out, n, steps, started, true)
        } else {
            shown_at_once::<A::T, A>(x, |x| x, |_, _, value| value, out, n, steps, started)
        }
    }
}

/// Scans `n > 0` elements, each so many bytes from the one before in `x` and in `out`, and returns the accumulator; by one
/// loop for all kinds.
///
/// # Safety
/// From `x` and `out` on that way there are `n` elements, possibly unaligned, which are the same or do not meet; these if
/// they are of another type.
#[inline(always)]
unsafe fn line_of<X: Copy, A: Accumulate>(
    mut x: *const X,
    load: impl Fn(X) -> A::T,
    mut out: *mut A::T,
    n: usize,
    steps: [isize; 2],
    started: Option<A::Acc>,
    exclusive: bool,
) -> A::Acc {
    // SAFETY: every index below is below n; an element is read before its place is written.
    unsafe {
        let first = load(x.read_unaligned());
        let (before, mut acc) = match started {
            Some(acc) => (A::value(acc), A::step_in_line(acc, first)),
            None => (A::IDENTITY, A::first(first)),
        };
        // One loop for both kinds: an exclusive scan writes one place further on, where it has just read.
        if exclusive {
            out.write_unaligned(before);
            out = out.wrapping_byte_offset(steps[1]);
        }
        let mut left = n - 1;
        if left > 0 {
            aligned();
            while left > 0 {
                x = anchor(x.wrapping_byte_offset(steps[0]));
                let element = load(x.read_unaligned());
                out.write_unaligned(A::value(acc));
                acc = A::step_in_line(acc, element);
                out = out.wrapping_byte_offset(steps[1]);
                left -= 1;
            }
        }
        if !exclusive {
            out.write_unaligned(A::value(acc));
        }
        acc
    }
}

/// [`line_of`] where each place shows its element as well: with the store behind the step, which is an instruction less
/// and saves a tenth to a fifth in the plainest operations. What it shows is up to `show`, which is given what stands
/// before, the element, and the result.
///
/// # Safety
/// As [`line_of`].
#[inline(always)]
unsafe fn shown_at_once<X: Copy, A: Accumulate>(
    mut x: *const X,
    load: impl Fn(X) -> A::T,
    show: impl Fn(Option<A::Acc>, X, A::T) -> A::T,
    mut out: *mut A::T,
    n: usize,
    steps: [isize; 2],
    started: Option<A::Acc>,
) -> A::Acc {
    // SAFETY: as in `line_of`.
    unsafe {
        let element = x.read_unaligned();
        let mut acc = match started {
            Some(acc) => A::step_in_line(acc, load(element)),
            None => A::first(load(element)),
        };
        out.write_unaligned(show(started, element, A::value(acc)));
        let mut left = n - 1;
        if left > 0 {
            aligned();
            while left > 0 {
                x = anchor(x.wrapping_byte_offset(steps[0]));
                out = out.wrapping_byte_offset(steps[1]);
                let element = x.read_unaligned();
                let before = acc;
                acc = A::step_in_line(before, load(element));
                out.write_unaligned(show(Some(before), element, A::value(acc)));
                left -= 1;
            }
        }
        acc
    }
}

/// Scans lines of `n > 0` elements side by side.
///
/// # Safety
/// As [`line_of`], for each of them.
#[inline(always)]
unsafe fn several_at_once<X: Copy, A: Accumulate, const N: usize>(
    mut places: [(*const X, *mut A::T); N],
    load: impl Fn(X) -> A::T,
    n: usize,
    steps: [isize; 2],
) {
    // SAFETY: as in `line_of`.
    unsafe {
        let mut accs = places.map(|(x, _)| A::first(load(x.read_unaligned())));
        let mut left = n;
        loop {
            for ((_, out), acc) in places.iter().zip(accs) {
                out.write_unaligned(A::value(acc));
            }
            left -= 1;
            if left == 0 {
                return;
            }
            for ((x, out), acc) in places.iter_mut().zip(&mut accs) {
                *x = anchor(x.wrapping_byte_offset(steps[0]));
                *out = out.wrapping_byte_offset(steps[1]);
                *acc = A::step_in_line(*acc, load(x.read_unaligned()));
            }
        }
    }
}
