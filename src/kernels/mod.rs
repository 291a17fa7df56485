//! Kernels: a scan over contiguous rows of the computing type, written once per idea and
//! instantiated per operation, type and mode. This is the one place where those become function
//! pointers.
//!
//! A kernel sees a [`Block`]: `rows` rows of `len` contiguous elements, `x_pitch` and `out_pitch`
//! bytes apart. *Along*, every row is a line and the scan runs within it; *across*, the scan runs from
//! row to row, and every column is a line. Each line has its accumulator in `acc`.
//!
//! Rows may be unaligned. `x` and `out` are the same memory with the same pitch, or do not meet.

mod across;
mod along;
mod carries;
mod check;
mod compensated;
mod lines;
#[cfg(target_arch = "x86_64")]
mod speculate;
mod unplanned;
mod window;

use crate::accumulate::{Accumulate, Plain, Saturating};
use crate::dtype::{DType, Kind};
use crate::elem::{Bf16, Bool, Complex, Elem, F16, with_integer, with_real};
use crate::op::{Combine, LogSumExp, Max, Min, Op, Overflowing, Prod, Sum};
use crate::simd::Isa;
pub use carries::{Carries, carries};
pub use lines::{Lines, Panels, lines};
pub use unplanned::{Unplanned, unplanned};
use window::Reassociated;

/// Rows that the kernels for many lines take together at least.
pub const FEWEST: usize = 4;

/// Bytes for the accumulators of one block.
pub const ACCUMULATORS: usize = 16 << 10;

/// Elements of a tile. A line is cut at multiples of this, so every kernel's grid divides it.
pub const TILE: usize = 1024;

/// How operations may be grouped and what becomes of rounding errors.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Mode {
    /// One operation after the other.
    #[default]
    Sequential,
    /// In a fixed grouping that is faster.
    Reassociate,
    /// With the rounding errors carried along.
    Compensated,
}

impl Mode {
    /// Number of modes.
    const COUNT: usize = 3;
}

/// What integers do when a result does not fit.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Overflow {
    /// Keep the lower bits.
    #[default]
    Wrap,
    /// Report it and leave the output alone.
    Check,
    /// Stop at the end of the range.
    Saturate,
}

/// The work of one kernel call.
#[derive(Clone, Copy)]
pub struct Block {
    /// The first element of the first row.
    pub x: *const u8,
    /// Bytes from one row of `x` to the next.
    pub x_pitch: isize,
    /// Where its result goes.
    pub out: *mut u8,
    /// Bytes from one row of `out` to the next.
    pub out_pitch: isize,
    /// Elements of a row.
    pub len: usize,
    /// Number of rows.
    pub rows: usize,
    /// One accumulator a line, aligned: read if `started`, and written.
    pub acc: *mut u8,
    /// Whether the accumulators hold something.
    pub started: bool,
    /// Whether the accumulators are wanted afterwards: else a kernel may leave them as they are, or spoil them.
    pub keep: bool,
    /// Whether each place shows what stands before its element.
    pub exclusive: bool,
    /// How the elements of a row follow each other.
    pub spacing: Spacing,
    /// Whether results had better go past the caches, where a kernel for single lines can do that.
    pub stream: bool,
    /// How many bytes of `x` further on, in the line's direction, is what kernels for single lines ask for
    /// while they read, because it will be read next and no cache may have it; 0 for nothing. Kernels for
    /// several lines ask for the next rows then.
    pub ahead: usize,
}

// Kernels of other processors take no such rows, or any.
#[cfg(target_arch = "x86_64")]
impl Block {
    /// Whether the elements of a row follow each other from higher to lower addresses.
    #[inline(always)]
    pub fn is_backward(&self) -> bool {
        matches!(self.spacing, Spacing::Backward)
    }
}

/// How the elements of a row follow each other, in `x` and in `out`.
#[derive(Clone, Copy)]
pub enum Spacing {
    /// Side by side, from lower to higher addresses.
    Forward,
    /// Side by side, from higher to lower addresses; only where a kernel takes that ([`Kernel::backward`]).
    Backward,
    /// So many bytes apart; only where a kernel takes that ([`spaced`]).
    Bytes([isize; 2]),
}

