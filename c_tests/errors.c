/* Every status code that a caller can reach (CUM_ERR_MEMORY: memory.c), with arrays and
 * carries watched: a call that fails leaves them bit for bit as they were. */
#include "check.h"

#include <ctype.h>

enum { BYTES = 4096 };

/* The arguments of cum_scan, so that a case is a valid call with one thing changed. */
typedef struct call {
  cum_op op;
  int32_t ndim;
  const int64_t *shape;
  int32_t axis;
  const void *x;
  cum_dtype x_dtype;
  const int64_t *x_strides;
  void *out;
  cum_dtype out_dtype;
  const int64_t *out_strides;
  cum_options options;
} call;

static unsigned char x_bytes[BYTES], out_bytes[BYTES], carry_bytes[BYTES];
static const int64_t shape_2x3[2] = {2, 3};

static call valid(void) {
  call c;
  c.op = CUM_SUM;
  c.ndim = 2;
  c.shape = shape_2x3;
  c.axis = 1;
  c.x = x_bytes;
  c.x_dtype = CUM_F64;
  c.x_strides = NULL;
  c.out = out_bytes;
  c.out_dtype = CUM_F64;
  c.out_strides = NULL;
  cum_options_init(&c.options, sizeof c.options);
  c.options.carry_out = carry_bytes;
  c.options.carry_out_len = 2;
  return c;
}

static cum_status make(const call *c) {
  return cum_scan(c->op, c->ndim, c->shape, c->axis, c->x, c->x_dtype, c->x_strides, c->out,
                  c->out_dtype, c->out_strides, &c->options);
}

static void fill(void) {
  size_t i;
  for (i = 0; i < BYTES / 8; ++i) {
    double value = (double)(i % 50) + 0.5;
    memcpy(x_bytes + 8 * i, &value, 8);
  }
  memset(out_bytes, 0xC3, BYTES);
  memset(carry_bytes, 0x3C, BYTES);
}

/* True if the sentence has the number in it, in decimal or in hexadecimal figures. */
static int names(const char *sentence, long long value) {
  char decimal[32], hexadecimal[32], lower[512];
  size_t i;
  sprintf(decimal, "%lld", value);
  sprintf(hexadecimal, "0x%llx", (unsigned long long)value & 0xffffffffu);
  for (i = 0; sentence[i] != 0 && i + 1 < sizeof lower; ++i)
    lower[i] = (char)tolower((unsigned char)sentence[i]);
  lower[i] = 0;
  if (value >= 0 && strstr(lower, "0x") != NULL) {
    char padded[32];
    sprintf(padded, "0x%04llx", (unsigned long long)value);
    if (strstr(lower, padded) != NULL) return 1;
  }
  return strstr(lower, decimal) != NULL || strstr(lower, hexadecimal) != NULL;
}

static void refuse_at(const call *c, cum_status expected, const char *what, int line) {
  static unsigned char x_before[BYTES], out_before[BYTES], carry_before[BYTES];
  cum_status got;
  memcpy(x_before, x_bytes, BYTES);
  memcpy(out_before, out_bytes, BYTES);
  memcpy(carry_before, carry_bytes, BYTES);
  got = make(c);
  check_that(got == expected, __FILE__, line, "%s: %s (%s), expected %s", what,
             cum_status_name(got), cum_last_error(), cum_status_name(expected));
  check_that(strlen(cum_last_error()) > 5, __FILE__, line, "%s: no sentence but \"%s\"", what,
             cum_last_error());
  check_that(memcmp(x_before, x_bytes, BYTES) == 0, __FILE__, line, "%s: x changed", what);
  check_that(memcmp(out_before, out_bytes, BYTES) == 0, __FILE__, line, "%s: out changed", what);
  check_that(memcmp(carry_before, carry_bytes, BYTES) == 0, __FILE__, line, "%s: carry changed",
             what);
}

