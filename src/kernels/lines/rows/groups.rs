//! Groups of rows: as many as a register has lanes, in square blocks of columns.

use super::ahead::Ahead;
use crate::kernels::lines::columns::{may_stream, shown};
use crate::kernels::{Block, Run, Spacing, along};
use crate::simd::anchor;
use crate::simd::avx2::{self, Lanewise, WIDTH, opaque};
use crate::simd::square::{Square, row};
use std::arch::x86_64::*;

/// A place and the distance of rows, of which the compiler knows nothing: else it keeps the addresses of all rows
/// from block to block and from group to group, more than there are registers, which takes longer than a group of
/// short rows.
#[inline(always)]
fn forgotten(first: *const u8, pitch: isize) -> (*const u8, isize) {
    (anchor(first), opaque(pitch as usize) as isize)
}

/// Bytes of rows of numbers of 4 and 8 bytes that had better be read from memory one by one: too few for a processor
/// to foresee several streams, too many to be a single one (10^5 rows of 100 f64, not aligned: 1.49 ns an element in
/// groups and 1.15 one by one; of 48: 1.12 in groups; of 300: 1.08 and 1.13; of 100 f32 on a Zen 3: 1.2 and 0.9).
/// Longer ones of 16 bytes too: one line takes no longer than memory does, and rows that begin at the same place of
/// their pages are slow together (2048x4096 c128: 21 ns in groups).
const MIDDLING: std::ops::Range<usize> = 400..2048;

/// Bytes of such rows of numbers of 4 bytes at most, of which eight are taken together.
const MIDDLING_FOURS: usize = 640;

/// Rows of a block.
pub struct Rows {
    pub first: Place,
    x_pitch: isize,
    out_pitch: isize,
    len: usize,
    started: bool,
    keep: bool,
    exclusive: bool,
    pub stream: bool,
    /// Whether rows are better left to the kernel for single lines.
    pub alone: bool,
    ahead: Ahead,
    /// All ones if exclusive, else 0.
    late: [i64; 4],
}

/// Where a row begins: its lowest elements, and its accumulator.
#[derive(Clone, Copy)]
pub struct Place {
    x: *const u8,
    out: *mut u8,
    acc: *mut u8,
}

impl Rows {
    /// `n` rows further on.
    #[inline(always)]
    pub fn below<A: Lanewise>(&self, at: Place, n: usize) -> Place {
        Place {
            x: row(at.x, self.x_pitch, n),
            out: row(at.out, self.out_pitch, n),
            acc: at.acc.wrapping_add(n * size_of::<A::T>()),
        }
    }

    /// The rows of a block of elements of so many bytes, in blocks of so many columns, and how many columns stand
    /// before what goes past the caches. It is there once for all operations.
    #[inline(never)]
    pub fn of(
        block: &Block,
        size: usize,
        columns: usize,
        together: usize,
        neutral: bool,
        stream: bool,
    ) -> (Rows, usize) {
        // From the first element of a row to the lowest.
        let before = if block.is_backward() {
            (block.len - 1) * size
        } else {
            0
        };
        let bytes = block.len * size;
        let out = block.out.wrapping_sub(before);
        let head = out.addr().wrapping_neg() % WIDTH / size;
        // Blocks that overlap need room at both ends.
        let room = one_by_one(size) || block.len >= 4 * columns || head + block.len % columns == 0;
        let stream = stream
            && room
            && !block.is_backward()
            && columns * size == WIDTH
            && !std::ptr::addr_eq(block.x, block.out)
            && may_stream(out, block.out_pitch, size, bytes);
        let rows = Rows {
            first: Place {
                x: block.x.wrapping_sub(before),
                out,
                acc: block.acc,
            },
            x_pitch: block.x_pitch,
            out_pitch: block.out_pitch,
            len: block.len,
            started: block.started,
            keep: block.keep,
            exclusive: block.exclusive,
            stream,
            alone: neutral
                && !block.is_backward()
                && block.ahead > 0
                && match size {
                    4 => !stream && MIDDLING.contains(&bytes) && bytes <= MIDDLING_FOURS,
                    8 => !stream && MIDDLING.contains(&bytes),
                    16 => bytes >= MIDDLING.start,
                    _ => false,
                },
            ahead: Ahead::of(block, together, bytes, stream),
            late: [-(block.exclusive as i64); 4],
        };
        // Without a neutral element the first column is done apart: one more block of columns is as aligned.
        let head = match head {
            0 if !neutral && !block.started => columns,
            head => head,
        };
        (rows, if stream { head } else { 0 })
    }

