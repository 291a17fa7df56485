//! What the tests share: random numbers, a scan call with everything it needs, and generators of such calls.

// Each test binary includes the whole module and uses its own part of it.
#![allow(dead_code)]

pub mod call;
pub mod generate;
pub mod layout;
pub mod verify;

use crate::oracle::combine::Op;
use crate::oracle::dtype::Dtype;
use crate::oracle::model::{Mode, carry_size};
use cumulative::ffi;
use std::ffi::CStr;

/// The axis that flattens, `INT32_MIN` by the contract.
pub const AXIS_NONE: i32 = i32::MIN;

/// A small random number generator (splitmix64), so that a seed means the same everywhere.
#[derive(Clone)]
pub struct Random {
    state: u64,
}

impl Random {
    pub fn new(seed: u64) -> Random {
        Random { state: seed }
    }

    pub fn bits(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.state;
        z = (z ^ z >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ z >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ z >> 31
    }

    /// An integer from 0 to `end - 1`.
    pub fn below(&mut self, end: usize) -> usize {
        (self.bits() % end as u64) as usize
    }

    /// An integer from `first` to `last`, both included.
    pub fn between(&mut self, first: i64, last: i64) -> i64 {
        first + self.below((last - first + 1) as usize) as i64
    }

    /// True in one of `n` cases.
    pub fn one_in(&mut self, n: usize) -> bool {
        self.below(n) == 0
    }

    pub fn pick<T: Copy>(&mut self, from: &[T]) -> T {
        from[self.below(from.len())]
    }

    /// A number from 0 to below 1.
    pub fn unit(&mut self) -> f64 {
        (self.bits() >> 11) as f64 / (1u64 << 53) as f64
    }

    pub fn bytes(&mut self, length: usize) -> Vec<u8> {
        (0..length).map(|_| self.bits() as u8).collect()
    }
}

/// An integer from the environment: decimal, or hexadecimal behind `0x`.
pub fn number_from_environment(name: &str) -> Option<u64> {
    let text = std::env::var(name).ok()?;
    let parsed = match text.strip_prefix("0x") {
        Some(digits) => u64::from_str_radix(digits, 16),
        None => text.parse(),
    };
    Some(parsed.unwrap_or_else(|_| panic!("{name} is not a number: {text}")))
}

/// Options with every default, as a C caller gets them.
pub fn default_options() -> ffi::cum_options {
    let mut options = std::mem::MaybeUninit::<ffi::cum_options>::uninit();
    // SAFETY: the pointer is good for the size that is passed, and a zeroed cum_options is a valid one.
    unsafe {
        ffi::cum_options_init(options.as_mut_ptr(), size_of::<ffi::cum_options>());
        options.assume_init()
    }
}

/// This thread's last error sentence.
pub fn last_error() -> String {
    // SAFETY: never NULL, ends in 0, and valid until this thread's next call.
    let text = unsafe { CStr::from_ptr(ffi::cum_last_error()) };
    text.to_str().expect("UTF-8").to_owned()
}

/// A status by its name, for messages and comparisons that read well.
pub fn status_name(status: i32) -> String {
    // SAFETY: the function takes any number and returns a static string.
    let text = unsafe { CStr::from_ptr(ffi::cum_status_name(status)) };
    text.to_str().expect("UTF-8").to_owned()
}

/// Options with some changed.
pub fn options(change: impl FnOnce(&mut ffi::cum_options)) -> Option<ffi::cum_options> {
    let mut options = default_options();
    change(&mut options);
    Some(options)
}

pub const MODES: [Mode; 3] = [Mode::Sequential, Mode::Reassociate, Mode::Compensated];

/// Every operation with every type that it computes in.
pub fn combinations() -> impl Iterator<Item = (Op, Dtype)> {
    let pairs = Op::ALL
        .into_iter()
        .flat_map(|op| Dtype::ALL.map(|dtype| (op, dtype)));
    pairs.filter(|(op, dtype)| op.computes_in(*dtype))
}

/// What `cum_combine` makes of carries.
pub fn combine_bytes(op: Op, dtype: Dtype, mode: Mode, first: &[u8], second: &[u8]) -> Vec<u8> {
    let mut out = vec![0; first.len()];
    let n = first.len() / carry_size(dtype, mode);
    // SAFETY: all three hold n carries.
    let status = unsafe {
        let (first, second) = (first.as_ptr().cast(), second.as_ptr().cast());
        ffi::cum_combine(
            op.code(),
            dtype.code(),
            mode as i32,
            n,
            first,
            second,
            out.as_mut_ptr().cast(),
        )
    };
    assert_eq!(status, ffi::CUM_OK, "{}", last_error());
    out
}
