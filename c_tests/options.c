/* Every member of cum_options: starting values, directions, carries, modes, NaN and overflow
 * policies, progress, messages; and the caller's floating-point environment. */
#include "check.h"

#include <fenv.h>

static cum_options defaults(void) {
  cum_options options;
  memset(&options, 0xFF, sizeof options);
  cum_options_init(&options, sizeof options);
  return options;
}

static void the_initialisers_set_every_default(void) {
  cum_options by_macro = CUM_OPTIONS_INIT, by_call = defaults();
  unsigned char bytes[16];
  int i;
  CHECK(by_macro.struct_size == sizeof(cum_options));
  CHECK(by_call.struct_size == sizeof(cum_options));
  CHECK(by_call.dtype == CUM_DTYPE_DEFAULT && by_call.flags == 0 && by_call.mode == CUM_SEQUENTIAL);
  CHECK(by_call.nan == CUM_NAN_PROPAGATE && by_call.overflow == CUM_WRAP && by_call.max_threads == 0);
  CHECK(by_call.carry_in == NULL && by_call.carry_in_len == 0);
  CHECK(by_call.carry_out == NULL && by_call.carry_out_len == 0);
  CHECK(by_call.progress == NULL && by_call.user == NULL);
  CHECK(by_call.message == NULL && by_call.message_size == 0 && by_call.where == NULL);
  CHECK(by_macro.flags == 0 && by_macro.carry_in == NULL && by_macro.where == NULL);
  memset(bytes, 0xFF, sizeof bytes);
  cum_options_init((cum_options *)(void *)bytes, 12); /* an older, smaller structure */
  for (i = 12; i < 16; ++i) CHECK(bytes[i] == 0xFF);
}

typedef struct variant {
  cum_op op;
  uint32_t flags;
  int has_start; /* a carry_in of 10 */
  double expected[5];
} variant;

static void flags_and_starting_values(void) {
  const double x[4] = {3, 1, 4, 2}, inf = (double)INFINITY, start = 10;
  const variant table[] = {
      {CUM_SUM, 0, 0, {3, 4, 8, 10}},
      {CUM_SUM, 0, 1, {13, 14, 18, 20}},
      {CUM_SUM, CUM_REVERSE, 0, {10, 7, 6, 2}},
      {CUM_SUM, CUM_REVERSE, 1, {20, 17, 16, 12}},
      {CUM_SUM, CUM_EXCLUSIVE, 0, {0, 3, 4, 8}},
      {CUM_SUM, CUM_EXCLUSIVE, 1, {10, 13, 14, 18}},
      {CUM_SUM, CUM_EXCLUSIVE | CUM_REVERSE, 0, {7, 6, 2, 0}},
      {CUM_SUM, CUM_EXCLUSIVE | CUM_REVERSE, 1, {17, 16, 12, 10}},
      {CUM_SUM, CUM_INCLUDE_INITIAL, 0, {0, 3, 4, 8, 10}},
      {CUM_SUM, CUM_INCLUDE_INITIAL, 1, {10, 13, 14, 18, 20}},
      {CUM_SUM, CUM_INCLUDE_INITIAL | CUM_REVERSE, 0, {10, 7, 6, 2, 0}},
      {CUM_SUM, CUM_INCLUDE_INITIAL | CUM_REVERSE, 1, {20, 17, 16, 12, 10}},
      {CUM_PROD, CUM_EXCLUSIVE, 0, {1, 3, 3, 12}},
      {CUM_PROD, CUM_INCLUDE_INITIAL, 0, {1, 3, 3, 12, 24}},
      {CUM_PROD, CUM_INCLUDE_INITIAL | CUM_REVERSE, 1, {240, 80, 80, 20, 10}},
      {CUM_MAX, CUM_EXCLUSIVE, 0, {-inf, 3, 3, 4}},
      {CUM_MAX, CUM_INCLUDE_INITIAL, 1, {10, 10, 10, 10, 10}},
      {CUM_MIN, CUM_EXCLUSIVE, 0, {inf, 3, 1, 1}},
      {CUM_MIN, CUM_EXCLUSIVE | CUM_REVERSE, 0, {1, 2, 2, inf}},
      {CUM_LOGSUMEXP, CUM_INCLUDE_INITIAL, 0, {-inf, 3, 3.126928011042972, 4.349012216768187, 4.440189698561196}},
  };
  size_t row;
  int threads, i;
  for (threads = 0; threads < 2; ++threads)
    for (row = 0; row < sizeof table / sizeof table[0]; ++row) {
      const variant *v = &table[row];
      int length = (v->flags & CUM_INCLUDE_INITIAL) != 0 ? 5 : 4;
      cum_options options = defaults();
      double out[5] = {-1, -1, -1, -1, -1}, total = -1;
      int64_t four = 4;
      options.flags = v->flags;
      options.max_threads = threads;
      if (v->has_start) {
        options.carry_in = &start;
        options.carry_in_len = 1;
      }
      options.carry_out = &total;
      options.carry_out_len = 1;
      CHECK_OK(cum_scan(v->op, 1, &four, 0, x, CUM_F64, NULL, out, CUM_F64, NULL, &options));
      for (i = 0; i < length; ++i) {
        int good = v->op == CUM_LOGSUMEXP && isfinite(v->expected[i])
                       ? fabs(out[i] - v->expected[i]) < 1e-13
                       : same(out[i], v->expected[i]);
        check_that(good, __FILE__, __LINE__, "op %d flags %u start %d: out[%d] is %.17g", v->op,
                   (unsigned)v->flags, v->has_start, i, out[i]);
      }
      if (length == 4) CHECK(out[4] == -1);
      if (v->op == CUM_SUM) CHECK(total == (v->has_start ? 20 : 10));
      if (v->op == CUM_MIN) CHECK(total == 1);
    }
}

