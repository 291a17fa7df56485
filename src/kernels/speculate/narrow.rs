//! Sums of 16-bit floats, each step rounded to 16 bits, in a chain of single f32 additions.
//!
//! The chain that the contract asks for adds in f32 and rounds the sum to the p digits of the format,
//! 11 or 8, before the next addition. (f32 has more than twice the digits and two more, so that what
//! comes out is the exact sum rounded once.) Two ways to do that in registers:
//!
//! **Anchored.** Let the sum s have 2^e <= |s| < 2^(e+1) and u = 2^(e-p+1), the unit of its last
//! place. In f32 the numbers from 2^23 u to 2^24 u are the multiples of u. So with the anchor
//! A = 1.5 2^23 u, which stands in their middle, the addition fl(A + s + x) itself rounds s + x to a
//! multiple of u, and its ties go the right way too, because A / u is even. The chain carries S = A + s,
//! and one addition is all that an element waits for. As in the module's essay, it is right as long as
//! the results stay in the binade, the upper end included, and the lower end if the element led away
//! from zero; ties at the upper end go to the end from both sides, as they should. An element that is
//! so large that A + s + x leaves the range of the anchor leaves the binade as well: the grid beyond is
//! coarser, but it contains the range's ends. A NaN or an infinity stays and is seen at the end of the
//! group. (f16 sums of positive numbers stick at a power of two soon, 2048 for numbers up to 1: the
//! lower end is where such a scan spends its time.)
//!
//! **Rounded.** For everything else, the f32 sum is rounded by integers: add half a place less one, and
//! one more if the last kept digit is odd, and drop the places behind. A carry from the fraction goes
//! to the exponent, as it should. For bf16 that is all, with infinities, NaN (whose lower 16 bits are
//! 0) and denormals. An f16 is denormal below 2^-14, and then all sums there are exact multiples of
//! 2^-24 with no places to drop; but what reaches 2^16 must become infinite, so a block with such a
//! result is done again by the plain kernel.

use super::chains::Outcome;
use super::groups::Real;
use super::line::{Method, Stretch, Way};
use crate::accumulate::Plain;
use crate::elem::{Bf16, Elem, F16};
use crate::kernels::along;
use crate::op::{Combine, Sum};
use std::arch::x86_64::*;
use std::marker::PhantomData;

/// Elements of a group, and of a block of the rounded way: 64 steps of a chain hide the conversions
/// of the next group.
const GROUP: usize = 64;

/// Elements that are converted at a time.
const LANES: usize = 8;

/// A 16-bit format.
///
/// Every function's safety requirement is that the processor has AVX2 and F16C, and that pointers are
/// good for eight elements, or for one.
#[allow(clippy::missing_safety_doc, reason = "the same for all, stated above")]
pub trait Format: 'static {
    /// The element.
    type T: Elem;
    /// Nothing.
    const ZERO: Self::T;
    /// Digits of the format.
    const DIGITS: u32;
    /// Sums that have a binade and an anchor, by magnitude.
    const ANCHORED: std::ops::Range<f32>;
    /// The magnitude from which on results of the rounded way are not right.
    const LIMIT: f32;

    /// One element as f32.
    fn wide(x: Self::T) -> f32;
    /// A number that is one of the format's.
    fn narrow(x: f32) -> Self::T;
    /// Eight elements as f32.
    unsafe fn load(p: *const Self::T) -> __m256;
    /// Stores eight numbers of the format.
    unsafe fn store(p: *mut Self::T, v: __m256);
}

/// binary16.
pub struct Half;

impl Format for Half {
    type T = F16;
    const ZERO: F16 = F16(0);
    const DIGITS: u32 = 11;
    const ANCHORED: std::ops::Range<f32> = 6.103_515_6e-5..32768.0;
    const LIMIT: f32 = 65536.0;

