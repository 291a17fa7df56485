//! The hallway between callers' arrays and the kernels: moves strided blocks to and from contiguous
//! ones, and converts and rewrites contiguous elements.
//!
//! Everything here works on bytes and byte strides and may meet unaligned addresses. The functions are
//! picked once per call, by type and instruction set; they know nothing of shapes.
//!
//! Moving knows only the size of an element, converting only contiguous ones, so that their numbers
//! add and do not multiply. A block is moved in *runs*, along the direction in which both sides are
//! contiguous if there is one, and else the longer one. A run that lies the same way or the opposite
//! way on the two sides becomes vectors; where the two sides are contiguous in different directions,
//! elements go through square blocks of registers.

use crate::dtype::{DType, Kind};
use crate::elem::{Bool, CastFrom, Complex, Elem, FitFrom};
use crate::elem::{with_dtype, with_integer, with_real};
use crate::simd::Isa;
use crate::simd::anchor;
use std::mem::MaybeUninit;

/// A two-dimensional block of elements on its way: `n[0]` times `n[1]`.
pub struct Block {
    /// The first element.
    pub src: *const u8,
    /// Where it goes.
    pub dst: *mut u8,
    /// Extents.
    pub n: [usize; 2],
    /// Bytes from one element to the next.
    pub src_strides: [isize; 2],
    /// The same where they go.
    pub dst_strides: [isize; 2],
    /// Whether they had better not stay in the caches.
    #[cfg_attr(
        not(target_arch = "x86_64"),
        expect(dead_code, reason = "only x86-64 has moves past the caches")
    )]
    pub stream: bool,
}

/// Moves a block of elements that keep their bytes.
///
/// # Safety
/// All elements on both sides are addressable, those of the target for writing, and no element of one
/// side meets one of the other (they may be the same).
pub type Move = unsafe fn(&Block);

/// Writes `n` contiguous elements at the second address that are made from as many at the first.
///
/// # Safety
/// All elements on both sides are addressable, those of the target for writing, and the two sides do
/// not meet, or are the same with elements of one size.
pub type Rewrite = unsafe fn(*const u8, *mut u8, usize);

/// The same by elements that are not NaN; for those that are, an element whose bytes are the first of the
/// last argument's, with zeros behind them.
///
/// # Safety
/// As [`Rewrite`], and the last argument holds an element.
pub type Replace = unsafe fn(*const u8, *mut u8, usize, u128);

/// Converts `n` elements from `src`, `src_stride` bytes apart, to `dst`, `dst_stride` bytes apart, and
/// returns how many it converted before one that did not fit.
///
/// # Safety
/// All elements on both sides are addressable, those of the target for writing, and do not meet.
pub type Fit = unsafe fn(*const u8, isize, *mut u8, isize, usize) -> usize;

impl Block {
    /// The same elements as one row, if on both sides each row, or column, goes on where the one before ends.
    #[inline(never)]
    pub fn joined(self) -> Block {
        let all = self.n[0] * self.n[1];
        for fast in [1, 0] {
            let n = self.n[fast] as isize;
            let even = |strides: [isize; 2]| strides[1 - fast] == strides[fast] * n;
            if even(self.src_strides) && even(self.dst_strides) {
                return Block {
                    n: [1, all],
                    src_strides: [0, self.src_strides[fast]],
                    dst_strides: [0, self.dst_strides[fast]],
                    ..self
                };
            }
        }
        self
    }

    /// The directions of a block with elements of this size: across runs, along runs. There once for all moves.
    #[inline(never)]
    fn directions(&self, size: usize) -> (usize, usize) {
        let even = |dim: usize| {
            self.src_strides[dim].unsigned_abs() == size
                && self.dst_strides[dim].unsigned_abs() == size
        };
        let apart = |dim: usize| {
            self.src_strides[dim].unsigned_abs() + self.dst_strides[dim].unsigned_abs()
        };
        // A run of a few elements is not worth its start.
        let long = |dim: usize| self.n[dim] >= 8 || self.n[dim] >= self.n[1 - dim];
        let good = |dim: usize| even(dim) && long(dim);
        // Where no run is a vector, its cache lines matter more than its start, if there are some elements.
        let near = |dim: usize| self.n[dim] >= 32 && apart(dim) < apart(1 - dim);
        if good(1) || !good(0) && (near(1) || !near(0) && self.n[1] >= self.n[0]) {
            (0, 1)
        } else {
            (1, 0)
        }
    }
}

