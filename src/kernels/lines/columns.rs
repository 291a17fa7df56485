//! Across, by 256-bit registers: from row to row, every lane a line.
//!
//! The columns of a block are independent, so the scan of a row is one operation a register, with no
//! shuffles; what it costs is memory traffic. Three things keep that low:
//!
//! * *Wide rows* are taken four at a time, column register by column register: the accumulators, which
//!   lie in memory, are read and written once for four rows.
//! * *Narrow rows*, of one or two registers, are walked in order with the accumulators in
//!   registers. There the latency of one operation a row is the bound.
//! * Where the whole call is larger than the last-level cache, results go past the caches, so that no
//!   line is read only to be overwritten.
//!
//! ```text
//! wide:    for 4 rows r: for each register j:  a = acc[j]
//!                                              for r: a = a + x[r][j]; out[r][j] = a
//!                                              acc[j] = a
//! narrow:  for each row r: for each register j: a[j] = a[j] + x[r][j]; out[r][j] = a[j]
//! ```
//!
//! Within a register all reads of a place come before its writes, so `x` may be `out`. Nothing is
//! read or written outside the rows: what is left over at their ends moves in parts.

use super::{Block, Panels};
use crate::simd::avx2::{self, Lanewise, WIDTH};
use std::arch::asm;
use std::arch::x86_64::{__m256i, _MM_HINT_T0, _mm_prefetch, _mm256_blendv_epi8, _mm256_min_epu8};

/// Rows that are taken together where they are wide. Tried 8: 10 % slower, for they are too many
/// streams of memory at once.
const TOGETHER: usize = 4;
/// Bytes by which streaming loops read ahead of themselves in each row. Found with 4000x4000 f64,
/// where 256 to 1024 are equal.
const AHEAD: usize = 512;

/// Scans down the rows of each panel of the block.
///
/// # Safety
/// As [`super::Across`]; the processor has AVX2 and F16C.
#[target_feature(enable = "avx2,f16c")]
pub unsafe fn run<A: Lanewise>(block: &Block, panels: Panels, stream: bool) {
    let identity = A::IDENTITY;
    let kind = Kind {
        size: size_of::<A::T>(),
        identity: (&raw const identity).cast(),
        largest: A::LARGEST_BYTE,
        step: step::<A>,
    };
    let bytes = block.len * kind.size;
    let mut panel = Panel {
        x: block.x,
        x_pitch: block.x_pitch,
        out: block.out,
        out_pitch: block.out_pitch,
        bytes,
        acc: block.acc,
        // SAFETY: the instruction set is there.
        late: unsafe { late(block.exclusive) },
    };
    // SAFETY: this function's; each panel is one of the block's, with its accumulators.
    unsafe {
        if bytes > 2 * WIDTH {
            return wide(panel, block, panels, stream, kind);
        }
        for _ in 0..panels.count {
            if bytes <= WIDTH {
                panel.narrow::<A, 1>(block.rows, block.started);
            } else {
                panel.narrow::<A, 2>(block.rows, block.started);
            }
            panel = panel.beside(panels);
        }
    }
}

/// All that depends on operation and type where rows are wide, so that the rest is there once.
#[derive(Clone, Copy)]
struct Kind {
    /// Bytes of an element.
    size: usize,
    /// What an exclusive scan shows first.
    identity: *const u8,
    /// As [`Lanewise::LARGEST_BYTE`].
    largest: u8,
    /// The work on the rows of lines that have started.
    step: unsafe fn(&Panel, Step),
}

/// A piece of work, with the loops over registers in it.
#[derive(Clone, Copy)]
enum Step {
    /// One row from a byte on.
    Row(usize),
    /// [`TOGETHER`] rows from a byte on.
    Rows(usize),
    /// The same past the caches, which may begin at an aligned address only.
    Stream(usize),
    /// So many rows, from a byte on, of so many bytes: fewer than a register has.
    Part(usize, usize, usize),
}

