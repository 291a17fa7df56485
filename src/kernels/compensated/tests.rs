//! The kernels against each other on every instruction set, and against exact arithmetic.

mod columns;
mod products;

use super::*;
use crate::compensate::exact::{F32, F64, KINDS, Random, SumCheck, data};
use crate::elem::Elem;
use crate::kernels::Spacing;

/// How a kernel is called.
#[derive(Clone, Copy, Debug)]
struct Call {
    exclusive: bool,
    in_place: bool,
    /// Elements of a piece; 0 for the whole line.
    piece: usize,
    /// Bytes by which the arrays are off their alignment.
    shift: usize,
}

const PLAIN: Call = Call {
    exclusive: false,
    in_place: false,
    piece: 0,
    shift: 0,
};

/// Kernels, and what is done with their carries.
type Tested = (&'static Kernel, &'static Carries);

/// Those for an instruction set.
fn tested(isa: Isa, op: Op, dtype: DType) -> Tested {
    let kernel = kernel(isa, op, dtype).zip(carries(op, dtype));
    kernel.expect("sums and products have kernels")
}

/// The scalar accumulator.
fn scalar<O: Combine<T>, T: ByStretches<O, P>, const P: usize>() -> Tested {
    let kernel = &const { generic::<Stretched<O, T, P>>() };
    (kernel, &const { Carries::of::<Stretched<O, T, P>>() })
}

/// A line's results and carry, as bytes.
fn scan<T: Elem>(
    (kernel, carries): Tested,
    x: &[T],
    carry: Option<&[u8]>,
    call: Call,
) -> (Vec<T>, Vec<u8>) {
    let size = size_of::<T>();
    let bytes = size_of_val(x);
    let mut input = vec![0u8; bytes + 64];
    let mut output = vec![0xa5u8; bytes + 64];
    let mut acc = [0u128; super::super::LARGEST_ACCUMULATOR / 16];
    let acc = acc.as_mut_ptr().cast::<u8>();
    let mut started = carry.is_some();
    let mut carry_out = vec![0u8; carries.size];
    let mut results = x.to_vec();
    // SAFETY: both buffers hold the line, shifted; the accumulator is large enough.
    unsafe {
        let from = input.as_mut_ptr().add(call.shift);
        std::ptr::copy_nonoverlapping(x.as_ptr().cast(), from, bytes);
        let to = match call.in_place {
            true => from,
            false => output.as_mut_ptr().add(call.shift),
        };
        if let Some(carry) = carry {
            (carries.import)(carry.as_ptr(), acc);
        }
        let piece = if call.piece == 0 { x.len() } else { call.piece };
        let mut at = 0;
        while at < x.len() {
            let len = piece.min(x.len() - at);
            (kernel.along)(&Block {
                x: from.add(at * size),
                x_pitch: 0,
                out: to.add(at * size),
                out_pitch: 0,
                len,
                rows: 1,
                acc,
                started,
                keep: true,
                exclusive: call.exclusive,
                spacing: Spacing::Forward,
                stream: false,
                ahead: 0,
            });
            started = true;
            at += len;
        }
        (carries.export)(acc, started, carry_out.as_mut_ptr());
        std::ptr::copy_nonoverlapping(to, results.as_mut_ptr().cast(), bytes);
    }
    if !call.in_place {
        let around = output[..call.shift]
            .iter()
            .chain(&output[call.shift + bytes..]);
        assert!(
            around.copied().all(|byte| byte == 0xa5),
            "wrote beside the line"
        );
    }
    (results, carry_out)
}

/// The bits of a number, one NaN like another.
trait Bits: Elem {
    fn bits(self) -> u128;
}
macro_rules! bits {
    ($($t:ty => |$x:ident| $bits:expr;)*) => { $(
        impl Bits for $t {
            fn bits(self) -> u128 {
                let $x = self;
                $bits
            }
        }
    )* };
}
bits! {
    f64 => |x| if x.is_nan() { u128::MAX } else { x.to_bits() as u128 };
    f32 => |x| if x.is_nan() { u128::MAX } else { x.to_bits() as u128 };
    Complex<f64> => |z| z.re.bits() << 64 | z.im.bits() & (u128::MAX >> 64);
    F16 => |x| if x.is_nan() { u128::MAX } else { x.0 as u128 };
    Bf16 => |x| if x.is_nan() { u128::MAX } else { x.0 as u128 };
    Complex<f32> => |z| z.re.bits() << 64 | z.im.bits() & (u128::MAX >> 64);
}

