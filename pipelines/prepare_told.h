#pragma once
// What `gadolin prepare` tells a person before it begins.

#include <boost/json.hpp>
#include <cstdint>
#include <map>
#include <string>

#include "prepare/fingerprint.h"
#include "prepare/plan.h"
#include "store/reader.h"

namespace pipelines {

// Tables: grids (smallest, median, largest of each axis), values of each channel, shares of the classes.
std::string fingerprint_text(const prepare::Fingerprint& cohort, const std::map<int, std::string>& label_names);
boost::json::object fingerprint_json(const prepare::Fingerprint& cohort);

// What a plan does to pictures beyond grid and scale: mask and bias correction, a line; empty when there is none.
std::string cleaning_text(const prepare::Plan& plan);

// What preparing the whole store will take, judged by one case of middle size that is prepared and thrown away.
struct Forecast {
  std::int64_t cases = 0;
  double bytes = 0;    // of the prepared store
  double seconds = 0;  // with `workers` at once
};
// `cohort` may be null: then every case counts with its whole grid. All 0 when the case tried cannot be prepared.
Forecast forecast(const store::Reader& reader, const prepare::Plan& plan, const prepare::Fingerprint* cohort,
                  const store::Layout& layout, int workers);
std::string forecast_text(const Forecast& forecast);

}  // namespace pipelines
