//! What kernels need of vector registers: moves of whole and of partly filled registers, shifts by
//! elements, and the operations. Nothing here knows what a scan is.
//!
//! A type that implements [`Registers`] stands for an instruction set with one width of register. A
//! register is a row of bytes; its *lanes* are elements of whatever type an operation says. Narrower
//! or wider elements in memory are a matter of [`Load`] and [`Store`], so that a kernel for 64-bit
//! lanes is one for bytes in memory as well.
//!
//! Every function must be inlined into one that has the instruction set's target feature, which is
//! the caller's part of the safety contract; that is why they are all `inline(always)`.

use crate::elem::{CastFrom, Complex, Elem};

/// Work that is compiled for an instruction set by [`Registers::enter`].
pub trait Task<A>: 'static {
    /// Does it; `inline(always)`.
    ///
    /// # Safety
    /// The implementation says.
    unsafe fn run(argument: &A);
}

/// An instruction set with one width of register.
///
/// # Safety of every function of this and the following traits
/// The processor has the instruction set. Pointers need no alignment but where it says so.
pub trait Registers: 'static {
    /// A register.
    type Reg: Copy;

    /// Does a task as a function of its own that may use the instruction set.
    ///
    /// # Safety
    /// The task's, and that of [`Registers`].
    unsafe fn enter<A, K: Task<A>>(argument: &A);

    /// Its width.
    const BYTES: usize;
    /// Whether partly filled registers are moved as fast as whole ones.
    const MASKS: bool = false;

    /// The same pointer, from which the compiler addresses all that is near it: left to itself, it
    /// may keep a pointer for every register that a loop reads or writes, more than there are places.
    #[inline(always)]
    fn anchor<T>(pointer: *const T) -> *const T {
        pointer
    }

    /// Reads a register.
    ///
    /// # Safety
    /// `BYTES` readable bytes.
    unsafe fn load(from: *const u8) -> Self::Reg;

    /// Writes a register.
    ///
    /// # Safety
    /// `BYTES` writable bytes.
    unsafe fn store(to: *mut u8, value: Self::Reg);

    /// Writes a register past the caches.
    ///
    /// # Safety
    /// `BYTES` writable bytes; the address is a multiple of 16.
    unsafe fn stream(to: *mut u8, value: Self::Reg);

    /// Reads the first `bytes` of a register, a whole number of elements of `size`; the rest is 0.
    ///
    /// # Safety
    /// `bytes <= BYTES` readable bytes.
    #[inline(always)]
    unsafe fn load_head(from: *const u8, bytes: usize, size: usize) -> Self::Reg {
        // SAFETY: this function's.
        unsafe { load_head_by_elements::<Self>(from, bytes, size) }
    }

    /// Writes the first `bytes` of a register, a whole number of elements of `size`.
    ///
    /// # Safety
    /// `bytes <= BYTES` writable bytes.
    #[inline(always)]
    unsafe fn store_head(to: *mut u8, value: Self::Reg, bytes: usize, size: usize) {
        let mut room = Room::ZEROED;
        // SAFETY: the room holds every register, and `bytes` are writable.
        unsafe {
            Self::store(room.bytes_mut(), value);
            copy_elements(room.bytes(), to, bytes, size);
        }
    }

    /// The same element in every lane.
    ///
    /// # Safety
    /// The elements' size divides 16.
    unsafe fn splat<T: Copy>(element: T) -> Self::Reg;

    /// The last element of a register in every lane.
    ///
    /// # Safety
    /// The elements have 4, 8 or 16 bytes.
    unsafe fn repeat_last<T>(value: Self::Reg) -> Self::Reg;

    /// The last `bytes` of `before` and then `value` without its last: `value` moved up by `bytes`,
    /// which is below `BYTES` and a power of two.
    ///
    /// # Safety
    /// The trait's.
    unsafe fn shift(before: Self::Reg, value: Self::Reg, bytes: usize) -> Self::Reg;

    /// `value` without its first `bytes` and then the first `bytes` of `before`: [`shift`](Self::shift) in
    /// the opposite direction.
    ///
    /// # Safety
    /// The trait's.
    #[inline(always)]
    unsafe fn shift_down(before: Self::Reg, value: Self::Reg, bytes: usize) -> Self::Reg {
        let mut rooms = [const { Room::ZEROED }; 2];
        let both = rooms.as_mut_ptr().cast::<u8>();
        // SAFETY: two rooms hold two registers one after the other.
        unsafe {
            Self::store(both, value);
            Self::store(both.add(Self::BYTES), before);
            Self::load(both.add(bytes))
        }
    }

    /// The first element of a register in every lane.
    ///
    /// # Safety
    /// The trait's.
    #[inline(always)]
    unsafe fn repeat_first<T: Copy>(value: Self::Reg) -> Self::Reg {
        let mut room = Room::ZEROED;
        // SAFETY: the room holds every register.
        unsafe {
            Self::store(room.bytes_mut(), value);
            Self::splat(room.bytes().cast::<T>().read())
        }
    }

    /// The first `bytes` of `head` and the rest of `tail`; `bytes` is at least 4 and below `BYTES`, and it
    /// or what it leaves of `BYTES` is a power of two.
    ///
    /// # Safety
    /// The trait's.
    unsafe fn merge(head: Self::Reg, tail: Self::Reg, bytes: usize) -> Self::Reg;
}

