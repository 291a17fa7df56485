//! Comparison of a call with the oracle.
//!
//! Exact combinations are compared bit for bit. Where the contract gives a bound, a plain call of the same scan
//! into a separate dense array of the computing type is judged against the bound, and everything else (flags,
//! output type, layout, aliasing, threads) must then give those very bits.

use super::call::{Call, MARGIN, Outcome, UNTOUCHED};
use super::{last_error, status_name};
use crate::oracle::bounds::check_line;
use crate::oracle::combine::Op;
use crate::oracle::convert::round_real;
use crate::oracle::dtype::{BINARY64, Dtype, Format, Value, load};
use crate::oracle::model::{
    Carry, Given, LineAnswer, Mode, Nan, Overflow, Settings, carry_dtype, carry_size, is_inexact,
    lines, load_carry, operands, scan_line, store_carry, zero,
};
use cumulative::ffi;

impl Call {
    pub fn starts(&self, count: usize) -> Vec<Option<Carry>> {
        let computing = self.computing_dtype();
        let size = carry_size(computing, self.mode);
        match &self.carry_in {
            None => vec![None; count],
            Some(bytes) => {
                let one = bytes.len() == size;
                let at = |line| if one { 0 } else { line * size };
                let read = |line| Some(load_carry(computing, self.mode, &bytes[at(line)..]));
                (0..count).map(read).collect()
            }
        }
    }

    fn settings(&self) -> Settings {
        Settings {
            op: self.op,
            computing: self.computing_dtype(),
            out: self.out_dtype,
            exclusive: self.exclusive,
            reverse: self.reverse,
            initial: self.initial,
            nan: self.nan,
            overflow: self.overflow,
            total_wanted: self.carry_out,
            idle_converts: false,
        }
    }

    /// Statuses that the types alone call for; none of them if the call is lawful.
    fn type_errors(&self) -> Vec<i32> {
        let computing = self.computing_dtype();
        let mut errors = Vec::new();
        if !self.op.computes_in(computing) {
            errors.push(ffi::CUM_ERR_DTYPE);
        }
        if !self.x_dtype.converts_to(computing) || !computing.converts_to(self.out_dtype) {
            errors.push(ffi::CUM_ERR_CAST);
        }
        errors
    }

    /// Runs the call and compares it with the oracle.
    pub fn check(&self) -> Result<(), String> {
        let outcome = self.run();
        let errors = self.type_errors();
        if !errors.is_empty() {
            if !errors.contains(&outcome.status) {
                return Err(format!(
                    "status {}, the types do not go together",
                    status_name(outcome.status)
                ));
            }
            return self.check_untouched(&outcome);
        }
        let expected = self.expect()?;
        self.compare(&expected, &outcome)
    }

    fn expect(&self) -> Result<Expected, String> {
        let x = self.x_values();
        let lines = lines(&self.shape, self.scanned_axis());
        let starts = self.starts(lines.len());
        let settings = self.settings();
        let computing = settings.computing;
        let probe = if is_inexact(self.op, computing, self.mode) {
            Some(self.probe(&lines, &x, &starts)?)
        } else {
            None
        };
        let answers = |settings: &Settings| -> Vec<LineAnswer> {
            let answer = |(number, line): (usize, &Vec<usize>)| {
                let x: Vec<Value> = line.iter().map(|&element| x[element]).collect();
                let start = starts[number].map(|carry| carry.value);
                scan_line(
                    settings,
                    &x,
                    start,
                    probe.as_ref().map(|probe| &probe.lines[number]),
                )
            };
            lines.iter().enumerate().map(answer).collect()
        };
        let first_overflow = |answers: &[LineAnswer]| {
            let with_line = |(line, answer): (usize, &LineAnswer)| {
                answer.overflow.map(|index| [line as i64, index])
            };
            answers.iter().enumerate().find_map(with_line)
        };
        let strict = answers(&settings);
        let mut places = vec![first_overflow(&strict)];
        if self.overflow == Overflow::Check && self.exclusive && !self.carry_out {
            let loose = answers(&Settings {
                idle_converts: true,
                ..settings
            });
            places.push(first_overflow(&loose));
        }
        let carries = match probe {
            Some(probe) => probe.carries,
            None => {
                let error = zero(carry_dtype(computing, self.mode));
                let bytes = |answer: &LineAnswer| {
                    let value = answer.total;
                    store_carry(computing, self.mode, Carry { value, error })
                };
                strict.iter().flat_map(bytes).collect()
            }
        };
        Ok(Expected {
            answers: strict,
            places,
            carries,
        })
    }

