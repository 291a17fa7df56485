//! From a request to a plan, or to the reason why not: the last place that may fail for what the
//! caller asked.
//!
//! The dimensions other than the scanned axis are sorted by stride and merged where they can be. One
//! of them, the *line dimension*, is walked together with the axis in two-dimensional blocks; the
//! rest, `outer`, in a plain count. A flattened axis that does not merge into one stride stays a list
//! of dimensions (`axis_dims`).
//!
//! What a plan promises, and SAFETY comments elsewhere cite:
//!
//! 1. Every element address that is formed from the plan's pointers, with indices below the plan's
//!    extents times its strides, lies in the byte range of its array, which is addressable.
//! 2. No two elements of the output meet.
//! 3. The output and the input are disjoint, or the same elements at the same addresses, or the plan
//!    is `staged`: then the input is copied before anything is written.
//! 4. Carries out are disjoint from the input, the output and the carries in, or the same buffer as
//!    the carries in.
//! 5. The product of all extents fits `isize`.
#![forbid(unsafe_code)]

use crate::dtype::{DType, Kind};
use crate::kernels::{self, Check, Kernel, Lines, Mode, Overflow, Run, TILE};
use crate::op::Op;
use crate::simd::{Isa, cache};
use crate::status::Error;
use crate::tile::{self, Fit, Move, Rewrite};
use crate::view::{self, Extents, MAX_NDIM, Range};
use arrayvec::ArrayVec;

/// Bytes for the accumulators of one block.
pub const ACCUMULATORS: usize = 16 << 10;

/// Bytes of a tile.
pub const TILE_BYTES: usize = TILE * size_of::<u128>();

/// Rows that the kernels take at a time at most, and the fewest of a unit where there are as many.
const ROWS: usize = 16;

/// Fewest lines for which an input that lies across is scanned across and the results are turned.
const TURNED: usize = 8;

/// Bytes along a line of blocks that are turned on their way: whole cache lines, and few, so that the
/// block has many lines. Found with 4000x4000 f64.
const TURNED_BYTES: usize = 128;

/// Elements that one unit of work should have: enough to outweigh handing it out, few enough to
/// spread over threads and to look at the clock in between.
const UNIT: usize = 1 << 16;

/// The axis that stands for the flattened array.
pub const FLATTEN: i32 = i32::MIN;

/// What a NaN among the elements does.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Nan {
    /// It is an element like any other.
    #[default]
    Propagate,
    /// It counts as the identity.
    Identity,
    /// It counts as the identity, and the result in its place is NaN.
    Skip,
}

/// An array as the caller describes it.
#[derive(Clone, Copy)]
pub struct Operand<'a, P> {
    /// The first element.
    pub pointer: P,
    /// The type of the elements.
    pub dtype: DType,
    /// Bytes from one element to the next, per dimension; C-contiguous if there are none.
    pub strides: Option<&'a [i64]>,
}

/// A caller's carries: address and number.
#[derive(Clone, Copy, Debug)]
pub struct Carries<P> {
    /// The first carry.
    pub pointer: P,
    /// How many there are.
    pub len: usize,
}

/// What a caller may choose.
#[derive(Clone, Copy, Default)]
pub struct Options {
    /// Leave out the element itself.
    pub exclusive: bool,
    /// From the last element to the first.
    pub reverse: bool,
    /// Show the starting value as well.
    pub initial: bool,
    /// How operations are grouped.
    pub mode: Mode,
    /// What a NaN does.
    pub nan: Nan,
    /// What an integer overflow does.
    pub overflow: Overflow,
    /// At most this many threads; 0 for the default of the process.
    pub max_threads: usize,
    /// What stands before each line.
    pub carry_in: Option<Carries<*const u8>>,
    /// Where each line's total goes.
    pub carry_out: Option<Carries<*mut u8>>,
}

