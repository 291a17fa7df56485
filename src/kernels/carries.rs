//! The totals that callers hold, and how accumulators become such.
//!
//! What is done with them follows from operation, type and mode, but not from the instruction set; and
//! operations that have no error have the same kernels in every mode, with pairs as carries in one. So these
//! are looked up apart from the kernels.

use super::{Block, Kernel, LARGEST_ACCUMULATOR, Mode, Spacing, compensated};
use crate::accumulate::{Accumulate, Errorless, Plain};
use crate::dtype::DType;
use crate::elem::{Bf16, Bool, Complex, F16, with_integer, with_real};
use crate::op::{LogSumExp, Max, Min, Op, Prod, Sum};

/// What is done with the carries of an accumulator, the same for all kernels that have it.
pub struct Carries {
    /// Bytes of a carry.
    pub size: usize,
    /// Reads a carry (unaligned) into an accumulator.
    pub import: unsafe fn(*const u8, *mut u8),
    /// Writes an accumulator as a carry (unaligned); the identity if nothing has started.
    pub export: unsafe fn(*const u8, bool, *mut u8),
    /// Writes what stands before the first element; the identity if nothing has started.
    pub show: unsafe fn(*const u8, bool, *mut u8),
    /// Combines two accumulators in the first; `None` if one is an element, and two of them are combined like an
    /// accumulator and an element.
    merge: Option<unsafe fn(*mut u8, *const u8)>,
}

impl Carries {
    /// Those of accumulators that are elements.
    pub const fn of_elements<A: Accumulate<Acc = <A as Accumulate>::T>>() -> Carries {
        Carries {
            merge: None,
            ..Carries::of::<A>()
        }
    }

    /// Those of any accumulators.
    pub const fn of<A: Accumulate>() -> Carries {
        Carries {
            size: size_of::<A::Carry>(),
            import: import::<A>,
            export: export::<A>,
            show: show::<A>,
            merge: Some(merge::<A>),
        }
    }

    /// Combines `n` carries of a kernel with as many others (unaligned).
    ///
    /// # Safety
    /// Each is readable, and those of `out` writable; two of the buffers are the same or do not meet. The
    /// kernel has these accumulators.
    pub unsafe fn merge(
        &self,
        kernel: &Kernel,
        first: *const u8,
        second: *const u8,
        out: *mut u8,
        n: usize,
    ) {
        for at in (0..n).map(|i| i * self.size) {
            // SAFETY: this function's; a carry is read before its place is written. The two have room for an
            // accumulator each.
            unsafe {
                let (first, second, out) = (first.add(at), second.add(at), out.add(at));
                let mut acc = [0u128; LARGEST_ACCUMULATOR / 16];
                let mut x = acc;
                let (acc, x) = (acc.as_mut_ptr().cast(), x.as_mut_ptr().cast());
                (self.import)(first, acc);
                (self.import)(second, x);
                match self.merge {
                    Some(merge) => merge(acc, x),
                    None => (kernel.across)(&Block {
                        x,
                        x_pitch: 0,
                        out: x,
                        out_pitch: 0,
                        len: 1,
                        rows: 1,
                        acc,
                        started: true,
                        keep: true,
                        exclusive: false,
                        spacing: Spacing::Forward,
                        stream: false,
                        ahead: 0,
                    }),
                }
                (self.export)(acc, true, out);
            }
        }
    }
}

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

unsafe fn merge<A: Accumulate>(acc: *mut u8, second: *const u8) {
    let acc = acc.cast::<A::Acc>();
    // SAFETY: two aligned accumulators.
    unsafe { acc.write(A::merge(acc.read(), second.cast::<A::Acc>().read())) }
}

macro_rules! elements {
    ($family:ty) => {
        Some(const { &Carries::of_elements::<$family>() })
    };
}

/// What is done with the carries of a request; `None` if the operation does not compute in the type.
pub fn carries(op: Op, dtype: DType, mode: Mode) -> Option<&'static Carries> {
    if mode == Mode::Compensated {
        return compensated::carries(op, dtype).or_else(|| pairs(op, dtype));
    }
    match op {
        Op::Sum => with_real!(dtype, T => elements!(Plain<Sum, T>), else match dtype {
            DType::C64 => elements!(Plain<Sum, Complex<f32>>),
            _ => elements!(Plain<Sum, Complex<f64>>),
        }),
        Op::Prod => with_real!(dtype, T => elements!(Plain<Prod, T>), else match dtype {
            DType::C64 => elements!(Plain<Prod, Complex<f32>>),
            _ => elements!(Plain<Prod, Complex<f64>>),
        }),
        Op::Max => with_real!(dtype, T => elements!(Plain<Max, T>), else None),
        Op::Min => with_real!(dtype, T => elements!(Plain<Min, T>), else None),
        Op::LogSumExp => match dtype {
            DType::F16 => elements!(Plain<LogSumExp, F16>),
            DType::Bf16 => elements!(Plain<LogSumExp, Bf16>),
            DType::F32 => elements!(Plain<LogSumExp, f32>),
            DType::F64 => elements!(Plain<LogSumExp, f64>),
            _ => None,
        },
    }
}

/// The same in compensated mode, for the operations that have no error.
fn pairs(op: Op, dtype: DType) -> Option<&'static Carries> {
    match (op, dtype) {
        (Op::Sum, DType::Bool) => elements!(Errorless<Plain<Sum, Bool>>),
        (Op::Prod, DType::Bool) => elements!(Errorless<Plain<Prod, Bool>>),
        (Op::Sum, _) => with_integer!(dtype, T => elements!(Errorless<Plain<Sum, T>>), else None),
        (Op::Prod, _) => with_integer!(dtype, T => elements!(Errorless<Plain<Prod, T>>), else None),
        (Op::Max, _) => with_real!(dtype, T => elements!(Errorless<Plain<Max, T>>), else None),
        (Op::Min, _) => with_real!(dtype, T => elements!(Errorless<Plain<Min, T>>), else None),
        (Op::LogSumExp, DType::F16) => elements!(Errorless<Plain<LogSumExp, F16>>),
        (Op::LogSumExp, DType::Bf16) => elements!(Errorless<Plain<LogSumExp, Bf16>>),
        (Op::LogSumExp, DType::F32) => elements!(Errorless<Plain<LogSumExp, f32>>),
        (Op::LogSumExp, DType::F64) => elements!(Errorless<Plain<LogSumExp, f64>>),
        (Op::LogSumExp, _) => None,
    }
}
