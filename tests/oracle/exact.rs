//! Sums of doubles without any rounding: one fixed-point integer that is wide enough for all of them.

use super::convert::{exponent_of, power_of_two};

const LIMBS: usize = 36;
/// Weight of the lowest bit, as the exponent of a power of two: the smallest denormal.
const LOWEST: i32 = -1074;

/// A number in two's complement, from `2^-1074` to beyond `2^1220`.
#[derive(Clone, Copy)]
pub struct Exact {
    limbs: [u64; LIMBS],
}

impl Exact {
    pub fn zero() -> Exact {
        Exact { limbs: [0; LIMBS] }
    }

    /// Adds a finite number.
    pub fn add(&mut self, x: f64) {
        assert!(x.is_finite());
        if x == 0.0 {
            return;
        }
        let lowest_bit = (exponent_of(x) - 52).max(LOWEST);
        let significand = (x.abs() / power_of_two(lowest_bit)) as u64;
        let position = (lowest_bit - LOWEST) as usize;
        let wide = u128::from(significand) << (position % 64);
        let (limb, low, high) = (position / 64, wide as u64, (wide >> 64) as u64);
        let negative = x < 0.0;
        let mut carry = false;
        for (index, limb) in self.limbs[limb..].iter_mut().enumerate() {
            let operand = match index {
                0 => low,
                1 => high,
                _ if !carry => break,
                _ => 0,
            };
            let (sum, one) = if negative {
                limb.overflowing_sub(operand)
            } else {
                limb.overflowing_add(operand)
            };
            let (sum, other) = if negative {
                sum.overflowing_sub(carry.into())
            } else {
                sum.overflowing_add(carry.into())
            };
            *limb = sum;
            carry = one || other;
        }
    }

    fn is_negative(&self) -> bool {
        self.limbs[LIMBS - 1] >> 63 == 1
    }

    fn magnitude(&self) -> [u64; LIMBS] {
        let mut limbs = self.limbs;
        if self.is_negative() {
            let mut carry = true;
            for limb in &mut limbs {
                (*limb, carry) = (!*limb).overflowing_add(carry.into());
            }
        }
        limbs
    }

    /// Exponent of the leading bit of the magnitude; none for zero.
    pub fn exponent(&self) -> Option<i32> {
        let limbs = self.magnitude();
        let top = limbs.iter().rposition(|&limb| limb != 0)?;
        Some(top as i32 * 64 + 63 - limbs[top].leading_zeros() as i32 + LOWEST)
    }

    /// The number over `2^scale` as a double, truncated to at least 53 bits; beyond the range of doubles, infinite.
    pub fn scaled(&self, scale: i32) -> f64 {
        let limbs = self.magnitude();
        let Some(top) = limbs.iter().rposition(|&limb| limb != 0) else {
            return 0.0;
        };
        let high =
            u128::from(limbs[top]) << 64 | u128::from(if top > 0 { limbs[top - 1] } else { 0 });
        let lowest_bit = (top as i32 - 1) * 64 + LOWEST;
        let magnitude = times_power_of_two(high as f64, lowest_bit - scale);
        if self.is_negative() {
            -magnitude
        } else {
            magnitude
        }
    }

    pub fn minus(&self, x: f64) -> Exact {
        let mut difference = *self;
        difference.add(-x);
        difference
    }
}

/// `x * 2^exponent` for any exponent.
pub fn times_power_of_two(x: f64, exponent: i32) -> f64 {
    let mut result = x;
    let mut rest = exponent;
    while rest != 0 {
        let step = rest.clamp(-1000, 1000);
        result *= power_of_two(step);
        rest -= step;
    }
    result
}

#[test]
fn sums_come_out_whatever_cancels() {
    let mut sum = Exact::zero();
    for x in [1e308, 1.0, -1e308, f64::from_bits(1), -3.0] {
        sum.add(x);
    }
    assert_eq!(sum.exponent(), Some(0));
    assert_eq!(sum.scaled(0), -2.0);
    assert_eq!(sum.minus(-2.0).scaled(-1074), 1.0);
    sum.add(2.0);
    sum.add(-f64::from_bits(1));
    assert_eq!(sum.exponent(), None);
    for _ in 0..8 {
        sum.add(f64::MAX);
    }
    assert_eq!(sum.exponent(), Some(1026));
    assert_eq!(sum.scaled(1024), 8f64.next_down());
    sum.add(-0.75);
    assert_eq!(sum.exponent(), Some(1026));
}
