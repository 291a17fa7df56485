//! One line: where to try groups, and where to add one element after the other.
//!
//! Groups save most of the time when they succeed and lose about half a group's time when they fail.
//! They fail where the sum enters another binade, and on ties. So:
//!
//! - *Forecast.* Groups are not tried if steps like the mean of those seen would leave the binade
//!   before one is through, nor if one of the last results was in another.
//! - *Pause.* After a failure, and where the forecast is bad, elements are added one by one, for longer
//!   and longer.
//! - *Credit.* A line begins with a fiftieth of its length, with the cost of a failure if it goes on, and
//!   with that of two if its sum has grown steadily so far; it earns an eightieth of what is added one by one
//!   and what successes save. Failures are paid from that. Who has no credit cannot try, so that no line costs
//!   much more than these failures and 3 % over plain additions.
//!
//! Guessed chains have a credit of their own, which begins with what one block may lose. Blocks that
//! succeed add what they saved, less their repairs; where the credit is short, or the last results are of
//! the kind that takes too many repairs ([`Method::rugged`]), elements are added one by one for longer and
//! longer. So data made to hurt cost up to 4 % at 800 elements and 2 to 3 % from 1500 on. A line that turns
//! so just after the chains were trusted pays for one block: 18 % of 800 elements, 10 % of 1500, 5 % of
//! 4000. (Tried: a smaller block first, which halves that, but costs 5 to 30 % up to 2000 elements on
//! data that chains are good for.)
//!
//! Where input and output together are larger than the last-level cache, stores go past the caches
//! once groups have run well for a while: otherwise each line of the output would be read first.

use super::chains::{Course, Outcome};
use crate::elem::Elem;
use crate::kernels::Block;
use crate::simd::cache;

// The tuning constants, in elements unless said. Found by trying powers of two around them on the
// bench's data kinds.

/// Elements at the start of a line, over which the sum typically doubles several times.
const LEAD: usize = 128;

/// The first pause after a failure and the longest.
const PAUSE: usize = 64;
const LONGEST_PAUSE: usize = 1024;

/// The longest wait for a better forecast. Looking costs about six plain additions.
const LONGEST_WAIT: usize = 1024;

/// How far apart the results are that the forecast looks at, and how many they are.
const APART: usize = 8;
const LOOKS: usize = 3;

/// The part of a line that may be spent on failures, and the part of plain additions that is earned for
/// them.
const SHARE: usize = 50;
const EARNED: usize = 80;

/// Groups of the same run that must have succeeded before stores go past the caches.
const PROVEN_GROUPS: usize = 64;

/// Lines shorter than this are not worth guessing: what comes first is added one by one, and a block
/// that is given up must not cost too much of the rest.
const SHORT_FOR_CHAINS: usize = 768;

/// The part of the last-level cache that input and output may fill for guessed chains.
///
/// A fifth of 32 MiB was the largest size at which they never lost.
const CHAINS_SHARE: usize = 5;

/// Elements up to which groups are preferred to guessed chains if the sum has been steady, while each attempt has so
/// many groups, which pay for its failure, and a better forecast is not waited for longer than so many groups' lengths:
/// where a steady sum leaves its binade it is one or two, and before there are binades of that many groups up to six.
const OPENING: usize = 4096;
const PAYING: usize = 3;
const EDGES: usize = 8;

/// Groups of the same run from which on groups are preferred to guessed chains.
const GOOD_RUN: usize = 24;

/// What a repair costs in chains, in plain additions.
const REPAIR: usize = 15;

/// The first and the longest pause from chains.
const PAUSE_FROM_CHAINS: usize = 512;
const LONGEST_PAUSE_FROM_CHAINS: usize = 32768;

/// Repairs in a block up to which shorter rows, of which each needs about as many, do well.
const FEW_REPAIRS: usize = 4;

/// Blocks of chains between two attempts at groups, at most.
const MOST_BLOCKS: usize = 32;

