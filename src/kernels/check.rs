//! The first pass of a checked scan: looks for the first combination that does not fit.
//!
//! Sums are looked at in blocks first: where the accumulator is so far from both ends of the range that as many elements
//! as large as the largest would fit, nothing in the block can overflow, and its total is all that is needed of it. Both
//! are found by vectors. Where that does not hold, one combination after the other is looked at.

use crate::elem::Elem;
use crate::op::Overflowing;
use crate::simd::anchor;
use std::ops::ControlFlow::{self, Break, Continue};

/// Elements of a block at least and at most; a multiple of what vectors hold.
const BLOCK: [usize; 2] = [32, 256];

/// Scans up to the first overflow.
///
/// # Safety
/// As [`super::Check`].
pub unsafe fn run<O: Overflowing<T>, T: Elem>(
    x: *const u8,
    step: isize,
    n: usize,
    shown: *mut u8,
    acc: *mut u8,
    started: bool,
) -> usize {
    if O::ALWAYS_FITS && shown.is_null() {
        return n;
    }
    let slot = acc.cast::<T>();
    let blocks = O::BOUNDED && shown.is_null() && step == size_of::<T>() as isize;
    let mut i = 0;
    // SAFETY: every index is below n; the accumulator is aligned.
    unsafe {
        let mut acc = started.then(|| slot.read());
        while i < n {
            let [least, most] = BLOCK;
            let left = n - i;
            let at = x.wrapping_offset(i as isize * step);
            let len = match acc {
                // What there is no accumulator before.
                None => 1,
                Some(_) if !blocks || left < least => left,
                Some(_) => left.min(most) / least * least,
            };
            if let Some(before) = acc
                && blocks
                && len >= least
                && let Some(after) =
                    O::within(before, len, |k| at.cast::<T>().add(k).read_unaligned())
            {
                acc = Some(after);
                i += len;
                continue;
            }
            let shown = match shown.is_null() {
                true => shown,
                false => shown.add(i * size_of::<T>()),
            };
            match one_by_one::<O, T>(at, step, len, shown, acc) {
                Continue(after) => acc = Some(after),
                Break(good) => return i + good,
            }
            i += len;
        }
        if let Some(acc) = acc {
            slot.write(acc);
        }
    }
    n
}

/// One combination after the other: the accumulator, or how many fit. Results are written if `shown` is not NULL.
///
/// # Safety
/// As [`run`], for `n > 0`.
#[inline(always)]
unsafe fn one_by_one<O: Overflowing<T>, T: Elem>(
    x: *const u8,
    step: isize,
    n: usize,
    shown: *mut u8,
    acc: Option<T>,
) -> ControlFlow<usize, T> {
    let mut nowhere = std::mem::MaybeUninit::<T>::uninit();
    // Without a question at each element, and without a loop for each answer.
    let mut to = match shown.is_null() {
        true => nowhere.as_mut_ptr(),
        false => shown.cast::<T>(),
    };
    let to_step = !shown.is_null() as usize;
    let mut at = x;
    // SAFETY: this function's.
    unsafe {
        let first = at.cast::<T>().read_unaligned();
        let mut acc = match acc {
            None => first,
            Some(acc) => match O::checked(acc, first) {
                Some(next) => next,
                None => return Break(0),
            },
        };
        to.write_unaligned(acc);
        for i in 1..n {
            at = anchor(at.wrapping_offset(step));
            let Some(next) = O::checked(acc, at.cast::<T>().read_unaligned()) else {
                return Break(i);
            };
            to = anchor(to.add(to_step)).cast_mut();
            to.write_unaligned(next);
            acc = next;
        }
        Continue(acc)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::compensate::exact::Random;
    use crate::op::{Prod, Sum};

    /// How many combinations fit, one after the other in 128 bits, and the accumulator after them.
    fn model(x: &[i128], carry: Option<i128>, sums: bool, range: [i128; 2]) -> (usize, i128) {
        let mut acc = carry;
        for (i, &x) in x.iter().enumerate() {
            let next = match acc {
                Some(acc) if sums => acc + x,
                Some(acc) => acc.saturating_mul(x),
                None => x,
            };
            if next < range[0] || next > range[1] {
                return (i, 0);
            }
            acc = Some(next);
        }
        (x.len(), acc.unwrap_or(0))
    }

    macro_rules! agrees {
        ($test:ident, $t:ty) => {
            #[test]
            fn $test() {
                let range = [<$t>::MIN as i128, <$t>::MAX as i128];
                let mut random = Random(<$t>::MAX as u64 | 1);
                let mut ended = [0; 2];
                for turn in 0..3000 {
                    let (n, step) = (random.below(700), 1 + random.below(2));
                    // Bits of an element: the sums of some lines come near an end, and of some go beyond.
                    let bits = random.below(<$t>::BITS as usize) as u32;
                    let draw = |random: &mut Random| (random.bits() as $t) >> bits;
                    let x: Vec<$t> = (0..n * step).map(|_| draw(&mut random)).collect();
                    let carry = (random.below(2) == 0).then(|| match random.below(3) {
                        0 => <$t>::MAX.saturating_sub(draw(&mut random)),
                        1 => <$t>::MIN.saturating_add(draw(&mut random)),
                        _ => draw(&mut random),
                    });
                    let taken: Vec<i128> = x.iter().step_by(step).map(|&x| x as i128).collect();
                    let sums = turn % 4 > 0;
                    let expected = model(&taken, carry.map(i128::from), sums, range);
                    let check: super::super::Check = if sums {
                        run::<Sum, $t>
                    } else {
                        run::<Prod, $t>
                    };
                    for show in [false, true] {
                        let mut acc = carry.unwrap_or(0);
                        let mut shown = vec![0 as $t; n];
                        let to = if show {
                            shown.as_mut_ptr()
                        } else {
                            std::ptr::null_mut()
                        };
                        let step = (step * size_of::<$t>()) as isize;
                        let place = (&raw mut acc).cast();
                        // SAFETY: n elements at that distance, and room for as many results.
                        let good = unsafe {
                            check(
                                x.as_ptr().cast(),
                                step,
                                n,
                                to.cast(),
                                place,
                                carry.is_some(),
                            )
                        };
                        assert_eq!(good, expected.0, "{n} elements, step {step}, sums {sums}");
                        if good == n && (n > 0 || carry.is_some()) {
                            assert_eq!(acc as i128, expected.1, "{n} elements, step {step}");
                        }
                        if show && good > 0 {
                            let last = model(&taken[..good], carry.map(i128::from), sums, range);
                            assert_eq!(shown[good - 1] as i128, last.1, "{n} elements");
                        }
                    }
                    ended[(expected.0 < n) as usize] += 1;
                }
                assert!(ended.iter().all(|&times| times > 300), "{ended:?}");
            }
        };
    }
    agrees!(the_first_overflow_is_found_in_i8, i8);
    agrees!(the_first_overflow_is_found_in_i32, i32);
    agrees!(the_first_overflow_is_found_in_i64, i64);
    agrees!(the_first_overflow_is_found_in_u16, u16);
    agrees!(the_first_overflow_is_found_in_u32, u32);
    agrees!(the_first_overflow_is_found_in_u64, u64);
}
