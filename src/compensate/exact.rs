//! Exact arithmetic for tests: floating-point numbers of any length, slow and obvious.

/// `sign * magnitude * 2^exponent`, the magnitude in 32-bit limbs, the lowest first.
#[derive(Clone, Debug)]
pub struct Big {
    negative: bool,
    limbs: Vec<u32>,
    exponent: i64,
}

impl Big {
    /// A finite number.
    pub fn from_f64(x: f64) -> Big {
        assert!(x.is_finite());
        let bits = x.to_bits();
        let stored = (bits >> 52) & 0x7ff;
        let fraction = bits & ((1 << 52) - 1);
        let (magnitude, exponent) = match stored {
            0 => (fraction, -1074),
            _ => (fraction | 1 << 52, stored as i64 - 1075),
        };
        let mut big = Big {
            negative: x < 0.0,
            limbs: vec![magnitude as u32, (magnitude >> 32) as u32],
            exponent,
        };
        big.trim();
        big
    }

    /// Removes zeros at both ends.
    fn trim(&mut self) {
        while self.limbs.last() == Some(&0) {
            self.limbs.pop();
        }
        let zeros = self.limbs.iter().take_while(|&&limb| limb == 0).count();
        self.limbs.drain(..zeros);
        self.exponent += 32 * zeros as i64;
        if self.limbs.is_empty() {
            self.exponent = 0;
        }
    }

    pub fn is_zero(&self) -> bool {
        self.limbs.is_empty()
    }

    /// The limbs of the magnitude in units of `2^exponent`, which divides it.
    fn aligned(&self, exponent: i64) -> Vec<u32> {
        let shift = (self.exponent - exponent) as usize;
        let mut limbs = vec![0u32; shift / 32];
        let mut carry = 0u64;
        for &limb in &self.limbs {
            let wide = (limb as u64) << (shift % 32) | carry;
            limbs.push(wide as u32);
            carry = wide >> 32;
        }
        limbs.push(carry as u32);
        limbs
    }

    pub fn add(&self, other: &Big) -> Big {
        if self.is_zero() {
            return other.clone();
        }
        if other.is_zero() {
            return self.clone();
        }
        let exponent = self.exponent.min(other.exponent);
        let (mut a, mut b) = (self.aligned(exponent), other.aligned(exponent));
        let n = a.len().max(b.len()) + 1;
        a.resize(n, 0);
        b.resize(n, 0);
        let mut negative = self.negative;
        if self.negative == other.negative {
            let mut carry = 0u64;
            for (a, b) in a.iter_mut().zip(&b) {
                carry += *a as u64 + *b as u64;
                *a = carry as u32;
                carry >>= 32;
            }
        } else {
            if a.iter().rev().lt(b.iter().rev()) {
                std::mem::swap(&mut a, &mut b);
                negative = other.negative;
            }
            let mut borrow = 0i64;
            for (a, b) in a.iter_mut().zip(&b) {
                borrow += *a as i64 - *b as i64;
                *a = borrow as u32;
                borrow >>= 32;
            }
        }
        let mut sum = Big {
            negative,
            limbs: a,
            exponent,
        };
        sum.trim();
        sum
    }

    pub fn negated(&self) -> Big {
        Big {
            negative: !self.negative,
            ..self.clone()
        }
    }

    pub fn sub(&self, other: &Big) -> Big {
        self.add(&other.negated())
    }

    pub fn abs(&self) -> Big {
        Big {
            negative: false,
            ..self.clone()
        }
    }

    pub fn mul(&self, other: &Big) -> Big {
        let mut limbs = vec![0u32; self.limbs.len() + other.limbs.len() + 1];
        for (i, &a) in self.limbs.iter().enumerate() {
            let mut carry = 0u64;
            for (j, &b) in other.limbs.iter().enumerate() {
                carry += a as u64 * b as u64 + limbs[i + j] as u64;
                limbs[i + j] = carry as u32;
                carry >>= 32;
            }
            limbs[i + other.limbs.len()] = carry as u32;
        }
        let mut product = Big {
            negative: self.negative != other.negative,
            limbs,
            exponent: self.exponent + other.exponent,
        };
        product.trim();
        product
    }

