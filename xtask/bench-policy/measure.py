"""Runs a command: measure.py RUNS COMMAND... prints a JSON line a run with its wall and CPU seconds,
its peak resident memory in bytes, and its status. Output goes nowhere."""

import json
import os
import sys
import time

runs, command = int(sys.argv[1]), sys.argv[2:]
for _ in range(runs):
    nowhere = [(os.POSIX_SPAWN_OPEN, n, os.devnull, os.O_RDWR, 0) for n in range(3)]
    begun = time.perf_counter()
    pid = os.posix_spawnp(command[0], command, os.environ, file_actions=nowhere)
    _, status, used = os.wait4(pid, 0)
    wall = time.perf_counter() - begun
    figures = {
        "wall": wall,
        "cpu": used.ru_utime + used.ru_stime,
        "memory": used.ru_maxrss * 1024,
        "status": os.waitstatus_to_exitcode(status),
    }
    print(json.dumps(figures), flush=True)
