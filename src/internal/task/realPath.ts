/**
 * The path of a file without symbolic links, `.` and `..`. realpath(3)
 *
 * The file is opened with O_PATH, and the kernel asked for its path: one answer about one moment. A walk along the path may put together parts
 * of different moments. It is used where there is no /proc, and for a file that has no name any more; it also finds what is wrong, and with which
 * part of the path.
 */
import { constants } from "node:fs"
import { BadArgument, checkPath, type Path } from "../engine/arguments.ts"
import type { Engine } from "../engine/engine.ts"
import { Failed } from "../engine/failed.ts"
import { fdOf, fileOf, type Target } from "../engine/openDescriptor.ts"
import { pathFromBytes } from "../engine/pathNames.ts"
import { errno } from "../native/errno.ts"
import { O_PATH } from "../native/layout.ts"
import { lstat, open, readlink, stat } from "../operation/catalogue.ts"
import type { Stat } from "../operation/metadata.ts"
import { Sequence } from "./sequence.ts"

/** The kernel appends this to the path of a name that is gone; a name may also end like this. */
const GONE = " (deleted)"

/** Paths with a character for each byte, so that those that are no text are told, too. */
const toByteString = (path: Path): string => Buffer.from(path as string).toString("latin1")

const toPath = (text: string): Path => {
  const bytes = Buffer.from(text, "latin1")
  return pathFromBytes(bytes, 0, bytes.length)
}

/** What a real path is asked for, for spans and failures. */
export interface RealPathNaming {
  readonly method: string
  /** What a failure names, about this part of the path. */
  readonly about: (path: Path) => unknown
}

export class RealPath extends Sequence<Path> {
  /** What has been walked, without links. */
  private done = ""
  /** What is to be walked, the next name at the end. */
  private rest: Array<string> = []
  /** The name that is looked at. */
  private here: Path

  constructor(
    engine: Engine,
    private readonly path: Path,
    private readonly naming: RealPathNaming,
    /** Where the path starts. */
    private readonly at?: Target
  ) {
    super(engine)
    this.here = path
  }

  override get label(): { readonly name: string; readonly path: Path } {
    return { name: this.naming.method, path: this.path }
  }

  protected override get about(): unknown {
    return this.naming.about(this.here)
  }

  protected begin(): void {
    try {
      // Here and not by the first request: a walk begins with the names before the wrong one.
      if (checkPath(this.path).length === 0) return this.failed(errno.ENOENT)
    } catch (problem) {
      if (!(problem instanceof BadArgument)) throw problem
      return this.conclude(new Failed(this.label.name, this.about, 0, problem))
    }
    const { at, path } = this
    // Descriptors that do not belong to this process have no entry in its /proc.
    if (this.hasOwnDescriptors)
      this.run(open(path, { at, flag: O_PATH | constants.O_RDONLY }), this.opened, this.notTold)
    else if (at === undefined) this.walk()
    else this.run(stat(path, { at }), () => this.walk(), this.notTold)
  }

  /** A walk would leave the directory that the path must not leave. */
  private get isConfined(): boolean {
    return open(this.path, { at: this.at }).input.beneath !== undefined
  }

  private get hasOwnDescriptors(): boolean {
    return this.engine.backend.descriptors === undefined
  }

  private opened(fd: number): void {
    this.fd = fd
    // An O_PATH descriptor has no file behind it: closing it waits for nothing.
    this.closesAtOnce = true
    this.run(readlink(`/proc/self/fd/${fd}`), this.told, this.notTold)
  }

  private told(path: Path): void {
    const text = toByteString(path)
    if (text.startsWith("/") && !text.endsWith(GONE)) this.conclude(path)
    else if (this.isConfined) this.failed(errno.ENOENT)
    else this.walk()
  }

  private notTold(number: number, operation: string): void {
    // Whatever the error was, the walk finds it.
    if (this.cancelling || this.isConfined) this.failed(number, operation)
    else this.walk()
  }

  /** Link by link: a path may have any number of links in it. */
  private walk(): void {
    const { at, path } = this
    const text = toByteString(path)
    if (at !== undefined && !text.startsWith("/")) {
      const directory = readlink(`/proc/self/fd/${fdOf(at, fileOf(at))}`)
      return this.run(directory, (start) => this.walkFrom(toByteString(start), text))
    }
    let start = ""
    try {
      if (!text.startsWith("/") && this.hasOwnDescriptors) start = toByteString(process.cwd())
    } catch {
      return this.failed(errno.ENOENT)
    }
    this.walkFrom(start, text)
  }

  private walkFrom(start: string, path: string): void {
    this.rest = path.split("/").reverse()
    this.done = start === "/" ? "" : start
    this.next()
  }

  private next(): void {
    const part = this.rest.pop()
    if (part === undefined) return this.conclude(toPath(this.done === "" ? "/" : this.done))
    if (part === "" || part === ".") return this.next()
    if (part === "..") {
      this.done = this.done.slice(0, Math.max(0, this.done.lastIndexOf("/")))
      return this.next()
    }
    const { done } = this
    this.here = toPath(`${done}/${part}`)
    this.run(lstat(this.here), ({ type }: Stat) => {
      if (type === "SymbolicLink") return this.follow()
      if (type !== "Directory" && this.needsDirectory) return this.failed(errno.ENOTDIR, lstat.entry.name)
      this.done = `${done}/${part}`
      this.next()
    })
  }

  /** Whether what follows is no name, at which the kernel would see that this is no directory. */
  private get needsDirectory(): boolean {
    const next = this.rest.findLast((part) => part !== "" && part !== ".")
    return this.rest.length > 0 && (next === undefined || next === "..")
  }

  /** The kernel says whether the link leads anywhere, so that the walk does not go in circles. */
  private follow(): void {
    this.run(stat(this.here), () => this.run(readlink(this.here), this.lead))
  }

  private lead(target: Path): void {
    const text = toByteString(target)
    if (text.startsWith("/")) this.done = ""
    this.rest.push(...text.split("/").reverse())
    this.next()
  }
}
