//! Compensated sums of contiguous lines, by stretches.
//!
//! # The idea
//!
//! A compensated sum is a chain of additions with the rounding error of each one added up beside it
//! (T. Ogita, S. M. Rump and S. Oishi, "Accurate sum and dot product", 2005, call it Sum2). One
//! chain is slow, for each addition waits for the one before. So a line is cut into *stretches* of
//! [`STRETCH`] elements, and a stretch is gone through twice:
//!
//! ```text
//! for each stretch:    t, e = chain from its first element      its total and the total's error
//! one after the other: c = what is before the stretch;   carry = carry + t + e, in three doubles
//! for each stretch:    h, l = chain that starts from c;   each result is h + l
//! ```
//!
//! The first and the last line know nothing of other stretches, so several of them are done side by
//! side, one in each lane of a register; only the middle is a chain, with two numbers for 64 elements.
//! Nothing is exchanged between what is before an element and what is behind it: a large element late
//! in a line costs no earlier result its accuracy, which a split by the largest element of a block
//! (S. M. Rump, T. Ogita and S. Oishi, "Accurate floating-point summation", 2008) would.
//!
//! For f32 a chain is additions of doubles and has no errors beside it: 64 of them lose 2^-47 of the
//! sum of the magnitudes, where 2^-32 are allowed.
//!
//! # The error
//!
//! Let S be the sum of the magnitudes before and up to an element of f64, and Q that of a stretch. Each
//! of up to 64 additions of a chain has an error of at most 2^-53 S, added up in `l`, which starts from
//! 2^-48 S at most: the k-th rounding of `l` is at most 2^-53 (2^-48 + k 2^-53) S, and all together
//! 2^-94 S. The last addition, which is rounded to what is shown, adds half a place. In the same way a
//! total is wrong by at most 2^-95 Q, which adds up to 2^-95 S over any number of stretches. What the
//! carry loses is told in [`crate::compensate`]. All is far below the 2^-90 S that the contract allows.
//!
//! # What makes an exception
//!
//! Infinities and NaN, results that overflow, and a leading -0.0, whose sign the sum with a number of
//! another kind would lose. A stretch that starts from -0.0 (or nothing) and whose first element is
//! -0.0, or that shows anything that is not finite, is done one by one by the scalar accumulator. The
//! stretch is the unit of that on every instruction set, and so all of them give the same bits.
//!
//! # Results and carries
//!
//! The carry is the better sum: it may round to a neighbour of the last result. An accumulator holds
//! both, and a caller's carry has the value of the last result and the error that makes it the carry,
//! cut off where the pair would stand for another result.

mod chain;
#[cfg(test)]
mod tests;
#[cfg(target_arch = "x86_64")]
mod x86;

use super::{Block, Family, Kernel, generic};
use crate::accumulate::Accumulate;
use crate::compensate::Sums;
use crate::dtype::DType;
use crate::elem::{Complex, Elem};
use crate::op::{Combine, Op, Sum};
use crate::simd::Isa;
use chain::Real;
use std::marker::PhantomData;

/// Elements of a stretch. Changing it changes results.
const STRETCH: usize = 64;

/// Elements of a line that are scanned at a time, whole stretches.
const PIECE: usize = 16 * STRETCH;

/// A type with one or two real parts, the sums of which are independent.
pub trait Parted<const P: usize>: Sums + Elem {
    /// The type of its parts.
    type Real: Real;
    /// What an exclusive scan shows first.
    const ZERO: Self;
    /// The sums of the parts.
    fn split(acc: <Self as Sums>::Acc) -> [<Self::Real as Sums>::Acc; P];
    /// The inverse of [`split`](Self::split).
    fn join(parts: [<Self::Real as Sums>::Acc; P]) -> <Self as Sums>::Acc;
}

