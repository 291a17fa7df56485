//! Sums in groups against one addition after the other.
//!
//! Plain `cargo test` takes about a million elements per type. The long form takes more than 10^8 per
//! type, and all 2^32 values through the check that groups rest on:
//!
//! ```text
//! cargo test --release --lib speculate -- --ignored long_ --nocapture
//! ```

mod bare;
mod check;
mod data;

use self::data::{BRAIN, DOUBLE, Format, HALF, Random, SINGLE, adversarial, ordinary};
use super::groups::Vector;
use super::line::Size;
use super::x86::{Avx2, Avx512, Chained, Set, Ymm};
use crate::accumulate::Plain;
use crate::dtype::DType;
use crate::elem::{Bf16, Complex, F16};
use crate::kernels::{self, Block, Mode, Overflow, Spacing};
use crate::op::{Combine, Op, Sum};
use crate::simd::Isa;

/// An element type that tests can make and compare.
pub trait Subject: Copy + 'static {
    const DTYPE: DType;
    const FORMAT: Format;
    /// Numbers that make one element.
    const PARTS: usize;
    fn make(parts: &[f64]) -> Self;
    /// The bits of the parts, all NaN alike.
    fn bits(self) -> [u64; 2];
}

macro_rules! subject {
    ($t:ty, $dtype:ident, $format:ident) => {
        impl Subject for $t {
            const DTYPE: DType = DType::$dtype;
            const FORMAT: Format = $format;
            const PARTS: usize = 1;
            fn make(parts: &[f64]) -> $t {
                parts[0] as $t
            }
            fn bits(self) -> [u64; 2] {
                let canonical = if self.is_nan() { <$t>::NAN } else { self };
                [canonical.to_bits() as u64, 0]
            }
        }
    };
    ($t:ty, $dtype:ident, $format:ident, complex) => {
        impl Subject for Complex<$t> {
            const DTYPE: DType = DType::$dtype;
            const FORMAT: Format = $format;
            const PARTS: usize = 2;
            fn make(parts: &[f64]) -> Self {
                Complex {
                    re: parts[0] as $t,
                    im: parts[1] as $t,
                }
            }
            fn bits(self) -> [u64; 2] {
                [self.re.bits()[0], self.im.bits()[0]]
            }
        }
    };
}
subject!(f64, F64, DOUBLE);
subject!(f32, F32, SINGLE);
subject!(f64, C128, DOUBLE, complex);
subject!(f32, C64, SINGLE, complex);

macro_rules! narrow_subject {
    ($t:ident, $dtype:ident, $format:ident) => {
        impl Subject for $t {
            const DTYPE: DType = DType::$dtype;
            const FORMAT: Format = $format;
            const PARTS: usize = 1;
            fn make(parts: &[f64]) -> $t {
                $t::from_f32(parts[0] as f32)
            }
            fn bits(self) -> [u64; 2] {
                self.to_f32().bits()
            }
        }
    };
}
narrow_subject!(F16, F16, HALF);
narrow_subject!(Bf16, Bf16, BRAIN);

/// `n` elements, every part from a series of its own.
fn series<T: Subject>(random: &mut Random, n: usize) -> Vec<T> {
    let parts: Vec<Vec<f64>> = (0..T::PARTS)
        .map(|_| match random.below(5) {
            0 => ordinary(random, n, T::FORMAT),
            _ => adversarial(random, n, T::FORMAT),
        })
        .collect();
    (0..n)
        .map(|i| {
            let element: Vec<f64> = parts.iter().map(|part| part[i]).collect();
            T::make(&element)
        })
        .collect()
}

/// What one kernel call is given, apart from the elements.
#[derive(Clone, Copy, Debug)]
struct Way {
    exclusive: bool,
    in_place: bool,
    /// Bytes by which input and output are off their alignment.
    shift: [usize; 2],
    /// Length of the pieces.
    piece: usize,
    /// Whether the elements lie from higher to lower addresses.
    backward: bool,
}

/// Bytes that the output has on both sides, to see whether they are left alone.
const MARGIN: usize = 256;