/// `n` strided elements.
#[inline(always)]
unsafe fn run<T: Copy>(
    src: *const u8,
    src_stride: isize,
    dst: *mut u8,
    dst_stride: isize,
    n: usize,
) {
    let size = size_of::<T>() as isize;
    // SAFETY: the caller's: every address is that of an element; unaligned access is allowed for.
    unsafe {
        if src_stride == -size && dst_stride == size && n > 0 {
            let (last, dst) = (src.cast::<T>().sub(n - 1), dst.cast::<T>());
            for i in 0..n {
                dst.add(i)
                    .write_unaligned(last.add(n - 1 - i).read_unaligned());
            }
        } else if src_stride == size && dst_stride == -size && n > 0 {
            let (src, last) = (src.cast::<T>(), dst.cast::<T>().sub(n - 1));
            for i in 0..n {
                last.add(i)
                    .write_unaligned(src.add(n - 1 - i).read_unaligned());
            }
        } else {
            for i in 0..n as isize {
                let x = src.offset(i * src_stride).cast::<T>().read_unaligned();
                dst.offset(i * dst_stride).cast::<T>().write_unaligned(x);
            }
        }
    }
}

/// [`Move`] of elements of one size.
#[inline(always)]
unsafe fn move_block<T: Copy>(block: &Block) {
    let size = size_of::<T>() as isize;
    let (slow, fast) = block.directions(size as usize);
    let contiguous = block.src_strides[fast] == size && block.dst_strides[fast] == size;
    for i in 0..block.n[slow] as isize {
        let src = block.src.wrapping_offset(i * block.src_strides[slow]);
        let dst = block.dst.wrapping_offset(i * block.dst_strides[slow]);
        // SAFETY: as for this function; contiguous runs may be the same memory, which `copy` allows.
        unsafe {
            if contiguous {
                std::ptr::copy(src, dst, block.n[fast] * size as usize);
            } else {
                let strides = (block.src_strides[fast], block.dst_strides[fast]);
                run::<T>(src, strides.0, dst, strides.1, block.n[fast]);
            }
        }
    }
}

/// Every element through `f`.
#[inline(always)]
unsafe fn map<S: Copy, D: Copy>(src: *const u8, dst: *mut u8, n: usize, f: impl Fn(S) -> D) {
    let (src, dst) = (src.cast::<S>(), dst.cast::<D>());
    for i in 0..n {
        // SAFETY: the caller's.
        unsafe { dst.add(i).write_unaligned(f(src.add(i).read_unaligned())) }
    }
}

/// [`Rewrite`] from one type to another.
unsafe fn cast<S: Elem, D: CastFrom<S>>(src: *const u8, dst: *mut u8, n: usize) {
    // SAFETY: as for this function.
    unsafe { cast_one_by_one::<S, D>(src, dst, n) }
}

/// [`cast`] as part of another function.
#[inline(always)]
unsafe fn cast_one_by_one<S: Elem, D: CastFrom<S>>(src: *const u8, dst: *mut u8, n: usize) {
    // Vectors of 16 bytes gain little in most of these, and take 35 KB. What has better ones is
    // below, and other processors get what the compiler finds.
    // SAFETY: as for this function.
    unsafe { map(src, dst, n, one_by_one(|x: S| D::cast_from(x))) }
}

/// A function of elements that the compiler does not take several at a time.
#[inline(always)]
fn one_by_one<S: Copy, D: Copy>(f: impl Fn(S) -> D) -> impl Fn(S) -> D {
    move |x| {
        #[cfg(target_arch = "x86_64")]
        // SAFETY: does nothing, which the compiler does not know.
        unsafe {
            std::arch::asm!("", options(nomem, nostack, preserves_flags));
        }
        f(x)
    }
}

/// [`map`] by vectors, as far as they are filled.
#[inline(always)]
unsafe fn map_by_vectors<S: Copy, D: Copy>(
    src: *const u8,
    dst: *mut u8,
    n: usize,
    f: impl Fn(S) -> D,
) {
    /// Elements of which the vectorised loop does a multiple: for others the compiler would make two loops more.
    const TOGETHER: usize = 32;
    let whole = n - n % TOGETHER;
    // SAFETY: the caller's.
    unsafe {
        map(src, dst, whole, &f);
        let (src, dst) = (
            src.add(whole * size_of::<S>()),
            dst.add(whole * size_of::<D>()),
        );
        map(src, dst, n - whole, one_by_one(f));
    }
}

