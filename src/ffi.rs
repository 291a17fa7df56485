//! The C interface: every exported function, and the way from C's arguments to a request and from
//! its outcome to a status.
//!
//! The comments of public items are the C manual: cbindgen copies them to `include/cumulative.h`. What
//! holds for every function stands once, in the header's introduction (`cbindgen.toml`).
//!
//! Nothing unwinds into C: every function that computes runs under `guarded`.
#![allow(non_camel_case_types, reason = "the names of the C interface")]
#![allow(
    clippy::missing_safety_doc,
    reason = "the C manual says what the caller sees to in C's words"
)]

mod typed;

pub use typed::*;

use crate::dtype::DType;
use crate::environment;
use crate::kernels::{self, Mode, Overflow};
use crate::op::Op;
use crate::plan::{self, Carries, FLATTEN, Nan, Operand, Options, Request, ShortLine};
use crate::simd::Isa;
use crate::status::{Error, Status};
use crate::threads::{self, Callback};
use crate::view::{MAX_NDIM, Range};
use std::cell::UnsafeCell;
use std::ffi::{CStr, c_char, c_void};
use std::fmt::Write;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, Ordering};

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
/// The type that the function chooses.
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

/// Flag: `out[i]` combines what stands before `i`. `out[0]` is `carry_in`, or the identity: 0 for sums, 1
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
/// magnitudes; a product is within 1 ulp if no prefix over- or underflows.
pub const CUM_COMPENSATED: i32 = 2;

/// NaN policy: a NaN is an element like any other.
pub const CUM_NAN_PROPAGATE: i32 = 0;
/// NaN policy: a NaN among the elements counts as the identity.
pub const CUM_NAN_IDENTITY: i32 = 1;
/// NaN policy: as `CUM_NAN_IDENTITY`, and the result in its place is NaN.
pub const CUM_NAN_SKIP: i32 = 2;

/// Integer overflow: the lower bits are kept.
pub const CUM_WRAP: i32 = 0;
/// Integer overflow: the first one is reported, and the outputs stay as they were.
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
    /// `sizeof(cum_options)` at the caller; the struct may grow at its end.
    pub struct_size: usize,
    /// The computing dtype; `CUM_DTYPE_DEFAULT` takes `out_dtype`.
    pub dtype: cum_dtype,
    /// `CUM_EXCLUSIVE | CUM_REVERSE | CUM_INCLUDE_INITIAL`; the first and the last not together.
    pub flags: u32,
    /// `CUM_SEQUENTIAL`, `CUM_REASSOCIATE` or `CUM_COMPENSATED`.
    pub mode: i32,
    /// `CUM_NAN_PROPAGATE`, `CUM_NAN_IDENTITY` or `CUM_NAN_SKIP`; of floating computing dtypes.
    pub nan: i32,
    /// `CUM_WRAP`, `CUM_CHECK` or `CUM_SATURATE`; of integer computing dtypes.
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
    /// except from that last call. It must not throw, `longjmp`, or touch the arrays.
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

// ---------------------------------------------------------------------------------------------
// The way in and out
// ---------------------------------------------------------------------------------------------

/// Room for a sentence and its final 0.
const SENTENCE: usize = 256;

thread_local! {
    /// This thread's last failure, always ending in 0.
    static LAST: UnsafeCell<[u8; SENTENCE]> = const { UnsafeCell::new([0; SENTENCE]) };
}

/// Whether a call has failed in this process: before that there is no sentence to clear, and a thread need
/// not look for its own, which takes a tenth of a small call.
static FAILED: AtomicBool = AtomicBool::new(false);

/// A sentence that is cut where the room ends.
struct Sentence {
    bytes: [u8; SENTENCE],
    len: usize,
}

impl Write for Sentence {
    fn write_str(&mut self, text: &str) -> std::fmt::Result {
        let room = SENTENCE - 1 - self.len;
        let part = &text.as_bytes()[..text.len().min(room)];
        self.bytes[self.len..self.len + part.len()].copy_from_slice(part);
        self.len += part.len();
        Ok(())
    }
}

