//! Columns side by side, row after row.
//!
//! Down the rows of a block what is before a stretch is known when it begins, so that both chains of a column go on
//! together and elements are read once. Columns are taken in *groups*, which lie in registers for a few rows and
//! wait in the first-level cache meanwhile, and groups in *strips*: rows of a strip are read from left to
//! right, as they lie in memory.
//!
//! Where nothing is before a stretch, the chain that goes on is that of the stretch by itself, and one of
//! them is enough. So it is in the last stretch of sums if nobody asks for the total: then it has to
//! be known only that there is one, and results far from the end of the range tell.

mod stretch;

use super::chain::Chains;
use super::lanes::{Beside, Lanes};
use super::line::Scan;
use super::{ByStretches, Parted, STRETCH};
use crate::kernels::Block;
#[cfg(target_arch = "x86_64")]
use crate::kernels::Panels;
use crate::op::Combine;
use std::marker::PhantomData;
use std::mem::MaybeUninit;
pub use stretch::rows;
use stretch::{begin, counts, end};

/// Groups of a strip at most: up to 2 KiB of a row, whose numbers fit in the first-level cache.
const GROUPS: usize = 32;

/// The same of groups that keep what is before a stretch, which are half as large.
const KEPT_GROUPS: usize = 64;

/// Bytes of a group's row at most.
const GROUP_BYTES: usize = 64;

/// Bytes of a strip's row at most where elements are copied, because their results are written to the same places.
const COPIED: usize = 256;

/// Rows that a group stays in registers for. (To ask for the rows behind them was no faster, nor was a whole stretch
/// where rows are short.)
const ROWS: usize = 8;

/// Below this in magnitude, the results of a stretch of a sum and the one before tell that the stretch by itself is
/// finite: it is the difference of two of them, but for roundings.
pub const TELLING: f64 = f64::from_bits((1023 + 1020) << 52);

/// Doubles of a group's numbers at most,
const NUMBERS: usize = 8 * 8;

/// and of one that keeps what is before a stretch.
const KEPT_NUMBERS: usize = 4 * 9;

/// Adjacent elements of a row in a register.
///
/// # Safety
/// For all functions here: the processor has the registers' instruction set.
pub trait Group<T, const P: usize> {
    /// The register.
    type Lanes: Lanes;
    /// How many elements.
    const COLUMNS: usize = size_of::<Self::Lanes>() / (8 * P);
    /// Reads them.
    unsafe fn read(x: *const u8) -> Self::Lanes;
    /// Rounds and writes them.
    unsafe fn write(out: *mut u8, doubles: Self::Lanes);
}

/// Two elements.
pub struct ByTwo<L>(PhantomData<L>);

impl<T: Parted<P>, L: Beside<P>, const P: usize> Group<T, P> for ByTwo<L> {
    type Lanes = L;
    #[inline(always)]
    unsafe fn read(x: *const u8) -> L {
        // SAFETY: this function's.
        unsafe {
            let [first, second] = x.cast::<[T; 2]>().read_unaligned();
            L::both(first.to_parts(), second.to_parts())
        }
    }
    #[inline(always)]
    unsafe fn write(out: *mut u8, doubles: L) {
        // SAFETY: this function's.
        unsafe {
            let [first, second] = doubles.apart();
            let results = [T::of_parts(first), T::of_parts(second)];
            out.cast::<[T; 2]>().write_unaligned(results);
        }
    }
}

/// Columns of a stretch of rows: at least one group, at most as many as a strip has.
#[derive(Clone, Copy)]
pub struct Strip {
    pub x: *const u8,
    pub x_pitch: isize,
    pub out: *mut u8,
    pub out_pitch: isize,
    /// Where elements are copied to, or null.
    copy: *mut u8,
    copy_pitch: usize,
    pub rows: usize,
    pub columns: usize,
    /// Columns of a group.
    pub group: usize,
    /// How many groups.
    pub groups: usize,
    /// The numbers of all groups: one after the other those of [`Chains::Own`], of [`Chains::Chain`] and the greatest
    /// magnitudes of results, each of all columns, and then what is kept between stretches.
    pub numbers: *mut f64,
    /// Doubles of a group's numbers.
    pub pitch: usize,
    /// One state a column: read if `started`, written if `total`; or between stretches, if they are kept elsewhere.
    pub states: *mut u8,
    pub started: bool,
    /// Whether there is but the chain that goes on.
    pub alone: bool,
    /// Whether what follows needs the total.
    pub total: bool,
    /// Results of sums have to be below this, and what is before them.
    pub bound: f64,
    pub exclusive: bool,
}

