/** Extended attributes, with Linux's rules for their namespaces. xattr(7) Every file has them, and room for them. */
import { fail } from "./failure.ts"
import type { FileSystem } from "./filesystem.ts"
import { MAY_READ, MAY_WRITE, S_ISVTX } from "./flags.ts"
import { Directory, type Inode, RegularFile } from "./inode.ts"

/** `XATTR_*` of setxattr(2). */
const XATTR_CREATE = 1
const XATTR_REPLACE = 2

/** What the kernel's `xattr_permission` says. */
const demandAttribute = (fs: FileSystem, inode: Inode, name: string, wanted: number): void => {
  const refuse = (): never => fail(wanted === MAY_WRITE ? "EPERM" : "ENODATA")
  if (name.startsWith("security.")) {
    if (wanted === MAY_WRITE && !fs.isRoot) fail("EPERM")
    return
  }
  if (name.startsWith("system.")) return
  if (name.startsWith("trusted.")) return fs.isRoot ? undefined : refuse()
  if (name.startsWith("user.")) {
    if (!(inode instanceof RegularFile || inode instanceof Directory)) refuse()
    const isSticky = inode instanceof Directory && (inode.mode & S_ISVTX) !== 0
    if (isSticky && wanted === MAY_WRITE && !fs.owns(inode)) fail("EPERM")
  }
  fs.demand(inode, wanted)
}

/** No part of the mock keeps attributes of other namespaces. */
const demandNamespace = (name: string): void => {
  const namespace = ["user.", "trusted.", "security."].find((prefix) => name.startsWith(prefix))
  if (namespace === undefined) fail("EOPNOTSUPP")
  if (namespace === name) fail("EINVAL")
}

const demandUse = (fs: FileSystem, inode: Inode, name: string, wanted: number): void => {
  demandAttribute(fs, inode, name, wanted)
  demandNamespace(name)
}

export const set = (fs: FileSystem, inode: Inode, name: string, value: Uint8Array, flags: number): void => {
  demandUse(fs, inode, name, MAY_WRITE)
  const exists = inode.xattrs?.has(name) === true
  if (exists && (flags & XATTR_CREATE) !== 0) fail("EEXIST")
  if (!exists && (flags & XATTR_REPLACE) !== 0) fail("ENODATA")
  inode.xattrs ??= new Map()
  inode.xattrs.set(name, new Uint8Array(value))
  fs.changed(inode)
}

/** Into `output`, which has room for any. */
export const get = (fs: FileSystem, inode: Inode, name: string, output: Uint8Array): number => {
  demandUse(fs, inode, name, MAY_READ)
  const value = inode.xattrs?.get(name) ?? fail("ENODATA")
  output.set(value)
  return value.length
}

export const remove = (fs: FileSystem, inode: Inode, name: string): void => {
  demandUse(fs, inode, name, MAY_WRITE)
  if (inode.xattrs?.delete(name) !== true) fail("ENODATA")
  fs.changed(inode)
}

/** The names, each with a NUL behind it. Only root is told of names in `trusted.` */
export const list = (fs: FileSystem, inode: Inode, output: Buffer): number => {
  const names = [...(inode.xattrs?.keys() ?? [])].filter((name) => fs.isRoot || !name.startsWith("trusted."))
  const text = names
    .sort()
    .map((name) => `${name}\0`)
    .join("")
  return text.length > output.length ? fail("E2BIG") : output.write(text, "latin1")
}
