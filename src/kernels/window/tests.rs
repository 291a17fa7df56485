//! Every instruction set against one operation after the other, or, for reassociated floats, against
//! the grouping written as an obvious loop.
//!
//! `cargo test --release --lib window -- --ignored` runs the long form.

use super::{CHUNK, WINDOW};
use crate::dtype::DType;
use crate::elem::{Bf16, Bool, CastFrom, Complex, Elem, F16};
use crate::kernels::{self, Block, Kernel, Mode, Overflow, Run, Spacing};
use crate::op::{CappedSum, Combine, Max, Min, Op, Prod, Sum};
use crate::simd::Isa;

/// Bytes by which elements may be off their alignment.
const SLACK: usize = 64;

/// A xorshift generator.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    fn below(&mut self, n: usize) -> usize {
        (self.next() >> 11) as usize % n
    }
}

/// An element type as the tests need it.
trait Sample: Elem {
    const DTYPE: DType;
    /// An element of data of a kind.
    fn sample(kind: usize, random: &mut Random) -> Self;
    /// The bits; the same for every NaN.
    fn bits(self) -> u128;
}

macro_rules! integer_sample {
    ($($t:ident => $dtype:ident;)*) => { $(
        impl Sample for $t {
            const DTYPE: DType = DType::$dtype;
            fn sample(kind: usize, random: &mut Random) -> $t {
                match kind % 3 {
                    0 => random.next() as $t,
                    // Odd, so that a product does not become 0 and stay there.
                    1 => random.next() as $t | 1,
                    _ => [0, 1, $t::MAX, $t::MIN, 3][random.below(5)],
                }
            }
            fn bits(self) -> u128 {
                self as u128
            }
        }
    )* };
}
integer_sample! {
    i8 => I8; i16 => I16; i32 => I32; i64 => I64; u8 => U8; u16 => U16; u32 => U32; u64 => U64;
}

impl Sample for Bool {
    const DTYPE: DType = DType::Bool;
    fn sample(kind: usize, random: &mut Random) -> Bool {
        // Any byte but 0 is true; mostly one value, so that or and and do not settle at once.
        let rare = random.below(60) == 0;
        let byte = if rare == kind.is_multiple_of(2) {
            random.next() as u8 | 2
        } else {
            0
        };
        // SAFETY: a Bool is a byte.
        unsafe { std::mem::transmute::<u8, Bool>(byte) }
    }
    fn bits(self) -> u128 {
        // SAFETY: a Bool is a byte.
        unsafe { std::mem::transmute::<Bool, u8>(self) as u128 }
    }
}

/// A float: around 1, of any size, zeros of both signs, infinities, and now and then a NaN.
fn float(kind: usize, random: &mut Random) -> f64 {
    let uniform = (random.next() >> 11) as f64 / (1u64 << 53) as f64;
    let sign = if random.below(2) == 0 { 1.0 } else { -1.0 };
    match kind % 6 {
        0 => uniform + 0.5,
        1 => sign * uniform,
        2 => sign * (uniform + 1.0) * 2f64.powi(random.below(40) as i32 - 20),
        3 => -0.0,
        4 => [0.0, -0.0, 1.0, -1.0, -0.0][random.below(5)],
        _ if random.below(200) > 0 => sign * uniform,
        _ => [f64::INFINITY, f64::NEG_INFINITY, f64::NAN][random.below(3)],
    }
}

macro_rules! float_sample {
    ($($t:ident => $dtype:ident, |$x:ident| $value:expr, |$y:ident| $bits:expr;)*) => { $(
        impl Sample for $t {
            const DTYPE: DType = DType::$dtype;
            fn sample(kind: usize, random: &mut Random) -> $t {
                let $x = float(kind, random);
                $value
            }
            fn bits(self) -> u128 {
                let $y = self;
                if self.is_nan() { u128::MAX } else { $bits as u128 }
            }
        }
    )* };
}
float_sample! {
    f32 => F32, |x| x as f32, |y| y.to_bits();
    f64 => F64, |x| x, |y| y.to_bits();
    F16 => F16, |x| F16::from_f32(x as f32), |y| y.0;
    Bf16 => Bf16, |x| Bf16::from_f32(x as f32), |y| y.0;
}

