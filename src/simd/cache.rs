//! The size of the last-level cache, found once per process, and what follows from it.
//!
//! Asked in this order: the processor (`cpuid`), the kernel's description under `/sys` on Linux, and
//! if neither tells, a guess. The number only steers speed.

use std::sync::OnceLock;

/// Bytes of a cache line, which stores past the caches must fill.
pub const LINE: usize = 64;

/// Bytes that are taken for the last-level cache where nobody tells: a middling server's share.
const DEFAULT: usize = 16 << 20;

/// Bytes that are believable for a last-level cache; anything else counts as not told.
const BELIEVABLE: std::ops::RangeInclusive<usize> = 256 << 10..=2 << 30;

/// Bytes of a last-level cache that count. A larger one is shared by many cores, and a virtual machine is
/// told of all of it: on an Intel server that named 480 MiB, streaming stores won from 48 MB of traffic on
/// (64 to 80 MB where the output had been in the cache).
const MOST: usize = 96 << 20;

/// Tenths of the last-level cache that input and output together fill before streaming stores pay.
///
/// Swept on a Zen 4 with 32 MiB: ordinary stores won up to 15 MiB of traffic, streaming ones from
/// 22 MiB on.
const STREAMING_TENTHS: usize = 7;

/// The same before elements had better be asked for ahead of where they are read.
///
/// Swept on a Zen 4 with 32 MiB, with rows of 256 floats: up to 10 MiB of traffic asking costs 10 %, from
/// 16 MiB on it gains.
const FETCHING_TENTHS: usize = 5;

/// Bytes of the last-level cache that a call may count on.
#[inline]
pub fn last_level() -> usize {
    static FOUND: OnceLock<usize> = OnceLock::new();
    *FOUND.get_or_init(|| {
        let believable = |size: &usize| BELIEVABLE.contains(size);
        from_processor()
            .filter(believable)
            .or_else(|| from_kernel().filter(believable))
            .map_or(DEFAULT, |size| size.min(MOST))
    })
}

/// Bytes that a call must read and write together before streaming stores, which pass the caches
/// by, are the faster ones.
#[inline]
pub fn streaming_threshold() -> usize {
    last_level() / 10 * STREAMING_TENTHS
}

/// Bytes that a call must read and write together before its elements had better be asked for early.
#[inline]
pub fn fetching_threshold() -> usize {
    last_level() / 10 * FETCHING_TENTHS
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
        assert!(BELIEVABLE.contains(&size) && size <= MOST);
        assert_eq!(size, last_level());
        assert!(streaming_threshold() < size && streaming_threshold() > size / 2);
    }

    #[test]
    fn sizes_are_read_as_linux_writes_them() {
        assert_eq!(parse("32768K\n"), Some(32 << 20));
        assert_eq!(parse("2M"), Some(2 << 20));
        assert_eq!(parse("512"), Some(512));
        assert_eq!(parse("many"), None);
    }
}
