//! A value and its rounding error, and the operations that lose nothing.
//!
//! The sum of two floats and its rounding error are two floats again (`two_sum`: D. E. Knuth, "The
//! Art of Computer Programming", vol. 2, 4.2.2; `fast_two_sum`: T. J. Dekker, "A floating-point
//! technique for extending the available precision", 1971), and so are the product and its error
//! ([`ProductError`], by Dekker's splitting or by a fused multiply-add). A pair is *normalised* if
//! `value` is `value + error` rounded, so that it is the result to show.
#![forbid(unsafe_code)]

/// A value and what it lacks.
#[derive(Clone, Copy, Debug, PartialEq)]
#[repr(C)]
pub struct Pair<T> {
    /// The rounded value.
    pub value: T,
    /// What is to be added to it.
    pub error: T,
}

/// What pairs need of a binary floating-point type.
pub trait Ieee: Copy + PartialEq {
    /// Plus zero.
    const ZERO: Self;
    /// The rounded sum.
    fn add(self, other: Self) -> Self;
    /// The rounded difference.
    fn sub(self, other: Self) -> Self;
    /// Neither infinite nor NaN.
    fn finite(self) -> bool;
    /// The neighbour towards zero of a number that is not zero.
    fn toward_zero(self) -> Self;
    /// Half the distance to that neighbour, with the sign of `like`; zero of zero.
    fn half_place(self, like: Self) -> Self;
}

macro_rules! ieee {
    ($($t:ty),*) => { $(
        impl Ieee for $t {
            const ZERO: $t = 0.0;
            #[inline(always)]
            fn add(self, other: $t) -> $t {
                self + other
            }
            #[inline(always)]
            fn sub(self, other: $t) -> $t {
                self - other
            }
            #[inline(always)]
            fn finite(self) -> bool {
                self.is_finite()
            }
            #[inline(always)]
            fn toward_zero(self) -> $t {
                <$t>::from_bits(self.to_bits() - 1)
            }
            #[inline(always)]
            fn half_place(self, like: $t) -> $t {
                if self == 0.0 {
                    return 0.0;
                }
                ((self - self.toward_zero()) * 0.5).copysign(like)
            }
        }
    )* };
}
ieee!(f32, f64);

/// `a + b` exactly, as rounded sum and error, if the sum does not overflow. Next to the largest
/// numbers the error may come out as NaN all the same.
#[inline(always)]
pub fn two_sum<F: Ieee>(a: F, b: F) -> Pair<F> {
    let value = a.add(b);
    let b_seen = value.sub(a);
    let error = a.sub(value.sub(b_seen)).add(b.sub(b_seen));
    Pair { value, error }
}

/// The same, if `a` is a multiple of the last place of `b`: where it is the larger one, for example,
/// or where either is zero.
#[inline(always)]
pub fn fast_two_sum(a: f64, b: f64) -> Pair<f64> {
    let value = a + b;
    Pair {
        value,
        error: b - (value - a),
    }
}

/// A way to the rounding error of a product. All ways give the same bits.
pub trait ProductError: Copy + 'static {
    /// What the rounded product `p` of `a` and `b` lacks, rounded where a double does not hold it; +0.0 if
    /// that is nothing. `a` and `b` are below 2^990.
    fn lost(a: f64, b: f64, p: f64) -> f64;
}

/// By a fused multiply-add, in functions that are compiled for a processor with one; in others it would be
/// a call.
#[derive(Clone, Copy)]
pub struct Fused;

impl ProductError for Fused {
    #[inline(always)]
    fn lost(a: f64, b: f64, p: f64) -> f64 {
        a.mul_add(b, -p) + 0.0
    }
}

/// Multiplies a double for its upper half to be rounded off: 2^27 + 1.
pub const SPLITTER: f64 = 134_217_729.0;

/// 2^-960: of a product below, some that splitting makes of it is no normal number.
pub const SPLIT_FROM: f64 = f64::from_bits((1023 - 960) << 52);

/// In any function: by Dekker's splitting, unless every processor has a fused multiply-add.
#[derive(Clone, Copy)]
pub struct Split;

impl ProductError for Split {
    #[inline(always)]
    fn lost(a: f64, b: f64, p: f64) -> f64 {
        if cfg!(any(target_arch = "aarch64", target_feature = "fma")) {
            return Fused::lost(a, b, p);
        }
        if p.abs() >= SPLIT_FROM {
            return split_error(a, b, p);
        }
        small_error(a, b, p)
    }
}

/// The error by halves of 26 digits, whose products are exact. A function of its own, for there are many
/// places that have a use for it.
#[inline(never)]
fn split_error(a: f64, b: f64, p: f64) -> f64 {
    let split = |x: f64| {
        let scaled = x * SPLITTER;
        let high = scaled - (scaled - x);
        (high, x - high)
    };
    let ((a1, a2), (b1, b2)) = (split(a), split(b));
    ((a1 * b1 - p) + a1 * b2 + a2 * b1) + a2 * b2
}

