"""The TFLite schema (version 3), declared once for reading and writing.

A table is declared by its fields in slot order, `name:type` or `name:type=default`; `_` is a slot
that is no longer used. Types:

    bool int8 uint8 int32 uint32 int64 uint64 float32     scalars, default 0
    Padding, TensorType, ...                              enumerations (int8), shown by name
    string                                                UTF-8
    [int32] [Tensor]                                      vector of scalars, of tables
    Tensor                                                table
    BuiltinOptions                                        union; its kind is in the slot before
    table [table]                                         only whether it is there

Source: schema.fbs of TFLite; tests/graph/test_schema.py compares every slot, type and default with
the code that flatc generated for the tflite-micro package.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

IDENTIFIER = b"TFL3"
VERSION = 3

_OPTIONS = """
    Conv2D DepthwiseConv2D ConcatEmbeddings LSHProjection Pool2D SVDF RNN FullyConnected
    Softmax Concatenation Add L2Norm LocalResponseNormalization LSTM ResizeBilinear Call
    Reshape SkipGram SpaceToDepth EmbeddingLookupSparse Mul Pad Gather BatchToSpaceND
    SpaceToBatchND Transpose Reducer Sub Div Squeeze SequenceRNN StridedSlice Exp TopKV2
    Split LogSoftmax Cast Dequantize MaximumMinimum ArgMax Less Neg PadV2 Greater
    GreaterEqual LessEqual Select Slice TransposeConv SparseToDense Tile ExpandDims Equal
    NotEqual Shape Pow ArgMin FakeQuant Pack LogicalOr OneHot LogicalAnd LogicalNot Unpack
    FloorDiv Square ZerosLike Fill BidirectionalSequenceLSTM BidirectionalSequenceRNN
    UnidirectionalSequenceLSTM FloorMod Range ResizeNearestNeighbor LeakyRelu
    SquaredDifference MirrorPad Abs SplitV Unique ReverseV2 AddN GatherNd Cos Where Rank
    ReverseSequence MatrixDiag Quantize MatrixSetDiag HardSwish If While DepthToSpace
    NonMaxSuppressionV4 NonMaxSuppressionV5 ScatterNd SelectV2 Densify SegmentSum
    BatchMatMul Cumsum CallOnce BroadcastTo Rfft2d Conv3D Hashtable HashtableFind
    HashtableImport HashtableSize VarHandle ReadVariable AssignVariable Random Bucketize
    Gelu DynamicUpdateSlice UnsortedSegmentProd UnsortedSegmentMax UnsortedSegmentMin
    UnsortedSegmentSum ATan2 Sign Bitcast BitwiseXor RightShift
