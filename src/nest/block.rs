//! Does one block: brings it to the kernel and the results to where they belong.

use super::{Place, Scratch};
use crate::kernels::{Block, FEWEST, Kernel, Lines, Panels, Run, Spacing};
use crate::plan::{Dim, Plan};
use crate::simd::cache;
use crate::tile::{self, Move, Rewrite};
use crate::view::MAX_NDIM;
use arrayvec::ArrayVec;

/// Whether cache lines of turned results are filled at once. A scan across fills the halves of others by two
/// blocks soon after one another, a scan along much later: then stores past the caches are the slower ones
/// (2500x2500 f64: 2.7 ns an element, and 1.4 by way of the caches).
fn lines_are_whole(out: *mut u8, pitch: isize) -> bool {
    out.addr().is_multiple_of(cache::LINE) && pitch % cache::LINE as isize == 0
}

/// Whether results of kernels for single lines should go past the caches. The ends of rows do not, and cache lines
/// that go both ways are slow (10^5 rows of 100 u16 on a Zen 3: 0.77 ns an element, and 0.42 by way of the caches).
fn ends_do_not_matter(out: Rows<*mut u8>, rows: usize, bytes: usize) -> bool {
    /// Bytes of rows whose ends are few beside the rest.
    const LONG: usize = 4 << 10;
    let whole = || (out.first.addr() | out.pitch as usize | bytes).is_multiple_of(cache::LINE);
    rows == 1 || bytes >= LONG || whole()
}

/// Bytes between what a line's kernel reads and what it asks for meanwhile, where no cache has it.
///
/// Granite Rapids, 10^7 elements, against 1 KiB and the first-level cache, which served a Zen 4: i64 in 0.9
/// of the time, in place 0.7, c128 0.85, f64 the same. Copies took the same from 16 to 256 KiB.
const AHEAD: usize = 16 << 10;

/// [`kernels::Block::ahead`] of blocks that are read where they lie.
pub fn ahead(plan: &Plan) -> usize {
    if plan.fetch { AHEAD } else { 0 }
}

/// Scans a block across, and its repetitions.
///
/// # Safety
/// As [`crate::kernels::Across`].
pub unsafe fn scan_across(
    kernel: &Kernel,
    many: Option<&Lines>,
    block: &Block,
    panels: Panels,
    stream: bool,
) {
    // SAFETY: this function's.
    unsafe {
        if let Some(many) = many {
            (many.across)(block, panels, stream);
            return;
        }
        for panel in 0..panels.count {
            let by = panel as isize;
            (kernel.across)(&Block {
                x: block.x.wrapping_offset(by * panels.x),
                out: block.out.wrapping_offset(by * panels.out),
                acc: block.acc.add(panel * block.len * kernel.acc_size),
                ..*block
            });
        }
    }
}

/// Scans a block along.
///
/// # Safety
/// As [`crate::kernels::Along`].
pub unsafe fn scan_along(single: Run, many: Option<&Lines>, block: &Block, stream: bool) {
    // SAFETY: this function's.
    unsafe {
        match many.and_then(|many| many.along.map(|along| (along, many.longest))) {
            Some((along, longest)) if block.rows >= FEWEST && block.len <= longest => {
                along(block, single, stream)
            }
            _ => single(block),
        }
    }
}

/// Moves `n` elements in a row.
///
/// # Safety
/// As [`Move`].
pub unsafe fn move_run(
    elements: Move,
    (src, src_stride): (*const u8, isize),
    (dst, dst_stride): (*mut u8, isize),
    n: usize,
) {
    // SAFETY: this function's.
    unsafe {
        elements(&tile::Block {
            src,
            dst,
            n: [1, n],
            src_strides: [0, src_stride],
            dst_strides: [0, dst_stride],
            stream: false,
        })
    }
}

/// Rows as they lie in memory: the first one, and bytes from one to the next.
#[derive(Clone, Copy)]
struct Rows<P> {
    first: P,
    pitch: isize,
}

/// Rows of a block.
#[derive(Clone, Copy)]
struct Extent {
    /// Number of rows.
    rows: usize,
    /// Elements of one.
    row: usize,
}

/// Rows shorter than this are not worth a call each.
const SHORT_ROW: usize = 16;

impl Extent {
    /// The distance of rows that follow each other without gaps.
    fn pitch(self, size: usize) -> isize {
        (self.row * size) as isize
    }

    /// Whether rows at this distance can be rewritten where they lie.
    fn worthwhile(self, pitch: isize, size: usize) -> bool {
        self.row >= SHORT_ROW || pitch == self.pitch(size)
    }

    /// Rewrites rows of contiguous elements, all at once where they follow each other.
    ///
    /// # Safety
    /// As [`Rewrite`], for each of the rows, with elements of these sizes.
    unsafe fn rewrite(
        self,
        rewrite: Rewrite,
        x: (Rows<*const u8>, usize),
        tile: (Rows<*mut u8>, usize),
    ) {
        // SAFETY: this function's.
        unsafe { self.rewrite_by(|x, tile, n| rewrite(x, tile, n), x, tile) }
    }

