//! The kernels of x86-64: which operation on which type is scanned on which lanes.

use super::scan::{Exact, Grouped, Scan, Spec};
use super::{CHUNK, Checked, Errorless, Family, Kernel, Plain};
use crate::dtype::DType;
use crate::elem::{Bf16, Bool, Complex, F16};
use crate::kernels::{Mode, family};
use crate::op::{Max, Min, Op, Prod, Sum};
use crate::simd::Isa;
use crate::simd::registers::Registers;
use crate::simd::x86::{Avx2, Avx512, Sse2};
use std::marker::PhantomData;

/// The kernels of the family `F` with exact scans along.
struct ExactOf<S, F>(PhantomData<(S, F)>);

impl<S: Spec, F: Family> Family for ExactOf<S, F>
where
    F: 'static,
{
    const KERNEL: Kernel = Kernel {
        along: [
            <S::R as Registers>::enter::<_, Exact<S, false>>,
            <S::R as Registers>::enter::<_, Exact<S, true>>,
        ],
        ..F::KERNEL
    };
}

/// The kernels of the family `F` with grouped scans along.
struct GroupedOf<S, F, const U: usize, const G: usize>(PhantomData<(S, F)>);

impl<S: Spec, F: Family, const U: usize, const G: usize> Family for GroupedOf<S, F, U, G> {
    const KERNEL: Kernel = Kernel {
        along: [
            <S::R as Registers>::enter::<_, Grouped<S, U, G, false>>,
            <S::R as Registers>::enter::<_, Grouped<S, U, G, true>>,
        ],
        grid: CHUNK,
        splits: true,
        ..F::KERNEL
    };
}

/// Integers of type `$t` on lanes of `$lane`, which has the same bits.
macro_rules! integer {
    ($r:ident, $o:ident, $t:ty, $lane:ty, $compensated:expr) => {
        if $compensated {
            family!(ExactOf<Scan<$r, $o, $lane, $lane, $lane>, Checked<Errorless<Plain<$o, $t>>>>)
        } else {
            family!(ExactOf<Scan<$r, $o, $lane, $lane, $lane>, Checked<Plain<$o, $t>>>)
        }
    };
}

/// Other types that have exact scans, in lanes of `$lane`.
macro_rules! exact {
    ($r:ident, $o:ident, $t:ty, $lane:ty, $compensated:expr) => {
        if $compensated {
            family!(ExactOf<Scan<$r, $o, $t, $lane, $t>, Errorless<Plain<$o, $t>>>)
        } else {
            family!(ExactOf<Scan<$r, $o, $t, $lane, $t>, Plain<$o, $t>>)
        }
    };
}

/// Reassociated floats, with a window of `$u` registers and groups of `$g`.
macro_rules! grouped {
    ($r:ident, $o:ident, $t:ty, $u:literal, $g:literal) => {
        family!(GroupedOf<Scan<$r, $o, $t, $t, $t>, Plain<$o, $t>, $u, $g>)
    };
}

/// What every instruction set has; `$more` for the rest.
macro_rules! table {
    ($r:ident, $request:expr, else $more:expr) => {{
        let (op, dtype, mode) = $request;
        let compensated = mode == Mode::Compensated;
        match (op, dtype) {
            (Op::Sum, DType::I8) => integer!($r, Sum, i8, u8, compensated),
            (Op::Sum, DType::I16) => integer!($r, Sum, i16, u16, compensated),
            (Op::Sum, DType::I32) => integer!($r, Sum, i32, u32, compensated),
            (Op::Sum, DType::I64) => integer!($r, Sum, i64, u64, compensated),
            (Op::Sum, DType::U8) => integer!($r, Sum, u8, u8, compensated),
            (Op::Sum, DType::U16) => integer!($r, Sum, u16, u16, compensated),
            (Op::Sum, DType::U32) => integer!($r, Sum, u32, u32, compensated),
            (Op::Sum, DType::U64) => integer!($r, Sum, u64, u64, compensated),
            (Op::Prod, DType::I16) => integer!($r, Prod, i16, u16, compensated),
            (Op::Prod, DType::U16) => integer!($r, Prod, u16, u16, compensated),
            (Op::Sum, DType::Bool) => exact!($r, Sum, Bool, Bool, compensated),
            (Op::Prod, DType::Bool) => exact!($r, Prod, Bool, Bool, compensated),
            (Op::Max, DType::Bool) => exact!($r, Max, Bool, Bool, compensated),
            (Op::Min, DType::Bool) => exact!($r, Min, Bool, Bool, compensated),
            (Op::Max, DType::I8) => integer!($r, Max, i8, i8, compensated),
            (Op::Min, DType::I8) => integer!($r, Min, i8, i8, compensated),
            (Op::Max, DType::U8) => integer!($r, Max, u8, u8, compensated),
            (Op::Min, DType::U8) => integer!($r, Min, u8, u8, compensated),
            (Op::Max, DType::I16) => integer!($r, Max, i16, i16, compensated),
            (Op::Min, DType::I16) => integer!($r, Min, i16, i16, compensated),
            (Op::Max, DType::U16) => integer!($r, Max, u16, u16, compensated),
            (Op::Min, DType::U16) => integer!($r, Min, u16, u16, compensated),
            (Op::Max, DType::I32) => integer!($r, Max, i32, i32, compensated),
            (Op::Min, DType::I32) => integer!($r, Min, i32, i32, compensated),
            (Op::Max, DType::U32) => integer!($r, Max, u32, u32, compensated),
            (Op::Min, DType::U32) => integer!($r, Min, u32, u32, compensated),
            (Op::Max, DType::F32) => exact!($r, Max, f32, f32, compensated),
            (Op::Min, DType::F32) => exact!($r, Min, f32, f32, compensated),
            (Op::Max, DType::F64) => exact!($r, Max, f64, f64, compensated),
            (Op::Min, DType::F64) => exact!($r, Min, f64, f64, compensated),
            _ => $more,
        }
    }};
}

