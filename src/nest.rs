//! Walks the lines and blocks of a plan: knows strides, knows no element type.
//!
//! The work of a plan is cut into *units*, a group of neighbouring lines each, which are independent
//! of one another. Within a unit the axis is taken in pieces, and each block of lines times piece is
//! handed to the kernel, where the caller's memory allows it as it lies, else by way of tiles in the
//! first-level cache:
//!
//! ```text
//! unit:   accumulators <- carries in;  starting values -> out, if shown
//!   piece:  x -(load)-> tile -(scrub NaN)-> tile -(kernel)-> tile -(put NaN back, store)-> out
//! unit:   carries out <- accumulators
//! ```

mod block;
mod check;
mod copy;
mod small;

pub use check::check;
pub use copy::with_copy;
pub use small::{run_scattered, run_short, run_small};

use crate::kernels::{ACCUMULATORS, Block, LARGEST_ACCUMULATOR, Panels, Spacing, TILE};
use crate::plan::{Dim, Plan, TILE_BYTES};
use crate::status::Error;
use block::{Cursor, run_block, scan_across};
use std::mem::MaybeUninit;
use std::ops::Range;

/// Where the accumulators of a unit and its tiles are.
pub struct Scratch {
    accumulators: *mut u8,
    raw: *mut u8,
    x: *mut u8,
    out: *mut u8,
}

/// Room for accumulators of `A` bytes in all and for tiles of `T` bytes each, as yet without content.
#[repr(align(64))]
struct Room<const A: usize, const T: usize> {
    accumulators: MaybeUninit<[u8; A]>,
    tiles: [MaybeUninit<[u8; T]>; 3],
}

impl<const A: usize, const T: usize> Room<A, T> {
    #[inline]
    fn scratch(&mut self) -> Scratch {
        let [raw, x, out] = &mut self.tiles;
        Scratch {
            accumulators: self.accumulators.as_mut_ptr().cast(),
            raw: raw.as_mut_ptr().cast(),
            x: x.as_mut_ptr().cast(),
            out: out.as_mut_ptr().cast(),
        }
    }

    /// Kept out of its caller, whose frame it would enlarge.
    #[inline(never)]
    fn lend(then: &mut Work) -> Result<(), Error> {
        let mut room = MaybeUninit::<Self>::uninit();
        // SAFETY: a room has no content that could be wrong.
        let room = unsafe { room.assume_init_mut() };
        then(&mut room.scratch())
    }
}

/// Elements and lines of a plan that needs but little room: of 64 KiB, each page of the stack would be
/// touched first, and the first-level cache holds little else of what is that far apart.
const LITTLE: u64 = 64;

/// What is done in such room.
pub type Work<'a> = dyn FnMut(&mut Scratch) -> Result<(), Error> + 'a;

/// Calls `then` with room for the units of a plan.
pub fn with_scratch(plan: &Plan, then: &mut Work) -> Result<(), Error> {
    const LITTLE_TILE: usize = LITTLE as usize * size_of::<u128>();
    const LITTLE_ACCUMULATORS: usize = LITTLE as usize * LARGEST_ACCUMULATOR;
    if plan.elements() <= LITTLE && plan.lines as u64 <= LITTLE {
        Room::<LITTLE_ACCUMULATORS, LITTLE_TILE>::lend(then)
    } else if plan.checking.is_none() && (plan.direct_x && plan.direct_out || plan.spaced.is_some())
    {
        // Kernels read and write the caller's memory: there are no tiles.
        Room::<ACCUMULATORS, 0>::lend(then)
    } else {
        Room::<ACCUMULATORS, TILE_BYTES>::lend(then)
    }
}

/// Is told of elements that are done, and may stop the work.
pub trait Progress {
    /// Whether pieces should be kept short, to be told often.
    fn wanted(&self) -> bool;
    /// `elements` more are done.
    fn done(&mut self, elements: u64) -> Result<(), Error>;
}

/// Most elements of a block between two reports of progress.
const REPORT: usize = 1 << 17;

/// Groups of lines, and runs of panels, that a plan's units are counted by.
fn counts(plan: &Plan) -> (usize, usize) {
    let panels = plan.outer.first().map_or(1, |dim| dim.extent);
    (
        (plan.line.extent + plan.shift).div_ceil(plan.group),
        panels.div_ceil(plan.panels),
    )
}

/// The units of a plan.
pub fn units(plan: &Plan) -> usize {
    let nothing = plan.axis.extent == 0 && plan.initial.is_none() && plan.carry_out.is_none();
    if plan.lines == 0 || nothing {
        return 0;
    }
    let (groups, runs) = counts(plan);
    let outer: usize = plan.outer.iter().skip(1).map(|dim| dim.extent).product();
    outer * runs * groups
}

