// Methods that make a picture from a code: vae, sparse_autoencoder, and what they share.
#include <gtest/gtest.h>

#include <cmath>

#include "core/error.h"
#include "made.h"
#include "ssl/generator.h"

TEST(Generator, MakesPicturesOfAnyPatch) {
  torch::manual_seed(1);
  for (const models::Extent& patch :
       {models::Extent{1, 1, 1}, models::Extent{3, 17, 40}, models::Extent{16, 16, 16}, models::Extent{5, 4, 9}}) {
    const models::Input input{2, patch, {1, 1, 1}};
    ssl::Generator generator(7, input, 4);
    const at::Tensor made = generator.forward(at::randn({3, 7}));
    EXPECT_EQ(made.sizes(), at::IntArrayRef({3, 2, patch[0], patch[1], patch[2]}));
    EXPECT_TRUE(made.isfinite().all().item<bool>());
  }
}

TEST(Generator, HowBrightAPictureIsComesThrough) {
  torch::manual_seed(1);
  ssl::Generator generator(3, {1, {8, 8, 8}, {1, 1, 1}}, 4);
  const at::Tensor code = at::randn({1, 3});
  EXPECT_GT((generator.forward(4 * code).mean() - generator.forward(code).mean()).abs().item<double>(), 1e-3);
}

TEST(Generator, FlatFeaturesKeepThePlaceAndHaveTheLengthThatIsSaid) {
  for (const char* kind : {"resenc", "vit"}) {
    torch::manual_seed(1);
    const models::Input input{1, {16, 24, 32}, {1, 1, 1}};
    const auto encoder = made::encoder(kind, input);
    at::Tensor image = at::zeros({1, 1, 16, 24, 32});
    image.slice(4, 0, 8).fill_(1);
    const at::Tensor flat = ssl::flat_features(*encoder, image);
    EXPECT_EQ(flat.size(1), ssl::flat_features_size(*encoder, input)) << kind;
    EXPECT_FALSE(at::allclose(ssl::flat_features(*encoder, image.flip(4)), flat, 1e-3, 1e-4)) << kind;
  }
}

TEST(Vae, TheLossIsReconstructionAndTheDivergenceByTheVoxel) {
  for (const double beta : {0.0, 1.0, 30.0}) {
    const auto method = made::method("vae", "resenc", 1, {"beta=" + std::to_string(beta)});
    const data::Batch batch = made::batch(*method, 3);
    const double divergence = made::watched(*method, batch, "divergence");
    EXPECT_GT(divergence, 0);
    EXPECT_NEAR(made::loss(*method, batch),
                made::watched(*method, batch, "reconstruction") + beta * divergence / (16 * 16 * 16), 1e-5);
  }
}

TEST(Vae, WhatLiesOutsideOfTheCaseIsNotCounted) {
  const auto method = made::method("vae", "resenc");
  data::Batch batch = made::batch(*method, 2);
  batch.views[0].valid.zero_();
  EXPECT_EQ(made::watched(*method, batch, "reconstruction"), 0);
}

TEST(Vae, TheNoiseBelongsToTheSample) {
  const auto method = made::method("vae", "resenc");
  data::Batch batch = made::batch(*method, 2);
  const double loss = made::loss(*method, batch);
  EXPECT_EQ(made::loss(*method, batch), loss);
  batch.sample += 100;
  EXPECT_NE(made::loss(*method, batch), loss);
}

// A code whose distribution costs much is given up: all views become one, and the divergence goes.
TEST(Vae, AGreatBetaLeavesNothingInTheCode) {
  const auto method = made::method("vae", "resenc", 1, {"beta=1000", "code_size=8"});
  const data::Batch batch = made::batch(*method, 4);
  const double before = made::watched(*method, batch, "divergence");
  made::train(*method, batch, 60, "loss", 1e-2);
  EXPECT_LT(made::watched(*method, batch, "divergence"), 0.2 * before);
}

TEST(SparseAutoencoder, AGreaterWeightMakesCheaperCodesAndAWorsePicture) {
  const auto trained = [](double sparsity) {
    const auto method =
        made::method("sparse_autoencoder", "resenc", 1, {"code_size=64", "sparsity=" + std::to_string(sparsity)});
    const data::Batch batch = made::batch(*method, 4);
    made::train(*method, batch, 40, "loss", 1e-2);
    return std::pair{made::watched(*method, batch, "cost"), made::watched(*method, batch, "reconstruction")};
  };
  const auto [cost, apart] = trained(0);
  const auto [cheap, worse] = trained(10);
  EXPECT_LT(cheap, 0.7 * cost);
  EXPECT_GT(worse, apart);
}

// Pictures of length 1: their scale is taken out of them, so it cannot make codes small for nothing.
TEST(SparseAutoencoder, TheScaleOfThePicturesChangesNothing) {
  const auto method = made::method("sparse_autoencoder", "resenc");
  const data::Batch batch = made::batch(*method, 2);
  const double loss = made::loss(*method, batch);
  for (const auto& [name, tensor] : method->weights()) {
    const at::NoGradGuard no_gradient;
    if (name == "pictures.weight") tensor.mul_(7);
  }
  EXPECT_NEAR(made::loss(*method, batch), loss, 1e-4 * loss);
}

TEST(SparseAutoencoder, ACodeThatIsNotMadeOfGroupsIsRefused) {
  try {
    made::method("sparse_autoencoder", "resenc", 1, {"code_size=10", "pool=4"});
    FAIL();
  } catch (const core::Error& error) {
    EXPECT_EQ(error.exit(), core::Exit::kUsage);
    EXPECT_NE(error.hint().find("multiple of method.pool"), std::string::npos);
  }
}