macro_rules! complex_sample {
    ($($t:ident => $dtype:ident;)*) => { $(
        impl Sample for Complex<$t> {
            const DTYPE: DType = DType::$dtype;
            fn sample(kind: usize, random: &mut Random) -> Self {
                Complex { re: $t::sample(kind, random), im: $t::sample(kind, random) }
            }
            fn bits(self) -> u128 {
                // The parts are NaN or not on their own.
                (self.re.bits() << 64) | (self.im.bits() & u64::MAX as u128)
            }
        }
    )* };
}
complex_sample! { f32 => C64; f64 => C128; }

/// One operation after the other.
fn successive<O: Combine<T>, T: Sample>(x: &[T], start: Option<T>) -> Vec<T> {
    let mut acc = start;
    let step = |&x: &T| {
        let next = acc.map_or(x.canonical(), |acc| O::combine(acc, x));
        acc = Some(next);
        next
    };
    x.iter().map(step).collect()
}

/// The grouping of reassociated floats, as the module's essay has it.
fn grouping<O: Combine<T>, T: Sample>(x: &[T], start: Option<T>) -> Vec<T> {
    let mut out: Vec<T> = Vec::new();
    let mut carry = start;
    let join = |sums: &[T], distance: usize| -> Vec<T> {
        let joined = |i| match i >= distance {
            true => O::combine(sums[i - distance], sums[i]),
            false => sums[i],
        };
        (0..sums.len()).map(joined).collect()
    };
    for chunk in x.chunks(CHUNK) {
        let mut local = join(&join(&join(chunk, 1), 2), 4);
        for i in WINDOW..chunk.len() {
            local[i] = O::combine(local[i - WINDOW], local[i]);
        }
        out.extend(
            local
                .iter()
                .map(|&local| carry.map_or(local, |carry| O::combine(carry, local))),
        );
        carry = out.last().copied();
    }
    out
}

/// Memory whose elements may lie at any address, with bytes around them that must stay.
struct Memory {
    bytes: Vec<u8>,
    start: usize,
    len: usize,
}

const UNTOUCHED: u8 = 0xa5;

impl Memory {
    fn new(offset: usize, len: usize) -> Memory {
        let bytes = vec![UNTOUCHED; len + 3 * SLACK];
        let start = bytes.as_ptr().align_offset(SLACK) + SLACK / 2 + offset;
        Memory { bytes, start, len }
    }

    fn holding<T: Copy>(offset: usize, elements: &[T]) -> Memory {
        let mut memory = Memory::new(offset, size_of_val(elements));
        let to = memory.pointer().cast::<T>();
        for (i, &element) in elements.iter().enumerate() {
            // SAFETY: the memory has as many bytes as the elements.
            unsafe { to.add(i).write_unaligned(element) }
        }
        memory
    }

    fn pointer(&mut self) -> *mut u8 {
        // SAFETY: start is within the bytes.
        unsafe { self.bytes.as_mut_ptr().add(self.start) }
    }

    fn elements<T: Copy>(&self) -> Vec<T> {
        let from = self.bytes[self.start..].as_ptr().cast::<T>();
        // SAFETY: these are elements that were written, or bytes of a type that has no bad ones.
        (0..self.len / size_of::<T>())
            .map(|i| unsafe { from.add(i).read_unaligned() })
            .collect()
    }

    fn is_untouched_around(&self) -> bool {
        let (before, rest) = self.bytes.split_at(self.start);
        let after = &rest[self.len..];
        before.iter().chain(after).all(|&byte| byte == UNTOUCHED)
    }
}

/// How a kernel is called.
#[derive(Clone, Copy, Debug)]
struct Call {
    exclusive: bool,
    in_place: bool,
    offset: usize,
    /// Elements of a piece; 0 for all of them.
    piece: usize,
    /// Whether the elements lie from higher to lower addresses.
    backward: bool,
    /// Whether results are to go past the caches.
    stream: bool,
}

