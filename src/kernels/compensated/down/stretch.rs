//! A stretch of a strip's columns, of one type: their numbers made, carried from row to row, and told.

use super::{GROUP_BYTES, Group, Strip};
use crate::accumulate::Accumulate;
use crate::compensate::Append;
use crate::kernels::compensated::chain::{Chains, Numbers, Steps};
use crate::kernels::compensated::lanes::{Lanes, Parts};
use crate::kernels::compensated::{ByStretches, State, StateOf, Stretched, appended};
use crate::op::Combine;
use crate::pair::Split;
#[cfg(target_arch = "x86_64")]
use crate::simd::anchor;
use std::mem::MaybeUninit;

type Own<O, T, const P: usize, L> = <<T as ByStretches<O, P>>::Chains as Chains>::Own<L>;
type Chain<O, T, const P: usize, L> = <<T as ByStretches<O, P>>::Chains as Chains>::Chain<L>;

/// How many registers there are.
const fn count<N: Numbers<L>, L>() -> usize {
    size_of::<N>() / size_of::<L>()
}

/// A column by itself.
type Column<const P: usize> = Parts<Split, P>;

/// How many numbers a stretch by itself has,
const fn owns<O: Combine<T>, T: ByStretches<O, P>, const P: usize>() -> usize {
    count::<Own<O, T, P, Column<P>>, Column<P>>()
}

/// how many a chain,
const fn chains<O: Combine<T>, T: ByStretches<O, P>, const P: usize>() -> usize {
    count::<Chain<O, T, P, Column<P>>, Column<P>>()
}

/// and how many there are in all.
pub const fn counts<O: Combine<T>, T: ByStretches<O, P>, const P: usize>() -> usize {
    owns::<O, T, P>() + chains::<O, T, P>() + 1
}

/// [`super::Down::begin`].
pub unsafe fn begin<O: Combine<T>, T: ByStretches<O, P>, const P: usize>(strip: &Strip) -> u64 {
    let states = strip.states.cast::<StateOf<O, T, P>>();
    let (owns, chains) = (owns::<O, T, P>(), chains::<O, T, P>());
    let width = strip.group * P;
    let mut failed = 0;
    // SAFETY: this function's.
    unsafe {
        let nothing = Stretched::<O, T, P>::nothing();
        let own = T::Chains::own::<Column<P>>();
        for g in 0..strip.groups {
            for column in 0..strip.group {
                let at = strip.first(g) + column;
                let x = strip.x.cast::<T>().add(at).read_unaligned();
                let (state, shown) = if strip.started {
                    let state = &*states.add(at);
                    (state, Stretched::<O, T, P>::value(*state))
                } else {
                    (&nothing, O::IDENTITY)
                };
                let mut sound =
                    !<T::Chains as Chains>::Steps::hides(&state.last, strip.started, &x.to_parts());
                if T::Chains::WATCHED {
                    for part in state.last {
                        sound &= part.abs() < strip.bound;
                    }
                }
                failed |= (!sound as u64) << g;
                if strip.exclusive {
                    strip.out.cast::<T>().add(at).write_unaligned(shown);
                }
                let seed = state.acc.seed();
                let numbers = strip.numbers.add(g * strip.pitch + column * P);
                for p in 0..P {
                    for (i, own) in own.as_ref().iter().enumerate() {
                        numbers.add(i * width + p).write(own.0[p]);
                    }
                    for (i, seed) in seed[..chains].iter().enumerate() {
                        numbers.add((owns + i) * width + p).write(seed[p]);
                    }
                    numbers.add((owns + chains) * width + p).write(0.0);
                }
            }
        }
    }
    failed
}

#[cfg(not(target_arch = "x86_64"))]
fn anchor<T>(pointer: *const T) -> *const T {
    pointer
}