/// A way to take sums in groups, and the plain way beside it.
pub trait Method: 'static {
    /// The element.
    type T: Elem;
    /// Nothing.
    const ZERO: Self::T;
    /// Elements of a group: whole cache lines.
    const GROUP: usize;
    /// Lines shorter than this gain nothing, or cannot pay for a failure.
    const SHORT: usize;
    /// Whether groups can be stored past the caches.
    const STREAMS: bool;
    /// Whether lines may run backward.
    const BACKWARD: bool;

    /// What a failed group costs, in plain additions: for all types about the same, because their groups
    /// have the same number of vectors.
    const FAILURE: usize;

    /// Eighths of plain additions that groups save.
    const SAVED: usize;

    /// Elements of a block of guessed chains, longest blocks first; none if there are no chains.
    const BLOCKS: &[usize];

    /// Whether groups can be tried after this sum at all.
    fn ready(sum: Self::T) -> bool;

    /// Whether `steps` steps as long as the mean step of the `taken` from `origin` to here stay where
    /// groups succeed.
    fn stays(sum: Self::T, origin: Self::T, taken: usize, steps: usize) -> bool;

    /// Whether a sum is about twice what it was half the way to it.
    fn is_steady(sum: Self::T, half: Self::T) -> bool;

    /// Whether two results are in the same binade.
    fn level(result: Self::T, other: Self::T) -> bool;

    /// Adds one element after the other and returns the sum.
    ///
    /// # Safety
    /// As [`groups`](Method::groups), for `n` elements.
    unsafe fn plain(
        x: *const Self::T,
        out: *mut Self::T,
        n: usize,
        carry: Option<Self::T>,
        way: Way,
    ) -> Self::T;

    /// Does groups until one does not succeed, of which nothing is stored; returns how many it did,
    /// and the sum.
    ///
    /// # Safety
    /// The processor has the instruction set; `x` and `out` hold the elements of all the groups, and
    /// are the same or do not meet.
    unsafe fn groups(stretch: &Stretch<Self::T>) -> (usize, Self::T);

    /// Does blocks of guessed chains, `stretch.groups` of the size `BLOCKS[size]` at most.
    ///
    /// # Safety
    /// As [`groups`](Method::groups), of the blocks.
    unsafe fn chains(size: usize, stretch: &Stretch<Self::T>) -> Outcome<Self::T>;

    /// Whether results in front of `end`, but for the last few, climb so often, or cancelled so much, that
    /// chains would need too many repairs.
    ///
    /// # Safety
    /// There are [`SEEN`] results.
    unsafe fn rugged(end: *const Self::T) -> bool;
}

/// How many results [`Method::rugged`] wants to be there.
pub const SEEN: usize = 80;

/// Work for [`Method::groups`].
pub struct Stretch<T> {
    /// The first element.
    pub x: *const T,
    /// Where its result goes.
    pub out: *mut T,
    /// At most this many groups.
    pub groups: usize,
    /// What stands before the first element, and is ready.
    pub carry: T,
    /// How to go along the line.
    pub way: Way,
    /// Whether to store past the caches: then a cache line begins with the first group's results.
    pub stream: bool,
}

/// How to go along a line.
#[derive(Clone, Copy)]
pub struct Way {
    /// Whether results are shown one place later.
    pub exclusive: bool,
    /// Whether elements follow each other from higher to lower addresses.
    pub backward: bool,
}

impl Way {
    /// From one element to the next.
    #[inline(always)]
    pub fn step(self) -> isize {
        if self.backward { -1 } else { 1 }
    }

    /// Elements up to where a cache line begins, or, for those that run backward, ends; `None` if none
    /// of them does.
    #[inline(always)]
    fn to_cache_line<T>(self, out: *mut T) -> Option<usize> {
        let size = size_of::<T>();
        let behind = if self.backward {
            out.addr().wrapping_add(size) % cache::LINE
        } else {
            out.addr().wrapping_neg() % cache::LINE
        };
        behind.is_multiple_of(size).then_some(behind / size)
    }
}

