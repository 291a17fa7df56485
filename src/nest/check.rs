//! The first pass of a checked scan.

use super::block::{Cursor, move_run};
use super::{Place, Progress, Scratch, import, place, units};
use crate::kernels::TILE;
use crate::plan::Plan;
use crate::status::{Error, OverflowIn};

/// An overflow that the first pass of a checked scan found: where, and at which step.
#[derive(Clone, Copy)]
struct Found {
    index: usize,
    what: OverflowIn,
}

/// The first pass of a checked scan: looks for the lowest line with an overflow, and the first
/// overflow in it. Writes nothing.
///
/// # Safety
/// As [`run_unit`].
pub unsafe fn check(
    plan: &Plan,
    scratch: &mut Scratch,
    progress: &mut dyn Progress,
) -> Result<(), Error> {
    let mut first: Option<Error> = None;
    let mut lowest = usize::MAX;
    for unit in 0..units(plan) {
        let whole = place(plan, unit);
        for panel in 0..whole.panels {
            let group = whole.panel(plan, panel);
            for j in 0..whole.lines {
                let place = Place {
                    x: group.x.wrapping_offset(j as isize * plan.line.x),
                    out: group.out + j as isize * plan.line.out,
                    line: group.line + j * plan.line.line,
                    lines: 1,
                    panels: 1,
                };
                if place.line < lowest {
                    // SAFETY: this function's.
                    if let Some(error) = unsafe { check_line(plan, &place, scratch) } {
                        lowest = place.line;
                        first = Some(error);
                    }
                }
                progress.done(plan.axis.extent as u64)?;
            }
        }
    }
    first.map_or(Ok(()), Err)
}

/// Looks for the first overflow in a line.
///
/// # Safety
/// As [`run_unit`].
unsafe fn check_line(plan: &Plan, place: &Place, scratch: &mut Scratch) -> Option<Error> {
    let checking = plan.checking.as_ref()?;
    let [x_dtype, dtype, out_dtype] = plan.dtypes;
    let size = dtype.size() as isize;
    let acc = scratch.accumulators;
    let raw_tile = scratch.raw;
    let x_tile = scratch.x;
    let out_tile = scratch.out;
    let exclusive = plan.exclusive;
    let n = plan.axis.extent;
    let mut started = plan.carry_in.is_some();
    let line = place.line as u64;
    let at = |step: usize| if plan.reverse { n - 1 - step } else { step };

    // SAFETY: as in run_unit; tiles hold TILE elements.
    unsafe {
        import(plan, place, acc);
        if plan.load.is_none() && checking.store.is_none() && plan.axis_dims.is_empty() {
            // The elements where they lie, and nobody wants the results.
            let unused = exclusive && plan.carry_out.is_none();
            let n = n - (unused && n > 0) as usize;
            let (x, step) = (place.x, plan.axis.x);
            let good = (checking.combine)(x, step, n, std::ptr::null_mut(), acc, started);
            return (good < n).then(|| Error::Overflow {
                what: OverflowIn::Combine(plan.op, dtype),
                line,
                index: at(good) as i64,
            });
        }
        if let Some(store) = checking.store
            && (plan.initial.is_some() || (exclusive && n > 0))
            && plan.has_out
        {
            (plan.carries.show)(acc, started, out_tile);
            if store(out_tile, size, raw_tile, out_dtype.size() as isize, 1) == 0 {
                let what = OverflowIn::Store(dtype, out_dtype);
                return Some(Error::Overflow {
                    what,
                    line,
                    index: -1,
                });
            }
        }
        let mut cursor = Cursor::new(plan.axis_dims);
        let mut start = 0;
        while start < n {
            let len = TILE.min(n - start);
            let mut found: Option<Found> = None;
            let mut sound = len;
            let x_size = x_dtype.size() as isize;
            // The elements as they are, then their conversion.
            let (x, x_stride) = if !plan.axis_dims.is_empty() {
                cursor.read(plan.axis_dims, plan.gather, place.x, raw_tile, x_size, len);
                (raw_tile.cast_const(), x_size)
            } else {
                let x = place.x.wrapping_offset(start as isize * plan.axis.x);
                (x, plan.axis.x)
            };
            match (checking.load, plan.load) {
                (Some(load), _) => sound = load(x, x_stride, x_tile, size, len),
                (None, None) => move_run(plan.gather, (x, x_stride), (x_tile, size), len),
                (None, Some(load)) if x_stride == x_size => load(x, x_tile, len),
                (None, Some(load)) => {
                    move_run(plan.gather, (x, x_stride), (raw_tile, x_size), len);
                    load(raw_tile, x_tile, len);
                }
            }
            if sound < len {
                found = Some(Found {
                    index: sound,
                    what: OverflowIn::Load(x_dtype, dtype),
                });
            }
            // The last combination of an exclusive scan is for the carry alone.
            let unused = exclusive && plan.carry_out.is_none() && start + sound == n;
            let combined = (checking.combine)(
                x_tile,
                size,
                sound - unused as usize,
                out_tile,
                acc,
                started,
            );
            if combined < sound - unused as usize {
                sound = combined;
                found = Some(Found {
                    index: combined,
                    what: OverflowIn::Combine(plan.op, dtype),
                });
            }
            let shown = sound - (exclusive && start + sound == n) as usize;
            if let Some(store) = checking.store
                && plan.has_out
            {
                let fits = store(out_tile, size, raw_tile, out_dtype.size() as isize, shown);
                if fits < shown {
                    found = Some(Found {
                        index: fits,
                        what: OverflowIn::Store(dtype, out_dtype),
                    });
                }
            }
            if let Some(Found { index, what }) = found {
                return Some(Error::Overflow {
                    what,
                    line,
                    index: at(start + index) as i64,
                });
            }
            started = true;
            start += len;
        }
    }
    None
}
