//! Sums of bytes and booleans in lanes of 64 bits.
//!
//! A window grows by instructions that move lanes, and so does the conversion of a byte to eight of
//! them; processors do one or two of those at a time. Here no lane moves: eight bytes go into every
//! lane as they are, each lane keeps those up to its own place, and one instruction adds up what is
//! left, `vpsadbw`, which sums the differences of bytes to those of another register, here to zeros.
//!
//! ```text
//! eight bytes            a b c d e f g h     in each of the eight lanes
//! lane 2 keeps           a b c . . . . .     an exclusive scan: a b . . . . . .
//! out[2]                 carry + (a + b + c)
//! next carry             carry + (a + ... + h)
//! ```

use crate::elem::{Bool, CastFrom, Elem};
use crate::kernels::Block;
use crate::simd::registers::Task;
use std::arch::x86_64::*;
use std::marker::PhantomData;

/// Elements of a step: the bytes of a lane.
const STEP: usize = 8;

/// A type of one byte, by way of unsigned bytes.
pub trait Byte: Elem {
    /// What the unsigned byte has more than the element.
    const EXCESS: i64;
    /// Elements as unsigned bytes.
    ///
    /// # Safety
    /// The processor has AVX2.
    unsafe fn unsigned(bytes: __m256i) -> __m256i;
}

impl Byte for u8 {
    const EXCESS: i64 = 0;
    #[inline(always)]
    unsafe fn unsigned(bytes: __m256i) -> __m256i {
        bytes
    }
}

impl Byte for i8 {
    const EXCESS: i64 = 128;
    #[inline(always)]
    unsafe fn unsigned(bytes: __m256i) -> __m256i {
        // SAFETY: this function's.
        unsafe { _mm256_xor_si256(bytes, _mm256_set1_epi8(i8::MIN)) }
    }
}

/// Whatever is not zero is true, and counts once.
impl Byte for Bool {
    const EXCESS: i64 = 0;
    #[inline(always)]
    unsafe fn unsigned(bytes: __m256i) -> __m256i {
        // SAFETY: this function's.
        unsafe { _mm256_min_epu8(bytes, _mm256_set1_epi8(1)) }
    }
}

/// Scans the rows of a block whose `x` are of type `X` and whose results are of 64 bits, for AVX2.
pub struct ByteSums<X>(PhantomData<X>);

impl<X: Byte> Task<Block> for ByteSums<X>
where
    u64: CastFrom<X>,
{
    #[inline(always)]
    unsafe fn run(block: &Block) {
        for row in 0..block.rows {
            // SAFETY: one of the block's rows, and its accumulator.
            unsafe {
                let x = block.x.offset(row as isize * block.x_pitch);
                let out = block.out.offset(row as isize * block.out_pitch);
                let slot = block.acc.cast::<u64>().add(row);
                let acc = if block.started { slot.read() } else { 0 };
                slot.write(scan::<X>(block, x, out.cast(), acc));
            }
        }
        if block.stream {
            // SAFETY: part of every x86-64. What was streamed is seen before anything that follows.
            unsafe { _mm_sfence() }
        }
    }
}

/// Scans one row of a block and returns the accumulator.
///
/// # Safety
/// As [`crate::kernels::Run`], for `x` and `out` of one row; the processor has AVX2.
#[inline(always)]
unsafe fn scan<X: Byte>(block: &Block, mut x: *const u8, mut out: *mut u64, mut acc: u64) -> u64
where
    u64: CastFrom<X>,
{
    let mut left = block.len;
    // SAFETY: this function's: every step is within the row.
    unsafe {
        let streaming = block.stream && out.addr().is_multiple_of(size_of::<u64>());
        while streaming && left > 0 && !out.addr().is_multiple_of(size_of::<__m256i>()) {
            let before = acc;
            acc = acc.wrapping_add(u64::cast_from(x.cast::<X>().read()));
            out.write(if block.exclusive { before } else { acc });
            (x, out, left) = (x.add(1), out.add(1), left - 1);
        }
        let mut sums = Sums::<X>::new(acc, block.exclusive);
        while left >= STEP {
            let [low, high] = sums.step(x.cast::<i64>().read_unaligned());
            let out_low = out.cast::<__m256i>();
            if streaming {
                _mm_prefetch::<_MM_HINT_T1>(x.wrapping_add(block.ahead).cast());
                _mm256_stream_si256(out_low, low);
                _mm256_stream_si256(out_low.add(1), high);
            } else {
                _mm256_storeu_si256(out_low, low);
                _mm256_storeu_si256(out_low.add(1), high);
            }
            (x, out, left) = (x.add(STEP), out.add(STEP), left - STEP);
        }
        if left > 0 {
            sums.some(x, out, left);
        }
        _mm256_extract_epi64::<0>(sums.carry) as u64
    }
}

