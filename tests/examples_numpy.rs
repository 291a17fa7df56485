//! The examples that users of NumPy and of the array API standard know, through the C interface.

use cumulative::ffi::{self, *};

/// A Rust type that lies in memory as an element type of the library.
trait Element: Copy + Default {
    const CODE: cum_dtype;
}

macro_rules! elements {
    ($($rust:ty => $code:ident),*) => { $(impl Element for $rust { const CODE: cum_dtype = $code; })* };
}

elements!(i8 => CUM_I8, i16 => CUM_I16, i32 => CUM_I32, i64 => CUM_I64, u8 => CUM_U8, u32 => CUM_U32, u64 => CUM_U64,
    f32 => CUM_F32, f64 => CUM_F64);

fn options() -> cum_options {
    let mut options = std::mem::MaybeUninit::<cum_options>::uninit();
    // SAFETY: the pointer is good for the size passed, and zeroes are a valid cum_options.
    unsafe {
        cum_options_init(options.as_mut_ptr(), size_of::<cum_options>());
        options.assume_init()
    }
}

/// Scans a C-contiguous array into a new one, `longer` elements longer along the axis.
fn scan_with<X: Element, O: Element>(
    op: cum_op,
    shape: &[i64],
    axis: i32,
    x: &[X],
    options: &cum_options,
) -> Result<Vec<O>, cum_status> {
    let elements: i64 = shape.iter().product();
    assert_eq!(elements, x.len() as i64);
    // SAFETY: shape holds shape.len() extents.
    let lines = unsafe { cum_line_count(shape.len() as i32, shape.as_ptr(), axis) };
    let initial = if options.flags & CUM_INCLUDE_INITIAL != 0 {
        lines
    } else {
        0
    };
    let mut out = vec![O::default(); (elements + initial) as usize];
    // SAFETY: x has the elements of the shape, out those and one a line more if the initial value is asked for.
    let status = unsafe {
        cum_scan(
            op,
            shape.len() as i32,
            shape.as_ptr(),
            axis,
            x.as_ptr().cast(),
            X::CODE,
            std::ptr::null(),
            out.as_mut_ptr().cast(),
            O::CODE,
            std::ptr::null(),
            options,
        )
    };
    if status == CUM_OK {
        Ok(out)
    } else {
        Err(status)
    }
}

fn scan<X: Element, O: Element>(op: cum_op, shape: &[i64], axis: i32, x: &[X]) -> Vec<O> {
    scan_with(op, shape, axis, x, &options()).expect("a lawful call")
}

/// `CUM_AXIS_NONE`, as the contract gives it.
const FLAT: i32 = i32::MIN;

#[test]
fn cumsum_of_two_rows_flattened_and_along_each_axis() {
    let x: [i64; 6] = [1, 2, 3, 4, 5, 6];
    assert_eq!(
        scan::<_, i64>(CUM_SUM, &[2, 3], FLAT, &x),
        [1, 3, 6, 10, 15, 21]
    );
    assert_eq!(scan::<_, i64>(CUM_SUM, &[2, 3], 0, &x), [1, 2, 3, 5, 7, 9]);
    assert_eq!(scan::<_, i64>(CUM_SUM, &[2, 3], 1, &x), [1, 3, 6, 4, 9, 15]);
    assert_eq!(
        scan::<_, i64>(CUM_SUM, &[2, 3], -1, &x),
        [1, 3, 6, 4, 9, 15]
    );
    assert_eq!(scan::<_, i64>(CUM_SUM, &[2, 3], -2, &x), [1, 2, 3, 5, 7, 9]);
}

#[test]
fn cumsum_with_a_floating_computing_type() {
    assert_eq!(
        scan::<i64, f64>(CUM_SUM, &[3], 0, &[1, 2, 3]),
        [1.0, 3.0, 6.0]
    );
    let mut options = options();
    options.dtype = CUM_F32;
    let sums = scan_with::<i32, f64>(CUM_SUM, &[3], 0, &[1, 2, 3], &options);
    assert_eq!(sums, Ok(vec![1.0, 3.0, 6.0]));
}

