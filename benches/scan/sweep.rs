//! Whether anything is slower than the loop one would write: a grid of shapes, types and operations, of
//! which only what is slow is printed.
//!
//! The table of cases holds what matters and what was slow once; this looks where nobody has looked. Each
//! case is timed briefly, and again for longer if it seemed slow, so that what is printed is not chance
//! and the rest does not take long.

use crate::Stage;
use crate::cases::{Against, Case, Data, Layout, Op, Target, Type};
use crate::measure::{self, Measured};
use crate::report::{joined, named, number, quoted};
use cumulative::ffi::*;

/// What is slow: so many times as long as the loop.
const SLOW: f64 = 1.05;

/// From which ratio a case is timed again, being slow perhaps.
const SUSPECT: f64 = 1.02;

/// Rounds at least and seconds, at first and where a case is timed again.
const BRIEFLY: (usize, f64) = (3, 0.004);
const AGAIN: (usize, f64) = (5, 0.02);

/// Elements below which calls differ by a constant time rather than by a ratio.
const CALL: usize = 1001;

/// Bytes of an array at most: a case has three at a time.
const LARGEST: usize = 140_000_000;

/// Elements at most where there are options.
const LARGEST_WITH_OPTIONS: usize = 2_000_000;

/// Of how many cases the test of everything runs one; a prime, so that it meets all kinds and shapes.
pub const SAMPLED: usize = 47;

/// Lengths of single lines.
const LINES: [usize; 10] = [
    8, 30, 100, 300, 1000, 3000, 10_000, 100_000, 1_000_000, 10_000_000,
];

/// Lengths of the lines where there are many.
const SHORT: [usize; 17] = [
    2, 3, 5, 7, 8, 9, 12, 15, 16, 17, 24, 33, 64, 100, 127, 257, 1000,
];

/// Few elements in more than one dimension, along and across.
const SMALL_ALONG: [[usize; 2]; 5] = [[4, 8], [30, 10], [100, 3], [200, 5], [30, 30]];
const SMALL_ACROSS: [[usize; 2]; 4] = [[8, 4], [3, 64], [3, 100], [30, 30]];

/// Many lines.
const LARGE_ALONG: [[usize; 2]; 3] = [[2048, 4096], [100_000, 100], [1_000_000, 10]];

/// Lengths of rows, where a scan runs across many.
const ROWS: [usize; 27] = [
    2, 3, 4, 5, 7, 8, 9, 12, 15, 16, 17, 20, 24, 31, 33, 48, 64, 65, 100, 127, 128, 200, 257, 500,
    1000, 1001, 4000,
];

/// Numbers of rows in a panel, and their lengths.
const PANELS: [usize; 9] = [2, 3, 4, 5, 6, 7, 8, 12, 20];
const PANEL_ROWS: [usize; 9] = [16, 17, 40, 64, 65, 128, 130, 256, 1000];

/// Elements of all panels of a case, about.
const PANEL_ELEMENTS: usize = 200_000;

/// Arrays that no cache holds, scanned across: panels, rows, elements of a row.
const LARGE_ACROSS: [[usize; 3]; 13] = [
    [1, 10, 1_000_000],
    [1, 128, 65_535],
    [1, 1000, 8200],
    [1, 4000, 2000],
    [1, 100_000, 100],
    [1, 1_000_000, 10],
    [4, 100, 20_000],
    [128, 255, 257],
    [128, 256, 256],
    // Rows that are multiples of a page apart: what is near in a column shares few sets of a cache.
    [1, 64, 131_072],
    [1, 128, 65_536],
    [1, 1024, 8192],
    [1, 2000, 4096],
];

/// How far behind a page the arrays begin: not at all, and as far as large ones from malloc and NumPy do.
const PLACES: [usize; 2] = [0, 16];

/// An operation on a type, and how.
#[derive(Clone, Copy)]
struct Kind {
    op: Op,
    x: Type,
    out: Type,
    mode: i32,
    flags: u32,
    nan: i32,
    overflow: i32,
    layout: Layout,
    name: &'static str,
}

const fn of(op: Op, element: Type, name: &'static str) -> Kind {
    Kind {
        op,
        x: element,
        out: element,
        mode: CUM_SEQUENTIAL,
        flags: 0,
        nan: CUM_NAN_PROPAGATE,
        overflow: CUM_WRAP,
        layout: Layout::C,
        name,
    }
}

