//! Small calls take a way of their own, past the plan: it gives what a plan gives. A call with a progress function never
//! takes it.

mod oracle;
mod support;

use oracle::combine::Op;
use oracle::dtype::{Dtype, Value};
use oracle::model::{Carry, Mode, Nan, Overflow, carry_dtype, contiguous, is_inexact, store_carry};
use support::call::{Call, MARGIN, UNTOUCHED};
use support::generate::{self, Choices, STYLES, Style, values};
use support::{AXIS_NONE, MODES, Random, combinations, status_name};

/// On both sides of what is small: 64 elements in 8 lines one by one, 14 of a line backward, 256 that are turned, 16 KiB of
/// accumulators, 4096 in all.
const SHAPES: [&[usize]; 24] = [
    &[],
    &[1],
    &[8],
    &[31],
    &[256],
    &[257],
    &[4096],
    &[4097],
    &[4, 8],
    &[8, 1],
    &[64, 4],
    &[65, 3],
    &[9, 7],
    &[30, 14],
    &[16, 15],
    &[300, 3],
    &[2, 700],
    &[1030, 2],
    &[2050, 1],
    &[1, 64],
    &[2, 0, 3],
    &[2, 3, 5],
    &[4, 1, 16, 5],
    &[16, 17],
];

fn check(call: &Call) {
    let planned = Call {
        progress: true,
        quiet: false,
        ..call.clone()
    };
    let (small, planned) = (call.run(), planned.run());
    let same = small.status == planned.status
        && small.memory == planned.memory
        && small.carry_out == planned.carry_out;
    assert!(
        same,
        "{}, by a plan {}: {}",
        status_name(small.status),
        status_name(planned.status),
        call.summary()
    );
}

/// A call for each axis of each shape, with its options drawn.
fn check_all(op: Op, dtype: Dtype, style: Style, modes: &[Mode], random: &mut Random) {
    for shape in SHAPES {
        let ndim = shape.len() as i32;
        for axis in (-ndim..ndim).chain([AXIS_NONE]) {
            let count = shape.iter().product();
            let x = values(random, dtype, style, count);
            let mut call = Call::plain(op, dtype, shape, axis, &x);
            call.quiet = random.one_in(2);
            call.exclusive = random.one_in(2);
            call.reverse = random.one_in(2);
            call.mode = random.pick(modes);
            call.nan = random.pick(&[Nan::Propagate, Nan::Propagate, Nan::Skip]);
            call.overflow = random.pick(&[Overflow::Wrap, Overflow::Wrap, Overflow::Saturate]);
            if random.one_in(2) {
                call.x_strides = Some(contiguous(shape, dtype.size()));
            }
            if random.one_in(2) {
                call.out_strides = Some(contiguous(&call.out_shape(), dtype.size()));
            }
            if random.one_in(4) {
                call.out_at = call.x_at + random.below(3) * dtype.size();
            }
            let lines = call.line_count();
            if random.one_in(2) {
                let given = random.pick(&[1, lines, lines + 1]);
                let part = carry_dtype(dtype, call.mode);
                let mut carry = || values(random, part, style, 1)[0];
                let carries = (0..given).flat_map(|_| {
                    let (value, error) = (carry(), carry());
                    store_carry(dtype, call.mode, Carry { value, error })
                });
                call.carry_in = Some(carries.collect());
                call.carry_shared = given == lines && random.one_in(2);
            }
            call.carry_out = call.carry_shared || random.one_in(2);
            check(&call);
        }
    }
}

#[test]
fn small_calls_give_what_a_plan_gives() {
    let mut random = Random::new(7);
    for (op, dtype) in combinations() {
        check_all(op, dtype, Style::Place, &MODES, &mut random);
    }
}

#[test]
fn small_compensated_calls_give_what_a_plan_gives() {
    let mut random = Random::new(8);
    let inexact = |&(op, dtype): &(Op, Dtype)| is_inexact(op, dtype, Mode::Compensated);
    for (op, dtype) in combinations().filter(inexact) {
        for style in STYLES {
            check_all(op, dtype, style, &[Mode::Compensated], &mut random);
        }
    }
}

/// Lengths on both sides of what is done one by one wherever it lies.
const LENGTHS: [usize; 9] = [0, 1, 2, 3, 8, 33, 256, 257, 641];

/// Elements from one to the next.
const STEPS: [i64; 6] = [1, -1, 2, -3, 0, 5];

/// A line whose elements are so many apart in x and in out, which begin so many bytes behind their lowest places.
fn line(op: Op, dtype: Dtype, steps: [i64; 2], x: &[Value], between: usize) -> Call {
    let size = dtype.size();
    let before = x.len().saturating_sub(1);
    let room = 1 + before * 5;
    let memory = vec![UNTOUCHED; 2 * room * size + between + 2 * MARGIN];
    let at = |start, step: i64| {
        start
            + if step < 0 {
                before * step.unsigned_abs() as usize * size
            } else {
                0
            }
    };
    let out = MARGIN + between + if between > 0 { room * size } else { 0 };
    let [x_at, out_at] = [at(MARGIN, steps[0]), at(out, steps[1])];
    let mut call = Call::at(op, dtype, &[x.len()], 0, memory, x_at, out_at);
    call.x_strides = Some(vec![steps[0] * size as i64]);
    call.out_strides = Some(vec![steps[1] * size as i64]);
    call.write_x(x);
    call
}

