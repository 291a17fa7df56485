//! The rows of a panel, and the ways down them.

use super::{Kind, NARROW, ONE, Step, head, inclusive, narrow, places};
use crate::kernels::lines::Panels;
use crate::kernels::{ACCUMULATORS, Few, Short};
use crate::simd::avx2::{self, Lanewise, WIDTH};
use crate::simd::cache::LINE;
use std::arch::x86_64::{__m256i, _MM_HINT_T0, _mm_prefetch, _mm256_min_epu8};
use std::mem::MaybeUninit;
use std::ops::Range;
use std::ptr::null;

/// Rows of `bytes` bytes.
#[derive(Clone, Copy)]
pub struct Panel {
    pub x: *const u8,
    pub x_pitch: isize,
    pub out: *mut u8,
    pub out_pitch: isize,
    pub bytes: usize,
    pub rows: usize,
    pub acc: *mut u8,
    /// Whether the accumulators hold something,
    pub started: bool,
    /// and are to hold something afterwards.
    pub keep: bool,
}

impl Panel {
    /// Without the first `n` rows.
    #[inline(always)]
    pub fn below(self, n: usize) -> Panel {
        Panel {
            x: self.x.wrapping_offset(n as isize * self.x_pitch),
            out: self.out.wrapping_offset(n as isize * self.out_pitch),
            rows: self.rows - n,
            ..self
        }
    }

    /// The first `n` rows.
    #[inline(always)]
    pub fn first(self, n: usize) -> Panel {
        Panel { rows: n, ..self }
    }

    /// The next of several panels.
    #[inline(always)]
    pub fn beside(self, panels: Panels) -> Panel {
        Panel {
            x: self.x.wrapping_offset(panels.x),
            out: self.out.wrapping_offset(panels.out),
            acc: self.acc.wrapping_add(self.bytes),
            ..self
        }
    }

    /// Some columns.
    #[inline(always)]
    pub fn columns(self, bytes: Range<usize>) -> Panel {
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
    pub unsafe fn one_by_one(mut self, few: Few, kind: Kind, panels: Panels) {
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
    pub fn soon(&self, kind: Kind) -> bool {
        self.bytes <= 2 * NARROW && self.rows >= 3 && kind.size >= 4
    }

    /// Panels of rows whose results may be read again: one, or any number if they have not started and no
    /// accumulators are kept.
    ///
    /// # Safety
    /// As [`run`]; the panels have wide rows.
    #[inline(always)]
    pub unsafe fn plain_rows(self, kind: Kind, panels: Panels) {
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
                self.keep_last(panels);
            }
        }
    }

    /// Makes the last row of each panel its accumulators.
    ///
    /// # Safety
    /// As [`run`], for panels whose rows are done.
    #[inline(never)]
    pub unsafe fn keep_last(self, panels: Panels) {
        let mut last = self.below(self.rows - 1);
        for _ in 0..panels.count {
            // SAFETY: this function's.
            unsafe { last.acc.copy_from_nonoverlapping(last.out, last.bytes) }
            last = last.beside(panels);
        }
    }

    /// Panels of rows that are narrow in two parts, some panels or rows at a time.
    ///
    /// # Safety
    /// As [`Panel::plain_rows`].
    #[inline(always)]
    pub unsafe fn parts(self, kind: Kind, panels: Panels) {
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
    pub unsafe fn copy_row<A: Lanewise>(self, bytes: usize) {
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
    pub unsafe fn begin(mut self, kind: Kind, panels: Panels) {
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
    pub unsafe fn end(mut self, kind: Kind, panels: Panels) {
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
    pub unsafe fn held_rows(self, kind: Kind) {
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
    pub unsafe fn down<A: Lanewise, const N: usize>(self, panels: Panels, places: [usize; N]) {
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

    /// Rows that are part of a register; accumulators are left as they are.
    #[inline(always)]
    pub unsafe fn part<A: Lanewise>(self, panels: Panels) {
        let (mut panel, n) = (self, self.bytes);
        for _ in 0..panels.count {
            let mut row = panel;
            // SAFETY: the caller's: every row is one of the panel's.
            unsafe {
                let mut acc = avx2::load_ends(if self.started { panel.acc } else { panel.x }, n);
                if !self.started {
                    // The first row becomes the accumulators.
                    acc = _mm256_min_epu8(acc, avx2::splat(A::LARGEST_BYTE));
                    avx2::store_ends(row.out, acc, n);
                    row = row.below(1);
                }
                while row.rows > 0 {
                    acc = A::step_lanes(acc, avx2::load_ends(row.x, n));
                    avx2::store_ends(row.out, acc, n);
                    row = row.below(1);
                }
            }
            panel = panel.beside(panels);
        }
    }

    /// See [`Step::Plain`].
    #[inline(always)]
    pub unsafe fn plain<A: Lanewise>(self, mut before: *const u8) {
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
pub struct Aligned<const N: usize>(pub [MaybeUninit<u8>; N]);

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
