//! Across: from row to row, every column a line.
//!
//! The columns are independent, and the compiler makes vectors of them. This is the kernel for every
//! accumulator on every machine, and there are many accumulators, so it is kept small; what pays is in
//! [`super::lines`].

use super::Block;
use crate::accumulate::Accumulate;

/// Scans down the rows of the block.
///
/// # Safety
/// As [`super::Run`].
pub unsafe fn run<A: Accumulate>(block: &Block) {
    let acc = block.acc.cast::<A::Acc>();
    for i in 0..block.rows {
        // SAFETY: every row is below `rows`, every column below `len`; an element is read before its
        // place is written, and rows do not meet.
        unsafe {
            let x = block.x.offset(i as isize * block.x_pitch).cast::<A::T>();
            let out = block
                .out
                .offset(i as isize * block.out_pitch)
                .cast::<A::T>();
            if i == 0 && !block.started {
                let shown = block.exclusive.then_some(A::IDENTITY);
                first_row::<A>(x, out, acc, block.len, shown);
                continue;
            }
            for j in 0..block.len {
                let before = acc.add(j).read();
                let after = A::step(before, x.add(j).read_unaligned());
                acc.add(j).write(after);
                let shown = A::value(if block.exclusive { before } else { after });
                out.add(j).write_unaligned(shown);
            }
        }
    }
}

/// The first row of lines that have not started. A function of its own, which the compiler finds to be
/// the same for most operations on a type.
///
/// # Safety
/// `x`, `out` and `acc` hold `n` elements each.
#[inline(never)]
unsafe fn first_row<A: Accumulate>(
    x: *const A::T,
    out: *mut A::T,
    acc: *mut A::Acc,
    n: usize,
    shown: Option<A::T>,
) {
    for j in 0..n {
        // SAFETY: j is below n; an element is read before its place is written.
        unsafe {
            let first = A::first(x.add(j).read_unaligned());
            acc.add(j).write(first);
            out.add(j).write_unaligned(shown.unwrap_or(A::value(first)));
        }
    }
}
