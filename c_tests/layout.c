/* Sizes, offsets and values that compiled programs depend on: while compiling wherever it
 * can be, and once more at run time for the count. */
#include "check.h"

#if defined(__STDC_VERSION__) && __STDC_VERSION__ >= 201112L
#define ASSERT_NOW(name, condition) _Static_assert(condition, #name);
#else
/* an array of negative size does not compile */
#define ASSERT_NOW(name, condition) extern char name[(condition) ? 1 : -1];
#endif

#define POINTER sizeof(void *)

/* The members before the first pointer are four bytes each, but for struct_size. */
#define LAYOUT(X)                                                                               \
  X(an_integer_of_codes_has_four_bytes, sizeof(cum_dtype) == 4)                                 \
  X(an_op_has_four_bytes, sizeof(cum_op) == 4)                                                  \
  X(a_status_has_four_bytes, sizeof(cum_status) == 4)                                           \
  X(codes_are_signed, (cum_dtype)-1 < 0 && (cum_op)-1 < 0 && (cum_status)-1 < 0)                \
  X(struct_size_is_first, offsetof(cum_options, struct_size) == 0)                              \
  X(struct_size_is_a_size_t, sizeof(((cum_options *)0)->struct_size) == sizeof(size_t))         \
  X(dtype_at, offsetof(cum_options, dtype) == POINTER)                                          \
  X(flags_at, offsetof(cum_options, flags) == POINTER + 4)                                      \
  X(mode_at, offsetof(cum_options, mode) == POINTER + 8)                                        \
  X(nan_at, offsetof(cum_options, nan) == POINTER + 12)                                         \
  X(overflow_at, offsetof(cum_options, overflow) == POINTER + 16)                               \
  X(max_threads_at, offsetof(cum_options, max_threads) == POINTER + 20)                         \
  X(carry_in_at, offsetof(cum_options, carry_in) == POINTER + 24)                               \
  X(carry_in_len_at, offsetof(cum_options, carry_in_len) == 2 * POINTER + 24)                   \
  X(carry_out_at, offsetof(cum_options, carry_out) == 3 * POINTER + 24)                         \
  X(carry_out_len_at, offsetof(cum_options, carry_out_len) == 4 * POINTER + 24)                 \
  X(progress_at, offsetof(cum_options, progress) == 5 * POINTER + 24)                           \
  X(user_at, offsetof(cum_options, user) == 6 * POINTER + 24)                                   \
  X(message_at, offsetof(cum_options, message) == 7 * POINTER + 24)                             \
  X(message_size_at, offsetof(cum_options, message_size) == 8 * POINTER + 24)                   \
  X(where_at, offsetof(cum_options, where) == 9 * POINTER + 24)                                 \
  X(options_end, sizeof(cum_options) == 10 * POINTER + 24)                                      \
  X(flags_are_unsigned, sizeof(((cum_options *)0)->flags) == 4)                                 \
  X(c64_is_two_floats, sizeof(cum_c64) == 8)                                                    \
  X(c64_re, offsetof(cum_c64, re) == 0)                                                         \
  X(c64_im, offsetof(cum_c64, im) == 4)                                                         \
  X(c128_is_two_doubles, sizeof(cum_c128) == 16)                                                \
  X(c128_re, offsetof(cum_c128, re) == 0)                                                       \
  X(c128_im, offsetof(cum_c128, im) == 8)

LAYOUT(ASSERT_NOW)

#define VALUES(X)                                                                               \
  X(CUM_I8, 0x0008) X(CUM_I16, 0x0010) X(CUM_I32, 0x0020) X(CUM_I64, 0x0040)                    \
  X(CUM_U8, 0x0108) X(CUM_U16, 0x0110) X(CUM_U32, 0x0120) X(CUM_U64, 0x0140)                    \
  X(CUM_F16, 0x0210) X(CUM_F32, 0x0220) X(CUM_F64, 0x0240) X(CUM_BF16, 0x0410)                  \
  X(CUM_C64, 0x0540) X(CUM_C128, 0x0580) X(CUM_BOOL, 0x0608) X(CUM_DTYPE_DEFAULT, 0)            \
  X(CUM_SUM, 1) X(CUM_PROD, 2) X(CUM_MAX, 3) X(CUM_MIN, 4) X(CUM_LOGSUMEXP, 5)                  \
  X(CUM_OK, 0) X(CUM_ERR_NULL_POINTER, 1) X(CUM_ERR_OP, 2) X(CUM_ERR_DTYPE, 3)                  \
  X(CUM_ERR_NDIM, 4) X(CUM_ERR_SHAPE, 5) X(CUM_ERR_STRIDES, 6) X(CUM_ERR_AXIS, 7)               \
  X(CUM_ERR_CAST, 8) X(CUM_ERR_OPTIONS, 9) X(CUM_ERR_OVERFLOW, 10) X(CUM_ERR_MEMORY, 11)        \
  X(CUM_ERR_CANCELLED, 12) X(CUM_ERR_INTERNAL, 13)                                              \
  X(CUM_MAX_NDIM, 64) X(CUM_AXIS_NONE, INT32_MIN)                                               \
  X(CUM_EXCLUSIVE, 1) X(CUM_REVERSE, 2) X(CUM_INCLUDE_INITIAL, 4)                               \
  X(CUM_SEQUENTIAL, 0) X(CUM_REASSOCIATE, 1) X(CUM_COMPENSATED, 2)                              \
  X(CUM_NAN_PROPAGATE, 0) X(CUM_NAN_IDENTITY, 1) X(CUM_NAN_SKIP, 2)                             \
  X(CUM_WRAP, 0) X(CUM_CHECK, 1) X(CUM_SATURATE, 2)

