#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""Stops one thread as a debugger does, and lets it go on SIGTERM.

    stop_thread.py TID       prints "stopped" when the thread stands still
"""
import ctypes
import os
import signal
import sys

PTRACE_DETACH, PTRACE_SEIZE, PTRACE_INTERRUPT = 17, 0x4206, 0x4207
WALL = 0x40000000


def ptrace(request, tid):
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.ptrace(ctypes.c_long(request), ctypes.c_long(tid), None, None):
        sys.exit("ptrace: " + os.strerror(ctypes.get_errno()))


def main():
    tid = int(sys.argv[1])
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM, signal.SIGINT})
    ptrace(PTRACE_SEIZE, tid)
    ptrace(PTRACE_INTERRUPT, tid)
    os.waitpid(tid, WALL)
    print("stopped", flush=True)
    signal.sigwait({signal.SIGTERM, signal.SIGINT})
    ptrace(PTRACE_DETACH, tid)


if __name__ == "__main__":
    main()
