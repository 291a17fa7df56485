//! The kernels of x86-64: which operation on which type is scanned on which lanes.

use super::bytes::ByteSums;
use super::scan::{Exact, Grouped, Scan, Spec};
use super::words::WordSums;
use super::{CHUNK, Checked, Family, Kernel, Plain, Run, WINDOW};
use crate::accumulate::Saturating;
use crate::dtype::DType;
use crate::elem::{Bf16, Bool, Complex, Elem, F16};
use crate::kernels::{Block, Mode, Splits, family};
use crate::op::{CappedSum, Max, Min, Op, Prod, Sum};
use crate::simd::Isa;
use crate::simd::registers::{Registers, Task};
use crate::simd::x86::{Avx2, Avx512, Sse2};
use std::marker::PhantomData;

/// The kernels of the family `F` with exact scans along, a window being `U` registers and a group `G`.
struct ExactOf<S, F, const U: usize, const G: usize>(PhantomData<(S, F)>);

impl<S: Spec, F: Family + 'static, const U: usize, const G: usize> Family for ExactOf<S, F, U, G>
where
    S::O: Worth,
{
    const KERNEL: Kernel = Kernel {
        along: exact_scan::<S, U, G>(),
        splits: Splits::Totals,
        backward: backward::<S, Exact<S, U, G, true>>(),
        ..F::KERNEL
    };
}

/// An operation, and whether what it takes is worth its code.
trait Worth {
    /// Scans that run backward.
    const BACKWARD: bool;
    /// Bytes of integers and of floats from which on two chains side by side are faster than one.
    const TWO_CHAINS: [usize; 2];
}

impl Worth for Sum {
    const BACKWARD: bool = true;
    const TWO_CHAINS: [usize; 2] = [usize::MAX; 2];
}
impl Worth for Max {
    const BACKWARD: bool = true;
    const TWO_CHAINS: [usize; 2] = [usize::MAX, 8];
}
impl Worth for Min {
    const BACKWARD: bool = true;
    const TWO_CHAINS: [usize; 2] = [usize::MAX, 8];
}
impl Worth for Prod {
    const BACKWARD: bool = false;
    const TWO_CHAINS: [usize; 2] = [4, usize::MAX];
}

/// The scan `K` of rows that run backward, for the operations and types that are worth its code.
const fn backward<S: Spec, K: Task<Block>>() -> Option<Run>
where
    S::O: Worth,
{
    let worth = <S::O as Worth>::BACKWARD;
    let same = size_of::<S::X>() == size_of::<S::T>() && size_of::<S::T>() == size_of::<S::M>();
    if worth
        && same
        && size_of::<S::T>() >= 4
        && size_of::<S::T>() <= 8
        && <S::R as Registers>::BYTES == 32
    {
        Some(<S::R as Registers>::enter::<_, K>)
    } else {
        None
    }
}

impl Worth for CappedSum {
    const BACKWARD: bool = false;
    const TWO_CHAINS: [usize; 2] = [usize::MAX; 2];
}

/// The exact scan.
const fn exact_scan<S: Spec, const U: usize, const G: usize>() -> Run {
    <S::R as Registers>::enter::<_, Exact<S, U, G, false>>
}

/// The kernels of the family `F` with grouped scans along, a window being `U` registers and a group `G`.
struct GroupedOf<S, F, const U: usize, const G: usize>(PhantomData<(S, F)>);

impl<S: Spec, F: Family + 'static, const U: usize, const G: usize> Family for GroupedOf<S, F, U, G>
where
    S::O: Worth,
{
    const KERNEL: Kernel = Kernel {
        along: grouped_scan::<S, U, G>(),
        backward: backward::<S, Grouped<S, U, G, true>>(),
        grid: CHUNK,
        splits: Splits::Totals,
        ..F::KERNEL
    };
}

/// The grouped scan.
const fn grouped_scan<S: Spec, const U: usize, const G: usize>() -> Run {
    <S::R as Registers>::enter::<_, Grouped<S, U, G, false>>
}