/// [`Rewrite`] from complex numbers to others, whose parts are twice as many real ones.
unsafe fn parts<S: Elem, D: CastFrom<S>>(src: *const u8, dst: *mut u8, n: usize) {
    // SAFETY: as for this function.
    unsafe { cast::<S, D>(src, dst, 2 * n) }
}

/// [`Rewrite`] between integers, to the nearest value there is.
unsafe fn clamp<S: Elem, D: FitFrom<S>>(src: *const u8, dst: *mut u8, n: usize) {
    // SAFETY: as for this function.
    unsafe { map_by_vectors(src, dst, n, |x: S| D::clamp_from(x)) }
}

/// Puts a NaN wherever there is one in `x`. Most pieces have none, and are only looked at.
#[inline(always)]
unsafe fn put_back<T: Elem>(x: *const u8, values: *mut u8, n: usize) {
    /// Elements that are looked at together.
    const TOGETHER: usize = 16;
    let (x, values) = (x.cast::<T>(), values.cast::<T>());
    let Some(nan) = T::NAN else { return };
    let mut start = 0;
    while start < n {
        let len = TOGETHER.min(n - start);
        // SAFETY: n contiguous elements on both sides.
        unsafe {
            let at = anchor(x.add(start));
            let missing = |i: usize| at.add(i).read_unaligned().is_nan();
            let whole = len == TOGETHER;
            if !whole || (0..TOGETHER).fold(false, |any, i| any | missing(i)) {
                let (mut at, mut value) = (at, values.add(start));
                for _ in 0..len {
                    if at.read_unaligned().is_nan() {
                        value.write_unaligned(nan);
                    }
                    (at, value) = (anchor(at.add(1)), value.add(1));
                }
            }
        }
        start += len;
    }
}

/// [`Replace`] in elements of `T`.
#[inline(always)]
unsafe fn replace<T: Elem>(x: *const u8, tile: *mut u8, n: usize, by: u128) {
    let element = (&raw const by).cast::<T>();
    let zero = MaybeUninit::<T>::zeroed();
    // SAFETY: n contiguous elements on both sides; `by` holds one, and zeros are one of every type.
    unsafe {
        let (element, zero) = (element.read(), zero.assume_init());
        if by == 0 {
            // In sums, what is compared need only be masked. Down columns, blending took 1.14 times as long.
            map_by_vectors(x, tile, n, |x: T| if x.is_nan() { zero } else { x });
        } else {
            map_by_vectors(x, tile, n, |x: T| if x.is_nan() { element } else { x });
        }
    }
}

/// The functions of this file compiled for AVX2.
#[cfg(target_arch = "x86_64")]
mod avx2 {
    use super::{Block, CastFrom, Complex, DType, Elem, Rewrite};
    use crate::simd::square;
    use std::mem::MaybeUninit;

    /// A type with its code.
    pub trait Coded: Elem {
        const DTYPE: DType;
    }

    macro_rules! coded {
        ($($dtype:ident $t:ty;)*) => { $(
            impl Coded for $t {
                const DTYPE: DType = DType::$dtype;
            }
        )* };
    }
    coded! {
        I8 i8; I16 i16; I32 i32; I64 i64; U8 u8; U16 u16; U32 u32; U64 u64;
        F16 crate::elem::F16; Bf16 crate::elem::Bf16; F32 f32; F64 f64;
        C64 Complex<f32>; C128 Complex<f64>; Bool crate::elem::Bool;
    }

    /// The type by way of which elements of one type become those of another, where that gives the same
    /// bits: that saves more than half of the code for conversions. From a 16-bit float, the way is the one
    /// that its conversions go anyway. The first step rounds nothing, but for integers of 64 bits that are beyond
    /// a 16-bit float anyway.
    const fn way(from: DType, to: DType) -> Option<DType> {
        use DType::{Bf16, Bool, C64, C128, F16, F32, F64, I8, I16, I32, I64, U8, U16, U32, U64};
        match (from, to) {
            (Bool, Bool | U8 | I8) | (_, F32) | (F32, C64) | (F64, C128) => None,
            (Bool, _) => Some(U8),
            (F16 | Bf16, _) | (_, C64) => Some(F32),
            (_, C128) => Some(F64),
            (I8 | U8 | I16 | U16, F16 | Bf16) => Some(F32),
            (I32 | U32, F16 | Bf16) | (I64 | U64, F16) => Some(F64),
            (F32, I8 | U8 | I16 | U16 | I32 | U32) => Some(F64),
            _ => None,
        }
    }

