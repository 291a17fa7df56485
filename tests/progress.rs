//! Progress and cancellation.

mod oracle;
mod support;

use cumulative::ffi;
use oracle::combine::Op;
use oracle::dtype::{Dtype, Value, store};
use oracle::model::Overflow;
use std::ffi::c_void;
use std::thread::ThreadId;
use support::call::Call;
use support::{default_options, last_error, status_name};

/// What a callback saw, and when it is to cancel.
struct Watch {
    calls: Vec<(u64, u64)>,
    threads: Vec<ThreadId>,
    cancel_at: usize,
}

impl Watch {
    fn new(cancel_at: usize) -> Watch {
        Watch {
            calls: Vec::new(),
            threads: Vec::new(),
            cancel_at,
        }
    }
}

unsafe extern "C" fn watch(done: u64, total: u64, user: *mut c_void) -> i32 {
    // SAFETY: `user` is the Watch that the test passes, and the library calls on the test's thread alone.
    let watch = unsafe { &mut *user.cast::<Watch>() };
    watch.calls.push((done, total));
    watch.threads.push(std::thread::current().id());
    i32::from(watch.calls.len() > watch.cancel_at)
}

/// Long enough for several calls a few milliseconds apart.
const LONG: usize = 12_000_000;

/// Scans (or reduces) `count` elements and returns the status and what the callback saw.
fn run(
    count: usize,
    op: i32,
    dtype: Dtype,
    change: impl Fn(&mut ffi::cum_options),
    cancel_at: usize,
    reduce: bool,
) -> (i32, Watch) {
    let mut one = [0; 16];
    store(
        dtype,
        oracle::convert::convert(Value::Int(0), dtype),
        &mut one,
    );
    let x = one[..dtype.size()].repeat(count);
    let mut out = vec![1u8; x.len()];
    let mut total = [0u8; 32];
    let mut seen = Watch::new(cancel_at);
    let mut options = default_options();
    options.progress = Some(watch);
    options.user = (&raw mut seen).cast();
    change(&mut options);
    let shape = [count as i64];
    // SAFETY: x and out have `count` elements, total has room for a carry.
    let status = unsafe {
        if reduce {
            let (x, null, out) = (
                x.as_ptr().cast(),
                std::ptr::null(),
                total.as_mut_ptr().cast(),
            );
            ffi::cum_reduce(
                op,
                1,
                shape.as_ptr(),
                0,
                x,
                dtype.code(),
                null,
                dtype.code(),
                out,
                1,
                &options,
            )
        } else {
            let (x, null, out) = (x.as_ptr().cast(), std::ptr::null(), out.as_mut_ptr().cast());
            ffi::cum_scan(
                op,
                1,
                shape.as_ptr(),
                0,
                x,
                dtype.code(),
                null,
                out,
                dtype.code(),
                null,
                &options,
            )
        }
    };
    (status, seen)
}

fn check(seen: &Watch, total: u64) {
    let here = std::thread::current().id();
    assert!(
        seen.threads.iter().all(|&thread| thread == here),
        "called on another thread"
    );
    assert!(seen.calls.is_sorted(), "{:?}", seen.calls);
    assert!(
        seen.calls.iter().all(|call| call.1 == total),
        "{:?}",
        seen.calls
    );
    assert_eq!(seen.calls.last(), Some(&(total, total)));
    assert_eq!(
        seen.calls.iter().filter(|call| call.0 == total).count(),
        1,
        "{:?}",
        seen.calls
    );
}

#[test]
fn small_and_empty_inputs_report_once_that_all_is_done() {
    for reduce in [false, true] {
        for count in [0, 1, 8, 100] {
            let (status, seen) = run(count, ffi::CUM_SUM, Dtype::F64, |_| (), usize::MAX, reduce);
            assert_eq!(status, 0);
            assert_eq!(seen.calls, [(count as u64, count as u64)]);
        }
    }
    for (shape, axis) in [
        (&[0usize, 3][..], 0),
        (&[0, 3], 1),
        (&[3, 0], 0),
        (&[2, 3, 4], 1),
        (&[], 0),
    ] {
        let x = vec![Value::Int(1); shape.iter().product()];
        let mut call = Call::plain(Op::Sum, Dtype::I32, shape, axis, &x);
        call.progress = true;
        let elements = x.len() as u64;
        assert_eq!(call.run().progress, [(elements, elements)]);
        call.overflow = Overflow::Check;
        assert_eq!(
            call.run().progress.last(),
            Some(&(2 * elements, 2 * elements))
        );
    }
}