macro_rules! parted {
    ($($f:ty),*) => { $(
        impl Parted<1> for $f {
            type Real = $f;
            const ZERO: $f = <Sum as Combine<$f>>::IDENTITY;
            #[inline(always)]
            fn split(acc: <$f as Sums>::Acc) -> [<$f as Sums>::Acc; 1] {
                [acc]
            }
            #[inline(always)]
            fn join([acc]: [<$f as Sums>::Acc; 1]) -> <$f as Sums>::Acc {
                acc
            }
        }

        impl Parted<2> for Complex<$f> {
            type Real = $f;
            const ZERO: Self = <Sum as Combine<Self>>::IDENTITY;
            #[inline(always)]
            fn split(acc: <Self as Sums>::Acc) -> [<$f as Sums>::Acc; 2] {
                [acc.re, acc.im]
            }
            #[inline(always)]
            fn join([re, im]: [<$f as Sums>::Acc; 2]) -> <Self as Sums>::Acc {
                Complex { re, im }
            }
        }
    )* };
}
parted!(f32, f64);

/// An accumulator: the sum of each part, and what was shown last.
pub struct State<T: Parted<P>, const P: usize> {
    sums: [<T::Real as Sums>::Acc; P],
    shown: [T::Real; P],
}

impl<T: Parted<P>, const P: usize> Clone for State<T, P> {
    #[inline(always)]
    fn clone(&self) -> Self {
        *self
    }
}

impl<T: Parted<P>, const P: usize> Copy for State<T, P> {}

impl<T: Parted<P>, const P: usize> State<T, P> {
    /// The state after sums that are shown as they are.
    #[inline(always)]
    fn of(sums: [<T::Real as Sums>::Acc; P]) -> Self {
        State {
            sums,
            shown: sums.map(T::Real::shown),
        }
    }

    /// What a line starts from: nothing, which adds to any number but -0.0 like -0.0.
    #[inline(always)]
    fn nothing() -> Self {
        Self::of([T::Real::from_f64(-0.0).exact(); P])
    }

    /// Whether the stretch after this state may not begin with these parts: the sign of -0.0 would not
    /// come out.
    #[inline(always)]
    fn hides(&self, first: [T::Real; P]) -> bool {
        let negative_zero = |x: T::Real| x.to_f64().to_bits() == (-0.0f64).to_bits();
        (0..P).any(|p| negative_zero(self.shown[p]) && negative_zero(first[p]))
    }
}

/// Sums by stretches.
pub struct Stretched<T, const P: usize>(PhantomData<T>);

impl<T: Parted<P>, const P: usize> Accumulate for Stretched<T, P> {
    type T = T;
    type Acc = State<T, P>;
    type Carry = <T as Sums>::Carry;
    const IDENTITY: T = T::ZERO;

    #[inline(always)]
    fn first(x: T) -> Self::Acc {
        State::of(T::split(x.exact()))
    }
    #[inline(always)]
    fn step(acc: Self::Acc, x: T) -> Self::Acc {
        State::of(T::split(<T as Sums>::step(T::join(acc.sums), x)))
    }
    #[inline(always)]
    fn value(acc: Self::Acc) -> T {
        parts::whole(acc.shown)
    }
    #[inline(always)]
    fn merge(first: Self::Acc, second: Self::Acc) -> Self::Acc {
        let merged = <T as Sums>::merge(T::join(first.sums), T::join(second.sums));
        State::of(T::split(merged))
    }
    #[inline(always)]
    fn import(carry: Self::Carry) -> Self::Acc {
        State::of(T::split(<T as Sums>::import(carry)))
    }
    #[inline(always)]
    fn export(acc: Self::Acc) -> Self::Carry {
        T::export_as(T::join(acc.sums), parts::whole(acc.shown))
    }
}

/// Elements and their parts.
mod parts {
    use super::Parted;

    /// An element from its parts.
    #[inline(always)]
    pub fn whole<T: Parted<P>, const P: usize>(parts: [T::Real; P]) -> T {
        const { assert!(size_of::<T>() == size_of::<[T::Real; P]>()) };
        // SAFETY: a number is its parts, one after the other.
        unsafe { (&raw const parts).cast::<T>().read_unaligned() }
    }

    /// The parts of an element.
    #[inline(always)]
    pub fn split<T: Parted<P>, const P: usize>(x: T) -> [T::Real; P] {
        const { assert!(size_of::<T>() == size_of::<[T::Real; P]>()) };
        // SAFETY: a number is its parts, one after the other.
        unsafe { (&raw const x).cast::<[T::Real; P]>().read_unaligned() }
    }
}

