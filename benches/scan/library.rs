//! Calls of the library, as a C program makes them.

use crate::cases::{Against, Case, Layout, Op};
use crate::data::Buffer;
use cumulative::ffi::*;
use std::ffi::{CStr, c_void};
use std::hint::black_box;
use std::marker::PhantomData;
use std::ptr::null;

/// What is called.
#[derive(Clone, Copy)]
pub enum Function {
    /// `cum_scan` with the case's options.
    Library,
    /// `cum_scan` with no options but the number of threads.
    Plain,
    /// `cum_scan` with the case's options on one thread.
    Single,
    /// A function with the same arguments that does nothing.
    Empty,
}

type Entry = unsafe extern "C" fn(
    cum_op,
    i32,
    *const i64,
    i32,
    *const c_void,
    cum_dtype,
    *const i64,
    *mut c_void,
    cum_dtype,
    *const i64,
    *const cum_options,
) -> cum_status;

#[inline(never)]
unsafe extern "C" fn empty(
    _op: cum_op,
    _ndim: i32,
    _shape: *const i64,
    _axis: i32,
    _x: *const c_void,
    _x_dtype: cum_dtype,
    _x_strides: *const i64,
    _out: *mut c_void,
    _out_dtype: cum_dtype,
    _out_strides: *const i64,
    _options: *const cum_options,
) -> cum_status {
    CUM_OK
}

/// A call with all its arguments.
pub struct Call<'a> {
    entry: Entry,
    op: cum_op,
    shape: Vec<i64>,
    axis: i32,
    x: *const c_void,
    x_dtype: cum_dtype,
    /// In bytes; none: C order.
    x_strides: Option<Vec<i64>>,
    out: *mut c_void,
    out_dtype: cum_dtype,
    out_strides: Option<Vec<i64>>,
    /// None: a null pointer.
    options: Option<cum_options>,
    buffers: PhantomData<&'a Buffer>,
}

impl<'a> Call<'a> {
    pub fn new(case: &Case, x: &'a Buffer, out: &'a Buffer, function: Function) -> Call<'a> {
        let mut options = default_options();
        options.max_threads = match function {
            Function::Single => 1,
            _ => case.threads as i32,
        };
        if !matches!(function, Function::Plain) {
            options.mode = case.mode;
            options.flags = case.flags;
            options.nan = case.nan;
            options.overflow = case.overflow;
        }
        // Where whole calls are timed, one without options has nothing but the arrays.
        let asked = (options.mode, options.flags, options.nan, options.overflow);
        let plain = asked == (0, 0, 0, 0);
        let options = (!plain || !case.has_target(Against::Nanoseconds)).then_some(options);
        let entry: Entry = if matches!(function, Function::Empty) {
            empty
        } else {
            cum_scan
        };
        let sizes = (case.x.size(), case.out.size());
        let (x_strides, out_strides) = match case.layout {
            Layout::C => (None, None),
            Layout::Transposed => (Some(fortran_strides(&case.shape, sizes.0)), None),
            Layout::Step2 => (
                Some(c_strides(&case.shape, 2 * sizes.0)),
                Some(c_strides(&case.out_shape(), 2 * sizes.1)),
            ),
        };
        Call {
            // A pointer that the compiler cannot see through: nothing of the library is inlined here.
            entry: black_box(entry),
            op: match case.op {
                Op::Sum => CUM_SUM,
                Op::Prod => CUM_PROD,
                Op::Max => CUM_MAX,
            },
            shape: case.shape.iter().map(|&extent| extent as i64).collect(),
            axis: case.axis as i32,
            x: x.pointer().cast(),
            x_dtype: case.x.code(),
            x_strides,
            out: out.pointer().cast(),
            out_dtype: case.out.code(),
            out_strides,
            options,
            buffers: PhantomData,
        }
    }

    /// Makes the call so many times, and panics if it fails.
    pub fn repeat(&self, times: u64) {
        let strides = |strides: &Option<Vec<i64>>| strides.as_ref().map_or(null(), |s| s.as_ptr());
        let (x_strides, out_strides) = (strides(&self.x_strides), strides(&self.out_strides));
        let options = self.options.as_ref().map_or(null(), std::ptr::from_ref);
        for _ in 0..times {
            // SAFETY: the buffers live as long as this call and hold what shape and strides span; the
            // candidates take turns, so nobody else is at them.
            let status = unsafe {
                (self.entry)(
                    self.op,
                    self.shape.len() as i32,
                    self.shape.as_ptr(),
                    self.axis,
                    self.x,
                    self.x_dtype,
                    x_strides,
                    self.out,
                    self.out_dtype,
                    out_strides,
                    options,
                )
            };
            assert!(status == CUM_OK, "{}", text(cum_last_error()));
        }
    }
}

fn default_options() -> cum_options {
    let mut options = std::mem::MaybeUninit::uninit();
    // SAFETY: there is room for an options structure, and the call fills all of it.
    unsafe {
        cum_options_init(options.as_mut_ptr(), size_of::<cum_options>());
        options.assume_init()
    }
}

/// Strides of C order for elements that are so many bytes apart.
fn c_strides(shape: &[usize], apart: usize) -> Vec<i64> {
    let mut strides = fortran_strides(&shape.iter().rev().copied().collect::<Vec<_>>(), apart);
    strides.reverse();
    strides
}

fn fortran_strides(shape: &[usize], apart: usize) -> Vec<i64> {
    let products = shape.iter().scan(apart as i64, |stride, &extent| {
        let this = *stride;
        *stride *= extent as i64;
        Some(this)
    });
    products.collect()
}

/// A string of the library's.
fn text(pointer: *const std::ffi::c_char) -> String {
    // SAFETY: the library's strings are never NULL and end in 0; this one is copied before the next call.
    unsafe { CStr::from_ptr(pointer) }
        .to_string_lossy()
        .into_owned()
}

/// The instruction set that runs here.
pub fn isa() -> String {
    text(cum_isa())
}

pub fn version() -> String {
    text(cum_version())
}