"""

_OPERATORS = """
    ADD AVERAGE_POOL_2D CONCATENATION CONV_2D DEPTHWISE_CONV_2D DEPTH_TO_SPACE DEQUANTIZE
    EMBEDDING_LOOKUP FLOOR FULLY_CONNECTED HASHTABLE_LOOKUP L2_NORMALIZATION L2_POOL_2D
    LOCAL_RESPONSE_NORMALIZATION LOGISTIC LSH_PROJECTION LSTM MAX_POOL_2D MUL RELU
    RELU_N1_TO_1 RELU6 RESHAPE RESIZE_BILINEAR RNN SOFTMAX SPACE_TO_DEPTH SVDF TANH
    CONCAT_EMBEDDINGS SKIP_GRAM CALL CUSTOM EMBEDDING_LOOKUP_SPARSE PAD
    UNIDIRECTIONAL_SEQUENCE_RNN GATHER BATCH_TO_SPACE_ND SPACE_TO_BATCH_ND TRANSPOSE MEAN
    SUB DIV SQUEEZE UNIDIRECTIONAL_SEQUENCE_LSTM STRIDED_SLICE BIDIRECTIONAL_SEQUENCE_RNN
    EXP TOPK_V2 SPLIT LOG_SOFTMAX DELEGATE BIDIRECTIONAL_SEQUENCE_LSTM CAST PRELU MAXIMUM
    ARG_MAX MINIMUM LESS NEG PADV2 GREATER GREATER_EQUAL LESS_EQUAL SELECT SLICE SIN
    TRANSPOSE_CONV SPARSE_TO_DENSE TILE EXPAND_DIMS EQUAL NOT_EQUAL LOG SUM SQRT RSQRT SHAPE
    POW ARG_MIN FAKE_QUANT REDUCE_PROD REDUCE_MAX PACK LOGICAL_OR ONE_HOT LOGICAL_AND
    LOGICAL_NOT UNPACK REDUCE_MIN FLOOR_DIV REDUCE_ANY SQUARE ZEROS_LIKE FILL FLOOR_MOD
    RANGE RESIZE_NEAREST_NEIGHBOR LEAKY_RELU SQUARED_DIFFERENCE MIRROR_PAD ABS SPLIT_V
    UNIQUE CEIL REVERSE_V2 ADD_N GATHER_ND COS WHERE RANK ELU REVERSE_SEQUENCE MATRIX_DIAG
    QUANTIZE MATRIX_SET_DIAG ROUND HARD_SWISH IF WHILE NON_MAX_SUPPRESSION_V4
    NON_MAX_SUPPRESSION_V5 SCATTER_ND SELECT_V2 DENSIFY SEGMENT_SUM BATCH_MATMUL
    PLACEHOLDER_FOR_GREATER_OP_CODES CUMSUM CALL_ONCE BROADCAST_TO RFFT2D CONV_3D IMAG REAL
    COMPLEX_ABS HASHTABLE HASHTABLE_FIND HASHTABLE_IMPORT HASHTABLE_SIZE REDUCE_ALL
    CONV_3D_TRANSPOSE VAR_HANDLE READ_VARIABLE ASSIGN_VARIABLE BROADCAST_ARGS
    RANDOM_STANDARD_NORMAL BUCKETIZE RANDOM_UNIFORM MULTINOMIAL GELU DYNAMIC_UPDATE_SLICE
    RELU_0_TO_1 UNSORTED_SEGMENT_PROD UNSORTED_SEGMENT_MAX UNSORTED_SEGMENT_SUM ATAN2
    UNSORTED_SEGMENT_MIN SIGN BITCAST BITWISE_XOR RIGHT_SHIFT STABLEHLO_LOGISTIC
    STABLEHLO_ADD STABLEHLO_DIVIDE STABLEHLO_MULTIPLY STABLEHLO_MAXIMUM STABLEHLO_RESHAPE
    STABLEHLO_CLAMP STABLEHLO_CONCATENATE STABLEHLO_BROADCAST_IN_DIM STABLEHLO_CONVOLUTION
    STABLEHLO_SLICE STABLEHLO_CUSTOM_CALL STABLEHLO_REDUCE STABLEHLO_ABS STABLEHLO_AND
    STABLEHLO_COSINE STABLEHLO_EXPONENTIAL STABLEHLO_FLOOR STABLEHLO_LOG STABLEHLO_MINIMUM
    STABLEHLO_NEGATE STABLEHLO_OR STABLEHLO_POWER STABLEHLO_REMAINDER STABLEHLO_RSQRT
    STABLEHLO_SELECT STABLEHLO_SUBTRACT STABLEHLO_TANH STABLEHLO_SCATTER STABLEHLO_COMPARE
    STABLEHLO_CONVERT STABLEHLO_DYNAMIC_SLICE STABLEHLO_DYNAMIC_UPDATE_SLICE STABLEHLO_PAD
    STABLEHLO_IOTA STABLEHLO_DOT_GENERAL STABLEHLO_REDUCE_WINDOW STABLEHLO_SORT
    STABLEHLO_WHILE STABLEHLO_GATHER STABLEHLO_TRANSPOSE DILATE STABLEHLO_RNG_BIT_GENERATOR
    REDUCE_WINDOW STABLEHLO_COMPOSITE STABLEHLO_SHIFT_LEFT STABLEHLO_CBRT STABLEHLO_CASE
