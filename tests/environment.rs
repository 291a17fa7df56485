//! Results do not depend on the caller's floating-point settings, and the settings survive every call.

// The settings are reached by instructions of these processors alone.
#![cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]

mod oracle;
mod support;

use cumulative::ffi::{self, cum_options};
use oracle::combine::Op;
use oracle::dtype::{Dtype, Value, store};
use oracle::model::carry_size;
use std::ffi::c_void;
use support::generate::{Style, values};
use support::{Random, default_options, status_name};

#[cfg(target_arch = "x86_64")]
mod control {
    //! MXCSR: six status flags in the low bits, denormals-are-zero, six exception masks, rounding, flush-to-zero.

    use std::arch::asm;

    pub const STATUS: u64 = 0x3f;
    /// Every setting under which arithmetic differs from the default.
    pub const SETTINGS: [(u64, &str); 7] = [
        (0x1f80 | 0x2000, "downwards"),
        (0x1f80 | 0x4000, "upwards"),
        (0x1f80 | 0x6000, "towards zero"),
        (0x1f80 | 0x8040, "flushing denormals"),
        (0x1f80 | 0xe040, "towards zero and flushing"),
        (0x0000, "every exception traps"),
        (0xc040, "upwards, flushing and trapping"),
    ];

    pub fn get() -> u64 {
        let mut value = 0u32;
        // SAFETY: stores four bytes where the pointer points.
        unsafe { asm!("stmxcsr [{}]", in(reg) &raw mut value, options(nostack)) };
        u64::from(value)
    }

    /// # Safety
    /// No floating-point operation of Rust's may run before the default is set again.
    pub unsafe fn set(value: u64) {
        let value = value as u32;
        // SAFETY: loads four bytes; the caller answers for what follows.
        unsafe { asm!("ldmxcsr [{}]", in(reg) &raw const value, options(nostack)) };
    }
}

#[cfg(target_arch = "aarch64")]
mod control {
    //! FPCR: rounding in bits 22 and 23, flush-to-zero in bit 24. Status is in another register.

    use std::arch::asm;

    pub const STATUS: u64 = 0;
    /// Every setting under which arithmetic differs from the default.
    pub const SETTINGS: [(u64, &str); 5] = [
        (1 << 22, "upwards"),
        (2 << 22, "downwards"),
        (3 << 22, "towards zero"),
        (1 << 24, "flushing denormals"),
        (7 << 22, "towards zero and flushing"),
    ];

    pub fn get() -> u64 {
        let value: u64;
        // SAFETY: reads a register.
        unsafe { asm!("mrs {}, fpcr", out(reg) value, options(nomem, nostack)) };
        value
    }

    /// # Safety
    /// No floating-point operation of Rust's may run before the default is set again.
    pub unsafe fn set(value: u64) {
        // SAFETY: the caller answers for what follows.
        unsafe { asm!("msr fpcr, {}", in(reg) value, options(nostack)) };
    }
}

/// A one-dimensional scan and its outcome.
struct Scan {
    op: Op,
    x_dtype: Dtype,
    out_dtype: Dtype,
    x: Vec<u8>,
    count: i64,
    options: cum_options,
}

/// Everything that a call writes.
#[derive(PartialEq, Debug)]
struct Written {
    status: i32,
    out: Vec<u8>,
    carry: Vec<u8>,
    totals: Vec<u8>,
    combined: Vec<u8>,
}

impl Scan {
    fn new(
        op: Op,
        x_dtype: Dtype,
        computing: Dtype,
        out_dtype: Dtype,
        x: &[Value],
        mode: i32,
    ) -> Scan {
        let mut bytes = vec![0; x.len() * x_dtype.size()];
        for (&value, place) in x.iter().zip(bytes.chunks_mut(x_dtype.size())) {
            store(x_dtype, value, place);
        }
        let mut options = default_options();
        options.dtype = computing.code();
        options.mode = mode;
        Scan {
            op,
            x_dtype,
            out_dtype,
            x: bytes,
            count: x.len() as i64,
            options,
        }
    }

