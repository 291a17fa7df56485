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

use crate::kernels::{Block, LARGEST_ACCUMULATOR, Panels, TILE};
use crate::plan::{ACCUMULATORS, Dim, Plan, ShortLine};
use crate::simd::Isa;
use crate::status::{Error, OverflowIn};
use crate::tile::{self, Move, Rewrite};
use crate::view::MAX_NDIM;
use arrayvec::ArrayVec;
use std::alloc::{Layout, alloc, dealloc};
use std::mem::MaybeUninit;

/// Room for the accumulators of a unit and for its tiles.
#[repr(align(64))]
pub struct Scratch {
    accumulators: MaybeUninit<[u8; ACCUMULATORS]>,
    raw: MaybeUninit<[u128; TILE]>,
    x: MaybeUninit<[u128; TILE]>,
    out: MaybeUninit<[u128; TILE]>,
}

impl Scratch {
    /// Room, as yet without content.
    #[inline]
    pub fn new() -> Scratch {
        Scratch {
            accumulators: MaybeUninit::uninit(),
            raw: MaybeUninit::uninit(),
            x: MaybeUninit::uninit(),
            out: MaybeUninit::uninit(),
        }
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
        plan.line.extent.div_ceil(plan.group),
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
    /// One of the panels alone.
    fn panel(&self, plan: &Plan, panel: usize) -> Place {
        let dim = plan.outer.first().copied().unwrap_or(Dim::ONE);
        Place {
            x: self.x.wrapping_offset(panel as isize * dim.x),
            out: self.out + panel as isize * dim.out,
            line: self.line + panel * dim.line,
            panels: 1,
            ..*self
        }
    }
}

/// The place of a unit.
fn place(plan: &Plan, unit: usize) -> Place {
    let (groups, runs) = counts(plan);
    let (mut rest, start) = (unit / groups, unit % groups * plan.group);
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
        lines: plan.group.min(plan.line.extent - start),
        panels,
    }
}

/// Does a short line.
///
/// # Safety
/// `x` and `out` hold `n` elements, and nobody else writes them.
#[inline]
pub unsafe fn run_short(line: &ShortLine) {
    let mut acc = MaybeUninit::<[u128; LARGEST_ACCUMULATOR / 16]>::uninit();
    let block = Block {
        x: line.x,
        x_pitch: 0,
        out: line.out,
        out_pitch: 0,
        len: line.n,
        rows: 1,
        acc: acc.as_mut_ptr().cast(),
        started: false,
        exclusive: false,
        backward: false,
        stream: false,
    };
    // SAFETY: this function's; there is room for the largest accumulator, aligned for it.
    unsafe { (line.kernel.along)(&block) }
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
                (plan.kernel.import)(carry.add(line * stride), acc.add(j * plan.kernel.acc_size))
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
                (plan.kernel.export)(
                    acc.add(j * plan.kernel.acc_size),
                    started,
                    carry.add(line * plan.kernel.carry_size),
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
                (plan.kernel.show)(acc.add(j * plan.kernel.acc_size), started, value);
                match plan.store {
                    Some(store) => store(value, at, 1),
                    None => at.copy_from_nonoverlapping(value, plan.dtypes[2].size()),
                }
            }
        }
    }
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
    let acc = scratch.accumulators.as_mut_ptr().cast::<u8>();
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
        for panel in 0..place.panels {
            let acc = acc.add(panel * place.lines * plan.kernel.acc_size);
            let place = place.panel(plan, panel);
            import(plan, &place, acc);
            show_initial(plan, &place, acc, started);
        }
        if together {
            run_panels(plan, &place, acc, started);
            progress.done((n * place.lines * place.panels) as u64)?;
        } else {
            for panel in 0..place.panels {
                let acc = acc.add(panel * place.lines * plan.kernel.acc_size);
                let place = place.panel(plan, panel);
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
                        started,
                    );
                    start += len;
                    progress.done((len * place.lines) as u64)?;
                }
            }
        }
        for panel in 0..place.panels {
            let acc = acc.add(panel * place.lines * plan.kernel.acc_size);
            export(plan, &place.panel(plan, panel), acc, started || n > 0);
        }
    }
    Ok(())
}

/// The length of the first piece of a group: where results are turned on their way past the caches,
/// such that all others begin on a cache line.
fn first_piece(plan: &Plan, place: &Place, piece: usize) -> usize {
    const LINE: usize = 64;
    let size = plan.dtypes[2].size();
    let turned = plan.stream && plan.across && !plan.direct_out && plan.axis.out == size as isize;
    let ahead = plan.out.wrapping_offset(place.out).addr() % LINE;
    if turned && piece * size > LINE && ahead.is_multiple_of(size) {
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
        exclusive: plan.exclusive,
        backward: false,
        stream: plan.stream,
    };
    let panels = Panels {
        count: place.panels,
        x: outer.x,
        out: outer.out,
    };
    // SAFETY: 1 to 3 of the plan.
    unsafe { scan_across(plan, &block, panels, plan.stream) }
}