/// A caller's buffer for the message.
#[derive(Clone, Copy)]
struct MessageBuffer {
    start: *mut c_char,
    size: usize,
}

/// Runs `work` and turns its outcome into a status, a sentence for this thread and a message for the
/// caller's buffer. A panic becomes `CUM_ERR_INTERNAL`.
#[inline]
fn guarded(message: Option<MessageBuffer>, work: impl FnOnce() -> Result<(), Error>) -> cum_status {
    let outcome = catch_unwind(AssertUnwindSafe(work)).unwrap_or(Err(Error::Internal));
    match outcome {
        Ok(()) => succeed(message),
        Err(error) => report(error, message),
    }
}

/// There is nothing to tell.
#[inline]
fn succeed(message: Option<MessageBuffer>) -> cum_status {
    // A thread sees its own failures, and others' sentences are not its concern.
    if FAILED.load(Ordering::Relaxed) {
        // SAFETY: the cell is this thread's, and nobody holds a reference into it.
        LAST.with(|last| unsafe { (*last.get())[0] = 0 });
    }
    if let Some(buffer) = message {
        // SAFETY: the caller's buffer has at least one byte.
        unsafe { buffer.start.write(0) };
    }
    CUM_OK
}

#[cold]
fn report(error: Error, message: Option<MessageBuffer>) -> cum_status {
    let mut sentence = Sentence {
        bytes: [0; SENTENCE],
        len: 0,
    };
    // Writing to a Sentence does not fail: what does not fit is cut.
    let _ = write!(sentence, "{error}");
    FAILED.store(true, Ordering::Relaxed);
    // SAFETY: the cell is this thread's, and nobody holds a reference into it.
    LAST.with(|last| unsafe { *last.get() = sentence.bytes });
    if let Some(buffer) = message {
        let len = sentence.len.min(buffer.size - 1);
        // SAFETY: the caller's buffer has `size` bytes, and len + 1 of them are written.
        unsafe {
            std::ptr::copy_nonoverlapping(sentence.bytes.as_ptr(), buffer.start.cast(), len);
            buffer.start.add(len).write(0);
        }
    }
    error.status() as cum_status
}

/// What a caller's options mean.
#[derive(Default)]
struct Decoded {
    options: Options,
    dtype: Option<DType>,
}

/// A caller's progress function.
struct CProgress {
    function: unsafe extern "C" fn(u64, u64, *mut c_void) -> i32,
    user: *mut c_void,
}

impl Callback for CProgress {
    fn call(&mut self, done: u64, total: u64) -> bool {
        // SAFETY: the caller's function, on the caller's thread.
        unsafe { (self.function)(done, total, self.user) == 0 }
    }
}

/// The caller's message buffer, if its options can be read at all.
///
/// # Safety
/// `options` is NULL or points to options of the size they say.
#[inline]
unsafe fn message_of(options: *const cum_options) -> Option<MessageBuffer> {
    if options.is_null() {
        return None;
    }
    // SAFETY: the size is the first field, and the others are there if it says so.
    unsafe {
        if (*options).struct_size < size_of::<cum_options>() {
            return None;
        }
        let (start, size) = ((*options).message, (*options).message_size);
        (!start.is_null() && size > 0).then_some(MessageBuffer { start, size })
    }
}

/// Options as C gave them, if there are any; their size is checked.
///
/// # Safety
/// As [`message_of`], for as long as the result is used.
#[inline]
unsafe fn given<'a>(options: *const cum_options) -> Result<Option<&'a cum_options>, Error> {
    if options.is_null() {
        return Ok(None);
    }
    let known = size_of::<cum_options>();
    // SAFETY: the size is the first field.
    let given = unsafe { (*options).struct_size };
    if given < known {
        return Err(Error::OptionsSize { given, known });
    }
    // SAFETY: the caller says there are `given` bytes.
    let tail =
        unsafe { std::slice::from_raw_parts(options.cast::<u8>().add(known), given - known) };
    if tail.iter().any(|&byte| byte != 0) {
        return Err(Error::OptionsSize { given, known });
    }
    // SAFETY: at least the known fields are there.
    Ok(Some(unsafe { &*options }))
}