/// Where a scan stands.
struct Sums<X> {
    /// The sum so far, in every lane.
    carry: __m256i,
    /// The bytes that each of eight lanes keeps.
    kept: [__m256i; 2],
    /// What those have in excess.
    excess: [__m256i; 2],
    of: PhantomData<X>,
}

impl<X: Byte> Sums<X> {
    /// # Safety
    /// The processor has AVX2, here and in the other functions.
    #[inline(always)]
    unsafe fn new(acc: u64, exclusive: bool) -> Self {
        // SAFETY: this function's.
        unsafe {
            let kept = |lane: i64| {
                let bytes = lane + !exclusive as i64;
                if bytes == 8 {
                    -1
                } else {
                    (1 << (8 * bytes)) - 1
                }
            };
            let excess = |lane: i64| X::EXCESS * (lane + !exclusive as i64);
            Sums {
                carry: _mm256_set1_epi64x(acc as i64),
                kept: [
                    _mm256_setr_epi64x(kept(0), kept(1), kept(2), kept(3)),
                    _mm256_setr_epi64x(kept(4), kept(5), kept(6), kept(7)),
                ],
                excess: [
                    _mm256_setr_epi64x(excess(0), excess(1), excess(2), excess(3)),
                    _mm256_setr_epi64x(excess(4), excess(5), excess(6), excess(7)),
                ],
                of: PhantomData,
            }
        }
    }

    /// The results of the next eight elements.
    ///
    /// # Safety
    /// As [`new`](Self::new).
    #[inline(always)]
    unsafe fn step(&mut self, elements: i64) -> [__m256i; 2] {
        // SAFETY: this function's.
        unsafe {
            let zeros = _mm256_setzero_si256();
            let bytes = X::unsigned(_mm256_set1_epi64x(elements));
            let mut results = [self.carry; 2];
            for (result, (&kept, &excess)) in
                results.iter_mut().zip(self.kept.iter().zip(&self.excess))
            {
                let sums = _mm256_sad_epu8(_mm256_and_si256(bytes, kept), zeros);
                *result = _mm256_add_epi64(*result, sums);
                if X::EXCESS != 0 {
                    *result = _mm256_sub_epi64(*result, excess);
                }
            }
            let mut total = _mm256_sad_epu8(bytes, zeros);
            if X::EXCESS != 0 {
                let excess = _mm256_set1_epi64x(STEP as i64 * X::EXCESS);
                total = _mm256_sub_epi64(total, excess);
            }
            self.carry = _mm256_add_epi64(self.carry, total);
            results
        }
    }

    /// The next `n < 8` elements, at least one; by way of memory, loads would wait for stores of other sizes.
    ///
    /// # Safety
    /// As [`new`](Self::new), and `x` and `out` have as many.
    #[inline(always)]
    unsafe fn some(&mut self, x: *const u8, mut out: *mut u64, n: usize) {
        // SAFETY: this function's; what is read and written is within the elements.
        unsafe {
            // What is missing is zero, and changes no sum. Where parts overlap, they have the same bytes.
            let elements = if n >= 4 {
                let last = x.add(n - 4).cast::<u32>().read_unaligned() as u64;
                x.cast::<u32>().read_unaligned() as u64 | last << (8 * (n - 4))
            } else {
                let (middle, last) = (*x.add(n / 2) as u64, *x.add(n - 1) as u64);
                *x as u64 | middle << (8 * (n / 2)) | last << (8 * (n - 1))
            };
            let [low, high] = self.step(elements as i64);
            let mut results = low;
            if n & 4 != 0 {
                _mm256_storeu_si256(out.cast(), results);
                (results, out) = (high, out.add(4));
            }
            let mut half = _mm256_castsi256_si128(results);
            if n & 2 != 0 {
                _mm_storeu_si128(out.cast(), half);
                (half, out) = (_mm256_extracti128_si256::<1>(results), out.add(2));
            }
            if n & 1 != 0 {
                _mm_storel_epi64(out.cast(), half);
            }
        }
    }
}
