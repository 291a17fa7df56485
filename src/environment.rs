//! The floating-point environment: results are those of the default one, whatever the caller has set.
//!
//! The control bits (rounding, flushing of denormals, traps) are looked at on entry, set to their
//! defaults where they differ, and put back on return. Status flags stay raised.

/// The caller's control bits, in force again when this is dropped.
pub struct Guard {
    saved: Option<control::Bits>,
}

impl Guard {
    /// Makes the default environment the one in force on this thread.
    #[inline]
    pub fn new() -> Guard {
        let bits = control::read();
        if control::is_default(bits) {
            return Guard { saved: None };
        }
        control::write(control::default(bits));
        Guard { saved: Some(bits) }
    }
}

impl Drop for Guard {
    #[inline]
    fn drop(&mut self) {
        if let Some(bits) = self.saved {
            control::write(control::restored(control::read(), bits));
        }
    }
}

/// Calls somebody else's function in the default environment, whose changes to the control bits do not last. It may compute
/// by what the library has no use for, the x87 unit of x86-64, or ask that one how it rounds.
pub fn kept<R>(then: impl FnOnce() -> R) -> R {
    let bits = control::read();
    #[cfg(target_arch = "x86_64")]
    let word = x87::read();
    #[cfg(target_arch = "x86_64")]
    x87::write(x87::DEFAULT);
    let result = then();
    #[cfg(target_arch = "x86_64")]
    x87::write(word);
    control::write(control::restored(control::read(), bits));
    result
}

/// The control word of the x87 unit.
#[cfg(target_arch = "x86_64")]
mod x87 {
    use std::arch::asm;

    /// As processes find it: all exceptions masked, round to nearest, numbers of 64 bits, on Windows of 53.
    pub const DEFAULT: u16 = if cfg!(windows) { 0x027f } else { 0x037f };

    pub fn read() -> u16 {
        let mut word = 0u16;
        // SAFETY: stores the word to a local.
        unsafe { asm!("fnstcw [{}]", in(reg) &mut word, options(nostack, preserves_flags)) }
        word
    }

    pub fn write(word: u16) {
        // SAFETY: loads what was read before, or the default.
        unsafe { asm!("fldcw [{}]", in(reg) &word, options(nostack, preserves_flags, readonly)) }
    }
}

#[cfg(target_arch = "x86_64")]
mod control {
    use std::arch::asm;

    /// MXCSR.
    pub type Bits = u32;

    /// The exception flags.
    const FLAGS: u32 = 0x3f;
    /// All exceptions masked, round to nearest, nothing flushed.
    const DEFAULT: u32 = 0x1f80;

    #[inline]
    pub fn read() -> Bits {
        let mut bits = 0u32;
        // SAFETY: stores MXCSR to a local.
        unsafe { asm!("stmxcsr [{}]", in(reg) &mut bits, options(nostack, preserves_flags)) }
        bits
    }

    #[inline]
    pub fn write(bits: Bits) {
        // SAFETY: loads what was read before, or that with default control bits: no reserved bit is set.
        unsafe { asm!("ldmxcsr [{}]", in(reg) &bits, options(nostack, preserves_flags, readonly)) }
    }

    #[inline]
    pub fn is_default(bits: Bits) -> bool {
        bits & !FLAGS == DEFAULT
    }

    #[inline]
    pub fn default(bits: Bits) -> Bits {
        DEFAULT | (bits & FLAGS)
    }

    #[inline]
    pub fn restored(now: Bits, saved: Bits) -> Bits {
        (saved & !FLAGS) | (now & FLAGS)
    }
}

#[cfg(target_arch = "aarch64")]
mod control {
    use std::arch::asm;

    /// FPCR.
    pub type Bits = u64;

    /// AHP, DN, FZ, RMode, FZ16 and the trap enables.
    const CONTROL: u64 = 0x07c8_9f00;

    #[inline]
    pub fn read() -> Bits {
        let bits;
        // SAFETY: reads a register.
        unsafe { asm!("mrs {}, fpcr", out(reg) bits, options(nomem, nostack, preserves_flags)) }
        bits
    }

    #[inline]
    pub fn write(bits: Bits) {
        // SAFETY: writes back what was read, or that with control bits cleared.
        unsafe { asm!("msr fpcr, {}", in(reg) bits, options(nostack, preserves_flags)) }
    }

    #[inline]
    pub fn is_default(bits: Bits) -> bool {
        bits & CONTROL == 0
    }

    #[inline]
    pub fn default(bits: Bits) -> Bits {
        bits & !CONTROL
    }

    #[inline]
    pub fn restored(_now: Bits, saved: Bits) -> Bits {
        // The exception flags stand in another register there.
        saved
    }
}

#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
mod control {
    //! Elsewhere the environment is taken to be the default one.

    pub type Bits = ();

    pub fn read() -> Bits {}

    pub fn write(_bits: Bits) {}

    pub fn is_default(_bits: Bits) -> bool {
        true
    }

    pub fn default(bits: Bits) -> Bits {
        bits
    }

    pub fn restored(_now: Bits, saved: Bits) -> Bits {
        saved
    }
}