/// Registers of a group: as many as there is room for beside those that a loop keeps.
const fn group<R: Registers>() -> usize {
    if R::BYTES == 32 && !R::MASKS { 4 } else { 8 }
}

/// Registers of a window of an exact scan.
const fn chains<O: Worth, T: Elem>() -> usize {
    let [integers, floats] = O::TWO_CHAINS;
    let from = if T::NAN.is_some() { floats } else { integers };
    if size_of::<T>() >= from { 2 } else { 1 }
}

/// Registers of a window of a grouped scan.
const fn window<R: Registers, T>() -> usize {
    let bytes = WINDOW * size_of::<T>();
    if bytes > R::BYTES {
        bytes / R::BYTES
    } else {
        1
    }
}

/// Integers of type `$t` on lanes of `$lane`, which has the same bits.
macro_rules! integer {
    ($r:ident, $o:ident, $t:ty, $lane:ty) => {
        family!(
            ExactOf<
                Scan<$r, $o, $lane, $lane, $lane>,
                Checked<Plain<$o, $t>>,
                { chains::<$o, $lane>() },
                { group::<$r>() },
            >
        )
    };
}

/// Other types that have exact scans, in lanes of `$lane`.
macro_rules! exact {
    ($r:ident, $o:ident, $t:ty, $lane:ty) => {
        family!(
            ExactOf<
                Scan<$r, $o, $t, $lane, $t>,
                Plain<$o, $t>,
                { chains::<$o, $lane>() },
                { group::<$r>() },
            >
        )
    };
}

/// Reassociated floats.
macro_rules! grouped {
    ($r:ident, $o:ident, $t:ty) => {
        family!(
            GroupedOf<
                Scan<$r, $o, $t, $t, $t>,
                Plain<$o, $t>,
                { window::<$r, $t>() },
                { group::<$r>() },
            >
        )
    };
}

/// Sums of integers, for which every instruction set has its own; `$more` for the rest.
macro_rules! sums {
    ($r:ident, $request:expr, else $more:expr) => {{
        let (op, dtype) = $request;
        match (op, dtype) {
            (Op::Sum, DType::I8) => integer!($r, Sum, i8, u8),
            (Op::Sum, DType::I16) => integer!($r, Sum, i16, u16),
            (Op::Sum, DType::I32) => integer!($r, Sum, i32, u32),
            (Op::Sum, DType::I64) => integer!($r, Sum, i64, u64),
            (Op::Sum, DType::U8) => integer!($r, Sum, u8, u8),
            (Op::Sum, DType::U16) => integer!($r, Sum, u16, u16),
            (Op::Sum, DType::U32) => integer!($r, Sum, u32, u32),
            (Op::Sum, DType::U64) => integer!($r, Sum, u64, u64),
            _ => $more,
        }
    }};
}

