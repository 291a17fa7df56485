/* All 44 functions of one type, and the functions that tell about types and the process. */
#include "check.h"

/* A sum and a product that stay small, a maximum and a minimum that change, twice over:
 * into another array and in place; n of 0 with NULL; a long array against a plain loop. */
#define DEFINE_REAL(suffix, type)                                                               \
  static void functions_of_##suffix(void) {                                                     \
    const type x[5] = {3, 1, 4, 2, 5};                                                          \
    const type sums[5] = {3, 4, 8, 10, 15}, products[5] = {3, 3, 12, 24, 120};                  \
    const type maxima[5] = {3, 3, 4, 4, 5}, minima[5] = {3, 1, 1, 1, 1};                        \
    type out[5];                                                                                \
    expect_##suffix(cum_sum_##suffix, "sum", x, sums, out);                                     \
    expect_##suffix(cum_prod_##suffix, "prod", x, products, out);                               \
    expect_##suffix(cum_max_##suffix, "max", x, maxima, out);                                   \
    expect_##suffix(cum_min_##suffix, "min", x, minima, out);                                   \
    long_array_of_##suffix();                                                                   \
  }

#define DEFINE_EXPECT(suffix, type)                                                             \
  static void expect_##suffix(cum_status (*scan)(const type *, size_t, type *),                 \
                              const char *op, const type *x, const type *expected, type *out) { \
    size_t n;                                                                                   \
    for (n = 1; n <= 5; ++n) {                                                                  \
      memset(out, 0xA5, 5 * sizeof(type));                                                      \
      CHECK_OK(scan(x, n, out));                                                                \
      check_that(memcmp(out, expected, n * sizeof(type)) == 0, __FILE__, __LINE__,              \
                 "cum_%s_%s of %lu elements", op, #suffix, (unsigned long)n);                   \
      memcpy(out, x, 5 * sizeof(type));                                                         \
      CHECK_OK(scan(out, n, out));                                                              \
      check_that(memcmp(out, expected, n * sizeof(type)) == 0 &&                                \
                     memcmp(out + n, x + n, (5 - n) * sizeof(type)) == 0,                       \
                 __FILE__, __LINE__, "cum_%s_%s of %lu elements in place", op, #suffix,         \
                 (unsigned long)n);                                                             \
    }                                                                                           \
    CHECK_OK(scan(NULL, 0, NULL));                                                              \
    CHECK_STATUS(scan(NULL, 1, out), CUM_ERR_NULL_POINTER);                                     \
    CHECK_STATUS(scan(x, 1, NULL), CUM_ERR_NULL_POINTER);                                       \
  }

/* wide is an unsigned type of the same width, in which wrapping is defined, or the
 * floating type itself. */
#define DEFINE_LONG(suffix, type, wide)                                                         \
  static void long_array_of_##suffix(void) {                                                    \
    enum { LENGTH = 1003 };                                                                     \
    static type x[LENGTH], out[LENGTH];                                                         \
    int i, good[4] = {1, 1, 1, 1};                                                              \
    wide sum = 0, product = 1;                                                                  \
    type largest, smallest;                                                                     \
    for (i = 0; i < LENGTH; ++i) x[i] = (type)((i * 37 + 11) % 101 + 1);                        \
    CHECK_OK(cum_sum_##suffix(x, LENGTH, out));                                                 \
    for (i = 0; i < LENGTH; ++i) {                                                              \
      sum = (wide)(sum + (wide)x[i]);                                                           \
      good[0] &= out[i] == (type)sum;                                                           \
    }                                                                                           \
    CHECK_OK(cum_prod_##suffix(x, LENGTH, out));                                                \
    for (i = 0; i < LENGTH; ++i) {                                                              \
      product = (wide)(product * (wide)x[i]);                                                   \
      good[1] &= out[i] == (type)product;                                                       \
    }                                                                                           \
    CHECK_OK(cum_max_##suffix(x, LENGTH, out));                                                 \
    largest = x[0];                                                                             \
    for (i = 0; i < LENGTH; ++i) {                                                              \
      if (x[i] >= largest) largest = x[i];                                                      \
      good[2] &= out[i] == largest;                                                             \
    }                                                                                           \
    CHECK_OK(cum_min_##suffix(x, LENGTH, out));                                                 \
    smallest = x[0];                                                                            \
    for (i = 0; i < LENGTH; ++i) {                                                              \
      if (x[i] <= smallest) smallest = x[i];                                                    \
      good[3] &= out[i] == smallest;                                                            \
    }                                                                                           \
    check_that(good[0], __FILE__, __LINE__, "cum_sum_%s of a long array", #suffix);             \
    check_that(good[1], __FILE__, __LINE__, "cum_prod_%s of a long array", #suffix);            \
    check_that(good[2], __FILE__, __LINE__, "cum_max_%s of a long array", #suffix);             \
    check_that(good[3], __FILE__, __LINE__, "cum_min_%s of a long array", #suffix);             \
  }

#define DEFINE(suffix, type, wide)                                                              \
  DEFINE_EXPECT(suffix, type) DEFINE_LONG(suffix, type, wide) DEFINE_REAL(suffix, type)

/* The 16-bit and narrower ones go through uint32_t: uint16_t would be promoted to int, whose
 * overflow is undefined. */
DEFINE(i8, int8_t, uint32_t)
DEFINE(i16, int16_t, uint32_t)
DEFINE(i32, int32_t, uint32_t)
DEFINE(i64, int64_t, uint64_t)
DEFINE(u8, uint8_t, uint32_t)
DEFINE(u16, uint16_t, uint32_t)
DEFINE(u32, uint32_t, uint32_t)
DEFINE(u64, uint64_t, uint64_t)
DEFINE(f32, float, float)
DEFINE(f64, double, double)

#define DEFINE_COMPLEX(suffix, type)                                                            \
  static void functions_of_##suffix(void) {                                                     \
    const type x[3] = {{1, 2}, {3, -1}, {0, 1}};                                                \
    const type sums[3] = {{1, 2}, {4, 1}, {4, 2}}, products[3] = {{1, 2}, {5, 5}, {-5, 5}};     \
    type out[3];                                                                                \
    CHECK_OK(cum_sum_##suffix(x, 3, out));                                                      \
    CHECK(memcmp(out, sums, sizeof sums) == 0);                                                 \
    CHECK_OK(cum_prod_##suffix(x, 3, out));                                                     \
    CHECK(memcmp(out, products, sizeof products) == 0);                                         \
    memcpy(out, x, sizeof x);                                                                   \
    CHECK_OK(cum_sum_##suffix(out, 3, out));                                                    \
    CHECK(memcmp(out, sums, sizeof sums) == 0);                                                 \
    memcpy(out, x, sizeof x);                                                                   \
    CHECK_OK(cum_prod_##suffix(out, 3, out));                                                   \
    CHECK(memcmp(out, products, sizeof products) == 0);                                         \
    CHECK_OK(cum_sum_##suffix(NULL, 0, NULL));                                                  \
    CHECK_STATUS(cum_sum_##suffix(NULL, 1, out), CUM_ERR_NULL_POINTER);                         \
    CHECK_STATUS(cum_prod_##suffix(x, 1, NULL), CUM_ERR_NULL_POINTER);                          \
  }

DEFINE_COMPLEX(c64, cum_c64)
DEFINE_COMPLEX(c128, cum_c128)

static void typed_integers_wrap(void) {
  const int8_t a[2] = {INT8_MAX, 1};
  const uint16_t b[2] = {UINT16_MAX, 3};
  const int32_t c[2] = {INT32_MAX, 2};
  const int64_t d[2] = {INT64_MAX, 1};
  const uint64_t e[2] = {UINT64_MAX, 2};
  int8_t a_out[2];
  uint16_t b_out[2];
  int32_t c_out[2];
  int64_t d_out[2];
  uint64_t e_out[2];
  CHECK_OK(cum_sum_i8(a, 2, a_out));
  CHECK(a_out[1] == INT8_MIN);
  CHECK_OK(cum_sum_u16(b, 2, b_out));
  CHECK(b_out[1] == 2);
  CHECK_OK(cum_prod_i32(c, 2, c_out));
  CHECK(c_out[1] == -2);
  CHECK_OK(cum_sum_i64(d, 2, d_out));
  CHECK(d_out[1] == INT64_MIN);
  CHECK_OK(cum_prod_u64(e, 2, e_out));
  CHECK(e_out[1] == UINT64_MAX - 1);
}

static void typed_functions_bear_overlap_and_no_alignment(void) {
  unsigned char bytes[8 * 6 + 1];
  double memory[6] = {1, 2, 3, 4, 5, 6}, one, expected[5] = {1, 3, 6, 10, 15};
  int i;
  CHECK_OK(cum_sum_f64(memory, 5, memory + 1));
  CHECK(memory[0] == 1);
  for (i = 0; i < 5; ++i) CHECK(memory[i + 1] == expected[i]);
  for (i = 0; i < 5; ++i) {
    one = i + 1;
    memcpy(bytes + 1 + 8 * i, &one, 8);
  }
  /* the cast is the point: an address that is not a multiple of eight */
  CHECK_OK(cum_sum_f64((const double *)(const void *)(bytes + 1), 5,
                       (double *)(void *)(bytes + 1)));
  for (i = 0; i < 5; ++i) {
    memcpy(&one, bytes + 1 + 8 * i, 8);
    CHECK(one == expected[i]);
  }
}

static void complex_types_are_laid_out_as_two_numbers(void) {
  CHECK(sizeof(cum_c64) == 2 * sizeof(float) && offsetof(cum_c64, im) == sizeof(float));
  CHECK(sizeof(cum_c128) == 2 * sizeof(double) && offsetof(cum_c128, im) == sizeof(double));
}

static void sizes_of_elements_and_carries(void) {
  int i;
  for (i = 0; i < 15; ++i) {
    cum_dtype dtype = every_dtype[i];
    size_t size = element_size(dtype);
    size_t pair = dtype == CUM_F16 || dtype == CUM_BF16 ? 8 : 2 * size;
    CHECK(cum_dtype_size(dtype) == size);
    CHECK(cum_carry_size(dtype, CUM_SEQUENTIAL) == size);
    CHECK(cum_carry_size(dtype, CUM_REASSOCIATE) == size);
    check_that(cum_carry_size(dtype, CUM_COMPENSATED) == pair, __FILE__, __LINE__,
               "a compensated carry of %s has %lu bytes", dtype_name(dtype),
               (unsigned long)cum_carry_size(dtype, CUM_COMPENSATED));
    CHECK(cum_carry_size(dtype, 3) == 0);
    CHECK(cum_carry_size(dtype, -1) == 0);
  }
  CHECK(cum_dtype_size(CUM_DTYPE_DEFAULT) == 0);
  CHECK(cum_dtype_size(-1) == 0);
  CHECK(cum_dtype_size(0x0280) == 0);
  CHECK(cum_carry_size(0x7fffffff, CUM_SEQUENTIAL) == 0);
}

static void default_result_types(void) {
  int op, i;
  for (i = 0; i < 15; ++i) {
    cum_dtype dtype = every_dtype[i], grown = dtype;
    if (dtype == CUM_BOOL || dtype == CUM_I8 || dtype == CUM_I16 || dtype == CUM_I32) grown = CUM_I64;
    if (dtype == CUM_U8 || dtype == CUM_U16 || dtype == CUM_U32) grown = CUM_U64;
    for (op = CUM_SUM; op <= CUM_LOGSUMEXP; ++op) {
      cum_dtype expected = dtype;
      if (op == CUM_SUM || op == CUM_PROD) expected = grown;
      if ((op == CUM_MAX || op == CUM_MIN) && is_complex(dtype)) expected = 0;
      if (op == CUM_LOGSUMEXP && !is_floating(dtype)) expected = 0;
      check_that(cum_result_dtype(op, dtype) == expected, __FILE__, __LINE__,
                 "cum_result_dtype(%d, %s) is 0x%04x", op, dtype_name(dtype),
                 (unsigned)cum_result_dtype(op, dtype));
    }
    CHECK(cum_result_dtype(0, dtype) == 0);
    CHECK(cum_result_dtype(6, dtype) == 0);
  }
  CHECK(cum_result_dtype(CUM_SUM, CUM_DTYPE_DEFAULT) == 0);
  CHECK(cum_result_dtype(CUM_SUM, 12345) == 0);
}

static void numbers_of_lines(void) {
  const int64_t shape[3] = {2, 3, 5}, empty[2] = {0, 4}, negative[2] = {-1, 4};
  const int64_t huge[3] = {INT64_MAX, INT64_MAX, 4};
  CHECK(cum_line_count(3, shape, 0) == 15);
  CHECK(cum_line_count(3, shape, 1) == 10);
  CHECK(cum_line_count(3, shape, 2) == 6);
  CHECK(cum_line_count(3, shape, -1) == 6);
  CHECK(cum_line_count(3, shape, -3) == 15);
  CHECK(cum_line_count(3, shape, CUM_AXIS_NONE) == 1);
  CHECK(cum_line_count(0, NULL, 0) == 1);
  CHECK(cum_line_count(0, NULL, CUM_AXIS_NONE) == 1);
  CHECK(cum_line_count(2, empty, 0) == 4);
  CHECK(cum_line_count(2, empty, 1) == 0);
  CHECK(cum_line_count(3, shape, 3) == -1);
  CHECK(cum_line_count(3, shape, -4) == -1);
  CHECK(cum_line_count(2, negative, 0) == -1);
  CHECK(cum_line_count(3, huge, 2) == -1);
  CHECK(cum_line_count(-1, shape, 0) == -1);
  CHECK(cum_line_count(65, shape, 0) == -1);
  CHECK(cum_line_count(2, NULL, 0) == -1);
}

static void the_process(void) {
  char version[32];
  const char *isa = cum_isa();
  sprintf(version, "%d.%d.%d", CUM_VERSION_MAJOR, CUM_VERSION_MINOR, CUM_VERSION_PATCH);
  CHECK(strcmp(cum_version(), version) == 0);
  CHECK(strcmp(isa, "avx512") == 0 || strcmp(isa, "avx2") == 0 || strcmp(isa, "sse2") == 0 ||
        strcmp(isa, "neon") == 0 || strcmp(isa, "scalar") == 0);
  CHECK(cum_set_max_threads(3) == 0);
  CHECK(cum_set_max_threads(-5) == 3);
  CHECK(cum_set_max_threads(1) == 3);
  CHECK(cum_set_max_threads(0) == 1);
  CHECK(cum_set_max_threads(0) == 0);
}

int main(void) {
  functions_of_i8();
  functions_of_i16();
  functions_of_i32();
  functions_of_i64();
  functions_of_u8();
  functions_of_u16();
  functions_of_u32();
  functions_of_u64();
  functions_of_f32();
  functions_of_f64();
  functions_of_c64();
  functions_of_c128();
  typed_integers_wrap();
  typed_functions_bear_overlap_and_no_alignment();
  complex_types_are_laid_out_as_two_numbers();
  sizes_of_elements_and_carries();
  default_result_types();
  numbers_of_lines();
  the_process();
  return finish("typed");
}
