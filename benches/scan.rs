//! Times named cases through the C interface, each beside a copy of the same bytes and a plain loop.
//!
//! `benches/README.md` says how to run this and how to read what it prints; `benches/cases.txt` holds
//! the cases. Before anything is timed, each result is compared with the plain loop's.

// Cargo takes every file beside this one for a bench of its own, so the modules live in a folder.
#[path = "scan/cases.rs"]
mod cases;
#[path = "scan/check.rs"]
mod check;
#[path = "scan/compensated.rs"]
mod compensated;
#[path = "scan/data.rs"]
mod data;
#[path = "scan/library.rs"]
mod library;
#[path = "scan/machine.rs"]
mod machine;
#[path = "scan/measure.rs"]
mod measure;
#[path = "scan/naive.rs"]
mod naive;
#[path = "scan/report.rs"]
mod report;
#[path = "scan/roof.rs"]
mod roof;
#[path = "scan/sweep.rs"]
mod sweep;

use cases::{Against, Case};
use data::Buffer;
use library::{Call, Function};
use measure::Candidate;
use report::Report;
use std::fs;
use std::hint::black_box;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::thread::available_parallelism;

const USAGE: &str = "\
cargo bench --bench scan -- [OPTIONS] [FILTER]...

Runs the cases of benches/cases.txt whose name contains one of the filters; all without a filter.

  --quick         every case once, on small sizes, as a test of the results; also what a run does
                  that does not come from `cargo bench`
  --sweep         a grid of shapes, types and operations instead, of which it prints what is slower than
                  the plain loop, which goes row after row where lines are not contiguous
  --by-line       the plain loop goes line after line instead, the carry in a register
  --seconds S     time for each case (1.0), but of the sweep
  --json FILE     writes the results to FILE
  --list          prints the names and does nothing
  --help          prints this
";

/// What the command line asks for.
struct Arguments {
    quick: bool,
    sweep: bool,
    by_line: bool,
    list: bool,
    help: bool,
    seconds: f64,
    json: Option<PathBuf>,
    filters: Vec<String>,
}

impl Arguments {
    fn parse(mut words: impl Iterator<Item = String>) -> Result<Arguments, String> {
        let mut parsed = Arguments {
            quick: false,
            sweep: false,
            by_line: false,
            list: false,
            help: false,
            seconds: 1.0,
            json: None,
            filters: Vec::new(),
        };
        // `cargo bench` gives --bench; `cargo test` runs the same program without it.
        let mut bench = false;
        while let Some(word) = words.next() {
            let mut value = || words.next().ok_or(format!("{word} wants a value"));
            match word.as_str() {
                "--bench" => bench = true,
                "--quick" => parsed.quick = true,
                "--sweep" => parsed.sweep = true,
                "--by-line" => parsed.by_line = true,
                "--list" => parsed.list = true,
                "--help" => parsed.help = true,
                "--json" => parsed.json = Some(value()?.into()),
                "--seconds" => {
                    let given = value()?;
                    parsed.seconds = given
                        .parse()
                        .ok()
                        .filter(|s: &f64| s.is_finite() && *s >= 0.0)
                        .ok_or(format!("--seconds {given}: not a time"))?;
                }
                _ if word.starts_with('-') => return Err(format!("unknown option {word}")),
                _ => parsed.filters.push(word),
            }
        }
        parsed.quick |= !bench;
        Ok(parsed)
    }

    fn selects(&self, case: &Case) -> bool {
        self.filters.is_empty() || self.filters.iter().any(|f| case.name.contains(f.as_str()))
    }
}

fn main() -> ExitCode {
    let arguments = match Arguments::parse(std::env::args().skip(1)) {
        Ok(arguments) => arguments,
        Err(message) => {
            eprintln!("{message}\n\n{USAGE}");
            return ExitCode::FAILURE;
        }
    };
    if arguments.help {
        print!("{USAGE}");
        return ExitCode::SUCCESS;
    }
    let mut cases = if arguments.sweep {
        sweep::cases()
    } else {
        cases::all()
    };
    cases.retain(|case| arguments.selects(case));
    cases
        .iter_mut()
        .for_each(|case| case.by_line = arguments.by_line);
    if cases.is_empty() {
        eprintln!("no case is called {}", arguments.filters.join(" or "));
        return ExitCode::FAILURE;
    }
    if arguments.list {
        for case in &cases {
            println!("{:<28} {}", case.name, case.label);
        }
        return ExitCode::SUCCESS;
    }
    let run = if arguments.sweep { sweep } else { run };
    match run(cases, &arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            eprintln!("{message}");
            ExitCode::FAILURE
        }
    }
}