    /// The same by a function that is no [`Rewrite`], but has its safety conditions.
    ///
    /// # Safety
    /// As [`Extent::rewrite`].
    #[inline(always)]
    unsafe fn rewrite_by(
        self,
        rewrite: impl Fn(*const u8, *mut u8, usize),
        (x, x_size): (Rows<*const u8>, usize),
        (tile, size): (Rows<*mut u8>, usize),
    ) {
        // SAFETY: this function's.
        unsafe {
            if x.pitch == self.pitch(x_size) && tile.pitch == self.pitch(size) {
                rewrite(x.first, tile.first, self.rows * self.row);
                return;
            }
            for i in 0..self.rows as isize {
                rewrite(
                    x.first.offset(i * x.pitch),
                    tile.first.offset(i * tile.pitch),
                    self.row,
                );
            }
        }
    }
}

/// Does one block: the elements of each of a group of lines that are in `range`, which are all of them where the place
/// has several panels.
///
/// # Safety
/// As [`run_unit`]; `range` ends at most at the axis' extent, and where there are tiles, the block fits
/// one; `acc` holds the accumulators of the group if `started`, and afterwards if `keep`.
pub unsafe fn run_block(
    plan: &Plan,
    place: &Place,
    range: std::ops::Range<usize>,
    cursor: &mut Cursor,
    scratch: &mut Scratch,
    acc: *mut u8,
    (started, keep): (bool, bool),
) {
    let (lines, len) = (place.lines, range.len());
    let [x_size, size, out_size] = plan.dtypes.map(|dtype| dtype.size());
    // The rows of several panels follow each other evenly.
    let n = [lines, len * place.panels];
    // Rows are what the kernel sees: lines beside each other, or one after the other.
    let extent = if plan.across {
        Extent {
            rows: n[1],
            row: lines,
        }
    } else {
        Extent {
            rows: lines,
            row: len,
        }
    };
    // The strides of a tile with elements of a size, by line and along the axis.
    let strides = |size: usize| {
        let (step, pitch) = (size as isize, extent.pitch(size));
        if plan.across {
            [step, pitch]
        } else {
            [pitch, step]
        }
    };
    let pitch_of = |line: isize, axis: isize| if plan.across { axis } else { line };
    let start = range.start as isize;
    let x = Rows {
        first: place.x.wrapping_offset(start * plan.axis.x),
        pitch: pitch_of(plan.line.x, plan.axis.x),
    };
    let out = Rows {
        first: plan.out.wrapping_offset(place.out + start * plan.axis.out),
        pitch: pitch_of(plan.line.out, plan.axis.out),
    };
    if let Some(spaced) = plan.spaced {
        let outer = plan.outer.first().copied().unwrap_or(Dim::ONE);
        let mut block = Block {
            x: x.first,
            x_pitch: x.pitch,
            out: out.first,
            out_pitch: out.pitch,
            len,
            rows: lines,
            acc,
            started,
            keep,
            exclusive: plan.exclusive,
            spacing: Spacing::Bytes([plan.axis.x, plan.axis.out]),
            stream: false,
            ahead: 0,
        };
        for _ in 0..place.panels {
            // SAFETY: 1 and 2 of the plan.
            unsafe { (spaced.along)(&block) };
            block.x = block.x.wrapping_offset(outer.x);
            block.out = block.out.wrapping_offset(outer.out);
            block.acc = block.acc.wrapping_add(lines * plan.kernel.acc_size);
        }
        return;
    }
    let tile = |first: *mut u8, size: usize| Rows {
        first,
        pitch: extent.pitch(size),
    };
    let read = |rows: Rows<*mut u8>| Rows {
        first: rows.first.cast_const(),
        pitch: rows.pitch,
    };
    let x_tile = scratch.x;
    let out_tile = scratch.out;
    let raw_tile = scratch.raw;

    // SAFETY: 1 to 3 of the plan; a tile holds TILE elements of any type, and `arrange` keeps blocks
    // that need one within its bytes. No step reads a tile that a later use has overwritten: `out_tile`
    // is free before the kernel, and `x_tile` after it.
    unsafe {
        let mut gather = |to: *mut u8| {
            if plan.axis_dims.is_empty() {
                let block = tile::Block {
                    src: x.first,
                    dst: to,
                    n,
                    src_strides: [plan.line.x, plan.axis.x],
                    dst_strides: strides(x_size),
                    stream: false,
                };
                (plan.gather)(&block.joined());
            } else {
                cursor.read(
                    plan.axis_dims,
                    plan.gather,
                    place.x,
                    to,
                    x_size as isize,
                    len,
                );
            }
            read(tile(to, x_size))
        };
        // The elements in the computing type, before a NaN is replaced.
        let to = if plan.scrub.is_some() {
            raw_tile
        } else {
            x_tile
        };
        let raw = match plan.load {
            _ if plan.direct_x => x,
            None if plan.even_x => x,
            None => gather(to),
            Some(load) => {
                let from = if plan.even_x && extent.worthwhile(x.pitch, x_size) {
                    x
                } else {
                    gather(out_tile)
                };
                extent.rewrite(load, (from, x_size), (tile(to, size), size));
                read(tile(to, size))
            }
        };
        let kernel_x = match plan.scrub {
            None => raw,
            Some(scrub) => {
                // The identity is what is shown of a line that has not started.
                let mut identity = 0u128;
                (plan.carries.show)(acc, false, (&raw mut identity).cast());
                let scrub = |x: *const u8, tile: *mut u8, n| scrub(x, tile, n, identity);
                extent.rewrite_by(scrub, (raw, size), (tile(x_tile, size), size));
                read(tile(x_tile, size))
            }
        };
        let kernel_out = if plan.direct_out {
            out
        } else {
            tile(out_tile, size)
        };
        let stream = plan.stream && plan.direct_out;
        let block = Block {
            x: kernel_x.first,
            x_pitch: kernel_x.pitch,
            out: kernel_out.first,
            out_pitch: kernel_out.pitch,
            len: extent.row,
            rows: extent.rows / place.panels,
            acc,
            started,
            keep,
            exclusive: plan.exclusive,
            spacing: Spacing::of(plan.backward),
            stream: stream && ends_do_not_matter(kernel_out, extent.rows, extent.row * size),
            ahead: ahead(plan),
        };
        if plan.across {
            let panels = Panels {
                count: place.panels,
                x: len as isize * kernel_x.pitch,
                out: len as isize * kernel_out.pitch,
            };
            scan_across(plan.kernel, plan.many, &block, panels, stream);
        } else {
            // Rows are taken together in the computing type alone.
            let converted = !plan.direct_x || plan.dtypes[0] == plan.dtypes[1];
            let together =
                |many: &&Lines| converted && (!plan.backward || extent.row <= many.backward);
            let many = plan.many.filter(together);
            scan_along(plan.along, many, &block, stream);
        }
        if !plan.has_out {
            return;
        }
        if let Some(put_back) = plan.put_back {
            extent.rewrite(put_back, (raw, size), (kernel_out, size));
        }
        if plan.direct_out {
            return;
        }
        let from = match plan.store {
            None => out_tile,
            Some(store) if plan.even_out && extent.worthwhile(out.pitch, out_size) => {
                extent.rewrite(store, (read(tile(out_tile, size)), size), (out, out_size));
                return;
            }
            Some(store) => {
                let from = read(tile(out_tile, size));
                extent.rewrite(store, (from, size), (tile(x_tile, out_size), out_size));
                x_tile
            }
        };
        let block = tile::Block {
            src: from,
            dst: out.first,
            n,
            src_strides: strides(out_size),
            dst_strides: [plan.line.out, plan.axis.out],
            stream: plan.stream && (plan.across || lines_are_whole(out.first, plan.axis.out)),
        };
        (plan.scatter)(&block.joined());
    }
}