/// Runs a kernel on a line and returns results and accumulator.
fn run<X: Copy, T: Copy>(
    along: Run,
    x: &[X],
    start: Option<T>,
    identity: T,
    call: Call,
) -> (Vec<T>, T) {
    let mut stored = x.to_vec();
    if call.backward {
        stored.reverse();
    }
    let at = |i: usize| if call.backward { x.len() - 1 - i } else { i };
    let mut input = Memory::holding(call.offset, &stored);
    let mut output = Memory::new(call.offset / 3 * 2, size_of::<T>() * x.len());
    let from = input.pointer();
    let to = if call.in_place {
        from
    } else {
        output.pointer()
    };
    let mut acc = [start.unwrap_or(identity)];
    let mut started = start.is_some();
    let piece = if call.piece == 0 { x.len() } else { call.piece };
    let mut done = 0;
    while done < x.len() {
        let len = piece.min(x.len() - done);
        // SAFETY: len elements from `done` on are within both memories.
        unsafe {
            along(&Block {
                x: from.add(at(done) * size_of::<X>()),
                x_pitch: 0,
                out: to.add(at(done) * size_of::<T>()),
                out_pitch: 0,
                len,
                rows: 1,
                acc: acc.as_mut_ptr().cast(),
                started,
                keep: true,
                exclusive: call.exclusive,
                spacing: Spacing::of(call.backward),
                stream: call.stream,
                ahead: 0,
            });
        }
        started = true;
        done += len;
    }
    let written = if call.in_place { &input } else { &output };
    assert!(written.is_untouched_around(), "{call:?}");
    let mut shown: Vec<T> = written.elements();
    if call.backward {
        shown.reverse();
    }
    (shown, acc[0])
}

/// All bits of the results of a scan: inclusive or exclusive, and the total.
fn expected<T: Sample>(
    inclusive: &[T],
    start: Option<T>,
    identity: T,
    exclusive: bool,
) -> Vec<u128> {
    let total = *inclusive.last().expect("at least one element");
    let shown: Vec<T> = if exclusive {
        let rest = &inclusive[..inclusive.len() - 1];
        std::iter::once(start.unwrap_or(identity))
            .chain(rest.iter().copied())
            .collect()
    } else {
        inclusive.to_vec()
    };
    shown.into_iter().chain([total]).map(T::bits).collect()
}

/// The instruction sets that can be tried, with those left out by name.
fn instruction_sets() -> Vec<Isa> {
    let (here, missing): (Vec<Isa>, Vec<Isa>) =
        Isa::ALL.into_iter().partition(|isa| isa.available());
    for isa in missing {
        println!("skipped, not on this processor: {:?}", isa.name());
    }
    here
}

/// Line lengths: every one up to two hundred, and around groups and chunks.
fn lengths() -> Vec<usize> {
    let edges = [256, 512, CHUNK, 2 * CHUNK, 3 * CHUNK + 160];
    let around = edges.into_iter().flat_map(|edge| edge - 18..edge + 19);
    (1..200).chain(around).collect()
}

/// Compares every instruction set with `model` on one line.
fn compare<O: Combine<T>, T: Sample>(
    kernels: &[(Isa, &Kernel)],
    x: &[T],
    start: Option<T>,
    model: fn(&[T], Option<T>) -> Vec<T>,
    random: &mut Random,
    what: &str,
) {
    let inclusive = model(x, start);
    for exclusive in [false, true] {
        let expected = expected(&inclusive, start, O::IDENTITY, exclusive);
        for &(isa, kernel) in kernels {
            let pieces = [
                0,
                kernel
                    .grid
                    .max(1 + random.below(70))
                    .next_multiple_of(kernel.grid),
            ];
            for (in_place, piece) in [(false, 0), (true, 0), (false, pieces[1]), (true, pieces[1])]
            {
                let offset = random.below(SLACK / 2);
                // Backward where there is a way, in turn with forward.
                let backward = kernel.backward.filter(|_| random.below(2) == 0);
                let call = Call {
                    exclusive,
                    in_place,
                    offset,
                    piece,
                    backward: backward.is_some(),
                    stream: random.below(3) == 0,
                };
                let along = backward.unwrap_or(kernel.along);
                let (shown, total) = run(along, x, start, O::IDENTITY, call);
                let got: Vec<u128> = shown.into_iter().chain([total]).map(T::bits).collect();
                if let Some(at) = (0..got.len()).find(|&i| got[i] != expected[i]) {
                    panic!(
                        "{what} {isa:?} {call:?} n {} start {}: element {at}: {:x}, expected {:x}",
                        x.len(),
                        start.is_some(),
                        got[at],
                        expected[at],
                    );
                }
            }
        }
    }
}

