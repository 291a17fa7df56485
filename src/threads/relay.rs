//! One long line on several threads: they take chunks of it in order, and the carry goes from chunk to
//! chunk like a baton.
//!
//! ```text
//! take the next chunk c
//! totals <- the total of each tile of c            brings c from memory into this core's cache
//! wait until the carry has come to c
//! before <- carry;  carry <- carry, totals         and on it goes, to chunk c + 1
//! take the next chunk d
//! scan c from before                               out of the cache, while asking for d
//! ```
//!
//! This is the decoupled look-back of D. Merrill and M. Garland ("Single-pass Parallel Prefix Scan with
//! Decoupled Look-back", 2016) with each chunk looking back by one only. It reads a line once from memory
//! and once from a cache, so it gains where memory keeps a core waiting. The last line is what makes it
//! gain there: without asking for `d`, a core reads and writes by turns (two threads took 0.86 of one
//! thread's time for 10^7 f64, and 0.69 with it).
//!
//! # The bits
//!
//! It needs that a scan from a carry ends with that carry combined with each tile's own total in turn, bit
//! for bit ([`Splits`](crate::kernels::Splits)): so it is with every operation that is exact, and with the fixed grouping of
//! reassociated floats, of which a tile is one chunk. Then it does not matter who takes which chunk, nor
//! whether there are chunks at all. Totals are found by a scan whose results stay in the first-level cache,
//! and combined by the kernel's scan across, of one column. Compensated scans have more than an element for a
//! total, and may find that the carry makes an exception of a chunk; then it is scanned before the carry goes on.
//!
//! # Never slower
//!
//! Another core may be busy, or add nothing because one core keeps memory busy. So:
//!
//! * The caller takes chunks alone until a worker has come, and scans them without totals, as one thread
//!   would. A worker that never got a core holds nothing and is not waited for.
//! * The caller times a few chunks alone and then many together ([`Pace`]). Where the latter are not
//!   faster, it takes all that is left for itself.
//! * A worker that finds itself on the caller's core, where the system put it because others are busy or
//!   asleep, leaves.
//! * Only who is ahead waits, for the thread with the chunk before, and does not spin for long: once it
//!   sleeps, a worker that has lost its core can have this one.
//! * What was learnt is kept ([`Verdict`]): where sharing lost, the next calls do not try.
//! * Nor does a call that comes long after the one before, when the other cores sleep ([`Long`]), unless it
//!   is long enough to wake them.
//!
//! What is left is the wait for a worker that loses its core inside a chunk, once in many calls.
//!
//! In place, a chunk is overwritten by the thread that has read it all, and read by no other.

mod pace;
#[cfg(test)]
mod tests;
mod totals;

