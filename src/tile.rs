//! The hallway between callers' arrays and the kernels: moves strided pieces of any type to and from
//! contiguous pieces of the computing type.
//!
//! Everything here works on bytes and byte strides, element by element, and may meet unaligned
//! addresses. The functions are picked once per call, by type; they know nothing of shapes.

use crate::dtype::{DType, Kind};
use crate::elem::{Bool, CastFrom, Complex, Elem, FitFrom};
use crate::elem::{with_dtype, with_integer, with_real};

/// Moves `n` elements from `src`, `src_stride` bytes apart, to `dst`, `dst_stride` bytes apart.
///
/// # Safety
/// All `n` elements on both sides are addressable, those of `dst` for writing, and no element of one
/// side meets one of the other (they may be the same).
pub type Convert = unsafe fn(*const u8, isize, *mut u8, isize, usize);

/// As [`Convert`], and returns how many elements it moved before one that did not fit.
pub type Fit = unsafe fn(*const u8, isize, *mut u8, isize, usize) -> usize;

/// Rewrites `n` contiguous elements of the computing type at the second address, looking at as many
/// at the first.
pub type Rewrite = unsafe fn(*const u8, *mut u8, usize);

/// `n` strided elements through `f`.
///
/// # Safety
/// As [`Convert`].
#[inline(always)]
unsafe fn map<S: Copy, D: Copy>(
    src: *const u8,
    src_stride: isize,
    dst: *mut u8,
    dst_stride: isize,
    n: usize,
    f: impl Fn(S) -> D,
) {
    let (s, d) = (size_of::<S>() as isize, size_of::<D>() as isize);
    // SAFETY: the caller's: every address is that of an element; unaligned access is allowed for.
    unsafe {
        if src_stride == s && dst_stride == d {
            let (src, dst) = (src.cast::<S>(), dst.cast::<D>());
            for i in 0..n {
                dst.add(i).write_unaligned(f(src.add(i).read_unaligned()));
            }
        } else if dst_stride == d {
            let dst = dst.cast::<D>();
            for i in 0..n {
                let x = src
                    .offset(i as isize * src_stride)
                    .cast::<S>()
                    .read_unaligned();
                dst.add(i).write_unaligned(f(x));
            }
        } else {
            for i in 0..n as isize {
                let x = src.offset(i * src_stride).cast::<S>().read_unaligned();
                dst.offset(i * dst_stride).cast::<D>().write_unaligned(f(x));
            }
        }
    }
}

/// [`Convert`] between two types.
unsafe fn cast<S: Elem, D: CastFrom<S>>(
    src: *const u8,
    src_stride: isize,
    dst: *mut u8,
    dst_stride: isize,
    n: usize,
) {
    // SAFETY: as for this function.
    unsafe { map(src, src_stride, dst, dst_stride, n, |x: S| D::cast_from(x)) }
}

/// [`Convert`] of elements that keep their bytes.
unsafe fn copy<T: Copy>(
    src: *const u8,
    src_stride: isize,
    dst: *mut u8,
    dst_stride: isize,
    n: usize,
) {
    let size = size_of::<T>();
    // SAFETY: as for this function; contiguous sides are n elements of `size` bytes. They may be the
    // same memory, which `copy` allows.
    unsafe {
        if src_stride == size as isize && dst_stride == size as isize {
            std::ptr::copy(src, dst, n * size);
        } else {
            map(src, src_stride, dst, dst_stride, n, |x: T| x)
        }
    }
}

/// [`Convert`] between integers, to the nearest value there is.
unsafe fn clamp<S: Elem, D: FitFrom<S>>(
    src: *const u8,
    src_stride: isize,
    dst: *mut u8,
    dst_stride: isize,
    n: usize,
) {
    // SAFETY: as for this function.
    unsafe { map(src, src_stride, dst, dst_stride, n, |x: S| D::clamp_from(x)) }
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

/// The copy of elements of `size` bytes.
pub fn copy_of_size(size: usize) -> Convert {
    match size {
        1 => copy::<u8>,
        2 => copy::<u16>,
        4 => copy::<u32>,
        8 => copy::<u64>,
        _ => copy::<u128>,
    }
}

/// The conversion between two types, which must be one that exists ([`DType::casts_to`]).
pub fn convert(from: DType, to: DType) -> Convert {
    if from == to && from != DType::Bool {
        return copy_of_size(from.size());
    }
    match (from, to) {
        (DType::C64, DType::C128) => cast::<Complex<f32>, Complex<f64>>,
        (DType::C128, DType::C64) => cast::<Complex<f64>, Complex<f32>>,
        (DType::C64, _) => cast::<Complex<f32>, Bool>,
        (DType::C128, _) => cast::<Complex<f64>, Bool>,
        _ => with_real!(from, S => with_dtype!(to, D => cast::<S, D>), else unreachable!()),
    }
}

/// The conversion between two types that clamps integers to what fits.
pub fn convert_clamping(from: DType, to: DType) -> Convert {
    let integers = from.kind() == Kind::Integer && to.kind() == Kind::Integer;
    if !integers || from == to {
        return convert(from, to);
    }
    with_integer!(from, S => with_integer!(to, D => clamp::<S, D>, else unreachable!()),
        else unreachable!())
}

/// The conversion that notices integers that do not fit; `None` where everything fits.
pub fn convert_fitting(from: DType, to: DType) -> Option<Fit> {
    let integers = from.kind() == Kind::Integer && to.kind() == Kind::Integer;
    if !integers || from == to {
        return None;
    }
    Some(
        with_integer!(from, S => with_integer!(to, D => fit::<S, D>, else unreachable!()),
        else unreachable!()),
    )
}

/// Puts a NaN wherever there is one in `x`.
unsafe fn put_back<T: Elem>(x: *const u8, values: *mut u8, n: usize) {
    let (x, values) = (x.cast::<T>(), values.cast::<T>());
    let Some(nan) = T::NAN else { return };
    for i in 0..n {
        // SAFETY: n contiguous elements on both sides.
        unsafe {
            let value = values.add(i).read_unaligned();
            let missing = x.add(i).read_unaligned().is_nan();
            values
                .add(i)
                .write_unaligned(if missing { nan } else { value });
        }
    }
}

/// The function that puts a NaN back wherever the first piece has one.
pub fn put_back_nan(dtype: DType) -> Rewrite {
    with_dtype!(dtype, T => put_back::<T>)
}
