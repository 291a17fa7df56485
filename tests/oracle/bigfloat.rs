//! Floating numbers of 128 bits and any exponent, for products whose reference must not round or overflow.
//!
//! Results are truncated, so every operation errs by less than `2^-126` of its result's magnitude (of the larger
//! operand's, for a sum): after a hundred thousand of them the reference still has 109 good bits.

use super::convert::{exponent_of, power_of_two};
use super::exact::times_power_of_two;

#[derive(Clone, Copy, Debug)]
pub struct BigFloat {
    negative: bool,
    /// Exponent of the significand's lowest bit.
    exponent: i64,
    /// Top bit set, or zero.
    significand: u128,
}

impl BigFloat {
    pub fn zero() -> BigFloat {
        BigFloat {
            negative: false,
            exponent: 0,
            significand: 0,
        }
    }

    fn normal(negative: bool, exponent: i64, significand: u128) -> BigFloat {
        if significand == 0 {
            return BigFloat::zero();
        }
        let shift = significand.leading_zeros();
        BigFloat {
            negative,
            exponent: exponent - i64::from(shift),
            significand: significand << shift,
        }
    }

    /// A finite double, exactly.
    pub fn from(x: f64) -> BigFloat {
        assert!(x.is_finite());
        if x == 0.0 {
            return BigFloat::zero();
        }
        let lowest_bit = (exponent_of(x) - 52).max(-1074);
        let significand = (x.abs() / power_of_two(lowest_bit)) as u128;
        BigFloat::normal(x < 0.0, i64::from(lowest_bit), significand)
    }

    pub fn negated(self) -> BigFloat {
        BigFloat {
            negative: !self.negative && self.significand != 0,
            ..self
        }
    }

    pub fn times(self, other: BigFloat) -> BigFloat {
        let low = |n: u128| n & u128::from(u64::MAX);
        let (a1, a0) = (self.significand >> 64, low(self.significand));
        let (b1, b0) = (other.significand >> 64, low(other.significand));
        let middle = ((a0 * b0) >> 64) + low(a1 * b0) + low(a0 * b1);
        let high = a1 * b1 + ((a1 * b0) >> 64) + ((a0 * b1) >> 64) + (middle >> 64);
        BigFloat::normal(
            self.negative != other.negative,
            self.exponent + other.exponent + 128,
            high,
        )
    }

    pub fn plus(self, other: BigFloat) -> BigFloat {
        if self.significand == 0 {
            return other;
        }
        if other.significand == 0 {
            return self;
        }
        let (large, small) = if self.exponent >= other.exponent {
            (self, other)
        } else {
            (other, self)
        };
        // One bit of room for the sum.
        let shift = large.exponent - small.exponent + 1;
        let a = large.significand >> 1;
        let b = if shift < 128 {
            small.significand >> shift
        } else {
            0
        };
        let exponent = large.exponent + 1;
        if large.negative == small.negative {
            BigFloat::normal(large.negative, exponent, a + b)
        } else if a >= b {
            BigFloat::normal(large.negative, exponent, a - b)
        } else {
            BigFloat::normal(small.negative, exponent, b - a)
        }
    }

    /// Exponent of the leading bit; none for zero.
    pub fn leading(self) -> Option<i64> {
        (self.significand != 0).then_some(self.exponent + 127)
    }

    pub fn is_negative(self) -> bool {
        self.negative
    }

    /// The number over `2^scale`, to about 53 bits.
    pub fn scaled(self, scale: i64) -> f64 {
        let exponent = (self.exponent - scale).clamp(-4000, 4000) as i32;
        let magnitude = times_power_of_two(self.significand as f64, exponent);
        if self.negative { -magnitude } else { magnitude }
    }
}

#[test]
fn products_and_sums_keep_their_bits() {
    let big = BigFloat::from;
    assert_eq!(big(3.0).times(big(-7.0)).scaled(0), -21.0);
    let round_trip = big(3e300)
        .times(big(3e300))
        .times(big(1e-300))
        .times(big(1e-300));
    assert!((round_trip.scaled(0) - 9.0).abs() < 1e-14);
    assert_eq!(big(1.0).plus(big(-1.0)).leading(), None);
    assert_eq!(
        big(1.0)
            .plus(big(f64::EPSILON / 4.0))
            .plus(big(-1.0))
            .scaled(0),
        f64::EPSILON / 4.0
    );
    assert_eq!(big(f64::from_bits(1)).leading(), Some(-1074));
    assert_eq!(big(-5.0).plus(big(3.0)).scaled(1), -1.0);
    let third = big(1.0 / 3.0);
    // (1/3 rounded)^2 exactly, less its double, leaves the double's rounding error.
    let error = third
        .times(third)
        .plus(big(-(1.0f64 / 3.0) * (1.0 / 3.0)))
        .scaled(0);
    assert_eq!(
        error,
        (1.0f64 / 3.0).mul_add(1.0 / 3.0, -((1.0f64 / 3.0) * (1.0 / 3.0)))
    );
}
