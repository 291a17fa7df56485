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

mod arrange;
mod request;
mod scattered;
mod small;

pub use request::{Carries, FLATTEN, Nan, Operand, Options, Request, check_shape, line_count};
pub use scattered::{CONVERTED, Scattered};
pub use small::{SMALL_ACCUMULATORS, SMALL_TURNED, ShortLine, Small, extents};

use crate::dtype::{DType, Kind};
use crate::kernels::{self, Check, Kernel, Lines, Mode, Overflow, Run, Spaced, TILE};
use crate::op::Op;
use crate::simd::Isa;
use crate::status::Error;
use crate::tile::{self, Fit, Move, Replace, Rewrite};
use crate::view::{self, Extents, MAX_NDIM, Range};
use arrayvec::ArrayVec;
use request::{Shape, check_carries, check_output, lines_of};

/// Bytes of a tile.
pub const TILE_BYTES: usize = TILE * size_of::<u128>();

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
    /// What is done with their carries, which are the same however floats are grouped.
    pub carries: &'static kernels::Carries,
    /// The scan along: the kernel's, or one that reads elements of the input's type.
    pub along: Run,
    /// The latter, where there is one.
    pub widening: Option<Run>,
    /// The scan of lines that are taken as they lie, with any spacing.
    pub spaced: Option<Spaced>,
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
    /// How many lines fewer the first block has, so that results of the others begin on cache lines.
    pub shift: usize,
    /// How many indices of the first of the outer dimensions one unit takes.
    pub panels: usize,
    /// How many of these a block takes: those that go through tiles together, or all that are read and written as they lie.
    pub together: usize,
    /// Elements along the axis of a block.
    pub piece: usize,
    /// Whether rows of the input are contiguous.
    pub even_x: bool,
    /// Whether rows of the output are.
    pub even_out: bool,
    /// Whether results should go past the caches.
    pub stream: bool,
    /// Whether elements are likely to come from memory, and had better be asked for early.
    pub fetch: bool,
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
    pub scrub: Option<Replace>,
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

/// Elements of a line from which on floats are regrouped; for fewer, nothing is gained over rows that
/// are scanned one operation after the other. Changing it changes results.
const REGROUPED_FROM: usize = 32;

impl<'d> Plan<'d> {
    /// Checks a request, works out how to do it, and calls `then` with the plan, which stays where it is
    /// made: moving it would cost a tenth of a small call.
    #[inline]
    pub fn with<R>(
        request: &Request<'_>,
        room: &'d mut Dims,
        then: impl FnOnce(&mut Plan<'d>) -> Result<R, Error>,
    ) -> Result<R, Error> {
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
        let carries =
            kernels::carries(op, dtype, options.mode).ok_or(Error::OpDtype { op, dtype })?;
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
        check_carries(
            options,
            carries.size,
            lines,
            x_range,
            out.map(|_| out_range),
        )?;

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
        let nan = match dtype.has_nan() {
            true => options.nan,
            false => Nan::Propagate,
        };
        let convert = converter(options.overflow);
        let checked = options.overflow == Overflow::Check && dtype.kind() == Kind::Integer;
        let many = kernels::lines(isa, op, dtype, mode, options.overflow);
        let mut plan = Plan {
            kernel,
            carries,
            along: kernel.along,
            widening: kernels::widening(isa, op, [x.dtype, dtype], mode, options.overflow),
            spaced: match nan {
                Nan::Propagate => {
                    kernels::spaced(kernel, op, [x.dtype, dtype], mode, options.overflow)
                }
                _ if x.dtype != dtype => None,
                _ => kernels::without_nan(op, dtype, mode, nan == Nan::Skip, options.exclusive),
            },
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
            shift: 0,
            piece: n.max(1),
            panels: 1,
            together: 1,
            even_x: false,
            even_out: false,
            stream: false,
            fetch: false,
            direct_x: false,
            direct_out: false,
            backward: false,
            staged,
            load: convert(isa, x.dtype, dtype),
            store: convert(isa, dtype, out_dtype),
            gather: tile::move_of_size(isa, x.dtype.size()),
            scatter: tile::move_of_size(isa, out_dtype.size()),
            scrub: tile::replace_nan(isa, dtype).filter(|_| nan != Nan::Propagate),
            put_back: (nan == Nan::Skip).then(|| tile::put_back_nan(isa, dtype)),
            carry_in: options
                .carry_in
                .map(|carry| (carry.pointer, if carry.len == 1 { 0 } else { carries.size })),
            carry_out: options.carry_out.map(|carry| carry.pointer),
            checking: kernel.check.filter(|_| checked).map(|combine| Checking {
                combine,
                load: tile::convert_fitting(x.dtype, dtype),
                store: tile::convert_fitting(dtype, out_dtype),
            }),
            max_threads: options.max_threads,
        };
        plan.arrange();
        then(&mut plan)
    }

    /// Elements of the input.
    pub fn elements(&self) -> u64 {
        self.axis.extent as u64 * self.lines as u64
    }
}

/// What finds the conversion between two types.
fn converter(overflow: Overflow) -> fn(Isa, DType, DType) -> Option<Rewrite> {
    match overflow {
        Overflow::Saturate => tile::convert_clamping,
        _ => tile::convert,
    }
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
    // In place: a plan has room for many dimensions, and most have one or two.
    view::sort_by_key(dims, |dim| (dim.out.unsigned_abs(), dim.x.unsigned_abs()));
    let mut kept = 0usize;
    for i in 0..dims.len() {
        let dim = dims[i];
        if dim.extent == 1 {
            continue;
        }
        let before = kept.checked_sub(1).map(|last| dims[last]);
        match before.and_then(|before| before.merged(dim)) {
            Some(merged) => dims[kept - 1] = merged,
            None => {
                dims[kept] = dim;
                kept += 1;
            }
        }
    }
    dims.truncate(kept);
}
