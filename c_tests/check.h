/* What the C tests share: checks that count themselves, and elements of every
 * type stored to and read from bytes without the library's help. */
#ifndef CUM_TESTS_CHECK_H
#define CUM_TESTS_CHECK_H

#include <cumulative.h>

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static long checks_made = 0;
static long checks_failed = 0;

/* Counts one check; a failed one prints where and why, and the run goes on so that one
 * fault shows all of its effects. */
static inline int check_that(int holds, const char *file, int line, const char *format, ...) {
  ++checks_made;
  if (holds) return 1;
  ++checks_failed;
  if (checks_failed <= 40) {
    va_list arguments;
    fprintf(stderr, "%s:%d: ", file, line);
    va_start(arguments, format);
    vfprintf(stderr, format, arguments);
    va_end(arguments);
    fprintf(stderr, "\n");
  }
  return 0;
}

#define CHECK(condition) check_that((condition) != 0, __FILE__, __LINE__, "%s", #condition)
#define CHECK_STATUS(call, expected)                                                            \
  check_status((call), (expected), __FILE__, __LINE__, #call)
#define CHECK_OK(call) CHECK_STATUS(call, CUM_OK)

static inline int check_status(cum_status got, cum_status expected, const char *file, int line,
                               const char *call) {
  return check_that(got == expected, file, line, "%s gave %s (%s), expected %s", call,
                    cum_status_name(got), cum_last_error(), cum_status_name(expected));
}

/* The last line of every program; tests/c_abi.rs reads the count from it. */
static inline int finish(const char *program) {
  if (checks_failed > 0) fprintf(stderr, "%s: %ld checks failed\n", program, checks_failed);
  printf("%s: %ld checks\n", program, checks_made);
  return checks_failed > 0 || checks_made == 0 ? 1 : 0;
}

static inline void *must_allocate(size_t size) {
  void *memory = malloc(size > 0 ? size : 1);
  if (memory == NULL) {
    fprintf(stderr, "the test itself ran out of memory\n");
    exit(2);
  }
  return memory;
}

static const cum_dtype every_dtype[15] = {
    CUM_I8,  CUM_I16, CUM_I32, CUM_I64,  CUM_U8,  CUM_U16,  CUM_U32, CUM_U64,
    CUM_F16, CUM_F32, CUM_F64, CUM_BF16, CUM_C64, CUM_C128, CUM_BOOL};

static inline const char *dtype_name(cum_dtype dtype) {
  static const char *const names[15] = {"i8",  "i16", "i32", "i64",  "u8",  "u16",  "u32", "u64",
                                        "f16", "f32", "f64", "bf16", "c64", "c128", "bool"};
  int i;
  for (i = 0; i < 15; ++i)
    if (every_dtype[i] == dtype) return names[i];
  return "?";
}

static inline int is_complex(cum_dtype dtype) { return dtype == CUM_C64 || dtype == CUM_C128; }
static inline int is_floating(cum_dtype dtype) {
  return dtype == CUM_F16 || dtype == CUM_F32 || dtype == CUM_F64 || dtype == CUM_BF16;
}
static inline int is_unsigned(cum_dtype dtype) {
  return dtype == CUM_U8 || dtype == CUM_U16 || dtype == CUM_U32 || dtype == CUM_U64;
}

/* Bytes of an element, by the width in its code and not by cum_dtype_size, which is tested too. */
static inline size_t element_size(cum_dtype dtype) { return (size_t)(dtype & 0xff) / 8; }

typedef struct number {
  double re, im;
} number;

/* binary16 of a value that it holds exactly and as a normal number, a zero, an infinity or NaN. */
static inline uint16_t f16_bits(double value) {
  uint16_t sign = (uint16_t)(signbit(value) ? 0x8000 : 0);
  int exponent;
  double fraction;
  if (isnan(value)) return 0x7e00;
  if (isinf(value)) return (uint16_t)(sign | 0x7c00);
  if (value == 0.0) return sign;
  fraction = frexp(fabs(value), &exponent); /* in [0.5, 1) */
  return (uint16_t)(sign | ((exponent + 14) << 10) | ((int)(fraction * 2048.0) & 0x3ff));
}

static inline double f16_value(uint16_t bits) {
  int exponent = (bits >> 10) & 0x1f, fraction = bits & 0x3ff;
  double magnitude;
  if (exponent == 31)
    magnitude = fraction != 0 ? (double)NAN : (double)INFINITY;
  else if (exponent == 0)
    magnitude = ldexp(fraction, -24);
  else
    magnitude = ldexp(fraction + 1024, exponent - 25);
  return (bits & 0x8000) != 0 ? -magnitude : magnitude;
}

/* bfloat16 is the upper half of a float; the value must fit it exactly. */
static inline uint16_t bf16_bits(double value) {
  float single = (float)value;
  uint32_t bits;
  memcpy(&bits, &single, 4);
  return (uint16_t)(bits >> 16);
}

static inline double bf16_value(uint16_t upper) {
  uint32_t bits = (uint32_t)upper << 16;
  float single;
  memcpy(&single, &bits, 4);
  return (double)single;
}

/* Stores a value that the type holds exactly; the address need not be aligned. */
static inline void store(cum_dtype dtype, void *to, double re, double im) {
#define STORE(type, value)                                                                      \
  do {                                                                                          \
    type element = (type)(value);                                                               \
    memcpy(to, &element, sizeof element);                                                       \
  } while (0)
  switch (dtype) {
    case CUM_I8: STORE(int8_t, re); break;
    case CUM_I16: STORE(int16_t, re); break;
    case CUM_I32: STORE(int32_t, re); break;
    case CUM_I64: STORE(int64_t, re); break;
    case CUM_U8: STORE(uint8_t, re); break;
    case CUM_U16: STORE(uint16_t, re); break;
    case CUM_U32: STORE(uint32_t, re); break;
    case CUM_U64: STORE(uint64_t, re); break;
    case CUM_F16: STORE(uint16_t, f16_bits(re)); break;
    case CUM_BF16: STORE(uint16_t, bf16_bits(re)); break;
    case CUM_F32: STORE(float, re); break;
    case CUM_F64: STORE(double, re); break;
    case CUM_BOOL: STORE(uint8_t, re != 0.0); break;
    case CUM_C64: {
      float parts[2];
      parts[0] = (float)re;
      parts[1] = (float)im;
      memcpy(to, parts, sizeof parts);
      break;
    }
    case CUM_C128: {
      double parts[2];
      parts[0] = re;
      parts[1] = im;
      memcpy(to, parts, sizeof parts);
      break;
    }
    default: fprintf(stderr, "store: no such dtype\n"); exit(2);
  }
#undef STORE
}

/* Reads an element back; 64-bit integers must be small enough for a double. */
static inline number load(cum_dtype dtype, const void *from) {
  number result = {0.0, 0.0};
#define LOAD(type, expression)                                                                  \
  do {                                                                                          \
    type element;                                                                               \
    memcpy(&element, from, sizeof element);                                                     \
    result.re = (double)(expression);                                                           \
  } while (0)
  switch (dtype) {
    case CUM_I8: LOAD(int8_t, element); break;
    case CUM_I16: LOAD(int16_t, element); break;
    case CUM_I32: LOAD(int32_t, element); break;
    case CUM_I64: LOAD(int64_t, element); break;
    case CUM_U8: LOAD(uint8_t, element); break;
    case CUM_U16: LOAD(uint16_t, element); break;
    case CUM_U32: LOAD(uint32_t, element); break;
    case CUM_U64: LOAD(uint64_t, element); break;
    case CUM_F16: LOAD(uint16_t, f16_value(element)); break;
    case CUM_BF16: LOAD(uint16_t, bf16_value(element)); break;
    case CUM_F32: LOAD(float, element); break;
    case CUM_F64: LOAD(double, element); break;
    case CUM_BOOL: LOAD(uint8_t, element); break;
    case CUM_C64: {
      float parts[2];
      memcpy(parts, from, sizeof parts);
      result.re = (double)parts[0];
      result.im = (double)parts[1];
      break;
    }
    case CUM_C128: {
      double parts[2];
      memcpy(parts, from, sizeof parts);
      result.re = parts[0];
      result.im = parts[1];
      break;
    }
    default: fprintf(stderr, "load: no such dtype\n"); exit(2);
  }
#undef LOAD
  return result;
}

/* True if the type holds the integer exactly (bool: if it is 0 or 1). */
static inline int holds(cum_dtype dtype, double value) {
  double magnitude = fabs(value);
  switch (dtype) {
    case CUM_I8: return value >= -128.0 && value <= 127.0;
    case CUM_I16: return value >= -32768.0 && value <= 32767.0;
    case CUM_U8: return value >= 0.0 && value <= 255.0;
    case CUM_U16: return value >= 0.0 && value <= 65535.0;
    case CUM_U32:
    case CUM_U64: return value >= 0.0 && value <= 4294967295.0;
    case CUM_F16: return magnitude <= 2048.0;
    case CUM_BF16: return magnitude <= 256.0;
    case CUM_BOOL: return value == 0.0 || value == 1.0;
    default: return magnitude <= 2147483647.0;
  }
}

/* The same number, and of zeros the same sign; NaN equals NaN. */
static inline int same(double a, double b) {
  if (isnan(a) || isnan(b)) return isnan(a) && isnan(b);
  return a == b && !signbit(a) == !signbit(b);
}

#endif
