//! The scalar accumulators against exact arithmetic.

use super::exact::{
    F32, F64, KINDS, Random, SumCheck, check_complex, check_products, data, wandering,
};
use super::*;

/// Scans with the scalar accumulator.
fn scan<O, T: Compensate<O>>(x: &[T]) -> Vec<T> {
    let mut acc = x[0].exact();
    let mut results = vec![T::shown(acc)];
    for &x in &x[1..] {
        acc = T::step(acc, x);
        results.push(T::shown(acc));
    }
    results
}

/// A result's parts.
trait InParts: Copy {
    fn in_parts(self) -> Vec<f64>;
}

impl InParts for f64 {
    fn in_parts(self) -> Vec<f64> {
        vec![self]
    }
}

impl InParts for f32 {
    fn in_parts(self) -> Vec<f64> {
        vec![self as f64]
    }
}

impl InParts for Complex<f64> {
    fn in_parts(self) -> Vec<f64> {
        vec![self.re, self.im]
    }
}

fn export<O, T: Compensate<O> + InParts>(acc: T::Acc) -> T::Carry {
    T::export_as(acc, &T::shown(acc).in_parts())
}

/// Scans in chunks of `chunk`, passing carries on as callers do.
fn scan_in_chunks<O, T: Compensate<O> + InParts>(x: &[T], chunk: usize) -> Vec<T> {
    let mut results = Vec::new();
    let mut carry: Option<T::Carry> = None;
    for chunk in x.chunks(chunk) {
        let mut acc = carry.map(T::import);
        for &x in chunk {
            let next = match acc {
                Some(acc) => T::step(acc, x),
                None => x.exact(),
            };
            results.push(T::shown(next));
            acc = Some(next);
        }
        carry = acc.map(export::<O, T>);
    }
    results
}

#[test]
fn sums_of_f64_keep_the_bound() {
    let mut random = Random(7);
    for kind in KINDS {
        let x = data(kind, 30_000, &mut random);
        for r in [scan::<Sum, f64>(&x), scan_in_chunks::<Sum, f64>(&x, 1000)] {
            let mut check = SumCheck::new(F64);
            for (x, r) in x.iter().zip(r) {
                check.add(*x);
                check.check(r, kind);
            }
        }
    }
}

#[test]
fn sums_of_f32_keep_the_bound() {
    let mut random = Random(8);
    for kind in KINDS {
        let x: Vec<f32> = data(kind, 30_000, &mut random)
            .into_iter()
            .map(|x| x as f32)
            .collect();
        for r in [scan::<Sum, f32>(&x), scan_in_chunks::<Sum, f32>(&x, 1000)] {
            let mut check = SumCheck::new(F32);
            for (x, r) in x.iter().zip(r) {
                check.add(*x as f64);
                check.check(r as f64, kind);
            }
        }
    }
}

/// Losses that all have one sign are what two doubles alone do not survive.
#[test]
fn many_steps_that_all_lose_the_same_way_keep_the_bound() {
    let n = 1 << 21;
    let x = (0..n).map(|i| match i {
        0 => 2f64.powi(60),
        _ if i == n - 1 => -(2f64.powi(60)),
        _ => f64::from_bits((1.0f64 / 3.0).to_bits() - (40 << 52)),
    });
    let x: Vec<f64> = x.collect();
    let mut check = SumCheck::new(F64);
    x.iter().for_each(|&x| check.add(x));
    check.check(scan::<Sum, f64>(&x)[n - 1], "one sign");
}

#[test]
fn a_leading_minus_zero_stays_and_other_zeros_are_positive() {
    let x = [-0.0, -0.0, 0.0, -0.0, 1.0, -1.0, -0.0];
    let expected = [-0.0, -0.0, 0.0, 0.0, 1.0, 0.0, 0.0f64];
    for (r, e) in scan::<Sum, f64>(&x).iter().zip(expected) {
        assert_eq!(r.to_bits(), e.to_bits());
    }
    for (r, e) in scan::<Sum, f32>(&x.map(|x| x as f32)).iter().zip(expected) {
        assert_eq!(r.to_bits(), (e as f32).to_bits());
    }
}

#[test]
fn infinities_stay_what_sequential_mode_makes_of_them() {
    let (max, inf) = (f64::MAX, f64::INFINITY);
    assert_eq!(
        scan::<Sum, f64>(&[max, max, -max, 1.0]),
        [max, inf, inf, inf]
    );
    assert_eq!(
        scan::<Sum, f64>(&[1.0, -inf, max, 2.0]),
        [1.0, -inf, -inf, -inf]
    );
    assert!(scan::<Sum, f64>(&[inf, -inf, 1.0])[2].is_nan());
    let half_place = 2f64.powi(969);
    assert_eq!(scan::<Sum, f64>(&[max, half_place, half_place]), [max; 3]);
    assert_eq!(
        scan::<Sum, f64>(&[max, 2.0 * half_place, -max]),
        [max, inf, inf]
    );
    assert_eq!(
        scan::<Prod, f64>(&[1e200, -1e200, 1e-300]),
        [1e200, -inf, -inf]
    );
    assert!(scan::<Prod, f64>(&[inf, 0.0, 1.0])[1].is_nan());
    let max = f32::MAX;
    let inf = f32::INFINITY;
    assert_eq!(
        scan::<Sum, f32>(&[max, max, -max, 1.0]),
        [max, inf, inf, inf]
    );
    assert_eq!(scan::<Prod, f32>(&[1e30, 1e30, 1e-30]), [1e30, inf, inf]);
}

