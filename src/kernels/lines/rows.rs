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
//! elements. Two groups side by side hide the latency of the operation. All of a block is read before
//! any of it is written, so `x` may be `out`, also in an exclusive scan. What is left over at the
//! ends of rows moves in parts of registers, but rows of a few elements go one by one ([`SHORT`]); rows
//! that do not fill a group go to the kernel for single lines. Rows that run backward are taken from
//! their highest block down, and its columns from the last to the first.
//!
//! Tried: four groups (16 rows), up to 5 times slower, for the rows meet in the sets of the first-level
//! cache; scalar chains side by side without transposes, 1.5 to 2 times slower in cache.

use super::columns::{Ahead, late, may_stream, shown};
use super::{Block, Run};
use crate::simd::avx2::{self, Lanewise, WIDTH};
use crate::simd::square::{Bytes2, Bytes4, Bytes8, Bytes16, Square, row};
use crate::simd::x86::anchor;
use std::arch::x86_64::__m256i;

/// Rows this many bytes apart, or a multiple, share the sets of the first-level cache: there one group
/// at a time is faster than two.
const ALIAS: isize = 4096;

/// Rows of fewer elements that are not whole registers are scanned one by one: parts of registers cost more
/// than what the registers gain (rows of 3 f64: 1.10 ns an element by registers, 0.65 this way; of 15: 0.46 and
/// 0.39). That is for elements of 4 and 8 bytes: for the others it was not worth the code.
const SHORT: usize = 16;

/// Rows and their accumulators.
#[derive(Clone, Copy)]
struct Rows {
    /// The lowest element of the first row.
    x: *const u8,
    x_pitch: isize,
    /// Where its result goes.
    out: *mut u8,
    out_pitch: isize,
    len: usize,
    acc: *mut u8,
    started: bool,
    exclusive: bool,
    ahead: Ahead,
    /// As [`late`] says.
    late: __m256i,
}

impl Rows {
    /// The same, at addresses that the compiler knows nothing of: else it prepares for each row of a group
    /// to be counted on from group to group, which takes longer than a group of short rows.
    #[inline(always)]
    fn anchored(self) -> Rows {
        Rows {
            x: anchor(self.x),
            out: anchor(self.out.cast_const()).cast_mut(),
            ..self
        }
    }

    /// Without the first `n` rows.
    #[inline(always)]
    fn below<A: Lanewise>(self, n: usize) -> Rows {
        Rows {
            x: row(self.x, self.x_pitch, n),
            out: row(self.out, self.out_pitch, n),
            acc: self.acc.wrapping_add(n * size_of::<A::T>()),
            ..self
        }
    }

    /// Does the first element of `n` lines of an operation without a neutral element, and returns
    /// what remains to be done.
    #[inline(always)]
    unsafe fn first_column<A: Lanewise>(self, n: usize) -> Rows {
        let size = size_of::<A::T>();
        // SAFETY: the caller's: n rows of at least one element.
        unsafe {
            for r in 0..n {
                let x = row(self.x, self.x_pitch, r).cast::<A::T>();
                let first = A::first(x.read_unaligned());
                self.acc.cast::<A::T>().add(r).write(first);
                let shown = if self.exclusive { A::IDENTITY } else { first };
                let out = row(self.out, self.out_pitch, r).cast::<A::T>();
                out.write_unaligned(shown);
            }
        }
        Rows {
            x: self.x.wrapping_add(size),
            out: self.out.wrapping_add(size),
            len: self.len - 1,
            started: true,
            ..self
        }
    }

    /// `G` groups of rows, of which the first `head` columns stand before an aligned address. Backward
    /// rows are not streamed, and have started or a neutral element to start from.
    #[inline(always)]
    unsafe fn lines<
        A: Lanewise,
        S: Square<N>,
        const N: usize,
        const G: usize,
        const STREAM: bool,
        const BACKWARD: bool,
    >(
        self,
        head: usize,
    ) {
        // SAFETY: the caller's.
        unsafe {
            // One call: the code of a scan is long.
            let (mut rows, mut head) = (self, head);
            if !BACKWARD && !self.started && A::NEUTRAL.is_none() {
                rows = self.first_column::<A>(G * S::ROWS);
                head = if head > 0 {
                    head - 1
                } else {
                    (N - 1) * STREAM as usize
                };
            }
            rows.scan::<A, S, N, G, STREAM, BACKWARD>(head);
        }
    }

