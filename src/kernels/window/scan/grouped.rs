//! The scan of reassociated floats: windows within chunks, and what stands before a chunk beside them.
#![allow(
    clippy::needless_range_loop,
    reason = "k is the number of a register in several arrays at once"
)]

use super::{Line, Past, Reg, Spec, held_back, lane, rows};
use crate::elem::CastFrom;
use crate::kernels::Block;
use crate::kernels::window::moves::{Way, repeat_last};
use crate::kernels::window::{CHUNK, WINDOW};
use crate::op::Combine;
use crate::simd::registers::{Apply, Registers, Task};
use crate::simd::unrolled;
use std::marker::PhantomData;

/// Floats in the fixed grouping of [the module](crate::kernels::window); `U` registers hold a window, and `G` a group; backward if `B`.
pub struct Grouped<S, const U: usize, const G: usize, const B: bool>(PhantomData<S>);

impl<S: Spec, const U: usize, const G: usize, const B: bool> Task<Block> for Grouped<S, U, G, B> {
    #[inline(always)]
    unsafe fn run(block: &Block) {
        // SAFETY: this function's.
        unsafe { rows::<S, Self, B>(block) }
    }
}

impl<S: Spec, const U: usize, const G: usize, const B: bool> Line<S, B> for Grouped<S, U, G, B> {
    #[inline(always)]
    unsafe fn scan(
        x: *const S::X,
        out: *mut S::M,
        n: usize,
        started: Option<S::M>,
        way: Way<B>,
    ) -> S::M {
        // SAFETY: chunks of the line, one after the other.
        unsafe {
            let mut way = way;
            way.streaming &= way.to_boundary(out, 16) == 0;
            let identity = <S::O as Combine<S::T>>::IDENTITY;
            let start = S::R::splat(started.map_or(identity, S::T::cast_from));
            let mut state = State::<S, U, B> {
                past: Past::new(identity),
                local: [start; U],
                carry: start,
                carried: started.is_some(),
                way,
                shown: [start; U],
            };
            let (mut x, mut out, mut left) = (x, out, n);
            loop {
                let last = state.chunk::<G>(x, out, CHUNK.min(left));
                if left <= CHUNK {
                    return lane::<S, U, B>(state.shown, last);
                }
                (x, out, left) = (way.on(x, CHUNK), way.on_mut(out, CHUNK), left - CHUNK);
                state.carry = repeat_last::<S, B>(state.shown[U - 1]);
                state.carried = true;
            }
        }
    }
}

/// Where a chunk has got to.
struct State<S: Spec, const U: usize, const B: bool> {
    past: Past<S, U, B>,
    /// The last results relative to the chunk.
    local: [Reg<S>; U],
    /// What stands before the chunk, in every lane.
    carry: Reg<S>,
    /// Whether anything does.
    carried: bool,
    /// How to go along the line.
    way: Way<B>,
    /// The last results.
    shown: [Reg<S>; U],
}

impl<S: Spec, const U: usize, const B: bool> State<S, U, B> {
    /// One chunk of `n > 0` elements, and which lane of the last results shown is the last.
    ///
    /// # Safety
    /// As [`Line::scan`].
    #[inline(always)]
    unsafe fn chunk<const G: usize>(
        &mut self,
        mut x: *const S::X,
        mut out: *mut S::M,
        n: usize,
    ) -> usize {
        let way = self.way;
        let (unit, group) = (U * S::LANES, G * S::LANES);
        let mut left = n;
        let mut last = unit.min(n);
        // SAFETY: every piece is within the n elements, and is read before its place is written.
        unsafe {
            if n >= group {
                let elements = way.load_some::<S, G>(x, group);
                let shown = self.group::<G, true>(elements, None);
                way.store_group::<S, G>(out, shown);
                (x, out, left) = (way.on(x, group), way.on_mut(out, group), left - group);
            } else {
                self.some::<true>(x, out, last);
                (x, out, left) = (way.on(x, last), way.on_mut(out, last), left - last);
            }
            while left >= group {
                (x, out) = (S::R::anchor(x), S::R::anchor(out.cast_const()).cast_mut());
                if way.ahead > 0 {
                    way.prefetch(x, group);
                }
                let (elements, earlier) = way.load_group::<S, G>(x, self.past.0[0][U - 1]);
                let shown = self.group::<G, false>(elements, Some(earlier));
                way.store_group::<S, G>(out, shown);
                (x, out, left) = (way.on(x, group), way.on_mut(out, group), left - group);
            }
            while left > 0 {
                last = unit.min(left);
                self.some::<false>(x, out, last);
                (x, out, left) = (way.on(x, last), way.on_mut(out, last), left - last);
            }
        }
        last - 1
    }

    /// The next `G` registers of results.
    ///
    /// # Safety
    /// The instruction set is there.
    #[inline(always)]
    unsafe fn group<const G: usize, const FIRST: bool>(
        &mut self,
        elements: [Reg<S>; G],
        earlier: Option<[Reg<S>; G]>,
    ) -> [Reg<S>; G] {
        // SAFETY: this function's.
        unsafe {
            let windows = self.past.windows::<G, FIRST>(elements, earlier, WINDOW);
            let mut shown = windows;
            unrolled!(k in G => {
                if !(FIRST && k < U) {
                    shown[k] = S::R::apply(self.local[k % U], windows[k]);
                }
                self.local[k % U] = shown[k];
            });
            if self.carried {
                unrolled!(k in G => {
                    shown[k] = S::R::apply_beside(self.carry, shown[k]);
                });
            }
            let before = self.shown[U - 1];
            for u in 0..U {
                self.shown[u] = shown[G - U + u];
            }
            if self.way.exclusive {
                held_back::<S, G, B>(before, shown)
            } else {
                shown
            }
        }
    }

    /// The next `n` results, at most a window.
    ///
    /// # Safety
    /// As [`Line::scan`].
    #[inline(always)]
    unsafe fn some<const FIRST: bool>(&mut self, x: *const S::X, out: *mut S::M, n: usize) {
        // SAFETY: this function's.
        unsafe {
            let elements = self.way.load_some::<S, U>(x, n);
            let shown = self.group::<U, FIRST>(elements, None);
            self.way.store_some::<S, U>(out, shown, n);
        }
    }
}
