/*
 * cumulative.h - running sums, products, maxima, minima and logsumexp of numeric arrays
 *
 * One function, cum_scan, computes cumulative operations along an axis of a strided n-dimensional
 * array: what numpy.cumsum and numpy.cumprod (axis, dtype, out) and the array API standard's
 * cumulative_sum and cumulative_prod (axis, dtype, include_initial) do, for 5 operations and 15
 * element types, with NumPy's bits but for what "Numbers" below says.
 *
 *   #include <cumulative.h>
 *   #include <stdio.h>
 *
 *   int main(void)
 *   {
 *     int64_t shape[2] = {2, 3};
 *     double x[2][3] = {{1, 2, 3}, {4, 5, 6}}, out[2][3];
 *     cum_status status = cum_scan(CUM_SUM, 2, shape, 1,
 *                                  x, CUM_F64, NULL, out, CUM_F64, NULL, NULL);
 *     if (status != CUM_OK) {
 *       fprintf(stderr, "%s: %s\n", cum_status_name(status), cum_last_error());
 *       return 1;
 *     }
 *     printf("%g %g %g\n", out[1][0], out[1][1], out[1][2]);    // 4 9 15
 *     return 0;
 *   }
 *
 * Compile with -lcumulative; -I and -L where it is not installed, and libcumulative.a instead with
 * -lpthread -ldl -lm. Options, carries and modes: see cum_options.
 *
 * RULES THAT HOLD EVERYWHERE
 *
 * Arrays. A pointer to the first element, extents, and strides in bytes, of any sign; strides of the
 * input may be 0. NULL strides mean C-contiguous. Nothing needs alignment. A pointer that nothing is
 * read from or written to may be NULL, and strides of extents 0 and 1 are not looked at. Axes count
 * from 0; negative ones from the end.
 *
 * Column-major arrays (Fortran, Julia, MATLAB). Give the extents and the strides as they are, in
 * bytes: strides say it all. Or give the extents in reversed order, axis ndim - 1 - axis, and NULL
 * strides: the same memory read the other way round. Axes count from 0 there, too.
 *
 * Overlap. Input and output may be the same memory or overlap in any way: the result is as if the
 * input had been copied first. The same array in place needs no copy.
 *
 * Types. x is converted to the computing dtype before the first operation, results to out's at the
 * end. Each conversion rounds once; integers do what the option `overflow` says where a type is
 * narrower; floats truncate and saturate on their way to integers, and NaN gives 0; anything non-zero
 * is true. A real number becomes complex with an imaginary part of 0; a complex one becomes real only
 * as bool, else CUM_ERR_CAST. Codes are DLPack's. Complex elements are laid out as float _Complex and
 * double _Complex, std::complex<float> and std::complex<double>, Fortran's complex(c_float_complex)
 * and complex(c_double_complex): cast their address to void *, or to cum_c64 * and cum_c128 *.
 *
 * Numbers. Unless options say otherwise, integers wrap, and floats are combined one after the other
 * from the first element on, bit for bit as numpy.add.accumulate does, the first element being copied;
 * of a NaN neither sign nor payload is promised. 16-bit floats round after every step. Complex products
 * round every operation, which NumPy does not on every machine, and of equal values maxima and minima
 * keep the later, which NumPy does not for zeros in float16. Results do not depend on the machine, nor
 * on the caller's rounding mode, flushing or traps: calls compute in the default environment and put
 * the caller's back; status flags may be raised.
 *
 * Lines. A line is one row of x along the axis; lines are numbered in C order of the other axes.
 *
 * Errors. Every function that computes returns a cum_status, and on an error out and carry_out are
 * as before, bit for bit, also in place; only CUM_ERR_CANCELLED and CUM_ERR_INTERNAL leave them
 * unspecified. cum_last_error has a sentence with the values in it. Nothing aborts, unwinds or
 * prints, but for the message that goes with CUM_ERR_INTERNAL.
 *
 * Threads. Any number of threads may call at once. Large arrays are worked on by several threads,
 * see cum_set_max_threads; results do not depend on their number.
 *
 * Environment. Two variables are read once, at the first call, and ignored if their value is not
 * known: CUM_NUM_THREADS, the number of threads by default, and CUM_ISA, which caps the instruction
 * set: avx512, avx2, sse2, neon or scalar.
 */


