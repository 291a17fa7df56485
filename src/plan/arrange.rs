//! Picks directions and block sizes.
#![forbid(unsafe_code)]

use super::{Plan, TILE_BYTES};
use crate::dtype::DType;
use crate::kernels::{ACCUMULATORS, TILE};
use crate::simd::cache;

/// Rows that the kernels take at a time at most, and the fewest of a unit where there are as many.
const ROWS: usize = 16;

/// Fewest lines for which an input that lies across is scanned across and the results are turned.
const TURNED: usize = 8;

/// Bytes along a line of blocks that are turned on their way: whole cache lines, and few, so that the
/// block has many lines. Found with 4000x4000 f64 and f32.
const TURNED_BYTES: usize = 128;

/// The same of a scan across, where every line of the output begins as the first: one cache line at a time
/// is faster then (f64 1.43 ns for 1.64, f32 0.67 for 0.79).
const TURNED_BYTES_ALIGNED: usize = cache::LINE;

/// Elements that one unit of work should have: enough to outweigh handing it out, few enough to
/// spread over threads and to look at the clock in between.
const UNIT: usize = 1 << 16;

impl Plan<'_> {
    /// Picks the line dimension, the direction of the kernels and the size of the blocks.
    pub fn arrange(&mut self) {
        let sizes = self.dtypes.map(DType::size);
        let [x_size, _, out_size] = sizes.map(|size| size as isize);
        let has_out = self.has_out;
        let flat = self.axis_dims.is_empty();
        // The line dimension is the innermost one; it goes to the front of the sorted list.
        if let Some((first, rest)) = self.outer.split_first() {
            (self.line, self.outer) = (*first, rest);
        }
        let (axis, line) = (self.axis, self.line);
        let nearer = |line: isize, axis: isize| line.unsigned_abs() < axis.unsigned_abs();
        let out_turned = has_out && nearer(line.out, axis.out) != nearer(line.x, axis.x);
        // The input decides, for a grouping of operations must not depend on the output; where only the
        // input lies across, a few lines are better taken one by one, in their order.
        self.across = line.extent > 1
            && axis.extent > 1
            && flat
            && nearer(line.x, axis.x)
            && (!out_turned || line.extent >= TURNED);

        let [x_step, out_step] = if self.across {
            [line.x, line.out]
        } else {
            [axis.x, axis.out]
        };
        let steps = if self.across {
            line.extent
        } else {
            axis.extent
        };
        let contiguous = |step: isize, size: isize| steps == 1 || step == size;
        let widening = self.widening.filter(|_| !self.across);
        let readable = self.dtypes[0] == self.dtypes[1] || widening.is_some();
        self.even_x = flat && contiguous(x_step, x_size);
        self.even_out = has_out && contiguous(out_step, out_size);
        self.direct_x = self.even_x && readable && self.scrub.is_none();
        self.along = widening
            .filter(|_| self.direct_x)
            .unwrap_or(self.kernel.along);
        self.direct_out =
            self.even_out && self.dtypes[1] == self.dtypes[2] && self.put_back.is_none();
        // What runs backward on both sides can be read and written as it lies.
        let backward = self.kernel.backward.filter(|way| steps <= way.longest);
        self.backward = !self.across
            && flat
            && has_out
            && steps > 1
            && (x_step, out_step) == (-x_size, -out_size)
            && backward.is_some()
            && self.dtypes[0] == self.dtypes[1]
            && self.dtypes[1] == self.dtypes[2]
            && self.scrub.is_none()
            && self.put_back.is_none();
        if self.backward {
            (self.even_x, self.even_out) = (true, true);
            (self.direct_x, self.direct_out) = (true, true);
            self.along = backward.map_or(self.kernel.along, |way| way.along);
        }
        // Else tiles gain more by the kernels than they lose by the moves (10^4 f64 strided on one side: 0.55 ns
        // and 0.49 as they lie, i32: 0.29 and 0.33; on both sides, 0.83 and 0.49, 0.46 and 0.34).
        self.strided = self.strided.filter(|_| {
            !self.across
                && flat
                && has_out
                && line.extent == 1
                && !self.even_x
                && !self.even_out
                && self.dtypes[0] == self.dtypes[1]
                && self.dtypes[1] == self.dtypes[2]
                && self.scrub.is_none()
                && self.put_back.is_none()
        });
        let bytes = self.elements() * (sizes[0] + if has_out { sizes[2] } else { 0 }) as u64;
        self.stream = bytes > cache::streaming_threshold() as u64;
        self.fetch = bytes > cache::fetching_threshold() as u64;

        let grid = self.kernel.grid;
        debug_assert!(TILE.is_multiple_of(grid));
        let most = ACCUMULATORS / self.kernel.acc_size;
        // The kernel's grid, from below if that is not zero.
        let on_grid = |piece: usize| (piece - piece % grid).max(grid);
        let n = axis.extent.max(1);
        let direct = self.direct_x && self.direct_out;
        // Elements of a block that goes through tiles.
        let area = TILE_BYTES / sizes.into_iter().max().unwrap_or(1);
        let apart = |axis: isize, size: isize| n > 1 && axis.abs() != size;
        let x_apart = apart(axis.x, x_size);
        let out_apart = has_out && apart(axis.out, out_size);
        let (group, piece) = match (self.across, direct) {
            (true, true) => (even_share(line.extent, most, 64 / sizes[1].min(64)), n),
            (false, true) => ((UNIT / n).max(ROWS), n),
            // Whole cache lines on the side that lies along the axis.
            (true, false) if out_turned => {
                let bytes = if line.out % cache::LINE as isize == 0 {
                    TURNED_BYTES_ALIGNED
                } else {
                    TURNED_BYTES
                };
                let piece = on_grid((bytes / sizes[2]).max(1));
                let group = even_share(line.extent, area / piece, 64 / sizes[0].min(64));
                (group, on_grid(area / group))
            }
            (true, false) => {
                let group = even_share(line.extent, area / on_grid(8), 64 / sizes[1].min(64));
                (group, on_grid(area / group))
            }
            (false, false) if line.extent == 1 || !flat => (1, TILE),
            (false, false) => {
                let turned = x_apart != out_apart || (x_apart && nearer(line.x, axis.x));
                let piece = if turned {
                    (TURNED_BYTES / sizes[1]).max(1)
                } else {
                    area / ROWS
                };
                // Pieces end on the kernel's grid, unless a line is one piece.
                let piece = piece.max(grid).next_multiple_of(grid).min(n);
                let group = (area / piece).min(line.extent).max(1);
                let piece = area / group;
                (group, if piece >= n { n } else { piece - piece % grid })
            }
        };
        self.group = group.clamp(1, most.min(line.extent.max(1)));
        let beside = self.across && self.stream && self.direct_out && self.group < line.extent;
        self.shift = if beside && line.out == out_size {
            // Elements of the first result's cache line that stand before it.
            let before = self.out.addr() % cache::LINE / sizes[2];
            before.min(self.group - 1)
        } else {
            0
        };
        self.piece = piece.min(n);
        self.panels = match self.outer.first() {
            Some(outer) if self.group == line.extent.max(1) => {
                let most = (most / self.group).min(UNIT / (n * self.group).min(UNIT));
                outer.extent.min(most.max(1))
            }
            _ => 1,
        };
    }
}

/// Splits `extent` into equal shares of at most `most`, each a multiple of `unit` where that is
/// possible, and returns the share.
fn even_share(extent: usize, most: usize, unit: usize) -> usize {
    let extent = extent.max(1);
    let shares = extent.div_ceil(most.max(1));
    extent
        .div_ceil(shares)
        .next_multiple_of(unit)
        .min(most.max(1))
}
