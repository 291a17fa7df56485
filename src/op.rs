//! The operations: identity and combine, and what they do where an integer overflows.
//!
//! `combine(acc, x)` takes the accumulated value on the left. The identity is what an exclusive scan
//! shows first; it is never combined with an element, because adding +0.0 would turn -0.0 into +0.0,
//! and multiplying a complex number by 1 can make a NaN of an infinity.
#![forbid(unsafe_code)]

use crate::elem::{Bf16, Bool, Complex, Elem, F16};
use crate::logaddexp;

/// The operation of a scan.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
#[repr(u8)]
pub enum Op {
    /// Addition; in bool, or.
    Sum,
    /// Multiplication; in bool, and.
    Prod,
    /// The larger; a NaN stays.
    Max,
    /// The smaller; a NaN stays.
    Min,
    /// The logarithm of the sum of exponentials.
    LogSumExp,
}

impl Op {
    /// Number of operations.
    pub const COUNT: usize = 5;

    /// Every operation, in the order of the enumeration.
    pub const ALL: [Op; Self::COUNT] = [Op::Sum, Op::Prod, Op::Max, Op::Min, Op::LogSumExp];

    /// The operation with this code, if there is one.
    #[inline]
    pub fn from_code(code: i32) -> Option<Op> {
        Some(match code {
            1 => Op::Sum,
            2 => Op::Prod,
            3 => Op::Max,
            4 => Op::Min,
            5 => Op::LogSumExp,
            _ => return None,
        })
    }

    /// The name that messages use.
    pub const fn name(self) -> &'static str {
        match self {
            Op::Sum => "sum",
            Op::Prod => "prod",
            Op::Max => "max",
            Op::Min => "min",
            Op::LogSumExp => "logsumexp",
        }
    }
}

/// An operation on one element type.
pub trait Combine<T: Elem>: 'static {
    /// What an exclusive scan shows before the first element.
    const IDENTITY: T;
    /// The accumulated value and one more element.
    fn combine(acc: T, x: T) -> T;
    /// The same where each waits for the one before.
    #[inline(always)]
    fn combine_in_line(acc: T, x: T) -> T {
        Self::combine(acc, x)
    }
}

/// An operation on integers, where results may not fit.
pub trait Overflowing<T: Elem>: Combine<T> + Combine<Self::Alike> {
    /// A type of the same width on which the operation does the same to the bits, so that both share
    /// their kernels: what wraps knows no sign.
    type Alike: Elem;
    /// The result, if it fits.
    fn checked(acc: T, x: T) -> Option<T>;
    /// The nearest value to the result.
    fn saturating(acc: T, x: T) -> T;
    /// Whether every result fits.
    const ALWAYS_FITS: bool = false;
    /// Whether the nearest value is one selection away: what can only be too large.
    const ONE_SIDED: bool = false;
    /// Whether there is a way to see that many results fit.
    const BOUNDED: bool = false;
    /// The result of so many elements, if it can be seen that it and all on the way there fit.
    #[inline(always)]
    fn within(_acc: T, _n: usize, _element: impl Fn(usize) -> T) -> Option<T> {
        None
    }
}

/// Addition.
pub struct Sum;
/// Multiplication.
pub struct Prod;
/// The larger.
pub struct Max;
/// The smaller.
pub struct Min;
/// The logarithm of the sum of exponentials.
pub struct LogSumExp;

/// Addition of unsigned integers that stops at the largest there is: of all that stops at an end of its range, this
/// alone is the same in every grouping.
#[cfg_attr(
    not(target_arch = "x86_64"),
    allow(
        dead_code,
        reason = "only x86-64 has kernels for it, and the tests a model"
    )
)]
pub struct CappedSum;

macro_rules! combine {
    ($op:ident, $t:ty, $identity:expr, |$a:ident, $x:ident| $result:expr $(, in line $chain:expr)?) => {
        impl Combine<$t> for $op {
            const IDENTITY: $t = $identity;
            #[inline(always)]
            fn combine($a: $t, $x: $t) -> $t {
                $result
            }
            $(
                #[inline(always)]
                fn combine_in_line($a: $t, $x: $t) -> $t {
                    $chain
                }
            )?
        }
    };
}

macro_rules! capped_sums {
    ($($t:ty),*) => { $( combine!(CappedSum, $t, 0, |a, x| a.saturating_add(x)); )* };
}
capped_sums!(u8, u16, u32);