"""

_TABLES = {
    "Model": (
        "version:uint32 operator_codes:[OperatorCode] subgraphs:[SubGraph] description:string "
        "buffers:[Buffer] metadata_buffer:[int32] metadata:[Metadata] "
        "signature_defs:[SignatureDef] external_buffer_groups:[table] "
        "external_buffers:[table]"
    ),
    "OperatorCode": (
        "deprecated_builtin_code:int8 custom_code:string version:int32=1 builtin_code:int32"
    ),
    "SubGraph": (
        "tensors:[Tensor] inputs:[int32] outputs:[int32] operators:[Operator] name:string "
        "debug_metadata_index:int32=-1"
    ),
    "Tensor": (
        "shape:[int32] type:TensorType buffer:uint32 name:string "
        "quantization:QuantizationParameters is_variable:bool sparsity:table "
        "shape_signature:[int32] has_rank:bool variant_tensors:[table] "
        "external_buffer:uint32"
    ),
    "QuantizationParameters": (
        "min:[float32] max:[float32] scale:[float32] zero_point:[int64] details_type:uint8 "
        "details:table quantized_dimension:int32"
    ),
    "Operator": (
        "opcode_index:uint32 inputs:[int32] outputs:[int32] builtin_options_type:uint8 "
        "builtin_options:BuiltinOptions custom_options:[uint8] custom_options_format:int8 "
        "mutating_variable_inputs:[bool] intermediates:[int32] "
        "large_custom_options_offset:uint64 large_custom_options_size:uint64 "
        "builtin_options2_type:uint8 builtin_options2:table debug_metadata_index:int32=-1"
    ),
    "Buffer": "data:[uint8] offset:uint64 size:uint64",
    "Metadata": "name:string buffer:uint32",
    "SignatureDef": (
        "inputs:[TensorMap] outputs:[TensorMap] signature_key:string _ subgraph_index:uint32"
    ),
    "TensorMap": "name:string tensor_index:uint32",
    "Conv2DOptions": (
        "padding:Padding stride_w:int32 stride_h:int32 fused_activation_function:Activation "
        "dilation_w_factor:int32=1 dilation_h_factor:int32=1 quantized_bias_type:TensorType"
    ),
    "DepthwiseConv2DOptions": (
        "padding:Padding stride_w:int32 stride_h:int32 depth_multiplier:int32 "
        "fused_activation_function:Activation dilation_w_factor:int32=1 "
        "dilation_h_factor:int32=1"
    ),
    "ConcatEmbeddingsOptions": (
        "num_channels:int32 num_columns_per_channel:[int32] embedding_dim_per_channel:[int32]"
    ),
    "LSHProjectionOptions": "type:int8",
    "Pool2DOptions": (
        "padding:Padding stride_w:int32 stride_h:int32 filter_width:int32 filter_height:int32 "
        "fused_activation_function:Activation"
    ),
    "SVDFOptions": (
        "rank:int32 fused_activation_function:Activation asymmetric_quantize_inputs:bool"
    ),
    "RNNOptions": "fused_activation_function:Activation asymmetric_quantize_inputs:bool",
    "FullyConnectedOptions": (
        "fused_activation_function:Activation weights_format:WeightsFormat keep_num_dims:bool "
        "asymmetric_quantize_inputs:bool quantized_bias_type:TensorType quant_spec:[uint8]"
    ),
    "SoftmaxOptions": "beta:float32",
    "ConcatenationOptions": "axis:int32 fused_activation_function:Activation",
    "AddOptions": "fused_activation_function:Activation pot_scale_int16:bool=1",
    "L2NormOptions": "fused_activation_function:Activation",
    "LocalResponseNormalizationOptions": "radius:int32 bias:float32 alpha:float32 beta:float32",
    "LSTMOptions": (
        "fused_activation_function:Activation cell_clip:float32 proj_clip:float32 "
        "kernel_type:LSTMKernelType asymmetric_quantize_inputs:bool"
    ),
    "ResizeBilinearOptions": "_ _ align_corners:bool half_pixel_centers:bool",
    "CallOptions": "subgraph:uint32",
    "ReshapeOptions": "new_shape:[int32]",
    "SkipGramOptions": "ngram_size:int32 max_skip_size:int32 include_all_ngrams:bool",
    "SpaceToDepthOptions": "block_size:int32",
    "EmbeddingLookupSparseOptions": "combiner:CombinerType",
    "MulOptions": "fused_activation_function:Activation",
    "GatherOptions": "axis:int32 batch_dims:int32",
    "ReducerOptions": "keep_dims:bool",
    "SubOptions": "fused_activation_function:Activation pot_scale_int16:bool=1",
    "DivOptions": "fused_activation_function:Activation",
    "SqueezeOptions": "squeeze_dims:[int32]",
    "SequenceRNNOptions": (
        "time_major:bool fused_activation_function:Activation asymmetric_quantize_inputs:bool"
    ),
    "StridedSliceOptions": (
        "begin_mask:int32 end_mask:int32 ellipsis_mask:int32 new_axis_mask:int32 "
        "shrink_axis_mask:int32 offset:bool"
    ),
    "SplitOptions": "num_splits:int32",
    "CastOptions": "in_data_type:TensorType out_data_type:TensorType",
    "ArgMaxOptions": "output_type:TensorType",
    "TransposeConvOptions": (
        "padding:Padding stride_w:int32 stride_h:int32 fused_activation_function:Activation "
        "quantized_bias_type:TensorType"
    ),
    "SparseToDenseOptions": "validate_indices:bool",
    "ShapeOptions": "out_type:TensorType",
    "ArgMinOptions": "output_type:TensorType",
    "FakeQuantOptions": "min:float32 max:float32 num_bits:int32 narrow_range:bool",
    "PackOptions": "values_count:int32 axis:int32",
    "OneHotOptions": "axis:int32",
    "UnpackOptions": "num:int32 axis:int32",
    "BidirectionalSequenceLSTMOptions": (
        "fused_activation_function:Activation cell_clip:float32 proj_clip:float32 "
        "merge_outputs:bool time_major:bool=1 asymmetric_quantize_inputs:bool"
    ),
    "BidirectionalSequenceRNNOptions": (
        "time_major:bool fused_activation_function:Activation merge_outputs:bool "
        "asymmetric_quantize_inputs:bool"
    ),
    "UnidirectionalSequenceLSTMOptions": (
        "fused_activation_function:Activation cell_clip:float32 proj_clip:float32 "
        "time_major:bool asymmetric_quantize_inputs:bool diagonal_recurrent_tensors:bool"
    ),
    "ResizeNearestNeighborOptions": "align_corners:bool half_pixel_centers:bool",
    "LeakyReluOptions": "alpha:float32",
    "MirrorPadOptions": "mode:MirrorPadMode",
    "SplitVOptions": "num_splits:int32",
    "UniqueOptions": "idx_out_type:TensorType=INT32",
    "ReverseSequenceOptions": "seq_dim:int32 batch_dim:int32",
    "IfOptions": "then_subgraph_index:int32 else_subgraph_index:int32",
    "WhileOptions": "cond_subgraph_index:int32 body_subgraph_index:int32",
    "DepthToSpaceOptions": "block_size:int32",
    "BatchMatMulOptions": "adj_x:bool adj_y:bool asymmetric_quantize_inputs:bool",
    "CumsumOptions": "exclusive:bool reverse:bool",
    "CallOnceOptions": "init_subgraph_index:int32",
    "Conv3DOptions": (
        "padding:Padding stride_d:int32 stride_w:int32 stride_h:int32 "
        "fused_activation_function:Activation dilation_d_factor:int32=1 "
        "dilation_w_factor:int32=1 dilation_h_factor:int32=1"
    ),
    "HashtableOptions": "table_id:int32 key_dtype:TensorType value_dtype:TensorType",
    "VarHandleOptions": "container:string shared_name:string",
    "RandomOptions": "seed:int64 seed2:int64",
    "BucketizeOptions": "boundaries:[float32]",
    "GeluOptions": "approximate:bool",
}


def _numbered(names: str) -> dict[str, int]:
    return {name: number for number, name in enumerate(names.split())}


OPERATORS = _numbered(_OPERATORS)
OPERATOR_NAMES = {number: name for name, number in OPERATORS.items()}

OPTIONS = {f"{name}Options": number for number, name in enumerate(_OPTIONS.split(), start=1)}
OPTION_NAMES = {number: name for name, number in OPTIONS.items()}

TENSOR_TYPES = _numbered(
    "FLOAT32 FLOAT16 INT32 UINT8 INT64 STRING BOOL INT16 COMPLEX64 INT8 FLOAT64 COMPLEX128 UINT64 "
    "RESOURCE VARIANT UINT32 UINT16 INT4 BFLOAT16 INT2 UINT4 FLOAT8_E4M3FN FLOAT8_E5M2"
)

ENUMS = {
    "Activation": _numbered("NONE RELU RELU_N1_TO_1 RELU6 TANH SIGN_BIT"),
    "CombinerType": _numbered("SUM MEAN SQRTN"),
    "LSTMKernelType": _numbered("FULL BASIC"),
    "MirrorPadMode": _numbered("REFLECT SYMMETRIC"),
    "Padding": _numbered("SAME VALID"),
    "TensorType": TENSOR_TYPES,
    "WeightsFormat": _numbered("DEFAULT SHUFFLED4x16INT8"),
}


@dataclass(frozen=True)
class Field:
    """One field of a table; `default` is the value that is not stored."""

    slot: int
    name: str
    type: str
    default: Any

    @property
    def is_vector(self) -> bool:
        """Whether the field holds a vector (of `element` each)."""
        return self.type.startswith("[")

    @property
    def element(self) -> str:
        """Type of the vector's elements, or of the field itself."""
        return self.type.strip("[]")


