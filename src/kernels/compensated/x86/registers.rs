//! Registers of doubles for chains.

use super::super::lanes::{Beside, Lanes, Two};
use crate::pair::{ProductError, SPLIT_FROM, SPLITTER, Split};
use std::arch::asm;
use std::arch::x86_64::*;
use std::marker::PhantomData;

/// Eight doubles: a left and a right register.
pub type Eight = Two<__m256d>;

/// Implements [`Lanes`].
macro_rules! lanes {
    (
        [$($generic:tt)*] $type:ty: of($even:ident, $odd:ident) => $of:expr;
        $($name:ident($first:ident $(, $more:ident)*) => $value:expr;)*
    ) => {
        impl<$($generic)*> Lanes for $type {
            #[inline(always)]
            unsafe fn of($even: f64, $odd: f64) -> Self {
                // SAFETY: this function's.
                unsafe { $of }
            }
            $(
                #[inline(always)]
                unsafe fn $name(self $(, $more: Self)*) -> Self {
                    let $first = self;
                    #[allow(unused_unsafe, reason = "some instructions are part of every x86-64")]
                    // SAFETY: this function's.
                    unsafe {
                        $value
                    }
                }
            )*
        }
    };
}

/// The sign bit of the even lanes, which hold real parts.
const SIGN: f64 = -0.0;

lanes! {
    [] __m256d: of(even, odd) => _mm256_setr_pd(even, odd, even, odd);
    add(a, b) => _mm256_add_pd(a, b);
    sub(a, b) => _mm256_sub_pd(a, b);
    sub_beside(a, b) => sub_beside_256(a, b);
    mul(a, b) => _mm256_mul_pd(a, b);
    lost(a, b, product) => _mm256_fmsub_pd(a, b, product);
    magnitude(a) => _mm256_andnot_pd(_mm256_set1_pd(SIGN), a);
    larger(a, b) => _mm256_max_pd(a, b);
    smaller(a, b) => _mm256_min_pd(a, b);
    swapped(a) => _mm256_permute_pd::<0b0101>(a);
    reals(a) => _mm256_movedup_pd(a);
    imaginaries(a) => {
        _mm256_xor_pd(_mm256_permute_pd::<0b1111>(a), _mm256_setr_pd(SIGN, 0.0, SIGN, 0.0))
    };
}

impl Beside<2> for __m256d {
    #[inline(always)]
    unsafe fn both([a, b]: [f64; 2], [c, d]: [f64; 2]) -> Self {
        // SAFETY: this function's.
        unsafe { _mm256_setr_pd(a, b, c, d) }
    }
    #[inline(always)]
    unsafe fn apart(self) -> [[f64; 2]; 2] {
        // SAFETY: as many doubles.
        unsafe { std::mem::transmute(self) }
    }
}

/// Two doubles, whose products have their errors by `E`.
pub struct One<E>(__m128d, PhantomData<E>);

impl<E> Clone for One<E> {
    #[inline(always)]
    fn clone(&self) -> Self {
        *self
    }
}

impl<E> Copy for One<E> {}

impl<E> One<E> {
    #[inline(always)]
    pub fn new(doubles: __m128d) -> Self {
        One(doubles, PhantomData)
    }

    #[inline(always)]
    pub fn doubles(self) -> __m128d {
        self.0
    }
}

#[inline(always)]
fn one<E>(doubles: __m128d) -> One<E> {
    One::new(doubles)
}

lanes! {
    [E: Errors] One<E>: of(even, odd) => one(_mm_setr_pd(even, odd));
    add(a, b) => one(_mm_add_pd(a.0, b.0));
    sub(a, b) => one(_mm_sub_pd(a.0, b.0));
    sub_beside(a, b) => one(E::sub(a.0, b.0));
    mul(a, b) => one(_mm_mul_pd(a.0, b.0));
    lost(a, b, product) => one(E::lost(a.0, b.0, product.0));
    magnitude(a) => one(magnitude(a.0));
    larger(a, b) => one(_mm_max_pd(a.0, b.0));
    smaller(a, b) => one(_mm_min_pd(a.0, b.0));
    swapped(a) => one(_mm_shuffle_pd::<0b01>(a.0, a.0));
    reals(a) => one(_mm_unpacklo_pd(a.0, a.0));
    imaginaries(a) => one(_mm_xor_pd(_mm_unpackhi_pd(a.0, a.0), _mm_setr_pd(SIGN, 0.0)));
}

