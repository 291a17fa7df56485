//! Chains of operations in lanes of doubles.

use super::lanes::Lanes;
use std::marker::PhantomData;

/// Some registers.
pub trait Numbers<L>: Copy + AsRef<[L]> + AsMut<[L]> {
    /// All alike.
    #[cfg_attr(
        not(target_arch = "x86_64"),
        expect(dead_code, reason = "only x86-64 has registers for several stretches")
    )]
    fn all(x: L) -> Self;
}

impl<L: Copy, const N: usize> Numbers<L> for [L; N] {
    #[inline(always)]
    fn all(x: L) -> Self {
        [x; N]
    }
}

/// The two chains of an operation: one for a stretch by itself, and one that goes on from what is before
/// the stretch. Their numbers are those of [`Append`](crate::compensate::Append).
///
/// # Safety
/// For all functions here: as for [`Lanes`].
pub trait Chains {
    /// A stretch by itself so far.
    type Own<L: Lanes>: Numbers<L>;
    /// What is before the stretch, and the stretch so far.
    type Chain<L: Lanes>: Numbers<L>;
    /// What is done one by one.
    type Steps: Steps;
    /// Whether results are to be looked at for infinities and NaN: where a stretch by itself does not
    /// tell.
    const WATCHED: bool;
    /// Of no element.
    unsafe fn own<L: Lanes>() -> Self::Own<L>;
    /// One more element.
    unsafe fn push_own<L: Lanes>(own: Self::Own<L>, x: L) -> Self::Own<L>;
    /// One more element.
    unsafe fn push<L: Lanes>(chain: Self::Chain<L>, x: L) -> Self::Chain<L>;
    /// What is before a stretch, and the stretch so far, where they have been pushed like a stretch by itself:
    /// which has all numbers of the other chain but the power.
    fn chain<L: Lanes>(own: Self::Own<L>, power: L) -> Self::Chain<L>;
    /// What is shown, to be rounded to the type.
    unsafe fn result<L: Lanes>(chain: Self::Chain<L>) -> L;
}

/// An operation of which chains are made, where it is not ordinary.
pub trait Steps {
    /// The parts of what changes no number in combining, but for zeros' signs and a complex number's
    /// infinities.
    const NEUTRAL: [f64; 2];
    /// Whether a stretch that begins with `first`, after `last` has been shown (neutral if it is the line's
    /// first one), might lose the sign of a -0.0.
    fn hides(last: &[f64], started: bool, first: &[f64]) -> bool;
    /// Whether a value in parts is one that no element brings back among the others: then [`step`](Self::step)
    /// finds what comes next.
    fn stuck(value: &[f64]) -> bool;
    /// One more element, plainly.
    ///
    /// # Safety
    /// As for [`Lanes`].
    unsafe fn step<L: Lanes>(value: L, x: L) -> L;
}

fn is_negative_zero(part: f64) -> bool {
    part.to_bits() == (-0.0f64).to_bits()
}

/// Whether all parts are infinite or NaN.
#[inline(always)]
fn all_special(value: &[f64]) -> bool {
    value.iter().all(|part| !part.is_finite())
}

/// The sum of two numbers and its error.
///
/// # Safety
/// As for [`Lanes`].
#[inline(always)]
pub unsafe fn two_sum<L: Lanes>(a: L, b: L) -> (L, L) {
    // SAFETY: the caller's: the instruction set is there.
    unsafe {
        let sum = a.add(b);
        let seen = sum.sub(a);
        let rounded = a.sub_beside(sum.sub_beside(seen));
        (sum, rounded.add(b.sub_beside(seen)))
    }
}

/// Additions.
pub struct Additions;

impl Steps for Additions {
    const NEUTRAL: [f64; 2] = [-0.0; 2];

    #[inline(always)]
    fn hides(last: &[f64], _started: bool, first: &[f64]) -> bool {
        let mut parts = last.iter().zip(first);
        parts.any(|(&last, &first)| is_negative_zero(last) && is_negative_zero(first))
    }
    #[inline(always)]
    fn stuck(value: &[f64]) -> bool {
        all_special(value)
    }
    #[inline(always)]
    unsafe fn step<L: Lanes>(value: L, x: L) -> L {
        // SAFETY: this function's.
        unsafe { value.add(x) }
    }
}

/// Sums of f64: the errors are added up beside the sum.
pub struct SumWithErrors;

impl Chains for SumWithErrors {
    type Own<L: Lanes> = [L; 2];
    type Chain<L: Lanes> = [L; 2];
    type Steps = Additions;
    const WATCHED: bool = true;

