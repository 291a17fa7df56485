//! The element types a caller can name: their codes, sizes and names, and the default result type.
//!
//! A code is DLPack's type code and width, `(code << 8) | bits`, so that a binding that already
//! speaks DLPack needs no table.
#![forbid(unsafe_code)]

use crate::op::Op;

/// An element type.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
#[repr(u8)]
pub enum DType {
    /// 8-bit signed integer.
    I8,
    /// 16-bit signed integer.
    I16,
    /// 32-bit signed integer.
    I32,
    /// 64-bit signed integer.
    I64,
    /// 8-bit unsigned integer.
    U8,
    /// 16-bit unsigned integer.
    U16,
    /// 32-bit unsigned integer.
    U32,
    /// 64-bit unsigned integer.
    U64,
    /// IEEE 754 binary16.
    F16,
    /// IEEE 754 binary32.
    F32,
    /// IEEE 754 binary64.
    F64,
    /// bfloat16: the upper half of a binary32.
    Bf16,
    /// Complex number of two binary32.
    C64,
    /// Complex number of two binary64.
    C128,
    /// Truth value in one byte: any non-zero byte is true.
    Bool,
}

/// What arithmetic an element type has.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    /// Integers, which wrap.
    Integer,
    /// Real floating-point numbers.
    Float,
    /// Complex numbers.
    Complex,
    /// Truth values.
    Bool,
}

impl DType {
    /// The type with this code, if there is one.
    #[inline]
    pub fn from_code(code: i32) -> Option<DType> {
        Some(match code {
            0x0008 => DType::I8,
            0x0010 => DType::I16,
            0x0020 => DType::I32,
            0x0040 => DType::I64,
            0x0108 => DType::U8,
            0x0110 => DType::U16,
            0x0120 => DType::U32,
            0x0140 => DType::U64,
            0x0210 => DType::F16,
            0x0220 => DType::F32,
            0x0240 => DType::F64,
            0x0410 => DType::Bf16,
            0x0540 => DType::C64,
            0x0580 => DType::C128,
            0x0608 => DType::Bool,
            _ => return None,
        })
    }

    /// The stable code of this type.
    pub const fn code(self) -> i32 {
        let class = match self {
            DType::I8 | DType::I16 | DType::I32 | DType::I64 => 0,
            DType::U8 | DType::U16 | DType::U32 | DType::U64 => 1,
            DType::F16 | DType::F32 | DType::F64 => 2,
            DType::Bf16 => 4,
            DType::C64 | DType::C128 => 5,
            DType::Bool => 6,
        };
        (class << 8) | (self.size() as i32 * 8)
    }

    /// Bytes of one element.
    #[inline]
    pub const fn size(self) -> usize {
        match self {
            DType::I8 | DType::U8 | DType::Bool => 1,
            DType::I16 | DType::U16 | DType::F16 | DType::Bf16 => 2,
            DType::I32 | DType::U32 | DType::F32 => 4,
            DType::I64 | DType::U64 | DType::F64 | DType::C64 => 8,
            DType::C128 => 16,
        }
    }

    /// The name that messages use.
    pub const fn name(self) -> &'static str {
        match self {
            DType::I8 => "int8",
            DType::I16 => "int16",
            DType::I32 => "int32",
            DType::I64 => "int64",
            DType::U8 => "uint8",
            DType::U16 => "uint16",
            DType::U32 => "uint32",
            DType::U64 => "uint64",
            DType::F16 => "float16",
            DType::F32 => "float32",
            DType::F64 => "float64",
            DType::Bf16 => "bfloat16",
            DType::C64 => "complex64",
            DType::C128 => "complex128",
            DType::Bool => "bool",
        }
    }

    /// What arithmetic this type has.
    #[inline]
    pub const fn kind(self) -> Kind {
        match self {
            DType::F16 | DType::F32 | DType::F64 | DType::Bf16 => Kind::Float,
            DType::C64 | DType::C128 => Kind::Complex,
            DType::Bool => Kind::Bool,
            _ => Kind::Integer,
        }
    }

    /// Whether a NaN exists in this type.
    #[inline]
    pub const fn has_nan(self) -> bool {
        matches!(self.kind(), Kind::Float | Kind::Complex)
    }

    /// Whether values of this type convert to `to`: all but complex to a real type other than bool.
    #[inline]
    pub const fn casts_to(self, to: DType) -> bool {
        !matches!(self.kind(), Kind::Complex) || matches!(to.kind(), Kind::Complex | Kind::Bool)
    }

    /// The type that NumPy and the array API standard compute in by default: sums and products
    /// of bool and of integers below 64 bits widen to 64 bits, everything else keeps its type.
    pub const fn default_result(self, op: Op) -> DType {
        match (op, self) {
            (Op::Sum | Op::Prod, DType::Bool | DType::I8 | DType::I16 | DType::I32) => DType::I64,
            (Op::Sum | Op::Prod, DType::U8 | DType::U16 | DType::U32) => DType::U64,
            _ => self,
        }
    }
}

#[cfg(test)]
impl DType {
    /// Every type.
    pub const ALL: [DType; 15] = [
        DType::I8,
        DType::I16,
        DType::I32,
        DType::I64,
        DType::U8,
        DType::U16,
        DType::U32,
        DType::U64,
        DType::F16,
        DType::F32,
        DType::F64,
        DType::Bf16,
        DType::C64,
        DType::C128,
        DType::Bool,
    ];
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_names_its_own_type() {
        for dtype in DType::ALL {
            assert_eq!(DType::from_code(dtype.code()), Some(dtype));
        }
        assert_eq!(DType::from_code(0), None);
        assert_eq!(DType::from_code(-1), None);
    }
}