/// Scans with a kernel and returns the results and the total.
fn scan<T: Subject>(isa: Isa, x: &[T], carry: Option<T>, way: Way) -> (Vec<T>, T) {
    let kernel = kernels::kernel(isa, Op::Sum, T::DTYPE, Mode::Sequential, Overflow::Wrap)
        .expect("sums of floats have kernels");
    let run = if way.backward {
        kernel.backward.expect("the caller looked")
    } else {
        kernel.along
    };
    let at = |i: usize| if way.backward { x.len() - 1 - i } else { i };
    let bytes = size_of_val(x);
    let mut input = vec![0u8; bytes + 2 * MARGIN];
    let mut output = vec![0xa5u8; bytes + 2 * MARGIN];
    let mut acc = [0u128; 2];
    // SAFETY: both buffers have room for the elements and the shift, which is below the margin; the
    // accumulator is aligned and large enough.
    unsafe {
        let out_at = output.as_mut_ptr().add(MARGIN / 2 + way.shift[1]);
        let x_at = if way.in_place {
            out_at
        } else {
            input.as_mut_ptr().add(MARGIN / 2 + way.shift[0])
        };
        for (i, &element) in x.iter().enumerate() {
            x_at.cast::<T>().add(at(i)).write_unaligned(element);
        }
        let slot = acc.as_mut_ptr().cast::<T>();
        if let Some(carry) = carry {
            slot.write(carry);
        }
        let mut started = carry.is_some();
        let mut from = 0;
        while from < x.len() {
            let len = way.piece.min(x.len() - from);
            run(&Block {
                x: x_at.cast::<T>().add(at(from)).cast(),
                x_pitch: 0,
                out: out_at.cast::<T>().add(at(from)).cast(),
                out_pitch: 0,
                len,
                rows: 1,
                acc: slot.cast(),
                started,
                keep: true,
                exclusive: way.exclusive,
                spacing: Spacing::of(way.backward),
                stream: x.len() > 1 << 20,
                ahead: 0,
            });
            started = true;
            from += len;
        }
        let results = (0..x.len())
            .map(|i| out_at.cast::<T>().add(at(i)).read_unaligned())
            .collect();
        let start = MARGIN / 2 + way.shift[1];
        let outside = output[..start].iter().chain(&output[start + bytes..]);
        assert!(outside.copied().all(|byte| byte == 0xa5), "{way:?}");
        (results, slot.read())
    }
}

/// Compares a scan on an instruction set with the portable one.
fn compare<T: Subject>(isa: Isa, x: &[T], carry: Option<T>, way: Way, seed: u64) {
    let plain = Way {
        in_place: false,
        shift: [0, 0],
        piece: x.len(),
        backward: false,
        ..way
    };
    let (expected, total) = scan(Isa::Scalar, x, carry, plain);
    let (got, got_total) = scan(isa, x, carry, way);
    let wrong = (0..x.len()).find(|&i| expected[i].bits() != got[i].bits());
    assert_eq!(wrong, None, "{isa:?} {way:?} seed {seed} n {}", x.len());
    assert_eq!(
        total.bits(),
        got_total.bits(),
        "{isa:?} {way:?} seed {seed}"
    );
}

/// The instruction sets of this module that the processor has; the others are named.
fn available() -> Vec<Isa> {
    let (here, missing): (Vec<Isa>, Vec<Isa>) = [Isa::Avx512, Isa::Avx2]
        .into_iter()
        .partition(|isa| isa.available());
    for isa in missing {
        eprintln!("skipped: {isa:?} is not available");
    }
    here
}

/// Random lines, of at least `elements` elements together, through every instruction set.
fn random_lines<T: Subject>(elements: usize) {
    for isa in available() {
        let mut done = 0;
        let mut seed = 0;
        while done < elements {
            seed += 1;
            let mut random = Random::new(seed);
            let n = match random.below(4) {
                0 => 1 + random.below(700),
                1 => 512 + random.below(3000),
                2 => 512 + random.below(300),
                _ => 1 + random.below(12_000),
            };
            let x = series::<T>(&mut random, n);
            let carry = random.one_in(3).then(|| series::<T>(&mut random, 1)[0]);
            let way = Way {
                exclusive: random.one_in(2),
                in_place: random.one_in(2),
                shift: [random.below(100), random.below(100)],
                piece: if random.one_in(3) { 1024 } else { n },
                backward: size_of::<T>() > 2 && random.one_in(3),
            };
            compare(isa, &x, carry, way, seed);
            done += n;
        }
        println!("{:?} on {isa:?}: {done} elements", T::DTYPE);
    }
}

/// Elements per type and instruction set in plain `cargo test`, and in the long form.
const SHORT_RUN: usize = 700_000;
const LONG_RUN: usize = 110_000_000;

macro_rules! line_tests {
    ($($short:ident, $long:ident: $t:ty;)*) => { $(
        #[test]
        fn $short() {
            random_lines::<$t>(SHORT_RUN);
        }

        #[test]
        #[ignore = "long: more than 10^8 elements"]
        fn $long() {
            random_lines::<$t>(LONG_RUN);
        }
    )* };
}
line_tests! {
    lines_of_f64_are_added_one_by_one, long_lines_of_f64: f64;
    lines_of_f32_are_added_one_by_one, long_lines_of_f32: f32;
    lines_of_c128_are_added_one_by_one, long_lines_of_c128: Complex<f64>;
    lines_of_c64_are_added_one_by_one, long_lines_of_c64: Complex<f32>;
    lines_of_f16_are_added_one_by_one, long_lines_of_f16: F16;
    lines_of_bf16_are_added_one_by_one, long_lines_of_bf16: Bf16;
}

