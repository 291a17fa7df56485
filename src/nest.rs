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

use crate::kernels::{Block, LARGEST_ACCUMULATOR, TILE};
use crate::plan::{ACCUMULATORS, Dim, Plan, ShortLine};
use crate::status::{Error, OverflowIn};
use crate::tile::{self, Convert};
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

/// The units of a plan.
pub fn units(plan: &Plan) -> usize {
    let nothing = plan.axis.extent == 0 && plan.initial.is_none() && plan.carry_out.is_none();
    if plan.lines == 0 || nothing {
        return 0;
    }
    let outer: usize = plan.outer.iter().map(|dim| dim.extent).product();
    outer * plan.line.extent.div_ceil(plan.group)
}

/// Where a group of lines begins.
struct Place {
    x: *const u8,
    /// Bytes from the output's first element.
    out: isize,
    /// Number of the first line.
    line: usize,
    /// Number of lines.
    lines: usize,
}

/// The place of a unit.
fn place(plan: &Plan, unit: usize) -> Place {
    let groups = plan.line.extent.div_ceil(plan.group);
    let (mut rest, group) = (unit / groups, unit % groups);
    let start = group * plan.group;
    let (mut x, mut out) = (start as isize * plan.line.x, start as isize * plan.line.out);
    let mut line = start * plan.line.line;
    for dim in plan.outer {
        let index = rest % dim.extent;
        rest /= dim.extent;
        x += index as isize * dim.x;
        out += index as isize * dim.out;
        line += index * dim.line;
    }
    let lines = plan.group.min(plan.line.extent - start);
    Place {
        x: plan.x.wrapping_offset(x),
        out,
        line,
        lines,
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
    };
    // SAFETY: this function's; there is room for the largest accumulator, aligned for it.
    unsafe { (line.kernel.along[0])(&block) }
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
                (plan.store)(value, 0, at, 0, 1);
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
    let mut started = plan.carry_in.is_some();
    let n = plan.axis.extent;
    let mut piece = plan.piece;
    if progress.wanted() {
        // Cutting at multiples of the tile keeps every kernel on its grid.
        let most = (REPORT / place.lines).next_multiple_of(TILE);
        piece = piece.min(most);
    }
    // SAFETY: this function's; `arrange` keeps groups within the room for accumulators.
    unsafe {
        import(plan, &place, acc);
        show_initial(plan, &place, acc, started);
        let mut cursor = Cursor::new(plan.axis_dims);
        let mut start = 0;
        while start < n {
            let len = piece.min(n - start);
            run_block(plan, &place, start, len, &mut cursor, scratch, started);
            started = true;
            start += len;
            progress.done((len * place.lines) as u64)?;
        }
        export(plan, &place, acc, started);
    }
    Ok(())
}

/// Both extents and all strides of a two-dimensional move: `n[0]` lines of `n[1]` elements.
struct Move {
    n: [usize; 2],
    src: [isize; 2],
    dst: [isize; 2],
}

impl Move {
    /// Moves the elements, in runs along the direction in which they are longer.
    ///
    /// # Safety
    /// As [`Convert`], for all of the elements.
    unsafe fn run(&self, convert: Convert, src: *const u8, dst: *mut u8) {
        let (slow, fast) = if self.n[0] > self.n[1] {
            (1, 0)
        } else {
            (0, 1)
        };
        for i in 0..self.n[slow] as isize {
            // SAFETY: this function's.
            unsafe {
                convert(
                    src.offset(i * self.src[slow]),
                    self.src[fast],
                    dst.offset(i * self.dst[slow]),
                    self.dst[fast],
                    self.n[fast],
                )
            }
        }
    }
}

