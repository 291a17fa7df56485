//! Asking for what is read next, where a processor does not foresee it.

use crate::kernels::Block;
use crate::simd::cache::LINE;
use std::arch::x86_64::*;

/// Where kernels that take several rows at a time ask for elements early.
///
/// That is in the next rows, since a processor does not foresee them (on a Zen 4, 128x256x256 f32 along: 1.9 ns
/// an element without, 0.31 with it; 100000x100 f64: 1.13 and 0.64). Long rows it foresees (8x10^6 f64: asking
/// a little further on in the same row costs a tenth).
#[derive(Clone, Copy)]
pub struct Ahead {
    /// Bytes from an element that is read to one that is asked for,
    x: isize,
    /// and from one that is written,
    out: isize,
    /// which is not asked for if it goes past the caches.
    stream: bool,
    /// Half a cache line, to be added to addresses that never ask, else 0.
    never: usize,
}

impl Ahead {
    /// Where a block asks whose rows have so many bytes and are taken so many together.
    pub fn of(block: &Block, together: usize, bytes: usize, stream: bool) -> Ahead {
        /// Bytes up to which what is asked for stays in a second-level cache until it is read.
        const NEAR: usize = 64 << 10;
        let never = if block.ahead == 0 || together * bytes > NEAR {
            LINE / 2
        } else {
            0
        };
        Ahead {
            stream,
            x: block.x_pitch * together as isize,
            out: block.out_pitch * together as isize,
            never,
        }
    }

    /// Asks for what comes after a register of each of `rows` rows, if it is the first half of a cache line, and
    /// for where results go as well.
    #[inline(always)]
    pub fn fetch(self, x: (*const u8, isize), out: (*mut u8, isize), rows: usize) {
        // Not a test whether to ask at all: the compiler would make two loops of one.
        if (x.0.addr() | self.never) & (LINE / 2) == 0 {
            self.ask(x, (out.0.cast_const(), out.1), rows);
        }
    }

    /// A function of its own, for it is a call or none for two blocks of every row.
    #[inline(never)]
    fn ask(
        self,
        (x, x_pitch): (*const u8, isize),
        (out, out_pitch): (*const u8, isize),
        rows: usize,
    ) {
        let (mut x, mut out) = (x.wrapping_offset(self.x), out.wrapping_offset(self.out));
        for _ in 0..rows {
            // SAFETY: the addresses may be anything.
            unsafe {
                _mm_prefetch::<_MM_HINT_T1>(x.cast());
                if !self.stream {
                    _mm_prefetch::<_MM_HINT_T1>(out.cast());
                }
            }
            (x, out) = (x.wrapping_offset(x_pitch), out.wrapping_offset(out_pitch));
        }
    }
}
