#include "train/gradient_exchange.h"

#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <ATen/core/grad_mode.h>
#include <gtest/gtest.h>
#include <torch/csrc/autograd/custom_function.h>

#include "../runtime/ranks.h"
#include "leaf.h"

namespace {

// Four layers that all ranks use, one that only rank 1 uses, one that nobody uses.
struct Net {
  std::vector<at::Tensor> layers;
  at::Tensor seldom, never;

  Net() : seldom(leaf(at::full({3, 2}, 0.5f))), never(leaf(at::ones({4}))) {
    for (int i = 0; i < 4; ++i)
      layers.push_back(leaf(at::sin(at::arange(36, at::kFloat) * (i + 1)).reshape({6, 6}) / 3));
  }
  train::Parameters parameters() const {
    train::Parameters all{{"seldom", seldom}};
    for (std::size_t i = 0; i < layers.size(); ++i) all.push_back({"layer" + std::to_string(i), layers[i]});
    all.push_back({"never", never});
    return all;
  }
  at::Tensor loss(int rank, int round) const {
    at::Tensor x = at::cos(at::arange(12, at::kFloat) * (rank + 1 + 10 * round)).reshape({2, 6});
    for (const at::Tensor& layer : layers) x = at::tanh(x.matmul(layer));
    const at::Tensor loss = x.square().sum();
    return rank == 1 ? loss + seldom.square().sum() : loss;
  }
  void clear() const {
    for (const train::Parameter& each : parameters()) each.tensor.mutable_grad() = at::Tensor();
  }
};

// What GradientExchange does, the simple way: parameter by parameter, after backward.
void take_means(const train::Parameters& parameters, runtime::Comm& comm) {
  const at::NoGradGuard no_gradient;
  for (const train::Parameter& each : parameters) {
    at::Tensor& gradient = each.tensor.mutable_grad();
    at::Tensor ranks_with_one = at::full({1}, gradient.defined() ? 1.0f : 0.0f);
    comm.all_reduce_sum(ranks_with_one);
    if (ranks_with_one.item<float>() == 0) continue;
    if (!gradient.defined()) gradient = at::zeros_like(each.tensor);
    comm.all_reduce_sum(gradient);
    gradient.div_(comm.size());
  }
}

void expect_equal_gradients(const train::Parameters& mine, const train::Parameters& reference) {
  for (std::size_t i = 0; i < mine.size(); ++i) {
    const at::Tensor &a = mine[i].tensor.grad(), &b = reference[i].tensor.grad();
    EXPECT_EQ(a.defined(), b.defined()) << mine[i].name;
    if (a.defined() && b.defined()) {
      EXPECT_TRUE(at::equal(a, b)) << mine[i].name;
    }
  }
}

// With buckets of one parameter each, of a few, and one bucket for all.
void expect_the_bits_of_the_simple_way(runtime::Comm& comm) {
  for (const std::int64_t bucket_bytes : {1, 300, 1 << 20}) {
    const Net mine, reference;
    train::GradientExchange exchange(mine.parameters(), comm, bucket_bytes);
    for (int round = 0; round < 3; ++round) {
      mine.clear();
      reference.clear();
      exchange.begin();
      mine.loss(comm.rank(), round).backward();
      exchange.finish();
      reference.loss(comm.rank(), round).backward();
      take_means(reference.parameters(), comm);
      expect_equal_gradients(mine.parameters(), reference.parameters());
    }
  }
}

// Hands everything on and counts.
class Counting : public runtime::Comm {
 public:
  explicit Counting(runtime::Comm& comm) : comm_(comm) {}
  int begun = 0, waited_for = 0;
  int rank() const override { return comm_.rank(); }
  int size() const override { return comm_.size(); }
  void all_reduce_sum(at::Tensor& tensor) override {
    ++waited_for;
    comm_.all_reduce_sum(tensor);
  }
  std::unique_ptr<runtime::Sum> begin_sum(at::Tensor tensor) override {
    ++begun;
    return comm_.begin_sum(std::move(tensor));
  }
  at::Tensor all_gather(const at::Tensor& tensor) override { return comm_.all_gather(tensor); }
  void broadcast(at::Tensor& tensor, int root) override { comm_.broadcast(tensor, root); }
  void barrier() override { comm_.barrier(); }

