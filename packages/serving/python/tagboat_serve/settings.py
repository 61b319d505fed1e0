"""What the environment says about the model to serve."""

import os
from dataclasses import dataclass


class SettingsError(Exception):
    """A variable has a value that cannot be used; the message names it."""


@dataclass(frozen=True)
class Settings:
    name: str
    version: str
    predictor: str
    format: str
    model_path: str
    app_dir: str
    host: str
    port: int
    run: str
    model_digest: str
    reference: str
    """A file with the profile of the inputs that the model was trained for, or nothing."""
    max_body: int
    threads: int
    grace: float
    """Seconds from SIGTERM to the end, whatever is still under way then."""

    @staticmethod
    def from_environment(environ=os.environ) -> "Settings":
        return Settings(
            name=environ.get("MODEL_NAME") or "model",
            version=environ.get("MODEL_VERSION") or "1",
            predictor=environ.get("TAGBOAT_PREDICTOR", ""),
            format=environ.get("TAGBOAT_FORMAT", ""),
            model_path=environ.get("MODEL_PATH", ""),
            app_dir=environ.get("TAGBOAT_APP_DIR") or os.getcwd(),
            host=environ.get("HOST") or "0.0.0.0",
            port=_number(environ, "PORT", 8080, 0),
            run=one_line(environ.get("TAGBOAT_RUN", "")),
            model_digest=one_line(environ.get("TAGBOAT_MODEL_DIGEST", "")),
            reference=environ.get("TAGBOAT_REFERENCE_PROFILE", ""),
            max_body=_number(environ, "TAGBOAT_MAX_BODY", 64 * 2**20, 1),
            threads=_number(environ, "TAGBOAT_THREADS", 1, 1),
            grace=_number(environ, "TAGBOAT_GRACE", 25, 0),
        )


def _number(environ, name, default, least):
    text = environ.get(name) or str(default)
    if not text.isascii() or not text.isdigit() or int(text) < least:
        raise SettingsError(f'expected a whole number of at least {least} in {name}, found "{text}"')
    return int(text)


def one_line(text):
    """Header values are one line of latin-1."""
    return text.replace("\r", " ").replace("\n", " ").encode("latin-1", "replace").decode("latin-1")
