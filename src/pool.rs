//! Threads that help a caller: parked until there is something to do, and never waited for before they
//! have begun.
//!
//! [`run`] calls one function on the calling thread and another on up to so many workers at once; they
//! share out their work themselves, by an atomic counter say. The design follows from what a library inside
//! someone else's process must not do:
//!
//! * *A busy machine.* A worker that has not got a core by the time the caller's own call has returned
//!   finds the offer withdrawn and goes back to sleep; the caller waits for those alone that have joined.
//!   (Waiting for all of them cost 500 us a call where the other core was busy.)
//! * *No memory.* Jobs lie on their callers' stacks, and offers in a table of fixed size: nothing is
//!   allocated but the pool itself, once a process, and what the system needs for a new thread. Where
//!   there is no memory or no place left, the caller works alone.
//! * *`fork`.* Only the forking thread lives on in the child, so a pool belongs to a process: the child
//!   makes one of its own and never touches the parent's locks, which may be held for ever.
//! * *`exit` and `dlclose`.* Workers are detached and hold nothing that needs an orderly end; the shared
//!   library is marked so that it stays mapped (build.rs).
//! * *Signals.* Workers block all of them: handlers run on the program's own threads.
//!
//! A pool of its own, and not a crate's: of those tried, none closes a job to workers that come late,
//! and none survives a fork.

use std::alloc::{Layout, alloc, dealloc};
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::atomic::{AtomicPtr, AtomicUsize, Ordering};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

/// Most workers a process ever has.
const MOST: usize = 255;

/// Most callers that workers help at a time; others work alone.
const OFFERS: usize = 32;

/// Times a caller looks whether the workers that joined are done before it sleeps: about 20 us, the time
/// that a sleep and a wake take.
const SPINS: usize = 2000;

/// A function that a caller waits for, and who is at it. It lies on the caller's stack: workers join under
/// the queue's lock, while the job is on offer, and the caller takes the offer back and then waits for
/// them before it returns.
struct Job<'a> {
    work: &'a (dyn Fn() + Sync),
    /// Number of workers at it. A worker's last touch of the job is to count itself out.
    at_it: AtomicUsize,
    /// Number of workers whose call panicked.
    panics: AtomicUsize,
}

/// A job that workers may join.
#[derive(Clone, Copy)]
struct Offer {
    /// Valid while this is in the queue.
    job: *const Job<'static>,
    /// How many may still join; not 0.
    wanted: usize,
}

// SAFETY: a job is Sync, and an offer is only followed as `Job` says.
unsafe impl Send for Offer {}

/// The workers of one process and what they are to do.
struct Pool {
    process: u32,
    queue: Mutex<Queue>,
    /// There are offers.
    wake: Condvar,
    /// The last worker at a job has left it.
    left: Condvar,
}

struct Queue {
    offers: [Option<Offer>; OFFERS],
    workers: usize,
    idle: usize,
    /// Callers that sleep until workers have left.
    waiting: usize,
}

impl Queue {
    /// Joins the job of an offer, if there is one.
    fn join(&mut self) -> Option<*const Job<'static>> {
        let place = self.offers.iter_mut().find(|place| place.is_some())?;
        let offer = place.as_mut()?;
        let job = offer.job;
        // SAFETY: the offer is in the queue.
        unsafe { (*job).at_it.fetch_add(1, Ordering::Relaxed) };
        offer.wanted -= 1;
        if offer.wanted == 0 {
            *place = None;
        }
        Some(job)
    }
}

impl Pool {
    /// This process's pool, if there is memory for it. The one of a parent process is left as it is.
    fn current() -> Option<&'static Pool> {
        static CURRENT: AtomicPtr<Pool> = AtomicPtr::new(std::ptr::null_mut());
        let process = std::process::id();
        let known = CURRENT.load(Ordering::Acquire);
        // SAFETY: pools are never freed.
        if let Some(pool) = unsafe { known.as_ref() }
            && pool.process == process
        {
            return Some(pool);
        }
        let layout = Layout::new::<Pool>();
        // SAFETY: a pool has a size. (A Box would abort where there is no memory.)
        let made = unsafe { alloc(layout) }.cast::<Pool>();
        if made.is_null() {
            return None;
        }
        let queue = Mutex::new(Queue {
            offers: [None; OFFERS],
            workers: 0,
            idle: 0,
            waiting: 0,
        });
        // SAFETY: just allocated for one.
        unsafe {
            made.write(Pool {
                process,
                queue,
                wake: Condvar::new(),
                left: Condvar::new(),
            });
        }
        match CURRENT.compare_exchange(known, made, Ordering::AcqRel, Ordering::Acquire) {
            // SAFETY: just made, and never freed from here on.
            Ok(_) => unsafe { Some(&*made) },
            Err(other) => {
                // SAFETY: nobody else has seen `made`; `other` was put there by a thread of this
                // process, since a fork leaves only one thread.
                unsafe {
                    made.drop_in_place();
                    dealloc(made.cast(), layout);
                    Some(&*other)
                }
            }
        }
    }

    fn queue(&self) -> MutexGuard<'_, Queue> {
        // Nothing panics while it holds the lock; a poisoned queue is still whole.
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Offers a job to `helpers` workers, if there is a place for it, starting new ones if too few are
    /// idle.
    fn offer(&'static self, job: *const Job<'static>, helpers: usize) {
        let mut queue = self.queue();
        let Some(place) = queue.offers.iter_mut().find(|place| place.is_none()) else {
            return;
        };
        *place = Some(Offer {
            job,
            wanted: helpers,
        });
        let wanted: usize = queue
            .offers
            .iter()
            .flatten()
            .map(|offer| offer.wanted)
            .sum();
        let missing = wanted.saturating_sub(queue.idle).min(MOST - queue.workers);
        queue.workers += missing;
        drop(queue);
        let started = (0..missing).take_while(|_| workers::start(self)).count();
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

    fn work_forever(&self) -> ! {
        let mut queue = self.queue();
        loop {
            let Some(job) = queue.join() else {
                queue.idle += 1;
                queue = self
                    .wake
                    .wait(queue)
                    .unwrap_or_else(PoisonError::into_inner);
                queue.idle -= 1;
                continue;
            };
            drop(queue);
            // SAFETY: its caller waits until this worker has left.
            let here = unsafe { &*job };
            if catch_unwind(AssertUnwindSafe(here.work)).is_err() {
                here.panics.fetch_add(1, Ordering::Relaxed);
            }
            queue = self.queue();
            let last = here.at_it.fetch_sub(1, Ordering::Release) == 1;
            if last && queue.waiting > 0 {
                self.left.notify_all();
            }
        }
    }

    /// Takes back what nobody has begun, and waits for those who have.
    fn withdraw(&self, job: &Job) {
        let same = |offer: &Offer| std::ptr::addr_eq(offer.job, job);
        let mut queue = self.queue();
        for place in &mut queue.offers {
            place.take_if(|offer| same(offer));
        }
        drop(queue);
        let done = || job.at_it.load(Ordering::Acquire) == 0;
        for _ in 0..SPINS {
            if done() {
                return;
            }
            std::hint::spin_loop();
        }
        let mut queue = self.queue();
        queue.waiting += 1;
        while !done() {
            queue = self
                .left
                .wait(queue)
                .unwrap_or_else(PoisonError::into_inner);
        }
        queue.waiting -= 1;
    }
}

