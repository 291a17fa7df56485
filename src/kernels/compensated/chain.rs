//! The running sums of a block of doubles, four registers and more at a time; what they are for is
//! told in [`doubles`](super::doubles).

use super::lanes::Lanes;
use super::stream;

/// Doubles between those that are summed into one lane where the magnitudes are: four registers, which
/// hides the latency of an addition. Changing it changes results.
pub const STRIDE: usize = 16;

/// The sum of the magnitudes of each part's elements, in a fixed order: 16 running sums, 16 doubles
/// apart.
#[derive(Clone, Copy)]
pub struct Sizes<V, const PARTS: usize>([V; STRIDE / 4]);

impl<V: Lanes, const PARTS: usize> Sizes<V, PARTS> {
    #[inline(always)]
    unsafe fn zero() -> Self {
        // SAFETY: the caller's: the instruction set is there.
        unsafe { Sizes([V::splat(0.0); STRIDE / 4]) }
    }

    /// Adds those of 16 doubles.
    #[inline(always)]
    unsafe fn add(&mut self, x: *const f64) {
        for (k, size) in self.0.iter_mut().enumerate() {
            // SAFETY: the caller's: they are there.
            *size = unsafe { size.add(V::load(x.add(4 * k)).abs()) };
        }
    }

    /// The magnitudes of `n` doubles.
    #[inline(always)]
    pub unsafe fn of(x: *const f64, n: usize) -> Self {
        // SAFETY: the caller's: n doubles.
        unsafe {
            let mut sizes = Self::zero();
            let whole = n - n % STRIDE;
            for i in (0..whole).step_by(STRIDE) {
                sizes.add(x.add(i));
            }
            for i in (whole..n).step_by(4) {
                let size = &mut sizes.0[i % STRIDE / 4];
                *size = size.add(load_part::<V>(x.add(i), n - i).abs());
            }
            sizes
        }
    }

    /// The sums.
    #[inline(always)]
    pub unsafe fn total(&self) -> [f64; PARTS] {
        // SAFETY: the caller's.
        let [a, b, c, d] = unsafe {
            let [a, b, c, d] = self.0;
            a.add(b).add(c.add(d)).array()
        };
        if PARTS == 1 {
            [(a + c) + (b + d); PARTS]
        } else {
            std::array::from_fn(|part| if part == 0 { a + c } else { b + d })
        }
    }
}

/// The first four doubles at `x`, or the `n` that there are and zeros.
///
/// # Safety
/// `n > 0` doubles.
#[inline(always)]
unsafe fn load_part<V: Lanes>(x: *const f64, n: usize) -> V {
    // SAFETY: this function's.
    unsafe {
        if n >= 4 {
            return V::load(x);
        }
        let mut filled = [0.0; 4];
        for (i, place) in filled.iter_mut().take(n).enumerate() {
            *place = x.add(i).read_unaligned();
        }
        V::load(filled.as_ptr())
    }
}

/// A number a part, in every lane of that part.
#[inline(always)]
unsafe fn spread<V: Lanes, const PARTS: usize>(parts: [f64; PARTS]) -> V {
    let lanes: [f64; 4] = std::array::from_fn(|lane| parts[lane % PARTS]);
    // SAFETY: the caller's; four doubles.
    unsafe { V::load(lanes.as_ptr()) }
}

/// Registers that are worked on together.
const WIDE: usize = 2;

/// Some registers.
type Wide<V> = [V; WIDE];

/// `f` of two registers, for all of them.
#[inline(always)]
fn pairs<V: Lanes>(a: Wide<V>, b: Wide<V>, f: impl Fn(V, V) -> V) -> Wide<V> {
    std::array::from_fn(|k| f(a[k], b[k]))
}

/// The numbers one place before each, or two where an element has two parts.
#[inline(always)]
unsafe fn one_before<V: Lanes, const PARTS: usize>(x: Wide<V>, before: V) -> Wide<V> {
    std::array::from_fn(|k| {
        let before = if k == 0 { before } else { x[k - 1] };
        // SAFETY: the caller's.
        unsafe {
            if PARTS == 1 {
                x[k].after_one(before)
            } else {
                x[k].after_two(before)
            }
        }
    })
}

/// The running sums of a block.
///
/// A processor has room for some sixty operations that wait for their operands, and the way from an
/// element to its result is fifty cycles long. So the way is cut in three: a *turn* splits the next
/// registers, sums those of the turn before, and shows those of the turn before that; what it does
/// for one is written between what it does for the others. (All of the way for four registers, step
/// by step: 1.25 times the time of this; for one register after the other: 1.5 times.)
pub struct Chain<V, const PARTS: usize, const EXCLUSIVE: bool> {
    m: V,
    h: V,
    l: V,
    one: V,
    /// The last of t and d.
    t: V,
    d: V,
    /// The windows of the last turn, of two elements (where an element has two parts, of one), and what
    /// was before them.
    t_two: Wide<V>,
    d_two: Wide<V>,
    t_before: V,
    d_before: V,
    /// The sums of the last turn.
    t_sums: Wide<V>,
    d_sums: Wide<V>,
    /// The last results.
    shown: V,
}

impl<V: Lanes, const PARTS: usize, const EXCLUSIVE: bool> Chain<V, PARTS, EXCLUSIVE> {
    #[inline(always)]
    pub unsafe fn new(
        m: [f64; PARTS],
        h: [f64; PARTS],
        l: [f64; PARTS],
        shown: [f64; PARTS],
    ) -> Self {
        // SAFETY: the caller's.
        unsafe {
            let zero = V::splat(0.0);
            Chain {
                m: spread::<V, PARTS>(m),
                h: spread::<V, PARTS>(h),
                l: spread::<V, PARTS>(l),
                // Where the compiler sees a 1 it makes a plain sum of `add_too`.
                one: V::splat(std::hint::black_box(1.0)),
                t: zero,
                d: zero,
                t_two: [zero; WIDE],
                d_two: [zero; WIDE],
                t_before: zero,
                d_before: zero,
                t_sums: [zero; WIDE],
                d_sums: [zero; WIDE],
                shown: spread::<V, PARTS>(shown),
            }
        }
    }

