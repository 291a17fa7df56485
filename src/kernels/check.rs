//! The first pass of a checked scan: looks for the first combination that does not fit.

use crate::elem::Elem;
use crate::op::Overflowing;

/// Scans up to the first overflow.
///
/// # Safety
/// As [`super::Check`].
pub unsafe fn run<O: Overflowing<T>, T: Elem>(
    x: *const u8,
    out: *mut u8,
    n: usize,
    acc: *mut u8,
    started: bool,
) -> usize {
    let (x, out, slot) = (x.cast::<T>(), out.cast::<T>(), acc.cast::<T>());
    // SAFETY: every index is below n; the accumulator is aligned.
    unsafe {
        let mut acc = started.then(|| slot.read());
        for i in 0..n {
            let element = x.add(i).read_unaligned();
            let next = match acc {
                Some(acc) => O::checked(acc, element),
                None => Some(element),
            };
            let Some(next) = next else { return i };
            out.add(i).write_unaligned(next);
            acc = Some(next);
        }
        if let Some(acc) = acc {
            slot.write(acc);
        }
    }
    n
}
