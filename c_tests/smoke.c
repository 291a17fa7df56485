/* Known results, worked out by hand, through cum_scan, cum_reduce and cum_combine: every
 * operation over every pair of types that holds the numbers, every axis, many layouts. */
#include "check.h"

enum { MOST = 12, MOST_DIMENSIONS = 3 };

typedef struct known {
  const char *what;
  cum_op op;
  int32_t ndim;
  int64_t shape[MOST_DIMENSIONS];
  int32_t axis;
  double x[MOST];
  double expected[MOST]; /* in C order */
} known;

static const known table[] = {
    {"sum of 2x3, flattened", CUM_SUM, 2, {2, 3, 0}, CUM_AXIS_NONE,
     {1, 2, 3, 4, 5, 6}, {1, 3, 6, 10, 15, 21}},
    {"sum of 2x3 along axis 0", CUM_SUM, 2, {2, 3, 0}, 0, {1, 2, 3, 4, 5, 6}, {1, 2, 3, 5, 7, 9}},
    {"sum of 2x3 along axis 1", CUM_SUM, 2, {2, 3, 0}, 1, {1, 2, 3, 4, 5, 6}, {1, 3, 6, 4, 9, 15}},
    {"sum of 2x3 along axis -1", CUM_SUM, 2, {2, 3, 0}, -1, {1, 2, 3, 4, 5, 6}, {1, 3, 6, 4, 9, 15}},
    {"sum of 2x3 along axis -2", CUM_SUM, 2, {2, 3, 0}, -2, {1, 2, 3, 4, 5, 6}, {1, 2, 3, 5, 7, 9}},
    {"sum of 1 2 3", CUM_SUM, 1, {3, 0, 0}, 0, {1, 2, 3}, {1, 3, 6}},
    {"sum of the scalar 10, axis 0", CUM_SUM, 0, {0, 0, 0}, 0, {10}, {10}},
    {"sum of the scalar 10, axis -1", CUM_SUM, 0, {0, 0, 0}, -1, {10}, {10}},
    {"sum of the scalar 10, flattened", CUM_SUM, 0, {0, 0, 0}, CUM_AXIS_NONE, {10}, {10}},
    {"sum of 2 4 6, 1 3 5, flattened", CUM_SUM, 2, {2, 3, 0}, CUM_AXIS_NONE,
     {2, 4, 6, 1, 3, 5}, {2, 6, 12, 13, 16, 21}},
    {"sum of 2 4 6, 1 3 5 along axis 1", CUM_SUM, 2, {2, 3, 0}, 1,
     {2, 4, 6, 1, 3, 5}, {2, 6, 12, 1, 4, 9}},
    {"sum with negative numbers", CUM_SUM, 1, {5, 0, 0}, 0, {-3, 5, -7, 1, 9}, {-3, 2, -5, -4, 5}},
    {"sum of 2x3x2 along the middle axis", CUM_SUM, 3, {2, 3, 2}, 1,
     {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12}, {1, 2, 4, 6, 9, 12, 7, 8, 16, 18, 27, 30}},
    {"sum of 2x3x2 along axis 0", CUM_SUM, 3, {2, 3, 2}, 0,
     {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12}, {1, 2, 3, 4, 5, 6, 8, 10, 12, 14, 16, 18}},
    {"sum of a column", CUM_SUM, 2, {4, 1, 0}, 0, {1, 2, 3, 4}, {1, 3, 6, 10}},
    {"sum along an axis of one", CUM_SUM, 2, {4, 1, 0}, 1, {1, 2, 3, 4}, {1, 2, 3, 4}},
    {"sum of a single one among zeros", CUM_SUM, 1, {4, 0, 0}, 0, {0, 1, 0, 0}, {0, 1, 1, 1}},
    {"product of 1 2 3 4", CUM_PROD, 1, {4, 0, 0}, 0, {1, 2, 3, 4}, {1, 2, 6, 24}},
    {"product of 2x3 along axis 1", CUM_PROD, 2, {2, 3, 0}, 1,
     {1, 2, 3, 4, 5, 6}, {1, 2, 6, 4, 20, 120}},
    {"product of 2x3 along axis 0", CUM_PROD, 2, {2, 3, 0}, 0,
     {1, 2, 3, 4, 5, 6}, {1, 2, 3, 4, 10, 18}},
    {"product of 2x3, flattened", CUM_PROD, 2, {2, 3, 0}, CUM_AXIS_NONE,
     {1, 2, 3, 4, 5, 6}, {1, 2, 6, 24, 120, 720}},
    {"product with negative numbers", CUM_PROD, 1, {4, 0, 0}, 0, {-3, 5, -7, 1}, {-3, -15, 105, 105}},
    {"product of ones and zeros", CUM_PROD, 1, {5, 0, 0}, 0, {1, 1, 0, 1, 1}, {1, 1, 0, 0, 0}},
    {"maximum", CUM_MAX, 1, {6, 0, 0}, 0, {3, 1, 4, 1, 5, 2}, {3, 3, 4, 4, 5, 5}},
    {"maximum with negative numbers", CUM_MAX, 1, {5, 0, 0}, 0, {-9, -3, -7, 2, 1}, {-9, -3, -3, 2, 2}},
    {"maximum of 2x3 along axis 0", CUM_MAX, 2, {2, 3, 0}, 0, {5, 1, 3, 4, 2, 6}, {5, 1, 3, 5, 2, 6}},
    {"maximum of 2x3, flattened", CUM_MAX, 2, {2, 3, 0}, CUM_AXIS_NONE,
     {1, 5, 3, 4, 2, 6}, {1, 5, 5, 5, 5, 6}},
    {"maximum of zeros and ones", CUM_MAX, 1, {4, 0, 0}, 0, {0, 0, 1, 0}, {0, 0, 1, 1}},
    {"minimum", CUM_MIN, 1, {6, 0, 0}, 0, {3, 4, 2, 5, 1, 9}, {3, 3, 2, 2, 1, 1}},
    {"minimum with negative numbers", CUM_MIN, 1, {5, 0, 0}, 0, {2, 5, -7, -1, -8}, {2, 2, -7, -7, -8}},
    {"minimum of 2x3 along axis 1", CUM_MIN, 2, {2, 3, 0}, 1, {5, 1, 3, 4, 6, 2}, {5, 1, 1, 4, 4, 2}},
    {"minimum of zeros and ones", CUM_MIN, 1, {4, 0, 0}, 0, {1, 1, 0, 1}, {1, 1, 0, 0}},
};