/// The kernels of every instruction set for a request that there are some for.
fn kernels_of(op: Op, dtype: DType, mode: Mode, overflow: Overflow) -> Vec<(Isa, &'static Kernel)> {
    let kernel = |isa| kernels::kernel(isa, op, dtype, mode, overflow);
    instruction_sets()
        .into_iter()
        .map(|isa| {
            (
                isa,
                kernel(isa).expect("the operation computes in the type"),
            )
        })
        .collect()
}

/// Compares every instruction set with `model` for one operation, type and mode.
fn check<O: Combine<T>, T: Sample>(
    op: Op,
    mode: Mode,
    model: fn(&[T], Option<T>) -> Vec<T>,
    lengths: &[usize],
    rounds: usize,
) {
    let kernels = kernels_of(op, T::DTYPE, mode, Overflow::Wrap);
    let what = format!("{op:?} {:?} {mode:?}", T::DTYPE);
    let mut random = Random(0x9e37_79b9_7f4a_7c15);
    for round in 0..rounds {
        for &n in lengths {
            let kind = random.below(6) + round;
            let mut x: Vec<T> = (0..n).map(|_| T::sample(kind, &mut random)).collect();
            if let Some(nan) = T::NAN
                && random.below(4) == 0
            {
                x[random.below(n)] = nan;
            }
            let start = match random.below(3) {
                0 => Some(T::sample(kind, &mut random).canonical()),
                _ => None,
            };
            compare::<O, T>(&kernels, &x, start, model, &mut random, &what);
        }
    }
}

macro_rules! check_all {
    ($lengths:expr, $rounds:expr; $($o:ident $($t:ty)|+;)*) => { $($(
        check::<$o, $t>(Op::$o, Mode::Sequential, successive::<$o, $t>, $lengths, $rounds);
    )+)* };
}

macro_rules! check_grouped {
    ($lengths:expr, $rounds:expr; $($o:ident $($t:ty)|+;)*) => { $($(
        check::<$o, $t>(Op::$o, Mode::Reassociate, grouping::<$o, $t>, $lengths, $rounds);
    )+)* };
}

/// All integers, and maxima and minima.
fn exact_scans(lengths: &[usize], rounds: usize) {
    check_all! { lengths, rounds;
        Sum i8 | i16 | i32 | i64 | u8 | u16 | u32 | u64 | Bool;
        Prod i8 | i16 | i32 | i64 | u8 | u16 | u32 | u64 | Bool;
        Max i8 | i16 | i32 | i64 | u8 | u16 | u32 | u64 | Bool | F16 | Bf16 | f32 | f64;
        Min i8 | i16 | i32 | i64 | u8 | u16 | u32 | u64 | Bool | F16 | Bf16 | f32 | f64;
    }
}

/// All reassociated floats.
fn grouped_scans(lengths: &[usize], rounds: usize) {
    check_grouped! { lengths, rounds;
        Sum f32 | f64 | Complex<f32> | Complex<f64>;
        Prod f32 | f64 | Complex<f32> | Complex<f64>;
    }
}

#[test]
fn integers_maxima_and_minima_are_those_of_successive_operations() {
    exact_scans(&lengths(), 1);
}

