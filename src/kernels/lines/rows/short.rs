//! Rows that are shorter than a block or two, one after the other where they are no stream.

use super::flat::{Flat, flat};
use crate::elem::Elem;
use crate::kernels::{Block, Run, along};
use crate::simd::anchor;
use crate::simd::avx2::Lanewise;
use std::arch::x86_64::*;

/// Scans rows that are shorter than one or two blocks.
///
/// # Safety
/// As [`run`](super::run).
pub unsafe fn brief<A: Lanewise, const BOTH_WAYS: bool>(block: &Block) {
    let size = size_of::<A::T>();
    let gaps: Run = match size {
        4.. if BOTH_WAYS && block.is_backward() => short::<A, BOTH_WAYS>,
        4.. if !block.is_backward() => short::<A, false>,
        _ => along::run::<A>,
    };
    // SAFETY: this function's.
    unsafe { brief_rows(block, size, flat::<A>, along::run::<A>, gaps) }
}

/// [`brief`] for elements of a size, by a way to scan streams, one for single rows, and one for rows with gaps.
///
/// # Safety
/// As [`brief`].
#[inline(never)]
pub unsafe fn brief_rows(block: &Block, size: usize, flat: unsafe fn(&Flat), each: Run, gaps: Run) {
    // SAFETY: this function's.
    unsafe {
        match Flat::of(block, size) {
            Some(part) => {
                each(&part.before);
                flat(&part);
                each(&part.after);
            }
            None if block.started || block.keep => each(block),
            None => gaps(block),
        }
    }
}

/// Scans short rows one after the other, element by element: so short that the processor has several of them in
/// hand, and their chains overlap.
///
/// Beside a plain loop, with four rows side by side and so, 2000 rows on a Zen 3: of 5 i64 1.20 and 0.95, of 7 1.04 and
/// 0.74, of 5 f32 maxima 1.32 and 0.90, of 5 c128 1.30 and 0.72, of 7 c64 0.46 and 0.28. Fours are unrolled: as a loop
/// with a pointer each, 1.2 to 1.5 times as long.
///
/// # Safety
/// As [`Run`], for lines that have not started and are not kept; the processor has AVX2 and F16C. Elements have 4
/// bytes at least, and rows run backward if `BACKWARD`.
#[target_feature(enable = "avx2,f16c")]
unsafe fn short<A: Lanewise, const BACKWARD: bool>(block: &Block) {
    // SAFETY: this function's.
    unsafe {
        if block.exclusive {
            one_by_one_rows::<A, BACKWARD, true>(block);
        } else {
            one_by_one_rows::<A, BACKWARD, false>(block);
        }
    }
}

/// [`short`], exclusive or not.
#[inline(always)]
unsafe fn one_by_one_rows<A: Lanewise, const BACKWARD: bool, const EXCLUSIVE: bool>(block: &Block) {
    let size = size_of::<A::T>() as isize;
    let step = if BACKWARD { -size } else { size };
    let (mut x, mut out) = (block.x, block.out);
    // SAFETY: the caller's: the elements of the rows; one is read before its place is written.
    unsafe {
        for _ in 0..block.rows {
            let mut acc = one::load::<A>(x);
            if EXCLUSIVE {
                out.cast::<A::T>().write_unaligned(A::IDENTITY);
            } else {
                one::store::<A>(out, acc);
            }
            let mut at = (x.wrapping_offset(step), out.wrapping_offset(step));
            let mut left = block.len - 1;
            if EXCLUSIVE {
                // Not worth the code of fours.
                while left > 0 {
                    (at, acc) = some::<A, 1, EXCLUSIVE>(at, step, acc);
                    left -= 1;
                }
            }
            while left >= 4 {
                (at, acc) = some::<A, 4, EXCLUSIVE>(at, step, acc);
                left -= 4;
            }
            // One question where nothing is left over: rows of five have few operations beside those that are asked.
            if left > 0 {
                if left & 2 != 0 {
                    (at, acc) = some::<A, 2, EXCLUSIVE>(at, step, acc);
                }
                if left & 1 != 0 {
                    some::<A, 1, EXCLUSIVE>(at, step, acc);
                }
            }
            x = x.wrapping_offset(block.x_pitch);
            out = out.wrapping_offset(block.out_pitch);
        }
    }
}

/// The next `N` elements of a row; where the others begin, and their accumulator.
#[inline(always)]
unsafe fn some<A: Lanewise, const N: usize, const EXCLUSIVE: bool>(
    (x, out): (*const u8, *mut u8),
    step: isize,
    mut acc: one::One<A::T>,
) -> ((*const u8, *mut u8), one::One<A::T>) {
    // SAFETY: the caller's: as many elements; one is read before its place is written.
    unsafe {
        for k in 0..N as isize {
            let next = one::load::<A>(x.wrapping_offset(k * step));
            let before = acc;
            acc = one::step::<A>(acc, next);
            let shown = if EXCLUSIVE { before } else { acc };
            one::store::<A>(out.wrapping_offset(k * step), shown);
        }
    }
    let by = N as isize * step;
    // Anchored, or else the compiler unrolls the loop once more.
    let x = anchor(x.wrapping_offset(by));
    ((x, out.wrapping_offset(by)), acc)
}

/// Single elements in the lowest lane of half a register, where floats live anyway: both parts of a complex number
/// go in one move and one operation.
mod one {
    use super::*;

    /// An element: in a register of floats, or as it is.
    #[derive(Clone, Copy)]
    pub union One<T: Copy> {
        lanes: __m128i,
        element: T,
    }

    /// Whether elements are floats on which a step is more than one operation.
    const fn lanes<A: Lanewise>() -> bool {
        <A::T as Elem>::NAN.is_some() && !A::LIGHT
    }

    /// # Safety
    /// As [`Lanewise::step_lanes`]; there is an element of 4, 8 or 16 bytes.
    #[inline(always)]
    pub unsafe fn load<A: Lanewise>(x: *const u8) -> One<A::T> {
        // SAFETY: this function's.
        unsafe {
            if !lanes::<A>() {
                let element = A::first(x.cast::<A::T>().read_unaligned());
                return One { element };
            }
            let lanes = match size_of::<A::T>() {
                4 => _mm_loadu_si32(x),
                8 => _mm_loadl_epi64(x.cast()),
                _ => _mm_loadu_si128(x.cast()),
            };
            One { lanes }
        }
    }

    /// # Safety
    /// As [`load`], for what it has read.
    #[inline(always)]
    pub unsafe fn store<A: Lanewise>(out: *mut u8, one: One<A::T>) {
        // SAFETY: this function's.
        unsafe {
            if !lanes::<A>() {
                out.cast::<A::T>().write_unaligned(one.element);
                return;
            }
            match size_of::<A::T>() {
                4 => _mm_storeu_si32(out, one.lanes),
                8 => _mm_storel_epi64(out.cast(), one.lanes),
                _ => _mm_storeu_si128(out.cast(), one.lanes),
            }
        }
    }

    /// # Safety
    /// As [`load`], for what it has read.
    #[inline(always)]
    pub unsafe fn step<A: Lanewise>(acc: One<A::T>, next: One<A::T>) -> One<A::T> {
        // SAFETY: this function's.
        unsafe {
            if !lanes::<A>() {
                let element = A::step(acc.element, next.element);
                return One { element };
            }
            let wide = |one: One<A::T>| _mm256_castsi128_si256(one.lanes);
            let lanes = _mm256_castsi256_si128(A::step_lanes(wide(acc), wide(next)));
            One { lanes }
        }
    }
}
