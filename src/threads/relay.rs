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
//! for bit ([`Kernel::splits`](crate::kernels::Kernel::splits)): so it is with every operation that is
//! exact, and with the fixed grouping of reassociated floats, of which a tile is one chunk. Then it does
//! not matter who takes which chunk, nor whether there are chunks at all. Totals are found by a scan whose
//! results stay in the first-level cache, and combined by the kernel's scan across, of one column.
//!
//! # Never slower
//!
//! Another core may be busy, or add nothing because one core keeps memory busy. So:
//!
//! * The caller takes chunks alone until a worker has come, and scans them without totals, as one thread
//!   would. A worker that never got a core holds nothing and is not waited for.
//! * The caller times a few chunks alone and then many together ([`Pace`]). Where the latter are not
//!   faster, it takes all that is left for itself.
//! * Only who is ahead waits, for the thread with the chunk before, and does not spin for long: once it
//!   sleeps, a worker that has lost its core can have this one.
//! * What was learnt is kept ([`Verdict`]): where sharing lost, the next calls do not try.
//!
//! What is left is the wait for a worker that loses its core inside a chunk, once in many calls.
//!
//! In place, a chunk is overwritten by the thread that has read it all, and read by no other.

mod pace;
#[cfg(test)]
mod tests;

use super::{Counter, Shared};
use crate::dtype::DType;
use crate::environment;
use crate::kernels::{Block, TILE};
use crate::nest::{self, Progress};
use crate::plan::Plan;
use crate::pool;
use crate::status::Error;
use pace::{ALONE, Pace, Verdict};
use std::cell::UnsafeCell;
use std::mem::MaybeUninit;
use std::ops::Range;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Condvar, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Bytes that a line has, input and output together, before it is shared.
///
/// Granite Rapids, two threads: f64 took 0.85 of one thread's time at 3 MB, 0.8 at 6 MB and 0.73 at 16 MB,
/// i32 1.0 at 3 MB, 0.85 at 5 MB and 0.8 at 8 MB.
const SHARED_BYTES: u64 = 8 << 20;

/// Bytes of a chunk, in the input or the output, whichever has more; two of them fit a second-level cache.
///
/// 10^7 f64, two threads: 0.69 of one thread's time with 128 and 256 KiB, 0.71 with 64 and 32, 0.73 with 512.
const CHUNK_BYTES: usize = 128 << 10;

/// Most tiles of a chunk.
const MOST_TILES: usize = CHUNK_BYTES / TILE;

/// Time for which a thread looks for the carry before it sleeps: several chunks'.
///
/// With 20 us, threads slept that had better waited, for a virtual core takes 100 us and more to wake; with
/// 100 us, 2 10^6 i32 took 1.2 times as long where the other core was busy, and 1.1 with this.
const SPIN: Duration = Duration::from_micros(50);

/// Time after which a worker that still has a chunk when the caller is done has lost its core.
const LATE: Duration = Duration::from_micros(300);

/// Room for an accumulator, which is a total too: an element.
type Acc = MaybeUninit<u128>;

/// Whether a plan is one line that threads can share, and worth it.
pub fn fits(plan: &Plan) -> bool {
    let [x, _, out] = plan.dtypes.map(|dtype| dtype.size() as u64);
    plan.lines == 1
        && plan.kernel.splits
        && plan.direct_x
        && plan.direct_out
        && plan.elements() * (x + out) >= SHARED_BYTES
}

