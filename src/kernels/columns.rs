//! Across, by 256-bit registers: from row to row, every lane a line.
//!
//! The columns of a block are independent, so the scan of a row is one operation a register, with no
//! shuffles; what it costs is memory traffic. Three things keep that low:
//!
//! * *Wide rows* are taken four at a time, column register by column register: the accumulators, which
//!   lie in memory, are read and written once for four rows.
//! * *Narrow rows*, of at most [`NARROW`] registers, are walked in order with the accumulators in
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

use super::{Block, Run};
use crate::simd::avx2::{self, Lanewise, WIDTH};
use std::arch::x86_64::{__m256i, _MM_HINT_T0, _mm_prefetch};

/// Most registers of a narrow row. Tried 8: no faster than the wide loop from 5 on.
const NARROW: usize = 4;
/// Bytes by which streaming loops read ahead of themselves in each row. Found with 4000x4000 f64,
/// where 256 to 1024 are equal.
const AHEAD: usize = 512;

/// The kernels of an accumulator: inclusive, exclusive.
pub const fn kernels<A: Lanewise>() -> [Run; 2] {
    [run::<A, false>, run::<A, true>]
}

/// Scans down the rows of each panel of the block.
///
/// # Safety
/// As [`Run`]; the processor has AVX2 and F16C.
#[target_feature(enable = "avx2,f16c")]
unsafe fn run<A: Lanewise, const EXCLUSIVE: bool>(block: &Block) {
    let bytes = block.len * size_of::<A::T>();
    let mut panel = Panel {
        x: block.x,
        x_pitch: block.x_pitch,
        out: block.out,
        out_pitch: block.out_pitch,
        bytes,
        rows: block.rows,
        acc: block.acc,
        started: block.started,
    };
    for _ in 0..block.panels.count {
        // SAFETY: each panel is one of the block's, with its accumulators.
        unsafe {
            match bytes.div_ceil(WIDTH) {
                1 => panel.narrow::<A, EXCLUSIVE, 1>(),
                2 => panel.narrow::<A, EXCLUSIVE, 2>(),
                3 => panel.narrow::<A, EXCLUSIVE, 3>(),
                NARROW => panel.narrow::<A, EXCLUSIVE, NARROW>(),
                _ => panel.wide::<A, EXCLUSIVE>(block.stream),
            }
        }
        panel.x = panel.x.wrapping_offset(block.panels.x);
        panel.out = panel.out.wrapping_offset(block.panels.out);
        panel.acc = panel.acc.wrapping_add(bytes);
    }
    if block.stream {
        // SAFETY: the instruction set is there.
        unsafe { avx2::fence() }
    }
}

/// What an exclusive scan shows before the first element.
#[inline(always)]
unsafe fn identity<A: Lanewise>() -> __m256i {
    // SAFETY: the caller has the instruction set.
    unsafe { avx2::splat(A::IDENTITY) }
}

/// One panel: rows of `bytes` bytes.
struct Panel {
    x: *const u8,
    x_pitch: isize,
    out: *mut u8,
    out_pitch: isize,
    bytes: usize,
    rows: usize,
    acc: *mut u8,
    started: bool,
}

/// The part of a row that one operation takes.
#[derive(Clone, Copy)]
enum Part {
    /// A whole register.
    Whole,
    /// This many bytes.
    Bytes(usize),
}

impl Part {
    #[inline(always)]
    unsafe fn load<A: Lanewise>(self, p: *const u8) -> __m256i {
        // SAFETY: the caller's.
        unsafe {
            match (self, size_of::<A::T>()) {
                (Part::Whole, _) => avx2::load(p),
                (Part::Bytes(n), 1) => avx2::load_part::<1>(p, n),
                (Part::Bytes(n), 2) => avx2::load_part::<2>(p, n),
                (Part::Bytes(n), 4) => avx2::load_part::<4>(p, n),
                (Part::Bytes(n), _) => avx2::load_part::<8>(p, n),
            }
        }
    }

    #[inline(always)]
    unsafe fn store<A: Lanewise, const STREAM: bool>(self, p: *mut u8, x: __m256i) {
        // SAFETY: the caller's.
        unsafe {
            match (self, size_of::<A::T>()) {
                (Part::Whole, _) => avx2::store::<STREAM>(p, x),
                (Part::Bytes(n), 1) => avx2::store_part::<1>(p, x, n),
                (Part::Bytes(n), 2) => avx2::store_part::<2>(p, x, n),
                (Part::Bytes(n), 4) => avx2::store_part::<4>(p, x, n),
                (Part::Bytes(n), _) => avx2::store_part::<8>(p, x, n),
            }
        }
    }
}