    /// The same, of lines that have started or have a neutral element to start from.
    #[inline(always)]
    unsafe fn scan<
        A: Lanewise,
        S: Square<N>,
        const N: usize,
        const G: usize,
        const STREAM: bool,
        const BACKWARD: bool,
    >(
        self,
        head: usize,
    ) {
        let size = size_of::<A::T>();
        // SAFETY: the columns of all blocks together are those of the rows.
        unsafe {
            let mut state: [State; G] = [(avx2::splat(A::IDENTITY), avx2::splat(A::IDENTITY)); G];
            for (g, (acc, before)) in state.iter_mut().enumerate() {
                if self.started {
                    *acc = avx2::load(self.acc.add(g * S::ROWS * size));
                    *before = *acc;
                } else if let Some(neutral) = A::NEUTRAL {
                    *acc = avx2::splat(neutral);
                }
            }
            let mut column = 0;
            let head = head.min(self.len);
            if head > 0 {
                self.part::<A, S, N, G, false>(&mut state, 0, head);
                column = head;
            }
            // Each loop for itself: blends and branches in it cost 10 to 30 % in the caches.
            column = if STREAM || BACKWARD {
                self.blocks::<A, S, N, G, true, STREAM, BACKWARD>(&mut state, column)
            } else if self.exclusive {
                self.blocks::<A, S, N, G, true, false, false>(&mut state, column)
            } else {
                self.blocks::<A, S, N, G, false, false, false>(&mut state, column)
            };
            if column < self.len {
                let n = self.len - column;
                let lowest = if BACKWARD { 0 } else { column };
                self.part::<A, S, N, G, BACKWARD>(&mut state, lowest, n);
            }
            for (g, (acc, _)) in state.iter().enumerate() {
                avx2::store::<false>(self.acc.add(g * S::ROWS * size), *acc);
            }
        }
    }

    /// Whole blocks from a column on, counted in the scan's direction, as many as there are; returns the
    /// column after them. Only with `EXCLUSIVE` may the scan be exclusive.
    #[inline(always)]
    unsafe fn blocks<
        A: Lanewise,
        S: Square<N>,
        const N: usize,
        const G: usize,
        const EXCLUSIVE: bool,
        const STREAM: bool,
        const BACKWARD: bool,
    >(
        self,
        state: &mut [State; G],
        mut column: usize,
    ) -> usize {
        let size = size_of::<A::T>();
        while column + N <= self.len {
            let lowest = if BACKWARD {
                self.len - N - column
            } else {
                column
            };
            for (g, (acc, before)) in state.iter_mut().enumerate() {
                let rows = self.below::<A>(g * S::ROWS);
                // SAFETY: the caller's: a block of the rows.
                unsafe {
                    let x = rows.x.wrapping_add(lowest * size);
                    let out = rows.out.wrapping_add(lowest * size);
                    self.ahead
                        .fetch::<STREAM>((x, self.x_pitch), (out, self.out_pitch), S::ROWS);
                    let mut c = S::load(x, self.x_pitch);
                    for k in 0..N {
                        let c = &mut c[if BACKWARD { N - 1 - k } else { k }];
                        *acc = A::step_lanes(*acc, *c);
                        *c = match (EXCLUSIVE, STREAM || BACKWARD) {
                            (false, _) => *acc,
                            (true, false) => *before,
                            (true, true) => shown(self.late, *before, *acc),
                        };
                        *before = *acc;
                    }
                    S::store::<STREAM>(out, self.out_pitch, c);
                }
            }
            column += N;
        }
        column
    }

    /// `n < N` columns, the lowest of which is `lowest`.
    #[inline(always)]
    unsafe fn part<
        A: Lanewise,
        S: Square<N>,
        const N: usize,
        const G: usize,
        const BACKWARD: bool,
    >(
        self,
        state: &mut [State; G],
        lowest: usize,
        n: usize,
    ) {
        let at = lowest * size_of::<A::T>();
        for (g, state) in state.iter_mut().enumerate() {
            let rows = self.below::<A>(g * S::ROWS);
            let (x, out) = (rows.x.wrapping_add(at), rows.out.wrapping_add(at));
            // SAFETY: the caller's.
            unsafe {
                step_part::<A, S, N, BACKWARD>(
                    (x, rows.x_pitch),
                    (out, rows.out_pitch),
                    n,
                    self.exclusive,
                    state,
                )
            }
        }
    }
}