static void identities_of_integers(void) {
  const int32_t x[1] = {7};
  const uint8_t y[1] = {7};
  int64_t one = 1;
  int32_t out[2];
  uint8_t small[2];
  cum_options options = defaults();
  options.flags = CUM_INCLUDE_INITIAL;
  CHECK_OK(cum_scan(CUM_MAX, 1, &one, 0, x, CUM_I32, NULL, out, CUM_I32, NULL, &options));
  CHECK(out[0] == INT32_MIN && out[1] == 7);
  CHECK_OK(cum_scan(CUM_MIN, 1, &one, 0, x, CUM_I32, NULL, out, CUM_I32, NULL, &options));
  CHECK(out[0] == INT32_MAX && out[1] == 7);
  CHECK_OK(cum_scan(CUM_MIN, 1, &one, 0, y, CUM_U8, NULL, small, CUM_U8, NULL, &options));
  CHECK(small[0] == 255 && small[1] == 7);
  CHECK_OK(cum_scan(CUM_PROD, 1, &one, 0, y, CUM_BOOL, NULL, small, CUM_BOOL, NULL, &options));
  CHECK(small[0] == 1 && small[1] == 1);
  CHECK_OK(cum_scan(CUM_SUM, 1, &one, 0, y, CUM_BOOL, NULL, small, CUM_BOOL, NULL, &options));
  CHECK(small[0] == 0 && small[1] == 1);
}

static void initial_and_exclusive_along_every_axis(void) {
  const int64_t x[6] = {1, 2, 3, 4, 5, 6};
  const int64_t shape[2] = {2, 3};
  const int64_t down[9] = {0, 0, 0, 1, 2, 3, 5, 7, 9};
  const int64_t across[8] = {0, 1, 3, 6, 0, 4, 9, 15};
  const int64_t flat[7] = {0, 1, 3, 6, 10, 15, 21};
  const int64_t flat_reversed[6] = {20, 18, 15, 11, 6, 0};
  int64_t out[10];
  cum_options options = defaults();
  memset(out, 0x5A, sizeof out);
  options.flags = CUM_INCLUDE_INITIAL;
  CHECK_OK(cum_scan(CUM_SUM, 2, shape, 0, x, CUM_I64, NULL, out, CUM_I64, NULL, &options));
  CHECK(memcmp(out, down, sizeof down) == 0 && out[9] == 0x5A5A5A5A5A5A5A5A);
  CHECK_OK(cum_scan(CUM_SUM, 2, shape, 1, x, CUM_I64, NULL, out, CUM_I64, NULL, &options));
  CHECK(memcmp(out, across, sizeof across) == 0);
  CHECK_OK(cum_scan(CUM_SUM, 2, shape, CUM_AXIS_NONE, x, CUM_I64, NULL, out, CUM_I64, NULL, &options));
  CHECK(memcmp(out, flat, sizeof flat) == 0);
  options.flags = CUM_EXCLUSIVE | CUM_REVERSE;
  CHECK_OK(cum_scan(CUM_SUM, 2, shape, CUM_AXIS_NONE, x, CUM_I64, NULL, out, CUM_I64, NULL, &options));
  CHECK(memcmp(out, flat_reversed, sizeof flat_reversed) == 0);
  memcpy(out, x, sizeof x); /* exclusive in place */
  options.flags = CUM_EXCLUSIVE;
  CHECK_OK(cum_scan(CUM_SUM, 2, shape, 1, out, CUM_I64, NULL, out, CUM_I64, NULL, &options));
  CHECK(out[0] == 0 && out[1] == 1 && out[2] == 3 && out[3] == 0 && out[4] == 4 && out[5] == 9);
}

