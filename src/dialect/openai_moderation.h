// The answer to a moderation, in OpenAI's shape: what rules say about texts.
#pragma once

#include "model/incident_class.h"

#include <array>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace cordon::dialect::openai {

/// What was found in one input.
struct Moderated {
  std::array<bool, model::kIncidentClassCount> classes{};
  std::vector<std::string> rules;  ///< each once

  [[nodiscard]] bool is_flagged() const noexcept { return !rules.empty(); }
};

/// Appends `{"id","model","results":[...]}`. OpenAI's categories are all there; of these only
/// `illicit` is ever true, for class unsafe_output. Our classes stand beside them under their own
/// names. A score is 1 or 0: rules match or do not.
void append_moderation(std::string& out, std::string_view id, std::string_view model,
                       std::span<const Moderated> results);

}  // namespace cordon::dialect::openai
