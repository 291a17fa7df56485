//! What an element is in memory, and how one type converts to another.
//!
//! Conversions go over a *primitive*: a type that Rust's `as` understands. A 16-bit float's
//! primitive is the `f32` that holds it exactly, a truth value's is 0 or 1. `as` is the contract's
//! conversion: integers wrap, floats truncate and saturate, a NaN becomes 0. Every conversion rounds
//! once; where a value passes through a wider float on its way, that step rounds to odd, which the
//! last rounding cannot tell from no rounding at all (S. Boldo and G. Melquiond, "Emulation of FMA
//! and correctly rounded sums: proved algorithms using rounding to odd", 2008).
#![forbid(unsafe_code)]

use num_traits::AsPrimitive;

/// A truth value as it lies in memory; any non-zero byte is true.
#[derive(Clone, Copy, Debug)]
#[repr(transparent)]
pub struct Bool(u8);

impl Bool {
    /// The canonical form: 0 or 1.
    #[inline(always)]
    pub const fn new(value: bool) -> Bool {
        Bool(value as u8)
    }

    /// Whether the byte is not zero.
    #[inline(always)]
    pub fn get(self) -> bool {
        self.0 != 0
    }
}

/// IEEE 754 binary16, as its bits.
#[derive(Clone, Copy, Debug, PartialEq)]
#[repr(transparent)]
pub struct F16(pub u16);

/// bfloat16, as its bits.
#[derive(Clone, Copy, Debug, PartialEq)]
#[repr(transparent)]
pub struct Bf16(pub u16);

impl F16 {
    /// Exact.
    #[inline(always)]
    pub fn to_f32(self) -> f32 {
        let sign = (self.0 as u32 & 0x8000) << 16;
        let magnitude = self.0 as u32 & 0x7fff;
        // Scaling by 2^112 moves the exponent's bias from 15 to 127 and makes denormals normal.
        let finite = f32::from_bits(magnitude << 13) * f32::from_bits((127 + 112) << 23);
        let special = f32::from_bits(0x7f80_0000 | (magnitude << 13));
        let value = if magnitude >= 0x7c00 { special } else { finite };
        f32::from_bits(value.to_bits() | sign)
    }

    /// Rounds to nearest, ties to even.
    #[inline(always)]
    pub fn from_f32(x: f32) -> F16 {
        let bits = x.to_bits();
        let sign = (bits >> 16) as u16 & 0x8000;
        let magnitude = bits & 0x7fff_ffff;
        // Below 2^-14 the grid is 2^-24, which is the last place of numbers around 0.5.
        let denormal = (f32::from_bits(magnitude) + 0.5)
            .to_bits()
            .wrapping_sub(0x3f00_0000);
        let normal = magnitude
            .wrapping_sub(0x3800_0000)
            .wrapping_add(0xfff + ((magnitude >> 13) & 1))
            >> 13;
        let rounded = if magnitude < 0x3880_0000 {
            denormal
        } else {
            normal
        };
        let finite = if magnitude >= 0x4780_0000 {
            0x7c00
        } else {
            rounded
        };
        F16(sign
            | if magnitude > 0x7f80_0000 {
                0x7e00
            } else {
                finite as u16
            })
    }
}

impl Bf16 {
    /// Exact.
    #[inline(always)]
    pub fn to_f32(self) -> f32 {
        f32::from_bits((self.0 as u32) << 16)
    }

    /// Rounds to nearest, ties to even.
    #[inline(always)]
    pub fn from_f32(x: f32) -> Bf16 {
        let bits = x.to_bits();
        let rounded = bits.wrapping_add(0x7fff + ((bits >> 16) & 1)) >> 16;
        Bf16(if x.is_nan() {
            (bits >> 16) as u16 | 0x40
        } else {
            rounded as u16
        })
    }
}

/// A complex number, laid out as C's and C++'s.
#[derive(Clone, Copy, Debug, PartialEq)]
#[repr(C)]
pub struct Complex<T> {
    /// The real part.
    pub re: T,
    /// The imaginary part.
    pub im: T,
}

/// An element type.
pub trait Elem: Copy + Send + Sync + 'static {
    /// Whether this is a NaN; of a complex number, whether a part is.
    #[inline(always)]
    fn is_nan(self) -> bool {
        false
    }

    /// A NaN, in the types that have one.
    const NAN: Option<Self> = None;

    /// The same value in the form that results have: a truth value becomes 0 or 1.
    #[inline(always)]
    fn canonical(self) -> Self {
        self
    }
}

macro_rules! integer_elem {
    ($($t:ty),*) => { $(impl Elem for $t {})* };
}
integer_elem!(i8, i16, i32, i64, u8, u16, u32, u64);

impl Elem for Bool {
    #[inline(always)]
    fn canonical(self) -> Self {
        Bool::new(self.get())
    }
}

