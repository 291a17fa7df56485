//! Along, by sliding windows: integers, maxima and minima, and floats in a fixed grouping.
//!
//! # The idea
//!
//! A scan looks like a chain, one operation waiting for the one before. But the result at `i` is also
//! the result at `i - W` combined with the *window* of the W elements that end at `i`, and windows
//! need no result. They grow by doubling: a window of 2 is an element and the one before; a window of
//! 2d is two windows of d, d places apart.
//!
//! ```text
//! w1[i] = x[i]
//! w2[i] = w1[i-1] + w1[i]        the elements one place before: a second, unaligned read
//! w4[i] = w2[i-2] + w2[i]        two registers shifted into one another, or, from a register's
//! w8[i] = w4[i-4] + w4[i]        length on, simply an earlier register
//!  r[i] =  r[i-8] + w8[i]
//! ```
//!
//! With registers of N lanes and W = N the chain that is left is one vector operation for N elements,
//! with nothing to extract and to broadcast again; with W a multiple of N, several such chains run
//! side by side. The usual way, a prefix inside each register and a broadcast carry, took 1.2 times as
//! long in a trial with f64 and one chain, and 1.5 times as long as two chains.
//!
//! Integers wrap, and the larger of two is one of the two, so for these every grouping gives the same
//! bits ([`scan::Exact`]), as for sums of unsigned integers that stop at the largest. Of equal values the later must be kept, which the operations do as long as
//! what comes first stays on the left. A NaN would not propagate; each group of registers is looked
//! through first, the group with the first NaN is done one by one, and what follows is that NaN.
//!
//! # The grouping of reassociated floats
//!
//! It is fixed, by the position in the line and nothing else: a line is cut into chunks of [`CHUNK`]
//! elements, counted from its first. Within a chunk, the results *relative to the chunk* are those of
//! the recurrence above with W = [`WINDOW`] = 8, where whatever would lie before the chunk is left
//! out (not replaced by an identity: a complex product with 1 is not exact, and +0.0 would turn -0.0
//! around). What is shown is the carry combined with that, the carry being the last result shown
//! before the chunk, or a caller's carry; if there is none, it too is left out.
//!
//! ```text
//! for each chunk c, for each i in it, j and k only over what is in the chunk:
//!     w2[i] =  x[i-1] + x[i];  w4[i] = w2[i-2] + w2[i];  w8[i] = w4[i-4] + w4[i]
//!     l[i]  =  l[i-8] + w8[i]
//!     out[i] = carry + l[i]
//! carry = out[last of c]
//! ```
//!
//! So an accumulator is one number, the last one shown, a line may be cut at every chunk without a
//! change, a chunk's own total does not depend on what is before it (so that threads can find it
//! first), and an exclusive scan is the inclusive one shifted. The combination with the carry costs
//! one operation for each register that a scan without chunks would not have.
//!
//! # Memory
//!
//! A group of registers is read before any of it is written, so a scan may be in place. Results that
//! the caches cannot hold are written past them: otherwise each line of the output is read first,
//! only to be overwritten.

#[cfg(target_arch = "aarch64")]
mod aarch64;
#[cfg(target_arch = "x86_64")]
mod bytes;
mod moves;
pub mod portable;
mod scan;
#[cfg(test)]
mod tests;

use super::{Checked, Family, Kernel, Mode, Overflow, Run};
use crate::accumulate::Plain;
use crate::dtype::{DType, Kind};
use crate::elem::Elem;
use crate::op::{Combine, Op};
use crate::simd::Isa;
use std::marker::PhantomData;

/// Elements of a chunk of reassociated floats. Changing it changes results.
pub const CHUNK: usize = super::TILE;

/// Elements of a window of reassociated floats. Changing it changes results.
pub const WINDOW: usize = 8;

/// Elements of a line below which exact scans do without registers.
///
/// Zen 4, 512 lines of 16 i64: 4.6 ns a line one by one, 4.3 to 5.4 in registers; of 32: 9.3
/// against 6.4 to 6.7.
const SHORT: usize = 16;

/// Elements at a line's end up to which they are done one by one, also where partly filled registers
/// are cheap.
///
/// Zen 4, lines of 17 i64: 5.3 ns one by one, 7.1 with a register for the last. The exact number was not
/// swept.
const TAIL: usize = 6;

/// Portable kernels of reassociated floats.
pub struct Reassociated<O, T>(PhantomData<(O, T)>);

impl<O: Combine<T>, T: Elem> Family for Reassociated<O, T> {
    const KERNEL: Kernel = Kernel {
        along: portable::run::<O, T>,
        backward: None,
        grid: CHUNK,
        ..Plain::<O, T>::KERNEL
    };
}

/// The kernels for an instruction set, where this file has some.
pub fn kernel(
    isa: Isa,
    op: Op,
    dtype: DType,
    mode: Mode,
    overflow: Overflow,
) -> Option<&'static Kernel> {
    if overflow == Overflow::Saturate && dtype.kind() == Kind::Integer {
        #[cfg(target_arch = "x86_64")]
        return x86::saturating(isa, op, dtype);
        #[cfg(not(target_arch = "x86_64"))]
        return None;
    }
    #[cfg(target_arch = "x86_64")]
    {
        x86::kernel(isa, op, dtype, mode)
    }
    #[cfg(target_arch = "aarch64")]
    {
        aarch64::kernel(isa, op, dtype, mode)
    }
    #[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
    {
        let _ = (isa, op, mode);
        None
    }
}

/// The scans that convert as they read, where this file has some.
pub fn widening(
    isa: Isa,
    op: Op,
    dtypes: [DType; 2],
    mode: Mode,
    overflow: Overflow,
) -> Option<Run> {
    if overflow == Overflow::Saturate && dtypes[1].kind() == Kind::Integer {
        return None;
    }
    #[cfg(target_arch = "x86_64")]
    {
        x86::widening(isa, op, dtypes, mode)
    }
    #[cfg(target_arch = "aarch64")]
    {
        aarch64::widening(isa, op, dtypes, mode)
    }
    #[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
    {
        let _ = (isa, op, mode);
        None
    }
}

#[cfg(target_arch = "x86_64")]
mod words;
#[cfg(target_arch = "x86_64")]
mod x86;
