//! The lines that are printed, and the results as JSON.

use crate::cases::{Against, Case, Target};
use crate::measure::Measured;
use crate::{library, machine};

/// What has been found so far.
pub struct Report {
    quick: bool,
    /// Members of the JSON object that say where and when.
    head: String,
    /// Objects of the JSON array of cases.
    cases: Vec<String>,
    met: usize,
    missed: usize,
    skipped: usize,
    wrong: Vec<String>,
}

/// What the library is compared with, in the order of the columns.
const OTHERS: [&str; 6] = ["copy", "stream", "naive", "plain", "single", "empty"];

/// How many of them have a column.
const COLUMNS: usize = 5;

impl Report {
    /// Prints where it runs, and the head of the table.
    pub fn start(cores: usize, quick: bool) -> Report {
        let head = head(cores, quick);
        if !quick {
            println!(
                "Ratios: the library's time over the other's; below 1 it is faster. ns: the library, for an element."
            );
            print!("{:<28}", "case");
            for name in &OTHERS[..COLUMNS] {
                print!("{name:>8}");
            }
            println!("{:>10}{:>10}  target", "ns", "min ns");
        }
        Report {
            quick,
            head,
            cases: Vec::new(),
            met: 0,
            missed: 0,
            skipped: 0,
            wrong: Vec::new(),
        }
    }

    pub fn skipped(&mut self, case: &Case, reason: &str) {
        println!("{:<28}skipped: {reason}", case.name);
        self.skipped += 1;
    }

    pub fn wrong(&mut self, case: &Case, difference: &str) {
        println!("{:<28}WRONG: {difference}", case.name);
        self.wrong.push(case.name.clone());
    }

    /// Prints a case's line and keeps its results.
    pub fn measured(&mut self, case: &Case, all: Vec<Measured>) {
        let results = Results::new(case, &all);
        for verdict in &results.verdicts {
            *(if verdict.met {
                &mut self.met
            } else {
                &mut self.missed
            }) += 1;
        }
        if self.quick {
            println!("{:<28}ok", case.name);
        } else {
            results.print();
        }
        self.cases.push(results.json());
    }

    /// All results so far.
    pub fn json(&self) -> String {
        document(&self.head, &self.cases.join(",\n"))
    }

    /// Prints the sum of it; an error where results were wrong.
    pub fn finish(self) -> Result<(), String> {
        if self.quick {
            let (passed, failed) = (self.cases.len(), self.wrong.len());
            println!("{passed} passed, {failed} failed, {} skipped", self.skipped);
        } else {
            let (met, missed) = (self.met, self.missed);
            println!(
                "{met} targets met, {missed} missed; {} cases skipped",
                self.skipped
            );
        }
        if self.wrong.is_empty() {
            Ok(())
        } else {
            Err(format!("wrong results: {}", self.wrong.join(", ")))
        }
    }
}

/// Prints where it runs, and returns the members of the JSON object that say so.
pub fn head(cores: usize, quick: bool) -> String {
    let (processor, isa, version) = (machine::processor(), library::isa(), library::version());
    let rustc = machine::answer("rustc", &["--version"]);
    let commit = machine::answer("git", &["describe", "--always", "--dirty"]);
    let (cache, load, date) = (machine::last_level_cache(), machine::load(), machine::now());
    println!("cumulative {version} ({isa}) on {processor}, {cores} cores, {date}");
    if let Some(load) = load.filter(|&load| !quick && load > 0.5) {
        println!("The machine was busy in the last minute (load {load}): expect noise.");
    }
    let head = [
        ("date", Some(quoted(&date))),
        ("processor", Some(quoted(&processor))),
        ("cores", Some(cores.to_string())),
        ("last_level_cache", cache.as_deref().map(quoted)),
        ("load", load.map(|load| load.to_string())),
        ("isa", Some(quoted(&isa))),
        ("rustc", rustc.as_deref().map(quoted)),
        ("version", Some(quoted(&version))),
        ("commit", commit.as_deref().map(quoted)),
        ("quick", Some(quick.to_string())),
    ];
    let member = |(name, value): (&str, Option<String>)| {
        format!(
            "  {}: {},\n",
            quoted(name),
            value.unwrap_or("null".to_owned())
        )
    };
    head.into_iter().map(member).collect()
}

/// The JSON of all results.
pub fn document(head: &str, cases: &str) -> String {
    format!("{{\n{head}  \"cases\": [\n{cases}\n  ]\n}}\n")
}

/// The results of a case.
struct Results<'a> {
    case: &'a Case,
    all: &'a [Measured],
    library: &'a Measured,
    /// What times are divided by: elements, or 1 where whole calls are timed.
    units: f64,
    unit: &'static str,
    verdicts: Vec<Verdict>,
}

