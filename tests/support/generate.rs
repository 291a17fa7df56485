//! Random calls: values, shapes, layouts, overlaps and options.

use super::Random;
use super::call::Call;
use super::layout::{Layout, any, nested};
use crate::oracle::combine::Op;
use crate::oracle::convert::{power_of_two, round_real, wrap};
use crate::oracle::dtype::{Dtype, Format, Kind, Value, load};
use crate::oracle::model::{
    Carry, Mode, Nan, Overflow, carry_dtype, is_inexact, store_carry, zero,
};

/// What kind of numbers an array holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Style {
    Small,
    Bits,
    Special,
    Unit,
    NearOne,
    Extreme,
    Place,
    /// As `Place`, but odd if an integer, so that no wrapping product ends at zero.
    Odd,
}

pub const STYLES: [Style; 8] = [
    Style::Small,
    Style::Bits,
    Style::Special,
    Style::Unit,
    Style::NearOne,
    Style::Extreme,
    Style::Place,
    Style::Odd,
];

fn real(random: &mut Random, format: Format, style: Style, place: usize) -> f64 {
    let sign = if random.one_in(2) { -1.0 } else { 1.0 };
    let largest = format.largest();
    let smallest = power_of_two(format.min_exponent - format.precision + 1);
    let value = match style {
        Style::Small => random.between(-12, 12) as f64 / 4.0,
        Style::Unit => random.unit(),
        Style::NearOne | Style::Odd => sign * (0.75 + random.unit() * 0.58),
        Style::Place => (place % 23) as f64 - 9.0 + place as f64 / 64.0,
        Style::Special => match random.below(12) {
            0 => f64::NAN,
            1 => f64::INFINITY * sign,
            2 | 3 => 0.0 * sign,
            4 => largest * sign,
            5 => smallest * sign,
            6 => power_of_two(format.min_exponent) * sign,
            7 => -1.0,
            _ => random.unit() * 8.0 * sign,
        },
        Style::Extreme => match random.below(4) {
            0 => largest * sign * (0.25 + random.unit() * 0.75),
            1 => power_of_two(format.min_exponent) * random.unit() * 2.0 * sign,
            _ => {
                let exponent = random.between(
                    i64::from(format.min_exponent),
                    i64::from(format.max_exponent) - 1,
                );
                sign * (1.0 + random.unit()) * power_of_two(exponent as i32)
            }
        },
        Style::Bits => unreachable!("bits are drawn by `value`"),
    };
    round_real(value, format)
}

fn int(random: &mut Random, dtype: Dtype, style: Style, place: usize) -> i128 {
    let (lowest, highest) = dtype.int_range();
    match style {
        Style::Small | Style::Special => i128::from(random.between(-3, 5)).clamp(lowest, highest),
        Style::Unit => i128::from(random.below(2) as u64),
        Style::NearOne => random.pick(&[1, 1, 1, -1, 2]).clamp(lowest, highest),
        Style::Place => wrap((place % 29) as i128 + 1, dtype),
        Style::Odd => wrap((place % 31) as i128 * 2 - 29, dtype),
        Style::Extreme => {
            random.pick(&[lowest, highest, lowest + 1, highest - 1, highest / 2, 0, 1])
        }
        Style::Bits => wrap(i128::from(random.bits() >> random.below(64)), dtype),
    }
}

/// One element of `dtype`.
pub fn value(random: &mut Random, dtype: Dtype, style: Style, place: usize) -> Value {
    if style == Style::Bits {
        let mut bytes = random.bytes(dtype.size());
        if dtype.is_float() && random.one_in(2) {
            // Random exponents of doubles are mostly huge or tiny; bring half of them near to 1.
            return Value::Real(real(
                random,
                dtype.format().expect("floating"),
                Style::NearOne,
                place,
            ));
        }
        if dtype == Dtype::Bool && random.one_in(2) {
            bytes[0] = 0;
        }
        return load(dtype, &bytes);
    }
    match dtype.kind() {
        Kind::Bool => Value::Int(i128::from(random.one_in(2))),
        Kind::Int { .. } => Value::Int(int(random, dtype, style, place)),
        Kind::Float(format) => Value::Real(real(random, format, style, place)),
        Kind::Complex(format) => {
            let re = real(random, format, style, place);
            // Numbers of magnitude about 1 keep long products in range.
            let scale = if matches!(style, Style::NearOne | Style::Odd) {
                0.7
            } else {
                1.0
            };
            let im = real(random, format, style, place + 5);
            Value::Complex(
                round_real(re * scale, format),
                round_real(im * scale, format),
            )
        }
    }
}

