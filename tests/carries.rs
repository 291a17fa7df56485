//! Scans in pieces: chunks that hand a carry on, totals, and scans spread over several workers.

mod oracle;
mod support;

use cumulative::ffi;
use oracle::bounds::check_line;
use oracle::combine::Op;
use oracle::dtype::{Dtype, Value, load};
use oracle::model::{Carry, Mode, Nan, carry_dtype, carry_size, is_inexact, store_carry, zero};
use support::call::Call;
use support::generate::{STYLES, Style, value, values};
use support::verify::compare_carries;
use support::{
    MODES, Random, combinations, combine_bytes, default_options, last_error, status_name,
};

/// Whether chunks give the very bits of one scan.
fn chunks_are_exact(op: Op, dtype: Dtype, mode: Mode) -> bool {
    // logsumexp is sequential in every mode.
    op == Op::Logsumexp || !is_inexact(op, dtype, mode)
}

/// A piece of a scan along the middle axis of an array of three.
struct Piece {
    call: Call,
    rows: std::ops::Range<usize>,
}

/// Cuts the middle axis at `cuts` and gives the calls of the pieces, in scan order.
fn pieces(whole: &Call, x: &[Value], cuts: &[usize]) -> Vec<Piece> {
    let [outer, length, inner] = whole.shape[..] else {
        panic!("three axes")
    };
    let mut edges = vec![0];
    edges.extend(cuts);
    edges.push(length);
    let mut pieces: Vec<Piece> = edges
        .windows(2)
        .map(|edge| {
            let rows = edge[0]..edge[1];
            let mut part = Vec::new();
            for before in 0..outer {
                for row in rows.clone() {
                    let at = (before * length + row) * inner;
                    part.extend_from_slice(&x[at..at + inner]);
                }
            }
            let mut call = Call::plain(
                whole.op,
                whole.x_dtype,
                &[outer, rows.len(), inner],
                1,
                &part,
            );
            call.mode = whole.mode;
            call.nan = whole.nan;
            call.reverse = whole.reverse;
            call.exclusive = whole.exclusive;
            call.carry_out = true;
            Piece { call, rows }
        })
        .collect();
    if whole.reverse {
        pieces.reverse();
    }
    pieces
}

/// The results of a call with a contiguous output, in C order.
fn results(call: &Call, memory: &[u8]) -> Vec<Value> {
    let count: usize = call.out_shape().iter().product();
    let size = call.out_dtype.size();
    (0..count)
        .map(|at| load(call.out_dtype, &memory[call.out_at + at * size..]))
        .collect()
}

/// Puts a piece's results where they belong in those of the whole.
fn join(whole: &mut [Value], shape: &[usize], rows: std::ops::Range<usize>, part: &[Value]) {
    let [outer, length, inner] = shape[..] else {
        panic!("three axes")
    };
    for before in 0..outer {
        for (number, row) in rows.clone().enumerate() {
            for after in 0..inner {
                let from = (before * rows.len() + number) * inner + after;
                whole[(before * length + row) * inner + after] = part[from];
            }
        }
    }
}

fn succeed(call: &Call) -> support::call::Outcome {
    let outcome = call.run();
    assert_eq!(
        outcome.status,
        ffi::CUM_OK,
        "{}\n{}",
        last_error(),
        call.summary()
    );
    outcome
}

/// Distance in units in the last place of the one that is larger.
fn within_one_ulp(a: Value, b: Value, dtype: Dtype) -> bool {
    let format = dtype.format().expect("floating");
    let scale = a
        .parts()
        .iter()
        .chain(&b.parts())
        .fold(0f64, |scale, part| scale.max(part.abs()));
    if !scale.is_finite() {
        return a.is_nan() == b.is_nan();
    }
    let exponent = if scale == 0.0 {
        format.min_exponent
    } else {
        oracle::convert::exponent_of(scale)
    };
    let ulp = oracle::convert::power_of_two(format.ulp_exponent(exponent));
    let (a, b) = (a.parts(), b.parts());
    // Of a complex number the distance counts against its magnitude.
    let distance = a
        .iter()
        .zip(&b)
        .map(|(a, b)| (a - b).powi(2))
        .sum::<f64>()
        .sqrt();
    distance <= ulp * a.len() as f64
}

