#pragma once
// Self-distillation of whole pictures and of their hidden tokens at once: what ibot, dinov2
// and dinov3 are.

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "models/vit.h"
#include "ssl/head.h"
#include "ssl/views.h"
#include "ssl/with_teacher.h"

namespace ssl {

struct TokenDistillationOptions {
  std::int64_t prototypes = 256, hidden_size = 256, bottleneck = 64;
  double hidden = 0.3, token_weight = 1, koleo = 0;
  bool sinkhorn = false, one_head = true;
  double student_temperature = 0.1, teacher_temperature = 0.04, centre_momentum = 0.9, momentum = 0.99;
  Crops views;

  static constexpr auto fields() {
    using core::field;
    using core::Range;
    using Own = TokenDistillationOptions;
    return std::tuple{
        field("prototypes", &Own::prototypes, "of which an answer is made", Range{2, 1e6}),
        field("hidden_size", &Own::hidden_size, "width of a head", Range{2, 65536}),
        field("bottleneck", &Own::bottleneck, "what a head gives to the prototypes", Range{2, 65536}),
        field("hidden", &Own::hidden, "share of the tokens of a large view that the student does not see", Range{0, 1}),
        field("token_weight", &Own::token_weight, "of the hidden tokens' loss beside the whole pictures'",
              Range{0, 100}),
        field("koleo", &Own::koleo, "weight of what spreads the embeddings of a batch evenly", Range{0, 100}),
        field("sinkhorn", &Own::sinkhorn,
              "the teacher's prototypes share the batch evenly; else its scores are centred"),
        field("one_head", &Own::one_head, "pictures and tokens go through the same head"),
        field("student_temperature", &Own::student_temperature, "of the student's answer", Range{0.01, 10}),
        field("teacher_temperature", &Own::teacher_temperature, "of the teacher's: lower is sharper", Range{0.01, 10}),
        field("centre_momentum", &Own::centre_momentum, "of what is taken off the teacher's scores", Range{0, 1}),
        field("momentum", &Own::momentum, "of the teacher at the begin of the run; rises to 1", Range{0, 1}),
        field("views", &Own::views, "how views are made; of the large ones tokens are hidden"),
    };
  }
};

class TokenDistillation : public WithTeacher {
 public:
  // Throws usage Error for an encoder without tokens, a share that hides no token or all of them, and a single view.
  TokenDistillation(const std::string& name, const TokenDistillationOptions& options, const Setup& setup);

  std::vector<augment::Recipe> views() const override;
  train::StepResult step(std::size_t phase, const data::Batch& batch, const train::Moment& moment) override;
  void after_update(const train::Moment& moment) override;
  void save(runtime::Archive& archive) const override;
  void load(const runtime::Archive& archive) override;

 protected:
  // A term of the loss besides, and what to watch of it; none by default. From the large views [L N, C, D, H, W] and
  // what the student makes of the places of them that it was shown with hidden ones, [L N, T, width].
  virtual train::StepResult further(const at::Tensor& images, const at::Tensor& tokens, const train::Moment& moment);
  models::Vit& teacher_vit() { return *teacher_vit_; }

 private:
  struct Answerer {  // a head and its prototypes
    std::shared_ptr<Head> head;
    std::shared_ptr<Prototypes> prototypes;
    at::Tensor scores(const at::Tensor& rows, runtime::Comm& comm) const;
  };
  struct Scores {
    at::Tensor pictures, tokens;       // [V N, K], [hidden tokens of the large views, K]
    at::Tensor summaries, all_tokens;  // of the large views as encoded, [L N, C], [L N, T, C]; the student's
  };
  struct Answers {
    at::Tensor pictures, tokens;
  };
  Answerer make_answerer() const;
  void add_answerer(const std::string& name, Answerer& student, Answerer& teacher);
  Scores student_scores(const data::Batch& batch, const at::Tensor& images, const at::Tensor& hidden,
                        const at::Tensor& places);
  Answers teacher_answers(const at::Tensor& images, const at::Tensor& places);
  at::Tensor answer(const at::Tensor& scores, const at::Tensor& centre);

  TokenDistillationOptions options_;
  std::shared_ptr<models::Vit> vit_, teacher_vit_;
  models::Extent small_{};
  std::int64_t hidden_tokens_ = 0;           // of each large view
  std::shared_ptr<torch::nn::Module> mask_;  // its "token" [width] stands where a token is hidden
  Answerer of_pictures_, teacher_of_pictures_, of_tokens_, teacher_of_tokens_;
  at::Tensor centre_, token_centre_;              // [prototypes]
  at::Tensor found_centre_, found_token_centre_;  // of the step at hand, of all ranks
};

}  // namespace ssl
