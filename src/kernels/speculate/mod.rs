//! Sequential floating sums, in groups: the bits of one addition after the other, at three to five
//! times its speed.
//!
//! Additions that wait for one another take the latency of an adder each, and rounding forbids to
//! regroup them. Yet as long as the sum stays between two powers of two, rounded addition *is*
//! integer addition, which may be regrouped at will. The kernels here assume that for a group of
//! elements, prove it, and only then store. A group that cannot be proven is added one by one.
//!
//! # The sum within a binade
//!
//! Let a format have p digits (53 or 24), and let s be the sum so far, normal, with
//! 2^e <= |s| < 2^(e+1): its *binade*. There the numbers are the multiples of u = 2^(e-p+1), and the
//! next number's bits, read as an integer, are the bits of this one and 1. Sign and magnitude being
//! apart, that holds for a negative s as well, if "next" means away from zero. So turn the elements
//! that way: v = x if s is positive, v = -x if it is negative. Then with k = v / u, rounded to the
//! nearest integer,
//!
//! ```text
//! bits(s + x) = bits(s) + k
//! ```
//!
//! if the result is in the binade too, and v / u is not half-way between two integers: |s| is a
//! multiple of u, so |s| + v lies as far from the multiples of u as v does. (Half-way, a *tie*, the
//! even neighbour of |s| + v is taken, and which k that is depends on s.) k does not depend on s, so
//!
//! ```text
//! bits(sum after i) = bits(s) + k[1] + .. + k[i]
//! ```
//!
//! in integers, in any order, as long as every sum on the way stays in the binade.
//!
//! **The ends of the binade.** Let R be the integer |s| / u + k, for an s and a v without tie.
//!
//! - 2^(p-1) < R < 2^p. |s| + v is less than half a u away from R u, thus inside the binade, where the
//!   grid is u. R u is the rounded result.
//! - R = 2^p, the upper end. Below it the grid is u, above it 2u, and |s| + v is less than half a u
//!   away: it rounds to the end itself. Right. The sum may now stand at the end when the next element
//!   comes. If that leads below, the first case holds; if k = 0, then |s| + v is within half a u of
//!   the end and stays there, by the same argument; if it leads above, R > 2^p, which is refused.
//! - R = 2^(p-1), the lower end. If |s| + v >= 2^e, it is right. If not, the grid is u/2 there, and
//!   |s| + v might be nearer to a finer number. So this is refused, except if v >= 0 in all of the
//!   group: then |s| + v >= |s| >= 2^e. That exception is made when the group begins at the lower end,
//!   because sums stay there: in f32, adding ones stops at 2^24 for ever.
//! - Anything else left the binade. It is refused, and so is the group, whatever is in it behind.
//!
//! So what is asked of the integer R in every place is 2^(p-1) < R <= 2^p (in the exceptional form,
//! 2^(p-1) <= R < 2^p). bits(R) minus the bits of the lowest allowed number, wrapping, has no bit in
//! the places of sign and exponent exactly if this holds: one subtraction, and an `or` into what is
//! looked at once at the group's end. A first R outside is at most 2^(p-2) + 1 away from one inside
//! (see below), so it cannot wrap around into the range.
//!
//! # The proof that k is right
//!
//! With M = 1.5 2^e, a float addition does the rounding: y = fl(M + v) has bits(y) - bits(M) = k, if
//! M + v is in the binade. What has to be shown is that it was, that there was no tie, and that v was
//! no NaN. One second addition shows it all:
//!
//! ```text
//! y  = fl(M + v)          y' = fl(M + u - v)          accept if bits(y) + bits(y') = 2 bits(M) + 1
//! ```
//!
//! as integers that wrap. In the cases below, d = |v| / u - 2^(p-2) is how far |v| exceeds half a
//! binade's width.
//!
//! - |v| < 2^(e-1), no tie: y counts k, y' counts -k. Accepted, rightly.
//! - |v| < 2^(e-1), a tie: M / u is even, M / u + 1 is odd, and both results are rounded to even. So y
//!   counts the even one of the two neighbours of v / u and y' the negative of the odd one. The sum is
//!   off by one: refused.
//! - v = 2^(e-1) + d u, d >= 0. M + v is at or above the upper end, where the grid is 2u: y counts
//!   2^(p-2) + [d/2]. M + u - v = 2^e + (1 - d) u counts -2^(p-2) - [d] from M + u on while d <= 1, and
//!   from there on, where the grid is u/2, -2^(p-2) - 1 - [2 (d-1)]; brackets round to nearest, ties to
//!   the even *bits*. Accepted are d < 1/2 with k = 2^(p-2), and 1 < d <= 5/4 with k = 2^(p-2) + 1:
//!   both right, and no ties. At d = 1/2 the tie in y' goes down, to the even end of the binade, and
//!   at d = 1 y' is at the end while [d/2] = 0: refused. For larger d, y' moves four times as fast as
//!   y, and they do not meet again.
//! - v = -2^(e-1) + d u with 0 < d < 1, just inside: M + u - v exceeds the upper end by less than u,
//!   the grid there is 2u, and y' is the end: it counts 2^(p-2) - 1. y must count its negative, which
//!   is so for d > 1/2, rightly; at d = 1/2, a tie, y goes down to the even end. Refused. (With M and
//!   M - u in place of M and M + u, this tie would be accepted.)
//! - v = -2^(e-1) - d u, d >= 0: y counts -2^(p-2) - [2d], y' counts 2^(p-2) - 1 + [(1+d)/2]. They
//!   agree for 0 < d <= 1/4 only, with k = -2^(p-2). Right, and no tie.
//! - |v| so large that y or y' has the other sign: the larger exponent of the two grows and the other
//!   comes after it. The sum of the bits must be 2 bits(M) + 1 up to the sign bit and wrapping, that
//!   is, both exponents must be away from M's by half of all exponents. Then M is nothing beside v,
//!   y = -y' = v, and the sum without the sign bit is even, not odd. Refused.
//! - v infinite: likewise, with y and y' the two infinities.
//! - v NaN: y and y' are the same NaN up to the sign, and the sum is even again. Refused.
//! - v zero of either sign, or denormal: k = 0, y = M, y' = M + u. Accepted; and s + v = s, because s
//!   is not zero. Denormals count as the small numbers they are; nothing is flushed to zero here.
//!
//! The tests put all 2^32 values of f32 through this check. s itself must be normal and below the last
//! binade, whose upper end would be infinity; for zero, denormal, infinite and NaN sums there are no
//! groups. M and M + u need no more than that; below M the grid may be that of the denormals, which is
//! no finer than u/2.
//!
//! # Sums of neighbours without a chain
//!
//! r is the vector of the last W results as integers. A vector of elements adds to each result the W
//! values k that end there:
//!
//! ```text
//! r = the carry's bits in every lane
//! per vector of W elements:
//!     y  = M(+u)   + x * sign                    a multiplication by 1 or -1 is exact
//!     y' = M(+u)'  - x * sign
//!     untrue  |= (y + y') ^ (2 M + 1)
//!     a  = y - y' of one element earlier         k[i] + k[i-1]
//!     a += a of two elements earlier             .. + k[i-2] + k[i-3]; and so on up to W
//!     r += a                                     the only operation that waits for the last vector
//!     outside |= r - lowest
//! per group of eight vectors:
//!     if untrue, or outside has a bit in sign or exponent: stop, nothing of the group is stored
//!     store the eight r
//! ```
//!
//! y and y' differ by the one unit between M and M + u, so lanes alternate: the first two elements of
//! four take y from M and y' from M + u, the other two the other way round. In the pair sums the unit
//! remains as 0, -1, 0, 1, and the next step adds those two apart: 0.
//!
//! Storing late is what makes it right in place: when a group fails, its elements are still there to
//! be added one by one, also for an exclusive scan, where each result goes one place further on. It
//! also lets results go past the caches ([`line`]).
//!
//! Where in a line groups are tried is in [`line`], what is done instead with f64 on which they fail is
//! in [`chains`], and sums of 16-bit floats are in [`narrow`].
//!
//! A complex number is two sums side by side: its elements take two lanes, shifts go by two lanes.
//!
//! Tried: three separate checks for size, tie and NaN (20-40 % slower); their maximum by `vrangepd`
//! (bound by its latency, 20 % slower); groups of 16 vectors (as fast, and more is lost when they
//! fail); vectors of 512 bits (10-30 % slower on Zen 4).

