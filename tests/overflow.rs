//! Checked and saturating integers: what counts as an overflow, and where it is reported to be.

mod oracle;
mod support;

use oracle::combine::Op;
use oracle::dtype::{Dtype, Value, load};
use oracle::model::{Carry, Mode, Overflow, store_carry, zero};
use support::call::Call;
use support::{AXIS_NONE, last_error, status_name};

fn ints(values: &[i128]) -> Vec<Value> {
    values.iter().map(|&n| Value::Int(n)).collect()
}

fn checked(op: Op, dtype: Dtype, shape: &[usize], axis: i32, x: &[i128]) -> Call {
    let mut call = Call::plain(op, dtype, shape, axis, &ints(x));
    call.overflow = Overflow::Check;
    call
}

#[track_caller]
fn overflows_at(call: &Call, line: i64, index: i64) {
    let outcome = call.run();
    assert_eq!(status_name(outcome.status), "CUM_ERR_OVERFLOW");
    assert_eq!(outcome.place, [line, index]);
    let sentence = last_error();
    let place = match index {
        -1 => format!("does not fit int8 in line {line}"),
        _ => format!(" in line {line} at index {index}"),
    };
    assert!(sentence.ends_with(&place), "{sentence:?}");
    assert_eq!(
        sentence.starts_with("the starting value of type int64"),
        index == -1,
        "{sentence:?}"
    );
    assert!(outcome.memory == call.memory, "memory changed");
    call.check().expect("the oracle agrees");
}

#[track_caller]
fn gives(call: &Call, due: &[i128]) {
    let outcome = call.run();
    assert_eq!(status_name(outcome.status), "CUM_OK", "{}", last_error());
    let size = call.out_dtype.size();
    let got: Vec<i128> = (0..due.len())
        .map(
            |at| match load(call.out_dtype, &outcome.memory[call.out_at + at * size..]) {
                Value::Int(n) => n,
                other => panic!("{other:?}"),
            },
        )
        .collect();
    assert_eq!(got, due);
    call.check().expect("the oracle agrees");
}

fn carry(dtype: Dtype, value: i128) -> Option<Vec<u8>> {
    let carry = Carry {
        value: Value::Int(value),
        error: zero(dtype),
    };
    Some(store_carry(dtype, Mode::Sequential, carry))
}

#[test]
fn the_lowest_line_counts_and_then_the_scan_order() {
    let x = [1, 127, 1, 1, 1, 1, 100, 27, 1];
    overflows_at(&checked(Op::Sum, Dtype::I8, &[3, 3], 1, &x), 0, 1);
    // Down the columns: 1 1 100, 127 1 27 and 1 1 1.
    overflows_at(&checked(Op::Sum, Dtype::I8, &[3, 3], 0, &x), 1, 1);
    overflows_at(&checked(Op::Sum, Dtype::I8, &[3, 3], AXIS_NONE, &x), 0, 1);
    let mut backwards = checked(Op::Sum, Dtype::I8, &[3, 3], 1, &x);
    backwards.reverse = true;
    overflows_at(&backwards, 0, 1);
    let mut backwards = checked(Op::Sum, Dtype::I8, &[4], 0, &[5, 1, 120, 7]);
    backwards.reverse = true;
    overflows_at(&backwards, 0, 1);
}

#[test]
fn an_overflow_far_into_a_long_array_is_found() {
    for at in [0usize, 255, 256, 4095, 4096, 70_000] {
        let mut x = vec![0i128; 70_001];
        x[at] = 2;
        let mut call = checked(Op::Sum, Dtype::I32, &[x.len()], 0, &x);
        call.carry_in = carry(Dtype::I32, i128::from(i32::MAX) - 1);
        overflows_at(&call, 0, at as i64);
    }
}

#[test]
fn unsigned_sums_and_products_overflow_upwards() {
    overflows_at(&checked(Op::Sum, Dtype::U8, &[3], 0, &[255, 0, 1]), 0, 2);
    overflows_at(
        &checked(Op::Prod, Dtype::U64, &[3], 0, &[1 << 63, 1, 2]),
        0,
        2,
    );
    overflows_at(
        &checked(Op::Prod, Dtype::I64, &[3], 0, &[-(1 << 63), 1, -1]),
        0,
        2,
    );
    gives(
        &checked(Op::Prod, Dtype::I64, &[3], 0, &[1 << 62, -2, 1]),
        &[1 << 62, -(1 << 63), -(1 << 63)],
    );
    gives(
        &checked(Op::Max, Dtype::I8, &[3], 0, &[-128, 127, 0]),
        &[-128, 127, 127],
    );
}

#[test]
fn what_contributes_to_nothing_does_not_overflow() {
    let mut call = checked(Op::Sum, Dtype::I8, &[3], 0, &[100, 27, 1]);
    call.exclusive = true;
    gives(&call, &[0, 100, 127]);
    call.carry_out = true;
    overflows_at(&call, 0, 2);
    call.exclusive = false;
    overflows_at(&call, 0, 2);
}

