//! The loops one would write for compensated mode: an element after the other, the carry and its error in
//! registers.

use crate::cases::{Case, Op, Type};
use crate::data::Buffer;
use cumulative::F16;
#[cfg(target_arch = "x86_64")]
use cumulative::ffi::cum_isa;
#[cfg(target_arch = "x86_64")]
use std::ffi::CStr;

/// Scans a case.
pub fn scan(case: &Case, x: &Buffer, out: &Buffer) {
    // SAFETY: two buffers, and whoever else uses them waits for this call to return.
    unsafe {
        match (case.op, case.out) {
            (Op::Sum, Type::F64) => sums(case, x.slice(), out.slice_mut()),
            (Op::Sum, Type::C128) => complex_sum(x.slice(), out.slice_mut()),
            (Op::Sum, Type::F32) => floats(x.slice(), out.slice_mut()),
            (Op::Sum, Type::F16) => half(x.slice(), out.slice_mut()),
            (Op::Prod, Type::F64) => with_fma(x.slice(), out.slice_mut(), product, product_fma),
            (Op::Prod, Type::C128) => with_fma(x.slice(), out.slice_mut(), complex, complex_fma),
            types => panic!("{}: there is no plain loop for {types:?}", case.name),
        }
    }
}

/// Each line, or the columns of each panel.
fn sums(case: &Case, x: &[f64], out: &mut [f64]) {
    let (n, inner) = (case.shape[case.axis], case.inner());
    let panels = x
        .chunks_exact(n * inner)
        .zip(out.chunks_exact_mut(n * inner));
    if inner == 1 {
        panels.for_each(|(x, out)| sum(x.iter(), out.iter_mut()));
    } else if case.by_line {
        panels.for_each(|(x, out)| {
            for column in 0..inner {
                let (x, out) = (x[column..].iter(), out[column..].iter_mut());
                sum(x.step_by(inner), out.step_by(inner));
            }
        });
    } else {
        let mut carries = [vec![0.0; inner], vec![0.0; inner]];
        panels.for_each(|(x, out)| columns(x, out, &mut carries));
    }
}

/// The sum with the rounding errors of all additions in a second variable (Knuth's TwoSum).
#[inline(always)]
fn sum<'a>(x: impl Iterator<Item = &'a f64>, out: impl Iterator<Item = &'a mut f64>) {
    let (mut sum, mut error) = (-0.0, 0.0);
    for (&x, out) in x.zip(out) {
        let (next, lost) = two_sum(sum, x);
        error += lost;
        sum = next;
        *out = sum + error;
    }
}

#[inline(always)]
fn two_sum(a: f64, b: f64) -> (f64, f64) {
    let sum = a + b;
    let added = sum - a;
    (sum, (a - (sum - added)) + (b - added))
}

/// The same of complex numbers.
fn complex_sum(x: &[[f64; 2]], out: &mut [[f64; 2]]) {
    let (mut sum, mut error) = ([-0.0; 2], [0.0; 2]);
    for (x, out) in x.iter().zip(out) {
        for part in 0..2 {
            let (next, lost) = two_sum(sum[part], x[part]);
            error[part] += lost;
            sum[part] = next;
            out[part] = next + error[part];
        }
    }
}

/// The same down the columns of rows, of which each has its sum and its error.
fn columns(x: &[f64], out: &mut [f64], [sums, errors]: &mut [Vec<f64>; 2]) {
    let len = sums.len();
    sums.fill(-0.0);
    errors.fill(0.0);
    for (x, out) in x.chunks_exact(len).zip(out.chunks_exact_mut(len)) {
        let carries = sums.iter_mut().zip(&mut *errors);
        for ((&x, out), (sum, error)) in x.iter().zip(out).zip(carries) {
            let (next, lost) = two_sum(*sum, x);
            *error += lost;
            *sum = next;
            *out = next + *error;
        }
    }
}

/// Sums in double precision, rounded to single precision one by one.
fn floats(x: &[f32], out: &mut [f32]) {
    let mut sum = -0.0;
    for (&x, out) in x.iter().zip(out) {
        sum += f64::from(x);
        *out = sum as f32;
    }
}

