//! The way of small calls that ask for more than [`Small`](super::Small) does, or whose elements do not lie side by side:
//! one line after the other, as they lie, or by way of a little room where they are converted.
//!
//! Like the other, it needs no plan, and leaves to one whatever is not small, or not right.
#![forbid(unsafe_code)]

use super::arrange::{is_few_columns, stays_near};
use super::converter;
use super::request::{FLATTEN, Nan, Request};
use super::small::is_sequential;
use crate::dtype::{DType, Kind};
use crate::kernels::{self, Block, Carries, Mode, Overflow, Run, Spaced, Spacing};
use crate::op::Op;
use crate::simd::Isa;
use crate::tile::{self, Move, Rewrite};

/// Elements up to which a plan, which might bring them together for faster kernels, costs more than that saves.
const FEW: usize = 1024;

/// Bytes of converted elements.
pub const CONVERTED: usize = 8 << 10;

/// A scan of few elements as they lie.
pub struct Scattered {
    /// The kernel,
    pub along: Run,
    /// and its work, which needs no accumulators.
    pub block: Block,
    /// Where the starting value of the first line goes, and what shows it, if it is shown on its own.
    pub initial: Option<(*mut u8, &'static Carries)>,
    /// Bytes of an element of the input, the computing and the output type; if elements are converted, all together have at
    /// most [`CONVERTED`] bytes in each.
    pub sizes: [usize; 3],
    /// Moves elements of the input,
    pub gather: Move,
    /// and converts them first.
    pub load: Option<Rewrite>,
    /// Converts results,
    pub store: Option<Rewrite>,
    /// and moves them.
    pub scatter: Move,
}

impl Scattered {
    /// The scan of few elements that a request with these [`extents`](super::small::extents) asks for, if it is one and nothing
    /// is wrong with it.
    pub fn new(request: &Request<'_>, [outer, n, inner]: [usize; 3]) -> Option<Scattered> {
        let (x, out, options) = (&request.x, request.out.as_ref()?, &request.options);
        let (dtype, lines) = (request.dtype, outer * inner);
        let carries = options.carry_in.is_some() || options.carry_out.is_some();
        if carries || options.exclusive && options.initial || !is_sequential(options, n) {
            return None;
        }
        let (Spaced { along, longest }, load) = Self::kernel(request)?;
        let most = match request.op {
            // Without NaN, other kernels are faster.
            Op::Max | Op::Min if options.nan != Nan::Propagate && dtype.has_nan() => FEW / 4,
            // And there are some for long lines of these that stop at the end of their range.
            Op::Sum
                if options.overflow == Overflow::Saturate
                    && matches!(dtype, DType::U8 | DType::U16 | DType::U32)
                    && n > longest =>
            {
                FEW / 4
            }
            _ => FEW,
        };
        let isa = Isa::current();
        // Truth values keep their bytes: the kernels take any.
        let convert = |from: DType, to: DType| match from == to {
            true => None,
            false => converter(options.overflow)(isa, from, to),
        };
        if !x.dtype.casts_to(dtype) || !dtype.casts_to(out.dtype) {
            return None;
        }
        let load = if load { convert(x.dtype, dtype) } else { None };
        let store = convert(dtype, out.dtype);
        let sizes = [x.dtype, dtype, out.dtype].map(DType::size);
        let [x_size, _, size] = sizes;
        let converted = load.is_some() || store.is_some();
        if converted && lines * n * sizes.into_iter().max()? > CONVERTED {
            return None;
        }
        let initial = options.initial as usize;
        let flat = request.axis == FLATTEN || request.shape.is_empty();
        let x_way = Way::of(request.shape, request.axis, x.strides, x_size, 0)?;
        let out_way = match flat {
            true => Way::of(&[n as i64], 0, out.strides, size, initial)?,
            false => Way::of(request.shape, request.axis, out.strides, size, initial)?,
        };
        let (from, to) = (x.pointer.addr(), out.pointer.addr());
        let ([start, end], [out_start, out_end]) = (
            x_way.span(from, n, lines, x_size)?,
            out_way.span(to, n + initial, lines, size)?,
        );
        let apart = end <= out_start || out_end <= start;
        let same = x.dtype == out.dtype && from == to && x_way == out_way && initial == 0;
        if !(apart || same) || !out_way.nests(n + initial, lines, size) {
            return None;
        }
        let (last, sign) = match options.reverse {
            true => (n as isize - 1, -1),
            false => (0, 1),
        };
        let steps = [sign * x_way.step, sign * out_way.step];
        let planned_so = || {
            let turned_around = steps == [x_size, size].map(|size| -(size as isize));
            !(converted || turned_around)
                && Self::is_planned_so(request, [n, lines], [&x_way, &out_way])
        };
        if lines * n > most && !planned_so() {
            return None;
        }
        // The last place if the scan comes from there, or the first.
        let place = match options.reverse {
            true => (n + initial) as isize - 1,
            false => 0,
        };
        let first = out.pointer.wrapping_offset(place * out_way.step);
        let unplanned = || kernels::unplanned(Mode::Sequential, request.op, dtype);
        Some(Scattered {
            along,
            block: Block {
                x: x.pointer.wrapping_offset(last * x_way.step),
                x_pitch: x_way.pitch,
                out: first.wrapping_offset(initial as isize * steps[1]),
                out_pitch: out_way.pitch,
                len: n,
                rows: lines,
                acc: std::ptr::null_mut(),
                started: false,
                keep: false,
                exclusive: options.exclusive,
                spacing: Spacing::Bytes(steps),
                stream: false,
                ahead: 0,
            },
            initial: match options.initial {
                true => Some((first, unplanned()?.carries)),
                false => None,
            },
            sizes,
            gather: tile::move_of_size(isa, x_size),
            load,
            store,
            scatter: tile::move_of_size(isa, size),
        })
    }

