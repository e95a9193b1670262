// What a character is like, by the tables of Unicode: the only door to ICU.
#pragma once

#include "policy/view.h"

#include <cstdint>
#include <string_view>

namespace cordon::policy {

/// What a character beyond ASCII is in two views, as UTF-8; empty for one that is dropped. Valid
/// until this thread asks for the next one.
struct Likeness {
  std::string_view folded;
  std::string_view skeleton;
  ViewSet otherwise =
      0;  ///< folded when that is not the character, skeleton when not what folded is
};

/// Any thread; each keeps what it has met.
[[nodiscard]] Likeness likeness_of(char32_t character);

}  // namespace cordon::policy
