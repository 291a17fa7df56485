//! The kernels for many lines by 256-bit registers: which operations, types and modes have them.

use super::{Checked, Errorless, Family, Kernel, Mode, Overflow, Plain, Run};
use super::{along, columns, rows};
use crate::dtype::{DType, Kind};
use crate::elem::{Complex, with_integer, with_real};
use crate::op::{Max, Min, Op, Prod, Sum};
use crate::simd::Isa;
use crate::simd::avx2::Lanewise;
use crate::tile;

/// Scans rows in groups, and those that are left over one by one.
///
/// # Safety
/// As [`Run`]; the processor has AVX2 and F16C.
unsafe fn grouped<A: Lanewise, const EXCLUSIVE: bool>(block: &super::Block) {
    // SAFETY: this function's.
    unsafe { rows::run::<A, EXCLUSIVE>(block, along::run::<A, EXCLUSIVE>) }
}

/// As [`super::scrub`].
///
/// # Safety
/// As [`super::scrub`]; the processor has AVX2.
#[target_feature(enable = "avx2")]
unsafe fn scrub<A: Lanewise>(x: *const u8, tile: *mut u8, n: usize) {
    // SAFETY: this function's.
    unsafe { tile::replace_nan::<A::T>(x, tile, n, A::IDENTITY) }
}

/// The kernels of a family whose accumulator is that of `A`.
pub const fn over<A: Lanewise>(family: Kernel) -> Kernel {
    let along: [Run; 2] = if size_of::<A::T>() == 1 {
        family.along
    } else {
        [grouped::<A, false>, grouped::<A, true>]
    };
    Kernel {
        along,
        across: columns::kernels::<A>(),
        scrub: scrub::<A>,
        ..family
    }
}

macro_rules! lanes {
    ($a:ty, $family:ty) => {
        Some(const { &over::<$a>(<$family as Family>::KERNEL) })
    };
}

/// An operation on every real type that has kernels here in this mode.
macro_rules! real {
    ($o:ident, $dtype:expr, $compensated:expr) => {
        match ($dtype.kind() == Kind::Integer, $compensated) {
            (true, false) => with_integer!($dtype,
                T => lanes!(Plain<$o, T>, Checked<Plain<$o, T>>), else None),
            (true, true) => with_integer!($dtype,
                T => lanes!(Plain<$o, T>, Checked<Errorless<Plain<$o, T>>>), else None),
            (false, false) => with_real!($dtype, T => lanes!(Plain<$o, T>, Plain<$o, T>), else None),
            (false, true) => with_real!($dtype,
                T => lanes!(Plain<$o, T>, Errorless<Plain<$o, T>>), else None),
        }
    };
}

/// The kernels for a request, if there are some for this instruction set.
pub fn kernel(
    isa: Isa,
    op: Op,
    dtype: DType,
    mode: Mode,
    overflow: Overflow,
) -> Option<&'static Kernel> {
    if isa < Isa::Avx2 {
        return None;
    }
    let compensated = mode == Mode::Compensated;
    let rounds = matches!(op, Op::Sum | Op::Prod);
    match (op, dtype.kind()) {
        (_, Kind::Float | Kind::Complex) if rounds && compensated => None,
        (_, Kind::Integer) if rounds && overflow == Overflow::Saturate => None,
        (Op::Sum, Kind::Complex) if dtype == DType::C64 => {
            lanes!(Plain<Sum, Complex<f32>>, Plain<Sum, Complex<f32>>)
        }
        (Op::Sum, Kind::Complex) => lanes!(Plain<Sum, Complex<f64>>, Plain<Sum, Complex<f64>>),
        (Op::Prod, Kind::Complex) if dtype == DType::C64 => {
            lanes!(Plain<Prod, Complex<f32>>, Plain<Prod, Complex<f32>>)
        }
        (Op::Prod, Kind::Complex) => lanes!(Plain<Prod, Complex<f64>>, Plain<Prod, Complex<f64>>),
        (Op::Sum, _) => real!(Sum, dtype, compensated),
        (Op::Prod, _) => real!(Prod, dtype, compensated),
        (Op::Max, Kind::Bool | Kind::Integer | Kind::Float) => real!(Max, dtype, compensated),
        (Op::Min, Kind::Bool | Kind::Integer | Kind::Float) => real!(Min, dtype, compensated),
        (Op::Max | Op::Min | Op::LogSumExp, _) => None,
    }
}
