//! Every operation in every type at every short length and around every power of two up to 65536: contiguous and
//! with a stride, inclusive, exclusive, reversed and in place, along the only axis and across many lines.

mod oracle;
mod support;

use oracle::combine::Op;
use oracle::dtype::{Dtype, Value, store};
use oracle::model::{Mode, contiguous};
use support::Random;
use support::call::Call;
use support::generate::{Style, values};

#[derive(Clone, Copy, Debug)]
struct Variant {
    exclusive: bool,
    reverse: bool,
    in_place: bool,
    /// Elements from one to the next.
    step: usize,
}

const PLAIN: Variant = Variant {
    exclusive: false,
    reverse: false,
    in_place: false,
    step: 1,
};

/// Exclusive, reversed and in place in all combinations.
fn variants(step: usize) -> impl Iterator<Item = Variant> {
    (0..8).map(move |bits| Variant {
        exclusive: bits & 1 != 0,
        reverse: bits & 2 != 0,
        in_place: bits & 4 != 0,
        step,
    })
}

fn combinations() -> impl Iterator<Item = (Op, Dtype)> {
    let pairs = Op::ALL
        .into_iter()
        .flat_map(|op| Dtype::ALL.map(|dtype| (op, dtype)));
    pairs.filter(|(op, dtype)| op.computes_in(*dtype))
}

/// Values under which a wrong order, a lost or a doubled element shows.
fn telling_values(op: Op, dtype: Dtype, count: usize) -> Vec<Value> {
    let mut random = Random::new(count as u64 * 977 + dtype.code() as u64);
    let rising = |x: &mut Vec<Value>, random: &mut Random| {
        // Few elements change a running extreme of noise; a trend makes about every third one do so.
        for (place, value) in x.iter_mut().enumerate() {
            let trend = (place * 90 / count.max(1)) as f64;
            let sign = if op == Op::Max { 1.0 } else { -1.0 };
            *value =
                oracle::convert::convert(Value::Real(sign * (trend + random.unit() * 5.0)), dtype);
        }
    };
    match op {
        Op::Sum | Op::Logsumexp => values(
            &mut random,
            dtype,
            if count.is_multiple_of(3) {
                Style::Place
            } else {
                Style::Unit
            },
            count,
        ),
        Op::Prod => values(&mut random, dtype, Style::Odd, count),
        Op::Max | Op::Min => {
            let mut x = values(&mut random, dtype, Style::Bits, count);
            if dtype != Dtype::Bool && count.is_multiple_of(2) {
                rising(&mut x, &mut random);
            }
            x
        }
    }
}

/// The call on a line of `x` in the given variant; the arrays' alignment varies with the length.
fn line_call(op: Op, dtype: Dtype, x: &[Value], variant: Variant) -> Call {
    let size = dtype.size();
    let step = variant.step * size;
    let bytes = x.len() * step;
    let x_at = 64 + x.len() * 5 % 32;
    let out_at = if variant.in_place {
        x_at
    } else {
        x_at + bytes + 32 + x.len() * 3 % 32
    };
    let mut call = Call::plain(
        op,
        dtype,
        &[],
        0,
        &[x.first().copied().unwrap_or(Value::Int(0))].map(|_| oracle::model::zero(dtype)),
    );
    call.shape = vec![x.len()];
    call.memory = vec![0x5a; out_at + bytes + 64];
    call.x_at = x_at;
    call.out_at = out_at;
    let strides = (variant.step > 1).then(|| vec![step as i64]);
    call.x_strides = strides.clone();
    call.out_strides = strides;
    call.exclusive = variant.exclusive;
    call.reverse = variant.reverse;
    call.write_x(x);
    call
}

fn check(call: &Call) {
    if let Err(text) = call.check() {
        panic!("{text}\n{}", call.summary());
    }
}

fn check_lengths(dtype_is_wanted: impl Fn(Dtype) -> bool) {
    for (op, dtype) in combinations().filter(|(_, dtype)| dtype_is_wanted(*dtype)) {
        for length in (0..=200).chain([255, 256, 257, 511, 512, 513, 1023, 1024, 1025]) {
            let x = telling_values(op, dtype, length);
            for variant in variants(1).chain(variants(2)) {
                // The longer ones in half of the combinations, to keep this short.
                if length <= 200 || variant.step == 1 || variant.exclusive == variant.in_place {
                    check(&line_call(op, dtype, &x, variant));
                }
            }
        }
    }
}

#[test]
fn every_short_length_of_integers_agrees_with_the_oracle() {
    check_lengths(|dtype| dtype.is_int() || dtype == Dtype::Bool);
}