fn all_bits<T: Bits>(x: &[T]) -> Vec<u128> {
    x.iter().map(|x| x.bits()).collect()
}

/// Data with all that is special, as doubles; the ranges are those of the type.
fn awkward(n: usize, random: &mut Random, greatest: i32, least: i32) -> Vec<f64> {
    let kind = random.below(10);
    let special = [
        0.0,
        -0.0,
        f64::INFINITY,
        f64::NEG_INFINITY,
        f64::NAN,
        (2.0 - 2f64.powi(-20)) * 2f64.powi(greatest),
        -(2.0 - 2f64.powi(-20)) * 2f64.powi(greatest),
        2f64.powi(least),
    ];
    let signs = random.below(3);
    let value = |i: usize, random: &mut Random| match kind {
        0 => -0.0,
        1 if i < n / 2 => -0.0,
        2 => random.wide(least, greatest - 12),
        3 => random.wide(greatest - 12, greatest),
        4 => random.wide(least, least + 60),
        5 if random.below(300) == 0 => special[random.below(special.len())],
        6 => 0.0,
        7 if random.below(8) > 0 => 0.0,
        8 => (random.below(64) as f64) * 2f64.powi(random.below(40) as i32 - 20),
        9 => random.wide(-60, 10),
        _ => random.signed(),
    };
    (0..n)
        .map(|i| {
            let x = value(i, random);
            if signs == 0 { x.abs() } else { x }
        })
        .collect()
}

fn everywhere() -> impl Iterator<Item = Isa> {
    Isa::ALL.into_iter().filter(|isa| isa.available())
}

/// Of how many ways to call one is tried, by their number: all, or every fifth where `CUM_TEST_CASES` is set, as in
/// emulators, which would take minutes for all.
fn ways() -> usize {
    match std::env::var_os("CUM_TEST_CASES") {
        Some(_) => 5,
        None => 1,
    }
}

/// Every way to call the kernels of a type gives the same bits.
fn same_bits<T: Draw>(op: Op) {
    let dtype = T::DTYPE;
    let make = |random: &mut Random, n: usize| match op {
        Op::Prod if random.below(3) > 0 => T::draw_factors(random, n),
        _ => T::draw(random, n),
    };
    let mut random = Random(dtype.size() as u64 + 40);
    let kernel_of = |isa| tested(isa, op, dtype);
    let lengths = (1..150).chain([
        255, 256, 257, 300, 511, 512, 513, 700, 1024, 1025, 2000, 5000,
    ]);
    for n in lengths.flat_map(|n| [n; 4]) {
        let x = make(&mut random, n);
        let reference = kernel_of(Isa::Scalar);
        let start = make(&mut random, 2);
        let (_, carry) = scan(reference, &start, None, PLAIN);
        for carry in [None, Some(&carry[..])] {
            let (expected, total) = scan(reference, &x, carry, PLAIN);
            let expected = all_bits(&expected);
            let mut shifted = expected.clone();
            shifted.rotate_right(1);
            for isa in everywhere() {
                for variant in (0..16).step_by(ways()) {
                    let call = Call {
                        exclusive: variant & 1 != 0,
                        in_place: variant & 2 != 0,
                        piece: [0, 64, 640, 1024][variant / 4],
                        shift: [0, 1, 8, 17][random.below(4)],
                    };
                    let (mut r, carry_out) = scan(kernel_of(isa), &x, carry, call);
                    if call.exclusive {
                        let mut before = vec![x[0]];
                        // SAFETY: the accumulator and the result have room.
                        unsafe {
                            let mut acc = [0u128; super::super::LARGEST_ACCUMULATOR / 16];
                            if let Some(carry) = carry {
                                (reference.1.import)(carry.as_ptr(), acc.as_mut_ptr().cast());
                            }
                            let shown = before.as_mut_ptr().cast();
                            (reference.1.show)(acc.as_ptr().cast(), carry.is_some(), shown);
                        }
                        assert_eq!(r[0].bits(), before[0].bits(), "{isa:?} {call:?}");
                        r[0] = *r.last().unwrap_or(&x[0]);
                        let (r, expected) = (all_bits(&r), &shifted);
                        let wrong = (1..n).find(|&i| r[i] != expected[i]);
                        assert_eq!(
                            wrong,
                            None,
                            "{isa:?} {call:?} {n} {:?} {:?}",
                            wrong.map(|i| &x[i.saturating_sub(2)..(i + 3).min(n)]),
                            wrong.map(|i| (r[i], expected[i]))
                        );
                    } else {
                        let wrong = (0..n).find(|&i| r[i].bits() != expected[i]);
                        assert_eq!(
                            wrong,
                            None,
                            "{isa:?} {call:?} {n} {:?} {:?}",
                            wrong.map(|i| &x[i.saturating_sub(2)..(i + 3).min(n)]),
                            wrong.map(|i| (r[i], expected[i]))
                        );
                    }
                    let nan = r.iter().any(|r| r.is_nan()) || expected.contains(&u128::MAX);
                    assert!(carry_out == total || nan, "{isa:?} {call:?}");
                }
            }
        }
    }
}