impl Spacing {
    /// That of neighbours.
    #[inline(always)]
    pub fn of(backward: bool) -> Spacing {
        match backward {
            true => Spacing::Backward,
            false => Spacing::Forward,
        }
    }
}

/// A kernel.
///
/// # Safety
/// The block's rows are addressable, those of `out` for writing and apart from each other, there is at least one row of at
/// least one element, and `acc` has room for an accumulator a line,
/// [`ACCUMULATORS`] bytes at most, and holds it if `started`.
pub type Run = unsafe fn(&Block);

/// Everything that depends on operation, computing type, mode and overflow, but for the [`Carries`].
pub struct Kernel {
    /// Scans along.
    pub along: Run,
    /// Scans along rows that run backward, where there is a way.
    pub backward: Option<Run>,
    /// Scans across.
    pub across: Run,
    /// A line may be cut into pieces, with the accumulator passed on, at multiples of this many
    /// elements only.
    pub grid: usize,
    /// How an accumulator is brought past a part of a line that others scan.
    pub splits: Splits,
    /// Bytes of an accumulator.
    pub acc_size: usize,
    /// Finds the first overflow, in the integer types.
    pub check: Option<Check>,
    /// Scans few elements, in the operations that are plain.
    pub few: Option<Few>,
}

/// How an accumulator is brought past elements without a scan that starts from it, bit for bit.
pub enum Splits {
    /// Not at all.
    Never,
    /// A scan of a tile from an accumulator ends with what `across` makes of that and of the total of the
    /// tile alone; accumulators are elements.
    Totals,
    /// By other numbers than elements.
    Folds(&'static Folds),
}

impl Splits {
    /// Whether there is a way.
    pub fn possible(&self) -> bool {
        !matches!(self, Splits::Never)
    }
}

/// How elements are folded to numbers of their own that an accumulator can be brought past them with.
pub struct Folds {
    /// Bytes of the numbers of a tile, which are doubles.
    pub size: usize,
    /// Writes the numbers of a row.
    ///
    /// # Safety
    /// As [`Run`], of one row, of which only the elements are looked at; there is room for the numbers.
    pub fold: unsafe fn(&Block, *mut u8),
    /// Brings the accumulator past the row with these numbers, or leaves it as it is and returns false: then the
    /// row is to be scanned.
    ///
    /// # Safety
    /// As [`Run`], of one row, whose results are not written.
    pub append: unsafe fn(&Block, *const u8) -> bool,
}

/// Scans a line of elements, of which there is one at least, and so few that nothing but one after the other is
/// worth its start. It takes what a [`Short`] has: from memory that would cost a tenth of the smallest calls.
pub type Few = unsafe fn(*const u8, *mut u8, usize, isize, isize, bool);

/// A short line, which nothing stands before and whose accumulator nobody reads.
#[derive(Clone, Copy)]
pub struct Short {
    /// The first element.
    pub x: *const u8,
    /// Its result: in the same memory, with the same steps, or apart.
    pub out: *mut u8,
    /// Number of elements.
    pub n: usize,
    /// Bytes from one element to the next in `x` and in `out`.
    pub steps: [isize; 2],
    /// Whether each place shows what stands before its element.
    pub exclusive: bool,
}

impl Short {
    /// Scans the line.
    ///
    /// # Safety
    /// `x` and `out` hold the elements, and `few` is for their type.
    #[inline(always)]
    pub unsafe fn scan(self, few: Few) {
        let Short {
            x,
            out,
            n,
            steps: [step, out_step],
            exclusive,
        } = self;
        // SAFETY: this function's.
        unsafe { few(x, out, n, step, out_step, exclusive) }
    }
}

/// Scans elements up to the first that overflows and returns how many that is: from `x`, so many bytes apart, that many,
/// to contiguous ones at the second address, unless it is NULL. The accumulator is read if it has started, and written.
pub type Check = unsafe fn(*const u8, isize, usize, *mut u8, *mut u8, bool) -> usize;

/// Bytes of the largest accumulator.
pub const LARGEST_ACCUMULATOR: usize = 64;

/// A family of kernels, one for each accumulator.
trait Family {
    const KERNEL: Kernel;
}

/// The kernels that are written for every accumulator that is an element.
const fn elementary<A: Accumulate<Acc = <A as Accumulate>::T>>() -> Kernel {
    Kernel {
        across: across::run_elementary::<A>,
        ..generic::<A>()
    }
}

/// The kernels that are written for every accumulator.
pub const fn generic<A: Accumulate>() -> Kernel {
    const { assert!(size_of::<A::Acc>() <= LARGEST_ACCUMULATOR && align_of::<A::Acc>() <= 16) };
    Kernel {
        along: along::run::<A>,
        backward: None,
        across: across::run::<A>,
        grid: 1,
        splits: Splits::Never,
        acc_size: size_of::<A::Acc>(),
        check: None,
        few: None,
    }
}

impl<O: Combine<T>, T: Elem> Family for Plain<O, T> {
    const KERNEL: Kernel = Kernel {
        // 16-bit floats are better converted by instructions, which not every processor has.
        few: match T::NAN {
            Some(_) if size_of::<T>() == 2 => None,
            _ => Some(along::few::<Self>),
        },
        ..elementary::<Self>()
    };
}

impl<O: Overflowing<T>, T: Elem> Family for Saturating<O, T> {
    const KERNEL: Kernel = elementary::<Self>();
}

/// Integer kernels that can also look for an overflow.
struct Checked<A>(std::marker::PhantomData<A>);

impl<O: Overflowing<T>, T: Elem> Family for Checked<Plain<O, T>> {
    const KERNEL: Kernel = Kernel {
        check: Some(check::run::<O, T>),
        ..Plain::<O, O::Alike>::KERNEL
    };
}

macro_rules! family {
    ($family:ty) => {
        Some(const { &<$family as Family>::KERNEL })
    };
}

use family;

/// The kernels of an operation that computes in every real type.
macro_rules! real_kernel {
    ($o:ident, $dtype:expr) => {
        with_real!($dtype, T => family!(Plain<$o, T>), else None)
    };
}

macro_rules! integer_kernel {
    ($o:ident, $dtype:expr, $overflow:expr) => {
        match $overflow {
            Overflow::Saturate => {
                with_integer!($dtype, T => family!(Saturating<$o, T>), else None)
            }
            _ => with_integer!($dtype, T => family!(Checked<Plain<$o, T>>), else None),
        }
    };
}

/// Sums and products of floats and complex numbers in the fixed grouping; 16-bit floats, which round
/// at every step, have none.
macro_rules! reassociated_kernel {
    ($o:ident, $dtype:expr) => {
        match $dtype {
            DType::F16 => family!(Plain<$o, F16>),
            DType::Bf16 => family!(Plain<$o, Bf16>),
            DType::F32 => family!(Reassociated<$o, f32>),
            DType::F64 => family!(Reassociated<$o, f64>),
            DType::C64 => family!(Reassociated<$o, Complex<f32>>),
            DType::C128 => family!(Reassociated<$o, Complex<f64>>),
            _ => None,
        }
    };
}

/// The kernels for a request on an instruction set; `None` if the operation does not compute in the
/// type.
///
/// Every instruction set gives the same bits: [`tuned`] kernels are only faster.
pub fn kernel(
    isa: Isa,
    op: Op,
    dtype: DType,
    mode: Mode,
    overflow: Overflow,
) -> Option<&'static Kernel> {
    // The larger of two is one of the two, and fits.
    let overflow = match op {
        Op::Max | Op::Min => Overflow::Wrap,
        _ => overflow,
    };
    tuned(isa, op, dtype, mode, overflow).or_else(|| portable(op, dtype, mode, overflow))
}