/// Calls `own` on this thread, and at the same time `help` on up to `helpers` others; returns when all
/// calls that began have ended. A panic in any of them goes on here.
pub fn run<R>(helpers: usize, help: &(dyn Fn() + Sync), own: impl FnOnce() -> R) -> R {
    let pool = match helpers {
        0 => None,
        _ => Pool::current(),
    };
    let Some(pool) = pool else { return own() };
    let job = Job {
        work: help,
        at_it: AtomicUsize::new(0),
        panics: AtomicUsize::new(0),
    };
    // Only the lifetime changes: the job is withdrawn and left by all before this function returns.
    pool.offer((&raw const job).cast(), helpers.min(MOST));
    let outcome = catch_unwind(AssertUnwindSafe(own));
    pool.withdraw(&job);
    let result = outcome.unwrap_or_else(|panic| resume_unwind(panic));
    assert_eq!(job.panics.load(Ordering::Relaxed), 0, "a worker panicked");
    result
}

/// The number of the core that this thread is on at the moment; negative where the system does not tell.
pub fn core() -> i32 {
    #[cfg(target_os = "linux")]
    {
        // SAFETY: takes nothing, and fails with a negative number.
        unsafe { libc::sched_getcpu() }
    }
    #[cfg(not(target_os = "linux"))]
    {
        -1
    }
}

#[cfg(unix)]
mod workers {
    //! Threads by the system's own functions: those of the standard library abort where there is no
    //! memory.

    use super::{Pool, signals};
    use std::ffi::c_void;
    use std::mem::MaybeUninit;

    /// Bytes of a worker's stack: as the standard library's threads have.
    const STACK: usize = 2 << 20;

    extern "C" fn main(pool: *mut c_void) -> *mut c_void {
        #[cfg(target_os = "linux")]
        // SAFETY: this thread, and a name that is short enough.
        unsafe {
            libc::pthread_setname_np(libc::pthread_self(), c"cumulative".as_ptr());
        }
        // SAFETY: `start` gave a pool, and pools are never freed.
        unsafe { &*pool.cast::<Pool>() }.work_forever()
    }

    /// Starts a worker; whether the system could.
    pub fn start(pool: &'static Pool) -> bool {
        let _blocked = signals::Blocked::new();
        let mut attributes = MaybeUninit::uninit();
        let mut thread = MaybeUninit::uninit();
        // SAFETY: attributes are made, used and destroyed; the pool lives for ever.
        unsafe {
            if libc::pthread_attr_init(attributes.as_mut_ptr()) != 0 {
                return false;
            }
            libc::pthread_attr_setdetachstate(
                attributes.as_mut_ptr(),
                libc::PTHREAD_CREATE_DETACHED,
            );
            libc::pthread_attr_setstacksize(attributes.as_mut_ptr(), STACK);
            let failed = libc::pthread_create(
                thread.as_mut_ptr(),
                attributes.as_ptr(),
                main,
                std::ptr::from_ref(pool).cast_mut().cast(),
            );
            libc::pthread_attr_destroy(attributes.as_mut_ptr());
            failed == 0
        }
    }
}

#[cfg(not(unix))]
mod workers {
    use super::Pool;

    /// Starts a worker; whether the system could.
    pub fn start(pool: &'static Pool) -> bool {
        let name = "cumulative".to_string();
        std::thread::Builder::new()
            .name(name)
            .spawn(move || pool.work_forever())
            .is_ok()
    }
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

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::AtomicU64;
    use std::thread;
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
