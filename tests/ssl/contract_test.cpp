// What holds for every method of the table, with every kind of encoder.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <functional>
#include <numeric>
#include <set>

#include "core/error.h"
#include "made.h"
#include "train/parts.h"
#include "train/precision.h"

namespace {

struct Pair {
  std::string method, encoder;
};

std::vector<Pair> pairs() {
  std::vector<Pair> all;
  // Each method once, every fourth one with both kinds; with all encoders there are when GADOLIN_EVERY_PAIR is set.
  const bool every = std::getenv("GADOLIN_EVERY_PAIR") != nullptr;
  std::size_t number = 0;
  for (const ssl::MethodEntry* entry : ssl::methods()) {
    std::vector<std::string> kinds;
    for (const models::EncoderEntry* encoder : models::encoders()) {
      const std::string name(encoder->name);
      if (ssl::runs_with(*entry, name) && (every || name == "resenc" || name == "vit")) kinds.push_back(name);
    }
    if (kinds.size() == 2 && !every && number % 4 != 0) kinds.erase(kinds.begin() + static_cast<int>((number + 1) % 2));
    for (const std::string& encoder : kinds) all.push_back({std::string(entry->name), encoder});
    ++number;
  }
  return all;
}

class EachMethod : public testing::TestWithParam<Pair> {
 protected:
  std::unique_ptr<ssl::Method> made(std::uint64_t seed = 1) {
    auto method = made::method(GetParam().method, GetParam().encoder, seed);
    made::begin_epoch(*method);
    return method;
  }
  const ssl::MethodEntry& entry() { return ssl::method_named(GetParam().method); }
};

std::map<std::string, at::Tensor> gradients(ssl::Method& method) {
  std::map<std::string, at::Tensor> all;
  for (const train::Phase& phase : method.phases()) {
    for (const train::Parameter& each : phase.parameters) all[each.name] = each.tensor.grad();
  }
  return all;
}

void clear_gradients(ssl::Method& method) {
  for (const train::Phase& each : method.phases()) {
    for (const train::Parameter& parameter : each.parameters) parameter.tensor.mutable_grad() = at::Tensor();
  }
}

// The loss of one phase; the gradients are its own.
at::Tensor backward(ssl::Method& method, std::size_t phase, const data::Batch& batch) {
  clear_gradients(method);
  const at::Tensor loss = method.step(phase, batch, {}).loss;
  loss.backward();
  return loss.detach();
}

void copy_weights(ssl::Method& from, ssl::Method& to) {
  const at::NoGradGuard no_gradient;
  const auto source = from.weights();
  const auto target = to.weights();
  ASSERT_EQ(source.size(), target.size());
  for (std::size_t i = 0; i < source.size(); ++i) {
    ASSERT_EQ(source[i].first, target[i].first);
    target[i].second.copy_(source[i].second);
  }
}

// The gradient of the whole batch beside the mean of those of the ranks.
void expect_mean(const std::map<std::string, at::Tensor>& expected,
                 const std::vector<std::unique_ptr<ssl::Method>>& ranks) {
  double scale = 0;
  for (const auto& [name, gradient] : expected) {
    if (gradient.defined()) scale = std::max(scale, gradient.abs().max().item<double>());
  }
  std::map<std::string, at::Tensor> sums;
  for (const auto& rank : ranks) {
    for (const auto& [name, gradient] : gradients(*rank)) {
      at::Tensor& sum = sums[name];
      if (gradient.defined()) sum = sum.defined() ? sum + gradient : gradient;
    }
  }
  for (const auto& [name, gradient] : expected) {
    ASSERT_EQ(gradient.defined(), sums[name].defined()) << name;
    if (!gradient.defined()) continue;
    const at::Tensor mean = sums[name] / static_cast<double>(ranks.size());
    EXPECT_LT((mean - gradient).abs().max().item<double>(), 1e-4 * scale) << name;
  }
}

}  // namespace

TEST_P(EachMethod, HasSettingsWithHelpThatReadBackToThemselves) {
  const auto settings = entry().settings();
  const std::vector<core::Slot> slots = settings->slots();
  for (const core::Slot& slot : slots) EXPECT_FALSE(slot.help.empty()) << slot.key;
  const std::string text = core::resolved_yaml(slots);
  const auto again = entry().settings();
  core::configure(again->slots(), core::settings_from_yaml(text, "resolved.yaml"));
  EXPECT_EQ(core::resolved_yaml(again->slots()), text);
}