/// Scans a block across, and its repetitions.
///
/// # Safety
/// As [`crate::kernels::Across`].
unsafe fn scan_across(plan: &Plan, block: &Block, panels: Panels, stream: bool) {
    let acc_size = plan.kernel.acc_size;
    // SAFETY: this function's.
    unsafe {
        if let Some(many) = plan.many {
            (many.across)(block, panels, stream);
            return;
        }
        for panel in 0..panels.count {
            let by = panel as isize;
            (plan.kernel.across)(&Block {
                x: block.x.wrapping_offset(by * panels.x),
                out: block.out.wrapping_offset(by * panels.out),
                acc: block.acc.add(panel * block.len * acc_size),
                ..*block
            });
        }
    }
}

/// Scans a block along.
///
/// # Safety
/// As [`crate::kernels::Along`].
unsafe fn scan_along(plan: &Plan, block: &Block, stream: bool) {
    let single = plan.along;
    // Rows are taken together in the computing type alone.
    let converted = !plan.direct_x || plan.dtypes[0] == plan.dtypes[1];
    let together = converted && !plan.backward;
    // SAFETY: this function's.
    unsafe {
        match plan
            .many
            .filter(|_| together)
            .and_then(|many| many.along.map(|along| (along, many.longest)))
        {
            Some((along, longest)) if block.rows >= 4 && block.len <= longest => {
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
unsafe fn move_run(
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

/// Does one block: the elements of each of a group of lines that are in `range`.
///
/// # Safety
/// As [`run_unit`]; `range` ends at most at the axis' extent, and where there are tiles, the block fits
/// one; `acc` holds the accumulators of the group.
unsafe fn run_block(
    plan: &Plan,
    place: &Place,
    range: std::ops::Range<usize>,
    cursor: &mut Cursor,
    scratch: &mut Scratch,
    acc: *mut u8,
    started: bool,
) {
    let (lines, len) = (place.lines, range.len());
    let [x_size, size, out_size] = plan.dtypes.map(|dtype| dtype.size());
    let n = [lines, len];
    // Rows are what the kernel sees: lines beside each other, or one after the other.
    let extent = if plan.across {
        Extent {
            rows: len,
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
    let tile = |first: *mut u8, size: usize| Rows {
        first,
        pitch: extent.pitch(size),
    };
    let read = |rows: Rows<*mut u8>| Rows {
        first: rows.first.cast_const(),
        pitch: rows.pitch,
    };
    let x_tile = scratch.x.as_mut_ptr().cast::<u8>();
    let out_tile = scratch.out.as_mut_ptr().cast::<u8>();
    let raw_tile = scratch.raw.as_mut_ptr().cast::<u8>();

    // SAFETY: 1 to 3 of the plan; a tile holds TILE elements of any type, and `arrange` keeps blocks
    // that need one within its bytes. No step reads a tile that a later use has overwritten: `out_tile`
    // is free before the kernel, and `x_tile` after it.
    unsafe {
        let mut gather = |to: *mut u8| {
            if plan.axis_dims.is_empty() {
                (plan.gather)(&tile::Block {
                    src: x.first,
                    dst: to,
                    n,
                    src_strides: [plan.line.x, plan.axis.x],
                    dst_strides: strides(x_size),
                    stream: false,
                });
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
                extent.rewrite(scrub, (raw, size), (tile(x_tile, size), size));
                read(tile(x_tile, size))
            }
        };
        let kernel_out = if plan.direct_out {
            out
        } else {
            tile(out_tile, size)
        };
        let block = Block {
            x: kernel_x.first,
            x_pitch: kernel_x.pitch,
            out: kernel_out.first,
            out_pitch: kernel_out.pitch,
            len: extent.row,
            rows: extent.rows,
            acc,
            started,
            exclusive: plan.exclusive,
            backward: plan.backward,
            stream: plan.stream && plan.direct_out,
        };
        let stream = block.stream;
        if plan.across {
            let one = Panels {
                count: 1,
                x: 0,
                out: 0,
            };
            scan_across(plan, &block, one, stream);
        } else {
            scan_along(plan, &block, stream);
        }
        if !plan.has_out || plan.direct_out {
            return;
        }
        if let Some(put_back) = plan.put_back {
            extent.rewrite(put_back, (raw, size), (tile(out_tile, size), size));
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
        (plan.scatter)(&tile::Block {
            src: from,
            dst: out.first,
            n,
            src_strides: strides(out_size),
            dst_strides: [plan.line.out, plan.axis.out],
            stream: plan.stream,
        });
    }
}

/// A position in the dimensions of a flattened axis.
struct Cursor {
    index: ArrayVec<usize, MAX_NDIM>,
}

impl Cursor {
    fn new(dims: &[Dim]) -> Cursor {
        Cursor {
            index: dims.iter().map(|_| 0).collect(),
        }
    }

    /// Reads the next `n` elements into `dst`.
    ///
    /// # Safety
    /// There are as many left, and `dst` has room for them.
    unsafe fn read(
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
        for i in 0..whole.panels * whole.lines {
            let group = whole.panel(plan, i / whole.lines);
            let j = i % whole.lines;
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
    let acc = scratch.accumulators.as_mut_ptr().cast::<u8>();
    let raw_tile = scratch.raw.as_mut_ptr().cast::<u8>();
    let x_tile = scratch.x.as_mut_ptr().cast::<u8>();
    let out_tile = scratch.out.as_mut_ptr().cast::<u8>();
    let exclusive = plan.exclusive;
    let n = plan.axis.extent;
    let mut started = plan.carry_in.is_some();
    let line = place.line as u64;
    let at = |step: usize| if plan.reverse { n - 1 - step } else { step };

    // SAFETY: as in run_unit; tiles hold TILE elements.
    unsafe {
        import(plan, place, acc);
        if let Some(store) = checking.store
            && (plan.initial.is_some() || (exclusive && n > 0))
            && plan.has_out
        {
            (plan.kernel.show)(acc, started, out_tile);
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
            let combined =
                (checking.combine)(x_tile, out_tile, sound - unused as usize, acc, started);
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

/// Memory that is given back when it goes out of scope.
struct Memory {
    start: *mut u8,
    layout: Layout,
}

impl Memory {
    fn new(bytes: usize) -> Result<Memory, Error> {
        let layout =
            Layout::from_size_align(bytes.max(1), 64).map_err(|_| Error::Memory { bytes })?;
        // SAFETY: the layout has a size.
        let start = unsafe { alloc(layout) };
        if start.is_null() {
            Err(Error::Memory { bytes })
        } else {
            Ok(Memory { start, layout })
        }
    }
}

impl Drop for Memory {
    fn drop(&mut self) {
        // SAFETY: allocated with this layout.
        unsafe { dealloc(self.start, self.layout) }
    }
}

/// Calls `then` with a plan that reads a copy of the input, in which nothing lies apart; dimensions
/// along which the input repeats itself are not spread out.
///
/// # Safety
/// As [`run_unit`].
pub unsafe fn with_copy<R>(
    plan: &Plan,
    then: impl FnOnce(&Plan) -> Result<R, Error>,
) -> Result<R, Error> {
    let size = plan.dtypes[0].size();
    let mut axis = plan.axis;
    let mut axis_dims: ArrayVec<Dim, MAX_NDIM> = plan.axis_dims.iter().copied().collect();
    let mut outer: ArrayVec<Dim, MAX_NDIM> = ArrayVec::new();
    if plan.line.extent > 1 {
        outer.push(plan.line);
    }
    outer.extend(plan.outer.iter().copied());

    // Strides of the copy keep the order of the input's, the axis before others that are equal.
    let scanned = if axis_dims.is_empty() {
        std::slice::from_mut(&mut axis)
    } else {
        &mut axis_dims
    };
    let mut dims: ArrayVec<&mut Dim, MAX_NDIM> = scanned
        .iter_mut()
        .chain(&mut outer)
        .filter(|dim| dim.extent > 1 && dim.x != 0)
        .collect();
    dims.sort_by_key(|dim| dim.x.unsigned_abs());
    let mut moves: ArrayVec<(usize, isize, isize), MAX_NDIM> = ArrayVec::new();
    let mut bytes = size;
    for dim in dims {
        moves.push((dim.extent, dim.x, bytes as isize));
        dim.x = bytes as isize;
        // 5 of the plan: this is at most the byte count of the whole input.
        bytes *= dim.extent;
    }
    let memory = Memory::new(bytes)?;
    // SAFETY: 1 of the plan; the copy has the same elements, and its strides fill `memory`.
    unsafe { copy_elements(size, &moves, plan.x, memory.start) };

    let mut copied = Plan {
        x: memory.start,
        axis,
        axis_dims: &axis_dims,
        line: Dim::ONE,
        outer: &outer,
        staged: false,
        ..plan.clone()
    };
    copied.arrange();
    then(&copied)
}

/// Copies elements of `size` bytes along dimensions of (extent, source stride, target stride).
///
/// # Safety
/// All of them are addressable.
unsafe fn copy_elements(size: usize, dims: &[(usize, isize, isize)], src: *const u8, dst: *mut u8) {
    let copy = tile::move_of_size(Isa::current(), size);
    let dim = |i: usize| dims.get(i).copied().unwrap_or((1, 0, 0));
    let ((n0, s0, d0), (n1, s1, d1)) = (dim(0), dim(1));
    let mut index = [0; MAX_NDIM];
    loop {
        let rest = dims.iter().zip(&index).skip(2);
        let (from, to) = rest.fold((0, 0), |(from, to), (&(_, s, d), &i)| {
            (from + i as isize * s, to + i as isize * d)
        });
        // SAFETY: this function's.
        unsafe {
            copy(&tile::Block {
                src: src.wrapping_offset(from),
                dst: dst.wrapping_offset(to),
                n: [n1, n0],
                src_strides: [s1, s0],
                dst_strides: [d1, d0],
                stream: false,
            })
        };
        let mut next = 2;
        loop {
            if next >= dims.len() {
                return;
            }
            index[next] += 1;
            if index[next] < dims[next].0 {
                break;
            }
            index[next] = 0;
            next += 1;
        }
    }
}
