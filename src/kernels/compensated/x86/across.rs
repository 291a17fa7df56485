//! Down the rows of a block: every lane is a column, and a stretch of rows is gone through twice.

use super::super::chain::Real;
use super::super::{PIECE, STRETCH, State, columns, parts};
use super::registers::{Both, Columns, Watch};
use super::{Pairs, Room};
use crate::kernels::Block;
use crate::simd::avx2;
use std::arch::x86_64::*;
use std::mem::MaybeUninit;

impl<T: Columns<P, N, K>, B: Both, const P: usize, const N: usize, const K: usize>
    Pairs<T, B, P, N, K>
{
    /// Columns of a panel, one in each lane.
    const COLUMNS: usize = 2 * Self::ROWS;

    /// Scans down one stretch of a panel's columns.
    ///
    /// # Safety
    /// As [`super::Run`]; the block has the rows of the stretch and no more, and as many columns as a panel;
    /// the processor has the instruction sets.
    #[inline(always)]
    unsafe fn down(block: &Block, room: &mut Room) {
        // SAFETY: this function's; the room holds as many rows as a stretch has.
        unsafe {
            if Self::plain_down(block, room.0.as_mut_ptr().cast()) {
                return;
            }
            let mut elements = [T::ZERO; PIECE];
            let doubles = room.0.as_ptr().cast::<f64>();
            for (i, element) in elements[..block.rows * block.len].iter_mut().enumerate() {
                let mut own = [T::Real::from_f64(0.0); P];
                for (p, own) in own.iter_mut().enumerate() {
                    let at = Self::place(i % block.len, i / block.len, p);
                    *own = T::Real::from_f64(doubles.add(at).read());
                }
                *element = parts::whole(own);
            }
            let copied = Block {
                x: elements.as_ptr().cast(),
                x_pitch: (block.len * size_of::<T>()) as isize,
                ..*block
            };
            columns::<T, P>(&copied, 0..block.rows, 0..block.len);
        }
    }

    /// [`down`](Self::down) if there is no exception; returns whether there was none. Otherwise all
    /// elements are in the room, the results' places have anything, and the accumulators are as before.
    ///
    /// # Safety
    /// As [`down`](Self::down).
    #[inline(always)]
    unsafe fn plain_down(block: &Block, room: *mut B) -> bool {
        let acc = block.acc.cast::<State<T, P>>();
        let mut values = [0.0f64; 2 * 8];
        let mut errors = values;
        let mut shown = [T::ZERO; 16];
        // SAFETY: this function's; a panel's elements in a row are two registers.
        unsafe {
            let zero = _mm256_setzero_pd();
            let [none, negative] = [zero, _mm256_set1_pd(-0.0)].map(|x| B::join(x, x));
            let mut chains = [T::Real::start(negative, none); K];
            for row in 0..block.rows {
                let x = block.x.offset(row as isize * block.x_pitch);
                let left = T::widen(avx2::load(x));
                let right = T::widen(avx2::load(x.add(avx2::WIDTH)));
                for k in 0..K {
                    let x = B::join(left[k], right[k]);
                    room.add(row * K + k).write(x);
                    chains[k] = T::Real::push(chains[k], x);
                }
            }
            let mut watch = Watch::<B>::new();
            for (k, &chain) in chains.iter().enumerate() {
                let (value, error) = T::Real::total(chain);
                let error = error.unwrap_or(none);
                values
                    .as_mut_ptr()
                    .add(k * 8)
                    .cast::<B>()
                    .write_unaligned(value);
                errors
                    .as_mut_ptr()
                    .add(k * 8)
                    .cast::<B>()
                    .write_unaligned(error);
                watch.doubles = [watch.doubles[0].watch(value), watch.doubles[1].watch(error)];
            }
            let mut hidden = false;
            for column in 0..Self::COLUMNS {
                let state = match block.started {
                    true => acc.add(column).read(),
                    false => State::nothing(),
                };
                let first = block.x.cast::<T>().add(column).read_unaligned();
                hidden |= state.hides(parts::split(first));
            }
            if hidden || !watch.sound() {
                return false;
            }

            let mut after = [State::<T, P>::nothing(); 16];
            for (column, after) in after[..Self::COLUMNS].iter_mut().enumerate() {
                if block.started {
                    *after = acc.add(column).read();
                    shown[column] = parts::whole(after.shown);
                }
                for (p, sum) in after.sums.iter_mut().enumerate() {
                    let i = Self::place(column, 0, p);
                    let seed = T::Real::seed(*sum);
                    *sum = T::Real::append(*sum, values[i], errors[i]);
                    (values[i], errors[i]) = seed;
                }
            }
            for (k, chain) in chains.iter_mut().enumerate() {
                let value = values.as_ptr().add(k * 8).cast::<B>().read_unaligned();
                let error = errors.as_ptr().add(k * 8).cast::<B>().read_unaligned();
                *chain = T::Real::start(value, error);
            }
            let shown_at = shown.as_mut_ptr().cast::<u8>();
            let mut last = [avx2::load(shown_at), avx2::load(shown_at.add(avx2::WIDTH))];
            for row in 0..block.rows {
                let mut doubles = [[zero; K]; 2];
                for k in 0..K {
                    chains[k] = T::Real::push(chains[k], room.add(row * K + k).read());
                    let result = T::Real::result(chains[k]);
                    if T::WATCH.is_none() {
                        watch.doubles[k % 2] = watch.doubles[k % 2].watch(result);
                    }
                    [doubles[0][k], doubles[1][k]] = result.halves();
                }
                let now = [T::narrow(doubles[0]), T::narrow(doubles[1])];
                if let Some(finite) = T::WATCH {
                    watch.columns[0] = finite(watch.columns[0], now[0]);
                    watch.columns[1] = finite(watch.columns[1], now[1]);
                }
                let out = block.out.offset(row as isize * block.out_pitch);
                let results = if block.exclusive { last } else { now };
                avx2::store::<false>(out, results[0]);
                avx2::store::<false>(out.add(avx2::WIDTH), results[1]);
                last = now;
            }
            if !watch.sound() {
                return false;
            }
            avx2::store::<false>(shown_at, last[0]);
            avx2::store::<false>(shown_at.add(avx2::WIDTH), last[1]);
            for (column, after) in after[..Self::COLUMNS].iter_mut().enumerate() {
                after.shown = parts::split(shown[column]);
                acc.add(column).write(*after);
            }
            true
        }
    }

    /// Scans down the rows of the block.
    ///
    /// # Safety
    /// As [`super::Run`]; the processor has the instruction sets.
    #[inline(always)]
    pub unsafe fn across(block: &Block) {
        let mut room = Room(MaybeUninit::uninit());
        let size = size_of::<T>();
        let whole = block.len - block.len % Self::COLUMNS;
        for top in (0..block.rows).step_by(STRETCH) {
            let rows = top..block.rows.min(top + STRETCH);
            // SAFETY: this function's; panels are taken from the block's columns.
            unsafe {
                let x = block.x.offset(top as isize * block.x_pitch);
                let out = block.out.offset(top as isize * block.out_pitch);
                for column in (0..whole).step_by(Self::COLUMNS) {
                    let panel = Block {
                        x: x.add(column * size),
                        out: out.add(column * size),
                        len: Self::COLUMNS,
                        rows: rows.len(),
                        acc: block.acc.add(column * size_of::<State<T, P>>()),
                        started: block.started || top > 0,
                        ..*block
                    };
                    Self::down(&panel, &mut room);
                }
                columns::<T, P>(block, rows, whole..block.len);
            }
        }
    }
}
