//! Threads that help a caller: parked until there is something to do, and never waited for before they
//! have begun.
//!
//! [`run`] calls one function on the calling thread and another on up to so many workers at once; they
//! share out their work themselves, by an atomic counter say. The design follows from what a library inside
//! someone else's process must not do:
//!
//! * *A busy machine.* A worker that has not got a core by the time the caller's own call has returned
//!   finds the job closed and goes back to sleep; the caller waits for those alone that have joined.
//!   (Waiting for all of them cost 500 us a call where the other core was busy.)
//! * *`fork`.* Only the forking thread lives on in the child, so a pool belongs to a process: the child
//!   makes one of its own and never touches the parent's locks, which may be held for ever.
//! * *`exit` and `dlclose`.* Workers are detached and hold nothing that needs an orderly end; the shared
//!   library is marked so that it stays mapped (build.rs).
//! * *Signals.* Workers block all of them: handlers run on the program's own threads.
//!
//! A pool of its own, and not a crate's: of those tried, none closes a job to workers that come late,
//! and none survives a fork.

use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::atomic::{AtomicPtr, AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, Thread};

/// Most workers a process ever has.
const MOST: usize = 255;

/// Times a caller looks whether the workers that joined are done before it sleeps: about 20 us, the time
/// that a sleep and a wake take.
const SPINS: usize = 2000;

/// Bit of a job's state: nobody may join any more.
const CLOSED: usize = 1 << (usize::BITS - 1);

/// A function that a caller waits for, and who is at it.
struct Job {
    /// Valid while the job is not closed or somebody is at it: the caller does not return before.
    work: *const (dyn Fn() + Sync),
    /// Number of workers at it, and [`CLOSED`].
    state: AtomicUsize,
    /// Number of workers whose call panicked.
    panics: AtomicUsize,
    /// The thread to wake when the last worker leaves a closed job.
    caller: Thread,
}

// SAFETY: `work` is Sync, and it is called only by those who joined while its caller waits.
unsafe impl Send for Job {}
// SAFETY: as above; everything else is atomic or immutable.
unsafe impl Sync for Job {}

impl Job {
    /// What a worker does with a job: join, help, leave; or nothing, if it comes too late.
    fn help(&self) {
        let join = |state| {
            if state & CLOSED == 0 {
                Some(state + 1)
            } else {
                None
            }
        };
        if self
            .state
            .fetch_update(Ordering::Acquire, Ordering::Relaxed, join)
            .is_err()
        {
            return;
        }
        // SAFETY: the job was open, so the caller now waits until this worker has left.
        let work = unsafe { &*self.work };
        if catch_unwind(AssertUnwindSafe(work)).is_err() {
            self.panics.fetch_add(1, Ordering::Relaxed);
        }
        if self.state.fetch_sub(1, Ordering::Release) == CLOSED + 1 {
            self.caller.unpark();
        }
    }
}

/// The workers of one process and what they are to do.
struct Pool {
    process: u32,
    queue: Mutex<Queue>,
    wake: Condvar,
}

#[derive(Default)]
struct Queue {
    jobs: VecDeque<Arc<Job>>,
    workers: usize,
    idle: usize,
}

impl Pool {
    /// This process's pool. The one of a parent process is left as it is.
    fn current() -> &'static Pool {
        static CURRENT: AtomicPtr<Pool> = AtomicPtr::new(std::ptr::null_mut());
        let process = std::process::id();
        let known = CURRENT.load(Ordering::Acquire);
        // SAFETY: pools are never freed.
        if let Some(pool) = unsafe { known.as_ref() }
            && pool.process == process
        {
            return pool;
        }
        let queue = Mutex::default();
        let made = Box::into_raw(Box::new(Pool {
            process,
            queue,
            wake: Condvar::new(),
        }));
        match CURRENT.compare_exchange(known, made, Ordering::AcqRel, Ordering::Acquire) {
            // SAFETY: just made, and never freed from here on.
            Ok(_) => unsafe { &*made },
            Err(other) => {
                // SAFETY: nobody else has seen `made`; `other` was put there by a thread of this
                // process, since a fork leaves only one thread.
                unsafe {
                    drop(Box::from_raw(made));
                    &*other
                }
            }
        }
    }

    fn queue(&self) -> MutexGuard<'_, Queue> {
        // Nothing panics while it holds the lock; a poisoned queue is still whole.
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Offers a job to `helpers` workers, starting new ones if too few are idle.
    fn offer(&'static self, job: &Arc<Job>, helpers: usize) {
        let mut queue = self.queue();
        for _ in 0..helpers {
            queue.jobs.push_back(job.clone());
        }
        let missing = queue
            .jobs
            .len()
            .saturating_sub(queue.idle)
            .min(MOST - queue.workers);
        queue.workers += missing;
        drop(queue);
        let started = (0..missing).take_while(|_| self.start_worker()).count();
        if started < missing {
            // The system gives no more threads: those there are will do.
            self.queue().workers -= missing - started;
        }
        if helpers == 1 {
            self.wake.notify_one()
        } else {
            self.wake.notify_all()
        }
    }

    fn start_worker(&'static self) -> bool {
        let _blocked = signals::Blocked::new();
        let name = "cumulative".to_string();
        thread::Builder::new()
            .name(name)
            .spawn(move || self.work_forever())
            .is_ok()
    }

    fn work_forever(&self) {
        loop {
            let mut queue = self.queue();
            let job = loop {
                if let Some(job) = queue.jobs.pop_front() {
                    break job;
                }
                queue.idle += 1;
                queue = self
                    .wake
                    .wait(queue)
                    .unwrap_or_else(PoisonError::into_inner);
                queue.idle -= 1;
            };
            drop(queue);
            job.help();
        }
    }

    /// Takes back what nobody has begun.
    fn withdraw(&self, job: &Arc<Job>) {
        self.queue().jobs.retain(|other| !Arc::ptr_eq(other, job));
    }
}

