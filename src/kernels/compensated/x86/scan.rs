//! Pairs of squares, gone through twice.
#![allow(
    clippy::needless_range_loop,
    reason = "n is the number of a column of elements and of results"
)]

use super::super::chain::{Chains, Numbers, Steps};
use super::super::lanes::Lanes;
use super::super::{ByStretches, STRETCH, State, StateOf, Stretched, folds};
use super::Pairs;
use super::columns::Columns;
use super::registers::{Eight, Watch};
use crate::accumulate::Accumulate;
use crate::compensate::Append;
use crate::kernels::Block;
use crate::op::Combine;
use crate::pair::Fused;
use crate::simd::{anchor, unrolled};
use std::arch::x86_64::*;
use std::mem::MaybeUninit;

/// Stretches that are scanned at a time.
const STRETCHES: usize = 16;

/// Elements of as many.
pub const PIECE: usize = STRETCHES * STRETCH;

/// Doubles of a piece, of complex elements too.
const DOUBLES: usize = 2 * PIECE;

/// The elements as doubles, pair after pair of squares, column after column.
#[repr(align(64))]
pub struct Room(MaybeUninit<[f64; DOUBLES]>);

impl Room {
    pub fn new() -> Room {
        Room(MaybeUninit::uninit())
    }
}

/// Parts of the stretches of a piece.
const LANES: usize = DOUBLES / STRETCH;

/// Where a pair of squares side by side lies, together enough independent chains to keep the units busy.
#[derive(Clone, Copy)]
pub struct Place {
    pub x: *const u8,
    pub out: *mut u8,
}

/// What there is to scan: stretches of a line, one behind the other.
pub struct Work<'a> {
    /// Pairs of squares one after the other.
    pub pairs: &'a [Place],
    /// Stretches.
    pub stretches: usize,
    /// The line's state: read if `started`, and written.
    pub state: *mut u8,
    pub started: bool,
    pub exclusive: bool,
    /// Whether to ask for the elements behind these, and for their places, meanwhile: a processor
    /// does not see what comes next where several stretches are read side by side.
    pub ahead: bool,
}

/// A stretch by itself.
type Own<O, T, const P: usize> = <<T as ByStretches<O, P>>::Chains as Chains>::Own<Eight>;

/// A chain.
type Chain<O, T, const P: usize> = <<T as ByStretches<O, P>>::Chains as Chains>::Chain<Eight>;

/// How many registers there are.
const fn count<N: Numbers<Eight>>() -> usize {
    size_of::<N>() / size_of::<Eight>()
}

/// Where a part of the element that stretch number `row` of a pair has in a column stands among the doubles of
/// such columns.
#[inline(always)]
fn place<T: Columns<P, N, K>, const P: usize, const N: usize, const K: usize>(
    row: usize,
    column: usize,
    part: usize,
) -> usize {
    let double = row % T::ROWS * P + part;
    let lane = double / 4 * 8 + row / T::ROWS * 4 + double % 4;
    column * 8 * K + lane
}

/// Writes the elements that [`Pairs::scan`] has left in the room.
///
/// # Safety
/// As many stretches are there, and aligned places for their elements.
pub unsafe fn elements<T: Columns<P, N, K>, const P: usize, const N: usize, const K: usize>(
    stretches: usize,
    room: &Room,
    elements: *mut u8,
) {
    let room = room.0.as_ptr().cast::<f64>();
    for i in 0..stretches * STRETCH {
        let mut parts = [0.0; P];
        for (p, part) in parts.iter_mut().enumerate() {
            let (pair, row) = (i / STRETCH / (2 * T::ROWS), i / STRETCH % (2 * T::ROWS));
            let at = place::<T, P, N, K>(row, pair * STRETCH + i % STRETCH, p);
            // SAFETY: this function's.
            *part = unsafe { room.add(at).read() };
        }
        // SAFETY: this function's.
        unsafe { elements.cast::<T>().add(i).write(T::of_parts(parts)) };
    }
}

/// A loop over the columns of a block, unrolled so that few of them stay in registers. More would not.
macro_rules! each_column {
    ($n:ident => $body:block) => {
        if N > 4 {
            for $n in 0..N $body
        } else {
            unrolled!($n in N => $body);
        }
    };
}

impl<
    O: Combine<T>,
    T: Columns<P, N, K> + ByStretches<O, P>,
    const P: usize,
    const N: usize,
    const K: usize,
