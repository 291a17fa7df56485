//! Lines are shared without the policy that decides whether it pays, and with it.

use super::super::order::{brackets, put_in};
use super::*;
use crate::elem::Complex;
use crate::kernels::Mode;
use crate::op::Op;
use crate::plan::{Carries, Dims, Operand, Options, Request};
use std::panic::catch_unwind;
use std::thread;

/// Bytes of a chunk of a few tiles, so that short lines have many.
const FEW: usize = 32 << 10;

/// Is told nothing.
struct Quiet;

impl Progress for Quiet {
    fn wanted(&self) -> bool {
        false
    }
    fn done(&mut self, _elements: u64) -> Result<(), Error> {
        Ok(())
    }
}

/// Calls a function after each chunk.
struct After<F>(F);

impl<F: FnMut() -> Result<(), Error>> Progress for After<F> {
    fn wanted(&self) -> bool {
        true
    }
    fn done(&mut self, _elements: u64) -> Result<(), Error> {
        (self.0)()
    }
}

/// What is scanned, and how.
#[derive(Clone, Copy)]
struct Case {
    op: Op,
    dtypes: [DType; 2],
    mode: Mode,
    exclusive: bool,
    initial: bool,
    reverse: bool,
    in_place: bool,
    carried: bool,
}

/// Calls `then` with a plan for a line, and returns its output and its carry as bytes.
fn scanned<T: Copy>(
    case: Case,
    x: &[T],
    then: impl FnOnce(&mut Plan) -> Result<(), Error>,
) -> (Vec<u8>, [u128; 2]) {
    let [x_dtype, dtype] = case.dtypes;
    let start = [3u128 << 62 | 5, 0];
    let mut total = [0u128; 2];
    // SAFETY: the elements' bytes.
    let bytes = unsafe { std::slice::from_raw_parts(x.as_ptr().cast::<u8>(), size_of_val(x)) };
    let mut out = vec![0xa5u8; (x.len() + case.initial as usize) * dtype.size()];
    if case.in_place {
        out.copy_from_slice(bytes);
    }
    let from = if case.in_place {
        out.as_ptr()
    } else {
        bytes.as_ptr()
    };
    let operand = |pointer: *mut u8, dtype: DType| Operand {
        pointer,
        dtype,
        strides: None,
    };
    let request = Request {
        op: case.op,
        dtype,
        shape: &[x.len() as i64],
        axis: 0,
        x: Operand {
            pointer: from,
            dtype: x_dtype,
            strides: None,
        },
        out: Some(operand(out.as_mut_ptr(), dtype)),
        options: Options {
            mode: case.mode,
            exclusive: case.exclusive,
            initial: case.initial,
            reverse: case.reverse,
            carry_in: case.carried.then_some(Carries {
                pointer: start.as_ptr().cast(),
                len: 1,
            }),
            carry_out: Some(Carries {
                pointer: total.as_mut_ptr().cast(),
                len: 1,
            }),
            max_threads: 1,
            ..Options::default()
        },
    };
    Plan::with(&request, &mut Dims::default(), then).expect("a request without fault");
    (out, total)
}

/// On one thread.
fn alone(plan: &Plan) -> Result<(), Error> {
    // SAFETY: the request's arrays.
    unsafe { super::super::run(plan, None) }
}

/// On so many threads, none of which minds whether it pays.
fn together(plan: &Plan, threads: usize) -> Result<(), Error> {
    let mut relay = Relay::new(plan, FEW);
    relay.next = AtomicUsize::new(0);
    relay.core = AtomicI32::new(-1);
    // SAFETY: the request's arrays; the relay is whole, and nobody else has it before and after.
    unsafe {
        nest::begin_line(plan, relay.carry.get().cast());
        let relay = &relay;
        thread::scope(|scope| {
            for _ in 0..threads {
                scope.spawn(|| relay.help(&mut Quiet));
            }
        });
        nest::end_line(plan, relay.carry.get().cast());
    }
    Ok(())
}

/// All ways to scan `x` on several threads, against one.
fn check<T: Copy>(op: Op, dtypes: [DType; 2], mode: Mode, x: impl Fn(usize) -> T) {
    let chunk = FEW / dtypes[0].size().max(dtypes[1].size());
    for n in [
        TILE - 1,
        chunk,
        chunk + 1,
        3 * chunk - 1,
        9 * chunk + TILE,
        20 * chunk + 77,
    ] {
        let x: Vec<T> = (0..n).map(&x).collect();
        for way in 0..20 {
            let case = Case {
                op,
                dtypes,
                mode,
                exclusive: way < 16 && way & 1 > 0,
                initial: way >= 16 && way & 1 > 0,
                reverse: way & 2 > 0,
                in_place: way & 4 > 0 && dtypes[0] == dtypes[1],
                carried: way & 24 > 0,
            };
            let expected = scanned(case, &x, |plan| alone(plan));
            for threads in [1, 2, 3, 8] {
                let found = scanned(case, &x, |plan| {
                    // Elsewhere there are no such kernels, or none that run backward.
                    match plan.kernel.splits.possible() && plan.direct_x && plan.direct_out {
                        true => together(plan, threads),
                        false => alone(plan),
                    }
                });
                assert!(
                    found == expected,
                    "{op:?} {dtypes:?} {n} way {way} on {threads} threads"
                );
            }
        }
    }
}

