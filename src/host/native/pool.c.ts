/**
 * The thread pool kernels share, as C: built once per machine like any kernel. A call divides a range
 * evenly among the workers and the caller, always in the same way, so that a worker finds in its own
 * cache what it wrote in the stage before; one that is done early takes from the others. Workers spin
 * shortly before they sleep, because the stages of a region follow each other within microseconds. They
 * are kept off the caller's processor: a scheduler that wakes a worker there may take milliseconds to
 * move it away. Who comes too late is not waited for: a caller that is through with everybody's share closes
 * the call, so that on a busy machine a stage takes what the caller alone would, not what the scheduler
 * takes to give a worker its turn. A second caller at the same time works alone.
 */
export const poolSource = String.raw`#define _GNU_SOURCE
#include <stdint.h>
#include <stdatomic.h>
#include <pthread.h>
#include <sched.h>
#include <dlfcn.h>
#if defined(__linux__)
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>
#endif
#if defined(__GLIBC__)
#include <malloc.h>
#endif
typedef int64_t i64;
typedef struct { void** b; const i64* p; const i64* v; } ctx_t;
typedef void (*stage_t)(const ctx_t*, i64 lo, i64 hi, i64 worker);

#define MOST_WORKERS 256
/* What is left of each worker's share; each on a cache line of its own. */
static struct { _Atomic i64 next; i64 end; char line[48]; } shares[MOST_WORKERS] __attribute__((aligned(64)));
static struct { stage_t f; const ctx_t* c; i64 step; } job;
/* Whether a call takes workers (OPEN), and how many are at it. */
#define OPEN (1 << 30)
static _Atomic int at_work, sleeping;
static _Atomic uint32_t generation;
static int workers;
static pthread_t threads[MOST_WORKERS];
static pthread_mutex_t busy = PTHREAD_MUTEX_INITIALIZER, lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t wake = PTHREAD_COND_INITIALIZER;

static inline void relax(void) {
#if defined(__x86_64__) || defined(__i386__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  __asm__ volatile("yield");
#endif
}

#if defined(__linux__)
static cpu_set_t allowed;
static int callers = -1;
static void keep_apart(void) {
  const int cpu = sched_getcpu();
  if (cpu == callers || cpu < 0 || CPU_COUNT(&allowed) <= workers) return;
  cpu_set_t others = allowed;
  CPU_CLR(cpu, &others);
  for (int i = 0; i < workers; i++) pthread_setaffinity_np(threads[i], sizeof others, &others);
  callers = cpu;
}
#else
static void keep_apart(void) {}
#endif

static void pieces(int worker) {
  for (int i = 0; i <= workers; i++) {
    const int of = worker + i <= workers ? worker + i : worker + i - workers - 1;
    for (;;) {
      if (atomic_load_explicit(&shares[of].next, memory_order_relaxed) >= shares[of].end) break;
      const i64 lo = atomic_fetch_add_explicit(&shares[of].next, job.step, memory_order_relaxed);
      if (lo >= shares[of].end) break;
      const i64 hi = lo + job.step;
      job.f(job.c, lo, hi < shares[of].end ? hi : shares[of].end, worker);
    }
  }
}

static int join(void) {
  int now = atomic_load_explicit(&at_work, memory_order_relaxed);
  while (now & OPEN)
    if (atomic_compare_exchange_weak_explicit(&at_work, &now, now + 1, memory_order_acquire, memory_order_relaxed)) return 1;
  return 0;
}

static void* worker(void* number) {
  uint32_t seen = 0;
  for (;;) {
    int spins = 20000;
    while (atomic_load_explicit(&generation, memory_order_acquire) == seen && spins-- > 0) relax();
    if (atomic_load_explicit(&generation, memory_order_acquire) == seen) {
      pthread_mutex_lock(&lock);
      atomic_fetch_add(&sleeping, 1);
      while (atomic_load(&generation) == seen) pthread_cond_wait(&wake, &lock);
      atomic_fetch_sub(&sleeping, 1);
      pthread_mutex_unlock(&lock);
    }
    seen = atomic_load_explicit(&generation, memory_order_acquire);
    if (!join()) continue;
    pieces((int)(intptr_t)number);
    atomic_fetch_sub_explicit(&at_work, 1, memory_order_release);
  }
  return 0;
}

void parallel(stage_t f, const ctx_t* c, i64 n, i64 grain) {
  if (n <= 0) return;
  if (workers == 0 || n <= grain || pthread_mutex_trylock(&busy) != 0) { f(c, 0, n, 0); return; }
  keep_apart();
  const i64 all = workers + 1, piece = (n + all * 4 - 1) / (all * 4);
  job.f = f; job.c = c; job.step = piece > grain ? piece : grain;
  for (i64 i = 0; i < all; i++) {
    atomic_store_explicit(&shares[i].next, n * i / all, memory_order_relaxed);
    shares[i].end = n * (i + 1) / all;
  }
  atomic_store_explicit(&at_work, OPEN, memory_order_release);
  atomic_fetch_add(&generation, 1);
  if (atomic_load(&sleeping) > 0) {
    pthread_mutex_lock(&lock);
    pthread_cond_broadcast(&wake);
    pthread_mutex_unlock(&lock);
  }
  pieces(0);
  atomic_fetch_and_explicit(&at_work, ~OPEN, memory_order_relaxed);
  int spins = 0;
  while (atomic_load_explicit(&at_work, memory_order_acquire) > 0) { if (++spins < 4000) relax(); else sched_yield(); }
  pthread_mutex_unlock(&busy);
}

/*
 * Memory that was freed stays with the process, up to a bound, instead of going back to the system: an
 * output of some megabytes that is allocated anew in every run would spend most of the run in page faults.
 */
void keep_memory(void) {
#if defined(__GLIBC__)
  mallopt(M_MMAP_THRESHOLD, 32 << 20);
  mallopt(M_TRIM_THRESHOLD, 256 << 20);
#endif
}
/* Asks the system for AMX tiles, for all threads there will be; whether it gave them. */
int amx_tiles(void) {
#if defined(__linux__) && defined(__x86_64__)
  return syscall(SYS_arch_prctl, 0x1023 /* ARCH_REQ_XCOMP_PERM */, 18 /* XTILEDATA */) == 0;
#else
  return 0;
#endif
}
/* Starts the workers; returns how many threads (the caller's included) there are now. */
int start(int count) {
  /* Threads stay in this code as long as the process lives: whoever closes the library (a runtime that was
     collected, the environment that is torn down) must not unmap it under them. */
  Dl_info here;
  if (workers == 0 && dladdr((void*)(uintptr_t)&start, &here) && here.dli_fname) dlopen(here.dli_fname, RTLD_NOW);
  if (count > MOST_WORKERS) count = MOST_WORKERS;
#if defined(__linux__)
  if (sched_getaffinity(0, sizeof allowed, &allowed) != 0) CPU_ZERO(&allowed);
#endif
  while (workers < count - 1) {
    pthread_attr_t a;
    pthread_attr_init(&a);
    pthread_attr_setdetachstate(&a, PTHREAD_CREATE_DETACHED);
    int failed = pthread_create(&threads[workers], &a, worker, (void*)(intptr_t)(workers + 1));
    pthread_attr_destroy(&a);
    if (failed) break;
    workers++;
  }
  return workers + 1;
}
/* Asks for large pages where memory has not been touched yet: weights stream through once a run, and a fetch ahead stops at the end of a page. */
void large_pages(void* start, uint64_t bytes) {
#if defined(__linux__)
  const uintptr_t page = 1 << 21, from = ((uintptr_t)start + page - 1) & ~(page - 1), to = ((uintptr_t)start + bytes) & ~(page - 1);
  if (from < to) madvise((void*)from, to - from, MADV_HUGEPAGE);
#else
  (void)start; (void)bytes;
#endif
}
uint64_t parallel_address(void) { return (uint64_t)(uintptr_t)&parallel; }
`;