/// Numbers of any type from [`awkward`] ones.
trait Draw: Bits + std::fmt::Debug {
    const DTYPE: DType;
    fn draw(random: &mut Random, n: usize) -> Vec<Self>;
    /// Numbers whose products stay in the range for a while.
    fn draw_factors(random: &mut Random, n: usize) -> Vec<Self>;
}

/// Numbers with one part, whose exponents lie between two.
macro_rules! draw {
    ($($t:ty, $dtype:ident, $greatest:literal, $least:literal;)*) => { $(
        impl Draw for $t {
            const DTYPE: DType = DType::$dtype;
            fn draw(random: &mut Random, n: usize) -> Vec<$t> {
                let x = awkward(n, random, $greatest, $least);
                x.into_iter().map(|x| <$t>::of_parts([x])).collect()
            }
            fn draw_factors(random: &mut Random, n: usize) -> Vec<$t> {
                let x = products::factors(n, random, $greatest, $least);
                x.into_iter().map(|x| <$t>::of_parts([x])).collect()
            }
        }
    )* };
}
draw! {
    f64, F64, 1023, -1074;
    f32, F32, 127, -149;
    F16, F16, 15, -24;
    Bf16, Bf16, 127, -133;
}

/// Sums' parts have nothing to do with each other, factors have any angle.
macro_rules! draw_complex {
    ($($f:ty, $dtype:ident;)*) => { $(
        impl Draw for Complex<$f> {
            const DTYPE: DType = DType::$dtype;
            fn draw(random: &mut Random, n: usize) -> Vec<Self> {
                let (re, im) = (<$f>::draw(random, n), <$f>::draw(random, n));
                let parts = re.into_iter().zip(im);
                parts.map(|(re, im)| Complex { re, im }).collect()
            }
            fn draw_factors(random: &mut Random, n: usize) -> Vec<Self> {
                let quarters = random.below(4) == 0;
                let moduli = <$f>::draw_factors(random, n);
                let turned = moduli.into_iter().map(|r| {
                    let quarter = random.below(4);
                    let angle = 6.3 * random.uniform();
                    match quarter {
                        0 if quarters => Complex { re: r, im: 0.0 },
                        1 if quarters => Complex { re: 0.0, im: -r },
                        2 if quarters => Complex { re: -r, im: -0.0 },
                        _ => Complex { re: r * angle.cos() as $f, im: r * angle.sin() as $f },
                    }
                });
                turned.collect()
            }
        }
    )* };
}
draw_complex! {
    f64, C128;
    f32, C64;
}

#[test]
fn sums_of_floats_have_the_same_bits_however_they_are_called() {
    same_bits::<f64>(Op::Sum);
    same_bits::<f32>(Op::Sum);
    same_bits::<F16>(Op::Sum);
    same_bits::<Bf16>(Op::Sum);
}

#[test]
fn sums_of_complex_numbers_have_the_same_bits_however_they_are_called() {
    same_bits::<Complex<f64>>(Op::Sum);
    same_bits::<Complex<f32>>(Op::Sum);
}

#[test]
fn results_agree_with_the_scalar_accumulator_where_that_is_defined_by_the_sequential_step() {
    // Signs of zeros, infinities and NaN: one element after the other.
    let mut random = Random(77);
    for _ in 0..2000 {
        let n = 1 + random.below(600);
        let x = awkward(n, &mut random, 1023, -1074);
        let block = tested(Isa::best(None), Op::Sum, DType::F64);
        let (r, _) = scan(block, &x, None, PLAIN);
        let (s, _) = scan(scalar::<Sum, f64, 1>(), &x, None, PLAIN);
        for (r, s) in r.into_iter().zip(s) {
            let special = |x: f64| x == 0.0 || !x.is_finite();
            if special(r) || special(s) {
                assert_eq!(r.bits(), s.bits());
            }
        }
    }
}