    /// The line totals that the oracle expects, as carries.
    pub fn expected_carries(&self) -> Result<Vec<u8>, String> {
        Ok(self.expect()?.carries)
    }

    /// Runs the plain scan behind a bounded combination and judges it.
    fn probe(
        &self,
        lines: &[Vec<usize>],
        x: &[Value],
        starts: &[Option<Carry>],
    ) -> Result<Probe, String> {
        let computing = self.computing_dtype();
        let mut plain = Call {
            out_dtype: computing,
            computing: Some(computing),
            out_at: self.memory.len(),
            out_strides: None,
            exclusive: false,
            initial: true,
            nan: if self.nan == Nan::Skip {
                Nan::Identity
            } else {
                self.nan
            },
            overflow: Overflow::Wrap,
            threads: 1,
            carry_out: true,
            carry_shared: false,
            progress: false,
            ..self.clone()
        };
        let out_elements: usize = plain.out_shape().iter().product();
        plain
            .memory
            .resize(self.memory.len() + out_elements * computing.size(), 0);
        let outcome = plain.run();
        if outcome.status != ffi::CUM_OK {
            return Err(format!("the plain scan failed: {}", last_error()));
        }
        let places = plain.out_places();
        let settings = plain.settings();
        let mut given = Vec::new();
        let size = carry_size(computing, self.mode);
        for (number, out_line) in
            crate::oracle::model::lines(&plain.out_shape(), plain.scanned_axis())
                .iter()
                .enumerate()
        {
            let context = |text: String| {
                format!(
                    "line {number} of the plain scan, from {:?}: {text}",
                    starts[number]
                )
            };
            let mut shown: Vec<Value> = out_line
                .iter()
                .map(|&element| load(computing, &outcome.memory[places[element]..]))
                .collect();
            if self.reverse {
                shown.reverse();
            }
            let line_x: Vec<Value> = lines[number].iter().map(|&element| x[element]).collect();
            let (start, inclusive) = (shown[0], shown[1..].to_vec());
            let due =
                starts[number].map_or(self.op.identity(computing), |carry| self.rounded(carry));
            if !start.same(due) {
                return Err(context(format!(
                    "the starting value is shown as {start:?}, not {due:?}"
                )));
            }
            let operands = operands(&settings, &line_x);
            check_line(
                self.op,
                computing,
                self.mode,
                &operands,
                starts[number],
                &inclusive,
            )
            .map_err(|text| {
                let (x, got) = (operands.iter().take(9), inclusive.iter().take(9));
                let (x, got): (Vec<_>, Vec<_>) = (x.collect(), got.collect());
                context(format!(
                    "{text}\noperands begin {x:?}\nresults begin {got:?}"
                ))
            })?;
            let total = load_carry(computing, self.mode, &outcome.carry_out[number * size..]);
            let last = inclusive.last().copied().unwrap_or(start);
            if !self.rounded(total).same(last) {
                return Err(context(format!(
                    "the carry is {total:?}, the last result {last:?}"
                )));
            }
            given.push(Given { start, inclusive });
        }
        Ok(Probe {
            lines: given,
            carries: outcome.carry_out,
        })
    }

    /// The value of the computing type that a carry stands for.
    fn rounded(&self, carry: Carry) -> Value {
        if self.mode != Mode::Compensated || !matches!(self.op, Op::Sum | Op::Prod) {
            return carry.value;
        }
        let format = self.computing_dtype().format().expect("pairs are floating");
        let round = |value, error| round_pair(value, error, format);
        match (carry.value, carry.error) {
            (Value::Complex(a, b), Value::Complex(c, d)) => {
                Value::Complex(round(a, c), round(b, d))
            }
            (Value::Real(a), Value::Real(b)) => Value::Real(round(a, b)),
            _ => panic!("{carry:?}"),
        }
    }

