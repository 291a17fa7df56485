//! Groups and guessed chains by themselves, with none of the caution of a line.

use super::data::Random;
use super::{LONG_RUN, SHORT_RUN, Subject, available, series};
use crate::elem::Complex;
use crate::kernels::speculate::chains::Course;
use crate::kernels::speculate::groups::Vector;
use crate::kernels::speculate::line::{self, Method, Stretch};
use crate::kernels::speculate::x86::{Avx2, Avx512, Chained, Set, Ymm};
use crate::op::{Combine, Sum};
use crate::simd::Isa;

/// From every place where a binade is there, as many groups as succeed; then on by one group's elements. Returns how many
/// succeeded and failed.
fn bare_groups<S: Set, T: Subject + Chained>(
    exclusive: bool,
    random: &mut Random,
    n: usize,
    seed: u64,
) -> [usize; 2]
where
    Ymm<S, T>: Vector<T = T>,
    Ymm<S, T, true>: Vector<T = T>,
    Sum: Combine<T>,
{
    let group = Ymm::<S, T>::GROUP;
    let x = series::<T>(random, n);
    let sums: Vec<T> = x
        .iter()
        .scan(None, |sum: &mut Option<T>, &x| {
            *sum = Some(sum.map_or(x, |sum| Sum::combine(sum, x)));
            *sum
        })
        .collect();
    let [in_place, backward] = [2, 3].map(|n| random.one_in(n));
    let place = |j: usize| if backward { n - 1 - j } else { j };
    let memory: Vec<T> = (0..n).map(|j| x[place(j)]).collect();
    let mut counts = [0, 0];
    let mut i = 1;
    while i + group <= n {
        let carry = sums[i - 1];
        let mut to = i + 1 + random.below(group);
        if Ymm::<S, T>::ready(carry) {
            let mut out = memory.clone();
            let source = if in_place {
                out.as_ptr()
            } else {
                memory.as_ptr()
            };
            // SAFETY: the instruction set is there (callers), and the groups lie within the vectors.
            let (done, total) = unsafe {
                let stretch = Stretch {
                    x: source.add(place(i)),
                    out: out.as_mut_ptr().add(place(i)),
                    groups: (n - i) / group,
                    carry,
                    way: line::Way {
                        exclusive,
                        backward,
                    },
                    stream: false,
                };
                Ymm::<S, T>::groups(&stretch)
            };
            let end = i + done * group;
            for j in 0..n {
                let expected = if !(i..end).contains(&j) {
                    x[j]
                } else if exclusive {
                    sums[j - 1]
                } else {
                    sums[j]
                };
                assert_eq!(
                    out[place(j)].bits(),
                    expected.bits(),
                    "seed {seed} at {j} from {i}"
                );
            }
            assert_eq!(
                total.bits(),
                sums[end - 1].bits(),
                "seed {seed} total from {i}"
            );
            counts[0] += done;
            counts[1] += (end + group <= n) as usize;
            to += done * group;
        }
        i = to;
    }
    counts
}

/// [`bare_groups`] until `elements` have been offered.
fn many_bare_groups<T: Subject + Chained>(elements: usize)
where
    Ymm<Avx512, T>: Vector<T = T>,
    Ymm<Avx512, T, true>: Vector<T = T>,
    Ymm<Avx2, T>: Vector<T = T>,
    Ymm<Avx2, T, true>: Vector<T = T>,
    Sum: Combine<T>,
{
    for isa in available() {
        let mut counts = [0, 0];
        let mut seed = 0;
        let mut done = 0;
        while done < elements {
            seed += 1;
            let mut random = Random::new(seed ^ 0x5eed);
            let n = 200 + random.below(800);
            let [good, bad] = match (isa, random.one_in(2)) {
                (Isa::Avx512, false) => bare_groups::<Avx512, T>(false, &mut random, n, seed),
                (Isa::Avx512, true) => bare_groups::<Avx512, T>(true, &mut random, n, seed),
                (_, false) => bare_groups::<Avx2, T>(false, &mut random, n, seed),
                (_, true) => bare_groups::<Avx2, T>(true, &mut random, n, seed),
            };
            counts = [counts[0] + good, counts[1] + bad];
            done += n;
        }
        let [good, bad] = counts;
        println!(
            "{:?} on {isa:?}: {good} groups succeeded, {bad} failed",
            T::DTYPE
        );
        // Otherwise the test would not have seen much.
        assert!(good > elements / 5000 && bad > elements / 5000);
    }
}