/* In #if an unknown identifier is 0 and a cast does not parse: each constant must be a macro,
 * and its whole expansion must mean something to the preprocessor. */
#if CUM_I8 != 0x0008 || CUM_I16 != 0x0010 || CUM_I32 != 0x0020 || CUM_I64 != 0x0040
#error "signed integer dtypes"
#endif
#if CUM_U8 != 0x0108 || CUM_U16 != 0x0110 || CUM_U32 != 0x0120 || CUM_U64 != 0x0140
#error "unsigned integer dtypes"
#endif
#if CUM_F16 != 0x0210 || CUM_F32 != 0x0220 || CUM_F64 != 0x0240 || CUM_BF16 != 0x0410
#error "floating dtypes"
#endif
#if CUM_C64 != 0x0540 || CUM_C128 != 0x0580 || CUM_BOOL != 0x0608
#error "complex dtypes and bool"
#endif
#if CUM_SUM != 1 || CUM_PROD != 2 || CUM_MAX != 3 || CUM_MIN != 4 || CUM_LOGSUMEXP != 5
#error "operations"
#endif
#if CUM_ERR_NULL_POINTER != 1 || CUM_ERR_OP != 2 || CUM_ERR_DTYPE != 3 || CUM_ERR_NDIM != 4
#error "status codes 1 to 4"
#endif
#if CUM_ERR_SHAPE != 5 || CUM_ERR_STRIDES != 6 || CUM_ERR_AXIS != 7 || CUM_ERR_CAST != 8
#error "status codes 5 to 8"
#endif
#if CUM_ERR_OPTIONS != 9 || CUM_ERR_OVERFLOW != 10 || CUM_ERR_MEMORY != 11
#error "status codes 9 to 11"
#endif
#if CUM_ERR_CANCELLED != 12 || CUM_ERR_INTERNAL != 13
#error "status codes 12 and 13"
#endif
#if CUM_MAX_NDIM != 64 || CUM_AXIS_NONE != INT32_MIN
#error "dimensions"
#endif
#if CUM_EXCLUSIVE != 1 || CUM_REVERSE != 2 || CUM_INCLUDE_INITIAL != 4
#error "flags"
#endif
#if CUM_REASSOCIATE != 1 || CUM_COMPENSATED != 2 || CUM_NAN_IDENTITY != 1 || CUM_NAN_SKIP != 2
#error "modes and NaN policies"
#endif
#if CUM_CHECK != 1 || CUM_SATURATE != 2
#error "overflow policies"
#endif
#if CUM_VERSION_MAJOR < 0 || CUM_VERSION_MINOR < 0 || CUM_VERSION_PATCH < 0
#error "version"
#endif
#if !defined(CUM_OK) || !defined(CUM_DTYPE_DEFAULT) || !defined(CUM_SEQUENTIAL) ||               \
    !defined(CUM_NAN_PROPAGATE) || !defined(CUM_WRAP) || !defined(CUM_VERSION_MAJOR) ||          \
    !defined(CUM_VERSION_MINOR) || !defined(CUM_VERSION_PATCH) || !defined(CUM_API)
#error "a constant that is 0, or CUM_API, is not a macro"
#endif
#if CUM_OK != 0 || CUM_DTYPE_DEFAULT != 0 || CUM_SEQUENTIAL != 0 || CUM_NAN_PROPAGATE != 0 ||     \
    CUM_WRAP != 0
#error "constants that are 0"
#endif

/* Taking each address with the contract's type is what checks the prototypes. */
static void prototypes(void) {
  const char *(*status_name)(cum_status) = cum_status_name;
  const char *(*last_error)(void) = cum_last_error;
  const char *(*version)(void) = cum_version;
  size_t (*dtype_size)(cum_dtype) = cum_dtype_size;
  int64_t (*line_count)(int32_t, const int64_t *, int32_t) = cum_line_count;
  cum_status (*scan)(cum_op, int32_t, const int64_t *, int32_t, const void *, cum_dtype,
                     const int64_t *, void *, cum_dtype, const int64_t *,
                     const cum_options *) = cum_scan;
  cum_dtype (*result_dtype)(cum_op, cum_dtype) = cum_result_dtype;
  void (*options_init)(cum_options *, size_t) = cum_options_init;
  size_t (*carry_size)(cum_dtype, int32_t) = cum_carry_size;
  cum_status (*reduce)(cum_op, int32_t, const int64_t *, int32_t, const void *, cum_dtype,
                       const int64_t *, cum_dtype, void *, size_t, const cum_options *) = cum_reduce;
  cum_status (*combine)(cum_op, cum_dtype, int32_t, size_t, const void *, const void *,
                        void *) = cum_combine;
  cum_status (*sum_f64)(const double *, size_t, double *) = cum_sum_f64;
  cum_status (*prod_i32)(const int32_t *, size_t, int32_t *) = cum_prod_i32;
  cum_status (*sum_c64)(const cum_c64 *, size_t, cum_c64 *) = cum_sum_c64;
  int32_t (*set_max_threads)(int32_t) = cum_set_max_threads;
  const char *(*isa)(void) = cum_isa;
  CHECK(status_name && last_error && version && dtype_size && line_count && scan);
  CHECK(result_dtype && options_init && carry_size && reduce && combine && sum_f64);
  CHECK(prod_i32 && sum_c64 && set_max_threads && isa);
}

#define CHECK_LAYOUT(name, condition) check_that((condition) != 0, __FILE__, __LINE__, #name);
#define CHECK_VALUE(macro, value) check_that((macro) == (value), __FILE__, __LINE__, #macro);

int main(void) {
  LAYOUT(CHECK_LAYOUT)
  VALUES(CHECK_VALUE)
  prototypes();
  return finish("layout");
}