    fn check_untouched(&self, outcome: &Outcome) -> Result<(), String> {
        if outcome.memory != self.memory {
            return Err("memory changed although the call failed".into());
        }
        let untouched = match &self.carry_in {
            Some(before) if self.carry_shared && self.carry_out => &outcome.carry_out == before,
            _ => outcome.carry_out.iter().all(|&byte| byte == UNTOUCHED),
        };
        if untouched {
            Ok(())
        } else {
            Err("carry_out changed although the call failed".into())
        }
    }

    fn compare(&self, expected: &Expected, outcome: &Outcome) -> Result<(), String> {
        if self.overflow == Overflow::Check && expected.places.iter().any(|place| place.is_some()) {
            let reported = (outcome.status == ffi::CUM_ERR_OVERFLOW).then_some(outcome.place);
            if !expected.places.contains(&reported) {
                return Err(format!(
                    "status {} at {:?}, expected an overflow at one of {:?}",
                    status_name(outcome.status),
                    outcome.place,
                    expected.places
                ));
            }
            if reported.is_some() {
                return self.check_untouched(outcome);
            }
        }
        if outcome.status != ffi::CUM_OK {
            return Err(format!(
                "status {}: {}",
                status_name(outcome.status),
                last_error()
            ));
        }
        let places = self.out_places();
        let out_lines = lines(&self.out_shape(), self.scanned_axis());
        let mut covered = vec![false; self.memory.len()];
        let size = self.out_dtype.size();
        for (number, line) in out_lines.iter().enumerate() {
            let answer = &expected.answers[number];
            assert_eq!(line.len(), answer.out.len());
            for (index, (&element, &due)) in line.iter().zip(&answer.out).enumerate() {
                let place = places[element];
                covered[place..place + size].fill(true);
                let got = load(self.out_dtype, &outcome.memory[place..]);
                let bad_bool = self.out_dtype == Dtype::Bool && outcome.memory[place] > 1;
                if bad_bool || !self.agrees(due, got) {
                    return Err(format!(
                        "line {number}, index {index}: got {got:?}, expected {due:?}"
                    ));
                }
            }
        }
        let beside = |&at: &usize| !covered[at] && outcome.memory[at] != self.memory[at];
        if let Some(at) = (0..covered.len()).find(beside) {
            return Err(format!("byte {at}, outside the output, changed"));
        }
        if self.carry_out {
            compare_carries(
                self.computing_dtype(),
                self.mode,
                &expected.carries,
                &outcome.carry_out,
            )?;
        }
        self.check_progress(&outcome.progress)
    }

    fn agrees(&self, due: Value, got: Value) -> bool {
        // Which parts of a complex NaN are put back as NaN is left open.
        let put_back = self.nan == Nan::Skip
            && matches!(due, Value::Complex(re, im) if re.is_nan() && im.is_nan());
        due.same(got) || (put_back && got.is_nan())
    }

    fn check_progress(&self, calls: &[(u64, u64)]) -> Result<(), String> {
        if !self.progress {
            return Ok(());
        }
        let elements = self.shape.iter().product::<usize>() as u64;
        let passes = if self.overflow == Overflow::Check && self.computing_dtype().is_int() {
            2
        } else {
            1
        };
        let total = passes * elements;
        let totals_agree = calls.iter().all(|call| call.1 == total);
        let ordered = calls.is_sorted();
        if calls.last() == Some(&(total, total)) && totals_agree && ordered {
            Ok(())
        } else {
            Err(format!("progress was {calls:?} for a total of {total}"))
        }
    }