/// Scans a stretch of `n` elements, at most [`STRETCH`], into `results`, and returns the state after it.
fn stretch<T: Parted<P>, const P: usize>(
    x: &[T],
    results: &mut [T],
    before: Option<State<T, P>>,
) -> State<T, P> {
    let state = before.unwrap_or(State::nothing());
    if let Some(state) = plain_stretch(x, results, state) {
        return state;
    }
    let mut acc = before;
    for (&x, result) in x.iter().zip(results) {
        let next = match acc {
            Some(acc) => Stretched::<T, P>::step(acc, x),
            None => Stretched::<T, P>::first(x),
        };
        *result = Stretched::<T, P>::value(next);
        acc = Some(next);
    }
    acc.unwrap_or(state)
}

/// The same where all is finite and no zero's sign is at stake; `None` elsewhere, with anything in
/// `results`.
#[inline(always)]
fn plain_stretch<T: Parted<P>, const P: usize>(
    x: &[T],
    results: &mut [T],
    mut state: State<T, P>,
) -> Option<State<T, P>> {
    let part = |x: &T, p: usize| parts::split(*x)[p].to_f64();
    if state.hides(parts::split(*x.first()?)) {
        return None;
    }
    let mut shown = [[T::Real::from_f64(0.0); P]; STRETCH];
    for (p, sum) in state.sums.iter_mut().enumerate() {
        let (value, error) = T::Real::seed(*sum);
        let mut chain = T::Real::start(value, error);
        // -0.0 is what adds nothing.
        let mut own = T::Real::start(-0.0, 0.0);
        let mut finite = true;
        for (i, x) in x.iter().enumerate() {
            let x = part(x, p);
            // SAFETY: a double needs no instruction set.
            unsafe {
                chain = T::Real::push(chain, x);
                own = T::Real::push(own, x);
                let result = T::Real::from_f64(T::Real::result(chain));
                finite &= result.to_f64().is_finite();
                shown[i][p] = result;
            }
        }
        let (value, error) = T::Real::total(own);
        let error = error.unwrap_or(0.0);
        if !(finite && value.is_finite() && error.is_finite()) {
            return None;
        }
        *sum = T::Real::append(*sum, value, error);
    }
    for (shown, result) in shown.iter().zip(results.iter_mut()) {
        *result = parts::whole(*shown);
    }
    state.shown = shown[x.len() - 1];
    Some(state)
}

/// What is left of a line, or an instruction set's own way to scan some of it.
///
/// `x` and `out` hold `n` elements, at most [`PIECE`], and are the same or do not meet. Returns the state
/// after them. The last argument is whether to ask for the piece after this one, because no cache has it.
type Piece<T, const P: usize> = unsafe fn(
    x: *const T,
    out: *mut T,
    n: usize,
    before: Option<State<T, P>>,
    exclusive: bool,
    ahead: bool,
) -> State<T, P>;

/// Scans some elements stretch by stretch.
///
/// # Safety
/// As [`Piece`].
unsafe fn stretches<T: Parted<P>, const P: usize>(
    x: *const T,
    out: *mut T,
    n: usize,
    mut state: Option<State<T, P>>,
    exclusive: bool,
    _ahead: bool,
) -> State<T, P> {
    let mut elements = [Stretched::<T, P>::IDENTITY; STRETCH];
    let mut results = elements;
    for at in (0..n).step_by(STRETCH) {
        let len = STRETCH.min(n - at);
        // SAFETY: this function's; elements are read before their places are written.
        unsafe {
            for (i, element) in elements[..len].iter_mut().enumerate() {
                *element = x.add(at + i).read_unaligned();
            }
            let before = state;
            state = Some(stretch(&elements[..len], &mut results[..len], before));
            if exclusive {
                let first = before.map_or(Stretched::<T, P>::IDENTITY, Stretched::<T, P>::value);
                out.add(at).write_unaligned(first);
            }
            let shown = &results[..len - exclusive as usize];
            for (i, &result) in shown.iter().enumerate() {
                out.add(at + exclusive as usize + i).write_unaligned(result);
            }
        }
    }
    state.unwrap_or(State::nothing())
}