/// Numbers that look random.
fn noise(i: usize) -> u64 {
    let z = (i as u64 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    (z ^ (z >> 29)).wrapping_mul(0xbf58_476d_1ce4_e5b9)
}

fn fraction(i: usize) -> f64 {
    (noise(i) >> 11) as f64 * 1e-16 - 0.3
}

#[test]
fn integers_are_the_same_for_any_number_of_threads() {
    let wrap = Mode::Sequential;
    check(Op::Sum, [DType::I32; 2], wrap, |i| noise(i) as i32);
    check(Op::Sum, [DType::U8, DType::U64], wrap, |i| noise(i) as u8);
    check(Op::Prod, [DType::U64; 2], wrap, |i| noise(i) | 1);
    check(Op::Min, [DType::I64; 2], wrap, |i| {
        noise(i) as i64 >> (i / 500).min(60)
    });
}

#[test]
fn maxima_are_the_same_with_zeros_of_both_signs_and_with_nan() {
    let exact = Mode::Sequential;
    let zeros = |i: usize| if noise(i) & 8 > 0 { 0.0 } else { -0.0 };
    check(Op::Max, [DType::F64; 2], exact, zeros);
    check(Op::Max, [DType::F32; 2], exact, |i| fraction(i) as f32);
    check(Op::Min, [DType::F64; 2], exact, |i| match i {
        30_000 => f64::NAN,
        _ => -fraction(i) * i as f64,
    });
}

#[test]
fn reassociated_floats_are_the_same_for_any_number_of_threads() {
    let mode = Mode::Reassociate;
    check(Op::Sum, [DType::F64; 2], mode, fraction);
    check(Op::Sum, [DType::F32; 2], mode, |i| fraction(i) as f32);
    check(Op::Sum, [DType::F32, DType::F64], mode, |i| {
        fraction(i) as f32
    });
    check(Op::Prod, [DType::F64; 2], mode, |i| {
        1.0 + fraction(i) * 1e-3
    });
    check(Op::Prod, [DType::C128; 2], mode, |i| Complex {
        re: 1.0 + fraction(i) * 1e-3,
        im: fraction(2 * i) * 1e-3,
    });
    // All -0.0: nothing may make +0.0 of it.
    check(Op::Sum, [DType::F64; 2], mode, |_| -0.0f64);
}

#[test]
fn compensated_sums_are_the_same_for_any_number_of_threads() {
    let mode = Mode::Compensated;
    check(Op::Sum, [DType::F64; 2], mode, fraction);
    check(Op::Sum, [DType::F32; 2], mode, |i| fraction(i) as f32);
    check(Op::Sum, [DType::C64; 2], mode, |i| Complex {
        re: fraction(i) as f32,
        im: -fraction(3 * i) as f32,
    });
    check(Op::Sum, [DType::C128; 2], mode, |i| Complex {
        re: fraction(i),
        im: -0.0,
    });
    // Halves from 1 to 2, of either sign.
    check(Op::Sum, [DType::F16; 2], mode, |i| {
        (noise(i) & 0x83ff) as u16 | 0x3c00
    });
    check(Op::Sum, [DType::F64; 2], mode, |_| -0.0f64);
}

#[test]
fn compensated_sums_with_exceptions_are_the_same_for_any_number_of_threads() {
    let mode = Mode::Compensated;
    // Beyond the range and back, within a stretch and over many.
    check(Op::Sum, [DType::F64; 2], mode, |i| {
        match noise(i / 3000) % 4 {
            0 => 1e308 * fraction(i),
            1 => fraction(i),
            2 if i % 64 == 5 => 1.2e308,
            2 if i % 64 == 6 => -1.2e308,
            _ => 0.0,
        }
    });
    check(Op::Sum, [DType::F32; 2], mode, |i| match i % 7000 {
        6000 => 3e38f32,
        6001 => -3e38,
        _ => fraction(i) as f32,
    });
    check(Op::Sum, [DType::F64; 2], mode, |i| match i {
        30_000 => f64::INFINITY,
        70_000 => f64::NAN,
        _ => fraction(i),
    });
    check(Op::Sum, [DType::C128; 2], mode, |i| Complex {
        re: if i == 12_345 { f64::INFINITY } else { 0.5 },
        im: fraction(i),
    });
}

#[test]
fn compensated_products_are_the_same_for_any_number_of_threads() {
    let mode = Mode::Compensated;
    let near_one = |i: usize| 1.0 + fraction(i) * 1e-3;
    check(Op::Prod, [DType::F64; 2], mode, near_one);
    check(Op::Prod, [DType::F32; 2], mode, |i| near_one(i) as f32);
    let complex = |i: usize| Complex {
        re: near_one(i),
        im: fraction(2 * i) * 1e-3,
    };
    check(Op::Prod, [DType::C128; 2], mode, complex);
    check(Op::Prod, [DType::C64; 2], mode, |i| Complex {
        re: complex(i).re as f32,
        im: complex(i).im as f32,
    });
    // Out of the range of results and of that of doubles, back again, and to zero.
    check(Op::Prod, [DType::F64; 2], mode, |i| match i {
        60_000 => -0.0,
        _ => match noise(i / 2000) % 4 {
            0 => 1.5,
            1 => 0.6,
            _ => near_one(i),
        },
    });
}

#[test]
fn carries_are_combined_from_the_left() {
    let x = brackets(100_003);
    for way in 0..4 {
        let case = Case {
            op: Op::Sum,
            dtypes: [DType::U64; 2],
            mode: Mode::Sequential,
            exclusive: way & 1 > 0,
            initial: false,
            reverse: false,
            in_place: way & 2 > 0,
            carried: false,
        };
        let ordered = |threads: usize| {
            scanned(case, &x, |plan| {
                put_in(plan);
                if threads == 1 {
                    alone(plan)
                } else {
                    together(plan, threads)
                }
            })
        };
        let expected = ordered(1);
        for threads in [2, 3, 8] {
            assert!(ordered(threads) == expected, "way {way}, {threads} threads");
        }
    }
}

const SUM: Case = Case {
    op: Op::Sum,
    dtypes: [DType::I64; 2],
    mode: Mode::Sequential,
    exclusive: false,
    initial: false,
    reverse: false,
    in_place: false,
    carried: false,
};

/// The results of a caller with one helper, who is told of its chunks.
fn led(x: &[i64], mut own: impl Progress, help: impl Progress + Send) -> (Result<(), Error>, bool) {
    let (mut outcome, expected) = (Ok(()), scanned(SUM, x, |plan| alone(plan)));
    let found = scanned(SUM, x, |plan| {
        let relay = Relay::new(plan, FEW);
        let mut help = help;
        // SAFETY: as above.
        outcome = unsafe {
            nest::begin_line(plan, relay.carry.get().cast());
            let outcome = thread::scope(|scope| {
                let helper = scope.spawn(|| relay.help(&mut help).is_ok());
                // It leaves if it is on this core.
                while !relay.helped.load(Ordering::Relaxed) && !helper.is_finished() {
                    thread::yield_now();
                }
                let outcome = relay.lead(&mut own);
                // Nobody is left behind.
                helper.join().expect("no panic");
                outcome
            });
            nest::end_line(plan, relay.carry.get().cast());
            outcome.map(|_| ())
        };
        Ok(())
    });
    (outcome, found == expected)
}

#[test]
fn a_helper_that_loses_its_core_is_left_alone() {
    let x: Vec<i64> = (0..2_000_003).map(|i| noise(i) as i64).collect();
    let nap = || {
        thread::sleep(Duration::from_millis(20));
        Ok(())
    };
    let start = Instant::now();
    let (outcome, same) = led(&x, Quiet, After(nap));
    assert!(outcome.is_ok() && same);
    // It would sleep for 5 s, did it have half of the 489 chunks.
    assert!(start.elapsed() < Duration::from_secs(2));
}

#[test]
fn a_line_that_is_shared_can_be_cancelled() {
    let x: Vec<i64> = (0..500_003).map(|i| noise(i) as i64).collect();
    for last in [1, 20, 60] {
        let mut chunks = 0;
        let count = || {
            chunks += 1;
            if chunks < last {
                return Ok(());
            }
            Err(Error::Cancelled { done: 1, total: 2 })
        };
        let (outcome, _) = led(&x, After(count), Quiet);
        assert!(outcome.is_err() || chunks < last);
    }
}

#[test]
fn a_caller_that_panics_leaves_nobody_waiting() {
    let x: Vec<i64> = (0..500_003).collect();
    let outcome = catch_unwind(|| led(&x, After(|| panic!("on purpose")), Quiet));
    assert!(outcome.is_err());
}

#[test]
fn what_has_lost_is_not_tried_again_for_a_while() {
    let verdict = Verdict::new();
    assert!(verdict.permits());
    verdict.learn(Duration::ZERO);
    assert!(verdict.permits());
    verdict.learn(Duration::from_millis(1));
    assert!(!verdict.permits());
    thread::sleep(Duration::from_millis(33));
    assert!(verdict.permits());
}
