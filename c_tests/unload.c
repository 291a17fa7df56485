/* Loads the shared library that CUM_TEST_LIBRARY names by dlopen, scans with threads, and
 * unloads it, again and again: its threads must not harm a process that goes on without it. */
#include "check.h"

#include <dlfcn.h>
#include <pthread.h>

enum { ROUNDS = 12, LENGTH = 1 << 20 };

typedef cum_status (*scan_function)(cum_op, int32_t, const int64_t *, int32_t, const void *,
                                    cum_dtype, const int64_t *, void *, cum_dtype, const int64_t *,
                                    const cum_options *);

typedef struct work {
  scan_function scan;
  const int32_t *x;
  int64_t *out;
  int good;
} work;

static void *scan_once(void *argument) {
  work *job = argument;
  const int64_t shape[2] = {64, LENGTH / 64};
  cum_options options;
  int64_t row;
  memset(&options, 0, sizeof options);
  options.struct_size = sizeof options;
  options.max_threads = 4;
  job->good = job->scan(CUM_SUM, 2, shape, 1, job->x, CUM_I32, NULL, job->out, CUM_I64, NULL,
                        &options) == CUM_OK;
  for (row = 0; row < shape[0]; ++row)
    job->good &= job->out[(row + 1) * shape[1] - 1] == shape[1] * 3;
  return NULL;
}

int main(void) {
  const char *path = getenv("CUM_TEST_LIBRARY");
  int32_t *x = must_allocate(LENGTH * sizeof *x);
  int64_t *out = must_allocate(LENGTH * sizeof *out);
  int round, i;
  if (!check_that(path != NULL, __FILE__, __LINE__, "CUM_TEST_LIBRARY names no library"))
    return finish("unload");
  for (i = 0; i < LENGTH; ++i) x[i] = 3;
  for (round = 0; round < ROUNDS; ++round) {
    void *library = dlopen(path, RTLD_NOW | RTLD_LOCAL), *symbol;
    pthread_t thread;
    work job;
    if (!check_that(library != NULL, __FILE__, __LINE__, "%s", path)) break;
    symbol = dlsym(library, "cum_scan");
    if (!CHECK(symbol != NULL)) break;
    memcpy(&job.scan, &symbol, sizeof symbol); /* ISO C has no such cast */
    job.x = x;
    job.out = out;
    /* from a thread that ends before the library goes: what it kept for the thread goes too */
    CHECK(pthread_create(&thread, NULL, scan_once, &job) == 0);
    CHECK(pthread_join(thread, NULL) == 0);
    CHECK(job.good);
    scan_once(&job);
    CHECK(job.good);
    CHECK(dlclose(library) == 0);
  }
  free(x);
  free(out);
  return finish("unload");
}
