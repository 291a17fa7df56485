//! The types and constants of the C interface.

use std::ffi::{c_char, c_void};

/// The version of the header: major, minor and patch number.
pub const CUM_VERSION_MAJOR: i32 = 0;
/// See `CUM_VERSION_MAJOR`.
pub const CUM_VERSION_MINOR: i32 = 1;
/// See `CUM_VERSION_MAJOR`.
pub const CUM_VERSION_PATCH: i32 = 0;

/// The largest number of dimensions.
pub const CUM_MAX_NDIM: i32 = 64;

/// The axis that stands for the array flattened in C order.
pub const CUM_AXIS_NONE: i32 = i32::MIN;

/// The outcome of a call; 0 is success.
pub type cum_status = i32;
/// Success.
pub const CUM_OK: i32 = 0;
/// A pointer that is needed is NULL.
pub const CUM_ERR_NULL_POINTER: i32 = 1;
/// An unknown operation.
pub const CUM_ERR_OP: i32 = 2;
/// An unknown element type, or one the operation does not compute in.
pub const CUM_ERR_DTYPE: i32 = 3;
/// A number of dimensions below 0 or above `CUM_MAX_NDIM`.
pub const CUM_ERR_NDIM: i32 = 4;
/// A negative extent, or a product of the non-zero extents that is too large to address.
pub const CUM_ERR_SHAPE: i32 = 5;
/// A span that is not addressable, or an output that may meet itself.
pub const CUM_ERR_STRIDES: i32 = 6;
/// An axis outside the dimensions.
pub const CUM_ERR_AXIS: i32 = 7;
/// A conversion from complex to real.
pub const CUM_ERR_CAST: i32 = 8;
/// Options that are wrong, or that do not go together.
pub const CUM_ERR_OPTIONS: i32 = 9;
/// A value that does not fit; only with `CUM_CHECK`. `where` says which.
pub const CUM_ERR_OVERFLOW: i32 = 10;
/// No memory for a temporary copy.
pub const CUM_ERR_MEMORY: i32 = 11;
/// The progress function asked to stop.
pub const CUM_ERR_CANCELLED: i32 = 12;
/// A defect of the library, caught at its boundary.
pub const CUM_ERR_INTERNAL: i32 = 13;

/// An operation.
pub type cum_op = i32;
/// Sum; in `CUM_BOOL`, or.
pub const CUM_SUM: i32 = 1;
/// Product; in `CUM_BOOL`, and.
pub const CUM_PROD: i32 = 2;
/// Maximum; a NaN stays, and of equal values the later is kept. Not of complex numbers.
pub const CUM_MAX: i32 = 3;
/// Minimum; see `CUM_MAX`.
pub const CUM_MIN: i32 = 4;
/// Logarithm of the sum of exponentials; of the four real floating types. Each step is within 4 ulp.
pub const CUM_LOGSUMEXP: i32 = 5;

/// An element type: DLPack's type code and width, `(code << 8) | bits`.
pub type cum_dtype = i32;
/// The type that the function chooses; only where its description names it.
pub const CUM_DTYPE_DEFAULT: i32 = 0;
/// `int8_t`
pub const CUM_I8: i32 = 0x0008;
/// `int16_t`
pub const CUM_I16: i32 = 0x0010;
/// `int32_t`
pub const CUM_I32: i32 = 0x0020;
/// `int64_t`
pub const CUM_I64: i32 = 0x0040;
/// `uint8_t`
pub const CUM_U8: i32 = 0x0108;
/// `uint16_t`
pub const CUM_U16: i32 = 0x0110;
/// `uint32_t`
pub const CUM_U32: i32 = 0x0120;
/// `uint64_t`
pub const CUM_U64: i32 = 0x0140;
/// IEEE 754 binary16
pub const CUM_F16: i32 = 0x0210;
/// `float`
pub const CUM_F32: i32 = 0x0220;
/// `double`
pub const CUM_F64: i32 = 0x0240;
/// bfloat16, the upper half of a `float`
pub const CUM_BF16: i32 = 0x0410;
/// complex number of two `float`
pub const CUM_C64: i32 = 0x0540;
/// complex number of two `double`
pub const CUM_C128: i32 = 0x0580;
/// one byte: 0 or non-zero in, 0 or 1 out
pub const CUM_BOOL: i32 = 0x0608;

/// Flag: `out[i]` combines what stands before `i`. `out[0]` (the last with `CUM_REVERSE`) is `carry_in`, or the identity: 0 for sums, 1
/// for products, the lowest value or -inf for maxima and logsumexp, the highest or +inf for minima.
pub const CUM_EXCLUSIVE: u32 = 1;
/// Flag: from the last element to the first; `out[i]` combines `x[i]` and what stands behind it.
pub const CUM_REVERSE: u32 = 2;
/// Flag: the starting value, as in `CUM_EXCLUSIVE`, is shown first (last with `CUM_REVERSE`), and `out` is
/// one longer along the axis.
pub const CUM_INCLUDE_INITIAL: u32 = 4;