/// Does a piece of work.
///
/// # Safety
/// The panel has the rows and bytes; the processor has AVX2 and F16C.
#[target_feature(enable = "avx2,f16c")]
unsafe fn step<A: Lanewise>(panel: &Panel, step: Step) {
    // SAFETY: this function's.
    unsafe {
        match step {
            Step::Row(at) => panel.steps::<A, false, 1>(at),
            Step::Rows(at) => panel.steps::<A, false, TOGETHER>(at),
            Step::Stream(at) => panel.steps::<A, true, TOGETHER>(at),
            Step::Part(rows, at, n) => panel.parts::<A>(rows, at, n),
        }
    }
}

/// [`run`] for panels of wide rows of every kind.
///
/// # Safety
/// As [`run`].
#[target_feature(enable = "avx2,f16c")]
unsafe fn wide(mut panel: Panel, block: &Block, panels: Panels, stream: bool, kind: Kind) {
    for _ in 0..panels.count {
        let mut rest = panel;
        let mut rows = block.rows;
        // SAFETY: each panel is one of the block's, with its accumulators.
        unsafe {
            if !block.started {
                rest.first_row(kind);
                rest = rest.below(1);
                rows -= 1;
            }
            rest.wide(kind, rows, stream);
        }
        panel = panel.beside(panels);
    }
    if stream {
        // SAFETY: the instruction set is there.
        unsafe { avx2::fence() }
    }
}

/// What a function reads.
#[inline(always)]
unsafe fn called(
    load: unsafe fn(*const u8, usize, &mut __m256i),
    p: *const u8,
    n: usize,
) -> __m256i {
    // SAFETY: the caller's.
    unsafe {
        let mut x = avx2::splat(0u8);
        load(p, n, &mut x);
        x
    }
}

/// Reads the first `n` bytes of a register, fewer than it has. In loops over rows (`HOT`) that is part
/// of the loop, but for the small types, which have many ways to make up a part.
#[inline(always)]
unsafe fn load_part<A: Lanewise, const HOT: bool>(p: *const u8, n: usize) -> __m256i {
    // SAFETY: the caller's.
    unsafe {
        match size_of::<A::T>() {
            1 => called(avx2::call_load_part::<1>, p, n),
            2 => called(avx2::call_load_part::<2>, p, n),
            4 if HOT => avx2::load_part::<4>(p, n),
            _ if HOT => avx2::load_part::<8>(p, n),
            _ => called(avx2::call_load_part::<4>, p, n),
        }
    }
}

/// Writes the first `n` bytes of a register, fewer than it has; `HOT` as above.
#[inline(always)]
unsafe fn store_part<A: Lanewise, const HOT: bool>(p: *mut u8, x: __m256i, n: usize) {
    // SAFETY: the caller's.
    unsafe {
        match size_of::<A::T>() {
            1 => avx2::call_store_part::<1>(p, &x, n),
            2 => avx2::call_store_part::<2>(p, &x, n),
            4 if HOT => avx2::store_part::<4>(p, x, n),
            _ if HOT => avx2::store_part::<8>(p, x, n),
            _ => avx2::call_store_part::<4>(p, &x, n),
        }
    }
}

/// The same number, which the compiler takes for another one each time: else it writes a loop of its
/// own for every way that a part can be made up, and the kernels of all types grow fivefold.
#[inline(always)]
fn opaque(mut n: usize) -> usize {
    // SAFETY: does nothing.
    unsafe { asm!("/* {0} */", inout(reg) n, options(nomem, nostack, preserves_flags)) }
    n
}

/// All ones for an exclusive scan, else 0: a register the compiler knows nothing of, for it would write
/// every loop twice.
///
/// # Safety
/// The processor has AVX2.
#[inline(always)]
pub unsafe fn late(exclusive: bool) -> __m256i {
    // SAFETY: this function's.
    unsafe { avx2::splat(-(opaque(exclusive as usize) as i64)) }
}

/// What an element's place shows.
///
/// # Safety
/// The processor has AVX2.
#[inline(always)]
pub unsafe fn shown(late: __m256i, before: __m256i, after: __m256i) -> __m256i {
    // SAFETY: this function's.
    unsafe { _mm256_blendv_epi8(after, before, late) }
}

