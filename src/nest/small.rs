//! Does small scans, for which there is no plan.

use super::block::{scan_across, scan_along};
use crate::kernels::{Block, Few, LARGEST_ACCUMULATOR, Panels, Short, Spacing};
use crate::plan::{CONVERTED, SMALL_ACCUMULATORS, SMALL_TURNED, Scattered, ShortLine, Small};
use crate::tile::{self, Move};
use std::mem::MaybeUninit;

/// Does a short line.
///
/// # Safety
/// `x` and `out` hold the elements, and nobody else writes them.
#[inline]
pub unsafe fn run_short(short: &ShortLine) {
    // SAFETY: this function's.
    unsafe {
        match short.few {
            Some(few) => short.line.scan(few),
            None => run_more(short),
        }
    }
}

/// [`run_short`] of more than a few elements. A function of its own, for the room that it takes.
///
/// # Safety
/// As [`run_short`].
#[inline(never)]
unsafe fn run_more(short: &ShortLine) {
    let ShortLine { line, kernel, .. } = short;
    let mut acc = MaybeUninit::<[u128; LARGEST_ACCUMULATOR / 16]>::uninit();
    let block = Block {
        x: line.x,
        x_pitch: 0,
        out: line.out,
        out_pitch: 0,
        len: line.n,
        rows: 1,
        acc: acc.as_mut_ptr().cast(),
        started: false,
        keep: false,
        exclusive: line.exclusive,
        spacing: Spacing::Forward,
        stream: false,
        ahead: 0,
    };
    // SAFETY: this function's; there is room for the largest accumulator, aligned for it.
    unsafe { (kernel.along)(&block) }
}

/// Does a small scan.
///
/// # Safety
/// `x` and `out` hold the elements, and the carries are there; nobody else writes any of these.
pub unsafe fn run_small(small: &Small) {
    // SAFETY: this function's; what is converted lies apart from its results.
    unsafe {
        if let Some(load) = small.load {
            load(small.x, small.out, small.extents.iter().product());
        }
        match small.few {
            Some(few) => run_lines(small, few),
            None => run_block(small),
        }
    }
}

/// Does the lines of a small scan one by one.
///
/// # Safety
/// As [`run_small`].
unsafe fn run_lines(small: &Small, few: Few) {
    let [outer, n, inner] = small.extents;
    let pitch = (inner * small.size) as isize;
    let (first, step) = match small.reverse {
        Some(_) => ((n as isize - 1) * pitch, -pitch),
        None => (0, pitch),
    };
    for panel in 0..outer {
        for column in 0..inner {
            let at = panel as isize * n as isize * pitch + (column * small.size) as isize + first;
            // SAFETY: this function's: the line's elements are in the arrays.
            unsafe {
                let line = Short {
                    x: small.x.offset(at),
                    out: small.out.offset(at),
                    n,
                    steps: [step; 2],
                    exclusive: small.exclusive,
                };
                line.scan(few);
            }
        }
    }
}

/// Does a small scan by kernels.
///
/// # Safety
/// As [`run_small`].
#[inline]
unsafe fn run_block(small: &Small) {
    let mut acc = MaybeUninit::<[u128; SMALL_ACCUMULATORS / 16]>::uninit();
    let acc = acc.as_mut_ptr().cast::<u8>();
    let (kernel, [outer, n, inner]) = (small.kernel, small.extents);
    let lines = outer * inner;
    let pitch = (inner * small.size) as isize;
    let panel = n as isize * pitch;
    // SAFETY: this function's; there is room for the accumulators of that many lines, which are in the
    // order of the lines, and each is written before it is exported. Rows lie in the arrays, and a
    // first row that is the last one has the others before it.
    unsafe {
        if let Some((carry, stride)) = small.carry_in {
            for line in 0..lines {
                (small.carries.import)(carry.add(line * stride), acc.add(line * kernel.acc_size));
            }
        }
        let x = match small.load {
            Some(_) => small.out,
            None => small.x,
        };
        let block = Block {
            x,
            x_pitch: panel,
            out: small.out,
            out_pitch: panel,
            len: n,
            rows: outer,
            acc,
            started: small.carry_in.is_some(),
            keep: small.carry_out.is_some(),
            exclusive: small.exclusive,
            spacing: Spacing::Forward,
            stream: false,
            ahead: 0,
        };
        match small.reverse {
            _ if inner > 1 => {
                let (last, pitch) = match small.reverse {
                    Some(_) => (panel - pitch, -pitch),
                    None => (0, pitch),
                };
                let block = Block {
                    x: x.offset(last),
                    x_pitch: pitch,
                    out: small.out.offset(last),
                    out_pitch: pitch,
                    len: inner,
                    rows: n,
                    ..block
                };
                let panels = Panels {
                    count: outer,
                    x: panel,
                    out: panel,
                };
                scan_across(kernel, small.many, &block, panels, false);
            }
            None => scan_along(small.along, small.many, &block, false),
            Some(_) if small.backward => {
                let last = (n - 1) * small.size;
                let block = Block {
                    x: x.add(last),
                    out: small.out.add(last),
                    spacing: Spacing::Backward,
                    ..block
                };
                scan_along(small.along, small.many, &block, false);
            }
            Some(elements) => run_turned(small, elements, block),
        }
        if let Some(carry) = small.carry_out {
            for line in 0..lines {
                let acc = acc.add(line * kernel.acc_size);
                (small.carries.export)(acc, true, carry.add(line * small.carries.size));
            }
        }
    }
}