/// The operation `O` on lanes of `T`.
pub trait Apply<O, T>: Registers {
    /// Combines each lane of what comes first with that of what comes second.
    ///
    /// # Safety
    /// That of [`Registers`].
    unsafe fn apply(first: Self::Reg, second: Self::Reg) -> Self::Reg;

    /// Whether `undo` tells what came first.
    const UNDOES: bool = false;

    /// What came first, from the result and what came second.
    ///
    /// # Safety
    /// That of [`Registers`].
    #[inline(always)]
    unsafe fn undo(result: Self::Reg, _second: Self::Reg) -> Self::Reg {
        result
    }

    /// The same bits by other execution units, where there are idle ones.
    ///
    /// # Safety
    /// That of [`Registers`].
    #[inline(always)]
    unsafe fn apply_beside(first: Self::Reg, second: Self::Reg) -> Self::Reg {
        // SAFETY: as for this function.
        unsafe { Self::apply(first, second) }
    }

    /// Not 0 if there is a lane, in either register, for which `apply` is not the operation.
    ///
    /// # Safety
    /// That of [`Registers`].
    #[inline(always)]
    unsafe fn exceptions(_one: Self::Reg, _other: Self::Reg) -> u32 {
        0
    }
}

/// Elements of `M` in memory as lanes of `T`.
pub trait Load<M: Elem, T: CastFrom<M>>: Registers {
    /// Reads as many elements as there are lanes.
    ///
    /// # Safety
    /// That of [`Registers`], and the elements are readable.
    unsafe fn load_lanes(from: *const M) -> Self::Reg;

    /// Reads `n` elements into the first lanes; the rest is 0.
    ///
    /// # Safety
    /// That of [`Registers`], and the elements are readable and no more than lanes.
    #[inline(always)]
    unsafe fn load_head_lanes(from: *const M, n: usize) -> Self::Reg {
        let mut room = Room::ZEROED;
        let lanes = room.bytes_mut().cast::<T>();
        // SAFETY: n elements, for which the room has lanes.
        unsafe {
            for i in 0..n {
                lanes
                    .add(i)
                    .write(T::cast_from(from.add(i).read_unaligned()));
            }
            Self::load(room.bytes())
        }
    }
}

/// Lanes of `T` as elements of `M` in memory.
pub trait Store<T: Elem, M: CastFrom<T>>: Registers {
    /// Writes all lanes.
    ///
    /// # Safety
    /// That of [`Registers`], and the elements are writable.
    unsafe fn store_lanes(to: *mut M, value: Self::Reg);

    /// Writes all lanes past the caches.
    ///
    /// # Safety
    /// That of [`Registers`], the elements are writable, and the address is a multiple of 16.
    unsafe fn stream_lanes(to: *mut M, value: Self::Reg);

    /// Writes the first `n` lanes.
    ///
    /// # Safety
    /// That of [`Registers`], and the elements are writable and no more than lanes.
    #[inline(always)]
    unsafe fn store_head_lanes(to: *mut M, value: Self::Reg, n: usize) {
        let mut room = Room::ZEROED;
        // SAFETY: n elements, which the room has in its lanes.
        unsafe {
            Self::store(room.bytes_mut(), value);
            let lanes = room.bytes().cast::<T>();
            for i in 0..n {
                to.add(i).write_unaligned(M::cast_from(lanes.add(i).read()));
            }
        }
    }
}

/// An element that is the same in memory and in a lane.
pub trait Plain: Elem + CastFrom<Self> {}

macro_rules! plain {
    ($($t:ty),*) => { $(impl Plain for $t {})* };
}
plain!(
    i8,
    i16,
    i32,
    i64,
    u8,
    u16,
    u32,
    u64,
    f32,
    f64,
    Complex<f32>,
    Complex<f64>
);

impl<R: Registers, T: Plain> Load<T, T> for R {
    #[inline(always)]
    unsafe fn load_lanes(from: *const T) -> R::Reg {
        // SAFETY: this function's.
        unsafe { R::load(from.cast()) }
    }

    #[inline(always)]
    unsafe fn load_head_lanes(from: *const T, n: usize) -> R::Reg {
        // SAFETY: this function's.
        unsafe { R::load_head(from.cast(), n * size_of::<T>(), size_of::<T>()) }
    }
}

impl<R: Registers, T: Plain> Store<T, T> for R {
    #[inline(always)]
    unsafe fn store_lanes(to: *mut T, value: R::Reg) {
        // SAFETY: this function's.
        unsafe { R::store(to.cast(), value) }
    }

