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
//! that may be many elements, by a block that overlaps the one before ([`two_blocks`]). Rows that do not fill a
//! group go to the kernel for single lines. Rows that run backward are taken from their highest block down, and
//! its columns from the last to the first.
//!
//! Rows shorter than a block are one stream of registers if there are no gaps between them ([`flat`]), else they
//! go one by one ([`short`]).
//!
//! Tried: four groups (16 rows), up to 5 times slower, for the rows meet in the sets of the first-level
//! cache; two groups of 8-byte elements, no faster, since the processor overlaps one group with the next; parts
//! of registers at the ends of rows, 1.2 to 2 times slower than elements and overlapping blocks.

use super::columns::{may_stream, shown};
use super::{Along, Block, Run};
use crate::elem::Elem;
use crate::kernels::along;
use crate::simd::anchor;
use crate::simd::avx2::{self, Lanewise, WIDTH};
use crate::simd::cache::LINE;
use crate::simd::square::{Bytes2, Bytes4, Bytes8, Bytes16, Square, row};
use std::arch::asm;
use std::arch::x86_64::*;

/// Where kernels that take several rows at a time ask for elements early.
///
/// That is in the next rows, since a processor does not foresee them (on a Zen 4, 128x256x256 f32 along: 1.9 ns
/// an element without, 0.31 with it; 100000x100 f64: 1.13 and 0.64). Long rows it foresees (8x10^6 f64: asking
/// a little further on in the same row costs a tenth).
#[derive(Clone, Copy)]
struct Ahead {
    /// Bytes from an element that is read to one that is asked for,
    x: isize,
    /// and from one that is written,
    out: isize,
    /// which is not asked for if it goes past the caches.
    stream: bool,
    /// Half a cache line, to be added to addresses that never ask, else 0.
    never: usize,
}

impl Ahead {
    /// Where a block asks whose rows have so many bytes and are taken so many together.
    fn of(block: &Block, together: usize, bytes: usize, stream: bool) -> Ahead {
        /// Bytes up to which what is asked for stays in a second-level cache until it is read.
        const NEAR: usize = 64 << 10;
        let never = if block.ahead == 0 || together * bytes > NEAR {
            LINE / 2
        } else {
            0
        };
        Ahead {
            stream,
            x: block.x_pitch * together as isize,
            out: block.out_pitch * together as isize,
            never,
        }
    }

    /// Asks for what comes after a register of each of `rows` rows, if it is the first half of a cache line, and
    /// for where results go as well.
    #[inline(always)]
    fn fetch(self, x: (*const u8, isize), out: (*mut u8, isize), rows: usize) {
        // Not a test whether to ask at all: the compiler would make two loops of one.
        if (x.0.addr() | self.never) & (LINE / 2) == 0 {
            self.ask(x, (out.0.cast_const(), out.1), rows);
        }
    }

    /// A function of its own, for it is a call or none for two blocks of every row.
    #[inline(never)]
    fn ask(
        self,
        (x, x_pitch): (*const u8, isize),
        (out, out_pitch): (*const u8, isize),
        rows: usize,
    ) {
        let (mut x, mut out) = (x.wrapping_offset(self.x), out.wrapping_offset(self.out));
        for _ in 0..rows {
            // SAFETY: the addresses may be anything.
            unsafe {
                _mm_prefetch::<_MM_HINT_T1>(x.cast());
                if !self.stream {
                    _mm_prefetch::<_MM_HINT_T1>(out.cast());
                }
            }
            (x, out) = (x.wrapping_offset(x_pitch), out.wrapping_offset(out_pitch));
        }
    }
}

/// A place and the distance of rows, of which the compiler knows nothing: else it keeps the addresses of all rows
/// from block to block and from group to group, more than there are registers, which takes longer than a group of
/// short rows.
#[inline(always)]
fn forgotten(first: *const u8, pitch: isize) -> (*const u8, isize) {
    (anchor(first), opaque(pitch as usize) as isize)
}

