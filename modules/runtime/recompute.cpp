#include "runtime/recompute.h"

#include <ATen/ATen.h>
#include <ATen/autocast_mode.h>
#include <torch/csrc/autograd/autograd.h>
#include <torch/csrc/autograd/custom_function.h>
#include <torch/custom_class.h>

#include "runtime/generators.h"

namespace runtime {
namespace {

thread_local bool recompute_on = false;
thread_local const PartWatch::Told* part_watch = nullptr;

// Autocast of this thread as it was when it was made. Casts of weights are not kept: one made without a gradient would
// cut off those that come after it.
class SameAutocast {
 public:
  explicit SameAutocast(c10::DeviceType type)
      : type(type),
        enabled(at::autocast::is_autocast_enabled(type)),
        dtype(at::autocast::get_autocast_dtype(type)),
        cache(at::autocast::is_autocast_cache_enabled()) {}
  void put_back() const {
    at::autocast::set_autocast_enabled(type, enabled);
    at::autocast::set_autocast_dtype(type, dtype);
    at::autocast::set_autocast_cache_enabled(cache);
  }

  c10::DeviceType type;
  bool enabled;
  at::ScalarType dtype;
  bool cache;
};

class WithAutocast {
 public:
  explicit WithAutocast(const SameAutocast& wanted) : before_(wanted.type) {
    wanted.put_back();
    at::autocast::set_autocast_cache_enabled(false);
  }
  ~WithAutocast() { before_.put_back(); }
  WithAutocast(const WithAutocast&) = delete;
  WithAutocast& operator=(const WithAutocast&) = delete;

 private:
  SameAutocast before_;
};

// How a part was computed the first time.
struct Kept : torch::CustomClassHolder {
  Kept(Part part, std::int64_t inputs, c10::Device device)
      : part(std::move(part)),
        inputs(inputs),
        device(device),
        autocast(device.type()),
        generator(generator_state(device)) {}
  Part part;
  std::int64_t inputs;
  c10::Device device;
  SameAutocast autocast;
  at::Tensor generator;
};

struct Recomputed : torch::autograd::Function<Recomputed> {
  static at::Tensor forward(torch::autograd::AutogradContext* context, c10::intrusive_ptr<Kept> kept,
                            at::TensorList inputs_and_parameters) {
    const WithAutocast same(kept->autocast);
    const at::Tensor made = kept->part({inputs_and_parameters.begin(), inputs_and_parameters.begin() + kept->inputs});
    context->save_for_backward(inputs_and_parameters.vec());
    context->saved_data["kept"] = at::IValue::make_capsule(std::move(kept));
    return made;
  }

  static torch::autograd::variable_list backward(torch::autograd::AutogradContext* context,
                                                 torch::autograd::variable_list gradients) {
    const auto kept = c10::static_intrusive_pointer_cast<Kept>(context->saved_data["kept"].toCapsule());
    torch::autograd::variable_list given = context->get_saved_variables(), wanted;
    std::vector<at::Tensor> inputs;
    for (std::size_t i = 0; i < given.size(); ++i) {
      if (i < static_cast<std::size_t>(kept->inputs)) {
        inputs.push_back(given[i].detach().requires_grad_(given[i].requires_grad()));
        given[i] = inputs.back();
      }
      if (given[i].requires_grad()) wanted.push_back(given[i]);
    }
    const at::Tensor made = [&] {
      const KeepGenerators keep(kept->device);
      set_generator_state(kept->device, kept->generator);
      const WithAutocast same(kept->autocast);
      const at::AutoGradMode with_gradient(true);
      return kept->part(inputs);
    }();
    const auto found = torch::autograd::grad({made}, wanted, {gradients[0]}, /*retain_graph=*/std::nullopt,
                                             /*create_graph=*/false, /*allow_unused=*/true);
    torch::autograd::variable_list all{at::Tensor()};  // of `kept`
    std::size_t next = 0;
    for (const at::Tensor& each : given) all.push_back(each.requires_grad() ? found[next++] : at::Tensor());
    return all;
  }
};

}  // namespace

Recompute::Recompute(bool on) : before_(recompute_on) { recompute_on = recompute_on || on; }
Recompute::~Recompute() { recompute_on = before_; }
bool Recompute::is_on() { return recompute_on; }

PartWatch::PartWatch(Told told) : told_(std::move(told)) { part_watch = &told_; }
PartWatch::~PartWatch() { part_watch = nullptr; }
void PartWatch::tell(const at::Tensor& made) {
  if (part_watch != nullptr) (*part_watch)(made);
}

std::vector<at::Tensor> aliases(const std::vector<at::Tensor>& inputs) {
  std::vector<at::Tensor> own;
  for (const at::Tensor& input : inputs) own.push_back(at::alias(input));
  return own;
}

at::Tensor recomputed_always(Part part, const std::vector<at::Tensor>& inputs, std::vector<at::Tensor> parameters) {
  auto kept =
      c10::make_intrusive<Kept>(std::move(part), static_cast<std::int64_t>(inputs.size()), inputs.at(0).device());
  parameters.insert(parameters.begin(), inputs.begin(), inputs.end());
  // A TensorList: of a vector torch would not see that there are tensors in it.
  return Recomputed::apply(std::move(kept), at::TensorList(parameters));
}

}  // namespace runtime