    /// Whether a plan would take so many lines of `n` elements as they lie as well: results with gaps, a few columns in which
    /// elements are changed first, and a line for which there is no other kernel.
    fn is_planned_so(request: &Request<'_>, [n, lines]: [usize; 2], ways: [&Way; 2]) -> bool {
        let (dtype, nan) = (request.dtype, request.options.nan);
        let scrubs = nan != Nan::Propagate && dtype.has_nan();
        let gaps = ways[1].nearest(lines) != dtype.size();
        if lines == 1 {
            return gaps || !scrubs && Self::has_no_other(request);
        }
        let near = ways.iter().all(|way| stays_near(n, way.step));
        let across = ways.iter().all(|way| way.goes_across());
        let (op, overflow, isa) = (request.op, request.options.overflow, Isa::current());
        let several = kernels::lines(isa, op, dtype, Mode::Sequential, overflow).is_some();
        let changed = scrubs || request.x.dtype != dtype;
        near && (gaps || across && is_few_columns(lines, changed, several))
    }

    /// Whether there is no faster kernel for a line of a request's contiguous elements.
    fn has_no_other(request: &Request<'_>) -> bool {
        let (op, types) = (request.op, [request.x.dtype, request.dtype]);
        kernels::unplanned(Mode::Sequential, op, request.dtype).is_some_and(|unplanned| {
            let overflow = request.options.overflow;
            kernels::spaced(unplanned.kernel, op, types, Mode::Sequential, overflow)
                .is_some_and(|spaced| spaced.longest == usize::MAX)
        })
    }

    /// The kernel that a request needs, and whether it wants elements converted beforehand if they are of another type.
    fn kernel(request: &Request<'_>) -> Option<(Spaced, bool)> {
        let (op, dtype, options) = (request.op, request.dtype, &request.options);
        let integers = dtype.kind() == Kind::Integer;
        let spaced = match (options.nan, options.overflow) {
            (Nan::Identity | Nan::Skip, _) if dtype.has_nan() => {
                let skipped = options.nan == Nan::Skip;
                kernels::without_nan(op, dtype, Mode::Sequential, skipped, options.exclusive)
            }
            (_, Overflow::Check) if integers => None,
            (_, overflow @ Overflow::Saturate) if integers => {
                let (isa, mode) = (Isa::current(), Mode::Sequential);
                let kernel = kernels::kernel(isa, op, dtype, mode, overflow)?;
                kernels::spaced(kernel, op, [dtype; 2], mode, overflow)
            }
            _ => {
                if let Some(along) = kernels::widened(op, [request.x.dtype, dtype]) {
                    return Some((Spaced { along, longest: 0 }, false));
                }
                kernels::unplanned(Mode::Sequential, op, dtype)?.spaced
            }
        };
        Some((spaced?, true))
    }
}

/// Bytes from one element to the next along the axis, and from one line to the next; 0 where there is one.
#[derive(PartialEq)]
struct Way {
    step: isize,
    pitch: isize,
}

impl Way {
    /// The way through an array with so many places `more` along the axis, if its lines are evenly spaced, and so is a
    /// flattened axis. There are few elements, and some.
    fn of(
        shape: &[i64],
        axis: i32,
        strides: Option<&[i64]>,
        size: usize,
        more: usize,
    ) -> Option<Way> {
        /// Farther than an array is from another, and nothing that overflows.
        const FAR: u64 = 1 << 30;
        let axis = match axis {
            FLATTEN => None,
            negative if negative < 0 => Some((negative + shape.len() as i32) as usize),
            axis => Some(axis as usize),
        };
        // Along the axis, and across: the stride, and how many elements it has led to.
        let mut ways = [(0, 1); 2];
        let mut contiguous = size as i64;
        for (dim, &extent) in shape.iter().enumerate().rev() {
            let across = axis.is_some_and(|axis| axis != dim);
            let extent = if across { extent } else { extent + more as i64 };
            let stride = strides.map_or(contiguous, |strides| strides[dim]);
            contiguous *= extent;
            if extent == 1 {
                continue;
            }
            if stride.unsigned_abs() > FAR {
                return None;
            }
            let (first, led) = &mut ways[across as usize];
            if *led > 1 && stride != *first * *led {
                return None;
            }
            if *led == 1 {
                *first = stride;
            }
            *led *= extent;
        }
        Some(Way {
            step: ways[0].0 as isize,
            pitch: ways[1].0 as isize,
        })
    }

