//! `logaddexp(a, b) = ln(e^a + e^b)`, the same bits on every machine.
//!
//! The larger argument is taken out: `max + ln(1 + e^-d)` with `d = |a - b|`. Both functions are
//! needed on a small range only and are computed here from additions, multiplications and divisions
//! that round once each, without fused operations and without the system's mathematics library.
//!
//! * `e^-d`: with `d = k ln 2 + r`, `|r| <= ln 2 / 2`, it is `2^-k e^-r`. `ln 2` is split into a high
//!   part with trailing zeros, so that `k ln 2` is exact, and a low part (W. J. Cody and W. Waite,
//!   "Software Manual for the Elementary Functions", 1980). `e^-r` is a Taylor polynomial of degree
//!   13, whose remainder is below 2^-58.
//! * `ln(1 + y)` for `0 <= y <= 1`: with `s = y / (2 + y)` it is `2 artanh s`; above `sqrt 2 - 1`,
//!   `ln 2 + ln(1 + z)` with `z = (y - 1) / 2` keeps `|s| <= 0.172`, where eleven terms of the series
//!   leave less than 2^-58.
//!
//! Both are within 1 ulp or so of their values, and the last addition rounds once more, so that a
//! step stays within 4 ulp of the largest of `|a|`, `|b|` and the result.
#![forbid(unsafe_code)]

const LN2: f64 = std::f64::consts::LN_2;
/// The upper 33 bits of ln 2: times an integer of at most 11 bits it is exact.
const LN2_HIGH: f64 = f64::from_bits(0x3fe6_2e42_fee0_0000);
/// ln 2 less `LN2_HIGH`.
const LN2_LOW: f64 = f64::from_bits(0x3dea_39ef_3579_3c76);

/// `e^-d` for `0 <= d`; 0 where it is too small to matter beside 1.
#[inline]
fn exp_of_minus(d: f64) -> f64 {
    // Below 2^-1000 the result would vanish beside any sum it is added to; this also keeps 2^-k normal.
    if d > 690.0 {
        return 0.0;
    }
    let k = (d * (1.0 / LN2) + 0.5).floor();
    let r = -((d - k * LN2_HIGH) - k * LN2_LOW);
    let mut p = 1.0 / 6_227_020_800.0;
    for factorial in [
        479_001_600.0,
        39_916_800.0,
        3_628_800.0,
        362_880.0,
        40_320.0,
        5_040.0,
        720.0,
        120.0,
        24.0,
        6.0,
        2.0,
    ] {
        p = p * r + 1.0 / factorial;
    }
    let value = 1.0 + (r + r * r * p);
    value * f64::from_bits((1023 - k as u64) << 52)
}

/// `ln(1 + y)` for `0 <= y <= 1`.
#[inline]
fn ln_1p(y: f64) -> f64 {
    let reduced = y > std::f64::consts::SQRT_2 - 1.0;
    let z = if reduced { (y - 1.0) * 0.5 } else { y };
    let s = z / (2.0 + z);
    let q = s * s;
    let mut p = 1.0 / 23.0;
    for odd in [21.0, 19.0, 17.0, 15.0, 13.0, 11.0, 9.0, 7.0, 5.0, 3.0] {
        p = p * q + 1.0 / odd;
    }
    let small = 2.0 * s + 2.0 * s * (q * p);
    if reduced { LN2 + small } else { small }
}

/// In double precision. Infinities are exact, a NaN stays.
#[inline]
pub fn f64(a: f64, b: f64) -> f64 {
    let d = (a - b).abs();
    let larger = if a > b { a } else { b };
    if d.is_nan() {
        // Two equal infinities, or a NaN.
        return if a == b { a } else { a + b };
    }
    // Where one is infinite, so is d, and the larger is the result; at -inf too.
    larger + ln_1p(exp_of_minus(d))
}

/// In single precision: rounded from double, to within a hair of half an ulp.
#[inline]
pub fn f32(a: f32, b: f32) -> f32 {
    f64(a as f64, b as f64) as f32
}

#[cfg(test)]
mod tests {
    use super::f64;

    #[test]
    fn infinities_are_exact() {
        let inf = f64::INFINITY;
        assert_eq!(f64(inf, inf), inf);
        assert_eq!(f64(-inf, -inf), -inf);
        assert_eq!(f64(-inf, inf), inf);
        assert_eq!(f64(-inf, 3.5), 3.5);
        assert_eq!(f64(3.5, -inf), 3.5);
        assert!(f64(f64::NAN, inf).is_nan());
        assert!(f64(1.0, f64::NAN).is_nan());
    }

    #[test]
    fn steps_agree_with_the_systems_functions() {
        let mut x = 0.37f64;
        for i in 0..200_000 {
            x = (x * 3.9) * (1.0 - x);
            let (a, b) = (
                (x - 0.5) * 20.0,
                (x * 7919.0).fract() * (i % 50) as f64 - 10.0,
            );
            let expected = a.max(b) + (-(a - b).abs()).exp().ln_1p();
            let scale = a.abs().max(b.abs()).max(expected.abs());
            let ulp = scale.next_up() - scale;
            assert!((f64(a, b) - expected).abs() <= 4.0 * ulp, "{a} {b}");
        }
    }
}