macro_rules! float_elem {
    ($($t:ty => $nan:expr, |$x:ident| $is_nan:expr;)*) => { $(
        impl Elem for $t {
            const NAN: Option<Self> = Some($nan);
            #[inline(always)]
            fn is_nan(self) -> bool {
                let $x = self;
                $is_nan
            }
        }
    )* };
}
float_elem! {
    f32 => f32::NAN, |x| f32::is_nan(x);
    f64 => f64::NAN, |x| f64::is_nan(x);
    F16 => F16(0x7e00), |x| x.0 & 0x7fff > 0x7c00;
    Bf16 => Bf16(0x7fc0), |x| x.0 & 0x7fff > 0x7f80;
    Complex<f32> => Complex { re: f32::NAN, im: f32::NAN }, |x| x.re.is_nan() | x.im.is_nan();
    Complex<f64> => Complex { re: f64::NAN, im: f64::NAN }, |x| x.re.is_nan() | x.im.is_nan();
}

/// A real element type, seen as one that `as` understands.
pub trait Real: Elem {
    /// The primitive that holds every value of this type.
    type Primitive: Primitive;
    /// Exact.
    fn primitive(self) -> Self::Primitive;
}

macro_rules! real {
    ($($t:ty => $p:ty, |$x:ident| $value:expr;)*) => { $(
        impl Real for $t {
            type Primitive = $p;
            #[inline(always)]
            fn primitive(self) -> $p {
                let $x = self;
                $value
            }
        }
    )* };
}
real! {
    i8 => i8, |x| x; i16 => i16, |x| x; i32 => i32, |x| x; i64 => i64, |x| x;
    u8 => u8, |x| x; u16 => u16, |x| x; u32 => u32, |x| x; u64 => u64, |x| x;
    f32 => f32, |x| x; f64 => f64, |x| x;
    F16 => f32, |x| x.to_f32(); Bf16 => f32, |x| x.to_f32(); Bool => u8, |x| x.get() as u8;
}

/// A type that `as` understands.
pub trait Primitive: Copy {
    /// As an `f32` on the way to 16 bits: exact, or rounded to odd.
    fn to_odd_f32(self) -> f32;
    /// Whether this is not zero.
    fn is_true(self) -> bool;
}

/// Rounds to odd: toward zero, and then the last bit is set if anything was lost.
#[inline(always)]
fn f64_to_odd_f32(x: f64) -> f32 {
    let nearest = x as f32;
    let back = nearest as f64;
    let bits = nearest.to_bits();
    // Rounding up to an even neighbour is taken back by one place, which makes it odd; an overflow
    // to infinity becomes the largest finite number, which is odd. Without branches: which way a number is
    // rounded nobody can guess.
    let up = (back.abs() > x.abs()) as u32;
    let down = (back.abs() < x.abs()) as u32;
    let odd = (bits - (up & !bits)) | down;
    f32::from_bits(odd)
}

/// The integer `magnitude`, rounded to odd; 24 leading bits are kept exactly.
#[inline(always)]
fn u64_to_odd_f32(magnitude: u64) -> f32 {
    let excess = 40u32.saturating_sub(magnitude.leading_zeros());
    let kept = magnitude >> excess;
    let lost = magnitude & ((1u64 << excess) - 1) != 0;
    (kept | lost as u64) as f32 * (1u64 << excess) as f32
}

macro_rules! primitive {
    ($($t:ty => |$x:ident| $odd:expr;)*) => { $(
        impl Primitive for $t {
            #[inline(always)]
            fn to_odd_f32(self) -> f32 {
                let $x = self;
                $odd
            }
            #[inline(always)]
            fn is_true(self) -> bool {
                self != 0 as $t
            }
        }
    )* };
}
primitive! {
    i8 => |x| x as f32; i16 => |x| x as f32; u8 => |x| x as f32; u16 => |x| x as f32;
    i32 => |x| f64_to_odd_f32(x as f64); u32 => |x| f64_to_odd_f32(x as f64);
    u64 => |x| u64_to_odd_f32(x);
    i64 => |x| if x < 0 { -u64_to_odd_f32(x.unsigned_abs()) } else { u64_to_odd_f32(x as u64) };
    f32 => |x| x; f64 => |x| f64_to_odd_f32(x);
}

/// Conversion from `S`, as the contract defines it.
pub trait CastFrom<S>: Elem {
    /// Converts one value.
    fn cast_from(value: S) -> Self;
}

