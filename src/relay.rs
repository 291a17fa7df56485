//! One long line on several threads: chunks are folded side by side, and the carry is passed on from
//! chunk to chunk like a baton.
//!
//! ```text
//! take the next chunk c
//! totals <- fold(each tile of chunk c)   reads the chunk, which is then in this core's cache
//! wait for prefix[c]
//! prefix[c + 1] <- prefix[c] + totals    one after the other; the next chunk may go on
//! scan chunk c from prefix[c]
//! ```
//!
//! This is the decoupled look-back of D. Merrill and M. Garland ("Single-pass Parallel Prefix Scan with
//! Decoupled Look-back", 2016) in which each chunk looks back by one only: with as few threads as a
//! processor has cores, the predecessor's prefix is never far. Chunks are taken in order, so whoever is
//! waited for has begun before the one that waits.
//!
//! It needs that a scan of a tile from a carry ends with that carry joined with the tile's own total, bit
//! for bit (`Kernel::splits`): then the result does not depend on who takes which chunk, nor on there
//! being chunks. A fold is a scan whose results go nowhere but to the first-level cache.
//!
//! As long as nobody else has come, the caller scans from the carry at once and folds nothing: where no
//! other core is free, it does the work of one thread.

use crate::kernels::{Block, LARGEST_ACCUMULATOR, TILE};
use crate::nest::Progress;
use crate::plan::Plan;
use crate::status::Error;
use std::cell::UnsafeCell;
use std::mem::MaybeUninit;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

/// Tiles of a chunk: in and out fit a second-level cache of 256 KiB, and a thread that loses its core
/// inside one holds up the others for no longer than one chunk takes.
const TILES: usize = 16;

/// Elements of a chunk.
const CHUNK: usize = TILES * TILE;

/// Times a thread looks for its predecessor's prefix before it lets others have the core.
const SPINS: usize = 500;

/// Room for an accumulator.
type Acc = MaybeUninit<[u128; LARGEST_ACCUMULATOR / 16]>;

/// The accumulator that stands before a chunk.
#[repr(align(64))]
struct Prefix {
    ready: AtomicBool,
    acc: UnsafeCell<Acc>,
}

// SAFETY: `acc` is written once, before `ready` is set, and read only after that was seen.
unsafe impl Sync for Prefix {}

/// One line that is passed on.
pub struct Relay<'p, 'd> {
    plan: &'p Plan<'d>,
    next: AtomicUsize,
    prefixes: Vec<Prefix>,
    /// Nobody but the caller has come yet.
    alone: AtomicBool,
    /// Somebody gave up: nobody may wait any more.
    stopped: AtomicBool,
}

// SAFETY: a plan is not changed once it is made, and the memory behind its pointers is the caller's, who
// lends it for the call; chunks do not meet.
unsafe impl Sync for Relay<'_, '_> {}

impl<'p, 'd> Relay<'p, 'd> {
    /// Whether a plan is one line that can be passed on, long enough for a second thread to have a chunk.
    pub fn fits(plan: &Plan) -> bool {
        plan.lines == 1
            && plan.kernel.splits
            && plan.direct_x
            && plan.direct_out
            && plan.initial.is_none()
            && plan.axis.extent > CHUNK
    }

    /// The relay of a plan that fits.
    pub fn new(plan: &'p Plan<'d>) -> Result<Self, Error> {
        let chunks = plan.axis.extent.div_ceil(CHUNK);
        let mut prefixes = Vec::new();
        let bytes = (chunks + 1).saturating_mul(size_of::<Prefix>());
        prefixes
            .try_reserve_exact(chunks + 1)
            .map_err(|_| Error::Memory { bytes })?;
        prefixes.extend((0..=chunks).map(|_| Prefix {
            ready: AtomicBool::new(false),
            acc: UnsafeCell::new(MaybeUninit::uninit()),
        }));
        let relay = Relay {
            plan,
            next: AtomicUsize::new(0),
            prefixes,
            alone: AtomicBool::new(true),
            stopped: AtomicBool::new(false),
        };
        let first = &relay.prefixes[0];
        if let Some((carry, _)) = plan.carry_in {
            // SAFETY: the plan's carry; nobody else has the relay yet.
            unsafe { (plan.kernel.import)(carry, first.acc.get().cast()) };
        }
        first.ready.store(true, Ordering::Release);
        Ok(relay)
    }

    /// Whether an accumulator stands before a chunk.
    fn started(&self, chunk: usize) -> bool {
        chunk > 0 || self.plan.carry_in.is_some()
    }

