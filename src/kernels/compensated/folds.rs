//! Bringing an accumulator past a part of a line by what its stretches are by themselves, for lines that several
//! threads scan.
//!
//! It is what a scan does with them ([`Append`]), but that results are nowhere to be seen. So where those of a sum might
//! overflow is told from the greatest magnitude in a stretch, and more often than they do. The last result, of which
//! an accumulator tells the parts, is found by scanning the last stretch.

use super::chain::{Chains, Steps};
use super::lanes::Beside;
use super::line::{Line, Scan};
use super::{ByStretches, STRETCH, StateOf, Stretched};
use crate::compensate::{Append, Own};
use crate::kernels::{Block, Folds, TILE};
use crate::op::Combine;
use crate::pair::ProductError;
use std::mem::MaybeUninit;

/// In what numbers of a watched stretch leave free: the greatest magnitude, by parts.
pub const GREATEST: usize = 2;

impl Folds {
    /// Those of a type.
    pub(super) const fn of<const P: usize>(
        fold: unsafe fn(&Block, *mut u8),
        append: unsafe fn(&Block, *const u8) -> bool,
    ) -> Folds {
        Folds {
            size: TILE / STRETCH * size_of::<Own<P>>(),
            fold,
            append,
        }
    }
}

/// A part of a row of the block, as a line whose results are written nowhere.
fn part<T>(block: &Block, from: usize, state: *mut u8) -> Line {
    Line {
        x: block.x.wrapping_add(from * size_of::<T>()),
        x_step: size_of::<T>() as isize,
        out: block.out,
        out_step: 0,
        n: STRETCH.min(block.len - from),
        state,
        started: true,
        exclusive: false,
    }
}

/// Writes the numbers of the stretches from one on, each from its first element to its last.
///
/// # Safety
/// As [`Folds::fold`]; the processor has the instruction set of `L`.
#[inline(always)]
pub unsafe fn fold<O, T, const P: usize, L>(block: &Block, numbers: *mut u8, first: usize)
where
    O: Combine<T>,
    T: ByStretches<O, P>,
    L: Beside<P>,
{
    let numbers = numbers.cast::<Own<P>>();
    for stretch in first..block.len.div_ceil(STRETCH) {
        let line = part::<T>(block, stretch * STRETCH, std::ptr::null_mut());
        // SAFETY: this function's.
        unsafe {
            let mut chains = T::Chains::own::<L>();
            let mut greatest = L::of(0.0, 0.0);
            for i in 0..line.n {
                let element = line.element::<T>(i).to_parts();
                let both = L::both(element, element);
                chains = T::Chains::push_own(chains, both);
                if T::Chains::WATCHED {
                    greatest = both.magnitude().larger(greatest);
                }
            }
            let mut own: Own<P> = [[0.0; P]; 4];
            for (number, chains) in own.iter_mut().zip(chains.as_ref()) {
                *number = chains.apart()[0];
            }
            if T::Chains::WATCHED {
                own[GREATEST] = greatest.apart()[0];
            }
            numbers.add(stretch).write(own);
        }
    }
}

/// [`Folds::append`], errors of products being found by `E`.
///
/// # Safety
/// As there; the processor has what `scan` is compiled for.
#[inline(always)]
pub unsafe fn append<O, T, const P: usize, E: ProductError>(
    scan: &Scan,
    block: &Block,
    numbers: *const u8,
) -> bool
where
    O: Combine<T>,
    T: ByStretches<O, P>,
{
    type StepsOf<O, T, const P: usize> = <<T as ByStretches<O, P>>::Chains as Chains>::Steps;
    let numbers = numbers.cast::<Own<P>>();
    let state = block.acc.cast::<StateOf<O, T, P>>();
    let last = (block.len - 1) / STRETCH;
    // SAFETY: this function's.
    unsafe {
        let before = match block.started {
            true => state.read(),
            false => Stretched::<O, T, P>::nothing(),
        };
        let first = block.x.cast::<T>().read_unaligned().to_parts();
        // Sums are not -0.0 later on if they are not after the first element.
        if StepsOf::<O, T, P>::hides(&before.last, block.started, &first) {
            return false;
        }
        let mut acc = before.acc;
        for stretch in 0..last {
            let own = numbers.add(stretch).read();
            if T::Chains::WATCHED {
                let seed = acc.seed()[0];
                for p in 0..P {
                    // Twice as much as there can be.
                    let most = seed[p].abs() + (2 * STRETCH) as f64 * own[GREATEST][p];
                    let within = most < T::BOUND;
                    if !within {
                        return false;
                    }
                }
            }
            match acc.append::<E>(&own) {
                Some(after) => acc = after,
                None => return false,
            }
        }
        let mut after = match last {
            0 => before,
            _ => Stretched::<O, T, P>::state(acc),
        };
        let mut nowhere = MaybeUninit::<T>::uninit();
        scan.line(&Line {
            out: nowhere.as_mut_ptr().cast(),
            started: block.started || last > 0,
            ..part::<T>(block, last * STRETCH, (&raw mut after).cast())
        });
        state.write(after);
    }
    true
}