/// A scan as the caller asks for it.
pub struct Request<'a> {
    /// The operation.
    pub op: Op,
    /// The computing type.
    pub dtype: DType,
    /// The extents of the input.
    pub shape: &'a [i64],
    /// The axis, or [`FLATTEN`].
    pub axis: i32,
    /// The input.
    pub x: Operand<'a, *const u8>,
    /// The output; none if only the totals are wanted.
    pub out: Option<Operand<'a, *mut u8>>,
    /// Everything else.
    pub options: Options,
}

/// A dimension of a plan: strides of input and output in bytes, and how far apart its lines are
/// numbered.
#[derive(Clone, Copy, Debug)]
pub struct Dim {
    /// Number of indices.
    pub extent: usize,
    /// Stride of the input.
    pub x: isize,
    /// Stride of the output.
    pub out: isize,
    /// Difference of the line numbers.
    pub line: usize,
}

impl Dim {
    /// The dimension of one index.
    pub const ONE: Dim = Dim {
        extent: 1,
        x: 0,
        out: 0,
        line: 0,
    };

    /// The dimension that holds this one inside `outer`, if they are evenly spaced together.
    fn merged(self, outer: Dim) -> Option<Dim> {
        let n = self.extent as isize;
        let even = outer.x == self.x.wrapping_mul(n)
            && outer.out == self.out.wrapping_mul(n)
            && outer.line == self.line.wrapping_mul(self.extent);
        even.then_some(Dim {
            extent: self.extent * outer.extent,
            ..self
        })
    }
}

/// Room for the dimensions of a plan, innermost first, and for working them out; kept apart so that a
/// plan is small to move.
#[derive(Default)]
pub struct Dims {
    shape: Shape,
    x_dims: Extents,
    out_dims: Extents,
    outer: ArrayVec<Dim, MAX_NDIM>,
    axis: ArrayVec<Dim, MAX_NDIM>,
}

/// The first pass of a checked scan.
#[derive(Clone)]
pub struct Checking {
    /// Combines up to the first overflow.
    pub combine: Check,
    /// Converts elements up to the first that does not fit, where that can happen.
    pub load: Option<Fit>,
    /// The same for results.
    pub store: Option<Fit>,
}

/// What is to be done, down to addresses, strides and functions.
#[derive(Clone)]
pub struct Plan<'d> {
    /// The kernels.
    pub kernel: &'static Kernel,
    /// The scan along: the kernel's, or one that reads elements of the input's type.
    pub along: Run,
    /// The latter, where there is one.
    pub widening: Option<Run>,
    /// Those for many lines.
    pub many: Option<&'static Lines>,
    /// Whether each place shows what stands before its element.
    pub exclusive: bool,
    /// The operation, for messages.
    pub op: Op,
    /// Whether the scan runs from the last index of the axis to the first.
    pub reverse: bool,
    /// Input, computing and output type.
    pub dtypes: [DType; 3],
    /// The first element in scan order of line 0.
    pub x: *const u8,
    /// Its result; meaningless unless `has_out`.
    pub out: *mut u8,
    /// Whether there is an output at all.
    pub has_out: bool,
    /// Where line 0's starting value goes, if it is shown on its own.
    pub initial: Option<*mut u8>,
    /// The scanned axis in scan order; `x` means nothing if `axis_dims` is not empty.
    pub axis: Dim,
    /// The dimensions of a flattened axis, innermost first, if it is not evenly spaced.
    pub axis_dims: &'d [Dim],
    /// The line dimension.
    pub line: Dim,
    /// All other dimensions, innermost first.
    pub outer: &'d [Dim],
    /// Number of lines.
    pub lines: usize,
    /// Whether blocks are scanned from row to row, rows being parallel to the line dimension.
    pub across: bool,
    /// Lines of a block.
    pub group: usize,
    /// How many indices of the first of the outer dimensions one unit takes.
    pub panels: usize,
    /// Elements along the axis of a block.
    pub piece: usize,
    /// Whether rows of the input are contiguous.
    pub even_x: bool,
    /// Whether rows of the output are.
    pub even_out: bool,
    /// Whether results should go past the caches.
    pub stream: bool,
    /// Whether the kernel reads the input where it lies.
    pub direct_x: bool,
    /// Whether the kernel writes the output where it lies.
    pub direct_out: bool,
    /// Whether rows of both run from higher to lower addresses, and the kernel takes them so.
    pub backward: bool,
    /// Whether the input has to be copied first.
    pub staged: bool,
    /// From input to computing type, if they differ.
    pub load: Option<Rewrite>,
    /// From computing to output type, if they differ.
    pub store: Option<Rewrite>,
    /// Moves elements of the input.
    pub gather: Move,
    /// Moves elements of the output.
    pub scatter: Move,
    /// Replaces NaN.
    pub scrub: Option<Rewrite>,
    /// Puts NaN back.
    pub put_back: Option<Rewrite>,
    /// Carries in: the first, and bytes to the next line's.
    pub carry_in: Option<(*const u8, usize)>,
    /// Carries out, one a line.
    pub carry_out: Option<*mut u8>,
    /// The checking pass, if one is asked for.
    pub checking: Option<Checking>,
    /// At most this many threads; 0 for the default of the process.
    pub max_threads: usize,
}

