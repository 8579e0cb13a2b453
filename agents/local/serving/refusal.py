"""Why a request is not answered, in the words and numbers of vLLM's errors.

After ``create_error_response`` of vLLM (https://github.com/vllm-project/vllm, Apache-2.0).
"""

from __future__ import annotations

from starlette.responses import JSONResponse

from knowhow.agents.local.types import PromptTooLong, UnknownAdapter
from knowhow.environments.errors import BadSetting, KnowhowError


class Refusal(KnowhowError):
    """A request that is refused. ``kind`` is the error's type, ``param`` the field at fault."""

    def __init__(
        self, message: str, status: int = 400, kind: str = "BadRequestError", param: str | None = None
    ) -> None:
        super().__init__(message)
        self.status, self.kind, self.param = status, kind, param


def response(error: Exception) -> JSONResponse:
    refusal = _refusal(error)
    told = {"message": str(refusal), "type": refusal.kind, "param": refusal.param, "code": refusal.status}
    return JSONResponse({"error": told}, refusal.status)


def unknown_model(name: object) -> Refusal:
    return Refusal(f"The model `{name}` does not exist.", 404, "NotFoundError", "model")


def _refusal(error: Exception) -> Refusal:
    if isinstance(error, Refusal):
        return error
    message = " ".join(str(error).split())
    if isinstance(error, UnknownAdapter):  # it was unloaded since the request came
        return Refusal(message, 404, "NotFoundError", "model")
    if isinstance(error, BadSetting | PromptTooLong | ValueError):
        return Refusal(message)
    return Refusal(f"{type(error).__name__}: {message}", 500, "InternalServerError")
