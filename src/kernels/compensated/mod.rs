//! Compensated mode along contiguous lines: kernels that take a block of elements at a time.
//!
//! These are not faster forms of the scalar accumulators: they group additions in another way, and so
//! may differ from them in the last place. For lines that are contiguous, or at least closer together
//! along the axis than across it, they are the definition, on every instruction set; for all others
//! ([`Kernel::columns`]) the scalar accumulators are.

mod chain;
mod doubles;
mod floats;
mod lanes;
mod stream;
#[cfg(target_arch = "x86_64")]
mod x86;

#[cfg(test)]
mod tests;

use super::{Block, Family, Kernel, Run};
use crate::accumulate::Compensated;
use crate::dtype::DType;
use crate::elem::{Bf16, Complex, F16};
use crate::op::{Op, Sum};
use crate::simd::Isa;
use lanes::Portable;

/// The kernels of sums of a type of `$parts` parts on an instruction set, from the kernels' module.
macro_rules! sums {
    ($body:ident, $t:ty, $parts:literal, $isa:expr) => {{
        unsafe fn portable<const EXCLUSIVE: bool>(block: &Block) {
            // SAFETY: as for this function.
            unsafe { $body::run::<$t, Portable, $parts, EXCLUSIVE>(block) }
        }
        #[cfg(target_arch = "x86_64")]
        #[target_feature(enable = "avx2,fma")]
        unsafe fn avx2<const EXCLUSIVE: bool>(block: &Block) {
            // SAFETY: as for this function.
            unsafe { $body::run::<$t, x86::Avx2, $parts, EXCLUSIVE>(block) }
        }
        #[cfg(target_arch = "x86_64")]
        #[target_feature(enable = "avx2,fma,avx512f,avx512vl")]
        unsafe fn avx512<const EXCLUSIVE: bool>(block: &Block) {
            // SAFETY: as for this function.
            unsafe { $body::run::<$t, x86::Avx512, $parts, EXCLUSIVE>(block) }
        }
        const SCALAR: &Kernel = &Compensated::<Sum, $t>::KERNEL;
        const fn with(along: [Run; 2]) -> Kernel {
            Kernel {
                along,
                grid: doubles::BLOCK,
                columns: Some(SCALAR),
                ..Compensated::<Sum, $t>::KERNEL
            }
        }
        Some(match $isa {
            #[cfg(target_arch = "x86_64")]
            Isa::Avx512 => const { &with([avx512::<false>, avx512::<true>]) },
            #[cfg(target_arch = "x86_64")]
            Isa::Avx2 => const { &with([avx2::<false>, avx2::<true>]) },
            _ => const { &with([portable::<false>, portable::<true>]) },
        })
    }};
}

/// The kernels of compensated mode that are grouped by blocks.
pub fn kernel(isa: Isa, op: Op, dtype: DType) -> Option<&'static Kernel> {
    match (op, dtype) {
        (Op::Sum, DType::F64) => sums!(doubles, f64, 1, isa),
        (Op::Sum, DType::C128) => sums!(doubles, Complex<f64>, 2, isa),
        (Op::Sum, DType::F32) => sums!(floats, f32, 1, isa),
        (Op::Sum, DType::C64) => sums!(floats, Complex<f32>, 2, isa),
        (Op::Sum, DType::F16) => sums!(floats, F16, 1, isa),
        (Op::Sum, DType::Bf16) => sums!(floats, Bf16, 1, isa),
        _ => None,
    }
}
