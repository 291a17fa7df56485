//! Picks directions and block sizes.
#![forbid(unsafe_code)]

use super::{Plan, TILE_BYTES};
use crate::dtype::{DType, Kind};
use crate::kernels::{ACCUMULATORS, FEWEST, TILE};
use crate::op::Op;
use crate::simd::cache;

/// Rows that the kernels take at a time at most, and the fewest of a unit where there are as many.
const ROWS: usize = 16;

/// Fewest lines for which an input that lies across is scanned across and the results are turned.
const TURNED: usize = 8;

/// Bytes of arrays that are turned on their way by blocks: less is in a second-level cache, whose lines are all still there
/// when the next line of the array comes to them.
const TURNED_FROM: u64 = 512 << 10;

/// Bytes along a line of blocks that are turned on their way: whole cache lines, and few, so that the
/// block has many lines. Found with 4000x4000 f64 and f32.
const TURNED_BYTES: usize = 128;

/// The same of a scan across, where every line of the output begins as the first: one cache line at a time
/// is faster then (f64 1.43 ns for 1.64, f32 0.67 for 0.79).
const TURNED_BYTES_ALIGNED: usize = cache::LINE;

/// Elements of a row up to which it is better converted beforehand and taken together with others, by the bytes of one
/// before: on a Zen 3, 1000 rows of 9 i32 to i64 in 0.70 ns an element and so in 0.50, of 17 in 0.39 and 0.42; 2000 rows
/// of 7 u8 in 0.88 and 0.62, of 9 in 0.30 and 0.49.
const fn widened_from(size: usize) -> usize {
    if size == 1 { 7 } else { 16 }
}

/// Elements of rows of products up to which these are better read as they lie, one row at a time, than converted on their way
/// to kernels for several rows, in caches: on a Zen 3, u8 to u64, converted and as they lie, 1000 rows of 9 in 1.04 and 0.82 ns
/// an element, of 17 in 0.95 and 0.83, 300 of 100 in 0.75 and 0.84. (Several rows at a time take 0.45 as they lie.)
const CONVERTED_FROM: usize = 64;

/// Columns without gaps that are better scanned one by one: of elements that would be changed on their way to others, or
/// where there is no kernel for `several` lines.
pub fn is_few_columns(lines: usize, changed: bool, several: bool) -> bool {
    changed && lines <= 2 || !several && lines <= 4
}

/// Elements that one unit of work should have: enough to outweigh handing it out, few enough to
/// spread over threads and to look at the clock in between.
const UNIT: usize = 1 << 16;

