//! Along a line: stretches are read and written like rows of a block, by way of [`Square`], and several
//! squares of them are scanned at a time.
//!
//! Between the two ways through them the elements wait as columns of doubles in a room in the first-level
//! cache. That is also where they are found again if there is an exception and all is done anew, stretch
//! by stretch.

use super::super::chain::Real;
use super::super::{PIECE, STRETCH, State, Stretched, parts, stretches};
use super::registers::{Both, Columns, Watch};
use super::{Chain, DOUBLES, Pairs, Room};
use crate::accumulate::Accumulate;
use crate::simd::square::Square;
use arrayvec::ArrayVec;
use std::arch::x86_64::*;
use std::mem::MaybeUninit;

/// Elements at the end of a line up to which they are done stretch by stretch; more are copied to a
/// pair of squares of their own. An estimate from the times of both ways; not swept.
const ALONE: usize = 96;
/// Where two squares side by side lie: together enough independent chains to keep the units busy.
#[derive(Clone, Copy)]
struct Squares<T> {
    x: *const T,
    out: *mut T,
}

impl<T: Columns<P, N, K>, B: Both, const P: usize, const N: usize, const K: usize>
    Pairs<T, B, P, N, K>
{
    /// Stretches of a square.
    pub const ROWS: usize = <T::Square as Square<N>>::ROWS;
    /// Elements of a square.
    const SIDE: usize = Self::ROWS * STRETCH;
    /// Elements of a pair.
    const ELEMENTS: usize = 2 * Self::SIDE;
    /// Bytes from one stretch to the next.
    const PITCH: isize = (STRETCH * size_of::<T>()) as isize;

    /// Where a part of the element that stretch number `row` has in a column stands among the doubles of
    /// that column, those of the pairs before included if `column` is 0.
    #[inline(always)]
    pub fn place(row: usize, column: usize, part: usize) -> usize {
        let (pair, row) = (row / (2 * Self::ROWS), row % (2 * Self::ROWS));
        let double = row % Self::ROWS * P + part;
        let lane = double / 4 * 8 + row / Self::ROWS * 4 + double % 4;
        (pair * STRETCH + column) * 8 * K + lane
    }

    /// Reads a block of each square, adds it to the chains of the stretches' totals, and leaves it in the
    /// room.
    ///
    /// # Safety
    /// As [`scan`](Self::scan).
    #[inline(always)]
    unsafe fn totals(x: *const T, room: *mut B, chains: &mut [Chain<T, P, B>; K]) {
        // SAFETY: this function's.
        unsafe {
            let left = T::Square::load(x.cast(), Self::PITCH);
            let right = T::Square::load(x.add(Self::SIDE).cast(), Self::PITCH);
            for n in 0..N {
                let (left, right) = (T::widen(left[n]), T::widen(right[n]));
                for k in 0..K {
                    let x = B::join(left[k], right[k]);
                    room.add(n * K + k).write(x);
                    chains[k] = T::Real::push(chains[k], x);
                }
            }
        }
    }

    /// Adds a block of each square to the chains of the results, and writes these. `last` are the last
    /// columns of each square.
    ///
    /// # Safety
    /// As [`scan`](Self::scan).
    #[inline(always)]
    unsafe fn results(
        out: *mut T,
        room: *const B,
        exclusive: bool,
        chains: &mut [Chain<T, P, B>; K],
        last: &mut [__m256i; 2],
        watch: &mut Watch<B>,
    ) {
        // SAFETY: this function's.
        unsafe {
            let (mut left, mut right) = ([last[0]; N], [last[1]; N]);
            for n in 0..N {
                let zero = _mm256_setzero_pd();
                let mut doubles = [[zero; K]; 2];
                for k in 0..K {
                    chains[k] = T::Real::push(chains[k], room.add(n * K + k).read());
                    let result = T::Real::result(chains[k]);
                    if T::WATCH.is_none() {
                        let watched = &mut watch.doubles[(n + k) % 2];
                        *watched = watched.watch(result);
                    }
                    [doubles[0][k], doubles[1][k]] = result.halves();
                }
                [left[n], right[n]] = [T::narrow(doubles[0]), T::narrow(doubles[1])];
                if let Some(finite) = T::WATCH {
                    watch.columns[0] = finite(watch.columns[0], left[n]);
                    watch.columns[1] = finite(watch.columns[1], right[n]);
                }
            }
            let mut before = std::mem::replace(last, [left[N - 1], right[N - 1]]);
            if exclusive {
                for n in 0..N {
                    std::mem::swap(&mut left[n], &mut before[0]);
                    std::mem::swap(&mut right[n], &mut before[1]);
                }
            }
            T::Square::store::<false>(out.cast(), Self::PITCH, left);
            T::Square::store::<false>(out.add(Self::SIDE).cast(), Self::PITCH, right);
        }
    }

    /// Asks for a share of the piece after the one at `piece`, as large as a block of two squares: that of
    /// the block at a column of a pair.
    #[inline(always)]
    fn ask<const HINT: i32>(piece: *const i8, pair: usize, column: usize) {
        const LINE: usize = 64;
        let share = (pair * STRETCH + column) * 2 * Self::ROWS;
        let next = piece.wrapping_add((PIECE + share) * size_of::<T>());
        for line in 0..N {
            // SAFETY: a hint, which may be any address.
            unsafe { _mm_prefetch::<HINT>(next.wrapping_add(line * LINE)) }
        }
    }

    /// Scans pairs of squares, at most [`PIECE`] elements, if there is no exception; otherwise returns
    /// none, with all elements in the room and anything in the results' places. Elements after the first
    /// `n` are -0.0. With `ahead` the elements behind these, and their places, are asked for meanwhile: a
    /// processor does not see what comes next where several stretches are read side by side.
    ///
    /// # Safety
    /// Each pair has its elements in `x` and their places in `out`, the same or apart; the processor has
    /// the instruction sets.
    #[inline(always)]
    unsafe fn scan(
        pairs: &[Squares<T>],
        n: usize,
        before: Option<State<T, P>>,
        exclusive: bool,
        ahead: bool,
        room: &mut Room,
    ) -> Option<State<T, P>> {
        let state = before.unwrap_or(State::nothing());
        let rows = n.div_ceil(STRETCH);
        let room = room.0.as_mut_ptr().cast::<B>();
        // Values and errors of the stretches' totals, and then of what they start from, as they stand in
        // a column.
        let mut values = [0.0f64; DOUBLES / STRETCH];
        let mut errors = values;
        // SAFETY: this function's; every column of every square is in its pair and in the room.
        unsafe {
            let zero = _mm256_setzero_pd();
            let [none, negative] = [zero, _mm256_set1_pd(-0.0)].map(|x| B::join(x, x));
            let first = parts::split(pairs.first()?.x.read_unaligned());
            let mut watch = Watch::<B>::new();
            for (i, pair) in pairs.iter().enumerate() {
                // -0.0 is what adds nothing.
                let mut chains = [T::Real::start(negative, none); K];
                for column in (0..STRETCH).step_by(N) {
                    if ahead {
                        Self::ask::<_MM_HINT_T0>(pairs[0].x.cast(), i, column);
                    }
                    let room = room.add((i * STRETCH + column) * K);
                    Self::totals(pair.x.add(column), room, &mut chains);
                }
                for (k, &chain) in chains.iter().enumerate() {
                    let (value, error) = T::Real::total(chain);
                    let error = error.unwrap_or(none);
                    let at = (i * K + k) * 8;
                    values
                        .as_mut_ptr()
                        .add(at)
                        .cast::<B>()
                        .write_unaligned(value);
                    errors
                        .as_mut_ptr()
                        .add(at)
                        .cast::<B>()
                        .write_unaligned(error);
                    watch.doubles = [watch.doubles[0].watch(value), watch.doubles[1].watch(error)];
                }
            }
            if state.hides(first) || !watch.sound() {
                return None;
            }

            // From the totals what each stretch starts from.
            let mut after = state;
            for row in 0..rows {
                let (pair, row) = (row / (2 * Self::ROWS), row % (2 * Self::ROWS));
                for (p, sum) in after.sums.iter_mut().enumerate() {
                    let i = pair * 8 * K + Self::place(row, 0, p);
                    let seed = T::Real::seed(*sum);
                    *sum = T::Real::append(*sum, values[i], errors[i]);
                    (values[i], errors[i]) = seed;
                }
            }

            let mut shown = before.map_or(T::ZERO, Stretched::<T, P>::value);
            for (i, pair) in pairs.iter().enumerate() {
                let mut chains = [T::Real::start(none, none); K];
                for (k, chain) in chains.iter_mut().enumerate() {
                    let at = (i * K + k) * 8;
                    let value = values.as_ptr().add(at).cast::<B>().read_unaligned();
                    let error = errors.as_ptr().add(at).cast::<B>().read_unaligned();
                    *chain = T::Real::start(value, error);
                }
                let mut last = [_mm256_setzero_si256(); 2];
                for column in (0..STRETCH).step_by(N) {
                    if ahead {
                        Self::ask::<_MM_HINT_ET0>(pairs[0].out.cast_const().cast(), i, column);
                    }
                    let room = room.add((i * STRETCH + column) * K);
                    Self::results(
                        pair.out.add(column),
                        room,
                        exclusive,
                        &mut chains,
                        &mut last,
                        &mut watch,
                    );
                }
                let last = (&raw const last).cast::<T>();
                let rows = (rows - i * 2 * Self::ROWS).min(2 * Self::ROWS);
                if exclusive {
                    // Each stretch begins with the last result of the one before.
                    for row in 0..rows {
                        pair.out.add(row * STRETCH).write_unaligned(shown);
                        shown = last.add(row).read_unaligned();
                    }
                } else {
                    shown = last.add(rows - 1).read_unaligned();
                }
            }
            after.shown = parts::split(shown);
            watch.sound().then_some(after)
        }
    }

    /// The elements that [`scan`](Self::scan) has left in the room.
    ///
    /// # Safety
    /// As many pairs are there.
    unsafe fn elements(pairs: usize, room: &Room) -> [T; PIECE] {
        let mut elements = [T::ZERO; PIECE];
        let room = room.0.as_ptr().cast::<f64>();
        for (i, element) in elements[..pairs * Self::ELEMENTS].iter_mut().enumerate() {
            let mut own = [T::Real::from_f64(0.0); P];
            for (p, own) in own.iter_mut().enumerate() {
                // SAFETY: this function's.
                let double = unsafe { room.add(Self::place(i / STRETCH, i % STRETCH, p)).read() };
                *own = T::Real::from_f64(double);
            }
            *element = parts::whole(own);
        }
        elements
    }

    /// Scans some elements by pairs of squares, and what is left of them stretch by stretch.
    ///
    /// # Safety
    /// As [`super::Piece`]; the processor has the instruction sets.
    #[inline(always)]
    pub unsafe fn piece(
        x: *const T,
        out: *mut T,
        n: usize,
        state: Option<State<T, P>>,
        exclusive: bool,
        ahead: bool,
    ) -> State<T, P> {
        let rest = n % Self::ELEMENTS;
        let done = n - rest;
        let bytes = rest * size_of::<T>();
        let mut pairs = ArrayVec::<Squares<T>, 8>::new();
        for at in (0..done).step_by(Self::ELEMENTS) {
            let (x, out) = (x.wrapping_add(at), out.wrapping_add(at));
            pairs.push(Squares { x, out });
        }
        let mut copy = [const { MaybeUninit::<T>::uninit() }; PIECE];
        let mut results = [const { MaybeUninit::<T>::uninit() }; PIECE];
        let (copy, results) = (
            copy.as_mut_ptr().cast::<T>(),
            results.as_mut_ptr().cast::<T>(),
        );
        let apart = rest > ALONE;
        let len = if apart { n } else { done };
        // SAFETY: this function's; the copy holds a whole pair.
        unsafe {
            if apart {
                copy.cast::<u8>()
                    .copy_from_nonoverlapping(x.add(done).cast(), bytes);
                // What does not change a sum, -0.0 included, stands for what the last pair lacks.
                let nothing = parts::whole::<T, P>([T::Real::from_f64(-0.0); P]);
                for i in rest..Self::ELEMENTS {
                    copy.add(i).write(nothing);
                }
                pairs.push(Squares {
                    x: copy,
                    out: results,
                });
            }
            if pairs.is_empty() {
                return stretches(x, out, n, state, exclusive, false);
            }
            let mut room = Room(MaybeUninit::uninit());
            let Some(state) = Self::scan(
                &pairs,
                len,
                state,
                exclusive,
                ahead && len == PIECE,
                &mut room,
            ) else {
                let mut elements = Self::elements(pairs.len(), &room);
                if !apart {
                    let end = elements[done..].as_mut_ptr().cast::<u8>();
                    end.copy_from_nonoverlapping(x.add(done).cast(), bytes);
                }
                return stretches(elements.as_ptr(), out, n, state, exclusive, false);
            };
            let (x, out) = (x.add(done), out.add(done));
            if apart {
                out.cast::<u8>()
                    .copy_from_nonoverlapping(results.cast(), bytes);
                return state;
            }
            match rest {
                0 => state,
                _ => stretches(x, out, rest, Some(state), exclusive, false),
            }
        }
    }
}
