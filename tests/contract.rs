//! The contract's rules for `cum_scan`: every error with its sentence, what may be NULL, what options may say.

mod oracle;
mod support;

use cumulative::ffi::{self, cum_options};
use oracle::combine::Op;
use oracle::dtype::Dtype;
use std::ffi::c_void;
use support::{AXIS_NONE, default_options, last_error, options, status_name};

/// A scan of a 2 by 3 array of doubles that succeeds, for a test to spoil.
struct Scan {
    op: i32,
    ndim: i32,
    shape: Vec<i64>,
    axis: i32,
    x: *const f64,
    x_dtype: i32,
    x_strides: Option<Vec<i64>>,
    out: *mut f64,
    out_dtype: i32,
    out_strides: Option<Vec<i64>>,
    shape_is_null: bool,
    options: Option<cum_options>,
    memory: Box<[f64; 64]>,
}

const UNTOUCHED: f64 = 7.25;

impl Scan {
    fn new() -> Scan {
        let mut memory = Box::new([UNTOUCHED; 64]);
        let (x, out) = (memory.as_ptr(), memory[32..].as_mut_ptr());
        Scan {
            op: ffi::CUM_SUM,
            ndim: 2,
            shape: vec![2, 3],
            axis: 1,
            x,
            x_dtype: ffi::CUM_F64,
            x_strides: None,
            out,
            out_dtype: ffi::CUM_F64,
            out_strides: None,
            shape_is_null: false,
            options: None,
            memory,
        }
    }

    fn with(spoil: impl FnOnce(&mut Scan)) -> Scan {
        let mut scan = Scan::new();
        spoil(&mut scan);
        scan
    }

    /// Runs the call and returns its status by name.
    fn run(&self) -> String {
        let strides = |strides: &Option<Vec<i64>>| {
            strides
                .as_ref()
                .map_or(std::ptr::null(), |strides| strides.as_ptr())
        };
        let shape = if self.shape_is_null {
            std::ptr::null()
        } else {
            self.shape.as_ptr()
        };
        // SAFETY: what is not valid here is what the function has to find out before it uses it.
        let status = unsafe {
            ffi::cum_scan(
                self.op,
                self.ndim,
                shape,
                self.axis,
                self.x.cast(),
                self.x_dtype,
                strides(&self.x_strides),
                self.out.cast(),
                self.out_dtype,
                strides(&self.out_strides),
                self.options
                    .as_ref()
                    .map_or(std::ptr::null(), std::ptr::from_ref),
            )
        };
        status_name(status)
    }

    /// The call fails with this status, names all of `values` in its sentence, and leaves the memory alone.
    #[track_caller]
    fn fails(&self, status: &str, values: &[&str]) {
        assert_eq!(self.run(), status);
        let sentence = last_error();
        for value in values {
            assert!(sentence.contains(value), "{value} is not in {sentence:?}");
        }
        assert!(
            self.memory.iter().all(|&x| x == UNTOUCHED),
            "memory changed"
        );
    }

    #[track_caller]
    fn succeeds(&self) {
        assert_eq!(self.run(), "CUM_OK", "{}", last_error());
        assert_eq!(last_error(), "");
    }
}

#[test]
fn the_plain_call_succeeds() {
    Scan::new().succeeds();
}

#[test]
fn unknown_operations_are_refused_by_number() {
    for op in [0, 6, -1, 77, i32::MAX, i32::MIN] {
        Scan::with(|scan| scan.op = op).fails("CUM_ERR_OP", &[&op.to_string()]);
    }
}

#[test]
fn unknown_element_types_are_refused_by_number() {
    for code in [
        1,
        8 << 8,
        0x0608 + 1,
        0x0210 << 8,
        -1,
        i32::MIN,
        0x0480,
        0x0520,
    ] {
        let value = code.to_string();
        Scan::with(|scan| scan.x_dtype = code).fails("CUM_ERR_DTYPE", &[&value]);
        Scan::with(|scan| scan.out_dtype = code).fails("CUM_ERR_DTYPE", &[&value]);
        Scan::with(|scan| scan.options = options(|options| options.dtype = code))
            .fails("CUM_ERR_DTYPE", &[&value]);
    }
    // "Choose for me" is for the computing type alone.
    Scan::with(|scan| scan.x_dtype = 0).fails("CUM_ERR_DTYPE", &[]);
    Scan::with(|scan| scan.out_dtype = 0).fails("CUM_ERR_DTYPE", &[]);
}