typedef enum layout { IMPLICIT, C_ORDER, FORTRAN_ORDER, REVERSED, PADDED, MISALIGNED, LAYOUTS } layout;

typedef struct array {
  unsigned char *buffer;
  size_t bytes;
  unsigned char *first; /* the element whose indices are all 0 */
  int64_t strides[MOST_DIMENSIONS];
  int implicit; /* pass NULL for the strides */
  int32_t ndim;
  int64_t shape[MOST_DIMENSIONS];
  int64_t count;
  cum_dtype dtype;
} array;

static array make(layout how, cum_dtype dtype, int32_t ndim, const int64_t *shape) {
  array made;
  int64_t gap = how == PADDED ? 3 : 1, step = (int64_t)element_size(dtype), low = 0, high = step;
  int32_t d;
  memset(&made, 0, sizeof made);
  made.dtype = dtype;
  made.ndim = ndim;
  made.count = 1;
  made.implicit = how == IMPLICIT;
  for (d = 0; d < ndim; ++d) {
    int32_t at = how == FORTRAN_ORDER ? d : ndim - 1 - d;
    made.strides[at] = step * gap;
    step = made.strides[at] * shape[at];
  }
  for (d = 0; d < ndim; ++d) {
    int64_t reach;
    if (how == REVERSED) made.strides[d] = -made.strides[d];
    made.shape[d] = shape[d];
    made.count *= shape[d];
    reach = made.strides[d] * (shape[d] - 1);
    if (reach < 0)
      low += reach;
    else
      high += reach;
  }
  if (how == MISALIGNED) low -= 1;
  made.bytes = (size_t)(high - low) + 2;
  made.buffer = must_allocate(made.bytes);
  memset(made.buffer, 0xA5, made.bytes);
  made.first = made.buffer - low;
  return made;
}