#[test]
fn cumsum_into_the_callers_own_strided_output() {
    let x: [i32; 6] = [1, 2, 3, 4, 5, 6];
    // Every second element of a larger array, rows further apart than they need.
    let mut out = [-1i64; 16];
    let strides: [i64; 2] = [64, 16];
    // SAFETY: 2 rows 64 bytes apart of 3 elements 16 bytes apart lie within 128 bytes.
    let status = unsafe {
        cum_scan(
            CUM_SUM,
            2,
            [2i64, 3].as_ptr(),
            0,
            x.as_ptr().cast(),
            CUM_I32,
            std::ptr::null(),
            out.as_mut_ptr().cast(),
            CUM_I64,
            strides.as_ptr(),
            std::ptr::null(),
        )
    };
    assert_eq!(status, CUM_OK);
    assert_eq!(
        out,
        [1, -1, 2, -1, 3, -1, -1, -1, 5, -1, 7, -1, 9, -1, -1, -1]
    );
}

#[test]
fn the_scalar_ten_gives_one_element() {
    for axis in [0, -1, FLAT] {
        assert_eq!(scan::<i64, i64>(CUM_SUM, &[], axis, &[10]), [10]);
    }
}

#[test]
fn cumsum_of_even_and_odd_rows() {
    let x: [i64; 6] = [2, 4, 6, 1, 3, 5];
    assert_eq!(
        scan::<_, i64>(CUM_SUM, &[2, 3], FLAT, &x),
        [2, 6, 12, 13, 16, 21]
    );
    assert_eq!(scan::<_, i64>(CUM_SUM, &[2, 3], 1, &x), [2, 6, 12, 1, 4, 9]);
}

#[test]
fn cumprod_of_a_list_and_along_each_axis() {
    assert_eq!(
        scan::<i64, i64>(CUM_PROD, &[4], 0, &[1, 2, 3, 4]),
        [1, 2, 6, 24]
    );
    let x: [i64; 6] = [1, 2, 3, 4, 5, 6];
    assert_eq!(
        scan::<_, i64>(CUM_PROD, &[2, 3], 1, &x),
        [1, 2, 6, 4, 20, 120]
    );
    assert_eq!(
        scan::<_, i64>(CUM_PROD, &[2, 3], 0, &x),
        [1, 2, 3, 4, 10, 18]
    );
}

#[test]
fn a_square_along_axis_0_in_int64_and_along_axis_1_in_double() {
    let x: [i32; 4] = [1, 2, 3, 4];
    assert_eq!(scan::<_, i64>(CUM_SUM, &[2, 2], 0, &x), [1, 2, 4, 6]);
    assert_eq!(
        scan::<_, f64>(CUM_SUM, &[2, 2], 1, &x),
        [1.0, 3.0, 3.0, 7.0]
    );
    assert_eq!(scan::<_, i64>(CUM_PROD, &[2, 2], 0, &x), [1, 2, 3, 8]);
    assert_eq!(
        scan::<_, f64>(CUM_PROD, &[2, 2], 1, &x),
        [1.0, 2.0, 3.0, 12.0]
    );
}

#[test]
fn include_initial_puts_the_identity_in_front() {
    let mut options = options();
    options.flags = CUM_INCLUDE_INITIAL;
    let x: [i64; 6] = [1, 2, 3, 4, 5, 6];
    let sum = |shape: &[i64], axis| {
        scan_with::<i64, i64>(CUM_SUM, shape, axis, &x, &options).expect("lawful")
    };
    assert_eq!(sum(&[6], 0), [0, 1, 3, 6, 10, 15, 21]);
    assert_eq!(sum(&[2, 3], 1), [0, 1, 3, 6, 0, 4, 9, 15]);
    assert_eq!(sum(&[2, 3], 0), [0, 0, 0, 1, 2, 3, 5, 7, 9]);
    let product = scan_with::<i64, i64>(CUM_PROD, &[2, 3], 1, &x, &options).expect("lawful");
    assert_eq!(product, [1, 1, 2, 6, 1, 4, 20, 120]);
    assert_eq!(
        scan_with::<f64, f64>(CUM_SUM, &[0], 0, &[], &options),
        Ok(vec![0.0])
    );
    assert_eq!(
        scan_with::<f64, f64>(CUM_PROD, &[0], 0, &[], &options),
        Ok(vec![1.0])
    );
}

