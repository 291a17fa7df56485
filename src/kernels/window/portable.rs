//! The fixed grouping of reassociated floats for every machine, eight elements at a time in plain
//! arrays; the grouping is told in [`super`].

use super::{CHUNK, WINDOW};
use crate::elem::{CastFrom, Elem};
use crate::kernels::Block;
use crate::op::Combine;

/// Scans every row of the block.
///
/// # Safety
/// As [`crate::kernels::Run`].
pub unsafe fn run<O: Combine<T>, T: Elem + CastFrom<T>, const EXCLUSIVE: bool>(block: &Block) {
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
                acc = Some(chunk::<O, T, T, EXCLUSIVE>(x.add(i), out.add(i), n, carry));
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
pub unsafe fn chunk<O, X, T, const EXCLUSIVE: bool>(
    x: *const X,
    out: *mut T,
    n: usize,
    carry: Option<T>,
) -> T
where
    O: Combine<T>,
    X: Elem,
    T: Elem + CastFrom<X>,
{
    let mut state = State::<T> {
        levels: [[O::IDENTITY; WINDOW]; 3],
        local: [O::IDENTITY; WINDOW],
    };
    let mut before = carry.unwrap_or(O::IDENTITY);
    let mut i = 0;
    while i < n {
        let len = WINDOW.min(n - i);
        let mut elements = [O::IDENTITY; WINDOW];
        // SAFETY: len elements from i on are within n, and all of them are read before the first
        // place is written.
        unsafe {
            if len == WINDOW {
                for (j, element) in elements.iter_mut().enumerate() {
                    *element = T::cast_from(x.add(i + j).read_unaligned());
                }
            } else {
                for (j, element) in elements[..len].iter_mut().enumerate() {
                    *element = T::cast_from(x.add(i + j).read_unaligned());
                }
            }
            let mut shown = if i == 0 {
                state.window::<O, true>(elements)
            } else {
                state.window::<O, false>(elements)
            };
            if let Some(carry) = carry {
                for value in &mut shown {
                    *value = O::combine(carry, *value);
                }
            }
            let last = shown[len - 1];
            if EXCLUSIVE {
                shown.rotate_right(1);
                shown[0] = before;
            }
            before = last;
            if len == WINDOW {
                for (j, &value) in shown.iter().enumerate() {
                    out.add(i + j).write_unaligned(value);
                }
            } else {
                for (j, &value) in shown[..len].iter().enumerate() {
                    out.add(i + j).write_unaligned(value);
                }
            }
        }
        i += len;
    }
    before
}

/// Where a chunk has got to.
struct State<T> {
    /// The last elements, pairs and fours.
    levels: [[T; WINDOW]; 3],
    /// The last results relative to the chunk.
    local: [T; WINDOW],
}

impl<T: Elem> State<T> {
    /// The results of the next window of elements, relative to the chunk; with `FIRST` nothing is
    /// before them.
    #[inline(always)]
    fn window<O: Combine<T>, const FIRST: bool>(&mut self, elements: [T; WINDOW]) -> [T; WINDOW] {
        let mut sums = elements;
        for (level, past) in self.levels.iter_mut().enumerate() {
            let distance = 1 << level;
            let narrow = sums;
            for j in 0..WINDOW {
                if j >= distance {
                    sums[j] = O::combine(narrow[j - distance], narrow[j]);
                } else if !FIRST {
                    sums[j] = O::combine(past[WINDOW + j - distance], narrow[j]);
                }
            }
            *past = narrow;
        }
        if !FIRST {
            for (sum, &local) in sums.iter_mut().zip(&self.local) {
                *sum = O::combine(local, *sum);
            }
        }
        self.local = sums;
        sums
    }
}
