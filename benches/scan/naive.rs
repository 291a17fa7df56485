//! The loop one would write: an element after the other, the carry in a register; across rows, a row
//! after the other. Compiled for the same processors as the rest of the program.

use crate::cases::{Case, Layout, Op, Type};
use crate::compensated;
use crate::data::{Buffer, Plain};
use cumulative::ffi::{
    CUM_COMPENSATED, CUM_EXCLUSIVE, CUM_INCLUDE_INITIAL, CUM_NAN_IDENTITY, CUM_REVERSE,
};

/// Scans a case.
#[inline(never)]
pub fn scan(case: &Case, x: &Buffer, out: &Buffer) {
    match (case.op, case.x, case.out) {
        (_, _, _) if case.mode == CUM_COMPENSATED => compensated::scan(case, x, out),
        (Op::Sum, Type::F64, Type::F64) => run::<f64, f64, Sum>(case, x, out),
        (Op::Sum, Type::F32, Type::F32) => run::<f32, f32, Sum>(case, x, out),
        (Op::Sum, Type::C128, Type::C128) => run::<[f64; 2], [f64; 2], Sum>(case, x, out),
        (Op::Sum, Type::I32, Type::I32) => run::<i32, i32, Sum>(case, x, out),
        (Op::Sum, Type::I64, Type::I64) => run::<i64, i64, Sum>(case, x, out),
        (Op::Sum, Type::U8, Type::U64) => run::<u8, u64, Sum>(case, x, out),
        (Op::Sum, Type::I32, Type::I64) => run::<i32, i64, Sum>(case, x, out),
        (Op::Prod, Type::F64, Type::F64) => run::<f64, f64, Prod>(case, x, out),
        (Op::Max, Type::F64, Type::F64) => run::<f64, f64, Max>(case, x, out),
        (Op::Sum, Type::F16, Type::F16) => {
            // SAFETY: as above.
            half(unsafe { x.slice() }, unsafe { out.slice_mut() });
        }
        types => panic!("{}: there is no plain loop for {types:?}", case.name),
    }
}

/// An operation on accumulators.
trait Combine<A> {
    /// Combines to the other value, bit for bit.
    const IDENTITY: A;
    /// What a scan shows before its first element.
    const SHOWN: A;
    fn combine(a: A, b: A) -> A;
}

struct Sum;
struct Prod;
struct Max;

macro_rules! sum {
    ($($type:ty: $identity:expr, $zero:expr, $add:expr;)*) => {$(
        impl Combine<$type> for Sum {
            const IDENTITY: $type = $identity;
            const SHOWN: $type = $zero;
            #[inline(always)]
            fn combine(a: $type, b: $type) -> $type {
                $add(a, b)
            }
        }
    )*};
}

sum! {
    f64: -0.0, 0.0, |a, b| a + b;
    f32: -0.0, 0.0, |a, b| a + b;
    [f64; 2]: [-0.0; 2], [0.0; 2], |a: [f64; 2], b: [f64; 2]| [a[0] + b[0], a[1] + b[1]];
    i32: 0, 0, i32::wrapping_add;
    i64: 0, 0, i64::wrapping_add;
    u64: 0, 0, u64::wrapping_add;
}

impl Combine<f64> for Prod {
    const IDENTITY: f64 = 1.0;
    const SHOWN: f64 = 1.0;
    #[inline(always)]
    fn combine(a: f64, b: f64) -> f64 {
        a * b
    }
}

impl Combine<f64> for Max {
    const IDENTITY: f64 = f64::NEG_INFINITY;
    const SHOWN: f64 = f64::NEG_INFINITY;
    #[inline(always)]
    fn combine(a: f64, b: f64) -> f64 {
        if a > b || a.is_nan() { a } else { b }
    }
}

/// An element that becomes an accumulator.
trait Load<A>: Plain {
    fn load(self) -> A;
    /// Whether it is NaN.
    fn is_nan(self) -> bool {
        false
    }
}

macro_rules! load_float {
    ($($type:ty)*) => {$(
        impl Load<$type> for $type {
            #[inline(always)]
            fn load(self) -> $type {
                self
            }
            #[inline(always)]
            fn is_nan(self) -> bool {
                <$type>::is_nan(self)
            }
        }
    )*};
}

load_float! { f32 f64 }

macro_rules! load {
    ($($from:ty => $to:ty;)*) => {$(
        impl Load<$to> for $from {
            #[inline(always)]
            fn load(self) -> $to {
                self.into()
            }
        }
    )*};
}

load! {
    [f64; 2] => [f64; 2];
    i32 => i32;
    i64 => i64;
    i32 => i64;
    u8 => u64;
}