#[test]
fn sums_of_unsigned_integers_stop_where_successive_ones_do() {
    macro_rules! check {
        ($($t:ident)*) => { $( {
            let kernels = kernels_of(Op::Sum, $t::DTYPE, Mode::Sequential, Overflow::Saturate);
            let mut random = Random(0x9e37_79b9_7f4a_7c15);
            let mut stopped = [0; 3];
            for &n in &lengths() {
                // Sums that stop early, late and not at all, from numbers that are mostly 0 or not.
                let most = [1, 2, 9, 255][random.below(4)];
                let often = 1 + random.below(12);
                let x: Vec<$t> = (0..n)
                    .map(|_| if random.below(often) == 0 { random.below(most + 1) as $t } else { 0 })
                    .collect();
                let room = random.below(2 * most * n.div_ceil(often) + 2);
                let start = (random.below(4) > 0).then(|| $t::MAX.saturating_sub(room as $t));
                let end = *successive::<CappedSum, $t>(&x, start).last().expect("an element");
                stopped[match (start, end) {
                    (Some($t::MAX), _) => 0,
                    (_, $t::MAX) => 1,
                    _ => 2,
                }] += 1;
                let what = concat!("capped ", stringify!($t));
                compare::<CappedSum, $t>(&kernels, &x, start, successive::<CappedSum, $t>, &mut random, what);
            }
            assert!(stopped[1] > 50 && stopped[2] > 50, "{stopped:?}");
        } )* };
    }
    check! { u8 u16 u32 }
}

#[test]
fn reassociated_floats_have_the_documented_grouping_everywhere() {
    grouped_scans(&lengths(), 2);
}

/// Compares the scans that convert as they read with `model` on converted elements.
fn check_widening<O: Combine<T>, X: Sample, T: Sample + CastFrom<X>>(
    op: Op,
    mode: Mode,
    model: fn(&[T], Option<T>) -> Vec<T>,
    lengths: &[usize],
) {
    let mut random = Random(0x9e37_79b9_7f4a_7c15);
    let mut tried = 0;
    for isa in instruction_sets() {
        let dtypes = [X::DTYPE, T::DTYPE];
        let Some(along) = kernels::widening(isa, op, dtypes, mode, Overflow::Wrap) else {
            assert!(isa < Isa::Avx2, "{isa:?} has it");
            continue;
        };
        tried += 1;
        let grid = kernels::kernel(isa, op, T::DTYPE, mode, Overflow::Wrap).map_or(1, |k| k.grid);
        for &n in lengths {
            let kind = random.below(6);
            let x: Vec<X> = (0..n).map(|_| X::sample(kind, &mut random)).collect();
            let wide: Vec<T> = x.iter().map(|&x| T::cast_from(x)).collect();
            let start = (random.below(3) == 0).then(|| T::sample(kind, &mut random));
            let inclusive = model(&wide, start);
            for exclusive in [false, true] {
                let expected = expected(&inclusive, start, O::IDENTITY, exclusive);
                for piece in [0, (1 + random.below(70)).next_multiple_of(grid)] {
                    let call = Call {
                        exclusive,
                        in_place: false,
                        offset: random.below(SLACK / 2),
                        piece,
                        backward: false,
                        stream: random.below(3) == 0,
                    };
                    let (shown, total) = run(along, &x, start, O::IDENTITY, call);
                    let got: Vec<u128> = shown.into_iter().chain([total]).map(T::bits).collect();
                    assert_eq!(got, expected, "{op:?} {dtypes:?} {isa:?} {call:?} n {n}");
                }
            }
        }
    }
    println!("{op:?} {:?}: {tried} instruction sets", X::DTYPE);
}

macro_rules! check_all_widening {
    ($lengths:expr, $mode:expr, $model:ident; $($o:ident $t:ty: $($x:ty)|+;)*) => { $($(
        check_widening::<$o, $x, $t>(Op::$o, $mode, $model::<$o, $t>, $lengths);
    )+)* };
}

#[test]
fn converting_while_reading_gives_the_results_of_converting_first() {
    let lengths = lengths();
    check_all_widening! { &lengths, Mode::Sequential, successive;
        Sum u64: i8 | u8 | i16 | u16 | i32 | u32 | Bool;
        Sum i64: i8 | u8 | i16 | u16 | i32 | u32 | Bool;
    }
    check_all_widening! { &lengths, Mode::Reassociate, grouping;
        Sum f64: F16 | Bf16 | f32;
        Prod f64: F16 | Bf16 | f32;
    }
}

#[test]
#[ignore = "long: minutes; cargo test --release --lib window -- --ignored"]
fn long_all_scans_on_many_lines() {
    exact_scans(&lengths(), 20);
    grouped_scans(&lengths(), 40);
}