    /// Runs scan, reduction and combination under the given settings; returns what they wrote and the settings after.
    fn run(&self, settings: u64) -> (Written, u64) {
        let computing = Dtype::ALL
            .into_iter()
            .find(|dtype| dtype.code() == self.options.dtype)
            .expect("known");
        let mode = [
            oracle::model::Mode::Sequential,
            oracle::model::Mode::Reassociate,
            oracle::model::Mode::Compensated,
        ][self.options.mode as usize];
        let size = carry_size(computing, mode);
        let mut out = vec![0u8; self.count as usize * self.out_dtype.size()];
        let (mut carry, mut totals, mut combined) =
            (vec![0u8; size], vec![0u8; size], vec![0u8; size]);
        let mut options = self.options;
        options.carry_out = carry.as_mut_ptr().cast();
        options.carry_out_len = 1;
        let mut reduce_options = self.options;
        reduce_options.dtype = 0;
        let before = control::get();
        let (x, shape) = (self.x.as_ptr().cast(), &raw const self.count);
        let (op, x_code, out_code, computing_code) = (
            self.op.code(),
            self.x_dtype.code(),
            self.out_dtype.code(),
            computing.code(),
        );
        // SAFETY: all buffers have the sizes that the calls ask for, and between the changes of the settings there are
        // calls of the library and integer operations only.
        let (statuses, after) = unsafe {
            control::set(settings);
            let scanned = ffi::cum_scan(
                op,
                1,
                shape,
                0,
                x,
                x_code,
                std::ptr::null(),
                out.as_mut_ptr().cast(),
                out_code,
                std::ptr::null(),
                &options,
            );
            let reduced = ffi::cum_reduce(
                op,
                1,
                shape,
                0,
                x,
                x_code,
                std::ptr::null(),
                computing_code,
                totals.as_mut_ptr().cast(),
                1,
                &reduce_options,
            );
            let first = carry.as_ptr().cast();
            let mode = options.mode;
            let both = ffi::cum_combine(
                op,
                computing_code,
                mode,
                1,
                first,
                first,
                combined.as_mut_ptr().cast(),
            );
            let after = control::get();
            control::set(before);
            ([scanned, reduced, both], after)
        };
        assert_eq!(statuses.map(status_name), ["CUM_OK"; 3]);
        (
            Written {
                status: statuses[0],
                out,
                carry,
                totals,
                combined,
            },
            after,
        )
    }

    fn check(&self, settings: (u64, &str)) {
        let (value, name) = settings;
        let (expected, _) = self.run(control::get() & !control::STATUS);
        let (got, after) = self.run(value);
        let what = format!(
            "{:?} of {:?} into {:?}, {name}",
            self.op, self.x_dtype, self.out_dtype
        );
        assert!(got == expected, "{what}: other results");
        assert_eq!(
            after & !control::STATUS,
            value,
            "{what}: other settings afterwards"
        );
    }
}

/// Numbers whose sums and products round, over- and underflow and are denormal.
fn hard_numbers(dtype: Dtype, count: usize) -> Vec<Value> {
    let mut random = Random::new(0xf9e);
    let styles = [Style::Unit, Style::NearOne, Style::Extreme, Style::Small];
    let parts = styles.map(|style| values(&mut random, dtype, style, count / 4));
    let mut numbers = parts.concat();
    if let (Some(format), true) = (dtype.format(), dtype.is_float()) {
        let tiny = oracle::convert::power_of_two(format.min_exponent);
        numbers.splice(
            0..0,
            [3.0, 7.0, 1.0].map(|quarters| Value::Real(tiny * quarters / 4.0)),
        );
    }
    numbers
}