/// Checks the extents and returns the axis as an index, or `None` for the flattened array.
pub fn check_shape(shape: &[i64], axis: i32) -> Result<Option<usize>, Error> {
    if let Some(dim) = shape.iter().position(|&extent| extent < 0) {
        return Err(Error::NegativeExtent {
            dim,
            extent: shape[dim],
        });
    }
    let ndim = shape.len() as i32;
    if axis == FLATTEN || (ndim == 0 && (axis == 0 || axis == -1)) {
        return Ok(None);
    }
    let index = if axis < 0 {
        axis.wrapping_add(ndim)
    } else {
        axis
    };
    if (0..ndim).contains(&index) {
        Ok(Some(index as usize))
    } else {
        Err(Error::Axis { axis, ndim })
    }
}

/// The number of lines of an array along an axis.
pub fn line_count(shape: &[i64], axis: i32) -> Result<usize, Error> {
    let axis = check_shape(shape, axis)?;
    let shape: Shape = shape.iter().map(|&extent| extent as usize).collect();
    view::count("x", &shape, 1)?;
    Ok(lines_of(&shape, axis))
}

/// Extents, none of them negative.
type Shape = ArrayVec<usize, MAX_NDIM>;

/// The product of the extents of all dimensions but the axis; 1 for the flattened array.
fn lines_of(shape: &[usize], axis: Option<usize>) -> usize {
    let Some(axis) = axis else { return 1 };
    let others = shape.iter().enumerate().filter(|&(dim, _)| dim != axis);
    others.map(|(_, &extent)| extent).product()
}

/// Checks an output of this shape, fills in its dimensions and returns its byte range.
fn check_output(
    out: &Operand<'_, *mut u8>,
    shape: &[usize],
    dims: &mut Extents,
) -> Result<Range, Error> {
    let size = out.dtype.size();
    let elements = view::count("out", shape, size)?;
    view::resolve(dims, shape, out.strides, size);
    let range = view::byte_range("out", out.pointer as usize, size, dims)?;
    if elements > 0 && out.pointer.is_null() {
        return Err(Error::NullPointer { what: "out" });
    }
    if out.strides.is_some() {
        view::check_nesting(size, dims)?;
    }
    Ok(range)
}

/// The byte range of `len` carries of `size` bytes.
fn carry_range(field: &'static str, start: usize, len: usize, size: usize) -> Result<Range, Error> {
    let bytes = len.checked_mul(size);
    bytes
        .and_then(|bytes| Range::new(start, bytes))
        .ok_or(Error::OptionValue {
            field,
            value: i64::try_from(len).unwrap_or(i64::MAX),
        })
}

