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
    let mut before = carry.unwrap_or(O::IDENTITY);
    // A window that is not full is scanned from and to here.
    let mut room = [O::IDENTITY; WINDOW];
    let mut state = State::first::<O>(room);
    let mut i = 0;
    // SAFETY: every window is within the n elements, and is read before its place is written.
    unsafe {
        while i < n {
            // Those in the middle in a loop of their own, for speed; the first and the last together,
            // for size. Complex numbers, whose operations are long, have all in one loop.
            let alone = align_of::<T>() == size_of::<T>();
            while alone && i > 0 && n - i >= WINDOW {
                let ones = x.add(i).cast::<[T; WINDOW]>().read_unaligned();
                state = state.next::<O>(ones);
                before = store::<O, T>(state.local, carry, before, out.add(i), WINDOW, exclusive);
                i += WINDOW;
            }
            if i == n {
                break;
            }
            let len = WINDOW.min(n - i);
            copy(x.add(i), room.as_mut_ptr(), len);
            state = match i {
                0 => State::first::<O>(room),
                _ => state.next::<O>(room),
            };
            before = store::<O, T>(
                state.local,
                carry,
                before,
                room.as_mut_ptr(),
                len,
                exclusive,
            );
            copy(room.as_ptr(), out.add(i), len);
            i += len;
        }
    }
    before
}

/// Copies `n` elements, no more than a window has.
///
/// # Safety
/// They are readable and writable.
#[inline(never)]
unsafe fn copy<T: Copy>(x: *const T, out: *mut T, n: usize) {
    for i in 0..n {
        // SAFETY: this function's.
        unsafe { out.add(i).write_unaligned(x.add(i).read_unaligned()) }
    }
}

/// Shows a window of results, those relative to the chunk combined with the carry, and returns the last
/// of the `n` that count.
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
    let last = if n == WINDOW {
        shown[WINDOW - 1]
    } else {
        shown[n - 1]
    };
    let out = out.cast::<[T; WINDOW]>();
    // SAFETY: this function's.
    unsafe {
        if exclusive {
            let mut held = [before; WINDOW];
            held[1..].copy_from_slice(&shown[..WINDOW - 1]);
            out.write_unaligned(held);
        } else {
            out.write_unaligned(shown);
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
