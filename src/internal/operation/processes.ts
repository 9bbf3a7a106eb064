/** Other processes by descriptor, which stands for the same process as long as it is open. pidfd_open(2) */
import { constants } from "node:os"
import { bad, checkFd, checkName, show } from "../engine/arguments.ts"
import { asNumber, asVoid, define } from "../engine/operation.ts"
import { NR } from "../native/syscalls.ts"

const MAX_PID = 0x7fffffff

export const pidfdOpen = define((pid: number) => ({ pid }), {
  name: "pidfdOpen",
  man: "pidfd_open(2)",
  encode: (submission, { pid }) => {
    submission.nr = NR.pidfd_open
    submission.a0 =
      Number.isInteger(pid) && pid > 0 && pid <= MAX_PID
        ? pid
        : bad("pid", `the number of a process is an integer from 1 to ${MAX_PID}, not ${show(pid)}`)
  },
  producesDescriptor: true,
  decode: asNumber
})

/** The largest number of a signal, signal(7). */
const MAX_SIGNAL = 64

const signalNumber = (signal: NodeJS.Signals | number): number => {
  if (typeof signal !== "number")
    return checkName(constants.signals, signal, "signal", ` or a number from 0 to ${MAX_SIGNAL}`)
  return Number.isInteger(signal) && signal >= 0 && signal <= MAX_SIGNAL
    ? signal
    : bad("signal", `a number from 0 to ${MAX_SIGNAL}, not ${show(signal)}`)
}

export const pidfdSendSignal = define((pidfd: number, signal: NodeJS.Signals | number) => ({ pidfd, signal }), {
  name: "pidfdSendSignal",
  man: "pidfd_send_signal(2)",
  encode: (submission, { pidfd, signal }) => {
    submission.nr = NR.pidfd_send_signal
    submission.a0 = checkFd(pidfd, "pidfd")
    submission.a1 = signalNumber(signal)
  },
  decode: asVoid
})

export const pidfdGetfd = define((pidfd: number, fd: number) => ({ pidfd, fd }), {
  name: "pidfdGetfd",
  man: "pidfd_getfd(2)",
  encode: (submission, { fd, pidfd }) => {
    submission.nr = NR.pidfd_getfd
    submission.a0 = checkFd(pidfd, "pidfd")
    submission.a1 = checkFd(fd)
  },
  producesDescriptor: true,
  decode: asNumber
})