    /// Does the first `n` elements of so many lines by a kernel for single lines, with their accumulators.
    ///
    /// # Safety
    /// As [`Run`].
    #[inline(never)]
    unsafe fn lead(&self, at: Place, n: usize, rows: usize, each: Run) {
        let block = Block {
            x: at.x,
            x_pitch: self.x_pitch,
            out: at.out,
            out_pitch: self.out_pitch,
            len: n,
            rows,
            acc: at.acc,
            started: self.started,
            keep: true,
            exclusive: self.exclusive,
            spacing: Spacing::Forward,
            stream: false,
            ahead: 0,
        };
        // SAFETY: this function's.
        unsafe { each(&block) }
    }

    /// Does the first element of `n` lines of an operation without a neutral element.
    #[inline(always)]
    unsafe fn first_column<A: Lanewise>(&self, at: Place, n: usize) {
        // SAFETY: the caller's: n rows of at least one element.
        unsafe {
            for r in 0..n {
                let x = row(at.x, self.x_pitch, r).cast::<A::T>();
                let first = A::first(x.read_unaligned());
                // Whether or not they are kept: the scan goes on from them.
                at.acc.cast::<A::T>().add(r).write(first);
                let shown = if self.exclusive { A::IDENTITY } else { first };
                let out = row(at.out, self.out_pitch, r).cast::<A::T>();
                out.write_unaligned(shown);
            }
        }
    }

    /// `G` groups of rows, of which the first `head` columns stand before an aligned address if results go past
    /// the caches; else there is no head.
    #[inline(always)]
    pub unsafe fn lines<
        A: Lanewise,
        S: Square<N>,
        const N: usize,
        const G: usize,
        const BACKWARD: bool,
    >(
        &self,
        mut at: Place,
        head: usize,
    ) {
        let size = size_of::<A::T>();
        let (mut len, mut started) = (self.len, self.started);
        let first = !BACKWARD && !started && A::NEUTRAL.is_none();
        if head > 0 || first {
            let n = head.max(1);
            // SAFETY: the caller's.
            unsafe {
                if head > 0 {
                    self.lead(at, head, G * S::ROWS, along::run::<A>);
                } else {
                    self.first_column::<A>(at, G * S::ROWS);
                }
            }
            at.x = at.x.wrapping_add(n * size);
            at.out = at.out.wrapping_add(n * size);
            (len, started) = (len - n, true);
        }
        // SAFETY: the columns of all blocks together are those of the rows.
        unsafe {
            let mut state: [State; G] = [(avx2::splat(A::IDENTITY), avx2::splat(A::IDENTITY)); G];
            for (g, (acc, before)) in state.iter_mut().enumerate() {
                if started {
                    *acc = avx2::load(at.acc.add(g * S::ROWS * size));
                    *before = *acc;
                } else if let Some(neutral) = A::NEUTRAL {
                    *acc = avx2::splat(neutral);
                }
            }
            let one_by_one = one_by_one(size_of::<A::T>());
            let odd = len % N;
            let whole = len - if odd == 0 || one_by_one { odd } else { odd + N };
            // Each loop for itself: blends in it cost 10 to 30 % in the caches. Those of 2 bytes, which are
            // converted, do not feel them.
            let column = if BACKWARD || size == 2 || self.exclusive || self.stream {
                self.blocks::<A, S, N, G, true, BACKWARD>(at, &mut state, len, whole)
            } else {
                self.blocks::<A, S, N, G, false, false>(at, &mut state, len, whole)
            };
            if odd > 0 {
                self.odd::<A, S, N, G, BACKWARD>(at, &mut state, (column, len), odd);
            }
            if self.keep {
                for (g, (acc, _)) in state.iter().enumerate() {
                    avx2::store::<false>(at.acc.add(g * S::ROWS * size), *acc);
                }
            }
        }
    }

