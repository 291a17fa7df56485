//! The arrays: aligned memory whose pages are there, and what the input holds.

use crate::cases::{Case, Data, Type};
use cumulative::F16;
use std::cell::UnsafeCell;

const PAGE: usize = 4096;

#[repr(C, align(4096))]
struct Page(UnsafeCell<[u8; PAGE]>);

/// Memory that has been written to and begins at a page or a little behind one. All candidates share it by
/// plain pointers, one after the other, as callers of a C library do.
pub struct Buffer {
    pages: Vec<Page>,
    /// Bytes from the beginning of the first page to that of the memory.
    behind: usize,
    len: usize,
}

/// What all alignments divide, and all distances from a page.
const ALIGNMENT: usize = 16;

/// A type any bytes are a value of.
///
/// # Safety
/// That has to be so, and no alignment above [`ALIGNMENT`].
pub unsafe trait Plain: Copy {}
// SAFETY: these are numbers, or made of two numbers without a gap.
unsafe impl Plain for u8 {}
// SAFETY: as above.
unsafe impl Plain for u16 {}
// SAFETY: as above.
unsafe impl Plain for i32 {}
// SAFETY: as above.
unsafe impl Plain for i64 {}
// SAFETY: as above.
unsafe impl Plain for u64 {}
// SAFETY: as above.
unsafe impl Plain for f32 {}
// SAFETY: as above.
unsafe impl Plain for f64 {}
// SAFETY: as above.
unsafe impl Plain for [f32; 2] {}
// SAFETY: as above.
unsafe impl Plain for [f64; 2] {}
// SAFETY: as above; it is nothing but a u16.
unsafe impl Plain for F16 {}

impl Buffer {
    /// `len` bytes that begin so many bytes behind a page, all pages touched.
    pub fn touched(behind: usize, len: usize) -> Buffer {
        assert!(behind < PAGE && behind.is_multiple_of(ALIGNMENT));
        let pages = (0..(behind + len).div_ceil(PAGE)).map(|_| Page(UnsafeCell::new([0; PAGE])));
        Buffer {
            pages: pages.collect(),
            behind,
            len,
        }
    }

    /// Bytes.
    pub fn len(&self) -> usize {
        self.len
    }

    /// The first byte.
    pub fn pointer(&self) -> *mut u8 {
        let page = UnsafeCell::raw_get(self.pages.as_ptr().cast::<UnsafeCell<u8>>());
        // Within what `touched` allocated, or one past it.
        page.wrapping_add(self.behind)
    }

    /// Writes one byte everywhere.
    pub fn fill(&self, byte: u8) {
        // SAFETY: the memory is this buffer's, and no reference into it outlives the call that made it.
        unsafe { self.pointer().write_bytes(byte, self.len) }
    }

    /// All of it as elements.
    ///
    /// # Safety
    /// Nothing writes to the buffer while the slice lives.
    pub unsafe fn slice<T: Plain>(&self) -> &[T] {
        // SAFETY: the memory is this buffer's and aligned for all types; the rest is the caller's.
        unsafe { std::slice::from_raw_parts(self.pointer().cast(), self.len / size_of::<T>()) }
    }

    /// All of it as elements to write to.
    ///
    /// # Safety
    /// Nothing else reads from or writes to the buffer while the slice lives.
    #[expect(
        clippy::mut_from_ref,
        reason = "the cells make it sound, and the caller sees to the rest"
    )]
    pub unsafe fn slice_mut<T: Plain>(&self) -> &mut [T] {
        // SAFETY: as in `slice`.
        unsafe { std::slice::from_raw_parts_mut(self.pointer().cast(), self.len / size_of::<T>()) }
    }
}

/// SplitMix64.
struct Random(u64);

