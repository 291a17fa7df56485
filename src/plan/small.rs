//! The way of small calls: what can be scanned as it lies needs no plan.
//!
//! Working a plan out takes some ten times as long as scanning a few elements. Most small calls ask for
//! little: contiguous arrays of one type, that are apart or the same. Seen from the axis, such an array is
//! a box of `outer` times `n` times `inner` elements, and every line and row follows from these three.
//!
//! Whatever is not small, or not right, is left to a plan, which knows what to do or to say.
#![forbid(unsafe_code)]

use super::REGROUPED_FROM;
use super::request::{FLATTEN, Nan, Options, Request, check_carries};
use crate::dtype::{DType, Kind};
use crate::kernels::{self, Carries, Few, Kernel, Lines, Mode, Overflow, Run, Short, Unplanned};
use crate::op::Op;
use crate::simd::Isa;
use crate::tile::{self, Move, Rewrite};
use crate::view::Range;

/// Elements up to which the way through a whole plan would cost more than the scan.
const SMALL: usize = 4096;

/// Elements of a contiguous line up to which a plan adds nothing: they are in caches, and no work for several threads.
const LONG: usize = 1 << 15;

/// Elements up to which one after the other is best where they are not contiguous, or an exclusive scan holds one
/// back, if `most` are where they are.
fn alone(most: usize) -> usize {
    /// Elements up to which a plan costs more.
    const PLANNED: usize = 256;
    (2 * most).max(PLANNED)
}

/// Elements in several lines, and those lines, up to which that takes less than to start kernels for many lines.
const SCATTERED: usize = 64;
const SCATTERED_LINES: usize = 8;

/// Bytes of the accumulators of a small scan.
pub const SMALL_ACCUMULATORS: usize = 16 << 10;

/// Most elements of a small scan that are converted: more are better widened on their way.
const SMALL_CONVERTED: usize = 1024;

/// Most elements of a small scan that runs along from the end: they are turned on their way.
pub const SMALL_TURNED: usize = 256;

/// A short line of one type with nothing else asked for: most small calls are one.
pub struct ShortLine {
    pub line: Short,
    /// What does it one by one; else it is contiguous, from the first element on,
    pub few: Option<Few>,
    /// and these are the kernels.
    pub kernel: &'static Kernel,
}

impl ShortLine {
    /// The short line of `n` contiguous elements from `x` to `out`, if it is one and nothing is wrong with it;
    /// otherwise a plan will tell.
    #[inline]
    pub fn contiguous(
        op: Op,
        dtype: DType,
        x: *const u8,
        n: usize,
        out: *mut u8,
        exclusive: bool,
    ) -> Option<ShortLine> {
        let size = dtype.size();
        if n == 0 || n > LONG || !lie_well(x, out, n * size) {
            return None;
        }
        let line = Short {
            x,
            out,
            n,
            steps: [size as isize; 2],
            exclusive,
        };
        let needed = kernels::unplanned(Mode::Sequential, op, dtype)?;
        let most = match exclusive {
            true => alone(needed.most),
            false => needed.most,
        };
        Some(ShortLine {
            line,
            few: needed.few.filter(|_| n <= most),
            kernel: needed.kernel,
        })
    }

    /// As [`ShortLine::contiguous`], of elements that need not be, and maybe from the last one on.
    pub fn strided(op: Op, dtype: DType, mut line: Short, reverse: bool) -> Option<ShortLine> {
        let &Unplanned {
            kernel, few, most, ..
        } = kernels::unplanned(Mode::Sequential, op, dtype)?;
        if few.is_none() || line.n > alone(most) || !lie_apart(&line, dtype.size()) {
            return None;
        }
        if reverse {
            let before = line.n as isize - 1;
            line.x = line.x.wrapping_offset(before * line.steps[0]);
            line.out = line.out.wrapping_offset(before * line.steps[1]);
            line.steps = line.steps.map(|step| -step);
        }
        Some(ShortLine { line, few, kernel })
    }
}

