"""Names of TFLM's op resolver: CONV_2D is registered by `AddConv2D`."""

from __future__ import annotations

from tinydeploy.graph.ir import Op

_BUILTIN = """
    Abs Add AddN ArgMax ArgMin AssignVariable AveragePool2D BatchMatMul BatchToSpaceNd BroadcastArgs
    BroadcastTo CallOnce Cast Ceil Concatenation Conv2D Cos CumSum DepthToSpace DepthwiseConv2D
    Dequantize Div DynamicUpdateSlice Elu EmbeddingLookup Equal Exp ExpandDims Fill Floor FloorDiv
    FloorMod FullyConnected Gather GatherNd Greater GreaterEqual HardSwish If L2Normalization
    L2Pool2D LeakyRelu Less LessEqual Log LogSoftmax LogicalAnd LogicalNot LogicalOr Logistic
    MaxPool2D Maximum Mean Minimum MirrorPad Mul Neg NotEqual Pack Pad PadV2 Prelu Quantize
    ReadVariable ReduceAll ReduceMax ReduceMin Relu Relu6 Reshape ResizeBilinear
    ResizeNearestNeighbor ReverseV2 Round Rsqrt SelectV2 Shape Sin Slice Softmax SpaceToBatchNd
    SpaceToDepth Split SplitV Sqrt Square SquaredDifference Squeeze StridedSlice Sub Sum Svdf Tanh
    Transpose TransposeConv UnidirectionalSequenceLSTM Unpack VarHandle While ZerosLike
"""

# Custom operators: what models call them, and the method that registers them.
_CUSTOM = {
    "BasicClassifier": "BasicClassifier",
    "CIRCULAR_BUFFER": "CircularBuffer",
    "SignalDelay": "Delay",
    "SignalEnergy": "Energy",
    "SignalFftAutoScale": "FftAutoScale",
    "SignalFilterBank": "FilterBank",
    "SignalFilterBankLog": "FilterBankLog",
    "SignalFilterBankSpectralSubtraction": "FilterBankSpectralSubtraction",
    "SignalFilterBankSquareRoot": "FilterBankSquareRoot",
    "SignalFramer": "Framer",
    "SignalIrfft": "Irfft",
    "SignalOverlapAdd": "OverlapAdd",
    "SignalPCAN": "PCAN",
    "SignalRfft": "Rfft",
    "SignalStacker": "Stacker",
    "SignalWindow": "Window",
    "TFLM_DECODE": "Decode",
    "TFLite_Detection_PostProcess": "DetectionPostprocess",
}


def _spelling(name: str) -> str:
    return name.replace("_", "").upper()


_METHODS = {_spelling(name): f"Add{name}" for name in _BUILTIN.split()}


def method(code: str, custom_code: str = "") -> str | None:
    """Resolver method of a builtin or custom operator; None if TFLM registers none."""
    if code == "CUSTOM":
        name = _CUSTOM.get(custom_code)
        return f"Add{name}" if name else None
    return _METHODS.get(_spelling(code))


def method_of(op: Op) -> str | None:
    """Resolver method that registers `op`; None if TFLM has none."""
    return method(op.code, op.custom_code)


def methods() -> list[str]:
    """All resolver methods, sorted."""
    return sorted([*_METHODS.values(), *(f"Add{name}" for name in _CUSTOM.values())])
