//! The typed functions of the C interface: one-dimensional, contiguous, one type.
//!
//! They are written out one by one because the header is made from this text. What holds for all of
//! them stands in the header before the first.

use super::{cum_c64, cum_c128, cum_status};
use crate::dtype::DType;
use crate::op::Op;
use crate::plan::{FLATTEN, Operand, Options, Request};
use crate::status::Error;
use crate::threads;

/// Scans `n` elements from `x` to `out`.
///
/// # Safety
/// As the typed functions.
#[inline(never)]
unsafe fn contiguous(op: Op, dtype: DType, x: *const u8, n: usize, out: *mut u8) -> cum_status {
    // SAFETY: the caller's.
    if unsafe { super::short(op, dtype, x, n, out, false) } {
        return super::succeed(None);
    }
    // SAFETY: the caller's.
    unsafe { any(op, dtype, x, n, out) }
}

/// The same for any number of elements. A function of its own, for what it needs takes a while to set up.
///
/// # Safety
/// As the typed functions.
#[inline(never)]
unsafe fn any(op: Op, dtype: DType, x: *const u8, n: usize, out: *mut u8) -> cum_status {
    super::guarded(None, || {
        let extent = i64::try_from(n).map_err(|_| Error::ShapeTooLarge {
            what: "x",
            dim: 0,
            extent: n,
        })?;
        let request = Request {
            op,
            dtype,
            shape: &[extent],
            axis: FLATTEN,
            x: Operand {
                pointer: x,
                dtype,
                strides: None,
            },
            out: Some(Operand {
                pointer: out,
                dtype,
                strides: None,
            }),
            options: Options::default(),
        };
        // SAFETY: the caller's.
        unsafe { threads::execute(&request, None) }
    })
}

/// Cumulative sums of `int8_t`: `out[i]` is that of `x[0]` to `x[i]`.
///
/// This and the functions that follow take one-dimensional contiguous arrays of `n` elements, in
/// and out of the same type. `out` may be `x`, and may overlap it in any way; neither needs
/// alignment. Integers wrap; floats are added one after the other, as `CUM_SEQUENTIAL` says.
///
/// Returns `CUM_OK`; `CUM_ERR_NULL_POINTER` if `n` is not 0 and a pointer is NULL;
/// `CUM_ERR_SHAPE` or `CUM_ERR_STRIDES` if the elements cannot be addressed; `CUM_ERR_MEMORY` if
/// arrays overlap without being the same and there is no memory for a copy. May be called from
/// any number of threads at once. Since 0.1.0.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cum_sum_i8(x: *const i8, n: usize, out: *mut i8) -> cum_status {
    // SAFETY: the caller's.
    unsafe { contiguous(Op::Sum, DType::I8, x.cast(), n, out.cast()) }
}

/// Cumulative sums of `int16_t`: `out[i]` is that of `x[0]` to `x[i]`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cum_sum_i16(x: *const i16, n: usize, out: *mut i16) -> cum_status {
    // SAFETY: the caller's.
    unsafe { contiguous(Op::Sum, DType::I16, x.cast(), n, out.cast()) }
}

/// Cumulative sums of `int32_t`: `out[i]` is that of `x[0]` to `x[i]`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cum_sum_i32(x: *const i32, n: usize, out: *mut i32) -> cum_status {
    // SAFETY: the caller's.
    unsafe { contiguous(Op::Sum, DType::I32, x.cast(), n, out.cast()) }
}

/// Cumulative sums of `int64_t`: `out[i]` is that of `x[0]` to `x[i]`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cum_sum_i64(x: *const i64, n: usize, out: *mut i64) -> cum_status {
    // SAFETY: the caller's.
    unsafe { contiguous(Op::Sum, DType::I64, x.cast(), n, out.cast()) }
}

/// Cumulative sums of `uint8_t`: `out[i]` is that of `x[0]` to `x[i]`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cum_sum_u8(x: *const u8, n: usize, out: *mut u8) -> cum_status {
    // SAFETY: the caller's.
    unsafe { contiguous(Op::Sum, DType::U8, x.cast(), n, out.cast()) }
}

/// Cumulative sums of `uint16_t`: `out[i]` is that of `x[0]` to `x[i]`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cum_sum_u16(x: *const u16, n: usize, out: *mut u16) -> cum_status {
    // SAFETY: the caller's.
    unsafe { contiguous(Op::Sum, DType::U16, x.cast(), n, out.cast()) }
}