fn check_chunks(random: &mut Random, op: Op, dtype: Dtype, mode: Mode) {
    let shape = [
        1 + random.below(3),
        2 + random.below(150),
        1 + random.below(4),
    ];
    let style = if chunks_are_exact(op, dtype, mode) {
        random.pick(&STYLES)
    } else {
        Style::NearOne
    };
    let x = values(random, dtype, style, shape.iter().product());
    let mut whole = Call::plain(op, dtype, &shape, 1, &x);
    whole.mode = mode;
    whole.reverse = random.one_in(2);
    whole.exclusive = random.one_in(3);
    whole.nan = random.pick(&[Nan::Propagate, Nan::Identity, Nan::Skip]);
    whole.carry_out = true;
    let one = succeed(&whole);
    let expected = results(&whole, &one.memory);

    let mut cuts: Vec<usize> = (0..random.below(5))
        .map(|_| 1 + random.below(shape[1] - 1))
        .collect();
    cuts.sort_unstable();
    cuts.dedup();
    let mut joined = vec![zero(dtype); x.len()];
    let mut carries = None;
    for Piece { mut call, rows } in pieces(&whole, &x, &cuts) {
        call.carry_in = carries;
        call.carry_shared = call.carry_in.is_some() && random.one_in(2);
        let outcome = succeed(&call);
        join(&mut joined, &shape, rows, &results(&call, &outcome.memory));
        carries = Some(outcome.carry_out);
    }
    let context = || format!("cut at {cuts:?}: {}", whole.summary());
    let carries = carries.expect("at least one piece");
    if chunks_are_exact(op, dtype, mode) {
        for (at, (a, b)) in joined.iter().zip(&expected).enumerate() {
            let both_nan = a.is_nan() && b.is_nan();
            assert!(
                a.same(*b) || both_nan,
                "element {at}: {a:?} in pieces, {b:?} at once, {}",
                context()
            );
        }
        compare_carries(dtype, mode, &one.carry_out, &carries)
            .unwrap_or_else(|text| panic!("{text}, {}", context()));
    } else if mode == Mode::Compensated {
        for (at, (a, b)) in joined.iter().zip(&expected).enumerate() {
            let close = within_one_ulp(*a, *b, dtype);
            assert!(
                close,
                "element {at}: {a:?} in pieces, {b:?} at once, {}",
                context()
            );
        }
    }
    if !chunks_are_exact(op, dtype, mode) && !whole.exclusive && whole.nan == Nan::Propagate {
        // Chunks are one more grouping, so they keep the bound as well.
        for line in oracle::model::lines(&shape, Some(1)) {
            let pick = |from: &[Value]| {
                let mut values: Vec<Value> = line.iter().map(|&at| from[at]).collect();
                if whole.reverse {
                    values.reverse();
                }
                values
            };
            check_line(op, dtype, mode, &pick(&x), None, &pick(&joined))
                .unwrap_or_else(|text| panic!("{text}, {}", context()));
        }
    }
}

#[test]
fn scans_in_chunks_equal_one_scan() {
    let mut random = Random::new(0xc4a2);
    for (op, dtype) in combinations() {
        for mode in MODES {
            for _ in 0..60 {
                check_chunks(&mut random, op, dtype, mode);
            }
        }
    }
}

#[test]
fn the_carry_of_no_elements_is_the_identity_or_the_carry_that_came_in() {
    let mut random = Random::new(5);
    for (op, dtype) in combinations() {
        for mode in MODES {
            for flags in 0..4 {
                let mut call = Call::plain(op, dtype, &[3, 0, 2], 1, &[]);
                call.mode = mode;
                call.carry_out = true;
                call.reverse = flags & 1 != 0;
                call.exclusive = flags & 2 != 0;
                let error = zero(carry_dtype(dtype, mode));
                let identity = store_carry(
                    dtype,
                    mode,
                    Carry {
                        value: op.identity(dtype),
                        error,
                    },
                );
                compare_carries(dtype, mode, &identity.repeat(6), &succeed(&call).carry_out)
                    .unwrap_or_else(|text| panic!("{text}: {}", call.summary()));
                let value = value(&mut random, dtype, Style::NearOne, 0);
                let given = store_carry(dtype, mode, Carry { value, error });
                call.carry_in = Some(given.clone());
                compare_carries(dtype, mode, &given.repeat(6), &succeed(&call).carry_out)
                    .unwrap_or_else(|text| panic!("{text}: {}", call.summary()));
                call.check().expect("agrees with the oracle");
                call.check_reduce().expect("agrees with the oracle");
            }
        }
    }
}

#[test]
fn one_carry_for_all_lines_is_the_same_as_one_a_line() {
    let mut random = Random::new(6);
    for (op, dtype) in combinations() {
        for mode in MODES {
            let x = values(&mut random, dtype, Style::NearOne, 60);
            let mut call = Call::plain(op, dtype, &[4, 3, 5], 1, &x);
            call.mode = mode;
            call.carry_out = true;
            call.exclusive = random.one_in(2);
            let value = value(&mut random, dtype, Style::NearOne, 1);
            let error = zero(carry_dtype(dtype, mode));
            let one = store_carry(dtype, mode, Carry { value, error });
            call.carry_in = Some(one.clone());
            let for_all = succeed(&call);
            call.carry_in = Some(one.repeat(20));
            let each = succeed(&call);
            assert_eq!(for_all.memory, each.memory, "{}", call.summary());
            assert_eq!(for_all.carry_out, each.carry_out, "{}", call.summary());
            call.carry_shared = true;
            let shared = succeed(&call);
            assert_eq!(shared.memory, each.memory, "{}", call.summary());
            assert_eq!(shared.carry_out, each.carry_out, "{}", call.summary());
        }
    }
}

