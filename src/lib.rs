//! Cumulative operations along an axis of strided n-dimensional arrays.
#![deny(unsafe_op_in_unsafe_fn, missing_docs)]
#![deny(clippy::undocumented_unsafe_blocks, clippy::missing_safety_doc)]

mod accumulate;
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
mod simd;
mod status;
mod threads;
mod tile;
mod view;