#[test]
fn an_underflow_stays_what_sequential_mode_makes_of_it() {
    for x in [
        vec![1e-200, 1e-120, 1e20, 3.0],
        vec![1e-200, 1e-200, 1e300, 1e300],
        vec![-3e-308, 0.1, 0.1, 1e10],
        vec![1.7e-300, 0.3e-8, 0.7, 1e30],
    ] {
        let mut product = 1.0;
        for (r, x) in scan::<Prod, f64>(&x).into_iter().zip(&x) {
            product *= x;
            assert_eq!(r.to_bits(), product.to_bits(), "{x:?}");
        }
    }
    for x in [vec![1e-30f32, 1e-12, 1e20], vec![1e-30, 1e-30, 1e30]] {
        let mut product = 1.0;
        for (r, x) in scan::<Prod, f32>(&x).into_iter().zip(&x) {
            product *= x;
            assert_eq!(r.to_bits(), product.to_bits(), "{x:?}");
        }
    }
    let z = |re, im| Complex { re, im };
    let small = [z(1e-200, 1e-200), z(1e-200, 0.0), z(1e300, 1e300)];
    assert_eq!(scan::<Prod, Complex<f64>>(&small)[2], z(0.0, 0.0));
}

#[test]
fn products_are_within_one_place() {
    let mut random = Random(3);
    for (low, high, spread) in [
        (-3.0, 3.0, 1),
        (-500.0, 500.0, 60),
        (-1021.5, -960.0, 30),
        (-1021.5, -1018.0, 2),
        (990.0, 1023.5, 30),
        (-1021.5, 1023.5, 900),
    ] {
        let x = wandering(3000, low, high, spread, &mut random);
        let first = x
            .iter()
            .scan(0.0, |place: &mut f64, x| {
                *place += x.abs().log2();
                Some(*place)
            })
            .position(|place| !(-1021.9..1023.9).contains(&place));
        assert_eq!(first, None, "the data are to stay normal");
        check_products(&x, &scan::<Prod, f64>(&x), F64, "f64");
    }
    let near_one: Vec<f64> = (0..20_000).map(|_| 1.0 + 1e-3 * random.signed()).collect();
    check_products(&near_one, &scan::<Prod, f64>(&near_one), F64, "near one");
    check_products(
        &near_one,
        &scan_in_chunks::<Prod, f64>(&near_one, 500),
        F64,
        "near one, in chunks",
    );
    for (low, high, spread) in [(-125.5, -100.0, 20), (-3.0, 3.0, 2), (100.0, 127.5, 20)] {
        let x: Vec<f32> = wandering(5000, low, high, spread, &mut random)
            .into_iter()
            .map(|x| x as f32)
            .collect();
        let wide: Vec<f64> = x.iter().map(|&x| x as f64).collect();
        let r: Vec<f64> = scan::<Prod, f32>(&x).iter().map(|&r| r as f64).collect();
        check_products(&wide, &r, F32, "f32");
    }
}

#[test]
fn the_first_element_may_be_a_denormal() {
    let x = [5e-324, 1e300, 3.0, 7.7e-20, 1e30];
    check_products(&x, &scan::<Prod, f64>(&x), F64, "from a denormal");
    let x = [3e-323, 2.0, 1e300, 0.3, 1e-250, 1e200];
    check_products(&x, &scan::<Prod, f64>(&x), F64, "through denormals");
}

#[test]
fn complex_products_are_within_one_place_of_the_magnitude() {
    let mut random = Random(5);
    for (low, high, spread) in [(-3.0, 3.0, 1), (-1020.0, -960.0, 20), (960.0, 1022.0, 20)] {
        let moduli = wandering(2000, low, high, spread, &mut random);
        let x: Vec<[f64; 2]> = moduli
            .iter()
            .map(|r| {
                let angle = 6.3 * random.uniform();
                [r * angle.cos(), r * angle.sin()]
            })
            .collect();
        let z: Vec<Complex<f64>> = x.iter().map(|&[re, im]| Complex { re, im }).collect();
        for r in [
            scan::<Prod, Complex<f64>>(&z),
            scan_in_chunks::<Prod, Complex<f64>>(&z, 400),
        ] {
            let r: Vec<[f64; 2]> = r.iter().map(|z| [z.re, z.im]).collect();
            check_complex(&x, &r, F64, "c128");
        }
    }
    let x: Vec<[f64; 2]> = (0..3000)
        .map(|_| {
            let angle = 6.3 * random.uniform();
            let r = 1.0 + 0.1 * random.signed();
            [
                (r * angle.cos()) as f32 as f64,
                (r * angle.sin()) as f32 as f64,
            ]
        })
        .collect();
    let z: Vec<Complex<f32>> = x
        .iter()
        .map(|&[re, im]| Complex {
            re: re as f32,
            im: im as f32,
        })
        .collect();
    let r = scan::<Prod, Complex<f32>>(&z);
    let r: Vec<[f64; 2]> = r.iter().map(|z| [z.re as f64, z.im as f64]).collect();
    check_complex(&x, &r, F32, "c64");
}

