//! The groups: eight vectors of one line at a time, as integers within one binade, proven before
//! anything is stored.
//!
//! [`run`] is the module's pseudocode in the words of [`Vector`], which is one element type on one
//! instruction set. The essay that says why this is right stands in the module's head.

use super::line::Stretch;
use crate::elem::{Complex, Elem};

/// Vectors of a group. All their results stay in registers until the group is proven.
pub const VECTORS: usize = 8;

/// A floating type that lanes hold, seen through its bits.
pub trait Real: Copy + PartialOrd + 'static {
    /// An unsigned integer of the same size.
    type Bits: Copy;
    /// The sign of a number.
    const SIGN: Self::Bits;
    /// Its sign and its exponent.
    const HIGH: Self::Bits;
    /// The highest bit of its fraction.
    const HALF: Self::Bits;
    /// The integer 1.
    const ONE: Self::Bits;
    /// The number 1.
    const UNIT: Self::Bits;
    /// Whether the number is normal, and below the last binade, whose upper end is infinity.
    fn has_binade(self) -> bool;
    /// Whether the number is the lower end of its binade.
    fn is_edge(self) -> bool;
    /// The least magnitude that results may have: the lower end of the binade if this is it, else
    /// the next number.
    fn lowest(self) -> Self;
    /// -0.0 if this is the lower end of its binade, else +0.0.
    fn sign_bit_at_edge(self) -> Self;
    /// Whether two numbers have the same sign and the same exponent.
    fn level(self, other: Self) -> bool;
    /// Whether this is twice `half`, give or take a quarter.
    fn is_steady(self, half: Self) -> bool;
    /// Whether `steps` steps as long as the mean step of the `taken` from `origin` to here stay
    /// within the binade.
    fn stays(self, origin: Self, taken: usize, steps: usize) -> bool;
}

macro_rules! real {
    ($real:ty, $bits:ty) => {
        impl Real for $real {
            type Bits = $bits;
            const SIGN: $bits = (-0.0 as $real).to_bits();
            const HIGH: $bits = !0 << (<$real>::MANTISSA_DIGITS - 1);
            const HALF: $bits = 1 << (<$real>::MANTISSA_DIGITS - 2);
            const ONE: $bits = 1;
            const UNIT: $bits = (1.0 as $real).to_bits();

            #[inline(always)]
            fn has_binade(self) -> bool {
                let magnitude = self.abs();
                // False for a NaN as well.
                (<$real>::MIN_POSITIVE..<$real>::MAX / 2.0).contains(&magnitude)
            }

            #[inline(always)]
            fn is_edge(self) -> bool {
                self.to_bits() & !Self::HIGH == 0
            }

            #[inline(always)]
            fn lowest(self) -> $real {
                let bits = self.to_bits();
                <$real>::from_bits((bits & Self::HIGH) + (bits & !Self::HIGH != 0) as $bits)
            }

            #[inline(always)]
            fn sign_bit_at_edge(self) -> $real {
                if self.is_edge() { -0.0 } else { 0.0 }
            }

            #[inline(always)]
            fn level(self, other: $real) -> bool {
                (self.to_bits() ^ other.to_bits()) & Self::HIGH == 0
            }

            #[inline(always)]
            fn is_steady(self, half: $real) -> bool {
                (half + half - self).abs() <= self.abs() / 4.0
            }

            #[inline(always)]
            fn stays(self, origin: $real, taken: usize, steps: usize) -> bool {
                let magnitude = self.abs();
                let edge = <$real>::from_bits(magnitude.to_bits() & Self::HIGH);
                let drift = self - origin;
                let outward = (drift < 0.0) == (self < 0.0);
                let room = if outward {
                    edge + edge - magnitude
                } else {
                    magnitude - edge
                };
                drift.abs() * steps as $real <= room * taken as $real
            }
        }
    };
}
real!(f32, u32);
real!(f64, u64);

/// An element whose parts are summed each by itself.
pub trait Parts: Elem {
    /// The type of the parts.
    type Real: Real;
    /// Nothing.
    const ZERO: Self;
    /// Whether `test` holds for every part of the two elements.
    fn all(self, other: Self, test: impl Fn(Self::Real, Self::Real) -> bool) -> bool;
    /// The element of what `f` makes of the parts.
    fn map(self, f: impl Fn(Self::Real) -> Self::Real) -> Self;
}

