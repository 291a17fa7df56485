//! An operation that is associative and not commutative, to test that nothing is combined in the wrong
//! order: the bicyclic monoid, which counts closing brackets and then opening ones that have no partner.
//!
//! Sums and maxima cannot see a carry on the wrong side. An element has 64 bits, so that plans of
//! [`DType::U64`] can be given these kernels.

use super::{SHARED_FROM, run};
use crate::accumulate::Plain;
use crate::dtype::DType;
use crate::elem::Elem;
use crate::kernels::{self, Kernel, Splits};
use crate::op::{Combine, Op};
use crate::plan::{Carries, Dims, Operand, Options, Plan, Request};

/// `closing` brackets, then `opening` ones.
#[derive(Clone, Copy, Debug, PartialEq)]
#[repr(C, align(8))]
pub(super) struct Brackets {
    closing: u32,
    opening: u32,
}

impl Elem for Brackets {}

/// One string of brackets after the other.
pub(super) struct Append;

impl Combine<Brackets> for Append {
    const IDENTITY: Brackets = Brackets {
        closing: 0,
        opening: 0,
    };
    fn combine(acc: Brackets, x: Brackets) -> Brackets {
        let pairs = acc.opening.min(x.closing);
        Brackets {
            closing: acc.closing + x.closing - pairs,
            opening: x.opening + acc.opening - pairs,
        }
    }
}

const GENERIC: Kernel = kernels::generic::<Plain<Append, Brackets>>();

/// The same for plans whose lines can be shared.
static KERNEL: Kernel = Kernel {
    splits: Splits::Totals,
    ..GENERIC
};

/// Has a plan scan with these kernels, one line at a time.
pub(super) fn put_in(plan: &mut Plan) {
    (plan.kernel, plan.along) = (&KERNEL, KERNEL.along);
    plan.carries = const { &kernels::Carries::of_elements::<Plain<Append, Brackets>>() };
    (plan.many, plan.widening) = (None, None);
    // Where lines are taken as they lie, blocks are larger than tiles.
    if let Some(spaced) = &mut plan.spaced {
        spaced.along = KERNEL.along;
    }
}

pub(super) fn brackets(n: usize) -> Vec<Brackets> {
    let draw = |i: usize| (i as u64 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 61;
    (0..n)
        .map(|i| Brackets {
            closing: draw(2 * i) as u32,
            opening: draw(2 * i + 1) as u32,
        })
        .collect()
}

/// The results along one line, and the total.
fn model(line: &[Brackets], carry: Option<Brackets>, exclusive: bool) -> (Vec<Brackets>, Brackets) {
    let mut acc = carry;
    let mut results = Vec::new();
    for &x in line {
        let next = acc.map_or(x, |acc| Append::combine(acc, x));
        results.push(if exclusive {
            acc.unwrap_or(Append::IDENTITY)
        } else {
            next
        });
        acc = Some(next);
    }
    (results, acc.unwrap_or(Append::IDENTITY))
}

/// Scans rows x columns along an axis and compares with the model.
fn check(shape: [usize; 2], axis: usize, options: Options, with_carries: bool) {
    let [rows, columns] = shape;
    let x = brackets(rows * columns);
    let lines = if axis == 0 { columns } else { rows };
    let n = if axis == 0 { rows } else { columns };
    let carries = brackets(2 * lines)[lines..].to_vec();
    let mut out = vec![Append::IDENTITY; rows * columns];
    let mut totals = vec![Append::IDENTITY; lines];
    let carry_in = with_carries.then_some(Carries {
        pointer: carries.as_ptr().cast(),
        len: lines,
    });
    let carry_out = Some(Carries {
        pointer: totals.as_mut_ptr().cast(),
        len: lines,
    });
    let request = Request {
        op: Op::Sum,
        dtype: DType::U64,
        shape: &[rows as i64, columns as i64],
        axis: axis as i32,
        x: Operand {
            pointer: x.as_ptr().cast(),
            dtype: DType::U64,
            strides: None,
        },
        out: Some(Operand {
            pointer: out.as_mut_ptr().cast(),
            dtype: DType::U64,
            strides: None,
        }),
        options: Options {
            carry_in,
            carry_out,
            ..options
        },
    };
    let mut dims = Dims::default();
    Plan::with(&request, &mut dims, |plan| {
        put_in(plan);
        // SAFETY: the arrays are as the request says; the kernels' elements have the size of a u64.
        unsafe { run(plan, None) }
    })
    .expect("a request without fault, and no callback to cancel");
    for line in 0..lines {
        let at = |i: usize| {
            if axis == 0 {
                i * columns + line
            } else {
                line * columns + i
            }
        };
        let places: Vec<usize> = if options.reverse {
            (0..n).rev().map(at).collect()
        } else {
            (0..n).map(at).collect()
        };
        let elements: Vec<Brackets> = places.iter().map(|&place| x[place]).collect();
        let carry = with_carries.then(|| carries[line]);
        let (expected, total) = model(&elements, carry, options.exclusive);
        let found: Vec<Brackets> = places.iter().map(|&place| out[place]).collect();
        assert_eq!(found, expected, "{shape:?} axis {axis} line {line}");
        assert_eq!(totals[line], total, "{shape:?} axis {axis} line {line}");
    }
}

#[test]
fn carries_are_combined_from_the_left_on_every_path() {
    let many = SHARED_FROM as usize / 500 + 1;
    for shape in [
        [1, 5],
        [3, 70],
        [70, 3],
        [37, 41],
        [5, 3000],
        [3000, 5],
        [many, 500],
        [1, 70_001],
        [1, 1_200_007],
    ] {
        for axis in [0, 1] {
            for (exclusive, reverse) in [(false, false), (true, false), (false, true), (true, true)]
            {
                for max_threads in [1, 3] {
                    let options = Options {
                        exclusive,
                        reverse,
                        max_threads,
                        ..Options::default()
                    };
                    check(shape, axis, options, false);
                    check(shape, axis, options, true);
                }
            }
        }
    }
}
