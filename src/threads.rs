//! Carries out a plan: copies the input where it must, looks for overflows where that is asked for,
//! then does the units.

use crate::environment;
use crate::nest::{self, Progress, Scratch};
use crate::plan::{Plan, ShortLine};
use crate::status::Error;
use std::sync::atomic::{AtomicI32, Ordering};
use std::time::{Duration, Instant};

/// The number of threads that calls use by default; 0: as many as there are cores.
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

/// The caller's progress function.
pub trait Callback {
    /// `done` of `total` elements; whether to go on.
    fn call(&mut self, done: u64, total: u64) -> bool;
}

/// Time between two calls of the progress function.
const INTERVAL: Duration = Duration::from_millis(4);

/// Elements between two looks at the clock.
const LOOK: u64 = 1 << 16;

/// Counts what is done and tells the caller now and then.
struct Reporter<'a> {
    callback: Option<&'a mut dyn Callback>,
    done: u64,
    total: u64,
    looked: u64,
    last: Instant,
}

impl Progress for Reporter<'_> {
    fn wanted(&self) -> bool {
        self.callback.is_some()
    }

    fn done(&mut self, elements: u64) -> Result<(), Error> {
        let Some(callback) = &mut self.callback else {
            return Ok(());
        };
        self.done += elements;
        // The last call, with everything done, is not one that can cancel.
        if self.done < self.total && self.done - self.looked >= LOOK {
            self.looked = self.done;
            let now = Instant::now();
            if now - self.last >= INTERVAL {
                self.last = now;
                if !callback.call(self.done, self.total) {
                    return Err(Error::Cancelled {
                        done: self.done,
                        total: self.total,
                    });
                }
            }
        }
        Ok(())
    }
}

/// No one to tell.
struct Silent;

impl Progress for Silent {
    fn wanted(&self) -> bool {
        false
    }

    fn done(&mut self, _elements: u64) -> Result<(), Error> {
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

/// Carries out a plan.
///
/// # Safety
/// The memory that the plan's request describes is what it says: readable, writable, and nobody else
/// writes it meanwhile.
#[inline]
pub unsafe fn run(plan: &Plan, callback: Option<&mut dyn Callback>) -> Result<(), Error> {
    let _environment = environment::Guard::new();
    // SAFETY: this function's.
    unsafe {
        match callback {
            None => run_with(plan, &mut Silent),
            Some(callback) => run_reporting(plan, callback),
        }
    }
}

/// # Safety
/// As [`run`].
unsafe fn run_reporting(plan: &Plan, callback: &mut dyn Callback) -> Result<(), Error> {
    let passes = 1 + plan.checking.is_some() as u64;
    let total = plan.elements() * passes;
    let mut reporter = Reporter {
        callback: Some(callback),
        done: 0,
        total,
        looked: 0,
        last: Instant::now(),
    };
    // SAFETY: this function's.
    unsafe { run_with(plan, &mut reporter)? };
    if let Some(callback) = reporter.callback {
        callback.call(total, total);
    }
    Ok(())
}

/// # Safety
/// As [`run`].
#[inline(never)]
unsafe fn run_with(plan: &Plan, progress: &mut dyn Progress) -> Result<(), Error> {
    // SAFETY: this function's.
    unsafe {
        if plan.staged {
            return nest::with_copy(plan, |copied| run_with(copied, progress));
        }
        let mut scratch = Scratch::new();
        if plan.checking.is_some() {
            nest::check(plan, &mut scratch, progress)?;
        }
        for unit in 0..nest::units(plan) {
            nest::run_unit(plan, unit, &mut scratch, progress)?;
        }
        Ok(())
    }
}
