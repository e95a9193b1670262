// The door to the template library: text with {{names}} and {{#sections}}.
#pragma once

#include "base/result.h"

#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace cordon::incident::internal {

/// What a template may name. A value is inserted defanged; a section shows if its name is here.
struct TemplateFacts {
  std::map<std::string, std::string, std::less<>> values;
  std::set<std::string, std::less<>> sections;
};

/// A text with its facts in it, and the names that it asked for and nobody knows: these stay in
/// the text as `{{name}}`.
struct Rendered {
  std::string text;
  std::vector<std::string> unresolved;
};

/// Refuses as `invalid` a template that is broken, or that reaches for what would go around the
/// escaping: triple braces, `&`, partials, other delimiters.
[[nodiscard]] Result<Rendered> render(std::string_view text, const TemplateFacts& facts);

/// On one line, without control characters or bidirectional overrides, and with `://` broken, so
/// that what an attacker named something neither links nor reorders what stands around it.
[[nodiscard]] std::string defang(std::string_view text);

}  // namespace cordon::incident::internal
