"""Keeps what running cells say, for pages that were not there: reloaded, closed and opened again, or a second tab.

Jupyter's own server keeps messages for the connection that was lost and for no other; a page that is loaded anew has
a new one. So each kernel's messages are also read here, for every cell that a page runs, and given by its cell's id.
"""

import json

from jupyter_server.auth.decorator import authorized
from jupyter_server.base.handlers import APIHandler
from jupyter_server.services.kernels.connection.base import deserialize_msg_from_ws_v1
from jupyter_server.services.kernels.connection.channels import ZMQChannelsWebsocketConnection
from jupyter_server.services.kernels.kernelmanager import AsyncMappingKernelManager
from jupyter_server.utils import url_path_join
from nbformat.v4 import output_from_msg
from tagboat_memory import SCHEMA, Kills
from tornado.web import HTTPError, authenticated

MOST_BYTES = 16 * 2**20
"""Of one cell, at most; what it says after that is shown only to who was there."""
OUTPUT_TYPES = {"stream", "display_data", "execute_result", "error"}


class Execution:
    """One cell's run: what it was given, and its outputs as a notebook's file holds them."""

    def __init__(self, id, cell, code, session):
        self.id, self.cell, self.code, self.session = id, cell, code, session
        self.running, self.away = True, False
        self.count = None
        self.changes = 0
        self._outputs, self._displays, self._bytes = [], {}, 0
        self._clears = False

    def take(self, kind, content, size):
        """Takes a message of the kernel that answers this execution."""
        if kind == "execute_input":
            self.count = content["execution_count"]
        elif kind == "status":
            self.running = self.running and content["execution_state"] != "idle"
        elif kind == "clear_output":
            self._clears = True
            if not content.get("wait"):
                self._clear()
        elif kind in OUTPUT_TYPES:
            self._clear()
            self._add(kind, content, size)
        else:
            return
        self.changes += 1

    def update(self, content):
        """Shows a display anew, whichever cell's execution asks for it."""
        for output in self._displays.get((content.get("transient") or {}).get("display_id"), ()):
            output.update(data=content["data"], metadata=content["metadata"])
            self.changes += 1

    def outputs(self):
        return [
            {**output, "text": "".join(output["text"])} if output["output_type"] == "stream" else output
            for output in self._outputs
        ]

    def summary(self):
        names = ("id", "cell", "code", "session", "running", "away", "count", "changes")
        return {name: getattr(self, name) for name in names}

    def _clear(self):
        if self._clears:
            self._outputs, self._displays, self._bytes, self._clears = [], {}, 0, False

    def _add(self, kind, content, size):
        if self._bytes > MOST_BYTES:
            return
        self._bytes += size
        if self._bytes > MOST_BYTES:
            kind = "stream"
            content = {"name": "stderr", "text": f"\nNo page was open for the rest: {MOST_BYTES >> 20} MB are kept.\n"}
        last = self._outputs[-1] if self._outputs else {}
        if kind == "stream" and last.get("name") == content["name"]:
            last["text"].append(content["text"])
            return
        if kind == "stream":
            output = {"output_type": kind, "name": content["name"], "text": [content["text"]]}
        else:
            output = dict(output_from_msg({"header": {"msg_type": kind}, "content": content}))
        self._outputs.append(output)
        display = (content.get("transient") or {}).get("display_id")
        if display:
            self._displays.setdefault(display, []).append(output)


class Executions:
    """The last run of each cell, of all kernels."""

    def __init__(self):
        self._kernels = {}

    def of(self, kernel):
        return self._kernels.setdefault(kernel, {})

    def began(self, kernel, execution):
        of = self.of(kernel)
        for id in [id for id, other in of.items() if other.cell == execution.cell]:
            del of[id]
        of[execution.id] = execution

    def take(self, kernel, parts):
        """Takes a message as it came from the kernel: header, parent, metadata, content, buffers."""
        of = self._kernels.get(kernel)
        if not of:
            return
        kind = json.loads(parts[0])["msg_type"]
        if kind == "update_display_data":
            content = json.loads(parts[3])
            for execution in of.values():
                execution.update(content)
            return
        execution = of.get(json.loads(parts[1]).get("msg_id"))
        if execution:
            execution.take(kind, json.loads(parts[3]), len(parts[3]))

    def left(self, kernel, session):
        """The page of a session is gone: what runs now ends without it."""
        for execution in self.of(kernel).values():
            if execution.session == session and execution.running:
                execution.away = True

    def returned(self, kernel, session):
        """The same page is back, and is given by Jupyter itself what it missed."""
        for execution in self.of(kernel).values():
            if execution.session == session:
                execution.away = False

    def ended(self, kernel, why=None):
        """The kernel's process is another one, or none: nothing of it runs any more."""
        for execution in self.of(kernel).values():
            if execution.running:
                execution.running = False
                execution.changes += 1
                if why:
                    execution.take("stream", {"name": "stderr", "text": f"{why}\n"}, len(why))

    def forget(self, kernel):
        self._kernels.pop(kernel, None)


