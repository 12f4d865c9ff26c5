/**
 * The thread pool kernels share, as C: built once per machine like any kernel. A call divides a range
 * among the workers and the caller; workers spin shortly before they sleep, because the stages of a
 * region follow each other within microseconds. A second caller at the same time works alone.
 */
export const poolSource = String.raw`#include <stdint.h>
#include <stdatomic.h>
#include <pthread.h>
#include <sched.h>
typedef int64_t i64;
typedef struct { void** b; const i64* p; const i64* v; } ctx_t;
typedef void (*stage_t)(const ctx_t*, i64, i64);

static struct { stage_t f; const ctx_t* c; i64 n, step; } job;
static _Atomic i64 next_piece;
static _Atomic int running, sleeping;
static _Atomic uint32_t generation;
static int workers;
static pthread_mutex_t busy = PTHREAD_MUTEX_INITIALIZER, lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t wake = PTHREAD_COND_INITIALIZER;

static inline void relax(void) {
#if defined(__x86_64__) || defined(__i386__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  __asm__ volatile("yield");
#endif
}

static void pieces(void) {
  for (;;) {
    i64 lo = atomic_fetch_add_explicit(&next_piece, job.step, memory_order_relaxed);
    if (lo >= job.n) return;
    i64 hi = lo + job.step;
    job.f(job.c, lo, hi < job.n ? hi : job.n);
  }
}

static void* worker(void* unused) {
  (void)unused;
  uint32_t seen = 0;
  for (;;) {
    int spins = 4000;
    while (atomic_load_explicit(&generation, memory_order_acquire) == seen && spins-- > 0) relax();
    if (atomic_load_explicit(&generation, memory_order_acquire) == seen) {
      pthread_mutex_lock(&lock);
      atomic_fetch_add(&sleeping, 1);
      while (atomic_load(&generation) == seen) pthread_cond_wait(&wake, &lock);
      atomic_fetch_sub(&sleeping, 1);
      pthread_mutex_unlock(&lock);
    }
    seen = atomic_load_explicit(&generation, memory_order_acquire);
    pieces();
    atomic_fetch_sub_explicit(&running, 1, memory_order_release);
  }
  return 0;
}

void parallel(stage_t f, const ctx_t* c, i64 n, i64 grain) {
  if (n <= 0) return;
  if (workers == 0 || n <= grain || pthread_mutex_trylock(&busy) != 0) { f(c, 0, n); return; }
  i64 share = (n + (workers + 1) * 4 - 1) / ((workers + 1) * 4);
  job.f = f; job.c = c; job.n = n; job.step = share > grain ? share : grain;
  atomic_store_explicit(&next_piece, 0, memory_order_relaxed);
  atomic_store_explicit(&running, workers, memory_order_relaxed);
  atomic_fetch_add(&generation, 1);
  if (atomic_load(&sleeping) > 0) {
    pthread_mutex_lock(&lock);
    pthread_cond_broadcast(&wake);
    pthread_mutex_unlock(&lock);
  }
  pieces();
  int spins = 0;
  while (atomic_load_explicit(&running, memory_order_acquire) > 0) { if (++spins < 4000) relax(); else sched_yield(); }
  pthread_mutex_unlock(&busy);
}

/* Starts the workers; returns how many threads (the caller's included) there are now. */
int start(int threads) {
  while (workers < threads - 1) {
    pthread_t t;
    pthread_attr_t a;
    pthread_attr_init(&a);
    pthread_attr_setdetachstate(&a, PTHREAD_CREATE_DETACHED);
    int failed = pthread_create(&t, &a, worker, 0);
    pthread_attr_destroy(&a);
    if (failed) break;
    workers++;
  }
  return workers + 1;
}
uint64_t parallel_address(void) { return (uint64_t)(uintptr_t)&parallel; }
`;