    /// Bytes from an element to the nearest other one.
    fn nearest(&self, lines: usize) -> usize {
        let step = self.step.unsigned_abs();
        match lines {
            1 => step,
            _ => step.min(self.pitch.unsigned_abs()),
        }
    }

    /// Whether lines are nearer to each other than the elements of one.
    fn goes_across(&self) -> bool {
        self.pitch.unsigned_abs() < self.step.unsigned_abs()
    }

    /// The first address and the one behind the last, from the address of the first element.
    fn span(&self, first: usize, n: usize, lines: usize, size: usize) -> Option<[usize; 2]> {
        let ways = [
            self.step * (n as isize - 1),
            self.pitch * (lines as isize - 1),
        ];
        let [below, above] =
            [isize::min, isize::max].map(|side| side(ways[0], 0) + side(ways[1], 0));
        let start = first.checked_add_signed(below).filter(|&start| start > 0)?;
        let end = first.checked_add_signed(above)?.checked_add(size)?;
        (first > 0).then_some([start, end])
    }

    /// Whether no two elements meet: the smaller distance is an element's at least, and the larger one that of all
    /// elements along the smaller.
    fn nests(&self, n: usize, lines: usize, size: usize) -> bool {
        let (step, pitch) = (self.step.unsigned_abs(), self.pitch.unsigned_abs());
        match (n > 1, lines > 1) {
            (false, false) => true,
            (true, false) => step >= size,
            (false, true) => pitch >= size,
            (true, true) if step <= pitch => step >= size && pitch >= step * (n - 1) + size,
            (true, true) => pitch >= size && step >= pitch * (lines - 1) + size,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::small::extents;
    use crate::plan::{Operand, Options};

    /// Whether sums of f64 with these strides, the arrays so many bytes apart, are taken.
    fn taken(shape: &[i64], axis: i32, x: &[i64], out: &[i64], apart: usize) -> bool {
        let mut room = vec![0f64; 1 << 16];
        let first = room.as_mut_ptr().wrapping_add(1 << 15).cast::<u8>();
        let dtype = DType::F64;
        let request = Request {
            op: Op::Sum,
            dtype,
            shape,
            axis,
            x: Operand {
                pointer: first.cast_const(),
                dtype,
                strides: Some(x),
            },
            out: Some(Operand {
                pointer: first.wrapping_add(apart),
                dtype,
                strides: Some(out),
            }),
            options: Options::default(),
        };
        extents(shape, axis).is_some_and(|extents| Scattered::new(&request, extents).is_some())
    }

    #[test]
    fn evenly_spaced_lines_are_taken() {
        const FAR: usize = 1 << 17;
        // Every other element; columns; rows turned around; the same element again and again.
        assert!(taken(&[100, 3], 1, &[48, 16], &[48, 16], FAR));
        assert!(taken(&[100, 3], 1, &[8, 800], &[24, 8], FAR));
        assert!(taken(&[100, 3], 1, &[-24, -8], &[24, -8], FAR));
        assert!(taken(&[100, 3], 1, &[0, 0], &[24, 8], FAR));
        // Lines that are not.
        assert!(!taken(&[4, 5, 6], 1, &[240, 48, 8], &[240, 48, 8], FAR));
        assert!(taken(&[4, 5, 6], 2, &[480, 96, 16], &[480, 96, 16], FAR));
        assert!(taken(&[4, 5, 6], FLATTEN, &[480, 96, 16], &[16], FAR));
        // In place, and side by side.
        assert!(taken(&[100, 3], 1, &[48, 16], &[48, 16], 0));
        assert!(taken(&[3], 0, &[16], &[16], 40));
    }

    #[test]
    fn what_meets_is_left_to_a_plan() {
        assert!(!taken(&[3], 0, &[16], &[16], 39));
        assert!(!taken(&[3], 0, &[16], &[-16], 0));
        assert!(!taken(&[3], 0, &[8], &[4], 1 << 17));
        assert!(!taken(&[3, 2], 0, &[16, 8], &[16, 16], 1 << 17));
        assert!(!taken(&[3, 2], 1, &[16, 8], &[0, 8], 1 << 17));
        assert!(!taken(&[3, 2], 2, &[16, 8], &[16, 8], 1 << 17));
        assert!(!taken(&[0, 2], 1, &[16, 8], &[16, 8], 1 << 17));
    }
}