macro_rules! parts {
    ($real:ty) => {
        impl Parts for $real {
            type Real = $real;
            const ZERO: $real = 0.0;
            #[inline(always)]
            fn all(self, other: $real, test: impl Fn($real, $real) -> bool) -> bool {
                test(self, other)
            }
            #[inline(always)]
            fn map(self, f: impl Fn($real) -> $real) -> $real {
                f(self)
            }
        }

        impl Parts for Complex<$real> {
            type Real = $real;
            const ZERO: Self = Complex { re: 0.0, im: 0.0 };
            #[inline(always)]
            fn all(self, other: Self, test: impl Fn($real, $real) -> bool) -> bool {
                test(self.re, other.re) && test(self.im, other.im)
            }
            #[inline(always)]
            fn map(self, f: impl Fn($real) -> $real) -> Self {
                Complex {
                    re: f(self.re),
                    im: f(self.im),
                }
            }
        }
    };
}
parts!(f32);
parts!(f64);

/// A vector of elements on one instruction set. Integers are of the width of the parts, and wrap.
///
/// Every function's safety requirement is that the processor has the instruction set, and that
/// pointers are good for a vector.
#[allow(clippy::missing_safety_doc, reason = "the same for all, stated above")]
pub trait Vector: 'static {
    /// The element.
    type T: Parts;
    /// Floats.
    type F: Copy;
    /// Their bits.
    type I: Copy;
    /// Elements of a vector.
    const LANES: usize;
    /// Whether a line runs from higher addresses to lower ones: then the first element of a vector is in its last place.
    const BACKWARD: bool;
    /// Whether a second load, of elements one place earlier, is faster than to put a vector together
    /// from two.
    const LATE_BY_LOADS: bool;

    unsafe fn load(p: *const Self::T) -> Self::F;
    unsafe fn store(p: *mut Self::T, v: Self::I);
    /// Past the caches; `p` is aligned to the vector.
    unsafe fn stream(p: *mut Self::T, v: Self::I);
    /// The element in every place.
    unsafe fn broadcast(element: Self::T) -> Self::I;
    /// The last element.
    unsafe fn last(v: Self::I) -> Self::T;

    unsafe fn bits(v: Self::F) -> Self::I;
    unsafe fn float(v: Self::I) -> Self::F;
    /// `base + x * sign`, of which only the addition rounds, for a `sign` of 1 or -1.
    unsafe fn plus(x: Self::F, sign: Self::F, base: Self::F) -> Self::I;
    /// `base - x * sign`, likewise.
    unsafe fn minus(x: Self::F, sign: Self::F, base: Self::F) -> Self::I;

    /// These bits in every part.
    unsafe fn splat(bits: <<Self::T as Parts>::Real as Real>::Bits) -> Self::I;
    /// 0 0 1 1 by elements, over and over; 0 1 if there are two.
    unsafe fn pattern() -> Self::I;
    unsafe fn add(a: Self::I, b: Self::I) -> Self::I;
    unsafe fn sub(a: Self::I, b: Self::I) -> Self::I;
    unsafe fn and(a: Self::I, b: Self::I) -> Self::I;
    unsafe fn or(a: Self::I, b: Self::I) -> Self::I;
    unsafe fn xor(a: Self::I, b: Self::I) -> Self::I;
    /// `seen | (a ^ b)`
    unsafe fn differs(seen: Self::I, a: Self::I, b: Self::I) -> Self::I;
    /// Whether any bit is set.
    unsafe fn any(v: Self::I) -> bool;

    /// The vector that ends one element before `v` does; `before` stands in front of `v`.
    unsafe fn late(before: Self::I, v: Self::I) -> Self::I;
    /// From sums of two neighbours to sums of as many as a vector has; `held` is kept from vector to
    /// vector, and starts as the pair sums before the first vector, and 0.
    unsafe fn widen(held: &mut [Self::I; 2], pairs: Self::I) -> Self::I;
}

/// The type of a vector's parts.
type PartOf<V> = <<V as Vector>::T as Parts>::Real;

/// Bytes ahead of the loads that are fetched while storing past the caches.
///
/// Found by trial beyond the last-level cache. On a Zen 4 it was the same from 512 to 4096; on an Emerald Rapids, 10^7
/// f64 took 0.86 ns an element with 1024, 0.76 with this, 0.81 with twice as much.
const AHEAD: isize = 4096;

