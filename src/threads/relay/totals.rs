//! What helpers know of their chunks before the carry comes.

use super::{Relay, Total, Totals};
use crate::kernels::{Block, Spacing, Splits, TILE};
use std::mem::MaybeUninit;
use std::ops::Range;
use std::ptr;

impl Relay<'_, '_> {
    /// Finds what the carry is to be brought past a part of the line with.
    ///
    /// # Safety
    /// As [`help`](Self::help); nobody writes the part, which is a helper's turn at most.
    pub(super) unsafe fn fold(&self, part: &Range<usize>, totals: &mut Totals) {
        let totals = totals.as_mut_ptr();
        // SAFETY: this function's.
        unsafe {
            match self.plan.kernel.splits {
                Splits::Never => {}
                Splits::Totals => self.total(part, totals.cast()),
                Splits::Folds(folds) => {
                    debug_assert!(part.len().div_ceil(TILE) * folds.size <= size_of::<Totals>());
                    let block = self.block(part.clone(), ptr::null_mut(), false);
                    (folds.fold)(&block, totals.cast());
                }
            }
        }
    }

    /// Brings the carry past a part of the line that has been [folded](Self::fold); returns false if that part has to
    /// be scanned instead.
    ///
    /// # Safety
    /// As [`help`](Self::help); this thread has the carry, and nobody writes the part.
    pub(super) unsafe fn append(
        &self,
        part: &Range<usize>,
        totals: &Totals,
        started: bool,
    ) -> bool {
        let totals = totals.as_ptr();
        // SAFETY: this function's.
        unsafe {
            match self.plan.kernel.splits {
                Splits::Never => false,
                Splits::Totals => {
                    self.append_totals(part.len().div_ceil(TILE), totals.cast(), started);
                    true
                }
                Splits::Folds(folds) => {
                    let block = self.block(part.clone(), self.carry.get(), started);
                    (folds.append)(&block, totals.cast())
                }
            }
        }
    }

    /// Finds the total of each tile of a part of the line.
    ///
    /// # Safety
    /// As [`fold`](Self::fold); there is room for the totals.
    unsafe fn total(&self, part: &Range<usize>, totals: *mut Total) {
        let mut nowhere = MaybeUninit::<[u128; TILE]>::uninit();
        let size = self.plan.dtypes[2].size();
        for (tile, at) in part.clone().step_by(TILE).enumerate() {
            let range = at..part.end.min(at + TILE);
            // The first place in the line's direction.
            let first = match self.plan.backward {
                true => (range.len() - 1) * size,
                false => 0,
            };
            let block = Block {
                out: nowhere.as_mut_ptr().cast::<u8>().wrapping_add(first),
                exclusive: false,
                stream: false,
                ..self.block(range, totals.wrapping_add(tile).cast(), false)
            };
            // SAFETY: 1 of the plan; there is room for the results of a tile of any type.
            unsafe { (self.plan.along)(&block) };
        }
    }

    /// Appends so many totals to the carry.
    ///
    /// # Safety
    /// This thread has the carry, and they are there.
    unsafe fn append_totals(&self, n: usize, totals: *const Total, started: bool) {
        let mut nowhere = Total::uninit();
        // One by one: rows of results must not meet, and nobody wants these.
        for i in 0..n {
            let block = Block {
                x: totals.wrapping_add(i).cast(),
                x_pitch: 0,
                out: nowhere.as_mut_ptr().cast(),
                out_pitch: 0,
                len: 1,
                rows: 1,
                acc: self.carry.get().cast(),
                started: started || i > 0,
                keep: true,
                exclusive: false,
                spacing: Spacing::Forward,
                stream: false,
                ahead: 0,
            };
            // SAFETY: a row of one element, which a total is, and a place for its result.
            unsafe { (self.plan.kernel.across)(&block) }
        }
    }
}