mod chains;
mod groups;
mod line;
mod narrow;
#[cfg(test)]
mod tests;
mod x86;

use super::{Family, Kernel, Mode};
use crate::accumulate::Plain;
use crate::dtype::DType;
use crate::elem::Complex;
use crate::op::{Op, Sum};
use crate::simd::Isa;
use line::Method;
use narrow::{Brain, Half, Narrow};
use std::marker::PhantomData;
use x86::{Avx2, Avx512, Ymm};

/// The kernels of a method.
struct Speculative<M>(PhantomData<M>);

impl<M: Method> Family for Speculative<M>
where
    Plain<Sum, M::T>: Family,
{
    const KERNEL: Kernel = Kernel {
        along: line::along::<M>,
        backward: if M::BACKWARD {
            Some(line::along::<M>)
        } else {
            None
        },
        ..<Plain<Sum, M::T> as Family>::KERNEL
    };
}

/// The kernels for sequential floating sums under an instruction set, if there are any.
pub fn kernel(isa: Isa, op: Op, dtype: DType, mode: Mode) -> Option<&'static Kernel> {
    // Reassociating has no effect on 16-bit floats.
    let narrow = matches!(dtype, DType::F16 | DType::Bf16) && mode == Mode::Reassociate;
    if op != Op::Sum || (mode != Mode::Sequential && !narrow) {
        return None;
    }
    macro_rules! pick {
        ($set:ty) => {
            match dtype {
                DType::F32 => Some(const { &Speculative::<Ymm<$set, f32>>::KERNEL }),
                DType::F64 => Some(const { &Speculative::<Ymm<$set, f64>>::KERNEL }),
                DType::C64 => Some(const { &Speculative::<Ymm<$set, Complex<f32>>>::KERNEL }),
                DType::C128 => Some(const { &Speculative::<Ymm<$set, Complex<f64>>>::KERNEL }),
                DType::F16 => Some(const { &Speculative::<Narrow<Half>>::KERNEL }),
                DType::Bf16 => Some(const { &Speculative::<Narrow<Brain>>::KERNEL }),
                _ => None,
            }
        };
    }
    match isa {
        Isa::Avx512 => pick!(Avx512),
        Isa::Avx2 => pick!(Avx2),
        _ => None,
    }
}
