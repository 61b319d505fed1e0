"""What the environment says about the model to serve."""

import os
from dataclasses import dataclass


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
    max_body: int

    @staticmethod
    def from_environment(environ=os.environ) -> "Settings":
        return Settings(
            name=environ.get("MODEL_NAME", "model"),
            version=environ.get("MODEL_VERSION", "1"),
            predictor=environ.get("TAGBOAT_PREDICTOR", ""),
            format=environ.get("TAGBOAT_FORMAT", ""),
            model_path=environ.get("MODEL_PATH", ""),
            app_dir=environ.get("TAGBOAT_APP_DIR", os.getcwd()),
            host=environ.get("HOST", "0.0.0.0"),
            port=int(environ.get("PORT", "8080")),
            run=environ.get("TAGBOAT_RUN", ""),
            model_digest=environ.get("TAGBOAT_MODEL_DIGEST", ""),
            max_body=int(environ.get("TAGBOAT_MAX_BODY", str(64 * 2**20))),
        )
