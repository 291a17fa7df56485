//! Compensated mode: accumulators that carry the rounding error along.
//!
//! An accumulator holds the prefix to more than twice the precision of the type, and the result to
//! show is that number rounded. Callers' carries are pairs of the type itself: [`Compensate::import`]
//! and [`Compensate::export`] turn one into the other.
//!
//! | type | sum | product |
//! |---|---|---|
//! | f64 | three doubles | two doubles and an exponent |
//! | f32, f16, bf16 | two doubles | two doubles |
//! | complex | the parts' sums | the same, for both parts |
//!
//! Where the result would be an infinity or a NaN, or a product would underflow, the step is the
//! sequential one, from the result shown before: what such a value becomes is then what sequential
//! mode makes of it. 16-bit floats take that step where a float does, not where 16 bits run out.
#![forbid(unsafe_code)]

mod product;
mod sum;

#[cfg(test)]
pub mod exact;
#[cfg(test)]
mod tests;

pub use product::Product;
pub use sum::{Sums, Triple};

use crate::elem::{Bf16, CastFrom, Complex, Elem, F16};
use crate::op::{Prod, Sum};
use crate::pair::Pair;

/// A computing type with a compensated form of `O`.
pub trait Compensate<O>: Elem {
    /// The accumulator.
    type Acc: Copy + Send + Sync + 'static;
    /// The carry as callers hold it.
    type Carry: Copy + 'static;
    /// An element, known exactly.
    fn exact(self) -> Self::Acc;
    /// The result to show.
    fn shown(acc: Self::Acc) -> Self;
    /// The accumulator after one more element.
    fn step(acc: Self::Acc, x: Self) -> Self::Acc;
    /// Two accumulators, of what comes first and of what comes second.
    fn merge(first: Self::Acc, second: Self::Acc) -> Self::Acc;
    /// A caller's carry.
    fn import(carry: Self::Carry) -> Self::Acc;
    /// The carry for the caller; its value is the result to show.
    fn export(acc: Self::Acc) -> Self::Carry;
}

/// Implements [`Compensate`] for a type whose accumulators belong to another type: how that one is
/// reached from an element, and how an accumulator is shown.
macro_rules! compensate {
    ($op:ty, $t:ty, $of:ty, $by:ident, |$x:ident| $widen:expr, |$acc:ident| $shown:expr) => {
        impl Compensate<$op> for $t {
            type Acc = <$of as $by>::Acc;
            type Carry = <$of as $by>::Carry;
            #[inline(always)]
            fn exact(self) -> Self::Acc {
                let $x = self;
                <$of as $by>::exact($widen)
            }
            #[inline(always)]
            fn shown($acc: Self::Acc) -> $t {
                $shown
            }
            #[inline(always)]
            fn step(acc: Self::Acc, $x: $t) -> Self::Acc {
                <$of as $by>::step(acc, $widen)
            }
            #[inline(always)]
            fn merge(first: Self::Acc, second: Self::Acc) -> Self::Acc {
                <$of as $by>::merge(first, second)
            }
            #[inline(always)]
            fn import(carry: Self::Carry) -> Self::Acc {
                <$of as $by>::import(carry)
            }
            #[inline(always)]
            fn export(acc: Self::Acc) -> Self::Carry {
                <$of as $by>::export(acc)
            }
        }
    };
}

macro_rules! compensate_itself {
    ($($t:ty),*) => { $(
        compensate!(Sum, $t, $t, Sums, |x| x, |acc| <$t as Sums>::shown(acc));
        compensate!(Prod, $t, $t, Product, |x| x, |acc| <$t as Product>::shown(acc));
    )* };
}
compensate_itself!(f32, f64, Complex<f32>, Complex<f64>);

/// 16-bit floats have the accumulators of a float, and each result is rounded from there once.
macro_rules! compensate_narrow {
    ($($t:ty),*) => { $(
        compensate!(Sum, $t, f32, Sums, |x| x.to_f32(), |acc| <$t>::cast_from(acc.to_odd()));
        compensate!(Prod, $t, f32, Product, |x| x.to_f32(), |acc| <$t>::cast_from(acc.to_odd()));
    )* };
}
compensate_narrow!(F16, Bf16);

/// The two complex numbers of a pair, seen as a complex number of pairs.
#[inline(always)]
fn parts<F: Copy>(z: Pair<Complex<F>>) -> Complex<Pair<F>> {
    Complex {
        re: Pair {
            value: z.value.re,
            error: z.error.re,
        },
        im: Pair {
            value: z.value.im,
            error: z.error.im,
        },
    }
}

/// The inverse of [`parts`].
#[inline(always)]
fn whole<F: Copy>(z: Complex<Pair<F>>) -> Pair<Complex<F>> {
    Pair {
        value: Complex {
            re: z.re.value,
            im: z.im.value,
        },
        error: Complex {
            re: z.re.error,
            im: z.im.error,
        },
    }
}

/// A pair of floats as a normalised pair of doubles.
#[inline(always)]
fn widened(pair: Pair<f32>) -> Pair<f64> {
    Pair {
        value: pair.value as f64,
        error: pair.error as f64,
    }
    .normalised()
}

/// A pair of doubles as a pair of floats, with this value for what is shown.
#[inline(always)]
fn narrowed(pair: Pair<f64>, value: f32) -> Pair<f32> {
    if !value.is_finite() {
        return Pair::exact(value);
    }
    let error = ((pair.value - value as f64) + pair.error) as f32;
    Pair { value, error }.carried()
}
