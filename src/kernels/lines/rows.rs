//! Along, several rows at a time: the rows of a group become the lanes of registers.
//!
//! One line is a chain, in which each operation waits for the one before. Rows are independent: a
//! block of rows and columns is read so that each register holds one *column*, the scan steps from
//! column to column with all rows at once, and the block is written back in rows. Each row is still
//! combined one element after the other, so the results are the bits of the plain loop.
//!
//! ```text
//! for each block of columns:   c[0..N] = transposed(rows of x)
//!                              for k:  a = a + c[k];  c[k] = a
//!                              rows of out = transposed(c)
//! ```
//!
//! A block is 16 or 32 bytes wide; the shuffles for it (see [`Square`]) are shared by all its
//! elements. All of a block is read before any of it is written, so `x` may be `out`, also in an exclusive
//! scan. What is left over at the ends of rows is done element by element with the rows side by side, or, where
//! that may be many elements, by a block that overlaps the one before. Rows that do not fill a
//! group go to the kernel for single lines, or one by one if they are short. Rows that run backward are taken from their highest block down, and
//! its columns from the last to the first.
//!
//! Rows shorter than a block are one stream of registers if there are no gaps between them ([`flat`]), else they
//! go one by one ([`short`]). Integers of two bytes have prefixes within registers ([`within`]).
//!
//! Tried: four groups (16 rows), up to 5 times slower, for the rows meet in the sets of the first-level
//! cache; two groups of 8-byte elements, no faster, since the processor overlaps one group with the next; parts
//! of registers at the ends of rows, 1.2 to 2 times slower than elements and overlapping blocks.

mod ahead;
mod flat;
mod groups;
mod short;
mod within;

use super::{Along, Block, Run};
use crate::kernels::along;
use crate::simd::avx2::Lanewise;
use crate::simd::square::{Bytes2, Bytes4, Bytes8, Bytes16, Square, row};
use groups::Rows;
use short::brief;
use std::arch::x86_64::*;
pub use within::small;

/// Some rows of a block, from one on.
fn rows_of(block: &Block, size: usize, first: usize, rows: usize) -> Block {
    Block {
        x: row(block.x, block.x_pitch, first),
        out: row(block.out, block.out_pitch, first),
        acc: block.acc.wrapping_add(first * size),
        rows,
        ..*block
    }
}

/// Scans every row of the block, as many as make groups together and the others by `rest`, a kernel
/// for the same accumulator. Rows may run backward if `BOTH_WAYS`, and the operation has a neutral element.
///
/// # Safety
/// As [`Run`]; the processor has AVX2 and F16C. `A::T` has 2, 4, 8 or 16 bytes.
#[target_feature(enable = "avx2,f16c")]
pub unsafe fn run<A: Lanewise, const BOTH_WAYS: bool>(block: &Block, rest: Run, stream: bool) {
    const { assert!(!BOTH_WAYS || A::NEUTRAL.is_some()) };
    // Without a neutral element the first column is done apart.
    let apart = (A::NEUTRAL.is_none() && !block.started) as usize;
    // SAFETY: this function's.
    unsafe {
        let columns = match size_of::<A::T>() {
            2 | 4 => 8,
            8 => 4,
            _ => 2,
        };
        // Sums and products of a plain loop go on while the next rows begin: one more element than two blocks
        // have is done sooner so (2000 rows of 9 f64 on a Zen 3: 0.43 ns an element in groups, and 0.34), and
        // complex numbers of 16 bytes, of which a register of columns holds two.
        let single = match size_of::<A::T>() {
            16 if A::NEUTRAL.is_some() => block.len < 24,
            16 => block.len < 4,
            8 if block.len < 8 => true,
            _ => A::LIGHT && block.len == 9,
        };
        if block.len < columns + apart || single && !block.started && !block.keep {
            brief::<A, BOTH_WAYS>(block);
        } else if BOTH_WAYS && block.is_backward() {
            match size_of::<A::T>() {
                4 => grouped::<A, Bytes4, 8, 1, true>(block, rest, false),
                8 => grouped::<A, Bytes8, 4, 1, true>(block, rest, false),
                16 => grouped::<A, Bytes16, 2, 2, true>(block, rest, false),
                _ => rest(block),
            }
        } else {
            match size_of::<A::T>() {
                2 => grouped::<A, Bytes2, 8, 1, false>(block, rest, stream),
                4 => grouped::<A, Bytes4, 8, 1, false>(block, rest, stream),
                8 => grouped::<A, Bytes8, 4, 1, false>(block, rest, stream),
                16 => grouped::<A, Bytes16, 2, 2, false>(block, rest, stream),
                _ => rest(block),
            }
        }
    }
}