    /// Leaves the upper `limbs` limbs, for long products.
    pub fn truncated(mut self, limbs: usize) -> Big {
        let excess = self.limbs.len().saturating_sub(limbs);
        self.limbs.drain(..excess);
        self.exponent += 32 * excess as i64;
        self
    }

    /// Without the limbs that lie below `2^exponent`.
    pub fn rounded_down_to(self, exponent: i64) -> Big {
        let below = ((exponent - self.exponent) / 32).clamp(0, self.limbs.len() as i64);
        let kept = self.limbs.len() - below as usize;
        let mut big = self.truncated(kept);
        big.trim();
        big
    }

    /// Times `2^k`.
    pub fn scaled(mut self, k: i64) -> Big {
        if !self.is_zero() {
            self.exponent += k;
        }
        self
    }

    /// The exponent of the leading bit; of zero, far below all.
    pub fn exponent(&self) -> i64 {
        match self.limbs.last() {
            None => i64::MIN / 4,
            Some(last) => {
                self.exponent + 32 * self.limbs.len() as i64 - 1 - last.leading_zeros() as i64
            }
        }
    }

    /// Whether the magnitude is at most the other's.
    pub fn at_most(&self, other: &Big) -> bool {
        let difference = other.abs().sub(&self.abs());
        difference.is_zero() || !difference.negative
    }

    /// About this number; for messages.
    pub fn about(&self) -> f64 {
        let mut sum = 0.0f64;
        for (i, &limb) in self.limbs.iter().enumerate().rev().take(3) {
            let exponent = (self.exponent + 32 * i as i64).clamp(-1074, 990);
            sum += limb as f64 * 2f64.powi(exponent as i32);
        }
        if self.negative { -sum } else { sum }
    }
}

/// A sum of finite doubles, exactly: a fixed-point number with the lowest bit at 2^-1074, in limbs of
/// 32 bits that are added to without carrying for a while.
pub struct FixedPoint {
    limbs: [i64; 68],
    added: u32,
}

impl FixedPoint {
    pub fn new() -> FixedPoint {
        FixedPoint {
            limbs: [0; 68],
            added: 0,
        }
    }

    pub fn add(&mut self, x: f64) {
        assert!(x.is_finite());
        let bits = x.to_bits();
        let stored = (bits >> 52) & 0x7ff;
        let fraction = bits & ((1 << 52) - 1);
        let (magnitude, shift) = match stored {
            0 => (fraction, 0),
            _ => (fraction | 1 << 52, stored as usize - 1),
        };
        let wide = (magnitude as u128) << (shift % 32);
        let sign = if x < 0.0 { -1 } else { 1 };
        for i in 0..3 {
            self.limbs[shift / 32 + i] += sign * (wide >> (32 * i)) as u32 as i64;
        }
        self.added += 1;
        if self.added == 1 << 28 {
            self.carry();
        }
    }

    fn carry(&mut self) {
        self.added = 0;
        let mut carry = 0;
        for limb in self.limbs.iter_mut() {
            let sum = *limb + carry;
            *limb = sum & 0xffff_ffff;
            carry = sum >> 32;
        }
        self.limbs[67] += carry << 32;
    }

    pub fn value(&self) -> Big {
        let mut copy = FixedPoint {
            limbs: self.limbs,
            added: 0,
        };
        copy.carry();
        let negative = copy.limbs[67] < 0;
        if negative {
            copy.limbs.iter_mut().for_each(|limb| *limb = -*limb);
            copy.carry();
        }
        let mut big = Big {
            negative,
            limbs: copy.limbs.iter().map(|&limb| limb as u32).collect(),
            exponent: -1074,
        };
        big.trim();
        big
    }
}

/// The precision of a type and the exponent of its least number.
#[derive(Clone, Copy, Debug)]
pub struct Format {
    pub precision: i64,
    pub least: i64,
}

