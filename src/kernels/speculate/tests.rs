//! Sums in groups against one addition after the other.
//!
//! Plain `cargo test` takes about a million elements per type. The long form takes more than 10^8 per
//! type, and all 2^32 values through the check that groups rest on:
//!
//! ```text
//! cargo test --release --lib speculate -- --ignored long_ --nocapture
//! ```

use super::groups::{Parts, Vector};
use super::line::{Method, Stretch};
use super::x86::{Avx2, Avx512, Set, Ymm};
use crate::accumulate::Plain;
use crate::dtype::DType;
use crate::elem::{Bf16, Complex, F16};
use crate::kernels::{self, Block, Mode, Overflow};
use crate::op::{Combine, Op, Sum};
use crate::simd::Isa;

/// A small generator of random numbers (M. O'Neill's PCG, 64 bits, xorshift-multiply output).
pub struct Random(u64);

impl Random {
    pub fn new(seed: u64) -> Random {
        Random(seed ^ 0x9e37_79b9_7f4a_7c15)
    }

    pub fn bits(&mut self) -> u64 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        let x = (self.0 ^ (self.0 >> 32)).wrapping_mul(0xd6e8_feb8_6659_fd93);
        x ^ (x >> 32)
    }

    pub fn below(&mut self, n: usize) -> usize {
        (self.bits() % n as u64) as usize
    }

    pub fn one_in(&mut self, n: usize) -> bool {
        self.below(n) == 0
    }

    fn unit(&mut self) -> f64 {
        (self.bits() >> 11) as f64 * 2f64.powi(-53)
    }

    fn sign(&mut self) -> f64 {
        if self.bits() & 1 == 0 { 1.0 } else { -1.0 }
    }
}

/// The format of an element's parts: digits, and the exponents of its normal numbers.
#[derive(Clone, Copy)]
pub struct Format {
    pub digits: i32,
    pub exponents: (i32, i32),
    pub round: fn(f64) -> f64,
}

const DOUBLE: Format = Format {
    digits: 53,
    exponents: (-1022, 1023),
    round: |x| x,
};

const SINGLE: Format = Format {
    digits: 24,
    exponents: (-126, 127),
    round: |x| x as f32 as f64,
};

const HALF: Format = Format {
    digits: 11,
    exponents: (-14, 15),
    round: |x| F16::from_f32(x as f32).to_f32() as f64,
};

const BRAIN: Format = Format {
    digits: 8,
    exponents: (-126, 127),
    round: |x| Bf16::from_f32(x as f32).to_f32() as f64,
};

/// 2^e, also where that is denormal or infinite.
fn power(e: i32) -> f64 {
    2f64.powi(e / 2) * 2f64.powi(e - e / 2)
}

/// The exponent of a number that is neither 0 nor infinite.
fn exponent(x: f64) -> i32 {
    let e = (x.to_bits() >> 52 & 0x7ff) as i32 - 1023;
    if e == -1023 { -1022 } else { e }
}