#[test]
fn short_lines_of_any_step_give_what_a_plan_gives() {
    let mut random = Random::new(9);
    for (op, dtype) in combinations() {
        for n in LENGTHS {
            for x_step in STEPS {
                for out_step in STEPS {
                    let x = values(&mut random, dtype, Style::Place, n);
                    // In place, and apart by as little as nothing.
                    let between = random.pick(&[0, 1, MARGIN]);
                    let mut call = line(op, dtype, [x_step, out_step], &x, between);
                    call.quiet = true;
                    call.exclusive = random.one_in(2);
                    call.reverse = random.one_in(2);
                    check(&call);
                }
            }
        }
    }
}

/// On both sides of what is done without a plan: 1024 elements, 4096 with gaps, 32768 of a contiguous line.
const LONGER: [usize; 6] = [1024, 1025, 4096, 4097, 32768, 32769];

#[test]
fn longer_lines_give_what_a_plan_gives() {
    let mut random = Random::new(11);
    for (op, dtype) in combinations() {
        for n in LONGER {
            for steps in [[1, 1], [1, 2], [2, 1], [2, 2], [-1, -1], [-1, 2], [2, -2]] {
                if n > 5000 && steps != [1, 1] {
                    continue;
                }
                let x = values(&mut random, dtype, Style::Place, n);
                let mut call = line(op, dtype, steps, &x, MARGIN);
                call.exclusive = random.one_in(2);
                call.reverse = random.one_in(4);
                call.nan = random.pick(&[Nan::Propagate, Nan::Identity, Nan::Skip]);
                call.overflow = random.pick(&[Overflow::Wrap, Overflow::Wrap, Overflow::Saturate]);
                // Nothing else is asked for.
                call.quiet = call.nan == Nan::Propagate && call.overflow == Overflow::Wrap;
                check(&call);
            }
        }
    }
}

#[test]
fn longer_columns_give_what_a_plan_gives() {
    let mut random = Random::new(12);
    for (op, x_dtype) in combinations() {
        let wide = op == Op::Sum || op == Op::Prod;
        let wider = if x_dtype.is_int() && wide {
            Dtype::I64
        } else {
            x_dtype
        };
        for [rows, columns] in [[1030, 1], [1000, 2], [700, 3], [64, 64], [65, 64]] {
            for gap in [1, 2] {
                for out_dtype in [x_dtype, wider] {
                    let shape = [rows, columns];
                    let x = values(&mut random, x_dtype, Style::Place, rows * columns);
                    let mut call = Call::plain(op, x_dtype, &shape, 0, &x);
                    let strides = |size: usize| {
                        let strides = [columns * gap * size, gap * size];
                        Some(strides.map(|stride| stride as i64).to_vec())
                    };
                    call.x_strides = strides(x_dtype.size());
                    call.out_strides = strides(out_dtype.size());
                    call.out_dtype = out_dtype;
                    let bytes = rows * columns * gap;
                    call.out_at = call.x_at + bytes * x_dtype.size() + MARGIN;
                    call.memory = vec![UNTOUCHED; call.out_at + bytes * out_dtype.size() + MARGIN];
                    call.write_x(&x);
                    call.axis = random.pick(&[0, 1]);
                    call.exclusive = random.one_in(2);
                    call.reverse = random.one_in(4);
                    call.nan = random.pick(&[Nan::Propagate, Nan::Identity, Nan::Skip]);
                    check(&call);
                }
            }
        }
    }
}

#[test]
fn small_arrays_of_any_layout_give_what_a_plan_gives() {
    let choices = Choices {
        ops: &Op::ALL,
        x: &Dtype::ALL,
        computing: &Dtype::ALL,
        out: &Dtype::ALL,
        modes: &[Mode::Sequential],
        overflows: &[Overflow::Wrap, Overflow::Saturate, Overflow::Check],
        // Whose results are not NaN, which has many forms.
        styles: &[Style::Place, Style::Unit, Style::NearOne],
        shape: generate::shape,
        elements: 1500,
    };
    let mut random = Random::new(10);
    for _ in 0..20_000 {
        let mut call = generate::call(&mut random, &choices);
        call.progress = false;
        // Some on elements of one type, which need no conversion.
        if random.one_in(2) && call.x_dtype == call.out_dtype {
            call.computing = Some(call.x_dtype);
        }
        if !random.one_in(4) {
            (call.carry_in, call.carry_out, call.carry_shared) = (None, false, false);
        }
        let mut x = call.x_values();
        if call.nan != Nan::Propagate && call.x_dtype.is_float() {
            for value in &mut x {
                if random.one_in(5) {
                    *value = Value::Real(f64::NAN);
                }
            }
            call.write_x(&x);
        }
        // Any bytes may be elements, where x meets itself; of a NaN that goes on not all bits are promised.
        if call.nan != Nan::Propagate || !x.iter().any(|value| value.is_nan()) {
            check(&call);
        }
    }
}
