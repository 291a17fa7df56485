//! Guessed chains: eight parts of one line of f64 are added at the same time, from guessed starting
//! values, and every result is proven.
//!
//! For sums that keep changing their binade, or meet ties, groups fail. Here nothing is assumed about
//! binades or ties. A block is eight consecutive *rows* of the line:
//!
//! ```text
//! carry; row_sum[j] = sum of row j, in any order
//! guess[0] = carry, guess[j+1] = carry + row_sum[0] + .. + row_sum[j]
//! p[j][..] = one addition after the other along row j from guess[j]      eight chains at a time
//! if the end of every row is the next row's guess, bit for bit: the p are the results
//! else, row after row, with d = true start of the row - guess[j]:
//!     q[i] = p[i] + d
//!     proof: q[i] = fl(q[i-1] + x[i]), bit for bit, where q[-1] is the true start
//!     the eight elements of a step of which one fails are added one by one; d = q - p at their end
//! ```
//!
//! By induction every q that the proof has passed is the sequential result, whatever made the guess:
//! no case of rounding, no infinity, NaN or zero needs an argument.
//!
//! That q is mostly right is another matter, and only speed depends on it. Rounding commutes with a
//! shift by d if d is a multiple of the unit in the last place of all that is rounded; d is a
//! difference of two sums that were rounded alike, and thus is, as long as the row does not climb into
//! a binade above all it has met. Where it does, d may change, and is *repaired*. On data whose sums
//! are exact (integers, zeros, numbers that were f32) the guesses are the true starts and there is
//! nothing to prove. A block that needs too many repairs is added one by one from there.
//!
//! Every element is read three times, for its row sum, for its chain and for its proof, so blocks must
//! be small against the first-level cache; row sums are formed one block ahead, in the loop that
//! proves. Beyond the last-level cache this loses to plain additions (tried: prefetching one and two
//! blocks ahead, streaming stores, spreading the copy; cause not found), so [`line`](super::line) keeps
//! it for lines that fit.
//!
//! Tried for the proof under AVX2: repairs in vectors, of which each waits for the one before (15 % slower
//! where there are some, 50 % where there are many); steps of 16 (10 to 15 % slower); rows of 144 (as fast
//! on noise, 5 % slower on other data); sums of rows by multiply-add, for the sake of other ports (nothing).

use super::line::{SEEN, Stretch};
use super::x86::Set;
use std::arch::asm;
use std::arch::x86_64::*;
use std::mem::MaybeUninit;

/// Rows of a block.
pub const ROWS: usize = 8;

/// Elements that are proven at a time.
const STEP: usize = 8;

/// Vectors that hold them.
pub const VECTORS: usize = STEP / 4;

/// The longest rows that there is room for.
pub const LONGEST: usize = 80;

/// Repairs that are allowed in any block, and elements behind the first row for each further one; with
/// more the rest of the block is added one by one.
///
/// A repair takes some 45 cycles, which chains save on 27 elements (1.35 cycles an element under AVX2,
/// plain additions 3). What is in excess of that early in a block seldom gets better.
const FREE_REPAIRS: usize = 2;
const ELEMENTS_PER_REPAIR: usize = 32;

/// The part of the largest sum that is left where nearly everything has cancelled: some eight units in
/// its last place.
const CANCELLED: f64 = 8.0 * f64::EPSILON;

/// The latest results, of which one may show that.
const LATEST: usize = 4;

/// How the guesses of a block were.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Course {
    /// All of them right.
    Exact,
    /// Wrong, and proven after few enough repairs.
    Proven,
    /// So much had to be repaired that the rest was added one by one.
    GivenUp,
}

/// What became of [`run`].
pub struct Outcome<T> {
    /// Blocks that are done, the one that was given up included.
    pub done: usize,
    /// The sum.
    pub carry: T,
    /// How the last block was.
    pub course: Course,
    /// Repairs in all the blocks.
    pub repairs: usize,
}