executions = Executions()
kills = Kills()


class KernelManager(AsyncMappingKernelManager):
    """Listens to every kernel, whether or not a page does."""

    def start_watching_activity(self, kernel_id):
        super().start_watching_activity(kernel_id)
        kernel = self.get_kernel(kernel_id)
        stream = kernel.connect_iopub()

        def take(parts):
            _identities, rest = kernel.session.feed_identities(parts)
            executions.take(kernel_id, rest[1:])

        stream.on_recv(take)
        kernel._tagboat_stream = stream
        for event in ("restart", "dead"):
            self.add_restart_callback(kernel_id, lambda: self._died(kernel_id), event)

    def _died(self, kernel_id):
        process = getattr(self.get_kernel(kernel_id).provisioner, "process", None)
        why = kills.why(getattr(process, "returncode", None))
        executions.ended(kernel_id, why)
        if why:
            self.log.warning(why)
            self.parent.event_logger.emit(schema_id=SCHEMA["$id"], data={"kernel_id": kernel_id, "message": why})

    def stop_watching_activity(self, kernel_id):
        super().stop_watching_activity(kernel_id)
        stream = getattr(self.get_kernel(kernel_id), "_tagboat_stream", None)
        if stream and not stream.closed():
            stream.close()

    async def _async_restart_kernel(self, kernel_id, now=False):
        executions.ended(kernel_id)
        return await super()._async_restart_kernel(kernel_id, now=now)

    restart_kernel = _async_restart_kernel

    def remove_kernel(self, kernel_id):
        executions.forget(kernel_id)
        return super().remove_kernel(kernel_id)


class Connection(ZMQChannelsWebsocketConnection):
    """A page's connection to a kernel, of which the cells that it runs are noted."""

    def connect(self):
        executions.returned(self.kernel_id, self.session.session)
        return super().connect()

    def disconnect(self):
        executions.left(self.kernel_id, self.session.session)
        super().disconnect()

    def handle_incoming_message(self, incoming_msg):
        if self.subprotocol == "v1.kernel.websocket.jupyter.org":
            channel, parts = deserialize_msg_from_ws_v1(incoming_msg)
            if channel == "shell":
                self._note(parts)
        super().handle_incoming_message(incoming_msg)

    def _note(self, parts):
        header = json.loads(parts[0])
        cell = json.loads(parts[2]).get("cellId")
        if header["msg_type"] != "execute_request" or not cell:
            return
        code = json.loads(parts[3])["code"]
        executions.began(self.kernel_id, Execution(header["msg_id"], cell, code, self.session.session))


class OutputsHandler(APIHandler):
    """Which cells of a kernel ran: `GET kernel`; one of them with its outputs: `GET kernel/id`; forgotten: `DELETE`."""

    @authenticated
    @authorized
    async def get(self, kernel, id=None):
        of = executions.of(kernel) if kernel in self.kernel_manager else {}
        if id is None:
            return self.finish(json.dumps({"executions": [execution.summary() for execution in of.values()]}))
        if id not in of:
            raise HTTPError(404, f"no cell's run {id} is kept")
        return self.finish(json.dumps({**of[id].summary(), "outputs": of[id].outputs()}))

    @authenticated
    @authorized
    async def delete(self, kernel, id=None):
        if kernel in self.kernel_manager:
            executions.of(kernel).pop(id, None)
        self.set_status(204)
        self.finish()


OutputsHandler.auth_resource = "kernels"


def _jupyter_server_extension_points():
    return [{"module": "tagboat_outputs"}]


def _load_jupyter_server_extension(server):
    server.event_logger.register_event_schema(SCHEMA)
    path = url_path_join(server.web_app.settings["base_url"], r"/tagboat/outputs/([\w-]+)(?:/([\w-]+))?")
    server.web_app.add_handlers(".*$", [(path, OutputsHandler)])