#[test]
fn bare_groups_of_f64_are_right_or_refused() {
    many_bare_groups::<f64>(SHORT_RUN / 2);
}

#[test]
fn bare_groups_of_f32_are_right_or_refused() {
    many_bare_groups::<f32>(SHORT_RUN / 2);
}

#[test]
fn bare_groups_of_c128_are_right_or_refused() {
    many_bare_groups::<Complex<f64>>(SHORT_RUN / 2);
}

#[test]
fn bare_groups_of_c64_are_right_or_refused() {
    many_bare_groups::<Complex<f32>>(SHORT_RUN / 2);
}

#[test]
#[ignore = "long: 10^8 elements"]
fn long_bare_groups() {
    many_bare_groups::<f64>(30_000_000);
    many_bare_groups::<f32>(30_000_000);
    many_bare_groups::<Complex<f64>>(30_000_000);
    many_bare_groups::<Complex<f32>>(30_000_000);
}

/// Blocks of guessed chains by themselves, on whatever data.
fn bare_chains<S: Set, const LEN: usize>(exclusive: bool, seed: u64) -> (usize, Course) {
    let mut random = Random::new(seed ^ 0xc4a1);
    let block = 8 * LEN;
    let blocks = 1 + random.below(6);
    let n = blocks * block + random.below(50);
    let x = series::<f64>(&mut random, n);
    let carry = series::<f64>(&mut random, 1)[0];
    let in_place = random.one_in(2);
    let mut out = x.clone();
    // SAFETY: the blocks lie within the vectors; the instruction set is there (callers).
    let outcome = unsafe {
        S::chains::<LEN>(&Stretch {
            x: if in_place { out.as_ptr() } else { x.as_ptr() },
            out: out.as_mut_ptr(),
            groups: blocks,
            carry,
            way: line::Way {
                exclusive,
                backward: false,
            },
            stream: false,
        })
    };
    let mut sum = carry;
    for i in 0..n {
        let before = sum;
        let expected = if i < outcome.done * block {
            sum += x[i];
            if exclusive { before } else { sum }
        } else {
            x[i]
        };
        let same = out[i].bits() == expected.bits();
        assert!(same, "seed {seed} LEN {LEN} at {i} in place: {in_place}");
    }
    assert_eq!(sum.bits(), outcome.carry.bits(), "seed {seed} LEN {LEN}");
    (n, outcome.course)
}

fn many_bare_chains<S: Set>(elements: usize) {
    let mut done = 0;
    let mut seed = 0;
    let mut courses = [0; 3];
    while done < elements {
        for (n, course) in [
            bare_chains::<S, 80>(false, seed),
            bare_chains::<S, 80>(true, seed),
            bare_chains::<S, 32>(false, seed),
            bare_chains::<S, 32>(true, seed),
            bare_chains::<S, 16>(false, seed),
            bare_chains::<S, 16>(true, seed),
        ] {
            done += n;
            courses[course as usize] += 1;
        }
        seed += 1;
    }
    println!("{done} elements; exact, proven, given up: {courses:?}");
    assert!(courses.iter().all(|&count| count > 0), "{courses:?}");
}

#[test]
fn guessed_chains_are_added_one_by_one() {
    for isa in available() {
        match isa {
            Isa::Avx512 => many_bare_chains::<Avx512>(SHORT_RUN),
            _ => many_bare_chains::<Avx2>(SHORT_RUN),
        }
    }
}

#[test]
#[ignore = "long: more than 10^8 elements"]
fn long_guessed_chains() {
    for isa in available() {
        match isa {
            Isa::Avx512 => many_bare_chains::<Avx512>(LONG_RUN),
            _ => many_bare_chains::<Avx2>(LONG_RUN),
        }
    }
}
