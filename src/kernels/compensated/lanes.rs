//! Four doubles at a time: the little that the compensated kernels need of an instruction set.

/// Four doubles.
///
/// # Safety
/// Every function of an implementation may use the instruction set that it stands for, and is called
/// only where that is there.
pub trait Lanes: Copy {
    /// The same number four times.
    unsafe fn splat(x: f64) -> Self;
    /// Four doubles at an address, possibly unaligned.
    unsafe fn load(at: *const f64) -> Self;
    /// Four floats at an address, possibly unaligned.
    unsafe fn load_floats(at: *const f32) -> Self;
    /// Writes four doubles.
    unsafe fn store(self, at: *mut f64);
    /// Writes four doubles to an address that is a multiple of 32, past the caches.
    unsafe fn stream(self, at: *mut f64);
    /// Writes four floats, each rounded.
    unsafe fn store_floats(self, at: *mut f32);
    /// Sums.
    unsafe fn add(self, other: Self) -> Self;
    /// Differences.
    unsafe fn sub(self, other: Self) -> Self;
    /// Sums, from the units that multiply where those are others; `one` is 1 in every lane.
    unsafe fn add_too(self, other: Self, one: Self) -> Self;
    /// The same, if the instruction set has so many registers that `one` is not in the way.
    unsafe fn add_rather(self, other: Self, one: Self) -> Self;
    /// Differences as `add_too`.
    unsafe fn sub_too(self, other: Self, one: Self) -> Self;
    /// Magnitudes.
    unsafe fn abs(self) -> Self;
    /// The last lane of `before` and the first three of this.
    unsafe fn after_one(self, before: Self) -> Self;
    /// The last two lanes of `before` and the first two of this.
    unsafe fn after_two(self, before: Self) -> Self;

    /// The lanes as an array.
    #[inline(always)]
    unsafe fn array(self) -> [f64; 4] {
        let mut array = [0.0; 4];
        // SAFETY: room for four.
        unsafe { self.store(array.as_mut_ptr()) };
        array
    }
}

/// Four doubles without anything but what the compiler may assume.
#[derive(Clone, Copy)]
pub struct Portable([f64; 4]);

impl Portable {
    #[inline(always)]
    fn each(self, other: Self, f: impl Fn(f64, f64) -> f64) -> Self {
        Portable(std::array::from_fn(|i| f(self.0[i], other.0[i])))
    }
}

impl Lanes for Portable {
    #[inline(always)]
    unsafe fn splat(x: f64) -> Self {
        Portable([x; 4])
    }
    #[inline(always)]
    unsafe fn load(at: *const f64) -> Self {
        // SAFETY: the caller's: four doubles.
        unsafe { Portable(at.cast::<[f64; 4]>().read_unaligned()) }
    }
    #[inline(always)]
    unsafe fn load_floats(at: *const f32) -> Self {
        // SAFETY: the caller's: four floats.
        unsafe { Portable(at.cast::<[f32; 4]>().read_unaligned().map(f64::from)) }
    }
    #[inline(always)]
    unsafe fn store(self, at: *mut f64) {
        // SAFETY: the caller's: room for four doubles.
        unsafe { at.cast::<[f64; 4]>().write_unaligned(self.0) }
    }
    #[inline(always)]
    unsafe fn stream(self, at: *mut f64) {
        // SAFETY: the caller's: room for four doubles, aligned.
        unsafe {
            #[cfg(target_arch = "x86_64")]
            {
                use std::arch::x86_64::{_mm_loadu_pd, _mm_stream_pd};
                let lanes = self.0.as_ptr();
                _mm_stream_pd(at, _mm_loadu_pd(lanes));
                _mm_stream_pd(at.add(2), _mm_loadu_pd(lanes.add(2)));
            }
            #[cfg(not(target_arch = "x86_64"))]
            self.store(at)
        }
    }
    #[inline(always)]
    unsafe fn store_floats(self, at: *mut f32) {
        // SAFETY: the caller's: room for four floats.
        unsafe {
            at.cast::<[f32; 4]>()
                .write_unaligned(self.0.map(|x| x as f32))
        }
    }
    #[inline(always)]
    unsafe fn add(self, other: Self) -> Self {
        self.each(other, |a, b| a + b)
    }
    #[inline(always)]
    unsafe fn sub(self, other: Self) -> Self {
        self.each(other, |a, b| a - b)
    }
    #[inline(always)]
    unsafe fn add_too(self, other: Self, _one: Self) -> Self {
        self.each(other, |a, b| a + b)
    }
    #[inline(always)]
    unsafe fn add_rather(self, other: Self, _one: Self) -> Self {
        self.each(other, |a, b| a + b)
    }
    #[inline(always)]
    unsafe fn sub_too(self, other: Self, _one: Self) -> Self {
        self.each(other, |a, b| a - b)
    }
    #[inline(always)]
    unsafe fn abs(self) -> Self {
        Portable(self.0.map(f64::abs))
    }
    #[inline(always)]
    unsafe fn after_one(self, before: Self) -> Self {
        Portable([before.0[3], self.0[0], self.0[1], self.0[2]])
    }
    #[inline(always)]
    unsafe fn after_two(self, before: Self) -> Self {
        Portable([before.0[2], before.0[3], self.0[0], self.0[1]])
    }
}
