//! Carries out a plan: copies the input where it must, looks for overflows where that is asked for,
//! then does the units, on several threads where that gains.
//!
//! Units are independent of one another and none depends on how they are shared out, so results do not
//! depend on the number of threads. Every thread that helps takes the next unit from a counter. A single
//! long line, which has one unit, is shared out by chunks, see [`relay`].

#[cfg(test)]
mod order;
mod relay;

use crate::environment;
use crate::nest::{self, Progress};
use crate::plan::{Dims, Plan, Request, Scattered, ShortLine, Small, extents};
use crate::pool;
use crate::status::Error;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, AtomicI32, AtomicU64, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

/// Elements from which a call is shared out: 100 us and more of work, where waking a worker takes 10.
const SHARED_FROM: u64 = 1 << 18;

/// Time between two calls of the progress function.
const INTERVAL: Duration = Duration::from_millis(4);

/// Elements between two looks at the clock.
const LOOK: u64 = 1 << 16;

/// The number of threads that calls use by default; 0: as the environment says.
static DEFAULT: AtomicI32 = AtomicI32::new(0);

/// Sets the number of threads that calls use by default and returns the previous one; a negative
/// number changes nothing.
pub fn set_default(n: i32) -> i32 {
    if n < 0 {
        DEFAULT.load(Ordering::Relaxed)
    } else {
        DEFAULT.swap(n, Ordering::Relaxed)
    }
}

/// The number of threads for a call that asks for at most `wanted`; 0 asks for the default.
fn limit(wanted: usize) -> usize {
    /// `CUM_NUM_THREADS`, else the cores that this process may use, read once.
    static SYSTEM: OnceLock<usize> = OnceLock::new();
    if wanted > 0 {
        return wanted;
    }
    match DEFAULT.load(Ordering::Relaxed) {
        0 => *SYSTEM.get_or_init(|| {
            let named = std::env::var("CUM_NUM_THREADS")
                .ok()
                .and_then(|n| n.parse().ok());
            let cores = || std::thread::available_parallelism().map_or(1, |n| n.get());
            named.filter(|&n: &usize| n > 0).unwrap_or_else(cores)
        }),
        n => n as usize,
    }
}

/// The caller's progress function.
pub trait Callback {
    /// `done` of `total` elements; whether to go on. It may leave another floating-point environment behind.
    fn call(&mut self, done: u64, total: u64) -> bool;
}

/// Calls the caller's function.
fn tell(callback: &mut dyn Callback, done: u64, total: u64) -> bool {
    environment::kept(|| callback.call(done, total))
}

/// What all threads at a call share.
#[derive(Default)]
struct Shared {
    /// Elements done by all.
    done: AtomicU64,
    /// Nothing more is to be done.
    stop: AtomicBool,
}

/// Counts what is done, and on the calling thread tells the caller now and then.
struct Reporter<'a> {
    callback: &'a mut dyn Callback,
    shared: &'a Shared,
    total: u64,
    looked: u64,
    last: Instant,
}

impl Progress for Reporter<'_> {
    fn wanted(&self) -> bool {
        true
    }

    fn done(&mut self, elements: u64) -> Result<(), Error> {
        let done = self.shared.done.fetch_add(elements, Ordering::Relaxed) + elements;
        // The last call, with everything done, is not one that can cancel.
        if done >= self.total || done - self.looked < LOOK {
            return Ok(());
        }
        self.looked = done;
        let now = Instant::now();
        if now - self.last >= INTERVAL {
            self.last = now;
            if !tell(self.callback, done, self.total) {
                self.shared.stop.store(true, Ordering::Relaxed);
                return Err(Error::Cancelled {
                    done,
                    total: self.total,
                });
            }
        }
        Ok(())
    }
}

/// Counts on a thread that helps.
struct Counter<'a> {
    shared: &'a Shared,
    wanted: bool,
}

impl Progress for Counter<'_> {
    fn wanted(&self) -> bool {
        self.wanted
    }

    fn done(&mut self, elements: u64) -> Result<(), Error> {
        if self.wanted {
            self.shared.done.fetch_add(elements, Ordering::Relaxed);
            if self.shared.stop.load(Ordering::Relaxed) {
                return Err(Error::Cancelled { done: 0, total: 0 });
            }
        }
        Ok(())
    }
}

/// Does a short line.
///
/// # Safety
/// As [`nest::run_short`].
#[inline]
pub unsafe fn run_short(line: &ShortLine) {
    let _environment = environment::Guard::new();
    // SAFETY: this function's.
    unsafe { nest::run_short(line) }
}

