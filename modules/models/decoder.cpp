#include "models/decoder.h"

#include <string>

#include "core/error.h"
#include "models/classic_resnet.h"
#include "models/mednext_decoder.h"
#include "models/primus.h"
#include "models/primus_decoder.h"
#include "models/swin_decoder.h"
#include "models/unet_decoder.h"
#include "models/vit.h"
#include "models/vit_decoder.h"

namespace models {

std::shared_ptr<Decoder> make_decoder(const Encoder& encoder, const Input&, std::int64_t outputs,
                                      bool deep_supervision) {
  GADOLIN_CHECK(outputs > 0);
  if (const auto* convolutional = dynamic_cast<const ConvEncoder*>(&encoder)) {
    if (convolutional->plan().stages.size() < 2) {
      throw core::usage_error("a U-Net decoder needs an encoder of two stages at least, this one has one",
                              "take larger patches, or allow more stages");
    }
    return std::make_shared<UnetDecoder>(convolutional->plan(), outputs, deep_supervision);
  }
  if (const auto* classic = dynamic_cast<const ClassicResnet*>(&encoder))
    return std::make_shared<UnetDecoder>(classic->scales(), outputs, deep_supervision);
  if (const auto* primus = dynamic_cast<const Primus*>(&encoder))
    return std::make_shared<PrimusDecoder>(primus->patch(), primus->width(), outputs, deep_supervision);
  if (const auto* vit = dynamic_cast<const Vit*>(&encoder)) {
    return std::make_shared<VitDecoder>(vit->patch(), vit->width(), outputs, deep_supervision);
  }
  if (const auto* swin = dynamic_cast<const Swin*>(&encoder))
    return std::make_shared<SwinDecoder>(*swin, outputs, deep_supervision);
  if (const auto* mednext = dynamic_cast<const Mednext*>(&encoder))
    return std::make_shared<MednextDecoder>(mednext->plan(), outputs, deep_supervision);
  std::string known;
  for (const EncoderEntry* entry : encoders()) known += (known.empty() ? "" : ", ") + std::string(entry->name);
  throw core::usage_error("this encoder has no decoder", "these have one: " + known);
}

}  // namespace models
