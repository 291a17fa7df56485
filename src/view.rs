//! Where a strided array lies in memory: its byte range, and whether its strides keep elements apart.
#![forbid(unsafe_code)]

use crate::status::Error;
use arrayvec::ArrayVec;

/// The largest number of dimensions.
pub const MAX_NDIM: usize = 64;

/// A half-open range of addresses.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Range {
    /// The first address.
    pub start: usize,
    /// The first address behind.
    pub end: usize,
}

impl Range {
    /// `bytes` from `start` on; `None` if that leaves the address space.
    #[inline]
    pub fn new(start: usize, bytes: usize) -> Option<Range> {
        Some(Range {
            start,
            end: start.checked_add(bytes)?,
        })
    }

    /// Whether some address is in both.
    #[inline]
    pub fn meets(self, other: Range) -> bool {
        self.start.max(other.start) < self.end.min(other.end)
    }
}

/// A dimension as it lies in memory: extent and stride in bytes.
pub type Extent = (usize, i64);

/// The dimensions of an array in memory.
pub type Extents = ArrayVec<Extent, MAX_NDIM>;

/// Fills `dims` with these extents and strides; C-contiguous without strides. The product of the
/// extents and of the size is known to fit.
#[inline]
pub fn resolve(dims: &mut Extents, shape: &[usize], strides: Option<&[i64]>, size: usize) {
    dims.clear();
    match strides {
        Some(strides) => dims.extend(shape.iter().copied().zip(strides.iter().copied())),
        None => {
            dims.extend(shape.iter().map(|&extent| (extent, 0)));
            let mut stride = size as i64;
            for dim in dims.iter_mut().rev() {
                dim.1 = stride;
                stride = stride.wrapping_mul(dim.0 as i64);
            }
        }
    }
}

/// The number of elements. Extents of 0 are left out of the test that their bytes can be addressed.
#[inline]
pub fn count(what: &'static str, shape: &[usize], size: usize) -> Result<usize, Error> {
    let (mut bytes, mut empty) = (size, false);
    for (dim, &extent) in shape.iter().enumerate() {
        empty |= extent == 0;
        bytes = bytes
            .checked_mul(extent.max(1))
            .filter(|&bytes| bytes <= isize::MAX as usize)
            .ok_or(Error::ShapeTooLarge { what, dim, extent })?;
    }
    Ok(if empty { 0 } else { bytes / size })
}

/// The byte range of an array with elements of `size` bytes, of which the first is at `start`.
#[inline]
pub fn byte_range(
    what: &'static str,
    start: usize,
    size: usize,
    dims: &[Extent],
) -> Result<Range, Error> {
    if dims.iter().any(|dim| dim.0 == 0) {
        return Ok(Range { start, end: start });
    }
    let span = Error::Span { what, start };
    let (mut below, mut above) = (0usize, size);
    for &(extent, stride) in dims {
        if extent == 1 {
            continue;
        }
        let reach = usize::try_from(stride.unsigned_abs())
            .ok()
            .and_then(|stride| stride.checked_mul(extent - 1))
            .ok_or(span)?;
        let side = if stride < 0 { &mut below } else { &mut above };
        *side = side.checked_add(reach).ok_or(span)?;
    }
    let total = below.checked_add(above).ok_or(span)?;
    if total > isize::MAX as usize {
        return Err(span);
    }
    let first = start.checked_sub(below).ok_or(span)?;
    Range::new(first, total).ok_or(span)
}

/// Sorts a few items, leaving those with equal keys in their order: the library's own sort would be more code
/// than all else that is done with dimensions.
pub fn sort_by_key<T, K: Ord>(items: &mut [T], key: impl Fn(&T) -> K) {
    for end in 1..items.len() {
        for i in (1..=end).rev() {
            if key(&items[i - 1]) <= key(&items[i]) {
                break;
            }
            items.swap(i - 1, i);
        }
    }
}

/// Checks that strides nest: sorted by magnitude, each is at least the byte span of the smaller ones
/// together. Then no two elements meet.
#[inline]
pub fn check_nesting(size: usize, dims: &[Extent]) -> Result<(), Error> {
    if dims.iter().any(|dim| dim.0 == 0) {
        return Ok(());
    }
    let mut sorted: ArrayVec<(u64, usize, usize, i64), MAX_NDIM> = ArrayVec::new();
    for (dim, &(extent, stride)) in dims.iter().enumerate() {
        if extent > 1 {
            sorted.push((stride.unsigned_abs(), extent, dim, stride));
        }
    }
    sort_by_key(&mut sorted, |&dim| dim);
    let mut span = size as u64;
    for &(magnitude, extent, dim, stride) in &sorted {
        if magnitude < span {
            return Err(Error::OutStrides {
                dim,
                stride,
                span: span as i64,
            });
        }
        // byte_range has shown that the whole span is addressable.
        span = span.saturating_add((extent as u64 - 1).saturating_mul(magnitude));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_range_reaches_to_both_sides_of_the_first_element() {
        let range = byte_range("x", 1000, 8, &[(3, 8), (5, -24), (1, i64::MIN)]);
        assert_eq!(
            range,
            Ok(Range {
                start: 904,
                end: 1024
            })
        );
        assert!(byte_range("x", 10, 8, &[(3, -8)]).is_err());
        assert!(byte_range("x", 10, 8, &[(3, i64::MAX)]).is_err());
        assert!(byte_range("x", usize::MAX - 8, 8, &[(2, 8)]).is_err());
    }

    #[test]
    fn strides_nest_or_do_not() {
        assert!(check_nesting(8, &[(3, 16), (2, 8)]).is_ok());
        assert!(check_nesting(8, &[(3, -8), (2, 24)]).is_ok());
        assert!(check_nesting(8, &[(3, 8), (2, 16)]).is_err());
        assert!(check_nesting(8, &[(2, 4)]).is_err());
        assert!(check_nesting(8, &[(2, 0), (0, 8)]).is_ok());
    }
}