fn run<X: Load<A>, A: Plain, O: Combine<A>>(case: &Case, x: &Buffer, out: &Buffer) {
    // SAFETY: two buffers, and whoever else uses them waits for this call to return.
    let (x, out) = unsafe { (x.slice::<X>(), out.slice_mut::<A>()) };
    let n = case.shape[case.axis];
    let out_n = case.out_extent();
    let inner: usize = case.shape[case.axis + 1..].iter().product();
    match case.layout {
        Layout::C if x.len() == n => line::<X, A, O>(case, x.iter(), out.iter_mut()),
        Layout::C if inner == 1 => {
            for (x, out) in x.chunks_exact(n).zip(out.chunks_exact_mut(out_n)) {
                line::<X, A, O>(case, x.iter(), out.iter_mut());
            }
        }
        Layout::C => {
            assert!(
                case.flags == 0 && case.nan == 0,
                "{}: not in the plain loop",
                case.name
            );
            for (x, out) in x
                .chunks_exact(n * inner)
                .zip(out.chunks_exact_mut(n * inner))
            {
                rows::<X, A, O>(x, out, inner);
            }
        }
        Layout::Transposed => {
            assert!(
                case.shape.len() == 2 && case.axis == 1,
                "{}: not in the plain loop",
                case.name
            );
            let lines = case.shape[0];
            for (first, out) in out.chunks_exact_mut(out_n).enumerate() {
                line::<X, A, O>(case, x[first..].iter().step_by(lines), out.iter_mut());
            }
        }
        Layout::Step2 => {
            assert!(
                case.shape.len() == 1,
                "{}: not in the plain loop",
                case.name
            );
            line::<X, A, O>(case, x.iter().step_by(2), out.iter_mut().step_by(2));
        }
    }
}

/// One line, from either end.
#[inline(always)]
fn line<'a, X: Load<A> + 'a, A: Plain + 'a, O: Combine<A>>(
    case: &Case,
    x: impl DoubleEndedIterator<Item = &'a X> + ExactSizeIterator,
    out: impl DoubleEndedIterator<Item = &'a mut A> + ExactSizeIterator,
) {
    if case.flags & CUM_REVERSE != 0 {
        directed::<X, A, O>(case, x.rev(), out.rev());
    } else {
        directed::<X, A, O>(case, x, out);
    }
}

#[inline(always)]
fn directed<'a, X: Load<A> + 'a, A: Plain + 'a, O: Combine<A>>(
    case: &Case,
    x: impl Iterator<Item = &'a X>,
    mut out: impl Iterator<Item = &'a mut A>,
) {
    let mut carry = O::IDENTITY;
    if case.flags & CUM_EXCLUSIVE != 0 {
        let mut shown = O::SHOWN;
        for (x, out) in x.zip(out) {
            *out = shown;
            carry = O::combine(carry, x.load());
            shown = carry;
        }
        return;
    }
    if case.flags & CUM_INCLUDE_INITIAL != 0
        && let Some(out) = out.next()
    {
        *out = O::SHOWN;
    }
    if case.nan == CUM_NAN_IDENTITY {
        for (x, out) in x.zip(out) {
            carry = O::combine(carry, if x.is_nan() { O::SHOWN } else { x.load() });
            *out = carry;
        }
    } else {
        for (x, out) in x.zip(out) {
            carry = O::combine(carry, x.load());
            *out = carry;
        }
    }
}

/// Row after row, each from the one before.
fn rows<X: Load<A>, A: Plain, O: Combine<A>>(x: &[X], out: &mut [A], inner: usize) {
    for (out, x) in out.iter_mut().zip(&x[..inner]) {
        *out = x.load();
    }
    for (i, x) in x.chunks_exact(inner).enumerate().skip(1) {
        let (before, out) = out[(i - 1) * inner..(i + 1) * inner].split_at_mut(inner);
        for ((out, before), x) in out.iter_mut().zip(before).zip(x) {
            *out = O::combine(*before, x.load());
        }
    }
}

/// Sums in half precision, rounded after each step; by the processor where it can.
fn half(x: &[u16], out: &mut [u16]) {
    #[cfg(target_arch = "x86_64")]
    if std::arch::is_x86_feature_detected!("f16c") {
        // SAFETY: the processor has it.
        return unsafe { half_f16c(x, out) };
    }
    use cumulative::F16;
    let mut carry = -0.0;
    for (&x, out) in x.iter().zip(out) {
        // One rounding to float before the one to half changes nothing: 24 >= 2 * 11 + 2 bits.
        let sum = F16::from_f32(carry + F16(x).to_f32());
        carry = sum.to_f32();
        *out = sum.0;
    }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "f16c")]
fn half_f16c(x: &[u16], out: &mut [u16]) {
    use std::arch::x86_64::{
        _MM_FROUND_TO_NEAREST_INT, _mm_cvtph_ps, _mm_cvtps_ph, _mm_cvtsi32_si128,
        _mm_cvtsi128_si32, _mm_cvtss_f32, _mm_set_ss,
    };
    let wide = |half: u16| _mm_cvtss_f32(_mm_cvtph_ps(_mm_cvtsi32_si128(i32::from(half))));
    let mut carry = -0.0;
    for (&x, out) in x.iter().zip(out) {
        let sum = _mm_cvtps_ph::<_MM_FROUND_TO_NEAREST_INT>(_mm_set_ss(carry + wide(x)));
        *out = _mm_cvtsi128_si32(sum) as u16;
        carry = wide(*out);
    }
}