/// Whether the elements of a line, which are few, have memory without a wrap in it, and results a place each that
/// no other element has.
fn lie_apart(line: &Short, size: usize) -> bool {
    // More than an array is far from another, and nothing that overflows.
    const FAR: usize = 1 << 30;
    let [step, out_step] = line.steps;
    let far = step.unsigned_abs() > FAR || !(size..FAR).contains(&out_step.unsigned_abs());
    if line.n == 0 || far {
        return false;
    }
    let span = |start: usize, step: isize| {
        let way = (line.n as isize - 1) * step;
        let low = start
            .checked_add_signed(way.min(0))
            .filter(|&low| low > 0)?;
        let high = low.checked_add(way.unsigned_abs() + size)?;
        (start != 0).then_some((low, high))
    };
    let (from, to) = (line.x.addr(), line.out.addr());
    let same = from == to && step == out_step;
    match (span(from, step), span(to, out_step)) {
        (Some(x), Some(out)) => same || x.1 <= out.0 || out.1 <= x.0,
        _ => false,
    }
}

/// Whether so many bytes, which are few, are the same or apart, and none of them is at NULL.
#[inline]
fn lie_well(x: *const u8, out: *mut u8, bytes: usize) -> bool {
    let (from, to) = (x.addr(), out.addr());
    // Closer together than their length they overlap, and farther than that from the end of the address
    // space neither wraps around.
    let apart = from.abs_diff(to) >= bytes && from.max(to) <= usize::MAX - bytes;
    from != 0 && to != 0 && (from == to || apart)
}

/// Whether so many bytes of one array and of another, which are few, are apart, and none of them is at NULL.
fn lie_well_apart(x: *const u8, x_bytes: usize, out: *mut u8, bytes: usize) -> bool {
    let (from, to) = (x.addr(), out.addr());
    let end = |start: usize, bytes| start.checked_add(bytes).filter(|_| start > 0);
    match (end(from, x_bytes), end(to, bytes)) {
        (Some(x_end), Some(out_end)) => x_end <= to || out_end <= from,
        _ => false,
    }
}

/// A scan of few elements that lie contiguous in and out, in C order, in the type of the results.
pub struct Small {
    /// The kernels.
    pub kernel: &'static Kernel,
    /// What is done with their carries.
    pub carries: &'static Carries,
    /// What does its lines one by one, an element after the other, where that is best: then there are no carries.
    pub few: Option<Few>,
    /// Those for many lines.
    pub many: Option<&'static Lines>,
    /// Whether each place shows what stands before its element.
    pub exclusive: bool,
    /// From the input's type to the other, if they differ: first of all, to where the results go.
    pub load: Option<Rewrite>,
    /// The elements.
    pub x: *const u8,
    /// Their results: the same memory, or apart.
    pub out: *mut u8,
    /// Extents before the axis, along it, and behind it: none is 0, the lines have at most [`SMALL_ACCUMULATORS`]
    /// bytes, and at most [`SMALL_TURNED`] elements if they are to be turned.
    pub extents: [usize; 3],
    /// Bytes of an element.
    pub size: usize,
    /// Moves elements, if the scan runs from the end.
    pub reverse: Option<Move>,
    /// Scans rows one by one.
    pub along: Run,
    /// Whether it takes them backward; else they are turned, if the scan runs from the end.
    pub backward: bool,
    /// Carries in: the first, and bytes to the next line's.
    pub carry_in: Option<(*const u8, usize)>,
    /// Carries out, one a line.
    pub carry_out: Option<*mut u8>,
}