pub const F64: Format = Format {
    precision: 53,
    least: -1074,
};
pub const F32: Format = Format {
    precision: 24,
    least: -149,
};

impl Format {
    /// The last place of a number.
    pub fn ulp(self, s: &Big) -> Big {
        let exponent = (s.exponent() - self.precision + 1).max(self.least);
        Big::from_f64(1.0).scaled(exponent)
    }

    /// How many times its last place `r` is off `s`, roughly.
    pub fn error(self, r: f64, s: &Big) -> f64 {
        let ulp = (s.exponent() - self.precision + 1).max(self.least);
        Big::from_f64(r).sub(s).scaled(-ulp).about().abs()
    }
}

/// Follows a sum exactly, and checks results against the contract's bound.
pub struct SumCheck {
    sum: FixedPoint,
    magnitudes: FixedPoint,
    format: Format,
}

impl SumCheck {
    pub fn new(format: Format) -> SumCheck {
        SumCheck {
            sum: FixedPoint::new(),
            magnitudes: FixedPoint::new(),
            format,
        }
    }

    pub fn add(&mut self, x: f64) {
        self.sum.add(x);
        self.magnitudes.add(x.abs());
    }

    /// Checks `|r - s| <= ulp(s) + 2^(16-2p) sum|x|`, and returns the error in last places.
    pub fn check(&self, r: f64, what: &str) -> f64 {
        let s = self.sum.value();
        let allowance = self
            .magnitudes
            .value()
            .scaled(16 - 2 * self.format.precision);
        let allowed = self.format.ulp(&s).add(&allowance);
        let error = Big::from_f64(r).sub(&s);
        assert!(
            error.at_most(&allowed),
            "{what}: {r:e} is off {:e} by {:e}, more than {:e}",
            s.about(),
            error.about(),
            allowed.about()
        );
        self.format.error(r, &s)
    }
}

/// Pseudo-random numbers (G. Marsaglia's xorshift, multiplied).
pub struct Random(pub u64);

