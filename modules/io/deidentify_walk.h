#pragma once
// The walk over a data set that treats every attribute. Below deidentify.h.

#include <dcmtk/config/osconfig.h>
#include <dcmtk/dcmdata/dcdatset.h>

#include <string>
#include <string_view>
#include <vector>

#include "io/deidentify_key.h"
#include "io/deidentify_policy.h"

namespace io {

std::vector<DcmElement*> elements_of(DcmItem& item);
std::vector<DcmItem*> items_of(DcmElement& sequence);

// True for an attribute of a vendor that is known to hold an acquisition number.
bool is_safe_private(std::string_view creator, DcmElement& element);

// One data set, one use. Iterative.
class DeidWalk {
 public:
  // `patient`: the pseudonym that PatientID and PatientName become.
  DeidWalk(const DeidPolicy& policy, const DeidKey& key, IodFamily family, std::string patient);
  // Throws Error [NESTING_LIMIT].
  void treat(DcmDataset& data);

 private:
  // How the elements of a sequence's items are treated.
  enum class Within { kProfile, kDummies, kReferences, kCleanText };
  struct Place {
    DcmItem* item;
    Within within;
    int depth;
  };

  void treat_item(const Place& place);
  void treat_element(const Place& place, DcmElement& element, std::vector<DcmElement*>& to_remove);
  Treatment wanted(const Place& place, DcmElement& element) const;
  void apply(const Place& place, DcmElement& element, Treatment treatment, std::vector<DcmElement*>& to_remove);
  void apply_to_sequence(const Place& place, DcmElement& element, Treatment treatment,
                         std::vector<DcmElement*>& to_remove);
  void enter(const Place& place, DcmElement& sequence, Within within);
  void treat_private(DcmItem& item, std::vector<DcmElement*>& to_remove) const;

  const DeidPolicy& policy_;
  const DeidKey& key_;
  const IodFamily family_;
  const std::string patient_;
  const int days_;
  std::vector<Place> open_;
};

}  // namespace io