impl<T> Outcome<T> {
    /// Where there are no chains there are no blocks.
    pub fn none(carry: T) -> Outcome<T> {
        Outcome {
            done: 0,
            carry,
            course: Course::GivenUp,
            repairs: 0,
        }
    }
}

/// Does blocks of eight rows of `LEN` elements, up to one that is given up.
///
/// # Safety
/// The processor has the instruction set; `x` and `out` hold the elements of `groups` blocks and
/// are the same or do not meet. `LEN` is a multiple of [`STEP`] and at most [`LONGEST`].
#[inline(always)]
pub unsafe fn run<S: Set, const LEN: usize>(work: &Stretch<f64>) -> Outcome<f64> {
    let mut scratch = MaybeUninit::<[f64; ROWS * LONGEST]>::uninit();
    // The chains may write the output itself if that destroys nothing that is still to be read.
    let direct = !work.way.exclusive && work.x != work.out;
    let mut carry = work.carry;
    let mut course = Course::Exact;
    let mut done = 0;
    let mut all_repairs = 0;
    // SAFETY: this function's; rows below ROWS, of the block or the next one if there is one.
    unsafe {
        let mut row_sums = [0f64; ROWS];
        for (j, sum) in row_sums.iter_mut().enumerate() {
            *sum = sum_row::<LEN>(work.x.add(j * LEN));
        }
        for block in 0..work.groups {
            let x = work.x.add(block * ROWS * LEN);
            let out = work.out.add(block * ROWS * LEN);
            // Behind the last block there is nothing: its own sums once more, for no one.
            let next = if block + 1 < work.groups {
                x.add(ROWS * LEN)
            } else {
                x
            };
            let p = if direct {
                out
            } else {
                scratch.as_mut_ptr().cast()
            };
            let mut offsets = [0f64; ROWS];
            for j in 1..ROWS {
                offsets[j] = offsets[j - 1] + row_sums[j - 1];
            }
            let ahead = if direct {
                out.wrapping_add(ROWS * LEN)
            } else {
                out
            };
            let [guesses, ends] = chains::<LEN>(x, p, ahead, carry, &offsets);
            let alike = |j: usize| ends[j].to_bits() == guesses[j + 1].to_bits();
            done += 1;
            course = Course::Exact;
            if (0..ROWS - 1).all(alike) {
                for (j, sum) in row_sums.iter_mut().enumerate() {
                    *sum = sum_row::<LEN>(next.add(j * LEN));
                }
                if !direct {
                    copy_out::<S>(p, out, ROWS * LEN, carry, work.way.exclusive);
                }
                carry = ends[ROWS - 1];
                continue;
            }
            // The first row's start was no guess.
            if !direct {
                copy_out::<S>(p, out, LEN, carry, work.way.exclusive);
            }
            carry = ends[0];
            row_sums[0] = sum_row::<LEN>(next);
            let mut toll = Toll {
                repairs: 0,
                given_up: false,
            };
            for j in 1..ROWS {
                let row = Row {
                    x: x.add(j * LEN),
                    p: p.add(j * LEN),
                    out: out.add(j * LEN),
                    next: next.add(j * LEN),
                    start: carry,
                    guess: guesses[j],
                    end: ends[j],
                    limit: FREE_REPAIRS + j * LEN / ELEMENTS_PER_REPAIR,
                    exclusive: work.way.exclusive,
                };
                (carry, row_sums[j]) = prove::<S, LEN>(&row, &mut toll);
            }
            all_repairs += toll.repairs;
            if toll.given_up {
                course = Course::GivenUp;
                break;
            }
            course = Course::Proven;
        }
    }
    Outcome {
        done,
        carry,
        course,
        repairs: all_repairs,
    }
}

