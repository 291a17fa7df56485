//! The registers of x86-64.

mod avx;
mod sse2;

pub use avx::{Avx2, Avx512};
pub use sse2::Sse2;

/// A pointer whose origin the compiler no longer knows.
#[allow(
    clippy::pointers_in_nomem_asm_block,
    reason = "it does nothing, so it touches nothing behind the pointer either"
)]
#[inline(always)]
pub fn anchor<T>(mut pointer: *const T) -> *const T {
    // SAFETY: no instruction at all.
    unsafe {
        std::arch::asm!(
            "/* {0} */",
            inout(reg) pointer,
            options(pure, nomem, nostack, preserves_flags)
        );
    }
    pointer
}
