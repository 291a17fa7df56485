//! Across: from row to row, every column a line.
//!
//! This is the kernel for every accumulator on every machine, and there are many accumulators, so it is kept
//! small; what pays is in [`super::lines`]. Where accumulators are elements, each row is combined with the results
//! of the row before, by one loop of which the compiler makes vectors.

use super::Block;
use crate::accumulate::Accumulate;
use std::mem::MaybeUninit;

/// Scans down the rows of the block.
///
/// # Safety
/// As [`super::Run`].
pub unsafe fn run<A: Accumulate>(block: &Block) {
    let acc = block.acc.cast::<A::Acc>();
    for i in 0..block.rows {
        let (x, out) = block.row(i);
        let (x, out) = (x.cast::<A::T>(), out.cast::<A::T>());
        for j in 0..block.len {
            // SAFETY: every row is below `rows`, every column below `len`; an element is read before its
            // place is written, and rows do not meet.
            unsafe {
                let element = x.add(j).read_unaligned();
                let (before, after) = if i > 0 || block.started {
                    let before = acc.add(j).read();
                    (A::value(before), A::step(before, element))
                } else {
                    (A::IDENTITY, A::first(element))
                };
                acc.add(j).write(after);
                let shown = if block.exclusive {
                    before
                } else {
                    A::value(after)
                };
                out.add(j).write_unaligned(shown);
            }
        }
    }
}

impl Block {
    /// The first element of a row, and where its result goes.
    fn row(&self, i: usize) -> (*const u8, *mut u8) {
        (
            self.x.wrapping_offset(i as isize * self.x_pitch),
            self.out.wrapping_offset(i as isize * self.out_pitch),
        )
    }
}

/// The same where an accumulator is an element.
///
/// # Safety
/// As [`super::Run`].
pub unsafe fn run_elementary<A: Accumulate<Acc = <A as Accumulate>::T>>(block: &Block) {
    let identity = A::IDENTITY;
    let kind = Kind {
        size: size_of::<A::T>(),
        identity: (&raw const identity).cast(),
        first: first::<A>,
        combine: combine::<A>,
    };
    // SAFETY: this function's.
    unsafe {
        if block.exclusive {
            exclusive(block, kind)
        } else {
            inclusive(block, kind)
        }
    }
}

/// What depends on the accumulator.
#[derive(Clone, Copy)]
struct Kind {
    /// Bytes of an element.
    size: usize,
    /// What an exclusive scan shows first.
    identity: *const u8,
    /// Makes the first accumulators of so many elements.
    first: unsafe fn(*const u8, *mut u8, usize),
    /// Combines what stands before with so many elements.
    combine: unsafe fn(*const u8, *const u8, *mut u8, usize),
}

/// An element anywhere.
#[derive(Clone, Copy)]
#[repr(C, packed)]
struct Anywhere<T: Copy>(T);

/// # Safety
/// `x` and `out` hold `n` elements and are the same or do not meet.
unsafe fn first<A: Accumulate>(x: *const u8, out: *mut u8, n: usize) {
    for j in 0..n {
        // SAFETY: j is below n.
        unsafe {
            let first = A::first(x.cast::<A::T>().add(j).read_unaligned());
            out.cast::<A::Acc>().add(j).write_unaligned(first);
        }
    }
}

/// # Safety
/// All three hold `n` elements, and `out` does not meet the others.
unsafe fn combine<A: Accumulate<Acc = <A as Accumulate>::T>>(
    before: *const u8,
    x: *const u8,
    out: *mut u8,
    n: usize,
) {
    use std::slice::{from_raw_parts, from_raw_parts_mut};
    // SAFETY: this function's.
    let (before, x, out) = unsafe {
        (
            from_raw_parts(before.cast(), n),
            from_raw_parts(x.cast(), n),
            from_raw_parts_mut(out.cast(), n),
        )
    };
    each::<A>(before, x, out)
}

/// A function of its own: from its references the compiler knows that they do not meet.
#[inline(never)]
fn each<A: Accumulate<Acc = <A as Accumulate>::T>>(
    before: &[Anywhere<A::T>],
    x: &[Anywhere<A::T>],
    out: &mut [Anywhere<A::T>],
) {
    for ((before, x), out) in before.iter().zip(x).zip(out) {
        *out = Anywhere(A::step(before.0, x.0));
    }
}

/// Room for elements that are copied out of the way of results.
type Piece = [MaybeUninit<u8>; 2048];

/// Shows each row with its elements.
///
/// # Safety
/// As [`run_elementary`].
unsafe fn inclusive(block: &Block, kind: Kind) {
    let size = kind.size;
    let bytes = block.len * size;
    let mut piece: Piece = [MaybeUninit::uninit(); size_of::<Piece>()];
    let piece = piece.as_mut_ptr().cast::<u8>();
    let mut before = block.acc.cast_const();
    for i in 0..block.rows {
        let (x, out) = block.row(i);
        // SAFETY: every row is below `rows`; elements are read before their places are written.
        unsafe {
            if i == 0 && !block.started {
                (kind.first)(x, out, block.len);
            } else if x != out.cast_const() {
                (kind.combine)(before, x, out, block.len);
            } else {
                let mut at = 0;
                while at < bytes {
                    let len = size_of::<Piece>().min(bytes - at);
                    piece.copy_from_nonoverlapping(x.add(at), len);
                    (kind.combine)(before.add(at), piece, out.add(at), len / size);
                    at += len;
                }
            }
        }
        before = out;
    }
    if block.keep {
        // SAFETY: the last row's results are there, and an accumulator a line.
        unsafe { block.acc.copy_from_nonoverlapping(before, bytes) }
    }
}

/// Shows each row without its elements.
///
/// # Safety
/// As [`run_elementary`].
unsafe fn exclusive(block: &Block, kind: Kind) {
    let size = kind.size;
    let bytes = block.len * size;
    let mut piece: Piece = [MaybeUninit::uninit(); size_of::<Piece>()];
    let piece = piece.as_mut_ptr().cast::<u8>();
    for i in 0..block.rows {
        let (x, out) = block.row(i);
        let started = i > 0 || block.started;
        let mut at = 0;
        while at < bytes {
            let len = size_of::<Piece>().min(bytes - at);
            // SAFETY: every row is below `rows`, and the piece within its bytes; elements are read before
            // their places are written.
            unsafe {
                let (acc, out, x) = (block.acc.add(at), out.add(at), x.add(at));
                if started {
                    (kind.combine)(acc, x, piece, len / size);
                    out.copy_from_nonoverlapping(acc, len);
                } else {
                    (kind.first)(x, piece, len / size);
                    for j in (0..len).step_by(size) {
                        out.add(j).copy_from_nonoverlapping(kind.identity, size);
                    }
                }
                acc.copy_from_nonoverlapping(piece, len);
            }
            at += len;
        }
    }
}
