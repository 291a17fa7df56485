//! The cases of cases.txt.

use cumulative::ffi::*;

/// The operation.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Op {
    Sum,
    Prod,
    Max,
}

/// An element type.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Type {
    F16,
    F32,
    F64,
    C64,
    C128,
    U8,
    U16,
    U64,
    I32,
    I64,
}

impl Type {
    /// Bytes of an element.
    pub fn size(self) -> usize {
        match self {
            Type::U8 => 1,
            Type::F16 | Type::U16 => 2,
            Type::F32 | Type::I32 => 4,
            Type::F64 | Type::C64 | Type::I64 | Type::U64 => 8,
            Type::C128 => 16,
        }
    }

    pub fn code(self) -> cum_dtype {
        match self {
            Type::F16 => CUM_F16,
            Type::F32 => CUM_F32,
            Type::F64 => CUM_F64,
            Type::C64 => CUM_C64,
            Type::C128 => CUM_C128,
            Type::U8 => CUM_U8,
            Type::U16 => CUM_U16,
            Type::U64 => CUM_U64,
            Type::I32 => CUM_I32,
            Type::I64 => CUM_I64,
        }
    }
}

/// How the arrays lie in memory.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Layout {
    /// Both in C order.
    C,
    /// The input in Fortran order, the output in C order.
    Transposed,
    /// Every other element of both.
    Step2,
}

/// What the input holds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Data {
    Uniform,
    Normal,
    Sine,
    Noise,
    Zeros,
    Ints,
    NearOne,
    Holes,
    Range,
    Spikes,
    Climbs,
    Switching,
}

/// What a target compares with.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Against {
    /// The time of a copy of the same bytes.
    Copy,
    /// The time of the plain loop.
    Naive,
    /// The time of the same scan without options.
    Plain,
    /// The time of the same scan on one thread.
    Single,
    /// The nanoseconds of a whole call.
    Nanoseconds,
}

/// A figure to reach: at most so many times as long, or so many nanoseconds.
#[derive(Clone, Copy, Debug)]
pub struct Target {
    pub against: Against,
    pub at_most: f64,
}

impl Target {
    /// As the table of cases writes it.
    pub fn name(&self) -> &'static str {
        match self.against {
            Against::Copy => "copy",
            Against::Naive => "naive",
            Against::Plain => "plain",
            Against::Single => "single",
            Against::Nanoseconds => "ns",
        }
    }
}

/// One line of the table, or of the sweep.
#[derive(Clone, Debug)]
pub struct Case {
    pub name: String,
    pub op: Op,
    pub x: Type,
    pub out: Type,
    pub shape: Vec<usize>,
    pub axis: usize,
    pub layout: Layout,
    /// Bytes from the beginning of a page to that of each array.
    pub behind: usize,
    /// Whether the plain loop does line after line, the carry in a register, also where lines are not contiguous and
    /// row after row would be faster.
    pub by_line: bool,
    pub data: Data,
    /// `CUM_SEQUENTIAL`, `CUM_REASSOCIATE` or `CUM_COMPENSATED`.
    pub mode: i32,
    /// `CUM_REVERSE`, `CUM_EXCLUSIVE`, `CUM_INCLUDE_INITIAL`.
    pub flags: u32,
    /// `CUM_NAN_PROPAGATE` or `CUM_NAN_IDENTITY`.
    pub nan: i32,
    /// `CUM_WRAP` or `CUM_SATURATE`.
    pub overflow: i32,
    pub threads: usize,
    pub targets: Vec<Target>,
    pub label: &'static str,
}

/// All cases in the order of the table.
pub fn all() -> Vec<Case> {
    let lines = include_str!("../cases.txt").lines().enumerate();
    lines
        .filter(|(_, line)| !line.is_empty() && !line.starts_with('#'))
        .map(|(i, line)| {
            parse(line).unwrap_or_else(|message| panic!("cases.txt, line {}: {message}", i + 1))
        })
        .collect()
}

fn parse(line: &'static str) -> Result<Case, String> {
    let mut rest = line;
    let mut column = || {
        let (word, after) = rest.split_once(' ').ok_or("a column is missing")?;
        rest = after.trim_start();
        Ok::<&'static str, String>(word)
    };
    let name = column()?;
    let op = op(column()?)?;
    let x = element(column()?)?;
    let out = element(column()?)?;
    let shape = column()?
        .split('x')
        .map(extent)
        .collect::<Result<Vec<_>, _>>()?;
    let axis = extent(column()?)?;
    let (layout, behind) = layout(column()?)?;
    let data = data(column()?)?;
    let (mut mode, mut flags, mut nan) = (CUM_SEQUENTIAL, 0, CUM_NAN_PROPAGATE);
    for word in column()?.split('+') {
        match word {
            "-" => {}
            "reassociate" => mode = CUM_REASSOCIATE,
            "compensated" => mode = CUM_COMPENSATED,
            "reverse" => flags |= CUM_REVERSE,
            "exclusive" => flags |= CUM_EXCLUSIVE,
            "initial" => flags |= CUM_INCLUDE_INITIAL,
            "nan-identity" => nan = CUM_NAN_IDENTITY,
            _ => return Err(format!("unknown option {word}")),
        }
    }
    let threads = extent(column()?)?;
    let targets = targets(column()?)?;
    if axis >= shape.len() || threads == 0 {
        return Err(format!("axis {axis}, {threads} threads"));
    }
    Ok(Case {
        name: name.to_owned(),
        op,
        x,
        out,
        shape,
        axis,
        layout,
        behind,
        by_line: false,
        data,
        mode,
        flags,
        nan,
        overflow: CUM_WRAP,
        threads,
        targets,
        label: rest,
    })
}

