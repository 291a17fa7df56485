//! Every way to fail: its stable number, its name, and its sentence with the values in it.
#![forbid(unsafe_code)]

use crate::dtype::DType;
use crate::op::Op;
use std::ffi::CStr;
use std::fmt;

/// The stable numbers of the outcomes of a call.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(i32)]
pub enum Status {
    /// The call did what it says.
    Ok = 0,
    /// A pointer that is needed is NULL.
    NullPointer = 1,
    /// An unknown operation.
    Op = 2,
    /// An unknown element type, or one the operation does not compute in.
    Dtype = 3,
    /// A number of dimensions below 0 or above 64.
    Ndim = 4,
    /// A negative extent, or extents whose product is too large to address.
    Shape = 5,
    /// A span that is not addressable, or an output that may meet itself.
    Strides = 6,
    /// An axis outside the dimensions.
    Axis = 7,
    /// A conversion that does not exist.
    Cast = 8,
    /// Options that are wrong or do not go together.
    Options = 9,
    /// An overflow, in checked mode.
    Overflow = 10,
    /// No memory for a temporary copy.
    Memory = 11,
    /// The caller's progress function asked to stop.
    Cancelled = 12,
    /// A defect of the library, caught at its boundary.
    Internal = 13,
}

/// Every status, in the order of its number.
const ALL: [Status; 14] = [
    Status::Ok,
    Status::NullPointer,
    Status::Op,
    Status::Dtype,
    Status::Ndim,
    Status::Shape,
    Status::Strides,
    Status::Axis,
    Status::Cast,
    Status::Options,
    Status::Overflow,
    Status::Memory,
    Status::Cancelled,
    Status::Internal,
];

impl Status {
    /// The status with this number, if there is one.
    pub fn from_code(code: i32) -> Option<Status> {
        ALL.into_iter().find(|&status| status as i32 == code)
    }

    /// The name at the C interface, with its final 0.
    pub const fn name(self) -> &'static CStr {
        match self {
            Status::Ok => c"CUM_OK",
            Status::NullPointer => c"CUM_ERR_NULL_POINTER",
            Status::Op => c"CUM_ERR_OP",
            Status::Dtype => c"CUM_ERR_DTYPE",
            Status::Ndim => c"CUM_ERR_NDIM",
            Status::Shape => c"CUM_ERR_SHAPE",
            Status::Strides => c"CUM_ERR_STRIDES",
            Status::Axis => c"CUM_ERR_AXIS",
            Status::Cast => c"CUM_ERR_CAST",
            Status::Options => c"CUM_ERR_OPTIONS",
            Status::Overflow => c"CUM_ERR_OVERFLOW",
            Status::Memory => c"CUM_ERR_MEMORY",
            Status::Cancelled => c"CUM_ERR_CANCELLED",
            Status::Internal => c"CUM_ERR_INTERNAL",
        }
    }
}

/// Why a call failed, with the values that made it fail.
#[derive(Clone, Copy, PartialEq, Debug)]
#[non_exhaustive]
pub enum Error {
    /// A needed pointer is NULL.
    NullPointer {
        /// Which argument.
        what: &'static str,
    },
    /// An operation code that does not exist.
    UnknownOp {
        /// The code given.
        code: i32,
    },
    /// An element type code that does not exist.
    UnknownDtype {
        /// Which argument.
        what: &'static str,
        /// The code given.
        code: i32,
    },
    /// An operation that does not compute in this type.
    OpDtype {
        /// The operation.
        op: Op,
        /// The computing type.
        dtype: DType,
    },
    /// A number of dimensions that is not supported.
    Ndim {
        /// The number given.
        ndim: i32,
    },
    /// A negative extent.
    NegativeExtent {
        /// The dimension, from 0.
        dim: usize,
        /// Its extent.
        extent: i64,
    },
    /// Extents whose product cannot be addressed.
    ShapeTooLarge {
        /// Which array.
        what: &'static str,
        /// The dimension with which it becomes too large, from 0.
        dim: usize,
        /// Its extent.
        extent: usize,
    },
    /// Two arrays of different shape where one is needed.
    ShapeMismatch {
        /// The first dimension that differs.
        dim: usize,
        /// Its extent as it should be.
        expected: usize,
        /// Its extent as it is.
        found: usize,
    },
    /// An array that leaves the address space.
    Span {
        /// Which array.
        what: &'static str,
        /// The address of its first element.
        start: usize,
    },
    /// Carries to combine that leave the address space.
    CarrySpan {
        /// Which buffer.
        what: &'static str,
        /// How many carries it is to hold.
        n: usize,
        /// Bytes of one.
        size: usize,
    },
    /// Output strides that do not nest.
    OutStrides {
        /// The dimension whose stride is too small.
        dim: usize,
        /// Its stride, bytes.
        stride: i64,
        /// The bytes that an element and the smaller strides span together.
        span: i64,
    },
    /// An axis outside the dimensions.
    Axis {
        /// The axis given.
        axis: i32,
        /// The number of dimensions.
        ndim: i32,
    },
    /// A conversion that does not exist.
    Cast {
        /// The type converted from.
        from: DType,
        /// The type converted to.
        to: DType,
    },
    /// `struct_size` does not fit this library.
    OptionsSize {
        /// The size given, bytes.
        given: usize,
        /// The size this library knows, bytes.
        known: usize,
    },
    /// A choice holds a value that does not exist.
    OptionValue {
        /// The field of the options, or the argument.
        field: &'static str,
        /// The value given.
        value: i64,
    },
    /// A length that is not one of those possible.
    OptionLength {
        /// The field.
        field: &'static str,
        /// The length given.
        given: usize,
        /// The number of lines.
        lines: usize,
    },
    /// Options that do not go together, in a sentence.
    Options(&'static str),
    /// A value that does not fit, in checked mode.
    Overflow {
        /// What overflowed.
        what: OverflowIn,
        /// The line, from 0 in C order.
        line: u64,
        /// The index along the axis; -1 for the starting value.
        index: i64,
    },
    /// No memory for a copy of this size.
    Memory {
        /// Bytes asked for.
        bytes: usize,
    },
    /// The progress function asked to stop.
    Cancelled {
        /// Elements done.
        done: u64,
        /// Elements in all.
        total: u64,
    },
    /// A panic was caught at the boundary.
    Internal,
}

/// The step of a checked scan at which a value did not fit.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum OverflowIn {
    /// Converting an element to the computing type.
    Load(DType, DType),
    /// Combining.
    Combine(Op, DType),
    /// Converting a result to the output's type.
    Store(DType, DType),
}

