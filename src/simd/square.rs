//! Square blocks in 256-bit registers: from rows in memory to columns in registers and back.
//!
//! A register holds the elements that one column has in all rows of the block. Rows are read in pieces
//! of 16 bytes, of which two, half the rows apart, make a register; then it takes as many rounds of
//! interleaving within the halves as the piece has elements, in powers of two. The way back is the
//! same, since transposing twice is doing nothing, and ends with joining pieces to whole registers.

use super::avx2;
use std::arch::x86_64::*;

/// Blocks of elements of one size as a square of registers.
pub trait Square<const N: usize> {
    /// Rows of a block; it has `N` columns.
    const ROWS: usize;

    /// Reads the columns of a whole block.
    ///
    /// # Safety
    /// As [`super::avx2::Lanewise::step_lanes`]; the elements are readable.
    unsafe fn load(p: *const u8, pitch: isize) -> [__m256i; N];
    /// Writes the columns of a whole block; past the caches if `STREAM`.
    ///
    /// # Safety
    /// As [`super::avx2::Lanewise::step_lanes`]; the elements are writable (and aligned to 32 bytes if `STREAM`).
    unsafe fn store<const STREAM: bool>(p: *mut u8, pitch: isize, columns: [__m256i; N]);
}

/// Two rows' 16 bytes in the two halves of a register.
#[inline(always)]
unsafe fn pair(low: *const u8, high: *const u8) -> __m256i {
    // SAFETY: the caller's.
    unsafe {
        let low = _mm256_castsi128_si256(_mm_loadu_si128(low.cast()));
        _mm256_inserti128_si256::<1>(low, _mm_loadu_si128(high.cast()))
    }
}

/// The lower halves of two registers.
#[inline(always)]
unsafe fn lower(a: __m256i, b: __m256i) -> __m256i {
    // SAFETY: intrinsics on values.
    unsafe { _mm256_permute2x128_si256::<0x20>(a, b) }
}

/// The upper halves of two registers.
#[inline(always)]
unsafe fn upper(a: __m256i, b: __m256i) -> __m256i {
    // SAFETY: intrinsics on values.
    unsafe { _mm256_permute2x128_si256::<0x31>(a, b) }
}

/// Transposes 2x2 elements of 8 bytes in each half.
#[inline(always)]
unsafe fn turn_2(a: [__m256i; 2]) -> [__m256i; 2] {
    // SAFETY: intrinsics on values.
    unsafe {
        [
            _mm256_unpacklo_epi64(a[0], a[1]),
            _mm256_unpackhi_epi64(a[0], a[1]),
        ]
    }
}

/// Transposes 4x4 elements of 4 bytes in each half.
#[inline(always)]
unsafe fn turn_4(a: [__m256i; 4]) -> [__m256i; 4] {
    // SAFETY: intrinsics on values.
    unsafe {
        let low = [
            _mm256_unpacklo_epi32(a[0], a[1]),
            _mm256_unpacklo_epi32(a[2], a[3]),
        ];
        let high = [
            _mm256_unpackhi_epi32(a[0], a[1]),
            _mm256_unpackhi_epi32(a[2], a[3]),
        ];
        let ([c0, c1], [c2, c3]) = (turn_2(low), turn_2(high));
        [c0, c1, c2, c3]
    }
}

/// Transposes 8x8 elements of 2 bytes in each half.
#[inline(always)]
unsafe fn turn_8(a: [__m256i; 8]) -> [__m256i; 8] {
    // SAFETY: intrinsics on values.
    unsafe {
        let low = [
            _mm256_unpacklo_epi16(a[0], a[1]),
            _mm256_unpacklo_epi16(a[2], a[3]),
            _mm256_unpacklo_epi16(a[4], a[5]),
            _mm256_unpacklo_epi16(a[6], a[7]),
        ];
        let high = [
            _mm256_unpackhi_epi16(a[0], a[1]),
            _mm256_unpackhi_epi16(a[2], a[3]),
            _mm256_unpackhi_epi16(a[4], a[5]),
            _mm256_unpackhi_epi16(a[6], a[7]),
        ];
        let ([c0, c1, c2, c3], [c4, c5, c6, c7]) = (turn_4(low), turn_4(high));
        [c0, c1, c2, c3, c4, c5, c6, c7]
    }
}

/// The address of a row.
#[inline(always)]
pub fn row<P: Row>(p: P, pitch: isize, r: usize) -> P {
    p.moved(r as isize * pitch)
}