/// The sum of two vectors.
#[inline(always)]
unsafe fn total(sums: [__m256d; VECTORS]) -> f64 {
    // SAFETY: AVX, of the callers.
    unsafe {
        let v = _mm256_add_pd(sums[0], sums[1]);
        let v = _mm_add_pd(_mm256_castpd256_pd128(v), _mm256_extractf128_pd::<1>(v));
        _mm_cvtsd_f64(v) + _mm_cvtsd_f64(_mm_unpackhi_pd(v, v))
    }
}

/// The sum of a row, in an order that suits vectors.
#[inline(always)]
unsafe fn sum_row<const LEN: usize>(x: *const f64) -> f64 {
    // SAFETY: LEN elements, of the callers.
    unsafe {
        let mut sums = [_mm256_setzero_pd(); VECTORS];
        for i in (0..LEN).step_by(STEP) {
            for (k, sum) in sums.iter_mut().enumerate() {
                *sum = _mm256_add_pd(*sum, _mm256_loadu_pd(x.add(i + 4 * k)));
            }
        }
        total(sums)
    }
}

/// Adds along the eight rows at `x`, the first from `carry`, the others from the carry and their
/// offsets; writes the results to `p` in the same places; returns the starts and the last of each row.
///
/// Meanwhile a block is fetched that begins at `ahead`, to be written, and the elements of the block
/// after the next. (Without, stores wait for their cache lines: 20 % more in the second-level cache.)
#[inline(always)]
unsafe fn chains<const LEN: usize>(
    x: *const f64,
    p: *mut f64,
    ahead: *mut f64,
    carry: f64,
    offsets: &[f64; ROWS],
) -> [[f64; ROWS]; 2] {
    let mut both = [[carry; ROWS]; 2];
    // SAFETY: eight rows of LEN elements, of the callers; fetching needs no memory to be there.
    unsafe {
        let start = _mm256_set1_pd(carry);
        let mut sums = [
            _mm256_add_pd(start, _mm256_loadu_pd(offsets.as_ptr())),
            _mm256_add_pd(start, _mm256_loadu_pd(offsets.as_ptr().add(4))),
        ];
        // Not even a zero is added to what is no guess: -0.0 would not survive.
        sums[0] = _mm256_blend_pd::<1>(sums[0], start);
        for (half, &sum) in sums.iter().enumerate() {
            _mm256_storeu_pd(both[0].as_mut_ptr().add(4 * half), sum);
        }
        for c in (0..LEN).step_by(4) {
            for line in 0..4 {
                let at = ROWS * c + 8 * line;
                let x = x.wrapping_add(2 * ROWS * LEN + at);
                _mm_prefetch::<_MM_HINT_T0>(x.cast());
                fetch_to_write(ahead.wrapping_add(at));
            }
            for (half, sum) in sums.iter_mut().enumerate() {
                let x = x.add(4 * half * LEN + c);
                let p = p.add(4 * half * LEN + c);
                // Two columns of rows `row` and `row + 2`.
                let pair = |row: usize, column: usize| {
                    let low = _mm_loadu_pd(x.add(row * LEN + column));
                    let high = _mm_loadu_pd(x.add((row + 2) * LEN + column));
                    _mm256_insertf128_pd::<1>(_mm256_castpd128_pd256(low), high)
                };
                let (a, b) = (pair(0, 0), pair(1, 0));
                let s0 = _mm256_add_pd(*sum, _mm256_unpacklo_pd(a, b));
                let s1 = _mm256_add_pd(s0, _mm256_unpackhi_pd(a, b));
                let (a, b) = (pair(0, 2), pair(1, 2));
                let s2 = _mm256_add_pd(s1, _mm256_unpacklo_pd(a, b));
                let s3 = _mm256_add_pd(s2, _mm256_unpackhi_pd(a, b));
                *sum = s3;
                let (a, b) = (_mm256_unpacklo_pd(s0, s1), _mm256_unpacklo_pd(s2, s3));
                _mm256_storeu_pd(p, _mm256_permute2f128_pd::<0x20>(a, b));
                _mm256_storeu_pd(p.add(2 * LEN), _mm256_permute2f128_pd::<0x31>(a, b));
                let (a, b) = (_mm256_unpackhi_pd(s0, s1), _mm256_unpackhi_pd(s2, s3));
                _mm256_storeu_pd(p.add(LEN), _mm256_permute2f128_pd::<0x20>(a, b));
                _mm256_storeu_pd(p.add(3 * LEN), _mm256_permute2f128_pd::<0x31>(a, b));
            }
        }
        for (half, &sum) in sums.iter().enumerate() {
            _mm256_storeu_pd(both[1].as_mut_ptr().add(4 * half), sum);
        }
    }
    both
}