/// Checks options.
#[inline]
fn decode(raw: &cum_options) -> Result<Decoded, Error> {
    let wrong = |field, value: i32| {
        Err(Error::OptionValue {
            field,
            value: value as i64,
        })
    };
    if raw.flags & !(CUM_EXCLUSIVE | CUM_REVERSE | CUM_INCLUDE_INITIAL) != 0 {
        return Err(Error::OptionValue {
            field: "flags",
            value: raw.flags as i64,
        });
    }
    let Some(mode) = mode_of(raw.mode) else {
        return wrong("mode", raw.mode);
    };
    let nan = match raw.nan {
        CUM_NAN_PROPAGATE => Nan::Propagate,
        CUM_NAN_IDENTITY => Nan::Identity,
        CUM_NAN_SKIP => Nan::Skip,
        other => return wrong("nan", other),
    };
    let overflow = match raw.overflow {
        CUM_WRAP => Overflow::Wrap,
        CUM_CHECK => Overflow::Check,
        CUM_SATURATE => Overflow::Saturate,
        other => return wrong("overflow", other),
    };
    let Ok(max_threads) = usize::try_from(raw.max_threads) else {
        return wrong("max_threads", raw.max_threads);
    };
    let options = Options {
        exclusive: raw.flags & CUM_EXCLUSIVE != 0,
        reverse: raw.flags & CUM_REVERSE != 0,
        initial: raw.flags & CUM_INCLUDE_INITIAL != 0,
        mode,
        nan,
        overflow,
        max_threads,
        carry_in: (!raw.carry_in.is_null()).then_some(Carries {
            pointer: raw.carry_in.cast(),
            len: raw.carry_in_len,
        }),
        carry_out: (!raw.carry_out.is_null()).then_some(Carries {
            pointer: raw.carry_out.cast(),
            len: raw.carry_out_len,
        }),
    };
    if options.exclusive && options.initial {
        let sentence = "CUM_EXCLUSIVE and CUM_INCLUDE_INITIAL do not go together";
        return Err(Error::Options(sentence));
    }
    let dtype = match raw.dtype {
        CUM_DTYPE_DEFAULT => None,
        code => Some(dtype_of("options.dtype", code)?),
    };
    Ok(Decoded { options, dtype })
}

fn mode_of(code: i32) -> Option<Mode> {
    Some(match code {
        CUM_SEQUENTIAL => Mode::Sequential,
        CUM_REASSOCIATE => Mode::Reassociate,
        CUM_COMPENSATED => Mode::Compensated,
        _ => return None,
    })
}

#[inline]
fn op_of(code: cum_op) -> Result<Op, Error> {
    Op::from_code(code).ok_or(Error::UnknownOp { code })
}

#[inline]
fn dtype_of(what: &'static str, code: cum_dtype) -> Result<DType, Error> {
    DType::from_code(code).ok_or(Error::UnknownDtype { what, code })
}

/// `ndim` values from a pointer that may be NULL only if there are none.
///
/// # Safety
/// A pointer that is not NULL points to `ndim` values, for as long as the result is used.
#[inline]
unsafe fn values<'a>(what: &'static str, ndim: i32, start: *const i64) -> Result<&'a [i64], Error> {
    if !(0..=MAX_NDIM as i32).contains(&ndim) {
        return Err(Error::Ndim { ndim });
    }
    if ndim == 0 {
        return Ok(&[]);
    }
    if start.is_null() {
        return Err(Error::NullPointer { what });
    }
    // SAFETY: this function's.
    Ok(unsafe { std::slice::from_raw_parts(start, ndim as usize) })
}

/// Strides, or `None` for NULL.
///
/// # Safety
/// As [`values`].
#[inline]
unsafe fn strides<'a>(start: *const i64, len: usize) -> Option<&'a [i64]> {
    // SAFETY: this function's.
    (!start.is_null()).then(|| unsafe { std::slice::from_raw_parts(start, len) })
}