/// Checks the lengths of the carries, and that they lie where they may.
fn check_carries(
    options: &Options,
    size: usize,
    lines: usize,
    x: Range,
    out: Range,
) -> Result<(), Error> {
    let mut before = None;
    if let Some(carry) = options.carry_in {
        if carry.len != 1 && carry.len != lines {
            let (field, given) = ("carry_in_len", carry.len);
            return Err(Error::OptionLength {
                field,
                given,
                lines,
            });
        }
        let range = carry_range("carry_in_len", carry.pointer as usize, carry.len, size)?;
        if range.meets(out) {
            return Err(Error::Options("carry_in meets out"));
        }
        before = Some(range);
    }
    if let Some(carry) = options.carry_out {
        if carry.len != lines {
            let (field, given) = ("carry_out_len", carry.len);
            return Err(Error::OptionLength {
                field,
                given,
                lines,
            });
        }
        let range = carry_range("carry_out_len", carry.pointer as usize, carry.len, size)?;
        if range.meets(x) {
            return Err(Error::Options("carry_out meets x"));
        }
        if range.meets(out) {
            return Err(Error::Options("carry_out meets out"));
        }
        if before.is_some_and(|before| before != range && before.meets(range)) {
            return Err(Error::Options(
                "carry_out and carry_in overlap without being the same",
            ));
        }
    }
    Ok(())
}

/// Elements of a line from which on floats are regrouped; for fewer, nothing is gained over rows that
/// are scanned one operation after the other. Changing it changes results.
const REGROUPED_FROM: usize = 32;

/// Elements of a line up to which the way through a whole plan would cost more than the scan.
const SHORT: usize = 4096;

/// A short line that is contiguous in and out, of one type, with nothing else asked for: most small calls
/// are one, and need no plan.
pub struct ShortLine {
    /// The kernels.
    pub kernel: &'static Kernel,
    /// The elements.
    pub x: *const u8,
    /// Their results: the same memory, or apart.
    pub out: *mut u8,
    /// Number of elements, at least one.
    pub n: usize,
}

impl ShortLine {
    /// The short line of `n` elements from `x` to `out`, if it is one and nothing is wrong with it;
    /// otherwise a plan will tell.
    #[inline]
    pub fn new(op: Op, dtype: DType, x: *const u8, n: usize, out: *mut u8) -> Option<ShortLine> {
        if n == 0 || n > SHORT || x.is_null() || out.is_null() {
            return None;
        }
        let bytes = n * dtype.size();
        let (from, to) = (x.addr(), out.addr());
        // Closer together than a line's length they overlap, and farther than that from the end of the
        // address space neither wraps around.
        let apart = from.abs_diff(to) >= bytes && from.max(to) <= usize::MAX - bytes;
        if from != to && !apart {
            return None;
        }
        let kernel = kernels::sequential(op, dtype)?;
        Some(ShortLine { kernel, x, out, n })
    }
}

impl<'d> Plan<'d> {
    /// Checks a request and works out how to do it.
    pub fn new(request: &Request<'_>, room: &'d mut Dims) -> Result<Plan<'d>, Error> {
        let Request {
            op,
            dtype,
            x,
            out,
            ref options,
            ..
        } = *request;
        let out_dtype = out.map_or(dtype, |out| out.dtype);
        let isa = Isa::current();
        let kernel = kernels::kernel(isa, op, dtype, options.mode, options.overflow)
            .ok_or(Error::OpDtype { op, dtype })?;
        for (from, to) in [(x.dtype, dtype), (dtype, out_dtype)] {
            if !from.casts_to(to) {
                return Err(Error::Cast { from, to });
            }
        }
        if options.exclusive && options.initial {
            let sentence = "CUM_EXCLUSIVE and CUM_INCLUDE_INITIAL do not go together";
            return Err(Error::Options(sentence));
        }

