/* No memory: a scan that needs a large copy fails with CUM_ERR_MEMORY, one that would like the help of
 * threads does without. In children that may map no more memory. */
#include "check.h"

#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

enum { SIDE = 3000 };

/* The sum down the columns of memory[i] = i, written transposed onto the array itself: every
 * element is overwritten before others that need it are done, so x has to be copied. */
static cum_status scan_onto_itself(double *memory, double *totals) {
  const int64_t shape[2] = {SIDE, SIDE}, transposed[2] = {8, 8 * SIDE};
  cum_options options;
  cum_options_init(&options, sizeof options);
  options.carry_out = totals;
  options.carry_out_len = SIDE;
  return cum_scan(CUM_SUM, 2, shape, 0, memory, CUM_F64, NULL, memory, CUM_F64, transposed, &options);
}

/* `spare`: how much the child may still map; `warm`: whether it called the library before,
 * so that what it allocates once is there. The result is the child's exit code. */
static int scan_under_a_limit(rlim_t spare, int warm) {
  const size_t count = (size_t)SIDE * SIDE;
  double *memory = must_allocate(count * sizeof *memory), totals[SIDE];
  struct rlimit limit, before;
  cum_status status;
  long pages = 0;
  size_t i;
  FILE *statm = fopen("/proc/self/statm", "r");
  if (statm == NULL) return 3;
  for (i = 0; i < count; ++i) memory[i] = (double)i;
  for (i = 0; i < SIDE; ++i) totals[i] = -1;
  if (warm && cum_sum_f64(totals, 1, totals) != CUM_OK) return 4;
  if (fscanf(statm, "%ld", &pages) != 1) return 3;
  fclose(statm);
  if (getrlimit(RLIMIT_AS, &before) != 0) return 5;
  limit = before;
  limit.rlim_cur = (rlim_t)pages * (rlim_t)sysconf(_SC_PAGESIZE) + spare;
  if (setrlimit(RLIMIT_AS, &limit) != 0) return 5;
  status = scan_onto_itself(memory, totals);
  if (setrlimit(RLIMIT_AS, &before) != 0) return 6;
  if (status != CUM_ERR_MEMORY) {
    fprintf(stderr, "under a memory limit: %s (%s)\n", cum_status_name(status), cum_last_error());
    return 7;
  }
  if (strlen(cum_last_error()) <= 5) return 8;
  for (i = 0; i < count; ++i)
    if (memory[i] != (double)i) return 9;
  for (i = 0; i < SIDE; ++i)
    if (totals[i] != -1) return 10;
  /* the process is unharmed: the same call succeeds once there is memory again */
  if (scan_onto_itself(memory, totals) != CUM_OK) return 11;
  for (i = 0; i < SIDE; ++i) {
    double sum = (double)SIDE * (double)i + (double)SIDE * SIDE * (SIDE - 1) / 2;
    if (memory[i * SIDE] != (double)i || memory[i * SIDE + 1] != (double)(2 * i + SIDE)) return 12;
    if (totals[i] != sum || memory[i * SIDE + SIDE - 1] != sum) return 13;
  }
  free(memory);
  return 0;
}

/* A scan for several threads where not even the smallest allocation succeeds. */
static int scan_without_an_allocation(void) {
  const int64_t shape[2] = {SIDE, SIDE};
  const size_t count = (size_t)SIDE * SIDE;
  double *memory = must_allocate(count * sizeof *memory);
  struct rlimit limit;
  cum_options options;
  size_t i, bytes;
  cum_options_init(&options, sizeof options);
  for (i = 0; i < count; ++i) memory[i] = 1;
  /* what a process and a thread allocate once, and the stack */
  options.max_threads = 1;
  if (cum_scan(CUM_SUM, 2, shape, 1, memory, CUM_F64, NULL, memory, CUM_F64, NULL, &options) != CUM_OK) return 2;
  for (i = 0; i < count; ++i) memory[i] = 1;
  if (getrlimit(RLIMIT_AS, &limit) != 0) return 3;
  limit.rlim_cur = 0;
  if (setrlimit(RLIMIT_AS, &limit) != 0) return 4;
  for (bytes = (size_t)1 << 20; bytes > 0; bytes /= 2)
    while (malloc(bytes) != NULL) {
    }
  options.max_threads = 4;
  if (cum_scan(CUM_SUM, 2, shape, 1, memory, CUM_F64, NULL, memory, CUM_F64, NULL, &options) != CUM_OK) return 5;
  for (i = 0; i < count; ++i)
    if (memory[i] != (double)(i % SIDE + 1)) return 6;
  return 0;
}

static void expect_success_of_child(pid_t child, const char *name, long spare) {
  int status = -1;
  CHECK(child > 0 && waitpid(child, &status, 0) == child);
  check_that(WIFEXITED(status) && WEXITSTATUS(status) == 0, __FILE__, __LINE__,
             "the %s child with %ld spare bytes ended with %s %d", name, spare,
             WIFSIGNALED(status) ? "signal" : "code",
             WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status));
}

int main(void) {
  const rlim_t spare[3] = {(rlim_t)32 << 20, (rlim_t)1 << 20, 0};
  pid_t child;
  int i, warm;
  for (warm = 0; warm < 2; ++warm)
    for (i = 0; i < 3; ++i) {
      fflush(NULL);
      child = fork();
      if (child == 0) _exit(scan_under_a_limit(spare[i], warm));
      expect_success_of_child(child, warm ? "warm" : "cold", (long)spare[i]);
    }
  fflush(NULL);
  child = fork();
  if (child == 0) _exit(scan_without_an_allocation());
  expect_success_of_child(child, "threaded", 0);
  return finish("memory");
}
