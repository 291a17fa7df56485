//! The table for AVX2. AVX-512 processors use the same kernels: what they do is bound by moves and
//! shuffles, and registers of 512 bits were no faster on Zen 4.

use super::{Lines, columns, rows};
use crate::accumulate::Plain;
use crate::dtype::{DType, Kind};
use crate::elem::{Bf16, Bool, Complex, F16};
use crate::kernels::{Mode, Overflow, compensated};
use crate::op::{Max, Min, Op, Prod, Sum};
use crate::simd::Isa;
use crate::simd::avx2::{Lanewise, WIDTH};

/// Elements of a row up to which groups of rows beat the sliding windows of the kernels for single
/// lines, whose start costs more.
const WINDOWS: usize = 96;

/// The same of 8 bytes, of which fewer are in a register (2000 rows of 64 i64 on a Zen 3 beside a plain loop: 1.16 in
/// groups).
const WIDE_WINDOWS: usize = 48;

/// Elements of a row of two bytes each up to which prefixes within registers beat those windows (2000 rows of 127 u16 on
/// a Zen 3: 0.54 of a plain loop and 0.66). The exact number was not swept.
const PREFIXES: usize = 512;

/// Elements that do not fill a register.
const fn short_of_a_register<A: Lanewise>() -> usize {
    WIDTH / size_of::<A::T>() - 1
}

/// Kernels for rows of any length.
const fn long<A: Lanewise>() -> Lines {
    Lines {
        across: columns::run::<A>,
        along: Some(rows::run::<A, false>),
        backward: match size_of::<A::T>() {
            2 => 0,
            _ => short_of_a_register::<A>(),
        },
        longest: usize::MAX,
    }
}

/// Kernels for rows of any length that may run backward.
const fn both_ways<A: Lanewise>() -> Lines {
    Lines {
        along: Some(rows::run::<A, true>),
        backward: usize::MAX,
        ..long::<A>()
    }
}

/// Kernels for short rows.
const fn short<A: Lanewise>() -> Lines {
    Lines {
        longest: match size_of::<A::T>() {
            8 => WIDE_WINDOWS,
            _ => WINDOWS,
        },
        ..long::<A>()
    }
}

/// Kernels across, and along rows that are shorter than a register.
const fn brief<A: Lanewise>() -> Lines {
    Lines {
        along: Some(rows::small::<A, false>),
        backward: short_of_a_register::<A>(),
        longest: short_of_a_register::<A>(),
        ..across::<A>()
    }
}

/// Kernels across, and along rows of integers of two bytes. Not for products, which are not worth the code.
const fn prefixed<A: Lanewise>() -> Lines {
    Lines {
        along: Some(rows::small::<A, true>),
        backward: short_of_a_register::<A>(),
        longest: PREFIXES,
        ..across::<A>()
    }
}

/// Kernels across alone.
const fn across<A: Lanewise>() -> Lines {
    Lines {
        along: None,
        ..long::<A>()
    }
}

macro_rules! lines {
    ($rows:ident, $op:ident, $t:ty) => {
        Some(const { &$rows::<Plain<$op, $t>>() })
    };
}

