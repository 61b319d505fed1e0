"""The walk of a tag by hand: the notebook through nbclient, with papermill's parameters."""

import json
import sys

import nbformat
from nbclient import NotebookClient

path, parameters = sys.argv[1], json.loads(sys.argv[2])
notebook = nbformat.read(path, as_version=4)
lines = "\n".join(f"{name} = {value!r}" for name, value in parameters.items())
place = next((i + 1 for i, cell in enumerate(notebook.cells) if "parameters" in cell.metadata.get("tags", [])), 0)
notebook.cells.insert(place, nbformat.v4.new_code_cell(lines))
NotebookClient(notebook, kernel_name="python3", resources={"metadata": {"path": "."}}).execute()
nbformat.write(notebook, path)