TEST(Methods, EachTellsItsFamilyWhatItNeedsAndWhenToChooseIt) {
  const auto families = ssl::method_families();
  for (const ssl::MethodEntry* entry : ssl::methods()) {
    SCOPED_TRACE(entry->name);
    EXPECT_NE(std::find(families.begin(), families.end(), entry->family), families.end()) << entry->family;
    for (const std::string_view text : {entry->help, entry->needs, entry->encoders, entry->choose, entry->loss,
                                        entry->formula, entry->reference, entry->improves}) {
      EXPECT_FALSE(text.empty());
      EXPECT_EQ(text.find('\n'), std::string_view::npos) << text;
    }
    EXPECT_TRUE(entry->probe == "kNN" || entry->probe == "linear" || entry->probe == "finetune") << entry->probe;
    EXPECT_GE(entry->cost, 0.1);
    EXPECT_GE(entry->year, 1980);
    EXPECT_TRUE(ssl::runs_with(*entry, "resenc") || ssl::runs_with(*entry, "vit"));
    if (entry->encoders != "any") {
      for (const models::EncoderEntry* encoder : models::encoders()) {
        const bool listed = (", " + std::string(entry->encoders) + ",").find(", " + std::string(encoder->name) + ",") !=
                            std::string::npos;
        EXPECT_EQ(ssl::runs_with(*entry, encoder->name), listed) << encoder->name;
      }
    }
  }
}

TEST_P(EachMethod, HasAFiniteScalarLossInFloatAndInBfloat16) {
  const auto method = made();
  const data::Batch batch = made::batch(*method, 4);
  const train::StepResult exact = method->step(0, batch, {});
  EXPECT_EQ(exact.loss.dim(), 0);
  EXPECT_EQ(exact.loss.scalar_type(), at::kFloat);
  EXPECT_TRUE(std::isfinite(exact.loss.item<double>()));
  for (const auto& [name, value] : exact.watch) {
    EXPECT_EQ(value.dim(), 0) << name;
    EXPECT_FALSE(value.requires_grad()) << name;
  }
  const train::Autocast bfloat16(at::kCPU, "bf16");
  const at::Tensor rough = method->step(0, batch, {}).loss;
  EXPECT_EQ(rough.scalar_type(), at::kFloat);
  EXPECT_NEAR(rough.item<double>(), exact.loss.item<double>(), 0.05 * std::abs(exact.loss.item<double>()));
  rough.backward();
  for (const auto& [name, gradient] : gradients(*method)) {
    ASSERT_TRUE(gradient.defined()) << name;
    EXPECT_TRUE(gradient.isfinite().all().item<bool>()) << name;
  }
}

TEST_P(EachMethod, SendsAGradientToEveryTrainedParameterAndToNoOther) {
  const auto method = made();
  const data::Batch batch = made::batch(*method, 4);
  // Branches that begin at weight 0 (the last norm of a residual block) pass nothing on before the first update.
  made::train(*method, batch, 2);
  for (const train::Phase& phase : method->phases()) {
    for (const train::Parameter& each : phase.parameters) {
      each.tensor.mutable_grad() = at::Tensor();
      // Tokens and codes of place, which are added to features: who owns them says so (runtime/trainable.h).
      const bool added =
          (each.tensor.dim() == 3 && each.tensor.size(0) == 1) || each.name.ends_with("position_bias_table");
      EXPECT_EQ(each.spared, added) << each.name;
    }
  }
  std::set<std::string> trained;
  for (std::size_t phase = 0; phase < method->phases().size(); ++phase) method->step(phase, batch, {}).loss.backward();
  for (const auto& [name, gradient] : gradients(*method)) {
    trained.insert(name);
    ASSERT_TRUE(gradient.defined()) << name;
    if (gradient.dim() > 1) {
      EXPECT_GT(gradient.abs().max().item<double>(), 0) << name;
    }
  }
  for (const auto& [name, tensor] : method->weights()) {
    if (!trained.contains(name)) {
      EXPECT_FALSE(tensor.grad().defined()) << name;
    }
  }
}