#[test]
fn conversions_that_do_not_fit_are_overflows() {
    let mut narrow = checked(Op::Sum, Dtype::I32, &[3], 0, &[1, 2, 300]);
    narrow.computing = Some(Dtype::I8);
    overflows_at(&narrow, 0, 2);
    let mut late = checked(Op::Sum, Dtype::I32, &[3], 0, &[1, 2, 300]);
    (late.computing, late.out_dtype) = (Some(Dtype::I32), Dtype::I8);
    overflows_at(&late, 0, 2);
    late.exclusive = true;
    gives(&late, &[0, 1, 3]);
    late.overflow = Overflow::Saturate;
    late.exclusive = false;
    gives(&late, &[1, 3, 127]);
    // To bool nothing is too large, and from floats the conversion saturates by itself.
    late.out_dtype = Dtype::Bool;
    late.overflow = Overflow::Check;
    gives(&late, &[1, 1, 1]);
    let mut unsigned = checked(Op::Max, Dtype::I8, &[2], 0, &[3, -1]);
    (unsigned.computing, unsigned.out_dtype) = (Some(Dtype::U8), Dtype::U8);
    overflows_at(&unsigned, 0, 1);
    unsigned.overflow = Overflow::Saturate;
    gives(&unsigned, &[3, 3]);
}

#[test]
fn a_starting_value_that_does_not_fit_the_output_has_index_minus_one() {
    for reverse in [false, true] {
        let mut call = checked(Op::Sum, Dtype::I64, &[2, 2], 1, &[-300, 1, -300, 1]);
        (call.computing, call.out_dtype) = (Some(Dtype::I64), Dtype::I8);
        call.reverse = reverse;
        call.carry_in = carry(Dtype::I64, 300);
        call.exclusive = true;
        overflows_at(&call, 0, -1);
        call.exclusive = false;
        call.initial = true;
        overflows_at(&call, 0, -1);
        let mut each = carry(Dtype::I64, 0).expect("bytes");
        each.extend(carry(Dtype::I64, 300).expect("bytes"));
        call.carry_in = Some(each);
        // Now the first line shows 0, and fails at the element with -300.
        overflows_at(&call, 0, 0);
    }
    // The identity of max is shown as well.
    let mut call = checked(Op::Max, Dtype::I64, &[1], 0, &[5]);
    (call.computing, call.out_dtype) = (Some(Dtype::I64), Dtype::I8);
    call.exclusive = true;
    overflows_at(&call, 0, -1);
    call.overflow = Overflow::Saturate;
    gives(&call, &[-128]);
}

#[test]
fn a_hidden_starting_value_need_not_fit_the_output() {
    let mut call = checked(Op::Sum, Dtype::I64, &[2], 0, &[-300, 1]);
    (call.computing, call.out_dtype) = (Some(Dtype::I64), Dtype::I8);
    call.carry_in = carry(Dtype::I64, 310);
    gives(&call, &[10, 11]);
}

#[test]
fn saturation_clamps_every_step() {
    let mut call = checked(Op::Sum, Dtype::I8, &[4], 0, &[100, 100, -1, -128]);
    call.overflow = Overflow::Saturate;
    gives(&call, &[100, 127, 126, -2]);
    let mut call = checked(Op::Prod, Dtype::U64, &[3], 0, &[1 << 40, 1 << 40, 0]);
    call.overflow = Overflow::Saturate;
    gives(&call, &[1 << 40, i128::from(u64::MAX), 0]);
    let mut call = checked(Op::Prod, Dtype::I16, &[3], 0, &[-32768, -1, -1]);
    call.overflow = Overflow::Saturate;
    gives(&call, &[-32768, 32767, -32767]);
}

#[test]
fn long_sums_stop_at_the_same_place_on_any_number_of_threads() {
    const COUNT: usize = 3_000_017;
    let element: u32 = 3001;
    for exclusive in [false, true] {
        let mut call = checked(Op::Sum, Dtype::U32, &[1], 0, &[0]);
        call.overflow = Overflow::Saturate;
        call.shape = vec![COUNT];
        call.exclusive = exclusive;
        call.memory = element.to_ne_bytes().repeat(2 * COUNT);
        (call.x_at, call.out_at) = (0, 4 * COUNT);
        for threads in [1, 2, 3] {
            call.threads = threads;
            let outcome = call.run();
            assert_eq!(status_name(outcome.status), "CUM_OK", "{}", last_error());
            let results = outcome.memory[call.out_at..].chunks_exact(4);
            for (i, result) in results.enumerate() {
                let sum = (i as u64 + !exclusive as u64) * u64::from(element);
                let due = u32::try_from(sum).unwrap_or(u32::MAX);
                assert_eq!(result, due.to_ne_bytes(), "{i} on {threads} threads");
            }
        }
    }
}

#[test]
fn bool_and_floats_do_not_overflow() {
    let mut call = checked(Op::Sum, Dtype::I32, &[3], 0, &[2, 300, 70_000]);
    (call.computing, call.out_dtype) = (Some(Dtype::Bool), Dtype::I8);
    gives(&call, &[1, 1, 1]);
    (call.computing, call.out_dtype) = (Some(Dtype::F64), Dtype::I8);
    gives(&call, &[2, 127, 127]);
}
