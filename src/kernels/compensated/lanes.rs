//! Doubles side by side, in lanes: the parts of one element, or a register.
//!
//! A complex number has its real part in an even lane and its imaginary part in the next one.

use crate::pair::ProductError;
use std::marker::PhantomData;

/// Doubles side by side.
///
/// # Safety
/// For all functions here: the processor has the registers' instruction set.
pub trait Lanes: Copy {
    /// One number in all even lanes and one in all odd ones.
    unsafe fn of(even: f64, odd: f64) -> Self;
    /// `self + other`.
    unsafe fn add(self, other: Self) -> Self;
    /// `self - other`.
    unsafe fn sub(self, other: Self) -> Self;
    /// The same bits as [`sub`](Self::sub), from other units of the processor where it has some.
    unsafe fn sub_beside(self, other: Self) -> Self;
    /// `self * other`.
    unsafe fn mul(self, other: Self) -> Self;
    /// What `product`, which is `self * other` rounded, lacks, if it is far from the ends of the range, where
    /// some ways to find it fail.
    unsafe fn lost(self, other: Self, product: Self) -> Self;
    /// The absolute values.
    unsafe fn magnitude(self) -> Self;
    /// `self` where it is larger than `other`, else `other`.
    unsafe fn larger(self, other: Self) -> Self;
    /// `self` where it is smaller than `other`, else `other`.
    unsafe fn smaller(self, other: Self) -> Self;
    /// The parts of complex numbers, exchanged.
    unsafe fn swapped(self) -> Self;
    /// Of complex numbers the real part, twice.
    unsafe fn reals(self) -> Self;
    /// Of complex numbers the imaginary part, twice, the first time negated.
    unsafe fn imaginaries(self) -> Self;
}

/// Lanes for two numbers of `P` parts.
///
/// # Safety
/// As for [`Lanes`].
pub trait Beside<const P: usize>: Lanes {
    /// Two numbers.
    unsafe fn both(first: [f64; P], second: [f64; P]) -> Self;
    /// The inverse of [`both`](Self::both).
    unsafe fn apart(self) -> [[f64; P]; 2];
}

/// Lanes for two real numbers, and for two complex ones, on every processor of an architecture.
#[cfg(target_arch = "x86_64")]
pub use super::x86::{Complexes, Reals};
#[cfg(not(target_arch = "x86_64"))]
pub type Reals = Parts<crate::pair::Split, 2>;
#[cfg(not(target_arch = "x86_64"))]
pub type Complexes = Two<Reals>;

/// Twice as many lanes.
#[derive(Clone, Copy)]
pub struct Two<L>(pub L, pub L);

/// Implements [`Lanes`] by those of the halves.
macro_rules! by_halves {
    ($($name:ident($($other:ident),*);)*) => { $(
        #[inline(always)]
        unsafe fn $name(self $(, $other: Self)*) -> Self {
            // SAFETY: this function's.
            unsafe { Two(self.0.$name($($other.0),*), self.1.$name($($other.1),*)) }
        }
    )* };
}

impl<L: Lanes> Lanes for Two<L> {
    #[inline(always)]
    unsafe fn of(even: f64, odd: f64) -> Self {
        // SAFETY: this function's.
        let half = unsafe { L::of(even, odd) };
        Two(half, half)
    }
    by_halves! {
        add(other);
        sub(other);
        sub_beside(other);
        mul(other);
        lost(other, product);
        magnitude();
        larger(other);
        smaller(other);
        swapped();
        reals();
        imaginaries();
    }
}

/// A complex number on each side, as two reals are beside each other.
impl<L: Beside<1>> Beside<2> for Two<L> {
    #[inline(always)]
    unsafe fn both([a, b]: [f64; 2], [c, d]: [f64; 2]) -> Self {
        // SAFETY: this function's.
        unsafe { Two(L::both([a], [b]), L::both([c], [d])) }
    }
    #[inline(always)]
    unsafe fn apart(self) -> [[f64; 2]; 2] {
        // SAFETY: this function's.
        let ([[a], [b]], [[c], [d]]) = unsafe { (self.0.apart(), self.1.apart()) };
        [[a, b], [c, d]]
    }
}

/// The parts of one element, whose products have their errors by `E`.
pub struct Parts<E, const P: usize>(pub [f64; P], PhantomData<E>);

impl<E, const P: usize> Clone for Parts<E, P> {
    #[inline(always)]
    fn clone(&self) -> Self {
        *self
    }
}

impl<E, const P: usize> Copy for Parts<E, P> {}

impl<E, const P: usize> Parts<E, P> {
    #[inline(always)]
    pub fn new(parts: [f64; P]) -> Self {
        Parts(parts, PhantomData)
    }

    // Loops and no closures: a closure would not be compiled for the instruction set of its function.
    #[inline(always)]
    fn with(mut self, other: Self, f: fn(f64, f64) -> f64) -> Self {
        for p in 0..P {
            self.0[p] = f(self.0[p], other.0[p]);
        }
        self
    }
}

impl<E: ProductError, const P: usize> Lanes for Parts<E, P> {
    #[inline(always)]
    unsafe fn of(even: f64, odd: f64) -> Self {
        let mut parts = [even; P];
        if P > 1 {
            parts[P - 1] = odd;
        }
        Parts::new(parts)
    }
    #[inline(always)]
    unsafe fn add(self, other: Self) -> Self {
        self.with(other, |a, b| a + b)
    }
    #[inline(always)]
    unsafe fn sub(self, other: Self) -> Self {
        self.with(other, |a, b| a - b)
    }
    #[inline(always)]
    unsafe fn sub_beside(self, other: Self) -> Self {
        self.with(other, |a, b| a - b)
    }
    #[inline(always)]
    unsafe fn mul(self, other: Self) -> Self {
        self.with(other, |a, b| a * b)
    }
    #[inline(always)]
    unsafe fn lost(mut self, other: Self, product: Self) -> Self {
        for p in 0..P {
            self.0[p] = E::lost(self.0[p], other.0[p], product.0[p]);
        }
        self
    }
    #[inline(always)]
    unsafe fn magnitude(self) -> Self {
        self.with(self, |a, _| a.abs())
    }
    #[inline(always)]
    unsafe fn larger(self, other: Self) -> Self {
        self.with(other, |a, b| if a > b { a } else { b })
    }
    #[inline(always)]
    unsafe fn smaller(self, other: Self) -> Self {
        self.with(other, |a, b| if a < b { a } else { b })
    }
    #[inline(always)]
    unsafe fn swapped(mut self) -> Self {
        self.0.reverse();
        self
    }
    #[inline(always)]
    unsafe fn reals(self) -> Self {
        Parts::new([self.0[0]; P])
    }
    #[inline(always)]
    unsafe fn imaginaries(self) -> Self {
        let mut parts = [self.0[P - 1]; P];
        parts[0] = -parts[0];
        Parts::new(parts)
    }
}

#[cfg(not(target_arch = "x86_64"))]
impl<E: ProductError> Beside<1> for Parts<E, 2> {
    #[inline(always)]
    unsafe fn both([first]: [f64; 1], [second]: [f64; 1]) -> Self {
        Parts::new([first, second])
    }
    #[inline(always)]
    unsafe fn apart(self) -> [[f64; 1]; 2] {
        self.0.map(|part| [part])
    }
}
