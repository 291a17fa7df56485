//! Compensated products.
//!
//! A product is a pair of doubles; a step loses about 2^-104 of it, so that after n steps the result
//! is the exact product rounded, but for n 2^-104. For f32 the exponents of doubles are far more than
//! any normal result needs. For f64 they are not: the error of a product below 2^-969 would be a
//! denormal and lose digits, and that of one near the top is fine but its splitting is not. So the
//! pair is kept near 1 and its exponent beside it, wherever the product leaves the middle of the
//! range. Showing it is a multiplication by a power of two, which is exact for a normal result.
//!
//! A result that is not normal is a zero, an underflow or an overflow: then the step is the sequential
//! one, and an exponent of its own saves nothing that sequential mode would have lost.
//!
//! Of a complex product it is the larger part that is kept near 1; an error in the smaller one counts
//! against the magnitude of both.
#![forbid(unsafe_code)]

mod append;

use super::{narrowed, parts, whole, widened};
use crate::elem::Complex;
use crate::op::{Combine, Prod};
use crate::pair::{Pair, ProductError, Split, fast_two_sum};

/// A type with compensated products.
pub trait Product: Copy {
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

/// A normalised pair times a number, normalised.
#[inline(always)]
fn times(acc: Pair<f64>, x: f64) -> Pair<f64> {
    let product = Pair::of_product::<Split>(acc.value, x);
    fast_two_sum(product.value, product.error + acc.error * x)
}

impl Product for f32 {
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
        let next = times(acc, x as f64);
        if Self::shown(next).is_normal() {
            next
        } else {
            Self::exact(Self::shown(acc) * x)
        }
    }

