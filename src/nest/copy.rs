//! The copy of an input that the output would overwrite before it is read.

use crate::plan::{Dim, Plan};
use crate::simd::Isa;
use crate::status::Error;
use crate::tile;
use crate::view::{self, MAX_NDIM};
use arrayvec::ArrayVec;
use std::alloc::{Layout, alloc, dealloc};
use std::mem::MaybeUninit;

/// Bytes of a copy that has room on the stack.
const ROOM: usize = 4 << 10;

/// Memory that is given back when it goes out of scope.
struct Memory {
    start: *mut u8,
    layout: Layout,
}

impl Memory {
    fn new(bytes: usize) -> Result<Memory, Error> {
        let layout =
            Layout::from_size_align(bytes.max(1), 64).map_err(|_| Error::Memory { bytes })?;
        // SAFETY: the layout has a size.
        let start = unsafe { alloc(layout) };
        if start.is_null() {
            Err(Error::Memory { bytes })
        } else {
            Ok(Memory { start, layout })
        }
    }
}

impl Drop for Memory {
    fn drop(&mut self) {
        // SAFETY: allocated with this layout.
        unsafe { dealloc(self.start, self.layout) }
    }
}

/// Calls `then` with a plan that reads a copy of the input, in which nothing lies apart; dimensions
/// along which the input repeats itself are not spread out.
///
/// # Safety
/// As [`run_unit`].
pub unsafe fn with_copy<R>(
    plan: &Plan,
    then: impl FnOnce(&Plan) -> Result<R, Error>,
) -> Result<R, Error> {
    let size = plan.dtypes[0].size();
    let mut axis = plan.axis;
    let mut axis_dims: ArrayVec<Dim, MAX_NDIM> = plan.axis_dims.iter().copied().collect();
    let mut outer: ArrayVec<Dim, MAX_NDIM> = ArrayVec::new();
    if plan.line.extent > 1 {
        outer.push(plan.line);
    }
    outer.extend(plan.outer.iter().copied());

    // Strides of the copy keep the order of the input's, the axis before others that are equal.
    let scanned = if axis_dims.is_empty() {
        std::slice::from_mut(&mut axis)
    } else {
        &mut axis_dims
    };
    let mut dims: ArrayVec<&mut Dim, MAX_NDIM> = scanned
        .iter_mut()
        .chain(&mut outer)
        .filter(|dim| dim.extent > 1 && dim.x != 0)
        .collect();
    view::sort_by_key(&mut dims, |dim| dim.x.unsigned_abs());
    let mut moves: ArrayVec<(usize, isize, isize), MAX_NDIM> = ArrayVec::new();
    let mut bytes = size;
    for dim in dims {
        moves.push((dim.extent, dim.x, bytes as isize));
        dim.x = bytes as isize;
        // 5 of the plan: this is at most the byte count of the whole input.
        bytes *= dim.extent;
    }
    // A small call allocates nothing.
    let mut room = MaybeUninit::<[u128; ROOM / 16]>::uninit();
    let (memory, start) = if bytes <= ROOM {
        (None, room.as_mut_ptr().cast())
    } else {
        let memory = Memory::new(bytes)?;
        let start = memory.start;
        (Some(memory), start)
    };
    // SAFETY: 1 of the plan; the copy has the same elements, and its strides fill what is at `start`.
    unsafe { copy_elements(size, &moves, plan.x, start) };

    let mut copied = Plan {
        x: start,
        axis,
        axis_dims: &axis_dims,
        line: Dim::ONE,
        outer: &outer,
        staged: false,
        ..plan.clone()
    };
    copied.arrange();
    let result = then(&copied);
    drop(memory);
    result
}

/// Copies elements of `size` bytes along dimensions of (extent, source stride, target stride).
///
/// # Safety
/// All of them are addressable.
unsafe fn copy_elements(size: usize, dims: &[(usize, isize, isize)], src: *const u8, dst: *mut u8) {
    let copy = tile::move_of_size(Isa::current(), size);
    let dim = |i: usize| dims.get(i).copied().unwrap_or((1, 0, 0));
    let ((n0, s0, d0), (n1, s1, d1)) = (dim(0), dim(1));
    let mut index = [0; MAX_NDIM];
    loop {
        let rest = dims.iter().zip(&index).skip(2);
        let (from, to) = rest.fold((0, 0), |(from, to), (&(_, s, d), &i)| {
            (from + i as isize * s, to + i as isize * d)
        });
        // SAFETY: this function's.
        unsafe {
            copy(&tile::Block {
                src: src.wrapping_offset(from),
                dst: dst.wrapping_offset(to),
                n: [n1, n0],
                src_strides: [s1, s0],
                dst_strides: [d1, d0],
                stream: false,
            })
        };
        let mut next = 2;
        loop {
            if next >= dims.len() {
                return;
            }
            index[next] += 1;
            if index[next] < dims[next].0 {
                break;
            }
            index[next] = 0;
            next += 1;
        }
    }
}
