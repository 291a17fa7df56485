//! The loop one would write: an element after the other, the carry in a register; across rows, a row
//! after the other, unless a case wants line after line. Compiled for the same processors as the rest of the program.

use crate::cases::{Case, Layout, Op, Type};
use crate::compensated;
use crate::data::{Buffer, Plain};
use cumulative::F16;
use cumulative::ffi::{
    CUM_COMPENSATED, CUM_EXCLUSIVE, CUM_INCLUDE_INITIAL, CUM_NAN_IDENTITY, CUM_NAN_PROPAGATE,
    CUM_REVERSE, CUM_SATURATE,
};

/// Scans the case that it was made for.
pub type Loop = fn(&Case, &Buffer, &Buffer);

/// The loop for a case, found before the clock runs.
pub fn of(case: &Case) -> Loop {
    match (case.op, case.x, case.out) {
        (_, _, _) if case.mode == CUM_COMPENSATED => compensated::scan,
        (Op::Sum, Type::U8, Type::U8) if case.overflow == CUM_SATURATE => run::<u8, u8, Capped>,
        (Op::Sum, Type::I32, Type::I32) if case.overflow == CUM_SATURATE => run::<i32, i32, Capped>,
        (Op::Sum, Type::F64, Type::F64) => run::<f64, f64, Sum>,
        (Op::Sum, Type::F32, Type::F32) => run::<f32, f32, Sum>,
        (Op::Sum, Type::C64, Type::C64) => run::<[f32; 2], [f32; 2], Sum>,
        (Op::Sum, Type::C128, Type::C128) => run::<[f64; 2], [f64; 2], Sum>,
        (Op::Sum, Type::I32, Type::I32) => run::<i32, i32, Sum>,
        (Op::Sum, Type::I64, Type::I64) => run::<i64, i64, Sum>,
        (Op::Sum, Type::U8, Type::U8) => run::<u8, u8, Sum>,
        (Op::Sum, Type::U16, Type::U16) => run::<u16, u16, Sum>,
        (Op::Sum, Type::U8, Type::U64) => run::<u8, u64, Sum>,
        (Op::Sum, Type::I32, Type::I64) => run::<i32, i64, Sum>,
        (Op::Prod, Type::F64, Type::F64) => run::<f64, f64, Prod>,
        (Op::Prod, Type::I32, Type::I32) => run::<i32, i32, Prod>,
        (Op::Prod, Type::I64, Type::I64) => run::<i64, i64, Prod>,
        (Op::Prod, Type::U8, Type::U64) => run::<u8, u64, Prod>,
        (Op::Max, Type::F64, Type::F64) => run::<f64, f64, Max>,
        (Op::Max, Type::F32, Type::F32) => run::<f32, f32, Max>,
        (Op::Max, Type::I32, Type::I32) => run::<i32, i32, Max>,
        (Op::Sum, Type::F16, Type::F16) => half,
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
/// A sum that stops at the ends of its range.
struct Capped;
struct Prod;
struct Max;

macro_rules! combine {
    ($($op:ty, $type:ty: $identity:expr, $shown:expr, $combine:expr;)*) => {$(
        impl Combine<$type> for $op {
            const IDENTITY: $type = $identity;
            const SHOWN: $type = $shown;
            #[inline(always)]
            fn combine(a: $type, b: $type) -> $type {
                $combine(a, b)
            }
        }
    )*};
}

combine! {
    Sum, f64: -0.0, 0.0, |a, b| a + b;
    Sum, f32: -0.0, 0.0, |a, b| a + b;
    // One rounding to float before the one to half changes nothing: 24 >= 2 * 11 + 2 bits.
    Sum, F16: F16(0x8000), F16(0), |a: F16, b: F16| F16::from_f32(a.to_f32() + b.to_f32());
    Sum, [f64; 2]: [-0.0; 2], [0.0; 2], |a: [f64; 2], b: [f64; 2]| [a[0] + b[0], a[1] + b[1]];
    Sum, [f32; 2]: [-0.0; 2], [0.0; 2], |a: [f32; 2], b: [f32; 2]| [a[0] + b[0], a[1] + b[1]];
    Sum, i32: 0, 0, i32::wrapping_add;
    Sum, i64: 0, 0, i64::wrapping_add;
    Sum, u8: 0, 0, u8::wrapping_add;
    Sum, u16: 0, 0, u16::wrapping_add;
    Sum, u64: 0, 0, u64::wrapping_add;
    Capped, u8: 0, 0, u8::saturating_add;
    Capped, i32: 0, 0, i32::saturating_add;
    Prod, f64: 1.0, 1.0, |a, b| a * b;
    Prod, i32: 1, 1, i32::wrapping_mul;
    Prod, i64: 1, 1, i64::wrapping_mul;
    Prod, u64: 1, 1, u64::wrapping_mul;
    Max, f64: f64::NEG_INFINITY, f64::NEG_INFINITY, |a: f64, b| if a > b || a.is_nan() { a } else { b };
    Max, f32: f32::NEG_INFINITY, f32::NEG_INFINITY, |a: f32, b| if a > b || a.is_nan() { a } else { b };
    Max, i32: i32::MIN, i32::MIN, Ord::max;
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
    F16 => F16;
    [f32; 2] => [f32; 2];
    [f64; 2] => [f64; 2];
    i32 => i32;
    i64 => i64;
    i32 => i64;
    u8 => u8;
    u8 => u64;
    u16 => u16;
}

fn run<X: Load<A>, A: Plain, O: Combine<A>>(case: &Case, x: &Buffer, out: &Buffer) {
    // SAFETY: two buffers, and whoever else uses them waits for this call to return.
    let (x, out) = unsafe { (x.slice::<X>(), out.slice_mut::<A>()) };
    let (n, out_n, inner) = (case.shape[case.axis], case.out_extent(), case.inner());
    match case.layout {
        // Asked outside the loop: lines may be short.
        Layout::C if inner == 1 && case.flags == 0 && case.nan == CUM_NAN_PROPAGATE => {
            for (x, out) in x.chunks_exact(n).zip(out.chunks_exact_mut(n)) {
                plain_line::<X, A, O>(x, out);
            }
        }
        Layout::C if inner == 1 => {
            for (x, out) in x.chunks_exact(n).zip(out.chunks_exact_mut(out_n)) {
                line::<X, A, O>(case, x.iter(), out.iter_mut());
            }
        }
        Layout::C => {
            assert!(
                case.flags & CUM_INCLUDE_INITIAL == 0,
                "{}: not in the plain loop",
                case.name
            );
            let panels = out.chunks_exact_mut(n * inner);
            for (x, out) in x.chunks_exact(n * inner).zip(panels) {
                if case.by_line {
                    for column in 0..inner {
                        let (x, out) = (x[column..].iter(), out[column..].iter_mut());
                        line::<X, A, O>(case, x.step_by(inner), out.step_by(inner));
                    }
                    continue;
                }
                let (x, out) = (x.chunks_exact(inner), out.chunks_exact_mut(inner));
                if case.flags & CUM_REVERSE != 0 {
                    rows::<X, A, O>(case, x.rev(), out.rev());
                } else {
                    rows::<X, A, O>(case, x, out);
                }
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
                case.flags & CUM_INCLUDE_INITIAL == 0,
                "{}: not in the plain loop",
                case.name
            );
            let (panel, step) = (2 * n * inner, 2 * inner);
            for (x, out) in x.chunks_exact(panel).zip(out.chunks_exact_mut(panel)) {
                for column in (0..step).step_by(2) {
                    let (x, out) = (x[column..].iter(), out[column..].iter_mut());
                    line::<X, A, O>(case, x.step_by(step), out.step_by(step));
                }
            }
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

/// A line from its beginning, without options.
#[inline(always)]
fn plain_line<X: Load<A>, A: Plain, O: Combine<A>>(x: &[X], out: &mut [A]) {
    let (Some((first, x)), Some((shown, out))) = (x.split_first(), out.split_first_mut()) else {
        return;
    };
    let mut carry = first.load();
    *shown = carry;
    for (x, out) in x.iter().zip(out) {
        carry = O::combine(carry, x.load());
        *out = carry;
    }
}

/// Row after row, each from the one before.
#[inline(always)]
fn rows<'a, X: Load<A> + 'a, A: Plain + 'a, O: Combine<A>>(
    case: &Case,
    mut x: impl Iterator<Item = &'a [X]>,
    mut out: impl Iterator<Item = &'a mut [A]>,
) {
    if case.flags & CUM_EXCLUSIVE != 0
        && let Some(out) = out.next()
    {
        out.fill(O::SHOWN);
    }
    let (Some(first), Some(before)) = (x.next(), out.next()) else {
        return;
    };
    if case.nan == CUM_NAN_IDENTITY {
        let load = |x: &X| if x.is_nan() { O::SHOWN } else { x.load() };
        rows_below::<X, A, O>(load, first, before, x, out);
    } else {
        rows_below::<X, A, O>(|x| x.load(), first, before, x, out);
    }
}

/// The first row, and those below it.
#[inline(always)]
fn rows_below<'a, X: Load<A> + 'a, A: Plain + 'a, O: Combine<A>>(
    load: impl Fn(&X) -> A,
    first: &[X],
    mut before: &'a mut [A],
    x: impl Iterator<Item = &'a [X]>,
    out: impl Iterator<Item = &'a mut [A]>,
) {
    for (out, x) in before.iter_mut().zip(first) {
        *out = O::combine(O::IDENTITY, load(x));
    }
    for (out, x) in out.zip(x) {
        for ((out, before), x) in out.iter_mut().zip(&*before).zip(x) {
            *out = O::combine(*before, load(x));
        }
        before = out;
    }
}

/// Sums in half precision, rounded after each step; by the processor where it can.
fn half(case: &Case, x: &Buffer, out: &Buffer) {
    #[cfg(target_arch = "x86_64")]
    if std::arch::is_x86_feature_detected!("f16c") {
        // SAFETY: as in `run`.
        let (x, out) = unsafe { (x.slice(), out.slice_mut()) };
        // SAFETY: the processor has it.
        return unsafe { half_f16c(x, out, case.shape[case.axis], case.inner(), case.by_line) };
    }
    run::<F16, F16, Sum>(case, x, out);
}

/// The same by instructions, in rows eight at a time.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "f16c")]
fn half_f16c(x: &[u16], out: &mut [u16], n: usize, inner: usize, by_line: bool) {
    use std::arch::x86_64::*;
    const NEAREST: i32 = _MM_FROUND_TO_NEAREST_INT;
    let wide = |half: u16| _mm_cvtss_f32(_mm_cvtph_ps(_mm_cvtsi32_si128(i32::from(half))));
    let narrow = |sum| _mm_cvtsi128_si32(_mm_cvtps_ph::<NEAREST>(_mm_set_ss(sum))) as u16;
    for (x, out) in x
        .chunks_exact(n * inner)
        .zip(out.chunks_exact_mut(n * inner))
    {
        if inner == 1 || by_line {
            for column in 0..inner {
                let mut carry = -0.0;
                let out = out[column..].iter_mut().step_by(inner);
                for (&x, out) in x[column..].iter().step_by(inner).zip(out) {
                    *out = narrow(carry + wide(x));
                    carry = wide(*out);
                }
            }
            continue;
        }
        out[..inner].copy_from_slice(&x[..inner]);
        for (i, x) in x.chunks_exact(inner).enumerate().skip(1) {
            let (before, out) = out[(i - 1) * inner..(i + 1) * inner].split_at_mut(inner);
            let ((before, before_end), (x, x_end)) = (before.as_chunks::<8>(), x.as_chunks::<8>());
            let (out, out_end) = out.as_chunks_mut::<8>();
            for ((out, before), x) in out.iter_mut().zip(before).zip(x) {
                // SAFETY: eight halves are read of each, and eight are written.
                unsafe {
                    let before = _mm256_cvtph_ps(_mm_loadu_si128(before.as_ptr().cast()));
                    let x = _mm256_cvtph_ps(_mm_loadu_si128(x.as_ptr().cast()));
                    let sum = _mm256_cvtps_ph::<NEAREST>(_mm256_add_ps(before, x));
                    _mm_storeu_si128(out.as_mut_ptr().cast(), sum);
                }
            }
            for ((out, &before), &x) in out_end.iter_mut().zip(before_end).zip(x_end) {
                *out = narrow(wide(before) + wide(x));
            }
        }
    }
}
