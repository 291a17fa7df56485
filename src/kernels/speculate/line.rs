//! One line: where to try groups, and where to add one element after the other.
//!
//! Groups save two thirds of the time when they succeed and lose about half a group's time when they
//! fail. They fail where the sum enters another binade, and on ties. So:
//!
//! - *Forecast.* Groups are not tried if steps like the mean of those seen would leave the binade
//!   before one is through.
//! - *Pause.* After a failure elements are added one by one, for a group first (that takes the sum
//!   over most edges), then for longer and longer.
//! - *Credit.* Failures are paid from a twenty-fifth of the line's length, and from what successes
//!   saved. Who has no credit cannot try, so that no line costs more than about 5 % over plain
//!   additions.
//!
//! Where input and output together are larger than the last-level cache, stores go past the caches
//! once groups have run well for a while: otherwise each line of the output would be read first.

use super::groups::{Parts, Real, Stretch, VECTORS, Vector};
use super::x86::{Set, Ymm};
use crate::accumulate::Plain;
use crate::kernels::{Block, along};
use crate::op::{Combine, Sum};
use crate::simd::cache;

// The tuning constants, in elements unless said. Found by trying powers of two around them on the
// bench's data kinds.

/// Lines shorter than this gain nothing.
const SHORT: usize = 512;

/// Elements at the start of a line, over which the sum typically doubles several times.
const LEAD: usize = 128;

/// The longest pause.
const LONGEST_PAUSE: usize = 512;

/// What a failed group costs, in vectors' worth of plain additions.
const FAILURE: usize = 5;

/// What a group that succeeds earns: the same unit.
const SUCCESS: usize = 5;

/// The share of a line that may be spent on failures.
const SHARE: usize = 25;

/// Groups of the same run that must have succeeded before stores go past the caches.
const PROVEN_GROUPS: usize = 64;

/// Bytes of a cache line, which stores past the caches must fill.
const CACHE_LINE: usize = 64;

/// Scans the rows of a block.
///
/// # Safety
/// As [`crate::kernels::Run`]; the processor has the instruction set.
pub unsafe fn along<S: Set, T: Parts, const EXCLUSIVE: bool>(block: &Block)
where
    Ymm<S, T>: Vector<T = T>,
    Sum: Combine<T>,
{
    let bytes = 2 * block.len * size_of::<T>() * block.rows;
    let large = block.x.addr() != block.out.addr() && bytes > cache::streaming_threshold();
    for row in 0..block.rows {
        // SAFETY: row is one of the block's rows, and has its accumulator.
        unsafe {
            let x = block.x.offset(row as isize * block.x_pitch).cast::<T>();
            let out = block.out.offset(row as isize * block.out_pitch).cast::<T>();
            let slot = block.acc.cast::<T>().add(row);
            let started = block.started.then(|| slot.read());
            slot.write(line::<S, T, EXCLUSIVE>(x, out, block.len, started, large));
        }
    }
}

/// Scans `n > 0` elements and returns the sum; `large` lines may be stored past the caches.
///
/// # Safety
/// As [`along`]: `x` and `out` hold `n` elements and are the same or do not meet.
pub unsafe fn line<S: Set, T: Parts, const EXCLUSIVE: bool>(
    x: *const T,
    out: *mut T,
    n: usize,
    started: Option<T>,
    large: bool,
) -> T
where
    Ymm<S, T>: Vector<T = T>,
    Sum: Combine<T>,
{
    // One element after the other.
    let plain = |from: usize, to: usize, carry: Option<T>| {
        // SAFETY: callers below pass from < to <= n.
        unsafe {
            along::line::<Plain<Sum, T>, EXCLUSIVE>(x.add(from), out.add(from), to - from, carry)
        }
    };
    if n < SHORT {
        return plain(0, n, started);
    }

    let group = VECTORS * <Ymm<S, T> as Vector>::LANES;
    let vector = <Ymm<S, T> as Vector>::LANES;
    // Up to where output cache lines begin, if elements ever meet one.
    let offset = out.align_offset(CACHE_LINE).min(CACHE_LINE);
    let aligned = offset < CACHE_LINE;
    let lead = if started.is_some() { 0 } else { LEAD };
    let mut i = lead + if aligned { offset } else { 0 };
    let origin = started.unwrap_or(T::ZERO);
    let mut sum = if i > 0 { plain(0, i, started) } else { origin };
    let mut pause = group;
    let mut credit = n / SHARE;
    let mut stream = false;
    let mut streamed = false;
    while n - i >= group {
        let mut wait = pause;
        if !sum.all(origin, |sum, _| sum.has_binade()) {
            pause = (2 * pause).min(LONGEST_PAUSE.max(group));
        } else if credit >= FAILURE * vector
            && sum.all(origin, |sum, origin| sum.stays(origin, i, group))
        {
            let mut groups = (n - i) / group;
            if large && !stream {
                groups = groups.min(PROVEN_GROUPS);
            }
            // SAFETY: the groups lie within the line; every part has a binade; `i` is at a cache
            // line of the output if `aligned`.
            let (done, carry) = unsafe {
                let stretch = Stretch {
                    x: x.add(i),
                    out: out.add(i),
                    groups,
                    carry: sum,
                    stream,
                };
                if sum.all(origin, |sum, _| !sum.is_edge()) {
                    S::run::<Ymm<S, T>, EXCLUSIVE, false>(&stretch)
                } else {
                    S::run::<Ymm<S, T>, EXCLUSIVE, true>(&stretch)
                }
            };
            i += done * group;
            sum = carry;
            credit = (credit + done * SUCCESS * vector).min(n);
            streamed |= stream;
            stream = large && aligned && done >= PROVEN_GROUPS;
            if done == groups {
                pause = group;
                continue;
            }
            credit = credit.saturating_sub(FAILURE * vector);
            pause = match done {
                0 => (2 * pause).min(LONGEST_PAUSE.max(group)),
                _ => group.max(pause / 2),
            };
            wait = if done == 0 { pause / 2 } else { pause };
        } else {
            wait = group;
        }
        let to = n.min(i + wait);
        sum = plain(i, to, Some(sum));
        i = to;
    }
    if i < n {
        sum = plain(i, n, Some(sum));
    }
    if streamed {
        super::x86::finish_streaming();
    }
    sum
}