    #[inline(always)]
    unsafe fn own<L: Lanes>() -> [L; 2] {
        // SAFETY: this function's.
        unsafe { [L::of(-0.0, -0.0), L::of(0.0, 0.0)] }
    }
    #[inline(always)]
    unsafe fn push_own<L: Lanes>(own: [L; 2], x: L) -> [L; 2] {
        // SAFETY: this function's.
        unsafe { Self::push(own, x) }
    }
    #[inline(always)]
    unsafe fn push<L: Lanes>([value, error]: [L; 2], x: L) -> [L; 2] {
        // SAFETY: this function's.
        unsafe {
            let (sum, lost) = two_sum(value, x);
            [sum, error.add(lost)]
        }
    }
    #[inline(always)]
    fn chain<L: Lanes>(own: [L; 2], _power: L) -> [L; 2] {
        own
    }
    #[inline(always)]
    unsafe fn result<L: Lanes>([value, error]: [L; 2]) -> L {
        // SAFETY: this function's.
        unsafe { value.add(error) }
    }
}

/// Sums of floats: doubles alone.
pub struct SumOfDoubles;

impl Chains for SumOfDoubles {
    type Own<L: Lanes> = [L; 1];
    type Chain<L: Lanes> = [L; 1];
    type Steps = Additions;
    const WATCHED: bool = true;

    #[inline(always)]
    unsafe fn own<L: Lanes>() -> [L; 1] {
        // SAFETY: this function's.
        unsafe { [L::of(-0.0, -0.0)] }
    }
    #[inline(always)]
    unsafe fn push_own<L: Lanes>(own: [L; 1], x: L) -> [L; 1] {
        // SAFETY: this function's.
        unsafe { Self::push(own, x) }
    }
    #[inline(always)]
    unsafe fn push<L: Lanes>([value]: [L; 1], x: L) -> [L; 1] {
        // SAFETY: this function's.
        unsafe { [value.add(x)] }
    }
    #[inline(always)]
    fn chain<L: Lanes>(own: [L; 1], _power: L) -> [L; 1] {
        own
    }
    #[inline(always)]
    unsafe fn result<L: Lanes>([value]: [L; 1]) -> L {
        value
    }
}

/// A kind of numbers that are multiplied.
pub trait Factors {
    /// The value and error of a product with one more number.
    ///
    /// # Safety
    /// As for [`Lanes`].
    unsafe fn times_with_error<L: Lanes>(product: [L; 2], x: L) -> [L; 2];
    /// The same without errors.
    ///
    /// # Safety
    /// As for [`Lanes`].
    unsafe fn times<L: Lanes>(value: L, x: L) -> L;
    /// The magnitude of a number, or of the larger of its parts.
    ///
    /// # Safety
    /// As for [`Lanes`].
    unsafe fn magnitude<L: Lanes>(value: L) -> L;
    /// One.
    const ONE: [f64; 2];
}

/// Real factors.
pub struct RealFactors;

impl Factors for RealFactors {
    const ONE: [f64; 2] = [1.0; 2];

    #[inline(always)]
    unsafe fn times_with_error<L: Lanes>([value, error]: [L; 2], x: L) -> [L; 2] {
        // SAFETY: this function's.
        unsafe {
            let product = value.mul(x);
            [product, error.mul(x).add(value.lost(x, product))]
        }
    }
    #[inline(always)]
    unsafe fn times<L: Lanes>(value: L, x: L) -> L {
        // SAFETY: this function's.
        unsafe { value.mul(x) }
    }
    #[inline(always)]
    unsafe fn magnitude<L: Lanes>(value: L) -> L {
        // SAFETY: this function's.
        unsafe { value.magnitude() }
    }
}

/// Complex factors.
pub struct ComplexFactors;

impl Factors for ComplexFactors {
    const ONE: [f64; 2] = [1.0, 0.0];

    #[inline(always)]
    unsafe fn times_with_error<L: Lanes>([value, error]: [L; 2], x: L) -> [L; 2] {
        // SAFETY: this function's.
        unsafe {
            let (re, im, crossed) = (x.reals(), x.imaginaries(), value.swapped());
            let (first, second) = (value.mul(re), crossed.mul(im));
            let lost = value.lost(re, first).add(crossed.lost(im, second));
            let before = error.mul(re).add(error.swapped().mul(im));
            let (sum, rounded) = two_sum(first, second);
            [sum, before.add(rounded.add(lost))]
        }
    }
    #[inline(always)]
    unsafe fn times<L: Lanes>(value: L, x: L) -> L {
        // SAFETY: this function's.
        unsafe {
            let crossed = value.swapped().mul(x.imaginaries());
            value.mul(x.reals()).add(crossed)
        }
    }
    #[inline(always)]
    unsafe fn magnitude<L: Lanes>(value: L) -> L {
        // SAFETY: this function's.
        unsafe {
            let magnitude = value.magnitude();
            magnitude.larger(magnitude.swapped())
        }
    }
}

