/** How results of several machines become tables of the documents (bench/results.ts, bench/markdown.ts). */
import { describe, expect, it } from "vitest"
import { mitigation, nameOf } from "../../bench/machine.ts"
import { replaceSections, sections } from "../../bench/markdown.ts"
import { type BackendResults, entries, format, type MachineResults, merge, quickOnes } from "../../bench/results.ts"

const machine = {
  cpu: "AMD EPYC 9B14 96-Core Processor",
  cores: 2,
  architecture: "x64",
  mitigations: ["spectre_v2: Retpolines"],
  getppid: 180,
  kernel: "6.18",
  fileSystem: "ext4",
  governor: "none",
  node: "v20",
  commit: "abc"
}
const about = { machine, effort: { rounds: 5, interval: 0.2 }, quick: false }

const side = (name: string, perSecond: number, firstIsFaster: number) => ({
  side: name,
  perSecond,
  cpuMicros: 2,
  firstIsFaster,
  firstUsesCpu: 0.5,
  samples: [{ requests: 1, seconds: 1, cpuSeconds: 1 }]
})

/** All that the goals of kernel AIO are about, but for fio. */
const measured = (first: number, others: number): BackendResults => {
  const comparison = (name: string) => ({
    name,
    title: name,
    unit: "reads",
    sides: [
      side("effect-aio kernel", first, 1),
      side("fs.promises", others, first / others),
      side("fs.read", others, first / others)
    ]
  })
  const comparisons = Object.fromEntries(
    ["cached-1", "direct-64", "direct-256"].map((name) => [name, comparison(name)])
  )
  return entries(
    { comparisons, figures: { layer: [{ name: "kernel, median", unit: "ms", value: 3 }] } },
    about,
    "2026-01-01"
  )
}

const on = (name: string, backend: string, found: BackendResults): MachineResults =>
  merge(undefined, name, machine, backend, found)

describe("results of machines", () => {
  it("are kept without single samples, and those of a later part are merged", () => {
    const first = on("one", "kernel", measured(300_000, 20_000))
    const both = merge(first, "one", machine, "kernel", entries({ figures: { first: [] } }, about, "2026-01-02"))
    expect(Object.keys(both.backends.kernel.comparisons)).toEqual(["cached-1", "direct-64", "direct-256"])
    expect(Object.keys(both.backends.kernel.figures)).toEqual(["layer", "first"])
    expect(format(both)).not.toContain("samples")
    expect(JSON.parse(format(both))).toEqual(both)
  })

  it("of a run in a hurry are found", () => {
    const hurried = on("one", "threads", entries({ figures: { layer: [] } }, { ...about, quick: true }))
    expect(quickOnes([on("two", "kernel", measured(3, 2)), hurried])).toEqual(["one: threads: layer"])
  })

  it("have a name of their processor", () => {
    expect(nameOf(machine)).toBe("amd-epyc-9b14-96-core-2-cores")
    expect(nameOf({ cpu: "Intel(R) Xeon(R) CPU E5-2680 v4 @ 2.40GHz", cores: 8 })).toBe("intel-xeon-e5-2680-v4-8-cores")
  })

  it("name the mitigations that concern a processor, in brief", () => {
    expect(mitigation("meltdown", "Mitigation: PTI\n")).toEqual(["meltdown: PTI"])
    expect(mitigation("mds", "Not affected\n")).toEqual([])
    expect(mitigation("srso", "Vulnerable: Safe RET, no microcode\n")).toEqual([
      "srso: Vulnerable: Safe RET, no microcode"
    ])
  })
})

describe("tables", () => {
  const fast = on("fast", "kernel", measured(300_000, 20_000))
  const slow = on("slow", "kernel", measured(60_000, 15_000))

  it("claim ranges over all machines, and say on which one a goal was missed", () => {
    const goals = sections([fast, slow]).get("goals kernel")!
    expect(goals).toContain("| Cached, depth 1: at least 8x fs.promises | 4x to 15x | **missed** on slow |")
    expect(sections([fast]).get("goals kernel")).toContain("| 15x | met |")
    expect(sections([slow]).get("goals kernel")).toContain("| 4x | **missed** |")
  })

  it("say what could not be measured, and are none where scenarios were not run", () => {
    expect(sections([fast]).get("goals kernel")).toContain(
      "| O_DIRECT, depth 64: at least 0.9x fio libaio |  | not measured |"
    )
    const part = on("part", "kernel", { ...measured(2, 1), figures: {} })
    expect([...sections([part]).keys()]).not.toContain("goals kernel")
    expect([...sections([]).keys()]).toEqual([])
  })

  it("replace what stands between marks, and nothing else", () => {
    const text = "before\n<!-- a -->\nold\n<!-- /a -->\nbetween\n<!-- b -->\nkept\n<!-- /b -->\n"
    const after = "before\n<!-- a -->\nnew\n<!-- /a -->\nbetween\n<!-- b -->\nkept\n<!-- /b -->\n"
    const content = new Map([
      ["a", "new"],
      ["c", "nowhere"]
    ])
    expect(replaceSections(text, content)).toBe(after)
    expect(replaceSections(after, content)).toBe(after)
    expect(() => replaceSections("<!-- a -->", content)).toThrow("no end")
  })
})
