//! Element types, the values they hold, and how a value lies in memory.

use super::convert::power_of_two;

/// The fifteen element types of the contract.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Dtype {
    I8,
    I16,
    I32,
    I64,
    U8,
    U16,
    U32,
    U64,
    F16,
    F32,
    F64,
    Bf16,
    C64,
    C128,
    Bool,
}

/// A binary floating-point format.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Format {
    /// Significant bits, the hidden one included.
    pub precision: i32,
    /// Exponent of the smallest normal number.
    pub min_exponent: i32,
    /// Exponent of the largest finite number.
    pub max_exponent: i32,
}

pub const BINARY16: Format = Format {
    precision: 11,
    min_exponent: -14,
    max_exponent: 15,
};
pub const BFLOAT16: Format = Format {
    precision: 8,
    min_exponent: -126,
    max_exponent: 127,
};
pub const BINARY32: Format = Format {
    precision: 24,
    min_exponent: -126,
    max_exponent: 127,
};
pub const BINARY64: Format = Format {
    precision: 53,
    min_exponent: -1022,
    max_exponent: 1023,
};

impl Format {
    /// The largest finite number.
    pub fn largest(self) -> f64 {
        (2.0 - power_of_two(1 - self.precision)) * power_of_two(self.max_exponent)
    }

    /// The distance of neighbouring numbers at a magnitude between `2^exponent` and `2^(exponent + 1)`,
    /// as the exponent of a power of two.
    pub fn ulp_exponent(self, exponent: i32) -> i32 {
        exponent.max(self.min_exponent) - self.precision + 1
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Bool,
    Int { bits: u32, signed: bool },
    Float(Format),
    Complex(Format),
}

impl Dtype {
    pub const ALL: [Dtype; 15] = [
        Dtype::I8,
        Dtype::I16,
        Dtype::I32,
        Dtype::I64,
        Dtype::U8,
        Dtype::U16,
        Dtype::U32,
        Dtype::U64,
        Dtype::F16,
        Dtype::F32,
        Dtype::F64,
        Dtype::Bf16,
        Dtype::C64,
        Dtype::C128,
        Dtype::Bool,
    ];

    /// The number in the contract's table.
    pub fn code(self) -> i32 {
        match self {
            Dtype::I8 => 0x0008,
            Dtype::I16 => 0x0010,
            Dtype::I32 => 0x0020,
            Dtype::I64 => 0x0040,
            Dtype::U8 => 0x0108,
            Dtype::U16 => 0x0110,
            Dtype::U32 => 0x0120,
            Dtype::U64 => 0x0140,
            Dtype::F16 => 0x0210,
            Dtype::F32 => 0x0220,
            Dtype::F64 => 0x0240,
            Dtype::Bf16 => 0x0410,
            Dtype::C64 => 0x0540,
            Dtype::C128 => 0x0580,
            Dtype::Bool => 0x0608,
        }
    }

    /// Bytes of one element.
    pub fn size(self) -> usize {
        match self {
            Dtype::I8 | Dtype::U8 | Dtype::Bool => 1,
            Dtype::I16 | Dtype::U16 | Dtype::F16 | Dtype::Bf16 => 2,
            Dtype::I32 | Dtype::U32 | Dtype::F32 => 4,
            Dtype::I64 | Dtype::U64 | Dtype::F64 | Dtype::C64 => 8,
            Dtype::C128 => 16,
        }
    }

    pub fn kind(self) -> Kind {
        let int = |bits, signed| Kind::Int { bits, signed };
        match self {
            Dtype::I8 => int(8, true),
            Dtype::I16 => int(16, true),
            Dtype::I32 => int(32, true),
            Dtype::I64 => int(64, true),
            Dtype::U8 => int(8, false),
            Dtype::U16 => int(16, false),
            Dtype::U32 => int(32, false),
            Dtype::U64 => int(64, false),
            Dtype::F16 => Kind::Float(BINARY16),
            Dtype::F32 => Kind::Float(BINARY32),
            Dtype::F64 => Kind::Float(BINARY64),
            Dtype::Bf16 => Kind::Float(BFLOAT16),
            Dtype::C64 => Kind::Complex(BINARY32),
            Dtype::C128 => Kind::Complex(BINARY64),
            Dtype::Bool => Kind::Bool,
        }
    }