    /// Whole blocks up to a column, counted in the scan's direction; returns that. Only with
    /// `ANY` may the scan be exclusive, and results go past the caches.
    #[inline(always)]
    unsafe fn blocks<
        A: Lanewise,
        S: Square<N>,
        const N: usize,
        const G: usize,
        const ANY: bool,
        const BACKWARD: bool,
    >(
        &self,
        at: Place,
        state: &mut [State; G],
        len: usize,
        whole: usize,
    ) -> usize {
        let mut column = 0;
        let size = size_of::<A::T>();
        // SAFETY: the instruction set is there.
        let late = unsafe { avx2::load(self.late.as_ptr().cast()) };
        while column < whole {
            let lowest = if BACKWARD { len - N - column } else { column };
            for (g, (acc, before)) in state.iter_mut().enumerate() {
                let rows = self.below::<A>(at, g * S::ROWS);
                // SAFETY: the caller's: a block of the rows.
                unsafe {
                    let (x, x_pitch) = forgotten(rows.x.wrapping_add(lowest * size), self.x_pitch);
                    let out = rows.out.wrapping_add(lowest * size).cast_const();
                    let (out, out_pitch) = forgotten(out, self.out_pitch);
                    let out = out.cast_mut();
                    self.ahead.fetch((x, x_pitch), (out, out_pitch), S::ROWS);
                    let mut c = S::load(x, x_pitch);
                    for k in 0..N {
                        let c = &mut c[if BACKWARD { N - 1 - k } else { k }];
                        *acc = A::step_lanes(*acc, *c);
                        *c = if ANY {
                            shown(late, *before, *acc)
                        } else {
                            *acc
                        };
                        *before = *acc;
                    }
                    if ANY && !BACKWARD && self.stream {
                        S::store::<true>(out, out_pitch, c);
                    } else {
                        S::store::<false>(out, out_pitch, c);
                    }
                }
            }
            column += N;
        }
        column
    }

    /// `d < N` columns from one on, counted in the scan's direction; unless elements go [`one_by_one`], there
    /// are `N` more behind them, which are done too.
    #[inline(always)]
    unsafe fn odd<
        A: Lanewise,
        S: Square<N>,
        const N: usize,
        const G: usize,
        const BACKWARD: bool,
    >(
        &self,
        at: Place,
        state: &mut [State; G],
        (column, len): (usize, usize),
        d: usize,
    ) {
        let size = size_of::<A::T>();
        let one_by_one = one_by_one(size_of::<A::T>());
        let wide = if one_by_one { 1 } else { N };
        let lowest = if BACKWARD {
            len - wide - column
        } else {
            column
        };
        for (g, state) in state.iter_mut().enumerate() {
            let rows = self.below::<A>(at, g * S::ROWS);
            let x = forgotten(rows.x.wrapping_add(lowest * size), self.x_pitch);
            let out = rows.out.wrapping_add(lowest * size).cast_const();
            let (out, out_pitch) = forgotten(out, self.out_pitch);
            let out = (out.cast_mut(), out_pitch);
            // SAFETY: the caller's.
            unsafe {
                if one_by_one {
                    if self.exclusive {
                        elements::<A, S, N, BACKWARD, true>(x, out, d, self.keep, state)
                    } else {
                        elements::<A, S, N, BACKWARD, false>(x, out, d, self.keep, state)
                    };
                } else {
                    two_blocks::<A, S, N, BACKWARD>(x, out, d, &self.late, state);
                }
            }
        }
    }
}

/// Whether what is left over at the ends of rows is done element by element: up to three of 8 bytes in four rows,
/// which takes a fifth of what a block does for each.
const fn one_by_one(size: usize) -> bool {
    size >= 8
}