/// Cumulative sums of `uint32_t`: `out[i]` is that of `x[0]` to `x[i]`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cum_sum_u32(x: *const u32, n: usize, out: *mut u32) -> cum_status {
    // SAFETY: the caller's.
    unsafe { contiguous(Op::Sum, DType::U32, x.cast(), n, out.cast()) }
}

/// Cumulative sums of `uint64_t`: `out[i]` is that of `x[0]` to `x[i]`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cum_sum_u64(x: *const u64, n: usize, out: *mut u64) -> cum_status {
    // SAFETY: the caller's.
    unsafe { contiguous(Op::Sum, DType::U64, x.cast(), n, out.cast()) }
}

/// Cumulative sums of `float`: `out[i]` is that of `x[0]` to `x[i]`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cum_sum_f32(x: *const f32, n: usize, out: *mut f32) -> cum_status {
    // SAFETY: the caller's.
    unsafe { contiguous(Op::Sum, DType::F32, x.cast(), n, out.cast()) }
}

/// Cumulative sums of `double`: `out[i]` is that of `x[0]` to `x[i]`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cum_sum_f64(x: *const f64, n: usize, out: *mut f64) -> cum_status {
    // SAFETY: the caller's.
    unsafe { contiguous(Op::Sum, DType::F64, x.cast(), n, out.cast()) }
}

/// Cumulative sums of `complex float`: `out[i]` is that of `x[0]` to `x[i]`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cum_sum_c64(x: *const cum_c64, n: usize, out: *mut cum_c64) -> cum_status {
    // SAFETY: the caller's.
    unsafe { contiguous(Op::Sum, DType::C64, x.cast(), n, out.cast()) }
}

/// Cumulative sums of `complex double`: `out[i]` is that of `x[0]` to `x[i]`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cum_sum_c128(
    x: *const cum_c128,
    n: usize,
    out: *mut cum_c128,
) -> cum_status {
    // SAFETY: the caller's.
    unsafe { contiguous(Op::Sum, DType::C128, x.cast(), n, out.cast()) }
}

/// Cumulative products of `int8_t`: `out[i]` is that of `x[0]` to `x[i]`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cum_prod_i8(x: *const i8, n: usize, out: *mut i8) -> cum_status {
    // SAFETY: the caller's.
    unsafe { contiguous(Op::Prod, DType::I8, x.cast(), n, out.cast()) }
}

/// Cumulative products of `int16_t`: `out[i]` is that of `x[0]` to `x[i]`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cum_prod_i16(x: *const i16, n: usize, out: *mut i16) -> cum_status {
    // SAFETY: the caller's.
    unsafe { contiguous(Op::Prod, DType::I16, x.cast(), n, out.cast()) }
}

/// Cumulative products of `int32_t`: `out[i]` is that of `x[0]` to `x[i]`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cum_prod_i32(x: *const i32, n: usize, out: *mut i32) -> cum_status {
    // SAFETY: the caller's.
    unsafe { contiguous(Op::Prod, DType::I32, x.cast(), n, out.cast()) }
}

/// Cumulative products of `int64_t`: `out[i]` is that of `x[0]` to `x[i]`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cum_prod_i64(x: *const i64, n: usize, out: *mut i64) -> cum_status {
    // SAFETY: the caller's.
    unsafe { contiguous(Op::Prod, DType::I64, x.cast(), n, out.cast()) }
}

/// Cumulative products of `uint8_t`: `out[i]` is that of `x[0]` to `x[i]`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cum_prod_u8(x: *const u8, n: usize, out: *mut u8) -> cum_status {
    // SAFETY: the caller's.
    unsafe { contiguous(Op::Prod, DType::U8, x.cast(), n, out.cast()) }
}

/// Cumulative products of `uint16_t`: `out[i]` is that of `x[0]` to `x[i]`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cum_prod_u16(x: *const u16, n: usize, out: *mut u16) -> cum_status {
    // SAFETY: the caller's.
    unsafe { contiguous(Op::Prod, DType::U16, x.cast(), n, out.cast()) }
}

