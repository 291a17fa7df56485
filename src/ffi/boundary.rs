//! The way in and out: from C's arguments to a request, and from its outcome to a status.

use super::types::*;
use crate::dtype::DType;
use crate::kernels::{Mode, Overflow, Short};
use crate::op::Op;
use crate::plan::{Carries, Nan, Options, Request, ShortLine};
use crate::status::Error;
use crate::threads::{self, Callback};
use crate::view::MAX_NDIM;
use std::cell::UnsafeCell;
use std::ffi::{c_char, c_void};
use std::fmt::Write;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, Ordering};

/// Room for a sentence and its final 0.
const SENTENCE: usize = 256;

thread_local! {
    /// This thread's last failure, always ending in 0.
    pub static LAST: UnsafeCell<[u8; SENTENCE]> = const { UnsafeCell::new([0; SENTENCE]) };
}

/// Whether a call has failed in this process: before that there is no sentence to clear, and a thread need
/// not look for its own, which takes a tenth of a small call.
static FAILED: AtomicBool = AtomicBool::new(false);

/// A sentence that is cut where the room ends.
struct Sentence {
    bytes: [u8; SENTENCE],
    len: usize,
}

impl Write for Sentence {
    fn write_str(&mut self, text: &str) -> std::fmt::Result {
        let room = SENTENCE - 1 - self.len;
        let part = &text.as_bytes()[..text.len().min(room)];
        self.bytes[self.len..self.len + part.len()].copy_from_slice(part);
        self.len += part.len();
        Ok(())
    }
}

/// A caller's buffer for the message.
#[derive(Clone, Copy)]
pub struct MessageBuffer {
    start: *mut c_char,
    size: usize,
}

/// Runs `work` and turns its outcome into a status, a sentence for this thread and a message for the
/// caller's buffer. A panic becomes `CUM_ERR_INTERNAL`.
#[inline]
pub fn guarded(
    message: Option<MessageBuffer>,
    work: impl FnOnce() -> Result<(), Error>,
) -> cum_status {
    let outcome = catch_unwind(AssertUnwindSafe(work)).unwrap_or(Err(Error::Internal));
    match outcome {
        Ok(()) => succeed(message),
        Err(error) => report(error, message),
    }
}

/// There is nothing to tell.
#[inline]
pub fn succeed(message: Option<MessageBuffer>) -> cum_status {
    // A thread sees its own failures, and others' sentences are not its concern.
    if FAILED.load(Ordering::Relaxed) {
        // SAFETY: the cell is this thread's, and nobody holds a reference into it.
        LAST.with(|last| unsafe { (*last.get())[0] = 0 });
    }
    if let Some(buffer) = message {
        // SAFETY: the caller's buffer has at least one byte.
        unsafe { buffer.start.write(0) };
    }
    CUM_OK
}

#[cold]
fn report(error: Error, message: Option<MessageBuffer>) -> cum_status {
    let mut sentence = Sentence {
        bytes: [0; SENTENCE],
        len: 0,
    };
    // Writing to a Sentence does not fail: what does not fit is cut.
    let _ = write!(sentence, "{error}");
    FAILED.store(true, Ordering::Relaxed);
    // SAFETY: the cell is this thread's, and nobody holds a reference into it.
    LAST.with(|last| unsafe { *last.get() = sentence.bytes });
    if let Some(buffer) = message {
        let len = sentence.len.min(buffer.size - 1);
        // SAFETY: the caller's buffer has `size` bytes, and len + 1 of them are written.
        unsafe {
            std::ptr::copy_nonoverlapping(sentence.bytes.as_ptr(), buffer.start.cast(), len);
            buffer.start.add(len).write(0);
        }
    }
    error.status() as cum_status
}

/// The flags of a caller's options, if these ask for nothing else that a call without them would not do, and for no
/// initial element.
///
/// # Safety
/// As [`message_of`].
#[inline]
pub unsafe fn only_flags(options: *const cum_options) -> Option<u32> {
    if options.is_null() {
        return Some(0);
    }
    // SAFETY: the size is the first field, and the others are there if it says so.
    unsafe {
        if (*options).struct_size != size_of::<cum_options>() {
            return None;
        }
        let raw = &*options;
        let odd_flags = raw.flags & !(CUM_EXCLUSIVE | CUM_REVERSE);
        let choices = [odd_flags as i32, raw.mode, raw.nan, raw.overflow];
        let none = choices == [0; 4]
            && raw.dtype == CUM_DTYPE_DEFAULT
            && raw.max_threads >= 0
            && raw.carry_in.is_null()
            && raw.carry_out.is_null()
            && raw.progress.is_none()
            && raw.message.is_null();
        none.then_some(raw.flags)
    }
}