/// The kernels for a request, if there are some for this instruction set.
pub fn lines(
    isa: Isa,
    op: Op,
    dtype: DType,
    mode: Mode,
    overflow: Overflow,
) -> Option<&'static Lines> {
    if isa < Isa::Avx2 {
        return None;
    }
    let rounds = matches!(dtype.kind(), Kind::Float | Kind::Complex);
    match (op, dtype) {
        (Op::Sum | Op::Prod, _) if rounds && mode == Mode::Compensated => {
            compensated::lines(isa, op, dtype)
        }
        (Op::Sum | Op::Prod, _)
            if !rounds && overflow == Overflow::Saturate && dtype != DType::Bool =>
        {
            None
        }

        // What wraps knows no sign.
        (Op::Sum, DType::I8 | DType::U8) => lines!(brief, Sum, u8),
        (Op::Sum, DType::I16 | DType::U16) => lines!(prefixed, Sum, u16),
        (Op::Sum, DType::I32 | DType::U32) => lines!(short, Sum, u32),
        (Op::Sum, DType::I64 | DType::U64) => lines!(short, Sum, u64),
        (Op::Prod, DType::I8 | DType::U8) => lines!(brief, Prod, u8),
        (Op::Prod, DType::I16 | DType::U16) => lines!(brief, Prod, u16),
        (Op::Prod, DType::I32 | DType::U32) => lines!(short, Prod, u32),
        // There are no windows of these products for AVX2.
        (Op::Prod, DType::I64 | DType::U64) if isa == Isa::Avx2 => lines!(long, Prod, u64),
        (Op::Prod, DType::I64 | DType::U64) => lines!(short, Prod, u64),
        (Op::Max, DType::I8) => lines!(brief, Max, i8),
        (Op::Max, DType::I16) => lines!(prefixed, Max, i16),
        (Op::Max, DType::I32) => lines!(short, Max, i32),
        (Op::Max, DType::I64) => lines!(short, Max, i64),
        (Op::Max, DType::U8) => lines!(brief, Max, u8),
        (Op::Max, DType::U16) => lines!(prefixed, Max, u16),
        (Op::Max, DType::U32) => lines!(short, Max, u32),
        (Op::Max, DType::U64) => lines!(short, Max, u64),
        (Op::Min, DType::I8) => lines!(brief, Min, i8),
        (Op::Min, DType::I16) => lines!(prefixed, Min, i16),
        (Op::Min, DType::I32) => lines!(short, Min, i32),
        (Op::Min, DType::I64) => lines!(short, Min, i64),
        (Op::Min, DType::U8) => lines!(brief, Min, u8),
        (Op::Min, DType::U16) => lines!(prefixed, Min, u16),
        (Op::Min, DType::U32) => lines!(short, Min, u32),
        (Op::Min, DType::U64) => lines!(short, Min, u64),
        (Op::Sum | Op::Max, DType::Bool) => lines!(across, Max, Bool),
        (Op::Prod | Op::Min, DType::Bool) => lines!(across, Min, Bool),

        (Op::Max, DType::F32) => lines!(short, Max, f32),
        (Op::Max, DType::F64) => lines!(short, Max, f64),
        (Op::Min, DType::F32) => lines!(short, Min, f32),
        (Op::Min, DType::F64) => lines!(short, Min, f64),
        (Op::Max, DType::F16) => lines!(long, Max, F16),
        (Op::Max, DType::Bf16) => lines!(long, Max, Bf16),
        (Op::Min, DType::F16) => lines!(long, Min, F16),
        (Op::Min, DType::Bf16) => lines!(long, Min, Bf16),

        // 16-bit floats have no other grouping.
        (Op::Sum, DType::F16) => lines!(long, Sum, F16),
        (Op::Sum, DType::Bf16) => lines!(long, Sum, Bf16),
        (Op::Prod, DType::F16) => lines!(long, Prod, F16),
        (Op::Prod, DType::Bf16) => lines!(long, Prod, Bf16),
        // Scanned along, the others are grouped; scanned across, they are not.
        (Op::Sum, DType::F32) if mode == Mode::Reassociate => lines!(across, Sum, f32),
        (Op::Sum, DType::F64) if mode == Mode::Reassociate => lines!(across, Sum, f64),
        (Op::Sum, DType::C64) if mode == Mode::Reassociate => lines!(across, Sum, Complex<f32>),
        (Op::Sum, DType::C128) if mode == Mode::Reassociate => lines!(across, Sum, Complex<f64>),
        (Op::Prod, DType::F32) if mode == Mode::Reassociate => lines!(across, Prod, f32),
        (Op::Prod, DType::F64) if mode == Mode::Reassociate => lines!(across, Prod, f64),
        (Op::Prod, DType::C64) if mode == Mode::Reassociate => lines!(across, Prod, Complex<f32>),
        (Op::Prod, DType::C128) if mode == Mode::Reassociate => lines!(across, Prod, Complex<f64>),
        (Op::Sum, DType::F32) => lines!(both_ways, Sum, f32),
        (Op::Sum, DType::F64) => lines!(both_ways, Sum, f64),
        (Op::Sum, DType::C64) => lines!(both_ways, Sum, Complex<f32>),
        (Op::Sum, DType::C128) => lines!(both_ways, Sum, Complex<f64>),
        (Op::Prod, DType::F32) => lines!(long, Prod, f32),
        (Op::Prod, DType::F64) => lines!(long, Prod, f64),
        (Op::Prod, DType::C64) => lines!(long, Prod, Complex<f32>),
        (Op::Prod, DType::C128) => lines!(long, Prod, Complex<f64>),
        (Op::LogSumExp, _) | (Op::Max | Op::Min, DType::C64 | DType::C128) => None,
    }
}
