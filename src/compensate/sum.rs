//! Compensated sums.
//!
//! The contract allows an error of `ulp(s) + 2^(16-2p) sum|x|` for any number of elements. Two doubles
//! alone do not keep that for f64: each step may lose 2^-106 of the prefix, and as such losses may all
//! have one sign, 2^17 steps can use the allowance up. So a sum of f64 is three doubles,
//!
//! ```text
//! high, e   = high + x   exactly          middle, f = middle + e   exactly          low += f
//! ```
//!
//! where each number waits for one addition of the step before. They are made a normal form again, each
//! below half a last place of the one before, whenever `middle` exceeds 2^-48 `high`. Only `low += f`
//! rounds: `f` is at most 2^-101 sum|x|, and n steps lose at most n^2 2^-155 sum|x|, so that the allowance
//! lasts for more than 2^32 of them. A sum of f32 in two doubles loses 2^-106 a step, of an allowance of
//! 2^-32.
#![forbid(unsafe_code)]

use super::{Append, Own, Seed, narrowed, parts, whole, widened};
use crate::elem::Complex;
use crate::op::Sum;
use crate::pair::{Pair, ProductError, fast_two_sum, two_sum};

/// A type with compensated sums.
pub trait Sums: Copy {
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
    /// Two accumulators.
    fn merge(first: Self::Acc, second: Self::Acc) -> Self::Acc;
    /// A caller's carry.
    fn import(carry: Self::Carry) -> Self::Acc;
    /// The carry for the caller, with this value for what is shown.
    fn export_as(acc: Self::Acc, value: Self) -> Self::Carry;
    /// The carry for the caller.
    #[inline(always)]
    fn export(acc: Self::Acc) -> Self::Carry {
        Self::export_as(acc, Self::shown(acc))
    }
}

/// Two numbers whose exact sum is known, as a normalised pair if the first is a multiple of the last
/// place of the second. A second of zero leaves the sign of the first alone.
#[inline(always)]
fn renormalised(value: f64, error: f64) -> Pair<f64> {
    let pair = fast_two_sum(value, error);
    Pair {
        value: if error == 0.0 { value } else { pair.value },
        error: pair.error,
    }
}

/// An error as it is added to a number, whose sign it leaves alone if both are zero.
#[inline(always)]
fn unless_zero(error: f64) -> f64 {
    if error == 0.0 { -0.0 } else { error }
}

/// A sum of f64.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Triple {
    /// The sum to one precision,
    pub high: f64,
    /// to the second,
    pub middle: f64,
    /// and to the third.
    pub low: f64,
}

impl Triple {
    /// How large `middle` may become beside `high`.
    pub const MIDDLE: f64 = 1.0 / (1u64 << 48) as f64;

    /// A value known exactly.
    #[inline(always)]
    pub fn exact(value: f64) -> Triple {
        Triple {
            high: value,
            middle: 0.0,
            low: 0.0,
        }
    }

    /// The sum rounded.
    #[inline(always)]
    pub fn shown(self) -> f64 {
        let rest = self.middle + self.low;
        if rest == 0.0 {
            self.high
        } else {
            self.high + rest
        }
    }

    /// The sum of three numbers, in normal form if the second is not small.
    #[inline(always)]
    pub fn settled(high: f64, middle: f64, low: f64) -> Triple {
        let sum = Triple { high, middle, low };
        if middle.abs() > high.abs() * Triple::MIDDLE {
            sum.normalised()
        } else {
            sum
        }
    }

    /// The same sum with each part below half a last place of the one before.
    #[inline(always)]
    fn normalised(self) -> Triple {
        let rest = two_sum(self.middle, self.low);
        let pair = two_sum(self.high, rest.value);
        let rest = two_sum(pair.error, rest.error);
        Triple {
            high: pair.value,
            middle: rest.value,
            low: rest.error,
        }
    }

    /// The sum with one more number, if all is finite.
    #[inline(always)]
    pub fn push(self, x: f64) -> Triple {
        let first = two_sum(self.high, x);
        let second = two_sum(self.middle, first.error);
        Triple::settled(first.value, second.value, self.low + second.error)
    }
}

impl Sums for f64 {
    type Acc = Triple;
    type Carry = Pair<f64>;

    #[inline(always)]
    fn exact(self) -> Triple {
        Triple::exact(self)
    }

    #[inline(always)]
    fn shown(acc: Triple) -> f64 {
        acc.shown()
    }

    #[inline(always)]
    fn step(acc: Triple, x: f64) -> Triple {
        let next = acc.push(x);
        if next.shown().is_finite() {
            next
        } else {
            Triple::exact(acc.shown() + x)
        }
    }

    #[inline(always)]
    fn merge(first: Triple, second: Triple) -> Triple {
        let [middle, low] = [second.middle, second.low].map(unless_zero);
        let next = first.push(second.high).push(middle).push(low);
        if next.shown().is_finite() {
            next
        } else {
            Triple::exact(first.shown() + second.shown())
        }
    }

    #[inline(always)]
    fn import(carry: Pair<f64>) -> Triple {
        let pair = carry.normalised();
        Triple {
            high: pair.value,
            middle: pair.error,
            low: 0.0,
        }
    }