macro_rules! cast_real {
    ([$($s:ty),*] => $to:tt) => { $( cast_real!(@row $s => $to); )* };
    (@row $s:ty => [$($d:ty),*]) => {
        $(impl CastFrom<$s> for $d {
            #[inline(always)]
            fn cast_from(value: $s) -> $d {
                value.primitive().as_()
            }
        })*
        impl CastFrom<$s> for F16 {
            #[inline(always)]
            fn cast_from(value: $s) -> F16 {
                F16::from_f32(value.primitive().to_odd_f32())
            }
        }
        impl CastFrom<$s> for Bf16 {
            #[inline(always)]
            fn cast_from(value: $s) -> Bf16 {
                Bf16::from_f32(value.primitive().to_odd_f32())
            }
        }
        impl CastFrom<$s> for Bool {
            #[inline(always)]
            fn cast_from(value: $s) -> Bool {
                Bool::new(value.primitive().is_true())
            }
        }
        impl CastFrom<$s> for Complex<f32> {
            #[inline(always)]
            fn cast_from(value: $s) -> Complex<f32> {
                Complex { re: value.primitive().as_(), im: 0.0 }
            }
        }
        impl CastFrom<$s> for Complex<f64> {
            #[inline(always)]
            fn cast_from(value: $s) -> Complex<f64> {
                Complex { re: value.primitive().as_(), im: 0.0 }
            }
        }
    };
}
cast_real!([i8, i16, i32, i64, u8, u16, u32, u64, f32, f64, F16, Bf16, Bool]
    => [i8, i16, i32, i64, u8, u16, u32, u64, f32, f64]);

macro_rules! cast_complex {
    ($($s:ty),*) => { $(
        impl CastFrom<Complex<$s>> for Complex<f32> {
            #[inline(always)]
            fn cast_from(value: Complex<$s>) -> Self {
                Complex { re: value.re as f32, im: value.im as f32 }
            }
        }
        impl CastFrom<Complex<$s>> for Complex<f64> {
            #[inline(always)]
            fn cast_from(value: Complex<$s>) -> Self {
                Complex { re: value.re as f64, im: value.im as f64 }
            }
        }
        impl CastFrom<Complex<$s>> for Bool {
            #[inline(always)]
            fn cast_from(value: Complex<$s>) -> Self {
                Bool::new(value.re != 0.0 || value.im != 0.0)
            }
        }
    )* };
}
cast_complex!(f32, f64);

/// Conversion between integers that notices what does not fit.
pub trait FitFrom<S>: Elem {
    /// Whether every value fits.
    const ALWAYS: bool;
    /// The value, if it fits.
    fn fit_from(value: S) -> Option<Self>;
    /// The nearest value there is.
    fn clamp_from(value: S) -> Self;
}

macro_rules! fit {
    ([$($s:ty),*] => $to:tt) => { $( fit!(@row $s => $to); )* };
    (@row $s:ty => [$($d:ty),*]) => { $(
        impl FitFrom<$s> for $d {
            const ALWAYS: bool = <$s>::MIN as i128 >= <$d>::MIN as i128
                && <$s>::MAX as i128 <= <$d>::MAX as i128;
            #[inline(always)]
            fn fit_from(value: $s) -> Option<$d> {
                <$d>::try_from(value).ok()
            }
            #[inline(always)]
            fn clamp_from(value: $s) -> $d {
                let nearest = if value > 0 as $s { <$d>::MAX } else { <$d>::MIN };
                <$d>::try_from(value).unwrap_or(nearest)
            }
        }
    )* };
}
/// An expression in which `T` is the type behind a [`DType`](crate::dtype::DType):
/// `with_dtype!(dtype, T => ...)`.
macro_rules! with_dtype {
    ($dtype:expr, $t:ident => $body:expr) => {
        match $dtype {
            $crate::dtype::DType::C64 => {
                type $t = $crate::elem::Complex<f32>;
                $body
            }
            $crate::dtype::DType::C128 => {
                type $t = $crate::elem::Complex<f64>;
                $body
            }
            real => $crate::elem::with_real!(real, $t => $body, else unreachable!()),
        }
    };
}

/// The same for the real types; `else` is taken for complex ones.
macro_rules! with_real {
    ($dtype:expr, $t:ident => $body:expr, else $other:expr) => {
        match $dtype {
            $crate::dtype::DType::F16 => {
                type $t = $crate::elem::F16;
                $body
            }
            $crate::dtype::DType::F32 => {
                type $t = f32;
                $body
            }
            $crate::dtype::DType::F64 => {
                type $t = f64;
                $body
            }
            $crate::dtype::DType::Bf16 => {
                type $t = $crate::elem::Bf16;
                $body
            }
            $crate::dtype::DType::Bool => {
                type $t = $crate::elem::Bool;
                $body
            }
            integer => $crate::elem::with_integer!(integer, $t => $body, else $other),
        }
    };
}