#[test]
fn operations_compute_in_the_types_of_the_contract_alone() {
    for op in Op::ALL {
        for dtype in Dtype::ALL {
            let scan = Scan::with(|scan| {
                scan.op = op.code();
                scan.x_dtype = Dtype::Bool.code();
                scan.out_dtype = dtype.code();
            });
            if op.computes_in(dtype) {
                scan.succeeds()
            } else {
                scan.fails("CUM_ERR_DTYPE", &[])
            }
        }
    }
}

#[test]
fn dimensions_are_zero_to_sixty_four() {
    for ndim in [-1, 65, 1000, i32::MAX, i32::MIN] {
        Scan::with(|scan| scan.ndim = ndim).fails("CUM_ERR_NDIM", &[&ndim.to_string()]);
    }
    for axis in [0, 63, -64, 40, AXIS_NONE] {
        let scan = Scan::with(|scan| {
            scan.ndim = 64;
            scan.shape = vec![1; 64];
            scan.shape[3] = 2;
            scan.shape[40] = 3;
            scan.axis = axis;
        });
        scan.succeeds();
        let scanned = if axis == 40 || axis == AXIS_NONE {
            2.0 * UNTOUCHED
        } else {
            UNTOUCHED
        };
        assert_eq!(scan.memory[32..34], [UNTOUCHED, scanned]);
    }
}

#[test]
fn extents_are_not_negative_and_multiply_to_what_can_be_addressed() {
    Scan::with(|scan| scan.shape = vec![2, -3]).fails("CUM_ERR_SHAPE", &["-3"]);
    Scan::with(|scan| scan.shape = vec![-1, 0]).fails("CUM_ERR_SHAPE", &["-1"]);
    Scan::with(|scan| scan.shape = vec![i64::MIN, 3])
        .fails("CUM_ERR_SHAPE", &[&i64::MIN.to_string()]);
    for (shape, dim) in [
        ([1, i64::MAX], 1),
        ([i64::MAX, i64::MAX], 0),
        ([1 << 32, 1 << 32], 1),
        ([1 << 61, 1], 0),
        ([1, 1 << 60], 1),
    ] {
        let sentence = format!(
            "extent {} of dimension {dim} makes x larger than can be addressed",
            shape[dim]
        );
        Scan::with(|scan| scan.shape = shape.to_vec()).fails("CUM_ERR_SHAPE", &[&sentence]);
    }
    // Extents of zero do not excuse the others.
    let scan = Scan::with(|scan| {
        scan.ndim = 3;
        scan.shape = vec![1 << 40, 0, 1 << 40];
    });
    scan.fails("CUM_ERR_SHAPE", &[]);
    Scan::with(|scan| scan.shape = vec![1 << 40, 0]).succeeds();
}

