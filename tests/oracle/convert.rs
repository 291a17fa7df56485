//! Conversions between all element types, each with one rounding, to nearest with ties to even.

use super::dtype::{BFLOAT16, BINARY16, BINARY32, BINARY64, Dtype, Format, Kind, Value};

/// `2^exponent` for exponents from -1074 to 1023.
pub fn power_of_two(exponent: i32) -> f64 {
    if exponent >= -1022 {
        f64::from_bits(((exponent + 1023) as u64) << 52)
    } else {
        f64::from_bits(1 << (exponent + 1074))
    }
}

/// The exponent of the leading bit of a positive finite number.
pub fn exponent_of(magnitude: f64) -> i32 {
    let bits = magnitude.abs().to_bits();
    if bits >> 52 == 0 {
        63 - bits.leading_zeros() as i32 - 1074
    } else {
        (bits >> 52) as i32 - 1023
    }
}

/// `x` in the nearest number of `format`.
pub fn round_real(x: f64, format: Format) -> f64 {
    if format == BINARY64 || x == 0.0 || !x.is_finite() {
        return x;
    }
    // In units of the last place the nearest number is the nearest integer. Both scalings are exact: powers of
    // two, and neither leaves the range of doubles.
    let ulp = power_of_two(format.ulp_exponent(exponent_of(x)));
    let rounded = (x / ulp).round_ties_even() * ulp;
    if rounded.abs() > format.largest() {
        f64::INFINITY.copysign(x)
    } else {
        rounded
    }
}

/// The integer `n`, of at most 64 bits and a sign, in the nearest number of `format`.
pub fn round_int(n: i128, format: Format) -> f64 {
    let magnitude = n.unsigned_abs();
    let length = 128 - magnitude.leading_zeros() as i32;
    let dropped = length - format.precision;
    let rounded = if dropped <= 0 {
        magnitude as f64
    } else {
        let kept = magnitude >> dropped;
        let rest = magnitude & ((1 << dropped) - 1);
        let half = 1 << (dropped - 1);
        let up = rest > half || (rest == half && kept & 1 == 1);
        (kept + u128::from(up)) as f64 * power_of_two(dropped)
    };
    let signed = if n < 0 { -rounded } else { rounded };
    if rounded > format.largest() {
        f64::INFINITY.copysign(signed)
    } else {
        signed
    }
}

/// The integer of `dtype` that is congruent to `n`.
pub fn wrap(n: i128, dtype: Dtype) -> i128 {
    match dtype.kind() {
        Kind::Int { bits, signed } => {
            let low = n & ((1 << bits) - 1);
            if signed && low >= 1 << (bits - 1) {
                low - (1 << bits)
            } else {
                low
            }
        }
        _ => panic!("{dtype:?} does not wrap"),
    }
}

fn clamp_to_int(x: f64, dtype: Dtype) -> i128 {
    let (lowest, highest) = dtype.int_range();
    if x.is_nan() {
        0
    } else if x >= highest as f64 + 1.0 {
        highest
    } else if x <= lowest as f64 - 1.0 {
        lowest
    } else {
        (x.trunc() as i128).clamp(lowest, highest)
    }
}

/// `value` as an element of `to`.
pub fn convert(value: Value, to: Dtype) -> Value {
    match (to.kind(), value) {
        (Kind::Bool, Value::Int(n)) => Value::Int(i128::from(n != 0)),
        (Kind::Bool, Value::Real(x)) => Value::Int(i128::from(x != 0.0)),
        (Kind::Bool, Value::Complex(re, im)) => Value::Int(i128::from(re != 0.0 || im != 0.0)),
        (Kind::Int { .. }, Value::Int(n)) => Value::Int(wrap(n, to)),
        (Kind::Int { .. }, Value::Real(x)) => Value::Int(clamp_to_int(x, to)),
        (Kind::Float(format), Value::Int(n)) => Value::Real(round_int(n, format)),
        (Kind::Float(format), Value::Real(x)) => Value::Real(round_real(x, format)),
        (Kind::Complex(format), Value::Int(n)) => Value::Complex(round_int(n, format), 0.0),
        (Kind::Complex(format), Value::Real(x)) => Value::Complex(round_real(x, format), 0.0),
        (Kind::Complex(format), Value::Complex(re, im)) => {
            Value::Complex(round_real(re, format), round_real(im, format))
        }
        (Kind::Int { .. } | Kind::Float(_), Value::Complex(..)) => {
            panic!("no conversion from complex to {to:?}")
        }
    }
}

/// Whether an integer (or bool) converts to the integer type `to` without loss; true of all that is not an
/// integer to integer conversion.
pub fn fits(value: Value, to: Dtype) -> bool {
    match value {
        Value::Int(n) if to.is_int() => {
            let (lowest, highest) = to.int_range();
            (lowest..=highest).contains(&n)
        }
        _ => true,
    }
}

/// As [`convert`], but an integer that does not fit becomes the nearest one that does.
pub fn convert_clamped(value: Value, to: Dtype) -> Value {
    match value {
        Value::Int(n) if to.is_int() => {
            let (lowest, highest) = to.int_range();
            Value::Int(n.clamp(lowest, highest))
        }
        _ => convert(value, to),
    }
}

#[test]
fn rounding_agrees_with_the_machine_where_the_machine_has_the_format() {
    let mut state = 1u64;
    for _ in 0..200_000 {
        state = state
            .wrapping_mul(6364136223846793005)
            .wrapping_add(1442695040888963407);
        // Exponents around the range of singles, so that every case of rounding is met.
        let exponent = 1023 - 160 + (state >> 52) % 300;
        let x = f64::from_bits(state & 0x800f_ffff_ffff_ffff | exponent << 52);
        assert_eq!(round_real(x, BINARY32), f64::from(x as f32), "{x:e}");
        let n = state as i64 >> (state % 60);
        assert_eq!(
            round_int(i128::from(n), BINARY32),
            f64::from(n as f32),
            "{n}"
        );
        assert_eq!(round_int(i128::from(n), BINARY64), n as f64, "{n}");
        assert_eq!(
            round_int(i128::from(state), BINARY32),
            f64::from(state as f32),
            "{state}"
        );
    }
}

#[test]
fn halves_round_once_at_every_kind_of_edge() {
    assert_eq!(round_real(65519.99, BINARY16), 65504.0);
    assert_eq!(round_real(65520.0, BINARY16), f64::INFINITY);
    assert_eq!(round_real(2f64.powi(-25), BINARY16), 0.0);
    assert_eq!(
        round_real(2f64.powi(-25) * 1.0001, BINARY16),
        2f64.powi(-24)
    );
    assert_eq!(round_real(2049.0, BINARY16), 2048.0);
    assert_eq!(round_real(2051.0, BINARY16), 2052.0);
    assert_eq!(round_int(65519, BINARY16), 65504.0);
    assert_eq!(round_int(65520, BINARY16), f64::INFINITY);
    assert_eq!(round_real(257.0, BFLOAT16), 256.0);
    assert_eq!(round_real(259.0, BFLOAT16), 260.0);
    // By way of a single this would become a tie and round down.
    assert_eq!(
        round_int((1 << 40) + (1 << 32) + 1, BFLOAT16),
        2f64.powi(40) + 2f64.powi(33)
    );
}