#[test]
fn every_operation_and_type_ignores_the_settings() {
    for settings in control::SETTINGS {
        for op in Op::ALL {
            for dtype in Dtype::ALL
                .into_iter()
                .filter(|&dtype| op.computes_in(dtype))
            {
                for mode in 0..3 {
                    for count in [1, 40, 3000] {
                        let x = hard_numbers(dtype, count.max(4));
                        Scan::new(op, dtype, dtype, dtype, &x, mode).check(settings);
                    }
                }
            }
        }
    }
}

#[test]
fn every_conversion_ignores_the_settings() {
    for settings in control::SETTINGS {
        for from in Dtype::ALL {
            for to in Dtype::ALL.into_iter().filter(|&to| from.converts_to(to)) {
                let x = hard_numbers(from, 200);
                Scan::new(Op::Sum, from, to, to, &x, 0).check(settings);
                Scan::new(Op::Sum, from, from, to, &x, 0).check(settings);
            }
        }
    }
}

#[test]
fn workers_ignore_the_settings_as_well() {
    for settings in control::SETTINGS {
        for (dtype, mode) in [(Dtype::F64, 1), (Dtype::F64, 2), (Dtype::F32, 0)] {
            let mut random = Random::new(3);
            let x = values(&mut random, dtype, Style::Unit, 3_000_000);
            let mut scan = Scan::new(Op::Sum, dtype, dtype, dtype, &x, mode);
            scan.options.max_threads = 3;
            scan.check(settings);
        }
    }
}

#[test]
fn typed_functions_ignore_the_settings() {
    for (value, name) in control::SETTINGS {
        let x = [0.1, 0.2, 0.3, 1e-310, 0.7, 1e300, 1e10];
        let mut due = [0.0; 7];
        let mut got = [0.0; 7];
        let before = control::get();
        // SAFETY: both outputs are as long as the input; between the changes there is one call of the library.
        let after = unsafe {
            ffi::cum_prod_f64(x.as_ptr(), 7, due.as_mut_ptr());
            control::set(value);
            ffi::cum_prod_f64(x.as_ptr(), 7, got.as_mut_ptr());
            let after = control::get();
            control::set(before);
            after
        };
        assert_eq!(got, due, "{name}");
        assert_eq!(after & !control::STATUS, value, "{name}");
    }
}

#[test]
fn a_call_that_fails_leaves_the_settings_as_well() {
    for (value, name) in control::SETTINGS {
        let x = [i64::MAX, 1];
        let mut scan = Scan::new(Op::Sum, Dtype::I64, Dtype::I64, Dtype::I64, &[], 0);
        scan.options.overflow = ffi::CUM_CHECK;
        let mut out = [0i64; 2];
        let before = control::get();
        // SAFETY: both arrays have two elements; between the changes there is one call of the library.
        let (status, after) = unsafe {
            control::set(value);
            let status = ffi::cum_scan(
                ffi::CUM_SUM,
                1,
                [2i64].as_ptr(),
                0,
                x.as_ptr().cast(),
                ffi::CUM_I64,
                std::ptr::null(),
                out.as_mut_ptr().cast(),
                ffi::CUM_I64,
                std::ptr::null(),
                &scan.options,
            );
            let after = control::get();
            control::set(before);
            (status, after)
        };
        assert_eq!(status_name(status), "CUM_ERR_OVERFLOW");
        assert_eq!(after & !control::STATUS, value, "{name}");
    }
}

/// What a progress function leaves behind, and how often it was called.
struct Careless {
    settings: u64,
    calls: usize,
}

unsafe extern "C" fn leave_settings(_done: u64, _total: u64, user: *mut c_void) -> i32 {
    // SAFETY: `user` is the caller's `Careless`, which nobody else uses during the call; no arithmetic follows here.
    unsafe {
        let careless = &mut *user.cast::<Careless>();
        careless.calls += 1;
        control::set(careless.settings);
    }
    0
}

