//! What the small functions return: sizes, names, default types, line counts, and the setting of the process.

mod oracle;
mod support;

use cumulative::ffi;
use oracle::combine::Op;
use oracle::dtype::Dtype;
use std::ffi::CStr;
use support::{AXIS_NONE, status_name};

#[test]
fn sizes_names_and_default_types_are_those_of_the_contract() {
    for dtype in Dtype::ALL {
        assert_eq!(ffi::cum_dtype_size(dtype.code()), dtype.size());
        for (mode, factor) in [
            (ffi::CUM_SEQUENTIAL, 1),
            (ffi::CUM_REASSOCIATE, 1),
            (ffi::CUM_COMPENSATED, 2),
        ] {
            let wide = mode == ffi::CUM_COMPENSATED && dtype.size() == 2 && dtype.is_float();
            let size = if wide { 8 } else { dtype.size() * factor };
            assert_eq!(
                ffi::cum_carry_size(dtype.code(), mode),
                size,
                "{dtype:?} {mode}"
            );
        }
        assert_eq!(ffi::cum_carry_size(dtype.code(), 3), 0);
        assert_eq!(ffi::cum_carry_size(dtype.code(), -1), 0);
        for op in Op::ALL {
            let widened = match dtype {
                Dtype::Bool | Dtype::I8 | Dtype::I16 | Dtype::I32 => Dtype::I64,
                Dtype::U8 | Dtype::U16 | Dtype::U32 => Dtype::U64,
                _ => dtype,
            };
            let due = match op {
                Op::Sum | Op::Prod => widened.code(),
                _ if op.computes_in(dtype) => dtype.code(),
                _ => 0,
            };
            assert_eq!(
                ffi::cum_result_dtype(op.code(), dtype.code()),
                due,
                "{op:?} {dtype:?}"
            );
        }
        assert_eq!(ffi::cum_result_dtype(0, dtype.code()), 0);
        assert_eq!(ffi::cum_result_dtype(6, dtype.code()), 0);
    }
    for code in [0, 1, -1, 0x0880, i32::MAX] {
        assert_eq!(ffi::cum_dtype_size(code), 0);
        assert_eq!(ffi::cum_carry_size(code, 0), 0);
        assert_eq!(ffi::cum_result_dtype(ffi::CUM_SUM, code), 0);
    }
    let names = [
        "CUM_OK",
        "CUM_ERR_NULL_POINTER",
        "CUM_ERR_OP",
        "CUM_ERR_DTYPE",
        "CUM_ERR_NDIM",
        "CUM_ERR_SHAPE",
        "CUM_ERR_STRIDES",
        "CUM_ERR_AXIS",
        "CUM_ERR_CAST",
        "CUM_ERR_OPTIONS",
        "CUM_ERR_OVERFLOW",
        "CUM_ERR_MEMORY",
        "CUM_ERR_CANCELLED",
        "CUM_ERR_INTERNAL",
    ];
    for (status, name) in names.into_iter().enumerate() {
        assert_eq!(status_name(status as i32), name);
    }
    for unknown in [14, -1, i32::MAX, i32::MIN] {
        assert_eq!(status_name(unknown), "CUM_ERR_UNKNOWN");
    }
    let text = |text| {
        // SAFETY: both functions return static strings.
        unsafe { CStr::from_ptr(text) }.to_str().expect("ASCII")
    };
    assert_eq!(text(ffi::cum_version()), "0.1.0");
    let version = [
        ffi::CUM_VERSION_MAJOR,
        ffi::CUM_VERSION_MINOR,
        ffi::CUM_VERSION_PATCH,
    ];
    assert_eq!(version, [0, 1, 0]);
    let isa = text(ffi::cum_isa());
    assert!(["avx512", "avx2", "sse2", "neon", "scalar"].contains(&isa));
    // Whoever has chosen the processor knows what should be found.
    if let Ok(expected) = std::env::var("CUM_TEST_ISA") {
        assert_eq!(isa, expected);
    }
}

#[test]
fn lines_are_counted_or_refused() {
    let count = |shape: &[i64], axis| {
        // SAFETY: the shape has as many extents as announced.
        unsafe { ffi::cum_line_count(shape.len() as i32, shape.as_ptr(), axis) }
    };
    assert_eq!(count(&[4, 5, 6], 0), 30);
    assert_eq!(count(&[4, 5, 6], -2), 24);
    assert_eq!(count(&[4, 5, 6], AXIS_NONE), 1);
    assert_eq!(count(&[4, 0, 6], 1), 24);
    assert_eq!(count(&[4, 0, 6], 0), 0);
    assert_eq!(count(&[4, 0, 6], AXIS_NONE), 1);
    assert_eq!(count(&[7], 0), 1);
    assert_eq!(count(&[], 0), 1);
    assert_eq!(count(&[], -1), 1);
    assert_eq!(count(&[], AXIS_NONE), 1);
    assert_eq!(count(&[4, 5], 2), -1);
    assert_eq!(count(&[4, 5], -3), -1);
    assert_eq!(count(&[], 1), -1);
    assert_eq!(count(&[4, -5], 0), -1);
    assert_eq!(count(&[1 << 40, 1 << 40], 0), -1);
    assert_eq!(count(&[1; 65], 0), -1);
    assert_eq!(count(&[1; 64], 63), 1);
    // SAFETY: the function has to notice both.
    unsafe {
        assert_eq!(ffi::cum_line_count(-1, [1i64].as_ptr(), 0), -1);
        assert_eq!(ffi::cum_line_count(1, std::ptr::null(), 0), -1);
        assert_eq!(ffi::cum_line_count(0, std::ptr::null(), 0), 1);
    }
}

#[test]
fn the_process_default_of_threads_is_set_and_handed_back() {
    assert_eq!(ffi::cum_set_max_threads(3), 0);
    assert_eq!(ffi::cum_set_max_threads(-1), 3);
    assert_eq!(ffi::cum_set_max_threads(i32::MIN), 3);
    assert_eq!(ffi::cum_set_max_threads(1), 3);
    assert_eq!(ffi::cum_set_max_threads(0), 1);
    assert_eq!(ffi::cum_set_max_threads(0), 0);
}