TEST_P(EachMethod, GivesTheSameLossForTheSameSeedAndAnotherForAnother) {
  const auto first = made(7), second = made(7), other = made(8);
  const data::Batch batch = made::batch(*first, 4);
  const double loss = made::loss(*first, batch);
  EXPECT_EQ(loss, made::loss(*second, made::batch(*second, 4)));
  EXPECT_NE(loss, made::loss(*other, batch));
  EXPECT_NE(loss, made::loss(*second, made::batch(*second, 4, 10)));
}

TEST_P(EachMethod, ImprovesWhatItSaysInThirtyStepsOnOneBatchAndDoesNotCollapse) {
  const auto method = made();
  const data::Batch batch = made::batch(*method, 4);
  const std::vector<double> seen = made::train(*method, batch, 30, std::string(entry().improves));
  ASSERT_EQ(seen.size(), 30u) << "it watches nothing called " << entry().improves;
  ASSERT_GT(seen.front(), 0) << "what falls is measured from 0";
  EXPECT_LT(seen.back(), 0.8 * seen.front()) << entry().improves << " from " << seen.front();

  method->set_training(false);
  const at::Tensor embedding = method->embedding(made::batch(*method, 8, 50).views[0].images);
  ASSERT_EQ(embedding.dim(), 2);
  ASSERT_EQ(embedding.size(0), 8);
  EXPECT_FALSE(embedding.requires_grad());
  EXPECT_TRUE(embedding.isfinite().all().item<bool>());
  const at::Tensor apart = embedding - embedding.mean(0);
  EXPECT_GT(apart.norm().item<double>(), 0.01 * embedding.norm().item<double>()) << "all embeddings are alike";
}

TEST_P(EachMethod, GoesOnBitExactlyFromItsWeightsAndState) {
  const auto method = made(1), other = made(2);
  const data::Batch batch = made::batch(*method, 4);
  made::train(*method, batch, 2);
  copy_weights(*method, *other);
  runtime::Archive state;
  method->save(state);
  other->load(runtime::unpack_archive(runtime::pack_archive(state)));
  EXPECT_EQ(made::train(*method, batch, 3), made::train(*other, batch, 3));
}

TEST_P(EachMethod, NamesTheEncodersWeightsForFineTuning) {
  const auto method = made();
  const models::Input input{1, made::patch_of(GetParam().method), {1, 1, 1}};
  std::set<std::string> names;
  for (const auto& [name, tensor] : method->weights()) EXPECT_TRUE(names.insert(name).second) << name;
  for (const auto& item : made::encoder(GetParam().encoder, input)->named_parameters())
    EXPECT_TRUE(names.contains("encoder." + item.key())) << item.key();
}

// Ranks and parts of a rank's batch; four samples of which the first two have few voxels in their case.
TEST_P(EachMethod, HasTheSameLossAndGradientOnRanksAndInPartsAsAtOnce) {
  const auto whole = made();
  data::Batch batch = made::batch(*whole, 4);
  for (data::View& view : batch.views) view.valid.narrow(0, 0, 2).slice(2, 0, 9).zero_();
  runtime::Archive state;
  whole->save(state);
  for (const auto& [ranks, parts] : {std::pair{2, 1}, std::pair{1, 2}, std::pair{1, 4}, std::pair{2, 2}}) {
    if (parts > 1 && whole->coupling() == train::Coupling::kWhole) continue;
    SCOPED_TRACE(std::to_string(ranks) + " ranks, " + std::to_string(parts) + " parts");
    std::vector<std::unique_ptr<ssl::Method>> own;
    for (int rank = 0; rank < ranks; ++rank) {
      copy_weights(*whole, *own.emplace_back(made(2 + static_cast<std::uint64_t>(rank))));
      own.back()->load(state);
    }
    for (std::size_t phase = 0; phase < whole->phases().size(); ++phase) {
      SCOPED_TRACE(whole->phases()[phase].name);
      const double loss = backward(*whole, phase, batch).item<double>();
      std::vector<double> losses(static_cast<std::size_t>(ranks));
      runtime::run_ranks(ranks, [&, parts = parts](runtime::Comm& comm) {
        const auto rank = static_cast<std::size_t>(comm.rank());
        own[rank]->use(comm);
        clear_gradients(*own[rank]);
        const std::int64_t size = 4 / comm.size();
        losses[rank] =
            train::backward_in_parts(*own[rank], phase, batch.part(size * comm.rank(), size), {}, parts, comm, {})
                .loss.item<double>();
      });
      EXPECT_NEAR(std::accumulate(losses.begin(), losses.end(), 0.0) / ranks, loss, 1e-5 * std::abs(loss));
      expect_mean(gradients(*whole), own);
    }
  }
}

