//! Compensated sums and products, by stretches.
//!
//! # The idea
//!
//! A compensated sum is a chain of additions with the rounding error of each one added up beside it
//! (T. Ogita, S. M. Rump and S. Oishi, "Accurate sum and dot product", 2005, call it Sum2), and a
//! compensated product a chain of multiplications with their errors beside it, each multiplied along with
//! what follows. One chain is slow, for each operation waits for the one before. So a line is cut into
//! *stretches* of [`STRETCH`] elements, and a stretch is gone through twice:
//!
//! ```text
//! for each stretch:    t, e = chain from its first element      the stretch by itself, and its error
//! one after the other: c = what is before the stretch;   carry = carry combined with t, e
//! for each stretch:    h, l = chain that starts from c;   each result is h + l
//! ```
//!
//! The first and the last line know nothing of other stretches, so several of them are done side by
//! side, one in each lane of a register; only the middle is a chain, with two numbers for 64 elements. Where
//! there are too few for that, or registers too narrow, both chains of one stretch are done side by side, which
//! takes as long as one of them. (Beside each chain that of the next stretch by itself, so that the middle is
//! not waited for: products of f64 without AVX2 took 8 % less, all else the same or more.) Down the rows of
//! a block the middle is known when a stretch begins, and both chains go on together: [`down`].
//! Nothing is exchanged between what is before an element and what is behind it: a large element late
//! in a line costs no earlier result its accuracy, which a split by the largest element of a block
//! (S. M. Rump, T. Ogita and S. Oishi, "Accurate floating-point summation", 2008) would.
//!
//! The steps of the chains are in [`chain`], the middle in [`crate::compensate`].
//!
//! # The bits
//!
//! A result is what these operations on doubles give, in this order, whoever carries them out:
//!
//! ```text
//! sum:      s = h + x;    l = l + (error of that addition)
//! product:  p = h * x;    l = l * x + (error of that multiplication)
//! complex:  p = h * (a, a);   q = (im h, re h) * (-b, b);   s = p + q
//!           l = (l * (a, a) + (im l, re l) * (-b, b)) + (error of s + (error of p + error of q))
//! ```
//!
//! None of them is fused, and errors are what they are however they are found: that of a multiplication by a
//! fused multiply-add or by splitting the factors ([`ProductError`]), in any range. Lines along and across and
//! all instruction sets have the same stretches, counted from where the line or a piece of it begins, and
//! pieces begin at multiples of [`STRETCH`].
//!
//! Doubles are enough for floats, so that their chains have no errors beside them but where a stretch is
//! multiplied by itself: 64 additions lose 2^-47 of the sum of the magnitudes, where 2^-32 are allowed; 64
//! multiplications lose 2^-47 of a result, but what they lost would add up from stretch to stretch. 16-bit
//! floats have the chains of floats, and each result is rounded from there once.
//!
//! # The error of a sum
//!
//! Let S be the sum of the magnitudes before and up to an element of f64, and Q that of a stretch. Each
//! of up to 64 additions of a chain has an error of at most 2^-53 S, added up in `l`, which starts from
//! 2^-48 S at most: the k-th rounding of `l` is at most 2^-53 (2^-48 + k 2^-53) S, and all together
//! 2^-94 S. The last addition, which is rounded to what is shown, adds half a place. In the same way a
//! total is wrong by at most 2^-95 Q, which adds up to 2^-95 S over any number of stretches. What the
//! carry loses is told in [`crate::compensate`]. All is far below the 2^-90 S that the contract allows.
//!
//! # The error of a product
//!
//! After k steps `l` is at most k 2^-53 of `h`, and a step rounds it twice: all together at most 2^-94 of the
//! product, and for complex ones, which have twelve operations a step, 2^-90 of its magnitude. The last
//! addition adds half a place. What is before a stretch loses as much for each stretch there, which is
//! nothing for less than 2^40 elements.
//!
//! # What makes an exception
//!
//! In sums infinities and NaN, results that overflow, and a leading -0.0, whose sign the sum with a number of
//! another kind would lose. In products what is not in the middle of the range of doubles: zeros, infinities
//! and NaN, and stretches whose product by itself grows beyond 2^400 or falls below 2^-400 on the way, and
//! then results that are not normal. (A product of f64 before a stretch may be anywhere: it comes with a power
//! of two beside it.) A stretch with any of that is done one by one by the scalar accumulator. Whether it is
//! one depends on its elements and what is before it alone; the stretch is the unit of that everywhere, and so
//! all ways still give the same bits. What is zero, infinite or NaN before a stretch stays so in products, and
//! what is infinite or NaN in sums: then plain operations are all that is left.
//!
//! # Results and carries
//!
//! The carry is the better number: it may round to a neighbour of the last result. An accumulator holds
//! both, and a caller's carry has the value of the last result and the error that makes it the carry,
//! cut off where the pair would stand for another result.