/// What AVX2 and AVX-512 have each for itself: by AVX-512, which has twice the registers, it takes 5 to 25 % less on an
/// Emerald Rapids, and 64-bit maxima and minima are one instruction for two.
macro_rules! of_32_bytes {
    ($r:ident, $request:expr, $mode:expr) => {{
        let regrouped = $mode == Mode::Reassociate;
        match $request {
            (Op::Max, DType::I8) => integer!($r, Max, i8, i8),
            (Op::Max, DType::I16) => integer!($r, Max, i16, i16),
            (Op::Max, DType::I32) => integer!($r, Max, i32, i32),
            (Op::Max, DType::I64) => integer!($r, Max, i64, i64),
            (Op::Max, DType::U8) => integer!($r, Max, u8, u8),
            (Op::Max, DType::U16) => integer!($r, Max, u16, u16),
            (Op::Max, DType::U32) => integer!($r, Max, u32, u32),
            (Op::Max, DType::U64) => integer!($r, Max, u64, u64),
            (Op::Min, DType::I8) => integer!($r, Min, i8, i8),
            (Op::Min, DType::I16) => integer!($r, Min, i16, i16),
            (Op::Min, DType::I32) => integer!($r, Min, i32, i32),
            (Op::Min, DType::I64) => integer!($r, Min, i64, i64),
            (Op::Min, DType::U8) => integer!($r, Min, u8, u8),
            (Op::Min, DType::U16) => integer!($r, Min, u16, u16),
            (Op::Min, DType::U32) => integer!($r, Min, u32, u32),
            (Op::Min, DType::U64) => integer!($r, Min, u64, u64),
            (Op::Prod, DType::I8) => integer!($r, Prod, i8, u8),
            (Op::Prod, DType::I16) => integer!($r, Prod, i16, u16),
            (Op::Prod, DType::I32) => integer!($r, Prod, i32, u32),
            (Op::Prod, DType::U8) => integer!($r, Prod, u8, u8),
            (Op::Prod, DType::U16) => integer!($r, Prod, u16, u16),
            (Op::Prod, DType::U32) => integer!($r, Prod, u32, u32),
            (Op::Sum, DType::F32) if regrouped => grouped!($r, Sum, f32),
            (Op::Sum, DType::F64) if regrouped => grouped!($r, Sum, f64),
            (Op::Sum, DType::C64) if regrouped => grouped!($r, Sum, Complex<f32>),
            (Op::Sum, DType::C128) if regrouped => grouped!($r, Sum, Complex<f64>),
            (Op::Prod, DType::F32) if regrouped => grouped!($r, Prod, f32),
            (Op::Prod, DType::F64) if regrouped => grouped!($r, Prod, f64),
            (Op::Prod, DType::C64) if regrouped => grouped!($r, Prod, Complex<f32>),
            (Op::Prod, DType::C128) if regrouped => grouped!($r, Prod, Complex<f64>),
            _ => None,
        }
    }};
}

/// Products of 64 bits. AVX2 has no such instruction, and by three others it takes longer than a plain loop
/// (0.92 ns an element on a recent Intel server, against 0.75).
fn products_of_64_bits(op: Op, dtype: DType) -> Option<&'static Kernel> {
    match (op, dtype) {
        (Op::Prod, DType::I64) => integer!(Avx512, Prod, i64, u64),
        (Op::Prod, DType::U64) => integer!(Avx512, Prod, u64, u64),
        _ => None,
    }
}

/// What both do by AVX2. Maxima of floats take 8 % less by AVX-512 in long lines, and 25 % more in rows of 100.
fn alike(op: Op, dtype: DType) -> Option<&'static Kernel> {
    match (op, dtype) {
        (Op::Sum, DType::Bool) => exact!(Avx2, Sum, Bool, Bool),
        (Op::Prod, DType::Bool) => exact!(Avx2, Prod, Bool, Bool),
        (Op::Max, DType::Bool) => exact!(Avx2, Max, Bool, Bool),
        (Op::Min, DType::Bool) => exact!(Avx2, Min, Bool, Bool),
        (Op::Max, DType::F16) => exact!(Avx2, Max, F16, f32),
        (Op::Min, DType::F16) => exact!(Avx2, Min, F16, f32),
        (Op::Max, DType::Bf16) => exact!(Avx2, Max, Bf16, f32),
        (Op::Min, DType::Bf16) => exact!(Avx2, Min, Bf16, f32),
        (Op::Max, DType::F32) => exact!(Avx2, Max, f32, f32),
        (Op::Min, DType::F32) => exact!(Avx2, Min, f32, f32),
        (Op::Max, DType::F64) => exact!(Avx2, Max, f64, f64),
        (Op::Min, DType::F64) => exact!(Avx2, Min, f64, f64),
        _ => None,
    }
}

/// The kernels for an instruction set, where there are some.
pub fn kernel(isa: Isa, op: Op, dtype: DType, mode: Mode) -> Option<&'static Kernel> {
    let request = (op, dtype);
    match isa {
        Isa::Avx512 => sums!(Avx512, request, else {
            let own = of_32_bytes!(Avx512, request, mode);
            own.or_else(|| products_of_64_bits(op, dtype)).or_else(|| alike(op, dtype))
        }),
        Isa::Avx2 => sums!(Avx2, request, else {
            of_32_bytes!(Avx2, request, mode).or_else(|| alike(op, dtype))
        }),
        // The rest would gain little from two lanes of 64 bits, or four of 32.
        Isa::Sse2 => sums!(Sse2, request, else None),
        Isa::Neon | Isa::Scalar => None,
    }
}