/// Does a short line, if `n` contiguous elements of one type from `x` to `out` are one.
///
/// # Safety
/// `x` and `out` hold `n` elements, unless they are NULL.
#[inline]
unsafe fn short(op: Op, dtype: DType, x: *const u8, n: i64, out: *mut u8) -> bool {
    let Some(line) = ShortLine::new(op, dtype, x, n as usize, out) else {
        return false;
    };
    // SAFETY: this function's.
    catch_unwind(|| unsafe { threads::run_short(&line) }).is_ok()
}

/// Carries out a request under the caller's options; tells where an overflow was.
///
/// # Safety
/// As [`threads::execute`]; what the options point to is what they say.
unsafe fn execute_with(request: &Request, raw: Option<&cum_options>) -> Result<(), Error> {
    let mut progress = raw.and_then(|raw| {
        raw.progress.map(|function| CProgress {
            function,
            user: raw.user,
        })
    });
    let callback = progress
        .as_mut()
        .map(|progress| progress as &mut dyn Callback);
    // SAFETY: this function's.
    let outcome = unsafe { threads::execute(request, callback) };
    if let (Err(Error::Overflow { line, index, .. }), Some(raw)) = (outcome, raw)
        && !raw.r#where.is_null()
    {
        // SAFETY: the caller's two values; unaligned ones do no harm.
        unsafe {
            raw.r#where.write_unaligned(line as i64);
            raw.r#where.add(1).write_unaligned(index);
        }
    }
    outcome
}

// ---------------------------------------------------------------------------------------------
// The interface
// ---------------------------------------------------------------------------------------------

/// Scans an array along an axis.
///
/// @param op          the operation
/// @param ndim        number of dimensions, 0 to `CUM_MAX_NDIM`
/// @param shape       `ndim` extents of `x`; `out` has the same, but is one longer along the axis with
///                    `CUM_INCLUDE_INITIAL`, and has that one dimension only if `axis` is
///                    `CUM_AXIS_NONE` or `ndim` is 0
/// @param axis        `-ndim` to `ndim - 1`, or `CUM_AXIS_NONE` to flatten in C order
/// @param x           the elements
/// @param x_dtype     their type
/// @param x_strides   bytes from one element to the next, per dimension; any sign and 0; NULL:
///                    C-contiguous
/// @param out         the results; may be `x`, or overlap it in any way
/// @param out_dtype   their type
/// @param out_strides as `x_strides`, of `out`. Sorted by magnitude, each is at least the byte span of
///                    the smaller ones together.
/// @param options     NULL for all defaults
///
/// Computes in `options->dtype`, or in `out_dtype`. Returns `CUM_OK` or an error, and then `out` and
/// `carry_out` are as before, but for `CUM_ERR_CANCELLED` and `CUM_ERR_INTERNAL`. Any error may
/// come back. May use other threads for large arrays, but never calls back from them. Since 0.1.0.
///
/// The caller sees to it: the arrays and what the options point to are what the arguments say.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cum_scan(
    op: cum_op,
    ndim: i32,
    shape: *const i64,
    axis: i32,
    x: *const c_void,
    x_dtype: cum_dtype,
    x_strides: *const i64,
    out: *mut c_void,
    out_dtype: cum_dtype,
    out_strides: *const i64,
    options: *const cum_options,
) -> cum_status {
    // The way of small calls, which everything else would slow down by half.
    if ndim == 1
        && matches!(axis, 0 | -1 | FLATTEN)
        && x_dtype == out_dtype
        && x_strides.is_null()
        && out_strides.is_null()
        && options.is_null()
        && !shape.is_null()
        && let (Ok(op), Ok(dtype)) = (op_of(op), dtype_of("x_dtype", x_dtype))
    {
        // SAFETY: the shape has one extent, and x and out have as many elements.
        if unsafe { short(op, dtype, x.cast(), *shape, out.cast()) } {
            return succeed(None);
        }
    }
    // SAFETY: the caller's, in all of the following.
    let message = unsafe { message_of(options) };
    guarded(message, || {
        // SAFETY: as above.
        let raw = unsafe { given(options)? };
        let decoded = match raw {
            Some(raw) => decode(raw)?,
            None => Decoded::default(),
        };
        let op = op_of(op)?;
        let x_dtype = dtype_of("x_dtype", x_dtype)?;
        let out_dtype = dtype_of("out_dtype", out_dtype)?;
        // SAFETY: as above.
        let shape = unsafe { values("shape", ndim, shape)? };
        let flat = axis == FLATTEN || ndim == 0;
        // SAFETY: as above.
        let (x_strides, out_strides) = unsafe {
            (
                strides(x_strides, shape.len()),
                strides(out_strides, if flat { 1 } else { shape.len() }),
            )
        };
        let request = Request {
            op,
            dtype: decoded.dtype.unwrap_or(out_dtype),
            shape,
            axis,
            x: Operand {
                pointer: x.cast(),
                dtype: x_dtype,
                strides: x_strides,
            },
            out: Some(Operand {
                pointer: out.cast(),
                dtype: out_dtype,
                strides: out_strides,
            }),
            options: decoded.options,
        };
        // SAFETY: as above.
        unsafe { execute_with(&request, raw) }
    })
}

