//! Short rows without gaps as one stream of registers.

use super::rows_of;
use crate::kernels::Block;
use crate::kernels::lines::columns::shown;
use crate::simd::anchor;
use crate::simd::avx2::{self, Lanewise, WIDTH};
use std::arch::x86_64::*;

/// A block of short rows without gaps as a stream of registers, and the rows around it.
pub struct Flat {
    pub before: Block,
    pub after: Block,
    /// The place of the first register, in the order they are taken, and bytes to the next.
    x: *const u8,
    out: *mut u8,
    by: isize,
    registers: usize,
    /// Bytes from an element to the one before it in its row.
    back: isize,
    len: usize,
    exclusive: bool,
    /// All ones if exclusive, else 0.
    late: [i64; 4],
    /// The columns of the first register's bytes, and what they grow by from one register to the next, up to
    /// multiples of `len`.
    columns: [u8; WIDTH],
    turn: u8,
}

impl Flat {
    /// `None` where a stream is not possible or not worthwhile.
    #[inline(always)]
    pub fn of(block: &Block, size: usize) -> Option<Flat> {
        let (len, bytes) = (block.len, block.len * size);
        let lanes = WIDTH / size;
        // A register takes as many steps as a row has elements: few lanes are soon slower than single elements
        // (five f32: 0.38 ns an element and 0.36; 16 u8: 0.24, and 0.65 by other kernels).
        let longest = if size > 2 { lanes / 2 } else { lanes - 1 };
        /// Bytes that outweigh the start of a stream.
        const LEAST: usize = 4 << 10;
        let pitch = bytes as isize;
        let gaps = (block.x_pitch, block.out_pitch) != (pitch, pitch);
        let few = block.rows * bytes < LEAST;
        if gaps || block.started || block.keep || few || len > longest {
            return None;
        }
        // One row at least remains outside, on the side that elements before a register's are read from; and
        // stores to aligned addresses are the faster ones.
        let lowest = if block.is_backward() { bytes - size } else { 0 };
        let first = !block.is_backward() as usize;
        let aligned =
            |skip: &usize| (block.out.addr() - lowest + skip * bytes).is_multiple_of(WIDTH);
        let skip = (first..first + lanes).find(aligned).unwrap_or(first);
        // As many rows as a register has lanes fill as many registers as a row has elements.
        let groups = (block.rows - skip - block.is_backward() as usize) / lanes;
        let registers = groups * len;
        let end = skip + groups * lanes;
        let (before, after) = (
            rows_of(block, size, 0, skip),
            rows_of(block, size, end, block.rows - end),
        );
        let mut columns = [0; WIDTH];
        // From the last register down, so that `x` may be `out`; backward, from the first up.
        let (at, by, turn) = if block.is_backward() {
            (0, WIDTH as isize, len - 1 - (lanes - 1) % len)
        } else {
            (
                (registers - 1) * WIDTH,
                -(WIDTH as isize),
                len - 1 - (lanes - 1) % len,
            )
        };
        let mut column = at / size % len;
        for bytes in columns.chunks_exact_mut(size) {
            bytes.fill(if block.is_backward() {
                len - 1 - column
            } else {
                column
            } as u8);
            column += 1;
            if column == len {
                column = 0;
            }
        }
        Some(Flat {
            before,
            after,
            x: block.x.wrapping_sub(lowest).wrapping_add(skip * bytes + at),
            out: block
                .out
                .wrapping_sub(lowest)
                .wrapping_add(skip * bytes + at),
            by,
            registers,
            back: if block.is_backward() {
                size as isize
            } else {
                -(size as isize)
            },
            len,
            exclusive: block.exclusive,
            late: [-(block.exclusive as i64); 4],
            columns,
            turn: turn as u8,
        })
    }
}

/// Scans a stream of registers, each lane by itself: what comes before its element in its row is read from the
/// addresses before.
///
/// ```text
/// for each register, c = the columns of its lanes:
///     for j = longest - 1 down to 0:  v = elements j places earlier
///                                     a = v where c = j (the row begins), else a + v
/// ```
///
/// Up to where its row begins a lane holds what is not its own.
///
/// # Safety
/// As [`Run`](crate::kernels::Run); the processor has AVX2 and F16C.
#[target_feature(enable = "avx2,f16c")]
pub unsafe fn flat<A: Lanewise>(part: &Flat) {
    // SAFETY: this function's; reads go `len - 1` elements beyond the registers at most, where there is a row.
    unsafe {
        let late = avx2::load(part.late.as_ptr().cast());
        let identity = avx2::splat(A::IDENTITY);
        let (one, len) = (avx2::splat(1u8), avx2::splat(part.len as u8));
        let turn = avx2::splat(part.turn);
        // An exclusive scan leaves out the element itself.
        let steps = part.len - 1;
        let steps = steps - (part.exclusive && steps > 0) as usize;
        let mut columns = avx2::load(part.columns.as_ptr());
        let (mut x, mut out) = (part.x, part.out);
        for _ in 0..part.registers {
            let mut p = x.wrapping_offset(part.back * (part.len as isize - 1));
            let mut acc = avx2::load(p);
            let mut j = _mm256_sub_epi8(len, one);
            let mut left = steps;
            while left > 0 {
                p = anchor(p.wrapping_offset(-part.back));
                j = _mm256_sub_epi8(j, one);
                let v = avx2::load(p);
                let begins = _mm256_cmpeq_epi8(columns, j);
                acc = _mm256_blendv_epi8(A::step_lanes(acc, v), v, begins);
                left -= 1;
            }
            let begins = _mm256_cmpeq_epi8(columns, _mm256_setzero_si256());
            acc = shown(_mm256_and_si256(late, begins), identity, acc);
            avx2::store::<false>(out, acc);
            (x, out) = (x.wrapping_offset(part.by), out.wrapping_offset(part.by));
            // Modulo the length: what falls below 0 becomes large.
            columns = _mm256_add_epi8(columns, turn);
            columns = _mm256_min_epu8(columns, _mm256_sub_epi8(columns, len));
        }
    }
}