fn op(word: &str) -> Result<Op, String> {
    match word {
        "sum" => Ok(Op::Sum),
        "prod" => Ok(Op::Prod),
        "max" => Ok(Op::Max),
        _ => Err(format!("unknown operation {word}")),
    }
}

fn element(word: &str) -> Result<Type, String> {
    match word {
        "f16" => Ok(Type::F16),
        "f32" => Ok(Type::F32),
        "f64" => Ok(Type::F64),
        "c64" => Ok(Type::C64),
        "c128" => Ok(Type::C128),
        "u8" => Ok(Type::U8),
        "u16" => Ok(Type::U16),
        "u64" => Ok(Type::U64),
        "i32" => Ok(Type::I32),
        "i64" => Ok(Type::I64),
        _ => Err(format!("unknown type {word}")),
    }
}

/// `8`, or `1e5`.
fn extent(word: &str) -> Result<usize, String> {
    let bad = || format!("{word} is not a whole number");
    let (digits, power) = word.split_once('e').unwrap_or((word, "0"));
    let power = power.parse().map_err(|_| bad())?;
    let scale = 10usize.checked_pow(power).ok_or_else(bad)?;
    let digits: usize = digits.parse().map_err(|_| bad())?;
    digits.checked_mul(scale).ok_or_else(bad)
}

/// The layout, and how far behind a page the arrays begin.
fn layout(word: &str) -> Result<(Layout, usize), String> {
    let (name, behind) = word.split_once('+').unwrap_or((word, "0"));
    let layout = match name {
        "c" => Layout::C,
        "transposed" => Layout::Transposed,
        "step2" => Layout::Step2,
        _ => return Err(format!("unknown layout {word}")),
    };
    let behind = extent(behind)?;
    if behind > 0 && layout != Layout::C {
        return Err(format!("layout {word}: only c begins behind a page"));
    }
    Ok((layout, behind))
}

fn data(word: &str) -> Result<Data, String> {
    match word {
        "uniform" => Ok(Data::Uniform),
        "normal" => Ok(Data::Normal),
        "sine" => Ok(Data::Sine),
        "noise" => Ok(Data::Noise),
        "zeros" => Ok(Data::Zeros),
        "ints" => Ok(Data::Ints),
        "near-one" => Ok(Data::NearOne),
        "holes" => Ok(Data::Holes),
        "range" => Ok(Data::Range),
        "spikes" => Ok(Data::Spikes),
        "climbs" => Ok(Data::Climbs),
        "switching" => Ok(Data::Switching),
        _ => Err(format!("unknown data {word}")),
    }
}

/// Those that this program can look at: the ones against NumPy are compare.py's.
fn targets(words: &str) -> Result<Vec<Target>, String> {
    let mut all = Vec::new();
    for word in words.split(',') {
        if word == "-" || word.starts_with("numpy>=") {
            continue;
        }
        let bad = || format!("unknown target {word}");
        let (name, figure) = word.split_once("<=").ok_or_else(bad)?;
        let against = match name {
            "copy" => Against::Copy,
            "naive" => Against::Naive,
            "plain" => Against::Plain,
            "single" => Against::Single,
            "ns" => Against::Nanoseconds,
            _ => return Err(bad()),
        };
        let at_most = figure.parse().map_err(|_| bad())?;
        all.push(Target { against, at_most });
    }
    Ok(all)
}

impl Case {
    /// The same case on a size that a test can afford, with extents that are no round numbers.
    pub fn shrunk(mut self) -> Case {
        let most = match self.shape.len() {
            1 => 300_007,
            2 => 631,
            _ => 71,
        };
        for extent in &mut self.shape {
            *extent = most.min(*extent);
        }
        self
    }

    pub fn has_target(&self, against: Against) -> bool {
        self.targets.iter().any(|t| t.against == against)
    }

    /// Number of elements of the input.
    pub fn elements(&self) -> usize {
        self.shape.iter().product()
    }

    /// Product of the extents after the scanned one.
    pub fn inner(&self) -> usize {
        self.shape[self.axis + 1..].iter().product()
    }

    /// The output's extent along the scanned axis.
    pub fn out_extent(&self) -> usize {
        let extent = self.shape[self.axis];
        if self.flags & CUM_INCLUDE_INITIAL == 0 {
            extent
        } else {
            extent + 1
        }
    }

    /// The extents of the output.
    pub fn out_shape(&self) -> Vec<usize> {
        let mut shape = self.shape.clone();
        shape[self.axis] = self.out_extent();
        shape
    }

    /// Elements of memory for each element of an array.
    pub fn step(&self) -> usize {
        if self.layout == Layout::Step2 { 2 } else { 1 }
    }

    /// Bytes of memory that the output spans.
    pub fn out_bytes(&self) -> usize {
        self.out_shape().iter().product::<usize>() * self.step() * self.out.size()
    }

    /// Bytes of a copy that reads and writes, taken together, as many as the scan.
    pub fn copied_bytes(&self) -> usize {
        self.elements() * (self.x.size() + self.out.size()) / 2
    }
}