#[test]
fn small_integers_are_promoted_by_result_dtype() {
    assert_eq!(cum_result_dtype(CUM_SUM, CUM_I16), CUM_I64);
    assert_eq!(cum_result_dtype(CUM_PROD, CUM_U32), CUM_U64);
    let large = scan::<i16, i64>(CUM_SUM, &[3], 0, &[32767, 32767, 1]);
    assert_eq!(large, [32767, 65534, 65535]);
    let squares = scan::<u32, u64>(CUM_PROD, &[2], 0, &[u32::MAX, u32::MAX]);
    assert_eq!(squares, [4294967295, 18446744065119617025]);
}

#[test]
fn an_int32_sum_wraps_is_reported_or_saturates() {
    let x = [i32::MAX, 1, -5];
    let mut options = options();
    let sum = |options: &cum_options| scan_with::<i32, i32>(CUM_SUM, &[3], 0, &x, options);
    assert_eq!(sum(&options), Ok(vec![i32::MAX, i32::MIN, i32::MAX - 4]));
    options.overflow = CUM_SATURATE;
    assert_eq!(sum(&options), Ok(vec![i32::MAX, i32::MAX, i32::MAX - 5]));
    let mut place = [-7i64; 2];
    options.overflow = CUM_CHECK;
    options.r#where = place.as_mut_ptr();
    assert_eq!(sum(&options), Err(CUM_ERR_OVERFLOW));
    assert_eq!(place, [0, 1]);
}

#[test]
fn the_typed_functions_give_the_same() {
    let mut sums = [0.0; 3];
    let mut products = [0; 4];
    let (x, y) = ([1.0, 2.0, 3.0], [1, 2, 3, 4]);
    // SAFETY: each output is as long as its input.
    unsafe {
        assert_eq!(ffi::cum_sum_f64(x.as_ptr(), 3, sums.as_mut_ptr()), CUM_OK);
        assert_eq!(
            ffi::cum_prod_i32(y.as_ptr(), 4, products.as_mut_ptr()),
            CUM_OK
        );
    }
    assert_eq!(sums, [1.0, 3.0, 6.0]);
    assert_eq!(products, [1, 2, 6, 24]);
}

#[test]
fn maximum_accumulate_keeps_the_largest_and_the_first_nan() {
    assert_eq!(
        scan::<i64, i64>(CUM_MAX, &[5], 0, &[1, 3, 2, 5, 4]),
        [1, 3, 3, 5, 5]
    );
    assert_eq!(
        scan::<i64, i64>(CUM_MIN, &[5], 0, &[4, 5, 2, 3, 1]),
        [4, 4, 2, 2, 1]
    );
    let maxima = scan::<f64, f64>(CUM_MAX, &[4], 0, &[1.0, f64::NAN, 7.0, 2.0]);
    assert_eq!(maxima[0], 1.0);
    assert!(maxima[1..].iter().all(|x| x.is_nan()));
}

#[test]
fn nancumsum_and_nancumprod_skip_over_nan() {
    let mut options = options();
    options.nan = CUM_NAN_IDENTITY;
    let x = [1.0, f64::NAN, 3.0, 4.0];
    assert_eq!(
        scan_with::<f64, f64>(CUM_SUM, &[4], 0, &x, &options),
        Ok(vec![1.0, 1.0, 4.0, 8.0])
    );
    assert_eq!(
        scan_with::<f64, f64>(CUM_PROD, &[4], 0, &x, &options),
        Ok(vec![1.0, 1.0, 3.0, 12.0])
    );
}