/// Rows of `bytes` bytes.
#[derive(Clone, Copy)]
struct Panel {
    x: *const u8,
    x_pitch: isize,
    out: *mut u8,
    out_pitch: isize,
    bytes: usize,
    acc: *mut u8,
    /// All ones to show what stands before an element, else 0.
    late: __m256i,
}

impl Panel {
    /// Without the first `n` rows.
    #[inline(always)]
    fn below(self, n: usize) -> Panel {
        Panel {
            x: self.x.wrapping_offset(n as isize * self.x_pitch),
            out: self.out.wrapping_offset(n as isize * self.out_pitch),
            ..self
        }
    }

    /// The next of several panels.
    #[inline(always)]
    fn beside(self, panels: Panels) -> Panel {
        Panel {
            x: self.x.wrapping_offset(panels.x),
            out: self.out.wrapping_offset(panels.out),
            acc: self.acc.wrapping_add(self.bytes),
            ..self
        }
    }

    /// The first row of lines that have not started: it becomes the accumulators.
    #[inline(always)]
    unsafe fn first_row(self, kind: Kind) {
        // SAFETY: all bytes are the row's.
        unsafe {
            let identity = match kind.size {
                1 => avx2::splat(kind.identity.read()),
                2 => avx2::splat(kind.identity.cast::<u16>().read_unaligned()),
                4 => avx2::splat(kind.identity.cast::<u32>().read_unaligned()),
                8 => avx2::splat(kind.identity.cast::<u64>().read_unaligned()),
                _ => avx2::splat(kind.identity.cast::<u128>().read_unaligned()),
            };
            let largest = avx2::splat(kind.largest);
            let mut at = 0;
            while at + WIDTH <= self.bytes {
                let first = _mm256_min_epu8(avx2::load(self.x.add(at)), largest);
                avx2::store::<false>(self.acc.add(at), first);
                let shown = shown(self.late, identity, first);
                avx2::store::<false>(self.out.add(at), shown);
                at += WIDTH;
            }
            let n = self.bytes - at;
            if n > 0 {
                let mut first = identity;
                avx2::call_load_part::<1>(self.x.add(at), n, &mut first);
                first = _mm256_min_epu8(first, largest);
                avx2::call_store_part::<1>(self.acc.add(at), &first, n);
                let shown = shown(self.late, identity, first);
                avx2::call_store_part::<1>(self.out.add(at), &shown, n);
            }
        }
    }

    /// Rows of `N` registers, the last of which may not be full.
    #[inline(always)]
    unsafe fn narrow<A: Lanewise, const N: usize>(self, rows: usize, started: bool) {
        let last = (N - 1) * WIDTH;
        // 0 if the last one is full.
        let n = self.bytes % WIDTH;
        // SAFETY: the registers cover a row, and every row is one of the panel's.
        unsafe {
            let load = |p: *const u8, v: usize| match opaque(n) {
                0 => avx2::load(p.add(v * WIDTH)),
                _ if v * WIDTH < last => avx2::load(p.add(v * WIDTH)),
                n => load_part::<A, true>(p.add(last), n),
            };
            let store = |p: *mut u8, v: usize, x: __m256i| match opaque(n) {
                0 => avx2::store::<false>(p.add(v * WIDTH), x),
                _ if v * WIDTH < last => avx2::store::<false>(p.add(v * WIDTH), x),
                n => store_part::<A, true>(p.add(last), x, n),
            };
            let (mut panel, mut rows) = (self, rows);
            let from = if started { self.acc } else { self.x };
            let mut acc = [avx2::splat(0u8); N];
            for (v, acc) in acc.iter_mut().enumerate() {
                *acc = match opaque(n) {
                    n if n > 0 && v * WIDTH == last => load_part::<A, false>(from.add(last), n),
                    _ => avx2::load(from.add(v * WIDTH)),
                };
            }
            if !started {
                // The first row becomes the accumulators.
                let (identity, largest) = (avx2::splat(A::IDENTITY), avx2::splat(A::LARGEST_BYTE));
                for (v, acc) in acc.iter_mut().enumerate() {
                    *acc = _mm256_min_epu8(*acc, largest);
                    let shown = shown(self.late, identity, *acc);
                    let n = opaque(n);
                    if n > 0 && v * WIDTH == last {
                        store_part::<A, false>(self.out.add(last), shown, n);
                    } else {
                        avx2::store::<false>(self.out.add(v * WIDTH), shown);
                    }
                }
                (panel, rows) = (self.below(1), rows - 1);
            }
            for _ in 0..rows {
                for (v, acc) in acc.iter_mut().enumerate() {
                    let before = *acc;
                    *acc = A::step_lanes(before, load(panel.x, v));
                    let shown = shown(self.late, before, *acc);
                    store(panel.out, v, shown);
                }
                panel = panel.below(1);
            }
            for (v, &acc) in acc.iter().enumerate() {
                let n = opaque(n);
                if n > 0 && v * WIDTH == last {
                    store_part::<A, false>(self.acc.add(last), acc, n);
                } else {
                    avx2::store::<false>(self.acc.add(v * WIDTH), acc);
                }
            }
        }
    }