impl<E: Errors> Beside<1> for One<E> {
    #[inline(always)]
    unsafe fn both([first]: [f64; 1], [second]: [f64; 1]) -> Self {
        // SAFETY: this function's.
        unsafe { one(_mm_setr_pd(first, second)) }
    }
    #[inline(always)]
    unsafe fn apart(self) -> [[f64; 1]; 2] {
        // SAFETY: as many doubles.
        unsafe { std::mem::transmute(self.0) }
    }
}

#[inline(always)]
fn magnitude(a: __m128d) -> __m128d {
    // SAFETY: every x86-64 has these instructions.
    unsafe { _mm_andnot_pd(_mm_set1_pd(SIGN), a) }
}

/// A way to the errors of two products.
///
/// # Safety
/// For all functions here: the processor has the instruction set.
pub trait Errors {
    /// [`Lanes::lost`].
    unsafe fn lost(a: __m128d, b: __m128d, product: __m128d) -> __m128d;
    /// [`Lanes::sub_beside`].
    #[inline(always)]
    unsafe fn sub(a: __m128d, b: __m128d) -> __m128d {
        // SAFETY: every x86-64 has the instruction.
        unsafe { _mm_sub_pd(a, b) }
    }
}

/// By a fused multiply-add.
pub struct Fusing;

impl Errors for Fusing {
    #[inline(always)]
    unsafe fn lost(a: __m128d, b: __m128d, product: __m128d) -> __m128d {
        // SAFETY: this function's.
        unsafe { _mm_fmsub_pd(a, b, product) }
    }
    #[inline(always)]
    unsafe fn sub(a: __m128d, b: __m128d) -> __m128d {
        // SAFETY: this function's.
        unsafe { sub_beside_128(a, b) }
    }
}

/// By splitting, as [`Split`] does, without a look at where the product is: that of real numbers is below
/// [`SPLIT_FROM`] only where a stretch makes an exception.
pub struct Splitting;

impl Errors for Splitting {
    #[inline(always)]
    unsafe fn lost(a: __m128d, b: __m128d, product: __m128d) -> __m128d {
        let ((a1, a2), (b1, b2)) = (halves(a), halves(b));
        // SAFETY: every x86-64 has these instructions.
        unsafe {
            let first = _mm_sub_pd(_mm_mul_pd(a1, b1), product);
            let second = _mm_add_pd(first, _mm_mul_pd(a1, b2));
            let third = _mm_add_pd(second, _mm_mul_pd(a2, b1));
            _mm_add_pd(third, _mm_mul_pd(a2, b2))
        }
    }
}

/// By splitting, wherever the product is.
pub struct SplittingAnything;

impl Errors for SplittingAnything {
    #[inline(always)]
    unsafe fn lost(a: __m128d, b: __m128d, product: __m128d) -> __m128d {
        // SAFETY: every x86-64 has these instructions.
        unsafe {
            let small = _mm_cmplt_pd(magnitude(product), _mm_set1_pd(SPLIT_FROM));
            if _mm_movemask_pd(small) != 0 {
                // Zeros, which many have as imaginary parts, can be split.
                let zero = _mm_setzero_pd();
                let zeros = _mm_or_pd(_mm_cmpeq_pd(a, zero), _mm_cmpeq_pd(b, zero));
                if _mm_movemask_pd(_mm_andnot_pd(zeros, small)) != 0 {
                    return lost_one_by_one(a, b, product);
                }
            }
            Splitting::lost(a, b, product)
        }
    }
}

/// [`Split`] of each.
#[cold]
#[inline(never)]
fn lost_one_by_one(a: __m128d, b: __m128d, product: __m128d) -> __m128d {
    // SAFETY: as many doubles.
    unsafe {
        let [a, b, product]: [[f64; 2]; 3] = std::mem::transmute([a, b, product]);
        let lost = |i: usize| Split::lost(a[i], b[i], product[i]);
        _mm_setr_pd(lost(0), lost(1))
    }
}

