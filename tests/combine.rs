//! `cum_combine`: what two carries come to, in every operation, type and mode.

mod oracle;
mod support;

use cumulative::ffi;
use oracle::bounds::check_line;
use oracle::combine::{Op, combine};
use oracle::dtype::{Dtype, Value};
use oracle::model::{
    Carry, Mode, carry_dtype, carry_size, is_inexact, load_carry, store_carry, zero,
};
use support::generate::{STYLES, Style, value};
use support::verify::round_pair;
use support::{MODES, Random, combinations, combine_bytes, status_name};

/// Two values as the line that combining them is a scan of, judged like one.
fn judge_combination(
    op: Op,
    dtype: Dtype,
    mode: Mode,
    a: Carry,
    b: Carry,
    got: Carry,
) -> Result<(), String> {
    if !is_inexact(op, dtype, mode) || mode == Mode::Reassociate && op != Op::Logsumexp {
        let due = combine(op, dtype, a.value, b.value, false).value;
        return if due.same(got.value) {
            Ok(())
        } else {
            Err(format!("got {got:?}, expected {due:?}"))
        };
    }
    if op == Op::Logsumexp {
        return check_line(op, dtype, mode, &[b.value], Some(a), &[got.value]);
    }
    // A pair combines as its value and its error do; their exact sum is the second operand of a line of one element.
    // (Products of pairs are judged where the second error is 0.)
    let wide = carry_dtype(dtype, mode);
    let format = wide.format().expect("pairs are floating");
    let rounded = |carry: Carry| match (carry.value, carry.error) {
        (Value::Real(x), Value::Real(y)) => Value::Real(round_pair(x, y, format)),
        (Value::Complex(a, b), Value::Complex(c, d)) => {
            Value::Complex(round_pair(a, c, format), round_pair(b, d, format))
        }
        _ => panic!("{carry:?}"),
    };
    check_line(op, wide, mode, &[b.value], Some(a), &[rounded(got)])
}

#[test]
fn carries_combine_as_the_operation_does() {
    let mut random = Random::new(10);
    for (op, dtype) in combinations() {
        for mode in MODES {
            for style in STYLES {
                let wide = carry_dtype(dtype, mode);
                let paired =
                    is_inexact(op, dtype, mode) && op != Op::Logsumexp && mode == Mode::Compensated;
                let element = if paired { wide } else { dtype };
                let carry = |random: &mut Random, at| Carry {
                    value: value(random, element, style, at),
                    error: zero(wide),
                };
                let first: Vec<Carry> = (0..9).map(|at| carry(&mut random, at)).collect();
                let second: Vec<Carry> = (0..9).map(|at| carry(&mut random, at + 3)).collect();
                let bytes = |carries: &[Carry]| {
                    carries
                        .iter()
                        .flat_map(|&carry| store_carry(dtype, mode, carry))
                        .collect::<Vec<u8>>()
                };
                let out = combine_bytes(op, dtype, mode, &bytes(&first), &bytes(&second));
                for (at, got) in out.chunks(carry_size(dtype, mode)).enumerate() {
                    let got = load_carry(dtype, mode, got);
                    judge_combination(op, dtype, mode, first[at], second[at], got).unwrap_or_else(
                        |text| {
                            panic!(
                                "{op:?} {dtype:?} {mode:?} of {:?} and {:?}: {text}",
                                first[at], second[at]
                            )
                        },
                    );
                }
            }
        }
    }
}

#[test]
fn combine_may_write_over_either_input() {
    let mut random = Random::new(11);
    for (op, dtype) in combinations() {
        for mode in MODES {
            let size = carry_size(dtype, mode);
            let mut carries = || {
                let carry = |at| {
                    let value = value(&mut random, dtype, Style::NearOne, at);
                    let error = zero(carry_dtype(dtype, mode));
                    store_carry(dtype, mode, Carry { value, error })
                };
                (0..33).flat_map(carry).collect::<Vec<u8>>()
            };
            let (first, second) = (carries(), carries());
            let apart = combine_bytes(op, dtype, mode, &first, &second);
            let call = |a: *const u8, b: *const u8, out: *mut u8| {
                // SAFETY: all are valid for the 33 carries; what overlaps is identical.
                unsafe {
                    ffi::cum_combine(
                        op.code(),
                        dtype.code(),
                        mode as i32,
                        33,
                        a.cast(),
                        b.cast(),
                        out.cast(),
                    )
                }
            };
            let mut over = first.clone();
            let out = over.as_mut_ptr();
            assert_eq!(call(out, second.as_ptr(), out), ffi::CUM_OK);
            assert_eq!(over, apart, "{op:?} {dtype:?} {mode:?} over the first");
            let mut over = second.clone();
            let out = over.as_mut_ptr();
            assert_eq!(call(first.as_ptr(), out, out), ffi::CUM_OK);
            assert_eq!(over, apart, "{op:?} {dtype:?} {mode:?} over the second");
            let mut shifted = vec![7; 34 * size];
            let out = shifted.as_mut_ptr();
            let status = call(out, second.as_ptr(), out.wrapping_add(size));
            assert_eq!(status_name(status), "CUM_ERR_OPTIONS");
            assert!(shifted.iter().all(|&byte| byte == 7));
        }
    }
}

#[test]
fn sums_of_zeros_keep_their_sign() {
    for dtype in Dtype::ALL.into_iter().filter(|dtype| dtype.is_float()) {
        for mode in MODES {
            let carry = |zero: f64| {
                let value = Value::Real(zero);
                let error = Value::Real(0.0);
                store_carry(dtype, mode, Carry { value, error })
            };
            let [plus, minus] = [0.0, -0.0].map(carry);
            let combined = |a: &[u8], b: &[u8]| combine_bytes(Op::Sum, dtype, mode, a, b);
            assert_eq!(combined(&minus, &minus), minus, "{dtype:?} {mode:?}");
            assert_eq!(combined(&minus, &plus), plus, "{dtype:?} {mode:?}");
            assert_eq!(combined(&plus, &minus), plus, "{dtype:?} {mode:?}");
            assert_eq!(combined(&plus, &plus), plus, "{dtype:?} {mode:?}");
        }
    }
}
