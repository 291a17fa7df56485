//! The fixed grouping of reassociated floats for every machine, eight elements at a time in plain
//! arrays; the grouping is told in [`super`].

use super::{CHUNK, WINDOW};
use crate::elem::Elem;
use crate::kernels::Block;
use crate::op::Combine;

/// Scans every row of the block.
///
/// # Safety
/// As [`crate::kernels::Run`].
pub unsafe fn run<O: Combine<T>, T: Elem>(block: &Block) {
    for row in 0..block.rows {
        // SAFETY: row is one of the block's rows, and has its accumulator.
        unsafe {
            let x = block.x.offset(row as isize * block.x_pitch).cast::<T>();
            let out = block.out.offset(row as isize * block.out_pitch).cast::<T>();
            let slot = block.acc.cast::<T>().add(row);
            let mut acc = block.started.then(|| slot.read());
            let mut i = 0;
            while i < block.len {
                let n = CHUNK.min(block.len - i);
                let carry = acc;
                acc = Some(chunk::<O, T>(
                    x.add(i),
                    out.add(i),
                    n,
                    carry,
                    block.exclusive,
                ));
                i += n;
            }
            if let Some(acc) = acc {
                slot.write(acc);
            }
        }
    }
}

/// Scans a chunk, `n > 0` elements but at most [`CHUNK`], and returns the accumulator.
///
/// # Safety
/// `x` and `out` hold `n` elements, possibly unaligned, and are the same or do not meet.
#[inline(always)]
unsafe fn chunk<O, T>(x: *const T, out: *mut T, n: usize, carry: Option<T>, exclusive: bool) -> T
where
    O: Combine<T>,
    T: Elem,
{
    let first = WINDOW.min(n);
    let before = carry.unwrap_or(O::IDENTITY);
    // SAFETY: every window is within the n elements, and is read before its place is written.
    unsafe {
        let mut state = State::first::<O>(load(x, first));
        let mut before = store::<O, T>(state.local, carry, before, out, first, exclusive);
        let mut i = first;
        while i < n {
            let len = WINDOW.min(n - i);
            state = state.next::<O>(load(x.add(i), len));
            before = store::<O, T>(state.local, carry, before, out.add(i), len, exclusive);
            i += len;
        }
        before
    }
}

/// A window of which `n > 0` elements are read; the others do not matter.
///
/// # Safety
/// They are readable.
#[inline(always)]
unsafe fn load<T: Elem>(x: *const T, n: usize) -> [T; WINDOW] {
    // SAFETY: this function's.
    unsafe {
        if n == WINDOW {
            return x.cast::<[T; WINDOW]>().read_unaligned();
        }
        let mut ones = [x.read_unaligned(); WINDOW];
        for (j, one) in ones.iter_mut().enumerate().take(n) {
            *one = x.add(j).read_unaligned();
        }
        ones
    }
}

/// Shows `n` results, those relative to the chunk combined with the carry, and returns the last.
///
/// # Safety
/// Their places are writable.
#[inline(always)]
unsafe fn store<O: Combine<T>, T: Elem>(
    local: [T; WINDOW],
    carry: Option<T>,
    before: T,
    out: *mut T,
    n: usize,
    exclusive: bool,
) -> T {
    let mut shown = local;
    if let Some(carry) = carry {
        for value in &mut shown {
            *value = O::combine(carry, *value);
        }
    }
    let last = shown[n - 1];
    if exclusive {
        shown.rotate_right(1);
        shown[0] = before;
    }
    // SAFETY: this function's.
    unsafe {
        if n == WINDOW {
            out.cast::<[T; WINDOW]>().write_unaligned(shown);
            return last;
        }
        for (j, &value) in shown.iter().enumerate().take(n) {
            out.add(j).write_unaligned(value);
        }
    }
    last
}

/// The last window of a chunk. It is handed on by value: the compiler keeps it in registers then.
#[derive(Clone, Copy)]
struct State<T> {
    /// Its elements.
    ones: [T; WINDOW],
    /// The windows of two, and of four, that end there.
    twos: [T; WINDOW],
    fours: [T; WINDOW],
    /// Its results relative to the chunk.
    local: [T; WINDOW],
}

impl<T: Elem> State<T> {
    /// Before which there is nothing.
    #[inline(always)]
    fn first<O: Combine<T>>(ones: [T; WINDOW]) -> State<T> {
        let twos = within::<O, T, 1>(ones);
        let fours = within::<O, T, 2>(twos);
        let local = within::<O, T, 4>(fours);
        State {
            ones,
            twos,
            fours,
            local,
        }
    }

    /// The one after this.
    #[inline(always)]
    fn next<O: Combine<T>>(self, ones: [T; WINDOW]) -> State<T> {
        let twos = across::<O, T, 1>(self.ones, ones);
        let fours = across::<O, T, 2>(self.twos, twos);
        let mut local = across::<O, T, 4>(self.fours, fours);
        for (sum, &before) in local.iter_mut().zip(&self.local) {
            *sum = O::combine(before, *sum);
        }
        State {
            ones,
            twos,
            fours,
            local,
        }
    }
}

/// From windows of `D` elements to windows of twice as many, where nothing stands before them.
#[inline(always)]
fn within<O: Combine<T>, T: Elem, const D: usize>(sums: [T; WINDOW]) -> [T; WINDOW] {
    let mut doubled = sums;
    for j in D..WINDOW {
        doubled[j] = O::combine(sums[j - D], sums[j]);
    }
    doubled
}

/// The same after the windows `past`.
#[inline(always)]
fn across<O: Combine<T>, T: Elem, const D: usize>(
    past: [T; WINDOW],
    sums: [T; WINDOW],
) -> [T; WINDOW] {
    let mut doubled = within::<O, T, D>(sums);
    for j in 0..D {
        doubled[j] = O::combine(past[WINDOW - D + j], sums[j]);
    }
    doubled
}