    /// Takes chunks until there are none left.
    ///
    /// # Safety
    /// The plan's arrays are as its invariants say, and nobody else writes them.
    pub unsafe fn help(&self, progress: &mut dyn Progress, helper: bool) -> Result<(), Error> {
        if helper {
            self.alone.store(false, Ordering::Relaxed);
        }
        let n = self.plan.axis.extent;
        loop {
            let chunk = self.next.fetch_add(1, Ordering::Relaxed);
            let start = chunk.saturating_mul(CHUNK);
            if start >= n {
                return Ok(());
            }
            let len = CHUNK.min(n - start);
            // SAFETY: this function's; chunks are within the line and each is taken once.
            unsafe { self.run_chunk(chunk, start, len) };
            if let Err(error) = progress.done(len as u64) {
                self.stopped.store(true, Ordering::Relaxed);
                return Err(error);
            }
        }
    }

    /// Does one chunk, and lets the next one go on as soon as it can.
    ///
    /// # Safety
    /// As [`help`](Self::help); nobody else does this chunk.
    unsafe fn run_chunk(&self, chunk: usize, start: usize, len: usize) {
        let kernel = self.plan.kernel;
        let (before, after) = (&self.prefixes[chunk], &self.prefixes[chunk + 1]);
        let mut acc = Acc::uninit();
        let mut state = acc.as_mut_ptr().cast::<u8>();
        // SAFETY: `before` is read once it is ready, `after` is written by this thread alone before it is.
        unsafe {
            if self.alone.load(Ordering::Relaxed) && before.ready.load(Ordering::Acquire) {
                acc = *before.acc.get();
                state = acc.as_mut_ptr().cast();
                self.scan(start, len, state, self.started(chunk));
                *after.acc.get() = acc;
                after.ready.store(true, Ordering::Release);
                return;
            }
            let mut totals = [Acc::uninit(); TILES];
            let tiles = self.fold(start, len, &mut totals);
            if !self.wait_for(before) {
                return;
            }
            acc = *before.acc.get();
            let mut started = self.started(chunk);
            for total in &mut totals[..tiles] {
                if started {
                    (kernel.join)(state, total.as_ptr().cast(), state);
                } else {
                    acc = *total;
                    state = acc.as_mut_ptr().cast();
                }
                started = true;
            }
            *after.acc.get() = acc;
            after.ready.store(true, Ordering::Release);
            acc = *before.acc.get();
            state = acc.as_mut_ptr().cast();
            self.scan(start, len, state, self.started(chunk));
        }
    }

    /// Waits for a prefix; `false` if it will not come.
    fn wait_for(&self, prefix: &Prefix) -> bool {
        let mut spins = 0;
        while !prefix.ready.load(Ordering::Acquire) {
            if self.stopped.load(Ordering::Relaxed) {
                return false;
            }
            if spins < SPINS {
                std::hint::spin_loop();
                spins += 1;
            } else {
                std::thread::yield_now();
            }
        }
        true
    }

    /// Scans part of the line from an accumulator.
    ///
    /// # Safety
    /// As [`help`](Self::help); `acc` holds an accumulator if `started`.
    unsafe fn scan(&self, start: usize, len: usize, acc: *mut u8, started: bool) {
        let Plan {
            along, axis, form, ..
        } = *self.plan;
        let block = Block {
            x: self.plan.x.wrapping_offset(start as isize * axis.x),
            x_pitch: 0,
            out: self.plan.out.wrapping_offset(start as isize * axis.out),
            out_pitch: 0,
            len,
            rows: 1,
            acc,
            started,
        };
        // SAFETY: 1 to 3 of the plan.
        unsafe { (along[form])(&block) }
    }

    /// The accumulators that scans of each tile of a chunk by itself end with; returns their number.
    ///
    /// # Safety
    /// As [`help`](Self::help).
    unsafe fn fold(&self, start: usize, len: usize, totals: &mut [Acc; TILES]) -> usize {
        let Plan { along, axis, .. } = *self.plan;
        let mut nowhere = MaybeUninit::<[u128; TILE]>::uninit();
        let tiles = len.div_ceil(TILE);
        for (tile, total) in totals[..tiles].iter_mut().enumerate() {
            let at = tile * TILE;
            let block = Block {
                x: self.plan.x.wrapping_offset((start + at) as isize * axis.x),
                x_pitch: 0,
                out: nowhere.as_mut_ptr().cast(),
                out_pitch: 0,
                len: TILE.min(len - at),
                rows: 1,
                acc: total.as_mut_ptr().cast(),
                started: false,
            };
            // SAFETY: 1 of the plan; a tile has room for TILE elements of any type.
            unsafe { (along[0])(&block) };
        }
        tiles
    }

    /// Writes the line's carry out, once all chunks are done.
    ///
    /// # Safety
    /// As [`help`](Self::help), which has returned everywhere.
    pub unsafe fn finish(&self) {
        if let (Some(carry), Some(last)) = (self.plan.carry_out, self.prefixes.last()) {
            // SAFETY: the plan's carry; every prefix is ready.
            unsafe { (self.plan.kernel.export)(last.acc.get().cast(), true, carry) };
        }
    }
}
