//! Sums of many short lines: of a stretch at most, with nothing before them and nobody who asks for their totals.
//!
//! Then there is but one chain, which starts from the first element, no accumulator to read or to write, and nothing
//! to be known of the stretch by itself but that it is finite: which results far from the end of the range tell.
//! What is left is little enough for all steps of some lines to be made at once, in registers alone, and groups of
//! lines that make an exception are done anew.

use super::super::chain::Chains;
use super::super::down::{Group, TELLING};
use super::super::lanes::{Beside, Lanes, Two};
use super::super::line::{Line, Scan};
use super::super::{ByStretches, Parted, STRETCH};
use super::registers::{Fusing, One};
use super::wide::Wide;
use crate::kernels::{Block, Panels};
use crate::op::{Combine, Sum};
use crate::simd::anchor;
use std::arch::x86_64::*;
use std::mem::MaybeUninit;

/// Bytes of a register's elements at most.
const BYTES: usize = 64;

/// Room for the elements of a group of lines.
type Copy = MaybeUninit<[u8; STRETCH * BYTES]>;

/// Registers that are watched.
///
/// # Safety
/// For all functions here: as for [`Lanes`].
pub trait Watched: Lanes {
    /// The magnitudes of first elements, but NaN for a -0.0, whose sign the sum with an error would lose: which
    /// [`Lanes::larger`] leaves where it is.
    unsafe fn first(self) -> Self;
    /// Whether all are below the bound.
    unsafe fn below(self, bound: f64) -> bool;
}

impl Watched for __m256d {
    #[inline(always)]
    unsafe fn first(self) -> Self {
        // SAFETY: this function's.
        unsafe {
            let zero = _mm256_castpd_si256(_mm256_set1_pd(-0.0));
            let hidden = _mm256_cmpeq_epi64(_mm256_castpd_si256(self), zero);
            _mm256_or_pd(self.magnitude(), _mm256_castsi256_pd(hidden))
        }
    }
    #[inline(always)]
    unsafe fn below(self, bound: f64) -> bool {
        // SAFETY: this function's.
        unsafe {
            let below = _mm256_cmp_pd::<_CMP_LT_OQ>(self, _mm256_set1_pd(bound));
            _mm256_movemask_pd(below) == 0b1111
        }
    }
}

impl<E> Watched for One<E>
where
    One<E>: Lanes,
{
    #[inline(always)]
    unsafe fn first(self) -> Self {
        // SAFETY: this function's.
        unsafe {
            let zero = _mm_castpd_si128(_mm_set1_pd(-0.0));
            let hidden = _mm_cmpeq_epi64(_mm_castpd_si128(self.doubles()), zero);
            let magnitude = self.magnitude().doubles();
            One::new(_mm_or_pd(magnitude, _mm_castsi128_pd(hidden)))
        }
    }
    #[inline(always)]
    unsafe fn below(self, bound: f64) -> bool {
        // SAFETY: this function's.
        unsafe { _mm_movemask_pd(_mm_cmplt_pd(self.doubles(), _mm_set1_pd(bound))) == 0b11 }
    }
}

impl<L: Watched> Watched for Two<L> {
    #[inline(always)]
    unsafe fn first(self) -> Self {
        // SAFETY: this function's.
        unsafe { Two(self.0.first(), self.1.first()) }
    }
    #[inline(always)]
    unsafe fn below(self, bound: f64) -> bool {
        // SAFETY: this function's.
        unsafe { self.0.below(bound) & self.1.below(bound) }
    }
}

/// One element of each of some lines, in a register.
///
/// # Safety
/// For all functions here: the processor has AVX2, FMA and F16C; there are the elements.
trait Side<T> {
    type Lanes: Watched;
    /// How many lines.
    const LINES: usize;
    unsafe fn read(x: [*const u8; 2]) -> Self::Lanes;
    unsafe fn write(out: [*mut u8; 2], doubles: Self::Lanes);
    /// Leaves the elements one behind the other.
    unsafe fn copy(x: [*const u8; 2], to: *mut u8);
    /// Writes one value for all.
    unsafe fn fill(out: [*mut u8; 2], value: T);
}

/// Neighbours in a row, of which the first two are pointed at.
struct Neighbours;

impl<T: Parted<1>> Side<T> for Neighbours
where
    Wide: Group<T, 1, Lanes: Watched>,
{
    type Lanes = <Wide as Group<T, 1>>::Lanes;
    const LINES: usize = <Wide as Group<T, 1>>::COLUMNS;
    #[inline(always)]
    unsafe fn read([x, _]: [*const u8; 2]) -> Self::Lanes {
        // SAFETY: this function's.
        unsafe { Wide::read(x) }
    }
    #[inline(always)]
    unsafe fn write([out, _]: [*mut u8; 2], doubles: Self::Lanes) {
        // SAFETY: this function's.
        unsafe { Wide::write(out, doubles) }
    }
    #[inline(always)]
    unsafe fn copy([x, _]: [*const u8; 2], to: *mut u8) {
        // SAFETY: this function's.
        unsafe { to.copy_from_nonoverlapping(x, <Self as Side<T>>::LINES * size_of::<T>()) }
    }
    #[inline(always)]
    unsafe fn fill([out, _]: [*mut u8; 2], value: T) {
        for i in 0..<Self as Side<T>>::LINES {
            // SAFETY: this function's.
            unsafe { out.cast::<T>().add(i).write_unaligned(value) }
        }
    }
}

