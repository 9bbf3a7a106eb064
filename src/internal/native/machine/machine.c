/*
 * What has to run where no JavaScript can: the threads of the pool, and what is left to do when a worker thread of Node was ended from
 * outside (`worker.terminate()`). scripts/machine-code.sh compiles it for each architecture into code.ts, which is what the package
 * uses: a few hundred instructions, mapped into the process read-only and executable. Nothing is compiled at install.
 *
 * The code is position independent and has no data of its own. It makes system calls, and calls functions whose addresses it is given. It
 * calls nothing of libc: that would set errno, which no code reads here.
 *
 * A thread made of this costs 20 to 50 microseconds to start and 8 KiB to keep, where a worker of Node costs 25 milliseconds of a core
 * and as many MiB. It can neither throw nor be collected, and Node does not end it.
 *
 * The shared memory of a pool. The event loop's thread owns the slots: it writes a system call into a free one and appends the slot's
 * number to the submission ring of its priority; threads take numbers from the heads by compare-and-swap, from the highest level that
 * has any. A thread that is done appends the number to the completion ring and, if the loop has not been told since it last looked,
 * writes the eventfd. Every ring is as long as there are slots, so none can overflow. Each thread and the loop's
 * side hold a reference to the memory. The last one to give it up frees the memory.
 */
#include "machine.h"

#define EINTR 4
#define EAGAIN 11
#define EINVAL 22
#define EINPROGRESS 115
#define ECANCELED 125
#define ETIMEDOUT 110

#define FUTEX_WAIT_PRIVATE 128
#define FUTEX_WAKE_PRIVATE 129
#define PR_SET_NAME 15
#define SIG_BLOCK 0
#define IORING_ENTER_GETEVENTS 1
#define IORING_REGISTER_SYNC_CANCEL 24
#define IORING_ASYNC_CANCEL_ALL 1
#define IORING_ASYNC_CANCEL_ANY 4

#if defined(__x86_64__)
enum { NR_write = 1, NR_close = 3, NR_munmap = 11, NR_rt_sigprocmask = 14, NR_nanosleep = 35, NR_getpid = 39, NR_prctl = 157,
       NR_gettid = 186, NR_futex = 202, NR_io_destroy = 207, NR_getdents64 = 217, NR_tgkill = 234, NR_openat = 257, NR_copy_file_range = 326 };
#elif defined(__aarch64__)
enum { NR_write = 64, NR_close = 57, NR_munmap = 215, NR_rt_sigprocmask = 135, NR_nanosleep = 101, NR_getpid = 172, NR_prctl = 167,
       NR_gettid = 178, NR_futex = 98, NR_io_destroy = 1, NR_getdents64 = 61, NR_tgkill = 131, NR_openat = 56, NR_copy_file_range = 285 };
#endif
enum { NR_io_uring_enter = 426, NR_io_uring_register = 427, NR_openat2 = 437 };

static inline long call6(long nr, long a0, long a1, long a2, long a3, long a4, long a5) {
#if defined(__x86_64__)
  register long r10 __asm__("r10") = a3;
  register long r8 __asm__("r8") = a4;
  register long r9 __asm__("r9") = a5;
  long result;
  __asm__ volatile("syscall"
                   : "=a"(result)
                   : "a"(nr), "D"(a0), "S"(a1), "d"(a2), "r"(r10), "r"(r8), "r"(r9)
                   : "rcx", "r11", "memory");
  return result;
#elif defined(__aarch64__)
  register long x8 __asm__("x8") = nr;
  register long x0 __asm__("x0") = a0;
  register long x1 __asm__("x1") = a1;
  register long x2 __asm__("x2") = a2;
  register long x3 __asm__("x3") = a3;
  register long x4 __asm__("x4") = a4;
  register long x5 __asm__("x5") = a5;
  __asm__ volatile("svc 0" : "+r"(x0) : "r"(x8), "r"(x1), "r"(x2), "r"(x3), "r"(x4), "r"(x5) : "memory");
  return x0;
#endif
}

#define CALL(nr, a0, a1, a2, a3) call6(nr, (long)(a0), (long)(a1), (long)(a2), (long)(a3), 0, 0)

