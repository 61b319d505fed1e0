"""Executes notebooks with nbclient: one JSON request per line in, one JSON answer per line out."""

import json
import os
import sys

import nbformat
from jupyter_client.kernelspec import NoSuchKernel
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError

# Kernels inherit standard output: what a notebook writes there must not come between the answers.
answers = os.fdopen(os.dup(1), "w")
os.dup2(2, 1)

for line in sys.stdin:
    request = json.loads(line)
    if request["do"] == "validate":
        try:
            nbformat.validate(nbformat.read(request["path"], as_version=nbformat.NO_CONVERT))
            answer = {"error": None}
        except Exception as error:
            answer = {"error": str(error).split("\n")[0]}
        print(json.dumps(answer), file=answers, flush=True)
        continue
    os.chdir(request["cwd"])
    notebook = nbformat.read(request["path"], as_version=4)
    client = NotebookClient(notebook, timeout=request["timeout"], resources={"metadata": {"path": request["cwd"]}})
    outcome = "done"
    try:
        client.execute()
    except NoSuchKernel:
        outcome = "NoKernel"
    except CellTimeoutError:
        outcome = "Timeout"
    except CellExecutionError:
        outcome = "CellFailed"
    except DeadKernelError:
        outcome = "KernelDied"
    nbformat.write(notebook, request["output"])
    print(json.dumps({"outcome": outcome}), file=answers, flush=True)