/// Asks for a cache line, which need not be one of ours, to write it. In assembly because the compiler
/// turns its own form into a fetch for reading; processors without the instruction pass it over.
#[inline(always)]
fn fetch_to_write(p: *const f64) {
    // SAFETY: a hint.
    unsafe { asm!("prefetchw [{}]", in(reg) p, options(nostack, preserves_flags)) }
}

/// The vector that ends one element before `v` does.
#[inline(always)]
unsafe fn late<S: Set>(before: __m256d, v: __m256d) -> __m256d {
    // SAFETY: the instruction set, of the callers.
    unsafe {
        let (before, v) = (_mm256_castpd_si256(before), _mm256_castpd_si256(v));
        _mm256_castsi256_pd(S::late::<2>(before, v))
    }
}

/// Copies `n` results to the output, one place further on if `exclusive`.
#[inline(always)]
unsafe fn copy_out<S: Set>(p: *const f64, out: *mut f64, n: usize, carry: f64, exclusive: bool) {
    // SAFETY: n elements, of the callers.
    unsafe {
        let mut before = _mm256_set1_pd(carry);
        for i in (0..n).step_by(4) {
            let v = _mm256_loadu_pd(p.add(i));
            let shown = if exclusive { late::<S>(before, v) } else { v };
            before = v;
            _mm256_storeu_pd(out.add(i), shown);
        }
    }
}

/// What is to be proven.
pub struct Row {
    /// The elements.
    x: *const f64,
    /// The chain's results.
    p: *const f64,
    /// Where the true ones go.
    out: *mut f64,
    /// The row whose sum is wanted next.
    next: *const f64,
    /// The true start.
    start: f64,
    /// The start of the chain.
    guess: f64,
    /// The end of the chain.
    end: f64,
    /// Repairs in the block up to the row's end, with more of which the block is given up.
    limit: usize,
    /// Whether results are shown one place later.
    exclusive: bool,
}

/// What a block has taken so far.
struct Toll {
    /// Steps that were done again.
    repairs: usize,
    /// Whether that was too much.
    given_up: bool,
}

