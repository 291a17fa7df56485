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

mod boundary;
mod typed;
mod types;

pub use typed::*;
pub use types::*;

use crate::dtype::DType;
use crate::environment;
use crate::kernels::{self, Mode, Overflow, Short};
use crate::op::Op;
use crate::plan::{self, Carries, FLATTEN, Operand, Options, Request};
use crate::simd::Isa;
use crate::status::{Error, Status};
use crate::threads;
use crate::view::Range;
use boundary::*;
use std::ffi::{CStr, c_char, c_void};

/// Scans an array along an axis.
///
/// @param op          the operation
/// @param ndim        number of dimensions, 0 to `CUM_MAX_NDIM`
/// @param shape       `ndim` extents of `x`; `out` has the same, but is one longer along the axis with
///                    `CUM_INCLUDE_INITIAL`, and has that one dimension only if `axis` is
///                    `CUM_AXIS_NONE` or `ndim` is 0
/// @param axis        `-ndim` to `ndim - 1` (0 or -1 if `ndim` is 0), or `CUM_AXIS_NONE` to flatten in C order
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
        && !shape.is_null()
        && let (Ok(op), Ok(dtype)) = (op_of(op), dtype_of("x_dtype", x_dtype))
        // SAFETY: the caller's.
        && let Some(flags) = unsafe { only_flags(options) }
    {
        let (x, out) = (x.cast(), out.cast());
        let [exclusive, reverse] = [CUM_EXCLUSIVE, CUM_REVERSE].map(|flag| flags & flag != 0);
        // SAFETY: the shape has one extent, there is a stride where there are any, and x and out have as many
        // elements.
        let done = unsafe {
            let n = *shape as usize;
            if x_strides.is_null() && out_strides.is_null() && !reverse {
                short(op, dtype, x, n, out, exclusive)
            } else {
                let size = dtype.size() as isize;
                let step = |strides: *const i64| strides.as_ref().map_or(size, |&s| s as isize);
                let steps = [step(x_strides), step(out_strides)];
                let line = Short {
                    x,
                    out,
                    n,
                    steps,
                    exclusive,
                };
                short_strided(op, dtype, line, reverse)
            }
        };
        if done {
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
/// @param axis        `-ndim` to `ndim - 1` (0 or -1 if `ndim` is 0), or `CUM_AXIS_NONE`
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
            let idle = [
                (raw.dtype != 0, "options.dtype has no part in cum_reduce"),
                (
                    !raw.carry_out.is_null(),
                    "options.carry_out has no part in cum_reduce",
                ),
                (
                    !raw.r#where.is_null(),
                    "options.where has no part in cum_reduce",
                ),
            ];
            if let Some((_, sentence)) = idle.into_iter().find(|&(given, _)| given) {
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
/// buffers that overlap without being the same; `CUM_ERR_NULL_POINTER`; `CUM_ERR_STRIDES` where `n`
/// carries do not fit into the address space. Since 0.1.0.
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
        let (kernel, carries) = kernels::kernel(Isa::current(), op, dtype, mode, Overflow::Wrap)
            .zip(kernels::carries(op, dtype, mode))
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
            let size = carries.size;
            *range = n
                .checked_mul(size)
                .and_then(|bytes| Range::new(start as usize, bytes))
                .ok_or(Error::CarrySpan { what, n, size })?;
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
        // SAFETY: each buffer holds n carries, and two are the same or do not meet.
        unsafe { carries.merge(kernel, first.cast(), second.cast(), out.cast(), n) }
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
    kernels::carries(Op::Sum, dtype, mode).map_or(0, |carries| carries.size)
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
/// 2 dimensions"; "" after a success. In a buffer of the thread's own, valid until its next call of a function
/// that returns a cum_status. Since 0.1.0.
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
