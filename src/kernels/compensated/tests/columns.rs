//! Lines across, and many short ones, have the bits of single lines along.

use super::*;
use crate::kernels::{LARGEST_ACCUMULATOR, Mode, Overflow, Panels, Spacing, lines as many_lines};

/// Scanning down columns gives the bits of scanning each of them along.
pub fn same_bits_across<T: Draw>(op: Op) {
    same_bits_of_columns(op, |random, n| match op {
        Op::Prod if random.below(3) > 0 => T::draw_factors(random, n),
        _ => T::draw(random, n),
    });
}

fn same_bits_of_columns<T: Draw>(op: Op, make: impl Fn(&mut Random, usize) -> Vec<T>) {
    let dtype = T::DTYPE;
    let mut random = Random(dtype.size() as u64 + 50);
    let size = size_of::<T>();
    for (rows, len) in [
        (1, 40),
        (63, 17),
        (64, 16),
        (65, 35),
        (200, 9),
        (700, 33),
        (130, 3),
        (129, 4),
        (150, 5),
        (100, 65),
        (66, 150),
        (70, 263),
    ] {
        let lines: Vec<Vec<T>> = (0..len).map(|_| make(&mut random, rows)).collect();
        let reference = tested(Isa::Scalar, op, dtype);
        let totals: Vec<Vec<u8>> = (0..len)
            .map(|_| scan(reference, &make(&mut random, 2), None, PLAIN).1)
            .collect();
        for isa in everywhere() {
            let (kernel, carries) = tested(isa, op, dtype);
            for variant in (0..32).step_by(ways()) {
                let exclusive = variant & 1 != 0;
                let started = variant & 4 != 0;
                let keep = variant & 16 == 0;
                let pitch = (len + 3) * size;
                let mut x = vec![0u8; rows * pitch];
                let mut apart = vec![0xa5u8; rows * pitch];
                for (j, line) in lines.iter().enumerate() {
                    for (i, element) in line.iter().enumerate() {
                        let at = &mut x[i * pitch + j * size..][..size];
                        // SAFETY: as many bytes.
                        unsafe { at.as_mut_ptr().cast::<T>().write_unaligned(*element) };
                    }
                }
                let from = x.as_mut_ptr();
                let to = if variant & 2 != 0 {
                    from
                } else {
                    apart.as_mut_ptr()
                };
                let mut acc = vec![0u128; len * LARGEST_ACCUMULATOR / 16];
                let acc = acc.as_mut_ptr().cast::<u8>();
                let piece = if variant & 8 != 0 { 64 } else { rows };
                // SAFETY: arrays of rows and columns, and an accumulator for each column.
                unsafe {
                    for (j, carry) in totals.iter().enumerate().filter(|_| started) {
                        (carries.import)(carry.as_ptr(), acc.add(j * kernel.acc_size));
                    }
                    for top in (0..rows).step_by(piece) {
                        (kernel.across)(&Block {
                            x: from.add(top * pitch),
                            x_pitch: pitch as isize,
                            out: to.add(top * pitch),
                            out_pitch: pitch as isize,
                            len,
                            rows: piece.min(rows - top),
                            acc,
                            started: started || top > 0,
                            keep: keep || top + piece < rows,
                            exclusive,
                            spacing: Spacing::Forward,
                            stream: false,
                            ahead: 0,
                        });
                    }
                    for (j, line) in lines.iter().enumerate() {
                        let carry = started.then_some(&totals[j][..]);
                        let call = Call { exclusive, ..PLAIN };
                        let (expected, total) = scan(reference, line, carry, call);
                        for (i, expected) in expected.into_iter().enumerate() {
                            let r = to.add(i * pitch + j * size).cast::<T>().read_unaligned();
                            let at = format!("{isa:?} {rows}x{len} {variant} at {i} of {j}");
                            assert_eq!(r.bits(), expected.bits(), "{at}: {r:?} for {expected:?}");
                        }
                        if !keep {
                            continue;
                        }
                        let mut carry_out = vec![0u8; carries.size];
                        (carries.export)(
                            acc.add(j * kernel.acc_size),
                            true,
                            carry_out.as_mut_ptr(),
                        );
                        let finite = !line.iter().any(|x| x.is_nan());
                        assert!(
                            carry_out == total || !finite || started,
                            "{isa:?} {variant}"
                        );
                    }
                }
            }
        }
    }
}

