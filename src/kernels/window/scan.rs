//! The scan of a contiguous line by sliding windows, written once for every operation, type and
//! instruction set; the idea is told in [`super`].
#![allow(
    clippy::needless_range_loop,
    reason = "k is the number of a register in several arrays at once"
)]

mod grouped;

use super::moves::{Way, merge, shift};
use super::{SHORT, TAIL};
use crate::accumulate::Plain;
use crate::elem::{CastFrom, Elem};
use crate::kernels::{Block, along};
use crate::op::Combine;
use crate::simd::registers::{Apply, Load, Registers, Room, Store, Task};
use crate::simd::unrolled;
pub use grouped::Grouped;
use std::marker::PhantomData;

/// What one kernel is made of.
pub trait Spec: 'static {
    /// Elements of the input.
    type X: Elem;
    /// Lanes.
    type T: Elem + CastFrom<Self::X> + CastFrom<Self::M>;
    /// Elements of the output, and the accumulator.
    type M: Elem + CastFrom<Self::X> + CastFrom<Self::T>;
    /// The operation.
    type O: Combine<Self::T> + Combine<Self::M>;
    /// The instruction set.
    type R: Apply<Self::O, Self::T> + Load<Self::X, Self::T> + Store<Self::T, Self::M>;
    /// Lanes of a register.
    const LANES: usize = <Self::R as Registers>::BYTES / size_of::<Self::T>();
}

/// Scans with operation `O` on lanes of `T`, from elements of `X` to elements of `M`.
pub struct Scan<R, O, X, T, M>(PhantomData<(R, O, X, T, M)>);

impl<R, O, X, T, M> Spec for Scan<R, O, X, T, M>
where
    X: Elem,
    T: Elem + CastFrom<X> + CastFrom<M>,
    M: Elem + CastFrom<X> + CastFrom<T>,
    O: Combine<T> + Combine<M>,
    R: Apply<O, T> + Load<X, T> + Store<T, M>,
{
    type X = X;
    type T = T;
    type M = M;
    type O = O;
    type R = R;
}

pub type Reg<S> = <<S as Spec>::R as Registers>::Reg;

/// Number of times that windows can double: from 1 lane to twice 32.
const LEVELS: usize = 6;

/// The last `U` registers of the elements, and of each doubling of their windows.
struct Past<S: Spec, const U: usize, const B: bool>([[Reg<S>; U]; LEVELS]);

/// `U` registers have the windows' length, `LANES * U`, or exactly [`super::WINDOW`] elements.
impl<S: Spec, const U: usize, const B: bool> Past<S, U, B> {
    /// A line that begins after elements that do not count.
    #[inline(always)]
    unsafe fn new(identity: S::T) -> Self {
        // SAFETY: the instruction set is there.
        Past(unsafe { [[S::R::splat(identity); U]; LEVELS] })
    }

    /// The combinations of each of the next elements with those before it, as many as a window has.
    ///
    /// `earlier` is the elements one place before, where they are at hand. With `FIRST`, what is
    /// before the first element is not combined at all.
    ///
    /// # Safety
    /// The instruction set is there.
    #[inline(always)]
    unsafe fn windows<const G: usize, const FIRST: bool>(
        &mut self,
        elements: [Reg<S>; G],
        earlier: Option<[Reg<S>; G]>,
        window: usize,
    ) -> [Reg<S>; G] {
        // SAFETY: this function's.
        unsafe {
            let mut sums = elements;
            if window > 1 {
                sums = self.double::<G, FIRST>(0, sums, earlier);
            }
            if window > 2 {
                sums = self.double::<G, FIRST>(1, sums, None);
            }
            if window > 4 {
                sums = self.double::<G, FIRST>(2, sums, None);
            }
            if window > 8 {
                sums = self.double::<G, FIRST>(3, sums, None);
            }
            if window > 16 {
                sums = self.double::<G, FIRST>(4, sums, None);
            }
            if window > 32 {
                sums = self.double::<G, FIRST>(5, sums, None);
            }
            sums
        }
    }