/// A pointer to bytes.
pub trait Row: Copy {
    /// The address so many bytes on.
    fn moved(self, by: isize) -> Self;
}

impl Row for *const u8 {
    #[inline(always)]
    fn moved(self, by: isize) -> Self {
        self.wrapping_offset(by)
    }
}

impl Row for *mut u8 {
    #[inline(always)]
    fn moved(self, by: isize) -> Self {
        self.wrapping_offset(by)
    }
}

/// Elements of 16 bytes: 2 rows of 2.
pub struct Bytes16;
/// Elements of 8 bytes: 4 rows of 4.
pub struct Bytes8;
/// Elements of 4 bytes: 8 rows of 8.
pub struct Bytes4;
/// Elements of 2 bytes: 16 rows of 8.
pub struct Bytes2;

impl Square<2> for Bytes16 {
    const ROWS: usize = 2;

    #[inline(always)]
    unsafe fn load(p: *const u8, pitch: isize) -> [__m256i; 2] {
        let q = row(p, pitch, 1);
        // SAFETY: the caller's.
        unsafe { [pair(p, q), pair(p.add(16), q.add(16))] }
    }
    #[inline(always)]
    unsafe fn store<const STREAM: bool>(p: *mut u8, pitch: isize, columns: [__m256i; 2]) {
        // SAFETY: the caller's.
        unsafe {
            avx2::store::<STREAM>(p, lower(columns[0], columns[1]));
            avx2::store::<STREAM>(row(p, pitch, 1), upper(columns[0], columns[1]));
        }
    }
}

impl Square<4> for Bytes8 {
    const ROWS: usize = 4;

    #[inline(always)]
    unsafe fn load(p: *const u8, pitch: isize) -> [__m256i; 4] {
        let [q, r, s] = [row(p, pitch, 1), row(p, pitch, 2), row(p, pitch, 3)];
        // SAFETY: the caller's.
        unsafe {
            let [c0, c1] = turn_2([pair(p, r), pair(q, s)]);
            let [c2, c3] = turn_2([pair(p.add(16), r.add(16)), pair(q.add(16), s.add(16))]);
            [c0, c1, c2, c3]
        }
    }
    #[inline(always)]
    unsafe fn store<const STREAM: bool>(p: *mut u8, pitch: isize, columns: [__m256i; 4]) {
        // SAFETY: the caller's.
        unsafe {
            for (i, r) in bytes8_rows(columns).into_iter().enumerate() {
                avx2::store::<STREAM>(row(p, pitch, i), r);
            }
        }
    }
}

#[inline(always)]
unsafe fn bytes8_rows(c: [__m256i; 4]) -> [__m256i; 4] {
    // SAFETY: intrinsics on values.
    unsafe {
        let ([a0, a1], [b0, b1]) = (turn_2([c[0], c[1]]), turn_2([c[2], c[3]]));
        [lower(a0, b0), lower(a1, b1), upper(a0, b0), upper(a1, b1)]
    }
}

impl Square<8> for Bytes4 {
    const ROWS: usize = 8;

    #[inline(always)]
    unsafe fn load(p: *const u8, pitch: isize) -> [__m256i; 8] {
        // SAFETY: the caller's.
        unsafe {
            let half = |at: usize| {
                std::array::from_fn(|i| {
                    pair(row(p, pitch, i).add(at), row(p, pitch, i + 4).add(at))
                })
            };
            let ([c0, c1, c2, c3], [c4, c5, c6, c7]) = (turn_4(half(0)), turn_4(half(16)));
            [c0, c1, c2, c3, c4, c5, c6, c7]
        }
    }
    #[inline(always)]
    unsafe fn store<const STREAM: bool>(p: *mut u8, pitch: isize, columns: [__m256i; 8]) {
        // SAFETY: the caller's.
        unsafe {
            for (i, r) in bytes4_rows(columns).into_iter().enumerate() {
                avx2::store::<STREAM>(row(p, pitch, i), r);
            }
        }
    }
}

#[inline(always)]
unsafe fn bytes4_rows(c: [__m256i; 8]) -> [__m256i; 8] {
    // SAFETY: intrinsics on values.
    unsafe {
        let a = turn_4([c[0], c[1], c[2], c[3]]);
        let b = turn_4([c[4], c[5], c[6], c[7]]);
        std::array::from_fn(|i| {
            if i < 4 {
                lower(a[i], b[i])
            } else {
                upper(a[i - 4], b[i - 4])
            }
        })
    }
}

