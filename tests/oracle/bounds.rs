//! Judges the results that the contract bounds instead of fixing: `logsumexp`, reassociated and compensated
//! sums and products, each line against an exact reference.
//!
//! Near the edge of a format, where rounding decides whether a prefix overflows, and after a prefix that
//! underflowed, nothing is promised and nothing is judged for the rest of the line.

use super::bigfloat::BigFloat;
use super::combine::Op;
use super::complex::check_complex_product;
use super::convert::{exponent_of, power_of_two};
use super::dtype::{BINARY32, Dtype, Format, Value};
use super::exact::Exact;
use super::logsumexp::check_logsumexp;
use super::model::{Carry, Mode};

/// How close to the reference a result has to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Demand {
    /// Any grouping of the operations, each rounded.
    Regrouped,
    /// The bound of compensated mode.
    Compensated,
}

/// The formats of one line: of its results, and of what is carried from one to the next.
#[derive(Clone, Copy)]
pub struct Formats {
    pub result: Format,
    pub carried: Format,
    /// A compensated product below two to this power is not judged, nor is what follows it.
    pub smallest: i64,
}

impl Formats {
    fn widens(self) -> bool {
        self.result != self.carried
    }
}

/// A relative margin around the overflow threshold within which either outcome is accepted.
const EDGE: f64 = 1.0 / 1024.0;
/// Allowance for the judge's own rounding.
pub const SLACK: f64 = 1.0 + 1e-9;

/// Judges the inclusive results of one line, all in scan order and in the computing type.
///
/// A compensated product whose rounding error is too small to be a number is not judged; see
/// [`check_line_to_the_smallest_normal`].
pub fn check_line(
    op: Op,
    computing: Dtype,
    mode: Mode,
    operands: &[Value],
    start: Option<Carry>,
    results: &[Value],
) -> Result<(), String> {
    judge(op, computing, mode, operands, start, results, true)
}

/// As [`check_line`], and holds compensated products to the bound down to the smallest normal number.
pub fn check_line_to_the_smallest_normal(
    op: Op,
    computing: Dtype,
    operands: &[Value],
    results: &[Value],
) -> Result<(), String> {
    let mode = Mode::Compensated;
    judge(op, computing, mode, operands, None, results, false)
}

fn judge(
    op: Op,
    computing: Dtype,
    mode: Mode,
    operands: &[Value],
    start: Option<Carry>,
    results: &[Value],
    leaves_room_for_errors: bool,
) -> Result<(), String> {
    assert_eq!(operands.len(), results.len());
    let format = computing
        .format()
        .expect("only floating results have bounds");
    if op == Op::Logsumexp {
        return check_logsumexp(format, operands, start, results);
    }
    let demand = match mode {
        Mode::Sequential => panic!("sequential results have no bounds but bits"),
        Mode::Reassociate => Demand::Regrouped,
        Mode::Compensated => Demand::Compensated,
    };
    let carried = match (mode, computing) {
        (Mode::Compensated, Dtype::F16 | Dtype::Bf16) => BINARY32,
        _ => format,
    };
    let room = if leaves_room_for_errors {
        carried.precision + 1
    } else {
        0
    };
    let formats = Formats {
        result: format,
        carried,
        smallest: i64::from(carried.min_exponent + room),
    };
    if op == Op::Prod && computing.is_complex() {
        return check_complex_product(formats, demand, operands, start, results);
    }
    for part in 0..if computing.is_complex() { 2 } else { 1 } {
        let pick = |values: &[Value]| {
            values
                .iter()
                .map(|value| value.parts()[part])
                .collect::<Vec<_>>()
        };
        let start = start.map(|carry| (carry.value.parts()[part], carry.error.parts()[part]));
        let check = if op == Op::Sum {
            check_sum
        } else {
            check_product
        };
        check(formats, demand, &pick(operands), start, &pick(results))
            .map_err(|text| format!("part {part}: {text}"))?;
    }
    Ok(())
}

fn describe(index: usize, got: f64, expected: &str) -> String {
    format!(
        "scan step {index}: got {got:e} ({:#x}), expected {expected}",
        got.to_bits()
    )
}

/// A result that no rounding bears on: infinite, NaN, or a zero with its sign.
pub fn check_special(index: usize, got: f64, expected: f64) -> Result<(), String> {
    if got.to_bits() == expected.to_bits() || (got.is_nan() && expected.is_nan()) {
        Ok(())
    } else {
        Err(describe(index, got, &format!("{expected:e}")))
    }
}

type Pair = Option<(f64, f64)>;