/// Cumulative products of `uint32_t`: `out[i]` is that of `x[0]` to `x[i]`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cum_prod_u32(x: *const u32, n: usize, out: *mut u32) -> cum_status {
    // SAFETY: the caller's.
    unsafe { contiguous(Op::Prod, DType::U32, x.cast(), n, out.cast()) }
}

/// Cumulative products of `uint64_t`: `out[i]` is that of `x[0]` to `x[i]`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cum_prod_u64(x: *const u64, n: usize, out: *mut u64) -> cum_status {
    // SAFETY: the caller's.
    unsafe { contiguous(Op::Prod, DType::U64, x.cast(), n, out.cast()) }
}

/// Cumulative products of `float`: `out[i]` is that of `x[0]` to `x[i]`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cum_prod_f32(x: *const f32, n: usize, out: *mut f32) -> cum_status {
    // SAFETY: the caller's.
    unsafe { contiguous(Op::Prod, DType::F32, x.cast(), n, out.cast()) }
}

/// Cumulative products of `double`: `out[i]` is that of `x[0]` to `x[i]`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cum_prod_f64(x: *const f64, n: usize, out: *mut f64) -> cum_status {
    // SAFETY: the caller's.
    unsafe { contiguous(Op::Prod, DType::F64, x.cast(), n, out.cast()) }
}

/// Cumulative products of `complex float`: `out[i]` is that of `x[0]` to `x[i]`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cum_prod_c64(
    x: *const cum_c64,
    n: usize,
    out: *mut cum_c64,
) -> cum_status {
    // SAFETY: the caller's.
    unsafe { contiguous(Op::Prod, DType::C64, x.cast(), n, out.cast()) }
}

/// Cumulative products of `complex double`: `out[i]` is that of `x[0]` to `x[i]`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cum_prod_c128(
    x: *const cum_c128,
    n: usize,
    out: *mut cum_c128,
) -> cum_status {
    // SAFETY: the caller's.
    unsafe { contiguous(Op::Prod, DType::C128, x.cast(), n, out.cast()) }
}

/// Cumulative maxima of `int8_t`: `out[i]` is that of `x[0]` to `x[i]`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cum_max_i8(x: *const i8, n: usize, out: *mut i8) -> cum_status {
    // SAFETY: the caller's.
    unsafe { contiguous(Op::Max, DType::I8, x.cast(), n, out.cast()) }
}

/// Cumulative maxima of `int16_t`: `out[i]` is that of `x[0]` to `x[i]`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cum_max_i16(x: *const i16, n: usize, out: *mut i16) -> cum_status {
    // SAFETY: the caller's.
    unsafe { contiguous(Op::Max, DType::I16, x.cast(), n, out.cast()) }
}

/// Cumulative maxima of `int32_t`: `out[i]` is that of `x[0]` to `x[i]`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cum_max_i32(x: *const i32, n: usize, out: *mut i32) -> cum_status {
    // SAFETY: the caller's.
    unsafe { contiguous(Op::Max, DType::I32, x.cast(), n, out.cast()) }
}

/// Cumulative maxima of `int64_t`: `out[i]` is that of `x[0]` to `x[i]`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cum_max_i64(x: *const i64, n: usize, out: *mut i64) -> cum_status {
    // SAFETY: the caller's.
    unsafe { contiguous(Op::Max, DType::I64, x.cast(), n, out.cast()) }
}

/// Cumulative maxima of `uint8_t`: `out[i]` is that of `x[0]` to `x[i]`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cum_max_u8(x: *const u8, n: usize, out: *mut u8) -> cum_status {
    // SAFETY: the caller's.
    unsafe { contiguous(Op::Max, DType::U8, x.cast(), n, out.cast()) }
}

/// Cumulative maxima of `uint16_t`: `out[i]` is that of `x[0]` to `x[i]`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cum_max_u16(x: *const u16, n: usize, out: *mut u16) -> cum_status {
    // SAFETY: the caller's.
    unsafe { contiguous(Op::Max, DType::U16, x.cast(), n, out.cast()) }
}

/// Cumulative maxima of `uint32_t`: `out[i]` is that of `x[0]` to `x[i]`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cum_max_u32(x: *const u32, n: usize, out: *mut u32) -> cum_status {
    // SAFETY: the caller's.
    unsafe { contiguous(Op::Max, DType::U32, x.cast(), n, out.cast()) }
}