/// A line as one of each size would be done: its bits, and nothing beside it.
fn sized_line<S: Set, T: Subject + Chained>(exclusive: bool, seed: u64) -> usize
where
    Ymm<S, T>: Vector<T = T>,
    Ymm<S, T, true>: Vector<T = T>,
    Sum: Combine<T>,
{
    let mut random = Random::new(seed ^ 0x517e);
    let size = [Size::Cached, Size::Plain, Size::Streamed][random.below(3)];
    let n = 500 + random.below(11_000);
    let mut x: Vec<T> = if random.one_in(2) {
        series(&mut random, n)
    } else {
        // One binade for long, and then another one.
        let part = |_| T::make(&[random.unit(), random.unit()]);
        let mut x: Vec<T> = (0..n).map(part).collect();
        let mut first = 0;
        if random.one_in(2) {
            // Before it, nothing that a forecast could be made of.
            first = random.below(n / 2);
            let sides = |i: usize| {
                if i.is_multiple_of(2) {
                    [1.5; 2]
                } else {
                    [-1.5; 2]
                }
            };
            (0..first).for_each(|i| x[i] = T::make(&sides(i)));
        }
        x[first] = T::make(&[5000.0, 5000.0]);
        if first == 0 {
            x[n / 2] = T::make(&[-9000.0, 9000.0]);
        }
        x
    };
    let carry = random.one_in(3).then(|| series::<T>(&mut random, 1)[0]);
    let in_place = size != Size::Streamed && random.one_in(2);
    let shift = random.below(64);
    let mut expected = vec![T::ZERO; n + 64];
    let way = super::line::Way {
        exclusive,
        backward: false,
    };
    let mut got = expected.clone();
    if in_place {
        got[shift..][..n].copy_from_slice(&x);
        expected[shift..][..n].copy_from_slice(&x);
    }
    // SAFETY: there is room for n elements from the shift on; the instruction set is there (callers).
    unsafe {
        let out = expected.as_mut_ptr().add(shift);
        kernels::along::line::<Plain<Sum, T>>(
            x.as_mut_ptr(),
            out,
            n,
            [size_of::<T>() as isize; 2],
            carry,
            exclusive,
        );
        let out = got.as_mut_ptr().add(shift);
        let source = if in_place {
            out.cast_const()
        } else {
            x.as_ptr()
        };
        super::line::line::<Ymm<S, T>>(source, out, n, carry, way, size);
    }
    let wrong = (0..n + 64).find(|&i| expected[i].bits() != got[i].bits());
    assert_eq!(wrong, None, "seed {seed} {size:?} in place: {in_place}");
    n
}

/// [`sized_line`] for as many elements per type and instruction set.
fn sized_lines(elements: usize) {
    for isa in available() {
        let mut done = 0;
        let mut seed = 0;
        while done < 4 * elements {
            done += if isa == Isa::Avx512 {
                sized_line::<Avx512, f64>(false, seed)
                    + sized_line::<Avx512, f64>(true, seed + 1)
                    + sized_line::<Avx512, f32>(true, seed)
                    + sized_line::<Avx512, f32>(false, seed + 1)
                    + sized_line::<Avx512, Complex<f64>>(true, seed)
                    + sized_line::<Avx512, Complex<f32>>(false, seed + 1)
            } else {
                sized_line::<Avx2, f64>(true, seed)
                    + sized_line::<Avx2, f64>(false, seed + 1)
                    + sized_line::<Avx2, f32>(false, seed)
                    + sized_line::<Avx2, f32>(true, seed + 1)
                    + sized_line::<Avx2, Complex<f64>>(false, seed)
                    + sized_line::<Avx2, Complex<f32>>(true, seed + 1)
            };
            seed += 1;
        }
        println!("{isa:?}: {done} elements");
    }
}

#[test]
fn lines_of_every_size_are_added_one_by_one() {
    sized_lines(SHORT_RUN);
}

#[test]
#[ignore = "long: more than 10^8 elements per type"]
fn long_lines_of_every_size() {
    sized_lines(LONG_RUN);
}

/// A sum that grows steadily but for peaks, each of which ends an attempt at groups that has hardly paid.
#[test]
fn steady_lines_with_peaks_do_not_spend_what_they_have_not() {
    for peak in (0..96).step_by(4) {
        let x: Vec<f64> = (0..4096)
            .map(|i| match i % 96 {
                _ if i < 100 => 3.0,
                place if place == peak => 1e9,
                place if place == peak + 1 => -1e9,
                _ => 1e-3,
            })
            .collect();
        let way = Way {
            exclusive: false,
            in_place: false,
            shift: [0; 2],
            piece: x.len(),
            backward: false,
        };
        for isa in available() {
            compare(isa, &x, None, way, peak);
        }
    }
}