#[rustfmt::skip]
impl Kind {
    const fn with(self, flags: u32) -> Kind { Kind { flags, ..self } }
    const fn to(self, out: Type) -> Kind { Kind { out, ..self } }
    const fn step2(self) -> Kind { Kind { layout: Layout::Step2, ..self } }
    const fn nan_identity(self) -> Kind { Kind { nan: CUM_NAN_IDENTITY, ..self } }
    const fn saturating(self) -> Kind { Kind { overflow: CUM_SATURATE, ..self } }
    const fn compensated(self) -> Kind { Kind { mode: CUM_COMPENSATED, ..self } }
}

#[rustfmt::skip]
const KINDS: [Kind; 41] = [
    of(Op::Sum,  Type::F64,  "sum-f64"),
    of(Op::Sum,  Type::F32,  "sum-f32"),
    of(Op::Sum,  Type::C128, "sum-c128"),
    of(Op::Sum,  Type::C64,  "sum-c64"),
    of(Op::Sum,  Type::I64,  "sum-i64"),
    of(Op::Sum,  Type::I32,  "sum-i32"),
    of(Op::Sum,  Type::U16,  "sum-u16"),
    of(Op::Sum,  Type::U8,   "sum-u8"),
    of(Op::Sum,  Type::F16,  "sum-f16"),
    of(Op::Max,  Type::F64,  "max-f64"),
    of(Op::Max,  Type::F32,  "max-f32"),
    of(Op::Max,  Type::I32,  "max-i32"),
    of(Op::Prod, Type::F64,  "prod-f64"),
    of(Op::Prod, Type::I64,  "prod-i64"),
    of(Op::Prod, Type::I32,  "prod-i32"),
    of(Op::Sum,  Type::F64,  "sum-f64-compensated").compensated(),
    of(Op::Sum,  Type::F64,  "sum-f64-exclusive").with(CUM_EXCLUSIVE),
    of(Op::Sum,  Type::I32,  "sum-i32-exclusive").with(CUM_EXCLUSIVE),
    of(Op::Sum,  Type::U8,   "sum-u8-exclusive").with(CUM_EXCLUSIVE),
    of(Op::Sum,  Type::F64,  "sum-f64-reverse").with(CUM_REVERSE),
    of(Op::Sum,  Type::I32,  "sum-i32-reverse").with(CUM_REVERSE),
    of(Op::Sum,  Type::U8,   "sum-u8-reverse").with(CUM_REVERSE),
    of(Op::Max,  Type::F64,  "max-f64-reverse").with(CUM_REVERSE),
    of(Op::Prod, Type::F64,  "prod-f64-reverse").with(CUM_REVERSE),
    of(Op::Sum,  Type::F64,  "sum-f64-nan-identity").nan_identity(),
    of(Op::Sum,  Type::F32,  "sum-f32-nan-identity").nan_identity(),
    of(Op::Sum,  Type::U8,   "sum-u8-saturate").saturating(),
    of(Op::Sum,  Type::I32,  "sum-i32-saturate").saturating(),
    of(Op::Prod, Type::U8,   "prod-u8-u64").to(Type::U64),
    of(Op::Sum,  Type::U8,   "sum-u8-u64").to(Type::U64),
    of(Op::Sum,  Type::I32,  "sum-i32-i64").to(Type::I64),
    of(Op::Sum,  Type::F64,  "sum-f64-step2").step2(),
    of(Op::Sum,  Type::F32,  "sum-f32-step2").step2(),
    of(Op::Sum,  Type::I64,  "sum-i64-step2").step2(),
    of(Op::Sum,  Type::I32,  "sum-i32-step2").step2(),
    of(Op::Sum,  Type::U8,   "sum-u8-step2").step2(),
    of(Op::Max,  Type::F64,  "max-f64-step2").step2(),
    of(Op::Sum,  Type::F64,  "sum-f64-exclusive-step2").with(CUM_EXCLUSIVE).step2(),
    of(Op::Sum,  Type::I32,  "sum-i32-reverse-step2").with(CUM_REVERSE).step2(),
    of(Op::Sum,  Type::F64,  "sum-f64-nan-identity-step2").nan_identity().step2(),
    of(Op::Sum,  Type::I32,  "sum-i32-i64-step2").to(Type::I64).step2(),
];

