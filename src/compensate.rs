//! Compensated mode: accumulators that carry the rounding error along.
//!
//! An accumulator holds the prefix to more than twice the precision of the type, and the result to
//! show is that number rounded. Callers' carries are pairs of the type itself: [`Compensate::import`]
//! and [`Compensate::export_as`] turn one into the other.
//!
//! Kernels that go through a line by stretches ([`Append`]) use the accumulators between those.
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
pub use sum::Sums;
#[cfg(target_arch = "x86_64")]
pub use sum::Triple;

use crate::elem::{Bf16, CastFrom, Complex, Elem, F16};
use crate::op::{Prod, Sum};
use crate::pair::{Pair, ProductError};

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
    /// The carry for the caller where this was shown, in parts: what the accumulator stands for, or next to
    /// it. It stands for the number shown.
    fn export_as(acc: Self::Acc, shown: &[f64]) -> Self::Carry;
}

/// Numbers of a stretch by itself: its value, the error beside it, and for products the least and the
/// greatest magnitude on the way (of complex numbers that of the larger part).
pub type Own<const P: usize> = [[f64; P]; 4];

/// What results of a stretch are made from: value and error of what is before it, and for products the
/// power of two that belongs to them.
pub type Seed<const P: usize> = [[f64; P]; 3];

/// An accumulator to which a stretch of some elements can be appended whole, by parts.
pub trait Append<O, const P: usize>: Copy {
    /// What the stretch's results are made from.
    fn seed(self) -> Seed<P>;
    /// The accumulator after a stretch of at most 64 elements; none where not all of them, and not all of
    /// the results, are ordinary.
    fn append<E: ProductError>(self, own: &Own<P>) -> Option<Self>;
}

/// Implements [`Compensate`] for a type whose accumulators belong to another type: how that one is
/// reached from an element, and how an accumulator is shown.
macro_rules! compensate {
    (
        $op:ty, $t:ty, $of:ty, $by:ident,
        |$x:ident| $widen:expr,
        |$acc:ident| $shown:expr,
        |$end:ident, $last:ident| $export:expr
    ) => {
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
            fn export_as($end: Self::Acc, $last: &[f64]) -> Self::Carry {
                $export
            }
        }
    };
}

macro_rules! compensate_itself {
    ($op:ty, $by:ident: $($t:ty, |$last:ident| $shown:expr;)*) => { $(
        compensate!(
            $op, $t, $t, $by,
            |x| x,
            |acc| <$t as $by>::shown(acc),
            |acc, $last| <$t as $by>::export_as(acc, $shown)
        );
    )* };
    ($($op:ty, $by:ident;)*) => { $(
        compensate_itself! {
            $op, $by:
            f32, |last| last[0] as f32;
            f64, |last| last[0];
            Complex<f32>, |last| Complex { re: last[0] as f32, im: last[1] as f32 };
            Complex<f64>, |last| Complex { re: last[0], im: last[1] };
        }
    )* };
}
compensate_itself! {
    Sum, Sums;
    Prod, Product;
}

/// 16-bit floats have the accumulators of a float, and each result is rounded from there once.
macro_rules! compensate_narrow {
    ($($op:ty, $by:ident: $($t:ty),*;)*) => { $($(
        compensate!(
            $op, $t, f32, $by,
            |x| x.to_f32(),
            |acc| <$t>::cast_from(acc.to_odd()),
            |acc, last| {
                let stands = <$t>::cast_from(acc.to_odd()) == <$t>::cast_from(last[0]);
                // Between two results: two floats have no room for a number on the right side of the middle
                // other than the one shown.
                <f32 as $by>::export(if stands { acc } else { Pair::exact(last[0]) })
            }
        );
    )*)* };
}
compensate_narrow! {
    Sum, Sums: F16, Bf16;
    Prod, Product: F16, Bf16;
}

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