/// Numbers that are meant to break the groups: most of them harmless, so that groups are begun, and
/// now and then one that depends on the sum so far: a tie or nearly one, a step onto an edge of the
/// binade or beside it, half a binade and a bit, to zero, through zero, or something special.
pub fn adversarial(random: &mut Random, n: usize, format: Format) -> Vec<f64> {
    let (low, high) = format.exponents;
    let pick = [
        0,
        1,
        format.digits - 1,
        -format.digits,
        30,
        high,
        high - 3,
        low,
        low - 4,
        low / 2,
    ];
    let base = pick[random.below(pick.len())];
    let spread = 1 + random.below(60) as i32;
    let digits = 1 + random.below(format.digits as usize) as i32;
    let signs = random.below(4);
    let rarity = [1, 3, 20, 70, 300, 100_000][random.below(6)];
    let specials = random.one_in(12);
    let harmless = random.below(4);
    let mut sum = 0.0f64;
    let mut values = Vec::with_capacity(n);
    for i in 0..n {
        let sign = match signs {
            0 => 1.0,
            1 => -1.0,
            2 => random.sign(),
            _ => {
                if sum < 0.0 {
                    1.0
                } else {
                    -1.0
                }
            }
        };
        let ulp = if sum == 0.0 || !sum.is_finite() {
            power(base - format.digits)
        } else {
            power((exponent(sum) - format.digits + 1).max(low - format.digits + 1))
        };
        let edge = if sum.is_finite() && sum != 0.0 {
            power(exponent(sum))
        } else {
            1.0
        };
        let mut x = if i == 0 && random.one_in(2) {
            // Beside an edge.
            power(base) + (random.below(64) as f64 - 32.0) * power(base - format.digits)
        } else if i > 0 && random.one_in(rarity) {
            let nudge = [0.0, 0.25, -0.25, 1e-3, -1e-3][random.below(5)] * ulp;
            match random.below(9) {
                // Ties and what is near them.
                0 | 1 => (random.below(9) as f64 - 4.5) * ulp + nudge,
                2 => (random.bits() % (1 << format.digits.min(50))) as f64 * ulp + ulp / 2.0,
                // Onto an edge, or beside it.
                3 => 2.0 * edge - sum.abs() + (random.below(5) as f64 - 2.0) * ulp / 2.0,
                4 => edge - sum.abs() + (random.below(5) as f64 - 2.0) * ulp / 4.0,
                // The bounds of the check.
                5 => random.sign() * (edge / 2.0 + (random.below(17) as f64 - 8.0) * ulp / 4.0),
                6 => -sum.abs() * random.below(3) as f64,
                7 => random.sign() * edge * power(random.below(70) as i32 - 5),
                _ => 0.0 * random.sign(),
            }
        } else {
            match harmless {
                0 => random.unit() * edge / 256.0,
                1 => random.below(8) as f64 * ulp,
                2 => random.unit() * ulp * 64.0,
                _ => {
                    let fraction = (random.bits() >> (64 - digits)) as f64;
                    fraction
                        * power(
                            (base - digits - random.below(spread as usize) as i32)
                                .clamp(-1070, 970),
                        )
                }
            }
        };
        x *= sign;
        if specials && random.one_in(200) {
            let special = [
                f64::NAN,
                f64::INFINITY,
                -f64::INFINITY,
                -0.0,
                power(low - format.digits + 1),
                power(high) * 1.75,
            ];
            x = special[random.below(6)];
        }
        let x = (format.round)(x);
        values.push(x);
        sum = (format.round)(sum + x);
        if !sum.is_finite() && random.one_in(30) {
            sum = 0.0;
        }
    }
    if random.one_in(6) {
        // Sums that come back to zero.
        for i in (1..n).rev() {
            let difference = (format.round)(values[i] - values[i - 1]);
            if difference.is_finite() {
                values[i] = difference;
            }
        }
    }
    values
}

/// Numbers as they occur, by kind.
pub fn ordinary(random: &mut Random, n: usize, format: Format) -> Vec<f64> {
    let normal = |random: &mut Random| (0..12).map(|_| random.unit()).sum::<f64>() - 6.0;
    let kind = random.below(9);
    let mut last = 0.0;
    (0..n)
        .map(|i| {
            let x = match kind {
                0 => random.unit(),
                1 => normal(random),
                2 => (i as f64 * 0.01).sin(),
                3 => {
                    let before = std::mem::replace(&mut last, normal(random));
                    last - before
                }
                4 => 0.0,
                5 => random.below(100) as f64,
                6 => random.below(100_000) as f64 / 100.0,
                7 => normal(random) * 10f64.powi(random.below(60) as i32 - 30),
                _ => -(random.unit().max(1e-9)).ln(),
            };
            (format.round)(x)
        })
        .collect()
}

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
}

/// Bytes that the output has on both sides, to see whether they are left alone.
const MARGIN: usize = 256;

