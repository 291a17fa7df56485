//! Compensated sums and products in registers: several stretches at a time, one in each lane.
//!
//! Along a line, stretches are read and written like rows of a block, by way of
//! [`Square`](crate::simd::square::Square). Between the two ways through them the elements wait as columns of
//! doubles in a room in the first-level cache. That is also where they are found again if there is an
//! exception and all is done anew, stretch by stretch. Down the rows of a block, every column is a stretch, and
//! [`down`] does with registers of neighbours, of which those of f64 are [`kept`]. Sums of many short lines have a way of their own: [`brief`].
//!
//! AVX2 is enough: with AVX-512, sums of f64 took 6 % less time and products of c128 3 %, others as much.

mod along;
mod brief;
mod columns;
mod kept;
mod registers;
mod scan;
mod wide;

use super::chain::{Chains, Steps};
use super::down::{self, Down, Group, Strip};
use super::lanes::Two;
use super::line::Line;
use super::{ByStretches, STRETCH, Scan, StateOf, Stretched, folds, stretch};
use crate::compensate::Append;
use crate::dtype::DType;
use crate::elem::{Bf16, Complex, F16};
use crate::kernels::{Block, Family, Folds, Kernel, Lines, Panels, Splits, family};
use crate::op::{Combine, Op, Prod, Sum};
use crate::pair::Fused;
use crate::simd::Isa;
use along::Squares;
use brief::Brief;
use columns::Columns;
use registers::{One, Splitting, SplittingAnything};
use std::marker::PhantomData;
use wide::Wide;

/// Two real numbers.
pub type Reals = One<Splitting>;

/// Two complex numbers. The smaller part of one may be far from where the larger one is.
pub type Complexes = Two<One<SplittingAnything>>;

/// Eighths of a pair of squares that take as long stretch by stretch as the whole pair, for elements of a size:
/// from calls of 64 to 700 elements on a Zen 4. (A 16-bit float by itself is converted bit by bit.)
const fn alone(size: usize) -> usize {
    match size {
        2 => 1,
        4 => 3,
        _ => 5,
    }
}

/// A compensated `O` of a type by pairs of squares.
struct Pairs<O, T, const P: usize, const N: usize, const K: usize>(PhantomData<(O, T)>);

/// A [`super::line::Stretch`].
///
/// # Safety
/// As there; the processor has these instruction sets.
#[target_feature(enable = "avx2,fma,f16c,bmi2")]
unsafe fn with_fma<O, T, const P: usize, const N: usize, const K: usize>(line: &Line)
where
    O: Combine<T>,
    T: Columns<P, N, K> + ByStretches<O, P>,
{
    // SAFETY: this function's.
    unsafe { stretch::<O, T, P, <T as Columns<P, N, K>>::Beside, Fused>(line) }
}

/// [`Folds::append`].
///
/// # Safety
/// As there; the processor has these instruction sets.
#[target_feature(enable = "avx2,fma,f16c,bmi2")]
unsafe fn append_with_fma<O, T, const P: usize, const N: usize, const K: usize>(
    block: &Block,
    numbers: *const u8,
) -> bool
where
    O: Combine<T>,
    T: Columns<P, N, K> + ByStretches<O, P>,
    Wide: Group<T, P>,
{
    // SAFETY: this function's.
    unsafe {
        let scan = &Pairs::<O, T, P, N, K>::SQUARES.rest;
        folds::append::<O, T, P, Fused>(scan, block, numbers)
    }
}

/// Rows for [`Down`].
///
/// # Safety
/// As there; the processor has these instruction sets.
#[target_feature(enable = "avx2,fma,f16c,bmi2")]
unsafe fn rows_with_fma<O, T, const P: usize>(strip: &Strip)
where
    O: Combine<T>,
    T: ByStretches<O, P>,
    Wide: Group<T, P>,
{
    // SAFETY: this function's.
    unsafe { down::rows::<O, T, Wide, P>(strip) }
}

impl<
    O: Combine<T>,
    T: Columns<P, N, K> + ByStretches<O, P>,
    const P: usize,
    const N: usize,
    const K: usize,
