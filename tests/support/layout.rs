//! Random memory layouts: nested, permuted, gapped, reversed, repeating and overlapping ones.

use super::Random;
use crate::oracle::model::{contiguous, offsets};

/// Strides of an array, and the bytes it reaches below and above its first element.
#[derive(Clone, Debug)]
pub struct Layout {
    /// None stands for NULL, C-contiguous.
    pub strides: Option<Vec<i64>>,
    /// Bytes before the first element.
    pub below: usize,
    /// Bytes from the first element on.
    pub above: usize,
}

impl Layout {
    pub fn new(shape: &[usize], size: usize, strides: Option<Vec<i64>>) -> Layout {
        let dense = || contiguous(shape, size);
        let offsets = offsets(shape, &strides.clone().unwrap_or_else(dense));
        let lowest = offsets.iter().copied().min().unwrap_or(0);
        let highest = offsets.iter().copied().max().unwrap_or(0);
        Layout {
            strides,
            below: -lowest as usize,
            above: highest as usize + if offsets.is_empty() { 0 } else { size },
        }
    }

    pub fn span(&self) -> usize {
        self.below + self.above
    }
}

/// A stride that must not be looked at.
fn garbage(random: &mut Random) -> i64 {
    match random.below(4) {
        0 => 0,
        1 => i64::MIN,
        2 => i64::MAX,
        _ => random.bits() as i64,
    }
}

/// A layout in which no two elements meet, as an output needs it.
pub fn nested(random: &mut Random, shape: &[usize], size: usize) -> Layout {
    if random.one_in(4) {
        return Layout::new(shape, size, None);
    }
    if random.one_in(5) {
        return Layout::new(shape, size, Some(contiguous(shape, size)));
    }
    let empty = shape.contains(&0);
    let in_c_order = random.one_in(2);
    let mut order: Vec<usize> = (0..shape.len()).rev().collect();
    if !in_c_order {
        for last in (1..order.len()).rev() {
            order.swap(last, random.below(last + 1));
        }
    }
    let gap_style = random.below(4);
    let negative_style = random.below(3);
    let mut strides = vec![0; shape.len()];
    let mut span = size as i64;
    for axis in order {
        let extent = shape[axis];
        if extent <= 1 || empty {
            strides[axis] = garbage(random);
            continue;
        }
        let gap = match gap_style {
            0 | 1 => 0,
            2 => random.between(0, 2) * size as i64,
            _ => random.between(0, 9),
        };
        let step = span + gap;
        let negative =
            negative_style == 1 && random.one_in(2) || negative_style == 2 && random.one_in(6);
        strides[axis] = if negative { -step } else { step };
        span += step * (extent as i64 - 1);
    }
    Layout::new(shape, size, Some(strides))
}

/// Any layout at all, as an input may have it.
pub fn any(random: &mut Random, shape: &[usize], size: usize) -> Layout {
    let layout = nested(random, shape, size);
    if shape.contains(&0) || random.below(3) > 0 {
        return layout;
    }
    let mut strides = layout.strides.unwrap_or_else(|| contiguous(shape, size));
    let wild = random.one_in(3);
    for (stride, &extent) in strides.iter_mut().zip(shape) {
        if extent > 1 && random.one_in(2) {
            let reach = 3 * size as i64;
            *stride = if wild {
                random.between(-reach, reach)
            } else {
                0
            };
        }
    }
    Layout::new(shape, size, Some(strides))
}