/// The same number, which the compiler takes for another one each time.
#[inline(always)]
fn opaque(mut n: usize) -> usize {
    // SAFETY: does nothing.
    unsafe { asm!("/* {0} */", inout(reg) n, options(nomem, nostack, preserves_flags)) }
    n
}

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

/// Bytes of rows of numbers of 8 bytes that had better be read from memory one by one: too few for a processor to
/// foresee several streams, too many to be a single one (10^5 rows of 100 f64, not aligned: 1.49 ns an element in
/// groups and 1.15 one by one; of 48: 1.12 in groups; of 300: 1.08 and 1.13). Longer ones of 16 bytes too: one line takes no longer than memory does, and rows that
/// begin at the same place of their pages are slow together (2048x4096 c128: 21 ns in groups).
const MIDDLING: std::ops::Range<usize> = 400..2048;

/// Rows of a block.
struct Rows {
    first: Place,
    x_pitch: isize,
    out_pitch: isize,
    len: usize,
    started: bool,
    keep: bool,
    exclusive: bool,
    stream: bool,
    /// Whether rows are better left to the kernel for single lines.
    alone: bool,
    ahead: Ahead,
    /// All ones if exclusive, else 0.
    late: [i64; 4],
}

/// Where a row begins: its lowest elements, and its accumulator.
#[derive(Clone, Copy)]
struct Place {
    x: *const u8,
    out: *mut u8,
    acc: *mut u8,
}

impl Rows {
    /// `n` rows further on.
    #[inline(always)]
    fn below<A: Lanewise>(&self, at: Place, n: usize) -> Place {
        Place {
            x: row(at.x, self.x_pitch, n),
            out: row(at.out, self.out_pitch, n),
            acc: at.acc.wrapping_add(n * size_of::<A::T>()),
        }
    }