/// Carries out a request.
///
/// # Safety
/// The memory that the request describes is what it says: readable, writable, and nobody else writes it
/// meanwhile.
#[inline]
pub unsafe fn execute(request: &Request, callback: Option<&mut dyn Callback>) -> Result<(), Error> {
    if callback.is_none()
        && let Some(extents) = extents(request.shape, request.axis)
    {
        if let Some(small) = Small::new(request, extents) {
            let _environment = environment::Guard::new();
            // SAFETY: this function's.
            unsafe { nest::run_small(&small) };
            return Ok(());
        }
        if let Some(scattered) = Scattered::new(request, extents) {
            let _environment = environment::Guard::new();
            // SAFETY: this function's.
            unsafe { nest::run_scattered(&scattered) };
            return Ok(());
        }
    }
    // SAFETY: this function's.
    unsafe { execute_planned(request, callback) }
}

/// As [`execute`], by a plan.
///
/// # Safety
/// As [`execute`].
#[inline(never)] // small calls need no room for dimensions
unsafe fn execute_planned(
    request: &Request,
    callback: Option<&mut dyn Callback>,
) -> Result<(), Error> {
    // SAFETY: this function's.
    Plan::with(request, &mut Dims::default(), |plan| unsafe {
        run(plan, callback)
    })
}

/// Carries out a plan.
///
/// # Safety
/// The memory that the plan's request describes is what it says: readable, writable, and nobody else
/// writes it meanwhile.
pub unsafe fn run(plan: &Plan, callback: Option<&mut dyn Callback>) -> Result<(), Error> {
    let _environment = environment::Guard::new();
    let shared = Shared::default();
    let Some(callback) = callback else {
        // SAFETY: this function's.
        return unsafe {
            run_passes(
                plan,
                &shared,
                &mut Counter {
                    shared: &shared,
                    wanted: false,
                },
            )
        };
    };
    let passes = 1 + plan.checking.is_some() as u64;
    let total = plan.elements() * passes;
    let last = Instant::now();
    let mut reporter = Reporter {
        callback,
        shared: &shared,
        total,
        looked: 0,
        last,
    };
    // SAFETY: this function's.
    unsafe { run_passes(plan, &shared, &mut reporter)? };
    // All is done: there is nothing to cancel.
    tell(reporter.callback, total, total);
    Ok(())
}

/// Both passes of a plan, or the one, on a copy of the input if need be.
///
/// # Safety
/// As [`run`].
unsafe fn run_passes(
    plan: &Plan,
    shared: &Shared,
    progress: &mut dyn Progress,
) -> Result<(), Error> {
    // SAFETY: this function's.
    unsafe {
        if plan.staged {
            return nest::with_copy(plan, |copied| run_passes(copied, shared, progress));
        }
        if plan.checking.is_some() {
            nest::with_scratch(plan, &mut |scratch| nest::check(plan, scratch, progress))?;
        }
        run_units(plan, shared, progress)
    }
}

/// The address of a plan, for the threads that help.
struct PlanPointer<'p, 'd>(&'p Plan<'d>);

// SAFETY: a plan is not changed once it is made, and the memory behind its pointers is the caller's, who
// lends it for the call; units do not meet.
unsafe impl Sync for PlanPointer<'_, '_> {}

/// All units, on as many threads as it pays.
///
/// # Safety
/// As [`run`].
unsafe fn run_units(
    plan: &Plan,
    shared: &Shared,
    progress: &mut dyn Progress,
) -> Result<(), Error> {
    let long = relay::fits(plan).then(|| relay::Long);
    if let Some(long) = &long {
        let helpers = (limit(plan.max_threads) - 1).min(relay::MOST_HELPERS);
        if helpers > 0 && relay::promises(plan, long) {
            // SAFETY: this function's.
            return unsafe { relay::run(plan, helpers, shared, progress) };
        }
    }
    let units = nest::units(plan);
    let threads = if units < 2 || plan.elements() < SHARED_FROM {
        1
    } else {
        limit(plan.max_threads).min(units)
    };
    let take = |plan: &Plan, next: &mut dyn FnMut() -> usize, progress: &mut dyn Progress| {
        nest::with_scratch(plan, &mut |scratch| {
            loop {
                let unit = next();
                if unit >= units {
                    return Ok(());
                }
                // SAFETY: this function's; the counter gives each unit once.
                unsafe { nest::run_unit(plan, unit, scratch, progress)? };
            }
        })
    };
    if threads == 1 {
        // Without an atomic counter, which waits until all that was written before has left the processor.
        let mut units = 0..units;
        return take(plan, &mut || units.next().unwrap_or(units.end), progress);
    }
    let next = AtomicUsize::new(0);
    let plan = PlanPointer(plan);
    let take = |plan: &PlanPointer, progress: &mut dyn Progress| {
        take(
            plan.0,
            &mut || next.fetch_add(1, Ordering::Relaxed),
            progress,
        )
    };
    let wanted = progress.wanted();
    let help = || {
        let _environment = environment::Guard::new();
        // A helper stops early only when the caller does, whose word counts.
        let _ = take(&plan, &mut Counter { shared, wanted });
    };
    pool::run(threads - 1, &help, || take(&plan, progress))
}
