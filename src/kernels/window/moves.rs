//! How registers of a line are read and written, forward or backward.
//!
//! A line that runs backward has its first element at the highest address, and so the first element of
//! a register in its last lane. Operations are the same lane by lane; what goes from lane to lane goes
//! the other way.
//!
//! Tried: registers turned around after reading and before writing, 1.2 to 1.7 times as long as forward
//! in cache; and a branch a group instead of kernels of their own, which made forward scans of
//! reassociated floats 20 % slower.

use super::scan::{Reg, Spec};
use crate::op::Combine;
use crate::simd::registers::{Load, Registers, Room, Store};

/// How to go along a line, and what to show; `BACKWARD` if elements follow each other from higher to
/// lower addresses.
#[derive(Clone, Copy)]
pub struct Way<const BACKWARD: bool> {
    /// Whether results are shown one place later.
    pub exclusive: bool,
    /// Whether to write past the caches.
    pub streaming: bool,
    /// How far to ask for elements in advance, in bytes; 0 for not at all.
    pub ahead: usize,
}

impl<const BACKWARD: bool> Way<BACKWARD> {
    /// The place `n` elements on.
    #[inline(always)]
    pub fn on<T>(self, p: *const T, n: usize) -> *const T {
        if BACKWARD {
            p.wrapping_sub(n)
        } else {
            p.wrapping_add(n)
        }
    }

    /// The same for writing.
    #[inline(always)]
    pub fn on_mut<T>(self, p: *mut T, n: usize) -> *mut T {
        self.on(p.cast_const(), n).cast_mut()
    }

    /// The lowest address of the `n` elements that begin at `p`.
    #[inline(always)]
    fn lowest<T>(self, p: *const T, n: usize) -> *const T {
        if BACKWARD { p.wrapping_sub(n - 1) } else { p }
    }

    /// Bytes from where elements begin to where the next block of `size` bytes does, seen in their
    /// direction.
    #[inline(always)]
    pub fn to_boundary<T>(self, p: *const T, size: usize) -> usize {
        if BACKWARD {
            p.wrapping_add(1).addr() % size
        } else {
            p.addr().wrapping_neg() % size
        }
    }

    /// Reads a group of `G` registers, and the same elements one place earlier; the latter only from
    /// within the group, because in place what lies before it is no longer there.
    ///
    /// # Safety
    /// The group is readable.
    #[inline(always)]
    pub unsafe fn load_group<S: Spec, const G: usize>(
        self,
        x: *const S::X,
        last: Reg<S>,
    ) -> ([Reg<S>; G], [Reg<S>; G]) {
        let lowest = self.lowest(x, S::LANES);
        let mut elements = [last; G];
        let mut earlier = [last; G];
        // SAFETY: this function's.
        unsafe {
            for k in 0..G {
                let here = self.on(lowest, k * S::LANES);
                elements[k] = S::R::load_lanes(here);
                earlier[k] = if k == 0 {
                    shift::<S, BACKWARD>(last, elements[0], size_of::<S::T>())
                } else if BACKWARD {
                    S::R::load_lanes(here.add(1))
                } else {
                    S::R::load_lanes(here.sub(1))
                };
            }
        }
        (elements, earlier)
    }

    /// Reads `n` elements, at most `U` registers.
    ///
    /// # Safety
    /// They are readable.
    #[inline(always)]
    pub unsafe fn load_some<S: Spec, const U: usize>(
        self,
        x: *const S::X,
        n: usize,
    ) -> [Reg<S>; U] {
        // SAFETY: this function's.
        unsafe {
            let mut elements = [S::R::splat(<S::O as Combine<S::T>>::IDENTITY); U];
            for (k, element) in elements.iter_mut().enumerate() {
                let left = n.saturating_sub(k * S::LANES);
                let x = self.on(x, k * S::LANES);
                if left >= S::LANES {
                    *element = S::R::load_lanes(self.lowest(x, S::LANES));
                } else if left > 0 && BACKWARD {
                    let mut room = Room::ZEROED;
                    let room = room.bytes_mut().cast::<S::X>();
                    copy(self.lowest(x, left), room.add(S::LANES - left), left);
                    *element = S::R::load_lanes(room);
                } else if left > 0 {
                    *element = S::R::load_head_lanes(x, left);
                }
            }
            elements
        }
    }