    /// Runs `cum_reduce` on the same lines; its totals are the carries of the scan.
    pub fn check_reduce(&self) -> Result<(), String> {
        if !self.type_errors().is_empty() {
            return Ok(());
        }
        let scan = Call {
            carry_out: true,
            carry_shared: false,
            // Results that do not fit the output's type are no matter of a reduction.
            out_dtype: self.computing_dtype(),
            computing: Some(self.computing_dtype()),
            exclusive: false,
            initial: false,
            ..self.clone()
        };
        let expected = scan.expect()?;
        let mut totals = vec![UNTOUCHED; expected.carries.len() + MARGIN];
        let mut options = self.options();
        options.dtype = 0;
        if let Some(bytes) = &self.carry_in {
            options.carry_in = bytes.as_ptr().cast();
            options.carry_in_len = self.carry_length(bytes);
        }
        let shape: Vec<i64> = self.shape.iter().map(|&extent| extent as i64).collect();
        // SAFETY: as in `run`; totals has room for one carry a line and a margin.
        let status = unsafe {
            ffi::cum_reduce(
                self.op.code(),
                shape.len() as i32,
                shape.as_ptr(),
                self.axis,
                self.memory.as_ptr().wrapping_add(self.x_at).cast(),
                self.x_dtype.code(),
                self.x_strides
                    .as_ref()
                    .map_or(std::ptr::null(), |strides| strides.as_ptr()),
                self.computing_dtype().code(),
                totals.as_mut_ptr().cast(),
                expected.answers.len(),
                &options,
            )
        };
        let due = if self.overflow == Overflow::Check && expected.places[0].is_some() {
            ffi::CUM_ERR_OVERFLOW
        } else {
            0
        };
        if status != due {
            return Err(format!(
                "cum_reduce: status {}, expected {}",
                status_name(status),
                status_name(due)
            ));
        }
        let (carries, margin) = totals.split_at(expected.carries.len());
        if margin.iter().any(|&byte| byte != UNTOUCHED) {
            return Err("cum_reduce wrote beyond the totals".into());
        }
        if status == 0 {
            compare_carries(
                self.computing_dtype(),
                self.mode,
                &expected.carries,
                carries,
            )
            .map_err(|text| format!("cum_reduce: {text}"))
        } else if carries.iter().all(|&byte| byte == UNTOUCHED) {
            Ok(())
        } else {
            Err("cum_reduce failed and wrote".into())
        }
    }
}

struct Expected {
    answers: Vec<LineAnswer>,
    /// Where an overflow may be reported; None among them if success is right.
    places: Vec<Option<[i64; 2]>>,
    carries: Vec<u8>,
}

struct Probe {
    lines: Vec<Given>,
    carries: Vec<u8>,
}

/// `value + error` in the nearest number of `format`, rounded once. The error beside a value that is not finite is
/// ignored.
pub fn round_pair(value: f64, error: f64, format: Format) -> f64 {
    if !value.is_finite() || error == 0.0 {
        return round_real(value, format);
    }
    let sum = value + error;
    let part = sum - value;
    let lost = (value - (sum - part)) + (error - part);
    // A double that is odd wherever it is not exact rounds to any narrower format as the exact sum does.
    let odd = match lost {
        _ if format == BINARY64 || lost == 0.0 || sum.to_bits() & 1 == 1 => sum,
        _ if lost > 0.0 => sum.next_up(),
        _ => sum.next_down(),
    };
    round_real(odd, format)
}

/// Compares carries part by part: equal to the bit, a NaN like any other, and an error of 0 of either sign.
pub fn compare_carries(computing: Dtype, mode: Mode, due: &[u8], got: &[u8]) -> Result<(), String> {
    let size = carry_size(computing, mode);
    assert_eq!(due.len(), got.len());
    for (number, (due, got)) in due.chunks(size).zip(got.chunks(size)).enumerate() {
        let due = load_carry(computing, mode, due);
        let got = load_carry(computing, mode, got);
        let zeros = |value: Value| match value {
            Value::Int(n) => n == 0,
            Value::Real(x) => x == 0.0,
            Value::Complex(re, im) => re == 0.0 && im == 0.0,
        };
        // Beside a value that is not finite the error means nothing.
        let ignored = match due.value {
            Value::Int(_) => false,
            value => value.parts().iter().any(|part| !part.is_finite()),
        };
        let errors_agree =
            due.error.same(got.error) || (zeros(due.error) && zeros(got.error)) || ignored;
        if !due.value.same(got.value) || !errors_agree {
            return Err(format!(
                "carry of line {number}: got {got:?}, expected {due:?}"
            ));
        }
    }
    Ok(())
}