fn run(cases: Vec<Case>, arguments: &Arguments) -> Result<(), String> {
    let cores = cores();
    let mut report = Report::start(cores, arguments.quick);
    for case in cases {
        if case.threads > cores {
            report.skipped(&case, "this process may use one core only");
            continue;
        }
        let case = if arguments.quick { case.shrunk() } else { case };
        let stage = Stage::set(&case);
        if let Err(difference) = stage.check() {
            report.wrong(&case, &difference);
            continue;
        }
        let measured = if arguments.quick {
            measure::once(stage.candidates())
        } else {
            measure::interleaved(stage.candidates(), measure::ROUNDS, arguments.seconds)
        };
        report.measured(&case, measured);
    }
    save(arguments, || report.json())?;
    let found = report.finish();
    // The test of everything is one of the sweep too.
    if arguments.quick && arguments.filters.is_empty() {
        let some = sweep::cases().into_iter().step_by(sweep::SAMPLED);
        found.and(sweep::test(some.collect()))
    } else {
        found
    }
}

fn sweep(cases: Vec<Case>, arguments: &Arguments) -> Result<(), String> {
    if arguments.quick {
        return sweep::test(cases);
    }
    let head = report::head(cores(), false);
    let (json, found) = sweep::run(cases);
    save(arguments, || report::document(&head, &json))?;
    found
}

fn cores() -> usize {
    available_parallelism().map_or(1, |n| n.get())
}

/// Writes the results where they are wanted.
fn save(arguments: &Arguments, json: impl Fn() -> String) -> Result<(), String> {
    match &arguments.json {
        Some(path) => write(path, &json()).map_err(|error| format!("{}: {error}", path.display())),
        None => Ok(()),
    }
}

/// Writes a file, and the folder that it is in.
fn write(path: &Path, text: &str) -> std::io::Result<()> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    fs::write(path, text)
}

/// A case with its arrays: all candidates read the same input and write the same output, so that each
/// finds the caches as another left them.
struct Stage<'a> {
    case: &'a Case,
    x: Buffer,
    /// Where it matters that the plain scan meets no NaN: the input without them.
    whole: Option<Buffer>,
    out: Buffer,
    /// What is copied where input and output differ in size: half the bytes that the scan reads and writes.
    source: Option<Buffer>,
}

impl<'a> Stage<'a> {
    fn set(case: &'a Case) -> Stage<'a> {
        let x = data::input(case, case.data);
        let plain = case.has_target(Against::Plain) && case.data == cases::Data::Holes;
        Stage {
            case,
            whole: plain.then(|| data::input(case, cases::Data::Uniform)),
            out: Buffer::touched(case.behind, case.out_bytes()),
            source: (case.copied_bytes() > x.len())
                .then(|| Buffer::touched(case.behind, case.copied_bytes())),
            x,
        }
    }

    /// Compares the library's result with the loop's.
    fn check(&self) -> Result<(), String> {
        // Neither result may owe anything to what was there before, nor touch what lies between elements.
        let expected = Buffer::touched(self.case.behind, self.case.out_bytes());
        expected.fill(0xA5);
        naive::of(self.case)(self.case, &self.x, &expected);
        self.out.fill(0xA5);
        Call::new(self.case, &self.x, &self.out, Function::Library).repeat(1);
        check::compare(self.case, &self.out, &expected)
    }

    fn library(&self) -> Candidate<'_> {
        let call = Call::new(self.case, &self.x, &self.out, Function::Library);
        Candidate::new("library", move |times| call.repeat(times))
    }

    fn naive(&self) -> Candidate<'_> {
        let scan = naive::of(self.case);
        Candidate::new("naive", move |times| {
            for _ in 0..times {
                black_box(scan)(self.case, &self.x, &self.out);
            }
        })
    }

    /// The library and the plain loop alone.
    fn rivals(&self) -> Vec<Candidate<'_>> {
        vec![self.library(), self.naive()]
    }

    fn candidates(&self) -> Vec<Candidate<'_>> {
        let case = self.case;
        let source = self.source.as_ref().unwrap_or(&self.x);
        let bytes = case.copied_bytes();
        let copy = Candidate::new("copy", move |times| {
            for _ in 0..times {
                roof::copy(black_box(source), black_box(&self.out), bytes);
            }
        });
        let mut all = vec![self.library(), copy, self.naive()];
        if case.has_target(Against::Plain) {
            let x = self.whole.as_ref().unwrap_or(&self.x);
            let call = Call::new(case, x, &self.out, Function::Plain);
            all.push(Candidate::new("plain", move |times| call.repeat(times)));
        }
        if case.has_target(Against::Single) {
            let call = Call::new(case, &self.x, &self.out, Function::Single);
            all.push(Candidate::new("single", move |times| call.repeat(times)));
        }
        if case.has_target(Against::Nanoseconds) {
            let call = Call::new(case, &self.x, &self.out, Function::Empty);
            all.push(Candidate::new("empty", move |times| call.repeat(times)));
        }
        if roof::STREAMS && 2 * bytes >= roof::STREAMED_FROM {
            all.push(Candidate::new("stream", move |times| {
                for _ in 0..times {
                    roof::stream(black_box(source), black_box(&self.out), bytes);
                }
            }));
        }
        all
    }
}