/// The extents and the scanned axis of all shapes.
fn shapes() -> Vec<(Vec<usize>, usize)> {
    let mut all = Vec::new();
    all.extend(LINES.map(|n| (vec![n], 0)));
    all.extend(SMALL_ALONG.map(|extents| (extents.to_vec(), 1)));
    all.extend(SMALL_ACROSS.map(|extents| (extents.to_vec(), 0)));
    all.extend(SHORT.map(|n| (vec![2000, n], 1)));
    all.extend(LARGE_ALONG.map(|extents| (extents.to_vec(), 1)));
    all.extend(ROWS.map(|inner| (vec![if inner > 300 { 100 } else { 1000 }, inner], 0)));
    for n in PANELS {
        all.extend(PANEL_ROWS.map(|inner| (vec![PANEL_ELEMENTS / (n * inner), n, inner], 1)));
    }
    all.extend(LARGE_ACROSS.map(|extents| match extents {
        [1, n, inner] => (vec![n, inner], 0),
        panels => (panels.to_vec(), 1),
    }));
    all
}

/// All cases.
pub fn cases() -> Vec<Case> {
    let mut all = Vec::new();
    for kind in &KINDS {
        for (shape, axis) in shapes() {
            let elements: usize = shape.iter().product();
            let bytes = elements * kind.out.size();
            if bytes > LARGEST || kind.has_options() && elements > LARGEST_WITH_OPTIONS {
                continue;
            }
            // Where a call's own time is measured, it matters little where the arrays are, or where they have gaps.
            let one = elements < CALL || kind.layout != Layout::C;
            let places = if one { 1 } else { PLACES.len() };
            all.extend(
                PLACES[..places]
                    .iter()
                    .map(|&behind| kind.case(&shape, axis, behind)),
            );
        }
    }
    all
}

impl Kind {
    fn has_options(&self) -> bool {
        let defaults = (CUM_SEQUENTIAL, 0, CUM_NAN_PROPAGATE, CUM_WRAP);
        (self.mode, self.flags, self.nan, self.overflow) != defaults
            || self.x != self.out
            || self.layout != Layout::C
    }

    fn case(&self, shape: &[usize], axis: usize, behind: usize) -> Case {
        let extents: Vec<_> = shape.iter().map(usize::to_string).collect();
        let way = if axis + 1 == shape.len() {
            "along"
        } else {
            "across"
        };
        let mut name = format!("sweep-{}-{way}-{}", self.name, extents.join("x"));
        if behind > 0 {
            name += &format!("+{behind}");
        }
        // What makes a case one of whole calls, which pass no options that they do not need.
        let whole = Target {
            against: Against::Nanoseconds,
            at_most: f64::INFINITY,
        };
        let elements: usize = shape.iter().product();
        Case {
            name,
            op: self.op,
            x: self.x,
            out: self.out,
            shape: shape.to_vec(),
            axis,
            layout: self.layout,
            behind,
            by_line: false,
            data: match (self.op, self.x) {
                _ if self.nan != CUM_NAN_PROPAGATE => Data::Holes,
                (_, Type::I64 | Type::I32 | Type::U16 | Type::U8) => Data::Ints,
                // So that products neither vanish nor become denormal.
                (Op::Prod, _) => Data::NearOne,
                _ => Data::Uniform,
            },
            mode: self.mode,
            flags: self.flags,
            nan: self.nan,
            overflow: self.overflow,
            threads: 1,
            targets: if elements < CALL {
                vec![whole]
            } else {
                Vec::new()
            },
            label: "",
        }
    }
}

/// Runs cases once, on small sizes, as a test.
pub fn test(cases: Vec<Case>) -> Result<(), String> {
    let mut wrong = Vec::new();
    let mut passed = 0;
    for case in cases.into_iter().map(Case::shrunk) {
        let stage = Stage::set(&case);
        match stage.check() {
            Ok(()) => {
                measure::once(stage.rivals());
                passed += 1;
            }
            Err(difference) => {
                println!("{:<44}WRONG: {difference}", case.name);
                wrong.push(case.name.clone());
            }
        }
    }
    println!("sweep: {passed} passed, {} failed", wrong.len());
    fail(&wrong)
}

