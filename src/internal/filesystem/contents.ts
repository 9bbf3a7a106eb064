/** Whole files: read to their end, or written. */
import type { WriteFileOptions } from "@effect/platform/FileSystem"
import type { Engine } from "../engine/engine.ts"
import { Failed } from "../engine/failed.ts"
import { close, open } from "../operation/catalogue.ts"
import { type ProgramEnd, program } from "../operation/program.ts"
import { ReadFile } from "../task/readFile.ts"
import { WriteFile } from "../task/writeFile.ts"
import type { Subject } from "./errors.ts"
import { FileSystemSequence } from "./sequence.ts"

/** The longest array that is allocated, as in `fs.readFile`. */
const MAX_LENGTH = 2 ** 31 - 1

/** The bytes of a file. */
export const readFile = (engine: Engine, path: string, method: string): ReadFile =>
  new ReadFile(engine, path, {
    method,
    // Node names the path where there is no descriptor yet.
    about: (isOpen): Subject => ({ method, of: path, path: isOpen ? undefined : path }),
    most: MAX_LENGTH,
    tooLarge: "read"
  })

/** Writes a file; `bytes` is an ordinary array. */
export const writeFile = (
  engine: Engine,
  path: string,
  bytes: Uint8Array,
  options: WriteFileOptions | undefined,
  method: string
): WriteFile =>
  new WriteFile(engine, path, bytes, {
    method,
    about: (isOpen): Subject => ({ method, of: path, path: isOpen ? undefined : path }),
    flag: options?.flag,
    mode: options?.mode
  })

/** Opens and closes: makes an empty file. */
export class Create extends FileSystemSequence<void> {
  constructor(
    engine: Engine,
    protected readonly subject: Subject,
    private readonly path: string
  ) {
    super(engine)
  }

  protected begin(): void {
    const opens = open(this.path, { flag: "w+" })
    this.runProgram(program("open", [{ operation: opens }, { operation: close(0), fd: 0, always: true }]), this.opened)
  }

  private opened({ ends: [end] }: ProgramEnd): void {
    if (end instanceof Failed) this.failed(end.errno, "open")
    else this.conclude(undefined)
  }
}
