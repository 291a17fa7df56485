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
        // SAFETY: this function's; what was streamed is seen before anything that follows.
        unsafe {
            if block.len < STEP {
                rows(block, |x, out, acc| {
                    one_by_one::<X>(block, x, out, block.len, acc)
                });
            } else if block.stream {
                rows(block, |x, out, acc| streamed::<X>(block, x, out, acc));
                _mm_sfence();
            } else {
                let sums = Sums::<X>::new(block.exclusive);
                let last = Last::of(block.len);
                match (block.len - 1) / STEP {
                    1 => rows(block, |x, out, acc| sums.from(acc).brief::<1>(x, out, last)),
                    2 => rows(block, |x, out, acc| sums.from(acc).brief::<2>(x, out, last)),
                    steps => rows(block, |x, out, acc| {
                        sums.from(acc).scan(x, out, steps, last)
                    }),
                }
            }
        }
    }
}

/// Scans the rows of a block by a function that takes the row's places and its accumulator, and returns that.
///
/// # Safety
/// As [`crate::kernels::Run`].
#[inline(always)]
pub unsafe fn rows(block: &Block, mut scan: impl FnMut(*const u8, *mut u64, u64) -> u64) {
    let (mut x, mut out) = (block.x, block.out);
    for row in 0..block.rows {
        // SAFETY: one of the block's rows, and its accumulator.
        unsafe {
            let slot = block.acc.cast::<u64>().add(row);
            let acc = if block.started { slot.read() } else { 0 };
            slot.write(scan(x, out.cast(), acc));
        }
        x = x.wrapping_offset(block.x_pitch);
        out = out.wrapping_offset(block.out_pitch);
    }
}

/// Scans the first `n` elements of a row and returns the accumulator.
///
/// # Safety
/// They are there, and their results.
#[inline(always)]
pub unsafe fn one_by_one<X: Elem>(
    block: &Block,
    x: *const u8,
    out: *mut u64,
    n: usize,
    mut acc: u64,
) -> u64
where
    u64: CastFrom<X>,
{
    for i in 0..n {
        // SAFETY: this function's.
        unsafe {
            let before = acc;
            acc = acc.wrapping_add(u64::cast_from(x.cast::<X>().add(i).read_unaligned()));
            let result = if block.exclusive { before } else { acc };
            out.add(i).write_unaligned(result);
        }
    }
    acc
}

/// Scans a row of eight elements at least, past the caches, and returns the accumulator.
///
/// # Safety
/// As [`crate::kernels::Run`], for `x` and `out` of one row; the processor has AVX2.
#[inline(always)]
unsafe fn streamed<X: Byte>(block: &Block, mut x: *const u8, mut out: *mut u64, acc: u64) -> u64
where
    u64: CastFrom<X>,
{
    const BESIDE: usize = size_of::<__m256i>() / size_of::<u64>();
    // SAFETY: this function's: every step is within the row.
    unsafe {
        let sums = Sums::<X>::new(block.exclusive);
        let ahead = out.align_offset(size_of::<__m256i>());
        // Where results lie between two places of their type, there is no such offset.
        if ahead >= BESIDE {
            let steps = (block.len - 1) / STEP;
            return sums.from(acc).scan(x, out, steps, Last::of(block.len));
        }
        let acc = one_by_one::<X>(block, x, out, ahead, acc);
        let mut left = block.len - ahead;
        (x, out) = (x.add(ahead), out.add(ahead));
        let mut sums = sums.from(acc);
        while left > STEP {
            _mm_prefetch::<_MM_HINT_T1>(x.wrapping_add(block.ahead).cast());
            let [low, high] = sums.step(load::<X>(x));
            _mm256_stream_si256(out.cast(), low);
            _mm256_stream_si256(out.cast::<__m256i>().add(1), high);
            (x, out, left) = (x.add(STEP), out.add(STEP), left - STEP);
        }
        sums.scan_last(x, out, Last::of(left))
    }
}

