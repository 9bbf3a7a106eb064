/** A file of checksums, as `sha256sum` writes it and `sha256sum -c` reads it. */
import { Effect, Stream } from "effect"
import { Aio, type AioError, AioFile } from "effect-aio"

/** The checksum of one file. */
export interface Checksum {
  /** The path's bytes, one character (U+0000 to U+00FF) each: a string that sorts and concatenates as bytes do. */
  readonly name: string
  /** SHA-256 in hexadecimal. */
  readonly digest: string
}

export const checksum = (path: Aio.Path, digest: string): Checksum => ({
  name: Buffer.from(path).toString("latin1"),
  digest
})

const escapes: Record<string, string> = { "\\": "\\\\", "\n": "\\n", "\r": "\\r" }

/** A name with a backslash or a line's end in it is written with escapes, and its line begins with a backslash. */
const line = ({ digest, name }: Checksum): string => {
  const escaped = name.replace(/[\\\n\r]/g, (character) => escapes[character])
  return `${escaped === name ? "" : "\\"}${digest}  ${escaped}\n`
}

const CHUNK_SIZE = 65536

function* chunks(checksums: Iterable<Checksum>): Generator<Uint8Array> {
  let text = ""
  for (const checksum of checksums) {
    text += line(checksum)
    if (text.length < CHUNK_SIZE) continue
    yield Buffer.from(text, "latin1")
    text = ""
  }
  yield Buffer.from(text, "latin1")
}

/** Writes them by name. Under `path` there is the old file or the whole new one, never a part. */
export const writeChecksums = (
  path: string,
  checksums: Array<Checksum>
): Effect.Effect<void, AioError.AioFailure, Aio.Aio> => {
  const temporary = `${path}.${process.pid}.tmp`
  checksums.sort((a, b) => (a.name < b.name ? -1 : 1))
  return AioFile.withFile(temporary, { flag: "w" }, (file) =>
    Stream.fromIterable(chunks(checksums)).pipe(Stream.run(file.sink()), Effect.zipRight(file.sync))
  ).pipe(
    Effect.zipRight(Aio.rename(temporary, path)),
    Effect.onError(() => Effect.ignore(Aio.unlink(temporary)))
  )
}