    /// Writes `n` elements, at most `U` registers.
    ///
    /// # Safety
    /// They are writable.
    #[inline(always)]
    pub unsafe fn store_some<S: Spec, const U: usize>(
        self,
        out: *mut S::M,
        values: [Reg<S>; U],
        n: usize,
    ) {
        for (k, &value) in values.iter().enumerate() {
            let left = n.saturating_sub(k * S::LANES);
            let out = self.on_mut(out, k * S::LANES);
            // SAFETY: this function's.
            unsafe {
                if left >= S::LANES {
                    S::R::store_lanes(self.lowest(out, S::LANES).cast_mut(), value);
                } else if left > 0 && BACKWARD {
                    let mut room = Room::ZEROED;
                    let room = room.bytes_mut().cast::<S::M>();
                    S::R::store_lanes(room, value);
                    let lowest = self.lowest(out, left).cast_mut();
                    copy(room.add(S::LANES - left), lowest, left);
                } else if left > 0 {
                    S::R::store_head_lanes(out, value, left);
                }
            }
        }
    }

    /// Writes a group of registers.
    ///
    /// # Safety
    /// It is writable, and its lowest address a multiple of 16 bytes if it is to be streamed.
    #[inline(always)]
    pub unsafe fn store_group<S: Spec, const G: usize>(self, out: *mut S::M, values: [Reg<S>; G]) {
        let lowest = self.lowest(out, S::LANES).cast_mut();
        for (k, &value) in values.iter().enumerate() {
            let here = self.on_mut(lowest, k * S::LANES);
            // SAFETY: this function's.
            unsafe {
                if self.streaming {
                    S::R::stream_lanes(here, value);
                } else {
                    S::R::store_lanes(here, value);
                }
            }
        }
    }

    /// Asks for the elements that the next groups will read.
    #[inline(always)]
    pub fn prefetch<X>(self, x: *const X, n: usize) {
        #[cfg(target_arch = "x86_64")]
        {
            use std::arch::x86_64::{_MM_HINT_T1, _mm_prefetch};
            let lowest = self.lowest(x, n).cast::<i8>();
            let first = if BACKWARD {
                lowest.wrapping_sub(self.ahead)
            } else {
                lowest.wrapping_add(self.ahead)
            };
            for line in 0..(n * size_of::<X>()).div_ceil(64) {
                // SAFETY: a hint, which may be any address.
                unsafe { _mm_prefetch::<_MM_HINT_T1>(first.wrapping_add(64 * line)) }
            }
        }
        // Elsewhere there is no such hint in the language.
        #[cfg(not(target_arch = "x86_64"))]
        let _ = (x, n);
    }
}

/// `register` one place on in the line's direction, after the last element of `before`, which comes
/// first; `bytes` as for [`Registers::shift`].
///
/// # Safety
/// The instruction set is there.
#[inline(always)]
pub unsafe fn shift<S: Spec, const BACKWARD: bool>(
    before: Reg<S>,
    register: Reg<S>,
    bytes: usize,
) -> Reg<S> {
    // SAFETY: this function's.
    unsafe {
        if bytes == <S::R as Registers>::BYTES {
            before
        } else if BACKWARD {
            S::R::shift_down(before, register, bytes)
        } else {
            S::R::shift(before, register, bytes)
        }
    }
}

/// The first `bytes` in the line's direction of `head`, and the rest of `tail`.
///
/// # Safety
/// The instruction set is there.
#[inline(always)]
pub unsafe fn merge<S: Spec, const BACKWARD: bool>(
    head: Reg<S>,
    tail: Reg<S>,
    bytes: usize,
) -> Reg<S> {
    // SAFETY: this function's.
    unsafe {
        if BACKWARD {
            S::R::merge(tail, head, <S::R as Registers>::BYTES - bytes)
        } else {
            S::R::merge(head, tail, bytes)
        }
    }
}

/// The last element in the line's direction, in every lane.
///
/// # Safety
/// The instruction set is there.
#[inline(always)]
pub unsafe fn repeat_last<S: Spec, const BACKWARD: bool>(register: Reg<S>) -> Reg<S> {
    // SAFETY: this function's.
    unsafe {
        if BACKWARD {
            S::R::repeat_first::<S::T>(register)
        } else {
            S::R::repeat_last::<S::T>(register)
        }
    }
}

/// Copies `n` elements.
///
/// # Safety
/// They are readable and writable, and do not meet.
#[inline(never)]
unsafe fn copy<T: Copy>(x: *const T, out: *mut T, n: usize) {
    for i in 0..n {
        // SAFETY: i is below n.
        unsafe { out.add(i).write_unaligned(x.add(i).read_unaligned()) }
    }
}