 private:
  runtime::Comm& comm_;
};

// A part of a network that is computed again in backward, by a backward of its own.
struct Recomputed : torch::autograd::Function<Recomputed> {
  static at::Tensor forward(torch::autograd::AutogradContext* context, const at::Tensor& x, const at::Tensor& weight) {
    context->save_for_backward({x, weight});
    return x.matmul(weight);
  }
  static torch::autograd::variable_list backward(torch::autograd::AutogradContext* context,
                                                 torch::autograd::variable_list gradients) {
    const auto saved = context->get_saved_variables();
    const at::Tensor x = saved[0].detach().requires_grad_();
    const at::AutoGradMode with_gradient(true);
    x.matmul(saved[1]).backward(gradients[0]);
    return {x.grad(), at::Tensor()};
  }
};

TEST(GradientExchange, HandValueOfTwoRanksOneOfWhichHasNoGradient) {
  runtime::run_ranks(2, [](runtime::Comm& comm) {
    const at::Tensor both = leaf(at::zeros({2})), one = leaf(at::zeros({2, 1})), none = leaf(at::zeros({3}));
    train::GradientExchange exchange({{"both", both}, {"one", one}, {"none", none}}, comm);
    exchange.begin();
    both.mutable_grad() = at::full({2}, comm.rank() == 0 ? 1.0f : 3.0f);
    if (comm.rank() == 1) one.mutable_grad() = at::full({2, 1}, 8.0f);
    exchange.finish();
    EXPECT_TRUE(at::equal(both.grad(), at::full({2}, 2.0f)));
    EXPECT_TRUE(at::equal(one.grad(), at::full({2, 1}, 4.0f)));
    EXPECT_FALSE(none.grad().defined());
  });
}

TEST(GradientExchange, HasTheBitsOfTheSimpleWay) {
  at::set_num_threads(1);
  for (const int ranks : {1, 2, 4}) runtime::run_ranks(ranks, expect_the_bits_of_the_simple_way);
}

TEST(GradientExchange, BetweenProcessesToo) {
  at::set_num_threads(1);
  for (const int end : as_ranks(2, 60, expect_the_bits_of_the_simple_way)) EXPECT_EQ(end, 0);
}

TEST(GradientExchange, SendsWhileBackwardGoesOnAndWaitsOnceAtTheEnd) {
  runtime::run_ranks(2, [](runtime::Comm& ranks) {
    Counting comm(ranks);
    const Net net;
    train::GradientExchange exchange(net.parameters(), comm, 1);  // six buckets
    for (int round = 0; round < 2; ++round) {
      net.clear();
      comm.begun = comm.waited_for = 0;
      exchange.begin();
      net.loss(0, round).backward();
      // At first the bucket of `never`, the first in turn, is waited for; then it is known to stay without gradients.
      EXPECT_EQ(comm.begun, round == 0 ? 0 : 6);
      exchange.finish();
      EXPECT_EQ(comm.begun, 7);  // and one that tells who has gradients
      EXPECT_EQ(comm.waited_for, 0);
    }
  });
}

TEST(GradientExchange, OfAnUpdateInPartsTheSumOfAllPartsIsAveraged) {
  runtime::run_ranks(2, [](runtime::Comm& comm) {
    const Net mine, reference;
    train::GradientExchange exchange(mine.parameters(), comm, 300);
    for (int part = 0; part < 3; ++part) {
      if (part == 2) exchange.begin();
      mine.loss(part == 1 ? comm.rank() : 0, part)
          .backward();  // `seldom` has its gradient from a part that is not sent
      reference.loss(part == 1 ? comm.rank() : 0, part).backward();
    }
    exchange.finish();
    take_means(reference.parameters(), comm);
    expect_equal_gradients(mine.parameters(), reference.parameters());
  });
}

TEST(GradientExchange, AnotherPhasesGradientsAreLeftAlone) {
  runtime::run_ranks(2, [](runtime::Comm& comm) {
    const at::Tensor mine = leaf(at::ones({2})), others = leaf(at::ones({2}));
    train::GradientExchange first({{"mine", mine}}, comm), second({{"others", others}}, comm);
    first.begin();
    (mine * others).sum().mul(comm.rank() + 1).backward();
    first.finish();
    EXPECT_TRUE(at::equal(mine.grad(), at::full({2}, 1.5f)));
    EXPECT_TRUE(at::equal(others.grad(), at::full({2}, comm.rank() + 1.0f)));
  });
}

// Backward comes to such a weight once for each time that it was used, and the first time is not the last.
TEST(GradientExchange, AWeightUsedTwiceInRecomputedPartsIsAveragedWholeAndSentTwiceOnceOnly) {
  runtime::run_ranks(2, [](runtime::Comm& ranks) {
    Counting comm(ranks);
    const Net net;
    const at::Tensor &weight = net.layers[0], &last = net.layers[1];
    train::GradientExchange exchange({{"last", last}, {"weight", weight}}, comm, 1);
    for (int round = 0; round < 2; ++round) {
      net.clear();
      comm.waited_for = 0;
      const at::Tensor x = at::full({2, 6}, 1.0f + static_cast<float>(ranks.rank())).requires_grad_();
      exchange.begin();
      Recomputed::apply(at::tanh(Recomputed::apply(x, weight)), weight).matmul(last).sum().backward();
      exchange.finish();
      EXPECT_EQ(comm.waited_for, round == 0 ? 1 : 0);
      const at::Tensor mean = weight.grad().clone();
      net.clear();
      at::tanh(x.matmul(weight)).matmul(weight).matmul(last).sum().backward();
      take_means({{"weight", weight}}, ranks);
      EXPECT_TRUE(at::allclose(mean, weight.grad(), 1e-5, 1e-6)) << round;
    }
  });
}

}  // namespace