/// How much memory a line and what comes with it take.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Size {
    /// So little that guessed chains pay.
    Cached,
    /// Anything between.
    Plain,
    /// So much that the output should go past the caches.
    Streamed,
}

/// Scans the rows of a block.
///
/// # Safety
/// As [`crate::kernels::Run`]; the processor has the instruction set.
pub unsafe fn along<M: Method>(block: &Block) {
    let bytes = 2 * block.len * size_of::<M::T>() * block.rows;
    let in_place = block.x.addr() == block.out.addr();
    let way = Way {
        exclusive: block.exclusive,
        backward: block.is_backward(),
    };
    let short = block.len < M::SHORT;
    let size = if short {
        Size::Plain
    } else if bytes <= cache::last_level() / CHAINS_SHARE && !block.is_backward() {
        Size::Cached
    } else if M::STREAMS && !in_place && block.stream {
        Size::Streamed
    } else {
        Size::Plain
    };
    for row in 0..block.rows {
        // SAFETY: row is one of the block's rows, and has its accumulator.
        unsafe {
            let x = block.x.offset(row as isize * block.x_pitch).cast();
            let out = block.out.offset(row as isize * block.out_pitch).cast();
            let slot = block.acc.cast::<M::T>().add(row);
            let started = block.started.then(|| slot.read());
            slot.write(if short {
                plain::<M>(x, out, block.len, started, way)
            } else {
                line::<M>(x, out, block.len, started, way, size)
            });
        }
    }
}