mod chain;
mod down;
mod folds;
mod lanes;
mod line;
#[cfg(test)]
mod tests;
#[cfg(target_arch = "x86_64")]
mod x86;

use super::{Block, Carries, Family, Folds, Kernel, Splits, generic};
use crate::accumulate::Accumulate;
use crate::compensate::{Append, Compensate, Own};
use crate::dtype::DType;
use crate::elem::{Bf16, CastFrom, Complex, Elem, F16};
use crate::op::{Combine, Op, Prod, Sum};
use crate::pair::{ProductError, Split};
use crate::simd::Isa;
use chain::{
    Chains, ComplexFactors, ProductOfDoubles, ProductWithErrors, RealFactors, Steps, SumOfDoubles,
    SumWithErrors,
};
use down::{ByTwo, Down, Strip};
use lanes::{Beside, Complexes, Parts, Reals};
use line::{Line, Scan};
use std::marker::PhantomData;
use std::mem::MaybeUninit;
#[cfg(target_arch = "x86_64")]
pub use x86::lines;

/// Elements of a stretch. Changing it changes results.
const STRETCH: usize = 64;

/// A type with one or two real parts, which doubles hold.
pub trait Parted<const P: usize>: Elem {
    /// The parts.
    fn to_parts(self) -> [f64; P];
    /// The number that rounds the parts.
    fn of_parts(parts: [f64; P]) -> Self;
    /// Parts below this are finite in the floats that accumulators stand for; others are not, or left to the
    /// scalar accumulator.
    const BOUND: f64;
}

macro_rules! parted {
    ($($f:ty, $bound:expr;)*) => { $(
        impl Parted<1> for $f {
            const BOUND: f64 = $bound;
            #[inline(always)]
            fn to_parts(self) -> [f64; 1] {
                [self as f64]
            }
            #[inline(always)]
            fn of_parts([x]: [f64; 1]) -> $f {
                x as $f
            }
        }

        impl Parted<2> for Complex<$f> {
            const BOUND: f64 = $bound;
            #[inline(always)]
            fn to_parts(self) -> [f64; 2] {
                [self.re as f64, self.im as f64]
            }
            #[inline(always)]
            fn of_parts([re, im]: [f64; 2]) -> Self {
                Complex { re: re as $f, im: im as $f }
            }
        }
    )* };
}
parted! {
    // Half a place above the greatest float, from where on numbers are rounded to an infinity.
    f32, f64::from_bits(0x47ef_ffff_f000_0000);
    f64, f64::INFINITY;
}

macro_rules! parted_narrow {
    ($($t:ty),*) => { $(
        impl Parted<1> for $t {
            const BOUND: f64 = f64::from_bits((1023 + 127) << 52);
            #[inline(always)]
            fn to_parts(self) -> [f64; 1] {
                [self.to_f32() as f64]
            }
            #[inline(always)]
            fn of_parts([x]: [f64; 1]) -> $t {
                <$t>::cast_from(x)
            }
        }
    )* };
}
parted_narrow!(F16, Bf16);

/// A type with compensated `O` by stretches.
pub trait ByStretches<O, const P: usize>: Parted<P> + Compensate<O, Acc: Append<O, P>> {
    /// How its stretches are gone through,
    type Chains: Chains;
    /// and in which lanes on every processor.
    type Anywhere: Beside<P>;
}

macro_rules! by_stretches {
    ($($o:ty, $p:literal, $lanes:ty, $chains:ty: $($t:ty),*;)*) => { $($(
        impl ByStretches<$o, $p> for $t {
            type Chains = $chains;
            type Anywhere = $lanes;
        }
    )*)* };
}
by_stretches! {
    Sum, 1, Reals, SumWithErrors: f64;
    Sum, 2, Complexes, SumWithErrors: Complex<f64>;
    Sum, 1, Reals, SumOfDoubles: f32, F16, Bf16;
    Sum, 2, Complexes, SumOfDoubles: Complex<f32>;
    Prod, 1, Reals, ProductWithErrors<RealFactors>: f64;
    Prod, 2, Complexes, ProductWithErrors<ComplexFactors>: Complex<f64>;
    Prod, 1, Reals, ProductOfDoubles<RealFactors>: f32, F16, Bf16;
    Prod, 2, Complexes, ProductOfDoubles<ComplexFactors>: Complex<f32>;
}

