//! The way of small calls on elements that do not lie side by side: one line after the other, as they lie.
//!
//! Like [`Small`](super::Small), it needs no plan, and leaves to one whatever is not small, or not right.
#![forbid(unsafe_code)]

use super::request::{FLATTEN, Request};
use super::small::{asks_little, extents};
use crate::kernels::{self, Block, Mode, Run, Spacing};

/// Elements up to which a plan, which might bring them together for faster kernels, costs more than that saves.
const FEW: usize = 1024;

/// A scan of few elements as they lie.
pub struct Scattered {
    /// The kernel,
    pub along: Run,
    /// and its work, which needs no accumulators.
    pub block: Block,
}

impl Scattered {
    /// The scan of scattered elements that a request asks for, if it is one and nothing is wrong with it.
    pub fn new(request: &Request<'_>) -> Option<Scattered> {
        let (x, out, options) = (&request.x, request.out.as_ref()?, &request.options);
        let dtype = request.dtype;
        let carries = options.carry_in.is_some() || options.carry_out.is_some();
        if out.dtype != dtype || carries {
            return None;
        }
        let [outer, n, inner] = extents(request.shape, request.axis)?;
        let lines = outer * inner;
        if lines * n > FEW || asks_little(request, n)? != Mode::Sequential {
            return None;
        }
        let one_type = x.dtype == dtype;
        let along = match one_type {
            true => kernels::unplanned(false, request.op, dtype)?.spaced?.along,
            false => kernels::widened(request.op, [x.dtype, dtype])?,
        };
        let (x_size, size) = (x.dtype.size(), dtype.size());
        let flat = request.axis == FLATTEN || request.shape.is_empty();
        let x_way = Way::of(request.shape, request.axis, x.strides, x_size)?;
        let out_way = match flat {
            true => Way::of(&[n as i64], 0, out.strides, size)?,
            false => Way::of(request.shape, request.axis, out.strides, size)?,
        };
        let (from, to) = (x.pointer.addr(), out.pointer.addr());
        let ([start, end], [out_start, out_end]) = (
            x_way.span(from, n, lines, x_size)?,
            out_way.span(to, n, lines, size)?,
        );
        let apart = end <= out_start || out_end <= start;
        let same = one_type && from == to && x_way == out_way;
        if !(apart || same) || !out_way.nests(n, lines, size) {
            return None;
        }
        let (last, sign) = match options.reverse {
            true => (n as isize - 1, -1),
            false => (0, 1),
        };
        Some(Scattered {
            along,
            block: Block {
                x: x.pointer.wrapping_offset(last * x_way.step),
                x_pitch: x_way.pitch,
                out: out.pointer.wrapping_offset(last * out_way.step),
                out_pitch: out_way.pitch,
                len: n,
                rows: lines,
                acc: std::ptr::null_mut(),
                started: false,
                keep: false,
                exclusive: options.exclusive,
                spacing: Spacing::Bytes([sign * x_way.step, sign * out_way.step]),
                stream: false,
                ahead: 0,
            },
        })
    }
}

/// Bytes from one element to the next along the axis, and from one line to the next; 0 where there is one.
#[derive(PartialEq)]
struct Way {
    step: isize,
    pitch: isize,
}

impl Way {
    /// The way through an array, if its lines are evenly spaced, and so is a flattened axis. There are few elements,
    /// and some.
    fn of(shape: &[i64], axis: i32, strides: Option<&[i64]>, size: usize) -> Option<Way> {
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
            let stride = strides.map_or(contiguous, |strides| strides[dim]);
            contiguous *= extent;
            if extent == 1 {
                continue;
            }
            if stride.unsigned_abs() > FAR {
                return None;
            }
            let (first, led) = &mut ways[axis.is_some_and(|axis| axis != dim) as usize];
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
    use crate::dtype::DType;
    use crate::op::Op;
    use crate::plan::{Operand, Options};

    /// Whether sums of f64 with these strides, the arrays so many bytes apart, are taken.
    fn taken(shape: &[i64], axis: i32, x: &[i64], out: &[i64], apart: usize) -> bool {
        let mut room = vec![0f64; 1 << 16];
        let first = room.as_mut_ptr().wrapping_add(1 << 15).cast::<u8>();
        let dtype = DType::F64;
        Scattered::new(&Request {
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
        })
        .is_some()
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
