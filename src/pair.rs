//! A value and its rounding error, and the two operations on such pairs.
//!
//! The sum of two floats and its rounding error are two floats again (`two_sum`: D. E. Knuth, "The
//! Art of Computer Programming", vol. 2, 4.2.2), and so are the product and its error (`two_prod`, by
//! a fused multiply-add). A pair is kept normalised: `value` is `value + error` rounded, so that it
//! is the result to show (T. J. Dekker, "A floating-point technique for extending the available
//! precision", 1971).
//!
//! Where the plain operation gives an infinity or a NaN the pair is that with error 0: from there on
//! the scan is what the sequential one makes of it.
#![forbid(unsafe_code)]

use crate::elem::{Bf16, Complex, F16};

/// A value and what it lacks.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub struct Pair<T> {
    /// The rounded value.
    pub value: T,
    /// What is to be added to it.
    pub error: T,
}

/// A binary floating-point type with error-free transformations.
pub trait Ieee: Copy + PartialEq {
    /// Plus zero.
    const ZERO: Self;
    /// The rounded sum.
    fn add(self, other: Self) -> Self;
    /// The rounded difference.
    fn sub(self, other: Self) -> Self;
    /// The rounded product.
    fn mul(self, other: Self) -> Self;
    /// What the rounded product `p` lacks.
    fn product_error(self, other: Self, p: Self) -> Self;
    /// Neither infinite nor NaN.
    fn finite(self) -> bool;
}

impl Ieee for f64 {
    const ZERO: f64 = 0.0;
    #[inline(always)]
    fn add(self, other: f64) -> f64 {
        self + other
    }
    #[inline(always)]
    fn sub(self, other: f64) -> f64 {
        self - other
    }
    #[inline(always)]
    fn mul(self, other: f64) -> f64 {
        self * other
    }
    #[inline(always)]
    fn product_error(self, other: f64, p: f64) -> f64 {
        self.mul_add(other, -p)
    }
    #[inline(always)]
    fn finite(self) -> bool {
        self.is_finite()
    }
}

impl Ieee for f32 {
    const ZERO: f32 = 0.0;
    #[inline(always)]
    fn add(self, other: f32) -> f32 {
        self + other
    }
    #[inline(always)]
    fn sub(self, other: f32) -> f32 {
        self - other
    }
    #[inline(always)]
    fn mul(self, other: f32) -> f32 {
        self * other
    }
    #[inline(always)]
    fn product_error(self, other: f32, p: f32) -> f32 {
        // 48 digits fit a double, so no fused operation is needed.
        (self as f64 * other as f64 - p as f64) as f32
    }
    #[inline(always)]
    fn finite(self) -> bool {
        self.is_finite()
    }
}

/// `a + b` exactly, as rounded sum and error.
#[inline(always)]
fn two_sum<F: Ieee>(a: F, b: F) -> Pair<F> {
    let value = a.add(b);
    let b_seen = value.sub(a);
    let error = a.sub(value.sub(b_seen)).add(b.sub(b_seen));
    Pair { value, error }
}

/// `a * b` exactly, as rounded product and error, if neither over- nor underflows.
#[inline(always)]
fn two_prod<F: Ieee>(a: F, b: F) -> Pair<F> {
    let value = a.mul(b);
    Pair {
        value,
        error: a.product_error(b, value),
    }
}

impl<F: Ieee> Pair<F> {
    /// A value known exactly.
    #[inline(always)]
    pub fn exact(value: F) -> Self {
        Pair {
            value,
            error: F::ZERO,
        }
    }

    /// The same number with `value` rounded; an error beside an infinity or a NaN is dropped, and one
    /// that is zero leaves the value's sign alone.
    #[inline(always)]
    pub fn normalised(self) -> Self {
        let sum = two_sum(self.value, self.error);
        if self.error == F::ZERO || !self.value.finite() {
            Pair::exact(self.value)
        } else if sum.error.finite() {
            sum
        } else {
            Pair::exact(sum.value)
        }
    }

    /// The sum of two pairs.
    #[inline(always)]
    pub fn plus(self, other: Self) -> Self {
        let sum = two_sum(self.value, other.value);
        Pair {
            value: sum.value,
            error: sum.error.add(self.error.add(other.error)),
        }
        .normalised()
    }

