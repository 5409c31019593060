#include "kernels/elementwise/broadcast.h"

namespace tinydeploy {
namespace {

// Size of `shape` along an axis of an output of rank `rank`; missing leading axes count as 1.
int32_t SizeAt(const Shape& shape, int axis, int rank) {
  const int own = axis - (rank - shape.rank);
  return own < 0 ? 1 : shape.dims[own];
}

bool Fits(const Shape& shape, const Shape& output) {
  if (shape.rank > output.rank) return false;
  for (int i = 0; i < output.rank; ++i) {
    const int32_t size = SizeAt(shape, i, output.rank);
    if (size != output.dims[i] && size != 1) return false;
  }
  return true;
}

}  // namespace

bool MakeBroadcast(const Shape& a, const Shape& b, const Shape& output, Broadcast* broadcast) {
  if (!Fits(a, output) || !Fits(b, output)) return false;
  if (output.elements() == 0) {
    *broadcast = {1, {{0, {1, 1}}}};
    return true;
  }
  // From the innermost axis outwards, so that the strides are known.
  Broadcast::Axis axes[kMaxRank];
  int rank = 0;
  int32_t stride[2] = {1, 1};
  for (int i = output.rank - 1; i >= 0; --i) {
    const int32_t size[2] = {SizeAt(a, i, output.rank), SizeAt(b, i, output.rank)};
    if (output.dims[i] == 1) continue;
    if (size[0] != output.dims[i] && size[1] != output.dims[i]) return false;
    const Broadcast::Axis axis = {output.dims[i],
                                  {size[0] == 1 ? 0 : stride[0], size[1] == 1 ? 0 : stride[1]}};
    stride[0] *= size[0];
    stride[1] *= size[1];
    Broadcast::Axis& previous = axes[rank - (rank > 0)];
    const bool joins = rank > 0 && axis.stride[0] == previous.stride[0] * previous.size &&
                       axis.stride[1] == previous.stride[1] * previous.size;
    if (joins) {
      previous.size *= axis.size;
    } else {
      axes[rank++] = axis;
    }
  }
  if (rank == 0) axes[rank++] = {output.elements(), {1, 1}};
  broadcast->rank = rank;
  for (int i = 0; i < rank; ++i) broadcast->axes[i] = axes[rank - 1 - i];
  return true;
}

}  // namespace tinydeploy
