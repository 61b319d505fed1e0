"""Executes a notebook with nbclient for each line of input; answers with the seconds it took, cold and warm."""

import json
import os
import sys
import time

import nbformat
from nbclient import NotebookClient

answers = os.fdopen(os.dup(1), "w")
os.dup2(2, 1)

for line in sys.stdin:
    request = json.loads(line)
    begun = time.perf_counter()
    notebook = nbformat.read(request["path"], as_version=4)
    times = []
    client = NotebookClient(
        notebook,
        resources={"metadata": {"path": request["cwd"]}},
        on_cell_start=lambda **_: times.append(time.perf_counter()),
        on_cell_executed=lambda **_: times.append(time.perf_counter()),
    )
    client.execute()
    nbformat.write(notebook, request["output"])
    cold = time.perf_counter() - begun
    print(json.dumps({"cold": cold, "warm": times[-1] - times[0]}), file=answers, flush=True)
