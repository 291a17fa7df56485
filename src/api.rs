//! The Rust face: scans of ndarray views of any dimension and layout, through the same plan and the same
//! checks as the C interface.

use crate::dtype::DType;
use crate::elem::{Bf16, Complex, F16};
use crate::kernels::{self, Mode, Overflow};
use crate::op::Op;
use crate::plan::{self, FLATTEN, Nan, Operand, Options, Request};
use crate::status::Error;
use crate::threads;
use crate::view::MAX_NDIM;
use arrayvec::ArrayVec;
use ndarray::{Array, Array1, ArrayView, ArrayViewMut, Axis, Dimension};
use std::mem::MaybeUninit;

/// An element type that arrays may have: the integers of 8 to 64 bits, `bool`, `f32`, `f64`, [`F16`],
/// [`Bf16`], and [`Complex`] numbers of `f32` and `f64`.
pub trait Element: sealed::Sealed + Copy + 'static {
    /// Its name at run time.
    const DTYPE: DType;
}

mod sealed {
    /// Keeps [`Element`](super::Element) to the types whose bytes the library knows.
    pub trait Sealed {}
}

macro_rules! elements {
    ($($t:ty => $d:ident),*) => { $(
        impl sealed::Sealed for $t {}
        impl Element for $t {
            const DTYPE: DType = DType::$d;
        }
    )* };
}
elements!(i8 => I8, i16 => I16, i32 => I32, i64 => I64, u8 => U8, u16 => U16, u32 => U32, u64 => U64,
    bool => Bool, f32 => F32, f64 => F64, F16 => F16, Bf16 => Bf16,
    Complex<f32> => C64, Complex<f64> => C128);

/// A cumulative operation and how it is to be done.
///
/// ```
/// use cumulative::Scan;
/// use ndarray::{Axis, array};
///
/// let x = array![[1, 2, 3], [4, 5, 6]];
/// assert_eq!(Scan::sum().along(x.view(), Axis(1))?, array![[1, 3, 6], [4, 9, 15]]);
/// assert_eq!(Scan::sum().along(x.view(), Axis(0))?, array![[1, 2, 3], [5, 7, 9]]);
/// assert_eq!(Scan::prod().flattened(x.view())?, array![1, 2, 6, 24, 120, 720]);
/// assert_eq!(
///     Scan::max().reverse().exclusive().along(x.view(), Axis(1))?,
///     array![[3, 3, i32::MIN], [6, 6, i32::MIN]],
/// );
/// # Ok::<(), cumulative::Error>(())
/// ```
#[derive(Clone, Copy)]
pub struct Scan {
    op: Op,
    dtype: Option<DType>,
    options: Options,
}

impl Scan {
    /// A scan with this operation and all defaults.
    pub fn new(op: Op) -> Scan {
        Scan {
            op,
            dtype: None,
            options: Options::default(),
        }
    }

    /// Running sums; in `bool`, or.
    pub fn sum() -> Scan {
        Scan::new(Op::Sum)
    }

    /// Running products; in `bool`, and.
    pub fn prod() -> Scan {
        Scan::new(Op::Prod)
    }

    /// Running maxima. A NaN stays, and of equal values the later is kept.
    pub fn max() -> Scan {
        Scan::new(Op::Max)
    }

    /// Running minima. A NaN stays, and of equal values the later is kept.
    pub fn min() -> Scan {
        Scan::new(Op::Min)
    }

    /// Running logarithms of sums of exponentials.
    pub fn logsumexp() -> Scan {
        Scan::new(Op::LogSumExp)
    }

    /// Each result combines what stands before its place; the first is the identity.
    pub fn exclusive(mut self) -> Scan {
        self.options.exclusive = true;
        self
    }

    /// From the last element to the first.
    pub fn reverse(mut self) -> Scan {
        self.options.reverse = true;
        self
    }

    /// The starting value comes first (last, in reverse): results are one longer along the axis. Not
    /// together with [`exclusive`](Scan::exclusive).
    pub fn include_initial(mut self) -> Scan {
        self.options.initial = true;
        self
    }

    /// How operations are grouped and what becomes of rounding errors.
    pub fn mode(mut self, mode: Mode) -> Scan {
        self.options.mode = mode;
        self
    }

    /// What a NaN among the elements does.
    pub fn nan(mut self, nan: Nan) -> Scan {
        self.options.nan = nan;
        self
    }

