//! What calls without a plan need, looked up once a process by mode, operation and type.

use super::{Carries, Few, Kernel, Mode, Overflow, Spaced, carries, kernel, portable, spaced};
use crate::dtype::DType;
use crate::op::Op;
use crate::simd::Isa;
use std::cell::UnsafeCell;
use std::mem::MaybeUninit;
use std::sync::Once;

/// What a request needs that leaves overflow at its default.
#[derive(Clone, Copy)]
pub struct Unplanned {
    /// The kernels on this process's instruction set,
    pub kernel: &'static Kernel,
    /// and what is done with their carries.
    pub carries: &'static Carries,
    /// Scans few elements one operation after the other, where the mode says so,
    pub few: Option<Few>,
    /// at most so many of them.
    pub most: usize,
    /// Scans rows with any spacing.
    pub spaced: Option<Spaced>,
}

/// Elements up to which a plain loop is as good as a kernel, whose start takes longer than what it saves.
fn few(op: Op, dtype: DType) -> usize {
    match (op, dtype) {
        // One operation waits for the other there as well, in sums up to where chains are guessed.
        (Op::Sum | Op::Prod, DType::F32 | DType::F64) => 640,
        // Kernels convert by an instruction that not every processor has.
        (_, DType::F16 | DType::Bf16) => 0,
        _ => 32,
    }
}

/// What all such requests need, by operation and type. Apart from what tells whether it is there, which is not zero at
/// first: together, 7 KB of zeros would be in the file.
struct Table(UnsafeCell<MaybeUninit<[[Option<Unplanned>; DType::COUNT]; Op::COUNT]>>);

// SAFETY: a table is written once, before anyone reads it.
unsafe impl Sync for Table {}

/// By mode.
static TABLES: [Table; Mode::COUNT] =
    [const { Table(UnsafeCell::new(MaybeUninit::uninit())) }; Mode::COUNT];

/// Whether they are there.
static FILLED: [Once; Mode::COUNT] = [const { Once::new() }; Mode::COUNT];

/// What such a request needs: looked up once.
#[inline]
pub fn unplanned(mode: Mode, op: Op, dtype: DType) -> Option<&'static Unplanned> {
    if !FILLED[mode as usize].is_completed() {
        fill(mode);
    }
    // SAFETY: it has been written, and is not any more.
    let table = unsafe { (*TABLES[mode as usize].0.get()).assume_init_ref() };
    table[op as usize][dtype as usize].as_ref()
}

/// Fills a table.
#[cold]
#[inline(never)]
fn fill(mode: Mode) {
    FILLED[mode as usize].call_once(|| {
        let mut table = [[None; DType::COUNT]; Op::COUNT];
        for op in Op::ALL {
            for dtype in DType::ALL {
                table[op as usize][dtype as usize] = entry(mode, op, dtype);
            }
        }
        // SAFETY: nobody else is here, and nobody reads before this returns.
        unsafe { (*TABLES[mode as usize].0.get()).write(table) };
    });
}

/// An entry of a table.
#[inline(never)]
fn entry(mode: Mode, op: Op, dtype: DType) -> Option<Unplanned> {
    let (isa, overflow) = (Isa::current(), Overflow::default());
    let kernel = kernel(isa, op, dtype, mode, overflow)?;
    Some(Unplanned {
        kernel,
        spaced: spaced(kernel, op, [dtype, dtype], mode, overflow),
        carries: carries(op, dtype, mode)?,
        few: portable(op, dtype, mode, overflow)?
            .few
            .filter(|_| mode == Mode::Sequential),
        most: few(op, dtype),
    })
}