/// The same for the integer types; `else` is taken for all others.
macro_rules! with_integer {
    ($dtype:expr, $t:ident => $body:expr, else $other:expr) => {
        match $dtype {
            $crate::dtype::DType::I8 => {
                type $t = i8;
                $body
            }
            $crate::dtype::DType::I16 => {
                type $t = i16;
                $body
            }
            $crate::dtype::DType::I32 => {
                type $t = i32;
                $body
            }
            $crate::dtype::DType::I64 => {
                type $t = i64;
                $body
            }
            $crate::dtype::DType::U8 => {
                type $t = u8;
                $body
            }
            $crate::dtype::DType::U16 => {
                type $t = u16;
                $body
            }
            $crate::dtype::DType::U32 => {
                type $t = u32;
                $body
            }
            $crate::dtype::DType::U64 => {
                type $t = u64;
                $body
            }
            _ => $other,
        }
    };
}

pub(crate) use {with_dtype, with_integer, with_real};

fit!([i8, i16, i32, i64, u8, u16, u32, u64] => [i8, i16, i32, i64, u8, u16, u32, u64]);

#[cfg(test)]
mod tests {
    use super::*;

    /// Round half to even by comparing with the neighbours: slow and obvious.
    fn nearest_f16(x: f64) -> u16 {
        if x.is_nan() {
            return 0x7e00;
        }
        let sign = if x.is_sign_negative() { 0x8000 } else { 0 };
        let exact = |bits: u16| -> f64 {
            let (e, m) = ((bits >> 10) as i32, (bits & 0x3ff) as f64);
            if e == 0 {
                m * 2f64.powi(-24)
            } else {
                (1024.0 + m) * 2f64.powi(e - 25)
            }
        };
        // 0x7c00 stands for 2^16 here, as if the exponents went on: so does the rounding rule.
        let (mut low, mut high) = (0u16, 0x7c00u16);
        let x = x.abs();
        if x >= exact(high) {
            return sign | 0x7c00;
        }
        while high - low > 1 {
            let middle = (low + high) / 2;
            if exact(middle) <= x {
                low = middle
            } else {
                high = middle
            }
        }
        let (below, above) = (x - exact(low), exact(high) - x);
        let up = above < below || (above == below && high % 2 == 0);
        sign | if up { high } else { low }
    }

    #[test]
    fn every_f16_survives_the_way_to_f32_and_back() {
        for bits in 0..=u16::MAX {
            let there = F16(bits).to_f32();
            let back = F16::from_f32(there);
            assert_eq!(there.is_nan(), F16(bits).is_nan());
            assert!(
                back.0 == bits || (there.is_nan() && back.is_nan()),
                "{bits:04x}"
            );
        }
    }

    #[test]
    fn a_double_rounds_once_to_f16() {
        for bits in 0..0x7c00u16 {
            let value = F16(bits).to_f32() as f64;
            let next = F16(bits + 1).to_f32() as f64;
            let middle = if next.is_finite() {
                (value + next) / 2.0
            } else {
                65520.0
            };
            for x in [
                value,
                middle,
                middle.next_down(),
                middle.next_up(),
                middle * (1.0 + 1e-9),
            ] {
                for x in [x, -x] {
                    assert_eq!(F16::cast_from(x).0, nearest_f16(x), "{x:e}");
                }
            }
        }
        assert_eq!(F16::cast_from(f64::MAX).0, 0x7c00);
        assert_eq!(F16::cast_from(u64::MAX).0, 0x7c00);
    }

    #[test]
    fn large_integers_round_once_to_bf16() {
        // 2^62 + 2^54 is the middle between two neighbours; one more must go up.
        let middle = (1i64 << 62) + (1 << 54);
        let down = Bf16::from_f32((1u64 << 62) as f32).0;
        assert_eq!(Bf16::cast_from(middle).0, down);
        assert_eq!(Bf16::cast_from(middle + 1).0, down + 1);
        assert_eq!(Bf16::cast_from(-middle - 1).0, 0x8000 | (down + 1));
        assert_eq!(Bf16::cast_from(middle as u64 + 1).0, down + 1);
        assert_eq!(
            Bf16::cast_from(1.0f64 + 2f64.powi(-8) + 2f64.powi(-40)).0,
            0x3f81
        );
    }

    #[test]
    fn integers_that_do_not_fit_clamp_to_the_nearer_end() {
        assert_eq!(<u8 as FitFrom<i32>>::fit_from(-1), None);
        assert_eq!(<u8 as FitFrom<i32>>::clamp_from(-1), 0);
        assert_eq!(<i8 as FitFrom<u64>>::clamp_from(u64::MAX), 127);
        assert_eq!(<i64 as FitFrom<u64>>::fit_from(7), Some(7));
        const { assert!(<i64 as FitFrom<u32>>::ALWAYS && <i8 as FitFrom<i8>>::ALWAYS) };
        const { assert!(!<i64 as FitFrom<u64>>::ALWAYS && !<u64 as FitFrom<i8>>::ALWAYS) };
    }
}
