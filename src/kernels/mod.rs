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
mod check;
mod compensated;
mod lines;
#[cfg(target_arch = "x86_64")]
mod speculate;
mod window;

use crate::accumulate::{Accumulate, Errorless, Plain, Saturating};
use crate::dtype::{DType, Kind};
use crate::elem::{Bf16, Complex, Elem, F16, with_integer, with_real};
use crate::op::{Combine, LogSumExp, Max, Min, Op, Overflowing, Prod, Sum};
use crate::simd::Isa;
use crate::tile::{self, Rewrite};
pub use lines::{Lines, Panels, lines};
use std::sync::OnceLock;
use window::Reassociated;

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
    /// One accumulator a line, aligned: read if `started`, always written.
    pub acc: *mut u8,
    /// Whether the accumulators hold something.
    pub started: bool,
    /// Whether each place shows what stands before its element.
    pub exclusive: bool,
    /// Whether the elements of a row follow each other from higher to lower addresses, in `x` and in
    /// `out`; only where a kernel takes that ([`Kernel::backward`]).
    pub backward: bool,
    /// Whether results had better go past the caches, where a kernel for single lines can do that.
    pub stream: bool,
    /// How many bytes of `x` further on, in the line's direction, is what kernels for single lines ask for
    /// while they read, because it will be read next and no cache may have it; 0 for nothing.
    pub ahead: usize,
}

/// A kernel.
///
/// # Safety
/// The block's rows are addressable, those of `out` for writing, there is at least one row of at
/// least one element, and `acc` holds an accumulator a line.
pub type Run = unsafe fn(&Block);

/// Everything that depends on operation, computing type, mode and overflow.
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
    /// A scan of a tile from an accumulator ends with what `across` makes of that and of the total of the
    /// tile alone, bit for bit; accumulators are elements.
    pub splits: bool,
    /// Bytes of an accumulator.
    pub acc_size: usize,
    /// Bytes of a caller's carry.
    pub carry_size: usize,
    /// What is done with carries.
    pub carries: &'static Carries,
    /// Replaces NaN by the identity, in types that have one.
    pub scrub: Option<Rewrite>,
    /// Finds the first overflow, in the integer types.
    pub check: Option<Check>,
}

/// What is done with the carries of an accumulator, the same for all kernels that have it.
pub struct Carries {
    /// Reads a carry (unaligned) into an accumulator.
    pub import: unsafe fn(*const u8, *mut u8),
    /// Writes an accumulator as a carry (unaligned); the identity if nothing has started.
    pub export: unsafe fn(*const u8, bool, *mut u8),
    /// Writes what stands before the first element; the identity if nothing has started.
    pub show: unsafe fn(*const u8, bool, *mut u8),
    /// Combines two carries (unaligned); `None` if an accumulator is an element, and two of them are combined
    /// like an accumulator and an element.
    merge: Option<Merge>,
}

/// Combines two carries, both unaligned, to a third.
///
/// # Safety
/// They are readable and writable.
type Merge = unsafe fn(*const u8, *const u8, *mut u8);

impl Carries {
    const fn of<A: Accumulate>(merge: Option<Merge>) -> Carries {
        Carries {
            import: import::<A>,
            export: export::<A>,
            show: show::<A>,
            merge,
        }
    }
}

impl Kernel {
    /// Combines `n` carries with as many others (unaligned).
    ///
    /// # Safety
    /// Each is readable, and those of `out` writable; two of the buffers are the same or do not meet.
    pub unsafe fn merge(&self, first: *const u8, second: *const u8, out: *mut u8, n: usize) {
        for at in (0..n).map(|i| i * self.carry_size) {
            // SAFETY: this function's; a carry is read before its place is written. The two have room for an
            // accumulator each.
            unsafe {
                let (first, second, out) = (first.add(at), second.add(at), out.add(at));
                if let Some(merge) = self.carries.merge {
                    merge(first, second, out);
                    continue;
                }
                let mut acc = [0u128; LARGEST_ACCUMULATOR / 16];
                let mut x = acc;
                let (acc, x) = (acc.as_mut_ptr().cast(), x.as_mut_ptr().cast());
                (self.carries.import)(first, acc);
                (self.carries.import)(second, x);
                (self.across)(&Block {
                    x,
                    x_pitch: 0,
                    out: x,
                    out_pitch: 0,
                    len: 1,
                    rows: 1,
                    acc,
                    started: true,
                    exclusive: false,
                    backward: false,
                    stream: false,
                    ahead: 0,
                });
                (self.carries.export)(acc, true, out);
            }
        }
    }
}