use super::{Counter, Shared};
use crate::dtype::DType;
use crate::environment;
use crate::kernels::{Block, LARGEST_ACCUMULATOR, Spacing, TILE};
use crate::nest::{self, Progress};
use crate::plan::Plan;
use crate::pool;
use crate::status::Error;
pub use pace::Long;
use pace::{ALONE, Pace, Turn, Verdict};
use std::cell::UnsafeCell;
use std::mem::MaybeUninit;
use std::ops::Range;
use std::sync::atomic::{AtomicBool, AtomicI32, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Condvar, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Bytes that a line has, input and output together, before it is shared.
///
/// Granite Rapids, two threads: f64 took 0.85 of one thread's time at 3 MB, 0.8 at 6 MB and 0.73 at 16 MB,
/// i32 1.0 at 3 MB, 0.85 at 5 MB and 0.8 at 8 MB.
const SHARED_BYTES: u64 = 8 << 20;

/// The same of a line that comes long after the one before ([`Long`]): other cores take a while to wake.
///
/// Two virtual cores, 30 to 50 ms after the line before: f64 took 1.09 of one thread's time at 32 MB, 1.0
/// at 160 MB and 0.65 at 800 MB.
const SHARED_BYTES_LATE: u64 = 256 << 20;

/// Time that the carry takes from core to core and back: a wait that is no longer, but for what is done with the
/// carry there, is none.
const HOP: Duration = Duration::from_micros(2);

/// Bytes of a chunk, in the input or the output, whichever has more.
const CHUNK_BYTES: usize = 32 << 10;

/// Chunks that a helper takes at a time: two such turns fit a second-level cache.
const TURN: usize = 4;

/// Most threads that help. Each waits for the one before, so that many would wait long; more than one were
/// tried for their results, not timed.
pub const MOST_HELPERS: usize = 7;

/// Chunks that the caller takes at a time among others: at first, and the bounds.
const TURNS: (usize, Range<usize>) = (6, 2..32);

/// Most chunks of a call of the kernel: streamed results are waited for at its end.
const PIECE: usize = 32;

/// Most tiles of a helper's turn.
const MOST_TILES: usize = TURN * CHUNK_BYTES / TILE;

/// Time for which a thread looks for the carry before it sleeps: several chunks'.
///
/// With 20 us, threads slept that had better waited, for a virtual core takes 100 us and more to wake; with
/// 100 us, 2 10^6 i32 took 1.2 times as long where the other core was busy, and 1.1 with this.
const SPIN: Duration = Duration::from_micros(50);

/// Room for an accumulator.
type Acc = MaybeUninit<[u128; LARGEST_ACCUMULATOR / size_of::<u128>()]>;

/// Room for the total of a tile: an element.
type Total = MaybeUninit<u128>;

/// Bytes that are folded to as many bytes of numbers as a helper's turn may have: the numbers of a
/// compensated stretch of 64 elements of 16 bits are 32 bytes.
const FOLDED: usize = 4;

/// Room for the totals of a helper's turn, or for what it is folded to.
type Totals = MaybeUninit<[Total; TURN * CHUNK_BYTES / FOLDED / size_of::<Total>()]>;

/// Bytes of a plan's input and output.
fn bytes(plan: &Plan) -> u64 {
    let [x, _, out] = plan.dtypes.map(|dtype| dtype.size() as u64);
    plan.elements() * (x + out)
}

/// Whether a plan is one line that threads can share, and worth it.
pub fn fits(plan: &Plan) -> bool {
    plan.lines == 1
        && plan.kernel.splits.possible()
        && plan.direct_x
        && plan.direct_out
        && bytes(plan) >= SHARED_BYTES
}

/// Whether earlier calls leave hope that sharing pays.
pub fn promises(plan: &Plan, long: &Long) -> bool {
    (long.follows() || bytes(plan) >= SHARED_BYTES_LATE) && Verdict::of(plan).permits()
}

/// Scans the line of a plan that [fits](fits), with so many threads that help.
///
/// # Safety
/// As [`nest::run_unit`].
pub unsafe fn run(
    plan: &Plan,
    helpers: usize,
    shared: &Shared,
    progress: &mut dyn Progress,
) -> Result<(), Error> {
    let mut relay = Relay::new(plan, CHUNK_BYTES);
    // SAFETY: this function's; nobody else has the relay yet.
    unsafe { nest::begin_line(plan, relay.carry.get_mut().as_mut_ptr().cast()) };
    let wanted = progress.wanted();
    let help = || {
        let _environment = environment::Guard::new();
        // SAFETY: this function's. A helper stops early only when the caller does, whose word counts.
        let _ = unsafe { relay.help(&mut Counter { shared, wanted }) };
    };
    // SAFETY: this function's.
    let pace = pool::run(helpers, &help, || unsafe { relay.lead(progress) })?;
    if relay.helped.load(Ordering::Relaxed) {
        Verdict::of(plan).learn(pace.lost(relay.chunks));
    }
    // SAFETY: this function's; all threads have left.
    unsafe { nest::end_line(plan, relay.carry.get_mut().as_mut_ptr().cast()) };
    Ok(())
}

/// A line that is passed on.
struct Relay<'p, 'd> {
    plan: &'p Plan<'d>,
    /// Elements of a chunk.
    chunk: usize,
    /// Number of chunks.
    chunks: usize,
    /// The next that nobody has taken; `chunks` or more if there is none.
    next: AtomicUsize,
    /// The one that the carry has come to.
    reached: AtomicUsize,
    /// What stands before that. It belongs to the thread that has taken it.
    carry: UnsafeCell<Acc>,
    /// The core that the caller was on, as [`pool::core`] says.
    core: AtomicI32,
    /// Nanoseconds that it took to bring the carry past a helper's turn, the last time.
    appending: AtomicU64,
    /// Others than the caller have come.
    helped: AtomicBool,
    /// Somebody gave up: nobody may wait any more.
    stopped: AtomicBool,
    /// Threads that sleep until the carry has moved on.
    sleepers: AtomicUsize,
    lock: Mutex<()>,
    moved: Condvar,
}

// SAFETY: a plan is not changed once it is made, and the memory behind its pointers is the caller's, who
// lends it for the call; chunks do not meet. `carry` goes from thread to thread with `reached`.
unsafe impl Sync for Relay<'_, '_> {}

/// Stops everybody if its thread does not end well.
struct Leaving<'a, 'p, 'd> {
    relay: &'a Relay<'p, 'd>,
    well: bool,
}