/// Shifts a row by the error of its guess, proves it, and stores it; returns its end, and the sum of
/// the row `next`.
#[inline(always)]
unsafe fn prove<S: Set, const LEN: usize>(row: &Row, toll: &mut Toll) -> (f64, f64) {
    // SAFETY: LEN elements everywhere, of the callers.
    unsafe {
        if toll.given_up {
            return (one_by_one(row, 0, LEN, row.start), 0.0);
        }
        let error = row.start - row.guess;
        // Known early, so that the next row need not wait for this one.
        let mut end = row.end + error;
        let mut shift = _mm256_set1_pd(error);
        let mut before = _mm256_set1_pd(row.start);
        let mut sums = [_mm256_setzero_pd(); VECTORS];
        let repaired = toll.repairs;
        for i in (0..LEN).step_by(STEP) {
            let mut q = [before; VECTORS];
            let mut shown = [before; VECTORS];
            let mut wrong = _mm256_setzero_si256();
            let mut last = before;
            for k in 0..VECTORS {
                q[k] = _mm256_add_pd(_mm256_loadu_pd(row.p.add(i + 4 * k)), shift);
                let previous = late::<S>(last, q[k]);
                last = q[k];
                let true_sum = _mm256_add_pd(previous, _mm256_loadu_pd(row.x.add(i + 4 * k)));
                wrong = S::differs(
                    wrong,
                    _mm256_castpd_si256(true_sum),
                    _mm256_castpd_si256(q[k]),
                );
                shown[k] = if row.exclusive { previous } else { q[k] };
                sums[k] = _mm256_add_pd(sums[k], _mm256_loadu_pd(row.next.add(i + 4 * k)));
            }
            if _mm256_testz_si256(wrong, wrong) == 0 {
                toll.repairs += 1;
                if toll.repairs > row.limit {
                    toll.given_up = true;
                    // No sum is wanted: this was the last block.
                    return (one_by_one(row, i, LEN, last_of(before)), 0.0);
                }
                // Read first: the chains may have written the output.
                let guessed = row.p.add(i + STEP - 1).read_unaligned();
                let sum = one_by_one(row, i, i + STEP, last_of(before));
                shift = _mm256_set1_pd(sum - guessed);
                before = _mm256_set1_pd(sum);
                continue;
            }
            for (k, &v) in shown.iter().enumerate() {
                _mm256_storeu_pd(row.out.add(i + 4 * k), v);
            }
            before = last;
        }
        if toll.repairs > repaired {
            end = last_of(before);
        }
        (end, total(sums))
    }
}

/// Whether rows like the results in front of `end` would need too many repairs, of which chains can
/// afford one in 27 elements. The very last results are left out, for whoever wants them waits.
///
/// That is so where sums climb all the time, for about every other climb takes a repair; a step that
/// climbs counts once, because it is repaired as a whole. And it is so where large numbers cancel to
/// what is not much more than the rounding error: the guesses are wrong by that much.
///
/// # Safety
/// There are [`SEEN`] results.
#[inline(never)]
pub unsafe fn rugged(end: *const f64) -> bool {
    const LEFT_OUT: usize = 2 * STEP;
    const CHUNKS: usize = (SEEN - LEFT_OUT) / STEP;
    // SAFETY: this function's.
    let magnitude = |back: usize| unsafe { end.sub(back).read_unaligned().abs() };
    let mut peaks = [0f64; CHUNKS];
    for (chunk, peak) in peaks.iter_mut().enumerate() {
        for i in 0..STEP {
            let magnitude = magnitude(SEEN - chunk * STEP - i);
            // Not `f64::max`, which looks for NaN in both.
            *peak = if magnitude > *peak { magnitude } else { *peak };
        }
    }
    let climbs = peaks.windows(2).filter(|pair| pair[1] > 2.0 * pair[0]);
    // Zeros are exact as a rule.
    let cancelled = |back| {
        let left = magnitude(back);
        left > 0.0 && peaks.iter().any(|peak| peak * CANCELLED > left)
    };
    climbs.count() > CHUNKS / 2 || (1..=LATEST).any(|k| cancelled(LEFT_OUT + k))
}

/// The last element.
#[inline(always)]
unsafe fn last_of(v: __m256d) -> f64 {
    // SAFETY: AVX, of the callers.
    unsafe {
        let high = _mm256_extractf128_pd::<1>(v);
        _mm_cvtsd_f64(_mm_unpackhi_pd(high, high))
    }
}

/// Adds a part of a row one by one and returns its end.
#[inline(never)]
unsafe fn one_by_one(row: &Row, from: usize, to: usize, first: f64) -> f64 {
    let mut sum = first;
    for i in from..to {
        // SAFETY: the row's elements, of the callers.
        unsafe {
            let before = sum;
            sum += row.x.add(i).read_unaligned();
            row.out
                .add(i)
                .write_unaligned(if row.exclusive { before } else { sum });
        }
    }
    sum
}
