/* Calls from eight threads at once, each with results and a last error of its own; large
 * inputs with the library's threads; and a fork after use, whose child computes as well. */
#include "check.h"

#include <pthread.h>
#include <sched.h>
#include <sys/wait.h>
#include <unistd.h>

enum { CALLERS = 8, ROUNDS = 60, LARGE = 1 << 21 };

static pthread_barrier_t together;

typedef struct caller {
  int number;
  long made, failed;
  const char *first_failure;
} caller;

/* The shared counters of check.h are not for several threads: each caller has its own. */
static void note(caller *self, int good, const char *what) {
  self->made += 1;
  if (good) return;
  self->failed += 1;
  if (self->first_failure == NULL) self->first_failure = what;
}

static void *call_and_fail_in_turn(void *argument) {
  caller *self = argument;
  enum { LENGTH = 5000 };
  int32_t x[LENGTH];
  int64_t out[LENGTH], length = LENGTH;
  char number[16], previous[256];
  int round, i;
  sprintf(number, "%d", 100 + self->number);
  pthread_barrier_wait(&together);
  for (round = 0; round < ROUNDS; ++round) {
    int64_t sum = 0;
    int good = 1;
    double small[3] = {1, 2, 3}, zero[3];
    for (i = 0; i < LENGTH; ++i) x[i] = (i * (self->number + 3) + round) % 1000;
    note(self, cum_scan(CUM_SUM, 1, &length, 0, x, CUM_I32, NULL, out, CUM_I64, NULL, NULL) == CUM_OK,
         "a sum of int32 to int64");
    for (i = 0; i < LENGTH; ++i) {
      sum += x[i];
      good &= out[i] == sum;
    }
    note(self, good, "the results of a sum");
    note(self, cum_last_error()[0] == 0, "the empty last error after a success");

    /* an axis that tells this thread's error from the others' */
    note(self,
         cum_scan(CUM_SUM, 1, &length, 100 + self->number, x, CUM_I32, NULL, out, CUM_I64, NULL,
                  NULL) == CUM_ERR_AXIS,
         "an axis out of bounds");
    note(self, strstr(cum_last_error(), number) != NULL, "this thread's own last error");
    strcpy(previous, cum_last_error());
    sched_yield();
    note(self, strcmp(previous, cum_last_error()) == 0, "a last error that stays");
    note(self, out[LENGTH - 1] == sum, "an output untouched by an error");
    note(self, cum_prod_f64(small, 3, zero) == CUM_OK && zero[2] == 6, "a product");
  }
  return NULL;
}

static void eight_callers_at_once(void) {
  caller callers[CALLERS];
  pthread_t threads[CALLERS];
  int i;
  memset(callers, 0, sizeof callers);
  CHECK(pthread_barrier_init(&together, NULL, CALLERS) == 0);
  for (i = 0; i < CALLERS; ++i) {
    callers[i].number = i;
    CHECK(pthread_create(&threads[i], NULL, call_and_fail_in_turn, &callers[i]) == 0);
  }
  for (i = 0; i < CALLERS; ++i) {
    CHECK(pthread_join(threads[i], NULL) == 0);
    check_that(callers[i].failed == 0, __FILE__, __LINE__, "caller %d: %ld failures, the first %s",
               i, callers[i].failed, callers[i].failed ? callers[i].first_failure : "");
    check_that(callers[i].made == ROUNDS * 8L, __FILE__, __LINE__, "caller %d made %ld checks", i,
               callers[i].made);
    checks_made += callers[i].made;
  }
  CHECK(pthread_barrier_destroy(&together) == 0);
  CHECK(cum_last_error()[0] == 0); /* none of theirs is ours */
}

/* x[i] is small and position-dependent, so that every prefix is exact. */
static int large_sum_is_right(const int32_t *x, int64_t *out, int32_t max_threads) {
  int64_t length = LARGE, sum = 0;
  cum_options options;
  int i, good = 1;
  cum_options_init(&options, sizeof options);
  options.max_threads = max_threads;
  memset(out, 0xEE, LARGE * sizeof *out);
  if (cum_scan(CUM_SUM, 1, &length, 0, x, CUM_I32, NULL, out, CUM_I64, NULL, &options) != CUM_OK)
    return 0;
  for (i = 0; i < LARGE; ++i) {
    sum += x[i];
    good &= out[i] == sum;
  }
  return good;
}

/* 1024 rows along the axis, and down across it. */
static int large_lines_are_right(const int32_t *x, int64_t *out, int32_t axis) {
  const int64_t shape[2] = {1024, LARGE / 1024};
  int64_t row, column;
  int good = 1;
  memset(out, 0xEE, LARGE * sizeof *out);
  if (cum_scan(CUM_SUM, 2, shape, axis, x, CUM_I32, NULL, out, CUM_I64, NULL, NULL) != CUM_OK)
    return 0;
  for (row = 0; row < shape[0]; ++row)
    for (column = 0; column < shape[1]; ++column) {
      int64_t at = row * shape[1] + column, back = axis == 0 ? shape[1] : 1;
      int64_t before = (axis == 0 ? row : column) == 0 ? 0 : out[at - back];
      good &= out[at] == before + x[at];
    }
  return good;
}

static void *large_scans(void *argument) {
  caller *self = argument;
  int32_t *x = must_allocate(LARGE * sizeof *x);
  int64_t *out = must_allocate(LARGE * sizeof *out);
  int i;
  for (i = 0; i < LARGE; ++i) x[i] = (i * 7 + self->number) % 1009 - 300;
  pthread_barrier_wait(&together);
  note(self, large_sum_is_right(x, out, 0), "a large sum");
  note(self, large_sum_is_right(x, out, 4), "a large sum with four threads");
  note(self, large_lines_are_right(x, out, 0), "large lines down");
  note(self, large_lines_are_right(x, out, 1), "large lines along");
  free(x);
  free(out);
  return NULL;
}