/// Where a group of lines begins.
#[derive(Clone, Copy)]
struct Place {
    x: *const u8,
    /// Bytes from the output's first element.
    out: isize,
    /// Number of the first line.
    line: usize,
    /// Number of lines.
    lines: usize,
    /// How often the group repeats itself along the first of the outer dimensions.
    panels: usize,
}

impl Place {
    /// Some of the panels.
    fn some(&self, plan: &Plan, panels: Range<usize>) -> Place {
        let dim = plan.outer.first().copied().unwrap_or(Dim::ONE);
        let first = panels.start;
        Place {
            x: self.x.wrapping_offset(first as isize * dim.x),
            out: self.out + first as isize * dim.out,
            line: self.line + first * dim.line,
            panels: panels.len(),
            ..*self
        }
    }

    /// One of the panels alone.
    fn panel(&self, plan: &Plan, panel: usize) -> Place {
        self.some(plan, panel..panel + 1)
    }
}

/// The place of a unit.
fn place(plan: &Plan, unit: usize) -> Place {
    if unit == 0 {
        // Small scans have no other, and divisions take long.
        let panels = plan.outer.first().map_or(1, |dim| dim.extent);
        return Place {
            x: plan.x,
            out: 0,
            line: 0,
            lines: (plan.group - plan.shift).min(plan.line.extent),
            panels: panels.min(plan.panels),
        };
    }
    let (groups, runs) = counts(plan);
    let (mut rest, end) = (unit / groups, (unit % groups + 1) * plan.group - plan.shift);
    let start = end.saturating_sub(plan.group);
    let (mut x, mut out) = (start as isize * plan.line.x, start as isize * plan.line.out);
    let mut line = start * plan.line.line;
    let mut panels = 1;
    for (i, dim) in plan.outer.iter().enumerate() {
        let index = if i == 0 {
            let index = rest % runs * plan.panels;
            rest /= runs;
            panels = plan.panels.min(dim.extent - index);
            index
        } else {
            let index = rest % dim.extent;
            rest /= dim.extent;
            index
        };
        x += index as isize * dim.x;
        out += index as isize * dim.out;
        line += index * dim.line;
    }
    Place {
        x: plan.x.wrapping_offset(x),
        out,
        line,
        lines: end.min(plan.line.extent) - start,
        panels,
    }
}

/// Reads the carries of a group of lines.
///
/// # Safety
/// As [`run_unit`]; `acc` has room for the group's accumulators.
#[inline]
unsafe fn import(plan: &Plan, place: &Place, acc: *mut u8) {
    if let Some((carry, stride)) = plan.carry_in {
        for j in 0..place.lines {
            let line = place.line + j * plan.line.line;
            // SAFETY: 4 of the plan: a carry a line, or stride 0.
            unsafe {
                (plan.carries.import)(carry.add(line * stride), acc.add(j * plan.kernel.acc_size))
            }
        }
    }
}

/// Writes the carries of a group of lines.
///
/// # Safety
/// As [`import`]; `acc` holds the accumulators if `started`.
#[inline]
unsafe fn export(plan: &Plan, place: &Place, acc: *mut u8, started: bool) {
    if let Some(carry) = plan.carry_out {
        for j in 0..place.lines {
            let line = place.line + j * plan.line.line;
            // SAFETY: 4 of the plan: a carry a line.
            unsafe {
                (plan.carries.export)(
                    acc.add(j * plan.kernel.acc_size),
                    started,
                    carry.add(line * plan.carries.size),
                )
            }
        }
    }
}

/// Writes the starting values of a group of lines, if they are shown on their own.
///
/// # Safety
/// As [`export`].
#[inline]
unsafe fn show_initial(plan: &Plan, place: &Place, acc: *mut u8, started: bool) {
    if let Some(first) = plan.initial {
        for j in 0..place.lines {
            let mut value = MaybeUninit::<u128>::uninit();
            let value = value.as_mut_ptr().cast::<u8>();
            let at = first.wrapping_offset(place.out + j as isize * plan.line.out);
            // SAFETY: 1 of the plan; a u128 holds the largest element.
            unsafe {
                (plan.carries.show)(acc.add(j * plan.kernel.acc_size), started, value);
                match plan.store {
                    Some(store) => store(value, at, 1),
                    None => at.copy_from_nonoverlapping(value, plan.dtypes[2].size()),
                }
            }
        }
    }
}