#define load(word) __atomic_load_n(&(word), __ATOMIC_SEQ_CST)
#define store(word, value) __atomic_store_n(&(word), value, __ATOMIC_SEQ_CST)
#define add(word, value) __atomic_fetch_add(&(word), value, __ATOMIC_SEQ_CST)
#define exchange(word, value) __atomic_exchange_n(&(word), value, __ATOMIC_SEQ_CST)

/* Whether it was `expected`, and is `value` now. */
static inline int swap(int *word, int expected, int value) {
  return __atomic_compare_exchange_n(word, &expected, value, 0, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);
}

static void pause_for(long milliseconds) {
  long time[2] = {0, milliseconds * 1000000};
  CALL(NR_nanosleep, time, 0, 0, 0);
}

/* ------------------------------------------------------------------------------------------------------------------- the pool */

/* Gives up a reference to the pool, which must not be touched afterwards. The last one closes its descriptor and unmaps it. */
static void release(struct Pool *pool) {
  if (add(pool->control[REFERENCES], -1) != 1) return;
  CALL(NR_close, pool->eventFd, 0, 0, 0);
  CALL(NR_munmap, pool, sizeof(struct Pool), 0, 0);
}

static void signal_loop(struct Pool *pool) {
  /* Looked at first: writing to it, too, would take the word away from the other threads for every completion. */
  if (load(pool->control[SIGNALLED]) != 0) return;
  if (exchange(pool->control[SIGNALLED], 1) == 0) {
    long one = 1;
    CALL(NR_write, pool->eventFd, &one, sizeof one, 0);
  }
}

static long execute_once(struct Pool *pool, int slot, long number, long a0, long a1, long a2, long a3, long a4, long a5) {
  for (int races = RACES;;) {
    long result = call6(number, a0, a1, a2, a3, a4, a5);
    /* It is below a directory, and a name was moved somewhere while it went through "..": no proof that it has not left. */
    int isRace = result == -EAGAIN && number == NR_openat2 && --races > 0;
    if (result != -EINTR && !isRace) return result;
    /* close(2) has closed, whatever it says. Everything else is repeated, unless the signal was sent to end this very request. */
    if (number == NR_close) return 0;
    if (load(pool->states[slot]) == CANCELLING) return -ECANCELED;
  }
}

/*
 * The names of an open directory, as many as there is room for: the end is said by an empty answer only, and would take another request.
 * What failed after some have been read is left for the next request, if one can go on where this one stopped.
 */
static long fill(struct Pool *pool, int *mode, int slot, long fd, long buffer, long size, int goes_on) {
  long filled = 0;
  do {
    long result = execute_once(pool, slot, NR_getdents64, fd, buffer + filled, size - filled, 0, 0, 0);
    /* EINVAL: a longer name than any should be has no room. */
    if (result < 0) return filled > 0 && (goes_on || result == -EINVAL) ? filled : result;
    if (result == 0) {
      *mode = FILLED_TO_END;
      return filled;
    }
    filled += result;
  } while (size - filled >= NAME_ROOM && load(pool->states[slot]) != CANCELLING);
  return filled;
}

/* All bytes of a transfer at the files' positions. What failed after some were moved is left for the next request: it will fail again. */
static long move(struct Pool *pool, int slot, long number, long *a) {
  int isCopy = number == NR_copy_file_range;
  long length = isCopy ? a[4] : a[2];
  long moved = 0;
  do {
    long left = length - moved;
    if (isCopy) a[4] = left < RANGE ? left : RANGE;
    long result = execute_once(pool, slot, number, a[0], a[1], a[2], a[3], a[4], a[5]);
    if (result <= 0) return moved > 0 ? moved : result;
    moved += result;
    if (!isCopy) {
      a[1] += result;
      a[2] -= result;
    }
  } while (moved < length && load(pool->states[slot]) != CANCELLING);
  return moved;
}

/* ---------------------------------------------------------------- programs */

/* 64 bits of what the kernel has written, at any address: the mode of a `struct statx` is not aligned to them. */
struct Unaligned {
  long value;
} __attribute__((packed, may_alias));

/* Closes what a program has opened and not closed, the last one first. */
static void close_descriptors(struct Step *steps, int count) {
  for (int i = count - 1; i >= 0; i--) {
    if (!(steps[i].flags & OPENS) || steps[i].result < 0) continue;
    steps[i].flags &= ~OPENS;
    CALL(NR_close, steps[i].result, 0, 0, 0);
  }
}