pub fn values(random: &mut Random, dtype: Dtype, style: Style, count: usize) -> Vec<Value> {
    (0..count)
        .map(|place| value(random, dtype, style, place))
        .collect()
}

/// A shape of up to six axes with at most about `limit` elements.
pub fn shape(random: &mut Random, limit: usize) -> Vec<usize> {
    let rank = random.pick(&[0, 1, 1, 1, 2, 2, 2, 3, 3, 4, 5, 6]);
    let mut left = limit;
    let mut shape: Vec<usize> = (0..rank)
        .map(|_| {
            let extent = match random.below(30) {
                0 => 0,
                1..=4 => 1,
                5..=9 => random.below(left.min(400) + 1),
                _ => 2 + random.below(6),
            };
            let extent = extent.min(left.max(1));
            left /= extent.max(1);
            extent
        })
        .collect();
    if rank == 1 && random.one_in(2) {
        shape[0] = random.below(limit.min(1200) + 1);
    }
    for last in (1..shape.len()).rev() {
        shape.swap(last, random.below(last + 1));
    }
    shape
}

/// Many panels of short axes and narrow rows, with at most about `limit` elements.
pub fn panels(random: &mut Random, limit: usize) -> Vec<usize> {
    let (n, inner) = (1 + random.below(12), 1 + random.below(70));
    let outer = 1 + random.below(limit / (n * inner) + 1);
    vec![outer, n, inner]
}

/// Random bytes with x and out in them: apart, one on the other, or meeting by accident.
fn place_arrays(random: &mut Random, call: &mut Call) {
    let x_size = call.x_dtype.size();
    let out_size = call.out_dtype.size();
    let out_shape = call.out_shape();
    let mut out = nested(random, &out_shape, out_size);
    let same_form = out_shape == call.shape && x_size == out_size;
    let (x, shift) = match random.below(6) {
        0 | 1 if same_form => (out.clone(), 0),
        0 | 1 => {
            // One dense array on the other, flattened or of another element size.
            let dense = |shape, size| Layout::new(shape, size, None);
            let x = dense(&call.shape, x_size);
            out = dense(&out_shape, out_size);
            (x, 0)
        }
        2 | 3 => {
            let x = any(random, &call.shape, x_size);
            let reach = (x.span() + out.span()) as i64;
            (
                x,
                if random.one_in(4) {
                    0
                } else {
                    random.between(-reach, reach)
                },
            )
        }
        choice => {
            let x = any(random, &call.shape, x_size);
            let gap = random.below(20) as i64;
            let apart = x.above as i64 + out.below as i64 + gap;
            let before = -(x.below as i64) - out.above as i64 - gap;
            (x, if choice == 4 { before } else { apart })
        }
    };
    let margin = 16 + random.below(17) as i64;
    let first = (-(x.below as i64)).min(shift - out.below as i64);
    let end = (x.above as i64).max(shift + out.above as i64);
    call.x_at = (margin - first) as usize;
    call.out_at = (margin - first + shift) as usize;
    call.memory = random.bytes((end - first + 2 * margin) as usize);
    call.x_strides = x.strides;
    call.out_strides = out.strides;
}

