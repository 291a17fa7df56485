//! Whether it pays to share a line: measured on the way, and kept for the calls to come.
#![forbid(unsafe_code)]

use crate::dtype::DType;
use crate::op::Op;
use crate::plan::Plan;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// Chunks that the caller takes at a time as long as it is alone, or to find out how fast it would be.
pub const ALONE: usize = 32;

/// Chunks after which the pace of all together is looked at.
const TOGETHER: usize = 192;

/// Chunks' time that may be lost before it is looked at sooner.
const SLACK: usize = 32;

/// Stretches of that length after which the caller is timed alone again.
const STRETCHES: u32 = 8;

/// For how many times the time that sharing has lost it is not tried again.
const REST: u32 = 32;

/// Time without a long line after which other cores are taken to sleep deeply.
///
/// Two virtual cores: a call 20 ms after the one before took 1.15 times as long with a worker that had
/// to be woken for it (2 10^6 f64), calls 2 to 17 ms apart 0.7.
const AWAKE: Duration = Duration::from_millis(15);

/// Nanoseconds since the first time that this was called.
fn now() -> u64 {
    static FIRST: OnceLock<Instant> = OnceLock::new();
    FIRST.get_or_init(Instant::now).elapsed().as_nanos() as u64
}

/// When the last long line ended; 0 before the first.
static ENDED: AtomicU64 = AtomicU64::new(0);

/// A call with a long line, on however many threads.
pub struct Long;

impl Long {
    /// Whether the one before was not long ago.
    pub fn follows(&self) -> bool {
        let ended = ENDED.load(Ordering::Relaxed);
        ended > 0 && now().saturating_sub(ended) < AWAKE.as_nanos() as u64
    }
}

impl Drop for Long {
    fn drop(&mut self) {
        ENDED.store(now(), Ordering::Relaxed);
    }
}

/// When lines may be shared again, for an operation on a type.
pub struct Verdict(AtomicU64);

impl Verdict {
    /// At once.
    pub const fn new() -> Verdict {
        Verdict(AtomicU64::new(0))
    }

    /// That of a plan.
    pub fn of(plan: &Plan) -> &'static Verdict {
        static ALL: [[Verdict; DType::COUNT]; Op::COUNT] =
            [const { [const { Verdict::new() }; DType::COUNT] }; Op::COUNT];
        &ALL[plan.op as usize][plan.dtypes[1] as usize]
    }

    /// Whether that time has come.
    pub fn permits(&self) -> bool {
        self.0.load(Ordering::Relaxed) <= now()
    }

    /// Learns how much time was lost by it.
    pub fn learn(&self, lost: Duration) {
        let rest = lost.saturating_mul(REST).as_nanos() as u64;
        self.0.store(now().saturating_add(rest), Ordering::Relaxed);
    }
}

/// What the caller takes next.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Turn {
    /// Some chunks, and the others may take those after them.
    Together,
    /// [`ALONE`] chunks, to be timed.
    Alone,
    /// All that are left.
    Rest,
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

    /// What the caller should take after so many chunks alone, the next being `next`.
    pub fn after_alone(&mut self, chunks: usize, helped: bool, next: usize) -> Turn {
        self.alone = self.lap(next, chunks.max(1));
        self.stretches = 0;
        if !helped {
            self.began = (self.since, self.from);
            return Turn::Alone;
        }
        match self.slow.take() {
            Some(pace) if !self.gains(pace) => Turn::Rest,
            _ => Turn::Together,
        }
    }

    /// The same after chunks among others.
    pub fn after_shared(&mut self, next: usize) -> Turn {
        let chunks = next.saturating_sub(self.from);
        let spared = self.alone.saturating_mul((chunks + SLACK) as u32);
        if chunks < TOGETHER && self.since.elapsed() < spared {
            return Turn::Together;
        }
        let pace = self.lap(next, chunks.max(1));
        self.stretches += 1;
        self.slow = (!self.gains(pace)).then_some(pace);
        let again = self.slow.is_some() || self.stretches == STRETCHES;
        if again { Turn::Alone } else { Turn::Together }
    }

    /// How much longer a line of so many chunks has taken than the caller would have taken alone.
    pub fn lost(&self, chunks: usize) -> Duration {
        let (began, first) = self.began;
        let alone = self
            .alone
            .saturating_mul(chunks.saturating_sub(first) as u32);
        began.elapsed().saturating_sub(alone)
    }

    /// Whether a chunk has taken less time than the caller takes alone.
    fn gains(&self, pace: Duration) -> bool {
        pace < self.alone
    }
}
