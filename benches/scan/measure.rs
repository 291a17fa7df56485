//! Timing: the candidates take turns in one run, many times over, so that whatever else the machine does
//! meets all of them.

use std::time::{Duration, Instant};

/// Length of a sample: a short call is made many times in it, so that reading the clock costs nothing.
const SAMPLE: Duration = Duration::from_micros(100);

/// Rounds that are enough for a median, and are run however long they take.
pub const ROUNDS: usize = 7;

/// Rounds after which nothing more is learnt.
const MOST_ROUNDS: usize = 1000;

/// Something to time.
pub struct Candidate<'a> {
    name: &'static str,
    /// Does the work so many times; the loop is inside, so that short calls are timed without this one.
    repeat: Box<dyn Fn(u64) + 'a>,
}

impl<'a> Candidate<'a> {
    pub fn new(name: &'static str, repeat: impl Fn(u64) + 'a) -> Candidate<'a> {
        Candidate {
            name,
            repeat: Box::new(repeat),
        }
    }

    fn time(&self, times: u64) -> Duration {
        let start = Instant::now();
        (self.repeat)(times);
        start.elapsed()
    }

    /// How often a sample does the work.
    fn times_in_a_sample(&self) -> u64 {
        let mut times = 1;
        loop {
            let taken = self.time(times);
            if taken >= SAMPLE {
                return times;
            }
            let wanted = SAMPLE.as_nanos() * u128::from(times) / taken.as_nanos().max(1);
            times = (wanted as u64 + 1).clamp(times + 1, 8 * times);
        }
    }
}

/// A candidate's times, in nanoseconds for each time the work was done, one for each round.
pub struct Measured {
    pub name: &'static str,
    rounds: Vec<f64>,
}

impl Measured {
    pub fn median(&self) -> f64 {
        median(self.rounds.clone())
    }

    pub fn minimum(&self) -> f64 {
        self.rounds.iter().copied().fold(f64::INFINITY, f64::min)
    }

    /// How many times as long as the other this took: the median over the rounds, of which each compares
    /// two times that were taken within moments.
    pub fn ratio(&self, other: &Measured) -> f64 {
        let rounds = self.rounds.iter().zip(&other.rounds);
        median(rounds.map(|(mine, other)| mine / other).collect())
    }

    /// Number of rounds.
    pub fn rounds(&self) -> usize {
        self.rounds.len()
    }
}

fn median(mut values: Vec<f64>) -> f64 {
    assert!(!values.is_empty());
    values.sort_by(f64::total_cmp);
    let middle = values.len() / 2;
    if values.len() % 2 == 1 {
        values[middle]
    } else {
        (values[middle - 1] + values[middle]) / 2.0
    }
}

/// Times the candidates for about so many seconds, and in so many rounds at least.
pub fn interleaved(candidates: Vec<Candidate>, at_least: usize, seconds: f64) -> Vec<Measured> {
    let start = Instant::now();
    let times: Vec<u64> = candidates
        .iter()
        .map(Candidate::times_in_a_sample)
        .collect();
    let mut rounds = vec![Vec::new(); candidates.len()];
    for round in 0..MOST_ROUNDS {
        if round >= at_least && start.elapsed().as_secs_f64() >= seconds {
            break;
        }
        for turn in 0..candidates.len() {
            // Back and forth, so that none always comes after the same one.
            let i = if round % 2 == 0 {
                turn
            } else {
                candidates.len() - 1 - turn
            };
            // Once without the clock: the caches then hold what this candidate leaves in them, and what
            // the one before still had to write is written.
            candidates[i].time(1);
            let taken = candidates[i].time(times[i]);
            rounds[i].push(taken.as_nanos() as f64 / times[i] as f64);
        }
    }
    collect(candidates, rounds)
}

/// Runs each candidate once.
pub fn once(candidates: Vec<Candidate>) -> Vec<Measured> {
    let time = |candidate: &Candidate| vec![candidate.time(1).as_nanos().max(1) as f64];
    let rounds = candidates.iter().map(time).collect();
    collect(candidates, rounds)
}

fn collect(candidates: Vec<Candidate>, rounds: Vec<Vec<f64>>) -> Vec<Measured> {
    let named = candidates.into_iter().zip(rounds);
    named
        .map(|(candidate, rounds)| Measured {
            name: candidate.name,
            rounds,
        })
        .collect()
}
