//! One `cum_scan` call with its memory, run through the C interface.

use super::{AXIS_NONE, default_options, last_error, status_name};
use crate::oracle::combine::Op;
use crate::oracle::dtype::{Dtype, Value, load, store};
use crate::oracle::model::{Carry, Mode, Nan, Overflow, carry_size, contiguous, lines, offsets};
use cumulative::ffi;
use std::ffi::{c_char, c_void};

/// A call of `cum_scan`. `x` and `out` lie in one piece of memory, where they may meet in any way.
#[derive(Clone, Debug)]
pub struct Call {
    pub op: Op,
    pub shape: Vec<usize>,
    pub axis: i32,
    pub x_dtype: Dtype,
    pub out_dtype: Dtype,
    /// None stands for `CUM_DTYPE_DEFAULT`.
    pub computing: Option<Dtype>,
    pub memory: Vec<u8>,
    /// Where the element with all indices 0 is.
    pub x_at: usize,
    /// None stands for NULL.
    pub x_strides: Option<Vec<i64>>,
    pub out_at: usize,
    pub out_strides: Option<Vec<i64>>,
    pub exclusive: bool,
    pub reverse: bool,
    pub initial: bool,
    pub mode: Mode,
    pub nan: Nan,
    pub overflow: Overflow,
    pub threads: i32,
    /// One carry, or one a line.
    pub carry_in: Option<Vec<u8>>,
    pub carry_out: bool,
    /// Hand in one buffer as carry_in and carry_out.
    pub carry_shared: bool,
    pub progress: bool,
    /// Hand in no room for a message: small calls that ask for nothing else have a way of their own.
    pub quiet: bool,
}

/// What a call left behind.
pub struct Outcome {
    pub status: i32,
    pub memory: Vec<u8>,
    /// The carry_out buffer, as it was given if nothing was written.
    pub carry_out: Vec<u8>,
    pub place: [i64; 2],
    pub progress: Vec<(u64, u64)>,
}

pub const UNTOUCHED: u8 = 0xa5;
pub const MARGIN: usize = 19;
/// What `where` holds before a call.
const NO_PLACE: [i64; 2] = [-77, -77];

extern "C" fn record_progress(done: u64, total: u64, user: *mut c_void) -> i32 {
    // SAFETY: `user` is the vector that `Call::run` passes and does not touch during the call; the library calls on
    // the calling thread only.
    unsafe { &mut *user.cast::<Vec<(u64, u64)>>() }.push((done, total));
    0
}

impl Call {
    /// A call with all options at their defaults, on C-contiguous arrays at two places of `memory`.
    pub fn at(
        op: Op,
        dtype: Dtype,
        shape: &[usize],
        axis: i32,
        memory: Vec<u8>,
        x_at: usize,
        out_at: usize,
    ) -> Call {
        Call {
            op,
            shape: shape.to_vec(),
            axis,
            x_dtype: dtype,
            out_dtype: dtype,
            computing: None,
            memory,
            x_at,
            x_strides: None,
            out_at,
            out_strides: None,
            exclusive: false,
            reverse: false,
            initial: false,
            mode: Mode::Sequential,
            nan: Nan::Propagate,
            overflow: Overflow::Wrap,
            threads: 1,
            carry_in: None,
            carry_out: false,
            carry_shared: false,
            progress: false,
            quiet: false,
        }
    }

    /// As `at`, with `out` behind `x` in fresh memory, and with the values of `x` in C order.
    pub fn plain(op: Op, dtype: Dtype, shape: &[usize], axis: i32, x: &[Value]) -> Call {
        let bytes = x.len() * dtype.size();
        let memory = vec![UNTOUCHED; 2 * bytes + 4 * MARGIN];
        let mut call = Call::at(op, dtype, shape, axis, memory, MARGIN, 2 * MARGIN + bytes);
        call.write_x(x);
        call
    }

    pub fn computing_dtype(&self) -> Dtype {
        self.computing.unwrap_or(self.out_dtype)
    }

    /// The scanned axis; none if the array is flattened.
    pub fn scanned_axis(&self) -> Option<usize> {
        if self.axis == AXIS_NONE || self.shape.is_empty() {
            None
        } else if self.axis < 0 {
            Some((self.axis + self.shape.len() as i32) as usize)
        } else {
            Some(self.axis as usize)
        }
    }

    pub fn out_shape(&self) -> Vec<usize> {
        let longer = usize::from(self.initial);
        match self.scanned_axis() {
            None => vec![self.shape.iter().product::<usize>() + longer],
            Some(axis) => {
                let mut shape = self.shape.clone();
                shape[axis] += longer;
                shape
            }
        }
    }

    pub fn line_count(&self) -> usize {
        lines(&self.shape, self.scanned_axis()).len()
    }

    /// Places of x's elements in memory, in C order.
    fn x_places(&self) -> Vec<usize> {
        let dense = || contiguous(&self.shape, self.x_dtype.size());
        let strides = self.x_strides.clone().unwrap_or_else(dense);
        let place = |offset| (self.x_at as i64 + offset) as usize;
        offsets(&self.shape, &strides)
            .into_iter()
            .map(place)
            .collect()
    }

    pub fn out_places(&self) -> Vec<usize> {
        let shape = self.out_shape();
        let strides = self
            .out_strides
            .clone()
            .unwrap_or_else(|| contiguous(&shape, self.out_dtype.size()));
        let place = |offset| (self.out_at as i64 + offset) as usize;
        offsets(&shape, &strides).into_iter().map(place).collect()
    }