static const int64_t *strides_of(const array *a) { return a->implicit ? NULL : a->strides; }

/* The element with this number in C order. */
static unsigned char *element(const array *a, int64_t number) {
  unsigned char *at = a->first;
  int32_t d;
  for (d = a->ndim - 1; d >= 0; --d) {
    at += a->strides[d] * (number % a->shape[d]);
    number /= a->shape[d];
  }
  return at;
}

/* Compares with the expected values, then wants every byte between and around the elements
 * as it was. */
static void compare(const array *out, const double *expected, const char *what, cum_dtype x_dtype) {
  int64_t i;
  size_t b, strangers = 0;
  int64_t wrong = -1;
  for (i = 0; i < out->count; ++i) {
    number got = load(out->dtype, element(out, i));
    if ((got.re != expected[i] || got.im != 0.0) && wrong < 0) wrong = i;
  }
  check_that(wrong < 0, __FILE__, __LINE__, "%s, %s to %s: element %ld is %g, expected %g", what,
             dtype_name(x_dtype), dtype_name(out->dtype), (long)wrong,
             wrong < 0 ? 0.0 : load(out->dtype, element(out, wrong)).re,
             wrong < 0 ? 0.0 : expected[wrong]);
  for (i = 0; i < out->count; ++i) memset(element(out, i), 0xA5, element_size(out->dtype));
  for (b = 0; b < out->bytes; ++b) strangers += out->buffer[b] != 0xA5;
  check_that(strangers == 0, __FILE__, __LINE__, "%s, %s to %s: %lu bytes outside the elements changed",
             what, dtype_name(x_dtype), dtype_name(out->dtype), (unsigned long)strangers);
}

static int computes(cum_op op, cum_dtype dtype) {
  return op == CUM_SUM || op == CUM_PROD || !is_complex(dtype);
}

static int suits(const known *k, int64_t count, cum_dtype x_dtype, cum_dtype out_dtype) {
  int64_t i;
  if (!computes(k->op, out_dtype)) return 0;
  if (is_complex(x_dtype) && !is_complex(out_dtype) && out_dtype != CUM_BOOL) return 0;
  for (i = 0; i < count; ++i) {
    if (!holds(x_dtype, k->x[i]) || !holds(out_dtype, k->expected[i])) return 0;
    if (!holds(out_dtype, k->x[i])) return 0;
  }
  return 1;
}

static void known_results_in_every_type_and_layout(void) {
  size_t row;
  long scans = 0;
  for (row = 0; row < sizeof table / sizeof table[0]; ++row) {
    const known *k = &table[row];
    int64_t count = 1;
    int32_t d, from, to, x_how, out_how;
    for (d = 0; d < k->ndim; ++d) count *= k->shape[d];
    for (from = 0; from < 15; ++from)
      for (to = 0; to < 15; ++to) {
        cum_dtype x_dtype = every_dtype[from], out_dtype = every_dtype[to];
        if (!suits(k, count, x_dtype, out_dtype)) continue;
        for (x_how = 0; x_how < LAYOUTS; ++x_how)
          for (out_how = 0; out_how < LAYOUTS; ++out_how) {
            int flat = k->axis == CUM_AXIS_NONE || k->ndim == 0;
            array x = make((layout)x_how, x_dtype, k->ndim, k->shape);
            array out = flat ? make((layout)out_how, out_dtype, 1, &count)
                             : make((layout)out_how, out_dtype, k->ndim, k->shape);
            int64_t i;
            for (i = 0; i < count; ++i) store(x_dtype, element(&x, i), k->x[i], 0.0);
            check_status(cum_scan(k->op, k->ndim, k->ndim == 0 ? NULL : k->shape, k->axis, x.first,
                                  x_dtype, strides_of(&x), out.first, out_dtype, strides_of(&out),
                                  NULL),
                         CUM_OK, __FILE__, __LINE__, k->what);
            compare(&out, k->expected, k->what, x_dtype);
            free(x.buffer);
            free(out.buffer);
            ++scans;
          }
      }
  }
  check_that(scans > 50000, __FILE__, __LINE__, "only %ld scans suited a pair of types", scans);
}