/// Computes the total of each line, for work that is spread over processes: the bits that `cum_scan`
/// writes to `carry_out`.
///
/// @param op          the operation
/// @param ndim        number of dimensions, 0 to `CUM_MAX_NDIM`
/// @param shape       `ndim` extents of `x`
/// @param axis        `-ndim` to `ndim - 1`, or `CUM_AXIS_NONE`
/// @param x           the elements
/// @param x_dtype     their type
/// @param x_strides   bytes from one element to the next, per dimension; NULL: C-contiguous
/// @param dtype       the computing dtype; `CUM_DTYPE_DEFAULT`: `cum_result_dtype(op, x_dtype)`
/// @param totals      room for one carry a line; meets neither `x` nor `carry_in`
/// @param totals_len  the number of lines
/// @param options     NULL for all defaults; `dtype`, `carry_out` and `where` must be 0, exclusive and
///                    initial have no effect
///
/// An exclusive scan of the processes' totals with `cum_combine` gives each its `carry_in` for
/// `cum_scan`. Errors as `cum_scan`; then `totals` is as before. Since 0.1.0.
///
/// The caller sees to the same as for `cum_scan`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cum_reduce(
    op: cum_op,
    ndim: i32,
    shape: *const i64,
    axis: i32,
    x: *const c_void,
    x_dtype: cum_dtype,
    x_strides: *const i64,
    dtype: cum_dtype,
    totals: *mut c_void,
    totals_len: usize,
    options: *const cum_options,
) -> cum_status {
    // SAFETY: the caller's, in all of the following.
    let message = unsafe { message_of(options) };
    guarded(message, || {
        // SAFETY: as above.
        let raw = unsafe { given(options)? };
        let mut options = Options::default();
        if let Some(raw) = raw {
            let decoded = decode(raw)?;
            if raw.dtype != 0 || !raw.carry_out.is_null() || !raw.r#where.is_null() {
                let sentence = "options.dtype, carry_out and where have no part in cum_reduce";
                return Err(Error::Options(sentence));
            }
            options = Options {
                exclusive: false,
                initial: false,
                ..decoded.options
            };
        }
        let op = op_of(op)?;
        let x_dtype = dtype_of("x_dtype", x_dtype)?;
        let dtype = match dtype {
            CUM_DTYPE_DEFAULT => x_dtype.default_result(op),
            code => dtype_of("dtype", code)?,
        };
        // SAFETY: as above.
        let shape = unsafe { values("shape", ndim, shape)? };
        let lines = plan::line_count(shape, axis)?;
        if totals_len != lines {
            return Err(Error::OptionLength {
                field: "totals_len",
                given: totals_len,
                lines,
            });
        }
        if totals.is_null() && lines > 0 {
            return Err(Error::NullPointer { what: "totals" });
        }
        let size = cum_carry_size(dtype.code(), raw.map_or(CUM_SEQUENTIAL, |raw| raw.mode));
        let range = |start: usize, len: usize| {
            len.checked_mul(size)
                .and_then(|bytes| Range::new(start, bytes))
        };
        if let Some(carry) = options.carry_in
            && let (Some(before), Some(totals)) = (
                range(carry.pointer as usize, carry.len),
                range(totals as usize, totals_len),
            )
            && before.meets(totals)
        {
            return Err(Error::Options("totals meets carry_in"));
        }
        // SAFETY: as above.
        let x_strides = unsafe { strides(x_strides, shape.len()) };
        options.carry_out = Some(Carries {
            pointer: totals.cast(),
            len: totals_len,
        });
        let request = Request {
            op,
            dtype,
            shape,
            axis,
            x: Operand {
                pointer: x.cast(),
                dtype: x_dtype,
                strides: x_strides,
            },
            out: None,
            options,
        };
        // SAFETY: as above.
        unsafe { execute_with(&request, raw) }
    })
}

