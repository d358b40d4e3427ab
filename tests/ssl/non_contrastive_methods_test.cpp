// What is special to single methods without negatives.
#include <gtest/gtest.h>

#include "made.h"
#include "story_of.h"

namespace {

at::Tensor weight_named(ssl::Method& method, const std::string& part) {
  for (const auto& [name, tensor] : method.weights()) {
    if (name.find(part) == 0 && tensor.dim() > 1) return tensor;
  }
  ADD_FAILURE() << "no weight is called " << part;
  return {};
}

}  // namespace

TEST(NonContrastive, ABatchOfOneIsRefusedWithTheReason) {
  for (const auto& [name, reason] : std::map<std::string, std::string>{{"simsiam", "normalised over the batch"},
                                                                       {"byol", "normalised over the batch"},
                                                                       {"barlow_twins", "no correlation"},
                                                                       {"vicreg", "no variance"},
                                                                       {"lejepa", "no spread"}}) {
    const auto method = made::method(name, "vit");
    const std::string story = story_of([&] { made::loss(*method, made::batch(*method, 1)); });
    EXPECT_NE(story.find(name + " was given a batch of 1"), std::string::npos) << story;
    EXPECT_NE(story.find(reason), std::string::npos) << story;
    EXPECT_NE(story.find("data.batch_size"), std::string::npos) << story;
  }
}

TEST(NonContrastive, WhichViewComesFirstDoesNotMatter) {
  for (const char* name : {"simsiam", "byol", "barlow_twins", "vicreg"}) {
    const auto method = made::method(name, "vit");
    data::Batch batch = made::batch(*method, 4);
    const double loss = made::loss(*method, batch);
    std::swap(batch.views[0], batch.views[1]);
    EXPECT_NEAR(made::loss(*method, batch), loss, 1e-4 * loss) << name;
  }
}

TEST(Simsiam, TheLossIsOneLessTheAgreement) {
  const auto method = made::method("simsiam", "vit");
  const train::StepResult result = method->step(0, made::batch(*method, 4), {});
  EXPECT_NEAR(result.loss.item<double>(), 1 - result.watch.at("agreement").item<double>(), 1e-6);
}

TEST(Byol, TheTeacherBeginsAsItsStudentAndFollowsByItsMomentum) {
  const auto method = made::method("byol", "vit", 1, {"momentum=0.9"});
  const at::Tensor student = weight_named(*method, "encoder."), teacher = weight_named(*method, "teacher_encoder.");
  const at::Tensor begin = student.detach().clone();
  EXPECT_TRUE(at::equal(student, teacher));
  const at::NoGradGuard no_gradient;
  student.add_(1);
  method->after_update({0, 10, 0});
  EXPECT_TRUE(at::allclose(teacher, begin + 0.1, 1e-5, 1e-5));
  method->after_update({10, 10, 0});
  EXPECT_TRUE(at::allclose(teacher, begin + 0.1, 1e-5, 1e-5)) << "at the end of the run it stands still";
}

TEST(Byol, PredictsTheTeacherAndNotItself) {
  const auto method = made::method("byol", "vit");
  const data::Batch batch = made::batch(*method, 4);
  const double loss = made::loss(*method, batch);
  const at::NoGradGuard no_gradient;
  weight_named(*method, "teacher_projector.").neg_();
  EXPECT_NE(made::loss(*method, batch), loss);
}

TEST(Vicreg, TheWatchedTermsMakeTheLoss) {
  const auto method = made::method("vicreg", "vit", 1, {"invariance=3", "variance=5", "covariance=7"});
  const train::StepResult result = method->step(0, made::batch(*method, 4), {});
  const auto term = [&](const char* name) { return result.watch.at(name).item<double>(); };
  EXPECT_NEAR(result.loss.item<double>(), 3 * term("invariance") + 5 * term("variance") + 7 * term("covariance"),
              1e-4 * result.loss.item<double>());
}

TEST(Lejepa, LooksAlongOtherDirectionsAtEachStepAndAgainAlongTheSameAfterAResume) {
  const auto method = made::method("lejepa", "vit");
  const data::Batch batch = made::batch(*method, 4);
  const auto gaussian = [&](std::int64_t step) {
    return method->step(0, batch, {step, 10, 0}).watch.at("gaussian").item<double>();
  };
  EXPECT_NE(gaussian(3), gaussian(4));
  EXPECT_EQ(gaussian(3), gaussian(3));
}

TEST(Lejepa, TheWeightSharesOutTheTwoTerms) {
  const auto method = made::method("lejepa", "vit", 1, {"gaussian=0.25"});
  const train::StepResult result = method->step(0, made::batch(*method, 4), {});
  EXPECT_NEAR(result.loss.item<double>(),
              0.25 * result.watch.at("gaussian").item<double>() + 0.75 * result.watch.at("invariance").item<double>(),
              1e-5);
}
