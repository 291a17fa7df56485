//! The five operations: in which types they compute, their identities, and one application of each.

use super::convert::{round_real, wrap};
use super::dtype::{BINARY32, Dtype, Format, Kind, Value};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Op {
    Sum,
    Prod,
    Max,
    Min,
    Logsumexp,
}

impl Op {
    pub const ALL: [Op; 5] = [Op::Sum, Op::Prod, Op::Max, Op::Min, Op::Logsumexp];

    pub fn code(self) -> i32 {
        match self {
            Op::Sum => 1,
            Op::Prod => 2,
            Op::Max => 3,
            Op::Min => 4,
            Op::Logsumexp => 5,
        }
    }

    pub fn computes_in(self, dtype: Dtype) -> bool {
        match self {
            Op::Sum | Op::Prod => true,
            Op::Max | Op::Min => !dtype.is_complex(),
            Op::Logsumexp => dtype.is_float(),
        }
    }

    /// What an empty line comes to, as the interface shows it.
    pub fn identity(self, dtype: Dtype) -> Value {
        match (self, dtype.kind()) {
            (Op::Sum, Kind::Bool | Kind::Int { .. }) => Value::Int(0),
            (Op::Sum, Kind::Float(_)) => Value::Real(0.0),
            (Op::Sum, Kind::Complex(_)) => Value::Complex(0.0, 0.0),
            (Op::Prod, Kind::Bool | Kind::Int { .. }) => Value::Int(1),
            (Op::Prod, Kind::Float(_)) => Value::Real(1.0),
            (Op::Prod, Kind::Complex(_)) => Value::Complex(1.0, 0.0),
            (Op::Max, Kind::Bool | Kind::Int { .. }) => Value::Int(dtype.int_range().0),
            (Op::Min, Kind::Bool | Kind::Int { .. }) => Value::Int(dtype.int_range().1),
            (Op::Max | Op::Logsumexp, Kind::Float(_)) => Value::Real(f64::NEG_INFINITY),
            (Op::Min, Kind::Float(_)) => Value::Real(f64::INFINITY),
            _ => panic!("{self:?} does not compute in {dtype:?}"),
        }
    }
}

/// One combination, and whether an integer result did not fit its type.
pub struct Step {
    pub value: Value,
    pub overflowed: bool,
}

/// `a` combined with the later `b`, both of `dtype`; an integer that does not fit wraps, or is clamped.
pub fn combine(op: Op, dtype: Dtype, a: Value, b: Value, clamp: bool) -> Step {
    let exact = |value| Step {
        value,
        overflowed: false,
    };
    match (a, b) {
        (Value::Int(a), Value::Int(b)) if dtype == Dtype::Bool => exact(Value::Int(match op {
            Op::Sum | Op::Max => a | b,
            Op::Prod | Op::Min => a & b,
            Op::Logsumexp => panic!("logsumexp does not compute in bool"),
        })),
        (Value::Int(a), Value::Int(b)) => combine_int(op, dtype, a, b, clamp),
        (Value::Real(a), Value::Real(b)) => {
            let Kind::Float(format) = dtype.kind() else {
                panic!("a real is no value of {dtype:?}")
            };
            exact(Value::Real(combine_real(op, format, a, b)))
        }
        (Value::Complex(ar, ai), Value::Complex(br, bi)) => {
            let Kind::Complex(format) = dtype.kind() else {
                panic!("a complex number is no value of {dtype:?}")
            };
            let add = |x, y| combine_real(Op::Sum, format, x, y);
            let mul = |x, y| combine_real(Op::Prod, format, x, y);
            let (re, im) = match op {
                Op::Sum => (add(ar, br), add(ai, bi)),
                Op::Prod => (
                    add(mul(ar, br), -mul(ai, bi)),
                    add(mul(ar, bi), mul(ai, br)),
                ),
                _ => panic!("{op:?} does not compute in complex types"),
            };
            exact(Value::Complex(re, im))
        }
        _ => panic!("{a:?} and {b:?} do not combine"),
    }
}

fn combine_int(op: Op, dtype: Dtype, a: i128, b: i128, clamp: bool) -> Step {
    let (lowest, highest) = dtype.int_range();
    let (low_bits, value) = match op {
        Op::Sum => (a + b, Some(a + b)),
        // Two values of 64 unsigned bits may leave even 128 signed ones; upwards, then.
        Op::Prod => (a.wrapping_mul(b), a.checked_mul(b)),
        Op::Max => (a.max(b), Some(a.max(b))),
        Op::Min => (a.min(b), Some(a.min(b))),
        Op::Logsumexp => panic!("logsumexp does not compute in integers"),
    };
    let clamped = value.map_or(highest, |value| value.clamp(lowest, highest));
    Step {
        value: Value::Int(if clamp {
            clamped
        } else {
            wrap(low_bits, dtype)
        }),
        overflowed: value != Some(clamped),
    }
}

fn combine_real(op: Op, format: Format, a: f64, b: f64) -> f64 {
    match op {
        // A double holds more than twice the bits of the narrower formats and two more, so that rounding its
        // result again is the same as rounding once.
        Op::Sum if format == BINARY32 => f64::from(a as f32 + b as f32),
        Op::Sum => round_real(a + b, format),
        Op::Prod if format == BINARY32 => f64::from(a as f32 * b as f32),
        Op::Prod => round_real(a * b, format),
        Op::Max | Op::Min if a.is_nan() || b.is_nan() => f64::NAN,
        // Of equal values the later is kept.
        Op::Max => {
            if b >= a {
                b
            } else {
                a
            }
        }
        Op::Min => {
            if b <= a {
                b
            } else {
                a
            }
        }
        Op::Logsumexp => panic!("logsumexp has bounds, no bits: see bounds.rs"),
    }
}

#[test]
fn integers_wrap_clamp_and_tell() {
    let int = |step: Step| match step.value {
        Value::Int(n) => (n, step.overflowed),
        other => panic!("{other:?}"),
    };
    let u64_max = Value::Int(i128::from(u64::MAX));
    assert_eq!(
        int(combine(Op::Prod, Dtype::U64, u64_max, u64_max, false)),
        (1, true)
    );
    assert_eq!(
        int(combine(Op::Prod, Dtype::U64, u64_max, u64_max, true)),
        (i128::from(u64::MAX), true)
    );
    let (a, b) = (Value::Int(-128), Value::Int(-1));
    assert_eq!(int(combine(Op::Prod, Dtype::I8, a, b, false)), (-128, true));
    assert_eq!(int(combine(Op::Prod, Dtype::I8, a, b, true)), (127, true));
    assert_eq!(int(combine(Op::Sum, Dtype::I8, a, b, true)), (-128, true));
    assert_eq!(
        int(combine(Op::Sum, Dtype::I8, a, Value::Int(1), false)),
        (-127, false)
    );
}