/// Reads `n < N` columns: a function of its own for all operations on elements of a size, since its
/// code is long.
///
/// # Safety
/// As [`Square::load_part`].
// The compiler knows no function with a target feature that is never inlined: this one keeps the other
// out of its callers.
#[inline(never)]
unsafe fn load_part<S: Square<N>, const N: usize>(
    p: *const u8,
    pitch: isize,
    n: usize,
    columns: &mut [__m256i; N],
) {
    // SAFETY: this function's.
    unsafe { load_part_inside::<S, N>(p, pitch, n, columns) }
}

/// [`load_part`] with the instruction set.
///
/// # Safety
/// As [`load_part`].
#[target_feature(enable = "avx2,f16c")]
unsafe fn load_part_inside<S: Square<N>, const N: usize>(
    p: *const u8,
    pitch: isize,
    n: usize,
    columns: &mut [__m256i; N],
) {
    // SAFETY: this function's.
    *columns = unsafe { S::load_part(p, pitch, n) };
}

/// Writes `n < N` columns.
///
/// # Safety
/// As [`Square::store_part`].
#[inline(never)]
unsafe fn store_part<S: Square<N>, const N: usize>(
    p: *mut u8,
    pitch: isize,
    columns: &[__m256i; N],
    n: usize,
) {
    // SAFETY: this function's.
    unsafe { store_part_inside::<S, N>(p, pitch, columns, n) }
}

/// [`store_part`] with the instruction set.
///
/// # Safety
/// As [`store_part`].
#[target_feature(enable = "avx2,f16c")]
unsafe fn store_part_inside<S: Square<N>, const N: usize>(
    p: *mut u8,
    pitch: isize,
    columns: &[__m256i; N],
    n: usize,
) {
    // SAFETY: this function's.
    unsafe { S::store_part(p, pitch, *columns, n) }
}

/// `n < N` columns of one group of rows.
///
/// # Safety
/// As [`Run`]; the processor has AVX2 and F16C.
#[inline(never)]
unsafe fn step_part<A: Lanewise, S: Square<N>, const N: usize, const BACKWARD: bool>(
    x: (*const u8, isize),
    out: (*mut u8, isize),
    n: usize,
    exclusive: bool,
    state: &mut State,
) {
    // SAFETY: this function's.
    unsafe { step_part_inside::<A, S, N, BACKWARD>(x, out, n, exclusive, state) }
}

