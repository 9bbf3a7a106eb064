/** The answer of stat(2) in the form of @effect/platform. */
import type { File, Size } from "@effect/platform/FileSystem"
import * as Option from "effect/Option"
import type { Entry } from "../engine/operation.ts"
import type { Submission } from "../engine/submission.ts"
import { STATX, STATX_BTIME } from "../native/layout.ts"
import { fstat, stat } from "../operation/catalogue.ts"
import { decodeStat, fileType } from "../operation/metadata.ts"

const HIGH = 4294967296

/** Bits of a device number that fit glibc's short form, and so plain arithmetic. */
const isShort = (major: number, minor: number): boolean => major < 0x1000 && minor < 0x100

/**
 * Made directly of the kernel's answer: a `Stat` of bigints, made only to be taken apart again, would cost as much as the system calls of a
 * cached file.
 */
const decodeInfo = (submission: Submission): File.Info => {
  const { i64, u32 } = submission.cell
  const word = (offset: number): number => u32[offset / 4]
  const wide = (offset: number): number => u32[offset / 4] + u32[offset / 4 + 1] * HIGH
  // tmpfs and btrfs keep times that are beyond a Date's 275,760 years.
  const time = (offset: number): Option.Option<Date> => {
    const date = new Date(Math.round(Number(i64[offset / 8]) * 1000 + u32[offset / 4 + 2] / 1_000_000))
    return Number.isNaN(date.getTime()) ? Option.none() : Option.some(date)
  }
  const mode = word(STATX.mode) & 0xffff
  const device = (major: number, minor: number, whole: "dev" | "rdev"): number =>
    isShort(major, minor) ? major * 256 + minor : Number(decodeStat(submission)[whole])
  return {
    type: fileType(mode >> 12),
    mtime: time(STATX.mtime),
    atime: time(STATX.atime),
    birthtime: (word(STATX.mask) & STATX_BTIME) === 0 ? Option.none() : time(STATX.btime),
    dev: device(word(STATX.devMajor), word(STATX.devMinor), "dev"),
    rdev: Option.some(device(word(STATX.rdevMajor), word(STATX.rdevMinor), "rdev")),
    ino: Option.some(wide(STATX.ino)),
    mode,
    nlink: Option.some(word(STATX.nlink)),
    uid: Option.some(word(STATX.uid)),
    gid: Option.some(word(STATX.gid)),
    size: BigInt(wide(STATX.fileSize)) as Size,
    blksize: Option.some(BigInt(word(STATX.blksize)) as Size),
    blocks: Option.some(wide(STATX.blocks))
  }
}

export const statInfo: Entry<any, File.Info> = { ...stat.entry, decode: decodeInfo }
export const fstatInfo: Entry<any, File.Info> = { ...fstat.entry, decode: decodeInfo }
