//! Across, by 256-bit registers: from row to row, every lane a line.
//!
//! The columns of a block are independent, so the scan of a row is one operation a register, with no
//! shuffles; what it costs is memory traffic, and the order of that decides. Memory is best gone through in
//! its own order, row after row:
//!
//! * *Plain rows*: each is its elements combined with the results of the row before, which are still in the
//!   first-level cache. Where rows follow each other without gaps all of them are one long row, whose
//!   results are combined with those a row further up.
//! * *Held rows*, past the caches, where the results of the row before are not there to be read: accumulators
//!   beside each row, combined where they are and copied to where results belong.
//! * *Narrow rows*, of up to four registers, and both parts of rows of up to eight: down the rows with the
//!   accumulators in registers. A row that is read before the stores to it are done waits for them.
//!
//! An exclusive scan is an inclusive one of the rows above.
//!
//! ```text
//! plain:   for each row r: for each register j:  out[r][j] = out[r-1][j] + x[r][j]
//! held:    for each row r: for each register j:  acc[j] = acc[j] + x[r][j]; out[r][j] = acc[j]
//! narrow:  for each row r: for each register j:  a[j] = a[j] + x[r][j]; out[r][j] = a[j]
//! ```
//!
//! Tried: four rows at a time, a register of each after the other. A load waits for a store to an address with the
//! same lower bits (Zen 3, 1024x8192 f64, 64 KiB from row to row: 4.3 ns an element, the plain loop 0.95).
//!
//! Nothing is read or written outside the rows. Where they are no whole number of registers, the last one
//! overlaps the one before, and the lanes that both have are computed twice, to the same bits: parts of
//! registers are several times slower (rows of 10 f64: 1.1 ns an element, and 0.2 this way). All reads of a
//! place come before its writes, so `x` may be `out`.

mod panel;

use super::{Block, Panels};
use crate::elem::Elem;
use crate::kernels::{ACCUMULATORS, Few, along};
use crate::simd::avx2::{self, Lanewise, WIDTH};
use panel::{Aligned, Panel};
use std::arch::x86_64::{__m256i, _mm256_blendv_epi8};
use std::mem::MaybeUninit;
use std::ops::Range;

/// Bytes of the widest narrow rows.
const NARROW: usize = 4 * WIDTH;
/// Bytes of rows whose columns are better taken one by one: parts of registers take longer (rows of 2 u8: 3.9 ns an
/// element, and 1.2 by a plain loop).
const WORD: usize = 8;

/// A panel alone.
const ONE: Panels = Panels {
    count: 1,
    x: 0,
    out: 0,
};

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
        converts: A::CONVERTS,
        few: const {
            match <A::T as Elem>::NAN {
                None => Some(along::few::<A>),
                Some(_) => None,
            }
        },
        step: step::<A>,
    };
    // SAFETY: this function's.
    unsafe { every(block, panels, stream, kind) }
}

/// All that depends on operation and type, so that the rest is there once.
#[derive(Clone, Copy)]
struct Kind {
    /// Bytes of an element.
    size: usize,
    /// What an exclusive scan shows first.
    identity: *const u8,
    /// As [`Lanewise::CONVERTS`].
    converts: bool,
    /// Scans a column alone, in types whose operations do not wait long for each other.
    few: Option<Few>,
    step: unsafe fn(&Panel, Step),
}

/// A piece of work, with the loops over rows and registers in it.
enum Step {
    /// So many panels of rows, of lines that have started or not, which are part of a register, and no accumulators
    /// afterwards,
    Part(Panels),
    /// or these registers, of which some may overlap.
    Two(Panels, [usize; 2]),
    Four(Panels, [usize; 4]),
    /// So many panels of rows, each combined with the one before, the first with what stands `before`; where
    /// that is null, the first row, of `bytes` bytes, is what it shows.
    Plain {
        panels: Panels,
        before: *const u8,
        bytes: usize,
    },
}

/// Does a piece of work.
///
/// # Safety
/// The panels have the rows and bytes, at least two registers where the step takes no narrow rows; the
/// processor has AVX2 and F16C.
#[target_feature(enable = "avx2,f16c")]
unsafe fn step<A: Lanewise>(panel: &Panel, step: Step) {
    // SAFETY: this function's.
    unsafe {
        match step {
            Step::Part(panels) => panel.part::<A>(panels),
            Step::Two(panels, places) => panel.down::<A, 2>(panels, places),
            Step::Four(panels, places) => panel.down::<A, 4>(panels, places),
            Step::Plain {
                panels,
                before,
                bytes,
            } => {
                let mut panel = *panel;
                for _ in 0..panels.count {
                    let (mut rest, mut before) = (panel, before);
                    if before.is_null() {
                        panel.copy_row::<A>(bytes);
                        (rest, before) = (panel.below(1), panel.out);
                    }
                    rest.plain::<A>(before);
                    panel = panel.beside(panels);
                }
            }
        }
    }
}