/// Checks a line of sums at every `stride`-th place.
fn check_line(
    x: &[f64],
    r: impl Fn(usize) -> f64,
    stride: usize,
    check: &mut SumCheck,
    what: &str,
) -> f64 {
    let mut worst: f64 = 0.0;
    for (i, &x) in x.iter().enumerate() {
        check.add(x);
        if i % stride == 0 || i % 256 > 253 || i < 600 {
            worst = worst.max(check.check(r(i), what));
        }
    }
    worst
}

/// Kinds of data that have no cancellation to speak of.
const EASY: [&str; 3] = ["uniform", "tenths", "integers"];

fn bound_holds(n: usize, stride: usize) {
    let mut random = Random(21);
    for kind in KINDS {
        let x = data(kind, n, &mut random);
        let block = tested(Isa::best(None), Op::Sum, DType::F64);
        for kernel in [block, scalar::<Sum, f64, 1>()] {
            let (r, _) = scan(kernel, &x, None, PLAIN);
            let worst = check_line(&x, |i| r[i], stride, &mut SumCheck::new(F64), kind);
            assert!(
                !EASY.contains(&kind) || worst < 0.500_001,
                "{kind}: {worst}"
            );
        }
        let z: Vec<Complex<f64>> = x.iter().map(|&x| Complex { re: x, im: 1.0 - x }).collect();
        let complex = tested(Isa::best(None), Op::Sum, DType::C128);
        let (r, _) = scan(complex, &z, None, PLAIN);
        let im: Vec<f64> = z.iter().map(|z| z.im).collect();
        check_line(&x, |i| r[i].re, stride, &mut SumCheck::new(F64), kind);
        check_line(&im, |i| r[i].im, stride, &mut SumCheck::new(F64), kind);

        let x: Vec<f32> = x.into_iter().map(|x| x as f32).collect();
        let wide: Vec<f64> = x.iter().map(|&x| x as f64).collect();
        let block = tested(Isa::best(None), Op::Sum, DType::F32);
        for kernel in [block, scalar::<Sum, f32, 1>()] {
            let (r, _) = scan(kernel, &x, None, PLAIN);
            let worst = check_line(
                &wide,
                |i| r[i] as f64,
                stride,
                &mut SumCheck::new(F32),
                kind,
            );
            assert!(
                !EASY.contains(&kind) || worst < 0.500_001,
                "{kind}: {worst}"
            );
        }
    }
}

#[test]
fn the_bound_holds_on_data_of_every_kind() {
    bound_holds(20_000, 7);
    bound_holds(300_000, 997);
}

/// `cargo test --release --lib -- --ignored long_`
#[test]
#[ignore = "long: about a minute"]
fn long_the_bound_holds_on_long_lines() {
    bound_holds(20_000_000, 99_991);
}

/// Large, then 254 equal numbers whose additions all round the same way, then large again: what is
/// lost in one block must not add up over the blocks.
#[test]
fn losses_of_many_blocks_do_not_add_up() {
    let n = 1 << 20;
    let third = 1.0 / 3.0;
    let x: Vec<f64> = (0..n)
        .map(|i| match i {
            0 => 2f64.powi(66),
            _ if i == n - 1 => -(2f64.powi(66)),
            _ => match i % 256 {
                1 => 2f64.powi(44) * third,
                255 => -(2f64.powi(44) * third),
                _ => third,
            },
        })
        .collect();
    let block = tested(Isa::best(None), Op::Sum, DType::F64);
    let (r, _) = scan(block, &x, None, PLAIN);
    check_line(&x, |i| r[i], 1009, &mut SumCheck::new(F64), "one sign");
    let mut check = SumCheck::new(F64);
    x.iter().for_each(|&x| check.add(x));
    check.check(r[n - 1], "one sign, total");
}

#[test]
fn long_lines_may_be_cut_into_pieces() {
    let n = (12 << 20) / 8;
    let mut random = Random(5);
    let x: Vec<f64> = (0..n + 7).map(|_| random.signed()).collect();
    for isa in everywhere() {
        let kernel = tested(isa, Op::Sum, DType::F64);
        for exclusive in [false, true] {
            for in_place in [false, true] {
                let call = Call {
                    exclusive,
                    in_place,
                    shift: 8 * random.below(8),
                    ..PLAIN
                };
                let (whole, carry) = scan(kernel, &x, None, call);
                let pieces = Call {
                    piece: 1024,
                    ..call
                };
                let (cut, cut_carry) = scan(kernel, &x, None, pieces);
                assert!(all_bits(&whole) == all_bits(&cut), "{isa:?} {call:?}");
                assert_eq!(carry, cut_carry);
            }
        }
    }
}