    /// What an integer that does not fit does.
    pub fn overflow(mut self, overflow: Overflow) -> Scan {
        self.options.overflow = overflow;
        self
    }

    /// The type in which the operation computes; the output's without this.
    pub fn dtype(mut self, dtype: DType) -> Scan {
        self.dtype = Some(dtype);
        self
    }

    /// At most this many threads; 0 for the default of the process.
    pub fn max_threads(mut self, n: usize) -> Scan {
        self.options.max_threads = n;
        self
    }

    /// Scans along an axis into a new array of the same type, in row-major order.
    pub fn along<A: Element, D: Dimension>(
        &self,
        x: ArrayView<'_, A, D>,
        axis: Axis,
    ) -> Result<Array<A, D>, Error> {
        let code = axis_code(axis, x.ndim())?;
        let mut shape = x.raw_dim();
        shape.slice_mut()[axis.0] += self.options.initial as usize;
        let mut out = Array::uninit(shape);
        self.run(Raw::of(&x)?, code, Raw::of_results(&mut out)?, None)?;
        // SAFETY: a scan that succeeds writes every element of its output.
        Ok(unsafe { out.assume_init() })
    }

    /// Scans the elements in row-major order into a new one-dimensional array of the same type.
    pub fn flattened<A: Element, D: Dimension>(
        &self,
        x: ArrayView<'_, A, D>,
    ) -> Result<Array1<A>, Error> {
        let mut out = Array::uninit(x.len() + self.options.initial as usize);
        self.run(Raw::of(&x)?, FLATTEN, Raw::of_results(&mut out)?, None)?;
        // SAFETY: as above.
        Ok(unsafe { out.assume_init() })
    }

    /// Scans along an axis into an array of any type and layout; [`Error::ShapeMismatch`] if its shape
    /// is not that of the results.
    ///
    /// ```
    /// use cumulative::Scan;
    /// use ndarray::{Array2, Axis, array};
    ///
    /// let x = array![[200u8, 100], [7, 250]];
    /// let mut out = Array2::<f64>::zeros((2, 2));
    /// Scan::sum().write(x.view(), Axis(1), out.view_mut())?;
    /// assert_eq!(out, array![[200.0, 300.0], [7.0, 257.0]]);
    /// # Ok::<(), cumulative::Error>(())
    /// ```
    pub fn write<A: Element, B: Element, D: Dimension>(
        &self,
        x: ArrayView<'_, A, D>,
        axis: Axis,
        mut out: ArrayViewMut<'_, B, D>,
    ) -> Result<(), Error> {
        let code = axis_code(axis, x.ndim())?;
        self.check_results(x.shape(), axis, out.shape())?;
        self.run(Raw::of(&x)?, code, Raw::of_mut(&mut out)?, None)
    }

    /// Scans along an axis in place. [`Error::ShapeMismatch`] with
    /// [`include_initial`](Scan::include_initial), whose results are longer.
    ///
    /// ```
    /// use cumulative::Scan;
    /// use ndarray::{Axis, array, s};
    ///
    /// let mut x = array![1.0, 10.0, 2.0, 20.0, 3.0, 30.0];
    /// Scan::sum().in_place(x.slice_mut(s![..;2]), Axis(0))?;
    /// assert_eq!(x, array![1.0, 10.0, 3.0, 20.0, 6.0, 30.0]);
    /// # Ok::<(), cumulative::Error>(())
    /// ```
    pub fn in_place<A: Element, D: Dimension>(
        &self,
        mut x: ArrayViewMut<'_, A, D>,
        axis: Axis,
    ) -> Result<(), Error> {
        let code = axis_code(axis, x.ndim())?;
        self.check_results(x.shape(), axis, x.shape())?;
        let raw = Raw::of_mut(&mut x)?;
        self.run(raw.clone(), code, raw, None)
    }