static void a_carry_for_each_line_in_c_order(void) {
  const int32_t x[6] = {1, 2, 3, 4, 5, 6};
  const int64_t shape[2] = {2, 3};
  const int64_t starts[3] = {100, 200, 300}, zero = 0;
  int64_t ends[3];
  double out[6];
  const double expected[6] = {101, 202, 303, 105, 207, 309};
  int i;
  cum_options options = defaults();
  options.dtype = CUM_I64; /* carries are of the computing type, whatever x and out are */
  options.carry_in = starts;
  options.carry_in_len = 3;
  options.carry_out = ends;
  options.carry_out_len = 3;
  CHECK_OK(cum_scan(CUM_SUM, 2, shape, 0, x, CUM_I32, NULL, out, CUM_F64, NULL, &options));
  for (i = 0; i < 6; ++i) CHECK(out[i] == expected[i]);
  CHECK(ends[0] == 105 && ends[1] == 207 && ends[2] == 309);
  options.carry_in = &zero;
  options.carry_in_len = 1; /* one for all lines */
  CHECK_OK(cum_scan(CUM_SUM, 2, shape, 0, x, CUM_I32, NULL, out, CUM_F64, NULL, &options));
  CHECK(ends[0] == 5 && ends[1] == 7 && ends[2] == 9);
  ends[0] = 1, ends[1] = 2, ends[2] = 3;
  options.carry_in = ends; /* the same buffer */
  options.carry_in_len = 3;
  CHECK_OK(cum_scan(CUM_SUM, 2, shape, 0, x, CUM_I32, NULL, out, CUM_F64, NULL, &options));
  CHECK(ends[0] == 6 && ends[1] == 9 && ends[2] == 12);
}

static void chunks_that_pass_carries_on_equal_one_scan(void) {
  enum { LENGTH = 1000 };
  static double x[LENGTH], whole[LENGTH], parts[LENGTH];
  const int64_t cuts[5] = {0, 1, 17, 640, LENGTH};
  cum_op op;
  int i, c, reversed;
  for (i = 0; i < LENGTH; ++i) x[i] = (double)((i * 7919) % 1013 - 500) / 7.0;
  for (reversed = 0; reversed < 2; ++reversed)
    for (op = CUM_SUM; op <= CUM_LOGSUMEXP; ++op) {
      cum_options options = defaults();
      double carry = 0;
      int64_t all = LENGTH;
      options.flags = reversed ? CUM_REVERSE : 0;
      CHECK_OK(cum_scan(op, 1, &all, 0, x, CUM_F64, NULL, whole, CUM_F64, NULL, &options));
      options.carry_out = &carry;
      options.carry_out_len = 1;
      for (c = 0; c < 4; ++c) {
        int at = reversed ? 3 - c : c;
        int64_t length = cuts[at + 1] - cuts[at];
        CHECK_OK(cum_scan(op, 1, &length, 0, x + cuts[at], CUM_F64, NULL, parts + cuts[at], CUM_F64,
                          NULL, &options));
        options.carry_in = &carry;
        options.carry_in_len = 1;
      }
      check_that(memcmp(whole, parts, sizeof whole) == 0, __FILE__, __LINE__,
                 "op %d in chunks, reversed %d", op, reversed);
      CHECK(memcmp(&carry, &whole[reversed ? 0 : LENGTH - 1], sizeof carry) == 0);
    }
}

