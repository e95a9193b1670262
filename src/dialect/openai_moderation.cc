#include "dialect/openai_moderation.h"

#include "codec/json_index.h"

#include <algorithm>

namespace cordon::dialect::openai {
namespace {

using model::IncidentClass;

constexpr std::array<std::string_view, 13> kCategories = {"harassment",
                                                          "harassment/threatening",
                                                          "hate",
                                                          "hate/threatening",
                                                          "illicit",
                                                          "illicit/violent",
                                                          "self-harm",
                                                          "self-harm/intent",
                                                          "self-harm/instructions",
                                                          "sexual",
                                                          "sexual/minors",
                                                          "violence",
                                                          "violence/graphic"};

bool is_in(const Moderated& result, IncidentClass of) noexcept {
  return result.classes[static_cast<std::size_t>(of)];
}

/// An object with a value for every category.
template <class Write>
void append_object(std::string& out, std::string_view name, const Moderated& result,
                   Write&& write) {
  out += ",\"";
  out += name;
  out += "\":{";
  const auto append = [&](std::string_view category, bool found) {
    if (!out.ends_with('{')) out += ',';
    out += '"';
    out += category;
    out += "\":";
    out += write(found);
  };
  for (const std::string_view category : kCategories) {
    append(category, category == "illicit" && is_in(result, IncidentClass::unsafe_output));
  }
  for (std::size_t i = 0; i < model::kIncidentClassCount; ++i) {
    append(model::to_string(static_cast<IncidentClass>(i)), result.classes[i]);
  }
  out += '}';
}

void append_result(std::string& out, const Moderated& result) {
  out += R"({"flagged":)";
  out += result.is_flagged() ? "true" : "false";
  append_object(out, "categories", result, [](bool found) { return found ? "true" : "false"; });
  append_object(out, "category_scores", result, [](bool found) { return found ? "1" : "0"; });
  append_object(out, "category_applied_input_types", result,
                [](bool /*found*/) { return R"(["text"])"; });
  out += R"(,"cordon":{"rules":[)";
  for (const std::string& rule : result.rules) {
    if (!out.ends_with('[')) out += ',';
    codec::append_json_string(out, rule);
  }
  out += "]}}";
}

}  // namespace

void append_moderation(std::string& out, std::string_view id, std::string_view model,
                       std::span<const Moderated> results) {
  out += R"({"id":)";
  codec::append_json_string(out, id);
  out += R"(,"model":)";
  codec::append_json_string(out, model);
  out += R"(,"results":[)";
  for (const Moderated& result : results) {
    if (!out.ends_with('[')) out += ',';
    append_result(out, result);
  }
  out += "]}";
}

}  // namespace cordon::dialect::openai