/// Scans `n > 0` elements and returns the sum. Not a part of [`along`], for short lines would pay for the
/// registers that it saves.
///
/// # Safety
/// As [`along`]: `x` and `out` hold `n` elements and are the same or do not meet.
#[inline(never)]
pub unsafe fn line<M: Method>(
    x: *const M::T,
    out: *mut M::T,
    n: usize,
    started: Option<M::T>,
    way: Way,
    size: Size,
) -> M::T {
    if n < M::SHORT {
        // SAFETY: this function's.
        return unsafe { M::plain(x, out, n, started, way) };
    }
    if n >= SHORT_FOR_CHAINS && size == Size::Cached && !M::BLOCKS.is_empty() {
        // SAFETY: this function's.
        return unsafe { chained::<M>(x, out, n, started, way) };
    }
    let plain = |from: usize, to: usize, carry: Option<M::T>| {
        // SAFETY: calls below pass from < to <= n.
        unsafe {
            plain::<M>(
                x.offset(from as isize * way.step()),
                out.offset(from as isize * way.step()),
                to - from,
                carry,
                way,
            )
        }
    };

    let large = size == Size::Streamed;
    // Up to where output cache lines begin, if elements ever meet one.
    let offset = way.to_cache_line(out);
    let aligned = offset.is_some();
    let lead = if started.is_some() { 0 } else { LEAD };
    let mut i = lead + offset.unwrap_or(0);
    let origin = started.unwrap_or(M::ZERO);
    let mut sum = if i > 0 { plain(0, i, started) } else { origin };
    let level = |i: usize, sum: M::T| {
        (1..=LOOKS).all(|look| {
            // SAFETY: a place of the output in front of `i`, if there is one.
            i < look * APART
                || unsafe {
                    let result = out.offset((i - look * APART) as isize * way.step());
                    M::level(result.read_unaligned(), sum)
                }
        })
    };
    let first_pause = PAUSE.max(M::GROUP);
    let (mut pause, mut wait) = (first_pause, first_pause);
    let failures = match started {
        Some(_) => 1,
        // SAFETY: the line's first results are there.
        None if unsafe { is_steady::<M>(out, i, way, sum) } => 2,
        None => 0,
    };
    let mut credit = failures * M::FAILURE + n / SHARE;
    let (mut stream, mut streamed) = (false, false);
    while n - i >= M::GROUP {
        // Early in a line the mean step says little of what comes far behind.
        let mut plainly = wait.min(first_pause.max(i / 2));
        wait = (2 * wait).min(LONGEST_WAIT);
        if credit >= M::FAILURE
            && M::ready(sum)
            && level(i, sum)
            && M::stays(sum, origin, i, M::GROUP + M::GROUP / 4)
        {
            let mut groups = (n - i) / M::GROUP;
            if large && !stream {
                groups = groups.min(PROVEN_GROUPS);
            }
            // SAFETY: the groups lie within the line; `i` is at a cache line of the output if
            // `aligned`.
            let (done, carry) = unsafe {
                M::groups(&Stretch {
                    x: x.offset(i as isize * way.step()),
                    out: out.offset(i as isize * way.step()),
                    groups,
                    carry: sum,
                    way,
                    stream,
                })
            };
            i += done * M::GROUP;
            sum = carry;
            credit += done * (M::GROUP * M::SAVED / 8);
            streamed |= stream;
            stream = large && aligned && done >= PROVEN_GROUPS;
            if done == groups {
                continue;
            }
            credit -= M::FAILURE;
            wait = first_pause;
            if done > 0 {
                pause = first_pause.max(pause / 2);
                plainly = pause;
            } else {
                plainly = pause;
                pause = (2 * pause).min(LONGEST_PAUSE);
            }
        }
        // Nobody stops before the next failure can be paid, nor but where a cache line of the output begins.
        plainly = plainly.max(M::FAILURE.saturating_sub(credit) * EARNED);
        plainly = plainly.next_multiple_of(M::GROUP);
        let to = n.min(i + plainly);
        sum = plain(i, to, Some(sum));
        credit += (to - i) / EARNED;
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

/// Whether the sum of the first `i` elements has grown steadily.
///
/// # Safety
/// Their results are there, two at least.
unsafe fn is_steady<M: Method>(out: *const M::T, i: usize, way: Way, sum: M::T) -> bool {
    let half = out.wrapping_offset((i / 2 - 1) as isize * way.step());
    // SAFETY: this function's.
    M::is_steady(sum, unsafe { half.read_unaligned() })
}

/// [`Method::plain`] as a function of its own: long lines call it rarely, and from many places.
///
/// # Safety
/// As there.
#[inline(never)]
unsafe fn plain<M: Method>(
    x: *const M::T,
    out: *mut M::T,
    n: usize,
    carry: Option<M::T>,
    way: Way,
) -> M::T {
    // SAFETY: this function's.
    unsafe { M::plain(x, out, n, carry, way) }
}

/// A line in guessed chains, and in groups while they run well; not backward.
///
/// # Safety
/// As [`line`].
unsafe fn chained<M: Method>(
    x: *const M::T,
    out: *mut M::T,
    n: usize,
    started: Option<M::T>,
    way: Way,
) -> M::T {
    let stretch = |from: usize, groups: usize, carry: M::T| {
        // SAFETY: calls below pass from < n.
        let (x, out) = unsafe { (x.add(from), out.add(from)) };
        Stretch {
            x,
            out,
            groups,
            carry,
            way,
            stream: false,
        }
    };
    let plain = |from: usize, to: usize, carry: Option<M::T>| {
        // SAFETY: calls below pass from < to <= n.
        unsafe { plain::<M>(x.add(from), out.add(from), to - from, carry, way) }
    };
    let offset = way.to_cache_line(out).unwrap_or(0);
    let origin = started.unwrap_or(M::ZERO);
    // A first element is copied, which chains do not do; they run well from a cache line on.
    let mut i = match started {
        None => SEEN + offset,
        _ => offset,
    };
    let mut sum = if i > 0 { plain(0, i, started) } else { origin };
    let mut credit = loss(M::BLOCKS[0]) + M::FAILURE + n / SHARE;
    // A piece of a longer line begins where the sum has long left the small binades, and a sum that grows steadily
    // stays in the larger ones: groups from the start, with a group's plain additions over each edge.
    let mut fresh = started.is_some();
    // SAFETY: the line's first results are there.
    let mut edges = match fresh || unsafe { is_steady::<M>(out, i, way, sum) } {
        true => 0,
        false => EDGES,
    };
    while edges < EDGES && credit >= M::FAILURE && i < OPENING && n - i >= M::GROUP && M::ready(sum)
    {
        if fresh || M::stays(sum, origin, i, PAYING * M::GROUP) {
            // SAFETY: the groups lie within the line.
            let (done, carry) = unsafe { M::groups(&stretch(i, (n - i) / M::GROUP, sum)) };
            sum = carry;
            i += done * M::GROUP;
            credit = credit + done * (M::GROUP * M::SAVED / 8) - M::FAILURE;
            if fresh && done + 1 < PAYING {
                break;
            }
            fresh = false;
            // Sums that are not much larger than the elements meet ties; but of no group twice over, enough.
            edges = if done > 0 { 0 } else { edges + EDGES / 2 };
        }
        let to = n.min(i + M::GROUP);
        if i < to {
            sum = plain(i, to, Some(sum));
            i = to;
        }
        edges += 1;
    }

    let mut run = 1;
    let mut pause = PAUSE_FROM_CHAINS;
    // What is left of a line that began with groups is not worth more than one guess.
    let mut smooth = i <= SEEN + offset;
    let most = 2 * credit;
    loop {
        let sizes = if smooth { M::BLOCKS } else { &M::BLOCKS[..1] };
        let Some(size) = sizes.iter().position(|&block| block <= n - i) else {
            break;
        };
        let block = M::BLOCKS[size];
        // SAFETY: as many results are in front of `i`.
        let rugged = i >= SEEN && unsafe { M::rugged(out.add(i)) };
        let mut course = Course::GivenUp;
        if !rugged && credit >= loss(block) {
            let blocks = run.min((n - i) / block);
            // SAFETY: the blocks lie within the line.
            let outcome = unsafe { M::chains(size, &stretch(i, blocks, sum)) };
            i += outcome.done * block;
            sum = outcome.carry;
            course = outcome.course;
            smooth = outcome.repairs <= FEW_REPAIRS * outcome.done;
            run = (2 * run).min(MOST_BLOCKS);
            let lost = outcome.repairs * REPAIR
                + if course == Course::GivenUp {
                    block * 3 / 4
                } else {
                    0
                };
            credit = (credit + outcome.done * (block / 2))
                .saturating_sub(lost)
                .min(most);
            if course == Course::Exact {
                // Then chains are the faster way.
                continue;
            }
        }
        // Groups for as long as they run well, with a group's plain additions over what stopped them.
        let block = M::BLOCKS[0];
        let mut grouped = false;
        while n - i >= block
            && credit >= M::FAILURE
            && M::ready(sum)
            && M::stays(sum, origin, i, block)
        {
            let groups = (n - i) / M::GROUP;
            // SAFETY: the groups lie within the line.
            let (done, carry) = unsafe { M::groups(&stretch(i, groups, sum)) };
            sum = carry;
            i += done * M::GROUP;
            credit = (credit + done * (M::GROUP * M::SAVED / 8)).min(most) - M::FAILURE;
            if done < GOOD_RUN {
                break;
            }
            grouped = true;
            run = 1;
            let to = n.min(i + M::GROUP);
            if i < to {
                sum = plain(i, to, Some(sum));
                i = to;
            }
        }
        if course != Course::GivenUp || grouped {
            pause = PAUSE_FROM_CHAINS;
        } else if rugged || credit < loss(block) {
            // Less than has been waited for is not worth another look.
            let to = if n - i < 2 * pause { n } else { i + pause };
            if i < to {
                sum = plain(i, to, Some(sum));
                credit = (credit + (to - i) / EARNED).min(most);
                i = to;
            }
            pause = (2 * pause).min(LONGEST_PAUSE_FROM_CHAINS);
            run = 1;
        }
    }
    if i < n {
        sum = plain(i, n, Some(sum));
    }
    sum
}

/// What a block of chains costs at most that is given up soon, in plain additions.
const fn loss(block: usize) -> usize {
    block / 4 + 4 * REPAIR
}
