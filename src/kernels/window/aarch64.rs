//! The kernels of AArch64: which operation on which type is scanned on which lanes.
//!
//! What is left out has no instruction (64-bit products). Rows that run backward go by way of tiles.

use super::scan::{Exact, Grouped, Scan, Spec};
use super::{CHUNK, Checked, Family, Kernel, Plain, Run, WINDOW};
use crate::dtype::DType;
use crate::elem::{Bf16, Bool, Complex, F16};
use crate::kernels::{Mode, Splits, family};
use crate::op::{Max, Min, Op, Prod, Sum};
use crate::simd::Isa;
use crate::simd::neon::Neon;
use crate::simd::registers::Registers;
use std::marker::PhantomData;

/// Registers of a group, which are pairs: four of elements and four of the elements one place before
/// take half of the 32 there are.
const GROUP: usize = 4;

/// The kernels of the family `F` with exact scans along.
struct ExactOf<S, F>(PhantomData<(S, F)>);

impl<S: Spec, F: Family + 'static> Family for ExactOf<S, F> {
    const KERNEL: Kernel = Kernel {
        along: exact_scan::<S>(),
        splits: Splits::Totals,
        ..F::KERNEL
    };
}

/// The exact scan.
const fn exact_scan<S: Spec>() -> Run {
    <S::R as Registers>::enter::<_, Exact<S, 1, GROUP, false>>
}

/// The kernels of the family `F` with grouped scans along, a window being `U` registers.
struct GroupedOf<S, F, const U: usize>(PhantomData<(S, F)>);

impl<S: Spec, F: Family + 'static, const U: usize> Family for GroupedOf<S, F, U> {
    const KERNEL: Kernel = Kernel {
        along: grouped_scan::<S, U>(),
        grid: CHUNK,
        splits: Splits::Totals,
        ..F::KERNEL
    };
}

/// The grouped scan.
const fn grouped_scan<S: Spec, const U: usize>() -> Run {
    <S::R as Registers>::enter::<_, Grouped<S, U, GROUP, false>>
}

/// Registers of a window of `T`.
const fn window<T>() -> usize {
    WINDOW * size_of::<T>() / Neon::BYTES
}

/// Integers of type `$t` on lanes of `$lane`, which has the same bits.
macro_rules! integer {
    ($o:ident, $t:ty, $lane:ty) => {
        family!(ExactOf<Scan<Neon, $o, $lane, $lane, $lane>, Checked<Plain<$o, $t>>>)
    };
}

/// Other types that have exact scans, in lanes of `$lane`.
macro_rules! exact {
    ($o:ident, $t:ty, $lane:ty) => {
        family!(ExactOf<Scan<Neon, $o, $t, $lane, $t>, Plain<$o, $t>>)
    };
}

/// Reassociated floats.
macro_rules! grouped {
    ($o:ident, $t:ty) => {
        family!(GroupedOf<Scan<Neon, $o, $t, $t, $t>, Plain<$o, $t>, { window::<$t>() }>)
    };
}

