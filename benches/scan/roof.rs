//! Copies of the same bytes: what the memory allows.

use crate::data::Buffer;

/// Bytes read and written together from which a streaming copy is run as well: what some processor's
/// last-level cache does not hold.
pub const STREAMED_FROM: usize = 16_000_000;

/// Whether there are stores past the caches here.
pub const STREAMS: bool = cfg!(target_arch = "x86_64");

/// The C library's `memcpy`.
pub fn copy(from: &Buffer, to: &Buffer, bytes: usize) {
    assert!(bytes <= from.len() && bytes <= to.len());
    // SAFETY: both hold so many bytes, and they are two buffers.
    unsafe { libc::memcpy(to.pointer().cast(), from.pointer().cast(), bytes) };
}

/// A copy whose stores go past the caches. (Prefetching 512 to 4096 bytes ahead gained nothing.)
#[cfg(target_arch = "x86_64")]
pub fn stream(from: &Buffer, to: &Buffer, bytes: usize) {
    use std::arch::x86_64::{__m128i, _mm_loadu_si128, _mm_sfence, _mm_stream_si128};
    const LINE: usize = 64;
    assert!(bytes <= from.len() && bytes <= to.len());
    let (source, target) = (from.pointer(), to.pointer());
    let lines = bytes / LINE;
    // SAFETY: both hold so many bytes, and the target is aligned as all buffers are. The fence makes the stores ordinary ones for
    // everybody else.
    unsafe {
        for line in 0..lines {
            let source = source.add(line * LINE);
            let target = target.add(line * LINE).cast::<__m128i>();
            let source = source.cast::<__m128i>();
            let a = _mm_loadu_si128(source);
            let b = _mm_loadu_si128(source.add(1));
            let c = _mm_loadu_si128(source.add(2));
            let d = _mm_loadu_si128(source.add(3));
            _mm_stream_si128(target, a);
            _mm_stream_si128(target.add(1), b);
            _mm_stream_si128(target.add(2), c);
            _mm_stream_si128(target.add(3), d);
        }
        _mm_sfence();
        let done = lines * LINE;
        libc::memcpy(
            target.add(done).cast(),
            source.add(done).cast(),
            bytes - done,
        );
    }
}

/// Never called: [`STREAMS`] is false.
#[cfg(not(target_arch = "x86_64"))]
pub fn stream(from: &Buffer, to: &Buffer, bytes: usize) {
    copy(from, to, bytes);
}