    /// Scans a chunk of something longer: each line goes on from its carry, which is then the line's
    /// total so far. Scanning chunk after chunk with the same carries gives the bits of one scan, except
    /// that reassociated floats agree up to rounding, and compensated ones within 1 ulp.
    ///
    /// ```
    /// use cumulative::{Carries, Scan};
    /// use ndarray::{Array1, Axis, array};
    ///
    /// let mut carries = Carries::default();
    /// let mut out = Array1::<i64>::zeros(2);
    /// for (chunk, expected) in [([1, 2], [1, 3]), ([3, 4], [6, 10])] {
    ///     let chunk = array![chunk[0], chunk[1]];
    ///     Scan::sum().resume(chunk.view(), Axis(0), out.view_mut(), &mut carries)?;
    ///     assert_eq!(out.to_vec(), expected);
    /// }
    /// # Ok::<(), cumulative::Error>(())
    /// ```
    pub fn resume<A: Element, B: Element, D: Dimension>(
        &self,
        x: ArrayView<'_, A, D>,
        axis: Axis,
        mut out: ArrayViewMut<'_, B, D>,
        carries: &mut Carries,
    ) -> Result<(), Error> {
        let code = axis_code(axis, x.ndim())?;
        self.check_results(x.shape(), axis, out.shape())?;
        self.run(Raw::of(&x)?, code, Raw::of_mut(&mut out)?, Some(carries))
    }

    /// Whether `out` has the shape of the results for `x`.
    fn check_results(&self, x: &[usize], axis: Axis, out: &[usize]) -> Result<(), Error> {
        for (dim, (&extent, &found)) in x.iter().zip(out).enumerate() {
            let expected = extent + (self.options.initial && dim == axis.0) as usize;
            if found != expected {
                return Err(Error::ShapeMismatch {
                    dim,
                    expected,
                    found,
                });
            }
        }
        // Views of dynamic dimension may also differ in their number.
        if x.len() != out.len() {
            let (dim, expected, found) = (x.len().min(out.len()), x.len(), out.len());
            return Err(Error::ShapeMismatch {
                dim,
                expected,
                found,
            });
        }
        Ok(())
    }

    /// Plans and carries out the scan of one array into another, of the shape of its results.
    fn run(&self, x: Raw, axis: i32, out: Raw, carries: Option<&mut Carries>) -> Result<(), Error> {
        let dtype = self.dtype.unwrap_or(out.dtype);
        let mut options = self.options;
        let mut next = Carries::default();
        if let Some(carries) = &carries {
            let size = carry_size(self.op, dtype, options.mode)?;
            let lines = plan::line_count(&x.shape, axis)?;
            next = Carries {
                bytes: vec![0; lines * size],
                size,
            };
            if carries.size != 0 {
                if carries.size != size {
                    return Err(Error::Options(
                        "the carries are those of another type or mode",
                    ));
                }
                let (pointer, len) = (carries.bytes.as_ptr(), carries.bytes.len() / size);
                options.carry_in = Some(plan::Carries { pointer, len });
            }
            let pointer = next.bytes.as_mut_ptr();
            options.carry_out = Some(plan::Carries {
                pointer,
                len: lines,
            });
        }
        let request = Request {
            op: self.op,
            dtype,
            shape: &x.shape,
            axis,
            x: Operand {
                pointer: x.start.cast_const(),
                dtype: x.dtype,
                strides: Some(&x.strides),
            },
            out: Some(Operand {
                pointer: out.start,
                dtype: out.dtype,
                strides: Some(&out.strides),
            }),
            options,
        };
        // SAFETY: the views that `x` and `out` were made from are borrowed by the caller, `out` is
        // writable and has the shape of the results; carries live in this function or the caller's.
        unsafe { threads::execute(&request, None)? };
        if let Some(carries) = carries {
            *carries = next;
        }
        Ok(())
    }
}

/// What has been combined so far in each line, for [`Scan::resume`]; nothing at first.
///
/// It goes on with the operation, the computing type and the mode that it began with: of others it is not told apart if
/// the carries have the same size.
#[derive(Clone, Debug, Default)]
pub struct Carries {
    bytes: Vec<u8>,
    /// Bytes of one carry; 0 before the first scan.
    size: usize,
}

/// Bytes of one carry.
fn carry_size(op: Op, dtype: DType, mode: Mode) -> Result<usize, Error> {
    let carries = kernels::carries(op, dtype, mode);
    Ok(carries.ok_or(Error::OpDtype { op, dtype })?.size)
}

/// The axis as the plan wants it.
fn axis_code(axis: Axis, ndim: usize) -> Result<i32, Error> {
    let code = i32::try_from(axis.0).unwrap_or(i32::MAX);
    if axis.0 < ndim {
        Ok(code)
    } else {
        Err(Error::Axis {
            axis: code,
            ndim: ndim as i32,
        })
    }
}

/// A view without its types.
#[derive(Clone)]
struct Raw {
    start: *mut u8,
    dtype: DType,
    shape: ArrayVec<i64, MAX_NDIM>,
    strides: ArrayVec<i64, MAX_NDIM>,
}