    /// The difference of two pairs.
    #[inline(always)]
    fn minus(self, other: Self) -> Self {
        let negated = |x: F| F::ZERO.sub(x);
        let sum = two_sum(self.value, negated(other.value));
        Pair {
            value: sum.value,
            error: sum.error.add(self.error.sub(other.error)),
        }
        .normalised()
    }

    /// The product of two pairs.
    #[inline(always)]
    pub fn times(self, other: Self) -> Self {
        let product = two_prod(self.value, other.value);
        let cross = self.value.mul(other.error).add(self.error.mul(other.value));
        Pair {
            value: product.value,
            error: product.error.add(cross),
        }
        .normalised()
    }
}

/// The product of two complex pairs. A part that is infinite or NaN makes the whole product the plain
/// one, with no error.
#[inline(always)]
pub fn complex_times<F: Ieee>(a: Complex<Pair<F>>, b: Complex<Pair<F>>) -> Complex<Pair<F>> {
    let plain = Complex {
        re: a.re.value.mul(b.re.value).sub(a.im.value.mul(b.im.value)),
        im: a.re.value.mul(b.im.value).add(a.im.value.mul(b.re.value)),
    };
    if !(plain.re.finite() && plain.im.finite()) {
        return Complex {
            re: Pair::exact(plain.re),
            im: Pair::exact(plain.im),
        };
    }
    Complex {
        re: a.re.times(b.re).minus(a.im.times(b.im)),
        im: a.re.times(b.im).plus(a.im.times(b.re)),
    }
}

/// A normalised pair of floats on its way to 16 bits: rounded to odd, so that the rounding that follows
/// is the only one.
#[inline(always)]
fn to_odd(pair: Pair<f32>) -> f32 {
    let bits = pair.value.to_bits();
    if pair.error == 0.0 || !pair.value.is_finite() {
        return pair.value;
    }
    let outward = (pair.error > 0.0) == (pair.value > 0.0);
    f32::from_bits(if outward {
        bits | 1
    } else {
        bits - (1 - (bits & 1))
    })
}

/// A 16-bit float, which computes in float pairs.
pub trait Narrow: Copy {
    /// Exact.
    fn widen(self) -> f32;
    /// Rounds a normalised pair once.
    fn narrow(pair: Pair<f32>) -> Self;
}

impl Narrow for F16 {
    #[inline(always)]
    fn widen(self) -> f32 {
        self.to_f32()
    }
    #[inline(always)]
    fn narrow(pair: Pair<f32>) -> F16 {
        F16::from_f32(to_odd(pair))
    }
}

impl Narrow for Bf16 {
    #[inline(always)]
    fn widen(self) -> f32 {
        self.to_f32()
    }
    #[inline(always)]
    fn narrow(pair: Pair<f32>) -> Bf16 {
        Bf16::from_f32(to_odd(pair))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sum_of_pairs_keeps_what_cancels() {
        let big = Pair::exact(1e16)
            .plus(Pair::exact(1.0))
            .plus(Pair::exact(-1e16));
        assert_eq!((big.value, big.error), (1.0, 0.0));
    }

    #[test]
    fn zeros_keep_their_sign() {
        let zero = Pair::exact(-0.0f64).plus(Pair::exact(-0.0));
        assert!(zero.value.is_sign_negative());
        let zero = Pair {
            value: -0.0f64,
            error: 0.0,
        }
        .normalised();
        assert!(zero.value.is_sign_negative());
    }

    #[test]
    fn infinities_drop_the_error() {
        let sum = Pair::exact(f64::MAX).plus(Pair::exact(f64::MAX));
        assert_eq!((sum.value, sum.error), (f64::INFINITY, 0.0));
        let product = Pair::exact(1e200f64).times(Pair {
            value: 1e200,
            error: 1e180,
        });
        assert_eq!((product.value, product.error), (f64::INFINITY, 0.0));
    }

    #[test]
    fn a_pair_rounds_once_to_16_bits() {
        // 2049 lies in the middle between 2048 and 2050, and the error says on which side.
        for (error, expected) in [(0.0, 2048.0), (1e-5, 2050.0), (-1e-5, 2048.0)] {
            assert_eq!(
                F16::narrow(Pair {
                    value: 2049.0,
                    error
                })
                .to_f32(),
                expected
            );
        }
        for (error, expected) in [(0.0, 2052.0), (1e-5, 2052.0), (-1e-5, 2050.0)] {
            assert_eq!(
                F16::narrow(Pair {
                    value: 2051.0,
                    error
                })
                .to_f32(),
                expected
            );
        }
    }
}
