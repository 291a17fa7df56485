//! Whether the library's result is the plain loop's.

use crate::cases::{Case, Data, Type};
use crate::data::{Buffer, Plain};
use cumulative::F16;
use cumulative::ffi::{CUM_COMPENSATED, CUM_SEQUENTIAL};

/// Compares results: the bits of a sequential scan, gaps between elements included; else up to rounding.
pub fn compare(case: &Case, got: &Buffer, expected: &Buffer) -> Result<(), String> {
    if case.mode == CUM_SEQUENTIAL {
        // SAFETY: nobody writes to the buffers meanwhile.
        let (got, expected) = unsafe { (got.slice::<u8>(), expected.slice::<u8>()) };
        // Quickly, as nearly always.
        if got == expected {
            return Ok(());
        }
        return match got.iter().zip(expected).position(|(g, e)| g != e) {
            None => Ok(()),
            Some(byte) => Err(first_difference(
                case,
                got,
                expected,
                byte / case.out.size(),
            )),
        };
    }
    // All terms have one sign, or all factors are near one: relative errors stay small.
    assert!(
        matches!(case.data, Data::Uniform | Data::NearOne),
        "{}: no bound for the rounding errors of these data",
        case.name
    );
    let roundings = match case.mode {
        // Half an ulp and a little for each of the two.
        CUM_COMPENSATED => 2.0,
        _ => case.elements() as f64,
    };
    let real = |x: f64| [x, 0.0];
    match case.out {
        Type::F64 => near(got, expected, roundings * f64::EPSILON, real),
        Type::C128 => near(got, expected, roundings * f64::EPSILON, |z: [f64; 2]| z),
        Type::F32 => near(got, expected, roundings * 2f64.powi(-23), |x: f32| {
            real(x.into())
        }),
        Type::F16 => near(got, expected, roundings * 2f64.powi(-10), |x: u16| {
            real(F16(x).to_f32().into())
        }),
        other => panic!("{}: no bound for {other:?}", case.name),
    }
}

/// Compares results up to a relative error, complex numbers by their magnitude.
fn near<T: Plain>(
    got: &Buffer,
    expected: &Buffer,
    tolerance: f64,
    parts: impl Fn(T) -> [f64; 2],
) -> Result<(), String> {
    // SAFETY: nobody writes to the buffers meanwhile.
    let (got, expected) = unsafe { (got.slice::<T>(), expected.slice::<T>()) };
    for (i, (&got, &expected)) in got.iter().zip(expected).enumerate() {
        let ([re, im], [x, y]) = (parts(got), parts(expected));
        let off = (re - x).hypot(im - y);
        if off.is_nan() || off > tolerance * x.hypot(y) {
            return Err(format!(
                "element {i} is {:?}, not {:?} up to {tolerance:e}",
                [re, im],
                [x, y]
            ));
        }
    }
    Ok(())
}

fn first_difference(case: &Case, got: &[u8], expected: &[u8], element: usize) -> String {
    let bytes = element * case.out.size()..(element + 1) * case.out.size();
    let bits = |of: &[u8]| {
        of[bytes.clone()]
            .iter()
            .rev()
            .map(|b| format!("{b:02x}"))
            .collect::<String>()
    };
    format!(
        "element {element} in memory is {}, not {}",
        bits(got),
        bits(expected)
    )
}