/* Writes a descriptor's number, with a NUL behind it. */
static void write_number(char *at, unsigned number) {
  unsigned unit = 1;
  while (number / unit >= 10) unit *= 10;
  for (; unit > 0; unit /= 10) *at++ = (char)('0' + number / unit % 10);
  *at = 0;
}

/* The arguments of a step, with those that come from earlier ones. Whether there are all of them. */
static int resolve(struct Step *steps, int index, long *a) {
  struct Step *step = &steps[index];
  for (unsigned needs = (unsigned)step->needs; needs != 0; needs >>= 8) {
    int needed = (int)(needs & 255) - 1;
    if (needed < 0 || needed >= index || steps[needed].result < 0) return 0;
  }
  for (int k = 0; k < 6; k++) {
    a[k] = step->a[k];
    if (step->sources >> k & 1) {
      if (a[k] < 0 || a[k] >= index || steps[a[k]].result < 0) return 0;
      a[k] = steps[a[k]].result;
    } else if (step->sources >> (8 + k) & 1) {
      a[k] = ((struct Unaligned *)a[k])->value;
    } else if (step->sources >> (16 + k) & 1) {
      write_number((char *)a[k] + NUMBER_AT, (unsigned)steps[(step->needs & 255) - 1].result);
    }
  }
  return 1;
}

static long run_step(struct Pool *pool, int slot, struct Step *step, long *a, int *isShort, long *moved) {
  if (step->number == EXPECT_SAME || step->number == EXPECT_OTHER) {
    int isSame = ((a[0] ^ a[2]) & a[1]) == 0;
    return isSame == (step->number == EXPECT_SAME) ? 0 : -ECANCELED;
  }
  if (step->mode == FILL) return fill(pool, &step->mode, slot, a[0], a[1], a[2], 0);
  if (step->mode == WHOLE) {
    long length = step->number == NR_copy_file_range ? a[4] : a[2];
    long result = move(pool, slot, step->number, a);
    *isShort = result < length;
    if (result > 0) *moved += result;
    return result;
  }
  return execute_once(pool, slot, step->number, a[0], a[1], a[2], a[3], a[4], a[5]);
}

/*
 * Runs steps in order, up to one behind which the program does not go on; from there on only what always runs. Between any two it looks
 * whether the request was cancelled. What was opened is closed then, and when the pool was abandoned. Otherwise descriptors that no step
 * has closed are the loop's. How many bytes were moved, or -ECANCELED.
 *
 * All that it needs when it comes back from a system call is in the pool's memory, to which this thread has a reference. Memory of JavaScript
 * is only looked at (`resolve`) by what has not been cancelled: the loop's side waits for that before the memory is freed.
 */
static long run_program(struct Pool *pool, struct Call *call, int slot) {
  struct Step *steps = pool->steps[slot];
  int count = (int)call->a[0];
  int stopped = 0;
  long moved = 0;
  long a[6];
  for (int i = 0; i < count; i++) {
    struct Step *step = &steps[i];
    if (load(pool->states[slot]) == CANCELLING) goto cancelled;
    if (stopped && !(step->flags & ALWAYS)) continue;
    store(call->a[1], i);
    int isExpectation = step->number < 0;
    int isShort = 0;
    int isResolved = resolve(steps, i, a);
    if (!isResolved && !isExpectation) continue;
    long result = isResolved ? run_step(pool, slot, step, a, &isShort, &moved) : -ECANCELED;
    step->result = result;
    if (step->number == NR_close && (step->sources & 1)) steps[step->a[0]].flags &= ~OPENS;
    if (result == -ECANCELED && load(pool->states[slot]) == CANCELLING) goto cancelled;
    if (step->goesOn == AFTER_ALL) continue;
    if (step->goesOn == AFTER_SUCCESS ? result >= 0 && !isShort : result == -step->goesOn) continue;
    if (!stopped) call->a[2] = i;
    stopped = 1;
  }
  if (load(pool->control[ABANDONED]) == 0) return moved;
cancelled:
  close_descriptors(steps, count);
  return -ECANCELED;
}