impl Error {
    /// The number that stands for this failure at the C interface.
    pub const fn status(&self) -> Status {
        match self {
            Error::NullPointer { .. } => Status::NullPointer,
            Error::UnknownOp { .. } => Status::Op,
            Error::UnknownDtype { .. } | Error::OpDtype { .. } => Status::Dtype,
            Error::Ndim { .. } => Status::Ndim,
            Error::NegativeExtent { .. }
            | Error::ShapeTooLarge { .. }
            | Error::ShapeMismatch { .. } => Status::Shape,
            Error::Span { .. } | Error::CarrySpan { .. } | Error::OutStrides { .. } => {
                Status::Strides
            }
            Error::Axis { .. } => Status::Axis,
            Error::Cast { .. } => Status::Cast,
            Error::OptionsSize { .. }
            | Error::OptionValue { .. }
            | Error::OptionLength { .. }
            | Error::Options(_) => Status::Options,
            Error::Overflow { .. } => Status::Overflow,
            Error::Memory { .. } => Status::Memory,
            Error::Cancelled { .. } => Status::Cancelled,
            Error::Internal => Status::Internal,
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Error::NullPointer { what } => write!(f, "{what} is NULL"),
            Error::UnknownOp { code } => write!(f, "{code} is not an operation"),
            Error::UnknownDtype { what, code } => {
                write!(f, "{what} {code} (0x{code:04x}) is not an element type")
            }
            Error::OpDtype { op, dtype } => {
                write!(f, "{} does not compute in {}", op.name(), dtype.name())
            }
            Error::Ndim { ndim } => {
                write!(
                    f,
                    "ndim {ndim} is out of bounds: 0 to 64 dimensions are supported"
                )
            }
            Error::NegativeExtent { dim, extent } => {
                write!(f, "extent {extent} of dimension {dim} is negative")
            }
            Error::ShapeTooLarge { what, dim, extent } => write!(
                f,
                "extent {extent} of dimension {dim} makes {what} larger than can be addressed"
            ),
            Error::ShapeMismatch {
                dim,
                expected,
                found,
            } => {
                write!(
                    f,
                    "dimension {dim} of out has extent {found} where {expected} is needed"
                )
            }
            Error::Span { what, start } => write!(
                f,
                "the strides of {what}, which begins at address {start:#x}, leave the address space"
            ),
            Error::CarrySpan { what, n, size } => write!(
                f,
                "{n} carries of {size} bytes from {what} on do not fit into the address space"
            ),
            Error::OutStrides { dim, stride, span } => write!(
                f,
                "stride {stride} of dimension {dim} of out is smaller in magnitude than the {span} \
                 bytes that an element and any smaller strides span, so that elements may meet"
            ),
            Error::Axis { axis, ndim } => write!(
                f,
                "axis {axis} is out of bounds for {ndim} dimension{}",
                if ndim == 1 { "" } else { "s" }
            ),
            Error::Cast { from, to } => {
                write!(f, "{} does not convert to {}", from.name(), to.name())
            }
            Error::OptionsSize { given, known } if given < known => {
                write!(f, "options.struct_size {given} is smaller than {known}")
            }
            Error::OptionsSize { given, known } => write!(
                f,
                "options.struct_size {given} is larger than {known}, and what follows is not zero"
            ),
            Error::OptionValue { field, value } => {
                write!(f, "{field} cannot be {value}")
            }
            Error::OptionLength {
                field,
                given,
                lines,
            } => {
                // One carry in serves any number of lines.
                let not = match field {
                    "carry_in_len" if lines != 1 => "neither 1 nor",
                    _ => "not",
                };
                write!(f, "{field} {given} is {not} the number of lines, {lines}")
            }
            Error::Options(sentence) => f.write_str(sentence),
            Error::Overflow { what, line, index } => {
                match what {
                    OverflowIn::Combine(op, dtype) => {
                        write!(f, "{} overflows {}", op.name(), dtype.name())?
                    }
                    OverflowIn::Load(from, to) | OverflowIn::Store(from, to) => {
                        let value = match what {
                            OverflowIn::Load(..) => "an element",
                            _ if index < 0 => "the starting value",
                            _ => "a result",
                        };
                        let (from, to) = (from.name(), to.name());
                        write!(f, "{value} of type {from} does not fit {to}")?
                    }
                }
                write!(f, " in line {line}")?;
                // The starting value has no place among the elements.
                match index {
                    0.. => write!(f, " at index {index}"),
                    _ => Ok(()),
                }
            }
            Error::Memory { bytes } => write!(f, "no memory for {bytes} bytes"),
            Error::Cancelled { done, total } => {
                write!(f, "cancelled by progress after {done} of {total} elements")
            }
            Error::Internal => f.write_str("internal error: please report it"),
        }
    }
}

impl std::error::Error for Error {}
