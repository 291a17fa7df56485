//! The rules of `cum_reduce` and `cum_combine`: their errors, and what their arguments may be.

mod oracle;
mod support;

use cumulative::ffi::{self, cum_options};
use oracle::combine::Op;
use oracle::dtype::Dtype;
use support::{default_options, last_error, options, status_name};

const UNTOUCHED: f64 = -4.5;

/// A reduction of a 2 by 3 array of doubles along axis 1 that succeeds, for a test to spoil.
struct Reduction {
    op: i32,
    ndim: i32,
    shape: [i64; 2],
    axis: i32,
    x: *const f64,
    x_dtype: i32,
    dtype: i32,
    totals: *mut f64,
    len: usize,
    options: Option<cum_options>,
    memory: Box<[f64; 32]>,
}

impl Reduction {
    fn new() -> Reduction {
        let mut memory = Box::new([UNTOUCHED; 32]);
        let (x, totals) = (memory.as_ptr(), memory[16..].as_mut_ptr());
        Reduction {
            op: ffi::CUM_SUM,
            ndim: 2,
            shape: [2, 3],
            axis: 1,
            x,
            x_dtype: ffi::CUM_F64,
            dtype: ffi::CUM_F64,
            totals,
            len: 2,
            options: None,
            memory,
        }
    }

    fn with(spoil: impl FnOnce(&mut Reduction)) -> Reduction {
        let mut reduction = Reduction::new();
        spoil(&mut reduction);
        reduction
    }

    fn run(&self) -> String {
        // SAFETY: what is not valid here is what the function has to find out before it uses it.
        let status = unsafe {
            ffi::cum_reduce(
                self.op,
                self.ndim,
                self.shape.as_ptr(),
                self.axis,
                self.x.cast(),
                self.x_dtype,
                std::ptr::null(),
                self.dtype,
                self.totals.cast(),
                self.len,
                self.options
                    .as_ref()
                    .map_or(std::ptr::null(), std::ptr::from_ref),
            )
        };
        status_name(status)
    }

    #[track_caller]
    fn fails(&self, status: &str) {
        assert_eq!(self.run(), status);
        assert!(!last_error().is_empty());
        assert!(
            self.memory.iter().all(|&x| x == UNTOUCHED),
            "memory changed"
        );
    }

    /// The same, in these words.
    #[track_caller]
    fn fails_saying(&self, status: &str, sentence: &str) {
        self.fails(status);
        assert_eq!(last_error(), sentence);
    }

    #[track_caller]
    fn succeeds(&self) {
        assert_eq!(self.run(), "CUM_OK", "{}", last_error());
        assert_eq!(last_error(), "");
    }
}

#[test]
fn a_plain_reduction_writes_one_total_a_line() {
    let reduction = Reduction::new();
    reduction.succeeds();
    assert_eq!(
        reduction.memory[15..19],
        [UNTOUCHED, 3.0 * UNTOUCHED, 3.0 * UNTOUCHED, UNTOUCHED]
    );
}

#[test]
fn reductions_refuse_what_scans_refuse() {
    Reduction::with(|r| r.op = 0).fails("CUM_ERR_OP");
    Reduction::with(|r| r.x_dtype = 5).fails("CUM_ERR_DTYPE");
    Reduction::with(|r| r.dtype = 5).fails("CUM_ERR_DTYPE");
    Reduction::with(|r| (r.op, r.dtype) = (ffi::CUM_MAX, ffi::CUM_C64)).fails("CUM_ERR_DTYPE");
    Reduction::with(|r| r.ndim = 65).fails("CUM_ERR_NDIM");
    Reduction::with(|r| r.shape = [-2, 3]).fails("CUM_ERR_SHAPE");
    Reduction::with(|r| r.axis = 2).fails("CUM_ERR_AXIS");
    Reduction::with(|r| (r.x_dtype, r.shape, r.len) = (ffi::CUM_C128, [1, 2], 1))
        .fails("CUM_ERR_CAST");
    Reduction::with(|r| r.x = std::ptr::null()).fails("CUM_ERR_NULL_POINTER");
    Reduction::with(|r| r.totals = std::ptr::null_mut()).fails("CUM_ERR_NULL_POINTER");
    Reduction::with(|r| r.options = options(|o| o.mode = 7)).fails("CUM_ERR_OPTIONS");
}