static long execute(struct Pool *pool, struct Call *call, int slot) {
  if (call->mode == PROGRAM) return run_program(pool, call, slot);
  if (call->mode == FILL) return fill(pool, &call->mode, slot, call->a[0], call->a[1], call->a[2], 1);
  return execute_once(pool, slot, call->number, call->a[0], call->a[1], call->a[2], call->a[3], call->a[4], call->a[5]);
}

/*
 * Appends to the completion ring: fills the place first, then moves the tail, which any thread may do for another. So a thread that the
 * system suspends in between holds up no other.
 */
static void append(struct Pool *pool, int slot) {
  for (;;) {
    int tail = load(pool->control[COMPLETION_TAIL]);
    /* What an empty place holds: another number in each round, so that a late thread cannot fill a place of the past. */
    int empty = -(tail / CAPACITY) - 1;
    int filled = swap(&pool->completions[tail & (CAPACITY - 1)], empty, slot + 1);
    swap(&pool->control[COMPLETION_TAIL], tail, (int)((unsigned)tail + 1));
    if (filled) return;
  }
}

/* The slot that is next in turn, or -1. */
static int take(struct Pool *pool) {
  for (int level = LEVELS - 1; level >= 0; level--) {
    int *head = &pool->control[HEADS + level];
    for (;;) {
      int at = load(*head);
      if (at == load(pool->control[TAILS + level])) break;
      int slot = load(pool->submissions[level * CAPACITY + (at & (CAPACITY - 1))]);
      if (swap(head, at, (int)((unsigned)at + 1))) return slot;
    }
  }
  return -1;
}

/*
 * Leaves if more threads live than `limit`. A publisher that counts on this thread at this very moment is told of its end, and looks again.
 */
static int leave_beyond(struct Pool *pool, int limit) {
  for (;;) {
    int live = load(pool->control[LIVE_THREADS]);
    if (live <= limit) return 0;
    if (swap(&pool->control[LIVE_THREADS], live, live - 1)) return 1;
  }
}

/*
 * Sleeps until something is published; whether it did so for the idle timeout and there are more idle ones than may stay: then it is not
 * counted any more. The number that a thread draws on its way to sleep decides whether it stays: two threads that look and then
 * decide would both find room for one.
 */
static int sleep_idle(struct Pool *pool, int published) {
  int *idle = &pool->control[IDLE_THREADS];
  int isTimed = add(*idle, 1) >= load(pool->control[MAX_IDLE]);
  int milliseconds = load(pool->control[IDLE_TIMEOUT]);
  long time[2] = {milliseconds / 1000, (milliseconds % 1000) * 1000000L};
  long result = CALL(NR_futex, &pool->control[PUBLISHED], FUTEX_WAIT_PRIVATE, published, isTimed ? time : 0);
  if (result == -ETIMEDOUT && load(pool->control[PUBLISHED]) == published) {
    for (;;) {
      int count = load(*idle);
      if (count <= load(pool->control[MAX_IDLE])) break;
      if (swap(idle, count, count - 1)) return 1;
    }
  }
  add(*idle, -1);
  return 0;
}

/* The signals that a program handles are for its own threads; those of a fault, of libc and of `wakeSignal.ts` are not blocked. */
static void block_signals(void) {
  /* 4 ILL, 5 TRAP, 6 ABRT, 7 BUS, 8 FPE, 11 SEGV, 27 PROF, 31 SYS stay. Bit n - 1 is signal n. */
  unsigned long blocked = 0x7fffffffUL & ~(0xfUL << 3 | 1UL << 7 | 1UL << 10 | 1UL << 26 | 1UL << 30);
  CALL(NR_rt_sigprocmask, SIG_BLOCK, &blocked, 0, sizeof blocked);
}