/// [`super::Down::rows`], for any function that it is compiled into.
#[inline(always)]
pub unsafe fn rows<O, T, G, const P: usize>(strip: &Strip)
where
    O: Combine<T>,
    T: ByStretches<O, P>,
    G: Group<T, P>,
{
    let (owns, chains) = (owns::<O, T, P>(), chains::<O, T, P>());
    // SAFETY: this function's.
    unsafe {
        for g in 0..strip.groups {
            let first = strip.first(g) * size_of::<T>();
            let (mut x, mut out) = (strip.x.add(first), strip.out.add(first));
            let mut copy = match strip.copy.is_null() {
                true => strip.copy,
                false => strip.copy.add(first),
            };
            let numbers = strip.numbers.add(g * strip.pitch).cast::<G::Lanes>();
            let own_place = numbers.cast::<Own<O, T, P, G::Lanes>>();
            let chain_place = numbers.add(owns).cast::<Chain<O, T, P, G::Lanes>>();
            let mut chain = chain_place.read();
            let mut greatest = numbers.add(owns + chains).read();
            macro_rules! row {
                ($x:ident $(=> $before:expr)?) => {
                    let $x = G::read(x);
                    // No part of the loops' conditions: the compiler would make them twice.
                    copy = anchor(copy).cast_mut();
                    if !copy.is_null() {
                        copy.copy_from_nonoverlapping(x, G::COLUMNS * size_of::<T>());
                        copy = copy.wrapping_add(strip.copy_pitch);
                    }
                    $($before;)?
                    chain = T::Chains::push(chain, $x);
                    let result = T::Chains::result(chain);
                    if T::Chains::WATCHED {
                        greatest = result.magnitude().larger(greatest);
                    }
                    G::write(out, result);
                    x = x.wrapping_offset(strip.x_pitch);
                    out = out.wrapping_offset(strip.out_pitch);
                };
            }
            if T::Chains::WATCHED && strip.alone {
                for _ in 0..strip.rows {
                    row!(x);
                }
            } else {
                let mut own = own_place.read();
                for _ in 0..strip.rows {
                    row!(x => own = T::Chains::push_own(own, x));
                }
                own_place.write(own);
            }
            chain_place.write(chain);
            numbers.add(owns + chains).write(greatest);
        }
    }
}

/// [`super::Down::end`].
pub unsafe fn end<O: Combine<T>, T: ByStretches<O, P>, const P: usize>(
    strip: &Strip,
    mut failed: u64,
) -> u64 {
    let states = strip.states.cast::<StateOf<O, T, P>>();
    let (owns, chains) = (owns::<O, T, P>(), chains::<O, T, P>());
    let width = strip.group * P;
    // SAFETY: this function's.
    unsafe {
        let nothing = Stretched::<O, T, P>::nothing();
        for g in 0..strip.groups {
            let mut after = [const { MaybeUninit::<StateOf<O, T, P>>::uninit() }; GROUP_BYTES / 8];
            let first = strip.first(g);
            let owned = g * strip.group - first..strip.group;
            let numbers = strip.numbers.add(g * strip.pitch);
            let mut sound = failed >> g & 1 == 0;
            for column in owned.clone() {
                let numbers = numbers.add(column * P);
                let mut chain =
                    T::Chains::chain(T::Chains::own::<Column<P>>(), Column::of(1.0, 1.0));
                let mut own = [[0.0; P]; 4];
                for p in 0..P {
                    for (i, chain) in chain.as_mut().iter_mut().enumerate() {
                        chain.0[p] = numbers.add((owns + i) * width + p).read();
                    }
                    // The only chain of a line's first stretch is that stretch by itself.
                    let from = if strip.alone { owns } else { 0 };
                    for (i, own) in own[..owns].iter_mut().enumerate() {
                        own[p] = numbers.add((from + i) * width + p).read();
                    }
                }
                let last = T::Chains::result(chain).0;
                if T::Chains::WATCHED {
                    // A NaN is not greater than anything, but stays to the end.
                    for (p, last) in last.iter().enumerate() {
                        let greatest = numbers.add((owns + chains) * width + p).read();
                        sound &= greatest < strip.bound && last.abs() < strip.bound;
                    }
                }
                if strip.total {
                    let state = match strip.started {
                        true => &*states.add(first + column),
                        false => &nothing,
                    };
                    // Sums take no more instructions than a call.
                    let acc = match T::Chains::WATCHED {
                        true => state.acc.append::<Split>(&own),
                        false => appended::<O, T, P>(&state.acc, &own),
                    };
                    match acc {
                        Some(acc) => {
                            after[column].write(State { acc, last });
                        }
                        None => sound = false,
                    }
                }
            }
            if !sound {
                failed |= 1 << g;
            } else if strip.total {
                for column in owned {
                    states
                        .add(first + column)
                        .write(after[column].assume_init());
                }
            }
        }
    }
    failed
}