#[test]
fn reductions_have_no_use_for_some_options() {
    let mut carry = [0.0f64; 2];
    let mut place = [0i64; 2];
    let refuses = |change: Option<cum_options>, field: &str| {
        let sentence = format!("options.{field} has no part in cum_reduce");
        Reduction::with(|r| r.options = change).fails_saying("CUM_ERR_OPTIONS", &sentence);
    };
    refuses(options(|o| o.dtype = ffi::CUM_F64), "dtype");
    let carry_out = options(|o| (o.carry_out, o.carry_out_len) = (carry.as_mut_ptr().cast(), 2));
    refuses(carry_out, "carry_out");
    refuses(options(|o| o.r#where = place.as_mut_ptr()), "where");
    assert_eq!((carry, place), ([0.0; 2], [0; 2]));
    for flags in [
        ffi::CUM_EXCLUSIVE,
        ffi::CUM_INCLUDE_INITIAL,
        ffi::CUM_REVERSE,
    ] {
        let reduction = Reduction::with(|r| r.options = options(|o| o.flags = flags));
        reduction.succeeds();
        assert_eq!(reduction.memory[16..18], [3.0 * UNTOUCHED; 2]);
    }
}

#[test]
fn totals_are_as_many_as_lines_and_lie_apart() {
    for len in [0, 1, 3, usize::MAX] {
        let sentence = format!("totals_len {len} is not the number of lines, 2");
        Reduction::with(|r| r.len = len).fails_saying("CUM_ERR_OPTIONS", &sentence);
    }
    for offset in [0, 5] {
        Reduction::with(|r| r.totals = r.x.cast_mut().wrapping_add(offset))
            .fails_saying("CUM_ERR_OPTIONS", "totals meets x");
    }
    let high = std::ptr::without_provenance_mut(usize::MAX - 7);
    Reduction::with(|r| r.totals = high)
        .fails_saying("CUM_ERR_OPTIONS", "carries leave the address space");
    Reduction::with(|r| r.totals = r.x.cast_mut().wrapping_add(6)).succeeds();
    let on_carry_in = |offset: usize| {
        Reduction::with(|r| {
            let carry_in = r.totals.wrapping_add(offset);
            r.options =
                options(|o| (o.carry_in, o.carry_in_len) = (carry_in.cast_const().cast(), 2));
        })
    };
    on_carry_in(0).fails_saying("CUM_ERR_OPTIONS", "totals meets carry_in");
    on_carry_in(1).fails_saying("CUM_ERR_OPTIONS", "totals meets carry_in");
    on_carry_in(2).succeeds();
}

#[test]
fn nothing_is_needed_where_there_are_no_lines() {
    let none = Reduction::with(|r| {
        r.shape = [0, 3];
        (r.x, r.totals, r.len) = (std::ptr::null(), std::ptr::null_mut(), 0);
    });
    none.succeeds();
    let empty_lines = Reduction::with(|r| {
        r.shape = [2, 0];
        r.x = std::ptr::null();
        r.op = ffi::CUM_PROD;
    });
    empty_lines.succeeds();
    assert_eq!(empty_lines.memory[16..18], [1.0; 2]);
}

#[test]
fn the_default_computing_type_of_a_reduction_is_the_result_type() {
    let reduction = Reduction::with(|r| {
        (r.x_dtype, r.dtype) = (ffi::CUM_I8, 0);
    });
    reduction.succeeds();
    // The doubles' bytes, read as six int8.
    let bytes: Vec<i8> = UNTOUCHED
        .to_le_bytes()
        .iter()
        .map(|&byte| byte as i8)
        .collect();
    let sum = |range: std::ops::Range<usize>| {
        bytes[range]
            .iter()
            .map(|&byte| i64::from(byte))
            .sum::<i64>()
    };
    let totals = [reduction.memory[16], reduction.memory[17]].map(|x| x.to_bits() as i64);
    assert_eq!(totals, [sum(0..3), sum(3..6)]);
}

fn combine(op: i32, dtype: i32, mode: i32, n: usize, buffers: [*mut f64; 3]) -> String {
    let [first, second, out] = buffers;
    // SAFETY: buffers are valid for n carries or what the function has to refuse.
    let status =
        unsafe { ffi::cum_combine(op, dtype, mode, n, first.cast(), second.cast(), out.cast()) };
    status_name(status)
}

#[test]
fn combine_refuses_codes_that_do_not_exist_or_do_not_go_together() {
    let mut memory = [UNTOUCHED; 12];
    let base = memory.as_mut_ptr();
    let at = |offset: usize| base.wrapping_add(offset);
    let buffers = [at(0), at(4), at(8)];
    let (sum, double) = (ffi::CUM_SUM, ffi::CUM_F64);
    assert_eq!(combine(0, double, 0, 2, buffers), "CUM_ERR_OP");
    assert_eq!(combine(6, double, 0, 2, buffers), "CUM_ERR_OP");
    assert_eq!(combine(sum, 0, 0, 2, buffers), "CUM_ERR_DTYPE");
    assert_eq!(combine(sum, 3, 0, 2, buffers), "CUM_ERR_DTYPE");
    for mode in [3, -1] {
        assert_eq!(combine(sum, double, mode, 2, buffers), "CUM_ERR_OPTIONS");
        assert_eq!(last_error(), format!("mode cannot be {mode}"));
    }
    for n in [usize::MAX, usize::MAX / 8] {
        assert_eq!(combine(sum, double, 0, n, buffers), "CUM_ERR_STRIDES");
        assert_eq!(
            last_error(),
            format!("{n} carries of 8 bytes from first on do not fit into the address space")
        );
    }
    for op in Op::ALL {
        for dtype in Dtype::ALL
            .into_iter()
            .filter(|&dtype| !op.computes_in(dtype))
        {
            assert_eq!(
                combine(op.code(), dtype.code(), 0, 1, buffers),
                "CUM_ERR_DTYPE"
            );
        }
    }
    assert!(!last_error().is_empty());
    assert_eq!(memory, [UNTOUCHED; 12]);
}

#[test]
fn combine_takes_null_for_nothing_alone() {
    let none = std::ptr::null_mut();
    assert_eq!(
        combine(ffi::CUM_SUM, ffi::CUM_F64, 0, 0, [none; 3]),
        "CUM_OK"
    );
    assert_eq!(last_error(), "");
    let mut memory = [UNTOUCHED; 6];
    let base = memory.as_mut_ptr();
    let at = |offset: usize| base.wrapping_add(offset);
    for missing in 0..3 {
        let mut buffers = [at(0), at(2), at(4)];
        buffers[missing] = none;
        assert_eq!(
            combine(ffi::CUM_SUM, ffi::CUM_F64, 0, 2, buffers),
            "CUM_ERR_NULL_POINTER"
        );
    }
    assert_eq!(
        combine(ffi::CUM_SUM, ffi::CUM_F64, 0, 2, [at(0), at(2), at(4)]),
        "CUM_OK"
    );
    assert_eq!(memory[4..], [2.0 * UNTOUCHED; 2]);
}

#[test]
fn buffers_of_combine_are_identical_or_apart() {
    let mut memory = [UNTOUCHED; 12];
    let base = memory.as_mut_ptr();
    let at = |offset: usize| base.wrapping_add(offset);
    let run = |first, second, out| {
        combine(
            ffi::CUM_MAX,
            ffi::CUM_F64,
            0,
            3,
            [at(first), at(second), at(out)],
        )
    };
    assert_eq!(run(0, 3, 6), "CUM_OK");
    assert_eq!(run(0, 3, 0), "CUM_OK");
    assert_eq!(run(0, 3, 3), "CUM_OK");
    assert_eq!(run(0, 0, 0), "CUM_OK");
    assert_eq!(run(0, 3, 1), "CUM_ERR_OPTIONS");
    assert_eq!(run(0, 3, 2), "CUM_ERR_OPTIONS");
    assert_eq!(run(0, 3, 4), "CUM_ERR_OPTIONS");
    assert_eq!(run(4, 8, 2), "CUM_ERR_OPTIONS");
}

/// An output that lies across must not change how operations are grouped.
#[test]
fn totals_have_the_bits_of_the_scans_carries_whatever_the_layout_of_the_output() {
    let (rows, columns) = (700usize, 5usize);
    let mut state = 9u64;
    let x: Vec<f64> = (0..rows * columns)
        .map(|_| {
            state = state
                .wrapping_mul(6364136223846793005)
                .wrapping_add(1442695040888963407);
            let exponent = (state >> 40) % 60;
            ((state >> 11) as f64 - 2f64.powi(52)) * 2f64.powi(exponent as i32 - 80)
        })
        .collect();
    let shape = [rows as i64, columns as i64];
    for axis in [0, 1] {
        let lines = if axis == 0 { columns } else { rows };
        let mut options = default_options();
        options.mode = ffi::CUM_COMPENSATED;
        let mut totals = vec![[0.0f64; 2]; lines];
        // SAFETY: arrays as the shapes and lengths say.
        let status = unsafe {
            ffi::cum_reduce(
                ffi::CUM_SUM,
                2,
                shape.as_ptr(),
                axis,
                x.as_ptr().cast(),
                ffi::CUM_F64,
                std::ptr::null(),
                ffi::CUM_F64,
                totals.as_mut_ptr().cast(),
                lines,
                &options,
            )
        };
        assert_eq!(status, ffi::CUM_OK);
        for strides in [[columns as i64 * 8, 8], [8, rows as i64 * 8]] {
            for flags in [0, ffi::CUM_EXCLUSIVE] {
                let mut carries = vec![[0.0f64; 2]; lines];
                let mut out = vec![0.0f64; rows * columns];
                options.flags = flags;
                options.carry_out = carries.as_mut_ptr().cast();
                options.carry_out_len = lines;
                // SAFETY: arrays as the shapes, strides and lengths say.
                let status = unsafe {
                    ffi::cum_scan(
                        ffi::CUM_SUM,
                        2,
                        shape.as_ptr(),
                        axis,
                        x.as_ptr().cast(),
                        ffi::CUM_F64,
                        std::ptr::null(),
                        out.as_mut_ptr().cast(),
                        ffi::CUM_F64,
                        strides.as_ptr(),
                        &options,
                    )
                };
                assert_eq!(status, ffi::CUM_OK);
                for (line, (total, carry)) in totals.iter().zip(&carries).enumerate() {
                    let [row, column] = if axis == 0 {
                        [rows - 1, line]
                    } else {
                        [line, columns - 1]
                    };
                    let last = row as i64 * strides[0] / 8 + column as i64 * strides[1] / 8;
                    if flags == 0 {
                        assert_eq!(carry[0].to_bits(), out[last as usize].to_bits());
                    }
                    assert_eq!(total.map(f64::to_bits), carry.map(f64::to_bits));
                }
            }
        }
    }
}