/// Scans rows from their ends: turns them on their way in and out.
///
/// # Safety
/// As [`run_small`], with the block of all rows.
unsafe fn run_turned(small: &Small, elements: Move, block: Block) {
    let mut turned = MaybeUninit::<[u128; SMALL_TURNED]>::uninit();
    let turned = turned.as_mut_ptr().cast::<u8>();
    let size = small.size as isize;
    let (pitch, n) = (block.x_pitch, [block.rows, block.len]);
    let last = (block.len as isize - 1) * size;
    // SAFETY: this function's; `turned` has room for all elements, and lies apart.
    unsafe {
        elements(&tile::Block {
            src: block.x.offset(last),
            dst: turned,
            n,
            src_strides: [pitch, -size],
            dst_strides: [pitch, size],
            stream: false,
        });
        let within = Block {
            x: turned,
            out: turned,
            ..block
        };
        scan_along(small.along, small.many, &within, false);
        elements(&tile::Block {
            src: turned,
            dst: block.out.offset(last),
            n,
            src_strides: [pitch, size],
            dst_strides: [pitch, -size],
            stream: false,
        });
    }
}

/// Does a scan of scattered elements.
///
/// # Safety
/// `x` and `out` hold the elements, and nobody else writes them.
pub unsafe fn run_scattered(scattered: &Scattered) {
    let block = &scattered.block;
    // SAFETY: this function's; the kernel needs no accumulators, for nothing has started and nothing is kept.
    unsafe {
        if let Some((first, carries)) = scattered.initial {
            let mut value = MaybeUninit::<[u128; 2]>::uninit();
            let value = value.as_mut_ptr().cast::<u8>();
            let mut shown = value;
            (carries.show)(block.acc, false, value);
            if let Some(store) = scattered.store {
                shown = value.add(size_of::<u128>());
                store(value, shown, 1);
            }
            (scattered.scatter)(&tile::Block {
                src: shown,
                dst: first,
                n: [1, block.rows],
                src_strides: [0; 2],
                dst_strides: [0, block.out_pitch],
                stream: false,
            });
        }
        match (scattered.load, scattered.store) {
            (None, None) => (scattered.along)(block),
            _ => run_converted(scattered, *block),
        }
    }
}

/// Brings elements to the computing type and results to the output's, by way of a little room. A function of its own, for
/// this room.
///
/// # Safety
/// As [`run_scattered`], with the scan's block.
#[inline(never)]
unsafe fn run_converted(scattered: &Scattered, mut block: Block) {
    let mut rooms = MaybeUninit::<[[u128; CONVERTED / 16]; 2]>::uninit();
    let other = rooms.as_mut_ptr().cast::<u8>();
    let computed = other.wrapping_add(CONVERTED);
    let Spacing::Bytes([step, out_step]) = block.spacing else {
        unreachable!("scattered elements are so many bytes apart");
    };
    let (n, elements) = ([block.rows, block.len], block.rows * block.len);
    // Bytes between lines and along them where elements of a size lie side by side.
    let beside = |size: usize| [(size * block.len) as isize, size as isize];
    let [x_beside, size_beside, out_beside] = scattered.sizes.map(beside);
    let mut steps = [step, out_step];
    // SAFETY: this function's; each room holds all elements in any of the types, and what is moved lies apart.
    unsafe {
        if let Some(load) = scattered.load {
            let elements_to_room = tile::Block {
                src: block.x,
                dst: other,
                n,
                src_strides: [block.x_pitch, step],
                dst_strides: x_beside,
                stream: false,
            };
            (scattered.gather)(&elements_to_room.joined());
            load(other, computed, elements);
            block.x = computed;
            [block.x_pitch, steps[0]] = size_beside;
        }
        let (out, out_pitch) = (block.out, block.out_pitch);
        if scattered.store.is_some() {
            block.out = computed;
            [block.out_pitch, steps[1]] = size_beside;
        }
        block.spacing = Spacing::Bytes(steps);
        (scattered.along)(&block);
        if let Some(store) = scattered.store {
            store(computed, other, elements);
            let room_to_results = tile::Block {
                src: other,
                dst: out,
                n,
                src_strides: out_beside,
                dst_strides: [out_pitch, out_step],
                stream: false,
            };
            (scattered.scatter)(&room_to_results.joined());
        }
    }
}