/* A thread of the pool: a start routine of pthread_create(3), detached. */
void *pool_thread(struct Thread *self) {
  struct Pool *pool = self->pool;
  int *current = &self->current;
  char name[16];
  *(unsigned long *)name = 0x612d746365666665UL; /* effect-a */
  *(unsigned long *)(name + 8) = 0x6f69UL;       /* io */
  CALL(NR_prctl, PR_SET_NAME, name, 0, 0);
  block_signals();
  store(self->tid, (int)CALL(NR_gettid, 0, 0, 0, 0));
  for (;;) {
    /* Written before it looks: a thread that abandons the pool either sees this, or is seen. */
    store(*current, TAKING);
    int published = load(pool->control[PUBLISHED]);
    int limit = load(pool->control[THREAD_LIMIT]);
    if (limit > 0 && leave_beyond(pool, limit)) break;
    if (load(pool->control[ABANDONED]) != 0) {
      add(pool->control[LIVE_THREADS], -1);
      break;
    }
    int slot = take(pool);
    if (slot == -1) {
      store(*current, NOTHING);
      if (limit == 0) {
        add(pool->control[LIVE_THREADS], -1);
        break;
      }
      /* Idle for too long, and work has not come since: one thread fewer. */
      if (sleep_idle(pool, published)) {
        add(pool->control[LIVE_THREADS], -1);
        break;
      }
      continue;
    }
    /* Named before the call runs, so that a cancel finds the thread to wake. */
    store(*current, slot);
    if (swap(&pool->states[slot], QUEUED, RUNNING)) {
      pool->results[slot] = (double)execute(pool, &pool->calls[slot], slot);
      store(pool->states[slot], COMPLETE);
    } else {
      store(pool->states[slot], DISCARDED);
    }
    /* Before the end is told: the slot may be used again at once. */
    store(*current, NOTHING);
    append(pool, slot);
    signal_loop(pool);
  }
  store(*current, NOTHING);
  /* From here on another thread may have its place. */
  store(self->tid, RETIRED);
  add(pool->control[ENDED], 1);
  signal_loop(pool);
  release(pool);
  return 0;
}

/*
 * For a pool whose loop does not run any more: drops what is queued, brings threads out of calls that may wait without end, and waits
 * for them, for LOOKS at most. They work on memory of JavaScript, which is about to be freed.
 */
void abandon_pool(struct Pool *pool) {
  store(pool->control[ABANDONED], 1);
  store(pool->control[THREAD_LIMIT], 0);
  add(pool->control[PUBLISHED], 1);
  CALL(NR_futex, &pool->control[PUBLISHED], FUTEX_WAKE_PRIVATE, MAX_THREADS, 0);
  long pid = CALL(NR_getpid, 0, 0, 0, 0);
  for (int look = 0; look < LOOKS; look++) {
    int isBusy = 0;
    for (int index = 0; index < MAX_THREADS; index++) {
      int slot = load(pool->threads[index].current);
      if (slot == NOTHING) continue;
      isBusy = 1;
      if (slot < 0 || !swap(&pool->states[slot], RUNNING, CANCELLING)) {
        if (slot < 0 || load(pool->states[slot]) != CANCELLING) continue;
      }
      CALL(NR_tgkill, pid, load(pool->threads[index].tid), pool->wakeSignal, 0);
    }
    if (!isBusy) break;
    pause_for(LOOK_PAUSE);
  }
}

/* ---------------------------------------------------------------- clean-up of a thread */

/* Closes descriptors of opens and programs whose completions were not taken, and descriptors of closes that no thread has begun. */
static void close_opened(struct Pool *pool) {
  for (int slot = 0; slot < CAPACITY; slot++) {
    int number = pool->calls[slot].number;
    if (pool->calls[slot].mode == PROGRAM) {
      if (load(pool->states[slot]) == COMPLETE) close_descriptors(pool->steps[slot], (int)pool->calls[slot].a[0]);
      continue;
    }
    if (number == NR_close && swap(&pool->states[slot], QUEUED, DISCARDED)) CALL(NR_close, pool->calls[slot].a[0], 0, 0, 0);
    if (load(pool->states[slot]) != COMPLETE || (number != NR_openat && number != NR_openat2)) continue;
    if (pool->results[slot] >= 0) CALL(NR_close, (long)pool->results[slot], 0, 0, 0);
  }
}

/* Takes what is in the completion queue, and closes what was opened: opens are marked. How many completions there have ever been. */
static unsigned take_from_ring(struct Ring *ring) {
  unsigned tail = load(*ring->tail);
  for (unsigned head = load(*ring->head); head != tail; head++) {
    struct Completion *it = &ring->completions[head & ring->mask];
    if (it->high == OF_OPEN && it->result >= 0) CALL(NR_close, it->result, 0, 0, 0);
  }
  store(*ring->head, tail);
  return tail;
}