static void modes_agree_within_their_bounds(void) {
  enum { LENGTH = 20000 };
  static double x[LENGTH], sequential[LENGTH], grouped[LENGTH], compensated[LENGTH];
  int64_t all = LENGTH;
  double exact = 0, error = 0, pair[2];
  int i, close = 1, within = 1;
  cum_options options = defaults();
  for (i = 0; i < LENGTH; ++i) x[i] = 0.1 * (double)(i % 10);
  CHECK_OK(cum_scan(CUM_SUM, 1, &all, 0, x, CUM_F64, NULL, sequential, CUM_F64, NULL, &options));
  options.mode = CUM_REASSOCIATE;
  CHECK_OK(cum_scan(CUM_SUM, 1, &all, 0, x, CUM_F64, NULL, grouped, CUM_F64, NULL, &options));
  options.mode = CUM_COMPENSATED;
  options.carry_out = pair;
  options.carry_out_len = 1;
  CHECK_OK(cum_scan(CUM_SUM, 1, &all, 0, x, CUM_F64, NULL, compensated, CUM_F64, NULL, &options));
  for (i = 0; i < LENGTH; ++i) {
    volatile double sum, part; /* two-sum, kept from a clever compiler */
    sum = exact + x[i];
    part = sum - exact;
    error += (exact - (sum - part)) + (x[i] - part);
    exact = sum;
    close &= fabs(grouped[i] - sequential[i]) <= 1e-10 * fabs(sequential[i]);
    within &= fabs(compensated[i] - (exact + error)) <= 0x1p-52 * fabs(exact);
  }
  CHECK(close);
  CHECK(within);
  CHECK(fabs(pair[0] + pair[1] - compensated[LENGTH - 1]) <= 0x1p-52 * compensated[LENGTH - 1]);
  {
    /* what sequential mode loses and compensated mode keeps */
    const double tiny[4] = {1, 1e-17, 1e-17, -1};
    double out[4];
    int64_t four = 4;
    options.carry_out = NULL;
    CHECK_OK(cum_scan(CUM_SUM, 1, &four, 0, tiny, CUM_F64, NULL, out, CUM_F64, NULL, &options));
    CHECK(out[0] == 1 && fabs(out[3] - 2e-17) <= 2e-27);
  }
}

static void nan_policies(void) {
  const double nan = (double)NAN, x[5] = {(double)NAN, 2, (double)NAN, 3, 4};
  double out[5], total;
  int64_t five = 5;
  cum_options options = defaults();
  options.carry_out = &total;
  options.carry_out_len = 1;
  CHECK_OK(cum_scan(CUM_SUM, 1, &five, 0, x, CUM_F64, NULL, out, CUM_F64, NULL, &options));
  CHECK(isnan(out[0]) && isnan(out[4]) && isnan(total));
  options.nan = CUM_NAN_IDENTITY;
  CHECK_OK(cum_scan(CUM_SUM, 1, &five, 0, x, CUM_F64, NULL, out, CUM_F64, NULL, &options));
  CHECK(same(out[0], 0.0) && out[1] == 2 && out[2] == 2 && out[3] == 5 && out[4] == 9 && total == 9);
  CHECK_OK(cum_scan(CUM_PROD, 1, &five, 0, x, CUM_F64, NULL, out, CUM_F64, NULL, &options));
  CHECK(out[0] == 1 && out[1] == 2 && out[2] == 2 && out[3] == 6 && out[4] == 24 && total == 24);
  CHECK_OK(cum_scan(CUM_MIN, 1, &five, 0, x, CUM_F64, NULL, out, CUM_F64, NULL, &options));
  CHECK(out[0] == (double)INFINITY && out[1] == 2 && out[4] == 2);
  options.nan = CUM_NAN_SKIP;
  CHECK_OK(cum_scan(CUM_SUM, 1, &five, 0, x, CUM_F64, NULL, out, CUM_F64, NULL, &options));
  CHECK(same(out[0], nan) && out[1] == 2 && isnan(out[2]) && out[3] == 5 && out[4] == 9);
  options.flags = CUM_EXCLUSIVE;
  CHECK_OK(cum_scan(CUM_SUM, 1, &five, 0, x, CUM_F64, NULL, out, CUM_F64, NULL, &options));
  CHECK(isnan(out[0]) && out[1] == 0 && isnan(out[2]) && out[3] == 2 && out[4] == 5 && total == 9);
}