    #[inline(always)]
    unsafe fn stream_lanes(to: *mut T, value: R::Reg) {
        // SAFETY: this function's.
        unsafe { R::stream(to.cast(), value) }
    }

    #[inline(always)]
    unsafe fn store_head_lanes(to: *mut T, value: R::Reg, n: usize) {
        // SAFETY: this function's.
        unsafe { R::store_head(to.cast(), value, n * size_of::<T>(), size_of::<T>()) }
    }
}

/// Memory that holds a register of any width.
#[repr(align(64))]
pub struct Room([u8; Room::BYTES]);

impl Room {
    /// Bytes of the widest register.
    pub const BYTES: usize = 64;

    /// All 0.
    pub const ZEROED: Room = Room([0; Room::BYTES]);

    /// The bytes.
    #[inline(always)]
    pub fn bytes(&self) -> *const u8 {
        self.0.as_ptr()
    }

    /// The bytes, for writing.
    #[inline(always)]
    pub fn bytes_mut(&mut self) -> *mut u8 {
        self.0.as_mut_ptr()
    }
}

/// [`Registers::load_head`] by way of memory, which costs a dozen cycles or more: the processor has to
/// wait until the elements are there before it can read them as one.
///
/// # Safety
/// As that.
#[inline(always)]
pub unsafe fn load_head_by_elements<R: Registers + ?Sized>(
    from: *const u8,
    bytes: usize,
    size: usize,
) -> R::Reg {
    let mut room = Room::ZEROED;
    // SAFETY: the room holds every register, and `bytes` are readable.
    unsafe {
        copy_elements(from, room.bytes_mut(), bytes, size);
        R::load(room.bytes())
    }
}

/// Copies `bytes` in elements of `size`: for a handful of elements a loop is quicker than a call.
///
/// # Safety
/// The bytes are readable and writable and do not meet.
#[inline(always)]
unsafe fn copy_elements(from: *const u8, to: *mut u8, bytes: usize, size: usize) {
    macro_rules! copy {
        ($t:ty) => {
            for i in 0..bytes / size_of::<$t>() {
                // SAFETY: i is below the number of elements.
                unsafe {
                    let element = from.cast::<$t>().add(i).read_unaligned();
                    to.cast::<$t>().add(i).write_unaligned(element);
                }
            }
        };
    }
    match size {
        1 => copy!(u8),
        2 => copy!(u16),
        4 => copy!(u32),
        8 => copy!(u64),
        _ => copy!(u128),
    }
}

/// Implements [`Apply`] row by row: operation, lane types, and the result for two registers.
macro_rules! apply {
    ($registers:ty: $($op:ident $($t:ty)|+ => |$a:ident, $b:ident| $result:expr;)*) => { $($(
        impl $crate::simd::registers::Apply<$crate::op::$op, $t> for $registers {
            #[inline(always)]
            unsafe fn apply($a: Self::Reg, $b: Self::Reg) -> Self::Reg {
                // SAFETY: the processor has the instruction set, says the trait.
                unsafe { $result }
            }
        }
    )+)* };
}

/// The same for sums of integers: the last expression gets what came first back, from the result and what came second.
macro_rules! apply_undone {
    ($registers:ty: |$a:ident, $b:ident| $($op:ident $t:ty => $result:expr, $first:expr;)*) => { $(
        impl $crate::simd::registers::Apply<$crate::op::$op, $t> for $registers {
            #[inline(always)]
            unsafe fn apply($a: Self::Reg, $b: Self::Reg) -> Self::Reg {
                // SAFETY: the processor has the instruction set, says the trait.
                unsafe { $result }
            }

            const UNDOES: bool = true;

            #[inline(always)]
            unsafe fn undo($a: Self::Reg, $b: Self::Reg) -> Self::Reg {
                // SAFETY: the processor has the instruction set, says the trait.
                unsafe { $first }
            }
        }
    )* };
}

/// The same for maxima and minima of floats: where a lane is not a number, `apply` is not the
/// operation, and the last expression finds that in two registers.
#[allow(
    unused_macros,
    reason = "only some processors have registers with such lanes"
)]
macro_rules! apply_ordered {
    ($registers:ty: |$a:ident, $b:ident| $($op:ident $t:ty => $result:expr, $unordered:expr;)*) => { $(
        impl $crate::simd::registers::Apply<$crate::op::$op, $t> for $registers {
            #[inline(always)]
            unsafe fn apply($a: Self::Reg, $b: Self::Reg) -> Self::Reg {
                // SAFETY: the processor has the instruction set, says the trait.
                unsafe { $result }
            }

            #[inline(always)]
            unsafe fn exceptions($a: Self::Reg, $b: Self::Reg) -> u32 {
                // SAFETY: the processor has the instruction set, says the trait.
                unsafe { $unordered }
            }
        }
    )* };
}

pub(super) use {apply, apply_ordered, apply_undone};