TEST_P(EachMethod, HasAFiniteLossAndGradientOnPicturesOfOneValue) {
  const auto method = made();
  const data::Batch batch = made::batch(*method, 2, 0, [](std::uint64_t) { return at::ones({1, 24, 24, 24}); });
  const at::Tensor loss = method->step(0, batch, {}).loss;
  loss.backward();
  EXPECT_TRUE(std::isfinite(loss.item<double>()));
  for (const auto& [name, gradient] : gradients(*method)) EXPECT_TRUE(gradient.isfinite().all().item<bool>()) << name;
}

TEST_P(EachMethod, HasPicturesOfTheSizeOfTheBatchOrNoneAndTheyChangeNothing) {
  const auto method = made(1), untouched = made(1);
  const data::Batch batch = made::batch(*method, 3);
  method->set_training(false);
  for (const auto& [title, picture] : method->pictures(batch)) {
    EXPECT_FALSE(title.empty());
    ASSERT_EQ(picture.dim(), 5) << title;
    EXPECT_EQ(picture.size(0), 3) << title;
    EXPECT_FALSE(picture.requires_grad()) << title;
    EXPECT_TRUE(picture.isfinite().all().item<bool>()) << title;
  }
  method->set_training(true);
  const auto after = method->weights(), before = untouched->weights();
  for (std::size_t i = 0; i < after.size(); ++i)
    EXPECT_TRUE(at::equal(after[i].second, before[i].second)) << after[i].first;
  EXPECT_EQ(made::loss(*method, batch), made::loss(*untouched, batch));
}

INSTANTIATE_TEST_SUITE_P(Table, EachMethod, testing::ValuesIn(pairs()),
                         [](const auto& info) { return info.param.method + "_" + info.param.encoder; });

namespace {

// An encoder of no known kind: three scales of plain averages.
class Foreign final : public models::Encoder {
 public:
  Foreign() { weight_ = register_parameter("weight", at::ones({1, 6})); }
  std::vector<at::Tensor> features(const at::Tensor& image) override {
    return {at::avg_pool3d(image, 4) * weight_.view({1, 6, 1, 1, 1})};
  }
  std::vector<std::int64_t> channels() const override { return {6}; }
  std::vector<models::Extent> stride() const override { return {{4, 4, 4}}; }
  void check_extent(const models::Extent&) const override {}

 private:
  at::Tensor weight_;
};

}  // namespace

TEST(Methods, AnEncoderThatDoesNotSuitIsRefusedWithTheListOfThoseThatDo) {
  for (const ssl::MethodEntry* entry : ssl::methods()) {
    SCOPED_TRACE(entry->name);
    try {
      const auto method = made::method(std::string(entry->name), [] { return std::make_shared<Foreign>(); },
                                       {1, made::patch_of(std::string(entry->name)), {1, 1, 1}});
      made::begin_epoch(*method);
      EXPECT_TRUE(std::isfinite(made::loss(*method, made::batch(*method, 2))));
    } catch (const core::Error& error) {
      EXPECT_EQ(error.exit(), core::Exit::kUsage);
      for (const models::EncoderEntry* encoder : models::encoders()) {
        if (!ssl::runs_with(*entry, encoder->name)) continue;
        EXPECT_NE(std::string(error.what()).find(encoder->name), std::string::npos) << error.what();
      }
    }
  }
}

TEST(Methods, AMisspelledNameIsAnsweredWithTheNearest) {
  try {
    ssl::method_named("simcrl");
    FAIL();
  } catch (const core::Error& error) {
    EXPECT_EQ(error.exit(), core::Exit::kUsage);
    EXPECT_NE(error.hint().find("did you mean simclr?"), std::string::npos) << error.hint();
    EXPECT_NE(error.hint().find("mae"), std::string::npos) << error.hint();
  }
}