/// What a caller's options mean.
#[derive(Default)]
pub struct Decoded {
    pub options: Options,
    pub dtype: Option<DType>,
}

/// A caller's progress function.
struct CProgress {
    function: unsafe extern "C" fn(u64, u64, *mut c_void) -> i32,
    user: *mut c_void,
}

impl Callback for CProgress {
    fn call(&mut self, done: u64, total: u64) -> bool {
        // SAFETY: the caller's function, on the caller's thread.
        unsafe { (self.function)(done, total, self.user) == 0 }
    }
}

/// The caller's message buffer, if its options can be read at all.
///
/// # Safety
/// `options` is NULL or points to options of the size they say.
#[inline]
pub unsafe fn message_of(options: *const cum_options) -> Option<MessageBuffer> {
    if options.is_null() {
        return None;
    }
    // SAFETY: the size is the first field, and the others are there if it says so.
    unsafe {
        if (*options).struct_size < size_of::<cum_options>() {
            return None;
        }
        let (start, size) = ((*options).message, (*options).message_size);
        (!start.is_null() && size > 0).then_some(MessageBuffer { start, size })
    }
}

/// Options as C gave them, if there are any; their size is checked.
///
/// # Safety
/// As [`message_of`], for as long as the result is used.
#[inline]
pub unsafe fn given<'a>(options: *const cum_options) -> Result<Option<&'a cum_options>, Error> {
    if options.is_null() {
        return Ok(None);
    }
    let known = size_of::<cum_options>();
    // SAFETY: the size is the first field.
    let given = unsafe { (*options).struct_size };
    if given < known {
        return Err(Error::OptionsSize { given, known });
    }
    // SAFETY: the caller says there are `given` bytes.
    let tail =
        unsafe { std::slice::from_raw_parts(options.cast::<u8>().add(known), given - known) };
    if tail.iter().any(|&byte| byte != 0) {
        return Err(Error::OptionsSize { given, known });
    }
    // SAFETY: at least the known fields are there.
    Ok(Some(unsafe { &*options }))
}

/// Checks options.
#[inline]
pub fn decode(raw: &cum_options) -> Result<Decoded, Error> {
    let wrong = |field, value: i32| {
        Err(Error::OptionValue {
            field,
            value: value as i64,
        })
    };
    if raw.flags & !(CUM_EXCLUSIVE | CUM_REVERSE | CUM_INCLUDE_INITIAL) != 0 {
        return Err(Error::OptionValue {
            field: "options.flags",
            value: raw.flags as i64,
        });
    }
    let Some(mode) = mode_of(raw.mode) else {
        return wrong("options.mode", raw.mode);
    };
    let nan = match raw.nan {
        CUM_NAN_PROPAGATE => Nan::Propagate,
        CUM_NAN_IDENTITY => Nan::Identity,
        CUM_NAN_SKIP => Nan::Skip,
        other => return wrong("options.nan", other),
    };
    let overflow = match raw.overflow {
        CUM_WRAP => Overflow::Wrap,
        CUM_CHECK => Overflow::Check,
        CUM_SATURATE => Overflow::Saturate,
        other => return wrong("options.overflow", other),
    };
    let Ok(max_threads) = usize::try_from(raw.max_threads) else {
        return wrong("options.max_threads", raw.max_threads);
    };
    let options = Options {
        exclusive: raw.flags & CUM_EXCLUSIVE != 0,
        reverse: raw.flags & CUM_REVERSE != 0,
        initial: raw.flags & CUM_INCLUDE_INITIAL != 0,
        mode,
        nan,
        overflow,
        max_threads,
        carry_in: (!raw.carry_in.is_null()).then_some(Carries {
            pointer: raw.carry_in.cast(),
            len: raw.carry_in_len,
        }),
        carry_out: (!raw.carry_out.is_null()).then_some(Carries {
            pointer: raw.carry_out.cast(),
            len: raw.carry_out_len,
        }),
    };
    if options.exclusive && options.initial {
        let sentence = "CUM_EXCLUSIVE and CUM_INCLUDE_INITIAL do not go together";
        return Err(Error::Options(sentence));
    }
    let dtype = match raw.dtype {
        CUM_DTYPE_DEFAULT => None,
        code => Some(dtype_of("options.dtype", code)?),
    };
    Ok(Decoded { options, dtype })
}

