//! Products of whole stretches, appended to accumulators.
//!
//! A stretch's product by itself is one of doubles without an exponent of its own, so it is ordinary if it
//! stays in the middle of the range all the way. Then the magnitudes of all results are known from the
//! least and the greatest on the way, but for their last places, and have to be normal.
#![forbid(unsafe_code)]

use super::super::{Append, Own, Seed};
use super::{MIDDLE, Scaled, complex_times, larger, power, stored_exponent};
use crate::elem::Complex;
use crate::op::Prod;
use crate::pair::{Pair, ProductError, fast_two_sum};

/// The exponents of results that are normal for certain, those of complex numbers by their larger part:
/// what is rounded on the way to them does not leave the range either. A few places narrower than the
/// range is.
struct Results {
    least: i32,
    greatest: i32,
}

const F64: Results = Results {
    least: -1018,
    greatest: 1020,
};

const F32: Results = Results {
    least: -122,
    greatest: 124,
};

impl Results {
    /// Whether all is ordinary in a stretch with these extremes after what has this magnitude, times
    /// `2^exponent`.
    #[inline(always)]
    fn hold(&self, magnitude: f64, exponent: i32, least: f64, greatest: f64) -> bool {
        // What an accumulator of f64 holds is there unless it is zero or special, and what one of f32 holds if
        // it is normal.
        let middle = power(-MIDDLE)..=power(MIDDLE);
        if !(middle.contains(&least) && middle.contains(&greatest) && middle.contains(&magnitude)) {
            return false;
        }
        // The exponents may be off by one, which the range allows for.
        let exponent_of = |x: f64| stored_exponent(x) + exponent;
        exponent_of(magnitude * least) > self.least
            && exponent_of(magnitude * greatest) < self.greatest
    }
}

/// A value and its error, which is below it, normalised.
#[inline(always)]
fn pair(value: f64, error: f64) -> Pair<f64> {
    fast_two_sum(value, error)
}

/// The same of complex numbers, where the error of the smaller part may be larger than the part.
#[inline(always)]
fn complex_pair(own: &Own<2>) -> Complex<Pair<f64>> {
    let [value, error, ..] = *own;
    let part = |p: usize| Pair {
        value: value[p],
        error: error[p],
    };
    Complex {
        re: part(0).normalised(),
        im: part(1).normalised(),
    }
}

impl Append<Prod, 1> for Scaled<Pair<f64>> {
    #[inline(always)]
    fn seed(self) -> Seed<1> {
        let exponent = self.exponent.clamp(F64.least, F64.greatest);
        [[self.pair.value], [self.pair.error], [power(exponent)]]
    }

    #[inline(always)]
    fn append<E: ProductError>(self, own: &Own<1>) -> Option<Self> {
        let [[value], [error], [least], [greatest]] = *own;
        if !F64.hold(self.pair.value.abs(), self.exponent, least, greatest) {
            return None;
        }
        let next = Scaled {
            pair: self.pair.times::<E>(pair(value, error)),
            exponent: self.exponent,
        };
        Some(next.settled())
    }
}

/// Products of floats.
impl Append<Prod, 1> for Pair<f64> {
    #[inline(always)]
    fn seed(self) -> Seed<1> {
        [[self.value], [0.0], [0.0]]
    }

    #[inline(always)]
    fn append<E: ProductError>(self, own: &Own<1>) -> Option<Self> {
        let [[value], [error], [least], [greatest]] = *own;
        let ordinary = F32.hold(self.value.abs(), 0, least, greatest);
        ordinary.then(|| self.times::<E>(pair(value, error)))
    }
}

impl Append<Prod, 2> for Scaled<Complex<Pair<f64>>> {
    #[inline(always)]
    fn seed(self) -> Seed<2> {
        let Scaled { pair: z, exponent } = self.centred();
        let power = power(exponent.clamp(F64.least, F64.greatest));
        [
            [z.re.value, z.im.value],
            [z.re.error, z.im.error],
            [power; 2],
        ]
    }

    #[inline(always)]
    fn append<E: ProductError>(self, own: &Own<2>) -> Option<Self> {
        let [.., [least, _], [greatest, _]] = *own;
        let first = self.centred();
        if !F64.hold(larger(first.pair), first.exponent, least, greatest) {
            return None;
        }
        let next = Scaled {
            pair: complex_times::<E>(first.pair, complex_pair(own)),
            exponent: first.exponent,
        };
        Some(next.settled_parts())
    }
}

/// Products of complex numbers of floats.
impl Append<Prod, 2> for Complex<Pair<f64>> {
    #[inline(always)]
    fn seed(self) -> Seed<2> {
        [[self.re.value, self.im.value], [0.0; 2], [0.0; 2]]
    }

    #[inline(always)]
    fn append<E: ProductError>(self, own: &Own<2>) -> Option<Self> {
        let [.., [least, _], [greatest, _]] = *own;
        let ordinary = F32.hold(larger(self), 0, least, greatest);
        ordinary.then(|| complex_times::<E>(self, complex_pair(own)))
    }
}