impl Random {
    pub fn bits(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    pub fn below(&mut self, n: usize) -> usize {
        (self.bits() >> 16) as usize % n
    }

    /// In [0, 1).
    pub fn uniform(&mut self) -> f64 {
        (self.bits() >> 11) as f64 * 2f64.powi(-53)
    }

    /// In (-1, 1).
    pub fn signed(&mut self) -> f64 {
        2.0 * self.uniform() - 1.0
    }

    /// With a random exponent between two.
    pub fn wide(&mut self, from: i32, to: i32) -> f64 {
        let exponent = from + self.below((to - from) as usize) as i32;
        (1.0 + self.uniform()) * 2f64.powi(exponent) * if self.below(2) == 0 { 1.0 } else { -1.0 }
    }
}

/// Kinds of data for sums that are finite throughout, in the range of f32: name, and element `i`.
pub const KINDS: [&str; 11] = [
    "uniform",
    "signed",
    "wide",
    "tenths",
    "large and small in turn",
    "cancelling in the end",
    "blocks that cancel",
    "integers",
    "rare large ones",
    "tiny",
    "growing",
];

/// `n` elements of a kind.
pub fn data(kind: &str, n: usize, random: &mut Random) -> Vec<f64> {
    let mut x: Vec<f64> = Vec::with_capacity(n);
    for i in 0..n {
        let value = match kind {
            "uniform" => random.uniform(),
            "signed" => random.signed(),
            "wide" => random.wide(-60, 60),
            "tenths" => 0.1,
            "large and small in turn" => match i % 2 {
                0 => 1e13 * (1.0 + random.uniform()),
                _ => 1e-3 * random.signed() - x[i - 1],
            },
            "cancelling in the end" if i >= n / 2 && n - 1 - i < i => -x[n - 1 - i],
            "cancelling in the end" => random.wide(-20, 20),
            "blocks that cancel" => match i % 256 {
                3 => 9e12 * (1.0 + random.uniform()),
                250 => -x[i - 247],
                _ => 0.1,
            },
            "integers" => random.below(1000) as f64 - 300.0,
            "rare large ones" => match random.below(500) {
                0 => random.wide(40, 44),
                _ => 0.7 + 1e-9 * random.uniform(),
            },
            "growing" => random.signed() * 2f64.powi((i % 480) as i32 / 4),
            "tiny" => random.signed() * 1e-40,
            _ => unreachable!("no such kind: {kind}"),
        };
        x.push(value);
    }
    x
}

/// Checks prefix products of `x` against results, all within one last place.
pub fn check_products(x: &[f64], results: &[f64], format: Format, what: &str) {
    let mut product = Big::from_f64(1.0);
    for (i, (&x, &r)) in x.iter().zip(results).enumerate() {
        product = product.mul(&Big::from_f64(x)).truncated(24);
        let error = format.error(r, &product);
        assert!(error <= 1.0, "{what}: {r:e} at {i} is off by {error}");
    }
}

/// Factors whose prefix products wander between `2^low` and `2^high`.
pub fn wandering(n: usize, low: f64, high: f64, spread: i32, random: &mut Random) -> Vec<f64> {
    let mut place = 0.0;
    let factors = (0..n).map(|_| {
        let mut x = random.wide(-spread, spread);
        while !(low..high).contains(&(place + x.abs().log2())) {
            let towards = if place < low { 1.0 } else { -1.0 };
            x = random.wide(-spread, spread);
            if (place < low || place >= high) && x.abs().log2() * towards > 0.0 {
                break;
            }
        }
        place += x.abs().log2();
        x
    });
    factors.collect()
}

/// Checks prefix products of complex numbers within one last place of their magnitude.
pub fn check_complex(x: &[[f64; 2]], results: &[[f64; 2]], format: Format, what: &str) {
    let big = Big::from_f64;
    let mut z = [big(1.0), big(0.0)];
    for (i, (x, r)) in x.iter().zip(results).enumerate() {
        let x = x.map(big);
        let re = z[0].mul(&x[0]).sub(&z[1].mul(&x[1]));
        let im = z[0].mul(&x[1]).add(&z[1].mul(&x[0]));
        // Both parts keep the same number of binary places.
        let least = re.exponent().max(im.exponent()) - 700;
        z = [re.rounded_down_to(least), im.rounded_down_to(least)];
        let square = z[0].mul(&z[0]).add(&z[1].mul(&z[1]));
        let ulp = square.exponent().div_euclid(2) - format.precision + 1;
        let off = [0, 1].map(|part| big(r[part]).sub(&z[part]));
        let error = off[0].mul(&off[0]).add(&off[1].mul(&off[1]));
        assert!(
            error.at_most(&big(1.0).scaled(2 * ulp)),
            "{what}: {r:?} at {i} is off by {:e} places",
            error.scaled(-2 * ulp).about().sqrt()
        );
    }
}

#[test]
fn exact_arithmetic_agrees_with_integers() {
    let numbers = [0.0, 1.0, -1.0, 3e9, -7e15, 12345678.0, 0.5, -0.375];
    for &a in &numbers {
        for &b in &numbers {
            let (x, y) = (Big::from_f64(a), Big::from_f64(b));
            assert_eq!(x.add(&y).about(), a + b);
            assert_eq!(x.sub(&y).about(), a - b);
            assert!(F64.error(a * b, &x.mul(&y)) <= 0.5);
            assert_eq!(x.at_most(&y), a.abs() <= b.abs());
            let mut sum = FixedPoint::new();
            sum.add(a);
            sum.add(b);
            assert!(sum.value().sub(&x.add(&y)).is_zero());
        }
        if a != 0.0 {
            assert_eq!(Big::from_f64(a).exponent(), a.abs().log2().floor() as i64);
        }
    }
    let tiny = Big::from_f64(5e-324).mul(&Big::from_f64(f64::MAX));
    assert_eq!(tiny.exponent(), -1074 + 1023);
}