/// Scans with a kernel and returns the results and the total.
fn scan<T: Subject>(isa: Isa, x: &[T], carry: Option<T>, way: Way) -> (Vec<T>, T) {
    let kernel = kernels::kernel(isa, Op::Sum, T::DTYPE, Mode::Sequential, Overflow::Wrap)
        .expect("sums of floats have kernels");
    let size = size_of::<T>();
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
        std::ptr::copy_nonoverlapping(x.as_ptr().cast::<u8>(), x_at, bytes);
        let slot = acc.as_mut_ptr().cast::<T>();
        if let Some(carry) = carry {
            slot.write(carry);
        }
        let mut started = carry.is_some();
        let mut from = 0;
        while from < x.len() {
            let len = way.piece.min(x.len() - from);
            (kernel.along[way.exclusive as usize])(&Block {
                x: x_at.add(from * size),
                x_pitch: 0,
                out: out_at.add(from * size),
                out_pitch: 0,
                len,
                rows: 1,
                acc: slot.cast(),
                started,
            });
            started = true;
            from += len;
        }
        let results = (0..x.len())
            .map(|i| out_at.cast::<T>().add(i).read_unaligned())
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

/// Groups by themselves, with none of the caution of a line: from every place where a binade is there,
/// as many as succeed; then on by one group's elements. Returns how many groups succeeded and failed.
fn bare_groups<S: Set, T: Subject + Parts, const EXCLUSIVE: bool>(
    random: &mut Random,
    n: usize,
    seed: u64,
) -> [usize; 2]
where
    Ymm<S, T>: Vector<T = T>,
    Sum: Combine<T>,
{
    let group = Ymm::<S, T>::GROUP;
    let x = series::<T>(random, n);
    let sums: Vec<T> = x
        .iter()
        .scan(None, |sum: &mut Option<T>, &x| {
            *sum = Some(sum.map_or(x, |sum| Sum::combine(sum, x)));
            *sum
        })
        .collect();
    let in_place = random.one_in(2);
    let mut counts = [0, 0];
    let mut i = 1;
    while i + group <= n {
        let carry = sums[i - 1];
        let mut to = i + 1 + random.below(group);
        if Ymm::<S, T>::ready(carry) {
            let mut out = x.clone();
            let source = if in_place { out.as_ptr() } else { x.as_ptr() };
            // SAFETY: the instruction set is there (callers), and the groups lie within the vectors.
            let (done, total) = unsafe {
                let stretch = Stretch {
                    x: source.add(i),
                    out: out.as_mut_ptr().add(i),
                    groups: (n - i) / group,
                    carry,
                    stream: false,
                };
                Ymm::<S, T>::groups::<EXCLUSIVE>(&stretch)
            };
            let end = i + done * group;
            for j in 0..n {
                let expected = if !(i..end).contains(&j) {
                    x[j]
                } else if EXCLUSIVE {
                    sums[j - 1]
                } else {
                    sums[j]
                };
                assert_eq!(
                    out[j].bits(),
                    expected.bits(),
                    "seed {seed} at {j} from {i}"
                );
            }
            assert_eq!(
                total.bits(),
                sums[end - 1].bits(),
                "seed {seed} total from {i}"
            );
            counts[0] += done;
            counts[1] += (end + group <= n) as usize;
            to += done * group;
        }
        i = to;
    }
    counts
}

/// [`bare_groups`] until `elements` have been offered.
fn many_bare_groups<T: Subject + Parts>(elements: usize)
where
    Ymm<Avx512, T>: Vector<T = T>,
    Ymm<Avx2, T>: Vector<T = T>,
    Sum: Combine<T>,
{
    for isa in available() {
        let mut counts = [0, 0];
        let mut seed = 0;
        let mut done = 0;
        while done < elements {
            seed += 1;
            let mut random = Random::new(seed ^ 0x5eed);
            let n = 200 + random.below(800);
            let [good, bad] = match (isa, random.one_in(2)) {
                (Isa::Avx512, false) => bare_groups::<Avx512, T, false>(&mut random, n, seed),
                (Isa::Avx512, true) => bare_groups::<Avx512, T, true>(&mut random, n, seed),
                (_, false) => bare_groups::<Avx2, T, false>(&mut random, n, seed),
                (_, true) => bare_groups::<Avx2, T, true>(&mut random, n, seed),
            };
            counts = [counts[0] + good, counts[1] + bad];
            done += n;
        }
        let [good, bad] = counts;
        println!(
            "{:?} on {isa:?}: {good} groups succeeded, {bad} failed",
            T::DTYPE
        );
        // Otherwise the test would not have seen much.
        assert!(good > elements / 5000 && bad > elements / 5000);
    }
}

#[test]
fn bare_groups_of_f64_are_right_or_refused() {
    many_bare_groups::<f64>(SHORT_RUN / 2);
}

#[test]
fn bare_groups_of_f32_are_right_or_refused() {
    many_bare_groups::<f32>(SHORT_RUN / 2);
}

#[test]
fn bare_groups_of_c128_are_right_or_refused() {
    many_bare_groups::<Complex<f64>>(SHORT_RUN / 2);
}

#[test]
fn bare_groups_of_c64_are_right_or_refused() {
    many_bare_groups::<Complex<f32>>(SHORT_RUN / 2);
}

#[test]
#[ignore = "long: 10^8 elements"]
fn long_bare_groups() {
    many_bare_groups::<f64>(30_000_000);
    many_bare_groups::<f32>(30_000_000);
    many_bare_groups::<Complex<f64>>(30_000_000);
    many_bare_groups::<Complex<f32>>(30_000_000);
}

/// A line that is stored past the caches, where the output allows it: its bits, and nothing beside it.
fn streamed_line<S: Set, T: Subject + Parts, const EXCLUSIVE: bool>(seed: u64)
where
    Ymm<S, T>: Vector<T = T>,
    Sum: Combine<T>,
{
    let mut random = Random::new(seed);
    // One binade for long enough, and then others.
    let n = 9000 + random.below(6000);
    let mut x: Vec<T> = (0..n)
        .map(|_| T::make(&[random.unit(), random.unit()]))
        .collect();
    x[0] = T::make(&[5000.0, 5000.0]);
    x[n / 2] = T::make(&[-9000.0, 9000.0]);
    let mut expected = vec![T::ZERO; n + 64];
    let mut got = expected.clone();
    let shift = random.below(64);
    // SAFETY: there is room for n elements from the shift on; the instruction set is there (callers).
    unsafe {
        let out = expected.as_mut_ptr().add(shift);
        kernels::along::line::<Plain<Sum, T>, EXCLUSIVE>(x.as_ptr(), out, n, None);
        let out = got.as_mut_ptr().add(shift);
        super::line::line::<Ymm<S, T>, EXCLUSIVE>(x.as_ptr(), out, n, None, true);
    }
    let same = |(a, b): (&T, &T)| a.bits() == b.bits();
    assert!(expected.iter().zip(&got).all(same), "seed {seed}");
}

#[test]
fn lines_stored_past_the_caches_are_added_one_by_one() {
    for isa in available() {
        for seed in 0..40 {
            if isa == Isa::Avx512 {
                streamed_line::<Avx512, f64, false>(seed);
                streamed_line::<Avx512, f32, true>(seed);
                streamed_line::<Avx512, Complex<f64>, true>(seed);
                streamed_line::<Avx512, Complex<f32>, false>(seed);
            } else {
                streamed_line::<Avx2, f64, true>(seed);
                streamed_line::<Avx2, f32, false>(seed);
                streamed_line::<Avx2, Complex<f64>, false>(seed);
                streamed_line::<Avx2, Complex<f32>, true>(seed);
            }
        }
    }
}

/// Passes every `step`th f32 as an element through the check, beside a carry with this exponent, and
/// asks that what passes is rounded right and no tie.
fn check_all(exponent: u32, step: usize) {
    let middle = exponent << 23 | 1 << 22;
    let ulp = power(exponent as i32 - 127 - 23);
    let [even, odd] = [f32::from_bits(middle), f32::from_bits(middle + 1)];
    let agreed = (2 * middle).wrapping_add(1);
    let mut passed = 0u64;
    for bits in (0..=u32::MAX).step_by(step) {
        let x = f32::from_bits(bits);
        for (base, other) in [(even, odd), (odd, even)] {
            let up = (base + x).to_bits();
            let down = (other - x).to_bits();
            if up.wrapping_add(down) == agreed {
                passed += 1;
                // Exact: a quotient by a power of two, far from the ends of f64's range.
                let quotient = x as f64 / ulp;
                let nearest = quotient.round_ties_even();
                assert!((quotient - nearest).abs() < 0.5, "{bits:08x} is a tie");
                let counted = up.wrapping_sub(base.to_bits()) as i32;
                assert_eq!(counted as f64, nearest, "{bits:08x}");
                let counted = other.to_bits().wrapping_sub(down) as i32;
                assert_eq!(counted as f64, nearest, "{bits:08x}");
            }
        }
    }
    println!("exponent {exponent}: {passed} passed");
    // All small numbers but ties pass.
    assert!(passed > exponent as u64 * (1 << 23) / step as u64 / 2);
}

#[test]
fn what_passes_the_check_is_no_tie_and_rounded_right() {
    for exponent in [1, 2, 24, 60, 127, 200, 252, 253] {
        check_all(exponent, 4099);
    }
}

#[test]
#[ignore = "long: all 2^32 values, for several exponents"]
fn long_every_f32_passes_the_check_only_if_rounded_right() {
    for exponent in [1, 2, 25, 127, 201, 253] {
        check_all(exponent, 1);
    }
}
