//! The registers of x86-64.

mod avx;
mod sse2;

pub use avx::{Avx2, Avx512};
pub use sse2::Sse2;
