/**
 * Python that shortens the end of an interpreter. At its end Python looks several times through all objects for what no
 * longer belongs to anything: with the usual libraries that takes as long as their import. Who looks wants the
 * finalizers of such objects to run (a file that nobody closed is written to its end). Where no object has come that has
 * one, the search can find nothing, and the collector is told to leave it (`gc.freeze`). All else happens as always: what
 * was registered for the exit runs before, since the first that registers is the last to be called (Python's `atexit`).
 */
const source = `
import atexit, collections, gc

# Open files that hold back nothing, the kernel's own, and two that end a helper process, which ends with this one.
harmless = {
    "_io.FileIO",
    "_io.BufferedReader",
    "zmq.sugar.socket.Socket",
    "multiprocessing.resource_tracker.ResourceTracker",
    "joblib.externals.loky.backend.resource_tracker.ResourceTracker",
}

def finalizers():
    kinds = collections.Counter(map(type, gc.get_objects()))
    return {
        kind: count
        for kind, count in kinds.items()
        if hasattr(kind, "__del__") and f"{kind.__module__}.{kind.__qualname__}" not in harmless
    }

before = {}

def begin(*_):
    events.unregister("pre_run_cell", begin)
    before.update(finalizers())

def end():
    if before and all(count <= before.get(kind, 0) for kind, count in finalizers().items()):
        gc.freeze()

events = get_ipython().events
events.register("pre_run_cell", begin)
atexit.register(end)
`;

/** Words for `ipykernel_launcher`: its end is short where nothing is lost by that. */
export const quickEnd: readonly string[] = [
  `--IPKernelApp.exec_lines=${JSON.stringify([`exec(${JSON.stringify(source)}, {"get_ipython": get_ipython})`])}`,
];