/// Scans `n` contiguous elements of `x` to `out` up to the first that overflows and returns how many
/// that is. The accumulator is read if `started` and written.
pub type Check = unsafe fn(*const u8, *mut u8, usize, *mut u8, bool) -> usize;

unsafe fn import<A: Accumulate>(carry: *const u8, acc: *mut u8) {
    // SAFETY: a carry and an aligned accumulator.
    unsafe {
        acc.cast::<A::Acc>()
            .write(A::import(carry.cast::<A::Carry>().read_unaligned()))
    }
}

unsafe fn export<A: Accumulate>(acc: *const u8, started: bool, carry: *mut u8) {
    // SAFETY: an aligned accumulator if started, and room for a carry.
    unsafe {
        let acc = if started {
            acc.cast::<A::Acc>().read()
        } else {
            A::first(A::IDENTITY)
        };
        carry.cast::<A::Carry>().write_unaligned(A::export(acc));
    }
}

unsafe fn show<A: Accumulate>(acc: *const u8, started: bool, out: *mut u8) {
    // SAFETY: an aligned accumulator if started, and room for an element.
    unsafe {
        let value = if started {
            A::value(acc.cast::<A::Acc>().read())
        } else {
            A::IDENTITY
        };
        out.cast::<A::T>().write_unaligned(value);
    }
}

unsafe fn merge<A: Accumulate>(first: *const u8, second: *const u8, out: *mut u8) {
    // SAFETY: two carries and room for one.
    unsafe {
        let first = A::import(first.cast::<A::Carry>().read_unaligned());
        let second = A::import(second.cast::<A::Carry>().read_unaligned());
        out.cast::<A::Carry>()
            .write_unaligned(A::export(A::merge(first, second)));
    }
}

unsafe fn scrub<A: Accumulate>(x: *const u8, tile: *mut u8, n: usize) {
    // SAFETY: n contiguous elements on both sides.
    unsafe { tile::replace_nan::<A::T>(x, tile, n, A::IDENTITY) }
}

/// What there is to replace in elements of `T`: `floats`, or nothing.
const fn scrub_of<T: Elem>(floats: Rewrite) -> Option<Rewrite> {
    if T::NAN.is_some() { Some(floats) } else { None }
}

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
        carries: const { &Carries::of::<A>(None) },
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
        splits: false,
        acc_size: size_of::<A::Acc>(),
        carry_size: size_of::<A::Carry>(),
        carries: const { &Carries::of::<A>(Some(merge::<A>)) },
        scrub: scrub_of::<A::T>(scrub::<A>),
        check: None,
    }
}

impl<O: Combine<T>, T: Elem> Family for Plain<O, T> {
    const KERNEL: Kernel = elementary::<Self>();
}

impl<O: Overflowing<T>, T: Elem> Family for Saturating<O, T> {
    const KERNEL: Kernel = elementary::<Self>();
}

impl<A: Family + Accumulate> Family for Errorless<A>
where
    Errorless<A>: Accumulate<T = A::T, Acc = A::Acc>,
{
    // The scans are those of the plain family; only what callers hold differs.
    const KERNEL: Kernel = Kernel {
        carry_size: size_of::<<Self as Accumulate>::Carry>(),
        carries: const { &Carries::of::<Self>(None) },
        ..A::KERNEL
    };
}

/// Integer kernels that can also look for an overflow.
struct Checked<A>(std::marker::PhantomData<A>);

impl<O: Overflowing<T>, T: Elem> Family for Checked<Plain<O, T>> {
    const KERNEL: Kernel = Kernel {
        check: Some(check::run::<O, T>),
        ..Plain::<O, O::Alike>::KERNEL
    };
}