impl Strip {
    /// The first column of a group. The last one overlaps the one before where columns do not divide by groups, but
    /// only its own ones count.
    #[inline(always)]
    pub fn first(&self, g: usize) -> usize {
        (g * self.group).min(self.columns - self.group)
    }
}

/// How columns of a type are scanned.
///
/// # Safety
/// For all functions: the strip is a part of a block that may be scanned, and there is room for the numbers,
/// aligned for registers, and for `rows` they are there; the processor has what they are compiled for.
#[derive(Clone, Copy)]
pub struct Down {
    /// Columns of a group.
    group: usize,
    /// What counts as columns in strips: the parts of one, or 1.
    parts: usize,
    /// Groups of a strip at most.
    groups: usize,
    /// Doubles of a group's numbers.
    pitch: usize,
    /// [`Chains::WATCHED`]: totals of others are needed anyway, for they tell what is ordinary.
    watched: bool,
    /// [`Parted::BOUND`].
    bound: f64,
    /// Makes the numbers, and returns the groups that make an exception, the first one in the lowest bit.
    begin: unsafe fn(&Strip) -> u64,
    /// Scans rows.
    rows: unsafe fn(&Strip),
    /// Makes the states of what has no exception, and returns the groups that have one: results' places of those have
    /// anything.
    end: unsafe fn(&Strip, u64) -> u64,
    /// If what is before a stretch is kept among the numbers.
    kept: Option<Kept>,
    /// What is too narrow, or not ordinary: column by column.
    rest: Scan,
}

/// How accumulators are kept from stretch to stretch.
#[derive(Clone, Copy)]
#[cfg_attr(
    not(target_arch = "x86_64"),
    allow(dead_code, reason = "only kernels for AVX2 keep any")
)]
pub struct Kept {
    /// How many numbers they are.
    pub count: usize,
    /// Takes them from the states, if there are any yet.
    pub load: unsafe fn(&Strip),
    /// Makes states of them.
    pub store: unsafe fn(&Strip),
    /// [`Down::begin`] and [`Down::end`] with them, which leave the states alone. Rows are copied beforehand if they
    /// are, for a test of each takes as long.
    pub begin: unsafe fn(&Strip) -> u64,
    pub end: unsafe fn(&Strip, u64) -> u64,
}

impl Down {
    /// That of a type, with rows by a function.
    pub const fn of<O, T, const P: usize>(group: usize, rows: unsafe fn(&Strip), rest: Scan) -> Down
    where
        O: Combine<T>,
        T: ByStretches<O, P>,
    {
        assert!(group * size_of::<T>() <= GROUP_BYTES);
        let pitch = group * P * counts::<O, T, P>();
        assert!(pitch <= NUMBERS);
        Down {
            group,
            parts: 1,
            groups: GROUPS,
            pitch,
            watched: <T::Chains as Chains>::WATCHED,
            bound: T::BOUND,
            begin: begin::<O, T, P>,
            rows,
            end: end::<O, T, P>,
            kept: None,
            rest,
        }
    }

    /// The same with accumulators that are kept, and parts for columns.
    #[cfg(target_arch = "x86_64")]
    pub const fn keeping<O, T, const P: usize>(
        group: usize,
        rows: unsafe fn(&Strip),
        kept: Kept,
        rest: Scan,
    ) -> Down
    where
        O: Combine<T>,
        T: ByStretches<O, P>,
    {
        let down = Down::of::<O, T, P>(group, rows, rest);
        let pitch = down.pitch + group * P * kept.count;
        assert!(pitch <= KEPT_NUMBERS);
        Down {
            parts: P,
            groups: KEPT_GROUPS,
            pitch,
            begin: kept.begin,
            end: kept.end,
            kept: Some(kept),
            ..down
        }
    }