/// What comes before the elements of a plan's only line.
///
/// # Safety
/// As [`run_unit`]; `acc` has room for an accumulator.
pub unsafe fn begin_line(plan: &Plan, acc: *mut u8) {
    let place = place(plan, 0);
    // SAFETY: this function's.
    unsafe {
        import(plan, &place, acc);
        show_initial(plan, &place, acc, plan.carry_in.is_some());
    }
}

/// What comes after them.
///
/// # Safety
/// As [`begin_line`]; `acc` holds the accumulator after them.
pub unsafe fn end_line(plan: &Plan, acc: *mut u8) {
    // SAFETY: this function's.
    unsafe { export(plan, &place(plan, 0), acc, true) }
}

/// Does one unit.
///
/// # Safety
/// The plan's arrays are as its invariants say, nobody else writes them, each unit is done once, and
/// `unit` is below [`units`].
pub unsafe fn run_unit(
    plan: &Plan,
    unit: usize,
    scratch: &mut Scratch,
    progress: &mut dyn Progress,
) -> Result<(), Error> {
    let place = place(plan, unit);
    let acc = scratch.accumulators;
    let started = plan.carry_in.is_some();
    let n = plan.axis.extent;
    let mut piece = plan.piece;
    if progress.wanted() {
        // Cutting at multiples of the tile keeps every kernel on its grid.
        let most = (REPORT / place.lines).next_multiple_of(TILE);
        piece = piece.min(most);
    }
    let together = plan.across && plan.direct_x && plan.direct_out && piece == n;
    // SAFETY: this function's; `arrange` keeps the lines of all panels within the room for
    // accumulators.
    unsafe {
        if started || plan.initial.is_some() {
            for panel in 0..place.panels {
                let acc = acc.add(panel * place.lines * plan.kernel.acc_size);
                let place = place.panel(plan, panel);
                import(plan, &place, acc);
                show_initial(plan, &place, acc, started);
            }
        }
        if together {
            run_panels(plan, &place, acc, started);
            progress.done((n * place.lines * place.panels) as u64)?;
        } else {
            let together = if piece == n { plan.together } else { 1 };
            for panel in (0..place.panels).step_by(together) {
                let acc = acc.add(panel * place.lines * plan.kernel.acc_size);
                let place = place.some(plan, panel..(panel + together).min(place.panels));
                let mut cursor = Cursor::new(plan.axis_dims);
                let mut start = 0;
                while start < n {
                    let len = match start {
                        0 => first_piece(plan, &place, piece).min(n),
                        _ => piece.min(n - start),
                    };
                    let started = started || start > 0;
                    run_block(
                        plan,
                        &place,
                        start..start + len,
                        &mut cursor,
                        scratch,
                        acc,
                        (started, plan.carry_out.is_some() || start + len < n),
                    );
                    start += len;
                    progress.done((len * place.lines * place.panels) as u64)?;
                }
            }
        }
        if plan.carry_out.is_some() {
            for panel in 0..place.panels {
                let acc = acc.add(panel * place.lines * plan.kernel.acc_size);
                export(plan, &place.panel(plan, panel), acc, started || n > 0);
            }
        }
    }
    Ok(())
}

/// The length of the first piece of a group: where results are turned on their way past the caches,
/// such that all others begin on a cache line.
fn first_piece(plan: &Plan, place: &Place, piece: usize) -> usize {
    use crate::simd::cache::LINE;
    let size = plan.dtypes[2].size();
    let turned = plan.stream && plan.across && !plan.direct_out && plan.axis.out == size as isize;
    let ahead = plan.out.wrapping_offset(place.out).addr() % LINE;
    if turned && plan.kernel.grid == 1 && piece * size >= LINE && ahead.is_multiple_of(size) {
        piece - ahead / size
    } else {
        piece
    }
}

/// All panels of a unit, where the kernel reads and writes the caller's memory.
///
/// # Safety
/// As [`run_unit`].
unsafe fn run_panels(plan: &Plan, place: &Place, acc: *mut u8, started: bool) {
    let outer = plan.outer.first().copied().unwrap_or(Dim::ONE);
    let block = Block {
        x: place.x,
        x_pitch: plan.axis.x,
        out: plan.out.wrapping_offset(place.out),
        out_pitch: plan.axis.out,
        len: place.lines,
        rows: plan.axis.extent,
        acc,
        started,
        keep: plan.carry_out.is_some(),
        exclusive: plan.exclusive,
        spacing: Spacing::Forward,
        stream: plan.stream,
        ahead: block::ahead(plan),
    };
    let panels = Panels {
        count: place.panels,
        x: outer.x,
        out: outer.out,
    };
    // SAFETY: 1 to 3 of the plan.
    unsafe { scan_across(plan.kernel, plan.many, &block, panels, plan.stream) }
}