/// `d` columns of one group of rows, element by element. The rows are side by side, since each is a chain.
#[inline(always)]
unsafe fn elements<
    A: Lanewise,
    S: Square<N>,
    const N: usize,
    const BACKWARD: bool,
    const EXCLUSIVE: bool,
>(
    (mut x, x_pitch): (*const u8, isize),
    (mut out, out_pitch): (*mut u8, isize),
    d: usize,
    keep: bool,
    (acc, before): &mut State,
) {
    /// Rows of a group of elements of 8 bytes, the most there are here.
    const MOST: usize = 4;
    let size = size_of::<A::T>() as isize;
    let step = if BACKWARD { -size } else { size };
    // SAFETY: the caller's; a register holds an accumulator a row.
    unsafe {
        let lanes = (&raw mut *acc).cast::<A::T>();
        let mut accs: [A::T; MOST] = std::array::from_fn(|r| *lanes.add(r % S::ROWS));
        for _ in 0..d {
            for (r, acc) in accs.iter_mut().enumerate().take(S::ROWS) {
                let x = row(x, x_pitch, r).cast::<A::T>();
                let out = row(out, out_pitch, r).cast::<A::T>();
                let before = *acc;
                *acc = A::step(before, x.read_unaligned());
                out.write_unaligned(if EXCLUSIVE { before } else { *acc });
            }
            (x, out) = (x.wrapping_offset(step), out.wrapping_offset(step));
        }
        // Only where they are wanted: a register that is read right after its lanes were written waits for
        // all of them to be stored.
        if keep {
            for (r, acc) in accs.into_iter().enumerate().take(S::ROWS) {
                *lanes.add(r) = acc;
            }
            *before = *acc;
        }
    }
}

/// Two blocks of one group of rows, the second `d < N` columns after the first, and so partly on top of it. The
/// columns in both are computed twice, to the same bits. A function of its own: its code is long.
///
/// # Safety
/// As [`Run`], of lines that have started or have a neutral element to start from; the processor has AVX2 and F16C.
// The compiler knows no function with a target feature that is never inlined: this one keeps the other
// out of its callers.
#[inline(never)]
unsafe fn two_blocks<A: Lanewise, S: Square<N>, const N: usize, const BACKWARD: bool>(
    x: (*const u8, isize),
    out: (*mut u8, isize),
    d: usize,
    late: &[i64; 4],
    state: &mut State,
) {
    // SAFETY: this function's.
    unsafe { two_blocks_inside::<A, S, N, BACKWARD>(x, out, d, late, state) }
}

/// [`two_blocks`] with the instruction set.
///
/// # Safety
/// As [`two_blocks`].
#[target_feature(enable = "avx2,f16c")]
unsafe fn two_blocks_inside<A: Lanewise, S: Square<N>, const N: usize, const BACKWARD: bool>(
    (x, x_pitch): (*const u8, isize),
    (out, out_pitch): (*mut u8, isize),
    d: usize,
    late: &[i64; 4],
    (acc, before): &mut State,
) {
    let by = (d * size_of::<A::T>()) as isize;
    let by = if BACKWARD { -by } else { by };
    let at = |k: usize| if BACKWARD { N - 1 - k } else { k };
    // SAFETY: this function's.
    unsafe {
        let late = avx2::load(late.as_ptr().cast());
        let mut blocks = [S::load(x, x_pitch), S::load(x.wrapping_offset(by), x_pitch)];
        let mut after = [*acc; N];
        // Loops that are not taken apart, else the code is twice as long.
        for (i, block) in blocks.iter_mut().enumerate().take(opaque(2)) {
            for k in 0..N {
                let c = &mut block[at(k)];
                *acc = A::step_lanes(*acc, *c);
                *c = shown(late, *before, *acc);
                *before = *acc;
                after[k] = *acc;
            }
            if i == 0 {
                *acc = after[d - 1];
                *before = *acc;
            }
        }
        let mut out = out;
        for block in blocks.iter().take(opaque(2)) {
            S::store::<false>(out, out_pitch, *block);
            out = out.wrapping_offset(by);
        }
    }
}

/// A group's accumulators, and what an exclusive scan shows next.
type State = (__m256i, __m256i);