/// Where a scan stands.
#[derive(Clone, Copy)]
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
    unsafe fn new(exclusive: bool) -> Self {
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
                carry: _mm256_setzero_si256(),
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

    /// With this sum so far.
    ///
    /// # Safety
    /// As [`new`](Self::new).
    #[inline(always)]
    unsafe fn from(self, acc: u64) -> Self {
        // SAFETY: this function's.
        let carry = unsafe { _mm256_set1_epi64x(acc as i64) };
        Sums { carry, ..self }
    }

    /// Scans a row of so many steps before the last, and returns the accumulator.
    ///
    /// # Safety
    /// As [`new`](Self::new), and `x` and `out` have the elements, which do not meet.
    #[inline(always)]
    unsafe fn scan(mut self, x: *const u8, out: *mut u64, steps: usize, last: Last) -> u64 {
        // SAFETY: this function's.
        unsafe {
            for step in 0..steps {
                store(
                    out.add(step * STEP),
                    self.step(load::<X>(x.add(step * STEP))),
                );
            }
            self.scan_last(x.add(steps * STEP), out.add(steps * STEP), last)
        }
    }

    /// As [`scan`](Self::scan) of few steps, without a loop.
    ///
    /// # Safety
    /// As it.
    #[inline(always)]
    unsafe fn brief<const STEPS: usize>(self, x: *const u8, out: *mut u64, last: Last) -> u64 {
        // SAFETY: this function's.
        unsafe { self.scan(x, out, STEPS, last) }
    }

    /// The last step of a row that has eight elements at least: its last eight, some of them once more, from the sum
    /// that stood before them. Returns the accumulator.
    ///
    /// # Safety
    /// As [`scan`](Self::scan).
    #[inline(always)]
    unsafe fn scan_last(mut self, x: *const u8, out: *mut u64, last: Last) -> u64 {
        // SAFETY: this function's.
        unsafe {
            let bytes = load::<X>(x.sub(last.done));
            let again = total::<X>(_mm256_and_si256(bytes, last.again), last.done);
            self.carry = _mm256_sub_epi64(self.carry, again);
            store(out.sub(last.done), self.step(bytes));
            _mm256_extract_epi64::<0>(self.carry) as u64
        }
    }

    /// The results of the next eight elements, as unsigned bytes in every lane, which the carry takes in.
    ///
    /// # Safety
    /// As [`new`](Self::new).
    #[inline(always)]
    unsafe fn step(&mut self, bytes: __m256i) -> [__m256i; 2] {
        // SAFETY: this function's.
        unsafe {
            let mut results = [self.carry; 2];
            for (result, (&kept, &excess)) in
                results.iter_mut().zip(self.kept.iter().zip(&self.excess))
            {
                let sums = _mm256_sad_epu8(_mm256_and_si256(bytes, kept), _mm256_setzero_si256());
                *result = _mm256_add_epi64(*result, sums);
                if X::EXCESS != 0 {
                    *result = _mm256_sub_epi64(*result, excess);
                }
            }
            self.carry = _mm256_add_epi64(self.carry, total::<X>(bytes, STEP));
            results
        }
    }
}

/// Eight elements as unsigned bytes, in every lane.
///
/// # Safety
/// There are as many from `x` on, and the processor has AVX2.
#[inline(always)]
unsafe fn load<X: Byte>(x: *const u8) -> __m256i {
    // SAFETY: this function's.
    unsafe { X::unsigned(_mm256_set1_epi64x(x.cast::<i64>().read_unaligned())) }
}

/// Writes eight results.
///
/// # Safety
/// There are as many from `out` on, and the processor has AVX2.
#[inline(always)]
unsafe fn store(out: *mut u64, [low, high]: [__m256i; 2]) {
    // SAFETY: this function's.
    unsafe {
        _mm256_storeu_si256(out.cast(), low);
        _mm256_storeu_si256(out.cast::<__m256i>().add(1), high);
    }
}

/// The last step of a row.
#[derive(Clone, Copy)]
struct Last {
    /// Elements that are in the sum already,
    done: usize,
    /// and what keeps them.
    again: __m256i,
}

impl Last {
    /// That of a row, or of the last of it, of so many elements.
    ///
    /// # Safety
    /// The processor has AVX2.
    #[inline(always)]
    unsafe fn of(n: usize) -> Last {
        let done = n.wrapping_neg() % STEP;
        // SAFETY: this function's.
        let again = unsafe { _mm256_set1_epi64x((1 << (8 * done)) - 1) };
        Last { done, again }
    }
}

/// The sum of `n` elements in every lane; there is nothing else in `bytes`.
///
/// # Safety
/// The processor has AVX2.
#[inline(always)]
unsafe fn total<X: Byte>(bytes: __m256i, n: usize) -> __m256i {
    // SAFETY: this function's.
    unsafe {
        let sum = _mm256_sad_epu8(bytes, _mm256_setzero_si256());
        if X::EXCESS == 0 {
            return sum;
        }
        _mm256_sub_epi64(sum, _mm256_set1_epi64x(n as i64 * X::EXCESS))
    }
}
