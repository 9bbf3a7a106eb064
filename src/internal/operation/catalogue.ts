/**
 * Every operation there is, by its public name. The support matrix and the conformance tests are made from this list. Of a file that exports
 * operations and nothing else (types aside) it takes all.
 */
export * from "./attributes.ts"
export { copyFileRange } from "./copies.ts"
export {
  close,
  fadvise,
  fallocate,
  fdatasync,
  fsync,
  ftruncate,
  nop,
  readahead
} from "./descriptors.ts"
export { readdir } from "./directories.ts"
export { eventfd } from "./eventfds.ts"
export * from "./extendedAttributes.ts"
export * from "./extents.ts"
export * from "./inodeFlags.ts"
export * from "./memoryFiles.ts"
export * from "./names.ts"
export * from "./pageCache.ts"
export * from "./paths.ts"
export * from "./pipeSizes.ts"
export * from "./processes.ts"
export { lockHolder, lockRange } from "./rangeLocks.ts"
export { addSeals, getSeals } from "./seals.ts"
export * from "./seeks.ts"
export * from "./splices.ts"
export { fstatx, statx } from "./statx.ts"
export * from "./syncing.ts"
export { read, readv, write, writev } from "./transfers.ts"
export * from "./waiting.ts"