/// [`run`] with `G` groups at a time.
#[inline(always)]
unsafe fn grouped<
    A: Lanewise,
    S: Square<N>,
    const N: usize,
    const G: usize,
    const BACKWARD: bool,
>(
    block: &Block,
    rest: Run,
    stream: bool,
) {
    let together = G * S::ROWS;
    let neutral = A::NEUTRAL.is_some();
    let (rows, head) = Rows::of(block, size_of::<A::T>(), N, together, neutral, stream);
    // SAFETY: groups are taken from the block's rows; streaming rows are aligned behind the head.
    unsafe {
        let mut left = block.rows;
        let mut at = rows.first;
        while left >= together && !rows.alone {
            rows.lines::<A, S, N, G, BACKWARD>(at, head);
            at = rows.below::<A>(at, together);
            left -= together;
        }
        let few: Option<Along> = if A::CONVERTS {
            Some(run::<A, false>)
        } else {
            None
        };
        finish(
            block,
            size_of::<A::T>(),
            left,
            (along::run::<A>, few, rest),
            rows.stream,
        );
    }
}

/// What comes after the groups: the last rows, and streaming stores before all that follows. Rows are done one by
/// one if they are short, or by a kernel for groups if there is one for few of them.
///
/// # Safety
/// As [`Run`], for the last `left` rows.
#[inline(never)]
unsafe fn finish(
    block: &Block,
    size: usize,
    left: usize,
    (each, few, rest): (Run, Option<Along>, Run),
    stream: bool,
) {
    /// Elements up to which a plain loop is done before other kernels for single lines have begun: four rows of
    /// 8 f32 took 170 ns by those, and 90.
    const SHORT: usize = 32;
    // SAFETY: this function's; streaming stores are part of every x86-64.
    unsafe {
        if stream {
            _mm_sfence();
        }
        if left == 0 {
            return;
        }
        let last = rows_of(block, size, block.rows - left, left);
        match few {
            Some(few) => staged(&last, few, rest),
            None if block.len <= SHORT => each(&last),
            None => rest(&last),
        }
    }
}

/// Scans fewer rows than make a group by a kernel for groups, in room for a whole one: 16-bit floats, which are
/// converted by instructions there, and one by one are not (four rows of 8: 605 ns one by one).
///
/// # Safety
/// As [`Run`], for at least eight elements of two bytes in fewer rows than a register has lanes.
#[inline(never)]
unsafe fn staged(block: &Block, group: Along, rest: Run) {
    const ROWS: usize = 16;
    /// Columns that a group has to have.
    const LEAST: usize = 8;
    const COLUMNS: usize = 24;
    let mut room = [[0u16; COLUMNS + LEAST]; ROWS];
    let mut accs = [0u16; ROWS];
    let pitch = size_of_val(&room[0]) as isize;
    let slots = block.acc.cast::<u16>();
    let mut first = 0;
    // SAFETY: this function's: pieces of the rows, read before they are written, and the rows' accumulators.
    unsafe {
        if block.started {
            slots.copy_to(accs.as_mut_ptr(), block.rows);
        }
        while first < block.len {
            let left = block.len - first;
            let n = if left < COLUMNS + LEAST {
                left
            } else {
                COLUMNS
            };
            let (x, acc) = (room.as_mut_ptr().cast::<u8>(), accs.as_mut_ptr());
            let bytes = (block.rows, 2 * n);
            copy((block.x.add(2 * first), block.x_pitch), (x, pitch), bytes);
            let piece = Block {
                x,
                x_pitch: pitch,
                out: x,
                out_pitch: pitch,
                len: n,
                rows: ROWS,
                acc: acc.cast(),
                started: block.started || first > 0,
                keep: true,
                stream: false,
                ahead: 0,
                ..*block
            };
            group(&piece, rest, false);
            copy(
                (x, pitch),
                (block.out.add(2 * first), block.out_pitch),
                bytes,
            );
            first += n;
        }
        if block.keep {
            slots.copy_from(accs.as_ptr(), block.rows);
        }
    }
}

/// Copies rows of bytes.
///
/// # Safety
/// The rows are addressable, and do not meet.
#[inline(never)]
unsafe fn copy(
    (x, x_pitch): (*const u8, isize),
    (out, out_pitch): (*mut u8, isize),
    (rows, bytes): (usize, usize),
) {
    for r in 0..rows {
        // SAFETY: this function's.
        unsafe { row(out, out_pitch, r).copy_from_nonoverlapping(row(x, x_pitch, r), bytes) }
    }
}
