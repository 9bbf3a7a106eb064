/* Writes down for TypeScript what machine.h says. Part of scripts/machine-code.sh. */
#include <stddef.h>
#include <stdio.h>
#include "machine.h"

#define NUMBER(name) printf("export const " #name " = %ld\n", (long)(name))
#define OFFSET(name, type, field) printf("export const " #name " = %zu\n", offsetof(struct type, field))

int main(void) {
  NUMBER(CAPACITY); NUMBER(MAX_THREADS); NUMBER(LEVELS);
  NUMBER(PUBLISHED); NUMBER(IDLE_THREADS); NUMBER(COMPLETION_TAIL); NUMBER(SIGNALLED); NUMBER(LIVE_THREADS);
  NUMBER(THREAD_LIMIT); NUMBER(MAX_IDLE); NUMBER(IDLE_TIMEOUT); NUMBER(ENDED); NUMBER(REFERENCES);
  NUMBER(HEADS); NUMBER(TAILS); NUMBER(CONTROL_WORDS);
  NUMBER(FREE); NUMBER(QUEUED); NUMBER(RUNNING); NUMBER(CANCELLING); NUMBER(CANCELLED); NUMBER(DISCARDED);
  NUMBER(NOTHING); NUMBER(RETIRED);
  NUMBER(ONCE); NUMBER(FILL); NUMBER(FILLED_TO_END); NUMBER(WHOLE); NUMBER(PROGRAM);
  NUMBER(MAX_STEPS); NUMBER(EXPECT_SAME); NUMBER(EXPECT_OTHER); NUMBER(OPENS); NUMBER(ALWAYS);
  NUMBER(AFTER_SUCCESS); NUMBER(AFTER_ALL); NUMBER(NOT_RUN); NUMBER(RANGE);
  NUMBER(POLL); NUMBER(RING); NUMBER(CONTEXT); NUMBER(POOL); NUMBER(BLOCKS); NUMBER(MEMORY); NUMBER(OF_OPEN);
  NUMBER(NO_CLEANUP); NUMBER(MAX_CLEANUPS); NUMBER(DESCRIPTOR_WORDS);
  OFFSET(POOL_EVENT_FD, Pool, eventFd);
  OFFSET(POOL_WAKE_SIGNAL, Pool, wakeSignal);
  OFFSET(POOL_RESULTS, Pool, results);
  OFFSET(POOL_CALLS, Pool, calls);
  OFFSET(POOL_THREADS, Pool, threads);
  OFFSET(POOL_SUBMISSIONS, Pool, submissions);
  OFFSET(POOL_COMPLETIONS, Pool, completions);
  OFFSET(POOL_STATES, Pool, states);
  OFFSET(POOL_STEPS, Pool, steps);
  printf("export const POOL_SIZE = %zu\n", sizeof(struct Pool));
  printf("export const CALL_WORDS = %zu\n", sizeof(struct Call) / 4);
  printf("export const STEP_WORDS = %zu\n", sizeof(struct Step) / 4);
  printf("export const STEP_ARGUMENTS = %zu\n", offsetof(struct Step, a) / 4);
  printf("export const STEP_RESULT = %zu\n", offsetof(struct Step, result) / 4);
  printf("export const THREAD_WORDS = %zu\n", sizeof(struct Thread) / 4);
  printf("export const THREAD_TID = %zu\n", offsetof(struct Thread, tid) / 4);
  printf("export const THREAD_CURRENT = %zu\n", offsetof(struct Thread, current) / 4);
  printf("export const CLEANUP_WORDS = %zu\n", sizeof(struct Cleanup) / 8);
  OFFSET(CLEANUPS_DESCRIPTORS, Cleanups, descriptors);
  printf("export const CLEANUPS_SIZE = %zu\n", sizeof(struct Cleanups));
  return 0;
}
