//! Whether it pays to share a line: measured on the way, and kept for the calls to come.
#![forbid(unsafe_code)]

use crate::dtype::DType;
use crate::op::Op;
use crate::plan::Plan;
use std::ops::Range;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

/// Chunks that the caller takes at a time as long as it is alone, or to find out how fast it would be.
pub const ALONE: usize = 8;

/// Chunks after which the pace of all together is looked at.
const TOGETHER: usize = 48;

/// Chunks' time that may be lost before it is looked at sooner.
const SLACK: usize = 8;

/// Stretches of that length after which the caller is timed alone again.
const STRETCHES: u32 = 8;

/// Calls that do not try, after one that has lost: at first, and at most.
const RESTS: Range<u32> = 2..64;

/// What earlier calls have found out about an operation on a type.
pub struct Verdict {
    /// Calls to come that are not shared.
    rest: AtomicU32,
    /// How many there were the last time.
    rested: AtomicU32,
}

impl Verdict {
    /// Nothing is known.
    pub const fn new() -> Verdict {
        Verdict {
            rest: AtomicU32::new(0),
            rested: AtomicU32::new(0),
        }
    }

    /// That of a plan.
    pub fn of(plan: &Plan) -> &'static Verdict {
        static ALL: [[Verdict; DType::COUNT]; Op::COUNT] =
            [const { [const { Verdict::new() }; DType::COUNT] }; Op::COUNT];
        &ALL[plan.op as usize][plan.dtypes[1] as usize]
    }

    /// Whether this call may be shared.
    pub fn permits(&self) -> bool {
        let (set, fetch) = (Ordering::Relaxed, Ordering::Relaxed);
        let resting = self.rest.fetch_update(set, fetch, |n| n.checked_sub(1));
        resting.is_err()
    }

    /// Learns whether it was faster for it.
    pub fn learn(&self, faster: bool) {
        let rested = self.rested.load(Ordering::Relaxed);
        let rest = match faster {
            true => 0,
            false => (2 * rested).clamp(RESTS.start, RESTS.end),
        };
        self.rested.store(rest, Ordering::Relaxed);
        self.rest.store(rest, Ordering::Relaxed);
    }
}

/// The caller's clock: how fast it is alone, and with the others.
///
/// How fast memory is changes along a line, with what the caches happen to hold of it. So a stretch that
/// looks slow is only taken for it when the chunks behind it, done alone, are as fast as those before.
pub struct Pace {
    /// Time that a chunk took the caller alone, the last time.
    alone: Duration,
    /// The same of a stretch with others that looked slow.
    slow: Option<Duration>,
    /// Stretches with others since the caller was last timed alone.
    stretches: u32,
    /// When the present stretch began.
    since: Instant,
    /// The chunk that was the next then.
    from: usize,
    /// When the caller had first been alone, and the chunk that was the next then.
    began: (Instant, usize),
    /// It was slower with others.
    lost: bool,
}

impl Pace {
    /// A clock that has not been looked at.
    pub fn new() -> Pace {
        let now = Instant::now();
        Pace {
            alone: Duration::MAX,
            slow: None,
            stretches: 0,
            since: now,
            from: 0,
            began: (now, 0),
            lost: false,
        }
    }

    /// Begins to time the caller alone, which may have waited until then.
    pub fn begin_alone(&mut self) {
        self.since = Instant::now();
    }

    /// Begins a stretch with chunk `next` and returns what a chunk has taken in the last one.
    fn lap(&mut self, next: usize, chunks: usize) -> Duration {
        let now = Instant::now();
        let pace = (now - self.since) / chunks as u32;
        (self.since, self.from) = (now, next);
        pace
    }

    /// How many chunks the caller should take after so many alone, and without others if there are
    /// none.
    pub fn after_alone(&mut self, chunks: usize, helped: bool, next: usize) -> usize {
        self.alone = self.lap(next, chunks);
        self.stretches = 0;
        if !helped {
            self.began = (self.since, self.from);
            return ALONE;
        }
        self.lost |= self.slow.take().is_some_and(|pace| !self.gains(pace));
        if self.lost { usize::MAX } else { 1 }
    }

    /// The same after a chunk among others.
    pub fn after_shared(&mut self, next: usize) -> usize {
        let chunks = next.saturating_sub(self.from);
        let spared = self.alone.saturating_mul((chunks + SLACK) as u32);
        if chunks < TOGETHER && self.since.elapsed() < spared {
            return 1;
        }
        let pace = self.lap(next, chunks.max(1));
        self.stretches += 1;
        self.slow = (!self.gains(pace)).then_some(pace);
        let again = self.slow.is_some() || self.stretches == STRETCHES;
        if again { ALONE } else { 1 }
    }

    /// Whether the line was done faster than the caller would have done it alone.
    pub fn verdict(&self, chunks: usize) -> bool {
        let (began, first) = self.began;
        let rest = chunks.saturating_sub(first).max(1);
        !self.lost && self.gains(began.elapsed() / rest as u32)
    }

    /// Whether a chunk has taken less time than the caller takes alone.
    fn gains(&self, pace: Duration) -> bool {
        pace < self.alone
    }
}