#[test]
fn sixteen_bits_are_rounded_once_and_do_not_stick() {
    // 2049 ones: the plain sum sticks at 2048.
    let ones = vec![F16::from_f32(1.0); 5000];
    let r = scan::<Sum, F16>(&ones);
    for (i, r) in r.iter().enumerate() {
        assert_eq!(r.0, F16::from_f32((i + 1) as f32).0);
    }
    // 60000 + 60000 does not fit, and -60000 brings it back: floats hold it.
    let x = [60000.0, 60000.0, -60000.0].map(F16::from_f32);
    let r: Vec<f32> = scan::<Sum, F16>(&x).iter().map(|r| r.to_f32()).collect();
    assert_eq!(r, [60000.0, f32::INFINITY, 60000.0]);
    // Where floats overflow the infinity stays.
    let x = [3e38, 3e38, -3e38].map(Bf16::from_f32);
    assert_eq!(scan::<Sum, Bf16>(&x)[2].to_f32(), f32::INFINITY);
    let x = [1e-30, 1e-30, 1e30].map(Bf16::from_f32);
    assert_eq!(scan::<Prod, Bf16>(&x)[2].to_f32(), 0.0);
    // The middle between two results, and a little more.
    let x = [2048.0, 1.0, 2f32.powi(-24)].map(F16::from_f32);
    let r: Vec<f32> = scan::<Sum, F16>(&x).iter().map(|r| r.to_f32()).collect();
    assert_eq!(r, [2048.0, 2048.0, 2050.0]);
}

#[test]
fn a_carry_shows_the_last_result_and_need_not_be_normalised() {
    let mut random = Random(11);
    for kind in KINDS {
        let x = data(kind, 500, &mut random);
        let mut acc = <f64 as Compensate<Sum>>::exact(x[0]);
        for &x in &x[1..] {
            acc = <f64 as Compensate<Sum>>::step(acc, x);
            let shown = <f64 as Compensate<Sum>>::shown(acc);
            let carry = export::<Sum, f64>(acc);
            assert_eq!(carry.value.to_bits(), shown.to_bits());
            let back = <f64 as Compensate<Sum>>::import(carry);
            assert_eq!(<f64 as Compensate<Sum>>::shown(back), shown);
        }
    }
    let carry = |value: f64, error: f64| {
        let acc = <f64 as Compensate<Sum>>::import(Pair { value, error });
        <f64 as Compensate<Sum>>::shown(acc)
    };
    assert_eq!(carry(1.0, 1e30), 1e30);
    assert_eq!(carry(f64::INFINITY, f64::NAN), f64::INFINITY);
    assert!(carry(f64::NAN, 1.0).is_nan());
    assert_eq!(carry(-0.0, 0.0).to_bits(), (-0.0f64).to_bits());
    let carry = |value: f64, error: f64| {
        let acc = <f64 as Compensate<Prod>>::import(Pair { value, error });
        <f64 as Compensate<Prod>>::shown(acc)
    };
    assert_eq!(carry(1e-310, 1e-300), 1e-310 + 1e-300);
    assert_eq!(carry(-f64::INFINITY, 1.0), f64::NEG_INFINITY);
}

#[test]
fn merging_is_as_good_as_scanning() {
    let mut random = Random(12);
    for kind in KINDS {
        let x = data(kind, 4000, &mut random);
        let mut check = SumCheck::new(F64);
        let mut total: Option<super::sum::Triple> = None;
        for chunk in x.chunks(100) {
            chunk.iter().for_each(|&x| check.add(x));
            let mut acc = <f64 as Compensate<Sum>>::exact(chunk[0]);
            for &x in &chunk[1..] {
                acc = <f64 as Compensate<Sum>>::step(acc, x);
            }
            let next = match total {
                None => acc,
                Some(total) => <f64 as Compensate<Sum>>::merge(total, acc),
            };
            check.check(next.shown(), kind);
            total = Some(next);
        }
    }
    let acc = |x: f64| <f64 as Compensate<Prod>>::exact(x);
    let merged = <f64 as Compensate<Prod>>::merge(acc(1e-200), acc(1e-120));
    assert_eq!(<f64 as Compensate<Prod>>::shown(merged), 1e-200 * 1e-120);
}