#[test]
fn a_neutral_carry_does_not_change_the_grouping() {
    let mut random = Random::new(7);
    for (op, dtype) in combinations() {
        if !matches!(op, Op::Sum | Op::Prod) || !(dtype.is_float()) {
            continue;
        }
        for length in [1, 2, 7, 8, 9, 64, 300, 4100, 9001] {
            let x = values(&mut random, dtype, Style::NearOne, length);
            let mut call = Call::plain(op, dtype, &[length], 0, &x);
            call.mode = Mode::Reassociate;
            let plain = results(&call, &succeed(&call).memory);
            let mode = call.mode;
            let error = zero(dtype);
            call.carry_in = Some(store_carry(
                dtype,
                mode,
                Carry {
                    value: op.identity(dtype),
                    error,
                },
            ));
            let carried = results(&call, &succeed(&call).memory);
            for (a, b) in plain.iter().zip(&carried) {
                assert!(
                    a.same(*b),
                    "{a:?} without, {b:?} with a neutral carry: {}",
                    call.summary()
                );
            }
        }
    }
}

#[test]
fn totals_of_reduce_are_the_bits_of_carry_out() {
    let mut random = Random::new(8);
    for (op, dtype) in combinations() {
        for mode in MODES {
            for (shape, axis) in [
                (&[1usize, 1][..], 0),
                (&[300], 0),
                (&[5, 40], 1),
                (&[40, 5], 0),
                (&[3, 6, 7], 1),
                (&[20000], 0),
            ] {
                let x = values(&mut random, dtype, Style::NearOne, shape.iter().product());
                let mut call = Call::plain(op, dtype, shape, axis, &x);
                call.mode = mode;
                call.reverse = random.one_in(2);
                call.exclusive = random.one_in(2);
                call.initial = !call.exclusive && random.one_in(3);
                call.nan = random.pick(&[Nan::Propagate, Nan::Identity, Nan::Skip]);
                call.initial = false;
                call.carry_out = true;
                let scanned = succeed(&call).carry_out;
                let reduced = reduce(&call);
                assert_eq!(scanned, reduced, "{}", call.summary());
            }
        }
    }
}

/// The line totals of the call's input, by `cum_reduce`.
fn reduce(call: &Call) -> Vec<u8> {
    let lines = call.line_count();
    let mut totals = vec![0; lines * carry_size(call.computing_dtype(), call.mode)];
    let mut options = call.options();
    options.dtype = 0;
    if let Some(bytes) = &call.carry_in {
        options.carry_in = bytes.as_ptr().cast();
        options.carry_in_len = call.carry_length(bytes);
    }
    let shape: Vec<i64> = call.shape.iter().map(|&extent| extent as i64).collect();
    // SAFETY: x lies in the call's memory and totals has room for one carry a line.
    let status = unsafe {
        ffi::cum_reduce(
            call.op.code(),
            shape.len() as i32,
            shape.as_ptr(),
            call.axis,
            call.memory.as_ptr().add(call.x_at).cast(),
            call.x_dtype.code(),
            std::ptr::null(),
            call.computing_dtype().code(),
            totals.as_mut_ptr().cast(),
            lines,
            &options,
        )
    };
    assert_eq!(status, ffi::CUM_OK, "{}", last_error());
    totals
}