impl Drop for Leaving<'_, '_, '_> {
    fn drop(&mut self) {
        if !self.well {
            self.relay.stopped.store(true, Ordering::SeqCst);
            self.relay.wake();
        }
    }
}

impl<'p, 'd> Relay<'p, 'd> {
    /// A line in chunks of so many bytes at most, as yet without a carry.
    fn new(plan: &'p Plan<'d>, bytes: usize) -> Self {
        debug_assert!(plan.kernel.acc_size <= size_of::<Acc>());
        let sizes = plan.dtypes.map(DType::size);
        let tiles = bytes / (sizes[0].max(sizes[2]) * TILE);
        let chunk = tiles.clamp(1, MOST_TILES / TURN) * TILE;
        Relay {
            plan,
            chunk,
            chunks: plan.axis.extent.div_ceil(chunk),
            next: AtomicUsize::new(ALONE),
            reached: AtomicUsize::new(0),
            carry: UnsafeCell::new(MaybeUninit::uninit()),
            core: AtomicI32::new(pool::core()),
            appending: AtomicU64::new(0),
            helped: AtomicBool::new(false),
            stopped: AtomicBool::new(false),
            sleepers: AtomicUsize::new(0),
            lock: Mutex::new(()),
            moved: Condvar::new(),
        }
    }

    /// The elements of some chunks.
    fn elements(&self, chunks: &Range<usize>) -> Range<usize> {
        let n = self.plan.axis.extent;
        n.min(chunks.start * self.chunk)..n.min(chunks.end * self.chunk)
    }

    /// Whether an accumulator stands before a chunk.
    fn started(&self, chunk: usize) -> bool {
        chunk > 0 || self.plan.carry_in.is_some()
    }

    /// Whether a thread that helps is on the core that the caller needs.
    fn crowded(&self) -> bool {
        let core = self.core.load(Ordering::Relaxed);
        core >= 0 && core == pool::core()
    }

    /// Takes the next `n` chunks, or all for `usize::MAX`; none if there are none left.
    fn take(&self, n: usize) -> Range<usize> {
        let start = match n {
            usize::MAX => self.next.swap(self.chunks, Ordering::Relaxed),
            n => self.next.fetch_add(n, Ordering::Relaxed),
        };
        let end = start.saturating_add(n);
        start.min(self.chunks)..end.min(self.chunks)
    }