/// [`ProductError::lost`] for a product below 2^-960.
#[cold]
#[inline(never)]
fn small_error(a: f64, b: f64, p: f64) -> f64 {
    if p.abs() < f64::MIN_POSITIVE {
        // At most half the least number, which rounds to zero.
        return 0.0;
    }
    let [up, down] = [1023 + 200, 1023 - 200].map(|e: u64| f64::from_bits(e << 52));
    let (smaller, larger) = if a.abs() < b.abs() { (a, b) } else { (b, a) };
    split_error(smaller * up, larger, p * up) * down + 0.0
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
}

impl<F: Ieee> Pair<F> {
    /// A carry that stands for its value when it is normalised. The error may be too large for that where
    /// it was rounded to a denormal, or where the value was found in another way than the error: then it
    /// is cut off at half a place.
    #[inline(always)]
    pub fn carried(self) -> Self {
        let stands = |error: F| self.value.add(error) == self.value;
        if stands(self.error) {
            return self;
        }
        let half = self.value.half_place(self.error);
        let error = if stands(half) {
            half
        } else {
            half.toward_zero()
        };
        Pair {
            value: self.value,
            error,
        }
    }
}

impl Pair<f64> {
    /// The product of two numbers; their range is that of [`ProductError::lost`].
    #[inline(always)]
    pub fn of_product<E: ProductError>(a: f64, b: f64) -> Self {
        let value = a * b;
        Pair {
            value,
            error: E::lost(a, b, value),
        }
    }

    /// The product of two normalised pairs, normalised, within 2^-102 of it; ranges as above.
    #[inline(always)]
    pub fn times<E: ProductError>(self, other: Self) -> Self {
        let product = Pair::of_product::<E>(self.value, other.value);
        let cross = self.value * other.error + self.error * other.value;
        fast_two_sum(product.value, product.error + cross)
    }

    /// The sum of two normalised pairs, normalised, within 2^-104 of the sum of their magnitudes.
    #[inline(always)]
    pub fn plus(self, other: Self) -> Self {
        let sum = two_sum(self.value, other.value);
        let error = sum.error + (self.error + other.error);
        Pair {
            value: sum.value,
            error,
        }
        .normalised()
    }

    /// The opposite number.
    #[inline(always)]
    pub fn negated(self) -> Self {
        Pair {
            value: -self.value,
            error: -self.error,
        }
    }

    /// Both times a power of two.
    #[inline(always)]
    pub fn scaled(self, power: f64) -> Self {
        Pair {
            value: self.value * power,
            error: self.error * power,
        }
    }

    /// A normalised pair as one number, rounded to odd: a later rounding to at most 51 digits cannot
    /// tell it from the pair.
    #[inline(always)]
    pub fn to_odd(self) -> f64 {
        let bits = self.value.to_bits();
        if self.error == 0.0 || !self.value.is_finite() {
            return self.value;
        }
        let outward = (self.error > 0.0) == (self.value > 0.0);
        f64::from_bits(if outward {
            bits | 1
        } else {
            bits - (1 - (bits & 1))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn zeros_keep_their_sign() {
        let zero = Pair {
            value: -0.0f64,
            error: 0.0,
        };
        assert!(zero.normalised().value.is_sign_negative());
        assert!(zero.plus(zero).value.is_sign_negative());
    }

    #[test]
    fn an_error_beside_an_infinity_is_dropped() {
        for error in [1.0, f32::NAN, f32::NEG_INFINITY] {
            let value = f32::INFINITY;
            assert_eq!(Pair { value, error }.normalised(), Pair::exact(value));
        }
    }

    #[test]
    fn both_ways_to_a_products_error_agree() {
        let mut random = 1u64;
        for i in 0..200_000 {
            let mut next = |least: u64, greatest: u64| {
                random = random
                    .wrapping_mul(6364136223846793005)
                    .wrapping_add(1442695040888963407);
                let exponent = least + (random >> 11) % (greatest - least);
                // Few digits now and then, for products without an error.
                let digits = (random >> 8) >> 4 & if i % 5 == 0 { !0 << 30 } else { !0 };
                f64::from_bits((random >> 63) << 63 | exponent << 52 | digits)
            };
            let (a, b) = match i % 3 {
                0 => (next(623, 1423), next(623, 1423)),
                1 => (next(1, 1000), next(1, 1000)),
                _ => (next(0, 30), next(0, 1100)),
            };
            for (a, b) in [(a, b), (b, a), (0.0 * a, b)] {
                let lost = [Split::lost(a, b, a * b), Fused::lost(a, b, a * b)];
                assert_eq!(lost[0].to_bits(), lost[1].to_bits(), "{a:e} {b:e}");
            }
        }
    }

    #[test]
    fn a_pair_rounds_to_odd() {
        let odd = |value: f64, error: f64| Pair { value, error }.to_odd();
        assert_eq!(odd(1.0, 0.0), 1.0);
        assert_eq!(odd(1.0, 1e-20), 1.0f64.next_up());
        assert_eq!(odd(1.0, -1e-20), 1.0f64.next_down());
        assert_eq!(odd(-1.0, 1e-20), (-1.0f64).next_up());
        assert_eq!(odd(1.0f64.next_up(), 1e-20), 1.0f64.next_up());
        assert_eq!(odd(1.0f64.next_up(), -1e-20), 1.0f64.next_up());
    }
}