/// [`step_part`] with the instruction set.
///
/// # Safety
/// As [`step_part`].
#[target_feature(enable = "avx2,f16c")]
unsafe fn step_part_inside<A: Lanewise, S: Square<N>, const N: usize, const BACKWARD: bool>(
    (x, x_pitch): (*const u8, isize),
    (out, out_pitch): (*mut u8, isize),
    n: usize,
    exclusive: bool,
    (acc, before): &mut State,
) {
    // SAFETY: this function's.
    unsafe {
        let mut columns = [*acc; N];
        load_part::<S, N>(x, x_pitch, n, &mut columns);
        for k in 0..n {
            let c = &mut columns[if BACKWARD { n - 1 - k } else { k }];
            *acc = A::step_lanes(*acc, *c);
            *c = if exclusive { *before } else { *acc };
            *before = *acc;
        }
        store_part::<S, N>(out, out_pitch, &columns, n);
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
    // SAFETY: this function's.
    unsafe {
        if BOTH_WAYS && block.backward {
            match size_of::<A::T>() {
                4 => grouped::<A, Bytes4, 8, 1, 1, true>(block, rest, false),
                8 => grouped::<A, Bytes8, 4, 2, 1, true>(block, rest, false),
                16 => grouped::<A, Bytes16, 2, 4, 2, true>(block, rest, false),
                _ => rest(block),
            }
        } else {
            match size_of::<A::T>() {
                2 => grouped::<A, Bytes2, 8, 1, 1, false>(block, rest, stream),
                4 => grouped::<A, Bytes4, 8, 1, 1, false>(block, rest, stream),
                8 => grouped::<A, Bytes8, 4, 2, 1, false>(block, rest, stream),
                16 => grouped::<A, Bytes16, 2, 4, 2, false>(block, rest, stream),
                _ => rest(block),
            }
        }
    }
}

/// Scans short rows, one element after the other. The rows do not wait for each other, so the processor does
/// several at a time.
///
/// # Safety
/// As [`Run`]; the block is exclusive or not as `EXCLUSIVE` says.
#[inline(always)]
unsafe fn short<A: Lanewise, const EXCLUSIVE: bool>(block: &Block) {
    let (mut x, mut out) = (block.x.cast::<A::T>(), block.out.cast::<A::T>());
    for row in 0..block.rows {
        // SAFETY: the caller's: a row, and its accumulator, which is read if there is one.
        unsafe {
            let slot = block.acc.cast::<A::T>().add(row);
            let first = x.read_unaligned();
            let (before, mut acc) = if block.started {
                (slot.read(), A::step(slot.read(), first))
            } else {
                (A::IDENTITY, A::first(first))
            };
            out.write_unaligned(if EXCLUSIVE { before } else { acc });
            for k in 1..block.len {
                let before = acc;
                acc = A::step(acc, x.add(k).read_unaligned());
                out.add(k)
                    .write_unaligned(if EXCLUSIVE { before } else { acc });
            }
            slot.write(acc);
        }
        x = x.wrapping_byte_offset(block.x_pitch);
        out = out.wrapping_byte_offset(block.out_pitch);
    }
}

/// [`run`] with `G` groups at a time, with `H` where rows would meet in the cache, and where results go
/// past the caches.
#[inline(always)]
unsafe fn grouped<
    A: Lanewise,
    S: Square<N>,
    const N: usize,
    const G: usize,
    const H: usize,
    const BACKWARD: bool,
>(
    block: &Block,
    rest: Run,
    stream: bool,
) {
    let scalar = !BACKWARD && matches!(size_of::<A::T>(), 4 | 8);
    if scalar && block.len < SHORT && !block.len.is_multiple_of(N) {
        // SAFETY: this function's.
        return unsafe {
            if block.exclusive {
                short::<A, true>(block)
            } else {
                short::<A, false>(block)
            }
        };
    }
    let size = size_of::<A::T>();
    // From the first element of a row to the lowest.
    let before = if BACKWARD { (block.len - 1) * size } else { 0 };
    let bytes = block.len * size;
    let out = block.out.wrapping_sub(before);
    let stream = stream && N * size == WIDTH && may_stream(out, block.out_pitch, size, bytes);
    let head = if stream {
        out.addr().wrapping_neg() % WIDTH / size
    } else {
        0
    };
    let alone = stream || block.x_pitch % ALIAS == 0 || block.out_pitch % ALIAS == 0;
    let (few, many) = (H * S::ROWS, G * S::ROWS);
    let mut rows = Rows {
        x: block.x.wrapping_sub(before),
        x_pitch: block.x_pitch,
        out,
        out_pitch: block.out_pitch,
        len: block.len,
        acc: block.acc,
        started: block.started,
        exclusive: block.exclusive,
        ahead: Ahead::of(block, if alone { few } else { many }, bytes),
        // SAFETY: the instruction set is there.
        late: unsafe { late(block.exclusive) },
    };
    let mut left = block.rows;
    // SAFETY: groups are taken from the block's rows; streaming rows are aligned behind the head.
    unsafe {
        if G > H && !alone {
            while left >= many {
                rows = rows.anchored();
                rows.lines::<A, S, N, G, false, BACKWARD>(0);
                (rows, left) = (rows.below::<A>(many), left - many);
            }
        }
        while left >= few {
            rows = rows.anchored();
            if stream && !BACKWARD {
                rows.lines::<A, S, N, H, true, false>(head);
            } else {
                rows.lines::<A, S, N, H, false, BACKWARD>(0);
            }
            (rows, left) = (rows.below::<A>(few), left - few);
        }
        if stream {
            avx2::fence();
        }
        if left > 0 {
            rest(&Block {
                x: rows.x.wrapping_add(before),
                out: rows.out.wrapping_add(before),
                acc: rows.acc,
                rows: left,
                ..*block
            });
        }
    }
}