    #[inline(always)]
    fn wide(x: F16) -> f32 {
        x.to_f32()
    }
    #[inline(always)]
    fn narrow(x: f32) -> F16 {
        F16::from_f32(x)
    }
    #[inline(always)]
    unsafe fn load(p: *const F16) -> __m256 {
        // SAFETY: the trait's.
        unsafe { _mm256_cvtph_ps(_mm_loadu_si128(p.cast())) }
    }
    #[inline(always)]
    unsafe fn store(p: *mut F16, v: __m256) {
        // SAFETY: the trait's.
        unsafe { _mm_storeu_si128(p.cast(), _mm256_cvtps_ph::<_MM_FROUND_TO_NEAREST_INT>(v)) }
    }
}

/// bfloat16.
pub struct Brain;

impl Format for Brain {
    type T = Bf16;
    const ZERO: Bf16 = Bf16(0);
    const DIGITS: u32 = 8;
    // From the normal numbers to where the anchor is still finite.
    const ANCHORED: std::ops::Range<f32> = f32::MIN_POSITIVE..1e33;
    const LIMIT: f32 = f32::INFINITY;

    #[inline(always)]
    fn wide(x: Bf16) -> f32 {
        x.to_f32()
    }
    #[inline(always)]
    fn narrow(x: f32) -> Bf16 {
        Bf16::from_f32(x)
    }
    #[inline(always)]
    unsafe fn load(p: *const Bf16) -> __m256 {
        // SAFETY: the trait's.
        unsafe {
            let wide = _mm256_cvtepu16_epi32(_mm_loadu_si128(p.cast()));
            _mm256_castsi256_ps(_mm256_slli_epi32::<16>(wide))
        }
    }
    #[inline(always)]
    unsafe fn store(p: *mut Bf16, v: __m256) {
        // SAFETY: the trait's.
        unsafe {
            let high = _mm256_srli_epi32::<16>(_mm256_castps_si256(v));
            let halves = [
                _mm256_castsi256_si128(high),
                _mm256_extracti128_si256::<1>(high),
            ];
            _mm_storeu_si128(p.cast(), _mm_packus_epi32(halves[0], halves[1]));
        }
    }
}

/// The sums of 16-bit floats under AVX2 and F16C.
pub struct Narrow<F>(PhantomData<F>);

impl<F: Format> Method for Narrow<F>
where
    Sum: Combine<F::T>,
{
    type T = F::T;
    const ZERO: F::T = F::ZERO;
    const GROUP: usize = GROUP;
    const SHORT: usize = 512;
    // Bound by the chain: nothing to gain.
    const STREAMS: bool = false;
    const BACKWARD: bool = false;
    // Seven cycles an element where they are rounded, less than four where they are anchored.
    const FAILURE: usize = 30;
    const SAVED: usize = 3;
    const BLOCKS: &[usize] = &[];

    #[inline(always)]
    fn ready(sum: F::T) -> bool {
        F::ANCHORED.contains(&F::wide(sum).abs())
    }

    #[inline(always)]
    fn stays(sum: F::T, origin: F::T, taken: usize, steps: usize) -> bool {
        F::wide(sum).stays(F::wide(origin), taken, steps)
    }

    #[inline(always)]
    fn is_steady(sum: F::T, half: F::T) -> bool {
        F::wide(sum).is_steady(F::wide(half))
    }

    #[inline(always)]
    fn level(result: F::T, other: F::T) -> bool {
        F::wide(result).level(F::wide(other))
    }

    #[inline(always)]
    unsafe fn plain(
        x: *const F::T,
        out: *mut F::T,
        n: usize,
        carry: Option<F::T>,
        way: Way,
    ) -> F::T {
        // SAFETY: this function's.
        unsafe { rounded::<F>(x, out, n, carry, way.exclusive) }
    }

    #[inline(always)]
    unsafe fn groups(stretch: &Stretch<F::T>) -> (usize, F::T) {
        // SAFETY: this function's.
        unsafe { anchored::<F>(stretch) }
    }

    #[inline(always)]
    unsafe fn chains(_size: usize, stretch: &Stretch<F::T>) -> Outcome<F::T> {
        Outcome::none(stretch.carry)
    }

    #[inline(always)]
    unsafe fn rugged(_end: *const F::T) -> bool {
        true
    }
}