#[test]
fn sums_down_columns_have_the_bits_of_sums_along_where_a_stretch_by_itself_overflows() {
    let (rows, len) = (90, 24);
    let mut random = Random(11);
    let mut x: Vec<f64> = (0..rows * len)
        .map(|_| random.signed() * 2f64.powi(960))
        .collect();
    for j in 0..len {
        x[(j % 5) * len + j] = -1.5e308;
        x[66 * len + j] = 1.2e308;
        x[(70 + j % 3) * len + j] = if j % 4 == 0 { 1.0 } else { 1.1e308 };
    }
    let (reference, carries) = tested(Isa::Scalar, Op::Sum, DType::F64);
    for isa in everywhere() {
        let (kernel, _) = tested(isa, Op::Sum, DType::F64);
        let mut out = vec![0.0f64; rows * len];
        let mut acc = vec![0u128; len * LARGEST_ACCUMULATOR / 16];
        let pitch = (len * 8) as isize;
        // SAFETY: arrays of rows and columns, and an accumulator for each column.
        unsafe {
            (kernel.across)(&Block {
                x: x.as_ptr().cast(),
                x_pitch: pitch,
                out: out.as_mut_ptr().cast(),
                out_pitch: pitch,
                len,
                rows,
                acc: acc.as_mut_ptr().cast(),
                started: false,
                keep: false,
                exclusive: false,
                spacing: Spacing::Forward,
                stream: false,
                ahead: 0,
            });
        }
        for j in 0..len {
            let line: Vec<f64> = (0..rows).map(|i| x[i * len + j]).collect();
            let (expected, _) = scan((reference, carries), &line, None, PLAIN);
            for (i, expected) in expected.iter().enumerate() {
                assert_eq!(
                    out[i * len + j].to_bits(),
                    expected.to_bits(),
                    "{isa:?} {i} {j}"
                );
            }
        }
    }
}

#[test]
fn sums_down_columns_have_the_bits_of_sums_along() {
    same_bits_across::<f64>(Op::Sum);
    same_bits_across::<f32>(Op::Sum);
    same_bits_across::<F16>(Op::Sum);
    same_bits_across::<Bf16>(Op::Sum);
    same_bits_across::<Complex<f64>>(Op::Sum);
    same_bits_across::<Complex<f32>>(Op::Sum);
}

/// Numbers of which each stretch takes away what the one before was, but for a little: sums become small beside their
/// errors, which then have to be put in order.
fn cancelling(random: &mut Random, n: usize) -> Vec<f64> {
    let mut x: Vec<f64> = (0..n).map(|_| random.wide(-40, 40)).collect();
    let little = random.below(3);
    for i in 64..n {
        if i / 64 % 2 == 1 {
            x[i] = match little {
                0 => -x[i - 64],
                1 => -x[i - 64] * (1.0 + f64::EPSILON),
                _ => -x[i - 64] + random.signed() * 2f64.powi(-60),
            };
        }
    }
    x
}

#[test]
fn sums_down_columns_have_the_bits_of_sums_along_where_stretches_cancel() {
    same_bits_of_columns(Op::Sum, cancelling);
    same_bits_of_columns(Op::Sum, |random, n| {
        let (re, im) = (cancelling(random, n), cancelling(random, n));
        let parts = re.into_iter().zip(im);
        parts.map(|(re, im)| Complex { re, im }).collect()
    });
}