    /// From windows of `1 << level` elements to windows of twice as many.
    ///
    /// # Safety
    /// As [`windows`](Self::windows).
    #[inline(always)]
    unsafe fn double<const G: usize, const FIRST: bool>(
        &mut self,
        level: usize,
        sums: [Reg<S>; G],
        earlier: Option<[Reg<S>; G]>,
    ) -> [Reg<S>; G] {
        let distance = 1 << level;
        let (whole, part) = (distance / S::LANES, distance % S::LANES);
        let past = &mut self.0[level];
        let mut doubled = sums;
        unrolled!(k in G => {
            // SAFETY: this function's.
            unsafe {
                let before = if let Some(earlier) = earlier {
                    earlier[k]
                } else if part == 0 {
                    at::<S, U, G>(past, &sums, k, whole)
                } else {
                    let near = at::<S, U, G>(past, &sums, k, whole);
                    let far = at::<S, U, G>(past, &sums, k, whole + 1);
                    shift::<S, B>(far, near, part * size_of::<S::T>())
                };
                let missing = distance.saturating_sub(k * S::LANES);
                doubled[k] = if FIRST && missing >= S::LANES {
                    sums[k]
                } else {
                    let both = if k.is_multiple_of(2) {
                        S::R::apply(before, sums[k])
                    } else {
                        S::R::apply_beside(before, sums[k])
                    };
                    if FIRST && missing > 0 {
                        merge::<S, B>(sums[k], both, missing * size_of::<S::T>())
                    } else {
                        both
                    }
                };
            }
        });
        for u in 0..U {
            past[u] = sums[G - U + u];
        }
        doubled
    }
}

/// The register `back` places before number `k`.
#[inline(always)]
fn at<S: Spec, const U: usize, const G: usize>(
    past: &[Reg<S>; U],
    now: &[Reg<S>; G],
    k: usize,
    back: usize,
) -> Reg<S> {
    if k >= back {
        now[k - back]
    } else {
        past[U + k - back]
    }
}

/// Results moved up by one element, for an exclusive scan; `before` is the register that ends with
/// the one before.
///
/// # Safety
/// The instruction set is there.
#[inline(always)]
unsafe fn held_back<S: Spec, const G: usize, const B: bool>(
    before: Reg<S>,
    shown: [Reg<S>; G],
) -> [Reg<S>; G] {
    let mut held = shown;
    for k in 0..G {
        let previous = if k == 0 { before } else { shown[k - 1] };
        // SAFETY: this function's.
        held[k] = unsafe { shift::<S, B>(previous, shown[k], size_of::<S::T>()) };
    }
    held
}

/// What stands before each element, for an exclusive scan; `shown` is with it, and `before` the register that ends with the
/// result before.
///
/// # Safety
/// The instruction set is there.
#[inline(always)]
unsafe fn before_each<S: Spec, const G: usize, const B: bool>(
    before: Reg<S>,
    elements: [Reg<S>; G],
    mut shown: [Reg<S>; G],
) -> [Reg<S>; G] {
    // SAFETY: this function's.
    unsafe {
        if !<S::R as Apply<S::O, S::T>>::UNDOES {
            return held_back::<S, G, B>(before, shown);
        }
        for k in 0..G {
            shown[k] = S::R::undo(shown[k], elements[k]);
        }
    }
    shown
}

/// Element `index` of some registers, counted in the line's direction.
///
/// # Safety
/// There is one.
#[inline(always)]
unsafe fn lane<S: Spec, const U: usize, const B: bool>(values: [Reg<S>; U], index: usize) -> S::M {
    let mut rooms = [const { Room::ZEROED }; 2];
    let room = rooms[0].bytes_mut();
    let bytes = <S::R as Registers>::BYTES;
    // SAFETY: two rooms hold the registers of a window, and index is within them.
    unsafe {
        for k in 0..U {
            S::R::store(room.add(k * bytes), values[k]);
        }
        let place = if B {
            index / S::LANES * S::LANES + S::LANES - 1 - index % S::LANES
        } else {
            index
        };
        S::M::cast_from(room.cast::<S::T>().add(place).read())
    }
}

