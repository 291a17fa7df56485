//! What a scan carries from one element to the next, for each mode: the *accumulator*.
//!
//! Kernels are written once over [`Accumulate`]; a family below is one mode (and, for integers, one
//! way to meet an overflow). The first element of a line becomes the accumulator itself ([`first`]):
//! it is not combined with an identity.
//!
//! The carry that callers hold is the accumulator in the form that the interface defines; only where
//! that differs from the accumulator do `import` and `export` do anything.
//!
//! [`first`]: Accumulate::first
#![forbid(unsafe_code)]

use crate::elem::{Bf16, CastFrom, Elem, F16};
use crate::op::{Combine, Overflowing};
use crate::pair::Pair;
use std::hint::black_box;
use std::marker::PhantomData;

/// The state of a scan along one line.
pub trait Accumulate: 'static {
    /// The computing type.
    type T: Elem;
    /// The accumulator.
    type Acc: Copy + Send + Sync + 'static;
    /// The carry as callers hold it.
    type Carry: Copy + 'static;
    /// What an exclusive scan shows first.
    const IDENTITY: Self::T;
    /// The accumulator after the first element.
    fn first(x: Self::T) -> Self::Acc;
    /// The accumulator after one more element.
    fn step(acc: Self::Acc, x: Self::T) -> Self::Acc;
    /// The same where each step waits for the one before.
    #[inline(always)]
    fn step_in_line(acc: Self::Acc, x: Self::T) -> Self::Acc {
        Self::step(acc, x)
    }
    /// The result to show.
    fn value(acc: Self::Acc) -> Self::T;
    /// Two accumulators, of what comes first and of what comes second.
    fn merge(first: Self::Acc, second: Self::Acc) -> Self::Acc;
    /// A caller's carry.
    fn import(carry: Self::Carry) -> Self::Acc;
    /// The carry for the caller.
    fn export(acc: Self::Acc) -> Self::Carry;
}

/// One operation after the other, in the computing type; integers wrap.
pub struct Plain<O, T>(PhantomData<(O, T)>);

impl<O: Combine<T>, T: Elem> Accumulate for Plain<O, T> {
    type T = T;
    type Acc = T;
    type Carry = T;
    const IDENTITY: T = O::IDENTITY;
    #[inline(always)]
    fn first(x: T) -> T {
        x.canonical()
    }
    #[inline(always)]
    fn step(acc: T, x: T) -> T {
        O::combine(acc, x)
    }
    #[inline(always)]
    fn step_in_line(acc: T, x: T) -> T {
        O::combine_in_line(acc, x)
    }
    #[inline(always)]
    fn value(acc: T) -> T {
        acc
    }
    #[inline(always)]
    fn merge(first: T, second: T) -> T {
        O::combine(first, second)
    }
    #[inline(always)]
    fn import(carry: T) -> T {
        carry.canonical()
    }
    #[inline(always)]
    fn export(acc: T) -> T {
        acc
    }
}

/// Integers that stop at the ends of their range.
pub struct Saturating<O, T>(PhantomData<(O, T)>);

impl<O: Overflowing<T>, T: Elem> Accumulate for Saturating<O, T> {
    type T = T;
    type Acc = T;
    type Carry = T;
    const IDENTITY: T = O::IDENTITY;
    #[inline(always)]
    fn first(x: T) -> T {
        x
    }
    #[inline(always)]
    fn step(acc: T, x: T) -> T {
        match size_of::<T>() {
            // Two numbers in a register, and several instructions for each.
            8 => Self::step_in_line(acc, x),
            _ => O::saturating(acc, x),
        }
    }
    /// By a branch, which a processor foresees: a selection waits for both sides, which matters where there are several.
    #[inline(always)]
    fn step_in_line(acc: T, x: T) -> T {
        if O::ONE_SIDED {
            return O::saturating(acc, x);
        }
        O::checked(acc, x).unwrap_or_else(|| {
            // Nothing, but the compiler does not know it, and makes no selection of this.
            black_box(());
            O::saturating(acc, x)
        })
    }
    #[inline(always)]
    fn value(acc: T) -> T {
        acc
    }
    #[inline(always)]
    fn merge(first: T, second: T) -> T {
        O::saturating(first, second)
    }
    #[inline(always)]
    fn import(carry: T) -> T {
        carry
    }
    #[inline(always)]
    fn export(acc: T) -> T {
        acc
    }
}

/// A value as the pair that carries have in compensated mode, for operations that have no error.
pub trait AsPair: Elem {
    /// The type of the pair's two numbers.
    type Part: Copy + 'static;
    /// The value with error 0.
    fn to_pair(self) -> Pair<Self::Part>;
    /// The value that a pair stands for.
    fn from_pair(pair: Pair<Self::Part>) -> Self;
}

macro_rules! exact_pairs {
    ($($t:ty),*) => { $(
        impl AsPair for $t {
            type Part = $t;
            #[inline(always)]
            fn to_pair(self) -> Pair<$t> {
                Pair { value: self, error: <$t as CastFrom<u8>>::cast_from(0) }
            }
            #[inline(always)]
            fn from_pair(pair: Pair<$t>) -> $t {
                pair.value
            }
        }
    )* };
}
exact_pairs!(i8, i16, i32, i64, u8, u16, u32, u64, crate::elem::Bool);

macro_rules! float_pairs {
    ($($t:ty),*) => { $(
        impl AsPair for $t {
            type Part = $t;
            #[inline(always)]
            fn to_pair(self) -> Pair<$t> {
                Pair::exact(self)
            }
            #[inline(always)]
            fn from_pair(pair: Pair<$t>) -> $t {
                pair.normalised().value
            }
        }
    )* };
}
float_pairs!(f32, f64);

macro_rules! narrow_pairs {
    ($($t:ty),*) => { $(
        impl AsPair for $t {
            type Part = f32;
            #[inline(always)]
            fn to_pair(self) -> Pair<f32> {
                Pair::exact(self.to_f32())
            }
            #[inline(always)]
            fn from_pair(pair: Pair<f32>) -> $t {
                let wide = Pair { value: pair.value as f64, error: pair.error as f64 };
                <$t>::cast_from(wide.normalised().to_odd())
            }
        }
    )* };
}
narrow_pairs!(F16, Bf16);

/// Compensated mode for the operations that have no error: the plain scan, with pairs as carries.
pub struct Errorless<A>(PhantomData<A>);

impl<A: Accumulate<Acc = <A as Accumulate>::T>> Accumulate for Errorless<A>
where
    A::T: AsPair,
{
    type T = A::T;
    type Acc = A::T;
    type Carry = Pair<<A::T as AsPair>::Part>;
    const IDENTITY: A::T = A::IDENTITY;
    #[inline(always)]
    fn first(x: A::T) -> A::T {
        x.canonical()
    }
    #[inline(always)]
    fn step(acc: A::T, x: A::T) -> A::T {
        A::step(acc, x)
    }
    #[inline(always)]
    fn value(acc: A::T) -> A::T {
        acc
    }
    #[inline(always)]
    fn merge(first: A::T, second: A::T) -> A::T {
        A::merge(first, second)
    }
    #[inline(always)]
    fn import(carry: Self::Carry) -> A::T {
        A::T::from_pair(carry).canonical()
    }
    #[inline(always)]
    fn export(acc: A::T) -> Self::Carry {
        acc.to_pair()
    }
}