/// Many lines at once, of which nobody asks for the totals, have the bits of one.
fn same_bits_of_many<T: Draw>(seed: u64) {
    let size = size_of::<T>();
    let mut random = Random(size as u64 + 60 + 100 * seed);
    for (count, n, inner) in [
        (9, 1, 1),
        (8, 2, 1),
        (7, 3, 1),
        (5, 40, 1),
        (1, 30, 1),
        (4, 64, 1),
        (3, 65, 1),
        (30, 2, 2),
        (9, 5, 3),
        (5, 2, 16),
        (5, 3, 17),
        (4, 1, 23),
        (4, 64, 13),
        (3, 9, 65),
        (2, 65, 9),
    ] {
        let lines: Vec<Vec<T>> = (0..count * inner)
            .map(|_| T::draw(&mut random, n))
            .collect();
        let place = |line: usize, i: usize| {
            let (panel, column) = (line / inner, line % inner);
            panel * (n * inner + 1) + i * inner + column
        };
        let bytes = count * (n * inner + 1) * size;
        for isa in everywhere() {
            for variant in 0..4 {
                let (exclusive, in_place) = (variant & 1 != 0, variant & 2 != 0);
                let mut x = vec![0u8; bytes];
                let mut apart = vec![0u8; bytes];
                for (line, elements) in lines.iter().enumerate() {
                    for (i, &element) in elements.iter().enumerate() {
                        let at = &mut x[place(line, i) * size..][..size];
                        // SAFETY: as many bytes.
                        unsafe { at.as_mut_ptr().cast::<T>().write_unaligned(element) };
                    }
                }
                let from = x.as_mut_ptr();
                let to = match in_place {
                    true => from,
                    false => apart.as_mut_ptr(),
                };
                let mut acc = vec![0u128; lines.len() * LARGEST_ACCUMULATOR / 16];
                let pitch = (size * if inner > 1 { inner } else { n + 1 }) as isize;
                let block = Block {
                    x: from,
                    x_pitch: pitch,
                    out: to,
                    out_pitch: pitch,
                    len: if inner > 1 { inner } else { n },
                    rows: if inner > 1 { n } else { count },
                    acc: acc.as_mut_ptr().cast(),
                    started: false,
                    keep: false,
                    exclusive,
                    spacing: Spacing::Forward,
                    stream: false,
                    ahead: 0,
                };
                let (kernel, _) = tested(isa, Op::Sum, T::DTYPE);
                let apart = ((n * inner + 1) * size) as isize;
                let panels = Panels {
                    count,
                    x: apart,
                    out: apart,
                };
                let (mode, overflow) = (Mode::Compensated, Overflow::Wrap);
                // SAFETY: arrays of all lines, and an accumulator for each.
                unsafe {
                    match many_lines(isa, Op::Sum, T::DTYPE, mode, overflow) {
                        _ if inner == 1 => (kernel.along)(&block),
                        Some(many) => (many.across)(&block, panels, false),
                        None => continue,
                    }
                }
                let reference = tested(Isa::Scalar, Op::Sum, T::DTYPE);
                for (line, elements) in lines.iter().enumerate() {
                    let call = Call { exclusive, ..PLAIN };
                    let (expected, _) = scan(reference, elements, None, call);
                    for (i, expected) in expected.into_iter().enumerate() {
                        // SAFETY: the line's place.
                        let r = unsafe { to.cast::<T>().add(place(line, i)).read_unaligned() };
                        let at = format!("{isa:?} {count}x{n}x{inner} {variant} at {i} of {line}");
                        assert_eq!(r.bits(), expected.bits(), "{at}: {r:?} for {expected:?}");
                    }
                }
            }
        }
    }
}

#[test]
fn sums_of_many_short_lines_have_the_bits_of_sums_along() {
    for seed in 0..8 {
        same_bits_of_many::<f64>(seed);
        same_bits_of_many::<f32>(seed);
        same_bits_of_many::<F16>(seed);
        same_bits_of_many::<Bf16>(seed);
        same_bits_of_many::<Complex<f64>>(seed);
        same_bits_of_many::<Complex<f32>>(seed);
    }
}