    /// Scans down the rows of the block.
    ///
    /// # Safety
    /// As [`crate::kernels::Run`]; the processor has what the functions are compiled for.
    #[inline(never)]
    pub unsafe fn across(&self, block: &Block) {
        let in_place = block.x == block.out.cast_const();
        let most = match in_place {
            true => COPIED / self.rest.size,
            false => self.groups * self.group,
        };
        let mut left = 0;
        while left < block.len {
            // No strip is narrower than a group.
            let columns = match block.len - left {
                all if all <= most => all,
                all if all < most + self.group => most - self.group,
                _ => most,
            };
            let at = left * self.rest.size;
            // SAFETY: this function's: the strip is a part of the block.
            unsafe {
                let strip = Block {
                    x: block.x.add(at),
                    out: block.out.add(at),
                    len: columns,
                    acc: block.acc.add(left * self.rest.state_size),
                    ..*block
                };
                if columns < self.group {
                    self.rest.down(&strip);
                } else {
                    self.strip(&strip, in_place);
                }
            }
            left += columns;
        }
    }

    /// Scans down the rows of the block and its repetitions.
    ///
    /// # Safety
    /// As [`across`](Self::across), for each of them.
    #[cfg(target_arch = "x86_64")]
    #[inline(never)]
    pub unsafe fn panels(&self, block: &Block, panels: Panels) {
        for panel in 0..panels.count {
            let by = panel as isize;
            // SAFETY: this function's.
            unsafe {
                self.across(&Block {
                    x: block.x.wrapping_offset(by * panels.x),
                    out: block.out.wrapping_offset(by * panels.out),
                    acc: block.acc.add(panel * block.len * self.rest.state_size),
                    ..*block
                });
            }
        }
    }

    /// Scans a strip.
    ///
    /// # Safety
    /// As [`across`](Self::across); in place a row has at most as many bytes as are [`COPIED`].
    unsafe fn strip(&self, block: &Block, in_place: bool) {
        let mut numbers = Numbered(MaybeUninit::uninit());
        let strip = Strip {
            x: block.x,
            x_pitch: block.x_pitch,
            out: block.out,
            out_pitch: block.out_pitch,
            rows: block.rows,
            columns: block.len * self.parts,
            group: self.group * self.parts,
            groups: block.len.div_ceil(self.group),
            copy: std::ptr::null_mut(),
            copy_pitch: 0,
            numbers: numbers.0.as_mut_ptr().cast(),
            pitch: self.pitch,
            states: block.acc,
            started: block.started,
            alone: false,
            total: true,
            bound: self.bound,
            exclusive: block.exclusive,
        };
        // SAFETY: this function's.
        unsafe {
            if let Some(kept) = self.kept {
                (kept.load)(&strip);
            }
            if in_place {
                self.in_place(block, &strip);
            } else {
                for top in (0..block.rows).step_by(STRETCH) {
                    let x = block.x.offset(top as isize * block.x_pitch);
                    self.stretch(block, &strip, top, x, None);
                }
            }
            if let (Some(kept), true) = (self.kept, block.keep) {
                (kept.store)(&strip);
            }
        }
    }