#[test]
fn output_strides_nest() {
    let out_strides =
        |strides: [i64; 2]| Scan::with(|scan| scan.out_strides = Some(strides.to_vec()));
    for strides in [
        [24, 8],
        [8, 16],
        [-24, 8],
        [8, -16],
        [25, 8],
        [40, 9],
        [-40, -8],
    ] {
        let scan = out_strides(strides);
        // Room on both sides of the first element.
        let scan = Scan {
            out: scan.out.wrapping_add(12),
            ..scan
        };
        scan.succeeds();
    }
    for (strides, wrong) in [
        ([24, 0], "0"),
        ([0, 8], "0"),
        ([24, 7], "7"),
        ([23, 8], "23"),
        ([8, 8], "8"),
        ([8, 15], "15"),
        ([-23, 8], "-23"),
        ([16, 8], "16"),
        ([24, -4], "-4"),
    ] {
        out_strides(strides).fails("CUM_ERR_STRIDES", &[wrong]);
    }
    // What is said fits one dimension as well.
    let line = Scan::with(|scan| {
        (scan.ndim, scan.axis) = (1, 0);
        scan.shape = vec![3];
        scan.out_strides = Some(vec![-4]);
    });
    line.fails(
        "CUM_ERR_STRIDES",
        &[
            "stride -4 of dimension 0 of out is smaller in magnitude than the 8 bytes that an element and any \
             smaller strides span",
        ],
    );
    // The longer axis counts where an initial value is shown.
    let scan = Scan::with(|scan| {
        scan.out_strides = Some(vec![24, 8]);
        scan.options = options(|options| options.flags = ffi::CUM_INCLUDE_INITIAL);
    });
    scan.fails("CUM_ERR_STRIDES", &["24"]);
}

#[test]
fn arrays_that_leave_the_address_space_are_refused() {
    let huge = i64::MAX / 2 + 1;
    for strides in [
        [huge, huge],
        [i64::MAX, 8],
        [i64::MIN, 8],
        [24, i64::MIN],
        [24, huge],
    ] {
        Scan::with(|scan| scan.x_strides = Some(strides.to_vec())).fails("CUM_ERR_STRIDES", &[]);
        Scan::with(|scan| scan.out_strides = Some(strides.to_vec())).fails("CUM_ERR_STRIDES", &[]);
    }
    let low = std::ptr::without_provenance_mut::<f64>(4096);
    let high = std::ptr::without_provenance_mut::<f64>(usize::MAX - 39);
    Scan::with(|scan| (scan.x, scan.x_strides) = (low, Some(vec![-8192, 8])))
        .fails("CUM_ERR_STRIDES", &[]);
    Scan::with(|scan| (scan.out, scan.out_strides) = (low, Some(vec![-8192, 8])))
        .fails("CUM_ERR_STRIDES", &[]);
    Scan::with(|scan| scan.x = high).fails("CUM_ERR_STRIDES", &[]);
    Scan::with(|scan| scan.out = high).fails("CUM_ERR_STRIDES", &[]);
}

#[test]
fn an_axis_is_one_of_the_dimensions_or_none() {
    Scan::with(|scan| scan.axis = 3).fails(
        "CUM_ERR_AXIS",
        &["axis 3 is out of bounds for 2 dimensions"],
    );
    for axis in [2, -3, i32::MAX, i32::MIN + 1] {
        Scan::with(|scan| scan.axis = axis).fails("CUM_ERR_AXIS", &[&axis.to_string()]);
    }
    for axis in [0, 1, -1, -2, AXIS_NONE] {
        Scan::with(|scan| scan.axis = axis).succeeds();
    }
    for axis in [1, -2, 5] {
        Scan::with(|scan| (scan.ndim, scan.axis) = (0, axis))
            .fails("CUM_ERR_AXIS", &[&axis.to_string()]);
    }
    for axis in [0, -1, AXIS_NONE] {
        Scan::with(|scan| (scan.ndim, scan.axis) = (0, axis)).succeeds();
    }
}

#[test]
fn complex_numbers_convert_to_complex_and_to_bool_alone() {
    for complex in [Dtype::C64, Dtype::C128] {
        for other in Dtype::ALL {
            let into = Scan::with(|scan| {
                scan.shape = vec![1, 2];
                (scan.x_dtype, scan.out_dtype) = (complex.code(), other.code());
            });
            let out_of = Scan::with(|scan| {
                scan.shape = vec![1, 2];
                (scan.x_dtype, scan.out_dtype) = (Dtype::F32.code(), other.code());
                scan.options = options(|options| options.dtype = complex.code());
            });
            if complex.converts_to(other) {
                into.succeeds();
                out_of.succeeds();
            } else {
                into.fails("CUM_ERR_CAST", &[]);
                out_of.fails("CUM_ERR_CAST", &[]);
            }
        }
    }
}