pub fn mode_of(code: i32) -> Option<Mode> {
    Some(match code {
        CUM_SEQUENTIAL => Mode::Sequential,
        CUM_REASSOCIATE => Mode::Reassociate,
        CUM_COMPENSATED => Mode::Compensated,
        _ => return None,
    })
}

#[inline]
pub fn op_of(code: cum_op) -> Result<Op, Error> {
    Op::from_code(code).ok_or(Error::UnknownOp { code })
}

#[inline]
pub fn dtype_of(what: &'static str, code: cum_dtype) -> Result<DType, Error> {
    DType::from_code(code).ok_or(Error::UnknownDtype { what, code })
}

/// `ndim` values from a pointer that may be NULL only if there are none.
///
/// # Safety
/// A pointer that is not NULL points to `ndim` values, for as long as the result is used.
#[inline]
pub unsafe fn values<'a>(
    what: &'static str,
    ndim: i32,
    start: *const i64,
) -> Result<&'a [i64], Error> {
    if !(0..=MAX_NDIM as i32).contains(&ndim) {
        return Err(Error::Ndim { ndim });
    }
    if ndim == 0 {
        return Ok(&[]);
    }
    if start.is_null() {
        return Err(Error::NullPointer { what });
    }
    // SAFETY: this function's.
    Ok(unsafe { std::slice::from_raw_parts(start, ndim as usize) })
}

/// Strides, or `None` for NULL.
///
/// # Safety
/// As [`values`].
#[inline]
pub unsafe fn strides<'a>(start: *const i64, len: usize) -> Option<&'a [i64]> {
    // SAFETY: this function's.
    (!start.is_null()).then(|| unsafe { std::slice::from_raw_parts(start, len) })
}

/// Does a short line, if `n` contiguous elements of one type from `x` to `out` are one.
///
/// # Safety
/// `x` and `out` hold `n` elements, unless they are NULL.
#[inline]
pub unsafe fn short(
    op: Op,
    dtype: DType,
    x: *const u8,
    n: usize,
    out: *mut u8,
    exclusive: bool,
) -> bool {
    let Some(line) = ShortLine::contiguous(op, dtype, x, n, out, exclusive) else {
        return false;
    };
    // SAFETY: this function's.
    catch_unwind(|| unsafe { threads::run_short(&line) }).is_ok()
}

/// As [`short`], of elements that need not be contiguous, and maybe from the last one on. A function of its own, so
/// that it takes no time where they are.
///
/// # Safety
/// As [`short`].
#[inline(never)]
pub unsafe fn short_strided(op: Op, dtype: DType, line: Short, reverse: bool) -> bool {
    let Some(line) = ShortLine::strided(op, dtype, line, reverse) else {
        return false;
    };
    // SAFETY: this function's.
    catch_unwind(|| unsafe { threads::run_short(&line) }).is_ok()
}

/// Carries out a request under the caller's options; tells where an overflow was.
///
/// # Safety
/// As [`threads::execute`]; what the options point to is what they say.
pub unsafe fn execute_with(request: &Request, raw: Option<&cum_options>) -> Result<(), Error> {
    let mut progress = raw.and_then(|raw| {
        raw.progress.map(|function| CProgress {
            function,
            user: raw.user,
        })
    });
    let callback = progress
        .as_mut()
        .map(|progress| progress as &mut dyn Callback);
    // SAFETY: this function's.
    let outcome = unsafe { threads::execute(request, callback) };
    if let (Err(Error::Overflow { line, index, .. }), Some(raw)) = (outcome, raw)
        && !raw.r#where.is_null()
    {
        // SAFETY: the caller's two values; unaligned ones do no harm.
        unsafe {
            raw.r#where.write_unaligned(line as i64);
            raw.r#where.add(1).write_unaligned(index);
        }
    }
    outcome
}
