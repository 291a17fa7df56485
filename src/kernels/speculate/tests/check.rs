//! The check that groups rest on, by itself.

use super::data::power;

/// Passes every `step`th f32 as an element through the check, beside a carry with this exponent, and
/// asks that what passes is rounded right and no tie.
fn check_all(exponent: u32, step: usize) {
    let middle = exponent << 23 | 1 << 22;
    let ulp = power(exponent as i32 - 127 - 23);
    let [even, odd] = [f32::from_bits(middle), f32::from_bits(middle + 1)];
    let agreed = (2 * middle).wrapping_add(1);
    let mut passed = 0u64;
    for bits in (0..=u32::MAX).step_by(step) {
        let x = f32::from_bits(bits);
        for (base, other) in [(even, odd), (odd, even)] {
            let up = (base + x).to_bits();
            let down = (other - x).to_bits();
            if up.wrapping_add(down) == agreed {
                passed += 1;
                // Exact: a quotient by a power of two, far from the ends of f64's range.
                let quotient = x as f64 / ulp;
                let nearest = quotient.round_ties_even();
                assert!((quotient - nearest).abs() < 0.5, "{bits:08x} is a tie");
                let counted = up.wrapping_sub(base.to_bits()) as i32;
                assert_eq!(counted as f64, nearest, "{bits:08x}");
                let counted = other.to_bits().wrapping_sub(down) as i32;
                assert_eq!(counted as f64, nearest, "{bits:08x}");
            }
        }
    }
    println!("exponent {exponent}: {passed} passed");
    // All small numbers but ties pass.
    assert!(passed > exponent as u64 * (1 << 23) / step as u64 / 2);
}

#[test]
fn what_passes_the_check_is_no_tie_and_rounded_right() {
    for exponent in [1, 2, 24, 60, 127, 200, 252, 253] {
        check_all(exponent, 4099);
    }
}

#[test]
#[ignore = "long: all 2^32 values, for several exponents"]
fn long_every_f32_passes_the_check_only_if_rounded_right() {
    for exponent in [1, 2, 25, 127, 201, 253] {
        check_all(exponent, 1);
    }
}
