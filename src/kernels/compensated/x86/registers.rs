//! Registers of doubles for chains.

use super::super::chain::Lanes;
use std::arch::asm;
use std::arch::x86_64::*;

/// Eight doubles: a left and a right register.
#[derive(Clone, Copy)]
pub struct Two(pub __m256d, pub __m256d);

/// Implements [`Lanes`] by functions of one register.
macro_rules! lanes {
    ($($name:ident($first:ident $(, $more:ident)*) => $value:expr;)*) => { $(
        #[inline(always)]
        unsafe fn $name(self $(, $more: Self)*) -> Self {
            // SAFETY: this function's.
            unsafe {
                Two(
                    {
                        let $first = self.0;
                        $(let $more = $more.0;)*
                        $value
                    },
                    {
                        let $first = self.1;
                        $(let $more = $more.1;)*
                        $value
                    },
                )
            }
        }
    )* };
}

/// The sign bit of the even lanes, which hold real parts.
const SIGN: f64 = -0.0;

impl Lanes for Two {
    #[inline(always)]
    unsafe fn of(even: f64, odd: f64) -> Self {
        // SAFETY: this function's.
        let both = unsafe { _mm256_setr_pd(even, odd, even, odd) };
        Two(both, both)
    }
    lanes! {
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
}

impl Two {
    /// Makes a NaN of each lane of `self` in which `x` is not finite.
    ///
    /// # Safety
    /// The processor has AVX2 and FMA.
    #[inline(always)]
    unsafe fn watch(self, x: Self) -> Self {
        // SAFETY: this function's.
        unsafe {
            let zero = _mm256_setzero_pd();
            Two(
                _mm256_fmadd_pd(x.0, zero, self.0),
                _mm256_fmadd_pd(x.1, zero, self.1),
            )
        }
    }
}

/// A difference from the units that multiply: on Zen 4 they are others than those that add, and neither
/// is enough alone. (The compiler would make a subtraction of the intrinsic.)
#[target_feature(enable = "avx2,fma")]
#[inline]
fn sub_beside_256(mut a: __m256d, b: __m256d) -> __m256d {
    // SAFETY: arithmetic on registers.
    unsafe {
        asm!(
            "vfnmadd231pd {0}, {1}, {2}",
            inout(ymm_reg) a,
            in(ymm_reg) b,
            in(ymm_reg) _mm256_set1_pd(1.0),
            options(pure, nomem, nostack, preserves_flags),
        );
    }
    a
}

/// Becomes NaN where something is not finite; several, for each waits for the one before.
#[derive(Clone, Copy)]
pub struct Watch {
    /// For doubles.
    doubles: [Two; 2],
    /// For columns of floats.
    columns: [__m256; 2],
}

/// # Safety
/// For all functions here: the processor has AVX2 and FMA.
impl Watch {
    #[inline(always)]
    pub unsafe fn new() -> Self {
        // SAFETY: this function's.
        unsafe {
            Watch {
                doubles: [Two::of(0.0, 0.0); 2],
                columns: [_mm256_setzero_ps(); 2],
            }
        }
    }

    /// Watches doubles.
    #[inline(always)]
    pub unsafe fn doubles<const K: usize>(&mut self, results: [Two; K]) {
        for (watched, result) in self.doubles.iter_mut().zip(results) {
            // SAFETY: this function's.
            *watched = unsafe { watched.watch(result) };
        }
    }

    /// Watches floats.
    #[inline(always)]
    pub unsafe fn floats(&mut self, floats: [__m256i; 2]) {
        for (watched, floats) in self.columns.iter_mut().zip(floats) {
            // SAFETY: this function's.
            *watched = unsafe {
                _mm256_fmadd_ps(_mm256_castsi256_ps(floats), _mm256_setzero_ps(), *watched)
            };
        }
    }

    /// Whether all was finite.
    #[inline(always)]
    pub unsafe fn sound(self) -> bool {
        // SAFETY: this function's.
        unsafe {
            let Two(left, right) = self.doubles[0].add(self.doubles[1]);
            let doubles = _mm256_add_pd(left, right);
            let columns = _mm256_add_ps(self.columns[0], self.columns[1]);
            let doubles = _mm256_cmp_pd::<_CMP_UNORD_Q>(doubles, doubles);
            let columns = _mm256_cmp_ps::<_CMP_UNORD_Q>(columns, columns);
            _mm256_movemask_pd(doubles) | _mm256_movemask_ps(columns) == 0
        }
    }
}
