//! The kernels for many lines against the portable ones, bit for bit up to the sign and payload of NaN.

use super::{Panels, lines};
use crate::dtype::DType;
use crate::elem::{Elem, with_dtype};
use crate::kernels::{self, Block, Kernel, Mode, Overflow, Spacing, portable};
use crate::op::Op;
use crate::simd::Isa;

/// A small generator: xorshift with a multiplication.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    fn below(&mut self, n: usize) -> usize {
        (self.next() >> 33) as usize % n
    }
}

/// Bytes of `n` elements: values that meet in their exponents, and now and then any bits at all, a
/// zero of either sign, an infinity or a NaN.
fn values(random: &mut Random, dtype: DType, n: usize) -> Vec<u8> {
    let part = match dtype {
        DType::C64 => DType::F32,
        DType::C128 => DType::F64,
        part => part,
    };
    let parts = n * dtype.size() / part.size();
    let mut bytes = Vec::new();
    for _ in 0..parts {
        let any = random.next();
        let plain = (any >> 40) as f64 / 4096.0 - 2048.0;
        let special = [0.0, -0.0, f64::INFINITY, f64::NEG_INFINITY, f64::NAN, 1.0];
        let value = match random.below(40) {
            0 => special[random.below(special.len())],
            _ => plain,
        };
        let wild = random.below(25) == 0;
        match part {
            DType::F64 if !wild => bytes.extend(value.to_ne_bytes()),
            DType::F32 if !wild => bytes.extend((value as f32).to_ne_bytes()),
            DType::F16 if !wild => {
                bytes.extend(crate::elem::F16::from_f32(value as f32).0.to_ne_bytes())
            }
            DType::Bf16 if !wild => {
                bytes.extend(crate::elem::Bf16::from_f32(value as f32).0.to_ne_bytes())
            }
            _ => bytes.extend(&any.to_ne_bytes()[..part.size()]),
        }
    }
    bytes
}

/// One call of a kernel.
#[derive(Clone, Copy, Debug)]
struct Case {
    across: bool,
    rows: usize,
    len: usize,
    /// Elements between the rows.
    gap: usize,
    panels: usize,
    exclusive: bool,
    started: bool,
    keep: bool,
    in_place: bool,
    stream: bool,
    /// Whether rows run backward, which is compared with rows turned around beforehand.
    backward: bool,
    /// Bytes by which the rows are off the alignment.
    off: usize,
}

/// Room for accumulators.
#[repr(align(64))]
#[derive(Clone)]
struct Aligned([u8; 1 << 14]);

/// Turns the elements of each row around.
fn turn(bytes: &mut [u8], pitch: usize, len: usize, size: usize) {
    for row in bytes.chunks_exact_mut(pitch) {
        for i in 0..len / 2 {
            let (front, back) = row.split_at_mut((len - 1 - i) * size);
            front[i * size..][..size].swap_with_slice(&mut back[..size]);
        }
    }
}