        // The arrays on their own.
        let axis = check_shape(request.shape, request.axis)?;
        let Dims {
            shape,
            x_dims,
            out_dims,
            outer,
            axis: axis_dims,
        } = room;
        shape.extend(request.shape.iter().map(|&extent| extent as usize));
        let x_size = x.dtype.size();
        let elements = view::count("x", shape, x_size)?;
        view::resolve(x_dims, shape, x.strides, x_size);
        let x_range = view::byte_range("x", x.pointer as usize, x_size, x_dims)?;
        if elements > 0 && x.pointer.is_null() {
            return Err(Error::NullPointer { what: "x" });
        }
        let lines = lines_of(shape, axis);
        let n = axis.map_or(elements, |axis| shape[axis]);
        let n_out = n + options.initial as usize;
        let out_range = match (out, axis) {
            (None, _) => Range { start: 0, end: 0 },
            (Some(out), None) => check_output(&out, &[n_out], out_dims)?,
            (Some(out), Some(axis)) => {
                shape[axis] = n_out;
                check_output(&out, shape, out_dims)?
            }
        };
        check_carries(options, kernel.carry_size, lines, x_range, out_range)?;

        // The dimensions, innermost first, in scan order.
        let mut plan_x = x.pointer;
        let mut scanned = Dim {
            extent: n,
            ..Dim::ONE
        };
        let mut line = 1;
        for (dim, &(extent, stride)) in x_dims.iter().enumerate().rev() {
            let mut here = Dim { extent, ..Dim::ONE };
            if extent > 1 && elements > 0 {
                here.x = stride as isize;
            }
            if axis.is_none_or(|axis| axis == dim) {
                if options.reverse && elements > 0 {
                    plan_x = plan_x.wrapping_offset((extent as isize - 1) * here.x);
                    here.x = -here.x;
                }
                push_merging(axis_dims, here);
            } else {
                here.line = line;
                if out.is_some() && extent > 1 && lines > 0 && n_out > 0 {
                    here.out = out_dims[dim].1 as isize;
                }
                line = line.wrapping_mul(extent);
                outer.push(here);
            }
        }
        if axis_dims.len() <= 1 {
            scanned.x = axis_dims.first().map_or(0, |only| only.x);
            axis_dims.clear();
        }
        let mut plan_out = std::ptr::null_mut();
        let mut initial = None;
        if let Some(out) = out {
            plan_out = out.pointer;
            if n_out > 1 && lines > 0 {
                scanned.out = out_dims[axis.unwrap_or(0)].1 as isize;
            }
            if options.reverse && n_out > 0 {
                plan_out = plan_out.wrapping_offset((n_out as isize - 1) * scanned.out);
                scanned.out = -scanned.out;
            }
            if options.initial {
                initial = Some(plan_out);
                plan_out = plan_out.wrapping_offset(scanned.out);
            }
        }
        // The grouping may depend on the input's layout alone: it needs the elements of a line closer
        // together than lines are.
        let nearest = |dim: &Dim| scanned.x.unsigned_abs() <= dim.x.unsigned_abs();
        let columns = !outer.iter().all(|dim| dim.extent == 1 || nearest(dim));
        let mode = match options.mode {
            Mode::Reassociate if columns || n < REGROUPED_FROM => Mode::Sequential,
            mode => mode,
        };
        let kernel = kernels::kernel(isa, op, dtype, mode, options.overflow)
            .ok_or(Error::OpDtype { op, dtype })?;
        sort_and_merge(outer);

        let same_elements = initial.is_none()
            && axis_dims.is_empty()
            && x.dtype.size() == out_dtype.size()
            && plan_x.addr() == plan_out.addr()
            && scanned.x == scanned.out
            && outer.iter().all(|dim| dim.x == dim.out);
        let staged = x_range.meets(out_range) && !same_elements;

