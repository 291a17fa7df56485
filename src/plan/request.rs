//! What a caller asks for, and the checks of its parts.
#![forbid(unsafe_code)]

use crate::dtype::DType;
use crate::kernels::{Mode, Overflow};
use crate::op::Op;
use crate::status::Error;
use crate::view::{self, Extents, MAX_NDIM, Range};
use arrayvec::ArrayVec;

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
pub type Shape = ArrayVec<usize, MAX_NDIM>;

/// The product of the extents of all dimensions but the axis; 1 for the flattened array.
pub fn lines_of(shape: &[usize], axis: Option<usize>) -> usize {
    let Some(axis) = axis else { return 1 };
    let others = shape.iter().enumerate().filter(|&(dim, _)| dim != axis);
    others.map(|(_, &extent)| extent).product()
}

/// Checks an output of this shape, fills in its dimensions and returns its byte range.
pub fn check_output(
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

/// The byte range of `len` carries of `size` bytes, of which there is one for each of the lines.
fn carry_range(
    field: &'static str,
    start: usize,
    len: usize,
    size: usize,
    lines: usize,
) -> Result<Range, Error> {
    if len != lines {
        let given = len;
        return Err(Error::OptionLength {
            field,
            given,
            lines,
        });
    }
    let bytes = len.checked_mul(size);
    bytes
        .and_then(|bytes| Range::new(start, bytes))
        .ok_or(Error::Options("carries leave the address space"))
}

/// Checks the lengths of the carries, and that they lie where they may. Without an output, those out are what the
/// caller knows as totals.
pub fn check_carries(
    options: &Options,
    size: usize,
    lines: usize,
    x: Range,
    out: Option<Range>,
) -> Result<(), Error> {
    let on_out = |range: Range| out.is_some_and(|out| range.meets(out));
    let mut before = None;
    if let Some(carry) = options.carry_in {
        let start = carry.pointer as usize;
        let lines = if carry.len == 1 { 1 } else { lines };
        let range = carry_range("carry_in_len", start, carry.len, size, lines)?;
        if on_out(range) {
            return Err(Error::Options("carry_in meets out"));
        }
        before = Some(range);
    }
    if let Some(carry) = options.carry_out {
        let start = carry.pointer as usize;
        let range = carry_range("carry_out_len", start, carry.len, size, lines)?;
        if range.meets(x) {
            let known_as = match out {
                Some(_) => "carry_out meets x",
                None => "totals meets x",
            };
            return Err(Error::Options(known_as));
        }
        if on_out(range) {
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