/// Times the cases, prints those that are slow, and returns the JSON array of all.
pub fn run(cases: Vec<Case>) -> (String, Result<(), String>) {
    let (mut timed, mut wrong) = (Vec::new(), Vec::new());
    for case in cases {
        let stage = Stage::set(&case);
        if let Err(difference) = stage.check() {
            println!("{:<44}WRONG: {difference}", case.name);
            wrong.push(case.name.clone());
            continue;
        }
        let time = |(rounds, seconds)| {
            Timed::new(&case, measure::interleaved(stage.rivals(), rounds, seconds))
        };
        let mut result = time(BRIEFLY);
        if result.call() || result.ratio > SUSPECT {
            result = time(AGAIN);
        }
        timed.push(result);
    }
    let json: Vec<_> = timed.iter().map(Timed::json).collect();
    let (calls, rest) = timed.into_iter().partition(Timed::call);
    print_calls(calls);
    print_slow(rest);
    (json.join(",\n"), fail(&wrong))
}

fn fail(wrong: &[String]) -> Result<(), String> {
    if wrong.is_empty() {
        Ok(())
    } else {
        Err(format!("wrong results: {}", wrong.join(", ")))
    }
}

/// A case and its times.
struct Timed {
    name: String,
    elements: usize,
    measured: Vec<Measured>,
    /// The library's time over the loop's.
    ratio: f64,
    /// Nanoseconds of a call.
    library: f64,
    naive: f64,
}

impl Timed {
    fn new(case: &Case, measured: Vec<Measured>) -> Timed {
        let rival = |name| named(&measured, name).expect("both are measured");
        let (library, naive) = (rival("library"), rival("naive"));
        Timed {
            name: case.name.clone(),
            elements: case.elements(),
            ratio: library.ratio(naive),
            library: library.median(),
            naive: naive.median(),
            measured,
        }
    }

    /// Whether the call itself takes a good part of the time.
    fn call(&self) -> bool {
        self.elements < CALL
    }

    /// Nanoseconds that a call takes longer than the loop.
    fn extra(&self) -> f64 {
        self.library - self.naive
    }

    fn json(&self) -> String {
        let units = self.elements as f64;
        let times = self.measured.iter().map(|m| {
            let (median, minimum) = (m.median() / units, m.minimum() / units);
            let name = quoted(m.name);
            format!("{name}: {{\"median\": {median:.5}, \"min\": {minimum:.5}}}")
        });
        format!(
            "    {{\"name\": {}, \"elements\": {}, \"rounds\": {}, \"ns\": {{{}}}, \"library_over\": {{{}}}}}",
            quoted(&self.name),
            self.elements,
            self.measured[0].rounds(),
            joined(times),
            number("naive", self.ratio),
        )
    }
}

fn print_calls(mut calls: Vec<Timed>) {
    if calls.is_empty() {
        return;
    }
    calls.sort_by(|a, b| b.extra().total_cmp(&a.extra()));
    println!(
        "Calls on fewer than {CALL} elements: ns of a call, and how many more than the loop's."
    );
    println!(
        "{:<44}{:>10}{:>10}{:>8}",
        "case", "library", "naive", "extra"
    );
    for call in &calls {
        let (library, naive, extra) = (call.library, call.naive, call.extra());
        println!("{:<44}{library:>10.1}{naive:>10.1}{extra:>8.1}", call.name);
    }
    println!();
}

fn print_slow(timed: Vec<Timed>) {
    let all = timed.len();
    let mut slow: Vec<_> = timed.into_iter().filter(|t| t.ratio > SLOW).collect();
    slow.sort_by(|a, b| b.ratio.total_cmp(&a.ratio));
    if !slow.is_empty() {
        println!("Slower than the loop: ns of an element.");
        println!(
            "{:<44}{:>10}{:>10}{:>8}",
            "case", "library", "naive", "ratio"
        );
    }
    for case in &slow {
        let (library, naive) = (case.library, case.naive);
        let units = case.elements as f64;
        println!(
            "{:<44}{:>10.3}{:>10.3}{:>8.2}",
            case.name,
            library / units,
            naive / units,
            case.ratio
        );
    }
    println!(
        "{} of {all} slower than {SLOW} times a plain loop",
        slow.len()
    );
}