impl Square<8> for Bytes2 {
    const ROWS: usize = 16;

    #[inline(always)]
    unsafe fn load(p: *const u8, pitch: isize) -> [__m256i; 8] {
        // SAFETY: the caller's.
        unsafe {
            turn_8(std::array::from_fn(|i| {
                pair(row(p, pitch, i), row(p, pitch, i + 8))
            }))
        }
    }
    #[inline(always)]
    unsafe fn store<const STREAM: bool>(p: *mut u8, pitch: isize, columns: [__m256i; 8]) {
        // SAFETY: the caller's.
        unsafe {
            for (i, r) in turn_8(columns).into_iter().enumerate() {
                let (low, high) = (_mm256_castsi256_si128(r), _mm256_extracti128_si256::<1>(r));
                _mm_storeu_si128(row(p, pitch, i).cast(), low);
                _mm_storeu_si128(row(p, pitch, i + 8).cast(), high);
            }
        }
    }
}

/// Transposes elements that keep their bytes: `src` holds `rows` rows of `columns` contiguous
/// elements, `dst` as many columns of `rows` contiguous ones. Whole cache lines go past the caches if
/// `stream` and they are aligned. Returns whether there is a way for elements of this size.
///
/// # Safety
/// As [`super::avx2::Lanewise::step_lanes`]; the elements are addressable, those of `dst` for writing,
/// and no element of one side meets one of the other.
#[inline(always)]
pub unsafe fn transpose<T: Copy>(
    src: (*const u8, isize),
    dst: (*mut u8, isize),
    rows: usize,
    columns: usize,
    stream: bool,
) -> bool {
    let stream = stream && dst.0.addr().is_multiple_of(32) && dst.1 % 32 == 0;
    // SAFETY: this function's.
    unsafe {
        match (size_of::<T>(), stream) {
            (2, _) => blocks::<T, Bytes2, 8, false>(src, dst, rows, columns),
            (4, false) => blocks::<T, Bytes4, 8, false>(src, dst, rows, columns),
            (4, true) => blocks::<T, Bytes4, 8, true>(src, dst, rows, columns),
            (8, false) => blocks::<T, Bytes8, 4, false>(src, dst, rows, columns),
            (8, true) => blocks::<T, Bytes8, 4, true>(src, dst, rows, columns),
            (16, false) => blocks::<T, Bytes16, 2, false>(src, dst, rows, columns),
            (16, true) => blocks::<T, Bytes16, 2, true>(src, dst, rows, columns),
            _ => return false,
        }
        true
    }
}

/// [`transpose`] by pairs of blocks, which fill a cache line of each column.
#[inline(always)]
unsafe fn blocks<T: Copy, S: Square<N>, const N: usize, const STREAM: bool>(
    (src, src_pitch): (*const u8, isize),
    (dst, dst_pitch): (*mut u8, isize),
    rows: usize,
    columns: usize,
) {
    let size = size_of::<T>();
    let whole = columns - columns % N;
    let (mut i, pair) = (0, 2 * S::ROWS);
    // SAFETY: every block lies within rows and columns.
    unsafe {
        while i + S::ROWS <= rows {
            let two = i + pair <= rows;
            for j in (0..whole).step_by(N) {
                let from = row(src, src_pitch, i).add(j * size);
                let to = row(dst, dst_pitch, j).add(i * size);
                let a = S::load(from, src_pitch);
                if two {
                    let b = S::load(row(from, src_pitch, S::ROWS), src_pitch);
                    for k in 0..N {
                        let to = row(to, dst_pitch, k);
                        avx2::store::<STREAM>(to, a[k]);
                        avx2::store::<STREAM>(to.add(avx2::WIDTH), b[k]);
                    }
                } else {
                    for (k, &a) in a.iter().enumerate() {
                        avx2::store::<false>(row(to, dst_pitch, k), a);
                    }
                }
            }
            i += if two { pair } else { S::ROWS };
        }
        if STREAM {
            avx2::fence();
        }
        let one = |i: usize, j: usize| {
            let x = row(src, src_pitch, i).cast::<T>().add(j).read_unaligned();
            row(dst, dst_pitch, j).cast::<T>().add(i).write_unaligned(x);
        };
        for r in 0..i {
            for j in whole..columns {
                one(r, j);
            }
        }
        for r in i..rows {
            for j in 0..columns {
                one(r, j);
            }
        }
    }
}
