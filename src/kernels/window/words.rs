//! Sums of integers of 32 bits in lanes of 64 bits, by AVX-512.
//!
//! To widen four integers moves lanes, and so do windows; processors do one or two of those at a time. Here eight
//! integers are read as four lanes of two, which shifts within lanes take apart, and windows are those of pairs:
//!
//! ```text
//! x                  a b c d e f g h             two to a lane
//! even, odd          a c e g,  b d f h           in 64 bits
//! window of 4 pairs  .. + a+b, .. + c+d, ..      as windows grow everywhere, of even + odd
//! through odd        what it was four pairs before + window
//! through even       through odd - odd
//! ```
//!
//! An exclusive scan shows `through odd - pair` and `through even` for the two.
//!
//! On an Emerald Rapids, 10^5 i32 take 0.21 ns an element, and by windows of single integers 0.25. By AVX2, which has no
//! such shift that keeps the sign, it is no faster.

use super::bytes::{one_by_one, rows};
use crate::elem::{CastFrom, Elem};
use crate::kernels::Block;
use crate::simd::registers::{Registers, Task};
use crate::simd::x86::Avx512;
use std::arch::x86_64::*;
use std::marker::PhantomData;

/// Elements of a step.
const STEP: usize = 8;

/// An integer of 32 bits.
pub trait Word: Elem {
    const SIGNED: bool;
}

impl Word for i32 {
    const SIGNED: bool = true;
}

impl Word for u32 {
    const SIGNED: bool = false;
}

/// Scans the rows of a block whose `x` are of type `X` and whose results are of 64 bits.
pub struct WordSums<X>(PhantomData<X>);

impl<X: Word> Task<Block> for WordSums<X>
where
    u64: CastFrom<X>,
{
    #[inline(always)]
    unsafe fn run(block: &Block) {
        // SAFETY: this function's; what was streamed is seen before anything that follows.
        unsafe {
            match (block.exclusive, block.stream) {
                (false, false) => all::<X, false, false>(block),
                (true, false) => all::<X, true, false>(block),
                (false, true) => all::<X, false, true>(block),
                (true, true) => all::<X, true, true>(block),
            }
            if block.stream {
                _mm_sfence();
            }
        }
    }
}

/// Scans the rows, past the caches if `STREAM`.
///
/// # Safety
/// As [`crate::kernels::Run`]; the processor has the instruction set.
#[inline(always)]
unsafe fn all<X: Word, const EXCLUSIVE: bool, const STREAM: bool>(block: &Block)
where
    u64: CastFrom<X>,
{
    // SAFETY: this function's: every piece is within the row.
    unsafe {
        rows(block, |x, out, acc| {
            // Elements in front of a cache line of results, if any begins one.
            let lead = match STREAM {
                true => out.align_offset(64),
                false => 0,
            };
            let whole = STREAM && lead < STEP;
            let lead = if whole { lead.min(block.len) } else { 0 };
            let steps = (block.len - lead) / STEP;
            let acc = one_by_one::<X>(block, x, out, lead, acc);
            let (x, out) = (x.add(lead * size_of::<X>()), out.add(lead));
            let acc = match whole {
                true => scan::<X, EXCLUSIVE, STREAM>(x, out, steps, acc, block.ahead),
                false => scan::<X, EXCLUSIVE, false>(x, out, steps, acc, block.ahead),
            };
            let done = steps * STEP;
            let (x, out) = (x.add(done * size_of::<X>()), out.add(done));
            one_by_one::<X>(block, x, out, block.len - lead - done, acc)
        });
    }
}

/// Scans so many steps, and returns the accumulator.
///
/// # Safety
/// `x` and `out` have the elements, which do not meet; the processor has the instruction set.
#[inline(always)]
unsafe fn scan<X: Word, const EXCLUSIVE: bool, const STREAM: bool>(
    mut x: *const u8,
    mut out: *mut u64,
    steps: usize,
    acc: u64,
    ahead: usize,
) -> u64 {
    if steps == 0 {
        return acc;
    }
    // SAFETY: this function's.
    unsafe {
        let mut through = _mm256_set1_epi64x(acc as i64);
        let mut past = [_mm256_setzero_si256(); 2];
        for _ in 0..steps {
            if ahead > 0 {
                _mm_prefetch::<_MM_HINT_T1>(x.wrapping_add(ahead).cast());
            }
            let both = Avx512::load(x);
            let (even, odd) = (even::<X>(both), odd::<X>(both));
            let pairs = _mm256_add_epi64(even, odd);
            let twos = _mm256_add_epi64(pairs, Avx512::shift(past[0], pairs, 8));
            let fours = _mm256_add_epi64(twos, Avx512::shift(past[1], twos, 16));
            past = [pairs, twos];
            through = _mm256_add_epi64(through, fours);
            let through_even = _mm256_sub_epi64(through, odd);
            let shown = match EXCLUSIVE {
                true => [_mm256_sub_epi64(through, pairs), through_even],
                false => [through_even, through],
            };
            let places = [
                _mm256_unpacklo_epi64(shown[0], shown[1]),
                _mm256_unpackhi_epi64(shown[0], shown[1]),
            ];
            let to = out.cast::<__m256i>();
            store::<STREAM>(to, _mm256_permute2x128_si256::<0x20>(places[0], places[1]));
            store::<STREAM>(
                to.add(1),
                _mm256_permute2x128_si256::<0x31>(places[0], places[1]),
            );
            (x, out) = (x.add(STEP * size_of::<X>()), out.add(STEP));
        }
        _mm256_extract_epi64::<3>(through) as u64
    }
}

/// Writes four results.
///
/// # Safety
/// They have a place, one that is aligned if they are streamed.
#[inline(always)]
unsafe fn store<const STREAM: bool>(to: *mut __m256i, results: __m256i) {
    // SAFETY: this function's.
    unsafe {
        if STREAM {
            _mm256_stream_si256(to, results);
        } else {
            _mm256_storeu_si256(to, results);
        }
    }
}

/// The first of each two integers, in 64 bits.
///
/// # Safety
/// The processor has the instruction set.
#[inline(always)]
unsafe fn even<X: Word>(both: __m256i) -> __m256i {
    // SAFETY: this function's.
    unsafe { odd::<X>(_mm256_slli_epi64::<32>(both)) }
}

/// The second of each two integers, in 64 bits.
///
/// # Safety
/// The processor has the instruction set.
#[inline(always)]
unsafe fn odd<X: Word>(both: __m256i) -> __m256i {
    // SAFETY: this function's.
    unsafe {
        match X::SIGNED {
            true => _mm256_srai_epi64::<32>(both),
            false => _mm256_srli_epi64::<32>(both),
        }
    }
}
