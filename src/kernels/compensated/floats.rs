//! Compensated sums of f32, f16, bf16 and complex numbers of f32 along contiguous lines.
//!
//! Doubles have 29 digits more than the allowance for f32 needs to see, so a block needs no splitting:
//! its elements are summed in doubles from the block's start on, by the windows of
//! [`doubles`](super::doubles), and what stands before is added at the end:
//!
//! ```text
//! per block of 256 elements:
//!   h + l = what stands before, a normalised pair of doubles;  R[-1] = l
//!   per element i:   R[i] = R[i-4] + (x[i-3] + .. + x[i]);     out[i] = h + R[i]
//!   what stands before the next block = h + R[last], normalised
//! ```
//!
//! The additions in a block lose at most 2^-53 (3 * 64 + 64) of its magnitudes' sum and 2^-47 of l, which
//! is at most 2^-53 of h; over all blocks that is below 2^-45 sum|x| + 2^-108 n sum|x|, of which the
//! contract allows 2^-32 sum|x|. `h + R` is rounded to a double and then to the type, which may be off
//! by 2^-29 more than half a place. To 16 bits it is rounded to odd on the way, and so once.
//!
//! Lines are cut as in [`doubles`](super::doubles), and the same blocks go to the scalar accumulator:
//! with infinities or NaN, near the largest float, or led by -0.0.

use super::doubles::BLOCK;
use super::lanes::Lanes;
use crate::accumulate::{Accumulate, Compensated};
use crate::compensate::Compensate;
use crate::elem::{Bf16, CastFrom, Complex, F16};
use crate::kernels::{Block, along};
use crate::op::Sum;
use crate::pair::{Pair, two_sum};

/// An element type of `PARTS` numbers that fit doubles with digits to spare.
pub trait Floats: Compensate<Sum> {
    /// A part as it lies in memory.
    type Part: Copy;
    /// The largest magnitude, as bits, in a block that needs no care.
    const LARGEST: u32;
    /// Its magnitude as bits.
    fn magnitude(part: Self::Part) -> u32;
    /// Whether this is -0.0.
    fn minus_zero(part: Self::Part) -> bool;
    /// Whether the result of an accumulator is -0.0.
    fn shows_minus_zero(acc: Pair<f64>) -> bool {
        acc.value.to_bits() == (-0.0f64).to_bits()
    }
    /// Four parts from an address.
    ///
    /// # Safety
    /// They are there, and the lanes' instruction set.
    unsafe fn load<V: Lanes>(at: *const Self::Part) -> V;
    /// The results of `h + sum`, as doubles that round to them.
    ///
    /// # Safety
    /// The lanes' instruction set is there.
    unsafe fn show<V: Lanes>(h: V, sum: V) -> V;
    /// The same of an accumulator.
    fn shown(acc: Pair<f64>) -> f64;
    /// Writes four results.
    ///
    /// # Safety
    /// There is room, and the lanes' instruction set.
    unsafe fn store<V: Lanes>(results: V, at: *mut Self::Part);
    /// One part's result from a double that rounds to it.
    fn round(result: f64) -> Self::Part;
    /// The element's accumulators, part by part.
    fn parts<const PARTS: usize>(acc: Self::Acc) -> [Pair<f64>; PARTS];
    /// The inverse.
    fn whole<const PARTS: usize>(parts: [Pair<f64>; PARTS]) -> Self::Acc;
}

/// Below this, what stands before a block needs no care.
const LARGE: f64 = f64::from_bits((1023 + 126) << 52);

/// 2^118, of which 256 and [`LARGE`] still are a float.
const LARGEST_FLOAT: u32 = (127 + 118) << 23;

