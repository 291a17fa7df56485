//! The oracle: a slow, plain model of what a scan is, written from the contract and from nothing else.
//!
//! Every element becomes a [`dtype::Value`] (an exact integer, a real or a pair of reals), lines are lists of
//! element numbers, and a scan is a loop over one of them. Rounding to each format is done here by integer
//! arithmetic, so that neither the conversions nor the operations share anything with the library.
//!
//! Three kinds of result are not defined bit for bit: `logsumexp`, the reassociated and the compensated
//! floating modes. For those, `bounds` holds the library's own results against an exact reference
//! (`exact` for sums, `bigfloat` for products, fixed point for `logsumexp`) and the contract's bound.

// Each test binary includes the whole oracle and uses its own part of it.
#![allow(dead_code)]

pub mod bigfloat;
pub mod bounds;
pub mod combine;
pub mod complex;
pub mod convert;
pub mod dtype;
pub mod exact;
pub mod logsumexp;
pub mod model;
