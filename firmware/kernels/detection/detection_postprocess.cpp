// TFLite_Detection_PostProcess: of the boxes of a detector those that count, without those that
// overlap a better one.
#include <string.h>

#include "kernels/common/refuse.h"
#include "kernels/detection/boxes.h"
#include "kernels/kernels.h"
#include "runtime/flexbuffer.h"

namespace tinydeploy {
namespace {

struct DetectionParams {
  int32_t boxes;
  int32_t box_stride;  // floats of an encoded box
  int32_t classes;
  int32_t score_stride;  // classes, and the background if the model has it
  int32_t label_offset;  // 1 with a background
  int32_t most;          // detections
  int32_t most_per_class;
  int32_t per_class;  // whether each class is looked at by itself
  float least_score;
  float most_overlap;
  CenterSize scale;
};

struct Detection {
  float score;
  int32_t box;
  int32_t label;
};

namespace arg {
enum : int { kBoxes, kScores, kAnchors, kOutBoxes, kOutLabels, kOutScores, kOutCount, kWork };
}

// Scratch memory, one part after the other.
struct Work {
  Corners* corners;
  float* scores;   // of the boxes, for one class or the best
  int32_t* order;  // boxes by score, -1 for one that is out
  Detection* found;
};

constexpr uint32_t kBytesPerBox = sizeof(Corners) + sizeof(float) + sizeof(int32_t);

Work Divide(const DetectionParams& p, void* memory) {
  auto* corners = static_cast<Corners*>(memory);
  auto* scores = reinterpret_cast<float*>(corners + p.boxes);
  auto* order = reinterpret_cast<int32_t*>(scores + p.boxes);
  return {corners, scores, order, reinterpret_cast<Detection*>(order + p.boxes)};
}

bool DecodeBoxes(const DetectionParams& p, void* const* args, Corners* corners) {
  const auto* encoded = static_cast<const float*>(args[arg::kBoxes]);
  const auto* anchors = static_cast<const CenterSize*>(args[arg::kAnchors]);
  bool proper = true;
  for (int32_t i = 0; i < p.boxes; ++i, encoded += p.box_stride) {
    const CenterSize box = {encoded[0], encoded[1], encoded[2], encoded[3]};
    corners[i] = Decoded(box, anchors[i], p.scale);
    proper = proper && corners[i].is_proper();
  }
  return proper;
}

// The better score first, of equal ones the first.
bool IsBefore(const float* scores, int32_t a, int32_t b) {
  return scores[a] > scores[b] || (scores[a] == scores[b] && a < b);
}

// The last one of all in order rises to the top of the heap.
void Sift(const float* scores, int32_t* heap, int32_t top, int32_t count) {
  for (int32_t child = 2 * top + 1; child < count; child = 2 * top + 1) {
    if (child + 1 < count && IsBefore(scores, heap[child], heap[child + 1])) ++child;
    if (!IsBefore(scores, heap[top], heap[child])) return;
    const int32_t kept = heap[top];
    heap[top] = heap[child];
    heap[child] = kept;
    top = child;
  }
}

void Sort(const float* scores, int32_t* order, int32_t count) {
  for (int32_t i = count / 2 - 1; i >= 0; --i) Sift(scores, order, i, count);
  for (int32_t last = count - 1; last > 0; --last) {
    const int32_t kept = order[0];
    order[0] = order[last];
    order[last] = kept;
    Sift(scores, order, 0, last);
  }
}

// Calls take(box) for at most `most` boxes, the best first; each silences those that it overlaps.
template <class Take>
void Suppress(const DetectionParams& p, const Work& work, int32_t most, Take take) {
  int32_t count = 0;
  for (int32_t i = 0; i < p.boxes; ++i) {
    if (work.scores[i] >= p.least_score) work.order[count++] = i;
  }
  Sort(work.scores, work.order, count);
  for (int32_t i = 0; i < count && most > 0; ++i) {
    const int32_t best = work.order[i];
    if (best < 0) continue;
    take(best);
    --most;
    for (int32_t j = i + 1; j < count; ++j) {
      const int32_t other = work.order[j];
      if (other >= 0 && Overlap(work.corners[best], work.corners[other]) > p.most_overlap) {
        work.order[j] = -1;
      }
    }
  }
}

int32_t BestLabel(const float* scores, int32_t classes) {
  int32_t best = 0;
  for (int32_t c = 1; c < classes; ++c) {
    if (scores[c] > scores[best]) best = c;
  }
  return best;
}

// Each box stands for its best class.
int32_t FindBest(const DetectionParams& p, const float* scores, const Work& work) {
  int32_t count = 0;
  for (int32_t i = 0; i < p.boxes; ++i) {
    const float* own = scores + i * p.score_stride;
    work.scores[i] = own[BestLabel(own, p.classes)];
  }
  Suppress(p, work, p.most, [&](int32_t box) {
    const int32_t label = BestLabel(scores + box * p.score_stride, p.classes);
    work.found[count++] = {work.scores[box], box, label};
  });
  return count;
}

// Keeps the best of all, sorted; a later one comes after its equals.
int32_t Insert(const Detection& detection, int32_t most, Detection* found, int32_t count) {
  int32_t at = count;
  while (at > 0 && found[at - 1].score < detection.score) --at;
  if (at == most) return count;
  const int32_t moved = Min(count, most - 1) - at;
  memmove(found + at + 1, found + at, static_cast<size_t>(moved) * sizeof(Detection));
  found[at] = detection;
  return Min(count + 1, most);
}

int32_t FindPerClass(const DetectionParams& p, const float* scores, const Work& work) {
  int32_t count = 0;
  for (int32_t label = 0; label < p.classes; ++label) {
    for (int32_t i = 0; i < p.boxes; ++i) work.scores[i] = scores[i * p.score_stride + label];
    Suppress(p, work, p.most_per_class, [&](int32_t box) {
      count = Insert({work.scores[box], box, label}, p.most, work.found, count);
    });
  }
  return count;
}

Status EvalDetection(const void* params, void* const* args) {
  const auto& p = *static_cast<const DetectionParams*>(params);
  const Work work = Divide(p, args[arg::kWork]);
  if (!DecodeBoxes(p, args, work.corners)) return Status::kError;
  const auto* scores = static_cast<const float*>(args[arg::kScores]) + p.label_offset;
  const int32_t count = p.per_class ? FindPerClass(p, scores, work) : FindBest(p, scores, work);
  auto* corners = static_cast<Corners*>(args[arg::kOutBoxes]);
  auto* labels = static_cast<float*>(args[arg::kOutLabels]);
  auto* out_scores = static_cast<float*>(args[arg::kOutScores]);
  for (int32_t i = 0; i < p.most; ++i) {
    const Detection& found = work.found[i];
    corners[i] = i < count ? work.corners[found.box] : Corners{};
    labels[i] = i < count ? static_cast<float>(found.label) : 0.0f;
    out_scores[i] = i < count ? found.score : 0.0f;
  }
  *static_cast<float*>(args[arg::kOutCount]) = static_cast<float>(count);
  return Status::kOk;
}

bool AreFloat(const PrepareContext& context) {
  for (int i = 0; i < context.input_count(); ++i) {
    if (context.input(i).type != Type::kFloat32) return false;
  }
  for (int i = 0; i < context.output_count(); ++i) {
    if (context.output(i).type != Type::kFloat32) return false;
  }
  return true;
}

bool Measure(const PrepareContext& context, DetectionParams* p) {
  const Shape boxes = context.input(arg::kBoxes).shape;
  const Shape scores = context.input(arg::kScores).shape;
  if (boxes.rank != 3 || scores.rank != 3 || boxes[0] != 1 || scores[0] != 1) return false;
  p->boxes = boxes[1];
  p->box_stride = boxes[2];
  p->score_stride = scores[2];
  p->label_offset = scores[2] - p->classes;
  const Shape anchors = context.input(arg::kAnchors).shape;
  return p->box_stride >= 4 && scores[1] == p->boxes && p->label_offset >= 0 &&
         p->label_offset <= 1 && anchors.elements() >= 4 * p->boxes &&
         context.output(0).shape.elements() >= 4 * p->most &&
         context.output(1).shape.elements() >= p->most &&
         context.output(2).shape.elements() >= p->most && context.output(3).shape.elements() >= 1;
}

bool ReadOptions(const PrepareContext& context, DetectionParams* p) {
  constexpr int32_t kLargest = limits::kDetections;
  const FlexMap options(context.custom_options());
  p->most = options.integer("max_detections", 0);
  p->most_per_class = options.integer("detections_per_class", 100);
  p->classes = options.integer("num_classes", 0);
  p->per_class = options.integer("use_regular_nms", 0);
  p->least_score = options.real("nms_score_threshold", 0.0f);
  p->most_overlap = options.real("nms_iou_threshold", 0.0f);
  p->scale = {options.real("y_scale", 0.0f), options.real("x_scale", 0.0f),
              options.real("h_scale", 0.0f), options.real("w_scale", 0.0f)};
  // TFLM runs over its outputs with more than one class for a box.
  const bool one_class = Min(options.integer("max_classes_per_detection", 0), p->classes) == 1;
  return p->most > 0 && p->most <= kLargest && p->most_per_class > 0 && p->classes > 0 &&
         p->most_overlap > 0.0f && p->most_overlap <= 1.0f && (p->per_class || one_class);
}

}  // namespace

Status PrepareDetectionPostprocess(PrepareContext& context) {
  if (!AreFloat(context)) return RefuseTypes(context);
  auto* params = context.Params<DetectionParams>();
  if (params == nullptr) return kNoMemory;
  if (!ReadOptions(context, params)) return RefuseOptions(context);
  if (!Measure(context, params)) return RefuseShapes(context);
  context.SetEval(EvalDetection);
  return context.Scratch(static_cast<uint32_t>(params->boxes) * kBytesPerBox +
                         static_cast<uint32_t>(params->most) * sizeof(Detection));
}

}  // namespace tinydeploy