#[test]
fn settings_that_a_progress_function_leaves_behind_do_not_last() {
    /// Elements that take far longer than the time between two calls of a progress function.
    const LONG: usize = 1 << 20;
    let x: Vec<f32> = (0..LONG).map(|i| (i % 1000) as f32 / 7.0).collect();
    let run = |options: &cum_options, out: &mut [f32]| {
        // SAFETY: the output is as long as the input.
        let status = unsafe {
            ffi::cum_scan(
                ffi::CUM_LOGSUMEXP,
                1,
                [LONG as i64].as_ptr(),
                0,
                x.as_ptr().cast(),
                ffi::CUM_F32,
                std::ptr::null(),
                out.as_mut_ptr().cast(),
                ffi::CUM_F32,
                std::ptr::null(),
                options,
            )
        };
        let after = control::get();
        (status, after)
    };
    let mut due = vec![0.0; LONG];
    let (status, _) = run(&default_options(), &mut due);
    assert_eq!(status_name(status), "CUM_OK");
    for (settings, name) in control::SETTINGS {
        let mut careless = Careless { settings, calls: 0 };
        let mut options = default_options();
        options.progress = Some(leave_settings);
        options.user = (&raw mut careless).cast();
        let mut got = vec![0.0; LONG];
        let before = control::get();
        let (status, after) = run(&options, &mut got);
        // SAFETY: what was in force before.
        unsafe { control::set(before) };
        assert_eq!(status_name(status), "CUM_OK");
        assert!(careless.calls > 2, "{name}: {} calls", careless.calls);
        assert_eq!(
            after & !control::STATUS,
            before & !control::STATUS,
            "{name}"
        );
        assert!(got == due, "{name}: other results");
    }
}

/// The control word of the x87 unit, by which `long double` is computed and C libraries tell how numbers are rounded.
#[cfg(target_arch = "x86_64")]
mod x87 {
    use std::arch::asm;

    /// As a process finds it.
    pub const DEFAULT: u16 = if cfg!(windows) { 0x027f } else { 0x037f };
    pub const DOWNWARDS: u16 = DEFAULT | 0x0400;
    pub const UPWARDS: u16 = DEFAULT | 0x0800;

    pub fn get() -> u16 {
        let mut word = 0u16;
        // SAFETY: stores two bytes where the pointer points.
        unsafe { asm!("fnstcw [{}]", in(reg) &raw mut word, options(nostack)) };
        word
    }

    pub fn set(word: u16) {
        // SAFETY: loads two bytes; Rust computes by other instructions.
        unsafe { asm!("fldcw [{}]", in(reg) &raw const word, options(nostack)) };
    }
}

/// Notes how the x87 unit rounds, and leaves it otherwise.
#[cfg(target_arch = "x86_64")]
unsafe extern "C" fn look_and_leave(_done: u64, _total: u64, user: *mut c_void) -> i32 {
    // SAFETY: `user` is the caller's word, which nobody else uses during the call.
    unsafe { *user.cast::<u16>() = x87::get() };
    x87::set(x87::UPWARDS);
    0
}

#[cfg(target_arch = "x86_64")]
#[test]
fn progress_functions_find_the_other_unit_at_its_default_and_leave_it_as_the_caller_had_it() {
    let mut found = 0u16;
    let mut options = default_options();
    options.progress = Some(look_and_leave);
    options.user = (&raw mut found).cast();
    let (x, mut out) = ([1.0, 2.0, 3.0], [0.0; 3]);
    x87::set(x87::DOWNWARDS);
    // SAFETY: the output is as long as the input.
    let status = unsafe {
        ffi::cum_scan(
            ffi::CUM_SUM,
            1,
            [3].as_ptr(),
            0,
            x.as_ptr().cast(),
            ffi::CUM_F64,
            std::ptr::null(),
            out.as_mut_ptr().cast(),
            ffi::CUM_F64,
            std::ptr::null(),
            &options,
        )
    };
    let after = x87::get();
    x87::set(x87::DEFAULT);
    assert_eq!(status_name(status), "CUM_OK");
    assert_eq!(out, [1.0, 3.0, 6.0]);
    assert_eq!([found, after], [x87::DEFAULT, x87::DOWNWARDS]);
}