#[test]
fn every_short_length_of_floats_agrees_with_the_oracle() {
    check_lengths(|dtype| dtype.is_float());
}

#[test]
fn every_short_length_of_complex_numbers_agrees_with_the_oracle() {
    check_lengths(|dtype| dtype.is_complex());
}

#[test]
fn rows_of_every_short_length_are_widened_as_the_oracle_does() {
    const ROWS: usize = 11;
    for from in [Dtype::I8, Dtype::U8, Dtype::Bool, Dtype::I16, Dtype::U32] {
        for (op, to) in [
            (Op::Sum, Dtype::I64),
            (Op::Sum, Dtype::U64),
            (Op::Prod, Dtype::I64),
        ] {
            for length in 1..=40 {
                let x = telling_values(op, from, ROWS * length);
                for exclusive in [false, true] {
                    // Rows that follow each other, and rows with gaps between them.
                    for gap in [0, 3] {
                        let mut call = Call::plain(op, from, &[ROWS, length], 1, &x);
                        let strides =
                            |size: usize| Some(vec![((length + gap) * size) as i64, size as i64]);
                        let bytes = |size: usize| ROWS * (length + gap) * size;
                        call.out_dtype = to;
                        call.exclusive = exclusive;
                        call.x_strides = strides(from.size());
                        call.out_strides = strides(to.size());
                        call.out_at = call.x_at + bytes(from.size()) + 32;
                        call.memory = vec![0x5a; call.out_at + bytes(to.size()) + 64];
                        call.write_x(&x);
                        check(&call);
                    }
                }
            }
        }
    }
}

#[test]
fn reassociated_and_compensated_lines_of_every_short_length_keep_their_bounds() {
    for (op, dtype) in combinations() {
        if !matches!(op, Op::Sum | Op::Prod) || dtype.format().is_none() {
            continue;
        }
        for mode in [Mode::Reassociate, Mode::Compensated] {
            for length in (0..=200).chain([255, 256, 257, 511, 512, 513, 1023, 1024, 1025]) {
                let x = telling_values(op, dtype, length);
                let variant = variants(1 + length % 2)
                    .nth(length % 8)
                    .expect("eight variants");
                let mut call = line_call(op, dtype, &x, variant);
                call.mode = mode;
                call.carry_out = length % 3 == 0;
                check(&call);
            }
        }
    }
}

fn around(powers: std::ops::RangeInclusive<u32>) -> impl Iterator<Item = usize> {
    powers.flat_map(|power| [(1 << power) - 1, 1 << power, (1 << power) + 1])
}

#[test]
fn lengths_around_large_powers_of_two_agree_with_the_oracle() {
    for (op, dtype) in combinations() {
        for length in around(11..=13) {
            let x = telling_values(op, dtype, length);
            let exclusive_in_place = Variant {
                exclusive: true,
                in_place: true,
                ..PLAIN
            };
            let strided = Variant {
                reverse: true,
                step: 2,
                ..PLAIN
            };
            for variant in [PLAIN, exclusive_in_place, strided] {
                check(&line_call(op, dtype, &x, variant));
            }
        }
        for length in around(14..=14).chain(around(16..=16)) {
            check(&line_call(
                op,
                dtype,
                &telling_values(op, dtype, length),
                PLAIN,
            ));
        }
    }
}

#[test]
fn long_compensated_and_reassociated_lines_keep_their_bounds() {
    for dtype in [
        Dtype::F16,
        Dtype::Bf16,
        Dtype::F32,
        Dtype::F64,
        Dtype::C64,
        Dtype::C128,
    ] {
        for mode in [Mode::Reassociate, Mode::Compensated] {
            for length in around(12..=12).chain(around(14..=14)).chain([65537]) {
                let x = telling_values(Op::Sum, dtype, length);
                let mut call = line_call(Op::Sum, dtype, &x, PLAIN);
                call.mode = mode;
                check(&call);
            }
        }
    }
}