/// Calls `own` on this thread, and at the same time `help` on up to `helpers` others; returns when all
/// calls that began have ended. A panic in any of them goes on here.
pub fn run<R>(helpers: usize, help: &(dyn Fn() + Sync), own: impl FnOnce() -> R) -> R {
    if helpers == 0 {
        return own();
    }
    let pool = Pool::current();
    // SAFETY: only the lifetime changes; the job is closed and left by all before this function returns.
    let erased = unsafe {
        std::mem::transmute::<*const (dyn Fn() + Sync + '_), *const (dyn Fn() + Sync + 'static)>(
            help,
        )
    };
    let job = Arc::new(Job {
        work: erased,
        state: AtomicUsize::new(0),
        panics: AtomicUsize::new(0),
        caller: thread::current(),
    });
    pool.offer(&job, helpers.min(MOST));
    let outcome = catch_unwind(AssertUnwindSafe(own));
    let mut at_it = job.state.fetch_or(CLOSED, Ordering::AcqRel) & !CLOSED;
    let mut spins = 0;
    while at_it > 0 {
        if spins < SPINS {
            std::hint::spin_loop();
            spins += 1;
        } else {
            thread::park();
        }
        at_it = job.state.load(Ordering::Acquire) & !CLOSED;
    }
    pool.withdraw(&job);
    let result = outcome.unwrap_or_else(|panic| resume_unwind(panic));
    assert_eq!(job.panics.load(Ordering::Relaxed), 0, "a worker panicked");
    result
}

#[cfg(unix)]
mod signals {
    //! Signal masks are inherited by new threads.

    use std::mem::MaybeUninit;

    /// All signals are blocked on this thread until this is dropped.
    pub struct Blocked {
        saved: Option<libc::sigset_t>,
    }

    impl Blocked {
        pub fn new() -> Blocked {
            let mut all = MaybeUninit::uninit();
            let mut saved = MaybeUninit::uninit();
            // SAFETY: both sets are locals; `saved` is written if the call succeeds.
            unsafe {
                libc::sigfillset(all.as_mut_ptr());
                let set =
                    libc::pthread_sigmask(libc::SIG_SETMASK, all.as_ptr(), saved.as_mut_ptr());
                Blocked {
                    saved: (set == 0).then(|| saved.assume_init()),
                }
            }
        }
    }

    impl Drop for Blocked {
        fn drop(&mut self) {
            if let Some(saved) = &self.saved {
                // SAFETY: a set that the system gave; the old one is not asked for.
                unsafe { libc::pthread_sigmask(libc::SIG_SETMASK, saved, std::ptr::null_mut()) };
            }
        }
    }
}

#[cfg(not(unix))]
mod signals {
    pub struct Blocked;

    impl Blocked {
        pub fn new() -> Blocked {
            Blocked
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::AtomicU64;
    use std::time::{Duration, Instant};

    /// The sum of 0..n, taken in steps by whoever is there.
    fn shared_sum(helpers: usize, n: u64) -> u64 {
        let (next, sum) = (AtomicU64::new(0), AtomicU64::new(0));
        let take = || {
            loop {
                let i = next.fetch_add(1, Ordering::Relaxed);
                if i >= n {
                    break;
                }
                sum.fetch_add(i, Ordering::Relaxed);
            }
        };
        run(helpers, &take, take);
        sum.into_inner()
    }

    #[test]
    fn work_is_done_once_whoever_helps() {
        for helpers in [0, 1, 3, 300] {
            for _ in 0..200 {
                assert_eq!(shared_sum(helpers, 1000), 499_500);
            }
        }
    }

    #[test]
    fn callers_at_the_same_time_do_not_meet() {
        thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| {
                    for n in 0..100 {
                        assert_eq!(shared_sum(2, n), n * n.saturating_sub(1) / 2);
                    }
                });
            }
        });
    }

    #[test]
    fn a_worker_that_comes_late_is_not_waited_for() {
        let (entered, release) = (AtomicUsize::new(0), AtomicUsize::new(0));
        thread::scope(|scope| {
            // Keeps one worker busy in another job.
            scope.spawn(|| {
                let hold = || {
                    entered.fetch_add(1, Ordering::SeqCst);
                    while release.load(Ordering::SeqCst) == 0 {
                        thread::yield_now();
                    }
                };
                run(1, &hold, hold);
            });
            while entered.load(Ordering::SeqCst) == 0 {
                thread::yield_now();
            }
            let start = Instant::now();
            assert_eq!(shared_sum(4, 100), 4950);
            assert!(start.elapsed() < Duration::from_secs(5));
            release.store(1, Ordering::SeqCst);
        });
    }

    #[test]
    fn a_panic_reaches_the_caller() {
        let calls = AtomicUsize::new(0);
        let outcome = catch_unwind(AssertUnwindSafe(|| {
            let fail = || {
                calls.fetch_add(1, Ordering::SeqCst);
                panic!("on purpose");
            };
            run(2, &fail, fail)
        }));
        assert!(outcome.is_err() && calls.load(Ordering::SeqCst) >= 1);
        assert_eq!(shared_sum(2, 10), 45);
    }
}
