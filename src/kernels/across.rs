//! Across: from row to row, every column a line.
//!
//! This is the kernel for every accumulator on every machine, and there are many accumulators, so it is kept
//! small; what pays is in [`super::lines`]. Where accumulators are elements, only one loop is written for
//! each, of which the compiler makes vectors: a piece of the row of accumulators combined with elements.

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
        step: step::<A>,
    };
    // SAFETY: this function's.
    unsafe { rows(block, kind) }
}

/// What depends on the accumulator.
struct Kind {
    /// Bytes of an element.
    size: usize,
    /// What an exclusive scan shows first.
    identity: *const u8,
    /// Makes the first accumulators of elements, both aligned.
    first: unsafe fn(*mut u8, *const u8, usize),
    /// Combines accumulators with elements, both aligned.
    step: unsafe fn(*mut u8, *const u8, usize),
}

/// # Safety
/// `acc` and `x` hold `n` aligned elements and do not meet.
unsafe fn first<A: Accumulate>(acc: *mut u8, x: *const u8, n: usize) {
    for j in 0..n {
        // SAFETY: j is below n.
        unsafe {
            let first = A::first(x.cast::<A::T>().add(j).read());
            acc.cast::<A::Acc>().add(j).write(first);
        }
    }
}

/// # Safety
/// `acc` and `x` hold `n` aligned elements and do not meet.
unsafe fn step<A: Accumulate>(acc: *mut u8, x: *const u8, n: usize) {
    // SAFETY: this function's. References, because from them the compiler knows that the two do not meet.
    let (acc, x) = unsafe {
        (
            std::slice::from_raw_parts_mut(acc.cast::<A::Acc>(), n),
            std::slice::from_raw_parts(x.cast::<A::T>(), n),
        )
    };
    for (acc, &x) in acc.iter_mut().zip(x) {
        *acc = A::step(*acc, x);
    }
}

/// Elements that are combined at a time, copied to where they are aligned and apart from the results.
#[repr(align(16))]
struct Piece([MaybeUninit<u8>; 2048]);

/// [`run_elementary`] for every kind.
///
/// # Safety
/// As that.
unsafe fn rows(block: &Block, kind: Kind) {
    let size = kind.size;
    let bytes = block.len * size;
    let mut piece = Piece([MaybeUninit::uninit(); 2048]);
    let most = size_of::<Piece>();
    let piece = piece.0.as_mut_ptr().cast::<u8>();
    for i in 0..block.rows {
        let (x, out) = block.row(i);
        let mut at = 0;
        while at < bytes {
            let len = most.min(bytes - at);
            // SAFETY: every row is below `rows`, and the piece within its bytes; elements are read before
            // their places are written.
            unsafe {
                let (acc, out) = (block.acc.add(at), out.add(at));
                std::ptr::copy_nonoverlapping(x.add(at), piece, len);
                let started = i > 0 || block.started;
                if block.exclusive && started {
                    std::ptr::copy_nonoverlapping(acc, out, len);
                } else if block.exclusive {
                    for j in (0..len).step_by(size) {
                        std::ptr::copy_nonoverlapping(kind.identity, out.add(j), size);
                    }
                }
                (if started { kind.step } else { kind.first })(acc, piece, len / size);
                if !block.exclusive {
                    std::ptr::copy_nonoverlapping(acc, out, len);
                }
            }
            at += len;
        }
    }
}
