import http.client
import json
import os
import signal
import subprocess
import sys
import tempfile
import unittest

HERE = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
PREDICTOR = '''
class Sum:
    input_schema = {"type": "array"}

    @classmethod
    def load(cls, path):
        self = cls()
        self.bias = float(open(path).read())
        return self

    def predict(self, inputs):
        if inputs == "boom":
            raise RuntimeError("broken")
        if inputs == "stop":
            raise KeyboardInterrupt
        return {"sum": sum(inputs) + self.bias, "nan": float("nan")}
'''


class Served(unittest.TestCase):
    def setUp(self):
        self.directory = tempfile.TemporaryDirectory()
        root = self.directory.name
        with open(os.path.join(root, "p.py"), "w") as file:
            file.write(PREDICTOR)
        with open(os.path.join(root, "m"), "w") as file:
            file.write("1")
        self.start({"TAGBOAT_PREDICTOR": "p.py:Sum"})

    def start(self, more):
        import socket

        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        root = self.directory.name
        environment = {**os.environ, "PYTHONPATH": HERE, "HOST": "127.0.0.1", "PORT": str(self.port), "MODEL_NAME": "m",
                       "MODEL_PATH": os.path.join(root, "m"), "TAGBOAT_APP_DIR": root, "TAGBOAT_MAX_BODY": "1000", **more}
        self.process = subprocess.Popen([sys.executable, "-m", "tagboat_serve"], env=environment, stdout=subprocess.PIPE,
                                        stderr=subprocess.PIPE, text=True)
        self.first_line = self.process.stdout.readline()

    def tearDown(self):
        self.process.kill()
        self.process.communicate()
        self.directory.cleanup()

    def ask(self, method, path, body=None, headers=None):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        sent = body if isinstance(body, (bytes, type(None))) else json.dumps(body)
        connection.request(method, path, sent, headers or {})
        response = connection.getresponse()
        text = response.read()
        connection.close()
        return response.status, json.loads(text) if response.headers["Content-Type"] == "application/json" else text.decode()

    def test_names_the_binary_extension(self):
        headers = {"Inference-Header-Content-Length": "2"}
        status, answer = self.ask("POST", "/v2/models/m/infer", b"{}\xf0\x3f", headers)
        self.assertEqual(status, 400)
        self.assertIn("binary tensor data", answer["error"])

    def test_predicts_in_every_protocol(self):
        self.assertEqual(self.ask("POST", "/predict", [1, 2]), (200, {"sum": 4.0, "nan": None}))
        tensor = {"name": "x", "shape": [2], "datatype": "INT64", "data": [3, 4]}
        status, answer = self.ask("POST", "/v2/models/m/infer", {"id": "7", "inputs": [tensor]})
        self.assertEqual((status, answer["id"]), (200, "7"))
        self.assertEqual(json.loads(answer["outputs"][0]["data"][0])["sum"], 8.0)
        self.assertEqual(self.ask("POST", "/invocations", {"instances": [1]})[1]["predictions"]["sum"], 2.0)
        self.assertEqual(self.ask("GET", "/v2/health/ready")[0], 200)
        self.assertIn('tagboat_model_predictions_total{model="m"} 3', self.ask("GET", "/metrics")[1])

    def test_refuses_what_it_cannot_answer(self):
        self.assertEqual(self.ask("POST", "/predict", b"{")[0], 400)
        self.assertEqual(self.ask("POST", "/predict", {"a": 1})[0], 400)
        self.assertEqual(self.ask("POST", "/predict", "boom"), (500, {"error": "the model failed: RuntimeError: broken"}))
        self.assertEqual(self.ask("POST", "/predict", b"[" + b"1," * 600 + b"1]")[0], 413)
        self.assertEqual(self.ask("GET", "/v2/models/other")[0], 404)
        wrong = {"name": "x", "shape": [3], "datatype": "INT64", "data": [3, 4]}
        self.assertIn("needs 3 values", self.ask("POST", "/v2/models/m/infer", {"inputs": [wrong]})[1]["error"])

    def test_a_shape_alone_cannot_ask_for_memory(self):
        def ask(shape, data):
            tensor = {"name": "x", "shape": shape, "datatype": "FP64", "data": data}
            return self.ask("POST", "/v2/models/m/infer", {"inputs": [tensor]})

        self.assertEqual(ask([10**12, 0], [])[0], 400)
        self.assertEqual(ask([1] * 100, [1])[0], 400)
        self.assertEqual(ask([10**30, 0], [])[0], 400)

    def test_what_the_users_code_raises_ends_no_connection(self):
        self.assertEqual(self.ask("POST", "/predict", "stop")[0], 500)
        self.assertEqual(self.ask("GET", "/v2/health/ready")[0], 200)

    def test_a_path_means_the_same_however_it_is_written(self):
        tensor = {"name": "x", "shape": [1], "datatype": "INT64", "data": [3]}
        for path in ("/v2/models/m/infer/", "/v2/models/m/%69nfer", "http://localhost/v2/models/m/infer?x=y"):
            self.assertEqual(self.ask("POST", path, {"inputs": [tensor]})[0], 200)
        self.assertIn('route="/v2/models/infer",code="200"} 3', self.ask("GET", "/metrics")[1])
        self.assertEqual(self.ask("GET", "/v2x/models/m")[0], 404)
        self.assertEqual(self.ask("DELETE", "/v2/models/m")[0], 405)
        self.assertEqual(self.ask("POST", "/v2/models/m/infer", {"inputs": [tensor], "outputs": 5})[0], 400)

    def test_only_predictions_count_as_time(self):
        self.ask("GET", "/v2/health/ready")
        self.ask("POST", "/predict", [1])
        self.assertIn('request_duration_seconds_count{model="m"} 1', self.ask("GET", "/metrics")[1])

    def test_ends_when_asked(self):
        idle = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        idle.request("GET", "/v2")
        idle.getresponse().read()
        self.process.send_signal(signal.SIGTERM)
        _, errors = self.process.communicate(timeout=10)
        idle.close()
        self.assertEqual((self.process.returncode, errors), (0, ""))

    def test_says_why_it_cannot_load(self):
        self.process.kill()
        self.process.communicate()
        self.start({"TAGBOAT_PREDICTOR": "p.py:Nope"})
        _, errors = self.process.communicate(timeout=10)
        self.assertEqual(self.process.returncode, 1)
        self.assertIn("p.py has no class Nope", errors)

    def test_refuses_a_predictor_that_nobody_would_await(self):
        with open(os.path.join(self.directory.name, "p.py"), "w") as file:
            file.write("class Later:\n    async def predict(self, inputs):\n        return 1\n")
        self.process.kill()
        self.process.communicate()
        self.start({"TAGBOAT_PREDICTOR": "p.py:Later"})
        _, errors = self.process.communicate(timeout=10)
        self.assertIn("Later.predict in p.py is async", errors)

    def test_a_thread_of_a_model_that_cannot_be_loaded_holds_nothing_up(self):
        with open(os.path.join(self.directory.name, "p.py"), "w") as file:
            file.write("import threading\nthreading.Thread(target=threading.Event().wait).start()\n")
        self.process.kill()
        self.process.communicate()
        self.start({})
        self.process.communicate(timeout=10)
        self.assertEqual(self.process.returncode, 1)


if __name__ == "__main__":
    unittest.main()