macro_rules! floats {
    ($t:ty, |$acc:ident| $parts:expr, |$back:ident| $whole:expr) => {
        impl Floats for $t {
            type Part = f32;
            const LARGEST: u32 = LARGEST_FLOAT;
            #[inline(always)]
            fn magnitude(part: f32) -> u32 {
                part.to_bits() & 0x7fff_ffff
            }
            #[inline(always)]
            fn minus_zero(part: f32) -> bool {
                part.to_bits() == 0x8000_0000
            }
            #[inline(always)]
            unsafe fn load<V: Lanes>(at: *const f32) -> V {
                // SAFETY: this function's.
                unsafe { V::load_floats(at) }
            }
            #[inline(always)]
            unsafe fn show<V: Lanes>(h: V, sum: V) -> V {
                // SAFETY: this function's.
                unsafe { h.add(sum) }
            }
            #[inline(always)]
            fn shown(acc: Pair<f64>) -> f64 {
                acc.value
            }
            #[inline(always)]
            unsafe fn store<V: Lanes>(results: V, at: *mut f32) {
                // SAFETY: this function's.
                unsafe { results.store_floats(at) }
            }
            #[inline(always)]
            fn round(result: f64) -> f32 {
                result as f32
            }
            #[inline(always)]
            fn parts<const PARTS: usize>($acc: Self::Acc) -> [Pair<f64>; PARTS] {
                $parts
            }
            #[inline(always)]
            fn whole<const PARTS: usize>($back: [Pair<f64>; PARTS]) -> Self::Acc {
                $whole
            }
        }
    };
}
floats!(f32, |acc| [acc; PARTS], |parts| parts[0]);
floats!(
    Complex<f32>,
    |acc| std::array::from_fn(|part| if part == 0 { acc.re } else { acc.im }),
    |parts| Complex {
        re: parts[0],
        im: parts[PARTS - 1]
    }
);

macro_rules! narrow {
    ($t:ty, $largest:expr) => {
        impl Floats for $t {
            type Part = $t;
            const LARGEST: u32 = $largest;
            #[inline(always)]
            fn magnitude(part: $t) -> u32 {
                part.0 as u32 & 0x7fff
            }
            #[inline(always)]
            fn minus_zero(part: $t) -> bool {
                part.0 == 0x8000
            }
            #[inline(always)]
            unsafe fn load<V: Lanes>(at: *const $t) -> V {
                // SAFETY: this function's; four floats.
                unsafe {
                    let parts = at.cast::<[$t; 4]>().read_unaligned();
                    V::load_floats(parts.map(<$t>::to_f32).as_ptr())
                }
            }
            #[inline(always)]
            unsafe fn show<V: Lanes>(h: V, sum: V) -> V {
                // SAFETY: this function's; four doubles.
                unsafe {
                    let (h, sum) = (h.array(), sum.array());
                    let odd: [f64; 4] = std::array::from_fn(|i| two_sum(h[i], sum[i]).to_odd());
                    V::load(odd.as_ptr())
                }
            }
            #[inline(always)]
            fn shown(acc: Pair<f64>) -> f64 {
                acc.to_odd()
            }
            #[inline(always)]
            unsafe fn store<V: Lanes>(results: V, at: *mut $t) {
                // SAFETY: this function's; room for four.
                unsafe {
                    let results = results.array().map(<$t>::cast_from);
                    at.cast::<[$t; 4]>().write_unaligned(results)
                }
            }
            #[inline(always)]
            fn round(result: f64) -> $t {
                <$t>::cast_from(result)
            }
            #[inline(always)]
            fn parts<const PARTS: usize>(acc: Pair<f64>) -> [Pair<f64>; PARTS] {
                [acc; PARTS]
            }
            #[inline(always)]
            fn whole<const PARTS: usize>(parts: [Pair<f64>; PARTS]) -> Pair<f64> {
                parts[0]
            }
        }
    };
}
// Every finite f16; 2^118 in bf16.
narrow!(F16, 0x7bff);
narrow!(Bf16, LARGEST_FLOAT >> 16);

/// Scans every row of the block.
///
/// # Safety
/// As [`crate::kernels::Run`], and the lanes' instruction set is there.
#[inline(always)]
pub unsafe fn run<T, V, const PARTS: usize, const EXCLUSIVE: bool>(block: &Block)
where
    T: Floats,
    V: Lanes,
    Compensated<Sum, T>: Accumulate<T = T, Acc = T::Acc>,
{
    const { assert!(size_of::<T>() == PARTS * size_of::<T::Part>()) };
    for row in 0..block.rows {
        // SAFETY: row is one of the block's rows, and has its accumulator; blocks lie within it, and
        // are read before their places are written.
        unsafe {
            let x = block.x.offset(row as isize * block.x_pitch);
            let out = block.out.offset(row as isize * block.out_pitch);
            let (x, out) = (x.cast::<T::Part>(), out.cast::<T::Part>());
            let slot = block.acc.cast::<T::Acc>().add(row);
            let mut started = block.started.then(|| slot.read());
            for at in (0..block.len).step_by(BLOCK) {
                let len = (block.len - at).min(BLOCK);
                let (x, out) = (x.add(at * PARTS), out.add(at * PARTS));
                let before = started.map(T::parts::<PARTS>);
                let acc = if ordinary::<T, PARTS>(before, x, len * PARTS) {
                    let before = before.unwrap_or([Pair::exact(0.0); PARTS]);
                    T::whole(sum_block::<T, V, PARTS, EXCLUSIVE>(
                        before,
                        x,
                        out,
                        len * PARTS,
                    ))
                } else {
                    let (x, out) = (x.cast::<T>(), out.cast::<T>());
                    along::line::<Compensated<Sum, T>, EXCLUSIVE>(x, out, len, started)
                };
                started = Some(acc);
            }
            if let Some(acc) = started {
                slot.write(acc);
            }
        }
    }
}