#[test]
fn long_work_reports_in_order_on_the_calling_thread() {
    for reduce in [false, true] {
        for threads in [1, 2, 0] {
            for mode in [
                ffi::CUM_SEQUENTIAL,
                ffi::CUM_REASSOCIATE,
                ffi::CUM_COMPENSATED,
            ] {
                let change = |options: &mut ffi::cum_options| {
                    (options.max_threads, options.mode) = (threads, mode)
                };
                let (status, seen) =
                    run(LONG, ffi::CUM_SUM, Dtype::F32, change, usize::MAX, reduce);
                assert_eq!(status, 0);
                check(&seen, LONG as u64);
            }
        }
    }
}

#[test]
fn a_checked_scan_counts_its_elements_twice() {
    let change = |options: &mut ffi::cum_options| options.overflow = ffi::CUM_CHECK;
    for count in [1, 1000, LONG / 4] {
        let (status, seen) = run(count, ffi::CUM_SUM, Dtype::I32, change, usize::MAX, false);
        assert_eq!(status, 0);
        check(&seen, 2 * count as u64);
    }
}

#[test]
fn a_callback_that_says_so_cancels_unless_it_is_the_last_call() {
    for reduce in [false, true] {
        // The work is slow enough in 16-bit floats for calls on the way.
        let (status, seen) = run(LONG, ffi::CUM_LOGSUMEXP, Dtype::F16, |_| (), 1, reduce);
        assert_eq!(
            status_name(status),
            "CUM_ERR_CANCELLED",
            "after {:?}",
            seen.calls
        );
        assert!(!last_error().is_empty());
        assert_eq!(
            seen.calls.len(),
            2,
            "calls went on after the cancellation: {:?}",
            seen.calls
        );
        assert!(seen.calls[1].0 < LONG as u64);
        for count in [0, 5] {
            let (status, seen) = run(count, ffi::CUM_SUM, Dtype::F64, |_| (), 0, reduce);
            assert_eq!(status_name(status), "CUM_OK");
            assert_eq!(seen.calls.len(), 1);
            assert_eq!(last_error(), "");
        }
    }
}

#[test]
fn slow_work_reports_on_the_way() {
    for reduce in [false, true] {
        let (status, seen) = run(
            LONG,
            ffi::CUM_LOGSUMEXP,
            Dtype::F16,
            |_| (),
            usize::MAX,
            reduce,
        );
        assert_eq!(status, 0);
        check(&seen, LONG as u64);
        assert!(seen.calls.len() > 2, "{:?}", seen.calls);
    }
}

#[test]
fn work_in_several_threads_is_cancelled_as_well() {
    let change = |options: &mut ffi::cum_options| {
        (options.max_threads, options.mode) = (2, ffi::CUM_COMPENSATED);
    };
    let (status, seen) = run(2 * LONG, ffi::CUM_PROD, Dtype::F64, change, 0, false);
    assert_eq!(seen.calls.len(), 1);
    // The first call cancels, unless all was done before there was one.
    let done = seen.calls[0].0 == 2 * LONG as u64;
    let due = if done { "CUM_OK" } else { "CUM_ERR_CANCELLED" };
    assert_eq!(status_name(status), due, "after {:?}", seen.calls);
}

#[test]
fn a_failing_call_reports_nothing_to_be_done() {
    let (status, seen) = run(8, 99, Dtype::F64, |_| (), usize::MAX, false);
    assert_eq!(status_name(status), "CUM_ERR_OP");
    assert!(seen.calls.is_empty());
}