impl Small {
    /// The small scan that a request with these [`extents`] asks for, if it is one and nothing is wrong with it.
    #[inline]
    pub fn new(request: &Request<'_>, extents: [usize; 3]) -> Option<Small> {
        let (x, out, options) = (&request.x, request.out.as_ref()?, &request.options);
        let dtype = request.dtype;
        if out.dtype != dtype || !x.dtype.casts_to(dtype) {
            return None;
        }
        let [outer, n, inner] = extents;
        let (elements, lines) = (outer * n * inner, outer * inner);
        if options.initial
            || (options.nan != Nan::Propagate && dtype.has_nan())
            || (options.overflow != Overflow::Wrap && dtype.kind() == Kind::Integer)
        {
            return None;
        }
        let mode = match options.mode {
            Mode::Reassociate if inner > 1 || n < REGROUPED_FROM => Mode::Sequential,
            mode => mode,
        };
        let isa = Isa::current();
        // A truth value may be any byte before it is converted.
        let load = tile::convert(isa, x.dtype, dtype);
        if load.is_some() && elements > SMALL_CONVERTED {
            return None;
        }
        let (x_size, size) = (x.dtype.size(), dtype.size());
        let (x_bytes, bytes) = (elements * x_size, elements * size);
        let lie_well = match load {
            None => lie_well(x.pointer, out.pointer, bytes),
            Some(_) => lie_well_apart(x.pointer, x_bytes, out.pointer, bytes),
        };
        let flat = request.axis == FLATTEN || request.shape.is_empty();
        let out_shape: &[i64] = if flat { &[n as i64] } else { request.shape };
        if !lie_well
            || !contiguous(request.shape, x.strides, x_size)
            || !contiguous(out_shape, out.strides, size)
        {
            return None;
        }
        let &Unplanned {
            kernel,
            carries,
            few,
            most,
            spaced,
        } = kernels::unplanned(mode, request.op, dtype)?;
        let along_reverse = options.reverse && inner == 1;
        let one_by_one = spaced.filter(|way| n <= way.longest).map(|way| way.along);
        let as_they_lie = match along_reverse {
            true => one_by_one.or(kernel.backward),
            false => one_by_one.or(Some(kernel.along)),
        };
        let turned = as_they_lie.is_none() && elements > SMALL_TURNED;
        if turned || lines * kernel.acc_size > SMALL_ACCUMULATORS {
            return None;
        }
        let alone = match lines {
            1 => n <= alone(most),
            _ => elements <= SCATTERED && lines <= SCATTERED_LINES,
        };
        let carries_none = options.carry_in.is_none() && options.carry_out.is_none();
        let few = few.filter(|_| alone && carries_none && load.is_none());
        if options.carry_in.is_some() || options.carry_out.is_some() {
            let x = Range::new(x.pointer.addr(), x_bytes)?;
            let out = Range::new(out.pointer.addr(), bytes)?;
            check_carries(options, carries.size, lines, x, Some(out)).ok()?;
        }
        let many = if lines == 1 || few.is_some() {
            None
        } else {
            let many = kernels::lines(isa, request.op, dtype, mode, Overflow::Wrap);
            many.filter(|many| !along_reverse || n <= many.backward)
        };
        Some(Small {
            kernel,
            carries,
            few,
            many,
            exclusive: options.exclusive,
            load,
            x: x.pointer,
            out: out.pointer,
            extents,
            size,
            reverse: options.reverse.then(|| tile::move_of_size(isa, size)),
            along: as_they_lie.unwrap_or(kernel.along),
            backward: along_reverse && as_they_lie.is_some(),
            carry_in: options.carry_in.map(|carry| {
                let stride = if carry.len == 1 { 0 } else { carries.size };
                (carry.pointer, stride)
            }),
            carry_out: options.carry_out.map(|carry| carry.pointer),
        })
    }
}

/// Whether lines of `n` elements are scanned one operation after the other, wherever they lie.
#[inline]
pub fn is_sequential(options: &Options, n: usize) -> bool {
    match options.mode {
        Mode::Sequential => true,
        Mode::Reassociate => n < REGROUPED_FROM,
        Mode::Compensated => false,
    }
}

/// The extents before the axis, along it and behind it, if there is such an axis and there are few
/// elements, but some.
#[inline]
pub fn extents(shape: &[i64], axis: i32) -> Option<[usize; 3]> {
    let ndim = shape.len() as i32;
    let axis = match axis {
        FLATTEN => ndim,
        0 | -1 if ndim == 0 => ndim,
        _ if (0..ndim).contains(&axis) => axis,
        _ if (-ndim..0).contains(&axis) => axis + ndim,
        _ => return None,
    };
    let mut elements = 1;
    let mut product = |part: &[i64]| {
        let mut product = 1;
        for &extent in part {
            // A negative extent is a large one here; no product of these overflows.
            let extent = extent as usize;
            if extent.wrapping_sub(1) >= SMALL {
                return None;
            }
            product *= extent;
            elements *= extent;
            if elements > SMALL {
                return None;
            }
        }
        Some(product)
    };
    let axis = axis as usize;
    if axis == shape.len() {
        return Some([1, product(shape)?, 1]);
    }
    let (before, behind) = (product(&shape[..axis])?, product(&shape[axis + 1..])?);
    Some([before, product(&shape[axis..=axis])?, behind])
}

/// Whether elements with these strides lie in C order without gaps; the extents are few and not 0.
#[inline]
fn contiguous(shape: &[i64], strides: Option<&[i64]>, size: usize) -> bool {
    let Some(strides) = strides else { return true };
    let mut apart = size as i64;
    for (&extent, &stride) in shape.iter().zip(strides).rev() {
        if extent != 1 && stride != apart {
            return false;
        }
        apart *= extent;
    }
    true
}
