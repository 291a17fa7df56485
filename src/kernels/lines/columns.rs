//! Across, by 256-bit registers: from row to row, every lane a line.
//!
//! The columns of a block are independent, so the scan of a row is one operation a register, with no
//! shuffles; what it costs is memory traffic. Three things keep that low:
//!
//! * *Wide rows* are taken four at a time, column register by column register: the accumulators, which
//!   lie in memory, are read and written once for four rows.
//! * *Narrow rows*, of up to four registers, are walked in order with the accumulators in
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
//! Nothing is read or written outside the rows. Where they are no whole number of registers, the last one
//! overlaps the one before, and the lanes that both have are computed twice, to the same bits: parts of
//! registers are several times slower (rows of 10 f64: 1.1 ns an element, and 0.2 this way). All reads of a
//! place come before its writes, so `x` may be `out`.

use super::{Block, Panels};
use crate::simd::avx2::{self, Lanewise, WIDTH};
use crate::simd::cache::LINE;
use crate::simd::x86::anchor;
use std::arch::asm;
use std::arch::x86_64::{__m256i, _MM_HINT_T1, _mm_prefetch, _mm256_blendv_epi8, _mm256_min_epu8};
use std::ops::Range;

/// Bytes of the widest narrow rows.
const NARROW: usize = 4 * WIDTH;
/// Rows that are taken together where they are wide. Tried 8: 10 % slower, for they are too many
/// streams of memory at once.
const TOGETHER: usize = 4;

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
        ahead: Ahead::of(block, TOGETHER, bytes),
        // SAFETY: the instruction set is there.
        late: unsafe { late(block.exclusive) },
    };
    // SAFETY: this function's; each panel is one of the block's, with its accumulators.
    unsafe {
        if bytes > NARROW {
            return wide(panel, block, panels, stream, kind);
        }
        for _ in 0..panels.count {
            let (rows, started) = (block.rows, block.started);
            // Fewer kinds of rows, or each with a loop of its own, are more code for nothing.
            let last = bytes.wrapping_sub(WIDTH);
            match bytes.div_ceil(WIDTH) {
                1 if bytes < WIDTH => panel.part::<A>(rows, started),
                1 | 2 => panel.down::<A, 2>(rows, started, [0, last]),
                _ => panel.down::<A, 4>(rows, started, [0, WIDTH, last.min(2 * WIDTH), last]),
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
enum Step {
    /// The registers between two bytes of one row.
    Row(Range<usize>),
    /// The same of [`TOGETHER`] rows.
    Rows(Range<usize>),
    /// [`Row`](Step::Row) past the caches, which may begin at an aligned address only.
    StreamRow(Range<usize>),
    /// [`Rows`](Step::Rows) past the caches.
    StreamRows(Range<usize>),
    /// Two registers, which may overlap, of so many rows.
    Ends(usize, [usize; 2]),
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
            Step::Row(bytes) => panel.steps::<A, false, 1>(bytes),
            Step::Rows(bytes) => panel.steps::<A, false, TOGETHER>(bytes),
            Step::StreamRow(bytes) => panel.steps::<A, true, 1>(bytes),
            Step::StreamRows(bytes) => panel.steps::<A, true, TOGETHER>(bytes),
            Step::Ends(rows, places) => panel.down::<A, 2>(rows, true, places),
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
        // SAFETY: each panel is one of the block's, with its accumulators.
        unsafe { panel.wide(kind, block.rows, block.started, stream) }
        panel = panel.beside(panels);
    }
    if stream {
        // SAFETY: the instruction set is there.
        unsafe { avx2::fence() }
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

/// Where kernels that take several rows at a time ask for elements early.
///
/// That is in the next rows, since a processor does not foresee them (on a Zen 4, 128x256x256 f32 along: 1.9 ns
/// an element without, 0.31 with it; 100000x100 f64: 1.13 and 0.64). Long rows it foresees (8x10^6 f64: asking
/// a little further on in the same row costs a tenth).
#[derive(Clone, Copy)]
pub struct Ahead {
    /// Bytes from an element that is read to one that is asked for,
    x: isize,
    /// and from one that is written.
    out: isize,
    /// Half a cache line, to be added to addresses that never ask, else 0.
    never: usize,
}

impl Ahead {
    /// Where a block asks whose rows have so many bytes and are taken so many together.
    pub fn of(block: &Block, together: usize, bytes: usize) -> Ahead {
        /// Bytes up to which what is asked for stays in a second-level cache until it is read.
        const NEAR: usize = 64 << 10;
        let never = if block.ahead == 0 || together * bytes > NEAR {
            LINE / 2
        } else {
            0
        };
        Ahead {
            x: block.x_pitch * together as isize,
            out: block.out_pitch * together as isize,
            never,
        }
    }

    /// Asks for what comes after a register of each of `rows` rows, if it is the first half of a cache line;
    /// for where results go as well, unless that is past the caches.
    #[inline(always)]
    pub fn fetch<const STREAM: bool>(
        self,
        (x, x_pitch): (*const u8, isize),
        (out, out_pitch): (*mut u8, isize),
        rows: usize,
    ) {
        // Not a test whether to ask at all: the compiler would make two loops of one.
        if (x.addr() | self.never) & (LINE / 2) == 0 {
            // Pointers and a count that the compiler does not know keep the loop as small as it is here.
            let mut x = anchor(x.wrapping_offset(self.x));
            let mut out = anchor(out.cast_const().wrapping_offset(self.out));
            let mut left = opaque(rows);
            while {
                // SAFETY: the addresses may be anything.
                unsafe {
                    _mm_prefetch::<_MM_HINT_T1>(x.cast());
                    if !STREAM {
                        _mm_prefetch::<_MM_HINT_T1>(out.cast());
                    }
                }
                left -= 1;
                left > 0
            } {
                x = anchor(x.wrapping_offset(x_pitch));
                out = anchor(out.wrapping_offset(out_pitch));
            }
        }
    }
}

/// Whether results of rows of `bytes` bytes may go past the caches: whole registers at aligned addresses. Where
/// these are not the whole rows, the ends take the caches, and cache lines that go both ways are slow (10^5 rows
/// of 100 f64, 16 bytes behind an aligned address: 2.8 ns an element, and 0.8 by way of the caches).
pub fn may_stream(out: *const u8, pitch: isize, size: usize, bytes: usize) -> bool {
    /// Bytes of rows whose ends do not matter.
    const LONG: usize = 12 << 10;
    let misaligned = out.addr() % WIDTH;
    pitch % WIDTH as isize == 0
        && (misaligned == 0 || misaligned.is_multiple_of(size) && bytes >= LONG)
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
    ahead: Ahead,
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

    /// The first row of lines that have not started: it becomes the accumulators. It goes past the caches, if
    /// `stream`, from the aligned byte `head` on.
    #[inline(always)]
    unsafe fn first_row(self, kind: Kind, head: usize, stream: bool) {
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
            let tail = self.bytes - (self.bytes - head) % WIDTH;
            for part in [0..head, tail..self.bytes] {
                if !part.is_empty() {
                    let (at, n) = (part.start, part.len());
                    let first = _mm256_min_epu8(avx2::load_ends(self.x.add(at), n), largest);
                    avx2::store_ends(self.acc.add(at), first, n);
                    avx2::store_ends(self.out.add(at), shown(self.late, identity, first), n);
                }
            }
            for at in (head..tail).step_by(WIDTH) {
                let first = _mm256_min_epu8(avx2::load(self.x.add(at)), largest);
                avx2::store::<false>(self.acc.add(at), first);
                let shown = shown(self.late, identity, first);
                if stream {
                    avx2::store::<true>(self.out.add(at), shown);
                } else {
                    avx2::store::<false>(self.out.add(at), shown);
                }
            }
        }
    }

    /// The registers of some rows that begin at some places.
    #[inline(always)]
    unsafe fn down<A: Lanewise, const N: usize>(
        self,
        mut rows: usize,
        started: bool,
        places: [usize; N],
    ) {
        let mut panel = self;
        // SAFETY: the caller's: the registers are within the rows, and the rows within the panel.
        unsafe {
            let load = |p: *const u8| places.map(|at| avx2::load(p.add(at)));
            let mut acc = load(if started { self.acc } else { self.x });
            if !started {
                // The first row becomes the accumulators.
                let (identity, largest) = (avx2::splat(A::IDENTITY), avx2::splat(A::LARGEST_BYTE));
                for (acc, at) in acc.iter_mut().zip(places) {
                    *acc = _mm256_min_epu8(*acc, largest);
                    avx2::store::<false>(self.out.add(at), shown(self.late, identity, *acc));
                }
                (panel, rows) = (self.below(1), rows - 1);
            }
            for _ in 0..rows {
                let x = load(panel.x);
                for ((acc, x), at) in acc.iter_mut().zip(x).zip(places) {
                    let before = *acc;
                    *acc = A::step_lanes(before, x);
                    avx2::store::<false>(panel.out.add(at), shown(self.late, before, *acc));
                }
                panel = panel.below(1);
            }
            for (acc, at) in acc.into_iter().zip(places) {
                avx2::store::<false>(self.acc.add(at), acc);
            }
        }
    }

    /// Rows that are part of a register.
    #[inline(always)]
    unsafe fn part<A: Lanewise>(self, mut rows: usize, started: bool) {
        let (mut panel, n) = (self, self.bytes);
        // SAFETY: the caller's: every row is one of the panel's.
        unsafe {
            let mut acc = avx2::load_ends(if started { self.acc } else { self.x }, opaque(n));
            if !started {
                // The first row becomes the accumulators.
                let identity = avx2::splat(A::IDENTITY);
                acc = _mm256_min_epu8(acc, avx2::splat(A::LARGEST_BYTE));
                avx2::store_ends(self.out, shown(self.late, identity, acc), opaque(n));
                (panel, rows) = (self.below(1), rows - 1);
            }
            for _ in 0..rows {
                let before = acc;
                acc = A::step_lanes(before, avx2::load_ends(panel.x, opaque(n)));
                avx2::store_ends(panel.out, shown(self.late, before, acc), opaque(n));
                panel = panel.below(1);
            }
            avx2::store_ends(self.acc, acc, opaque(n));
        }
    }

    /// Rows of any length.
    #[inline(always)]
    unsafe fn wide(self, kind: Kind, rows: usize, started: bool, stream: bool) {
        let stream = stream && may_stream(self.out, self.out_pitch, kind.size, self.bytes);
        let head = if stream {
            self.out.addr().wrapping_neg() % WIDTH
        } else {
            0
        };
        let last = self.bytes - WIDTH;
        let tail = (self.bytes - head) % WIDTH;
        // Registers that overlap their neighbours are done together with these.
        let from = if head > 0 { head + WIDTH } else { 0 };
        let to = if tail > 0 { last - tail } else { self.bytes };
        let mut row = 0;
        if !started {
            // SAFETY: the caller's: there is a row.
            unsafe { self.first_row(kind, head, stream) }
            row = 1;
        }
        while row < rows {
            let (count, step) = match (rows - row >= TOGETHER, stream) {
                (false, false) => (1, Step::Row(from..to)),
                (false, true) => (1, Step::StreamRow(from..to)),
                (true, false) => (TOGETHER, Step::Rows(from..to)),
                (true, true) => (TOGETHER, Step::StreamRows(from..to)),
            };
            let panel = self.below(row);
            // SAFETY: every row is below `rows`, and has more registers than these three; rows that are
            // streamed are aligned behind the head.
            unsafe {
                if head > 0 {
                    (kind.step)(&panel, Step::Ends(count, [0, head]));
                }
                (kind.step)(&panel, step);
                if tail > 0 {
                    (kind.step)(&panel, Step::Ends(count, [to, last]));
                }
            }
            row += count;
        }
    }

    /// The registers between two bytes of the first `R` rows, from an aligned address on if `STREAM`.
    #[inline(always)]
    unsafe fn steps<A: Lanewise, const STREAM: bool, const R: usize>(self, bytes: Range<usize>) {
        let mut rows = [self; R];
        for (r, row) in rows.iter_mut().enumerate() {
            *row = self.below(r);
        }
        let mut at = bytes.start;
        while at < bytes.end {
            // SAFETY: a register of each row.
            unsafe {
                let mut acc = avx2::load(self.acc.add(at));
                if R == TOGETHER {
                    self.ahead.fetch::<STREAM>(
                        (self.x.wrapping_add(at), self.x_pitch),
                        (self.out.wrapping_add(at), self.out_pitch),
                        R,
                    );
                }
                for row in rows {
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
}