/// Anchored chains, a group at a time.
///
/// # Safety
/// As [`Method::groups`]; the processor has AVX2, FMA and F16C.
#[target_feature(enable = "avx2,fma,f16c")]
unsafe fn anchored<F: Format>(stretch: &Stretch<F::T>) -> (usize, F::T) {
    let carry = F::wide(stretch.carry);
    let low = f32::from_bits(carry.to_bits() & 0x7f80_0000);
    let high = 2.0 * low;
    let anchor = 1.5 * low * (1u32 << (24 - F::DIGITS)) as f32;
    let unit = 1f32.copysign(carry);
    let anchors = _mm256_set1_ps(anchor);
    let units = _mm256_set1_ps(unit);

    // The sum before each element, and the last, all with the anchor.
    let mut sums = [0f32; GROUP + 1];
    sums[0] = anchor + carry;
    let mut done = 0;
    while done < stretch.groups {
        let mut elements = [0f32; GROUP];
        // SAFETY: the group is one of the stretch's.
        let (x, out) = unsafe { (stretch.x.add(done * GROUP), stretch.out.add(done * GROUP)) };
        for k in (0..GROUP).step_by(LANES) {
            // SAFETY: k + 8 <= GROUP; the instruction set is this function's.
            unsafe { _mm256_storeu_ps(elements.as_mut_ptr().add(k), F::load(x.add(k))) };
        }
        let mut sum = sums[0];
        for (element, slot) in elements.iter().zip(&mut sums[1..]) {
            sum += element;
            *slot = sum;
        }

        // By magnitude, away from zero being up.
        let magnitude = |k: usize| {
            // SAFETY: k + 8 <= GROUP + 1, and so below.
            let anchored = unsafe { _mm256_loadu_ps(sums.as_ptr().add(k)) };
            _mm256_mul_ps(_mm256_sub_ps(anchored, anchors), units)
        };
        let lows = _mm256_set1_ps(low);
        let (mut least, mut most) = (magnitude(1), magnitude(1));
        for k in (LANES..GROUP).step_by(LANES) {
            least = _mm256_min_ps(least, magnitude(k + 1));
            most = _mm256_max_ps(most, magnitude(k + 1));
        }
        let mut from = _mm256_cmp_ps::<_CMP_GT_OQ>(least, lows);
        let to = _mm256_cmp_ps::<_CMP_LE_OQ>(most, _mm256_set1_ps(high));
        if _mm256_movemask_ps(from) != 0xff {
            // The lower end is allowed where the element led away from zero.
            from = to;
            for k in (0..GROUP).step_by(LANES) {
                // SAFETY: k + 8 <= GROUP.
                let element = unsafe { _mm256_loadu_ps(elements.as_ptr().add(k)) };
                let outward = _mm256_mul_ps(element, units);
                let outward = _mm256_cmp_ps::<_CMP_GE_OQ>(outward, _mm256_setzero_ps());
                let above = _mm256_cmp_ps::<_CMP_GT_OQ>(magnitude(k + 1), lows);
                let at = _mm256_cmp_ps::<_CMP_EQ_OQ>(magnitude(k + 1), lows);
                let right = _mm256_or_ps(above, _mm256_and_ps(at, outward));
                from = _mm256_and_ps(from, right);
            }
        }
        // Minimum and maximum may miss a NaN, but it stays in the sum.
        if _mm256_movemask_ps(_mm256_and_ps(from, to)) != 0xff || sum.is_nan() {
            break;
        }
        for k in (0..GROUP).step_by(LANES) {
            let from = if stretch.way.exclusive { k } else { k + 1 };
            // SAFETY: as above.
            unsafe {
                let anchored = _mm256_loadu_ps(sums.as_ptr().add(from));
                F::store(out.add(k), _mm256_sub_ps(anchored, anchors));
            }
        }
        sums[0] = sum;
        done += 1;
    }
    (done, F::narrow(sums[0] - anchor))
}