    /// Rows of any length.
    #[inline(always)]
    unsafe fn wide(self, kind: Kind, rows: usize, stream: bool) {
        let misaligned = self.out.addr() % WIDTH;
        let stream =
            stream && self.out_pitch % WIDTH as isize == 0 && misaligned.is_multiple_of(kind.size);
        let head = if stream {
            (WIDTH - misaligned) % WIDTH
        } else {
            0
        };
        let tail = (self.bytes - head) % WIDTH;
        let mut row = 0;
        while row < rows {
            let (count, step) = match rows - row {
                left if left < TOGETHER => (1, Step::Row(head)),
                _ if stream => (TOGETHER, Step::Stream(head)),
                _ => (TOGETHER, Step::Rows(head)),
            };
            let panel = self.below(row);
            // SAFETY: every row is below `rows`; rows that are streamed are aligned behind the head.
            unsafe {
                if head > 0 {
                    (kind.step)(&panel, Step::Part(count, 0, head));
                }
                (kind.step)(&panel, step);
                if tail > 0 {
                    (kind.step)(&panel, Step::Part(count, self.bytes - tail, tail));
                }
            }
            row += count;
        }
    }

    /// The whole registers of the first `R` rows from byte `at` on, which is an aligned address if `STREAM`.
    #[inline(always)]
    unsafe fn steps<A: Lanewise, const STREAM: bool, const R: usize>(self, mut at: usize) {
        let mut rows = [self; R];
        for (r, row) in rows.iter_mut().enumerate() {
            *row = self.below(r);
        }
        while at + WIDTH <= self.bytes {
            // SAFETY: a register of each row.
            unsafe {
                let mut acc = avx2::load(self.acc.add(at));
                for row in rows {
                    if STREAM {
                        _mm_prefetch::<_MM_HINT_T0>(row.x.wrapping_add(at + AHEAD).cast());
                    }
                    let before = acc;
                    acc = A::step_lanes(before, avx2::load(row.x.add(at)));
                    let shown = shown(self.late, before, acc);
                    avx2::store::<STREAM>(row.out.add(at), shown);
                }
                avx2::store::<false>(self.acc.add(at), acc);
            }
            at += WIDTH;
        }
    }

    /// The `n` bytes from `at` on of the first `rows` rows, fewer than a register has: what is left over at
    /// the ends of wide rows.
    #[inline(always)]
    unsafe fn parts<A: Lanewise>(self, rows: usize, at: usize, n: usize) {
        // SAFETY: the caller's: there are as many bytes and rows.
        unsafe {
            let mut acc = load_part::<A, false>(self.acc.add(at), n);
            let (mut x, mut out) = (self.x.wrapping_add(at), self.out.wrapping_add(at));
            for _ in 0..rows {
                let before = acc;
                acc = A::step_lanes(before, load_part::<A, false>(x, n));
                store_part::<A, false>(out, shown(self.late, before, acc), n);
                x = x.wrapping_offset(self.x_pitch);
                out = out.wrapping_offset(self.out_pitch);
            }
            store_part::<A, false>(self.acc.add(at), acc, n);
        }
    }
}
