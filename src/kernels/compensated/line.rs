//! Lines along and across, stretch by stretch: of any type, copied to where a stretch is scanned and back.

use super::{ByStretches, STRETCH, StateOf, Stretched};
use crate::kernels::{Block, Carries};
use crate::op::Combine;
use std::ops::Range;

/// Scans a stretch of `n` elements, from 1 to [`STRETCH`], into as many results, all next to each other. The
/// state is read if `started`, and written.
///
/// # Safety
/// They are there, aligned; the processor has what the function is compiled for.
pub type Stretch =
    unsafe fn(x: *const u8, results: *mut u8, n: usize, state: *mut u8, started: bool);

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

/// How a line is scanned stretch by stretch.
#[derive(Clone, Copy)]
pub struct Scan {
    /// Bytes of an element,
    pub size: usize,
    /// and of a state.
    pub state_size: usize,
    pub stretch: Stretch,
    /// As [`Kernel::show`].
    pub show: unsafe fn(*const u8, bool, *mut u8),
}

impl Scan {
    /// That of a type.
    pub const fn of<O: Combine<T>, T: ByStretches<O, P>, const P: usize>(stretch: Stretch) -> Scan {
        Scan {
            size: size_of::<T>(),
            state_size: size_of::<StateOf<O, T, P>>(),
            stretch,
            show: Carries::of::<Stretched<O, T, P>>().show,
        }
    }

    /// Scans a line from one multiple of [`STRETCH`] on.
    ///
    /// # Safety
    /// The line's elements are addressable, their places are for writing, and the state is there; the
    /// processor has what `stretch` is compiled for.
    pub unsafe fn line(&self, line: &Line) {
        // SAFETY: this function's.
        unsafe {
            match self.size {
                2 => self.line_of::<2>(line),
                4 => self.line_of::<4>(line),
                8 => self.line_of::<8>(line),
                _ => self.line_of::<16>(line),
            }
        }
    }

    /// [`line`](Self::line) of elements of a size.
    unsafe fn line_of<const SIZE: usize>(&self, line: &Line) {
        /// Elements of a stretch, aligned for any type.
        #[repr(align(16))]
        struct Elements<const SIZE: usize>([[u8; SIZE]; STRETCH]);
        let mut elements = Elements([[0; SIZE]; STRETCH]);
        let mut results = Elements([[0; SIZE]; STRETCH]);
        let mut shown = Elements([[0; SIZE]; STRETCH]).0[0];
        // SAFETY: this function's; elements are read before their places are written.
        unsafe {
            (self.show)(line.state, line.started, shown.as_mut_ptr());
            for at in (0..line.n).step_by(STRETCH) {
                let len = STRETCH.min(line.n - at);
                let from = line.x.offset(at as isize * line.x_step);
                for (i, x) in elements.0[..len].iter_mut().enumerate() {
                    *x = from
                        .offset(i as isize * line.x_step)
                        .cast::<[u8; SIZE]>()
                        .read();
                }
                (self.stretch)(
                    elements.0.as_ptr().cast(),
                    results.0.as_mut_ptr().cast(),
                    len,
                    line.state,
                    line.started || at > 0,
                );
                let to = line.out.offset(at as isize * line.out_step);
                for (i, &result) in results.0[..len].iter().enumerate() {
                    let place = to.offset(i as isize * line.out_step).cast::<[u8; SIZE]>();
                    place.write(if line.exclusive { shown } else { result });
                    shown = result;
                }
            }
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