/// The kernels that are written for an instruction set, where there are any. Each file of them picks
/// its own.
fn tuned(
    isa: Isa,
    op: Op,
    dtype: DType,
    mode: Mode,
    overflow: Overflow,
) -> Option<&'static Kernel> {
    if mode == Mode::Compensated
        && let Some(kernel) = compensated::kernel(isa, op, dtype)
    {
        return Some(kernel);
    }
    #[cfg(target_arch = "x86_64")]
    if let Some(kernel) = speculate::kernel(isa, op, dtype, mode) {
        return Some(kernel);
    }
    window::kernel(isa, op, dtype, mode, overflow)
}

/// The scan along that reads elements of the first type and computes in the second; `None` where elements
/// are better converted beforehand.
///
/// The results are those of the second type's kernel on converted elements, and the blocks the same but
/// for the type of `x`, which does not meet `out`.
pub fn widening(
    isa: Isa,
    op: Op,
    dtypes: [DType; 2],
    mode: Mode,
    overflow: Overflow,
) -> Option<Run> {
    window::widening(isa, op, dtypes, mode, overflow)
}

/// A scan along rows with any [`Spacing`], one after the other. It does not touch accumulators where lines have not
/// started and are not kept.
#[derive(Clone, Copy)]
pub struct Spaced {
    /// The scan.
    pub along: Run,
    /// Rows longer than this are better brought together on their way to another kernel, and back.
    pub longest: usize,
}