/// Does groups until one cannot be proven, of which nothing is stored; returns how many it did, and
/// the carry after them.
///
/// Every part of the carry has a binade. `EDGE` must be set if a part of the carry is the lower end of its binade. Only then are results
/// allowed to be, and all elements must have the carry's sign in that part.
///
/// # Safety
/// The processor has the vector's instruction set; `x` and `out` hold the elements of all the groups
/// and are the same or do not meet.
#[inline(always)]
pub unsafe fn run<V: Vector, const EDGE: bool>(stretch: &Stretch<V::T>) -> (usize, V::T) {
    // SAFETY: this function's; every access lies within the groups.
    unsafe {
        let carry = V::broadcast(stretch.carry);
        let sign = V::and(carry, V::splat(<PartOf<V> as Real>::SIGN));
        let high = V::splat(<PartOf<V> as Real>::HIGH);
        let one = V::splat(<PartOf<V> as Real>::ONE);
        let edge = V::and(carry, high);
        let unit = V::float(V::or(sign, V::splat(<PartOf<V> as Real>::UNIT)));
        // M, or M and one unit in the last place more, in turn; and the other of the two.
        let middle = V::or(V::xor(edge, sign), V::splat(<PartOf<V> as Real>::HALF));
        let base = V::add(middle, V::pattern());
        let other = V::sub(V::add(middle, one), V::pattern());
        let agreed = V::add(base, other);
        let lowest = V::broadcast(stretch.carry.map(Real::lowest));
        let zero = V::sub(one, one);

        let at_edge = V::broadcast(stretch.carry.map(Real::sign_bit_at_edge));

        // Before the first element stand as many that count 0.
        let mut held = [V::sub(base, V::late(other, other)), zero];
        let mut late = other;
        let other_late = V::float(V::late(other, other));
        let mut sum = carry;
        let mut done = 0;
        let (mut x, mut out) = (stretch.x, stretch.out);
        let on = if V::BACKWARD { -1 } else { 1 };
        while done < stretch.groups {
            let mut untrue = zero;
            let mut outside = zero;
            let mut sums = [sum; VECTORS];
            let mut running = sum;
            // Written out, because below its third level the optimiser keeps the loop, and with it
            // `sums` in memory: 15 % slower, 25 % if exclusive.
            macro_rules! step {
                ($($k:literal)*) => { $(
                    let v = V::load(place::<V>(x, $k));
                    let up = V::plus(v, unit, V::float(base));
                    let down = V::minus(v, unit, V::float(other));
                    untrue = V::differs(untrue, V::add(up, down), agreed);
                    // The same bits either way: `down` of the element before, whose `other` is that of the
                    // element before too. Nothing of the group has been overwritten yet.
                    let down_late = if V::LATE_BY_LOADS && $k > 0 {
                        V::minus(V::load(place::<V>(x, $k).offset(-on)), unit, other_late)
                    } else {
                        V::late(late, down)
                    };
                    let pairs = V::sub(up, down_late);
                    late = down;
                    running = V::add(running, V::widen(&mut held, pairs));
                    outside = V::or(outside, V::sub(running, lowest));
                    if EDGE {
                        let turned = V::and(V::xor(V::bits(v), carry), at_edge);
                        outside = V::or(outside, turned);
                    }
                    sums[$k] = running;
                )* };
            }
            const { assert!(VECTORS == 8) };
            step!(0 1 2 3 4 5 6 7);
            if V::any(V::or(untrue, V::and(outside, high))) {
                break;
            }
            if stretch.way.exclusive {
                let mut before = sum;
                for slot in &mut sums {
                    let inclusive = *slot;
                    *slot = V::late(before, inclusive);
                    before = inclusive;
                }
            }
            if stretch.stream {
                for (k, &slot) in sums.iter().enumerate() {
                    fetch(place::<V>(x, k).wrapping_byte_offset(on * AHEAD));
                    V::stream(place::<V>(out.cast_const(), k).cast_mut(), slot);
                }
            } else {
                for (k, &slot) in sums.iter().enumerate() {
                    V::store(place::<V>(out.cast_const(), k).cast_mut(), slot);
                }
            }
            sum = running;
            let group = on * (VECTORS * V::LANES) as isize;
            (x, out) = (x.offset(group), out.offset(group));
            done += 1;
        }
        (done, V::last(sum))
    }
}

/// Where vector `k` of a group lies whose first element is at `p`.
#[inline(always)]
fn place<V: Vector>(p: *const V::T, k: usize) -> *const V::T {
    if V::BACKWARD {
        p.wrapping_sub(k * V::LANES + V::LANES - 1)
    } else {
        p.wrapping_add(k * V::LANES)
    }
}

/// Asks for the cache line at an address, which need not be one of ours.
#[inline(always)]
fn fetch<T>(p: *const T) {
    #[cfg(target_arch = "x86_64")]
    // SAFETY: a hint, without effect on what the program computes; the instruction is part of SSE.
    unsafe {
        use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
        _mm_prefetch::<_MM_HINT_T0>(p.cast());
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = p;
}