static void overflow_is_wrapped_reported_or_clamped(void) {
  const int32_t x[2][4] = {{1, 2, 3, 4}, {INT32_MAX, 5, -7, INT32_MIN}};
  const int64_t shape[2] = {2, 4};
  int64_t where[2] = {-9, -9};
  int32_t out[2][4];
  cum_options options = defaults();
  options.where = where;
  CHECK_OK(cum_scan(CUM_SUM, 2, shape, 1, x, CUM_I32, NULL, out, CUM_I32, NULL, &options));
  CHECK(out[0][3] == 10 && out[1][1] == INT32_MIN + 4);
  options.overflow = CUM_SATURATE;
  CHECK_OK(cum_scan(CUM_SUM, 2, shape, 1, x, CUM_I32, NULL, out, CUM_I32, NULL, &options));
  CHECK(out[1][0] == INT32_MAX && out[1][1] == INT32_MAX && out[1][2] == INT32_MAX - 7);
  CHECK(out[1][3] == -8);
  options.overflow = CUM_CHECK;
  memset(out, 0x11, sizeof out);
  CHECK_STATUS(cum_scan(CUM_SUM, 2, shape, 1, x, CUM_I32, NULL, out, CUM_I32, NULL, &options),
               CUM_ERR_OVERFLOW);
  CHECK(where[0] == 1 && where[1] == 1);
  CHECK(out[0][0] == 0x11111111 && out[1][3] == 0x11111111);
  options.flags = CUM_REVERSE;
  CHECK_STATUS(cum_scan(CUM_SUM, 2, shape, 1, x, CUM_I32, NULL, out, CUM_I32, NULL, &options),
               CUM_ERR_OVERFLOW);
  CHECK(where[0] == 1 && where[1] == 2); /* INT32_MIN + -7 */
  options.flags = 0;
  options.dtype = CUM_I64; /* computes without overflow, but 2147483652 does not fit out */
  CHECK_STATUS(cum_scan(CUM_SUM, 2, shape, 1, x, CUM_I32, NULL, out, CUM_I32, NULL, &options),
               CUM_ERR_OVERFLOW);
  CHECK(where[0] == 1 && where[1] == 1);
  {
    int64_t sums[2][4];
    CHECK_OK(cum_scan(CUM_SUM, 2, shape, 1, x, CUM_I32, NULL, sums, CUM_I64, NULL, &options));
    CHECK(sums[1][3] == -3);
  }
  {
    const int64_t start = 1000;
    uint8_t small[3];
    const uint8_t ones[2] = {1, 1};
    int64_t two = 2;
    options.flags = CUM_INCLUDE_INITIAL;
    options.carry_in = &start;
    options.carry_in_len = 1;
    CHECK_STATUS(cum_scan(CUM_MIN, 1, &two, 0, ones, CUM_U8, NULL, small, CUM_U8, NULL, &options),
                 CUM_ERR_OVERFLOW);
    CHECK(where[0] == 0 && where[1] == -1);
  }
}

typedef struct watch {
  int calls, backwards;
  uint64_t last_done, last_total;
  int cancel;
} watch;

static int32_t note(uint64_t done, uint64_t total, void *user) {
  watch *seen = user;
  seen->calls += 1;
  seen->backwards |= done < seen->last_done || done > total;
  seen->last_done = done;
  seen->last_total = total;
  return seen->cancel;
}