        let dtypes = [x.dtype, dtype, out_dtype];
        let has_nan = dtype.has_nan();
        let convert = match options.overflow {
            Overflow::Saturate => tile::convert_clamping,
            _ => tile::convert,
        };
        let checked = options.overflow == Overflow::Check && dtype.kind() == Kind::Integer;
        let many = kernels::lines(isa, op, dtype, mode, options.overflow);
        let scrub = many.map_or(kernel.scrub, |many| many.scrub);
        let mut plan = Plan {
            kernel,
            along: kernel.along,
            widening: kernels::widening(isa, op, [x.dtype, dtype], mode, options.overflow),
            many,
            exclusive: options.exclusive,
            op,
            reverse: options.reverse,
            dtypes,
            x: plan_x,
            out: plan_out,
            has_out: out.is_some(),
            initial,
            axis: scanned,
            axis_dims,
            line: Dim::ONE,
            outer,
            lines,
            across: false,
            group: 1,
            piece: n.max(1),
            panels: 1,
            even_x: false,
            even_out: false,
            stream: false,
            direct_x: false,
            direct_out: false,
            backward: false,
            staged,
            load: convert(isa, x.dtype, dtype),
            store: convert(isa, dtype, out_dtype),
            gather: tile::move_of_size(isa, x.dtype.size()),
            scatter: tile::move_of_size(isa, out_dtype.size()),
            scrub: scrub.filter(|_| options.nan != Nan::Propagate),
            put_back: (has_nan && options.nan == Nan::Skip).then(|| tile::put_back_nan(isa, dtype)),
            carry_in: options.carry_in.map(|carry| {
                (
                    carry.pointer,
                    if carry.len == 1 { 0 } else { kernel.carry_size },
                )
            }),
            carry_out: options.carry_out.map(|carry| carry.pointer),
            checking: kernel.check.filter(|_| checked).map(|combine| Checking {
                combine,
                load: tile::convert_fitting(x.dtype, dtype),
                store: tile::convert_fitting(dtype, out_dtype),
            }),
            max_threads: options.max_threads,
        };
        plan.arrange();
        Ok(plan)
    }

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
        // What runs backward on both sides can be read and written as it lies; but rows of floats that
        // are taken together are faster by way of tiles (500 rows of 100 f64: 0.52 ns against 0.73; of 10:
        // 1.4 against 0.68).
        let rows_of_floats = line.extent >= 4
            && axis.extent >= 64
            && self
                .many
                .is_some_and(|many| many.along.is_some() && many.longest == usize::MAX);
        let backward = self.kernel.backward.filter(|_| !rows_of_floats);
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
            self.along = backward.unwrap_or(self.kernel.along);
        }
        let bytes = self.elements() * (sizes[0] + if has_out { sizes[2] } else { 0 }) as u64;
        self.stream = bytes > cache::streaming_threshold() as u64;

        let grid = self.kernel.grid;
        debug_assert!(TILE.is_multiple_of(grid));
        let most = ACCUMULATORS / self.kernel.acc_size;
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
                let piece = (TURNED_BYTES / sizes[2]).max(1);
                let group = even_share(line.extent, area / piece, 64 / sizes[0].min(64));
                (group, area / group)
            }
            (true, false) => {
                let group = even_share(line.extent, area / 8, 64 / sizes[1].min(64));
                (group, area / group)
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
        self.piece = piece.min(n);
        self.panels = match self.outer.first() {
            Some(outer) if self.group == line.extent.max(1) => {
                let most = (most / self.group).min(UNIT / (n * self.group).min(UNIT));
                outer.extent.min(most.max(1))
            }
            _ => 1,
        };
    }

    /// Elements of the input.
    pub fn elements(&self) -> u64 {
        self.axis.extent as u64 * self.lines as u64
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

/// Appends a dimension, innermost first, merging it with the last one where that is even.
fn push_merging(dims: &mut ArrayVec<Dim, MAX_NDIM>, dim: Dim) {
    if dim.extent == 1 {
        return;
    }
    match dims.last_mut() {
        Some(last) => match last.merged(dim) {
            Some(merged) => *last = merged,
            None => dims.push(dim),
        },
        None => dims.push(dim),
    }
}

/// Sorts dimensions by the output's stride, then the input's, drops those of one index, and merges
/// those that are even.
fn sort_and_merge(dims: &mut ArrayVec<Dim, MAX_NDIM>) {
    if dims.is_empty() {
        return;
    }
    dims.sort_by_key(|dim| (dim.out.unsigned_abs(), dim.x.unsigned_abs()));
    let mut merged: ArrayVec<Dim, MAX_NDIM> = ArrayVec::new();
    for &dim in dims.iter() {
        push_merging(&mut merged, dim);
    }
    *dims = merged;
}
