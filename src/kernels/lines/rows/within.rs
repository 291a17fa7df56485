//! Rows of small integers, by prefixes within registers.

use super::flat::flat;
use super::short::brief_rows;
use crate::kernels::{Block, Run, along};
use crate::simd::avx2::{self, Lanewise, WIDTH};
use crate::simd::square::row;
use std::arch::x86_64::*;

/// Scans short rows of integers of one or two bytes.
///
/// # Safety
/// As [`run`](super::run), but for the size of elements, which is two with `PREFIXES`.
pub unsafe fn small<A: Lanewise, const PREFIXES: bool>(block: &Block, _rest: Run, _stream: bool) {
    // SAFETY: this function's; there is a neutral element for every integer.
    unsafe {
        if PREFIXES && block.len >= HALF && !block.is_backward() {
            within::<A>(block);
        } else {
            brief_rows(
                block,
                size_of::<A::T>(),
                flat::<A>,
                along::run::<A>,
                along::run::<A>,
            );
        }
    }
}

/// Elements of two bytes in half a register.
const HALF: usize = 8;

/// Scans rows of at least [`HALF`] integers of two bytes, by prefixes within half registers. What is left over at the
/// end of a row is done by a half register that overlaps the one before.
///
/// # Safety
/// As [`Run`]; the processor has AVX2 and F16C. Rows run forward.
#[target_feature(enable = "avx2,f16c")]
unsafe fn within<A: Lanewise>(block: &Block) {
    const BYTES: usize = WIDTH / 2;
    let (odd, size) = (block.len % HALF, size_of::<A::T>());
    let step = |a, x| {
        // SAFETY: the instruction set is there.
        unsafe {
            let (a, x) = (_mm256_castsi128_si256(a), _mm256_castsi128_si256(x));
            _mm256_castsi256_si128(A::step_lanes(a, x))
        }
    };
    // SAFETY: this function's: the half registers of a row lie in it, the last one is read before any is written,
    // and the accumulators are read if there are some.
    unsafe {
        let splat = |value: A::T| _mm256_castsi256_si128(avx2::splat(value));
        let neutral = splat(A::NEUTRAL.unwrap_or(A::IDENTITY));
        // The bytes of an element in all lanes.
        let bytes = |lane: usize| _mm_set1_epi16((0x100 + 0x202 * lane) as i16);
        let (last, behind) = (bytes(HALF - 1), bytes(odd.wrapping_sub(1) % HALF));
        let results = |carry, x| {
            let x = step(_mm_alignr_epi8::<14>(x, neutral), x);
            let x = step(_mm_alignr_epi8::<12>(x, neutral), x);
            let x = step(_mm_alignr_epi8::<8>(x, neutral), x);
            step(carry, x)
        };
        let show = |out: *mut u8, carry, results| {
            let shown = if block.exclusive {
                _mm_alignr_epi8::<14>(results, carry)
            } else {
                results
            };
            _mm_storeu_si128(out.cast(), shown);
        };
        for r in 0..block.rows {
            let mut x = row(block.x, block.x_pitch, r);
            let mut out = row(block.out, block.out_pitch, r);
            let slot = block.acc.cast::<A::T>().wrapping_add(r);
            let end = _mm_loadu_si128(x.add(block.len * size - BYTES).cast());
            let mut carry = if block.started {
                splat(slot.read())
            } else {
                neutral
            };
            let mut shown = carry;
            for _ in 0..block.len / HALF {
                shown = results(carry, _mm_loadu_si128(x.cast()));
                show(out, carry, shown);
                carry = _mm_shuffle_epi8(shown, last);
                (x, out) = (x.wrapping_add(BYTES), out.wrapping_add(BYTES));
            }
            if odd > 0 {
                carry = _mm_shuffle_epi8(shown, behind);
                shown = results(carry, end);
                show(out.wrapping_sub((HALF - odd) * size), carry, shown);
            }
            if block.keep {
                _mm_storeu_si16(slot.cast(), _mm_srli_si128::<14>(shown));
            }
        }
    }
}
