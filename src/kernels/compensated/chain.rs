//! Chains of additions, in one double or in the lanes of a register.

use crate::compensate::{Sums, Triple};
use crate::elem::Elem;
use crate::pair::{Pair, two_sum};

/// Doubles side by side.
pub trait Lanes: Copy {
    /// `self + other`.
    ///
    /// # Safety
    /// The processor has the registers' instruction set; so for all functions here.
    unsafe fn add(self, other: Self) -> Self;
    /// `self - other`.
    ///
    /// # Safety
    /// As [`add`](Self::add).
    unsafe fn sub(self, other: Self) -> Self;
    /// The same bits as [`sub`](Self::sub), from other units of the processor where it has some.
    ///
    /// # Safety
    /// As [`add`](Self::add).
    #[inline(always)]
    unsafe fn sub_beside(self, other: Self) -> Self {
        // SAFETY: this function's.
        unsafe { self.sub(other) }
    }
}

impl Lanes for f64 {
    #[inline(always)]
    unsafe fn add(self, other: f64) -> f64 {
        self + other
    }
    #[inline(always)]
    unsafe fn sub(self, other: f64) -> f64 {
        self - other
    }
}

/// A real type with the chains that its sums are made of.
pub trait Real: Sums + Elem {
    /// The sum so far.
    type Chain<L: Lanes>: Copy;
    /// The number itself.
    fn to_f64(self) -> f64;
    /// The number rounded.
    fn from_f64(x: f64) -> Self;
    /// A chain that starts from a value and its error.
    fn start<L: Lanes>(value: L, error: L) -> Self::Chain<L>;
    /// A chain with one more number.
    ///
    /// # Safety
    /// As [`Lanes::add`].
    unsafe fn push<L: Lanes>(chain: Self::Chain<L>, x: L) -> Self::Chain<L>;
    /// What is shown of a chain, to be rounded to the type.
    ///
    /// # Safety
    /// As [`Lanes::add`].
    unsafe fn result<L: Lanes>(chain: Self::Chain<L>) -> L;
    /// The value of a chain, and its error if it has one.
    fn total<L: Lanes>(chain: Self::Chain<L>) -> (L, Option<L>);
    /// A finite sum as a value and its error, for a chain to start from.
    fn seed(acc: Self::Acc) -> (f64, f64);
    /// A finite sum and a chain's total.
    fn append(acc: Self::Acc, value: f64, error: f64) -> Self::Acc;
}

/// Sum2: the errors are added up beside the sum.
impl Real for f64 {
    type Chain<L: Lanes> = (L, L);

    #[inline(always)]
    fn to_f64(self) -> f64 {
        self
    }
    #[inline(always)]
    fn from_f64(x: f64) -> f64 {
        x
    }
    #[inline(always)]
    fn start<L: Lanes>(value: L, error: L) -> (L, L) {
        (value, error)
    }
    #[inline(always)]
    unsafe fn push<L: Lanes>((value, error): (L, L), x: L) -> (L, L) {
        // SAFETY: this function's.
        unsafe {
            let sum = value.add(x);
            let seen = sum.sub(value);
            let rounded = value.sub_beside(sum.sub_beside(seen));
            let lost = rounded.add(x.sub_beside(seen));
            (sum, error.add(lost))
        }
    }
    #[inline(always)]
    unsafe fn result<L: Lanes>((value, error): (L, L)) -> L {
        // SAFETY: this function's.
        unsafe { value.add(error) }
    }
    #[inline(always)]
    fn total<L: Lanes>((value, error): (L, L)) -> (L, Option<L>) {
        (value, Some(error))
    }
    #[inline(always)]
    fn seed(acc: Triple) -> (f64, f64) {
        (acc.high, acc.middle + acc.low)
    }
    #[inline(always)]
    fn append(acc: Triple, value: f64, error: f64) -> Triple {
        let high = two_sum(acc.high, value);
        let second = two_sum(acc.middle, error);
        let third = two_sum(second.value, high.error);
        let low = acc.low + (second.error + third.error);
        Triple::settled(high.value, third.value, low)
    }
}

/// Doubles alone.
impl Real for f32 {
    type Chain<L: Lanes> = L;

    #[inline(always)]
    fn to_f64(self) -> f64 {
        self as f64
    }
    #[inline(always)]
    fn from_f64(x: f64) -> f32 {
        x as f32
    }
    #[inline(always)]
    fn start<L: Lanes>(value: L, _error: L) -> L {
        value
    }
    #[inline(always)]
    unsafe fn push<L: Lanes>(value: L, x: L) -> L {
        // SAFETY: this function's.
        unsafe { value.add(x) }
    }
    #[inline(always)]
    unsafe fn result<L: Lanes>(value: L) -> L {
        value
    }
    #[inline(always)]
    fn total<L: Lanes>(value: L) -> (L, Option<L>) {
        (value, None)
    }
    #[inline(always)]
    fn seed(acc: Pair<f64>) -> (f64, f64) {
        (acc.value + acc.error, 0.0)
    }
    #[inline(always)]
    fn append(acc: Pair<f64>, value: f64, _error: f64) -> Pair<f64> {
        let sum = two_sum(acc.value, value);
        Pair {
            value: sum.value,
            error: acc.error + sum.error,
        }
    }
}