/// The kernels of integers that stop at an end of their range, where there are some: sums of unsigned ones of up to 32
/// bits.
pub fn saturating(isa: Isa, op: Op, dtype: DType) -> Option<&'static Kernel> {
    macro_rules! capped {
        ($t:ty) => {
            family!(
                ExactOf<
                    Scan<Avx2, CappedSum, $t, $t, $t>,
                    Saturating<Sum, $t>,
                    { chains::<CappedSum, $t>() },
                    { group::<Avx2>() },
                >
            )
        };
    }
    match (op, dtype) {
        _ if !matches!(isa, Isa::Avx512 | Isa::Avx2) => None,
        (Op::Sum, DType::U8) => capped!(u8),
        (Op::Sum, DType::U16) => capped!(u16),
        (Op::Sum, DType::U32) => capped!(u32),
        _ => None,
    }
}

/// Sums of smaller integers in 64 bits.
fn widened_sums(isa: Isa, x: DType) -> Option<Run> {
    const G: usize = group::<Avx2>();
    match x {
        DType::I8 => Some(Avx2::enter::<_, ByteSums<i8>>),
        DType::U8 => Some(Avx2::enter::<_, ByteSums<u8>>),
        DType::Bool => Some(Avx2::enter::<_, ByteSums<Bool>>),
        DType::I16 => Some(exact_scan::<Scan<Avx2, Sum, i16, u64, u64>, 1, G>()),
        DType::U16 => Some(exact_scan::<Scan<Avx2, Sum, u16, u64, u64>, 1, G>()),
        DType::I32 if isa == Isa::Avx512 => Some(Avx512::enter::<_, WordSums<i32>>),
        DType::U32 if isa == Isa::Avx512 => Some(Avx512::enter::<_, WordSums<u32>>),
        DType::I32 => Some(exact_scan::<Scan<Avx2, Sum, i32, u64, u64>, 1, G>()),
        DType::U32 => Some(exact_scan::<Scan<Avx2, Sum, u32, u64, u64>, 1, G>()),
        _ => None,
    }
}

/// Reassociated scans of smaller floats in 64 bits.
macro_rules! widened_floats {
    ($r:ident, $op:expr, $x:expr) => {{
        const G: usize = group::<$r>();
        match ($op, $x) {
            (Op::Sum, DType::F16) => Some(grouped_scan::<Scan<$r, Sum, F16, f64, f64>, 2, G>()),
            (Op::Sum, DType::Bf16) => Some(grouped_scan::<Scan<$r, Sum, Bf16, f64, f64>, 2, G>()),
            (Op::Sum, DType::F32) => Some(grouped_scan::<Scan<$r, Sum, f32, f64, f64>, 2, G>()),
            (Op::Prod, DType::F32) => Some(grouped_scan::<Scan<$r, Prod, f32, f64, f64>, 2, G>()),
            (Op::Prod, DType::F16) => Some(grouped_scan::<Scan<$r, Prod, F16, f64, f64>, 2, G>()),
            (Op::Prod, DType::Bf16) => Some(grouped_scan::<Scan<$r, Prod, Bf16, f64, f64>, 2, G>()),
            _ => None,
        }
    }};
}

/// The scans for an instruction set that convert as they read, where there are some.
pub fn widening(isa: Isa, op: Op, dtypes: [DType; 2], mode: Mode) -> Option<Run> {
    let [x, dtype] = dtypes;
    match (isa, op, dtype) {
        (Isa::Avx512 | Isa::Avx2, Op::Sum, DType::I64 | DType::U64) => widened_sums(isa, x),
        (Isa::Avx512, _, DType::F64) if mode == Mode::Reassociate => {
            widened_floats!(Avx512, op, x)
        }
        (Isa::Avx2, _, DType::F64) if mode == Mode::Reassociate => widened_floats!(Avx2, op, x),
        _ => None,
    }
}