/// Combines carries: `out[i]` stands for what `first[i]` stands for, followed by what `second[i]`
/// stands for. Integers wrap.
///
/// @param op     the operation
/// @param dtype  the computing dtype
/// @param mode   the mode that the carries come from
/// @param n      number of carries
/// @param first  `n` carries
/// @param second `n` carries
/// @param out    room for `n` carries; may be either input, or apart from both
///
/// Returns `CUM_OK`; `CUM_ERR_OP`, `CUM_ERR_DTYPE`; `CUM_ERR_OPTIONS` for an unknown mode or
/// buffers that overlap without being the same; `CUM_ERR_NULL_POINTER`. Since 0.1.0.
///
/// The caller sees to it: the buffers hold `n` carries.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cum_combine(
    op: cum_op,
    dtype: cum_dtype,
    mode: i32,
    n: usize,
    first: *const c_void,
    second: *const c_void,
    out: *mut c_void,
) -> cum_status {
    guarded(None, || {
        let op = op_of(op)?;
        let dtype = dtype_of("dtype", dtype)?;
        let wrong = Error::OptionValue {
            field: "mode",
            value: mode as i64,
        };
        let mode = mode_of(mode).ok_or(wrong)?;
        let kernel = kernels::kernel(Isa::current(), op, dtype, mode, Overflow::Wrap)
            .ok_or(Error::OpDtype { op, dtype })?;
        if n == 0 {
            return Ok(());
        }
        let mut ranges = [Range { start: 0, end: 0 }; 3];
        let buffers = [
            ("first", first),
            ("second", second),
            ("out", out.cast_const()),
        ];
        for (range, (what, start)) in ranges.iter_mut().zip(buffers) {
            if start.is_null() {
                return Err(Error::NullPointer { what });
            }
            let bytes = n.checked_mul(kernel.carry_size);
            *range = bytes
                .and_then(|bytes| Range::new(start as usize, bytes))
                .ok_or(Error::Span {
                    what,
                    start: start as usize,
                })?;
        }
        let [a, b, c] = ranges;
        if [(a, b), (a, c), (b, c)]
            .iter()
            .any(|(p, q)| p != q && p.meets(*q))
        {
            let sentence = "first, second and out overlap without being the same";
            return Err(Error::Options(sentence));
        }
        let _environment = environment::Guard::new();
        for i in 0..n {
            let at = i * kernel.carry_size;
            // SAFETY: each buffer holds n carries; a carry is read before its place is written.
            unsafe {
                let (first, second) = (first.cast::<u8>().add(at), second.cast::<u8>().add(at));
                (kernel.merge)(first, second, out.cast::<u8>().add(at));
            }
        }
        Ok(())
    })
}

/// The dtype that NumPy and the array API standard compute in by default: sums and products of bool
/// and of signed integers below 64 bits give `CUM_I64`, of unsigned ones `CUM_U64`; everything else
/// keeps its type. 0 for an unknown code, or a pair that does not go together. Since 0.1.0.
#[unsafe(no_mangle)]
pub extern "C" fn cum_result_dtype(op: cum_op, x_dtype: cum_dtype) -> cum_dtype {
    let (Some(op), Some(dtype)) = (Op::from_code(op), DType::from_code(x_dtype)) else {
        return 0;
    };
    let result = dtype.default_result(op);
    match kernels::kernel(Isa::current(), op, result, Mode::Sequential, Overflow::Wrap) {
        Some(_) => result.code(),
        None => 0,
    }
}