    pub fn is_int(self) -> bool {
        matches!(self.kind(), Kind::Int { .. })
    }

    pub fn is_float(self) -> bool {
        matches!(self.kind(), Kind::Float(_))
    }

    pub fn is_complex(self) -> bool {
        matches!(self.kind(), Kind::Complex(_))
    }

    /// The format of a floating number or of a complex number's parts.
    pub fn format(self) -> Option<Format> {
        match self.kind() {
            Kind::Float(format) | Kind::Complex(format) => Some(format),
            _ => None,
        }
    }

    /// Lowest and highest integer; of bool, 0 and 1.
    pub fn int_range(self) -> (i128, i128) {
        match self.kind() {
            Kind::Int { bits, signed: true } => (-(1 << (bits - 1)), (1 << (bits - 1)) - 1),
            Kind::Int { bits, .. } => (0, (1 << bits) - 1),
            Kind::Bool => (0, 1),
            _ => panic!("{self:?} has no integer range"),
        }
    }

    /// Whether the contract has a conversion from this type to `to`.
    pub fn converts_to(self, to: Dtype) -> bool {
        !self.is_complex() || to.is_complex() || to == Dtype::Bool
    }
}

/// A value of any element type. Every finite number of every real format is exact in it.
#[derive(Clone, Copy, Debug)]
pub enum Value {
    /// An integer, or a bool as 0 or 1.
    Int(i128),
    Real(f64),
    Complex(f64, f64),
}

impl Value {
    pub fn is_nan(self) -> bool {
        match self {
            Value::Int(_) => false,
            Value::Real(x) => x.is_nan(),
            Value::Complex(re, im) => re.is_nan() || im.is_nan(),
        }
    }

    /// Equal to the last bit, the sign of zero included; every NaN is the same as every other.
    pub fn same(self, other: Value) -> bool {
        let real = |a: f64, b: f64| a.to_bits() == b.to_bits() || (a.is_nan() && b.is_nan());
        match (self, other) {
            (Value::Int(a), Value::Int(b)) => a == b,
            (Value::Real(a), Value::Real(b)) => real(a, b),
            (Value::Complex(a, b), Value::Complex(c, d)) => real(a, c) && real(b, d),
            _ => false,
        }
    }