#[test]
fn null_is_for_what_is_not_touched() {
    Scan::with(|scan| scan.shape_is_null = true).fails("CUM_ERR_NULL_POINTER", &["shape"]);
    Scan::with(|scan| scan.x = std::ptr::null()).fails("CUM_ERR_NULL_POINTER", &["x"]);
    Scan::with(|scan| scan.out = std::ptr::null_mut()).fails("CUM_ERR_NULL_POINTER", &["out"]);
    Scan::with(|scan| (scan.shape_is_null, scan.ndim, scan.axis) = (true, 0, 0)).succeeds();
    for shape in [[0, 3], [3, 0], [0, 0], [70_000, 0], [0, 70_000]] {
        for axis in [0, 1, AXIS_NONE] {
            let scan = Scan::with(|scan| {
                scan.shape = shape.to_vec();
                scan.axis = axis;
                (scan.x, scan.out) = (std::ptr::null(), std::ptr::null_mut());
                // Strides of what has no elements are not looked at.
                scan.x_strides = Some(vec![i64::MIN, i64::MAX]);
                if axis != AXIS_NONE {
                    scan.out_strides = Some(vec![0, i64::MIN]);
                }
            });
            scan.succeeds();
        }
    }
    // With an initial value there is something to write and still nothing to read.
    let initial = |out| {
        Scan::with(|scan| {
            scan.shape = vec![2, 0];
            (scan.x, scan.out) = (std::ptr::null(), out);
            scan.options = options(|options| options.flags = ffi::CUM_INCLUDE_INITIAL);
        })
    };
    initial(std::ptr::null_mut()).fails("CUM_ERR_NULL_POINTER", &["out"]);
    let mut two = [UNTOUCHED; 2];
    initial(two.as_mut_ptr()).succeeds();
    assert_eq!(two, [0.0; 2]);
}

#[test]
fn strides_of_extents_of_one_are_not_looked_at() {
    let scan = Scan::with(|scan| {
        scan.ndim = 4;
        scan.shape = vec![1, 2, 1, 3];
        scan.axis = 3;
        scan.x_strides = Some(vec![i64::MIN, 24, i64::MAX, 8]);
        scan.out_strides = Some(vec![0, 24, 1, 8]);
    });
    scan.succeeds();
    assert_eq!(scan.memory[34], 3.0 * UNTOUCHED);
    assert_eq!(scan.memory[38], UNTOUCHED);
}

#[test]
fn options_that_make_no_sense_are_refused() {
    type Change = fn(&mut cum_options);
    let refused: [(Change, &str); 18] = [
        (|o| o.flags = 8, "options.flags cannot be 8"),
        (|o| o.flags = 1 << 31, "options.flags cannot be 2147483648"),
        (
            |o| o.flags = ffi::CUM_EXCLUSIVE | ffi::CUM_INCLUDE_INITIAL,
            "CUM_EXCLUSIVE",
        ),
        (|o| o.flags = 7, "CUM_INCLUDE_INITIAL"),
        (|o| o.mode = 3, "options.mode cannot be 3"),
        (|o| o.mode = -1, "options.mode cannot be -1"),
        (|o| o.nan = 3, "options.nan cannot be 3"),
        (|o| o.nan = -5, "options.nan cannot be -5"),
        (|o| o.overflow = 3, "options.overflow cannot be 3"),
        (
            |o| o.overflow = i32::MIN,
            "options.overflow cannot be -2147483648",
        ),
        (|o| o.max_threads = -1, "options.max_threads cannot be -1"),
        (
            |o| o.max_threads = i32::MIN,
            "options.max_threads cannot be -2147483648",
        ),
        (|o| o.struct_size = 0, "0"),
        (|o| o.struct_size -= 1, "size"),
        (|o| o.struct_size = 8, "8"),
        (
            |o| o.carry_in_len = 3,
            "carry_in_len 3 is neither 1 nor the number of lines, 2",
        ),
        (|o| o.carry_in_len = usize::MAX, "carry_in"),
        (
            |o| o.carry_out_len = 3,
            "carry_out_len 3 is not the number of lines, 2",
        ),
    ];
    for (change, value) in refused {
        let (carry_in, mut carry_out) = ([1.0f64; 8], [UNTOUCHED; 8]);
        let scan = Scan::with(|scan| {
            scan.options = options(|options| {
                options.carry_in = carry_in.as_ptr().cast();
                options.carry_in_len = 2;
                options.carry_out = carry_out.as_mut_ptr().cast();
                options.carry_out_len = 2;
                change(options);
            });
        });
        scan.fails("CUM_ERR_OPTIONS", &[value]);
        assert_eq!(carry_out, [UNTOUCHED; 8]);
    }
}

