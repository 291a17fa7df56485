//! A long line gives the same bits for any number of threads, in place, exclusive, with carries and
//! under a progress function.

use cumulative::ffi::*;
use std::ffi::c_void;
use std::ptr::null;

/// Long, and not a multiple of anything.
const N: usize = 2_500_013;

/// Numbers that look random.
fn noise(i: usize) -> u64 {
    let mut z = (i as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z ^ (z >> 27)
}

/// Scans `x`, in place if `in_place`, and returns results and carry.
fn scan<T: Copy + Default>(
    (op, dtype, mode): (cum_op, cum_dtype, i32),
    x: &[T],
    threads: i32,
    flags: u32,
    carry: Option<T>,
    in_place: bool,
) -> (Vec<T>, T) {
    let mut total = T::default();
    let options = cum_options {
        flags,
        mode,
        max_threads: threads,
        carry_in: carry
            .as_ref()
            .map_or(null(), |carry| (carry as *const T).cast()),
        carry_in_len: 1,
        carry_out: (&mut total as *mut T).cast(),
        carry_out_len: 1,
        ..defaults()
    };
    let mut out = if in_place {
        x.to_vec()
    } else {
        vec![T::default(); x.len()]
    };
    let from: *const c_void = if in_place {
        out.as_ptr().cast()
    } else {
        x.as_ptr().cast()
    };
    let (shape, to) = ([x.len() as i64], out.as_mut_ptr().cast());
    // SAFETY: x and out hold as many elements as the shape says, and the options are whole.
    let status = unsafe {
        cum_scan(
            op,
            1,
            shape.as_ptr(),
            0,
            from,
            dtype,
            null(),
            to,
            dtype,
            null(),
            &options,
        )
    };
    assert_eq!(status, CUM_OK);
    (out, total)
}

fn defaults() -> cum_options {
    let mut options = std::mem::MaybeUninit::uninit();
    // SAFETY: all fields are valid when zero, which is what the function makes them.
    unsafe {
        cum_options_init(options.as_mut_ptr(), size_of::<cum_options>());
        options.assume_init()
    }
}

/// All ways of one operation, on 1 to 4 threads.
fn check<T: Copy + Default>(
    what: (cum_op, cum_dtype, i32),
    carry: T,
    bits: impl Fn(T) -> u64,
    x: &[T],
) {
    for flags in [0, CUM_EXCLUSIVE] {
        for start in [None, Some(carry)] {
            let (expected, total) = scan(what, x, 1, flags, start, false);
            for (threads, in_place) in [(2, false), (2, true), (3, false), (4, true)] {
                let (found, found_total) = scan(what, x, threads, flags, start, in_place);
                let same = expected
                    .iter()
                    .zip(&found)
                    .position(|(&a, &b)| bits(a) != bits(b));
                assert_eq!(same, None, "{what:?} flags {flags} threads {threads}");
                assert_eq!(bits(total), bits(found_total), "{what:?} flags {flags}");
            }
        }
    }
}

#[test]
fn integers_do_not_depend_on_the_threads() {
    let x: Vec<i32> = (0..N).map(|i| noise(i) as i32).collect();
    check((CUM_SUM, CUM_I32, CUM_SEQUENTIAL), 7, |v| v as u64, &x);
    let x: Vec<u64> = (0..N).map(|i| noise(i) | 1).collect();
    check((CUM_PROD, CUM_U64, CUM_SEQUENTIAL), 3, |v| v, &x);
    check((CUM_MIN, CUM_U64, CUM_REASSOCIATE), u64::MAX, |v| v, &x);
}

#[test]
fn maxima_with_a_nan_do_not_depend_on_the_threads() {
    let bits = |v: f64| if v.is_nan() { u64::MAX } else { v.to_bits() };
    let mut x: Vec<f64> = (0..N)
        .map(|i| (noise(i) >> 40) as f64 * 1e-3 + i as f64)
        .collect();
    check((CUM_MAX, CUM_F64, CUM_SEQUENTIAL), -1.0, bits, &x);
    x[N / 2] = f64::NAN;
    check((CUM_MAX, CUM_F64, CUM_SEQUENTIAL), -1.0, bits, &x);
}

#[test]
fn reassociated_sums_do_not_depend_on_the_threads() {
    let x: Vec<f64> = (0..N)
        .map(|i| (noise(i) >> 11) as f64 * 1e-16 - 0.3)
        .collect();
    check((CUM_SUM, CUM_F64, CUM_REASSOCIATE), 1e3, f64::to_bits, &x);
    let x: Vec<f32> = x.iter().map(|&v| v as f32).collect();
    check(
        (CUM_SUM, CUM_F32, CUM_REASSOCIATE),
        1e3,
        |v| v.to_bits() as u64,
        &x,
    );
}

#[test]
fn a_long_line_can_be_cancelled() {
    extern "C" fn stop(_done: u64, _total: u64, _user: *mut c_void) -> i32 {
        1
    }
    let x = vec![1i64; 40_000_000];
    let mut out = vec![0i64; x.len()];
    let options = cum_options {
        max_threads: 2,
        progress: Some(stop),
        ..defaults()
    };
    let shape = [x.len() as i64];
    // SAFETY: as above.
    let status = unsafe {
        let (from, to) = (x.as_ptr().cast(), out.as_mut_ptr().cast());
        cum_scan(
            CUM_SUM,
            1,
            shape.as_ptr(),
            0,
            from,
            CUM_I64,
            null(),
            to,
            CUM_I64,
            null(),
            &options,
        )
    };
    // Done before the first report was due, or cancelled by it; in the former case it is right.
    assert!(status == CUM_ERR_CANCELLED || (status == CUM_OK && out[out.len() - 1] == 40_000_000));
}