#ifndef CUMULATIVE_H
#define CUMULATIVE_H

#include <stddef.h>
#include <stdint.h>
#if defined(__cplusplus)
#define CUM_OPTIONS_INIT { sizeof(cum_options), 0, 0, 0, 0, 0, 0, NULL, 0, NULL, 0, NULL, NULL, NULL, 0, NULL }
#else
/** Initialiser of a cum_options with all defaults: cum_options options = CUM_OPTIONS_INIT; */
#define CUM_OPTIONS_INIT { .struct_size = sizeof(cum_options) }
#endif

/** Stands before every prototype; define it before including this file to change the linkage. */
#ifndef CUM_API
#define CUM_API extern
#endif


/// The version of the header: major, minor and patch number.
#define CUM_VERSION_MAJOR 0

/// See `CUM_VERSION_MAJOR`.
#define CUM_VERSION_MINOR 1

/// See `CUM_VERSION_MAJOR`.
#define CUM_VERSION_PATCH 0

/// The largest number of dimensions.
#define CUM_MAX_NDIM 64

/// The axis that stands for the array flattened in C order.
#define CUM_AXIS_NONE INT32_MIN

/// Success.
#define CUM_OK 0

/// A pointer that is needed is NULL.
#define CUM_ERR_NULL_POINTER 1

/// An unknown operation.
#define CUM_ERR_OP 2

/// An unknown element type, or one the operation does not compute in.
#define CUM_ERR_DTYPE 3

/// A number of dimensions below 0 or above `CUM_MAX_NDIM`.
#define CUM_ERR_NDIM 4

/// A negative extent, or a product of the non-zero extents that is too large to address.
#define CUM_ERR_SHAPE 5

/// A span that is not addressable, or an output that may meet itself.
#define CUM_ERR_STRIDES 6

/// An axis outside the dimensions.
#define CUM_ERR_AXIS 7

/// A conversion from complex to real.
#define CUM_ERR_CAST 8

/// Options that are wrong, or that do not go together.
#define CUM_ERR_OPTIONS 9

/// A value that does not fit; only with `CUM_CHECK`. `where` says which.
#define CUM_ERR_OVERFLOW 10

/// No memory for a temporary copy.
#define CUM_ERR_MEMORY 11

/// The progress function asked to stop.
#define CUM_ERR_CANCELLED 12

/// A defect of the library, caught at its boundary.
#define CUM_ERR_INTERNAL 13

/// Sum; in `CUM_BOOL`, or.
#define CUM_SUM 1

/// Product; in `CUM_BOOL`, and.
#define CUM_PROD 2

/// Maximum; a NaN stays, and of equal values the later is kept. Not of complex numbers.
#define CUM_MAX 3

/// Minimum; see `CUM_MAX`.
#define CUM_MIN 4

/// Logarithm of the sum of exponentials; of the four real floating types. Each step is within 4 ulp.
#define CUM_LOGSUMEXP 5

/// The type that the function chooses; only where its description names it.
#define CUM_DTYPE_DEFAULT 0

/// `int8_t`
#define CUM_I8 8

/// `int16_t`
#define CUM_I16 16

/// `int32_t`
#define CUM_I32 32

/// `int64_t`
#define CUM_I64 64

/// `uint8_t`
#define CUM_U8 264

/// `uint16_t`
#define CUM_U16 272

/// `uint32_t`
#define CUM_U32 288

/// `uint64_t`
#define CUM_U64 320

/// IEEE 754 binary16
#define CUM_F16 528

/// `float`
#define CUM_F32 544

/// `double`
#define CUM_F64 576

/// bfloat16, the upper half of a `float`
#define CUM_BF16 1040

/// complex number of two `float`
#define CUM_C64 1344

/// complex number of two `double`
#define CUM_C128 1408

/// one byte: 0 or non-zero in, 0 or 1 out
#define CUM_BOOL 1544

/// Flag: `out[i]` combines what stands before `i`. `out[0]` (the last with `CUM_REVERSE`) is `carry_in`, or the identity: 0 for sums, 1
/// for products, the lowest value or -inf for maxima and logsumexp, the highest or +inf for minima.
#define CUM_EXCLUSIVE 1

/// Flag: from the last element to the first; `out[i]` combines `x[i]` and what stands behind it.
#define CUM_REVERSE 2

