//! Cumulative sums, products, maxima, minima and logarithms of sums of exponentials along an axis of
//! strided n-dimensional arrays, with NumPy's bits.
//!
//! # Two faces
//!
//! From Rust, [`Scan`] works on [`ndarray`] views of any dimension and layout. From C and everything
//! that calls C, [`ffi`] is the interface that `include/cumulative.h` declares. Both make a request of
//! what they are given and hand it to the same plan, or past it, where it is small.
//!
//! ```
//! use cumulative::{Mode, Scan};
//! use ndarray::{Axis, array};
//!
//! let rain = array![[0.0, 10.5, 0.75], [20.25, 1.5, 2.5]];
//! let totals = Scan::sum().mode(Mode::Compensated).along(rain.view(), Axis(1))?;
//! assert_eq!(totals, array![[0.0, 10.5, 11.25], [20.25, 21.75, 24.25]]);
//! # Ok::<(), cumulative::Error>(())
//! ```
//!
//! # Words
//!
//! | word | means |
//! |---|---|
//! | scan; inclusive, exclusive | prefix combine along an axis; with the element itself, without it |
//! | op; identity; combine | sum, prod, ...; what an exclusive scan shows first; one step |
//! | accumulator, computing dtype | where combine runs |
//! | axis; outer dimensions | the scanned dimension; the rest |
//! | line | one 1-d sequence along the axis |
//! | lane | one element of a vector register |
//! | tile | a piece staged in the first-level cache |
//! | carry | the value a line starts from, or ends with |
//! | stride | in bytes, signed |
//! | along, across | the scan runs within, or between, contiguous elements |
//!
//! # Rooms
//!
//! A room imports only from rooms on lower floors.
//!
//! ```text
//! 6  ffi, api                    faces: make a request, call plan, then threads; never a kernel
//! 5  threads -> nest             carry out a plan: bytes, byte strides, function pointers
//! 4  plan                        the only room that sees types, layout and instruction set together
//! 3  tile, kernels               move bytes; scan contiguous rows of the computing type
//! 2  simd                        instruction sets, registers, caches
//! 1  view, accumulate, compensate, pair, elem, dtype, op, logaddexp, status, environment, pool
//! ```
#![deny(unsafe_op_in_unsafe_fn, missing_docs)]
#![deny(clippy::undocumented_unsafe_blocks)]

/// The Rust of the README, as a test.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;

mod accumulate;
mod api;
mod compensate;
mod dtype;
mod elem;
mod environment;
pub mod ffi;
mod kernels;
mod logaddexp;
mod nest;
mod op;
mod pair;
mod plan;
mod pool;
mod simd;
mod status;
mod threads;
mod tile;
mod view;

pub use api::{Carries, Element, Scan};
pub use dtype::{DType, Kind};
pub use elem::{Bf16, Complex, F16};
pub use kernels::{Mode, Overflow};
pub use op::Op;
pub use plan::Nan;
pub use status::{Error, OverflowIn, Status};