#[test]
fn compensated_products_keep_their_bound_down_to_the_smallest_normal_number() {
    let mut random = Random::new(0xdead);
    for dtype in [Dtype::F32, Dtype::F64, Dtype::C64, Dtype::C128] {
        let format = dtype.format().expect("floating");
        for _ in 0..1000 {
            // From just above the smallest normal number back to about 1.
            let mut x = values(&mut random, dtype, Style::NearOne, 60);
            let small = oracle::convert::power_of_two(format.min_exponent + 2);
            let large = oracle::convert::power_of_two(-format.min_exponent - 4);
            let real = |x| oracle::convert::convert(Value::Real(x), dtype);
            x.insert(1 + random.below(10), real(small));
            x.insert(12 + random.below(10), real(large));
            let mut call = Call::plain(Op::Prod, dtype, &[x.len()], 0, &x);
            call.mode = Mode::Compensated;
            let outcome = call.run();
            assert_eq!(outcome.status, 0);
            let places = call.out_places();
            let got: Vec<Value> = places
                .iter()
                .map(|&place| oracle::dtype::load(dtype, &outcome.memory[place..]))
                .collect();
            oracle::bounds::check_line_to_the_smallest_normal(Op::Prod, dtype, &x, &got)
                .unwrap_or_else(|text| panic!("{text}: {}", call.summary()));
        }
    }
}

/// Rows of `width` lines, `pitch` elements apart, scanned down the rows.
fn across_call(
    op: Op,
    dtype: Dtype,
    height: usize,
    width: usize,
    pitch: usize,
    variant: Variant,
) -> Call {
    let size = dtype.size();
    let x = telling_values(op, dtype, height * width);
    let bytes = height * pitch * size;
    let out_at = if variant.in_place { 33 } else { 64 + bytes + 7 };
    let mut call = Call::at(
        op,
        dtype,
        &[height, width],
        0,
        vec![0x5a; 2 * bytes + 160],
        33,
        out_at,
    );
    call.exclusive = variant.exclusive;
    call.reverse = variant.reverse;
    let strides = if pitch == width {
        contiguous(&[height, width], size)
    } else {
        vec![(pitch * size) as i64, size as i64]
    };
    call.x_strides = Some(strides.clone());
    call.out_strides = Some(strides);
    call.write_x(&x);
    call
}

#[test]
fn every_width_scanned_across_agrees_with_the_oracle() {
    for (op, dtype) in combinations() {
        for width in 1..=40 {
            for height in [1, 3, 13] {
                for variant in variants(1).skip(width % 2).step_by(2) {
                    check(&across_call(op, dtype, height, width, width, variant));
                }
            }
            check(&across_call(op, dtype, 29, width, width + 3, PLAIN));
        }
        check(&across_call(op, dtype, 67, 129, 129, PLAIN));
        check(&across_call(op, dtype, 5, 1025, 1030, PLAIN));
    }
}

#[test]
fn middle_axes_agree_with_the_oracle() {
    for (op, dtype) in combinations() {
        for (outer, length, inner) in [(2, 5, 3), (3, 17, 8), (7, 9, 31), (2, 65, 33)] {
            let x = telling_values(op, dtype, outer * length * inner);
            let mut call = Call::plain(op, dtype, &[outer, length, inner], 1, &x);
            check(&call);
            call.exclusive = true;
            call.out_at = call.x_at;
            check(&call);
        }
    }
}

#[test]
fn results_are_the_same_bits_for_any_number_of_threads() {
    // Large enough for threads to be worth their while; the first is one line, the others many.
    let cases: [(&[usize], i32); 2] = [(&[4_000_037], 0), (&[701, 4_003], 0)];
    for (shape, axis) in cases {
        for (op, dtype) in [
            (Op::Sum, Dtype::F64),
            (Op::Sum, Dtype::I32),
            (Op::Max, Dtype::F32),
            (Op::Prod, Dtype::F64),
        ] {
            let count: usize = shape.iter().product();
            let mut random = Random::new(count as u64);
            let style = if op == Op::Prod {
                Style::NearOne
            } else {
                Style::Unit
            };
            let block = values(&mut random, dtype, style, 4099);
            let mut call = Call::plain(op, dtype, &[], 0, &[oracle::model::zero(dtype)]);
            call.shape = shape.to_vec();
            call.axis = axis;
            let size = dtype.size();
            call.memory = vec![0; 2 * count * size];
            call.x_at = 0;
            call.out_at = count * size;
            for place in 0..count {
                store(
                    dtype,
                    block[place % block.len()],
                    &mut call.memory[place * size..],
                );
            }
            for mode in [Mode::Sequential, Mode::Reassociate, Mode::Compensated] {
                call.mode = mode;
                call.carry_out = true;
                call.threads = 1;
                let alone = call.run();
                assert_eq!(alone.status, 0);
                for threads in [2, 3] {
                    call.threads = threads;
                    let together = call.run();
                    let same =
                        together.memory == alone.memory && together.carry_out == alone.carry_out;
                    assert!(
                        same,
                        "{op:?} {dtype:?} {mode:?} {shape:?} on {threads} threads"
                    );
                }
            }
        }
    }
}