> Pairs<O, T, P, N, K>
where
    Wide: Group<T, P>,
{
    /// How short lines of sums are scanned. (Complex products are no products of parts.)
    const BRIEF: Option<Brief> = match size_of::<T>() / P {
        _ if !<T::Chains as Chains>::WATCHED => None,
        4 => Some(Brief::of::<f32>()),
        8 => Some(Brief::of::<f64>()),
        _ => None,
    };

    const DOWN: Down = match (<T::Chains as Chains>::WATCHED, size_of::<T>() / P) {
        (true, 8) => {
            Down::keeping::<O, T, P>(kept::PARTS / P, kept::rows, kept::of(P), Self::SQUARES.rest)
        }
        _ => Down::of::<O, T, P>(
            <Wide as Group<T, P>>::COLUMNS,
            rows_with_fma::<O, T, P>,
            Self::SQUARES.rest,
        ),
    };

    const FOLDS: Folds = Folds::of::<P>(Self::fold, append_with_fma::<O, T, P, N, K>);

    const SQUARES: Squares = Squares {
        rows: Self::ROWS,
        alone: Self::ROWS * STRETCH * alone(size_of::<T>()) / 8,
        // Zeros of complex numbers may change their signs where they are multiplied with 1.
        neutral: if P == 1 { Some(Self::neutral) } else { None },
        scan: Self::scan,
        elements: scan::elements::<T, P, N, K>,
        stuck: Self::stuck,
        rest: Scan::of::<O, T, P>(with_fma::<O, T, P, N, K>),
    };

    /// Scans every row of the block.
    ///
    /// # Safety
    /// As [`crate::kernels::Run`]; the processor has AVX2, FMA, F16C and BMI2.
    unsafe fn along(block: &Block) {
        // SAFETY: this function's.
        unsafe {
            match const { &Self::BRIEF } {
                Some(brief) if brief::are(block, block.len) => {
                    (brief.along)(&Self::SQUARES.rest, block)
                }
                _ => Self::SQUARES.along(block),
            }
        }
    }

    /// Scans down the rows of the block.
    ///
    /// # Safety
    /// As [`crate::kernels::Run`]; the processor has AVX2, FMA, F16C and BMI2.
    unsafe fn across(block: &Block) {
        let one = Panels {
            count: 1,
            x: 0,
            out: 0,
        };
        // SAFETY: this function's.
        unsafe { Self::panels(block, one, false) }
    }

    /// Scans down the rows of the block and its repetitions.
    ///
    /// # Safety
    /// As [`crate::kernels::Run`], for each of them; the processor has AVX2, FMA, F16C and BMI2.
    unsafe fn panels(block: &Block, panels: Panels, _stream: bool) {
        // SAFETY: this function's.
        unsafe {
            match const { &Self::BRIEF } {
                Some(brief) if brief::are(block, block.rows) => {
                    (brief.across)(&Self::SQUARES.rest, block, panels)
                }
                _ => Self::DOWN.panels(block, panels),
            }
        }
    }

    /// Writes the neutral element.
    ///
    /// # Safety
    /// There is an aligned place for it.
    unsafe fn neutral(element: *mut u8) {
        let neutral = T::of_parts(Stretched::<O, T, P>::neutral());
        // SAFETY: this function's.
        unsafe { element.cast::<T>().write(neutral) }
    }

    /// [`Steps::stuck`] of a state.
    ///
    /// # Safety
    /// There is one.
    unsafe fn stuck(state: *const u8) -> bool {
        // SAFETY: this function's.
        let acc = unsafe { (*state.cast::<StateOf<O, T, P>>()).acc };
        <T::Chains as Chains>::Steps::stuck(&acc.seed()[0])
    }
}

impl<
    O: Combine<T>,
    T: Columns<P, N, K> + ByStretches<O, P>,
    const P: usize,
    const N: usize,
    const K: usize,
> Family for Pairs<O, T, P, N, K>
where
    Wide: Group<T, P>,
{
    const KERNEL: Kernel = Kernel {
        along: Self::along,
        across: Self::across,
        splits: Splits::Folds(&Self::FOLDS),
        ..Stretched::<O, T, P>::KERNEL
    };
}

/// The kernels for many lines across, on an instruction set, where lines may be [`brief`]: along, those for single lines
/// take many.
pub fn lines(isa: Isa, op: Op, dtype: DType) -> Option<&'static Lines> {
    macro_rules! across {
        ($t:ty, $parts:literal, $n:literal, $k:literal) => {
            Some(
                const {
                    &Lines {
                        across: Pairs::<Sum, $t, $parts, $n, $k>::panels,
                        along: None,
                        backward: 0,
                        longest: 0,
                    }
                },
            )
        };
    }
    match dtype {
        _ if isa < Isa::Avx2 || op != Op::Sum => None,
        DType::F32 => across!(f32, 1, 8, 2),
        DType::F64 => across!(f64, 1, 4, 1),
        DType::C64 => across!(Complex<f32>, 2, 4, 2),
        DType::C128 => across!(Complex<f64>, 2, 2, 1),
        _ => None,
    }
}

/// The kernels for an instruction set.
pub fn kernel(isa: Isa, op: Op, dtype: DType) -> Option<&'static Kernel> {
    match op {
        _ if isa < Isa::Avx2 => None,
        Op::Sum => kernel_of::<Sum>(dtype),
        Op::Prod => kernel_of::<Prod>(dtype),
        _ => None,
    }
}

fn kernel_of<O>(dtype: DType) -> Option<&'static Kernel>
where
    O: Combine<F16> + Combine<Bf16> + Combine<f32> + Combine<f64>,
    O: Combine<Complex<f32>> + Combine<Complex<f64>>,
    F16: ByStretches<O, 1>,
    Bf16: ByStretches<O, 1>,
    f32: ByStretches<O, 1>,
    f64: ByStretches<O, 1>,
    Complex<f32>: ByStretches<O, 2>,
    Complex<f64>: ByStretches<O, 2>,
{
    match dtype {
        DType::F16 => family!(Pairs<O, F16, 1, 8, 2>),
        DType::Bf16 => family!(Pairs<O, Bf16, 1, 8, 2>),
        DType::F32 => family!(Pairs<O, f32, 1, 8, 2>),
        DType::F64 => family!(Pairs<O, f64, 1, 4, 1>),
        DType::C64 => family!(Pairs<O, Complex<f32>, 2, 4, 2>),
        DType::C128 => family!(Pairs<O, Complex<f64>, 2, 2, 1>),
        _ => None,
    }
}