/// What AVX2 and AVX-512 have beyond that.
macro_rules! wide_table {
    ($r:ident, $request:expr) => {{
        let (op, dtype, mode) = $request;
        let compensated = mode == Mode::Compensated;
        match (op, dtype) {
            (Op::Prod, DType::I8) => integer!($r, Prod, i8, u8, compensated),
            (Op::Prod, DType::U8) => integer!($r, Prod, u8, u8, compensated),
            (Op::Prod, DType::I32) => integer!($r, Prod, i32, u32, compensated),
            (Op::Prod, DType::U32) => integer!($r, Prod, u32, u32, compensated),
            (Op::Prod, DType::I64) => integer!($r, Prod, i64, u64, compensated),
            (Op::Prod, DType::U64) => integer!($r, Prod, u64, u64, compensated),
            (Op::Max, DType::I64) => integer!($r, Max, i64, i64, compensated),
            (Op::Min, DType::I64) => integer!($r, Min, i64, i64, compensated),
            (Op::Max, DType::U64) => integer!($r, Max, u64, u64, compensated),
            (Op::Min, DType::U64) => integer!($r, Min, u64, u64, compensated),
            (Op::Max, DType::F16) => exact!($r, Max, F16, f32, compensated),
            (Op::Min, DType::F16) => exact!($r, Min, F16, f32, compensated),
            (Op::Max, DType::Bf16) => exact!($r, Max, Bf16, f32, compensated),
            (Op::Min, DType::Bf16) => exact!($r, Min, Bf16, f32, compensated),
            (Op::Sum, DType::F32) if mode == Mode::Reassociate => grouped!($r, Sum, f32, 1, 4),
            (Op::Prod, DType::F32) if mode == Mode::Reassociate => grouped!($r, Prod, f32, 1, 4),
            (Op::Sum, DType::F64) if mode == Mode::Reassociate => grouped!($r, Sum, f64, 2, 4),
            (Op::Prod, DType::F64) if mode == Mode::Reassociate => grouped!($r, Prod, f64, 2, 4),
            (Op::Sum, DType::C64) if mode == Mode::Reassociate => {
                grouped!($r, Sum, Complex<f32>, 2, 4)
            }
            (Op::Prod, DType::C64) if mode == Mode::Reassociate => {
                grouped!($r, Prod, Complex<f32>, 2, 4)
            }
            (Op::Sum, DType::C128) if mode == Mode::Reassociate => {
                grouped!($r, Sum, Complex<f64>, 4, 4)
            }
            (Op::Prod, DType::C128) if mode == Mode::Reassociate => {
                grouped!($r, Prod, Complex<f64>, 4, 4)
            }
            _ => None,
        }
    }};
}

/// Reassociated floats on SSE2, where registers are half as wide.
fn narrow_grouped(op: Op, dtype: DType, mode: Mode) -> Option<&'static Kernel> {
    if mode != Mode::Reassociate {
        return None;
    }
    match (op, dtype) {
        (Op::Sum, DType::F32) => grouped!(Sse2, Sum, f32, 2, 4),
        (Op::Prod, DType::F32) => grouped!(Sse2, Prod, f32, 2, 4),
        (Op::Sum, DType::F64) => grouped!(Sse2, Sum, f64, 4, 4),
        (Op::Prod, DType::F64) => grouped!(Sse2, Prod, f64, 4, 4),
        (Op::Sum, DType::C64) => grouped!(Sse2, Sum, Complex<f32>, 4, 4),
        (Op::Prod, DType::C64) => grouped!(Sse2, Prod, Complex<f32>, 4, 4),
        (Op::Sum, DType::C128) => grouped!(Sse2, Sum, Complex<f64>, 8, 8),
        (Op::Prod, DType::C128) => grouped!(Sse2, Prod, Complex<f64>, 8, 8),
        _ => None,
    }
}

/// The kernels for an instruction set, where there are some.
pub fn kernel(isa: Isa, op: Op, dtype: DType, mode: Mode) -> Option<&'static Kernel> {
    let request = (op, dtype, mode);
    match isa {
        Isa::Avx512 => table!(Avx512, request, else wide_table!(Avx512, request)),
        Isa::Avx2 => table!(Avx2, request, else wide_table!(Avx2, request)),
        Isa::Sse2 => table!(Sse2, request, else narrow_grouped(op, dtype, mode)),
        Isa::Neon | Isa::Scalar => None,
    }
}