fn check_sum(
    formats: Formats,
    demand: Demand,
    xs: &[f64],
    start: Pair,
    results: &[f64],
) -> Result<(), String> {
    let Formats {
        result, carried, ..
    } = formats;
    let mut sum = Exact::zero();
    let mut special = None;
    let mut magnitude = 0.0;
    let mut allowance = 0.0;
    let small = power_of_two(16 - 2 * carried.precision);
    if let Some((value, error)) = start {
        if value.is_finite() {
            sum.add(value);
            sum.add(error);
            magnitude = value.abs() + error.abs();
            allowance = small * value.abs() + small * error.abs();
        } else {
            special = Some(value);
        }
    }
    let mut only_negative_zeros = start.is_none();
    // A starting pair may stand for a number beyond the format.
    let mut lost = sum.scaled(carried.max_exponent + 1).abs() > 1.0 - EDGE;
    for (index, (&x, &got)) in xs.iter().zip(results).enumerate() {
        if let Some(before) = special {
            special = Some(before + x);
        } else if x.is_nan() || (!x.is_finite() && !lost) {
            special = Some(x);
        }
        if let Some(expected) = special {
            check_special(index, got, expected)?;
            continue;
        }
        if lost || !x.is_finite() {
            lost = true;
            continue;
        }
        sum.add(x);
        magnitude += x.abs();
        allowance += small * x.abs();
        let relative = sum.scaled(carried.max_exponent + 1);
        match demand {
            Demand::Compensated if relative.abs() >= 1.0 + EDGE && !formats.widens() => {
                special = Some(f64::INFINITY.copysign(relative));
                check_special(index, got, f64::INFINITY.copysign(relative))?;
                continue;
            }
            Demand::Compensated => lost = relative.abs() > 1.0 - EDGE,
            Demand::Regrouped => lost = magnitude / power_of_two(carried.max_exponent) > 2.0 - EDGE,
        }
        if lost {
            continue;
        }
        only_negative_zeros &= x == 0.0 && x.is_sign_negative();
        if only_negative_zeros {
            check_special(index, got, -0.0)?;
            continue;
        }
        let bound = match demand {
            Demand::Compensated => {
                let exponent = sum.exponent().unwrap_or(result.min_exponent);
                power_of_two(result.ulp_exponent(exponent)) + allowance
            }
            Demand::Regrouped => {
                1.1 * (index + 2) as f64 * power_of_two(-result.precision) * magnitude
            }
        };
        let reference = sum.scaled(0);
        if got.is_infinite() {
            overflow_is_right(
                index,
                got,
                reference,
                sum.scaled(result.max_exponent + 1),
                result,
            )?;
            continue;
        }
        let error = if got.is_nan() {
            f64::NAN
        } else {
            sum.minus(got).scaled(0).abs()
        };
        // A NaN is beyond every bound.
        if error.is_nan() || error > bound * SLACK {
            let expected = format!("{reference:e} within {bound:e}, off by {error:e}");
            return Err(describe(index, got, &expected));
        }
    }
    Ok(())
}

/// Judges an infinite result, given the reference and the same over `2^(max_exponent + 1)`.
fn overflow_is_right(
    index: usize,
    got: f64,
    reference: f64,
    relative: f64,
    format: Format,
) -> Result<(), String> {
    let highest = 1.0 - power_of_two(-format.precision);
    if relative.abs() > highest && (got < 0.0) == (relative < 0.0) {
        Ok(())
    } else {
        Err(describe(index, got, &format!("{reference:e}")))
    }
}