static void the_same_array_in_place(void) {
  size_t row;
  for (row = 0; row < sizeof table / sizeof table[0]; ++row) {
    const known *k = &table[row];
    int64_t count = 1, i;
    int32_t d, at, how;
    if (k->axis == CUM_AXIS_NONE) continue;
    for (d = 0; d < k->ndim; ++d) count *= k->shape[d];
    for (at = 0; at < 15; ++at)
      for (how = 0; how < LAYOUTS; ++how) {
        cum_dtype dtype = every_dtype[at];
        array both;
        if (!suits(k, count, dtype, dtype)) continue;
        both = make((layout)how, dtype, k->ndim, k->shape);
        for (i = 0; i < count; ++i) store(dtype, element(&both, i), k->x[i], 0.0);
        CHECK_OK(cum_scan(k->op, k->ndim, k->shape, k->axis, both.first, dtype, strides_of(&both),
                          both.first, dtype, k->ndim == 0 ? NULL : strides_of(&both), NULL));
        compare(&both, k->expected, k->what, dtype);
        free(both.buffer);
      }
  }
}

static void overlapping_arrays_read_as_if_copied_first(void) {
  double memory[9] = {1, 2, 3, 4, 5, 6, 7, 8, 9};
  int64_t shape[2] = {3, 3}, backwards = -8, transposed[2] = {8, 24}, six = 6;
  const double expected_shifted[6] = {1, 3, 6, 10, 15, 21};
  const double expected_down[9] = {1, 2, 3, 5, 7, 9, 12, 15, 18};
  int i;
  CHECK_OK(cum_scan(CUM_SUM, 1, &six, 0, memory, CUM_F64, NULL, memory + 1, CUM_F64, NULL, NULL));
  CHECK(memory[0] == 1);
  for (i = 0; i < 6; ++i) CHECK(memory[1 + i] == expected_shifted[i]);
  CHECK(memory[7] == 8 && memory[8] == 9);

  for (i = 0; i < 9; ++i) memory[i] = i + 1;
  CHECK_OK(cum_scan(CUM_SUM, 1, &six, 0, memory + 1, CUM_F64, NULL, memory, CUM_F64, NULL, NULL));
  for (i = 0; i < 6; ++i) CHECK(memory[i] == expected_shifted[i] + (i + 1));

  for (i = 0; i < 9; ++i) memory[i] = i + 1;
  CHECK_OK(cum_scan(CUM_SUM, 1, &six, 0, memory, CUM_F64, NULL, memory + 5, CUM_F64, &backwards, NULL));
  for (i = 0; i < 6; ++i) CHECK(memory[5 - i] == expected_shifted[i]);

  for (i = 0; i < 9; ++i) memory[i] = i + 1;
  CHECK_OK(cum_scan(CUM_SUM, 2, shape, 0, memory, CUM_F64, NULL, memory, CUM_F64, transposed, NULL));
  for (i = 0; i < 9; ++i) CHECK(memory[(i % 3) * 3 + i / 3] == expected_down[i]);

  {
    /* a wider output over the same memory: out[i] covers x[2i] and x[2i + 1] */
    int32_t x[8] = {1, 2, 3, 4, 0, 0, 0, 0};
    int64_t four = 4, out[4];
    CHECK_OK(cum_scan(CUM_SUM, 1, &four, 0, x, CUM_I32, NULL, x, CUM_I64, NULL, NULL));
    memcpy(out, x, sizeof out);
    CHECK(out[0] == 1 && out[1] == 3 && out[2] == 6 && out[3] == 10);
  }
}

