/** Calls as text, for the journal. Looking at a value must not run anything of it: whatever could is given a name when it is made. */

const names = new WeakMap<object, string>()

/** The value itself, known by `text` from now on. */
export const named = <A extends object>(text: string, value: A): A => {
  names.set(value, text)
  return value
}

const short = (text: string): string => (text.length > 60 ? `${text.slice(0, 60)}... (${text.length})` : text)

const property = (target: object, key: PropertyKey, depth: number): string => {
  const { value, get } = Object.getOwnPropertyDescriptor(target, key)!
  return `${String(key)}: ${get === undefined ? show(value, depth) : "getter"}`
}

export const show = (value: unknown, depth = 3): string => {
  if (typeof value === "string") return JSON.stringify(short(value))
  if (typeof value === "bigint") return `${value}n`
  if (Object.is(value, -0)) return "-0"
  if ((typeof value !== "object" && typeof value !== "function") || value === null) return String(value)
  const name = names.get(value)
  if (name !== undefined) return name
  if (depth === 0) return "..."
  if (Array.isArray(value)) {
    const shown = value.slice(0, 6).map((element) => show(element, depth - 1))
    return `[${shown.join(", ")}${value.length > 6 ? `, ... (${value.length})` : ""}]`
  }
  if (typeof value === "function") return "a function"
  if (ArrayBuffer.isView(value)) return "a view"
  const keys = Object.keys(value).slice(0, 8)
  return `{ ${keys.map((key) => property(value, key, depth - 1)).join(", ")} }`
}