fn check_product(
    formats: Formats,
    demand: Demand,
    xs: &[f64],
    start: Pair,
    results: &[f64],
) -> Result<(), String> {
    let Formats {
        result,
        carried,
        smallest,
    } = formats;
    let mut product = BigFloat::from(1.0);
    let mut special = None;
    let mut spread = 0.0;
    if let Some((value, error)) = start {
        if value.is_finite() {
            product = BigFloat::from(value).plus(BigFloat::from(error));
            match product.leading() {
                None => special = Some(0f64.copysign(value)),
                Some(exponent) => spread = (exponent as f64).abs() + 1.0,
            }
        } else {
            special = Some(value);
        }
    }
    // A starting pair may stand for a number beyond the format, or below its normal numbers.
    let relative = product.scaled(i64::from(carried.max_exponent) + 1);
    let too_small = product
        .leading()
        .is_some_and(|exponent| exponent < smallest);
    let mut lost = relative.abs() > 1.0 - EDGE || too_small;
    for (index, (&x, &got)) in xs.iter().zip(results).enumerate() {
        if let Some(before) = special {
            special = Some(before * x);
        } else if x.is_nan() || ((x == 0.0 || x.is_infinite()) && !lost) {
            special = Some(if product.is_negative() { -x } else { x });
        }
        if let Some(expected) = special {
            check_special(index, got, expected)?;
            continue;
        }
        if lost || x == 0.0 || x.is_infinite() {
            lost = true;
            continue;
        }
        product = product.times(BigFloat::from(x));
        spread += f64::from(exponent_of(x)).abs() + 1.0;
        let leading = product.leading().expect("non-zero times non-zero");
        let sign = if product.is_negative() { -1.0 } else { 1.0 };
        let relative = product.scaled(i64::from(carried.max_exponent) + 1);
        if demand == Demand::Regrouped {
            lost = spread > f64::from(carried.max_exponent) - 4.0;
        } else if formats.widens() {
            lost = relative.abs() > 1.0 - EDGE || leading < smallest;
        } else if relative.abs() >= 1.0 + EDGE {
            special = Some(f64::INFINITY.copysign(sign));
        } else if leading < i64::from(carried.min_exponent - carried.precision) - 1 {
            special = Some(0f64.copysign(sign));
        } else {
            lost = relative.abs() > 1.0 - EDGE || leading < smallest;
        }
        if let Some(expected) = special {
            check_special(index, got, expected)?;
            continue;
        }
        if lost {
            continue;
        }
        let reference = product.scaled(0);
        if got.is_infinite() {
            let relative = product.scaled(i64::from(result.max_exponent) + 1);
            overflow_is_right(index, got, reference, relative, result)?;
            continue;
        }
        let clamped = leading.clamp(-5000, 5000) as i32;
        let ulp = result.ulp_exponent(clamped);
        let ulps = match demand {
            Demand::Compensated => 1.0,
            Demand::Regrouped => 1.1 * (index + 2) as f64,
        };
        let error = if got.is_nan() {
            f64::NAN
        } else {
            product
                .plus(BigFloat::from(-got))
                .scaled(i64::from(ulp))
                .abs()
        };
        if error.is_nan() || error > ulps * SLACK {
            let expected = format!("{reference:e} within {ulps} ulp, off by {error} ulp");
            return Err(describe(index, got, &expected));
        }
    }
    Ok(())
}

#[test]
fn the_judge_rejects_what_is_beyond_the_bound() {
    let real = |xs: &[f64]| xs.iter().map(|&x| Value::Real(x)).collect::<Vec<_>>();
    let judge = |op, mode, xs: &[f64], results: &[f64]| {
        check_line(op, Dtype::F64, mode, &real(xs), None, &real(results))
    };
    let compensated = Mode::Compensated;
    let xs = [1.0, 1e-30, -1.0];
    assert!(judge(Op::Sum, compensated, &xs, &[1.0, 1.0, 1e-30]).is_ok());
    assert!(judge(Op::Sum, compensated, &xs, &[1.0, 1.0, 1e-26]).is_err());
    assert!(judge(Op::Sum, Mode::Reassociate, &xs, &[1.0, 1.0, 0.0]).is_ok());
    assert!(judge(Op::Sum, Mode::Reassociate, &xs, &[1.0, 1.0, 1e-14]).is_err());
    assert!(judge(Op::Sum, compensated, &[-0.0, -0.0], &[-0.0, 0.0]).is_err());
    assert!(
        judge(
            Op::Sum,
            compensated,
            &[1e308, 1e308, -1e308],
            &[1e308, f64::INFINITY, f64::INFINITY]
        )
        .is_ok()
    );
    assert!(
        judge(
            Op::Sum,
            compensated,
            &[1e308, 1e308, -1e308],
            &[1e308, f64::INFINITY, 1e308]
        )
        .is_err()
    );
    let third = 1.0f64 / 3.0;
    let (below, ninth) = (third.next_down().next_down(), third * third);
    assert!(judge(Op::Prod, compensated, &[third, third], &[third, ninth]).is_ok());
    assert!(judge(Op::Prod, compensated, &[third, third], &[below, ninth]).is_err());
    assert!(judge(Op::Prod, compensated, &[-0.0, 3.0], &[-0.0, 0.0]).is_err());
    let logs = |result| judge(Op::Logsumexp, Mode::Sequential, &[0.0, 0.0], &[0.0, result]);
    assert!(logs(std::f64::consts::LN_2).is_ok());
    assert!(logs(std::f64::consts::LN_2 + 5.0 * f64::EPSILON / 2.0).is_err());
}