fn check(op: Op, dtype: DType, case: Case, random: &mut Random) {
    let kernel: &Kernel = portable(op, dtype, Mode::Sequential, Overflow::Wrap).expect("exists");
    let many = lines(Isa::Avx2, op, dtype, Mode::Sequential, Overflow::Wrap).expect("exists");
    let size = dtype.size();
    let pitch = (case.len + case.gap) * size;
    let panel = pitch * case.rows;
    let bytes = panel * case.panels + case.off + 64;
    let x = values(random, dtype, bytes.div_ceil(size));
    let lines_of_panel = if case.across { case.len } else { case.rows };
    let mut accs = values(random, dtype, lines_of_panel * case.panels);
    if dtype == DType::Bool {
        // Accumulators are canonical.
        accs.iter_mut().for_each(|acc| *acc &= 1);
    }
    let mut results = Vec::new();
    for tuned in [false, true] {
        let mut input = x.clone();
        let turned = case.backward && !tuned;
        if turned {
            turn(&mut input, pitch, case.len, size);
        }
        // Elements from the lowest of a row to the first.
        let first = if case.backward && tuned {
            (case.len - 1) * size
        } else {
            0
        };
        let mut room = vec![0u64; (bytes + 128) / 8];
        let base = room.as_mut_ptr().cast::<u8>();
        let base = base.wrapping_add(base.align_offset(64) + case.off);
        let out = if case.in_place {
            input.as_mut_ptr()
        } else {
            base
        };
        let mut acc = Aligned([0; 1 << 14]);
        acc.0[..accs.len()].copy_from_slice(&accs);
        let block = Block {
            x: input.as_ptr().wrapping_add(first),
            x_pitch: pitch as isize,
            out: out.wrapping_add(first),
            out_pitch: pitch as isize,
            len: case.len,
            rows: case.rows,
            acc: acc.0.as_mut_ptr(),
            started: case.started,
            keep: case.keep,
            exclusive: case.exclusive,
            spacing: Spacing::of(case.backward && tuned),
            stream: false,
            ahead: if case.stream { 16 << 10 } else { 0 },
        };
        // SAFETY: the arrays hold all panels; the accumulators fit their room; the test asks for the
        // instruction set first.
        unsafe {
            if case.across && tuned {
                let by = panel as isize;
                let panels = Panels {
                    count: case.panels,
                    x: by,
                    out: by,
                };
                (many.across)(&block, panels, case.stream);
            } else if case.across {
                for i in 0..case.panels {
                    (kernel.across)(&Block {
                        x: block.x.add(i * panel),
                        out: block.out.add(i * panel),
                        acc: block.acc.add(i * case.len * size),
                        ..block
                    });
                }
            } else if tuned {
                let along = many.along.expect("asked for");
                let rest = if case.backward {
                    let single =
                        kernels::kernel(Isa::Avx2, op, dtype, Mode::Sequential, Overflow::Wrap);
                    let single = single.and_then(|kernel| kernel.backward);
                    single.unwrap_or(kernel.along)
                } else {
                    kernel.along
                };
                along(&block, rest, case.stream);
            } else {
                (kernel.along)(&block);
            }
            let mut shown = std::slice::from_raw_parts(out, panel * case.panels).to_vec();
            if turned {
                turn(&mut shown, pitch, case.len, size);
            }
            results.push((shown, acc.0[..accs.len()].to_vec()));
        }
    }
    let same = |a: &[u8], b: &[u8]| with_dtype!(dtype, T => same_elements::<T>(a, b));
    let [(out, acc), (tuned_out, tuned_acc)] = &results[..] else {
        panic!("two results")
    };
    assert_eq!(same(out, tuned_out), None, "{op:?} {dtype:?} {case:?}");
    if case.keep {
        assert_eq!(
            same(acc, tuned_acc),
            None,
            "carry: {op:?} {dtype:?} {case:?}"
        );
    }
}

/// The first element in which two arrays differ, but for what is left open of a NaN.
fn same_elements<T: Elem>(a: &[u8], b: &[u8]) -> Option<usize> {
    let size = size_of::<T>();
    let differ = |(a, b): (&[u8], &[u8])| {
        // SAFETY: both chunks are as long as an element.
        let nan = |x: &[u8]| unsafe { x.as_ptr().cast::<T>().read_unaligned() }.is_nan();
        a != b && !(nan(a) && nan(b))
    };
    a.chunks_exact(size)
        .zip(b.chunks_exact(size))
        .position(differ)
}

/// Every operation and type that has kernels here.
fn kinds() -> Vec<(Op, DType)> {
    let mut kinds = Vec::new();
    for op in [Op::Sum, Op::Prod, Op::Max, Op::Min] {
        for dtype in DType::ALL {
            if lines(Isa::Avx2, op, dtype, Mode::Sequential, Overflow::Wrap).is_some() {
                kinds.push((op, dtype));
            }
        }
    }
    assert!(kinds.len() > 50);
    kinds
}

fn available() -> bool {
    let there = Isa::Avx2.available();
    if !there {
        println!("skipped: this processor has no AVX2");
    }
    there
}