static void zero_strides_repeat_an_element(void) {
  float x = 2.5f, out[4];
  int32_t rows[3] = {1, 2, 3}, sums[6];
  int64_t four = 4, zero = 0, shape[2] = {2, 3}, repeated[2] = {0, 4};
  const int32_t expected[6] = {1, 2, 3, 2, 4, 6};
  int i;
  CHECK_OK(cum_scan(CUM_SUM, 1, &four, 0, &x, CUM_F32, &zero, out, CUM_F32, NULL, NULL));
  for (i = 0; i < 4; ++i) CHECK(out[i] == 2.5f * (float)(i + 1));
  CHECK_OK(cum_scan(CUM_SUM, 2, shape, 0, rows, CUM_I32, repeated, sums, CUM_I32, NULL, NULL));
  for (i = 0; i < 6; ++i) CHECK(sums[i] == expected[i]);
}

static void complex_numbers_add_and_multiply(void) {
  const double x[6] = {1, 2, 3, -1, 0, 1}, sums[6] = {1, 2, 4, 1, 4, 2};
  const double products[6] = {1, 2, 5, 5, -5, 5}; /* (1+2i)(3-i) = 5+5i; times i = -5+5i */
  int64_t three = 3;
  int to, i, from;
  for (from = 0; from < 2; ++from)
    for (to = 0; to < 2; ++to) {
      cum_dtype x_dtype = from == 0 ? CUM_C64 : CUM_C128, out_dtype = to == 0 ? CUM_C64 : CUM_C128;
      unsigned char in[48], out[48];
      for (i = 0; i < 3; ++i)
        store(x_dtype, in + (size_t)i * element_size(x_dtype), x[2 * i], x[2 * i + 1]);
      CHECK_OK(cum_scan(CUM_SUM, 1, &three, 0, in, x_dtype, NULL, out, out_dtype, NULL, NULL));
      for (i = 0; i < 3; ++i) {
        number got = load(out_dtype, out + (size_t)i * element_size(out_dtype));
        CHECK(got.re == sums[2 * i] && got.im == sums[2 * i + 1]);
      }
      CHECK_OK(cum_scan(CUM_PROD, 1, &three, 0, in, x_dtype, NULL, out, out_dtype, NULL, NULL));
      for (i = 0; i < 3; ++i) {
        number got = load(out_dtype, out + (size_t)i * element_size(out_dtype));
        CHECK(got.re == products[2 * i] && got.im == products[2 * i + 1]);
      }
    }
  {
    const double z[6] = {0, 0, 0, 1, 0, 0}; /* non-zero if a part is */
    unsigned char out[3] = {9, 9, 9};
    CHECK_OK(cum_scan(CUM_SUM, 1, &three, 0, z, CUM_C128, NULL, out, CUM_BOOL, NULL, NULL));
    CHECK(out[0] == 0 && out[1] == 1 && out[2] == 1);
  }
}

