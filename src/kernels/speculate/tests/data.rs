//! Numbers for the tests: random, ordinary, and made to break what sums assume.

use crate::elem::{Bf16, F16};

/// A small generator of random numbers (M. O'Neill's PCG, 64 bits, xorshift-multiply output).
pub struct Random(u64);

impl Random {
    pub fn new(seed: u64) -> Random {
        Random(seed ^ 0x9e37_79b9_7f4a_7c15)
    }

    pub fn bits(&mut self) -> u64 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        let x = (self.0 ^ (self.0 >> 32)).wrapping_mul(0xd6e8_feb8_6659_fd93);
        x ^ (x >> 32)
    }

    pub fn below(&mut self, n: usize) -> usize {
        (self.bits() % n as u64) as usize
    }

    pub fn one_in(&mut self, n: usize) -> bool {
        self.below(n) == 0
    }

    pub fn unit(&mut self) -> f64 {
        (self.bits() >> 11) as f64 * 2f64.powi(-53)
    }

    pub fn sign(&mut self) -> f64 {
        if self.bits() & 1 == 0 { 1.0 } else { -1.0 }
    }
}

/// The format of an element's parts: digits, and the exponents of its normal numbers.
#[derive(Clone, Copy)]
pub struct Format {
    pub digits: i32,
    pub exponents: (i32, i32),
    pub round: fn(f64) -> f64,
}

pub const DOUBLE: Format = Format {
    digits: 53,
    exponents: (-1022, 1023),
    round: |x| x,
};

pub const SINGLE: Format = Format {
    digits: 24,
    exponents: (-126, 127),
    round: |x| x as f32 as f64,
};

pub const HALF: Format = Format {
    digits: 11,
    exponents: (-14, 15),
    round: |x| F16::from_f32(x as f32).to_f32() as f64,
};

pub const BRAIN: Format = Format {
    digits: 8,
    exponents: (-126, 127),
    round: |x| Bf16::from_f32(x as f32).to_f32() as f64,
};

/// 2^e, also where that is denormal or infinite.
pub fn power(e: i32) -> f64 {
    2f64.powi(e / 2) * 2f64.powi(e - e / 2)
}

/// The exponent of a number that is neither 0 nor infinite.
fn exponent(x: f64) -> i32 {
    let e = (x.to_bits() >> 52 & 0x7ff) as i32 - 1023;
    if e == -1023 { -1022 } else { e }
}

/// Numbers that are meant to break the groups: most of them harmless, so that groups are begun, and
/// now and then one that depends on the sum so far: a tie or nearly one, a step onto an edge of the
/// binade or beside it, half a binade and a bit, to zero, through zero, or something special.
pub fn adversarial(random: &mut Random, n: usize, format: Format) -> Vec<f64> {
    let (low, high) = format.exponents;
    let pick = [
        0,
        1,
        format.digits - 1,
        -format.digits,
        30,
        high,
        high - 3,
        low,
        low - 4,
        low / 2,
    ];
    let base = pick[random.below(pick.len())];
    let spread = 1 + random.below(60) as i32;
    let digits = 1 + random.below(format.digits as usize) as i32;
    let signs = random.below(4);
    let rarity = [1, 3, 20, 70, 300, 100_000][random.below(6)];
    let specials = random.one_in(12);
    let harmless = random.below(4);
    let mut sum = 0.0f64;
    let mut values = Vec::with_capacity(n);
    for i in 0..n {
        let sign = match signs {
            0 => 1.0,
            1 => -1.0,
            2 => random.sign(),
            _ => {
                if sum < 0.0 {
                    1.0
                } else {
                    -1.0
                }
            }
        };
        let ulp = if sum == 0.0 || !sum.is_finite() {
            power(base - format.digits)
        } else {
            power((exponent(sum) - format.digits + 1).max(low - format.digits + 1))
        };
        let edge = if sum.is_finite() && sum != 0.0 {
            power(exponent(sum))
        } else {
            1.0
        };
        let mut x = if i == 0 && random.one_in(2) {
            // Beside an edge.
            power(base) + (random.below(64) as f64 - 32.0) * power(base - format.digits)
        } else if i > 0 && random.one_in(rarity) {
            let nudge = [0.0, 0.25, -0.25, 1e-3, -1e-3][random.below(5)] * ulp;
            match random.below(9) {
                // Ties and what is near them.
                0 | 1 => (random.below(9) as f64 - 4.5) * ulp + nudge,
                2 => (random.bits() % (1 << format.digits.min(50))) as f64 * ulp + ulp / 2.0,
                // Onto an edge, or beside it.
                3 => 2.0 * edge - sum.abs() + (random.below(5) as f64 - 2.0) * ulp / 2.0,
                4 => edge - sum.abs() + (random.below(5) as f64 - 2.0) * ulp / 4.0,
                // The bounds of the check.
                5 => random.sign() * (edge / 2.0 + (random.below(17) as f64 - 8.0) * ulp / 4.0),
                6 => -sum.abs() * random.below(3) as f64,
                7 => random.sign() * edge * power(random.below(70) as i32 - 5),
                _ => 0.0 * random.sign(),
            }
        } else {
            match harmless {
                0 => random.unit() * edge / 256.0,
                1 => random.below(8) as f64 * ulp,
                2 => random.unit() * ulp * 64.0,
                _ => {
                    let fraction = (random.bits() >> (64 - digits)) as f64;
                    fraction
                        * power(
                            (base - digits - random.below(spread as usize) as i32)
                                .clamp(-1070, 970),
                        )
                }
            }
        };
        x *= sign;
        if specials && random.one_in(200) {
            let special = [
                f64::NAN,
                f64::INFINITY,
                -f64::INFINITY,
                -0.0,
                power(low - format.digits + 1),
                power(high) * 1.75,
            ];
            x = special[random.below(6)];
        }
        let x = (format.round)(x);
        values.push(x);
        sum = (format.round)(sum + x);
        if !sum.is_finite() && random.one_in(30) {
            sum = 0.0;
        }
    }
    if random.one_in(6) {
        // Sums that come back to zero.
        for i in (1..n).rev() {
            let difference = (format.round)(values[i] - values[i - 1]);
            if difference.is_finite() {
                values[i] = difference;
            }
        }
    }
    values
}

/// Numbers as they occur, by kind.
pub fn ordinary(random: &mut Random, n: usize, format: Format) -> Vec<f64> {
    let normal = |random: &mut Random| (0..12).map(|_| random.unit()).sum::<f64>() - 6.0;
    let kind = random.below(9);
    let mut last = 0.0;
    (0..n)
        .map(|i| {
            let x = match kind {
                0 => random.unit(),
                1 => normal(random),
                2 => (i as f64 * 0.01).sin(),
                3 => {
                    let before = std::mem::replace(&mut last, normal(random));
                    last - before
                }
                4 => 0.0,
                5 => random.below(100) as f64,
                6 => random.below(100_000) as f64 / 100.0,
                7 => normal(random) * 10f64.powi(random.below(60) as i32 - 30),
                _ => -(random.unit().max(1e-9)).ln(),
            };
            (format.round)(x)
        })
        .collect()
}
