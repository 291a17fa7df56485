//! Across: from row to row, every column a line, for every machine.
//!
//! The columns are independent, and the compiler makes vectors of them. Four rows at a time would spare
//! the accumulators three ways to memory of four, but take twice the code; where registers are wide,
//! `lines::columns` does that instead.

use super::Block;
use crate::accumulate::Accumulate;

/// Scans down the rows of the block.
///
/// # Safety
/// As [`super::Run`].
pub unsafe fn run<A: Accumulate, const EXCLUSIVE: bool>(block: &Block) {
    let acc = block.acc.cast::<A::Acc>();
    let row = |i: usize| {
        // SAFETY: callers below pass rows of the block.
        unsafe {
            (
                block.x.offset(i as isize * block.x_pitch).cast::<A::T>(),
                block
                    .out
                    .offset(i as isize * block.out_pitch)
                    .cast::<A::T>(),
            )
        }
    };
    let mut next = 0;
    // SAFETY: every row is below `rows`, every column below `len`; an element is read before its
    // place is written, and rows do not meet.
    unsafe {
        if !block.started {
            let (x, out) = row(0);
            for j in 0..block.len {
                let first = A::first(x.add(j).read_unaligned());
                acc.add(j).write(first);
                let shown = if EXCLUSIVE {
                    A::IDENTITY
                } else {
                    A::value(first)
                };
                out.add(j).write_unaligned(shown);
            }
            next = 1;
        }
        while next < block.rows {
            let (x, out) = row(next);
            for j in 0..block.len {
                let before = acc.add(j).read();
                let after = A::step(before, x.add(j).read_unaligned());
                acc.add(j).write(after);
                out.add(j)
                    .write_unaligned(A::value(if EXCLUSIVE { before } else { after }));
            }
            next += 1;
        }
    }
}