    /// One turn: splits the registers at `x`, if `SPLIT`; sums those of the turn before, if `SUM`; and
    /// returns what is shown for those before that.
    #[inline(always)]
    unsafe fn turn<const SPLIT: bool, const SUM: bool>(&mut self, x: *const f64) -> Wide<V> {
        // SAFETY: the caller's.
        unsafe {
            let (m, h, l, one) = (self.m, self.h, self.l, self.one);
            let x: Wide<V> = match SPLIT {
                true => std::array::from_fn(|k| V::load(x.add(4 * k))),
                false => [V::splat(0.0); WIDE],
            };
            let shifted = x.map(|x| x.add_rather(m, one));

            let (t_sums, d_sums) = (self.t_sums, self.d_sums);
            let s = t_sums.map(|t| h.add_rather(t, one));
            let rest = d_sums.map(|d| d.add_rather(l, one));

            let (t_two, d_two) = (self.t_two, self.d_two);
            let two_before = |x: Wide<V>, before: V| -> Wide<V> {
                std::array::from_fn(|k| x[k].after_two(if k == 0 { before } else { x[k - 1] }))
            };
            let (t_before, d_before) = if PARTS == 1 {
                (
                    two_before(t_two, self.t_before),
                    two_before(d_two, self.d_before),
                )
            } else {
                (t_two, d_two)
            };

            let t = shifted.map(|shifted| shifted.sub_too(m, one));
            let gained = s.map(|s| s.sub(h));
            let (t_four, d_four) = if PARTS == 1 {
                (
                    pairs(t_two, t_before, |t, before| t.add_too(before, one)),
                    pairs(d_two, d_before, |d, before| d.add(before)),
                )
            } else {
                (t_two, d_two)
            };

            let d = pairs(x, t, |x, t| x.sub(t));
            let e = pairs(t_sums, gained, |t, gained| t.sub_too(gained, one));
            let t_one = one_before::<V, PARTS>(t, self.t);
            if SUM {
                let (mut t_sum, mut d_sum) = (t_sums[WIDE - 1], d_sums[WIDE - 1]);
                for k in 0..WIDE {
                    t_sum = t_sum.add(t_four[k]);
                    d_sum = d_sum.add(d_four[k]);
                    (self.t_sums[k], self.d_sums[k]) = (t_sum, d_sum);
                }
            }

            let d_one = one_before::<V, PARTS>(d, self.d);
            let rest = pairs(e, rest, |e, rest| e.add_too(rest, one));
            if SPLIT {
                (self.t_before, self.d_before) = (t_two[WIDE - 1], d_two[WIDE - 1]);
                self.t_two = pairs(t, t_one, |t, before| t.add_too(before, one));
                self.d_two = pairs(d, d_one, |d, before| d.add_rather(before, one));
                (self.t, self.d) = (t[WIDE - 1], d[WIDE - 1]);
            }
            pairs(s, rest, |s, rest| s.add(rest))
        }
    }

    /// The sums of t and of d so far, part by part.
    #[inline(always)]
    pub unsafe fn ends(&self) -> [[f64; PARTS]; 2] {
        // SAFETY: the caller's.
        let last = unsafe { [self.t_sums, self.d_sums].map(|sums| sums[WIDE - 1].array()) };
        last.map(|lanes| std::array::from_fn(|part| lanes[4 - PARTS + part]))
    }

    /// Writes what is shown.
    #[inline(always)]
    unsafe fn write(&mut self, results: Wide<V>, out: *mut f64) {
        // SAFETY: the caller's: there is room.
        unsafe {
            let shown = if EXCLUSIVE {
                one_before::<V, PARTS>(results, self.shown)
            } else {
                results
            };
            self.shown = results[WIDE - 1];
            for (k, shown) in shown.into_iter().enumerate() {
                shown.store(out.add(4 * k));
            }
        }
    }

    /// Scans `n` doubles, a multiple of [`STRIDE`], from `x` to `out`, and leaves the sums at the end
    /// in place. Returns the magnitudes of as many at `ahead`.
    #[inline(always)]
    pub unsafe fn run<const STREAMING: bool>(
        &mut self,
        x: *const f64,
        out: *mut f64,
        n: usize,
        ahead: *const f64,
    ) -> Sizes<V, PARTS> {
        const TURN: usize = 4 * WIDE;
        const { assert!(STRIDE == 2 * TURN) };
        // SAFETY: the caller's: n doubles at all three places.
        unsafe {
            let mut sizes = Sizes::<V, PARTS>::zero();
            sizes.add(ahead);
            if STREAMING {
                stream::fetch(ahead);
            }
            self.turn::<true, false>(x);
            self.turn::<true, true>(x.add(TURN));
            for i in (STRIDE..n).step_by(STRIDE) {
                sizes.add(ahead.add(i));
                if STREAMING {
                    stream::fetch(ahead.add(i));
                }
                let results = self.turn::<true, true>(x.add(i));
                self.write(results, out.add(i - STRIDE));
                let results = self.turn::<true, true>(x.add(i + TURN));
                self.write(results, out.add(i + TURN - STRIDE));
            }
            let results = self.turn::<false, true>(x);
            self.write(results, out.add(n - STRIDE));
            let results = self.turn::<false, false>(x);
            self.write(results, out.add(n - TURN));
            sizes
        }
    }
}
