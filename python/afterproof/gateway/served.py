"""The digits classifier as the Open Inference Protocol sees it: metadata, and bytes in, bytes out. Pure."""

from typing import Final

import msgspec

from .digits import CLASSES, MAX_PIXEL, PIXELS, DigitsModel, digits_of
from .tensors import (
    InferResponse,
    ModelMetadata,
    Refused,
    Tensor,
    TensorSpec,
    decode_request,
    read_matrix,
    wanted_outputs,
)

MAX_BATCH: Final = 256
"""Images in one request: about 2 ms of work."""

_INPUT: Final = "image"
_OUTPUTS: Final = ("logits", "digit")


class ServedDigits:
    """The model ``digits``.

    Input ``image`` UINT8 [n, 64], pixels 0..16; outputs ``logits`` INT32 [n, 10] and ``digit`` INT64 [n].
    """

    name = "digits"
    version = "1"
    metadata = ModelMetadata(
        name,
        [version],
        "afterproof_int8",
        [TensorSpec(_INPUT, "UINT8", [-1, PIXELS])],
        [TensorSpec("logits", "INT32", [-1, CLASSES]), TensorSpec("digit", "INT64", [-1])],
    )

    def __init__(self, model: DigitsModel) -> None:
        self._model = model

    def infer(self, body: bytes) -> bytes:
        """The body of the answer to the request body `body`.

        Raises:
            Refused: 400, naming the field and the rule.
        """
        request = decode_request(body)
        if len(request.inputs) != 1:
            raise Refused(400, f"inputs must hold exactly one tensor, {_INPUT}, got {len(request.inputs)}")
        if request.inputs[0].name != _INPUT:
            raise Refused(400, f"inputs[0].name must be {_INPUT}")
        wanted = wanted_outputs(request, _OUTPUTS)
        images = read_matrix(request.inputs[0], "inputs[0]", PIXELS, MAX_BATCH, MAX_PIXEL)
        logits = self._model.classify(images)
        rows = len(images)
        outputs = {
            "logits": Tensor("logits", [rows, CLASSES], "INT32", logits.ravel().tolist()),
            "digit": Tensor("digit", [rows], "INT64", digits_of(logits).tolist()),
        }
        tensors = [outputs[name] for name in wanted]
        return msgspec.json.encode(InferResponse(self.name, self.version, tensors, request.id))