    /// Scans a strip whose results take the places of its elements, which are copied for exceptions: meanwhile, if
    /// they are read but once and before their places are written, else beforehand.
    ///
    /// # Safety
    /// As [`strip`](Self::strip).
    #[inline(never)]
    unsafe fn in_place(&self, strip: &Block, numbers: &Strip) {
        let mut copy = MaybeUninit::<[u8; STRETCH * COPIED]>::uninit();
        let copy = copy.as_mut_ptr().cast::<u8>();
        let bytes = strip.len * self.rest.size;
        let meanwhile =
            self.kept.is_none() && !strip.exclusive && strip.len.is_multiple_of(self.group);
        let within = Block {
            x_pitch: bytes as isize,
            ..*strip
        };
        for top in (0..strip.rows).step_by(STRETCH) {
            // SAFETY: this function's; there is room for a stretch of rows.
            unsafe {
                let x = strip.x.offset(top as isize * strip.x_pitch);
                if meanwhile {
                    self.stretch(strip, numbers, top, x, Some(copy));
                    continue;
                }
                for row in 0..STRETCH.min(strip.rows - top) {
                    let x = x.offset(row as isize * strip.x_pitch);
                    copy.add(row * bytes).copy_from_nonoverlapping(x, bytes);
                }
                self.stretch(&within, numbers, top, copy, None);
            }
        }
    }

    /// Scans a stretch of a strip's rows, with elements from `x` on, of which a copy is left if there is room given.
    ///
    /// # Safety
    /// As [`strip`](Self::strip).
    unsafe fn stretch(
        &self,
        strip: &Block,
        numbers: &Strip,
        top: usize,
        x: *const u8,
        copy: Option<*mut u8>,
    ) {
        let rows = STRETCH.min(strip.rows - top);
        let started = strip.started || top > 0;
        // SAFETY: this function's.
        unsafe {
            let out = strip.out.offset(top as isize * strip.out_pitch);
            let keep = strip.keep || top + rows < strip.rows;
            let total = keep || !self.watched;
            let mut nowhere = MaybeUninit::<[u8; GROUPS * GROUP_BYTES]>::uninit();
            let nowhere = nowhere.as_mut_ptr().cast::<u8>();
            let copy_pitch = match copy {
                Some(_) => strip.len * self.rest.size,
                None => 0,
            };
            let all = Strip {
                x,
                x_pitch: strip.x_pitch,
                out,
                rows,
                copy: copy.unwrap_or(std::ptr::null_mut()),
                copy_pitch,
                started,
                alone: self.watched && !(started && total),
                total,
                bound: match total {
                    true => self.bound,
                    false => self.bound.min(TELLING),
                },
                ..*numbers
            };
            let failed = (self.begin)(&all);
            // An exclusive scan shows each result one row further on, and the last ones nowhere.
            let shown = rows - strip.exclusive as usize;
            let mut row = 0;
            while row < rows {
                let (few, out) = if row < shown {
                    let at = (row + strip.exclusive as usize) as isize * strip.out_pitch;
                    (ROWS.min(shown - row), out.wrapping_offset(at))
                } else {
                    (1, nowhere)
                };
                (self.rows)(&Strip {
                    x: x.offset(row as isize * strip.x_pitch),
                    out,
                    copy: all.copy.wrapping_add(row * copy_pitch),
                    rows: few,
                    ..all
                });
                row += few;
            }
            let mut failed = (self.end)(&all, failed);
            let again = Block {
                x: copy.map_or(x, <*mut u8>::cast_const),
                x_pitch: copy.map_or(strip.x_pitch, |_| copy_pitch as isize),
                out,
                started,
                ..*strip
            };
            let anew = self.kept.filter(|_| failed != 0);
            if let Some(kept) = anew {
                (kept.store)(&all);
            }
            while failed != 0 {
                let first = failed.trailing_zeros() as usize * self.group;
                let columns = first..strip.len.min(first + self.group);
                self.rest.columns(&again, 0..rows, columns);
                failed &= failed - 1;
            }
            if let Some(kept) = anew {
                (kept.load)(&Strip {
                    started: true,
                    ..all
                });
            }
        }
    }
}

/// The numbers of a strip.
#[repr(align(64))]
struct Numbered(MaybeUninit<[f64; ALL_NUMBERS]>);

/// Doubles of a strip's numbers at most.
const ALL_NUMBERS: usize = {
    let (all, kept) = (GROUPS * NUMBERS, KEPT_GROUPS * KEPT_NUMBERS);
    if all > kept { all } else { kept }
};