    /// Takes part until there are no chunks left, on a thread that helps.
    ///
    /// # Safety
    /// The plan's arrays are as its invariants say, and nobody else writes them.
    unsafe fn help(&self, progress: &mut dyn Progress) -> Result<(), Error> {
        if self.crowded() {
            return Ok(());
        }
        self.helped.store(true, Ordering::Relaxed);
        let mut leaving = Leaving {
            relay: self,
            well: false,
        };
        let take = || self.take(if self.crowded() { 0 } else { TURN });
        let (mut mine, mut alone) = (take(), false);
        while !mine.is_empty() {
            // SAFETY: this function's; the chunks were just taken.
            let next = unsafe {
                if alone {
                    self.wait(mine.start)?;
                    self.scan_on(&mine, take, progress)?
                } else {
                    self.share(&mine, take, progress)?
                }
            };
            // Where the others do nothing at the moment, there is nothing to hurry for.
            alone = next.start == mine.end;
            mine = next;
        }
        leaving.well = true;
        Ok(())
    }

    /// Takes part on the calling thread, and sees to it that sharing pays; returns its clock.
    ///
    /// # Safety
    /// As [`help`](Self::help).
    unsafe fn lead(&self, progress: &mut dyn Progress) -> Result<Pace, Error> {
        let mut leaving = Leaving {
            relay: self,
            well: false,
        };
        let mut pace = Pace::new();
        let (mut turn, turns) = TURNS;
        // Taken before there were others, who may come before this thread goes on.
        let (mut mine, mut last) = (0..ALONE.min(self.chunks), Turn::Alone);
        let mut alone = true;
        while !mine.is_empty() {
            let waited = self.wait(mine.start)?;
            self.core.store(pool::core(), Ordering::Relaxed);
            if last != Turn::Together {
                pace.begin_alone();
            } else if !alone {
                // The others should just be ready when the carry comes to them.
                turn = if waited { turn + 1 } else { turn - 1 };
                turn = turn.clamp(turns.start, turns.end);
            }
            let timed = mine.len() - 1;
            let take = || {
                let helped = self.helped.load(Ordering::Relaxed);
                let next = self.next.load(Ordering::Relaxed);
                last = match last {
                    Turn::Together => pace.after_shared(next),
                    _ => pace.after_alone(timed, helped, next),
                };
                self.take(match last {
                    Turn::Together => turn,
                    Turn::Alone => ALONE,
                    Turn::Rest => usize::MAX,
                })
            };
            // SAFETY: this function's; the chunks were taken, and the carry has come to the first.
            let next = unsafe { self.scan_on(&mine, take, progress)? };
            alone = next.start == mine.end;
            mine = next;
        }
        leaving.well = true;
        Ok(pace)
    }

    /// Scans chunks from the carry and passes it on; calls `take` before the last, and returns what that
    /// does.
    ///
    /// # Safety
    /// As [`help`](Self::help); this thread has taken the chunks, and the carry has come to the first.
    unsafe fn scan_on(
        &self,
        mine: &Range<usize>,
        take: impl FnOnce() -> Range<usize>,
        progress: &mut dyn Progress,
    ) -> Result<Range<usize>, Error> {
        let last = mine.end - 1;
        let mut scan = |chunks: Range<usize>, after: usize| {
            let elements = self.elements(&chunks);
            let n = elements.len() as u64;
            let (started, ahead) = (
                self.started(chunks.start),
                self.distance(chunks.end - 1, after),
            );
            // SAFETY: this function's.
            unsafe { self.scan(elements, self.carry.get(), started, ahead) };
            progress.done(n)
        };
        for start in (mine.start..last).step_by(PIECE) {
            let end = last.min(start + PIECE);
            scan(start..end, end)?;
        }
        let next = take();
        scan(last..mine.end, next.start)?;
        self.pass_on(mine.end);
        Ok(next)
    }

    /// Bytes of the input from one chunk to another; 0 if there is no such other.
    fn distance(&self, from: usize, to: usize) -> usize {
        match to < self.chunks {
            true => (to - from) * self.chunk * self.plan.dtypes[0].size(),
            false => 0,
        }
    }

