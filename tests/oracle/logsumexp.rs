//! Judges `logsumexp` step by step, each from the library's own result before it.

use super::bounds::check_special;
use super::convert::{exponent_of, power_of_two};
use super::dtype::{Format, Value};
use super::model::Carry;

/// Fixed point with 62 fraction bits, in which the larger operand's smallest tolerance, `4 * 2^-54`, is a thousand units.
const ONE: i128 = 1 << 62;

fn fixed(x: f64) -> i128 {
    (x * power_of_two(62)) as i128
}

/// `ln 2` with 100 fraction bits, as `2 atanh(1/3)`.
fn ln_2() -> i128 {
    let mut power = (1i128 << 101) / 3;
    let mut sum = 0;
    for k in 0..40 {
        sum += power / (2 * k + 1);
        power /= 9;
    }
    sum
}

/// `ln(1 + e^d)` for `d <= 0`, all in fixed point, within about a hundred units.
fn ln_1p_exp(d: i128) -> i128 {
    if d < -50 * ONE {
        return 0;
    }
    let wide = d << 38;
    let halvings = -(wide / ln_2());
    // e^d = 2^-halvings * e^rest with rest in (-ln 2, 0].
    let rest = (wide + halvings * ln_2()) >> 38;
    let (mut exp, mut term) = (0, ONE);
    for k in 1..30 {
        exp += term;
        term = ((term * rest) >> 62) / k;
    }
    let y = exp >> halvings;
    // ln(1 + y) = 2 atanh(y / (2 + y))
    let z = (y << 62) / (2 * ONE + y);
    let square = (z * z) >> 62;
    let (mut sum, mut power) = (0, z);
    for k in 0..24 {
        sum += power / (2 * k + 1);
        power = (power * square) >> 62;
    }
    2 * sum
}

/// Judges one step of `logsumexp`.
fn logsumexp_step(format: Format, a: f64, b: f64, got: f64) -> Result<(), String> {
    let wrong = |expected: String| {
        Err(format!(
            "logaddexp({a:e}, {b:e}): got {got:e} ({:#x}), expected {expected}",
            got.to_bits()
        ))
    };
    let exact = if a.is_nan() || b.is_nan() {
        Some(f64::NAN)
    } else if a == f64::INFINITY || b == f64::INFINITY {
        Some(f64::INFINITY)
    } else if a == f64::NEG_INFINITY {
        Some(b)
    } else if b == f64::NEG_INFINITY {
        Some(a)
    } else {
        None
    };
    if let Some(expected) = exact {
        let right = got == expected || (got.is_nan() && expected.is_nan());
        return if right {
            Ok(())
        } else {
            wrong(format!("{expected:e}"))
        };
    }
    if !got.is_finite() {
        return wrong("a finite number".into());
    }
    let largest = a.abs().max(b.abs()).max(got.abs());
    let tolerance = 4.0 * power_of_two(format.ulp_exponent(exponent_of(largest)));
    let larger = a.max(b);
    if largest >= power_of_two(60) {
        // The tolerance exceeds ln 2 by far.
        let error = (got - larger).abs();
        return if error <= tolerance {
            Ok(())
        } else {
            wrong(format!("{larger:e}"))
        };
    }
    let term = ln_1p_exp(fixed(a.min(b)) - fixed(larger));
    let error = (fixed(got) - fixed(larger) - term).abs();
    if error <= fixed(tolerance) + 200 {
        Ok(())
    } else {
        let reference = larger + term as f64 / ONE as f64;
        wrong(format!(
            "{reference:e}, off by {} ulp",
            4.0 * error as f64 / fixed(tolerance) as f64
        ))
    }
}

/// Judges one line, in scan order.
pub fn check_logsumexp(
    format: Format,
    xs: &[Value],
    start: Option<Carry>,
    results: &[Value],
) -> Result<(), String> {
    let mut before = start.map(|carry| carry.value.parts()[0]);
    for (index, (x, got)) in xs.iter().zip(results).enumerate() {
        let (x, got) = (x.parts()[0], got.parts()[0]);
        match before {
            None => check_special(index, got, x)?,
            Some(before) => {
                logsumexp_step(format, before, x, got)
                    .map_err(|text| format!("scan step {index}: {text}"))?;
            }
        }
        before = Some(got);
    }
    Ok(())
}

#[test]
fn the_fixed_point_logarithm_agrees_with_the_system_library() {
    for step in 0..5000 {
        let d = -f64::from(step) * 0.0101;
        let reference = d.exp().ln_1p();
        let got = ln_1p_exp(fixed(d)) as f64 / ONE as f64;
        assert!(
            (got - reference).abs() <= 4e-16,
            "{d}: {got:e} {reference:e}"
        );
    }
    assert_eq!(ln_1p_exp(0) >> 20, ln_2() >> 58);
}