def _field(slot: int, text: str) -> Field:
    name, _, rest = text.partition(":")
    kind, _, default = rest.partition("=")
    return Field(slot, name, kind, _default(kind, default))


def _default(kind: str, text: str) -> Any:
    if kind in ENUMS:
        return text or next(iter(ENUMS[kind]))
    if kind == "bool":
        return text == "1"
    if kind == "float32":
        return float(text or 0)
    if kind in ("int8", "uint8", "int32", "uint32", "int64", "uint64"):
        return int(text or 0)
    return None


def _fields(text: str) -> tuple[Field, ...]:
    slots = enumerate(text.split())
    return tuple(_field(slot, word) for slot, word in slots if word != "_")


TABLES: dict[str, tuple[Field, ...]] = dict.fromkeys(OPTIONS, ())
TABLES.update({name: _fields(text) for name, text in _TABLES.items()})

# Where an operator's options are not named after it. None: it has none.
_ODD_OPTIONS = {
    "AVERAGE_POOL_2D": "Pool2DOptions",
    "MAX_POOL_2D": "Pool2DOptions",
    "L2_POOL_2D": "Pool2DOptions",
    "L2_NORMALIZATION": "L2NormOptions",
    "MEAN": "ReducerOptions",
    "SUM": "ReducerOptions",
    "REDUCE_PROD": "ReducerOptions",
    "REDUCE_MAX": "ReducerOptions",
    "REDUCE_MIN": "ReducerOptions",
    "REDUCE_ANY": "ReducerOptions",
    "REDUCE_ALL": "ReducerOptions",
    "MAXIMUM": "MaximumMinimumOptions",
    "MINIMUM": "MaximumMinimumOptions",
    "UNIDIRECTIONAL_SEQUENCE_RNN": "SequenceRNNOptions",
    "CONV_3D_TRANSPOSE": "Conv3DOptions",
    "RANDOM_UNIFORM": "RandomOptions",
    "RANDOM_STANDARD_NORMAL": "RandomOptions",
    "MULTINOMIAL": "RandomOptions",
}
_BY_SPELLING = {name.removesuffix("Options").upper(): name for name in OPTIONS}


def options_of(operator: str) -> str | None:
    """Name of the options table of `operator`: "CONV_2D" -> "Conv2DOptions"; None: it has none."""
    return _ODD_OPTIONS.get(operator) or _BY_SPELLING.get(operator.replace("_", ""))