    /// Does chunks among others, calls `take` on the way, and returns what that does.
    ///
    /// # Safety
    /// As [`help`](Self::help); this thread has taken the chunks.
    unsafe fn share(
        &self,
        mine: &Range<usize>,
        take: impl FnOnce() -> Range<usize>,
        progress: &mut dyn Progress,
    ) -> Result<Range<usize>, Error> {
        let elements = self.elements(mine);
        let n = elements.len();
        let started = self.started(mine.start);
        let mut totals = Totals::uninit();
        // SAFETY: this function's; the carry is this thread's from where it has come to the chunks until
        // it is passed on.
        let mut before = unsafe {
            self.fold(&elements, &mut totals);
            self.wait(mine.start)?;
            let before = *self.carry.get();
            let start = Instant::now();
            if !self.append(&elements, &totals, started) {
                return self.scan_on(mine, take, progress);
            }
            let taken = start.elapsed().as_nanos() as u64;
            self.appending.store(taken, Ordering::Relaxed);
            before
        };
        self.pass_on(mine.end);
        let next = take();
        let ahead = self.distance(mine.start, next.start);
        // SAFETY: this function's.
        unsafe { self.scan(elements, &raw mut before, started, ahead) };
        progress.done(n as u64)?;
        Ok(next)
    }

    /// Waits until the carry has come to a chunk that this thread has taken; returns whether it had not
    /// yet.
    fn wait(&self, chunk: usize) -> Result<bool, Error> {
        let over =
            || self.reached.load(Ordering::SeqCst) == chunk || self.stopped.load(Ordering::SeqCst);
        let waited = !over();
        let start = Instant::now();
        while !over() {
            if start.elapsed() < SPIN {
                (0..16).for_each(|_| std::hint::spin_loop());
                continue;
            }
            let mut guard = self.lock.lock().unwrap_or_else(PoisonError::into_inner);
            // `wake` sees the sleeper, or the sleeper sees what it is woken for.
            self.sleepers.fetch_add(1, Ordering::SeqCst);
            while !over() {
                let woken = self.moved.wait(guard);
                guard = woken.unwrap_or_else(PoisonError::into_inner);
            }
            self.sleepers.fetch_sub(1, Ordering::SeqCst);
        }
        match self.stopped.load(Ordering::SeqCst) {
            // Whoever has stopped knows why.
            true => Err(Error::Cancelled { done: 0, total: 0 }),
            false => {
                let appending = Duration::from_nanos(self.appending.load(Ordering::Relaxed));
                Ok(waited && start.elapsed() > HOP + appending)
            }
        }
    }

    /// Gives the carry to the thread with the next chunk.
    fn pass_on(&self, chunk: usize) {
        self.reached.store(chunk, Ordering::SeqCst);
        self.wake();
    }

    /// Wakes those that sleep.
    fn wake(&self) {
        if self.sleepers.load(Ordering::SeqCst) > 0 {
            drop(self.lock.lock().unwrap_or_else(PoisonError::into_inner));
            self.moved.notify_all();
        }
    }

    /// Part of the line as a block, with results where they belong.
    fn block(&self, range: Range<usize>, acc: *mut Acc, started: bool) -> Block {
        let Plan { axis, x, out, .. } = *self.plan;
        Block {
            x: x.wrapping_offset(range.start as isize * axis.x),
            x_pitch: 0,
            out: out.wrapping_offset(range.start as isize * axis.out),
            out_pitch: 0,
            len: range.len(),
            rows: 1,
            acc: acc.cast(),
            started,
            keep: true,
            exclusive: self.plan.exclusive,
            spacing: Spacing::of(self.plan.backward),
            stream: self.plan.stream,
            ahead: 0,
        }
    }

    /// Scans part of the line.
    ///
    /// # Safety
    /// As [`help`](Self::help); nobody else has it, and `acc` holds an accumulator if `started`.
    unsafe fn scan(&self, range: Range<usize>, acc: *mut Acc, started: bool, ahead: usize) {
        let block = Block {
            ahead,
            ..self.block(range, acc, started)
        };
        // SAFETY: 1 to 3 of the plan.
        unsafe { (self.plan.along)(&block) }
    }
}
