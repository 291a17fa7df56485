//! Instruction sets: which one this processor has, found once per process.

#[cfg(target_arch = "x86_64")]
pub mod avx2;
pub mod cache;
#[cfg(target_arch = "aarch64")]
pub mod neon;
pub mod registers;
#[cfg(target_arch = "x86_64")]
pub mod square;
#[cfg(target_arch = "x86_64")]
pub mod x86;

use std::sync::OnceLock;

/// An instruction set for which there are kernels, the more capable the later.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Isa {
    /// Nothing but what the compiler may assume.
    Scalar,
    /// Part of every x86-64.
    Sse2,
    /// AVX2 with FMA, F16C and BMI2.
    Avx2,
    /// AVX-512 F, VL, DQ and BW.
    Avx512,
    /// Part of every AArch64.
    Neon,
}

impl Isa {
    /// The instruction sets that this processor may have, the most capable first.
    pub const ALL: [Isa; 5] = [Isa::Avx512, Isa::Avx2, Isa::Sse2, Isa::Neon, Isa::Scalar];

    /// The name at the C interface and in `CUM_ISA`, with its final 0.
    pub const fn name(self) -> &'static std::ffi::CStr {
        match self {
            Isa::Scalar => c"scalar",
            Isa::Sse2 => c"sse2",
            Isa::Avx2 => c"avx2",
            Isa::Avx512 => c"avx512",
            Isa::Neon => c"neon",
        }
    }

    /// Whether this processor has it.
    pub fn available(self) -> bool {
        match self {
            Isa::Scalar => true,
            #[cfg(target_arch = "x86_64")]
            Isa::Sse2 => true,
            #[cfg(target_arch = "x86_64")]
            Isa::Avx2 => {
                is_x86_feature_detected!("avx2")
                    && is_x86_feature_detected!("fma")
                    && is_x86_feature_detected!("f16c")
                    && is_x86_feature_detected!("bmi2")
            }
            #[cfg(target_arch = "x86_64")]
            Isa::Avx512 => {
                Isa::Avx2.available()
                    && is_x86_feature_detected!("avx512f")
                    && is_x86_feature_detected!("avx512vl")
                    && is_x86_feature_detected!("avx512dq")
                    && is_x86_feature_detected!("avx512bw")
            }
            // The kernels take the first element for the lowest lane.
            #[cfg(target_arch = "aarch64")]
            Isa::Neon => cfg!(target_endian = "little"),
            #[allow(
                unreachable_patterns,
                reason = "which ones are left depends on the target"
            )]
            _ => false,
        }
    }

    /// The most capable one here that is not above `cap`.
    pub fn best(cap: Option<Isa>) -> Isa {
        let allowed = |isa: &Isa| cap.is_none_or(|cap| *isa <= cap);
        let found = Isa::ALL
            .into_iter()
            .filter(allowed)
            .find(|isa| isa.available());
        found.unwrap_or(Isa::Scalar)
    }

    /// The one that this process uses: the best there is, capped by `CUM_ISA`.
    #[inline]
    pub fn current() -> Isa {
        static CURRENT: OnceLock<Isa> = OnceLock::new();
        *CURRENT.get_or_init(|| {
            let cap = std::env::var("CUM_ISA").ok();
            let named = |isa: &Isa| isa.name().to_str().ok() == cap.as_deref();
            Isa::best(Isa::ALL.into_iter().find(named))
        })
    }
}

/// A pointer whose origin the compiler no longer knows.
#[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
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

/// The same, by way of memory.
#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
#[inline(always)]
pub fn anchor<T>(pointer: *const T) -> *const T {
    std::hint::black_box(pointer)
}

/// Begins the loop that follows on a cache line of instructions. A short one that lies in two of them may take twice
/// as long (Zen 3, six instructions: 0.65 ns, and 1.4 across the end of a line).
#[inline(always)]
pub fn aligned() {
    #[cfg(target_arch = "x86_64")]
    // SAFETY: nothing but instructions that do nothing.
    unsafe {
        std::arch::asm!(".p2align 6", options(nomem, nostack, preserves_flags));
    }
}

/// A loop over `0..$n` for a constant of 8 or less, written out. Where there is assembly in a body the compiler takes it
/// for a long one and keeps the loop, and with it in memory all registers that the loop counts.
macro_rules! unrolled {
    ($k:ident in $n:expr => $body:block) => {
        const { assert!($n <= 8) };
        $crate::simd::unrolled!(@ $k, $n, $body, 0 1 2 3 4 5 6 7);
    };
    (@ $k:ident, $n:expr, $body:block, $($i:literal)*) => { $(
        if $i < $n {
            let $k: usize = $i;
            $body
        }
    )* };
}
pub(crate) use unrolled;

#[cfg(test)]
mod tests {
    use super::Isa;

    #[test]
    fn a_cap_never_raises_the_instruction_set() {
        let best = Isa::best(None);
        for cap in Isa::ALL {
            let capped = Isa::best(Some(cap));
            assert!(capped <= cap && capped <= best && capped.available());
        }
    }
}