/// Whether a block's results should go past the caches.
fn streams(block: &Block) -> bool {
    block.stream && !std::ptr::addr_eq(block.x, block.out)
}

/// Makes streamed results visible to other threads before anything that follows.
#[inline(always)]
fn fence(streaming: bool) {
    #[cfg(target_arch = "x86_64")]
    if streaming {
        // SAFETY: part of every x86-64.
        unsafe { std::arch::x86_64::_mm_sfence() }
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = streaming;
}

/// The rows of a block.
///
/// # Safety
/// As [`crate::kernels::Run`], for elements of the spec's types; `line` scans one of its rows.
#[inline(always)]
unsafe fn rows<S: Spec, L: Line<S, B>, const B: bool>(block: &Block) {
    let streaming = streams(block);
    let way = Way {
        exclusive: block.exclusive,
        streaming,
        ahead: block.ahead,
    };
    for row in 0..block.rows {
        // SAFETY: row is one of the block's rows, and has its accumulator.
        unsafe {
            let x = block.x.offset(row as isize * block.x_pitch).cast::<S::X>();
            let out = block
                .out
                .offset(row as isize * block.out_pitch)
                .cast::<S::M>();
            let slot = block.acc.cast::<S::M>().add(row);
            let started = block.started.then(|| slot.read());
            slot.write(L::scan(x, out, block.len, started, way));
        }
    }
    fence(streaming);
}

/// A way to scan one line.
trait Line<S: Spec, const B: bool> {
    /// Scans `n > 0` elements and returns the accumulator.
    ///
    /// # Safety
    /// From `x` and `out` on in the way's direction there are `n` elements, possibly unaligned, which are
    /// the same or do not meet.
    unsafe fn scan(
        x: *const S::X,
        out: *mut S::M,
        n: usize,
        started: Option<S::M>,
        way: Way<B>,
    ) -> S::M;
}

/// Operations for which every grouping gives the same bits; `U` registers hold a window, and `G` a group;
/// backward if `B`.
///
/// A result waits for the one a window before. With a window of one register that is one operation a
/// register, which only additions are quick enough for; with two, two chains go side by side.
pub struct Exact<S, const U: usize, const G: usize, const B: bool>(PhantomData<S>);

impl<S: Spec, const U: usize, const G: usize, const B: bool> Task<Block> for Exact<S, U, G, B> {
    #[inline(always)]
    unsafe fn run(block: &Block) {
        // SAFETY: this function's.
        unsafe { rows::<S, Self, B>(block) }
    }
}

impl<S: Spec, const U: usize, const G: usize, const B: bool> Line<S, B> for Exact<S, U, G, B> {
    #[inline(always)]
    unsafe fn scan(
        mut x: *const S::X,
        mut out: *mut S::M,
        mut n: usize,
        mut started: Option<S::M>,
        mut way: Way<B>,
    ) -> S::M {
        // SAFETY: pieces of the line, one after the other.
        unsafe {
            if n < SHORT {
                return one_by_one::<S, B>(x, out, n, started, way);
            }
            let size = size_of::<S::M>();
            way.streaming &= out.addr().is_multiple_of(size);
            if way.streaming && size < 16 {
                let head = n.min(way.to_boundary(out, 64) / size);
                if head > 0 {
                    started = Some(one_by_one::<S, B>(x, out, head, started, way));
                    (x, out, n) = (way.on(x, head), way.on_mut(out, head), n - head);
                }
            }
            match started {
                Some(acc) if n == 0 => acc,
                _ => exact::<S, U, G, B>(x, out, n, started, way),
            }
        }
    }
}

/// # Safety
/// As [`Line::scan`].
#[inline(always)]
unsafe fn exact<S: Spec, const U: usize, const G: usize, const B: bool>(
    x: *const S::X,
    out: *mut S::M,
    n: usize,
    started: Option<S::M>,
    way: Way<B>,
) -> S::M {
    // SAFETY: every piece is within the n elements, and is read before its place is written.
    unsafe {
        let window = U * S::LANES;
        let identity = <S::O as Combine<S::T>>::IDENTITY;
        let start = started.map_or(identity, S::T::cast_from);
        let mut past = Past::<S, U, B>::new(identity);
        let mut results = [S::R::splat(start); U];
        let mut sound = !started.is_some_and(|acc| acc.is_nan());
        let (mut x, mut out, mut left) = (x, out, n);
        while sound && left >= G * S::LANES {
            (x, out) = (S::R::anchor(x), S::R::anchor(out.cast_const()).cast_mut());
            let (elements, earlier) = way.load_group::<S, G>(x, past.0[0][U - 1]);
            let mut exceptions = 0;
            for k in 0..G / 2 {
                exceptions |= S::R::exceptions(elements[2 * k], elements[2 * k + 1]);
            }
            if exceptions != 0 {
                sound = false;
                break;
            }
            if way.ahead > 0 {
                way.prefetch(x, G * S::LANES);
            }
            let before = results[U - 1];
            let mut shown = past.windows::<G, false>(elements, Some(earlier), window);
            for k in 0..G {
                shown[k] = S::R::apply(results[k % U], shown[k]);
                results[k % U] = shown[k];
            }
            if way.exclusive {
                shown = before_each::<S, G, B>(before, elements, shown);
            }
            way.store_group::<S, G>(out, shown);
            (x, out) = (way.on(x, G * S::LANES), way.on_mut(out, G * S::LANES));
            left -= G * S::LANES;
        }
        let mut last = window - 1;
        while sound && (left >= window || (S::R::MASKS && !B && left > TAIL)) {
            let len = window.min(left);
            let elements = way.load_some::<S, U>(x, len);
            if S::R::exceptions(elements[0], elements[U - 1]) != 0 {
                sound = false;
                break;
            }
            let before = results[U - 1];
            let mut shown = past.windows::<U, false>(elements, None, window);
            for u in 0..U {
                shown[u] = S::R::apply(results[u], shown[u]);
                results[u] = shown[u];
            }
            if way.exclusive {
                shown = before_each::<S, U, B>(before, elements, shown);
            }
            way.store_some::<S, U>(out, shown, len);
            (x, out) = (way.on(x, len), way.on_mut(out, len));
            left -= len;
            last = len - 1;
        }
        let acc = if left < n {
            Some(lane::<S, U, B>(results, last))
        } else {
            started
        };
        match acc {
            Some(acc) if sound && left == 0 => acc,
            _ => one_by_one::<S, B>(x, out, left, acc, way),
        }
    }
}

/// One operation after the other; once the accumulator is not a number, it stays what it is.
///
/// # Safety
/// As [`Line::scan`].
unsafe fn one_by_one<S: Spec, const B: bool>(
    x: *const S::X,
    out: *mut S::M,
    n: usize,
    started: Option<S::M>,
    way: Way<B>,
) -> S::M {
    // SAFETY: n elements; each is read before its place is written.
    unsafe {
        if const { S::M::NAN.is_none() } {
            let sizes = [size_of::<S::X>() as isize, size_of::<S::M>() as isize];
            return along::apart::<S::X, Plain<S::O, S::M>>(
                x,
                out,
                n,
                if B { sizes.map(|size| -size) } else { sizes },
                started,
                way.exclusive,
            );
        }
        let mut acc = started;
        let mut before = started.unwrap_or(<S::O as Combine<S::M>>::IDENTITY);
        let (mut x, mut out) = (x, out);
        let mut left = n;
        while left > 0 && !acc.is_some_and(|acc| acc.is_nan()) {
            let element = S::M::cast_from(x.read_unaligned()).canonical();
            let next = match acc {
                Some(acc) => S::O::combine(acc, element),
                None => element,
            };
            out.write_unaligned(if way.exclusive { before } else { next });
            (acc, before) = (Some(next), next);
            (x, out, left) = (way.on(x, 1), way.on_mut(out, 1), left - 1);
        }
        for i in 0..left {
            way.on_mut(out, i).write_unaligned(before);
        }
        before
    }
}
