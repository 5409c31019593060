"""What TFLM does not look at is no reason to refuse a file, and changes nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tinydeploy.fuzz.cases import Case
from tinydeploy.fuzz.compare import difference
from tinydeploy.fuzz.engines import Compiled, Engine, Interpreter, Outcome
from tinydeploy.graph import flat
from tinydeploy.graph.build import Builder
from tinydeploy.graph.ir import Model, Quantization, Type, per_tensor
from tinydeploy.graph.read_tflite import load
from tinydeploy.graph.write_tflite import dump, encode
from tinydeploy.judge import Judge

Root = dict[str, Any]
Change = Callable[[Root], None]
INPUT, WEIGHTS, BIAS = range(3)


@pytest.fixture(scope="module")
def interpreter() -> Iterator[Engine]:
    engine = Interpreter("host")
    yield engine
    engine.close()


def _model() -> Model:
    """1x1 convolution of two channels to three."""
    build, rng = Builder(), np.random.default_rng(3)
    x = build.input((1, 4, 4, 2), Type.INT8, per_tensor(0.05, -3))
    scales = np.array([0.01, 0.02, 0.03], np.float32)
    zeros = np.zeros(3, np.int64)
    weights = build.constant(
        rng.integers(-127, 128, (3, 1, 1, 2)).astype(np.int8),
        quantization=Quantization(scales, zeros),
    )
    bias = build.constant(
        np.array([10, -20, 30], np.int32), quantization=Quantization(scales / 20, zeros)
    )
    return build.model(
        build.op(
            "CONV_2D", [x, weights, bias], (1, 4, 4, 3), Type.INT8, per_tensor(0.05, 2),
            padding="VALID", stride_w=1, stride_h=1, dilation_w_factor=1, dilation_h_factor=1,
            fused_activation_function="NONE",
        )
    )  # fmt: skip


def _changed(change: Change) -> bytes:
    root = flat.decode(dump(_model()), "Model")
    for buffer in root["buffers"]:
        buffer["data"] = buffer["data"].tobytes()
    for op in root["subgraphs"][0]["operators"]:
        op["custom_options"] = None  # TFLM refuses an empty one
    change(root)
    return encode(root, "Model")


def _quantization(tensor: int, **fields: Any) -> Change:
    return lambda root: root["subgraphs"][0]["tensors"][tensor]["quantization"].update(fields)


def _longer(tensor: int) -> Change:
    def change(root: Root) -> None:
        buffer = root["buffers"][root["subgraphs"][0]["tensors"][tensor]["buffer"]]
        buffer["data"] += bytes(4)

    return change


def _signature(**fields: Any) -> Change:
    entry = {"signature_key": "serve", "subgraph_index": 0, "inputs": [], "outputs": []}
    return lambda root: root.update(signature_defs=[{**entry, **fields}])


CHANGES = {
    "a bias along axis 3": _quantization(BIAS, quantized_dimension=3),
    "a bias along axis -1": _quantization(BIAS, quantized_dimension=-1),
    "a bias of two scales": _quantization(BIAS, scale=[1.0, 2.0], zero_point=[0, 0]),
    "a bias without a zero point": _quantization(BIAS, zero_point=[]),
    "a bias with one": _quantization(BIAS, zero_point=[7, 7, 7]),
    "a bias whose scales are no numbers": _quantization(BIAS, scale=[float("nan")] * 3),
    "a bias of negative scales": _quantization(BIAS, scale=[-1.0] * 3),
    "one zero point for all weights": _quantization(WEIGHTS, zero_point=[0]),
    "two zero points for three scales": _quantization(WEIGHTS, zero_point=[0, 0]),
    "zero points of weights": _quantization(WEIGHTS, zero_point=[5, 6, 7]),
    "an input of two scales": _quantization(
        INPUT, scale=[0.05, 0.2], zero_point=[-3, 0], quantized_dimension=7
    ),
    "an input of two zero points": _quantization(INPUT, zero_point=[-3, 5]),
    "bytes behind the weights": _longer(WEIGHTS),
    "bytes behind the bias": _longer(BIAS),
    "a signature of no tensor": _signature(inputs=[{"name": "a", "tensor_index": 99}]),
    "a signature of no subgraph": _signature(subgraph_index=7),
    "metadata without a buffer": lambda root: root.update(metadata=[{"name": "m", "buffer": 99}]),
}


def _cases() -> list[Case]:
    given = np.random.default_rng(4).integers(-128, 128, (1, 4, 4, 2)).astype(np.int8)
    files = [_changed(change) for change in CHANGES.values()]
    return [Case(0, "", "CONV_2D", load(data), data, [[given]]) for data in files]


@pytest.fixture(scope="module")
def answers(interpreter: Engine) -> dict[str, tuple[Case, list[Outcome]]]:
    """Of both engines, by the change."""
    cases = _cases()
    both = zip(interpreter.run(cases), Compiled("host").run(cases), strict=True)
    return dict(zip(CHANGES, zip(cases, map(list, both), strict=True), strict=True))


@pytest.mark.parametrize("change", CHANGES)
def test_both_engines_read_what_tflm_reads(
    change: str, answers: dict[str, tuple[Case, list[Outcome]]]
) -> None:
    case, outcomes = answers[change]
    expected = [Judge(case.data).run(case.inputs[0])]
    for outcome in outcomes:
        assert outcome.outputs is not None, outcome
        assert difference(case, outcome.outputs, expected) == ""


@pytest.mark.parametrize("name", ["cases/kws_biasaxis3.tflite", "tflm/person_detect.tflite"])
def test_published_files_are_read(name: str, shared_data: Path) -> None:
    if not (shared_data / name).exists():
        pytest.skip(f"{shared_data / name} is not there")
    graph = load(shared_data / name).main
    biases = [op.operands[2].quantization for op in graph.ops if "CONV_2D" in op.name]
    assert 3 in [quantization.axis for quantization in biases if quantization]


def test_too_few_scales_of_weights_are_refused_in_words(interpreter: Engine) -> None:
    """Nothing on the way to TFLM's own refusal may fall over them."""
    data = _changed(_quantization(WEIGHTS, scale=[0.01, 0.02], zero_point=[0, 0]))
    case = Case(0, "", "CONV_2D", load(data), data, [])
    for engine in (interpreter, Compiled("host")):
        (outcome,) = engine.run([case])
        assert "CONV_2D" in outcome.refusal or "quantization" in outcome.refusal