/// A target and what was reached.
struct Verdict {
    target: Target,
    reached: f64,
    met: bool,
}

impl<'a> Results<'a> {
    fn new(case: &'a Case, all: &'a [Measured]) -> Results<'a> {
        let whole = case.has_target(Against::Nanoseconds);
        let mut results = Results {
            case,
            all,
            library: named(all, "library").expect("the library is always measured"),
            units: if whole { 1.0 } else { case.elements() as f64 },
            unit: if whole { "call" } else { "element" },
            verdicts: Vec::new(),
        };
        let verdict = |&target: &Target| {
            let reached = match target.against {
                Against::Copy | Against::Naive | Against::Plain | Against::Single => results
                    .ratio(target.name())
                    .expect("what a target is against is measured"),
                Against::Nanoseconds => results.library.median() / results.units,
            };
            Verdict {
                target,
                reached,
                met: reached <= target.at_most,
            }
        };
        results.verdicts = case.targets.iter().map(verdict).collect();
        results
    }

    /// The library's time over another's, if that was measured.
    fn ratio(&self, name: &str) -> Option<f64> {
        named(self.all, name).map(|other| self.library.ratio(other))
    }

    fn print(&self) {
        print!("{:<28}", self.case.name);
        for name in &OTHERS[..COLUMNS] {
            let ratio = self.ratio(name).map(|ratio| format!("{ratio:.2}"));
            print!("{:>8}", ratio.as_deref().unwrap_or("-"));
        }
        let (median, minimum) = (self.library.median(), self.library.minimum());
        print!(
            "{:>10.3}{:>10.3}",
            median / self.units,
            minimum / self.units
        );
        for verdict in &self.verdicts {
            let (name, at_most) = (verdict.target.name(), verdict.target.at_most);
            let word = if verdict.met { "ok" } else { "MISS" };
            print!("  {name} <= {at_most} {word}");
        }
        println!();
        if let Some(empty) = named(self.all, "empty") {
            println!("{:<28}an empty call takes {:.2} ns", "", empty.median());
        }
    }

    fn json(&self) -> String {
        let times = self.all.iter().map(|m| {
            let (median, minimum) = (m.median() / self.units, m.minimum() / self.units);
            let name = quoted(m.name);
            format!("{name}: {{\"median\": {median:.5}, \"min\": {minimum:.5}}}")
        });
        let others = OTHERS.iter();
        let ratios = others.filter_map(|name| Some(number(name, self.ratio(name)?)));
        let copy = named(self.all, "copy").expect("the copy is always measured");
        let to_copy = self.all.iter().map(|m| number(m.name, m.ratio(copy)));
        let targets = self.verdicts.iter().map(|verdict| {
            let (name, at_most) = (quoted(verdict.target.name()), verdict.target.at_most);
            let (reached, met) = (verdict.reached, verdict.met);
            format!(
                "{{\"against\": {name}, \"at_most\": {at_most}, \"reached\": {reached:.4}, \"met\": {met}}}"
            )
        });
        let members = [
            ("name", quoted(&self.case.name)),
            ("label", quoted(self.case.label)),
            ("elements", self.case.elements().to_string()),
            ("unit", quoted(self.unit)),
            ("threads", self.case.threads.to_string()),
            ("rounds", self.library.rounds().to_string()),
            ("ns", format!("{{{}}}", joined(times))),
            ("library_over", format!("{{{}}}", joined(ratios))),
            ("over_copy", format!("{{{}}}", joined(to_copy))),
            ("targets", format!("[{}]", joined(targets))),
        ];
        let members = members.map(|(name, value)| format!("{}: {value}", quoted(name)));
        format!("    {{{}}}", members.join(",\n     "))
    }
}

/// The measured candidate of that name.
pub fn named<'a>(all: &'a [Measured], name: &str) -> Option<&'a Measured> {
    all.iter().find(|m| m.name == name)
}

pub fn joined(items: impl Iterator<Item = String>) -> String {
    items.collect::<Vec<_>>().join(", ")
}

/// A member of a JSON object.
pub fn number(name: &str, value: f64) -> String {
    format!("{}: {value:.4}", quoted(name))
}

/// A JSON string.
pub fn quoted(text: &str) -> String {
    let mut json = String::from("\"");
    for character in text.chars() {
        match character {
            '"' | '\\' => json.extend(['\\', character]),
            control if control < ' ' => json += &format!("\\u{:04x}", u32::from(control)),
            _ => json.push(character),
        }
    }
    json + "\""
}
