//! Random calls of every kind, compared with the oracle.
//!
//! `CUM_TEST_CASES` sets the number of cases of each family and `CUM_TEST_SEED` the first case's seed. A failure
//! prints the seed of its case: with that seed and `CUM_TEST_CASES=1` the family's test repeats it alone.

mod oracle;
mod support;

use oracle::combine::Op;
use oracle::dtype::Dtype;
use oracle::model::{Mode, Overflow};
use support::generate::{Choices, STYLES, Style, call, panels, shape};
use support::{Random, number_from_environment};

const MODES: [Mode; 3] = [Mode::Sequential, Mode::Reassociate, Mode::Compensated];
const FLOATS: [Dtype; 4] = [Dtype::F16, Dtype::Bf16, Dtype::F32, Dtype::F64];
const INTS: [Dtype; 8] = [
    Dtype::I8,
    Dtype::I16,
    Dtype::I32,
    Dtype::I64,
    Dtype::U8,
    Dtype::U16,
    Dtype::U32,
    Dtype::U64,
];
const REALS: [Dtype; 13] = [
    Dtype::I8,
    Dtype::I16,
    Dtype::I32,
    Dtype::I64,
    Dtype::U8,
    Dtype::U16,
    Dtype::U32,
    Dtype::U64,
    Dtype::F16,
    Dtype::Bf16,
    Dtype::F32,
    Dtype::F64,
    Dtype::Bool,
];

fn run(family: &str, default_cases: u64, choices: &Choices) {
    let cases = number_from_environment("CUM_TEST_CASES").unwrap_or(default_cases);
    let first = number_from_environment("CUM_TEST_SEED").unwrap_or(0x5eed_0000_0000);
    for seed in (0..cases).map(|case| first.wrapping_add(case)) {
        let mut random = Random::new(seed);
        let call = call(&mut random, choices);
        let verdict = std::panic::catch_unwind(|| {
            call.check()?;
            if seed % 3 == 0 {
                call.check_reduce()
            } else {
                Ok(())
            }
        });
        let complaint = match verdict {
            Ok(Ok(())) => continue,
            Ok(Err(text)) => text,
            Err(_) => "a check panicked, see above".into(),
        };
        panic!(
            "{complaint}\n{}\nrepeat with CUM_TEST_SEED={seed:#x} CUM_TEST_CASES=1 ({family})",
            call.summary()
        );
    }
}

const EVERYTHING: Choices = Choices {
    ops: &Op::ALL,
    x: &Dtype::ALL,
    computing: &Dtype::ALL,
    out: &Dtype::ALL,
    modes: &MODES,
    overflows: &[Overflow::Wrap, Overflow::Check, Overflow::Saturate],
    styles: &STYLES,
    shape,
    elements: 300,
};

#[test]
fn every_triple_of_types_with_every_option_agrees_with_the_oracle() {
    run("every_triple", 60_000, &EVERYTHING);
}

#[test]
fn many_narrow_panels_agree_with_the_oracle() {
    let choices = Choices {
        shape: panels,
        elements: 4_000,
        ..EVERYTHING
    };
    run("panels", 1_500, &choices);
}

#[test]
fn sequential_scans_agree_bit_for_bit() {
    let choices = Choices {
        ops: &[Op::Sum, Op::Prod, Op::Max, Op::Min],
        modes: &[Mode::Sequential],
        overflows: &[Overflow::Wrap],
        ..EVERYTHING
    };
    run("sequential", 30_000, &choices);
}

#[test]
fn long_lines_of_floats_agree_bit_for_bit() {
    let choices = Choices {
        ops: &[Op::Sum, Op::Prod, Op::Max, Op::Min],
        x: &FLOATS,
        computing: &FLOATS,
        out: &FLOATS,
        modes: &[Mode::Sequential],
        overflows: &[Overflow::Wrap],
        styles: &[
            Style::Unit,
            Style::Unit,
            Style::NearOne,
            Style::Bits,
            Style::Place,
            Style::Special,
        ],
        shape,
        elements: 5_000,
    };
    run("long_lines", 4_000, &choices);
}

#[test]
fn integer_overflow_wraps_saturates_or_is_reported_where_it_happens() {
    let choices = Choices {
        ops: &[Op::Sum, Op::Prod, Op::Max, Op::Min],
        x: &REALS,
        computing: &INTS,
        out: &REALS,
        overflows: &[
            Overflow::Check,
            Overflow::Check,
            Overflow::Saturate,
            Overflow::Wrap,
        ],
        styles: &[
            Style::Small,
            Style::Unit,
            Style::NearOne,
            Style::Bits,
            Style::Extreme,
            Style::Place,
        ],
        shape,
        elements: 150,
        ..EVERYTHING
    };
    run("overflow", 40_000, &choices);
}

#[test]
fn compensated_and_reassociated_floats_keep_their_bounds() {
    let choices = Choices {
        ops: &[Op::Sum, Op::Prod],
        computing: &[
            Dtype::F16,
            Dtype::Bf16,
            Dtype::F32,
            Dtype::F64,
            Dtype::C64,
            Dtype::C128,
        ],
        modes: &[Mode::Reassociate, Mode::Compensated, Mode::Compensated],
        overflows: &[Overflow::Wrap],
        shape,
        elements: 1_000,
        ..EVERYTHING
    };
    run("bounds", 20_000, &choices);
}

#[test]
fn every_step_of_logsumexp_is_within_four_ulp() {
    let choices = Choices {
        ops: &[Op::Logsumexp],
        x: &REALS,
        computing: &FLOATS,
        out: &Dtype::ALL,
        overflows: &[Overflow::Wrap],
        shape,
        elements: 500,
        ..EVERYTHING
    };
    run("logsumexp", 20_000, &choices);
}