static void progress_ends_with_the_whole(void) {
  const double x[4] = {1, 2, 3, 4};
  const int64_t shape[2] = {2, 2}, empty[1] = {0};
  double out[4], totals[2];
  watch seen;
  cum_options options = defaults();
  options.progress = note;
  options.user = &seen;
  memset(&seen, 0, sizeof seen);
  CHECK_OK(cum_scan(CUM_SUM, 2, shape, 0, x, CUM_F64, NULL, out, CUM_F64, NULL, &options));
  CHECK(seen.calls >= 1 && !seen.backwards && seen.last_done == 4 && seen.last_total == 4);
  memset(&seen, 0, sizeof seen);
  seen.cancel = 1; /* the last call cannot cancel */
  CHECK_OK(cum_scan(CUM_SUM, 1, empty, 0, NULL, CUM_F64, NULL, NULL, CUM_F64, NULL, &options));
  CHECK(seen.calls == 1 && seen.last_done == 0 && seen.last_total == 0);
  memset(&seen, 0, sizeof seen);
  CHECK_OK(cum_reduce(CUM_SUM, 2, shape, 0, x, CUM_F64, NULL, CUM_F64, totals, 2, &options));
  CHECK(seen.calls >= 1 && seen.last_done == 4 && seen.last_total == 4);
  {
    const int32_t y[4] = {1, 2, 3, 4};
    int32_t sums[4];
    memset(&seen, 0, sizeof seen);
    options.overflow = CUM_CHECK; /* counts its first pass too */
    CHECK_OK(cum_scan(CUM_SUM, 2, shape, 0, y, CUM_I32, NULL, sums, CUM_I32, NULL, &options));
    CHECK(!seen.backwards && seen.last_done == 8 && seen.last_total == 8);
  }
}

static void message_receives_the_sentence(void) {
  const double x[2] = {1, 2};
  double out[2];
  int64_t two = 2;
  char text[200], small[8];
  cum_options options = defaults();
  options.message = text;
  options.message_size = sizeof text;
  memset(text, 'x', sizeof text);
  CHECK_STATUS(cum_scan(CUM_SUM, 1, &two, 5, x, CUM_F64, NULL, out, CUM_F64, NULL, &options),
               CUM_ERR_AXIS);
  CHECK(memchr(text, 0, sizeof text) != NULL && strcmp(text, cum_last_error()) == 0);
  CHECK(strchr(text, '5') != NULL);
  CHECK_OK(cum_scan(CUM_SUM, 1, &two, 0, x, CUM_F64, NULL, out, CUM_F64, NULL, &options));
  CHECK(text[0] == 0 && cum_last_error()[0] == 0);
  options.message = small;
  options.message_size = sizeof small - 1;
  memset(small, 'x', sizeof small);
  CHECK_STATUS(cum_scan(CUM_SUM, 1, &two, 5, x, CUM_F64, NULL, out, CUM_F64, NULL, &options),
               CUM_ERR_AXIS);
  CHECK(small[6] == 0 && small[7] == 'x' && strlen(small) > 0);
  CHECK(strncmp(small, cum_last_error(), strlen(small)) == 0);
}

static void the_rounding_direction_is_the_default_one_and_comes_back(void) {
  const int directions[3] = {FE_UPWARD, FE_DOWNWARD, FE_TOWARDZERO};
  enum { LENGTH = 100 };
  double x[LENGTH], plain[LENGTH], out[LENGTH];
  int64_t all = LENGTH;
  int i, d;
  for (i = 0; i < LENGTH; ++i) x[i] = 1.0 / (i + 3);
  CHECK_OK(cum_sum_f64(x, LENGTH, plain));
  for (d = 0; d < 3; ++d) {
    cum_status first, second;
    CHECK(fesetround(directions[d]) == 0);
    first = cum_sum_f64(x, LENGTH, out);
    second = cum_scan(CUM_SUM, 1, &all, 0, x, CUM_F64, NULL, out, CUM_F64, NULL, NULL);
    CHECK(fegetround() == directions[d]);
    CHECK(fesetround(FE_TONEAREST) == 0);
    CHECK(first == CUM_OK && second == CUM_OK);
    CHECK(memcmp(plain, out, sizeof out) == 0);
  }
}

int main(void) {
  the_initialisers_set_every_default();
  flags_and_starting_values();
  identities_of_integers();
  initial_and_exclusive_along_every_axis();
  a_carry_for_each_line_in_c_order();
  chunks_that_pass_carries_on_equal_one_scan();
  modes_agree_within_their_bounds();
  nan_policies();
  overflow_is_wrapped_reported_or_clamped();
  progress_ends_with_the_whole();
  message_receives_the_sentence();
  the_rounding_direction_is_the_default_one_and_comes_back();
  return finish("options");
}
