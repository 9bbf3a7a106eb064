import { Effect } from "effect"
import { AioTree, IoUring, ThreadPool } from "../src/index.ts"
import fs from "node:fs"
import { spawn } from "node:child_process"
const d = fs.mkdtempSync("/tmp/zz")
for (const [n, l] of [["io_uring", IoUring.layer({inline: false})], ["threads", ThreadPool.layer()]] as const) {
  for (const f of ["/proc/self/status", "/sys/kernel/mm/transparent_hugepage/enabled", "/proc/version"])
  console.log(n, f, String(await Effect.runPromiseExit(AioTree.copy(f, `${d}/${n}${f.replaceAll("/","_")}`).pipe(Effect.provide(l)))))
}