#[test]
fn carry_lengths_without_a_buffer_are_ignored() {
    let scan = Scan::with(|scan| {
        scan.options = options(|options| {
            options.carry_in_len = 99;
            options.carry_out_len = 98;
            options.user = std::ptr::without_provenance_mut::<c_void>(1);
            options.message_size = 97;
        });
    });
    scan.succeeds();
}

#[test]
fn a_larger_struct_is_taken_if_its_tail_is_zero() {
    #[repr(C)]
    struct Newer {
        options: cum_options,
        tail: [u8; 24],
    }
    let run = |tail: [u8; 24]| {
        let mut newer = Newer {
            options: default_options(),
            tail,
        };
        newer.options.struct_size = size_of::<Newer>();
        let scan = Scan::new();
        // SAFETY: the arrays are the plain call's, and the options have the size that they say.
        let status = unsafe {
            ffi::cum_scan(
                scan.op,
                2,
                scan.shape.as_ptr(),
                1,
                scan.x.cast(),
                scan.x_dtype,
                std::ptr::null(),
                scan.out.cast(),
                scan.out_dtype,
                std::ptr::null(),
                (&raw const newer).cast(),
            )
        };
        status_name(status)
    };
    assert_eq!(run([0; 24]), "CUM_OK");
    for at in [0, 7, 23] {
        let mut tail = [0; 24];
        tail[at] = 1;
        assert_eq!(run(tail), "CUM_ERR_OPTIONS");
    }
}

#[test]
fn options_init_zeroes_what_it_is_told_to() {
    let mut bytes = [0xffu64; 40];
    // SAFETY: the buffer is larger than the size passed.
    unsafe { ffi::cum_options_init(bytes.as_mut_ptr().cast(), 160) };
    assert_eq!(bytes[0], 160);
    assert!(bytes[1..20].iter().all(|&word| word == 0));
    assert!(bytes[20..].iter().all(|&word| word == 0xff));
}

#[test]
fn the_message_buffer_holds_as_much_of_the_sentence_as_fits() {
    for size in [0usize, 1, 2, 10, 300] {
        let mut buffer = [b'#'; 300];
        let mut scan = Scan::with(|scan| {
            scan.axis = 9;
            scan.options = options(|options| {
                options.message = buffer.as_mut_ptr().cast();
                options.message_size = size;
            });
        });
        scan.fails("CUM_ERR_AXIS", &["9"]);
        let sentence = last_error();
        let kept = sentence.len().min(size.saturating_sub(1));
        assert_eq!(&buffer[..kept], &sentence.as_bytes()[..kept]);
        if size > 0 {
            assert_eq!(buffer[kept], 0);
        }
        assert!(buffer[size..].iter().all(|&byte| byte == b'#'));
        scan.axis = 0;
        scan.succeeds();
        assert_eq!(buffer[0], if size > 0 { 0 } else { b'#' });
    }
}

#[test]
fn each_thread_has_its_own_last_error() {
    Scan::with(|scan| scan.axis = 5).fails("CUM_ERR_AXIS", &["5"]);
    let other = std::thread::spawn(|| {
        let before = last_error();
        Scan::with(|scan| scan.op = 55).fails("CUM_ERR_OP", &["55"]);
        before
    });
    assert_eq!(other.join().expect("no panic"), "");
    assert!(last_error().contains("axis 5"));
    Scan::new().succeeds();
}