/*
 * Cancels whatever is in flight in a ring (IORING_REGISTER_SYNC_CANCEL, Linux 6.0), and waits until each entry that the kernel has taken
 * has had its completion. The call itself does not wait for what is beyond cancelling: a transfer of a disk, an open in a worker.
 */
static void clean_up_ring(struct Ring *ring) {
  for (int look = 0; look < LOOKS; look++) {
    long order[8];
    for (int i = 0; i < 8; i++) order[i] = 0;
    /* struct io_uring_sync_cancel_reg: address, descriptor and flags in 32 bits each, seconds, nanoseconds. */
    order[1] = 0xffffffffL | (long)(IORING_ASYNC_CANCEL_ALL | IORING_ASYNC_CANCEL_ANY) << 32;
    order[2] = 1;
    CALL(NR_io_uring_register, ring->fd, IORING_REGISTER_SYNC_CANCEL, order, 1);
    /* What the kernel holds back for this thread, and what did not fit into the queue. */
    call6(NR_io_uring_enter, ring->fd, 0, 0, IORING_ENTER_GETEVENTS, 0, 0);
    if (take_from_ring(ring) == load(*ring->taken)) break;
    pause_for(LOOK_PAUSE);
  }
}

/*
 * Cancels requests that no thread of glibc's has begun, and waits for the others. Again with each look: a cancel of the first request of a
 * descriptor makes glibc forget the others, which only a cancel of their own ends. By their blocks: other code of the process keeps its
 * requests on the same descriptor. glibc's lists lead through blocks that have not ended: these stay mapped.
 */
static void clean_up_blocks(struct Blocks *blocks) {
  for (int look = 0; look < LOOKS; look++) {
    int isBusy = 0;
    for (long i = blocks->count - 1; i >= 0; i--) {
      char *block = blocks->first + i * blocks->stride;
      if (blocks->aio_error(block) != EINPROGRESS) continue;
      blocks->aio_cancel(*(int *)block, block);
      if (blocks->aio_error(block) == EINPROGRESS) isBusy = 1;
    }
    if (!isBusy) {
      CALL(NR_munmap, blocks->first, blocks->length, 0, 0);
      return;
    }
    pause_for(LOOK_PAUSE);
  }
}

static void clean_up(struct Cleanup *it) {
  switch (it->kind) {
    case POLL: {
      void (*stop)(void *) = (void (*)(void *))it->b;
      void (*close_handle)(void *, void *) = (void (*)(void *, void *))it->c;
      stop((void *)it->a);
      close_handle((void *)it->a, (void *)it->d);
      break;
    }
    case RING: {
      struct Ring ring = {it->a, (unsigned *)it->b, (unsigned *)it->c, (unsigned *)it->d, (struct Completion *)it->e, (unsigned)it->f};
      clean_up_ring(&ring);
      break;
    }
    case CONTEXT: CALL(NR_io_destroy, it->a, 0, 0, 0); break;
    case POOL:
      abandon_pool((struct Pool *)it->a);
      close_opened((struct Pool *)it->a);
      release((struct Pool *)it->a);
      break;
    case BLOCKS: {
      struct Blocks blocks = {(char *)it->a, it->b, it->c, it->d, (int (*)(int, void *))it->e, (int (*)(void *))it->f};
      clean_up_blocks(&blocks);
      break;
    }
    case MEMORY: CALL(NR_munmap, it->a, it->b, 0, 0); break;
  }
}

/*
 * A clean-up hook of a worker thread's environment: runs on that thread after its last JavaScript, and before its memory is freed.
 * First whatever may still write into that memory, then what is left.
 */
void run_cleanups(struct Cleanups *cleanups) {
  for (int kind = POLL; kind <= MEMORY; kind++) {
    for (int i = 0; i < MAX_CLEANUPS; i++) {
      if (cleanups->entries[i].kind == kind) clean_up(&cleanups->entries[i]);
    }
  }
  for (int i = 0; i < DESCRIPTOR_WORDS; i++) {
    unsigned bits = (unsigned)cleanups->descriptors[i];
    for (int bit = 0; bits != 0; bit++, bits >>= 1) {
      if (bits & 1) CALL(NR_close, i * 32 + bit, 0, 0, 0);
    }
  }
  CALL(NR_munmap, cleanups, sizeof(struct Cleanups), 0, 0);
}