    #[inline(always)]
    fn merge(first: Pair<f64>, second: Pair<f64>) -> Pair<f64> {
        let next = first.times::<Split>(second);
        if Self::shown(next).is_normal() {
            next
        } else {
            Self::exact(Self::shown(first) * Self::shown(second))
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

/// Magnitudes between 2^-MIDDLE and 2^MIDDLE need no exponent of their own: they can be multiplied with
/// each other, and the errors of that with each other, without a thought.
const MIDDLE: i32 = 400;

/// `2^k`, which is normal.
#[inline(always)]
fn power(k: i32) -> f64 {
    f64::from_bits(((1023 + k) as u64) << 52)
}

/// The exponent of a number as its bits have it: that of a denormal or zero is -1023, of an infinity or
/// a NaN 1024.
#[inline(always)]
fn stored_exponent(x: f64) -> i32 {
    ((x.to_bits() >> 52) & 0x7ff) as i32 - 1023
}

/// The exponent of a finite number other than zero.
#[inline(always)]
fn exponent(x: f64) -> i32 {
    match stored_exponent(x) {
        -1023 => stored_exponent(x * power(200)) - 200,
        normal => normal,
    }
}

/// `x * 2^k`, rounded once if `x` is between 1/2 and 4, or if it needs no rounding.
#[inline(always)]
fn scale(x: f64, k: i32) -> f64 {
    let k = k.clamp(-2200, 2200);
    let third = k / 3;
    x * power(third) * power(third) * power(k - 2 * third)
}

#[inline(always)]
fn in_the_middle(x: f64) -> bool {
    stored_exponent(x).abs() <= MIDDLE
}

/// A product of f64: a normalised pair times `2^exponent`. The pair's value is in the middle of the
/// range, or the exponent is 0 and the value is zero, infinite or NaN.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Scaled<P> {
    /// The product without its exponent.
    pub pair: P,
    /// The exponent; 0 if the product itself is in the middle of the range.
    pub exponent: i32,
}

impl Scaled<Pair<f64>> {
    /// A normalised pair, whatever its magnitude.
    #[inline(always)]
    pub fn new(pair: Pair<f64>) -> Self {
        if in_the_middle(pair.value) || pair.value == 0.0 || !pair.value.is_finite() {
            return Scaled { pair, exponent: 0 };
        }
        let exponent = exponent(pair.value);
        let pair = Pair {
            value: scale(pair.value, -exponent),
            error: scale(pair.error, -exponent),
        };
        Scaled { pair, exponent }
    }

    /// With the exponent where it belongs.
    #[inline(always)]
    fn settled(self) -> Self {
        let inner = stored_exponent(self.pair.value);
        let exponent = self.exponent + inner;
        if exponent.abs() <= MIDDLE {
            let pair = self.pair.scaled(power(self.exponent));
            Scaled { pair, exponent: 0 }
        } else {
            let pair = self.pair.scaled(power(-inner));
            Scaled { pair, exponent }
        }
    }

    #[inline(always)]
    fn shown(self) -> f64 {
        if self.exponent == 0 {
            self.pair.value
        } else {
            scale(self.pair.value, self.exponent)
        }
    }

    /// Neither zero nor infinite nor NaN.
    #[inline(always)]
    fn ordinary(self) -> bool {
        in_the_middle(self.pair.value)
    }
}

impl Product for f64 {
    type Acc = Scaled<Pair<f64>>;
    type Carry = Pair<f64>;

    #[inline(always)]
    fn exact(self) -> Self::Acc {
        Scaled::new(Pair::exact(self))
    }

    #[inline(always)]
    fn shown(acc: Self::Acc) -> f64 {
        acc.shown()
    }

    #[inline(always)]
    fn step(acc: Self::Acc, x: f64) -> Self::Acc {
        if acc.exponent == 0 && acc.ordinary() && in_the_middle(x) {
            let pair = times(acc.pair, x);
            if in_the_middle(pair.value) {
                return Scaled { pair, exponent: 0 };
            }
        }
        merge(acc, x.exact(), x)
    }

    #[inline(always)]
    fn merge(first: Self::Acc, second: Self::Acc) -> Self::Acc {
        merge(first, second, second.shown())
    }

    #[inline(always)]
    fn import(carry: Pair<f64>) -> Self::Acc {
        Scaled::new(carry.normalised())
    }

    #[inline(always)]
    fn export_as(acc: Self::Acc, value: f64) -> Pair<f64> {
        carried(acc.pair, acc.exponent, value)
    }
}

/// A product times `2^exponent`, shown as `value`, as a carry.
#[inline(always)]
fn carried(product: Pair<f64>, exponent: i32, value: f64) -> Pair<f64> {
    if !value.is_finite() {
        return Pair::exact(value);
    }
    let shown = scale(product.value, exponent);
    let error = (shown - value) + scale(product.error, exponent);
    Pair { value, error }.carried()
}

/// The product of two products, the second of which is shown as `x`.
fn merge(first: Scaled<Pair<f64>>, second: Scaled<Pair<f64>>, x: f64) -> Scaled<Pair<f64>> {
    if first.ordinary() && second.ordinary() {
        let next = Scaled {
            pair: first.pair.times::<Split>(second.pair),
            exponent: first.exponent + second.exponent,
        };
        let next = next.settled();
        if next.shown().is_normal() {
            return next;
        }
    }
    (first.shown() * x).exact()
}

/// The product of two complex numbers.
#[inline(always)]
fn complex_times<E: ProductError>(
    a: Complex<Pair<f64>>,
    b: Complex<Pair<f64>>,
) -> Complex<Pair<f64>> {
    Complex {
        re: a.re.times::<E>(b.re).plus(a.im.times::<E>(b.im).negated()),
        im: a.re.times::<E>(b.im).plus(a.im.times::<E>(b.re)),
    }
}

macro_rules! complex_tests {
    ($($f:ty),*) => { $(
        impl Complex<$f> {
            fn is_finite(self) -> bool {
                self.re.is_finite() && self.im.is_finite()
            }
            /// Whether this is finite and its magnitude is a normal number, to within one place.
            fn is_normal(self) -> bool {
                self.is_finite() && (self.re.is_normal() || self.im.is_normal())
            }
        }
    )* };
}
complex_tests!(f32, f64);

/// The product of two complex products, which are shown as `z` and `x`.
#[inline(always)]
fn complex_merge_f32(
    first: Complex<Pair<f64>>,
    second: Complex<Pair<f64>>,
    z: Complex<f32>,
    x: Complex<f32>,
) -> Complex<Pair<f64>> {
    let sequential = Prod::combine(z, x);
    let next = complex_times::<Split>(first, second);
    if sequential.is_finite() && <Complex<f32> as Product>::shown(next).is_normal() {
        next
    } else {
        sequential.exact()
    }
}

impl Product for Complex<f32> {
    type Acc = Complex<Pair<f64>>;
    type Carry = Pair<Complex<f32>>;

    #[inline(always)]
    fn exact(self) -> Self::Acc {
        Complex {
            re: Pair::exact(self.re as f64),
            im: Pair::exact(self.im as f64),
        }
    }

    #[inline(always)]
    fn shown(acc: Self::Acc) -> Self {
        Complex {
            re: acc.re.value as f32,
            im: acc.im.value as f32,
        }
    }

    #[inline(always)]
    fn step(acc: Self::Acc, x: Self) -> Self::Acc {
        complex_merge_f32(acc, x.exact(), Self::shown(acc), x)
    }

    #[inline(always)]
    fn merge(first: Self::Acc, second: Self::Acc) -> Self::Acc {
        complex_merge_f32(first, second, Self::shown(first), Self::shown(second))
    }

    #[inline(always)]
    fn import(carry: Self::Carry) -> Self::Acc {
        let z = parts(carry);
        Complex {
            re: <f32 as Product>::import(z.re),
            im: <f32 as Product>::import(z.im),
        }
    }

    #[inline(always)]
    fn export_as(acc: Self::Acc, value: Self) -> Self::Carry {
        whole(Complex {
            re: narrowed(acc.re, value.re),
            im: narrowed(acc.im, value.im),
        })
    }
}

/// The larger of the parts' magnitudes; NaN if one is.
#[inline(always)]
fn larger(z: Complex<Pair<f64>>) -> f64 {
    let (re, im) = (z.re.value.abs(), z.im.value.abs());
    if re > im || re.is_nan() { re } else { im }
}

impl Scaled<Complex<Pair<f64>>> {
    /// Two normalised pairs as they are, to be shown again: the smaller one may be too small to stand
    /// beside the other with a common exponent.
    #[inline(always)]
    fn of_parts(pair: Complex<Pair<f64>>) -> Self {
        Scaled { pair, exponent: 0 }
    }

    /// The same with an exponent, where it needs one to be multiplied with.
    #[inline(always)]
    fn centred(self) -> Self {
        let z = self.pair;
        let larger = larger(z);
        let finite = z.re.value.is_finite() && z.im.value.is_finite();
        if self.exponent != 0 || in_the_middle(larger) || larger == 0.0 || !finite {
            return self;
        }
        let exponent = exponent(larger);
        let part = |part: Pair<f64>| Pair {
            value: scale(part.value, -exponent),
            error: scale(part.error, -exponent),
        };
        let pair = Complex {
            re: part(z.re),
            im: part(z.im),
        };
        Scaled { pair, exponent }
    }

    /// With the exponent where it belongs.
    #[inline(always)]
    fn settled_parts(self) -> Self {
        let inner = stored_exponent(larger(self.pair));
        let exponent = self.exponent + inner;
        let (power, exponent) = if exponent.abs() <= MIDDLE {
            (power(self.exponent), 0)
        } else {
            (power(-inner), exponent)
        };
        let pair = Complex {
            re: self.pair.re.scaled(power),
            im: self.pair.im.scaled(power),
        };
        Scaled { pair, exponent }
    }
}

/// The product of two complex products, which are shown as `z` and `x`.
#[inline(always)]
fn complex_merge_f64(
    first: Scaled<Complex<Pair<f64>>>,
    second: Scaled<Complex<Pair<f64>>>,
    z: Complex<f64>,
    x: Complex<f64>,
) -> Scaled<Complex<Pair<f64>>> {
    type Parts = Scaled<Complex<Pair<f64>>>;
    let sequential = Prod::combine(z, x);
    let (first, second) = (first.centred(), second.centred());
    let ordinary = |z: Parts| in_the_middle(larger(z.pair));
    if sequential.is_finite() && ordinary(first) && ordinary(second) {
        let next = Scaled {
            pair: complex_times::<Split>(first.pair, second.pair),
            exponent: first.exponent + second.exponent,
        };
        let next = next.settled_parts();
        if <Complex<f64> as Product>::shown(next).is_normal() {
            return next;
        }
    }
    sequential.exact()
}

impl Product for Complex<f64> {
    type Acc = Scaled<Complex<Pair<f64>>>;
    type Carry = Pair<Complex<f64>>;

    #[inline(always)]
    fn exact(self) -> Self::Acc {
        Scaled::of_parts(Complex {
            re: Pair::exact(self.re),
            im: Pair::exact(self.im),
        })
    }

    #[inline(always)]
    fn shown(acc: Self::Acc) -> Self {
        let part = |part: Pair<f64>| match acc.exponent {
            0 => part.value,
            exponent => scale(part.value, exponent),
        };
        Complex {
            re: part(acc.pair.re),
            im: part(acc.pair.im),
        }
    }

    #[inline(always)]
    fn step(acc: Self::Acc, x: Self) -> Self::Acc {
        complex_merge_f64(acc, x.exact(), Self::shown(acc), x)
    }

    #[inline(always)]
    fn merge(first: Self::Acc, second: Self::Acc) -> Self::Acc {
        complex_merge_f64(first, second, Self::shown(first), Self::shown(second))
    }

    #[inline(always)]
    fn import(carry: Self::Carry) -> Self::Acc {
        let z = parts(carry);
        Scaled::of_parts(Complex {
            re: z.re.normalised(),
            im: z.im.normalised(),
        })
    }

    #[inline(always)]
    fn export_as(acc: Self::Acc, value: Self) -> Self::Carry {
        whole(Complex {
            re: carried(acc.pair.re, acc.exponent, value.re),
            im: carried(acc.pair.im, acc.exponent, value.im),
        })
    }
}
