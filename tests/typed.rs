//! The forty-four functions for one-dimensional, contiguous arrays of one type.

mod oracle;
mod support;

use cumulative::ffi::{self, cum_c64, cum_c128, cum_status};
use oracle::combine::Op;
use oracle::dtype::{Dtype, Value, load, store};
use oracle::model::{Mode, Nan, Overflow, Settings, scan_line};
use support::generate::{STYLES, values};
use support::{Random, status_name};

/// A typed function behind one signature: bytes in, bytes out.
struct Typed {
    name: &'static str,
    op: Op,
    dtype: Dtype,
    call: unsafe fn(*const u8, usize, *mut u8) -> cum_status,
}

macro_rules! typed {
    ($list:ident: $($function:ident $op:ident $dtype:ident $rust:ty),* $(,)?) => {
        $(
            /// # Safety
            /// x and out are valid for n elements, as the function itself asks.
            unsafe fn $function(x: *const u8, n: usize, out: *mut u8) -> cum_status {
                // SAFETY: the caller's promise.
                unsafe { ffi::$function(x.cast::<$rust>(), n, out.cast::<$rust>()) }
            }
        )*
        const $list: &[Typed] = &[
            $(Typed { name: stringify!($function), op: Op::$op, dtype: Dtype::$dtype, call: $function }),*
        ];
    };
}

typed!(TYPED:
    cum_sum_i8 Sum I8 i8, cum_sum_i16 Sum I16 i16, cum_sum_i32 Sum I32 i32, cum_sum_i64 Sum I64 i64,
    cum_sum_u8 Sum U8 u8, cum_sum_u16 Sum U16 u16, cum_sum_u32 Sum U32 u32, cum_sum_u64 Sum U64 u64,
    cum_sum_f32 Sum F32 f32, cum_sum_f64 Sum F64 f64,
    cum_prod_i8 Prod I8 i8, cum_prod_i16 Prod I16 i16, cum_prod_i32 Prod I32 i32, cum_prod_i64 Prod I64 i64,
    cum_prod_u8 Prod U8 u8, cum_prod_u16 Prod U16 u16, cum_prod_u32 Prod U32 u32, cum_prod_u64 Prod U64 u64,
    cum_prod_f32 Prod F32 f32, cum_prod_f64 Prod F64 f64,
    cum_max_i8 Max I8 i8, cum_max_i16 Max I16 i16, cum_max_i32 Max I32 i32, cum_max_i64 Max I64 i64,
    cum_max_u8 Max U8 u8, cum_max_u16 Max U16 u16, cum_max_u32 Max U32 u32, cum_max_u64 Max U64 u64,
    cum_max_f32 Max F32 f32, cum_max_f64 Max F64 f64,
    cum_min_i8 Min I8 i8, cum_min_i16 Min I16 i16, cum_min_i32 Min I32 i32, cum_min_i64 Min I64 i64,
    cum_min_u8 Min U8 u8, cum_min_u16 Min U16 u16, cum_min_u32 Min U32 u32, cum_min_u64 Min U64 u64,
    cum_min_f32 Min F32 f32, cum_min_f64 Min F64 f64,
    cum_sum_c64 Sum C64 cum_c64, cum_sum_c128 Sum C128 cum_c128,
    cum_prod_c64 Prod C64 cum_c64, cum_prod_c128 Prod C128 cum_c128,
);

fn expected(function: &Typed, x: &[Value]) -> Vec<Value> {
    let settings = Settings {
        op: function.op,
        computing: function.dtype,
        out: function.dtype,
        exclusive: false,
        reverse: false,
        initial: false,
        nan: Nan::Propagate,
        overflow: Overflow::Wrap,
        total_wanted: false,
        idle_converts: false,
    };
    assert!(!oracle::model::is_inexact(
        function.op,
        function.dtype,
        Mode::Sequential
    ));
    scan_line(&settings, x, None, None).out
}

/// Runs the function with x at byte `from` and out at byte `to` of one buffer that begins at any alignment.
fn check(function: &Typed, x: &[Value], from: usize, to: usize) {
    let size = function.dtype.size();
    let bytes = x.len() * size;
    let mut memory = vec![0xa5u8; from.max(to) + bytes + 32];
    for (index, &value) in x.iter().enumerate() {
        store(function.dtype, value, &mut memory[from + index * size..]);
    }
    let before = memory.clone();
    let base = memory.as_mut_ptr();
    // SAFETY: both arrays lie within `memory`.
    let status = unsafe { (function.call)(base.add(from), x.len(), base.add(to)) };
    let context = format!(
        "{} of {} elements from {from} to {to}",
        function.name,
        x.len()
    );
    assert_eq!(status, ffi::CUM_OK, "{context}");
    for (index, due) in expected(function, x).into_iter().enumerate() {
        let got = load(function.dtype, &memory[to + index * size..]);
        assert!(
            due.same(got),
            "{context}: [{index}] is {got:?}, not {due:?}"
        );
    }
    assert_eq!(memory[..to], before[..to], "{context}");
    assert_eq!(memory[to + bytes..], before[to + bytes..], "{context}");
}

#[test]
fn there_are_forty_four() {
    assert_eq!(TYPED.len(), 44);
}

#[test]
fn every_typed_function_agrees_with_the_oracle_wherever_its_arrays_lie() {
    let mut random = Random::new(44);
    for function in TYPED {
        let size = function.dtype.size();
        for round in 0..60 {
            let count = if round < 40 { round } else { random.below(700) };
            let style = random.pick(&STYLES);
            let x = values(&mut random, function.dtype, style, count);
            let (from, far) = (16 + random.below(17), 64 + count * size + random.below(17));
            check(function, &x, from, far);
            check(function, &x, far, from);
            check(function, &x, from, from);
            check(function, &x, from, from + 1 + random.below(3 * size));
            check(function, &x, from + 1 + random.below(3 * size), from);
        }
    }
}

#[test]
fn typed_functions_take_null_for_nothing_and_refuse_it_otherwise() {
    for function in TYPED {
        let mut memory = [0x5au8; 64];
        let good = memory.as_mut_ptr();
        let (none, none_mut) = (std::ptr::null(), std::ptr::null_mut());
        let call = |x, n, out| {
            // SAFETY: pointers are valid for n elements or NULL, which the functions must notice.
            unsafe { (function.call)(x, n, out) }
        };
        assert_eq!(call(none, 0, none_mut), ffi::CUM_OK, "{}", function.name);
        let refused = |status: i32, due: i32| {
            assert_eq!(status_name(status), status_name(due), "{}", function.name);
            assert!(!support::last_error().is_empty());
        };
        refused(call(none, 2, good), ffi::CUM_ERR_NULL_POINTER);
        refused(call(good, 2, none_mut), ffi::CUM_ERR_NULL_POINTER);
        refused(call(good, usize::MAX, good), ffi::CUM_ERR_SHAPE);
        refused(
            call(good, usize::MAX / function.dtype.size(), good),
            ffi::CUM_ERR_SHAPE,
        );
        assert_eq!(memory, [0x5a; 64]);
        assert_eq!(call(none, 0, none_mut), ffi::CUM_OK, "{}", function.name);
        assert_eq!(support::last_error(), "");
    }
}