/// Two lines anywhere, or one twice.
struct Apart;

impl<T: Parted<1>> Side<T> for Apart {
    type Lanes = One<Fusing>;
    const LINES: usize = 2;
    #[inline(always)]
    unsafe fn read([first, second]: [*const u8; 2]) -> Self::Lanes {
        // SAFETY: this function's.
        unsafe {
            let first = first.cast::<T>().read_unaligned();
            Self::Lanes::both(
                first.to_parts(),
                second.cast::<T>().read_unaligned().to_parts(),
            )
        }
    }
    #[inline(always)]
    unsafe fn write(out: [*mut u8; 2], doubles: Self::Lanes) {
        // SAFETY: this function's.
        unsafe {
            for (out, parts) in out.into_iter().zip(doubles.apart()) {
                out.cast::<T>().write_unaligned(T::of_parts(parts));
            }
        }
    }
    #[inline(always)]
    unsafe fn copy([first, second]: [*const u8; 2], to: *mut u8) {
        // SAFETY: this function's.
        unsafe {
            to.copy_from_nonoverlapping(first, size_of::<T>());
            to.add(size_of::<T>())
                .copy_from_nonoverlapping(second, size_of::<T>());
        }
    }
    #[inline(always)]
    unsafe fn fill(out: [*mut u8; 2], value: T) {
        for out in out {
            // SAFETY: this function's.
            unsafe { out.cast::<T>().write_unaligned(value) }
        }
    }
}

/// Some lines, of real numbers or parts of complex ones: the first two of them, each other one as far from the one
/// before.
struct Sides {
    x: [*const u8; 2],
    x_step: isize,
    out: [*mut u8; 2],
    out_step: isize,
    n: usize,
    /// Where elements are copied to, because results take their places; or null.
    copy: *mut u8,
    /// Room for a state.
    state: *mut u8,
    exclusive: bool,
}

/// Whether lines of so many elements of the block are such.
#[inline(always)]
pub fn are(block: &Block, n: usize) -> bool {
    !block.started && !block.keep && n <= STRETCH
}

/// Scans lines if there is no exception, and returns whether there was none.
#[inline(always)]
unsafe fn scan<T, S>(sides: &Sides) -> bool
where
    Sum: Combine<T>,
    T: ByStretches<Sum, 1>,
    S: Side<T>,
{
    let (mut x, mut out, mut copy) = (sides.x, sides.out, sides.copy);
    // SAFETY: the caller's.
    unsafe {
        macro_rules! read {
            () => {{
                // No part of the loop's condition: the compiler would make it twice.
                copy = anchor(copy).cast_mut();
                if !copy.is_null() {
                    S::copy(x, copy);
                    copy = copy.wrapping_add(BYTES);
                }
                S::read(x)
            }};
        }
        macro_rules! next {
            ($pointers:ident, $step:expr) => {
                $pointers = [
                    $pointers[0].wrapping_offset($step),
                    $pointers[1].wrapping_offset($step),
                ];
            };
        }
        let first = read!();
        let one = S::Lanes::of(1.0, 1.0);
        let mut chain = T::Chains::chain(T::Chains::own::<S::Lanes>(), one);
        chain.as_mut()[0] = first;
        let mut greatest = first.first();
        let mut result = T::Chains::result(chain);
        if sides.exclusive {
            S::fill(out, <Sum as Combine<T>>::IDENTITY);
            next!(out, sides.out_step);
        }
        for _ in 1..sides.n {
            next!(x, sides.x_step);
            // Its place may be where the result goes.
            let element = read!();
            S::write(out, result);
            next!(out, sides.out_step);
            chain = T::Chains::push(chain, element);
            result = T::Chains::result(chain);
            greatest = result.magnitude().larger(greatest);
        }
        if !sides.exclusive {
            S::write(out, result);
        }
        // A NaN is not greater than anything, but stays to the end.
        greatest
            .add(result.magnitude())
            .below(T::BOUND.min(TELLING))
    }
}

/// Scans lines one by one.
///
/// # Safety
/// As [`Scan::line`], for each of the lines, whose elements have been copied if there is room for that.
#[cold]
#[inline(never)]
unsafe fn again(rest: &Scan, sides: &Sides, lines: usize, parts: usize) {
    let between = |second: usize, first: usize| (second.wrapping_sub(first) * parts) as isize;
    let x_apart = between(sides.x[1].addr(), sides.x[0].addr());
    let out_apart = between(sides.out[1].addr(), sides.out[0].addr());
    let (x, x_apart, x_step) = match sides.copy.is_null() {
        true => (sides.x[0], x_apart, sides.x_step),
        false => (sides.copy.cast_const(), rest.size as isize, BYTES as isize),
    };
    for line in 0..lines as isize {
        // SAFETY: this function's.
        unsafe {
            rest.line(&Line {
                x: x.wrapping_offset(x_apart * line),
                x_step,
                out: sides.out[0].wrapping_offset(out_apart * line),
                out_step: sides.out_step,
                n: sides.n,
                state: sides.state,
                started: false,
                exclusive: sides.exclusive,
            });
        }
    }
}

