//! What a scan is: lines of an array, and the model of one line with every option.

use super::combine::{Op, combine};
use super::convert::{convert, convert_clamped, fits};
use super::dtype::{Dtype, Kind, Value, load, store};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    Sequential,
    Reassociate,
    Compensated,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Nan {
    Propagate,
    Identity,
    Skip,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Overflow {
    Wrap,
    Check,
    Saturate,
}

/// A scan's choices, as far as they bear on one line.
#[derive(Clone, Copy, Debug)]
pub struct Settings {
    pub op: Op,
    pub computing: Dtype,
    pub out: Dtype,
    pub exclusive: bool,
    pub reverse: bool,
    pub initial: bool,
    pub nan: Nan,
    pub overflow: Overflow,
    /// Whether the line's total is wanted (a carry_out), so that its last combination counts.
    pub total_wanted: bool,
    /// Whether an element that contributes to nothing is converted all the same, which the contract leaves open.
    pub idle_converts: bool,
}

/// What one line comes to.
#[derive(Clone, Debug)]
pub struct LineAnswer {
    /// The results in the order of the axis, as elements of the output's type.
    pub out: Vec<Value>,
    pub total: Value,
    /// Index along the axis of the first overflow in scan order, -1 for the starting value.
    pub overflow: Option<i64>,
}

/// Results that were computed (and judged) elsewhere, in scan order and in the computing type.
#[derive(Clone, Debug)]
pub struct Given {
    /// What an exclusive scan shows first.
    pub start: Value,
    pub inclusive: Vec<Value>,
}

/// The value that stands in for a NaN.
fn stand_in(op: Op, dtype: Dtype) -> Value {
    op.identity(dtype)
}

/// The elements of one line as the operation meets them: in scan order, converted, NaNs replaced if so asked.
pub fn operands(settings: &Settings, x: &[Value]) -> Vec<Value> {
    let mut values: Vec<Value> = x
        .iter()
        .map(|&value| {
            let converted = match settings.overflow {
                Overflow::Saturate => convert_clamped(value, settings.computing),
                _ => convert(value, settings.computing),
            };
            if settings.nan != Nan::Propagate && converted.is_nan() {
                stand_in(settings.op, settings.computing)
            } else {
                converted
            }
        })
        .collect();
    if settings.reverse {
        values.reverse();
    }
    values
}

/// Scans the line `x` (elements of x's type in the order of the axis) from `start`. With `given`, the results of
/// the operation itself are taken from there and only the options are modelled.
pub fn scan_line(
    settings: &Settings,
    x: &[Value],
    start: Option<Value>,
    given: Option<&Given>,
) -> LineAnswer {
    let Settings { op, computing, .. } = *settings;
    let length = x.len();
    let place = |step: usize| {
        if settings.reverse {
            length - 1 - step
        } else {
            step
        }
    };
    let clamps = settings.overflow == Overflow::Saturate && computing.is_int();
    let checks = settings.overflow == Overflow::Check && computing.is_int();
    let mut overflow = None;
    let mut report = |index: i64| {
        if checks && overflow.is_none() {
            overflow = Some(index);
        }
    };
    let to_out = |value: Value| {
        if clamps {
            convert_clamped(value, settings.out)
        } else {
            convert(value, settings.out)
        }
    };

    let shown_start = given.map_or(start.unwrap_or_else(|| op.identity(computing)), |given| {
        given.start
    });
    let shows_start = settings.initial || (settings.exclusive && length > 0);
    let mut shown = Vec::new();
    if shows_start {
        if !fits(shown_start, settings.out) {
            report(-1);
        }
        shown.push(to_out(shown_start));
    }

    let values = operands(settings, x);
    let mut running = start;
    for (step, &value) in values.iter().enumerate() {
        let index = place(step) as i64;
        let is_shown = !settings.exclusive || step + 1 < length;
        let contributes = is_shown || settings.total_wanted;
        if (contributes || settings.idle_converts) && !fits(x[place(step)], computing) {
            report(index);
        }
        let result = match (given, running) {
            (Some(given), _) => given.inclusive[step],
            (None, None) => value,
            (None, Some(before)) => {
                let result = combine(op, computing, before, value, clamps);
                if result.overflowed && contributes {
                    report(index);
                }
                result.value
            }
        };
        if is_shown {
            if !fits(result, settings.out) {
                report(index);
            }
            shown.push(to_out(result));
        }
        running = Some(result);
    }

    if settings.nan == Nan::Skip {
        let nan = match computing.kind() {
            Kind::Float(_) => Some(Value::Real(f64::NAN)),
            Kind::Complex(_) => Some(Value::Complex(f64::NAN, f64::NAN)),
            _ => None,
        };
        for step in 0..length {
            if let Some(nan) = nan
                && convert(x[place(step)], computing).is_nan()
            {
                shown[step + usize::from(settings.initial)] = convert(nan, settings.out);
            }
        }
    }
    if settings.reverse {
        shown.reverse();
    }
    LineAnswer {
        out: shown,
        total: running.unwrap_or_else(|| op.identity(computing)),
        overflow,
    }
}

/// Numbers, in C order, of the elements of each line of an array; one line of all of them for no axis.
pub fn lines(shape: &[usize], axis: Option<usize>) -> Vec<Vec<usize>> {
    let Some(axis) = axis else {
        return vec![(0..shape.iter().product()).collect()];
    };
    let length = shape[axis];
    let outer: usize = shape[..axis].iter().product();
    let inner: usize = shape[axis + 1..].iter().product();
    let mut lines = Vec::new();
    for before in 0..outer {
        for after in 0..inner {
            let number = |step| (before * length + step) * inner + after;
            lines.push((0..length).map(number).collect());
        }
    }
    lines
}

/// Byte offsets of the elements of an array in C order.
pub fn offsets(shape: &[usize], strides: &[i64]) -> Vec<i64> {
    if shape.contains(&0) {
        // The strides of an array without elements may be anything.
        return Vec::new();
    }
    let mut offsets = vec![0];
    for (&extent, &stride) in shape.iter().zip(strides) {
        let mut longer = Vec::with_capacity(offsets.len() * extent);
        for &offset in &offsets {
            // An extent of one never looks at its stride, which may be anything.
            longer.extend((0..extent as i64).map(|index| {
                if index == 0 {
                    offset
                } else {
                    offset + index * stride
                }
            }));
        }
        offsets = longer;
    }
    offsets
}

/// Byte strides of a C-contiguous array.
pub fn contiguous(shape: &[usize], size: usize) -> Vec<i64> {
    let mut strides = vec![0; shape.len()];
    let mut step = size as i64;
    for (stride, &extent) in strides.iter_mut().zip(shape).rev() {
        *stride = step;
        step *= extent.max(1) as i64;
    }
    strides
}

/// A carry: a value of the computing type, in compensated mode with the error that belongs to it.
#[derive(Clone, Copy, Debug)]
pub struct Carry {
    pub value: Value,
    /// Not looked at outside compensated mode.
    pub error: Value,
}

/// The type in which a carry lies in memory.
pub fn carry_dtype(computing: Dtype, mode: Mode) -> Dtype {
    match (mode, computing) {
        (Mode::Compensated, Dtype::F16 | Dtype::Bf16) => Dtype::F32,
        _ => computing,
    }
}

/// Bytes of one carry.
pub fn carry_size(computing: Dtype, mode: Mode) -> usize {
    let size = carry_dtype(computing, mode).size();
    if mode == Mode::Compensated {
        2 * size
    } else {
        size
    }
}

pub fn zero(dtype: Dtype) -> Value {
    match dtype.kind() {
        Kind::Bool | Kind::Int { .. } => Value::Int(0),
        Kind::Float(_) => Value::Real(0.0),
        Kind::Complex(_) => Value::Complex(0.0, 0.0),
    }
}

pub fn load_carry(computing: Dtype, mode: Mode, bytes: &[u8]) -> Carry {
    let dtype = carry_dtype(computing, mode);
    Carry {
        value: load(dtype, bytes),
        error: match mode {
            Mode::Compensated => load(dtype, &bytes[dtype.size()..]),
            _ => zero(dtype),
        },
    }
}

pub fn store_carry(computing: Dtype, mode: Mode, carry: Carry) -> Vec<u8> {
    let dtype = carry_dtype(computing, mode);
    let mut bytes = vec![0; carry_size(computing, mode)];
    store(dtype, carry.value, &mut bytes);
    if mode == Mode::Compensated {
        store(dtype, carry.error, &mut bytes[dtype.size()..]);
    }
    bytes
}

/// Whether the contract gives a range and not the bits for this combination.
pub fn is_inexact(op: Op, computing: Dtype, mode: Mode) -> bool {
    let arithmetic = matches!(op, Op::Sum | Op::Prod);
    match mode {
        _ if op == Op::Logsumexp => true,
        Mode::Sequential => false,
        Mode::Reassociate => {
            arithmetic && (computing.is_complex() || matches!(computing, Dtype::F32 | Dtype::F64))
        }
        Mode::Compensated => arithmetic && (computing.is_complex() || computing.is_float()),
    }
}

#[test]
fn lines_are_numbered_in_c_order_of_the_other_axes() {
    assert_eq!(lines(&[2, 3], Some(0)), [[0, 3], [1, 4], [2, 5]]);
    assert_eq!(lines(&[2, 3], Some(1)), [[0, 1, 2], [3, 4, 5]]);
    assert_eq!(lines(&[2, 2, 2], Some(1)), [[0, 2], [1, 3], [4, 6], [5, 7]]);
    assert_eq!(lines(&[2, 0], Some(1)), [[0usize; 0], []]);
    assert_eq!(lines(&[2, 0], Some(0)).len(), 0);
    assert_eq!(lines(&[], None), [[0]]);
    assert_eq!(offsets(&[2, 3], &[-100, 8]), [0, 8, 16, -100, -92, -84]);
    assert_eq!(contiguous(&[2, 3, 4], 8), [96, 32, 8]);
}