impl Raw {
    fn new<T>(
        start: *mut T,
        dtype: DType,
        shape: &[usize],
        strides: &[isize],
    ) -> Result<Raw, Error> {
        if shape.len() > MAX_NDIM {
            return Err(Error::Ndim {
                ndim: i32::try_from(shape.len()).unwrap_or(i32::MAX),
            });
        }
        let size = size_of::<T>() as i64;
        Ok(Raw {
            start: start.cast(),
            dtype,
            shape: shape.iter().map(|&extent| extent as i64).collect(),
            strides: strides.iter().map(|&stride| stride as i64 * size).collect(),
        })
    }

    fn of<A: Element, D: Dimension>(x: &ArrayView<'_, A, D>) -> Result<Raw, Error> {
        Raw::new(x.as_ptr().cast_mut(), A::DTYPE, x.shape(), x.strides())
    }

    fn of_mut<A: Element, D: Dimension>(x: &mut ArrayViewMut<'_, A, D>) -> Result<Raw, Error> {
        Raw::new(x.as_mut_ptr(), A::DTYPE, x.shape(), x.strides())
    }

    fn of_results<A: Element, D: Dimension>(
        out: &mut Array<MaybeUninit<A>, D>,
    ) -> Result<Raw, Error> {
        let start = out.as_mut_ptr();
        Raw::new(start, A::DTYPE, out.shape(), out.strides())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::{ArrayD, IxDyn, array, s};

    #[test]
    fn views_of_any_layout_give_what_row_major_ones_give() {
        let x = Array::from_shape_fn((3, 4, 5), |(i, j, k)| (i * 20 + j * 5 + k) as f64 * 0.1);
        let view = x.slice(s![..;-1, 1.., ..;2]).permuted_axes([2, 0, 1]);
        let plain = Array::from_shape_vec(view.raw_dim(), view.iter().copied().collect());
        let plain = plain.expect("as many elements");
        for axis in 0..3 {
            let (a, b) = (
                Scan::sum().along(view, Axis(axis)),
                Scan::sum().along(plain.view(), Axis(axis)),
            );
            assert_eq!(a, b);
        }
        assert_eq!(
            Scan::sum().flattened(view),
            Scan::sum().flattened(plain.view())
        );
    }

    #[test]
    fn shapes_that_do_not_fit_are_errors() {
        let x = array![[1, 2], [3, 4]];
        let mut out = array![[0, 0, 0], [0, 0, 0]];
        let expected = Error::ShapeMismatch {
            dim: 1,
            expected: 2,
            found: 3,
        };
        assert_eq!(
            Scan::sum().write(x.view(), Axis(1), out.view_mut()),
            Err(expected)
        );
        assert_eq!(
            Scan::sum()
                .include_initial()
                .write(x.view(), Axis(1), out.view_mut()),
            Ok(())
        );
        assert_eq!(out, array![[0, 1, 3], [0, 3, 7]]);
        let expected = Error::Axis { axis: 2, ndim: 2 };
        assert_eq!(Scan::sum().along(x.view(), Axis(2)), Err(expected));
        let scalar = ArrayD::<f64>::zeros(IxDyn(&[]));
        assert_eq!(Scan::sum().flattened(scalar.view()), Ok(array![0.0]));
        let mut in_place = x.clone();
        assert!(
            Scan::sum()
                .include_initial()
                .in_place(in_place.view_mut(), Axis(0))
                .is_err()
        );
    }

    #[test]
    fn bool_and_16_bit_elements_are_what_they_are_in_rust() {
        let any = Scan::sum().along(array![false, true, false].view(), Axis(0));
        assert_eq!(any, Ok(array![false, true, true]));
        let halves = array![F16(0x3c00), F16(0x4000)];
        let sums = Scan::sum().along(halves.view(), Axis(0)).expect("a sum");
        assert_eq!(sums.mapv(F16::to_f32), array![1.0, 3.0]);
    }

    #[test]
    fn carries_of_another_type_are_refused() {
        let mut carries = Carries::default();
        let (x, mut out) = (array![1.0f64], array![0.0f64]);
        Scan::sum()
            .resume(x.view(), Axis(0), out.view_mut(), &mut carries)
            .expect("the first chunk");
        let mut narrow = array![0.0f32];
        let refused = Scan::sum().resume(x.view(), Axis(0), narrow.view_mut(), &mut carries);
        assert!(matches!(refused, Err(Error::Options(_))));
    }
}