/// One block of the rounded way, of at most [`GROUP`] elements.
///
/// # Safety
/// As [`Method::plain`]; the processor has AVX2, FMA and F16C.
#[target_feature(enable = "avx2,fma,f16c")]
unsafe fn rounded<F: Format>(
    x: *const F::T,
    out: *mut F::T,
    n: usize,
    carry: Option<F::T>,
    exclusive: bool,
) -> F::T
where
    Sum: Combine<F::T>,
{
    let dropped = 24 - F::DIGITS;
    let count = _mm_cvtsi32_si128(dropped as i32);
    let one = _mm_set1_epi32(1);
    let below_half = _mm_set1_epi32((1 << (dropped - 1)) - 1);
    let kept = _mm_set1_epi32(-1 << dropped);

    let mut carry = carry;
    let mut sums = [0f32; GROUP + 1];
    let mut elements = [0f32; GROUP];
    let mut from = 0;
    // The first element of a line is copied, and before it stands the identity.
    if carry.is_none() {
        // SAFETY: n > 0.
        unsafe {
            let first = x.read_unaligned();
            out.write_unaligned(if exclusive { F::ZERO } else { first });
            carry = Some(first);
        }
        from = 1;
    }
    let mut total = carry.unwrap_or(F::ZERO);
    while from < n {
        let len = GROUP.min(n - from);
        // SAFETY: from + len <= n.
        let (x, out) = unsafe { (x.add(from), out.add(from)) };
        let whole = len / LANES * LANES;
        for k in (0..whole).step_by(LANES) {
            // SAFETY: k + 8 <= len; the instruction set is this function's.
            unsafe { _mm256_storeu_ps(elements.as_mut_ptr().add(k), F::load(x.add(k))) };
        }
        for (k, element) in elements.iter_mut().enumerate().take(len).skip(whole) {
            // SAFETY: k < len.
            *element = F::wide(unsafe { x.add(k).read_unaligned() });
        }
        sums[0] = F::wide(total);
        let mut sum = _mm_set_ss(sums[0]);
        // Infinities and NaN stay what they are, and need no rounding.
        if !sums[0].is_finite() {
            let mut sum = sums[0];
            for (element, slot) in elements[..len].iter().zip(&mut sums[1..]) {
                sum += element;
                *slot = sum;
            }
        } else {
            for (element, slot) in elements[..len].iter().zip(&mut sums[1..]) {
                let bits = _mm_castps_si128(_mm_add_ss(sum, _mm_set_ss(*element)));
                let odd = _mm_and_si128(_mm_srl_epi32(bits, count), one);
                let up = _mm_add_epi32(_mm_add_epi32(bits, below_half), odd);
                sum = _mm_castsi128_ps(_mm_and_si128(up, kept));
                *slot = _mm_cvtss_f32(sum);
            }
        }
        // Not in range, or not a number: false in either case.
        let right = |sum: &f32| sum.abs() < F::LIMIT;
        if F::LIMIT.is_finite() && sums[0].is_finite() && !sums[1..=len].iter().all(right) {
            // SAFETY: this function's.
            total = unsafe {
                along::line::<Plain<Sum, F::T>>(
                    x,
                    out,
                    len,
                    [size_of::<F::T>() as isize; 2],
                    Some(total),
                    exclusive,
                )
            };
            from += len;
            continue;
        }
        let shown = if exclusive { 0 } else { 1 };
        for k in (0..whole).step_by(LANES) {
            // SAFETY: as above.
            unsafe { F::store(out.add(k), _mm256_loadu_ps(sums.as_ptr().add(k + shown))) };
        }
        for k in whole..len {
            // SAFETY: k < len.
            unsafe { out.add(k).write_unaligned(F::narrow(sums[k + shown])) };
        }
        total = F::narrow(sums[len]);
        from += len;
    }
    total
}