/// Mode: one operation after the other, NumPy's bits.
pub const CUM_SEQUENTIAL: i32 = 0;
/// Mode: floating sums and products may be grouped in a fixed way that is faster. Results agree with
/// `CUM_SEQUENTIAL` up to rounding and are the same on every machine and for any number of threads.
pub const CUM_REASSOCIATE: i32 = 1;
/// Mode: rounding errors of floating sums and products are carried along. With p the precision (24 of
/// `float`, 53 of `double`), a sum is within 1 ulp of the exact one plus 2^(16-2p) of the sum of
/// magnitudes; a product is within 1 ulp if no prefix over- or underflows. Chunks that carries connect
/// keep to this as well, and may differ from one scan by as much.
pub const CUM_COMPENSATED: i32 = 2;

/// NaN policy: a NaN is an element like any other.
pub const CUM_NAN_PROPAGATE: i32 = 0;
/// NaN policy: a NaN among the elements counts as the identity.
pub const CUM_NAN_IDENTITY: i32 = 1;
/// NaN policy: as `CUM_NAN_IDENTITY`, and the result in its place is NaN; of a complex number, which is one
/// if either part is, both parts are.
pub const CUM_NAN_SKIP: i32 = 2;

/// Integer overflow: the lower bits are kept.
pub const CUM_WRAP: i32 = 0;
/// Integer overflow: the first one is reported, and the outputs stay as they were. Conversions between integers are
/// looked at as well; floats on their way to integers saturate, and nobody is told.
pub const CUM_CHECK: i32 = 1;
/// Integer overflow: the value stops at the end of the range.
pub const CUM_SATURATE: i32 = 2;

/// A complex number of two floats, laid out as `float _Complex` and `std::complex<float>`.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct cum_c64 {
    /// Real part.
    pub re: f32,
    /// Imaginary part.
    pub im: f32,
}

/// A complex number of two doubles, laid out as `double _Complex` and `std::complex<double>`.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct cum_c128 {
    /// Real part.
    pub re: f64,
    /// Imaginary part.
    pub im: f64,
}

/// Everything a caller may choose. All defaults are 0: begin with `CUM_OPTIONS_INIT` or
/// `cum_options_init`.
///
/// A **carry** is a value of the computing dtype that stands for what has been combined so far; in
/// `CUM_COMPENSATED` it is a pair (value, error), for every operation, in the computing dtype, but two
/// floats for `CUM_F16` and `CUM_BF16`. Carries need no alignment. `carry_in` and `carry_out` are the
/// same buffer or apart; `carry_out` meets neither `x` nor `out`, `carry_in` does not meet `out`.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct cum_options {
    /// `sizeof(cum_options)` at the caller; the struct may grow at its end, and a larger one is taken if what is behind
    /// this one is 0.
    pub struct_size: usize,
    /// The computing dtype; `CUM_DTYPE_DEFAULT` takes `out_dtype`.
    pub dtype: cum_dtype,
    /// `CUM_EXCLUSIVE | CUM_REVERSE | CUM_INCLUDE_INITIAL`; the first and the last not together.
    pub flags: u32,
    /// `CUM_SEQUENTIAL`, `CUM_REASSOCIATE` or `CUM_COMPENSATED`.
    pub mode: i32,
    /// `CUM_NAN_PROPAGATE`, `CUM_NAN_IDENTITY` or `CUM_NAN_SKIP`; without effect in
    /// computing dtypes that have no NaN.
    pub nan: i32,
    /// `CUM_WRAP`, `CUM_CHECK` or `CUM_SATURATE`; without effect in other computing dtypes than
    /// integers.
    pub overflow: i32,
    /// 0: the process default; 1: the caller's thread alone; n: at most n.
    pub max_threads: i32,
    /// NULL, or the carries that stand before the lines.
    pub carry_in: *const c_void,
    /// 1 for all lines, or one a line; ignored with a NULL `carry_in`.
    pub carry_in_len: usize,
    /// NULL, or room for each line's total with `carry_in`, written on success.
    pub carry_out: *mut c_void,
    /// The number of lines; ignored with a NULL `carry_out`.
    pub carry_out_len: usize,
    /// NULL, or called on the calling thread every few milliseconds at most, with the number of
    /// elements that are done and in all, and once at the end with both equal. Non-zero cancels,
    /// except from that last call. It must not throw, `longjmp`, or touch the arrays;
    /// it runs in the default floating-point environment, which does not outlast it.
    pub progress: Option<unsafe extern "C" fn(done: u64, total: u64, user: *mut c_void) -> i32>,
    /// Given to `progress`.
    pub user: *mut c_void,
    /// NULL, or room for `message_size` bytes of the sentence of `cum_last_error`, for callers whose
    /// calls may move between threads; always ends in 0, "" after a success.
    pub message: *mut c_char,
    /// Bytes at `message`.
    pub message_size: usize,
    /// NULL, or two values: line, and index along the axis (-1: the starting value), of the overflow
    /// that was reported.
    pub r#where: *mut i64,
}