#[test]
fn a_scan_spread_over_workers_equals_one_scan() {
    let mut random = Random::new(9);
    for (op, dtype) in combinations() {
        for mode in MODES {
            let shape = [2, 90, 3];
            let x = values(&mut random, dtype, Style::NearOne, shape.iter().product());
            let mut whole = Call::plain(op, dtype, &shape, 1, &x);
            whole.mode = mode;
            whole.carry_out = true;
            let one = succeed(&whole);
            let mut joined = vec![zero(dtype); x.len()];
            let mut before: Option<Vec<u8>> = None;
            for Piece { mut call, rows } in pieces(&whole, &x, &[7, 40, 41]) {
                let total = reduce(&call);
                call.carry_in = before.clone();
                let outcome = succeed(&call);
                join(&mut joined, &shape, rows, &results(&call, &outcome.memory));
                before = Some(match before {
                    None => total,
                    Some(before) => combine_bytes(op, dtype, mode, &before, &total),
                });
            }
            let expected = results(&whole, &one.memory);
            let context = whole.summary();
            if dtype.format().is_none() || matches!(op, Op::Max | Op::Min) {
                for (a, b) in joined.iter().zip(&expected) {
                    assert!(a.same(*b), "{a:?} spread, {b:?} at once: {context}");
                }
                let last = before.expect("pieces");
                compare_carries(dtype, mode, &one.carry_out, &last)
                    .unwrap_or_else(|text| panic!("{text}: {context}"));
                continue;
            }
            for line in oracle::model::lines(&shape, Some(1)) {
                let pick = |from: &[Value]| line.iter().map(|&at| from[at]).collect::<Vec<_>>();
                if op == Op::Logsumexp {
                    for (a, b) in pick(&joined).iter().zip(&pick(&expected)) {
                        let (a, b) = (a.parts()[0], b.parts()[0]);
                        let precision = dtype.format().expect("floating").precision;
                        let tolerance = 90.0 * 4.0 * oracle::convert::power_of_two(1 - precision);
                        assert!(
                            (a - b).abs() <= tolerance * b.abs().max(1.0),
                            "{a} spread, {b} at once: {context}"
                        );
                    }
                } else {
                    let judged = if mode == Mode::Compensated {
                        mode
                    } else {
                        Mode::Reassociate
                    };
                    check_line(op, dtype, judged, &pick(&x), None, &pick(&joined))
                        .unwrap_or_else(|text| panic!("{text}: {context}"));
                }
            }
        }
    }
}

/// Where the carries of a call lie in one buffer together with its arrays: x, out, carry_in, carry_out.
fn scan_with_carries_at(places: [usize; 4], lengths: [usize; 2]) -> i32 {
    // Three lines of four doubles each.
    let mut memory = vec![0u8; 1024];
    let base = memory.as_mut_ptr();
    let mut options = default_options();
    options.carry_in = base.wrapping_add(places[2]).cast();
    options.carry_in_len = lengths[0];
    options.carry_out = base.wrapping_add(places[3]).cast();
    options.carry_out_len = lengths[1];
    // Rows of four, eight elements apart: gaps in between belong to the range.
    let strides = [64i64, 8];
    // SAFETY: all places are followed by enough of the buffer.
    let status = unsafe {
        ffi::cum_scan(
            ffi::CUM_SUM,
            2,
            [3i64, 4].as_ptr(),
            1,
            base.wrapping_add(places[0]).cast(),
            ffi::CUM_F64,
            strides.as_ptr(),
            base.wrapping_add(places[1]).cast(),
            ffi::CUM_F64,
            strides.as_ptr(),
            &options,
        )
    };
    if status != 0 {
        assert!(memory.iter().all(|&byte| byte == 0));
    }
    status
}

#[test]
fn carries_are_one_buffer_or_apart_from_all_that_is_written() {
    let refused = |places, lengths, why: &str| {
        assert_eq!(
            status_name(scan_with_carries_at(places, lengths)),
            "CUM_ERR_OPTIONS",
            "{why}"
        );
    };
    let taken = |places, lengths, why: &str| {
        assert_eq!(
            status_name(scan_with_carries_at(places, lengths)),
            "CUM_OK",
            "{why}"
        );
    };
    // x takes bytes 0 to 160, out 256 to 416, each with gaps.
    taken([0, 256, 512, 600], [3, 3], "everything apart");
    taken([0, 256, 512, 512], [3, 3], "one buffer");
    taken([0, 256, 512, 536], [3, 3], "neighbours");
    taken(
        [0, 256, 512, 520],
        [1, 3],
        "one carry in front of the others",
    );
    refused([0, 256, 512, 520], [3, 3], "carries that overlap");
    refused(
        [0, 256, 512, 512],
        [1, 3],
        "the same address but another length",
    );
    refused([0, 256, 520, 512], [1, 3], "a carry_in inside carry_out");
    refused([0, 256, 512, 0], [3, 3], "carry_out on x");
    refused([0, 256, 512, 40], [3, 3], "carry_out in a gap of x");
    refused(
        [0, 256, 512, 159],
        [3, 3],
        "carry_out on the last byte of x",
    );
    taken([0, 256, 512, 160], [3, 3], "carry_out right behind x");
    refused([0, 256, 512, 296], [3, 3], "carry_out in a gap of out");
    refused([0, 256, 296, 512], [3, 3], "carry_in in a gap of out");
    refused(
        [0, 256, 233, 512],
        [3, 3],
        "carry_in reaching out's first byte",
    );
    taken([0, 256, 232, 512], [3, 3], "carry_in right before out");
    taken([0, 256, 0, 512], [3, 3], "carry_in on x");
    refused(
        [0, 256, 512, 600],
        [2, 3],
        "a number of carries that is neither one nor that of the lines",
    );
    refused([0, 256, 512, 600], [0, 3], "no carries for three lines");
    refused([0, 256, 512, 600], [3, 2], "a carry_out too short");
    refused([0, 256, 512, 600], [3, 4], "a carry_out too long");
}