/// Elements of a row up to which moving them to another kernel takes longer than that saves, by their bytes, on a
/// Zen 3: turned on their way, rows of 9 i32 took 1.2 ns an element, of 16 0.69 and of 24 0.53, beside 0.62; of 9 u16
/// 2.7, of 33 0.65 and of 64 0.34, beside 0.42. The exact numbers were not swept.
const fn moved_from(size: usize) -> usize {
    if size <= 2 { 48 } else { 14 }
}

/// The scan of rows of elements of the first type with any spacing that `kernel`, for the second, has, with the same
/// accumulators; `None` for 16-bit floats, which are better converted by instructions, where one after the other is
/// another grouping, and where elements are better converted beforehand. Those of another type must be so many
/// [bytes](Spacing::Bytes) apart.
pub fn spaced(
    kernel: &Kernel,
    op: Op,
    [from, dtype]: [DType; 2],
    mode: Mode,
    overflow: Overflow,
) -> Option<Spaced> {
    let rounds = matches!(dtype.kind(), Kind::Float | Kind::Complex);
    if matches!(dtype, DType::F16 | DType::Bf16) || rounds && mode != Mode::Sequential {
        return None;
    }
    let one_by_one = portable(op, dtype, mode, overflow)?.along;
    let longest = |otherwise| match std::ptr::fn_addr_eq(one_by_one, kernel.along) {
        true => usize::MAX,
        false => otherwise,
    };
    if from != dtype {
        let along = widened(op, [from, dtype]).filter(|_| overflow != Overflow::Saturate)?;
        // Contiguous elements have faster ways, where there are any.
        let longest = match op {
            Op::Prod if dtype.kind() == Kind::Integer => longest(0),
            _ => 0,
        };
        return Some(Spaced { along, longest });
    }
    Some(Spaced {
        along: one_by_one,
        longest: longest(moved_from(dtype.size())),
    })
}

/// The scan of rows of elements so many [bytes](Spacing::Bytes) apart in which a NaN counts as the identity, its place showing
/// one if it is `skipped`; `None` where rows are better scrubbed beforehand.
pub fn without_nan(
    op: Op,
    dtype: DType,
    mode: Mode,
    skipped: bool,
    exclusive: bool,
) -> Option<Spaced> {
    macro_rules! scan {
        ($o:ident, $t:ty, $of_step:literal) => {
            match skipped {
                false => along::scrubbed::<Plain<$o, $t>>,
                true => along::skipping::<Plain<$o, $t>, $of_step>,
            }
        };
    }
    let along: Run = match (op, dtype) {
        // What shows a NaN shows its element, not what stands before.
        _ if mode != Mode::Sequential || skipped && exclusive => return None,
        (Op::Sum, DType::F32) => scan!(Sum, f32, true),
        (Op::Sum, DType::F64) => scan!(Sum, f64, true),
        (Op::Sum, DType::C64) => scan!(Sum, Complex<f32>, false),
        (Op::Sum, DType::C128) => scan!(Sum, Complex<f64>, false),
        (Op::Prod, DType::F32) => scan!(Prod, f32, true),
        (Op::Prod, DType::F64) => scan!(Prod, f64, true),
        (Op::Prod, DType::C64) => scan!(Prod, Complex<f32>, false),
        (Op::Prod, DType::C128) => scan!(Prod, Complex<f64>, false),
        (Op::Max, DType::F32) => scan!(Max, f32, false),
        (Op::Max, DType::F64) => scan!(Max, f64, false),
        (Op::Min, DType::F32) => scan!(Min, f32, false),
        (Op::Min, DType::F64) => scan!(Min, f64, false),
        _ => return None,
    };
    Some(Spaced { along, longest: 0 })
}