/// An accumulator: the scalar one, and what was shown last, before it was rounded to the type.
#[repr(C)]
pub struct State<A, const P: usize> {
    acc: A,
    last: [f64; P],
}

impl<A: Copy, const P: usize> Clone for State<A, P> {
    #[inline(always)]
    fn clone(&self) -> Self {
        *self
    }
}

impl<A: Copy, const P: usize> Copy for State<A, P> {}

/// A compensated `O` by stretches.
pub struct Stretched<O, T, const P: usize>(PhantomData<(O, T)>);

/// The accumulator of a type.
type StateOf<O, T, const P: usize> = State<<T as Compensate<O>>::Acc, P>;

impl<O: Combine<T>, T: ByStretches<O, P>, const P: usize> Stretched<O, T, P> {
    /// The state of an accumulator that is shown as it is.
    #[inline(always)]
    fn state(acc: T::Acc) -> StateOf<O, T, P> {
        let last = T::shown(acc).to_parts();
        State { acc, last }
    }

    /// The parts of [`Steps::NEUTRAL`].
    #[inline(always)]
    fn neutral() -> [f64; P] {
        let mut parts = [0.0; P];
        parts.copy_from_slice(&<T::Chains as Chains>::Steps::NEUTRAL[..P]);
        parts
    }

    /// What a line starts from: nothing, which combines like the neutral element.
    #[inline(always)]
    fn nothing() -> StateOf<O, T, P> {
        Self::state(T::of_parts(Self::neutral()).exact())
    }
}

impl<O: Combine<T>, T: ByStretches<O, P>, const P: usize> Accumulate for Stretched<O, T, P> {
    type T = T;
    type Acc = StateOf<O, T, P>;
    type Carry = T::Carry;
    const IDENTITY: T = O::IDENTITY;

    #[inline(always)]
    fn first(x: T) -> Self::Acc {
        Self::state(x.exact())
    }
    #[inline(always)]
    fn step(state: Self::Acc, x: T) -> Self::Acc {
        Self::state(T::step(state.acc, x))
    }
    #[inline(always)]
    fn value(state: Self::Acc) -> T {
        T::of_parts(state.last)
    }
    #[inline(always)]
    fn merge(first: Self::Acc, second: Self::Acc) -> Self::Acc {
        Self::state(T::merge(first.acc, second.acc))
    }
    #[inline(always)]
    fn import(carry: Self::Carry) -> Self::Acc {
        Self::state(T::import(carry))
    }
    #[inline(always)]
    fn export(state: Self::Acc) -> Self::Carry {
        T::export_as(state.acc, &state.last)
    }
}

/// A [`line::Stretch`], for any function that it is compiled into: both chains beside each other, and the state's
/// products by `E`.
#[inline(always)]
unsafe fn stretch<O, T, const P: usize, L, E>(line: &Line)
where
    O: Combine<T>,
    T: ByStretches<O, P>,
    L: Beside<P>,
    E: ProductError,
{
    let mut copy = MaybeUninit::<[T; STRETCH]>::uninit();
    // SAFETY: this function's; a state that has not started is written before it is read, and elements are
    // copied before their places are written.
    unsafe {
        let state = line.state.cast::<StateOf<O, T, P>>();
        if !line.started {
            state.write(Stretched::<O, T, P>::nothing());
        }
        let state = &mut *state;
        // An exception takes the elements once more.
        let apart = if line.x == line.out.cast_const() {
            &line.copied(copy.as_mut_ptr().cast(), size_of::<T>())
        } else {
            line
        };
        if line.exclusive {
            let before = match line.started {
                true => Stretched::<O, T, P>::value(*state),
                false => O::IDENTITY,
            };
            line.place(0, before);
        }
        match plain_stretch::<O, T, P, L, E>(apart, state) {
            Some(after) => *state = after,
            None => one_by_one::<O, T, P>(apart, state),
        }
    }
}

/// The accumulator after a stretch, on every processor.
#[inline(never)]
fn appended<O, T: ByStretches<O, P>, const P: usize>(acc: &T::Acc, own: &Own<P>) -> Option<T::Acc> {
    acc.append::<Split>(own)
}

/// A [`line::Stretch`] for every processor.
unsafe fn stretch_anywhere<O: Combine<T>, T: ByStretches<O, P>, const P: usize>(line: &Line) {
    // SAFETY: this function's.
    unsafe { stretch::<O, T, P, T::Anywhere, Split>(line) }
}

