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

use super::{Block, Panels};
use crate::elem::Elem;
use crate::kernels::{ACCUMULATORS, Few, Short, along};
use crate::simd::avx2::{self, Lanewise, WIDTH};
use crate::simd::cache::LINE;
use std::arch::asm;
use std::arch::x86_64::{__m256i, _MM_HINT_T0, _mm_prefetch, _mm256_blendv_epi8, _mm256_min_epu8};
use std::mem::MaybeUninit;
use std::ops::Range;
use std::ptr::null;

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
    /// So many panels of rows, lines that have started or not, which are part of a register,
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
            Step::Part(panels) => {
                let mut panel = *panel;
                for _ in 0..panels.count {
                    panel.part::<A>();
                    panel = panel.beside(panels);
                }
            }
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

/// The same number, which the compiler takes for another one each time: else it writes a loop of its
/// own for every way that a part can be made up, and the kernels of all types grow fivefold.
#[inline(always)]
fn opaque(mut n: usize) -> usize {
    // SAFETY: does nothing.
    unsafe { asm!("/* {0} */", inout(reg) n, options(nomem, nostack, preserves_flags)) }
    n
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

/// Rows of `bytes` bytes.
#[derive(Clone, Copy)]
struct Panel {
    x: *const u8,
    x_pitch: isize,
    out: *mut u8,
    out_pitch: isize,
    bytes: usize,
    rows: usize,
    acc: *mut u8,
    /// Whether the accumulators hold something,
    started: bool,
    /// and are to hold something afterwards.
    keep: bool,
}

impl Panel {
    /// Without the first `n` rows.
    #[inline(always)]
    fn below(self, n: usize) -> Panel {
        Panel {
            x: self.x.wrapping_offset(n as isize * self.x_pitch),
            out: self.out.wrapping_offset(n as isize * self.out_pitch),
            rows: self.rows - n,
            ..self
        }
    }

    /// The first `n` rows.
    #[inline(always)]
    fn first(self, n: usize) -> Panel {
        Panel { rows: n, ..self }
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

    /// Some columns.
    #[inline(always)]
    fn columns(self, bytes: Range<usize>) -> Panel {
        Panel {
            x: self.x.wrapping_add(bytes.start),
            out: self.out.wrapping_add(bytes.start),
            acc: self.acc.wrapping_add(bytes.start),
            bytes: bytes.len(),
            ..self
        }
    }

    /// Columns one by one.
    ///
    /// # Safety
    /// As [`run`], of lines that have not started and leave no accumulators.
    #[inline(never)]
    unsafe fn one_by_one(mut self, few: Few, kind: Kind, panels: Panels) {
        for _ in 0..panels.count {
            for at in (0..self.bytes).step_by(kind.size) {
                let column = Short {
                    x: self.x.wrapping_add(at),
                    out: self.out.wrapping_add(at),
                    n: self.rows,
                    steps: [self.x_pitch, self.out_pitch],
                    exclusive: false,
                };
                // SAFETY: this function's: a column of the panel.
                unsafe { column.scan(few) };
            }
            self = self.beside(panels);
        }
    }

    /// Whether rows are read again so soon that stores to them still wait.
    #[inline(always)]
    fn soon(&self, kind: Kind) -> bool {
        self.bytes <= 2 * NARROW && self.rows >= 3 && kind.size >= 4
    }

    /// Panels of rows whose results may be read again: one, or any number if they have not started and no
    /// accumulators are kept.
    ///
    /// # Safety
    /// As [`run`]; the panels have wide rows.
    #[inline(always)]
    unsafe fn plain_rows(self, kind: Kind, panels: Panels) {
        let bytes = self.bytes;
        // SAFETY: this function's: all bytes are the rows', and of these there is one at least.
        unsafe {
            let (mut rest, mut before) = (self, null());
            let step = |before| Step::Plain {
                panels,
                before,
                bytes,
            };
            if self.started {
                before = self.acc.cast_const();
            }
            let pitch = bytes as isize;
            if (self.x_pitch, self.out_pitch) == (pitch, pitch) && self.rows > 1 {
                if self.started {
                    (kind.step)(&self.first(1), step(before));
                    before = self.out;
                    rest = self.below(1);
                }
                let first = !self.started as usize;
                rest.bytes *= rest.rows - first;
                rest.rows = 1 + first;
            }
            (kind.step)(&rest, step(before));
            if self.keep {
                let last = self.below(self.rows - 1).out;
                self.acc.copy_from_nonoverlapping(last, bytes);
            }
        }
    }

    /// Panels of rows that are narrow in two parts, some panels or rows at a time.
    ///
    /// # Safety
    /// As [`Panel::plain_rows`].
    #[inline(always)]
    unsafe fn parts(self, kind: Kind, panels: Panels) {
        /// Bytes of rows that stay in the first-level cache until the second part is done.
        const NEAR: usize = 8 << 10;
        let near = NEAR / self.bytes;
        // As few registers as possible, and a whole one at least in each part.
        let middle = NARROW.min(self.bytes - WIDTH);
        let (mut panel, mut left) = (self, panels.count);
        while left > 0 {
            let count = (near / self.rows).clamp(1, left);
            let some = Panels { count, ..panels };
            let mut rest = panel;
            while rest.rows > 0 {
                let mut rows = rest.first(rest.rows.min(near));
                rows.keep |= rows.rows < rest.rows;
                // SAFETY: this function's: at least a register of each row.
                unsafe {
                    (kind.step)(&rows, Step::Four(some, places(0..middle)));
                    (kind.step)(&rows, narrow(middle..self.bytes, some));
                }
                rest = rest.below(rows.rows);
                rest.started = true;
            }
            for _ in 0..count {
                panel = panel.beside(panels);
            }
            left -= count;
        }
    }

    /// The first `bytes` bytes of lines that have not started, which are what they show.
    #[inline(always)]
    unsafe fn copy_row<A: Lanewise>(self, bytes: usize) {
        let last = bytes - WIDTH;
        // SAFETY: all bytes are the row's. What overlaps is the same once it has been done.
        unsafe {
            let largest = avx2::splat(A::LARGEST_BYTE);
            let first = |at| _mm256_min_epu8(avx2::load(self.x.add(at)), largest);
            let mut at = 0;
            while at < last {
                avx2::store::<false>(self.out.add(at), first(at));
                at += WIDTH;
            }
            avx2::store::<false>(self.out.add(last), first(last));
        }
    }

    /// Writes what lines begin with to the first row of each panel.
    ///
    /// # Safety
    /// As [`run`].
    #[inline(always)]
    unsafe fn begin(mut self, kind: Kind, panels: Panels) {
        let Panel { bytes, .. } = self;
        // SAFETY: this function's: all bytes are the row's.
        unsafe {
            let identity = match kind.size {
                1 => avx2::splat(kind.identity.read()),
                2 => avx2::splat(kind.identity.cast::<u16>().read_unaligned()),
                4 => avx2::splat(kind.identity.cast::<u32>().read_unaligned()),
                8 => avx2::splat(kind.identity.cast::<u64>().read_unaligned()),
                _ => avx2::splat(kind.identity.cast::<u128>().read_unaligned()),
            };
            for _ in 0..panels.count {
                if self.started {
                    self.out.copy_from_nonoverlapping(self.acc, bytes);
                } else if bytes < WIDTH {
                    avx2::store_ends(self.out, identity, bytes);
                } else {
                    let last = bytes - WIDTH;
                    avx2::store::<false>(self.out.add(last), identity);
                    let mut at = 0;
                    while at < last {
                        avx2::store::<false>(self.out.add(at), identity);
                        at += WIDTH;
                    }
                }
                self = self.beside(panels);
            }
        }
    }

    /// Brings the accumulators of panels whose rows are done to behind the last one.
    ///
    /// # Safety
    /// As [`run`].
    #[inline(always)]
    unsafe fn end(mut self, kind: Kind, panels: Panels) {
        let Panel { bytes, rows, .. } = self;
        let mut nowhere = Aligned([MaybeUninit::uninit(); ACCUMULATORS]);
        // SAFETY: this function's: all bytes are the row's, and there is room for them.
        unsafe {
            for _ in 0..panels.count {
                let last = self.below(rows - 1);
                if rows > 1 {
                    self.acc.copy_from_nonoverlapping(last.out, bytes);
                }
                let last = Panel {
                    out: nowhere.0.as_mut_ptr().cast(),
                    started: self.started || rows > 1,
                    ..last
                };
                inclusive(last, ONE, false, kind);
                self = self.beside(panels);
            }
        }
    }

    /// Rows past the caches, some registers at a time: combined with elements where accumulators are, and copied
    /// from there.
    ///
    /// # Safety
    /// As [`Panel::plain_rows`]; the panel may be streamed.
    #[inline(always)]
    unsafe fn held_rows(self, kind: Kind) {
        /// Bytes that are done at a time.
        const PIECE: usize = 4 << 10;
        let mut row = self;
        while row.rows > 0 {
            let started = self.started || row.rows < self.rows;
            let mut at = 0;
            while at < self.bytes {
                // All pieces but the first begin on a cache line of results.
                let head = row.out.wrapping_add(at).addr().wrapping_neg() % LINE;
                let len = match self.bytes - at {
                    rest if rest > PIECE + 2 * NARROW => PIECE + head,
                    rest => rest,
                };
                let piece = row.columns(at..at + len).first(1);
                let before = if started {
                    piece.acc.cast_const()
                } else {
                    null()
                };
                let step = Step::Plain {
                    panels: ONE,
                    before,
                    bytes: len,
                };
                let next = piece.x.wrapping_offset(self.x_pitch);
                // SAFETY: this function's: all bytes are the row's.
                unsafe {
                    let held = Panel {
                        out: piece.acc,
                        ..piece
                    };
                    (kind.step)(&held, step);
                    copy_past(piece.acc, piece.out, len, next);
                }
                at += len;
            }
            row = row.below(1);
        }
    }

    /// The registers that begin at some places of all rows of each panel.
    #[inline(always)]
    unsafe fn down<A: Lanewise, const N: usize>(self, panels: Panels, places: [usize; N]) {
        let mut panel = self;
        // SAFETY: the caller's: the registers are within the rows, and the rows within the panels.
        unsafe {
            for _ in 0..panels.count {
                let mut row = panel;
                let mut acc = load(if self.started { panel.acc } else { panel.x }, places);
                if !self.started {
                    // The first row becomes the accumulators.
                    let largest = avx2::splat(A::LARGEST_BYTE);
                    for (acc, at) in acc.iter_mut().zip(places) {
                        *acc = _mm256_min_epu8(*acc, largest);
                        avx2::store::<false>(row.out.add(at), *acc);
                    }
                    row = row.below(1);
                }
                while row.rows > 0 {
                    let x = load(row.x, places);
                    for ((acc, x), at) in acc.iter_mut().zip(x).zip(places) {
                        *acc = A::step_lanes(*acc, x);
                        avx2::store::<false>(row.out.add(at), *acc);
                    }
                    row = row.below(1);
                }
                if self.keep {
                    for (acc, at) in acc.into_iter().zip(places) {
                        avx2::store::<false>(panel.acc.add(at), acc);
                    }
                }
                panel = panel.beside(panels);
            }
        }
    }

    /// Rows that are part of a register.
    #[inline(always)]
    unsafe fn part<A: Lanewise>(self) {
        let (mut panel, n) = (self, self.bytes);
        // SAFETY: the caller's: every row is one of the panel's.
        unsafe {
            let mut acc = avx2::load_ends(if self.started { self.acc } else { self.x }, opaque(n));
            if !self.started {
                // The first row becomes the accumulators.
                acc = _mm256_min_epu8(acc, avx2::splat(A::LARGEST_BYTE));
                avx2::store_ends(self.out, acc, opaque(n));
                panel = self.below(1);
            }
            while panel.rows > 0 {
                acc = A::step_lanes(acc, avx2::load_ends(panel.x, opaque(n)));
                avx2::store_ends(panel.out, acc, opaque(n));
                panel = panel.below(1);
            }
            if self.keep {
                avx2::store_ends(self.acc, acc, opaque(n));
            }
        }
    }

    /// See [`Step::Plain`].
    #[inline(always)]
    unsafe fn plain<A: Lanewise>(self, mut before: *const u8) {
        let Panel { bytes, .. } = self;
        let (mut panel, last) = (self, bytes - WIDTH);
        while panel.rows > 0 {
            let Panel { x, out, .. } = panel;
            // Conversions take longer than stores that cross cache lines, unless results are read across what was
            // written at once.
            let head = if A::CONVERTS && before.addr().wrapping_sub(out.addr()) % (WIDTH / 2) == 0 {
                0
            } else {
                head(out, size_of::<A::T>(), WIDTH)
            };
            // SAFETY: the caller's: the registers are the rows'. What overlaps is read before any of it is
            // written, and the row before is written, or as far as it is needed if it is part of this one.
            unsafe {
                let [first, second, end] = load(x, [0, head, last]);
                let [before_second, mut before_end] = load(before, [head, last]);
                if head > 0 {
                    put::<A>(before, first, out);
                }
                avx2::store::<false>(out.add(head), A::step_lanes(before_second, second));
                let mut at = head + WIDTH;
                while at + WIDTH <= last {
                    let (a, b) = (avx2::load(x.add(at)), avx2::load(x.add(at + WIDTH)));
                    put::<A>(before.add(at), a, out.add(at));
                    put::<A>(before.add(at + WIDTH), b, out.add(at + WIDTH));
                    at += 2 * WIDTH;
                }
                if at <= last {
                    put::<A>(before.add(at), avx2::load(x.add(at)), out.add(at));
                    at += WIDTH;
                }
                if at < bytes {
                    if before != out.cast_const() {
                        before_end = avx2::load(before.add(last));
                    }
                    avx2::store::<false>(out.add(last), A::step_lanes(before_end, end));
                }
            }
            before = out;
            panel = panel.below(1);
        }
    }
}

/// Copies `len` bytes, at least a register, past the caches, and asks for as many at `next`.
///
/// # Safety
/// They are readable and writable; the processor has AVX2.
#[inline(always)]
unsafe fn copy_past(from: *const u8, to: *mut u8, len: usize, next: *const u8) {
    let head = to.addr().wrapping_neg() % WIDTH;
    // SAFETY: this function's. Addresses that are asked for may be anything.
    unsafe {
        if head > 0 {
            avx2::store::<false>(to, avx2::load(from));
        }
        let mut at = head;
        while at + WIDTH <= len {
            _mm_prefetch::<_MM_HINT_T0>(next.wrapping_add(at).cast());
            avx2::store::<true>(to.add(at), avx2::load(from.add(at)));
            at += WIDTH;
        }
        if at < len {
            let last = len - WIDTH;
            avx2::store::<false>(to.add(last), avx2::load(from.add(last)));
        }
    }
}

/// Room at an aligned address.
#[repr(align(64))]
struct Aligned<const N: usize>([MaybeUninit<u8>; N]);

/// Registers that begin at some places behind an address.
///
/// # Safety
/// They are readable; the processor has AVX2.
#[inline(always)]
unsafe fn load<const N: usize>(from: *const u8, places: [usize; N]) -> [__m256i; N] {
    // SAFETY: this function's.
    places.map(|at| unsafe { avx2::load(from.add(at)) })
}

/// Combines what stands before with elements.
///
/// # Safety
/// A register is readable and one writable; the processor has AVX2 and F16C.
#[inline(always)]
unsafe fn put<A: Lanewise>(before: *const u8, x: __m256i, out: *mut u8) {
    // SAFETY: this function's.
    unsafe { avx2::store::<false>(out, A::step_lanes(avx2::load(before), x)) }
}
