//! Across: from row to row, every column a line.
//!
//! Four rows are taken at a time, so that the accumulators travel to memory and back once for four
//! rows. The columns are independent, and the compiler makes vectors of them.

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
        while next + 4 <= block.rows {
            let rows = [row(next), row(next + 1), row(next + 2), row(next + 3)];
            steps::<A, EXCLUSIVE, 4>(rows, acc, block.len);
            next += 4;
        }
        while next < block.rows {
            steps::<A, EXCLUSIVE, 1>([row(next)], acc, block.len);
            next += 1;
        }
    }
}

/// `R` rows, all columns.
///
/// # Safety
/// Every row holds `len` elements on both sides, and `acc` as many accumulators.
#[inline(always)]
unsafe fn steps<A: Accumulate, const EXCLUSIVE: bool, const R: usize>(
    rows: [(*const A::T, *mut A::T); R],
    acc: *mut A::Acc,
    len: usize,
) {
    for j in 0..len {
        // SAFETY: j is below len.
        unsafe {
            let mut carry = acc.add(j).read();
            for (x, out) in rows {
                let element = x.add(j).read_unaligned();
                let before = carry;
                carry = A::step(carry, element);
                let shown = A::value(if EXCLUSIVE { before } else { carry });
                out.add(j).write_unaligned(shown);
            }
            acc.add(j).write(carry);
        }
    }
}