/// Flag: the starting value, as in `CUM_EXCLUSIVE`, is shown first (last with `CUM_REVERSE`), and `out` is
/// one longer along the axis.
#define CUM_INCLUDE_INITIAL 4

/// Mode: one operation after the other, NumPy's bits.
#define CUM_SEQUENTIAL 0

/// Mode: floating sums and products may be grouped in a fixed way that is faster. Results agree with
/// `CUM_SEQUENTIAL` up to rounding and are the same on every machine and for any number of threads.
#define CUM_REASSOCIATE 1

/// Mode: rounding errors of floating sums and products are carried along. With p the precision (24 of
/// `float`, 53 of `double`), a sum is within 1 ulp of the exact one plus 2^(16-2p) of the sum of
/// magnitudes; a product is within 1 ulp if no prefix over- or underflows. Chunks that carries connect
/// keep to this as well, and may differ from one scan by as much.
#define CUM_COMPENSATED 2

/// NaN policy: a NaN is an element like any other.
#define CUM_NAN_PROPAGATE 0

/// NaN policy: a NaN among the elements counts as the identity.
#define CUM_NAN_IDENTITY 1

/// NaN policy: as `CUM_NAN_IDENTITY`, and the result in its place is NaN; of a complex number, which is one
/// if either part is, both parts are.
#define CUM_NAN_SKIP 2

/// Integer overflow: the lower bits are kept.
#define CUM_WRAP 0

/// Integer overflow: the first one is reported, and the outputs stay as they were. Conversions between integers are
/// looked at as well; floats on their way to integers saturate, and nobody is told.
#define CUM_CHECK 1

/// Integer overflow: the value stops at the end of the range.
#define CUM_SATURATE 2

/// The outcome of a call; 0 is success.
typedef int32_t cum_status;

/// An operation.
typedef int32_t cum_op;

/// An element type: DLPack's type code and width, `(code << 8) | bits`.
typedef int32_t cum_dtype;

/// Everything a caller may choose. All defaults are 0: begin with `CUM_OPTIONS_INIT` or
/// `cum_options_init`.
///
/// A **carry** is a value of the computing dtype that stands for what has been combined so far; in
/// `CUM_COMPENSATED` it is a pair (value, error), for every operation, in the computing dtype, but two
/// floats for `CUM_F16` and `CUM_BF16`. Carries need no alignment. `carry_in` and `carry_out` are the
/// same buffer or apart; `carry_out` meets neither `x` nor `out`, `carry_in` does not meet `out`.
typedef struct cum_options {
  /// `sizeof(cum_options)` at the caller; the struct may grow at its end, and a larger one is taken if what is behind
  /// this one is 0.
  size_t struct_size;
  /// The computing dtype; `CUM_DTYPE_DEFAULT` takes `out_dtype`.
  cum_dtype dtype;
  /// `CUM_EXCLUSIVE | CUM_REVERSE | CUM_INCLUDE_INITIAL`; the first and the last not together.
  uint32_t flags;
  /// `CUM_SEQUENTIAL`, `CUM_REASSOCIATE` or `CUM_COMPENSATED`.
  int32_t mode;
  /// `CUM_NAN_PROPAGATE`, `CUM_NAN_IDENTITY` or `CUM_NAN_SKIP`; without effect in
  /// computing dtypes that have no NaN.
  int32_t nan;
  /// `CUM_WRAP`, `CUM_CHECK` or `CUM_SATURATE`; without effect in other computing dtypes than
  /// integers.
  int32_t overflow;
  /// 0: the process default; 1: the caller's thread alone; n: at most n.
  int32_t max_threads;
  /// NULL, or the carries that stand before the lines.
  const void *carry_in;
  /// 1 for all lines, or one a line; ignored with a NULL `carry_in`.
  size_t carry_in_len;
  /// NULL, or room for each line's total with `carry_in`, written on success.
  void *carry_out;
  /// The number of lines; ignored with a NULL `carry_out`.
  size_t carry_out_len;
  /// NULL, or called on the calling thread every few milliseconds at most, with the number of
  /// elements that are done and in all, and once at the end with both equal. Non-zero cancels,
  /// except from that last call. It must not throw, `longjmp`, or touch the arrays;
  /// it runs in the default floating-point environment, which does not outlast it.
  int32_t (*progress)(uint64_t done, uint64_t total, void *user);
  /// Given to `progress`.
  void *user;
  /// NULL, or room for `message_size` bytes of the sentence of `cum_last_error`, for callers whose
  /// calls may move between threads; always ends in 0, "" after a success.
  char *message;
  /// Bytes at `message`.
  size_t message_size;
  /// NULL, or two values: line, and index along the axis (-1: the starting value), of the overflow
  /// that was reported.
  int64_t *where;
} cum_options;