/// The kernels for an instruction set, where there are some.
pub fn kernel(isa: Isa, op: Op, dtype: DType, mode: Mode) -> Option<&'static Kernel> {
    if isa != Isa::Neon {
        return None;
    }
    match (op, dtype) {
        (Op::Sum, DType::I8) => integer!(Sum, i8, u8),
        (Op::Sum, DType::I16) => integer!(Sum, i16, u16),
        (Op::Sum, DType::I32) => integer!(Sum, i32, u32),
        (Op::Sum, DType::I64) => integer!(Sum, i64, u64),
        (Op::Sum, DType::U8) => integer!(Sum, u8, u8),
        (Op::Sum, DType::U16) => integer!(Sum, u16, u16),
        (Op::Sum, DType::U32) => integer!(Sum, u32, u32),
        (Op::Sum, DType::U64) => integer!(Sum, u64, u64),
        (Op::Prod, DType::I8) => integer!(Prod, i8, u8),
        (Op::Prod, DType::I16) => integer!(Prod, i16, u16),
        (Op::Prod, DType::I32) => integer!(Prod, i32, u32),
        (Op::Prod, DType::U8) => integer!(Prod, u8, u8),
        (Op::Prod, DType::U16) => integer!(Prod, u16, u16),
        (Op::Prod, DType::U32) => integer!(Prod, u32, u32),
        (Op::Max, DType::I8) => integer!(Max, i8, i8),
        (Op::Max, DType::I16) => integer!(Max, i16, i16),
        (Op::Max, DType::I32) => integer!(Max, i32, i32),
        (Op::Max, DType::I64) => integer!(Max, i64, i64),
        (Op::Max, DType::U8) => integer!(Max, u8, u8),
        (Op::Max, DType::U16) => integer!(Max, u16, u16),
        (Op::Max, DType::U32) => integer!(Max, u32, u32),
        (Op::Max, DType::U64) => integer!(Max, u64, u64),
        (Op::Min, DType::I8) => integer!(Min, i8, i8),
        (Op::Min, DType::I16) => integer!(Min, i16, i16),
        (Op::Min, DType::I32) => integer!(Min, i32, i32),
        (Op::Min, DType::I64) => integer!(Min, i64, i64),
        (Op::Min, DType::U8) => integer!(Min, u8, u8),
        (Op::Min, DType::U16) => integer!(Min, u16, u16),
        (Op::Min, DType::U32) => integer!(Min, u32, u32),
        (Op::Min, DType::U64) => integer!(Min, u64, u64),
        (Op::Sum, DType::Bool) => exact!(Sum, Bool, Bool),
        (Op::Prod, DType::Bool) => exact!(Prod, Bool, Bool),
        (Op::Max, DType::Bool) => exact!(Max, Bool, Bool),
        (Op::Min, DType::Bool) => exact!(Min, Bool, Bool),
        (Op::Max, DType::F16) => exact!(Max, F16, f32),
        (Op::Max, DType::Bf16) => exact!(Max, Bf16, f32),
        (Op::Max, DType::F32) => exact!(Max, f32, f32),
        (Op::Max, DType::F64) => exact!(Max, f64, f64),
        (Op::Min, DType::F16) => exact!(Min, F16, f32),
        (Op::Min, DType::Bf16) => exact!(Min, Bf16, f32),
        (Op::Min, DType::F32) => exact!(Min, f32, f32),
        (Op::Min, DType::F64) => exact!(Min, f64, f64),
        (Op::Sum, DType::F32) if mode == Mode::Reassociate => grouped!(Sum, f32),
        (Op::Sum, DType::F64) if mode == Mode::Reassociate => grouped!(Sum, f64),
        (Op::Sum, DType::C64) if mode == Mode::Reassociate => grouped!(Sum, Complex<f32>),
        (Op::Sum, DType::C128) if mode == Mode::Reassociate => grouped!(Sum, Complex<f64>),
        (Op::Prod, DType::F32) if mode == Mode::Reassociate => grouped!(Prod, f32),
        (Op::Prod, DType::F64) if mode == Mode::Reassociate => grouped!(Prod, f64),
        (Op::Prod, DType::C64) if mode == Mode::Reassociate => grouped!(Prod, Complex<f32>),
        (Op::Prod, DType::C128) if mode == Mode::Reassociate => grouped!(Prod, Complex<f64>),
        _ => None,
    }
}

macro_rules! widen_floats {
    ($o:ident, $x:expr) => {
        match $x {
            DType::F16 => Some(grouped_scan::<Scan<Neon, $o, F16, f64, f64>, 2>()),
            DType::Bf16 => Some(grouped_scan::<Scan<Neon, $o, Bf16, f64, f64>, 2>()),
            DType::F32 => Some(grouped_scan::<Scan<Neon, $o, f32, f64, f64>, 2>()),
            _ => None,
        }
    };
}

/// The scans for an instruction set that convert as they read, where there are some.
pub fn widening(isa: Isa, op: Op, dtypes: [DType; 2], mode: Mode) -> Option<Run> {
    let (regrouped, [x, dtype]) = (mode == Mode::Reassociate, dtypes);
    if isa != Isa::Neon {
        return None;
    }
    match (op, dtype) {
        (Op::Sum, DType::I64 | DType::U64) => match x {
            DType::I8 => Some(exact_scan::<Scan<Neon, Sum, i8, u64, u64>>()),
            DType::U8 => Some(exact_scan::<Scan<Neon, Sum, u8, u64, u64>>()),
            DType::I16 => Some(exact_scan::<Scan<Neon, Sum, i16, u64, u64>>()),
            DType::U16 => Some(exact_scan::<Scan<Neon, Sum, u16, u64, u64>>()),
            DType::I32 => Some(exact_scan::<Scan<Neon, Sum, i32, u64, u64>>()),
            DType::U32 => Some(exact_scan::<Scan<Neon, Sum, u32, u64, u64>>()),
            DType::Bool => Some(exact_scan::<Scan<Neon, Sum, Bool, u64, u64>>()),
            _ => None,
        },
        (Op::Sum, DType::F64) if regrouped => widen_floats!(Sum, x),
        (Op::Prod, DType::F64) if regrouped => widen_floats!(Prod, x),
        _ => None,
    }
}