static void logsumexp_of_equal_values_grows_by_a_logarithm(void) {
  /* k copies of v: v + log k */
  const double logarithms[4] = {0.0, 0.69314718055994530942, 1.09861228866810969140,
                                1.38629436111989061883};
  const cum_dtype dtypes[4] = {CUM_F16, CUM_BF16, CUM_F32, CUM_F64};
  const double tolerance[4] = {0x1p-7, 0x1p-4, 0x1p-20, 0x1p-49};
  int64_t four = 4;
  int t, i;
  for (t = 0; t < 4; ++t) {
    unsigned char x[32], out[32];
    size_t size = element_size(dtypes[t]);
    for (i = 0; i < 4; ++i) store(dtypes[t], x + (size_t)i * size, 1.0, 0.0);
    CHECK_OK(cum_scan(CUM_LOGSUMEXP, 1, &four, 0, x, dtypes[t], NULL, out, dtypes[t], NULL, NULL));
    for (i = 0; i < 4; ++i) {
      double got = load(dtypes[t], out + (size_t)i * size).re;
      check_that(fabs(got - (1.0 + logarithms[i])) <= tolerance[t], __FILE__, __LINE__,
                 "logsumexp of %d ones in %s is %.17g", i + 1, dtype_name(dtypes[t]), got);
    }
    store(dtypes[t], x, -(double)INFINITY, 0.0);
    store(dtypes[t], x + size, -(double)INFINITY, 0.0);
    store(dtypes[t], x + 2 * size, 2.0, 0.0);
    store(dtypes[t], x + 3 * size, (double)INFINITY, 0.0);
    CHECK_OK(cum_scan(CUM_LOGSUMEXP, 1, &four, 0, x, dtypes[t], NULL, out, dtypes[t], NULL, NULL));
    CHECK(same(load(dtypes[t], out).re, -(double)INFINITY));
    CHECK(same(load(dtypes[t], out + size).re, -(double)INFINITY));
    CHECK(same(load(dtypes[t], out + 2 * size).re, 2.0));
    CHECK(same(load(dtypes[t], out + 3 * size).re, (double)INFINITY));
  }
}

static void special_floating_values(void) {
  const double nan = (double)NAN, inf = (double)INFINITY;
  double x[5], out[5];
  int64_t five = 5, one = 1, two = 2;
  x[0] = -0.0;
  CHECK_OK(cum_scan(CUM_SUM, 1, &one, 0, x, CUM_F64, NULL, out, CUM_F64, NULL, NULL));
  CHECK(same(out[0], -0.0)); /* copied, not added to +0.0 */
  x[0] = 1, x[1] = nan, x[2] = 5, x[3] = 2, x[4] = 7;
  CHECK_OK(cum_scan(CUM_MAX, 1, &five, 0, x, CUM_F64, NULL, out, CUM_F64, NULL, NULL));
  CHECK(out[0] == 1 && isnan(out[1]) && isnan(out[2]) && isnan(out[3]) && isnan(out[4]));
  CHECK_OK(cum_scan(CUM_MIN, 1, &five, 0, x, CUM_F64, NULL, out, CUM_F64, NULL, NULL));
  CHECK(out[0] == 1 && isnan(out[1]) && isnan(out[4]));
  x[0] = 0.0, x[1] = -0.0; /* of equal values the later is kept */
  CHECK_OK(cum_scan(CUM_MAX, 1, &two, 0, x, CUM_F64, NULL, out, CUM_F64, NULL, NULL));
  CHECK(same(out[1], -0.0));
  x[0] = -0.0, x[1] = 0.0;
  CHECK_OK(cum_scan(CUM_MIN, 1, &two, 0, x, CUM_F64, NULL, out, CUM_F64, NULL, NULL));
  CHECK(same(out[1], 0.0));
  x[0] = 1e308, x[1] = 1e308, x[2] = -inf, x[3] = 1, x[4] = nan;
  CHECK_OK(cum_scan(CUM_SUM, 1, &five, 0, x, CUM_F64, NULL, out, CUM_F64, NULL, NULL));
  CHECK(out[0] == 1e308 && out[1] == inf && isnan(out[2]) && isnan(out[3]) && isnan(out[4]));
}