impl Plan<'_> {
    /// Elements of a line from which on it is better brought together for a kernel, where only `x` has gaps; results
    /// that have some are better written one by one. On a Zen 3, of every other element, together and one by one, in ns:
    /// sums of f64 1.38 and 0.92 in lines of 100, 0.88 and 1.00 in one of 10^5; of f32 0.97 and 0.90, 0.72 and 1.00 in lines
    /// of 2000; of i32 0.71 and 0.40, of c128 1.41 and 0.98; maxima of f64 0.63 and 0.56, of f32 0.48 and 0.56, of i16 0.41
    /// and 0.67; products of i32 0.51 and 1.00.
    fn gathered_from(&self) -> usize {
        let dtype = self.dtypes[1];
        match (self.op, dtype.kind(), dtype.size()) {
            // A NaN would be looked for twice on the way.
            _ if self.scrub.is_some() => usize::MAX,
            (Op::Sum, Kind::Float, 4) => 256,
            (Op::Sum, Kind::Integer, _) | (_, Kind::Complex, _) => usize::MAX,
            (Op::Max | Op::Min, _, 8) | (_, Kind::Integer, 8) => usize::MAX,
            _ => 1024,
        }
    }

    /// Picks the line dimension, the direction of the kernels and the size of the blocks.
    pub fn arrange(&mut self) {
        // The line dimension is the innermost one; it goes to the front of the sorted list.
        if let Some((first, rest)) = self.outer.split_first() {
            (self.line, self.outer) = (*first, rest);
        }
        let columns = self.pick_direction();
        self.pick_kernel(columns);
        self.pick_block();
        self.pick_panels();
    }

    /// Bytes of an element of each type.
    fn sizes(&self) -> [usize; 3] {
        self.dtypes.map(DType::size)
    }

    /// Whether the axis is one dimension.
    fn is_flat(&self) -> bool {
        self.axis_dims.is_empty()
    }

    /// Whether the results lie along another direction than the elements.
    fn is_turned(&self) -> bool {
        let (axis, line) = (self.axis, self.line);
        self.has_out && nearer(line.out, axis.out) != nearer(line.x, axis.x)
    }

    /// Whether elements are computed with as they are.
    fn is_one_type(&self) -> bool {
        self.dtypes[0] == self.dtypes[1]
    }

    /// Picks the direction of the kernels, and whether what lies across is scanned column by column.
    fn pick_direction(&mut self) -> bool {
        let (axis, line) = (self.axis, self.line);
        let [x_size, _, out_size] = self.sizes().map(|size| size as isize);
        // The input decides, for a grouping of operations must not depend on the output; where only the
        // input lies across, a few lines are better taken one by one, in their order.
        let across = line.extent > 1
            && axis.extent > 1
            && self.is_flat()
            && nearer(line.x, axis.x)
            && (!self.is_turned() || line.extent >= TURNED);
        // Rows with gaps, or where elements are changed first, go through tiles: columns that stay near are better read and
        // written as they lie, of the latter those of rows that are hardly any; and of short ones where there is no kernel for
        // several lines (sums of u8 that stop at 255, 1000 rows of two: 2.5 ns an element and 1.2).
        let gaps = [line.x, line.out] != [x_size, out_size];
        let changed = self.scrub.is_some() || !self.is_one_type();
        let columns = across
            && self.has_out
            && self.spaced.is_some()
            && self.dtypes[1] == self.dtypes[2]
            && (gaps || is_few_columns(line.extent, changed, self.many.is_some()))
            && [axis.x, axis.out]
                .into_iter()
                .all(|pitch| stays_near(axis.extent, pitch));
        self.across = across && !columns;
        columns
    }

    /// Picks what the kernel reads and writes where it lies, and which scan along takes that.
    fn pick_kernel(&mut self, columns: bool) {
        let (axis, line) = (self.axis, self.line);
        let sizes = self.sizes();
        let [x_size, _, out_size] = sizes.map(|size| size as isize);
        let (has_out, flat, one_type) = (self.has_out, self.is_flat(), self.is_one_type());
        let (steps, [x_step, out_step]) = match self.across {
            true => (line.extent, [line.x, line.out]),
            false => (axis.extent, [axis.x, axis.out]),
        };
        let contiguous = |step: isize, size: isize| steps == 1 || step == size;
        let together = |longest: usize| line.extent >= FEWEST && steps <= longest;
        // Short rows are taken together, which the scans that widen do not.
        let rows = self.many.filter(|many| {
            many.along.is_some() && together(many.longest) && steps <= widened_from(sizes[0])
        });
        let widening = self.widening.filter(|_| !self.across && rows.is_none());
        let readable = one_type || widening.is_some();
        self.even_x = flat && contiguous(x_step, x_size);
        self.even_out = has_out && contiguous(out_step, out_size);
        self.direct_x = self.even_x && readable && self.scrub.is_none();
        self.along = widening
            .filter(|_| self.direct_x)
            .unwrap_or(self.kernel.along);
        // Where results are written over elements, which of these were NaN would be lost.
        let put_back_later = self.put_back.is_some() && self.x.addr() == self.out.addr();
        self.direct_out = self.even_out && self.dtypes[1] == self.dtypes[2] && !put_back_later;
        // What runs backward on both sides, or has gaps, can be read and written as it lies.
        let as_it_lies =
            !self.across && flat && has_out && steps > 1 && self.dtypes[1] == self.dtypes[2];
        let turned_around = as_it_lies && one_type && (x_step, out_step) == (-x_size, -out_size);
        let short = self.spaced.is_some_and(|spaced| steps <= spaced.longest);
        let together = self.many.is_some_and(|many| steps <= many.backward);
        let backward = self.kernel.backward.filter(|_| !short || together);
        // The rows that do not fill a group are done one by one: without a way for these there is none for any.
        let one_by_one = self.spaced.filter(|_| together).map(|spaced| spaced.along);
        let backward = backward
            .or(one_by_one)
            .filter(|_| turned_around && self.scrub.is_none());
        self.backward = backward.is_some();
        if let Some(backward) = backward {
            (self.even_x, self.even_out) = (true, true);
            (self.direct_x, self.direct_out) = (true, true);
            self.along = backward;
        }
        let bytes = self.bytes();
        self.fetch = bytes > cache::fetching_threshold() as u64;
        self.stream = bytes > cache::streaming_threshold() as u64;
        self.spaced = self
            .spaced
            .filter(|_| as_it_lies && !self.backward)
            .filter(|_| columns || self.is_better_spaced(short, turned_around));
    }

    /// Bytes of all elements and results.
    fn bytes(&self) -> u64 {
        let [x_size, _, out_size] = self.sizes();
        self.elements() * (x_size + if self.has_out { out_size } else { 0 }) as u64
    }

    /// Whether lines that can be taken as they lie had better not be brought to another kernel; what that needs is picked.
    /// They may be short beside the start of one, or run backward on both sides.
    fn is_better_spaced(&self, short: bool, turned_around: bool) -> bool {
        let (axis, line) = (self.axis, self.line);
        let beside = |line_step: isize, step: isize| line.extent > 1 && nearer(line_step, step);
        // Of many results that lie far apart along the axis, tiles make whole cache lines.
        if self.fetch && beside(line.out, axis.out) {
            return false;
        }
        let turned = beside(line.x, axis.x) || beside(line.out, axis.out);
        let turned = turned && self.bytes() > TURNED_FROM;
        // Where operations wait for each other, memory is better asked for in between than before.
        let waits = self.op == Op::Sum && self.dtypes[1] == DType::F64;
        let gaps = if self.even_x && self.even_out {
            waits && !self.direct_x && self.fetch
        } else if turned || turned_around {
            short
        } else {
            !self.even_out || axis.extent < self.gathered_from()
        };
        // Nor is there anything for a kernel to gain from a few short rows, or from those that it cannot read.
        let along = self.many.is_some_and(|many| many.along.is_some());
        let alone = line.extent < FEWEST || !along;
        let carries = self.carry_in.is_some() || self.carry_out.is_some();
        let several = !self.exclusive && !carries;
        let unread =
            !self.is_one_type() && (self.fetch || several || axis.extent <= CONVERTED_FROM);
        gaps || short && (alone || unread)
    }

    /// Picks how many lines make a block, and how many elements of each.
    fn pick_block(&mut self) {
        let (axis, line, sizes) = (self.axis, self.line, self.sizes());
        let [x_size, _, out_size] = sizes.map(|size| size as isize);
        let (has_out, flat, out_turned) = (self.has_out, self.is_flat(), self.is_turned());
        let grid = self.kernel.grid;
        debug_assert!(TILE.is_multiple_of(grid));
        let most = ACCUMULATORS / self.kernel.acc_size;
        // The kernel's grid, from below if that is not zero.
        let on_grid = |piece: usize| (piece - piece % grid).max(grid);
        let n = axis.extent.max(1);
        let (direct, area) = (self.is_direct(), self.area());
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
                // Rows that the kernel takes together; few pieces of each are better than many.
                let at_once = if sizes[1] > 2 { ROWS / 2 } else { ROWS };
                let piece = if turned {
                    (TURNED_BYTES / sizes[1]).max(1)
                } else if self
                    .many
                    .is_some_and(|many| many.along.is_some() && n <= many.longest)
                {
                    area / at_once
                } else {
                    // What is done row by row is best read so.
                    area
                };
                // Pieces end on the kernel's grid, unless a line is one piece.
                let piece = piece.max(grid).next_multiple_of(grid).min(n);
                let group = (area / piece).min(line.extent).max(1);
                // Rows that do not fill such a group are done one by one.
                let group = if group > at_once {
                    group - group % at_once
                } else {
                    group
                };
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
    }

    /// Whether blocks need no tiles.
    fn is_direct(&self) -> bool {
        self.direct_x && self.direct_out || self.spaced.is_some()
    }

    /// Elements of a block that goes through tiles.
    fn area(&self) -> usize {
        TILE_BYTES / self.sizes().into_iter().max().unwrap_or(1)
    }

    /// Picks how many panels make a unit, and how many of these a block.
    fn pick_panels(&mut self) {
        let (axis, line) = (self.axis, self.line);
        let n = axis.extent.max(1);
        let most = ACCUMULATORS / self.kernel.acc_size;
        self.panels = match self.outer.first() {
            Some(outer) if self.group == line.extent.max(1) => {
                let most = (most / self.group).min(UNIT / (n * self.group).min(UNIT));
                outer.extent.min(most.max(1))
            }
            _ => 1,
        };
        // Where each panel goes on where the one before ends, a tile takes as many as it has room for.
        self.together = match self.outer.first() {
            _ if self.spaced.is_some() => self.panels,
            Some(outer)
                if self.across
                    && !self.is_direct()
                    && !self.is_turned()
                    && self.piece == n
                    && outer.x == n as isize * axis.x
                    && outer.out == n as isize * axis.out =>
            {
                self.panels.min(self.area() / (n * self.group)).max(1)
            }
            _ => 1,
        };
    }
}

/// Whether places go on nearer to each other along the line dimension than along the axis.
fn nearer(line: isize, axis: isize) -> bool {
    line.unsigned_abs() < axis.unsigned_abs()
}

/// Whether the first-level cache still has the cache lines of a column, so many bytes from row to row, and its results'
/// when the next column comes to them.
pub fn stays_near(rows: usize, pitch: isize) -> bool {
    /// Sets of such a cache, and ways of one that are an array's.
    const SETS: usize = 64;
    const WAYS: usize = 4;
    /// Bytes of columns that follow each other in memory: a processor asks for the next ones early.
    const FOLLOWING: usize = 48 << 10;
    /// Bytes whose pages it knows where to find.
    const PAGES: usize = 256 << 10;
    let pitch = pitch.unsigned_abs();
    if pitch <= cache::LINE {
        return rows * pitch <= FOLLOWING;
    }
    let sets = ((SETS * cache::LINE) >> pitch.trailing_zeros()).clamp(1, SETS);
    rows <= WAYS * sets && rows.saturating_mul(pitch) <= PAGES
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