#[test]
fn groups_of_rows_give_the_bits_of_single_lines() {
    if !available() {
        return;
    }
    let mut random = Random(0x9e37_79b9_7f4a_7c15);
    for (op, dtype) in kinds() {
        let many = lines(Isa::Avx2, op, dtype, Mode::Sequential, Overflow::Wrap).expect("exists");
        if many.along.is_none() {
            continue;
        }
        for len in (1..=35).chain([63, 64, 65, 130]) {
            for turn in 0..9 {
                let case = Case {
                    across: false,
                    rows: [1, 4, 7, 8, 21, 35, 70, 99, 130][turn],
                    len,
                    gap: random.below(3) * random.below(5),
                    panels: 1,
                    exclusive: random.below(2) == 0,
                    started: random.below(2) == 0,
                    keep: random.below(2) == 0,
                    in_place: random.below(3) == 0,
                    stream: random.below(2) == 0,
                    backward: len <= many.backward && random.below(2) == 0,
                    off: random.below(4) * random.below(40),
                };
                check(op, dtype, case, &mut random);
            }
        }
    }
}

#[test]
fn few_and_short_rows_give_the_bits_of_single_lines() {
    if !available() {
        return;
    }
    let mut random = Random(0x5eed);
    for (op, dtype) in kinds() {
        let many = lines(Isa::Avx2, op, dtype, Mode::Sequential, Overflow::Wrap).expect("exists");
        // Prefixes within registers go further, as do rows in a room of their own.
        let longest: usize = if dtype.size() == 2 { 90 } else { 26 };
        if many.along.is_none() {
            continue;
        }
        for len in (1..=longest).chain([longest.pow(2) / 16 + 1]) {
            for rows in [1, 2, 3, 5, 15, 17] {
                let case = Case {
                    across: false,
                    rows,
                    len,
                    gap: random.below(2) * random.below(9),
                    panels: 1,
                    exclusive: random.below(2) == 0,
                    started: random.below(3) == 0,
                    keep: random.below(3) == 0,
                    in_place: random.below(2) == 0,
                    stream: false,
                    backward: len <= many.backward && random.below(2) == 0,
                    off: random.below(4) * random.below(40),
                };
                check(op, dtype, case, &mut random);
            }
        }
    }
}

#[test]
fn rows_that_meet_in_the_cache_give_the_same_bits() {
    if !available() {
        return;
    }
    let mut random = Random(7);
    for (op, dtype) in [
        (Op::Sum, DType::F64),
        (Op::Prod, DType::C128),
        (Op::Sum, DType::F16),
    ] {
        for stream in [false, true] {
            let case = Case {
                across: false,
                rows: 21,
                len: 4096 / dtype.size() - 3,
                gap: 3,
                panels: 1,
                exclusive: stream,
                started: false,
                keep: false,
                in_place: false,
                stream,
                backward: false,
                off: 16,
            };
            check(op, dtype, case, &mut random);
        }
    }
}

#[test]
fn columns_give_the_bits_of_the_portable_kernel() {
    if !available() {
        return;
    }
    let mut random = Random(0x1234_5678_9abc_def1);
    for (op, dtype) in kinds() {
        for len in (1..=40).chain([63, 64, 65, 130]) {
            for rows in [1, 2, 5, 6, 13] {
                let case = Case {
                    across: true,
                    rows,
                    len,
                    gap: random.below(3) * random.below(5),
                    panels: 1 + random.below(3),
                    exclusive: random.below(2) == 0,
                    started: random.below(2) == 0,
                    keep: random.below(2) == 0,
                    in_place: random.below(3) == 0,
                    stream: random.below(2) == 0,
                    backward: false,
                    off: random.below(4) * random.below(40),
                };
                check(op, dtype, case, &mut random);
            }
        }
    }
}

#[test]
fn streamed_rows_of_every_alignment_give_the_same_bits() {
    if !available() {
        return;
    }
    let mut random = Random(99);
    for dtype in [DType::F64, DType::F32, DType::C64, DType::C128, DType::I32] {
        let size = dtype.size();
        for off in (0..64).step_by(4) {
            for len in [3, 8, 9, 31] {
                for across in [false, true] {
                    for op in [Op::Sum, Op::Prod] {
                        let case = Case {
                            across,
                            rows: 17,
                            len,
                            gap: (len * size).next_multiple_of(32) / size - len,
                            panels: 1,
                            exclusive: off % 8 == 0,
                            started: off % 12 == 0,
                            keep: off % 16 == 0,
                            in_place: false,
                            stream: true,
                            backward: false,
                            off,
                        };
                        check(op, dtype, case, &mut random);
                    }
                }
            }
        }
    }
}
