//! Streaming stores: results that go to memory past the caches, where in and out are larger than those.
//!
//! A block's results are collected in the first-level cache and written from there in whole cache
//! lines; what a block has of the lines at its ends is written in the ordinary way.

use super::lanes::Lanes;

/// Bytes of in and out together from which results are streamed. On a Zen 4 with 32 MiB of third-level
/// cache streaming took 0.8 of the time of ordinary stores at 22 MiB, and 1.7 of it at 15.
const STREAM_FROM: usize = 22 << 20;

/// Bytes of a cache line.
const LINE: usize = 64;

/// Doubles by which elements are fetched ahead of their use. Of 0 to 4096, those from 512 to 2048 were the
/// fastest, by 1.2 against none.
const AHEAD: usize = 1024;

/// Whether to stream to `out`, of `bytes` bytes in and out.
#[inline(always)]
pub fn pays(bytes: usize, out: *const f64) -> bool {
    cfg!(target_arch = "x86_64") && bytes > STREAM_FROM && out.is_aligned()
}

/// Writes `n` doubles past the caches.
///
/// # Safety
/// `n` doubles at both places, which do not meet; `to` is aligned; the lanes' instruction set is there.
#[inline(always)]
pub unsafe fn write<V: Lanes>(from: *const f64, to: *mut f64, n: usize) {
    let head = (to.addr().wrapping_neg() % LINE / 8).min(n);
    let done = n - (n - head) % (LINE / 8);
    // SAFETY: this function's; every streamed address is a multiple of 32.
    unsafe {
        std::ptr::copy_nonoverlapping(from, to, head);
        for i in (head..done).step_by(4) {
            V::load(from.add(i)).stream(to.add(i));
        }
        std::ptr::copy_nonoverlapping(from.add(done), to.add(done), n - done);
    }
}

/// Fetches the 16 doubles that lie some way ahead, if there is anything.
#[inline(always)]
pub fn fetch(x: *const f64) {
    #[cfg(target_arch = "x86_64")]
    // SAFETY: fetching does nothing where there is nothing.
    unsafe {
        use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
        let ahead = x.wrapping_add(AHEAD).cast::<i8>();
        _mm_prefetch::<_MM_HINT_T0>(ahead);
        _mm_prefetch::<_MM_HINT_T0>(ahead.wrapping_add(LINE));
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = x;
}

/// Makes streamed results visible to other processors before anything that follows.
#[inline(always)]
pub fn finish() {
    #[cfg(target_arch = "x86_64")]
    // SAFETY: part of every x86-64.
    unsafe {
        std::arch::x86_64::_mm_sfence()
    }
}