    #[inline(always)]
    fn export_as(acc: Triple, value: f64) -> Pair<f64> {
        if !value.is_finite() {
            return Pair::exact(value);
        }
        let rest = two_sum(acc.middle, acc.low);
        let first = two_sum(acc.high, -value);
        let second = two_sum(first.value, rest.value);
        let error = second.value + (second.error + first.error + rest.error);
        Pair { value, error }.carried()
    }
}

/// A sum of f32 with one more number, if all is finite: a normalised pair again.
#[inline(always)]
pub fn push(acc: Pair<f64>, x: f64) -> Pair<f64> {
    let sum = two_sum(acc.value, x);
    renormalised(sum.value, acc.error + sum.error)
}

impl Sums for f32 {
    type Acc = Pair<f64>;
    type Carry = Pair<f32>;

    #[inline(always)]
    fn exact(self) -> Pair<f64> {
        Pair::exact(self as f64)
    }

    #[inline(always)]
    fn shown(acc: Pair<f64>) -> f32 {
        acc.value as f32
    }

    #[inline(always)]
    fn step(acc: Pair<f64>, x: f32) -> Pair<f64> {
        let next = push(acc, x as f64);
        if Self::shown(next).is_finite() {
            next
        } else {
            Self::exact(Self::shown(acc) + x)
        }
    }

    #[inline(always)]
    fn merge(first: Pair<f64>, second: Pair<f64>) -> Pair<f64> {
        let next = push(push(first, second.value), unless_zero(second.error));
        if Self::shown(next).is_finite() {
            next
        } else {
            Self::exact(Self::shown(first) + Self::shown(second))
        }
    }

    #[inline(always)]
    fn import(carry: Pair<f32>) -> Pair<f64> {
        let pair = widened(carry);
        if Self::shown(pair).is_finite() {
            pair
        } else {
            Self::exact(Self::shown(pair))
        }
    }

    #[inline(always)]
    fn export_as(acc: Pair<f64>, value: f32) -> Pair<f32> {
        narrowed(acc, value)
    }
}

macro_rules! complex_sums {
    ($($f:ty),*) => { $(
        impl Sums for Complex<$f> {
            type Acc = Complex<<$f as Sums>::Acc>;
            type Carry = Pair<Complex<$f>>;

            #[inline(always)]
            fn exact(self) -> Self::Acc {
                Complex { re: self.re.exact(), im: self.im.exact() }
            }

            #[inline(always)]
            fn shown(acc: Self::Acc) -> Self {
                Complex { re: <$f as Sums>::shown(acc.re), im: <$f as Sums>::shown(acc.im) }
            }

            #[inline(always)]
            fn step(acc: Self::Acc, x: Self) -> Self::Acc {
                Complex {
                    re: <$f as Sums>::step(acc.re, x.re),
                    im: <$f as Sums>::step(acc.im, x.im),
                }
            }

            #[inline(always)]
            fn merge(first: Self::Acc, second: Self::Acc) -> Self::Acc {
                Complex {
                    re: <$f as Sums>::merge(first.re, second.re),
                    im: <$f as Sums>::merge(first.im, second.im),
                }
            }

            #[inline(always)]
            fn import(carry: Self::Carry) -> Self::Acc {
                let z = parts(carry);
                Complex { re: <$f as Sums>::import(z.re), im: <$f as Sums>::import(z.im) }
            }

            #[inline(always)]
            fn export_as(acc: Self::Acc, value: Self) -> Self::Carry {
                whole(Complex {
                    re: <$f as Sums>::export_as(acc.re, value.re),
                    im: <$f as Sums>::export_as(acc.im, value.im),
                })
            }
        }
    )* };
}
complex_sums!(f32, f64);

impl Append<Sum, 1> for Triple {
    #[inline(always)]
    fn seed(self) -> Seed<1> {
        [[self.high], [self.middle + self.low], [0.0]]
    }

    #[inline(always)]
    fn append<E: ProductError>(self, own: &Own<1>) -> Option<Triple> {
        let [[value], [error], ..] = *own;
        if !(value.is_finite() && error.is_finite()) {
            return None;
        }
        let high = two_sum(self.high, value);
        let second = two_sum(self.middle, error);
        let third = two_sum(second.value, high.error);
        let low = self.low + (second.error + third.error);
        Some(Triple::settled(high.value, third.value, low))
    }
}

/// Sums of floats; a stretch is one double.
impl Append<Sum, 1> for Pair<f64> {
    #[inline(always)]
    fn seed(self) -> Seed<1> {
        [[self.value + self.error], [0.0], [0.0]]
    }

    #[inline(always)]
    fn append<E: ProductError>(self, own: &Own<1>) -> Option<Pair<f64>> {
        let [[value], ..] = *own;
        if !value.is_finite() {
            return None;
        }
        let sum = two_sum(self.value, value);
        Some(Pair {
            value: sum.value,
            error: self.error + sum.error,
        })
    }
}

impl<A: Append<Sum, 1>> Append<Sum, 2> for Complex<A> {
    #[inline(always)]
    fn seed(self) -> Seed<2> {
        let (re, im) = (self.re.seed(), self.im.seed());
        [0, 1, 2].map(|i| [re[i][0], im[i][0]])
    }

    #[inline(always)]
    fn append<E: ProductError>(self, own: &Own<2>) -> Option<Complex<A>> {
        Some(Complex {
            re: self.re.append::<E>(&own.map(|number| [number[0]]))?,
            im: self.im.append::<E>(&own.map(|number| [number[1]]))?,
        })
    }
}