/// [`run`] for every kind.
///
/// # Safety
/// As [`run`].
#[target_feature(enable = "avx2,f16c")]
unsafe fn every(block: &Block, panels: Panels, stream: bool, kind: Kind) {
    // What takes longer than memory had better not wait for it either.
    let stream = stream && !kind.converts;
    let panel = Panel {
        x: block.x,
        x_pitch: block.x_pitch,
        out: block.out,
        out_pitch: block.out_pitch,
        bytes: block.len * kind.size,
        rows: block.rows,
        acc: block.acc,
        started: block.started,
        keep: block.keep,
    };
    // SAFETY: this function's.
    unsafe {
        match block.exclusive {
            false => inclusive(panel, panels, stream, kind),
            true => exclusive(panel, panels, stream, kind),
        }
        if stream {
            avx2::fence();
        }
    }
}

/// Scans panels, each row with its elements.
///
/// # Safety
/// As [`run`].
#[target_feature(enable = "avx2,f16c")]
unsafe fn inclusive(mut panel: Panel, panels: Panels, stream: bool, kind: Kind) {
    let bytes = panel.bytes;
    // SAFETY: this function's; each panel is one of the block's, with its accumulators. Registers are within
    // rows.
    unsafe {
        if let Some(few) = kind.few
            && bytes <= WORD
            && !panel.started
            && !panel.keep
        {
            panel.one_by_one(few, kind, panels);
        } else if bytes <= if kind.converts { 2 * WIDTH } else { NARROW } {
            (kind.step)(&panel, narrow(0..bytes, panels));
            if bytes < WIDTH && panel.keep {
                panel.keep_last(panels);
            }
        } else if !stream && panel.soon(kind) {
            panel.parts(kind, panels);
        } else if !stream && !panel.started && !panel.keep {
            panel.plain_rows(kind, panels);
        } else {
            for _ in 0..panels.count {
                if stream && may_stream(panel.out, panel.out_pitch, kind.size, bytes) {
                    panel.held_rows(kind);
                } else {
                    panel.plain_rows(kind, ONE);
                }
                panel = panel.beside(panels);
            }
        }
    }
}

/// Scans panels, each row without its elements: the first row shows what the lines begin with, and the others
/// what an inclusive scan shows of the row before. Where results are written over elements, some rows of these
/// are copied first.
///
/// # Safety
/// As [`run`].
#[target_feature(enable = "avx2,f16c")]
unsafe fn exclusive(panel: Panel, panels: Panels, stream: bool, kind: Kind) {
    /// Bytes of rows that are copied at a time, where they are short.
    const ROOM: usize = 8 << 10;
    let Panel { bytes, rows, .. } = panel;
    // SAFETY: this function's; there is room for the rows that are copied. Results that are read are those of
    // an earlier row.
    unsafe {
        if panel.x != panel.out.cast_const() {
            // First rows are still in the first-level cache when the rows below them follow.
            let near = (ROOM / bytes / rows).max(1);
            let (mut panel, mut left) = (panel, panels.count);
            while left > 0 {
                let count = near.min(left);
                let panels = Panels { count, ..panels };
                panel.begin(kind, panels);
                if rows > 1 {
                    let above = Panel {
                        out: panel.below(1).out,
                        keep: false,
                        ..panel.first(rows - 1)
                    };
                    inclusive(above, panels, stream, kind);
                }
                if panel.keep {
                    panel.end(kind, panels);
                }
                for _ in 0..count {
                    panel = panel.beside(panels);
                }
                left -= count;
            }
            return;
        }
        let mut room = Aligned([MaybeUninit::uninit(); ACCUMULATORS]);
        let room = room.0.as_mut_ptr().cast::<u8>();
        for i in 0..panels.count as isize {
            let mut rest = panel;
            rest.x = panel.x.wrapping_offset(i * panels.x);
            rest.out = panel.out.wrapping_offset(i * panels.out);
            rest.acc = panel.acc.wrapping_add(i as usize * bytes);
            while rest.rows > 0 {
                let mut some = rest.first(rest.rows.min((ROOM / bytes).max(1)));
                for row in 0..some.rows {
                    let to = room.add(row * bytes);
                    to.copy_from_nonoverlapping(rest.below(row).x, bytes);
                }
                (some.x, some.x_pitch) = (room, bytes as isize);
                some.keep |= some.rows < rest.rows;
                exclusive(some, ONE, stream, kind);
                rest = rest.below(some.rows);
                rest.started = true;
            }
        }
    }
}

/// The step for some bytes of narrow rows.
fn narrow(bytes: Range<usize>, panels: Panels) -> Step {
    // Fewer kinds of rows, or each with a loop of its own, are more code for nothing.
    match bytes.len().div_ceil(WIDTH) {
        1 if bytes.len() < WIDTH => Step::Part(panels),
        1 | 2 => Step::Two(panels, [bytes.start, bytes.end - WIDTH]),
        _ => Step::Four(panels, places(bytes)),
    }
}

/// Where registers begin that cover bytes, as many as one to four of them.
fn places(bytes: Range<usize>) -> [usize; 4] {
    let last = bytes.end - WIDTH;
    [0, 1, 2, 3].map(|i| (bytes.start + i * WIDTH).min(last))
}

/// Bytes in front of the first multiple of `align` at or behind an address; 0 where an element would lie on it.
fn head(out: *mut u8, size: usize, align: usize) -> usize {
    let head = out.addr().wrapping_neg() % align;
    if head.is_multiple_of(size) { head } else { 0 }
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
