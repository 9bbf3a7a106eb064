import { execFileSync } from "node:child_process"
import { createHash } from "node:crypto"
import * as fs from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { describe, expect, it } from "vitest"
import * as layout from "../../src/internal/native/layout.ts"
import { code } from "../../src/internal/native/machine/code.ts"
import * as uring from "../../src/internal/native/uring.ts"

/** What a C compiler makes of the expressions, by the names they are given. `undefined` where there is no compiler. */
const compile = (
  headers: ReadonlyArray<string>,
  expressions: Record<string, string>
): Record<string, number> | string => {
  const directory = fs.mkdtempSync(join(tmpdir(), "effect-aio-"))
  const source = join(directory, "layout.c")
  const lines = Object.entries(expressions).map(
    ([name, code]) => `printf("%s %lld\\n", "${name}", (long long)(${code}));`
  )
  fs.writeFileSync(
    source,
    `#define _GNU_SOURCE\n#include <stdio.h>\n#include <stddef.h>\n${headers.map((name) => `#include <${name}>`).join("\n")}
int main(void) {\n${lines.join("\n")}\nreturn 0; }\n`
  )
  try {
    execFileSync("cc", ["-o", join(directory, "layout"), source], { stdio: "pipe" })
    const output = execFileSync(join(directory, "layout"), { encoding: "utf8" })
    return Object.fromEntries(
      output
        .trim()
        .split("\n")
        .map((line) => line.split(" "))
        .map(([name, number]) => [name, Number(number)])
    )
  } catch (error) {
    const { code, stderr } = error as NodeJS.ErrnoException & { readonly stderr?: Buffer }
    return code === "ENOENT"
      ? "no C compiler here"
      : `the headers here lack something: ${String(stderr).split("\n")[0]}`
  } finally {
    fs.rmSync(directory, { recursive: true })
  }
}

const offsets = (struct: string, members: Record<string, string>): Record<string, string> =>
  Object.fromEntries(
    Object.entries(members).map(([name, member]) => [
      name,
      member === "" ? `sizeof(struct ${struct})` : `offsetof(struct ${struct}, ${member})`
    ])
  )

const sameNames = (names: Record<string, number>): Record<string, string> =>
  Object.fromEntries(Object.keys(names).map((name) => [name, name]))

const { ATOMIC: _atomic, DONTCACHE: _uncached, ...flagsInHeaders } = layout.RWF
const {
  atomicSegmentsMax,
  atomicUnitMax,
  atomicUnitMaxOptimal,
  atomicUnitMin,
  dioMemAlign,
  dioOffsetAlign,
  dioReadOffsetAlign,
  mntId,
  subvol,
  ...statx
} = layout.STATX

const tables: ReadonlyArray<
  readonly [
    what: string,
    headers: ReadonlyArray<string>,
    expressions: Record<string, string>,
    ours: Record<string, number>
  ]
> = [
  [
    "struct statx",
    ["linux/stat.h"],
    offsets("statx", {
      size: "",
      mask: "stx_mask",
      blksize: "stx_blksize",
      attributes: "stx_attributes",
      nlink: "stx_nlink",
      uid: "stx_uid",
      gid: "stx_gid",
      mode: "stx_mode",
      ino: "stx_ino",
      fileSize: "stx_size",
      blocks: "stx_blocks",
      attributesMask: "stx_attributes_mask",
      atime: "stx_atime",
      btime: "stx_btime",
      ctime: "stx_ctime",
      mtime: "stx_mtime",
      rdevMajor: "stx_rdev_major",
      rdevMinor: "stx_rdev_minor",
      devMajor: "stx_dev_major",
      devMinor: "stx_dev_minor"
    }),
    statx
  ],
  [
    "struct statx of Linux 6.1",
    ["linux/stat.h"],
    {
      ...offsets("statx", {
        mntId: "stx_mnt_id",
        dioMemAlign: "stx_dio_mem_align",
        dioOffsetAlign: "stx_dio_offset_align"
      }),
      ...sameNames({ STATX_DIOALIGN: 0, STATX_MNT_ID: 0 })
    },
    {
      mntId,
      dioMemAlign,
      dioOffsetAlign,
      STATX_DIOALIGN: layout.STATX_DIOALIGN,
      STATX_MNT_ID: layout.STATX_MNT_ID
    }
  ],
  [
    "struct statx of Linux 6.16",
    ["linux/stat.h"],
    {
      ...offsets("statx", {
        subvol: "stx_subvol",
        atomicUnitMin: "stx_atomic_write_unit_min",
        atomicUnitMax: "stx_atomic_write_unit_max",
        atomicSegmentsMax: "stx_atomic_write_segments_max",
        dioReadOffsetAlign: "stx_dio_read_offset_align",
        atomicUnitMaxOptimal: "stx_atomic_write_unit_max_opt"
      }),
      ...sameNames({ STATX_MNT_ID_UNIQUE: 0, STATX_SUBVOL: 0, STATX_WRITE_ATOMIC: 0, STATX_DIO_READ_ALIGN: 0 })
    },
    {
      subvol,
      atomicUnitMin,
      atomicUnitMax,
      atomicSegmentsMax,
      dioReadOffsetAlign,
      atomicUnitMaxOptimal,
      STATX_MNT_ID_UNIQUE: layout.STATX_MNT_ID_UNIQUE,
      STATX_SUBVOL: layout.STATX_SUBVOL,
      STATX_WRITE_ATOMIC: layout.STATX_WRITE_ATOMIC,
      STATX_DIO_READ_ALIGN: layout.STATX_DIO_READ_ALIGN
    }
  ],
  [
    "struct cachestat of Linux 6.5",
    ["linux/mman.h"],
    {
      ...offsets("cachestat", {
        size: "",
        cache: "nr_cache",
        dirty: "nr_dirty",
        writeback: "nr_writeback",
        evicted: "nr_evicted",
        recentlyEvicted: "nr_recently_evicted"
      }),
      range: "sizeof(struct cachestat_range)"
    },
    layout.CACHESTAT
  ],
  [
    "struct fiemap",
    ["linux/fiemap.h"],
    offsets("fiemap", {
      size: "",
      start: "fm_start",
      length: "fm_length",
      flags: "fm_flags",
      mapped: "fm_mapped_extents",
      count: "fm_extent_count"
    }),
    layout.FIEMAP
  ],
  [
    "struct fiemap_extent",
    ["linux/fiemap.h"],
    offsets("fiemap_extent", {
      size: "",
      logical: "fe_logical",
      physical: "fe_physical",
      length: "fe_length",
      flags: "fe_flags"
    }),
    layout.FIEMAP_EXTENT
  ],
  [
    "requests of ioctl(2)",
    ["linux/fs.h", "linux/fiemap.h", "sys/ioctl.h"],
    sameNames({ FICLONERANGE: 0, FS_IOC_GETFLAGS: 0, FS_IOC_SETFLAGS: 0, FS_IOC_FIEMAP: 0, FIEMAP_FLAG_SYNC: 0 }),
    {
      FICLONERANGE: layout.FICLONERANGE,
      FS_IOC_GETFLAGS: layout.FS_IOC_GETFLAGS,
      FS_IOC_SETFLAGS: layout.FS_IOC_SETFLAGS,
      FS_IOC_FIEMAP: layout.FS_IOC_FIEMAP,
      FIEMAP_FLAG_SYNC: layout.FIEMAP_FLAG_SYNC
    }
  ],
  [
    "struct statfs",
    ["sys/vfs.h"],
    offsets("statfs", {
      size: "",
      type: "f_type",
      bsize: "f_bsize",
      blocks: "f_blocks",
      bfree: "f_bfree",
      bavail: "f_bavail",
      files: "f_files",
      ffree: "f_ffree",
      fsid: "f_fsid",
      namelen: "f_namelen",
      frsize: "f_frsize",
      flags: "f_flags"
    }),
    layout.STATFS
  ],
  [
    "struct dirent64, which is what getdents64 gives",
    ["dirent.h"],
    offsets("dirent64", { ino: "d_ino", reclen: "d_reclen", type: "d_type", name: "d_name" }),
    layout.DIRENT
  ],
  [
    "constants",
    ["fcntl.h", "sys/stat.h", "linux/openat2.h", "sys/uio.h"],
    {
      ...sameNames({
        AT_FDCWD: 0,
        AT_SYMLINK_FOLLOW: 0,
        AT_SYMLINK_NOFOLLOW: 0,
        AT_EACCESS: 0,
        AT_REMOVEDIR: 0,
        AT_EMPTY_PATH: 0,
        F_GETFL: 0,
        S_IFMT: 0,
        S_IFIFO: 0,
        S_IFCHR: 0,
        S_IFBLK: 0,
        S_IFREG: 0,
        S_IFSOCK: 0,
        O_CLOEXEC: 0,
        O_PATH: 0,
        RESOLVE_CACHED: 0,
        AT_STATX_DONT_SYNC: 0,
        AT_STATX_FORCE_SYNC: 0,
        F_SETPIPE_SZ: 0,
        F_GETPIPE_SZ: 0
      }),
      OPEN_HOW: "sizeof(struct open_how)"
    },
    {
      AT_FDCWD: layout.AT_FDCWD,
      AT_SYMLINK_FOLLOW: layout.AT_SYMLINK_FOLLOW,
      AT_SYMLINK_NOFOLLOW: layout.AT_SYMLINK_NOFOLLOW,
      AT_EACCESS: layout.AT_EACCESS,
      AT_REMOVEDIR: layout.AT_REMOVEDIR,
      AT_EMPTY_PATH: layout.AT_EMPTY_PATH,
      F_GETFL: layout.F_GETFL,
      S_IFMT: layout.S_IFMT,
      S_IFIFO: layout.S_IFIFO,
      S_IFCHR: layout.S_IFCHR,
      S_IFBLK: layout.S_IFBLK,
      S_IFREG: layout.S_IFREG,
      S_IFSOCK: layout.S_IFSOCK,
      O_CLOEXEC: layout.O_CLOEXEC,
      O_PATH: layout.O_PATH,
      RESOLVE_CACHED: layout.RESOLVE_CACHED,
      AT_STATX_DONT_SYNC: layout.AT_STATX_DONT_SYNC,
      AT_STATX_FORCE_SYNC: layout.AT_STATX_FORCE_SYNC,
      F_SETPIPE_SZ: layout.F_SETPIPE_SZ,
      F_GETPIPE_SZ: layout.F_GETPIPE_SZ,
      OPEN_HOW: layout.OPEN_HOW.size
    }
  ],
  [
    // The others are younger (Linux 6.11, 6.14) than many an installed header.
    "flags of transfers",
    ["linux/fs.h"],
    { HIPRI: "RWF_HIPRI", DSYNC: "RWF_DSYNC", SYNC: "RWF_SYNC", NOWAIT: "RWF_NOWAIT", APPEND: "RWF_APPEND" },
    flagsInHeaders
  ],
  [
    "io_uring's structures",
    ["linux/io_uring.h"],
    {
      size: "sizeof(struct io_uring_params)",
      sqe: "sizeof(struct io_uring_sqe)",
      cqe: "sizeof(struct io_uring_cqe)",
      sqEntries: "offsetof(struct io_uring_params, sq_entries) / 4",
      cqEntries: "offsetof(struct io_uring_params, cq_entries) / 4",
      flags: "offsetof(struct io_uring_params, flags) / 4",
      features: "offsetof(struct io_uring_params, features) / 4",
      sqHead: "offsetof(struct io_uring_params, sq_off.head) / 4",
      sqTail: "offsetof(struct io_uring_params, sq_off.tail) / 4",
      sqMask: "offsetof(struct io_uring_params, sq_off.ring_mask) / 4",
      sqFlags: "offsetof(struct io_uring_params, sq_off.flags) / 4",
      sqArray: "offsetof(struct io_uring_params, sq_off.array) / 4",
      cqHead: "offsetof(struct io_uring_params, cq_off.head) / 4",
      cqTail: "offsetof(struct io_uring_params, cq_off.tail) / 4",
      cqMask: "offsetof(struct io_uring_params, cq_off.ring_mask) / 4",
      cqCqes: "offsetof(struct io_uring_params, cq_off.cqes) / 4"
    },
    { ...uring.PARAMS, sqe: uring.SQE_WORDS * 4, cqe: uring.CQE_WORDS * 4 }
  ],
  [
    "io_uring's opcodes",
    ["linux/io_uring.h"],
    Object.fromEntries(
      // FTRUNCATE is younger (Linux 6.9) than many an installed header.
      Object.keys(uring.IORING_OP)
        .filter((name) => name !== "FTRUNCATE")
        .map((name) => [name, `IORING_OP_${name}`])
    ),
    Object.fromEntries(Object.entries(uring.IORING_OP).filter(([name]) => name !== "FTRUNCATE"))
  ],
  [
    "io_uring's flags of setup",
    ["linux/io_uring.h"],
    Object.fromEntries(Object.keys(uring.IORING_SETUP).map((name) => [name, `IORING_SETUP_${name}`])),
    uring.IORING_SETUP
  ]
]

describe("structures and constants of the kernel are laid out as the headers say", () => {
  for (const [what, headers, expressions, ours] of tables) {
    it(what, (context) => {
      const theirs = compile(headers, expressions)
      if (typeof theirs === "string") return context.skip(theirs)
      expect(ours).toEqual(theirs)
    })
  }
})

it("the machine code of the package was made from the sources that stand beside it", () => {
  const hash = createHash("sha256")
  for (const name of ["machine.h", "machine.c", "layout.c"]) {
    hash.update(fs.readFileSync(new URL(`../../src/internal/native/machine/${name}`, import.meta.url)))
  }
  // If it was not: scripts/machine-code.sh
  expect(code.sources).toBe(hash.digest("hex"))
})