/// Zeroes `struct_size` bytes at `options` and sets the field of that name: all defaults. NULL, or a
/// size without room for that field, is left alone. Since 0.1.0.
///
/// The caller sees to it: `options` is NULL or has room for `struct_size` bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cum_options_init(options: *mut cum_options, struct_size: usize) {
    if options.is_null() || struct_size < size_of::<usize>() {
        return;
    }
    // SAFETY: the caller's.
    unsafe {
        options.cast::<u8>().write_bytes(0, struct_size);
        options.cast::<usize>().write_unaligned(struct_size);
    }
}

/// Bytes of one carry; 0 for an unknown dtype or mode. Since 0.1.0.
#[unsafe(no_mangle)]
pub extern "C" fn cum_carry_size(dtype: cum_dtype, mode: i32) -> usize {
    let (Some(dtype), Some(mode)) = (DType::from_code(dtype), mode_of(mode)) else {
        return 0;
    };
    kernels::kernel(Isa::current(), Op::Sum, dtype, mode, Overflow::Wrap)
        .map_or(0, |kernel| kernel.carry_size)
}

/// Bytes of one element; 0 if unknown. Since 0.1.0.
#[unsafe(no_mangle)]
pub extern "C" fn cum_dtype_size(dtype: cum_dtype) -> usize {
    DType::from_code(dtype).map_or(0, DType::size)
}

/// The number of lines: of rows along the axis, numbered in C order of the other axes; 1 when
/// flattened. -1 for arguments that are not valid. Since 0.1.0.
///
/// The caller sees to it: `shape` points to `ndim` extents, or is NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cum_line_count(ndim: i32, shape: *const i64, axis: i32) -> i64 {
    // SAFETY: the caller's.
    let count =
        unsafe { values("shape", ndim, shape) }.and_then(|shape| plan::line_count(shape, axis));
    count
        .ok()
        .and_then(|count| i64::try_from(count).ok())
        .unwrap_or(-1)
}

/// The name of a status, such as "CUM_ERR_AXIS"; "CUM_ERR_UNKNOWN" for any other number. Static,
/// never NULL. Since 0.1.0.
#[unsafe(no_mangle)]
pub extern "C" fn cum_status_name(status: cum_status) -> *const c_char {
    Status::from_code(status)
        .map_or(c"CUM_ERR_UNKNOWN", Status::name)
        .as_ptr()
}

/// This thread's last failure in a sentence with the values in it, such as "axis 3 is out of bounds for
/// 2 dimensions"; "" after a success. In a buffer of the thread's own, valid until its next call.
/// Since 0.1.0.
#[unsafe(no_mangle)]
pub extern "C" fn cum_last_error() -> *const c_char {
    LAST.with(|last| last.get().cast::<c_char>().cast_const())
}

/// The version of the library, such as "0.1.0". Static. Since 0.1.0.
#[unsafe(no_mangle)]
pub extern "C" fn cum_version() -> *const c_char {
    const VERSION: &str = concat!(env!("CARGO_PKG_VERSION"), "\0");
    const TEXT: &CStr = match CStr::from_bytes_with_nul(VERSION.as_bytes()) {
        Ok(text) => text,
        Err(_) => panic!("a version holds no 0"),
    };
    TEXT.as_ptr()
}

/// Sets the number of threads that calls use by default; 0: `CUM_NUM_THREADS`, else the cores this
/// process may use. Returns the previous setting, 0 at first; a negative `n` changes nothing.
/// Since 0.1.0.
#[unsafe(no_mangle)]
pub extern "C" fn cum_set_max_threads(n: i32) -> i32 {
    threads::set_default(n)
}

/// The instruction set that runs here: "avx512", "avx2", "sse2", "neon" or "scalar". `CUM_ISA` caps
/// it. Static. Since 0.1.0.
#[unsafe(no_mangle)]
pub extern "C" fn cum_isa() -> *const c_char {
    Isa::current().name().as_ptr()
}