impl Panel {
    /// Rows of `N` registers, the last of which may not be full.
    #[inline(always)]
    unsafe fn narrow<A: Lanewise, const EXCLUSIVE: bool, const N: usize>(&self) {
        let part = match self.bytes % WIDTH {
            0 => Part::Whole,
            rest => Part::Bytes(rest),
        };
        let part = |v: usize| if v + 1 < N { Part::Whole } else { part };
        // SAFETY: the parts cover a row, and every row is one of the panel's.
        unsafe {
            let (mut x, mut out, mut left) = (self.x, self.out, self.rows);
            let mut acc = [identity::<A>(); N];
            for v in 0..N {
                let at = v * WIDTH;
                if self.started {
                    acc[v] = part(v).load::<A>(self.acc.add(at));
                } else {
                    let shown = acc[v];
                    acc[v] = A::first_lanes(part(v).load::<A>(x.add(at)));
                    let shown = if EXCLUSIVE { shown } else { acc[v] };
                    part(v).store::<A, false>(out.add(at), shown);
                }
            }
            if !self.started {
                left -= 1;
                x = x.wrapping_offset(self.x_pitch);
                out = out.wrapping_offset(self.out_pitch);
            }
            for _ in 0..left {
                for (v, acc) in acc.iter_mut().enumerate() {
                    let at = v * WIDTH;
                    let before = *acc;
                    *acc = A::step_lanes(before, part(v).load::<A>(x.add(at)));
                    let shown = if EXCLUSIVE { before } else { *acc };
                    part(v).store::<A, false>(out.add(at), shown);
                }
                x = x.wrapping_offset(self.x_pitch);
                out = out.wrapping_offset(self.out_pitch);
            }
            for (v, &acc) in acc.iter().enumerate() {
                part(v).store::<A, false>(self.acc.add(v * WIDTH), acc);
            }
        }
    }

    /// Rows of any length.
    #[inline(always)]
    unsafe fn wide<A: Lanewise, const EXCLUSIVE: bool>(&self, stream: bool) {
        let misaligned = self.out.addr() % WIDTH;
        let stream = stream
            && self.out_pitch % WIDTH as isize == 0
            && misaligned.is_multiple_of(size_of::<A::T>());
        // SAFETY: as for this function; streaming rows are aligned behind the head.
        unsafe {
            if stream {
                let head = (WIDTH - misaligned) % WIDTH;
                self.wide_from::<A, EXCLUSIVE, true>(head)
            } else {
                self.wide_from::<A, EXCLUSIVE, false>(0)
            }
        }
    }

    /// Rows of which the first `head` bytes stand before an aligned address, if `STREAM`.
    #[inline(always)]
    unsafe fn wide_from<A: Lanewise, const EXCLUSIVE: bool, const STREAM: bool>(
        &self,
        head: usize,
    ) {
        let mut row = 0;
        // SAFETY: every row is below `rows`.
        unsafe {
            if !self.started {
                self.first_row::<A, EXCLUSIVE>();
                row = 1;
            }
            while row + 4 <= self.rows {
                self.steps::<A, EXCLUSIVE, STREAM, 4>(row, head);
                row += 4;
            }
            while row < self.rows {
                self.steps::<A, EXCLUSIVE, STREAM, 1>(row, head);
                row += 1;
            }
        }
    }

    /// Calls `work` with the offset and the part of each register of a row.
    #[inline(always)]
    fn each_part(&self, head: usize, mut work: impl FnMut(usize, Part)) {
        let mut at = head;
        if head > 0 {
            work(0, Part::Bytes(head));
        }
        while at + WIDTH <= self.bytes {
            work(at, Part::Whole);
            at += WIDTH;
        }
        if at < self.bytes {
            work(at, Part::Bytes(self.bytes - at));
        }
    }

    /// The first row, which becomes the accumulators.
    #[inline(always)]
    unsafe fn first_row<A: Lanewise, const EXCLUSIVE: bool>(&self) {
        // SAFETY: the parts cover the row.
        self.each_part(0, |at, part| unsafe {
            let first = A::first_lanes(part.load::<A>(self.x.add(at)));
            part.store::<A, false>(self.acc.add(at), first);
            let shown = if EXCLUSIVE { identity::<A>() } else { first };
            part.store::<A, false>(self.out.add(at), shown);
        });
    }

    /// `R` rows from `row` on.
    #[inline(always)]
    unsafe fn steps<A: Lanewise, const EXCLUSIVE: bool, const STREAM: bool, const R: usize>(
        &self,
        row: usize,
        head: usize,
    ) {
        let x: [*const u8; R] =
            std::array::from_fn(|r| self.x.wrapping_offset((row + r) as isize * self.x_pitch));
        let out: [*mut u8; R] = std::array::from_fn(|r| {
            self.out
                .wrapping_offset((row + r) as isize * self.out_pitch)
        });
        // SAFETY: the parts cover the rows.
        self.each_part(head, |at, part| unsafe {
            let mut acc = part.load::<A>(self.acc.add(at));
            for r in 0..R {
                if STREAM {
                    _mm_prefetch::<_MM_HINT_T0>(x[r].wrapping_add(at + AHEAD).cast());
                }
                let before = acc;
                acc = A::step_lanes(before, part.load::<A>(x[r].add(at)));
                let shown = if EXCLUSIVE { before } else { acc };
                part.store::<A, STREAM>(out[r].add(at), shown);
            }
            part.store::<A, false>(self.acc.add(at), acc);
        });
    }
}