/// [`Down::rows`] for every processor.
unsafe fn rows_anywhere<O: Combine<T>, T: ByStretches<O, P>, const P: usize>(strip: &Strip) {
    // SAFETY: this function's.
    unsafe { down::rows::<O, T, ByTwo<T::Anywhere>, P>(strip) }
}

/// [`Folds::fold`] for every processor.
unsafe fn fold_anywhere<O: Combine<T>, T: ByStretches<O, P>, const P: usize>(
    block: &Block,
    numbers: *mut u8,
) {
    // SAFETY: this function's.
    unsafe { folds::fold::<O, T, P, T::Anywhere>(block, numbers, 0) }
}

/// [`Folds::append`] for every processor.
unsafe fn append_anywhere<O: Combine<T>, T: ByStretches<O, P>, const P: usize>(
    block: &Block,
    numbers: *const u8,
) -> bool {
    // SAFETY: this function's.
    unsafe { folds::append::<O, T, P, Split>(&Stretched::<O, T, P>::ANYWHERE, block, numbers) }
}

/// The same where all is ordinary and no zero's sign is at stake; `None` elsewhere, with anything in
/// the results' places.
///
/// # Safety
/// As [`line::Stretch`]; the results lie elsewhere than the elements.
#[inline(always)]
unsafe fn plain_stretch<O, T, const P: usize, L, E>(
    line: &Line,
    state: &StateOf<O, T, P>,
) -> Option<StateOf<O, T, P>>
where
    O: Combine<T>,
    T: ByStretches<O, P>,
    L: Beside<P>,
    E: ProductError,
{
    type Steps<O, T, const P: usize> = <<T as ByStretches<O, P>>::Chains as Chains>::Steps;
    let seed = state.acc.seed();
    // SAFETY: this function's; the instruction set is there.
    unsafe {
        let first = line.element::<T>(0).to_parts();
        let hides = Steps::<O, T, P>::hides(&state.last, line.started, &first);
        if Steps::<O, T, P>::stuck(&seed[0]) || hides {
            return None;
        }
        // What goes on from the numbers before is the first one of each pair.
        let mut chains = T::Chains::own::<L>();
        for (number, seed) in chains.as_mut().iter_mut().zip(seed).take(2) {
            *number = L::both(seed, number.apart()[1]);
        }
        let power = L::both(seed[2], seed[2]);
        let mut last = chains.as_ref()[0];
        let mut greatest = L::of(0.0, 0.0);
        // An exclusive scan shows each result one place further on, and the last one nowhere.
        let mut nowhere = MaybeUninit::<T>::uninit();
        let (mut x, mut out) = (line.x, line.out);
        let mut shown = line.n;
        let mut left = 0;
        if line.exclusive {
            out = out.wrapping_offset(line.out_step);
            shown -= 1;
            left = 1;
        }
        loop {
            for _ in 0..shown {
                let element = x.cast::<T>().read_unaligned().to_parts();
                chains = T::Chains::push_own(chains, L::both(element, element));
                last = T::Chains::result(T::Chains::chain(chains, power));
                if T::Chains::WATCHED {
                    greatest = last.magnitude().larger(greatest);
                }
                out.cast::<T>()
                    .write_unaligned(T::of_parts(last.apart()[0]));
                x = x.wrapping_offset(line.x_step);
                out = out.wrapping_offset(line.out_step);
            }
            if left == 0 {
                break;
            }
            out = nowhere.as_mut_ptr().cast();
            (shown, left) = (left, 0);
        }
        let last = last.apart()[0];
        if T::Chains::WATCHED {
            // A NaN is not greater than anything, but stays to the end.
            for part in last.into_iter().chain(greatest.apart()[0]) {
                let within = part.abs() < T::BOUND;
                if !within {
                    return None;
                }
            }
        }
        let mut own: Own<P> = [[0.0; P]; 4];
        for (number, chains) in own.iter_mut().zip(chains.as_ref()) {
            *number = chains.apart()[1];
        }
        let acc = state.acc.append::<E>(&own)?;
        Some(State { acc, last })
    }
}

