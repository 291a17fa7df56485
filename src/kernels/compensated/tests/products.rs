//! Products.

use super::columns::same_bits_across;
use super::*;
use crate::compensate::exact::{check_complex, check_products, wandering};

/// Data for products with exponents between two: ordinary ones, ones that leave the range and come back, and
/// all that is special.
pub fn factors(n: usize, random: &mut Random, greatest: i32, least: i32) -> Vec<f64> {
    let kind = random.below(11);
    let far = 3 * greatest / 4;
    let special = [
        0.0,
        -0.0,
        f64::INFINITY,
        f64::NEG_INFINITY,
        f64::NAN,
        2f64.powi(least),
        3.0 * 2f64.powi(greatest - 2),
        2f64.powi(-greatest),
    ];
    let value = |i: usize, random: &mut Random| match kind {
        0 => random.wide(-1, 1),
        1 => random.wide(-greatest / 8 - 1, greatest / 8 + 1),
        2 => match i % 2 {
            0 => random.wide(far - 1, far + 1),
            _ => random.wide(-far - 1, -far + 1),
        },
        3 => random.wide(0, 2),
        4 => random.wide(-2, 1),
        5 if i == 0 => random.wide(least, least + 9),
        5 => random.wide(0, 2 + greatest / 9),
        6 if random.below(200) == 0 => special[random.below(special.len())],
        7 => 2f64.powi(random.below(3) as i32 - 1) * if random.below(2) == 0 { 1.0 } else { -1.0 },
        8 => match i / 80 % 2 {
            0 => random.wide(-greatest / 100 - 1, 0),
            _ => random.wide(0, greatest / 100 + 1),
        },
        9 if i == n / 2 => special[random.below(special.len())],
        _ => 1.0 + 0.01 * random.signed(),
    };
    (0..n).map(|i| value(i, random)).collect()
}

#[test]
fn products_of_floats_have_the_same_bits_however_they_are_called() {
    same_bits::<f64>(Op::Prod);
    same_bits::<f32>(Op::Prod);
    same_bits::<F16>(Op::Prod);
    same_bits::<Bf16>(Op::Prod);
}

#[test]
fn products_of_complex_numbers_have_the_same_bits_however_they_are_called() {
    same_bits::<Complex<f64>>(Op::Prod);
    same_bits::<Complex<f32>>(Op::Prod);
}

#[test]
fn products_across_have_the_bits_of_products_along() {
    same_bits_across::<f64>(Op::Prod);
    same_bits_across::<f32>(Op::Prod);
    same_bits_across::<F16>(Op::Prod);
    same_bits_across::<Bf16>(Op::Prod);
    same_bits_across::<Complex<f64>>(Op::Prod);
    same_bits_across::<Complex<f32>>(Op::Prod);
}

/// The results of whole lines: by the widest instruction set, and by the scalar accumulator.
fn both<T: Draw + ByStretches<Prod, P>, const P: usize>(x: &[T]) -> [Vec<T>; 2]
where
    Prod: Combine<T>,
{
    let best = tested(Isa::best(None), Op::Prod, T::DTYPE);
    [best, scalar::<Prod, T, P>()].map(|kernel| scan(kernel, x, None, PLAIN).0)
}

#[test]
fn products_are_within_one_place_wherever_they_wander() {
    let mut random = Random(31);
    for (low, high, spread) in [
        (-3.0, 3.0, 1),
        (-500.0, 500.0, 60),
        (-1021.5, -960.0, 30),
        (-1021.5, -1018.0, 2),
        (990.0, 1023.5, 30),
        (-1021.5, 1023.5, 900),
        (-300.0, 300.0, 9),
    ] {
        let x = wandering(3000, low, high, spread, &mut random);
        for r in both(&x) {
            check_products(&x, &r, F64, "f64");
        }
    }
    let near_one: Vec<f64> = (0..30_000).map(|_| 1.0 + 1e-3 * random.signed()).collect();
    for r in both(&near_one) {
        check_products(&near_one, &r, F64, "near one");
    }
    for (low, high, spread) in [(-125.5, -100.0, 20), (-3.0, 3.0, 2), (100.0, 127.5, 20)] {
        let x = wandering(5000, low, high, spread, &mut random);
        let x: Vec<f32> = x.into_iter().map(|x| x as f32).collect();
        let wide: Vec<f64> = x.iter().map(|&x| x as f64).collect();
        for r in both(&x) {
            let r: Vec<f64> = r.into_iter().map(|r| r as f64).collect();
            check_products(&wide, &r, F32, "f32");
        }
    }
}