static void conversions_round_wrap_truncate_and_saturate(void) {
  const double x[6] = {2.75, -2.75, 1e300, -1e300, (double)NAN, 0.0};
  const int64_t wide[3] = {300, -1, 65536 + 7};
  int64_t three = 3;
  int32_t i32[6];
  uint8_t u8[6], flags[6];
  int i;
  cum_options in_i64;
  int64_t column[2] = {6, 1}; /* six lines of one element: conversions alone */
  CHECK_OK(cum_scan(CUM_SUM, 2, column, 1, x, CUM_F64, NULL, i32, CUM_I32, NULL, NULL));
  CHECK(i32[0] == 2 && i32[1] == -2 && i32[2] == INT32_MAX && i32[3] == INT32_MIN && i32[4] == 0);
  CHECK_OK(cum_scan(CUM_SUM, 2, column, 1, x, CUM_F64, NULL, u8, CUM_U8, NULL, NULL));
  CHECK(u8[0] == 2 && u8[1] == 0 && u8[2] == 255 && u8[3] == 0 && u8[4] == 0);
  CHECK_OK(cum_scan(CUM_SUM, 2, column, 1, x, CUM_F64, NULL, flags, CUM_BOOL, NULL, NULL));
  for (i = 0; i < 6; ++i) CHECK(flags[i] == (i != 5));
  column[0] = 3;
  CHECK_OK(cum_scan(CUM_SUM, 2, column, 1, wide, CUM_I64, NULL, u8, CUM_U8, NULL, NULL));
  CHECK(u8[0] == 44 && u8[1] == 255 && u8[2] == 7);
  /* computed in 64 bits, converted at the end: no wrap on the way */
  cum_options_init(&in_i64, sizeof in_i64);
  in_i64.dtype = CUM_I64;
  {
    const int32_t large[3] = {INT32_MAX, INT32_MAX, INT32_MAX};
    double sums[3];
    CHECK_OK(cum_scan(CUM_SUM, 1, &three, 0, large, CUM_I32, NULL, sums, CUM_F64, NULL, &in_i64));
    CHECK(sums[2] == 3.0 * 2147483647.0);
  }
  {
    const int32_t large[2] = {INT32_MAX, 1};
    int32_t sums[2];
    int64_t two = 2;
    CHECK_OK(cum_scan(CUM_SUM, 1, &two, 0, large, CUM_I32, NULL, sums, CUM_I32, NULL, NULL));
    CHECK(sums[0] == INT32_MAX && sums[1] == INT32_MIN);
  }
  {
    const uint8_t truths[3] = {0, 7, 255}; /* any non-zero byte of a bool is one */
    uint8_t sums[3];
    CHECK_OK(cum_scan(CUM_SUM, 1, &three, 0, truths, CUM_BOOL, NULL, sums, CUM_U8, NULL, NULL));
    CHECK(sums[0] == 0 && sums[1] == 1 && sums[2] == 2);
  }
}

static void arrays_without_elements(void) {
  int64_t shape[3] = {2, 0, 3}, strides[3] = {1, 7, -5}, zero = 0;
  double carry = 7.0;
  cum_options options;
  CHECK_OK(cum_scan(CUM_SUM, 3, shape, 1, NULL, CUM_F64, NULL, NULL, CUM_F64, NULL, NULL));
  CHECK_OK(cum_scan(CUM_SUM, 3, shape, 0, NULL, CUM_F64, strides, NULL, CUM_F64, strides, NULL));
  CHECK_OK(cum_scan(CUM_MAX, 3, shape, CUM_AXIS_NONE, NULL, CUM_I8, NULL, NULL, CUM_I8, NULL, NULL));
  CHECK_OK(cum_sum_f64(NULL, 0, NULL));
  {
    /* strides of an array without elements are not looked at, whatever they are */
    const int64_t lines[3] = {3, 0, 4}, wild[3] = {INT64_MAX, INT64_MIN, INT64_MAX};
    double starts[12] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12}, ends[12], shown[12];
    cum_options_init(&options, sizeof options);
    options.flags = CUM_INCLUDE_INITIAL;
    options.carry_in = starts;
    options.carry_in_len = 12;
    options.carry_out = ends;
    options.carry_out_len = 12;
    CHECK_OK(cum_scan(CUM_SUM, 3, lines, 1, NULL, CUM_F64, wild, shown, CUM_F64, NULL, &options));
    CHECK(memcmp(starts, shown, sizeof starts) == 0 && memcmp(starts, ends, sizeof starts) == 0);
    options.flags = CUM_REVERSE;
    memset(ends, 0, sizeof ends);
    CHECK_OK(cum_scan(CUM_MAX, 3, lines, 1, NULL, CUM_F64, wild, NULL, CUM_F64, wild, &options));
    CHECK(memcmp(starts, ends, sizeof starts) == 0);
    memset(ends, 0, sizeof ends);
    options.carry_out = NULL;
    CHECK_OK(cum_reduce(CUM_SUM, 3, lines, 1, NULL, CUM_F64, wild, CUM_F64, ends, 12, &options));
    CHECK(memcmp(starts, ends, sizeof starts) == 0);
  }
  cum_options_init(&options, sizeof options);
  options.carry_out = &carry;
  options.carry_out_len = 1;
  CHECK_OK(cum_scan(CUM_SUM, 1, &zero, 0, NULL, CUM_F64, NULL, NULL, CUM_F64, NULL, &options));
  CHECK(same(carry, 0.0));
}

