"""Models that keep something from one inference to the next, on a device that goes on running."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from tinydeploy import pipeline
from tinydeploy.graph.build import Builder
from tinydeploy.graph.ir import Model, Tensor, Type, per_tensor
from tinydeploy.graph.write_tflite import dump
from tinydeploy.link.client import Device
from tinydeploy.link.process import ProcessTransport
from tinydeploy.stages import verify as verify_stage
from tinydeploy.stages.build_options import BuildOptions
from tinydeploy.ui import Ui

Q = per_tensor(0.1, -7)
SHAPE = (1, 4)


def handle(build: Builder) -> Tensor:
    return build.op("VAR_HANDLE", [], (), Type.RESOURCE, container="", shared_name="sum")


def moving_sum() -> Model:
    """Half of the sum before, and the input; the sum starts as a constant."""
    setup = Builder("setup")
    first = setup.constant(np.array([[9, -9, 99, 0]], np.int8), quantization=Q)
    setup.ops("ASSIGN_VARIABLE", [handle(setup), first], [])
    build = Builder()
    x = build.input(SHAPE, Type.INT8, Q)
    build.ops("CALL_ONCE", [], [], init_subgraph_index=1)
    old = build.op("READ_VARIABLE", [handle(build)], SHAPE, Type.INT8, Q)
    new = build.op("ADD", [old, x], SHAPE, Type.INT8, per_tensor(0.2, -7))
    new = build.op("QUANTIZE", [new], SHAPE, Type.INT8, Q)
    build.ops("ASSIGN_VARIABLE", [handle(build), new], [])
    model = build.model(build.op("RELU", [new], SHAPE, Type.INT8, Q))
    model.subgraphs.append(setup.model().main)
    return model


@pytest.fixture(params=["interpreter", "compiled"])
def job(request: pytest.FixtureRequest, tmp_path: Path) -> pipeline.Job:
    path = tmp_path / f"moving_sum_{request.param}.tflite"
    path.write_bytes(dump(moving_sum()))
    return pipeline.Job(model=str(path), board="host", build=BuildOptions(request.param), vectors=5)


def test_a_device_can_be_verified_again_and_explained(job: pipeline.Job) -> None:
    with pipeline._prepared(job, Ui(quiet=True)) as built:
        source, vectors, program = built.source, built.vectors, built.program
        device = Device(ProcessTransport(built.image.elf))
        try:
            verify_stage.connect(device, source.data)
            for _ in range(2):
                found = verify_stage.verify(
                    device, source.model, source.data, vectors, program.steps
                )
                assert found.mismatching_bytes == 0, found.first_mismatch
                assert len(set(map(bytes, found.device_outputs[0]))) > 1
            compared = verify_stage.explain(device, source.data, vectors, 4, program.steps)
            assert compared
            assert sum(step.mismatching_bytes for step in compared) == 0
        finally:
            device.close()