#define REFUSE(c, expected, what) refuse_at(&(c), expected, what, __LINE__)
#define SENTENCE_NAMES(value)                                                                   \
  check_that(names(cum_last_error(), (value)), __FILE__, __LINE__, "%s is not in \"%s\"",       \
             #value, cum_last_error())

static void the_valid_call_is_valid(void) {
  call c = valid();
  fill();
  CHECK_OK(make(&c));
  CHECK(cum_last_error()[0] == 0);
  fill();
}

static void null_pointers(void) {
  call c = valid();
  c.x = NULL;
  REFUSE(c, CUM_ERR_NULL_POINTER, "x NULL");
  c = valid();
  c.out = NULL;
  REFUSE(c, CUM_ERR_NULL_POINTER, "out NULL");
  c = valid();
  c.shape = NULL;
  REFUSE(c, CUM_ERR_NULL_POINTER, "shape NULL");
  {
    /* x has no elements, but the starting values are to be written */
    const int64_t empty[1] = {0};
    c = valid();
    c.ndim = 1;
    c.axis = 0;
    c.shape = empty;
    c.x = c.out = NULL;
    c.options.flags = CUM_INCLUDE_INITIAL;
    c.options.carry_out = NULL;
    REFUSE(c, CUM_ERR_NULL_POINTER, "out NULL with an initial value");
  }
}

static void operations(void) {
  const cum_op unknown[5] = {0, -1, 6, 99, INT32_MIN};
  int i;
  for (i = 0; i < 5; ++i) {
    call c = valid();
    c.op = unknown[i];
    REFUSE(c, CUM_ERR_OP, "unknown op");
    SENTENCE_NAMES(unknown[i]);
  }
}

static void types(void) {
  const cum_dtype unknown[6] = {0x0280, 0x0108 + 1, -1, 1, INT32_MAX, 0x0340};
  call c;
  int i;
  for (i = 0; i < 6; ++i) {
    c = valid();
    c.x_dtype = unknown[i];
    REFUSE(c, CUM_ERR_DTYPE, "unknown x_dtype");
    SENTENCE_NAMES(unknown[i]);
    c = valid();
    c.out_dtype = unknown[i];
    REFUSE(c, CUM_ERR_DTYPE, "unknown out_dtype");
    c = valid();
    c.options.dtype = unknown[i];
    REFUSE(c, CUM_ERR_DTYPE, "unknown options.dtype");
  }
  c = valid();
  c.out_dtype = CUM_DTYPE_DEFAULT;
  REFUSE(c, CUM_ERR_DTYPE, "out_dtype 0");
  c = valid();
  c.x_dtype = CUM_DTYPE_DEFAULT;
  REFUSE(c, CUM_ERR_DTYPE, "x_dtype 0");
  c = valid();
  c.op = CUM_MAX;
  c.x_dtype = c.out_dtype = CUM_C64;
  REFUSE(c, CUM_ERR_DTYPE, "maximum of complex numbers");
  c = valid();
  c.op = CUM_LOGSUMEXP;
  c.out_dtype = CUM_I64;
  REFUSE(c, CUM_ERR_DTYPE, "logsumexp in integers");
  c = valid();
  c.op = CUM_LOGSUMEXP;
  c.options.dtype = CUM_BOOL;
  REFUSE(c, CUM_ERR_DTYPE, "logsumexp in bool");
  c = valid();
  c.op = CUM_MIN;
  c.options.dtype = CUM_C128;
  REFUSE(c, CUM_ERR_DTYPE, "minimum in complex numbers");
}

static void dimensions(void) {
  int64_t ones[66];
  call c;
  int i;
  for (i = 0; i < 66; ++i) ones[i] = 1;
  c = valid();
  c.shape = ones;
  c.ndim = 65;
  REFUSE(c, CUM_ERR_NDIM, "65 dimensions");
  SENTENCE_NAMES(65);
  c.ndim = -1;
  REFUSE(c, CUM_ERR_NDIM, "-1 dimensions");
  SENTENCE_NAMES(-1);
  c.ndim = INT32_MIN;
  REFUSE(c, CUM_ERR_NDIM, "INT32_MIN dimensions");
  c.ndim = INT32_MAX;
  REFUSE(c, CUM_ERR_NDIM, "INT32_MAX dimensions");
}

static void shapes(void) {
  const int64_t negative[2] = {2, -3}, product[2] = {INT64_MAX / 2, 3}, bytes[1] = {INT64_MAX / 4};
  const int64_t around_zero[3] = {INT64_MAX, 0, INT64_MAX}, most_negative[2] = {INT64_MIN, INT64_MIN};
  const int64_t fits_x_alone[1] = {INT64_MAX / 6};
  call c = valid();
  c.shape = negative;
  REFUSE(c, CUM_ERR_SHAPE, "a negative extent");
  SENTENCE_NAMES(-3);
  c = valid();
  c.shape = most_negative;
  REFUSE(c, CUM_ERR_SHAPE, "INT64_MIN as an extent");
  c = valid();
  c.shape = product;
  REFUSE(c, CUM_ERR_SHAPE, "too many elements");
  c = valid();
  c.ndim = 1;
  c.axis = 0;
  c.shape = bytes;
  c.options.carry_out = NULL;
  REFUSE(c, CUM_ERR_SHAPE, "too many bytes");
  c.shape = fits_x_alone;
  c.x_dtype = CUM_U8;
  REFUSE(c, CUM_ERR_SHAPE, "too many bytes of out");
  c = valid();
  c.ndim = 3;
  c.shape = around_zero;
  c.options.carry_out = NULL;
  REFUSE(c, CUM_ERR_SHAPE, "the product of the extents that are not zero");
  CHECK_STATUS(cum_sum_f64((const double *)(const void *)x_bytes, (size_t)-1,
                           (double *)(void *)out_bytes),
               CUM_ERR_SHAPE);
}

static void strides(void) {
  const int64_t meeting[2] = {8, 8}, zero[2] = {0, 8}, narrow[2] = {16, 8}, halves[2] = {24, 4};
  const int64_t opposite[2] = {-8, 8}, far[2] = {INT64_MAX / 2, 8}, farther[2] = {INT64_MIN, 8};
  call c = valid();
  c.out_strides = meeting;
  REFUSE(c, CUM_ERR_STRIDES, "two equal output strides");
  c.out_strides = zero;
  REFUSE(c, CUM_ERR_STRIDES, "an output stride of 0");
  c.out_strides = narrow;
  REFUSE(c, CUM_ERR_STRIDES, "output rows that meet");
  c.out_strides = halves;
  REFUSE(c, CUM_ERR_STRIDES, "output elements that meet");
  c.out_strides = opposite;
  REFUSE(c, CUM_ERR_STRIDES, "output strides of opposite sign that meet");
  c.out_strides = farther;
  REFUSE(c, CUM_ERR_STRIDES, "an output stride of INT64_MIN");
  {
    const int64_t shape_3x3[2] = {3, 3};
    c = valid();
    c.shape = shape_3x3;
    c.options.carry_out = NULL;
    c.x_strides = far;
    REFUSE(c, CUM_ERR_STRIDES, "a span of x that is not addressable");
    c.x_strides = farther;
    REFUSE(c, CUM_ERR_STRIDES, "an x stride of INT64_MIN");
    c.x_strides = NULL;
    c.out_strides = far;
    REFUSE(c, CUM_ERR_STRIDES, "a span of out that is not addressable");
  }
  {
    /* flattened, out has one stride */
    const int64_t four = 4;
    c = valid();
    c.axis = CUM_AXIS_NONE;
    c.options.carry_out_len = 1;
    c.out_strides = &four;
    REFUSE(c, CUM_ERR_STRIDES, "flattened output elements that meet");
    c.options.flags = CUM_INCLUDE_INITIAL;
    REFUSE(c, CUM_ERR_STRIDES, "flattened output elements that meet, with an initial value");
  }
}

static void axes(void) {
  const int32_t wrong[5] = {2, 3, -3, INT32_MAX, INT32_MIN + 1};
  int i;
  for (i = 0; i < 5; ++i) {
    call c = valid();
    c.axis = wrong[i];
    REFUSE(c, CUM_ERR_AXIS, "axis out of bounds");
    SENTENCE_NAMES(wrong[i]);
    SENTENCE_NAMES(2);
  }
  {
    call c = valid();
    c.axis = 3;
    CHECK_STATUS(make(&c), CUM_ERR_AXIS);
    check_that(strcmp(cum_last_error(), "axis 3 is out of bounds for 2 dimensions") == 0, __FILE__,
               __LINE__, "the sentence is \"%s\"", cum_last_error());
    c = valid();
    c.ndim = 0;
    c.axis = 1;
    c.options.carry_out_len = 1;
    REFUSE(c, CUM_ERR_AXIS, "axis 1 of a scalar");
  }
}

static void casts(void) {
  int i;
  for (i = 0; i < 12; ++i) { /* the twelve real types but bool */
    call c = valid();
    c.x_dtype = CUM_C128;
    c.out_dtype = every_dtype[i];
    REFUSE(c, CUM_ERR_CAST, "complex x to real");
    c = valid();
    c.options.dtype = CUM_C128;
    c.out_dtype = every_dtype[i];
    REFUSE(c, CUM_ERR_CAST, "complex results to a real out");
    c = valid();
    c.x_dtype = CUM_C64;
    c.out_dtype = CUM_C64;
    c.options.dtype = every_dtype[i];
    REFUSE(c, CUM_ERR_CAST, "complex x to a real computing type");
  }
}

static void options(void) {
  union {
    cum_options known;
    unsigned char bytes[sizeof(cum_options) + 16];
  } grown;
  call c = valid();
  c.options.flags = 8;
  REFUSE(c, CUM_ERR_OPTIONS, "an unknown flag");
  SENTENCE_NAMES(8);
  c = valid();
  c.options.flags = CUM_EXCLUSIVE | CUM_INCLUDE_INITIAL;
  REFUSE(c, CUM_ERR_OPTIONS, "exclusive with initial");
  c = valid();
  c.options.mode = 3;
  REFUSE(c, CUM_ERR_OPTIONS, "an unknown mode");
  SENTENCE_NAMES(3);
  c = valid();
  c.options.mode = -1;
  REFUSE(c, CUM_ERR_OPTIONS, "a negative mode");
  c = valid();
  c.options.nan = 3;
  REFUSE(c, CUM_ERR_OPTIONS, "an unknown NaN policy");
  c = valid();
  c.options.overflow = 77;
  REFUSE(c, CUM_ERR_OPTIONS, "an unknown overflow policy");
  SENTENCE_NAMES(77);
  c = valid();
  c.options.max_threads = -4;
  REFUSE(c, CUM_ERR_OPTIONS, "a negative max_threads");
  SENTENCE_NAMES(-4);
  c = valid();
  c.options.struct_size = 0;
  REFUSE(c, CUM_ERR_OPTIONS, "struct_size 0");
  c.options.struct_size = sizeof(cum_options) - 8;
  REFUSE(c, CUM_ERR_OPTIONS, "a struct_size that is too small");
  c = valid();
  c.options.carry_in = x_bytes + 2048;
  c.options.carry_in_len = 3;
  REFUSE(c, CUM_ERR_OPTIONS, "three starting values for two lines");
  SENTENCE_NAMES(3);
  c.options.carry_in_len = 0;
  REFUSE(c, CUM_ERR_OPTIONS, "no starting values behind a pointer");
  c = valid();
  c.options.carry_out_len = 1;
  REFUSE(c, CUM_ERR_OPTIONS, "one total for two lines");
  c = valid();
  c.options.carry_out = out_bytes + 40;
  REFUSE(c, CUM_ERR_OPTIONS, "carry_out meets out");
  c.options.carry_out = x_bytes + 40;
  REFUSE(c, CUM_ERR_OPTIONS, "carry_out meets x");
  c = valid();
  c.options.carry_in = out_bytes;
  c.options.carry_in_len = 2;
  REFUSE(c, CUM_ERR_OPTIONS, "carry_in meets out");
  c = valid();
  c.options.carry_in = carry_bytes + 8;
  c.options.carry_in_len = 2;
  REFUSE(c, CUM_ERR_OPTIONS, "carry_in and carry_out half on each other");
  c.options.carry_in = carry_bytes;
  c.options.carry_in_len = 1;
  REFUSE(c, CUM_ERR_OPTIONS, "carry_in and carry_out at one address with two lengths");

  memset(&grown, 0, sizeof grown);
  grown.known = valid().options;
  grown.known.struct_size = sizeof grown;
  CHECK_OK(cum_scan(CUM_SUM, 2, shape_2x3, 1, x_bytes, CUM_F64, NULL, out_bytes, CUM_F64, NULL,
                    &grown.known));
  fill();
  grown.bytes[sizeof grown - 1] = 1;
  CHECK_STATUS(cum_scan(CUM_SUM, 2, shape_2x3, 1, x_bytes, CUM_F64, NULL, out_bytes, CUM_F64, NULL,
                        &grown.known),
               CUM_ERR_OPTIONS);
  CHECK(out_bytes[0] == 0xC3 && carry_bytes[0] == 0x3C);
}

static void overflows(void) {
  const int64_t length = 6;
  int64_t where[2] = {-9, -9};
  const int32_t eighth = 0x20000000; /* of 2^32: four of them are one too many */
  call c = valid();
  int i;
  for (i = 0; i < 6; ++i) memcpy(x_bytes + 4 * i, &eighth, 4);
  c.ndim = 1;
  c.shape = &length;
  c.axis = 0;
  c.x_dtype = c.out_dtype = CUM_I32;
  c.options.carry_out_len = 1;
  c.options.overflow = CUM_CHECK;
  c.options.where = where;
  REFUSE(c, CUM_ERR_OVERFLOW, "a sum beyond int32");
  CHECK(where[0] == 0 && where[1] == 3);
  c.out = x_bytes;
  REFUSE(c, CUM_ERR_OVERFLOW, "a sum beyond int32, in place");
  c.out = x_bytes + 4;
  REFUSE(c, CUM_ERR_OVERFLOW, "a sum beyond int32, overlapping");
  c.out = out_bytes;
  c.op = CUM_PROD;
  REFUSE(c, CUM_ERR_OVERFLOW, "a product beyond int32");
  CHECK(where[1] == 1);
  c.op = CUM_MAX;
  c.out_dtype = CUM_I16;
  REFUSE(c, CUM_ERR_OVERFLOW, "a conversion that does not fit");
  CHECK(where[1] == 0);
  /* the total counts as well when it is asked for */
  {
    const int64_t four = 4;
    c = valid();
    c.ndim = 1;
    c.shape = &four;
    c.axis = 0;
    c.x_dtype = c.out_dtype = CUM_I32;
    c.options.overflow = CUM_CHECK;
    c.options.flags = CUM_EXCLUSIVE;
    c.options.carry_out_len = 1;
    c.options.where = where;
    REFUSE(c, CUM_ERR_OVERFLOW, "the total of an exclusive scan");
    CHECK(where[0] == 0 && where[1] == 3);
    c.options.carry_out = NULL;
    CHECK_OK(make(&c));
  }
  fill();
}

static int32_t cancel(uint64_t done, uint64_t total, void *user) {
  int *calls = user;
  *calls += 1;
  return done < total;
}

static void cancellation(void) {
  const int64_t length = 4000000, zero = 0;
  const float x = 0.25f;
  float *out = must_allocate((size_t)length * sizeof(float));
  int calls = 0;
  cum_options with_progress;
  cum_options_init(&with_progress, sizeof with_progress);
  with_progress.progress = cancel;
  with_progress.user = &calls;
  CHECK_STATUS(cum_scan(CUM_LOGSUMEXP, 1, &length, 0, &x, CUM_F32, &zero, out, CUM_F32, NULL,
                        &with_progress),
               CUM_ERR_CANCELLED);
  CHECK(calls == 1);
  CHECK(strlen(cum_last_error()) > 5);
  free(out);
}

static void totals_and_combinations(void) {
  double totals[3] = {-1, -1, -1};
  unsigned char before[sizeof totals];
  cum_options o;
  int64_t where[2];
  memcpy(before, totals, sizeof totals);
#define REDUCE(op, dtype, to, length, options)                                                  \
  cum_reduce(op, 2, shape_2x3, 1, x_bytes, CUM_F64, NULL, dtype, to, length, options)
  CHECK_STATUS(REDUCE(9, CUM_F64, totals, 2, NULL), CUM_ERR_OP);
  SENTENCE_NAMES(9);
  CHECK_STATUS(REDUCE(CUM_SUM, 0x0999, totals, 2, NULL), CUM_ERR_DTYPE);
  CHECK_STATUS(REDUCE(CUM_LOGSUMEXP, CUM_I8, totals, 2, NULL), CUM_ERR_DTYPE);
  CHECK_STATUS(REDUCE(CUM_SUM, CUM_F64, NULL, 2, NULL), CUM_ERR_NULL_POINTER);
  CHECK_STATUS(REDUCE(CUM_SUM, CUM_F64, totals, 3, NULL), CUM_ERR_OPTIONS);
  CHECK_STATUS(REDUCE(CUM_SUM, CUM_F64, totals, 0, NULL), CUM_ERR_OPTIONS);
  CHECK_STATUS(REDUCE(CUM_SUM, CUM_F64, x_bytes + 8, 2, NULL), CUM_ERR_OPTIONS);
  cum_options_init(&o, sizeof o);
  o.dtype = CUM_F64;
  CHECK_STATUS(REDUCE(CUM_SUM, CUM_F64, totals, 2, &o), CUM_ERR_OPTIONS);
  cum_options_init(&o, sizeof o);
  o.carry_out = carry_bytes;
  o.carry_out_len = 2;
  CHECK_STATUS(REDUCE(CUM_SUM, CUM_F64, totals, 2, &o), CUM_ERR_OPTIONS);
  CHECK(carry_bytes[0] == 0x3C);
  cum_options_init(&o, sizeof o);
  o.where = where;
  CHECK_STATUS(REDUCE(CUM_SUM, CUM_F64, totals, 2, &o), CUM_ERR_OPTIONS);
  cum_options_init(&o, sizeof o);
  o.carry_in = totals;
  o.carry_in_len = 2;
  CHECK_STATUS(REDUCE(CUM_SUM, CUM_F64, totals, 2, &o), CUM_ERR_OPTIONS);
  CHECK_STATUS(cum_reduce(CUM_SUM, 2, shape_2x3, 2, x_bytes, CUM_F64, NULL, CUM_F64, totals, 2, NULL),
               CUM_ERR_AXIS);
  CHECK_STATUS(cum_reduce(CUM_SUM, 99, shape_2x3, 0, x_bytes, CUM_F64, NULL, CUM_F64, totals, 2, NULL),
               CUM_ERR_NDIM);
  CHECK_STATUS(cum_reduce(CUM_SUM, 2, shape_2x3, 1, NULL, CUM_F64, NULL, CUM_F64, totals, 2, NULL),
               CUM_ERR_NULL_POINTER);
  CHECK_STATUS(cum_reduce(CUM_SUM, 2, shape_2x3, 1, x_bytes, CUM_C128, NULL, CUM_F64, totals, 2, NULL),
               CUM_ERR_CAST);
#undef REDUCE
  CHECK(memcmp(before, totals, sizeof totals) == 0);

  CHECK_STATUS(cum_combine(-7, CUM_F64, 0, 1, x_bytes, x_bytes + 8, totals), CUM_ERR_OP);
  SENTENCE_NAMES(-7);
  CHECK_STATUS(cum_combine(CUM_SUM, 0, 0, 1, x_bytes, x_bytes + 8, totals), CUM_ERR_DTYPE);
  CHECK_STATUS(cum_combine(CUM_MAX, CUM_C64, 0, 1, x_bytes, x_bytes + 8, totals), CUM_ERR_DTYPE);
  CHECK_STATUS(cum_combine(CUM_SUM, CUM_F64, 5, 1, x_bytes, x_bytes + 8, totals), CUM_ERR_OPTIONS);
  SENTENCE_NAMES(5);
  CHECK_STATUS(cum_combine(CUM_SUM, CUM_F64, 0, 1, NULL, x_bytes, totals), CUM_ERR_NULL_POINTER);
  CHECK_STATUS(cum_combine(CUM_SUM, CUM_F64, 0, 1, x_bytes, NULL, totals), CUM_ERR_NULL_POINTER);
  CHECK_STATUS(cum_combine(CUM_SUM, CUM_F64, 0, 1, x_bytes, x_bytes, NULL), CUM_ERR_NULL_POINTER);
  CHECK_STATUS(cum_combine(CUM_SUM, CUM_F64, 0, 2, out_bytes, x_bytes, out_bytes + 8), CUM_ERR_OPTIONS);
  CHECK(out_bytes[8] == 0xC3 && memcmp(before, totals, sizeof totals) == 0);
}

static void names_of_status_codes(void) {
  static const char *const expected[14] = {
      "CUM_OK",          "CUM_ERR_NULL_POINTER", "CUM_ERR_OP",       "CUM_ERR_DTYPE",
      "CUM_ERR_NDIM",    "CUM_ERR_SHAPE",        "CUM_ERR_STRIDES",  "CUM_ERR_AXIS",
      "CUM_ERR_CAST",    "CUM_ERR_OPTIONS",      "CUM_ERR_OVERFLOW", "CUM_ERR_MEMORY",
      "CUM_ERR_CANCELLED", "CUM_ERR_INTERNAL"};
  int i;
  for (i = 0; i < 14; ++i) CHECK(strcmp(cum_status_name(i), expected[i]) == 0);
  CHECK(strcmp(cum_status_name(14), "CUM_ERR_UNKNOWN") == 0);
  CHECK(strcmp(cum_status_name(-1), "CUM_ERR_UNKNOWN") == 0);
  CHECK(strcmp(cum_status_name(INT32_MIN), "CUM_ERR_UNKNOWN") == 0);
}

int main(void) {
  the_valid_call_is_valid();
  null_pointers();
  operations();
  types();
  dimensions();
  shapes();
  strides();
  axes();
  casts();
  options();
  overflows();
  cancellation();
  totals_and_combinations();
  names_of_status_codes();
  return finish("errors");
}