static void sixty_four_dimensions(void) {
  int64_t shape[64];
  double x[8] = {1, 2, 3, 4, 5, 6, 7, 8}, out[8];
  const double expected[8] = {1, 2, 4, 6, 5, 6, 12, 14};
  int i;
  for (i = 0; i < 64; ++i) shape[i] = 1;
  shape[3] = shape[40] = shape[63] = 2;
  CHECK_OK(cum_scan(CUM_SUM, 64, shape, 40, x, CUM_F64, NULL, out, CUM_F64, NULL, NULL));
  for (i = 0; i < 8; ++i) CHECK(out[i] == expected[i]);
}

static void totals_and_combinations(void) {
  const int32_t x[6] = {1, 2, 3, 4, 5, 6};
  const int64_t shape[2] = {2, 3};
  int64_t rows[2], columns[3], all, first[2] = {10, 20}, second[2] = {1, 2};
  double pair[2], a[2] = {1.0, 0.0}, b[2] = {0x1p-60, 0.0};
  CHECK_OK(cum_reduce(CUM_SUM, 2, shape, 1, x, CUM_I32, NULL, CUM_I64, rows, 2, NULL));
  CHECK(rows[0] == 6 && rows[1] == 15);
  /* dtype 0: cum_result_dtype, int64 for the sum of int32 */
  CHECK_OK(cum_reduce(CUM_PROD, 2, shape, 0, x, CUM_I32, NULL, CUM_DTYPE_DEFAULT, columns, 3, NULL));
  CHECK(columns[0] == 4 && columns[1] == 10 && columns[2] == 18);
  CHECK_OK(cum_reduce(CUM_MAX, 2, shape, CUM_AXIS_NONE, x, CUM_I32, NULL, CUM_I64, &all, 1, NULL));
  CHECK(all == 6);
  CHECK_OK(cum_combine(CUM_SUM, CUM_I64, CUM_SEQUENTIAL, 2, first, second, second));
  CHECK(second[0] == 11 && second[1] == 22);
  CHECK_OK(cum_combine(CUM_MIN, CUM_I64, CUM_SEQUENTIAL, 2, first, second, first));
  CHECK(first[0] == 10 && first[1] == 20);
  CHECK_OK(cum_combine(CUM_SUM, CUM_F64, CUM_COMPENSATED, 1, a, b, pair));
  CHECK(pair[0] == 1.0 && pair[1] == 0x1p-60);
  CHECK_OK(cum_combine(CUM_SUM, CUM_F64, CUM_SEQUENTIAL, 0, NULL, NULL, NULL));
}

int main(void) {
  known_results_in_every_type_and_layout();
  the_same_array_in_place();
  overlapping_arrays_read_as_if_copied_first();
  zero_strides_repeat_an_element();
  complex_numbers_add_and_multiply();
  logsumexp_of_equal_values_grows_by_a_logarithm();
  special_floating_values();
  conversions_round_wrap_truncate_and_saturate();
  arrays_without_elements();
  sixty_four_dimensions();
  totals_and_combinations();
  return finish("smoke");
}