#[test]
fn complex_products_are_within_one_place_wherever_they_wander() {
    let mut random = Random(32);
    for (low, high, spread) in [
        (-3.0, 3.0, 1),
        (-300.0, 300.0, 9),
        (-1020.0, -960.0, 20),
        (960.0, 1022.0, 20),
    ] {
        let moduli = wandering(2000, low, high, spread, &mut random);
        let x: Vec<[f64; 2]> = moduli
            .iter()
            .map(|r| {
                let angle = 6.3 * random.uniform();
                [r * angle.cos(), r * angle.sin()]
            })
            .collect();
        let z: Vec<Complex<f64>> = x.iter().map(|&x| Complex::of_parts(x)).collect();
        for r in both(&z) {
            let r: Vec<[f64; 2]> = r.into_iter().map(|z| [z.re, z.im]).collect();
            check_complex(&x, &r, F64, "c128");
        }
    }
    let z: Vec<Complex<f32>> = (0..3000)
        .map(|_| {
            let (angle, r) = (6.3 * random.uniform(), 1.0 + 0.1 * random.signed());
            Complex::of_parts([r * angle.cos(), r * angle.sin()])
        })
        .collect();
    let x: Vec<[f64; 2]> = z.iter().map(|z| z.to_parts()).collect();
    for r in both(&z) {
        let r: Vec<[f64; 2]> = r.into_iter().map(|z| z.to_parts()).collect();
        check_complex(&x, &r, F32, "c64");
    }
}

/// Zeros, infinities and NaN are what the scalar accumulator makes of them, one element after the other.
fn special_ones_agree<T: Draw + ByStretches<Prod, P>, const P: usize>(random: &mut Random)
where
    Prod: Combine<T>,
{
    for _ in 0..1000 {
        let n = 1 + random.below(600);
        let x = T::draw_factors(random, n);
        let [r, s] = both(&x);
        for (i, (r, s)) in r.into_iter().zip(s).enumerate() {
            let special = |x: T| x.to_parts().iter().all(|&x| x == 0.0 || !x.is_finite());
            if special(r) || special(s) {
                assert_eq!(r.bits(), s.bits(), "{:?} {i} of {n}", T::DTYPE);
            }
        }
    }
}

#[test]
fn what_leaves_the_range_is_what_sequential_mode_makes_of_it() {
    let mut random = Random(33);
    special_ones_agree::<f64, 1>(&mut random);
    special_ones_agree::<f32, 1>(&mut random);
    special_ones_agree::<Complex<f64>, 2>(&mut random);
    special_ones_agree::<Complex<f32>, 2>(&mut random);
    for _ in 0..2000 {
        let n = 1 + random.below(600);
        let x = factors(n, &mut random, 1023, -1074);
        let [r, s] = both(&x);
        let mut plain = 1.0;
        for (i, (r, s)) in r.into_iter().zip(s).enumerate() {
            plain *= x[i];
            if !r.is_normal() || !s.is_normal() {
                assert_eq!(r.bits(), s.bits(), "{i} of {n}");
            }
            if !r.is_finite() {
                assert_eq!(r.bits(), plain.bits(), "{i} of {n}");
            }
        }
    }
}

/// The sixteen bits of a carry's floats are those of the last result.
#[test]
fn carries_of_16_bits_stand_for_the_last_result() {
    let mut random = Random(34);
    for op in [Op::Sum, Op::Prod] {
        for n in (1..40).map(|k| 47 * k) {
            let x: Vec<Bf16> = match op {
                Op::Sum => Bf16::draw(&mut random, n),
                _ => Bf16::draw_factors(&mut random, n),
            };
            let kernel = tested(Isa::best(None), op, DType::Bf16);
            let (r, carry) = scan(kernel, &x, None, PLAIN);
            let float = |at: usize| {
                let bytes = [carry[at], carry[at + 1], carry[at + 2], carry[at + 3]];
                f32::from_ne_bytes(bytes) as f64
            };
            let pair = crate::pair::Pair {
                value: float(0),
                error: float(4),
            };
            let shown = Bf16::cast_from(pair.normalised().to_odd());
            assert_eq!(shown.bits(), r[n - 1].bits());
        }
    }
}
