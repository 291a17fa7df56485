//! Lines along and across, stretch by stretch.

use super::{ByStretches, STRETCH, StateOf};
use crate::kernels::Block;
use crate::op::Combine;
use std::ops::Range;

/// Scans a line of at most [`STRETCH`] elements, but one at least.
///
/// # Safety
/// As [`Scan::line`].
pub type Stretch = unsafe fn(&Line);

/// A line to scan: elements some bytes apart, and their results' places, the same or elsewhere.
#[derive(Clone, Copy)]
pub struct Line {
    pub x: *const u8,
    pub x_step: isize,
    pub out: *mut u8,
    pub out_step: isize,
    pub n: usize,
    /// Read if `started`, written if there are elements.
    pub state: *mut u8,
    pub started: bool,
    pub exclusive: bool,
}

impl Line {
    /// An element.
    ///
    /// # Safety
    /// There are as many, of this type.
    #[inline(always)]
    pub unsafe fn element<T>(&self, i: usize) -> T {
        // SAFETY: this function's.
        unsafe {
            self.x
                .offset(i as isize * self.x_step)
                .cast::<T>()
                .read_unaligned()
        }
    }

    /// The same line with its elements copied to a place of their own.
    ///
    /// # Safety
    /// They are addressable, have this size, and there is room for them.
    #[inline(never)]
    pub unsafe fn copied(&self, to: *mut u8, size: usize) -> Line {
        // SAFETY: this function's.
        unsafe {
            if self.x_step == size as isize {
                to.copy_from_nonoverlapping(self.x, self.n * size);
            } else {
                match size {
                    2 => self.copy::<2>(to),
                    4 => self.copy::<4>(to),
                    8 => self.copy::<8>(to),
                    _ => self.copy::<16>(to),
                }
            }
        }
        Line {
            x: to,
            x_step: size as isize,
            ..*self
        }
    }

    unsafe fn copy<const SIZE: usize>(&self, to: *mut u8) {
        let to = to.cast::<[u8; SIZE]>();
        for i in 0..self.n {
            // SAFETY: the caller's.
            unsafe { to.add(i).write_unaligned(self.element(i)) };
        }
    }

    /// Writes what a place shows.
    ///
    /// # Safety
    /// There are as many elements, of this type.
    #[inline(always)]
    pub unsafe fn place<T>(&self, at: usize, result: T) {
        // SAFETY: this function's.
        unsafe {
            let place = self.out.offset(at as isize * self.out_step);
            place.cast::<T>().write_unaligned(result);
        }
    }
}

/// How a line is scanned stretch by stretch.
#[derive(Clone, Copy)]
pub struct Scan {
    /// Bytes of an element,
    pub size: usize,
    /// and of a state.
    pub state_size: usize,
    pub stretch: Stretch,
}

impl Scan {
    /// That of a type.
    pub const fn of<O: Combine<T>, T: ByStretches<O, P>, const P: usize>(stretch: Stretch) -> Scan {
        Scan {
            size: size_of::<T>(),
            state_size: size_of::<StateOf<O, T, P>>(),
            stretch,
        }
    }

    /// Scans a line from one multiple of [`STRETCH`] on.
    ///
    /// # Safety
    /// The line's elements are addressable, their places are for writing, and the state is there; the
    /// processor has what `stretch` is compiled for.
    #[inline]
    pub unsafe fn line(&self, line: &Line) {
        let mut rest = *line;
        let mut left = line.n;
        while left > 0 {
            rest.n = left.min(STRETCH);
            // SAFETY: this function's.
            unsafe { (self.stretch)(&rest) };
            left -= rest.n;
            rest.x = rest.x.wrapping_offset(STRETCH as isize * line.x_step);
            rest.out = rest.out.wrapping_offset(STRETCH as isize * line.out_step);
            rest.started = true;
        }
    }

    /// Scans every row of the block, line by line.
    ///
    /// # Safety
    /// As [`crate::kernels::Run`]; as for [`line`](Self::line).
    #[inline(never)]
    pub unsafe fn rows(&self, block: &Block) {
        for row in 0..block.rows {
            // SAFETY: this function's: row is one of the block's rows, and has its state.
            unsafe {
                self.line(&Line {
                    x: block.x.offset(row as isize * block.x_pitch),
                    x_step: self.size as isize,
                    out: block.out.offset(row as isize * block.out_pitch),
                    out_step: self.size as isize,
                    n: block.len,
                    state: block.acc.add(row * self.state_size),
                    started: block.started,
                    exclusive: block.exclusive,
                });
            }
        }
    }

    /// Scans some columns of at most [`STRETCH`] rows of the block, line by line.
    ///
    /// # Safety
    /// As [`rows`](Self::rows); the rows and columns are the block's.
    #[inline(never)]
    pub unsafe fn columns(&self, block: &Block, rows: Range<usize>, columns: Range<usize>) {
        for column in columns {
            // SAFETY: this function's.
            unsafe {
                let top = rows.start as isize;
                self.line(&Line {
                    x: block.x.offset(top * block.x_pitch).add(column * self.size),
                    x_step: block.x_pitch,
                    out: block
                        .out
                        .offset(top * block.out_pitch)
                        .add(column * self.size),
                    out_step: block.out_pitch,
                    n: rows.len(),
                    state: block.acc.add(column * self.state_size),
                    started: block.started || rows.start > 0,
                    exclusive: block.exclusive,
                });
            }
        }
    }

    /// Scans down the rows of the block, line by line.
    ///
    /// # Safety
    /// As [`rows`](Self::rows).
    #[inline(never)]
    pub unsafe fn down(&self, block: &Block) {
        for top in (0..block.rows).step_by(STRETCH) {
            // SAFETY: this function's.
            unsafe { self.columns(block, top..block.rows.min(top + STRETCH), 0..block.len) }
        }
    }
}
