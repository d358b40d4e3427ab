#include "evaluate/held_out.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <set>

#include "evaluate/probe.h"
#include "evaluate/ranking.h"

namespace {

struct Cases {
  std::vector<std::string> patients;
  std::vector<int> classes;
};

// Patients of 1, 2, 3 cases in turn; every third is of class 1.
Cases some(int patients) {
  Cases all;
  for (int p = 0; p < patients; ++p) {
    for (int i = 0; i <= p % 3; ++i) {
      all.patients.push_back("p" + std::to_string(p));
      all.classes.push_back(p % 3 == 1);
    }
  }
  return all;
}

at::Tensor as_labels(const std::vector<int>& classes) {
  return at::tensor(std::vector<std::int64_t>(classes.begin(), classes.end()), at::kLong);
}

}  // namespace

TEST(PatientFolds, NoPatientIsInTwoAndEachHasItsShareOfTheClasses) {
  const Cases all = some(30);
  const std::vector<int> folds = evaluate::patient_folds(all.patients, all.classes, 5);
  std::map<std::string, std::set<int>> of_patient;
  std::map<int, std::set<std::string>> positive;
  for (std::size_t i = 0; i < folds.size(); ++i) {
    of_patient[all.patients[i]].insert(folds[i]);
    if (all.classes[i] == 1) positive[folds[i]].insert(all.patients[i]);
  }
  for (const auto& [patient, own] : of_patient) EXPECT_EQ(own.size(), 1u) << patient;
  ASSERT_EQ(positive.size(), 5u);
  for (const auto& [fold, patients] : positive) EXPECT_EQ(patients.size(), 2u) << fold;
}

TEST(HeldOut, AProbeNeverSeesThePatientItSpeaksOf) {
  const Cases all = some(12);
  const std::vector<int> folds = evaluate::patient_folds(all.patients, all.classes, 5);
  // Each embedding names its patient.
  std::vector<double> names;
  for (const std::string& patient : all.patients) names.push_back(std::stod(patient.substr(1)));
  const at::Tensor rows = at::tensor(names, at::kDouble).unsqueeze(1);
  std::int64_t spoken = 0;
  const at::Tensor p =
      evaluate::held_out_probabilities(rows, as_labels(all.classes), 2, folds,
                                       [&](const at::Tensor& train, const at::Tensor& labels, const at::Tensor& test) {
                                         EXPECT_EQ(train.size(0), labels.size(0));
                                         EXPECT_EQ(train.size(0) + test.size(0), rows.size(0));
                                         for (std::int64_t i = 0; i < test.size(0); ++i)
                                           EXPECT_FALSE((train == test[i]).any().item<bool>());
                                         spoken += test.size(0);
                                         return test.repeat({1, 2});
                                       });
  EXPECT_EQ(spoken, rows.size(0));
  EXPECT_TRUE(at::equal(p.select(1, 0), rows.squeeze(1))) << "each answer stands at its case";
}

TEST(HeldOut, ClassesThatEmbeddingsTellApartAreFoundAndNoiseIsNot) {
  const Cases all = some(60);
  const std::vector<int> folds = evaluate::patient_folds(all.patients, all.classes, 5);
  const at::Tensor labels = as_labels(all.classes);
  const at::Tensor noise = at::sin(at::arange(labels.size(0) * 4, at::kDouble).square()).view({labels.size(0), 4});
  const auto knn = [](const at::Tensor& train, const at::Tensor& of, const at::Tensor& test) {
    return evaluate::knn_probabilities(train, of, test, 2);
  };
  const auto area = [&](const at::Tensor& rows) {
    return evaluate::area_of(evaluate::held_out_probabilities(rows, labels, 2, folds, knn), all.classes, all.patients);
  };
  const at::Tensor told = at::cat({noise, 4 * labels.to(at::kDouble).unsqueeze(1)}, 1);
  EXPECT_GT(area(told).value, 0.99);
  const evaluate::Interval chance = area(noise);
  EXPECT_LT(chance.low, 0.5);
  EXPECT_GT(chance.high, 0.5);
}

TEST(HeldOut, TheAreaIsThatOfRankingOverAllCasesAlsoWithThreeClasses) {
  const at::Tensor p = at::tensor({0.9, 0.1, 0.4, 0.6, 0.7, 0.3, 0.2, 0.8}, at::kDouble).view({4, 2});
  const std::vector<int> truth{0, 1, 1, 0};
  const std::vector<std::string> patients{"a", "b", "c", "d"};
  EXPECT_DOUBLE_EQ(evaluate::area_of(p, truth, patients).value,
                   evaluate::auc(std::vector<double>{0.1, 0.6, 0.3, 0.8}, truth));
  const at::Tensor three =
      at::tensor({0.5, 0.3, 0.2, 0.1, 0.8, 0.1, 0.3, 0.3, 0.4, 0.6, 0.2, 0.2}, at::kDouble).view({4, 3});
  const std::vector<int> of_three{0, 1, 2, 1};
  std::vector<double> plain(three.const_data_ptr<double>(), three.const_data_ptr<double>() + 12);
  EXPECT_DOUBLE_EQ(evaluate::area_of(three, of_three, patients).value, evaluate::auc_one_vs_rest(plain, of_three, 3));
}