    /// As [`super::cast`].
    pub unsafe fn cast<S, D>(src: *const u8, dst: *mut u8, n: usize)
    where
        S: Coded,
        D: Coded + CastFrom<S> + CastFrom<u8> + CastFrom<f32> + CastFrom<f64>,
        u8: CastFrom<S>,
        f32: CastFrom<S>,
        f64: CastFrom<S>,
    {
        // SAFETY: as for this function.
        unsafe {
            match const { way(S::DTYPE, D::DTYPE) } {
                None => directly::<S, D>(src, dst, n),
                Some(DType::U8) => in_two::<S, u8, D>(cast::<S, u8>, cast::<u8, D>, src, dst, n),
                Some(DType::F32) => {
                    in_two::<S, f32, D>(cast::<S, f32>, cast::<f32, D>, src, dst, n)
                }
                Some(_) => in_two::<S, f64, D>(cast::<S, f64>, cast::<f64, D>, src, dst, n),
            }
        }
    }

    /// As [`super::parts`].
    pub unsafe fn parts<S: Elem, D: CastFrom<S>>(src: *const u8, dst: *mut u8, n: usize) {
        // SAFETY: as for this function.
        unsafe { directly::<S, D>(src, dst, 2 * n) }
    }

    /// [`cast`] in one step.
    #[target_feature(enable = "avx2,f16c,bmi2")]
    unsafe fn directly<S: Elem, D: CastFrom<S>>(src: *const u8, dst: *mut u8, n: usize) {
        // SAFETY: as for this function.
        unsafe { super::map_by_vectors(src, dst, n, |x: S| D::cast_from(x)) }
    }

    /// [`cast`] in two, by way of elements of type `M`.
    #[inline(always)]
    unsafe fn in_two<S, M, D>(
        first: Rewrite,
        second: Rewrite,
        src: *const u8,
        dst: *mut u8,
        n: usize,
    ) {
        // SAFETY: as for `cast`.
        unsafe {
            in_steps(
                [first, second],
                [size_of::<S>(), size_of::<M>(), size_of::<D>()],
                src,
                dst,
                n,
            )
        }
    }

    /// The same for all types, given their sizes.
    #[inline(never)]
    unsafe fn in_steps(
        steps: [Rewrite; 2],
        sizes: [usize; 3],
        src: *const u8,
        dst: *mut u8,
        n: usize,
    ) {
        let mut room = [MaybeUninit::<u64>::uninit(); 256];
        let most = size_of_val(&room) / sizes[1];
        let room = room.as_mut_ptr().cast::<u8>();
        let mut i = 0;
        while i < n {
            let len = most.min(n - i);
            // SAFETY: as for `cast`; the room holds as many elements.
            unsafe {
                steps[0](src.add(i * sizes[0]), room, len);
                steps[1](room, dst.add(i * sizes[2]), len);
            }
            i += len;
        }
    }

    /// As [`super::replace`].
    #[target_feature(enable = "avx2,f16c,bmi2")]
    pub unsafe fn replace<T: Elem>(x: *const u8, tile: *mut u8, n: usize, by: u128) {
        // SAFETY: as for this function.
        unsafe { super::replace::<T>(x, tile, n, by) }
    }

    /// As [`super::put_back`].
    #[target_feature(enable = "avx2,f16c,bmi2")]
    pub unsafe fn put_back<T: Elem>(x: *const u8, values: *mut u8, n: usize) {
        // SAFETY: as for this function.
        unsafe { super::put_back::<T>(x, values, n) }
    }

    /// As [`super::move_block`].
    #[target_feature(enable = "avx2,f16c,bmi2")]
    pub unsafe fn move_block<T: Copy>(block: &Block) {
        let size = size_of::<T>() as isize;
        // SAFETY: as for this function.
        unsafe {
            for (row, column) in [(0, 1), (1, 0)] {
                // A direction of few elements is not worth a transpose.
                let turned = block.src_strides[column] == size
                    && block.dst_strides[row] == size
                    && block.n[row].min(block.n[column]) >= 4;
                if turned
                    && square::transpose::<T>(
                        (block.src, block.src_strides[row]),
                        (block.dst, block.dst_strides[column]),
                        block.n[row],
                        block.n[column],
                        block.stream,
                    )
                {
                    return;
                }
            }
            super::move_block::<T>(block)
        }
    }
}

