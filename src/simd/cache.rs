//! The size of the last-level cache, found once per process, and what follows from it.
//!
//! Asked in this order: the processor (`cpuid`), the kernel's description under `/sys` on Linux, and
//! if neither tells, a guess. The number only steers speed.

use std::sync::OnceLock;

/// Bytes that are taken for the last-level cache where nobody tells: a middling server's share.
const DEFAULT: usize = 16 << 20;

/// Bytes that are believable for a last-level cache; anything else counts as not told.
const BELIEVABLE: std::ops::RangeInclusive<usize> = 256 << 10..=2 << 30;

/// Tenths of the last-level cache that input and output together fill before streaming stores pay.
///
/// Swept on a Zen 4 with 32 MiB: ordinary stores won up to 15 MiB of traffic, streaming ones from
/// 22 MiB on.
const STREAMING_TENTHS: usize = 7;

/// Bytes from which they pay however large the cache: a very large one is shared with other cores, or
/// other virtual machines, that nobody tells of.
///
/// Swept on a virtual machine with two cores of a Granite Rapids that says 480 MiB, with copies of the
/// same arrays in between: ordinary stores won up to 96 MB of traffic, streaming ones from 112 MB on; at
/// 160 MB they took 0.55 of the time for sums of i64, and 0.4 of it for transposed rows at 256 MB.
const STREAMING_MOST: usize = 112 << 20;

/// Bytes of the last-level cache.
#[inline]
pub fn last_level() -> usize {
    static FOUND: OnceLock<usize> = OnceLock::new();
    *FOUND.get_or_init(|| {
        let believable = |size: &usize| BELIEVABLE.contains(size);
        from_processor()
            .filter(believable)
            .or_else(|| from_kernel().filter(believable))
            .unwrap_or(DEFAULT)
    })
}

/// Bytes that a call must read and write together before streaming stores, which pass the caches
/// by, are the faster ones.
#[inline]
pub fn streaming_threshold() -> usize {
    (last_level() / 10 * STREAMING_TENTHS).min(STREAMING_MOST)
}

/// The largest data cache that `cpuid` lists, in leaf 4 (Intel) or leaf 0x8000001D (AMD): the two
/// have the same form.
#[cfg(target_arch = "x86_64")]
fn from_processor() -> Option<usize> {
    #[allow(unused_unsafe, reason = "safe from some version of Rust on")]
    let query = |leaf: u32, index: u32| {
        // SAFETY: every x86-64 has the instruction, and it answers to any number.
        unsafe { std::arch::x86_64::__cpuid_count(leaf, index) }
    };
    let highest = |base: u32| query(base, 0).eax;
    let leaf = if highest(0x8000_0000) >= 0x8000_001d && query(0x8000_001d, 0).eax & 31 != 0 {
        0x8000_001d
    } else if highest(0) >= 4 {
        4
    } else {
        return None;
    };
    let mut largest = None;
    // No processor lists this many; the bound is for emulators that never say "no more".
    for index in 0..16 {
        let entry = query(leaf, index);
        let kind = entry.eax & 31;
        if kind == 0 {
            break;
        }
        if kind == 1 || kind == 3 {
            let field =
                |from: u32, bits: u32| ((entry.ebx >> from) & ((1 << bits) - 1)) as usize + 1;
            let size = field(22, 10)
                .saturating_mul(field(12, 10))
                .saturating_mul(field(0, 12))
                .saturating_mul((entry.ecx as usize).saturating_add(1));
            largest = largest.max(Some(size));
        }
    }
    largest
}

#[cfg(not(target_arch = "x86_64"))]
fn from_processor() -> Option<usize> {
    None
}

/// The largest cache of the first core that Linux lists.
#[cfg(target_os = "linux")]
fn from_kernel() -> Option<usize> {
    let size = |index: u32| {
        let file = format!("/sys/devices/system/cpu/cpu0/cache/index{index}/size");
        parse(&std::fs::read_to_string(file).ok()?)
    };
    (0..8).filter_map(size).max()
}

#[cfg(not(target_os = "linux"))]
fn from_kernel() -> Option<usize> {
    None
}

/// Reads a size as Linux writes it: "32768K".
#[cfg_attr(
    not(target_os = "linux"),
    allow(dead_code, reason = "only Linux describes caches in this form")
)]
fn parse(text: &str) -> Option<usize> {
    let text = text.trim();
    let (digits, unit) = match text.strip_suffix('K') {
        Some(digits) => (digits, 1 << 10),
        None => match text.strip_suffix('M') {
            Some(digits) => (digits, 1 << 20),
            None => (text, 1),
        },
    };
    digits.parse::<usize>().ok()?.checked_mul(unit)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_size_is_believable_and_stays_the_same() {
        let size = last_level();
        assert!(BELIEVABLE.contains(&size));
        assert_eq!(size, last_level());
        assert!(streaming_threshold() < size && streaming_threshold() > (size / 2).min(100 << 20));
    }

    #[test]
    fn sizes_are_read_as_linux_writes_them() {
        assert_eq!(parse("32768K\n"), Some(32 << 20));
        assert_eq!(parse("2M"), Some(2 << 20));
        assert_eq!(parse("512"), Some(512));
        assert_eq!(parse("many"), None);
    }
}
