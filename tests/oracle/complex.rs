//! Judges reassociated and compensated complex products.

use super::bigfloat::BigFloat;
use super::bounds::{Demand, Formats, SLACK, check_special};
use super::convert::round_real;
use super::dtype::{Format, Value};
use super::model::Carry;

#[derive(Clone, Copy)]
struct BigComplex {
    re: BigFloat,
    im: BigFloat,
}

impl BigComplex {
    fn times(self, other: BigComplex) -> BigComplex {
        BigComplex {
            re: self
                .re
                .times(other.re)
                .plus(self.im.times(other.im).negated()),
            im: self.re.times(other.im).plus(self.im.times(other.re)),
        }
    }

    /// Exponent of the magnitude's leading bit.
    fn leading(self) -> Option<i64> {
        let square = self.re.times(self.re).plus(self.im.times(self.im));
        square.leading().map(|exponent| exponent.div_euclid(2))
    }
}

fn complex_parts(value: Value) -> (f64, f64) {
    match value {
        Value::Complex(re, im) => (re, im),
        other => panic!("{other:?} is not complex"),
    }
}

/// The plain product, every operation rounded: what it makes of parts that are not finite.
fn plain_product(format: Format, a: (f64, f64), b: (f64, f64)) -> (f64, f64) {
    let round = |x| round_real(x, format);
    let re = round(round(a.0 * b.0) - round(a.1 * b.1));
    (re, round(round(a.0 * b.1) + round(a.1 * b.0)))
}

/// Judges one line of complex products, in scan order.
pub fn check_complex_product(
    formats: Formats,
    demand: Demand,
    xs: &[Value],
    start: Option<Carry>,
    results: &[Value],
) -> Result<(), String> {
    let format = formats.result;
    let finite = |z: (f64, f64)| z.0.is_finite() && z.1.is_finite();
    let big = |z: (f64, f64)| BigComplex {
        re: BigFloat::from(z.0),
        im: BigFloat::from(z.1),
    };
    let in_range = |z: BigComplex| {
        z.leading().is_none_or(|exponent| {
            exponent >= formats.smallest && exponent < i64::from(format.max_exponent) - 1
        })
    };
    let mut product = big((1.0, 0.0));
    let mut spread = 0.0;
    let mut before = None;
    // Once a part is not finite, each result is judged from the one before it.
    let mut special = false;
    if let Some(carry) = start {
        let (value, error) = (complex_parts(carry.value), complex_parts(carry.error));
        special = !finite(value);
        if !special {
            product = BigComplex {
                re: BigFloat::from(value.0).plus(BigFloat::from(error.0)),
                im: BigFloat::from(value.1).plus(BigFloat::from(error.1)),
            };
            spread = product
                .leading()
                .map_or(0.0, |exponent| (exponent as f64).abs() + 1.0);
        }
        before = Some(value);
    }
    // A starting pair may stand for a number beyond the format.
    let mut lost = !in_range(product);
    for (index, (&x, &got)) in xs.iter().zip(results).enumerate() {
        let (x, got) = (complex_parts(x), complex_parts(got));
        let previous = before.replace(got);
        special |= !finite(x);
        if lost {
            continue;
        }
        if special {
            if demand == Demand::Regrouped {
                lost = true;
                continue;
            }
            let expected = previous.map_or(x, |previous| plain_product(format, previous, x));
            for (got, expected) in [(got.0, expected.0), (got.1, expected.1)] {
                if !expected.is_finite() {
                    check_special(index, got, expected)?;
                }
            }
            continue;
        }
        product = product.times(big(x));
        spread += big(x)
            .leading()
            .map_or(0.0, |exponent| (exponent as f64).abs() + 1.0);
        lost = match demand {
            Demand::Regrouped => spread > f64::from(format.max_exponent) * 0.7,
            Demand::Compensated => !in_range(product),
        };
        if lost {
            continue;
        }
        let exponent = product.leading().unwrap_or(i64::from(format.min_exponent));
        let ulp = i64::from(format.ulp_exponent(exponent as i32));
        let ulps = match demand {
            Demand::Compensated => 1.0,
            Demand::Regrouped => 3.3 * (index + 2) as f64,
        };
        let error = if finite(got) {
            let re = product.re.plus(BigFloat::from(-got.0)).scaled(ulp);
            let im = product.im.plus(BigFloat::from(-got.1)).scaled(ulp);
            re.hypot(im)
        } else {
            f64::INFINITY
        };
        if error > ulps * SLACK {
            return Err(format!(
                "scan step {index}: got {got:?}, expected ({:e}, {:e}) within {ulps} ulp, off by {error} ulp",
                product.re.scaled(0),
                product.im.scaled(0)
            ));
        }
    }
    Ok(())
}