impl Random {
    fn bits(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    /// In [0, 1).
    fn uniform(&mut self) -> f64 {
        (self.bits() >> 11) as f64 / (1u64 << 53) as f64
    }

    /// Box and Muller's way.
    fn normal(&mut self) -> f64 {
        let radius = (-2.0 * (1.0 - self.uniform()).ln()).sqrt();
        radius * (std::f64::consts::TAU * self.uniform()).cos()
    }
}

/// What data that switch their kind switch between.
const SWITCHED: [Data; 8] = [
    Data::Uniform,
    Data::Noise,
    Data::Zeros,
    Data::Spikes,
    Data::Sine,
    Data::Ints,
    Data::Normal,
    Data::Climbs,
];

/// The numbers of an input in the order in which they lie in memory.
struct Numbers {
    data: Data,
    random: Random,
    index: usize,
    noise: f64,
    /// What has been climbed since the last fall.
    height: f64,
}

impl Iterator for Numbers {
    type Item = f64;

    fn next(&mut self) -> Option<f64> {
        let i = self.index;
        self.index += 1;
        let data = match self.data {
            Data::Switching => SWITCHED[i / 500 % SWITCHED.len()],
            data => data,
        };
        let random = &mut self.random;
        Some(match data {
            Data::Uniform => random.uniform(),
            Data::Normal => random.normal(),
            Data::Sine => (i as f64 / 100.0).sin(),
            Data::Noise => {
                let before = std::mem::replace(&mut self.noise, random.normal());
                self.noise - before
            }
            Data::Zeros => 0.0,
            Data::Ints => (random.bits() % 100) as f64,
            Data::NearOne => 0.99 + 0.02 * random.uniform(),
            Data::Holes => match random.uniform() {
                // One in a hundred is a hole; the others are uniform again.
                u if u < 0.01 => f64::NAN,
                _ => random.uniform(),
            },
            Data::Range => {
                let sign = if random.bits() & 1 == 0 { 1.0 } else { -1.0 };
                sign * 10f64.powf(600.0 * random.uniform() - 300.0)
            }
            Data::Spikes => match i % 64 {
                10 => 1e16,
                42 => -1e16,
                _ => random.normal(),
            },
            Data::Climbs => match i % 40 {
                39 => random.uniform() - std::mem::take(&mut self.height),
                step => {
                    let climb = (0.5 + random.uniform()) * 2f64.powi(step as i32);
                    self.height += climb;
                    climb
                }
            },
            Data::Switching => unreachable!("the kinds that it switches between are others"),
        })
    }
}

/// A case's input, filled.
pub fn input(case: &Case, data: Data) -> Buffer {
    let buffer = Buffer::touched(case.behind, case.elements() * case.step() * case.x.size());
    let mut numbers = Numbers {
        data,
        random: Random(1),
        index: 0,
        noise: 0.0,
        height: 0.0,
    };
    // Of complex numbers, whose magnitude is to be near one.
    let scale = match data {
        Data::NearOne => std::f64::consts::FRAC_1_SQRT_2,
        _ => 1.0,
    };
    match case.x {
        Type::F16 => fill(&buffer, || {
            next(&mut numbers, |v| F16::from_f32(v as f32).0)
        }),
        Type::F32 => fill(&buffer, || next(&mut numbers, |v| v as f32)),
        Type::F64 => fill(&buffer, || next(&mut numbers, |v| v)),
        Type::C64 => fill(&buffer, || {
            [(); 2].map(|()| next(&mut numbers, |v| (scale * v) as f32))
        }),
        Type::C128 => fill(&buffer, || {
            [(); 2].map(|()| next(&mut numbers, |v| scale * v))
        }),
        Type::U8 => fill(&buffer, || next(&mut numbers, |v| v as u8)),
        Type::U16 => fill(&buffer, || next(&mut numbers, |v| v as u16)),
        Type::U64 => fill(&buffer, || next(&mut numbers, |v| v as u64)),
        Type::I32 => fill(&buffer, || next(&mut numbers, |v| v as i32)),
        Type::I64 => fill(&buffer, || next(&mut numbers, |v| v as i64)),
    }
    buffer
}

fn next<T>(numbers: &mut Numbers, convert: impl Fn(f64) -> T) -> T {
    convert(numbers.next().expect("the numbers do not end"))
}

fn fill<T: Plain>(buffer: &Buffer, next: impl FnMut() -> T) {
    // SAFETY: the buffer is not shared yet.
    unsafe { buffer.slice_mut::<T>() }.fill_with(next);
}