/// Scans every row of the block.
///
/// # Safety
/// As [`super::Run`]; the instruction set that `piece` needs is there.
#[inline(always)]
unsafe fn run<T: Parted<P>, const P: usize>(block: &Block, piece: Piece<T, P>) {
    for row in 0..block.rows {
        // SAFETY: row is one of the block's rows, and has its accumulator.
        unsafe {
            let x = block.x.offset(row as isize * block.x_pitch).cast::<T>();
            let out = block.out.offset(row as isize * block.out_pitch).cast::<T>();
            let slot = block.acc.cast::<State<T, P>>().add(row);
            let mut state = block.started.then(|| slot.read());
            for at in (0..block.len).step_by(PIECE) {
                let n = PIECE.min(block.len - at);
                state = Some(piece(
                    x.add(at),
                    out.add(at),
                    n,
                    state,
                    block.exclusive,
                    block.stream,
                ));
            }
            if let Some(state) = state {
                slot.write(state);
            }
        }
    }
}

/// [`run`] everywhere.
///
/// # Safety
/// As [`super::Run`].
unsafe fn portable<T: Parted<P>, const P: usize>(block: &Block) {
    // SAFETY: this function's.
    unsafe { run::<T, P>(block, stretches::<T, P>) }
}

/// Scans some columns of at most [`STRETCH`] rows of the block.
///
/// # Safety
/// As [`super::Run`]; the rows and columns are the block's.
unsafe fn columns<T: Parted<P>, const P: usize>(
    block: &Block,
    rows: std::ops::Range<usize>,
    columns: std::ops::Range<usize>,
) {
    let size = size_of::<T>() as isize;
    let mut elements = [T::ZERO; STRETCH];
    let mut results = elements;
    for column in columns {
        let at = |row: usize, pitch: isize| row as isize * pitch + column as isize * size;
        // SAFETY: this function's; elements are read before their places are written.
        unsafe {
            for (element, row) in elements.iter_mut().zip(rows.clone()) {
                let x = block.x.offset(at(row, block.x_pitch));
                *element = x.cast::<T>().read_unaligned();
            }
            let slot = block.acc.cast::<State<T, P>>().add(column);
            let before = (block.started || rows.start > 0).then(|| slot.read());
            let n = rows.len();
            slot.write(stretch(&elements[..n], &mut results[..n], before));
            if block.exclusive {
                results[..n].rotate_right(1);
                results[0] = before.map_or(T::ZERO, Stretched::<T, P>::value);
            }
            for (&result, row) in results.iter().zip(rows.clone()) {
                let out = block.out.offset(at(row, block.out_pitch));
                out.cast::<T>().write_unaligned(result);
            }
        }
    }
}

/// Scans down the rows of the block.
///
/// # Safety
/// As [`super::Run`].
unsafe fn across<T: Parted<P>, const P: usize>(block: &Block) {
    for top in (0..block.rows).step_by(STRETCH) {
        let rows = top..block.rows.min(top + STRETCH);
        // SAFETY: this function's.
        unsafe { columns::<T, P>(block, rows, 0..block.len) }
    }
}

impl<T: Parted<P>, const P: usize> Family for Stretched<T, P> {
    const KERNEL: Kernel = Kernel {
        along: portable::<T, P>,
        across: across::<T, P>,
        grid: STRETCH,
        ..generic::<Self>()
    };
}

/// The kernels of compensated sums that go by stretches.
pub fn kernel(isa: Isa, op: Op, dtype: DType) -> Option<&'static Kernel> {
    if op != Op::Sum {
        return None;
    }
    #[cfg(target_arch = "x86_64")]
    if let Some(kernel) = x86::kernel(isa, dtype) {
        return Some(kernel);
    }
    let _ = isa;
    match dtype {
        DType::F32 => super::family!(Stretched<f32, 1>),
        DType::F64 => super::family!(Stretched<f64, 1>),
        DType::C64 => super::family!(Stretched<Complex<f32>, 2>),
        DType::C128 => super::family!(Stretched<Complex<f64>, 2>),
        _ => None,
    }
}