    /// The real parts that the value consists of: one, or two of a complex number.
    pub fn parts(self) -> Vec<f64> {
        match self {
            Value::Int(_) => panic!("an integer has no floating parts"),
            Value::Real(x) => vec![x],
            Value::Complex(re, im) => vec![re, im],
        }
    }
}

fn unsigned(bytes: &[u8]) -> u64 {
    let mut word = [0; 8];
    word[..bytes.len()].copy_from_slice(bytes);
    u64::from_le_bytes(word)
}

fn load_real(bits: u64, format: Format) -> f64 {
    let width = total_bits(format);
    let fraction_bits = format.precision - 1;
    let fraction = bits & ((1 << fraction_bits) - 1);
    let field = (bits >> fraction_bits) & ((1 << (width - format.precision)) - 1);
    let sign = if bits >> (width - 1) & 1 == 1 {
        -1.0
    } else {
        1.0
    };
    let all_ones = (1 << (width - format.precision)) - 1;
    let magnitude = if field == all_ones {
        if fraction == 0 {
            f64::INFINITY
        } else {
            f64::NAN
        }
    } else if field == 0 {
        fraction as f64 * power_of_two(format.min_exponent - fraction_bits)
    } else {
        let exponent = field as i32 - format.max_exponent;
        (fraction + (1 << fraction_bits)) as f64 * power_of_two(exponent - fraction_bits)
    };
    sign * magnitude
}

fn store_real(x: f64, format: Format) -> u64 {
    let width = total_bits(format);
    let fraction_bits = format.precision - 1;
    let sign = u64::from(x.is_sign_negative()) << (width - 1);
    let infinity = ((1u64 << (width - format.precision)) - 1) << fraction_bits;
    if x.is_nan() {
        return sign | infinity | 1 << (fraction_bits - 1);
    }
    if x.is_infinite() {
        return sign | infinity;
    }
    let magnitude = x.abs();
    let tiny = power_of_two(format.min_exponent);
    if magnitude < tiny {
        return sign | (magnitude / power_of_two(format.min_exponent - fraction_bits)) as u64;
    }
    let exponent = super::convert::exponent_of(magnitude);
    let significand = (magnitude / power_of_two(exponent - fraction_bits)) as u64;
    let field = (exponent + format.max_exponent) as u64;
    sign | field << fraction_bits | (significand - (1 << fraction_bits))
}

fn total_bits(format: Format) -> i32 {
    match format.precision {
        11 | 8 => 16,
        24 => 32,
        _ => 64,
    }
}

/// Reads a real of `format` from little-endian bytes; the two wide formats are the machine's own.
fn real_from(bytes: &[u8], format: Format) -> f64 {
    match format.precision {
        53 => f64::from_bits(unsigned(bytes)),
        24 => f64::from(f32::from_bits(unsigned(bytes) as u32)),
        _ => load_real(unsigned(bytes), format),
    }
}

fn real_to(x: f64, format: Format) -> u64 {
    match format.precision {
        53 => x.to_bits(),
        24 => u64::from((x as f32).to_bits()),
        _ => store_real(x, format),
    }
}

/// Reads one element.
pub fn load(dtype: Dtype, bytes: &[u8]) -> Value {
    let bytes = &bytes[..dtype.size()];
    match dtype.kind() {
        Kind::Bool => Value::Int(i128::from(bytes[0] != 0)),
        Kind::Int { signed: false, .. } => Value::Int(i128::from(unsigned(bytes))),
        Kind::Int { bits, .. } => {
            let n = i128::from(unsigned(bytes));
            let wraps = n >= 1 << (bits - 1);
            Value::Int(if wraps { n - (1 << bits) } else { n })
        }
        Kind::Float(format) => Value::Real(real_from(bytes, format)),
        Kind::Complex(format) => {
            let (re, im) = bytes.split_at(bytes.len() / 2);
            Value::Complex(real_from(re, format), real_from(im, format))
        }
    }
}

/// Writes one element, which must be representable in `dtype`.
pub fn store(dtype: Dtype, value: Value, bytes: &mut [u8]) {
    let size = dtype.size();
    match (dtype.kind(), value) {
        (Kind::Bool | Kind::Int { .. }, Value::Int(n)) => {
            bytes[..size].copy_from_slice(&n.to_le_bytes()[..size]);
        }
        (Kind::Float(format), Value::Real(x)) => {
            bytes[..size].copy_from_slice(&real_to(x, format).to_le_bytes()[..size]);
        }
        (Kind::Complex(format), Value::Complex(re, im)) => {
            let half = size / 2;
            bytes[..half].copy_from_slice(&real_to(re, format).to_le_bytes()[..half]);
            bytes[half..size].copy_from_slice(&real_to(im, format).to_le_bytes()[..half]);
        }
        _ => panic!("{value:?} is not a value of {dtype:?}"),
    }
}

#[test]
fn every_16_bit_float_survives_loading_and_storing() {
    for dtype in [Dtype::F16, Dtype::Bf16] {
        for bits in 0..=u16::MAX {
            let value = load(dtype, &bits.to_le_bytes());
            let mut bytes = [0; 2];
            store(dtype, value, &mut bytes);
            let again = load(dtype, &bytes);
            assert!(value.same(again), "{dtype:?} {bits:#x}");
            assert!(
                value.is_nan() || u16::from_le_bytes(bytes) == bits,
                "{dtype:?} {bits:#x}"
            );
        }
    }
}

#[test]
fn known_16_bit_patterns_have_their_values() {
    let real = |dtype, bits: u16| match load(dtype, &bits.to_le_bytes()) {
        Value::Real(x) => x,
        other => panic!("{other:?}"),
    };
    assert_eq!(real(Dtype::F16, 0x3c00), 1.0);
    assert_eq!(real(Dtype::F16, 0x7bff), 65504.0);
    assert_eq!(real(Dtype::F16, 0x0001), 2f64.powi(-24));
    assert_eq!(real(Dtype::F16, 0xc000), -2.0);
    assert_eq!(real(Dtype::Bf16, 0x3f80), 1.0);
    assert_eq!(
        real(Dtype::Bf16, 0x7f7f),
        f64::from(f32::from_bits(0x7f7f_0000))
    );
}
