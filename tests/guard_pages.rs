//! Arrays and carries flush against pages that may not be touched: a byte read or written beside them ends the test
//! program. The results are compared with those of the same call in ordinary memory.

#![cfg(unix)]

mod oracle;
mod support;

use cumulative::ffi;
use oracle::combine::Op;
use oracle::dtype::{Dtype, load, store};
use oracle::model::{Mode, carry_size};
use support::generate::{Style, values};
use support::{Random, combinations, default_options, status_name};

/// Pages that may be used, between two that may not.
struct Guarded {
    start: *mut u8,
    length: usize,
    page: usize,
}

impl Guarded {
    fn new(bytes: usize) -> Guarded {
        // SAFETY: a plain question.
        let page = unsafe { libc::sysconf(libc::_SC_PAGESIZE) } as usize;
        let length = bytes.div_ceil(page).max(1) * page;
        // SAFETY: fresh anonymous memory, which nothing else knows of; its ends are closed before anyone does.
        unsafe {
            let access = libc::PROT_READ | libc::PROT_WRITE;
            let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS;
            let whole = libc::mmap(
                std::ptr::null_mut(),
                length + 2 * page,
                access,
                flags,
                -1,
                0,
            );
            assert_ne!(whole, libc::MAP_FAILED);
            let start = whole.cast::<u8>().add(page);
            assert_eq!(libc::mprotect(whole, page, libc::PROT_NONE), 0);
            assert_eq!(
                libc::mprotect(start.add(length).cast(), page, libc::PROT_NONE),
                0
            );
            Guarded {
                start,
                length,
                page,
            }
        }
    }

    /// A place for `bytes` that touches the front guard, or the back one.
    fn flush(&self, bytes: usize, at_end: bool) -> *mut u8 {
        assert!(bytes <= self.length);
        self.start
            .wrapping_add(if at_end { self.length - bytes } else { 0 })
    }
}

impl Drop for Guarded {
    fn drop(&mut self) {
        // SAFETY: exactly the mapping made in `new`; nothing points into it any more.
        unsafe {
            let whole = self.start.sub(self.page);
            assert_eq!(libc::munmap(whole.cast(), self.length + 2 * self.page), 0);
        }
    }
}

struct Arena {
    x: Guarded,
    out: Guarded,
    carry_in: Guarded,
    carry_out: Guarded,
}

impl Arena {
    fn new(bytes: usize) -> Arena {
        Arena {
            x: Guarded::new(bytes),
            out: Guarded::new(bytes),
            carry_in: Guarded::new(bytes),
            carry_out: Guarded::new(bytes),
        }
    }
}

#[derive(Clone, Copy, Debug)]
struct Scan<'a> {
    op: Op,
    dtype: Dtype,
    shape: &'a [i64],
    axis: i32,
    /// Strides of both arrays over the element size; NULL if none.
    steps: Option<&'a [i64]>,
    flags: u32,
    mode: Mode,
    in_place: bool,
    at_end: bool,
}

/// Bytes from the lowest to beyond the highest element, and from the lowest to the first.
fn extent_of(shape: &[i64], steps: &[i64], size: usize) -> (usize, usize) {
    let (mut low, mut high) = (0, 0);
    for (&extent, &step) in shape.iter().zip(steps) {
        let reach = step * (extent - 1).max(0);
        low += reach.min(0);
        high += reach.max(0);
    }
    let elements: i64 = shape.iter().product();
    if elements == 0 {
        (0, 0)
    } else {
        ((high - low + 1) as usize * size, -low as usize * size)
    }
}