/// Sums and products of elements so many [bytes](Spacing::Bytes) apart, in the types that NumPy takes for them;
/// accumulators as in [`Spaced`].
pub fn widened(op: Op, dtypes: [DType; 2]) -> Option<Run> {
    macro_rules! scan {
        ($x:ty, $t:ty) => {
            match op {
                Op::Sum => Some(along::widened::<$x, Plain<Sum, $t>, false>),
                Op::Prod => Some(along::widened::<$x, Plain<Prod, $t>, true>),
                _ => None,
            }
        };
    }
    match dtypes {
        [DType::Bool, DType::I64 | DType::U64] => scan!(Bool, i64),
        [DType::U8, DType::I64 | DType::U64] => scan!(u8, i64),
        [DType::U16, DType::I64 | DType::U64] => scan!(u16, i64),
        [DType::U32, DType::I64 | DType::U64] => scan!(u32, i64),
        [DType::I8, DType::I64 | DType::U64] => scan!(i8, i64),
        [DType::I16, DType::I64 | DType::U64] => scan!(i16, i64),
        [DType::I32, DType::I64 | DType::U64] => scan!(i32, i64),
        [DType::F32, DType::F64] => scan!(f32, f64),
        _ => None,
    }
}

/// The kernels that run everywhere.
fn portable(op: Op, dtype: DType, mode: Mode, overflow: Overflow) -> Option<&'static Kernel> {
    match (op, dtype.kind()) {
        (Op::LogSumExp, Kind::Float) => match dtype {
            DType::F16 => family!(Plain<LogSumExp, F16>),
            DType::Bf16 => family!(Plain<LogSumExp, Bf16>),
            DType::F32 => family!(Plain<LogSumExp, f32>),
            _ => family!(Plain<LogSumExp, f64>),
        },
        (Op::LogSumExp, _) | (Op::Max | Op::Min, Kind::Complex) => None,
        (Op::Sum, Kind::Integer) => integer_kernel!(Sum, dtype, overflow),
        (Op::Prod, Kind::Integer) => integer_kernel!(Prod, dtype, overflow),
        (Op::Max, Kind::Integer) => {
            with_integer!(dtype, T => family!(Checked<Plain<Max, T>>), else None)
        }
        (Op::Min, Kind::Integer) => {
            with_integer!(dtype, T => family!(Checked<Plain<Min, T>>), else None)
        }
        (Op::Max, _) => real_kernel!(Max, dtype),
        (Op::Min, _) => real_kernel!(Min, dtype),
        (Op::Sum, Kind::Float | Kind::Complex) if mode == Mode::Reassociate => {
            reassociated_kernel!(Sum, dtype)
        }
        (Op::Prod, Kind::Float | Kind::Complex) if mode == Mode::Reassociate => {
            reassociated_kernel!(Prod, dtype)
        }
        (Op::Sum, Kind::Complex) if dtype == DType::C64 => family!(Plain<Sum, Complex<f32>>),
        (Op::Sum, Kind::Complex) => family!(Plain<Sum, Complex<f64>>),
        (Op::Prod, Kind::Complex) if dtype == DType::C64 => family!(Plain<Prod, Complex<f32>>),
        (Op::Prod, Kind::Complex) => family!(Plain<Prod, Complex<f64>>),
        (Op::Sum, _) => real_kernel!(Sum, dtype),
        (Op::Prod, _) => real_kernel!(Prod, dtype),
    }
}