/// Sums in double precision, rounded to half precision one by one.
fn half(x: &[u16], out: &mut [u16]) {
    let mut sum = -0.0;
    for (&x, out) in x.iter().zip(out) {
        sum += f64::from(F16(x).to_f32());
        *out = F16::from_f32(sum as f32).0;
    }
}

/// Whether the library may use fused multiply-adds here, and the loop as well: `CUM_ISA` can forbid it.
fn fuses() -> bool {
    #[cfg(target_arch = "x86_64")]
    {
        // SAFETY: a static string.
        let isa = unsafe { CStr::from_ptr(cum_isa()) };
        isa.to_bytes().starts_with(b"avx") && std::arch::is_x86_feature_detected!("fma")
    }
    #[cfg(not(target_arch = "x86_64"))]
    {
        cfg!(target_arch = "aarch64")
    }
}

/// Calls the second function, which is compiled for FMA, where that is used, else the first.
fn with_fma<T>(
    x: &[T],
    out: &mut [T],
    portable: fn(&[T], &mut [T]),
    fused: unsafe fn(&[T], &mut [T]),
) {
    if fuses() {
        // SAFETY: the processor has it.
        return unsafe { fused(x, out) };
    }
    portable(x, out);
}

/// What a product lacks, by a fused multiply-add.
#[inline(always)]
fn lost_fused(a: f64, b: f64, product: f64) -> f64 {
    a.mul_add(b, -product)
}

/// The same by halves of the factors (Dekker's TwoProduct).
#[inline(always)]
fn lost_split(a: f64, b: f64, product: f64) -> f64 {
    let split = |x: f64| {
        let scaled = x * 134_217_729.0;
        let high = scaled - (scaled - x);
        (high, x - high)
    };
    let ((a1, a2), (b1, b2)) = (split(a), split(b));
    ((a1 * b1 - product) + a1 * b2 + a2 * b1) + a2 * b2
}

macro_rules! fused {
    ($name:ident, $fused:ident, $by:ident, $t:ty) => {
        fn $name(x: &[$t], out: &mut [$t]) {
            $by(x, out, lost_split);
        }

        #[cfg_attr(target_arch = "x86_64", target_feature(enable = "fma"))]
        fn $fused(x: &[$t], out: &mut [$t]) {
            $by(x, out, lost_fused);
        }
    };
}
fused!(product, product_fma, product_loop, f64);
fused!(complex, complex_fma, complex_loop, [f64; 2]);

/// The product with the rounding errors of all products in a second variable.
#[inline(always)]
fn product_loop(x: &[f64], out: &mut [f64], lost: impl Fn(f64, f64, f64) -> f64) {
    let (mut product, mut error) = (1.0, 0.0);
    for (&x, out) in x.iter().zip(out) {
        let next: f64 = product * x;
        error = error * x + lost(product, x, next);
        product = next;
        *out = product + error;
    }
}

/// The same of complex numbers.
#[inline(always)]
fn complex_loop(x: &[[f64; 2]], out: &mut [[f64; 2]], lost: impl Fn(f64, f64, f64) -> f64) {
    let (mut z, mut error) = ([1.0, 0.0], [0.0, 0.0]);
    for (&[a, b], out) in x.iter().zip(out) {
        let dot = |u: [f64; 2], v: [f64; 2]| u[0] * v[0] + u[1] * v[1];
        let part = |u: [f64; 2]| {
            let products = [z[0] * u[0], z[1] * u[1]];
            let lost = lost(z[0], u[0], products[0]) + lost(z[1], u[1], products[1]);
            let (sum, rounded) = two_sum(products[0], products[1]);
            (sum, dot(error, u) + (rounded + lost))
        };
        let ((re, re_error), (im, im_error)) = (part([a, -b]), part([b, a]));
        (z, error) = ([re, im], [re_error, im_error]);
        *out = [re + re_error, im + im_error];
    }
}
