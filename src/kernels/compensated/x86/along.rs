//! Lines as pairs of squares, of any type.

use super::super::line::Line;
use super::super::{STRETCH, Scan};
use super::scan::{PIECE, Place, Room, Work};
use crate::kernels::Block;
use arrayvec::ArrayVec;
use std::mem::MaybeUninit;

/// Bytes of an element at most.
const LARGEST: usize = 16;

/// Bytes of a line from which on elements are asked for ahead of time even where a cache holds all: it is the third
/// level then. On a Zen 3, 10^6 doubles took 2.1 to 2.9 ns an element without, and take 0.84, and 10^5 took 0.84 and
/// take 0.80.
const AHEAD: usize = 1 << 18;

/// Elements of a piece, aligned for any type.
#[repr(align(16))]
struct Elements(MaybeUninit<[u8; PIECE * LARGEST]>);

/// Elements of a pair of squares, which has 64 bytes in a column at most.
#[repr(align(16))]
struct Pair(MaybeUninit<[u8; STRETCH * 64]>);

/// How pairs of squares of a type are scanned.
pub struct Squares {
    /// Stretches of a pair.
    pub rows: usize,
    /// Elements at the end of a line up to which they are done stretch by stretch; more are copied to a pair of
    /// squares of their own.
    pub alone: usize,
    /// Writes what changes nothing at the end of a stretch: on a line that is no whole one it stands for what
    /// it lacks. None if zeros may change their signs by it; then such a stretch is done by itself.
    pub neutral: Option<unsafe fn(*mut u8)>,
    /// Scans pairs of a line unless there is an exception: [`super::Pairs::scan`].
    pub scan: unsafe fn(&Work, &mut Room) -> bool,
    /// Writes as many stretches that have been left in the room.
    pub elements: unsafe fn(usize, &Room, *mut u8),
    /// Whether a state is one that is as well scanned stretch by stretch.
    pub stuck: unsafe fn(*const u8) -> bool,
    /// What is too little for a pair of squares, or not ordinary: stretch by stretch.
    pub rest: Scan,
}

impl Squares {
    /// Scans every row of the block.
    ///
    /// # Safety
    /// As [`crate::kernels::Run`]; the processor has what the functions are compiled for.
    pub unsafe fn along(&self, block: &Block) {
        if block.len <= self.alone {
            // SAFETY: this function's.
            return unsafe { self.rest.rows(block) };
        }
        let size = self.rest.size;
        for row in 0..block.rows {
            // SAFETY: row is one of the block's rows, and has its state.
            unsafe {
                let x = block.x.offset(row as isize * block.x_pitch);
                let out = block.out.offset(row as isize * block.out_pitch);
                for at in (0..block.len).step_by(PIECE) {
                    let line = Line {
                        x: x.add(at * size),
                        x_step: size as isize,
                        out: out.add(at * size),
                        out_step: size as isize,
                        n: PIECE.min(block.len - at),
                        state: block.acc.add(row * self.rest.state_size),
                        started: block.started || at > 0,
                        exclusive: block.exclusive,
                    };
                    self.piece(&line, block.stream || block.len * size >= AHEAD);
                }
            }
        }
    }

    /// Scans at most [`PIECE`] elements by pairs of squares, and what is left of them stretch by stretch.
    ///
    /// # Safety
    /// As [`Scan::line`]; the elements follow each other.
    #[inline(never)]
    unsafe fn piece(&self, line: &Line, ahead: bool) {
        let (size, pair) = (self.rest.size, self.rows * STRETCH);
        let done = line.n - line.n % pair;
        let more = match line.n - done {
            few if few <= self.alone => 0,
            more if self.neutral.is_none() => more - more % STRETCH,
            more => more,
        };
        let len = done + more;
        let mut pairs = ArrayVec::<Place, 8>::new();
        for at in (0..done).step_by(pair) {
            pairs.push(Place {
                x: line.x.wrapping_add(at * size),
                out: line.out.wrapping_add(at * size),
            });
        }
        let mut copy = Pair(MaybeUninit::uninit());
        let mut results = Pair(MaybeUninit::uninit());
        let (copy, results) = (
            copy.0.as_mut_ptr().cast::<u8>(),
            results.0.as_mut_ptr().cast(),
        );
        // SAFETY: this function's; the copy holds a whole pair.
        unsafe {
            if len == 0 || line.started && (self.stuck)(line.state) {
                return self.rest.line(line);
            }
            if more > 0 {
                copy.copy_from_nonoverlapping(line.x.add(done * size), more * size);
                copy.add(more * size).write_bytes(0, (pair - more) * size);
                for i in more..more.next_multiple_of(STRETCH) {
                    if let Some(neutral) = self.neutral {
                        neutral(copy.add(i * size));
                    }
                }
                pairs.push(Place {
                    x: copy,
                    out: results,
                });
            }
            let work = Work {
                pairs: &pairs,
                stretches: len.div_ceil(STRETCH),
                state: line.state,
                started: line.started,
                exclusive: line.exclusive,
                ahead: ahead && pairs.len() * pair == PIECE,
            };
            let mut room = Room::new();
            if (self.scan)(&work, &mut room) {
                let to = line.out.add(done * size);
                to.copy_from_nonoverlapping(results, more * size);
            } else {
                self.again(&room, pairs.len() * self.rows, |elements| {
                    let x = elements;
                    self.rest.line(&Line { x, n: len, ..*line });
                });
            }
            if len < line.n {
                self.rest.line(&Line {
                    x: line.x.add(len * size),
                    out: line.out.add(len * size),
                    n: line.n - len,
                    started: true,
                    ..*line
                });
            }
        }
    }

    /// Gives the elements of stretches in the room, one stretch after the other.
    ///
    /// # Safety
    /// As many are there.
    #[inline(never)]
    unsafe fn again(&self, room: &Room, stretches: usize, scan: impl Fn(*const u8)) {
        let mut elements = Elements(MaybeUninit::uninit());
        let elements = elements.0.as_mut_ptr().cast::<u8>();
        // SAFETY: this function's; they are a piece at most.
        unsafe { (self.elements)(stretches, room, elements) };
        scan(elements);
    }
}