/// A stretch's product by itself, with its error, and its least and greatest magnitude on the way.
#[inline(always)]
unsafe fn push_watched<F: Factors, L: Lanes>(own: [L; 4], x: L) -> [L; 4] {
    let [value, error, least, greatest] = own;
    // SAFETY: the caller's: the instruction set is there.
    unsafe {
        let [value, error] = F::times_with_error([value, error], x);
        let magnitude = F::magnitude(value);
        // In this order a NaN, which stays in the value, is what is found in the end.
        let (least, greatest) = (least.smaller(magnitude), greatest.larger(magnitude));
        [value, error, least, greatest]
    }
}

/// [`push_watched`] of nothing.
#[inline(always)]
unsafe fn one<F: Factors, L: Lanes>() -> [L; 4] {
    // SAFETY: the caller's: the instruction set is there.
    unsafe {
        let (zero, one) = (L::of(0.0, 0.0), L::of(1.0, 1.0));
        [L::of(F::ONE[0], F::ONE[1]), zero, one, one]
    }
}

/// Multiplications.
pub struct Multiplications<F>(PhantomData<F>);

impl<F: Factors> Steps for Multiplications<F> {
    const NEUTRAL: [f64; 2] = F::ONE;

    #[inline(always)]
    fn hides(_last: &[f64], started: bool, first: &[f64]) -> bool {
        !started && first.iter().any(|&first| is_negative_zero(first))
    }
    #[inline(always)]
    fn stuck(value: &[f64]) -> bool {
        all_special(value) || value.iter().all(|&part| part == 0.0)
    }
    #[inline(always)]
    unsafe fn step<L: Lanes>(value: L, x: L) -> L {
        // SAFETY: this function's.
        unsafe { F::times(value, x) }
    }
}

/// Products of f64 and their complex numbers: value and error of what is before come with a power of two
/// that brings results to their place.
pub struct ProductWithErrors<F>(PhantomData<F>);

impl<F: Factors> Chains for ProductWithErrors<F> {
    type Own<L: Lanes> = [L; 4];
    type Chain<L: Lanes> = [L; 3];
    type Steps = Multiplications<F>;
    const WATCHED: bool = false;

    #[inline(always)]
    unsafe fn own<L: Lanes>() -> [L; 4] {
        // SAFETY: this function's.
        unsafe { one::<F, L>() }
    }
    #[inline(always)]
    unsafe fn push_own<L: Lanes>(own: [L; 4], x: L) -> [L; 4] {
        // SAFETY: this function's.
        unsafe { push_watched::<F, L>(own, x) }
    }
    #[inline(always)]
    unsafe fn push<L: Lanes>([value, error, power]: [L; 3], x: L) -> [L; 3] {
        // SAFETY: this function's.
        unsafe {
            let [value, error] = F::times_with_error([value, error], x);
            [value, error, power]
        }
    }
    #[inline(always)]
    fn chain<L: Lanes>([value, error, ..]: [L; 4], power: L) -> [L; 3] {
        [value, error, power]
    }
    #[inline(always)]
    unsafe fn result<L: Lanes>([value, error, power]: [L; 3]) -> L {
        // SAFETY: this function's.
        unsafe { value.add(error).mul(power) }
    }
}

/// Products of floats and their complex numbers: with their errors only where a stretch is by itself.
pub struct ProductOfDoubles<F>(PhantomData<F>);

impl<F: Factors> Chains for ProductOfDoubles<F> {
    type Own<L: Lanes> = [L; 4];
    type Chain<L: Lanes> = [L; 1];
    type Steps = Multiplications<F>;
    const WATCHED: bool = false;

    #[inline(always)]
    unsafe fn own<L: Lanes>() -> [L; 4] {
        // SAFETY: this function's.
        unsafe { one::<F, L>() }
    }
    #[inline(always)]
    unsafe fn push_own<L: Lanes>(own: [L; 4], x: L) -> [L; 4] {
        // SAFETY: this function's.
        unsafe { push_watched::<F, L>(own, x) }
    }
    #[inline(always)]
    unsafe fn push<L: Lanes>([value]: [L; 1], x: L) -> [L; 1] {
        // SAFETY: this function's.
        unsafe { [F::times(value, x)] }
    }
    #[inline(always)]
    fn chain<L: Lanes>([value, ..]: [L; 4], _power: L) -> [L; 1] {
        [value]
    }
    #[inline(always)]
    unsafe fn result<L: Lanes>([value]: [L; 1]) -> L {
        value
    }
}
