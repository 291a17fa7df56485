//! Whether the library's result is the plain loop's.

use crate::cases::{Case, Data, Type};
use crate::data::Buffer;
use cumulative::ffi::{CUM_COMPENSATED, CUM_SEQUENTIAL};

/// Compares results: the bits of a sequential scan, gaps between elements included; else up to rounding.
pub fn compare(case: &Case, got: &Buffer, expected: &Buffer) -> Result<(), String> {
    if case.mode == CUM_SEQUENTIAL {
        // SAFETY: nobody writes to the buffers meanwhile.
        let (got, expected) = unsafe { (got.slice::<u8>(), expected.slice::<u8>()) };
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
        case.out == Type::F64 && matches!(case.data, Data::Uniform | Data::NearOne),
        "{}: no bound for the rounding errors of these data",
        case.name
    );
    let tolerance = if case.mode == CUM_COMPENSATED {
        // Half an ulp and a little for each of the two.
        2.0 * f64::EPSILON
    } else {
        case.elements() as f64 * f64::EPSILON
    };
    // SAFETY: as above.
    let (got, expected) = unsafe { (got.slice::<f64>(), expected.slice::<f64>()) };
    let near = |(g, e): (&f64, &f64)| (g - e).abs() <= tolerance * e.abs();
    match got.iter().zip(expected).position(|pair| !near(pair)) {
        None => Ok(()),
        Some(i) => Err(format!(
            "element {i} is {:e}, not {:e} up to {tolerance:e}",
            got[i], expected[i]
        )),
    }
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
