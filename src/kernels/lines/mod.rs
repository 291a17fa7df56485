//! Many lines at a time, where an instruction set has registers for it: across by [`columns`], along by
//! [`rows`]. This is the table of what there is.
//!
//! These kernels combine each line one element after the other, so they give the bits of sequential
//! mode, and those of every mode for operations that do not round.

#[cfg(target_arch = "x86_64")]
mod columns;
#[cfg(target_arch = "x86_64")]
mod rows;
#[cfg(all(test, target_arch = "x86_64"))]
mod tests;
#[cfg(target_arch = "x86_64")]
mod x86;

use super::{Block, Mode, Overflow, Run};
use crate::dtype::DType;
use crate::op::Op;
use crate::simd::Isa;

/// Blocks of the same form side by side. The accumulators of one follow those of the one before.
#[derive(Clone, Copy)]
pub struct Panels {
    /// How many there are.
    pub count: usize,
    /// Bytes from one to the next in `x`.
    pub x: isize,
    /// Bytes from one to the next in `out`.
    pub out: isize,
}

/// The kernels for many lines of one operation on one type.
pub struct Lines {
    /// Scans across a block and its repetitions.
    pub across: Across,
    /// Scans along several rows at a time, where there is a way.
    pub along: Option<Along>,
    /// Rows up to this long may run backward there.
    pub backward: usize,
    /// Rows longer than this are better scanned one by one, by the kernels for single lines.
    pub longest: usize,
}

/// Scans across; past the caches if the last argument says so.
///
/// # Safety
/// As [`Run`], for each of the panels.
pub type Across = unsafe fn(&Block, Panels, bool);

/// Scans along, with a kernel for the rows that do not fill a group; past the caches if the last
/// argument says so.
///
/// # Safety
/// As [`Run`].
pub type Along = unsafe fn(&Block, Run, bool);

/// The kernels for many lines, if there are some for this request and instruction set.
pub fn lines(
    isa: Isa,
    op: Op,
    dtype: DType,
    mode: Mode,
    overflow: Overflow,
) -> Option<&'static Lines> {
    #[cfg(target_arch = "x86_64")]
    {
        x86::lines(isa, op, dtype, mode, overflow)
    }
    #[cfg(not(target_arch = "x86_64"))]
    {
        let _ = (isa, op, dtype, mode, overflow);
        None
    }
}
