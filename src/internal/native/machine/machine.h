/* Memory that JavaScript and machine.c share. scripts/machine-code.sh writes these numbers, and where the fields are, into code.ts. */

/* Slots, and places in each ring: 2^10. */
#define CAPACITY 1024
#define MAX_THREADS 256
/* Priorities -4 to 4. */
#define LEVELS 9

/* Indices of the control words. Those that different threads write stand on cache lines of their own. */
enum {
  /* Grows with every publication of work or orders; what idle threads sleep on. */
  PUBLISHED = 0,
  /* Threads that sleep. */
  IDLE_THREADS = 16,
  COMPLETION_TAIL = 32,
  /* The eventfd has been written and not been read yet. */
  SIGNALLED = 48,
  /* Threads that have not decided to end. */
  LIVE_THREADS = 64,
  /* 0: all threads end, when they find nothing to do. Otherwise those beyond this many end as soon as they are done with a call. */
  THREAD_LIMIT = 65,
  /* Idle threads that stay without a limit of time. */
  MAX_IDLE = 66,
  /* Milliseconds after which the others end. */
  IDLE_TIMEOUT = 67,
  /* Threads that have ended since the beginning. */
  ENDED = 68,
  /* References to this memory: one of the loop's side, and one of every thread. */
  REFERENCES = 69,
  /* The loop does not run any more: nothing is taken from now on. */
  ABANDONED = 70,
  /* Heads and tails of the submission rings, by level. */
  HEADS = 80,
  TAILS = 96,
  CONTROL_WORDS = 112
};

/* States of a slot. Only the loop's thread moves it from FREE to QUEUED and from RUNNING to CANCELLING. */
enum {
  FREE = 0,
  QUEUED = 1,
  RUNNING = 2,
  /* Asked to end while a thread was in the system call. */
  CANCELLING = 3,
  /* Ended while it was queued: its request is long completed, the slot comes back when a thread meets it. */
  CANCELLED = 4,
  /* The call is over: its number is in the completion ring, or is about to be. */
  COMPLETE = 5,
  /* The same of one that was CANCELLED. */
  DISCARDED = 6
};

/* In place of a slot: the thread has none, or is about to take one. */
enum { NOTHING = -1, TAKING = -2 };

/* In place of a thread's number: it has ended, or is about to. */
enum { RETIRED = -1 };

/* How a call is run. */
enum {
  ONCE = 0,
  /* getdents64(2): again and again, until its buffer is full, or it has said that there is nothing more to come. */
  FILL = 1,
  /* What a thread makes of it when it has been said. */
  FILLED_TO_END = 2,
  /* write(2), copy_file_range(2) at the files' positions: again and again, until all bytes are moved or none is. */
  WHOLE = 3,
  /* The first a[0] steps of the slot. In a[1] stands the step that a thread is in, in a[2] the one behind which it did not go on, or a[0]. */
  PROGRAM = 4
};

/* Steps of a program, at most. */
#define MAX_STEPS 64

/* In place of a system call's number: compares the bits of a[0] and a[2] that are set in a[1]. Succeeds where they are alike, or differ. */
enum { EXPECT_SAME = -2, EXPECT_OTHER = -3 };

/* Flags of a step. */
enum {
  /* Its result is a descriptor. */
  OPENS = 1,
  /* It runs although the program has stopped: a close. */
  ALWAYS = 2
};

/* When the program goes on behind a step: in place of an error number. */
enum { AFTER_SUCCESS = 0, AFTER_ALL = -1 };

/* In place of a step's result: it was not run. */
#define NOT_RUN -4096

/* Calls of openat2(2) that names which are moved meanwhile send back (EAGAIN), at most, before that is its answer. */
#define RACES 256

/* Where the descriptor's number stands in "/proc/self/fd/0". */
#define NUMBER_AT 14

/* Bytes that copy_file_range(2) is asked for at a time: a cancel waits for those under way. */
#define RANGE 8388608

/* With less room in its buffer, getdents64(2) is not asked again: that may be too little for a name. */
#define NAME_ROOM 288

/* Looks at threads that are to leave a call, and milliseconds between two. */
#define LOOKS 200
#define LOOK_PAUSE 5

struct Call {
  int number;
  int mode;
  long a[6];
};

/* One system call of a program. */
struct Step {
  int number;
  /* ONCE, FILL, WHOLE. */
  int mode;
  int flags;
  /*
   * Bit k: argument k is the result of step a[k], which is an earlier one. Bit 8 + k: it is the 64 bits at the address a[k]. Bit 16 + k: it is
   * the path at the address a[k], which names the descriptor of the step that it needs: "/proc/self/fd/0" with room for another number.
   */
  int sources;
  /* AFTER_SUCCESS, AFTER_ALL, or the only error number after which the program goes on: then not after success either. */
  int goesOn;
  /* Steps whose answers it looks at, 1 + their index in 8 bits each: without these answers it cannot run. */
  int needs;
  long a[6];
  long result;
};

struct Thread {
  struct Pool *pool;
  /* Its kernel number; 0 before it runs. */
  int tid;
  /* The slot that it works on. */
  int current;
};

struct Pool {
  int control[CONTROL_WORDS];
  int eventFd;
  int wakeSignal;
  double results[CAPACITY];
  struct Call calls[CAPACITY];
  struct Thread threads[MAX_THREADS];
  int submissions[LEVELS * CAPACITY];
  int completions[CAPACITY];
  int states[CAPACITY];
  /* By slot. Pages that no program has used are no memory. */
  struct Step steps[CAPACITY][MAX_STEPS];
};

/* Kinds of clean-ups after a worker thread, in the order in which they are done. */
enum {
  NO_CLEANUP = 0,
  /* A handle of libuv: its address, then those of uv_poll_stop, uv_close, free. */
  POLL = 1,
  /* An io_uring: the fields of struct Ring. */
  RING = 2,
  /* A context of kernel AIO: its address. */
  CONTEXT = 3,
  /* A pool of threads: its address. */
  POOL = 4,
  /* Control blocks of POSIX AIO: the fields of struct Blocks. */
  BLOCKS = 5,
  /* Mapped memory: address, bytes. */
  MEMORY = 6
};

#define MAX_CLEANUPS 1024
/* A bit for each descriptor. */
#define DESCRIPTOR_WORDS 32768

struct Cleanup {
  long kind, a, b, c, d, e, f;
};

/* struct io_uring_cqe; the user data is a slot and whose completion it is. */
struct Completion {
  unsigned slot, high;
  int result;
  unsigned flags;
};

struct Ring {
  long fd;
  /* Entries that the kernel has taken, ever: the head of the submission queue. */
  unsigned *taken;
  /* The completion queue. */
  unsigned *head, *tail;
  struct Completion *completions;
  unsigned mask;
};

/* A table of `struct aiocb`, of which only the first field is known here. */
struct Blocks {
  char *first;
  /* How many, and bytes from one to the next. */
  long count, stride;
  /* Bytes of the mapping. */
  long length;
  int (*aio_cancel)(int fd, void *block);
  int (*aio_error)(void *block);
};

/* The upper half of the user data of a request that produces a descriptor. */
#define OF_OPEN 3

struct Cleanups {
  struct Cleanup entries[MAX_CLEANUPS];
  int descriptors[DESCRIPTOR_WORDS];
};