/// Cumulative maxima of `uint64_t`: `out[i]` is that of `x[0]` to `x[i]`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cum_max_u64(x: *const u64, n: usize, out: *mut u64) -> cum_status {
    // SAFETY: the caller's.
    unsafe { contiguous(Op::Max, DType::U64, x.cast(), n, out.cast()) }
}

/// Cumulative maxima of `float`: `out[i]` is that of `x[0]` to `x[i]`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cum_max_f32(x: *const f32, n: usize, out: *mut f32) -> cum_status {
    // SAFETY: the caller's.
    unsafe { contiguous(Op::Max, DType::F32, x.cast(), n, out.cast()) }
}

/// Cumulative maxima of `double`: `out[i]` is that of `x[0]` to `x[i]`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cum_max_f64(x: *const f64, n: usize, out: *mut f64) -> cum_status {
    // SAFETY: the caller's.
    unsafe { contiguous(Op::Max, DType::F64, x.cast(), n, out.cast()) }
}

/// Cumulative minima of `int8_t`: `out[i]` is that of `x[0]` to `x[i]`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cum_min_i8(x: *const i8, n: usize, out: *mut i8) -> cum_status {
    // SAFETY: the caller's.
    unsafe { contiguous(Op::Min, DType::I8, x.cast(), n, out.cast()) }
}

/// Cumulative minima of `int16_t`: `out[i]` is that of `x[0]` to `x[i]`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cum_min_i16(x: *const i16, n: usize, out: *mut i16) -> cum_status {
    // SAFETY: the caller's.
    unsafe { contiguous(Op::Min, DType::I16, x.cast(), n, out.cast()) }
}

/// Cumulative minima of `int32_t`: `out[i]` is that of `x[0]` to `x[i]`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cum_min_i32(x: *const i32, n: usize, out: *mut i32) -> cum_status {
    // SAFETY: the caller's.
    unsafe { contiguous(Op::Min, DType::I32, x.cast(), n, out.cast()) }
}

/// Cumulative minima of `int64_t`: `out[i]` is that of `x[0]` to `x[i]`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cum_min_i64(x: *const i64, n: usize, out: *mut i64) -> cum_status {
    // SAFETY: the caller's.
    unsafe { contiguous(Op::Min, DType::I64, x.cast(), n, out.cast()) }
}

/// Cumulative minima of `uint8_t`: `out[i]` is that of `x[0]` to `x[i]`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cum_min_u8(x: *const u8, n: usize, out: *mut u8) -> cum_status {
    // SAFETY: the caller's.
    unsafe { contiguous(Op::Min, DType::U8, x.cast(), n, out.cast()) }
}

/// Cumulative minima of `uint16_t`: `out[i]` is that of `x[0]` to `x[i]`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cum_min_u16(x: *const u16, n: usize, out: *mut u16) -> cum_status {
    // SAFETY: the caller's.
    unsafe { contiguous(Op::Min, DType::U16, x.cast(), n, out.cast()) }
}

/// Cumulative minima of `uint32_t`: `out[i]` is that of `x[0]` to `x[i]`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cum_min_u32(x: *const u32, n: usize, out: *mut u32) -> cum_status {
    // SAFETY: the caller's.
    unsafe { contiguous(Op::Min, DType::U32, x.cast(), n, out.cast()) }
}

/// Cumulative minima of `uint64_t`: `out[i]` is that of `x[0]` to `x[i]`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cum_min_u64(x: *const u64, n: usize, out: *mut u64) -> cum_status {
    // SAFETY: the caller's.
    unsafe { contiguous(Op::Min, DType::U64, x.cast(), n, out.cast()) }
}

/// Cumulative minima of `float`: `out[i]` is that of `x[0]` to `x[i]`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cum_min_f32(x: *const f32, n: usize, out: *mut f32) -> cum_status {
    // SAFETY: the caller's.
    unsafe { contiguous(Op::Min, DType::F32, x.cast(), n, out.cast()) }
}

/// Cumulative minima of `double`: `out[i]` is that of `x[0]` to `x[i]`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cum_min_f64(x: *const f64, n: usize, out: *mut f64) -> cum_status {
    // SAFETY: the caller's.
    unsafe { contiguous(Op::Min, DType::F64, x.cast(), n, out.cast()) }
}