impl<O: Overflowing<T>, T: Elem> Family for Checked<Errorless<Plain<O, T>>>
where
    Errorless<Plain<O, T>>: Accumulate,
{
    const KERNEL: Kernel = Kernel {
        carry_size: size_of::<<Errorless<Plain<O, T>> as Accumulate>::Carry>(),
        carries: const { &Carries::of::<Errorless<Plain<O, T>>>(None) },
        ..Checked::<Plain<O, T>>::KERNEL
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
    ($o:ident, $dtype:expr, $compensated:expr) => {
        if $compensated {
            with_real!($dtype, T => family!(Errorless<Plain<$o, T>>), else None)
        } else {
            with_real!($dtype, T => family!(Plain<$o, T>), else None)
        }
    };
}

macro_rules! integer_kernel {
    ($o:ident, $dtype:expr, $overflow:expr, $compensated:expr) => {
        match ($overflow, $compensated) {
            (Overflow::Saturate, false) => {
                with_integer!($dtype, T => family!(Saturating<$o, T>), else None)
            }
            (Overflow::Saturate, true) => {
                with_integer!($dtype, T => family!(Errorless<Saturating<$o, T>>), else None)
            }
            (_, false) => with_integer!($dtype, T => family!(Checked<Plain<$o, T>>), else None),
            (_, true) => {
                with_integer!($dtype, T => family!(Checked<Errorless<Plain<$o, T>>>), else None)
            }
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

/// The kernels for a request that leaves mode and overflow at their defaults, on this process's
/// instruction set: looked up once.
#[inline]
pub fn sequential(op: Op, dtype: DType) -> Option<&'static Kernel> {
    type Table = [[Option<&'static Kernel>; DType::COUNT]; Op::COUNT];
    static TABLE: OnceLock<Table> = OnceLock::new();
    let table = TABLE.get_or_init(|| {
        let (isa, mode, overflow) = (Isa::current(), Mode::default(), Overflow::default());
        Op::ALL.map(|op| DType::ALL.map(|dtype| kernel(isa, op, dtype, mode, overflow)))
    });
    table[op as usize][dtype as usize]
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

/// The kernels that run everywhere.
fn portable(op: Op, dtype: DType, mode: Mode, overflow: Overflow) -> Option<&'static Kernel> {
    let compensated = mode == Mode::Compensated;
    match (op, dtype.kind()) {
        (Op::LogSumExp, Kind::Float) => match dtype {
            DType::F16 if compensated => family!(Errorless<Plain<LogSumExp, F16>>),
            DType::Bf16 if compensated => family!(Errorless<Plain<LogSumExp, Bf16>>),
            DType::F32 if compensated => family!(Errorless<Plain<LogSumExp, f32>>),
            DType::F64 if compensated => family!(Errorless<Plain<LogSumExp, f64>>),
            DType::F16 => family!(Plain<LogSumExp, F16>),
            DType::Bf16 => family!(Plain<LogSumExp, Bf16>),
            DType::F32 => family!(Plain<LogSumExp, f32>),
            _ => family!(Plain<LogSumExp, f64>),
        },
        (Op::LogSumExp, _) | (Op::Max | Op::Min, Kind::Complex) => None,
        (Op::Sum, Kind::Integer) => integer_kernel!(Sum, dtype, overflow, compensated),
        (Op::Prod, Kind::Integer) => integer_kernel!(Prod, dtype, overflow, compensated),
        (Op::Max, Kind::Integer) if compensated => {
            with_integer!(dtype, T => family!(Checked<Errorless<Plain<Max, T>>>), else None)
        }
        (Op::Min, Kind::Integer) if compensated => {
            with_integer!(dtype, T => family!(Checked<Errorless<Plain<Min, T>>>), else None)
        }
        (Op::Max, Kind::Integer) => {
            with_integer!(dtype, T => family!(Checked<Plain<Max, T>>), else None)
        }
        (Op::Min, Kind::Integer) => {
            with_integer!(dtype, T => family!(Checked<Plain<Min, T>>), else None)
        }
        (Op::Max, _) => real_kernel!(Max, dtype, compensated),
        (Op::Min, _) => real_kernel!(Min, dtype, compensated),
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
        (Op::Sum, _) => real_kernel!(Sum, dtype, compensated),
        (Op::Prod, _) => real_kernel!(Prod, dtype, compensated),
    }
}