/// The same by the scalar accumulator, one element after the other.
///
/// # Safety
/// As [`plain_stretch`].
#[inline(never)]
unsafe fn one_by_one<O: Combine<T>, T: ByStretches<O, P>, const P: usize>(
    line: &Line,
    state: &mut StateOf<O, T, P>,
) {
    let mut value = Parts::<Split, P>::new(state.acc.seed()[0]);
    let stuck = <T::Chains as Chains>::Steps::stuck(&value.0);
    for i in 0..line.n {
        // SAFETY: this function's; doubles need no instruction set.
        unsafe {
            let x = line.element::<T>(i);
            let first = if stuck {
                value = <T::Chains as Chains>::Steps::step(value, Parts::new(x.to_parts()));
                Some(T::of_parts(value.0))
            } else if line.started || i > 0 {
                None
            } else {
                Some(x)
            };
            *state = match first {
                Some(first) => Stretched::<O, T, P>::first(first),
                None => Stretched::<O, T, P>::step(*state, x),
            };
            let at = i + line.exclusive as usize;
            if at < line.n {
                line.place(at, Stretched::<O, T, P>::value(*state));
            }
        }
    }
}

impl<O: Combine<T>, T: ByStretches<O, P>, const P: usize> Stretched<O, T, P> {
    /// Stretch by stretch, on every processor.
    const ANYWHERE: Scan = Scan::of::<O, T, P>(stretch_anywhere::<O, T, P>);

    /// Columns by twos, where that is faster: conversions of 16 bits and complex products take their time, and
    /// many instructions, in any order.
    const DOWN: Option<Down> = {
        let converted = size_of::<T>() == 2;
        let multiplied = P == 2 && !<T::Chains as Chains>::WATCHED;
        match converted || multiplied {
            true => None,
            false => Some(Down::of::<O, T, P>(
                2,
                rows_anywhere::<O, T, P>,
                Self::ANYWHERE,
            )),
        }
    };

    const FOLDS: Folds = Folds::of::<P>(fold_anywhere::<O, T, P>, append_anywhere::<O, T, P>);

    /// Scans every row of the block.
    ///
    /// # Safety
    /// As [`super::Run`].
    unsafe fn along(block: &Block) {
        // SAFETY: this function's.
        unsafe { Self::ANYWHERE.rows(block) }
    }

    /// Scans down the rows of the block.
    ///
    /// # Safety
    /// As [`super::Run`].
    unsafe fn across(block: &Block) {
        // SAFETY: this function's.
        unsafe {
            match const { &Self::DOWN } {
                Some(down) => down.across(block),
                None => Self::ANYWHERE.down(block),
            }
        }
    }
}

impl<O: Combine<T>, T: ByStretches<O, P>, const P: usize> Family for Stretched<O, T, P> {
    const KERNEL: Kernel = Kernel {
        along: Self::along,
        across: Self::across,
        grid: STRETCH,
        splits: Splits::Folds(&Self::FOLDS),
        ..generic::<Self>()
    };
}

/// `$result` with `$s` as the family of an operation on a type that has errors; `None` for others.
macro_rules! with_stretched {
    ($op:expr, $dtype:expr, $s:ident => $result:expr) => {
        match $op {
            Op::Sum => with_stretched!(@of Sum, $dtype, $s => $result),
            Op::Prod => with_stretched!(@of Prod, $dtype, $s => $result),
            _ => None,
        }
    };
    (@of $o:ident, $dtype:expr, $s:ident => $result:expr) => {
        match $dtype {
            DType::F16 => with_stretched!(@as Stretched<$o, F16, 1>, $s => $result),
            DType::Bf16 => with_stretched!(@as Stretched<$o, Bf16, 1>, $s => $result),
            DType::F32 => with_stretched!(@as Stretched<$o, f32, 1>, $s => $result),
            DType::F64 => with_stretched!(@as Stretched<$o, f64, 1>, $s => $result),
            DType::C64 => with_stretched!(@as Stretched<$o, Complex<f32>, 2>, $s => $result),
            DType::C128 => with_stretched!(@as Stretched<$o, Complex<f64>, 2>, $s => $result),
            _ => None,
        }
    };
    (@as $family:ty, $s:ident => $result:expr) => {{
        type $s = $family;
        $result
    }};
}

/// The kernels of compensated sums and products of floats and complex numbers.
pub fn kernel(isa: Isa, op: Op, dtype: DType) -> Option<&'static Kernel> {
    #[cfg(target_arch = "x86_64")]
    if let Some(kernel) = x86::kernel(isa, op, dtype) {
        return Some(kernel);
    }
    let _ = isa;
    with_stretched!(op, dtype, S => super::family!(S))
}

/// What is done with their carries.
pub fn carries(op: Op, dtype: DType) -> Option<&'static Carries> {
    with_stretched!(op, dtype, S => Some(const { &Carries::of::<S>() }))
}