static void three_callers_with_large_inputs(void) {
  enum { LARGE_CALLERS = 3 };
  caller callers[LARGE_CALLERS];
  pthread_t threads[LARGE_CALLERS];
  int i;
  memset(callers, 0, sizeof callers);
  CHECK(pthread_barrier_init(&together, NULL, LARGE_CALLERS) == 0);
  for (i = 0; i < LARGE_CALLERS; ++i) {
    callers[i].number = i;
    CHECK(pthread_create(&threads[i], NULL, large_scans, &callers[i]) == 0);
  }
  for (i = 0; i < LARGE_CALLERS; ++i) {
    CHECK(pthread_join(threads[i], NULL) == 0);
    check_that(callers[i].failed == 0 && callers[i].made == 4, __FILE__, __LINE__,
               "large caller %d: %s", i, callers[i].failed ? callers[i].first_failure : "");
    checks_made += callers[i].made;
  }
  CHECK(pthread_barrier_destroy(&together) == 0);
}

static void thread_counts_give_the_same_bits(void) {
  static double x[LARGE], one[LARGE], several[LARGE];
  const int32_t counts[3] = {2, 5, 64};
  const int64_t shapes[3][2] = {{1, LARGE}, {1024, LARGE / 1024}, {LARGE / 8, 8}};
  int mode, c, s, axis, i;
  for (i = 0; i < LARGE; ++i) x[i] = (double)((i % 10007 * 7919) % 10007 - 5000) / 3.0;
  for (mode = CUM_SEQUENTIAL; mode <= CUM_COMPENSATED; ++mode)
    for (s = 0; s < 3; ++s)
      for (axis = 0; axis < 2; ++axis) {
        cum_options options;
        cum_options_init(&options, sizeof options);
        options.mode = mode;
        options.max_threads = 1;
        CHECK_OK(cum_scan(CUM_SUM, 2, shapes[s], axis, x, CUM_F64, NULL, one, CUM_F64, NULL, &options));
        for (c = 0; c < 3; ++c) {
          options.max_threads = counts[c];
          memset(several, 0xEE, sizeof several);
          CHECK_OK(cum_scan(CUM_SUM, 2, shapes[s], axis, x, CUM_F64, NULL, several, CUM_F64, NULL,
                            &options));
          check_that(memcmp(one, several, sizeof one) == 0, __FILE__, __LINE__,
                     "mode %d, shape %d, axis %d, %d threads", mode, s, axis, counts[c]);
        }
      }
}

static void a_child_after_fork_computes_as_well(void) {
  int32_t *x = must_allocate(LARGE * sizeof *x);
  int64_t *out = must_allocate(LARGE * sizeof *out);
  int i, round;
  for (i = 0; i < LARGE; ++i) x[i] = i % 1009 - 300;
  CHECK(large_sum_is_right(x, out, 0));
  for (round = 0; round < 4; ++round) {
    int status = -1;
    pid_t child;
    fflush(NULL);
    child = fork();
    if (child == 0) {
      pid_t grandchild;
      int inner = -1;
      if (!large_sum_is_right(x, out, round)) _exit(1);
      if (!large_lines_are_right(x, out, 0)) _exit(2);
      if (!large_lines_are_right(x, out, 1)) _exit(3);
      grandchild = fork();
      if (grandchild == 0) _exit(large_sum_is_right(x, out, 0) ? 0 : 1);
      if (grandchild < 0 || waitpid(grandchild, &inner, 0) != grandchild || inner != 0) _exit(4);
      _exit(0);
    }
    CHECK(child > 0);
    CHECK(large_lines_are_right(x, out, 0)); /* the parent at the same time */
    CHECK(waitpid(child, &status, 0) == child);
    check_that(WIFEXITED(status) && WEXITSTATUS(status) == 0, __FILE__, __LINE__,
               "the child of round %d ended with %s %d", round,
               WIFSIGNALED(status) ? "signal" : "code",
               WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status));
  }
  CHECK(large_sum_is_right(x, out, 0));
  free(x);
  free(out);
}

typedef struct callback_seen {
  pthread_t caller;
  int elsewhere, calls;
} callback_seen;

static int32_t watch_the_thread(uint64_t done, uint64_t total, void *user) {
  callback_seen *seen = user;
  (void)done;
  (void)total;
  seen->calls += 1;
  seen->elsewhere |= !pthread_equal(seen->caller, pthread_self());
  return 0;
}

static void callbacks_come_on_the_calling_thread(void) {
  int32_t *x = must_allocate(LARGE * sizeof *x);
  int64_t *out = must_allocate(LARGE * sizeof *out);
  const int64_t shape[2] = {1024, LARGE / 1024};
  cum_options options;
  callback_seen seen;
  int i;
  for (i = 0; i < LARGE; ++i) x[i] = i % 7;
  cum_options_init(&options, sizeof options);
  seen.caller = pthread_self();
  seen.elsewhere = seen.calls = 0;
  options.progress = watch_the_thread;
  options.user = &seen;
  options.max_threads = 4;
  CHECK_OK(cum_scan(CUM_SUM, 2, shape, 1, x, CUM_I32, NULL, out, CUM_I64, NULL, &options));
  CHECK(seen.calls >= 1 && !seen.elsewhere);
  free(x);
  free(out);
}

int main(void) {
  eight_callers_at_once();
  three_callers_with_large_inputs();
  thread_counts_give_the_same_bits();
  a_child_after_fork_computes_as_well();
  callbacks_come_on_the_calling_thread();
  return finish("threads");
}