macro_rules! integers {
    ($($t:ty, $alike:ty);*) => { $(
        combine!(Sum, $t, 0, |a, x| a.wrapping_add(x));
        combine!(Prod, $t, 1, |a, x| a.wrapping_mul(x));
        combine!(Max, $t, <$t>::MIN, |a, x| if a > x { a } else { x });
        combine!(Min, $t, <$t>::MAX, |a, x| if a < x { a } else { x });
        integers!(@overflow Sum, $t, $alike, checked_add, saturating_add, {
            // Sums in 16 bits and fewer are soon near the ends of their range.
            const BOUNDED: bool = size_of::<$t>() >= 4;
            const ONE_SIDED: bool = <$t>::MIN == 0;
            #[inline(always)]
            fn within(acc: $t, n: usize, element: impl Fn(usize) -> $t) -> Option<$t> {
                let (mut bits, mut total): ($t, $t) = (0, 0);
                for i in 0..n {
                    let x = element(i);
                    // Of a negative number the bits of what comes before it, counted from 0 down.
                    bits |= if x < <$t>::default() { !x } else { x };
                    total = total.wrapping_add(x);
                }
                // No element is farther from 0 than this, nor the results from the accumulator.
                let farthest = (bits as i128 + 1) * n as i128;
                let (low, high) = (acc as i128 - farthest, acc as i128 + farthest);
                let signed = <$t>::MIN != 0;
                let fits = high <= <$t>::MAX as i128 && (!signed || low >= <$t>::MIN as i128);
                fits.then(|| acc.wrapping_add(total))
            }
        });
        integers!(@overflow Prod, $t, $alike, checked_mul, saturating_mul, {});
        integers!(@exact Max, $t);
        integers!(@exact Min, $t);
    )* };
    (@overflow $op:ident, $t:ty, $alike:ty, $checked:ident, $saturating:ident, {$($within:item)*}) => {
        impl Overflowing<$t> for $op {
            type Alike = $alike;
            #[inline(always)]
            fn checked(acc: $t, x: $t) -> Option<$t> {
                acc.$checked(x)
            }
            #[inline(always)]
            fn saturating(acc: $t, x: $t) -> $t {
                acc.$saturating(x)
            }
            $($within)*
        }
    };
    (@exact $op:ident, $t:ty) => {
        impl Overflowing<$t> for $op {
            type Alike = $t;
            const ALWAYS_FITS: bool = true;
            #[inline(always)]
            fn checked(acc: $t, x: $t) -> Option<$t> {
                Some(Self::combine(acc, x))
            }
            #[inline(always)]
            fn saturating(acc: $t, x: $t) -> $t {
                Self::combine(acc, x)
            }
        }
    };
}
integers!(i8, i8; i16, i16; i32, i32; i64, i64; u8, i8; u16, i16; u32, i32; u64, i64);

combine!(Sum, Bool, Bool::new(false), |a, x| Bool::new(
    a.get() | x.get()
));
combine!(Prod, Bool, Bool::new(true), |a, x| Bool::new(
    a.get() & x.get()
));
combine!(Max, Bool, Bool::new(false), |a, x| Bool::new(
    a.get() | x.get()
));
combine!(Min, Bool, Bool::new(true), |a, x| Bool::new(
    a.get() & x.get()
));

/// A value that is seldom one: a call, or else the compiler would choose between it and another without a branch, which
/// takes longer at each step than the other does alone.
#[cold]
#[inline(never)]
fn rarely<T>(value: T) -> T {
    value
}

// Of equal values, the two zeros, the later is kept: a strict comparison gives way to `x`.
macro_rules! floats {
    ($($t:ty),*) => { $(
        combine!(Sum, $t, 0.0, |a, x| a + x);
        combine!(Prod, $t, 1.0, |a, x| a * x);
        combine!(Max, $t, <$t>::NEG_INFINITY, |a, x| if a.is_nan() | (a > x) { a } else { x },
            in line {
                let either = if a > x { a } else { x };
                if a.is_nan() { rarely(a) } else { either }
            });
        combine!(Min, $t, <$t>::INFINITY, |a, x| if a.is_nan() | (a < x) { a } else { x },
            in line {
                let either = if a < x { a } else { x };
                if a.is_nan() { rarely(a) } else { either }
            });
    )* };
}
floats!(f32, f64);
combine!(LogSumExp, f64, f64::NEG_INFINITY, |a, x| logaddexp::f64(
    a, x
));
combine!(LogSumExp, f32, f32::NEG_INFINITY, |a, x| logaddexp::f32(
    a, x
));

// Every step is done in f32 and rounded to 16 bits. For binary16 an f32 has more than twice the
// digits, so that rounding twice is rounding once; bfloat16 is defined by these steps.
macro_rules! half_floats {
    ($($t:ident, $neg_inf:expr, $inf:expr, $one:expr);*) => { $(
        combine!(Sum, $t, $t(0), |a, x| $t::from_f32(a.to_f32() + x.to_f32()));
        combine!(Prod, $t, $t($one), |a, x| $t::from_f32(a.to_f32() * x.to_f32()));
        combine!(Max, $t, $t($neg_inf), |a, x| {
            if a.is_nan() | (a.to_f32() > x.to_f32()) { a } else { x }
        });
        combine!(Min, $t, $t($inf), |a, x| {
            if a.is_nan() | (a.to_f32() < x.to_f32()) { a } else { x }
        });
        combine!(LogSumExp, $t, $t($neg_inf), |a, x| {
            $t::from_f32(logaddexp::f32(a.to_f32(), x.to_f32()))
        });
    )* };
}
half_floats!(F16, 0xfc00, 0x7c00, 0x3c00; Bf16, 0xff80, 0x7f80, 0x3f80);

macro_rules! complexes {
    ($($f:ty),*) => { $(
        combine!(Sum, Complex<$f>, Complex { re: 0.0, im: 0.0 }, |a, x| Complex {
            re: a.re + x.re,
            im: a.im + x.im,
        });
        combine!(Prod, Complex<$f>, Complex { re: 1.0, im: 0.0 }, |a, x| Complex {
            re: a.re * x.re - a.im * x.im,
            im: a.re * x.im + a.im * x.re,
        });
    )* };
}
complexes!(f32, f64);