/// Runs the scan with arrays flush against guards (`arena`) and once more in ordinary memory.
fn check(arena: &Arena, scan: Scan, data: &[u8]) {
    let size = scan.dtype.size();
    let dense: Vec<i64> = (0..scan.shape.len())
        .map(|axis| scan.shape[axis + 1..].iter().product())
        .collect();
    let steps = scan.steps.unwrap_or(&dense);
    let (bytes, first) = extent_of(scan.shape, steps, size);
    // SAFETY: the shape has as many extents as are announced.
    let lines =
        unsafe { ffi::cum_line_count(scan.shape.len() as i32, scan.shape.as_ptr(), scan.axis) }
            as usize;
    let carry_bytes = lines * carry_size(scan.dtype, scan.mode);
    let strides: Vec<i64> = steps.iter().map(|&step| step * size as i64).collect();

    let call = |x: *mut u8, out: *mut u8, carry_in: *mut u8, carry_out: *mut u8| {
        let mut options = default_options();
        options.flags = scan.flags;
        options.mode = scan.mode as i32;
        options.max_threads = 1;
        options.carry_in = carry_in.cast();
        options.carry_in_len = lines;
        options.carry_out = carry_out.cast();
        options.carry_out_len = lines;
        // SAFETY: each pointer is good for what the layout and the line count say.
        let status = unsafe {
            ffi::cum_scan(
                scan.op.code(),
                scan.shape.len() as i32,
                scan.shape.as_ptr(),
                scan.axis,
                x.add(first).cast(),
                scan.dtype.code(),
                if scan.steps.is_some() {
                    strides.as_ptr()
                } else {
                    std::ptr::null()
                },
                out.add(first).cast(),
                scan.dtype.code(),
                if scan.steps.is_some() {
                    strides.as_ptr()
                } else {
                    std::ptr::null()
                },
                &options,
            )
        };
        assert_eq!(status, ffi::CUM_OK, "{}: {scan:?}", status_name(status));
    };
    let carries: Vec<u8> = {
        let one = &mut [0u8; 32][..carry_size(scan.dtype, scan.mode)];
        let dtype = oracle::model::carry_dtype(scan.dtype, scan.mode);
        let value = oracle::convert::convert(oracle::dtype::Value::Int(1), dtype);
        store(dtype, value, one);
        one.repeat(lines)
    };

    let x = arena.x.flush(bytes, scan.at_end);
    let out = if scan.in_place {
        x
    } else {
        arena.out.flush(bytes, scan.at_end)
    };
    let carry_in = arena.carry_in.flush(carry_bytes, scan.at_end);
    let carry_out = arena.carry_out.flush(carry_bytes, scan.at_end);
    // SAFETY: all places have room for what is copied, and lie apart from ordinary memory.
    unsafe {
        std::ptr::copy_nonoverlapping(carries.as_ptr(), carry_in, carry_bytes);
        std::ptr::write_bytes(out, 0, bytes);
        std::ptr::copy_nonoverlapping(data.as_ptr(), x, bytes);
    }
    call(x, out, carry_in, carry_out);
    // SAFETY: both were just written by the call or above.
    let (guarded, guarded_carries) = unsafe {
        let out = std::slice::from_raw_parts(out, bytes).to_vec();
        (
            out,
            std::slice::from_raw_parts(carry_out, carry_bytes).to_vec(),
        )
    };

    let mut plain_x = data[..bytes].to_vec();
    let mut plain_out = vec![0; bytes];
    let (mut plain_in, mut plain_carries) = (carries, vec![0; carry_bytes]);
    let x = plain_x.as_mut_ptr();
    let out = if scan.in_place {
        x
    } else {
        plain_out.as_mut_ptr()
    };
    call(x, out, plain_in.as_mut_ptr(), plain_carries.as_mut_ptr());
    let plain = if scan.in_place { plain_x } else { plain_out };
    for at in (0..bytes).step_by(size) {
        let (a, b) = (
            load(scan.dtype, &guarded[at..]),
            load(scan.dtype, &plain[at..]),
        );
        assert!(
            a.same(b),
            "{scan:?}: byte {at}: {a:?} beside guards, {b:?} in ordinary memory"
        );
    }
    support::verify::compare_carries(scan.dtype, scan.mode, &plain_carries, &guarded_carries)
        .unwrap_or_else(|text| panic!("{scan:?}: {text}"));
}

fn data(dtype: Dtype, count: usize) -> Vec<u8> {
    let mut random = Random::new(count as u64);
    let mut bytes = vec![0; count * dtype.size()];
    for (value, place) in values(&mut random, dtype, Style::NearOne, count)
        .into_iter()
        .zip(bytes.chunks_mut(dtype.size()))
    {
        store(dtype, value, place);
    }
    bytes
}

#[test]
fn lines_of_every_short_length_stay_between_their_guards() {
    let arena = Arena::new(64 * 1024);
    for (op, dtype) in combinations() {
        let data = data(dtype, 2100);
        for length in (0..=200).chain([255, 256, 257, 1000, 1024, 1025, 2047]) {
            let flags = [
                0,
                ffi::CUM_EXCLUSIVE,
                ffi::CUM_REVERSE,
                ffi::CUM_EXCLUSIVE | ffi::CUM_REVERSE,
            ];
            for (choice, flags) in flags.into_iter().enumerate() {
                for at_end in [false, true] {
                    let modes = [Mode::Sequential, Mode::Reassociate, Mode::Compensated];
                    let scan = Scan {
                        op,
                        dtype,
                        shape: &[length],
                        axis: 0,
                        steps: None,
                        flags,
                        mode: modes[(length as usize + choice) % 3],
                        in_place: (length as usize / 3 + choice).is_multiple_of(2),
                        at_end,
                    };
                    check(&arena, scan, &data);
                }
            }
        }
    }
}

#[test]
fn strided_and_reversed_lines_stay_between_their_guards() {
    let arena = Arena::new(64 * 1024);
    for (op, dtype) in combinations() {
        let data = data(dtype, 3 * 140);
        for length in 0..=130 {
            for step in [-1, 2, -3] {
                for at_end in [false, true] {
                    let scan = Scan {
                        op,
                        dtype,
                        shape: &[length],
                        axis: 0,
                        steps: Some(&[step]),
                        flags: if length % 2 == 0 {
                            ffi::CUM_EXCLUSIVE
                        } else {
                            0
                        },
                        mode: if length % 5 == 0 {
                            Mode::Compensated
                        } else {
                            Mode::Sequential
                        },
                        in_place: length % 3 == 0,
                        at_end,
                    };
                    check(&arena, scan, &data);
                }
            }
        }
    }
}

#[test]
fn arrays_of_every_width_stay_between_their_guards_along_both_axes() {
    let arena = Arena::new(64 * 1024);
    for (op, dtype) in combinations() {
        let data = data(dtype, 41 * 50);
        for width in 1..=40 {
            for height in [1, 2, 5, 9, 33] {
                for axis in 0..2 {
                    for at_end in [false, true] {
                        let padded = [width + 3, 1];
                        let transposed = [1, height + 1];
                        let scan = Scan {
                            op,
                            dtype,
                            shape: &[height, width],
                            axis,
                            steps: [None, Some(&padded[..]), Some(&transposed[..])]
                                [(width + height) as usize % 3],
                            flags: if width % 4 == 0 {
                                ffi::CUM_EXCLUSIVE
                            } else {
                                0
                            },
                            mode: if width % 7 == 0 {
                                Mode::Reassociate
                            } else {
                                Mode::Sequential
                            },
                            in_place: (width / 2) % 2 == 0,
                            at_end,
                        };
                        check(&arena, scan, &data);
                    }
                }
            }
        }
    }
}
