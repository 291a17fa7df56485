//! Compensated sums in registers: several stretches at a time, one in each lane.
//!
//! [`along`] and [`across`] tell how lanes are filled; both work on pairs of registers of AVX2, or single
//! ones of AVX-512, of as many lanes.

mod across;
mod along;
mod registers;

use super::chain::Real;
use super::{PIECE, Parted, Stretched, run};
use crate::dtype::DType;
use crate::elem::Complex;
use crate::kernels::{Block, Family, Kernel, family};
use crate::simd::Isa;
use registers::{Columns, Two};
use std::arch::x86_64::__m512d;
use std::marker::PhantomData;
use std::mem::MaybeUninit;

/// Doubles of as many elements as are scanned at a time, complex ones included.
const DOUBLES: usize = 2 * PIECE;

/// The elements as doubles, pair after pair of squares, column after column.
#[repr(align(64))]
struct Room(MaybeUninit<[f64; DOUBLES]>);

/// A chain in the lanes of `B`.
type Chain<T, const P: usize, B> = <<T as Parted<P>>::Real as Real>::Chain<B>;

/// Sums of a type by pairs of squares.
struct Pairs<T, B, const P: usize, const N: usize, const K: usize>(PhantomData<(T, B)>);

/// The kernels of a type on an instruction set.
macro_rules! kernels {
    ($($name:ident, $along:ident, $across:ident: $features:literal, $both:ty;)*) => { $(
        #[doc = concat!("Scans every row of the block with ", $features, ".")]
        ///
        /// # Safety
        /// As [`crate::kernels::Run`]; the processor has these.
        #[target_feature(enable = $features)]
        unsafe fn $along<
            T: Columns<P, N, K>,
            const P: usize,
            const N: usize,
            const K: usize,
        >(
            block: &Block,
        ) {
            // SAFETY: this function's.
            unsafe { run::<T, P>(block, Pairs::<T, $both, P, N, K>::piece) }
        }

        #[doc = concat!("Scans down the rows of the block with ", $features, ".")]
        ///
        /// # Safety
        /// As [`crate::kernels::Run`]; the processor has these.
        #[target_feature(enable = $features)]
        unsafe fn $across<
            T: Columns<P, N, K>,
            const P: usize,
            const N: usize,
            const K: usize,
        >(
            block: &Block,
        ) {
            // SAFETY: this function's.
            unsafe { Pairs::<T, $both, P, N, K>::across(block) }
        }

        /// The kernels of a type.
        struct $name<T, const P: usize, const N: usize, const K: usize>(PhantomData<T>);

        impl<T: Columns<P, N, K>, const P: usize, const N: usize, const K: usize> Family
            for $name<T, P, N, K>
        {
            const KERNEL: Kernel = Kernel {
                along: $along::<T, P, N, K>,
                across: $across::<T, P, N, K>,
                ..Stretched::<T, P>::KERNEL
            };
        }
    )* };
}
kernels! {
    InAvx2, along_avx2, across_avx2: "avx2,fma,f16c,bmi2", Two;
    InAvx512, along_avx512, across_avx512: "avx512f,avx512vl,avx512dq,avx512bw,avx2,fma,f16c,bmi2", __m512d;
}

/// The kernels for an instruction set.
pub fn kernel(isa: Isa, dtype: DType) -> Option<&'static Kernel> {
    match dtype {
        DType::F64 if isa >= Isa::Avx512 => family!(InAvx512<f64, 1, 4, 1>),
        DType::C128 if isa >= Isa::Avx512 => family!(InAvx512<Complex<f64>, 2, 2, 1>),
        _ if isa < Isa::Avx2 => None,
        DType::F32 => family!(InAvx2<f32, 1, 8, 2>),
        DType::F64 => family!(InAvx2<f64, 1, 4, 1>),
        DType::C64 => family!(InAvx2<Complex<f32>, 2, 4, 2>),
        DType::C128 => family!(InAvx2<Complex<f64>, 2, 2, 1>),
        _ => None,
    }
}