> Pairs<O, T, P, N, K>
{
    /// Stretches of a pair.
    pub const ROWS: usize = 2 * T::ROWS;

    /// Scans pairs of squares if there is no exception, and returns whether there was none. Otherwise all
    /// elements are in the room, the results' places have anything, and the states are as before.
    ///
    /// Elements of stretches that are not there are anything.
    ///
    /// # Safety
    /// Each pair has its elements in `x` and their places in `out`, the same or apart, and the states are
    /// there; the processor has the instruction sets.
    #[target_feature(enable = "avx2,fma,f16c,bmi2")]
    #[inline(never)]
    pub unsafe fn scan(work: &Work, room: &mut Room) -> bool {
        let state = work.state.cast::<StateOf<O, T, P>>();
        let room = room.0.as_mut_ptr().cast::<Eight>();
        // The numbers of stretches by themselves, and then what each starts from, as they stand in a column.
        let mut numbers = [const { MaybeUninit::<[f64; LANES]>::uninit() }; 4];
        // SAFETY: this function's; every column of every pair is in the room.
        unsafe {
            for (i, pair) in work.pairs.iter().enumerate() {
                let mut own = [T::Chains::own(); K];
                for at in (0..STRETCH).step_by(N) {
                    if work.ahead {
                        Self::ask(work.pairs[0].x, i, at);
                    }
                    let columns = T::load(pair.x.cast::<T>().add(at));
                    each_column!(n => {
                        let room = room.add((i * STRETCH + at + n) * K);
                        Self::push_own(columns[n], room, &mut own);
                    });
                }
                for (k, own) in own.iter().enumerate() {
                    for (numbers, own) in numbers.iter_mut().zip(own.as_ref()) {
                        let at = numbers.as_mut_ptr().cast::<f64>().add((i * K + k) * 8);
                        at.cast::<Eight>().write_unaligned(*own);
                    }
                }
            }
            let numbers = numbers
                .each_mut()
                .map(|numbers| numbers.as_mut_ptr().cast());
            let Some(acc) = Self::starts(work, numbers) else {
                return false;
            };

            let mut watch = Watch::new();
            let mut shown = match work.started {
                true => Stretched::<O, T, P>::value(state.read()),
                false => O::IDENTITY,
            };
            let mut end = [0.0; P];
            for (i, pair) in work.pairs.iter().enumerate() {
                let mut chains: [Chain<O, T, P>; K] = [Numbers::all(Eight::of(0.0, 0.0)); K];
                for (k, chain) in chains.iter_mut().enumerate() {
                    for (register, numbers) in chain.as_mut().iter_mut().zip(numbers) {
                        let at = numbers.add((i * K + k) * 8);
                        *register = at.cast::<Eight>().read_unaligned();
                    }
                }
                // In memory, for only exclusive scans have a use for it, and the others none for as many registers.
                let mut last = MaybeUninit::<T::Column>::zeroed();
                let last = anchor(last.as_mut_ptr()).cast_mut();
                for at in (0..STRETCH).step_by(N) {
                    if work.ahead {
                        let out = work.pairs[0].out.cast_const();
                        Self::ask(out, i, at);
                    }
                    let room = room.add((i * STRETCH + at) * K);
                    let mut columns = [Self::push(room, &mut chains, &mut watch); N];
                    each_column!(n => {
                        if n > 0 {
                            columns[n] = Self::push(room.add(n * K), &mut chains, &mut watch);
                        }
                    });
                    if work.exclusive {
                        let mut before = last.replace(columns[N - 1]);
                        each_column!(n => {
                            std::mem::swap(&mut columns[n], &mut before);
                        });
                    }
                    T::store(pair.out.cast::<T>().add(at), columns);
                }
                let rows = (work.stretches - i * Self::ROWS).min(Self::ROWS);
                if work.exclusive {
                    // Each stretch begins with the last result of the one before.
                    let column = last.cast::<T>();
                    for row in 0..rows {
                        let first = pair.out.cast::<T>().add(row * STRETCH);
                        first.write_unaligned(shown);
                        shown = column.add(row).read_unaligned();
                    }
                }
                let doubles = Self::ends(&chains);
                let doubles = (&raw const doubles).cast::<f64>();
                for (p, end) in end.iter_mut().enumerate() {
                    *end = doubles.add(place::<T, P, N, K>(rows - 1, 0, p)).read();
                }
            }
            if !watch.sound() {
                return false;
            }
            state.write(State { acc, last: end });
        }
        true
    }

    /// [`Folds::fold`](crate::kernels::Folds::fold): pairs of squares, and what is left stretch by stretch.
    ///
    /// # Safety
    /// As there; the processor has the instruction sets.
    #[target_feature(enable = "avx2,fma,f16c,bmi2")]
    pub unsafe fn fold(block: &Block, numbers: *mut u8) {
        let pairs = block.len / (Self::ROWS * STRETCH);
        // SAFETY: this function's.
        unsafe {
            for pair in 0..pairs {
                let x = block.x.cast::<T>().add(pair * Self::ROWS * STRETCH);
                let mut own = [T::Chains::own(); K];
                let mut greatest = [Eight::of(0.0, 0.0); K];
                for at in (0..STRETCH).step_by(N) {
                    // Eight streams side by side are too many for the processor to see: 10^7 factors took 2.4 times as long
                    // without (an Emerald Rapids).
                    Self::ask(x.cast(), 0, at);
                    let columns = T::load(x.add(at));
                    each_column!(n => {
                        let doubles = T::widen(columns[n]);
                        for k in 0..K {
                            own[k] = T::Chains::push_own(own[k], doubles[k]);
                            if T::Chains::WATCHED {
                                greatest[k] = doubles[k].magnitude().larger(greatest[k]);
                            }
                        }
                    });
                }
                let mut lanes = [[Eight::of(0.0, 0.0); K]; 4];
                for k in 0..K {
                    for (lanes, own) in lanes.iter_mut().zip(own[k].as_ref()) {
                        lanes[k] = *own;
                    }
                    if T::Chains::WATCHED {
                        lanes[folds::GREATEST][k] = greatest[k];
                    }
                }
                let lanes = (&raw const lanes).cast::<f64>();
                for row in 0..Self::ROWS {
                    let mut own = [[0.0; P]; 4];
                    for (i, number) in own.iter_mut().enumerate() {
                        for (p, part) in number.iter_mut().enumerate() {
                            let at = i * 8 * K + place::<T, P, N, K>(row, 0, p);
                            *part = lanes.add(at).read();
                        }
                    }
                    let numbers = numbers.cast::<[[f64; P]; 4]>();
                    numbers.add(pair * Self::ROWS + row).write(own);
                }
            }
            let rest = pairs * Self::ROWS;
            folds::fold::<O, T, P, <T as Columns<P, N, K>>::Beside>(block, numbers, rest);
        }
    }

    /// Adds a column to the stretches by themselves, and leaves it in the room.
    ///
    /// # Safety
    /// There is the room; the processor has the instruction sets.
    #[inline(always)]
    unsafe fn push_own(column: T::Column, room: *mut Eight, own: &mut [Own<O, T, P>; K]) {
        // SAFETY: this function's.
        unsafe {
            let doubles = T::widen(column);
            for k in 0..K {
                room.add(k).write(doubles[k]);
                own[k] = T::Chains::push_own(own[k], doubles[k]);
            }
        }
    }

    /// Adds a column of the room to the chains, and returns the results.
    ///
    /// # Safety
    /// There is one; the processor has the instruction sets.
    #[inline(always)]
    unsafe fn push(
        room: *const Eight,
        chains: &mut [Chain<O, T, P>; K],
        watch: &mut Watch,
    ) -> T::Column {
        // SAFETY: this function's.
        unsafe {
            let mut results = [Eight::of(0.0, 0.0); K];
            for k in 0..K {
                chains[k] = T::Chains::push(chains[k], room.add(k).read());
                results[k] = T::Chains::result(chains[k]);
            }
            let column = T::narrow(results);
            if T::Chains::WATCHED {
                T::watch(watch, results, column);
            }
            column
        }
    }

    /// Asks for a share of the piece after the one at `piece`, as large as a block of columns: that of the
    /// block at a column of a pair.
    ///
    /// For the second-level cache, which can wait for more lines at a time than the first: 10^7 doubles on a
    /// Zen 4 took 1.2 ns an element, and 1.8 to 1.9 where they were asked for the first. Asking for two pieces
    /// further on, for writing, or storing past the caches was no faster.
    #[inline(always)]
    fn ask(piece: *const u8, pair: usize, column: usize) {
        const LINE: usize = 64;
        let share = (pair * STRETCH + column) * Self::ROWS;
        let next = piece.wrapping_add((PIECE + share) * size_of::<T>());
        for line in 0..N {
            // SAFETY: a hint, which may be any address.
            unsafe { _mm_prefetch::<_MM_HINT_T1>(next.wrapping_add(line * LINE).cast()) }
        }
    }

    /// Puts what each stretch starts from in the place of its own numbers, and finds the accumulator after them;
    /// none if there is an exception.
    ///
    /// # Safety
    /// As [`scan`](Self::scan); those of the numbers that the stretches by themselves have are there.
    #[inline(always)]
    unsafe fn starts(work: &Work, numbers: [*mut f64; 4]) -> Option<T::Acc> {
        // SAFETY: this function's.
        let (before, first) = unsafe {
            let before = match work.started {
                true => work.state.cast::<StateOf<O, T, P>>().read(),
                false => Stretched::<O, T, P>::nothing(),
            };
            (before, work.pairs[0].x.cast::<T>().read_unaligned())
        };
        let first = first.to_parts();
        if <T::Chains as Chains>::Steps::hides(&before.last, work.started, &first) {
            return None;
        }
        let mut acc = before.acc;
        for row in 0..work.stretches {
            let mut own = [[0.0; P]; 4];
            let seed = acc.seed();
            for p in 0..P {
                let at = place::<T, P, N, K>(row % Self::ROWS, row / Self::ROWS, p);
                // SAFETY: this function's.
                unsafe {
                    for i in 0..count::<Own<O, T, P>>() {
                        own[i][p] = numbers[i].add(at).read();
                    }
                    for i in 0..count::<Chain<O, T, P>>() {
                        numbers[i].add(at).write(seed[i][p]);
                    }
                }
            }
            acc = acc.append::<Fused>(&own)?;
        }
        Some(acc)
    }

    /// What chains show, before it is rounded to the type.
    ///
    /// # Safety
    /// The processor has the instruction sets.
    #[inline(always)]
    unsafe fn ends(chains: &[Chain<O, T, P>; K]) -> [Eight; K] {
        // SAFETY: this function's.
        unsafe {
            let mut results = [Eight::of(0.0, 0.0); K];
            for k in 0..K {
                results[k] = T::Chains::result(chains[k]);
            }
            results
        }
    }
}
