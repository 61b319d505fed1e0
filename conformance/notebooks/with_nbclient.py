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


def as_papermill_begins(notebook):
    """Runs follow papermill where it goes beyond nbclient: no cell shows what an earlier execution left."""
    notebook.cells = [
        cell for cell in notebook.cells if "papermill-error-cell-tag" not in cell.metadata.get("tags", [])
    ]
    for cell in notebook.cells:
        runs = cell.cell_type == "code" and cell.source.strip() != ""
        if runs and "skip-execution" not in cell.metadata.get("tags", []):
            cell.outputs = []
            cell.execution_count = None


def language_of(notebook):
    named = notebook.metadata.get("kernelspec", {}).get("language")
    return named or notebook.metadata.get("language_info", {}).get("name", "python")


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
    as_papermill_begins(notebook)
    # As runs do: Python runs in the environment's own kernel, whatever that was called where the notebook was written.
    python = language_of(notebook) == "python"
    client = NotebookClient(
        notebook,
        timeout=request["timeout"],
        resources={"metadata": {"path": request["cwd"]}},
        **({"kernel_name": "python3"} if python else {}),
    )
    outcome = "done"
    try:
        client.execute()
    except NoSuchKernel:
        outcome = "NoKernel"
    except CellTimeoutError:
        outcome = "Timeout"
    except CellExecutionError as error:
        # papermill's rule, which a run follows: leaving with 0 is no failure.
        left = error.ename == "SystemExit" and error.evalue in ("", "0", "None")
        outcome = "done" if left else "CellFailed"
    except DeadKernelError:
        outcome = "KernelDied"
    nbformat.write(notebook, request["output"])
    print(json.dumps({"outcome": outcome}), file=answers, flush=True)