    /// Puts values, in C order, where x's elements are.
    pub fn write_x(&mut self, values: &[Value]) {
        let places = self.x_places();
        assert_eq!(places.len(), values.len());
        for (place, &value) in places.into_iter().zip(values) {
            store(self.x_dtype, value, &mut self.memory[place..]);
        }
    }

    pub fn x_values(&self) -> Vec<Value> {
        let read = |place: usize| load(self.x_dtype, &self.memory[place..]);
        self.x_places().into_iter().map(read).collect()
    }

    fn flags(&self) -> u32 {
        u32::from(self.exclusive) | u32::from(self.reverse) << 1 | u32::from(self.initial) << 2
    }

    /// The options as far as they do not hold pointers.
    pub fn options(&self) -> ffi::cum_options {
        let mut options = default_options();
        options.dtype = self.computing.map_or(0, Dtype::code);
        options.flags = self.flags();
        options.mode = self.mode as i32;
        options.nan = self.nan as i32;
        options.overflow = self.overflow as i32;
        options.max_threads = self.threads;
        options
    }

    pub fn carry_length(&self, bytes: &[u8]) -> usize {
        bytes.len() / carry_size(self.computing_dtype(), self.mode)
    }

    /// Runs the call on a copy of its memory and checks what holds for every call: margins, message, progress.
    pub fn run(&self) -> Outcome {
        let mut memory = self.memory.clone();
        let lines = self.line_count();
        let carry_bytes = lines * carry_size(self.computing_dtype(), self.mode);
        let margins = |bytes: &[u8]| [&[UNTOUCHED; MARGIN], bytes, &[UNTOUCHED; MARGIN]].concat();
        let mut carry_in = self.carry_in.as_deref().map(margins);
        let mut carry_out = margins(&vec![UNTOUCHED; carry_bytes]);
        let mut place = NO_PLACE;
        let mut message = [1 as c_char; 48];
        let mut progress: Vec<(u64, u64)> = Vec::new();

        let mut options = self.options();
        if let Some(bytes) = &mut carry_in {
            options.carry_in = bytes[MARGIN..].as_ptr().cast();
            options.carry_in_len = self.carry_length(self.carry_in.as_ref().expect("just seen"));
        }
        if self.carry_out {
            let buffer = match &mut carry_in {
                Some(bytes) if self.carry_shared => bytes,
                _ => &mut carry_out,
            };
            options.carry_out = buffer[MARGIN..].as_mut_ptr().cast();
            options.carry_in = if self.carry_shared {
                options.carry_out
            } else {
                options.carry_in
            };
            options.carry_out_len = lines;
        }
        if self.progress {
            options.progress = Some(record_progress);
            options.user = (&raw mut progress).cast();
        }
        if !self.quiet {
            options.message = message.as_mut_ptr();
            options.message_size = message.len();
        }
        options.r#where = place.as_mut_ptr();

        let shape: Vec<i64> = self.shape.iter().map(|&extent| extent as i64).collect();
        let strides = |strides: &Option<Vec<i64>>| {
            strides
                .as_ref()
                .map_or(std::ptr::null(), |strides| strides.as_ptr())
        };
        let base = memory.as_mut_ptr();
        // SAFETY: layouts lie within `memory`, and every other pointer is good for the length passed with it.
        let status = unsafe {
            ffi::cum_scan(
                self.op.code(),
                shape.len() as i32,
                shape.as_ptr(),
                self.axis,
                base.wrapping_add(self.x_at).cast(),
                self.x_dtype.code(),
                strides(&self.x_strides),
                base.wrapping_add(self.out_at).cast(),
                self.out_dtype.code(),
                strides(&self.out_strides),
                &options,
            )
        };
        let sentence = last_error();
        let text: String = message
            .iter()
            .take_while(|&&c| c != 0)
            // Whether C's characters have a sign depends on the processor.
            .map(|&c| char::from(c.to_ne_bytes()[0]))
            .collect();
        if self.quiet {
            assert!(
                message.iter().all(|&c| c == 1),
                "a message nobody asked for"
            );
        } else {
            assert!(
                text.len() < message.len() && sentence.starts_with(&text),
                "message {text:?} of {sentence:?}"
            );
        }
        assert_eq!(
            status == 0,
            sentence.is_empty(),
            "{}: {sentence:?}",
            status_name(status)
        );
        let shared = self.carry_out && self.carry_shared && carry_in.is_some();
        for buffer in carry_in.iter().chain([&carry_out]) {
            let (front, back) = (&buffer[..MARGIN], &buffer[buffer.len() - MARGIN..]);
            assert!(
                front.iter().chain(back).all(|&byte| byte == UNTOUCHED),
                "bytes beside the carries changed"
            );
        }
        let inner = |buffer: &[u8]| buffer[MARGIN..buffer.len() - MARGIN].to_vec();
        if let (Some(after), Some(before), false) = (&carry_in, &self.carry_in, shared) {
            assert_eq!(&inner(after), before, "carry_in changed");
        }
        Outcome {
            status,
            memory,
            carry_out: inner(carry_in.as_ref().filter(|_| shared).unwrap_or(&carry_out)),
            place,
            progress,
        }
    }

    /// The call without its memory, for messages.
    pub fn summary(&self) -> String {
        let short = Call {
            memory: Vec::new(),
            ..self.clone()
        };
        let x: Vec<Value> = self.x_values().into_iter().take(12).collect();
        let starts: Vec<Option<Carry>> =
            self.starts(self.line_count()).into_iter().take(4).collect();
        format!("{short:?}\nx begins {x:?}\nstarts begin {starts:?}")
    }
}