    /// The rows of a block of elements of so many bytes, in blocks of so many columns, and how many columns stand
    /// before what goes past the caches. It is there once for all operations.
    #[inline(never)]
    fn of(
        block: &Block,
        size: usize,
        columns: usize,
        together: usize,
        neutral: bool,
        stream: bool,
    ) -> (Rows, usize) {
        // From the first element of a row to the lowest.
        let before = if block.backward {
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
            && !block.backward
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
                && !block.backward
                && block.ahead > 0
                && match size {
                    4 | 8 => !stream && MIDDLING.contains(&bytes),
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
            backward: false,
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
    unsafe fn lines<
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
        } else if BOTH_WAYS && block.backward {
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

/// Scans short rows of integers of one or two bytes.
///
/// # Safety
/// As [`run`], but for the size of elements.
pub unsafe fn small<A: Lanewise>(block: &Block, _rest: Run, _stream: bool) {
    // SAFETY: this function's; there is a neutral element for every integer.
    unsafe {
        if size_of::<A::T>() == 2 && block.len >= HALF {
            within::<A>(block);
        } else {
            brief_rows(
                block,
                size_of::<A::T>(),
                flat::<A>,
                along::run::<A>,
                along::run::<A>,
            );
        }
    }
}

/// Scans rows that are shorter than one or two blocks.
///
/// # Safety
/// As [`run`].
unsafe fn brief<A: Lanewise, const BOTH_WAYS: bool>(block: &Block) {
    let size = size_of::<A::T>();
    let gaps: Run = match size {
        4.. if BOTH_WAYS && block.backward => short::<A, BOTH_WAYS>,
        4.. => short::<A, false>,
        _ => along::run::<A>,
    };
    // SAFETY: this function's.
    unsafe { brief_rows(block, size, flat::<A>, along::run::<A>, gaps) }
}

/// Elements of two bytes in half a register.
const HALF: usize = 8;

/// Scans rows of at least [`HALF`] integers of two bytes, by prefixes within half registers. What is left over at the
/// end of a row is done by a half register that overlaps the one before.
///
/// # Safety
/// As [`Run`]; the processor has AVX2 and F16C. Rows run forward.
#[target_feature(enable = "avx2,f16c")]
unsafe fn within<A: Lanewise>(block: &Block) {
    const BYTES: usize = WIDTH / 2;
    let (odd, size) = (block.len % HALF, size_of::<A::T>());
    let step = |a, x| {
        // SAFETY: the instruction set is there.
        unsafe {
            let (a, x) = (_mm256_castsi128_si256(a), _mm256_castsi128_si256(x));
            _mm256_castsi256_si128(A::step_lanes(a, x))
        }
    };
    // SAFETY: this function's: the half registers of a row lie in it, the last one is read before any is written,
    // and the accumulators are read if there are some.
    unsafe {
        let splat = |value: A::T| _mm256_castsi256_si128(avx2::splat(value));
        let neutral = splat(A::NEUTRAL.unwrap_or(A::IDENTITY));
        // The bytes of an element in all lanes.
        let bytes = |lane: usize| _mm_set1_epi16((0x100 + 0x202 * lane) as i16);
        let (last, behind) = (bytes(HALF - 1), bytes(odd.wrapping_sub(1) % HALF));
        let results = |carry, x| {
            let x = step(_mm_alignr_epi8::<14>(x, neutral), x);
            let x = step(_mm_alignr_epi8::<12>(x, neutral), x);
            let x = step(_mm_alignr_epi8::<8>(x, neutral), x);
            step(carry, x)
        };
        let show = |out: *mut u8, carry, results| {
            let shown = if block.exclusive {
                _mm_alignr_epi8::<14>(results, carry)
            } else {
                results
            };
            _mm_storeu_si128(out.cast(), shown);
        };
        for r in 0..block.rows {
            let mut x = row(block.x, block.x_pitch, r);
            let mut out = row(block.out, block.out_pitch, r);
            let slot = block.acc.cast::<A::T>().wrapping_add(r);
            let end = _mm_loadu_si128(x.add(block.len * size - BYTES).cast());
            let mut carry = if block.started {
                splat(slot.read())
            } else {
                neutral
            };
            let mut shown = carry;
            for _ in 0..block.len / HALF {
                shown = results(carry, _mm_loadu_si128(x.cast()));
                show(out, carry, shown);
                carry = _mm_shuffle_epi8(shown, last);
                (x, out) = (x.wrapping_add(BYTES), out.wrapping_add(BYTES));
            }
            if odd > 0 {
                carry = _mm_shuffle_epi8(shown, behind);
                shown = results(carry, end);
                show(out.wrapping_sub((HALF - odd) * size), carry, shown);
            }
            if block.keep {
                _mm_storeu_si16(slot.cast(), _mm_srli_si128::<14>(shown));
            }
        }
    }
}

/// [`brief`] for elements of a size, by a way to scan streams, one for single rows, and one for rows with gaps.
///
/// # Safety
/// As [`brief`].
#[inline(never)]
unsafe fn brief_rows(block: &Block, size: usize, flat: unsafe fn(&Flat), each: Run, gaps: Run) {
    // SAFETY: this function's.
    unsafe {
        match Flat::of(block, size) {
            Some(part) => {
                each(&part.before);
                flat(&part);
                each(&part.after);
            }
            None if block.started || block.keep => each(block),
            None => gaps(block),
        }
    }
}

/// Scans short rows one after the other, element by element: so short that the processor has several of them in
/// hand, and their chains overlap.
///
/// Beside a plain loop, with four rows side by side and so, 2000 rows on a Zen 3: of 5 i64 1.20 and 0.95, of 7 1.04 and
/// 0.74, of 5 f32 maxima 1.32 and 0.90, of 5 c128 1.30 and 0.72, of 7 c64 0.46 and 0.28. Fours are unrolled: as a loop
/// with a pointer each, 1.2 to 1.5 times as long.
///
/// # Safety
/// As [`Run`], for lines that have not started and are not kept; the processor has AVX2 and F16C. Elements have 4
/// bytes at least, and rows run backward if `BACKWARD`.
#[target_feature(enable = "avx2,f16c")]
unsafe fn short<A: Lanewise, const BACKWARD: bool>(block: &Block) {
    // SAFETY: this function's.
    unsafe {
        if block.exclusive {
            one_by_one_rows::<A, BACKWARD, true>(block);
        } else {
            one_by_one_rows::<A, BACKWARD, false>(block);
        }
    }
}

/// [`short`], exclusive or not.
#[inline(always)]
unsafe fn one_by_one_rows<A: Lanewise, const BACKWARD: bool, const EXCLUSIVE: bool>(block: &Block) {
    let size = size_of::<A::T>() as isize;
    let step = if BACKWARD { -size } else { size };
    let (mut x, mut out) = (block.x, block.out);
    // SAFETY: the caller's: the elements of the rows; one is read before its place is written.
    unsafe {
        for _ in 0..block.rows {
            let mut acc = one::load::<A>(x);
            if EXCLUSIVE {
                out.cast::<A::T>().write_unaligned(A::IDENTITY);
            } else {
                one::store::<A>(out, acc);
            }
            let mut at = (x.wrapping_offset(step), out.wrapping_offset(step));
            let mut left = block.len - 1;
            while left >= 4 {
                (at, acc) = some::<A, 4, EXCLUSIVE>(at, step, acc);
                left -= 4;
            }
            // One question where nothing is left over: rows of five have few operations beside those that are asked.
            if left > 0 {
                if left & 2 != 0 {
                    (at, acc) = some::<A, 2, EXCLUSIVE>(at, step, acc);
                }
                if left & 1 != 0 {
                    some::<A, 1, EXCLUSIVE>(at, step, acc);
                }
            }
            x = x.wrapping_offset(block.x_pitch);
            out = out.wrapping_offset(block.out_pitch);
        }
    }
}

/// The next `N` elements of a row; where the others begin, and their accumulator.
#[inline(always)]
unsafe fn some<A: Lanewise, const N: usize, const EXCLUSIVE: bool>(
    (x, out): (*const u8, *mut u8),
    step: isize,
    mut acc: one::One<A::T>,
) -> ((*const u8, *mut u8), one::One<A::T>) {
    // SAFETY: the caller's: as many elements; one is read before its place is written.
    unsafe {
        for k in 0..N as isize {
            let next = one::load::<A>(x.wrapping_offset(k * step));
            let before = acc;
            acc = one::step::<A>(acc, next);
            let shown = if EXCLUSIVE { before } else { acc };
            one::store::<A>(out.wrapping_offset(k * step), shown);
        }
    }
    let by = N as isize * step;
    // Anchored, or else the compiler unrolls the loop once more.
    let x = anchor(x.wrapping_offset(by));
    ((x, out.wrapping_offset(by)), acc)
}

/// Single elements in the lowest lane of half a register, where floats live anyway: both parts of a complex number
/// go in one move and one operation.
mod one {
    use super::*;

    /// An element: in a register of floats, or as it is.
    #[derive(Clone, Copy)]
    pub union One<T: Copy> {
        lanes: __m128i,
        element: T,
    }

    /// Whether elements are floats on which a step is more than one operation.
    const fn lanes<A: Lanewise>() -> bool {
        <A::T as Elem>::NAN.is_some() && !A::LIGHT
    }

    /// # Safety
    /// As [`Lanewise::step_lanes`]; there is an element of 4, 8 or 16 bytes.
    #[inline(always)]
    pub unsafe fn load<A: Lanewise>(x: *const u8) -> One<A::T> {
        // SAFETY: this function's.
        unsafe {
            if !lanes::<A>() {
                let element = A::first(x.cast::<A::T>().read_unaligned());
                return One { element };
            }
            let lanes = match size_of::<A::T>() {
                4 => _mm_loadu_si32(x),
                8 => _mm_loadl_epi64(x.cast()),
                _ => _mm_loadu_si128(x.cast()),
            };
            One { lanes }
        }
    }

    /// # Safety
    /// As [`load`], for what it has read.
    #[inline(always)]
    pub unsafe fn store<A: Lanewise>(out: *mut u8, one: One<A::T>) {
        // SAFETY: this function's.
        unsafe {
            if !lanes::<A>() {
                out.cast::<A::T>().write_unaligned(one.element);
                return;
            }
            match size_of::<A::T>() {
                4 => _mm_storeu_si32(out, one.lanes),
                8 => _mm_storel_epi64(out.cast(), one.lanes),
                _ => _mm_storeu_si128(out.cast(), one.lanes),
            }
        }
    }

    /// # Safety
    /// As [`load`], for what it has read.
    #[inline(always)]
    pub unsafe fn step<A: Lanewise>(acc: One<A::T>, next: One<A::T>) -> One<A::T> {
        // SAFETY: this function's.
        unsafe {
            if !lanes::<A>() {
                let element = A::step(acc.element, next.element);
                return One { element };
            }
            let wide = |one: One<A::T>| _mm256_castsi128_si256(one.lanes);
            let lanes = _mm256_castsi256_si128(A::step_lanes(wide(acc), wide(next)));
            One { lanes }
        }
    }
}

/// A block of short rows without gaps as a stream of registers, and the rows around it.
struct Flat {
    before: Block,
    after: Block,
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
    fn of(block: &Block, size: usize) -> Option<Flat> {
        let (len, bytes) = (block.len, block.len * size);
        let lanes = WIDTH / size;
        // A register takes as many steps as a row has elements: few lanes are soon slower than single elements
        // (five f32: 0.38 ns an element and 0.36; 16 u8: 0.24, and 0.65 by other kernels).
        let longest = if size > 2 { lanes / 2 } else { lanes - 1 };
        let pitch = bytes as isize;
        let gaps = (block.x_pitch, block.out_pitch) != (pitch, pitch);
        if gaps || block.started || block.keep || block.rows < 3 * lanes || len > longest {
            return None;
        }
        // One row at least remains outside, on the side that elements before a register's are read from; and
        // stores to aligned addresses are the faster ones.
        let lowest = if block.backward { bytes - size } else { 0 };
        let first = !block.backward as usize;
        let aligned =
            |skip: &usize| (block.out.addr() - lowest + skip * bytes).is_multiple_of(WIDTH);
        let skip = (first..first + lanes).find(aligned).unwrap_or(first);
        // As many rows as a register has lanes fill as many registers as a row has elements.
        let groups = (block.rows - skip - block.backward as usize) / lanes;
        let registers = groups * len;
        let end = skip + groups * lanes;
        let (before, after) = (
            rows_of(block, size, 0, skip),
            rows_of(block, size, end, block.rows - end),
        );
        let mut columns = [0; WIDTH];
        // From the last register down, so that `x` may be `out`; backward, from the first up.
        let (at, by, turn) = if block.backward {
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
            bytes.fill(if block.backward {
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
            back: if block.backward {
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
/// As [`Run`]; the processor has AVX2 and F16C.
#[target_feature(enable = "avx2,f16c")]
unsafe fn flat<A: Lanewise>(part: &Flat) {
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
    const ROWS: usize = WIDTH / 2;
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
            for (r, room) in room.iter_mut().enumerate().take(block.rows) {
                let x = row(block.x, block.x_pitch, r).add(2 * first);
                x.copy_to_nonoverlapping(room.as_mut_ptr().cast(), 2 * n);
            }
            let (x, acc) = (room.as_mut_ptr().cast::<u8>(), accs.as_mut_ptr());
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
            for (r, room) in room.iter().enumerate().take(block.rows) {
                let out = row(block.out, block.out_pitch, r).add(2 * first);
                out.copy_from_nonoverlapping(room.as_ptr().cast(), 2 * n);
            }
            first += n;
        }
        if block.keep {
            slots.copy_from(accs.as_ptr(), block.rows);
        }
    }
}