/// A position in the dimensions of a flattened axis.
pub struct Cursor {
    index: ArrayVec<usize, MAX_NDIM>,
}

impl Cursor {
    #[inline]
    pub fn new(dims: &[Dim]) -> Cursor {
        let mut cursor = Cursor {
            index: ArrayVec::new(),
        };
        // Where it is: to collect them would move room for all dimensions.
        cursor.index.extend(dims.iter().map(|_| 0));
        cursor
    }

    /// Reads the next `n` elements into `dst`.
    ///
    /// # Safety
    /// There are as many left, and `dst` has room for them.
    pub unsafe fn read(
        &mut self,
        dims: &[Dim],
        elements: Move,
        first: *const u8,
        mut dst: *mut u8,
        size: isize,
        mut n: usize,
    ) {
        let inner = dims[0];
        while n > 0 {
            let offset: isize = dims
                .iter()
                .zip(&self.index)
                .map(|(dim, &index)| index as isize * dim.x)
                .sum();
            let run = n.min(inner.extent - self.index[0]);
            // SAFETY: 1 of the plan: the run lies within the innermost dimension.
            unsafe {
                let src = (first.wrapping_offset(offset), inner.x);
                move_run(elements, src, (dst, size), run);
                dst = dst.offset(run as isize * size);
            }
            n -= run;
            self.index[0] += run;
            let mut dim = 0;
            while dim + 1 < dims.len() && self.index[dim] == dims[dim].extent {
                self.index[dim] = 0;
                dim += 1;
                self.index[dim] += 1;
            }
        }
    }
}