/// How short lines are scanned, of real numbers or of complex ones with such parts.
///
/// # Safety
/// For both functions: as [`crate::kernels::Run`], for lines that [`are`] such; the processor has AVX2, FMA and F16C,
/// and what `rest` is compiled for, which is for the elements, complex or not.
pub struct Brief {
    /// Scans every row of the block.
    pub along: unsafe fn(rest: &Scan, block: &Block),
    /// Scans down the rows of the block and its repetitions.
    pub across: unsafe fn(rest: &Scan, block: &Block, panels: Panels),
}

impl Brief {
    /// That for real parts of a type.
    pub const fn of<T>() -> Brief
    where
        Sum: Combine<T>,
        T: ByStretches<Sum, 1>,
        Wide: Group<T, 1, Lanes: Watched>,
    {
        Brief {
            along: along::<T>,
            across: across::<T>,
        }
    }
}

/// Room for copies, if results take the elements' places.
#[inline(always)]
fn room(block: &Block, copy: &mut Copy) -> *mut u8 {
    match block.x == block.out.cast_const() {
        true => copy.as_mut_ptr().cast(),
        false => std::ptr::null_mut(),
    }
}

/// [`Brief::along`]: two rows at a time, or the parts of a complex one.
#[target_feature(enable = "avx2,fma,f16c,bmi2")]
unsafe fn along<T>(rest: &Scan, block: &Block)
where
    Sum: Combine<T>,
    T: ByStretches<Sum, 1>,
{
    let parts = rest.size / size_of::<T>();
    let mut copy = Copy::uninit();
    let copy = room(block, &mut copy);
    let mut row = 0;
    while row < block.rows {
        let by = row as isize;
        let x = block.x.wrapping_offset(by * block.x_pitch);
        let out = block.out.wrapping_offset(by * block.out_pitch);
        let (x_apart, out_apart, lines) = match parts {
            1 if row + 1 == block.rows => (0, 0, 1),
            1 => (block.x_pitch, block.out_pitch, 2),
            _ => (size_of::<T>() as isize, size_of::<T>() as isize, 1),
        };
        let sides = Sides {
            x: [x, x.wrapping_offset(x_apart)],
            x_step: rest.size as isize,
            out: [out, out.wrapping_offset(out_apart)],
            out_step: rest.size as isize,
            n: block.len,
            copy,
            state: block.acc,
            exclusive: block.exclusive,
        };
        // SAFETY: this function's.
        unsafe {
            if !scan::<T, Apart>(&sides) {
                // A copy, for it to be written here alone.
                again(rest, &Sides { ..sides }, lines, parts);
            }
        }
        row += lines;
    }
}

/// [`Brief::across`]: some neighbours at a time, parts of complex numbers one by one.
#[target_feature(enable = "avx2,fma,f16c,bmi2")]
unsafe fn across<T>(rest: &Scan, block: &Block, panels: Panels)
where
    Sum: Combine<T>,
    T: ByStretches<Sum, 1>,
    Wide: Group<T, 1, Lanes: Watched>,
{
    let size = size_of::<T>();
    let parts = rest.size / size;
    let len = block.len * parts;
    let columns = <Neighbours as Side<T>>::LINES;
    let mut copy = Copy::uninit();
    let copy = room(block, &mut copy);
    for panel in 0..panels.count as isize {
        let x = block.x.wrapping_offset(panel * panels.x);
        let out = block.out.wrapping_offset(panel * panels.out);
        let mut at = 0;
        while at < len {
            let left = len - at;
            let mut wide = left >= columns;
            if !wide && left > 2 && len >= columns && copy.is_null() {
                // Some of them once more.
                at = len - columns;
                wide = true;
            }
            let (x, out) = (x.wrapping_add(at * size), out.wrapping_add(at * size));
            let next = if left > 1 { size } else { 0 };
            let sides = Sides {
                x: [x, x.wrapping_add(next)],
                x_step: block.x_pitch,
                out: [out, out.wrapping_add(next)],
                out_step: block.out_pitch,
                n: block.rows,
                copy,
                state: block.acc,
                exclusive: block.exclusive,
            };
            // SAFETY: this function's.
            unsafe {
                let (sound, lines) = match wide {
                    true => (scan::<T, Neighbours>(&sides), columns),
                    false => (scan::<T, Apart>(&sides), left.min(2)),
                };
                if !sound {
                    again(rest, &Sides { ..sides }, lines / parts, parts);
                }
                at += lines;
            }
        }
    }
}