/// Carries for `count` lines.
fn carries(
    random: &mut Random,
    op: Op,
    computing: Dtype,
    mode: Mode,
    style: Style,
    count: usize,
) -> Vec<u8> {
    let dtype = carry_dtype(computing, mode);
    let paired = matches!(op, Op::Sum | Op::Prod) && computing.format().is_some();
    let mut bytes = Vec::new();
    for line in 0..count {
        // Only sums and products of 16-bit floats make use of the wider carry.
        let value = value(random, if paired { dtype } else { computing }, style, line);
        let shrink = |x: f64, random: &mut Random| {
            let format = dtype.format().expect("floating");
            let scale = random.pick(&[0.0, 0.0, 0.3, 1.0, 40.0]) * power_of_two(-format.precision);
            let error = round_real(x * scale * (random.unit() - 0.5), format);
            if x.abs() < format.largest() / 2.0 {
                error
            } else {
                0.0
            }
        };
        let error = match value {
            Value::Real(x) if paired => Value::Real(shrink(x, random)),
            Value::Complex(re, im) if paired => {
                Value::Complex(shrink(re, random), shrink(im, random))
            }
            _ => zero(dtype),
        };
        bytes.extend(store_carry(computing, mode, Carry { value, error }));
    }
    bytes
}

/// What a family of random calls draws from.
#[derive(Clone, Copy)]
pub struct Choices<'a> {
    pub ops: &'a [Op],
    pub x: &'a [Dtype],
    pub computing: &'a [Dtype],
    pub out: &'a [Dtype],
    pub modes: &'a [Mode],
    pub overflows: &'a [Overflow],
    pub styles: &'a [Style],
    /// What draws a shape,
    pub shape: fn(&mut Random, usize) -> Vec<usize>,
    /// of about so many elements.
    pub elements: usize,
}

/// A call out of `choices` with random shape, layout, overlap and options.
pub fn call(random: &mut Random, choices: &Choices) -> Call {
    let op = random.pick(choices.ops);
    let computing = random.pick(choices.computing);
    let x_dtype = if random.one_in(2) && choices.x.contains(&computing) {
        computing
    } else {
        random.pick(choices.x)
    };
    let own_out = random.one_in(3);
    let out_dtype = if own_out {
        random.pick(choices.out)
    } else {
        computing
    };
    let shape = (choices.shape)(random, choices.elements);
    let rank = shape.len() as i64;
    let axis = match rank {
        _ if random.one_in(8) => i32::MIN,
        0 => random.pick(&[0, -1]),
        _ => random.between(-rank, rank - 1) as i32,
    };
    let (exclusive, initial) =
        random.pick(&[(false, false), (false, false), (true, false), (false, true)]);
    let mut call = Call {
        op,
        shape,
        axis,
        x_dtype,
        out_dtype,
        computing: (own_out || random.one_in(2)).then_some(computing),
        memory: Vec::new(),
        x_at: 0,
        x_strides: None,
        out_at: 0,
        out_strides: None,
        exclusive,
        initial,
        reverse: random.one_in(3),
        mode: random.pick(choices.modes),
        nan: random.pick(&[Nan::Propagate, Nan::Propagate, Nan::Identity, Nan::Skip]),
        overflow: random.pick(choices.overflows),
        threads: random.between(0, 3) as i32,
        carry_in: None,
        carry_out: random.one_in(3),
        carry_shared: false,
        // Half of the calls by a plan, also where the arrays are so small that they need none.
        progress: random.one_in(2),
        quiet: false,
    };
    place_arrays(random, &mut call);
    let style = random.pick(choices.styles);
    let count = call.shape.iter().product();
    let x = values(random, call.x_dtype, style, count);
    if !random.one_in(10) {
        call.write_x(&x);
    }
    let lawful = call.op.computes_in(computing);
    if lawful && random.one_in(3) {
        let lines = call.line_count();
        let count = if random.one_in(2) { 1 } else { lines };
        let style = if is_inexact(op, computing, call.mode) && random.one_in(2) {
            Style::NearOne
        } else {
            style
        };
        let bytes = carries(random, op, computing, call.mode, style, count);
        // A length of no carries fits no line but "one a line" of an array without lines.
        call.carry_shared = call.carry_out && count == lines && random.one_in(2);
        call.carry_in = Some(bytes);
    }
    call.quiet = random.one_in(2);
    call
}