/// Whether a block of `n` parts is none for the scalar accumulator.
#[inline(always)]
unsafe fn ordinary<T: Floats, const PARTS: usize>(
    before: Option<[Pair<f64>; PARTS]>,
    x: *const T::Part,
    n: usize,
) -> bool {
    let mut largest = 0;
    for i in 0..n {
        // SAFETY: the caller's: n parts.
        largest = largest.max(T::magnitude(unsafe { x.add(i).read_unaligned() }));
    }
    let part_is_ordinary = |part: usize| {
        // SAFETY: the block has a first element.
        let minus_zero = T::minus_zero(unsafe { x.add(part).read_unaligned() });
        match before {
            None => !minus_zero,
            Some(before) => {
                let acc = before[part];
                acc.value.abs() < LARGE && !(minus_zero && T::shows_minus_zero(acc))
            }
        }
    };
    largest <= T::LARGEST && (0..PARTS).all(part_is_ordinary)
}

/// Scans a block of `n` parts and returns what stands before the next.
#[inline(always)]
unsafe fn sum_block<T: Floats, V: Lanes, const PARTS: usize, const EXCLUSIVE: bool>(
    before: [Pair<f64>; PARTS],
    x: *const T::Part,
    out: *mut T::Part,
    n: usize,
) -> [Pair<f64>; PARTS] {
    let spread = |f: &dyn Fn(Pair<f64>) -> f64| -> [f64; 4] {
        std::array::from_fn(|lane| f(before[lane % PARTS]))
    };
    // SAFETY: the caller's: n parts at both places.
    unsafe {
        let h = V::load(spread(&|pair| pair.value).as_ptr());
        let mut chain = Chain::<V, PARTS, EXCLUSIVE> {
            x: V::splat(0.0),
            two: V::splat(0.0),
            sum: V::load(spread(&|pair| pair.error).as_ptr()),
            shown: V::load(spread(&<T as Floats>::shown).as_ptr()),
        };
        let mut at = 0;
        while at + 4 <= n {
            let shown = chain.step(T::load(x.add(at)), |sum| T::show(h, sum));
            T::store(shown, out.add(at));
            at += 4;
        }
        let rest = n - at;
        if rest > 0 {
            let mut filled = [T::round(0.0); 4];
            for (i, place) in filled.iter_mut().take(rest).enumerate() {
                *place = x.add(at + i).read_unaligned();
            }
            let shown = chain.step(T::load(filled.as_ptr()), |sum| T::show(h, sum));
            T::store(shown, filled.as_mut_ptr());
            for (i, &result) in filled.iter().take(rest).enumerate() {
                out.add(at + i).write_unaligned(result);
            }
        }
        let sums = chain.sum.array();
        std::array::from_fn(|part| two_sum(before[part].value, sums[4 - PARTS + part]))
    }
}

/// The running sums of a block.
struct Chain<V, const PARTS: usize, const EXCLUSIVE: bool> {
    /// The last four elements and their sums by two.
    x: V,
    two: V,
    /// The sums at the last four places.
    sum: V,
    /// The last four results.
    shown: V,
}

impl<V: Lanes, const PARTS: usize, const EXCLUSIVE: bool> Chain<V, PARTS, EXCLUSIVE> {
    /// Four more parts, and what is shown in their places.
    #[inline(always)]
    unsafe fn step(&mut self, x: V, show: impl Fn(V) -> V) -> V {
        // SAFETY: the caller's.
        unsafe {
            let window = if PARTS == 1 {
                let two = x.add(x.after_one(self.x));
                let window = two.add(two.after_two(self.two));
                self.two = two;
                window
            } else {
                x.add(x.after_two(self.x))
            };
            self.x = x;
            self.sum = self.sum.add(window);
            let result = show(self.sum);
            if !EXCLUSIVE {
                return result;
            }
            let before = if PARTS == 1 {
                result.after_one(self.shown)
            } else {
                result.after_two(self.shown)
            };
            self.shown = result;
            before
        }
    }
}