/// A complex number of two floats, laid out as `float _Complex` and `std::complex<float>`.
typedef struct cum_c64 {
  /// Real part.
  float re;
  /// Imaginary part.
  float im;
} cum_c64;

/// A complex number of two doubles, laid out as `double _Complex` and `std::complex<double>`.
typedef struct cum_c128 {
  /// Real part.
  double re;
  /// Imaginary part.
  double im;
} cum_c128;

#ifdef __cplusplus
extern "C" {
#endif // __cplusplus

/// Scans an array along an axis.
///
/// @param op          the operation
/// @param ndim        number of dimensions, 0 to `CUM_MAX_NDIM`
/// @param shape       `ndim` extents of `x`; `out` has the same, but is one longer along the axis with
///                    `CUM_INCLUDE_INITIAL`, and has that one dimension only if `axis` is
///                    `CUM_AXIS_NONE` or `ndim` is 0
/// @param axis        `-ndim` to `ndim - 1` (0 or -1 if `ndim` is 0), or `CUM_AXIS_NONE` to flatten in C order
/// @param x           the elements
/// @param x_dtype     their type
/// @param x_strides   bytes from one element to the next, per dimension; any sign and 0; NULL:
///                    C-contiguous
/// @param out         the results; may be `x`, or overlap it in any way
/// @param out_dtype   their type
/// @param out_strides as `x_strides`, of `out`. Sorted by magnitude, each is at least the byte span of
///                    the smaller ones together.
/// @param options     NULL for all defaults
///
/// Computes in `options->dtype`, or in `out_dtype`. Returns `CUM_OK` or an error, and then `out` and
/// `carry_out` are as before, but for `CUM_ERR_CANCELLED` and `CUM_ERR_INTERNAL`. Any error may
/// come back. May use other threads for large arrays, but never calls back from them. Since 0.1.0.
///
/// The caller sees to it: the arrays and what the options point to are what the arguments say.
CUM_API
cum_status cum_scan(cum_op op,
                    int32_t ndim,
                    const int64_t *shape,
                    int32_t axis,
                    const void *x,
                    cum_dtype x_dtype,
                    const int64_t *x_strides,
                    void *out,
                    cum_dtype out_dtype,
                    const int64_t *out_strides,
                    const struct cum_options *options);

/// Computes the total of each line, for work that is spread over processes: the bits that `cum_scan`
/// writes to `carry_out`.
///
/// @param op          the operation
/// @param ndim        number of dimensions, 0 to `CUM_MAX_NDIM`
/// @param shape       `ndim` extents of `x`
/// @param axis        `-ndim` to `ndim - 1` (0 or -1 if `ndim` is 0), or `CUM_AXIS_NONE`
/// @param x           the elements
/// @param x_dtype     their type
/// @param x_strides   bytes from one element to the next, per dimension; NULL: C-contiguous
/// @param dtype       the computing dtype; `CUM_DTYPE_DEFAULT`: `cum_result_dtype(op, x_dtype)`
/// @param totals      room for one carry a line; meets neither `x` nor `carry_in`
/// @param totals_len  the number of lines
/// @param options     NULL for all defaults; `dtype`, `carry_out` and `where` must be 0, exclusive and
///                    initial have no effect
///
/// An exclusive scan of the processes' totals with `cum_combine` gives each its `carry_in` for
/// `cum_scan`. Errors as `cum_scan`; then `totals` is as before. Since 0.1.0.
///
/// The caller sees to the same as for `cum_scan`.
CUM_API
cum_status cum_reduce(cum_op op,
                      int32_t ndim,
                      const int64_t *shape,
                      int32_t axis,
                      const void *x,
                      cum_dtype x_dtype,
                      const int64_t *x_strides,
                      cum_dtype dtype,
                      void *totals,
                      size_t totals_len,
                      const struct cum_options *options);

/// Combines carries: `out[i]` stands for what `first[i]` stands for, followed by what `second[i]`
/// stands for. Integers wrap.
///
/// @param op     the operation
/// @param dtype  the computing dtype
/// @param mode   the mode that the carries come from
/// @param n      number of carries
/// @param first  `n` carries
/// @param second `n` carries
/// @param out    room for `n` carries; may be either input, or apart from both
///
/// Returns `CUM_OK`; `CUM_ERR_OP`, `CUM_ERR_DTYPE`; `CUM_ERR_OPTIONS` for an unknown mode or
/// buffers that overlap without being the same; `CUM_ERR_NULL_POINTER`; `CUM_ERR_STRIDES` where `n`
/// carries do not fit into the address space. Since 0.1.0.
///
/// The caller sees to it: the buffers hold `n` carries.
CUM_API
cum_status cum_combine(cum_op op,
                       cum_dtype dtype,
                       int32_t mode,
                       size_t n,
                       const void *first,
                       const void *second,
                       void *out);

/// The dtype that NumPy and the array API standard compute in by default: sums and products of bool
/// and of signed integers below 64 bits give `CUM_I64`, of unsigned ones `CUM_U64`; everything else
/// keeps its type. 0 for an unknown code, or a pair that does not go together. Since 0.1.0.
CUM_API cum_dtype cum_result_dtype(cum_op op, cum_dtype x_dtype);

/// Zeroes `struct_size` bytes at `options` and sets the field of that name: all defaults. NULL, or a
/// size without room for that field, is left alone. Since 0.1.0.
///
/// The caller sees to it: `options` is NULL or has room for `struct_size` bytes.
CUM_API
void cum_options_init(struct cum_options *options,
                      size_t struct_size);

/// Bytes of one carry; 0 for an unknown dtype or mode. Since 0.1.0.
CUM_API size_t cum_carry_size(cum_dtype dtype, int32_t mode);

/// Bytes of one element; 0 if unknown. Since 0.1.0.
CUM_API size_t cum_dtype_size(cum_dtype dtype);

/// The number of lines: of rows along the axis, numbered in C order of the other axes; 1 when
/// flattened. -1 for arguments that are not valid. Since 0.1.0.
///
/// The caller sees to it: `shape` points to `ndim` extents, or is NULL.
CUM_API int64_t cum_line_count(int32_t ndim, const int64_t *shape, int32_t axis);

/// The name of a status, such as "CUM_ERR_AXIS"; "CUM_ERR_UNKNOWN" for any other number. Static,
/// never NULL. Since 0.1.0.
CUM_API const char *cum_status_name(cum_status status);

/// This thread's last failure in a sentence with the values in it, such as "axis 3 is out of bounds for
/// 2 dimensions"; "" after a success. In a buffer of the thread's own, valid until its next call of a function
/// that returns a cum_status. Since 0.1.0.
CUM_API
const char *cum_last_error(void);

/// The version of the library, such as "0.1.0". Static. Since 0.1.0.
CUM_API const char *cum_version(void);

/// Sets the number of threads that calls use by default; 0: `CUM_NUM_THREADS`, else the cores this
/// process may use. Returns the previous setting, 0 at first; a negative `n` changes nothing.
/// Since 0.1.0.
CUM_API int32_t cum_set_max_threads(int32_t n);

/// The instruction set that runs here: "avx512", "avx2", "sse2", "neon" or "scalar". `CUM_ISA` caps
/// it. Static. Since 0.1.0.
CUM_API const char *cum_isa(void);

/// Cumulative sums of `int8_t`: `out[i]` is that of `x[0]` to `x[i]`.
///
/// This and the functions that follow take one-dimensional contiguous arrays of `n` elements, in
/// and out of the same type. `out` may be `x`, and may overlap it in any way; neither needs
/// alignment. Integers wrap; floats are added one after the other, as `CUM_SEQUENTIAL` says.
///
/// Returns `CUM_OK`; `CUM_ERR_NULL_POINTER` if `n` is not 0 and a pointer is NULL;
/// `CUM_ERR_SHAPE` or `CUM_ERR_STRIDES` if the elements cannot be addressed; `CUM_ERR_MEMORY` if
/// arrays overlap without being the same and there is no memory for a copy. May be called from
/// any number of threads at once. Since 0.1.0.
CUM_API cum_status cum_sum_i8(const int8_t *x, size_t n, int8_t *out);

/// Cumulative sums of `int16_t`: `out[i]` is that of `x[0]` to `x[i]`.
CUM_API cum_status cum_sum_i16(const int16_t *x, size_t n, int16_t *out);

/// Cumulative sums of `int32_t`: `out[i]` is that of `x[0]` to `x[i]`.
CUM_API cum_status cum_sum_i32(const int32_t *x, size_t n, int32_t *out);

/// Cumulative sums of `int64_t`: `out[i]` is that of `x[0]` to `x[i]`.
CUM_API cum_status cum_sum_i64(const int64_t *x, size_t n, int64_t *out);

/// Cumulative sums of `uint8_t`: `out[i]` is that of `x[0]` to `x[i]`.
CUM_API cum_status cum_sum_u8(const uint8_t *x, size_t n, uint8_t *out);

/// Cumulative sums of `uint16_t`: `out[i]` is that of `x[0]` to `x[i]`.
CUM_API cum_status cum_sum_u16(const uint16_t *x, size_t n, uint16_t *out);

/// Cumulative sums of `uint32_t`: `out[i]` is that of `x[0]` to `x[i]`.
CUM_API cum_status cum_sum_u32(const uint32_t *x, size_t n, uint32_t *out);

/// Cumulative sums of `uint64_t`: `out[i]` is that of `x[0]` to `x[i]`.
CUM_API cum_status cum_sum_u64(const uint64_t *x, size_t n, uint64_t *out);

/// Cumulative sums of `float`: `out[i]` is that of `x[0]` to `x[i]`.
CUM_API cum_status cum_sum_f32(const float *x, size_t n, float *out);

/// Cumulative sums of `double`: `out[i]` is that of `x[0]` to `x[i]`.
CUM_API cum_status cum_sum_f64(const double *x, size_t n, double *out);

/// Cumulative sums of `complex float`: `out[i]` is that of `x[0]` to `x[i]`.
CUM_API cum_status cum_sum_c64(const struct cum_c64 *x, size_t n, struct cum_c64 *out);

/// Cumulative sums of `complex double`: `out[i]` is that of `x[0]` to `x[i]`.
CUM_API cum_status cum_sum_c128(const struct cum_c128 *x, size_t n, struct cum_c128 *out);

/// Cumulative products of `int8_t`: `out[i]` is that of `x[0]` to `x[i]`.
CUM_API cum_status cum_prod_i8(const int8_t *x, size_t n, int8_t *out);

/// Cumulative products of `int16_t`: `out[i]` is that of `x[0]` to `x[i]`.
CUM_API cum_status cum_prod_i16(const int16_t *x, size_t n, int16_t *out);

/// Cumulative products of `int32_t`: `out[i]` is that of `x[0]` to `x[i]`.
CUM_API cum_status cum_prod_i32(const int32_t *x, size_t n, int32_t *out);

/// Cumulative products of `int64_t`: `out[i]` is that of `x[0]` to `x[i]`.
CUM_API cum_status cum_prod_i64(const int64_t *x, size_t n, int64_t *out);

/// Cumulative products of `uint8_t`: `out[i]` is that of `x[0]` to `x[i]`.
CUM_API cum_status cum_prod_u8(const uint8_t *x, size_t n, uint8_t *out);

/// Cumulative products of `uint16_t`: `out[i]` is that of `x[0]` to `x[i]`.
CUM_API cum_status cum_prod_u16(const uint16_t *x, size_t n, uint16_t *out);

/// Cumulative products of `uint32_t`: `out[i]` is that of `x[0]` to `x[i]`.
CUM_API cum_status cum_prod_u32(const uint32_t *x, size_t n, uint32_t *out);

/// Cumulative products of `uint64_t`: `out[i]` is that of `x[0]` to `x[i]`.
CUM_API cum_status cum_prod_u64(const uint64_t *x, size_t n, uint64_t *out);

/// Cumulative products of `float`: `out[i]` is that of `x[0]` to `x[i]`.
CUM_API cum_status cum_prod_f32(const float *x, size_t n, float *out);

/// Cumulative products of `double`: `out[i]` is that of `x[0]` to `x[i]`.
CUM_API cum_status cum_prod_f64(const double *x, size_t n, double *out);

/// Cumulative products of `complex float`: `out[i]` is that of `x[0]` to `x[i]`.
CUM_API cum_status cum_prod_c64(const struct cum_c64 *x, size_t n, struct cum_c64 *out);

/// Cumulative products of `complex double`: `out[i]` is that of `x[0]` to `x[i]`.
CUM_API cum_status cum_prod_c128(const struct cum_c128 *x, size_t n, struct cum_c128 *out);

/// Cumulative maxima of `int8_t`: `out[i]` is that of `x[0]` to `x[i]`.
CUM_API cum_status cum_max_i8(const int8_t *x, size_t n, int8_t *out);

/// Cumulative maxima of `int16_t`: `out[i]` is that of `x[0]` to `x[i]`.
CUM_API cum_status cum_max_i16(const int16_t *x, size_t n, int16_t *out);

/// Cumulative maxima of `int32_t`: `out[i]` is that of `x[0]` to `x[i]`.
CUM_API cum_status cum_max_i32(const int32_t *x, size_t n, int32_t *out);

/// Cumulative maxima of `int64_t`: `out[i]` is that of `x[0]` to `x[i]`.
CUM_API cum_status cum_max_i64(const int64_t *x, size_t n, int64_t *out);

/// Cumulative maxima of `uint8_t`: `out[i]` is that of `x[0]` to `x[i]`.
CUM_API cum_status cum_max_u8(const uint8_t *x, size_t n, uint8_t *out);

/// Cumulative maxima of `uint16_t`: `out[i]` is that of `x[0]` to `x[i]`.
CUM_API cum_status cum_max_u16(const uint16_t *x, size_t n, uint16_t *out);

/// Cumulative maxima of `uint32_t`: `out[i]` is that of `x[0]` to `x[i]`.
CUM_API cum_status cum_max_u32(const uint32_t *x, size_t n, uint32_t *out);

/// Cumulative maxima of `uint64_t`: `out[i]` is that of `x[0]` to `x[i]`.
CUM_API cum_status cum_max_u64(const uint64_t *x, size_t n, uint64_t *out);

/// Cumulative maxima of `float`: `out[i]` is that of `x[0]` to `x[i]`.
CUM_API cum_status cum_max_f32(const float *x, size_t n, float *out);

/// Cumulative maxima of `double`: `out[i]` is that of `x[0]` to `x[i]`.
CUM_API cum_status cum_max_f64(const double *x, size_t n, double *out);

/// Cumulative minima of `int8_t`: `out[i]` is that of `x[0]` to `x[i]`.
CUM_API cum_status cum_min_i8(const int8_t *x, size_t n, int8_t *out);

/// Cumulative minima of `int16_t`: `out[i]` is that of `x[0]` to `x[i]`.
CUM_API cum_status cum_min_i16(const int16_t *x, size_t n, int16_t *out);

/// Cumulative minima of `int32_t`: `out[i]` is that of `x[0]` to `x[i]`.
CUM_API cum_status cum_min_i32(const int32_t *x, size_t n, int32_t *out);

/// Cumulative minima of `int64_t`: `out[i]` is that of `x[0]` to `x[i]`.
CUM_API cum_status cum_min_i64(const int64_t *x, size_t n, int64_t *out);

/// Cumulative minima of `uint8_t`: `out[i]` is that of `x[0]` to `x[i]`.
CUM_API cum_status cum_min_u8(const uint8_t *x, size_t n, uint8_t *out);

/// Cumulative minima of `uint16_t`: `out[i]` is that of `x[0]` to `x[i]`.
CUM_API cum_status cum_min_u16(const uint16_t *x, size_t n, uint16_t *out);

/// Cumulative minima of `uint32_t`: `out[i]` is that of `x[0]` to `x[i]`.
CUM_API cum_status cum_min_u32(const uint32_t *x, size_t n, uint32_t *out);

/// Cumulative minima of `uint64_t`: `out[i]` is that of `x[0]` to `x[i]`.
CUM_API cum_status cum_min_u64(const uint64_t *x, size_t n, uint64_t *out);

/// Cumulative minima of `float`: `out[i]` is that of `x[0]` to `x[i]`.
CUM_API cum_status cum_min_f32(const float *x, size_t n, float *out);

/// Cumulative minima of `double`: `out[i]` is that of `x[0]` to `x[i]`.
CUM_API cum_status cum_min_f64(const double *x, size_t n, double *out);

#ifdef __cplusplus
}  // extern "C"
#endif  // __cplusplus

#endif  /* CUMULATIVE_H */