/// Whether earlier calls leave hope that sharing pays; asked once a call.
pub fn promises(plan: &Plan) -> bool {
    Verdict::of(plan).permits()
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
    let mut ended = None;
    let outcome = pool::run(helpers, &help, || {
        // SAFETY: this function's.
        let outcome = unsafe { relay.lead(progress) };
        ended = Some(Instant::now());
        outcome
    });
    let late = ended.is_some_and(|ended| ended.elapsed() > LATE);
    if let Some(faster) = outcome? {
        Verdict::of(plan).learn(faster && !late);
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
        let chunk = tiles.clamp(1, MOST_TILES) * TILE;
        Relay {
            plan,
            chunk,
            chunks: plan.axis.extent.div_ceil(chunk),
            next: AtomicUsize::new(ALONE),
            reached: AtomicUsize::new(0),
            carry: UnsafeCell::new(MaybeUninit::uninit()),
            helped: AtomicBool::new(false),
            stopped: AtomicBool::new(false),
            sleepers: AtomicUsize::new(0),
            lock: Mutex::new(()),
            moved: Condvar::new(),
        }
    }

    /// The elements of a chunk.
    fn range(&self, chunk: usize) -> Range<usize> {
        let start = chunk * self.chunk;
        start..self.plan.axis.extent.min(start + self.chunk)
    }

    /// Whether an accumulator stands before a chunk.
    fn started(&self, chunk: usize) -> bool {
        chunk > 0 || self.plan.carry_in.is_some()
    }

    /// Takes the next `n` chunks, or all for `usize::MAX`, and returns the first.
    fn take(&self, n: usize) -> usize {
        match n {
            usize::MAX => self.next.swap(self.chunks, Ordering::Relaxed),
            n => self.next.fetch_add(n, Ordering::Relaxed),
        }
    }

    /// Takes part until there are no chunks left, on a thread that helps.
    ///
    /// # Safety
    /// The plan's arrays are as its invariants say, and nobody else writes them.
    unsafe fn help(&self, progress: &mut dyn Progress) -> Result<(), Error> {
        self.helped.store(true, Ordering::Relaxed);
        let mut leaving = Leaving {
            relay: self,
            well: false,
        };
        let (mut before, mut chunk) = (None, self.take(1));
        while chunk < self.chunks {
            // SAFETY: this function's; the chunk was just taken.
            let next = unsafe { self.share(before, chunk, || self.take(1), progress)? };
            (before, chunk) = (Some(chunk), next);
        }
        leaving.well = true;
        Ok(())
    }

    /// Takes part on the calling thread, and sees to it that sharing pays; returns whether it did, if
    /// anybody else came.
    ///
    /// # Safety
    /// As [`help`](Self::help).
    unsafe fn lead(&self, progress: &mut dyn Progress) -> Result<Option<bool>, Error> {
        let mut leaving = Leaving {
            relay: self,
            well: false,
        };
        let mut pace = Pace::new();
        // Taken before there were others, who may come before this thread goes on.
        let (mut n, mut before, mut chunk) = (ALONE, None, 0);
        while chunk < self.chunks {
            if n == 1 {
                let step = || {
                    n = pace.after_shared(self.next.load(Ordering::Relaxed));
                    self.take(n)
                };
                // SAFETY: this function's; the chunk was taken.
                let next = unsafe { self.share(before, chunk, step, progress)? };
                (before, chunk) = (Some(chunk), next);
            } else {
                let end = chunk.saturating_add(n).min(self.chunks);
                self.wait(chunk)?;
                pace.begin_alone();
                // SAFETY: this function's; the chunks were taken, and the carry has come to the first.
                unsafe { self.scan_alone(chunk..end, progress)? };
                let helped = self.helped.load(Ordering::Relaxed);
                let next = self.next.load(Ordering::Relaxed);
                n = pace.after_alone(end - chunk, helped, next);
                self.pass_on(end);
                (before, chunk) = (Some(end - 1), self.take(n));
            }
        }
        leaving.well = true;
        let helped = self.helped.load(Ordering::Relaxed);
        Ok(helped.then(|| pace.verdict(self.chunks)))
    }

    /// Scans chunks from the carry, and leaves it after them.
    ///
    /// # Safety
    /// As [`help`](Self::help); this thread has taken the chunks, and the carry has come to the first.
    unsafe fn scan_alone(
        &self,
        chunks: Range<usize>,
        progress: &mut dyn Progress,
    ) -> Result<(), Error> {
        let ahead = if self.plan.stream { nest::AHEAD } else { 0 };
        for chunk in chunks {
            let range = self.range(chunk);
            let elements = range.len() as u64;
            // SAFETY: this function's.
            unsafe { self.scan(range, self.carry.get(), self.started(chunk), ahead) };
            progress.done(elements)?;
        }
        Ok(())
    }

    /// Does a chunk among others, calls `take` on the way, and returns what that does. `previous` is the
    /// chunk that this thread did before.
    ///
    /// # Safety
    /// As [`help`](Self::help); this thread has taken the chunk.
    unsafe fn share(
        &self,
        previous: Option<usize>,
        chunk: usize,
        take: impl FnOnce() -> usize,
        progress: &mut dyn Progress,
    ) -> Result<usize, Error> {
        if previous.is_some_and(|previous| previous + 1 == chunk) {
            // The others do nothing at the moment; so there is nothing to hurry for.
            self.wait(chunk)?;
            // SAFETY: this function's.
            unsafe { self.scan_alone(chunk..chunk + 1, progress)? };
            self.pass_on(chunk + 1);
            return Ok(take());
        }
        let range = self.range(chunk);
        let elements = range.len();
        let mut totals = [Acc::uninit(); MOST_TILES];
        let totals = &mut totals[..elements.div_ceil(TILE)];
        // SAFETY: this function's; the carry is this thread's from where it has come to the chunk until
        // it is passed on.
        let (mut before, started) = unsafe {
            self.fold(range.start, range.end, totals);
            self.wait(chunk)?;
            let (before, started) = (*self.carry.get(), self.started(chunk));
            self.append(totals, started);
            (before, started)
        };
        self.pass_on(chunk + 1);
        let next = take();
        let ahead = match next < self.chunks {
            true => (next - chunk) * self.chunk * self.plan.dtypes[0].size(),
            false => 0,
        };
        // SAFETY: this function's.
        unsafe { self.scan(range, &raw mut before, started, ahead) };
        progress.done(elements as u64)?;
        Ok(next)
    }

    /// Waits until the carry has come to a chunk that this thread has taken.
    fn wait(&self, chunk: usize) -> Result<(), Error> {
        let over =
            || self.reached.load(Ordering::SeqCst) == chunk || self.stopped.load(Ordering::SeqCst);
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
            false => Ok(()),
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
            exclusive: self.plan.exclusive,
            backward: self.plan.backward,
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

    /// Finds the total of each tile of a part of the line.
    ///
    /// # Safety
    /// As [`help`](Self::help); nobody writes the part, and it has as many tiles as there are totals.
    unsafe fn fold(&self, start: usize, end: usize, totals: &mut [Acc]) {
        let mut nowhere = MaybeUninit::<[u128; TILE]>::uninit();
        let size = self.plan.dtypes[2].size();
        for (tile, total) in totals.iter_mut().enumerate() {
            let at = start + tile * TILE;
            let range = at..end.min(at + TILE);
            // The first place in the line's direction.
            let first = match self.plan.backward {
                true => (range.len() - 1) * size,
                false => 0,
            };
            let block = Block {
                out: nowhere.as_mut_ptr().cast::<u8>().wrapping_add(first),
                exclusive: false,
                stream: false,
                ..self.block(range, total, false)
            };
            // SAFETY: 1 of the plan; there is room for the results of a tile of any type.
            unsafe { (self.plan.along)(&block) };
        }
    }

    /// Appends totals to the carry.
    ///
    /// # Safety
    /// This thread has the carry.
    unsafe fn append(&self, totals: &[Acc], started: bool) {
        let mut nowhere = Acc::uninit();
        let block = Block {
            x: totals.as_ptr().cast(),
            x_pitch: size_of::<Acc>() as isize,
            out: nowhere.as_mut_ptr().cast(),
            out_pitch: 0,
            len: 1,
            rows: totals.len(),
            acc: self.carry.get().cast(),
            started,
            exclusive: false,
            backward: false,
            stream: false,
            ahead: 0,
        };
        // SAFETY: rows of one element, which a total is, and a place for each result.
        unsafe { (self.plan.kernel.across)(&block) }
    }
}