/// Halves of 26 digits, whose products are exact.
#[inline(always)]
fn halves(x: __m128d) -> (__m128d, __m128d) {
    // SAFETY: every x86-64 has these instructions.
    unsafe {
        let scaled = _mm_mul_pd(x, _mm_set1_pd(SPLITTER));
        let high = _mm_sub_pd(scaled, _mm_sub_pd(scaled, x));
        (high, _mm_sub_pd(x, high))
    }
}

/// Differences from the units that multiply: on Zen 4 they are others than those that add, and neither
/// is enough alone. (The compiler would make a subtraction of the intrinsic.)
macro_rules! sub_beside {
    ($($name:ident, $register:ty, $class:ident, $one:expr;)*) => { $(
        #[target_feature(enable = "avx2,fma")]
        #[inline]
        fn $name(mut a: $register, b: $register) -> $register {
            // SAFETY: arithmetic on registers.
            unsafe {
                asm!(
                    "vfnmadd231pd {0}, {1}, {2}",
                    inout($class) a,
                    in($class) b,
                    in($class) $one,
                    options(pure, nomem, nostack, preserves_flags),
                );
            }
            a
        }
    )* };
}
sub_beside! {
    sub_beside_256, __m256d, ymm_reg, _mm256_set1_pd(1.0);
    sub_beside_128, __m128d, xmm_reg, _mm_set1_pd(1.0);
}

/// The same with the difference in the place of `b`, where that is not needed any more and `a` is.
#[target_feature(enable = "avx2,fma")]
#[inline]
pub fn sub_beside_in_place(a: __m256d, mut b: __m256d) -> __m256d {
    // SAFETY: arithmetic on registers.
    unsafe {
        asm!(
            "vfnmadd213pd {0}, {1}, {2}",
            inout(ymm_reg) b,
            in(ymm_reg) _mm256_set1_pd(1.0),
            in(ymm_reg) a,
            options(pure, nomem, nostack, preserves_flags),
        );
    }
    b
}

/// Keeps a NaN where something was not finite. One register for each kind, for a loop has few to spare, and a
/// chain of nothing but logic.
#[derive(Clone, Copy)]
pub struct Watch {
    /// For doubles.
    doubles: __m256d,
    /// For columns of floats.
    columns: __m256,
}

/// # Safety
/// For all functions here: the processor has AVX2 and FMA.
impl Watch {
    #[inline(always)]
    pub unsafe fn new() -> Self {
        // SAFETY: this function's.
        unsafe {
            Watch {
                doubles: _mm256_setzero_pd(),
                columns: _mm256_setzero_ps(),
            }
        }
    }

    /// Watches doubles.
    #[inline(always)]
    pub unsafe fn doubles<const K: usize>(&mut self, results: [Eight; K]) {
        for Two(left, right) in results {
            // SAFETY: this function's. A product with zero is a zero or a NaN, of which no bit that makes it one
            // is lost.
            self.doubles = unsafe {
                let zero = _mm256_setzero_pd();
                let both = _mm256_fmadd_pd(left, zero, _mm256_mul_pd(right, zero));
                _mm256_or_pd(self.doubles, both)
            };
        }
    }

    /// Watches floats.
    #[inline(always)]
    pub unsafe fn floats(&mut self, [left, right]: [__m256i; 2]) {
        // SAFETY: this function's, and as above.
        self.columns = unsafe {
            let (left, right) = (_mm256_castsi256_ps(left), _mm256_castsi256_ps(right));
            let zero = _mm256_setzero_ps();
            let both = _mm256_fmadd_ps(left, zero, _mm256_mul_ps(right, zero));
            _mm256_or_ps(self.columns, both)
        };
    }

    /// Whether all was finite.
    #[inline(always)]
    pub unsafe fn sound(self) -> bool {
        // SAFETY: this function's.
        unsafe {
            let doubles = _mm256_cmp_pd::<_CMP_UNORD_Q>(self.doubles, self.doubles);
            let columns = _mm256_cmp_ps::<_CMP_UNORD_Q>(self.columns, self.columns);
            _mm256_movemask_pd(doubles) | _mm256_movemask_ps(columns) == 0
        }
    }
}