/// Does one block: `len` elements of each of a group of lines, from `start` on.
///
/// # Safety
/// As [`run_unit`]; `start + len` is at most the axis' extent, and where there are tiles, the block
/// fits one.
unsafe fn run_block(
    plan: &Plan,
    place: &Place,
    start: usize,
    len: usize,
    cursor: &mut Cursor,
    scratch: &mut Scratch,
    started: bool,
) {
    let lines = place.lines;
    let size = plan.dtypes[1].size() as isize;
    // How a tile of the computing type lies: lines beside each other, or one after the other.
    let tile_strides = |size: isize| {
        if plan.across {
            [size, lines as isize * size]
        } else {
            [len as isize * size, size]
        }
    };
    let pitch_of = |line: isize, axis: isize| if plan.across { axis } else { line };
    let n = [lines, len];
    let x = place.x.wrapping_offset(start as isize * plan.axis.x);
    let out = plan
        .out
        .wrapping_offset(place.out + start as isize * plan.axis.out);
    let tile_pitch = pitch_of(tile_strides(size)[0], tile_strides(size)[1]);
    let x_tile = scratch.x.as_mut_ptr().cast::<u8>();
    let out_tile = scratch.out.as_mut_ptr().cast::<u8>();
    let raw_tile = scratch.raw.as_mut_ptr().cast::<u8>();

    // SAFETY: 1 to 3 of the plan; a tile holds TILE elements of any type, and `arrange` keeps blocks
    // that need one within that.
    unsafe {
        let (block_x, x_pitch) = if plan.direct_x {
            (x, pitch_of(plan.line.x, plan.axis.x))
        } else {
            let raw = if plan.scrub.is_some() {
                raw_tile
            } else {
                x_tile
            };
            if plan.axis_dims.is_empty() {
                let src = [plan.line.x, plan.axis.x];
                Move {
                    n,
                    src,
                    dst: tile_strides(size),
                }
                .run(plan.load, x, raw);
            } else {
                cursor.read(plan.axis_dims, plan.load, place.x, raw, size, len);
            }
            if let Some(scrub) = plan.scrub {
                scrub(raw, x_tile, lines * len);
            }
            (x_tile.cast_const(), tile_pitch)
        };
        let (block_out, out_pitch) = if plan.direct_out {
            (out, pitch_of(plan.line.out, plan.axis.out))
        } else {
            (out_tile, tile_pitch)
        };
        let (rows, row) = if plan.across {
            (len, lines)
        } else {
            (lines, len)
        };
        let kernels = if plan.across {
            &plan.kernel.across
        } else {
            &plan.along
        };
        kernels[plan.form](&Block {
            x: block_x,
            x_pitch,
            out: block_out,
            out_pitch,
            len: row,
            rows,
            acc: scratch.accumulators.as_mut_ptr().cast(),
            started,
        });
        if plan.has_out && !plan.direct_out {
            if let Some(put_back) = plan.put_back {
                put_back(raw_tile, out_tile, lines * len);
            }
            let dst = [plan.line.out, plan.axis.out];
            Move {
                n,
                src: tile_strides(size),
                dst,
            }
            .run(plan.store, out_tile, out);
        }
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
        load: Convert,
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
                load(first.wrapping_offset(offset), inner.x, dst, size, run);
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
        let group = place(plan, unit);
        for j in 0..group.lines {
            let place = Place {
                x: group.x.wrapping_offset(j as isize * plan.line.x),
                out: group.out + j as isize * plan.line.out,
                line: group.line + j * plan.line.line,
                lines: 1,
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
    let exclusive = plan.form == 1;
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
            if plan.axis_dims.is_empty() {
                let x = place.x.wrapping_offset(start as isize * plan.axis.x);
                match checking.load {
                    Some(load) => sound = load(x, plan.axis.x, x_tile, size, len),
                    None => (plan.load)(x, plan.axis.x, x_tile, size, len),
                }
            } else {
                // The elements as they are, then their conversion.
                let x_size = x_dtype.size() as isize;
                let copy = tile::copy_of_size(x_dtype.size());
                cursor.read(plan.axis_dims, copy, place.x, raw_tile, x_size, len);
                match checking.load {
                    Some(load) => sound = load(raw_tile, x_size, x_tile, size, len),
                    None => (plan.load)(raw_tile, x_size, x_tile, size, len),
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
    let copy = tile::copy_of_size(size);
    let dim = |i: usize| dims.get(i).copied().unwrap_or((1, 0, 0));
    let ((n0, s0, d0), (n1, s1, d1)) = (dim(0), dim(1));
    let inner = Move {
        n: [n1, n0],
        src: [s1, s0],
        dst: [d1, d0],
    };
    let mut index = [0; MAX_NDIM];
    loop {
        let rest = dims.iter().zip(&index).skip(2);
        let (from, to) = rest.fold((0, 0), |(from, to), (&(_, s, d), &i)| {
            (from + i as isize * s, to + i as isize * d)
        });
        // SAFETY: this function's.
        unsafe { inner.run(copy, src.wrapping_offset(from), dst.wrapping_offset(to)) };
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