/// [`Fit`] between two types.
unsafe fn fit<S: Elem, D: FitFrom<S>>(
    src: *const u8,
    src_stride: isize,
    dst: *mut u8,
    dst_stride: isize,
    n: usize,
) -> usize {
    for i in 0..n {
        // SAFETY: as for this function.
        unsafe {
            let x = src
                .offset(i as isize * src_stride)
                .cast::<S>()
                .read_unaligned();
            match D::fit_from(x) {
                Some(y) => dst
                    .offset(i as isize * dst_stride)
                    .cast::<D>()
                    .write_unaligned(y),
                None => return i,
            }
        }
    }
    n
}

/// The same function as it is everywhere, and compiled for AVX2.
macro_rules! by_isa {
    ($isa:expr, $function:ident::<$($t:ty),*>) => {
        match $isa {
            #[cfg(target_arch = "x86_64")]
            Isa::Avx2 | Isa::Avx512 => avx2::$function::<$($t),*>,
            _ => $function::<$($t),*>,
        }
    };
}

/// The move of elements of `size` bytes.
pub fn move_of_size(isa: Isa, size: usize) -> Move {
    match size {
        1 => by_isa!(isa, move_block::<u8>),
        2 => by_isa!(isa, move_block::<u16>),
        4 => by_isa!(isa, move_block::<u32>),
        8 => by_isa!(isa, move_block::<u64>),
        _ => by_isa!(isa, move_block::<u128>),
    }
}

/// The conversion between two types, which must be one that exists ([`DType::casts_to`]); `None` if
/// elements keep their bytes.
pub fn convert(isa: Isa, from: DType, to: DType) -> Option<Rewrite> {
    if from == to && from != DType::Bool {
        return None;
    }
    Some(match (from, to) {
        (DType::C64, DType::C128) => by_isa!(isa, parts::<f32, f64>),
        (DType::C128, DType::C64) => by_isa!(isa, parts::<f64, f32>),
        (DType::C64, _) => cast::<Complex<f32>, Bool>,
        (DType::C128, _) => cast::<Complex<f64>, Bool>,
        _ => with_real!(from, S => with_dtype!(to, D => by_isa!(isa, cast::<S, D>)),
            else unreachable!()),
    })
}

/// The conversion between two types that clamps integers to what fits.
pub fn convert_clamping(isa: Isa, from: DType, to: DType) -> Option<Rewrite> {
    /// `None` where there is nothing to clamp.
    const fn clamping<S: Elem, D: FitFrom<S>>() -> Option<Rewrite> {
        match D::ALWAYS {
            true => None,
            false => Some(clamp::<S, D>),
        }
    }
    let integers = from.kind() == Kind::Integer && to.kind() == Kind::Integer;
    let clamping = match integers {
        true => with_integer!(from, S => with_integer!(to, D => const { clamping::<S, D>() },
            else unreachable!()), else unreachable!()),
        false => None,
    };
    clamping.or_else(|| convert(isa, from, to))
}

/// The conversion that notices integers that do not fit; `None` where everything fits.
pub fn convert_fitting(from: DType, to: DType) -> Option<Fit> {
    const fn fitting<S: Elem, D: FitFrom<S>>() -> Option<Fit> {
        match D::ALWAYS {
            true => None,
            false => Some(fit::<S, D>),
        }
    }
    let integers = from.kind() == Kind::Integer && to.kind() == Kind::Integer;
    match integers {
        true => with_integer!(from, S => with_integer!(to, D => const { fitting::<S, D>() },
            else unreachable!()), else unreachable!()),
        false => None,
    }
}

/// The function that replaces NaN, in types that have one.
pub fn replace_nan(isa: Isa, dtype: DType) -> Option<Replace> {
    with_dtype!(dtype, T => match <T as Elem>::NAN {
        Some(_) => Some(by_isa!(isa, replace::<T>)),
        None => None,
    })
}

/// The function that puts a NaN back wherever the first piece has one.
pub fn put_back_nan(isa: Isa, dtype: DType) -> Rewrite {
    with_dtype!(dtype, T => by_isa!(isa, put_back::<T>))
}
