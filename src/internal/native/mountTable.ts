/**
 * What the list of mounts says about a file system: whether it is local, or which server or layer it may ask. An overlay is as its layers
 * are. Its options name them by the paths that were used when it was mounted: in a container these are often paths outside of it.
 */

/** One line of proc(5)'s `mountinfo`. */
export interface MountLine {
  readonly id: number
  /** The directory on which it is mounted. Bytes are characters here, since paths may hold any. */
  readonly point: string
  readonly type: string
  /** The options of the file system, escaped. */
  readonly options: string
}

/**
 * Local file systems: on them statx(2) of a cached inode reads memory only, and asynchronous transfers do what pread(2) and pwrite(2) do.
 * Network and user-space file systems may wait for a peer, and may treat a request that is not a plain system call in their own way: FUSE
 * answers direct reads with bytes that are not in the file (docs/backends.md).
 */
const local = new Set(
  "ext2 ext3 ext4 xfs btrfs bcachefs f2fs zfs tmpfs ramfs devtmpfs overlay squashfs erofs iso9660 vfat exfat".split(" ")
)

export const isLocal = (type: string): boolean => local.has(type)

/** File systems whose files are not on a disk: the kernel answers for them. autofs only waits on the way to a name. */
const kernels = new Set(
  (
    "proc sysfs devpts cgroup cgroup2 securityfs debugfs tracefs pstore bpf configfs mqueue hugetlbfs binfmt_misc fusectl efivarfs " +
    "selinuxfs rpc_pipefs nsfs autofs"
  ).split(" ")
)

export const isOfKernel = (type: string): boolean => kernels.has(type)

/**
 * An overlay whose layers cannot be told. An answer from its caches waits for nothing, since the overlay passes the flag that forbids
 * waiting on to its layers (test/stalls). Opens and transfers depend on the layers.
 */
export const UNTOLD = "overlay of unknown layers"

/** As the kernel writes spaces, commas and the like: `\040`. */
const unescape = (text: string): string =>
  text.replace(/\\([0-7]{3})/g, (_, octal) => String.fromCharCode(Number.parseInt(octal, 8)))

/** Parses the text of `mountinfo`, a character a byte: "36 35 98:0 /mnt1 /mnt2 rw,noatime master:1 - ext3 /dev/root rw". */
export const parseMounts = (text: string): ReadonlyArray<MountLine> =>
  text
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => {
      const [id, , , , point = ""] = line.split(" ", 5)
      const [type = "", , options = ""] = line.slice(line.indexOf(" - ") + 3).split(" ")
      return { id: Number(id), point: unescape(point), type, options }
    })

/** The directories of an overlay, as its options name them. */
export const layersIn = (options: string): ReadonlyArray<string> =>
  options.split(",").flatMap((option) => {
    const equals = option.indexOf("=")
    const value = unescape(option.slice(equals + 1))
    switch (option.slice(0, equals)) {
      case "lowerdir":
        // A colon in a name has a backslash before it. Two of them separate layers that hold data only.
        return (value.match(/(?:\\.|[^:\\])+/gs) ?? []).map((path) => path.replace(/\\(.)/gs, "$1"))
      case "lowerdir+":
      case "datadir+":
      case "upperdir":
        return [value]
      default:
        return []
    }
  })

/** The mount in which a path lies by its letters: the last mount on the longest of its directories. */
const mountByName = (mounts: ReadonlyArray<MountLine>, path: string): MountLine | undefined => {
  let found: MountLine | undefined
  for (const mount of mounts) {
    const { point } = mount
    if (point !== "/" && path !== point && !path.startsWith(`${point}/`)) continue
    if (found === undefined || point.length >= found.point.length) found = mount
  }
  return found
}

/**
 * The type of a mount's file system if it is local or the kernel's own; `UNTOLD`; or "" if it may ask a server, or is not in the list.
 * `resolve`: the number of the mount that a path leads to, if that can be found without waiting.
 */
export const typeIn = (
  mounts: ReadonlyArray<MountLine>,
  id: number,
  resolve: (path: string) => number | undefined,
  above: ReadonlyArray<number> = []
): string => {
  const mount = mounts.find((each) => each.id === id)
  if (mount === undefined || !(isLocal(mount.type) || isOfKernel(mount.type))) return ""
  if (mount.type !== "overlay") return mount.type
  const layers = layersIn(mount.options)
  let type: string = layers.length === 0 ? UNTOLD : mount.type
  for (const path of layers) {
    const within = [...above, id]
    const resolved = path.startsWith("/") ? resolve(path) : undefined
    const named = path.startsWith("/") ? mountByName(mounts, path)?.id : undefined
    const layer = resolved ?? named
    // A layer on the overlay itself: the path belongs to another list of mounts.
    const found = layer === undefined || within.includes(layer) ? UNTOLD : typeIn(mounts, layer, resolve, within)
    if (found === "") return ""
    if (found === UNTOLD || resolved === undefined) type = UNTOLD
  }
  return type
}
